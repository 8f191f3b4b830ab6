"""Every public solver and metric of the chapter shows one worked example (tests/project/test_doctests.py runs them)."""

import pytest

from isaclib import near_field as nf

SHOWN = (
    "adversarial_sinr channels crlb_m2 error_radii optimise_sensing power_margin rate_bps_hz robust_sinr score score_beams "
    "solve_error_ignorant solve_exact solve_exact_batch solve_main solve_mrt verify worst_sinr music_spectrum"
).split()


@pytest.mark.parametrize("name", SHOWN)
def test_solvers_and_metrics_have_an_example(name):
    assert ">>>" in getattr(nf, name).__doc__
