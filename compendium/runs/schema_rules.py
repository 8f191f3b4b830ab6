"""What a section's ``schema.yml`` may hold, as a JSON Schema, and what is said where it does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from .errors import ParameterError
from .parameters import FALLING, LISTS, PROVENANCES, SCALARS

_WORDS = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
_TEXT = {"type": "string", "minLength": 1, "description": "write text"}
_NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_PARAMETER: dict[str, Any] = {
    "type": "object",
    "description": "give type, unit, range, meaning, provenance, source, notebooks",
    "properties": {
        "type": {"enum": sorted(SCALARS | set(LISTS))},
        "unit": _TEXT,
        "range": _NUMBERS | {"description": "add range: [lowest, highest], as numbers"},
        "length": {
            "oneOf": [
                {"type": "integer", "minimum": 1},
                _NUMBERS | {"items": {"type": "integer", "minimum": 1}},
            ],
            "description": "write length: 3, or length: [least, most]",
        },
        "options": _WORDS | {"description": "add options: [...]"},
        "free": {"type": "boolean", "description": "write free: true"},
        "size": {
            "oneOf": [{"type": "boolean"}, {"const": FALLING}],
            "description": "write size: true, or falling where less is more work",
        },
        "meaning": _TEXT,
        "provenance": {"enum": list(PROVENANCES)},
        "source": {"type": "string", "description": "write text"},
        "notebooks": _WORDS | {"description": "add notebooks: [...]"},
    },
    "additionalProperties": False,
    "required": ["type", "meaning", "provenance", "notebooks"],
    "allOf": [
        {
            "if": {"properties": {"type": {"enum": ["integer", "number", "integers", "numbers"]}}, "required": ["type"]},
            "then": {"required": ["unit", "range"]},
        },
        {
            "if": {"properties": {"type": {"enum": sorted(LISTS)}}, "required": ["type"]},
            "else": {"properties": {"length": {"not": {}, "description": "only a list has a length"}}},
        },
        {
            "if": {
                "properties": {"type": {"enum": ["string", "strings"]}, "free": {"not": {"const": True}}},
                "required": ["type"],
            },
            "then": {"required": ["options"]},
        },
    ],
}
_RELATION = {
    "type": "object",
    "properties": {"that": _TEXT, "says": _TEXT, "beside": _WORDS | {"description": "write beside: [name, ...]"}},
    "required": ["that", "says"],
    "additionalProperties": False,
    "description": "give that: (an expression) and says: (the remedy)",
}
_SECTION: dict[str, Any] = {
    "type": "object",
    "description": "known keys: relations, compares, base_sets, seeds",
    "properties": {
        "relations": {"type": "array", "items": _RELATION, "description": "write a list of that: and says:"},
        "compares": _WORDS | {"description": "write compares: [notebook, ...]"},
        "base_sets": {
            "type": "object",
            "additionalProperties": _WORDS,
            "description": "write base_sets: {set: [notebook, ...]}",
        },
        "seeds": {"type": "object", "description": "write seeds: {name: value}, the small sizes for other seeds"},
    },
    "additionalProperties": False,
}
RULES = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"_section": _SECTION},
    "additionalProperties": _PARAMETER,
}
_RELATED = "give that: (an expression) and says: (the remedy)"
_HINTS = {
    "unit": 'add unit: ... ("1" when dimensionless)',
    "options": "add options: [...], or free: true",
    "meaning": "add meaning: ...",
    "that": _RELATED,
    "says": _RELATED,
}


def check_rules(content: dict[str, Any], where: str | Path) -> None:
    """Refuse the content of a schema file that breaks the rules: which name, what is wrong, what to write instead."""
    error = best_match(Draft202012Validator(RULES).iter_errors(content))
    if error is not None:
        name = str(error.absolute_path[0]) if error.absolute_path else "file"
        raise ParameterError(where, name, *_in_words(error)) from None


def _in_words(error: ValidationError) -> tuple[str, str]:
    key = next((step for step in reversed(error.absolute_path) if isinstance(step, str)), "")
    inside = len(error.absolute_path) > 1
    known, described = error.schema.get("properties", {}), _PARAMETER["properties"] | _SECTION["properties"]
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"has no {missing}", _HINTS.get(missing) or described.get(missing, {}).get("description", f"add {missing}: ...")
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(known))[0]
        return f"has an unknown key {unknown!r}", f"known keys: {', '.join(sorted(known))}"
    if error.validator == "enum":
        return f"has {key} {error.instance!r}", f"use one of {', '.join(error.validator_value)}"
    remedy = error.schema.get("description") or described.get(key, {}).get("description", "mend it")
    return f"has {key} {error.instance!r}" if inside else f"has no description ({error.instance!r})", remedy
