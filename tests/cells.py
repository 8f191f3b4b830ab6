"""Lines of the notebooks by kind of cell: ``python tests/cells.py`` (blank lines count as nothing)."""

import re
import symtable
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").glob("*/*.py") if path.stem != "assignment")
SHOWS = re.compile(r"^\s*((figures|explorers|curves)\.(show|guess)|claims\.record|tables\.(table|facts)|answers\.answer)\(", re.M)
IMPORTS = re.compile(r"^(from|import) ", re.M)


def code_cells(path):
    """Head and source of every code cell."""
    parts = re.split(r"(?m)^(# %%.*)$", path.read_text())
    return [(head, body) for head, body in zip(parts[1::2], parts[2::2]) if "[markdown]" not in head]


def kind(head, body):
    """What a code cell is: open science, folded set-up, folded show, or folded computation."""
    if '"parameters"' in head or IMPORTS.search(body):
        return "set-up"
    if '"hide-input"' not in head:
        return "open"
    return "show" if SHOWS.search(body) else "computed, folded"


def names(body):
    """What a cell binds, and what it reads of the cells before it."""
    whole = symtable.symtable(body, "cell", "exec")
    bound = {each.get_name() for each in whole.get_symbols() if each.is_assigned() or each.is_imported()}
    read, tables = set(), [whole]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        read |= {each.get_name() for each in table.get_symbols() if each.is_referenced() and (table is whole or each.is_global())}
    return bound, read - bound


def lines(body):
    return [line for line in body.splitlines() if line.strip()]


def counted(path):
    """Lines of a notebook by kind, with those of its text and of the whole file."""
    found = Counter()
    for head, body in code_cells(path):
        found[kind(head, body)] += len(lines(body))
    whole = path.read_text().splitlines()
    return found + Counter({"text": sum(line.startswith("# ") for line in whole), "file": len(whole)})


if __name__ == "__main__":
    columns = ("open", "computed, folded", "show", "set-up", "text", "file")
    rows = {f"{path.parent.name}/{path.stem}": counted(path) for path in NOTEBOOKS}
    rows["all"] = sum(rows.values(), Counter())
    print(f"{'notebook':34}" + "".join(f"{column:>18}" for column in columns))
    for name, found in rows.items():
        print(f"{name:34}" + "".join(f"{found[column]:18,}" for column in columns))
