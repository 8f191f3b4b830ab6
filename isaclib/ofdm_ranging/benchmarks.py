"""The three allocations that the paper mixes: water-filling, edges only, least sidelobes; and their mixtures."""

from __future__ import annotations

import math
import time
from typing import Literal

import numpy as np

from ..foundations import checks
from ..foundations.certificate import Certificate, relative_gap
from .allocation import Allocation
from .exact import minimise_sidelobe
from .scenario import Scenario, capacity_bps, toa_crb_s2
from .waterfilling import priced_bound, waterfill_shares

_CLOSED_FORM_GAP = 1e-9


def waterfill(scenario: Scenario) -> Allocation:
    r"""Water-filling, the largest capacity without sensing limits (exact, see :func:`waterfill_powers`).

    Certificate: value and Lagrangian bound are capacities in bit/s.

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(waterfill(scenario).capacity_bps / 1e6, 3)
    8.236
    """
    began = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    powers = waterfill_shares(scenario.carrier_snr) * scenario.power_budget_w
    value = float(capacity_bps(scenario, powers))
    bound = scenario.subcarrier_spacing_hz / math.log(2) * priced_bound(scenario.carrier_snr, np.zeros(scenario.carriers))
    return Allocation(powers, "communication", value, _certificate("water-filling", scenario, powers, value, bound, began))


def edges_only(scenario: Scenario, *, carriers_per_side: int = 1) -> Allocation:
    r"""All power on the outermost carriers, evenly: with one per side, the least CRB of all allocations.

    Proof: :math:`\sum_n (n-\mu)^2 x_n \le \bigl(\tfrac{N-1}{2}\bigr)^2` about the middle of the band, and the centred
    moment is the least over :math:`\mu`. The paper does not say how many carriers it uses. Certificate: value and
    (closed-form) bound are CRBs in s^2.

    Raises
    ------
    InvalidScenario
        ``carriers_per_side`` is not between 1 and N/2.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(1e9 * math.sqrt(edges_only(scenario).certificate.value), 3)  # ns
    4.689
    """
    began = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    carriers_per_side = checks.count("carriers_per_side", carriers_per_side, maximum=scenario.carriers // 2)
    powers = _edge_powers(scenario, carriers_per_side)
    value, bound = float(toa_crb_s2(scenario, powers)), float(toa_crb_s2(scenario, _edge_powers(scenario, 1)))
    certificate = _certificate("edges only", scenario, powers, value, bound, began, sense="min")
    return Allocation(powers, "isac", float(capacity_bps(scenario, powers)), certificate)


def mix(scenario: Scenario, weight: float, toward: str = "edges", *, carriers_per_side: int = 1) -> Allocation:
    r"""The mixture :math:`(1-\alpha)\,p_{\mathrm{WF}} + \alpha\,p_{\mathrm{target}}` that the paper's Algorithm 2 searches over.

    Parameters
    ----------
    weight : float
        :math:`\alpha \in [0, 1]`; 0 is water-filling.
    toward : {"edges", "sidelobe"}
        Target: :func:`edges_only` or :func:`minimise_sidelobe`.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(mix(scenario, 0.5, "sidelobe").capacity_bps / 1e6, 3)
    7.482
    """
    began = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    weight = checks.number("weight", weight, minimum=0.0, maximum=1.0)
    checks.count("carriers_per_side", carriers_per_side, maximum=scenario.carriers // 2)
    start, target = mixing_ends(scenario, toward, carriers_per_side=carriers_per_side)
    powers = (1 - weight) * start + weight * target
    value = float(capacity_bps(scenario, powers))
    certificate = _certificate(f"mixture toward {toward}", scenario, powers, value, math.nan, began)
    return Allocation(powers, "isac", value, certificate)


def mixing_ends(scenario: Scenario, toward: str, *, carriers_per_side: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Powers (N,) at the two ends of :func:`mix`."""
    checks.word("toward", toward, ("edges", "sidelobe"))
    target = edges_only(scenario, carriers_per_side=carriers_per_side) if toward == "edges" else minimise_sidelobe(scenario)
    return waterfill(scenario).powers_w, target.powers_w


def _edge_powers(scenario: Scenario, per_side: int) -> np.ndarray:
    powers = np.zeros(scenario.carriers)
    powers[:per_side] = powers[-per_side:] = 0.5 * scenario.power_budget_w / per_side
    return powers


def _certificate(
    method: str,
    scenario: Scenario,
    powers: np.ndarray,
    value: float,
    bound: float,
    began: float,
    sense: Literal["max", "min"] = "max",
) -> Certificate:
    return Certificate(
        method=method,
        value=value,
        bound=bound,
        residual=max(0.0, float(powers.sum() / scenario.power_budget_w - 1)),
        status="optimal" if relative_gap(value, bound) <= _CLOSED_FORM_GAP else "converged",
        seconds=time.perf_counter() - began,
        sense=sense,
    )
