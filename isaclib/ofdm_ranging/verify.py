r"""The judge: residuals and a bound of anybody's powers from the scenario alone, and their score beside the optimum."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import FEASIBLE, Certificate, relative_gap
from ..foundations.errors import InvalidScenario
from ..foundations.scenario import Batch
from ..foundations.score import TOLERANCE, Score, ScoreBatch, at_least_zero, judge
from . import pulse as pulses
from .allocation import Allocation, Limits
from .batch import checked_batch
from .bounds import fitted_bound
from .exact import FEASIBILITY_TOLERANCE, OPTIMAL_GAP, solve_exact
from .feasibility import problem_of
from .scenario import Scenario, capacity_bps
from .waterfilling import best_capacity_bps

_FINE = 64  # grid points per 1/bandwidth


def one_allocation(scenario: Scenario, powers_w) -> np.ndarray:
    """Powers (N,) of one scenario, finite and not negative."""
    checks.instance("scenario", scenario, Scenario)
    return checks.array("powers_w", powers_w, ("N",), minimum=0.0, sizes={"N": scenario.carriers})


def residual(scenario: Scenario, powers_w, limits: Limits) -> float:
    """Largest relative violation of the budget and the limits (0: all hold), from the powers alone."""
    return limits.residual(scenario, powers_w)


def capacity_bound(scenario: Scenario, limits: Limits, powers_w: ArrayLike) -> float:
    r"""Upper bound on the capacity under ``limits`` in bit/s, from multipliers fitted to the given powers.

    For any :math:`z_k \in \mathbb C`, delays :math:`u_k`, centre :math:`\mu` and :math:`\beta \ge 0`, all allowed shares
    x satisfy

    .. math:: \sum_k |z_k| r_k - \operatorname{Re}(z_k^* y(u_k)) + \beta\Bigl(\sum_n (n - \mu)^2 x_n - \kappa\Bigr) \ge 0,

    so adding it to the utility and maximising over :math:`x \ge 0,\ \mathbf 1^{\mathsf T}x \le 1` (priced water-filling,
    its one price by bisection) bounds the optimum. The multipliers are a non-negative least-squares fit of the stationarity
    conditions at ``powers_w``, or where that is loose those of a linear program: good powers give a tight bound, bad powers a
    loose one, and every bound is valid.

    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> round(capacity_bound(scenario, Limits(peak_sidelobe_db=-20.0), np.full(16, 1 / 16)) / 1e6, 3)
    8.236
    """
    powers = one_allocation(scenario, powers_w)
    if not powers.max() > 0:
        raise InvalidScenario("powers_w", "is 0 on every carrier", "a bound needs powers to fit multipliers to")
    shares = pulses.scaled(powers)
    shares /= shares.sum()
    gains = scenario.carrier_snr
    problem = problem_of(scenario, checks.instance("limits", limits, Limits))
    if limits.residual(scenario, shares * scenario.power_budget_w) <= FEASIBLE:
        problem = problem.loosened(problem.excesses(shares))  # by rounding, which steep multipliers make worth more than the gap
    nats = fitted_bound(problem, gains, shares)
    return scenario.subcarrier_spacing_hz / math.log(2) * nats


def verify(
    scenario: Scenario,
    allocation: Allocation,
    *,
    peak_sidelobe_db: float | None = None,
    max_toa_crb_s2: float | None = None,
    max_main_lobe_width_m: float | None = None,
    max_capacity_loss: float | None = None,
) -> Certificate:
    """Judge an allocation from its powers alone: recomputed value, bound (:func:`capacity_bound`) and residual.

    Returns
    -------
    Certificate
        ``status`` is "optimal" only where gap <= 1e-6 and residual <= 1e-7; whatever the allocation says of itself is ignored.

    Examples
    --------
    >>> from isaclib import ofdm_ranging as ofdm
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> best = ofdm.solve_exact(scenario, peak_sidelobe_db=-20.0)
    >>> verify(scenario, best, peak_sidelobe_db=-20.0).status, verify(scenario, best, peak_sidelobe_db=-20.1).status
    ('optimal', 'converged')
    """
    began = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    checks.instance("allocation", allocation, Allocation, "score() judges plain arrays")
    limits = Limits(peak_sidelobe_db, max_toa_crb_s2, max_main_lobe_width_m, max_capacity_loss)
    powers = one_allocation(scenario, allocation.powers_w)
    value = float(capacity_bps(scenario, powers))
    bound = capacity_bound(scenario, limits, powers) if powers.max() > 0 else best_capacity_bps(scenario)
    found = residual(scenario, powers, limits)
    good = relative_gap(value, bound) <= OPTIMAL_GAP and found <= FEASIBILITY_TOLERANCE
    return Certificate(
        method="recomputed from the powers",
        value=value,
        bound=bound,
        residual=found,
        status="optimal" if good else "converged",
        seconds=time.perf_counter() - began,
    )


def score(
    scenario: Scenario,
    powers_w: ArrayLike,
    *,
    peak_sidelobe_db: float | None = None,
    max_toa_crb_s2: float | None = None,
    max_main_lobe_width_m: float | None = None,
    max_capacity_loss: float | None = None,
    tolerance: float = TOLERANCE,
    optimum: Certificate | None = None,
) -> Score:
    """Anybody's powers (N,) in W against the certified optimum of the same scenario under the same limits.

    Parameters
    ----------
    tolerance : float
        Largest relative excess of a limit that counts as rounding.
    optimum : Certificate, optional
        That of ``solve_exact`` for this scenario under these limits, where it is known: then nothing is solved here.

    Returns
    -------
    Score
        Value and optimum are capacities in bit/s; violations are named ``power_budget_w``, ``powers_w`` (below 0 by a rounding,
        1e-6 of the budget; more is refused) and as the limits that were given.

    Raises
    ------
    SolverFailure
        The optimum could be neither found nor proven not to exist.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(0), carriers=16)
    >>> n = np.arange(16) - 7.5
    >>> tapered = np.cos(np.pi * n / 20)
    >>> judged = score(scenario, tapered / tapered.sum(), peak_sidelobe_db=-16.0)
    >>> judged.feasible, round(judged.gap, 4), max(judged.violations.values())
    (True, 0.1466, 0.0)
    """
    limits = Limits(peak_sidelobe_db, max_toa_crb_s2, max_main_lobe_width_m, max_capacity_loss)
    checks.instance("scenario", scenario, Scenario)
    powers, below = at_least_zero("powers_w", powers_w, ("N",), scenario.power_budget_w, {"N": scenario.carriers})
    return judge(
        float(capacity_bps(scenario, powers)),
        limits.violations(scenario, powers, oversampling=_FINE) | {"powers_w": below},
        lambda: (
            solve_exact(
                scenario,
                peak_sidelobe_db=peak_sidelobe_db,
                max_toa_crb_s2=max_toa_crb_s2,
                max_main_lobe_width_m=max_main_lobe_width_m,
                max_capacity_loss=max_capacity_loss,
            ).certificate
        ),
        unit="bit/s",
        tolerance=tolerance,
        optimum=optimum,
    )


def score_batch(
    scenarios: Batch | Sequence[Scenario],
    powers_w: ArrayLike,
    *,
    peak_sidelobe_db: float | None = None,
    max_toa_crb_s2: float | None = None,
    max_main_lobe_width_m: float | None = None,
    max_capacity_loss: float | None = None,
    tolerance: float = TOLERANCE,
) -> ScoreBatch:
    """:func:`score` for D scenarios and powers (D, N).

    >>> batch = Scenario.random_batch(np.random.default_rng(0), 2, carriers=16)
    >>> print(score_batch(batch, np.full((2, 16), 1 / 16)))
    2 of 2 feasible; gap: median 0.0918, worst 0.123
    """
    batch = checked_batch(scenarios)
    powers = checks.array("powers_w", powers_w, ("D", "N"), sizes={"D": len(batch), "N": batch[0].carriers})
    limits = dict(
        peak_sidelobe_db=peak_sidelobe_db,
        max_toa_crb_s2=max_toa_crb_s2,
        max_main_lobe_width_m=max_main_lobe_width_m,
        max_capacity_loss=max_capacity_loss,
        tolerance=tolerance,
    )
    return ScoreBatch.of([score(scenario, row, **limits) for scenario, row in zip(batch, powers, strict=True)])
