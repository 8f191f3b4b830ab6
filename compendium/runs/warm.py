"""Many small runs: forks of a process that has imported what notebooks import, without a kernel for each.

A kernel and the imports of a notebook take three to four seconds of a processor, half of a run at the smallest size. A fork of a
process that has them starts in a hundredth. In it IPython runs the same cells, with the same values, the same context and the
same checks; what is missing is the kernel's protocol. Trials are made like this, runs that somebody keeps are not.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from ..notebook import confirm
from ..notebook.versions import versions
from . import kernel
from .child import record_and_publish
from .digest import CODE
from .plan import ONE_THREAD, Run

_ALWAYS = (
    *("jupytext", "nbformat", "papermill.iorw", "papermill.parameterize"),
    *("IPython.core.interactiveshell", "IPython.core.completer", "IPython.core.magics", "IPython.core.application"),
)
_POLL_S = 0.02
_INLINE = "module://matplotlib_inline.backend_inline"  # as a kernel has it


class Warm:
    """Processes that wait, one for each thread that asks, and the runs that are made in forks of them."""

    def __init__(self, runs: Collection[Run]) -> None:
        self.runs = frozenset(runs)
        self._modules = sorted({name for source in {run.source for run in runs} for name in _imported(source.read_text())})
        self._own = threading.local()
        self._lock = threading.Lock()
        self._servers: list[subprocess.Popen] = []

    def start(self, command: list[str], *, stdout: TextIO, env: Mapping[str, str], cwd: Path, **_: Any) -> Fork:
        """A fork that makes the run of a job; the last word of the command names the file of the job."""
        if not hasattr(self._own, "server"):
            self._own.server = self._serve()
        return Fork(self._own.server, {"job": command[-1], "log": stdout.name, "environment": dict(env), "cwd": str(cwd)})

    def _serve(self) -> subprocess.Popen:
        path = os.pathsep.join([str(CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": path, "MPLBACKEND": _INLINE}
        command = [sys.executable, "-m", "compendium.runs.warm", *self._modules]
        pipe = subprocess.PIPE
        server = subprocess.Popen(command, start_new_session=True, env=environment, stdin=pipe, stdout=pipe, text=True, bufsize=1)
        with self._lock:
            self._servers.append(server)
        return server

    def close(self) -> None:
        """End the processes; a fork that still runs is ended too."""
        for server in self._servers:
            server.stdin.close()
            server.wait()
            server.stdout.close()


class Fork:
    """A forked run, waited for and signalled like a process of :mod:`subprocess`."""

    def __init__(self, server: subprocess.Popen, asked: dict[str, Any]) -> None:
        self._server = server
        self._code: int | None = None
        server.stdin.write(json.dumps(asked) + "\n")
        answer = server.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that makes trials ended with exit code {server.wait()}")
        self.pid = int(answer)

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            if not select.select([self._server.stdout], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("fork", timeout)
            self._code = int(self._server.stdout.readline() or -signal.SIGKILL)
        return self._code


def _imported(source: str) -> Iterable[str]:
    """Modules that a notebook names in its import statements."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def execute(job: dict) -> dict[str, str] | None:
    """Make the run of a job in this process; None on success, otherwise a description of the failure."""
    import jupytext
    import nbformat
    from IPython.core.interactiveshell import InteractiveShell
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook
    from traitlets.config import Config

    partial = Path(job["partial"])
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    path = partial / "notebook.ipynb"
    nbformat.write(jupytext.read(job["source"]), path)
    notebook = parameterize_notebook(load_notebook_node(str(path)), job["parameters"], kernel_name=kernel.NAME, language="python")
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    shell.extension_manager.load_extension(confirm.__name__)
    started, start = time.time(), time.perf_counter()
    try:
        for number, cell in enumerate(notebook.cells, 1):
            if cell.cell_type != "code":
                continue
            cell.metadata["papermill"] = {"start_time": time.time()}
            path.write_text(json.dumps({"cells": [{"metadata": one.metadata} for one in notebook.cells]}))
            if failure := _run_cell(shell, cell, number):
                return failure
        nbformat.write(notebook, path)
        record_and_publish(job, versions(), started, time.perf_counter() - start)
        return None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _run_cell(shell: Any, cell: Any, number: int) -> dict[str, str] | None:
    """Run a cell and keep the words that it shows; what it raised, if it did."""
    from IPython.utils.capture import capture_output
    from nbformat.v4 import new_output

    count = shell.execution_count
    with capture_output() as said:
        result = shell.run_cell(cell.source, store_history=True)
    shown = [{kind: text for kind, text in one.data.items() if isinstance(text, str)} for one in said.outputs]
    cell.outputs = [new_output("display_data", data) for data in shown]
    if said.stdout:
        cell.outputs.append(new_output("stream", name="stdout", text=said.stdout))
    error = result.error_before_exec or result.error_in_exec
    if error is None:
        return None
    told = f"{type(error).__name__}: {error}"
    return {"cell": f"cell {number} (In [{count}])", "source": cell.source, "error": told, "traceback": said.stdout}


def _fork(asked: dict[str, Any]) -> int:
    """A process that makes the run; its number. It is the head of a group, as the process of any run."""
    pid = os.fork()
    if pid:
        return pid
    os.setpgid(0, 0)
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(asked["environment"], MPLBACKEND=_INLINE)
        os.chdir(asked["cwd"])
        for stream, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, os.open(asked["log"], os.O_WRONLY | os.O_APPEND))):
            os.dup2(target, stream)
        os.dup2(1, 2)
        job = json.loads(Path(asked["job"]).read_text())
        failure = execute(job)
        if failure:
            Path(job["failure"]).write_text(json.dumps(failure))
        code = 1 if failure else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _exit_code(pid: int) -> int:
    """How a fork ended; it is interrupted when the process that asked for it has gone."""
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if select.select([sys.stdin], [], [], _POLL_S)[0]:  # nobody asks before an answer: it was closed
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            return os.waitstatus_to_exitcode(status)


def _draw_once() -> None:
    """A picture with mathematics in it: the fonts, and the grammar that reads formulas, are then there in every fork."""
    from isaclib.foundations import plotting

    figure, axes = plotting.subplots()
    axes.set(xlabel="$\\alpha_1^2$ (m$^2$)", ylabel="Rate (bit/s)", xscale="log", xlim=(1e-3, 10))
    plotting.save_preview(figure, io.BytesIO(), width_px=96)


def main() -> None:
    """Import the modules that the command line names, then fork for every line that is asked, one after the other."""
    sys.modules.setdefault("jupyter_server", None)  # type: ignore[arg-type]  # jupytext would load a web server of its own
    for name in [*_ALWAYS, *sys.argv[1:]]:
        with contextlib.suppress(ImportError):  # the name of a function in a module, or an error that a cell will tell
            import_module(name)
    _draw_once()
    gc.freeze()
    for line in sys.stdin:
        pid = _fork(json.loads(line))
        print(pid, flush=True)
        print(_exit_code(pid), flush=True)


if __name__ == "__main__":
    main()
