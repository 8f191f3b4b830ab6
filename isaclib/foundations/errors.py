"""The three ways in which a request can fail, each with what the caller needs to react."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class InvalidScenario(ValueError):
    """A field of a scenario (or an argument of a solver) is malformed.

    Parameters
    ----------
    field : str
        Name of the offending field, also available as the attribute ``field``.
    problem : str
        What is wrong with it, with the value found.
    remedy : str, optional
        What to write instead.
    """

    def __init__(self, field: str, problem: str, remedy: str = "") -> None:
        self.field = field
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{field}: {problem}" + (f" ({remedy})" if remedy else ""))

    def __reduce__(self):
        return type(self), (self.field, self.problem, self.remedy)


class InfeasibleScenario(Exception):
    """No allocation meets every constraint of the scenario.

    Attributes
    ----------
    constraint : str
        The constraint that cannot be met, e.g. ``"crb_limit_m2"``.
    index : int or tuple of int or None
        Which target, user or station it belongs to (None: no single one).
    limit : float
        The limit that was asked for.
    best_attainable : float
        The best value that any allocation attains for it (infinite where the geometry is degenerate).
    """

    def __init__(
        self,
        constraint: str,
        *,
        index: int | tuple[int, ...] | None = None,
        limit: float = float("nan"),
        best_attainable: float = float("nan"),
        message: str = "",
    ) -> None:
        self.constraint = constraint
        self.index = index
        self.limit = float(limit)
        self.best_attainable = float(best_attainable)
        self.message = message
        entries = () if index is None else index if isinstance(index, tuple) else (index,)
        where = f"[{', '.join(str(entry) for entry in entries)}]" if entries else ""
        text = f"{constraint}{where}: the limit is {self.limit:.6g}, the best attainable value is {self.best_attainable:.6g}"
        super().__init__(f"{text}; {message}" if message else text)

    def __reduce__(self):
        return _rebuild_infeasible, (self.constraint, self.index, self.limit, self.best_attainable, self.message)


def _rebuild_infeasible(constraint, index, limit, best_attainable, message):
    return InfeasibleScenario(constraint, index=index, limit=limit, best_attainable=best_attainable, message=message)


class SolverFailure(RuntimeError):
    """A numerical solver stopped without an answer that can be trusted. This never means that a scenario is infeasible.

    Attributes
    ----------
    solver : str
        Name of the solver.
    status : str
        What the solver reported.
    residuals : dict
        The residuals that were found to be too large (may be empty).
    """

    def __init__(self, solver: str, status: str, residuals: Mapping[str, Any] | None = None, message: str = "") -> None:
        self.solver = solver
        self.status = status
        self.residuals = dict(residuals or {})
        self.message = message
        text = f"{solver} stopped with status {status!r}"
        if self.residuals:
            text += " (" + ", ".join(f"{name} = {value:.3g}" for name, value in self.residuals.items()) + ")"
        super().__init__(f"{text}; {message}" if message else text)

    def __reduce__(self):
        return type(self), (self.solver, self.status, self.residuals, self.message)
