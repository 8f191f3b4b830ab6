"""The lab sheets: their sets pass the section's schema, their commands are commands, and a lab runs as it is written."""

import json
import re
import shlex
import shutil

import chapters
import pytest
import yaml
from click.testing import CliRunner
from small_project import ROOT

from compendium.cli import main as cli
from compendium.runs import plan as runs
from compendium.runs.contents import toc_pages
from compendium.runs.schema_files import load_schema

CHAPTERS = sorted(path.stem.removeprefix("lab_") for path in (ROOT / "book").glob("lab_*.md"))
CHEAPEST = "near_field"  # one scenario, no draws
COMPARED = {  # the columns that this lab compares with
    "crlb_vs_power": "sensing_power_dbm,optimal_m3_m\n20,2.0e-5\n40,2.0e-6\n",
    "robust_sinr": "relative_error,exact,ignorant,matched\n0.0003,5.6e5,5.4e5,3.4e3\n0.0006,4.7e5,4.1e5,3.3e3\n",
}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(chapter: str, language: str) -> list[str]:
    text = (ROOT / "book" / f"lab_{chapter}.md").read_text()
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def commands(chapter: str) -> list[list[str]]:
    lines = [line for block in blocks(chapter, "bash") for line in block.splitlines()]
    return [shlex.split(line) for line in lines]


def planned(chapter: str, command: list[str], folder) -> list[runs.Run]:
    """The runs that a command line asks for, with the lab's set where it names ``my_set.yml``."""
    (text,) = blocks(chapter, "yaml")
    (folder / "my_set.yml").write_text(text)
    assert command[:2] == ["isac", "run"], command
    arguments = [str(folder / word) if word == "my_set.yml" else word for word in command[2:]]
    chosen = cli.run.make_context("run", arguments).params
    section = runs.load_section(ROOT, chosen["section"])
    assert chosen["notebook"] in section.notebooks
    return cli._plan(ROOT, section, chosen["notebook"], chosen["set_name"], chosen["assignments"])


def test_every_lab_is_in_the_contents_and_on_the_instructors_page():
    listed = {page.removeprefix("book/lab_") for page in toc_pages(ROOT / "_toc.yml") if page.startswith("book/lab_")}
    named = re.findall(r"\{doc\}`lab_(\w+)`", (ROOT / "book" / "instructors.md").read_text())
    assert set(CHAPTERS) == listed == {*named} <= {*chapters.NAMES} and CHEAPEST in CHAPTERS


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_set_is_complete_and_valid(chapter, tmp_path):
    (text,) = blocks(chapter, "yaml")
    path = tmp_path / "my_set.yml"
    path.write_text(text)
    schema = load_schema(ROOT / "notebooks" / chapter)
    values = schema.load(path, complete_for=["what_if"])
    assert list(values) and set(values) == set(schema.names("what_if")), "a name that the notebook does not take"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_command_asks_for_the_lab_and_for_what_it_is_compared_with(chapter, tmp_path):
    lines = commands(chapter)
    assert len(lines) >= 3
    labels = set()
    for command in lines:
        *base, own = planned(chapter, command, tmp_path)
        assert "results" in [run.notebook for run in base] and {run.label for run in base} == {"paper"}
        assert (own.section, own.notebook, own.needs) == (chapter, "what_if", tuple(base))
        labels.add(own.label)
    assert len(labels) == len(lines), "two commands that ask for the same"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_values_that_the_questions_name_are_valid(chapter):
    text = (ROOT / "book" / f"lab_{chapter}.md").read_text()
    questions = text[text.index("## Questions") : text.index("## Hand in")]
    schema = load_schema(ROOT / "notebooks" / chapter)
    named = [yaml.safe_load(entry) for entry in re.findall(r"`(\w+: [^`]+)`", questions)]
    assert len(named) >= 2
    for entry in named:
        schema.check(entry, "a question")
    for word in re.findall(r"`(\w+)`", questions):
        assert word in schema.parameters, f"{word} is no parameter"
    assert "*Hint:*" in questions and "olution" not in questions


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """What a lab needs of a checkout; its base run stands there as finished, with the columns that the lab compares with."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "notebooks" / CHEAPEST, root / "notebooks" / CHEAPEST)
    monkeypatch.setattr(cli, "project_root", lambda: root)
    for base in runs.compared_runs(root, runs.load_section(root, CHEAPEST), "paper"):
        (base.directory / "figures").mkdir(parents=True)
        for name, numbers in COMPARED.items():
            (base.directory / "figures" / f"{name}.csv").write_text(numbers)
        (base.directory / "run.json").write_text(json.dumps({"digest": base.digest()}))
    return root


def test_a_lab_runs_as_it_is_written(checkout):
    (text,) = blocks(CHEAPEST, "yaml")
    own = checkout / "my_set.yml"
    own.write_text(text)
    command = [str(own) if word == "my_set.yml" else word for word in commands(CHEAPEST)[0][1:]]
    result = CliRunner().invoke(cli.main, command)
    assert result.exit_code == 0, result.output
    (folder,) = (checkout / "build" / "runs" / CHEAPEST / "what_if").glob("my_set+*")
    assert (folder / "figures" / "crlb_vs_power.csv").exists()
    assert "2 of 3 runs are current" in result.output
