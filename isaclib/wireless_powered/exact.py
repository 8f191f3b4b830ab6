r"""The certified global optimum of (P1): one monotone search along the curve :math:`p(s)`.

On the curve (see :mod:`.curve`) the throughput is :math:`R = W T / G(s)`, and every objective and every CRB improves with
every power, so the best powers at a given s are :math:`p(s)`. G is convex and the CRBs decrease in s. Hence

.. math:: s^\star = \min\{\, s :\ G'(s) \ge 0\ \text{and}\ \max_n \operatorname{tr} J_n(p(s))^{-1} \le \eta \,\},

a single sign change. The last bracket :math:`[\alpha, \beta]` proves optimality: nothing to the left of :math:`\alpha` can be
feasible *and* better, and on its right the tangents bound the convex G from below,

.. math:: G(s) \ge \min_{s \in [\alpha, \beta]} \max\{G(\alpha) + G'(\alpha)(s - \alpha),\ G(\beta) + G'(\beta)(s - \beta)\}.

If the CRB is what holds at :math:`\alpha`, then :math:`G'(\alpha) \ge 0` may already be true and the bound is
:math:`G(\alpha)` itself, at a point that is infeasible.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ..foundations.certificate import Certificate
from ..foundations.errors import InfeasibleScenario
from ..foundations.scenario import Batch
from .allocation import Allocation, AllocationBatch
from .curve import Curve, Point, Rows, Sensing, locate
from .scenario import Scenario

_CHUNK = 256  # lanes per pass: their arrays stay in the processor's cache
_OPTIMAL_GAP = 1e-6


def solve_exact(scenario: Scenario) -> Allocation:
    r"""Global optimum of (P1) with a certificate.

    Parameters
    ----------
    scenario : Scenario
        With ``sensing="energy"`` the problem is another one, jointly convex in times and energies: see :mod:`.energy`.

    Returns
    -------
    Allocation
        ``certificate.bound`` is :math:`W T` over the lower bound of G at the last bracket (power sensing).

    Raises
    ------
    InfeasibleScenario
        ``constraint="crb_limit_m2"``, ``index`` the target with the worst CRB at full power, ``best_attainable`` that CRB
        (inf: BS, target and all users that can help lie on one line).
    """
    if scenario.sensing == "energy":
        from .energy import solve_energy

        return solve_energy(scenario)
    start = time.perf_counter()
    batch, bound, iterations = _solve_chunk(Batch([scenario]))
    if not batch.feasible[0]:
        raise infeasible(scenario, batch)
    return row(batch, 0, bound[0], "convex scalar search", iterations, time.perf_counter() - start)


def solve_exact_batch(scenarios: Batch | Sequence[Scenario]) -> AllocationBatch:
    """:func:`solve_exact` for many scenarios of equal shape at once; infeasible rows are nan and never raise."""
    batch = Batch.of(scenarios)
    if batch.sensing == "energy":
        from .energy import solve_energy_batch

        return solve_energy_batch(batch)
    parts = [_solve_chunk(Rows(batch, slice(start, start + _CHUNK)))[0] for start in range(0, len(batch), _CHUNK)]
    return stack(parts)


def _solve_chunk(batch: Batch | Rows) -> tuple[AllocationBatch, np.ndarray, int]:
    curve = Curve(batch)
    sensing = Sensing(batch, batch.bs_power_w)
    full = sensing.crb(curve.max_power)
    feasible = full.max(axis=1) <= batch.crb_limit_m2
    # Lanes that are infeasible run along without a sensing limit, and are blanked at the end.
    used = limit_use(sensing, np.where(feasible, batch.crb_limit_m2, np.inf))

    def excess(point: Point) -> np.ndarray:
        return np.log(np.fmax(point.pull, used(point.powers_w)))

    bracket, left, right = locate(curve, excess, curve.z_all_capped())
    bound = batch.bandwidth_hz * (batch.time_budget_s / tangent_bound(left, right))  # rounds like the throughput below
    frame = batch.time_budget_s / right.total
    times = frame[:, None] / right.rates
    throughput = batch.bandwidth_hz * frame
    result = allocations(batch, curve, sensing, right.powers_w, right.s * frame, times, throughput, feasible, full, bound)
    return result, bound, bracket.iterations


def limit_use(sensing: Sensing, limit: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The function powers (..., D, M) -> worst CRB over its limit (..., D); nan for an infinite CRB without a limit."""
    return lambda powers: sensing.crb(powers).max(axis=-1) / limit


