"""Every public solver and metric of the chapter shows one worked example that runs."""

import doctest
import importlib
import pkgutil

import pytest

from isaclib import near_field as nf

MODULES = [info.name for info in pkgutil.iter_modules(nf.__path__)]
SHOWN = (
    "adversarial_sinr channels crlb_m2 error_radii optimise_sensing power_margin rate_bps_hz robust_sinr score score_beams "
    "solve_error_ignorant solve_exact solve_exact_batch solve_main solve_mrt verify worst_sinr music_spectrum"
).split()


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    module = importlib.import_module(f"isaclib.near_field.{name}")
    failures, _ = doctest.testmod(module)
    assert failures == 0


@pytest.mark.parametrize("name", SHOWN)
def test_solvers_and_metrics_have_an_example(name):
    assert ">>>" in getattr(nf, name).__doc__
