r"""The formulas of the model: SINRs, range accuracy, position bound.

Each takes one :class:`~.scenario.Scenario` with powers (..., B), or a :class:`~isaclib.foundations.scenario.Batch` of D
scenarios with powers (D, B), in watt; anything else is an :class:`~isaclib.foundations.errors.InvalidScenario` that names the
argument. Powers of 0 are valid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks, fisher, geometry
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import Batch
from ..foundations.units import SPEED_OF_LIGHT_M_PER_S
from . import guards
from .scenario import Scenario, per_bs

_LARGE = 1e300


def sensing_interference_gain(scenario: Scenario | Batch, *, integrated: bool = True) -> np.ndarray:
    """Interference gains (..., B, B) at the BSs while sensing: row = receiver, the own self-interference on the diagonal.

    >>> sensing_interference_gain(Scenario.random(np.random.default_rng(7)), integrated=False)[0]
    array([1.00000000e-11, 1.02496805e-13, 4.97064105e-13])
    """
    scenario = guards.one_or_batch(scenario)
    gains = scenario.bistatic_gain + (scenario.bs_bs_gain if checks.flag("integrated", integrated) else 0.0)
    np.einsum("...ii->...i", gains)[...] = scenario.self_interference_gain  # the diagonals of both are 0
    return gains


def comm_interference_gain(scenario: Scenario | Batch, *, integrated: bool = True) -> np.ndarray:
    """Interference gains (..., B, B) at the users: row = user; with the target's echoes when ``integrated``.

    >>> comm_interference_gain(Scenario.random(np.random.default_rng(7)), integrated=False).diagonal()
    array([0., 0., 0.])
    """
    scenario = guards.one_or_batch(scenario)
    return scenario.cross_link_gain + (scenario.ue_echo_gain if checks.flag("integrated", integrated) else 0.0)


def sensing_sinr(scenario: Scenario | Batch, powers_w: ArrayLike, *, integrated: bool = True) -> np.ndarray:
    r"""Sensing SINR of every BS, eq. (11), or the stand-alone eq. (6) with ``integrated=False``: (..., B), linear.

    .. math:: \gamma^s_i = \frac{p_i |\alpha_{ii}|^2}
        {\sum_{j \ne i} p_j (|\alpha_{ji}|^2 + |g_{ji}|^2) + p_i |\alpha^{\mathrm{SI}}_i|^2 + \sigma_{\mathrm{BS}}^2}

    Stand-alone sensing has no direct channel :math:`g_{ji}` in it. No processing gain is applied here.

    >>> scenario = Scenario.random(np.random.default_rng(7))
    >>> sensing_sinr(scenario, [1.0, 1.0, 1.0]).round(6)
    array([0.001516, 0.000103, 0.002989])
    """
    scenario = guards.one_or_batch(scenario)
    gains = sensing_interference_gain(scenario, integrated=integrated)
    return _ratio(guards.powers(scenario, powers_w), scenario.echo_gain, gains, per_bs(scenario, "noise_bs_w"))


def comm_sinr(scenario: Scenario | Batch, powers_w: ArrayLike, *, integrated: bool = True) -> np.ndarray:
    r"""SINR of every user, eq. (9), or the stand-alone eq. (4) with ``integrated=False``: (..., B), linear.

    .. math:: \gamma^c_j = \frac{p_j |h_{jj}|^2}
        {\sum_{i \ne j} p_i (|h_{ij}|^2 + |\alpha_{i\check{\jmath}}|^2) + p_j |\alpha_{j\check{\jmath}}|^2
         + \sigma_{\mathrm{UE}}^2}

    The own target echo counts as interference. In the other reading of the paper it adds to the signal; a test measures that
    this changes a typical drop's users by less than 1 % and its optimum by less than 0.1 %.

    >>> scenario = Scenario.random(np.random.default_rng(7))
    >>> comm_sinr(scenario, [1.0, 1.0, 1.0]).round(3)
    array([14.594,  3.882,  7.905])
    """
    scenario = guards.one_or_batch(scenario)
    gains = comm_interference_gain(scenario, integrated=integrated)
    return _ratio(guards.powers(scenario, powers_w), scenario.link_gain, gains, per_bs(scenario, "noise_ue_w"))


def range_std_from_sinr_m(sinr: ArrayLike, bandwidth_hz: ArrayLike, processing_gain: ArrayLike = 1.0) -> np.ndarray:
    r"""Eq. (12), :math:`\sigma = c / (2 W \sqrt{2 G \gamma})` in metres, for bandwidth W and processing gain G; inf at SINR 0.

    Parameters
    ----------
    sinr : array of any shape, or a number
    bandwidth_hz, processing_gain : number, or an array of the shape of ``sinr`` or of its last axis

    Examples
    --------
    >>> range_std_from_sinr_m([0.5, 2.0], 100e6).round(4)
    array([1.499 , 0.7495])
    """
    sinr = checks.array("sinr", sinr, ("...",), minimum=0)
    width, gain = (
        checks.array(name, value, _shape(value, sinr), positive=True)
        for name, value in (("bandwidth_hz", bandwidth_hz), ("processing_gain", processing_gain))
    )
    return _std(sinr, width, gain)[()]


def range_std_m(scenario: Scenario | Batch, powers_w: ArrayLike) -> np.ndarray:
    r"""Standard deviation of every BS's range measurement, eq. (12), in metres: (..., B).

    The formula is a high-SNR law; it is evaluated as printed also where the SINR is far below 1.

    >>> scenario = Scenario.random(np.random.default_rng(7), processing_gain_db=46.6)
    >>> range_std_m(scenario, [1.0, 1.0, 1.0]).round(3)
    array([0.13 , 0.496, 0.092])
    """
    sinr = sensing_sinr(scenario, powers_w)
    return _std(sinr, per_bs(scenario, "bandwidth_hz"), per_bs(scenario, "processing_gain"))


def range_gradients(scenario: Scenario | Batch) -> np.ndarray:
    """Gradient (..., B, 2) of each BS's range in the target's horizontal position, the height being known.

    >>> range_gradients(Scenario.random(np.random.default_rng(7)))[0].round(3)
    array([-0.652, -0.753])
    """
    scenario = guards.one_or_batch(scenario)
    if scenario.bs_positions_m is None or scenario.target_position_m is None:
        missing = "bs_positions_m" if scenario.bs_positions_m is None else "target_position_m"
        raise InvalidScenario(missing, "is None, but positions are asked for", "give the scenario positions of BSs and target")
    difference = scenario.target_position_m[..., None, :] - scenario.bs_positions_m
    if not np.all(np.any(difference, axis=-1)):
        raise InvalidScenario("target_position_m", "coincides with a base station", "move one of them")
    return geometry.normalised(difference)[..., :2]


def position_crb_m2(scenario: Scenario | Batch, powers_w: ArrayLike) -> np.ndarray:
    r"""Cramér-Rao bound on the horizontal position error :math:`\mathrm{tr} J^{-1}` in m^2, the target's height being known.

    .. math:: J = \sum_i \sigma_i^{-2} u_i u_i^{\mathsf T},

    with :math:`u_i` the horizontal part of the unit vector from BS i to the target and :math:`\sigma_i` of :func:`range_std_m`,
    the ranges' errors being independent and Gaussian. Infinite where fewer than two directions carry information.

    >>> scenario = Scenario.random(np.random.default_rng(7), processing_gain_db=46.6)
    >>> position_crb_m2(scenario, [1.0, 1.0, 1.0]).round(4)
    np.float64(0.0471)
    """
    directions = range_gradients(scenario)
    with np.errstate(divide="ignore", over="ignore"):
        weights = np.minimum(1 / range_std_m(scenario, powers_w) ** 2, _LARGE)
    return fisher.crb_trace(np.broadcast_to(directions, (*weights.shape, 2)), weights)


def _std(sinr: np.ndarray, width: np.ndarray, gain: np.ndarray) -> np.ndarray:
    # Powers of two apart, which change no digit: products of the numbers themselves may leave the range of doubles.
    (width, octaves), (gain, more), (sinr, most) = np.frexp(width), np.frexp(gain), np.frexp(sinr)
    pairs, odd = np.divmod(more + most, 2)
    with np.errstate(divide="ignore", over="ignore"):
        return np.ldexp(SPEED_OF_LIGHT_M_PER_S / (2 * width * np.sqrt(2 * gain * np.ldexp(sinr, odd))), -octaves - pairs)


def _shape(value, sinr: np.ndarray) -> tuple[int, ...]:
    """The shape that is asked of a bandwidth or a gain beside SINRs of this shape."""
    axes = getattr(value, "ndim", None)
    if axes is None:
        axes = 1 if isinstance(value, list | tuple) else 0
    return sinr.shape if axes > 1 else sinr.shape[-1:] if axes == 1 else ()


def _ratio(powers: np.ndarray, signal_gain, interference_gain, noise) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = powers * signal_gain / (_times(interference_gain, powers) + noise)
    if np.all(np.isfinite(ratio)):
        return ratio
    # Beyond the largest double: powers in units of the largest, each row in units of its largest gain.
    power = np.maximum(np.max(powers, axis=-1, keepdims=True), np.finfo(float).tiny)
    row = np.maximum(signal_gain, np.max(interference_gain, axis=-1))
    with np.errstate(over="ignore"):
        interference = _times(interference_gain / row[..., None], powers / power)
        return powers / power * (signal_gain / row) / (interference + noise / row / power)


def _times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.einsum("...ij,...j->...i", matrix, vector)
