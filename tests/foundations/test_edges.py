"""Exactly at a limit: what still counts and what does not any more; and what is meant where nothing is said."""

import inspect
import math

import numpy as np
import pytest

from isaclib import InvalidScenario, SolverFailure
from isaclib.foundations import certificate, channels, checks, fisher, geometry, montecarlo, plotting, scalar_search, score, units
from isaclib.foundations.certificate import Certificate

DEFAULTS = [
    (channels.path_gain, {"reference_gain": 1.0, "reference_distance_m": 1.0}),
    (channels.carrier_path_gain, {"exponent": 2.0, "antenna_gain": 1.0}),
    (channels.radar_gain, {"exponent": 2.0, "antenna_gain": 1.0}),
    (channels.rician, {"shape": (), "line_of_sight": 1.0}),
    (geometry.uniform_disk, {"minimum_radius_m": 0.0, "center_m": (0.0, 0.0)}),
    (geometry.hexagon, {"center_m": (0.0, 0.0)}),
    (montecarlo.map_draws, {"jobs": 1, "scheduler": None}),
    (plotting.subplots, {"rows": 1, "columns": 1, "width": 6.4, "height": None}),
    (plotting.save_preview, {"width_px": 480}),
    (scalar_search.bisect, {"tolerance": 1e-12, "geometric": False, "max_iterations": 200}),
    (scalar_search.sign_change, {"tolerance": 1e-12, "max_iterations": 200}),
    (scalar_search.sign_change_by_interpolation, {"rough": None, "tolerance": 1e-12}),
    (scalar_search.minimise_convex, {"tolerance": 1e-12, "geometric": False, "max_iterations": 200}),
    (score.judge, {"sense": "max", "unit": "", "tolerance": 1e-6, "optimum": None}),
    (units.thermal_noise_psd_w_per_hz, {"temperature_k": 290.0, "noise_figure_db": 0.0}),
    (certificate.wrong_side, {"sense": "max"}),
    (checks.count, {"minimum": 1, "maximum": None}),
]


@pytest.mark.parametrize(("function", "defaults"), DEFAULTS, ids=[function.__name__ for function, _ in DEFAULTS])
def test_what_is_meant_where_nothing_is_said(function, defaults):
    found = inspect.signature(function).parameters
    assert {name: found[name].default for name in defaults} == defaults
    fields = {name: found.default for name, found in inspect.signature(Certificate).parameters.items()}
    assert (fields["residual"], fields["status"], fields["iterations"], fields["seconds"]) == (0.0, "converged", 0, 0.0)


@pytest.mark.parametrize("given", [3, 3.0, np.float64(3)])
def test_numbers_at_the_ends_of_their_range(given):
    assert checks.number("x", given, minimum=3) == checks.number("x", given, maximum=3) == 3
    assert checks.number("x", np.nextafter(0, 1), positive=True) > 0
    for wrong in ({"minimum": 3.0000001}, {"maximum": 2.9999999}):
        with pytest.raises(InvalidScenario, match="x: must be at"):
            checks.number("x", given, **wrong)
    for zero in (0, 0.0, -0.0):
        with pytest.raises(InvalidScenario, match="must be positive, but is"):
            checks.number("x", zero, positive=True)
    found = checks.array("x", [1.0, 3.0], ("M",), minimum=1, maximum=3)
    assert found.tolist() == [1.0, 3.0]
    with pytest.raises(InvalidScenario, match=r"must be at most 2, but is 3 at entry \(1,\)"):
        checks.array("x", [1.0, 3.0], ("M",), maximum=2)
    with pytest.raises(InvalidScenario, match=r"must be at least 2, but is 1 at entry \(0,\)"):
        checks.array("x", [1.0, 3.0], ("M",), minimum=2)
    with pytest.raises(InvalidScenario, match=r"must be positive, but is 0 at entry \(1, 0\)"):
        checks.array("x", [[1.0], [0.0]], ("M", 1), positive=True)


