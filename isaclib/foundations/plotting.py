"""The book's figure style: one look for every scheme, units on every axis, legible in greyscale and on a dark page.

Figures are drawn without pyplot, so that nothing is shown twice in a notebook and nothing leaks between figures. A
scheme keeps its colour, dash and marker through the whole book: the certified optimum is the heavy dark line.
"""

from __future__ import annotations

import os
import re
from datetime import date
from itertools import cycle, islice
from typing import IO, Any, cast

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.rcsetup import cycler
from numpy.typing import ArrayLike
from PIL import Image

from . import checks
from .errors import InvalidScenario

INK = "#222222"
# Contrast of at least 4.5:1 on white, distinct under the common colour-vision deficiencies; dash and marker carry the
# difference in greyscale.
COLOURS = ("#0067A5", "#B8420A", "#00745A", "#A03C7C", "#77650B", "#5A5A5A")
_DASHES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5, 1, 1.5)), (0, (7, 2)))
_MARKERS = ("o", "s", "^", "D", "v", "P")

_ROLES: dict[str, dict[str, Any]] = {
    "exact": {"color": INK, "linestyle": "-", "linewidth": 2.4, "marker": "", "zorder": 3},
    "paper": {"color": COLOURS[0], "linestyle": "--", "marker": "o", "zorder": 4},
    "benchmark_1": {"color": COLOURS[1], "linestyle": "-.", "marker": "s"},
    "benchmark_2": {"color": COLOURS[2], "linestyle": (0, (1, 1.2)), "marker": "^"},
    "benchmark_3": {"color": COLOURS[3], "linestyle": (0, (5, 1.5, 1, 1.5, 1, 1.5)), "marker": "D"},
    "reference": {"color": COLOURS[5], "linestyle": (0, (7, 2)), "linewidth": 1.2, "marker": ""},
}

_TEXT_PT, _TICK_PT = 10.56, 9.68
_STYLE: dict[Any, Any] = {
    **{name: value for name, value in mpl.style.library["seaborn-v0_8-ticks"].items() if name != "image.cmap"},
    **dict.fromkeys(["font.size", "axes.labelsize", "legend.title_fontsize"], _TEXT_PT),
    **dict.fromkeys(["xtick.labelsize", "ytick.labelsize"], _TICK_PT),
    **{f"{axis}tick.{which}.width": width for axis in "xy" for which, width in (("major", 1.25), ("minor", 1.0))},
    **{f"{axis}tick.minor.size": 4.0 for axis in "xy"},
    "axes.linewidth": 1.25,
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "axes.grid.which": "major",
    "grid.color": "#C8C8C8",
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": "small",
    "lines.linewidth": 1.7,
    "lines.markersize": 4.5,
    "font.family": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "svg.fonttype": "path",
    "svg.hashsalt": "isaclib",
    "axes.prop_cycle": cycler(color=COLOURS),
}

# For words that stand on lines: a border in the colour of the page, which turns over with the picture in the dark.
HALO = (withStroke(linewidth=3, foreground="white"),)

_UNIT = re.compile(r"\(([^()]+|[^()]*\([^()]*\)[^()]*)\)\s*$")


def subplots(
    rows: int = 1, columns: int = 1, *, width: float = 6.4, height: float | None = None, **options: Any
) -> tuple[Figure, Any]:
    """A figure in the house style and its axes (as ``pyplot.subplots``, but not registered with pyplot).

    The style stays in force afterwards: legends, colour bars and lines are made later, by the caller.

    Parameters
    ----------
    rows, columns : int
    width, height : float
        Inches; the page is about 6.4 wide. The default height suits the number of rows and columns.
    **options
        Passed to ``Figure.subplots`` (``sharex``, ``subplot_kw``, ``width_ratios`` ...).
    """
    rows, columns = checks.count("rows", rows, maximum=100), checks.count("columns", columns, maximum=100)
    width = checks.number("width", width, positive=True, maximum=100)
    height = None if height is None else checks.number("height", height, positive=True, maximum=100)
    height = height or max(2.6, 3.6 * rows if columns == 1 else 2.9 * rows)
    mpl.rcParams.update(_STYLE)
    apart = 0.06 if columns > 1 else None  # labels of one panel keep off the ticks of its neighbour
    below = 0.06 if rows > 1 and not options.get("sharex") else None  # and titles off the labels above them
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(wspace=apart, hspace=below))
    return figure, figure.subplots(rows, columns, **options)


