"""Random valid sets at the smallest size: what a schema allows and its notebooks may not survive."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..notebook.context import TRIAL
from .children import Outcome
from .errors import ParameterError
from .parameters import LISTS, Parameter, Schema
from .plan import Run, Section, custom_run

_TRIES = 500
LONGEST = 6  # entries of a list whose length is free
_NO_NUMBER = re.compile(r"(?<![\w.`'/])[-+]?(?:nan|inf)(?![\w`'])|\b[A-Z]\w*Warning: ")
TEXTS = ("", 'Half {power} at 50 % #1, "so" \\n | $x_1$ \u03b7')  # titles that somebody could write


def basis(section: Section, notebook: str) -> dict[str, Any]:
    """A notebook's values of ``quick``; a what-if takes what is not in it from the first set of its own."""
    schema = section.schema
    values = schema.load_named("quick")
    if notebook == "what_if":
        values = {**schema.load_named(schema.what_ifs()[0]), **values}
    return {name: values[name] for name in schema.names(notebook) if name in values}


def random_values(section: Section, notebook: str, rng: np.random.Generator) -> dict[str, Any]:
    """Values for a notebook that its schema accepts: some of ``quick``, the others from anywhere in their range.

    Corners are likely: both ends of a range, lists of one entry or of equal entries, a quarter of the sets with nothing but ends.
    What breaks a relation is drawn again. Amounts of work stay at most those of ``quick``, and are the least where the system
    is larger than that of ``quick``.

    Raises
    ------
    ParameterError
        When no set was found that obeys the relations of the section.
    """
    schema, quick = section.schema, basis(section, notebook)
    share, ends = rng.choice([0.2, 0.5, 0.9]), rng.random() < 0.25  # of the parameters that move; whether they go to the ends

    def drawn(name: str, likely: float = 1.0) -> Any:
        moves = rng.random() < share * likely
        return _random_value(schema.parameters[name], quick[name], rng, ends) if moves else quick[name]

    values = {name: drawn(name) for name in quick}
    for attempt in range(1, _TRIES + 1):
        try:
            return dict(schema.relate(schema.check(with_least_work(schema, values, quick), "isac try"), "isac try"))
        except ParameterError as error:
            broken = next((relation.names for relation in schema.relations if relation.that == error.name), quick.keys())
            # Ever more of them stay as in `quick`, whose values obey every relation.
            values |= {name: drawn(name, 1 - attempt / _TRIES) for name in sorted(broken & quick.keys())}
    problem = f"no set of {_TRIES} obeys the relations of {section.name}"
    raise ParameterError("isac try", notebook, problem, "relate less, or widen the ranges")


def with_least_work(schema: Schema, values: dict[str, Any], quick: dict[str, Any]) -> dict[str, Any]:
    """The values; with the least amounts of work where there are more users, carriers, antennas than in ``quick``."""
    known = {name: schema.parameters[name] for name in values}
    counts = [name for name, parameter in known.items() if parameter.type == "integer" and not parameter.size and name != "seed"]
    if all(values[name] <= quick[name] for name in counts):
        return values
    work = [parameter for parameter in known.values() if parameter.size]
    least = {each.name: values[each.name][: each.length[0]] if each.type in LISTS else each.least_work for each in work}
    return {**values, **least}


def trial_runs(root: Path, section: Section, notebooks: Sequence[str], sets: int, seed: int) -> list[Run]:
    """Runs of each notebook with random sets; the same seed gives the same sets, and more sets begin with those of fewer."""
    runs = []
    for number, child in enumerate(np.random.default_rng(seed).spawn(sets)):
        for notebook, stream in zip(notebooks, child.spawn(len(notebooks))):
            values = random_values(section, notebook, stream)
            runs.append(custom_run(root, section, notebook, values, f"{TRIAL}{seed}-{number}", "quick"))
    return runs


def some(runs: Sequence[Run], most: int, seed: int) -> list[Run]:
    """At most so many runs of each notebook, drawn without replacement and in their order; more of a seed begin with fewer."""
    order = [runs[place] for place in np.random.default_rng(seed).permutation(len(runs))]
    kept = {run for name in {run.notebook for run in runs} for run in [each for each in order if each.notebook == name][:most]}
    return [run for run in runs if run in kept]


