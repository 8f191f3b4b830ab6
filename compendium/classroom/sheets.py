"""CSV files that went through a spreadsheet: semicolons, tabs, cp1252, UTF-16, byte order marks, decimal commas."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..runs.errors import ParameterError

_FORMULA = ("=", "+", "-", "@", "\t")
csv.field_size_limit(1 << 30)  # whatever has come into a cell, a table that was written can be read


@dataclass(frozen=True)
class Dialect:
    """How a file separates its columns; with semicolons numbers have decimal commas."""

    delimiter: str = ","


@dataclass(frozen=True)
class Sheet:
    """Headings (lower case, and as they are written) and lines with their numbers, as dictionaries."""

    headings: tuple[str, ...]
    lines: list[tuple[int, dict[str, str]]]
    dialect: Dialect
    written: tuple[str, ...] = ()

    def require(self, path: Path, names: Sequence[str]) -> None:
        """Ask by name about the headings that are not there."""
        missing = [name for name in names if name not in self.headings]
        if missing:
            there = ", ".join(self.headings) or "none"
            rename = f"which of them is the {missing[0]}? Rename it, and keep the columns {', '.join(names)}"
            raise ParameterError(path, missing[0], f"there is no column {missing[0]}; headings: {there}", rename)


def decode(content: bytes) -> str:
    """Text in whatever encoding spreadsheets write."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_sheet(path: Path) -> Sheet:
    """Read a CSV file of unknown dialect."""
    try:
        content = decode(path.read_bytes())
    except (OSError, UnicodeError) as error:
        raise ParameterError(path, "table", f"cannot be read ({error})", "save it as CSV (UTF-8)") from None
    if content[:2] == "PK" or "\0" in content:
        raise ParameterError(path, "table", "is no CSV file", "save it as CSV (UTF-8)")
    first, _, rest = content.partition("\n")
    skipped = 0
    if first.strip().lower().startswith("sep="):
        content, skipped = rest, 1
        first = rest.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    headings: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    lines = []
    begun = 1
    try:
        for values in reader:
            line, begun = reader.line_num + skipped, reader.line_num + 1
            if not any(value.strip() for value in values):
                continue
            if not headings:
                written = tuple(value.strip() for value in values)
                headings = tuple(value.lower() for value in written)
                _once(path, headings)
            else:
                _below(path, line, headings, values, delimiter)
                lines.append((line, dict(zip(headings, values))))
    except csv.Error as error:
        where = f"line {begun + skipped}"
        raise ParameterError(path, where, f"cannot be read ({error})", "mend its quotes, or save it as CSV (UTF-8)") from None
    return Sheet(headings, lines, Dialect(delimiter), written)


def _once(path: Path, headings: tuple[str, ...]) -> None:
    for name in headings:
        if name and headings.count(name) > 1:
            raise ParameterError(path, name, "is the heading of two columns", "rename one of them")


def _below(path: Path, line: int, headings: tuple[str, ...], values: list[str], delimiter: str) -> None:
    """Refuse a line whose cells do not stand below the headings: one too many shifts the others."""
    if len(values) > len(headings):
        problem = f"has {len(values)} cells below {len(headings)} headings"
        raise ParameterError(path, f"line {line}", problem, f"put a cell that holds {delimiter!r} into quotes, or add a heading")
    for name, value in zip(headings, values):
        if value.strip() and not name:
            raise ParameterError(path, f"line {line}", f"{value.strip()!r} stands below no heading", "give its column a heading")


def number(path: Path, line: int, name: str, value: str) -> float | None:
    """A number with a decimal point or comma; None for an empty cell."""
    try:
        result = float(value.strip().replace(",", ".").replace("_", "no number")) if value.strip() else None
    except ValueError:
        result = float("nan")
    if result is not None and not abs(result) < 1e9:
        raise ParameterError(path, f"line {line}", f"{name} {value!r} is no number", f"mend the {name}") from None
    return result


def text(value: str | None) -> str:
    """The text of a cell, without the mark that kept a spreadsheet from taking it for a formula."""
    value = value or ""
    return value[1:] if value[:1] == "'" and value[1:2] in _FORMULA else value


def write_sheet(path: Path, headings: Sequence[str], rows: Iterable[Sequence[object]], dialect: Dialect) -> None:
    """Write a CSV file, with the mark by which Excel knows UTF-8, at once or not at all."""
    partial = path.with_suffix(f".{os.getpid()}.partial")  # another process may write the same table
    with partial.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=dialect.delimiter)
        writer.writerow(headings)
        writer.writerows([_shown(value, dialect) for value in row] for row in rows)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.replace(partial, path)
    except PermissionError:
        raise ParameterError(path, "table", f"is open elsewhere; the new state is in {partial.name}", "close it") from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _shown(value: object, dialect: Dialect) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.12g}" if dialect.delimiter != ";" else f"{value:.12g}".replace(".", ",")
    shown = str(value)
    return f"'{shown}" if shown[:1] in _FORMULA else shown
