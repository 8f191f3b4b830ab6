"""Right values at the places that a change of one sign, constant or comparison would move: by hand, or in exact arithmetic."""

import math
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest
from scipy import stats

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib.foundations import certificate, channels, checks, conic, files, fisher, geometry, plotting, score
from isaclib.foundations.compiled import _place
from isaclib.foundations.montecarlo import average, map_draws
from isaclib.foundations.scalar_search import bisect, minimise_convex, sign_change, sign_change_by_interpolation


def exact_crb_in_space(gradients, weights):
    rows, w = [[Fraction(float(x)) for x in g] for g in gradients], [Fraction(float(x)) for x in weights]
    j = [[sum(p * g[a] * g[b] for p, g in zip(w, rows)) for b in range(3)] for a in range(3)]
    minor = lambda a, b: j[a][a] * j[b][b] - j[a][b] ** 2  # noqa: E731
    det = (
        j[0][0] * minor(1, 2)
        - j[0][1] * (j[0][1] * j[2][2] - j[1][2] * j[0][2])
        + j[0][2] * (j[0][1] * j[1][2] - j[1][1] * j[0][2])
    )
    return (minor(0, 1) + minor(0, 2) + minor(1, 2)) / det


# --- searches ----------------------------------------------------------------------------------------------------------------


def test_the_tangents_of_a_parabola_cross_half_way():
    """After one step the bracket of x^2 on [-1, 2] is [-1, 1/2]: the tangents cross at -1/4, at the height ab = -1/2."""
    found = minimise_convex(lambda x: (x * x, 2 * x), -1.0, 2.0, max_iterations=1)
    assert (found.argument, found.value, found.bound, found.iterations) == (0.5, 0.25, -0.5, 1)
    steep = minimise_convex(lambda x: (4 * x * x + 3, 8 * x), np.array([-1.0, -1.0]), np.array([2.0, 5.0]), max_iterations=1)
    np.testing.assert_allclose(steep.bound, [3 - 4 * 0.5, 3 - 4 * 2.0], rtol=1e-15)


def test_predicates_of_numbers_see_numbers_and_lanes_see_lanes():
    seen = []
    bisect(lambda x: seen.append(np.shape(x)) or x >= 0.3, 0.0, 1.0)
    minimise_convex(lambda x: seen.append(np.shape(x)) or ((x - 0.3) ** 2, 2 * (x - 0.3)), 0.0, 1.0)
    sign_change(lambda x: seen.append(np.shape(x)) or 0.3 - x, 0.0, 1.0)
    assert set(seen) == {()}
    with pytest.raises(InvalidScenario, match="for each of 2 arguments"):
        bisect(lambda x: np.array([True]), np.zeros(2), np.ones(2))
    for ends in ((np.zeros(1), 1.0), (0.0, np.ones(1)), (np.zeros(1), np.ones(1))):
        assert bisect(lambda x: x >= 0.3, *ends).low.shape == sign_change(lambda x: 0.3 - x, *ends).low.shape == (1,)


def test_without_a_word_a_search_ends_after_two_hundred_steps():
    assert bisect(lambda x: x >= 0, -1.0, 2.0).iterations == 200
    found = minimise_convex(lambda x: (x * x, 2 * x), -1.0, 2.0, tolerance=0.0)
    assert (
        found.iterations
        == minimise_convex(lambda x: (x * x, 2 * x), -1.0, 2.0, tolerance=0.0, max_iterations=200).iterations
        == 200
    )
    assert sign_change(lambda x: 1.0 if x <= 0 else -1.0, -1.0, 2.0, tolerance=0.0).iterations == 200


@pytest.mark.parametrize("limit", [1, 5])
def test_no_more_steps_than_allowed(limit):
    assert bisect(lambda x: x >= 0.3, 0.0, 1.0, max_iterations=limit).iterations == limit
    assert sign_change(lambda x: np.exp(-x) - 0.3, 0.0, 9.0, tolerance=0.0, max_iterations=limit).iterations == limit
    wide = bisect(lambda x: x >= 0.3, 0.0, 1.0, max_iterations=limit)
    assert wide.high - wide.low == 0.5**limit


