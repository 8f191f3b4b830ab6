"""The programs of margin and SINR, piece by piece: linear maps, cones, steps, thresholds, and where to look next."""

import math
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import linalg
from timed import assert_timed

from isaclib import InvalidScenario
from isaclib.foundations.errors import SolverFailure
from isaclib.near_field import cuts, interior, margin, relaxed, robust, root, sdp, search
from isaclib.near_field.decomposition import errors_of
from isaclib.near_field.dual_bound import DualPoint, dual_residual, sinr_limits
from isaclib.near_field.hermitian import hermitian
from isaclib.near_field.interior import Program, _Blocks
from isaclib.near_field.reduction import Reduced
from tests.near_field.scenes import normal


def positive(rng, count, size):
    a = normal(rng, count, size, size)
    return a @ a.conj().swapaxes(1, 2) + 0.1 * np.eye(size)


def problem_of(seed=0, users=2, aps=2, width=2, relative=0.1):
    h = 3 * normal(np.random.default_rng(seed), users, aps, width)
    return Reduced(h, relative * np.linalg.norm(h, axis=2), np.tile(np.eye(width), (aps, 1, 1)))


def diagonal(*lengths, radius=0.0, relative=0.0):
    """One access point, users on antennas of their own."""
    h = np.diag(np.array(lengths, dtype=complex))[:, None, :]
    radii = np.full((len(lengths), 1), radius) + relative * np.array(lengths)[:, None]
    return Reduced(h, radii, np.eye(len(lengths))[None])


# The interior-point method


