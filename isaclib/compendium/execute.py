"""One run in a process of its own: ``python -m isaclib.compendium.execute JOB.json``.

Everything goes into a folder with a temporary name, which is renamed when the notebook has finished. A failure leaves
nothing but a log.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("numpy", "scipy", "cvxpy", "clarabel", "scs", "highspy", "sdpa-python", "matplotlib", "papermill", "jupytext")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    from .. import __version__

    found = {"python": platform.python_version(), "isaclib": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def execute(job: dict) -> dict | None:
    """Run one job; None on success, otherwise a description of the failure (cell, error, traceback)."""
    import jupytext
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError

    partial, final = Path(job["partial"]), Path(job["directory"])
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        source = partial / "source.ipynb"
        notebook = jupytext.read(job["source"])
        nbformat.write(notebook, source)
        started, start = time.time(), time.perf_counter()
        try:
            papermill.execute_notebook(
                source,
                partial / "notebook.ipynb",
                parameters=job["parameters"],
                kernel_name="python3",
                progress_bar=False,
                cwd=job["root"],
            )
        except PapermillExecutionError as error:
            count = error.exec_count
            return {
                "cell": f"cell {error.cell_index + 1}" + (f" (In [{count}])" if count else ""),
                "source": error.source,
                "error": f"{error.ename}: {error.evalue}",
                "traceback": "\n".join(error.traceback),
            }
        record = {
            **job["record"],
            "seconds": round(time.perf_counter() - start, 2),
            "processor_seconds": round(_processor_seconds(), 2),
            "started": round(started, 2),
            "finished": round(time.time(), 2),
            "versions": versions(),
            "solvers": sorted({name for path in (partial / "figures").glob("*.json") for name in _solvers(path)}),
        }
        (partial / "run.json").write_text(json.dumps(record, indent=1))
        source.unlink()
        publish(partial, final)
        return None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _processor_seconds() -> float:
    """Processor time of this process, its kernel and the kernel's workers (those that have ended)."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _solvers(path: Path) -> list[str]:
    return [name for name in json.loads(path.read_text())["solver"].split(", ") if name != "no cone solver"]


def publish(partial: Path, final: Path) -> None:
    """Put a finished folder in place of an older one: never a mixture of the two, even if two processes do it at once."""
    final.parent.mkdir(parents=True, exist_ok=True)
    old = final.with_name(f".{final.name}.old")
    with _alone_in(final.parent):
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            os.replace(final, old)
        try:
            os.replace(partial, final)
        except OSError:
            if old.exists():
                os.replace(old, final)
            raise
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which leaves no file behind."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def holds_something_else(folder: Path, mark: str) -> bool:
    """Whether a folder that is to be replaced has content, and not the file by which its maker knows its own."""
    return folder.exists() and any(folder.iterdir()) and not (folder / mark).exists()


def stop_with_parent(parent: int) -> None:
    """Interrupt this process when the one that started it has gone (killed, say): no run may outlive its build."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    # A build started in the background ignores interrupts, and its children inherit that: this one must listen.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    job = json.loads(Path(sys.argv[1]).read_text())
    stop_with_parent(job["parent"])
    failure = execute(job)
    if failure is None:
        return 0
    Path(job["failure"]).write_text(json.dumps(failure))
    return 1


if __name__ == "__main__":
    sys.exit(main())
