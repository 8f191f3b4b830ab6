"""The site of the quick sets: built once (``isac book --set quick``), then read by every test here."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from small_project import ROOT

from isaclib.compendium import check, site


@pytest.fixture(scope="session")
def html() -> Path:
    command = [sys.executable, "-m", "isaclib.compendium.cli", "book", "--set", "quick", "--no-check"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    return ROOT / "build" / "test-site"


@pytest.fixture(scope="session")
def pages() -> list[str]:
    return site.toc_pages(ROOT / "_toc.yml")


@pytest.fixture(scope="session")
def browser_available() -> bool:
    """False where no Chromium is installed; in CI that is an error."""
    try:
        check.find_chromium()
    except check.NoBrowser as error:
        assert os.environ.get("CI") != "true", f"CI needs a browser: {error}"
        warnings.warn(f"browser tests left out: {error}", stacklevel=2)
        return False
    return True
