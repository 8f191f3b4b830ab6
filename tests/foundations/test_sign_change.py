"""The bracketing search for a sign change."""

import mpmath
import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.foundations.scalar_search import sign_change, sign_change_by_interpolation

TOLERANCE = 1e-12


def test_root_known_by_hand_and_few_evaluations():
    bracket = sign_change(lambda x: 2.0 - x**2, 0.0, 2.0, tolerance=TOLERANCE)
    assert bracket.low <= np.sqrt(2) + 1e-15 and bracket.high >= np.sqrt(2) - 1e-15
    assert abs(bracket.high - bracket.low) <= TOLERANCE
    assert bracket.iterations <= 12  # bisection needs 41


def test_lanes_are_independent_and_ends_keep_their_signs():
    levels = np.array([0.1, 1.0, 5.0, 100.0])
    function = lambda x: np.log(levels) - x  # noqa: E731
    bracket = sign_change(function, np.full(4, -10.0), np.full(4, 10.0), tolerance=TOLERANCE)
    assert np.all(function(bracket.low) > 0) and np.all(function(bracket.high) <= 0)
    for d, level in enumerate(levels):
        alone = sign_change(lambda x, level=level: np.log(level) - x, -10.0, 10.0, tolerance=TOLERANCE)
        assert abs(alone.high - bracket.high[d]) <= 2 * TOLERANCE


def test_jumps_and_infinities_cost_no_more_than_bisection():
    def function(x):
        return np.where(x < 0.3, np.inf, -np.inf)

    bracket = sign_change(function, np.array([0.0]), np.array([1.0]), tolerance=TOLERANCE)
    assert bracket.low[0] < 0.3 <= bracket.high[0]
    assert bracket.high[0] - bracket.low[0] <= TOLERANCE
    assert bracket.iterations <= 45


def test_decreasing_search_is_allowed():
    bracket = sign_change(lambda x: x - 1.0, 3.0, 0.0, tolerance=TOLERANCE)
    assert bracket.high <= 1.0 < bracket.low + 1e-15


@pytest.mark.parametrize("root", [-2.9, 0.0, 0.37, 6.0])
def test_interpolation_brackets_a_smooth_root_in_three_calls(root):
    asked = []

    def function(x):
        asked.append(x)
        return np.expm1(0.3 * (root - x))

    bracket = sign_change_by_interpolation(function, -3.0, 7.0, tolerance=TOLERANCE)
    assert bracket.low <= root <= bracket.high and bracket.high - bracket.low <= TOLERANCE
    assert bracket.iterations == len(asked) == 3
    assert tuple(asked[-1][-2:]) == (bracket.low, bracket.high)  # what the caller computed there can be used


def test_a_rough_first_look_changes_nothing_but_the_work():
    function = lambda x: np.exp(-x) - x  # noqa: E731
    rough = lambda x: function(x) + 0.01 * np.sin(40 * x)  # noqa: E731
    plain = sign_change_by_interpolation(function, -1.0, 3.0, tolerance=TOLERANCE)
    found = sign_change_by_interpolation(function, -1.0, 3.0, rough=rough, tolerance=TOLERANCE)
    assert abs(found.low - plain.low) <= TOLERANCE and function(found.low) > 0 >= function(found.high)


