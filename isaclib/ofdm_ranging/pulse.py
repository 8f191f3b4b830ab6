r"""The expected pulse-compression output of an OFDM echo: levels, sidelobe peaks and main-lobe width.

With data of unit mean power the averaged output at the normalised delay :math:`u = B\tau` (:math:`B = N \Delta f`) is the
Fourier transform of the powers, eq. (7) of the paper,

.. math:: y(u) = \sum_{n=0}^{N-1} x_n\, e^{j 2\pi (n - n_c) u / N}, \qquad n_c = \tfrac{N-1}{2}.

The centre :math:`n_c` only turns the phase; it keeps the derivatives small. Powers are real, so :math:`|y|` is even and has
period :math:`N`: delays in :math:`[0, N/2]` say everything. All functions here take weights of any scale.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ..foundations import scalar_search

HALF_POWER = math.sqrt(0.5)
_NEWTON_STEPS = 8
_FINE = 32  # grid points per 1/bandwidth when a level is stated
_NEAR_THE_TOP = 0.9  # a cell next to the highest peak reaches 0.98 of it (Bernstein, at 16 points per 1/bandwidth)
_END_SHARE, _END_DENSITY = 0.16, 0.29  # an end's cells reach this share of its delay; with this many points they match the grid
_SETTLED = 1e-7  # a step this short leaves an error of its square
_CROSSING_TOLERANCE = 1e-12


def centred_carriers(count: int) -> np.ndarray:
    """Carrier indices :math:`n - (N-1)/2`, shape (N,)."""
    return np.arange(count) - 0.5 * (count - 1)


def steering(delays, count: int) -> np.ndarray:
    r"""Matrix :math:`e^{j2\pi (n-n_c) u_k/N}` of shape (K, N) for delays (K,) in 1/bandwidth."""
    return np.exp((2j * math.pi / count) * np.multiply.outer(np.asarray(delays, dtype=float), centred_carriers(count)))


def pulse(weights, delays) -> np.ndarray:
    """Output :math:`y(u_k)` (..., K) for weights (..., N)."""
    weights = np.asarray(weights)
    return np.einsum("...n,kn->...k", weights, steering(delays, weights.shape[-1]))


def decibels(level) -> np.ndarray:
    """20 log10 of amplitudes; -inf for 0, nan for nan (where there is no power there is no level)."""
    with np.errstate(divide="ignore"):
        return 20 * np.log10(level)


def grid_levels(weights, oversampling: int) -> tuple[np.ndarray, np.ndarray]:
    """Delays ``k / oversampling`` in [0, N/2], shape (G,), and ``|y| / y(0)`` there, shape (..., G), by one FFT."""
    weights = np.asarray(weights, dtype=float)
    size = oversampling * weights.shape[-1]
    levels = np.abs(np.fft.rfft(weights, size, axis=-1))
    total = weights.sum(axis=-1, keepdims=True)
    return np.arange(levels.shape[-1]) / oversampling, levels / np.where(total > 0, total, np.nan)


def peaks(weights: np.ndarray, start: float, stop: float, oversampling: int, above: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    r"""Local maxima of ``|y| / y(0)`` in [start, stop], both ends included.

    The slope of :math:`|y|^2` is computed on a grid; in every cell where it changes from + to - the maximum is the root of
    the slope, found by Newton steps that may not leave the cell. As a polynomial in :math:`\cos 2\pi u/N` the square of the
    output can oscillate faster next to an end of the region than elsewhere (the windows of least sidelobes do), so the cells
    shrink towards the ends as the points of a Chebyshev grid do.

    Parameters
    ----------
    weights : (N,)
    start, stop : float
        Delays in 1/bandwidth.
    oversampling : int
        Grid points per 1/bandwidth for the search.
    above : float
        Skip cells whose levels are below this fraction of the largest level on the grid.

    Returns
    -------
    delays (K,), levels (K,)
    """
    count, total = len(weights), weights.sum()
    if not stop > start:
        only = np.array([start])
        return only, np.abs(pulse(weights, only)) / total
    first, last = math.floor(start * oversampling) + 1, math.ceil(stop * oversampling) - 1
    moments = np.stack([weights, weights * centred_carriers(count)])
    spectrum = np.fft.rfft(moments, oversampling * count)[:, first : last + 1].conj()
    ends = _end_delays(count, float(start), float(stop), oversampling)
    u = np.concatenate([ends, np.arange(first, last + 1) / oversampling])
    y, dy = np.concatenate([np.einsum("mn,kn->mk", moments, _end_steering(count, start, stop, oversampling)), spectrum], axis=1)
    order = np.argsort(u, kind="stable")
    u, power, slope = u[order], (np.abs(y) ** 2)[order], -(y.conj() * dy).imag[order]
    high = np.maximum(power[1:], power[:-1]) >= above**2 * power.max()
    cells = np.flatnonzero((slope[:-1] > 0) & (slope[1:] <= 0) & high)
    inside = _roots(weights, u[cells], u[cells + 1], slope[cells], slope[cells + 1])
    found = np.concatenate([[start], inside, [stop]])
    return found, np.abs(pulse(weights, found)) / total


@lru_cache(maxsize=16)
def _end_delays(count: int, start: float, stop: float, oversampling: int) -> np.ndarray:
    """Both ends and delays that lie ever closer towards them: squares of equal steps, as Chebyshev's points do."""
    room = 0.5 * (stop - start)
    near = []
    for edge, sign in ((start, 1.0), (stop, -1.0)):
        if edge >= 0.5 * count:  # |y|^2 is even about N/2: no end to the polynomial's smoothness there
            near.append(np.array([edge]))
            continue
        points = math.ceil(_END_DENSITY * max(edge, 1.0) * oversampling)
        near.append(edge + sign * min(_END_SHARE * edge, room) * (np.arange(points + 1) / points) ** 2)
    return np.concatenate(near)


