r"""The paper's two rules for choosing between joint operation and communication only.

Both start from water-filling (WF). The *straightforward rule* takes the sidelobe-limited allocation of the paper's
reference [2] or nothing. The *dynamic allocation* (Algorithms 1 and 2) moves WF along a segment, :math:`p(\alpha) =
(1-\alpha) p_{\mathrm{WF}} + \alpha p_{\mathrm{target}}`, towards the edges-only allocation for accuracy or towards the
least-sidelobe allocation for ambiguity.

On the segment capacity is concave with its maximum at 0, and every limit is a convex condition on :math:`\alpha`. Hence
the smallest :math:`\alpha` that meets the missing limits is the best one, and a limit that WF meets holds on an interval
from 0: find that end of the missing limits' interval, then test the rest there. The text's search "while ensuring
capacity and PSL constraints" (its pseudo-code is missing) decides the same; a search on the outcome of all tests at once
would step over the interval.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from ..foundations import checks, scalar_search
from ..foundations.certificate import Certificate, Step
from ..foundations.errors import InfeasibleScenario
from .allocation import Allocation, Limits
from .benchmarks import mixing_ends
from .exact import solve_sidelobe_limited
from .scenario import Scenario, capacity_bps
from .waterfilling import waterfill_shares

_WEIGHT_TOLERANCE = 1e-8
_HOLDS = 1e-9  # relative violation that counts as none: the mixture's end points are themselves computed numbers
_GOLDEN = 0.5 * (math.sqrt(5) - 1)
_GOLDEN_STEPS = 60


def straightforward_rule(
    scenario: Scenario,
    *,
    peak_sidelobe_db: float | None = None,
    max_toa_crb_s2: float | None = None,
    max_main_lobe_width_m: float | None = None,
    max_capacity_loss: float | None = None,
    sidelobe_limited: Allocation | None = None,
) -> Allocation:
    """The paper's first rule (Section IV, steps 1 to 5).

    Solve for capacity under the sidelobe limit alone; use it if capacity loss and accuracy then hold, else water-filling with
    mode "communication". Never raises for infeasibility. The certificate has a residual and no bound.

    Parameters
    ----------
    peak_sidelobe_db, max_toa_crb_s2, max_main_lobe_width_m, max_capacity_loss : float, optional
        The limits.
    sidelobe_limited : Allocation, optional
        The first step's solution, as :func:`solve_sidelobe_limited` gives it, where it is known: its seconds count.

    Examples
    --------
    >>> import numpy as np
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> rule = straightforward_rule(scenario, peak_sidelobe_db=-20.0, max_capacity_loss=0.2)
    >>> rule.mode, round(rule.capacity_bps / 1e6, 3)
    ('isac', 7.356)
    """
    began = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    limits = Limits(peak_sidelobe_db, max_toa_crb_s2, max_main_lobe_width_m, max_capacity_loss)
    if sidelobe_limited is not None:
        checks.instance("sidelobe_limited", sidelobe_limited, Allocation, "what solve_sidelobe_limited returns")
    powers = waterfill_shares(scenario.carrier_snr) * scenario.power_budget_w
    if limits.peak_sidelobe_db is not None:
        try:
            known = sidelobe_limited or solve_sidelobe_limited(scenario, limits.peak_sidelobe_db)
            powers = checks.array("sidelobe_limited", known.powers_w, ("N",), minimum=0, sizes={"N": scenario.carriers})
            began -= sidelobe_limited.certificate.seconds if sidelobe_limited else 0.0
        except InfeasibleScenario:
            return _communication(scenario, "straightforward rule", began, ())
    if max(limits.violations(scenario, powers).values()) > _HOLDS:
        return _communication(scenario, "straightforward rule", began, ())
    return _joint(scenario, limits, powers, "straightforward rule", began, ())


def dynamic_allocation(
    scenario: Scenario,
    *,
    peak_sidelobe_db: float | None = None,
    max_toa_crb_s2: float | None = None,
    max_main_lobe_width_m: float | None = None,
    max_capacity_loss: float | None = None,
    improve_accuracy: bool = False,
    carriers_per_side: int = 1,
) -> Allocation:
    """The paper's proposal: Algorithm 1, with Algorithm 2 in both directions.

    Water-filling is kept where it meets all limits, and where it misses both kinds (sidelobes; CRB or main-lobe width)
    the answer is communication only. Where it misses one kind, it is mixed towards the allocation that is best for that
    kind, as little as needed; mode "isac" if the other limits hold there.

    Parameters
    ----------
    improve_accuracy : bool
        The paper's option to improve accuracy beyond what is asked, where the sidelobe limit holds: mix towards the edges
        as far as the other limits allow (without a limit that stops it, up to the edges themselves).
    carriers_per_side : int
        Of the edges-only allocation.

    Returns
    -------
    Allocation
        Never raises for infeasibility. No bound in the certificate; ``history`` holds the tested weights' capacities.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> rule = dynamic_allocation(scenario, peak_sidelobe_db=-20.0, max_capacity_loss=0.2)
    >>> rule.mode, round(rule.capacity_bps / 1e6, 3)
    ('isac', 6.92)
    """
    began = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    limits = Limits(peak_sidelobe_db, max_toa_crb_s2, max_main_lobe_width_m, max_capacity_loss)
    checks.flag("improve_accuracy", improve_accuracy)
    checks.count("carriers_per_side", carriers_per_side, maximum=scenario.carriers // 2)
    ambiguity = Limits(peak_sidelobe_db=peak_sidelobe_db)
    accuracy = Limits(max_toa_crb_s2=max_toa_crb_s2, max_main_lobe_width_m=max_main_lobe_width_m)
    start = waterfill_shares(scenario.carrier_snr) * scenario.power_budget_w
    history: list[Step] = []

    def worst(wanted: Limits, powers: np.ndarray) -> float:
        return max(wanted.violations(scenario, powers).values())

    clear, sharp = worst(ambiguity, start) <= _HOLDS, worst(accuracy, start) <= _HOLDS
    if not clear and not sharp:
        return _communication(scenario, "dynamic allocation", began, ())
    if clear and sharp and not improve_accuracy:
        return _joint(scenario, limits, start, "dynamic allocation", began, ())
    start, target = mixing_ends(scenario, "edges" if clear else "sidelobe", carriers_per_side=carriers_per_side)

    def violation(wanted: Limits) -> Callable[[float], float]:
        def at(weight: float) -> float:
            powers = (1 - weight) * start + weight * target
            over = wanted.violations(scenario, powers)
            del over["power_budget_w"]  # every mixture spends it: an excess of 0 would hide by how much the limits hold
            value = max(over.values(), default=0.0)
            history.append(
                Step(len(history), float(capacity_bps(scenario, powers)), value <= _HOLDS, time.perf_counter() - began)
            )
            return value

        return at

    missing = accuracy if clear else ambiguity
    weight = 0.0 if clear and sharp else smallest_weight(violation(missing))
    powers = None if weight is None else (1 - weight) * start + weight * target
    if powers is None or worst(limits, powers) > _HOLDS:
        return _communication(scenario, "dynamic allocation", began, tuple(history))
    if improve_accuracy and clear:
        weight = largest_weight(violation(limits), weight)
        powers = (1 - weight) * start + weight * target
    return _joint(scenario, limits, powers, "dynamic allocation", began, tuple(history))


def smallest_weight(violation: Callable[[float], float]) -> float | None:
    r"""Smallest :math:`\alpha \in [0,1]` with ``violation(alpha) <= 0`` for a violation that is quasi-convex in it and
    positive at 0, or None.

    If the limit holds at 1, a search between 0 and 1 is sound. Otherwise (mixing towards the edges can overshoot a
    main-lobe limit) a golden-section search first looks for a weight where it holds.
    """
    inside = 1.0 if violation(1.0) <= _HOLDS else _golden(violation)
    if inside is None:
        return None
    return _end(violation, 0.0, inside)


def largest_weight(violation: Callable[[float], float], inside: float) -> float:
    """Right end of the interval of weights in [inside, 1] that meet the limits; ``inside`` itself meets them."""
    if violation(1.0) <= _HOLDS:
        return 1.0
    return _end(violation, 1.0, inside)


def _end(violation: Callable[[float], float], outside: float, inside: float) -> float:
    """Where the limits begin to hold between a weight that violates them and one that does not: the bracket's valid end.

    They hold as well there as at ``inside``. The rounding allowed there, sought as a violation, would gain its square root of the
    capacity where the end lies at the edge of what can be met.
    """
    best = max(0.0, violation(inside))
    return float(
        scalar_search.sign_change(lambda a: violation(float(a)) - best, outside, inside, tolerance=_WEIGHT_TOLERANCE).high
    )


def _golden(violation: Callable[[float], float]) -> float | None:
    low, left, right, high = 0.0, 1.0 - _GOLDEN, _GOLDEN, 1.0
    at_left, at_right = violation(left), violation(right)
    for _ in range(_GOLDEN_STEPS):
        if min(at_left, at_right) <= _HOLDS:
            return left if at_left <= _HOLDS else right
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = violation(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = violation(right)
    return None


def _communication(scenario: Scenario, method: str, began: float, history: tuple[Step, ...]) -> Allocation:
    powers = waterfill_shares(scenario.carrier_snr) * scenario.power_budget_w
    value = float(capacity_bps(scenario, powers))
    residual = max(0.0, float(powers.sum() / scenario.power_budget_w - 1))
    certificate = Certificate(
        method=f"{method}: communication only",
        value=value,
        residual=residual,
        iterations=len(history),
        seconds=time.perf_counter() - began,
    )
    return Allocation(powers, "communication", value, certificate, history)


def _joint(
    scenario: Scenario, limits: Limits, powers: np.ndarray, method: str, began: float, history: tuple[Step, ...]
) -> Allocation:
    value = float(capacity_bps(scenario, powers))
    certificate = Certificate(
        method=method,
        value=value,
        residual=limits.residual(scenario, powers),
        iterations=len(history),
        seconds=time.perf_counter() - began,
    )
    return Allocation(powers, "isac", value, certificate, history)
