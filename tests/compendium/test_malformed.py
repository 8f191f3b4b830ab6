"""What notebooks call, with everything that does not belong there: refused by the name of the argument."""

import types

import numpy as np
import pytest
from guarded import assert_guarded, bad_values
from matplotlib.figure import Figure

from compendium.notebook import answers, claims, curves, explorers, figures, given, guesses, pictures, tables, timing
from isaclib.foundations import plotting
from isaclib.foundations.montecarlo import Average

X = np.array([1.0, 2.0, 3.0])
ODD = ["nan entry", "inf entry", "-inf entry", "negative", "negative entry"]
LEVEL = ["nan", "inf", "-inf", "negative"]
TEXT = ["word", "longer"]
WORDS = "a description of more than twenty letters"
AVERAGE = Average(X, X - 0.5, X + 0.5, 9, 9)
ASKED = types.SimpleNamespace(feasible=np.array([True, False]), best_attainable=np.array([2.0, 0.5]))
NAMED = {"name": "curve", "caption": WORDS, "fallback": "curve"}
ROUND = guesses.Round("first", [1.0], [0.1], [0.5], [1.0], [1.0], 2.0)
GAME = {
    "users": ["u"],
    "services": [("s", 0)],
    "weights": [1.0],
    "value_label": "v",
    "band_hz": 1.0,
    "noise_psd_w_per_hz": 1.0,
    "budget_w": 1.0,
}
CONTROLS = [pictures.Control("a", [1.0, 2.0])]
PARTS = {
    "controls": CONTROLS,
    "readouts": [pictures.Readout("b", [1.0, np.nan])],
    "bars": [pictures.Bars("c", ["u"], [[1.0], [2.0]])],
    "pictures": [pictures.Trace("t", [1.0, 2.0], "s", np.ones((2, 2)))],
}


@pytest.fixture(autouse=True)
def nothing_set_aside(monkeypatch):
    monkeypatch.setattr(claims, "_aside", "")


def panel():
    """A new one for each call: names and numbers do not share an axis."""
    figure, axes = plotting.subplots()
    axes.set(xlabel="x (m)", ylabel="y (m)")
    return figure, axes


def drawn(axes, **arguments):
    return curves.Curves("limit", X).draw(Figure().add_subplot() if axes is AXES else axes, **arguments)


def within(**arguments):
    """Beyond the ends of the axis nan is the right answer: it is told from one that a malformed call gives."""
    found = figures.within(**arguments)
    outside = (arguments["x"] < np.min(arguments["axis"])) | (arguments["x"] > np.max(arguments["axis"]))
    return np.where(outside & np.isnan(found), -1.0, found)


def average(x, average, scheme, unit):
    return curves.average_line(Figure().add_subplot(), x, average, scheme, unit=unit)


def line(x, y, scheme, low, high, markers):
    return plotting.line(Figure().add_subplot(), x, y, scheme, low=low, high=high, markers=markers)


def shown(**arguments):
    return figures.show(panel()[0], **arguments)


def control(label, values, unit):
    return explorers.show(**NAMED, **PARTS | {"controls": [pictures.Control(label, values, unit)]})


def readout(label, values, unit):
    return explorers.show(**NAMED, **PARTS | {"readouts": [pictures.Readout(label, values, unit)]})


def function(rng, *, noise_w):
    return noise_w


