"""The command line of the science: files and folders in, words or JSON out, and the exit code says which."""

import contextlib
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from isaclib import InvalidScenario, command_line, instances, near_field, ofdm_ranging, semi_isac, wireless_powered
from isaclib.foundations import files

POWERED = command_line.interface("wireless_powered")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scenarios").mkdir()
    for i, ending in enumerate((".json", ".npz", ".mat")):
        wireless_powered.Scenario.random(np.random.default_rng(i)).save(tmp_path / f"scenarios/s{i}{ending}")
    return tmp_path


def run(capsys, *words):
    code = command_line.main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_solved_scenario_scores_zero_gap(folder, capsys):
    scenario, allocation = folder / "scenarios/s0.json", folder / "a.mat"
    code, said, _ = run(capsys, "solve", "wireless_powered", scenario, "-o", allocation)
    assert code == 0 and "optimal" in said and "powers_w = [" in said
    code, said, _ = run(capsys, "score", "wireless_powered", scenario, allocation, "--json")
    found = json.loads(said)
    assert code == 0 and found["feasible"] and abs(found["gap"]) < 1e-9 and found["file"] == "s0.json"
    best = wireless_powered.solve_exact(wireless_powered.Scenario.load(scenario))
    assert found["value"] == pytest.approx(best.min_throughput_bit, rel=1e-12)
    code, said, _ = run(capsys, "score", "wireless_powered", scenario, allocation)
    assert code == 0 and said.startswith("Feasible, ")


@pytest.mark.parametrize("method", list(POWERED.solvers))
def test_every_method_writes_what_score_reads(folder, capsys, method):
    scenario, allocation = folder / "scenarios/s0.json", folder / "a.json"
    code, said, _ = run(capsys, "solve", "wireless_powered", scenario, "--method", method, "-o", allocation, "--json")
    solved = json.loads(said)
    code, said, _ = run(capsys, "score", "wireless_powered", scenario, allocation, "--json")
    scored = json.loads(said)
    assert code == 0
    assert scored["value"] == pytest.approx(solved["value"], rel=1e-9) and -1e-9 <= scored["gap"] < 1
    assert scored["gap"] == pytest.approx(1 - scored["value"] / scored["optimum"], abs=1e-12)


def test_folders_give_a_table_and_one_summary(folder, capsys):
    code, said, _ = run(capsys, "solve", "wireless_powered", folder / "scenarios", "-o", folder / "best")
    lines = said.splitlines()
    assert code == 0 and len(lines) == 5 and lines[-1].startswith("3 of 3 done; largest gap ")
    assert [line.split()[0] for line in lines[1:4]] == ["s0.json", "s1.npz", "s2.mat"]
    (folder / "best" / "s1.npz").unlink()
    code, said, _ = run(capsys, "score", "wireless_powered", folder / "scenarios", folder / "best")
    assert code == 2 and "has no allocation named s1" in said and "2 of 3 done, 1 refused or failed; 2 of 3 feasible" in said
    code, said, _ = run(capsys, "score", "wireless_powered", folder / "scenarios/s0.json", folder / "best", "--json")
    rows = json.loads(said)["rows"]
    assert code == 1 and rows[0]["feasible"] and not rows[1]["feasible"], "the other scenario's allocation breaks a limit"
    assert rows[1]["gap"] is None and max(rows[1]["violations"].values()) > 0


def test_the_scenario_is_never_written_over(folder, capsys):
    one, link = folder / "scenarios/s0.json", folder / "link.json"
    link.symlink_to(one)
    before = one.read_bytes()
    for scenario, output in ((one, one), (one, link), (one.parent, one.parent), (one.parent, f"{folder}/x/../scenarios")):
        (folder / "x").mkdir(exist_ok=True)
        code, said, error = run(capsys, "solve", "wireless_powered", scenario, "-o", output)
        assert code == 2 and not said and error.startswith("isaclib: output: ") and "is the scenario itself" in error
    assert one.read_bytes() == before


