r"""Channels behind a dual matrix of the S-procedure's program: a rank-one decomposition.

The dual matrix :math:`Z\succeq0` of one user's inequality acts on :math:`(u,1)`, u the errors in units of their radii, and the
multipliers' columns say :math:`\operatorname{tr}A_mZ\le0` with :math:`A_m=\operatorname{diag}(I_m,-1)`: on average, each
access point's block is no longer than the corner. If :math:`Z=\sum_iz_iz_i^H` with :math:`z_i^HA_mz_i\le0` for *every* i and m,
then :math:`z_i=c_i\,(u_i,1)` with :math:`\|u_{i,m}\|\le1`: the matrix is a mixture of channels inside the balls, with
weights :math:`|c_i|^2`, and what it proves about the S-procedure it proves about the channels themselves.

For one or two access points such a decomposition always exists (Huang and Zhang, Complex matrix decomposition and quadratic
programming, Math. Oper. Res. 32, 2007): this is why the S-procedure loses nothing there. Two vectors whose values of the form
A lie on both sides of the mean are turned into two of which one has the mean; with the phase at which
:math:`\operatorname{Re}(e^{j\theta}z_1^HBz_2)=0` the value of a second form B, equal for both, stays. From three access points
on no theorem says so; plane rotations then reduce the sum of the squared excesses :math:`(z_i^HA_mz_i)_+`, pair by pair, and
what is left of them is cut off: the mixture is then not quite the matrix any more.
"""

from __future__ import annotations

import numpy as np

_EQUAL = 1e-15
_SWEEPS, _MAIN = 12, 1e-8
_ANGLES, _TURNS = np.linspace(0, np.pi / 2, 25), np.linspace(0, 2 * np.pi, 24, endpoint=False)
_TINY = 1e-300


def rank_one_terms(root: np.ndarray, forms: np.ndarray) -> np.ndarray:
    r"""Columns z_i (n, r) with :math:`\sum z_iz_i^H` = root root^H, each with the mean value of the first two forms.

    Parameters
    ----------
    root : ndarray (n, r), complex
    forms : ndarray (F, n)
        Diagonals of the forms; only the first two are made equal.
    """
    z = np.array(root, dtype=complex)
    for index in range(min(len(forms), 2)):
        values = forms[index] @ (z.real**2 + z.imag**2)
        mean = values.mean()
        size = np.abs(forms[index]) @ (z.real**2 + z.imag**2)
        for _ in range(z.shape[1] - 1):
            i, j = int(np.argmin(values)), int(np.argmax(values))
            if values[j] - values[i] <= _EQUAL * size.sum():
                break
            z[:, i], z[:, j] = _turned(z[:, i], z[:, j], forms, index, values[i] - mean, values[j] - mean)
            values[j] = values[i] + values[j] - mean
            values[i] = mean
    return z


def _turned(low: np.ndarray, high: np.ndarray, forms: np.ndarray, index: int, below: float, above: float):
    """Two columns with the same sum of squares; the first has the form's value 0 (relative to ``below`` <= 0 <= ``above``)."""
    held = np.vdot(low, forms[0] * high) if index else np.vdot(low, forms[index] * high)
    # Re(e^{j theta} held) = 0; for the first form any phase will do, and this one leaves the pure quadratic below.
    phase = 1j * held.conj() / abs(held) if abs(held) > 0 else 1.0
    cross = (phase * np.vdot(low, forms[index] * high)).real if index else 0.0
    # below + 2 cross tau + above tau^2 = 0
    tau = (-cross + np.sqrt(max(cross**2 - below * above, 0.0))) / max(above, _TINY)
    scale = 1 / np.sqrt(1 + tau**2)
    return scale * (low + tau * phase * high), scale * (high - tau * np.conj(phase) * low)


def rotated(root: np.ndarray, forms: np.ndarray, sweeps: int = _SWEEPS) -> np.ndarray:
    """Columns with the same sum of squares and as little excess of any form over 0 as plane rotations find."""
    z = np.array(root, dtype=complex)
    count = z.shape[1]
    c, s = np.cos(_ANGLES)[:, None, None], np.sin(_ANGLES)[:, None, None]
    turns = np.exp(1j * _TURNS)[None, :, None]

    def excess(values: np.ndarray) -> np.ndarray:
        return np.sum(np.maximum(values, 0.0) ** 2, axis=-1)

    total = np.inf
    for _ in range(sweeps):
        for i in range(count):
            for j in range(i):
                a, b = z[:, i], z[:, j]
                own, other = forms @ np.abs(a) ** 2, forms @ np.abs(b) ** 2
                now = float(excess(own) + excess(other))
                if now == 0:
                    continue
                cross = 2 * c * s * (turns * (forms @ (a.conj() * b))).real
                trials = excess(c**2 * own + s**2 * other + cross) + excess(s**2 * own + c**2 * other - cross)
                row, column = np.unravel_index(int(np.argmin(trials)), trials.shape)
                if trials[row, column] < now:
                    cosine, sine, turn = np.cos(_ANGLES[row]), np.sin(_ANGLES[row]), np.exp(1j * _TURNS[column])
                    z[:, i], z[:, j] = cosine * a + sine * turn * b, cosine * b - sine * np.conj(turn) * a
        left = float(np.sum(excess((forms @ np.abs(z) ** 2).T)))
        if left == 0 or left > 0.99 * total:
            break
        total = left
    return z


def columns_of(root: np.ndarray, aps: int, *, turned: bool = False) -> np.ndarray:
    """Columns whose sum of squares is root root^H, as far inside the balls as the theorem says; ``turned``: and the rotations."""
    forms = np.concatenate([np.repeat(np.eye(aps), (len(root) - 1) // aps, axis=1), -np.ones((aps, 1))], axis=1)
    if aps <= 2 or not turned:
        return rank_one_terms(root, forms)
    # Columns that are rounding need no care.
    sizes = np.sum(np.abs(root) ** 2, axis=0)
    main = sizes > _MAIN * sizes.max()
    return np.concatenate([rotated(rank_one_terms(root[:, main], forms), forms), root[:, ~main]], axis=1)


def errors_of(columns: np.ndarray, aps: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors in units of the radii (i, M, r) and weights (i,) behind columns (M r + 1, i); what leaves a ball is cut off."""
    weights = np.abs(columns[-1]) ** 2
    kept = weights > 1e-14 * weights.sum()
    u = (columns[:-1, kept] / columns[-1, kept]).T.reshape(-1, aps, (len(columns) - 1) // aps)
    lengths = np.linalg.norm(u, axis=2)
    return u / np.maximum(lengths, 1.0)[..., None], weights[kept]
