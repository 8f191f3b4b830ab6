r"""A network of monostatic base stations that localise one passive target while each serves its own user.

Base station (BS) i sends with power :math:`p_i`, hears its own echo from the target, and takes everything else as noise.
Every formula below accepts one :class:`Scenario` with powers (..., B), or a
:class:`~isaclib.foundations.scenario.Batch` of D scenarios with powers (D, B).

The printed formulas of the paper are not in the text we had; the forms here are pinned down by its sentences, and the
chapter's model notebook says for each equation how.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..foundations import channels, fisher, geometry
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import ScenarioBase, array, number
from ..foundations.units import SPEED_OF_LIGHT_M_PER_S, db_to_linear, dbm_to_w, thermal_noise_psd_w_per_hz

LAYOUTS = ("vertices", "cells")


@dataclass(frozen=True, eq=False, kw_only=True)
class Scenario(ScenarioBase):
    r"""Gains, noise and limits of B base stations; matrices have row = receiver, column = transmitting BS.

    Attributes
    ----------
    echo_gain : (B,)
        :math:`|\alpha_{ii}|^2`, the monostatic echo.
    bistatic_gain : (B, B)
        :math:`|\alpha_{ji}|^2` from BS j over the target to BS i; zero diagonal.
    bs_bs_gain : (B, B)
        :math:`|g_{ji}|^2`, the direct channel between two BSs; zero diagonal.
    self_interference_gain : (B,)
        :math:`|\alpha^{\mathrm{SI}}_i|^2`, a gain on the BS's own power.
    link_gain : (B,)
        :math:`|h_{jj}|^2` from BS j to its own user.
    cross_link_gain : (B, B)
        :math:`|h_{ij}|^2` from BS i to user j; zero diagonal.
    ue_echo_gain : (B, B)
        :math:`|\alpha_{i\check{\jmath}}|^2` from BS i over the target to user j; the diagonal is the own echo.
    noise_bs_w : float
        Noise power at a BS.
    noise_ue_w : float
        Noise power at a UE.
    max_power_w : float
        Power cap of each BS.
    bandwidth_hz : float
        Bandwidth.
    min_comm_sinr : float
        Least SINR of each user, linear (0: no such limit). A vector of thresholds :math:`\gamma_j` is this scalar with
        ``link_gain`` multiplied by :math:`\gamma/\gamma_j`.
    processing_gain : float
        Factor on the sensing SINR inside the range accuracy (1: none, as the paper writes it).
    bs_positions_m : (B, 3), optional
        Positions of the BSs; only the position functions need them.
    ue_positions_m : (B, 3), optional
        Positions of the UEs.
    target_position_m : (3,), optional
        Position of the target.
    """

    echo_gain: np.ndarray = array("B", positive=True)
    bistatic_gain: np.ndarray = array("B", "B", minimum=0, zero_diagonal=True)
    bs_bs_gain: np.ndarray = array("B", "B", minimum=0, zero_diagonal=True)
    self_interference_gain: np.ndarray = array("B", minimum=0, broadcast=True)
    link_gain: np.ndarray = array("B", positive=True)
    cross_link_gain: np.ndarray = array("B", "B", minimum=0, zero_diagonal=True)
    ue_echo_gain: np.ndarray = array("B", "B", minimum=0)
    noise_bs_w: float = number(positive=True)
    noise_ue_w: float = number(positive=True)
    max_power_w: float = number(positive=True)
    bandwidth_hz: float = number(positive=True)
    min_comm_sinr: float = number(minimum=0)
    processing_gain: float = number(positive=True, default=1.0)
    bs_positions_m: np.ndarray | None = array("B", 3, optional=True)
    ue_positions_m: np.ndarray | None = array("B", 3, optional=True)
    target_position_m: np.ndarray | None = array(3, optional=True)

    @classmethod
    def random(
        cls,
        rng: np.random.Generator,
        *,
        base_stations: int = 3,
        layout: str = "vertices",
        side_m: float = 100.0,
        coverage_radius_m: float = 100.0,
        bs_height_m: float = 10.0,
        device_height_m: float = 1.5,
        carrier_hz: float = 3.5e9,
        subcarrier_spacing_hz: float = 30e3,
        subcarriers: int = 3276,
        cross_section_dbsm: float = 10.0,
        max_power_dbm: float = 30.0,
        self_interference_db: float = -110.0,
        min_comm_sinr_db: float = -5.0,
        rician_k_db: float = 5.0,
        comm_exponent: float = 2.5,
        bs_bs_exponent: float = 2.5,
        sensing_exponent: float = 2.0,
        noise_figure_db: float = 7.0,
        processing_gain_db: float = 0.0,
    ) -> Self:
        r"""One drop of the paper's network (Section IV-A): users uniform in a disc around their BS, target uniform in a hexagon.

        ``layout="vertices"`` puts the BSs evenly on the circle around the sensing hexagon (three: on alternate vertices);
        ``layout="cells"`` puts them on the centres of at most seven hexagonal cells, the target in the middle one.
        Users and target share ``device_height_m``. The direct BS-BS channel is Rician like a user's link and reciprocal.
        Drops of equal size use the same random numbers whatever the other parameters are.
        """
        bs = np.column_stack([bs_layout_m(base_stations, side_m, layout), np.full(base_stations, bs_height_m)])
        target = np.append(uniform_hexagon(rng, side_m), device_height_m)
        around = geometry.uniform_disk(rng, base_stations, coverage_radius_m)
        ue = np.column_stack([bs[:, :2] + around, np.full(base_stations, device_height_m)])
        k_factor = db_to_linear(rician_k_db)
        shape = (base_stations, base_stations)
        fading_ue = np.abs(channels.rician(rng, shape, k_factor=k_factor)) ** 2
        fading_bs = np.triu(np.abs(channels.rician(rng, shape, k_factor=k_factor)) ** 2, 1)

        links = fading_ue * channels.carrier_path_gain(geometry.distances_m(ue, bs), carrier_hz, exponent=comm_exponent)
        apart = geometry.distances_m(bs, bs) + np.eye(base_stations)
        direct = (fading_bs + fading_bs.T) * channels.carrier_path_gain(apart, carrier_hz, exponent=bs_bs_exponent)
        bs_leg, ue_leg = (geometry.distances_m(points, target[None, :])[:, 0] for points in (bs, ue))
        section = db_to_linear(cross_section_dbsm)
        echoes = channels.radar_gain(bs_leg[None, :], bs_leg[:, None], carrier_hz, section, exponent=sensing_exponent)
        ue_echoes = channels.radar_gain(bs_leg[None, :], ue_leg[:, None], carrier_hz, section, exponent=sensing_exponent)
        off_diagonal = 1 - np.eye(base_stations)
        bandwidth_hz = subcarriers * subcarrier_spacing_hz
        noise_w = float(thermal_noise_psd_w_per_hz(noise_figure_db=noise_figure_db) * bandwidth_hz)
        return cls(
            echo_gain=np.diagonal(echoes),
            bistatic_gain=echoes * off_diagonal,
            bs_bs_gain=direct,
            self_interference_gain=np.full(base_stations, db_to_linear(self_interference_db)),
            link_gain=np.diagonal(links),
            cross_link_gain=links * off_diagonal,
            ue_echo_gain=ue_echoes,
            noise_bs_w=noise_w,
            noise_ue_w=noise_w,
            max_power_w=dbm_to_w(max_power_dbm),
            bandwidth_hz=bandwidth_hz,
            min_comm_sinr=db_to_linear(min_comm_sinr_db),
            processing_gain=db_to_linear(processing_gain_db),
            bs_positions_m=bs,
            ue_positions_m=ue,
            target_position_m=target,
        )


def bs_layout_m(base_stations: int, side_m: float, layout: str = "vertices") -> np.ndarray:
    """Horizontal BS positions (B, 2) in metres around a sensing hexagon of the given side; see :meth:`Scenario.random`."""
    if layout not in LAYOUTS:
        raise InvalidScenario("layout", f"{layout!r} is not a known layout", f"use one of {', '.join(LAYOUTS)}")
    if base_stations < 1 or (layout == "cells" and base_stations > 7):
        raise InvalidScenario("base_stations", f"cannot be {base_stations} for layout {layout!r}", "use 1 to 7")
    if layout == "vertices":
        angle = 2 * np.pi * np.arange(base_stations) / base_stations
        return side_m * np.column_stack([np.cos(angle), np.sin(angle)])
    angle = np.pi / 6 + np.pi / 3 * np.arange(6)
    ring = math.sqrt(3) * side_m * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.vstack([np.zeros((1, 2)), ring])[:base_stations]


def uniform_hexagon(rng: np.random.Generator, side_m: float) -> np.ndarray:
    """A point (2,), uniform in a regular hexagon around the origin: one of the three rhombi that tile it, then uniform there."""
    corners = geometry.hexagon(side_m)[::2]
    first = rng.integers(3)
    along = rng.random(2)
    return along[0] * corners[first] + along[1] * corners[(first + 1) % 3]


def sensing_interference_gain(scenario, *, integrated: bool = True) -> np.ndarray:
    """Interference gains (..., B, B) at the BSs while sensing: row = receiver, the own self-interference on the diagonal."""
    own = scenario.self_interference_gain[..., None] * np.eye(scenario.self_interference_gain.shape[-1])
    return scenario.bistatic_gain + own + (scenario.bs_bs_gain if integrated else 0.0)


def comm_interference_gain(scenario, *, integrated: bool = True) -> np.ndarray:
    """Interference gains (..., B, B) at the users: row = user; with the target's echoes when ``integrated``."""
    return scenario.cross_link_gain + (scenario.ue_echo_gain if integrated else 0.0)


