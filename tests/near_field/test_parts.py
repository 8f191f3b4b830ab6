"""Geometry, information, sensing and locating: inner functions by formula, thresholds from both sides."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import linalg

from isaclib import InvalidScenario
from isaclib import near_field as nf
from isaclib.foundations.certificate import Certificate
from isaclib.foundations.errors import InfeasibleScenario, SolverFailure
from isaclib.near_field import descent, hermitian, information, likelihood, music, scenario, sensing
from isaclib.near_field import sensing_program as programs
from tests.near_field.scenes import normal, tiny


def positive(rng, count, size):
    a = normal(rng, count, size, size)
    return a @ a.conj().swapaxes(1, 2)


@pytest.fixture(scope="module")
def solved():
    s = tiny()
    return s, nf.optimise_sensing(s)


# Scenario


@pytest.mark.parametrize("sign", [1, -1])
def test_echoes_beyond_a_hundred_and_twenty_decades_are_refused(sign):
    s = tiny(sensing_power_w=7.0, noise_w=3e-9)
    echo = np.abs(nf.echo_gains(s)).max()
    decades = math.log10(7.0) - math.log10(3e-9) + 2 * math.log10(echo)
    s.replace(sensing_processing_gain_db=10 * (sign * 119.99 - decades))
    with pytest.raises(InvalidScenario, match=f"1e{sign * 120}"):
        s.replace(sensing_processing_gain_db=10 * (sign * 120.01 - decades))
    for silent in ({"reflectivity": 0 * s.reflectivity}, {"sensing_power_w": 0.0}):
        s.replace(sensing_processing_gain_db=10 * (sign * 120.01 - decades), **silent)


@pytest.mark.parametrize("gain", [2999.9, 3000.0])
def test_gains_end_at_three_thousand_decibels(gain):
    for sign, noise in ((1, 1e290), (-1, 1e-300)):
        change = {"sensing_processing_gain_db": sign * gain, "noise_w": noise, "sensing_power_w": 0.0}
        if gain < 3000:
            tiny(**change)
        else:
            with pytest.raises(InvalidScenario, match="dB"):
                tiny(**change)


def test_a_snapshot_may_take_the_whole_block():
    assert tiny(block_s=1e-3, sensing_block_s=1e-3).block_s == 1e-3
    with pytest.raises(InvalidScenario, match="longer"):
        tiny(block_s=1e-3, sensing_block_s=1.001e-3)


def test_where_no_user_and_no_point_may_stand():
    odd, even = tiny(array_angles_rad=[0.0, 0.3]), tiny(antennas=2, array_angles_rad=[0.0, 0.3])
    aps = odd.ap_positions_m
    for s in (odd, even):
        with pytest.raises(InvalidScenario, match="stands"):
            s.replace(user_positions_m=[[20.0, 30.0], aps[0]])
        with pytest.raises(InvalidScenario, match="infinite"):
            nf.path_amplitudes(s, [[20.0, 30.0], aps[0]])
    # Antennas of odd arrays stand 0.08 m from the centre, those of even ones 0.04 m.
    for s, on, beside in ((odd, 0.08, 0.04), (even, 0.04, 0.08)):
        with pytest.raises(InvalidScenario, match="no direction"):
            nf.steering_derivatives(s, [[20.0, 30.0], aps[0] + [on, 0.0]])
        assert nf.steering_derivatives(s, [[20.0, 30.0], aps[0] + [beside, 0.0]]).shape == (2, 2, 2, s.antennas)
    with pytest.raises(InvalidScenario, match="no direction"):
        nf.steering_derivatives(even, [[20.0, 30.0], aps[1]])
    with pytest.raises(InvalidScenario, match="stands"):
        odd.replace(user_positions_m=[[20.0, 30.0], aps[0] + [0.08, 0.0]])


def test_geometry_by_its_formulas():
    s = tiny(antennas=4, path_gain="physical")
    wave = 299792458 / s.carrier_hz
    assert s.wavelength_m == pytest.approx(wave) and s.rayleigh_distance_m == pytest.approx(2 * (3 * 0.08) ** 2 / wave)
    np.testing.assert_allclose(scenario.broadside_angles_rad([[0.0, 0.0]], [1.0, 1.0]), 3 * np.pi / 4)
    np.testing.assert_allclose(scenario.broadside_angles_rad([[1.0, 3.0]], [2.0, 3.0]), np.pi / 2)
    places = nf.antenna_positions_m(s)
    for m, n in np.ndindex(2, 4):
        angle = s.array_angles_rad[m]
        np.testing.assert_allclose(
            places[m, n], s.ap_positions_m[m] + (n - 1.5) * 0.08 * np.array([np.cos(angle), np.sin(angle)])
        )
    points = np.array([[1.0, 2.0], [50.0, -3.0]])
    r = np.linalg.norm(points[:, None, None] - places, axis=-1)
    r0 = np.linalg.norm(points[:, None] - s.ap_positions_m, axis=-1)
    np.testing.assert_allclose(scenario.antenna_distances_m(s, points), r)
    np.testing.assert_allclose(nf.steering_vectors(s, points), np.exp(-2j * np.pi * (r - r0[..., None]) / wave), atol=1e-8)
    np.testing.assert_allclose(nf.path_amplitudes(s, points), wave / (4 * np.pi * r0))
    np.testing.assert_allclose(nf.path_amplitudes(tiny(), points), np.sqrt(wave / (4 * np.pi)) / r0)
    np.testing.assert_allclose(nf.path_gains(s, points), wave / (4 * np.pi * r0) * np.exp(-2j * np.pi * r0 / wave), rtol=1e-7)
    h = nf.path_gains(s)[..., None] * nf.steering_vectors(s)
    np.testing.assert_allclose(nf.channels(s), h)
    beta = nf.path_gains(s)
    for k, l, m in np.ndindex(2, 2, 2):
        assert nf.echo_gains(s)[k, l, m] == pytest.approx(s.reflectivity[k, l, m] * beta[k, l] * beta[k, m].conj())
    step = 1e-6
    for q in (0, 1):
        moved = [nf.steering_vectors(s, points + sign * step * np.eye(2)[q]) for sign in (1, -1)]
        np.testing.assert_allclose(nf.steering_derivatives(s, points)[q], (moved[0] - moved[1]) / (2 * step), atol=2e-3)


def test_phasors_take_whole_cycles_off():
    cycles = np.array([0.0, 0.25, 0.5, -0.125, 1e6 + 0.25])
    np.testing.assert_allclose(scenario.phasors(cycles), [1, -1j, -1, np.exp(0.25j * np.pi), -1j], atol=1e-9)


def test_chosen_access_points_keep_their_own():
    s = tiny()
    with pytest.raises(InvalidScenario, match="twice"):
        nf.with_access_points(s, [1, 1])
    for bad in ([2], [-1]):
        with pytest.raises(InvalidScenario, match="access_points"):
            nf.with_access_points(s, bad)
    swapped = nf.with_access_points(s, [1, 0])
    np.testing.assert_array_equal(swapped.reflectivity, s.reflectivity[:, ::-1, ::-1])
    np.testing.assert_array_equal(swapped.array_angles_rad, s.array_angles_rad[::-1])


# Hermitian coordinates


@pytest.mark.parametrize("only_real", [False, True])
def test_coordinates_of_hermitian_matrices(only_real):
    rng = np.random.default_rng(1)
    at = hermitian.Coordinates(3, only_real)
    basis = at.matrices(np.eye(at.count))
    assert at.count == (6 if only_real else 9) == len(basis) and np.allclose(basis, basis.conj().swapaxes(1, 2))
    entries, R = rng.standard_normal((2, at.count)), normal(rng, 2, 3, 3)
    H = at.matrices(entries)
    np.testing.assert_allclose(H, np.tensordot(entries, basis, axes=1))
    np.testing.assert_allclose(np.diagonal(H, axis1=1, axis2=2), entries[:, :3])
    assert H[0, 1, 0] == entries[0, 3] + (0 if only_real else 1j * entries[0, 6])
    np.testing.assert_allclose(at.pairings(R), np.einsum("iab,nba->ni", basis, R).real, atol=1e-12)
    P, Q = positive(rng, 2, 3), positive(rng, 2, 3)
    expected = np.einsum("iab,nbc,jcd,nda->ij", basis, P, basis, Q).real
    np.testing.assert_allclose(at.products(P, Q), expected, atol=1e-10)
    ortho = hermitian.hermitian_basis(3, only_real)
    np.testing.assert_allclose(np.einsum("iab,jba->ij", ortho, ortho).real, np.eye(at.count), atol=1e-12)


def test_real_forms_act_on_real_and_imaginary_parts():
    rng = np.random.default_rng(2)
    A, x = normal(rng, 3, 2), normal(rng, 2)
    y = hermitian.real_form(A) @ np.concatenate([x.real, x.imag])
    np.testing.assert_allclose(y, np.concatenate([(A @ x).real, (A @ x).imag]))


# Information


def derivatives(s, l, m):
    """The pair's D_p: positions x, positions y, gains, each (K, Nt, Nt)."""
    a, slopes = nf.steering_vectors(s), nf.steering_derivatives(s)
    alpha = nf.echo_gains(s)[:, l, m]
    moved = [
        alpha[:, None, None]
        * (np.einsum("ka,kb->kab", d[:, l], a[:, m].conj()) + np.einsum("ka,kb->kab", a[:, l], d[:, m].conj()))
        for d in slopes
    ]
    return np.concatenate([*moved, np.einsum("ka,kb->kab", a[:, l], a[:, m].conj())])


