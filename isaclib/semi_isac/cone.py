r"""The problem as an exponential-cone program: what the paper's algorithms solve, and the last resort of the exact solver.

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
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..foundations.errors import SolverFailure
from .bands import Bands, Restriction

if TYPE_CHECKING:
    from ..foundations import conic

_PRECISION = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
_FREE = Restriction()
_SOLVERS = ("CLARABEL", "CLARABEL")  # the second time with its default tolerances


@dataclass(frozen=True)
class Answer:
    """Shares and powers (K,) in units of the budgets (empty if infeasible), multipliers (1, K, 2), and what the solver said.

    ``solution`` is None where the answer did not come from a cone solver.
    """

    solution: conic.Solution | None
    shares: np.ndarray
    powers: np.ndarray
    multipliers: np.ndarray

    @property
    def infeasible(self) -> bool:
        return self.solution is not None and self.solution.status == "infeasible"


class ConeProgram:
    """One compiled program with parameters, for K users: the sum at a price of power, or Charnes-Cooper."""

    def __init__(self, users: int, *, fractional: bool, free: Restriction) -> None:
        import cvxpy as cp  # two seconds to load, and the exact solver does without it

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
                "transmitted": (),
                "consumed": (),
            }.items()
        }
        p = self.parameters
        self.shares, self.powers = cp.Variable(users, nonneg=True), cp.Variable(users, nonneg=True)
        self.scale = cp.Variable(nonneg=True) if fractional else 1.0
        usable = cp.Variable(users, nonneg=True)
        constraints = [
            cp.sum(self.powers) <= self.scale if free.powers else self.powers == self.scale / users,
            cp.sum(self.shares) <= self.scale if free.shares else self.shares == self.scale / users,
        ]
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
        self.floors = [sensing >= p["floor_sensing"] * self.scale, rate >= p["floor_rate"] * self.scale]
        constraints += self.floors
        total = p["weights"] @ (sensing + rate)
        if fractional:
            constraints.append(p["transmitted"] * cp.sum(self.powers) + p["consumed"] * self.scale == 1)
            self.problem = cp.Problem(cp.Maximize(total), constraints)
        else:
            self.problem = cp.Problem(cp.Maximize(total - p["price"] * cp.sum(self.powers)), constraints)

    def _rate(self, log, inverse, scaled, power):
        import cvxpy as cp

        inside = cp.multiply(inverse, self.shares) + cp.multiply(scaled, power)
        return cp.multiply(log, self.shares) - cp.rel_entr(self.shares, inside)

    def solve(self, bands: Bands, price: float = 0.0) -> Answer:
        """Answer for a single network.

        Raises
        ------
        SolverFailure
        """
        radar, link = bands.radar[0] / (1 + bands.clutter[0]), bands.link[0]
        values = {
            "weights": bands.weights[0],
            "noise_root": np.sqrt(1 / (1 + bands.clutter[0])),
            "clutter_root": np.sqrt(bands.clutter[0] / (1 + bands.clutter[0])),
            "floor_sensing": bands.floors[0, :, 0],
            "floor_rate": bands.floors[0, :, 1],
            "price": price,
            "transmitted": 1 / (1 + bands.circuit[0]),  # the scale counts in 1/(1 + P_c): it is of the order of one for any P_c
            "consumed": bands.circuit[0] / (1 + bands.circuit[0]),
        }
        for name, gain in (("radar", radar), ("link", link)):
            values |= {f"{name}_scaled": gain / (1 + gain), f"{name}_inverse": 1 / (1 + gain), f"{name}_log": np.log1p(gain)}
        for name, value in values.items():
            self.parameters[name].value = value
        from ..foundations import conic

        found = conic.solve(self.problem, solvers=_SOLVERS, accept_inaccurate=True, **_PRECISION)
        if found.status == "infeasible":
            return Answer(found, np.empty(0), np.empty(0), np.zeros_like(bands.floors))
        if found.status == "unbounded":
            raise SolverFailure(found.solver, found.status)
        scale = self.scale if isinstance(self.scale, float) else float(self.scale.value)
        shares, powers = (np.maximum(variable.value / scale, 0) for variable in (self.shares, self.powers))
        # The solver's rounding leaves the budgets by a few 1e-10, far below the tolerance of the floors.
        duals = np.stack([np.maximum(np.nan_to_num(floor.dual_value), 0) for floor in self.floors], axis=1)
        multipliers = np.where(bands.floors > 0, duals[None], 0.0)
        return Answer(found, shares / max(shares.sum(), 1.0), powers / max(powers.sum(), 1.0), multipliers)


@functools.cache
def cone_program(users: int, *, fractional: bool = False, free: Restriction = _FREE) -> ConeProgram:
    """Compiled once for each number of users, criterion and restriction."""
    return ConeProgram(users, fractional=fractional, free=free)
