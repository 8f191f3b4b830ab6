r"""Path gains and small-scale fading. Gains are *power* gains unless a name says amplitude.

Fading draws have unit mean power, :math:`E|h|^2 = 1`, so that a path gain keeps its meaning.
"""

from __future__ import annotations

import math

import numpy as np

from .errors import InvalidScenario
from .units import wavelength_m


def path_gain(distance_m, *, exponent: float, reference_gain: float = 1.0, reference_distance_m: float = 1.0):
    r"""Power-law gain :math:`\kappa\,(d/d_0)^{-\nu}`."""
    return reference_gain * (np.asarray(distance_m, dtype=float) / reference_distance_m) ** (-exponent)


def carrier_path_gain(distance_m, carrier_hz: float, *, exponent: float = 2.0, antenna_gain: float = 1.0):
    r"""Gain :math:`G\,(\lambda/4\pi)^2 d^{-\nu}`: free space at exponent 2, referred to one metre otherwise."""
    return path_gain(distance_m, exponent=exponent, reference_gain=antenna_gain * (wavelength_m(carrier_hz) / (4 * math.pi)) ** 2)


def radar_gain(
    transmitter_distance_m,
    receiver_distance_m,
    carrier_hz: float,
    radar_cross_section_m2,
    *,
    exponent: float = 2.0,
    antenna_gain: float = 1.0,
):
    r"""Bistatic radar equation,

    .. math:: \frac{G\,\lambda^2\,\sigma_{\mathrm{RCS}}}{(4\pi)^3\, d_t^{\nu}\, d_r^{\nu}},

    with the path-loss exponent :math:`\nu` *per leg* (2 in free space) and :math:`G` the product of both antennas' gains.
    """
    legs = np.asarray(transmitter_distance_m, dtype=float) * np.asarray(receiver_distance_m, dtype=float)
    cross_section = np.asarray(radar_cross_section_m2, dtype=float)
    return antenna_gain * wavelength_m(carrier_hz) ** 2 * cross_section / ((4 * math.pi) ** 3 * legs**exponent)


def complex_normal(rng: np.random.Generator, shape=()) -> np.ndarray:
    r"""Circularly symmetric :math:`\mathcal{CN}(0, 1)` samples; ``shape`` is an integer or a tuple."""
    parts = rng.standard_normal((*((shape,) if np.ndim(shape) == 0 else shape), 2))
    return ((parts[..., 0] + 1j * parts[..., 1]) / math.sqrt(2))[()]


def rician(rng: np.random.Generator, shape=(), *, k_factor: float, line_of_sight=1.0) -> np.ndarray:
    r"""Complex Rician fading :math:`\sqrt{K/(K+1)}\,\ell + \sqrt{1/(K+1)}\,\mathcal{CN}(0,1)`.

    ``k_factor`` is linear; ``line_of_sight`` has unit modulus (broadcast against ``shape``).
    """
    if not k_factor >= 0:
        raise InvalidScenario("k_factor", f"must be at least 0, but is {k_factor}")
    scattered = complex_normal(rng, shape)
    if math.isinf(k_factor):
        return np.broadcast_to(np.asarray(line_of_sight, dtype=complex), np.shape(scattered)).copy()
    return math.sqrt(k_factor / (k_factor + 1)) * np.asarray(line_of_sight) + scattered / math.sqrt(k_factor + 1)


def nakagami_power(rng: np.random.Generator, shape=(), *, m: float) -> np.ndarray:
    """Power of a Nakagami-m envelope: Gamma(m, 1/m), unit mean (m = 1: the exponential power of Rayleigh fading)."""
    if not m >= 0.5:
        raise InvalidScenario("m", f"must be at least 0.5, but is {m}")
    return rng.gamma(m, 1 / m, size=shape)


def rayleigh_amplitude(rng: np.random.Generator, shape=()) -> np.ndarray:
    """Rayleigh-distributed envelope with unit mean power."""
    return rng.rayleigh(1 / math.sqrt(2), size=shape)
