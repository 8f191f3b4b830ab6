"""Allocations of many scenarios at once: columns with residuals and proofs, and one row of them as an allocation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..foundations import checks
from ..foundations.certificate import Certificate, relative_gap
from ..foundations.errors import InfeasibleScenario, InvalidScenario
from ..foundations.scenario import Batch
from .allocation import Allocation, AllocationBatch
from .scenario import Scenario
from .sensing import Rows

OPTIMAL_GAP, OPTIMAL_RESIDUAL = 1e-6, 1e-7  # what has to be reached to be called optimal


def batch_of(scenarios: Batch | Sequence[Scenario]) -> Batch:
    """The argument of a batch function as a batch of this chapter's scenarios."""
    batch = Batch.of(scenarios)
    checks.instance("scenarios", batch[0], Scenario, "the scenarios of another chapter are solved there")
    return batch


def allocations(
    batch: Batch | Rows,
    harvest: np.ndarray,
    crb: np.ndarray,
    powers: np.ndarray,
    charging: np.ndarray,
    times: np.ndarray,
    throughput: np.ndarray,
    feasible: np.ndarray,
    best: np.ndarray,
    bound: np.ndarray,
) -> AllocationBatch:
    """Allocations with their residuals; ``crb`` (D, N) is theirs, ``best`` (D, N) the best attainable one."""
    spent = powers * times
    excess = np.maximum((charging + times.sum(axis=1)) / batch.time_budget_s, (powers / batch.max_power_w[:, None]).max(axis=1))
    excess = np.maximum(excess, (spent / (harvest * charging[:, None])).max(axis=1))
    limited = np.isfinite(batch.crb_limit_m2)
    excess = np.maximum(excess, np.where(limited, crb.max(axis=1) / np.where(limited, batch.crb_limit_m2, 1.0), 0.0))
    residual, gap = np.maximum(excess - 1, 0.0), relative_gap(throughput, bound)
    worst, everywhere = np.argmax(best, axis=1), feasible.all()

    def blank(values):
        return values if everywhere else np.where(feasible if values.ndim == 1 else feasible[:, None], values, np.nan)

    proven = (gap <= OPTIMAL_GAP) & (residual <= OPTIMAL_RESIDUAL)
    return AllocationBatch(
        powers_w=blank(powers),
        charging_time_s=blank(charging),
        times_s=blank(times),
        min_throughput_bit=blank(throughput),
        feasible=feasible,
        status=np.where(feasible, np.where(proven, "optimal", "converged"), "infeasible"),
        best_attainable=best[np.arange(len(worst)), worst],
        worst_target=worst,
        bound=blank(bound),
        gap=blank(gap),
        residual=blank(residual),
    )


def stack(parts: Sequence[AllocationBatch]) -> AllocationBatch:
    """Batches one after another."""
    names = AllocationBatch.__dataclass_fields__
    return AllocationBatch(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def put(batch: AllocationBatch, d: int, one: AllocationBatch) -> None:
    """Overwrite row d with the only row of another batch."""
    for name in AllocationBatch.__dataclass_fields__:
        getattr(batch, name)[d] = getattr(one, name)[0]


def row(batch: AllocationBatch, d: int, method: str, iterations: int, seconds: float) -> Allocation:
    """Row d as an allocation with its certificate."""
    value = float(batch.min_throughput_bit[d])
    certificate = Certificate(
        method=method,
        value=value,
        bound=float(batch.bound[d]),
        residual=float(batch.residual[d]),
        status=str(batch.status[d]),
        iterations=iterations,
        seconds=seconds,
    )
    return Allocation(batch.powers_w[d], float(batch.charging_time_s[d]), batch.times_s[d], value, certificate)


def infeasible(scenario: Scenario, best: float, worst: int) -> InfeasibleScenario:
    """The error that names the target and what it can have at best."""
    degenerate = "the base station, this target and every user that can help lie on one line"
    return InfeasibleScenario(
        "crb_limit_m2",
        index=worst,
        limit=scenario.crb_limit_m2,
        best_attainable=best,
        message=degenerate if np.isinf(best) else f"even with every user at full {scenario.sensing}",
    )


def power_sensing(batch: Batch | Scenario) -> None:
    """Refuse a batch whose information weights energy, for methods that are made for eq. (8)."""
    if batch.sensing != "power":
        raise InvalidScenario("sensing", "this method is made for the paper's power-weighted information", "use solve_exact")
