r"""Dolph's window in closed form: the least peak sidelobe level of all powers when sidelobes are all delays from u0 on.

For powers :math:`x_n` mirrored about the middle of the band the output is real, and a polynomial of degree :math:`N-1` in
:math:`c = \cos(\pi u/N)` (even or odd). On :math:`|c| \le \cos(\pi u_0/N)` the polynomial that is smallest beside its
value at :math:`c = 1` is Chebyshev's, so that

.. math:: \max_{u_0 \le u \le N/2} \frac{|y(u)|}{y(0)} \ge L(u_0) = \frac{1}{T_{N-1}(1/\cos(\pi u_0/N))}
    = \frac{1}{\cosh\bigl((N-1) \operatorname{arcosh} \tfrac{1}{\cos(\pi u_0/N)}\bigr)} .

Mirroring powers and averaging replaces y by its real part and does not raise the level, so the bound holds for all powers.
Chebyshev's polynomial in :math:`c/\cos(\pi u_0/N)` has positive Fourier coefficients for every :math:`u_0 > 0` (Bresler
1980: a sum of positive products), so Dolph's window is an allocation, and L is attained.
"""

from __future__ import annotations

import math

import numpy as np


def least_sidelobe_level(carriers: int, start: float) -> float:
    r"""The bound :math:`L(u_0)` (amplitude relative to the main lobe); 0 where it underflows.

    >>> round(20 * math.log10(least_sidelobe_level(128, 3.0)), 4)
    -75.2759
    """
    return 1.0 / math.cosh(min((carriers - 1) * _growth(carriers, start), 700.0))


def _growth(carriers: int, start: float) -> float:
    """arcosh(1 / cos(pi u0 / N)), without the cancellation at small delays."""
    angle = math.pi * start / carriers
    return math.asinh(math.tan(angle)) if math.cos(angle) > 0 else math.inf


def start_of_level(carriers: int, level: float) -> float:
    r"""The :math:`u_0` with :math:`L(u_0)` equal to a level in (0, 1]: the lower the level, the later.

    >>> round(start_of_level(128, least_sidelobe_level(128, 3.0)), 12)
    3.0
    """
    growth = math.acosh(1.0 / level) / (carriers - 1)
    return carriers / math.pi * math.atan(math.sinh(growth))


def dolph_shares(carriers: int, start: float) -> np.ndarray:
    """Dolph's window (N,), of sum 1: its values at N frequencies, transformed back."""
    order = carriers - 1
    steps = np.arange(carriers)
    ratio = np.cos(math.pi * steps / carriers) / max(math.cos(math.pi * start / carriers), 1e-300)
    size = np.abs(ratio)
    with np.errstate(invalid="ignore"):
        growth = order * np.arccosh(np.maximum(size, 1.0))
        peak = growth.max()
        # 2 T(ratio) with the largest exponential taken out, so that nothing overflows
        outside = np.exp(growth - peak) + np.exp(-growth - peak)
        inside = 2 * np.exp(-peak) * np.cos(order * np.arccos(size))
    values = np.where(size >= 1, outside, inside) * np.where(ratio < 0, (-1.0) ** order, 1.0)
    turned = values * np.exp(1j * math.pi * order * steps / carriers)  # the window's middle lies at (N-1)/2
    shares = np.maximum(np.fft.fft(turned).real, 0.0)
    shares = 0.5 * (shares + shares[::-1])
    return shares / shares.sum()