@pytest.mark.parametrize("antennas", [3, 8])
def test_columns_of_a_pair_have_the_information_as_their_products(antennas):
    rng, s = np.random.default_rng(3), tiny(antennas=antennas)
    psi = positive(rng, 2, antennas)
    pairs = list(information.pair_columns(s, psi))
    by_pair = nf.fisher_information(s, psi), information.information_by_pair(s, psi)
    for (l, m), (moved, gains) in zip(np.ndindex(2, 2), pairs):
        D = derivatives(s, l, m)
        Z = np.einsum("ab,pcb,qca->pq", psi[m], D.conj(), D)
        columns = np.concatenate([moved, gains], axis=1)
        np.testing.assert_allclose(columns.conj().T @ columns, Z, rtol=1e-9, atol=1e-9 * np.abs(Z).max())
        J = np.block(
            [
                [Z[:4, :4].real, Z[:4, 4:].real, -Z[:4, 4:].imag],
                [Z[:4, 4:].real.T, Z[4:, 4:].real, -Z[4:, 4:].imag],
                [-Z[:4, 4:].imag.T, Z[4:, 4:].imag, Z[4:, 4:].real],
            ]
        )
        scale = 2 * 10**8.5 / s.noise_w
        np.testing.assert_allclose(by_pair[1][l, m], scale * J, rtol=1e-8, atol=1e-9 * scale * np.abs(J).max())
    W, regressions = information.eliminated(s, psi)
    Je = nf.position_information(s, psi)
    np.testing.assert_allclose(
        W @ W.T / information.snr_scale(s), np.linalg.inv(Je), rtol=1e-7, atol=1e-9 * np.abs(W @ W.T).max()
    )
    assert information.block_bound_m2(s, psi) == pytest.approx(np.trace(np.linalg.inv(Je)), rel=1e-8)
    J = by_pair[1][1, 0]
    np.testing.assert_allclose(regressions[1, 0], J[:4, 4:] @ np.linalg.inv(J[4:, 4:]), rtol=1e-6, atol=1e-9)
    gains = J[:4, 4:] @ np.linalg.solve(J[4:, 4:], J[4:, :4])
    unexplained = information._unexplained(*pairs[2])
    np.testing.assert_allclose(
        unexplained.T @ unexplained * information.snr_scale(s), J[:4, :4] - gains, rtol=1e-6, atol=1e-8 * np.abs(J[:4, :4]).max()
    )


