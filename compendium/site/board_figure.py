"""Performance profiles: the share of a family's instances on which an entry comes within a gap of the certified optimum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from isaclib.foundations import plotting

LEAST = 1e-6  # the left end of the axis: nearer than the certificates tell
BEYOND = 10.0  # off its right end, which is a gap of 100 %


def profiles(families: Mapping[str, Mapping[str, np.ndarray]], path: Path) -> None:
    """One panel for each family of a chapter, one curve for each entry."""
    import seaborn as sns  # a second to import, for one command of many

    lines = -(-len(families) // 2)
    figure, grid = plotting.subplots(lines, 2, height=0.8 + 2.2 * lines, sharex=True, sharey=True, squeeze=False)
    names = list(dict.fromkeys(title for family in families.values() for title in family))
    handles = {}
    for axes, (family, gaps) in zip(grid.flat, families.items()):
        axes.set(xscale="log", xlim=(100 * LEAST, 100), ylim=(-4, 104))
        for title, own in gaps.items():
            gap = np.where(np.isfinite(own), np.maximum(own, LEAST), BEYOND)  # no allocation, or a forbidden one: never within
            end = {"x": np.append(100 * gap, 100 * BEYOND), "weights": np.append(np.ones(len(gap)), 0.0)}  # the curve goes on
            sns.ecdfplot(**end, stat="percent", ax=axes, legend=False, **_look(names, title))
            handles[title] = axes.lines[-1]
        axes.set(title=family, xlabel="", ylabel="")
    for axes in grid.flat[len(families) :]:
        axes.set_visible(False)
    for axes in grid.flat[max(len(families) - 2, 0) : len(families)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("Gap to the optimum (%)", visible=True)  # an inner panel that shares its axis would hide it
    for axes in grid[:, 0]:
        axes.set_ylabel("Instances within it (%)")
    labels = [title.replace("$", r"\$") for title in handles]  # no formulas
    figure.legend(handles.values(), labels, loc="outside upper center", ncols=3, frameon=False, fontsize="small")
    plotting.save_svg(figure, path)


def _look(names: list[str], title: str) -> dict:
    looks = plotting.style(names.index(title))
    return {"color": looks["color"], "linestyle": looks["linestyle"], "alpha": 0.85, "linewidth": 1.8}
