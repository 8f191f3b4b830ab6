"""Mistakes in the paper's robust beamforming and time allocation: the printed statement fails, the mended one holds."""

import numpy as np
import pytest

from isaclib.near_field.adversary import worst_case, worst_channels
from isaclib.near_field.given_beams import worst_sinr
from isaclib.near_field.robust import robust_sinr
from isaclib.near_field.time_allocation import rate_bps_hz

# A matrix is taken for positive semidefinite down to this part of its norm.
ROUNDING = 1e-9


def problem(seed=0, aps=2, relative=0.05):
    rng = np.random.default_rng(seed)
    h = (rng.standard_normal((2, aps, 3)) + 1j * rng.standard_normal((2, aps, 3))) / np.sqrt(2)
    return h, relative * np.linalg.norm(h, axis=2)


def lmi(h, radii, covariances, k, sinr, noise, multipliers, sign):
    """The matrix of eq. (13) with the given sign in front of the noise power."""
    stacked = h[k].ravel()
    M = covariances[k] / sinr - sum(covariances[j] for j in range(len(h)) if j != k)
    corner = (stacked.conj() @ M @ stacked).real + sign * noise - multipliers @ radii[k] ** 2
    column = (M @ stacked)[:, None]
    return np.block([[M + np.diag(np.repeat(multipliers, h.shape[2])), column], [column.conj().T, np.array([[corner]])]])


def semidefinite(matrix):
    return np.linalg.eigvalsh(matrix)[0] >= -ROUNDING * max(np.linalg.norm(matrix), 1.0)


def test_e1_printed_sign_admits_every_rate_without_power():
    h, radii = problem()
    nothing = np.zeros((2, 6, 6), dtype=complex)
    for sinr in (1.0, 1e6, 1e12):
        assert semidefinite(lmi(h, radii, nothing, 0, sinr, 0.1, np.zeros(2), +1))
        assert not semidefinite(lmi(h, radii, nothing, 0, sinr, 0.1, np.zeros(2), -1))
    best = robust_sinr(h, radii, 0.1, 1.0)
    stacked = best.beams.reshape(2, -1)
    covariances = np.einsum("kn,km->knm", stacked, stacked.conj())
    for k in range(2):
        assert semidefinite(lmi(h, radii, covariances, k, best.sinr, 0.1, best.multipliers[k], -1))
        assert not semidefinite(lmi(h, radii, covariances, k, 1.05 * best.sinr, 0.1, best.multipliers[k], -1))


def test_e8_printed_bisection_may_end_with_an_infeasible_rate():
    best, limit = 1.0, 4.0
    rate, low, high, before, solved = limit, 0.0, limit, None, []
    while before is None or abs(rate - before) / rate > 1e-3:
        solved.append((rate, rate <= best))
        low, high = (rate, high) if rate <= best else (low, rate)
        before, rate = rate, 0.5 * (low + high)
    feasible = [value for value, ok in solved if ok]
    # The output of the last solve is what line 12 returns; here nothing was found in it.
    assert not solved[-1][1]
    assert feasible[-1] == pytest.approx(best, rel=2e-3)


def test_e8_beams_of_the_share_before_are_not_those_of_the_final_share():
    h, radii = problem()
    before, final = robust_sinr(h, 4 * radii, 0.1, 1.0), robust_sinr(h, radii, 0.1, 1.0)
    kept = np.min(worst_sinr(h, radii, before.beams, 0.1))
    assert kept < final.sinr * 0.99


def test_e9_schur_complement_needs_a_positive_definite_block():
    h, radii = problem()
    rng = np.random.default_rng(1)
    w = rng.standard_normal(h.shape) + 1j * rng.standard_normal(h.shape)
    found = worst_case(h, radii, w[None], 1.0)
    _, values = worst_channels(h, radii, w[None], 1.0, found)
    stacked, centre = w.reshape(2, -1), h[0].ravel()
    M = np.outer(stacked[0], stacked[0].conj()) - np.outer(stacked[1], stacked[1].conj())

    def printed(multipliers):
        block = M + np.diag(np.repeat(multipliers, 3))
        value = centre.conj() @ M @ centre - multipliers @ radii[0] ** 2
        return (value - centre.conj() @ M @ np.linalg.solve(block, M @ centre)).real, np.linalg.eigvalsh(block)[0]

    scanned = [printed(factor * found.multipliers[0, 0]) for factor in np.geomspace(1e-3, 1, 60)]
    assert any(least < 0 and promised > values[0, 0, 0] + 0.1 for promised, least in scanned)
    certified, least = printed(1.5 * found.multipliers[0, 0])
    assert least > 0 and certified <= values[0, 0, 0]


def test_e10_printed_rate_depends_on_the_unit_of_time():
    share, sinr = 0.6, 1e5
    in_seconds, in_milliseconds = (share * block * np.log2(1 + sinr) for block in (0.1, 100.0))
    assert in_milliseconds == pytest.approx(1000 * in_seconds)
    assert rate_bps_hz(share, sinr) == pytest.approx(in_seconds / 0.1)


def test_e14_counts_leave_out_the_sensing_program():
    users, aps, antennas, step, iterations = 4, 3, 21, 0.02, 4
    ignorant = (users * aps * antennas) ** 3.5
    matched = iterations * ((users * aps**2) ** 3.5 + users * (aps * antennas) ** 3 / step)
    program = (aps * antennas**2) ** 3.5
    assert program > 300 * max(ignorant, matched)
    # As printed MRT is cheaper by a tenth or more; with what both solve first, by less than a per cent.
    assert matched < 0.9 * ignorant and matched + program > 0.99 * (ignorant + program)
