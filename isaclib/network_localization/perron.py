r"""The max-min problem as a small set of Perron-Frobenius problems.

With powers in units of the cap, :math:`q = p/P_{\max}`, the sensing rows ask :math:`q \ge t(Fq + v)` and the users' rows
:math:`q \ge Cq + u`, entrywise, with

.. math:: F_{ij} = \frac{|\alpha_{ji}|^2 + |g_{ji}|^2}{|\alpha_{ii}|^2},\quad
    F_{ii} = \frac{|\alpha^{\mathrm{SI}}_i|^2}{|\alpha_{ii}|^2},\quad
    v_i = \frac{\sigma_{\mathrm{BS}}^2}{|\alpha_{ii}|^2 P_{\max}},\quad
    C = \gamma_{\mathrm{th}}\,\mathrm{diag}(|h_{jj}|^2)^{-1} H,\quad
    u_j = \frac{\gamma_{\mathrm{th}} \sigma_{\mathrm{UE}}^2}{|h_{jj}|^2 P_{\max}} .

For a set S of BSs held to their sensing row (the others to their user's row) and one BS k held to its cap, let
:math:`D_S` and :math:`D_C` select the rows, :math:`K = (I - D_C C)^{-1}` and :math:`\bar q = K D_C u`. Then
:math:`q = tKw + \bar q` with :math:`w = D_S(Fq + v)`, and :math:`q_k = 1` turns this into an eigenvalue problem:

.. math:: t_{S,k} = \frac{1}{\rho\!\left(D_S\left[FK + (F\bar q + v)\,\frac{e_k^{\mathsf T} K}{1 - \bar q_k}\right]\right)},
    \qquad t^\star = \min_{S \ne \emptyset,\, k} t_{S,k} .

Every single :math:`t_{S,k}` is an upper bound on :math:`t^\star`: it drops constraints. Without user rows only
S = all remains and :math:`t^\star = 1/\max_k \rho(F + v e_k^{\mathsf T})`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ..foundations.errors import InvalidScenario
from .scenario import comm_interference_gain, sensing_interference_gain, sensing_sinr

ROUNDING = 1e-12  # relative size of what a solve of a small well-scaled system leaves of an exact zero
_SOLVE_ERROR = 4 * float(np.finfo(float).eps)  # times size and largest entry of the inverse: error of a solution of order 1


@dataclass(frozen=True)
class System:
    """The rows of D scenarios in units of the power cap: ``F, C`` (D, B, B), ``v, u`` (D, B), all non-negative."""

    F: np.ndarray
    v: np.ndarray
    C: np.ndarray
    u: np.ndarray

    def __getitem__(self, lanes) -> System:
        return System(self.F[lanes], self.v[lanes], self.C[lanes], self.u[lanes])

    def sensing_rows(self, q: np.ndarray) -> np.ndarray:
        """(D, B): what the powers must exceed, divided by t."""
        return _times(self.F, q) + self.v

    def comm_rows(self, q: np.ndarray) -> np.ndarray:
        """(D, B): what the powers must exceed for the users."""
        return _times(self.C, q) + self.u


def system(scenarios) -> System:
    """The normalised rows of a :class:`~isaclib.foundations.scenario.Batch` (or of one scenario, with D = 1)."""
    echo, link = np.atleast_2d(scenarios.echo_gain), np.atleast_2d(scenarios.link_gain)
    cap, threshold = (np.atleast_1d(value)[:, None] for value in (scenarios.max_power_w, scenarios.min_comm_sinr))
    noise_bs, noise_ue = (np.atleast_1d(value)[:, None] for value in (scenarios.noise_bs_w, scenarios.noise_ue_w))
    size = echo.shape[-1]
    sensing = sensing_interference_gain(scenarios).reshape(-1, size, size)
    comm = comm_interference_gain(scenarios).reshape(-1, size, size)
    return System(
        F=sensing / echo[:, :, None],
        v=noise_bs / (echo * cap),
        C=threshold[:, :, None] * comm / link[:, :, None],
        u=threshold * noise_ue / (link * cap),
    )


def least_powers(rows: System, t: np.ndarray, sensing: np.ndarray) -> np.ndarray:
    r"""Powers q (D, B) at which each BS just meets its selected row for target t; nan where no powers >= 0 do.

    They solve :math:`q = t D_S (Fq + v) + D_C (Cq + u)`. A non-negative solution exists iff the matrix has spectral
    radius below 1, and then the solution is non-negative: its sign is the test.
    """
    matrix = np.where(sensing[..., None], t[:, None, None] * rows.F, rows.C)
    right = np.where(sensing, t[:, None] * rows.v, rows.u)
    q = _solve(np.eye(matrix.shape[-1]) - matrix, right)
    return np.where(np.all(q >= 0, axis=-1, keepdims=True), q, np.nan)


def row_bound(rows: System, sensing: np.ndarray) -> np.ndarray:
    r"""Upper bound :math:`\min_k t_{S,k}` on the optimum (D,) for the row choice ``sensing`` (D, B) bool.

    It is inf where the choice says nothing, and 0 where the user rows left over cannot be met together.
    """
    return _bound(*_eigenproblems(rows, sensing, widen=True)[:2])[0]


def row_optimum(rows: System, sensing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r""":func:`row_bound` and the powers q (D, B), largest entry 1, at which each selected row holds with equality for it.

    The powers come from the Perron vector, which stays well determined where noise is far below interference (there
    :math:`I - tF` is singular to working precision).
    """
    per_cap, possible, K, fixed = _eigenproblems(rows, sensing)
    t, cap = _bound(per_cap, possible)
    push, room = _raised(per_cap, K, fixed, cap)
    # Where noise is far below interference several caps share the radius to rounding; the powers tell which one binds.
    binding = np.argmin(room, axis=-1)
    if len(other := np.flatnonzero((binding != cap) & possible)):
        push[other], room[other] = _raised(per_cap[other], K[other], fixed[other], binding[other])
    with np.errstate(invalid="ignore"):
        return t, push * np.min(room, axis=-1, keepdims=True) + fixed


def _raised(per_cap, K, fixed, cap) -> tuple[np.ndarray, np.ndarray]:
    """What the Perron vector of each lane's cap adds to q-bar, up to a factor, and the factor (D, B) at which each BS is full."""
    matrix = per_cap[np.arange(len(cap)), cap]
    # One product of non-negative numbers gives small entries the relative accuracy that the eigenvector routine does not.
    push = _times(K, _times(matrix, _perron_vector(matrix)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return push, np.where(push > 0, np.maximum(1 - fixed, 0.0) / push, np.inf)


def _eigenproblems(
    rows: System, sensing: np.ndarray, *, widen: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The matrices (D, k, B, B) of the closed form, whether each lane has any, and K, q-bar of the module's docstring.

    ``widen`` adds to the room under each cap what rounding may have taken from it, so that the bound stays one.
    """
    identity = np.eye(rows.F.shape[-1])
    held = np.where(sensing[..., None], 0.0, rows.C)
    K = _solve(identity - held, np.broadcast_to(identity, held.shape))
    # Entries that are 0 in exact arithmetic come out as small negatives; a spectral radius above 1 gives large ones.
    rounding = np.max(np.abs(K), axis=(-2, -1)) * ROUNDING
    possible = np.min(K, axis=(-2, -1)) >= -rounding
    K = np.where(possible[:, None, None], np.maximum(K, 0.0), 0.0)
    fixed = _times(K, np.where(sensing, 0.0, rows.u))
    possible &= np.all(fixed <= 1 + rounding[:, None], axis=-1)
    spare = np.maximum(1 - fixed, np.finfo(float).tiny)
    if widen:
        spare = spare + _SOLVE_ERROR * K.shape[-1] * np.max(K, axis=(-2, -1), keepdims=True)[..., 0]
    column = np.where(sensing, _times(rows.F, fixed) + rows.v, 0.0)
    base = np.where(sensing[..., None], rows.F @ K, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        added = column[:, None, :, None] * (K / spare[..., None])[:, :, None, :]
        per_cap = base[:, None] + np.where(np.isnan(added), 0.0, added)  # 0 times infinity: a row that asks for nothing
    return np.where(np.isfinite(per_cap), per_cap, np.finfo(float).max), possible, K, fixed


def _bound(per_cap: np.ndarray, possible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least 1/rho over the caps (D,) and the cap (D,) that gives it."""
    radius = np.zeros(per_cap.shape[:2])
    radius[possible] = np.max(np.abs(np.linalg.eigvals(per_cap[possible])), axis=-1)
    cap = np.argmax(radius, axis=-1)
    with np.errstate(divide="ignore"):
        return np.where(possible, 1 / np.max(radius, axis=-1), 0.0), cap


def perron_frobenius_optimum(scenario) -> float:
    r"""The optimum :math:`t^\star` by enumeration of all :math:`2^B - 1` row choices and B caps: closed form, no iteration.

    One eigenvalue problem each, so it is meant for small B (21 problems for B = 3); :func:`~.exact.solve_exact` finds the
    one that matters instead. nan where the users' thresholds cannot be met.

    Raises
    ------
    InvalidScenario
        For more than 12 base stations.
    """
    size = len(scenario.echo_gain)
    if size > 12:
        raise InvalidScenario(
            "echo_gain", f"has {size} base stations", "the closed form enumerates 2^B row choices: use solve_exact"
        )
    if max_min_comm_sinr(scenario)[0][0] < scenario.min_comm_sinr:
        return float("nan")
    choices = np.array([choice for choice in product([True, False], repeat=size) if any(choice)])
    rows = system(scenario)[np.zeros(len(choices), dtype=int)]
    return float(np.min(row_bound(rows, choices)))


def max_min_comm_sinr(scenarios) -> tuple[np.ndarray, np.ndarray]:
    r"""Largest SINR that all users attain at once, :math:`1/\max_k \rho(C_1 + u_1 e_k^{\mathsf T})`, and the k that stops it.

    :math:`C_1, u_1` are the users' rows for a threshold of 1. Returns (D,) SINR and (D,) index of the BS at its cap.
    """
    size = np.shape(scenarios.link_gain)[-1]
    link = np.reshape(scenarios.link_gain, (-1, size))
    C = comm_interference_gain(scenarios).reshape(-1, size, size) / link[:, :, None]
    u = np.atleast_1d(scenarios.noise_ue_w)[:, None] / (link * np.atleast_1d(scenarios.max_power_w)[:, None])
    radius, cap = _largest(_capped(C, u))
    return 1 / radius, cap


def users_optimum(rows: System) -> np.ndarray:
    """Powers q (D, B), largest entry 1, at which all users have their largest common SINR: the Perron vector of that problem.

    At a threshold of that SINR they are what :func:`least_powers` of the users' rows would give, were its matrix not
    singular to working precision where noise is far below interference.
    """
    per_cap = _capped(rows.C, rows.u)
    matrix = per_cap[np.arange(len(per_cap)), _largest(per_cap)[1]]
    q = _times(matrix, _perron_vector(matrix))
    return q / np.max(q, axis=-1, keepdims=True)


def _capped(C: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The users' matrices (D, k, B, B) with BS k at its cap."""
    return C[:, None] + u[:, None, :, None] * np.eye(u.shape[-1])[:, None, :]


def _largest(per_cap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest spectral radius (D,) over the caps, and the cap (D,) that gives it."""
    radius = np.max(np.abs(np.linalg.eigvals(per_cap)), axis=-1)
    cap = np.argmax(radius, axis=-1)
    return radius[np.arange(len(radius)), cap], cap


def _perron_vector(matrix: np.ndarray) -> np.ndarray:
    """Eigenvectors (D, B) >= 0 of the largest eigenvalues of non-negative matrices (D, B, B)."""
    values, vectors = np.linalg.eig(matrix)
    return np.abs(vectors[np.arange(len(matrix)), :, np.argmax(np.abs(values), axis=-1)])


def bound_at(scenario, powers_w: np.ndarray) -> float:
    """Best :func:`row_bound` for the rows that ask for more at the given powers (B,), and for all sensing rows."""
    rows, q = system(scenario), np.asarray(powers_w)[None, :] / scenario.max_power_w
    asked = np.min(sensing_sinr(scenario, powers_w)) * rows.sensing_rows(q)[0] >= rows.comm_rows(q)[0]
    choices = np.array([asked, np.ones_like(asked)])
    return float(np.min(row_bound(rows[[0, 0]], choices)))


def _times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.einsum("...ij,...j->...i", matrix, vector)


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Batched solve in which a singular lane gives nan instead of an error for all."""
    vectors = right.ndim == matrix.ndim - 1
    right = right[..., None] if vectors else right
    try:
        result = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        result = np.full(right.shape, np.nan)
        regular = np.linalg.matrix_rank(matrix) == matrix.shape[-1]
        result[regular] = np.linalg.solve(matrix[regular], right[regular])
    return result[..., 0] if vectors else result
