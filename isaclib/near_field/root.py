r"""Where to look next for the SINR of margin one: the steps of :func:`.robust.robust_sinr`.

A history is a list of margins (sinr, upper, lower), in the order in which they were computed.
"""

from __future__ import annotations

import math

import numpy as np

# Gap of a margin far from the root as a part of the distance, and the largest gap that is ever asked for.
COARSE, _COARSEST = 1e-2, 0.1
# Old trials are those within this part of the bracket. The bound is near the root within a factor, wider where no secant is to
# be had; longest stride from one margin alone; step back where nothing is reached.
_REPEAT = 1e-3
_NEAR, _NEAR_ALONE, _STRIDE, _RETREAT = 2.0, 3.0, 5.0, 0.3
_APART = 5e-3
# A proven lower bound this large is an infinite margin.
_HOPELESS = 1e6


def next_sinr(history, best: float, bound: float) -> float:
    r"""The next SINR, between the best one and the bound.

    Where interference limits the users, t grows beyond all bounds at a finite SINR, and everything above is infeasible. The
    quotient :math:`\gamma/t` only falls to 0 there: the secant of :math:`\gamma/t-\gamma` through the two margins nearest to
    1 runs towards the root from below. Near the root, the bound (from the dual point) is the better guess.
    """

    if best <= 0:
        return _RETREAT * min(gamma for gamma, _, _ in history)

    def fresh(trial: float) -> bool:
        return min(abs(math.log(trial / gamma)) for gamma, _, _ in history) > _REPEAT * math.log(bound / best)

    if bound < best * (_NEAR if len(history) > 1 else _NEAR_ALONE) and fresh(bound):
        return bound
    high = min([bound, *(gamma for gamma, upper, _ in history if not np.isfinite(upper))])
    points = sorted((abs(math.log(upper)), gamma, gamma / upper) for gamma, upper, _ in history if np.isfinite(upper))
    if not points:
        return max(_RETREAT * high, best) if np.isfinite(high) else _RETREAT * min(gamma for gamma, _, _ in history)
    (_, a, reach), *others = points
    if others and others[0][1] != a:
        _, b, other = others[0]
        target = a + (reach - a) / (1 + max((other - reach) / (a - b), 0.0))
        if best < target < high and fresh(target):
            return target
    # One margin: gamma / t does not grow.
    return min(math.sqrt(best * min(high, max(reach, a))), _STRIDE * a)


def slope(history) -> float:
    """Slope of log t over log gamma between the margin nearest to the root and the next one apart from it; at least 1."""
    points = sorted((abs(math.log(lower)), gamma, lower) for gamma, _, lower in history if 0 < lower < _HOPELESS)
    for _, gamma, lower in points[1:]:
        distance = math.log(gamma / points[0][1])
        # Closer ones differ by the gaps of their bounds as much as by the margins.
        if abs(distance) > _APART:
            return max(math.log(lower / points[0][2]) / distance, 1.0)
    return 1.0


def margin_precision(distance: float, tolerance: float, slope: float) -> float:
    """Gap of the next margin: what is left of it in the SINR is less by the slope."""
    wanted = 0.02 * distance**2 if distance < 0.1 else COARSE * distance
    return float(np.clip(wanted * slope, 0.3 * tolerance * slope, _COARSEST if slope > 1 else COARSE))
