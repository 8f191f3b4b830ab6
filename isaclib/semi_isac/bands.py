r"""The model without units, for many networks at once, and the bound that the tangents give.

Shares :math:`\beta` and powers :math:`\pi = p/P_{\max}` are both fractions; with :math:`N = N_0 B` and
:math:`\alpha = a P_{\max}/N`, :math:`\kappa = b P_{\max}/N`, :math:`\gamma = g P_{\max}/N`, rates are in nat and in units
of the bandwidth,

.. math:: \rho^{\mathrm s}(\beta, \pi) = \beta \ln\Big(1 + \frac{\alpha x}{1 + \kappa x}\Big), \quad
          \rho^{\mathrm c}(\beta, \pi) = \beta \ln(1 + \gamma x), \qquad x = \pi/\beta .

**The bound.** A concave function that is homogeneous of degree one lies below each of its tangents, and the tangent passes
through the origin: :math:`\rho(\beta, \pi) \le \partial_\beta\hat\rho\,\beta + \partial_\pi\hat\rho\,\pi`, gradients taken at
*any* point. Hence, for any multipliers :math:`\lambda \ge 0` of the floors :math:`f`, with
:math:`G_k = \sum_j (w_k + \lambda_{kj}) \nabla\hat\rho_{kj}`,

.. math:: \sum_k w_k \rho_k - q \sum_k \pi_k \;\le\; \max_k G_{k,\beta} + \max\{0, \max_k G_{k,\pi} - q\}
          - \sum_{kj} \lambda_{kj} f_{kj}

for every allocation within the floors. No optimisation is left in it, and it is tight at the optimum, where the two maxima
are the prices of bandwidth and power.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..foundations.scenario import Batch
from .scenario import Network, Scenario, Stack


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
        return cls.scaled(Stack.of(scenarios))

    @classmethod
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

    def take(self, lanes) -> Bands:
        """The networks of the given lanes."""
        return Bands(**{name: value[lanes] for name, value in self.__dict__.items()})

    def unweighted(self) -> Bands:
        """The same networks with equal priorities, as the energy efficiency wants them."""
        return Bands(**{**self.__dict__, "weights": np.ones_like(self.weights)})

    def slopes(self, x) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rates per unit of bandwidth at the power density x (D, K), with first and second derivative: (D, K, 2) each."""
        a, b, g = self.radar, self.clutter, self.link
        low, high, link = 1 + b * x, 1 + (a + b) * x, 1 + g * x
        value = np.stack([np.log1p(a * x / low), np.log1p(g * x)], axis=-1)
        first = np.stack([a / (low * high), g / link], axis=-1)
        second = np.stack([-a * (b / low + (a + b) / high) / (low * high), -((g / link) ** 2)], axis=-1)
        return value, first, second

    def rates(self, shares, powers) -> np.ndarray:
        """Normalised rates (D, K, 2) of positive shares."""
        return shares[..., None] * self.slopes(powers / shares)[0]

    def gradients(self, shares, powers) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of the rates with respect to share and power: (D, K, 2) each; they depend on the ratio only."""
        x = powers / shares
        value, first, _ = self.slopes(x)
        return value - x[..., None] * first, first


@dataclass(frozen=True)
class Restriction:
    """Which variables the optimiser may move: equal-power schemes fix the powers, equal-spectrum schemes the shares."""

    shares: bool = True
    powers: bool = True


def marginal_values(bands: Bands, shares, powers, multipliers) -> tuple[np.ndarray, np.ndarray]:
    """What a unit of share and of power is worth to each user, floors included: G of the module's text, (D, K) each."""
    by_share, by_power = bands.gradients(shares, powers)
    worth = bands.weights[..., None] + multipliers
    return np.sum(worth * by_share, axis=-1), np.sum(worth * by_power, axis=-1)


def sum_bound(bands: Bands, shares, powers, multipliers, *, power_price=0.0, free: Restriction = Restriction()) -> np.ndarray:
    """Upper bound (D,) on the weighted sum less ``power_price`` times the power, from the tangents at an allocation.

    With a restriction, the bound is for the restricted problem: the fixed shares (powers) are those handed in.
    """
    by_share, by_power = marginal_values(bands, shares, powers, multipliers)
    net = by_power - np.asarray(power_price)[..., None]
    bandwidth = by_share.max(axis=1) if free.shares else np.sum(by_share * shares, axis=1)
    power = np.maximum(net.max(axis=1), 0) if free.powers else np.sum(net * powers, axis=1)
    return bandwidth + power - np.sum(multipliers * bands.floors, axis=(1, 2))


def efficiency_bound(bands: Bands, shares, powers, multipliers, *, free: Restriction = Restriction()) -> np.ndarray:
    r"""Upper bound (D,) on the energy efficiency (normalised) from the tangents at an allocation.

    With :math:`H` the part of the bound that does not depend on the power and :math:`G` the largest worth of power,
    :math:`\sum R/(\Pi + P_c) \le (H + G\,\Pi)/(\Pi + P_c)`, which is monotone in the total power :math:`\Pi`: its larger end
    value, at :math:`\Pi = 0` or at the budget, is the bound.
    """
    bands = bands.unweighted()
    by_share, by_power = marginal_values(bands, shares, powers, multipliers)
    fixed = by_share.max(axis=1) if free.shares else np.sum(by_share * shares, axis=1)
    fixed = fixed - np.sum(multipliers * bands.floors, axis=(1, 2))
    if not free.powers:
        return (fixed + np.sum(by_power * powers, axis=1)) / (np.sum(powers, axis=1) + bands.circuit)
    return np.maximum(fixed / bands.circuit, (fixed + by_power.max(axis=1)) / (1 + bands.circuit))


def margin_bound(bands: Bands, shares, powers, multipliers, *, free: Restriction = Restriction()) -> np.ndarray:
    """Upper bound (D,) on the largest factor by which all floors can be multiplied and still be met (below 1: infeasible).

    Any multipliers prove it, whatever became of the allocation that suggested them; infinite where there is no floor.
    """
    worth = np.sum(multipliers * bands.floors, axis=(1, 2))
    idle = Bands(**{**bands.__dict__, "weights": np.zeros_like(bands.weights), "floors": np.zeros_like(bands.floors)})
    value = sum_bound(idle, shares, powers, multipliers, free=free)
    return np.where(worth > 0, value / np.where(worth > 0, worth, 1.0), np.inf)
