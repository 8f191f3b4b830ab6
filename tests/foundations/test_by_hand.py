"""Numbers by hand, one for each constant and operator of a formula, with no argument left at a default that hides it."""

import math
import os
from datetime import date

import cvxpy as cp
import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from isaclib import InvalidScenario
from isaclib.foundations import (
    certificate,
    channels,
    conic,
    fields,
    files,
    fisher,
    formats,
    geometry,
    linear_algebra,
    plotting,
    score,
)
from isaclib.foundations.certificate import Certificate, relative_gap, wrong_side
from isaclib.foundations.montecarlo import map_draws
from isaclib.foundations.scalar_search import bisect, minimise_convex

# --- gains and fading --------------------------------------------------------------------------------------------------------


def test_gains_with_every_argument_of_its_own():
    gain = channels.path_gain(5.0, exponent=2.5, reference_gain=3.0, reference_distance_m=2.0)
    assert gain == pytest.approx(3 * 2.5**-2.5, rel=1e-14)
    wavelength = 299_792_458.0 / 3e9
    friis = channels.carrier_path_gain(7.0, 3e9, exponent=2.7, antenna_gain=5.0)
    assert friis == pytest.approx(5 * wavelength**2 / (16 * math.pi**2) / 7**2.7, rel=1e-14)
    echo = channels.radar_gain(7.0, 11.0, 3e9, 0.3, exponent=1.7, antenna_gain=5.0)
    assert echo == pytest.approx(5 * 0.3 * wavelength**2 / (64 * math.pi**3 * 77**1.7), rel=1e-14)
    grid = channels.radar_gain(np.array([[7.0], [8.0]]), np.array([[11.0, 12.0, 13.0]]), 3e9, 0.3)
    assert grid.shape == (2, 3)
    assert grid[1, 2] == pytest.approx(0.3 * wavelength**2 / (64 * math.pi**3 * 104**2), rel=1e-14)


def test_fading_is_made_of_the_generator_s_own_numbers():
    rng = lambda: np.random.default_rng(3)  # noqa: E731
    parts = rng().standard_normal((4, 2))
    np.testing.assert_array_equal(channels.complex_normal(rng(), 4), (parts[:, 0] + 1j * parts[:, 1]) / math.sqrt(2))
    np.testing.assert_array_equal(channels.nakagami_power(rng(), 4, m=2.5), rng().gamma(2.5, 1 / 2.5, 4))
    np.testing.assert_array_equal(channels.rayleigh_amplitude(rng(), 4), rng().rayleigh(1 / math.sqrt(2), 4))
    np.testing.assert_array_equal(channels.nakagami_power(rng(), (2, 3), m=math.inf), np.ones((2, 3)))
    assert np.shape(channels.nakagami_power(rng(), m=0.5)) == np.shape(channels.rayleigh_amplitude(rng())) == ()
    scattered = (parts[:, 0] + 1j * parts[:, 1]) / math.sqrt(2)
    found = channels.rician(rng(), 4, k_factor=3.0, line_of_sight=1j)
    np.testing.assert_allclose(found, math.sqrt(0.75) * 1j + scattered / 2, rtol=1e-15)
    assert channels.rician(rng(), 1, k_factor=1.0, line_of_sight=1 + 0.9e-6).shape == (1,)
    for wrong in ({"line_of_sight": 1 + 1.5e-6}, {"line_of_sight": [1.0, 2.0]}, {"k_factor": -1.0}):
        with pytest.raises(InvalidScenario):
            channels.rician(rng(), 2, **{"k_factor": 1.0} | wrong)
    with pytest.raises(InvalidScenario, match=r"m: must be at least 0\.5"):
        channels.nakagami_power(rng(), m=0.49)


# --- geometry ----------------------------------------------------------------------------------------------------------------


