"""Runs: which notebook with which set, whether it is still current, and how all of them get done.

A run is current when its ``run.json`` holds the digest of its inputs: notebook, values, ``isaclib``, lock (and, for a
what-if, the base run it compares itself with). The state lives beside the results, so an interrupted or killed build
resumes where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from . import context as _context
from .children import Children
from .context import Context
from .parameters import ParameterError, Schema, check_section

PACKAGE = Path(__file__).resolve().parents[1]
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")}


def workers() -> dict[str, Any]:
    """Keyword arguments for :func:`isaclib.foundations.montecarlo.map_draws` as the command line asked for them."""
    run = _context.current()
    return {"jobs": run.jobs, "scheduler": run.scheduler}


@dataclass(frozen=True)
class Section:
    """A folder of ``notebooks/``: its notebooks and its checked parameters."""

    name: str
    folder: Path
    notebooks: tuple[str, ...]
    schema: Schema

    @property
    def base_notebooks(self) -> tuple[str, ...]:
        return tuple(notebook for notebook in self.notebooks if notebook != "what_if")


def section_names(root: Path) -> list[str]:
    """Sections in the order of the book's chapters (the table of contents), others after them."""
    toc = (root / "_toc.yml").read_text() if (root / "_toc.yml").exists() else ""
    names = sorted(path.parent.parent.name for path in (root / "notebooks").glob("*/parameters/schema.yml"))
    return sorted(names, key=lambda name: toc.find(f"notebooks/{name}/") if f"notebooks/{name}/" in toc else len(toc))


def load_section(root: Path, name: str) -> Section:
    """A section with its parameters checked.

    Raises
    ------
    ParameterError
        For anything wrong with the section's name, schema, sets or notebook defaults.
    """
    folder = root / "notebooks" / name
    if name not in section_names(root):
        raise ParameterError("isac", name, "is not a section", f"sections: {', '.join(section_names(root))}")
    order = {"model": 0, "results": 1, "what_if": 9}
    found = [path.stem for path in folder.glob("*.py") if path.stem != "assignment"]
    notebooks = tuple(sorted(found, key=lambda notebook: (order.get(notebook, 2), notebook)))
    return Section(name, folder, notebooks, check_section(folder, notebooks))


