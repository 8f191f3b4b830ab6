"""Tables of a notebook, and pipe tables for generated pages."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .display import display_with_myst


def table(frame: pd.DataFrame, *, caption: str = "", precision: int = 4) -> None:
    """Show a small table; in the book it scrolls by itself on a narrow screen."""
    text = markdown_table(
        [[_cell(value, precision) for value in row] for row in frame.itertuples(index=False)], list(frame.columns)
    )
    data = {"text/markdown": text, "text/plain": frame.to_string(index=False)}
    display_with_myst(data, f"{text}\n\n*{caption}*\n" if caption else text)


def markdown_table(rows: list[list[str]], header: list[str]) -> str:
    """A pipe table; cell contents are escaped."""

    def line(cells) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(header), "|" + " --- |" * len(header), *(line(row) for row in rows)])


def _cell(value: Any, precision: int) -> str:
    return f"{value:.{precision}g}" if isinstance(value, float) else str(value)
