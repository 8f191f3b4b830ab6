"""What beams rest on: spans and bases, balance of powers, channels that users share, by formula and from both sides."""

import math
from dataclasses import replace

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.near_field import balanced, reduction
from isaclib.near_field import shared_channel as shared
from isaclib.near_field.adversary import clip
from isaclib.near_field.dual_bound import DualPoint, dual_residual
from isaclib.near_field.reduction import Reduced, reduce
from tests.near_field.scenes import normal


def test_reduction_is_exact_on_the_span():
    rng = np.random.default_rng(14)
    h, radii = normal(rng, 2, 3, 5), rng.uniform(0.1, 0.2, (2, 3))
    problem, plain = reduce(h, radii, 0.25), reduce(h, radii, 0.25, reduced=False)
    assert (
        problem.channels.shape == (2, 3, 2)
        and plain.channels.shape == (2, 3, 5) == reduce(h[:, :, :5], radii, 1.0, reduced=False).channels.shape
    )
    np.testing.assert_allclose(problem.radii, 2 * radii)
    np.testing.assert_allclose(problem.lift(problem.channels), 2 * h)
    np.testing.assert_allclose(problem.project(h), problem.channels / 2)
    np.testing.assert_allclose(plain.channels, 2 * h)
    np.testing.assert_allclose(problem.stacked, problem.channels.reshape(2, 6))
    assert reduce(h[:, :, :2], radii, 1.0).channels.shape == (2, 3, 2) and np.array_equal(
        reduce(h[:, :, :2], radii, 1.0).bases[0], np.eye(2)
    )
    np.testing.assert_allclose(reduction.lengths_left(np.array([[[3.0, 4.0]]]), np.array([[1.0]])), 4.0)
    assert reduction.lengths_left(np.array([[[3.0, 4.0]]]), np.array([[6.0]])) == 0


def test_matched_frames_and_their_scale():
    h = np.array([[[3.0, 4.0], [0.0, 0.0]], [[1j, 0.0], [0.0, 2.0]]])
    problem = Reduced(h, np.zeros((2, 2)), np.tile(np.eye(2), (2, 1, 1))).matched()
    # Where there is no channel the column is a coordinate of no antenna.
    np.testing.assert_allclose(problem.frames[0], [[0.6, 0], [0.8, 0], [0, 0], [0, 0], [0, 0], [0, 1]])
    np.testing.assert_allclose(problem.frames[1], [[1j, 0], [0, 0], [0, 0], [0, 0], [0, 1], [0, 0]])
    np.testing.assert_array_equal(problem.channels, np.pad(h, [(0, 0), (0, 0), (0, 1)]))
    np.testing.assert_allclose(problem.lift(np.ones((2, 2, 3))), np.ones((2, 2, 2)))
    assert Reduced(h[:, :1], np.zeros((2, 1)), np.eye(2)[None]).matched().channels.shape == (2, 1, 2)
    bases, real = problem.beam_bases(9.0)
    assert real
    np.testing.assert_allclose(bases[0], problem.frames[0] * 3 / 5)
    np.testing.assert_allclose(bases[1], problem.frames[1] * 3 / math.sqrt(5))


@pytest.mark.parametrize("sinr", [0.04, 9.0])
def test_scaled_bases_by_their_definition(sinr):
    H = normal(np.random.default_rng(15), 2, 4)
    bases, own, others = reduction.scaled_bases(H, sinr), math.sqrt(sinr), min(math.sqrt(sinr), 1.0)
    longest = np.linalg.norm(np.linalg.pinv(H.conj()), axis=0).max()
    for k in range(2):
        scale = np.where(np.arange(2) == k, own, others)
        np.testing.assert_allclose(H.conj() @ bases[k], np.concatenate([np.diag(scale), np.zeros((2, 2))], axis=1), atol=1e-12)
        rest = bases[k][:, 2:]
        np.testing.assert_allclose(rest.conj().T @ rest, (longest * own) ** 2 * np.eye(2), atol=1e-9)


