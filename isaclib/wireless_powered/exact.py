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
from collections.abc import Sequence

import numpy as np

from ..foundations import checks
from ..foundations.scenario import Batch
from .allocation import Allocation, AllocationBatch
from .batch import allocations, batch_of, infeasible, put, row, stack
from .curve import Curve, Point, locate, search_limits, settle, tangent_bound
from .energy import solve_energy, solve_energy_batch
from .scenario import Scenario
from .sensing import Lane, Rows, Sensing

_CHUNK = 256  # lanes per pass: their arrays stay in the processor's cache


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

    Examples
    --------
    >>> allocation = solve_exact(Scenario.random(np.random.default_rng(1)))
    >>> round(allocation.min_throughput_bit, 3), round(allocation.charging_time_s, 5), allocation.certificate.status
    (16987.364, 9.98872, 'optimal')
    """
    checks.instance("scenario", scenario, Scenario)
    if scenario.sensing == "energy":
        return solve_energy(scenario)
    start = time.perf_counter()
    result, iterations = _solve_chunk(Lane(scenario))
    if not result.feasible[0]:
        raise infeasible(scenario, float(result.best_attainable[0]), int(result.worst_target[0]))
    return row(result, 0, "convex scalar search", iterations, time.perf_counter() - start)


def solve_exact_batch(scenarios: Batch | Sequence[Scenario]) -> AllocationBatch:
    """:func:`solve_exact` for many scenarios of equal shape at once; infeasible rows are nan and never raise.

    >>> batch = solve_exact_batch(Scenario.random_batch(np.random.default_rng(1), 4, crb_limit_m2=0.012))
    >>> batch.status.tolist(), batch.min_throughput_bit.round(1)
    (['infeasible', 'optimal', 'optimal', 'optimal'], array([    nan,  6024. , 35748.6,  4455. ]))
    """
    batch = batch_of(scenarios)
    if batch.sensing == "energy":
        return solve_energy_batch(batch)
    parts = [_solve_chunk(Rows(batch, slice(start, start + _CHUNK)))[0] for start in range(0, len(batch), _CHUNK)]
    return stack(parts)


def _solve_chunk(batch: Batch | Rows, dtype: type = float) -> tuple[AllocationBatch, int]:
    curve = Curve(batch)
    sensing, limit = Sensing(batch, batch.bs_power_w), batch.crb_limit_m2
    full = sensing.crb(curve.max_power)
    feasible = full.max(axis=1) <= limit
    limited = np.where(feasible, limit, np.inf)  # infeasible lanes run along without a limit, and are blanked at the end
    wide, reach, used = search_limits(batch, sensing, limited, curve.max_power, dtype)

    def excess(point: Point) -> np.ndarray:
        return np.log(np.fmax(point.pull, used(point.powers_w))).astype(float, copy=False)

    bracket, left, right = locate(curve, excess, curve.z_all_capped())
    left, weak = settle(curve, np.atleast_1d(bracket.low), left, lambda at: wide.least_worst(at.powers_w) > limited, reach)
    bound = batch.bandwidth_hz * (batch.time_budget_s / tangent_bound(left, right))  # rounds like the throughput below
    frame = batch.time_budget_s / right.total
    times, throughput = frame[:, None] / right.rates, batch.bandwidth_hz * frame
    crb, charging = sensing.crb(right.powers_w), right.s * frame
    result = allocations(batch, curve.harvest, crb, right.powers_w, charging, times, throughput, feasible, full, bound)
    for d in np.flatnonzero(weak & feasible):  # the CRB hardly changes with the powers: more digits tell where it meets the limit
        put(result, d, _solve_chunk(Rows(batch, slice(d, d + 1)), np.longdouble)[0])
    return result, bracket.iterations
