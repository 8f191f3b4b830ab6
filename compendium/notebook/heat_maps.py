"""A heat map with its numbers written into the cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

_MANY = 6


def heat_map(
    axes: Axes,
    values,
    columns: Sequence[float],
    rows: Sequence[float],
    *,
    low: float,
    high: float,
    colours: str = "cividis",
    text: str = "{:.0f}",
):
    """Draw values (rows, columns) over the entries of both axes; what is not finite stays empty.

    Returns the mesh, for a colour bar.
    """
    values = np.asarray(values, dtype=float)
    look: dict[str, Any] = {
        "cmap": colours,
        "vmin": low,
        "vmax": high,
        "rasterized": True,
        "edgecolors": "white",
        "linewidth": 0.5,
    }
    mesh = axes.pcolormesh(np.ma.masked_invalid(values), **look)
    for row, column in np.argwhere(np.isfinite(values)):
        shade = (values[row, column] - low) / (high - low) if high > low else 0.0
        ink: dict[str, Any] = {
            "ha": "center",
            "va": "center",
            "fontsize": "x-small",
            "color": "black" if shade > 0.6 else "white",
        }
        axes.text(column + 0.5, row + 0.5, text.format(values[row, column]), **ink)
    axes.set_xticks(np.arange(len(columns)) + 0.5, [_plain(value) for value in columns])
    axes.set_yticks(np.arange(len(rows)) + 0.5, [_plain(value) for value in rows])
    if len(columns) > _MANY:  # their labels stand side by side
        axes.tick_params(axis="x", labelsize="x-small")
    axes.grid(visible=False)
    return mesh


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