def test_users_that_cannot_be_told_apart_have_a_plain_basis():
    for gap, plain in ((1.1e-7, False), (0.9e-7, True)):
        H = np.diag([2.0, 2.0 * gap]) + 0j
        bases = reduction.scaled_bases(H, 9.0)
        np.testing.assert_allclose(bases[1], np.eye(2) * 1.5 if plain else np.diag([0.5, 1.5 / gap]))
    many = reduction.scaled_bases(np.ones((3, 2)) + 0j, 4.0)
    np.testing.assert_allclose(many, np.tile(np.eye(2) * 2 / math.sqrt(6), (3, 1, 1)))


def test_channels_end_at_a_hundred_decades():
    ones = np.ones((1, 2, 1))
    for size in (0.99e100, 1.01e100):
        for h, radii in ((ones * [[[size], [1.0]]], ones[..., 0]), (ones, np.array([[1.0, size]]))):
            if size < 1e100:
                assert reduction.checked(h, radii, 1.0)[0].shape == (1, 2, 1)
            else:
                with pytest.raises(InvalidScenario, match="too large"):
                    reduction.checked(h, radii, 1.0)
    with pytest.raises(InvalidScenario, match="without any channel"):
        reduction.checked(np.concatenate([ones, 0 * ones]), np.zeros((2, 2)), 1.0)
    assert reduction.checked(np.array([[[0.0], [1.0]]]), np.zeros((1, 2)), 1.0)[0].shape == (1, 2, 1)


def test_balanced_beams_of_one_access_point_are_those_of_the_uplink():
    """Directions (Q + sum y h h^H)^-1 h, equal SINRs at full power: for the right weights no beams reach more."""
    h = np.array([[[2.0, 0.3]], [[0.1, 0.5j]]])
    problem = Reduced(h, np.zeros((2, 1)), np.eye(2)[None])
    y, Q = np.array([0.3, 0.7]), 1.0
    dual = DualPoint(1.0, np.array([Q]), y, np.arange(2), problem.stacked)
    beams = balanced.balanced_beams(problem, dual)[:, 0]
    C = Q * np.eye(2) + sum(y[k] * np.outer(h[k, 0], h[k, 0].conj()) for k in range(2))
    for k in range(2):
        v = np.linalg.solve(C, h[k, 0])
        assert abs(np.vdot(v, beams[k])) == pytest.approx(np.linalg.norm(v) * np.linalg.norm(beams[k]), rel=1e-9)
    powers = np.abs(h[:, 0].conj() @ beams.T) ** 2
    sinr = np.diag(powers) / (powers.sum(axis=1) - np.diag(powers) + 1)
    assert sinr[0] == pytest.approx(sinr[1], rel=1e-9) and np.sum(np.abs(beams) ** 2) == pytest.approx(1.0)


def test_balanced_beams_keep_the_limit_of_every_access_point():
    rng = np.random.default_rng(16)
    h = 3 * normal(rng, 3, 2, 3)
    for order in (1, -1):
        keeps_the_limits(Reduced(h[:, ::order], np.zeros((3, 2)), np.tile(np.eye(3), (2, 1, 1))))