def test_whole_numbers_up_to_where_floats_skip_some():
    assert checks.number("n", 2**53, integer=True) == 2**53 and checks.number("n", float(2**60), integer=True) == 2**60
    with pytest.raises(InvalidScenario, match="too large to be counted exactly"):
        checks.number("n", 2**53 + 1, integer=True)
    with pytest.raises(InvalidScenario, match="too large for a floating-point number"):
        checks.number("n", 10**400)
    with pytest.raises(InvalidScenario, match="too large for a floating-point number"):
        checks.reported("n", 10**400)
    assert checks.number("n", math.inf, infinite=True, integer=True) == math.inf and checks.reported("n", -math.inf) == -math.inf
    assert type(checks.number("n", 4.0, integer=True)) is int and type(checks.number("n", 4)) is float
    with pytest.raises(InvalidScenario, match=r"whole number, not 4\.5"):
        checks.number("n", 4.5, integer=True)


def test_shapes_with_leading_axes():
    for shape in ((2,), (5, 2), (4, 5, 2)):
        assert checks.array("x", np.ones(shape), ("...", 2)).shape == shape
    for shape in ((), (3,), (2, 5), (5, 2, 3)):
        with pytest.raises(InvalidScenario, match="x: has shape"):
            checks.array("x", np.ones(shape), ("...", 2))
    with pytest.raises(InvalidScenario, match=r"expected \(\.\.\., M, 2\) with M = 3"):
        checks.array("x", np.ones((4, 2)), ("...", "M", 2), sizes={"M": 3, "N": 9})
    checks.together(a=np.ones((2, 1)), b=3.0, c=np.ones((1, 4)), d=np.ones((2, 4)))
    for wrong in (
        {"a": np.ones(3), "b": np.ones((3, 1))},
        {"a": np.ones(3), "b": np.ones(2)},
        {"a": np.ones((2, 1)), "b": np.ones((3, 4)), "c": np.ones((2, 4))},
    ):
        with pytest.raises(InvalidScenario, match="give equal shapes"):
            checks.together(**wrong)


def test_a_symbol_with_an_offset_may_come_first():
    sizes: dict[str, int] = {}
    checks.array("x", np.ones((4, 2)), ("M+1", "N"), sizes=sizes)
    assert sizes == {"M": 3, "N": 2}
    checks.array("y", np.ones(5), ("M + 2",), sizes=sizes)
    with pytest.raises(InvalidScenario, match=r"expected \(M \+ 2,\) with M = 3"):
        checks.array("y", np.ones(6), ("M + 2",), sizes=sizes)


def test_limits_of_a_certificate_count_as_kept():
    make = lambda **more: Certificate(**{"method": "m", "value": 1.0, "bound": 1.0} | more)  # noqa: E731
    assert make(status="optimal", residual=1e-6).residual == 1e-6
    assert make(status="optimal", value=4.0, bound=4.0 + 2.0**-15).gap == 2.0**-17 < 1e-5
    with pytest.raises(SolverFailure):
        make(bound=0.5, residual=1e-12)  # too small to explain anything
    assert make(bound=0.5, residual=np.nextafter(1e-12, 1)).gap == 0.5
    assert make(seconds=0.0, residual=0.0, iterations=0).status == "converged"


def test_limits_of_a_score_count_as_kept():
    best = lambda: Certificate(method="m", value=2.0, bound=2.0, status="optimal")  # noqa: E731
    assert score.judge(1.0, {"cap": 1e-6}, best).feasible and score.judge(1.0, {"cap": 0.25}, best, tolerance=0.25).feasible
    assert not score.judge(1.0, {"cap": np.nextafter(0.25, 1)}, best, tolerance=0.25).feasible
    assert score.excess_of("cap", 1e4) == "cap by 1e+06 %" and "factor" in score.excess_of("cap", 10_001.0)
    assert score.at_least_zero("x", [-2e-6], ("M",), 2.0, {})[1] == 1e-6
    assert score.judge(2.0, {}, best).gap == 0.0 and "0 % from" in str(score.judge(2 * (1 - 1e-9), {}, best))
    assert score.judge(-1.0, {"slack": -3.0}, best).violations["slack"] == 0.0


