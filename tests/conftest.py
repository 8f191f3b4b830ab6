"""How ``make test`` shares tests out over workers (by file, and the assignments by section), and whether there is a browser.

All tests of a file run on one worker, since they share what its fixtures made. The assignments stand in one file but are
graded section by section: in one piece they would keep one worker busy long after the other has finished.
"""

import os
import re
import warnings

import pytest

from isaclib.compendium import check


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFileAndSection(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            section = re.search(r"(\w+)\]$", test) if file.endswith("assignments/test_assignments.py") else None
            return f"{file}::{section[1]}" if section else file

    return ByFileAndSection(config, log)


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
