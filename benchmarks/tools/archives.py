"""Whether two archives of runs hold the same numbers: ``python benchmarks/tools/archives.py BEFORE AFTER [--tolerance 1e-9]``.

An archive is a folder ``build/runs`` (or a copy of it). Every CSV of every figure is compared, column by column; columns of
measured time are left out by the one list :data:`MEASURED`. Exit code 1 when anything differs.
"""

import argparse
import fnmatch
import sys
from pathlib import Path

import numpy as np
import pandas as pd

# Section/notebook/figure:column, with wildcards: what a clock measured, and what is computed from that.
MEASURED = (
    "compendium/performance/*:*",
    "network_localization/results/complexity:algorithm_1_s",
    "network_localization/results/complexity:exact_s",
    "*:*seconds*",
    "*:time_ms*",
)


def tables(archive: Path) -> dict[str, Path]:
    """The CSVs of an archive by ``section/notebook/set/figure``."""
    found = sorted(archive.glob("*/*/*/figures/*.csv"))
    return {"/".join([*path.relative_to(archive).parts[:3], path.stem]): path for path in found}


def measured(table: str, column: str) -> bool:
    """Whether a clock stands behind a column."""
    section, notebook, _, figure = table.split("/")
    return any(fnmatch.fnmatch(f"{section}/{notebook}/{figure}:{column}", pattern) for pattern in MEASURED)


def difference(before: pd.DataFrame, after: pd.DataFrame, column: str) -> float:
    """Largest difference of a column, relative to its largest entry; inf where words, blanks or lengths differ."""
    old, new = before[column], after[column]
    if len(old) != len(new) or not (old.isna() == new.isna()).all():
        return np.inf
    try:
        old, new = old.dropna().to_numpy(float), new.dropna().to_numpy(float)
    except ValueError:
        return 0.0 if (before[column].dropna() == after[column].dropna()).all() else np.inf
    apart = np.abs(old - new)[old != new]
    return float(apart.max() / max(np.abs(old).max(), np.abs(new).max())) if apart.size else 0.0


def compare(before: Path, after: Path, tolerance: float) -> tuple[list[str], int]:
    """What differs, in words, and how many columns are equal."""
    old, new = tables(before), tables(after)
    found = [f"{name}: only {where}" for name in sorted({*old} ^ {*new}) for where in ["before" if name in old else "after"]]
    equal = 0
    for name in sorted({*old} & {*new}):
        one, other = pd.read_csv(old[name]), pd.read_csv(new[name])
        if lost := sorted({*one.columns} ^ {*other.columns}):
            found.append(f"{name}: columns that only one has: {', '.join(lost)}")
        for column in one.columns.intersection(other.columns):
            if measured(name, column):
                continue
            apart = difference(one, other, column)
            if apart > tolerance:
                found.append(f"{name}: {column} differs by {apart:.2g} of its largest entry")
            else:
                equal += 1
    return found, equal


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-9, help="relative to the largest entry of a column")
    given = parser.parse_args()
    found, equal = compare(given.before, given.after, given.tolerance)
    print(*found, f"{equal} columns are equal, {len(found)} differences", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