def test_patterns_are_combinations_of_derivatives():
    rng, s = np.random.default_rng(4), tiny()
    positions, nuisances, gains = rng.standard_normal((4, 3)), rng.standard_normal((2, 4, 3)), nf.echo_gains(s)
    C = information.patterns(positions, nuisances, np.moveaxis(gains, 0, -1)[:, 1])
    U = information.wave_basis(s)
    for l, i in np.ndindex(2, 3):
        D = derivatives(s, l, 1)
        weights = np.concatenate([positions[:, i], nuisances[l, :2, i] + 1j * nuisances[l, 2:, i]])
        np.testing.assert_allclose(U[l] @ C[l, i] @ U[1].conj().T, np.tensordot(weights, D, axes=1), rtol=1e-9, atol=1e-9)


def test_regressions_on_gains_of_any_length(monkeypatch):
    """A null of the covariance towards a user leaves its gains columns a part in 1e17 as long as the others."""
    s = tiny()
    moved, gains = normal(np.random.default_rng(1), 5, 4), np.zeros((5, 2), dtype=complex)
    gains[0, 0], gains[1, 1] = 1e-3, 2e-20j
    monkeypatch.setattr(information, "pair_columns", lambda *given: [(moved, gains)] * 4)
    W, regressions = information.eliminated(s, None)
    found = np.stack([moved[0] / 1e-3, moved[1] / 2e-20j])
    np.testing.assert_allclose(regressions[1, 0], np.concatenate([found.real, found.imag]).T, rtol=1e-9)
    rest = moved[2:]
    np.testing.assert_allclose(W @ W.T, np.linalg.inv(4 * (rest.conj().T @ rest).real), rtol=1e-7)


def test_roots_of_inverses_and_where_there_are_none():
    rows = np.random.default_rng(5).standard_normal((7, 3)) * [1.0, 1e6, 1e-6]
    W = information._inverse_root(rows)
    np.testing.assert_allclose((rows @ W).T @ (rows @ W), np.eye(3), atol=1e-9)
    assert information._inverse_root(rows * [1.0, 0.0, 1.0]) is None
    for rest, known in ((1.1e-13, True), (0.9e-13, False)):
        # Columns of length 1 with singular values sqrt(1 + c) and sqrt(1 - c).
        pair = np.array([[1.0, 1.0], [rest, -rest], [0.0, 0.0]])
        assert (information._inverse_root(pair) is not None) == known


def test_gains_that_are_not_seen_explain_nothing():
    moved, gains = np.array([[1.0 + 2j], [3.0], [0.0]]), np.zeros((3, 2), dtype=complex)
    np.testing.assert_allclose(information._unexplained(moved, gains).ravel(), [1, 3, 0, 2, 0, 0])
    gains[1, 1] = 5j
    np.testing.assert_allclose(information._unexplained(moved, gains).ravel(), [1, 0, 0, 2, 0, 0], atol=1e-15)
    for rest, left in ((1.1e-13, 0.0), (0.9e-13, 1.0)):
        pair = np.array([[0.0, 0.0], [1.0, 1.0], [rest, -rest]])
        # Below the threshold two columns are one: what lies along their difference stays.
        assert information._unexplained(np.array([[0.0], [0.0], [1.0 + 0j]]), pair)[2, 0] == pytest.approx(left, abs=1e-3)


def test_limits_bounds_and_radii_by_their_formulas():
    s = tiny(block_s=0.4, sensing_block_s=0.02, crlb_limit_m2=3e-11, error_slope_per_m=7.0)
    assert nf.time_allocation_limit(s, 1e-10) == pytest.approx(1 - 0.02 * 1e-10 / (0.4 * 3e-11))
    assert nf.time_allocation_limit(s, math.inf) == -math.inf and nf.time_allocation_limit(s, 0.0) == 1
    white = np.tile(np.eye(3), (2, 1, 1))
    block = information.block_bound_m2(s, white)
    assert nf.crlb_m2(s, white, 0.75) == pytest.approx(block * 0.02 / (0.25 * 0.4)) and nf.crlb_m2(s, white, 1.0) == math.inf
    assert nf.crlb_m2(s, white, 0.0) == pytest.approx(block / 20)
    norms = np.linalg.norm(nf.channels(s), axis=2)
    np.testing.assert_allclose(nf.error_radii(s, 4e-12), 7 * 2e-6 * norms)
    assert np.all(nf.error_radii(s, math.inf) == math.inf)
    assert np.all(nf.error_radii(s.replace(error_slope_per_m=0.0), math.inf) == 0)
    assert information.snr_scale(s) == pytest.approx(2 * 10**8.5 / s.noise_w)


@pytest.mark.parametrize(("off", "ok"), [(0.9, True), (1.1, False)])
def test_covariances_are_hermitian_and_positive_to_nine_digits(off, ok):
    s = tiny()
    skew = np.tile(np.eye(3) * 5.0, (2, 1, 1)).astype(complex)
    skew[1, 0, 1] = off * 5e-9
    negative = np.tile(np.diag([5.0, 1.0, 1.0]), (2, 1, 1)).astype(complex)
    negative[0, 2, 2] = -off * 3 * 5e-9
    large = np.tile(np.eye(3) * off * 1e100, (2, 1, 1))
    for psi, word in ((skew, "Hermitian"), (negative, "semidefinite"), (large, "large")):
        if ok:
            assert information.checked_covariances(s, psi) is not None
        else:
            with pytest.raises(InvalidScenario, match=word):
                information.checked_covariances(s, psi)
    assert np.all(information.checked_covariances(s, np.zeros((2, 3, 3))) == 0)
    with pytest.raises(InvalidScenario, match="semidefinite"):
        information.checked_covariances(s, np.tile(np.diag([1e-3, -1e-3, 0.0]), (2, 1, 1)))


# The sensing program


