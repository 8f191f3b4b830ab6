"""Validated, immutable scenarios, shared by all chapters.

A chapter's ``Scenario`` is a frozen keyword-only dataclass whose fields are declared with :func:`array` and
:func:`number`. The base class copies arrays, makes them read-only, and checks shape, sign, range and finiteness, so
that a formula never has to. Symbols in a shape (``("M", "N + 1")``) are bound by the first field that uses them alone.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from types import MappingProxyType
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
    """Base of every chapter's ``Scenario``: copies, validates, freezes; compares by identity.

    A class whose :meth:`validate` reads only some of the fields names them in ``validated``, so that a change of another field
    need not ask it again.
    """

    validated: ClassVar[tuple[str, ...] | None] = None
    _sizes: ClassVar[Mapping[str, int]] = {}  # symbols of the fields' shapes that a subclass fixes

    def __post_init__(self) -> None:
        fields = {field.name: field for field in dataclasses.fields(self)}
        given = {name: getattr(self, name) for name in fields}
        for name, value in checked_fields(fields, given, dict(self._sizes)).items():
            object.__setattr__(self, name, value)
        self.validate()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled or copied scenario; NumPy forgets that its arrays were read-only."""
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def validate(self) -> None:
        """Checks across fields; chapters override it and raise :class:`InvalidScenario`."""

    @classmethod
    def validate_batch(cls, batch: Batch, changed: Set[str]) -> None:
        """Checks across fields for every row of a batch in which some fields were changed; chapters may have a faster way."""
        if _crosses(cls, changed):
            for row in batch:
                row.validate()

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed; what changed is validated like a new scenario."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        changed = _changed(type(self), values, changes, leading=0)
        copy = _made(type(self), values | changed)
        if _crosses(type(self), changes.keys()):
            copy.validate()
        return copy

    def save(self, path: Any) -> None:
        """Write the scenario to a ``.json``, ``.npz`` or ``.mat`` file; :meth:`load` brings it back to the bit."""
        from .files import save_scenario

        save_scenario(path, self)

    @classmethod
    def load(cls, path: Any) -> Self:
        """The scenario in a file of :meth:`save`, or in one of one's own (see :mod:`isaclib.foundations.files`)."""
        from .files import load_scenario

        return load_scenario(path, cls)

    @classmethod
    def random(cls, rng: np.random.Generator, **parameters: Any) -> Self:
        raise NotImplementedError(f"{cls.__module__} defines no random scenario")

    @classmethod
    def random_batch(cls, rng: np.random.Generator, draws: int, **parameters: Any) -> Batch:
        """``draws`` random scenarios, row by row equal to :meth:`random` of ``rng.spawn(draws)``."""
        draws = checks.count("draws", draws)
        checks.generator("rng", rng)
        bound = inspect.signature(cls.random).bind(rng, **parameters)
        bound.apply_defaults()
        return cls.drawn(rng.spawn(draws), **dict(list(bound.arguments.items())[1:]))

    @classmethod
    def drawn(cls, children: Sequence[np.random.Generator], **parameters: Any) -> Batch:
        """One random scenario of each generator; chapters may have a faster way to the same numbers."""
        given = {**parameters.pop("parameters", {}), **parameters}  # of a ``random`` that takes ``**parameters``
        return Batch([cls.random(child, **given) for child in children])


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
    return {name: _checked(name, values.get(name, _default(field)), field, sizes) for name, field in fields.items()}


