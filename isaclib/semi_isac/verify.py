r"""The judge: what an allocation violates, by name, and a proven bound on what any allocation could reach. No solver inside.

Everything is recomputed from the scenario and from shares and powers; what an allocation reports about itself (rates,
objective, the value in its certificate) has to agree with that.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import FEASIBLE, Certificate, relative_gap
from ..foundations.errors import InvalidScenario
from .allocation import CRITERIA, OPTIMAL_GAP, OPTIMAL_RESIDUAL, RESTRICTIONS, Allocation, Criterion, Scheme
from .bands import Bands, lowered
from .bounds import closing_density, efficiency_at, known, marginal_values, sum_at, touching_density
from .prices import fitted_multipliers, held
from .scenario import Network, Scenario, Stack, flatten, system

SCHEME_WORDS: tuple[str, ...] = (*RESTRICTIONS, "random")
_CLOSE = 1e-7  # a gap that need not be closed further
_AGREE = 1e-9  # a reported number may differ by as much from the recomputed one
_PRICES = 61  # prices of power, around the fitted one, at which the bound is tried at once
_WIDEST, _NARROWEST = 14.0, 1e-14  # range of the logarithm of the price, at first and at last
_FINE = 1e-7  # below which only steep multipliers, those of an edge, tell one price from the next


def violations(
    scenario: Scenario | Network, shares: ArrayLike, powers_w: ArrayLike, *, scheme: Scheme = "joint"
) -> dict[str, float]:
    """Every constraint by name with its excess relative to the limit it violates: 0 where it holds, inf where it is not defined.

    Parameters
    ----------
    scenario : Scenario or Network
    shares, powers_w : (K,)
        Anybody's: negative or non-finite entries are violations, not errors; a wrong length is an error.
    scheme : {"joint", "equal_power", "equal_spectrum", "random"}

    Returns
    -------
    dict of str to float
        ``bandwidth`` (shares above 1 in sum), ``power_budget_w``, ``shares`` and ``powers_w`` (negative entries, relative to
        the budget), ``min_sensing_bps[i]`` and ``min_rate_bps[i]`` (floors, indexed as in the scenario), and the equality of
        a restricted scheme under its name.

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> found = si.violations(drop, [0.01, 0.5, 0.5], [0.001, 0.3, 0.5])
    >>> {name: round(excess, 3) for name, excess in found.items() if excess > 0}
    {'bandwidth': 0.01, 'min_sensing_bps[0]': 0.581}
    """
    scenario, scheme = system("scenario", scenario), checks.word("scheme", scheme, SCHEME_WORDS)
    shares, powers_w = (
        checks.array(name, value, (scenario.users,), nan=True, infinite=True)
        for name, value in (("shares", shares), ("powers_w", powers_w))
    )
    return _violations(scenario, shares, powers_w, scheme)


def residual(scenario: Scenario | Network, shares: ArrayLike, powers_w: ArrayLike, *, scheme: Scheme = "joint") -> float:
    """The largest of the :func:`violations`.

    Examples
    --------
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> si.residual(drop, [0.2, 0.3, 0.5], [0.2, 0.3, 0.5])
    0.0
    """
    return max(violations(scenario, shares, powers_w, scheme=scheme).values())


def _violations(scenario, shares, powers_w, scheme) -> dict[str, float]:
    stack = Stack.of([scenario])
    columns = excesses(stack, shares[None], powers_w[None], scheme)
    found = {name: float(column[0]) for name, column in columns.items() if not name.startswith("floor")}
    table = np.stack([columns["floor_sensing"][0], columns["floor_rate"][0]], axis=1)
    semi = isinstance(scenario, Scenario)
    for j, name in enumerate(("min_sensing_bps", "min_rate_bps")):
        own = table[:, j] if not semi else table[:2, j] if j == 0 else table[1:, j]
        found |= {f"{name}[{i}]": float(excess) for i, excess in enumerate(own)}
    return found


@np.errstate(all="ignore")
def excesses(stack: Stack, shares, powers_w, scheme: Scheme = "joint") -> dict[str, np.ndarray]:
    """Relative excesses of D networks: (D,) each, the floors (D, K); infinite where an entry is not finite."""
    powers = powers_w / stack.power_budget_w[:, None]
    sound = np.isfinite(shares).all(axis=1) & np.isfinite(powers).all(axis=1)
    shares, powers = (np.where(sound[:, None], values, 0.0) for values in (shares, powers))
    table = stack.rates(np.maximum(shares, 0), np.maximum(powers, 0) * stack.power_budget_w[:, None])
    floors = stack.floors_bps
    lacking = np.where(floors > 0, (floors - table) / np.where(floors > 0, floors, 1.0), 0.0)
    found = {
        "bandwidth": shares.sum(axis=1) - 1,
        "power_budget_w": powers.sum(axis=1) - 1,
        "shares": -shares.min(axis=1),
        "powers_w": -powers.min(axis=1),
        "floor_sensing": lacking[..., 0],
        "floor_rate": lacking[..., 1],
    }
    if scheme in ("equal_power", "equal_spectrum"):
        fixed = powers if scheme == "equal_power" else shares
        found[scheme] = np.abs(fixed - 1 / fixed.shape[1]).max(axis=1)
    for name, column in found.items():
        known = sound if column.ndim == 1 else sound[:, None]
        found[name] = np.where(known & ~np.isnan(column), np.maximum(column, 0.0), np.inf)
    return found


def residuals(stack: Stack, shares, powers_w, scheme: Scheme = "joint") -> np.ndarray:
    """Largest excess of each of D networks: (D,)."""
    columns = excesses(stack, shares, powers_w, scheme).values()
    return np.max([column.reshape(len(column), -1).max(axis=1) for column in columns], axis=0)


@np.errstate(all="ignore")
def objective_value(scenario: Scenario | Network, table: np.ndarray, powers_w: np.ndarray, criterion: Criterion) -> float:
    """Weighted sum of rates in bit/s or energy efficiency in bit/J of a table (K, 2) of rates."""
    if criterion == "efficiency":
        return float(np.sum(table) / (np.sum(powers_w) + scenario.circuit_power_w))
    return float(scenario.weights @ table.sum(axis=1))


def proven(value: float, bound: float, violation: float) -> bool:
    """Whether value and bound are numbers that meet, and every constraint holds (both to the chapter's tolerances)."""
    return bool(math.isfinite(value) and relative_gap(value, bound) <= OPTIMAL_GAP and violation <= OPTIMAL_RESIDUAL)


def build(
    scenario,
    shares,
    powers_w,
    *,
    criterion,
    scheme,
    method,
    bound=math.nan,
    iterations=0,
    seconds=0.0,
    history=(),
    multipliers=None,
    stopped=True,
) -> Allocation:
    """An allocation with rates, value, residual and status recomputed from its shares and powers.

    Without a proof the status is ``converged``, or ``iteration_limit`` where the method had not ``stopped`` by itself.
    """
    shares, powers_w = np.array(shares, dtype=float), np.array(powers_w, dtype=float)
    stack = Stack.of([scenario])
    table = stack.rates(shares[None], powers_w[None])[0]
    value = objective_value(scenario, table, powers_w, criterion)
    violation = float(residuals(stack, shares[None], powers_w[None], scheme)[0])
    certificate = Certificate(
        method=method,
        value=value,
        bound=bound,
        residual=violation,
        status="optimal" if proven(value, bound, violation) else "converged" if stopped else "iteration_limit",
        iterations=iterations,
        seconds=seconds,
    )
    table = flatten(table) if isinstance(scenario, Scenario) else table
    multipliers = None if multipliers is None else np.array(multipliers, dtype=float)
    for values in (shares, powers_w, table, multipliers):
        if values is not None:
            values.setflags(write=False)
    return Allocation(shares, powers_w, table, value, certificate, tuple(history), criterion, scheme, multipliers)


@np.errstate(all="ignore")
def tightest_bound(
    bands: Bands, shares, powers, criterion: Criterion, scheme: Scheme, hints=(), *, search: bool = True, power_price: float = 0.0
) -> tuple[float, np.ndarray]:
    """The best bound for a single network that multipliers fitted to the allocation, the ``hints`` or none at all prove.

    The tangents are taken at the allocation's own densities, and where a watt is worth one common price to every user: the
    exact dual function, in which a user without a band has no say. If bound and value do not meet yet, that price is moved
    (``search``). From a sum, a ``power_price`` may be taken.

    Returns
    -------
    (float, (1, K, 2))
        Bound, without units, and its multipliers.
    """
    free = RESTRICTIONS[scheme]
    table = bands.slopes(powers / np.where(shares > 0, shares, 1.0))[0] * shares[..., None]
    used = powers.sum() + bands.circuit[0]
    efficiency = criterion == "efficiency"
    q = float(table.sum() / used) if efficiency else power_price
    value = q if efficiency else float(np.sum(bands.weights * table.sum(axis=2)) - q * powers.sum())
    own, holds = powers / np.where(shares > 0, shares, 1.0), held(shares, powers, free)
    fitted, _, price = fitted_multipliers(bands, shares, powers, power_price=q, free=free)
    best, chosen, searched = math.inf, fitted, []
    for trial in (*hints, fitted, np.zeros_like(fitted)):
        hertz, watts = (worth_of[holds] for worth_of in marginal_values(bands, own, trial))
        common = max(float(watts.max(initial=0.0)), 1e-290 if any(trial is hint for hint in hints) else price)
        touching = touching_density(bands, trial, np.array([common])) if free.powers else own
        if not free.powers and len(hertz):
            touching = closing_density(bands, trial, np.array([hertz.max()]))
        for x in (own, np.where(holds, own, touching), touching):
            found = float(_bound(bands, shares, powers, trial, x, efficiency, free, power_price)[0])
            if found < best:
                best, chosen = found, trial
        searched.append((trial, common))
    for trial, centre in searched if search and free.powers else ():
        width, before = _WIDEST, math.inf
        while width > _NARROWEST and not relative_gap(value, best) <= _CLOSE:
            prices = centre * np.exp(np.linspace(-width, width, _PRICES))
            lanes = np.zeros(_PRICES, dtype=int)
            x = touching_density(bands.take(lanes), trial[lanes], prices)
            found = _bound(bands.take(lanes), shares[lanes], powers[lanes], trial[lanes], x, efficiency, free, power_price)
            centre, width = float(prices[np.argmin(found)]), width / 20
            if found.min() < best:
                best, chosen = float(found.min()), trial
            if width < _FINE and not found.min() < before * (1 - _AGREE):
                break
            before = float(found.min())
    return best, chosen


def _bound(bands, shares, powers, multipliers, x, efficiency, free, power_price) -> np.ndarray:
    if efficiency:
        return known(efficiency_at(bands, shares, powers, multipliers, x=x, free=free, widen=True))
    return known(sum_at(bands, shares, powers, multipliers, x=x, power_price=power_price, free=free, widen=True))


@np.errstate(all="ignore")
def verify(scenario: Scenario | Network, allocation: Allocation) -> Certificate:
    """Recompute value, residual and bound of an allocation in NumPy, from its shares and powers alone.

    The residual counts what the allocation says of itself, too: rates, objective and the value of its certificate have to be
    there, in the right shape, and agree with the recomputed ones. The bound (of :mod:`~isaclib.semi_isac.bounds`) is valid
    whatever the allocation, and meets the value only at an optimum of its scheme; random allocations are held against the
    joint problem. ``status`` is ``optimal`` if gap and residual are below 1e-6 and 1e-7.

    To judge an allocation of your own, use :func:`~isaclib.semi_isac.score`: away from the optimum this bound is loose.

    Raises
    ------
    InvalidScenario
        For something else than an :class:`Allocation`, or an unknown criterion or scheme in it.

    Examples
    --------
    >>> import dataclasses
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> best = si.solve_exact(drop)
    >>> si.verify(drop, best).status
    'optimal'
    >>> worse = si.verify(drop, dataclasses.replace(best, powers_w=0.9 * best.powers_w))
    >>> worse.status, round(worse.residual, 2)
    ('converged', 0.01)
    """
    start = time.perf_counter()
    scenario = system("scenario", scenario)
    checks.instance("allocation", allocation, Allocation, "score takes plain arrays")
    criterion = checks.word("allocation.criterion", allocation.criterion, CRITERIA)
    scheme = checks.word("allocation.scheme", allocation.scheme, SCHEME_WORDS)
    users = scenario.users
    shares, sound_shares = _taken(allocation.shares, users)
    powers_w, sound_powers = _taken(allocation.powers_w, users)
    table = np.full((users, 2), math.nan)
    value, violation, rounded = math.nan, math.inf, 0.0
    if sound_shares and sound_powers:
        table = Stack.of([scenario]).rates(np.maximum(shares, 0)[None], np.maximum(powers_w, 0)[None])[0]
        value = objective_value(scenario, table, np.maximum(powers_w, 0), criterion)
        found = _violations(scenario, shares, powers_w, scheme)
        violation = max(found.values())
        lacking = max(excess for name, excess in found.items() if name.startswith("min"))
        beyond = max(excess for name, excess in found.items() if not name.startswith("min"))
        rounded = lacking + users * beyond if violation <= FEASIBLE else 0.0
        violation = max(violation, _disagreement(scenario, allocation, table, value))
    # What keeps its constraints to rounding is held against the problem that it solves: divided by its excess of the budgets,
    # it keeps floors that are lower by as much. Next to the edge, the optimum of the scenario itself lies far below.
    bands = lowered(Bands.of([scenario]), np.array([rounded]))
    unit = float(bands.scale[0] * scenario.weights.max())
    if criterion == "efficiency":
        bands, unit = bands.unweighted(), float(bands.scale[0] / bands.power_w[0])
    held = "joint" if scheme == "random" else scheme
    free, even = RESTRICTIONS[held], np.full((1, users), 1 / users)
    at_shares = np.maximum(shares, 0)[None] if sound_shares and free.shares else even
    at_powers = np.maximum(powers_w, 0)[None] / scenario.power_budget_w if sound_powers and free.powers else even
    hint, sound_hint = _taken(allocation.multipliers, users, 2)
    hints = (np.maximum(hint, 0)[None],) if sound_hint else ()
    bound = tightest_bound(bands, at_shares, at_powers, criterion, held, hints)[0] * unit if bands.finite()[0] else math.inf
    return Certificate(
        method="verification",
        value=value,
        bound=bound,
        residual=violation,
        status="optimal" if proven(value, bound, violation) else "converged",
        seconds=time.perf_counter() - start,
    )


def _taken(value: Any, *shape: int) -> tuple[np.ndarray, bool]:
    """A reported array and whether it can be used: finite numbers of the right shape, none of them masked."""
    try:
        return checks.array("allocation", value, shape), True
    except InvalidScenario:
        return np.zeros(shape), False


def _disagreement(scenario, allocation: Allocation, table: np.ndarray, value: float) -> float:
    """Largest relative distance of what the allocation reports from what was recomputed (inf: missing, nan, wrong shape)."""
    expected = flatten(table) if isinstance(scenario, Scenario) else table
    reported = getattr(allocation.certificate, "value", None)
    worst = 0.0
    for found, right in ((allocation.rates_bps, expected), (allocation.objective, value), (reported, value)):
        given, sound = _taken(found, *np.shape(right))
        if not sound:
            return math.inf
        scale = max(float(np.max(np.abs(right))), np.finfo(float).tiny)
        off = float(np.max(np.abs(given - right))) / scale
        worst = max(worst, off if off > _AGREE else 0.0)
    return worst
