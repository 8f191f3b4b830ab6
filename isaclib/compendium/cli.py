"""The command line ``isac``: run notebooks, build the book, check it, read the ledger of claims."""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import sys
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .. import __version__
from . import claims as ledgers
from . import runs as workshop
from .assignment_cli import assignment
from .context import project_root
from .parameters import BASE_SETS, ParameterError, parse_assignment
from .printing import pdf
from .runs import Outcome, Run

_console = Console(highlight=False, soft_wrap=True)
BAD_INPUT = 2


class _Bar:
    """Progress: a live line per run on a terminal, plain lines in a log."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.start = total, 0, time.perf_counter()
        self.live = (
            Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=_console, transient=True)
            if _console.is_terminal
            else None
        )
        self.tasks: dict[Run, int] = {}

    def __enter__(self) -> _Bar:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *exception) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, event: str, run: Run, outcome: Outcome | None) -> None:
        if event == "start":
            if self.live:
                self.tasks[run] = self.live.add_task(f"{run.name}", total=None)
            else:
                _console.print(f"         start    {run.name}", markup=False)
            return
        self.done += 1
        if self.live and run in self.tasks:
            self.live.remove_task(self.tasks.pop(run))
        if outcome.state == "current":
            return
        count = f"[{self.done}/{self.total}]"
        text = f"{count:>8} {outcome.state:<8} {run.name}  {outcome.seconds:.1f} s"
        _console.print(text, style="red" if outcome.failure else None, markup=False)


def _report(outcomes: Sequence[Outcome]) -> bool:
    """Print what failed and where; True when everything is well."""
    for outcome in outcomes:
        if outcome.ok:
            continue
        failure = outcome.failure or {}
        _console.print(
            f"\n{outcome.run.name} {outcome.state}: {failure.get('cell', '')} {failure.get('error', '')}",
            markup=False,
            style="bold red",
        )
        for line in failure.get("source", "").splitlines()[:12]:
            _console.print(f"    {line}", markup=False)
        if outcome.state == "failed":
            _console.print(f"  full traceback: {outcome.run.log}", markup=False)
    return all(outcome.ok for outcome in outcomes)


def _make(runs: Sequence[Run], jobs: int, scheduler: str | None, force: bool = False) -> list[Outcome]:
    with _Bar(len(runs)) as bar:
        outcomes = workshop.carry_out(runs, jobs=jobs, scheduler=scheduler, force=force, listener=bar)
    current = sum(outcome.state == "current" for outcome in outcomes)
    if current:
        _console.print(f"{current} of {len(runs)} runs are current")
    return outcomes


class _Group(click.Group):
    """Turns refused input into exit code 2 and an interrupt into a resumable stop."""

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except (ParameterError, ledgers.LedgerError) as error:
            _console.print(f"isac: {error}", markup=False, style="bold red")
            context.exit(BAD_INPUT)
        except KeyboardInterrupt:
            _console.print("\ninterrupted: what had finished is kept, the same command goes on from there")
            context.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="isac")
@click.option("--verbose", is_flag=True, help="Log what the library does.")
def main(verbose: bool) -> None:
    """The compendium's workshop.

    \b
    isac list                                  what there is: sections, notebooks, parameter sets
    isac run wireless_powered                  run a section's notebooks on the set 'quick'
    isac run wireless_powered results -p seed=7 -p crb_limit_m2=0.1
    isac run wireless_powered --set my_set.yml your own values; the rest comes from 'quick'
    isac book                                  everything at paper scale, then the book
    isac claims                                what the runs say about the papers' claims

    Exit codes: 0 all is well; 1 a run, a check or a verdict failed; 2 refused input.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(name)s: %(message)s")


main.add_command(assignment)
main.add_command(pdf)


@main.command("list")
def list_() -> None:
    """Sections, their notebooks and parameter sets."""
    root = project_root()
    table = Table("section", "notebooks", "sets", box=None, pad_edge=False)
    for name in workshop.section_names(root):
        section = workshop.load_section(root, name)
        table.add_row(name, ", ".join(section.notebooks), ", ".join(section.schema.sets()))
    _console.print(table)


_JOBS = click.option(
    "--jobs", type=click.IntRange(1), default=2, show_default=True, help="Notebooks (or, for one notebook, draws) side by side."
)
_SCHEDULER = click.option("--scheduler", metavar="ADDRESS", help="Send the draws to this Dask scheduler (extra 'cluster').")


