r"""Certificates: what a returned allocation is worth, in numbers that can be recomputed.

For a maximisation with optimum :math:`v^\star`, a feasible allocation of value :math:`v` and a *certified* bound
:math:`\bar v \ge v^\star` bracket the optimum, :math:`v \le v^\star \le \bar v`. The relative gap

.. math:: \text{gap} = \frac{|\bar v - v|}{\max(|v|, \text{tiny})}

is then a proof of near-optimality that does not ask the reader to trust the solver's status.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .errors import InvalidScenario, SolverFailure

Status = Literal["optimal", "converged", "iteration_limit"]
STATUSES: tuple[str, ...] = ("optimal", "converged", "iteration_limit")
_TINY = float(np.finfo(float).tiny)
# What may be called optimal at all; the solvers' own limits are tighter (cone programs come to these).
LARGEST_GAP, LARGEST_RESIDUAL = 1e-5, 1e-6
ROUNDING = 1e-9  # relative distance by which rounding may put a value beyond its bound
FEASIBLE = 1e-12  # a larger violation can explain why a value lies beyond the bound


def wrong_side(value: float, bound: float, sense: str = "max") -> float:
    """By how much a value lies beyond its bound, relative to the larger of the two; 0 on the right side or without a bound.

    >>> wrong_side(2.0, 1.5), wrong_side(2.0, 1.5, "min")
    (0.25, 0.0)
    """
    value, bound = checks.reported("value", value), checks.reported("bound", bound)
    checks.word("sense", sense, ("max", "min"))
    beyond = value - bound if sense == "max" else bound - value
    if not beyond > 0:  # nan, too: no bound, or both infinite
        return 0.0
    return beyond / max(abs(value), abs(bound)) if math.isfinite(beyond) else math.inf


def relative_gap(value: ArrayLike, bound: ArrayLike) -> np.ndarray | np.floating:
    """Distance of value and bound relative to the value, elementwise; nan where there is no bound, 0 where both are infinite.

    Numbers, or arrays of equal shape; an infinite value has an infinite distance to a finite bound.

    >>> relative_gap([2.0, 1.0, np.inf], [2.1, np.nan, np.inf]).round(9).tolist()
    [0.05, nan, 0.0]
    """
    value, bound = _reals("value", value), _reals("bound", bound)
    if np.ndim(value) and np.ndim(bound) and np.shape(value) != np.shape(bound):
        raise InvalidScenario("bound", f"has shape {np.shape(bound)}, but value has shape {np.shape(value)}")
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.abs(bound - value)
        gap = np.where(np.isinf(value), distance, distance / np.maximum(np.abs(value), _TINY))
    return np.where(value == bound, 0.0, gap)[()]


def _reals(name: str, given: ArrayLike) -> float | np.ndarray:
    """Real numbers, nan and inf among them; what solvers hand over is taken as it is."""
    if isinstance(given, float) or (type(given) is np.ndarray and given.dtype == float):
        return given
    return checks.values(name, given, nan=True, infinite=True)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What is known about an allocation.

    Attributes
    ----------
    method : str
        The algorithm, in words (e.g. ``"convex scalar search"``).
    value : float
        Objective of the allocation, recomputed from the allocation itself.
    bound : float
        Certified bound on the optimum from a dual solution, a bracket, an outer approximation or a proven closed form;
        never a copy of ``value``. nan for heuristics.
    residual : float
        Largest constraint violation relative to the limit it violates, on unscaled data (0: every constraint holds).
    status : {"optimal", "converged", "iteration_limit"}
        ``optimal``: value and bound meet to tolerance; ``converged``: a stopping rule was met without such a proof.
    iterations : int
    seconds : float
    sense : {"max", "min"}
        Of the problem: on which side of the value the bound lies.
    gap : float
        ``|bound - value| / max(|value|, tiny)``, computed here.

    Raises
    ------
    ValueError
        For an optimal status without proof: a gap above 1e-5, a residual above 1e-6, or a nan.
    SolverFailure
        For a value that keeps every constraint and lies beyond its bound by more than rounding (1e-9).
    """

    method: str
    value: float
    bound: float = math.nan
    residual: float = 0.0
    status: Status = "converged"
    iterations: int = 0
    seconds: float = 0.0
    sense: Literal["max", "min"] = "max"

    def __post_init__(self) -> None:
        checks.instance("method", self.method, str)
        for name in ("value", "bound", "residual", "seconds"):
            if not isinstance(getattr(self, name), float):  # a NumPy float is one, too
                checks.reported(name, getattr(self, name))
        checks.count("iterations", self.iterations, minimum=0)
        if self.residual < 0 or not (0 <= self.seconds < math.inf):
            raise InvalidScenario("residual" if self.residual < 0 else "seconds", "must be at least 0 (and seconds finite)")
        checks.word("status", self.status, STATUSES)
        checks.word("sense", self.sense, ("max", "min"))
        beyond = wrong_side(self.value, self.bound, self.sense)
        if self.residual <= FEASIBLE and beyond > ROUNDING:
            raise SolverFailure(
                self.method, "value beyond its bound", {"value": self.value, "bound": self.bound, "beyond": beyond}
            )
        if self.status == "optimal":
            if math.isnan(self.bound) or math.isnan(self.value):
                raise ValueError("an optimal status needs a value and a bound")
            if not (self.gap <= LARGEST_GAP and self.residual <= LARGEST_RESIDUAL):
                raise ValueError(
                    f"an optimal status needs a gap of at most {LARGEST_GAP:g} and a residual of at most "
                    f"{LARGEST_RESIDUAL:g}, not {self.gap:.3g} and {self.residual:.3g}"
                )

    @property
    def gap(self) -> float:
        return float(relative_gap(self.value, self.bound))

    def __str__(self) -> str:
        certified = "no bound" if math.isnan(self.bound) else f"bound {self.bound:.6g} (gap {self.gap:.1e})"
        return f"{self.method}: value {self.value:.6g}, {certified}, residual {self.residual:.1e}, {self.status}"


@dataclass(frozen=True)
class Step:
    """One iteration of an iterative method; iteration 0 is the starting point."""

    iteration: int
    objective: float
    feasible: bool
    seconds: float
