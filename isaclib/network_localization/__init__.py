"""Power allocation for device-free localization in a network of monostatic base stations."""

from typing import Any

from .allocation import Allocation, AllocationBatch
from .benchmarks import feasible_start, uniform_power
from .exact import solve_exact, solve_exact_batch
from .formulas import (
    comm_interference_gain,
    comm_sinr,
    position_crb_m2,
    range_gradients,
    range_std_from_sinr_m,
    range_std_m,
    sensing_interference_gain,
    sensing_sinr,
)
from .layout import bs_layout_m, uniform_hexagon
from .paper import solve_dc
from .perron import perron_frobenius_optimum, row_bound
from .positioning import estimate_positions, simulate_position_errors_m
from .rows import system
from .scenario import Scenario
from .score import score, score_batch
from .users import max_min_comm_sinr
from .verify import residual, verify, violations

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
    "score",
    "score_batch",
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
    "violations",
]


def __getattr__(name: str) -> Any:
    """Drawing needs matplotlib, which nothing else here does: it is loaded when it is asked for."""
    if name == "draw_deployment":
        from .drawing import draw_deployment

        return draw_deployment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
