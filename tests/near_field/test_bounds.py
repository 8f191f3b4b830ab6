"""What proves and what attains: the adversary, dual points and mixtures, piece by piece against their formulas."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import linalg

from isaclib import InvalidScenario
from isaclib.near_field import adversary, decomposition, dual_bound, given_beams, proven_sinr
from isaclib.near_field.adversary import Dual, WorstCase, centred, clip, with_room, worst_case, worst_channels
from isaclib.near_field.dual_bound import DualPoint, checked_dual, dual_residual, sinr_limits
from isaclib.near_field.reduction import Reduced
from tests.near_field.scenes import dual_matrix, normal, point_of, problem_of


def form_of(beams, k, sinr):
    """M of user k: own beam over the SINR less those of the others."""
    w = beams.reshape(len(beams), -1)
    signs = np.where(np.arange(len(w)) == k, 1 / sinr, -1.0)
    return (w.T * signs) @ w.conj()


# The adversary


@pytest.fixture(scope="module")
def lanes():
    rng = np.random.default_rng(3)
    h, radii, w = normal(rng, 3, 2, 3), rng.uniform(0.1, 0.4, (3, 2)), normal(rng, 2, 3, 2, 3)
    sinr = rng.uniform(0.5, 3.0, (2, 3))
    return h, radii, w, sinr, Dual(h, radii, w, sinr), rng.uniform(40, 90, (6, 2))


def test_the_small_form_of_the_dual_is_that_of_the_matrices(lanes):
    h, radii, w, sinr, dual, multipliers = lanes
    inside, values, vectors = dual.factor(multipliers)
    found = dual.value(multipliers, values, vectors)
    shifted = dual.barrier(multipliers, values) - dual.barrier(2 * multipliers, dual.factor(2 * multipliers)[1])
    for lane, (s, k) in enumerate(np.ndindex(2, 3)):
        M, L, hk = form_of(w[s], k, sinr[s, k]), np.diag(np.repeat(multipliers[lane], 3)), h[k].ravel()
        assert inside[lane] and np.linalg.eigvalsh(M + L)[0] > 0
        value = hk.conj() @ M @ hk - multipliers[lane] @ radii[k] ** 2 - hk.conj() @ M @ np.linalg.solve(M + L, M @ hk)
        assert found[lane] == pytest.approx(value.real, rel=1e-10)
        # log det(M + L) up to a constant: as many users as each access point is wide.
        volume = np.linalg.slogdet(M + L)[1] - np.linalg.slogdet(M + 2 * L)[1]
        assert shifted[lane] == pytest.approx(volume, rel=1e-9)
    bounds = adversary.lower_bounds(h, radii, w, sinr, multipliers[:3])
    again, eigen, vectors = dual.factor(np.tile(multipliers[:3], (2, 1)))
    np.testing.assert_allclose(bounds.ravel(), dual.value(np.tile(multipliers[:3], (2, 1)), eigen, vectors))
    assert bounds.shape == (2, 3) and np.all(again)


def test_inside_is_positive_definite(lanes):
    h, radii, w, sinr, dual, multipliers = lanes
    for scale in 10.0 ** np.linspace(-3, 1, 25):
        inside, values, _ = dual.factor(scale * multipliers)
        for lane, (s, k) in enumerate(np.ndindex(2, 3)):
            least = np.linalg.eigvalsh(form_of(w[s], k, sinr[s, k]) + np.diag(np.repeat(scale * multipliers[lane], 3)))[0]
            assert inside[lane] == (least > 0)
            assert inside[lane] or np.all(values[lane] == 1.0)
    edge = multipliers.copy()
    edge[1, 0] *= -1
    assert dual.factor(edge)[0].tolist() == [True, False, True, True, True, True]
    assert np.all(adversary.lower_bounds(h, radii, w, sinr, 1e-6 * multipliers[:3]) == -np.inf)


def test_the_start_is_twice_the_largest_eigenvalue_of_all_beams(lanes):
    _, _, w, sinr, dual, _ = lanes
    for lane, (s, k) in enumerate(np.ndindex(2, 3)):
        scaled = w[s].reshape(3, -1) * np.where(np.arange(3) == k, 1 / np.sqrt(sinr[s, k]), 1.0)[:, None]
        np.testing.assert_allclose(dual.start()[lane], 2 * np.linalg.norm(scaled, 2) ** 2, rtol=1e-10)
    assert dual.factor(dual.start())[0].all()
    silent = Dual(np.ones((1, 1, 1)), np.ones((1, 1)), np.zeros((1, 1, 1, 1)), np.ones((1, 1)))
    assert silent.start() == 1e-300


class Line:
    """A dual of one number, whose steps and merits are given: what Newton's loop does with them."""

    lanes = users = aps = 1

    def of(self, lanes):
        return self

    def __init__(self, gradients, merits, outside=()):
        self.gradients, self.merits, self.outside = iter(gradients), iter(merits), set(outside)
        self.asked, self.places = 0, []

    def start(self):
        return np.full((1, 1), 7.0)

    def factor(self, multipliers):
        first, many = len(self.places), len(multipliers)
        self.places += multipliers[:, 0].tolist()
        inside = np.array([place not in self.outside for place in range(first, first + many)])
        return inside, np.ones((many, 1)), np.ones((many, 1, 1))

    def value(self, multipliers, *given):
        return np.array([next(self.merits) for _ in multipliers])

    def barrier(self, multipliers, *given):
        return np.zeros(len(multipliers))

    def derivatives(self, multipliers, values, vectors, tau):
        self.asked += 1
        return np.array([[next(self.gradients)]]), np.array([[[-1.0]]])


@pytest.mark.parametrize(
    ("square", "merit", "tau", "goes_on"),
    [(0.0101, 1.0, 1.0, True), (0.0099, 1.0, 1.0, False), (0.00505, 0.0, 0.5, True), (0.00495, 0.0, 0.5, False)]
    + [(1.01, -1e15, 1.0, True), (0.99, -1e15, 1.0, False)],
)
def test_newton_ends_where_a_step_promises_less_than_the_path_needs_or_rounding_leaves(square, merit, tau, goes_on):
    line = Line([math.sqrt(square), 0.0], [merit, merit + 10])
    *_, active = centred(line, np.ones((1, 1)), tau)
    assert line.asked == 1 + goes_on and not active.any()


