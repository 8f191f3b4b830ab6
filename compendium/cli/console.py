"""What a user sees of runs: progress while they are made, and what failed where."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from ..runs.children import Outcome
from ..runs.errors import ParameterError
from ..runs.folders import cells_begun
from ..runs.order import carry_out
from ..runs.plan import Run
from ..runs.progress import expected_in_all, expected_seconds, in_words

CONSOLE = Console(highlight=False, soft_wrap=True)
NOTES = Console(highlight=False, soft_wrap=True, stderr=True)  # what no script reads


SILENCE_S = 60.0


class Bar:
    """Progress: a live line per run on a terminal, plain lines in a log, where no minute passes in silence."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.live = (
            Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=CONSOLE, transient=True)
            if CONSOLE.is_terminal
            else None
        )
        self.tasks: dict[Run, TaskID] = {}
        self.started: dict[Run, float] = {}
        self.spoke = time.monotonic()
        self.ended = threading.Event()

    def __enter__(self) -> Bar:
        if self.live:
            self.live.start()
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *exception) -> None:
        self.ended.set()
        if self.live:
            self.live.stop()

    def _watch(self) -> None:
        while not self.ended.wait(min(1.0, SILENCE_S)):
            for run in dict(self.started):
                if self.live and run in self.tasks:
                    self.live.update(self.tasks[run], description=self._state(run))
            if not self.live and self.started and time.monotonic() - self.spoke >= SILENCE_S:
                for run in dict(self.started):
                    self._say(f"         working  {self._state(run)}")

    def _state(self, run: Run) -> str:
        """The run, its cell, and how long it is at work."""
        begun, cells = cells_begun(run.partial / "notebook.ipynb")
        expected = expected_seconds(run)
        spent = time.monotonic() - self.started.get(run, time.monotonic())
        parts = [f"cell {begun} of {cells}"] if begun else []
        parts += [f"{in_words(spent)} of about {in_words(expected)}" if expected else f"{in_words(spent)}"]
        return f"{run.name}  {', '.join(parts)}"

    def _say(self, text: str, style: str | None = None) -> None:
        self.spoke = time.monotonic()
        CONSOLE.print(text, style=style, markup=False)

    def __call__(self, event: str, run: Run, outcome: Outcome | None) -> None:
        if event == "start":
            self.started[run] = time.monotonic()
            if self.live:
                self.tasks[run] = self.live.add_task(f"{run.name}", total=None)
            else:
                self._say(f"         start    {run.name}")
            return
        self.done += 1
        self.started.pop(run, None)
        if self.live and run in self.tasks:
            self.live.remove_task(self.tasks.pop(run))
        if outcome.state == "current":
            return
        count = f"[{self.done}/{self.total}]"
        text = f"{count:>8} {outcome.state:<8} {run.name}  {outcome.seconds:.1f} s"
        self._say(text, "red" if outcome.failure else None)


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
        if outcome.state == "failed" and outcome.run.log.exists():
            CONSOLE.print(f"  full traceback: {outcome.run.log}", markup=False)
    return all(outcome.ok for outcome in outcomes)


def make(
    runs: Sequence[Run],
    jobs: int,
    scheduler: str | None,
    force: bool = False,
    why: bool = False,
    limit_s: float | None = None,
) -> list[Outcome]:
    """Carry out runs in sight of the user; with ``why``, say beforehand for which reason each is due."""
    due = {run: reasons for run in runs if (reasons := run.why_due()) or force}
    for run, reasons in due.items():
        if why and reasons:
            more = f" and {len(reasons) - 4} more" if len(reasons) > 5 else ""
            shown = reasons if not more else reasons[:4]
            CONSOLE.print(f"         due      {run.name}: {', '.join(shown)}{more}", markup=False)
    if expected := expected_in_all(due, jobs):
        CONSOLE.print(f"this takes about {in_words(expected)}, going by earlier runs")
    with Bar(len(runs)) as bar:
        outcomes = carry_out(runs, jobs=jobs, scheduler=scheduler, force=force, limit_s=limit_s, listener=bar)
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
