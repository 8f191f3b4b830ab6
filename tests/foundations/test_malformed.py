"""Every public function of the foundations, called with everything that does not belong there, argument by argument."""

import io
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import pytest
from guarded import assert_guarded, bad_values, public_functions
from matplotlib.figure import Figure

from isaclib import wireless_powered
from isaclib.foundations import (
    certificate,
    channels,
    conic,
    files,
    fisher,
    formats,
    geometry,
    montecarlo,
    plotting,
    scalar_search,
    score,
    units,
)
from isaclib.foundations.certificate import Certificate
from isaclib.foundations.scenario import Batch, ScenarioBase, array, choice, number


@dataclass(frozen=True, eq=False, kw_only=True)
class Example(ScenarioBase):
    gain: np.ndarray = array("M", positive=True)
    matrix: np.ndarray = array("M", "M+1", minimum=0)
    channel: np.ndarray = array("K", 2, dtype=complex, default=((1j, 2), (3, 4)))
    counts: np.ndarray | None = array("M", dtype=int, optional=True)
    noise_w: float = number(positive=True, default=1.0)
    antennas: int = number(integer=True, minimum=1, maximum=64, default=4)
    kind: str = choice("power", "energy", default="power")


RNG = np.random.default_rng(0)
G, W = RNG.normal(size=(4, 2)), RNG.exponential(size=4)
POINTS, OTHERS = RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))
ANY_SHAPE = [
    "one number",
    "one axis more",
    "one axis less",
    "row",
    "column",
    "one entry more",
    "one entry less",
    "list",
    "nested list",
    "two",
]
ROWS = ["one axis more", "row"]  # leading axes are cases
LONGER = ["one entry more", "one entry less"]
LEVEL = [*ANY_SHAPE, "negative", "negative entry", "-inf", "-inf entry"]
RATIO = [*ANY_SHAPE, "inf", "inf entry"]
SHAPE = ["empty list", "list", "two"]
FREE = ["negative", "negative entry"]
ODD = ["nan", "inf", "-inf", "nan entry", "inf entry", "-inf entry"]
X = cp.Variable()
AXES = Figure().add_subplot()


