"""Fisher information in closed form against two kinds of differentiation, and what a bound must obey."""

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import near_field as nf
from isaclib.foundations.channels import complex_normal
from isaclib.foundations.fisher import equivalent_fim

DERIVATIVE = 1e-6  # the bar; four-point differences of phases near 1e4 rad reach about 1e-7
COMPLEX_STEP = 1e-9  # no cancellation: only the rounding of those phases is left
EXACT = 1e-6  # the same number by two routes, through matrices of condition up to 1e8


def small(seed=0, users=3, aps=2, antennas=5, **changes):
    rng = np.random.default_rng(seed)
    return nf.Scenario.random(
        rng,
        ap_positions_m=np.array([[30.0, 70.0], [10.0, 20.0], [60.0, 30.0]])[:aps],
        user_positions_m=rng.uniform(25, 55, (users, 2)),
        antennas=antennas,
        **changes,
    )


def random_covariances(scenario, seed=0):
    shape = (len(scenario.ap_positions_m), scenario.antennas, scenario.antennas)
    root = complex_normal(np.random.default_rng(seed), shape)
    psi = root @ np.swapaxes(root.conj(), -1, -2)
    return scenario.sensing_power_w * psi / np.trace(psi, axis1=-2, axis2=-1)[:, None, None].real


def mean_parts(scenario, positions, gains_re, gains_im):
    """Real and imaginary part of the echo matrix, written with functions that are analytic in real arguments.

    Independent of the library's steering vectors: cosines and sines of the path lengths, so that a complex step works.
    """
    antennas, centres = nf.antenna_positions_m(scenario), scenario.ap_positions_m
    k = 2 * np.pi / scenario.wavelength_m
    aps, count = antennas.shape[:2]
    users = len(positions)
    re = np.zeros((aps, count, aps, count), dtype=np.result_type(positions, gains_re, gains_im, float))
    im = np.zeros_like(re)
    for u in range(users):
        dx = positions[u, 0] - antennas[..., 0]
        dy = positions[u, 1] - antennas[..., 1]
        cx, cy = positions[u, 0] - centres[:, 0], positions[u, 1] - centres[:, 1]
        excess = np.sqrt(dx * dx + dy * dy) - np.sqrt(cx * cx + cy * cy)[:, None]
        phase = -k * (excess[:, :, None, None] - excess[None, None, :, :])
        ar, ai = gains_re[u][:, None, :, None], gains_im[u][:, None, :, None]
        re = re + ar * np.cos(phase) - ai * np.sin(phase)
        im = im + ar * np.sin(phase) + ai * np.cos(phase)
    return re, im


def information_by(scenario, covariances, derivative):
    """J from derivatives of the mean signal with respect to every real parameter."""
    users, aps = scenario.reflectivity.shape[:2]
    alpha = nf.echo_gains(scenario)
    start = np.concatenate([scenario.user_positions_m.T.ravel(), alpha.real.ravel(), alpha.imag.ravel()])
    n, g = 2 * users, alpha.size

    def parts(theta):
        positions = theta[:n].reshape(2, users).T
        return mean_parts(scenario, positions, theta[n : n + g].reshape(alpha.shape), theta[n + g :].reshape(alpha.shape))

    size = aps * scenario.antennas
    root = np.zeros((size, size), dtype=complex)
    for m, psi in enumerate(covariances):
        block = slice(m * scenario.antennas, (m + 1) * scenario.antennas)
        root[block, block] = np.linalg.cholesky(psi)
    columns = []
    for p in range(len(start)):
        scale = 1.0 if p < n else np.abs(alpha).max()
        columns.append((derivative(parts, start, p, scale).reshape(size, size) @ root).ravel())
    signals = np.array(columns)
    gain = 10 ** (scenario.sensing_processing_gain_db / 10)
    return 2 * gain / scenario.noise_w * (signals.conj() @ signals.T).real


def central_difference(parts, start, p, scale):
    """Four points: the error is of fourth order, so that the step may be long enough for the rounding of the phases."""
    h = 3e-5 * scale

    def value(multiple):
        step = np.zeros_like(start)
        step[p] = multiple * h
        re, im = parts(start + step)
        return re + 1j * im

    return (8 * (value(1) - value(-1)) - (value(2) - value(-2))) / (12 * h)


def complex_step(parts, start, p, scale):
    step = np.zeros(len(start), dtype=complex)
    step[p] = 1e-30j * scale
    re, im = parts(start + step)
    return (re.imag + 1j * im.imag) / (1e-30 * scale)


@pytest.mark.parametrize(("derivative", "tolerance"), [(central_difference, DERIVATIVE), (complex_step, COMPLEX_STEP)])
@pytest.mark.parametrize(("users", "aps"), [(1, 1), (2, 3), (3, 2)])
def test_information_equals_the_derivatives_of_the_mean(derivative, tolerance, users, aps):
    s = small(users=users, aps=aps)
    psi = random_covariances(s)
    closed, numeric = nf.fisher_information(s, psi), information_by(s, psi, derivative)
    size = np.sqrt(np.diag(closed))
    assert np.max(np.abs(closed - numeric) / np.outer(size, size)) < tolerance


@pytest.mark.parametrize("seed", range(5))
def test_pairwise_elimination_equals_the_full_schur_complement(seed):
    s = small(seed, users=3, aps=3, antennas=9)
    psi = random_covariances(s, seed)
    full = equivalent_fim(nf.fisher_information(s, psi), 6)
    reduced = nf.position_information(s, psi)
    assert np.max(np.abs(full - reduced)) < EXACT * np.max(np.abs(full))
    assert np.trace(np.linalg.inv(full)) == pytest.approx(np.trace(np.linalg.inv(reduced)), rel=EXACT)
    assert nf.crlb_m2(s, psi, 0.0) == pytest.approx(np.trace(np.linalg.inv(full)) / 100, rel=EXACT)


