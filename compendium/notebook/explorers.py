"""Explorers: figures that a reader moves, from a grid of exact optima computed when the book was built.

The page holds the grid as JSON and loads one small script; there is no server and no request to anywhere else. Every
explorer names a static figure that tells the same story in print and without scripts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import context as _context
from .display import display_with_myst
from .figures import label

_DIGITS = 6
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Control:
    """A slider over a list of values (numbers or words)."""

    label: str
    values: Sequence[float | str]
    unit: str = ""


@dataclass(frozen=True)
class Readout:
    """A number per grid point, shape of the grid; nan is shown as "infeasible"."""

    label: str
    values: Any
    unit: str = ""


@dataclass(frozen=True)
class Bars:
    """A bar per category and grid point: shape of the grid, then the number of categories."""

    label: str
    categories: Sequence[str]
    values: Any
    unit: str = ""


@dataclass(frozen=True)
class Trace:
    """A curve per grid point over an axis of its own: shape of the grid, then the number of points.

    ``limit`` is the number of the control whose value is drawn as a level, ``shaded`` a stretch of the axis where it holds.
    """

    label: str
    along: Sequence[float]
    along_label: str
    values: Any
    unit: str = ""
    limit: int | None = None
    shaded: tuple[float, float] | None = None


@dataclass(frozen=True)
class Map:
    """Where things stand, and how well targets are located: one map for each value of the last control.

    Positions (n, K, 2) in ``unit``; ``covariances``, the shape of the grid, then (targets, 3) for xx, xy, yy, are drawn as
    ellipses of ``magnified`` standard deviations; ``loads``, the shape of the grid, then the users, from 0 to 1, fill the discs.
    """

    label: str
    stations: Any
    users: Any
    targets: Any
    covariances: Any
    loads: Any
    loads_label: str
    magnified: float = 1.0
    unit: str = "m"


def show(
    name: str,
    *,
    controls: Sequence[Control],
    readouts: Sequence[Readout],
    bars: Sequence[Bars] = (),
    pictures: Sequence[Trace | Map] = (),
    caption: str,
    fallback: str,
    log: bool = False,
) -> None:
    """Put an explorer on the page.

    Parameters
    ----------
    name : str
        Lower case with underscores, unique on the page.
    controls : sequence of Control
        One per axis of the grid, in the order of the axes.
    readouts : sequence of Readout
        The first is also drawn as a curve over the first control.
    bars : sequence of Bars
        Allocations drawn as bars that move with the controls.
    pictures : sequence of Trace or Map
        The thing itself, drawn before the bars: a pulse, a map with the ellipses of the position errors.
    caption : str
        What to try and what to notice.
    fallback : str
        Name of the figure of this section that stands in for it in print.
    log : bool
        Draw the curve with a logarithmic value axis.

    Raises
    ------
    ValueError
        Where a shape does not fit the controls, or the page would grow by more than 1 MB. In a run of one's own the notebook
        says so in words instead, as it does where there is nothing to explore.
    """
    run = _context.current()
    if any(len(control.values) == 0 for control in controls):
        _in_words("Nothing to explore: no draw of this run can be shown.")
        return
    text = json.dumps(specification(controls, readouts, bars, log, pictures), separators=(",", ":"), ensure_ascii=True)
    if len(text) > MOST_BYTES and run.own:
        _in_words(f"Not shown: with these values the explorer would hold {len(text) / 1e6:.1f} MB.")
        return
    if len(text) > MOST_BYTES:
        raise ValueError(f"explorer {name}: {len(text)} bytes of data; use a coarser grid (at most {MOST_BYTES})")
    if run.directory:
        folder = Path(run.directory) / "explorers"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(text)
    plain = f"*Explorer (moves in the book):* {caption}"
    display_with_myst({"text/markdown": plain, "text/plain": plain}, myst(run.section, name, text, caption, fallback))


def _in_words(text: str) -> None:
    display_with_myst({"text/markdown": text, "text/plain": text}, f"*{text}*\n")


def specification(
    controls: Sequence[Control],
    readouts: Sequence[Readout],
    bars: Sequence[Bars],
    log: bool,
    pictures: Sequence[Trace | Map] = (),
) -> dict:
    """What the script reads: flat lists in C order of the grid, rounded to six digits, null for nan."""
    grid = tuple(len(control.values) for control in controls)
    if not controls or not readouts:
        raise ValueError("an explorer needs at least one control and one readout")
    return {
        "log": log,
        "controls": [{"label": c.label, "unit": c.unit, "values": _flat(c.values)} for c in controls],
        "readouts": [{"label": r.label, "unit": r.unit, "values": _grid(r.label, r.values, grid)} for r in readouts],
        "bars": [
            {
                "label": b.label,
                "unit": b.unit,
                "categories": list(b.categories),
                "values": _grid(b.label, b.values, (*grid, len(b.categories))),
            }
            for b in bars
        ],
        "pictures": [_trace(p, grid) if isinstance(p, Trace) else _map(p, grid) for p in pictures],
    }


def _trace(trace: Trace, grid: tuple[int, ...]) -> dict:
    return {
        "kind": "trace",
        "label": trace.label,
        "unit": trace.unit,
        "along": _flat(trace.along),
        "alongLabel": trace.along_label,
        "values": _grid(trace.label, trace.values, (*grid, len(trace.along)), digits=4),
        "limit": trace.limit,
        "shaded": trace.shaded,
    }


def _map(drawn: Map, grid: tuple[int, ...]) -> dict:
    """Positions per value of the last control; they are the same for all values of the others."""
    places = {name: np.asarray(getattr(drawn, name), dtype=float) for name in ("stations", "users", "targets")}
    for name, array in places.items():
        if array.ndim != 3 or array.shape[0] != grid[-1] or array.shape[2] != 2:
            raise ValueError(f"explorer: {drawn.label}: {name} have shape {array.shape}, ({grid[-1]}, K, 2) is asked for")
    sizes = {name: array.shape[1] for name, array in places.items()}
    return {
        "kind": "map",
        "label": drawn.label,
        "unit": drawn.unit,
        "magnified": drawn.magnified,
        "loadsLabel": drawn.loads_label,
        "covariances": _grid(drawn.label, drawn.covariances, (*grid, sizes["targets"], 3), digits=4),
        "loads": _grid(drawn.loads_label, drawn.loads, (*grid, sizes["users"]), digits=3),
    } | {name: [[_flat(at) for at in rows] for rows in array] for name, array in places.items()}


def _grid(name: str, values: Any, shape: tuple[int, ...], digits: int = _DIGITS) -> list:
    array = np.asarray(values, dtype=float)
    if array.shape != shape:
        raise ValueError(f"explorer: {name} has shape {array.shape}, the controls ask for {shape}")
    return _flat(array.ravel(), digits)


def _flat(values: Any, digits: int = _DIGITS) -> list:
    return [value if isinstance(value, str) else _rounded(float(value), digits) for value in values]


def _rounded(value: float, digits: int) -> float | None:
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def myst(section: str, name: str, text: str, caption: str, fallback: str) -> str:
    """The explorer on its book page: a frame that the script fills, its data, and the pointer to the static figure."""
    data = text.replace("</", "<\\/")
    return "\n".join(
        [
            "```{raw} html",
            f'<div class="isac-explorer" id="explorer-{name.replace("_", "-")}">',
            f'<script type="application/json">{data}</script>',
            "<noscript>This figure moves only where scripts are allowed.</noscript>",
            "</div>",
            '<script defer src="../../_static/explorer.js"></script>',
            "```",
            "",
            "{.isac-explorer-caption}",
            f"**Explore.** {caption} In print, see {{numref}}`{label(section, fallback)}`.",
            "",
        ]
    )
