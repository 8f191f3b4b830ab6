"""``isac book``, ``isac check``, ``isac claims`` and ``isac launch-tree``: the commands around the built book."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.table import Table

from ..browser import chromium
from ..notebook.context import project_root
from ..runs import plan as workshop
from ..runs.contents import toc_pages
from ..runs.errors import ParameterError
from ..runs.folders import alone_in, holds_something_else
from ..runs.parameters import BASE_SETS
from ..runs.plan import Run
from ..runs.seeds import seed_runs
from .console import CONSOLE, built_book, make, report, short

_BASE = click.option("--set", "base", type=click.Choice(BASE_SETS), default="paper", show_default=True, help="Scale of the runs.")
_JOBS = click.option(
    "--jobs", type=click.IntRange(1), default=2, show_default=True, help="Notebooks (or, for one notebook, draws) side by side."
)
_SCHEDULER = click.option(
    "--scheduler", metavar="ADDRESS", help="Send notebooks and their draws to this Dask scheduler (extra 'cluster')."
)


def with_workers(command: Callable) -> Callable:
    """Add the options that say who does the work: ``--jobs`` and ``--scheduler``."""
    return _JOBS(_SCHEDULER(command))


@click.command()
@_BASE
@click.option(
    "--output", type=click.Path(path_type=Path), help="Where to publish [default: _build/html, or build/test-site for quick]."
)
@click.option("--open", "open_", is_flag=True, help="Open the book in the browser.")
@click.option("--check/--no-check", default=True, show_default=True, help="Check the built pages before they are published.")
@with_workers
def book(base: str, output: Path | None, open_: bool, check: bool, jobs: int, scheduler: str | None) -> None:
    """Make all runs that are not current, then the book, then check it.

    A failing run or any warning of the build publishes nothing: the last good book stays as it was.
    """
    root = project_root()
    if output and holds_something_else(output, "searchindex.js"):
        raise ParameterError("isac book", "--output", f"{output} holds something else than a book", "name a new folder")
    work = root / "build" / "site" / base
    work.mkdir(parents=True, exist_ok=True)
    # One book at a time in a checkout: a second build waits for the first, and then finds its runs done.
    with alone_in(work.parent, lambda: CONSOLE.print("another build of this checkout is running: waiting for it")):
        _book(root, base, output, open_, check, jobs, scheduler)


def _book(root: Path, base: str, output: Path | None, open_: bool, check: bool, jobs: int, scheduler: str | None) -> None:
    from ..site import build as site
    from ..site.board_entries import BoardError

    target = output or (root / "_build" / "html" if base == "paper" else root / "build" / "test-site")
    start = time.perf_counter()
    runs = workshop.plan(root, base)
    if not report(make([*runs, *seed_runs(root, base)], jobs, scheduler, why=True)):
        CONSOLE.print("\nnothing was published", style="bold red")
        sys.exit(1)
    made = time.perf_counter()
    try:
        rebuilt = site.build(
            root, runs, base, target, accept=_check_tree if check else None, instances=_instances(root, base, jobs)
        )
    except (site.BuildError, BoardError) as error:
        CONSOLE.print(f"isac: {error}\nnothing was published", markup=False, style="bold red")
        sys.exit(1)
    if base == "paper":
        site.publish_notebooks(root, runs)
    seconds = time.perf_counter()
    if rebuilt:
        _print_times(root, base, runs)
    what = f"built in {seconds - made:.0f} s" if rebuilt else "unchanged"
    CONSOLE.print(f"the book is {what} (runs {made - start:.0f} s): {short(target / 'index.html')}")
    # Verdicts on file are those at paper scale; a quick book has too few draws for them.
    if base == "paper" and _differing_verdicts(root, runs):
        sys.exit(1)
    if open_:
        webbrowser.open((target / "index.html").as_uri())


def _instances(root: Path, base: str, jobs: int) -> Path | None:
    """The benchmark set behind the board, made where it is due; None for a book without a board."""
    from ..site import optima

    if "book/board" not in toc_pages(root / "_toc.yml"):
        return None
    start = time.perf_counter()
    instances = optima.make(root, base, jobs, lambda text: CONSOLE.print(f"         {text}", markup=False))
    CONSOLE.print(f"benchmark instances ready in {time.perf_counter() - start:.0f} s: {short(instances)}", markup=False)
    return instances


def _print_times(root: Path, base: str, runs: Sequence[Run]) -> None:
    """Where the time of a build from nothing goes: the page of the runs has the first part of it."""
    from ..site import build as site
    from ..site import pages, times

    titles = pages.section_titles(root, dict.fromkeys(run.section for run in runs))
    table = Table("stage of a build from nothing", "wall clock (s)", "processor (s)", box=None, pad_edge=False)
    found = times.stages(runs, {section: pages.short_title(title) for section, title in titles.items()})
    for stage in [*found, *times.later_stages(found, **site.last_seconds(root, base))]:
        table.add_row(*times.cells(stage))
    CONSOLE.print(table)


def _check_tree(html: Path, pages: Sequence[str]) -> tuple[list[str], bool]:
    """Problems of a built tree (none: publish it), and whether the checks in a browser were made too."""
    from ..audit.browsed import browser_problems
    from ..audit.static import static_problems

    problems = static_problems(html, pages)
    try:
        problems += browser_problems(
            html, pages, jobs=os.cpu_count() or 1, progress=lambda text: CONSOLE.print(f"         checked  {text}")
        )
    except chromium.NoBrowser as error:
        if os.environ.get("CI") == "true":
            return [*map(str, problems), str(error)], False
        CONSOLE.print(f"browser checks left out: {error}", style="yellow")
        return [str(problem) for problem in problems], False
    return [str(problem) for problem in problems], True


@click.command()
@click.argument("tree", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)
def check(tree: Path | None) -> None:
    """Check a built book: links, anchors, descriptions, console, requests, formulas, widths; and the verdicts on file."""
    root = project_root()
    html = built_book(root, tree, "isac check")
    problems, _ = _check_tree(html, toc_pages(root / "_toc.yml"))
    for problem in problems:
        CONSOLE.print(problem, markup=False, style="red")
    count = len(problems) + (_differing_verdicts(root, workshop.plan(root, "paper")) if tree is None else 0)
    CONSOLE.print(f"{count} problems" if count else "the book is sound")
    sys.exit(1 if count else 0)


def _differing_verdicts(root: Path, runs: Sequence[Run]) -> int:
    """Print the claims whose verdict is not the one on file, or turns with the seed, and count them."""
    from ..site import ledgers

    differing = [row for row in ledgers.claim_rows(root, runs) if row.problem]
    for row in differing:
        CONSOLE.print(f"claim {row.claim.id}: {row.problem}", markup=False, style="yellow")
    return len(differing)


@click.command()
@_BASE
@click.option("--seeds", is_flag=True, help="Judge them with other seeds first, where that is due (only the set paper).")
def claims(base: str, seeds: bool) -> None:
    """The ledger of claims from the runs at hand; exit code 1 if a verdict is not the one on file or turns with the seed."""
    from ..site import ledgers

    root = project_root()
    if seeds and not report(make(seed_runs(root, base), 1, None)):
        sys.exit(1)
    rows = ledgers.claim_rows(root, workshop.plan(root, base))
    table = Table("claim", "paper's value", "ours", "verdict", "other seeds", "on file", box=None, pad_edge=False)
    for row in rows:
        ours, verdict = (row.found["ours"], row.found["verdict"]) if row.found else ("", "not measured")
        said = row.seeds.says if row.seeds else ""
        style = "yellow" if row.problem else None
        table.add_row(row.claim.id, row.claim.paper, ours, verdict, said, row.claim.expected, style=style)
    CONSOLE.print(table)
    turning, differing = sum(row.agrees and row.turns for row in rows), sum(not row.agrees for row in rows)
    CONSOLE.print(f"{len(rows)} claims, {differing} differ from the verdict on file, {turning} turn with the seed")
    sys.exit(1 if differing or turning else 0)


@click.command("launch-tree")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_BASE
def launch_tree(folder: Path, base: str) -> None:
    """Write the executed notebooks, with what they need to run again, to FOLDER.

    This is what the publishing workflow pushes to the branch that launch buttons open. Instructor notebooks and
    assignment tests are not in it.
    """
    from ..site import launch_tree as publishing

    root = project_root()
    try:
        files = publishing.launch_tree(root, workshop.plan(root, base), folder.resolve())
    except publishing.LaunchTreeError as error:
        raise ParameterError("isac launch-tree", str(folder), str(error)) from None
    notebooks = sum(path.suffix == ".ipynb" for path in files)
    CONSOLE.print(f"{notebooks} notebooks and {len(files) - notebooks} other files in {short(folder)}", markup=False)
