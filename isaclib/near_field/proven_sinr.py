r"""The SINR that multipliers prove for given beams.

In the form of :mod:`.adversary` the SINR stands in one place of C only. With I the other users, :math:`H=I-G_{II}` and
:math:`g=G_{kI}`, a Schur complement frees it: :math:`A=|r|^2/t-c` with :math:`r=f_k+gH^{-1}f_I`,
:math:`t=\gamma+G_{kk}+gH^{-1}g^H` and :math:`c=\sigma^2+\lambda^T\varepsilon^2+f_I^HH^{-1}f_I`. By Haynsworth's count of signs
:math:`M+\Lambda\succ0` where :math:`H\succ0` (then :math:`t>0`), or where H has one negative eigenvalue and :math:`t<0`. In the
first case c is positive, in the second it must be negative, and in both :math:`A\ge0` exactly up to

.. math:: \gamma(\lambda)=|r|^2/c-G_{kk}-gH^{-1}g^H ,

the SINR that the multipliers prove (:func:`proven`). Going from the best multipliers at an SINR to the SINR that they prove is
Dinkelbach's iteration from below: it does not fall, and converges faster than linearly (:func:`best_proven`).
"""

from __future__ import annotations

import itertools

import numpy as np

from .adversary import BARRIERS, Dual, best_multipliers, centred, with_room

# At the last barrier weight the SINR goes on to rise by at most so many steps, until none is as long as this (relative).
_DINKELBACH_STEPS, _SETTLED, _ASTRAY = 30, 1e-10, 1e-8
_PASSES, _ROUNDING, LEAST_SINR = 5, 1e-9, 1e-60
# Of the largest multiplier, for access points that nobody uses.
_LEAST_PART = 1e-12
# Where that ends early: rounds of a search between what is proven and the SINR without errors, and the parts that are tried.
_SECTIONS, _FRACTIONS = 6, np.array([0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 0.6])
_LENGTHS, _MOST_TURNED = 10.0 ** -np.arange(7.0, 11.0, 0.5), 4