@dataclass(frozen=True)
class Run:
    """One notebook with one set of values."""

    root: Path
    section: str
    notebook: str
    label: str
    values: dict[str, Any] = field(hash=False)
    baseline: str
    needs: tuple[Run, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.section}/{self.notebook} [{self.label}]"

    @property
    def directory(self) -> Path:
        return self.root / "build" / "runs" / self.section / self.notebook / self.label

    @property
    def partial(self) -> Path:
        """Where this process makes the run: its own folder, so that two builds at once do not mix."""
        return self.directory.with_name(f".{self.label}.{os.getpid()}.partial")

    @property
    def source(self) -> Path:
        return self.root / "notebooks" / self.section / f"{self.notebook}.py"

    @property
    def log(self) -> Path:
        return self.root / "build" / "logs" / f"{self.section}.{self.notebook}.{self.label}.log"

    @property
    def page(self) -> str:
        return _context.page_name(self.notebook, self.label)

    def digest(self) -> str:
        """Digest of everything that the results depend on."""
        inputs = {
            "source": self.source.read_text(),
            "values": self.values,
            "baseline": self.baseline if self.notebook == "what_if" else "",
            "needs": [needed.digest() for needed in self.needs],
            "library": library_digest(PACKAGE, self.root / "requirements.lock"),
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()

    def record(self) -> dict[str, Any] | None:
        """What ``run.json`` says of the last finished run, if there is one."""
        path = self.directory / "run.json"
        return json.loads(path.read_text()) if path.exists() else None

    def is_current(self) -> bool:
        record = self.record()
        return record is not None and record["digest"] == self.digest()


@cache
def library_digest(package: Path, lock: Path) -> str:
    """Digest of the library's sources and of the lock file."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    digest.update(lock.read_bytes() if lock.exists() else b"")
    return digest.hexdigest()


def plan(root: Path, base: str, sections: Sequence[str] | None = None) -> list[Run]:
    """All runs that a book on the set ``base`` (quick or paper) needs.

    In a quick book the what-ifs take the parameters that only set the amount of work (``size: true``) from ``quick``.
    """
    runs = []
    for section in (load_section(root, name) for name in sections or section_names(root)):
        runs += base_runs(root, section, base)
        if "what_if" in section.notebooks:
            runs += [what_if_run(root, section, set_name, base) for set_name in section.schema.what_ifs()]
    return runs


def base_runs(root: Path, section: Section, base: str, notebooks: Iterable[str] | None = None) -> list[Run]:
    """Runs of the base notebooks (model, results ...) with the set quick or paper."""
    values = section.schema.load_named(base, complete_for=section.base_notebooks)
    chosen = list(notebooks) if notebooks is not None else section.base_notebooks
    return [Run(root, section.name, notebook, base, _own(section, notebook, values), base) for notebook in chosen]


def compared_runs(root: Path, section: Section, base: str) -> tuple[Run, ...]:
    """The runs whose numbers the section's what-if notebook reads (``figures.baseline("results", ...)``)."""
    source = (section.folder / "what_if.py").read_text()
    return tuple(base_runs(root, section, base, dict.fromkeys(re.findall(r'\bbaseline\(\s*"(\w+)"', source))))


def what_if_run(root: Path, section: Section, set_name: str, base: str) -> Run:
    """The what-if notebook with one of its sets, compared with the runs of ``base``."""
    values = section.schema.load_named(set_name, complete_for=["what_if"])
    label = set_name
    if base == "quick":
        quick = section.schema.load_named("quick")
        values |= {name: quick[name] for name, parameter in section.schema.parameters.items() if parameter.size and name in quick}
        label = f"{set_name}+quick"
    return Run(root, section.name, "what_if", label, _own(section, "what_if", values), base, compared_runs(root, section, base))


def custom_run(root: Path, section: Section, notebook: str, values: dict[str, Any], set_name: str, baseline: str) -> Run:
    """A run with the user's own values: it lands under ``<set>+<hash>`` and never feeds the book."""
    own = _own(section, notebook, values)
    needs = compared_runs(root, section, baseline) if notebook == "what_if" else ()
    mark = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:8]
    return Run(root, section.name, notebook, f"{set_name}+{mark}", own, baseline, needs)


def _own(section: Section, notebook: str, values: dict[str, Any]) -> dict[str, Any]:
    """Each run gets only its own names."""
    return {name: values[name] for name in section.schema.names(notebook) if name in values}


# ---------------------------------------------------------------- carrying runs out


@dataclass(frozen=True)
class Outcome:
    """How a run ended: ``current`` (nothing to do), ``done``, ``failed`` or ``skipped`` (its base run failed)."""

    run: Run
    state: str
    seconds: float = 0.0
    failure: dict[str, str] | None = None

    @property
    def ok(self) -> bool:
        return self.state in ("current", "done")


Listener = Callable[[str, Run, Outcome | None], None]


