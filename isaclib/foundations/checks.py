"""Guards of public functions: what is wrong with an argument is said by name, before any arithmetic sees it.

Every guard returns the argument in the form that formulas want (float, int, a fresh float64 or complex128 array) and raises
:class:`~isaclib.foundations.errors.InvalidScenario` otherwise. Nothing is broadcast, nothing is cut, a masked entry is
refused (its value is not known), and so is a complex number where a real one belongs.

>>> number("noise_w", "-90 dBm", positive=True)
Traceback (most recent call last):
isaclib.foundations.errors.InvalidScenario: noise_w: must be one real number, not '-90 dBm'
>>> array("powers_w", [[1.0, 2.0]], ("M",))
Traceback (most recent call last):
isaclib.foundations.errors.InvalidScenario: powers_w: has shape (1, 2) (expected (M,): flatten it with .ravel())
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from .errors import InvalidScenario

T = TypeVar("T")
_NESTED = (list, tuple, np.ma.MaskedArray)
_EXACT = 2.0**53  # beyond it a float64 skips whole numbers
_MOST = 10**9  # things that are counted, where nobody says less: more do not fit into a memory
_ENTRIES = 2**31  # of an array to be made


def number(
    name: str,
    value: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    positive: bool = False,
    integer: bool = False,
    infinite: bool = False,
) -> Any:
    """One real number as float (``integer``: int), in range; inf only where ``infinite`` says that it means something."""
    found: float | int
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            raise InvalidScenario(name, "is too large for a floating-point number") from None
        if integer and int(found) != value:
            raise InvalidScenario(name, f"is too large to be counted exactly: {short(value)}")
    else:
        if _masked(value):
            raise InvalidScenario(name, "is masked", "give its value")
        try:
            given = np.asarray(value)
        except Exception:  # lists of unequal lengths, objects that refuse, whatever they raise
            given = np.empty(2)
        if given.ndim != 0 or given.dtype.kind not in "iuf":
            raise InvalidScenario(name, f"must be one real number, not {short(value)}")
        found = float(given)
    if math.isnan(found) or (math.isinf(found) and not infinite):
        raise InvalidScenario(name, f"must be finite, not {found}")
    in_range(name, np.asarray(found), minimum=minimum, maximum=maximum, positive=positive)
    if integer and math.isfinite(found):
        if found != int(found):
            raise InvalidScenario(name, f"must be a whole number, not {found:g}")
        return int(value) if isinstance(value, int) else int(found)
    return found


def count(name: str, value: Any, *, minimum: int = 1, maximum: int | None = None) -> int:
    """A number of things, at most 1e9 unless ``maximum`` says otherwise."""
    return number(name, value, integer=True, minimum=minimum, maximum=_MOST if maximum is None else maximum)


def array(
    name: str,
    value: Any,
    shape: Sequence[str | int],
    *,
    dtype: type = float,
    minimum: float | None = None,
    maximum: float | None = None,
    positive: bool = False,
    infinite: bool = False,
    nan: bool = False,
    sizes: dict[str, int] | None = None,
) -> np.ndarray:
    """A fresh array of exactly the given shape.

    Parameters
    ----------
    name : str
        As the caller wrote it.
    value : array_like
    shape : sequence of str and int
        Integers, symbols ("M") or symbols plus an integer ("M+1"); a first entry "..." stands for any leading axes.
    dtype : {float, int, complex}
    minimum, maximum, positive
        Range of every entry (real kinds).
    infinite, nan : bool
        Whether such entries mean something to the caller.
    sizes : dict, optional
        Symbols that are known already; those met first are added, so that several arrays can be held against each other.
    """
    if _masked(value):
        raise InvalidScenario(name, "has masked entries", "fill them in, or leave those rows out")
    kind = "complex" if dtype is complex else "real"
    try:
        given = np.asarray(value)
    except Exception:  # rows of unequal lengths, objects that refuse, whatever they raise
        raise InvalidScenario(name, f"must be an array of {kind} numbers, not {short(value)}") from None
    if given.dtype.kind == "c" and dtype is not complex:
        raise InvalidScenario(
            name, f"must be an array of real numbers, not {short(value)}", "the gain of a channel h is abs(h)**2"
        )
    if given.dtype.kind not in "iufc":
        raise InvalidScenario(name, f"must be an array of {kind} numbers, not {short(value)}")
    with np.errstate(over="ignore"):  # an extended number that is none in double precision is refused as infinite
        result = np.array(given, dtype=complex if dtype is complex else float)
    fits(name, result.shape, shape, {} if sizes is None else sizes)
    if not np.isfinite(result).all() and np.any(wrong := np.isnan(result) & (not nan) | np.isinf(result) & (not infinite)):
        where = first(wrong)
        raise InvalidScenario(name, f"must be finite, but entry {where} is {result[where]}")
    if dtype is int:
        if np.any(fraction := result != np.round(result)):
            where = first(fraction)
            raise InvalidScenario(name, f"must hold whole numbers, but entry {where} is {result[where]:g}")
        if np.any(large := np.abs(result) >= _EXACT):
            where = first(large)
            raise InvalidScenario(name, f"is too large to be counted exactly: entry {where} is {result[where]:g}")
    if dtype is not complex:
        in_range(name, result, minimum=minimum, maximum=maximum, positive=positive)
    return result.astype(int) if dtype is int else result


def axes(value: Any) -> int:
    """The number of axes; -1 for what is no array at all (rows of unequal lengths, objects that refuse)."""
    try:
        return np.ndim(value)
    except Exception:
        return -1


def values(name: str, value: Any, **limits: Any) -> Any:
    """A number or an array of any shape (but not an empty one), as a float or a fresh array; ``limits`` as in :func:`array`."""
    return array(name, value, ("...",), **limits)[()]


def shape(name: str, value: Any) -> tuple[int, ...]:
    """The shape of an array to be made: a count, or a tuple or list of them."""
    sizes = value if isinstance(value, tuple | list) else (value,)
    found = tuple(number(name, size, integer=True, minimum=0, maximum=_ENTRIES) for size in sizes)
    if math.prod(found) > _ENTRIES:
        raise InvalidScenario(name, f"asks for {math.prod(found):.2g} entries, more than 2^31", "draw in blocks")
    return found


def together(**arrays: Any) -> None:
    """Refuse shapes that do not agree: single numbers apart, arrays have equally many axes, of equal length or length 1."""
    shapes = {name: np.shape(each) for name, each in arrays.items() if np.ndim(each) > 0}
    first_name, known = next(iter(shapes.items()), ("", ()))
    for name, found in shapes.items():
        if len(found) != len(known) or any(a != b and 1 not in (a, b) for a, b in zip(found, known, strict=True)):
            raise InvalidScenario(name, f"has shape {found}, but {first_name} has shape {known}", "give equal shapes")
        known = np.broadcast_shapes(known, found)


def reported(name: str, value: Any) -> float:
    """One real number of a report, where nan and inf have a meaning."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise InvalidScenario(name, f"must be a real number, not {short(value)}")
    try:
        return float(value)
    except OverflowError:
        raise InvalidScenario(name, "is too large for a floating-point number") from None


