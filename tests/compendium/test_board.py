"""The board: entries judged anew from their allocations, shown as what they are; the set kept until what made it changes."""

import csv
import json
import math
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_project import ROOT, edit

from compendium.runs.digest import sha
from compendium.site import board, board_entries, board_figure, optima, pages
from isaclib import instances, network_localization
from isaclib.network_localization.benchmarks import feasible_start

CHAPTER, FAMILY = "network_localization", "paper"
COUNT = 4


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> Path:
    """The families of one chapter, four instances each."""
    folder = tmp_path_factory.mktemp("sets")
    instances.write(instances.interface(CHAPTER), folder, count=COUNT)
    return folder


@pytest.fixture
def one_chapter(monkeypatch, request):
    """One chapter only, and its figure in one test only: it takes seconds."""
    monkeypatch.setattr(instances, "CHAPTERS", (CHAPTER,))
    if request.function is not test_an_entry_is_shown_as_what_it_is:
        monkeypatch.setattr(board, "profiles", lambda gaps, path: None)


def optimum(sets, stem) -> np.ndarray:
    scenario = network_localization.Scenario.load(sets / CHAPTER / FAMILY / f"{stem}.json")
    return network_localization.solve_exact(scenario).powers_w


@pytest.fixture
def project(tmp_path, sets) -> Path:
    """A checkout with one entry: the optimum, a violated cap, a file that is none, and a missing instance."""
    entry = tmp_path / "board" / "mixed"
    (entry / CHAPTER / FAMILY).mkdir(parents=True)
    (entry / "description.yml").write_text(
        "title: mixed\nby: a test\nabout: right, wrong, torn and missing\nmachine: abacus\n"
        "seconds: {network_localization: {paper: 7}}\n"
    )
    for stem, factor in (("000", 1.0), ("001", 2.0)):
        powers = {"powers_w": (factor * optimum(sets, stem)).tolist()}
        (entry / CHAPTER / FAMILY / f"{stem}.json").write_text(json.dumps(powers))
    (entry / CHAPTER / FAMILY / "002.npz").write_text("torn")
    templates = tmp_path / "book" / "_templates"
    templates.mkdir(parents=True)
    (templates / "board.md.j2").write_text((ROOT / "book" / "_templates" / "board.md.j2").read_text())
    return tmp_path


def made(project, sets):
    stage = project / "stage"
    fields = board.board(project, sets, stage, {CHAPTER: "Network"})
    return stage, fields, pages.render(project, "board", fields)


def rows_of(fields, family):
    (chapter,) = fields["chapters"]
    (found,) = [one for one in chapter["families"] if one["name"] == family]
    return {row["entry"]: row for row in found["rows"]}


def test_an_entry_is_shown_as_what_it_is(project, sets, one_chapter):
    stage, fields, text = made(project, sets)
    row = rows_of(fields, FAMILY)["mixed"]
    assert fields["chapters"][0]["panels"] == "4 panels, one for each family of instances" and ":alt: 4 panels, one" in text
    assert row["rank"] == "" and row["feasible"] == "1 of 4" and row["worst"] == "0 %"
    assert "1 break a limit, e.g. `max_power_w by 1" in row["wrong"] and "1 missing" in row["wrong"]
    assert "1 refused, e.g. `path: 002.npz: is no .npz file" in row["wrong"] and str(project) not in text
    assert row["seconds"] == "7 (its author's, abacus)"
    with (stage / "generated" / "isac_board.csv").open() as file:
        listed = {(one["family"], one["entry"], one["instance"]): one for one in csv.DictReader(file)}
    assert [listed[FAMILY, "mixed", f"00{i}"]["state"] for i in range(4)] == ["feasible", "violated", "refused", "missing"]
    assert all(entry != "mixed" for family, entry, _ in listed if family != FAMILY), "it took part in one family only"
    assert "**mixed** (`board/mixed/`, a test)." in text and text.count("### Network, ") == 4
    assert not re.search(r"\bnan\b|\binf\b", text)
    assert (stage / "figures" / "board" / f"{CHAPTER}.svg").stat().st_size > 1000


WORN = {
    "wrong shape": {"powers_w": [1.0, 1.0]},
    "not a number": {"powers_w": [math.nan] * 3},
    "complex": None,
    "beyond all caps": {"powers_w": [1e308] * 3},
}