@pytest.mark.parametrize("where", [0.3, 0.999])
def test_interpolation_falls_back_at_jumps_kinks_and_infinities(where):
    jump = lambda x: np.where(x < where, np.inf, -np.inf)  # noqa: E731
    step = lambda x: np.where(x < where, 2.0 - x, -0.1 * x)  # noqa: E731
    kink = lambda x: np.maximum(where - x, 50 * (where - x))  # noqa: E731
    for function in (jump, step, kink):
        asked = []

        def recorded(x, function=function, asked=asked):
            asked.append(x)
            return function(x)

        bracket = sign_change_by_interpolation(recorded, 0.0, 1.0, tolerance=TOLERANCE)
        assert function(np.array(bracket.low)) > 0 >= function(np.array(bracket.high))
        assert bracket.high - bracket.low <= TOLERANCE
        assert tuple(asked[-1][-2:]) == (bracket.low, bracket.high)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: x + 1, "high"),  # positive at both ends
        (lambda x: x - 2, "low"),  # positive at none
        (lambda x: -x, "low"),  # zero at the end that must be positive
        (lambda x: x, "low"),  # rising
        (lambda x: 0 * x + np.nan, "function"),
        (lambda x: np.where(x == 1, np.nan, 1.0), "function"),
    ],
)
@pytest.mark.parametrize("lanes", [False, True])
def test_ends_that_do_not_bracket_are_refused(function, name, lanes):
    low, high = (np.array([0.0, 0.0]), np.array([1.0, 1.0])) if lanes else (0.0, 1.0)
    with pytest.raises(InvalidScenario) as caught:
        sign_change(function, low, high)
    assert caught.value.field == name


def test_a_zero_at_the_high_end_is_found_there():
    bracket = sign_change(lambda x: 1 - x, 0.0, 1.0, tolerance=TOLERANCE)
    assert bracket.low < 1.0 == bracket.high and bracket.high - bracket.low <= TOLERANCE


def test_a_tolerance_below_the_spacing_of_floats_stops_at_neighbours():
    bracket = sign_change(lambda x: 2 - x * x, 1.0, 2.0, tolerance=0.0)
    assert bracket.high == np.nextafter(bracket.low, 2.0) and bracket.iterations < 100


def test_a_nan_inside_is_refused_and_so_is_a_wrong_shape():
    with pytest.raises(InvalidScenario, match=r"function: is nan at 0\.5"):
        sign_change(lambda x: np.where(abs(x - 0.5) < 0.1, np.nan, 0.4 - x), 0.0, 1.0)
    with pytest.raises(InvalidScenario, match="function: must return one real number for each of 3"):
        sign_change(lambda x: np.ones(2), np.zeros(3), np.ones(3))
    with pytest.raises(InvalidScenario, match="function: is nan"):
        sign_change_by_interpolation(lambda x: np.where(x > 0.5, np.nan, 1.0), 0.0, 1.0)
    with pytest.raises(InvalidScenario, match="low: must be below high"):
        sign_change_by_interpolation(lambda x: -x, 1.0, 0.0)
    for tolerance in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InvalidScenario, match="tolerance"):
            sign_change_by_interpolation(lambda x: 0.5 - x, 0.0, 1.0, tolerance=tolerance)


def test_random_roots_against_high_precision():
    """Against mpmath with 50 digits: smooth and steep functions, roots over 12 decades, both searches."""
    rng = np.random.default_rng(5)
    with mpmath.workdps(50):
        for _ in range(60):
            scale, power, level = 10 ** rng.uniform(-6, 6), rng.uniform(0.3, 4), rng.uniform(0.1, 5)
            root = float(scale * mpmath.mpf(level) ** (1 / mpmath.mpf(power)))

            def function(x, scale=scale, power=power, level=level):
                return level - np.maximum(x / scale, 0.0) ** power

            tolerance = 1e-12 * root
            for search in (sign_change, sign_change_by_interpolation):
                bracket = search(function, 0.0, 100 * root, tolerance=tolerance)
                assert function(bracket.low) > 0 >= function(bracket.high)
                assert bracket.low - 1e-13 * root <= root <= bracket.high + 1e-13 * root
                assert bracket.high - bracket.low <= tolerance * (1 + 1e-3)


