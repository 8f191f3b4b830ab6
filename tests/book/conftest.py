"""The site of the quick sets: built once (``isac book --set quick``), served once, read by every test here."""

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
def html() -> Path:
    command = [sys.executable, "-m", "compendium.cli.main", "book", "--set", "quick", "--no-check"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    return ROOT / "build" / "test-site"


@pytest.fixture(scope="session")
def address(html) -> Iterator[str]:
    with serve(html) as own:
        yield own


@pytest.fixture(scope="session")
def pages() -> list[str]:
    return toc_pages(ROOT / "_toc.yml")
