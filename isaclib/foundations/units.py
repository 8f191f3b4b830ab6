"""Units are converted at the edge and nowhere else; inside, everything is SI and linear."""

from __future__ import annotations

import numpy as np

SPEED_OF_LIGHT_M_PER_S = 299_792_458.0
BOLTZMANN_J_PER_K = 1.380649e-23


def db_to_linear(value_db):
    """Power ratio of a level in dB: :math:`10^{x/10}`."""
    return 10.0 ** (np.asarray(value_db, dtype=float) / 10.0)[()]


def linear_to_db(ratio):
    """Level in dB of a power ratio; 0 becomes -inf."""
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(np.asarray(ratio, dtype=float))[()]


def amplitude_to_db(amplitude):
    """Level in dB of an amplitude ratio: :math:`20 \\log_{10} x`; 0 becomes -inf."""
    with np.errstate(divide="ignore"):
        return 20.0 * np.log10(np.asarray(amplitude, dtype=float))[()]


def db_to_amplitude(value_db):
    """Amplitude ratio of a level in dB: :math:`10^{x/20}`."""
    return 10.0 ** (np.asarray(value_db, dtype=float) / 20.0)[()]


def dbm_to_w(power_dbm):
    """Power in watt of a level in dBm."""
    return 1e-3 * db_to_linear(power_dbm)


def w_to_dbm(power_w):
    """Level in dBm of a power in watt; 0 becomes -inf."""
    return linear_to_db(np.asarray(power_w, dtype=float) * 1e3)


def thermal_noise_psd_w_per_hz(temperature_k=290.0, noise_figure_db=0.0):
    """One-sided noise power spectral density :math:`k_B T F` in W/Hz."""
    return BOLTZMANN_J_PER_K * np.asarray(temperature_k, dtype=float)[()] * db_to_linear(noise_figure_db)


def wavelength_m(carrier_hz):
    """Wavelength in metres of a carrier in hertz."""
    return SPEED_OF_LIGHT_M_PER_S / np.asarray(carrier_hz, dtype=float)[()]
