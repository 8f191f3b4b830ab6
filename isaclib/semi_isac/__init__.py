"""Joint spectrum partitioning and power allocation for sensing, communication and both (semi-ISaC)."""

from .allocation import Allocation, Prices, prices, verify
from .bands import Bands, efficiency_bound, margin_bound, sum_bound
from .benchmarks import random_allocation, solve_equal_power, solve_equal_spectrum
from .exact import AllocationBatch, solve_exact, solve_exact_batch
from .paper import solve_efficiency, solve_sum
from .scenario import DEFAULTS, Network, Scenario, efficiency_bit_per_j, rates, user_rates, weighted_sum_bps
from .study import SCHEMES, Comparison, Frontier, Sweep, compare, frontier, sweep

__all__ = [
    "DEFAULTS",
    "SCHEMES",
    "Allocation",
    "AllocationBatch",
    "Bands",
    "Comparison",
    "Frontier",
    "Network",
    "Prices",
    "Scenario",
    "Sweep",
    "compare",
    "efficiency_bit_per_j",
    "efficiency_bound",
    "frontier",
    "margin_bound",
    "prices",
    "random_allocation",
    "rates",
    "solve_efficiency",
    "solve_equal_power",
    "solve_equal_spectrum",
    "solve_exact",
    "solve_exact_batch",
    "solve_sum",
    "sum_bound",
    "sweep",
    "user_rates",
    "verify",
    "weighted_sum_bps",
]