def hostile(project, name, title, files, manifest=None):
    """An entry of the family with these allocations, in the order of the instances."""
    folder = project / "board" / name / CHAPTER / FAMILY
    folder.mkdir(parents=True)
    (project / "board" / name / "description.yml").write_text(f"title: {json.dumps(title)}\nby: a|b\nabout: sent by somebody\n")
    for path, content in files.items():
        (folder / path).write_text(content if isinstance(content, str) else json.dumps(content))
    if manifest is not None:
        (folder.parent / "manifest.json").write_text(manifest)
    return folder


def test_what_somebody_sends_is_shown_and_stops_nothing(project, sets, one_chapter):
    folder = hostile(
        project, "worn", "$a_b|c$ *d*", {f"00{i}.json": content for i, content in enumerate(WORN.values()) if content}
    )
    np.savez(folder / "002.npz", powers_w=np.ones(3) * 1j)
    stage, fields, text = made(project, sets)
    row = rows_of(fields, FAMILY)[r"\$a\_b\|c\$ \*d\*"]
    assert row["rank"] == row["median"] == "" and row["feasible"] == "0 of 4"
    assert row["wrong"].startswith(
        "1 break a limit, e.g. `max_power_w by a factor of 1e+308`; 3 refused, e.g. `powers_w: has shape "
    )
    with (stage / "generated" / "isac_board.csv").open() as file:
        reasons = [one["reason"] for one in csv.DictReader(file) if one["entry"] == "worn"]
    for reason, says in zip(reasons, ("shape (2,)", "must be finite", "is complex", "max_power_w"), strict=True):
        assert says in reason
    assert not re.search(r"\bnan\b|\binf\b", text) and r"a\|b" in text


def test_allocations_for_another_seed_are_known_by_their_manifest(project, sets, one_chapter, tmp_path):
    """Powers for another seed's instances would be judged on ours, where they may even be feasible."""
    other = tmp_path / "other"
    instances.write(instances.interface(CHAPTER), other, families=[FAMILY], count=COUNT, seed=7)
    best = [{"powers_w": optimum(other, f"00{i}").tolist()} for i in range(COUNT)]
    files = {f"00{i}.json": content for i, content in enumerate(best)}
    hostile(project, "seven", "another seed", files, (other / CHAPTER / "manifest.json").read_text())
    own = {f"00{i}.json": {"powers_w": optimum(sets, f"00{i}").tolist()} for i in range(COUNT)}
    hostile(project, "ours", "mixed", own, (sets / CHAPTER / "manifest.json").read_text())
    hostile(project, "torn", "torn manifest", own, "[1, 2")
    hostile(project, "misnamed", "the paper's algorithm", {f"{i}.json": content for i, content in enumerate(best)})
    _, fields, _ = made(project, sets)
    rows = rows_of(fields, FAMILY)
    assert rows["another seed"]["wrong"] == "4 refused, e.g. `solves another instance than that of seed 2026, by its manifest`"
    assert rows["mixed (ours)"]["rank"] == 1 and rows["mixed (ours)"]["feasible"] == "4 of 4"
    assert rows["torn manifest"]["wrong"] == "4 refused, e.g. `manifest.json is no manifest of instances`"
    missing = "4 missing, e.g. `4 files have the name of no instance, e.g. 0.json`"
    assert rows["the paper's algorithm (misnamed)"]["wrong"] == missing and rows["the paper's algorithm"]["rank"] == 1


def test_a_whole_entry_is_ranked_by_its_gaps(project, sets, one_chapter):
    """Half-way between the best powers and the paper's start: feasible everywhere (limits are linear in powers), and not best."""
    folder = project / "board" / "mixed" / CHAPTER / FAMILY
    (folder / "002.npz").unlink()
    gaps = []
    for i in range(COUNT):
        scenario = network_localization.Scenario.load(sets / CHAPTER / FAMILY / f"00{i}.json")
        powers = 0.5 * (optimum(sets, f"00{i}") + feasible_start(scenario))
        (folder / f"00{i}.json").write_text(json.dumps({"powers_w": powers.tolist()}))
        gaps.append(network_localization.score(scenario, powers).gap)
    _, fields, _ = made(project, sets)
    rows = rows_of(fields, FAMILY)
    assert all(math.isfinite(gap) for gap in gaps)
    assert rows["mixed"]["rank"] == 2 and rows["the paper's algorithm"]["rank"] == 1
    median, worst = (board._percent(float(gap)) for gap in (np.median(gaps), max(gaps)))
    assert (rows["mixed"]["median"], rows["mixed"]["worst"]) == (median, worst)
    assert rows["the paper's algorithm"]["seconds"].endswith("(here)")
    ranks = [row["rank"] for row in rows.values()]
    assert ranks == sorted(ranks, key=lambda rank: (rank == "", rank)), "whoever is not feasible everywhere has no rank"
    before = json.dumps(fields)
    assert json.dumps(made(project, sets)[1]) == before