class Batch(Sequence):
    """D scenarios of equal shapes: ``batch.field`` has a leading axis D, ``batch[d]`` is scenario d.

    Fields that are None or words must agree over the batch and are returned as they are. A batch is frozen.
    """

    def __init__(self, scenarios: Sequence[ScenarioBase]) -> None:
        if isinstance(scenarios, ScenarioBase):
            raise InvalidScenario("scenarios", "is a single scenario", "put it into a list: [scenario]")
        try:
            rows = list(scenarios)
        except TypeError:
            raise InvalidScenario("scenarios", f"must be a sequence of scenarios, not {checks.short(scenarios)}") from None
        if not rows:
            raise InvalidScenario("scenarios", "is empty", "give at least one scenario")
        if len({type(row) for row in rows}) != 1 or not isinstance(rows[0], ScenarioBase):
            raise InvalidScenario("scenarios", "mixes types", "a batch holds scenarios of one chapter")
        columns = {}
        for field in dataclasses.fields(rows[0]):
            values = [getattr(row, field.name) for row in rows]
            first = values[0]
            if first is None or isinstance(first, str):
                if any(type(value) is not type(first) or value != first for value in values):
                    raise InvalidScenario(field.name, "differs in kind over the batch", "solve the kinds separately")
                columns[field.name] = first
            elif len(rows) == 1:
                columns[field.name] = np.array(first)[None]
            elif len({np.shape(value) for value in values}) != 1 or any(value is None for value in values):
                raise InvalidScenario(field.name, "differs in shape over the batch", "solve equal shapes together")
            else:
                columns[field.name] = np.stack(values)
        self._set(type(rows[0]), columns, rows)

    def _set(self, kind: type, columns: dict[str, Any], rows: list) -> None:
        for column in columns.values():
            if isinstance(column, np.ndarray):
                column.setflags(write=False)
        # Columns last: a field may have any name.
        self.__dict__.update(_kind=kind, _columns=MappingProxyType(columns), _rows=rows, **columns)

    @classmethod
    def from_columns(cls, kind: type, columns: Mapping[str, Any], draws: int) -> Batch:
        """A batch whose rows are made when they are asked for, from columns that are valid already: (D, ...), None or a word."""
        batch = object.__new__(cls)
        batch._set(kind, dict(columns), [None] * draws)
        return batch

    @classmethod
    def checked(cls, kind: type, columns: Mapping[str, Any], shared: Mapping[str, Any]) -> Batch:
        """A batch validated as a whole: columns (D, ...) by name, and what all rows have in common."""
        draws = len(next(iter(columns.values())))
        sizes, checked = dict(kind._sizes), {}
        for field in dataclasses.fields(kind):
            name, spec = field.name, field.metadata.get(_SPEC)
            if name in columns:
                limits = {"minimum": spec.minimum, "maximum": spec.maximum, "positive": spec.positive, "infinite": spec.infinite}
                shape = (draws, *(spec.shape or ()))
                checked[name] = checks.array(name, columns[name], shape, dtype=spec.dtype, sizes=sizes, **limits)
            else:
                value = _checked(name, shared.get(name, _default(field)), field, sizes)
                checked[name] = _repeated(value, draws)
        batch = cls.from_columns(kind, checked, draws)
        kind.validate_batch(batch, checked.keys())
        return batch

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a batch is frozen: batch.replace({name}=...) makes a changed one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a batch is frozen")

    @classmethod
    def of(cls, scenarios: Batch | Sequence[ScenarioBase], kind: type | None = None) -> Batch:
        """The batch itself, or a sequence of scenarios made into one; of a class of scenarios, if one is given."""
        batch = scenarios if isinstance(scenarios, cls) else cls(scenarios)
        if kind is not None and not issubclass(batch._kind, kind):
            found, wanted = (each.__module__.rsplit(".", 1)[0] for each in (batch._kind, kind))
            raise InvalidScenario("scenarios", f"are of {found}, not of {wanted}")
        return batch

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a scenario of this batch has no field {name!r}")

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Batch(list(self)[index])
        row = self._rows[index]
        if row is None:
            number = range(len(self._rows))[index]
            values = {name: _entry(column, number) for name, column in self._columns.items()}
            row = self._rows[index] = _made(self._kind, values)
        return row

    def __reduce__(self):
        return Batch, (list(self),)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[ScenarioBase]:
        return (self[d] for d in range(len(self)))

    def replace(self, **changes: Any) -> Batch:
        """The batch with the same change in every row, validated once."""
        draws = len(self)
        columns = dict(self._columns)
        for name, value in _changed(self._kind, columns, changes, leading=1).items():
            columns[name] = _repeated(value, draws)
        batch = Batch.from_columns(self._kind, columns, draws)
        self._kind.validate_batch(batch, changes.keys())
        return batch


def _repeated(value: Any, draws: int) -> Any:
    """The column of a value that all rows have in common."""
    return value if value is None or isinstance(value, str) else np.repeat(np.asarray(value)[None], draws, axis=0)


def _changed(kind: type, values: Mapping[str, Any], changes: Mapping[str, Any], *, leading: int) -> dict[str, Any]:
    """The changes as their declarations ask for, held against the sizes of all other fields (behind ``leading`` axes)."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in changes:
        if name not in fields:
            raise InvalidScenario(name, "is not a field of this scenario", f"fields are {', '.join(sorted(fields))}")
    sizes = dict(kind._sizes)
    for name, field in fields.items():
        spec = field.metadata.get(_SPEC)
        if name not in changes and isinstance(spec, _Spec) and spec.shape and np.ndim(values[name]) == len(spec.shape) + leading:
            checks.fits(name, np.shape(values[name])[leading:], spec.shape, sizes)
    return {name: _checked(name, changes[name], fields[name], sizes) for name in fields if name in changes}


def _crosses(kind: type, changed: Set[str]) -> bool:
    """Whether the checks across fields have to be made again."""
    if kind.validated is None:
        return kind.validate is not ScenarioBase.validate
    return not changed.isdisjoint(kind.validated)


def _made(kind: type, values: Mapping[str, Any]) -> Any:
    """A scenario of values that are valid already."""
    scenario = object.__new__(kind)
    scenario.__dict__.update(values)
    return scenario


def _entry(column: Any, number: int) -> Any:
    """Row ``number`` of a column, as the scenario itself would hold it."""
    if column is None or isinstance(column, str):
        return column
    return column[number].item() if column.ndim == 1 else column[number]


def _default(field: Any) -> Any:
    return None if field.default is dataclasses.MISSING else field.default


def _checked(name: str, value: Any, field: Any, sizes: dict[str, int]) -> Any:
    """A value in the form that its declaration asks for."""
    spec = field.metadata.get(_SPEC)
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
