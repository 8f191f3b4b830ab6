"""Every kind of bad parameter file is refused with the file, the name and the remedy."""

import pytest
from small_project import edit

from compendium.runs.errors import ParameterError
from compendium.runs.parameters import parse_assignment
from compendium.runs.schema_files import check_section, load_schema, notebook_defaults

NOTEBOOKS = ("model", "results", "what_if")


@pytest.fixture
def demo(project):
    return project / "notebooks" / "demo"


def refused(demo) -> ParameterError:
    with pytest.raises(ParameterError) as caught:
        check_section(demo, NOTEBOOKS)
    return caught.value


def test_the_sound_section_is_accepted(demo):
    schema = check_section(demo, NOTEBOOKS)
    assert schema.sets() == ["quick", "paper", "louder"]
    assert schema.what_ifs() == ["louder"]
    assert schema.names("model") == ["slope"]
    values = schema.load_named("quick")
    assert values["slope"] == 1.0 and isinstance(values["slope"], float)
    assert values["points"] == 5 and isinstance(values["points"], int)


BAD_SETS = {
    "unknown name": ("slope: 1.0", "slpe: 1.0", "slpe", "did you mean slope"),
    "number as text": ("slope: 1.0", "slope: 1e-3", "slope", "write 0.001: YAML 1.1 reads 1e-3 as text"),
    "text for a number": ("slope: 1.0", "slope: steep", "slope", "is text where a number belongs"),
    "out of range": ("slope: 1.0", "slope: 11.0", "slope", "allowed are 0.1 to 10 m"),
    "not whole": ("points: 5", "points: 5.5", "points", "not a whole number"),
    "boolean for a number": ("points: 5", "points: yes", "points", "not an integer"),
    "an integer without end": ("points: 5", "points: .inf", "points", "not a finite number"),
    "an integer that is no number": ("points: 5", "points: .nan", "points", "not a finite number"),
    "hundreds of digits": ("slope: 1.0", f"slope: {'9' * 400}", "slope", "out of range"),
    "thousands of digits": ("slope: 1.0", f"slope: {'9' * 5000}", "file", "not valid YAML"),
    "no day of any month": ("points: 5", "points: 2020-13-45", "file", "not valid YAML"),
    "a list for a name": ("kind: plain", "? [1, 2]\n: plain", "file", "a name must be a word"),
    "not finite": ("slope: 1.0", "slope: .nan", "slope", "nan"),
    "no list": ("levels: [0.0, 10.0]", "levels: 3.0", "levels", "write [..., ...]"),
    "empty list": ("levels: [0.0, 10.0]", "levels: []", "levels", "not a list"),
    "bad list entry": ("levels: [0.0, 10.0]", "levels: [0.0, 1e2]", "levels", "write 100.0"),
    "list entry out of range": ("levels: [0.0, 10.0]", "levels: [0.0, 101]", "levels", "out of range"),
    "unknown choice": ("kind: plain", "kind: round", "kind", "use one of plain, fancy"),
    "boolean for text": ("kind: plain", "kind: no", "kind", "put it in quotes"),
    "missing": ("kind: plain\n", "", "kind", "add it to the set"),
    "given twice": ("kind: plain\n", "kind: plain\nkind: fancy\n", "file", "given twice"),
    "broken YAML": ("kind: plain", "kind: [plain", "file", "not valid YAML"),
    "no mapping": (
        "slope: 1.0\npoints: 5\nlevels: [0.0, 10.0]\nkind: plain\nseed: 1\n",
        "- 1\n",
        "file",
        "does not hold name: value",
    ),
}


@pytest.mark.parametrize("case", BAD_SETS)
def test_a_bad_set_is_refused(demo, case):
    old, new, name, remedy = BAD_SETS[case]
    edit(demo / "parameters" / "quick.yml", old, new)
    error = refused(demo)
    assert "quick.yml" in str(error.where)
    assert error.name == name
    assert remedy in str(error)