def test_ties_share_a_rank_and_a_scheme_that_fails_says_so():
    family = board.FamilySet("c", "f", "about", {}, Path("none"), {"0": {"exact": {"gap": 1e-9}}}, {})
    results = [
        (board.Entry("a", "a"), {"0": board.Outcome("feasible", 0.2)}),
        (board.Entry("b", "b"), {"0": board.Outcome("feasible", 1e-9)}),
        (board.Entry("c", "c"), {"0": board.Outcome("failed", reason="no | answer `x`")}),
        (board.Entry("d", "d"), {"0": board.Outcome("feasible", -1e-9)}),
    ]
    found = [(row["entry"], row["rank"], row["wrong"]) for row in board._family(family, results)["rows"]]
    assert found == [("d", 1, ""), ("b", 1, ""), ("a", 3, ""), ("c", "", "1 failed, e.g. `no / answer 'x'`")]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda entry: (entry / "description.yml").unlink(), "mixed: has no description.yml"),
        (lambda entry: (entry / "description.yml").write_text("title: ["), "is no YAML"),
        (lambda entry: (entry / "description.yml").write_text("title: x"), "must hold title, by, about"),
        (lambda entry: edit(entry / "description.yml", "machine", "computer"), "nothing else"),
        (lambda entry: edit(entry / "description.yml", "by: a test", "by: 3"), "by must be a text"),
        (lambda entry: edit(entry / "description.yml", "by: a test", "by: ' '"), "by must be a text"),
        (lambda entry: edit(entry / "description.yml", "by: a test", "by: a test\ntitle: other"), "title is given twice"),
        (lambda entry: edit(entry / "description.yml", "by: a test", f"by: {'[' * 3000}"), "lists in lists without end"),
        (lambda entry: [(entry / "description.yml").unlink(), (entry / "description.yml").mkdir()], "Is a directory"),
        (lambda entry: edit(entry / "description.yml", ": 7}", ": 1:30}"), "seconds must be numbers"),
        (lambda entry: edit(entry / "description.yml", ": 7}", ": .nan}"), "seconds must be numbers"),
        (lambda entry: edit(entry / "description.yml", "7", "fast"), "seconds must be numbers"),
        (lambda entry: edit(entry / "description.yml", "7", "-1"), "seconds must be numbers"),
        (lambda entry: edit(entry / "description.yml", "7", "true"), "seconds must be numbers"),
        (lambda entry: edit(entry / "description.yml", "{network_localization: {paper: 7}}", "7"), "seconds must be numbers"),
        (lambda entry: edit(entry / "description.yml", "{paper", "{papre"), "seconds must be numbers"),
        (lambda entry: (entry / "powers.json").write_text("{}"), "stands where no file of an entry belongs"),
        (lambda entry: (entry / "near_feild").mkdir(), "is no chapter (network_localization)"),
        (lambda entry: (entry / CHAPTER / "easy").mkdir(), "is no family of network_localization (paper, tight, large, hard)"),
    ],
)
def test_an_entry_that_is_none_is_named(project, sets, one_chapter, change, says):
    change(project / "board" / "mixed")
    with pytest.raises(board_entries.BoardError) as caught:
        made(project, sets)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("written", "seconds"), [("010", 10), ("1e-3", 1e-3), ("0.5", 0.5), ("1_000", 1000)])
def test_seconds_are_read_as_in_a_set(project, sets, one_chapter, written, seconds):
    edit(project / "board" / "mixed" / "description.yml", ": 7}", f": {written}}}")
    (entry,) = board_entries.entries(project / "board", board_entries.families(sets, CHAPTER))
    assert entry.seconds == {CHAPTER: {"paper": seconds}}


def test_an_ending_in_capitals_is_one(project, sets, one_chapter):
    folder = project / "board" / "mixed" / CHAPTER / FAMILY
    (folder / "000.json").rename(folder / "000.JSON")
    (folder / ".hidden").write_text("")
    found = rows_of(made(project, sets)[1], FAMILY)["mixed"]
    assert found["feasible"] == "1 of 4" and "1 missing" in found["wrong"] and "have the name" not in found["wrong"]


