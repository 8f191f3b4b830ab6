"""Bisection and convex minimisation: brackets that hold, bounds that are bounds."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from isaclib import InvalidScenario
from isaclib.foundations.scalar_search import bisect, minimise_convex

TOLERANCE = 1e-12  # the default: relative width of the final bracket
ROUNDING = 4 * np.finfo(float).eps


def test_bracket_holds_the_threshold_and_is_as_narrow_as_asked():
    bracket = bisect(lambda x: x >= np.pi, 0.0, 10.0)
    assert bracket.low < np.pi <= bracket.high
    assert bracket.high - bracket.low <= TOLERANCE * bracket.high
    assert bracket.iterations == pytest.approx(np.log2(10 / (np.pi * TOLERANCE)), abs=1)


def test_a_decreasing_search_takes_the_ends_in_reverse():
    bracket = bisect(lambda x: x <= 2.5, 10.0, 0.0)
    assert bracket.low > 2.5 >= bracket.high


def test_lanes_agree_with_one_at_a_time_and_with_brent():
    targets = np.geomspace(1e-3, 1e3, 7)
    lanes = bisect(lambda x: x**3 + x >= targets, 0.0, np.full(7, 1e3))
    for lane, target in enumerate(targets):
        alone = bisect(lambda x, target=target: x**3 + x >= target, 0.0, 1e3)
        assert abs(alone.high - lanes.high[lane]) <= TOLERANCE * alone.high
        assert lanes.high[lane] == pytest.approx(brentq(lambda x, t=target: x**3 + x - t, 0, 1e3, xtol=1e-15), rel=1e-11)
    assert lanes.low.shape == lanes.high.shape == (7,)


def test_common_ends_serve_the_lanes_of_the_predicate():
    targets = np.array([1.0, 2.0, 5.0])
    bracket = bisect(lambda x: x >= targets, 0.0, 10.0)
    np.testing.assert_array_equal(bracket.high, bisect(lambda x: x >= targets, np.zeros(3), 10.0).high)
    found = minimise_convex(lambda x: ((x - targets) ** 2, 2 * (x - targets)), 0.0, 10.0)
    np.testing.assert_allclose(found.argument, targets, rtol=2 * TOLERANCE)


def test_ends_are_never_evaluated():
    seen = []
    bisect(lambda x: seen.append(float(x)) or x >= 0.3, 0.0, 1.0)
    assert seen and 0.0 not in seen and 1.0 not in seen


def test_geometric_search_covers_many_decades_quickly():
    lanes = bisect(lambda x: x >= np.array([1e-200, 1e150]), 1e-250, 1e250, geometric=True)
    np.testing.assert_allclose(lanes.high, [1e-200, 1e150], rtol=2 * TOLERANCE)
    assert np.all(lanes.low < np.array([1e-200, 1e150]))
    assert lanes.iterations < 60


@pytest.mark.parametrize("geometric", [False, True])
def test_zero_tolerance_ends_at_neighbouring_numbers(geometric):
    bracket = bisect(lambda x: x >= np.sqrt(2), 1.0, 1e6, tolerance=0.0, geometric=geometric, max_iterations=10_000)
    assert bracket.low < np.sqrt(2) <= bracket.high
    assert bracket.high <= np.nextafter(bracket.low, np.inf)
    assert bracket.iterations < 100


def test_a_threshold_at_zero_ends_with_the_iterations():
    bracket = bisect(lambda x: x >= 0, -1.0, 2.0, max_iterations=50)
    assert bracket.iterations == 50
    assert bracket.low < 0 <= bracket.high and bracket.high - bracket.low < 1e-14


def test_a_nan_lane_stays_nan_and_holds_nobody_up():
    lanes = bisect(lambda x: x >= 1.0, np.array([0.0, np.nan]), np.array([3.0, 3.0]))
    assert lanes.low[0] < 1.0 <= lanes.high[0] and np.isnan(lanes.low[1])
    assert lanes.iterations < 50


@pytest.mark.parametrize(
    ("low", "high", "options", "field"),
    [(0.0, 1.0, {"geometric": True}, "low"), (1.0, -1.0, {"geometric": True}, "high"), (0.0, np.inf, {}, "high")],
)
def test_unusable_ends_are_refused_by_name(low, high, options, field):
    with pytest.raises(InvalidScenario) as caught:
        bisect(lambda x: x >= 0.5, low, high, **options)
    assert caught.value.field == field


def quadratic(x):
    return (x - 2.0) ** 2 + 3.0, 2 * (x - 2.0)


def kink(x):
    return np.maximum(-2 * x, 3 * (x - 5.0)), np.where(-2 * x > 3 * (x - 5.0), -2.0, 3.0)


def barrier(x):
    with np.errstate(divide="ignore"):
        return x + 1 / x, 1 - 1 / x**2


def flat(x):
    return np.maximum(np.abs(x - 2.0), 1.0), np.where(np.abs(x - 2.0) > 1, np.sign(x - 2.0), 0.0)


def steep(x):
    return np.exp(x) - 100 * x, np.exp(x) - 100


def root(x):
    with np.errstate(divide="ignore"):
        return 1.0 - np.sqrt(x), -0.5 / np.sqrt(x)


CASES = [
    ("quadratic", quadratic, 0.0, 10.0, 3.0),
    ("quadratic, ends reversed", quadratic, 10.0, 0.0, 3.0),
    ("quadratic, minimum at the low end", quadratic, 4.0, 10.0, 7.0),
    ("quadratic, minimum at the high end", quadratic, -3.0, 1.0, 4.0),
    ("quadratic far from the origin", lambda x: quadratic(x - 1e6), 1e6, 1e6 + 10, 3.0),
    ("kink", kink, -10.0, 10.0, -6.0),
    ("infinite at the low end", barrier, 0.0, 50.0, 2.0),
    ("flat bottom", flat, -5.0, 30.0, 1.0),
    ("exponential", steep, 0.0, 50.0, 100 - 100 * np.log(100)),
    ("vertical tangent at the low end", root, 0.0, 4.0, -1.0),
    ("single point", quadratic, 5.0, 5.0, 12.0),
]


@pytest.mark.parametrize(("function", "low", "high", "minimum"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_value_and_bound_enclose_the_minimum(function, low, high, minimum):
    found = minimise_convex(function, low, high)
    slack = ROUNDING * max(1.0, abs(minimum))
    assert found.bound <= minimum + slack
    assert found.value >= minimum - slack
    assert found.bound <= found.value
    assert found.value - found.bound <= 1e-10 * max(1.0, abs(minimum)), "the bound is tight"
    assert min(low, high) <= found.argument <= max(low, high)
    assert function(np.asarray(found.argument))[0] == found.value


@pytest.mark.parametrize("tolerance", [1.0, 0.3, 1e-2, 1e-4])
def test_the_bound_holds_however_early_the_search_stops(tolerance):
    rng = np.random.default_rng(0)
    slopes, offsets = np.sort(rng.normal(size=(300, 6)), axis=1), rng.normal(size=(300, 6))

    def piecewise(x):
        lines = slopes * np.atleast_1d(x)[:, None] + offsets
        top = lines.argmax(axis=1)[:, None]
        return np.take_along_axis(lines, top, 1)[:, 0], np.take_along_axis(slopes, top, 1)[:, 0]

    found = minimise_convex(piecewise, np.full(300, -4.0), 7.0, tolerance=tolerance)
    # The minimum of a maximum of lines is at an end or where two lines cross: all of them are tried.
    i, j = np.triu_indices(6, 1)
    corners = np.clip((offsets[:, i] - offsets[:, j]) / (slopes[:, j] - slopes[:, i]), -4.0, 7.0)
    corners = np.concatenate([corners, np.full((300, 1), -4.0), np.full((300, 1), 7.0)], axis=1)
    true = (slopes[:, None, :] * corners[:, :, None] + offsets[:, None, :]).max(axis=2).min(axis=1)
    assert np.all(found.bound <= true + 1e-13)
    assert np.all(found.value >= true - 1e-13)
    if tolerance <= 1e-4:
        np.testing.assert_allclose(found.value, found.bound, atol=1e-2)


def test_geometric_search_for_a_minimum_over_many_decades():
    scale = np.geomspace(1e-8, 1e8, 5)
    found = minimise_convex(lambda x: (x / scale + scale / x, 1 / scale - scale / x**2), 1e-12, 1e12, geometric=True)
    np.testing.assert_allclose(found.argument, scale, rtol=1e-11)
    assert np.all(found.bound <= 2 + ROUNDING) and np.all(found.value >= 2 - ROUNDING)
    assert found.iterations < 60


def test_agrees_with_brent_on_a_smooth_function():
    found = minimise_convex(lambda x: (np.cosh(x - 1) + x**2, np.sinh(x - 1) + 2 * x), -10.0, 10.0)
    other = minimize_scalar(lambda x: np.cosh(x - 1) + x**2, bounds=(-10, 10), method="bounded", options={"xatol": 1e-12})
    assert found.value == pytest.approx(other.fun, abs=1e-12)
    assert isinstance(float(found.argument), float) and np.ndim(found.bound) == 0


def test_lanes_equal_single_searches():
    centers = np.array([-2.0, 0.5, 30.0])
    lanes = minimise_convex(lambda x: ((x - centers) ** 4, 4 * (x - centers) ** 3), np.full(3, -10.0), 10.0)
    for lane, center in enumerate(centers):
        alone = minimise_convex(lambda x, c=center: ((x - c) ** 4, 4 * (x - c) ** 3), -10.0, 10.0)
        assert lanes.value[lane] == pytest.approx(alone.value, abs=1e-12)
        assert lanes.argument[lane] == pytest.approx(alone.argument, abs=1e-11)
    assert lanes.argument[2] == pytest.approx(10.0)


def test_functions_that_answer_something_else_are_refused():
    with pytest.raises(InvalidScenario, match="predicate: must return True or False"):
        bisect(lambda x: x - 1, 0.0, 2.0)
    with pytest.raises(InvalidScenario, match="predicate: must return True or False for each of 3"):
        bisect(lambda x: np.array([True, False]), np.zeros(3), np.ones(3))
    with pytest.raises(InvalidScenario, match="function: must return the pair"):
        minimise_convex(lambda x: x, 0.0, 2.0)
    with pytest.raises(InvalidScenario, match="function: is nan at 1"):
        minimise_convex(lambda x: (np.nan * x, np.nan * x), 0.0, 2.0)
    with pytest.raises(InvalidScenario, match="high: has 2 lanes, but low has 3"):
        bisect(lambda x: x > 0, np.zeros(3), np.ones(2))


def test_a_lane_whose_end_is_nan_stays_nan_and_leaves_the_others_alone():
    low, high = np.array([0.0, np.nan]), np.array([2.0, 2.0])
    found = minimise_convex(lambda x: ((x - 1) ** 2, 2 * (x - 1)), low, high)
    assert found.value[0] == pytest.approx(0.0, abs=1e-12) and np.isnan(found.value[1])


def test_without_a_word_the_bracket_is_a_million_millionth_of_its_place():
    """The interval is halved 40 times; a tolerance twice as large would save one of them."""

    def steps(**options):
        return (
            bisect(lambda x: x > 1 / 3, 0.0, 1.0, **options).iterations,
            minimise_convex(lambda x: ((x - 1 / 3) ** 2, 2 * (x - 1 / 3)), 0.0, 1.0, **options).iterations,
        )

    assert steps() == steps(tolerance=1e-12)
    assert all(more > fewer for more, fewer in zip(steps(), steps(tolerance=2e-12), strict=True))