def keeps_the_limits(problem):
    dual = DualPoint(
        1.0, np.array([0.2, 0.8]), np.array([0.5, 0.2, 0.3, 0.1]), np.array([0, 1, 2, 2]), problem.stacked[[0, 1, 2, 2]]
    )
    beams = balanced.balanced_beams(problem, dual)
    spent = np.sum(np.abs(beams) ** 2, axis=(0, 2))
    assert spent.max() == pytest.approx(1.0)
    flat = beams.reshape(3, 6)
    powers = np.abs(problem.stacked.conj() @ flat.T) ** 2
    sinr = np.diag(powers) / (powers.sum(axis=1) - np.diag(powers) + 1)
    np.testing.assert_allclose(sinr, sinr[0], rtol=1e-9)
    C = np.diag(np.repeat([0.2, 0.8], 3)) + sum(
        y * np.outer(problem.stacked[k], problem.stacked[k].conj()) for k, y in zip([0, 1, 2, 2], [0.5, 0.2, 0.3, 0.1])
    )
    for k in range(3):
        v = np.linalg.solve(C, problem.stacked[k])
        assert abs(np.vdot(v, flat[k])) == pytest.approx(np.linalg.norm(v) * np.linalg.norm(flat[k]), rel=1e-9)
    nobody = replace(dual, owners=np.array([0, 1, 1, 1]))
    assert balanced.balanced_beams(problem, nobody) is None
    # Users whose channels have no weight, and prices of nothing, count a part in 1e12.
    bare = replace(dual, weights=np.array([0.5, 0.2, 0.0, 0.0]), prices=np.array([0.0, 4.0]))
    raised = replace(dual, weights=np.array([0.5, 0.2, 0.25e-12, 0.25e-12]), prices=np.array([4e-12, 4.0]))
    np.testing.assert_allclose(
        np.abs(balanced.balanced_beams(problem, bare)), np.abs(balanced.balanced_beams(problem, raised)), rtol=1e-3, atol=1e-9
    )


# Users that share one channel


def multiples(factors, radius=0.0):
    g = np.array([[3.0, 4.0], [1.0, 2.0j]])
    h = np.array([c * g for c in factors])
    return Reduced(h, radius * np.linalg.norm(h, axis=2), np.tile(np.eye(2), (2, 1, 1)))


def test_dual_points_of_a_shared_channel_prove_the_closed_form():
    problem = multiples([1.0, 2.0j, 0.5])
    points = list(shared.shared_channels(problem))
    assert [len(point.weights) for point in points] == [3, 2]
    lengths = np.sum(np.linalg.norm(problem.channels, axis=2), axis=1)
    for point in points:
        users = point.owners
        c = 1 / np.linalg.norm(problem.stacked[users], axis=1) ** 2
        np.testing.assert_allclose(point.weights, c / c.sum())
        np.testing.assert_allclose(point.prices, np.array([5.0, math.sqrt(5)]) / (5 + math.sqrt(5)))
        gamma = 1 / (len(users) - 1 + np.sum(1 / lengths[users] ** 2))
        assert point.total == 1.0 and dual_residual(problem, gamma * (1 + 1e-6), point) <= 0 < dual_residual(
            problem, gamma * (1 - 1e-6), point
        )
    beams, kept = shared.shared_beams(problem)
    left = lengths
    assert kept == pytest.approx(1 / (np.sum(1 + 1 / left**2) - 1)) and np.sum(np.abs(beams) ** 2, axis=(0, 2)) == pytest.approx(
        1.0
    )
    silent = replace(problem, channels=problem.channels * [[[0.0]], [[1]], [[1]]])
    assert list(shared.shared_channels(silent)) == []


def test_shared_beams_are_worth_what_they_say():
    problem = multiples([1.0, 2.0j, 0.5], radius=0.1)
    beams, kept = shared.shared_beams(problem)
    # The least signal: 0.9 of the length at each access point; powers in proportion to 1 + 1 / a.
    left = 0.9 * np.sum(np.linalg.norm(problem.channels, axis=2), axis=1)
    assert kept == pytest.approx(1 / (np.sum(1 + 1 / left**2) - 1), rel=1e-9)
    p = np.sum(np.abs(beams[:, 0]) ** 2, axis=1)
    np.testing.assert_allclose(p, (1 + 1 / left**2) / np.sum(1 + 1 / left**2))
    np.testing.assert_allclose(p * left**2 / ((1 - p) * left**2 + 1), kept)
    lost, nothing = shared.shared_beams(multiples([1.0, 1.0], radius=1.0))
    assert nothing == 0.0 and not lost.any()


