r"""The expected pulse-compression output of an OFDM echo: levels, sidelobe peaks and main-lobe width.

With data of unit mean power the averaged output at the normalised delay :math:`u = B\tau` (:math:`B = N \Delta f`) is the
Fourier transform of the powers, eq. (7) of the paper,

.. math:: y(u) = \sum_{n=0}^{N-1} x_n\, e^{j 2\pi (n - n_c) u / N}, \qquad n_c = \tfrac{N-1}{2}.

The centre :math:`n_c` only turns the phase; it keeps the derivatives small. Powers are real, so :math:`|y|` is even and has
period :math:`N`: delays in :math:`[0, N/2]` say everything. All functions here take weights of any scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..foundations import scalar_search
from ..foundations.linear_algebra import product

HALF_POWER = math.sqrt(0.5)
_NEWTON_STEPS = 8
_BLOCK = 16
_TURNS = np.array([1, 1j, -1, -1j])  # powers of j
_REST = 1e-17  # of a Taylor series, relative to the main lobe
FINE = 32  # grid points per 1/bandwidth when a level is stated
_NEAR_THE_TOP = 0.9  # a cell next to the highest peak reaches 0.98 of it (Bernstein, at 16 points per 1/bandwidth)
_END_SHARE, _END_DENSITY = 0.16, 0.29  # an end's cells reach this share of its delay; with this many points they match the grid
_SETTLED = 1e-7  # a step this short leaves an error of its square
_CROSSING_TOLERANCE = 1e-12


def scaled(weights) -> np.ndarray:
    """Weights (..., N) times the power of two, exactly, that brings the largest of each row into [1/2, 1): sums and squares of
    numbers of any size without overflow. Zeros stay.
    """
    weights = np.asarray(weights, dtype=float)
    return np.ldexp(weights, -np.frexp(weights.max(axis=-1, keepdims=True))[1])


def centred_carriers(count: int) -> np.ndarray:
    """Carrier indices :math:`n - (N-1)/2`, shape (N,)."""
    return np.arange(count) - 0.5 * (count - 1)


def steering(delays, count: int) -> np.ndarray:
    r"""Matrix :math:`e^{j2\pi (n-n_c) u_k/N}` of shape (K, N) for delays (K,) in 1/bandwidth."""
    turns = (2j * math.pi / count) * np.asarray(delays, dtype=float)[:, None]
    # Carriers in blocks: a product of two phases costs far less than another exponential.
    coarse = np.exp(turns * (np.arange(0, count, _BLOCK) - 0.5 * (count - 1)))
    fine = np.exp(turns * np.arange(min(_BLOCK, count)))
    return (coarse[:, :, None] * fine[:, None, :]).reshape(len(turns), coarse.shape[1] * fine.shape[1])[:, :count]


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
    grid = _grid(count, float(start), float(stop), oversampling)
    moments = np.stack([weights, weights * centred_carriers(count)])
    spectrum = np.fft.rfft(moments, oversampling * count)[:, grid.inner].conj()
    y, dy = np.concatenate([np.einsum("mn,kn->mk", moments, grid.end_phases), spectrum], axis=1)[:, grid.order]
    u, power, slope = grid.delays, y.real**2 + y.imag**2, y.imag * dy.real - y.real * dy.imag
    high = np.maximum(power[1:], power[:-1]) >= above**2 * power.max()
    cells = np.flatnonzero((slope[:-1] > 0) & (slope[1:] <= 0) & high)
    inside, levels = _roots(weights, u[cells], u[cells + 1], slope[cells], slope[cells + 1])
    found = np.concatenate([[start], inside, [stop]])
    levels = np.concatenate([np.sqrt(power[:1]), levels, np.sqrt(power[-1:])]) / total
    return found, np.minimum(levels, 1.0)  # nothing exceeds the main lobe, but rounding would


@dataclass(frozen=True)
class _Grid:
    """Delays (G,) of the search in a region, sorted: those near the ends, and ``inner`` points of the FFT, in this ``order``."""

    delays: np.ndarray
    order: np.ndarray
    inner: slice
    end_phases: np.ndarray


@lru_cache(maxsize=16)
def _grid(count: int, start: float, stop: float, oversampling: int) -> _Grid:
    first, last = math.floor(start * oversampling) + 1, math.ceil(stop * oversampling) - 1
    ends = _end_delays(count, start, stop, oversampling)
    u = np.concatenate([ends, np.arange(first, last + 1) / oversampling])
    order = np.argsort(u, kind="stable")
    return _Grid(u[order], order, slice(first, last + 1), steering(ends, count))


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


class _Nearby:
    r"""The output about delays (K,) as Taylor series, exact to rounding up to ``reach`` away."""

    def __init__(self, weights: np.ndarray, delays: np.ndarray, reach: float) -> None:
        count, terms = len(weights), 1
        rest = angle = math.pi * reach
        while rest > _REST:
            terms += 1
            rest *= angle / terms
        order = np.arange(1, terms)[:, None]
        rate = (2 * math.pi / count) * centred_carriers(count)
        factors = np.cumprod(np.concatenate([weights[None], rate / order]), axis=0)
        phases = steering(delays, count)
        real, imaginary = np.split(product(factors, np.concatenate([phases.real, phases.imag]).T), 2, axis=1)
        self.series = np.zeros((3, terms, len(delays)), dtype=complex)
        self.series[0] = (real + 1j * imaginary) * _TURNS[np.arange(terms) % 4, None]
        self.series[1, :-1] = order * self.series[0, 1:]
        self.series[2, :-1] = order * self.series[1, 1:]

    def __call__(self, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """:math:`|y|^2`, its slope and its curvature at these offsets (K,) from the delays."""
        powers = np.ones(self.series.shape[1:])
        np.cumprod(np.broadcast_to(offset, powers[1:].shape), axis=0, out=powers[1:])
        y, dy, ddy = np.einsum("dtk,tk->dk", self.series, powers)
        power, slope = y.real**2 + y.imag**2, 2 * (y.real * dy.real + y.imag * dy.imag)
        return power, slope, 2 * (dy.real**2 + dy.imag**2 + y.real * ddy.real + y.imag * ddy.imag)


def _roots(
    weights: np.ndarray, low: np.ndarray, high: np.ndarray, slope_low: np.ndarray, slope_high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Delays (K,) in [low, high] where the slope of ``|y|^2`` changes its sign, by Newton steps kept inside the bracket, and
    ``|y|`` there.
    """
    if not low.size:
        return low, low
    middle = 0.5 * (low + high)
    nearby = _Nearby(weights, middle, float((high - low).max()) / 2)
    low, high = low - middle, high - middle
    offset = low + (high - low) * slope_low / (slope_low - slope_high)
    for _ in range(_NEWTON_STEPS):
        _, slope, curvature = nearby(offset)
        low, high = np.where(slope > 0, offset, low), np.where(slope > 0, high, offset)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = offset - slope / curvature
        moved = np.where((moved >= low) & (moved <= high), moved, 0.5 * (low + high))
        settled, offset = np.abs(moved - offset).max() < _SETTLED, moved
        if settled:
            break
    return middle + offset, np.sqrt(nearby(offset)[0])


