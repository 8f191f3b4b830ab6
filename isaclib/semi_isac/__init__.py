"""Joint spectrum partitioning and power allocation for sensing, communication and both (semi-ISaC)."""

from .allocation import Allocation, AllocationBatch, Prices
from .bands import Bands, Restriction
from .benchmarks import random_allocation, solve_equal_power, solve_equal_spectrum
from .bounds import efficiency_bound, margin_bound, sum_bound
from .drop import DEFAULTS
from .exact import solve_exact, solve_exact_batch
from .paper import solve_efficiency, solve_sum
from .prices import prices
from .scenario import Network, Scenario, efficiency_bit_per_j, rates, user_rates, weighted_sum_bps
from .score import score, score_batch
from .study import SCHEMES, Comparison, Frontier, Sweep, compare, frontier, sweep
from .verify import residual, verify, violations

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
    "Restriction",
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
    "residual",
    "score",
    "score_batch",
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
    "violations",
    "weighted_sum_bps",
]
