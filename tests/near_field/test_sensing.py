"""Optimised sensing covariances: certificates, full against reduced, calibration."""

import dataclasses

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario, SolverFailure
from isaclib import near_field as nf
from isaclib.foundations.channels import complex_normal
from isaclib.near_field.hermitian import hermitian_basis

CONIC_GAP = 1e-5  # definition of done for conic programs
CONIC_RESIDUAL = 1e-6
ROUNDING = 1e-6  # one access point alone: the information of range and angle differ by eight orders, and rounding shows
SAME_OPTIMUM = 1e-5  # two statements of one program, each certified to CONIC_GAP
CALIBRATION_DB = 1e-3  # the stored gain is rounded to 1e-4 dB, the program is exact to 1e-5


def random_scenario(seed):
    rng = np.random.default_rng(seed)
    users, aps = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    return nf.Scenario.random(
        rng,
        ap_positions_m=rng.uniform(0, 70, (aps, 2)),
        user_positions_m=rng.uniform(0, 70, (users, 2)),
        array_angles_rad=rng.uniform(0, np.pi, aps),
        antennas=int(rng.integers(7, 24)),
    )


@pytest.fixture(scope="module")
def paper():
    scenario = nf.Scenario.random(np.random.default_rng(nf.CALIBRATION_SEED), sensing_power_w=10**0.5)
    return scenario, nf.optimise_sensing(scenario)


@pytest.mark.parametrize("seed", range(20))
def test_certificate_on_random_scenarios(seed):
    s = random_scenario(seed)
    sensing = nf.optimise_sensing(s)
    c = sensing.certificate
    assert c.status == "optimal" and c.gap <= CONIC_GAP and c.residual <= CONIC_RESIDUAL
    assert c.bound <= c.value * (1 + ROUNDING)
    again = nf.verify_sensing(s, sensing)
    assert again.status == "optimal"
    assert again.value == pytest.approx(nf.crlb_m2(s, sensing.covariances, 0.0) * s.block_s / s.sensing_block_s)


@pytest.mark.parametrize("seed", range(20))
def test_no_random_covariance_beats_the_bound(seed):
    s = random_scenario(seed)
    sensing = nf.optimise_sensing(s)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        root = complex_normal(rng, (len(s.ap_positions_m), s.antennas, 1 + seed % 4))
        mixed = root @ np.swapaxes(root.conj(), 1, 2)
        mixed *= s.sensing_power_w / np.trace(mixed, axis1=1, axis2=2).real[:, None, None]
        near = 0.9 * sensing.covariances + 0.1 * mixed
        for psi in (mixed, near):
            assert nf.crlb_m2(s, psi, 0.0) * 100 >= sensing.certificate.bound * (1 - ROUNDING)


@pytest.mark.parametrize(("users", "aps", "antennas"), [(1, 1, 5), (2, 1, 7), (2, 2, 9), (3, 2, 11), (1, 3, 4)])
def test_full_program_agrees_with_the_reduced_one(users, aps, antennas):
    s = nf.Scenario.random(
        np.random.default_rng(users + 10 * aps),
        ap_positions_m=np.array([(30.0, 70.0), (10.0, 20.0), (60.0, 30.0)])[:aps],
        user_positions_m=np.array([(20.0, 30.0), (25.0, 40.0), (40.0, 30.0)])[:users],
        antennas=antennas,
    )
    reduced, full = nf.optimise_sensing(s), nf.optimise_sensing(s, reduced=False)
    assert full.crlb_bar_m2 == pytest.approx(reduced.crlb_bar_m2, rel=SAME_OPTIMUM)
    assert full.certificate.gap <= CONIC_GAP
    assert "as stated" in full.certificate.method


def test_any_witness_bounds_the_optimum(paper):
    s, sensing = paper
    rng = np.random.default_rng(0)
    isotropic = np.stack([np.eye(21) * s.sensing_power_w / 21] * 3)
    natural = nf.natural_witness(s, isotropic)
    assert nf.sensing_bound(s, natural) < sensing.crlb_bar_m2
    for _ in range(5):
        v = natural.matrix + 1e-6 * rng.standard_normal((8, 8))
        wild = nf.Witness(v + v.T, natural.regressions * rng.uniform(0.5, 1.5, natural.regressions.shape))
        assert nf.sensing_bound(s, wild) < sensing.certificate.bound


