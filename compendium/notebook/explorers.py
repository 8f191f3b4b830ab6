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


def show(
    name: str,
    *,
    controls: Sequence[Control],
    readouts: Sequence[Readout],
    bars: Sequence[Bars] = (),
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
    text = json.dumps(specification(controls, readouts, bars, log), separators=(",", ":"), ensure_ascii=True)
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


def specification(controls: Sequence[Control], readouts: Sequence[Readout], bars: Sequence[Bars], log: bool) -> dict:
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
    }


def _grid(name: str, values: Any, shape: tuple[int, ...]) -> list:
    array = np.asarray(values, dtype=float)
    if array.shape != shape:
        raise ValueError(f"explorer: {name} has shape {array.shape}, the controls ask for {shape}")
    return _flat(array.ravel())


def _flat(values: Any) -> list:
    return [value if isinstance(value, str) else _rounded(float(value)) for value in values]


def _rounded(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


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