def proven(channels: np.ndarray, radii: np.ndarray, beams: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
    r"""The SINR :math:`\gamma(\lambda)` that multipliers (S, K, M) prove in unit noise, (S, K); -inf where they prove none."""
    users = multipliers.shape[1]
    f = np.einsum("sjmr,kmr->skj", beams.conj(), channels)
    grams = np.einsum("simr,sjmr,skm->skij", beams.conj(), beams, 1 / multipliers)
    each = np.arange(users)
    others = np.array([[j for j in each if j != k] for k in each], dtype=int).reshape(users, users - 1)
    g = grams[:, each[:, None], each[:, None], others]
    H = np.eye(users - 1) - grams[:, each[:, None, None], others[:, :, None], others[:, None, :]]
    values, vectors = np.linalg.eigh(H)
    # f_I and the conjugate of g in the eigenvectors of H.
    along = np.matmul(vectors.conj().swapaxes(-1, -2), np.stack([f[:, each[:, None], others], g.conj()], axis=-1))
    met, pulled = along[..., 0], along[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        r = f[:, each, each] + np.sum(pulled.conj() * met / values, axis=-1)
        c = 1 + np.sum(multipliers * radii**2, axis=2) + np.sum(np.abs(met) ** 2 / values, axis=-1)
        lost = grams[:, each, each, each].real + np.sum(np.abs(pulled) ** 2 / values, axis=-1)
        sinr = np.abs(r) ** 2 / c - lost
    negative = np.sum(values < 0, axis=-1)
    return np.where(np.isfinite(sinr) & ((negative == 0) | ((negative == 1) & (c < 0))), sinr, -np.inf)


def best_proven(
    channels: np.ndarray, radii: np.ndarray, beams: np.ndarray, *, least: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    r"""The largest SINR that any multipliers prove, (K,), and these, (K, M), for one set of beams (K, M, r). With ``least`` only
    the smallest of the K counts, and only where it is larger than that: then the others are not looked for to the last.

    With :math:`f_j=w_j^Hh` and :math:`e_j=\sum_m\varepsilon_m\|w_{j,m}\|` the signal may fade to
    :math:`(|f_k|-e_k)_+^2` and the interference reach :math:`\sum_j(|f_j|+e_j)^2`. Each of the two has multipliers of its own (as
    for one user), and their sum proves the quotient. So where :math:`|f_k|\le e_k` the worst SINR is 0 and nothing is proven
    (-inf, ones); to everybody else something is, and from there Dinkelbach's iteration follows the barrier's path.
    """
    users, aps, _ = beams.shape
    radii = with_room(radii, channels, beams)
    f = np.abs(np.einsum("jmr,kmr->kj", beams.conj(), channels))
    e = radii @ np.linalg.norm(beams, axis=2).T
    own, off = np.diagonal(f), ~np.eye(users, dtype=bool)
    # Interference and noise at their worst: in this unit the barrier counts.
    unit = 1 + np.sum((f + e) ** 2, axis=1, where=off)
    room = own - np.diagonal(e)
    served = room > _ROUNDING * own
    sure = np.where(served, room**2 / unit, 0.0)
    served &= sure > LEAST_SINR
    best, kept = np.full(users, -np.inf), np.ones((users, aps))
    if not np.any(served):
        return best, kept
    low = np.where(served, sure, 1.0)
    # Those who are lost get balls of almost nothing: they take no part, and no time.
    balls = np.where(served[:, None], radii, radii * _ROUNDING)
    # The multipliers of the signal and those of all interference, added: they are sure to prove what is sure.
    weights = np.where(off, f + e, np.diag(room / low))
    separate = weights @ np.linalg.norm(beams, axis=2) / balls
    separate = np.where(served[:, None], np.maximum(separate, _LEAST_PART * separate.max(axis=1, keepdims=True)), 1.0)
    reached = proven(channels, balls, beams[None], separate[None])[0]
    best, kept = np.where(served & (reached > 0), reached, -np.inf), separate
    nominal = own**2 / (1 + np.sum(f**2, axis=1, where=off))
    top = np.maximum(np.where(served, nominal, 1.0), low)
    sinr = top
    for _ in range(_PASSES):
        before, multipliers, cut_short = best, None, False
        for tau in [*BARRIERS, *[BARRIERS[-1]] * _DINKELBACH_STEPS]:
            dual = Dual(channels, balls, beams[None], sinr[None])
            multipliers, *_, active = centred(dual, dual.start() if multipliers is None else multipliers, tau * unit)
            reached = proven(channels, balls, beams[None], multipliers[None])[0]
            better, rising = reached > best, reached > best * (1 + _SETTLED)
            best, kept = np.where(better, reached, best), np.where(better[:, None], multipliers, kept)
            # Who was asked for more than is proven by now is not done, either.
            open_yet = served & (rising | (sinr > np.maximum(best, low) * (1 + _SETTLED)))
            # The multipliers are inside at the SINR that they prove, and at every lower one.
            lower = np.maximum(best, low) if tau == BARRIERS[-1] else np.sqrt(sinr * low)
            sinr = np.where(reached >= low, reached, lower)
            # Ended early, or led to where not even that is proven.
            cut_short = bool(np.any(served & (active | (reached < best * (1 - _ASTRAY)))))
            if tau == BARRIERS[-1] and not np.any(open_yet):
                break
        sinr = np.where(best >= low, best, top)
        slow = bool(np.any(open_yet))  # the last barrier weight is no small part of the noise where much else is received
        if not cut_short or np.all(best <= before * (1 + _SETTLED)):
            break
    if cut_short or slow:
        best, kept = _searched(channels, balls, beams, best, kept, np.where(served, top, 0.0), least)
    best, kept = _polished(channels, balls, beams, best, kept)
    return np.where(served, best, -np.inf), np.where(served[:, None], kept, 1.0)


def _polished(
    channels: np.ndarray, radii: np.ndarray, beams: np.ndarray, best: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The last digits: next to the boundary a part in 1e9 of a multiplier may be worth a part in 3e8 of the SINR, and the
    barrier's merit has lost it to rounding. The SINR itself is looked at on a pattern of points around, which shrinks.
    """
    turns = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=min(kept.shape[1], _MOST_TURNED))))
    turns = np.pad(turns, ((0, 0), (0, kept.shape[1] - turns.shape[1])))
    for length in _LENGTHS:
        trials = kept * (1 + length * turns[:, None, :])
        reached = proven(channels, radii, np.repeat(beams[None], len(trials), axis=0), trials)
        most, user = np.argmax(reached, axis=0), np.arange(len(best))
        better = reached[most, user] > best
        best = np.where(better, reached[most, user], best)
        kept = np.where(better[:, None], trials[most, user], kept)
    return best, kept


def _searched(
    channels: np.ndarray,
    radii: np.ndarray,
    beams: np.ndarray,
    best: np.ndarray,
    kept: np.ndarray,
    high: np.ndarray,
    least: float | None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""More than the iteration proves where its path ends at the boundary (the hard case): at fixed SINRs, several at once, the
    path begins far inside.

    The best bound of a SINR is concave in :math:`1/\gamma` (least of all :math:`\Delta`, the Lagrangian is linear in
    :math:`1/\gamma` and :math:`\lambda`): the chord from a SINR that holds to one that does not crosses the noise at one that
    holds, and the next trials begin there.
    """
    sides = np.full((2, 2, len(best)), np.nan)  # the SINRs nearest to the end that hold and that do not, and their bounds
    for _ in range(_SECTIONS):
        low = np.maximum(best, 0.0)
        counts = high - low > _SETTLED * low
        if least is not None:
            counts &= (low < high.min()) & (high.min() > least)
        if not np.any(counts):
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            (held, missed), (more, less) = sides
            chord = 1 / (1 / held + (1 / missed - 1 / held) * (more - 1) / (more - less))
        begin = np.where((chord > low) & (chord < high), chord, low)
        trials = np.maximum(begin + _FRACTIONS[:, None] * (high - begin), LEAST_SINR)
        repeated = np.repeat(beams[None], len(trials), axis=0)
        lanes = np.tile(counts, (len(trials), 1))
        dual = Dual(channels, radii, repeated, trials).of(np.flatnonzero(lanes))
        found, *eigen = best_multipliers(dual)
        multipliers, value = np.tile(kept, (len(trials), 1, 1)), np.full(trials.shape, np.nan)
        multipliers[lanes], value[lanes] = found, dual.value(found, *eigen)
        reached = proven(channels, radii, repeated, multipliers)
        most, user = np.argmax(reached, axis=0), np.arange(len(best))
        better = reached[most, user] > best
        best = np.where(better, reached[most, user], best)
        kept = np.where(better[:, None], multipliers[most, user], kept)
        high = np.where(lanes & (reached < trials) & (trials > best), trials, high).min(axis=0)
        for side, holds in enumerate((value >= 1, value < 1)):
            nearest = np.argmax(np.where(holds, trials if side == 0 else -trials, -np.inf), axis=0)
            sides[:, side] = np.where(holds.any(axis=0), (trials[nearest, user], value[nearest, user]), sides[:, side])
    return best, kept