def test_verify_rejects_perturbed_results(paper):
    s, sensing = paper
    assert nf.verify_sensing(s, sensing).status == "optimal"
    isotropic = np.stack([np.eye(21) * s.sensing_power_w / 21] * 3)
    for changes in (
        {"covariances": 1.01 * sensing.covariances},
        {"covariances": 0.9 * sensing.covariances + 0.1 * isotropic},
        {"crlb_bar_m2": 0.99 * sensing.crlb_bar_m2},
        {"witness": nf.natural_witness(s, isotropic)},
    ):
        assert nf.verify_sensing(s, dataclasses.replace(sensing, **changes)).status == "converged"
    assert nf.verify_sensing(s, dataclasses.replace(sensing, covariances=1.01 * sensing.covariances)).residual > 0.009


def test_a_limit_between_value_and_bound_is_not_called_infeasible(paper):
    s, sensing = paper
    attained = sensing.crlb_bar_m2 * s.sensing_block_s / s.block_s
    loose = dataclasses.replace(sensing.certificate, bound=0.5 * sensing.crlb_bar_m2, status="converged")
    loose = dataclasses.replace(sensing, certificate=loose)
    with pytest.raises(SolverFailure, match="between") as failure:
        nf.largest_time_allocation(s.replace(crlb_limit_m2=0.7 * attained), loose)
    assert failure.value.residuals == {"attained": attained, "proven": pytest.approx(0.5 * attained), "limit": 0.7 * attained}
    for limit, answer in ((0.4 * attained, loose), (0.7 * attained, sensing)):
        with pytest.raises(InfeasibleScenario, match="no covariance of this power") as refusal:
            nf.largest_time_allocation(s.replace(crlb_limit_m2=limit), answer)
        assert refusal.value.best_attainable == attained
    assert nf.largest_time_allocation(s.replace(crlb_limit_m2=2 * attained), loose) == pytest.approx(0.5)


def test_paper_scenario_beats_isotropic_and_is_certified(paper):
    s, sensing = paper
    assert sensing.certificate.status == "optimal"
    isotropic = np.stack([np.eye(21) * s.sensing_power_w / 21] * 3)
    assert sensing.crlb_bar_m2 < 0.2 * nf.crlb_m2(s, isotropic, 0.0) * 100


def test_calibration_is_rederived(paper):
    s, sensing = paper
    assert nf.calibrated_gain_db(s, sensing, 0.2) == pytest.approx(nf.SENSING_PROCESSING_GAIN_DB, abs=CALIBRATION_DB)
    assert nf.largest_time_allocation(s, sensing) == pytest.approx(0.2, abs=1e-3)
    assert nf.largest_time_allocation(s.replace(crlb_limit_m2=2e-11), sensing) == pytest.approx(0.6, abs=1e-3)
    with pytest.raises(InvalidScenario):
        nf.calibrated_gain_db(s, sensing, 1.0)


def test_covariance_does_not_depend_on_time_limit_or_power(paper):
    """Claim 004-C11: eta, the limit and the budget scale the bound and leave the minimiser where it is."""
    s, sensing = paper
    louder = s.replace(sensing_power_w=10.0, crlb_limit_m2=1e-9, block_s=0.2)
    other = nf.optimise_sensing(louder)
    assert other.crlb_bar_m2 == pytest.approx(sensing.crlb_bar_m2 / 10**0.5, rel=SAME_OPTIMUM)
    scaled = sensing.covariances * 10**0.5
    for share in (0.1, 0.5, 0.9):
        assert nf.crlb_m2(louder, scaled, share) == pytest.approx(nf.crlb_m2(louder, other.covariances, share), rel=SAME_OPTIMUM)


def test_infeasible_limits_say_what_is_attainable(paper):
    s, sensing = paper
    with pytest.raises(InfeasibleScenario) as caught:
        nf.largest_time_allocation(s.replace(crlb_limit_m2=5e-12), sensing)
    assert caught.value.constraint == "crlb_limit_m2"
    assert caught.value.limit == 5e-12
    assert caught.value.best_attainable == pytest.approx(sensing.crlb_bar_m2 / 100)
    for changes in ({"sensing_power_w": 0.0}, {"reflectivity": s.reflectivity * 0}):
        with pytest.raises(InfeasibleScenario) as caught:
            nf.optimise_sensing(s.replace(**changes))
        assert caught.value.best_attainable == np.inf


