"""What the command line and the benchmark set know of this chapter."""

import numpy as np

from ..foundations.interface import Family, Interface
from ..foundations.scenario import array, number
from . import Scenario, score, solve_error_ignorant, solve_exact, solve_main, solve_mrt


def _tight(rng: np.random.Generator) -> Scenario:
    scenario = Scenario.random(rng)
    return scenario.replace(crlb_limit_m2=0.1 * scenario.crlb_limit_m2)


def _large(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, antennas=101)


def _hard(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, crlb_limit_m2=np.inf)


INTERFACE = Interface(
    chapter="near_field",
    scenario=Scenario,
    allocation={
        "beams": array("K", "M", "Nt", dtype=complex),
        "covariances": array("M", "Nt", "Nt", dtype=complex),
        "time_allocation": number(minimum=0, maximum=1),
    },
    solvers={"exact": solve_exact, "paper": solve_main, "error_ignorant": solve_error_ignorant, "matched": solve_mrt},
    score=score,
    families={
        "paper": Family(about="the paper's geometry, reflectivities drawn anew", draw=Scenario.random),
        "tight": Family(about="a tenth of the paper's limit on the position bound", draw=_tight),
        "large": Family(about="101 antennas at every access point", draw=_large),
        "hard": Family(about="no limit on the position bound: the share alone balances looking and talking", draw=_hard),
    },
)
