"""How ``make test`` shares tests out over workers: by file, and the assignments by section.

All tests of a file run on one worker, since they share what its fixtures made. The assignments stand in one file but are
graded section by section: in one piece they would keep one worker busy long after the other has finished.
"""

import re

import pytest


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
