"""Schema files: what they may hold, and whether schema, sets and the notebooks' own defaults agree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from .errors import ParameterError
from .flat_yaml import read_flat_yaml
from .numbers import read_number
from .parameters import BASE_SETS, Parameter, Relation, Schema
from .schema_rules import check_rules

_TYPED = ("range", "length", "size", "free")


def load_schema(folder: Path) -> Schema:
    """Schema of the section whose notebooks stand in ``folder``.

    Every name describes a parameter, except ``_section``, which may hold ``relations`` (a list of ``that``, ``says`` and
    perhaps ``beside``), ``compares`` (notebooks with which a what-if compares itself), ``base_sets`` (set: notebooks) and
    ``seeds`` (the values that differ from the ``paper`` set, at the sizes of ``quick``, where claims are judged with other
    seeds).
    """
    where = f"{folder.name}/parameters/schema.yml"
    content = read_flat_yaml(folder / "parameters" / "schema.yml")
    for entry in content.values():
        if isinstance(entry, dict):
            entry.update({key: _typed(entry[key]) for key in _TYPED if key in entry})
    check_rules(content, where)
    section = content.pop("_section", {})
    parameters = {name: _parameter(where, name, entry) for name, entry in content.items()}
    relations = tuple(map(_relation, section.get("relations", [])))
    for relation in relations:
        _check_relation(where, relation, parameters)
    base_sets = {name: tuple(notebooks) for name, notebooks in section.get("base_sets", {}).items()}
    schema = Schema(folder.name, folder / "parameters", parameters, relations, tuple(section.get("compares", [])), base_sets)
    seeds = schema.check(section["seeds"], where) if "seeds" in section else None
    return replace(schema, seeds=seeds)


def _typed(value: Any) -> Any:
    """Numbers and booleans of a schema file, which are read as text."""
    if isinstance(value, list):
        return [_typed(entry) for entry in value]
    if value in ("true", "false"):
        return value == "true"
    try:
        return read_number(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _relation(given: Mapping[str, Any]) -> Relation:
    return Relation(given["that"], given["says"], tuple(given.get("beside", [])))


def _check_relation(where: str, relation: Relation, parameters: Mapping[str, Parameter]) -> None:
    """A relation is an expression in parameters that some notebook takes together."""
    try:
        names = relation.names | {*relation.beside}
    except SyntaxError:
        raise ParameterError(where, "_section", f"has the relation {relation.that!r}", "write an expression") from None
    if unknown := sorted(names - parameters.keys()):
        raise ParameterError(where, "_section", f"has a relation of {unknown[0]!r}", "it is no parameter of this section")
    takers = [set(parameters[name].notebooks) for name in names]
    if not takers or not set.intersection(*takers):
        problem = f"has the relation {relation.that!r}, of which no notebook takes all names"
        raise ParameterError(where, "_section", problem, "relate parameters of one notebook")


def _parameter(where: str, name: str, entry: Mapping[str, Any]) -> Parameter:
    bounds, length = entry.get("range"), entry.get("length", [1, None])
    if bounds and not bounds[0] <= bounds[1]:
        raise ParameterError(where, name, f"has range {bounds!r}", "add range: [lowest, highest], as numbers")
    least, most = (length, length) if isinstance(length, int) else length
    if most is not None and least > most:
        raise ParameterError(where, name, f"has length {length!r}", "write length: 3, or length: [least, most]")
    return Parameter(
        name=name,
        type=entry["type"],
        unit=entry.get("unit", "1"),
        meaning=entry["meaning"],
        provenance=entry["provenance"],
        source=entry.get("source", ""),
        notebooks=tuple(entry["notebooks"]),
        range=(float(bounds[0]), float(bounds[1])) if bounds else None,
        options=tuple(entry["options"]) if "options" in entry else None,
        size=entry.get("size", False),
        length=(least, most),
    )


def notebook_defaults(path: Path) -> dict[str, Any]:
    """Names and literal values in the cell tagged ``parameters`` of a py:percent notebook."""
    where = f"{path.parent.name}/{path.name}"
    cells = _parameter_cells(path.read_text())
    if not cells:
        return {}
    if len(cells) > 1:
        raise ParameterError(where, "parameters", "stands in two cells", "keep one cell tagged parameters")
    defaults = {}
    for statement in ast.parse(cells[0]).body:
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


@cache
def _parameter_cells(text: str) -> tuple[str, ...]:
    import jupytext

    cells = jupytext.reads(text, fmt="py").cells
    return tuple(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))


def check_notebook(path: Path, schema: Schema) -> None:
    """A default that the schema lacks, or the reverse, is an error; so is a default outside its range."""
    where = f"{path.parent.name}/{path.name}"
    defaults, names = notebook_defaults(path), schema.names(path.stem)
    for name in defaults:
        if name not in names:
            raise ParameterError(
                where, name, "has a default but the schema does not list it for this notebook", "add it to schema.yml"
            )
        parameter = schema.parameters[name]
        if isinstance(defaults[name], str) and parameter.type in ("number", "integer", "boolean"):
            raise ParameterError(where, name, f"has the text {defaults[name]!r} as default", f"write a {parameter.type}")
        parameter.check(defaults[name], where)
    try:
        schema.relate(defaults, where)
    except ParameterError as error:
        raise ParameterError(where, error.name, f"{error.problem} for the defaults", error.remedy) from None
    for name in names:
        if name not in defaults:
            raise ParameterError(
                where, name, "is in the schema but has no default in the notebook", "add it to the parameters cell"
            )


def _check_known(folder: Path, name: str, named: Iterable[str], notebooks: Sequence[str]) -> None:
    for notebook in named:
        if notebook not in notebooks:
            where = f"{folder.name}/parameters/schema.yml"
            raise ParameterError(where, name, f"names the notebook {notebook!r}", f"notebooks here: {', '.join(notebooks)}")


def check_section(folder: Path, notebooks: Iterable[str]) -> Schema:
    """Everything about a section's parameters that can be wrong before a run: schema, defaults, all sets."""
    schema = load_schema(folder)
    notebooks = list(notebooks)
    for parameter in schema.parameters.values():
        _check_known(folder, parameter.name, parameter.notebooks, notebooks)
    for names in (schema.compares, *schema.base_sets.values()):
        _check_known(folder, "_section", names, notebooks)
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
