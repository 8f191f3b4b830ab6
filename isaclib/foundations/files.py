"""Scenarios and allocations in files: ``.json``, ``.npz`` and ``.mat``, equal to the bit after a round trip.

A file holds the fields by their names, and beside them ``chapter``, ``holds`` and the version of ``isaclib`` (all three may be
missing in files of one's own). The fields may also stand together in one struct ``scenario`` (or ``allocation``). Readers, and
only they, understand what MATLAB makes of shapes: rows (1,K) and columns (K,1) for (K,), (1,1) for a number, trailing axes of
length 1 that were dropped. What is wrong is an ``InvalidScenario`` that names the file, the field and the remedy.

>>> import tempfile, numpy as np
>>> from isaclib import wireless_powered as wp
>>> scenario = wp.Scenario.random(np.random.default_rng(0))
>>> with tempfile.TemporaryDirectory() as folder:
...     scenario.save(f"{folder}/scenario.mat")
...     same = wp.Scenario.load(f"{folder}/scenario.mat")
>>> bool(np.all(same.gain_bs_user == scenario.gain_bs_user))
True
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import checks, formats
from .errors import InvalidScenario
from .fields import SPEC, checked, default_of

_ABOUT = ("isaclib", "chapter", "holds", "about")  # what stands beside the fields


def save_scenario(path: Any, scenario: Any) -> None:
    """Write every field of a scenario (``scenario.save(path)`` is the same)."""
    _kind(type(scenario), "scenario")
    fields = _fields(type(scenario))
    values = {name: getattr(scenario, name) for name in fields}
    formats.write(path, _about(chapter_of(type(scenario)), _held(type(scenario))) | values)


def load_scenario(path: Any, kind: type, *others: type) -> Any:
    """A scenario of the given class (``Scenario.load(path)`` is the same), or of the one among several that the file holds.

    A file that does not say what it holds is of the first class that takes its fields.
    """
    kinds = tuple(_kind(each, "kind") for each in (kind, *others))
    content, held = _content(path, tuple(map(_held, kinds)), chapter_of(kind))
    failure = None
    for each in kinds:
        if held in ("", _held(each)):
            try:
                return _scenario(path, content, each)
            except InvalidScenario as error:
                failure = failure or error
    raise failure from None


def _scenario(path: Any, content: Mapping[str, Any], kind: type) -> Any:
    values = _values(path, content, _fields(kind), f"a scenario of {chapter_of(kind)}")
    try:
        return kind(**values)
    except InvalidScenario as error:
        raise _in_file(path, error.field, error.problem, error.remedy) from None


def save_allocation(path: Any, values: Any, fields: Mapping[str, Any], *, chapter: str = "", about: str = "") -> None:
    """Write the named fields of an allocation, an object with these attributes or a mapping.

    Parameters
    ----------
    path : str or PathLike
    values : object or mapping
    fields : mapping of name to declaration
        As in a chapter's interface: ``{"powers_w": array("M")}`` with :func:`isaclib.foundations.scenario.array` and its kin.
    chapter, about : str, optional
        The chapter that it belongs to, and a sentence that readers leave alone.
    """
    given = values if isinstance(values, Mapping) else {name: getattr(values, name) for name in fields if hasattr(values, name)}
    if missing := [name for name in fields if given.get(name) is None and not _optional(fields[name])]:
        raise InvalidScenario(missing[0], "is missing", f"an allocation has the fields {', '.join(fields)}")
    formats.write(path, _about(chapter, "allocation", about) | _each_checked(fields, given))


def load_allocation(path: Any, fields: Mapping[str, Any], *, chapter: str = "") -> dict[str, Any]:
    """The fields of an allocation by name, as a chapter's ``score`` takes them; whether they keep the limits is for it to say.

    Parameters as in :func:`save_allocation`; a file of another chapter is refused.
    """
    values = _values(path, _content(path, ("allocation",), chapter)[0], fields, "an allocation")
    try:
        return _each_checked(fields, values)
    except InvalidScenario as error:
        raise _in_file(path, error.field, error.problem, error.remedy) from None


def _each_checked(fields: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Every field as its declaration asks for; which of two sizes that differ is the wrong one, only a scenario can say."""
    return {name: checked(name, values.get(name, default_of(field)), field, {}) for name, field in fields.items()}