@pytest.mark.parametrize("reduced", [True, False])
def test_cones_of_the_program_are_the_inequalities(reduced):
    """At any unknowns: power, covariances in their spans, and the whitened information less the slack."""
    rng, s = np.random.default_rng(6), tiny()
    isotropic = np.tile(np.eye(3) * s.sensing_power_w / 3, (2, 1, 1))
    program = programs.Program(s, isotropic, reduced)
    x = rng.standard_normal(program.size)
    values = [right - rows @ x for rows, right in program.rows]
    rank, wide = program.spans.shape[-1], len(program.coordinates)
    assert wide == rank**2 and program.size == 2 * wide + ((4 if reduced else 1) + 1) * 10
    psi = [np.tensordot(x[m * wide : (m + 1) * wide], program.coordinates, axes=1) for m in range(2)]
    for m in range(2):
        np.testing.assert_allclose(programs._matrices(values[m], 2 * rank), hermitian.real_form(psi[m]), atol=1e-12)
        assert values[2][m] == pytest.approx(1 - np.trace(psi[m]).real)
    slack = [programs._matrices(x[program._columns("slack", i)], 4) for i in range(4 if reduced else 1)]
    inverse = programs._matrices(x[program._columns("inverse")], 4)
    last = np.block([[sum(slack), np.eye(4)], [np.eye(4), inverse]])
    np.testing.assert_allclose(programs._matrices(values[-1], 8), last, atol=1e-12)
    full = [s.sensing_power_w * span @ each @ span.conj().T for span, each in zip(program.spans, psi)]
    basis, gains = information.wave_basis(s), np.moveaxis(nf.echo_gains(s), 0, -1)
    scaled = []
    for l, m in np.ndindex(2, 2):
        received, sent = basis[l].conj().T @ basis[l], basis[m].conj().T @ full[m] @ basis[m]
        J = program.scale * information.real_information(information.pair_information(received, sent, gains[l, m]))
        X = program.start_regressions[l, m]
        T = np.block([[program.whiten, -program.whiten @ X], [np.zeros((4, 4)), program.whiten_gains[l, m]]])
        scaled.append(T @ J @ T.T)
    if reduced:
        for (l, m), value, S, seen in zip(np.ndindex(2, 2), values[3:7], slack, scaled):
            expected = seen + linalg.block_diag(-S, program.unseen_gains[l, m])
            np.testing.assert_allclose(programs._matrices(value, 8), expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max())
    else:
        whole = np.zeros((20, 20))
        whole[:4, :4] = -slack[0]
        for slot, seen in enumerate(scaled, start=1):
            index = np.concatenate([np.arange(4), np.arange(4 * slot, 4 * slot + 4)])
            whole[np.ix_(index, index)] += seen
        np.testing.assert_allclose(programs._matrices(values[3], 20), whole, rtol=1e-7, atol=1e-7 * np.abs(whole).max())
    # At the start the whitened information of all pairs is the identity, and so is that of the gains.
    start = x * 0
    for m in range(2):
        start[program._columns("covariance", m)] = [
            np.trace(E @ program.spans[m].conj().T @ program.spans[m]).real / 3 for E in program.coordinates
        ]
    if rank == 3 and reduced:
        seen = [programs._matrices(right - rows @ start, 8) for rows, right in program.rows[3:7]]
        np.testing.assert_allclose(sum(each[:4, :4] for each in seen), np.eye(4), atol=1e-6)
        for each in seen:
            np.testing.assert_allclose(each[4:, 4:], np.eye(4), atol=1e-6)
            np.testing.assert_allclose(each[:4, 4:], 0, atol=1e-6)
    squared = np.linalg.inv(program.whiten @ program.whiten)
    np.testing.assert_allclose(squared, nf.position_information(s, isotropic), rtol=1e-6)
    weight = programs._matrices(program.cost[program._columns("inverse")], 4)
    np.testing.assert_allclose(weight, np.linalg.inv(squared) / np.trace(np.linalg.inv(squared)), rtol=1e-6, atol=1e-12)
    assert np.count_nonzero(program.cost) <= 10 and program.widths[:3] == [2 * rank, 2 * rank, 0]


@pytest.mark.parametrize("reduced", [True, False])
def test_the_witness_of_a_solution_is_its_multipliers_unscaled(reduced):
    s = tiny()
    program = programs.Program(s, np.tile(np.eye(3) * s.sensing_power_w / 3, (2, 1, 1)), reduced)
    solution = program.solve(tolerance=1e-9, equilibrate=False)
    V, regressions = program.witness(solution)
    psi = program.covariances(solution)
    value = information.block_bound_m2(s, psi)
    assert sensing.sensing_bound(s, sensing.Witness(V, regressions)) == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(np.trace(psi, axis1=1, axis2=2).real, s.sensing_power_w, rtol=1e-12)
    # The inverse has the cost as its multiplier.
    cost = programs._matrices(program.cost[program._columns("inverse")], 4)
    np.testing.assert_allclose(solution.trace[4:, 4:], cost, atol=1e-6)
    assert solution.iterations > 5 and len(solution.pairs) == (4 if reduced else 1)
    # V is the inverse of the information up to a factor.
    inverse = np.linalg.inv(nf.position_information(s, psi))
    np.testing.assert_allclose(V / np.trace(V), inverse / np.trace(inverse), atol=2e-4)
    # Without power the covariance is the identity, in the span.
    nothing = program.covariances(replace(solution, unknowns=0 * solution.unknowns))
    for m in range(2):
        P = program.spans[m] @ program.spans[m].conj().T
        np.testing.assert_allclose(nothing[m], s.sensing_power_w * P / np.trace(P).real, atol=1e-12)
    odd = solution.unknowns.copy()
    odd[program._columns("covariance", 1)] = [
        np.trace(E @ np.diag([3.0, 1.0, -5.0])[: len(E), : len(E)]).real for E in program.coordinates
    ]
    found = program.spans[1].conj().T @ program.covariances(replace(solution, unknowns=odd))[1] @ program.spans[1]
    np.testing.assert_allclose(found, s.sensing_power_w * np.diag([0.75, 0.25, 0.0]), atol=1e-9)