def cases():
    array = np.array([1.0, 2.0])
    yield units.db_to_linear, {"value_db": array}, {"value_db": LEVEL}
    yield units.db_to_amplitude, {"value_db": 3.0}, {"value_db": LEVEL}
    yield units.dbm_to_w, {"power_dbm": array}, {"power_dbm": LEVEL}
    yield units.linear_to_db, {"ratio": array}, {"ratio": RATIO}
    yield units.amplitude_to_db, {"amplitude": 2.0}, {"amplitude": RATIO}
    yield units.w_to_dbm, {"power_w": array}, {"power_w": RATIO}
    noise = {"temperature_k": 290.0, "noise_figure_db": 3.0}
    yield units.thermal_noise_psd_w_per_hz, noise, dict.fromkeys(noise, ANY_SHAPE)
    yield units.wavelength_m, {"carrier_hz": 1e9}, {"carrier_hz": ANY_SHAPE}

    law = {"exponent": 2.0, "reference_gain": 1e-3, "reference_distance_m": 2.0}
    yield channels.path_gain, {"distance_m": array, **law}, {"distance_m": ANY_SHAPE, "reference_gain": ["list", "two"]}
    friis = {"distance_m": array, "carrier_hz": 1e9, "exponent": 2.0, "antenna_gain": 1.5}
    yield channels.carrier_path_gain, friis, {"distance_m": ANY_SHAPE, "antenna_gain": ["list", "two"]}
    radar = {"transmitter_distance_m": 3.0, "receiver_distance_m": 4.0, "carrier_hz": 1e9, "radar_cross_section_m2": 1.0}
    lists = dict.fromkeys(("transmitter_distance_m", "receiver_distance_m", "radar_cross_section_m2", "antenna_gain"), ANY_SHAPE)
    yield channels.radar_gain, {**radar, "exponent": 2.0, "antenna_gain": 1.0}, lists
    draw = {"rng": np.random.default_rng(1), "shape": 3}
    yield channels.complex_normal, draw, {"shape": SHAPE}
    sight = {"line_of_sight": ["list", "nested list", "-1", "inf"], "shape": SHAPE, "k_factor": ["inf"]}
    yield channels.rician, {**draw, "k_factor": 2.0, "line_of_sight": 1j}, sight
    yield channels.nakagami_power, {**draw, "m": 2.0}, {"shape": SHAPE, "m": ["inf"]}
    yield channels.rayleigh_amplitude, draw, {"shape": SHAPE}

    disk = {"rng": np.random.default_rng(1), "count": 3, "radius_m": 2.0, "minimum_radius_m": 0.5, "center_m": np.ones(2)}
    yield geometry.uniform_disk, disk, {"center_m": FREE}
    both = {"from_m": POINTS, "to_m": OTHERS}
    pairs = {"from_m": [*FREE, *LONGER], "to_m": [*FREE, *LONGER]}
    yield geometry.distances_m, both, pairs
    yield geometry.unit_vectors, both, pairs
    bistatic = {"transmitters_m": POINTS, "receiver_m": np.array([9.0, 9.0]), "targets_m": OTHERS}
    yield (
        geometry.bistatic_range_gradients,
        bistatic,
        {"transmitters_m": [*FREE, *LONGER], "receiver_m": FREE, "targets_m": [*FREE, *LONGER]},
    )
    yield geometry.hexagon, {"side_m": 2.0, "center_m": np.ones(2)}, {"center_m": FREE}

    info = {"gradients": G, "weights": W}
    yield fisher.range_fim, info, {"gradients": [*FREE, "one entry more, axis 1", "one entry less, axis 1"], "weights": ROWS}
    yield fisher.pair_determinant, info, {"gradients": FREE, "weights": ROWS}
    spatial = ["one entry more, axis 1", "one entry less, axis 1"]
    yield fisher.crb_trace, info, {"gradients": [*FREE, *spatial], "weights": ROWS}
    yield fisher.equivalent_fim, {"information": G.T @ G, "of_interest": 1}, {}

    found = {"problem": cp.Problem(cp.Minimize(X), [X >= 1]), "solvers": ("CLARABEL",), "accept_inaccurate": True}
    yield conic.solve, found, {}

    search = {"low": 0.0, "high": 2.0, "tolerance": 1e-6, "max_iterations": 50}
    ends = ["list", "two", "negative"]
    step = {"predicate": lambda x: x >= 1, **search, "geometric": False}
    yield scalar_search.bisect, step, {"low": ends, "high": ends, "tolerance": []}
    falling = {"function": lambda x: 1 - x, **search}
    yield scalar_search.sign_change, falling, {"low": ends, "high": ["list", "two"]}
    quick = {"function": lambda x: 1 - x, "low": 0.0, "high": 2.0, "rough": lambda x: 1.01 - x, "tolerance": 1e-6}
    yield scalar_search.sign_change_by_interpolation, quick, {"low": ["negative"], "rough": ["None"]}
    bowl = {"function": lambda x: ((x - 1) ** 2, 2 * (x - 1)), **search, "geometric": False}
    yield scalar_search.minimise_convex, bowl, {"low": ends, "high": ends}

    some = {"function": _normal, "rng": np.random.default_rng(1), "draws": 3, "jobs": 1}
    yield montecarlo.map_draws, some, {}
    samples = {"samples": np.ones((3, 2)), "keep": np.array([True, True, False]), "status": ["optimal"] * 3}
    rows = [*FREE, "one axis more", "one entry more, axis 1", "one entry less, axis 1", "nan entry", "inf entry", "-inf entry"]
    yield montecarlo.average, samples, {"samples": rows, "keep": ["None"], "status": ["None"]}

    optimum = Certificate(method="by hand", value=2.0, bound=2.0, status="optimal")
    judged = {"value": 1.0, "violations": {"cap": 0.0}, "solve": lambda: optimum, "sense": "max", "unit": "W", "tolerance": 1e-6}
    yield (
        score.judge,
        judged,
        {"value": ["nan", "inf", "-inf", "negative"], "violations": ["empty dict"], "unit": ["word", "longer"]},
    )
    numbers = [*ANY_SHAPE, "empty", "negative", "negative entry", *ODD]
    yield certificate.relative_gap, {"value": array, "bound": array}, {"value": numbers, "bound": numbers}
    reported = ["nan", "inf", "-inf", "negative"]
    yield certificate.wrong_side, {"value": 1.0, "bound": 2.0, "sense": "max"}, {"value": reported, "bound": reported}
    yield score.excess_of, {"name": "cap", "excess": 0.5}, {"name": ["word", "longer"], "excess": reported}
    proven = {"gaps": np.array([0.1, 0.2, 0.3]), "proven": np.array([True, True, False])}
    yield score.spread_of, proven, {"gaps": [*FREE, "nan entry", "inf entry", "-inf entry"]}
    yield score.ScoreBatch.of, {"scores": [score.judge(1.0, {"cap": 0.0}, lambda: optimum)]}, {}
    yield plotting.style, {"index": 2}, {}
    yield plotting.role, {"name": "paper"}, {}
    figure, _ = plotting.subplots()
    curve = {"axes": AXES, "x": POINTS[:, 0], "y": POINTS[:, 1], "scheme": "paper"}
    yield line, curve, {"x": [*FREE, *ODD, "text entries", "dates"], "y": [*FREE, *ODD], "scheme": ["number"]}
    yield plotting.unlabelled_axes, {"figure": figure}, {}
    yield plotting.save_svg, {"figure": figure, "path": io.BytesIO()}, {"path": ["word"]}
    yield plotting.save_preview, {"figure": figure, "path": io.BytesIO(), "width_px": 64}, {"path": ["word"]}
    yield files.chapter_of, {"kind": Example}, {"kind": ["class"]}
    yield plotting.subplots, {"rows": 1, "columns": 2, "width": 5.0, "height": 3.0}, {"height": ["None"]}


