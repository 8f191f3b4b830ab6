"""What the command line and the benchmark set know of this chapter."""

from ..foundations.interface import Interface
from ..foundations.scenario import array, number
from . import Scenario, dynamic_allocation, edges_only, minimise_sidelobe, score, solve_exact, straightforward_rule, waterfill

INTERFACE = Interface(
    chapter="ofdm_ranging",
    scenario=Scenario,
    allocation={"powers_w": array("N")},
    solvers={
        "exact": solve_exact,
        "paper": dynamic_allocation,
        "straightforward": straightforward_rule,
        "waterfilling": waterfill,
        "edges": edges_only,
        "least_sidelobe": minimise_sidelobe,
    },
    score=score,
    options={
        "peak_sidelobe_db": number(optional=True),
        "max_toa_crb_s2": number(optional=True, positive=True),
        "max_main_lobe_width_m": number(optional=True, positive=True),
        "max_capacity_loss": number(optional=True, minimum=0),
    },
)