FIGURE, AXES = panel()
NUMBERS = {"values": np.array([1.0, 2.0]), "unit": "m", "label": "b"}
TEXTS = {"label": TEXT, "unit": TEXT}
FLAGS = dict.fromkeys(("reproduced", "trend", "reproducible", "checkable"), True)
BAND = {"y": X, "scheme": "paper", "low": X, "high": X}
ODD_BAND = {"y": ODD, "low": ODD, "high": ODD, "scheme": ["number"]}
ANY_X = [*ODD, "dates", "text entries"]
LOOSE = [*ODD, "text entries", "object entries", "bool entries", "empty", "empty list", "column", "one axis more"]
SAID = {"name": "curve", "data": {"x": X}, "caption": WORDS, "alt": WORDS}
FREE_SAID = {name: TEXT for name in ("name", "caption", "alt", "paper", "solver")}
EMPTY = ["empty list", "empty dict", "list"]
# What is called -> how, its good arguments, and what it takes beyond their form.
CASES = {
    "answers.answer": (answers.answer, {"text": "It grows."}, {"text": TEXT}),
    "claims.verdict": (claims.verdict, FLAGS, {}),
    "claims.record": (
        claims.record,
        {"claim": "000-C1", "ours": "x", "tolerance": "t", **FLAGS},
        {"ours": TEXT, "tolerance": TEXT},
    ),
    "claims.set_aside": (claims.set_aside, {"reason": "No drop."}, {"reason": TEXT}),
    "claims.within_reach": (claims.within_reach, {"asked": ASKED, "min_rate_bps": 1.0}, {}),
    "curves.Curves": (curves.Curves, {"name": "limit", "x": X}, {"name": TEXT, "x": "*"}),  # x is looked at where it is drawn
    "curves.Curves.draw": (
        drawn,
        {"axes": AXES, "name": "b", **BAND, "unit": 2.0, "band": "c"},
        {"name": TEXT, "band": TEXT, **ODD_BAND},
    ),
    "curves.average_line": (
        average,
        {"x": X, "average": AVERAGE, "scheme": "paper", "unit": 2.0},
        {"x": ANY_X, "scheme": ["number"]},
    ),
    "curves.legend_above": (curves.legend_above, {"figure": FIGURE, "axes": AXES, "columns": 2}, {}),
    "curves.plain_numbers": (curves.plain_numbers, {"axis": panel()[1].xaxis}, {}),
    "explorers.show": (
        explorers.show,
        {**NAMED, **PARTS, "log": False},
        {"name": TEXT, "caption": TEXT, "fallback": TEXT, "bars": ["empty list"], "pictures": ["empty list"]},
    ),
    "explorers.guess": (
        explorers.guess,
        {**NAMED, "game": guesses.Guess(**GAME, rounds=[ROUND])},
        {"name": TEXT, "caption": TEXT, "fallback": TEXT},
    ),
    "figures.show": (figures.show, {"figure": FIGURE, **SAID}, {name: TEXT for name in ("name", "caption", "alt")}),
    "figures.show, words": (shown, {**SAID, "paper": "Fig. 1", "solver": "none"}, FREE_SAID),
    "given.taken_by": (
        given.taken_by,
        {"function": function, "values": {"noise_dbm": 3.0}},
        {"function": ["empty dict"], "values": ["empty dict"]},
    ),
    "plotting.line": (line, {"x": X, **BAND, "markers": True}, {"x": ANY_X, **ODD_BAND, "markers": ["None"]}),
    "tables.table": (
        tables.table,
        {"rows": {"a": [1.0]}, "caption": "c", "precision": 3, "formats": ".2f"},
        {"rows": EMPTY, "caption": TEXT, "formats": ["empty dict"]},
    ),
    "tables.facts": (
        tables.facts,
        {"named": {"a": 1.0}, "caption": "c", "head": ("quantity", "value")},
        {"named": ["empty dict"], "caption": TEXT},
    ),
    "tables.written": (tables.written, {"text": "chapter | asks\nnear field | a rate"}, {"text": ["longer"]}),
    "tables.number": (tables.number, {"value": 1520.3, "precision": 3}, {"value": LEVEL}),
    "tables.markdown_table": (
        tables.markdown_table,
        {"rows": [["a"]], "header": ["b"]},
        {"rows": ["empty list", "list"], "header": ["list"]},
    ),
    "figures.within": (
        within,
        {"x": np.array([1.5, 1.75]), "axis": np.array([1.0, 2.0]), "values": np.array([10.0, 20.0])},
        {
            "x": [
                *("one number", "one axis more", "one axis less", "negative", "negative entry", "row", "column"),
                *("one entry more", "one entry less"),
            ],
            "axis": ["negative", "negative entry"],
            "values": ["nan entry", "inf entry", "-inf entry", "negative", "negative entry"],
        },
    ),
    "timing.timed": (timing.timed, {"call": lambda: 1}, {}),
    "timing.seconds": (timing.seconds, {"calls": lambda: 1, "repeats": 2}, {"calls": ["list"]}),
    "timing.power_law": (
        timing.power_law,
        {"x": np.array([1.0, 2.0, 3.0, 4.0]), "y": np.array([1.0, 4.0, 9.0, 17.0]), "low": 0.5, "high": 5.0},
        {"x": "*", "low": ["-inf", "negative"], "high": ["inf"]},
    ),
}
# Nothing a reader hands numbers to: the site's own, what needs a run on disk, and records that the library makes.
LEFT_OUT = {
    "answers.found_in", "claims.LedgerError", "figures.label", "figures.myst", "figures.baseline",
    "explorers.specification", "explorers.myst", "timing.PowerLaw", "timing.machine",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_malformed_calls_are_refused_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, good, allowed = CASES[name]
    assert assert_guarded(function, good, allowed=allowed) >= 15 * len(good)


def test_nothing_that_notebooks_call_is_left_out():
    public = set()
    for module in (answers, claims, curves, explorers, figures, given, tables, timing):
        room = module.__name__.rpartition(".")[2]
        names = [name for name, found in vars(module).items() if getattr(found, "__module__", "") == module.__name__]
        public |= {f"{room}.{name}" for name in names if not name.startswith("_")}
    assert public == {name for name in CASES if name in public} | LEFT_OUT


@pytest.mark.parametrize(("part", "free"), [(control, LOOSE), (readout, ODD)])
def test_what_an_explorer_is_made_of(part, free):
    sized = {"values": ["controls", "b"]}  # a size may be blamed on what it has to agree with
    assert assert_guarded(part, NUMBERS, allowed={**TEXTS, "values": free}, aliases=sized) > 60


@pytest.mark.parametrize("finding", [np.nan, 1, "yes", None, np.array([True, False])])
def test_what_merely_counts_as_true_is_no_finding(finding):
    with pytest.raises(ValueError, match="reproduced"):
        claims.verdict(reproduced=finding)
    with pytest.raises(ValueError, match="reproduced"):
        claims.record("000-C1", ours="x", tolerance="y", reproduced=finding)
    assert claims.verdict(reproduced=np.bool_(True)) == "reproduced"


@pytest.mark.parametrize(
    "column", [value for label, value in bad_values(X).items() if label in ("one axis more", "ragged", "row")]
)
def test_a_column_of_a_figure_has_one_axis(column):
    with pytest.raises(ValueError, match="data: x must hold one column"):
        shown(name="curve", data={"x": column}, caption=WORDS, alt=WORDS)
