"""How ``make test`` shares tests out over workers (by file, and the assignments by section), and whether there is a browser.

All tests of a file run on one worker, since they share what its fixtures made. The assignments stand in one file but are
graded section by section, and the pages are opened width by width: in one piece they would keep one worker busy long after
the other has finished.
"""

import os
import re
import warnings

import pytest

from compendium.browser.chromium import NoBrowser, find_chromium


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFileAndSection(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            apart = file.endswith("assignments/test_assignments.py") or test.startswith("test_pages_in_the_browser[")
            piece = re.search(r"(\w+)\]$", test) if apart else None
            return f"{file}::{piece[1]}" if piece else file

    return ByFileAndSection(config, log)


@pytest.fixture(scope="session")
def browser_available() -> bool:
    """False where no Chromium is installed; in CI that is an error."""
    try:
        find_chromium()
    except NoBrowser as error:
        assert os.environ.get("CI") != "true", f"CI needs a browser: {error}"
        warnings.warn(f"browser tests left out: {error}", stacklevel=2)
        return False
    return True
