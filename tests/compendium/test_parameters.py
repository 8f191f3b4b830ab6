"""Every kind of bad parameter file is refused with the file, the name and the remedy."""

import math

import pytest
import yaml
from jsonschema import Draft202012Validator
from small_project import ROOT, edit

from compendium.runs import plan
from compendium.runs.contents import section_names
from compendium.runs.errors import ParameterError
from compendium.runs.numbers import read_number
from compendium.runs.parameters import parse_assignment
from compendium.runs.schema_files import check_section, load_schema, notebook_defaults
from compendium.runs.schema_rules import RULES

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
    "a small number": ("slope: 1.0", "slope: 1e-3", "slope", "0.001 is out of range"),
    "text for a number": ("slope: 1.0", "slope: steep", "slope", "is text where a number belongs"),
    "out of range": ("slope: 1.0", "slope: 11.0", "slope", "allowed are 0.1 to 10 m"),
    "not whole": ("points: 5", "points: 5.5", "points", "not a whole number"),
    "boolean for a number": ("points: 5", "points: yes", "points", "'yes' is text where a number belongs"),
    "an integer without end": ("points: 5", "points: .inf", "points", "not a finite number"),
    "an integer that is no number": ("points: 5", "points: .nan", "points", "not a finite number"),
    "hundreds of digits": ("slope: 1.0", f"slope: {'9' * 400}", "slope", "out of range"),
    "thousands of digits": ("slope: 1.0", f"slope: {'9' * 5000}", "slope", "has too many digits"),
    "no day of any month": ("points: 5", "points: 2020-13-45", "points", "looks like a date"),
    "a list for a name": ("kind: plain", "? [1, 2]\n: plain", "file", "a name must be a word"),
    "not finite": ("slope: 1.0", "slope: .nan", "slope", "nan"),
    "no list": ("levels: [0.0, 10.0]", "levels: 3.0", "levels", "write [..., ...]"),
    "empty list": ("levels: [0.0, 10.0]", "levels: []", "levels", "is a list without an entry; write [..., ...]"),
    "bad list entry": ("levels: [0.0, 10.0]", "levels: [0.0, 1e3]", "levels", "1000.0 is out of range"),
    "list entry out of range": ("levels: [0.0, 10.0]", "levels: [0.0, 101]", "levels", "out of range"),
    "unknown choice": ("kind: plain", "kind: round", "kind", "use one of plain, fancy"),
    "boolean for text": ("kind: plain", "kind: no", "kind", "'no' is not a known choice"),
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
    "range as text": ("range: [0.1, 10]", "range: [low, 10]", "slope", "as numbers"),
    "range of three": ("range: [0.1, 10]", "range: [0.1, 1, 10]", "slope", "add range"),
    "no mapping": ("slope:\n", "slope: 3\nsteep:\n", "slope", "give type, unit, range"),
    "length of a number": ("  range: [0.1, 10]\n", "  range: [0.1, 10]\n  length: 2\n", "slope", "only a list has a length"),
    "length reversed": ("range: [-100, 100]", "range: [-100, 100]\n  length: [3, 2]", "levels", "length: [least, most]"),
    "length of nothing": ("range: [-100, 100]", "range: [-100, 100]\n  length: 0", "levels", "length: [least, most]"),
    "size as text": ("size: true", "size: big", "points", "write size: true"),
    "section of other keys": ("compares: [results]", "compare: [results]", "_section", "unknown key 'compare'"),
    "compared with nobody": ("compares: [results]", "compares: [resluts]", "_section", "names the notebook 'resluts'"),
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


def test_lists_without_end_and_names_without_end_are_refused(demo, tmp_path):
    own, schema = tmp_path / "own.yml", load_schema(demo)
    for text in (f"levels: {'[' * 3000}1{']' * 3000}\n", f"levels: {'[' * 3000}\n"):
        own.write_text(text)
        with pytest.raises(ParameterError, match=r"own.yml: file: is not valid YAML .it has lists in lists without end"):
            schema.load(own)
    with pytest.raises(ParameterError, match=r"-p: levels: .* cannot be read"):
        parse_assignment(f"levels={'[' * 3000}", schema)
    with pytest.raises(ParameterError, match="is not a parameter set; known sets: quick"):
        schema.load_named("x" * 300)
    for name in ("x" * 300 + ".yml", "a\0.yml"):
        with pytest.raises(ParameterError, match="cannot be read"):
            schema.load(tmp_path / name)


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


