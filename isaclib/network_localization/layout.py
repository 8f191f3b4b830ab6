"""Where the base stations of the paper's network stand, and where its target can be."""

from __future__ import annotations

import math

import numpy as np

from ..foundations import checks, geometry
from ..foundations.errors import InvalidScenario

LAYOUTS = ("vertices", "cells")
MOST_STATIONS = 10**4
_SITES = 7  # cells: the middle one and its ring


def bs_layout_m(base_stations: int, side_m: float, layout: str = "vertices") -> np.ndarray:
    """Horizontal BS positions (B, 2) in metres around a sensing hexagon of the given side; see :meth:`.Scenario.random`.

    >>> bs_layout_m(3, 100.0).round(1)
    array([[100. ,   0. ],
           [-50. ,  86.6],
           [-50. , -86.6]])

    Raises
    ------
    InvalidScenario
        Naming the argument, e.g. for more than seven cells.
    """
    layout = checks.word("layout", layout, LAYOUTS)
    count = checks.count("base_stations", base_stations, maximum=MOST_STATIONS)
    side = checks.number("side_m", side_m, positive=True)
    if layout == "vertices":
        angle = 2 * np.pi * np.arange(count) / count
        return side * np.column_stack([np.cos(angle), np.sin(angle)])
    if count > _SITES:
        raise InvalidScenario("base_stations", f"cannot be {count} for layout 'cells'", f"use 1 to {_SITES}")
    angle = np.pi / 6 + np.pi / 3 * np.arange(6)
    ring = math.sqrt(3) * side * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.vstack([np.zeros((1, 2)), ring])[:count]


def uniform_hexagon(rng: np.random.Generator, side_m: float) -> np.ndarray:
    """A point (2,), uniform in a regular hexagon around the origin: one of the three rhombi that tile it, then uniform there.

    >>> uniform_hexagon(np.random.default_rng(1), 100.0).round(2)
    array([-54.73,  69.83])
    """
    checks.generator("rng", rng)
    side = checks.number("side_m", side_m, positive=True)
    rhombus, along = rng.integers(3), rng.random(2)
    return in_hexagon(np.array([rhombus]), along[None], side)[0]


def in_hexagon(rhombus: np.ndarray, along: np.ndarray, side_m: float) -> np.ndarray:
    """The points (D, 2) at the fractions ``along`` (D, 2) of the sides of the rhombi (D,) that tile the hexagon."""
    corners = geometry.hexagon(side_m)[::2]
    return along[:, :1] * corners[rhombus] + along[:, 1:] * corners[(rhombus + 1) % 3]
