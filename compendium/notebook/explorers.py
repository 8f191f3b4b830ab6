"""Explorers: figures that a reader moves, from a grid of exact optima computed when the book was built.

The page holds the grid as JSON and loads one small script; there is no server and no request to anywhere else. Every
explorer names a static figure that tells the same story in print and without scripts, and may stand on other pages too: the
run keeps it as a fragment that the chapter's opening includes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isaclib.foundations import checks

from . import context as _context
from .display import display_with_myst
from .figures import label
from .guesses import Guess
from .pictures import Bars, Control, Map, Ranges, Readout, Trace, one_list

__all__ = ["Bars", "Control", "Guess", "Map", "Ranges", "Readout", "Trace", "guess", "show"]
MOST_BYTES = 1_000_000
_CLASSES = {"explore": "isac-explorer", "guess": "isac-guess"}


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
    _words(name=name, caption=caption, fallback=fallback)
    kinds: dict[str, tuple[type, ...]] = {
        "controls": (Control,),
        "readouts": (Readout,),
        "bars": (Bars,),
        "pictures": (Trace, Map),
    }
    for (argument, kind), given in zip(kinds.items(), (controls, readouts, bars, pictures), strict=True):
        for one in checks.instance(argument, given, (list, tuple)):
            checks.instance(argument, one, kind)
    checks.flag("log", log)
    if any(len(one_list(control.values)) == 0 for control in controls):
        _in_words("Nothing to explore: no draw of this run can be shown.")
        return
    _keep(name, "explore", specification(controls, readouts, bars, log, pictures), caption, fallback)


def guess(name: str, game: Guess, *, caption: str, fallback: str) -> None:
    """Put a game on the page: the reader divides two budgets, sees the rates, and then the certified optimum and the gap."""
    _words(name=name, caption=caption, fallback=fallback)
    checks.instance("game", game, Guess)
    if not game.rounds:
        _in_words("Nothing to guess: no draw of this run can be shown.")
        return
    _keep(name, "guess", game.described(), caption, fallback)


def _words(**texts: Any) -> None:
    for name, text in texts.items():
        checks.instance(name, text, str)


def _keep(name: str, kind: str, described: dict, caption: str, fallback: str) -> None:
    """Show it, and keep its data and its place on a page with the run."""
    run = _context.current()
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=True)
    if len(text) > MOST_BYTES and run.own:
        _in_words(f"Not shown: with these values the explorer would hold {len(text) / 1e6:.1f} MB.")
        return
    if len(text) > MOST_BYTES:
        raise ValueError(f"explorer {name}: {len(text)} bytes of data; use a coarser grid (at most {MOST_BYTES})")
    beside = "" if run.notebook == "what_if" else run.page.removeprefix(run.notebook)
    page = myst(run.section, name, text, caption, fallback + beside, kind)
    if run.directory:
        folder = Path(run.directory) / "explorers"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(text)
        (folder / f"{name}.md").write_text(page)
    plain = f"*Explorer (moves in the book):* {caption}"
    display_with_myst({"text/markdown": plain, "text/plain": plain}, page)


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
        raise ValueError("an explorer needs at least one of the controls and one of the readouts")
    return {
        "log": log,
        "controls": [control.described() for control in controls],
        "readouts": [readout.described(grid) for readout in readouts],
        "bars": [one.described(grid) for one in bars],
        "pictures": [picture.described(grid) for picture in pictures],
    }


def myst(section: str, name: str, text: str, caption: str, fallback: str, kind: str = "explore") -> str:
    """The explorer on its book page: a frame that the script fills, its data, and the pointer to the static figure."""
    data = text.replace("</", "<\\/")
    return "\n".join(
        [
            "```{raw} html",
            f'<div class="{_CLASSES[kind]}" id="{_CLASSES[kind].removeprefix("isac-")}-{name.replace("_", "-")}">',
            f'<script type="application/json">{data}</script>',
            "<noscript>This figure moves only where scripts are allowed.</noscript>",
            "</div>",
            '<script defer src="../../_static/explorer.js"></script>',
            "```",
            "",
            "{.isac-explorer-caption}",
            f"**{kind.capitalize()}.** {caption} In print, see {{numref}}`{label(section, fallback)}`.",
            "",
        ]
    )