def test_an_annulus_around_a_centre():
    rng = np.random.default_rng(4)
    u, angle = rng.random(5), 2 * np.pi * rng.random(5)
    radius = np.sqrt(9 + u * (49 - 9))
    found = geometry.uniform_disk(np.random.default_rng(4), 5, 7.0, minimum_radius_m=3.0, center_m=(10.0, -20.0))
    np.testing.assert_allclose(found, np.stack([10 + radius * np.cos(angle), -20 + radius * np.sin(angle)], axis=1), rtol=1e-14)
    np.testing.assert_allclose(geometry.hexagon(2.0, center_m=(1.0, 5.0))[1], [2.0, 5 + math.sqrt(3)], rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_small_and_large_among_ordinary_ones(scale):
    """One pair whose squares leave the range of floats, beside one whose squares do not."""
    points = np.array([[3.0, 4.0], [3 * scale, 4 * scale], [-3 * scale, -4 * scale]])
    np.testing.assert_allclose(geometry.unit_vectors([[0, 0]], points)[0], [[0.6, 0.8], [0.6, 0.8], [-0.6, -0.8]], rtol=1e-15)
    np.testing.assert_allclose(geometry.distances_m([[0, 0]], points)[0], [5, 5 * scale, 5 * scale], rtol=1e-15)
    np.testing.assert_allclose(
        geometry.distances_m([[0, 0]], [[-scale, scale * 1e-3]])[0], [scale * math.hypot(1, 1e-3)], rtol=1e-15
    )


def test_a_negative_coordinate_counts_by_its_size():
    np.testing.assert_allclose(geometry.distances_m([[3e200, 0.0]], [[0.0, 1.0]]), [[3e200]])
    np.testing.assert_allclose(geometry.unit_vectors([[3e200, 0.0]], [[0.0, 1.0]]), [[[-1.0, 0.0]]], atol=1e-15)
    np.testing.assert_allclose(geometry.distances_m([[3e-200, 0.0]], [[0.0, 1e-300]]), [[3e-200]])
    with pytest.raises(InvalidScenario, match=r"points 1 and 0 coincide \(from_m\[1\] and to_m\[0\]\)"):
        geometry.unit_vectors([[1.0, 2.0], [3.0, 4.0]], [[3.0, 4.0], [5.0, 6.0]])


# --- searches ----------------------------------------------------------------------------------------------------------------


def test_one_step_of_each_kind_of_bisection():
    assert bisect(lambda x: x >= 3.0, 1.0, 9.0, max_iterations=1) == bisect(lambda x: x >= 3, 1.0, 9.0, max_iterations=1)
    plain, geometric = (bisect(lambda x: x >= 2.9, 1.0, 9.0, max_iterations=1, geometric=g) for g in (False, True))
    assert (plain.low, plain.high) == (1.0, 5.0) and (geometric.low, geometric.high) == (1.0, 3.0)
    falling = bisect(lambda x: x <= 2.9, 9.0, 1.0, max_iterations=2, geometric=True)
    assert (falling.low, falling.high) == pytest.approx((3.0, math.sqrt(3.0)))
    # A bracket of [1/4, 5/16] is shorter than a quarter of its larger end, [1/4, 3/8] is not; below zero the sizes count.
    assert bisect(lambda x: x >= 0.3, 0.0, 1.0, tolerance=0.25) == bisect(lambda x: x >= 0.3, 0.0, 1.0, max_iterations=4)
    assert bisect(lambda x: x >= -0.3, -1.0, 0.0, tolerance=0.25).iterations == 4
    stays = bisect(lambda x: x >= 0.3, np.array([0.0, np.nan]), np.array([1.0, 1.0]))
    assert stays.high[0] == pytest.approx(0.3) and np.isnan(stays.low[1])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_tangents_of_a_steep_and_a_flat_branch(steps):
    """e^x - 2x: the value where the tangents at the ends of the last bracket cross, by the formula for two lines."""
    f, g = lambda x: np.exp(x) - 2 * x, lambda x: np.exp(x) - 2
    found = minimise_convex(lambda x: (f(x), g(x)), -1.0, 3.0, max_iterations=steps)
    a, b = -1.0, 3.0
    for _ in range(steps):
        middle = 0.5 * (a + b)
        a, b = (a, middle) if g(middle) >= 0 else (middle, b)
    crossing = (f(b) - f(a) - g(b) * b + g(a) * a) / (g(a) - g(b))
    assert found.bound == pytest.approx(f(a) + g(a) * (crossing - a), rel=1e-12)
    assert found.value == min(f(a), f(b)) and found.argument == (b if f(b) <= f(a) else a)
    assert found.bound <= 2 - 2 * math.log(2) <= found.value


def test_an_end_without_a_value_is_no_bound():
    found = minimise_convex(lambda x: (np.where(x > 0, x - np.log(np.maximum(x, 1e-300)), np.inf), 1 - 1 / x), 0.0, 4.0)
    assert found.value == pytest.approx(1.0) and found.bound == pytest.approx(1.0)
    rising = minimise_convex(lambda x: (x**2, 2 * x), 1.0, 4.0)
    assert rising.argument == pytest.approx(1.0, abs=1e-11) and rising.bound == pytest.approx(1.0, abs=1e-10)
    falling = minimise_convex(lambda x: (x**2, 2 * x), -4.0, -1.0)
    assert falling.argument == -1.0 and falling.bound == pytest.approx(1.0, abs=1e-10)


# --- information -------------------------------------------------------------------------------------------------------------


def test_information_without_its_nuisance_by_blocks():
    rng = np.random.default_rng(5)
    root = rng.normal(size=(5, 7)) + 1j * rng.normal(size=(5, 7))
    full = root @ root.conj().T
    pp, pa, aa = full[:2, :2], full[:2, 2:], full[2:, 2:]
    right = pp - pa @ np.linalg.inv(aa) @ pa.conj().T
    np.testing.assert_allclose(fisher.equivalent_fim(full, 2), right, rtol=1e-10)
    stretched = full * np.outer(s := np.array([1e-6, 1e8, 1e5, 1.0, 1e-9]), s)
    np.testing.assert_allclose(fisher.equivalent_fim(stretched, 2), right * np.outer(s[:2], s[:2]), rtol=1e-9)
    both = fisher.equivalent_fim(np.stack([full, 2 * full]), 2)
    np.testing.assert_allclose(both, [right, 2 * right], rtol=1e-10)
    for wrong in (0, 6, -1):
        with pytest.raises(InvalidScenario, match=r"of_interest: must lie in 1\.\.5"):
            fisher.equivalent_fim(full, wrong)
    with pytest.raises(InvalidScenario, match="negative diagonal entry, -1 at"):
        fisher.equivalent_fim([[1.0, 0.0], [0.0, -1.0]], 1)


def test_leading_axes_that_do_not_fit_are_named():
    assert fisher.range_fim(np.ones((3, 1, 4, 2)), np.ones((2, 4))).shape == (3, 2, 2, 2)
    with pytest.raises(InvalidScenario, match=r"weights: has leading axes \(2,\), the gradients have \(3,\)"):
        fisher.range_fim(np.ones((3, 4, 2)), np.ones((2, 4)))


def test_a_parameter_that_the_nuisance_explains_keeps_no_information():
    explained = np.array([[4.0, 2.0, 2.0], [2.0, 1.0, 1.0], [2.0, 1.0, 1.0 + 1e-3]])
    found = fisher.equivalent_fim(explained, 1)
    assert found[0, 0] == 0.0
    twins = np.array([[3.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])  # two nuisances that no measurement tells apart
    assert fisher.equivalent_fim(twins, 1)[0, 0] == pytest.approx(2.0, rel=1e-14)


@pytest.mark.parametrize("dimension", [2, 3])
def test_nearly_parallel_directions_against_many_digits(dimension):
    import mpmath

    rng = np.random.default_rng(6)
    for spread in (1.0, 1e-4, 1e-8)[: 5 - dimension]:
        g = rng.normal(size=dimension) + spread * rng.normal(size=(5, dimension))
        w = 10.0 ** rng.uniform(-250, -240, 5)
        with mpmath.workdps(80):
            j = mpmath.zeros(dimension)
            for row, weight in zip(g, w):
                v = mpmath.matrix([mpmath.mpf(float(x)) for x in row])
                j += mpmath.mpf(float(weight)) * v * v.T
            inverse = j**-1
            truth = sum(inverse[i, i] for i in range(dimension))
        assert fisher.crb_trace(g, w) == pytest.approx(float(truth), rel={1.0: 1e-12, 1e-4: 1e-8, 1e-8: 1e-2}[spread])
        if dimension == 2:
            assert fisher.pair_determinant(g, w * 1e240) == pytest.approx(float(mpmath.det(j) * mpmath.mpf(10) ** 480), rel=1e-7)


# --- draws -------------------------------------------------------------------------------------------------------------------


def test_one_job_runs_here_and_every_draw_once():
    seen = []
    assert map_draws(lambda rng: len(seen) or seen.append(rng), np.random.default_rng(0), 9) == [None] + [1] * 8
    for wrong in ({"jobs": 0}, {"jobs": -2}, {"jobs": 10_001}, {"draws": 0}, {"draws": 10**9 + 1}):
        with pytest.raises(InvalidScenario, match=next(iter(wrong))):
            map_draws(seen.append, np.random.default_rng(0), **{"draws": 1} | wrong)


# --- products and factors ----------------------------------------------------------------------------------------------------


def test_a_factor_of_any_size_solves():
    rng = np.random.default_rng(7)
    for size in (1, 64, 65, 130):
        root = rng.normal(size=(size, size + 3))
        matrix, right = root @ root.T * 10.0 ** rng.uniform(-6, 6), rng.normal(size=size)
        matrix = (matrix + matrix.T) / 2
        solve = linear_algebra.factored(matrix)
        np.testing.assert_allclose(matrix @ solve(right), right, rtol=1e-6, atol=1e-7)
    for wrong in ([[1.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, np.inf]], [[1.0, 2.0], [2.0, 1.0]]):
        assert linear_algebra.factored(np.array(wrong)) is None
    np.testing.assert_allclose(linear_algebra.times(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])), [17.0, 39.0])


