"""A figure for a phone: as wide as one, so that its letters can be read, with panels below one another."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from . import layout

FOLDER = "narrow"  # where these stand beside a run's figures
STACKED = ".stacked.svg"  # how the names of those end whose panels were put below one another
WIDTH = 4.4  # inches: the whole width of a phone, with letters of about ten pixels
_WIDER = 1.05  # as many times as wide is worth a file of its own
_ROW, _SQUARE_ROW = 2.7, 3.8
_EDGE = 0.05  # of their width that stays free beside words, which a browser's font may set wider


def fit(figure: Figure) -> str:
    """Make a figure as wide as a phone, all panels in one column: how its file's name ends, ".svg" or :data:`STACKED`; nothing
    (and nothing done) where it is no wider already.

    Axes that share a place (twins) keep sharing it; a panel that left its labels to a neighbour gets labels of its own. Letters
    keep their size: curves get narrower, drawings with equal axes smaller.
    """
    if figure.get_layout_engine() is not None:  # not laid out yet
        layout.place(figure)
    rows: dict[tuple[int, int], list[Axes]] = {}
    grids = set()
    for axes in figure.axes:
        place = axes.get_subplotspec()
        if place is None:  # a colour bar follows its panel
            continue
        grids.add(place.get_gridspec())
        rows.setdefault((place.rowspan.start, place.colspan.start), []).append(axes)
    if len(grids) > 1 or figure.get_figwidth() < _WIDER * WIDTH:
        return ""
    stacked = len({column for _, column in rows}) > 1
    if stacked:
        height = _stack(figure, rows)
    else:
        drawing = any(axes.get_aspect() != "auto" for axes in figure.axes)
        height = figure.get_figheight() * (WIDTH / figure.get_figwidth() if drawing else 1.0)
    keys = {key: key.get_window_extent().y0 <= figure.bbox.height / 2 for key in figure.legends}
    figure.set_layout_engine("constrained")
    figure.set_size_inches(WIDTH, height)
    if own := [axes for axes in figure.axes if axes.get_legend() is not None]:
        layout.place(figure)
        alone = len(rows) == 1
        keys |= {axes.get_legend(): False for axes in own if not _within(axes) or (alone and _hides_a_curve(axes))}
    if keys:
        _fit_keys(figure, keys)
    if keys or not own:
        layout.place(figure)
    if _fit_labels(figure):
        layout.place(figure)
    _pull_in(figure)
    layout.keep(figure)
    return STACKED if stacked else ".svg"


def _stack(figure: Figure, rows: dict[tuple[int, int], list[Axes]]) -> float:
    """All panels into one column; the height it takes."""
    labels = {axes: (_label(axes, "x"), _label(axes, "y")) for here in rows.values() for axes in here}
    heights = [_ROW if rows[place][0].get_aspect() == "auto" else _SQUARE_ROW for place in sorted(rows)]
    grid = figure.add_gridspec(len(rows), 1, height_ratios=heights)
    for row, (_, stacked) in enumerate(sorted(rows.items())):
        for axes in stacked:
            axes.set_subplotspec(grid[row])
            for side, axis, text in zip("xy", (axes.xaxis, axes.yaxis), labels[axes], strict=True):
                if len(_siblings(axes, side)) > 1 and axes.axison:
                    axis.set_tick_params(which="both", **{"labelbottom" if side == "x" else "labelleft": True})
                    axis.set_label_text(text)
    return sum(heights)


def _fit_keys(figure: Figure, keys: dict[Legend, bool]) -> None:
    """Keys anew, those that stood low below all panels, the others above them: in as many columns as the narrow figure has
    room for; it grows by their height.
    """
    for key, low in keys.items():
        texts = key.get_texts()
        said: dict[str, Any] = {
            "loc": f"outside {'lower' if low else 'upper'} center",
            "title": key.get_title().get_text() or None,
            "title_fontsize": key.get_title().get_fontsize(),
        }
        key.remove()
        for columns in range(min(3, len(texts)), 0, -1):
            fitted = figure.legend(
                key.legend_handles,
                [text.get_text() for text in texts],
                ncols=columns,
                fontsize=texts[0].get_fontsize(),
                **said,
            )
            if fitted.get_window_extent().width <= figure.bbox.width or columns == 1:
                break
            fitted.remove()
    tall = sum(key.get_window_extent().height for key in figure.legends)
    figure.set_size_inches(WIDTH, figure.get_figheight() + tall / figure.dpi)


def _within(axes: Axes) -> bool:
    """Whether a panel's key is no wider than the panel."""
    key, panel = axes.get_legend().get_window_extent(), axes.bbox
    return panel.x0 - 1 < key.x0 and key.x1 < panel.x1 + 1


def _hides_a_curve(axes: Axes) -> bool:
    """Whether the panel's key lies on a curve (straight lines that mark a place may run through it)."""
    key = axes.get_legend().get_window_extent()
    curves = [line for line in axes.lines if line.get_visible() and len(line.get_path()) > 2]
    return any(line.get_path().transformed(line.get_transform()).intersects_bbox(key, filled=False) for line in curves)


def _pull_in(figure: Figure) -> None:
    """Words in a panel that the figure's edge would cut move sideways until they are whole."""
    for text in [text for axes in figure.axes for text in axes.texts if text.get_visible() and text.get_text()]:
        extent = text.get_window_extent()  # places an annotation, whose position is given in its own coordinates, as well
        free = _EDGE * extent.width
        aside = max(free - extent.x0, 0.0) or min(figure.bbox.width - free - extent.x1, 0.0)
        if aside and np.isfinite(aside):
            x, y = text.get_position()
            x, y = text.get_transform().transform((text.convert_xunits(x), text.convert_yunits(y)))
            x, y = text.get_transform().inverted().transform((x + aside, y))
            text.set_position((float(x), float(y)))


def _fit_labels(figure: Figure) -> bool:
    """Labels that are longer than their axis go on in a second line; whether there are any."""
    long = [
        label
        for axes in figure.axes
        for label, room in ((axes.xaxis.label, axes.bbox.width), (axes.yaxis.label, axes.bbox.height))
        if max(label.get_window_extent().size) > room
    ]
    for label in long:
        label.set_text(_halved(label))
    return bool(long)


def _halved(label: Text) -> str:
    words = label.get_text().split(" ")
    lengths = [abs(len(" ".join(words[:cut])) - ceil(len(label.get_text()) / 2)) for cut in range(1, len(words))]
    if not lengths or "$" in label.get_text():
        return label.get_text()
    cut = 1 + lengths.index(min(lengths))
    return " ".join(words[:cut]) + "\n" + " ".join(words[cut:])


def _siblings(axes: Axes, side: str) -> list[Axes]:
    return list((axes.get_shared_x_axes() if side == "x" else axes.get_shared_y_axes()).get_siblings(axes))


def _label(axes: Axes, side: str) -> str:
    """An axis' own label, or that of an axis it shares its scale with."""
    own = [getattr(each, f"get_{side}label")() for each in (axes, *_siblings(axes, side))]
    return next(filter(None, own), "")