@main.command()
@click.argument("section")
@click.argument("notebook", required=False)
@click.option(
    "--set",
    "set_name",
    default="quick",
    show_default=True,
    metavar="NAME|PATH",
    help="A set of the section, or your own YAML file.",
)
@click.option("-p", "assignments", multiple=True, metavar="NAME=VALUE", help="Change one parameter; may be given several times.")
@click.option("--force", is_flag=True, help="Run even if nothing has changed.")
@_JOBS
@_SCHEDULER
def run(
    section: str, notebook: str | None, set_name: str, assignments: tuple[str, ...], force: bool, jobs: int, scheduler: str | None
) -> None:
    """Run the notebooks of SECTION (or one NOTEBOOK) with a parameter set, and say where the results are.

    A file of your own holds lines 'name: value' with names of the section's schema; what it leaves out is taken from
    the set 'quick'. Runs with -p or a file land under '<set>+<hash>' and never feed the book.
    """
    root = project_root()
    loaded = workshop.load_section(root, section)
    if notebook is not None and notebook not in loaded.notebooks:
        raise ParameterError("isac run", notebook, f"is not a notebook of {section}", f"notebooks: {', '.join(loaded.notebooks)}")
    chosen = _plan(root, loaded, notebook, set_name, assignments)
    outcomes = _make(chosen, jobs, scheduler, force)
    well = _report(outcomes)
    for outcome in outcomes:
        if outcome.ok:
            _console.print(f"{outcome.run.name}: {_short(outcome.run.directory / 'notebook.ipynb')}", markup=False)
            figures = outcome.run.directory / "figures"
            if figures.exists():
                _console.print(f"    {len(list(figures.glob('*.svg')))} figures (SVG and CSV) in {_short(figures)}", markup=False)
    sys.exit(0 if well else 1)


def _plan(root: Path, section: workshop.Section, notebook: str | None, set_name: str, assignments: Sequence[str]) -> list[Run]:
    schema = section.schema
    is_file = set_name.endswith((".yml", ".yaml")) or os.sep in set_name
    changes = dict(parse_assignment(text, schema) for text in assignments)
    what_if = not is_file and set_name in schema.what_ifs()
    if notebook is None:
        notebooks = ["what_if"] if what_if else list(section.base_notebooks)
    else:
        notebooks = [notebook]
        if what_if != (notebook == "what_if") and not (is_file or changes):
            kind = "a what-if set: it goes with the notebook what_if" if what_if else "no what-if set"
            raise ParameterError("isac run", set_name, f"is {kind}", f"sets: {', '.join(schema.sets())}")
    if not is_file and not changes:
        if what_if:
            base = base_runs_for(root, section)
            return [*base, workshop.what_if_run(root, section, set_name, "paper", base[0] if base else None)]
        return workshop.base_runs(root, section, _known_base(set_name, schema), notebooks)
    values = schema.load_named("quick")
    if is_file:
        own = schema.load(Path(set_name))
        missing = [name for name in values if name not in own]
        if missing:
            _console.print(f"taken from the set 'quick': {', '.join(missing)}")
        values |= own
    elif set_name != "quick":
        values |= schema.load_named(set_name)
    values |= changes
    label = Path(set_name).stem if is_file else set_name
    return [workshop.custom_run(root, section, name, values, label, "paper") for name in notebooks]


def base_runs_for(root: Path, section: workshop.Section) -> list[Run]:
    """The results run at paper scale that a what-if compares itself with."""
    return workshop.base_runs(root, section, "paper", ["results"]) if "results" in section.notebooks else []


