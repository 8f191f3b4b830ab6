r"""Range reduction and scaling of the robust beamforming problem.

The channels :math:`h_{k,m}` of the K users span at most K of the :math:`N_t` dimensions of AP m. Let :math:`Q_m` be an
orthonormal basis of that span. For every beam, :math:`Q_mQ_m^Hw_{k,m}` costs no more power, and since
:math:`(h+\Delta)^HQQ^Hw=(h+QQ^H\Delta)^Hw` with :math:`\|Q_mQ_m^H\Delta_m\|\le\|\Delta_m\|`, its worst channel is one that
the original beam had to face as well. Beams *and* worst channels may therefore be sought in the span, whatever
:math:`N_t` is. The balls must be isotropic at each AP, as eq. (4) of the paper has them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..foundations import checks
from ..foundations.errors import InvalidScenario

# Beyond this condition number of the stacked channels the dual vectors are too long to be a useful basis.
_MAX_CONDITION = 1e7
# Condition number of the users' directions beyond which they are close.
_CLOSE = 1e2
_LARGEST = 1e100


@dataclass(frozen=True, eq=False)
class Reduced:
    """The problem in unit noise and in coordinates of the channels' span.

    Attributes
    ----------
    channels : ndarray (K, M, r), complex
        Channel coordinates divided by the noise amplitude (unit 1/sqrt(W)).
    radii : ndarray (K, M)
        Error radii in the same unit.
    bases : ndarray (M, Nt, r), complex
        Orthonormal bases :math:`Q_m`.
    frames : ndarray (K, M r, d), complex, optional
        Restricts the beams of user k to real combinations of these columns (None: any beams).
    """

    channels: np.ndarray
    radii: np.ndarray
    bases: np.ndarray
    frames: np.ndarray | None = None

    @property
    def stacked(self) -> np.ndarray:
        """Channels with the APs stacked, (K, M r)."""
        return self.channels.reshape(len(self.channels), -1)

    def matched(self) -> Reduced:
        r"""Beams restricted to maximum ratio transmission: the columns :math:`h_{k,m}/\|h_{k,m}\|`, one per AP."""
        lengths = np.linalg.norm(self.channels, axis=2, keepdims=True)
        channels, bases = self.channels, self.bases
        if np.any(lengths == 0):
            # Where a user has no channel there is nothing to be matched: its column is a coordinate that no antenna has, of no
            # use to anybody, where one of the span might cancel what others send.
            channels, bases = (np.pad(values, [(0, 0), (0, 0), (0, 1)]) for values in (channels, bases))
        users, aps, width = channels.shape
        frames = np.zeros((users, aps, width, aps), dtype=complex)
        directions = np.where(lengths > 0, channels / np.where(lengths > 0, lengths, 1.0), np.eye(width)[-1])
        frames[:, np.arange(aps), :, np.arange(aps)] = directions.transpose(1, 0, 2)
        return replace(self, channels=channels, bases=bases, frames=frames.reshape(users, aps * width, aps))

    def beam_bases(self, sinr: float) -> tuple[np.ndarray, bool]:
        """Columns (K, M r, d) in which beams have entries of order one, and whether the entries must be real."""
        if self.frames is None:
            return scaled_bases(self.stacked, sinr), False
        lengths = np.linalg.norm(self.stacked, axis=1)
        return self.frames * (np.sqrt(sinr) / lengths)[:, None, None], True

    def lift(self, beams: np.ndarray) -> np.ndarray:
        """Beams (K, M, r) as antenna weights (K, M, Nt) in sqrt(W)."""
        return np.einsum("mnr,kmr->kmn", self.bases, beams)

    def project(self, beams: np.ndarray) -> np.ndarray:
        """Coordinates (K, M, r) of antenna weights (K, M, Nt); what lies outside the span is dropped."""
        return np.einsum("mnr,kmn->kmr", self.bases.conj(), beams)


def checked(channels, error_radii, noise_w: float) -> tuple[np.ndarray, np.ndarray]:
    """Channels (K, M, Nt) and radii (K, M) as arrays, or :class:`InvalidScenario` naming the malformed one."""
    sizes: dict[str, int] = {}
    h = checks.array("channels", channels, ("K", "M", "Nt"), dtype=complex, sizes=sizes)
    radii = checks.array("error_radii", error_radii, ("K", "M"), minimum=0, sizes=sizes)
    checks.number("noise_w", noise_w, positive=True)
    if not np.max(np.abs(h)) < _LARGEST or not np.max(radii) < _LARGEST:
        raise InvalidScenario("channels", "or the error radii are too large to be squared", "check the units")
    if np.any(np.linalg.norm(h, axis=(1, 2)) == 0):
        raise InvalidScenario("channels", "has a user without any channel")
    return h, radii


def lengths_left(channels: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """The least that errors leave of the channels' lengths: (..., K, M) of channels (K, M, n) and radii (..., K, M)."""
    return np.maximum(np.linalg.norm(channels, axis=-1) - radii, 0.0)


