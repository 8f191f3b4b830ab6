"""How ``make test`` shares tests out over workers, the marks by folder, and whether there is a browser.

All tests of a file run on one worker, since they share what its fixtures made, and all of ``tests/book``, which read one
site: the worker that reads it builds it, while the other goes on with the rest. The assignments stand in one file but are
graded section by section. What takes longest is begun first, so that the workers end together.
"""

import os
import re
import warnings

import pytest

from compendium.browser.chromium import NoBrowser, browser, find_chromium

MARKS = {
    "science": "isaclib: the foundations, the chapters, its files and its command line (make test-science)",
    "workshop": "compendium, on a miniature project, and the repository itself",
    "browser": "pages that a browser opens, and all that reads the small book",
    "classroom": "assignments: releasing, collecting, grading, marking",
}
_FOLDERS = {"assignments": "classroom", "book": "browser", "compendium": "workshop", "project": "workshop"}
_OF_ISACLIB = "tests/project/test_doctests.py"  # all chapters go through it
_BROWSER = {"browser_available", "html"}  # fixtures that need one
LONG = ("book", "assignments", "compendium", "near_field", "ofdm_ranging")  # first, in this order


def pytest_configure(config):
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(_FOLDERS.get(_folder(item.nodeid), "science"))
        if item.nodeid.startswith(_OF_ISACLIB):
            item.add_marker("science")
        if _BROWSER & {*item.fixturenames}:
            item.add_marker("browser")
    items.sort(key=lambda item: LONG.index(_folder(item.nodeid)) if _folder(item.nodeid) in LONG else len(LONG))


def _folder(nodeid: str) -> str:
    return nodeid.split("/")[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByPiece(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            if _folder(nodeid) == "book":
                return "tests/book"
            section = re.search(r"(\w+)\]$", test) if file.endswith("assignments/test_assignments.py") else None
            return f"{file}::{section[1]}" if section else file

    return ByPiece(config, log)


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


@pytest.fixture(scope="module")
def chromium(browser_available):
    """A browser for the tests of a file; what one page keeps (storage, cache) no other sees. None without one."""
    if not browser_available:
        yield None
        return
    with browser() as own:
        yield own
