"""The worked examples in the docstrings give the numbers that they print."""

import doctest
import importlib
import pkgutil

import pytest
from guarded import public_functions

from isaclib import wireless_powered as wp

MODULES = [module.name for module in pkgutil.iter_modules(wp.__path__)]
PLAIN_RESULTS = {"Allocation", "AllocationBatch", "CrbPolynomial", "Scenario"}  # Scenario.random has the example


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(f"{wp.__name__}.{name}")
    assert doctest.testmod(module).failed == 0


def test_every_public_function_has_one():
    without = [name for name, function in public_functions(wp).items() if ">>>" not in (function.__doc__ or "")]
    assert set(without) == PLAIN_RESULTS
