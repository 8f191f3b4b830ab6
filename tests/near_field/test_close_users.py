"""Users that can hardly be told apart: a closed form for equal channels, 50 digits for nearly equal ones."""

import mpmath
import numpy as np
import pytest

from isaclib.near_field.dual_bound import DualPoint, _sinr_limits
from isaclib.near_field.given_beams import certified_sinr, channel_sinr
from isaclib.near_field.margin import power_margin
from isaclib.near_field.reduction import reduce
from isaclib.near_field.robust import robust_sinr


def close(users, aps, antennas, apart, *, seed=1):
    """One channel for all, and a random one of each user's own, ``apart`` times as large."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((aps, antennas)) + 1j * rng.standard_normal((aps, antennas))
    own = rng.standard_normal((users, aps, antennas)) + 1j * rng.standard_normal((users, aps, antennas))
    return shared + apart * own


@pytest.mark.parametrize("db", [0, 60, 120, 170, 200, 250])
@pytest.mark.parametrize("error", [0.0, 1e-3, 0.1, 0.8])
@pytest.mark.parametrize("users, aps", [(2, 1), (3, 1), (2, 2), (3, 2), (3, 3)])
def test_multiples_of_one_channel_have_a_closed_form(users, aps, error, db):
    h = np.exp(1j * np.arange(users))[:, None, None] * close(users, aps, 3, 0.0)
    # All beams along the common direction attain what the shared channel allows.
    seen = (1 - error) ** 2 * np.sum(np.linalg.norm(h[0], axis=1)) ** 2 * 10 ** (db / 10)
    best = 1 / (users - 1 + users / seen)
    found = robust_sinr(h, error * np.linalg.norm(h, axis=2), 10 ** (-db / 10), 1.0)
    assert found.certificate.status == "optimal"
    assert found.sinr == pytest.approx(best, rel=1e-5)
    assert found.sinr <= best * (1 + 1e-9) and found.certificate.bound >= best * (1 - 1e-9)


@pytest.mark.parametrize("lengths", [(1.0, 2.0), (0.1, 1.0, 30.0)])
def test_longer_multiples_count_less(lengths):
    c = np.array(lengths)
    h = c[:, None, None] * close(1, 2, 3, 0.0)
    seen = np.sum(np.linalg.norm(h[0] / c[0], axis=1)) ** 2 * 100.0
    found = robust_sinr(h, np.zeros((len(c), 2)), 0.01, 1.0)
    assert found.sinr == pytest.approx(1 / (len(c) - 1 + np.sum(c**-2.0) / seen), rel=1e-5)
    assert found.certificate.status == "optimal"


@pytest.mark.parametrize("db, apart", [(120, 1e-5), (160, 0.01), (200, 1e-3)])
def test_balls_that_meet_leave_users_no_more_than_one_channel_does(db, apart):
    h = close(3, 2, 2, apart)
    found = robust_sinr(h, 0.6 * np.linalg.norm(h, axis=2), 10 ** (-db / 10), 1.0)
    assert found.certificate.bound <= 0.5 * (1 + 1e-6)


def downlink(h, noise):
    """The largest common SINR of one access point without errors, by the dual uplink's fixed point in 50 digits."""
    with mpmath.workdps(50):
        users = len(h)
        H = mpmath.matrix([[mpmath.mpc(complex(x)) for x in row] for row in h[:, 0]]) / mpmath.sqrt(noise)
        gram, powers = H * H.H, [mpmath.mpf(1) / users] * users
        while True:
            root = mpmath.diag([mpmath.sqrt(p) for p in powers])
            inverse = mpmath.inverse(mpmath.eye(users) + root * gram * root)
            sinr = [1 / mpmath.re(inverse[k, k]) - 1 for k in range(users)]
            if max(sinr) < min(sinr) * (1 + mpmath.mpf(10) ** -20):
                return float(sinr[0])
            middle = mpmath.exp(sum(map(mpmath.log, sinr)) / users)
            powers = [p * (middle / s) ** mpmath.mpf("0.8") for p, s in zip(powers, sinr)]
            total = sum(powers)
            powers = [p / total for p in powers]


