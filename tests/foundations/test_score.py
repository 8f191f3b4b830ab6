"""Scores: the gap's sign and size by hand, and what is said of the infeasible."""

import math

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib.foundations.certificate import Certificate
from isaclib.foundations.score import ScoreBatch, judge


def certificate(value=10.0, sense="max"):
    return Certificate(method="m", value=value, bound=value, status="optimal", sense=sense)


@pytest.mark.parametrize(
    ("value", "sense", "gap"), [(8.0, "max", 0.2), (12.0, "min", 0.2), (10.0, "max", 0.0), (11.0, "max", -0.1)]
)
def test_gap_by_hand(value, sense, gap):
    score = judge(value, {"cap": -1.0, "floor": 1e-9}, lambda: certificate(sense=sense), sense=sense)
    assert score.gap == pytest.approx(gap, abs=1e-15) and score.feasible
    assert dict(score.violations) == {"cap": 0.0, "floor": 1e-9}


def test_a_violation_makes_the_gap_nan_and_is_named():
    score = judge(12.0, {"power_cap": 0.25, "floor": math.nan}, certificate, unit="bit")
    assert math.isnan(score.gap) and not score.feasible and score.optimum == 10.0 and score.violations["floor"] == math.inf
    assert "power_cap by 25 %" in str(score) and "12 bit" in str(score)
    assert judge(9.0, {"power_cap": 0.25}, certificate, tolerance=0.3).gap == pytest.approx(0.1)


def test_an_infeasible_scenario_says_so():
    def solve():
        raise InfeasibleScenario("crb_limit_m2", limit=1.0, best_attainable=2.0)

    score = judge(3.0, {"crb_limit_m2": 1.0}, solve)
    assert math.isnan(score.optimum) and math.isnan(score.gap) and score.certificate is None and not score.feasible
    assert "infeasible" in str(score) and "best attainable value is 2" in str(score)
    assert score.as_dict()["optimum"] is None


def test_an_optimum_of_zero_and_a_negative_one():
    assert judge(0.0, {}, lambda: certificate(0.0)).gap == 0.0
    assert judge(-1.0, {}, lambda: certificate(0.0)).gap == math.inf
    assert judge(-28.0, {}, lambda: certificate(-30.0, "min"), sense="min").gap == pytest.approx(2 / 30)


def test_batches_are_the_rows_in_columns():
    rows = [judge(value, {"cap": over}, certificate) for value, over in ((8.0, 0.0), (12.0, 1.0))]
    batch = ScoreBatch.of(rows)
    np.testing.assert_array_equal(batch.gap, [0.2, math.nan])
    np.testing.assert_array_equal(batch.violations["cap"], [0.0, 1.0])
    assert str(batch) == "1 of 2 feasible; gap: median 0.2, worst 0.2"
    with pytest.raises(InvalidScenario):
        ScoreBatch.of([])


def test_what_is_not_proven_says_so_and_is_not_averaged():
    near = Certificate(method="m", value=10.0, bound=11.0, status="converged")
    rows = [judge(value, {}, lambda each=each: each) for value, each in ((9.0, certificate()), (1.0, near))]
    rows.append(judge(5.0, {}, lambda: Certificate(method="m", value=10.0)))
    assert [row.proven for row in rows] == [row.as_dict()["proven"] for row in rows] == [True, False, False]
    assert str(rows[1]).endswith(
        "90 % below it; the best that is known is 10, not proven to be the optimum (which is at most 11)."
    )
    assert "50 % below it" in str(rows[2]) and "which is" not in str(rows[2]) and "certified" not in str(rows[2])

    def impossible():
        raise InfeasibleScenario("crb_limit_m2", limit=1.0, best_attainable=2.0)

    batch = ScoreBatch.of([*rows, judge(1.0, {}, impossible)])
    assert batch.status.tolist() == ["optimal", "converged", "converged", "infeasible"]
    np.testing.assert_array_equal(batch.bound, [10.0, 11.0, math.nan, math.nan])
    assert str(batch) == "3 of 4 feasible; gap: median 0.1, worst 0.1 (2 more to optima that are not proven)"


def test_a_known_optimum_is_not_solved_for_again():
    def never():
        raise AssertionError("solved")

    assert judge(8.0, {}, never, optimum=certificate()) == judge(8.0, {}, certificate)
    heuristic = Certificate(method="m", value=10.0)
    for wrong in (heuristic, certificate(sense="min"), 10.0, "best", math.nan, [certificate()], certificate):
        with pytest.raises(InvalidScenario) as caught:
            judge(8.0, {}, never, optimum=wrong)
        assert caught.value.field == "optimum"


@pytest.mark.parametrize(
    ("sense", "value", "said"),
    [
        ("max", 1.0 + 3e-11, "0 % from"),
        ("max", 1.0 + 2e-7, "2e-05 % above"),
        ("max", 0.5, "50 % below"),
        ("min", 1.5, "50 % above"),
    ],
)
def test_the_sentence_says_on_which_side(sense, value, said):
    best = Certificate(method="closed form", value=1.0, bound=1.0, residual=0.0, status="optimal", sense=sense)
    assert said + " the optimum" in str(judge(value, {"limit": 1e-7}, lambda: best, sense=sense))
