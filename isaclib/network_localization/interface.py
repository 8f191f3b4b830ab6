"""What the command line and the benchmark set know of this chapter."""

from ..foundations.interface import Interface
from ..foundations.scenario import array
from . import Scenario, score, solve_dc, solve_exact, uniform_power

INTERFACE = Interface(
    chapter="network_localization",
    scenario=Scenario,
    allocation={"powers_w": array("B")},
    solvers={"exact": solve_exact, "paper": solve_dc, "uniform": uniform_power},
    score=score,
)
