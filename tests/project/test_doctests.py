"""The examples in the docstrings run and print what they say; a doctest that may print more or less asks for that itself."""

import doctest
import importlib

import chapters
import pytest
from small_project import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "isaclib").rglob("*.py")
    if ">>>" in path.read_text() and path.name != "__main__.py"
)


def test_there_are_examples_in_every_package():
    packages = {name.split(".")[1] for name in MODULES if "." in name}
    assert packages >= {"foundations", *chapters.NAMES}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
