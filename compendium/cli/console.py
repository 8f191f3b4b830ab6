"""What a user sees of runs: progress while they are made, and what failed where."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from ..runs.children import Outcome
from ..runs.errors import ParameterError
from ..runs.order import carry_out
from ..runs.plan import Run

CONSOLE = Console(highlight=False, soft_wrap=True)


class Bar:
    """Progress: a live line per run on a terminal, plain lines in a log."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.start = total, 0, time.perf_counter()
        self.live = (
            Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=CONSOLE, transient=True)
            if CONSOLE.is_terminal
            else None
        )
        self.tasks: dict[Run, TaskID] = {}

    def __enter__(self) -> Bar:
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
                CONSOLE.print(f"         start    {run.name}", markup=False)
            return
        self.done += 1
        if self.live and run in self.tasks:
            self.live.remove_task(self.tasks.pop(run))
        if outcome.state == "current":
            return
        count = f"[{self.done}/{self.total}]"
        text = f"{count:>8} {outcome.state:<8} {run.name}  {outcome.seconds:.1f} s"
        CONSOLE.print(text, style="red" if outcome.failure else None, markup=False)


def report(outcomes: Sequence[Outcome]) -> bool:
    """Print what failed and where; True when everything is well."""
    for outcome in outcomes:
        if outcome.ok:
            continue
        failure = outcome.failure or {}
        CONSOLE.print(
            f"\n{outcome.run.name} {outcome.state}: {failure.get('cell', '')} {failure.get('error', '')}",
            markup=False,
            style="bold red",
        )
        for line in failure.get("source", "").splitlines()[:12]:
            CONSOLE.print(f"    {line}", markup=False)
        if outcome.state == "failed":
            CONSOLE.print(f"  full traceback: {outcome.run.log}", markup=False)
    return all(outcome.ok for outcome in outcomes)


def make(runs: Sequence[Run], jobs: int, scheduler: str | None, force: bool = False) -> list[Outcome]:
    """Carry out runs in sight of the user."""
    with Bar(len(runs)) as bar:
        outcomes = carry_out(runs, jobs=jobs, scheduler=scheduler, force=force, listener=bar)
    current = sum(outcome.state == "current" for outcome in outcomes)
    if current:
        CONSOLE.print(f"{current} of {len(runs)} runs are current")
    return outcomes


def short(path: Path) -> str:
    """A path as seen from the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def built_book(root: Path, tree: Path | None, command: str) -> Path:
    """The built book that a command reads: ``tree``, or the published one.

    Raises
    ------
    ParameterError
        When there is none.
    """
    html = tree or root / "_build" / "html"
    if not (html / "index.html").exists():
        raise ParameterError(command, str(html), "holds no built book", "run 'make book' first")
    return html
