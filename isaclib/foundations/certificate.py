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

Status = Literal["optimal", "converged", "iteration_limit"]
STATUSES: tuple[str, ...] = ("optimal", "converged", "iteration_limit")
_TINY = float(np.finfo(float).tiny)


def relative_gap(value, bound):
    """Distance of value and bound relative to the value, elementwise; nan where there is no bound, 0 where both are infinite."""
    value, bound = np.asarray(value, dtype=float), np.asarray(bound, dtype=float)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(value == bound, 0.0, np.abs(bound - value) / np.maximum(np.abs(value), _TINY))[()]


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
    gap : float
        ``|bound - value| / max(|value|, tiny)``, computed here.
    """

    method: str
    value: float
    bound: float = math.nan
    residual: float = 0.0
    status: Status = "converged"
    iterations: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of {STATUSES}, not {self.status!r}")
        if self.status == "optimal" and math.isnan(self.bound):
            raise ValueError("an optimal status needs a bound")

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