# --- certificates and scores -------------------------------------------------------------------------------------------------


def test_distances_of_value_and_bound():
    assert (wrong_side(3.0, 2.0), wrong_side(2.0, 3.0)) == (1 / 3, 0.0)
    assert (wrong_side(2.0, 3.0, "min"), wrong_side(-2.0, -3.0)) == (1 / 3, 1 / 3)
    assert wrong_side(math.inf, 1.0) == math.inf and wrong_side(math.nan, 1.0) == wrong_side(1.0, 1.0) == 0.0
    np.testing.assert_array_equal(relative_gap([4.0, -4.0, 0.0, np.inf], [5.0, -5.0, 0.0, 1.0]), [0.25, 0.25, 0.0, np.inf])
    assert relative_gap(0.0, 2.0**-1022) == 1.0
    make = lambda **more: Certificate(method="m", value=1.0, **more)  # noqa: E731
    assert make(bound=1 - 0.9e-9).gap == pytest.approx(0.9e-9, rel=1e-6)
    with pytest.raises(certificate.SolverFailure):
        make(bound=1 - 1.2e-9)
    assert make(bound=0.5, residual=2e-12).gap == 0.5  # a violation explains it
    with pytest.raises(certificate.SolverFailure):
        make(bound=0.5, residual=0.9e-12)
    for wrong in ({"residual": -1e-300}, {"seconds": -1.0}, {"seconds": math.inf}, {"iterations": -1}):
        with pytest.raises(InvalidScenario, match=next(iter(wrong))):
            make(**wrong)
    with pytest.raises(ValueError, match="needs a value and a bound"):
        make(status="optimal")


