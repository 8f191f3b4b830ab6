"""What a figure shows, by the data of its lines: a hint for whoever marks it, never a mark.

The curves of the instructor's own figure are looked for among the student's. Units differ by powers of ten, angles may be in
degrees or radians, and other lines do not disturb.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

# Runs in the kernel before pyplot is there, so that it sees each figure before the notebook shows and closes it.
WATCH = """
def _watch(shell):
    import sys
    def begin(*info):
        shell._isac_figures = []
    def look():
        helpers = sys.modules.get("matplotlib._pylab_helpers")
        try:
            for manager in helpers.Gcf.get_all_fig_managers() if helpers else ():
                for ax in manager.canvas.figure.axes:
                    lines = []
                    for line in ax.get_lines()[:30]:
                        x, y = (list(map(float, values)) for values in (line.get_xdata(), line.get_ydata()))
                        step = -(-len(x) // 400) or 1
                        lines.append([x[::step], y[::step]])
                    shell._isac_figures.append([ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale(), lines])
        except Exception:
            pass
    begin()
    shell.events.register("pre_run_cell", begin)
    shell.events.register("post_execute", look)
_watch(get_ipython())
del _watch
"""
TELL = "import json as _json\nraise LookupError(_json.dumps(get_ipython()._isac_figures))"
_LEAST_POINTS, _RELATIVE, _OF_RANGE, _SHARE = 5, 0.02, 0.005, 0.95
_TENS = [10.0**power for power in (0, 3, -3, 6, -6, 9, -9, 2, -2)]
_X_FACTORS = [*_TENS, math.pi / 180, 180 / math.pi]

Axes = tuple[str, str, str, list[tuple[np.ndarray, np.ndarray]]]


def read(told: str) -> list[Axes]:
    """Labels, scale and lines of each pair of axes, as the kernel told them; nothing where that cannot be read."""
    try:
        found = []
        for x_label, y_label, scale, lines in json.loads(told):
            arrays = [(np.array(x, dtype=float), np.array(y, dtype=float)) for x, y in lines]
            found.append(
                (str(x_label), str(y_label), str(scale), [(x, y) for x, y in arrays if x.shape == y.shape and x.ndim == 1])
            )
    except (ValueError, TypeError):
        return []
    return found


def compared(drawn: Any, wanted: Any) -> str:
    """In a line: how many curves of the instructor's figure are in the student's, and which labels it lacks."""
    curves = [(curve, scale) for *_, scale, lines in wanted for curve in lines if len(set(curve[0])) >= _LEAST_POINTS]
    if not drawn:
        return "no figure with lines found"
    there = [line for *_, lines in drawn for line in lines]
    found = sum(any(same_curve(line, curve, scale) for line in there) for curve, scale in curves)
    text = f"{found} of {len(curves)} curves of the key found"
    bare = [name for name, at in (("x", 0), ("y", 1)) if not any(axes[at].strip() for axes in drawn)]
    return text + (f"; no label at {' and '.join(bare)}" if bare else "")


def same_curve(line: tuple[np.ndarray, np.ndarray], curve: tuple[np.ndarray, np.ndarray], scale: str = "linear") -> bool:
    """Whether a line follows a curve over at least half of it, in whatever units."""
    x, y = (values[np.isfinite(line[0]) & np.isfinite(line[1])] for values in line)
    keep = np.isfinite(curve[0]) & np.isfinite(curve[1])
    order = np.argsort(curve[0][keep])
    at, value = curve[0][keep][order], curve[1][keep][order]
    if len(at) < 2 or len(x) < _LEAST_POINTS:
        return False
    logarithmic = scale == "log" and bool(np.all(at > 0))
    length = np.log(at[-1] / at[0]) if logarithmic else at[-1] - at[0]
    allowed = _OF_RANGE * np.ptp(value)
    for factor in _X_FACTORS:
        inside = (factor * x >= at[0]) & (factor * x <= at[-1])
        if np.count_nonzero(inside) < _LEAST_POINTS:
            continue
        places = factor * x[inside]
        covered = np.log(places.max() / places.min()) if logarithmic else np.ptp(places)
        if covered < 0.5 * length:
            continue
        right = np.interp(np.log(places), np.log(at), value) if logarithmic else np.interp(places, at, value)
        for unit in _TENS:
            near = np.abs(unit * y[inside] - right) <= _RELATIVE * np.abs(right) + allowed
            if np.mean(near) >= _SHARE:
                return True
    return False