def test_small_matrices_of_the_program():
    rng = np.random.default_rng(7)
    A, B = positive(rng, 2, 3).real, positive(rng, 2, 3).real
    np.testing.assert_allclose(np.sum(programs._vector(A) * programs._vector(B), axis=1), np.trace(A @ B, axis1=1, axis2=2))
    np.testing.assert_allclose(programs._matrices(programs._vector(A), 3), A)
    placed = programs._placed(A, 5, 1)
    assert (
        placed.shape == (2, 5, 5) and np.array_equal(placed[:, 1:4, 1:4], A) and np.sum(placed**2) == pytest.approx(np.sum(A**2))
    )
    np.testing.assert_allclose(programs._power(A, 0.5) @ programs._power(A, 0.5), A)
    np.testing.assert_allclose(programs._power(A, -1.0), np.linalg.inv(A), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(programs._power(np.diag([4.0, -1.0]), 0.5), np.diag([2.0, 0.0]))
    np.testing.assert_allclose(programs._power(A + np.triu(np.ones((3, 3)), 1) - np.tril(np.ones((3, 3)), -1), 1.0), A)
    root = rng.standard_normal((3, 3))
    half = programs._half(root)
    np.testing.assert_allclose(half @ half, root @ root.T)
    np.testing.assert_allclose(half, half.T)


@pytest.mark.parametrize(("rest", "rank"), [(1.1e-10, 2), (0.9e-10, 1)])
def test_directions_of_nothing_are_dropped(rest, rank, monkeypatch):
    # Two unit columns with singular values whose quotient is the threshold.
    c, d = math.cos(math.atan(rest)), math.sin(math.atan(rest))
    basis = np.array([[[c, c, 0], [d, -d, 0], [0, 0, 0]]]) * [1.0, 7.0, 1.0]
    spans = programs._spans(basis)
    assert spans.shape == (1, 3, rank)
    np.testing.assert_allclose(spans[0].conj().T @ spans[0], np.eye(rank), atol=1e-12)
    s = tiny()
    gains = np.array([[3.0, 0.0], [0.0, 3.0 * rest]]) + 0j
    monkeypatch.setattr(programs, "pair_columns", lambda *given: [(None, gains)] * 4)
    roots, unseen = programs._whitening(s, None, 4.0)
    assert roots.shape == unseen.shape == (2, 2, 4, 4)
    second = 0.5 / (3 * rest) if rank == 2 else 0.0
    np.testing.assert_allclose(roots[1, 0], np.diag([0.5 / 3, second] * 2), rtol=1e-9, atol=1e-20)
    np.testing.assert_allclose(unseen[0, 1], np.diag([0.0, 2.0 - rank] * 2), atol=1e-12)
    turn = np.array([[0.6, 0.8j], [0.8j, 0.6]])
    gains = gains @ turn.conj().T
    roots, unseen = programs._whitening(s, None, 4.0)
    for found, diagonal in ((roots[0, 0], [0.5 / 3, second]), (unseen[1, 1], [0.0, 2.0 - rank])):
        expected = programs.real_form(turn @ np.diag(diagonal) @ turn.conj().T)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * max(diagonal))


def test_an_answer_that_is_no_number_is_none(monkeypatch):
    s = tiny()
    program = programs.Program(s, np.tile(np.eye(3), (2, 1, 1)), True)
    for bad in ("x", "z"):
        answer = SimpleNamespace(x=np.zeros(program.size), z=np.zeros(sum(len(r) for _, r in program.rows)), iterations=1)
        getattr(answer, bad)[0] = np.nan
        monkeypatch.setattr(programs.clarabel, "DefaultSolver", lambda *given, a=answer: SimpleNamespace(solve=lambda: a))
        assert program.solve(tolerance=1e-8, equilibrate=True) is None


# Sensing


def test_the_bound_of_a_witness_by_eigenvalues(solved):
    s, found = solved
    rng = np.random.default_rng(8)
    V = positive(rng, 1, 4)[0].real
    X = found.witness.regressions + 0.1 * rng.standard_normal((2, 2, 4, 4)) * np.abs(found.witness.regressions).max()
    price = 0.0
    for m in range(2):
        G = np.zeros((3, 3), dtype=complex)
        for l in range(2):
            D = derivatives(s, l, m)
            rows = [*D[:4], *D[4:], *(1j * D[4:])]
            for i in range(4):
                weights = np.concatenate([V[:, i], -(X[l, m].T @ V)[:, i]])
                E = sum(w * d for w, d in zip(weights, rows))
                G += E.conj().T @ E
        price += np.linalg.eigvalsh(G)[-1]
    expected = np.trace(V) ** 2 / (information.snr_scale(s) * s.sensing_power_w * price)
    for scale in (1.0, 1e150):
        assert nf.sensing_bound(s, sensing.Witness(scale * V, X)) == pytest.approx(expected, rel=1e-8)
    assert nf.sensing_bound(s, sensing.Witness(0 * V, X)) == 0 == nf.sensing_bound(s, sensing.Witness(V, np.full_like(X, 1e308)))
    assert nf.sensing_bound(s.replace(sensing_power_w=0.0), found.witness) == 0
    assert nf.sensing_bound(s, found.witness) == pytest.approx(found.certificate.bound)
    crude, bound = sensing._crude_proof(s)
    assert np.array_equal(crude.matrix, np.eye(4)) and not crude.regressions.any() and bound == nf.sensing_bound(s, crude)


def test_witnesses_of_covariances(solved):
    s, found = solved
    own = nf.natural_witness(s, found.covariances)
    np.testing.assert_allclose(
        own.matrix / np.trace(own.matrix),
        np.linalg.inv(nf.position_information(s, found.covariances)) / found.crlb_bar_m2,
        rtol=1e-6,
    )
    thin = np.zeros((2, 3, 3)) + 0j
    with pytest.raises(InvalidScenario, match="identify"):
        nf.natural_witness(s, thin)
    assert sensing._natural_proof(s, thin) == (None, 0.0)
    assert sensing._natural_proof(s, found.covariances)[1] == pytest.approx(found.crlb_bar_m2, rel=1e-3)


