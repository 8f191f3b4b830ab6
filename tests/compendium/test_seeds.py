"""Verdicts with other seeds: what of a notebook runs for them, when they are due, and what the ledger makes of them."""

import ast
import json

import pytest
from click.testing import CliRunner
from small_project import edit

from benchmarks import further_seeds
from compendium.cli.main import main
from compendium.runs import plan as runs
from compendium.runs.order import carry_out
from compendium.runs.seeds import seed_runs
from compendium.runs.slices import needed_for_claims
from compendium.site import ledgers, pages

NOTEBOOK = """
# %% tags=["parameters"]
seed = 1
draws = 5

# %% tags=["hide-input"]
import numpy as np
from compendium.notebook import claims, figures
figures.show("x")

# %%
rng = np.random.default_rng(seed)
unused = [n for n in range(draws)]
first = rng.normal(size=draws)
skipped_but_drawn = rng.normal(size=draws)
slow = sum(first)
kept = []
def share(values):
    return scale * np.mean(values)
scale = 2
n = 7
for n in range(draws):
    kept.append(n)
    figures.show("y")
table = {"a": 1}
table["b"] = 2
assert slow
second = rng.normal(size=draws)
claims.record("009-C1", ours="", tolerance="", reproduced=share(second) > len(kept) + table["b"])
after = first
"""


def test_only_what_a_claim_hangs_on_is_kept():
    kept = [ast.unparse(statement).splitlines()[0] for statement in needed_for_claims(NOTEBOOK).body]
    assert kept == [
        "import numpy as np",
        "from compendium.notebook import claims, figures",
        "rng = np.random.default_rng(seed)",
        "first = rng.normal(size=draws)",  # uses up the generator from which the claim draws
        "skipped_but_drawn = rng.normal(size=draws)",
        "kept = []",
        "def share(values):",
        "scale = 2",
        "for n in range(draws):",
        "table = {'a': 1}",
        "table['b'] = 2",
        "second = rng.normal(size=draws)",
        "claims.record('009-C1', ours='', tolerance='', reproduced=share(second) > len(kept) + table['b'])",
    ]
    lines = NOTEBOOK.splitlines()
    assert all(lines[at.lineno - 1].startswith(ast.unparse(at)[:4]) for at in needed_for_claims(NOTEBOOK).body)


def test_of_the_claims_asked_for_only_what_they_hang_on_is_kept():
    source = "a = slow()\nclaims.record('009-C1', a)\nb = 2\n_ = claims.record('009-C2', ours=b)\nname = 1\nclaims.record(name)\n"
    kept = [ast.unparse(at) for at in needed_for_claims(source, ["009-C2"]).body]
    assert kept == ["b = 2", "_ = claims.record('009-C2', ours=b)", "name = 1", "claims.record(name)"]


def test_a_name_bound_anew_frees_what_it_was_before():
    source = "x = slow()\nx = 1\ny = 2\ny += 1\nclaims.record(x, y)\n"
    assert [ast.unparse(at) for at in needed_for_claims(source).body] == ["x = 1", "y = 2", "y += 1", "claims.record(x, y)"]


def test_what_is_only_drawn_is_left_out():
    source = (
        "def draw(values):\n    figures.show(values)\n"
        "axes = subplots()\nlevels = [1]\nother = [slow()]\n"
        "plotting.line(axes, levels, other)\naxes.plot(levels, other)\ndraw(levels)\nlevels.append(2)\n"
        "claims.record('009-C1', levels)\n"
    )
    kept = [ast.unparse(at) for at in needed_for_claims(source).body]
    assert kept == ["levels = [1]", "levels.append(2)", "claims.record('009-C1', levels)"]