@pytest.mark.parametrize(("gradient", "length"), [(-3.0, 0.3), (-0.95, 0.9 / 0.95), (-0.85, 1.0), (0.5, 1.0), (9.0, 1.0)])
def test_steps_stop_before_the_wall(gradient, length):
    line = Line([gradient, 0.0], [0.0, 100.0])
    multipliers, *_ = centred(line, np.full((1, 1), 2.0), 1.0)
    assert multipliers[0, 0] == pytest.approx(2 * (1 + length * gradient)) and line.places[1] == pytest.approx(multipliers[0, 0])


def test_steps_are_shortened_until_the_merit_rises_enough():
    # The second promises 4 times the length, a part in ten thousand must come; three parts are tried together, then six.
    enough = [0.0, 0.99e-4 * 4, 1.01e-4 * 4 * 0.3, 50.0, 50.0]
    line = Line([2.0, 0.0], enough)
    multipliers, *_ = centred(line, np.ones((1, 1)), 1.0)
    assert line.places == pytest.approx([1.0, 3.0, 1.6, 1.18, 1.054]) and multipliers[0, 0] == pytest.approx(1.6)
    line = Line([2.0, 0.0], [0.0] + [50.0] * 10, outside=[1, 2, 3, 4, 5])
    multipliers, *_ = centred(line, np.ones((1, 1)), 1.0)
    assert line.places == pytest.approx([1.0, *(1 + 2 * 0.3 ** np.arange(10))])
    assert multipliers[0, 0] == pytest.approx(1 + 2 * 0.3**5)


@pytest.mark.parametrize("users", [2, 3, 4, 6])
def test_lanes_whose_steps_are_shortened_differently_do_not_meet(users):
    """Near the boundary one lane needs a shorter step than the others: each ends where it ends alone."""
    rng = np.random.default_rng(5)
    for _ in range(40):
        h, w = (rng.standard_normal((users, 2, 3)) + 1j * rng.standard_normal((users, 2, 3)) for _ in range(2))
        radii = rng.uniform(0.05, 0.6, (users, 2)) * np.linalg.norm(h, axis=2)
        dual = Dual(h, radii, 30 * w[None], np.full((1, users), 10 ** rng.uniform(-3, 0)))
        together = centred(dual, dual.start(), 1e-4)
        alone = [centred(dual.of(np.array([k])), dual.start()[[k]], 1e-4) for k in range(users)]
        for found, parts in zip(together, zip(*alone)):
            np.testing.assert_allclose(found, np.concatenate(parts), rtol=1e-6, atol=1e-9)


def test_newton_gives_up_after_twenty_trials_or_fifteen_steps():
    line = Line([2.0] * 99, [0.0, *[-1.0] * 99])
    multipliers, _, _, active = centred(line, np.ones((1, 1)), 1.0)
    assert line.asked == 2 and len(line.places) == 21 and multipliers[0, 0] == 1.0 and active.all()  # astray
    line = Line([2.0] * 99, [3.9e10, *[-1.0] * 99])
    assert centred(line, np.ones((1, 1)), 1.0)[3].all()
    line = Line([2.0] * 99, [4.1e10, *[-1.0] * 99])
    assert not centred(line, np.ones((1, 1)), 1.0)[3].any()  # what is promised is rounding
    line = Line([0.5] * 99, np.arange(99.0))
    *_, active = centred(line, np.ones((1, 1)), 1.0)
    assert line.asked == 15 and active.all()


def test_newton_from_outside_starts_anew():
    line = Line([0.0], [0.0], outside=[0])
    multipliers, *_ = centred(line, np.ones((1, 1)), 1.0)
    assert multipliers[0, 0] == 7.0 and line.places == [1.0, 7.0]


def test_each_lane_begins_where_it_can_and_rests_where_it_is_done(lanes):
    *_, dual, multipliers = lanes
    centre, *_ = centred(dual, dual.start(), 1e-3)
    some = np.where(np.arange(6)[:, None] == 2, 1e-3 * multipliers, centre)  # outside
    again, _, _, active = centred(dual, some, 1e-3)
    assert dual.factor(again)[0].all() and not active.any()
    done = [lane for lane in range(6) if lane != 2]
    gradient, hessian = dual.derivatives(centre, *dual.factor(centre)[1:], 1e-3)
    decrement = -np.einsum("li,lij,lj->l", gradient, np.linalg.inv(hessian), gradient)
    assert np.all(decrement <= 1e-5)
    np.testing.assert_array_equal(again[done], centre[done])
    np.testing.assert_allclose(again[2], centre[2], rtol=0.3)


def test_the_barrier_falls_by_hundreds_to_the_precision(monkeypatch, lanes):
    h, radii, w, sinr, *_ = lanes
    weights, own = [], adversary.centred
    monkeypatch.setattr(adversary, "centred", lambda d, m, tau: weights.append(tau) or own(d, m, tau))
    for precision, expected in (
        (1e-7, [1, 1e-2, 1e-4, 1e-6, 1e-7]),
        (1e-4, [1, 1e-2, 1e-4]),
        (1e-10, [1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10]),
    ):
        weights.clear()
        worst_case(h, radii, w, sinr, precision=precision)
        assert weights == pytest.approx(expected)


def test_the_worst_error_and_the_soft_direction_are_those_of_the_matrices(lanes):
    h, radii, w, sinr, *_ = lanes
    found = worst_case(h, radii, w, sinr, precision=1e-6)
    for s, k in np.ndindex(2, 3):
        M, L, hk = form_of(w[s], k, sinr[s, k]), np.diag(np.repeat(found.multipliers[s, k], 3)), h[k].ravel()
        value = hk.conj() @ M @ hk - found.multipliers[s, k] @ radii[k] ** 2 - hk.conj() @ M @ np.linalg.solve(M + L, M @ hk)
        assert found.value[s, k] == pytest.approx(value.real, rel=1e-6)
        error = clip(-np.linalg.solve(M + L, M @ hk).reshape(2, 3), radii[k])
        np.testing.assert_allclose(found.errors[s, k], error, rtol=1e-5, atol=1e-7)
        # The soft vector is that of the eigenvalue of C + G next below 0: (M + L) u = theta U C v.
        scaled = w[s].reshape(3, -1).T * np.where(np.arange(3) == k, 1 / np.sqrt(sinr[s, k]), 1.0)
        C = np.diag(np.where(np.arange(3) == k, 1.0, -1.0))
        v = np.linalg.eigh(C + scaled.conj().T @ np.linalg.solve(L, scaled))[1]
        soft = np.linalg.solve(L, scaled @ v[:, -2])
        assert abs(np.vdot(soft, found.soft[s, k])) == pytest.approx(np.linalg.norm(soft), rel=1e-6)
        assert np.linalg.norm(found.soft[s, k]) == pytest.approx(1.0)
    alone = worst_case(h[:1], radii[:1], w[:, :1], 2.0)
    np.testing.assert_allclose(np.linalg.norm(alone.soft, axis=(2, 3)), 1.0)


