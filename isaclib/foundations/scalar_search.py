r"""Searches in one variable, vectorised over independent problems ("lanes").

Two facts carry most of the exact solvers of this library:

* a *monotone* predicate is located by bisection, and the final bracket is the certificate;
* a *convex* function on an interval is minimised by bisection on the sign of its derivative, and the tangents at the
  two ends of the final bracket give a rigorous lower bound on the minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import checks
from .errors import InvalidScenario

Lanes = np.ndarray | float
_HUGE = 1e100  # stands for infinite function values, which cannot be interpolated
_GRID = (np.arange(16) + 0.5) / 16  # where interpolation looks first, in units of the interval
# And then, in units of its window; the two zeros make room for the ends of the bracket.
_NODES = np.append(np.cos(np.pi * (np.arange(6) + 0.5) / 6)[::-1], [0.0, 0.0])
_WINDOW = 0.003  # half of the window in units of the interval; each further call narrows it by as much
_CALLS = 5


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
    argument : float or ndarray (D,)
        The best point found.
    value : float or ndarray (D,)
        The function there.
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
        Ends of the bracket; ``low > high`` is allowed (a decreasing search). Common ends may be given as two numbers
        where the predicate holds the lanes. A lane with a nan end stays nan.
    tolerance : float
        Stop when every lane's bracket is shorter than ``tolerance * max(|low|, |high|)``.
    geometric : bool
        Bisect the logarithm: for positive arguments over many decades.
    max_iterations : int
        Also reached where the point is 0, which no bracket approaches in relative terms.

    Returns
    -------
    Bracket

    Examples
    --------
    >>> bracket = bisect(lambda x: x * x >= 2, 1.0, 2.0, tolerance=1e-6)
    >>> round(float(bracket.low), 5), round(float(bracket.high), 5)
    (1.41421, 1.41421)
    """
    checks.function("predicate", predicate)
    max_iterations = _limits(tolerance, max_iterations)
    low, high, scalar = _ends(low, high, nan=True)
    if checks.flag("geometric", geometric):
        for name, end in (("low", low), ("high", high)):
            if np.any(end <= 0):
                raise InvalidScenario(name, "is not positive", "a geometric bisection needs positive ends")
    iterations = 0
    while iterations < max_iterations:
        half = np.abs(0.5 * high - 0.5 * low)  # a number, even where the distance is none
        if not np.any(half > 0.5 * tolerance * np.maximum(np.abs(low), np.abs(high))):
            break
        middle = np.sqrt(low) * np.sqrt(high) if geometric else 0.5 * low + 0.5 * high
        middle = np.clip(middle, np.minimum(low, high), np.maximum(low, high))  # the product of roots may round outwards
        if np.all((middle == low) | (middle == high) | np.isnan(middle)):
            break
        true = np.asarray(predicate(middle[0] if scalar and len(middle) == 1 else middle))
        if true.dtype != bool or (true.shape not in ((), middle.shape) and len(middle) > 1) or true.ndim > 1:
            found = f"must return True or False for each of {len(middle)} arguments, not {checks.short(true)}"
            raise InvalidScenario("predicate", found)
        high = np.where(true, middle, high)
        low = np.where(true, low, middle)
        iterations += 1
    return Bracket(low[0], high[0], iterations) if scalar and len(low) == 1 else Bracket(low, high, iterations)