def sensing_sinr(scenario, powers_w, *, integrated: bool = True) -> np.ndarray:
    r"""Sensing SINR of every BS, eq. (11), or the stand-alone eq. (6) with ``integrated=False``: (..., B), linear.

    .. math:: \gamma^s_i = \frac{p_i |\alpha_{ii}|^2}
        {\sum_{j \ne i} p_j (|\alpha_{ji}|^2 + |g_{ji}|^2) + p_i |\alpha^{\mathrm{SI}}_i|^2 + \sigma_{\mathrm{BS}}^2}

    Stand-alone sensing has no direct channel :math:`g_{ji}` in it. No processing gain is applied here.
    """
    powers = checked_powers(scenario, powers_w)
    interference = _weigh(sensing_interference_gain(scenario, integrated=integrated), powers)
    return powers * scenario.echo_gain / (interference + per_bs(scenario.noise_bs_w))


def comm_sinr(scenario, powers_w, *, integrated: bool = True) -> np.ndarray:
    r"""SINR of every user, eq. (9), or the stand-alone eq. (4) with ``integrated=False``: (..., B), linear.

    .. math:: \gamma^c_j = \frac{p_j |h_{jj}|^2}
        {\sum_{i \ne j} p_i (|h_{ij}|^2 + |\alpha_{i\check{\jmath}}|^2) + p_j |\alpha_{j\check{\jmath}}|^2
         + \sigma_{\mathrm{UE}}^2}

    The own target echo counts as interference. In the other reading of the paper it adds to the signal; a test measures that
    this changes a typical drop's users by less than 1 % and its optimum by less than 0.1 %.
    """
    powers = checked_powers(scenario, powers_w)
    interference = _weigh(comm_interference_gain(scenario, integrated=integrated), powers)
    return powers * scenario.link_gain / (interference + per_bs(scenario.noise_ue_w))


