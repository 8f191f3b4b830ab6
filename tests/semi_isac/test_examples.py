"""Every public solver and metric has a worked example (tests/project/test_doctests.py runs them)."""

import inspect

from isaclib import semi_isac as si

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


def test_every_public_function_has_an_example_with_numbers_and_annotations():
    functions = {name: getattr(si, name) for name in si.__all__ if inspect.isfunction(getattr(si, name))}
    assert set(si.__all__) - set(functions) - {"DEFAULTS", "SCHEMES"} == RECORDS
    for name, function in functions.items():
        assert ">>>" in function.__doc__, name
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty, name
        assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values()), name