def test_ends_of_parameters_that_mean_something():
    rng = np.random.default_rng(0)
    assert channels.path_gain(3.0, exponent=0.0) == 1.0 and channels.path_gain(3.0, exponent=2.0, reference_gain=0.0) == 0.0
    assert channels.radar_gain(3.0, 4.0, 1e9, 0.0) == 0.0 and channels.nakagami_power(rng, m=0.5) > 0
    assert np.abs(channels.rician(rng, k_factor=0.0)) > 0
    assert units.thermal_noise_psd_w_per_hz(0.0) == 0.0 and units.w_to_dbm(0.0) == -math.inf
    disk = geometry.uniform_disk(rng, 3, 1.0)
    assert np.all(np.linalg.norm(disk, axis=1) <= 1)
    for wrong in ((1.0, 1.0), (1.0, 2.0), (1.0, -1e-9), (0.0, 0.0)):
        with pytest.raises(InvalidScenario, match="minimum_radius_m"):
            geometry.uniform_disk(rng, 3, wrong[0], minimum_radius_m=wrong[1])
    geometry.hexagon(1e140)
    with pytest.raises(InvalidScenario, match="side_m"):
        geometry.hexagon(1.1e140)
    assert fisher.crb_trace([[1.0, 0.0], [0.0, 1.0]], [0.0, 1.0]) == math.inf
    assert fisher.equivalent_fim([[2.0, 1.0], [1.0, 3.0]], 2).tolist() == [[2.0, 1.0], [1.0, 3.0]]
    assert fisher.equivalent_fim([[0.0, 0.0], [0.0, 1.0]], 1).tolist() == [[0.0]]


def test_a_search_whose_end_is_its_answer():
    assert scalar_search.bisect(lambda x: x >= 1.0, 0.0, 1.0).high == 1.0
    assert scalar_search.bisect(lambda x: x > 0.0, 0.0, 1.0, max_iterations=50).low == 0.0
    for wrong in ({"tolerance": -1e-300}, {"tolerance": math.nan}, {"max_iterations": 0}):
        name = next(iter(wrong))
        with pytest.raises(InvalidScenario, match=name):
            scalar_search.bisect(lambda x: x >= 0.5, 0.0, 1.0, **wrong)
        with pytest.raises(InvalidScenario, match=name):
            scalar_search.sign_change(lambda x: 0.5 - x, 0.0, 1.0, **wrong)
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (1.0, 0.0)):
        with pytest.raises(InvalidScenario, match="is not positive"):
            scalar_search.bisect(lambda x: x >= 0.5, low, high, geometric=True)
    for lanes, answer in ((0.0, [[True]]), (np.zeros(2), [True]), (np.zeros(2), [[True, True]]), (0.0, 1.0), (0.0, [])):
        with pytest.raises(InvalidScenario, match="predicate: must return True or False"):
            scalar_search.bisect(lambda x, answer=answer: np.array(answer), lanes, lanes + 1)
    with pytest.raises(InvalidScenario, match="has 3 lanes, but low has 2"):
        scalar_search.bisect(lambda x: x >= 0.5, np.zeros(2), np.ones(3))
    with pytest.raises(InvalidScenario, match="low: must be below high"):
        scalar_search.sign_change_by_interpolation(lambda x: 0.5 - x, 1.0, 1.0)


