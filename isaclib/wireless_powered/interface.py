"""What the command line and the benchmark set know of this chapter."""

import numpy as np

from ..foundations.interface import Family, Interface
from ..foundations.scenario import array, number
from . import Scenario, crb_trace, score, solve_equal_time, solve_exact, solve_max_power, solve_sca


def _tight(rng: np.random.Generator) -> Scenario:
    scenario = Scenario.random(rng)
    best = crb_trace(scenario, np.full(10, scenario.max_power_w)).max()
    return scenario.replace(crb_limit_m2=1.02 * float(best))


def _large(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, users=20, targets=20)


def _hard(rng: np.random.Generator) -> Scenario:
    far = Scenario.random(rng, radius_m=30.0, path_loss_exponent=3.0, max_power_w=1e3, noise_dbm=-90.0)
    best = crb_trace(far, np.full(10, far.max_power_w)).max()
    return far.replace(crb_limit_m2=1e3 * float(best))


INTERFACE = Interface(
    chapter="wireless_powered",
    scenario=Scenario,
    allocation={"powers_w": array("M"), "charging_time_s": number(), "times_s": array("M")},
    solvers={"exact": solve_exact, "paper": solve_sca, "equal_time": solve_equal_time, "max_power": solve_max_power},
    score=score,
    families={
        "paper": Family(about="the paper's scenario", draw=Scenario.random),
        "tight": Family(about="a position limit 2 % above the best that full power attains", draw=_tight),
        "large": Family(about="20 users and 20 targets", draw=_large),
        "hard": Family(
            about="gains over decades, wide caps, a loose limit: most iterations, equal times far off",
            draw=_hard,
        ),
    },
)
