r"""Bounds from a point: what any powers prove about the optimum, with sums and products alone.

In the units of :mod:`.rows` the rows ask :math:`q \ge T_t(q)`, with :math:`T_t(q) = \max(t(Fq + v),\, Cq + u)` entrywise. Noise
makes :math:`T_t` increasing and strictly subhomogeneous, :math:`T_t(\kappa q) < \kappa T_t(q)` for :math:`\kappa > 1`, so that

* :math:`x \le T_t(x)` and :math:`q \ge T_t(q)` give :math:`q \ge x`. (Let :math:`\kappa` be the least number with
  :math:`\kappa q \ge x`. If it exceeded 1, :math:`x \le T_t(x) \le T_t(\kappa q) < \kappa T_t(q) \le \kappa q` would leave room.)
* If moreover :math:`x_k = 1` for some k, no q of a larger t respects the caps: a larger t makes the sensing rows of x strict.

Take any x with :math:`x_k = 1`, and let S hold the BSs at which the user's row asks for less than :math:`x_i`. Then
:math:`x \le T_t(x)` for :math:`t = \max_{i \in S} x_i/(Fx + v)_i`, the largest sensing SINR over S. Together with the least one,

.. math:: \min_i \gamma^s_i(x) \;\le\; t^\star \;\le\; \max_{i \in S} \gamma^s_i(x),

the left side for powers that serve the users. Without users this is the bracket of Collatz and Wielandt. At the optimum the two
ends meet, and the normalised iteration :math:`x \leftarrow T(x)`, scaled so that one BS reaches its cap, closes it.
"""

from __future__ import annotations

import numpy as np

from ..foundations.linear_algebra import product
from .rows import Responses, System, responses, solve, times

CLOSED = 1e-13  # relative width at which the iteration stops: a few roundings
_STEPS = 2  # from one jump to the next
_JUMPS = 14  # the last one takes 2^18 steps
_NODA = 4  # jumps by Noda's iteration, before those by powers of the matrix
_PRODUCTS = 32  # of a jump, with a power of the matrix
_PLAIN, _SOLVES = 4, 5  # products, which cost a tenth of a solution each, and at most so many steps of Noda's iteration
_NEAR = 1e-8  # relative width of its bracket before the last step, which squares it


def _filled(held: Responses, push: np.ndarray) -> np.ndarray:
    """The powers K push, scaled and added to q-bar so that one BS reaches its cap."""
    push = held.answer(push)
    return push * np.min(np.where(push > 0, held.spare / push, np.inf), axis=1, keepdims=True) + held.fixed


def nearer_rows(rows: System, q: np.ndarray, tie: float) -> np.ndarray:
    """The set S (D, B) that suits powers q: at each BS the row nearer to binding, the sensing row where it is within ``tie``.

    A sensing row that does not quite bind costs the bound as much as it lacks, a user's row that amplified by K.
    """
    with np.errstate(all="ignore"):
        ask = rows.sensing_rows(q)
        ratio = np.min(q / ask, axis=1, keepdims=True) * ask / q
        return (ratio >= rows.comm_rows(q) / q) | (ratio >= 1 - tie)


