r"""Searches in one variable, vectorised over independent problems ("lanes").

Two facts carry most of the exact solvers of this library:

* a *monotone* predicate is located by bisection, and the final bracket is the certificate;
* a *convex* function on an interval is minimised by bisection on the sign of its derivative, and the tangents at the
  two ends of the final bracket give a rigorous lower bound on the minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import InvalidScenario

Lanes = np.ndarray | float


@dataclass(frozen=True)
class Bracket:
    """The last two points of a bisection: the predicate is false at ``low`` and true at ``high``."""

    low: Lanes
    high: Lanes
    iterations: int


@dataclass(frozen=True)
class Minimum:
    """Minimum of a convex function on an interval.

    Attributes
    ----------
    argument, value : float or ndarray (D,)
        The best point found and the function there.
    bound : float or ndarray (D,)
        Lower bound on the minimum from the tangents at the ends of the final bracket.
    iterations : int
    """

    argument: Lanes
    value: Lanes
    bound: Lanes
    iterations: int


def bisect(
    predicate: Callable[[np.ndarray], np.ndarray],
    low: Lanes,
    high: Lanes,
    *,
    tolerance: float = 1e-12,
    geometric: bool = False,
    max_iterations: int = 200,
) -> Bracket:
    r"""Shrink a bracket around the point where a monotone predicate turns from false to true.

    The caller warrants ``predicate(low)`` false and ``predicate(high)`` true; neither end is evaluated, so that an
    open end (where the function is singular) is allowed.

    Parameters
    ----------
    predicate : callable
        Maps an array of arguments (one per lane) to an array of bool, monotone in each lane.
    low, high : float or ndarray (D,)
        Ends of the bracket; ``low > high`` is allowed (a decreasing search).
    tolerance : float
        Stop when every lane's bracket is shorter than ``tolerance * max(|low|, |high|)``.
    geometric : bool
        Bisect the logarithm: for positive arguments over many decades.
    max_iterations : int

    Returns
    -------
    Bracket
    """
    scalar = np.ndim(low) == 0 and np.ndim(high) == 0
    low, high = (np.array(end, dtype=float) for end in np.broadcast_arrays(np.atleast_1d(low), np.atleast_1d(high)))
    if geometric and np.any((low <= 0) | (high <= 0)):
        raise InvalidScenario("low", "a geometric bisection needs positive ends")
    iterations = 0
    while iterations < max_iterations:
        width = np.abs(high - low)
        if np.all(width <= tolerance * np.maximum(np.abs(low), np.abs(high))):
            break
        middle = np.sqrt(low) * np.sqrt(high) if geometric else 0.5 * (low + high)
        true = np.asarray(predicate(middle[0] if scalar else middle), dtype=bool)
        high = np.where(true, middle, high)
        low = np.where(true, low, middle)
        iterations += 1
    return Bracket(low[0], high[0], iterations) if scalar else Bracket(low, high, iterations)


def minimise_convex(
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    low: Lanes,
    high: Lanes,
    *,
    tolerance: float = 1e-12,
    geometric: bool = False,
    max_iterations: int = 200,
) -> Minimum:
    r"""Minimise a convex function of one variable by bisection on the sign of its derivative.

    .. math:: \min_{l \le x \le h} f(x), \qquad
        f(x) \ge \max\{f(a) + f'(a)(x - a),\; f(b) + f'(b)(x - b)\} \quad\text{for any } a, b.

    The largest lower bound that the two tangents at the final bracket give over the interval is returned as ``bound``.

    Parameters
    ----------
    function : callable
        Maps arguments (one per lane) to the pair ``(f(x), f'(x))``; any subgradient will do at a kink.
    low, high : float or ndarray (D,)
        The interval. An end at which f is infinite or undefined is never evaluated as long as the derivative
        turns positive (negative) before it.
    tolerance, geometric, max_iterations
        As in :func:`bisect`; the tolerance is on the argument.

    Returns
    -------
    Minimum
    """
    scalar = np.ndim(low) == 0 and np.ndim(high) == 0

    def evaluate(x):
        value, slope = function(x[0] if scalar else x)
        return np.atleast_1d(value).astype(float), np.atleast_1d(slope).astype(float)

    ends = np.broadcast_arrays(np.atleast_1d(np.asarray(low, dtype=float)), np.atleast_1d(np.asarray(high, dtype=float)))
    bracket = bisect(
        lambda x: evaluate(np.atleast_1d(x))[1] >= 0,
        *ends,
        tolerance=tolerance,
        geometric=geometric,
        max_iterations=max_iterations,
    )
    a, b = np.atleast_1d(bracket.low), np.atleast_1d(bracket.high)
    with np.errstate(all="ignore"):
        (fa, ga), (fb, gb) = evaluate(a), evaluate(b)
        usable_a, usable_b = np.isfinite(fa) & np.isfinite(ga), np.isfinite(fb) & np.isfinite(gb)
        best_b = usable_b & (~usable_a | (fb <= fa))
        argument, value = np.where(best_b, b, a), np.where(best_b, fb, fa)
        # Where the tangents cross inside [a, b], their crossing is the least value that convexity allows.
        crossing = np.where(gb > ga, (fa - fb + gb * b - ga * a) / np.where(gb > ga, gb - ga, 1.0), a)
        inside = usable_a & usable_b & (ga <= 0) & (gb >= 0)
        bound = np.where(inside & (gb > ga), fa + ga * (crossing - a), -np.inf)
        bound = np.where(inside & (gb == ga), np.minimum(fa, fb), bound)
        # The derivative keeps its sign: the minimum is at an end of the interval, bounded by one tangent there.
        bound = np.where(usable_a & (ga >= 0), fa + ga * (ends[0] - a), bound)
        bound = np.where(usable_b & (gb <= 0), fb + gb * (ends[1] - b), bound)
    if scalar:
        return Minimum(argument[0], value[0], bound[0], bracket.iterations)
    return Minimum(argument, value, bound, bracket.iterations)
