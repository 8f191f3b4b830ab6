"""Curves that nobody sees because another one lies on them: the key says under which."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from . import layout

_PIXELS = 1.0


def say_what_is_hidden(figure: Figure) -> bool:
    """Add to the key's words of every curve that is covered all along: "(under …)", with the name of what covers it.

    A key of the whole figure says so only where the curve is covered in every panel that has it. The figure is laid out for
    it; True where that has to be done again, since a key has got longer.
    """
    layout.place(figure)
    found = {axes: _covered(axes) for axes in figure.axes}
    longer = False
    for axes in figure.axes:
        if key := axes.get_legend():
            longer |= _mark(key, found[axes])
    for key in figure.legends:
        everywhere: dict[str, str] = {}
        for text in key.get_texts():
            name = text.get_text()
            covers = {found[axes].get(name) for axes in figure.axes if any(line.get_label() == name for line in axes.lines)}
            if len(covers) == 1 and (cover := covers.pop()):
                everywhere[name] = cover
        longer |= _mark(key, everywhere)
    return longer


def _mark(key, covered: dict[str, str]) -> bool:
    """Whether any of a key's words changed."""
    longer = False
    for text in key.get_texts():
        if cover := covered.get(text.get_text()):
            text.set_text(f"{text.get_text()} (under “{cover}”)")
            longer = True
    return longer


def _covered(axes: Axes) -> dict[str, str]:
    """Names of curves that are covered, each with the name of the curve on it."""
    drawn = sorted(axes.lines, key=lambda line: line.get_zorder())
    named = [not str(line.get_label()).startswith("_") for line in drawn]
    return {
        str(line.get_label()): str(upper.get_label())
        for i, line in enumerate(drawn)
        for j, upper in enumerate(drawn[i + 1 :], i + 1)
        if named[i] and named[j] and _hides(upper, line, axes)
    }


def _hides(upper: Line2D, lower: Line2D, axes: Axes) -> bool:
    """Whether a solid curve that is as thick lies within a pixel of another one's whole length."""
    if any(line.get_transform() != axes.transData for line in (upper, lower)):
        return False
    marked = lower.get_marker() not in ("None", "none", "", " ", None)
    if upper.get_linestyle() != "-" or upper.get_linewidth() < lower.get_linewidth() or (upper.get_alpha() or 1) < 1 or marked:
        return False
    if lower.get_linestyle() in ("None", "none", "", " "):
        return False
    points, path = (_on_screen(line, axes) for line in (lower, upper))
    if len(points) < 2 or len(path) < 2 or np.any(np.diff(path[:, 0]) <= 0):
        return False
    inside = path[0, 0] - _PIXELS <= points[:, 0].min() and points[:, 0].max() <= path[-1, 0] + _PIXELS
    return bool(inside and np.all(np.abs(np.interp(points[:, 0], *path.T) - points[:, 1]) <= _PIXELS))


def _on_screen(line: Line2D, axes: Axes) -> np.ndarray:
    points = np.asarray(line.get_xydata(), float)
    points = axes.transData.transform(points[np.isfinite(points).all(axis=1)])
    return points[np.argsort(points[:, 0], kind="stable")]