def test_what_lies_below_zero_by_rounding():
    found, below = score.at_least_zero("x", [0.5, -1e-6, 3.0], ("M",), 2.0, {})
    assert (found.tolist(), below) == ([0.5, 0.0, 3.0], 5e-7)
    assert score.at_least_zero("x", [0.5], ("M",), 2.0, {})[1] == 0.0
    with pytest.raises(InvalidScenario, match="x: must be at least 0, but is -3e-06 at entry"):
        score.at_least_zero("x", [0.5, -3e-6], ("M",), 2.0, {})
    assert score.excess_of("cap", 9000.0) == "cap by 9e+05 %" and score.excess_of("cap", 2e4) == "cap by a factor of 2e+04"


def test_scores_in_words_for_both_senses():
    def said(value, sense, status="optimal", bound=2.0, over=None):
        best = Certificate(method="m", value=2.0, bound=bound, status=status, sense=sense)
        return str(score.judge(value, over or {}, lambda: best, sense=sense, unit="W"))

    assert said(1.5, "max").startswith("Feasible, 1.5 W: 25 % below the optimum; the certified optimum is 2 W")
    assert said(2.5, "max").startswith("Feasible, 2.5 W: 25 % above the optimum")
    assert said(2.5, "min").startswith("Feasible, 2.5 W: 25 % above the optimum")
    assert said(1.5, "min").startswith("Feasible, 1.5 W: 25 % below the optimum")
    assert said(2 + 1e-9, "max").startswith("Feasible, 2 W: 0 % from the optimum") and "% above" in said(2 + 8e-9, "max")
    known = "the best that is known is 2 W, not proven to be the optimum (which is at most 2.2 W)"
    assert f"25 % below it; {known}" in said(1.5, "max", "converged", 2.2)
    # The certificate's gap makes nothing of a distance to what is only the best value known.
    assert f"Feasible, 1.9 W: 5 % below it; {known}" in said(1.9, "max", "converged", 2.2)
    assert f"Feasible, 2.12 W: 6 % above it; {known}" in said(2.12, "max", "converged", 2.2)
    assert "which is at least 1 W" in said(2.5, "min", "converged", 1.0) and "which is" not in said(
        1.5, "max", "converged", math.nan
    )
    assert said(1.5, "max", over={"cap": 0.5}).startswith("Infeasible: the allocation violates cap by 50 %; its value of 1.5 W")
    assert score.spread_of(np.array([0.1, 0.3, np.nan, 0.9]), np.array([True, True, True, False])) == (
        "; gap: median 0.2, worst 0.3 (1 more to optima that are not proven)"
    )
    assert score.spread_of(np.empty(0), np.empty(0, bool)) == ""


