"""``isac bench``: timings of this machine."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import click
from rich.table import Table

from ..notebook.context import project_root
from ..runs.errors import ParameterError
from .console import CONSOLE


@click.command()
@click.argument("names", nargs=-1)
def bench(names: tuple[str, ...]) -> None:
    """Timings of this machine: every script of benchmarks/ (or those named), as ratios in one run where it matters."""
    root = project_root()
    scripts = sorted((root / "benchmarks").glob("*.py"))
    known = [script.stem for script in scripts]
    for name in names:
        if name not in known:
            raise ParameterError("isac bench", name, "is not a benchmark", f"benchmarks: {', '.join(known)}")
    table = Table("benchmark", "what", "measured", "target", box=None, pad_edge=False)
    for script in scripts:
        if names and script.stem not in names:
            continue
        start = time.perf_counter()
        for row in _load(script).measure():
            table.add_row(script.stem, row["name"], f"{row['value']:.4g} {row['unit']}", str(row.get("target", "")))
        CONSOLE.print(f"         measured {script.stem}  {time.perf_counter() - start:.1f} s")
    CONSOLE.print(table)


def _load(script: Path):
    spec = importlib.util.spec_from_file_location(f"benchmark_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
