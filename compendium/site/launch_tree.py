"""The folder behind launch buttons: executed notebooks and what they need to run again, and nothing for instructors.

A publishing workflow pushes this folder to a branch; a launch button opens a notebook of that branch.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat

from ..runs.digest import HOMES
from ..runs.folders import holds_something_else, publish
from ..runs.plan import Run
from .cells import executed_notebook

_FILES = ("_toc.yml", "pyproject.toml", "requirements.lock", "LICENSE", "CITATION.cff")
_README = """# Executed notebooks

Made by `isac launch-tree` from the sources of the book; changes belong there. `notebooks/<section>/` holds every notebook of
the book with its results, `isaclib/` and `compendium/notebook/` what they use, `build/runs/` the numbers that what-if
notebooks compare themselves with, `.binder/` the environment.
"""
# Binder installs .binder/requirements.txt (our lock, with hashes), then calls postBuild.
_POST_BUILD = """#!/bin/bash
set -e
python -m pip install --no-deps --no-build-isolation --editable .
python -c "import site, pathlib; pathlib.Path(site.getsitepackages()[0], 'compendium.pth').write_text('$PWD')"
"""


class LaunchTreeError(RuntimeError):
    """The folder cannot be made: a run is missing, or something else is in its place."""


def launch_tree(root: Path, runs: Sequence[Run], target: Path) -> list[Path]:
    """Write the folder and return its files.

    Only what a run of the book left is copied, notebook by notebook, so no instructor's notebook and no assignment test
    can be among them. A folder made earlier is replaced; any other folder is left alone.

    Raises
    ------
    LaunchTreeError
        When a run is not current, or ``target`` holds something else.
    """
    due = [run.name for run in runs if not run.is_current()]
    if due:
        raise LaunchTreeError(f"not made from the present sources: {', '.join(due)}; make them with 'make book'")
    if holds_something_else(target, ".binder/postBuild"):
        raise LaunchTreeError(f"{target} holds something else: name a new folder")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for run in runs:
        page = partial / "notebooks" / run.section / f"{run.page}.ipynb"
        page.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(executed_notebook(run), page)
        for table in sorted((run.directory / "figures").glob("*.csv")):
            copy = partial / table.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(table, copy)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HOMES["isaclib"], partial / "isaclib", ignore=ignored)
    shutil.copytree(HOMES["compendium"] / "notebook", partial / "compendium" / "notebook", ignore=ignored)
    shutil.copy(HOMES["compendium"] / "__init__.py", partial / "compendium")
    for name in _FILES:
        if (root / name).exists():
            shutil.copy(root / name, partial / name)
    _environment(partial)
    (partial / "README.md").write_text(_README)
    publish(partial, target)
    return sorted(path for path in target.rglob("*") if path.is_file())


def _environment(folder: Path) -> None:
    """What Binder reads: the pinned packages and the version of Python they were resolved for."""
    binder = folder / ".binder"
    binder.mkdir()
    if (folder / "requirements.lock").exists():
        shutil.copy(folder / "requirements.lock", binder / "requirements.txt")
    (binder / "runtime.txt").write_text("python-3.11\n")
    post_build = binder / "postBuild"
    post_build.write_text(_POST_BUILD)
    post_build.chmod(0o755)