# --- cone programs -----------------------------------------------------------------------------------------------------------


def test_a_dual_objective_on_either_side_of_the_value():
    x = cp.Variable()
    most, least = cp.Problem(cp.Maximize(x), [x <= 3]), cp.Problem(cp.Minimize(x), [x >= 3])
    for problem, sign in ((most, 1), (least, -1)):
        conic.solve(problem)
        x.value = np.array(3.0)
        problem._value = 3.0
        bound, excess = conic._dual_bound(problem, -3.0 * sign, -3.5 if sign > 0 else 2.5, 0.0)
        assert (bound, excess) == (pytest.approx(3 + sign * 0.5), 0.0)
        bound, excess = conic._dual_bound(problem, -3.0 * sign, -2.4 if sign > 0 else 3.6, 0.0)
        assert bound == pytest.approx(3 + sign * 0.6) and excess == pytest.approx(0.6 / (3.0 if sign > 0 else 3.6))
        assert conic._dual_bound(problem, -3.0 * sign, -3.0 * sign - 0.0, 12.0)[1] == 0.0
        assert conic._dual_bound(problem, -3.0 * sign, -3.0 * sign + 0.6, 12.0)[1] == pytest.approx(0.05)
        assert math.isnan(conic._dual_bound(problem, math.nan, 1.0, 0.0)[0])
    assert conic._size([1.0, -2.0], {"b": np.array([3.0, -4.0])}) == 11.0
    assert conic._size([np.inf, 0.0], {"b": np.array([1.0, 1.0])}) == 0.0
    assert conic._has_bounds({"upper_bounds": np.array([np.inf, 1.0])}) and not conic._has_bounds({"lower_bounds": None})
    assert not conic._has_bounds({"lower_bounds": np.array([-np.inf])})


