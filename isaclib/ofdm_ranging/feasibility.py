r"""Can the limits be met at all? Answered by proof: an allocation that meets them, or a bound that excludes them.

The limits are taken in order (CRB, main-lobe width, sidelobe level): each is held against the best value that it can have
beside those before it. The least CRB has a closed form; the others are least levels (:mod:`isaclib.ofdm_ranging.least`) with a
value attained and a bound proven. A limit is infeasible only where the *bound* excludes it; where neither side is proven the
answer is a SolverFailure with both numbers. None of this depends on the channel.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from ..foundations import checks
from ..foundations.errors import InfeasibleScenario, SolverFailure
from . import pulse as pulses
from .allocation import Limits, least_crb_s2
from .cuts import Problem, Region
from .least import LeastLevel, least_level, remembered
from .scenario import Scenario
from .window import dolph_shares, least_sidelobe_level, start_of_level

HOLDS = 1e-9  # relative: a limit that is broken by less is met up to rounding
_ROUNDING, _MOST_ROUNDED = 4e-16, 1e-6  # of a level relative to the main lobe; of a deep limit, relative, at most
# Points per 1/bandwidth on which peaks are sought at least: of 80 scenarios 5 hid one on 4 points, and one each on 5, 6 and 8.
_GRID = 16
_SAME = 1e-12  # relative distance at which a limit equals the least value that there is
AMPLE = 0.01  # relative room of a window at which no other is tried
_HALVINGS = 40
_LEAST_SLACK = 1e-13  # of the moment limit, relative: below it only the two edge carriers are left, up to rounding


@dataclass(frozen=True)
class Refusal:
    """What cannot be met, the best value that was attained for it, and the proven bound on it, all in the limit's unit."""

    constraint: str
    limit: float
    best_attainable: float
    bound: float

    def error(self) -> InfeasibleScenario:
        return InfeasibleScenario(
            self.constraint,
            limit=self.limit,
            best_attainable=self.best_attainable,
            message=f"proven: nothing attains less than {self.bound:.9g}",
        )


def problem_of(scenario: Scenario, limits: Limits) -> Problem:
    """The limits in normalised form: shares of the budget, delays in 1/bandwidth."""
    regions = []
    if limits.sidelobe_level() < 1:
        regions.append(Region(scenario.sidelobe_start, scenario.sidelobe_end, limits.sidelobe_level()))
    if (lobe := limits.main_lobe_region(scenario)) is not None:
        regions.append(Region(*lobe, pulses.HALF_POWER))
    slack = limits.moment_slack(scenario)
    if slack is not None:
        slack = max(slack, _LEAST_SLACK * (0.5 * (scenario.carriers - 1)) ** 2)
    return Problem(scenario.carriers, tuple(regions), slack, max(scenario.oversampling, _GRID))


def sidelobe_problem(scenario: Scenario, limits: Limits) -> Problem:
    """Sidelobe region first (to be lowered), the other limits as they are."""
    others = problem_of(scenario, dataclasses.replace(limits, peak_sidelobe_db=None))
    region = Region(scenario.sidelobe_start, scenario.sidelobe_end, 0.1)
    return dataclasses.replace(others, regions=(region, *others.regions))


def hopeless(scenario: Scenario, limits: Limits) -> bool:
    """Whether closed forms, or a least level that was computed before, exclude a limit: looking for an allocation would be in
    vain, and :func:`examine` will say the same.
    """
    crb = limits.max_toa_crb_s2
    if crb is not None and crb < least_crb_s2(scenario) * (1 - _SAME):
        return True
    whole = scenario.sidelobe_end >= 0.5 * scenario.carriers
    if whole and least_sidelobe_level(scenario.carriers, scenario.sidelobe_start) > limits.sidelobe_level() * (1 + _SAME):
        return True
    if limits.max_main_lobe_width_m is not None:
        narrow = remembered(problem_of(scenario, dataclasses.replace(limits, peak_sidelobe_db=None)))
        if narrow is not None and _excluded(narrow, pulses.HALF_POWER):
            return True
    low = remembered(sidelobe_problem(scenario, limits))
    return low is not None and _excluded(low, limits.sidelobe_level())


def window_within(scenario: Scenario, problem: Problem) -> np.ndarray | None:
    """A window of Dolph's (N,) that meets every limit, with ample room where there is any; None: there is no such window.

    Where the sidelobes begin late, the window of least sidelobes leaves most carriers next to no power; those that only go a
    little below the limit are broader, and nearer to any optimum. The earlier a window's sidelobes begin, the higher they are,
    the narrower is its main lobe, and the larger its second moment: a bisection.
    """
    count, last = scenario.carriers, scenario.sidelobe_start
    sidelobes = [region.level for region in problem.regions if region.stop > last]
    limit = min([region.level for region in problem.regions], default=1.0)
    low, high = min(start_of_level(count, limit), last), last
    start, best, least = min(start_of_level(count, 0.5 * limit), last), None, _SAME
    for _ in range(_HALVINGS):
        window = dolph_shares(count, start)
        excesses = problem.excesses(window)
        level, others = (float(part.max(initial=-1.0)) for part in np.split(excesses, [len(sidelobes)]))
        if max(level, others) <= least:
            best, least = window, max(level, others)
        if least <= -AMPLE or min(level, others) > 0:
            break
        low, high = (start, high) if level > others else (low, start)
        if not low < high * (1 - _SAME):
            break
        start = 0.5 * (low + high)
    return best