def sign_change(
    function: Callable[[np.ndarray], np.ndarray],
    low: Lanes,
    high: Lanes,
    *,
    tolerance: float = 1e-12,
    max_iterations: int = 200,
) -> Bracket:
    r"""Bracket the sign change of a function that is positive at ``low`` and not positive at ``high``.

    Chandrupatla's method: inverse quadratic interpolation where the last three points allow it, bisection otherwise.
    Some ten evaluations do where the function is smooth, and a jump costs no more than bisection. Every lane keeps a
    valid bracket throughout, so the answer certifies itself.

    Parameters
    ----------
    function : callable
        Maps arguments (D,) to values (D,), one per lane; infinite values are allowed, nan is not.
    low, high : float or ndarray (D,)
        Points where the function is positive and not positive; both are looked at. ``low > high`` is allowed.
    tolerance : float
        Absolute length of the bracket at which a lane is done; so is one without a float between its ends.
    max_iterations : int

    Returns
    -------
    Bracket
        ``low`` where the function is positive, ``high`` where it is not, in every lane.

    Raises
    ------
    InvalidScenario
        Where the function is not positive at ``low``, or positive at ``high``, or nan anywhere it was asked.

    Examples
    --------
    >>> bracket = sign_change(lambda x: 2 - x * x, 0.0, 2.0)
    >>> bool(bracket.low < 2**0.5 <= bracket.high), float(bracket.high - bracket.low) < 1e-12
    (True, True)

    References
    ----------
    T. R. Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear function without
    using derivatives", Advances in Engineering Software 28 (1997) 145-149.
    """
    checks.function("function", function)
    max_iterations = _limits(tolerance, max_iterations)
    a, b, scalar = _ends(low, high)

    def evaluate(x):
        return np.clip(_values(function(x[0] if scalar else x), x), -_HUGE, _HUGE)

    fa, fb = evaluate(a), evaluate(b)
    for name, x, wrong in (("low", a, ~(fa > 0)), ("high", b, fb > 0)):
        if wrong.any():
            (lane,) = checks.first(wrong)
            value = f"{(fa if name == 'low' else fb)[lane]:g} at {x[lane]:g}" + ("" if scalar else f" (lane {lane})")
            raise InvalidScenario(name, f"the function must be {'positive' if name == 'low' else 'at most 0'}, but is {value}")
    fraction = np.full(a.shape, 0.5)
    iterations = 0
    while iterations < max_iterations:
        iterations += 1
        with np.errstate(over="ignore"):
            x = a + fraction * (b - a)
        x = x if np.isfinite(x).all() else (1 - fraction) * a + fraction * b  # ends farther apart than the largest number
        fx = evaluate(x)
        same = (fx > 0) == (fa > 0)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        half = np.abs(0.5 * b - 0.5 * a)
        if np.all((half <= 0.5 * tolerance) | (np.nextafter(a, b) == b)):
            break
        with np.errstate(all="ignore"):
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            step = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            smooth = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(step)
            edge = np.minimum(0.45 * (0.5 * tolerance) / half, 0.5)
        fraction = np.clip(np.where(smooth, step, 0.5), edge, 1 - edge)
    positive = fa > 0
    low, high = np.where(positive, a, b), np.where(positive, b, a)
    return Bracket(low[0], high[0], iterations) if scalar else Bracket(low, high, iterations)


