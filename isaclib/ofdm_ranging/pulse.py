r"""The expected pulse-compression output of an OFDM echo: levels, sidelobe peaks and main-lobe width.

With data of unit mean power the averaged output at the normalised delay :math:`u = B\tau` (:math:`B = N \Delta f`) is the
Fourier transform of the powers, eq. (7) of the paper,

.. math:: y(u) = \sum_{n=0}^{N-1} x_n\, e^{j 2\pi (n - n_c) u / N}, \qquad n_c = \tfrac{N-1}{2}.

The centre :math:`n_c` only turns the phase; it keeps the derivatives small. Powers are real, so :math:`|y|` is even and has
period :math:`N`: delays in :math:`[0, N/2]` say everything. All functions here take weights of any scale.
"""

from __future__ import annotations

import math

import numpy as np

from ..foundations import scalar_search

HALF_POWER = math.sqrt(0.5)
_NEWTON_STEPS = 6
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
    return weights @ steering(delays, weights.shape[-1]).T


def grid_levels(weights, oversampling: int) -> tuple[np.ndarray, np.ndarray]:
    """Delays ``k / oversampling`` in [0, N/2], shape (G,), and ``|y| / y(0)`` there, shape (..., G), by one FFT."""
    weights = np.asarray(weights, dtype=float)
    size = oversampling * weights.shape[-1]
    levels = np.abs(np.fft.rfft(weights, size, axis=-1))
    total = weights.sum(axis=-1, keepdims=True)
    return np.arange(levels.shape[-1]) / oversampling, levels / np.where(total > 0, total, np.nan)


def peaks(weights: np.ndarray, start: float, stop: float, oversampling: int, above: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Local maxima of ``|y| / y(0)`` in [start, stop], ends included, found on a grid and refined by Newton steps.

    Parameters
    ----------
    weights : (N,)
    start, stop : float
        Delays in 1/bandwidth.
    oversampling : int
        Grid points per 1/bandwidth for the search.
    above : float
        Skip maxima whose grid level is below this fraction of the largest grid level.

    Returns
    -------
    delays (K,), levels (K,)
    """
    delays, levels = grid_levels(weights, oversampling)
    first, last = int(np.searchsorted(delays, start, "left")), int(np.searchsorted(delays, stop, "right"))
    padded = np.concatenate([levels[1:2], levels, levels[-2:-1]])  # |y| is even about 0 and about N/2
    window = slice(first, last)
    centre = padded[1:-1][window]
    found = (centre >= padded[:-2][window]) & (centre >= padded[2:][window])
    floor = above * (centre.max() if centre.size else 0.0)
    u = delays[window][found & (centre >= floor)]
    ends = np.array([start, stop])
    if u.size:
        u = refine(weights, u, 1.0 / oversampling)
        u = u[(u > start) & (u < stop)]
    u = np.concatenate([ends[:1], u, ends[1:]]) if stop > start else ends[:1]
    return u, np.abs(pulse(weights, u)) / weights.sum()


def refine(weights: np.ndarray, start: np.ndarray, reach: float) -> np.ndarray:
    """Delays (K,) moved to the nearest maximum of ``|y|^2`` by Newton steps on its derivative, at most ``reach`` away."""
    count = len(weights)
    rate = 2j * math.pi / count * centred_carriers(count)
    moments = np.stack([weights, weights * rate, weights * rate**2], axis=1)
    u = start
    for _ in range(_NEWTON_STEPS):
        y, dy, ddy = (steering(u, count) @ moments).T
        slope = (y.conj() * dy).real
        curvature = np.abs(dy) ** 2 + (y.conj() * ddy).real
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
    for row, x in enumerate(flat):
        if x.sum() > 0:
            # At 16 points per 1/B a grid maximum is within 5 % of its peak: lower ones cannot win.
            result[row] = peaks(x, start, stop, oversampling, above=0.7)[1].max()
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