def test_balls_get_the_room_that_changes_nothing():
    h, w = np.array([[[3.0, 4.0], [0.0, 1.0]]]), np.array([[[0.0, 0.5], [0.02, 0.0]], [[0.1, 0.0], [0.0, 0.04]]])
    whole = math.sqrt(26.0)
    received = np.array([0.5, 0.04])
    np.testing.assert_allclose(with_room(np.zeros((1, 2)), h, w), [1e-9 * np.minimum(whole, 1 / received)])
    np.testing.assert_allclose(with_room(np.full((1, 2), 0.3), h, w), 0.3)
    np.testing.assert_allclose(with_room(np.zeros((1, 2)), h, 0 * w), 1e-9 * whole)


def test_errors_are_shortened_to_their_balls():
    errors = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    np.testing.assert_allclose(clip(errors, np.array([1.0, 1.0, 0.0])), [[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]])
    np.testing.assert_allclose(clip(errors[:1], np.array([5.0])), errors[:1])


def worst_of(problem, multipliers, errors, soft):
    users = len(problem.channels)
    return WorstCase(np.zeros((1, users)), multipliers[None], errors[None], soft[None])


def test_starts_of_the_hard_case_lie_on_the_spheres_together(monkeypatch):
    monkeypatch.setattr(adversary, "_POLISH_STEPS", 0)
    rng = np.random.default_rng(5)
    problem, w = problem_of(users=2), normal(rng, 1, 2, 2, 3)
    unit = normal(rng, 2, 2, 3)
    unit *= problem.radii[..., None] / np.linalg.norm(unit, axis=2, keepdims=True)
    # Errors and soft vectors along one line: every ball is left at the same length.
    found = worst_of(problem, rng.uniform(1, 2, (2, 2)), (0.3 + 0.4j) * unit, 0.7 * unit)
    faced, values = worst_channels(problem.channels, problem.radii, w, 2.0, found)
    lengths = np.linalg.norm(faced - problem.channels[None, :, None], axis=4) / problem.radii[:, None]
    np.testing.assert_allclose(np.sort(lengths[..., 0], axis=2), [[[0.5] + [1.0] * 6] * 2], rtol=1e-9)
    np.testing.assert_allclose(lengths[..., 0], lengths[..., 1], rtol=1e-9)
    assert faced.shape == (1, 2, 7, 2, 3) and np.all(np.diff(values, axis=2) >= 0)
    for k, p in np.ndindex(2, 7):
        x = faced[0, k, p].ravel()
        assert values[0, k, p] == pytest.approx((x.conj() @ form_of(w[0], k, 2.0) @ x).real, rel=1e-9)
    # The phases of the steps are the sixth roots of one.
    moved = np.einsum("kpmr,kmr->kp", faced[0] - problem.channels[:, None] - found.errors[0][:, None], found.soft[0].conj())
    phases = moved[np.abs(moved) > 1e-9] / np.abs(moved[np.abs(moved) > 1e-9])
    np.testing.assert_allclose(phases**6, 1.0, atol=1e-8)
    assert len(np.unique(np.round(phases, 6))) == 6


def test_a_polishing_step_minimises_the_majorant_over_the_balls(monkeypatch):
    rng = np.random.default_rng(6)
    problem, w = problem_of(users=2), normal(rng, 1, 2, 2, 3)
    errors, weights = 0.1 * normal(rng, 2, 2, 3) * problem.radii[..., None], rng.uniform(1, 2, (2, 2))
    found = worst_of(problem, weights, errors, np.zeros((2, 2, 3)))
    monkeypatch.setattr(adversary, "_POLISH_STEPS", 1)
    values = worst_channels(problem.channels, problem.radii, w, 2.0, found)[1]
    for k in range(2):
        M = form_of(w[0], k, 2.0)
        pull = weights[k][:, None] * errors[k] - (M @ (problem.channels[k] + errors[k]).ravel()).reshape(2, 3)
        step = problem.radii[k][:, None] * pull / np.linalg.norm(pull, axis=1, keepdims=True)
        ends = [(problem.channels[k] + e).ravel() for e in (errors[k], step)]
        least = min((x.conj() @ M @ x).real for x in ends)
        assert values[0, k, 0] == pytest.approx(least, rel=1e-9)
    monkeypatch.undo()
    assert np.all(worst_channels(problem.channels, problem.radii, w, 2.0, found)[1][..., 0] <= values[..., 0])


def test_signal_and_interference_are_told_apart():
    rng = np.random.default_rng(7)
    faced, w = normal(rng, 2, 3, 4, 2, 3), normal(rng, 2, 3, 2, 3)
    own, rest = adversary._own_and_rest(faced, w)
    powers = np.abs(np.einsum("skpmr,sjmr->skpj", faced.conj(), w)) ** 2
    for k in range(3):
        np.testing.assert_allclose(own[:, k], powers[:, k, :, k])
        np.testing.assert_allclose(rest[:, k], powers[:, k].sum(axis=2) - powers[:, k, :, k])
    sinr = given_beams.channel_sinr(faced[0], w[0], 0.3)
    np.testing.assert_allclose(sinr, own[0] / (rest[0] + 0.3))


# Beams that are given


def test_certified_values_and_their_edges():
    rng = np.random.default_rng(8)
    h, w, radii = normal(rng, 2, 2, 3), normal(rng, 2, 2, 3), np.full((2, 2), 0.1)
    lam = np.full((2, 2), 300.0)
    both = given_beams.certified_values(h, radii, w, [2.0, 3.0], 0.5, lam)
    for k, gamma in enumerate((2.0, 3.0)):
        M, hk = form_of(w, k, gamma), h[k].ravel()
        value = hk.conj() @ M @ hk - 300 * 0.02 - hk.conj() @ M @ np.linalg.solve(M + 300 * np.eye(6), M @ hk)
        assert both[k] == pytest.approx(value.real / 0.5, rel=1e-9)
        assert given_beams.certified_values(h, radii, w, gamma, 0.5, lam)[k] == pytest.approx(both[k])
    for bad in (0.0, -1.0, np.nan):
        lam[1, 0] = bad
        found = given_beams.certified_values(h, radii, w, [2.0, 3.0], 0.5, lam)
        assert found[0] == pytest.approx(both[0]) and found[1] == -np.inf
    # Orthogonal beams of length 1 and lambda = 1: M + Lambda = diag(1 + 1, -1 + 1) is singular; beyond, (1/2 + 1/lambda)^-1 is A.
    eyes, none = np.eye(2)[:, None, :], np.zeros((2, 1))
    assert np.all(given_beams.certified_values(eyes, none, eyes, 2.0, 1.0, np.ones((2, 1))) == -np.inf)
    values = given_beams.certified_values(eyes, none, eyes, 2.0, 1.0, np.full((2, 1), 4.0))
    np.testing.assert_allclose(values, 0.5 - 0.5 * 0.5 / (0.5 + 4.0))
    low = given_beams.certified_values(h, radii, w, [2.0, 3.0], 0.5, np.full((2, 2), 1e-3))
    assert np.all(low == -np.inf)