def test_interpolation_takes_few_evaluations_of_smooth_functions():
    """Chandrupatla's published method: about ten evaluations where bisection needs 40."""
    cases = [(lambda x: np.exp(-x) - 0.1, 0.0, 10.0), (lambda x: 1 / x - 3, 1e-3, 10.0), (lambda x: 2 - x**3, 0.0, 4.0)]
    assert [sign_change(*case, tolerance=1e-12).iterations <= 13 for case in cases] == [True] * 3
    found = sign_change_by_interpolation(lambda x: 2 - x**3, 0.0, 4.0, tolerance=1e-12)
    assert found.iterations <= 4 and found.low <= 2 ** (1 / 3) <= found.high


# --- information -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1e-120, 1e120])
def test_bounds_in_space_against_fractions(scale):
    rng = np.random.default_rng(31)
    for count in (3, 4, 7):
        gradients, weights = rng.normal(size=(count, 3)), rng.exponential(size=count) * 10.0 ** rng.integers(-6, 7, count)
        truth = float(exact_crb_in_space(gradients, weights))
        assert float(fisher.crb_trace(gradients * 2.0**5, weights * scale)) == pytest.approx(truth / scale / 2**10, rel=1e-12)


def test_one_dimension_is_one_over_the_sum():
    assert fisher.crb_trace([[2.0], [1.0]], [3.0, 5.0]) == pytest.approx(1 / 17, rel=1e-15)
    assert fisher.pair_determinant([[3.0, 0.0], [1.0, 2.0], [0.0, 1.0]], [1.0, 2.0, 4.0]) == 2 * 36 + 4 * 9 + 8


def test_weights_of_any_spread_keep_their_digits():
    for w in ([1.0, 1e-300], [1e300, 1e-300], [1e-310, 1e-5]):
        truth = Fraction(1) / Fraction(w[0]) + Fraction(1) / Fraction(w[1])
        expected = math.inf if truth > Fraction(2) ** 1024 else float(truth)
        assert fisher.crb_trace(np.eye(2), w) == pytest.approx(expected, rel=1e-14)


def test_one_overflow_among_many_is_refused():
    with pytest.raises(InvalidScenario, match="weights: and gradients make an information beyond"):
        fisher.range_fim([[[1e200, 0.0]], [[1.0, 0.0]]], [[1.0], [1.0]])
    with pytest.raises(InvalidScenario, match="from_m: lies so far away"):
        geometry.distances_m([[1e308, 0.0], [0.0, 0.0]], [[-1e308, 0.0]])
    with pytest.raises(InvalidScenario, match="from_m: lies so far away"):
        geometry.unit_vectors([[1e308, 0.0], [0.0, 0.0]], [[-1e308, 0.0]])
    with pytest.raises(InvalidScenario, match="from_m: lies so far away"):
        geometry.distances_m([[1.5e308, 1.5e308], [0.0, 0.0]], [[0.0, 0.0]])


def test_one_indefinite_matrix_among_many_is_refused():
    good, bad = np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]])
    for stack in ([good, bad], [bad, good]):
        with pytest.raises(InvalidScenario, match="not positive semidefinite"):
            fisher.equivalent_fim(stack, 1)
    tilted = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]])  # every pair is possible, the three are not
    with pytest.raises(InvalidScenario, match="not positive semidefinite"):
        fisher.equivalent_fim(tilted, 1)
    with pytest.raises(InvalidScenario, match="not symmetric"):
        fisher.equivalent_fim([good, [[1.0, 0.1], [0.0, 1.0]]], 1)


@pytest.mark.parametrize(("off", "refused"), [(0.9e-8, False), (1.5e-8, True)])
def test_rounding_between_a_matrix_and_its_adjoint_is_a_hundred_millionth(off, refused):
    matrix = [[4.0, 1.0 + 4 * off], [1.0, 4.0]]
    if refused:
        with pytest.raises(InvalidScenario, match="not symmetric"):
            fisher.equivalent_fim(matrix, 1)
    else:
        assert fisher.equivalent_fim(matrix, 1)[0, 0] == pytest.approx(3.75, rel=1e-7)


def test_real_information_stays_real_and_complex_information_complex():
    for matrix in ([[2.0, 1.0], [1.0, 1.0]], [[2, 1], [1, 1]]):
        assert fisher.equivalent_fim(matrix, 1).dtype == fisher.equivalent_fim(matrix, 2).dtype == float
    assert fisher.equivalent_fim([[2.0, 1j], [-1j, 1.0]], 1).dtype == complex
    assert fisher.equivalent_fim([[2 + 0j, 1.0], [1.0, 1.0]], 1).dtype == complex