def test_what_the_system_refuses_is_one_line(folder, capsys):
    scenarios, here = folder / "scenarios", folder / "scenarios/s0.json"
    words = [
        ("solve", "wireless_powered", scenarios, "-o", here),
        ("solve", "wireless_powered", here, "-o", "/proc/x.json"),
        ("solve", "wireless_powered", here, "-o", folder / f"{'x' * 300}.json"),
        ("solve", "wireless_powered", "x" * 300 + ".json"),
        ("score", "wireless_powered", here, "x" * 300 + ".json"),
        ("instances", "wireless_powered", "--count", 1, "-o", here),
        ("instances", "wireless_powered", "--count", 1, "-o", "/proc"),
    ]
    for each in words:
        code, said, error = run(capsys, *each)
        assert code == 2 and not said and error.startswith("isaclib: ") and error.count("\n") == 1, each


def test_a_system_too_large_for_the_memory_is_one_line(tmp_path, capsys):
    scenario = near_field.Scenario.random(np.random.default_rng(0))
    scenario.save(tmp_path / "s.json")
    content = json.loads((tmp_path / "s.json").read_text())
    (tmp_path / "s.json").write_text(json.dumps(content | {"antennas": 10**15}))
    code, said, error = run(capsys, "solve", "near_field", tmp_path / "s.json")
    assert code == 2 and not said and error.count("\n") == 1 and "s.json: is too large for the memory here: Unable" in error


def test_what_an_operating_system_puts_beside_a_file_is_no_scenario(folder, capsys):
    (folder / "scenarios/._s0.json").write_bytes(b"\x00\x05\x16\x07")
    code, said, _ = run(capsys, "solve", "wireless_powered", folder / "scenarios")
    assert code == 0 and "3 of 3 done" in said


def test_an_infeasible_scenario_is_no_bad_input(folder, capsys):
    hard = folder / "scenarios/hard.json"
    wireless_powered.Scenario.random(np.random.default_rng(0), crb_limit_m2=1e-9).save(hard)
    code, said, _ = run(capsys, "solve", "wireless_powered", hard)
    assert code == 1 and said.startswith("crb_limit_m2")
    code, said, _ = run(capsys, "solve", "wireless_powered", folder / "scenarios", "--json")
    found = json.loads(said)
    assert code == 1 and found["summary"].startswith("3 of 4 done, 1 infeasible")


def test_options_of_a_chapter(tmp_path, capsys):
    ofdm_ranging.Scenario.random(np.random.default_rng(0), carriers=16).save(tmp_path / "o.json")
    limit = ("--peak-sidelobe-db", "-16")
    code, said, _ = run(capsys, "solve", "ofdm_ranging", tmp_path / "o.json", *limit, "-o", tmp_path / "a.json", "--json")
    limited = json.loads(said)["value"]
    assert code == 0 and limited < json.loads(run(capsys, "solve", "ofdm_ranging", tmp_path / "o.json", "--json")[1])["value"]
    code, said, _ = run(capsys, "score", "ofdm_ranging", tmp_path / "o.json", tmp_path / "a.json", *limit, "--json")
    assert code == 0 and abs(json.loads(said)["gap"]) < 1e-5
    for same in (("--peak-sidelobe-db", "-1.6e1"), ("--peak-sidelobe-db=-160E-1",), ("--peak", "-16.")):
        found = json.loads(run(capsys, "solve", "ofdm_ranging", tmp_path / "o.json", *same, "--json")[1])
        assert found["value"] == limited
    (tmp_path / "near_field").mkdir()
    words = ("solve", "-o", tmp_path / "b.json", "--json", "ofdm_ranging", tmp_path / "o.json", *limit)
    assert run(capsys, *words)[0] == 0
    with contextlib.chdir(tmp_path):
        assert run(capsys, "solve", "-o", "near_field", "ofdm_ranging", ".", *limit)[0] == 2, "of the files, one is no scenario"
    assert (tmp_path / "near_field/o.json").exists(), "a folder may have the name of a chapter"
    code, _, error = run(capsys, "solve", "ofdm_ranging", tmp_path / "o.json", "--method", "waterfilling", *limit)
    assert code == 2 and error == "isaclib: peak_sidelobe_db: is not taken by the method waterfilling\n"
    code, _, error = run(capsys, "solve", "ofdm_ranging", tmp_path / "o.json", "--peak-sidelobe-db", "16")
    assert code == 2 and error == "isaclib: peak_sidelobe_db: must be at most 0, but is 16\n", "a sign was forgotten"
    semi_isac.Scenario.random(np.random.default_rng(0)).save(tmp_path / "s.mat")
    code, said, _ = run(capsys, "solve", "semi_isac", tmp_path / "s.mat", "--criterion", "efficiency", "--method", "paper")
    assert code == 0 and "shares = [" in said


