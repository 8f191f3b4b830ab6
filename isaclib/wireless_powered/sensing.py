r"""The CRB of every target as a function of what the transmitters spend: the one formula that this chapter has for it.

Around target n let the angle of the leg to user m against the leg to the BS be :math:`\theta_m`. In axes along the BS's own
gradient, :math:`g_0 = (2, 0)` and :math:`g_m = (x_m, y_m) = (1 + \cos\theta_m, \sin\theta_m)`. With the weights
:math:`w_m = p_m K_{m,n}` (or energies in the place of powers) and the users' sums :math:`A = \sum w x^2`,
:math:`B = \sum w y^2`, :math:`C = \sum w x y`,

.. math::
    \det J = B\,(4 w_0 + S), \qquad S = A - \frac{C^2}{B} = \sum_m w_m \Bigl(x_m - \frac{C}{B}\,y_m\Bigr)^2, \qquad
    \operatorname{tr} J^{-1} = \frac{1 + (4 w_0 + A)/B}{4 w_0 + S} .

The last form of S is a sum of squares, as the pair sum of eq. (18) is, and takes M terms where that one takes :math:`M^2`: the
difference :math:`AB - C^2` cancels where all users are seen in nearly one direction, and this does not.

What is left is the error of the users' directions against the BS's, about :math:`\varepsilon = 10^{-16}` of a right angle.
When every :math:`g_m` moves by at most e, :math:`\operatorname{tr} J^{-1}` changes by at most :math:`2 e \sum_m w_m |J^{-1}
g_m|\,\|J^{-1}\|`, which is the part :math:`2 e \sqrt{\sum_m w_m \operatorname{tr} J^{-1}}` (Cauchy-Schwarz, and
:math:`\sum_m w_m |J^{-1} g_m|^2 \le \operatorname{tr} J^{-1}`). :meth:`Sensing.least_worst` takes that off, so that what
exceeds a limit there exceeds it in exact numbers.
"""

from __future__ import annotations

import math

import numpy as np

from ..foundations import linear_algebra
from ..foundations.scenario import Batch

SPEED_M_PER_S = 3.0e8  # the rounded value that the paper states
_PI = np.longdouble("3.14159265358979323846264338327950288")  # that of double precision is 4e-17 too small
# Directions that differ by less than this count as one, and a shorter gradient as none: positions in double precision, with
# coordinates up to a thousand times the distances, give directions to about 1e-13.
PARALLEL = 1e-12
_ORDINARY = 40  # octaves above the cap, or the frame
_CANCELS = 1e-2  # a determinant below this part of A B is not left to the difference A B - C^2


def octaves_beyond(value: float | np.floating, usual: float) -> int:
    """The power of two by which a number is to be divided so that formulas that take the usual one stay in range: mostly 0."""
    return max(0, math.frexp(value)[1] - math.frexp(usual)[1] - _ORDINARY)


class Rows:
    """Consecutive rows of a batch as plain column views: a chunk that costs nothing."""

    def __init__(self, batch: Batch | Rows, rows: slice) -> None:
        self._batch, self._rows = batch, rows

    def __getattr__(self, name: str):
        column = getattr(self._batch, name)
        return column[self._rows] if isinstance(column, np.ndarray) else column


class Lane:
    """One scenario, seen as a batch of one."""

    def __init__(self, scenario) -> None:
        self._scenario = scenario

    def __getattr__(self, name: str):
        value = getattr(self._scenario, name)
        return value if value is None or isinstance(value, str) else np.asarray(value)[None]


