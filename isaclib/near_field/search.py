r"""The search for the robust SINR: a bracket of beams and bounds, narrowed by cuts and by semidefinite programs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .balanced import balanced_beams
from .cuts import errors_over_radii, margin_by_cuts
from .dual_bound import DualPoint, sinr_limits
from .given_beams import certify
from .reduction import Reduced
from .relaxed import TwoSided, tightened, two_sided
from .root import COARSE, margin_precision, next_sinr, slope

_MOST_CUTS, _MOST_PROGRAMS = 12, 30
# Last cuts, and those beyond that follow one that left less than the part below of the gap.
_MOST_LAST, _MORE_LAST, _STEADY = 5, 3, 0.4
# Programs that lose their digits from the beginning, too, before the search of programs ends.
_MOST_LOST = 3
# A gap of the rank below which maximum ratio transmission has nothing to offer.
_FAR_FROM_RANK_ONE = 1e-2
# Numbers per program up to which it is the first choice. Rounds of one margin before the cuts are given up for it: of maximum
# ratio transmission, of large problems, of the last cuts and of channels without errors.
_LARGE, _ROUNDS, _ROUNDS_LARGE, _ROUNDS_LAST, _ROUNDS_EXACT = 1500, 4, 20, 12, 60
# Times the best SINR: bounds beyond it are no guess.
_NEAR = 3.0
# Far from the root only the direction counts: a margin proven this large says where to go on.
_FAR = 1.1
# Steps below this part of the tolerance lead nowhere.
_STANDSTILL = 0.1
_SHARPER, _SHARPEST = 0.3, 0.05
_CLOSE = 2e-2
_ROUNDING = 1e-9
# No program tells SINRs apart that differ by less than this.
_FINEST = 1e-7
# A SINR is new where no program was solved within this part of the bracket (of a Newton step: the second); places to look at
# without a step; and without beams. A bracket far from the root is no measure of the steps: it counts as one this wide in logs.
_FRESH, _FRESH_STEP, _PARTS, _RETREAT, _WIDE = 0.1, 1e-2, (0.5, 0.25, 0.75), 0.3, 1.0
# A Newton step this short (or, where covariances are not of rank one, this part of the gap) ends the search: what is left open is
# no matter of the SINR.
_SETTLED, RANK_ONE, _SETTLED_PART = 1e-6, 0.9999, 0.1
# Part of the tolerance below which the programs, solved no more accurately than it asks for, tell no SINRs apart, and that which
# beams may leave of it to the bound (where digits are lost: the last).
_PRECISE, _NEARLY, _NEARLY_LOST = 1e-2, 0.2, 2.0
# The last cuts bear fruit where they leave less than this part of the gap; their margins are as precise as the second part of it.
# Where between the ends of the side that is further open they look (in logs), for the beams and for the bound: at first, and
# nearer to what is sure to be excluded after one that bore none; the next such one ends the search. Where beams were found, the
# next are looked for boldly.
_WORTH, _LAST_PART, _FOR_BEAMS, _FOR_BOUND, _BOLDLY = 0.7, 0.3, (0.5, 0.15), (0.4, 0.8), 0.85
_TINY = 1e-300


class Bracket:
    """Best beams and least bound so far, for unit power and unit noise; a bound up to ``hopeless`` is as good as a closed one."""

    def __init__(self, problem: Reduced, tolerance: float, hopeless: float = 0.0) -> None:
        self.problem, self.tolerance, self.hopeless = problem, tolerance, hopeless
        self.best, self.bound = 0.0, math.inf
        self.beams: np.ndarray | None = None
        self.multipliers: np.ndarray | None = None
        self.dual: DualPoint | None = None
        self.tried: list[tuple[float, float, float]] = []
        self.restricted, self.ratio = math.inf, np.ones(len(problem.channels))

    @property
    def closed(self) -> bool:
        return self.best > 0 and self.bound / self.best - 1 <= self.tolerance

    def offer(self, best: float, beams: np.ndarray, multipliers: np.ndarray) -> None:
        if best > self.best:
            self.best, self.beams, self.multipliers = best, beams, multipliers

    def limit(self, bound: float, dual: DualPoint | None) -> None:
        if bound < self.bound:
            self.bound, self.dual = bound, dual

    def note(self, sinr: float) -> None:
        self.tried.append((sinr, self.best, self.bound))


def narrow(
    bracket: Bracket, guess: float, cuts: tuple[np.ndarray, ...] | None, *, by_programs_alone: bool = False
) -> tuple[np.ndarray, ...] | None:
    """Close the bracket: programs (after cuts, where they are large, there are no errors or beams are matched), then what
    maximum ratio transmission and a few cuts more add.
    """
    problem = bracket.problem
    exact = not np.any(problem.radii > 0)
    users, aps, width = problem.channels.shape
    size = users * (aps if problem.frames is not None else aps * width) ** 2
    small, earlier = size <= _LARGE, cuts
    if exact or not (by_programs_alone or (small and problem.frames is None)):
        rounds = _ROUNDS_EXACT if exact else _ROUNDS if small else _ROUNDS_LARGE
        cuts, earlier = by_cuts(bracket, guess, cuts, rounds, 3 * _MOST_CUTS if exact else _MOST_CUTS), None
        # The bound comes near the root first; Newton's steps find it from above as from below.
        guess = bracket.bound if bracket.bound < _NEAR * bracket.best else bracket.best
    if bracket.closed:
        return cuts
    told = by_programs(bracket, guess)
    cuts = errors_over_radii(problem, told.dual.channels, told.dual.owners)
    if earlier is not None:  # a neighbouring problem's are mostly this one's, too
        cuts = tuple(np.concatenate(both) for both in zip(earlier, cuts))
    if not (bracket.closed or by_programs_alone) and bracket.best > 0 and bracket.bound > bracket.hopeless:
        if problem.frames is None and bracket.restricted / bracket.best - 1 > _FAR_FROM_RANK_ONE:
            offer_matched(bracket)
        cuts = last_cuts(bracket, cuts)
    return cuts


def by_cuts(
    bracket: Bracket,
    gamma: float,
    cuts: tuple[np.ndarray, ...] | None,
    rounds: int,
    evaluations: int,
    *,
    precision: float = COARSE,
) -> tuple[np.ndarray, ...] | None:
    """Root of the margin by cuts that serve from one SINR to the next, until closed or too slow."""
    problem, tolerance = bracket.problem, max(bracket.tolerance, _FINEST)
    history: list[tuple[float, float, float]] = []
    sharper = 1.0
    for _ in range(evaluations):
        found = margin_by_cuts(problem, gamma, 1.0, tolerance=precision, cuts=cuts, enough=_FAR, max_rounds=rounds)
        cuts = found.cuts
        history.append((gamma, found.upper, found.lower))
        # t / gamma does not fall, so a margin of at least L at gamma excludes what lies above gamma / L; the dual point of
        # the cuts says more.
        bracket.limit(gamma / min(found.lower, 1.0) if found.lower > 0 else math.inf, None)
        if found.dual is not None:
            bracket.limit(float(sinr_limits(problem, found.dual, 1.0, np.ones(1))[0]) * (1 + _ROUNDING), found.dual)
        if found.beams is not None and gamma / max(found.upper, 1.0) > bracket.best:
            excess = max(found.upper, 1.0)
            # Scaling beams down by s and the SINR with them leaves M + Lambda no smaller: the same multipliers prove it.
            bracket.offer(gamma / excess, found.beams / math.sqrt(excess), found.multipliers)
            if tolerance < bracket.bound / bracket.best - 1 < _CLOSE * slope(history):
                offer(bracket, bracket.beams)  # scaled beams reach more than the scaled SINR
        bracket.note(gamma)
        slow = found.upper > found.lower * (1 + 2 * precision) and found.lower <= _FAR
        if bracket.closed or slow or not bracket.best > 0:
            break
        following = next_sinr(history, bracket.best, bracket.bound)
        if abs(following / gamma - 1) < _STANDSTILL * tolerance:
            # The same SINR again: only a closer look at its margin can help, until that does not, either.
            sharper *= _SHARPER
            if sharper < _SHARPEST:
                break
        distance = math.log(bracket.bound / bracket.best) if math.isfinite(bracket.bound) else 1.0
        gamma, precision = following, sharper * margin_precision(distance, tolerance, slope(history))
    return cuts


def last_cuts(bracket: Bracket, cuts: tuple[np.ndarray, ...] | None) -> tuple[np.ndarray, ...] | None:
    """A few evaluations more, beside the end that is further open: above the program's SINR for the bound, below for the beams;
    the other side where that is worth little.
    """
    fruitless, part, reached = 0, 1.0, False
    for count in range(_MOST_LAST + _MORE_LAST):
        if not math.isfinite(bracket.bound) or (count >= _MOST_LAST and part > _STEADY):
            break
        before, best = math.log(bracket.bound / bracket.best), bracket.best
        restricted = min(bracket.restricted, bracket.bound)  # of a program without digits it is infinite
        by_rank = (restricted / best > bracket.bound / restricted) != bool(fruitless)
        low, high = (best, restricted) if by_rank else (restricted, bracket.bound)
        bold = by_rank and reached
        place = low * (high / low) ** (_BOLDLY if bold else (_FOR_BEAMS if by_rank else _FOR_BOUND)[fruitless])
        cuts = by_cuts(bracket, place, cuts, _ROUNDS_LAST, 1, precision=min(COARSE, _LAST_PART * before))
        if bracket.closed:
            break
        part, reached = math.log(bracket.bound / bracket.best) / before, bracket.best > math.sqrt(best * place)
        if part > _WORTH and not bold:
            fruitless += 1
            if fruitless == len(_FOR_BOUND):
                break
    lossless = bracket.problem.channels.shape[1] <= 2 and np.min(bracket.ratio) > RANK_ONE
    if lossless and not bracket.closed and bracket.bound < bracket.best * (1 + _CLOSE):
        # Neither to the S-procedure nor to the rank: where the programs' digits end, cuts as close as the bracket go on.
        distance = math.log(bracket.bound / bracket.best)
        close = margin_precision(distance, max(bracket.tolerance, _FINEST), 1.0)
        cuts = by_cuts(bracket, bracket.best * math.exp(0.5 * distance), cuts, _ROUNDS_LARGE, _MOST_CUTS, precision=close)
    return cuts


def offer_matched(bracket: Bracket) -> None:
    """Maximum ratio transmission: where the relaxed covariances are far from rank one, it may be the best that is known."""
    simple = Bracket(bracket.problem.matched(), bracket.tolerance)
    simple.best = bracket.best  # what reaches no more is of no use: the first program's bound mostly says so
    by_programs(simple, bracket.best)
    if simple.beams is not None and simple.multipliers is not None:
        width = bracket.problem.channels.shape[2]  # without the coordinate of no antenna
        bracket.offer(simple.best, simple.beams[..., :width], simple.multipliers)


def offer_balanced(bracket: Bracket) -> None:
    """The beams that belong to the bound, where there are no errors."""
    beams = None if bracket.dual is None or bracket.problem.frames is not None else balanced_beams(bracket.problem, bracket.dual)
    if beams is not None:
        offer(bracket, beams)


def offer(bracket: Bracket, beams: np.ndarray) -> None:
    """Beams with the SINR that is proven for them; what proves a user's own SINR proves the least of all."""
    values, multipliers = certify(bracket.problem.channels, bracket.problem.radii, beams, least=bracket.best)
    bracket.offer(float(np.min(values)) * (1 - _ROUNDING), beams, multipliers)


