"""Figures of the book: an SVG, its numbers as CSV, a caption, a description, and where it came from.

A notebook calls :func:`show`; the site builder turns what it leaves behind into a numbered figure with provenance.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from isaclib import __version__
from isaclib.foundations import checks, plotting, used_solvers

from . import context as _context
from . import hidden, layout, narrow, words
from .display import display_with_myst

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_clock = time.perf_counter()


_solvers = used_solvers.listen()  # since the last figure


def show(
    figure: Figure,
    name: str,
    *,
    data: pd.DataFrame | Mapping[str, Any],
    caption: str,
    alt: str,
    paper: str = "",
    solver: str = "",
) -> None:
    """Show a figure and keep it with its numbers.

    Parameters
    ----------
    figure : matplotlib Figure
        From :func:`isaclib.foundations.plotting.subplots`; every axis label ends in a unit.
    name : str
        Lower case with underscores, unique within the section.
    data : DataFrame or mapping of columns
        The plotted numbers; columns of unequal length are padded with blanks.
    caption : str
        Markdown. Says which figure of the paper it answers and what agrees or differs.
    alt : str
        What a reader who cannot see the figure needs to know. In runs of one's own, whose curves nobody has seen,
        it is read off the figure instead.
    paper : str
        The paper's figure, e.g. ``"Fig. 3"``; empty for figures the paper does not have.
    solver : str
        What computed it; default: the cone solvers called since the previous figure.

    Raises
    ------
    ValueError
        For a missing caption, description or unit, or a name that was used before.
    """
    global _clock
    texts = {"name": name, "caption": caption, "alt": alt, "paper": paper, "solver": solver}
    for argument, text in texts.items():
        checks.instance(argument, text, str)
    if not _NAME.fullmatch(name):
        raise ValueError(f"figure name {name!r}: use lower case, digits and underscores")
    for argument, text in (("caption", caption), ("alt", alt)):
        if len(text.strip()) < 20:
            raise ValueError(f"figure {name}: {argument} is missing or too short to help a reader")
    problems = plotting.unlabelled_axes(figure)
    if problems:
        raise ValueError(f"figure {name}: " + "; ".join(problems))
    table = _as_table(data)
    if empty := _say_where_empty(figure):
        which = "the figure is" if empty == "all" else "a panel is"
        caption = f"{caption.rstrip()} Where {which} empty, no draw of this run gives a value."

    run = _context.current()
    if run.claims_only:
        return
    if hidden.say_what_is_hidden(figure) and not run.trial:
        layout.place(figure)
    layout.keep(figure)
    caption, alt = words.said(caption), words.numbers_or_dashes(words.described(figure) if run.own else alt)
    seconds, _clock = time.perf_counter() - _clock, time.perf_counter()
    solver = solver or ", ".join(sorted(map(words.solver_name, _solvers))) or "no cone solver"
    _solvers.clear()
    svg = _drawn_small(figure) if run.trial else _as_svg(figure)
    entry = {
        "name": name,
        "section": run.section,
        "page": run.page,
        "notebook": run.notebook,
        "set": run.set_name,
        "paper": paper,
        "caption": caption,
        "alt": " ".join(alt.split()),
        "seed": run.seed,
        "solver": solver,
        "seconds": round(seconds, 2),
        "map": _is_map(figure),
    }
    if run.directory:
        folder = Path(run.directory) / "figures"
        folder.mkdir(exist_ok=True)
        if (folder / f"{name}.svg").exists():
            raise ValueError(f"figure {name}: the name was used before in this notebook")
        entry["order"] = len(list(folder.glob("*.svg")))
        (folder / f"{name}.svg").write_text(svg)
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.10g")
        (folder / f"{name}.json").write_text(json.dumps(entry, indent=1))
        if not run.trial:
            plotting.save_preview(figure, folder / f"{name}.webp")
            if ending := narrow.fit(figure):  # last: the figure is another one now
                (folder / narrow.FOLDER).mkdir(exist_ok=True)
                plotting.save_svg(figure, folder / narrow.FOLDER / f"{name}{ending}")
    display_with_myst({"image/svg+xml": svg, "text/plain": alt}, myst(entry))
    display_with_myst({"text/markdown": caption, "text/plain": caption}, "")


def _as_svg(figure: Figure) -> str:
    buffer = io.BytesIO()
    plotting.save_svg(figure, buffer)
    return buffer.getvalue().decode()


def _drawn_small(figure: Figure) -> str:
    """Find out whether the figure can be drawn, for a third of the time; nobody will look at it."""
    plotting.save_preview(figure, io.BytesIO(), width_px=96)
    return ""


def _say_where_empty(figure: Figure) -> str:
    """Write into every panel without a finite value that it has none; "all", "some", or nothing when there is none."""
    panels = [axes for axes in figure.axes if axes.axison and (axes.lines or axes.collections or axes.containers)]
    empty = [axes for axes in panels if not any(_drawn(axes))]
    for axes in empty:
        if {*axes.get_shared_x_axes().get_siblings(axes)} <= {*empty}:
            axes.set_xscale("linear")  # a logarithmic axis needs a value
        if {*axes.get_shared_y_axes().get_siblings(axes)} <= {*empty}:
            axes.set_yscale("linear")
        note = axes.text(0.5, 0.5, "no value with\nthese parameters", transform=axes.transAxes, ha="center", va="center")
        note.set_in_layout(False)  # panels do not shrink for it
    return "" if not empty else "all" if len(empty) == len(panels) else "some"


def _drawn(axes) -> Iterator[bool]:
    """Whether each artist of a panel shows a finite value; lines across the whole panel are no values."""
    for line in axes.lines:
        if line.get_transform() == axes.transData:
            yield bool(np.isfinite(np.asarray(line.get_xydata(), float)).all(axis=1).any())
    for collection in axes.collections:
        values = collection.get_array()
        if isinstance(collection, PathCollection):
            yield bool(np.isfinite(np.ma.filled(collection.get_offsets(), np.nan)).all(axis=1).any())
        elif values is not None:
            yield bool(np.isfinite(np.ma.filled(np.ma.asarray(values, float), np.nan)).any())
        else:
            yield any(np.isfinite(path.vertices).all(axis=1).any() for path in collection.get_paths() if len(path.vertices))
    for patch in axes.patches:
        yield bool(np.isfinite(patch.get_path().vertices).all() and np.isfinite(patch.get_window_extent().bounds).all())
    yield bool(axes.images or axes.tables)


def _is_map(figure: Figure) -> bool:
    """Whether colours carry the values, which a page must not turn over in the dark."""
    return any(axes.images or any(isinstance(each, QuadMesh) for each in axes.collections) for axes in figure.axes)


def label(section: str, name: str) -> str:
    """Cross-reference label of a figure: ``fig-<section>-<name>`` with dashes (``<name>-<set>`` on a second base set's page)."""
    return f"fig-{section}-{name}".replace("_", "-")


def myst(entry: Mapping[str, Any]) -> str:
    """The figure as MyST for its book page, with provenance and the link to its numbers below."""
    folder = f"/figures/{entry['section']}/{entry['page']}"
    beside = entry["page"].removeprefix(entry["notebook"])
    labelled = [] if entry["notebook"] == "what_if" else [f":name: {label(entry['section'], entry['name'] + beside)}"]
    command = f"isac run {entry['section']} {entry['notebook']} --set {entry['set'].partition('+')[0]}"
    source = f"({entry['paper']} of the paper.) " if entry["paper"] else ""
    facts = [f"set `{entry['set']}`"]
    if entry["seed"] is not None:
        facts.append(f"seed {entry['seed']}")
    facts += [entry["solver"], f"isaclib {__version__}", f"{entry['seconds']:.1f} s", f"again with `{command}`"]
    return "\n".join(
        [
            f"::::{{figure}} {folder}/{entry['name']}.svg",
            *labelled,
            f":alt: {entry['alt']}",
            ":class: dark-light isac-figure" + (" isac-map" if entry.get("map") else ""),
            "",
            f"{source}{entry['caption'].strip()}",
            "::::",
            "",
            f"{{.isac-provenance}}\n{{download}}`Numbers (CSV) <{folder}/{entry['name']}.csv>` · " + " · ".join(facts),
            "",
        ]
    )


def baseline(notebook: str, name: str) -> pd.DataFrame:
    """Numbers of a figure of this section's base run (``paper`` in the book), for what-if notebooks.

    Raises
    ------
    ValueError
        When the section's schema does not declare the comparison: the run would not be made anew when that one changes.
    FileNotFoundError
        When that run has not been made; the message says how.
    """
    run = _context.current()
    if run.directory and notebook not in run.compares:
        raise ValueError(f"baseline {notebook!r} is not declared: add it to _section: compares: [...] in schema.yml")
    base = run.baseline
    root = Path(run.root) if run.root else _context.project_root()
    path = root / "build" / "runs" / run.section / notebook / base / "figures" / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"no figure {name!r} of {run.section}/{notebook} with the set {base!r}: "
            f"make it with 'isac run {run.section} {notebook} --set {base}'"
        )
    return pd.read_csv(path)


def within(x: ArrayLike, axis: ArrayLike, values: ArrayLike) -> np.ndarray:
    """A curve of another run at ``x``, interpolated; nan beyond the ends of its rising axis, where that run says nothing.

    >>> within([1.5, 3.0], [1.0, 2.0], [10.0, 20.0]).tolist()
    [15.0, nan]
    """
    sizes: dict[str, int] = {}
    x = checks.array("x", x, ("...",))
    axis = checks.array("axis", axis, ("n",), sizes=sizes)
    values = checks.array("values", values, ("n",), nan=True, infinite=True, sizes=sizes)
    return np.asarray(np.interp(x, axis, values, left=np.nan, right=np.nan))


def _as_table(data: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        return data
    columns = {}
    for key, values in checks.instance("data", data, Mapping).items():
        if checks.axes(values) not in (0, 1) or isinstance(values, Mapping):
            raise ValueError(f"a figure's data: {key} must hold one column, not {checks.short(values)}")
        columns[key] = pd.Series(np.atleast_1d(np.asarray(values)))
    if not columns:
        raise ValueError("a figure's data must hold at least one column")
    return pd.DataFrame(columns)