def reduce(channels: np.ndarray, error_radii: np.ndarray, noise_w: float, *, reduced: bool = True) -> Reduced:
    r"""Divide checked arrays by the noise amplitude and, with ``reduced``, go to the :math:`\min(K, N_t)`-dimensional spans."""
    h, radii = np.asarray(channels), np.asarray(error_radii)
    users, aps, antennas = h.shape
    amplitude = np.sqrt(noise_w)
    if reduced and antennas > users:
        bases, _ = np.linalg.qr(h.transpose(1, 2, 0))
    else:
        bases = np.broadcast_to(np.eye(antennas, dtype=complex), (aps, antennas, antennas))
    coordinates = np.einsum("mnr,kmn->kmr", bases.conj(), h) / amplitude
    return Reduced(coordinates, radii / amplitude, bases)


def scaled_bases(stacked: np.ndarray, sinr: float) -> np.ndarray:
    r"""The bases :math:`B_k` in which beams of SINR :math:`\gamma` have entries of order one, (K, n, n).

    The first K columns are the dual vectors :math:`d_j` of the channels (:math:`h_i^Hd_j=\delta_{ij}`), so that the
    coordinates of a beam are its received amplitudes; the rest spans the orthogonal complement. The own amplitude is
    about :math:`\sqrt\gamma` and the others at most one and no more than that, hence the factor :math:`\sqrt\gamma` on
    column k and on the complement, which is measured in units of the longest dual vector.
    """
    users, dimension = stacked.shape
    left, values, right = np.linalg.svd(stacked.conj(), full_matrices=True)
    if users > dimension or values[-1] * _MAX_CONDITION < values[0]:
        # The users cannot be told apart; any well-scaled basis does.
        return np.broadcast_to(np.eye(dimension, dtype=complex) * np.sqrt(sinr) / values[0], (users, dimension, dimension))
    own_lengths = np.linalg.norm(stacked, axis=1)
    apart = np.linalg.svd(stacked / own_lengths[:, None], compute_uv=False)
    crowd = int(np.sum(apart * _CLOSE < apart[0]))
    if 0 < crowd * sinr < 1:
        # So many users are close to others: sharing a direction with them takes less power than being told apart, and an SINR
        # below 1 / crowd can be shared.
        return np.eye(dimension, dtype=complex) * (np.sqrt(sinr) / own_lengths)[:, None, None]
    duals = right[:users].conj().T @ (left.conj().T / values[:, None])
    lengths = np.linalg.norm(duals, axis=0)
    own, others = np.sqrt(sinr), min(np.sqrt(sinr), 1.0)
    bases = np.empty((users, dimension, dimension), dtype=complex)
    bases[:, :, :users] = duals * others
    bases[:, :, users:] = right[users:].conj().T * lengths.max() * own
    bases[np.arange(users), :, np.arange(users)] *= own / others
    return bases
