"""Words that hold for any values: numbers that a run does not have, and what a figure shows."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

_NO_NUMBER = re.compile(r"(?<![\w.`])[-+]?nan\b(?!`)")
_ENDLESS = re.compile(r"(?<![\w.`])([-+]?)inf\b(?!`)")
_COUNTED = "antenna|carrier|channel|draw|drop|iteration|level|limit|pair|point|power|run|scenario|station|step|target|user"
_ONE = re.compile(rf"(?<![\w.,:/–−-])1 ({_COUNTED})s\b")
_SOLVERS = {"clarabel": "Clarabel", "highs": "HiGHS"}  # the others are abbreviations, or words
_MOST = 8  # curves of a panel that are told one by one


def solver_name(name: str) -> str:
    """A solver's name as its authors write it, whatever its case in a record.

    >>> [solver_name(name) for name in ("CLARABEL", "SLSQP", "scalar search")]
    ['Clarabel', 'SLSQP', 'scalar search']
    """
    return _SOLVERS.get(name.lower(), name)


def numbers_or_dashes(text: str) -> str:
    """A text in which no number is ``nan`` or ``inf``.

    >>> numbers_or_dashes("a gain of nan %, up to inf m")
    'a gain of – %, up to ∞ m'
    """
    return _ENDLESS.sub(lambda found: found[1] + "∞", _NO_NUMBER.sub("–", text))


def said(text: str) -> str:
    """The same for a text that readers meet alone: it says what a dash stands for, and counts one thing as one.

    >>> said("a gain of 3 %"), said("a gain of nan %.")
    ('a gain of 3 %', 'a gain of – %. (A dash stands where these values give no number.)')
    >>> said("means of 1 drops with 11 users"), said("0.1 users in 1.1 drops")
    ('means of 1 drop with 11 users', '0.1 users in 1.1 drops')
    """
    dashed = _ONE.sub(r"1 \1", numbers_or_dashes(text))
    if not _NO_NUMBER.search(text):
        return dashed
    return f"{dashed.rstrip()} (A dash stands where these values give no number.)"


def percent(share: float) -> str:
    """A percentage with two digits, and never with an exponent at its top.

    >>> percent(100.0), percent(28.7), percent(0.0694), percent(1e-9)
    ('100 %', '29 %', '0.069 %', '1e-09 %')
    """
    return f"{share:.0f} %" if share > 99 else f"{share:.2g} %"


def described(figure: Figure) -> str:
    """What a figure shows, read off it: for values that its author has not seen."""
    panels = [axes for axes in figure.axes if axes.axison and (axes.lines or axes.collections or axes.patches or axes.images)]
    told = [f"{_named(axes)}: {'; '.join(_shown(axes)) or 'no value'}" for axes in panels]
    if len(told) > 1:
        told = [f"Panel {number}, {text}" for number, text in enumerate(told, 1)]
    return ". ".join(told) + "."


def _named(axes: Axes) -> str:
    title, over, of = (_plain(text) for text in (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()))
    axis = f"{of} over {over}" if of and over else of or over or "a panel"
    return f"{title}, {axis}" if title else axis


def _points(line: Line2D) -> int:
    return np.size(line.get_xdata())


def _shown(axes: Axes) -> Iterator[str]:
    """A panel's curves by their names; where none has one, its curves and how many points it has.

    An entry of the legend without points of its own stands for the nameless curves of its colour.
    """
    named = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    rest = [line for line in axes.lines if line not in named]
    told = []
    for line in named or rest:
        name = "a curve" if line in rest else _plain(str(line.get_label()))
        own = [line] if _points(line) else [other for other in rest if other.get_color() == line.get_color()]
        if line.get_transform() != axes.transData:
            told.append("a level" if line in rest else f"a level, {name}")
        elif line in named or not (_points(line) == 1 or _closed(line)):
            told.append(f"{name} {', '.join(map(_course, own or [line]))}")
    points, closed = (0, 0) if named else (sum(_points(line) == 1 for line in rest), sum(map(_closed, rest)))
    yield from told[:_MOST]
    if len(told) > _MOST:
        yield f"and {len(told) - _MOST} more curves"
    if closed:
        yield "a closed curve" if closed == 1 else f"{closed} closed curves"
    if points:
        yield "a point" if points == 1 else f"{points} points"
    if axes.images or any(each.get_array() is not None for each in axes.collections):
        yield "values as colours"
    if axes.containers:
        yield f"{sum(len(each) for each in axes.containers)} bars"


def _closed(line: Line2D) -> bool:
    """Whether a curve ends where it begins, as an ellipse does."""
    points = np.asarray(line.get_xydata(), float)
    if len(points) <= 3 or not np.isfinite(points).all():
        return False
    return bool(np.allclose(points[0], points[-1], rtol=1e-9, atol=1e-9 * np.ptp(points, axis=0).max()))


def _course(line: Line2D) -> str:
    """Where a curve begins and ends."""
    points = np.asarray(line.get_xydata(), float)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return "without a value"
    (x0, y0), (x1, y1) = points[[0, -1]]
    return f"at {y0:.3g}" if len(points) == 1 else f"from {y0:.3g} at {x0:.3g} to {y1:.3g} at {x1:.3g}"


def _plain(text: str) -> str:
    """A label without the marks of mathematics."""
    return " ".join(text.replace("$^2$", "²").replace("$", "").replace("\\", "").replace("\n", ", ").split())
