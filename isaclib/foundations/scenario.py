"""Validated, immutable scenarios, shared by all chapters.

A chapter's ``Scenario`` is a frozen keyword-only dataclass whose fields are declared with :func:`array` and
:func:`number`. The base class copies arrays, makes them read-only, and checks shape, sign, range and finiteness, so
that a formula never has to. Symbols in a shape (``("M", "N + 1")``) are bound by the first field that uses them alone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from . import checks
from .errors import InvalidScenario

_SPEC = "isaclib"
_SYMBOL = re.compile(r"[A-Za-z]\w*( ?\+ ?\d+)?")


@dataclasses.dataclass(frozen=True)
class _Spec:
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
    spec = _Spec(shape, minimum, maximum, positive, dtype, optional, broadcast or keep_number, zero_diagonal, False, keep_number)
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
    spec = _Spec(None, minimum, maximum, positive, int if integer else float, optional, False, False, infinite)
    return _field(spec, default)


def choice(*options: str, default: Any = dataclasses.MISSING) -> Any:
    """A field that holds one of the given words."""
    return dataclasses.field(default=default, metadata={_SPEC: tuple(options)})


def _field(spec: _Spec, default: Any) -> Any:
    if default is dataclasses.MISSING and spec.optional:
        default = None
    return dataclasses.field(default=default, metadata={_SPEC: spec})


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ScenarioBase:
    """Base of every chapter's ``Scenario``: copies, validates, freezes; compares by identity."""

    _sizes: ClassVar[Mapping[str, int]] = {}  # symbols of the fields' shapes that a subclass fixes

    def __post_init__(self) -> None:
        sizes = dict(self._sizes)
        for field in dataclasses.fields(self):
            spec = field.metadata.get(_SPEC)
            if spec is None:
                continue
            value = getattr(self, field.name)
            if isinstance(spec, tuple):
                checks.word(field.name, value, spec)
            elif value is None:
                if not spec.optional:
                    raise InvalidScenario(field.name, "is missing", "give a value")
            elif spec.shape is None or (spec.keep_number and _single(value)):
                number = checks.number(
                    field.name,
                    value,
                    minimum=spec.minimum,
                    maximum=spec.maximum,
                    positive=spec.positive,
                    integer=spec.dtype is int,
                    infinite=spec.infinite,
                )
                object.__setattr__(self, field.name, number)
            else:
                object.__setattr__(self, field.name, _checked_array(field.name, value, spec, sizes))
        self.validate()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled or copied scenario; NumPy forgets that its arrays were read-only."""
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def validate(self) -> None:
        """Checks across fields; chapters override it and raise :class:`InvalidScenario`."""

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated like a new scenario."""
        known = {field.name for field in dataclasses.fields(self)}
        for name in changes:
            if name not in known:
                raise InvalidScenario(name, "is not a field of this scenario", f"fields are {', '.join(sorted(known))}")
        return dataclasses.replace(self, **changes)

    @classmethod
    def random(cls, rng: np.random.Generator, **parameters: Any) -> Self:
        raise NotImplementedError(f"{cls.__module__} defines no random scenario")

    @classmethod
    def random_batch(cls, rng: np.random.Generator, draws: int, **parameters: Any) -> Batch:
        """``draws`` random scenarios, row by row equal to :meth:`random` of ``rng.spawn(draws)``."""
        draws = checks.count("draws", draws)
        checks.generator("rng", rng)
        return Batch([cls.random(child, **parameters) for child in rng.spawn(draws)])


class Batch(Sequence):
    """D scenarios of equal shapes: ``batch.field`` has a leading axis D, ``batch[d]`` is scenario d.

    Fields that are None or words must agree over the batch and are returned as they are.
    """

    def __init__(self, scenarios: Sequence[ScenarioBase]) -> None:
        if isinstance(scenarios, ScenarioBase):
            raise InvalidScenario("scenarios", "is a single scenario", "put it into a list: [scenario]")
        try:
            rows = tuple(scenarios)
        except TypeError:
            raise InvalidScenario("scenarios", f"must be a sequence of scenarios, not {checks.short(scenarios)}") from None
        if not rows:
            raise InvalidScenario("scenarios", "is empty", "give at least one scenario")
        if len({type(row) for row in rows}) != 1 or not isinstance(rows[0], ScenarioBase):
            raise InvalidScenario("scenarios", "mixes types", "a batch holds scenarios of one chapter")
        self.__dict__["_rows"] = rows
        for field in dataclasses.fields(rows[0]):
            values = [getattr(row, field.name) for row in rows]
            first = values[0]
            if first is None or isinstance(first, str):
                if any(type(value) is not type(first) or value != first for value in values):
                    raise InvalidScenario(field.name, "differs in kind over the batch", "solve the kinds separately")
                self.__dict__[field.name] = first
                continue
            if len(rows) == 1:
                column = np.array(first)[None]
            elif len({np.shape(value) for value in values}) != 1 or any(value is None for value in values):
                raise InvalidScenario(field.name, "differs in shape over the batch", "solve equal shapes together")
            else:
                column = np.stack(values)
            column.setflags(write=False)
            self.__dict__[field.name] = column

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a batch is frozen: batch.replace({name}=...) makes a changed one")

    @classmethod
    def of(cls, scenarios: Batch | Sequence[ScenarioBase]) -> Batch:
        """The batch itself, or a sequence of scenarios made into one."""
        return scenarios if isinstance(scenarios, cls) else cls(scenarios)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a scenario of this batch has no field {name!r}")

    def __getitem__(self, index):
        return Batch(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __reduce__(self):
        return type(self), (self._rows,)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[ScenarioBase]:
        return iter(self._rows)

    def replace(self, **changes: Any) -> Batch:
        """The batch with the same change in every row."""
        return Batch([row.replace(**changes) for row in self._rows])


def _checked_array(name: str, value: Any, spec: _Spec, sizes: dict[str, int]) -> np.ndarray:
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