@lru_cache(maxsize=16)
def _end_steering(count: int, start: float, stop: float, oversampling: int) -> np.ndarray:
    return steering(_end_delays(count, start, stop, oversampling), count)


def _roots(weights: np.ndarray, low: np.ndarray, high: np.ndarray, slope_low: np.ndarray, slope_high: np.ndarray) -> np.ndarray:
    """Delays (K,) in [low, high] where the slope of ``|y|^2`` changes its sign, by Newton steps kept inside the bracket."""
    if not low.size:
        return low
    low, high = low.copy(), high.copy()
    u = low + (high - low) * slope_low / (slope_low - slope_high)
    for _ in range(_NEWTON_STEPS):
        slope, curvature = slope_and_curvature(weights, u)
        low, high = np.where(slope > 0, u, low), np.where(slope > 0, high, u)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = u - slope / curvature
        moved = np.where((moved >= low) & (moved <= high), moved, 0.5 * (low + high))
        settled, u = np.abs(moved - u).max() < _SETTLED, moved
        if settled:
            break
    return u


def slope_and_curvature(weights: np.ndarray, delays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""First and second derivative of :math:`|y(u)|^2` at delays (K,)."""
    count = len(weights)
    rate = 2 * math.pi / count * centred_carriers(count)
    y, dy, ddy = np.einsum("mn,kn->mk", np.stack([weights, weights * rate, weights * rate**2]), steering(delays, count))
    return -2 * (y.conj() * dy).imag, 2 * (np.abs(dy) ** 2 - (y.conj() * ddy).real)


def refine(weights: np.ndarray, start: np.ndarray, reach: float) -> np.ndarray:
    """Delays (K,) moved to the nearest maximum of ``|y|^2`` by Newton steps on its derivative, at most ``reach`` away."""
    u = start
    for _ in range(_NEWTON_STEPS):
        slope, curvature = slope_and_curvature(weights, u)
        step = np.where(curvature < 0, -slope / np.where(curvature < 0, curvature, -1.0), np.sign(slope) * 0.25 * reach)
        moved = np.clip(u + step, start - reach, start + reach)
        settled, u = np.abs(moved - u).max(initial=0.0) < _SETTLED, moved
        if settled:
            break
    return u


def peak_level(weights, start: float, stop: float, oversampling: int) -> np.ndarray:
    """Largest ``|y| / y(0)`` over delays in [start, stop] for weights (..., N); nan where all weights are 0."""
    weights = np.asarray(weights, dtype=float)
    flat = weights.reshape(-1, weights.shape[-1])
    result = np.full(len(flat), np.nan)
    grid = max(oversampling, _FINE)
    for row, x in enumerate(flat):
        if x.sum() > 0:
            result[row] = peaks(x / x.max(), start, stop, grid, above=_NEAR_THE_TOP)[1].max()
    return result.reshape(weights.shape[:-1])[()]


def half_power_width(weights, oversampling: int, *, last_before: float | None = None) -> np.ndarray:
    """Width in 1/bandwidth, both sides together, of the lobe around 0 where ``|y| > y(0) / sqrt(2)``.

    ``last_before`` None: up to the *first* crossing, the usual 3-dB width. Otherwise up to the *last* crossing at a
    delay of at most ``last_before`` (or to the first one after it, where the lobe is still above half power there).
    Infinite where the level never falls so far; nan where all weights are 0.
    """
    weights = np.asarray(weights, dtype=float)
    flat = weights.reshape(-1, weights.shape[-1])
    delays, levels = grid_levels(flat, oversampling)
    result = np.full(len(flat), np.nan)
    for row, (x, level) in enumerate(zip(flat, levels, strict=True)):
        if not x.sum() > 0:
            continue
        below = level <= HALF_POWER
        edge = 0
        if last_before is not None:
            inside = np.flatnonzero(~below & (delays <= last_before))
            edge = int(inside[-1])
        after = np.flatnonzero(below[edge:])
        result[row] = math.inf if after.size == 0 else 2 * _crossing(x, delays[edge + after[0] - 1], delays[edge + after[0]])
    return result.reshape(weights.shape[:-1])[()]


def _crossing(weights: np.ndarray, low: float, high: float) -> float:
    target = HALF_POWER * weights.sum()
    bracket = scalar_search.bisect(
        lambda u: np.abs(pulse(weights, np.atleast_1d(u)))[0] <= target, low, high, tolerance=_CROSSING_TOLERANCE
    )
    return float(bracket.high)
