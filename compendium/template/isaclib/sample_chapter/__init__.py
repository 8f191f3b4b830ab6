"""Sample chapter: one power budget for a link and an echo."""

from .exact import Allocation, solve_exact
from .paper import solve_equal_split
from .scenario import Scenario, echo_snr, rate_bps_hz
from .verify import score, violations

__all__ = ["Allocation", "Scenario", "echo_snr", "rate_bps_hz", "score", "solve_equal_split", "solve_exact", "violations"]