def test_the_residual_is_what_the_worst_value_lacks():
    one = [[[3.0, 4.0]]], [[0.5]], [[[0.6, 0.8]]]
    sinr, multipliers = given_beams.certified_sinr(*one, 1.0)
    # 4.5^2 / sinr is the worst value over the noise.
    for part in (0.5, 2.0):
        residual = given_beams.beam_residual(*one, part * 20.25, 1.0, multipliers / part)
        assert residual == pytest.approx(max(0.0, 1 - 1 / part), abs=1e-6)
    assert sinr[0] == pytest.approx(20.25, rel=1e-9)


def test_certified_is_the_least_reduction_at_which_the_matrix_holds(monkeypatch):
    rng = np.random.default_rng(9)
    h, w, radii = normal(rng, 2, 1, 2), normal(rng, 2, 1, 2), np.full((2, 1), 0.01)
    proven, multipliers = given_beams.best_proven(h, radii, w)
    levels = np.full((2, 13), 0.5)
    levels[0, 5:], levels[1, 9:] = 1.0, 1.0
    monkeypatch.setattr(given_beams, "lower_bounds", lambda *given: levels.T)
    sinr, kept = given_beams.certify(h, radii, w)
    np.testing.assert_allclose(sinr, proven * (1 - 10.0 ** np.array([-8.0, -4.0])), rtol=1e-12)
    np.testing.assert_array_equal(kept, multipliers)
    levels[1] = 0.999999
    sinr, kept = given_beams.certify(h, radii, w)
    assert sinr[0] > 0 and sinr[1] == 0 and np.all(np.isnan(kept[1])) and not np.any(np.isnan(kept[0]))
    levels[:] = 1.0
    np.testing.assert_allclose(given_beams.certify(h, radii, w)[0], proven * (1 - 1e-13), rtol=1e-15)


def test_noise_is_a_unit():
    """Two users on one antenna, 2 and 1 the amplitudes, errors of a tenth, noise 0.25: in closed form."""
    h, w, radii = np.ones((2, 1, 1)), np.array([2.0, 1.0]).reshape(2, 1, 1), np.full((2, 1), 0.1)
    expected = [4 * 0.81 / (0.81 + 0.25), 0.81 / (4 * 0.81 + 0.25)]
    np.testing.assert_allclose(given_beams.worst_sinr(h, radii, w, 0.25), expected, rtol=1e-7)
    np.testing.assert_allclose(given_beams.adversarial_sinr(h, radii, w, 0.25), expected, rtol=1e-7)
    sinr, multipliers = given_beams.certified_sinr(h, radii, w, 0.25)
    assert given_beams.beam_residual(h, radii, w, sinr, 0.25, multipliers) <= 1e-9


@pytest.mark.parametrize("largest", [0.99e75, 1.01e75])
def test_beams_end_where_their_snr_is_no_number(largest):
    for beams, h, noise in ((largest, 1.0, 1.0), (1.0, largest * 1e-3, 1e-6), (1e-60, 1e75 * 1e-3, 1e-6)):
        given = np.array([[[beams, 1e-90]]], dtype=complex), np.array([[[h, 1e-90]]], dtype=complex), noise
        if largest > 1e75 and beams != 1e-60:
            with pytest.raises(InvalidScenario, match="too large"):
                given_beams.checked_beams(*given)
        else:
            assert given_beams.checked_beams(*given)[0, 0, 0] == beams


def test_the_adversary_repeats_itself_until_the_sinr_rests(monkeypatch):
    h, radii, w = np.ones((1, 1, 1)), np.full((1, 1), 0.1), np.ones((1, 1, 1))
    falls = iter(np.cumprod(np.full(99, 1 - 2e-12)))
    calls = []
    monkeypatch.setattr(given_beams, "worst_case", lambda *given: calls.append(given[3]))
    monkeypatch.setattr(given_beams, "worst_channels", lambda *given: (np.ones((1, 1, 1, 1, 1)), None))
    own = given_beams.channel_sinr
    monkeypatch.setattr(given_beams, "channel_sinr", lambda *given: next(falls) * own(*given))
    assert given_beams._adversarial(h, radii, w) == pytest.approx(1.0, rel=1e-9) and len(calls) == 30
    falls, calls[:] = iter([1.0, 0.5, 0.5 * (1 - 0.5e-12), 0.1]), []
    assert given_beams._adversarial(h, radii, w) == 0.5 and len(calls) == 2


# The SINR that multipliers prove


def test_what_multipliers_prove_is_where_their_value_is_one():
    rng = np.random.default_rng(10)
    h, w, radii = normal(rng, 3, 2, 3), normal(rng, 1, 3, 2, 3), np.full((3, 2), 0.02)
    multipliers = rng.uniform(300, 900, (1, 3, 2))
    sinr = proven_sinr.proven(h, radii, w, multipliers)
    assert np.all(np.isfinite(sinr)) and np.any(sinr > 0)
    for k in np.flatnonzero(sinr[0] > 0):
        M, L, hk = form_of(w[0], k, sinr[0, k]), np.diag(np.repeat(multipliers[0, k], 3)), h[k].ravel()
        value = hk.conj() @ M @ hk - multipliers[0, k] @ radii[k] ** 2 - hk.conj() @ M @ np.linalg.solve(M + L, M @ hk)
        assert value.real == pytest.approx(1.0, rel=1e-8)


def test_multipliers_with_two_negative_eigenvalues_prove_nothing():
    # One access point, one antenna per beam: H = diag(1 - |w_j|^2 / lambda).
    h, radii = np.array([[[1.0, 0.0, 0.0]]] * 3), np.zeros((3, 1))
    w = np.eye(3)[None, :, None, :] * np.array([1.0, 2.0, 3.0])[None, :, None, None]
    for lam, negative in ((10.0, 0), (5.0, 1), (1.5, 2)):
        found = proven_sinr.proven(h, radii, w, np.full((1, 3, 1), lam))[0, 0]
        # r = f_1, nothing of the others is received: c = 1, and gamma = 1 - 1 / lambda.
        assert found == (pytest.approx(1 - 1 / lam) if negative == 0 else -np.inf)


