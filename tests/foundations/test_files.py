"""Scenarios and allocations in files: round trips to the bit, MATLAB's shapes, and every way in which a file can be wrong."""

import contextlib
import dataclasses
import json
import math
import os
import struct
import zipfile
from dataclasses import dataclass

import chapters
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from isaclib import InvalidScenario, semi_isac, wireless_powered
from isaclib.foundations import files, formats
from isaclib.foundations.scenario import ScenarioBase, array, choice, number

FORMATS = (".json", ".npz", ".mat")


@dataclass(frozen=True, eq=False, kw_only=True)
class Example(ScenarioBase):
    gain: np.ndarray = array("M", positive=True)
    matrix: np.ndarray = array("M", "M+1", minimum=0)
    channel: np.ndarray | None = array("K", "M", "L", dtype=complex, optional=True)
    positions_m: np.ndarray | None = array("N", 2, optional=True)
    carriers: np.ndarray | None = array("M", dtype=int, optional=True)
    cap_w: np.ndarray | float = array("M", positive=True, keep_number=True, default=1.0)
    limit: float = number(positive=True, infinite=True, default=math.inf)
    antennas: int = number(integer=True, minimum=1, default=4)
    offset: float | None = number(optional=True, default=2.0)
    kind: str = choice("power", "energy", default="power")


def example(**changes):
    return Example(**{"gain": [0.1, 1e-300], "matrix": [[0.0, 1 / 3, 2.0], [1.0, 5e-324, 1e308]], **changes})


def assert_equal(found, expected):
    for field in dataclasses.fields(expected):
        a, b = getattr(found, field.name), getattr(expected, field.name)
        assert type(a) is type(b), field.name
        if isinstance(b, np.ndarray):
            assert a.dtype == b.dtype and a.shape == b.shape, field.name
            assert a.tobytes() == b.tobytes(), field.name
        else:
            assert a == b, field.name


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"offset": None, "kind": "energy", "limit": 1e-3, "antennas": 2**53, "carriers": [1, -(2**52)]},
        {"channel": [[[1 + 2j], [-0.0 + 1e-300j]]], "positions_m": [[-0.0, 1e-17]], "cap_w": [1.0, 2.0]},
        {"gain": [3.0], "matrix": [[1.0, 2.0]], "channel": np.full((3, 1, 1), 1j), "cap_w": 7.0},
    ],
)
def test_a_scenario_comes_back_to_the_bit(tmp_path, ending, changes):
    scenario = example(**changes)
    scenario.save(tmp_path / f"s{ending}")
    assert_equal(Example.load(tmp_path / f"s{ending}"), scenario)
    assert [path.name for path in tmp_path.iterdir()] == [f"s{ending}"], "no temporary file stays"


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("chapter", [chapters.module(name) for name in chapters.NAMES], ids=chapters.NAMES)
def test_scenarios_of_every_chapter_come_back_to_the_bit(tmp_path, ending, chapter):
    for seed in range(3):
        scenario = chapter.Scenario.random(np.random.default_rng(seed))
        scenario.save(tmp_path / f"s{ending}")
        assert_equal(chapter.Scenario.load(str(tmp_path / f"s{ending}")), scenario)
    assert files.chapter_in(tmp_path / f"s{ending}") == chapter.__name__.rpartition(".")[2]


def test_a_file_of_another_chapter_is_refused(tmp_path):
    wireless_powered.Scenario.random(np.random.default_rng(0)).save(tmp_path / "s.npz")
    with pytest.raises(InvalidScenario, match=r"s\.npz: is of the chapter 'wireless_powered', not 'semi_isac'"):
        semi_isac.Scenario.load(tmp_path / "s.npz")
    files.save_allocation(tmp_path / "a.json", {"powers_w": [1.0]}, {"powers_w": array("M")}, chapter="wireless_powered")
    with pytest.raises(InvalidScenario, match="holds 'allocation', not 'scenario'"):
        wireless_powered.Scenario.load(tmp_path / "a.json")


def matlab(path, **values):
    """A file as MATLAB writes it: everything has two axes at least, trailing ones of length 1 are dropped."""

    def shaped(value):
        if isinstance(value, str | dict):
            return value
        value = np.atleast_2d(np.asarray(value))
        while value.ndim > 2 and value.shape[-1] == 1:
            value = value[..., 0]
        return value

    savemat(path, {name: shaped(value) for name, value in values.items()})
    return path


PLAIN = {"gain": [0.1, 0.2], "matrix": np.ones((2, 3))}