def word(name: str, value: Any, options: Sequence[str]) -> str:
    """One of the given words."""
    if not isinstance(value, str) or value not in options:
        raise InvalidScenario(name, f"{short(value)} is not a known choice", f"use one of {', '.join(map(repr, options))}")
    return value


def flag(name: str, value: Any) -> bool:
    """True or False, and nothing that merely counts as one."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidScenario(name, f"must be True or False, not {short(value)}")
    return bool(value)


def mask(name: str, value: Any, shape: Sequence[str | int], *, sizes: dict[str, int] | None = None) -> np.ndarray:
    """An array of True and False (indices are refused: they would silently be taken for something else)."""
    try:
        given = np.asarray(value) if not _masked(value) else np.empty(0)
    except Exception:
        given = np.empty(0)
    if given.dtype.kind != "b":
        raise InvalidScenario(name, f"must be an array of True and False, not {short(value)}")
    fits(name, given.shape, shape, {} if sizes is None else sizes)
    return given.copy()


def instance(name: str, value: Any, kind: type[T] | tuple[type[T], ...], remedy: str = "") -> T:
    """An object of the right class, e.g. a scenario where a scenario belongs."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(f"{each.__module__.rsplit('.', 1)[0]}.{each.__name__}" for each in kinds)
        raise InvalidScenario(name, f"must be {'an' if wanted[0] in 'aeio' else 'a'} {wanted}, not {short(value)}", remedy)
    return value


