"""Every example in the chapter's docstrings runs, and every public function has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

from isaclib import network_localization as nl

MODULES = [f"{nl.__name__}.{found.name}" for found in pkgutil.iter_modules(nl.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_every_public_function_has_an_example():
    functions = [getattr(nl, name) for name in nl.__all__]
    missing = [function.__name__ for function in functions if inspect.isfunction(function) and ">>> " not in function.__doc__]
    assert missing == []