def sign_change_by_interpolation(
    function: Callable[[np.ndarray], np.ndarray],
    low: float,
    high: float,
    *,
    rough: Callable[[np.ndarray], np.ndarray] | None = None,
    tolerance: float = 1e-12,
) -> Bracket:
    r"""The bracket of :func:`sign_change` for one decreasing function that takes many arguments at once.

    With arrays of a few numbers a call costs nearly the same for a dozen arguments as for one. A first call covers the
    interval; each later one asks for the two ends of a bracket around the root that the last one made likely, and for six
    Chebyshev points around it, whose inverse interpolation polynomial gives the next root. A smooth function takes three
    calls. Where five have not proved a bracket (a jump, or kinks next to the root), :func:`sign_change` finds it.

    Parameters
    ----------
    function : callable
        Maps arguments (K,) to values (K,); infinite values are allowed, nan is not. It may be asked a little (0.3 % of the
        interval) beyond its ends.
    low, high : float
        Points, ``low < high``, where the function is positive and not positive; the caller warrants it.
    rough : callable, optional
        What the first call asks instead of ``function``: an approximation that is good to a percent and costs less.
    tolerance : float
        Absolute length of the bracket. Not below the spacing of floats near the root.

    Returns
    -------
    Bracket
        As of :func:`sign_change`; ``iterations`` counts the calls, at most. The last two arguments of the last call are its
        ends, so that the caller has whatever else it computed there.

    Examples
    --------
    >>> root = sign_change_by_interpolation(lambda x: np.cos(x) - x, 0.0, 1.0)
    >>> round(float(root.low), 9), bool(root.high - root.low < 1e-12)
    (0.739085133, True)
    """
    ordinary = all(isinstance(each, float) for each in (low, high, tolerance)) and 1e-300 < high - low < 1e300
    if not (ordinary and 0 < tolerance < math.inf):  # only then the guards, which cost as much as a call
        checks.number("tolerance", tolerance, positive=True)
        if not 0 < float(checks.number("high", high)) - float(checks.number("low", low)) < math.inf:
            raise InvalidScenario("low", f"must be below high by a finite number, but is {low:g}, and high {high:g}")
    checks.function("function", function)
    if rough is not None:
        checks.function("rough", rough)
    width = float(high - low)
    grid = low + width * _GRID
    values = _values((function if rough is None else rough)(grid), grid).tolist()
    turn = next((i for i, value in enumerate(values) if value <= 0), len(values))
    near = slice(max(0, turn - 2), turn + 2)
    root = _inverse_interpolation(grid[near].tolist(), values[near])
    reach = _WINDOW * width
    for calls in range(2, _CALLS + 1):
        if not low < root < high:
            break
        grid = root + reach * _NODES
        grid[-2:] = root - 0.45 * tolerance, root + 0.45 * tolerance
        *values, left, right = _values(function(grid), grid).tolist()
        if left > 0 >= right:
            return Bracket(grid[-2], grid[-1], calls)
        root = _inverse_interpolation(grid[:-2].tolist(), values)
        reach *= _WINDOW
    bracket = sign_change(lambda x: function(np.array([x]))[0], low, high, tolerance=tolerance)
    function(np.array([bracket.low, bracket.high]))
    return Bracket(bracket.low, bracket.high, bracket.iterations + calls + 1)