def generator(name: str, value: Any) -> np.random.Generator:
    """A random generator (a seed is refused: who passes 3 twice means the same draws twice, or does not)."""
    return instance(name, value, np.random.Generator, "np.random.default_rng(seed) makes one")


def function(name: str, value: Any) -> Any:
    """Something that can be called."""
    if not callable(value):
        raise InvalidScenario(name, f"must be callable, not {short(value)}")
    return value


def in_range(
    name: str, values: np.ndarray, *, minimum: float | None = None, maximum: float | None = None, positive: bool = False
) -> None:
    """Refuse an entry outside the range, by its place."""

    def worst(bad: np.ndarray) -> str:
        if values.ndim == 0:
            return f"{float(values):g}"
        where = first(bad)
        return f"{values[where]:g} at entry {where}"

    if positive and (bad := values <= 0).any():
        raise InvalidScenario(name, f"must be positive, but is {worst(bad)}")
    if minimum is not None and (bad := values < minimum).any():
        raise InvalidScenario(name, f"must be at least {minimum:g}, but is {worst(bad)}")
    if maximum is not None and (bad := values > maximum).any():
        raise InvalidScenario(name, f"must be at most {maximum:g}, but is {worst(bad)}")


def fits(name: str, found: tuple[int, ...], shape: Sequence[str | int], sizes: dict[str, int]) -> None:
    """Hold a shape against the wanted one, binding symbols that are met for the first time in ``sizes``."""
    leading = bool(shape) and shape[0] == "..."
    trailing = tuple(shape[1:] if leading else shape)

    def refuse(addition: str = "") -> InvalidScenario:
        wanted = "(" + ", ".join(str(size) for size in shape) + ("," if len(shape) == 1 else "") + ")"
        known = ", ".join(f"{key} = {count}" for key, count in sizes.items() if any(key in str(size) for size in shape))
        return InvalidScenario(name, f"has shape {found}", f"expected {wanted}" + (f" with {known}" if known else "") + addition)

    if len(found) != len(trailing) and not (leading and len(found) > len(trailing)):
        flat = len(trailing) == 1 and not leading and sum(size != 1 for size in found) <= 1 and len(found) > 1
        raise refuse(": flatten it with .ravel()" if flat else "")
    for size, symbol in zip(found[len(found) - len(trailing) :], trailing, strict=True):
        if isinstance(symbol, int):
            if size != symbol:
                raise refuse()
            continue
        base, _, offset = symbol.replace(" ", "").partition("+")
        if base not in sizes:
            if size - int(offset or 0) < 1:
                raise refuse(f" with {base} >= 1")
            sizes[base] = size - int(offset or 0)
        elif size != sizes[base] + int(offset or 0):
            raise refuse()
    if leading and 0 in found:
        raise refuse(" without an empty axis")


def first(bad: np.ndarray) -> tuple[int, ...]:
    """Place of the first entry that is True."""
    return tuple(operator.index(i) for i in np.argwhere(bad)[0])


def short(value: Any) -> str:
    """A value for a message."""
    try:
        text = repr(value)
    except Exception as error:  # an object's own repr is not ours to trust (Python's limit on the digits of an int, too)
        text = f"<{type(value).__name__}: {type(error).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def _masked(value: Any) -> bool:
    """Whether an entry is masked, of an array or of those in lists and tuples."""
    waiting, seen = [value], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, np.ma.MaskedArray):
            if np.any(np.ma.getmaskarray(each)):
                return True
        elif isinstance(each, list | tuple) and id(each) not in seen:
            seen.add(id(each))
            waiting.extend(entry for entry in each if isinstance(entry, _NESTED))
    return False