BAD_SCHEMAS = {
    "unit missing": ("  unit: m\n", "", "slope", "add unit"),
    "range missing": ("  range: [0.1, 10]\n", "", "slope", "add range"),
    "range as text": ("range: [0.1, 10]", "range: [1e-1, 10]", "slope", "as numbers"),
    "range reversed": ("range: [0.1, 10]", "range: [10, 0.1]", "slope", "add range"),
    "meaning missing": ("  meaning: Factor of the parabola\n", "", "slope", "add meaning"),
    "provenance unknown": ("provenance: stated", "provenance: guessed", "slope", "stated, derived, assumed"),
    "type unknown": ("type: numbers", "type: floats", "levels", "use one of"),
    "key unknown": ("  meaning: Levels", "  means: x\n  meaning: Levels", "levels", "unknown key 'means'"),
    "notebooks missing": ("  notebooks: [model, results, what_if]\n", "", "slope", "add notebooks"),
    "notebook unknown": ("notebooks: [model, results, what_if]", "notebooks: [modell]", "slope", "names the notebook 'modell'"),
    "options missing": ("  options: [plain, fancy]\n", "", "kind", "add options"),
}


@pytest.mark.parametrize("case", BAD_SCHEMAS)
def test_a_bad_schema_is_refused(demo, case):
    old, new, name, remedy = BAD_SCHEMAS[case]
    edit(demo / "parameters" / "schema.yml", old, new)
    error = refused(demo)
    assert "schema.yml" in error.where
    assert error.name == name
    assert remedy in str(error)


def test_a_default_missing_in_the_schema_is_refused(demo):
    edit(demo / "model.py", "slope = 1.0", "slope = 1.0\noffset = 2.0")
    error = refused(demo)
    assert (error.where, error.name) == ("demo/model.py", "offset")
    assert "add it to schema.yml" in str(error)


def test_a_schema_name_without_default_is_refused(demo):
    edit(demo / "results.py", "seed = 1\n", "")
    error = refused(demo)
    assert (error.where, error.name) == ("demo/results.py", "seed")


def test_a_default_out_of_range_or_computed_is_refused(demo):
    edit(demo / "model.py", "slope = 1.0", "slope = 100.0")
    assert "out of range" in str(refused(demo))
    edit(demo / "model.py", "slope = 100.0", "slope = abs(1.0)")
    assert "no literal" in str(refused(demo))


def test_a_what_if_set_must_be_complete_for_its_notebook(demo):
    edit(demo / "parameters" / "louder.yml", "slope: 4.0\n", "")
    error = refused(demo)
    assert "louder.yml" in error.where and error.name == "slope"


def test_an_unknown_set_is_refused_with_the_nearest(demo):
    with pytest.raises(ParameterError, match="did you mean quick"):
        load_schema(demo).load_named("quik")


def test_a_missing_file_is_refused(demo, tmp_path):
    with pytest.raises(ParameterError, match="does not exist"):
        load_schema(demo).load(tmp_path / "nowhere.yml")


def test_assignments_of_the_command_line(demo):
    schema = load_schema(demo)
    assert parse_assignment("slope=1e0", schema) == ("slope", 1.0)
    assert parse_assignment("levels=[1, 2.5]", schema) == ("levels", [1.0, 2.5])
    assert parse_assignment("levels=[1e-3, 2]", schema) == ("levels", [0.001, 2.0])
    assert parse_assignment("kind=fancy", schema) == ("kind", "fancy")
    refused = {
        "slope": "not name=value",
        "slop=1": "did you mean slope",
        "slope=99": "out of range",
        "levels=[a]": "is text where a number",
    }
    for text, problem in refused.items():
        with pytest.raises(ParameterError, match=problem):
            parse_assignment(text, schema)


def test_defaults_are_read_without_executing(demo):
    assert notebook_defaults(demo / "results.py") == {"slope": 1.0, "points": 5, "levels": [0.0], "kind": "plain", "seed": 1}
