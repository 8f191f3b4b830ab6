"""Many scenarios at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..foundations import checks
from ..foundations.errors import SolverFailure
from ..foundations.scenario import Batch
from .allocation import AllocationBatch, Limits
from .exact import solved
from .feasibility import Refusal
from .scenario import Scenario


def checked_batch(scenarios: Batch | Sequence[Scenario]) -> Batch:
    """A batch of this chapter's scenarios with one number of carriers."""
    batch = Batch.of(scenarios)
    checks.instance("scenarios", batch[0], Scenario)
    return batch


def solve_exact_batch(
    scenarios: Batch | Sequence[Scenario],
    *,
    peak_sidelobe_db: float | None = None,
    max_toa_crb_s2: float | None = None,
    max_main_lobe_width_m: float | None = None,
    max_capacity_loss: float | None = None,
) -> AllocationBatch:
    """:func:`~isaclib.ofdm_ranging.solve_exact` for a batch, or a sequence of scenarios of equal shapes, under the same limits.

    A row that cannot be met has the status "infeasible", one on which the solver gave up "failed"; the others are kept.

    >>> batch = Scenario.random_batch(np.random.default_rng(0), 3, carriers=16)
    >>> result = solve_exact_batch(batch, peak_sidelobe_db=-20.0, max_capacity_loss=0.07)
    >>> result.status.tolist(), np.round(result.capacity_bps / 1e6, 2).tolist()
    (['infeasible', 'optimal', 'optimal'], [nan, 27.28, 18.92])
    """
    batch = checked_batch(scenarios)
    limits = Limits(peak_sidelobe_db, max_toa_crb_s2, max_main_lobe_width_m, max_capacity_loss)
    draws, carriers = len(batch), batch[0].carriers
    powers = np.full((draws, carriers), np.nan)
    capacity, best, gap, residual, bound = (np.full(draws, np.nan) for _ in range(5))
    status, names = np.full(draws, "failed", dtype="<U10"), [""] * draws
    for row, scenario in enumerate(batch):
        try:
            found = solved(scenario, limits)
        except SolverFailure:
            continue
        if isinstance(found, Refusal):
            status[row], names[row], best[row] = "infeasible", found.constraint, found.best_attainable
            continue
        certificate = found.certificate
        powers[row], capacity[row], status[row] = found.powers_w, found.capacity_bps, certificate.status
        gap[row], residual[row], bound[row] = certificate.gap, certificate.residual, certificate.bound
    return AllocationBatch(
        powers_w=powers,
        capacity_bps=capacity,
        feasible=np.isfinite(capacity),
        best_attainable=best,
        gap=gap,
        residual=residual,
        status=status,
        bound=bound,
        constraint=tuple(names),
    )
