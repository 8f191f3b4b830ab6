"""The worked examples of the docstrings are run; every public solver and metric has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

from isaclib import semi_isac as si

MODULES = [found.name for found in pkgutil.iter_modules(si.__path__)]
RECORDS = {
    "Allocation",
    "AllocationBatch",
    "Comparison",
    "Frontier",
    "Prices",
    "Sweep",
    "Restriction",
    "Bands",
    "Network",
    "Scenario",
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(f"{si.__name__}.{name}")
    assert not doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed


def test_every_public_function_has_an_example_with_numbers_and_annotations():
    functions = {name: getattr(si, name) for name in si.__all__ if inspect.isfunction(getattr(si, name))}
    assert set(si.__all__) - set(functions) - {"DEFAULTS", "SCHEMES"} == RECORDS
    for name, function in functions.items():
        assert ">>>" in function.__doc__, name
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty, name
        assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values()), name
