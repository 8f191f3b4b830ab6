"""Verdicts are computed by one rule; ledgers on file are checked against what was recorded."""

import json

import pytest
from small_project import edit

from compendium.notebook import claims
from compendium.notebook.context import Context
from compendium.notebook.tables import markdown_table
from compendium.site import cells, ledgers
from compendium.site.ledgers import LedgerError


def test_the_rule_of_verdicts():
    assert claims.verdict(reproduced=True) == "reproduced"
    assert claims.verdict(reproduced=True, trend=True) == "reproduced"
    assert claims.verdict(reproduced=False, trend=True) == "trend reproduced"
    assert claims.verdict(reproduced=False) == "contradicted"
    assert claims.verdict(reproduced=True, reproducible=False) == "not reproducible as printed"


@pytest.fixture
def running(tmp_path, monkeypatch):
    context = Context(section="demo", notebook="results", set_name="paper", directory=str(tmp_path))
    for name, value in context.to_environment().items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_recorded_claims_are_kept_once(running):
    claims.record("009-C1", ours="1 m", tolerance="1 %", reproduced=True)
    claims.record("009-C2", ours="2 m", tolerance="1 %", reproduced=False)
    entries = json.loads((running / "claims.json").read_text())
    assert [(entry["id"], entry["verdict"], entry["set"], entry["page"]) for entry in entries] == [
        ("009-C1", "reproduced", "paper", "results"),
        ("009-C2", "contradicted", "paper", "results"),
    ]
    with pytest.raises(LedgerError, match="twice"):
        claims.record("009-C1", ours="1 m", tolerance="1 %", reproduced=True)
    with pytest.raises(LedgerError, match="looks like"):
        claims.record("C1", ours="1 m", tolerance="1 %", reproduced=True)


def test_what_was_not_measured_judges_nothing(running):
    claims.record("009-C1", ours=f"height {float('nan'):.1f} m", tolerance="1 %", reproduced=True)
    claims.record("009-C2", ours="finance and nanometres", tolerance="1 %", reproduced=True)
    verdicts = [entry["verdict"] for entry in json.loads((running / "claims.json").read_text())]
    assert verdicts == ["not checkable", "reproduced"]


def test_a_run_that_goes_on_with_other_values_judges_no_claim(running, monkeypatch):
    monkeypatch.setattr(claims, "_aside", "")
    claims.set_aside("No draw meets 1 m. The page goes on with 2 m.")
    claims.record("009-C1", ours="height 1 m", tolerance="1 %", reproduced=True)
    (entry,) = json.loads((running / "claims.json").read_text())
    assert entry["verdict"] == "not checkable" and entry["ours"].startswith("No draw meets 1 m.")


def test_the_ledger_joins_file_and_record(project):
    on_file = ledgers.load_claims(project / "notebooks" / "demo")
    found = {"id": "009-C1", "verdict": "contradicted", "page": "results", "set": "paper"}
    (row,) = ledgers.ledger(on_file, [found])
    assert not row.agrees and row.found is found
    assert ledgers.ledger(on_file, [{**found, "verdict": "reproduced"}])[0].agrees
    assert not ledgers.ledger(on_file, [])[0].agrees
    with pytest.raises(LedgerError, match=r"no claims\.yml"):
        ledgers.ledger(on_file, [{"id": "009-C7", "verdict": "reproduced", "page": "results", "set": "paper"}])
    with pytest.raises(LedgerError, match="recorded by results and by model"):
        ledgers.ledger(on_file, [found, {**found, "page": "model"}])


def test_another_base_set_has_a_column_of_its_own(project):
    on_file = ledgers.load_claims(project / "notebooks" / "demo")
    found = {"id": "009-C1", "verdict": "contradicted", "page": "results", "set": "paper"}
    other = {**found, "verdict": "reproduced", "page": "results_recovered", "set": "recovered"}
    (row,) = ledgers.ledger(on_file, [found, other])
    assert row.found is found and row.others == {"recovered": other}


def test_malformed_ledgers_are_refused(project):
    folder = project / "notebooks" / "demo"
    edit(folder / "claims.yml", "expected: reproduced", "expected: proven")
    with pytest.raises(LedgerError, match="proven"):
        ledgers.load_claims(folder)
    edit(folder / "claims.yml", "expected: proven", "expects: reproduced")
    with pytest.raises(LedgerError, match="009-C1"):
        ledgers.load_claims(folder)
    edit(folder / "errata.yml", "test_e1_is_a_parabola", "test_e1_is_a_circle")
    with pytest.raises(LedgerError, match="does not exist"):
        ledgers.load_errata(folder, project)


def test_errata_name_existing_tests(project):
    (erratum,) = ledgers.load_errata(project / "notebooks" / "demo", project)
    assert erratum.test.endswith("test_e1_is_a_parabola")


def test_tables_escape_what_would_break_them():
    assert markdown_table([["a|b", "c\nd"]], ["x", "y"]) == "| x | y |\n| --- | --- |\n| a\\|b | c d |"


def test_a_page_of_another_base_set_repeats_no_label(running, monkeypatch):
    shown = []
    monkeypatch.setattr(claims, "display_with_myst", lambda data, text: shown.append(text))
    for name, at in (("paper", ["(claim-009-c1)="]), ("recovered", [])):
        context = Context(section="demo", notebook="results", set_name=name)
        for variable, value in context.to_environment().items():
            monkeypatch.setenv(variable, value)
        claims.record("009-C1", ours="1 m", tolerance="1 %", reproduced=True)
        assert [line for line in shown.pop().splitlines() if line.startswith("(claim")] == at
        assert context.page == ("results" if name == "paper" else "results_recovered")
    text = "(demo-results)=\n# Results: what we find\n\n(other)=\n## More\n"
    assert cells._of_another_set(text, "recovered") == "# Results: what we find (set *recovered*)\n\n## More\n"
