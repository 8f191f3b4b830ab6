"""Parameter sets: flat YAML files, validated by name, type, unit and range before a kernel starts.

papermill only logs an unknown name and then runs the defaults, and YAML 1.1 reads ``1e-3`` as text. Both would give a
figure that nobody asked for, so every set is checked against the section's ``schema.yml`` first.
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

PROVENANCES = ("stated", "derived", "assumed")
BASE_SETS = ("quick", "paper")
_SCALARS = {"integer", "number", "string", "boolean"}
_LISTS = {"numbers": "number", "integers": "integer", "strings": "string"}
_KEYS = {"type", "unit", "range", "options", "free", "meaning", "provenance", "source", "notebooks", "size"}


class ParameterError(ValueError):
    """A parameter file, schema or command-line value that is refused: where, which name, what to write instead."""

    def __init__(self, where: str | Path, name: str, problem: str, remedy: str = "") -> None:
        self.where, self.name, self.problem, self.remedy = str(where), name, problem, remedy
        super().__init__(f"{where}: {name}: {problem}" + (f"; {remedy}" if remedy else ""))


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
    size: bool = False

    def check(self, value: Any, where: str | Path) -> Any:
        """The value in its proper type, or a :class:`ParameterError`."""
        if self.type in _LISTS:
            if not isinstance(value, list) or not value:
                raise ParameterError(where, self.name, f"{value!r} is not a list", f"write [..., ...], a list of {self.type}")
            return [self._check_one(entry, where, _LISTS[self.type]) for entry in value]
        return self._check_one(value, where, self.type)

    def _check_one(self, value: Any, where: str | Path, kind: str) -> Any:
        if kind == "boolean":
            if not isinstance(value, bool):
                raise ParameterError(where, self.name, f"{value!r} is not a boolean", "write true or false")
            return value
        if kind == "string":
            if not isinstance(value, str):
                raise ParameterError(
                    where, self.name, f"{value!r} is not text", "put it in quotes (YAML reads a bare no as false)"
                )
            if self.options and value not in self.options:
                raise ParameterError(
                    where, self.name, f"{value!r} is not a known choice", f"use one of {', '.join(self.options)}"
                )
            return value
        article = "an" if kind == "integer" else "a"
        wanted = f"{article} {kind}" + ("" if self.unit == "1" else f" in {self.unit}")
        if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                number = None
            hint = f"write {_yaml_float(number)}: YAML 1.1 reads {value} as text" if number is not None else f"give {wanted}"
            raise ParameterError(where, self.name, f"{value!r} is text where {article} {kind} belongs", hint)
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
class Schema:
    """All parameters of a section."""

    section: str
    folder: Path
    parameters: dict[str, Parameter] = field(default_factory=dict)

    def names(self, notebook: str) -> list[str]:
        """Names that a notebook takes, in the order of the schema."""
        return [name for name, parameter in self.parameters.items() if notebook in parameter.notebooks]

    def sets(self) -> list[str]:
        """Names of the set files: quick, paper, then the what-ifs."""
        found = sorted(path.stem for path in self.folder.glob("*.yml") if path.stem != "schema")
        return [name for name in BASE_SETS if name in found] + [name for name in found if name not in BASE_SETS]

    def what_ifs(self) -> list[str]:
        return [name for name in self.sets() if name not in BASE_SETS]

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
        return values

    def load_named(self, name: str, *, complete_for: Iterable[str] = ()) -> dict[str, Any]:
        path = self.folder / f"{name}.yml"
        if name == "schema" or not path.exists():
            near = difflib.get_close_matches(name, self.sets(), n=1)
            remedy = f"did you mean {near[0]}?" if near else f"known sets: {', '.join(self.sets())}"
            raise ParameterError(self.section, name, "is not a parameter set", remedy)
        return self.load(path, complete_for=complete_for)


class _UniqueKeys(yaml.SafeLoader):
    """A loader that refuses a key given twice instead of keeping the last."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_flat_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; syntax errors and repeated names are refused with file and line."""
    try:
        content = yaml.load(path.read_text(), Loader=_UniqueKeys)
    except FileNotFoundError:
        raise ParameterError(path, "file", "does not exist", "check the path") from None
    except OSError as error:
        raise ParameterError(path, "file", f"cannot be read ({error.strerror})", "name a file") from None
    except (yaml.YAMLError, ValueError) as error:  # a date that is none, a number of thousands of digits, no text
        raise ParameterError(path, "file", f"is not valid YAML ({' '.join(str(error).split())})", "mend the line") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ParameterError(path, "file", "does not hold name: value lines", "write one 'name: value' per line")
    return content


def load_schema(folder: Path) -> Schema:
    """Schema of the section whose notebooks stand in ``folder``."""
    path = folder / "parameters" / "schema.yml"
    where = f"{folder.name}/parameters/schema.yml"
    parameters = {}
    for name, entry in read_flat_yaml(path).items():
        if not isinstance(entry, dict):
            raise ParameterError(
                where, str(name), "has no description", "give type, unit, range, meaning, provenance, source, notebooks"
            )
        parameters[name] = _parameter(where, str(name), entry)
    return Schema(folder.name, folder / "parameters", parameters)


