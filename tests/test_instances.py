"""The benchmark set: made again bit for bit, certified, with sums that fit the files and baselines that a score confirms."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from compendium.site import board_entries
from isaclib import InfeasibleScenario, InvalidScenario, SolverFailure, command_line, instances

CHAPTERS = [chapter for chapter in instances.CHAPTERS if chapter != "near_field"]  # seconds an instance
FAMILIES = [(chapter, family) for chapter in CHAPTERS for family in command_line.interface(chapter).families]


@pytest.mark.parametrize(("chapter", "family"), FAMILIES)
def test_every_family_gives_certified_instances(chapter, family):
    interface = command_line.interface(chapter)
    scenario, best = instances.draw(interface, family, 3)
    assert best.certificate.status == "optimal" and best.certificate.gap <= 1e-5
    again, _ = instances.draw(interface, family, 3)
    other, _ = instances.draw(interface, family, 4)
    field = next(name for name, value in vars(scenario).items() if isinstance(value, np.ndarray) and "gain" in name)
    np.testing.assert_array_equal(getattr(scenario, field), getattr(again, field))
    assert not np.array_equal(getattr(scenario, field), getattr(other, field))


def test_a_set_is_written_with_sums_and_baselines_and_can_be_solved_and_scored(tmp_path, capsys):
    words = ["instances", "wireless_powered", "--count", "2", "-o", str(tmp_path)]
    assert command_line.main([*words, "--family", "tight"]) == 0
    root = tmp_path / "wireless_powered"
    manifest = json.loads((root / "manifest.json").read_text())
    assert manifest["seed"] == instances.SEED and set(manifest["families"]) == {"tight"} and "numpy" in manifest["versions"]
    sums = manifest["families"]["tight"]["sha256"]
    assert sorted(sums) == ["000.json", "001.json", "baselines.json", "optima/000.json", "optima/001.json"]
    assert manifest["families"]["tight"]["count"] == 2 and manifest["families"]["tight"]["drawn_again"]["unproven"] == 0
    for name, digest in sums.items():
        assert hashlib.sha256((root / "tight" / name).read_bytes()).hexdigest() == digest
    interface = command_line.interface("wireless_powered")
    rows = json.loads((root / "tight" / "baselines.json").read_text())
    scenario = interface.load(root / "tight" / "001.json")
    best = interface.solve(scenario)
    assert rows["001"]["exact"]["value"] == pytest.approx(best.certificate.value, rel=1e-12)
    worse = interface.solve(scenario, "equal_time")
    score = interface.judge(scenario, interface.fields(worse))
    assert rows["001"]["equal_time"] == {"value": score.value, "gap": score.gap, "feasible": True, "violations": {}}
    assert instances.optimum(rows["001"]) == replace(best.certificate, iterations=0, seconds=0.0)
    assert set(rows["001"]) == set(interface.solvers)
    capsys.readouterr()
    assert command_line.main(["solve", "wireless_powered", str(root / "tight")]) == 0
    assert "2 of 2 done" in capsys.readouterr().out
    assert command_line.main(["score", "wireless_powered", str(root / "tight"), str(root / "tight" / "optima"), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["feasible"], abs(row["gap"]) < 1e-9) for row in scores] == [(True, True)] * 2
    before = {name: (root / "tight" / name).read_bytes() for name in sums}
    instances.write(interface, tmp_path, families=["tight"], count=2, jobs=2)
    assert {name: (root / "tight" / name).read_bytes() for name in sums} == before
    assert json.loads((root / "manifest.json").read_text()) == manifest
    seconds = json.loads((root / "tight" / "seconds.json").read_text())
    assert all(second > 0 for row in seconds.values() for second in row.values())


def test_a_set_can_be_made_in_parts(tmp_path, capsys):
    words = ["instances", "semi_isac", "-o", str(tmp_path)]
    assert command_line.main([*words, "--family", "tight", "--count", "3"]) == 0
    first = json.loads((tmp_path / "semi_isac/manifest.json").read_text())
    assert command_line.main([*words, "--family", "paper", "--count", "1", "--seed", str(2**53 + 1)]) == 2, "it would be rounded"
    capsys.readouterr()
    large = 2**53 - 1
    assert command_line.main([*words, "--family", "paper", "--count", "1", "--seed", str(large)]) == 0
    assert "tight" not in capsys.readouterr().out
    manifest = json.loads((tmp_path / "semi_isac/manifest.json").read_text())
    assert list(manifest["families"]) == ["paper", "tight"] and manifest["seed"] == large
    kept = manifest["families"]["tight"]
    assert kept == {"seed": instances.SEED} | first["families"]["tight"] and "seed" not in manifest["families"]["paper"]
    chapter = command_line.interface("semi_isac")
    made = chapter.load(tmp_path / "semi_isac/paper/000.json")
    assert made.radar_gain.tolist() == instances.draw(chapter, "paper", 0, seed=large)[0].radar_gain.tolist()
    assert [family.seed for family in board_entries.families(tmp_path, "semi_isac")] == [large, instances.SEED]
    folder = tmp_path / "semi_isac/tight"
    (folder / "notes.json").write_text("{}")
    assert instances.write(chapter, tmp_path, families=["tight"], count=2)["families"]["tight"]["count"] == 2
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.json"))
    assert names == ["000.json", "001.json", "baselines.json", "notes.json", "optima/000.json", "optima/001.json", "seconds.json"]
    (tmp_path / "semi_isac/manifest.json").write_text("{")
    with pytest.raises(InvalidScenario, match=r"manifest\.json: is no JSON"):
        instances.write(chapter, tmp_path, families=["tight"], count=1)
    assert (folder / "001.json").exists(), "nothing is made before"


@pytest.mark.parametrize("family", ["paper", "large", "efficiency"])
def test_instances_made_together_are_those_made_alone(tmp_path, family):
    """Scenarios and what was thrown away to the bit, optima and schemes to rounding."""
    interface = command_line.interface("semi_isac")
    assert set(interface.together) == {"exact", "equal_power", "equal_spectrum"}
    alone, rows = replace(interface, together={}), []
    for name, each in (("a", interface), ("b", alone)):
        manifest = instances.write(each, tmp_path / name, families=[family], count=3)["families"][family]
        read = json.loads((tmp_path / name / "semi_isac" / family / "baselines.json").read_text())
        rows.append((manifest["drawn_again"], {k: v for k, v in manifest["sha256"].items() if k[0] == "0"}, read))
    assert rows[0][:2] == rows[1][:2] and len(rows[0][1]) == 3
    for stem, row in rows[0][2].items():
        assert row["exact"]["status"] == "optimal" and row["exact"]["gap"] <= 1e-6
        other = rows[1][2][stem]
        for method, found in row.items():
            assert found.get("failed") == other[method].get("failed") and found.get("feasible") == other[method].get("feasible")
            assert found.get("value", 0.0) == pytest.approx(other[method].get("value", 0.0), rel=1e-12)
    floors = interface.scenario.random(np.random.default_rng(0), min_rate_bps=1e12)
    (found, _), *_ = interface.solve_each([floors])
    assert isinstance(found, InfeasibleScenario)


def test_what_is_no_family_or_count_is_refused(tmp_path):
    interface = command_line.interface("wireless_powered")
    for call, field in (
        (lambda: instances.write(interface, tmp_path, families=["easy"]), "family"),
        (lambda: instances.write(interface, tmp_path, count=0), "count"),
        (lambda: instances.write(interface, tmp_path, families=[]), "families"),
        (lambda: instances.draw(interface, "tight", -1), "number"),
        (lambda: instances.draw(interface, "tight", 0, seed=1.5), "seed"),
    ):
        with pytest.raises(InvalidScenario) as caught:
            call()
        assert caught.value.field == field


def test_the_hard_families_are_hard_for_the_paper_or_its_schemes():
    """What makes each family hard, on its first instances: the paper's algorithm stops early or fails, or its schemes lag."""

    def rows(chapter, numbers=range(3)):
        interface = command_line.interface(chapter)
        options = interface.families["hard"].options
        return [instances.baselines(interface, *instances.draw(interface, "hard", i), options) for i in numbers]

    def gaps(found, method):
        return [row[method].get("gap", np.inf) for row in found]

    powered, network, semi = rows("wireless_powered", range(2)), rows("network_localization"), rows("semi_isac", range(2))
    assert min(gaps(powered, "equal_time")) > 0.2 and min(gaps(powered, "max_power")) > 0.9
    assert max(gaps(network, "paper")) > 1e-6, "it stops while the value still rises"
    assert all("CLARABEL" in row["paper"]["failed"] for row in semi), "one program over many decades"
    assert min(gaps(rows("ofdm_ranging", range(1)), "paper")) > 0.01


def test_what_cannot_be_proven_is_drawn_again_and_a_scheme_that_fails_is_shown_as_failed():
    interface = command_line.interface("wireless_powered")
    answers = iter(["unproven", "infeasible", "unproven"])

    def moody(scenario):
        answer = next(answers, "solved")
        if answer == "unproven":
            raise SolverFailure("moody", "tired")
        if answer == "infeasible":
            raise InfeasibleScenario("crb_limit_m2")
        return interface.solvers["exact"](scenario)

    def failing(scenario):
        raise SolverFailure("failing", "no answer")

    changed = replace(interface, solvers=interface.solvers | {"exact": moody, "equal_time": failing})
    drawn = instances._drawn(changed, "paper", 0, 1)
    assert (drawn.infeasible, drawn.unproven) == (1, 2) and drawn.best.certificate.status == "optimal"
    row = instances.baselines(changed, drawn.scenario, drawn.best, {})
    assert row["equal_time"] == {"failed": "failing stopped with status 'no answer'"} and row["paper"]["feasible"]
