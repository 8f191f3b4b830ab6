"""Performance profiles: the share of a family's instances on which an entry comes within a gap of the certified optimum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from isaclib.foundations import plotting

LEAST = 1e-6  # the left end of the axis: nearer than the certificates tell


def profile(gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps of the profile: gaps in ascending order from the axis' left end, and the percentage of instances within each.

    >>> x, y = profile(np.array([0.5, np.inf, 0.0, 0.01]))
    >>> x.tolist(), y.tolist()
    ([1e-06, 0.01, 0.5, 1.0], [25.0, 50.0, 75.0, 75.0])
    """
    reached = np.sort(np.clip(gaps[np.isfinite(gaps)], LEAST, 1.0))
    x = np.unique(np.concatenate([[LEAST], reached, [1.0]]))
    return x, 100 * np.searchsorted(reached, x, side="right") / len(gaps)


def profiles(families: Mapping[str, Mapping[str, np.ndarray]], path: Path) -> None:
    """One panel for each family of a chapter, one curve for each entry."""
    figure, grid = plotting.subplots(2, 2, height=5.2, sharex=True, sharey=True)
    names = list(dict.fromkeys(title for family in families.values() for title in family))
    handles = {}
    for axes, (family, gaps) in zip(grid.flat, families.items()):
        for title, own in gaps.items():
            x, y = profile(own)
            (handles[title],) = axes.step(100 * x, y, where="post", **_look(names, title))
        axes.set(title=family, xscale="log", ylim=(-4, 104))
    for axes in grid.flat[len(families) :]:
        axes.set_visible(False)
    for axes in grid[-1] if len(families) > 2 else grid[0]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("Gap to the optimum (%)")
    for axes in grid[:, 0]:
        axes.set_ylabel("Instances within it (%)")
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=3, frameon=False, fontsize="small")
    plotting.save_svg(figure, path)


def _look(names: list[str], title: str) -> dict:
    looks = plotting.style(names.index(title))
    return {"color": looks["color"], "linestyle": looks["linestyle"], "alpha": 0.85, "linewidth": 1.8}
