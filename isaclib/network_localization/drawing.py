"""A drop drawn from above: who stands where, and which signals reach whom."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, Polygon

from ..foundations import checks, geometry, plotting
from ..foundations.errors import InvalidScenario
from . import guards
from .scenario import Scenario


def draw_deployment(axes: Axes, scenario: Scenario, *, side_m: float, coverage_radius_m: float, signals: bool = False) -> None:
    """Base stations with their users and coverage discs, the sensing hexagon, the target; optionally the signals at BS 1.

    The scenario needs all positions. Of a single BS there is no bistatic and no direct signal to draw.

    >>> figure, axes = plotting.subplots()
    >>> draw_deployment(axes, Scenario.random(np.random.default_rng(7)), side_m=100.0, coverage_radius_m=100.0)
    >>> [text.get_text() for text in axes.texts][-1]
    'target'
    """
    checks.instance("axes", axes, Axes)
    scenario = guards.one(scenario)
    side_m = checks.number("side_m", side_m, positive=True)
    coverage_radius_m = checks.number("coverage_radius_m", coverage_radius_m, positive=True)
    signals = checks.flag("signals", signals)
    for name in ("bs_positions_m", "ue_positions_m", "target_position_m"):
        if getattr(scenario, name) is None:
            raise InvalidScenario(name, "is None, but a drawing needs it", "give the scenario all positions")
    bs, ue, target = scenario.bs_positions_m[:, :2], scenario.ue_positions_m[:, :2], scenario.target_position_m[:2]
    axes.add_patch(Polygon(geometry.hexagon(side_m), closed=True, fill=False, edgecolor=plotting.INK, linewidth=1.2))
    for i, (station, user) in enumerate(zip(bs, ue)):
        colour = plotting.style(i)["color"]
        axes.add_patch(Circle(station, coverage_radius_m, fill=False, linestyle="--", linewidth=0.9, edgecolor=colour))
        axes.plot(*station, marker="^", markersize=9, color=colour, linestyle="")
        axes.plot(*user, marker="o", markersize=6, color=colour, linestyle="")
        words = {"textcoords": "offset points", "color": colour, "path_effects": plotting.HALO}
        axes.annotate(f"BS {i + 1}", station, xytext=(7, 7), **words)
        axes.annotate(f"UE {i + 1}", user, xytext=(7, -10), **words)
    axes.plot(*target, marker="*", markersize=13, color=plotting.INK, linestyle="")
    axes.annotate("target", target, textcoords="offset points", xytext=(-9, -6), ha="right", path_effects=plotting.HALO)
    if signals:
        _draw_signals(axes, bs, ue, target)
    reach = np.max(np.abs(bs)) + coverage_radius_m
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="East (m)", ylabel="North (m)")


def _draw_signals(axes, bs: np.ndarray, ue: np.ndarray, target: np.ndarray) -> None:
    paths = [
        ("own echo", [bs[0], target], "<|-|>", "-", plotting.COLOURS[0], 0.0),
        *([] if len(bs) == 1 else _from_the_neighbour(bs, target)),
        ("user's link", [bs[0], ue[0]], "-|>", ":", plotting.INK, 0.0),
    ]
    for label, (start, end), arrow, dash, colour, bend in paths:
        options = {"linestyle": dash, "color": colour, "linewidth": 1.5, "shrinkA": 7, "shrinkB": 7, "mutation_scale": 11}
        axes.add_patch(FancyArrowPatch(start, end, arrowstyle=arrow, connectionstyle=f"arc3,rad={bend}", **options))
        axes.plot([], [], linestyle=dash, color=colour, label=label)
    axes.legend(loc="lower right", fontsize="x-small")


def _from_the_neighbour(bs: np.ndarray, target: np.ndarray) -> list:
    return [
        ("bistatic echo", [bs[1], target], "-|>", "-.", plotting.COLOURS[5], 0.0),
        ("direct BS-BS signal", [bs[1], bs[0]], "-|>", "--", plotting.COLOURS[3], 0.25),
    ]