def test_the_archive_is_equal_for_equal_content_and_holds_what_the_manifest_says(project, sets, one_chapter):
    stage, _, _ = made(project, sets)
    path = stage / "generated" / "isac_instances.zip"
    first = path.read_bytes()
    made(project, sets)
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as packed:
        manifest = json.loads(packed.read(f"isac_instances/{CHAPTER}/manifest.json"))
        for family, own in manifest["families"].items():
            for name, digest in own["sha256"].items():
                assert sha(packed.read(f"isac_instances/{CHAPTER}/{family}/{name}")) == digest


def test_the_set_is_kept_until_what_made_it_changes(tmp_path, monkeypatch, one_chapter):
    said = []
    folder = optima.make(tmp_path, "quick", 1, said.append)
    assert len(said) == 2 and (folder / CHAPTER / FAMILY / "000.json").exists() and not list(folder.glob(".*"))
    stamp = folder / CHAPTER / optima.STAMP
    first = stamp.stat().st_mtime_ns
    optima.make(tmp_path, "quick", 1, said.append)
    assert len(said) == 2 and stamp.stat().st_mtime_ns == first
    (tmp_path / "requirements.lock").write_text("numpy==1\n")
    optima.make(tmp_path, "quick", 1, said.append)
    assert len(said) == 4 and stamp.stat().st_mtime_ns > first
    modules = json.loads(stamp.read_text())["modules"]
    assert f"isaclib.{CHAPTER}.exact" in modules and "isaclib.foundations.score" in modules
    assert not any(name.startswith(("compendium", "isaclib.near_field")) for name in modules), "the printer makes no optimum due"


def test_gaps_as_people_read_them():
    found = [board._percent(gap) for gap in (0.0, -1e-9, 1.2345e-5, 0.0123, 0.456, 0.9996, 1.0)]
    assert found == ["0 %", "0 %", "0.0012 %", "1.2 %", "45.6 %", "100 %", "100 %"]


def test_a_profile_by_hand(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(board_figure.plotting, "save_svg", lambda figure, path: drawn.append(figure))
    families = {"paper": {"half": np.array([0.5, np.inf, -1e-12, 0.01]), "none": np.full(3, np.nan), "all": np.zeros(3)}}
    board_figure.profiles(families, tmp_path / "profile.svg")
    half, none, whole = (line.get_xydata() for line in drawn[0].axes[0].lines)

    def within(line, percent):
        return line[line[:, 0] <= percent, 1].max(initial=0.0)

    assert [within(half, gap) for gap in (1e-4, 0.9, 1.1, 49.0, 51.0, 100.0)] == [25.0, 25.0, 50.0, 50.0, 75.0, 75.0]
    assert within(none, 100.0) == 0.0
    assert whole[-1, 0] > 100.0 and whole[-1, 1] == 100.0, "a curve goes on to the right end, or the best one is not seen"


@pytest.mark.parametrize("count", [1, 4, 5])
def test_every_family_has_a_panel(tmp_path, monkeypatch, count):
    drawn = []
    monkeypatch.setattr(board_figure.plotting, "save_svg", lambda figure, path: drawn.append(figure))
    board_figure.profiles({f"f{i}": {"a $b$ $": np.array([0.1, np.inf])} for i in range(count)}, tmp_path / "x.svg")
    shown = [axes for axes in drawn[0].axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == [f"f{i}" for i in range(count)]
    assert [bool(axes.get_xlabel()) and axes.xaxis.label.get_visible() for axes in shown] == [
        i >= count - 2 for i in range(count)
    ]
    if count == 1:  # its title is no formula
        drawn[0].savefig(tmp_path / "x.png")


def test_the_entries_of_this_checkout_are_whole():
    families = {chapter: instances.interface(chapter).families for chapter in instances.CHAPTERS}
    sets = [board.FamilySet(chapter, name, "", {}, ROOT, {}, {}) for chapter, own in families.items() for name in own]
    found = {entry.name: entry for entry in board.entries(ROOT / "board", sets)}
    assert set(found) == {"balanced_echoes", "half_power"}
    for entry in found.values():
        for chapter, own in entry.seconds.items():
            for family in own:
                stems = sorted(path.stem for path in (entry.folder / chapter / family).iterdir())
                assert stems == [f"{i:03d}" for i in range(families[chapter][family].count)]


def test_a_long_message_ends_with_a_word():
    assert board._quoted("short") == "`short`"
    told = board._quoted(
        "min_sensing_bps[1]: the limit is 5e+06, the best attainable value is 1.96821e+06; all floors grow by one factor"
    )
    assert told == "`min_sensing_bps[1]: the limit is 5e+06, the best attainable value is 1.96821e+06; all ...`"
    assert len(board._quoted("word " * 40)) <= 94
