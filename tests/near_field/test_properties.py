"""Seeded random systems against oracles of the tests' own: closed forms, an S-procedure program, 50-digit information."""

import cvxpy as cp
import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import near_field as nf
from isaclib.near_field import robust
from isaclib.near_field.reduction import reduce
from isaclib.near_field.search import Bracket, offer
from tests.near_field.fisher_oracle import block_bounds_m2


def draw(seed, users, aps, antennas, error, snr_db):
    rng = np.random.default_rng(seed)
    h = rng.standard_normal((users, aps, antennas)) + 1j * rng.standard_normal((users, aps, antennas))
    return h, error * np.linalg.norm(h, axis=2), 10 ** (-snr_db / 10)


@pytest.mark.parametrize("seed", range(12))
def test_two_access_points_at_errors_of_three_per_cent_are_closed(seed):
    h, radii, noise = draw(seed, 2, 2, 3, 0.03, 60)
    found = nf.robust_sinr(h, radii, noise, 1.0)
    assert found.certificate.status == "optimal" and found.certificate.gap <= 1e-5 and found.certificate.residual <= 1e-9
    assert np.min(nf.worst_sinr(h, radii, found.beams, noise)) >= found.sinr * (1 - 1e-8)
    assert np.min(nf.adversarial_sinr(h, radii, found.beams, noise)) <= found.certificate.bound * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(40))
def test_one_user_has_a_closed_form_at_every_scale(seed):
    rng = np.random.default_rng(seed)
    aps, antennas = int(rng.integers(1, 7)), int(rng.integers(1, 20))
    h = rng.standard_normal((1, aps, antennas)) + 1j * rng.standard_normal((1, aps, antennas))
    radii = rng.uniform(0, 1.2, (1, aps)) * np.linalg.norm(h, axis=2)
    radii[0, 0] = [0.0, 0.999][seed % 2] * np.linalg.norm(h[0, 0])
    noise, power = 10.0 ** rng.uniform(-25, 20), 10.0 ** rng.uniform(-10, 10)
    expected = power / noise * np.sum(np.maximum(np.linalg.norm(h, axis=2) - radii, 0)) ** 2
    found = nf.robust_sinr(h, radii, noise, power)
    assert found.sinr == pytest.approx(expected, rel=1e-7) and found.certificate.bound >= expected * (1 - 1e-12)
    assert found.certificate.status == "optimal" and found.certificate.residual < 1e-9


def certified_margin(h, radii, sinr):
    """Least t of the relaxed S-procedure for unit noise and power, stated as it is in the paper (sign mended)."""
    users, aps, antennas = h.shape
    size = aps * antennas
    W = [cp.Variable((size, size), hermitian=True) for _ in range(users)]
    lam, t = cp.Variable((users, aps), nonneg=True), cp.Variable()
    rows = [w >> 0 for w in W]
    blocks = [np.diag(np.repeat(np.eye(aps)[m], antennas)) for m in range(aps)]
    rows += [cp.real(sum(cp.trace(block @ w) for w in W)) <= t for block in blocks]
    for k in range(users):
        frame = np.concatenate([np.diag(np.repeat(radii[k], antennas)), h[k].reshape(-1, 1)], axis=1)
        M = W[k] / sinr - sum(W[j] for j in range(users) if j != k)
        corner = np.zeros((size + 1, size + 1))
        corner[-1, -1] = 1.0
        extended = [np.pad(block, ((0, 1), (0, 1))) - corner for block in blocks]
        rows.append(frame.conj().T @ M @ frame + sum(lam[k, m] * extended[m] for m in range(aps)) - corner >> 0)
    problem = cp.Problem(cp.Minimize(t), rows)
    problem.solve(solver=cp.CLARABEL)
    return problem.value


@pytest.mark.parametrize(
    ("seed", "users", "aps", "error", "snr_db"), [(0, 2, 1, 0.2, 10), (1, 2, 2, 0.1, 15), (2, 3, 2, 0.05, 20)]
)
def test_an_independent_program_puts_the_same_margin_at_the_answer(seed, users, aps, error, snr_db):
    h, radii, noise = draw(seed, users, aps, 2, error, snr_db)
    found = nf.robust_sinr(h, radii, noise, 1.0)
    h, radii = h / np.sqrt(noise), radii / np.sqrt(noise)
    assert certified_margin(h, radii, found.certificate.bound) >= 1 - 1e-4
    assert certified_margin(h, radii, found.sinr) <= 1 + 1e-4


@pytest.mark.parametrize("method", ["cuts", "sdp"])
@pytest.mark.parametrize("error", [0.5, 0.9, 0.97, 0.99, 0.995, 0.999])
def test_errors_near_one_keep_matched_beams_as_a_floor(method, error):
    h = np.array([[[1, 0.2]], [[0.1, 1j]]])
    radii = error * np.linalg.norm(h, axis=2)
    found = nf.robust_sinr(h, radii, 1.0, 1.0, method=method)
    matched = nf.robust_sinr(h, radii, 1.0, 1.0, matched=True)
    assert found.certificate.bound >= found.sinr and found.certificate.residual <= 1e-6
    assert method == "sdp" or found.sinr >= matched.sinr * (1 - 1e-6)
    # At 99.9 per cent a worst channel keeps a millionth of its power: programs alone are short of digits (gaps of 1e-3), and cuts
    # whose margins are as close as the bracket are not.
    assert found.certificate.status == "optimal" or method == "sdp"
    named = "rank" if np.min(found.rank_one_ratio) < 0.9999 else "digits"
    assert found.certificate.status == "optimal" or found.reason == named