def test_curves_that_show_themselves_are_left_out_and_their_columns_are_not():
    source = (
        "kept = Curves('x', axis)\nother = Curves('x', axis)\nlevels = [1]\n"
        "def both(values):\n    own = Curves('x', axis)\n    own.draw(ax, 'y', values, 'exact')\n    own.show(fig, 'both')\n"
        "for k in axis:\n    both(levels)\n"
        "kept.draw(ax, 'y', slow(), 'exact')\nother.level(ax, 'y', levels, 'exact')\n"
        "kept.show(fig, 'kept', data=levels)\nother.show(fig, 'other', told=levels)\n"
        "claims.record('009-C1', kept.columns, levels)\n"
    )
    kept = [ast.unparse(at) for at in needed_for_claims(source).body]
    expected = ["kept = Curves('x', axis)", "levels = [1]", "kept.draw(ax, 'y', slow(), 'exact')"]
    assert kept == [*expected, "claims.record('009-C1', kept.columns, levels)"]


@pytest.fixture
def judged(project):
    """A claim that holds with every seed but 4, measured by a paper run, and judged with the seeds 1 to 11."""
    edit(project / "notebooks" / "demo" / "results.py", "abs(slope - 1) < 0.01", "abs(slope - 1) < 0.01 and seed != 4")
    results = next(run for run in runs.plan(project, "paper") if run.notebook == "results")
    results.directory.mkdir(parents=True)
    found = {"id": "009-C1", "ours": "1 m", "tolerance": "1 %", "verdict": "reproduced", "set": "paper", "page": "results"}
    (results.directory / "claims.json").write_text(json.dumps([found]))
    (outcome,) = carry_out(seed_runs(project, "paper"))
    assert outcome.state == "done", outcome.failure
    return project


def test_a_verdict_that_turns_is_counted_shown_and_refused(judged, monkeypatch):
    (row,) = ledgers.claim_rows(judged, runs.plan(judged, "paper"))
    assert row.agrees and row.turns and (row.seeds.same, row.seeds.others, row.seeds.small) == (9, 10, "reproduced")
    shown = pages.claims([row], {"demo": "Demo: a parabola"})
    assert "<br>9 of 10 seeds" in shown["sections"][0]["rows"][0]["verdict"]
    assert shown["seeds"] == "Of 1 claims that ten other seeds judged, 0 get the same verdict on all of them."
    monkeypatch.setenv("ISAC_ROOT", str(judged))
    answer = CliRunner().invoke(main, ["claims", "--seeds"])  # they are current: nothing is judged again
    assert answer.exit_code == 1 and "9 of 10" in answer.output and "1 turn with the seed" in answer.output


def test_size_and_seed_are_told_apart(judged):
    path = seed_runs(judged, "paper")[0].directory / "seeds.json"
    entries = json.loads(path.read_text())
    assert [entry["seed"] for entry in entries] == [*range(1, 12)]
    entries[0]["verdicts"]["009-C1"] = "trend reproduced"  # as if the small size, with the set's own seed, said less
    path.write_text(json.dumps(entries))
    (row,) = ledgers.claim_rows(judged, runs.plan(judged, "paper"))
    assert not row.turns and not row.problem
    assert "small, own seed: trend reproduced" in pages._claim_cells(row)["verdict"]


def test_seeds_are_judged_again_when_what_they_hang_on_changes(judged):
    (run,) = seed_runs(judged, "paper")
    assert run.is_current() and run.values["points"] == 3 and run.values["slope"] == 1.0
    assert {"compendium.runs.judge", "compendium.runs.slices"} <= run.inputs()["modules"].keys()
    edit(judged / "notebooks" / "demo" / "parameters" / "schema.yml", "points: 3}", "points: 4}")
    assert seed_runs(judged, "paper")[0].why_due() == ["value points"]
    edit(judged / "notebooks" / "demo" / "results.py", "seed != 4", "seed != 5")
    assert "notebook" in seed_runs(judged, "paper")[0].why_due()