def set_file(outcome: Outcome, told: str = "") -> Path:
    """Write the set of a run that failed, or of which something else is told, as a file for ``isac run --set``."""
    run = outcome.run
    path = run.root / "build" / "tries" / run.section / f"{run.notebook}-{run.label.partition('+')[0]}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    failure = outcome.failure or {}
    told = " ".join((told or f"failed in {failure.get('cell', '')}: {failure.get('error', '')}").split())[:300]
    path.write_text(f"# {run.section}/{run.notebook} {told}\n{yaml.safe_dump(run.values, sort_keys=False)}")
    return path


def without_number(directory: Path) -> list[str]:
    """Where a finished notebook shows its reader ``nan`` or ``inf`` for a number, or a warning, with the words around it."""
    path = directory / "notebook.ipynb"
    cells = json.loads(path.read_text())["cells"] if path.exists() else []
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [output.get("text") or output.get("data", {}).get("text/markdown") or "" for output in outputs]
    whole = [" ".join("".join(text).split()) for text in texts]
    return [text[max(0, at.start() - 50) : at.end() + 50] for text in whole if (at := _NO_NUMBER.search(text))]


def tidy(outcomes: Sequence[Outcome]) -> None:
    """Remove what the trial's runs left: nobody asked for their numbers."""
    for outcome in outcomes:
        if outcome.run.label.startswith(TRIAL):
            shutil.rmtree(outcome.run.directory, ignore_errors=True)


def _random_value(parameter: Parameter, quick: Any, rng: np.random.Generator, ends: bool) -> Any:
    """Any value of the range; a list also with its least and its largest number of entries, rising, falling, or all equal."""
    if parameter.type not in LISTS:
        return _random_scalar(parameter, parameter.type, quick, rng, ends)
    least, most = parameter.length
    most = max(most or max(LONGEST, least), least)
    if parameter.size:
        most = max(least, min(most, len(quick)))
    lengths = [len(quick), len(quick), least, min(most, max(LONGEST, least)), int(rng.integers(least, most + 1))]
    kind = LISTS[parameter.type]
    near = [quick[int(rng.integers(len(quick)))] for _ in range(int(rng.choice(lengths)))]
    entries = [_random_scalar(parameter, kind, value, rng, ends) for value in near]
    if kind == "string":
        return list(dict.fromkeys(entries))
    order = rng.choice(["rise", "rise", "rise", "fall", "fall", "equal", "as drawn", "as drawn"])
    if order == "equal":
        return entries[:1] * len(entries)
    return entries if order == "as drawn" else sorted(entries, reverse=order == "fall")


def _random_scalar(parameter: Parameter, kind: str, quick: Any, rng: np.random.Generator, ends: bool) -> Any:
    if kind == "boolean":
        return bool(rng.random() < 0.5)
    if kind == "string":
        return str(rng.choice(parameter.options or [quick, *TEXTS]))
    low, high = parameter.work_range(quick)
    how = rng.choice(["low", "high"] if ends else ["low", "high", "near", "anywhere", "anywhere", "magnitude"])
    if how in ("low", "high"):
        value = low if how == "low" else high
    elif how == "near" and quick:
        value = quick * np.exp(0.5 * rng.normal())
    elif low > 0:
        value = np.exp(rng.uniform(np.log(low), np.log(high))) if np.isfinite(high) else low * 10 ** rng.uniform(0, 12)
    elif how == "magnitude":  # of a range that holds zero
        value = rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(-6, np.log10(max(abs(low), min(abs(high), 1e12), 1.0)))
    else:
        value = rng.uniform(max(low, -1e12), min(high, 1e12))
    value = float(np.clip(value, low, high))
    if kind == "integer":
        return int(np.clip(round(min(value, 1e15)), np.ceil(low), min(high, 1e15)))
    return float(f"{value:.6g}") if low <= float(f"{value:.6g}") <= high else value