# --- geometry ----------------------------------------------------------------------------------------------------------------


def test_a_direction_counts_from_a_million_millionth_on():
    """A target at the height y above the middle of a baseline of 2 m sees a gradient of length 2 y."""
    lengths = [np.linalg.norm(geometry.bistatic_range_gradients([[0, 0]], [2, 0], [[1, y]])) for y in (0.4e-12, 0.7e-12)]
    assert lengths[0] == 0 and lengths[1] == pytest.approx(1.4e-12, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1.0, 1e150, 1e300])
def test_lengths_and_directions_at_any_scale(scale):
    assert geometry.distances_m([[0, 0, 0], [0, 0, 0]], [[2 * scale, 3 * scale, 6 * scale]]) == pytest.approx(
        7 * scale, rel=1e-15
    )
    np.testing.assert_allclose(geometry.unit_vectors([[0, 0]], [[3 * scale, 4 * scale]])[0, 0], [0.6, 0.8], rtol=1e-15)


def test_points_fill_the_disk_in_all_directions():
    x, y = geometry.uniform_disk(np.random.default_rng(32), 4000, 2.0, minimum_radius_m=1.0).T
    counts = np.histogram(np.arctan2(y, x), bins=8, range=(-np.pi, np.pi))[0]
    assert stats.chisquare(counts).pvalue > 1e-4
    quarter = geometry.uniform_disk(np.random.default_rng(0), 1, 2.0)  # the radius first, then the angle
    rng = np.random.default_rng(0)
    u, angle = rng.random(), 2 * np.pi * rng.random()
    np.testing.assert_allclose(quarter, [[2 * np.sqrt(u) * np.cos(angle), 2 * np.sqrt(u) * np.sin(angle)]], rtol=1e-15)


# --- guards ------------------------------------------------------------------------------------------------------------------


def test_one_bad_entry_among_good_ones_is_named():
    with pytest.raises(InvalidScenario, match=r"whole numbers, but entry \(1,\) is 1.5"):
        checks.array("n", [1.0, 1.5, 2.0], ("M",), dtype=int)
    with pytest.raises(InvalidScenario, match=r"counted exactly: entry \(2,\)"):
        checks.array("n", [1, 2, 2**53], ("M",), dtype=int)
    assert checks.array("n", [2**53 - 1], ("M",), dtype=int).tolist() == [2**53 - 1]
    for value, options in (([1.0, math.nan], {"infinite": True}), ([1.0, math.inf], {"nan": True}), ([-math.inf, 1.0], {})):
        with pytest.raises(InvalidScenario, match="must be finite"):
            checks.array("x", value, ("M",), **options)
    assert np.isnan(checks.array("x", [1.0, math.nan, math.inf], ("M",), nan=True, infinite=True)[1])


def test_symbols_with_an_offset_are_held_to_it():
    sizes = {}
    checks.array("x", np.ones(3), ("M",), sizes=sizes)
    checks.array("y", np.ones((4, 3)), ("M+1", "M"), sizes=sizes)
    for wrong in ((3, 3), (2, 3), (4, 4)):
        with pytest.raises(InvalidScenario, match="with M = 3"):
            checks.array("y", np.ones(wrong), ("M+1", "M"), sizes=dict(sizes))
    with pytest.raises(InvalidScenario, match="with M >= 1"):
        checks.array("y", np.ones(1), ("M+1",))
    with pytest.raises(InvalidScenario, match="without an empty axis"):
        checks.array("y", np.ones((0, 2)), ("...", "K"))
    assert checks.array("y", np.ones((1, 2)), ("...", "K")).shape == (1, 2)


@pytest.mark.parametrize(("shape", "told"), [((1, 3), True), ((3, 1), True), ((1, 1, 3), True), ((2, 3), False), ((), False)])
def test_only_what_is_a_vector_in_disguise_is_told_to_be_flattened(shape, told):
    with pytest.raises(InvalidScenario) as caught:
        checks.array("x", np.ones(shape), ("M",))
    assert ("ravel" in str(caught.value)) == told