def line(axes, x, y, scheme):
    """On axes of its own each time: numbers, names and dates do not share one."""
    return plotting.line(Figure().add_subplot() if axes is AXES else axes, x, y, scheme)


def _normal(rng):
    return float(rng.normal())


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case[0].__qualname__)
def test_malformed_calls_are_refused_by_name(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a word may name a file
    function, good, allowed = case
    assert assert_guarded(function, good, allowed=allowed) >= 10 * len(good)


# Records that the library makes (a Certificate's own test is below), and what says in its docstring that it guards nothing.
RECORDS = {"Average", "Bracket", "Certificate", "Minimum", "Score", "ScoreBatch", "Solution", "Step"}
INSIDE = {"at_least_zero", "normalised", "rician_of"}


def test_no_public_function_is_left_out():
    public = {}
    for module in (certificate, channels, conic, fisher, geometry, montecarlo, plotting, scalar_search, score, units):
        public |= public_functions(module)
    tried = {case[0].__name__ for case in cases()}
    assert set(public) - tried == RECORDS | INSIDE


def test_a_certificate_holds_numbers_and_words():
    good = {"method": "by hand", "value": 2.0, "bound": 2.1, "residual": 0.1, "status": "converged", "sense": "max"}
    allowed = {
        "method": ["word", "longer"],
        "value": ["nan", "inf", "-inf", "negative"],
        "bound": ["nan", "inf", "-inf", "negative"],
        "residual": ["nan", "inf"],
    }
    assert_guarded(Certificate, {**good, "iterations": 3, "seconds": 1.0}, allowed=allowed)


def example(**changes):
    return Example(**{"gain": [1.0, 2.0], "matrix": np.ones((2, 3)), **changes})


def test_every_field_of_a_scenario_is_refused_by_its_name():
    good = {"gain": np.array([1.0, 2.0]), "matrix": np.ones((2, 3)), "channel": np.ones((3, 2), complex), "noise_w": 0.5}
    more = {"antennas": 3, "kind": "power", "counts": np.array([1, 2])}
    allowed = {
        "channel": ["one entry more, axis 0", "one entry less, axis 0", "negative", "negative entry", "nan"],
        "counts": ["None", "negative", "negative entry"],
    }
    assert assert_guarded(Example, {**good, **more}, allowed=allowed) > 150
    one = Example(**good, **more)
    for name in (*good, *more):
        bad = {label: value for label, value in bad_values(getattr(one, name)).items() if label not in allowed.get(name, ())}
        bad = {
            label: value for label, value in bad.items() if label.split(", axis")[0] not in ("one entry more", "one entry less")
        }
        for target in (one, Batch([one, one])):
            assert_guarded(lambda target=target, **change: target.replace(**change), {name: getattr(one, name)}, bad=bad)


def test_batches_are_made_of_scenarios():
    rows = [example(), example()]
    assert_guarded(Batch, {"scenarios": rows}, allowed={"scenarios": ["strangers"]})
    assert_guarded(Batch.of, {"scenarios": Batch(rows), "kind": Example}, arguments=["scenarios"])
    columns = {"rng": np.random.default_rng(0), "draws": 2}
    assert_guarded(wireless_powered.Scenario.random_batch, columns)


def test_scenarios_and_their_classes_in_files(tmp_path):
    path = str(tmp_path / "s.json")
    assert_guarded(files.save_scenario, {"path": path, "scenario": example()}, allowed={"scenario": "*"}, arguments=["path"])
    bad = {label: value for label, value in bad_values(example()).items() if not label.startswith("of ") and label != "stranger"}
    assert_guarded(files.save_scenario, {"path": path, "scenario": example()}, arguments=["scenario"], bad=bad)
    example().save(path)
    assert_guarded(files.load_scenario, {"path": path, "kind": Example})


def test_files_are_named_by_paths(tmp_path):
    path = tmp_path / "s.json"
    example().save(path)
    for function in (Example.load, formats.read, files.chapter_in):
        assert_guarded(function, {"path": str(path)}, allowed={"path": []})
    assert_guarded(example().save, {"path": str(path)})
    fields = {"powers_w": array("M"), "time_s": number()}
    values = {"powers_w": np.ones(3), "time_s": 2.0}
    for name in values:
        bad = {label: value for label, value in bad_values(values[name]).items() if label in ("None", "empty", "empty list")}

        def save(**changed):
            files.save_allocation(tmp_path / "a.npz", {**values, **changed}, fields)
            return files.load_allocation(tmp_path / "a.npz", fields)

        assert_guarded(save, {name: values[name]}, bad=bad)