def fixed_sinrs(monkeypatch, truth, bound):
    """A search in which multipliers "at" a trial prove that trial where user k keeps it (``truth[k]``), little where not, and the
    bound is the given function of truth and trial: all trials, as pairs (user, SINR).
    """
    asked, truth = [], np.asarray(truth)

    class Trials:
        def __init__(self, channels, radii, beams, trials):
            self.at, self.user = trials.ravel(), np.arange(trials.size) % len(truth)

        def of(self, lanes):
            self.at, self.user = self.at[lanes], self.user[lanes]
            asked.append((self.user, self.at))
            return self

        def value(self, *given):
            return bound(truth[self.user], self.at)

    monkeypatch.setattr(proven_sinr, "Dual", Trials)
    monkeypatch.setattr(proven_sinr, "best_multipliers", lambda dual: (dual.at[:, None], None, None))
    monkeypatch.setattr(proven_sinr, "proven", lambda c, r, b, m: np.where(m[:, :, 0] <= truth, m[:, :, 0], 0.1 * truth))
    return asked


def searched(best, high, least=None):
    best, high = np.array(best), np.array(high)
    return proven_sinr._searched(None, None, np.zeros((len(best), 1, 1)), best, np.ones((len(best), 1)), high, least)


def test_a_search_at_fixed_sinrs_narrows_from_both_sides(monkeypatch):
    truth = 0.4321
    asked = fixed_sinrs(monkeypatch, [truth], lambda truth, at: np.full_like(at, np.nan))  # without bounds there are no chords
    best, kept = searched([-np.inf], [1.0])
    parts = [0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 0.6]
    low, high = 0.0, 1.0
    for _, trials in asked:
        np.testing.assert_allclose(trials, np.maximum(low + np.array(parts) * (high - low), 1e-60))
        low = max([low, *trials[trials <= truth]])
        high = min([high, *trials[trials > truth]])
    assert len(asked) == 6 and best[0] == kept[0, 0] == low and low <= truth < high
    asked.clear()
    searched([1.0], [1 + 0.9e-10])
    assert not asked
    searched([0.3], [0.3 * (1 + 1.1e-10)])
    assert asked


def test_a_search_at_fixed_sinrs_begins_where_the_chord_ends(monkeypatch):
    """The bound of a SINR is concave in 1/gamma: chords lead to what holds, and the more nearly the shorter they are."""
    truth = 0.4321
    asked = fixed_sinrs(monkeypatch, [truth], lambda truth, at: 1 + np.log(truth / at))
    best, kept = searched([-np.inf], [9.0])
    assert best[0] == kept[0, 0] and truth * (1 - 1e-9) < best[0] <= truth
    (_, first), (_, second), *_ = asked
    held, missed = max(first[first <= truth]), min(first[first > truth])
    slope = np.log(missed / held) / (1 / held - 1 / missed)
    assert second[0] == pytest.approx(1 / (1 / held - np.log(truth / held) / slope))


def test_where_the_least_counts_nobody_else_is_searched_for(monkeypatch):
    asked = fixed_sinrs(monkeypatch, [0.9, 0.4, 0.2], lambda truth, at: 1 + np.log(truth / at))
    exactly = searched([0.1] * 3, [1.0] * 3)[0]
    np.testing.assert_allclose(exactly, [0.9, 0.4, 0.2], rtol=1e-8)
    asked.clear()
    best, _ = searched([0.1] * 3, [1.0] * 3, least=0.15)
    assert best[2] == pytest.approx(0.2, rel=1e-8) and np.all(best > 0.2 * (1 - 1e-8))
    assert set(asked[0][0]) == {0, 1, 2} and set(asked[-1][0]) == {2}
    asked.clear()
    best, _ = searched([0.1] * 3, [1.0] * 3, least=0.3)
    assert best.min() < 0.3 and len(asked) == 2  # the least is seen to be less than that: no more is asked
    asked.clear()
    searched([0.1, 0.1, 0.1], [1.0, 1.0, 0.3], least=0.3)
    assert not asked


def test_where_the_path_is_led_astray_signal_and_interference_apart_still_prove_their_quotient(monkeypatch):
    rng = np.random.default_rng(3)
    h = rng.standard_normal((3, 4, 2)) + 1j * rng.standard_normal((3, 4, 2))
    w = h / np.linalg.norm(h, axis=(1, 2), keepdims=True)
    w[0, 3] = w[1, 3] = w[2, 3] = 0.0  # an access point that nobody uses
    radii = np.where(np.arange(4) < 2, 0.05 * np.linalg.norm(h, axis=2), 0.0)
    radii[:, 3] = 0.3
    monkeypatch.setattr(
        proven_sinr, "centred", lambda dual, multipliers, tau: (np.full_like(multipliers, 1e-9), *[np.zeros(3, dtype=bool)] * 3)
    )
    monkeypatch.setattr(proven_sinr, "_searched", lambda c, r, b, best, kept, *more: (best, kept))
    best, kept = proven_sinr.best_proven(h, radii, w)
    f, e = np.abs(np.einsum("jmr,kmr->kj", w.conj(), h)), radii @ np.linalg.norm(w, axis=2).T
    far = ~np.eye(3, dtype=bool)
    sure = (np.diag(f) - np.diag(e)) ** 2 / (1 + np.sum((f + e) ** 2, axis=1, where=far))
    assert np.all(best >= sure * (1 - 1e-7))
    assert np.all(given_beams.certified_values(h, radii, w, best * (1 - 1e-6), 1.0, kept) >= 1)


def test_the_last_digits_are_looked_for_on_a_shrinking_pattern(monkeypatch):
    target = np.array([1 + 1.3e-7, 1 - 0.8e-7])
    lengths = []

    def quality(channels, radii, beams, multipliers):
        lengths.append(np.abs(multipliers[:, 0] - multipliers[4, 0]).max())
        assert len(multipliers) == 9
        return 1 - np.sum((multipliers / target - 1) ** 2, axis=2)

    monkeypatch.setattr(proven_sinr, "proven", quality)
    kept = proven_sinr._polished(None, None, np.zeros((1, 2, 1)), np.array([0.0]), np.ones((1, 2)))[1]
    assert np.abs(kept / target - 1).max() < 0.4e-7
    np.testing.assert_allclose(lengths, 10.0 ** -np.arange(7, 11, 0.5), rtol=1e-5)


