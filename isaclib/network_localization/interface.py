"""What the command line and the benchmark set know of this chapter."""

import numpy as np

from ..foundations.interface import Family, Interface
from ..foundations.scenario import Batch, array
from . import Scenario, max_min_comm_sinr, score, solve_dc, solve_exact, uniform_power


def _tight(rng: np.random.Generator) -> Scenario:
    scenario = Scenario.random(rng)
    best = float(max_min_comm_sinr(Batch([scenario]))[0][0])
    return scenario.replace(min_comm_sinr=0.98 * best)


def _large(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, base_stations=12, min_comm_sinr_db=-15.0)


def _hard(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, base_stations=12, self_interference_db=-55.0, min_comm_sinr_db=-30.0)


INTERFACE = Interface(
    chapter="network_localization",
    scenario=Scenario,
    allocation={"powers_w": array("B")},
    solvers={"exact": solve_exact, "paper": solve_dc, "uniform": uniform_power},
    score=score,
    families={
        "paper": Family(about="the paper's scenario", draw=Scenario.random),
        "tight": Family(about="thresholds of the users at 98 % of the best that all can have", draw=_tight),
        "large": Family(about="12 stations, thresholds of -15 dB", draw=_large),
        "hard": Family(
            about="12 stations that mostly hear themselves: the paper's stopping rule ends too early",
            draw=_hard,
        ),
    },
)
