r"""The power margin by worst-channel cuts, closed from both sides.

For a fixed SINR :math:`\gamma` the least power margin over beams that meet a *finite* list of channels :math:`X_k` per
user is a second-order cone program in :math:`K\cdot MK` complex numbers,

.. math:: \min_{w,s}\; s \quad\text{s.t.}\quad \operatorname{Re}(x^Hw_k)\ge\sqrt\gamma\,\bigl\|(x^Hw_j)_{j\ne k},\,1\bigr\|
    \;\;(x\in X_k),\qquad \sum_k\|w_{k,m}\|^2\le s^2P\;\;(m),

and the adversary's answers to its beams are the next list entries. The real part stands for a modulus: each channel is
turned to the phase at which the beams of the round before are received, so that nothing is lost where the rounds end.

Beams whose certified worst values are :math:`v_k` (:mod:`.adversary`), scaled by :math:`(\min_kv_k)^{-1/2}`, are robust:
their margin is an **upper** bound, and they are what is returned. The **lower** bound comes from :mod:`.dual_bound`, which
asks for no phase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import clarabel
import numpy as np
from scipy import sparse

from .adversary import worst_case, worst_channels
from .dual_bound import DualPoint, best_dual_point
from .reduction import Reduced

# Tight even for coarse gaps: idle cuts are told from busy ones by their multipliers.
_CONE_TOLERANCE = 1e-9
# It takes some 30 steps, or rounding keeps it from ever ending.
_CONE_STEPS = 60
# A cut whose multiplier stayed below this part of the largest one for so many rounds is dropped.
_IDLE_PART, _IDLE_ROUNDS = 1e-5, 3
# A worst value this close to 1 (or above) violates nothing that the cone solver could see.
_VIOLATION = 1e-9
# Two worst channels of one user closer than this part of the balls say the same; so many different ones are listed at once.
_DISTINCT, _MOST = 0.3, 4
# The adversary also faces these mixtures of the newest beams and the best ones: cuts of the newest alone would oscillate.
_MIXTURES = (0.5, 0.1)
# The bound by weights is tried when the cone solver's own bound is this part of the tolerance away.
_FIRST_TRY = 0.7
# So many rounds in which neither bound moved by this part of the tolerance: what is left of the gap is the S-procedure's.
_STALE_ROUNDS, _STALE = 6, 0.3
# Multipliers below this part of the largest are raised to it, as a start of the dual ascent.
_IDLE_WEIGHT = 1e-8
# Dual ascent ends where the gap is this part of the tolerance.
_GOAL = 0.3
# A lower bound beyond which a margin is infinite for every purpose.
_HOPELESS = 1e9
_TINY = 1e-300
# Precision of the adversary as a part of the gap it is to close.
_ADVERSARY_PART, _FINEST, _COARSEST = 1e-3, 1e-10, 1e-6


@dataclass(frozen=True, eq=False)
class CutResult:
    """Two-sided answer in unit noise.

    Attributes
    ----------
    upper : float
        Margin that the beams reach; infinite when no robust beams were found, ``lower`` then says why.
    lower : float
        Certified lower bound on the margin.
    beams : ndarray (K, M, r) or None
        Robust beams of margin ``upper``.
    multipliers : ndarray (K, M) or None
        Of the adversary, proving the beams.
    dual : DualPoint or None
        Proves ``lower``.
    cuts : tuple of K ndarrays (n_k, M, r)
        Errors divided by the radii: they serve again at another SINR or for balls of another size.
    rounds : int
    """

    upper: float
    lower: float
    beams: np.ndarray | None
    multipliers: np.ndarray | None
    dual: DualPoint | None
    cuts: tuple[np.ndarray, ...]
    rounds: int


class _ConeProgram:
    """The finite problem in the scaled bases; data built once per cut, solved by Clarabel."""

    def __init__(self, problem: Reduced, sinr: float, power: float) -> None:
        self.bases, self.real = problem.beam_bases(sinr)
        self.sinr = sinr
        self.shape = users, aps, width = problem.channels.shape
        self.users, inner = users, self.bases.shape[2]
        self.size = inner if self.real else 2 * inner
        self.columns = self.size * users + 1
        per_ap = self.bases.reshape(users, aps, width, inner)
        self.power_dimension = 1 + 2 * width * users
        head = np.zeros((aps, self.power_dimension, self.columns))
        head[:, 0, -1] = -np.sqrt(power)
        for m in range(aps):
            for k in range(users):
                rows = slice(1 + 2 * width * k, 1 + 2 * width * (k + 1))
                head[m, rows, self._part(k)] = -self._embedding(per_ap[k, m])
        self.head = head.reshape(aps * self.power_dimension, self.columns)
        self.owners: list[int] = []
        self.channels: list[np.ndarray] = []
        self.views: list[np.ndarray] = []
        self.phases: list[complex] = []
        self.idle: list[int] = []

    def _part(self, k: int) -> slice:
        return slice(self.size * k, self.size * (k + 1))

    def add(self, k: int, channel: np.ndarray, beams: np.ndarray | None = None) -> None:
        """List a channel of user k, at the phase of ``beams`` (K, M, r) where these are given."""
        self.owners.append(k)
        self.channels.append(channel)
        # Received amplitudes per unit of each entry of each user's beam: (K, inner).
        self.views.append(np.matmul(channel.conj(), self.bases))
        self.phases.append(1.0 + 0j if beams is None else self._phase(channel, beams[k]))
        self.idle.append(0)

    @staticmethod
    def _phase(channel: np.ndarray, beam: np.ndarray) -> complex:
        received = np.vdot(channel, beam)
        return received / max(abs(received), _TINY)

    def turn(self, beams: np.ndarray) -> None:
        """Give each listed channel the phase at which the beams are received with a positive real amplitude."""
        self.phases = [self._phase(channel, beams[k]) for k, channel in zip(self.owners, self.channels)]

    def _cuts(self) -> np.ndarray:
        """Rows of all cuts, (2 K n, columns): own amplitude, the noise, then the others' amplitudes."""
        owners, count = np.asarray(self.owners), len(self.owners)
        views = np.asarray(self.views) * np.conj(self.phases)[:, None, None]
        seen = self._embedding(views.reshape(count * self.users, -1)).reshape(count, self.users, 2, self.size)
        blocks = np.zeros((count, 2 * self.users, self.columns))
        for k in range(self.users):
            mine = np.flatnonzero(owners == k)
            blocks[mine, 0, self._part(k)] = -seen[mine, k, 0] / np.sqrt(self.sinr)
            for place, j in enumerate(j for j in range(self.users) if j != k):
                blocks[mine, 2 + 2 * place : 4 + 2 * place, self._part(j)] = -seen[mine, j]
        return blocks.reshape(-1, self.columns)

    def _embedding(self, block: np.ndarray) -> np.ndarray:
        """Real form of a complex matrix acting on (real parts, imaginary parts) of the entries; rows interleaved."""
        rows, columns = block.shape
        result = np.empty((2 * rows, 2 * columns))
        result[0::2, :columns], result[0::2, columns:] = block.real, -block.imag
        result[1::2, :columns], result[1::2, columns:] = block.imag, block.real
        return result[:, : self.size]

    def solve(self):
        """(feasible, beams, dual objective, multipliers of the cuts, multipliers of the power limits)."""
        matrix = sparse.csc_matrix(np.concatenate([self.head, self._cuts()]))
        right = np.zeros(matrix.shape[0])
        right[self.head.shape[0] + 1 :: 2 * self.users] = 1.0
        objective = np.zeros(self.columns)
        objective[-1] = 1.0
        cones = [clarabel.SecondOrderConeT(self.power_dimension)] * self.shape[1]
        cones += [clarabel.SecondOrderConeT(2 * self.users)] * len(self.owners)
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.max_threads = 1
        settings.max_iter = _CONE_STEPS
        # The bases have scaled the program already.
        settings.equilibrate_enable = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = _CONE_TOLERANCE
        quadratic = sparse.csc_matrix((self.columns, self.columns))
        answer = clarabel.DefaultSolver(quadratic, objective, matrix, right, cones, settings).solve()
        infeasible = answer.status in (clarabel.SolverStatus.PrimalInfeasible, clarabel.SolverStatus.AlmostPrimalInfeasible)
        parts = np.asarray(answer.x)[:-1].reshape(self.users, -1, self.bases.shape[2])
        entries = parts[:, 0] if self.real else parts[:, 0] + 1j * parts[:, 1]
        beams = np.einsum("knj,kj->kn", self.bases, entries).reshape(self.shape)
        dual = np.asarray(answer.z)
        cut_multipliers = dual[self.head.shape[0] :: 2 * self.users]
        power_multipliers = dual[: self.head.shape[0] : self.power_dimension]
        return not infeasible, beams, answer.obj_val_dual, cut_multipliers, power_multipliers

    def weights(self, pull: np.ndarray, beams: np.ndarray) -> np.ndarray:
        """Dual weights, up to a common factor, from the multipliers of the cuts: those over the received amplitudes."""
        stacked = beams.reshape(self.users, -1)
        received = np.abs(np.einsum("in,in->i", np.conj(self.channels), stacked[self.owners]))
        return np.maximum(pull, _IDLE_WEIGHT * np.max(pull)) / np.maximum(received, _TINY)

    def forget(self, multipliers: np.ndarray) -> None:
        """Drop the cuts that have been idle for some rounds."""
        busy = multipliers > _IDLE_PART * np.max(multipliers)
        self.idle = [0 if b else age + 1 for b, age in zip(busy, self.idle)]
        keep = [i for i, age in enumerate(self.idle) if age < _IDLE_ROUNDS]
        for name in ("owners", "channels", "views", "phases", "idle"):
            values = getattr(self, name)
            setattr(self, name, [values[i] for i in keep])


