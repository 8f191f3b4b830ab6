"""The publishing workflow, as far as it can be tried without a hosting service."""

import os
import re
import subprocess

import click
import pytest
import yaml
from small_project import ROOT

from compendium.cli import main as cli

WORKFLOW = ROOT / ".github" / "workflows" / "pages.yml"


@pytest.fixture(scope="module")
def steps() -> dict[str, dict]:
    return {step["name"]: step for step in yaml.safe_load(WORKFLOW.read_text())["jobs"]["book"]["steps"]}


def commands(steps) -> str:
    return "\n".join(step["run"] for step in steps.values() if "run" in step)


def test_every_step_runs_something_and_nothing_is_hidden(steps):
    assert all(("run" in step) != ("uses" in step) for step in steps.values())
    assert "UNTRIED" in WORKFLOW.read_text().partition("name:")[0]
    assert "untried" in (ROOT / "book" / "guide_publishing.md").read_text()


def test_it_calls_targets_of_the_makefile(steps):
    targets = re.findall(r"\bmake (\w+)", commands(steps))
    assert targets == ["book"]
    defined = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(targets) <= set(defined)


def test_it_calls_commands_that_exist(steps):
    called = re.findall(r"bin/isac (.+)", commands(steps))
    assert [line.split()[0] for line in called] == ["launch-tree"]
    for line in called:
        name, *arguments = line.split()
        assert cli.main.get_command(click.Context(cli.main), name).make_context(name, arguments)


def test_it_publishes_what_make_book_makes_and_names_the_branch_of_the_buttons(steps):
    assert steps["Pack the book"]["with"]["path"] == "_build/html"
    branch = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["branch"]
    assert f"refs/heads/{branch}" in steps["Push the executed notebooks"]["run"]


def test_no_address_is_set_in_the_sources():
    assert yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"] == ""


def test_the_push_replaces_the_branch_by_the_folder_and_touches_nothing_else(steps, tmp_path):
    step = steps["Push the executed notebooks"]
    work, remote = tmp_path / "work", tmp_path / "remote.git"
    names = {name: value for name, value in step["env"].items() if name != "GIT_INDEX_FILE"}
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def git(*arguments, folder=work):
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--bare", str(remote), folder=tmp_path)
    git("init", str(work), folder=tmp_path)
    git("remote", "add", "origin", str(remote))
    (work / ".gitignore").write_text("build/\n*.ipynb\n")
    (work / "source.py").write_text("x = 1\n")
    git("add", "--all")
    git("commit", "--message", "sources")
    before = git("rev-parse", "HEAD")
    launch = work / "build" / "launch"
    for content in ("first", "second"):
        (launch / "notebooks" / "demo").mkdir(parents=True, exist_ok=True)
        (launch / "notebooks" / "demo" / f"{content}.ipynb").write_text(content)
        if content == "second":
            (launch / "notebooks" / "demo" / "first.ipynb").unlink()
        index = {"GIT_INDEX_FILE": str(work / "build" / "launch.index")}
        subprocess.run(["bash", "-e", "-c", step["run"]], cwd=work, env={**environment, **index}, capture_output=True, check=True)
        assert git("ls-tree", "-r", "--name-only", "launch", folder=remote) == f"notebooks/demo/{content}.ipynb"
    assert git("rev-parse", "HEAD") == before and git("status", "--porcelain") == ""
    assert git("branch", "--format=%(refname:short)", folder=remote) == "launch"