def test_means_of_one_two_and_no_draws():
    one, two = montecarlo.average(np.array([[3.0]])), montecarlo.average(np.array([3.0, 5.0]))
    assert one.mean.tolist() == [3.0] and np.isnan(one.low).all() and (one.count, one.total) == (1, 1)
    half = (
        12.706204736432095 * math.sqrt(2) / math.sqrt(2)
    )  # Student's t of one degree of freedom times the deviation over root 2
    assert (two.mean, two.low, two.high) == pytest.approx((4.0, 4 - half, 4 + half))
    none = montecarlo.average(np.array([[np.nan, 1.0], [2.0, np.inf]]))
    assert np.isnan(none.mean).all() and none.mean.shape == (2,) and (none.count, none.total) == (0, 2)
    lost = montecarlo.average(np.array([1.0, 2.0, np.nan, 4.0]), status=["optimal", "unproven", "unproven", "optimal"])
    assert (float(lost.mean), lost.count, lost.unproven) == (2.5, 2, 1)
    with pytest.raises(InvalidScenario, match="names 1 draws that are not optimal, first draw 1"):
        montecarlo.average(np.array([1.0, 2.0]), np.array([True, True]), status=["optimal", "unproven"])
    with pytest.raises(InvalidScenario, match="names 2 draws that are not finite in every column, first draw 0"):
        montecarlo.average(np.array([np.inf, np.nan]), np.array([True, True]))


@pytest.mark.filterwarnings("error")
def test_numbers_at_the_end_of_the_range_of_doubles():
    assert channels.path_gain(1e-300, exponent=2.0, reference_gain=0.0) == 0.0
    assert channels.path_gain([1e-300, 2.0], exponent=2.0, reference_gain=[0.0, 1.0]).tolist() == [0.0, 0.25]
    for refused, name in (
        (lambda: units.thermal_noise_psd_w_per_hz(1e300, 3000.0), "temperature_k"),
        (lambda: channels.carrier_path_gain(1.0, 1e-200), "carrier_hz"),
        (lambda: channels.carrier_path_gain(1.0, 1e-200, antenna_gain=0.0), "carrier_hz"),
        (lambda: channels.path_gain(1e-300, exponent=2.0, reference_distance_m=1e300), "distance_m"),
        (lambda: scalar_search.sign_change_by_interpolation(lambda x: 3.0 - x, -1e308, 1e308), "low"),
    ):
        with pytest.raises(InvalidScenario) as error:
            refused()
        assert error.value.field == name
    found = scalar_search.bisect(lambda x: x >= 1e308 / 3, -1e308, 1e308)
    assert found.low < 1e308 / 3 <= found.high and found.high - found.low <= 1e-12 * found.high
    found = scalar_search.sign_change(lambda x: 1e300 * np.sign(1e307 - x), -1e308, 1e308, tolerance=1e295)
    assert found.low < 1e307 <= found.high and found.high - found.low <= 1e295
    for scale in (1e308, 1e-200, 5e-310):
        ordinary, scaled = (montecarlo.average(size * np.array([1.0, 1.0, -1.0])) for size in (1.0, scale))
        assert scaled.mean / scale == pytest.approx(1 / 3)
        if scale < 1:
            assert scaled.low / scale == pytest.approx(ordinary.low, rel=1e-9)
    assert montecarlo.average([1e308, 1e308, -1e308]).low == -math.inf


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("many", [1e12, 1e15, 1e308])
def test_more_than_fits_into_a_memory_is_refused_by_name(many):
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidScenario, match="count: must be at most 1e\\+09"):
        geometry.uniform_disk(rng, many, 1.0)
    for draw, more in (
        (channels.complex_normal, {}),
        (channels.rician, {"k_factor": 1.0}),
        (channels.nakagami_power, {"m": 1.0}),
        (channels.rayleigh_amplitude, {}),
    ):
        for shape in ((2**31, 2**31), (2**16, 2**15 + 1), int(many)):
            with pytest.raises(InvalidScenario, match="shape"):
                draw(rng, shape, **more)
    assert checks.shape("shape", (2**16, 2**15)) == (2**16, 2**15) and checks.count("n", 10**9) == 10**9
    assert checks.count("n", 10**12, maximum=10**13) == 10**12


@pytest.mark.filterwarnings("error")
def test_extended_numbers_beyond_double_precision_are_refused_as_infinite():
    with pytest.raises(InvalidScenario, match=r"x: must be finite, but entry \(0,\) is inf"):
        checks.array("x", [np.longdouble("1e4000")] * 3, ("M",))