def _known_base(set_name: str, schema) -> str:
    if set_name not in BASE_SETS:
        schema.load_named(set_name)
    return set_name


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@main.command()
@click.option("--set", "base", type=click.Choice(BASE_SETS), default="paper", show_default=True, help="Scale of the runs.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Where to publish [default: _build/html, or build/test-site for quick]."
)
@click.option("--open", "open_", is_flag=True, help="Open the book in the browser.")
@click.option("--check/--no-check", default=True, show_default=True, help="Check the built pages before they are published.")
@_JOBS
@_SCHEDULER
def book(base: str, output: Path | None, open_: bool, check: bool, jobs: int, scheduler: str | None) -> None:
    """Make all runs that are not current, then the book, then check it.

    A failing run or any warning of the build publishes nothing: the last good book stays as it was.
    """
    root = project_root()
    with _alone(root / "build" / "book.lock"):
        _book(root, base, output, open_, check, jobs, scheduler)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One book at a time in a checkout: a second build waits for the first, and then finds its runs done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _console.print("another build of this checkout is running: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _book(root: Path, base: str, output: Path | None, open_: bool, check: bool, jobs: int, scheduler: str | None) -> None:
    from . import site

    target = output or (root / "_build" / "html" if base == "paper" else root / "build" / "test-site")
    start = time.perf_counter()
    runs = workshop.plan(root, base)
    if not _report(_make(runs, jobs, scheduler)):
        _console.print("\nnothing was published", style="bold red")
        sys.exit(1)
    made = time.perf_counter()
    try:
        rebuilt = site.build(root, runs, base, target, accept=_check_tree if check else None)
    except site.BuildError as error:
        _console.print(f"isac: {error}\nnothing was published", markup=False, style="bold red")
        sys.exit(1)
    if base == "paper":
        site.publish_notebooks(root, runs)
    seconds = time.perf_counter()
    what = f"built in {seconds - made:.0f} s" if rebuilt else "unchanged"
    _console.print(f"the book is {what} (runs {made - start:.0f} s): {_short(target / 'index.html')}")
    # Verdicts on file are those at paper scale; a quick book has too few draws for them.
    if base == "paper" and not _verdicts_as_on_file(root, runs):
        sys.exit(1)
    if open_:
        webbrowser.open((target / "index.html").as_uri())


def _check_tree(html: Path, pages: Sequence[str], every_view: bool = False) -> list[str]:
    """Problems of a built tree (empty: publish it)."""
    from . import check as checker

    problems = checker.static_problems(html, pages)
    views = checker.VIEWS if every_view else (checker.VIEWS[0], checker.VIEWS[3])
    try:
        problems += checker.browser_problems(
            html, pages, views, progress=lambda text: _console.print(f"         checked  {text}")
        )
    except checker.NoBrowser as error:
        if os.environ.get("CI") == "true":
            return [*map(str, problems), str(error)]
        _console.print(f"browser checks left out: {error}", style="yellow")
    return [str(problem) for problem in problems]


@main.command()
@click.argument("tree", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)
def check(tree: Path | None) -> None:
    """Check a built book: links, anchors, descriptions, console, requests, formulas, widths; and the verdicts on file."""
    from . import site

    root = project_root()
    html = tree or root / "_build" / "html"
    if not (html / "index.html").exists():
        raise ParameterError("isac check", str(html), "holds no built book", "run 'make book' first")
    problems = _check_tree(html, site.toc_pages(root / "_toc.yml"), every_view=True)
    for problem in problems:
        _console.print(problem, markup=False, style="red")
    well = tree is not None or _verdicts_as_on_file(root, workshop.plan(root, "paper"))
    _console.print("the book is sound" if well and not problems else f"{len(problems)} problems")
    sys.exit(0 if well and not problems else 1)


def _rows(root: Path, runs: Sequence[Run]) -> list[ledgers.Row]:
    from . import pages

    return pages.claim_rows(root, runs)


def _verdicts_as_on_file(root: Path, runs: Sequence[Run]) -> bool:
    """Print the claims whose verdict is not the one on file."""
    differing = [row for row in _rows(root, runs) if not row.agrees]
    for row in differing:
        found = row.found["verdict"] if row.found else "not measured"
        _console.print(f"claim {row.claim.id}: {found}; on file: {row.claim.expected}", markup=False, style="yellow")
    return not differing


@main.command()
@click.option("--set", "base", type=click.Choice(BASE_SETS), default="paper", show_default=True)
def claims(base: str) -> None:
    """The ledger of claims from the runs at hand; exit code 1 if a verdict differs from the one on file."""
    root = project_root()
    rows = _rows(root, workshop.plan(root, base))
    table = Table("claim", "paper's value", "ours", "verdict", "on file", box=None, pad_edge=False)
    for row in rows:
        ours, verdict = (row.found["ours"], row.found["verdict"]) if row.found else ("", "not measured")
        table.add_row(row.claim.id, row.claim.paper, ours, verdict, row.claim.expected, style=None if row.agrees else "yellow")
    _console.print(table)
    differing = sum(not row.agrees for row in rows)
    _console.print(f"{len(rows)} claims, {differing} differ from the verdict on file")
    sys.exit(1 if differing else 0)


@main.command()
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
        _console.print(f"         measured {script.stem}  {time.perf_counter() - start:.1f} s")
    _console.print(table)


def _load(script: Path):
    spec = importlib.util.spec_from_file_location(f"benchmark_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
