"""A figure for a phone: the panels that stand side by side on a page are put below one another."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOLDER = "narrow"  # where these stand beside a run's figures
WIDTH = 4.4  # inches: the whole width of a phone, with letters of about ten pixels
_ROW, _SQUARE_ROW = 2.7, 3.8


def stack(figure: Figure) -> bool:
    """Put all panels of a figure into one column; False (and nothing done) where they stand in one already.

    Axes that share a place (twins) keep sharing it; a panel that left its labels to a neighbour gets labels of its own.
    """
    rows: dict[tuple[int, int], list[Axes]] = {}
    grids = set()
    for axes in figure.axes:
        place = axes.get_subplotspec()
        if place is None:  # a colour bar follows its panel
            continue
        grids.add(place.get_gridspec())
        rows.setdefault((place.rowspan.start, place.colspan.start), []).append(axes)
    if len(grids) != 1 or len({column for _, column in rows}) < 2:
        return False
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
    for legend in figure.legends:
        legend.set_ncols(min(2, len(legend.get_texts())))
    figure.set_layout_engine("constrained")  # the wide figure's may have been put to rest
    figure.set_size_inches(WIDTH, sum(heights) + (0.4 if figure.legends else 0.0))
    return True


def _siblings(axes: Axes, side: str) -> list[Axes]:
    return list((axes.get_shared_x_axes() if side == "x" else axes.get_shared_y_axes()).get_siblings(axes))


def _label(axes: Axes, side: str) -> str:
    """An axis' own label, or that of an axis it shares its scale with."""
    own = [getattr(each, f"get_{side}label")() for each in (axes, *_siblings(axes, side))]
    return next(filter(None, own), "")
