"""Anybody's shares and powers against the certified optimum of the same scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations.certificate import Certificate
from ..foundations.scenario import Batch
from ..foundations.score import TOLERANCE, Score, ScoreBatch, at_least_zero, judge
from .allocation import CRITERIA, Criterion
from .exact import solve_exact
from .scenario import Network, Scenario, Stack, system, systems
from .verify import objective_value, violations

UNITS = {"sum": "bit/s", "efficiency": "bit/J"}


def score(
    scenario: Scenario | Network,
    shares: ArrayLike,
    powers_w: ArrayLike,
    *,
    criterion: Criterion = "sum",
    tolerance: float = TOLERANCE,
    optimum: Certificate | None = None,
) -> Score:
    """Value, certified optimum, gap, and every constraint's violation by name, of an allocation given as plain arrays.

    Parameters
    ----------
    scenario : Scenario or Network
    shares : (K,)
        Shares of the bandwidth, at least 0 (below it by a rounding, 1e-6, they count as a violation; so do powers, relative
        to the budget). A user may have a share without power, or power without a share: no rate then.
    powers_w : (K,)
        Transmit powers, at least 0.
    criterion : {"sum", "efficiency"}
        Weighted sum of rates in bit/s, or energy efficiency in bit/J.
    tolerance : float
        Largest relative violation of a feasible allocation.
    optimum : Certificate, optional
        That of ``solve_exact`` for this scenario and criterion, where it is known: then nothing is solved here.

    Returns
    -------
    Score
        Its ``violations`` are those of :func:`~isaclib.semi_isac.violations`.

    Raises
    ------
    InvalidScenario
    SolverFailure
        If the optimum cannot be proven.

    Examples
    --------
    An even split, with three times the power for the sensed user:

    >>> import numpy as np
    >>> from isaclib import semi_isac as si
    >>> drop = si.Scenario.random(np.random.default_rng(0))
    >>> found = si.score(drop, [1 / 3, 1 / 3, 1 / 3], [0.6, 0.2, 0.2])
    >>> found.feasible, round(found.value / 1e6, 2), round(found.optimum / 1e6, 2), round(found.gap, 4)
    (True, 571.92, 1019.11, 0.4388)
    >>> print(found)  # doctest: +ELLIPSIS
    Feasible, 5.7192e+08 bit/s: 43.9 % below the optimum; the certified optimum is 1.01911e+09 bit/s (known to ...).
    >>> si.score(drop, [0.5, 0.5, 0.5], [0.6, 0.2, 0.2]).violations["bandwidth"]
    0.5
    """
    scenario, criterion = system("scenario", scenario), checks.word("criterion", criterion, CRITERIA)
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    sizes = {"K": scenario.users}
    given = [checks.array(name, value, ("K",), sizes=sizes) for name, value in (("shares", shares), ("powers_w", powers_w))]
    shares, _ = at_least_zero("shares", given[0], ("K",), 1.0, sizes)
    powers_w, _ = at_least_zero("powers_w", given[1], ("K",), scenario.power_budget_w, sizes)
    table = Stack.of([scenario]).rates(shares[None], powers_w[None])[0]
    return judge(
        objective_value(scenario, table, powers_w, criterion),
        violations(scenario, *given),
        lambda: solve_exact(scenario, objective=criterion).certificate,
        unit=UNITS[criterion],
        tolerance=tolerance,
        optimum=optimum,
    )


def score_batch(
    scenarios: Batch | Sequence[Scenario | Network],
    shares: ArrayLike,
    powers_w: ArrayLike,
    *,
    criterion: Criterion = "sum",
    tolerance: float = TOLERANCE,
) -> ScoreBatch:
    """Scores of D allocations, one for each scenario, as columns.

    Parameters
    ----------
    scenarios : Batch or sequence of Scenario or Network
    shares, powers_w : (D, K)
    criterion, tolerance
        As for :func:`score`.

    Examples
    --------
    >>> import numpy as np
    >>> from isaclib import semi_isac as si
    >>> drops = si.Scenario.random_batch(np.random.default_rng(0), 4)
    >>> even = np.full((4, 3), 1 / 3)
    >>> print(si.score_batch(drops, even, even))
    4 of 4 feasible; gap: median 0.319, worst 0.351
    """
    rows = systems("scenarios", scenarios)
    users = rows[0].users
    given: list[Any] = [
        checks.array(name, value, (len(rows), users)) for name, value in (("shares", shares), ("powers_w", powers_w))
    ]
    scores = (score(row, *pair, criterion=criterion, tolerance=tolerance) for row, *pair in zip(rows, *given, strict=True))
    return ScoreBatch.of(list(scores))
