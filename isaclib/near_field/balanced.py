r"""Beams of known channels from the weights that prove a bound: directions of least mean square error, powers in balance.

Without errors a dual point (:mod:`.dual_bound`) of one channel per user is complementary to the optimal beams:
:math:`F_kw_k=0`, that is :math:`w_k\propto(Q+\sum_jy_jh_jh_j^H)^{-1}h_k`, the solution of the least squares problem with the rows
:math:`\sqrt{y_j}h_j^H` and :math:`Q^{1/2}`, whose Gram matrix need not be formed. Users that can hardly be told apart keep their
digits in it. Given directions v, with :math:`g_{kj}=|h_k^Hv_j|^2` and :math:`a_{mj}=\|v_{j,m}\|^2`, the largest common SINR under
the limit of AP m alone is one over the Perron root of

.. math:: \operatorname{diag}(g_{kk})^{-1}\bigl(G-\operatorname{diag}(g_{kk})+\mathbf 1a_m^T\bigr),

with its eigenvector as powers: all users have the same SINR there, and the limit is met with equality. The least of these SINRs
belongs to powers that meet all limits.
"""

from __future__ import annotations

import numpy as np

from .dual_bound import DualPoint
from .reduction import Reduced

_LEAST_WEIGHT = 1e-12  # of the largest: users without one have a direction all the same
_TINY = 1e-300


def balanced_beams(problem: Reduced, dual: DualPoint) -> np.ndarray | None:
    """Beams (K, M, r) for unit power and noise, without errors; None where the dual point knows no channel of some user."""
    users, aps, width = problem.channels.shape
    y = np.bincount(dual.owners, dual.weights, users)
    if not np.all(np.bincount(dual.owners, minlength=users) > 0):
        return None
    y = np.maximum(y, _LEAST_WEIGHT * y.max())
    channels = problem.stacked
    prices = np.repeat(np.maximum(dual.prices, _LEAST_WEIGHT * np.max(dual.prices)), width)
    left, triangle = np.linalg.qr(np.concatenate([np.sqrt(y)[:, None] * channels.conj(), np.diag(np.sqrt(prices))]))
    try:
        v = np.linalg.solve(triangle, left[:users].conj().T).T
    except np.linalg.LinAlgError:
        return None
    v = v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), _TINY)
    gains = np.abs(channels.conj() @ v.T) ** 2
    own = np.diagonal(gains)
    if not np.min(own) > 0:
        return None
    spent = np.sum(np.abs(v.reshape(users, aps, width)) ** 2, axis=2)
    best, powers = np.inf, None
    for m in range(aps):
        values, vectors = np.linalg.eig((gains - np.diag(own) + spent[:, m]) / own[:, None])
        perron = int(np.argmax(values.real))
        if 1 / values[perron].real < best:
            best, powers = 1 / values[perron].real, np.abs(vectors[:, perron])
    if powers is None:
        return None
    beams = (np.sqrt(powers)[:, None] * v).reshape(users, aps, width)
    return beams / np.sqrt(np.sum(np.abs(beams) ** 2, axis=(0, 2)).max())
