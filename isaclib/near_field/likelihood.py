r"""Localization from the echoes by maximum likelihood, with known waveforms and unknown gains: it attains the position bound.

Every pair of a receiver l and a transmitter m observes :math:`\mathbf Z=\sum_k\alpha_k\mathbf a_{k,l}\mathbf s_k^{\mathsf T}
+\mathbf N` with :math:`\mathbf s_k^{\mathsf T}=\mathbf a_{k,m}^{\mathsf H}\mathbf F_m`. Patterns and their derivatives are sums
of such outer products, so that all inner products of Gauss-Newton's equations are products of two small Grams, as in the Fisher
information (:func:`.information.pair_information`), and none of the :math:`N_t^2` entries of a pattern is formed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from isaclib.foundations import checks
from isaclib.foundations.channels import complex_normal

from .descent import descend, newton_step
from .information import checked_covariances, pair_information
from .music import echo_matrix, generators, noise_w, square_root
from .scenario import Scenario, responses

_TOGETHER = 64  # simulations at a time, to bound memory
_RANK = 1e-13  # relative eigenvalue of the patterns' Gram below which gains cannot be told apart


def locate_likelihood(
    scenario: Scenario, covariances: ArrayLike, start_m: ArrayLike, *, blocks: int, rng: np.random.Generator
) -> np.ndarray:
    r"""Maximum-likelihood positions of simulated echoes with known waveforms, gains unknown: (K, 2).

    The waveforms have the sample covariance :math:`\mathbf S\mathbf S^H = \tau\mathbf\Psi` exactly, as the Fisher information
    assumes, so that :math:`\mathbf Y \mathbf S^H` reduces to :math:`\mathbf Z = \sqrt\tau\,\mathbf H \mathbf F + \mathbf N`,
    :math:`\mathbf F \mathbf F^H = \mathbf\Psi`. Gauss-Newton with the gains projected out (variable projection).

    Parameters
    ----------
    start_m : (K, 2)
        First guess, within a fraction of the resolution cell.
    blocks : int
        :math:`\tau`.

    Examples
    --------
    >>> from isaclib import near_field as nf
    >>> scenario = nf.Scenario.random(np.random.default_rng(0))
    >>> white = np.broadcast_to(np.eye(21) / 21, (3, 21, 21))
    >>> start = scenario.user_positions_m
    >>> found = nf.locate_likelihood(scenario, white, start, blocks=100, rng=np.random.default_rng(1))
    >>> found.shape, bool(np.abs(found - start).max() < 1e-3)
    ((4, 2), True)
    """
    return _located(scenario, covariances, start_m, blocks, [checks.generator("rng", rng)])[0]


def locate_likelihood_batch(
    scenario: Scenario, covariances, start_m, *, blocks: int, rngs: Sequence[np.random.Generator]
) -> np.ndarray:
    """:func:`locate_likelihood` of D simulations, (D, K, 2), one for each generator of ``rngs``.

    >>> scenario = Scenario.random(np.random.default_rng(1))
    >>> isotropic = np.tile(np.eye(21) * scenario.sensing_power_w / 21, (3, 1, 1))
    >>> users, rngs = scenario.user_positions_m, np.random.default_rng(2).spawn(3)
    >>> found = locate_likelihood_batch(scenario, isotropic, users, blocks=80, rngs=rngs)
    >>> print(found.shape, np.all(np.abs(found - users) < 1e-5))
    (3, 4, 2) True
    """
    return _located(scenario, covariances, start_m, blocks, generators(rngs))


def _located(scenario: Scenario, covariances, start_m, blocks, rngs: list[np.random.Generator]) -> np.ndarray:
    checks.instance("scenario", scenario, Scenario)
    points = checks.array("start_m", start_m, (len(scenario.user_positions_m), 2))
    blocks = checks.count("blocks", blocks, maximum=2**53)
    factors = np.sqrt(blocks) * square_root(checked_covariances(scenario, covariances))
    h = echo_matrix(scenario)
    aps, antennas = len(factors), scenario.antennas
    clean = h.reshape(aps, antennas, aps, antennas).transpose(0, 2, 1, 3) @ factors[None]
    size = np.sqrt(noise_w(scenario))
    found = []
    for first in range(0, len(rngs), _TOGETHER):
        echoes = np.stack([clean + size * complex_normal(rng, clean.shape) for rng in rngs[first : first + _TOGETHER]])

        def step(chosen: np.ndarray, points: np.ndarray, echoes=echoes) -> np.ndarray:
            return _step(scenario, factors, echoes[chosen], points)

        found.append(descend(step, np.repeat(points[None], len(echoes), axis=0)))
    return np.concatenate(found)


def _step(scenario: Scenario, factors: np.ndarray, observed: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Gauss-Newton steps (D, K, 2) from points (D, K, 2) for echoes (D, M, M, Nt, R)."""
    draws, users = points.shape[:2]
    positions = 2 * users
    vectors, slopes = responses(scenario, points.reshape(-1, 2))
    # Responses, then their derivatives: (D, 3K, M, Nt)
    waves = np.concatenate([vectors[None], slopes]).reshape(3, draws, users, *vectors.shape[1:])
    waves = np.moveaxis(waves, 0, 1).reshape(draws, 3 * users, *vectors.shape[1:])
    received = [np.ascontiguousarray(waves[:, :, m]) for m in range(len(factors))]
    sent = [wave.conj() @ factor for wave, factor in zip(received, factors)]
    receive_grams = [wave.conj() @ np.swapaxes(wave, 1, 2) for wave in received]
    send_grams = [signal.conj() @ np.swapaxes(signal, 1, 2) for signal in sent]
    part = [slice(t * users, (t + 1) * users) for t in range(3)]
    diagonal = np.arange(users)
    normal, score = np.zeros((draws, positions, positions)), np.zeros((draws, positions))
    for l, m in np.ndindex(observed.shape[1:3]):
        information = pair_information(receive_grams[l], send_grams[m].conj(), np.ones((draws, users)))
        measured = received[l].conj() @ observed[:, l, m] @ np.swapaxes(sent[m].conj(), 1, 2)

        def seen(of_receiver: int, of_sender: int, measured=measured) -> np.ndarray:
            return measured[:, part[of_receiver], part[of_sender]][:, diagonal, diagonal]

        inverse = np.linalg.pinv(information[:, positions:, positions:], rcond=_RANK, hermitian=True)
        gains = (inverse @ seen(0, 0)[..., None])[..., 0]
        weights = np.tile(gains, 2)
        along = np.concatenate([seen(q, 0) + seen(0, q) for q in (1, 2)], axis=1)
        across = information[:, :positions, positions:]
        left = along - (across @ gains[..., None])[..., 0]
        unexplained = information[:, :positions, :positions] - across @ inverse @ np.swapaxes(across.conj(), 1, 2)
        normal += (weights.conj()[:, :, None] * unexplained * weights[:, None, :]).real
        score += (weights.conj() * left).real
    return np.swapaxes(newton_step(normal, score).reshape(draws, 2, users), 1, 2)
