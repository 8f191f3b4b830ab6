"""The harness itself: it passes a guarded function, and tells each kind of fault of an unguarded one."""

import numpy as np
import pytest
from guarded import assert_guarded, bad_values, public_functions

from isaclib.foundations import checks, units


def guarded(powers_w, /, noise_w, kind="power"):
    powers = checks.array("powers_w", powers_w, ("M",), minimum=0)
    checks.word("kind", kind, ("power", "energy"))
    return powers / checks.number("noise_w", noise_w, positive=True)


GOOD = {"powers_w": np.array([1.0, 2.0]), "noise_w": 0.5, "kind": "energy"}
ANY_LENGTH = {"powers_w": ["one entry more", "one entry less"]}


def test_a_guarded_function_passes_and_its_calls_are_counted():
    calls = assert_guarded(guarded, GOOD, allowed=ANY_LENGTH)
    assert calls == sum(len(bad_values(value)) for value in GOOD.values()) > 70
    assert assert_guarded(guarded, GOOD, arguments=["noise_w"]) == len(bad_values(0.5))


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (lambda noise_w: np.asarray(noise_w, float) + 1, "noise_w = nan: is answered: "),
        (lambda noise_w: checks.number("noise", noise_w, positive=True), "noise_w = None: InvalidScenario does not name it"),
        (lambda noise_w: 1 / noise_w, "noise_w = None: TypeError does not name it"),
    ],
)
def test_an_unguarded_function_is_told(function, fault):
    with pytest.raises(AssertionError, match=fault):
        assert_guarded(function, {"noise_w": 0.5})


def test_what_is_allowed_may_be_answered_but_not_with_nan_and_not_with_a_warning():
    def loose(noise_w):
        return np.log(checks.number("noise_w", noise_w))

    with pytest.raises(AssertionError, match="noise_w = negative: RuntimeWarning does not name it"):
        assert_guarded(loose, {"noise_w": 0.5}, allowed={"noise_w": ["negative"]})
    with pytest.raises(AssertionError, match="the good call itself"):
        assert_guarded(loose, {"noise_w": -1.0})
    with pytest.raises(AssertionError, match="no such arguments"):
        assert_guarded(guarded, GOOD, allowed={"nosie_w": ["negative"]})


def test_public_functions_of_a_module_and_of_a_package():
    assert {"db_to_linear", "wavelength_m"} <= set(public_functions(units))
    from isaclib import wireless_powered

    assert {"Scenario", "solve_exact"} <= set(public_functions(wireless_powered))