def test_the_best_proof_is_the_largest_that_does_not_contradict():
    proofs = [("a", 1.0), ("b", 3.0), ("c", 2.0), ("d", 5.0)]
    assert sensing._best(proofs, 3.5) == ("b", 3.0) and sensing._best(proofs, 0.5) == (None, 0.0)
    assert sensing._best(proofs, 3.0) == ("b", 3.0) and sensing._best(proofs, 2.999) == ("c", 2.0)


def test_residuals_of_the_sensing_power():
    s = tiny(sensing_power_w=2.0)
    psi = np.array([np.diag([0.5, 0.5, 0.5]), np.diag([1.0, 1.0, 0.5])])
    assert sensing.power_residual(s, psi) == pytest.approx(0.25) and sensing.power_residual(s, 0.5 * psi) == 0
    silent = s.replace(sensing_power_w=0.0)
    assert sensing.power_residual(silent, 1e-3 * psi) == math.inf and sensing.power_residual(silent, 0 * psi) == 0


def test_verified_sensing_is_admissible_attained_and_honest(solved):
    s, found = solved
    good = nf.verify_sensing(s, found)
    assert good.status == "optimal" and good.value == pytest.approx(found.crlb_bar_m2) and good.sense == "min"
    for factor, status in ((1 + 0.9e-6, "optimal"), (1 + 1.1e-6, "converged")):
        assert nf.verify_sensing(s, replace(found, covariances=factor * found.covariances)).status == status
    for factor in (1 + 2e-5, 1 - 2e-5):
        assert nf.verify_sensing(s, replace(found, crlb_bar_m2=factor * found.crlb_bar_m2)).status == "converged"
    assert nf.verify_sensing(s, replace(found, crlb_bar_m2=(1 + 0.9e-5) * found.crlb_bar_m2)).status == "optimal"
    blunt = replace(found.witness, matrix=np.eye(4))
    assert nf.verify_sensing(s, replace(found, witness=blunt)).status == "converged"


def certificate_of(value, bound):
    return Certificate(method="m", value=value, bound=bound, sense="min")


def test_shares_end_where_the_limit_does(solved):
    s, found = solved
    whole = found.crlb_bar_m2 * s.sensing_block_s / s.block_s
    for limit in (4 * whole, 1.5 * whole):
        share = nf.largest_time_allocation(s.replace(crlb_limit_m2=limit), found)
        assert share == pytest.approx(1 - whole / limit, rel=1e-12)
        assert nf.crlb_m2(s, found.covariances, share) <= limit
    short = s.replace(crlb_limit_m2=0.5 * whole)
    with pytest.raises(InfeasibleScenario) as caught:
        nf.largest_time_allocation(short, found)
    proven = whole * found.certificate.bound / found.crlb_bar_m2
    assert caught.value.best_attainable == pytest.approx(whole) and f"{proven:.6g}" in str(caught.value)
    loose = replace(found, certificate=certificate_of(found.crlb_bar_m2, 0.4 * found.crlb_bar_m2))
    with pytest.raises(SolverFailure, match="between") as failed:
        nf.largest_time_allocation(short, loose)
    assert failed.value.residuals == pytest.approx({"attained": whole, "proven": 0.4 * whole, "limit": 0.5 * whole})
    free = s.replace(crlb_limit_m2=math.inf)
    assert nf.largest_time_allocation(free, found) == 1.0


def test_the_gain_that_moves_the_largest_share(solved):
    s, found = solved
    for share in (0.1, 0.6):
        gain = nf.calibrated_gain_db(s, found, share)
        moved = s.replace(sensing_processing_gain_db=gain)
        scale = 10 ** ((s.sensing_processing_gain_db - gain) / 10)
        assert nf.time_allocation_limit(moved, scale * found.crlb_bar_m2) == pytest.approx(share)
    for bad in (0.0, 1.0, -0.1, 1.1):
        with pytest.raises(InvalidScenario, match="time_allocation"):
            nf.calibrated_gain_db(s, found, bad)


def test_without_an_answer_isotropic_covariances_and_their_proof_count(monkeypatch):
    s = tiny()
    isotropic = np.tile(np.eye(3) * s.sensing_power_w / 3, (2, 1, 1))
    starts, own = [], sensing.Program.__init__
    monkeypatch.setattr(sensing.Program, "__init__", lambda p, a, b, c: starts.append(b) or own(p, a, b, c))
    monkeypatch.setattr(sensing.Program, "solve", lambda *given, **more: None)
    found = nf.optimise_sensing(s)
    np.testing.assert_allclose(starts, [isotropic] * 2)
    np.testing.assert_allclose(found.covariances, isotropic)
    c = found.certificate
    assert c.value == information.block_bound_m2(s, isotropic) and c.status == "converged" and c.iterations == 0
    assert c.bound == pytest.approx(max(sensing._natural_proof(s, isotropic)[1], sensing._crude_proof(s)[1]))
    monkeypatch.setattr(sensing, "_best", lambda *given: (None, 0.0))
    with pytest.raises(SolverFailure, match="no witness"):
        nf.optimise_sensing(s)


def test_a_second_program_begins_at_the_first_ones_covariances(monkeypatch):
    s = tiny()
    isotropic = np.tile(np.eye(3) * s.sensing_power_w / 3, (2, 1, 1))
    starts, settings, own, solve = [], [], sensing.Program.__init__, sensing.Program.solve
    monkeypatch.setattr(sensing.Program, "__init__", lambda p, a, b, c: starts.append(b) or own(p, a, b, c))
    monkeypatch.setattr(sensing.Program, "solve", lambda p, **more: settings.append(more) or solve(p, **more))
    monkeypatch.setattr(sensing, "OPTIMAL_GAP", -1.0)
    found = nf.optimise_sensing(s)
    assert [each["equilibrate"] for each in settings] == [False, True] and settings[0]["tolerance"] < settings[1]["tolerance"]
    np.testing.assert_allclose(starts[1], 0.1 * isotropic + 0.9 * found.covariances, rtol=1e-4, atol=1e-4)
    assert found.certificate.gap < 1e-6 and found.certificate.iterations > 12


