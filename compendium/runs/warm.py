"""Many runs: each in a fork of a process that has imported what notebooks import, with a kernel that is a fork too.

The same modules are executed with the same values, context and environment as in processes that start from nothing (a test
compares what they leave); what is saved are the imports of papermill, of the kernel and of the notebook.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import io
import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Collection, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from . import child
from .digest import CHILD, CODE, library
from .plan import ONE_THREAD, Run
from .waiting import Asked, WaitingKernel, become

_LOG = logging.getLogger(__name__)
_ALWAYS = (
    *("jupytext", "nbformat", "papermill", "papermill.engines", "ipykernel.kernelapp", "matplotlib_inline.backend_inline"),
    *("IPython.core.completer", "IPython.core.magics", "IPython.core.application"),
)
_POLL_S = 0.02
_INLINE = "module://matplotlib_inline.backend_inline"  # as a kernel has it


class Warm:
    """Processes that wait, one for each thread that asks, and the runs that are made in forks of them."""

    def __init__(self, runs: Collection[Run]) -> None:
        self.runs = frozenset(run for run in runs if run.child == CHILD)
        self._library = library()
        self._modules = sorted({name for path in {run.source for run in self.runs} for name in _imported(path.read_text())})
        self._own = threading.local()
        self._lock = threading.Lock()
        self._servers: list[subprocess.Popen] = []

    def takes(self, run: Run) -> bool:
        """Whether a fork would run what lies on the disk: it is one of its runs, and no module was edited since."""
        return run in self.runs and library() == self._library

    def start(self, command: list[str], **options: Any) -> Fork | subprocess.Popen:
        """A fork that makes the run of a job, whose file the last word of the command names; a process where none can be had."""
        if not hasattr(self._own, "server"):
            self._own.server = self._serve(options["cwd"])
        asked = {"job": command[-1], "log": options["stdout"].name, "environment": dict(options["env"])}
        try:
            return Fork(self._own.server, {**asked, "cwd": str(options["cwd"])})
        except (OSError, EOFError) as error:
            _LOG.warning("no fork for %s (%s): it starts from nothing", command[-1], error)
            return subprocess.Popen(command, **options)

    def _serve(self, cwd: Path) -> subprocess.Popen:
        path = os.pathsep.join([str(CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": path, "MPLBACKEND": _INLINE}
        command = [sys.executable, "-m", "compendium.runs.warm", *self._modules]
        pipe = subprocess.PIPE
        options: dict[str, Any] = {"start_new_session": True, "env": environment, "cwd": cwd, "text": True, "bufsize": 1}
        server = subprocess.Popen(command, stdin=pipe, stdout=pipe, **options)
        with self._lock:
            self._servers.append(server)
        return server

    def close(self) -> None:
        """End the processes; a fork that still runs is ended too."""
        for server in self._servers:
            with contextlib.suppress(BrokenPipeError):
                server.stdin.close()
            server.wait()
            server.stdout.close()


class Fork:
    """A forked run, waited for and signalled like a process of :mod:`subprocess`."""

    def __init__(self, server: subprocess.Popen, asked: dict[str, Any]) -> None:
        self._server, self._asking = server, threading.Lock()
        self._code: int | None = None
        server.stdin.write(json.dumps(asked) + "\n")
        answer = server.stdout.readline()
        if not answer:
            raise EOFError(f"the process that is forked for runs ended with exit code {server.wait()}")
        self.pid = int(answer)

    def wait(self, timeout: float | None = None) -> int:
        """Exit code; more than one thread may ask, and the answer is read once."""
        if not self._asking.acquire(timeout=-1 if timeout is None else timeout):
            raise subprocess.TimeoutExpired("fork", timeout or 0.0)
        try:
            if self._code is None:
                if not select.select([self._server.stdout], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("fork", timeout or 0.0)
                self._code = int(self._server.stdout.readline() or -signal.SIGKILL)
            return self._code
        finally:
            self._asking.release()


def _imported(source: str) -> Iterable[str]:
    """Modules that a notebook names in its import statements."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _fork(asked: dict[str, Any]) -> int:
    """A process that makes the run; its number. It is the head of a group, as the process of any run."""
    pid = os.fork()
    if pid:
        return pid
    code, kernel = 1, None
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["cwd"])
        for stream, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, os.open(asked["log"], os.O_WRONLY | os.O_APPEND))):
            os.dup2(target, stream)
        os.dup2(1, 2)
        job = {**json.loads(Path(asked["job"]).read_text()), "parent": os.getppid()}
        code = child.make(job, partial(child.execute, waiting=WaitingKernel()))
    except Asked as command:
        kernel = command
    except BaseException:
        traceback.print_exc()
    if kernel is not None:  # here, or every error of a cell would be one that occurred while another was handled
        become(kernel)
        sys.exit()
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
    child.leave_out()
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
