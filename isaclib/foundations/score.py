r"""Anybody's allocation against the certified optimum of the same scenario.

For a maximisation with certified optimum :math:`v^\star` an allocation of value :math:`v` has the gap
:math:`(v^\star - v)/v^\star`, for a minimisation :math:`(v - v^\star)/v^\star`; it is not negative for a feasible
allocation, up to the certificate's own gap. An allocation that violates a constraint can beat the optimum, so its gap is nan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from . import checks
from .certificate import Certificate
from .errors import InfeasibleScenario, InvalidScenario

TOLERANCE = 1e-6  # relative excess that still counts as rounding
_SAME = 1e-9  # a relative distance that is rounding


@dataclass(frozen=True, kw_only=True)
class Score:
    """What an allocation is worth.

    Attributes
    ----------
    value : float
        Objective of the allocation, recomputed from its arrays; nan where it is not defined.
    optimum : float
        Certified optimum of the same scenario; nan for an infeasible scenario.
    gap : float
        ``(optimum - value) / optimum``, signed by the sense of the problem; nan unless every violation is at most the
        tolerance.
    feasible : bool
        Whether every violation is at most the tolerance.
    violations : mapping of str to float
        Every constraint by name with its excess relative to its limit (0: it holds, inf: it cannot be evaluated).
    certificate : Certificate or None
        Of the optimum: how well it is known. None for an infeasible scenario.
    unit : str
        Of value and optimum.
    sense : {"max", "min"}
    message : str
        Why there is no optimum, if there is none.
    """

    value: float
    optimum: float
    gap: float
    feasible: bool
    violations: Mapping[str, float]
    certificate: Certificate | None
    unit: str = ""
    sense: Literal["max", "min"] = "max"
    message: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        broken = {name: excess for name, excess in self.violations.items() if not excess <= 0}
        said = ", ".join(excess_of(name, excess) for name, excess in sorted(broken.items(), key=lambda item: -item[1]))
        if self.certificate is None:
            return f"The scenario is infeasible: {self.message}." + (f" The allocation violates {said}." if said else "")
        optimum = f"the certified optimum is {self.optimum:.6g}{unit} (known to {self.certificate.gap:.1e})"
        if not self.proven:
            optimum = f"the best that is known is {self.optimum:.6g}{unit}, not proven to be the optimum"
            if math.isfinite(self.certificate.bound):
                optimum += f" (which is {'at least' if self.sense == 'min' else 'at most'} {self.certificate.bound:.6g}{unit})"
        if not self.feasible:
            return f"Infeasible: the allocation violates {said}; its value of {self.value:.6g}{unit} is not compared, {optimum}."
        best = "the optimum" if self.proven else "it"
        if abs(self.gap) <= max(self.certificate.gap if self.proven else 0.0, _SAME):
            return f"Feasible, {self.value:.6g}{unit}: 0 % from {best}; {optimum}."
        distance = "above" if (self.sense == "min") == (self.gap > 0) else "below"
        return f"Feasible, {self.value:.6g}{unit}: {100 * abs(self.gap):.3g} % {distance} {best}; {optimum}."

    @property
    def proven(self) -> bool:
        """Whether the optimum is one: certified, and not only the best value that was found."""
        return self.certificate is not None and self.certificate.status == "optimal"

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and words, for JSON (nan and inf as None and "inf")."""
        certificate = self.certificate
        return {
            "value": _plain(self.value),
            "optimum": _plain(self.optimum),
            "gap": _plain(self.gap),
            "feasible": self.feasible,
            "violations": {name: _plain(excess) for name, excess in self.violations.items()},
            "unit": self.unit,
            "sense": self.sense,
            "proven": self.proven,
            "certificate": None
            if certificate is None
            else {
                "method": certificate.method,
                "value": _plain(certificate.value),
                "bound": _plain(certificate.bound),
                "gap": _plain(certificate.gap),
                "residual": _plain(certificate.residual),
                "status": certificate.status,
            },
            "message": self.message,
            "text": str(self),
        }