@pytest.mark.parametrize("matched", [False, True])
def test_blocks_of_the_program_are_the_inequalities(matched):
    rng, sinr = np.random.default_rng(1), 5.0
    problem = problem_of(users=3).matched() if matched else problem_of(users=3)
    program = Program(problem, sinr)
    bases, real = problem.beam_bases(sinr)
    inner = bases.shape[2]
    assert real == matched and program.inner == inner
    assert program.count == 1 + 3 * (inner * (inner + 1) // 2 if matched else inner**2) + 6
    y = rng.standard_normal(program.count)
    noise, entries, multipliers = program.split(y)
    assert noise == y[0] and np.array_equal(entries, y[1:-6]) and np.array_equal(multipliers.ravel(), y[-6:])
    Z = program.at.matrices(entries.reshape(3, -1))
    W = bases @ Z @ bases.conj().swapaxes(1, 2)
    found = program.blocks(y, 1.5)
    np.testing.assert_allclose(found.Z, Z)
    np.testing.assert_allclose(program.lift(Z), W, rtol=1e-9, atol=1e-9)
    spent = sum(np.diagonal(W, axis1=1, axis2=2).real.reshape(3, 2, 2).sum(axis=2))
    unit = max(np.sum(np.linalg.norm(bases[:, m : m + 2], axis=(1, 2)) ** 2) / inner for m in (0, 2))
    assert program.unit == pytest.approx(unit)
    np.testing.assert_allclose(found.s, [*y[-6:], *(1.5 - spent / unit)], rtol=1e-9)
    for k in range(3):
        D = np.diag(np.append(np.repeat(problem.radii[k], 2), 0))[:4]
        F = np.concatenate([D[:, :4], problem.stacked[k][:, None]], axis=1)
        np.testing.assert_allclose(program.frames[k], F)
        M = W[k] / sinr - sum(W[j] for j in range(3) if j != k)
        T = F.conj().T @ M @ F + np.diag(np.append(np.repeat(multipliers[k], 2), -multipliers[k].sum() - noise))
        np.testing.assert_allclose(found.T[k], T, rtol=1e-9, atol=1e-9)
    for power, looked in ((0.5 * unit, 1.0), (unit / 0.1, 0.1), (1e9 * unit, 1e-3)):
        assert Program(problem, sinr, power).noise == pytest.approx(looked)


def test_operations_on_blocks():
    rng = np.random.default_rng(2)
    a, b = (_Blocks(positive(rng, 2, 3), positive(rng, 2, 4), rng.uniform(1, 2, 5)) for _ in range(2))
    c = a.plus(-0.5, b)
    for found, first, second in zip((c.Z, c.T, c.s), (a.Z, a.T, a.s), (b.Z, b.T, b.s)):
        np.testing.assert_allclose(found, first - 0.5 * second)
    traces = sum(np.trace(p @ q).real for first, second in ((a.Z, b.Z), (a.T, b.T)) for p, q in zip(first, second))
    assert a.inner(b) == pytest.approx(traces + a.s @ b.s)
    d = a.times(b)
    np.testing.assert_allclose(d.T[1], a.T[1] @ b.T[1])
    np.testing.assert_allclose(d.s, a.s * b.s)
    for part in (0, 1, 2):
        parts = [np.zeros_like(each) for each in (a.Z, a.T, a.s)]
        parts[part].reshape(-1)[1] = -77.0
        assert _Blocks(*parts).largest() == 77.0
    skew = normal(rng, 2, 3, 3)
    np.testing.assert_allclose(hermitian(skew), (skew + skew.conj().swapaxes(1, 2)) / 2)


def test_room_is_the_longest_step_that_keeps_everything_nonnegative():
    rng = np.random.default_rng(3)
    at = _Blocks(positive(rng, 2, 3), positive(rng, 2, 4), rng.uniform(1, 2, 5))
    steps = _Blocks(-positive(rng, 2, 3), -positive(rng, 2, 4), -rng.uniform(1, 2, 5))
    lengths = [
        min(1 / linalg.eigvalsh(-s, m)[-1] for s, m in zip(step, matrix)) for step, matrix in ((steps.Z, at.Z), (steps.T, at.T))
    ]
    lengths.append(float(np.min(at.s / -steps.s)))
    assert at.room(steps) == pytest.approx(min(lengths), rel=1e-9)
    for part, length in enumerate(lengths):
        parts = [np.zeros_like(each) for each in (at.Z, at.T, at.s)]
        parts[part] = (steps.Z, steps.T, steps.s)[part]
        assert at.room(_Blocks(*parts)) == pytest.approx(length, rel=1e-9)
    away = _Blocks(-steps.Z, -steps.T, -steps.s)
    assert at.room(away) == pytest.approx(1e300)


def test_a_step_solves_the_linearised_equations():
    rng = np.random.default_rng(4)
    program = Program(problem_of(), 3.0)
    users, inner, size = program.users, program.inner, program.corners.shape[1]
    slack, dual, missing, second = (
        _Blocks(positive(rng, users, inner), positive(rng, users, size), rng.uniform(1, 2, users * 2 + 2)) for _ in range(4)
    )
    cost, target = rng.standard_normal(program.count), 0.7
    step = interior._Step(program, slack, dual, missing, cost)
    dy, dslack, ddual, primal, other = step.towards(target, second)
    image = program.blocks(dy, 0.0).plus(1.0, missing)
    for found, expected in zip((dslack.Z, dslack.T, dslack.s), (image.Z, image.T, image.s)):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
    after = dual.plus(1.0, ddual)
    np.testing.assert_allclose(program.adjoint(after), cost, rtol=1e-6, atol=1e-7 * np.abs(program.adjoint(dual)).max())
    # Dual after the step: target Z^-1 - sym((X dZ + second) Z^-1).
    moved = dual.times(dslack)
    for found, X, Z, extra in ((after.Z, moved.Z, slack.Z, second.Z), (after.T, moved.T, slack.T, second.T)):
        inverse = np.linalg.inv(Z)
        np.testing.assert_allclose(found, target * inverse - hermitian((X + extra) @ inverse), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(after.s, (target - moved.s - second.s) / slack.s, rtol=1e-8)
    assert primal == pytest.approx(slack.room(dslack)) and other == pytest.approx(dual.room(ddual))
    plain = step.towards(0.0)
    np.testing.assert_allclose(dual.plus(1.0, plain[2]).s, -dual.s * plain[1].s / slack.s, rtol=1e-8)


@pytest.mark.parametrize("relative", [0.0, 0.1])
def test_the_program_of_users_on_antennas_of_their_own(relative):
    """Power: the sum of gamma / (|h| - e)^2; with noise 1, multipliers in units of the radii."""
    problem = diagonal(2.0, 0.5, relative=relative)
    need = 3.0 * (1 / 4 + 4) / (1 - relative) ** 2
    found = interior.solve(Program(problem, 3.0, need))
    assert found.converged and found.iterations <= 20
    if relative == 0:
        assert found.power == pytest.approx(need, rel=1e-5) and found.prices.sum() == pytest.approx(1 / need, rel=1e-4)
    lifted = Program(problem, 3.0, need).lift(found.covariances)
    assert np.trace(lifted.sum(axis=0)).real == pytest.approx(found.power, rel=1e-4)
    corner = sum(Z[-1, -1].real for Z in found.dual)
    assert corner == pytest.approx(1.0, rel=1e-5)  # the price of the noise
    # Complementarity: the corners' sum over the price is the power; t P >= sum of the corners where the prices sum to 1.
    assert corner / found.prices.sum() == pytest.approx(found.power, rel=1e-4)


def test_the_method_ends_where_nothing_improves_or_the_factor_fails(monkeypatch):
    program = Program(problem_of(), 3.0)
    assert interior.solve(program).converged and not interior.solve(program, 1e-30).converged
    steps = []
    zero = (np.zeros(program.count), *(replace(b, Z=0 * b.Z, T=0 * b.T, s=0 * b.s) for b in [blocks_of(program)] * 2), 1.0, 1.0)
    monkeypatch.setattr(interior._Step, "towards", lambda *given: steps.append(given[1:]) or zero)
    stuck = interior.solve(program)
    # Products that do not shrink are counted from the second round on: three of them end it.
    assert not stuck.converged and stuck.iterations == 3 and len(steps) == 6
    assert stuck.power == math.inf and np.all(stuck.covariances == 0)

    def fails(*given):
        raise np.linalg.LinAlgError

    monkeypatch.setattr(interior._Step, "towards", fails)
    assert interior.solve(program).iterations == 0


def blocks_of(program):
    users, size = program.users, program.corners.shape[1]
    return _Blocks(
        np.tile(np.eye(program.inner) + 0j, (users, 1, 1)), np.tile(np.eye(size) + 0j, (users, 1, 1)), np.ones(users * 2 + 2)
    )


@pytest.mark.parametrize(("room", "after", "part"), [(1.0, 0.5, 0.125), (0.09, 0.5, 0.5), (0.11, 0.5, 0.125), (1.0, 1e-9, 1e-18)])
def test_centring_follows_what_the_predictor_reaches(room, after, part, monkeypatch):
    program, asked = Program(problem_of(), 3.0), []
    still = blocks_of(program)
    nothing = replace(still, Z=0 * still.Z, T=0 * still.T, s=0 * still.s)

    def towards(step, target, second=None):
        asked.append(target)
        return np.zeros(program.count), nothing, nothing, room, room

    monkeypatch.setattr(interior._Step, "towards", towards)
    inner = iter([90.0, after * 90.0] * 9)
    monkeypatch.setattr(_Blocks, "inner", lambda *given: next(inner))
    interior.solve(program)
    total = 2 * (4 + 5) + 4 + 2
    assert asked[0] == 0.0 and asked[1] == pytest.approx(part * 90.0 / total)


# Dual matrices


def test_principal_parts_and_their_share():
    v, u = np.array([3.0, 4.0j]), np.array([4.0j, 3.0])
    W = np.stack([3 * np.outer(v, v.conj()) + np.outer(u, u.conj()), np.zeros((2, 2))])
    beams, shares = sdp.rank_one(W)
    np.testing.assert_allclose(np.outer(beams[0], beams[0].conj()), 3 * np.outer(v, v.conj()), atol=1e-9)
    np.testing.assert_allclose(shares, [0.75, 1.0])
    assert np.all(beams[1] == 0) and np.all(sdp.rank_one(-W[:1])[0] == 0)
    for off, ok in ((0.9e-9, True), (1.1e-9, False)):
        skew = np.array([[[5.0, off * 5], [0, 1]]])
        if ok:
            sdp.rank_one(skew)
        else:
            with pytest.raises(InvalidScenario, match="Hermitian"):
                sdp.rank_one(skew)


def test_duals_of_real_forms_count_twice():
    rng = np.random.default_rng(5)
    Z, H = positive(rng, 1, 3)[0], hermitian(normal(rng, 3, 3))
    embedded = np.block([[Z.real, -Z.imag], [Z.imag, Z.real]]) + np.kron(np.diag([1.0, -1.0]), np.ones((3, 3)))
    form = np.block([[H.real, -H.imag], [H.imag, H.real]])
    assert np.trace(sdp._complex(embedded) @ H).real == pytest.approx(np.trace(embedded @ form))
    np.testing.assert_allclose(sdp._complex(embedded), 2 * Z)


def test_roots_are_shortened_to_their_corners():
    rng = np.random.default_rng(6)
    problem, Z = problem_of(), positive(rng, 2, 5)
    Z[1, :-1, :-1] *= 0.01
    Z[1, -1, :-1] *= 0.05
    Z[1, :-1, -1] *= 0.05
    for k, found in enumerate(sdp.balanced_roots(Z, problem)):
        square = found @ found.conj().T
        corner = Z[k, -1, -1].real
        assert square[-1, -1] == pytest.approx(corner)
        traces = np.diagonal(Z[k]).real[:4].reshape(2, 2).sum(axis=1)
        factors = np.append(np.repeat(np.sqrt(np.minimum(1, corner / traces)), 2), 1)
        np.testing.assert_allclose(square, Z[k] * np.outer(factors, factors), rtol=1e-8, atol=1e-9)
    for scale in (1.0, 7.0):
        thin = scale * np.diag([-0.5, 1.1e-16, 0.9e-16, 0, 1.0])
        assert sdp.balanced_roots([thin], problem)[0].shape == (5, 2)


def factors_by_eigenvalues(seen, owners, floors, sinr):
    largest = 0.0
    for k, floor in enumerate(floors):
        own, rest = seen[k][:, owners == k], seen[k][:, owners != k]
        largest = max(largest, linalg.eigvalsh(own @ own.conj().T / sinr - rest @ rest.conj().T, floor)[-1])
    return 1 / largest if largest > 0 else np.inf


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_largest_factor_of_a_dual_is_an_eigenvalue(scale):
    rng, owners = np.random.default_rng(7), np.array([0, 0, 1, 1, 1])
    seen, floors = scale * normal(rng, 2, 4, 5), positive(rng, 2, 4)
    expected = factors_by_eigenvalues(seen, owners, floors, 0.6)
    found = sdp._largest_factor(seen, owners, floors, 0.6)
    assert expected * (1 - 1e-9) <= found <= expected * (1 + 1e-12)
    assert sdp._following(seen, owners, floors, 0.6, expected * (1 - 1e-9)) == 0
    assert 0 < sdp._following(seen, owners, floors, 0.6, expected * (1 + 1e-6)) <= expected * (1 + 1e-6)
    assert expected * (1 - 1e-9) <= sdp._following(seen, owners, floors, 0.6, 2 * expected) < 2 * expected


def test_factors_that_have_no_end_or_are_not_found(monkeypatch):
    seen, owners = np.zeros((1, 2, 1)), np.array([0])
    assert sdp._largest_factor(seen, owners, np.eye(2)[None], 2.0) == np.inf
    asked = []
    monkeypatch.setattr(sdp, "_following", lambda *given: asked.append(given[-1]) or given[-1])
    assert sdp._largest_factor(seen, owners, np.eye(2)[None], 2.0) == 0.0 and len(asked) == 41
    np.testing.assert_allclose(asked[1:], (1 - 1e-13) ** np.arange(1, 41), rtol=1e-15)
    # One user alone, |x|^2 y = gamma q: factors far below and above 1.
    monkeypatch.undo()
    for y in (1e-9, 1.0, 1e9):
        assert sdp._largest_factor(np.full((1, 1, 1), math.sqrt(y)), owners, np.eye(1)[None], 2.0) == pytest.approx(2 / y)


@pytest.mark.parametrize("matched", [False, True])
def test_what_dual_matrices_prove_is_a_dual_point(matched):
    rng, sinr = np.random.default_rng(8), 2.0
    problem = problem_of(relative=0.05)
    problem = problem.matched() if matched else problem
    program = Program(problem, sinr)
    found = interior.solve(program)
    bound = sdp._dual_bound(problem, sinr, program.bases, program.frames, found.dual, found.prices)
    assert bound == pytest.approx(found.power, rel=1e-4) and bound <= found.power * (1 + 1e-6)
    # Any matrices and prices prove something, and scaling them all changes nothing.
    Z, q = positive(rng, 2, 5), np.array([1.0, 3.0])
    one = sdp._dual_bound(problem, sinr, program.bases, program.frames, Z, q)
    assert 0 < one < found.power
    assert sdp._dual_bound(problem, sinr, program.bases, program.frames, 7 * Z, 7 * q) == pytest.approx(one, rel=1e-8)
    roots = sdp.balanced_roots(Z, problem)
    Y = [frame @ r @ r.conj().T @ frame.conj().T for frame, r in zip(program.frames, roots)]
    largest = 0.0
    for k in range(2):
        B = program.bases[k]
        parts = [B.conj().T @ each @ B for each in (Y[k] / sinr - Y[1 - k], np.diag(np.repeat(q, 2)))]
        parts = [part.real if matched else part for part in parts]
        largest = max(largest, linalg.eigvalsh(*parts)[-1])
    corner = sum(Z[k, -1, -1].real for k in range(2))
    assert one == pytest.approx(corner / largest / q.sum(), rel=1e-6)


def test_the_programs_of_both_roads_count_powers_alike(monkeypatch):
    problem = problem_of(relative=0.05)
    whole = sdp.margin_by_sdp(problem, 2.0, 1.0)
    half = sdp.margin_by_sdp(problem, 2.0, 2.0)
    assert half.value == pytest.approx(whole.value / 2, rel=1e-5) and half.bound == pytest.approx(whole.bound / 2, rel=1e-4)
    spent = np.diagonal(whole.covariances.sum(axis=0)).real.reshape(2, 2).sum(axis=1).max()
    assert spent == pytest.approx(whole.value, rel=1e-4)
    general = sdp.margin_by_conic(problem.matched(), 2.0, 2.0)
    ours = sdp.margin_by_sdp(problem.matched(), 2.0, 2.0)
    assert general.value == pytest.approx(ours.value, rel=1e-5) and general.bound == pytest.approx(ours.value, rel=1e-4)
    spent = np.diagonal(general.covariances.sum(axis=0)).real.reshape(2, 2).sum(axis=1).max()
    assert spent == pytest.approx(2 * general.value, rel=1e-4)
    monkeypatch.setattr(sdp, "solve", lambda program: SimpleNamespace(converged=False))
    assert sdp.margin_by_sdp(problem, 2.0, 1.0, structured_only=True) is None
    monkeypatch.setattr(sdp, "margin_by_conic", lambda *given: given)
    assert sdp.margin_by_sdp(problem, 2.0, 1.0) == (problem, 2.0, 1.0)


# Cuts


@pytest.mark.parametrize("matched", [False, True])
def test_cones_of_the_cuts_are_powers_and_amplitudes(matched):
    rng, sinr, power = np.random.default_rng(9), 3.0, 2.5
    problem = problem_of(users=3).matched() if matched else problem_of(users=3)
    program = cuts._ConeProgram(problem, sinr, power)
    bases, _ = problem.beam_bases(sinr)
    inner = bases.shape[2]
    entries = rng.standard_normal((3, inner)) + (0 if matched else 1j) * rng.standard_normal((3, inner))
    beams = np.einsum("kni,ki->kn", bases, entries)
    parts = [entries.real] if matched else [entries.real, entries.imag]
    x = np.append(np.stack(parts, axis=1).ravel(), 0.8)
    head = (-program.head @ x).reshape(2, -1)
    assert program.power_dimension == head.shape[1] == 1 + 2 * 2 * 3
    np.testing.assert_allclose(head[:, 0], math.sqrt(power) * 0.8)
    for m in range(2):
        seen = beams.reshape(3, 2, 2)[:, m]
        np.testing.assert_allclose(head[m, 1:].reshape(3, 2, 2), np.stack([seen.real, seen.imag], axis=2), atol=1e-12)
    turn = beams.reshape(3, 2, 2) * np.exp(1j * np.arange(3))[:, None, None]
    channels = [problem.stacked[k] + 0.1 for k in (2, 0, 1)]
    for k, channel in zip((2, 0, 1), channels):
        program.add(k, channel, turn if k else None)
    rows = (-program._cuts() @ x).reshape(3, -1)
    for row, k, channel in zip(rows, (2, 0, 1), channels):
        received = beams @ channel.conj()
        own = turn[k].ravel() @ channel.conj()
        phase = own / abs(own) if k else 1.0
        received = received * np.conj(phase)
        assert row[0] == pytest.approx(received[k].real / math.sqrt(sinr)) and row[1] == 0
        others = [received[j] for j in range(3) if j != k]
        np.testing.assert_allclose(row[2:], np.ravel([[z.real, z.imag] for z in others]), atol=1e-12)
    program.turn(turn)
    own = np.vdot(channels[1], turn[0].ravel())
    assert program.phases[1] == pytest.approx(own / abs(own)) and cuts._ConeProgram._phase(np.zeros(2), np.ones(2)) == 0
    pull = np.array([1.0, 1e-12, 4.0])
    received = [abs(np.vdot(c, turn[k].ravel())) for k, c in zip((2, 0, 1), channels)]
    np.testing.assert_allclose(program.weights(pull, turn), np.array([1.0, 4e-8, 4.0]) / received)
    np.testing.assert_allclose(program.weights(pull, 0 * turn), np.array([1.0, 4e-8, 4.0]) / 1e-300)


def test_the_finite_program_of_orthogonal_channels():
    problem = diagonal(2.0, 0.5)
    program = cuts._ConeProgram(problem, 3.0, 2.0)
    for k in range(2):
        program.add(k, problem.stacked[k])
    feasible, beams, outer, pull, prices = program.solve()
    need = 3 * (1 / 4 + 4)
    assert feasible and outer**2 * 2.0 == pytest.approx(need, rel=1e-6)
    np.testing.assert_allclose(np.abs(beams[:, 0]), np.diag([math.sqrt(3) / 2, math.sqrt(3) * 2]), atol=1e-5)
    weights = program.weights(pull, beams)
    np.testing.assert_allclose(weights / weights.sum(), np.array([0.25, 4]) / 4.25, rtol=1e-4)
    assert prices.shape == (1,) and prices[0] > 0
    same = cuts._ConeProgram(Reduced(np.ones((2, 1, 1)) + 0j, np.zeros((2, 1)), np.ones((1, 1, 1))), 3.0, 2.0)
    for k in range(2):
        same.add(k, np.ones(1))
    assert not same.solve()[0]


def test_cuts_that_stay_idle_are_forgotten():
    problem = diagonal(2.0, 0.5)
    program = cuts._ConeProgram(problem, 3.0, 2.0)
    for k in (0, 1, 0):
        program.add(k, problem.stacked[k] + len(program.owners))
    for left, multipliers in ((3, [1, 0.9e-5, 1e-4]), (3, [1, 0, 1.1e-5]), (2, [1, 0, 0.9e-5]), (2, [1, 2e-5])):
        program.forget(np.array(multipliers))
        assert len(program.owners) == left
    assert program.owners == [0, 0] and program.idle == [0, 0] and program.channels[1][0] == 4.0
    assert len(program.views) == len(program.phases) == 2


def test_cuts_close_the_margin_from_both_sides(monkeypatch):
    problem, sinr = diagonal(2.0, 0.5, relative=0.1), 3.0
    found = cuts.margin_by_cuts(problem, sinr, 2.0)
    assert found.lower <= found.upper <= found.lower * (1 + 1e-6) and found.rounds < 20
    assert dual_residual(problem, sinr, found.dual) <= 0 and found.dual.total / 2.0 == pytest.approx(found.lower)
    spent = np.sum(np.abs(found.beams) ** 2)
    assert spent / 2.0 == pytest.approx(found.upper) and found.lower > 3 * 4.25 / 0.81 / 2
    again = cuts.margin_by_cuts(problem, sinr, 2.0, cuts=found.cuts)
    assert again.rounds <= found.rounds and again.upper == pytest.approx(found.upper, rel=2e-6)
    coarse = cuts.margin_by_cuts(problem, sinr, 2.0, tolerance=1e-2)
    assert coarse.rounds < found.rounds and coarse.upper <= coarse.lower * 1.01
    one = cuts.margin_by_cuts(problem, sinr, 2.0, max_rounds=1)
    assert one.rounds == 1 and one.lower == pytest.approx(3 * 4.25 / 2, rel=1e-5) and one.upper == np.inf
    enough = cuts.margin_by_cuts(problem, sinr, 2.0, enough=0.5 * found.lower)
    assert enough.rounds == 1 and enough.lower >= 0.5 * found.lower
    exact = cuts.margin_by_cuts(diagonal(2.0, 0.5), sinr, 2.0)
    assert exact.rounds <= 3 and exact.upper == pytest.approx(3 * 4.25 / 2, rel=1e-6) and all(len(c) == 0 for c in exact.cuts)


def test_worst_channels_are_listed_where_they_differ_and_violate(monkeypatch):
    """In units of the balls: what is 0.3 of them apart, four of a user at most, and none of those that violate nothing."""
    problem = diagonal(2.0, 0.5, radius=0.1)
    places = np.array([0.0, 0.29, 0.31, 0.62, 0.93, 1.24]) - 0.5
    values = np.array([[[0.5, 0.6, 0.7, 0.8, 0.85, 0.9], [0.5, 0.6, 1 - 1.1e-9, 1 - 0.9e-9, 1.0, 1.0]]])
    errors = 0.1 * places[:, None, None] * np.array([[1.0, 0.0]])
    faced = problem.channels[None, :, None] + errors
    monkeypatch.setattr(cuts, "worst_channels", lambda *given: (faced, values))
    mine, yours = cuts.margin_by_cuts(problem, 3.0, 2.0, max_rounds=2).cuts
    np.testing.assert_allclose(mine[:, 0, 0], places[[0, 2, 3, 4]], atol=1e-9)
    np.testing.assert_allclose(yours[:, 0, 0], places[[0, 2]], atol=1e-9)


def test_goals_and_errors_over_radii():
    assert cuts._goal(3.0, 2.0, 0.1) == pytest.approx(6 / 1.03) and cuts._goal(np.inf, 1.0, 0.1) == 1e9
    problem = problem_of()
    problem.radii[0, 1] = 0.0
    owners = np.array([1, 0, 1, 0])
    errors = np.array([[[0.5, 0], [0, 0.25]], [[0, 1], [0, 0]], [[0, 0], [0, 0]], [[1j, 0], [0, 0]]])
    x = (problem.channels[owners] + errors * problem.radii[owners][..., None]).reshape(4, -1)
    mine, yours = cuts.errors_over_radii(problem, x, owners)
    np.testing.assert_allclose(mine, errors[[1, 3]], atol=1e-12)
    np.testing.assert_allclose(yours[:1], errors[:1], atol=1e-12)
    exact = cuts.errors_over_radii(problem, problem.stacked[owners], owners)
    assert [len(each) for each in exact] == [0, 0]
    small = problem.stacked[owners].copy()
    small[0, 0] += 0.5 * problem.radii[1, 0]
    assert [len(each) for each in cuts.errors_over_radii(problem, small, owners)] == [0, 1]


# Where to look next


def test_next_sinr_by_hand():
    assert root.next_sinr([(8.0, 2.0, 1.9), (4.0, 3.0, 2.0)], 0.0, 9.0) == pytest.approx(0.3 * 4.0)
    # A bound within a factor of 2 (3 where there was one margin) and not tried yet.
    one, two = [(4.0, 0.5, 0.4)], [(4.0, 0.5, 0.4), (6.0, 0.9, 0.8)]
    assert root.next_sinr(one, 4.0, 11.9) == 11.9 and root.next_sinr(two, 6.0, 11.9) == 11.9
    assert root.next_sinr(one, 4.0, 12.1) == pytest.approx(math.sqrt(4 * 4 / 0.5))
    reach, other = 6 / 0.9, 4 / 0.5
    secant = 6 + (reach - 6) / (1 + (other - reach) / (6 - 4))
    assert root.next_sinr(two, 6.0, 12.1) == pytest.approx(secant)
    # Quotients that rise with the SINR count as flat.
    rising = [(4.0, 0.8, 0.4), (6.0, 0.9, 0.8)]
    assert root.next_sinr(rising, 6.0, 60.0) == pytest.approx(6 / 0.9)
    # A secant that was tried (within a thousandth of the bracket) is no news.
    near = [(6.0, 1.0 + 1e-9, 0.8), (4.0, 0.8, 0.4)]
    assert root.next_sinr(near, 5.9, 60.0) == pytest.approx(math.sqrt(5.9 * 6), rel=1e-6)
    # Nothing beyond an infinite margin.
    walls = [(4.0, 0.5, 0.4), (6.0, np.inf, 7.0)]
    assert root.next_sinr(walls, 4.0, 50.0) == pytest.approx(math.sqrt(4 * 6))
    assert root.next_sinr([(6.0, np.inf, 7.0)], 1.0, 50.0) == pytest.approx(0.3 * 6.0)
    assert root.next_sinr([(6.0, np.inf, 7.0)], 3.0, 50.0) == 3.0
    # No stride longer than five.
    assert root.next_sinr([(4.0, 1e-4, 1e-5)], 4.0, 1e9) == pytest.approx(20.0)


def test_freshness_is_a_thousandth_of_the_bracket():
    width = math.log(2.4 / 1.6)
    for part, fresh in ((0.9e-3, False), (1.1e-3, True)):
        history = [(2.4 * math.exp(-part * width), 1.2, 1.1), (1.6, 0.8, 0.7)]
        assert (root.next_sinr(history, 1.6, 2.4) == 2.4) == fresh


def test_slopes_are_those_of_logarithms():
    history = [(4.0, 0.5, 0.5), (5.0, 1.2, 1.1), (5.0 * 1.004, 1.3, 1.2), (8.0, 9.0, 9.0), (9.0, np.inf, 1e7), (9.5, 9, 0.0)]
    assert root.slope(history[:2]) == pytest.approx(math.log(1.1 / 0.5) / math.log(5 / 4))
    assert root.slope(history[1:3]) == 1.0  # too close
    assert root.slope([(5.0, 1.2, 1.1), (5.0 * 1.006, 1.3, 1.2)]) == pytest.approx(math.log(1.2 / 1.1) / math.log(1.006))
    assert root.slope(history[3:]) == 1.0 and root.slope(history[:1]) == 1.0
    assert root.slope([(4.0, 1, 1.0), (8.0, 1, 1.2)]) == 1.0
    near, next_one = (4.0, 1, 0.9), (5.0, 1, 2.0)
    assert root.slope([(6.0, 1, 5.0), next_one, near]) == pytest.approx(math.log(2 / 0.9) / math.log(5 / 4))
    assert root.slope([(4.0, 1, 0.9), (6.0, 1, 0.99e6)]) > 1 == root.slope([(4.0, 1, 0.9), (6.0, 1, 1.01e6)])


def test_precision_of_the_next_margin():
    assert root.margin_precision(0.05, 1e-9, 1.0) == pytest.approx(0.02 * 0.0025)
    assert root.margin_precision(0.2, 1e-9, 1.0) == pytest.approx(0.01 * 0.2)
    assert root.margin_precision(0.2, 1e-9, 3.0) == pytest.approx(0.006)
    assert root.margin_precision(1e-4, 1e-3, 2.0) == pytest.approx(0.6e-3)
    assert root.margin_precision(50.0, 1e-3, 1.0) == pytest.approx(0.01)
    assert root.margin_precision(50.0, 1e-3, 1.1) == pytest.approx(0.1)


# Both sides of one program


@pytest.mark.parametrize(("matched", "sinr"), [(False, 0.4), (False, 4.0), (True, 0.4)])
def test_newtons_step_is_that_of_differences(matched, sinr):
    problem = problem_of(relative=0.1)
    problem = problem.matched() if matched else problem
    power, step = 1.3, 1e-3

    def answer(gamma):
        program = Program(problem, gamma, power)
        return program, interior.solve(program)

    def g(gamma):
        return gamma * power / answer(gamma)[1].power - gamma

    program, found = answer(sinr)
    slope = (g(sinr * (1 + step)) - g(sinr * (1 - step))) / (2 * step * sinr)
    given = program.lift(found.covariances), program.frames, power
    following = relaxed._newton(sinr, found, *given)
    assert following == pytest.approx(sinr - g(sinr) / slope, rel=1e-3)
    assert math.isnan(relaxed._newton(sinr, replace(found, power=math.inf), *given))
    # Far below the root, who climbs goes half of the way (in logs) to the root of a power law through the same point.
    beside = [sinr * (1 - step), sinr * (1 + step)]
    exponent = np.diff([math.log(g(gamma) + gamma) for gamma in beside])[0] / np.diff(np.log(beside))[0]
    by_law = sinr * (1 + g(sinr) / sinr) ** (1 / (1 - exponent))
    far = g(sinr) / sinr > 9 and exponent > -3
    for bound, end in ((1e3 * by_law, by_law), (0.9 * by_law, max(0.9 * by_law, following)), (0.1 * following, following)):
        further = relaxed._newton(sinr, found, *given, bound)
        assert further == pytest.approx(math.sqrt(following * end) if far else following, rel=1e-3)


def test_two_sides_of_orthogonal_users_without_errors():
    """The best SINR is the power over the sum of the inverse squares of the lengths."""
    problem = diagonal(2.0, 0.5)
    best = 7.0 / 4.25
    for sinr in (0.5 * best, best, 1.5 * best):
        told = relaxed.two_sided(problem, sinr, 7.0, 1e-9)
        assert told.best <= best <= told.bound and told.bound == pytest.approx(best, rel=1e-3)
        assert told.best == pytest.approx(best, rel=1e-3) and told.restricted == told.bound
        assert told.following == pytest.approx(best, rel=1e-3) and np.all(told.rank_one_ratio > 0.9999)
        assert np.sum(np.abs(told.beams) ** 2) == pytest.approx(7.0) and told.behind[0] == sinr


def test_the_mixture_and_its_bounds(monkeypatch):
    problem, sinr, power = problem_of(relative=0.2), 0.8, 1.0
    program = Program(problem, sinr, power)
    found = interior.solve(program)
    roots = sdp.balanced_roots(found.dual, problem)
    point = relaxed._mixture(problem, found, roots)
    assert point.prices.sum() == pytest.approx(1.0) and point.total == pytest.approx(point.weights.sum())
    for k in range(2):
        mine = point.owners == k
        u = (point.channels[mine].reshape(-1, 2, 2) - problem.channels[k]) / problem.radii[k][:, None]
        assert np.linalg.norm(u, axis=2).max() <= 1 + 1e-9
        z = np.concatenate([u.reshape(len(u), -1), np.ones((len(u), 1))], axis=1)
        square = roots[k] @ roots[k].conj().T
        np.testing.assert_allclose(
            np.einsum("i,ij,ik->jk", point.weights[mine], z, z.conj()), square, atol=1e-6 * np.abs(square).max()
        )
    bounds = []
    for least in (0.0, 1e-7, 1e-5, 1e-3):
        q = np.maximum(point.prices, least * point.prices.max())
        bounds.append(sinr_limits(problem, replace(point, prices=q / q.sum()), power, np.ones(1))[0])
    tightest, dual = relaxed._tightest(problem, point, power)
    assert tightest == min(bounds) and sinr_limits(problem, dual, power, np.ones(1))[0] == tightest
    restricted = relaxed._restricted(problem, found, program.frames, roots, power)
    assert restricted == pytest.approx(tightest, rel=1e-6)  # two access points: nothing is lost
    skewed, seen, own = replace(point, prices=np.array([4.0, 0.0])), [], relaxed.sinr_limits
    monkeypatch.setattr(relaxed, "sinr_limits", lambda p, d, *given, **more: seen.append(d.prices) or own(p, d, *given, **more))
    relaxed._tightest(problem, skewed, power)
    relaxed._restricted(problem, replace(found, prices=skewed.prices), program.frames, roots, power)
    expected = [np.array([1.0, least]) / (1 + least) for least in (0.0, 1e-7, 1e-5, 1e-3)]
    np.testing.assert_allclose([q / q.sum() for q in seen], 2 * expected, rtol=1e-9)


def test_scattered_errors_have_the_moments_of_the_dual():
    rng = np.random.default_rng(10)
    mean = np.array([0.1, 0.05j, 0.0, 0.1])
    for rank, count in ((0, 8), (1, 8), (2, 48)):
        axes = 0.08 * np.linalg.qr(normal(rng, 4, 4))[0][:, :rank]
        second = np.outer(mean, mean.conj()) + axes @ axes.conj().T
        dual = 3.0 * np.block([[second, mean[:, None]], [mean.conj()[None], np.ones((1, 1))]])
        points = relaxed._scattered(dual, 2, rng).reshape(-1, 4)
        assert len(points) == count
        np.testing.assert_allclose(points.mean(axis=0), mean, atol=0.05 if rank > 1 else 1e-9)
        spread = points - mean
        np.testing.assert_allclose(np.linalg.norm(spread, axis=1) ** 2, 0.08**2 * rank, rtol=1e-9, atol=1e-12)
        if rank == 1:
            np.testing.assert_allclose(spread.T @ spread.conj() / count, axes @ axes.conj().T, atol=1e-9)
            phases = np.exp(1j * np.angle(spread @ axes.conj()))[:, 0]
            np.testing.assert_allclose(phases / phases[0], np.exp(2j * np.pi * np.arange(8) / 8), atol=1e-8)
    for size, rank in ((0.9e-3, 0), (1.1e-3, 1)):
        dual = np.diag([size, 0.0, 0.0, 0.0, 1.0]) + 0j
        assert np.any(relaxed._scattered(dual, 2, rng) != 0) == bool(rank)
    wide = np.diag([4.0, 0.0, 0.0, 0.0, 1.0]) + 0j
    np.testing.assert_allclose(np.linalg.norm(relaxed._scattered(wide, 2, rng)[:, 0], axis=1), 1.0)


def test_polished_errors_ascend_on_the_spheres(monkeypatch):
    rng = np.random.default_rng(11)
    problem = problem_of(relative=0.3)
    W = normal(rng, 4, 2)
    M, weights = np.outer(W[:, 0], W[:, 0].conj()) - np.outer(W[:, 1], W[:, 1].conj()), np.array([40.0, 50.0])
    starts = 0.5 * normal(rng, 6, 2, 2) * problem.radii[1][:, None] / 3

    def value(errors):
        x = (problem.channels[1] + errors).reshape(len(errors), -1)
        return np.sum(x.conj() * (x @ M.T), axis=1).real

    monkeypatch.setattr(relaxed, "_POLISH_STEPS", 1)
    monkeypatch.setattr(relaxed, "_USEFUL", 1e9)
    once = relaxed._polished(problem, 1, starts, M, weights)
    pull = weights[:, None] * starts - ((problem.channels[1] + starts).reshape(6, -1) @ M.T).reshape(6, 2, 2)
    step = problem.radii[1][:, None] * pull / np.linalg.norm(pull, axis=2, keepdims=True)
    np.testing.assert_allclose(once, np.where((value(step) < value(starts))[:, None, None], step, starts))
    monkeypatch.undo()
    many = relaxed._polished(problem, 1, starts, M, weights)
    values = value(many)
    assert values.max() <= values.min() + 0.02 and values.min() <= value(once).min()
    monkeypatch.setattr(relaxed, "_USEFUL", 1e9)
    assert len(relaxed._polished(problem, 1, starts, M, weights)) == 6


def test_channels_hardly_worse_than_the_worst_are_kept(monkeypatch):
    monkeypatch.setattr(relaxed, "_POLISH_STEPS", 0)
    problem = Reduced(np.ones((1, 1, 1)) + 0j, np.ones((1, 1)), np.ones((1, 1, 1)))
    errors = np.sqrt([1.0, 1.019, 1.021])[:, None, None] - 1 + 0j
    assert len(relaxed._polished(problem, 0, errors, np.eye(1), np.ones(1))) == 2


def test_beams_that_prove_nothing_are_worth_nothing(monkeypatch):
    problem = diagonal(2.0, 0.5)
    monkeypatch.setattr(relaxed, "certify", lambda *given, least: (np.array([0.0, 1.0]), np.full((2, 1), np.nan)))
    assert relaxed.two_sided(problem, 1.0, 7.0).best == 0.0
    monkeypatch.setattr(relaxed, "certify", lambda *given, least: (np.array([3.0, 0.5]), np.full((2, 1), np.nan)))
    assert relaxed.two_sided(problem, 1.0, 7.0).best == pytest.approx(0.5 * (1 - 1e-9), rel=1e-12)


def test_tightening_lists_scattered_channels_beside_the_mixture(monkeypatch):
    problem, sinr = problem_of(seed=4, aps=3, relative=0.3), 0.5
    problem.radii[1] = 0.0
    told = relaxed.two_sided(problem, sinr, 1.0)
    asked, points = [], []
    starts = np.full((2, 3, 2), 0.25)
    monkeypatch.setattr(relaxed, "_scattered", lambda dual, *given: asked.append(dual) or starts)
    monkeypatch.setattr(relaxed, "_polished", lambda p, k, *given: asked.append((k, *given)) or given[0])
    monkeypatch.setattr(relaxed, "best_dual_point", lambda *given: points.append(given) or told.dual)
    relaxed.tightened(problem, told, 1.0)
    _, found, covariances, roots = told.behind
    dual, (k, errors, M, weights) = asked  # one user has errors
    np.testing.assert_allclose(dual, roots[0] @ roots[0].conj().T)
    assert k == 0
    np.testing.assert_allclose(errors, 0.25 * np.ones((2, 3, 2)) * problem.radii[0][:, None])
    np.testing.assert_allclose(M, covariances[0] / sinr - covariances[1], atol=1e-12 * np.abs(covariances).max() / sinr)
    np.testing.assert_allclose(weights, found.multipliers[0] / problem.radii[0] ** 2)
    channels, owners, gamma, _, mass, prices = points[0]
    mixture = relaxed._mixture(problem, found, roots, turned=True)
    count = np.sum(mixture.owners == 0)
    assert gamma == sinr and owners.tolist() == [*[0] * (count + 2), *[1] * (len(owners) - count - 2)]
    np.testing.assert_allclose(channels[count : count + 2], (problem.channels[0] + errors).reshape(2, 6))
    np.testing.assert_allclose(channels[:count], mixture.channels[:count])
    np.testing.assert_allclose(mass[count : count + 2], 0.005 * mixture.weights[:count].sum())
    np.testing.assert_allclose(prices, mixture.prices)


def test_three_access_points_are_tightened():
    problem = problem_of(seed=4, aps=3, relative=0.3)
    told = relaxed.two_sided(problem, 0.5, 1.0)
    bound, dual = relaxed.tightened(problem, told, 1.0)
    assert told.best <= bound * (1 + 1e-9) and bound <= told.bound * (1 + 1e-6)
    assert sinr_limits(problem, dual, 1.0, np.ones(1))[0] == pytest.approx(bound, rel=1e-9)
    inside = np.linalg.norm((dual.channels - problem.stacked[dual.owners]).reshape(-1, 3, 2), axis=2)
    assert np.all(inside <= problem.radii[dual.owners] * (1 + 1e-9)) and np.all(np.diff(dual.owners) >= 0)


# The bracket and its ends


def test_brackets_take_what_is_better():
    bracket = search.Bracket(problem_of(), 0.1)
    assert not bracket.closed and bracket.best == 0 and bracket.bound == math.inf and np.all(bracket.ratio == 1)
    bracket.offer(2.0, "first", "m")
    bracket.offer(2.0, "second", "m")
    assert bracket.beams == "first" and not bracket.closed
    bracket.limit(3.0, "a")
    bracket.limit(3.0, "b")
    assert bracket.dual == "a"
    bracket.limit(2.21, "c")
    assert not bracket.closed
    bracket.limit(2.19, "d")
    bracket.note(5.0)
    assert bracket.closed and bracket.tried == [(5.0, 2.0, 2.19)]


def test_the_next_program_by_hand():
    assert search._next_program(0.0, 8.0, 5.0, [7.0, 9.0]) == pytest.approx(0.3 * 7.0)
    assert search._next_program(0.0, 6.0, 5.0, [7.0, 9.0]) == pytest.approx(0.3 * 6.0)
    assert search._next_program(2.0, 4.0, 3.0, [9.0]) == 3.0
    assert search._next_program(2.0, 4.0, 5.0, [9.0]) == 2.0 == search._next_program(2.0, 4.0, math.nan, [9.0])
    assert search._next_program(2.0, 4.0, 1.9, [2.0]) == pytest.approx(2 * math.sqrt(2))
    seen = [2.0, 2 * math.sqrt(2)]
    assert search._next_program(2.0, 4.0, 1.9, seen) == pytest.approx(2 * 2**0.25)
    seen.append(2 * 2**0.25)
    assert search._next_program(2.0, 4.0, 1.9, seen) == pytest.approx(2 * 2**0.75)
    assert search._next_program(2.0, 4.0, 1.9, [*seen, 2 * 2**0.75]) is None
    for part, fresh in ((0.009, False), (0.011, True)):
        assert (search._next_program(2.0, 4.0, 3.0, [3.0 * 2**part, 2.0]) == 3.0) == fresh
    for part, fresh in ((0.09, False), (0.11, True)):
        assert (search._next_program(2.0, 4.0, 1.9, [2.0 * 2**part]) == 2.0) == fresh
    # Of a bracket of a factor of 1000 a part in a hundred of one of e is near enough to be the same.
    for part, fresh in ((0.009, False), (0.011, True)):
        assert (search._next_program(2.0, 2000.0, 3.0, [3.0 * math.exp(part), 2.0]) == 3.0) == fresh
    assert search._next_program(2.0, 4.0, 2.0, [9.0]) == 2.0 and search._next_program(2.0, 4.0, 4.0, [9.0]) == 4.0


# Robust SINR and margin


def test_beams_of_one_user_and_what_proves_them():
    h = np.array([[[3.0, 4.0], [0.0, 2.0], [0.1, 0.0], [0.0, 0.0]]])
    problem = Reduced(h, np.array([[0.5, 0.0, 0.2, 0.0]]), np.tile(np.eye(2), (4, 1, 1)))
    bracket = search.Bracket(problem, 1e-6)
    robust._one_user(bracket)
    assert bracket.bound == pytest.approx(6.5**2) and bracket.best == pytest.approx(6.5**2 * (1 - 1e-8), rel=1e-12)
    np.testing.assert_allclose(bracket.beams, [[[0.6, 0.8], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]])
    np.testing.assert_allclose(bracket.multipliers[0, :2], [1 / (0.5 * 6.5), 1 / (6.5e-12 * 6.5)])
    np.testing.assert_allclose(bracket.multipliers[0, 2:], [1e-12 / 0.04, 1e-12 / 6.5e-12**2])
    dual = bracket.dual
    assert dual.total == 1.0 and dual.owners.tolist() == [0] and dual.weights.tolist() == [1.0]
    np.testing.assert_allclose(dual.prices, np.array([4.5, 2.0, 4.5e-9, 4.5e-9]) / (6.5 + 9e-9))
    np.testing.assert_allclose(dual.channels, [[0.6 * 4.5, 0.8 * 4.5, 0, 2, 0, 0, 0, 0]])
    assert dual_residual(problem, 6.5**2 * (1 + 1e-6), dual) <= 0 < dual_residual(problem, 6.5**2 * (1 - 1e-6), dual)
    second = robust._dual_alone(Reduced(np.concatenate([0 * h + 1, h]), np.tile(problem.radii, (2, 1)), problem.bases), 1)
    assert second.owners.tolist() == [1]
    np.testing.assert_allclose(second.channels, dual.channels)


def test_sure_beams_are_the_shortest_channels_at_full_power():
    problem = Reduced(np.array([[[3.0, 4.0]], [[0.0, 2.0]]]), np.array([[2.5], [0.0]]), np.eye(2)[None])
    np.testing.assert_allclose(robust._shortest(problem), [[[1.5, 2.0]], [[0.0, 2.0]]])
    np.testing.assert_allclose(robust._sure_beams(problem), np.array([[[0.6, 0.8]], [[0, 1]]]) / math.sqrt(2))
    gone = Reduced(problem.channels, np.array([[7.0], [0.0]]), problem.bases)
    np.testing.assert_allclose(robust._shortest(gone)[0], 0.0)


def test_guesses_by_zero_forcing_and_by_errors():
    problem = diagonal(2.0, 0.5)
    assert robust._first_guess(problem) == pytest.approx(0.5 / 4.25)
    noisy = diagonal(200.0, 50.0, radius=10.0)
    assert robust._first_guess(noisy) == pytest.approx(0.3 / 0.2**2)
    lost = diagonal(200.0, 50.0, radius=490.0)
    assert robust._first_guess(lost) == pytest.approx(1e-2)
    assert robust._first_guess(problem_of().matched()) == 100.0


@pytest.mark.parametrize(("snr", "ok"), [(1.01e-50, True), (0.99e-50, False), (0.99e50, True), (1.01e50, False)])
def test_snrs_that_are_no_numbers_are_refused(snr, ok):
    h = np.array([[[0.6, 0.8]], [[0.1, 0.2]]])
    for noise, power in ((1.0, snr**2), (4.0, 4 * snr**2)):
        if ok:
            assert robust._unit_noise(h, noise, power) == pytest.approx(noise / power)
        else:
            with pytest.raises(InvalidScenario, match=f"1e{2 * math.log10(snr):.0f}"):
                robust._unit_noise(h, noise, power)


def test_users_without_a_guaranteed_channel():
    h = np.array([[[3.0, 4.0], [1.0, 0.0]], [[3.0, 4.0], [1.0, 0.0]]])
    for off, lost in ((-0.9e-9, True), (-1.1e-9, False)):
        problem = Reduced(h, np.array([[5 * (1 + off), 2.0], [5.5, 0.9]]), np.tile(np.eye(2), (2, 1, 1)))
        assert margin.unreachable(problem).tolist() == [lost, False]


def test_units_of_the_margin():
    h, none = np.array([[[2.0, 0.0]], [[0.0, 0.5j]]]), np.zeros((2, 1))
    both = np.array([[[2.0, 0.0], [0.0, 1.0]]])
    assert margin._unit_w(both, np.zeros((1, 2)), 0.5, 3.0) == pytest.approx(10 * 0.5 * 3 / 9)
    assert margin._unit_w(h, none, 0.5, 3.0) == pytest.approx(10 * 0.5 * 3 / 0.25)
    assert margin._unit_w(h, none, 1.5, 3.0) == pytest.approx(10 * 1.5 * 3 * 4.25)
    assert margin._unit_w(h, np.array([[0.0], [0.4]]), 0.5, 3.0) == pytest.approx(10 * 0.5 * 3 / 0.01)
    assert margin._unit_w(h, np.array([[0.0], [0.4]]), 1.5, 3.0) == pytest.approx(10 * 1.5 * 3 / 0.01)
    assert margin._unit_w(h, np.array([[0.0], [0.5]]), 1.5, 3.0) == 0.0
    alike = np.array([[[1.0, 0.0]], [[1.0, 1e-9]]])
    assert margin._unit_w(alike, none, 1.5, 3.0) == pytest.approx(10 * 1.5 * 3 * 1e4)
    assert margin._unit_w(1e-160 * h, none, 0.5, 3.0) == 0.0


@pytest.mark.parametrize("method", ["cuts", "sdp"])
def test_margins_of_users_on_antennas_of_their_own(method):
    h = np.array([[[2.0, 0.0]], [[0.0, 0.5j]]])
    found = margin.power_margin(h, np.zeros((2, 1)), 3.0, 2.0, 10.0, method=method)
    need = 3 * 2.0 * 4.25 / 10
    c = found.certificate
    assert found.margin == c.value == pytest.approx(need, rel=1e-5) and c.bound == pytest.approx(need, rel=1e-5)
    assert c.status == "optimal" and c.bound <= c.value * (1 + 1e-12) and c.residual <= 1e-7
    np.testing.assert_allclose(np.abs(found.beams[:, 0]) ** 2, np.diag([1.5, 24.0]), rtol=1e-3, atol=1e-6)


def test_margins_end_at_fifty_decades():
    h = [[[1.0]]]
    for sinr, ok in ((1.01e-50, True), (0.99e50, True), (0.99e-50, False), (1.01e50, False)):
        if ok:
            assert margin.power_margin(h, [[0.0]], sinr, 1.0, 1.0).margin == pytest.approx(sinr, rel=1e-5)
        else:
            with pytest.raises(InvalidScenario, match="sinr"):
                margin.power_margin(h, [[0.0]], sinr, 1.0, 1.0)


def test_beams_of_a_program_are_scaled_until_they_are_proven(monkeypatch):
    problem = diagonal(2.0, 0.5)
    W = np.stack([np.diag([3.0, 0]), np.diag([0, 48.0])]) + 0j  # four times what is needed
    answer = sdp.Relaxed(51.0, 12.0, W, 7)
    monkeypatch.setattr(margin, "margin_by_sdp", lambda *given: answer)
    found, share = margin._by_program(problem, 3.0)
    assert found.upper == pytest.approx(3 * 4.25, rel=1e-6) and found.lower == 12.0 and found.rounds == 7
    np.testing.assert_allclose(np.abs(found.beams[:, 0]) ** 2, np.diag([0.75, 12.0]), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(share, 1.0)
    answer = replace(answer, covariances=W[::-1])
    with pytest.raises(SolverFailure, match="rank-one"):
        margin._by_program(problem, 3.0)
    answer = replace(answer, value=np.inf)
    found, _ = margin._by_program(problem, 3.0)
    assert found.upper == np.inf and found.beams is None and found.lower == pytest.approx(3 * 4.25, rel=1e-5)


def bracket_of(best=2.0, bound=2.0, restricted=math.inf, ratio=1.0, aps=1):
    h = np.full((1, aps, 1), math.sqrt(2.0)) + 0j
    bracket = search.Bracket(Reduced(h, np.zeros((1, aps)), np.ones((aps, 1, 1))), 1e-6)
    beams = np.full((1, aps, 1), 1j / aps)
    bracket.offer(best, beams, np.full((1, aps), 1e9))
    bracket.limit(bound, DualPoint(3.0, np.ones(aps) / aps, np.array([3.0]), np.array([0]), np.ones((1, aps)) + 0j))
    bracket.restricted, bracket.ratio = restricted, np.array([ratio])
    return bracket


def answer_of(bracket, power=4.0):
    aps = bracket.problem.channels.shape[1]
    # Noise and power of 4: the same channels as in units of both.
    return robust._answer(bracket, bracket.problem.channels, np.zeros((1, aps)), 4.0, power, "name", (), 0.0)


def test_answers_are_in_the_callers_units():
    bracket = bracket_of(best=1.9999, bound=2.5)
    found = answer_of(bracket)
    np.testing.assert_allclose(found.beams, 2.0j)
    np.testing.assert_allclose(found.multipliers, 4e9)
    np.testing.assert_allclose(found.dual.channels, 0.5)
    np.testing.assert_allclose([*found.dual.weights, found.dual.total], 12.0)
    assert found.sinr == 1.9999 and found.certificate.bound == 2.5 and found.certificate.residual == 0.0
    assert found.restricted is None and answer_of(bracket_of(restricted=1.95)).restricted == 1.95


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (dict(bound=2.0 * (1 + 0.9e-5), ratio=0.5), ""),
        (dict(bound=2.0 * (1 + 1.1e-5), ratio=0.99985), "rank"),
        (dict(bound=2.0 * (1 + 1.1e-5), ratio=0.99995), "digits"),
        (dict(bound=2.2, restricted=2.05, ratio=0.5, aps=3), "balls"),
        (dict(bound=2.2, restricted=2.15, ratio=0.5, aps=3), "rank"),
        (dict(bound=2.2, restricted=2.05, ratio=0.5, aps=2), "rank"),
    ],
)
def test_reasons_of_a_gap(changes, reason):
    found = answer_of(bracket_of(**changes))
    assert found.reason == reason
    assert found.certificate.status == ("optimal" if not reason and found.certificate.residual <= 1e-6 else "converged")


def test_claims_are_lowered_until_they_are_proven(monkeypatch):
    shortfalls = iter([1e-3, 5e-7, 0.0])
    monkeypatch.setattr(robust, "beam_residual", lambda *given: next(shortfalls))
    bracket = bracket_of()
    found = answer_of(bracket)
    assert found.sinr == pytest.approx(2.0 * (1 - 1e-8), rel=1e-12) and found.certificate.residual == 5e-7
    monkeypatch.setattr(robust, "beam_residual", lambda *given: 0.9e-12)
    assert answer_of(bracket).certificate.residual == 0.0
    monkeypatch.setattr(robust, "beam_residual", lambda *given: 2e-6)
    found = answer_of(bracket)
    assert found.sinr == pytest.approx(2.0 * (1 - 1e-6), rel=1e-12) and found.certificate.status == "converged"
    monkeypatch.setattr(robust, "beam_residual", lambda *given: 0.0)
    bracket.beams = bracket.beams * math.sqrt(1.5)
    assert answer_of(bracket).certificate.residual == pytest.approx(0.5)


def test_nothing_is_an_answer():
    found = assert_timed(lambda: robust._zero_sinr((2, 3, 4), "why", time.perf_counter()))
    c = found.certificate
    assert found.sinr == c.value == c.bound == 0 and c.status == "optimal" and found.dual is None and found.cuts == ()
    assert found.beams.shape == (2, 3, 4) and not found.beams.any() and found.rank_one_ratio.tolist() == [1, 1]
    assert found.multipliers.shape == (2, 3) and np.all(np.isnan(found.multipliers))


def test_what_a_program_says_goes_into_the_bracket(monkeypatch):
    bracket = search.Bracket(problem_of(), 1e-6)
    told = SimpleNamespace(best=2.0, beams="b", multipliers="m", bound=3.0, dual="d", restricted=2.5, rank_one_ratio="r")
    search._take(bracket, told, 2.2)
    assert (bracket.best, bracket.beams, bracket.dual, bracket.restricted, bracket.ratio) == (2.0, "b", "d", 2.5, "r")
    assert bracket.bound == pytest.approx(3 * (1 + 1e-9), rel=1e-12) and bracket.tried == [(2.2, 2.0, bracket.bound)]
    told.best, told.restricted, told.bound, told.beams = 0.0, 2.7, 4.0, "none"
    search._take(bracket, told, 2.4)
    assert (bracket.best, bracket.beams, bracket.restricted) == (2.0, "b", 2.5) and bracket.tried[1][0] == 2.4
    monkeypatch.setattr(search, "certify", lambda *given, least: (np.array([7.0, 5.0]), "proof"))
    search.offer(bracket, "new")
    assert bracket.best == pytest.approx(5 * (1 - 1e-9), rel=1e-12) and bracket.multipliers == "proof"


def test_errors_of_columns_serve_as_cuts():
    errors, weights = errors_of(np.array([[1.0], [2.0]]) + 0j, 1)
    assert errors.shape == (1, 1, 1) and weights[0] == 4.0 and errors[0, 0, 0] == 0.5