def test_violations_relative_to_their_limits():
    x = cp.Variable(2)
    x.value = np.array([3.0, 8.0])
    size = 8.0
    assert conic._violation(x <= np.array([2.0, 9.0]), size) == 0.5  # 1 over a limit of 2
    assert conic._violation(np.array([4.0, 1.0]) <= x, size) == 0.25
    assert conic._violation(x <= np.array([0.0, 9.0]), size) == 3 / 9  # a limit of 0: relative to the largest number around
    assert conic._violation(x == np.array([2.0, 8.0]), size) == 0.5
    assert conic._violation(x <= x - 1, size) == 1 / 8
    assert conic._violation(cp.SOC(cp.Constant(5.0), x), size) > 0 and conic._violation(cp.SOC(cp.Constant(9.0), x), size) == 0
    cone = cp.ExpCone(cp.Constant([1.0]), cp.Constant([2.0]), cp.Constant([3.0]))
    assert conic._violation(cone, 0.0) == pytest.approx((2 * math.exp(0.5) - 3) / 3)
    edge = lambda x, z: conic._violation(cp.ExpCone(*(cp.Constant([v]) for v in (x, 0.0, z))), 1.0)  # noqa: E731
    assert (edge(-1.0, 0.5), edge(0.0, 0.0), edge(1.0, 0.5)) == (0.0, 0.0, math.inf)
    y = cp.Variable(nonneg=True)
    problem = cp.Problem(cp.Minimize(y), [y <= 4])
    y._value = np.array(-0.5)
    assert conic._residual(problem) == 1.0 and conic._largest(np.array([-3.0, 2.0])) == 3.0
    y._value = np.array(6.0)
    assert conic._residual(problem) == 0.5
    fixed = conic.solve(cp.Problem(cp.Maximize(cp.Constant(2.0)), [cp.Constant(1.0) <= 3]))
    assert (fixed.value, fixed.bound, fixed.iterations) == (2.0, 2.0, 0) and 0 <= fixed.seconds < 60
    y._value = np.array(np.nan)
    assert conic._residual(problem) == math.inf


# --- fields and files --------------------------------------------------------------------------------------------------------


def test_a_number_where_an_array_belongs():
    declared = {"a": fields.array("M"), "b": fields.array("M+1", broadcast=True), "c": fields.array("M", keep_number=True)}
    found = fields.checked_fields(declared, {"a": [1.0, 2.0], "b": 5.0, "c": 7.0})
    assert found["b"].tolist() == [5.0, 5.0, 5.0] and found["c"] == 7.0
    assert fields.checked_fields({"n": fields.number(integer=True, maximum=3)}, {"n": 3})["n"] == 3
    with pytest.raises(InvalidScenario, match="must be at most 3"):
        fields.checked_fields({"n": fields.number(integer=True, maximum=3)}, {"n": 4})
    with pytest.raises(InvalidScenario, match="zero diagonal"):
        fields.checked_fields({"m": fields.array("M", "M", zero_diagonal=True)}, {"m": [[0.0, 1.0], [1.0, 1e-9]]})
    with pytest.raises(ValueError, match="a size is an integer"):
        fields.array("2M")
    assert fields._known("M + 2", {"M": 3}) == 5 and fields._known("K", {"M": 3}) is None and fields._known(4, {}) == 4


