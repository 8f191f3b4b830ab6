"""The benchmark set: made again bit for bit, certified, with sums that fit the files and baselines that a score confirms."""

import hashlib
import json

import numpy as np
import pytest

from isaclib import InvalidScenario, command_line, instances
from isaclib.foundations import files

CHAPTERS = ("wireless_powered", "network_localization", "semi_isac", "ofdm_ranging")
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
    assert sorted(sums) == ["000.json", "001.json", "baselines.json"]
    for name, digest in sums.items():
        assert hashlib.sha256((root / "tight" / name).read_bytes()).hexdigest() == digest
    interface = command_line.interface("wireless_powered")
    rows = json.loads((root / "tight" / "baselines.json").read_text())
    scenario = files.load_scenario(root / "tight" / "001.json", interface.scenario)
    best = interface.solve(scenario)
    assert rows["001"]["exact"]["value"] == pytest.approx(best.certificate.value, rel=1e-12)
    worse = interface.solve(scenario, "equal_time")
    score = interface.judge(scenario, {name: getattr(worse, name) for name in interface.allocation})
    assert rows["001"]["equal_time"] == {"value": score.value, "gap": score.gap, "feasible": True}
    assert set(rows["001"]) == set(interface.solvers)
    capsys.readouterr()
    assert command_line.main(["solve", "wireless_powered", str(root / "tight")]) == 0
    assert "2 of 2 done" in capsys.readouterr().out
    before = {path.name: path.read_bytes() for path in (root / "tight").iterdir()}
    instances.write(interface, tmp_path, families=["tight"], count=2)
    assert {path.name: path.read_bytes() for path in (root / "tight").iterdir()} == before


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
