r"""The model without units, for many networks at once (its bounds: :mod:`~isaclib.semi_isac.bounds`).

Shares :math:`\beta` and powers :math:`\pi = p/P_{\max}` are both fractions; with :math:`N = N_0 B` and
:math:`\alpha = a P_{\max}/N`, :math:`\kappa = b P_{\max}/N`, :math:`\gamma = g P_{\max}/N`, rates are in nat and in units
of the bandwidth,

.. math:: \rho^{\mathrm s}(\beta, \pi) = \beta \ln\Big(1 + \frac{\alpha x}{1 + \kappa x}\Big), \quad
          \rho^{\mathrm c}(\beta, \pi) = \beta \ln(1 + \gamma x), \qquad x = \pi/\beta .
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.scenario import Batch
from .scenario import Network, Scenario, Stack, systems

_LARGEST = 1e100  # gains and floors beyond it overflow when they are squared
FEW, _TERMS = 1e-2, 11  # signal and clutter over the noise below which so many terms of a series keep the digits


@dataclass(frozen=True)
class Bands:
    """D networks of K users without units: arrays (D, K), floors (D, K, 2), scale (D,) in bit/s per unit."""

    radar: np.ndarray
    clutter: np.ndarray
    link: np.ndarray
    weights: np.ndarray
    floors: np.ndarray
    circuit: np.ndarray
    scale: np.ndarray
    power_w: np.ndarray

    @classmethod
    def of(cls, scenarios: Batch | Sequence[Scenario | Network]) -> Bands:
        """At least one scenario (or network), all of one kind and size."""
        return cls.scaled(Stack.of(systems("scenarios", scenarios)))

    @classmethod
    @np.errstate(all="ignore")
    def scaled(cls, stack: Stack) -> Bands:
        """A stack of networks without its units."""
        per_gain = (stack.power_budget_w / (stack.noise_psd_w_per_hz * stack.bandwidth_hz))[:, None]
        scale = stack.bandwidth_hz / math.log(2)
        return cls(
            radar=stack.radar_gain * per_gain,
            clutter=stack.clutter_gain * per_gain,
            link=stack.link_gain * per_gain,
            weights=stack.weights / stack.weights.max(axis=1, keepdims=True),
            floors=stack.floors_bps / scale[:, None, None],
            circuit=stack.circuit_power_w / stack.power_budget_w,
            scale=scale,
            power_w=stack.power_budget_w,
        )

    def __len__(self) -> int:
        return len(self.scale)

    def take(self, lanes: ArrayLike) -> Bands:
        """The networks of the given lanes."""
        return Bands(*(value[lanes] for value in self.__dict__.values()))

    def unweighted(self) -> Bands:
        """The same networks with equal priorities, as the energy efficiency wants them."""
        return replace(self, weights=np.ones_like(self.weights))

    def idle(self) -> np.ndarray:
        """Networks whose objective is zero whatever they do (D,): no user with a priority has a gain."""
        return ~np.any((self.weights > 0) & (self.radar + self.link > 0), axis=1)

    def finite(self) -> np.ndarray:
        """Networks whose every number is within double precision once the units are gone (D,)."""
        gains = np.stack([self.radar, self.clutter, self.link, *np.moveaxis(self.floors, 2, 0)])
        largest = np.abs(gains).max(axis=(0, 2))
        return (largest < _LARGEST) & np.isfinite(self.weights).all(axis=1) & np.isfinite(self.circuit) & (self.scale > 0)

    def slopes(self, x: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rates per unit of bandwidth at the power density x (D, K), with first and second derivative: (D, K, 2) each."""
        value, first, bend = (_side_by_side(*pair) for pair in slopes_of(self.radar, self.clutter, self.link, x))
        return value, first, -bend

    def rates(self, shares: ArrayLike, powers: ArrayLike) -> np.ndarray:
        """Normalised rates (D, K, 2) of positive shares."""
        return shares[..., None] * self.slopes(powers / shares)[0]

    def gradients(self, shares: ArrayLike, powers: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of the rates with respect to share and power: (D, K, 2) each; they depend on the ratio only."""
        return self.tangents(powers / shares)

    def tangents(self, x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """The same at the power density x."""
        value, first, _ = self.slopes(x)
        by_share, clutter = value - x[..., None] * first, self.clutter * x
        for service, (gain, masked) in enumerate(((self.radar * x, clutter), (self.link * x, np.zeros_like(clutter)))):
            few = gain + masked < FEW
            by_share[..., service][few] = _share_of_few(gain[few], masked[few])
        return by_share, first


def _share_of_few(gain: np.ndarray, masked: np.ndarray) -> np.ndarray:
    r"""What a unit of bandwidth is worth below :data:`FEW`, where the difference of rate and power's part has lost its digits.

    With :math:`g(z) = \ln(1+z) - z/(1+z) = \sum_{n\ge2} (-1)^n \frac{n-1}{n} z^n` it is :math:`g(s+m) - g(m)` for the ratios s
    and m of signal and clutter to the noise, and :math:`(s+m)^n - m^n = s\sum_i (s+m)^{n-1-i} m^i`.
    """
    total, powers, masks, series = gain + masked, 1.0, 1.0, 0.0
    for n in range(2, _TERMS):
        masks = masks * masked
        powers = powers * total + masks
        series = series + (-1) ** n * (n - 1) / n * powers
    return gain * series


def _side_by_side(sensing: np.ndarray, communication: np.ndarray) -> np.ndarray:
    """The stack of both on a new last axis; of small arrays np.stack takes longer than all that is computed."""
    both = np.empty((*sensing.shape, 2))
    both[..., 0], both[..., 1] = sensing, communication
    return both


def slopes_of(radar, clutter, link, x) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Rates per unit of bandwidth at the power density x, first derivative, and minus the second: pairs of sensing and
    communication, elementwise."""
    low, high = 1 + clutter * x, 1 + (radar + clutter) * x
    first = first_slopes(radar, link, low, high, x)
    bend = radar * (clutter / low + (radar + clutter) / high) / (low * high)
    return (np.log1p(radar * x / low), np.log1p(link * x)), first, (bend, first[1] ** 2)


def first_slopes(radar, link, low, high, x) -> tuple[np.ndarray, np.ndarray]:
    """The first derivatives alone; ``low`` and ``high``: 1 and the clutter, and the echo too, in noise powers."""
    return radar / (low * high), link / (1 + link * x)


def lowered(bands: Bands, part) -> Bands:
    """The networks with floors that are lower by the part (D,) of themselves."""
    return replace(bands, floors=bands.floors * (1 - part)[:, None, None])


def worth(bands: Bands, shares, powers, criterion: str) -> np.ndarray:
    """The objective (D,) without units."""
    total = bands.rates(np.where(shares > 0, shares, 1.0), powers).sum(axis=2) * (shares > 0)
    if criterion == "efficiency":
        return total.sum(axis=1) / (powers.sum(axis=1) + bands.circuit)
    return np.sum(bands.weights * total, axis=1)


@dataclass(frozen=True)
class Restriction:
    """Which variables the optimiser may move: equal-power schemes fix the powers, equal-spectrum schemes the shares."""

    shares: bool = True
    powers: bool = True

    def __post_init__(self) -> None:
        for name in ("shares", "powers"):
            object.__setattr__(self, name, checks.flag(name, getattr(self, name)))
