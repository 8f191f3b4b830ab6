"""What the command line and the benchmark set know of this chapter."""

from ..foundations.interface import Interface
from ..foundations.scenario import array, number
from . import Scenario, score, solve_equal_time, solve_exact, solve_max_power, solve_sca

INTERFACE = Interface(
    chapter="wireless_powered",
    scenario=Scenario,
    allocation={"powers_w": array("M"), "charging_time_s": number(), "times_s": array("M")},
    solvers={"exact": solve_exact, "paper": solve_sca, "equal_time": solve_equal_time, "max_power": solve_max_power},
    score=score,
)