def chapter_of(kind: type) -> str:
    """The chapter of a scenario's class: the package of isaclib that it lives in."""
    parts = checks.instance("kind", kind, type).__module__.split(".")
    return parts[1] if parts[0] == "isaclib" and len(parts) > 1 else kind.__name__


def chapter_in(path: Any) -> str:
    """The chapter that a file says it belongs to, or ''."""
    return formats.word(_unwrapped(formats.read(path)).get("chapter")) or ""


def _kind(kind: Any, name: str) -> type:
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise InvalidScenario(name, f"must be {'a scenario' if name == 'scenario' else 'the class of a scenario'}")
    return kind


def _fields(kind: type) -> dict[str, Any]:
    return {field.name: field for field in dataclasses.fields(kind)}


def _about(chapter: str, holds: str, about: str = "") -> dict[str, str]:
    from .. import __version__

    said = {"isaclib": __version__, "chapter": chapter, "holds": holds, "about": about}
    return {name: word for name, word in said.items() if word}


def _held(kind: type) -> str:
    """What a file of this class says that it holds: ``scenario``."""
    return kind.__name__.lower()


def _content(path: Any, holds: tuple[str, ...], chapter: str) -> tuple[dict[str, Any], str]:
    """The fields in a file, and what the file says that it holds, or ''."""
    content = _unwrapped(formats.read(path))
    for name, expected in (("holds", holds), ("chapter", (chapter,))):
        found = formats.word(content.get(name))
        if name in content and expected[0] and found not in expected:
            what = f"holds {checks.short(found)}" if name == "holds" else f"is of the chapter {checks.short(found)}"
            raise formats.bad(formats.suffix_of(path)[0], f"{what}, not {' or '.join(map(repr, expected))}")
    return {name: value for name, value in content.items() if name not in _ABOUT}, formats.word(content.get("holds")) or ""


def _unwrapped(content: dict[str, Any]) -> dict[str, Any]:
    """The fields of a single struct, with what stands beside it."""
    beside = {name: value for name, value in content.items() if name in _ABOUT}
    rest = [name for name in content if name not in _ABOUT]
    if len(rest) == 1 and isinstance(content[rest[0]], dict) and rest[0] in ("scenario", "allocation"):
        return formats.with_none(content[rest[0]]) | beside
    return content