def test_what_matlab_makes_of_shapes_is_understood(tmp_path):
    path = matlab(tmp_path / "s.mat", **PLAIN, limit=np.inf, antennas=3, channel=np.full((3, 2, 1), 1j), kind="energy", cap_w=2.0)
    assert loadmat(path)["gain"].shape == (1, 2) and loadmat(path)["channel"].shape == (3, 2)
    found = Example.load(path)
    assert found.gain.shape == (2,) and found.channel.shape == (3, 2, 1) and found.kind == "energy"
    assert (found.limit, found.antennas, found.cap_w) == (math.inf, 3, 2.0)
    column = matlab(tmp_path / "s.mat", gain=np.array([[0.1], [0.2]]), matrix=np.ones((2, 3)), positions_m=[[1.0, 2.0]])
    assert Example.load(column).gain.shape == (2,) and Example.load(column).positions_m.shape == (1, 2)
    one = matlab(tmp_path / "s.mat", gain=0.1, matrix=[[1.0, 2.0]])
    assert Example.load(one).gain.shape == (1,)


@pytest.mark.parametrize("ending", FORMATS[::2])
def test_a_single_struct_is_unwrapped(tmp_path, ending):
    path = tmp_path / f"s{ending}"
    values = {"gain": [0.1, 0.2], "matrix": np.ones((2, 3)).tolist(), "kind": "energy"}
    path.write_text(json.dumps({"scenario": values})) if ending == ".json" else matlab(path, scenario=values)
    assert Example.load(path).kind == "energy"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"gain": [1 + 1j, 2]}, "gain", r"is complex .*abs\(h\)\*\*2"),
        ({"gain": [-80.0, -90.0]}, "gain", r"negative throughout .*decibels, 10\*\*\(x/10\)"),
        ({"gain": [1.0, -90.0]}, "gain", "must be positive, but is -90"),
        ({"gain": [1.0, np.nan]}, "gain", "must be finite"),
        ({"gain": np.zeros((0, 0))}, "gain", "is empty"),
        ({"gain": "0.1 0.2"}, "gain", "is the word '0.1 0.2'"),
        ({"gain": np.array([[0.1, "a"]], dtype=object)}, "gain", "is a cell array or an object"),
        ({"gain": np.ones((2, 2))}, "gain", r"has shape \(2, 2\)"),
        ({"gain": {"re": 1.0}}, "gain", "is a struct with the fields re"),
        ({"gain": np.array([[True, False]])}, "gain", "must be an array of real numbers"),
        ({"antennas": True}, "antennas", "must be one real number"),
        ({"positions_m": []}, "positions_m", r"is empty, shape \(0, 0\) .leave it out"),
        ({"channel": np.full((2, 2), np.nan + 1j)}, "channel", r"must be finite, but entry \(0, 0, 0\) is \(?nan[^(]*$"),
        ({"matrix": np.ones((3, 2))}, "matrix", r"has shape \(3, 2\)"),
        ({"positions_m": np.ones((4, 3))}, "positions_m", "a point has 2 coordinates here, drop the third"),
        ({"positions_m": np.ones((2, 5))}, "positions_m", "transpose it"),
        ({"positions_m": np.array([[1 + 1j, 2]])}, "positions_m", r"\[real\(x\), imag\(x\)\]"),
        ({"limit": np.ones((1, 2))}, "limit", "must be one real number"),
        ({"kind": "heat"}, "kind", "'heat' is not a known choice"),
        ({"kind": 3.0}, "kind", "is not a known choice"),
        ({"gian": 1.0}, "gian", r"is not a field of a scenario of Example"),
    ],
)
def test_what_people_send_is_refused_by_file_field_and_remedy(tmp_path, changes, field, words):
    path = tmp_path / "theirs.mat"
    savemat(path, {**PLAIN, **changes})
    with pytest.raises(InvalidScenario, match=rf"^{field}: in .*theirs\.mat: .*{words}") as caught:
        Example.load(path)
    assert caught.value.field == field


