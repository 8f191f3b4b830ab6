"""Parameter sets: flat YAML files, validated by name, type, unit and range before a kernel starts.

papermill only logs an unknown name and then runs the defaults, and YAML 1.1 reads ``010`` as 8. Both would give a figure that
nobody asked for, so every set is checked against the section's ``schema.yml`` first.
"""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .errors import ParameterError
from .flat_yaml import read_flat_yaml, read_value
from .numbers import read_number

PROVENANCES = ("stated", "derived", "assumed", "recovered")
BASE_SETS = ("quick", "paper")
FALLING = "falling"  # the size of a step or a tolerance: the work grows as it falls
SCALARS = {"integer", "number", "string", "boolean"}
LISTS = {"numbers": "number", "integers": "integer", "strings": "string"}
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Parameter:
    """One entry of a schema."""

    name: str
    type: str
    unit: str
    meaning: str
    provenance: str
    source: str
    notebooks: tuple[str, ...]
    range: tuple[float, float] | None = None
    options: tuple[str, ...] | None = None
    size: bool | str = False
    length: tuple[int, int | None] = (1, None)

    def work_range(self, quick: Any) -> tuple[float, float]:
        """The range, of an amount of work only where it is no more than that of ``quick`` (a step or tolerance: no finer)."""
        low, high = self.range or (-math.inf, math.inf)
        if self.size == FALLING:
            low = min(high, max(low, float(quick)))
        elif self.size:
            high = max(low, min(high, float(quick)))
        return low, high

    @property
    def least_work(self) -> float:
        """The end of the range with the least work."""
        low, high = self.range or (-math.inf, math.inf)
        return high if self.size == FALLING else low

    def check(self, value: Any, where: str | Path) -> Any:
        """The value in its proper type, or a :class:`ParameterError`; numbers and booleans may be text."""
        if value is None:
            raise ParameterError(where, self.name, "has no value", "give one, or leave the name away")
        if self.type not in LISTS:
            return self._check_one(value, where, self.type)
        if value == []:
            raise ParameterError(where, self.name, "is a list without an entry", f"write [..., ...], a list of {self.type}")
        if not isinstance(value, list):
            raise ParameterError(where, self.name, f"{value!r} is not a list", f"write [..., ...], a list of {self.type}")
        entries = [self._check_one(entry, where, LISTS[self.type]) for entry in value]
        least, most = self.length
        if not least <= len(entries) <= (most or len(entries)):
            allowed = (
                f"{least} entries" if least == most else f"{least} to {most} entries" if most else f"at least {least} entries"
            )
            raise ParameterError(where, self.name, f"has {len(entries)} entries", f"give {allowed}")
        return entries

    def _check_one(self, value: Any, where: str | Path, kind: str) -> Any:
        if kind == "boolean":
            if isinstance(value, str):
                value = _BOOLEANS.get(value.lower(), value)
            if not isinstance(value, bool):
                raise ParameterError(where, self.name, f"{value!r} is not a boolean", "write true or false")
            return value
        if kind == "string":
            if not isinstance(value, str):
                raise ParameterError(where, self.name, f"{value!r} is not text", "put it in quotes")
            if self.options and value not in self.options:
                raise ParameterError(
                    where, self.name, f"{value!r} is not a known choice", f"use one of {', '.join(self.options)}"
                )
            return value
        article = "an" if kind == "integer" else "a"
        wanted = f"{article} {kind}" + ("" if self.unit == "1" else f" in {self.unit}")
        if isinstance(value, list):
            raise ParameterError(where, self.name, f"{value!r} is a list where one number belongs", f"give {wanted}")
        if isinstance(value, str):
            try:
                value = read_number(value)
            except ValueError as error:
                problem, remedy = error.args
                shown = value if len(value) <= 40 else f"{value[:30]}..."
                raise ParameterError(where, self.name, f"{shown!r} {problem}", f"{remedy} (wanted: {wanted})") from None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ParameterError(where, self.name, f"{value!r} is not {article} {kind}", f"give {wanted}")
        if value != value or (kind == "integer" and abs(value) == math.inf):
            raise ParameterError(where, self.name, f"is not a finite number ({value})", f"give {wanted}")
        if kind == "integer" and value != int(value):
            raise ParameterError(where, self.name, f"{value!r} is not a whole number", "round it")
        if self.range and not self.range[0] <= value <= self.range[1]:
            low, high = (f"{end:g}" for end in self.range)
            raise ParameterError(where, self.name, f"{value!r} is out of range", f"allowed are {low} to {high} {self.unit_text}")
        try:
            return int(value) if kind == "integer" else float(value)
        except OverflowError:
            raise ParameterError(where, self.name, "is too large", f"give {wanted}") from None

    @property
    def unit_text(self) -> str:
        return "(dimensionless)" if self.unit == "1" else self.unit


