r"""The paper's algorithms: the convex program (9), Dinkelbach's method (Algorithm 1), and its one-shot replacement.

**Cone form.** Write the sensing rate as :math:`\beta \ln(1 + \bar\alpha v/\beta)` with :math:`\bar\alpha = \alpha/(1+\kappa)` and
the weighted harmonic mean :math:`v = 1/(\theta/\pi + (1-\theta)/\beta)`, :math:`\theta = 1/(1+\kappa)`. Then

.. math:: \frac{\theta v^2}{\pi} + \frac{(1-\theta) v^2}{\beta} \le v, \qquad
          \rho \le \beta \ln \sigma - \beta \ln \frac{\beta}{(\beta + \bar\alpha v)/\sigma}, \qquad \sigma = 1 + \bar\alpha :

two second-order cones, valid without clutter (:math:`\kappa = 0`) too, and one exponential cone. The shift by :math:`\sigma` is
exact. Every coefficient but :math:`\ln\sigma` lies between 0 and 1, whatever the gains: antennas of 30 dB make
:math:`\alpha` and :math:`\kappa` of the order :math:`10^{9}`, and the textbook form with
:math:`\pi - \kappa\pi^2/(\kappa\pi + \beta)` then loses all digits.

**Charnes-Cooper.** All rates are homogeneous of degree one, so that with :math:`s = 1/(\sum p + P_c)` and the scaled
variables :math:`s\beta, s p` the efficiency problem (13) is *one* program of the same form: no loop is needed.
"""

from __future__ import annotations

import functools
import math
import time
from typing import Literal

import cvxpy as cp
import numpy as np

from ..foundations import conic
from ..foundations.certificate import Step
from ..foundations.errors import InvalidScenario, SolverFailure
from .allocation import Allocation, Criterion, build, objective_value, residual
from .bands import Bands
from .exact import infeasible, solve_exact_batch
from .scenario import Network, Scenario

_PRECISION = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
_SOLVERS = ("CLARABEL", "CLARABEL")  # the second time with its default tolerances
_FLOOR_TOLERANCE = 1e-6  # an answer of reduced accuracy is taken only if its floors hold to this


class _ConeProgram:
    """One compiled program with parameters, for K users: the sum at a price of power, or Charnes-Cooper."""

    def __init__(self, users: int, *, fractional: bool) -> None:
        self.parameters = {
            name: cp.Parameter(shape, nonneg=True)
            for name, shape in {
                "weights": users,
                "noise_root": users,
                "clutter_root": users,
                "floor_sensing": users,
                "floor_rate": users,
                "radar_scaled": users,
                "radar_inverse": users,
                "radar_log": users,
                "link_scaled": users,
                "link_inverse": users,
                "link_log": users,
                "price": (),
                "circuit": (),
            }.items()
        }
        p = self.parameters
        self.shares, self.powers = cp.Variable(users, nonneg=True), cp.Variable(users, nonneg=True)
        self.scale = cp.Variable(nonneg=True) if fractional else 1.0
        usable = cp.Variable(users, nonneg=True)
        constraints = [cp.sum(self.powers) <= self.scale, cp.sum(self.shares) <= self.scale]
        for k in range(users):
            by_power = cp.quad_over_lin(p["noise_root"][k] * usable[k], self.powers[k])
            by_share = cp.quad_over_lin(p["clutter_root"][k] * usable[k], self.shares[k])
            constraints.append(by_power + by_share <= usable[k])
        # The rates are variables, for a weight times an expression that holds parameters would be compiled at every call.
        sensing, rate = cp.Variable(users), cp.Variable(users)
        constraints += [
            sensing <= self._rate(p["radar_log"], p["radar_inverse"], p["radar_scaled"], usable),
            rate <= self._rate(p["link_log"], p["link_inverse"], p["link_scaled"], self.powers),
        ]
        constraints += [sensing >= p["floor_sensing"] * self.scale, rate >= p["floor_rate"] * self.scale]
        total = p["weights"] @ (sensing + rate)
        if fractional:
            constraints.append(cp.sum(self.powers) + p["circuit"] * self.scale == 1)
            self.problem = cp.Problem(cp.Maximize(total), constraints)
        else:
            self.problem = cp.Problem(cp.Maximize(total - p["price"] * cp.sum(self.powers)), constraints)

    def _rate(self, log, inverse, scaled, power):
        inside = cp.multiply(inverse, self.shares) + cp.multiply(scaled, power)
        return cp.multiply(log, self.shares) - cp.rel_entr(self.shares, inside)

    def solve(self, bands: Bands, price: float = 0.0) -> tuple[np.ndarray, np.ndarray, conic.Solution]:
        """Shares, powers (fractions) and the solver's answer for a single network; (), () where it is infeasible."""
        radar, link = bands.radar[0] / (1 + bands.clutter[0]), bands.link[0]
        values = {
            "weights": bands.weights[0],
            "noise_root": np.sqrt(1 / (1 + bands.clutter[0])),
            "clutter_root": np.sqrt(bands.clutter[0] / (1 + bands.clutter[0])),
            "floor_sensing": bands.floors[0, :, 0],
            "floor_rate": bands.floors[0, :, 1],
            "price": price,
            "circuit": bands.circuit[0],
        }
        for name, gain in (("radar", radar), ("link", link)):
            values |= {f"{name}_scaled": gain / (1 + gain), f"{name}_inverse": 1 / (1 + gain), f"{name}_log": np.log1p(gain)}
        for name, value in values.items():
            self.parameters[name].value = value
        answer = conic.solve(self.problem, solvers=_SOLVERS, accept_inaccurate=True, **_PRECISION)
        if answer.status == "infeasible":
            return np.empty(0), np.empty(0), answer
        if answer.status == "unbounded":
            raise SolverFailure(answer.solver, answer.status)
        scale = self.scale if isinstance(self.scale, float) else float(self.scale.value)
        return np.maximum(self.shares.value / scale, 0), np.maximum(self.powers.value / scale, 0), answer


