"""One run in a process of its own: ``python -m compendium.runs.child JOB.json``.

Everything goes into a folder with a temporary name, which is renamed when the notebook has finished. A failure leaves
nothing but a log.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import kernel
from .folders import cells_begun, publish

if TYPE_CHECKING:
    from .waiting import WaitingKernel


def execute(job: dict, waiting: WaitingKernel | None = None) -> dict | None:
    """Run one job; None on success, otherwise a description of the failure (cell, error, traceback).

    With ``waiting`` that kernel serves the notebook, in place of one that starts from nothing.
    """
    import jupytext
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError

    partial = Path(job["partial"])
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    jupyter = tempfile.TemporaryDirectory(prefix="isac-")
    try:
        kernel.install(Path(jupyter.name))
        source = partial / "source.ipynb"
        notebook = jupytext.read(job["source"])
        nbformat.write(notebook, source)
        started, start = time.time(), time.perf_counter()
        try:
            papermill.execute_notebook(
                source,
                partial / "notebook.ipynb",
                parameters=job["parameters"],
                kernel_name=kernel.NAME,
                progress_bar=False,
                cwd=job["root"],
                **({"kernel_manager_class": waiting.manager()} if waiting else {}),
            )
        except PapermillExecutionError as error:
            count = error.exec_count
            return {
                "cell": f"cell {error.cell_index + 1}" + (f" (In [{count}])" if count else ""),
                "source": error.source,
                "error": f"{error.ename}: {error.evalue}",
                "traceback": "\n".join(error.traceback),
            }
        except RuntimeError as error:  # no kernel, or one that died
            number, _ = cells_begun(partial / "notebook.ipynb")
            return {
                "cell": f"cell {number}" if number else "before the first cell",
                "source": "",
                "error": f"the kernel {sys.executable} {'ended' if number else 'did not start'} ({error})",
                "traceback": "",
            }
        kernel_versions = partial / kernel.VERSIONS
        computed_with = json.loads(kernel_versions.read_text())
        source.unlink()
        kernel_versions.unlink()
        record_and_publish(job, computed_with, started, time.perf_counter() - start)
        return None
    finally:
        jupyter.cleanup()
        shutil.rmtree(partial, ignore_errors=True)


def record_and_publish(job: dict, versions: dict[str, str], started: float, seconds: float) -> None:
    """Write ``run.json`` beside what a finished run left, and put its folder in place."""
    partial = Path(job["partial"])
    record = {
        **job["record"],
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor_seconds(), 2),
        "started": round(started, 2),
        "finished": round(time.time(), 2),
        "versions": versions,
        "solvers": sorted({name for path in (partial / "figures").glob("*.json") for name in _solvers(path)}),
    }
    (partial / "run.json").write_text(json.dumps(record, indent=1))
    publish(partial, Path(job["directory"]))


def processor_seconds() -> float:
    """Processor time of this process, its kernel and the kernel's workers (those that have ended)."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _solvers(path: Path) -> list[str]:
    return [name for name in json.loads(path.read_text())["solver"].split(", ") if name != "no cone solver"]


def stop_with_parent(parent: int) -> None:
    """Interrupt this process when the one that started it has gone (killed, say): no run may outlive its build."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


def leave_out() -> None:
    """What no run needs and would be imported: jupytext's web server, and the debugger that nobody steps with."""
    for name in ("jupyter_server", "debugpy"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def make(job: dict, how: Callable[[dict], dict | None]) -> int:
    """Make the run of a job, and tell how it failed; the exit code."""
    stop_with_parent(job["parent"])
    failure = how(job)
    if failure is None:
        return 0
    Path(job["failure"]).write_text(json.dumps(failure))
    return 1


def main(how: Callable[[dict], dict | None] = execute) -> int:
    """Make the run of the job that the command line names."""
    leave_out()
    # A build started in the background ignores interrupts, and its children inherit that: this one must listen.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return make(json.loads(Path(sys.argv[1]).read_text()), how)


if __name__ == "__main__":
    sys.exit(main())
