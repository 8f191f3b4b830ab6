r"""The problem's rows in units of the power caps, :math:`q_i = p_i/P_i`.

The sensing rows ask :math:`q \ge t(Fq + v)` and the users' rows :math:`q \ge Cq + u`, entrywise, with

.. math:: F_{ij} = \frac{(|\alpha_{ji}|^2 + |g_{ji}|^2)P_j}{|\alpha_{ii}|^2 P_i},\quad
    F_{ii} = \frac{|\alpha^{\mathrm{SI}}_i|^2}{|\alpha_{ii}|^2},\quad
    v_i = \frac{\sigma_{\mathrm{BS},i}^2}{|\alpha_{ii}|^2 P_i},\quad
    C_{ji} = \frac{\gamma_j H_{ji} P_i}{|h_{jj}|^2 P_j},\quad
    u_j = \frac{\gamma_j \sigma_{\mathrm{UE},j}^2}{|h_{jj}|^2 P_j} .
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..foundations.linear_algebra import product, solved_by_halves
from ..foundations.scenario import Batch
from . import doubled, guards
from .formulas import comm_interference_gain, sensing_interference_gain
from .scenario import Scenario, per_bs

ROUNDING = 1e-12  # relative size of what a solve of a small well-scaled system leaves of an exact zero
RELAXATION = 2.0**-36  # relative (1.5e-11), for thresholds at the edge to rounding: the residual shows it
_SOLVE_ERROR = 4 * float(np.finfo(float).eps)  # times size and largest entry of the inverse: error of a solution of order 1
_LOSS = 1e-11  # relative, of the room under the caps: up to which it does not matter
LARGEST = 1e150  # a coefficient beyond it is cut: products stay finite, and a row that asks for less only raises a bound


@dataclass(frozen=True)
class System:
    """The rows of D scenarios in units of the power caps: ``F, C`` (D, B, B), ``v, u`` (D, B), all non-negative.

    ``lost`` says, for numbers of lanes of the whole batch, what C and u lack there by rounding: it is asked for at the edge only.
    ``lanes`` (D,) are the numbers of these.
    """

    F: np.ndarray
    v: np.ndarray
    C: np.ndarray
    u: np.ndarray
    lost: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    lanes: np.ndarray

    def __getitem__(self, at) -> System:
        return System(self.F[at], self.v[at], self.C[at], self.u[at], self.lost, self.lanes[at])

    def users_pairs(self) -> tuple[doubled.Pair, doubled.Pair]:
        """C and u with twice the digits."""
        C_low, u_low = self.lost(self.lanes)
        return (self.C, C_low), (self.u, u_low)

    def relaxed(self) -> System:
        """The same with every threshold lowered by :data:`RELAXATION`: what bounds its optimum bounds that of these rows."""
        C, u = (doubled.subtract(pair, tuple(RELAXATION * part for part in pair)) for pair in self.users_pairs())
        return System(self.F, self.v, C[0], u[0], lambda lanes: (C[1][lanes], u[1][lanes]), np.arange(len(self.v)))

    @classmethod
    def of_sensing(cls, F: np.ndarray, v: np.ndarray) -> System:
        """Sensing rows alone."""
        C, u = np.zeros_like(F), np.zeros_like(v)
        return cls(F, v, C, u, lambda lanes: (C[lanes], u[lanes]), np.arange(len(v)))

    def sensing_rows(self, q: np.ndarray) -> np.ndarray:
        """(D, B): what the powers must exceed, divided by t."""
        return times(self.F, q) + self.v

    def comm_rows(self, q: np.ndarray) -> np.ndarray:
        """(D, B): what the powers must exceed for the users."""
        return times(self.C, q) + self.u


def system(scenario: Scenario | Batch) -> System:
    """The rows of a :class:`~isaclib.foundations.scenario.Batch` (or of one scenario, with D = 1).

    >>> rows = system(Scenario.random(np.random.default_rng(7)))
    >>> rows.F[0].round(1)
    array([[  30.6,  400.5,  222.5],
           [4068.9,  311. , 5234.2],
           [  96.1,  222.6,   13.2]])
    """
    scenario = guards.one_or_batch(scenario)
    threshold = per_bs(scenario, "min_comm_sinr")
    sensing, comm = sensing_interference_gain(scenario), comm_interference_gain(scenario)
    F, v = _normalised(scenario, scenario.echo_gain, sensing, per_bs(scenario, "noise_bs_w"), 1.0)
    C, u = _normalised(scenario, scenario.link_gain, comm, per_bs(scenario, "noise_ue_w"), threshold)
    return System(F=F, v=v, C=C, u=u, lost=partial(_lost, scenario, C, u), lanes=np.arange(len(u)))


def _lost(scenario: Scenario | Batch, C: np.ndarray, u: np.ndarray, lanes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What rounding took from the users' rows: the difference to the same quotients with twice the digits."""
    fields = scenario.link_gain, *(per_bs(scenario, name) for name in ("max_power_w", "noise_ue_w", "min_comm_sinr"))
    own, cap, noise, asked = (np.broadcast_to(values, scenario.link_gain.shape).reshape(u.shape)[lanes] for values in fields)
    gains = [np.reshape(values, C.shape)[lanes] for values in (scenario.cross_link_gain, scenario.ue_echo_gain)]
    C, u = C[lanes], u[lanes]
    with np.errstate(all="ignore"):
        below = doubled.two_product(own, cap)
        above = doubled.multiply(doubled.two_sum(*gains), doubled.two_product(asked[:, :, None], cap[:, None, :]))
        exact = (
            doubled.divide(above, tuple(part[:, :, None] for part in below)),
            doubled.divide(doubled.two_product(asked, noise), below),
        )
        low = [doubled.subtract(pair, doubled.plain(rounded))[0] for pair, rounded in zip(exact, (C, u))]
    # Where numbers leave the range of doubles the difference is no rounding error.
    return tuple(np.where(np.abs(part) <= ROUNDING * rounded, part, 0.0) for part, rounded in zip(low, (C, u)))


