"""Wireless powered ISAC with target localization: charging time, slot times and powers for fair uplink throughput."""

from .allocation import Allocation, AllocationBatch
from .benchmarks import (
    equal_time_ratio,
    solve_equal_time,
    solve_equal_time_batch,
    solve_max_power,
    solve_max_power_batch,
)
from .energy import best_attainable_crb, solve_energy
from .exact import solve_exact, solve_exact_batch
from .paper import feasible_start, solve_sca
from .scenario import (
    CrbPolynomial,
    Scenario,
    crb_constraint,
    crb_polynomial,
    crb_trace,
    fisher_information,
    harvest_rate_w,
    harvested_energy_j,
    range_gradients,
    round_trip_m,
    sensing_coefficients,
    sensing_weights,
    snr,
    throughputs,
)
from .scoring import score, score_batch
from .verify import residual, verify, violations

__all__ = [
    "Allocation",
    "AllocationBatch",
    "CrbPolynomial",
    "Scenario",
    "best_attainable_crb",
    "crb_constraint",
    "crb_polynomial",
    "crb_trace",
    "equal_time_ratio",
    "feasible_start",
    "fisher_information",
    "harvest_rate_w",
    "harvested_energy_j",
    "range_gradients",
    "residual",
    "round_trip_m",
    "score",
    "score_batch",
    "sensing_coefficients",
    "sensing_weights",
    "snr",
    "solve_energy",
    "solve_equal_time",
    "solve_equal_time_batch",
    "solve_exact",
    "solve_exact_batch",
    "solve_max_power",
    "solve_max_power_batch",
    "solve_sca",
    "throughputs",
    "verify",
    "violations",
]
