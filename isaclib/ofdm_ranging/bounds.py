r"""Upper bounds on the utility from multipliers that are fitted to given shares, whatever found them.

For the two edge carriers alone, which a limit at the least CRB leaves, the multipliers have a closed form. With reach
:math:`R = (N-1)/2`, slack s and price :math:`\beta` of the moment limit about the centroid m, the edges' bonuses are
:math:`\beta(1 + m^2/s) \mp 2\beta m R/s`, and at m = 0 any other carrier's lies :math:`\beta (2R - 1)/s` or more below them.
The halves are stationary where :math:`4\beta m R/s = \Delta`, the difference of the marginal utilities, at a cost of
:math:`\beta + \Delta^2 s/(16 \beta R^2)`: least at :math:`\beta = |\Delta|\sqrt s/(4R)`, or at the least :math:`\beta` that
prices the other carriers out.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import linprog, nnls

from . import pulse as pulses
from .cuts import PHASES, Problem, moment_loss, moment_price
from .edge import beside_the_least_level
from .waterfilling import priced_bound

_TIGHT = 1e-8  # relative gap at which no further multipliers are tried
_ASIDE = (-1e-3, -1e-4, 0.0, 1e-4, 1e-3)  # in 1/bandwidth
_ACTIVE = (1e-6, 1e-5, 1e-4, 1e-3)  # how close to equality (relative, or a share) a limit may carry a multiplier; all are tried


def fitted_bound(problem: Problem, gains: np.ndarray, shares: np.ndarray) -> float:
    """Bound in nats on the utility under the problem's limits, with multipliers fitted to the shares; where these are loose, with
    those that are known at the edge of what can be met.
    """
    nats, worth = priced_bound(gains, np.zeros(gains.size)), float(np.log1p(gains * shares).sum())
    for active in _ACTIVE:
        for even in (False, True):
            nats = min(nats, _fitted_bound(problem, gains, shares, active, even))
            if nats - worth <= _TIGHT * worth:
                return nats
    nats = min(nats, _linear_bound(problem, gains, shares), _edges_bound(problem, gains))
    beside = beside_the_least_level(problem, gains) if nats - worth > _TIGHT * worth else None
    return nats if beside is None else min(nats, beside.bound)


def _edges_bound(problem: Problem, gains: np.ndarray) -> float:
    """That of the two edge carriers with half the budget each."""
    if problem.slack is None:
        return math.inf
    reach, edges = 0.5 * (gains.size - 1), np.zeros(gains.size)
    marginal = gains[[0, -1]] / (1 + 0.5 * gains[[0, -1]])
    apart = float(marginal[1] - marginal[0])
    dearest = max(float(gains.max()) - float(marginal.min()), np.finfo(float).tiny)
    price = max(abs(apart) * math.sqrt(problem.slack) / (4 * reach), dearest * problem.slack / (2 * reach - 1 or 1.0))
    edges[[0, -1]] = 0.5 + np.array([-1, 1]) * apart * problem.slack / (8 * price * reach**2)
    form, constant = moment_price(edges, problem.slack)
    return priced_bound(gains, price * (constant - form))


def _bonuses(problem: Problem, shares: np.ndarray, active: float, beside: bool) -> np.ndarray:
    """What a multiplier of 1 on each limit that holds with equality up to ``active`` (relative) adds to the carriers' worth,
    (k, N); with ``beside``, on delays beside the peaks, too. With what rounding of the phases can make of it: multipliers may be
    steep.
    """
    columns, rounding = [np.empty((0, problem.carriers))], PHASES * problem.carriers
    for region in problem.regions:
        u, levels = pulses.peaks(shares, region.start, region.stop, max(problem.oversampling, 32), above=0.7)
        u = u[levels >= region.level * (1 - active)]
        if u.size:
            if beside:  # nearly optimal powers know their peaks to the root of their gap
                u = np.unique(np.clip(np.add.outer(_ASIDE, u).ravel(), region.start, region.stop))
            phases = pulses.pulse(shares, u)
            directions = phases / np.abs(phases)
            columns.append(rounding + region.level - (directions.conj()[:, None] * pulses.steering(u, problem.carriers)).real)
    if problem.slack is not None and moment_loss(shares) >= problem.slack * (1 - active):
        price, constant = moment_price(shares, problem.slack)
        columns.append((constant - price)[None])
    return np.concatenate(columns)


def _fitted_bound(problem: Problem, gains: np.ndarray, shares: np.ndarray, active: float, even: bool) -> float:
    """The bound in nats with multipliers fitted with weights that favour carriers with power, or ``even`` ones and delays beside
    the peaks, too (at small SNR, where the problem is nearly linear, empty carriers bound as much as others).
    """
    count = problem.carriers
    bonuses = _bonuses(problem, shares, active, even)
    slack = -np.eye(count)[:, shares <= active]
    marginal = gains / (1 + gains * shares)
    # marginal_n = price - sum of bonuses_n - reduced cost_n, all multipliers >= 0
    matrix = np.column_stack([-bonuses.T, np.ones(count), slack])
    weight = (np.ones(count) if even else np.sqrt(np.maximum(shares, 1e-3 / count))) / marginal.max()
    weighted = weight[:, None] * matrix
    scale = np.maximum(np.linalg.norm(weighted, axis=0), np.finfo(float).tiny)  # a limit may add nothing to any carrier
    try:
        fit, _ = nnls(weighted / scale, weight * marginal, maxiter=20 * matrix.shape[1])
    except RuntimeError:  # did not settle: this set of multipliers proves nothing
        return math.inf
    multipliers = (fit / scale)[: len(bonuses)]
    return priced_bound(gains, np.einsum("k,kn->n", multipliers, bonuses))


def _linear_bound(problem: Problem, gains: np.ndarray, shares: np.ndarray) -> float:
    r"""The bound in nats with the multipliers that are best to first order: of the linear program

    .. math:: \min_{\lambda,\,\rho \ge 0} \lambda \quad\text{s.t. } \frac{g_n}{1 + g_n x_n} + \sum_k \rho_k b_{kn} \le \lambda .
    """
    bonuses, marginal = _bonuses(problem, shares, _ACTIVE[-1], True), gains / (1 + gains * shares)
    unit = marginal.max()
    scale = np.maximum(np.abs(bonuses).max(axis=1), np.finfo(float).tiny)
    matrix = np.vstack([bonuses / scale[:, None], -np.ones(gains.size)]).T
    found = linprog(np.eye(len(scale) + 1)[-1], A_ub=matrix, b_ub=-marginal / unit, method="highs")
    if found.x is None:
        return math.inf
    return priced_bound(gains, np.einsum("k,kn->n", np.maximum(found.x[:-1], 0.0) * unit / scale, bonuses))
