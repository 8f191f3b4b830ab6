"""The corners of a schema: every parameter alone at each of its ends, lists of one entry, of equal entries, out of order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..notebook.context import TRIAL
from .errors import ParameterError
from .parameters import LISTS, Parameter, Schema
from .plan import Run, Section, custom_run
from .trial import LONGEST, TEXTS, basis, with_least_work

_FARTHEST = 1e12  # stands for an end of a range that is infinite


def corner_runs(root: Path, section: Section, notebooks: Sequence[str]) -> tuple[list[Run], list[str]]:
    """Runs of the notebooks with the set ``quick`` but for one parameter, and in which words the other corners are refused.

    Where a relation refuses a parameter alone, all those that it names go to the same corner: two coordinates of as many points.
    """
    runs: dict[tuple[str, str], Run] = {}
    refused: dict[str, str] = {}
    for notebook in notebooks:
        quick = basis(section, notebook)
        moved = partial(_moved, section.schema, quick)
        corners = {name: dict(_corners(section.schema.parameters[name], value)) for name, value in quick.items()}
        for name, where in ((each, where) for each in quick for where in corners[each]):
            label = f"{TRIAL}{name}-{where}"
            try:
                run = _run(root, section, notebook, label, moved({name: corners[name][where]}))
            except ParameterError as error:
                relation = next((each for each in section.schema.relations if each.that == error.name), None)
                tied = relation.names & quick.keys() if relation else {name}
                together = {each: corners[each][where] for each in sorted(tied) if where in corners[each]}
                refused.setdefault(f"{name} {where}: {error.problem}; {error.remedy}", "")
                try:
                    run = _run(root, section, notebook, f"{label}-tied", moved(together))
                except ParameterError:
                    continue
            if run.values != quick:
                runs.setdefault((notebook, str(run.values)), run)
    return list(runs.values()), list(refused)


def _moved(schema: Schema, quick: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    return with_least_work(schema, {**quick, **changed}, quick)


def _run(root: Path, section: Section, notebook: str, label: str, values: dict[str, Any]) -> Run:
    return custom_run(root, section, notebook, section.schema.check(values, label), label, "quick")


def _corners(parameter: Parameter, quick: Any) -> Iterator[tuple[str, Any]]:
    """What a corner is called, and the value there. Amounts of work stay at most those of ``quick``."""
    if parameter.type not in LISTS:
        yield from _ends(parameter, parameter.type, quick)
        return
    least, most = parameter.length
    most = max(least, min(most or LONGEST, len(quick) if parameter.size else LONGEST))
    ends = list(_ends(parameter, LISTS[parameter.type], quick[0]))
    for where, value in ends:
        yield where, [value] * least
    yield "one", quick[:1] * least
    yield "equal", quick[:1] * max(2, least)
    yield "falling", sorted(quick, reverse=True)
    yield "rising", sorted(quick)
    if {where for where, _ in ends} == {"low", "high"}:
        low, high = (value for _, value in ends)
        yield "both", [low] * (most - most // 2) + [high] * (most // 2)
        if least <= 2:
            yield "across", [low, high]
            yield "back", [high, low]


def _ends(parameter: Parameter, kind: str, quick: Any) -> Iterator[tuple[str, Any]]:
    if kind == "boolean":
        yield "other", not quick
    elif kind == "string":
        options = parameter.options or TEXTS
        yield from ((f"option-{number}", option) for number, option in enumerate(options) if option != quick)
    else:
        low, high = (min(max(end, -_FARTHEST), _FARTHEST) for end in parameter.work_range(quick))
        whole = int if kind == "integer" else float
        yield "low", whole(low)
        yield "high", whole(high)