def test_missing_and_misspelt_fields(tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"gain": [1, 2]}')
    with pytest.raises(InvalidScenario, match=r"matrix: in .*s\.json: is missing .the file holds gain"):
        Example.load(path)
    path.write_text('{"gian": [1, 2], "matrix": [[1]]}')
    with pytest.raises(InvalidScenario, match=r"gian: .*did you mean gain\?"):
        Example.load(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("s.json", b"", "is empty"),
        ("s.json", b'{"gain": [1, 2', "is no JSON"),
        ("s.json", b"[1, 2]", "must hold names and values"),
        ("s.json", b'{"gain": 1, "gain": 2}', "holds gain more than once"),
        ("s.json", b"\xff\xfe\x00", "no text in UTF-8"),
        ("s.json", b"[" * 100_000, "is no JSON"),
        ("s.npz", b"not a zip", "is no .npz file"),
        ("s.npz", b"PK\x03\x04broken", "is damaged"),
        ("s.mat", b"MATLAB 5.0 MAT-file" + b" " * 109 + b"\x00\x01IMbroken", "damaged|cannot be read"),
        ("s.mat", b"nonsense" * 40, "damaged|cannot be read"),
        ("s.mat", b"# Created by Octave 7.3.0\n# name: gain\n", "save -v7 file.mat"),
        ("s.txt", b"1 2 3", "has none of the endings .json, .npz, .mat"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidScenario, match=rf"path: .*{name.replace('.', '[.]')}: .*({words})"):
        Example.load(tmp_path / name)


@pytest.mark.parametrize("ending", FORMATS)
def test_truncated_files_are_named_wherever_they_end(tmp_path, ending):
    path = tmp_path / f"s{ending}"
    example(channel=np.ones((3, 2, 4))).save(path)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 2, max(1, len(whole) // 40)):
        path.write_bytes(whole[:size])
        with pytest.raises(InvalidScenario):
            Example.load(path)


def test_files_that_are_not_there_or_hold_objects(tmp_path):
    with pytest.raises(InvalidScenario, match="there is no such file"):
        Example.load(tmp_path / "none.json")
    (tmp_path / "folder.json").mkdir()
    for call in (lambda: Example.load(tmp_path / "folder.json"), lambda: example().save(tmp_path / "folder.json")):
        with pytest.raises(InvalidScenario, match="is a folder"):
            call()
    with pytest.raises(InvalidScenario, match="there is no folder"):
        example().save(tmp_path / "absent" / "s.json")
    np.savez(tmp_path / "s.npz", gain=np.array([1, None], dtype=object))
    with pytest.raises(InvalidScenario, match="holds Python objects, which are not read"):
        Example.load(tmp_path / "s.npz")
    for path in (None, 3, "", b"s.json"):
        with pytest.raises(InvalidScenario, match="path: must name a file"):
            Example.load(path)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "s.npz"
    example().save(path)
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(InvalidScenario, match=r"path: .*s\.npz: cannot be written: disk full"):
        example(kind="energy").save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["s.npz"]


def test_a_matlab_7_3_file_names_its_extra_or_is_read(tmp_path):
    path = tmp_path / "s.mat"
    try:
        import h5py
    except ImportError:
        path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + b" " * 90)
        with pytest.raises(InvalidScenario, match=r"needs h5py .pip install 'isaclib\[mat73\]'"):
            Example.load(path)
        return
    scenario = example(channel=np.arange(6).reshape(3, 2, 1) * (1 + 2j), kind="energy")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in {"gain": scenario.gain[None], "matrix": scenario.matrix, "limit": [[np.inf]]}.items():
            file.create_dataset(name, data=np.asarray(value).T).attrs["MATLAB_class"] = np.bytes_("double")
        parts = np.empty((2, 3), [("real", float), ("imag", float)])  # (3, 2) as MATLAB keeps it, transposed
        parts["real"], parts["imag"] = scenario.channel[..., 0].real.T, scenario.channel[..., 0].imag.T
        file.create_dataset("channel", data=parts).attrs["MATLAB_class"] = np.bytes_("double")
        word = file.create_dataset("kind", data=np.array([[ord(letter)] for letter in "energy"], np.uint16))
        word.attrs["MATLAB_class"] = np.bytes_("char")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    assert_equal(Example.load(path), scenario)
    whole = path.read_bytes()
    path.write_bytes(whole[:700])
    with pytest.raises(InvalidScenario, match="is damaged"):
        Example.load(path)
    for seed in range(300):
        rng, noisy = np.random.default_rng(seed), bytearray(whole)
        for place in rng.integers(512, len(whole), 8):
            noisy[place] = rng.integers(256)
        path.write_bytes(noisy)
        with contextlib.suppress(InvalidScenario):
            Example.load(path)


def test_an_hdf5_file_that_matlab_did_not_write_is_refused(tmp_path):
    """Its axes are as NumPy has them: read as MATLAB's, a square matrix would be transposed without a word."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "s.mat", "w") as file:
        for name, value in PLAIN.items():
            file[name] = np.asarray(value)
    with pytest.raises(InvalidScenario, match=r"path: .*s\.mat: .*gain has no MATLAB_class .write it in MATLAB with"):
        Example.load(tmp_path / "s.mat")


@pytest.mark.parametrize("ending", FORMATS[1:])
@pytest.mark.parametrize("nested", [False, True])
def test_a_field_that_was_none_and_is_given_now_has_its_value(tmp_path, ending, nested):
    path = tmp_path / f"s{ending}"
    example(offset=None).save(path)
    content = dict(np.load(path)) if ending == ".npz" else loadmat(path)
    content = {name: value for name, value in content.items() if not name.startswith("__")}
    assert "offset" not in content and "offset" in str(content[formats.NONE])
    if nested:
        path = tmp_path / "s.mat"
        savemat(path, {"scenario": content})
        assert Example.load(path).offset is None
    content["offset"] = 4.0
    savemat(path, {"scenario": content} if nested else content) if path.suffix == ".mat" else np.savez(path, **content)
    found = Example.load(path)
    assert found.offset == 4.0 and found.channel is None


def compressed(folder, name, value, *, logical=False, imag=None):
    """A matrix of doubles as MATLAB stores whole numbers up to 255: in bytes; ``logical`` as its true and false."""

    def element(kind, content):
        return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)

    flags = (0x09 if logical else 0x06) | 0x200 * logical | 0x800 * (imag is not None)
    parts = element(6, struct.pack("<II", flags, 0)) + element(5, struct.pack("<ii", 1, len(value)))
    parts += element(1, name.encode()) + element(2, bytes(value)) + (b"" if imag is None else element(2, bytes(imag)))
    savemat(folder / "c.mat", {other: each for other, each in PLAIN.items() if other != name})
    path = folder / "c.mat"
    path.write_bytes(path.read_bytes() + element(14, parts))
    return path


def test_what_matlab_stored_in_bytes_is_what_it_was(tmp_path):
    assert Example.load(compressed(tmp_path, "gain", [255, 1])).gain.tolist() == [255.0, 1.0]
    channel = Example.load(compressed(tmp_path, "channel", [255, 1], imag=[3, 127])).channel
    assert channel.tolist() == [[[255 + 3j], [1 + 127j]]]
    with pytest.raises(InvalidScenario, match=r"gain: .*must be an array of real numbers"):
        Example.load(compressed(tmp_path, "gain", [1, 1], logical=True))


@pytest.mark.parametrize(
    ("real", "imag"),
    [
        ([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], [[1, 2], [3, 4]]),
        ([[["1"], ["2"]]], [[[0], [0]]]),
        ([[[True], [False]]], [[[0], [0]]]),
        ([[[1], [2, 3]]], 0),
        (None, 0),
    ],
)
def test_parts_of_complex_numbers_that_do_not_fit_are_refused(tmp_path, real, imag):
    path = tmp_path / "s.json"
    plain = {name: np.asarray(value).tolist() for name, value in PLAIN.items()}
    path.write_text(json.dumps(plain | {"channel": {"real": real, "imag": imag}}))
    with pytest.raises(InvalidScenario, match=r"channel: in .*: has parts real and imag that do not fit .give arrays"):
        Example.load(path)
    path.write_text(json.dumps(plain | {"channel": {"real": [[[1], [2.5]]], "imag": 3}}))
    assert Example.load(path).channel.tolist() == [[[1 + 3j], [2.5 + 3j]]]


@pytest.mark.parametrize("name", ["a\0.json", "x" * 300 + ".npz", "file.json/s.mat"])
def test_paths_that_the_system_refuses_are_named(tmp_path, name):
    (tmp_path / "file.json").write_text("{}")
    for call in (example().save, Example.load):
        with pytest.raises(InvalidScenario, match=r"path: .*: (cannot be (written|read): |there is no )"):
            call(tmp_path / name)
    with pytest.raises(InvalidScenario, match="cannot be made a folder"):
        formats.make_folder(tmp_path / "file.json")
    with pytest.raises(InvalidScenario, match="cannot be written"):
        example().save("/proc/x.json")
    example().save(tmp_path / ("x" * 248 + ".json"))


def test_a_file_keeps_its_mode_and_a_link_what_it_leads_to(tmp_path):
    path, link = tmp_path / "s.json", tmp_path / "link.json"
    before = os.umask(0o027)
    try:
        example().save(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o600)
    link.symlink_to(path.name)
    example(kind="energy").save(link)
    assert link.is_symlink() and Example.load(path).kind == "energy" and path.stat().st_mode & 0o777 == 0o600


def test_an_archive_that_cannot_be_opened_is_named(tmp_path):
    path = tmp_path / "s.npz"
    np.savez(path, **PLAIN)
    whole = bytearray(path.read_bytes())
    for start, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(start) + flag] |= 1  # encrypted
    path.write_bytes(whole)
    with pytest.raises(InvalidScenario, match=r"path: .*s\.npz: is damaged .*password"):
        Example.load(path)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,)}"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("gain.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(InvalidScenario, match=r"path: .*s\.npz: asks for more memory than there is"):
        Example.load(path)


FIELDS = {"powers_w": array("M"), "charging_time_s": number(), "beams": array("K", "M", dtype=complex, optional=True)}


@pytest.mark.parametrize("ending", FORMATS)
def test_allocations_come_back_to_the_bit_and_may_break_limits(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    given = {"powers_w": np.array([-1.0, 1 / 3]), "charging_time_s": 2.5, "beams": np.array([[1 + 1j, 2e-300]])}
    files.save_allocation(path, given, FIELDS, chapter="wireless_powered", about="by hand")
    found = files.load_allocation(path, FIELDS, chapter="wireless_powered")
    assert found["charging_time_s"] == 2.5
    for name in ("powers_w", "beams"):
        assert found[name].tobytes() == given[name].tobytes() and found[name].shape == given[name].shape
    with pytest.raises(InvalidScenario, match="is of the chapter 'wireless_powered'"):
        files.load_allocation(path, FIELDS, chapter="semi_isac")
    with pytest.raises(InvalidScenario, match="charging_time_s: is missing"):
        files.save_allocation(path, {"powers_w": [1.0]}, FIELDS)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    "powers",
    [
        np.ma.array([1.0, 2.0], mask=[False, True]),
        [1.0, np.ma.masked],
        np.array([True, False]),
        np.array(["2020-01-01", "2020-01-02"], "M8[D]"),
        np.array(["1", "2"]),
        np.array([1.0, object()], object),
        {1.0, 2.0},
        b"12",
        [[1.0], [1.0, 2.0]],
        [1.0, np.nan],
        endless := [1.0],
    ],
)
def test_what_is_no_allocation_is_not_written(tmp_path, ending, powers):
    endless[1:] = [endless]
    with pytest.raises(InvalidScenario, match=r"^powers_w: "):
        files.save_allocation(tmp_path / f"a{ending}", {"powers_w": powers, "charging_time_s": 1.0}, FIELDS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", FORMATS)
def test_an_allocation_of_longer_numbers_is_written_in_double_precision(tmp_path, ending):
    given = {"powers_w": np.array([1, 2], np.longdouble), "charging_time_s": np.longdouble(3)}
    files.save_allocation(tmp_path / f"a{ending}", given, FIELDS)
    assert files.load_allocation(tmp_path / f"a{ending}", FIELDS)["powers_w"].tolist() == [1.0, 2.0]


def test_sizes_that_differ_are_left_to_the_scenario_that_knows_them(tmp_path):
    """Held against each other, the second field would be blamed for the size of the first."""
    path, fields = tmp_path / "a.json", FIELDS | {"times_s": array("M")}
    path.write_text(json.dumps({"powers_w": [1, 2, 3], "times_s": [1] * 10, "charging_time_s": 1}))
    found = files.load_allocation(path, fields)
    assert (found["powers_w"].size, found["times_s"].size) == (3, 10)
    scenario = wireless_powered.Scenario.random(np.random.default_rng(0))
    with pytest.raises(InvalidScenario, match=r"^powers_w: has shape \(3,\)"):
        wireless_powered.score(scenario, **{name: value for name, value in found.items() if name != "beams"})


def test_allocations_from_matlab(tmp_path):
    path = matlab(tmp_path / "a.mat", powers_w=[[1.0, 2.0]], charging_time_s=3.0)
    found = files.load_allocation(path, FIELDS)
    assert found["powers_w"].shape == (2,) and found["beams"] is None
    with pytest.raises(InvalidScenario, match=r"powers_w: in .*a\.mat: must be finite"):
        files.load_allocation(matlab(path, powers_w=[[1.0, np.nan]], charging_time_s=3.0), FIELDS)
    with pytest.raises(InvalidScenario, match=r"times_s: in .*a\.mat: is not a field of an allocation"):
        files.load_allocation(matlab(path, powers_w=[[1.0]], charging_time_s=3.0, times_s=1.0), FIELDS)
