"""What random parameter sets asked for: apertures of a thousandth of a wavelength, a hundred million snapshots."""

import numpy as np
import pytest

from isaclib import SolverFailure
from isaclib import near_field as nf
from isaclib.foundations import conic
from isaclib.near_field import descent, music, sdp, sensing
from isaclib.near_field.information import block_bound_m2
from isaclib.near_field.reduction import reduce


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_a_sample_covariance_of_many_snapshots_has_the_moments_of_drawn_ones(rng):
    # E R = C and E |R_ij - C_ij|^2 = C_ii C_jj / S, whatever S.
    factor, noise, snapshots, draws = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2)), 0.3, 20, 20_000
    covariance = factor @ factor.conj().T + noise * np.eye(3)
    sample = np.array([music._wishart(factor, noise, snapshots, rng) for _ in range(draws)])
    spread = np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()).real / snapshots)
    assert np.all(np.abs(sample.mean(axis=0) - covariance) < 5 * spread / np.sqrt(draws))
    np.testing.assert_allclose(np.mean(np.abs(sample - covariance) ** 2, axis=0), spread**2, rtol=0.06)
    np.testing.assert_allclose(sample, sample.conj().swapaxes(1, 2))


@pytest.mark.parametrize("snapshots", [10**8, 8 * 10**10, 2**53])
def test_a_hundred_million_snapshots_and_more_locate_as_the_covariance_itself_does(rng, snapshots):
    scenario = nf.Scenario.random(rng, antennas=9)
    isotropic = np.broadcast_to(np.eye(9) * scenario.sensing_power_w / 9, (3, 9, 9))
    start = scenario.user_positions_m
    own = nf.locate_music(scenario, isotropic, start_m=start)
    many = nf.locate_music(scenario, isotropic, start_m=start, snapshots=snapshots, rng=rng)
    few = nf.locate_music(scenario, isotropic, start_m=start, snapshots=10**4, rng=rng)
    assert np.abs(many - own).max() < 0.1 * np.abs(few - own).max()


@pytest.mark.parametrize("spacing_m, carrier_hz", [(1e-4, 1e8), (1e-4, 1e9), (0.0265, 1e8)])
def test_where_the_solver_helps_little_the_bound_is_still_a_bound(spacing_m, carrier_hz):
    scenario = nf.Scenario.random(np.random.default_rng(3), antenna_spacing_m=spacing_m, carrier_hz=carrier_hz, antennas=9)
    found = nf.optimise_sensing(scenario)
    isotropic = np.broadcast_to(np.eye(9) * scenario.sensing_power_w / 9, (3, 9, 9))
    assert 0 < found.certificate.bound <= found.crlb_bar_m2 * (1 + 1e-9)
    assert found.crlb_bar_m2 <= block_bound_m2(scenario, isotropic) * (1 + 1e-12)
    assert found.certificate.residual <= 1e-9
    assert nf.verify_sensing(scenario, found).bound == pytest.approx(found.certificate.bound, rel=1e-9)


def test_an_answer_without_multipliers_is_a_failure_by_name(rng, monkeypatch):
    problem = reduce(rng.normal(size=(2, 1, 3)) + 1j * rng.normal(size=(2, 1, 3)), np.full((2, 1), 0.01), 0.1)
    bare = conic.Solution("inaccurate", 1.0, np.nan, "CLARABEL", 1, 0.0)
    monkeypatch.setattr(conic, "solve", lambda *_, **__: bare)
    with pytest.raises(SolverFailure, match="no multipliers"):
        sdp.margin_by_conic(problem, 1.0, 1.0)


@pytest.mark.parametrize("spacing_m", [1e-4, 0.0265])
def test_the_crude_proof_is_one(spacing_m):
    scenario = nf.Scenario.random(np.random.default_rng(5), antenna_spacing_m=spacing_m, antennas=9)
    witness, bound = sensing._crude_proof(scenario)
    assert bound == nf.sensing_bound(scenario, witness)
    assert 0 < bound < nf.optimise_sensing(scenario).certificate.bound


def test_a_step_leaves_alone_what_is_not_seen():
    normal = np.array([[[2.0, 0.0], [0.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]]])
    steps = descent.newton_step(normal, np.array([[2.0, 4.0], [2.0, 2.0]]))
    np.testing.assert_allclose(steps, [[1.0, 1.0], [1.0, 1.0]])
    users = np.array([[20.0, 30.0], [25.0, 40.0]])
    scenario = nf.Scenario.random(
        np.random.default_rng(0), antennas=9, user_positions_m=users, antenna_spacing_m=1e-4, carrier_hz=1e8
    )
    isotropic = np.broadcast_to(np.eye(9) * scenario.sensing_power_w / 9, (3, 9, 9))
    found = nf.locate_music(scenario, isotropic, start_m=users, snapshots=50, rng=np.random.default_rng(1))
    assert np.all(np.isfinite(found))
