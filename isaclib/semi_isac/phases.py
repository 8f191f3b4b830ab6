"""The two phases of the structured solver: the margin of the floors, and the resource problem at a price of power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..foundations.certificate import FEASIBLE
from . import interior_point
from .bands import Bands, Restriction
from .bounds import margin_at

_EDGE = 0.1 * FEASIBLE  # of the margin: a floor at the bound on it is met to FEASIBLE
_START = 0.9  # part of the budgets that phase I starts from
MIXES = (0.4, 0.05, 0.0)  # of the even allocation in the start of phase II, one after the other
_STALLED = 1e-7  # relative gap beyond which another start is tried


@dataclass(frozen=True)
class Interior:
    """Phase I: the margin's allocation (whole budgets), the factor of the floors that it reaches, and the bound on it.

    Without any floor the factor is infinite and the allocation even.
    """

    shares: np.ndarray
    powers: np.ndarray
    factor: np.ndarray
    bound: np.ndarray
    multipliers: np.ndarray

    def take(self, lanes) -> Interior:
        return Interior(*(value[lanes] for value in self.__dict__.values()))

    def start(self, free: Restriction, mix: float) -> tuple[np.ndarray, np.ndarray]:
        """A point strictly inside every constraint (where the factor exceeds one)."""
        factor = np.maximum(self.factor, 1.0)
        mix = mix * (1 - 1 / factor)
        shrink = np.where(np.isinf(factor), _START, 0.5 * (1 + 1 / np.maximum((1 - mix) * factor, 1.0)))[:, None]
        mix, even = mix[:, None], 1 / self.shares.shape[1]
        shares, powers = ((1 - mix) * values + mix * even for values in (self.shares, self.powers))
        return shares * (shrink if free.shares else 1.0), powers * (shrink if free.powers else 1.0)


def phase_one(bands: Bands, free: Restriction) -> Interior:
    """The margin of the floors of every network."""
    lanes, users = bands.weights.shape
    shares, powers = np.full((2, lanes, users), 1 / users)
    factor, bound = np.full(lanes, np.inf), np.full(lanes, np.inf)
    multipliers = np.zeros_like(bands.floors)
    at = np.flatnonzero((bands.floors > 0).any(axis=(1, 2)))
    if len(at):
        some = bands.take(at)
        inside = [np.full((len(at), users), (_START if is_free else 1.0) / users) for is_free in (free.shares, free.powers)]
        point = interior_point.optimise(some, *inside, 0.5 * reached(some, *inside), free=free, margin=True, tolerance=_EDGE)
        bound[at] = margin_at(some, point.shares, point.powers, point.multipliers, free=free)
        multipliers[at] = point.multipliers
        shares[at] = point.shares / (point.shares.sum(axis=1, keepdims=True) if free.shares else 1.0)
        powers[at] = point.powers / (point.powers.sum(axis=1, keepdims=True) if free.powers else 1.0)
        factor[at] = reached(some, shares[at], powers[at])
    return Interior(shares, powers, factor, bound, multipliers)


def reached(bands: Bands, shares, powers) -> np.ndarray:
    """Least rate relative to its floor (D,); infinite without floors."""
    floors = np.where(bands.floors > 0, bands.floors, 1.0)
    return np.where(bands.floors > 0, bands.rates(shares, powers) / floors, np.inf).min(axis=(1, 2))


def restore(bands: Bands, inside, shares, powers):
    """Move towards the interior point just far enough that every floor holds (rates are concave)."""
    margin, lack = reached(bands, *inside) - 1, 1 - reached(bands, shares, powers)
    part = np.where(lack > 0, 1.001 * lack / np.maximum(lack + np.minimum(margin, 1e300), 1e-300), 0.0)
    part = np.minimum(part, 1.0)[:, None]
    return (1 - part) * shares + part * inside[0], (1 - part) * powers + part * inside[1]


def maximise_at_price(bands: Bands, inside: Interior, free: Restriction, power_price=0.0):
    """Phase II: shares, powers, multipliers, certified gaps and step counts of the resource problem at a price of power."""
    price, ones = np.broadcast_to(power_price, len(bands)), np.ones(len(bands))
    start = inside.start(free, MIXES[0])
    point = interior_point.optimise(bands, *start, ones, free=free, power_price=price)
    shares, powers = restore(bands, start, point.shares, point.powers)
    for mix in MIXES[1:]:
        at = np.flatnonzero(~(np.abs(point.gap) + point.violation <= _STALLED))
        if not len(at):
            break
        again = inside.take(at).start(free, mix)
        other = interior_point.optimise(bands.take(at), *again, ones[at], free=free, power_price=price[at])
        better = interior_point.improve(point, at, other)
        restored = restore(bands.take(at), again, other.shares, other.powers)
        shares[at[better]], powers[at[better]] = restored[0][better], restored[1][better]
    return shares, powers, point.multipliers, point.iterations
