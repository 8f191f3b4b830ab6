r"""What the users alone can have: the largest SINR of all of them together, and the powers that give it."""

from __future__ import annotations

import numpy as np

from ..foundations.errors import InfeasibleScenario
from ..foundations.scenario import Batch
from . import guards
from .bracket import CLOSED, iterate
from .eigen import BY_EIGENVALUES, perron_vector, radii
from .rows import System, times, users_rows
from .scenario import Scenario, per_bs


def max_min_comm_sinr(scenario: Scenario | Batch) -> tuple[np.ndarray, np.ndarray]:
    r"""Largest SINR that all users attain at once, :math:`1/\max_k \rho(C_1 + u_1 e_k^{\mathsf T})`, and the k that stops it.

    :math:`C_1, u_1` are the users' rows for a threshold of 1. With unequal thresholds the SINRs keep their proportions, and the
    one returned belongs to the largest threshold. Takes one scenario (D = 1) or a batch.

    Returns
    -------
    sinr : (D,)
    index : (D,) int
        The BS at its cap.

    Examples
    --------
    >>> best, index = max_min_comm_sinr(Scenario.random(np.random.default_rng(7)))
    >>> best.round(4), index
    (array([7.4097]), array([1]))
    """
    C, u, _ = users_rows(guards.one_or_batch(scenario))
    return _largest_sinr(C, u)


def attainable(scenario: Scenario | Batch, *, known: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """:func:`max_min_comm_sinr`, the threshold (D,) that it is held against, and whether the users can be served (D,) bool.

    The proportions of thresholds at that very edge are rounded, and what they can have is not the same to the last digits.
    ``known``: what is more than the threshold by a tenth need not be known any better.
    """
    C, u, largest = users_rows(scenario)
    best, index = _largest_sinr(C, u, 1.1 * largest if known else np.inf)
    return best, index, largest, best * (1 + CLOSED * u.shape[1]) >= largest


def _largest_sinr(C: np.ndarray, u: np.ndarray, enough: np.ndarray | float = np.inf) -> tuple[np.ndarray, np.ndarray]:
    if u.shape[1] > BY_EIGENVALUES:
        sinr, q, closed = iterate(System.of_sensing(C, u), np.ones(u.shape, dtype=bool), enough=enough)
        cap = np.argmax(q, axis=1)
        if len(open_ := np.flatnonzero(~closed)):
            radius, cap[open_] = _largest(_capped(C[open_], u[open_]))
            sinr[open_] = 1 / radius
        return sinr, cap
    radius, cap = _largest(_capped(C, u))
    return 1 / np.maximum(radius, np.finfo(float).tiny), cap


def users_optimum(rows: System) -> np.ndarray:
    """Powers q (D, B), largest entry 1, at which all users have their largest common SINR: the Perron vector of that problem.

    At a threshold of that SINR they are what the users' rows with equality would give, were their matrix not singular to
    working precision where noise is far below interference.
    """
    if rows.u.shape[1] > BY_EIGENVALUES:
        return iterate(System.of_sensing(rows.C, rows.u), np.ones(rows.u.shape, dtype=bool))[1]
    per_cap = _capped(rows.C, rows.u)
    matrix = per_cap[np.arange(len(per_cap)), _largest(per_cap)[1]]
    q = times(matrix, perron_vector(matrix))
    return q / np.max(q, axis=1, keepdims=True)


def _capped(C: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The users' matrices (D, k, B, B) with BS k at its cap."""
    return C[:, None] + u[:, None, :, None] * np.eye(u.shape[1])[:, None, :]


def _largest(per_cap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest spectral radius (D,) over the caps, and the cap (D,) that gives it."""
    radius = radii(per_cap)
    cap = np.argmax(radius, axis=1)
    return radius[np.arange(len(radius)), cap], cap


def infeasible(scenario: Scenario) -> InfeasibleScenario:
    """The error for users that cannot be served together."""
    best, index, largest, _ = attainable(scenario)
    threshold = np.broadcast_to(per_bs(scenario, "min_comm_sinr"), scenario.link_gain.shape)[index[0]]
    return InfeasibleScenario(
        "min_comm_sinr",
        index=int(index[0]),
        limit=float(threshold),
        best_attainable=float(best[0] * (threshold / largest[0])),
        message="no powers within the cap give every user this SINR",
    )