def at_least_zero(name: str, value: Any, shape: Sequence[str | int], scale: float, sizes: dict[str, int]) -> tuple[Any, float]:
    """An array that must not be negative, as solvers leave it: clipped at 0, and how far it was below, relative to a scale.

    What lies below 0 by more than rounding (1e-6 of the scale) is refused.

    >>> clipped, excess = at_least_zero("powers_w", [0.5, -1e-9], ("M",), 2.0, {})
    >>> clipped.tolist(), excess
    ([0.5, 0.0], 5e-10)
    """
    found = checks.array(name, value, shape, sizes=sizes)
    checks.in_range(name, np.where(found >= -TOLERANCE * scale, np.maximum(found, 0.0), found), minimum=0)
    return np.maximum(found, 0.0), float(np.max(np.maximum(-found, 0.0)) / scale)


def excess_of(name: str, excess: float) -> str:
    """A violation in words.

    >>> excess_of("power", 0.5), excess_of("value", math.inf)
    ('power by 50 %', 'value, which is not defined')
    """
    checks.instance("name", name, str)
    if not checks.reported("excess", excess) <= 1e4:
        return f"{name} by a factor of {excess:.1g}" if math.isfinite(excess) else f"{name}, which is not defined"
    return f"{name} by {100 * excess:.3g} %"


def judge(
    value: float,
    violations: Mapping[str, float],
    solve: Callable[[], Certificate],
    *,
    sense: Literal["max", "min"] = "max",
    unit: str = "",
    tolerance: float = TOLERANCE,
    optimum: Certificate | None = None,
) -> Score:
    """A :class:`Score` from what a chapter's judge recomputed and the certificate of its exact solver.

    Parameters
    ----------
    value : float
    violations : mapping of str to float
        Relative excess by constraint; a nan counts as inf, a negative number (slack) as 0. A nan value that nothing explains
        is added as a violation of its own.
    solve : callable
        Returns the certificate of the exact optimum, or raises InfeasibleScenario.
    sense : {"max", "min"}
    unit : str
    tolerance : float
        Largest excess of a feasible allocation.
    optimum : Certificate, optional
        That of the exact optimum where it is known already; ``solve`` is then not called.

    Examples
    --------
    >>> best = Certificate(method="by hand", value=2.0, bound=2.0, status="optimal")
    >>> print(judge(1.5, {"max_power_w": 0.0}, lambda: best))
    Feasible, 1.5: 25 % below the optimum; the certified optimum is 2 (known to 0.0e+00).
    """
    value = checks.reported("value", value)
    checks.instance("violations", violations, Mapping)
    given = {checks.instance("violations", name, str): checks.reported("violations", x) for name, x in violations.items()}
    checks.function("solve", solve)
    checks.word("sense", sense, ("max", "min"))
    checks.instance("unit", unit, str)
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    known = None if optimum is None else _known(optimum, sense)
    over = {name: math.inf if math.isnan(excess) else max(0.0, excess) for name, excess in given.items()}
    if math.isnan(value) and all(excess <= tolerance for excess in over.values()):
        over["value"] = math.inf  # what has no value is no allocation
    feasible = all(excess <= tolerance for excess in over.values())
    common: dict[str, Any] = {"violations": MappingProxyType(over), "unit": unit, "sense": sense}
    try:
        certificate = known or checks.instance("solve", solve(), Certificate, "it returns the certificate of the optimum")
    except InfeasibleScenario as error:
        nan = math.nan
        return Score(value=value, optimum=nan, gap=nan, feasible=False, certificate=None, message=str(error), **common)
    best = certificate.value
    distance = best - value if sense == "max" else value - best
    gap = math.nan
    if feasible:
        gap = 0.0 if value == best else distance / abs(best) if best else math.copysign(math.inf, distance)
    return Score(value=value, optimum=best, gap=gap, feasible=feasible, certificate=certificate, **common)