@dataclass(frozen=True)
class Relation:
    """What must hold between parameters: an expression in their names, and what to say where it does not.

    It is judged where all these names are taken, and those ``beside`` them: a notebook that estimates positions has ``trials``.
    """

    that: str
    says: str
    beside: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The parameters that the expression speaks of."""
        nodes = [node for node in ast.walk(ast.parse(self.that, mode="eval")) if isinstance(node, ast.Name)]
        bound = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}  # x in all(x > 0 for x in xs)
        return frozenset(node.id for node in nodes) - bound - _FUNCTIONS.keys()

    def check(self, values: Mapping[str, Any], where: str | Path) -> None:
        """Refuse values that break it (values that lack one of its names are not judged)."""
        if not self.names | {*self.beside} <= values.keys():
            return
        try:
            holds = eval(self.that, {"__builtins__": {}, **_FUNCTIONS, **values})
        except Exception as error:  # it was written for other values: an index, a division, a type
            raise ParameterError(where, self.that, f"cannot be judged ({error}; {self._given(values)})", self.says) from None
        if not isinstance(holds, bool):
            raise ParameterError(where, self.that, f"is neither true nor false ({self._given(values)})", "write a comparison")
        if not holds:
            raise ParameterError(where, self.that, f"does not hold ({self._given(values)})", self.says)

    def _given(self, values: Mapping[str, Any]) -> str:
        shown = {name: repr(values[name]) for name in sorted(self.names)}
        return ", ".join(f"{name} = {text if len(text) <= 60 else text[:56] + ' ...'}" for name, text in shown.items())


def centred(count: int, spacing: float) -> list[float]:
    """Where ``count`` points at equal ``spacing`` lie around 0, as the antennas of a linear array around its centre.

    >>> centred(4, 2.0)
    [-3.0, -1.0, 1.0, 3.0]
    """
    return [(n - (count - 1) / 2) * spacing for n in range(count)]


_CALLABLE = (abs, all, any, len, max, min, range, round, set, sorted, sum, zip, centred, math.hypot, math.log10, math.sqrt)
_FUNCTIONS = {function.__name__: function for function in _CALLABLE}


@dataclass(frozen=True)
class Schema:
    """All parameters of a section.

    Attributes
    ----------
    section : str
    folder : Path
    parameters : dict
    relations : tuple of Relation
        What must hold between them, for every run that takes all the names of one.
    compares : tuple of str
        The notebooks with whose runs a what-if compares itself.
    base_sets : dict
        Base sets besides quick and paper: each with the notebooks that are run with it for the book.
    seeds : dict, optional
        The values that differ where claims are judged with other seeds, at a small size; None where they are not.
    """

    section: str
    folder: Path
    parameters: dict[str, Parameter] = field(default_factory=dict)
    relations: tuple[Relation, ...] = ()
    compares: tuple[str, ...] = ()
    base_sets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    seeds: dict[str, Any] | None = None

    def names(self, notebook: str) -> list[str]:
        """Names that a notebook takes, in the order of the schema."""
        return [name for name, parameter in self.parameters.items() if notebook in parameter.notebooks]

    def sets(self) -> list[str]:
        """Names of the set files: quick, paper, then the what-ifs."""
        found = sorted(path.stem for path in self.folder.glob("*.yml") if path.stem != "schema")
        return [name for name in BASE_SETS if name in found] + [name for name in found if name not in BASE_SETS]

    def what_ifs(self) -> list[str]:
        return [name for name in self.sets() if name not in (*BASE_SETS, *self.base_sets)]

    def relate(self, values: Mapping[str, Any], where: str | Path) -> Mapping[str, Any]:
        """The values, unless one of the section's relations does not hold between them."""
        for relation in self.relations:
            relation.check(values, where)
        return values

    def check(self, values: Mapping[str, Any], where: str | Path) -> dict[str, Any]:
        """Validated copy; unknown names are refused with the nearest known one."""
        checked = {}
        for name, value in values.items():
            if name not in self.parameters:
                near = difflib.get_close_matches(str(name), self.parameters, n=1)
                remedy = f"did you mean {near[0]}?" if near else f"known names: {', '.join(self.parameters)}"
                raise ParameterError(where, str(name), f"is not a parameter of {self.section}", remedy)
            checked[name] = self.parameters[name].check(value, where)
        return checked

    def load(self, path: Path, *, complete_for: Iterable[str] = ()) -> dict[str, Any]:
        """Read a set file; with ``complete_for``, every parameter of these notebooks must be given."""
        where = path.name if path.parent == self.folder else path
        values = self.check(read_flat_yaml(path), where)
        missing = [name for notebook in complete_for for name in self.names(notebook) if name not in values]
        if missing:
            raise ParameterError(where, missing[0], "is missing", "add it to the set")
        self.relate(values, where)
        return values

    def load_named(self, name: str, *, complete_for: Iterable[str] = ()) -> dict[str, Any]:
        if name not in self.sets():
            near = difflib.get_close_matches(name, self.sets(), n=1)
            remedy = f"did you mean {near[0]}?" if near else f"known sets: {', '.join(self.sets())}"
            raise ParameterError(self.section, name, "is not a parameter set", remedy)
        return self.load(self.folder / f"{name}.yml", complete_for=complete_for)


def parse_assignment(text: str, schema: Schema) -> tuple[str, Any]:
    """``name=value`` of the command line, checked like a line of a set file."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ParameterError("-p", text, "is not name=value", "for example -p draws=50")
    parameter = schema.parameters.get(name.strip())
    try:
        words = parameter is not None and parameter.type == "string" and value.strip()[:1] not in ("'", '"')
        parsed = value.strip() if words else read_value(value.strip())
    except yaml.YAMLError as error:
        problem = " ".join((getattr(error, "problem", None) or str(error)).split())
        raise ParameterError("-p", name.strip(), f"{value!r} cannot be read ({problem})", "mend or quote it") from None
    return next(iter(schema.check({name.strip(): parsed}, "-p").items()))