def style(index: int) -> dict[str, Any]:
    """Colour, dash and marker of the index-th series where no scheme role fits (levels of a parameter, users ...).

    >>> style(0)["marker"], style(7)["marker"]
    ('o', '^')
    """
    index = checks.count("index", index, minimum=0, maximum=10**6)
    count = len(COLOURS)
    return {
        "color": COLOURS[index % count],
        "linestyle": _DASHES[index % count],
        "marker": next(islice(cycle(_MARKERS), index + index // count, None)),
    }


def role(name: str) -> dict[str, Any]:
    """Colour, dash and marker of a scheme: exact, paper, benchmark_1, benchmark_2, benchmark_3 or reference.

    >>> role("paper")["linestyle"]
    '--'
    """
    return dict(_ROLES[checks.word("name", name, tuple(_ROLES))])


def line(
    axes: Axes,
    x: ArrayLike,
    y: ArrayLike,
    scheme: str | int,
    *,
    label: str | None = None,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    markers: bool | None = None,
    **options: Any,
) -> Line2D:
    """Draw a curve in a scheme's style, with a confidence band where ``low`` and ``high`` are given.

    Parameters
    ----------
    axes : matplotlib Axes
    x, y : array_like
        As many of one as of the other (x may also hold names or dates); nan leaves a gap.
    scheme : str or int
        A role of :func:`role`, or an index for :func:`style`.
    label : str, optional
        Legend entry.
    low, high : array_like, optional
        Band around the curve.
    markers : bool, optional
        Whether to draw markers (default: only up to 40 points).
    """
    checks.instance("axes", axes, Axes)
    if isinstance(scheme, (int, np.integer)) and not isinstance(scheme, bool):
        looks = style(checks.count("scheme", scheme, minimum=0, maximum=10**6))
    else:
        looks = dict(_ROLES[checks.word("scheme", scheme, tuple(_ROLES))])
    if checks.axes(x) not in (0, 1) or not _can_be_drawn(x):
        raise InvalidScenario("x", f"must be numbers, names or dates along one axis, not {checks.short(x)}")
    if (low is None) != (high is None):
        raise InvalidScenario("low" if low is None else "high", "is missing", "a band has two sides")
    for name, values in (("y", y), ("low", low), ("high", high)):
        if values is not None or name == "y":
            checks.values(name, values, nan=True, infinite=True)
            if np.shape(values) != np.shape(x):
                raise InvalidScenario(name, f"has shape {np.shape(values)}, but x has shape {np.shape(x)}")
    if markers is not None:
        checks.flag("markers", markers)
    if not (np.size(x) <= 40 if markers is None else markers):
        looks["marker"] = ""
    looks.update(options)
    if low is not None and high is not None:
        axes.fill_between(x, low, high, color=looks["color"], alpha=0.18, linewidth=0, zorder=1)
    (artist,) = axes.plot(x, y, label=label, **looks)
    return artist


def _can_be_drawn(x: ArrayLike) -> bool:
    """Numbers without a mask, names, or dates: no None, no other object and no flag among them."""
    given = np.asarray(x)
    if np.ma.is_masked(x) or given.size == 0:
        return False
    return given.dtype.kind in "iufUMm" or (given.dtype.kind == "O" and all(isinstance(each, str | date) for each in given.flat))


def unlabelled_axes(figure: Figure) -> list[str]:
    """Complaints about axes whose label is missing or does not end in a unit in parentheses; empty when all is well."""
    checks.instance("figure", figure, Figure)
    problems = []
    for number, axes in enumerate(_visible_axes(figure)):
        sides = (
            (("x", axes.xaxis), ("y", axes.yaxis))
            if axes.name != "3d"
            else (("x", axes.xaxis), ("y", axes.yaxis), ("z", cast(Any, axes).zaxis))
        )
        for side, axis in sides:
            text = axis.get_label_text() or _shared_label(figure, axes, side)
            if not axis.get_visible() or (not text and _without_ticks(axis)):
                continue
            if not _UNIT.search(text):
                problems.append(f"axes {number}: the {side} label {text!r} has no unit; end it with '(m)', '(dB)', '(1)' ...")
    return problems


def _visible_axes(figure: Figure) -> list[Axes]:
    # In three dimensions ``axison`` is False, and another flag says whether the axes are drawn.
    return [axes for axes in figure.axes if axes.get_visible() and getattr(axes, "_axis3don", axes.axison)]


def _shared_label(figure: Figure, axes: Axes, side: str) -> str:
    """The label of a figure-wide axis, or of the shared axis at the edge of the grid."""
    overall = figure.get_supxlabel() if side == "x" else figure.get_supylabel() if side == "y" else ""
    if overall:
        return overall
    shared = axes.get_shared_x_axes() if side == "x" else axes.get_shared_y_axes()
    for sibling in shared.get_siblings(axes):
        text = sibling.get_xlabel() if side == "x" else sibling.get_ylabel()
        if text:
            return text
    return ""


def _without_ticks(axis) -> bool:
    """An axis of names or without tick labels needs no unit."""
    labels = [tick.get_text() for tick in axis.get_ticklabels()]
    return len(axis.get_ticklocs()) == 0 or all(not _is_number(text) for text in labels if text)


def _is_number(text: str) -> bool:
    try:
        float(text.replace("\N{MINUS SIGN}", "-").replace("$", "").replace("\\mathdefault{", "").replace("}", ""))
    except ValueError:
        return "10^" in text
    return True


def save_svg(figure: Figure, path: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write the figure as SVG: text as outlines, transparent ground, reproducible bytes."""
    checks.instance("figure", figure, Figure)
    _file(path)
    with mpl.rc_context(_STYLE):
        figure.savefig(path, format="svg", dpi=150, metadata={"Date": None, "Creator": None})


def _file(path: str | os.PathLike[str] | IO[bytes]) -> None:
    named = isinstance(path, str | os.PathLike) and str(path)
    if not named and (isinstance(path, type) or not callable(getattr(path, "write", None))):
        raise InvalidScenario("path", f"must name a file, or be one that is open, not {checks.short(path)}")


def save_preview(figure: Figure, path: str | os.PathLike[str] | IO[bytes], *, width_px: int = 480) -> None:
    """Write a small picture of the figure (lossless WebP of few colours, about 10 kB), for pages that show many at once."""
    checks.instance("figure", figure, Figure)
    checks.count("width_px", width_px, maximum=10_000)
    _file(path)
    canvas, dpi = FigureCanvasAgg(figure), figure.dpi
    finer = 3 if width_px < 1000 else 1  # small letters are rounded to whole pixels: labels get longer than their room
    figure.set_dpi(finer * width_px / figure.get_figwidth())
    with mpl.rc_context(_STYLE):
        canvas.draw()
    figure.set_dpi(dpi)
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).reduce(finer)
    colours = drawn.quantize(24, method=Image.Quantize.FASTOCTREE)
    colours.convert("RGBA").save(path, "WEBP", lossless=True, quality=100, method=4)