class Sensing:
    r"""CRBs of D scenarios as a function of what the users spend (powers, or energies), (D, M) to (D, N).

    Parameters
    ----------
    batch : Batch, Rows or Lane
    bs_spent : (D,)
        Power in W (or energy in J) of the BS that counts for sensing.
    dtype : type
        ``np.longdouble`` keeps the digits (where the machine has them) that a CRB needs which hardly changes with the powers.
    """

    def __init__(self, batch: Batch | Rows | Lane, bs_spent: np.ndarray, dtype: type = float) -> None:
        wide = {name: np.asarray(getattr(batch, name), dtype=dtype) for name in ("bandwidth_hz", "noise_w")}
        scale = 8 * (dtype(_PI) * wide["bandwidth_hz"] / SPEED_M_PER_S) ** 2 / wide["noise_w"]
        if batch.sensing == "energy":
            scale = scale * wide["bandwidth_hz"]
        k = scale[:, None, None] * batch.gain_transmitter_target
        # Points of the plane as complex numbers: turning is multiplying.
        bs, users, targets = (
            _complex(at, dtype) for at in (batch.bs_position_m, batch.user_positions_m, batch.target_positions_m)
        )
        monostatic, legs = targets - bs[:, None], targets[:, None] - users[:, :, None]
        turned = legs / np.abs(legs) * (monostatic.conj() / np.abs(monostatic))[:, None]
        cosine, y = turned.real, turned.imag
        # 1 + cos has no digit left near the half turn, where it is sin^2 / (1 - cos).
        x = np.where(cosine < 0, y * y / np.where(cosine < 0, 1 - cosine, 1.0), 1 + cosine)
        y = np.where(np.abs(y) <= PARALLEL, 0.0, y)
        self._x, self._y, self._k = x, y, np.ascontiguousarray(k[:, 1:])
        self._bs = k[:, 0]
        self._base = 4 * np.asarray(bs_spent)[:, None] * self._bs
        self._epsilon = float(np.finfo(dtype).eps)
        if dtype is float:
            wx, wy = self._k * x, self._k * y
            self._forms = np.concatenate([wx * x, wy * y, wx * y], axis=2)

    def crb(self, spent: np.ndarray) -> np.ndarray:
        r""":math:`\operatorname{tr} J_n^{-1}` (..., D, N) in m^2, inf where the geometry is degenerate.

        Bit for bit the same however many scenarios stand in the batch.
        """
        A, B, _, S = self._sums(spent)
        return self._trace(A, B, S)

    def least_worst(self, spent: np.ndarray) -> np.ndarray:
        """A proven lower bound (..., D) on the largest CRB of a row: its value less what rounding can have added."""
        A, B, w, S = self._sums(spent)
        crb = self._trace(A, B, S)
        with np.errstate(invalid="ignore", over="ignore"):
            error = self._epsilon * (24 + self._x.shape[1]) * (1 + np.sqrt(w.sum(axis=-2) * crb))
            proven = np.where(np.isinf(crb), np.inf, crb * (1 - np.minimum(error, 1.0)))
        return proven.max(axis=-1)

    def quick_crb(self, spent: np.ndarray) -> np.ndarray:
        """:meth:`crb` to some 14 digits, by one matrix product, for searches."""
        points = spent.reshape(-1, *self._k.shape[:2])  # (K, D, M): lanes first, so that each is one matrix product
        sums = linear_algebra.product(points.swapaxes(0, 1), self._forms).swapaxes(0, 1).reshape(*spent.shape[:-1], -1)
        n = self._base.shape[1]
        A, B, C = sums[..., :n], sums[..., n : 2 * n], sums[..., 2 * n :]
        product = A * B
        determinant = self._base * B + (product - C * C)
        if (weak := determinant <= _CANCELS * product).any():
            lanes = weak.any(axis=(*range(weak.ndim - 2), -1))
            accurate = self.rows(lanes).crb(spent[..., lanes, :])
            with np.errstate(divide="ignore", invalid="ignore"):
                crb = (self._base + A + B) / determinant
            crb[..., lanes, :] = accurate
            return crb
        return (self._base + A + B) / determinant

    def information(self, seconds: float, spent: np.ndarray, *, derivatives: bool = True):
        r"""Of the only row: :math:`\psi_n = 1/\operatorname{tr} J_n^{-1}` (N,) when the BS spends for so many seconds.

        :math:`\psi = \det J/\operatorname{tr} J` is concave and homogeneous. With derivatives: its gradient (N, M+1) in
        (seconds, spent), and its Hessians as factors (N, 3, M+1) and cores (N, 3, 3). The gradient is :math:`|Y g_m|^2`
        times the weight of one unit, where :math:`Y = J^{-1}/\operatorname{tr} J^{-1}` has trace 1 however it rounds.
        """
        A, B, w, S = (part[0] for part in self._sums(spent[None]))
        base, x, y = self._base[0], self._x[0], self._y[0]
        C = (w * x * y).sum(axis=0)
        along = base * seconds
        A = A + along
        trace = A + B
        value = (B / trace) * (along + S)
        if not derivatives:
            return value, trace
        k = self._k[0]
        rows = np.zeros((len(B), 3, len(k) + 1), dtype=k.dtype)
        rows[:, :, 1:] = np.stack([k * x * x, k * y * y, k * x * y]).transpose(2, 0, 1)
        rows[:, 0, 0] = base
        a, b, c = A / trace, B / trace, C / trace
        slope = np.stack([b * b + c * c, a * a + c * c, -2 * c], axis=1)
        core = np.empty((len(B), 3, 3), dtype=k.dtype)
        core[:, 0, 0], core[:, 1, 1], core[:, 2, 2] = -2 * slope[:, 0], -2 * slope[:, 1], -2.0
        core[:, 0, 1] = core[:, 1, 0] = 2 * value / trace
        core[:, 0, 2] = core[:, 2, 0] = core[:, 1, 2] = core[:, 2, 1] = 2 * c
        gradient = np.empty_like(rows[:, 0])
        gradient[:, 0] = base * (b * b + c * c)
        gradient[:, 1:] = (k * ((b * x - c * y) ** 2 + (a * y - c * x) ** 2)).T  # squares: no difference of larger terms
        return value, gradient, rows, core / trace[:, None, None]

    def coefficients(self) -> np.ndarray:
        """:math:`K_{m,n}` (N, M) of the only row: what a unit that a user spends weighs."""
        return self._k[0].T

    def worth(self, spent: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r""":math:`\psi` (D,) of one target (D,) of each row, and what more spending of each user adds to it, (D, M)."""
        A, B, w, S = self._sums(spent)
        C, lanes = (w * self._x * self._y).sum(axis=-2), np.arange(len(target))
        A, B, C, S = (part[lanes, target] for part in (A + self._base, B, C, S))
        x, y, k = (part[lanes, :, target] for part in (self._x, self._y, self._k))
        trace = A + B
        a, b, c = (part[:, None] / trace[:, None] for part in (A, B, C))
        psi = (B / trace) * (self._base[lanes, target] + S)
        return psi, k * ((b * b + c * c) * x * x + (a * a + c * c) * y * y - 2 * c * x * y)

    def _sums(self, spent: np.ndarray) -> tuple[np.ndarray, ...]:
        # Sums over the last axis but one run term by term: their rounding does not depend on the size of the batch.
        w = spent[..., :, None] * self._k
        wx, wy = w * self._x, w * self._y
        A, B, C = (wx * self._x).sum(axis=-2), (wy * self._y).sum(axis=-2), (wy * self._x).sum(axis=-2)
        mean = np.divide(C, B, out=np.zeros_like(B), where=B > 0)[..., None, :]
        off = (self._x - mean * self._y) ** 2
        # The distance of a gradient from the mean direction against its own length, of square 2 x.
        off *= off > (2 * PARALLEL**2) * (1 + mean**2) * self._x
        off *= w
        return A, B, w, off.sum(axis=-2)

    def _trace(self, A: np.ndarray, B: np.ndarray, S: np.ndarray) -> np.ndarray:
        along = self._base + S
        regular = (B > 0) & (along > 0)
        across, along = np.where(regular, B, 1.0), np.where(regular, along, 1.0)
        with np.errstate(over="ignore"):
            value = (1 + (self._base + A) / across) / along
            if np.isinf(value).any():  # the quotient on the way, perhaps, and not the CRB
                value = np.where(np.isinf(value), (self._base + A) / along / across + 1 / along, value)
        return np.where(regular, value, np.inf)

    def rows(self, lanes: np.ndarray | slice) -> Sensing:
        """The scenarios of the given numbers, or of a mask."""
        part = object.__new__(Sensing)
        for name in ("_x", "_y", "_k", "_bs", "_base"):
            setattr(part, name, getattr(self, name)[lanes])
        part._epsilon = self._epsilon
        return part

    def spending(self, bs_spent: np.ndarray) -> Sensing:
        """The same scenarios with another power (or energy) of the BS, (D,)."""
        part = self.rows(slice(None))
        part._base = 4 * np.asarray(bs_spent)[:, None] * self._bs
        return part


def _complex(positions_m: np.ndarray, dtype: type) -> np.ndarray:
    """Points (..., 2) as complex numbers (...)."""
    wide = np.asarray(positions_m, dtype=dtype)
    return wide[..., 0] + 1j * wide[..., 1]
