"""Every public function has an example (tests/project/test_doctests.py runs them)."""

import inspect

from isaclib import network_localization as nl


def test_every_public_function_has_an_example():
    functions = [getattr(nl, name) for name in nl.__all__]
    missing = [function.__name__ for function in functions if inspect.isfunction(function) and ">>> " not in function.__doc__]
    assert missing == []
