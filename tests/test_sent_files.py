"""Files as people send them, each given to ``solve`` or ``score``: the right answer, or one line with the remedy."""

import dataclasses
import json
import os

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from isaclib import command_line, instances, wireless_powered
from isaclib import network_localization as nl

SCENARIO = nl.Scenario.random(np.random.default_rng(7))
FIELDS = {f.name: np.asarray(v) for f in dataclasses.fields(SCENARIO) if (v := getattr(SCENARIO, f.name)) is not None}
BEST = nl.solve_exact(SCENARIO)
PLAIN = {name: value.tolist() for name, value in FIELDS.items()}
GAIN = FIELDS["echo_gain"]
HALF = {"powers_w": [0.5, 0.5, 0.5]}


def mat(folder, content, **options):
    scipy.io.savemat(folder / "f.mat", content, **options)
    return folder / "f.mat"


def npz(folder, content):
    np.savez(folder / "f.npz", **content)
    return folder / "f.npz"


def js(folder, content, encoding="utf-8"):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "f.json").write_text(text, encoding=encoding)
    return folder / "f.json"


def raw(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def changed(**values):
    return FIELDS | values


def cells(values):
    found = np.empty(len(values), object)
    found[:] = list(values)
    return found


def shortened(folder, ending, share):
    SCENARIO.save(folder / f"f{ending}")
    content = (folder / f"f{ending}").read_bytes()
    return raw(folder, f"f{ending}", content[: int(share * len(content))])


def linked(folder):
    os.symlink(folder / "f.json", folder / "f.json")
    return folder / "f.json"


def run(capsys, *words):
    code = command_line.main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


UNDERSTOOD = {
    "rows": lambda d: mat(d, {name: value.reshape(1, -1) if value.ndim == 1 else value for name, value in FIELDS.items()}),
    "columns": lambda d: mat(d, {name: value.reshape(-1, 1) if value.ndim == 1 else value for name, value in FIELDS.items()}),
    "matrices of one number": lambda d: mat(d, {n: v.reshape(1, 1) if v.ndim == 0 else v for n, v in FIELDS.items()}),
    "a struct": lambda d: mat(d, {"scenario": FIELDS}),
    "a nested object": lambda d: js(d, {"scenario": PLAIN}),
    "sparse": lambda d: mat(d, changed(bistatic_gain=scipy.sparse.csc_matrix(FIELDS["bistatic_gain"]))),
    "integers": lambda d: npz(d, changed(max_power_w=np.int32(1), bandwidth_hz=np.int64(SCENARIO.bandwidth_hz))),
    "a byte": lambda d: npz(d, changed(max_power_w=np.uint8(1))),
    "Fortran order": lambda d: npz(d, {name: np.asfortranarray(value) for name, value in FIELDS.items()}),
    "the other end first": lambda d: npz(d, {name: value.astype(">f8") for name, value in FIELDS.items()}),
    "long doubles": lambda d: npz(d, {name: value.astype(np.longdouble) for name, value in FIELDS.items()}),
    "version 4": lambda d: mat(d, {name: np.atleast_2d(value) for name, value in FIELDS.items()}, format="4"),
    "compressed": lambda d: mat(d, FIELDS, do_compression=True),
    "a mark at the beginning": lambda d: js(d, PLAIN, "utf-8-sig"),
    "a third axis of length 1": lambda d: npz(d, changed(bistatic_gain=FIELDS["bistatic_gain"][..., None])),
}


@pytest.mark.parametrize("what", UNDERSTOOD)
def test_what_means_the_same_gives_the_same(tmp_path, capsys, what):
    code, said, _ = run(capsys, "solve", "network_localization", UNDERSTOOD[what](tmp_path), "--json")
    assert code == 0 and json.loads(said)["value"] == BEST.worst_sensing_sinr


def test_single_precision_is_taken_as_it_is(tmp_path, capsys):
    path = npz(tmp_path, {name: value.astype(np.float32) for name, value in FIELDS.items()})
    code, said, _ = run(capsys, "solve", "network_localization", path, "--json")
    assert code == 0 and json.loads(said)["value"] == pytest.approx(BEST.worst_sensing_sinr, rel=1e-6)


REFUSED = (
    {
        "complex channels": (lambda d: mat(d, changed(echo_gain=GAIN * 1j)), "abs(h)**2"),
        "complex type, real values": (lambda d: mat(d, changed(echo_gain=GAIN + 0j)), "abs(h)**2"),
        "a word": (lambda d: npz(d, changed(bandwidth_hz=np.array("20e6"))), "is the word '20e6' (give a number"),
        "a comma": (lambda d: js(d, PLAIN | {"bandwidth_hz": "20,5"}), "give a number"),
        "words in a list": (lambda d: js(d, PLAIN | {"echo_gain": ["1", "2", "3"]}), "must be an array of real numbers"),
        "decibels": (lambda d: npz(d, changed(link_gain=10 * np.log10(FIELDS["link_gain"]))), "10**(x/10)"),
        "a level in dBm": (lambda d: npz(d, changed(noise_bs_w=-120.0)), "10**(x/10)"),
        "a mask": (lambda d: npz(d, changed(echo_gain_mask=np.array([True, False, False]))), "there are no masks in files"),
        "nan": (lambda d: mat(d, changed(echo_gain=np.full(3, np.nan))), "must be finite, but entry (0,) is nan"),
        "inf": (lambda d: npz(d, changed(noise_bs_w=np.inf)), "must be finite"),
        "null": (lambda d: js(d, PLAIN | {"echo_gain": None}), "echo_gain: in"),
        "a missing field": (lambda d: js(d, {n: v for n, v in PLAIN.items() if n != "link_gain"}), "link_gain: in"),
        "a surplus field": (lambda d: js(d, PLAIN | {"colour": 1}), "the fields are echo_gain"),
        "a slip": (lambda d: js(d, {n.replace("echo", "ehco", 1): v for n, v in PLAIN.items()}), "did you mean"),
        "capitals": (
            lambda d: js(d, {("ECHO_GAIN" if n == "echo_gain" else n): v for n, v in PLAIN.items()}),
            "did you mean echo_gain?",
        ),
        "a cut-off integer": (lambda d: npz(d, changed(max_power_w=np.int8(127))), "may have been cut off"),
        "an integer gone round": (lambda d: npz(d, changed(max_power_w=np.int8(-56))), "as int8, whose range ends at 127"),
        "half precision": (lambda d: npz(d, changed(max_power_w=np.float16(1))), "give double precision"),
        "MATLAB's true": (lambda d: mat(d, changed(max_power_w=np.array([[True]]))), "must be an array of real numbers"),
        "true and false": (lambda d: mat(d, changed(echo_gain=GAIN > 0)), "must be an array of real numbers"),
        "true": (lambda d: js(d, PLAIN | {"max_power_w": True}), "must be one real number"),
        "another struct": (lambda d: mat(d, {"data": FIELDS}), "save(file, '-struct', 'data')"),
        "a struct in a struct": (lambda d: mat(d, {"scenario": {"parameters": FIELDS}}), "save its fields themselves"),
        "a struct as a field": (lambda d: mat(d, changed(echo_gain={"value": GAIN})), "is a struct with the fields value"),
        "a cell": (lambda d: mat(d, changed(echo_gain=cells(GAIN))), "cell2mat"),
        "objects": (lambda d: npz(d, changed(echo_gain=np.array([1, None], object))), "Python objects"),
        "a date": (lambda d: npz(d, changed(bandwidth_hz=np.datetime64("2020-01-01"))), "must be one real number"),
        "nothing in it": (lambda d: npz(d, changed(echo_gain=np.empty(0))), "is empty"),
        "a column too few": (lambda d: npz(d, changed(bistatic_gain=FIELDS["bistatic_gain"][:, :2])), "has shape (3, 2)"),
        "rows of two lengths": (lambda d: js(d, PLAIN | {"bistatic_gain": [[0, 1], [1]]}), "rows of unequal lengths"),
        "a huge integer": (lambda d: js(d, PLAIN | {"max_power_w": 10**400}), "too large"),
        "a list": (lambda d: js(d, "[1, 2]"), "must hold names and values"),
        "a trailing comma": (lambda d: js(d, json.dumps(PLAIN)[:-1] + ",}"), "is no JSON"),
        "UTF-16": (lambda d: js(d, PLAIN, "utf-16"), "is no text in UTF-8"),
        "brackets without end": (lambda d: js(d, "[" * 100_000), "is no JSON"),
        "an array alone": (lambda d: raw(d, "f.npz", b"\x93NUMPY\x01\x00"), "numpy.savez"),
        "Octave's text": (lambda d: raw(d, "f.mat", b"# Created by Octave 7.3.0\n# name: x\n"), "save -v7"),
        "Octave's binary": (lambda d: raw(d, "f.mat", b"Octave-1-L\x00" + bytes(60)), "save -v7"),
        "noise": (lambda d: raw(d, "f.mat", np.random.default_rng(0).bytes(3000)), "is damaged or no .mat file"),
        "an unknown ending": (lambda d: raw(d, "f.csv", b"1,2"), "none of the endings"),
        "a link to itself": (linked, "there is no such file"),
        "a folder of that name": (lambda d: (d / "f.json").mkdir() or d / "f.json", "holds no file that ends in"),
    }
    | {
        f"{share} of a {ending}": (lambda d, ending=ending, share=share: shortened(d, ending, share), says)
        for ending, says in ((".json", "is no JSON"), (".npz", "is damaged"), (".mat", "is damaged"))
        for share in (0.3, 0.999)
    }
    | {
        f"an empty {ending}": (lambda d, ending=ending: raw(d, f"f{ending}", b""), "is empty")
        for ending in (".json", ".npz", ".mat")
    }
)


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_refused_in_one_line(tmp_path, capsys, what):
    make, says = REFUSED[what]
    code, said, error = run(capsys, "solve", "network_localization", make(tmp_path))
    assert code == 2 and not said and error.startswith("isaclib: ") and error.count("\n") == 1 and says in error


def test_a_scenario_of_another_chapter(tmp_path, capsys):
    other = wireless_powered.Scenario.random(np.random.default_rng(0))
    other.save(tmp_path / "other.json")
    code, _, error = run(capsys, "solve", "network_localization", tmp_path / "other.json")
    assert code == 2 and "is of the chapter 'wireless_powered'" in error
    unnamed = {f.name: np.asarray(getattr(other, f.name)) for f in dataclasses.fields(other) if f.name != "sensing"}
    code, _, error = run(capsys, "solve", "network_localization", npz(tmp_path, unnamed))
    assert code == 2 and "is this a file of another chapter?" in error


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda d: mat(d, {"powers_w": np.full((1, 3), 0.5)}), None),
        (lambda d: js(d, {"allocation": HALF}), None),
        (lambda d: npz(d, {"powers_w": np.full(3, 0.5, np.float32)}), None),
        (lambda d: npz(d, {"powers_w": np.ones(3) * 1j}), "is complex"),
        (lambda d: npz(d, {"powers_w": np.ones(2)}), "powers_w"),
        (lambda d: js(d, {"powers_w": 0.5}), "powers_w"),
        (lambda d: js(d, {"powers_w": ["nan", 1, 1]}), "nan"),
        (lambda d: js(d, HALF | {"time": 1}), "is not a field of an allocation"),
        (lambda d: js(d, {}), "powers_w: in"),
        (lambda d: js(d, {"powers_w": {"a": 1}}), "is a struct"),
        (lambda d: SCENARIO.save(d / "f.json") or d / "f.json", "holds 'scenario', not 'allocation'"),
        (lambda d: npz(d, {"powers_w": np.array([127, 1, 1], np.int8)}), "may have been cut off"),
    ],
)
def test_allocations_as_they_are_sent(tmp_path, capsys, make, says):
    (tmp_path / "s").mkdir()
    SCENARIO.save(tmp_path / "s" / "scenario.npz")
    code, said, error = run(capsys, "score", "network_localization", tmp_path / "s" / "scenario.npz", make(tmp_path), "--json")
    if says is None:
        assert json.loads(said)["value"] == nl.score(SCENARIO, [0.5, 0.5, 0.5], optimum=BEST.certificate).value
        assert code == (0 if json.loads(said)["feasible"] else 1)
    else:
        assert code == 2 and not said and error.count("\n") == 1 and says in error


@pytest.mark.parametrize("chapter", instances.CHAPTERS)
def test_random_scenarios_come_back_to_the_bit(tmp_path, chapter):
    """A sample; ``isac bench round_trips`` does a hundred of each chapter and format."""
    kind = instances.interface(chapter).scenario
    for i, ending in enumerate((".json", ".npz", ".mat")):
        scenario = kind.random(np.random.default_rng(i))
        scenario.save(tmp_path / f"f{ending}")
        same_to_the_bit(scenario, kind.load(tmp_path / f"f{ending}"))


def same_to_the_bit(one, other):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert type(a) is type(b), field.name
        if isinstance(a, np.ndarray):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), field.name
        else:
            assert a == b or (a != a and b != b), field.name