def test_more_access_points_than_four_are_turned_by_four(monkeypatch):
    counted = []
    monkeypatch.setattr(proven_sinr, "proven", lambda c, r, b, m: counted.append(m) or np.zeros(m.shape[:2]))
    proven_sinr._polished(None, None, np.zeros((1, 6, 1)), np.array([1.0]), np.ones((1, 6)))
    assert counted[0].shape == (81, 1, 6) and np.all(counted[0][..., 4:] == 1.0)


def test_proofs_of_two_users_on_one_antenna_have_a_closed_form():
    """Own power 4 and 1, errors of a tenth: the signal fades by (1 - e)^2 where the interference grows by (1 + e)^2."""
    h, w, e = np.ones((2, 1, 1)), np.array([2.0, 1.0]).reshape(2, 1, 1), 0.1
    best, kept = proven_sinr.best_proven(h, np.full((2, 1), e), w)
    # One antenna: signal and interference fade together, so that the channel 1 - e is the worst.
    expected = [4 * 0.81 / (0.81 + 1), 0.81 / (4 * 0.81 + 1)]
    np.testing.assert_allclose(best, expected, rtol=1e-8)
    for k in range(2):
        assert given_beams.certified_values(h, [[e]] * 2, w, expected[k] * (1 - 1e-6), 1.0, kept)[k] >= 1 - 1e-9
    quiet, _ = proven_sinr.best_proven(1e-6 * h, np.full((2, 1), 1e-6 * e), w)
    np.testing.assert_allclose(quiet, [4 * 0.81e-12, 0.81e-12], rtol=1e-8)
    lost, ones = proven_sinr.best_proven(h, np.array([[1.0], [e]]), w)
    assert lost[0] == -np.inf and np.all(ones[0] == 1) and lost[1] == pytest.approx(expected[1], rel=1e-8)
    nobody, ones = proven_sinr.best_proven(h, np.full((2, 1), 1.5), w)
    assert np.all(nobody == -np.inf) and np.all(ones == 1)


# Dual points


def test_least_eigenvalues_are_those_against_the_prices():
    rng = np.random.default_rng(13)
    problem = problem_of(users=2)
    point = point_of(problem, rng, weights=(0.02, 0.05))
    least, rounding = dual_bound._least_eigenvalues(
        0.7, point.owners, point.weights, point.channels, np.repeat(point.prices, 3), users=2
    )
    root = np.diag(np.repeat(point.prices, 3) ** -0.5)
    for k in range(2):
        F = root @ dual_matrix(point.prices, 3, point.owners, point.weights, point.channels, k, 0.7) @ root
        values = np.linalg.eigvalsh(F)
        assert least[k] == pytest.approx(values[0], rel=1e-9) and rounding[k] == pytest.approx(
            1e-12 * np.abs(values).max(), rel=1e-9
        )


def least_sinr(problem, point, power, channels, weights, masses, prices=None):
    """The largest of the generalised eigenvalues of Y_k against Q and the others', by SciPy."""
    users, _, width = problem.channels.shape
    q = np.repeat(point.prices if prices is None else prices, width)
    y = weights * power / np.sum(masses * weights / point.weights)
    Y = [sum(y[i] * np.outer(channels[i], channels[i].conj()) for i in np.flatnonzero(point.owners == k)) for k in range(users)]
    return max(linalg.eigvalsh(Y[k], np.diag(q) + sum(Y) - Y[k])[-1] for k in range(users))


def test_sinr_limits_are_generalised_eigenvalues(monkeypatch):
    rng, power = np.random.default_rng(14), 1.7
    problem = problem_of(users=2)
    point = point_of(problem, rng)
    factors = np.array([0.0, 0.5, 1.0, 2.0])
    final = sinr_limits(problem, point, power, factors)
    monkeypatch.setattr(dual_bound, "_BALANCING_STEPS", 1)
    first = sinr_limits(problem, point, power, factors)
    masses = rng.uniform(1, 2, len(point.owners))
    massive = sinr_limits(problem, point, power, factors, masses=masses)
    assert len(sinr_limits(problem, point, power, np.zeros(0))) == 0
    centre = problem.stacked[point.owners]
    for s, one, other, last in zip(factors, first, massive, final):
        x = centre + s * (point.channels - centre)
        assert one == pytest.approx(least_sinr(problem, point, power, x, point.weights, point.weights), rel=1e-9)
        assert other == pytest.approx(least_sinr(problem, point, power, x, point.weights, masses), rel=1e-9)
        shared_out = [np.where(point.owners == 0, 1.0, part) * point.weights for part in np.exp(np.linspace(-6, 6, 201))]
        assert last == pytest.approx(min(least_sinr(problem, point, power, x, y, point.weights) for y in shared_out), rel=2e-2)
    monkeypatch.undo()
    rounds, own = [], dual_bound._whitener
    monkeypatch.setattr(dual_bound, "_whitener", lambda *given: rounds.append(given) or own(*given))
    np.testing.assert_array_equal(sinr_limits(problem, point, power, factors), final)
    assert len(rounds) == 6
    # The power enters as 1 over the noise: twice the power is what channels of sqrt(2) times the length see.
    louder = replace(point, channels=math.sqrt(2) * point.channels)
    loud = Reduced(math.sqrt(2) * problem.channels, math.sqrt(2) * problem.radii, problem.bases)
    np.testing.assert_allclose(
        sinr_limits(loud, louder, power, factors), sinr_limits(problem, point, 2 * power, factors), rtol=1e-9
    )


def test_sinr_limits_of_matched_beams_see_real_parts(monkeypatch):
    rng, power = np.random.default_rng(15), 1.3
    problem = problem_of(users=2).matched()
    point = point_of(problem, rng)
    monkeypatch.setattr(dual_bound, "_BALANCING_STEPS", 1)
    found = sinr_limits(problem, point, power, np.ones(1))[0]
    y = point.weights * power / point.weights.sum()
    worst = []
    for k in range(2):
        B = problem.frames[k]
        parts = [np.zeros((2, 2)), np.zeros((2, 2))]
        for i, owner in enumerate(point.owners):
            z = B.conj().T @ point.channels[i]
            parts[int(owner == k)] += y[i] * np.outer(z, z.conj()).real
        Q = (B.conj().T @ np.diag(np.repeat(point.prices, 3)) @ B).real
        worst.append(linalg.eigvalsh(parts[1], Q + parts[0])[-1])
    assert found == pytest.approx(max(worst), rel=1e-9)


