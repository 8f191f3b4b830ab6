"""The figure of the claims: how many of each paper's claims got which verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from isaclib.foundations import plotting

from ..notebook.claims import VERDICTS
from . import ledgers

# Colour and hatch of a verdict; the style sheet of the book gives its words and boxes the same colour.
LOOKS = dict(zip(VERDICTS, zip((2, 0, 3, 1, 4), ("", "//", "..", "xx", "--"))))


def claims_figure(rows: Sequence[ledgers.Row], titles: Mapping[str, str], path: Path) -> None:
    """Verdicts per paper, whose short titles are given, as stacked bars; a verdict that nothing got has no key."""
    sections = [section for section in titles if any(row.claim.section == section for row in rows)]
    names = [textwrap.fill(titles[section], 18) for section in sections]
    figure, axes = plotting.subplots(height=0.9 + 0.5 * len(sections))
    start = np.zeros(len(sections))
    found = [(row.claim.section, (row.found or {}).get("verdict")) for row in rows]
    for verdict, (colour, hatch) in LOOKS.items():
        counts = np.array([found.count((section, verdict)) for section in sections], dtype=float)
        if counts.any():
            axes.barh(names, counts, left=start, label=verdict, color=plotting.COLOURS[colour], edgecolor="white", hatch=hatch)
        start += counts
    axes.invert_yaxis()
    axes.set_xlabel("Claims (1)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    plotting.save_svg(figure, path)