def _known(optimum: Certificate, sense: str) -> Certificate:
    """A certificate from outside: it must prove an optimum of a problem of this sense."""
    checks.instance("optimum", optimum, Certificate, "the certificate of solve_exact for the same scenario")
    if optimum.status != "optimal" or optimum.sense != sense:
        found = f"is {optimum.status!r} of a {optimum.sense!r} problem"
        raise InvalidScenario("optimum", found, f"it must be 'optimal' and of a {sense!r} problem")
    return optimum


@dataclass(frozen=True, kw_only=True)
class ScoreBatch:
    """D scores as columns.

    Attributes
    ----------
    value : (D,)
        Objectives of the allocations.
    optimum : (D,)
        Certified optima of their scenarios.
    gap : (D,)
        Signed gaps; nan for infeasible rows.
    bound : (D,)
        Certified bounds on the optima; nan for infeasible scenarios.
    status : (D,) of str
        Of the optimum's certificate, or ``infeasible``: only ``optimal`` ones are proven, and only their gaps are summed up
        when a batch is printed.
    feasible : (D,) bool
        Whether every violation is at most the tolerance.
    violations : mapping of str to (D,)
        Relative excess by constraint.
    rows : tuple of Score
        The scores one by one.
    """

    value: np.ndarray
    optimum: np.ndarray
    gap: np.ndarray
    bound: np.ndarray
    status: np.ndarray
    feasible: np.ndarray
    violations: Mapping[str, np.ndarray]
    rows: tuple[Score, ...] = field(repr=False)

    @classmethod
    def of(cls, scores: Sequence[Score]) -> ScoreBatch:
        """Columns of at least one score."""
        rows = tuple(scores) if isinstance(scores, Sequence) else ()
        if not rows or not all(isinstance(row, Score) for row in rows):
            raise InvalidScenario("scores", f"must be at least one score, not {checks.short(scores)}")
        names = list(dict.fromkeys(name for row in rows for name in row.violations))
        columns = {name: np.array([getattr(row, name) for row in rows]) for name in ("value", "optimum", "gap", "feasible")}
        known = [row.certificate for row in rows]
        columns["bound"] = np.array([math.nan if each is None else each.bound for each in known])
        columns["status"] = np.array(["infeasible" if each is None else each.status for each in known])
        over = {name: np.array([row.violations.get(name, 0.0) for row in rows]) for name in names}
        return cls(violations=MappingProxyType(over), rows=rows, **columns)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return f"{int(self.feasible.sum())} of {len(self)} feasible{spread_of(self.gap, self.status == 'optimal')}"


def spread_of(gaps: np.ndarray, proven: np.ndarray) -> str:
    """Median and worst of the finite gaps to proven optima, and how many others there are, in words.

    >>> spread_of(np.array([0.1, 0.3, 0.9, np.nan]), np.array([True, True, False, True]))
    '; gap: median 0.2, worst 0.3 (1 more to optima that are not proven)'
    """
    sizes: dict[str, int] = {"D": 0} if isinstance(gaps, np.ndarray) and gaps.size == 0 else {}
    gaps = checks.array("gaps", gaps, ("D",), nan=True, infinite=True, sizes=sizes)
    proven = checks.mask("proven", proven, ("D",), sizes=sizes)
    known = np.isfinite(gaps)
    left = int(np.count_nonzero(known & ~proven))
    spread = ""
    if np.any(known & proven):
        spread = f"; gap: median {np.median(gaps[known & proven]):.3g}, worst {gaps[known & proven].max():.3g}"
    return spread + (f" ({left} more to optima that are not proven)" if left else "")


def _plain(number: float) -> float | str | None:
    return None if math.isnan(number) else float(number) if math.isfinite(number) else ("inf" if number > 0 else "-inf")