def test_prices_of_almost_nothing_are_raised(monkeypatch):
    rng = np.random.default_rng(16)
    problem = problem_of(users=2)
    point = replace(point_of(problem, rng), prices=np.array([0.0, 2.0]))
    monkeypatch.setattr(dual_bound, "_BALANCING_STEPS", 1)
    found = sinr_limits(problem, point, 1.0, np.ones(1))[0]
    # Raised to a part in 1e9 before the prices are made to sum up to 1.
    q = np.array([1e-9, 2.0]) / (2 + 1e-9)
    assert found == pytest.approx(least_sinr(problem, point, 1.0, point.channels, point.weights, point.weights, q), rel=1e-5)


def test_many_errors_are_bounded_in_parts(monkeypatch):
    rng = np.random.default_rng(17)
    problem = problem_of(users=2)
    point, sizes, own = point_of(problem, rng), [], dual_bound._sinr_limits
    monkeypatch.setattr(dual_bound, "_sinr_limits", lambda *given: sizes.append(len(given[3])) or own(*given))
    whole = sinr_limits(problem, point, 1.0, np.linspace(0, 1, 130))
    assert sizes == [64, 64, 2]
    np.testing.assert_allclose(
        whole[[0, 70, 129]], sinr_limits(problem, point, 1.0, np.linspace(0, 1, 130)[[0, 70, 129]]), rtol=1e-9
    )


@pytest.mark.parametrize(("small", "way"), [(1.01e-3, "cholesky"), (0.99e-3, "qr")])
def test_whitening_is_by_orthogonal_transformations_where_digits_would_be_lost(small, way, monkeypatch):
    floors, lit = np.stack([np.eye(2), np.diag([1.0, small])]) + 0j, np.zeros((1, 2, 2, 1), dtype=complex)
    ways, own = [], np.linalg.qr
    monkeypatch.setattr(np.linalg, "qr", lambda *given, **more: ways.append("qr") or own(*given, **more))
    L = dual_bound._whitener(floors, floors.conj().swapaxes(1, 2) @ floors, lit)
    np.testing.assert_allclose(L @ L.conj().swapaxes(2, 3), [[np.eye(2), np.diag([1.0, small**2])]], atol=1e-15)
    assert (ways or ["cholesky"]) == [way]


def test_whiteners_of_both_ways_have_the_same_square(monkeypatch):
    rng = np.random.default_rng(18)
    floors, lit = normal(rng, 2, 4, 3), normal(rng, 5, 2, 3, 6)
    ground = floors.conj().swapaxes(1, 2) @ floors
    expected = ground + lit @ lit.conj().swapaxes(2, 3)
    for lost in (0.0, 2.0):
        monkeypatch.setattr(dual_bound, "_LOSES_DIGITS", lost)
        L = dual_bound._whitener(floors, ground, lit)
        np.testing.assert_allclose(L @ L.conj().swapaxes(2, 3), expected, rtol=1e-10, atol=1e-10)
        assert np.allclose(np.triu(L, 1), 0)


def test_what_lies_outside_is_measured_by_the_channel_or_by_all_of_them():
    problem = Reduced(np.array([[[3.0, 0.0], [0.0, 0.0]]]), np.full((1, 2), 0.5), np.tile(np.eye(2), (2, 1, 1)))
    for channel, excess in (([3.0, 1.1, 0, 0], 0.6 / 3), ([3.0, 0, 0.8, 0], 0.3 / 3), ([3.0, 0.2, 0, 0.1], -0.3 / 3)):
        assert dual_bound._outside(problem, np.array([channel]), np.array([0])) == pytest.approx(excess, rel=1e-9)


@pytest.mark.parametrize(("off", "ok"), [(0.9e-6, True), (1.1e-6, False)])
def test_channels_hardly_outside_their_balls_are_brought_back(off, ok):
    problem = problem_of(users=2)
    length = np.linalg.norm(problem.channels[1, 0])
    x = problem.channels[1].copy()
    x[0] *= 1 - (problem.radii[1, 0] + off * length) / length
    point = DualPoint(3.0, np.ones(2), np.array([3.0]), np.array([1]), x.reshape(1, -1))
    assert dual_bound._outside(problem, point.channels, point.owners) == pytest.approx(off - 1e-12, rel=1e-6)
    if ok:
        found = checked_dual(problem, point)
        error = np.linalg.norm(found.channels.reshape(2, 3) - problem.channels[1], axis=1)
        assert error[0] <= problem.radii[1, 0] * (1 + 1e-12) and found.total == 3.0
    else:
        with pytest.raises(InvalidScenario, match="outside"):
            checked_dual(problem, point)


def test_fields_of_a_dual_point_that_are_no_weights_prices_or_users():
    problem = problem_of(users=2)
    good = DualPoint(5.0, np.ones(2), np.array([2.0, 3.0]), np.array([0.0, 1.0]), problem.stacked)
    assert checked_dual(problem, good).owners.dtype == int
    bad = ({"weights": np.zeros(2)}, {"prices": np.zeros(2)}, {"owners": np.array([0.5, 1])}, {"owners": np.array([0, 2])})
    for change in bad:
        with pytest.raises(InvalidScenario, match="witness"):
            checked_dual(problem, replace(good, **change))
    assert checked_dual(problem, replace(good, weights=np.array([0.0, 1.0]), prices=np.array([0.0, 1.0]))).total == 1.0


def test_the_residual_of_a_dual_point_names_the_worst_of_its_faults():
    problem = Reduced(np.diag([2.0, 1.0])[:, None, :].astype(complex), np.full((2, 1), 0.1), np.eye(2)[None])
    # F_k = I - y_k |h_k|^2 / gamma: nonnegative where y_k <= gamma / |h_k|^2.
    point = DualPoint(2.5, np.ones(1), np.array([0.5, 2.0]), np.arange(2), problem.stacked)
    assert dual_residual(problem, 2.0, point) <= 0 and dual_residual(problem, 2.0, point, factor=0.5) <= 0
    assert dual_residual(problem, 2.0, point, factor=1.1) == pytest.approx(0.1, rel=1e-9)
    assert dual_residual(problem, 2.0, replace(point, prices=np.array([1.3]))) == pytest.approx(0.3, rel=1e-9)
    assert dual_residual(problem, 2.0, replace(point, weights=np.array([-0.2, 1.0]))) == pytest.approx(0.2, rel=1e-9)
    far = replace(point, channels=problem.stacked + [[0.5, 0.0], [0.0, 0.0]])
    assert dual_residual(problem, 4.0, far) == pytest.approx((0.5 - 0.1) / 2, rel=1e-9)
    lost = replace(point, prices=np.array([-0.1]))
    with np.errstate(all="ignore"):
        assert dual_residual(problem, 2.0, lost) >= 1.1


