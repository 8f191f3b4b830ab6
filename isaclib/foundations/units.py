"""Units are converted at the edge and nowhere else; inside, everything is SI and linear.

Every function takes a number or an array of any shape and returns the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .errors import InvalidScenario

SPEED_OF_LIGHT_M_PER_S = 299_792_458.0
BOLTZMANN_J_PER_K = 1.380649e-23


def db_to_linear(value_db: ArrayLike) -> np.ndarray | np.floating:
    """Power ratio of a level in dB: :math:`10^{x/10}`; -inf becomes 0.

    >>> float(db_to_linear(30.0))
    1000.0
    """
    return _from_db("value_db", value_db, 10.0)


def linear_to_db(ratio: ArrayLike) -> np.ndarray | np.floating:
    """Level in dB of a power ratio; 0 becomes -inf, and inf stays.

    >>> float(linear_to_db(100.0))
    20.0
    """
    return _to_db("ratio", ratio, 10.0)


def amplitude_to_db(amplitude: ArrayLike) -> np.ndarray | np.floating:
    """Level in dB of an amplitude ratio: :math:`20 \\log_{10} x`; 0 becomes -inf, and inf stays.

    >>> float(amplitude_to_db(10.0))
    20.0
    """
    return _to_db("amplitude", amplitude, 20.0)


def db_to_amplitude(value_db: ArrayLike) -> np.ndarray | np.floating:
    """Amplitude ratio of a level in dB: :math:`10^{x/20}`; -inf becomes 0.

    >>> float(db_to_amplitude(20.0))
    10.0
    """
    return _from_db("value_db", value_db, 20.0)


def dbm_to_w(power_dbm: ArrayLike) -> np.ndarray | np.floating:
    """Power in watt of a level in dBm; -inf becomes 0.

    >>> float(dbm_to_w(30.0))
    1.0
    """
    return 1e-3 * _from_db("power_dbm", power_dbm, 10.0)


def w_to_dbm(power_w: ArrayLike) -> np.ndarray | np.floating:
    """Level in dBm of a power in watt; 0 becomes -inf, and inf stays.

    >>> float(w_to_dbm(1.0))
    30.0
    """
    power = checks.values("power_w", power_w, minimum=0.0, infinite=True)
    with np.errstate(divide="ignore", over="ignore"):
        level = 10.0 * np.log10(power * 1e3)
        # A number so large that a thousand of it is none loses nothing by the sum of two logarithms.
        return np.where(np.isinf(level) & np.isfinite(power) & (power > 0), 10.0 * np.log10(power) + 30.0, level)[()]


def thermal_noise_psd_w_per_hz(temperature_k: ArrayLike = 290.0, noise_figure_db: ArrayLike = 0.0) -> np.ndarray | np.floating:
    """One-sided noise power spectral density :math:`k_B T F` in W/Hz.

    >>> round(float(w_to_dbm(thermal_noise_psd_w_per_hz())), 2)
    -173.98
    """
    temperature = checks.values("temperature_k", temperature_k, minimum=0.0)
    figure = checks.values("noise_figure_db", noise_figure_db, minimum=0.0)
    checks.together(temperature_k=temperature, noise_figure_db=figure)
    factor = _from_db("noise_figure_db", figure, 10.0)
    with np.errstate(over="ignore"):
        return _finite("temperature_k", BOLTZMANN_J_PER_K * temperature * factor, "is too large: the noise")


def wavelength_m(carrier_hz: ArrayLike) -> np.ndarray | np.floating:
    """Wavelength in metres of a carrier in hertz.

    >>> float(wavelength_m(299_792_458.0))
    1.0
    """
    carrier = checks.values("carrier_hz", carrier_hz, positive=True)
    with np.errstate(over="ignore"):
        return _finite("carrier_hz", SPEED_OF_LIGHT_M_PER_S / carrier, "is too small: the wavelength")


def _from_db(name: str, value_db, per_decade: float):
    value = checks.values(name, value_db, infinite=True)
    with np.errstate(over="ignore"):
        return _finite(name, 10.0 ** (value / per_decade), "is too large: the ratio")


def _to_db(name: str, ratio, per_decade: float):
    value = checks.values(name, ratio, minimum=0.0, infinite=True)
    with np.errstate(divide="ignore"):
        return per_decade * np.log10(value)


def _finite(name: str, result, what: str):
    if not np.all(np.isfinite(result)):
        raise InvalidScenario(name, f"{what} is beyond floating-point numbers")
    return result
