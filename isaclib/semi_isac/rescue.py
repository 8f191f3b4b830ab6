"""What is tried for a network whose optimum the structured solver did not prove: most of them are at the edge of feasibility."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..foundations.certificate import FEASIBLE, relative_gap
from ..foundations.errors import SolverFailure
from .allocation import OPTIMAL_GAP, RESTRICTIONS, Criterion, Scheme
from .bands import Bands, lowered, worth
from .cone import cone_program
from .phases import MIXES, Interior, maximise_at_price, reached, restore
from .verify import tightest_bound

_HAIRS = (3e-12, 1e-11, 1e-12, 3e-13)  # by which the floors of a network at the edge are lowered to find multipliers
_HALVINGS = 20  # of the way outward


def _outward(bands: Bands, inside: Interior, shares, powers):
    """One network's allocation, moved away from the margin's as far as the floors allow: beside the clutter's limit, 1e-11 of a
    floor costs 1e-6 of the objective."""

    def moved(part):
        return shares + part * (shares - inside.shares), powers + part * (powers - inside.powers)

    slack, low = float(reached(bands, shares, powers)[0]) - 1, 0.0
    high = slack / max(float(inside.factor[0]) - 1 - slack, 1e-300)
    if not 0 < high < 1:
        return shares, powers
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if reached(bands, *moved(middle))[0] >= 1 else (low, middle)
    return moved(low)


def _at_the_edge(bands: Bands, inside: Interior, criterion: Criterion, scheme: Scheme):
    r"""Where the floors leave nothing to choose: the margin's allocation, and a bound from floors lower by a hair; or None.

    Next to the edge the optimum is :math:`V(\delta) \approx V(0) + C\sqrt\delta` at floors lower by the part :math:`\delta`, so
    that no multipliers are the right ones at 0. Those of :math:`\delta` are worth :math:`V'(\delta) = C/(2\sqrt\delta)` and prove
    the bound :math:`V(\delta) - \delta V'(\delta) \approx V(0) + C\sqrt\delta/2`: less of a hair is better until digits are lost.
    """
    if inside.factor[0] > 1 + max(_HAIRS):
        return None
    with np.errstate(all="ignore"):
        value = worth(bands, inside.shares, inside.powers, criterion)
        for hair in _HAIRS:
            lower, room = lowered(bands, np.array([hair])), replace(inside, factor=np.maximum(inside.factor, 1) / (1 - hair))
            price = value if criterion == "efficiency" else 0.0
            x, y, found, _ = maximise_at_price(lower, room, RESTRICTIONS[scheme], price)
            bound, multipliers = tightest_bound(bands, x, y, criterion, scheme, (found,), search=False)
            if relative_gap(float(value[0]), bound) <= OPTIMAL_GAP:
                return (inside.shares, inside.powers), multipliers, bound
    return None


def rescue(bands: Bands, inside: Interior, point, criterion: Criterion, scheme: Scheme):
    """One network without a proof: the margin's allocation and the cone program's, and every bound that can be had."""
    if (proven := _at_the_edge(bands, inside, criterion, scheme)) is not None:
        return proven
    free = RESTRICTIONS[scheme]
    candidates, hints = [point[:2], (inside.shares, inside.powers)], [point[2], *steep(bands, inside)]
    try:
        answer = cone_program(bands.weights.shape[1], fractional=criterion == "efficiency", free=free).solve(bands)
        if not answer.infeasible:
            shares, powers = answer.shares[None], answer.powers[None]
            even = np.full_like(shares, 1 / shares.shape[1])
            shares, powers = shares if free.shares else even, powers if free.powers else even
            with np.errstate(all="ignore"):
                start = inside.start(free, MIXES[0])
                candidates.append(restore(bands, start, np.maximum(shares, 1e-300), powers))
            hints.append(answer.multipliers)
    except SolverFailure:
        pass
    with np.errstate(all="ignore"):
        candidates.append(_outward(bands, inside, *point[:2]))
        kept = [
            (x, y) for x, y in candidates if np.isfinite(x).all() and reached(bands, np.maximum(x, 1e-300), y) >= 1 - FEASIBLE
        ]
    kept = kept or [(inside.shares, inside.powers)]
    best = max(kept, key=lambda pair: float(worth(bands, *pair, criterion)[0]))
    bound, multipliers = min(
        (tightest_bound(bands, *pair, criterion, scheme, hints) for pair in kept), key=lambda found: found[0]
    )
    return best, multipliers, bound


def steep(bands: Bands, inside: Interior):
    """Multipliers of networks at the edge: those of the margin, ever steeper, less what the priorities pay already."""
    paid = np.sum(inside.multipliers * bands.floors)
    if not paid > 0 or not np.isfinite(paid):
        return []
    value = float(worth(bands, inside.shares, inside.powers, "sum")[0])
    scales = value / paid * np.geomspace(1, 1e8, 9)
    return [np.where(bands.floors > 0, np.maximum(s * inside.multipliers - bands.weights[..., None], 0), 0.0) for s in scales]