def test_a_chapter_may_have_two_kinds_of_scenarios(tmp_path, capsys):
    """Semi-ISaC takes the paper's three users and networks of any size; the file, or what fits, says which."""
    network, _ = instances.draw(command_line.interface("semi_isac"), "large", 0)
    fields = {field.name: np.asarray(getattr(network, field.name)).tolist() for field in dataclasses.fields(network)}
    best = semi_isac.solve_exact(network).objective
    for name in ("n.json", "n.npz", "n.mat", "own.json"):
        if name == "own.json":
            (tmp_path / name).write_text(json.dumps(fields))
        else:
            network.save(tmp_path / name)
            with pytest.raises(InvalidScenario, match="holds 'network', not 'scenario'"):
                semi_isac.Scenario.load(tmp_path / name)
        code, said, _ = run(capsys, "solve", "semi_isac", tmp_path / name, "--json", "-o", tmp_path / "a.json")
        assert code == 0 and json.loads(said)["value"] == pytest.approx(best, rel=1e-12)
        assert run(capsys, "score", "semi_isac", tmp_path / name, tmp_path / "a.json")[1].startswith("Feasible, ")
    semi_isac.Scenario.random(np.random.default_rng(0)).save(tmp_path / "s.json")
    with pytest.raises(InvalidScenario, match="holds 'scenario', not 'network'"):
        semi_isac.Network.load(tmp_path / "s.json")
    (tmp_path / "own.json").write_text(json.dumps(fields | {"radar_gain": [1.0, 2.0]}))
    code, _, error = run(capsys, "solve", "semi_isac", tmp_path / "own.json")
    assert code == 2 and error.count("\n") == 1 and "own.json: has shape" in error


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("solve", "wireless_powered", "none.json"), "path: none.json: there is no such file"),
        (("solve", "wireless_powered", "bad.json"), "gian: in bad.json: is not a field"),
        (("solve", "wireless_powered", "text.txt"), "has none of the endings"),
        (("solve", "wireless_powered", "empty"), "empty: holds no file that ends in .json"),
        (("solve", "wireless_powered", "bad.json", "-o", "a.txt"), "a.txt: has none of the endings"),
        (("score", "wireless_powered", "bad.json", "none.mat"), "bad.json"),
        (("solve", "wireless_powered", "bad.json", "--method", "magic"), "invalid choice: 'magic'"),
        (("solve", "wireless", "bad.json"), "invalid choice: 'wireless'"),
        (("score", "wireless_powered", "bad.json", "a.json", "--tolerance", "x"), "'x' is no number"),
        (("mend",), "invalid choice"),
        ((), "required"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, words, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text('{"gian": 1}')
    (tmp_path / "text.txt").write_text("1")
    (tmp_path / "empty").mkdir()
    code, said, complaint = run(capsys, *words)
    assert code == 2 and not said and error in complaint
    assert complaint.startswith("usage: ") or complaint.count("\n") == 1


def test_an_allocation_of_another_chapter_or_shape(folder, capsys):
    fields = command_line.interface("ofdm_ranging").allocation
    files.save_allocation(folder / "o.json", {"powers_w": [1.0]}, fields, chapter="ofdm_ranging")
    code, _, error = run(capsys, "score", "wireless_powered", folder / "scenarios/s0.json", folder / "o.json")
    assert code == 2 and "is of the chapter 'ofdm_ranging'" in error
    (folder / "p.json").write_text('{"powers_w": [1, 2], "charging_time_s": 1, "times_s": [1, 1]}')
    code, _, error = run(capsys, "score", "wireless_powered", folder / "scenarios/s0.json", folder / "p.json")
    assert code == 2 and error.startswith("isaclib: ") and "powers_w" in error


def test_the_module_runs_by_itself(folder):
    words = [sys.executable, "-m", "isaclib", "solve", "wireless_powered", str(folder / "scenarios/s0.json"), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "optimal"
    assert (
        "isaclib 0." in subprocess.run([*words[:3], "--version"], capture_output=True, text=True, check=True, timeout=120).stdout
    )
