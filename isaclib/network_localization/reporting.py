"""From powers to results: every number of an allocation or a batch of them is recomputed from the powers."""

from __future__ import annotations

import math

import numpy as np

from ..foundations.certificate import FEASIBLE, ROUNDING, Certificate, Status, Step, relative_gap
from ..foundations.scenario import Batch
from .allocation import Allocation, AllocationBatch
from .formulas import range_std_m, sensing_sinr
from .scenario import Scenario
from .verify import OPTIMALITY_TOLERANCE, RESIDUAL_TOLERANCE, residual


def build(
    scenario: Scenario,
    powers_w: np.ndarray,
    method: str,
    *,
    bound: float = math.nan,
    status: Status = "converged",
    iterations: int = 0,
    seconds: float = 0.0,
    history: tuple[Step, ...] = (),
) -> Allocation:
    """An :class:`~.allocation.Allocation` whose every number is recomputed from the powers."""
    powers = np.array(powers_w, dtype=float)
    value = float(np.min(sensing_sinr(scenario, powers)))
    certificate = Certificate(
        method=method,
        value=value,
        bound=bound,
        residual=float(residual(scenario, powers)),
        status=status,
        iterations=iterations,
        seconds=seconds,
    )
    accuracy = range_std_m(scenario, powers)
    for result in (powers, accuracy):
        result.setflags(write=False)
    return Allocation(powers_w=powers, worst_sensing_sinr=value, range_std_m=accuracy, certificate=certificate, history=history)


def judged(batch: Batch, powers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and residual (D,) of powers (D, B); of powers that are not numbers 0 and inf."""
    known = np.isfinite(powers).all(axis=1)
    usable = np.where(known[:, None], powers, 0.0)
    return np.min(sensing_sinr(batch, usable), axis=1), np.where(known, residual(batch, usable), np.inf)


def beyond(value, bound, violation) -> np.ndarray:
    """Whether a value lies beyond its bound by more than rounding, with no violation to explain it: the bound is none."""
    return (value > bound * (1 + ROUNDING)) & (violation <= FEASIBLE)


def proven(value, bound, violation) -> np.ndarray:
    """Whether value and bound prove an optimum: an overflow does not."""
    closed = np.isfinite(value) & (relative_gap(value, bound) <= OPTIMALITY_TOLERANCE) & (violation <= RESIDUAL_TOLERANCE)
    return closed & ~beyond(value, bound, violation)


def collect(batch: Batch, powers, bound, feasible, best, iterations, exhausted) -> AllocationBatch:
    """The batch of results from powers (D, B), bounds, feasibility, best attainable SINR, steps, and who ran out of them."""
    value, violation = judged(batch, powers)
    status = np.where(proven(value, bound, violation), "optimal", np.where(exhausted, "iteration_limit", "converged"))

    def masked(numbers: np.ndarray) -> np.ndarray:
        keep = feasible.reshape(-1, *[1] * (numbers.ndim - 1))
        return np.where(keep, numbers, np.nan)

    columns = {
        "powers_w": masked(powers),
        "worst_sensing_sinr": masked(value),
        "range_std_m": masked(range_std_m(batch, np.where(np.isfinite(powers), powers, 0.0))),
        "feasible": feasible,
        "status": np.where(feasible, status, "infeasible"),
        "best_attainable": best,
        "bound": masked(bound),
        "gap": masked(relative_gap(value, bound)),
        "residual": masked(violation),
        "iterations": iterations,
    }
    for column in columns.values():
        column.setflags(write=False)
    return AllocationBatch(**columns)
