r"""Path gains and small-scale fading. Gains are *power* gains unless a name says amplitude.

Fading draws have unit mean power, :math:`E|h|^2 = 1`, so that a path gain keeps its meaning.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .errors import InvalidScenario
from .units import wavelength_m


def path_gain(
    distance_m: ArrayLike, *, exponent: float, reference_gain: float = 1.0, reference_distance_m: float = 1.0
) -> np.ndarray | np.floating:
    r"""Power-law gain :math:`\kappa\,(d/d_0)^{-\nu}` for distances > 0 (a number or an array) and :math:`\nu \ge 0`.

    >>> float(path_gain(10.0, exponent=2.0))
    0.01
    """
    distance = checks.values("distance_m", distance_m, positive=True)
    exponent = checks.number("exponent", exponent, minimum=0.0)
    gain = checks.values("reference_gain", reference_gain, minimum=0.0)
    reference = checks.number("reference_distance_m", reference_distance_m, positive=True)
    checks.together(distance_m=distance, reference_gain=gain)
    with np.errstate(over="ignore", divide="ignore"):
        factor = (distance / reference) ** (-exponent)
        return _finite("distance_m", gain * np.where(gain > 0, factor, 1.0))


def carrier_path_gain(
    distance_m: ArrayLike, carrier_hz: float, *, exponent: float = 2.0, antenna_gain: float = 1.0
) -> np.ndarray | np.floating:
    r"""Gain :math:`G\,(\lambda/4\pi)^2 d^{-\nu}`: free space at exponent 2, referred to one metre otherwise.

    >>> f"{carrier_path_gain(100.0, 2.4e9):.3e}"
    '9.881e-09'
    """
    carrier = checks.number("carrier_hz", carrier_hz, positive=True)
    antenna = checks.values("antenna_gain", antenna_gain, minimum=0.0)
    distance = checks.values("distance_m", distance_m, positive=True)
    checks.together(distance_m=distance, antenna_gain=antenna)
    with np.errstate(over="ignore", invalid="ignore"):
        reference = _finite("carrier_hz", antenna * (wavelength_m(carrier) / (4 * math.pi)) ** 2)
    return path_gain(distance, exponent=exponent, reference_gain=reference)


def radar_gain(
    transmitter_distance_m: ArrayLike,
    receiver_distance_m: ArrayLike,
    carrier_hz: float,
    radar_cross_section_m2: ArrayLike,
    *,
    exponent: float = 2.0,
    antenna_gain: float = 1.0,
) -> np.ndarray | np.floating:
    r"""Bistatic radar equation,

    .. math:: \frac{G\,\lambda^2\,\sigma_{\mathrm{RCS}}}{(4\pi)^3\, d_t^{\nu}\, d_r^{\nu}},

    with the path-loss exponent :math:`\nu` *per leg* (2 in free space) and :math:`G` the product of both antennas' gains.
    Distances (> 0) and cross sections (>= 0) are numbers, or arrays of equally many axes, of equal length or length 1.

    >>> f"{radar_gain(100.0, 50.0, 3e9, 1.0):.3e}"
    '2.013e-13'
    """
    out = checks.values("transmitter_distance_m", transmitter_distance_m, positive=True)
    back = checks.values("receiver_distance_m", receiver_distance_m, positive=True)
    carrier = checks.number("carrier_hz", carrier_hz, positive=True)
    cross_section = checks.values("radar_cross_section_m2", radar_cross_section_m2, minimum=0.0)
    exponent = checks.number("exponent", exponent, minimum=0.0)
    antenna = checks.values("antenna_gain", antenna_gain, minimum=0.0)
    checks.together(
        transmitter_distance_m=out, receiver_distance_m=back, radar_cross_section_m2=cross_section, antenna_gain=antenna
    )
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        gain = antenna * wavelength_m(carrier) ** 2 * cross_section / ((4 * math.pi) ** 3 * (out * back) ** exponent)
    return _finite("transmitter_distance_m", gain)


def complex_normal(rng: np.random.Generator, shape: int | tuple[int, ...] = ()) -> np.ndarray:
    r"""Circularly symmetric :math:`\mathcal{CN}(0, 1)` samples; ``shape`` is an integer or a tuple.

    >>> complex_normal(np.random.default_rng(0), (2, 3)).shape
    (2, 3)
    """
    parts = checks.generator("rng", rng).standard_normal((*checks.shape("shape", shape), 2))
    return ((parts[..., 0] + 1j * parts[..., 1]) / math.sqrt(2))[()]


def rician(
    rng: np.random.Generator, shape: int | tuple[int, ...] = (), *, k_factor: float, line_of_sight: np.ndarray | float = 1.0
) -> np.ndarray:
    r"""Complex Rician fading :math:`\sqrt{K/(K+1)}\,\ell + \sqrt{1/(K+1)}\,\mathcal{CN}(0,1)`.

    ``k_factor`` is linear (inf: the line of sight alone); ``line_of_sight`` has unit modulus and is one number, or an array
    that is broadcast against ``shape``.

    >>> rician(np.random.default_rng(0), 2, k_factor=np.inf)
    array([1.+0.j, 1.+0.j])
    """
    k = checks.number("k_factor", k_factor, minimum=0.0, infinite=True)
    direct = checks.values("line_of_sight", line_of_sight, dtype=complex)
    if np.any(np.abs(np.abs(direct) - 1) > 1e-6):
        raise InvalidScenario("line_of_sight", "must have modulus 1", "its power is set by k_factor")
    scattered = complex_normal(rng, shape)
    try:
        np.broadcast_shapes(np.shape(direct), np.shape(scattered))
    except ValueError:
        found = f"has shape {np.shape(direct)}, which does not fit the shape {np.shape(scattered)} of the samples"
        raise InvalidScenario("line_of_sight", found) from None
    return rician_of(scattered, k, direct)


def rician_of(scattered: np.ndarray, k_factor: float, line_of_sight: np.ndarray | float = 1.0) -> np.ndarray:
    """:func:`rician` of samples of :func:`complex_normal`, unguarded: for draws of many generators."""
    # Quotients that stay exact at both ends: K / (K + 1) is inf / inf for an infinite K.
    direct_share = 1.0 if k_factor > 1e16 else k_factor / (k_factor + 1)
    return math.sqrt(direct_share) * line_of_sight + scattered / math.sqrt(k_factor + 1)


def nakagami_power(rng: np.random.Generator, shape: int | tuple[int, ...] = (), *, m: float) -> np.ndarray:
    """Power of a Nakagami-m envelope: Gamma(m, 1/m), unit mean (m = 1: the exponential power of Rayleigh fading; inf: 1).

    >>> nakagami_power(np.random.default_rng(0), 2, m=np.inf)
    array([1., 1.])
    """
    m = checks.number("m", m, minimum=0.5, infinite=True)
    checks.generator("rng", rng)
    size = checks.shape("shape", shape)
    return np.ones(size)[()] if math.isinf(m) else rng.gamma(m, 1 / m, size=size or None)


def rayleigh_amplitude(rng: np.random.Generator, shape: int | tuple[int, ...] = ()) -> np.ndarray:
    """Rayleigh-distributed envelope with unit mean power.

    >>> rayleigh_amplitude(np.random.default_rng(0), 3).shape
    (3,)
    """
    size = checks.shape("shape", shape)
    return checks.generator("rng", rng).rayleigh(1 / math.sqrt(2), size=size or None)


def _finite(name: str, gain):
    if not np.all(np.isfinite(gain)):
        raise InvalidScenario(name, "is too small: the gain is beyond floating-point numbers")
    return gain