def margin_by_cuts(
    problem: Reduced,
    sinr: float,
    power: float,
    *,
    tolerance: float = 1e-6,
    max_rounds: int = 60,
    cuts: tuple[np.ndarray, ...] | None = None,
    enough: float = np.inf,
) -> CutResult:
    r"""Two-sided power margin.

    Parameters
    ----------
    problem : Reduced
    sinr : float
    power : float
        Power limit of each AP (W).
    tolerance : float
        Relative gap between the two bounds.
    cuts : tuple, optional
        Errors over radii of an earlier run, to start from.
    enough : float
        Stop as soon as the lower bound exceeds it (root finding needs no more).
    """
    users = len(problem.channels)
    program = _ConeProgram(problem, sinr, power)
    scale = problem.radii[..., None]
    for k in range(users):
        program.add(k, problem.stacked[k])
        for error in () if cuts is None else cuts[k]:
            program.add(k, (problem.channels[k] + error * scale[k]).ravel())
    best, proof, upper, dual, lower = None, None, np.inf, None, 0.0
    wanted = _FIRST_TRY * tolerance
    rounds, stale, mark = 0, 0, (0.0, np.inf)
    while rounds < max_rounds:
        rounds += 1
        feasible, beams, outer, pull, prices = program.solve()
        outer = max(outer, math.sqrt(_TINY)) ** 2
        last = not feasible or outer > enough or rounds == max_rounds or stale >= _STALE_ROUNDS
        if last or upper / outer - 1 <= wanted:
            weights = program.weights(pull, beams)
            point = best_dual_point(
                program.channels, program.owners, sinr, problem, weights, prices, enough=_goal(upper, power, tolerance)
            )
            if dual is None or point.total / power > lower:
                dual, lower = point, point.total / power
            wanted /= 3
            if last or upper <= lower * (1 + tolerance):
                break
        tried = beams[None] if best is None else np.stack([beams, *(a * beams + (1 - a) * best for a in _MIXTURES)])
        gap = upper / outer - 1 if np.isfinite(upper) else np.inf
        precision = float(np.clip(_ADVERSARY_PART * gap, _FINEST, _COARSEST))
        found = worst_case(problem.channels, problem.radii, tried, sinr, precision=precision)
        faced, values = worst_channels(problem.channels, problem.radii, tried, sinr, found)
        least = found.value.min(axis=1)
        spent = np.sum(np.abs(tried) ** 2, axis=(1, 3)).max(axis=1) / power
        margins = np.where(least > 0, spent / np.where(least > 0, least, 1.0), np.inf)
        first = int(np.argmin(margins))
        if margins[first] < upper:
            upper, best = float(margins[first]), tried[first] / np.sqrt(least[first])
            proof = found.multipliers[first] / least[first]
        program.forget(pull)
        program.turn(beams)
        for s, k in np.ndindex(values.shape[:2]):
            kept: list[np.ndarray] = []
            for channel, value in zip(faced[s, k], values[s, k]):
                if len(kept) == _MOST or value >= 1 - _VIOLATION:
                    break
                if all(np.linalg.norm(channel - other) > _DISTINCT * np.linalg.norm(problem.radii[k]) for other in kept):
                    kept.append(channel)
                    program.add(k, channel.ravel(), beams)
        moved = outer > mark[0] * (1 + _STALE * tolerance) or upper < mark[1] * (1 - _STALE * tolerance)
        stale, mark = (0, (outer, upper)) if moved else (stale + 1, mark)
    return CutResult(upper, lower, best, proof, dual, _errors(program, problem), rounds)


def _goal(upper: float, power: float, tolerance: float) -> float:
    """A dual value that closes the gap, or shows that there is no point in going on."""
    return min(_HOPELESS, upper * power / (1 + _GOAL * tolerance))


def _errors(program: _ConeProgram, problem: Reduced) -> tuple[np.ndarray, ...]:
    """What is listed, as errors over radii."""
    return errors_over_radii(problem, np.asarray(program.channels), np.asarray(program.owners))


def errors_over_radii(problem: Reduced, channels: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, ...]:
    """Channels (n, M r) inside the balls as errors divided by the radii, user by user, without those of no error."""
    scale = np.where(problem.radii > 0, problem.radii, 1.0)
    result = []
    for k, centre in enumerate(problem.channels):
        errors = (channels[owners == k].reshape(-1, *centre.shape) - centre) / scale[k][:, None]
        result.append(errors[np.linalg.norm(errors, axis=(1, 2)) > 0])
    return tuple(result)