def test_a_meeting_point_lies_in_all_balls():
    rng = np.random.default_rng(17)
    g = normal(rng, 2, 3)
    g /= np.linalg.norm(g)
    phases = np.exp(1j * np.array([0.3, 2.0, -1.0]))
    centres = phases[:, None, None] * (g + 0.05 * normal(rng, 3, 2, 3))
    radii = np.full((3, 2), 0.3)
    found, factors = shared._meeting_point(centres, radii)
    assert np.all(np.linalg.norm(factors[:, None, None] * found - centres, axis=2) <= radii * (1 + 1e-6))
    np.testing.assert_allclose(np.abs(factors), 1.0)
    inner = np.einsum("kmr,mr->k", centres, found.conj())
    np.testing.assert_allclose(factors, inner / np.abs(inner), atol=1e-6)
    exact, factors = shared._meeting_point(phases[:, None, None] * g, np.zeros((3, 2)))
    np.testing.assert_allclose(factors[:, None, None] * exact, phases[:, None, None] * g, atol=1e-9)


@pytest.mark.parametrize(("apart", "counts"), [(0.9e-2, [2]), (1.1e-2, [])])
def test_users_further_apart_than_a_hundredth_share_nothing(apart, counts):
    angle = math.asin(apart)  # half the angle between two channels of the same length
    h = np.array([[[math.cos(angle), math.sin(angle)]], [[math.cos(angle), -math.sin(angle)]]])
    problem = Reduced(h, np.zeros((2, 1)), np.eye(2)[None])
    assert [len(p.weights) for p in shared.shared_channels(problem)] == counts


@pytest.mark.filterwarnings("error")
def test_users_on_antennas_of_their_own_share_nothing():
    problem = Reduced(np.diag([2.0, 1.0])[:, None, :] + 0j, np.zeros((2, 1)), np.eye(2)[None])
    assert list(shared.shared_channels(problem)) == []
    beams, kept = shared.shared_beams(problem)
    # Their mean (1, 1) / sqrt(2) serves both, by 2 and 1/2: the sum of 1 + 1/a is 4.5.
    assert kept == pytest.approx(1 / 3.5) and np.all(np.isfinite(beams))


def test_channels_of_a_shared_dual_point_lie_in_their_balls():
    angle, lengths = 0.05, np.array([3.0, 0.5])
    h = lengths[:, None, None] * np.array([[[math.cos(angle), math.sin(angle)]], [[math.cos(angle), -math.sin(angle)]]])
    problem = Reduced(h, 0.06 * lengths[:, None], np.eye(2)[None])
    (point,) = shared.shared_channels(problem)
    assert np.all(np.linalg.norm(point.channels - h[:, 0], axis=1) <= problem.radii[:, 0] * (1 + 1e-9))
    x = point.channels / lengths[:, None]
    assert np.linalg.norm(x[0] - x[1]) < 1e-6 and np.linalg.norm(x[0]) > 0.99
    np.testing.assert_allclose(point.weights, (1 / lengths**2) / np.sum(1 / lengths**2), rtol=1e-6)
    # Between both, and 0.06 less than the projection on it: what is left of the two signals.
    left = lengths * (math.cos(angle) - 0.06)
    assert shared.shared_beams(problem)[1] == pytest.approx(1 / (np.sum(1 + 1 / left**2) - 1), rel=1e-6)


def test_projections_end_after_sixty_or_where_nothing_moves(monkeypatch):
    calls = []
    monkeypatch.setattr(shared, "clip", lambda errors, radii: calls.append(1) or clip(errors, radii))
    shared._meeting_point(multiples([1.0, 1.0], radius=0.2).channels, np.full((2, 2), 1.0))
    assert len(calls) <= 3
    calls.clear()
    monkeypatch.setattr(shared, "clip", lambda errors, radii: calls.append(1) or errors * (1 + 0.01 * len(calls)))
    shared._meeting_point(multiples([1.0, 1.0]).channels, np.zeros((2, 2)))
    assert len(calls) == 60