@pytest.mark.parametrize("users, antennas", [(2, 2), (3, 4)])
@pytest.mark.parametrize("db, apart", [(0, 1e-4), (60, 1e-3), (90, 1e-4), (90, 1e-5), (120, 1e-5), (160, 1e-2), (160, 1e-5)])
def test_close_users_without_errors_against_fifty_digits(users, antennas, db, apart):
    h = close(users, 1, antennas, apart)
    best = downlink(h, 10 ** (-db / 10))
    found = robust_sinr(h, np.zeros((users, 1)), 10 ** (-db / 10), 1.0)
    assert found.certificate.status == "optimal"
    assert best * (1 - 1e-5) <= found.sinr <= best * (1 + 1e-9)
    assert best * (1 - 1e-9) <= found.certificate.bound


@pytest.mark.parametrize("method", ["cuts", "sdp"])
@pytest.mark.parametrize("users, aps, db, apart", [(3, 2, 0, 1e-4), (3, 2, -7, 9e-6), (2, 2, -3, 5e-6), (3, 2, 60, 1e-5)])
def test_bounds_of_close_users_keep_their_digits(method, users, aps, db, apart):
    # Bounds that lay 1e-8 to 1e-6 below the value ended in an exception.
    h = close(users, aps, 2, apart)
    found = robust_sinr(h, np.zeros((users, aps)), 10 ** (-db / 10), 1.0, method=method)
    assert found.certificate.gap < 1e-5 and found.certificate.bound >= found.sinr


def test_bounds_beside_strong_interference_are_those_of_many_digits():
    # Two users of nearly one channel: the larger eigenvalue of the whitened channels, in 60 digits.
    h = close(2, 1, 2, 1e-6)
    problem = reduce(h, np.zeros((2, 1)), 1e-20)
    dual = DualPoint(1.0, np.array([1.0]), np.array([0.5, 0.5]), np.array([0, 1]), problem.stacked)
    with mpmath.workdps(60):
        limits = []
        for k in range(2):
            own, other = (mpmath.matrix([mpmath.mpc(complex(x)) for x in problem.stacked[j]]) for j in (k, 1 - k))
            whitened = mpmath.inverse(mpmath.eye(2) + other * other.H / 2) * own
            limits.append(float(mpmath.re((own.H * whitened)[0])) / 2)
    assert _sinr_limits(problem, dual, 1.0, np.ones(1), None)[0] <= max(limits) * (1 + 1e-6)


@pytest.mark.parametrize("noise", [1e-4, 1e-12, 1e-16])
@pytest.mark.parametrize("radius", [0.0, 1e-320, 1e-30])
def test_without_errors_the_proven_sinr_is_the_sinr(noise, radius):
    rng = np.random.default_rng(3)
    h = rng.standard_normal((3, 2, 4)) + 1j * rng.standard_normal((3, 2, 4))
    beams = np.linalg.pinv(h.reshape(3, -1).conj()).T.reshape(3, 2, 4)
    proven, _ = certified_sinr(h, np.full((3, 2), radius), beams, noise)
    assert proven == pytest.approx(channel_sinr(h[:, None], beams, noise)[:, 0], rel=1e-6)


@pytest.mark.parametrize("db", [60, 120, 160])
def test_users_whose_balls_meet_share_one_beam(db):
    # Covariances of any rank are no better, and no search finds these beams: it ended at 0.4988 after 25 s.
    h = close(3, 2, 2, 0.3)
    found = robust_sinr(h, 0.6 * np.linalg.norm(h, axis=2), 10 ** (-db / 10), 1.0)
    assert found.certificate.status == "optimal" and found.sinr == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("method", ["cuts", "sdp"])
@pytest.mark.parametrize("apart", [1e-3, 1e-5, 3e-7, 1e-9])
@pytest.mark.parametrize("sinr, far", [(0.3, False), (0.8, False), (0.8, True)])
def test_users_that_are_close_share_a_direction_at_the_least_power(sinr, far, apart, method):
    """Below an SINR of 1 two of them need about what two on one channel need: they were asked to be told apart, at no power."""
    h = close(2, 2, 3, apart)
    h = np.concatenate([h, close(1, 2, 3, 0.0, seed=2)]) if far else h
    radii = 1e-3 * np.linalg.norm(h, axis=2)
    found = power_margin(h, radii, sinr, 0.01, 1.0, method=method)
    assert found.certificate.status == "optimal"
    if not far:
        # Beams along one direction u: gamma / (1 + gamma) = 1 / (2 + 2 / a), a the least power that both receive.
        seen = (1 - 1e-3) ** 2 * np.sum(np.linalg.norm(h[0], axis=1)) ** 2 / 0.01
        assert found.margin == pytest.approx(2 / ((1 + sinr) / sinr - 2) / seen, rel=5 * apart + 1e-5)