def tangent_bound(left: Point, right: Point) -> np.ndarray:
    r"""Least value that convexity allows for G on :math:`[s_\alpha, s_\beta]`, given values and slopes at both ends."""
    length, rise = right.beyond - left.beyond, np.maximum(left.pull - right.pull, np.finfo(float).tiny)
    crossing = (left.total - right.total + right.slope * length) / rise
    least = left.total + np.minimum(left.slope, 0.0) * np.minimum(np.maximum(crossing, 0.0), length)
    return np.minimum(least, right.total)  # G takes this value: only rounding can put the bound above it


def allocations(batch, curve, sensing, powers, charging, times, throughput, feasible, crb_at_best, bound) -> AllocationBatch:
    """A batch of allocations with their residuals; ``crb_at_best`` (D, N) holds the best attainable CRBs."""
    spent = powers * times
    if batch.sensing == "power":
        crb = sensing.crb(powers)
    else:  # sensing.crb is per second of charging
        crb = sensing.crb(spent / charging[:, None]) / charging[:, None]
    excess = np.maximum((charging + times.sum(axis=1)) / batch.time_budget_s, (powers / batch.max_power_w[:, None]).max(axis=1))
    excess = np.maximum(excess, (spent / (curve.harvest * charging[:, None])).max(axis=1))
    limited = np.isfinite(batch.crb_limit_m2)
    excess = np.maximum(excess, np.where(limited, crb.max(axis=1) / np.where(limited, batch.crb_limit_m2, 1.0), 0.0))
    worst, everywhere = np.argmax(crb_at_best, axis=1), feasible.all()

    def blank(values):
        return values if everywhere else np.where(feasible if values.ndim == 1 else feasible[:, None], values, np.nan)

    return AllocationBatch(
        powers_w=blank(powers),
        charging_time_s=blank(charging),
        times_s=blank(times),
        min_throughput_bit=blank(throughput),
        feasible=feasible,
        best_attainable=crb_at_best[np.arange(len(worst)), worst],
        worst_target=worst,
        gap=blank(np.abs(bound - throughput) / throughput),
        residual=blank(np.maximum(excess - 1, 0.0)),
    )


def stack(parts: Sequence[AllocationBatch]) -> AllocationBatch:
    """Batches one after another."""
    names = AllocationBatch.__dataclass_fields__
    return AllocationBatch(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def row(batch: AllocationBatch, d: int, bound: float, method: str, iterations: int, seconds: float) -> Allocation:
    """Row d as an allocation with its certificate."""
    value = float(batch.min_throughput_bit[d])
    certificate = Certificate(
        method=method,
        value=value,
        bound=float(bound),
        residual=float(batch.residual[d]),
        status="optimal" if batch.gap[d] <= _OPTIMAL_GAP else "iteration_limit",
        iterations=iterations,
        seconds=seconds,
    )
    return Allocation(batch.powers_w[d], float(batch.charging_time_s[d]), batch.times_s[d], value, certificate)


def infeasible(scenario: Scenario, batch: AllocationBatch, d: int = 0) -> InfeasibleScenario:
    """The error that names the target and what it can have at best."""
    best = float(batch.best_attainable[d])
    degenerate = "the base station, this target and every user that can help lie on one line"
    return InfeasibleScenario(
        "crb_limit_m2",
        index=int(batch.worst_target[d]),
        limit=scenario.crb_limit_m2,
        best_attainable=best,
        message=degenerate if np.isinf(best) else f"even with every user at full {scenario.sensing}",
    )
