"""Each mistake found in the paper's channel, Appendix and sensing model: the printed statement fails, the mended one holds."""

import math

import numpy as np
import pytest

from isaclib import InfeasibleScenario
from isaclib import near_field as nf

EXACT = 1e-6


@pytest.fixture(scope="module")
def scenario():
    return nf.Scenario.random(np.random.default_rng(nf.CALIBRATION_SEED))


@pytest.fixture(scope="module")
def covariances(scenario):
    return np.stack([np.eye(21) * scenario.sensing_power_w / 21] * 3)


def derivative_matrices(s, reference=True):
    """d H / d theta for the positions (2K) and the complex gains (K M M), block by block: lists of (M Nt, M Nt) matrices.

    ``reference=False`` leaves out the motion of the reference distance, as the paper's steering derivative does.
    """
    a, slope = nf.steering_vectors(s), nf.steering_derivatives(s)
    if not reference:
        towards = (s.user_positions_m[:, None] - s.ap_positions_m[None]) / nf.centre_distances_m(s)[..., None]
        slope = slope - 2j * np.pi / s.wavelength_m * np.moveaxis(towards, -1, 0)[..., None] * a
    gains = nf.echo_gains(s)
    users, aps, antennas = a.shape
    size = aps * antennas
    positions, units = [], []
    for q in range(2):
        for k in range(users):
            change = np.einsum("lm,la,mb->lamb", gains[k], slope[q, k], a[k].conj())
            change = change + np.einsum("lm,la,mb->lamb", gains[k], a[k], slope[q, k].conj())
            positions.append(change.reshape(size, size))
    for k in range(users):
        for receiver in range(aps):
            for transmitter in range(aps):
                unit = np.zeros((aps, antennas, aps, antennas), dtype=complex)
                unit[receiver, :, transmitter, :] = np.outer(a[k, receiver], a[k, transmitter].conj())
                units.append(unit.reshape(size, size))
    return positions, units


def gram(first, second, covariances):
    """Tr(Psi A^H B) for all pairs, with Psi = blkdiag: complex."""
    aps, antennas, _ = covariances.shape
    root = np.zeros((aps * antennas, aps * antennas), dtype=complex)
    for m in range(aps):
        root[m * antennas : (m + 1) * antennas, m * antennas : (m + 1) * antennas] = np.linalg.cholesky(covariances[m])
    left = np.array([(d @ root).ravel() for d in first])
    right = np.array([(d @ root).ravel() for d in second])
    return left.conj() @ right.T


def equivalent(jpp, jpa, jaa):
    return jpp - jpa @ np.linalg.solve(jaa, jpa.T)


def blocks(s, covariances, *, cross=True, reference=True):
    positions, units = derivative_matrices(s, reference)
    zpp, zpa, zaa = gram(positions, positions, covariances), gram(positions, units, covariances), gram(units, units, covariances)
    jpa = np.concatenate([zpa.real, -zpa.imag], axis=1)
    off = zaa.imag if cross else 0 * zaa.imag
    jaa = np.block([[zaa.real, -off], [off, zaa.real]])
    scale = 2 * 10 ** (s.sensing_processing_gain_db / 10) / s.noise_w
    return scale * zpp.real, scale * jpa, scale * jaa


def test_e2_printed_numbers_miss_the_crlb_limit(scenario):
    printed = scenario.replace(sensing_processing_gain_db=0.0, sensing_power_w=10**0.5)
    sensing = nf.optimise_sensing(printed)
    with pytest.raises(InfeasibleScenario) as caught:
        nf.largest_time_allocation(printed, sensing)
    missed = caught.value.best_attainable / caught.value.limit
    assert 7 < math.log10(missed) < 8  # with the whole block spent on sensing
    assert sensing.certificate.bound / 100 > 1e7 * printed.crlb_limit_m2  # proven, for every covariance
    halved = nf.crlb_m2(printed, sensing.covariances, 0.5)
    assert printed.error_slope_per_m * math.sqrt(halved) > 1  # the channel error exceeds the channel
    physical = printed.replace(path_gain="physical")
    worse = 10 * math.log10(nf.crlb_m2(physical, sensing.covariances, 0.5) / halved)
    assert worse == pytest.approx(61.4, abs=0.1)
    mended = scenario.replace(sensing_power_w=10**0.5)
    assert nf.crlb_m2(mended, sensing.covariances, 0.2) == pytest.approx(mended.crlb_limit_m2, rel=1e-3)