def by_programs(bracket: Bracket, gamma: float) -> TwoSided:
    """Semidefinite programs, each where Newton's step from the one before leads, no more closely than that needs; else where the
    bracket is open, and closely where they end with a gap or not of rank one. The last one.
    """
    problem = bracket.problem
    seen: list[float] = []
    after: TwoSided | None = None
    closely, lost = False, 0
    for _ in range(_MOST_PROGRAMS):
        told = two_sided(problem, gamma, 1.0, bracket.tolerance, after=after, closely=closely, least=bracket.best)
        _take(bracket, told, gamma)
        seen.append(gamma)
        lost += told.lost and (closely or after is None or not after.lost)
        if bracket.closed:
            return told
        if lost == _MOST_LOST:
            break
        ceiling = min(bracket.bound, bracket.restricted)
        width = math.log(ceiling / bracket.best) if bracket.best > 0 else math.inf
        one = np.min(told.rank_one_ratio) > RANK_ONE
        short = max(_SETTLED if one else _SETTLED_PART * min(width, _CLOSE), _PRECISE * bracket.tolerance)
        settled = width <= (_NEARLY_LOST if told.lost else _NEARLY) * bracket.tolerance or abs(told.following / gamma - 1) < short
        following = _next_program(bracket.best, ceiling, told.following, seen)
        if settled or following is None:
            if closely or (one and width <= bracket.tolerance):
                break
            closely = True
        after = told if following == told.following else None
        gamma = following or gamma
    if problem.channels.shape[1] > 2:
        bound, dual = tightened(problem, told, 1.0)
        bracket.limit(bound * (1 + _ROUNDING), dual)
        return replace(told, dual=dual)
    return told


def _take(bracket: Bracket, found: TwoSided, sinr: float) -> None:
    if found.best > 0:
        bracket.offer(found.best, found.beams, found.multipliers)
    bracket.limit(found.bound * (1 + _ROUNDING), found.dual)
    bracket.restricted = min(bracket.restricted, found.restricted)
    bracket.ratio = found.rank_one_ratio
    bracket.note(sinr)


def _next_program(best: float, ceiling: float, newton: float, seen: list[float]) -> float | None:
    """Newton's step, the best SINR so far or a place between it and the ceiling: the first where no program was solved yet."""
    if best <= 0:
        return _RETREAT * min([*seen, ceiling])
    width = math.log(ceiling / best)
    trials = [(newton, _FRESH_STEP), *((best * math.exp(part * width), _FRESH) for part in (0.0, *_PARTS))]
    for trial, fresh in trials:
        # nan, where there is no Newton step, is fresh nowhere.
        if best <= trial <= ceiling and min(abs(math.log(trial / gamma)) for gamma in seen) > fresh * min(width, _WIDE):
            return trial
    return None
