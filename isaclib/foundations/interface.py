"""What a chapter offers to those who come with files: its scenario, the fields of an allocation, its solvers, its judge.

Every chapter declares one in its module ``interface``; ``python -m isaclib`` and the benchmark set know chapters by nothing else.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import checks, files
from .certificate import Certificate
from .errors import InfeasibleScenario, InvalidScenario, SolverFailure
from .fields import checked_fields
from .scenario import Batch
from .score import Score


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of benchmark instances.

    Attributes
    ----------
    about : str
        What makes an instance one of it, in a sentence.
    draw : callable
        Makes a scenario of a generator; what turns out infeasible is drawn again.
    options : mapping of str to value
        Options of ``score`` under which all instances are judged.
    count : int
        Instances of the benchmark set.
    """

    about: str
    draw: Callable[[np.random.Generator], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    count: int = 50


@dataclass(frozen=True, kw_only=True)
class Interface:
    """A chapter's declaration.

    Attributes
    ----------
    chapter : str
    scenario : type
        The chapter's ``Scenario``.
    others : tuple of type
        Further classes of scenarios that ``score`` and the solvers take.
    compact : callable, optional
        Takes the fields of an allocation and returns those that mean the same in a smaller file.
    allocation : mapping of str to declaration
        The arguments of ``score`` that make an allocation, as fields made by :func:`~isaclib.foundations.scenario.array` and
        its kin; a solver's result has attributes of these names (some of those that are optional).
    solvers : mapping of str to callable
        By name, ``exact`` and ``paper`` among them; each takes a scenario, and those of the options that it knows.
    score : callable
        ``score(scenario, **allocation, **options, tolerance=..., optimum=...)``.
    together : mapping of str to callable
        For some of the solvers, one that takes a batch of scenarios and the same options, and returns for each the allocation,
        or the error that the solver would raise: the same to rounding, sooner.
    options : mapping of str to declaration
        Further keyword arguments of ``score`` (and of solvers), each with a default.
    families : mapping of str to Family
        Benchmark instances (see :mod:`isaclib.instances`).
    """

    chapter: str
    scenario: type
    allocation: Mapping[str, Any]
    solvers: Mapping[str, Callable]
    score: Callable[..., Score]
    together: Mapping[str, Callable] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    families: Mapping[str, Family] = field(default_factory=dict)
    others: tuple[type, ...] = ()
    compact: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def load(self, path: Any) -> Any:
        """The scenario in a file."""
        return files.load_scenario(path, self.scenario, *self.others)

    def fields(self, allocation: Any) -> dict[str, Any]:
        """The fields of a solver's result that make an allocation."""
        found = {name: getattr(allocation, name, None) for name in self.allocation}
        return {name: value for name, value in found.items() if value is not None}

    def save(self, path: Any, allocation: Any) -> None:
        """Write a solver's result to a file, as small as it can be."""
        fields = self.fields(allocation)
        kept = fields if self.compact is None else self.compact(fields)
        files.save_allocation(path, kept, self.allocation, chapter=self.chapter, about=str(allocation.certificate))

    def solve(self, scenario: Any, method: str = "exact", **options: Any) -> Any:
        """The allocation of a solver by its name; an option that this solver does not take is refused."""
        solver = self.solvers[checks.word("method", method, tuple(self.solvers))]
        for name, value in self._checked(options).items():
            if not self.takes(method, name) and value != self.options[name].default:
                raise InvalidScenario(name, f"is not taken by the method {method}")
        return solver(scenario, **{name: value for name, value in self._checked(options).items() if self.takes(method, name)})

    def solve_each(self, scenarios: Sequence[Any], method: str = "exact", **options: Any) -> list[tuple[Any, float]]:
        """For each scenario the allocation of a solver or the error that it raises, and the seconds that it took."""
        begin = time.perf_counter()
        if method in self.together and len(scenarios):
            found = self.together[method](Batch(scenarios), **self._checked(options))
            return [(each, (time.perf_counter() - begin) / len(found)) for each in found]
        rows: list[tuple[Any, float]] = []
        for scenario in scenarios:
            begin = time.perf_counter()
            try:
                found = self.solve(scenario, method, **options)
            except (InfeasibleScenario, SolverFailure, InvalidScenario) as error:
                found = error
            rows.append((found, time.perf_counter() - begin))
        return rows

    def takes(self, method: str, option: str) -> bool:
        """Whether a solver takes an option."""
        return option in inspect.signature(self.solvers[checks.word("method", method, tuple(self.solvers))]).parameters

    def judge(
        self,
        scenario: Any,
        allocation: Mapping[str, Any],
        *,
        tolerance: float | None = None,
        optimum: Certificate | None = None,
        **options: Any,
    ) -> Score:
        """The score of an allocation given by its fields; an optimum that is known already is not solved for again."""
        extra = {} if tolerance is None else {"tolerance": tolerance}
        return self.score(scenario, **allocation, **self._checked(options), **extra, optimum=optimum)

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        for name in options:
            checks.word("option", name, tuple(self.options))
        return checked_fields(self.options, options)