def test_e3_printed_path_gain_depends_on_the_unit_of_length(scenario):
    millimetres = scenario.replace(
        ap_positions_m=1e3 * scenario.ap_positions_m,
        user_positions_m=1e3 * scenario.user_positions_m,
        antenna_spacing_m=1e3 * scenario.antenna_spacing_m,
        carrier_hz=scenario.carrier_hz / 1e3,
    )
    ratio = nf.path_amplitudes(millimetres) / nf.path_amplitudes(scenario)
    assert ratio == pytest.approx(1 / math.sqrt(1e3))
    free = [nf.path_amplitudes(s.replace(path_gain="physical")) for s in (scenario, millimetres)]
    assert free[1] == pytest.approx(free[0])


def test_e4_error_radius_is_a_mean_and_neither_worst_case_nor_per_user(scenario, covariances):
    k = 2 * math.pi / scenario.wavelength_m
    step = 1e-5
    at = scenario.user_positions_m[1]
    away = (at - scenario.ap_positions_m[1]) / np.linalg.norm(at - scenario.ap_positions_m[1])
    h = nf.channels(scenario)[1, 1]
    error = np.linalg.norm(nf.channels(scenario, [at + step * away])[0, 1] - h) / np.linalg.norm(h)
    assert error == pytest.approx(k * step, rel=1e-3)
    assert error > 1.5 * scenario.error_slope_per_m * step  # the printed radius does not contain it
    information = nf.position_information(scenario, covariances)
    inverse = np.linalg.inv(information)
    each = np.diag(inverse)[:4] + np.diag(inverse)[4:]
    assert each.sum() == pytest.approx(100 * nf.crlb_m2(scenario, covariances, 0.0))
    assert each.max() < 0.6 * each.sum()  # every user is charged with the errors of all


def test_e5_mended_blocks_are_the_closed_form(scenario, covariances):
    jpp, _, jaa = blocks(scenario, covariances)
    closed = nf.fisher_information(scenario, covariances)
    assert jpp == pytest.approx(closed[:8, :8], rel=1e-9, abs=1e-9 * np.abs(jpp).max())
    assert jaa == pytest.approx(closed[8:, 8:], rel=1e-9, abs=1e-9 * np.abs(jaa).max())


def test_e5_schur_term_has_the_wrong_shape(scenario, covariances):
    jpp, jpa, jaa = blocks(scenario, covariances)
    with pytest.raises(ValueError, match="matmul"):
        jpp - jpa.T @ np.linalg.inv(jaa) @ jpa.T
    assert np.linalg.eigvalsh(equivalent(jpp, jpa, jaa))[0] > 0


def test_e5_trace_of_the_inverse_is_not_the_inverse_of_the_trace(scenario, covariances):
    information = nf.position_information(scenario, covariances)
    assert np.trace(np.linalg.inv(information)) > 10 / np.trace(information)


def test_e5_gains_are_not_differentiated(scenario):
    """Printed: the derivative of block (i, j) holds d alpha. With a fixed gain only the responses move."""
    s, step = scenario, 1e-7
    a, gains = nf.steering_vectors(s), nf.echo_gains(s)
    moved = nf.steering_vectors(s, s.user_positions_m + [step, 0.0])
    back = nf.steering_vectors(s, s.user_positions_m - [step, 0.0])
    numeric = gains[0, 1, 2] * (np.outer(moved[0, 1], moved[0, 2].conj()) - np.outer(back[0, 1], back[0, 2].conj())) / (2 * step)
    slope = nf.steering_derivatives(s)[0, 0]
    mended = gains[0, 1, 2] * (np.outer(slope[1], a[0, 2].conj()) + np.outer(a[0, 1], slope[2].conj()))
    assert np.abs(numeric - mended).max() < 1e-4 * np.abs(mended).max()
    printed = gains[0, 1, 2] * np.outer(a[0, 1], slope[2].conj())  # d alpha / dc = 0 leaves one of the two terms
    assert np.abs(numeric - printed).max() > 0.1 * np.abs(mended).max()


def test_e5_missing_reference_term_is_harmless_only_with_the_full_gain_block(scenario, covariances):
    full = np.trace(np.linalg.inv(equivalent(*blocks(scenario, covariances))))
    dropped = np.trace(np.linalg.inv(equivalent(*blocks(scenario, covariances, reference=False))))
    assert dropped == pytest.approx(full, rel=EXACT)
    printed = equivalent(*blocks(scenario, covariances, cross=False, reference=False))
    assert np.linalg.eigvalsh(printed)[0] < 0  # no information matrix at all