def _excluded(least: LeastLevel, limit: float) -> bool:
    return least.level > limit * (1 + HOLDS) and least.bound > limit * (1 + _SAME)


def examine(scenario: Scenario, limits: Limits) -> np.ndarray | Refusal:
    """Shares (N,) that meet the CRB, width and sidelobe limits, with room where there is any; or what cannot be met.

    Raises
    ------
    SolverFailure
        A least level is known too coarsely to tell.
    """
    count = scenario.carriers
    least, crb = least_crb_s2(scenario), limits.max_toa_crb_s2
    if crb is not None and crb < least * (1 - _SAME):
        return Refusal("max_toa_crb_s2", crb, least, least)
    edges = np.zeros(count)
    edges[[0, -1]] = 0.5
    narrow: LeastLevel | None = None
    if limits.max_main_lobe_width_m is not None:
        narrow = least_level(problem_of(scenario, dataclasses.replace(limits, peak_sidelobe_db=None)))
        if not _met(narrow, pulses.HALF_POWER, "max_main_lobe_width_m"):
            width, excluded = _best_width(scenario, crb, 1e-6)
            return Refusal("max_main_lobe_width_m", limits.max_main_lobe_width_m, width, excluded)
    if limits.peak_sidelobe_db is None or limits.sidelobe_level() >= 1:
        return _inside(narrow, pulses.HALF_POWER, None, edges) if narrow else edges
    low = least_level(sidelobe_problem(scenario, limits))
    if not _met(low, limits.sidelobe_level(), "peak_sidelobe_db"):
        found, proven = (float(pulses.decibels(level)) for level in (low.level, low.bound))
        return Refusal("peak_sidelobe_db", limits.peak_sidelobe_db, found, proven)
    return _inside(low, limits.sidelobe_level(), narrow, edges if crb is not None else None)


def _met(least: LeastLevel, limit: float, name: str) -> bool:
    """Whether a level limit can be met, by proof; its gap may be as wide as it likes where the limit lies outside."""
    if least.level <= limit * (1 + HOLDS) + min(_ROUNDING, _MOST_ROUNDED * limit):
        return True
    if _excluded(least, limit):
        return False
    raise SolverFailure(
        "least level", "undecided", {"limit": limit, "attained": least.level, "proven": least.bound}, f"{name} is at the edge"
    )


def _inside(least: LeastLevel, limit: float, narrow: LeastLevel | None, edges: np.ndarray | None) -> np.ndarray:
    """The least level's shares, moved by up to half of the room in the level towards shares with room in the other limits."""
    room = max(limit - least.level, 0.0)
    lobe = 0.0 if narrow is None else 0.25 * room
    moment = 0.0 if edges is None else 0.25 * room
    if narrow is not None:
        # The lobe's level may rise by what mixing in its own best shares leaves.
        moment = min(moment, 0.5 * lobe * (pulses.HALF_POWER - narrow.level) / (1 - pulses.HALF_POWER))
    shares = (1 - lobe - moment) * least.shares
    if narrow is not None:
        shares = shares + lobe * narrow.shares
    return shares if edges is None else shares + moment * edges


def best_main_lobe_width_m(
    scenario: Scenario, *, max_toa_crb_s2: float | None = None, tolerance: float = 1e-6
) -> tuple[float, float]:
    """Least main-lobe limit that can be met (with an optional CRB limit) and the largest one proven impossible, in metres.

    Both are infinite where no main-lobe limit can be met beside the CRB limit.

    Parameters
    ----------
    max_toa_crb_s2 : float, optional
    tolerance : float
        Relative distance of the two at which the bisection stops, from 1e-9 to 1.

    Raises
    ------
    InfeasibleScenario
        The CRB limit cannot be met, whatever the width.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> possible, impossible = best_main_lobe_width_m(scenario, tolerance=1e-3)
    >>> round(possible / scenario.range_cell_m, 2), impossible < possible
    (0.58, True)
    """
    checks.instance("scenario", scenario, Scenario)
    limits = Limits(max_toa_crb_s2=max_toa_crb_s2)
    tolerance = checks.number("tolerance", tolerance, minimum=1e-9, maximum=1.0)
    least = least_crb_s2(scenario)
    if limits.max_toa_crb_s2 is not None and limits.max_toa_crb_s2 < least * (1 - _SAME):
        raise Refusal("max_toa_crb_s2", limits.max_toa_crb_s2, least, least).error()
    return _best_width(scenario, limits.max_toa_crb_s2, tolerance)


def _best_width(scenario: Scenario, crb: float | None, tolerance: float) -> tuple[float, float]:
    count = scenario.carriers
    widest = 2.0 * scenario.sidelobe_start

    def at(width: float) -> LeastLevel:
        limits = Limits(max_main_lobe_width_m=width * scenario.range_cell_m, max_toa_crb_s2=crb)
        return least_level(problem_of(scenario, limits), pulses.HALF_POWER)

    impossible = min(0.5 * count / (count - 1), widest) * (1 - 1e-9)
    possible = widest
    outermost = at(widest)
    if outermost.level > pulses.HALF_POWER:
        return np.inf, (np.inf if outermost.bound > pulses.HALF_POWER else impossible * scenario.range_cell_m)
    while possible - impossible > tolerance * possible:
        width = 0.5 * (possible + impossible)
        least = at(width)
        if least.level <= pulses.HALF_POWER:
            possible = width
        elif least.bound > pulses.HALF_POWER:
            impossible = width
        else:
            break
    return possible * scenario.range_cell_m, impossible * scenario.range_cell_m