# Locating


def test_echoes_and_their_covariance_by_their_definition():
    rng, s = np.random.default_rng(9), tiny()
    psi, a, alpha = positive(rng, 2, 3), nf.steering_vectors(s), nf.echo_gains(s)
    H = np.block(
        [[sum(alpha[k, l, m] * np.outer(a[k, l], a[k, m].conj()) for k in range(2)) for m in range(2)] for l in range(2)]
    )
    np.testing.assert_allclose(nf.echo_matrix(s), H)
    noise = s.noise_w / 10**8.5
    assert music.noise_w(s) == pytest.approx(noise)
    C = H @ linalg.block_diag(*psi) @ H.conj().T + noise * np.eye(6)
    np.testing.assert_allclose(nf.echo_covariance(s, psi), C, rtol=1e-9, atol=1e-9 * noise)
    np.testing.assert_array_equal(music._block_diagonal(psi), linalg.block_diag(*psi))
    roots = music.square_root(psi)
    np.testing.assert_allclose(roots @ roots.conj().swapaxes(1, 2), psi)
    assert np.all(music.square_root(-np.eye(2)[None]) == 0)
    drawn = nf.simulate_echoes(s, psi, 40_000, np.random.default_rng(1))
    np.testing.assert_allclose(drawn @ drawn.conj().T / 40_000, C, atol=0.03 * np.abs(C).max())
    seen = np.random.default_rng(2)
    one = music._samples(s, psi, 7, [np.random.default_rng(2)], False)[0]
    again = nf.simulate_echoes(s, psi, 7, seen)
    np.testing.assert_allclose(one, again @ again.conj().T / 7)


def test_plane_waves_by_their_formula():
    s = tiny(array_angles_rad=[0.0, 0.5])
    points = np.array([[33.0, 74.0], [30.0, 70.0]])
    found = nf.plane_wave_vectors(s, points)
    offsets = 0.08 * (np.arange(3) - 1)
    np.testing.assert_allclose(found[0, 0], np.exp(2j * np.pi / s.wavelength_m * offsets * 0.6), atol=1e-9)
    np.testing.assert_allclose(found[1, 0], 1.0)


def test_many_snapshots_are_not_drawn(monkeypatch):
    s = tiny()
    psi, ways = np.tile(np.eye(3), (2, 1, 1)), []
    monkeypatch.setattr(music, "_wishart", lambda *given: ways.append("moments"))
    monkeypatch.setattr(music, "_echoes", lambda *given: ways.append("drawn") or np.ones((6, 1)))
    for limit, snapshots, way in ((600, 101, "moments"), (606, 101, "drawn"), (0, 60, "drawn"), (0, 61, "moments")):
        monkeypatch.setattr(music, "_MANY_ENTRIES", limit)
        music._samples(s, psi, snapshots, [np.random.default_rng(0)], False)
        assert ways.pop() == way and not ways


def test_subspaces_need_room_for_noise(monkeypatch):
    s = tiny()
    C = np.diag([6.0, 5, 4, 3, 2, 1]) + 0j
    np.testing.assert_allclose(np.abs(nf.signal_subspace(s, C)), np.eye(6)[:, [3, 2, 1, 0]])
    assert nf.signal_subspace(s, C, signal_dimension=5).shape == (6, 5)
    np.testing.assert_allclose(nf.noise_projector(s, C), np.diag([0, 0, 0, 0, 1, 1.0]), atol=1e-12)
    with pytest.raises(InvalidScenario, match="signal_dimension"):
        nf.signal_subspace(s, C, signal_dimension=6)
    three = tiny(user_positions_m=[[20.0, 30.0], [40.0, 45.0], [30.0, 20.0]])
    with pytest.raises(InvalidScenario, match="noise subspace"):
        nf.signal_subspace(three, C)
    two = tiny(antennas=2)
    with pytest.raises(InvalidScenario, match="noise subspace"):
        nf.signal_subspace(two, np.eye(4))
    monkeypatch.setattr(music, "_FULL", 5)
    np.testing.assert_allclose(np.abs(nf.signal_subspace(s, C)), np.eye(6)[:, [3, 2, 1, 0]], atol=1e-12)


def test_spectra_are_one_over_what_lies_in_the_noise(monkeypatch):
    rng, s = np.random.default_rng(10), tiny()
    C = positive(rng, 1, 6)[0]
    grid = np.array([[20.0, 30.0], [21.0, 35.0], [44.0, 10.0], [12.0, 60.0], [3.0, 4.0]])
    P = nf.noise_projector(s, C)
    for far, respond in ((False, nf.steering_vectors), (True, nf.plane_wave_vectors)):
        v = respond(s, grid).reshape(5, 6)
        expected = 1 / np.einsum("ga,ab,gb->g", v.conj(), P, v).real
        for chunk, deep in ((2048, 1e-4), (2, 1e-4), (2, 2.0), (3, 0.0)):
            monkeypatch.setattr(music, "_CHUNK", chunk)
            monkeypatch.setattr(music, "_DEEP", deep)
            found = music._spectra(s, [C, C], grid, far, None)
            np.testing.assert_allclose(found, [expected] * 2, rtol=1e-9)
    np.testing.assert_allclose(music._squares(np.array([[3 + 4j, 1j]])), 26.0)
    with pytest.raises(InvalidScenario, match="rng"):
        nf.music_spectrum(s, np.tile(np.eye(3), (2, 1, 1)), grid, snapshots=3)


def test_deep_nulls_keep_their_digits():
    s = tiny()
    white = np.tile(np.eye(3) * s.sensing_power_w / 3, (2, 1, 1))
    at, beside = nf.music_spectrum(s, white, [s.user_positions_m[0], s.user_positions_m[0] + 1e-6])
    assert at > 1e20 and at > 1e6 * beside


