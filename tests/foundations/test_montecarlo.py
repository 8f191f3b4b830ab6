"""Draws that do not depend on who computes them, and averages that say over what."""

import sys

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.foundations import used_solvers
from isaclib.foundations.montecarlo import average, map_draws

QUANTILE = 1e-9  # SciPy's quantile of Student's distribution is good to ten digits


def draw(rng):
    return rng.normal(size=3) @ rng.normal(size=3)


def test_results_are_bitwise_the_same_for_one_and_two_processes():
    alone = map_draws(draw, np.random.default_rng(7), 37)
    shared = map_draws(draw, np.random.default_rng(7), 37, jobs=2)
    assert len(alone) == 37
    assert alone == shared


def solve_a_cone_program(rng):
    import cvxpy as cp

    from isaclib.foundations import conic

    x = cp.Variable()
    return conic.solve(cp.Problem(cp.Maximize(x), [x <= rng.random()])).value


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_solvers_of_draws_are_known_wherever_these_were_made(jobs):
    with used_solvers.heard() as names:
        map_draws(solve_a_cone_program, np.random.default_rng(7), 8, jobs=jobs)
    assert names == {"CLARABEL"}
    with used_solvers.heard() as names:
        map_draws(draw, np.random.default_rng(7), 8, jobs=jobs)
    assert names == set()


def test_each_draw_has_its_own_child_in_order():
    expected = [draw(child) for child in np.random.default_rng(7).spawn(9)]
    assert map_draws(draw, np.random.default_rng(7), 9) == expected
    assert map_draws(draw, np.random.default_rng(7), 5) == expected[:5], "more draws do not change the first ones"


def test_a_second_call_gives_new_draws():
    rng = np.random.default_rng(7)
    assert not set(map_draws(draw, rng, 5)) & set(map_draws(draw, rng, 5))


class FakeFuture:
    def __init__(self, value):
        self.value = value


class FakeClient:
    """Stands in for a cluster: runs each block where it is submitted, and remembers what it was asked."""

    addresses: list = []  # noqa: RUF012

    def __init__(self, address, **_):
        self.addresses.append(address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def submit(self, function, *arguments, **_):
        return FakeFuture(function(*arguments))

    def gather(self, futures):
        return [future.value for future in futures]


def test_a_scheduler_gets_the_same_blocks(monkeypatch):
    import distributed  # the fake stands in for its client only

    monkeypatch.setattr(distributed, "Client", FakeClient)
    sent = map_draws(draw, np.random.default_rng(7), 21, scheduler="tcp://head:8786")
    assert sent == map_draws(draw, np.random.default_rng(7), 21)
    assert FakeClient.addresses == ["tcp://head:8786"]


def test_a_missing_cluster_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"isaclib\[cluster\]"):
        map_draws(draw, np.random.default_rng(7), 3, scheduler="tcp://head:8786")


@pytest.mark.parametrize(("draws", "jobs", "field"), [(0, 1, "draws"), (-3, 1, "draws"), (3, 0, "jobs")])
def test_impossible_requests_are_refused_by_name(draws, jobs, field):
    with pytest.raises(InvalidScenario) as caught:
        map_draws(draw, np.random.default_rng(0), draws, jobs=jobs)
    assert caught.value.field == field


def test_an_error_in_a_draw_arrives_with_its_fields():
    def refuse(rng):
        raise InvalidScenario("gain", "is bad")

    for jobs in (1, 2):
        with pytest.raises(InvalidScenario, match="gain: is bad"):
            map_draws(refuse, np.random.default_rng(0), 10, jobs=jobs)


