r"""The least-power global optimum of the max-min sensing problem.

.. math:: \max_{p}\ \min_i \gamma^s_i(p) \quad\text{s.t.}\quad \gamma^c_j(p) \ge \gamma_{\mathrm{th}},\quad
    0 \le p \le P_{\max}.

For a target t the least powers that meet every row are the least fixed point of a map that is the entrywise maximum of
affine, increasing functions (a standard interference function). Howard's policy iteration runs over the choice of the row
that binds at each BS:

1. start with all BSs on their sensing row (S = all);
2. :math:`t = \min_k t_{S,k}` by the closed form of :mod:`.perron`: an upper bound on the optimum;
3. powers at which the selected rows hold with equality for this t; they satisfy :math:`\max_i p_i = P_{\max}`;
4. where a BS's other row asks for more, switch to it and go to 2. Where none does, the powers are feasible at t:
   upper bound and value meet.

Step 4 never raises t, and there are finitely many row choices, so the method is exact and ends: after one to four steps in
all cases seen.
"""

from __future__ import annotations

import time

import numpy as np

from ..foundations.errors import InfeasibleScenario, SolverFailure
from ..foundations.scenario import Batch
from . import perron
from .allocation import OPTIMALITY_TOLERANCE, RESIDUAL_TOLERANCE, Allocation, AllocationBatch, build, residual
from .scenario import Scenario, range_std_m, sensing_sinr

METHOD = "policy iteration on Perron-Frobenius problems"
_SWITCH = 1e-12  # a row must ask for more by this relative amount to be switched to: ties must not cycle
_MAX_STEPS = 200  # a safeguard: 4 is the most that was seen, up to 30 base stations


def solve_exact(scenario: Scenario) -> Allocation:
    """The least-power global optimum of one scenario.

    Returns
    -------
    Allocation
        ``certificate.bound`` is the Perron-Frobenius closed form of the final row choice; powers are the unique least ones.

    Raises
    ------
    InfeasibleScenario
        With constraint ``"min_comm_sinr"`` where the users' thresholds cannot be met together: ``best_attainable`` is the
        largest SINR that all users have at once, ``index`` the BS at its cap there.
    SolverFailure
        Where rounding leaves no proof, which happens for a threshold within about 1e-9 of ``best_attainable``.
    """
    start = time.perf_counter()
    batch = Batch([scenario])
    solved = solve_exact_batch(batch)
    if not solved.feasible[0]:
        best, index = perron.max_min_comm_sinr(batch)
        raise InfeasibleScenario(
            "min_comm_sinr",
            index=int(index[0]),
            limit=scenario.min_comm_sinr,
            best_attainable=float(best[0]),
            message="no powers within the cap give every user this SINR",
        )
    if not (solved.gap[0] <= OPTIMALITY_TOLERANCE and solved.residual[0] <= RESIDUAL_TOLERANCE):
        found = {"gap": float(solved.gap[0]), "residual": float(solved.residual[0])}
        raise SolverFailure(METHOD, "no proven optimum", found, "look for gains of extreme ratio, or a threshold at the edge")
    return build(
        scenario,
        solved.powers_w[0],
        METHOD,
        bound=float(solved.bound[0]),
        status="optimal",
        iterations=int(solved.iterations[0]),
        seconds=time.perf_counter() - start,
    )


def solve_exact_batch(scenarios) -> AllocationBatch:
    """The least-power global optimum of D scenarios of equal size; never raises for infeasibility.

    Parameters
    ----------
    scenarios : Batch or sequence of Scenario
    """
    batch = Batch.of(scenarios)
    rows = perron.system(batch)
    draws, size = rows.v.shape
    best, _ = perron.max_min_comm_sinr(batch)
    feasible = best >= batch.min_comm_sinr
    q = np.full((draws, size), np.nan)
    bound = np.full(draws, np.nan)
    steps = np.zeros(draws, dtype=int)
    lanes = np.flatnonzero(feasible)
    sensing = np.ones((len(lanes), size), dtype=bool)
    for step in range(1, _MAX_STEPS + 1):
        if not len(lanes):
            break
        here = rows[lanes]
        t, powers, switch = _improve(here, sensing)
        # No sensing row left: the users alone take the cap (threshold at its best attainable value), nothing can be gained.
        users_only = ~np.any(sensing ^ switch, axis=-1)
        powers[users_only] = perron.users_optimum(here[users_only])
        q[lanes], bound[lanes], steps[lanes] = powers, t, step
        again = np.any(switch, axis=-1) & ~users_only
        lanes, sensing = lanes[again], (sensing ^ switch)[again]
    return _recomputed(batch, q, bound, feasible, best, steps)


def _improve(rows: perron.System, sensing: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps 2 to 4: the bound t (D,), its powers (D, B), and which rows to switch (D, B) bool."""
    t, q = perron.row_optimum(rows, sensing)
    ask_sensing, ask_comm = t[:, None] * rows.sensing_rows(q), rows.comm_rows(q)
    switch = np.where(sensing, ask_comm > ask_sensing * (1 + _SWITCH), ask_sensing > ask_comm * (1 + _SWITCH))
    return t, q, switch


def _recomputed(batch: Batch, q, bound, feasible, best, steps) -> AllocationBatch:
    """Value, residual and gap from the powers alone, the cap enforced to the last bit."""
    powers = np.minimum(q / np.max(q, axis=-1, keepdims=True), 1.0) * np.asarray(batch.max_power_w)[:, None]
    safe = np.where(np.isfinite(powers).all(axis=-1, keepdims=True), powers, 0.0)  # zero power has no value and no bound meets it
    value = np.min(sensing_sinr(batch, safe), axis=-1)
    gap = np.abs(bound - value) / np.maximum(value, np.finfo(float).tiny)

    def masked(numbers: np.ndarray) -> np.ndarray:
        keep = feasible.reshape(-1, *[1] * (numbers.ndim - 1))
        result = np.where(keep, numbers, np.nan)
        result.setflags(write=False)
        return result

    return AllocationBatch(
        powers_w=masked(powers),
        worst_sensing_sinr=masked(value),
        range_std_m=masked(range_std_m(batch, safe)),
        feasible=feasible,
        best_attainable=best,
        bound=masked(bound),
        gap=masked(gap),
        residual=masked(residual(batch, safe)),
        iterations=steps,
    )