def users_rows(scenario: Scenario | Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The users' rows (D, B, B), (D, B) for thresholds in the scenario's proportions whose largest is 1, and that largest (D,).

    Where no user has a threshold, all count alike.
    """
    threshold = per_bs(scenario, "min_comm_sinr")
    largest = np.max(threshold, axis=-1, keepdims=True)
    weight = np.where(largest > 0, threshold, 1.0) / np.where(largest > 0, largest, 1.0)
    comm = comm_interference_gain(scenario)
    C, u = _normalised(scenario, scenario.link_gain, comm, per_bs(scenario, "noise_ue_w"), weight)
    return C, u, np.broadcast_to(np.ravel(largest), len(C))


def _normalised(scenario, own_gain, gains, noise, factor) -> tuple[np.ndarray, np.ndarray]:
    """``factor`` times interference (D, B, B) and noise (D, B) over own gain and cap."""
    cap = per_bs(scenario, "max_power_w")
    size = own_gain.shape[-1]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        relative = np.asarray(factor)[..., None] * gains / own_gain[..., None]
        relative = np.where(relative > 0, relative * (cap[..., None, :] / cap[..., :, None]), 0.0)
        asked = factor * noise
        noise = np.where(asked > 0, asked / (own_gain * cap), 0.0)
    relative, noise = (np.fmin(values, LARGEST) for values in (relative, noise))
    return relative.reshape(-1, size, size), noise.reshape(-1, size)


@dataclass(frozen=True)
class Responses:
    r"""How the users' rows outside S answer what S sends.

    .. math:: K = (I - D_C C)^{-1}, \qquad \bar q = K D_C u .

    K is non-negative iff its matrix has a spectral radius below 1, that is, iff the users of C can be served together.

    Attributes
    ----------
    K : (D, B, B)
    fixed : (D, B)
        :math:`\bar q`.
    spare : (D, B)
        :math:`1 - \bar q`, at least the smallest positive number.
    error : (D,)
        What rounding may have taken from ``spare``.
    possible : (D,) bool
        Whether the rows can be held within the caps.
    alone : bool
        Whether S holds all BSs in every lane: K is the identity.
    """

    K: np.ndarray
    fixed: np.ndarray
    spare: np.ndarray
    error: np.ndarray
    possible: np.ndarray
    alone: bool = False

    def __getitem__(self, lanes) -> Responses:
        found = (values[lanes] for values in (self.K, self.fixed, self.spare, self.error, self.possible))
        return Responses(*found, alone=self.alone)

    def answer(self, w: np.ndarray) -> np.ndarray:
        """K w (D, B)."""
        return w if self.alone else times(self.K, w)


def responses(rows: System, sensing: np.ndarray) -> Responses:
    """:class:`Responses` for the set S given as ``sensing`` (D, B) bool; with twice the digits where one lot does not do."""
    size = rows.F.shape[2]
    identity = np.eye(size)
    if np.all(sensing):
        nothing, sure = np.zeros_like(rows.v), np.ones(len(rows.v), dtype=bool)
        error = np.full(len(rows.v), _SOLVE_ERROR * size)
        return Responses(np.broadcast_to(identity, rows.F.shape), nothing, 1 - nothing, error, sure, alone=True)
    held = np.where(sensing[..., None], 0.0, rows.C)
    K = solve(identity - held, np.broadcast_to(identity, held.shape))
    # Entries that are 0 in exact arithmetic come out as small negatives; a spectral radius above 1 gives large ones.
    rounding = np.max(np.abs(K), axis=(1, 2)) * ROUNDING
    possible = np.min(K, axis=(1, 2)) >= -rounding
    K = np.where(possible[:, None, None], np.maximum(K, 0.0), 0.0)
    # K = I + D_C C K: the rows of S are those of the identity, and a small entry is not what rounding left beside a large one.
    K = np.where(possible[:, None, None], identity + product(held, K), 0.0)
    asked = np.where(sensing, 0.0, rows.u)
    fixed = times(K, asked)
    spare = 1 - fixed
    error = _SOLVE_ERROR * size * np.max(K, axis=(1, 2))
    # The inverse of M = I - C has an error of at most eps K |M| K <= 2 eps K K, entry by entry, and K K <= K tr K, since
    # K_il K_lj <= K_ij K_ll for every l: where the error is small beside the room, every entry of K has its digits, too.
    with np.errstate(all="ignore"):
        lost = ~(np.max(error[:, None] / spare, axis=1) <= _LOSS) | np.any(spare <= 0, axis=1)
    if len(poor := np.flatnonzero(lost | ~possible)):
        (K[poor], fixed[poor], spare[poor]), possible[poor] = _with_twice_the_digits(rows[poor], sensing[poor])
        error[poor] = 0.0
    return Responses(K, fixed, np.maximum(spare, np.finfo(float).tiny), error, possible)


def _with_twice_the_digits(rows: System, sensing: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    with np.errstate(all="ignore"):
        C, u = rows.users_pairs()
        held = tuple(np.where(sensing[..., None], 0.0, part) for part in C)
        K, possible = doubled.inverse(held)
        asked = tuple(np.where(sensing, 0.0, part)[:, None, :] for part in u)
        fixed = doubled.total(doubled.multiply(K, asked))
        spare = doubled.subtract(doubled.plain(np.ones(1)), fixed)[0]
        possible &= np.all(spare >= 0, axis=1) & np.all(np.isfinite(K[0]), axis=(1, 2))
    lanes = possible[:, None]
    return (np.where(lanes[..., None], K[0], 0.0), np.where(lanes, fixed[0], 0.0), np.where(lanes, spare, 0.0)), possible


def times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.einsum("...ij,...j->...i", matrix, vector)


def solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Batched solve in which a singular lane gives nan instead of an error for all."""
    vectors = right.ndim == matrix.ndim - 1
    right = right[..., None] if vectors else right
    try:
        result = solved_by_halves(matrix, right)
    except np.linalg.LinAlgError:
        result = np.full(right.shape, np.nan)
        for lane in np.ndindex(matrix.shape[:-2]):
            try:
                result[lane] = solved_by_halves(matrix[lane], right[lane])
            except np.linalg.LinAlgError:
                continue
    return result[..., 0] if vectors else result
