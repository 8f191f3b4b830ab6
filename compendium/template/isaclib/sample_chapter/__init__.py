"""Sample chapter: one power budget for a link and an echo."""

from .benchmarks import solve_proportional
from .exact import Allocation, rate_bound_bps_hz, solve_exact
from .paper import solve_equal_split
from .scenario import Scenario, echo_snr, rate_bps_hz
from .verify import score, verify, violations

__all__ = [
    "Allocation",
    "Scenario",
    "echo_snr",
    "rate_bound_bps_hz",
    "rate_bps_hz",
    "score",
    "solve_equal_split",
    "solve_exact",
    "solve_proportional",
    "verify",
    "violations",
]
