r"""What given beams are worth when the channel is the worst in its balls: proven from below, attained from above."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.errors import InvalidScenario
from .adversary import lower_bounds, worst_case, worst_channels
from .proven_sinr import LEAST_SINR, best_proven
from .reduction import checked

_WORST_STEPS = 30
_LARGEST = 1e75
_SLACKS = 10.0 ** np.arange(-13.0, -0.5)


def certified_values(
    channels: ArrayLike, error_radii: ArrayLike, beams: ArrayLike, sinr: ArrayLike, noise_w: float, multipliers: ArrayLike
) -> np.ndarray:
    r"""Weak-duality bound :math:`(A_k+\sigma^2)/\sigma^2` on unscaled data, (K,): -inf where :math:`M+\Lambda\not\succ0`.

    At least 1 proves that user k keeps the SINR for every error in its balls.

    >>> from isaclib import near_field as nf
    >>> h = np.array([[[3.0, 4.0]]])  # one user, one access point, two antennas
    >>> beams = np.array([[[0.6, 0.8]]])
    >>> sinr, multipliers = nf.certified_sinr(h, np.array([[0.5]]), beams, 1.0)
    >>> value = nf.certified_values(h, np.array([[0.5]]), beams, sinr[0], 1.0, multipliers)
    >>> round(float(value[0]), 6)  # the largest SINR that is proven
    1.0
    """
    h, radii = checked(channels, error_radii, noise_w)
    w, users = checked_beams(beams, h, noise_w), len(h)
    target = checks.array("sinr", sinr, ("...",), positive=True)
    if target.shape not in ((), (users,)):
        raise InvalidScenario("sinr", f"has shape {target.shape}", f"expected one number or ({users},)")
    proofs = checks.array("multipliers", multipliers, radii.shape, nan=True)
    result = np.full(users, -np.inf)
    for k in range(users):
        lam = proofs[k]
        if not np.all(lam > 0):
            continue
        scale = np.where(np.arange(users) == k, 1 / math.sqrt(np.broadcast_to(target, (users,))[k]), 1.0)
        U = w * scale[:, None, None]
        f = np.einsum("jmn,mn->j", U.conj(), h[k])
        S = np.einsum("imn,jmn,m->ij", U.conj(), U, 1 / lam) + np.diag(np.where(np.arange(users) == k, 1.0, -1.0))
        values, vectors = np.linalg.eigh(S)
        if np.sum(values > 0) == 1 and np.all(values != 0):
            result[k] = (np.sum(np.abs(vectors.conj().T @ f) ** 2 / values) - lam @ radii[k] ** 2) / noise_w
    return result


def beam_residual(
    channels: ArrayLike, error_radii: ArrayLike, beams: ArrayLike, sinr: ArrayLike, noise_w: float, multipliers: ArrayLike
) -> float:
    """Largest relative shortfall of the certified worst case below the noise power; 0 when the SINR is proven.

    >>> from isaclib import near_field as nf
    >>> h = np.array([[[3.0, 4.0]]])  # one user, one access point, two antennas
    >>> beams = np.array([[[0.6, 0.8]]])
    >>> sinr, multipliers = nf.certified_sinr(h, np.array([[0.5]]), beams, 1.0)
    >>> bool(nf.beam_residual(h, np.array([[0.5]]), beams, sinr[0], 1.0, multipliers) < 1e-9)
    True
    """
    return float(max(0.0, 1 - np.min(certified_values(channels, error_radii, beams, sinr, noise_w, multipliers))))


def worst_sinr(channels: ArrayLike, error_radii: ArrayLike, beams: ArrayLike, noise_w: float) -> np.ndarray:
    r"""Certified lower bound on each user's worst-case SINR under given beams, (K,) (0 where nothing can be certified).

    This is the paper's "worst-case post-processing" of the error-ignorant beams: the largest SINR at which some
    :math:`\lambda` satisfies (13), found from below (:func:`.proven_sinr.best_proven`).

    One user, one antenna: :math:`(|h|-\varepsilon)^2|w|^2/\sigma^2`.

    >>> print(worst_sinr([[[2.0]]], [[0.5]], [[[1j]]], noise_w=0.1).round(6))
    [22.5]
    """
    return certified_sinr(channels, error_radii, beams, noise_w)[0]


def certified_sinr(
    channels: ArrayLike, error_radii: ArrayLike, beams: ArrayLike, noise_w: float
) -> tuple[np.ndarray, np.ndarray]:
    r""":func:`worst_sinr` with the multipliers (K, M) that prove it (nan where nothing can be certified).

    >>> from isaclib import near_field as nf
    >>> h = np.array([[[3.0, 4.0]]])  # one user, one access point, two antennas
    >>> beams = np.array([[[0.6, 0.8]]])
    >>> sinr, multipliers = nf.certified_sinr(h, np.array([[0.5]]), beams, 1.0)
    >>> round(float(sinr[0]), 6)  # (5 - 0.5)^2
    20.25
    """
    h, radii = checked(channels, error_radii, noise_w)
    scale = math.sqrt(noise_w)
    return certify(h / scale, radii / scale, checked_beams(beams, h, noise_w))


def certify(h: np.ndarray, radii: np.ndarray, beams: np.ndarray, *, least: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """:func:`certified_sinr` in unit noise; ``least`` as in :func:`.proven_sinr.best_proven`."""
    sinr, multipliers = best_proven(h, radii, beams, least=least)
    # Rounding stands between the closed form and the matrix: the least reduction at which that one is seen to hold, all at once.
    trials = np.maximum(sinr, 0.0) * (1 - _SLACKS[:, None])
    seen = lower_bounds(h, radii, np.repeat(beams[None], len(trials), axis=0), np.maximum(trials, LEAST_SINR), multipliers)
    holds = (seen >= 1) & (trials > LEAST_SINR)
    known = np.any(holds, axis=0)
    sinr = np.where(known, trials[np.argmax(holds, axis=0), np.arange(len(h))], 0.0)
    return sinr, np.where(known[:, None], multipliers, np.nan)


def adversarial_sinr(channels: ArrayLike, error_radii: ArrayLike, beams: ArrayLike, noise_w: float) -> np.ndarray:
    r"""Upper bound on each user's worst-case SINR, (K,): the SINR at a channel inside the balls, made bad by ascent.

    Dinkelbach's iteration: at the current SINR :math:`\gamma` the adversary minimises
    :math:`|g^Hw_k|^2/\gamma-\sum_{j\ne k}|g^Hw_j|^2` (:func:`.adversary.worst_channels`); the SINR at the channel found is
    the next, smaller :math:`\gamma`.

    >>> print(adversarial_sinr([[[2.0]]], [[0.5]], [[[1j]]], noise_w=0.1).round(6))
    [22.5]
    """
    h, radii = checked(channels, error_radii, noise_w)
    scale = math.sqrt(noise_w)
    return _adversarial(h / scale, radii / scale, checked_beams(beams, h, noise_w))


def checked_beams(beams, h: np.ndarray, noise_w: float) -> np.ndarray:
    """Beams of the shape of the channels that are received at an SNR which is a number."""
    w = checks.array("beams", beams, h.shape, dtype=complex)
    with np.errstate(over="ignore"):
        received = np.max(np.abs(w)) * (np.max(np.abs(h)) / math.sqrt(noise_w))
    if not max(np.max(np.abs(w)), received) < _LARGEST:
        raise InvalidScenario("beams", "are too large for the channels and the noise: the SNR is no number", "check the units")
    return w


def _adversarial(h: np.ndarray, radii: np.ndarray, w: np.ndarray) -> np.ndarray:
    sinr = channel_sinr(h[:, None], w, 1.0)[:, 0]
    for _ in range(_WORST_STEPS):
        positive = np.maximum(sinr, LEAST_SINR)
        found = worst_case(h, radii, w[None], positive)
        faced, _ = worst_channels(h, radii, w[None], positive, found)
        new = np.minimum(sinr, channel_sinr(faced[0], w, 1.0).min(axis=1))
        if np.all(new >= sinr * (1 - 1e-12)):
            break
        sinr = new
    return sinr


def channel_sinr(faced: np.ndarray, beams: np.ndarray, noise_w: float) -> np.ndarray:
    """SINR of user k at each of its channels (K, P, M, Nt): (K, P)."""
    powers = np.abs(np.einsum("kpmn,jmn->kpj", faced.conj(), beams)) ** 2
    users = np.arange(len(faced))
    own = powers[users, :, users]
    return own / (powers.sum(axis=2, where=~np.eye(len(faced), dtype=bool)[:, None]) + noise_w)
