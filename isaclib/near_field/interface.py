"""What the command line and the benchmark set know of this chapter."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..foundations.errors import InvalidScenario
from ..foundations.interface import Family, Interface
from ..foundations.scenario import array, number
from ..foundations.score import Score
from . import Allocation, Scenario, Sensing, optimise_sensing, score, solve_error_ignorant, solve_exact, solve_main, solve_mrt
from .scenario import AP_POSITIONS_M, USER_POSITIONS_M

# Half of the paper's users, and but for the large systems two of its three access points: a set is made in minutes.
_USERS_M = USER_POSITIONS_M[::2]
_APS_M = AP_POSITIONS_M[:2]
_COUNT = 10
# Eigenvalues below this part of the largest are rounding.
_NOTHING = 1e-14


def _paper(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, ap_positions_m=_APS_M, user_positions_m=_USERS_M)


def _tight(rng: np.random.Generator) -> Scenario:
    scenario = _paper(rng)
    whole = _sensing(scenario).crlb_bar_m2 * scenario.sensing_block_s / scenario.block_s
    return scenario.replace(crlb_limit_m2=whole / 0.9)


def _large(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, user_positions_m=_USERS_M, antennas=41)


def _hard(rng: np.random.Generator) -> Scenario:
    return Scenario.random(rng, ap_positions_m=_APS_M, user_positions_m=_USERS_M, error_slope_per_m=2e3)


@lru_cache(maxsize=2)
def _sensing(scenario: Scenario) -> Sensing:
    return optimise_sensing(scenario)


def _with_sensing(solver: Callable[..., Allocation]) -> Callable[[Scenario], Allocation]:
    """A solver that finds the sensing solution, which is the same for all of them, where the one before has left it."""
    return lambda scenario: solver(scenario, sensing=_sensing(scenario))


def _score(
    scenario: Scenario,
    beams: Any,
    covariances: Any = None,
    time_allocation: Any = None,
    covariance_factors: Any = None,
    **options: Any,
) -> Score:
    """:func:`.score`, with covariances as they are or by factors F, of which F F^H is the covariance."""
    if (covariances is None) == (covariance_factors is None):
        given = "is missing" if covariances is None else "is given twice"
        raise InvalidScenario(
            "covariances", given, "give covariances (M, Nt, Nt), or covariance_factors (M, Nt, R) in their place"
        )
    if covariance_factors is not None:
        covariances = np.einsum("mar,mbr->mab", covariance_factors, np.conj(covariance_factors))
    return score(scenario, beams, covariances, time_allocation, **options)


def _factored(fields: dict[str, Any]) -> dict[str, Any]:
    """Covariances of low rank (at most half the antennas) by their factors; the optimal ones have rank 3 K or less."""
    values, vectors = np.linalg.eigh(fields["covariances"])
    rank = max(int(np.sum(values > _NOTHING * values[:, -1:], axis=1).max()), 1)
    if 2 * rank > values.shape[1]:
        return fields
    factors = vectors[..., -rank:] * np.sqrt(np.maximum(values[:, None, -rank:], 0))
    return {name: value for name, value in fields.items() if name != "covariances"} | {"covariance_factors": factors}


INTERFACE = Interface(
    chapter="near_field",
    scenario=Scenario,
    allocation={
        "beams": array("K", "M", "Nt", dtype=complex),
        "covariances": array("M", "Nt", "Nt", dtype=complex, optional=True),
        "time_allocation": number(minimum=0, maximum=1),
        "covariance_factors": array("M", "Nt", "R", dtype=complex, optional=True),
    },
    solvers={
        "exact": _with_sensing(solve_exact),
        "paper": _with_sensing(solve_main),
        "error_ignorant": _with_sensing(solve_error_ignorant),
        "matched": _with_sensing(solve_mrt),
    },
    score=_score,
    compact=_factored,
    families={
        "paper": Family(about="two of the paper's access points, two of its users", draw=_paper, count=_COUNT),
        "tight": Family(about="a position limit that leaves a tenth of the time to talk", draw=_tight, count=_COUNT),
        "large": Family(about="three access points with 41 antennas each, two users", draw=_large, count=_COUNT),
        "hard": Family(about="channel errors that grow five times as fast with the position error", draw=_hard, count=_COUNT),
    },
)