def test_peaks_are_maxima_of_their_eight_neighbours():
    spectrum = np.array([[9.0, 1, 1, 7], [1, 1, 8, 1], [5, 1, 1, 1], [1, 1, 1, 6]])
    assert nf.peaks(spectrum, 9).tolist() == [[0, 0], [1, 2], [3, 3], [2, 0]]
    assert nf.peaks(spectrum, 1).tolist() == [[0, 0]]


def test_a_step_of_music_minimises_the_linearised_null():
    s = tiny()
    C = positive(np.random.default_rng(11), 1, 6)[0]
    steps, own = [], music.descend

    def once(step, points):
        steps.append(step(np.array([0]), points))
        return points

    music.descend, start = once, s.user_positions_m + 0.01
    try:
        music._located(s, [C], start)
    finally:
        music.descend = own
    P = nf.noise_projector(s, C)
    v, slopes = nf.steering_vectors(s, start).reshape(2, 6), nf.steering_derivatives(s, start).reshape(2, 2, 6)
    for k in range(2):
        A = (P @ slopes[:, k].T).reshape(6, 2)
        real = np.concatenate([A.real, A.imag])
        error = np.concatenate([(P @ v[k]).real, (P @ v[k]).imag])
        np.testing.assert_allclose(steps[0][0, k], -np.linalg.lstsq(real, error, rcond=None)[0], rtol=1e-6)


def test_a_step_of_the_likelihood_is_that_of_least_squares():
    rng, s = np.random.default_rng(12), tiny()
    factors, observed = normal(rng, 2, 3, 2), normal(rng, 1, 2, 2, 3, 2)
    points = s.user_positions_m + 0.01
    vectors, slopes = nf.steering_vectors(s, points), nf.steering_derivatives(s, points)
    columns, rests = [], []
    for l, m in np.ndindex(2, 2):
        patterns = [np.outer(vectors[k, l], vectors[k, m].conj()) @ factors[m] for k in range(2)]
        G = np.array([p.ravel() for p in patterns]).T
        gains = np.linalg.lstsq(G, observed[0, l, m].ravel(), rcond=None)[0]
        moved = []
        for d in slopes:
            for k in range(2):
                both = np.outer(d[k, l], vectors[k, m].conj()) + np.outer(vectors[k, l], d[k, m].conj())
                moved.append(gains[k] * (both @ factors[m]).ravel())
        D = np.array(moved).T
        project = np.eye(len(G)) - G @ np.linalg.pinv(G)
        columns.append(project @ D)
        rests.append((project @ observed[0, l, m].ravel(), D))
    A = np.concatenate([np.concatenate([c.real, c.imag]) for c in columns])
    # The score takes the derivative itself against what the gains leave.
    score = sum((D.conj().T @ rest).real for rest, D in rests)
    step = np.linalg.solve(A.T @ A, score)
    found = likelihood._step(s, factors, observed, points[None])
    np.testing.assert_allclose(found[0], step.reshape(2, 2).T, rtol=1e-7)
    twice = likelihood._step(s, factors, np.concatenate([observed, 2 * observed]), np.stack([points, points]))
    np.testing.assert_allclose(twice, np.stack([found[0], found[0]]), rtol=1e-7)


def test_simulated_echoes_of_the_likelihood(monkeypatch):
    s, seen = tiny(), []
    psi = positive(np.random.default_rng(13), 2, 3)
    monkeypatch.setattr(likelihood, "_TOGETHER", 2)

    def once(step, points):
        seen.append(step.__defaults__[0])
        return points

    monkeypatch.setattr(likelihood, "descend", once)
    rngs = np.random.default_rng(3).spawn(5)
    found = likelihood.locate_likelihood_batch(s, psi, s.user_positions_m, blocks=50, rngs=rngs)
    assert found.shape == (5, 2, 2) and [len(each) for each in seen] == [2, 2, 1]
    monkeypatch.setattr(likelihood, "complex_normal", lambda rng, shape: np.full(shape, 2j))
    seen.clear()
    nf.locate_likelihood(s, psi, s.user_positions_m, blocks=50, rng=np.random.default_rng(0))
    H, noise = nf.echo_matrix(s), s.noise_w / 10**8.5
    F = np.sqrt(50) * music.square_root(psi)
    for l, m in np.ndindex(2, 2):
        expected = H[3 * l : 3 * l + 3, 3 * m : 3 * m + 3] @ F[m] + 2j * math.sqrt(noise)
        np.testing.assert_allclose(seen[0][0, l, m], expected, rtol=1e-9)


def test_descents_end_draw_by_draw():
    calls = []

    def step(draws, points):
        calls.append(draws.tolist())
        return np.where(draws == 0, 0.9e-10, np.where(draws == 1, 1.0 if len(calls) < 3 else 0.0, 1.1e-10))[
            :, None, None
        ] * np.ones((1, 1, 2))

    found = descent.descend(step, np.zeros((3, 1, 2)))
    assert calls[:4] == [[0, 1, 2], [1, 2], [1, 2], [2]] and len(calls) == 30
    np.testing.assert_allclose(found[:, 0, 0], [0.9e-10, 2.0, 33e-10])
    calls.clear()
    # The longest of a draw's coordinates counts, whatever its sign.
    descent.descend(lambda draws, points: calls.append(draws) or np.array([[[0.0, -1.0 / len(calls) ** 9]]]), np.zeros((1, 1, 2)))
    assert len(calls) == 13  # 13^-9 is the first below 1e-10
    unseen = descent.newton_step(np.diag([2.0, 0.0])[None], np.array([[4.0, 0.0]]))
    np.testing.assert_allclose(unseen, [[2.0, 0.0]])
    calls.clear()
    descent.descend(lambda draws, points: calls.append(draws) or np.zeros((len(draws), 1, 2)), np.zeros((2, 1, 2)))
    assert len(calls) == 1
