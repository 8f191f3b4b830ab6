"""The three errors: messages that name the culprit, and what survives a trip through a worker process."""

import copy
import math
import pickle

import pytest

import isaclib
from isaclib.foundations.errors import InfeasibleScenario, InvalidScenario, SolverFailure

ERRORS = [
    InvalidScenario("noise_w", "must be positive, but is 0", "give a noise power"),
    InfeasibleScenario("crb_limit_m2", index=3, limit=0.05, best_attainable=0.2, message="raise the limit"),
    InfeasibleScenario("min_rate_bps", index=(0, 2), limit=1e6, best_attainable=5e5),
    SolverFailure("CLARABEL", "numerical_error", {"primal": 1e-3}, message="scale the data"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("travel", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_survive_pickling_and_copying(error, travel):
    arrived = travel(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_invalid_scenario_names_field_problem_and_remedy():
    error = InvalidScenario("gain", "has shape (3,)", "expected (M,)")
    assert isinstance(error, ValueError)
    assert (error.field, error.problem, error.remedy) == ("gain", "has shape (3,)", "expected (M,)")
    assert str(error) == "gain: has shape (3,) (expected (M,))"
    assert str(InvalidScenario("gain", "is missing")) == "gain: is missing"


def test_infeasible_scenario_names_constraint_index_limit_and_attainable_value():
    single = InfeasibleScenario("crb_limit_m2", index=3, limit=0.05, best_attainable=0.2, message="raise the limit")
    assert str(single) == "crb_limit_m2[3]: the limit is 0.05, the best attainable value is 0.2; raise the limit"
    assert str(InfeasibleScenario("rate", index=(0, 2), limit=1, best_attainable=0)).startswith("rate[0, 2]: ")
    assert str(InfeasibleScenario("rate", limit=1, best_attainable=math.inf)).startswith("rate: ")
    assert not isinstance(single, ValueError), "an infeasible scenario is well formed"


def test_solver_failure_lists_the_residuals():
    error = SolverFailure("SCS", "inaccurate", {"primal": 1.23456e-3, "gap": 2.0}, message="scale the data")
    assert str(error) == "SCS stopped with status 'inaccurate' (primal = 0.00123, gap = 2); scale the data"
    assert str(SolverFailure("SCS", "failed")) == "SCS stopped with status 'failed'"
    assert not isinstance(error, InfeasibleScenario), "a solver that fails has not shown infeasibility"


def test_the_package_exports_the_three_errors():
    assert isaclib.InvalidScenario is InvalidScenario
    assert isaclib.InfeasibleScenario is InfeasibleScenario
    assert isaclib.SolverFailure is SolverFailure
