"""Power allocation for device-free localization in a network of monostatic base stations."""

from .allocation import Allocation, AllocationBatch, residual, verify
from .benchmarks import feasible_start, uniform_power
from .drawing import draw_deployment
from .exact import solve_exact, solve_exact_batch
from .paper import solve_dc
from .perron import max_min_comm_sinr, perron_frobenius_optimum, row_bound, system
from .positioning import estimate_positions, simulate_position_errors_m
from .scenario import (
    Scenario,
    bs_layout_m,
    comm_interference_gain,
    comm_sinr,
    position_crb_m2,
    range_gradients,
    range_std_from_sinr_m,
    range_std_m,
    sensing_interference_gain,
    sensing_sinr,
    uniform_hexagon,
)

__all__ = [
    "Allocation",
    "AllocationBatch",
    "Scenario",
    "bs_layout_m",
    "comm_interference_gain",
    "comm_sinr",
    "draw_deployment",
    "estimate_positions",
    "feasible_start",
    "max_min_comm_sinr",
    "perron_frobenius_optimum",
    "position_crb_m2",
    "range_gradients",
    "range_std_from_sinr_m",
    "range_std_m",
    "residual",
    "row_bound",
    "sensing_interference_gain",
    "sensing_sinr",
    "simulate_position_errors_m",
    "solve_dc",
    "solve_exact",
    "solve_exact_batch",
    "system",
    "uniform_hexagon",
    "uniform_power",
    "verify",
]
