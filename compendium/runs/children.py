"""The processes in which runs are made: started, waited for, stopped for good, and how each ended."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from ..notebook.context import Context
from .digest import CODE, digest_of
from .folders import cells_begun
from .plan import ONE_THREAD, Run
from .warm import Fork, Warm

_LOG = logging.getLogger(__name__)
_REASON = re.compile(r"^(?:[\w.]+(?:Error|Exception|Exit)\b.*|.*: error: .*|.*No such file.*)$", re.M)
STOPPED = -signal.SIGINT  # the exit code of a process that never started, as of one that an interrupt ended
_GRACE_S = 10  # for a process that was interrupted, before it is killed


class Children:
    """The processes of one build. After :meth:`stop` none is started any more, however late a thread asks for it.

    With ``limit_s`` a run that takes longer is stopped, and ``late`` says in which of its cells it was. Runs that
    ``warm`` takes are made in forks of its processes.
    """

    def __init__(self, limit_s: float | None = None, warm: Warm | None = None) -> None:
        self.limit_s, self.warm = limit_s, warm
        self.late: dict[Run, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._stopped = False
        self._processes: dict[Run, subprocess.Popen | Fork] = {}

    def run(self, run: Run, command: list[str], **options: Any) -> int:
        """Exit code of the command, made in a process group of its own on behalf of the run."""
        with self._lock:
            if self._stopped:
                return STOPPED
            start = self.warm.start if self.warm and self.warm.takes(run) else subprocess.Popen
            process = start(command, start_new_session=True, **options)
            self._processes[run] = process
        try:
            code = process.wait(timeout=self.limit_s)
        except subprocess.TimeoutExpired:
            self.late[run] = cells_begun(run.partial / "notebook.ipynb")
            _signal(process, signal.SIGINT)
            code = _end(process)
        with self._lock:
            self._processes.pop(run, None)
        return code

    def stop(self) -> None:
        """Interrupt the processes (papermill then stops its kernel), and end those that do not listen."""
        with self._lock:
            self._stopped = True
            processes = dict(self._processes)
        for process in processes.values():
            _signal(process, signal.SIGINT)
        for run, process in processes.items():
            _end(process)
            shutil.rmtree(run.partial, ignore_errors=True)


def _end(process: subprocess.Popen | Fork) -> int:
    """Wait for a process that was interrupted; kill one that does not listen."""
    try:
        return process.wait(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        return process.wait()


def _signal(process: subprocess.Popen | Fork, number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        _LOG.debug("process %s had ended", process.pid)


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
        compares=run.compares,
    )
    inputs = run.inputs()
    job = {
        **run.job(),
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
            "inputs": inputs,
            "digest": digest or digest_of(inputs),
        },
    }
    job_file = run.log.with_suffix(f".{os.getpid()}.job.json")
    job_file.write_text(json.dumps(job))
    # The kernel must import this very library, installed or not.
    path = os.pathsep.join([str(CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {
        **os.environ,
        **ONE_THREAD,
        **run_context.to_environment(),
        "PYTHONPATH": path,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    start = time.perf_counter()
    with run.log.open("w") as log:
        command = [sys.executable, "-m", run.child, str(job_file)]
        code = children.run(run, command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=run.root)
    seconds = time.perf_counter() - start
    job_file.unlink(missing_ok=True)
    if code == 0 and run not in children.late:
        run.log.unlink(missing_ok=True)
        return Outcome(run, "done", seconds)
    begun, _ = cells_begun(run.partial / "notebook.ipynb")
    shutil.rmtree(run.partial, ignore_errors=True)
    said = run.log.read_text(errors="replace").strip()
    if run in children.late:
        failure_file.unlink(missing_ok=True)
        begun, cells = children.late[run]
        where = f"cell {begun} of {cells}" if begun else "before the first cell"
        error = f"stopped after {children.limit_s:.0f} s, the limit of a run here"
        run.log.write_text(f"{run.name}: {where}: {error}\n\n{said}\n")
        return Outcome(run, "failed", seconds, {"cell": where, "error": error, "source": ""})
    if failure_file.exists():
        failure = json.loads(failure_file.read_text())
        failure_file.unlink()
        if not failure["source"] and (reasons := _REASON.findall(said)):  # no cell is to blame: what its processes said last
            failure["error"] += f": {reasons[-1]}"
        text = [f"{run.name}: {failure['cell']}: {failure['error']}", failure["source"], failure["traceback"], said]
        run.log.write_text("\n\n".join(filter(None, text)) + "\n")
    else:
        tail = said.splitlines()[-1:] or [f"exit code {code}"]
        failure = {"cell": f"cell {begun}" if begun else "before the first cell", "error": tail[0], "source": ""}
    return Outcome(run, "failed", seconds, failure)
