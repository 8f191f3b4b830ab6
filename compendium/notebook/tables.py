"""Tables of a notebook, and pipe tables for generated pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any

import pandas as pd

from isaclib import InvalidScenario
from isaclib.foundations import checks

from .display import display_with_myst
from .words import numbers_or_dashes, said


def table(
    rows: pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    caption: str = "",
    precision: int = 4,
    formats: str | Mapping[str, str] = "",
) -> None:
    """Show a small table; in the book it scrolls by itself on a narrow screen. A dash stands where there is no number.

    Parameters
    ----------
    rows : DataFrame, mapping of columns, or rows as mappings
    caption : str
    precision : int
        Digits of numbers without a format of their own.
    formats : str or mapping of column to str
        Format of all numbers, or of a column's, such as ``".2f"``. What is no number (nan) is a dash.
    """
    frame = _frame(rows)
    checks.instance("caption", caption, str)
    checks.count("precision", precision, maximum=17)
    for form in [formats] if isinstance(formats, str) else checks.instance("formats", formats, Mapping).values():
        _format(form)
    of_column = {name: formats if isinstance(formats, str) else formats.get(name, "") for name in frame.columns}
    text = markdown_table(
        [
            [_cell(value, precision, of_column[name]) for name, value in zip(frame.columns, row, strict=True)]
            for row in frame.itertuples(index=False)
        ],
        list(frame.columns),
    )
    caption = said(caption)
    data = {"text/markdown": text, "text/plain": frame.to_string(index=False)}
    display_with_myst(data, f"{text}\n\n*{caption}*\n" if caption else text)


def _frame(rows: Any) -> pd.DataFrame:
    if isinstance(rows, pd.DataFrame):
        return rows
    if isinstance(rows, Mapping) or (isinstance(rows, list | tuple) and all(isinstance(row, Mapping) for row in rows)):
        try:
            return pd.DataFrame(rows)
        except ValueError as error:  # columns of unequal lengths, or only single numbers
            raise InvalidScenario("rows", str(error)) from None
    raise InvalidScenario("rows", f"must be a DataFrame, a mapping of columns or a list of mappings, not {checks.short(rows)}")


def _format(form: Any) -> None:
    try:
        f"{1.0:{checks.instance('formats', form, str)}}"
    except ValueError as error:
        if isinstance(error, InvalidScenario):
            raise
        raise InvalidScenario("formats", f"{form!r} is not a format of numbers", "such as '.2f'") from None


def facts(named: Mapping[str, Any], *, caption: str = "", head: tuple[str, str] = ("quantity", "value")) -> None:
    """Show a table of two columns: what each quantity is called, and its value."""
    checks.instance("named", named, Mapping)
    if not (isinstance(head, tuple) and len(head) == 2 and all(isinstance(word, str) and word for word in head)):
        raise InvalidScenario("head", f"must be a tuple of two words, not {checks.short(head)}")
    table({head[0]: list(named), head[1]: list(named.values())}, caption=caption)


def written(text: str) -> pd.DataFrame:
    """A table of words written out: a line for the heads and one for each row, cells between bars.

    >>> written("chapter | asks\\n near field | a rate").to_dict("list")
    {'chapter': ['near field'], 'asks': ['a rate']}
    """
    lines = checks.instance("text", text, str).strip().splitlines()
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in lines] or [[]]
    if not rows or any(len(row) != len(head) for row in rows):
        raise InvalidScenario("text", "must hold a line of heads and rows of as many cells")
    return pd.DataFrame(rows, columns=head)


def markdown_table(rows: list[list[str]], header: list[str]) -> str:
    """A pipe table; cell contents are escaped."""
    checks.instance("header", header, (list, tuple))
    if not (isinstance(rows, list | tuple) and all(isinstance(row, list | tuple) and len(row) == len(header) for row in rows)):
        raise InvalidScenario("rows", f"must be lists of as many cells as the header, not {checks.short(rows)}")

    def line(cells) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(header), "|" + " --- |" * len(header), *(line(row) for row in rows)])


def _cell(value: Any, precision: int, form: str) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "–"
    if form and isinstance(value, Number):
        text = f"{value:{form}}"
    else:
        text = number(value, precision) if isinstance(value, float) else str(value)
    return numbers_or_dashes(text)


def number(value: float, precision: int = 3) -> str:
    """A number with some digits, and without a power of ten where it needs none.

    >>> number(1520.3), number(0.012345), number(2.5e-9)
    ('1,520', '0.0123', '2.5e-09')
    """
    value, precision = checks.reported("value", value), checks.count("precision", precision, maximum=17)
    text = f"{value:.{precision}g}"
    return f"{value:,.0f}" if "e+" in text and abs(value) < 1e9 else text