def test_where_nothing_is_identified_isotropic_covariances_stand_in_if_asked(paper):
    s, sensing = paper
    # On the axis of its only array a user's distance and direction change no phase difference to first order.
    along = s.replace(
        ap_positions_m=[[0.0, 0.0]],
        array_angles_rad=[0.0],
        user_positions_m=[[10.0, 0.0]],
        reflectivity=s.reflectivity[:1, :1, :1],
    )
    with pytest.raises(InfeasibleScenario, match="no covariance identifies"):
        nf.optimise_sensing(along)
    found = nf.optimise_sensing(along, fallback=True)
    np.testing.assert_allclose(found.covariances, along.sensing_power_w / 21 * np.eye(21)[None])
    assert found.crlb_bar_m2 == found.certificate.value == np.inf and found.certificate.status == "converged"
    assert nf.verify_sensing(along, found).status == "converged"
    assert (
        nf.time_allocation_limit(along, np.inf)
        == nf.time_allocation_limit(along.replace(crlb_limit_m2=np.inf), np.inf)
        == -np.inf
    )
    assert nf.relative_error(along, np.inf, 0.5) == nf.calibrated_gain_db(along, found, 0.5) == np.inf
    assert nf.relative_error(along.replace(error_slope_per_m=0.0), np.inf, 0.5) == 0
    for solve in (nf.solve_exact, nf.solve_error_ignorant, nf.solve_mrt):
        with pytest.raises(InfeasibleScenario, match="no covariance identifies"):
            solve(along, sensing=found)
    with pytest.raises(InvalidScenario, match="position bound of inf"):
        nf.solve_exact(s, sensing=nf.Sensing(sensing.covariances, np.inf, found.certificate, sensing.witness))
    assert nf.optimise_sensing(s, fallback=True).crlb_bar_m2 == sensing.crlb_bar_m2


def test_e11_printed_share_may_lie_outside_the_frame(paper):
    s, sensing = paper
    strict = s.replace(crlb_limit_m2=5e-12)
    printed = nf.time_allocation_limit(strict, sensing.crlb_bar_m2)
    assert printed < 0, "eq. (17) as it stands gives a share of the frame that does not exist"
    with pytest.raises(InfeasibleScenario):
        nf.largest_time_allocation(strict, sensing)
    allowed = nf.largest_time_allocation(s, sensing)
    exact = nf.time_allocation_limit(s, sensing.crlb_bar_m2)
    assert 0 < np.nextafter(exact, 0) <= allowed <= exact < 1, "its last digit may be rounded down to keep the limit"


@pytest.mark.parametrize("reduced", [True, False])
def test_users_on_the_axis_of_an_array(reduced):
    """Endfire: a column of the wave basis is zero, and the two users' gains cannot be told apart on that array."""
    s = nf.Scenario.random(
        np.random.default_rng(0),
        ap_positions_m=np.array([[60.0, 30.0], [10.0, 20.0]]),
        user_positions_m=np.array([[40.0, 30.0], [20.0, 30.0]]),
        array_angles_rad=np.zeros(2),
        antennas=9,
    )
    assert np.abs(nf.steering_derivatives(s)[0, :, 0]).max() == 0
    sensing = nf.optimise_sensing(s, reduced=reduced)
    assert sensing.certificate.bound <= sensing.certificate.value * (1 + ROUNDING)
    assert nf.verify_sensing(s, sensing).status == "optimal"


def test_hermitian_basis_is_orthonormal():
    basis = hermitian_basis(4)
    gram = np.einsum("aij,bij->ab", basis.conj(), basis)
    assert gram == pytest.approx(np.eye(16), abs=1e-14)


@pytest.mark.parametrize("chosen", [[0, 1, 2], [0], [1], [0, 1]])
@pytest.mark.parametrize("seed", range(3))
def test_apertures_of_next_to_nothing_end_with_a_gap_and_no_exception(seed, chosen):
    s = nf.Scenario.random(
        np.random.default_rng(seed),
        ap_positions_m=[(-1000.0, 70.0), (-1000.0, 20.0), (-1000.0, 30.0)],
        user_positions_m=[(20.0, 30.0), (25.0, 40.0), (40.0, 30.0), (35.0, 60.0)],
        antenna_spacing_m=1e-4,
    )
    s = nf.with_access_points(s, chosen)
    sensing = nf.optimise_sensing(s)
    isotropic = np.stack([np.eye(21) * s.sensing_power_w / 21] * len(chosen))
    assert (
        0
        < sensing.certificate.bound
        <= sensing.crlb_bar_m2
        <= nf.crlb_m2(s, isotropic, 0.0) * s.block_s / s.sensing_block_s * (1 + 1e-9)
    )
    # Two directions determine a position; one, through a thousandth of a wavelength, leaves the last digits open.
    assert sensing.certificate.status == ("optimal" if len(chosen) > 1 else "converged")
    assert sensing.certificate.residual <= CONIC_RESIDUAL