def _values(path: Any, content: Mapping[str, Any], fields: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Every field that the file gives in the shape that its declaration asks for."""
    for name in content:
        if name not in fields:
            raise _in_file(path, name, f"is not a field of {what}", _meant(name, content, fields))
    missing = [name for name, field in fields.items() if name not in content and not _optional(field)]
    if missing:
        others = f" (and so are {', '.join(missing[1:])})" if missing[1:] else ""
        raise _in_file(path, missing[0], f"is missing{others}", f"the file holds {', '.join(content) or 'nothing'}")
    values = {}
    for name, raw in content.items():
        try:
            values[name] = _shaped(name, raw, fields[name].metadata.get(SPEC))
        except InvalidScenario as error:
            raise _in_file(path, error.field, error.problem, error.remedy) from None
    return values


def _meant(name: str, content: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """What to do about a name that is none of the fields."""
    strangers = [one for one in content if one not in fields]
    if isinstance(content[name], dict):
        return (
            f"it is a struct: save its fields themselves ({', '.join(content[name])}), in MATLAB save(file, '-struct', '{name}')"
        )
    if len(strangers) > 1 and 2 * len(strangers) > len(content):
        return f"{len(strangers)} of {len(content)} names are none: is this a file of another chapter?"
    if "mask" in name.lower():
        return "there are no masks in files: every entry has a value"
    unused = {field.lower(): field for field in fields if field not in content}
    near = difflib.get_close_matches(name.lower(), unused, 1, 0.6)
    return f"did you mean {unused[near[0]]}?" if near else f"the fields are {', '.join(fields)}"


def _optional(field: Any) -> bool:
    return field.default is not dataclasses.MISSING


def _in_file(path: Any, field: str, problem: str, remedy: str) -> InvalidScenario:
    return InvalidScenario(field, f"in {path}: {problem}", remedy)


def _shaped(name: str, raw: Any, spec: Any) -> Any:
    """A raw value as its declaration wants it: a word, a number, or an array of the declared number of axes."""
    if raw is None:
        return None
    if isinstance(spec, tuple):
        found = formats.word(raw)
        return raw if found is None else found
    if isinstance(raw, dict):
        if raw.keys() == {"real", "imag"}:
            raise InvalidScenario(name, "has parts real and imag that do not fit", "give arrays of numbers of equal shapes")
        raise InvalidScenario(name, f"is a struct with the fields {', '.join(raw)}", "give a plain array")
    if formats.word(raw) is not None:
        raise InvalidScenario(name, f"is the word {formats.word(raw)!r}", "give a number: [] and inf are none of the words")
    try:
        value = np.asarray(raw)
    except ValueError:
        raise InvalidScenario(name, "has rows of unequal lengths") from None
    if value.dtype.kind == "O" and isinstance(raw, np.ndarray):
        raise InvalidScenario(name, "is a cell array or an object", "give a plain array: cell2mat(x), double(x), char(x)")
    if value.size == 0:
        raise InvalidScenario(name, f"is empty, shape {value.shape}", "leave it out" if spec.optional else "")
    if value.dtype.kind not in "iufc":
        return raw
    shape = spec.shape
    _narrow(name, value)
    if value.dtype.kind == "c" and spec.dtype is not complex:
        if shape and isinstance(shape[-1], int):
            raise InvalidScenario(name, "is complex", "write positions as columns: [real(x), imag(x)]")
        raise InvalidScenario(name, "is complex", "the power gain of a channel h is abs(h)**2, in MATLAB abs(h).^2")
    if value.dtype.kind in "iuf" and value.size > 0 and (spec.positive or (spec.minimum is not None and spec.minimum >= 0)):
        if np.all(value < 0):
            raise InvalidScenario(name, "is negative throughout", "if these are decibels, 10**(x/10) makes them linear")
    if shape is None or (value.size == 1 and (spec.broadcast or shape == ())):
        return value.reshape(())[()] if value.size == 1 else value
    return _axes(name, value, shape)


def _narrow(name: str, value: np.ndarray) -> None:
    """Numbers of a type that may have cut them off: MATLAB's integers stop at their largest, half precision ends at 65504."""
    if value.dtype == np.float16:
        raise InvalidScenario(name, "is in half precision, which holds 3 digits from 6e-8 to 65504", "give double precision")
    if value.dtype.kind in "iu":
        ends = np.iinfo(value.dtype)
        if np.any(value == ends.max) or (ends.min < 0 and np.any(value < 0) and value.dtype.itemsize <= 2):
            found = f"holds {value.max() if np.any(value == ends.max) else value.min()} as {value.dtype}"
            raise InvalidScenario(
                name, f"{found}, whose range ends at {ends.max}", "give double precision: it may have been cut off"
            )


def _axes(name: str, value: np.ndarray, shape: tuple[str | int, ...]) -> np.ndarray:
    if len(shape) == 1 and value.ndim == 2 and 1 in value.shape:
        value = value.reshape(-1)
    while value.ndim > len(shape) and value.shape[-1] == 1:
        value = value[..., 0]
    if value.ndim < len(shape):
        value = value.reshape(value.shape + (1,) * (len(shape) - value.ndim))
    last = shape[-1]
    if isinstance(last, int) and len(shape) == 2 and value.ndim == 2 and value.shape[1] != last:
        if value.shape[0] == last:
            raise InvalidScenario(name, f"has shape {value.shape}", f"one row for each point: transpose it to (..., {last})")
        remedy = f"a point has {last} coordinates here" + (", drop the third" if value.shape[1] == last + 1 == 3 else "")
        raise InvalidScenario(name, f"has shape {value.shape}", remedy)
    return value
