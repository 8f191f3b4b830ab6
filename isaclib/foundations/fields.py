"""Declarations of fields: what an array, a number or a word of a scenario (or of an allocation) must look like."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import checks
from .errors import InvalidScenario

SPEC = "isaclib"
_SYMBOL = re.compile(r"[A-Za-z]\w*( ?\+ ?\d+)?")


@dataclasses.dataclass(frozen=True)
class Spec:
    shape: tuple[str | int, ...] | None  # None: a number
    minimum: float | None
    maximum: float | None
    positive: bool
    dtype: type
    optional: bool
    broadcast: bool
    zero_diagonal: bool
    infinite: bool
    keep_number: bool = False


def array(
    *shape: str | int,
    minimum: float | None = None,
    maximum: float | None = None,
    positive: bool = False,
    dtype: type = float,
    optional: bool = False,
    broadcast: bool = False,
    keep_number: bool = False,
    zero_diagonal: bool = False,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A field that holds an array of the given shape.

    Parameters
    ----------
    *shape : str or int
        Sizes: an integer, a symbol ("M") or symbol plus integer ("M+1"), shared by all fields of the scenario.
    minimum, maximum : float, optional
        Inclusive range of every entry (real dtype).
    dtype : {float, int, complex}
    positive : bool
        Entries must be > 0.
    optional : bool
        None is allowed (and is the default).
    broadcast : bool
        A single number is accepted and repeated.
    keep_number : bool
        A single number is accepted and stays one: for what is mostly the same for all, and may differ.
    zero_diagonal : bool
        A square matrix whose diagonal must be 0.
    """
    for size in shape:
        if isinstance(size, str) and not _SYMBOL.fullmatch(size):
            raise ValueError(f"a size is an integer, a symbol such as 'M' or a symbol plus an integer, not {size!r}")
    spec = Spec(shape, minimum, maximum, positive, dtype, optional, broadcast or keep_number, zero_diagonal, False, keep_number)
    return _field(spec, default)


def number(
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    positive: bool = False,
    integer: bool = False,
    optional: bool = False,
    infinite: bool = False,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A field that holds one number (``infinite``: inf is allowed, e.g. for a limit that is switched off)."""
    spec = Spec(None, minimum, maximum, positive, int if integer else float, optional, False, False, infinite)
    return _field(spec, default)


def choice(*options: str, default: Any = dataclasses.MISSING) -> Any:
    """A field that holds one of the given words."""
    return dataclasses.field(default=default, metadata={SPEC: tuple(options)})


def _field(spec: Spec, default: Any) -> Any:
    if default is dataclasses.MISSING and spec.optional:
        default = None
    return dataclasses.field(default=default, metadata={SPEC: spec})


def checked_fields(fields: Mapping[str, Any], values: Mapping[str, Any], sizes: dict[str, int] | None = None) -> dict[str, Any]:
    """Values in the form that their declarations ask for; a field without a value takes its default.

    Parameters
    ----------
    fields : mapping of name to declaration
        Made by :func:`array`, :func:`number` and :func:`choice`.
    values : mapping of name to value
    sizes : dict, optional
        Symbols that are known already.
    """
    sizes = {} if sizes is None else sizes
    return {name: checked(name, values.get(name, default_of(field)), field, sizes) for name, field in fields.items()}


def default_of(field: Any) -> Any:
    return None if field.default is dataclasses.MISSING else field.default


def checked(name: str, value: Any, field: Any, sizes: dict[str, int]) -> Any:
    """A value in the form that its declaration asks for."""
    spec = field.metadata.get(SPEC)
    if spec is None:
        return value
    if isinstance(spec, tuple):
        return checks.word(name, value, spec)
    if value is None:
        if not spec.optional:
            raise InvalidScenario(name, "is missing", "give a value")
        return None
    if spec.shape is None or (spec.keep_number and _single(value)):
        return checks.number(
            name,
            value,
            minimum=spec.minimum,
            maximum=spec.maximum,
            positive=spec.positive,
            integer=spec.dtype is int,
            infinite=spec.infinite,
        )
    return _checked_array(name, value, spec, sizes)


def _checked_array(name: str, value: Any, spec: Spec, sizes: dict[str, int]) -> np.ndarray:
    """A field's array: a number is repeated where the field allows it and every symbol of its shape is known."""
    if spec.broadcast and _single(value) and all(_known(size, sizes) is not None for size in spec.shape):
        one = checks.array(name, value, (), dtype=spec.dtype)
        value = np.full([_known(size, sizes) for size in spec.shape], one)
    result = checks.array(
        name,
        value,
        spec.shape,
        dtype=spec.dtype,
        minimum=spec.minimum,
        maximum=spec.maximum,
        positive=spec.positive,
        sizes=sizes,
    )
    if spec.zero_diagonal and np.any(np.diagonal(result) != 0):
        raise InvalidScenario(name, "must have a zero diagonal")
    result.setflags(write=False)
    return result


def _single(value: Any) -> bool:
    """Whether this is one value rather than an array; what NumPy cannot take is left to the guards."""
    try:
        return np.ndim(value) == 0
    except ValueError:
        return False


def _known(symbol: str | int, sizes: dict[str, int]) -> int | None:
    if isinstance(symbol, int):
        return symbol
    name, _, offset = symbol.replace(" ", "").partition("+")
    return None if name not in sizes else sizes[name] + int(offset or 0)
