r"""The worst channel of given beams: certified from below, attained from above.

For user k let :math:`M=\frac1\gamma w_kw_k^H-\sum_{j\ne k}w_jw_j^H`. The robust constraint (12) of the paper asks whether

.. math:: \min_{\|\Delta_m\|\le\varepsilon_m}(h+\Delta)^HM(h+\Delta)\ge\sigma^2 .

For any :math:`\lambda\ge0` with :math:`M+\Lambda\succ0`, :math:`\Lambda=\operatorname{blkdiag}(\lambda_mI)`, weak duality
gives the lower bound (eq. (15) with the sign of :math:`\sigma^2` mended)

.. math:: A(\lambda)+\sigma^2=h^HMh-\lambda^T\varepsilon^2-h^HM(M+\Lambda)^{-1}Mh .

With :math:`U=[w_1\dots w_K]`, :math:`C=\operatorname{diag}(-1,\dots,\gamma,\dots,-1)`, :math:`f=U^Hh` and
:math:`G(\lambda)=\sum_m U_m^HU_m/\lambda_m` the Woodbury identity turns it into a K x K form in which nothing cancels:

.. math:: A(\lambda)+\sigma^2=f^H\,(C+G(\lambda))^{-1}f-\lambda^T\varepsilon^2,\qquad
    M+\Lambda\succ0\iff\lambda>0\text{ and }C+G(\lambda)\text{ has exactly one positive eigenvalue.}
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

# Barrier weights in units of the noise power, to which everything is scaled.
BARRIERS = 10.0 ** -np.arange(0, 12, 2.0)
_NEWTON_STEPS = 15
# Fraction of the barrier weight at which a stage ends: the path needs to be followed, not traced.
_DECREMENT = 1e-2
_TO_WALL = 0.9
_ARMIJO = 1e-4
# Parts of a step that are tried together, for those to whom all before were too long.
_SHORTER = tuple(0.3**powers for powers in np.split(np.arange(1.0, 20.0), [3, 9]))
# A step that promises less than this part of the merit is rounding; one that promises more than the second and leads nowhere has
# been led astray by it.
_DIGITS, _LOST = 1e-15, 1e-10
# A ball so small that it changes nothing, instead of radius 0 with its infinite multiplier: this part of the largest channel,
# where no beam makes more of it than this part of the noise amplitude.
_LEAST_RADIUS = 1e-9
_POLISH_STEPS = 25
_PHASES = np.exp(2j * np.pi * np.arange(6) / 6)
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class WorstCase:
    r"""Certified worst cases of S sets of beams for K users, in unit noise.

    Attributes
    ----------
    value : ndarray (S, K)
        Lower bound on :math:`\min_\Delta(h+\Delta)^HM(h+\Delta)`; 1 or more proves that the SINR is reached.
    multipliers : ndarray (S, K, M)
        The :math:`\lambda` that prove it.
    errors : ndarray (S, K, M, r)
        :math:`\Delta=-(M+\Lambda)^{-1}Mh`, clipped to the balls.
    soft : ndarray (S, K, M, r)
        Unit vector along which :math:`M+\Lambda` is nearly singular in the hard case.
    """

    value: np.ndarray
    multipliers: np.ndarray
    errors: np.ndarray
    soft: np.ndarray


class Dual:
    """A, its derivatives in log(lambda) and the barrier; one lane per (set of beams, user)."""

    def __init__(self, channels: np.ndarray, radii: np.ndarray, beams: np.ndarray, sinr: np.ndarray) -> None:
        sets, users, aps, _ = beams.shape
        # Column k of U is scaled by 1/sqrt(gamma): then C = diag(+1, -1, ..., -1), the same in size for every user.
        self.scale = np.ones((sets, users, users))
        self.scale[:, np.arange(users), np.arange(users)] = 1 / np.sqrt(sinr)
        self.amplitudes = np.einsum("sjmr,kmr->skj", beams.conj(), channels) * self.scale
        grams = np.einsum("simr,sjmr->smij", beams.conj(), beams)
        grams = grams[:, None] * (self.scale[..., :, None] * self.scale[..., None, :])[:, :, None]
        self.users, self.aps, self.lanes = users, aps, sets * users
        self.grams = grams.reshape(self.lanes, aps, users, users)
        self.amplitudes = self.amplitudes.reshape(self.lanes, users)
        self.signs = np.tile(2 * np.eye(users) - 1, (sets, 1))
        self.squares = np.broadcast_to(radii**2, (sets, users, aps)).reshape(self.lanes, aps)

    def of(self, lanes: np.ndarray) -> Dual:
        """The same for some lanes, by number; each may be named more than once."""
        part = copy.copy(self)
        part.lanes = len(lanes)
        part.grams, part.amplitudes = self.grams[lanes], self.amplitudes[lanes]
        part.signs, part.squares = self.signs[lanes], self.squares[lanes]
        return part

    def start(self) -> np.ndarray:
        """Multipliers far inside."""
        power = np.linalg.eigvalsh(self.grams.sum(axis=1))[:, -1]
        return np.repeat(np.maximum(2 * power, _TINY)[:, None], self.aps, axis=1)

    def factor(self, multipliers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whether M + Lambda is positive definite, and the eigenpairs of C + G (values of 1 where it is not: none is 0)."""
        S = np.einsum("lmij,lm->lij", self.grams, 1 / multipliers)
        diagonal = np.arange(self.users)
        S[:, diagonal, diagonal] += self.signs
        values, vectors = np.linalg.eigh(S)
        inside = (values[:, -1] > 0) & np.all(multipliers > 0, axis=1)
        if self.users > 1:
            inside &= values[:, -2] < 0
        return inside, np.where(inside[:, None], values, 1.0), vectors

    def value(self, multipliers: np.ndarray, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        projected = np.einsum("lij,li->lj", vectors.conj(), self.amplitudes)
        return np.sum(np.abs(projected) ** 2 / values, axis=1) - np.sum(multipliers * self.squares, axis=1)

    def barrier(self, multipliers: np.ndarray, values: np.ndarray) -> np.ndarray:
        """log det(M + Lambda) up to a constant."""
        volume = np.sum(np.log(np.maximum(np.abs(values), _TINY)), axis=1)
        return self.users * np.sum(np.log(np.maximum(multipliers, _TINY)), axis=1) + volume

    def derivatives(self, multipliers: np.ndarray, values: np.ndarray, vectors: np.ndarray, tau: float | np.ndarray):
        """Gradient and Hessian of A + tau * barrier in lambda, rows and columns scaled by lambda."""
        tau = np.asarray(tau).reshape(-1, 1)
        inverse = np.matmul(vectors / values[:, None, :], vectors.conj().swapaxes(1, 2))
        v = np.matmul(inverse, self.amplitudes[:, :, None])[:, None]
        E = self.grams / multipliers[:, :, None, None]  # lambda_m times -d(C + G)/d lambda_m
        Ev = np.matmul(E, v)[..., 0]
        quadratic = np.sum(v[..., 0].conj() * Ev, axis=2).real
        IE = np.matmul(inverse[:, None], E)
        trace = np.trace(IE, axis1=2, axis2=3).real
        gradient = quadratic - multipliers * self.squares + tau * (self.users - trace)
        flat = IE.reshape(self.lanes, self.aps, -1)
        swapped = IE.swapaxes(2, 3).reshape(self.lanes, self.aps, -1)
        hessian = 2 * np.matmul(Ev.conj(), np.matmul(inverse, Ev.swapaxes(1, 2))).real
        hessian -= tau[..., None] * np.matmul(flat, swapped.swapaxes(1, 2)).real
        diagonal = np.arange(self.aps)
        hessian[:, diagonal, diagonal] += -2 * quadratic + tau * (2 * trace - self.users)
        return gradient, hessian


def centred(dual: Dual, multipliers: np.ndarray, tau: float | np.ndarray) -> tuple[np.ndarray, ...]:
    """Newton's method for A + tau * barrier from multipliers inside: the new ones, the eigenpairs of C + G, who is not done or
    was led astray by rounding.
    """
    inside, values, vectors = dual.factor(multipliers)
    if not np.all(inside):  # what they prove may lie so close to the boundary that rounding puts them on it
        multipliers = np.where(inside[:, None], multipliers, dual.start())
        _, values, vectors = dual.factor(multipliers)
    tau = np.broadcast_to(tau, dual.lanes)
    merit = dual.value(multipliers, values, vectors) + tau * dual.barrier(multipliers, values)
    active, stuck = np.ones(dual.lanes, dtype=bool), np.zeros(dual.lanes, dtype=bool)
    for _ in range(_NEWTON_STEPS):
        gradient, hessian = dual.derivatives(multipliers, values, vectors, tau)
        ridge = 1e-14 * np.trace(hessian, axis1=1, axis2=2)[:, None, None] * np.eye(dual.aps)
        try:
            step = np.linalg.solve(hessian + ridge, -gradient[..., None])[..., 0]
        except np.linalg.LinAlgError:  # flat to the last digit: any point is as good a bound
            break
        decrement = np.sum(step * gradient, axis=1)
        active &= decrement > np.maximum(_DECREMENT * tau, _DIGITS * np.abs(merit))
        if not np.any(active):
            break
        length = _TO_WALL / np.maximum(-np.min(step, axis=1), _TO_WALL)
        trial, eigen, new, enough = _tried(dual, multipliers, merit, step, np.where(active, length, 0.0), decrement, tau)
        accept = active & enough
        multipliers, values = np.where(accept[:, None], trial, multipliers), np.where(accept[:, None], eigen[0], values)
        vectors, merit = np.where(accept[:, None, None], eigen[1], vectors), np.where(accept, new, merit)
        searching = np.flatnonzero(active & ~accept)
        for shorter in _SHORTER:
            if not len(searching):
                break
            lanes = np.repeat(searching, len(shorter))
            lengths = (length[searching, None] * shorter).ravel()
            own = multipliers[lanes], merit[lanes], step[lanes]
            trial, eigen, new, enough = _tried(dual.of(lanes), *own, lengths, decrement[lanes], tau[lanes])
            enough = enough.reshape(-1, len(shorter))
            found = enough.any(axis=1)
            first = np.flatnonzero(found) * len(shorter) + np.argmax(enough[found], axis=1)
            for kept, tried in ((multipliers, trial), (values, eigen[0]), (vectors, eigen[1]), (merit, new)):
                kept[searching[found]] = tried[first]
            searching = searching[~found]
        active[searching] = False
        stuck[searching] = decrement[searching] > _LOST * np.abs(merit[searching])
    return multipliers, values, vectors, active | stuck


def _tried(dual: Dual, multipliers, merit, step, length, decrement, tau):
    """A step of some length for every lane: where it leads, the eigenpairs and the merit there, and whether that rises enough."""
    trial = multipliers * (1 + length[:, None] * step)
    inside, *eigen = dual.factor(trial)
    new = dual.value(trial, *eigen) + tau * dual.barrier(trial, eigen[0])
    return trial, eigen, new, inside & (new >= merit + _ARMIJO * length * decrement)


def best_multipliers(dual: Dual, precision: float = 1e-10) -> tuple[np.ndarray, ...]:
    """Those of the largest A, along the barrier's path from far inside, and the eigenpairs of C + G."""
    multipliers = dual.start()
    for tau in [*BARRIERS[BARRIERS > precision], precision]:
        multipliers, values, vectors, _ = centred(dual, multipliers, tau)
    return multipliers, values, vectors


def lower_bounds(
    channels: np.ndarray, radii: np.ndarray, beams: np.ndarray, sinr: np.ndarray, multipliers: np.ndarray
) -> np.ndarray:
    r""":math:`A(\lambda)+\sigma^2` in unit noise at given multipliers (K, M) and SINRs (S, K): (S, K), -inf outside."""
    dual = Dual(channels, radii, beams, sinr)
    lanes = np.tile(multipliers, (len(beams), 1))
    inside, values, vectors = dual.factor(lanes)
    return np.where(inside, dual.value(lanes, values, vectors), -np.inf).reshape(sinr.shape)


def worst_case(
    channels: np.ndarray, radii: np.ndarray, beams: np.ndarray, sinr: float | np.ndarray, *, precision: float = 1e-10
) -> WorstCase:
    r"""Maximise :math:`A(\lambda)` for every user and every set of beams, all lanes together.

    Parameters
    ----------
    channels : ndarray (K, M, r)
        Unit noise.
    radii : ndarray (K, M) or (S, K, M)
        Balls of radius 0 are allowed.
    beams : ndarray (S, K, M, r)
    sinr : float or ndarray, broadcast to (S, K)
    precision : float
        Last barrier weight: the certified value is within ``K M precision`` of the best one.
    """
    sets, users, aps, _ = beams.shape
    sinr = np.broadcast_to(np.asarray(sinr, dtype=float), (sets, users))
    radii = with_room(radii, channels, beams)
    dual = Dual(channels, radii, beams, sinr)
    multipliers, values, vectors = best_multipliers(dual, precision)
    value = dual.value(multipliers, values, vectors)
    # D = -(M + Lambda)^-1 M h has the coordinates -(C + G)^-1 f / lambda_m in the beams; likewise the soft eigenvector.
    projected = np.einsum("lij,li->lj", vectors.conj(), dual.amplitudes) / values
    v = np.einsum("lij,lj->li", vectors, projected).reshape(sets, users, users) * dual.scale
    u = vectors[:, :, -2 if users > 1 else -1].reshape(sets, users, users) * dual.scale
    weights = multipliers.reshape(sets, users, aps, 1)
    errors = -np.einsum("sjmr,skj->skmr", beams, v) / weights
    soft = np.einsum("sjmr,skj->skmr", beams, u) / weights
    soft /= np.maximum(np.linalg.norm(soft, axis=(2, 3), keepdims=True), _TINY)
    return WorstCase(value.reshape(sets, users), weights[..., 0], clip(errors, radii), soft)


def with_room(radii: np.ndarray, channels: np.ndarray, beams: np.ndarray) -> np.ndarray:
    """Radii that are nowhere 0, for beams (..., K, M, r): (..., K, M)."""
    received = np.maximum(np.linalg.norm(beams, axis=-1).max(axis=-2, keepdims=True), _TINY)
    return np.maximum(radii, _LEAST_RADIUS * np.minimum(np.linalg.norm(channels, axis=(1, 2)).max(), 1 / received))


def clip(errors: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Errors (..., M, r) shortened to the balls of the given radii (..., M)."""
    lengths = np.linalg.norm(errors, axis=-1)
    outside = lengths > radii
    return errors * np.where(outside, radii / np.where(outside, lengths, 1.0), 1.0)[..., None]


def _own_and_rest(faced: np.ndarray, beams: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signal and interference power on channels (S, K, P, M, r) under beams (S, K, M, r): two arrays (S, K, P)."""
    sets, users, starts = faced.shape[:3]
    flat = faced.reshape(sets, users * starts, -1)
    received = np.matmul(flat.conj(), beams.reshape(sets, users, -1).swapaxes(1, 2)).reshape(sets, users, starts, users)
    powers = received.real**2 + received.imag**2
    own = np.diagonal(powers, axis1=1, axis2=3).swapaxes(1, 2)
    return own, powers.sum(axis=3, where=~np.eye(users, dtype=bool)[:, None])  # a difference would lose it beside a strong signal


def worst_channels(
    channels: np.ndarray, radii: np.ndarray, beams: np.ndarray, sinr: float | np.ndarray, found: WorstCase
) -> tuple[np.ndarray, np.ndarray]:
    r"""Channels inside the balls that come close to the certified worst case, best first.

    Starts are the certificate's own error and, for the hard case, that error moved along the soft vector u in several
    phases by the length that restores :math:`\sum_m\lambda_m(\|\Delta_m+\zeta u_m\|^2-\varepsilon_m^2)=0`. Each start is
    polished by :math:`\Delta_m\leftarrow\varepsilon_m\,\mathrm{dir}\bigl(\lambda_m\Delta_m-[M(h+\Delta)]_m\bigr)`, which
    minimises a linear majorant over the balls wherever :math:`M\preceq\Lambda`.

    Returns
    -------
    channels : ndarray (S, K, P, M, r)
    values : ndarray (S, K, P), ascending in P
        :math:`(h+\Delta)^HM(h+\Delta)` there: an upper bound on the worst case.
    """
    sets, users, aps, width = beams.shape
    sinr = np.broadcast_to(np.asarray(sinr, dtype=float), (users,))
    weights = found.multipliers
    curvature = np.sum(weights * np.sum(np.abs(found.soft) ** 2, axis=3), axis=2)
    slack = np.sum(weights * (radii**2 - np.sum(np.abs(found.errors) ** 2, axis=3)), axis=2)
    inner = np.sum(weights * np.sum(found.soft.conj() * found.errors, axis=3), axis=2)
    along = (_PHASES.conj() * inner[..., None]).real
    length = np.sqrt(along**2 + (np.maximum(slack, 0) * curvature)[..., None]) - along
    zeta = length / np.maximum(curvature, _TINY)[..., None] * _PHASES
    moved = found.errors[:, :, None] + zeta[..., None, None] * found.soft[:, :, None]
    limits = radii[None, :, None]
    errors = clip(np.concatenate([found.errors[:, :, None], moved], axis=2), limits)
    centre = channels[None, :, None]
    coefficients = -np.ones((users, 1, users))
    coefficients[np.arange(users), 0, np.arange(users)] = 1 / sinr
    stacked = beams.reshape(sets, 1, users, -1)

    def score(errors: np.ndarray) -> np.ndarray:
        own, rest = _own_and_rest(centre + errors, beams)
        return own / sinr[:, None] - rest

    best, best_value = errors, score(errors)
    for _ in range(_POLISH_STEPS):
        faced = (centre + errors).reshape(sets, users, -1, aps * width)
        received = np.matmul(faced, stacked.conj().swapaxes(2, 3)) * coefficients
        direction = weights[:, :, None, :, None] * errors - np.matmul(received, stacked).reshape(errors.shape)
        lengths = np.maximum(np.linalg.norm(direction, axis=4), _TINY)
        errors = direction * (limits / lengths)[..., None]
        value = score(errors)
        better = value < best_value
        best = np.where(better[..., None, None], errors, best)
        best_value = np.where(better, value, best_value)
    order = np.argsort(best_value, axis=2)
    best = np.take_along_axis(best, order[..., None, None], axis=2)
    return centre + best, np.take_along_axis(best_value, order, axis=2)
