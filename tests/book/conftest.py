"""The site of the quick sets: built once (``isac book --set quick``) for all workers, served by each, read by every test here."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_project import ROOT

from compendium.browser.server import serve
from compendium.runs.contents import toc_pages


@pytest.fixture(scope="session")
def html(tmp_path_factory) -> Path:
    if "PYTEST_XDIST_WORKER" in os.environ:
        made = tmp_path_factory.getbasetemp().parent / "small-book"  # of all workers of this run
        with made.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                _build()
                made.touch()
    else:
        _build()
    return ROOT / "build" / "test-site"


def _build() -> None:
    command = [sys.executable, "-m", "compendium.cli.main", "book", "--set", "quick", "--no-check"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]


@pytest.fixture(scope="session")
def address(html) -> Iterator[str]:
    with serve(html) as own:
        yield own


@pytest.fixture(scope="session")
def pages() -> list[str]:
    return toc_pages(ROOT / "_toc.yml")
