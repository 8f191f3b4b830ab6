"""What an explorer is made of: sliders, numbers, and pictures of the thing itself, as the page's script reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isaclib.foundations import checks

_DIGITS = 6


@dataclass(frozen=True)
class Control:
    """A slider over a list of values (numbers or words)."""

    label: str
    values: Sequence[float | str]
    unit: str = ""

    def described(self) -> dict:
        return {**_said(self), "values": flat(self.values)}


@dataclass(frozen=True)
class Readout:
    """A number per grid point, shape of the grid; nan is shown as "infeasible"."""

    label: str
    values: Any
    unit: str = ""

    def described(self, grid: tuple[int, ...]) -> dict:
        return {**_said(self), "values": on_grid(self.label, self.values, grid)}


@dataclass(frozen=True)
class Bars:
    """A bar per category and grid point: shape of the grid, then the number of categories."""

    label: str
    categories: Sequence[str]
    values: Any
    unit: str = ""

    def described(self, grid: tuple[int, ...]) -> dict:
        said = _said(self)
        categories = checks.instance("categories", self.categories, (list, tuple))
        values = on_grid(self.label, self.values, (*grid, len(categories)))
        return {**said, "categories": list(self.categories), "values": values}


@dataclass(frozen=True)
class Trace:
    """A curve per grid point over an axis of its own: shape of the grid, then the number of points.

    ``limit`` is the number of the control whose value is drawn as a level, ``shaded`` a stretch of the axis where it holds.
    """

    label: str
    along: Sequence[float]
    along_label: str
    values: Any
    unit: str = ""
    limit: int | None = None
    shaded: tuple[float, float] | None = None

    def described(self, grid: tuple[int, ...]) -> dict:
        return {
            "kind": "trace",
            **_said(self),
            "along": flat(self.along),
            "alongLabel": self.along_label,
            "values": on_grid(self.label, self.values, (*grid, len(self.along)), digits=4),
            "limit": self.limit,
            "shaded": self.shaded,
        }


@dataclass(frozen=True)
class Ranges:
    r"""How well a target is located by the ranges that are measured, for targets that a reader drags.

    The page computes :math:`J = \sum_i s_i k_i (d_i / d_{i,0})^{-\nu} g_i g_i^{\mathsf T}` anew where the target is put:
    :math:`g_i` is the sum of the unit vectors from the anchors of range :math:`i` (its part in the plane), :math:`d_i` the
    distance to the first anchor, never less than ``nearest``, and :math:`d_{i,0}` the same where the target stood. What the
    formula does not hold, fading and powers, stays.

    Attributes
    ----------
    anchors : (n, I, A, 3)
        Where each range is measured from; the third coordinate is the height above the target. One anchor, or two of an echo that
        comes back elsewhere.
    coefficients : (n, targets, I)
        :math:`k_i` where the target stands.
    spent : shape of the grid, then I
        :math:`s_i`, nan where the grid is infeasible.
    """

    anchors: Any
    coefficients: Any
    spent: Any
    exponent: float = 0.0
    nearest: float = 0.0

    def described(self, name: str, grid: tuple[int, ...], targets: int) -> dict:
        anchors = np.asarray(self.anchors, dtype=float)
        coefficients = np.asarray(self.coefficients, dtype=float)
        if anchors.ndim != 4 or anchors.shape[0] != grid[-1] or anchors.shape[3] != 3:
            raise ValueError(f"explorer: {name}: anchors have shape {anchors.shape}, ({grid[-1]}, I, A, 3) is asked for")
        if coefficients.shape != (grid[-1], targets, anchors.shape[1]):
            raise ValueError(f"explorer: {name}: coefficients have shape {coefficients.shape}")
        return {
            "anchors": [[[flat(at) for at in one] for one in rows] for rows in anchors],
            "coefficients": [[flat(row) for row in rows] for rows in coefficients],
            "spent": on_grid(name, self.spent, (*grid, anchors.shape[1])),
            "exponent": self.exponent,
            "nearest": self.nearest,
        }


@dataclass(frozen=True)
class Map:
    """Where things stand, and how well targets are located: one map for each value of the last control.

    Positions (n, K, 2) in ``unit``. The ellipses show ``magnified`` standard deviations: of ``covariances``, the shape of the
    grid, then (targets, 3) for xx, xy, yy; or of ``ranges``, and then targets can be dragged. ``loads``, the shape of the grid,
    then one for each user (or station, as ``loaded`` says), from 0 to 1, fill their marks.
    """

    label: str
    stations: Any
    users: Any
    targets: Any
    loads: Any
    loads_label: str
    covariances: Any = None
    ranges: Ranges | None = None
    loaded: str = "users"
    names: tuple[str, str, str] = ("station", "user", "target")
    magnified: float = 1.0
    unit: str = "m"

    def described(self, grid: tuple[int, ...]) -> dict:
        """Positions per value of the last control; they are the same for all values of the others."""
        places = {name: np.asarray(getattr(self, name), dtype=float) for name in ("stations", "users", "targets")}
        for name, array in places.items():
            if array.ndim != 3 or array.shape[0] != grid[-1] or array.shape[2] != 2:
                raise ValueError(f"explorer: {self.label}: {name} have shape {array.shape}, ({grid[-1]}, K, 2) is asked for")
        if (self.covariances is None) == (self.ranges is None):
            raise ValueError(f"explorer: {self.label}: either covariances or ranges say how well targets are located")
        sizes = {name: array.shape[1] for name, array in places.items()}
        located = (
            {"ranges": self.ranges.described(self.label, grid, sizes["targets"])}
            if self.ranges
            else {"covariances": on_grid(self.label, self.covariances, (*grid, sizes["targets"], 3), digits=4)}
        )
        return {
            "kind": "map",
            **_said(self),
            "magnified": self.magnified,
            "names": self.names,
            "loaded": self.loaded,
            "loadsLabel": self.loads_label,
            "loads": on_grid(self.loads_label, self.loads, (*grid, sizes[self.loaded]), digits=3),
            **located,
            **{name: [[flat(at) for at in rows] for rows in array] for name, array in places.items()},
        }


def _said(picture: Any) -> dict[str, str]:
    """Its label and unit, in words."""
    return {name: checks.instance(name, getattr(picture, name), str) for name in ("label", "unit")}


def on_grid(name: str, values: Any, shape: tuple[int, ...], digits: int = _DIGITS) -> list:
    """A flat list in C order; ValueError where the shape is not the one that the controls ask for."""
    array = checks.array(f"values of {name}", values, ("...",), nan=True, infinite=True)
    if array.shape != shape:
        raise ValueError(f"explorer: values: {name} has shape {array.shape}, the controls ask for {shape}")
    return flat(array.ravel(), digits)


def flat(values: Any, digits: int = _DIGITS) -> list:
    """Numbers rounded to some digits, null for what is not finite; words as they are."""
    return [value if isinstance(value, str) else _rounded(checks.reported("values", value), digits) for value in one_list(values)]


def one_list(values: Any) -> Any:
    """Several numbers or words along one axis."""
    if isinstance(values, str | dict | set) or checks.axes(values) != 1 or np.any(np.ma.getmaskarray(values)):
        raise ValueError(f"explorer: values must be one list of numbers or words, not {checks.short(values)}")
    return values


def _rounded(value: float, digits: int) -> float | None:
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None
