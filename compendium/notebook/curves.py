"""The curves of a figure, drawn and kept in one call: every one becomes columns of the figure's CSV."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import FigureBase
from matplotlib.ticker import LogLocator

from isaclib.foundations import checks, plotting
from isaclib.foundations.montecarlo import Average

from . import figures


class Curves:
    """Curves over one axis, and the columns that they leave behind.

    Parameters
    ----------
    name : str
        Column of the axis.
    x : array_like
    **columns
        Further columns that stand beside the axis.

    Examples
    --------
    >>> figure, axes = plotting.subplots()
    >>> curves = Curves("limit_m2", [0.1, 0.2])
    >>> mean, low, high = np.array([2e3, 4e3]), np.array([1e3, 3e3]), np.array([3e3, 5e3])
    >>> _ = curves.draw(axes, "exact_bit", Average(mean, low, high, 9, 9), "exact", unit=1e3)
    >>> {name: np.asarray(values).tolist() for name, values in curves.columns.items()}
    {'limit_m2': [0.1, 0.2], 'exact_bit': [2.0, 4.0], 'exact_bit_low': [1.0, 3.0], 'exact_bit_high': [3.0, 5.0]}
    """

    def __init__(self, name: str, x, **columns: Any) -> None:
        self.x = x
        checks.instance("name", name, str)
        self.columns: dict[str, Any] = {name: x, **columns}

    def draw(
        self,
        axes: Axes,
        name: str,
        y,
        scheme: str | int,
        *,
        unit: float = 1.0,
        low=None,
        high=None,
        band: str = "",
        **options: Any,
    ):
        """Draw ``y / unit`` in a scheme's style, and keep what is drawn as the column ``name``.

        ``y`` is an array, or an :class:`~isaclib.foundations.montecarlo.Average` with its band, or comes with ``low`` and
        ``high``; the band is kept as ``<name>_low`` and ``<name>_high`` (or ``<band>_low`` and ``<band>_high``). Options go to
        :func:`isaclib.foundations.plotting.line`.
        """
        if isinstance(y, Average):
            y, low, high = y.mean, y.low, y.high
        unit = checks.number("unit", unit, positive=True)
        for given, text in (("name", name), ("band", band)):
            checks.instance(given, text, str)
        for side, values in (("y", y), ("low", low), ("high", high)):
            if values is not None or side == "y":
                checks.values(side, values, nan=True, infinite=True)
        # A measure of one leaves every bit (and every whole number) as it is.
        drawn = [None if each is None else each if unit == 1 else np.asarray(each) / unit for each in (y, low, high)]
        line = plotting.line(axes, self.x, drawn[0], scheme, low=drawn[1], high=drawn[2], **options)
        stem = band or name
        for column, values in zip((name, f"{stem}_low", f"{stem}_high"), drawn, strict=True):
            if values is not None:
                self.columns[column] = values
        return line

    def level(self, axes: Axes, name: str, value: float, scheme: str | int, **options: Any):
        """A value that does not depend on the axis: a line across the curves, and a column that repeats it."""
        return self.draw(axes, name, np.full(np.size(self.x), value), scheme, markers=False, **options)

    def show(self, figure, name: str, **told: Any) -> None:
        """Show the figure with these columns as its numbers; see :func:`.figures.show`."""
        figures.show(figure, name, data=self.columns, **told)


def average_line(axes: Axes, x, average: Average, scheme, *, unit: float = 1.0, **options: Any):
    """Draw an average with its band, in a unit; what is kept is said elsewhere."""
    checks.instance("average", average, Average)
    return Curves("", x).draw(axes, "", average, scheme, unit=unit, **options)


def legend_above(figure, axes: Axes, columns: int, **options: Any) -> None:
    """The key of one panel above all of them."""
    checks.instance("figure", figure, FigureBase)
    checks.instance("axes", axes, Axes)
    checks.count("columns", columns)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=columns, **options)


def plain_numbers(axis) -> None:
    """Plain numbers on a logarithmic axis, at one, two and five."""
    checks.instance("axis", axis, Axis)
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")