@pytest.mark.parametrize("seed", range(5))
def test_bound_sees_a_covariance_through_the_wave_basis_only(seed):
    s = small(seed, users=2, aps=2, antennas=11)
    psi = random_covariances(s, seed)
    stacked = np.concatenate([nf.steering_vectors(s)[None], nf.steering_derivatives(s)])
    projected = []
    for m in range(2):
        q = np.linalg.qr(stacked[:, :, m].reshape(-1, 11).T)[0]
        projected.append(q @ (q.conj().T @ psi[m] @ q) @ q.conj().T)
    assert nf.crlb_m2(s, np.array(projected), 0.5) == pytest.approx(nf.crlb_m2(s, psi, 0.5), rel=EXACT)
    assert np.all(np.trace(projected, axis1=1, axis2=2).real < np.trace(psi, axis1=1, axis2=2).real)


def rotated(s, angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return s.replace(
        ap_positions_m=s.ap_positions_m @ turn.T,
        user_positions_m=s.user_positions_m @ turn.T,
        array_angles_rad=s.array_angles_rad + angle,
    )


def test_invariances_of_the_bound():
    s = small(4, users=3, aps=3, antennas=8)
    psi = random_covariances(s)
    bound = nf.crlb_m2(s, psi, 0.3)
    phase = s.replace(reflectivity=s.reflectivity * np.exp(0.7j))
    assert nf.crlb_m2(phase, psi, 0.3) == pytest.approx(bound, rel=EXACT)
    each = s.replace(reflectivity=s.reflectivity * np.exp(2j * np.pi * np.random.default_rng(0).random((1, 3, 3))))
    assert nf.crlb_m2(each, psi, 0.3) == pytest.approx(bound, rel=EXACT)
    order = [2, 0, 1]
    assert nf.crlb_m2(nf.with_access_points(s, order), psi[order], 0.3) == pytest.approx(bound, rel=EXACT)
    assert nf.crlb_m2(rotated(s, 0.83), psi, 0.3) == pytest.approx(bound, rel=EXACT)
    moved = s.replace(ap_positions_m=s.ap_positions_m + [3, -7], user_positions_m=s.user_positions_m + [3, -7])
    assert nf.crlb_m2(moved, psi, 0.3) == pytest.approx(bound, rel=EXACT)
    users = s.replace(user_positions_m=s.user_positions_m[[1, 2, 0]], reflectivity=s.reflectivity[[1, 2, 0]])
    assert nf.crlb_m2(users, psi, 0.3) == pytest.approx(bound, rel=EXACT)


def test_a_phase_of_one_user_does_change_the_bound():
    s = small(4, users=3, aps=3, antennas=8)
    psi = random_covariances(s)
    turned = s.replace(reflectivity=s.reflectivity * np.exp(1j * np.array([0.0, 1.0, 2.0]))[:, None, None])
    assert abs(nf.crlb_m2(turned, psi, 0.3) / nf.crlb_m2(s, psi, 0.3) - 1) > 1e-3


@pytest.mark.parametrize("seed", range(20))
def test_every_added_access_point_lowers_the_bound(seed):
    s = small(seed, users=2, aps=3, antennas=9)
    psi = random_covariances(s, seed)
    bounds = [nf.crlb_m2(nf.with_access_points(s, range(m)), psi[:m], 0.5) for m in (1, 2, 3)]
    assert bounds[0] > bounds[1] > bounds[2] > 0


def test_scaling_laws():
    s = small(1, antennas=9)
    psi = random_covariances(s)
    bound = nf.crlb_m2(s, psi, 0.5)
    assert nf.crlb_m2(s, 4 * psi, 0.5) == pytest.approx(bound / 4, rel=EXACT)
    assert nf.crlb_m2(s, psi, 0.75) == pytest.approx(2 * bound, rel=EXACT)
    more = s.replace(sensing_processing_gain_db=s.sensing_processing_gain_db + 10)
    assert nf.crlb_m2(more, psi, 0.5) == pytest.approx(bound / 10, rel=EXACT)
    limit = nf.time_allocation_limit(s.replace(crlb_limit_m2=bound), 50 * bound)
    assert limit == pytest.approx(0.5)


def test_edges():
    s = small(1, antennas=9)
    psi = random_covariances(s)
    assert nf.crlb_m2(s, psi, 1.0) == np.inf
    assert nf.crlb_m2(s, 0 * psi, 0.5) == np.inf
    unseen = s.replace(reflectivity=s.reflectivity * np.array([1.0, 0.0, 1.0])[:, None, None])
    assert nf.crlb_m2(unseen, psi, 0.5) == np.inf
    silent = psi * np.array([1.0, 0.0])[:, None, None]
    assert nf.crlb_m2(s, psi, 0.5) < nf.crlb_m2(s, silent, 0.5) < np.inf


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda psi: psi[:1], "covariances"),
        (lambda psi: -psi, "covariances"),
        (lambda psi: psi + 1j * np.triu(np.ones((9, 9)), 1), "covariances"),
        (lambda psi: psi * np.nan, "covariances"),
    ],
)
def test_bad_covariances_are_named(change, field):
    s = small(1, antennas=9)
    with pytest.raises(InvalidScenario) as caught:
        nf.crlb_m2(s, change(random_covariances(s)), 0.5)
    assert caught.value.field == field


def test_bad_time_allocation_is_named():
    s = small(1, antennas=9)
    with pytest.raises(InvalidScenario) as caught:
        nf.crlb_m2(s, random_covariances(s), 1.2)
    assert caught.value.field == "time_allocation"