def test_edges_of_every_range_are_answered():
    h, radii, noise = draw(3, 2, 1, 1, 0.1, 20)
    assert nf.robust_sinr(h, radii, noise, 0.0).sinr == 0
    assert nf.robust_sinr(h, radii, noise, 1.0, tolerance=0.0).sinr > 0
    assert nf.robust_sinr(h, 0 * radii, noise, 1.0).certificate.status == "optimal"
    with pytest.raises(InvalidScenario, match="noise_w"):
        nf.robust_sinr(h, radii, 1e-300, 1.0)
    h[0, 0] *= 1e200
    with pytest.raises(InvalidScenario, match="channels"):
        nf.robust_sinr(h, radii, noise, 1.0)


def test_a_channel_of_zero_to_one_access_point_is_no_obstacle():
    h, radii, noise = draw(4, 2, 2, 3, 0.05, 20)
    h[0, 1] = 0
    found = nf.robust_sinr(h, radii, noise, 1.0)
    # A hard case: the path of the multipliers ends at the boundary, and a search of the SINR goes on (gap 3.6e-4 before).
    assert found.certificate.status == "optimal" and found.certificate.residual <= 1e-9


def _beyond_power(error: float, seed: int = 3) -> nf.RobustSinr:
    """At 76 dB: close to the SINR that the errors allow at any power."""
    rng = np.random.default_rng(seed)
    h = rng.standard_normal((2, 2, 8)) + 1j * rng.standard_normal((2, 2, 8))
    return nf.robust_sinr(h, error * np.linalg.norm(h, axis=2), 32 * 10**-7.6, 1.0)


@pytest.mark.parametrize(
    ("aps", "largest_part", "restricted", "reason"),
    [(2, 0.9, 1.0, "rank"), (2, 1.0, 1.0, "digits"), (3, 0.9, 0.9, "rank"), (3, 1.0, 0.9, "digits"), (3, 0.9, 0.1, "balls")],
)
def test_the_reason_of_a_gap_is_where_most_of_it_is_open(aps, largest_part, restricted, reason):
    """``restricted``: where, between SINR and bound (in logs), what the S-procedure could certify at any rank lies."""
    h, radii, noise = draw(5, 2, aps, 3, 0.05, 20)
    bracket = Bracket(reduce(h, radii, noise), 5e-6)
    offer(bracket, robust._sure_beams(bracket.problem))
    bracket.bound, bracket.restricted = bracket.best * np.exp([0.1, 0.1 * restricted])
    bracket.ratio = np.array([1.0, largest_part])
    found = robust._answer(bracket, h, radii, noise, 1.0, "a search that ended", (), 0.0)
    assert found.certificate.status == "converged" and found.reason == reason
    assert found.certificate.gap == pytest.approx(np.expm1(0.1), rel=1e-6)


def test_covariances_that_are_not_of_rank_one_are_named():
    found = _beyond_power(0.8)
    assert found.certificate.status == "converged" and found.reason == "rank" and np.min(found.rank_one_ratio) < 0.9999


@pytest.mark.parametrize(("error", "seed"), [(0.41, 5), (0.41, 9), (0.41, 22), (0.2, 7), (0.2, 18), (0.2, 22)])
def test_where_errors_alone_limit_the_users_the_gap_is_closed(error, seed):
    # Gaps of 2e-4 to 2e-2 where each of fourteen programs at most began from the start.
    assert _beyond_power(error, seed).certificate.status == "optimal"


@pytest.mark.parametrize(
    ("seed", "users", "aps", "antennas"), [(15, 6, 2, 3), (33, 5, 2, 4), (5, 2, 1, 7), (7, 3, 3, 4), (9, 2, 2, 24), (4, 1, 1, 40)]
)
def test_position_bound_keeps_its_digits_and_no_covariance_beats_the_minimum(seed, users, aps, antennas):
    rng = np.random.default_rng(seed)
    scenario = nf.Scenario.random(
        rng,
        ap_positions_m=rng.uniform(0, 70, (aps, 2)),
        user_positions_m=rng.uniform(0, 70, (users, 2)),
        antennas=antennas,
        antenna_spacing_m=0.08,
    )
    sensing = nf.optimise_sensing(scenario)
    x = rng.standard_normal((aps, antennas, antennas)) + 1j * rng.standard_normal((aps, antennas, antennas))
    psi = x @ x.conj().swapaxes(1, 2)
    psi *= scenario.sensing_power_w / np.trace(psi, axis1=1, axis2=2).real[:, None, None]
    exact, least = block_bounds_m2(scenario, [psi, sensing.covariances])
    ours = nf.crlb_m2(scenario, psi, 0.0) * scenario.block_s / scenario.sensing_block_s
    assert float(ours / exact) == pytest.approx(1, abs=1e-8)
    assert float(sensing.crlb_bar_m2 / least) == pytest.approx(1, abs=1e-8)
    assert sensing.certificate.bound <= float(least) * (1 + 1e-9) <= float(exact) * (1 + 1e-9)