def test_long_values_are_cut_in_messages():
    assert checks.short("a" * 58) == repr("a" * 58) and len(checks.short("a" * 59)) == 60
    assert checks.shape("shape", 2**31) == (2**31,)
    with pytest.raises(InvalidScenario, match="shape"):
        checks.shape("shape", 2**31 + 1)
    with pytest.raises(InvalidScenario, match="mask"):
        checks.mask("mask", np.ma.array([True, False], mask=[True, False]), ("D",))
    assert checks.mask("mask", np.ma.array([True, False]), ("D",)).tolist() == [True, False]


def test_an_axis_may_be_empty_and_no_entry_less_than_none():
    assert checks.shape("shape", (2, 0)) == (2, 0)
    with pytest.raises(InvalidScenario, match="shape"):
        checks.shape("shape", (2, -1))
    assert checks.axes([[1.0], [1.0, 2.0]]) == -1


# --- files -------------------------------------------------------------------------------------------------------------------


def test_narrow_integers_that_may_have_been_cut_are_refused_and_others_are_not():
    for fine in (np.array([0, 5], np.int16), np.array([0, 254], np.uint8), np.array([-7, 3], np.int32), np.array([0], np.int8)):
        files._narrow("x", fine)
    for cut in (
        np.array([0, 32767], np.int16),
        np.array([1, 255], np.uint8),
        np.array([-7, 3], np.int8),
        np.array([3, -1], np.int16),
    ):
        with pytest.raises(InvalidScenario, match="cut off"):
            files._narrow("x", cut)
    with pytest.raises(InvalidScenario, match="-7 as int8"):
        files._narrow("x", np.array([3, -7], np.int8))


# --- draws, channels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draws", [1, 15, 16, 17, 33])
def test_every_draw_is_made_once(draws):
    expected = [child.random() for child in np.random.default_rng(3).spawn(draws)]
    assert map_draws(lambda rng: rng.random(), np.random.default_rng(3), draws) == expected


def test_averages_along_the_draws():
    values = np.array([[1.0, 10.0], [3.0, 30.0], [8.0, 50.0]])
    found = average(values, keep=np.array([True, True, False]))
    np.testing.assert_array_equal(found.mean, [2.0, 20.0])
    assert (found.count, found.unproven) == (2, 0)


def test_without_a_word_the_direct_path_has_unit_gain():
    assert channels.rician_of(np.zeros(2, complex), 3.0).tolist() == pytest.approx([math.sqrt(0.75)] * 2, rel=1e-15)
    assert channels.rician_of(np.ones(1, complex), 3.0)[0] == pytest.approx(math.sqrt(0.75) + 0.5, rel=1e-15)


def test_a_rician_channel_has_its_share_of_the_direct_path():
    path = np.ones(40_000)
    for k_factor in (0.5, 3.0):
        h = channels.rician(np.random.default_rng(33), 40_000, k_factor=k_factor, line_of_sight=path)
        assert h.mean().real == pytest.approx(math.sqrt(k_factor / (k_factor + 1)), abs=0.02)
        assert np.mean(np.abs(h) ** 2) == pytest.approx(1.0, abs=0.03)


# --- certificates and scores -------------------------------------------------------------------------------------------------


def test_limits_of_what_counts_as_optimal():
    make = lambda **more: certificate.Certificate(**{"method": "m", "value": 1.0, "bound": 1.0, "status": "optimal"} | more)  # noqa: E731
    assert make(bound=1 + 9e-6).gap == pytest.approx(9e-6, rel=1e-9) and make(residual=9e-7).residual == 9e-7
    for wrong in ({"bound": 1 + 1.5e-5}, {"residual": 1.5e-6}):
        with pytest.raises(ValueError, match="needs a gap of at most"):
            make(**wrong)
    for name in ("value", "bound", "residual", "seconds"):
        assert getattr(make(**{name: 1 if name in ("value", "bound") else 0}), name) in (0, 1)
        with pytest.raises(InvalidScenario, match=name):
            make(**{name: "1"})