def _parameter(where: str, name: str, entry: Mapping[str, Any]) -> Parameter:
    unknown = set(entry) - _KEYS
    if unknown:
        raise ParameterError(where, name, f"has an unknown key {sorted(unknown)[0]!r}", f"known keys: {', '.join(sorted(_KEYS))}")
    kind = entry.get("type")
    if kind not in _SCALARS | set(_LISTS):
        raise ParameterError(where, name, f"has type {kind!r}", f"use one of {', '.join(sorted(_SCALARS | set(_LISTS)))}")
    if "notebooks" not in entry or not isinstance(entry["notebooks"], list):
        raise ParameterError(where, name, "does not say which notebooks take it", "add notebooks: [...]")
    for key in ("meaning", "provenance"):
        if not entry.get(key):
            raise ParameterError(where, name, f"has no {key}", f"add {key}: ...")
    if entry["provenance"] not in PROVENANCES:
        raise ParameterError(where, name, f"has provenance {entry['provenance']!r}", f"use one of {', '.join(PROVENANCES)}")
    numeric = kind in ("integer", "number", "numbers", "integers")
    bounds = options = None
    if numeric:
        if not entry.get("unit"):
            raise ParameterError(where, name, "has no unit", 'add unit: ... ("1" when dimensionless)')
        bounds = entry.get("range")
        if not (
            isinstance(bounds, list) and len(bounds) == 2 and all(_is_number(end) for end in bounds) and bounds[0] <= bounds[1]
        ):
            raise ParameterError(where, name, f"has range {bounds!r}", "add range: [lowest, highest], as numbers")
    elif kind in ("string", "strings"):
        options = entry.get("options")
        if not entry.get("free") and not (isinstance(options, list) and options):
            raise ParameterError(where, name, "is text without options", "add options: [...], or free: true")
    return Parameter(
        name=name,
        type=kind,
        unit=str(entry.get("unit", "1")),
        meaning=str(entry["meaning"]),
        provenance=entry["provenance"],
        source=str(entry.get("source", "")),
        notebooks=tuple(entry["notebooks"]),
        range=tuple(float(end) for end in bounds) if bounds else None,
        options=tuple(str(option) for option in options) if options else None,
        size=bool(entry.get("size", False)),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _yaml_float(number: float) -> str:
    text = repr(float(number))
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}" if e else text


def notebook_defaults(path: Path) -> dict[str, Any]:
    """Names and literal values in the cell tagged ``parameters`` of a py:percent notebook."""
    import jupytext

    where = f"{path.parent.name}/{path.name}"
    cells = [cell for cell in jupytext.read(path).cells if "parameters" in cell.metadata.get("tags", [])]
    if not cells:
        return {}
    if len(cells) > 1:
        raise ParameterError(where, "parameters", "stands in two cells", "keep one cell tagged parameters")
    defaults = {}
    for statement in ast.parse(cells[0].source).body:
        if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)):
            raise ParameterError(
                where, "parameters", f"line {statement.lineno} is not 'name = value'", "keep literals only in this cell"
            )
        try:
            defaults[statement.targets[0].id] = ast.literal_eval(statement.value)
        except ValueError:
            raise ParameterError(
                where, statement.targets[0].id, "has a default that is no literal", "write a number, text or list"
            ) from None
    return defaults


def check_notebook(path: Path, schema: Schema) -> None:
    """A default that the schema lacks, or the reverse, is an error; so is a default outside its range."""
    where = f"{path.parent.name}/{path.name}"
    defaults, names = notebook_defaults(path), schema.names(path.stem)
    for name in defaults:
        if name not in names:
            raise ParameterError(
                where, name, "has a default but the schema does not list it for this notebook", "add it to schema.yml"
            )
        schema.parameters[name].check(defaults[name], where)
    for name in names:
        if name not in defaults:
            raise ParameterError(
                where, name, "is in the schema but has no default in the notebook", "add it to the parameters cell"
            )


def check_section(folder: Path, notebooks: Iterable[str]) -> Schema:
    """Everything about a section's parameters that can be wrong before a run: schema, defaults, all sets."""
    schema = load_schema(folder)
    notebooks = list(notebooks)
    for parameter in schema.parameters.values():
        for notebook in parameter.notebooks:
            if notebook not in notebooks:
                where = f"{folder.name}/parameters/schema.yml"
                raise ParameterError(
                    where, parameter.name, f"names the notebook {notebook!r}", f"notebooks here: {', '.join(notebooks)}"
                )
    for notebook in notebooks:
        check_notebook(folder / f"{notebook}.py", schema)
    base = [notebook for notebook in notebooks if notebook != "what_if"]
    for name in BASE_SETS:
        schema.load_named(name, complete_for=base)
    for name in schema.what_ifs():
        if "what_if" not in notebooks:
            raise ParameterError(f"{folder.name}/parameters/{name}.yml", name, "is a what-if set", "add a notebook what_if.py")
        schema.load_named(name, complete_for=["what_if"])
    return schema


def _meant(value: Any, kind: str) -> Any:
    """On the command line 1e-3 can only mean the number where a number belongs; YAML 1.1 reads it as text."""
    if kind not in ("number", "integer") or not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def parse_assignment(text: str, schema: Schema) -> tuple[str, Any]:
    """``name=value`` of the command line, checked like a line of a set file."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ParameterError("-p", text, "is not name=value", "for example -p draws=50")
    try:
        parsed = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        parsed = value
    parameter = schema.parameters.get(name.strip())
    if parameter is not None and parameter.type in _LISTS and isinstance(parsed, list):
        kind = _LISTS[parameter.type]
        parsed = [_meant(entry, kind) for entry in parsed]
    elif parameter is not None:
        parsed = _meant(parsed, parameter.type)
    return next(iter(schema.check({name.strip(): parsed}, "-p").items()))
