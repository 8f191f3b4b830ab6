"""Every command and every piece of code printed in README and the book's pages: parsed by what would run it, or run."""

import json
import os
import re
import shlex
import subprocess
import sys

import click
import pytest
from small_project import ROOT

from compendium.cli import main as cli
from compendium.runs import plan as runs
from isaclib import command_line

# The lab sheets have a test of their own, which runs one of them as it is written.
GUIDES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "book").glob("*.md") if not path.stem.startswith("lab_")),
]


def blocks(language: str, path) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.M | re.S)


COMMANDS = [
    pytest.param(line, id=f"{path.stem}: {line}")
    for path in GUIDES
    for block in blocks("bash", path)
    for line in block.splitlines()
    if line and not line.startswith("#")
]


def parsed(command: click.Command, name: str, arguments: list[str]) -> click.Context:
    """The innermost command with its arguments parsed, not invoked; raises for an unknown option or a wrong value."""
    if not isinstance(command, click.Group):
        return command.make_context(name, list(arguments))
    inner = command.commands.get(arguments[0])
    assert inner is not None, f"{name} has no command {arguments[0]}"
    return parsed(inner, arguments[0], arguments[1:])


def test_the_guides_have_commands():
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_accepted_by_its_program(line, tmp_path, monkeypatch):
    (tmp_path / "submissions").mkdir()
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(line.removeprefix(".venv/bin/"), comments=True)
    if program == "isac":
        context = parsed(cli.main, program, arguments)
        if context.info_name in ("solve", "score", "instances"):
            assert vars(command_line.parser(command_line.interface(arguments[1])).parse_args(arguments))
        if context.info_name == "run" and context.params["section"] != "my_paper":  # the chapter that new-chapter makes
            section = runs.load_section(ROOT, context.params["section"])
            assert context.params["notebook"] in (None, *section.notebooks)
            name = context.params["set_name"]
            assert name.endswith(".yml") or name in section.schema.sets()
    elif program == "dask":
        from distributed.cli import dask_scheduler, dask_worker

        programs = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}
        assert parsed(programs[arguments[0]], arguments[0], arguments[1:])
    elif program == "pip":
        extra = re.fullmatch(r"\.\[(\w+)\]", arguments[1])[1]
        assert arguments[0] == "install" and re.search(rf"^{extra} = ", (ROOT / "pyproject.toml").read_text(), re.M)
    elif program in ("jupytext", "papermill"):
        names = [word for word in arguments if word.startswith("notebooks/")]
        assert names and all((ROOT / name).exists() for name in names)
    elif arguments[:2] == ["-m", "pytest"]:
        assert all("my_paper" in path or (ROOT / path).exists() for path in arguments[2:])
    elif program == "python":
        assert arguments[:2] == ["-m", "isaclib"]
        commands = command_line.parser(command_line.interface(arguments[3]))
        assert vars(commands.parse_args(arguments[2:]))["command"] == arguments[2]
    else:
        assert program == "make"
        assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M) for target in arguments if "=" not in target)


@pytest.fixture(scope="module")
def address():
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.mark.parametrize("path", [path for path in GUIDES if blocks("python", path)], ids=lambda path: path.stem)
def test_the_code_of_a_guide_runs(path, address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"address": address}
    for block in blocks("python", path):
        exec(compile(block, str(path), "exec"), names)
    assert len(names) > 2  # something was bound


# Stands for a batch system: keeps what was asked of it, and whether the jobs were given back.
BATCH_SYSTEM = """
import json
from pathlib import Path


class SLURMCluster:
    scheduler_address = "tcp://here:8786"

    def __init__(self, **options):
        self.asked = options

    def __enter__(self):
        return self

    def scale(self, jobs):
        self.asked["jobs"] = jobs

    def __exit__(self, *exception):
        Path("asked.json").write_text(json.dumps(self.asked))
"""


def test_the_script_for_slurm_is_the_one_that_the_guide_shows():
    script = (ROOT / "benchmarks" / "tools" / "slurm_cluster.py").read_text()
    assert blocks(r"\{code-block\} python", ROOT / "book" / "guide_cluster.md") == [script]


def test_the_script_for_slurm_asks_for_two_jobs_and_gives_them_back_when_it_is_stopped(tmp_path):
    (tmp_path / "dask_jobqueue.py").write_text(BATCH_SYSTEM)
    command = [sys.executable, str(ROOT / "benchmarks" / "tools" / "slurm_cluster.py")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as script:
        assert script.stdout.readline() == "tcp://here:8786\n"
        script.terminate()
        assert script.wait(20) == 0
    asked = json.loads((tmp_path / "asked.json").read_text())
    assert asked["jobs"] == 2 and asked["cores"] == asked["processes"] == 1 and asked["python"] == sys.executable