def _inverse_interpolation(x: list[float], f: list[float]) -> float:
    """Neville's value at f = 0 of the polynomial x(f); nan where values are equal or infinite."""
    if len(set(f)) < len(f) or not all(map(math.isfinite, f)):
        return math.nan
    for k in range(1, len(f)):
        x = [(f[i] * x[i + 1] - f[i + k] * x[i]) / (f[i] - f[i + k]) for i in range(len(f) - k)]
    return x[0]


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

    The minimum lies in the final bracket :math:`[a, b]`, where the derivative changes its sign or which ends where the
    interval ends; the largest lower bound that the tangents at a and b give there is returned as ``bound``.

    Parameters
    ----------
    function : callable
        Maps arguments (one per lane) to the pair ``(f(x), f'(x))``; any subgradient will do at a kink.
    low, high : float or ndarray (D,)
        The interval, in either order. An end at which f is infinite or undefined is never evaluated as long as the
        derivative turns positive (negative) before it.
    tolerance, geometric, max_iterations
        As in :func:`bisect`; the tolerance is on the argument.

    Returns
    -------
    Minimum

    Examples
    --------
    >>> best = minimise_convex(lambda x: ((x - 1) ** 2 + 3, 2 * (x - 1)), 0.0, 5.0)
    >>> float(best.value), float(best.bound)
    (3.0, 3.0)
    """
    checks.function("function", function)
    a, b, scalar = _ends(low, high, nan=True)

    def evaluate(x):
        pair = function(x[0] if scalar and len(x) == 1 else x)
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InvalidScenario("function", f"must return the pair of value and derivative, not {checks.short(pair)}")
        value, slope = (np.atleast_1d(np.asarray(part)) for part in pair)
        if any(
            part.dtype.kind not in "iuf" or (len(x) > 1 and part.shape != x.shape) or part.ndim > 1 for part in (value, slope)
        ):
            raise InvalidScenario("function", f"must return real numbers for {len(x)} arguments, not {checks.short(pair)}")
        return value.astype(float), slope.astype(float)

    def rises(x):
        slope = evaluate(x)[1]
        _refuse_nan(slope, x)
        return slope >= 0

    bracket = bisect(
        rises, np.minimum(a, b), np.maximum(a, b), tolerance=tolerance, geometric=geometric, max_iterations=max_iterations
    )
    a, b = np.asarray(bracket.low), np.asarray(bracket.high)
    with np.errstate(all="ignore"):
        (fa, ga), (fb, gb) = evaluate(a), evaluate(b)
        usable_a, usable_b = np.isfinite(fa) & np.isfinite(ga), np.isfinite(fb) & np.isfinite(gb)
        best_b = usable_b & (~usable_a | (fb <= fa))
        argument, value = np.where(best_b, b, a), np.where(best_b, fb, fa)
        _refuse_nan(value, argument)
        width = b - a
        bound = np.maximum(
            np.where(usable_a, np.minimum(fa, fa + ga * width), -np.inf),
            np.where(usable_b, np.minimum(fb, fb - gb * width), -np.inf),
        )
        # Tangents that cross inside: left of the crossing the right one is lower, and the reverse, so that the lower of
        # the two is a valid bound even where the crossing itself is known to rounding only.
        crossing = np.clip((fa - fb + gb * width) / (gb - ga), 0.0, width)
        lower = np.minimum(fa + ga * crossing, fb + gb * (crossing - width))
        bound = np.where(usable_a & usable_b & (ga < 0) & (gb > 0), np.maximum(bound, lower), bound)
        bound = np.minimum(bound, np.where(np.isnan(value), bound, value))  # a rounding error may put it above the value
    if scalar and len(value) == 1:
        return Minimum(argument[0], value[0], bound[0], bracket.iterations)
    return Minimum(argument, value, bound, bracket.iterations)


def _limits(tolerance, max_iterations) -> int:
    checks.number("tolerance", tolerance, minimum=0.0)
    return checks.count("max_iterations", max_iterations)


def _ends(low, high, *, nan: bool = False) -> tuple[np.ndarray, np.ndarray, bool]:
    """Both ends as fresh arrays of equal length, and whether they were numbers; ``nan`` in a lane only where it is allowed."""
    scalar = checks.axes(low) == 0 and checks.axes(high) == 0
    ends = []
    for name, end in (("low", low), ("high", high)):
        one = checks.axes(end) == 0
        ends.append(checks.array(name, end, () if one else ("D",), nan=nan and not one))
    a, b = (np.atleast_1d(end) for end in ends)
    if ends[0].ndim == ends[1].ndim == 1 and len(a) != len(b):
        raise InvalidScenario("high", f"has {len(b)} lanes, but low has {len(a)}")
    a, b = (np.array(end) for end in np.broadcast_arrays(a, b))
    return a, b, scalar


def _values(values, x: np.ndarray) -> np.ndarray:
    """What a function returned for the lanes x, as floats."""
    values = np.asarray(values)
    if values.dtype.kind not in "iuf" or (values.shape != x.shape and not (values.ndim == 0 and x.size == 1)):
        raise InvalidScenario("function", f"must return one real number for each of {x.size}, not {checks.short(values)}")
    values = np.atleast_1d(values).astype(float)
    _refuse_nan(values, x)
    return values


def _refuse_nan(values: np.ndarray, x: np.ndarray) -> None:
    """A nan that the function made (a lane whose own argument is nan stays nan)."""
    if np.isnan(values).any() and (bad := np.isnan(values) & ~np.isnan(x)).any():
        raise InvalidScenario("function", f"is nan at {np.broadcast_to(x, bad.shape)[checks.first(bad)]:g}")