def test_a_written_file_can_be_read_by_everybody(tmp_path):
    before = os.umask(0o022)
    try:
        formats.write(tmp_path / "x.json", {"a": 1.0})
    finally:
        os.umask(before)
    assert os.stat(tmp_path / "x.json").st_mode & 0o7777 == 0o644 and list(tmp_path.iterdir()) == [tmp_path / "x.json"]


@pytest.mark.parametrize("suffix", formats.SUFFIXES)
def test_numbers_that_are_none_come_back_with_their_signs(tmp_path, suffix):
    formats.write(tmp_path / f"x{suffix}", {"a": -math.inf, "b": math.inf, "c": np.array([math.nan, -math.inf, 2.0])})
    found = formats.read(tmp_path / f"x{suffix}")
    assert np.ravel(found["a"]).tolist() == [-math.inf] and np.ravel(found["b"]).tolist() == [math.inf]
    np.testing.assert_array_equal(np.ravel(np.asarray(found["c"], dtype=float)), [math.nan, -math.inf, 2.0])


def test_what_is_zero_is_not_negative():
    spec = fields.array("M", minimum=0.0).metadata[fields.SPEC]
    assert files._shaped("g", np.zeros(3), spec).tolist() == [0.0] * 3 == files._shaped("g", np.zeros((1, 3)), spec).tolist()
    with pytest.raises(InvalidScenario, match="negative throughout"):
        files._shaped("g", np.full(3, -1e-9), spec)
    assert files._shaped("n", np.array([[7.0]]), fields.number().metadata[fields.SPEC]) == 7.0


def test_two_strangers_among_three_names_are_a_file_of_another_chapter():
    declared = {"a": fields.array("M"), "b": fields.array("M")}
    meant = lambda *names: files._meant(names[0], dict.fromkeys(names, 1.0), declared)  # noqa: E731
    assert meant("x", "y", "a") == "2 of 3 names are none: is this a file of another chapter?"
    assert meant("x", "y", "a", "b") == meant("x", "a") == "the fields are a, b" and meant("A", "b") == "did you mean a?"
    assert meant("x_mask", "a") == "there are no masks in files: every entry has a value"


def test_axes_that_matlab_dropped_or_added():
    assert files._axes("x", np.ones((1, 4)), ("K",)).shape == files._axes("x", np.ones((4, 1)), ("K",)).shape == (4,)
    assert files._axes("x", np.ones((3, 2, 1, 1)), ("K", 2)).shape == (3, 2)
    assert files._axes("x", np.ones((3, 4)), ("K", "M", "N")).shape == (3, 4, 1)
    for shape, words in (((2, 5), "transpose it"), ((5, 3), "drop the third"), ((5, 4), "has 2 coordinates here")):
        with pytest.raises(InvalidScenario, match=words):
            files._axes("x", np.ones(shape), ("K", 2))
    with pytest.raises(InvalidScenario) as caught:
        files._axes("x", np.ones((5, 4)), ("K", 3))
    assert "drop the third" not in str(caught.value)


# --- the house style ---------------------------------------------------------------------------------------------------------