def test_violations_up_to_a_millionth_count_as_rounding():
    best = lambda: certificate.Certificate(method="m", value=2.0, bound=2.0, status="optimal")  # noqa: E731
    assert score.judge(1.0, {"cap": 9e-7}, best).feasible and not score.judge(1.0, {"cap": 1.5e-6}, best).feasible
    lost = score.judge(math.nan, {"cap": 0.0}, best)
    assert lost.violations["value"] == math.inf and not lost.feasible
    assert "value" not in score.judge(math.nan, {"cap": 1.0}, best).violations
    assert "value" not in score.judge(1.0, {"cap": 0.0}, best).violations
    assert "cap" not in str(score.judge(1.0, {"cap": 0.0, "floor": 0.5}, best)) and "floor" in str(
        score.judge(1.0, {"floor": 0.5}, best)
    )


def test_the_worst_violation_is_named_first():
    best = certificate.Certificate(method="m", value=2.0, bound=2.0, status="optimal")
    for over in ({"a": 0.1, "b": 0.5, "c": 0.3}, {"c": 0.3, "b": 0.5, "a": 0.1}):
        said = str(score.judge(1.0, over, lambda: best))
        assert said.index("b by") < said.index("c by") < said.index("a by")


def test_a_score_as_plain_numbers():
    def impossible():
        raise InfeasibleScenario("cap", limit=1.0, best_attainable=2.0)

    zero = lambda: certificate.Certificate(method="m", value=0.0, bound=0.0, status="optimal")  # noqa: E731
    below, above = score.judge(-1.0, {}, zero).as_dict(), score.judge(1.0, {}, zero).as_dict()
    assert (below["gap"], above["gap"]) == ("inf", "-inf")
    assert score.judge(1.0, {"cap": 1.0}, impossible).as_dict()["gap"] is None


# --- cone programs -----------------------------------------------------------------------------------------------------------


def test_places_of_answers_keep_their_signs():
    take = _place(np.array([[-1.0, 3.0], [2.0, -2.0]]), 3)
    np.testing.assert_array_equal(take(np.array([10.0, 20.0, 30.0])), [[-10.0, 30.0], [20.0, -20.0]])
    assert float(_place(np.array(2.0), 2)(np.array([5.0, 7.0]))) == 7.0
    for wrong in ([1.0, 4.0], [0.0, 1.0], [1.5, 2.0]):
        with pytest.raises(Exception):  # noqa: B017
            _place(np.array(wrong), 3)


def test_a_parameter_may_stand_in_the_objective_alone():
    x, price = cp.Variable(3), cp.Parameter(3)
    problem = cp.Problem(cp.Minimize(price @ x), [x >= 1, x <= 2])
    for price.value in ([1.0, 2.0, 3.0], [1.0, -2.0, 3.0], [-1.0, -2.0, -3.0], [5.0, 0.5, -1.0]):
        expected = float(np.minimum(np.array(price.value), 2 * np.array(price.value)).sum())
        assert conic.solve(problem).value == pytest.approx(expected, rel=1e-6, abs=1e-6)


# --- the house style ---------------------------------------------------------------------------------------------------------


def test_the_house_style_by_its_numbers():
    figure, ax = plotting.subplots()
    assert figure.get_size_inches().tolist() == [6.4, 3.6]
    assert plotting.subplots(1, 2)[0].get_size_inches().tolist() == [6.4, 2.9]
    assert plotting.subplots(2, 1)[0].get_size_inches().tolist() == [6.4, 7.2]
    assert plotting.subplots(height=5.0)[0].get_size_inches().tolist() == [6.4, 5.0]
    assert [spine.get_linewidth() for spine in ax.spines.values()] == [1.25] * 4
    assert ax.xaxis.majorTicks[0].tick1line.get_markeredgewidth() == 1.25
    assert [plotting.line(ax, np.arange(n), np.arange(n), 0).get_marker() for n in (40, 41)] == ["o", ""]
    dashes = [plotting.style(i)["linestyle"] for i in range(6)]
    assert dashes == ["-", "--", "-.", (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5, 1, 1.5)), (0, (7, 2))]
    assert plotting.role("reference")["linestyle"] == (0, (7, 2)) and plotting.role("reference")["linewidth"] == 1.2
    schemes = ("paper", "benchmark_1", "benchmark_2", "benchmark_3")
    assert [plotting.role(name)["color"] for name in schemes] == list(plotting.COLOURS[:4])
    assert plotting.role("reference")["color"] == plotting.COLOURS[5]
