"""Anybody's allocation, given as plain arrays, against the certified optimum of the same scenario."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import Certificate
from ..foundations.scenario import Batch
from ..foundations.score import TOLERANCE, Score, ScoreBatch, at_least_zero, judge
from .batch import batch_of
from .exact import solve_exact
from .scenario import Scenario, throughputs
from .verify import violations


def score(
    scenario: Scenario,
    powers_w: ArrayLike,
    charging_time_s: float,
    times_s: ArrayLike,
    *,
    tolerance: float = TOLERANCE,
    optimum: Certificate | None = None,
) -> Score:
    """How far an allocation is from the best: least throughput in bit, certified optimum, gap, violations by name.

    Parameters
    ----------
    scenario : Scenario
    powers_w : (M,)
        Transmit powers of the users, >= 0 (below it by a rounding, 1e-6 of the cap, they count as a violation; so do times
        below 0 by 1e-6 of the frame). A user without power or time has throughput 0, and so has the allocation.
    charging_time_s : float
    times_s : (M,)
        Transmission times of the users, >= 0.
    tolerance : float
        Largest relative violation of an allocation that counts as feasible; only such a one has a gap.
    optimum : Certificate, optional
        That of ``solve_exact`` for this scenario, where it is known: then nothing is solved here.

    Returns
    -------
    Score
        ``str(score)`` is a sentence. An infeasible scenario has no optimum, and says so.

    Examples
    --------
    Half the frame charges and every user sends for an equal share of the rest, with what it has harvested:

    >>> import numpy as np
    >>> from isaclib import wireless_powered as wp
    >>> scenario = wp.Scenario.random(np.random.default_rng(1), crb_limit_m2=np.inf)
    >>> times = np.full(10, 0.5)
    >>> powers = np.minimum(wp.harvested_energy_j(scenario, 5.0) / times, scenario.max_power_w)
    >>> print(wp.score(scenario, powers, 5.0, times))  # doctest: +ELLIPSIS
    Feasible, 1.2319e+06 bit: 38.8 % below the optimum; the certified optimum is 2.01316e+06 bit (known to ...).
    """
    checks.instance("scenario", scenario, Scenario)
    sizes, frame = {"M": len(scenario.gain_bs_user)}, scenario.time_budget_s
    powers, below = at_least_zero("powers_w", powers_w, ("M",), scenario.max_power_w, sizes)
    times, before = at_least_zero("times_s", times_s, ("M",), frame, sizes)
    charging, none = at_least_zero("charging_time_s", checks.number("charging_time_s", charging_time_s), (), frame, sizes)
    found = violations(scenario, powers, float(charging), times)
    found |= {"powers_w": below, "times_s": before, "charging_time_s": none}
    value = float(throughputs(scenario, times, powers).min())
    return judge(value, found, lambda: solve_exact(scenario).certificate, unit="bit", tolerance=tolerance, optimum=optimum)


def score_batch(
    scenarios: Batch | Sequence[Scenario],
    powers_w: ArrayLike,
    charging_time_s: ArrayLike,
    times_s: ArrayLike,
    *,
    tolerance: float = TOLERANCE,
) -> ScoreBatch:
    """:func:`score` of D allocations in D scenarios of equal shape: (D, M), (D,) and (D, M).

    >>> import numpy as np
    >>> from isaclib import wireless_powered as wp
    >>> batch = wp.Scenario.random_batch(np.random.default_rng(1), 20)
    >>> full = wp.solve_max_power_batch(batch)
    >>> kept = [scenario for scenario, feasible in zip(batch, full.feasible) if feasible]
    >>> rows = full.feasible
    >>> print(wp.score_batch(kept, full.powers_w[rows], full.charging_time_s[rows], full.times_s[rows]))
    19 of 19 feasible; gap: median 0.973, worst 0.996
    """
    batch = batch_of(scenarios)
    sizes = {"D": len(batch), "M": batch.gain_bs_user.shape[1]}
    powers = checks.array("powers_w", powers_w, ("D", "M"), sizes=sizes)
    charging = checks.array("charging_time_s", charging_time_s, ("D",), sizes=sizes)
    times = checks.array("times_s", times_s, ("D", "M"), sizes=sizes)
    columns = zip(batch, powers, charging.tolist(), times, strict=True)
    return ScoreBatch.of([score(*row, tolerance=tolerance) for row in columns])
