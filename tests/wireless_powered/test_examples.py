"""Every public function has a worked example (tests/project/test_doctests.py runs them)."""

from guarded import public_functions

from isaclib import wireless_powered as wp

PLAIN_RESULTS = {"Allocation", "AllocationBatch", "CrbPolynomial", "Scenario"}  # Scenario.random has the example


def test_every_public_function_has_one():
    without = [name for name, function in public_functions(wp).items() if ">>>" not in (function.__doc__ or "")]
    assert set(without) == PLAIN_RESULTS