# What somebody may write for a number, and the number it is read as.
WRITTEN = {
    "10": 10,
    "010": 10,
    "007.5": 7.5,
    "+3": 3,
    "-0": 0,
    "1_000": 1000,
    "1_000.5": 1000.5,
    "1e-3": 1e-3,
    "1E3": 1000.0,
    "2.e1": 20.0,
    ".5": 0.5,
    "5.": 5.0,
    "1.0e+3": 1000.0,
    "\u22123": -3,
    "0x1F": 31,
    "0o17": 15,
    "0b101": 5,
    "inf": math.inf,
    ".inf": math.inf,
    "-Infinity": -math.inf,
    "9007199254740993": 9007199254740993,
}
# ... and what is refused, with a word of the reason.
REFUSED = {
    "1:30": "looks like a time",
    "12:30:45": "looks like a time",
    "1:30.5": "looks like a time",
    "2020-01-05": "looks like a date",
    "2020-13-45": "looks like a date",
    "2001-12-14 21:59:43.10": "looks like a date",
    "1,5": "write a point: 1.5",
    "1,": "decimal comma",
    "1,000": "write 1000 or 1.000",
    "-12,500": "write -12500 or -12.500",
    "0,500": "write a point: 0.500",
    "3:00 pm": "looks like a time",
    "1,000.5": "read in more than one way",
    "1.000,5": "read in more than one way",
    "1'000": "read in more than one way",
    "1,000,000": "read in more than one way",
    "1 000": "blanks between digits",
    "1.5d3": "write e instead",
    "1/3": "is a fraction",
    "0.5 1": "a comma between",
    "0.5; 1": "has a semicolon",
    "5 m": "write the number alone",
    "10%": "write the share",
    "5 \u2030": "write the share",
    "3dB": "write the number alone",
    "10k": "an exponent for a prefix",
    "2+1": "is an expression",
    "10^3": "is an expression",
    "10**3": "is an expression",
    "2\u00d710^3": "is an expression",
    "\u20133": "a dash that is no minus",
    "1__0": "is no number as it stands",
    "1e": "is no number as it stands",
    "1e3.5": "is no number as it stands",
    "1..2": "is no number as it stands",
    "e3": "where a number belongs",
    "--1": "is no number as it stands",
    "0x": "is no number as it stands",
    "0x1__0": "is no number as it stands",
    "0x_": "is no number as it stands",
    "0b1__": "is no number as it stands",
    "\u0663": "where a number belongs",
    "\u00bd": "where a number belongs",
    "one": "where a number belongs",
    "": "where a number belongs",
    "1e400": "too large for",
    "-1e999": "too large for",
    "1e-400": "too small for",
    "9" * 5000: "too many digits",
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_number_is_read_as_people_mean_it(text):
    assert read_number(text) == WRITTEN[text] and type(read_number(text)) is type(WRITTEN[text])


@pytest.mark.parametrize("text", REFUSED)
def test_another_text_is_refused_with_the_reason(text):
    with pytest.raises(ValueError) as caught:
        read_number(text)
    assert REFUSED[text] in " ".join(caught.value.args)


@pytest.fixture
def wide(demo):
    """The small section with limits that refuse no finite number."""
    edit(demo / "parameters" / "schema.yml", "range: [0.1, 10]", "range: [-1.0e+300, 1.0e+300]")
    edit(demo / "parameters" / "schema.yml", "range: [-100, 100]", "range: [-1.0e+300, 1.0e+300]")
    edit(demo / "parameters" / "schema.yml", "range: [0, 1000000]", "range: [0, 1.0e+15]")
    return demo


@pytest.mark.parametrize("text", [text for text in WRITTEN if "nf" not in text and len(text) < 16])
def test_a_set_and_the_command_line_read_the_same(wide, text):
    own, schema = wide / "parameters" / "own.yml", load_schema(wide)
    own.write_text(f"slope: {text}\nlevels: [{text}, 1]\n")
    assert schema.load(own) == {"slope": WRITTEN[text], "levels": [WRITTEN[text], 1.0]}
    assert parse_assignment(f"slope={text}", schema) == ("slope", WRITTEN[text])
    assert parse_assignment(f"levels=[{text}]", schema) == ("levels", [WRITTEN[text]])


@pytest.mark.parametrize("text", [*[text for text in REFUSED if text], "0.1, 5", ".nan", ".inf"])
def test_a_set_and_the_command_line_refuse_the_same(wide, text):
    own, schema = wide / "parameters" / "own.yml", load_schema(wide)
    own.write_text(f"slope: {text}\n")
    with pytest.raises(ParameterError, match="slope: "):
        schema.load(own)
    with pytest.raises(ParameterError, match="slope: "):
        parse_assignment(f"slope={text}", schema)


def test_commas_that_could_be_decimal_are_refused_in_lists(wide):
    own, schema = wide / "parameters" / "own.yml", load_schema(wide)
    for mixed in ("[0,5, 1,5]", "[0,5 , 1,5]"):
        own.write_text(f"levels: {mixed}\n")
        with pytest.raises(ParameterError, match="commas with and without a blank"):
            schema.load(own)
        with pytest.raises(ParameterError, match="commas with and without a blank"):
            parse_assignment(f"levels={mixed}", schema)
    for thousands in ("[5,000]", "[1,000.5]", "[0,05]"):
        own.write_text(f"levels: {thousands}\n")
        with pytest.raises(ParameterError, match="has a comma before zeros, as within a number"):
            schema.load(own)
        with pytest.raises(ParameterError, match=r"levels: .*has a comma before zeros"):
            parse_assignment(f"levels={thousands}", schema)
    for plain in ("[0,5,1]", "[0, 5, 1]", "[0,\n  5, 1]"):
        own.write_text(f"levels: {plain}\n")
        assert schema.load(own)["levels"] == [0.0, 5.0, 1.0]


def test_an_explicit_tag_reads_nothing_else(wide):
    own, schema = wide / "parameters" / "own.yml", load_schema(wide)
    own.write_text("slope: !!int 010\nlevels: [!!float 1e1, !!str 2]\n")
    assert schema.load(own) == {"slope": 10.0, "levels": [10.0, 2.0]}
    for text in ("!!int 1:30", "!!float 1:30.5", "!!timestamp 2020-01-05", "!!bool yes"):
        own.write_text(f"slope: {text}\n")
        with pytest.raises(ParameterError, match="slope: "):
            schema.load(own)
        with pytest.raises(ParameterError, match="slope: "):
            parse_assignment(f"slope={text}", schema)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("slope:", "has no value"),
        ("slope: ~", "has no value"),
        ("slope: [1]", "is a list where one number belongs"),
        ("levels: [1, [2]]", "is a list where one number belongs"),
        ("levels: [1, ~]", "None is not a number"),
        ("levels: 1, 2", "is not a list"),
        ("title:", "has no value"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_the_reason(demo, line, reason):
    own, schema = demo / "parameters" / "own.yml", load_schema(demo)
    own.write_text(f"{line}\n")
    with pytest.raises(ParameterError, match=reason):
        schema.load(own)


def test_a_file_is_text_in_utf_8_with_or_without_a_mark(demo):
    own, schema = demo / "parameters" / "own.yml", load_schema(demo)
    for content in (b"\xef\xbb\xbfslope: 5\n", b"slope: 5\r\n", "slope: 5 # Gr\u00f6\u00dfe\n".encode()):
        own.write_bytes(content)
        assert schema.load(own) == {"slope": 5.0}
    for content in ("slope: 5 # Gr\u00f6\u00dfe\n".encode("latin-1"), "slope: 5\n".encode("utf-16")):
        own.write_bytes(content)
        with pytest.raises(ParameterError, match="is no text in UTF-8"):
            schema.load(own)


def test_words_stay_words_and_booleans_are_read(demo):
    schema = load_schema(demo)
    assert parse_assignment("title=2020-01-05", schema)[1] == "2020-01-05"
    assert parse_assignment("title=010", schema)[1] == "010"
    assert parse_assignment("title=no", schema)[1] == "no"
    for words in ("null", "What if: half?", "- half", "50 % # less", "[a]"):  # as typed; the shell has taken its quotes
        assert parse_assignment(f"title={words}", schema)[1] == words
    assert parse_assignment('title="a # b"', schema)[1] == "a # b"
    edit(demo / "parameters" / "schema.yml", "type: string\n  options: [plain, fancy]", "type: boolean")
    schema = load_schema(demo)
    for text, value in {"true": True, "no": False, "On": True, "FALSE": False}.items():
        assert parse_assignment(f"kind={text}", schema)[1] is value
    with pytest.raises(ParameterError, match="write true or false"):
        parse_assignment("kind=1", schema)


@pytest.mark.parametrize("section", section_names(ROOT))
def test_papermill_and_yaml_read_the_sets_of_the_book_alike(section):
    schema = load_schema(ROOT / "notebooks" / section)
    for name in schema.sets():
        assert schema.load_named(name) == yaml.safe_load((schema.folder / f"{name}.yml").read_text())


def with_section(demo, text: str):
    edit(demo / "parameters" / "schema.yml", "_section:\n", f"_section:\n{text}")
    return load_schema(demo)


RELATIONS = """  relations:
    - that: points >= len(levels)
      says: give at least as many points as levels
    - that: all(low < high for low, high in zip(levels, levels[1:]))
      says: let the levels increase
"""


def test_a_relation_refuses_sets_files_and_the_command_line_before_a_run(demo):
    schema = with_section(demo, RELATIONS)
    check_section(demo, NOTEBOOKS)
    own = demo / "own.yml"
    own.write_text("levels: [3.0, 1.0]\n")
    with pytest.raises(
        ParameterError, match=r"own.yml: all\(low < high .* does not hold \(levels = \[3.0, 1.0\]\); let the levels"
    ):
        schema.load(own)
    own.write_text("points: 3\n")  # the relation speaks of levels as well: judged when they are known
    values = schema.load_named("quick") | schema.load(own) | {"levels": [1.0, 2.0, 3.0, 4.0]}
    section = plan.load_section(demo.parents[1], "demo")
    with pytest.raises(ParameterError, match="at least as many points"):
        plan.custom_run(demo.parents[1], section, "results", values, "own", "quick")
    assert plan.custom_run(demo.parents[1], section, "model", values, "own", "quick").values == {"slope": 1.0}
    edit(demo / "parameters" / "quick.yml", "levels: [0.0, 10.0]", "levels: [10.0, 0.0]")
    error = refused(demo)
    assert error.where == "quick.yml" and "let the levels increase" in str(error)


def test_a_relation_is_judged_after_the_sizes_of_quick_were_taken(demo):
    edit(
        demo / "parameters" / "schema.yml",
        "notebooks: [model, results, what_if]",
        "notebooks: [model, results, what_if]\n  size: false",
    )
    with_section(demo, "  relations:\n    - that: points >= 2.5 * slope\n      says: give more points\n")
    check_section(demo, NOTEBOOKS)  # each set alone is sound: quick has 5 >= 2.5, louder 50 >= 10
    with pytest.raises(ParameterError, match=r"louder with the sizes of quick.*give more points"):
        plan.plan(demo.parents[1], "quick")
    assert plan.plan(demo.parents[1], "paper")


def test_the_defaults_of_a_notebook_obey_the_relations(demo):
    with_section(demo, "  relations:\n    - that: points > 5\n      says: give more points\n")
    for name in ("quick", "louder"):
        edit(demo / "parameters" / f"{name}.yml", "points: 5", "points: 6")
    error = refused(demo)
    assert error.where == "demo/results.py" and "give more points" in str(error)


def test_a_relation_may_hold_for_the_notebooks_that_take_another_name_too(demo):
    schema = with_section(demo, "  relations:\n    - that: slope < 2\n      says: less\n      beside: [levels]\n")
    values = {"slope": 3.0, "points": 5, "title": "a", "question": "b"}
    assert schema.relate(values, "own") == values
    with pytest.raises(ParameterError, match=r"own: slope < 2: does not hold \(slope = 3.0\); less"):
        schema.relate({**values, "levels": [1.0]}, "own")


BAD_RELATIONS = {
    "- that: points >\n      says: more": "write an expression",
    "- that: import os\n      says: more": "write an expression",
    "- that: pionts > 3\n      says: more": "no parameter of this section",
    "- that: open('x')\n      says: more": "no parameter of this section",
    "- that: 1 < 2\n      says: more": "no notebook takes all names",
    "- that: levels[0] < len(title)\n      says: more": "no notebook takes all names",
    "- that: points > 3": "give that: (an expression) and says",
    "- points > 3": "give that: (an expression) and says",
    "- that: points > 3\n      says: more\n      else: less": "unknown key 'else'",
    "- that: points > 3\n      says: more\n      beside: [pionts]": "no parameter of this section",
    "- that: points > 3\n      says: more\n      beside: [levels, title]": "no notebook takes all names",
    "- that: points > 3\n      says: more\n      beside: levels": "write beside: [name, ...]",
}


@pytest.mark.parametrize("text", BAD_RELATIONS)
def test_a_bad_relation_is_refused(demo, text):
    with pytest.raises(ParameterError) as caught:
        with_section(demo, f"  relations:\n    {text}\n")
    assert caught.value.name == "_section" and BAD_RELATIONS[text] in str(caught.value)


@pytest.mark.parametrize(
    ("that", "problem"),
    [
        ("levels[5] > 0", "cannot be judged"),
        ("1 / (points - 5) > 0", "cannot be judged"),
        ("levels < points", "cannot be judged"),
        ("(level > 0 for level in levels)", "neither true nor false"),
        ("points", "neither true nor false"),
        ("points.__class__.mro() == []", "does not hold"),
    ],
)
def test_a_relation_that_cannot_be_judged_is_no_traceback(demo, that, problem):
    schema = with_section(demo, f'  relations:\n    - that: "{that}"\n      says: mend it\n')
    with pytest.raises(ParameterError, match=problem):
        schema.load_named("quick")


def test_lengths_of_lists(demo):
    edit(demo / "parameters" / "schema.yml", "range: [-100, 100]", "range: [-100, 100]\n  length: [2, 3]")
    schema = load_schema(demo)
    assert parse_assignment("levels=[1, 2, 3]", schema)[1] == [1.0, 2.0, 3.0]
    for text in ("[1]", "[1, 2, 3, 4]"):
        with pytest.raises(ParameterError, match="entries; give 2 to 3 entries"):
            parse_assignment(f"levels={text}", schema)
    edit(demo / "parameters" / "schema.yml", "length: [2, 3]", "length: 2")
    with pytest.raises(ParameterError, match="give 2 entries"):
        parse_assignment("levels=[1, 2, 3]", load_schema(demo))


def test_a_base_set_of_its_own_is_run_for_the_book_and_is_no_what_if(demo):
    root = demo.parents[1]
    (demo / "parameters" / "wide.yml").write_text("slope: 2.0\npoints: 60\nlevels: [0.0]\nkind: plain\nseed: 3\n")
    with_section(demo, "  base_sets:\n    wide: [results]\n")
    schema = check_section(demo, NOTEBOOKS)
    assert schema.base_sets == {"wide": ("results",)} and schema.what_ifs() == ["louder"]
    by_name = {run.name: run for run in plan.plan(root, "paper")}
    assert by_name["demo/results [wide]"].values["points"] == 60 and by_name["demo/results [wide]"].page == "results_wide"
    assert {run.name: run for run in plan.plan(root, "quick")}["demo/results [wide+quick]"].values["points"] == 5
    (demo / "parameters" / "wide.yml").write_text("slope: 2.0\n")
    assert refused(demo).name == "points"
    (demo / "parameters" / "wide.yml").unlink()
    assert "is not a parameter set" in str(refused(demo))


def test_the_rules_of_schema_files_are_a_sound_json_schema():
    Draft202012Validator.check_schema(RULES)
