r"""The curve :math:`p(s)` on which every optimum of (P1) lies, for D scenarios at once.

For a throughput R put :math:`s = W t_0 / R` (charging time in units of the time that carries R at 1 bit/s/Hz). With
:math:`a_m = h_{0,m}/\sigma^2`, :math:`c_m = \zeta_m h_{0,m} p_0`, :math:`k_m = a_m c_m` and
:math:`r_m(p) = \log_2(1 + a_m p)`, user m needs :math:`t_m = R / (W r_m)` seconds, and energy causality reads
:math:`p_m / r_m(p_m) \le s\,c_m`. Its left side increases with :math:`p_m`, so the most that user m can use is

.. math:: p_m(s) = \min(P_{\max}, \bar p_m(s)), \qquad \bar p_m / r_m(\bar p_m) = s\,c_m,

and the whole frame takes :math:`R\,G(s)/W` seconds with the convex function

.. math:: G(s) = s + \sum_m \frac{1}{r_m(p_m(s))}, \qquad
    G'(s) = 1 - \sum_{m\ \text{not capped}} \frac{k_m}{(1 + x_m) \ln(1 + x_m) - x_m}, \quad x_m = a_m p_m(s).

A root needs :math:`s > s_{low} = \max_m \ln 2 / k_m`. The search variable is :math:`z = \ln(s/s_{low} - 1)`: in it the
logarithms of the slope and of the CRB are nearly straight lines, and nothing is lost next to :math:`s_{low}`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..foundations.scenario import Batch
from .scenario import SPEED_M_PER_S

_LN2 = float(np.log(2.0))
_SMALL = 1e-2  # below it closed forms cancel; the Taylor series used there are exact to rounding
_NEWTON_STEPS = 2  # each maps an error e to at most e^2/12, and the starting formula is good to 0.005
# det J below this fraction of (tr J)^2 is a sum of squared rounding errors of unit vectors: the geometry is degenerate.
_DEGENERATE = 1e-26


class Rows:
    """Consecutive rows of a batch as plain column views: a chunk that costs nothing."""

    def __init__(self, batch: Batch, rows: slice) -> None:
        self._batch, self._rows = batch, rows

    def __getattr__(self, name: str):
        column = getattr(self._batch, name)
        return column[self._rows] if isinstance(column, np.ndarray) else column


def log_snr_of_load(log_load: np.ndarray) -> np.ndarray:
    r"""Solve :math:`(e^L - 1)/L = y` for :math:`L > 0`, given :math:`w = \ln y > 0`; elementwise.

    :math:`\kappa(L) = \ln((e^L - 1)/L)` is the cumulant function of a uniform random variable: convex, with a slope between
    1/2 and 1, so Newton's method converges from anywhere, and from this start in two steps.
    """
    w = log_load
    L = w + np.log1p(w + np.log1p(w * w / (6 + 2 * w)))
    for _ in range(_NEWTON_STEPS):
        decay = 1 - np.exp(-L)
        L = L - (L + np.log(decay / L) - w) / (1 / decay - 1 / L)
    small = w < _SMALL
    if small.any():
        series = w * (2 - w * (1 / 3 - w * (1 / 9 - w * (19 / 540 - w * (17 / 1620 - w * 13 / 4536)))))
        L = np.where(small, series, L)
    return L


def load_curvature(log_snr: np.ndarray) -> np.ndarray:
    r""":math:`\psi = (1 + x)\ln(1 + x) - x = e^L(L - 1) + 1`, elementwise."""
    L = log_snr
    small = L < _SMALL
    value = np.exp(L) * (L - 1) + 1
    if small.any():
        series = L**2 * (1 / 2 + L * (1 / 3 + L * (1 / 8 + L * (1 / 30 + L * (1 / 144 + L / 840)))))
        value = np.where(small, series, value)
    return value


@dataclass(frozen=True)
class Point:
    """The curve at one s per lane: powers_w (D, M), rates r_m (D, M) in bit/s/Hz; the rest (D,)."""

    s: np.ndarray
    powers_w: np.ndarray
    rates: np.ndarray
    total: np.ndarray
    slope: np.ndarray
    log_pull: np.ndarray


class Curve:
    r"""The curve of D scenarios with M users and N targets each.

    Parameters
    ----------
    batch : Batch or Rows
    capped : bool
        Whether :math:`P_{\max}` limits the powers.
    """

    def __init__(self, batch: Batch | Rows, *, capped: bool = True) -> None:
        draws = len(batch.noise_w)
        self.harvest = batch.harvest_efficiency * batch.gain_bs_user * batch.bs_power_w[:, None]
        self.snr_per_w = batch.gain_bs_user / batch.noise_w[:, None]
        self.k = self.snr_per_w * self.harvest
        self.max_power = batch.max_power_w[:, None] if capped else np.full((draws, 1), np.inf)
        self.max_log_snr = np.log1p(self.snr_per_w * self.max_power)
        weakest = self.k.min(axis=1)
        self.s_low = _LN2 / weakest
        self._log_k_ratio = np.log(self.k / weakest[:, None])
        # Below x_low the weakest user alone makes G' < 0: psi(x) <= x^2/2 < k there, and it is not capped. Padé's
        # ln(1+x) <= x(6+x)/(6+4x) turns x_low into a z that is no larger than the one of x_low.
        at = np.argmin(self.k, axis=1)
        cap = np.expm1(self.max_log_snr[np.arange(draws), at]) if capped else np.inf
        x_low = 0.5 * np.minimum(np.sqrt(2 * weakest), cap)
        self.z_low = np.log(3 * x_low / (6 + x_low))

    def z_all_capped(self) -> np.ndarray:
        r"""A z at which every user transmits with :math:`P_{\max}` (D,)."""
        s_cap = (self.max_power / (self.harvest * self.max_log_snr / _LN2)).max(axis=1)
        return np.log(s_cap * (1 + 1e-9) / self.s_low - 1 + 1e-9)  # 1e-9: strictly beyond the last cap in spite of rounding

    def at(self, z: np.ndarray) -> Point:
        """The point :math:`p(s)` with G, G' and :math:`\\ln(1 - G')`."""
        s = self.s_low * (1 + np.exp(z))
        L = log_snr_of_load(self._log_k_ratio + np.logaddexp(0.0, z)[:, None])
        free = self.max_log_snr > L
        pull = np.where(free, self.k / load_curvature(L), 0.0).sum(axis=1)
        L = np.minimum(L, self.max_log_snr)
        powers = np.where(free, np.expm1(L) / self.snr_per_w, self.max_power)
        rates = L / _LN2
        with np.errstate(divide="ignore"):
            log_pull = np.log(pull)
        return Point(s, powers, rates, s + (1 / rates).sum(axis=1), 1 - pull, log_pull)


class Sensing:
    r"""CRBs of D scenarios as a function of what the users spend (powers, or energies), (D, M) to (D, N).

    Gradients are rotated so that the BS's own points along the first axis: :math:`g_0 = (2, 0)`. Then
    :math:`\det J = 4 w_0 B + (A_u B - C^2)` with the users' sums :math:`A_u, B, C`, where only the bracket cancels.

    Parameters
    ----------
    batch : Batch or Rows
    bs_spent : (D,)
        Power in W (or energy in J) of the BS that counts for sensing.
    """

    def __init__(self, batch: Batch | Rows, bs_spent: np.ndarray) -> None:
        scale = 8 * (np.pi * batch.bandwidth_hz / SPEED_M_PER_S) ** 2 / batch.noise_w
        if batch.sensing == "energy":
            scale = scale * batch.bandwidth_hz
        k = scale[:, None, None] * batch.gain_transmitter_target
        bs_x, bs_y = _directions(batch.bs_position_m[:, None], batch.target_positions_m)
        # Layout (D, N, M): the users lie next to each other, as the sums over them want it.
        user_x, user_y = _directions(batch.user_positions_m[:, None], batch.target_positions_m[:, :, None])
        x = user_x * bs_x[..., None] + user_y * bs_y[..., None] + 1
        y = user_y * bs_x[..., None] - user_x * bs_y[..., None]
        users = np.ascontiguousarray(k[:, 1:].swapaxes(1, 2))
        wx = users * x
        self._forms = np.concatenate([wx * x, users * y * y, wx * y], axis=1)
        self._base = 4 * bs_spent[:, None] * k[:, 0]
        self._pairs = None
        if np.any(self._base == 0):  # nothing is left beside the bracket: use the pair sum, eq. (18)
            cross = x[..., :, None] * y[..., None, :] - x[..., None, :] * y[..., :, None]
            self._pairs = 0.5 * users[..., :, None] * users[..., None, :] * cross**2

    def crb(self, spent: np.ndarray) -> np.ndarray:
        """:math:`\\operatorname{tr} J_n^{-1}` (D, N) in m^2, inf where the geometry is degenerate."""
        sums = (self._forms @ spent[:, :, None])[..., 0]
        n = sums.shape[1] // 3
        A, B, C = sums[:, :n], sums[:, n : 2 * n], sums[:, 2 * n :]
        if self._pairs is None:
            users = np.maximum(A * B - C * C, 0.0)
        else:
            users = np.einsum("di,dnij,dj->dn", spent, self._pairs, spent, optimize=True)
        trace, determinant = self._base + A + B, self._base * B + users
        regular = determinant > _DEGENERATE * trace**2
        return np.where(regular, trace / np.where(regular, determinant, 1.0), np.inf)

    def forms(self, d: int) -> tuple[np.ndarray, np.ndarray]:
        """Row d: what the BS adds to A (N,), and the users' coefficients of A, B, C (3, N, M)."""
        targets = self._base.shape[1]
        return self._base[d], self._forms[d].reshape(3, targets, -1)


def _directions(from_m: np.ndarray, to_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components of the unit vectors between two broadcast sets of points (..., 2)."""
    x, y = to_m[..., 0] - from_m[..., 0], to_m[..., 1] - from_m[..., 1]
    length = np.sqrt(x * x + y * y)
    return x / length, y / length