def range_std_from_sinr_m(sinr, bandwidth_hz, processing_gain=1.0) -> np.ndarray:
    r"""Eq. (12), :math:`\sigma = c / (2 W \sqrt{2 G \gamma})` in metres, for bandwidth W and processing gain G; inf at SINR 0."""
    with np.errstate(divide="ignore"):
        return SPEED_OF_LIGHT_M_PER_S / (
            2 * np.asarray(bandwidth_hz) * np.sqrt(2 * np.asarray(processing_gain) * np.asarray(sinr))
        )


def range_std_m(scenario, powers_w) -> np.ndarray:
    r"""Standard deviation of every BS's range measurement, eq. (12), in metres: (..., B).

    The formula is a high-SNR law; it is evaluated as printed also where the SINR is far below 1.
    """
    gain, width = per_bs(scenario.processing_gain), per_bs(scenario.bandwidth_hz)
    return range_std_from_sinr_m(sensing_sinr(scenario, powers_w), width, gain)


def range_gradients(scenario) -> np.ndarray:
    """Gradient (..., B, 2) of each BS's range in the target's horizontal position, the height being known."""
    if scenario.bs_positions_m is None or scenario.target_position_m is None:
        missing = "bs_positions_m" if scenario.bs_positions_m is None else "target_position_m"
        raise InvalidScenario(missing, "is None, but positions are asked for", "give the positions of BSs and target")
    difference = scenario.target_position_m[..., None, :] - scenario.bs_positions_m
    distance = np.sqrt(np.sum(difference**2, axis=-1, keepdims=True))
    if np.any(distance == 0):
        raise InvalidScenario("target_position_m", "coincides with a base station", "move one of them")
    return difference[..., :2] / distance


def position_crb_m2(scenario, powers_w) -> np.ndarray:
    r"""Cramér-Rao bound on the horizontal position error :math:`\mathrm{tr} J^{-1}` in m^2, the target's height being known.

    .. math:: J = \sum_i \sigma_i^{-2} u_i u_i^{\mathsf T},

    with :math:`u_i` the horizontal part of the unit vector from BS i to the target and :math:`\sigma_i` of :func:`range_std_m`,
    the ranges' errors being independent and Gaussian. Infinite where fewer than two directions carry information.
    """
    with np.errstate(divide="ignore"):
        weights = 1 / range_std_m(scenario, powers_w) ** 2
    return fisher.crb_trace(range_gradients(scenario), weights)


def checked_powers(scenario, powers_w) -> np.ndarray:
    """Powers as an array (..., B) of finite non-negative numbers, or :class:`InvalidScenario` that names ``powers_w``."""
    powers = np.asarray(powers_w, dtype=float)
    count = scenario.echo_gain.shape[-1]
    if powers.ndim == 0 or powers.shape[-1] != count:
        raise InvalidScenario("powers_w", f"has shape {powers.shape}", f"expected (..., {count})")
    if not np.all(np.isfinite(powers) & (powers >= 0)):
        raise InvalidScenario("powers_w", "must be finite and at least 0")
    return powers


def per_bs(value) -> np.ndarray:
    """A scalar field of a scenario (or a column (D,) of a batch) with an axis for the BSs."""
    return np.asarray(value, dtype=float)[..., None]


def _weigh(gains: np.ndarray, powers: np.ndarray) -> np.ndarray:
    return np.einsum("...ij,...j->...i", gains, powers)
