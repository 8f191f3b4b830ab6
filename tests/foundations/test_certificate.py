"""Certificates: the gap, the states that contradict themselves, and the text that a reader sees."""

import dataclasses
import math

import numpy as np
import pytest

from isaclib import SolverFailure
from isaclib.foundations.certificate import STATUSES, Certificate, Step, relative_gap


@pytest.mark.parametrize(
    ("value", "bound", "gap"),
    [(2.0, 2.5, 0.25), (2.0, 1.5, 0.25), (-4.0, -3.0, 0.25), (0.0, 0.0, 0.0), (1.0, math.inf, math.inf)],
)
def test_gap_by_hand(value, bound, gap):
    assert relative_gap(value, bound) == gap
    sense = "min" if bound < value else "max"
    assert Certificate(method="m", value=value, bound=bound, sense=sense).gap == gap


def test_gap_is_nan_without_a_bound_and_infinite_for_a_zero_value():
    assert math.isnan(Certificate(method="heuristic", value=3.0).gap)
    assert relative_gap(0.0, 1.0) > 1e300


def test_gap_of_a_batch_is_the_gap_of_its_rows():
    value, bound = np.array([2.0, -4.0, np.nan]), np.array([2.5, -3.0, 1.0])
    np.testing.assert_array_equal(relative_gap(value, bound), [relative_gap(v, b) for v, b in zip(value, bound)])


def test_an_optimal_status_needs_a_bound_and_a_known_word():
    for nothing in ({"value": 1.0}, {"value": math.nan, "bound": 1.0}):
        with pytest.raises(ValueError, match="needs a value and a bound"):
            Certificate(method="m", status="optimal", **nothing)
    for unproven in ({"bound": 100.0}, {"bound": 1.0, "residual": 5.0}, {"bound": 1.0, "residual": math.nan}):
        with pytest.raises(ValueError, match="needs a gap of at most"):
            Certificate(method="m", value=1.0, status="optimal", **unproven)
    with pytest.raises(ValueError, match="'done'"):
        Certificate(method="m", value=1.0, status="done")
    assert [Certificate(method="m", value=1.0, bound=1.0, status=status).status for status in STATUSES] == list(STATUSES)


def test_certificate_and_step_are_immutable():
    for record, name in ((Certificate(method="m", value=1.0), "value"), (Step(0, 1.0, True, 0.0), "objective")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, 2.0)


def test_text_tells_a_certified_value_from_a_heuristic():
    certified = Certificate(method="search", value=2.0, bound=2.00001, residual=1e-9, status="optimal")
    assert str(certified) == "search: value 2, bound 2.00001 (gap 5.0e-06), residual 1.0e-09, optimal"
    assert "no bound" in str(Certificate(method="search", value=2.0))


@pytest.mark.parametrize(("sense", "bound"), [("max", 1.0 - 1e-6), ("min", 1.0 + 1e-6), ("max", -math.inf)])
def test_a_value_beyond_its_bound_is_a_failure_unless_a_violation_explains_it(sense, bound):
    with pytest.raises(SolverFailure, match="beyond its bound"):
        Certificate(method="m", value=1.0, bound=bound, sense=sense)
    assert Certificate(method="m", value=1.0, bound=bound, sense=sense, residual=1e-3).residual == 1e-3
    rounding = Certificate(method="m", value=1.0, bound=1.0 - 1e-12, status="optimal")
    assert rounding.gap < 2e-12