def carry_out(
    runs: Sequence[Run],
    *,
    jobs: int = 2,
    scheduler: str | None = None,
    force: bool = False,
    listener: Listener = lambda event, run, outcome: None,
) -> list[Outcome]:
    """Make every run that is not current, ``jobs`` at a time; a failure does not stop the others.

    Parameters
    ----------
    runs : sequence of Run
        A run that ``needs`` another waits for it (when that one is among them).
    jobs : int
        Notebooks side by side. A single run gets all of them for its draws.
    scheduler : str, optional
        Address of a Dask scheduler: its workers execute the runs (see :mod:`isaclib.compendium.cluster`) and their draws.
    force : bool
        Run even what is current.
    listener : callable
        Called with ("start" | "end", run, outcome or None) from the worker threads.

    Returns
    -------
    list of Outcome
        In the order of ``runs``. On an interrupt the children are stopped, their folders removed, and
        KeyboardInterrupt goes on; what had finished stays.
    """
    outcomes: dict[Run, Outcome] = {}
    children = Children()
    due = []
    for run in runs:
        if not force and run.is_current():
            outcomes[run] = Outcome(run, "current")
            listener("end", run, outcomes[run])
        else:
            due.append(run)
    inner = jobs if len(due) == 1 else 1
    # Long ones first, as far as earlier runs tell; unknown ones count as long.
    due.sort(key=lambda run: -((run.record() or {}).get("seconds", 1e6)))
    waiting = {run: needed for run in due if (needed := {*run.needs} & {*due})}
    ready = [run for run in due if run not in waiting]

    cluster = None
    if scheduler and due:
        from .cluster import Cluster

        cluster = Cluster(scheduler)

    def work(run: Run) -> Outcome:
        listener("start", run, None)
        outcome = cluster.run(run) if cluster else run_child(run, inner, scheduler, children)
        listener("end", run, outcome)
        return outcome

    pool = ThreadPoolExecutor(max_workers=max(1, jobs))
    try:
        pending: dict[Future, Run] = {pool.submit(work, run): run for run in ready}
        while pending:
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                run = pending.pop(future)
                outcomes[run] = future.result()
                for follower in [follower for follower, needed in waiting.items() if run in needed]:
                    waiting[follower].discard(run)
                    if not outcomes[run].ok:
                        del waiting[follower]
                        outcomes[follower] = Outcome(follower, "skipped", failure={"error": f"needs {run.name}"})
                        listener("end", follower, outcomes[follower])
                    elif not waiting[follower]:
                        del waiting[follower]
                        pending[pool.submit(work, follower)] = follower
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        children.stop()
        raise
    finally:
        if cluster:
            cluster.close()
    pool.shutdown()
    return [outcomes[run] for run in runs]


def run_child(run: Run, jobs: int, scheduler: str | None, children: Children, digest: str | None = None) -> Outcome:
    """Make one run in a child process, which is one of ``children`` while it lasts.

    ``digest`` (default: that of the run) goes into its record.
    """
    run.log.parent.mkdir(parents=True, exist_ok=True)
    run.log.unlink(missing_ok=True)
    failure_file = run.log.with_suffix(f".{os.getpid()}.failure.json")
    failure_file.unlink(missing_ok=True)
    run_context = Context(
        section=run.section,
        notebook=run.notebook,
        set_name=run.label,
        directory=str(run.partial),
        root=str(run.root),
        baseline=run.baseline,
        seed=run.values.get("seed"),
        jobs=jobs,
        scheduler=scheduler,
    )
    job = {
        "source": str(run.source),
        "partial": str(run.partial),
        "directory": str(run.directory),
        "failure": str(failure_file),
        "root": str(run.root),
        "parent": os.getpid(),
        "parameters": run.values,
        "record": {
            "section": run.section,
            "notebook": run.notebook,
            "set": run.label,
            "baseline": run.baseline,
            "parameters": run.values,
            "seed": run.values.get("seed"),
            "digest": digest or run.digest(),
        },
    }
    job_file = run.log.with_suffix(f".{os.getpid()}.job.json")
    job_file.write_text(json.dumps(job))
    # The kernel must import this very library, installed or not.
    path = os.pathsep.join([str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {
        **os.environ,
        **_ONE_THREAD,
        **run_context.to_environment(),
        "PYTHONPATH": path,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    start = time.perf_counter()
    with run.log.open("w") as log:
        command = [sys.executable, "-m", "isaclib.compendium.execute", str(job_file)]
        code = children.run(run, command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=run.root)
    seconds = time.perf_counter() - start
    job_file.unlink(missing_ok=True)
    if code == 0:
        run.log.unlink(missing_ok=True)
        return Outcome(run, "done", seconds)
    shutil.rmtree(run.partial, ignore_errors=True)
    if failure_file.exists():
        failure = json.loads(failure_file.read_text())
        failure_file.unlink()
        run.log.write_text(
            f"{run.name}: {failure['cell']}: {failure['error']}\n\n{failure['source']}\n\n{failure['traceback']}\n"
        )
    else:
        tail = run.log.read_text().strip().splitlines()[-1:] or [f"exit code {code}"]
        failure = {"cell": "before the first cell", "error": tail[0], "source": ""}
    return Outcome(run, "failed", seconds, failure)