def test_the_looks_of_the_page():
    figure, ax = plotting.subplots(1, 2)
    now = mpl.rcParams
    assert (now["font.size"], now["axes.labelsize"], now["xtick.labelsize"], now["ytick.labelsize"]) == (10.56, 10.56, 9.68, 9.68)
    assert [now[f"{a}tick.{w}.width"] for a in "xy" for w in ("major", "minor")] == [1.25, 1.0] * 2
    assert (now["xtick.minor.size"], now["grid.linewidth"], now["lines.linewidth"], now["lines.markersize"]) == (
        4.0,
        0.6,
        1.7,
        4.5,
    )
    assert plotting.role("exact") == {"color": "#222222", "linestyle": "-", "linewidth": 2.4, "marker": "", "zorder": 3}
    assert plotting.role("paper")["zorder"] == 4 and plotting.role("reference")["linewidth"] == 1.2
    assert [plotting.style(i)["marker"] for i in range(14)] == list("os^DvPs^DvPo^D")
    pads = figure.get_layout_engine().get()
    assert pads["wspace"] == 0.06 and plotting.subplots(2, 1)[0].get_layout_engine().get()["hspace"] == 0.06
    plain = plotting.subplots()[0].get_layout_engine().get()
    assert (
        plotting.subplots(2, 1, sharex=True)[0].get_layout_engine().get()["hspace"] == plain["hspace"] == 0.02 == plain["wspace"]
    )
    assert len(ax) == 2 and plotting.HALO[0]._gc == {"linewidth": 3, "foreground": "white"}
    for wrong in ({"rows": 101}, {"width": 101.0}, {"height": 0.0}):
        with pytest.raises(InvalidScenario):
            plotting.subplots(**wrong)


def test_a_band_is_pale_and_lies_behind():
    figure, ax = plotting.subplots()
    plotting.line(ax, [0, 1], [1, 2], "paper", low=[0, 1], high=[2, 3])
    (band,) = ax.collections
    assert band.get_alpha() == 0.18 and band.get_zorder() == 1 and band.get_linewidth() == 0
    figure.canvas.draw()


def test_dates_and_names_are_drawn_and_flags_are_not():
    for x in ([date(2024, 1, 1), date(2024, 2, 1)], ["a", "b"], np.array(["a", "b"], dtype=object), [1, 2]):
        plotting.line(plotting.subplots()[1], x, [1.0, 2.0], "paper")
    ax = plotting.subplots()[1]
    for x in ([True, False], [None, 1.0], [1j, 2.0], np.array([1.0, "b"], dtype=object)):
        with pytest.raises(InvalidScenario, match="x: must be numbers, names or dates"):
            plotting.line(ax, x, [1.0, 2.0], "paper")


def test_a_preview_has_the_width_and_the_few_colours_asked_for(tmp_path):
    figure, ax = plotting.subplots(height=3.2)
    ax.imshow(np.random.default_rng(0).random((20, 20, 3)))
    dpi = figure.dpi
    for options, width in (({}, 480), ({"width_px": 200}, 200)):
        plotting.save_preview(figure, tmp_path / "x.webp", **options)
        picture = Image.open(tmp_path / "x.webp").convert("RGBA")
        assert picture.size == (width, width // 2) and 20 <= len(picture.getcolors()) <= 24
    assert figure.dpi == dpi
    flat, axes = plotting.subplots()
    axes.set_rasterization_zorder(10)
    axes.imshow(np.ones((4, 4)), zorder=0)
    plotting.save_svg(flat, tmp_path / "x.svg")
    assert "<image" in (tmp_path / "x.svg").read_text()


def test_labels_of_every_side_need_a_unit():
    figure, ax = plotting.subplots(subplot_kw={"projection": "3d"})
    ax.set(xlabel="x (m)", ylabel="y (m)", zlabel="z")
    assert plotting.unlabelled_axes(figure) == ["axes 0: the z label 'z' has no unit; end it with '(m)', '(dB)', '(1)' ..."]
    figure, (a, b) = plotting.subplots(1, 2)
    a.set(xlabel="x (m)", ylabel="y (bit/s/Hz (mean))")
    b.set(xlabel="x (m)", ylabel="y (m) more")
    assert [problem[:9] for problem in plotting.unlabelled_axes(figure)] == ["axes 1: t"]
    figure = plotting.subplots(1, 2)[0]
    figure.supxlabel("x (m)")
    figure.supylabel("y (s)")
    assert plotting.unlabelled_axes(figure) == []
    figure, (a, b) = plotting.subplots(2, 1, sharex=True)
    a.set_ylabel("a (m)")
    b.set(ylabel="b (m)", xlabel="x (s)")
    assert plotting.unlabelled_axes(figure) == []