def test_average_by_hand():
    result = average([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    np.testing.assert_allclose(result.mean, [2.0, 20.0])
    half = 4.302652729911275 / np.sqrt(3)  # Student's t at 97.5 % with two degrees of freedom, unit deviation
    np.testing.assert_allclose(result.high - result.mean, [half, 10 * half], rtol=QUANTILE)
    np.testing.assert_allclose(result.mean - result.low, [half, 10 * half], rtol=QUANTILE)
    assert (result.count, result.total) == (3, 3)


def test_draws_that_fail_anywhere_enter_no_column():
    samples = np.array([[1.0, 10.0], [np.nan, 20.0], [3.0, np.inf], [5.0, 40.0]])
    result = average(samples)
    np.testing.assert_allclose(result.mean, [3.0, 25.0])
    assert (result.count, result.total) == (2, 4)
    columns = average(samples.reshape(4, 1, 2))
    np.testing.assert_allclose(columns.mean, [[3.0, 25.0]])


def test_averaging_each_column_over_its_own_survivors_would_be_biased():
    quality = np.random.default_rng(1).exponential(size=4000)
    strict = np.where(quality > 1, quality, np.nan)
    fair = average(np.stack([quality, strict], axis=1))
    assert fair.mean[0] == fair.mean[1]
    assert np.nanmean(strict) > quality.mean() + 0.5, "only the good draws survive the strict limit"


def test_a_mask_can_be_given():
    result = average([1.0, 2.0, 30.0], keep=[True, True, False])
    assert result.mean == 1.5 and result.count == 2
    assert np.ndim(result.mean) == 0


def test_one_draw_has_no_interval_and_none_has_no_mean(recwarn):
    single = average([[4.0]])
    assert single.mean == 4.0 and np.isnan(single.low).all() and np.isnan(single.high).all()
    empty = average([[np.nan, 1.0]])
    assert (empty.count, empty.total) == (0, 1)
    assert empty.mean.shape == (2,) and np.isnan(empty.mean).all() and np.isnan(empty.low).all()
    assert not recwarn.list


@pytest.mark.parametrize("count", [4, 30])
def test_the_interval_covers_the_true_mean_in_95_percent_of_the_experiments(count):
    samples = np.random.default_rng(2).normal(size=(count, 20_000))
    result = average(samples)
    covered = np.mean((result.low <= 0) & (0 <= result.high))
    assert covered == pytest.approx(0.95, abs=5 * np.sqrt(0.95 * 0.05 / 20_000))


def test_samples_and_masks_of_the_wrong_shape_are_refused_by_name():
    with pytest.raises(InvalidScenario, match="keep: has shape"):
        average([1.0, 2.0], keep=[True])
    with pytest.raises(InvalidScenario, match="samples: is a single number"):
        average(3.0)


def test_indices_are_not_taken_for_a_mask_and_what_is_kept_must_be_finite():
    with pytest.raises(InvalidScenario, match="keep: must be an array of True and False"):
        average([1.0, 2.0, 3.0, 4.0], keep=[2, 0, 1, 3])
    with pytest.raises(InvalidScenario, match="keep: names 1 draws that are not finite in every column, first draw 1"):
        average([1.0, np.nan], keep=[True, True])


def test_unproven_draws_are_left_out_and_counted():
    samples, status = (
        np.array([[1.0, 2.0], [3.0, 4.0], [50.0, np.nan], [90.0, 90.0]]),
        ["optimal", "optimal", "optimal", "converged"],
    )
    found = average(samples, status=status)
    assert (found.count, found.total, found.unproven) == (2, 4, 1)
    np.testing.assert_array_equal(found.mean, [2.0, 3.0])
    both = average(samples, status=np.array([status, ["iteration_limit", *status[1:]]]).T)
    assert (both.count, both.unproven) == (1, 2)
    with pytest.raises(InvalidScenario, match="keep: names 1 draws that are not optimal, first draw 3"):
        average(samples, keep=[True, True, False, True], status=status)
    assert average(samples, keep=[True, True, False, True]).count == 3


def test_counts_are_whole_numbers_and_a_seed_is_no_generator():
    assert map_draws(draw, np.random.default_rng(3), 2.0) == map_draws(draw, np.random.default_rng(3), 2)
    for call, field in (
        (lambda: map_draws(draw, np.random.default_rng(3), 2.5), "draws"),
        (lambda: map_draws(draw, 3, 2), "rng"),
        (lambda: map_draws(draw, np.random.default_rng(3), 2, jobs=1.5), "jobs"),
        (lambda: map_draws(draw, np.random.default_rng(3), 2, jobs=-2), "jobs"),
        (lambda: map_draws(3, np.random.default_rng(3), 2), "function"),
    ):
        with pytest.raises(InvalidScenario) as caught:
            call()
        assert caught.value.field == field
