"""Anybody's powers against the certified optimum of the same scenario: the judge and the exact solver together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..foundations import checks
from ..foundations import score as scores
from ..foundations.certificate import Certificate
from ..foundations.scenario import Batch
from ..foundations.score import Score, ScoreBatch
from . import exact, guards
from .allocation import AllocationBatch
from .formulas import sensing_sinr
from .scenario import Scenario
from .users import infeasible
from .verify import violations


def score(
    scenario: Scenario, powers_w: ArrayLike, *, tolerance: float = scores.TOLERANCE, optimum: Certificate | None = None
) -> Score:
    """What powers (B,) in W are worth: their worst sensing SINR, the optimum, the gap, and every violation by name.

    Parameters
    ----------
    scenario : Scenario
    powers_w : (B,)
        Below 0 by a rounding (1e-6 of the cap) counts as the violation ``powers_w``.
    tolerance : float
        Largest relative violation of a feasible allocation.
    optimum : Certificate, optional
        That of ``solve_exact`` for this scenario, where it is known: then nothing is solved here.

    Raises
    ------
    SolverFailure
        Where the optimum cannot be proven; an infeasible scenario is said in the score.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(7))
    >>> print(score(scenario, [1.0, 1.0, 1.0]))
    Feasible, 0.000103354: 79.8 % below the optimum; the certified optimum is 0.000511208 (known to 0.0e+00).
    >>> broken = score(scenario, [1.5, 0.01, 0.1])
    >>> broken.gap, {name: round(excess, 3) for name, excess in broken.violations.items()}
    (nan, {'max_power_w': 0.5, 'min_comm_sinr': 0.885, 'powers_w': 0.0})
    """
    scenario = guards.one(scenario)
    powers = guards.vector(scenario, powers_w, rounded=True)
    value = float(np.min(sensing_sinr(scenario, np.maximum(powers, 0.0))))
    broken = violations(scenario, powers)
    return scores.judge(value, broken, lambda: exact.solve_exact(scenario).certificate, tolerance=tolerance, optimum=optimum)


def score_batch(scenarios: Batch | Sequence[Scenario], powers_w: ArrayLike, *, tolerance: float = scores.TOLERANCE) -> ScoreBatch:
    """:func:`score` of D scenarios of equal size and powers (D, B).

    A row without a proven optimum is compared with the best that is known, and its certificate says so.

    >>> drops = Scenario.random_batch(np.random.default_rng(7), 3, min_comm_sinr_db=-20.0)
    >>> scored = score_batch(drops, np.ones((3, 3)))
    >>> scored.gap.round(3), scored.feasible.tolist()
    (array([0.828, 0.359, 0.612]), [True, True, True])
    """
    batch = guards.batch(scenarios)
    powers = guards.powers(batch, powers_w, rounded=True)
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    values, broken = np.min(sensing_sinr(batch, np.maximum(powers, 0.0)), axis=1), violations(batch, powers)
    solved = exact.solve_exact_batch(batch)

    def judged(d: int) -> Score:
        over = {name: float(excess[d]) for name, excess in broken.items()}
        return scores.judge(float(values[d]), over, lambda: _certificate(batch[d], solved, d), tolerance=tolerance)

    return ScoreBatch.of([judged(d) for d in range(len(batch))])


def _certificate(scenario: Scenario, solved: AllocationBatch, d: int) -> Certificate:
    if not solved.feasible[d]:
        raise infeasible(scenario)
    return Certificate(
        method=exact.METHOD,
        value=float(solved.worst_sensing_sinr[d]),
        bound=float(solved.bound[d]),
        residual=float(solved.residual[d]),
        status=str(solved.status[d]),
        iterations=int(solved.iterations[d]),
    )