def test_a_quick_book_and_a_section_without_small_sizes_ask_no_other_seeds(project):
    assert seed_runs(project, "quick") == []
    edit(project / "notebooks" / "demo" / "parameters" / "schema.yml", "  seeds: {points: 3}", "  #")
    assert seed_runs(project, "paper") == []
    rows = [
        ledgers.Row(claim, {"verdict": "reproduced", "ours": "1 m", "tolerance": "1 %", "set": "paper"})
        for claim in ledgers.load_claims(project / "notebooks" / "demo")
    ]
    assert pages.claims(rows, {"demo": "Demo"})["seeds"] == "" and not rows[0].problem


def test_a_seed_that_fails_is_named_with_its_line(project):
    edit(
        project / "notebooks" / "demo" / "results.py",
        "x = np.linspace(0, 1, points)",
        "x = np.linspace(0, 1 / (seed - 3), points)",
    )
    (outcome,) = carry_out(seed_runs(project, "paper"))
    assert outcome.state == "failed" and "ZeroDivisionError" in outcome.failure["error"]
    assert outcome.failure["cell"].startswith("line 3") and outcome.failure["cell"].endswith("of results.py, with the seed 3")
    assert "seed - 3" in outcome.failure["source"]
    assert not list(outcome.run.directory.parent.glob(".*"))


def test_a_claim_may_say_why_its_own_seed_judges_it_alone(project):
    path = project / "notebooks" / "demo" / "claims.yml"
    path.write_text(path.read_text() + "  alone: no draw enters\n")
    assert seed_runs(project, "paper") == []
    (claim,) = ledgers.load_claims(path.parent)
    row = ledgers.Row(claim, {"verdict": "reproduced", "ours": "1 m", "tolerance": "1 %", "set": "paper"})
    assert "*Other seeds:* no draw enters" in pages.claims([row], {"demo": "Demo"})["sections"][0]["rows"][0]["ours"]


def test_what_changed_after_a_second_look_is_told_with_its_reason(judged):
    path = judged / "notebooks" / "demo" / "claims.yml"
    assert pages.second_look(ledgers.claim_rows(judged, runs.plan(judged, "paper")), {"demo": "Demo"}) == {"sections": []}
    path.write_text(path.read_text() + "  first: contradicted\n  why: the ruler was read upside down\n")
    rows = ledgers.claim_rows(judged, runs.plan(judged, "paper"))
    fields = pages.second_look(rows, {"demo": "Demo: a parabola"})
    (told,) = fields["sections"][0]["rows"]
    assert (told["first"], told["seeds"], told["why"]) == ("contradicted", "9 of 10", "the ruler was read upside down")
    assert "| contradicted | [reproduced]" in pages.render(judged, "second_look", fields)
    path.write_text(path.read_text().replace("  why: the ruler was read upside down\n", ""))
    with pytest.raises(ledgers.LedgerError, match="an earlier verdict or 'not listed', and a why"):
        ledgers.load_claims(path.parent)


def test_further_seeds_at_full_size_are_judged_once_and_told_beside_what_is_on_file(project, monkeypatch, capsys):
    monkeypatch.setattr(further_seeds, "ROOT", project)
    found = project / "build" / "found.jsonl"
    asked = ["demo", "--seeds", "11..13", "-o", str(found)]
    assert further_seeds.main(asked) == 0
    told = capsys.readouterr().out
    assert "demo, 3 of 3 seeds" in told and "009-C1  3 of 3  reproduced" in told
    rows = [json.loads(line) for line in found.read_text().splitlines()]
    paper = runs.load_section(project, "demo").schema.load_named("paper")
    assert [row["seed"] - paper["seed"] for row in rows] == [11, 12, 13]
    assert further_seeds.main(asked) == 0 and len(found.read_text().splitlines()) == 3  # nothing is made again
    edit(
        project / "notebooks" / "demo" / "results.py",
        "x = np.linspace(0, 1, points)",
        f"x = np.linspace(0, 1 / (seed - {rows[1]['seed']}), points)",
    )
    assert further_seeds.main(asked) == 1
    assert "demo, 2 of 3 seeds" in capsys.readouterr().out
