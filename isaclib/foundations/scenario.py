"""Validated, immutable scenarios, shared by all chapters.

A chapter's ``Scenario`` is a frozen keyword-only dataclass whose fields are declared with :func:`array` and
:func:`number`. The base class copies arrays, makes them read-only, and checks shape, sign, range and finiteness, so
that a formula never has to. Symbols in a shape (``("M", "N + 1")``) are bound by the first field that uses them alone.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from . import checks
from .errors import InvalidScenario
from .fields import SPEC, Spec, array, checked, checked_fields, choice, default_of, number

__all__ = ["Batch", "ScenarioBase", "array", "checked_fields", "choice", "number"]


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
        draws = checks.count("draws", draws, maximum=10**7)
        checks.generator("rng", rng)
        bound = inspect.signature(cls.random).bind(rng, **parameters)
        bound.apply_defaults()
        return cls.drawn(rng.spawn(draws), **dict(list(bound.arguments.items())[1:]))

    @classmethod
    def drawn(cls, children: Sequence[np.random.Generator], **parameters: Any) -> Batch:
        """One random scenario of each generator; chapters may have a faster way to the same numbers."""
        given = {**parameters.pop("parameters", {}), **parameters}  # of a ``random`` that takes ``**parameters``
        return Batch([cls.random(child, **given) for child in children])


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
        columns: dict[str, Any] = {}
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

    def _set(self, kind: type[Any], columns: dict[str, Any], rows: list) -> None:
        for column in columns.values():
            if isinstance(column, np.ndarray):
                column.setflags(write=False)
        # Columns last: a field may have any name.
        self.__dict__.update(_kind=kind, _columns=MappingProxyType(columns), _rows=rows, **columns)

    @classmethod
    def from_columns(cls, kind: type[Any], columns: Mapping[str, Any], draws: int) -> Batch:
        """A batch whose rows are made when they are asked for, from columns that are valid already: (D, ...), None or a word."""
        batch = object.__new__(cls)
        batch._set(kind, dict(columns), [None] * draws)
        return batch

    @classmethod
    def checked(cls, kind: type[Any], columns: Mapping[str, Any], shared: Mapping[str, Any]) -> Batch:
        """A batch validated as a whole: columns (D, ...) by name, and what all rows have in common."""
        draws = len(next(iter(columns.values())))
        sizes, found = dict(kind._sizes), {}
        for field in dataclasses.fields(kind):
            name, spec = field.name, field.metadata.get(SPEC)
            if name in columns:
                limits = {"minimum": spec.minimum, "maximum": spec.maximum, "positive": spec.positive, "infinite": spec.infinite}
                shape = (draws, *(spec.shape or ()))
                found[name] = checks.array(name, columns[name], shape, dtype=spec.dtype, sizes=sizes, **limits)
            else:
                value = checked(name, shared.get(name, default_of(field)), field, sizes)
                found[name] = _repeated(value, draws)
        batch = cls.from_columns(kind, found, draws)
        kind.validate_batch(batch, found.keys())
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


def _changed(kind: type[Any], values: Mapping[str, Any], changes: Mapping[str, Any], *, leading: int) -> dict[str, Any]:
    """The changes as their declarations ask for, held against the sizes of all other fields (behind ``leading`` axes)."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in changes:
        if name not in fields:
            raise InvalidScenario(name, "is not a field of this scenario", f"fields are {', '.join(sorted(fields))}")
    sizes = dict(kind._sizes)
    for name, field in fields.items():
        spec = field.metadata.get(SPEC)
        if name not in changes and isinstance(spec, Spec) and spec.shape and np.ndim(values[name]) == len(spec.shape) + leading:
            checks.fits(name, np.shape(values[name])[leading:], spec.shape, sizes)
    return {name: checked(name, changes[name], fields[name], sizes) for name in fields if name in changes}


def _crosses(kind: type[Any], changed: Set[str]) -> bool:
    """Whether the checks across fields have to be made again."""
    if kind.validated is None:
        return kind.validate is not ScenarioBase.validate
    return not changed.isdisjoint(kind.validated)


def _made(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """A scenario of values that are valid already."""
    scenario: Any = object.__new__(kind)
    scenario.__dict__.update(values)
    return scenario


def _entry(column: Any, number: int) -> Any:
    """Row ``number`` of a column, as the scenario itself would hold it."""
    if column is None or isinstance(column, str):
        return column
    return column[number].item() if column.ndim == 1 else column[number]
