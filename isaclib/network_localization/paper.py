r"""The paper's Algorithm 1: successive convex approximation with a difference-of-convex (DC) split.

With the epigraph variable t and a slack :math:`\beta_i` for interference plus noise the problem is

.. math:: \max_{p, t, \beta}\ t \quad\text{s.t.}\quad
    \sum_{j \ne i} p_j(|\alpha_{ji}|^2 + |g_{ji}|^2) + p_i|\alpha^{\mathrm{SI}}_i|^2 + \sigma^2 \le \beta_i \ (13),\quad
    p_i|\alpha_{ii}|^2 \ge t\beta_i \ (14),

the users' SINR rows and :math:`0 \le p \le P_{\max}`. The product is split,
:math:`t\beta = \tfrac14[(t + \beta)^2 - (t - \beta)^2]`, and the concave part replaced by its tangent at the last iterate:

.. math:: p_i|\alpha_{ii}|^2 \ge \tfrac14\left[(t + \beta_i)^2 - 2(t^{(n)} - \beta_i^{(n)})(t - \beta_i)
    + (t^{(n)} - \beta_i^{(n)})^2\right] \ (15).

The right side is never smaller than :math:`t\beta_i`, so each iterate is feasible and the values rise. Expanded about the
last iterate it reads

.. math:: t^{(n)}\beta_i + \beta_i^{(n)}t - t^{(n)}\beta_i^{(n)}
    + \tfrac14\left[(t - t^{(n)}) + (\beta_i - \beta_i^{(n)})\right]^2,

the product's tangent plus a damping term, and that is how it is given to the solver (no cancellation). The damping adds t to
:math:`\beta`, so it depends on their *units*, although the problem does not. Here t is measured in units of its start and
:math:`\beta_i` in units of its own start times ``1 / slack_start``, so that :math:`t^{(0)} = 1`,
:math:`\beta_i^{(0)} =` ``slack_start``; the paper does not say what its units are. Units are at least a hundredth of what the
default start gives: from one of 1e-6 of the caps, the iterates would be a million units away.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..foundations import checks
from ..foundations.certificate import Step
from ..foundations.errors import InvalidScenario, SolverFailure
from . import guards
from .allocation import Allocation
from .benchmarks import feasible_start
from .formulas import sensing_sinr
from .reporting import build
from .rows import System, system
from .scenario import Scenario, per_bs
from .verify import RESIDUAL_TOLERANCE, residual

if TYPE_CHECKING:
    import cvxpy as cp

_SLACKS = (1e-9, 1e9)
_FAR = 1e-2  # of the usual start's t and slacks: no unit is less
SOLVER_TOLERANCE = 1e-9  # Clarabel's: two decades below the residual that `verify` allows


@dataclass(frozen=True)
class _Program:
    """(P4) for B base stations, compiled once; the data enter through parameters.

    The variables t and b start at 1; ``root`` is the square root of ``slack_start``, and ``last_*`` hold the last iterate.
    """

    problem: cp.Problem
    q: cp.Variable
    t: cp.Variable
    b: cp.Variable
    signal: cp.Parameter
    interference: cp.Parameter
    noise: cp.Parameter
    users: cp.Parameter
    users_noise: cp.Parameter
    last_t: cp.Parameter
    last_b: cp.Parameter
    last_product: cp.Parameter
    last_sum: cp.Parameter
    root: cp.Parameter
    inverse_root: cp.Parameter

    def set_data(self, rows: System, load: np.ndarray, t_unit: float, slack_start: float) -> None:
        self.interference.value, self.noise.value = rows.F[0] / load[:, None], rows.v[0] / load
        self.signal.value = 1 / (t_unit * load)
        self.users.value, self.users_noise.value = rows.C[0], rows.u[0]
        self.root.value, self.inverse_root.value = slack_start**0.5, slack_start**-0.5

    def set_iterate(self, t: float, b: np.ndarray) -> None:
        self.last_t.value, self.last_b.value, self.last_product.value = t, b, t * b
        self.last_sum.value = t * self.inverse_root.value + b * self.root.value


@lru_cache(maxsize=16)
def _program(size: int) -> _Program:
    import cvxpy as cp  # a second to load, and only this scheme needs it

    q, t, b = cp.Variable(size, nonneg=True), cp.Variable(), cp.Variable(size)
    signal, noise, users_noise, last_b, last_product, last_sum = (cp.Parameter(size, nonneg=True) for _ in range(6))
    interference, users = (cp.Parameter((size, size), nonneg=True) for _ in range(2))
    last_t, root, inverse_root = (cp.Parameter(nonneg=True) for _ in range(3))
    damping = cp.square(inverse_root * t + root * b - last_sum) / 4
    constraints = [
        interference @ q + noise <= b,
        cp.multiply(signal, q) >= last_t * b + last_b * t - last_product + damping,
        q >= users @ q + users_noise,
        q <= 1,
    ]
    problem = cp.Problem(cp.Maximize(t), constraints)
    data = (signal, interference, noise, users, users_noise, last_t, last_b, last_product, last_sum, root, inverse_root)
    return _Program(problem, q, t, b, *data)


def solve_dc(
    scenario: Scenario,
    *,
    start: np.ndarray | None = None,
    tolerance: float = 1e-4,
    max_iterations: int = 100,
    slack_start: float = 1.0,
) -> Allocation:
    r"""Algorithm 1 of the paper, from full power.

    Parameters
    ----------
    scenario : Scenario
    start : (B,) powers in W, optional
        Positive, and within the caps; it need not serve the users. Default: :func:`~.benchmarks.feasible_start` (the cap
        everywhere, where the users allow that).
    tolerance : float
        The convergence threshold: stop when t rises by less than this fraction.
    max_iterations : int
        At least 1.
    slack_start : float
        :math:`\beta^{(0)}` while :math:`t^{(0)} = 1`: the unit of the slack, relative to the balanced choice 1
        (within 1e-9 and 1e9).

    Returns
    -------
    Allocation
        A heuristic's: the certificate has no bound. ``history`` holds the worst sensing SINR of every iterate.

    Raises
    ------
    InfeasibleScenario
        With constraint ``"min_comm_sinr"`` where no powers meet the users' thresholds.
    SolverFailure
        When Clarabel gives no answer, and a start that does not serve the users is all there is; later the last iterate is the
        answer, and ``certificate.method`` says so.

    Examples
    --------
    >>> scenario = Scenario.random(np.random.default_rng(7))
    >>> found = solve_dc(scenario)
    >>> round(found.worst_sensing_sinr, 6), found.certificate.status
    (0.000511, 'converged')
    """
    from ..foundations import conic

    scenario = guards.one(scenario)
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    max_iterations = checks.count("max_iterations", max_iterations)
    slack_start = checks.number("slack_start", slack_start, minimum=_SLACKS[0], maximum=_SLACKS[1])
    begin = time.perf_counter()
    cap = per_bs(scenario, "max_power_w")
    powers = feasible_start(scenario) if start is None else guards.vector(scenario, start, name="start")
    if np.any(powers <= 0):
        raise InvalidScenario("start", "must be positive at every BS", "a start with SINR 0 leaves the slacks without a scale")
    if np.any(powers > cap):
        raise InvalidScenario("start", f"must respect the caps, but exceeds them by {np.max(powers / cap) - 1:.3g}")
    rows = system(scenario)
    program = _program(len(powers))
    # In units of each BS's own echo at the cap, the sensing rows read q_i >= t (Fq + v)_i.
    (load, t), units = _loads(scenario, rows, powers), _loads(scenario, rows, _usual_start(scenario, powers))
    b_unit, t_unit = (np.maximum(own, _FAR * usual) for own, usual in zip((load, t), units))
    program.set_data(rows, b_unit, float(t_unit), slack_start)
    t, b = float(t / t_unit), load / b_unit
    history = [_step(scenario, 0, powers, begin)]
    status, method = "iteration_limit", "difference-of-convex SCA (Algorithm 1)"
    for iteration in range(1, max_iterations + 1):
        program.set_iterate(t, b)
        try:
            answer = conic.solve(program.problem, accept_inaccurate=True, **_OPTIONS)
            if program.q.value is None:
                raise SolverFailure(answer.solver, answer.status)
        except SolverFailure:
            if not history[-1].feasible:
                raise
            method += ", Clarabel stalled"
            break
        before = t
        powers = np.clip(program.q.value, 0.0, 1.0) * cap
        t, b = max(float(program.t.value), 0.0), np.maximum(program.b.value, 0.0)
        history.append(_step(scenario, iteration, powers, begin))
        if t - before <= tolerance * before and (iteration > 1 or history[0].feasible):
            status = "converged"
            break
    return build(
        scenario,
        powers,
        method,
        status=status,
        iterations=len(history) - 1,
        seconds=time.perf_counter() - begin,
        history=tuple(history),
    )


_OPTIONS = {"tol_gap_abs": SOLVER_TOLERANCE, "tol_gap_rel": SOLVER_TOLERANCE, "tol_feas": SOLVER_TOLERANCE}


def _usual_start(scenario: Scenario, powers: np.ndarray) -> np.ndarray:
    try:
        return feasible_start(scenario)
    except SolverFailure:  # at the edge of what the users can have: there is none but the caller's
        return powers


def _loads(scenario: Scenario, rows: System, powers: np.ndarray) -> tuple[np.ndarray, np.floating]:
    """What the slacks (B,) and t are at these powers."""
    return rows.sensing_rows((powers / per_bs(scenario, "max_power_w"))[None])[0], np.min(sensing_sinr(scenario, powers))


def _step(scenario: Scenario, iteration: int, powers: np.ndarray, begin: float) -> Step:
    value = float(np.min(sensing_sinr(scenario, powers)))
    feasible = bool(residual(scenario, powers) <= RESIDUAL_TOLERANCE)
    return Step(iteration, value, feasible, time.perf_counter() - begin)
