"""Schema files: what they may hold, and whether schema, sets and the notebooks' own defaults agree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import ParameterError
from .flat_yaml import read_flat_yaml
from .parameters import BASE_SETS, LISTS, PROVENANCES, SCALARS, Parameter, Relation, Schema

_KEYS = {"type", "unit", "range", "options", "free", "meaning", "provenance", "source", "notebooks", "size"}


def load_schema(folder: Path) -> Schema:
    """Schema of the section whose notebooks stand in ``folder``.

    Every name describes a parameter, except ``_section``, which may hold ``relations`` (a list of ``that`` and ``says``),
    ``compares`` (notebooks with which a what-if compares itself) and ``base_sets`` (set: notebooks).
    """
    path = folder / "parameters" / "schema.yml"
    where = f"{folder.name}/parameters/schema.yml"
    parameters = {}
    content = read_flat_yaml(path)
    section = content.pop("_section", {})
    for name, entry in content.items():
        if not isinstance(entry, dict):
            raise ParameterError(
                where, str(name), "has no description", "give type, unit, range, meaning, provenance, source, notebooks"
            )
        parameters[name] = _parameter(where, str(name), entry)
    return Schema(folder.name, folder / "parameters", parameters, **_about_section(where, section, parameters))


def _about_section(where: str, entry: Any, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """What a schema says about the section as a whole."""
    if not isinstance(entry, dict) or (unknown := sorted(set(entry) - {"relations", "compares", "base_sets"})):
        problem = f"has an unknown key {unknown[0]!r}" if isinstance(entry, dict) else "is not a mapping"
        raise ParameterError(where, "_section", problem, "known keys: relations, compares, base_sets")
    relations = []
    for given in entry.get("relations", []):
        if not isinstance(given, dict) or set(given) != {"that", "says"}:
            raise ParameterError(
                where, "_section", f"has the relation {given!r}", "give that: (an expression) and says: (the remedy)"
            )
        relation = Relation(str(given["that"]), str(given["says"]))
        try:
            unknown_names = sorted(relation.names - parameters.keys())
        except SyntaxError:
            raise ParameterError(where, "_section", f"has the relation {relation.that!r}", "write an expression") from None
        if unknown_names:
            raise ParameterError(
                where, "_section", f"has a relation of {unknown_names[0]!r}", "it is no parameter of this section"
            )
        relations.append(relation)
    base_sets = {str(name): tuple(notebooks) for name, notebooks in entry.get("base_sets", {}).items()}
    return {"relations": tuple(relations), "compares": tuple(entry.get("compares", [])), "base_sets": base_sets}


def _parameter(where: str, name: str, entry: Mapping[str, Any]) -> Parameter:
    unknown = set(entry) - _KEYS
    if unknown:
        raise ParameterError(where, name, f"has an unknown key {sorted(unknown)[0]!r}", f"known keys: {', '.join(sorted(_KEYS))}")
    kind = entry.get("type")
    if kind not in SCALARS | set(LISTS):
        raise ParameterError(where, name, f"has type {kind!r}", f"use one of {', '.join(sorted(SCALARS | set(LISTS)))}")
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
    for name, chosen in schema.base_sets.items():
        schema.load_named(name, complete_for=chosen)
    for name in schema.what_ifs():
        if "what_if" not in notebooks:
            raise ParameterError(f"{folder.name}/parameters/{name}.yml", name, "is a what-if set", "add a notebook what_if.py")
        schema.load_named(name, complete_for=["what_if"])
    return schema