def refine(weights: np.ndarray, start: np.ndarray, reach: float) -> np.ndarray:
    """Delays (K,) moved to the nearest maximum of ``|y|^2`` by Newton steps on its derivative, at most ``reach`` away."""
    nearby, offset = _Nearby(weights, start, reach), np.zeros_like(start)
    for _ in range(_NEWTON_STEPS):
        _, slope, curvature = nearby(offset)
        step = np.where(curvature < 0, -slope / np.where(curvature < 0, curvature, -1.0), np.sign(slope) * 0.25 * reach)
        moved = np.clip(offset + step, -reach, reach)
        settled, offset = np.abs(moved - offset).max(initial=0.0) < _SETTLED, moved
        if settled:
            break
    return start + offset


def peak_level(weights, start: float, stop: float, oversampling: int) -> np.ndarray:
    """Largest ``|y| / y(0)`` over delays in [start, stop] for weights (..., N); nan where all weights are 0."""
    weights = scaled(weights)
    flat = weights.reshape(-1, weights.shape[-1])
    result = np.full(len(flat), np.nan)
    grid = max(oversampling, FINE)
    for row, x in enumerate(flat):
        if x.sum() > 0:
            result[row] = peaks(x / x.max(), start, stop, grid, above=_NEAR_THE_TOP)[1].max()
    return result.reshape(weights.shape[:-1])[()]


def half_power_width(weights, oversampling: int, *, last_before: float = 0.0) -> np.ndarray:
    """Width in 1/bandwidth, both sides together, of the lobe around 0 where ``|y| > y(0) / sqrt(2)``.

    Up to the *last* crossing at a delay of at most ``last_before``, or to the first one after it where the lobe is still above
    half power there: with 0 up to the *first* crossing, the usual 3-dB width.
    Infinite where the level never falls so far; nan where all weights are 0.
    """
    weights = scaled(weights)
    flat = weights.reshape(-1, weights.shape[-1])
    delays, levels = grid_levels(flat, oversampling)
    result = np.full(len(flat), np.nan)
    for row, (x, level) in enumerate(zip(flat, levels, strict=True)):
        if not x.sum() > 0:
            continue
        below = level <= HALF_POWER
        edge = int(np.flatnonzero(~below & (delays <= last_before))[-1])
        after = np.flatnonzero(below[edge:])
        result[row] = math.inf if after.size == 0 else 2 * _crossing(x, delays[edge + after[0] - 1], delays[edge + after[0]])
    return result.reshape(weights.shape[:-1])[()]


def _crossing(weights: np.ndarray, low: float, high: float) -> float:
    target = HALF_POWER * weights.sum()
    bracket = scalar_search.bisect(
        lambda u: np.abs(pulse(weights, np.atleast_1d(u)))[0] <= target, low, high, tolerance=_CROSSING_TOLERANCE
    )
    return float(bracket.high)