# Mixtures behind a dual matrix


def sums(columns):
    return columns @ columns.conj().T


@pytest.mark.parametrize("aps", [1, 2, 3])
def test_columns_take_the_mean_of_the_first_two_forms(aps):
    rng = np.random.default_rng(19)
    root = normal(rng, 2 * aps + 1, 5)
    forms = np.concatenate([np.repeat(np.eye(aps), 2, axis=1), -np.ones((aps, 1))], axis=1)
    z = decomposition.rank_one_terms(root, forms)
    np.testing.assert_allclose(sums(z), sums(root), rtol=1e-10, atol=1e-10)
    for form in forms[:2]:
        values = form @ np.abs(z) ** 2
        np.testing.assert_allclose(values, values.mean(), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(decomposition.columns_of(root, aps), z)


@pytest.mark.parametrize("index", [0, 1])
def test_a_turn_gives_one_column_the_value_zero_and_leaves_the_sum(index):
    rng = np.random.default_rng(20)
    forms = rng.standard_normal((2, 4))
    low, high = normal(rng, 2, 4)
    if index:  # both have the first form's value already
        low *= np.sqrt(abs(1 / (forms[0] @ np.abs(low) ** 2)))
        high *= np.sqrt(abs(1 / (forms[0] @ np.abs(high) ** 2)))
        forms[0] = np.abs(forms[0])
        low /= np.sqrt(forms[0] @ np.abs(low) ** 2)
        high /= np.sqrt(forms[0] @ np.abs(high) ** 2)
    values = [forms[index] @ np.abs(v) ** 2 for v in (low, high)]
    if values[0] > values[1]:
        low, high, values = high, low, values[::-1]
    mean = 0.3 * values[0] + 0.7 * values[1]
    # Forms whose values are counted from the mean: here by moving the form itself.
    a, b = decomposition._turned(low, high, forms, index, values[0] - mean, values[1] - mean)
    np.testing.assert_allclose(
        np.outer(a, a.conj()) + np.outer(b, b.conj()), np.outer(low, low.conj()) + np.outer(high, high.conj())
    )
    assert forms[index] @ np.abs(a) ** 2 == pytest.approx(mean, rel=1e-9)
    if index:
        assert forms[0] @ np.abs(a) ** 2 == pytest.approx(1.0) and forms[0] @ np.abs(b) ** 2 == pytest.approx(1.0)


def test_rotations_keep_the_sum_and_lower_the_excess():
    rng = np.random.default_rng(21)
    forms = np.concatenate([np.repeat(np.eye(3), 2, axis=1), -np.ones((3, 1))], axis=1)

    def excess(z):
        return np.sum(np.maximum(forms @ np.abs(z) ** 2, 0) ** 2)

    root = decomposition.rank_one_terms(normal(rng, 7, 5) * np.append(np.full(6, 0.65), 1.2)[:, None], forms)
    z = decomposition.rotated(root, forms)
    np.testing.assert_allclose(sums(z), sums(root), rtol=1e-9, atol=1e-9)
    least = np.sum(np.maximum(forms @ np.sum(np.abs(root) ** 2, axis=1), 0) ** 2) / 5  # all columns alike
    assert least * (1 - 1e-9) <= excess(z) <= least + 0.5 * (excess(root) - least)
    once = decomposition.rotated(root, forms, sweeps=1)
    assert excess(z) <= excess(once) < excess(root)
    # Two columns: the best of all pairs of an angle and a turn on the grid.
    for pair in [root[:, :2] * np.array([1.0, 1.7]), *(normal(rng, 7, 2) for _ in range(4))]:
        trials = [
            np.stack([c * pair[:, 1] + s * t * pair[:, 0], c * pair[:, 0] - s * np.conj(t) * pair[:, 1]], axis=1)
            for angle in np.linspace(0, np.pi / 2, 25)
            for c, s in [(math.cos(angle), math.sin(angle))]
            for t in np.exp(2j * np.pi * np.arange(24) / 24)
        ]
        assert excess(decomposition.rotated(pair, forms, sweeps=1)) == pytest.approx(min(excess(z) for z in trials), rel=1e-9)
    inside = np.concatenate([np.full((6, 3), 0.1), np.ones((1, 3))]) + 0j
    np.testing.assert_array_equal(decomposition.rotated(inside, forms), inside)


def test_rotations_end_where_a_sweep_gains_nothing(monkeypatch):
    forms = np.concatenate([np.repeat(np.eye(3), 2, axis=1), -np.ones((3, 1))], axis=1)
    calls, own = [], np.unravel_index
    monkeypatch.setattr(np, "unravel_index", lambda *given: calls.append(given) or own(*given))
    alike = np.ones((7, 3)) + 0j  # whatever is turned, the excess stays
    np.testing.assert_allclose(sums(decomposition.rotated(alike, forms)), sums(alike))
    assert len(calls) == 6


def test_columns_that_are_rounding_are_left_as_they_are():
    rng = np.random.default_rng(22)
    root = normal(rng, 7, 4)
    sizes = np.sum(np.abs(root) ** 2, axis=0)
    for part, left in ((0.9e-8, 1), (1.1e-8, 0)):
        small = root.copy()
        small[:, 3] *= np.sqrt(part * sizes[:3].max() / sizes[3])
        found = decomposition.columns_of(small, 3, turned=True)
        np.testing.assert_allclose(sums(found), sums(small), rtol=1e-9, atol=1e-9)
        assert int(np.array_equal(found[:, -1], small[:, -1])) == left
    for aps in (1, 2):
        wide = normal(rng, 3 * aps + 1, 4)
        np.testing.assert_array_equal(decomposition.columns_of(wide, aps, turned=True), decomposition.columns_of(wide, aps))


def test_errors_behind_columns_by_hand():
    columns = np.array([[1.0, 6.0, 5.0], [0.0, 0.0, 5.0], [2.0j, 8.0, 5.0], [0.0, 0.0, 5.0], [2.0, 2.0, 0.9e-7 * math.sqrt(8)]])
    u, weights = decomposition.errors_of(columns, 2)
    np.testing.assert_allclose(weights, [4.0, 4.0])
    np.testing.assert_allclose(u, [[[0.5, 0], [1j, 0]], [[1.0, 0], [1.0, 0]]])
    columns[-1, 2] = 1.1e-7 * math.sqrt(8)
    assert len(decomposition.errors_of(columns, 2)[1]) == 3
