"""A small project (one section, three notebooks) that the workshop's tests run, break and build."""

import shutil
from pathlib import Path

import pytest
from small_project import copy_project

from compendium.runs import plan as runs
from compendium.runs.order import carry_out
from compendium.site import build as site


@pytest.fixture
def project(tmp_path) -> Path:
    """A fresh copy that a test may change."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A copy whose quick runs have been made; read only."""
    root = copy_project(tmp_path_factory.mktemp("finished") / "project")
    outcomes = carry_out(runs.plan(root, "quick"), jobs=1)
    assert all(outcome.state == "done" for outcome in outcomes), outcomes
    return root


@pytest.fixture(scope="session")
def book(finished) -> Path:
    """The built site of the finished copy; read only."""
    target = finished / "_build" / "html"
    assert site.build(finished, runs.plan(finished, "quick"), "quick", target)
    return target


@pytest.fixture
def finished_copy(finished, tmp_path) -> Path:
    """A copy of the finished project that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "project"))
