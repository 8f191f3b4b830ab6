"""What several files of these tests use."""

import math

import numpy as np

from isaclib.near_field import Scenario
from isaclib.near_field.adversary import clip
from isaclib.near_field.dual_bound import DualPoint
from isaclib.near_field.reduction import Reduced


def small(seed=3, **changes):
    """Two access points, two users, seven antennas: solved in a fraction of a second."""
    parameters = dict(
        ap_positions_m=[[30.0, 70.0], [10.0, 20.0]],
        user_positions_m=[[20.0, 30.0], [40.0, 45.0]],
        antennas=7,
        antenna_spacing_m=0.08,
        crlb_limit_m2=4e-11,
        sensing_processing_gain_db=85.0,
    )
    return Scenario.random(np.random.default_rng(seed), **(parameters | changes))


def tiny(**changes):
    """The same with three antennas."""
    return small(**({"antennas": 3} | changes))


def normal(rng, *shape):
    """Complex normal numbers of variance 2."""
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def problem_of(seed=0, users=3, aps=2, width=3, relative=0.1, noise=0.1):
    """Random channels in unit noise, with errors of a part of each."""
    h = normal(np.random.default_rng(seed), users, aps, width)
    return Reduced(
        h / math.sqrt(noise), relative * np.linalg.norm(h, axis=2) / math.sqrt(noise), np.tile(np.eye(width), (aps, 1, 1))
    )


def dual_matrix(q, width, owners, weights, channels, k, sinr):
    """F_k of a list of channels by its definition."""
    F = np.diag(np.repeat(q, width)).astype(complex)
    for owner, y, x in zip(owners, weights, channels):
        F += (-1 / sinr if owner == k else 1.0) * y * np.outer(x, x.conj())
    return F


def point_of(problem, rng, *, each=2, weights=(0.5, 1.5)):
    """Channels inside the balls with random weights and prices."""
    users, aps, width = problem.channels.shape
    owners = np.repeat(np.arange(users), each)
    errors = clip(normal(rng, len(owners), aps, width) * problem.radii[owners][..., None], problem.radii[owners])
    x = (problem.channels[owners] + errors).reshape(len(owners), -1)
    q = rng.uniform(0.5, 1.5, aps)
    return DualPoint(1.0, q / q.sum(), rng.uniform(*weights, len(owners)), owners, x)