@functools.cache
def _program(users: int, fractional: bool) -> _ConeProgram:
    return _ConeProgram(users, fractional=fractional)


def _checked(scenario, shares, powers, answer) -> None:
    """Raise for an infeasible answer that phase I confirms, and for any answer that does not keep the floors."""
    if answer.status == "infeasible":
        if solve_exact_batch([scenario]).feasible[0]:
            raise SolverFailure(answer.solver, "infeasible", message="but the network is feasible: rescale the gains")
        raise infeasible(scenario)
    violation = residual(scenario, shares, powers * scenario.power_budget_w)
    if violation > _FLOOR_TOLERANCE:
        raise SolverFailure(answer.solver, answer.status, {"residual": violation})


def _answer(program: _ConeProgram, scenario, bands: Bands, price: float = 0.0):
    """Shares and powers (in units of the budgets) that keep the floors, and what the solver said."""
    shares, powers, answer = program.solve(bands, price)
    _checked(scenario, shares, powers, answer)
    # The solver's rounding leaves the budgets by a few 1e-10, far below the tolerance of the floors.
    return shares / max(shares.sum(), 1.0), powers / max(powers.sum(), 1.0), answer


def _one_program(scenario, criterion: Criterion, method: str) -> Allocation:
    """The optimum of a criterion that is one cone program; the bound is the solver's dual objective."""
    start = time.perf_counter()
    bands, fractional = Bands.of([scenario]), criterion == "efficiency"
    unit = bands.scale[0] * scenario.weights.max()
    if fractional:
        bands = bands.unweighted()
        unit = bands.scale[0] / bands.power_w[0]
    shares, powers, answer = _answer(_program(scenario.users, fractional), scenario, bands)
    return build(
        scenario,
        shares,
        powers * scenario.power_budget_w,
        criterion=criterion,
        scheme="joint",
        method=method,
        bound=answer.bound * float(unit),
        iterations=answer.iterations,
        seconds=time.perf_counter() - start,
    )


def solve_sum(scenario: Scenario | Network) -> Allocation:
    r"""Problem (9), :math:`\max \sum_k w_k R_k` under floors and budgets, as one exponential-cone program.

    The certificate's bound is the solver's dual objective.

    Raises
    ------
    InfeasibleScenario, SolverFailure
    """
    return _one_program(scenario, "sum", "exponential cone program")


def solve_efficiency(
    scenario: Scenario | Network,
    *,
    method: Literal["charnes_cooper", "dinkelbach"] = "charnes_cooper",
    tolerance: float = 1e-9,
    max_iterations: int = 30,
) -> Allocation:
    r"""Problem (13), :math:`\max \sum R / (\sum p + P_c)` under floors and budgets.

    Parameters
    ----------
    scenario : Scenario or Network
    method : {"charnes_cooper", "dinkelbach"}
        One convex program, or Algorithm 1: :math:`q \leftarrow 0`, solve :math:`F(q) = \max \sum R - q(\sum p + P_c)`, set
        :math:`q` to the efficiency reached, until :math:`F(q) \le \varepsilon`. The convergence is superlinear (the paper
        quotes the linear rate of a more general method), and ``history`` holds its trace.
    tolerance : float
        :math:`\varepsilon` relative to the sum of rates.
    max_iterations : int

    Raises
    ------
    InfeasibleScenario, SolverFailure
    """
    if method == "charnes_cooper":
        return _one_program(scenario, "efficiency", "Charnes-Cooper cone program")
    if method == "dinkelbach":
        return _dinkelbach(scenario, tolerance, max_iterations)
    raise InvalidScenario("method", f"{method!r} is not a known choice", "use 'charnes_cooper' or 'dinkelbach'")


def _dinkelbach(scenario, tolerance: float, max_iterations: int) -> Allocation:
    start = time.perf_counter()
    bands = Bands.of([scenario]).unweighted()
    unit, circuit = float(bands.scale[0] / bands.power_w[0]), float(bands.circuit[0])
    program = _program(scenario.users, False)
    q, bound, history = 0.0, math.inf, [Step(0, 0.0, False, 0.0)]
    best: tuple[np.ndarray, np.ndarray] | None = None
    for iteration in range(1, max_iterations + 1):
        shares, powers, answer = _answer(program, scenario, bands, q)
        # EE - q <= F(q)/(sum p + P_c) <= F(q)/P_c for every allocation: the dual value of each step bounds the optimum.
        bound = min(bound, q + max(answer.bound - q * circuit, 0.0) / circuit)
        total = float(bands.rates(np.maximum(shares[None], 1e-300), powers[None]).sum())
        used = float(powers.sum()) + circuit
        excess = total - q * used
        if best is None or total / used >= q:
            best, q = (shares, powers), max(q, total / used)
        feasible = residual(scenario, shares, powers * scenario.power_budget_w) <= _FLOOR_TOLERANCE
        reached = objective_value(scenario, shares, powers * scenario.power_budget_w, "efficiency")
        history.append(Step(iteration, reached, feasible, time.perf_counter() - start))
        if excess <= tolerance * total:
            break
    shares, powers = best
    return build(
        scenario,
        shares,
        powers * scenario.power_budget_w,
        criterion="efficiency",
        scheme="joint",
        method="Dinkelbach (Algorithm 1)",
        bound=bound * unit,
        iterations=len(history) - 1,
        seconds=time.perf_counter() - start,
        history=history,
    )
