"""Tables of a notebook, and pipe tables for generated pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any

import pandas as pd

from .display import display_with_myst


def table(
    rows: pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    caption: str = "",
    precision: int = 4,
    formats: str | Mapping[str, str] = "",
) -> None:
    """Show a small table; in the book it scrolls by itself on a narrow screen.

    Parameters
    ----------
    rows : DataFrame, mapping of columns, or rows as mappings
    caption : str
    precision : int
        Digits of numbers without a format of their own.
    formats : str or mapping of column to str
        Format of all numbers, or of a column's, such as ``".2f"``.
    """
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    of_column = {name: formats if isinstance(formats, str) else formats.get(name, "") for name in frame.columns}
    text = markdown_table(
        [
            [_cell(value, precision, of_column[name]) for name, value in zip(frame.columns, row, strict=True)]
            for row in frame.itertuples(index=False)
        ],
        list(frame.columns),
    )
    data = {"text/markdown": text, "text/plain": frame.to_string(index=False)}
    display_with_myst(data, f"{text}\n\n*{caption}*\n" if caption else text)


def markdown_table(rows: list[list[str]], header: list[str]) -> str:
    """A pipe table; cell contents are escaped."""

    def line(cells) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(header), "|" + " --- |" * len(header), *(line(row) for row in rows)])


def _cell(value: Any, precision: int, form: str) -> str:
    if form and isinstance(value, Number):
        return f"{value:{form}}"
    return number(value, precision) if isinstance(value, float) else str(value)


def number(value: float, precision: int = 3) -> str:
    """A number with some digits, and without a power of ten where it needs none.

    >>> number(1520.3), number(0.012345), number(2.5e-9)
    ('1,520', '0.0123', '2.5e-09')
    """
    text = f"{value:.{precision}g}"
    return f"{value:,.0f}" if "e+" in text and abs(value) < 1e9 else text