def published(function, a, b, tolerance):
    """Chandrupatla's method as published, one number at a time: the points that it asks for."""
    fa, fb, t, asked = function(a), function(b), 0.5, [a, b]
    clip = lambda y: min(max(y, -1e100), 1e100)  # noqa: E731
    fa, fb = clip(fa), clip(fb)
    for _ in range(200):
        x = a + t * (b - a)
        asked.append(x)
        fx = clip(function(x))
        if (fx > 0) == (fa > 0):
            c, fc = a, fa
        else:
            c, fc, b, fb = b, fb, a, fa
        a, fa = x, fx
        if abs(b - a) <= tolerance:
            return asked
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb) if fc != fb else np.inf
        t = 0.5
        if phi**2 < xi and (1 - phi) ** 2 < 1 - xi:
            t = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        edge = min(0.45 * tolerance / abs(b - a), 0.5)
        t = min(max(t, edge), 1 - edge)
    return asked


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 2 - x * x,
        lambda x: np.exp(-3 * x) - 0.01,
        lambda x: 1 / (x + 1e-9) - 3,
        lambda x: np.where(x < 0.7, np.inf, -1.0),
        lambda x: (1.3 - x) ** 3,
        lambda x: np.cos(x) - x,
        lambda x: np.tanh(50 * (0.2 - x)),
    ],
)
@pytest.mark.parametrize("tolerance", [1e-12, 1e-6, 0.3])
def test_the_points_that_the_method_asks_for_are_the_published_ones(function, tolerance):
    asked = []
    sign_change(lambda x: asked.append(float(x)) or function(x), 0.0, 2.0, tolerance=tolerance)
    np.testing.assert_allclose(asked, published(lambda x: float(function(x)), 0.0, 2.0, tolerance), rtol=1e-13)


@pytest.mark.parametrize(("low", "high", "root"), [(0.0, 1.0, 0.37), (-2.0, 6.0, 5.7), (1.0, 3.0, 1.05)])
def test_the_calls_of_the_interpolation_by_their_definition(low, high, root):
    """Sixteen cells' middles; then six Chebyshev points in a window of 0.3 % and, 0.45 of the tolerance apart, both ends."""
    asked, values = [], []

    def function(x):
        asked.append(np.array(x))
        values.append(np.expm1(0.8 * (root - x)))
        return values[-1]

    found = sign_change_by_interpolation(function, low, high, tolerance=1e-10)
    width = high - low
    np.testing.assert_allclose(asked[0], low + width * (np.arange(16) + 0.5) / 16, rtol=1e-14)
    turn = int(np.argmax(values[0] <= 0))
    near = slice(max(0, turn - 2), turn + 2)
    made = [(asked[0][near], values[0][near]), *((x[:6], f[:6]) for x, f in zip(asked[1:-1], values[1:-1]))]
    for call, (points, heights) in enumerate(made):
        with mpmath.workdps(60):
            x, f = [mpmath.mpf(float(p)) for p in points], [mpmath.mpf(float(h)) for h in heights]
            weights = [mpmath.fprod(f[j] / (f[j] - f[i]) for j in range(len(f)) if j != i) for i in range(len(f))]
            guess = float(mpmath.fdot(weights, x))
        window = guess + 0.003 ** (call + 1) * width * np.cos(np.pi * (np.arange(6) + 0.5) / 6)[::-1]
        np.testing.assert_allclose(asked[call + 1][:6], window, rtol=1e-12)
        np.testing.assert_allclose(asked[call + 1][6:], [guess - 0.45e-10, guess + 0.45e-10], rtol=1e-12)
    assert found.iterations == len(asked) and (found.low, found.high) == tuple(asked[-1][-2:])
    assert found.high - found.low == pytest.approx(0.9e-10, rel=1e-5) and found.low <= root <= found.high


def test_what_falls_back_counts_every_call():
    asked = []

    def jump(x):
        asked.append(np.shape(x))
        return np.where(x < 0.61, 1.0, -1.0)

    found = sign_change_by_interpolation(jump, 0.0, 1.0, tolerance=1e-9)
    assert found.high - found.low <= 1e-9 and found.low < 0.61 <= found.high
    assert asked[0] == (16,) and asked[-1] == (2,) and set(asked[1:-1]) <= {(8,), (1,)}
    assert len(asked) - 2 <= found.iterations <= len(asked) + 2


def test_one_lane_without_a_sign_change_is_named_among_others():
    for shift, name in (([0.3, 2.0], "high"), ([0.3, -1.0], "low")):
        with pytest.raises(InvalidScenario, match=rf"{name}: .*\(lane 1\)"):
            sign_change(lambda x, shift=shift: np.array(shift) - x, np.zeros(2), np.ones(2))