def iterate(
    rows: System, sensing: np.ndarray, start: np.ndarray | None = None, enough: np.ndarray | float = np.inf
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Optimum (D,) of the problem in which S keeps its sensing rows and the others hold their user's, its powers (D, B), and
    whether the bracket closed (D,) bool. Lanes end early whose lower end exceeds ``enough``, a number or (D,).

    Starting from powers near the optimum, it proves how near. With K and :math:`\bar q` of :func:`.rows.responses`,
    :math:`q \leftarrow tKw + \bar q` with :math:`w = D_S(Fq + v)` and the t that fills one cap; the optimum returned is the upper
    end of the bracket. While the same cap k stays the full one, a step multiplies w by the matrix M of :mod:`.perron`; every
    other one is a jump towards its Perron vector: by Noda's iteration :math:`w \leftarrow (\lambda I - M)^{-1} w`, with the upper
    end :math:`\lambda = \max_i (Mw)_i/w_i` of its own bracket, which converges quadratically; where that has not closed the
    bracket, or rounding spoils a sign, by a power of M (products of non-negative numbers keep their digits).
    """
    held = responses(rows, sensing)
    best = np.ones_like(rows.v) if start is None else start.copy()
    low, high = np.zeros(len(best)), np.full(len(best), np.inf)
    width, enough = 1 + CLOSED * best.shape[1], np.broadcast_to(enough, len(best))
    lanes = np.flatnonzero(held.possible & np.any(sensing, axis=1))
    some, here, chosen, q = rows, held, sensing, best
    if len(lanes) < len(best):
        some, here, chosen, q = rows[lanes], held[lanes], sensing[lanes], best[lanes]
    with np.errstate(all="ignore"):
        q = _filled(here, np.where(chosen, some.sensing_rows(q), 0.0))  # holds the users' rows, which the start need not
        for step in range(1, _STEPS * _JUMPS):
            if not len(lanes):
                break
            ask = np.where(chosen, some.sensing_rows(q), 0.0)
            ratio = q / ask
            least, most = np.min(ratio, axis=1), np.max(np.where(chosen, ratio, 0.0), axis=1)
            better = least > low[lanes]
            best[lanes[better]], low[lanes[better]] = q[better], least[better]
            high[lanes] = np.fmin(high[lanes], most)
            q = _filled(here, ask if step % _STEPS else _jump(some, here, chosen, ask, step // _STEPS))
            going = (high[lanes] > low[lanes] * width) & (low[lanes] <= enough[lanes]) & np.all(np.isfinite(q), axis=1)
            if not np.all(going):
                lanes, some, here, chosen, q = lanes[going], some[going], here[going], chosen[going], q[going]
    loss = 1 + np.max(held.error[:, None] / held.spare, axis=1)
    return high * loss, best, (high <= low * width) | (low > enough)


def _jump(rows: System, held: Responses, sensing: np.ndarray, ask: np.ndarray, attempt: int) -> np.ndarray:
    """What many steps make of w (D, B), the cap that is full now staying the only one; more with each attempt."""
    push = held.answer(ask)
    cap = np.argmin(np.where(push > 0, held.spare / push, np.inf), axis=1)
    lanes = np.arange(len(cap))
    if held.alone:
        matrix = rows.F.copy()
        matrix[lanes, :, cap] += rows.v
    else:
        column = np.where(sensing, times(rows.F, held.fixed) + rows.v, 0.0)
        matrix = np.where(sensing[..., None], product(rows.F, held.K), 0.0)
        matrix = matrix + column[..., None] * (held.K[lanes, cap] / held.spare[lanes, cap, None])[:, None, :]
    far = _noda(matrix, ask) if attempt <= _NODA else np.full_like(ask, np.nan)
    if len(open_ := np.flatnonzero(~np.all(np.isfinite(far), axis=1))):
        far[open_] = _many_steps(matrix[open_], ask[open_], attempt)
    return far


def _noda(matrix: np.ndarray, w: np.ndarray) -> np.ndarray:
    """A few products and steps of Noda's iteration (D, B); nan where one does not keep the signs."""
    kept, shifted, diagonal = w > 0, -matrix, np.arange(w.shape[1])
    own = matrix[:, diagonal, diagonal]
    for _ in range(_PLAIN):
        w = times(matrix, w / np.max(w, axis=1, keepdims=True))
    for _ in range(_SOLVES):
        w = w / np.max(w, axis=1, keepdims=True)
        ratio = times(matrix, w) / w
        radius = np.max(np.where(kept, ratio, 0.0), axis=1, keepdims=True)
        shifted[:, diagonal, diagonal] = radius - own
        w = np.where(kept, solve(shifted, w), 0.0)
        if np.all(np.where(kept, ratio, np.inf) >= radius * (1 - _NEAR)):
            break
    sound = np.all((w > 0) == kept, axis=1, keepdims=True)
    # One product of non-negative numbers gives small entries the relative accuracy that a solution does not.
    return np.where(sound, times(matrix, w / np.max(w, axis=1, keepdims=True)), np.nan)


def _many_steps(matrix: np.ndarray, ask: np.ndarray, attempt: int) -> np.ndarray:
    """Powers of M times w (D, B): 32 products with its power of 2^attempt."""
    for _ in range(attempt):
        matrix = matrix / np.max(matrix, axis=(1, 2), keepdims=True)
        matrix = product(matrix, matrix)
    matrix, far = matrix / np.max(matrix, axis=(1, 2), keepdims=True), ask
    for _ in range(_PRODUCTS):
        far = times(matrix, far / np.max(far, axis=1, keepdims=True))
    return np.where(np.all(np.isfinite(far), axis=1, keepdims=True) & (np.max(far, axis=1, keepdims=True) > 0), far, ask)