def test_e5_cross_block_of_the_gains_is_not_zero(scenario, covariances):
    _, _, jaa = blocks(scenario, covariances)
    half = len(jaa) // 2
    assert np.abs(jaa[:half, half:]).max() > 0.02 * np.abs(jaa).max()
    right = np.trace(np.linalg.inv(equivalent(*blocks(scenario, covariances))))
    zeroed = np.trace(np.linalg.inv(equivalent(*blocks(scenario, covariances, cross=False))))
    assert 1e-7 < abs(zeroed / right - 1) < 1e-4  # little harm by itself: it takes the missing reference term to spoil the result


def test_e5_sign_of_the_imaginary_part(scenario, covariances):
    positions, units = derivative_matrices(scenario)
    to_real = gram(positions, units, covariances)
    to_imaginary = gram(positions, [1j * unit for unit in units], covariances)
    assert to_imaginary == pytest.approx(1j * to_real, rel=1e-9)
    assert np.abs(to_real - 1j * to_imaginary).max() > np.abs(to_real).max()  # the printed relation


def test_e5_second_factor_of_the_position_block_is_not_conjugated(scenario, covariances):
    positions, _ = derivative_matrices(scenario)
    root = np.zeros((3, 21, 3, 21), dtype=complex)
    root[np.arange(3), :, np.arange(3)] = covariances
    psi = root.reshape(63, 63)
    mended = np.array([[np.trace(psi @ a.conj().T @ b).real for b in positions] for a in positions])
    printed = np.array([[np.trace(psi @ a.conj().T @ b.conj().T).real for b in positions] for a in positions])
    assert np.allclose(mended, gram(positions, positions, covariances).real)
    assert np.linalg.eigvalsh(mended)[0] > 0 > np.linalg.eigvalsh(0.5 * (printed + printed.T))[0]


def test_e5_conjugate_of_the_outgoing_gain(scenario):
    h, rho = nf.channels(scenario), scenario.reflectivity
    a, beta = nf.steering_vectors(scenario), nf.path_gains(scenario)
    echo = rho[0, 0, 1] * np.outer(h[0, 0], h[0, 1].conj())
    mended = nf.echo_gains(scenario)[0, 0, 1] * np.outer(a[0, 0], a[0, 1].conj())
    printed = rho[0, 0, 1] * beta[0, 0] * beta[0, 1] * np.outer(a[0, 0], a[0, 1].conj())
    assert mended == pytest.approx(echo)
    assert np.abs(printed - echo).max() > 0.1 * np.abs(echo).max()


@pytest.mark.parametrize("antennas", [20, 40, 60, 32])
def test_e6_even_arrays_have_no_central_antenna(antennas):
    """N_t = 2N + 1 admits none of the sizes of Figs. 3 and 4; offsets (n - (N_t - 1)/2) d admit all."""
    assert antennas not in [2 * n + 1 for n in range(100)]
    s = nf.Scenario.random(np.random.default_rng(0), antennas=antennas)
    distance = np.linalg.norm(nf.antenna_positions_m(s) - s.ap_positions_m[:, None], axis=-1)
    assert distance.min() == pytest.approx(s.antenna_spacing_m / 2)
    assert nf.antenna_positions_m(s).mean(axis=1) == pytest.approx(s.ap_positions_m)


def test_e7_aperture_means_grating_lobes(scenario):
    s = scenario.replace(ap_positions_m=np.zeros((3, 2)), array_angles_rad=np.zeros(3))
    assert s.antenna_spacing_m / s.wavelength_m == pytest.approx(2.475, abs=0.01)
    sines = 0.2 - np.array([0, 1, 2]) * s.wavelength_m / s.antenna_spacing_m
    points = 30 * np.stack([sines, np.sqrt(1 - sines**2)], axis=-1)
    waves = nf.plane_wave_vectors(s, points)[:, 0]
    assert np.abs(waves[1:].conj() @ waves[0]) == pytest.approx(21.0)  # three directions, one response
    half = scenario.replace(antenna_spacing_m=scenario.wavelength_m / 2)
    assert half.rayleigh_distance_m < 0.2 * nf.centre_distances_m(half).min()  # no user in the near field


def test_e13_signal_subspace_has_km_dimensions_not_k(scenario, covariances):
    eigenvalues = np.linalg.eigvalsh(nf.echo_covariance(scenario, covariances))
    noise = eigenvalues[0]
    assert np.sum(eigenvalues > 10 * noise) == 12
    responses = nf.steering_vectors(scenario).reshape(4, -1)
    exact = nf.echo_covariance(scenario, covariances)
    null = {}
    for dimension in (4, 12):
        projector = nf.noise_projector(scenario, exact, signal_dimension=dimension)
        null[dimension] = np.linalg.norm(responses @ projector.T, axis=1) / np.linalg.norm(responses, axis=1)
    assert null[12].max() < 1e-4
    assert null[4].min() > 0.3  # far from orthogonal: no peak at any user
