"""A student's kernel within walls: one cell at a time, with limits on time, memory and output.

Sources reach the kernel as messages when their turn has come, so no test lies on a disk that a student's code could read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, cast

import nbformat
import psutil
import zmq
from jupyter_client.manager import KernelManager

from ..runs.digest import CODE
from ..runs.plan import ONE_THREAD
from .figures import TELL, WATCH, Axes, read
from .outputs import failure, kept, words
from .sandbox import HOME, LIBRARY, NONE, Limits, enclose, walls

STOPPED, DIED, NOT_RUN = "CellStopped", "KernelDied", "NotRun"
_PASSED_ON: tuple[str, ...] = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "VIRTUAL_ENV", "CONDA_PREFIX")
_PASSED_ON += ("PATHEXT", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE")  # Windows
_LONGEST_MESSAGE = 64 << 20  # bytes; zmq drops what is longer
_MOST_PROCESSES, _MOST_DISK_MB = 100, 512
_GRACE = 3.0  # seconds that an interrupted cell has to stop
_START = 120.0
# exit() and quit() end a cell, not the kernel; a warning about that would be no news.
_FIRST = f"""{WATCH}
def _leave(*arguments, **names):
    raise SystemExit("exit() or quit() was called here")
get_ipython().ask_exit = _leave
del _leave
import threading as _threads
assert False, _threads.active_count()
"""


class KernelGone(Exception):
    """The kernel died in a cell, or had to be killed; the message says why."""

    def __init__(self, reason: str, name: str = DIED) -> None:
        super().__init__(reason)
        self.name, self.doubt = name, ""


class _Manager(KernelManager):
    enclosed: tuple[Path, Limits]

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        return enclose(super().format_kernel_cmd(extra_arguments), *self.enclosed, walls())


class Kernel:
    """A running kernel (a context); ``folder`` is its own and holds nothing of value."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.limits, self.printed = limits, 0
        folder.mkdir(parents=True)
        _copy_font_list(folder)
        context = zmq.Context()
        context.setsockopt(zmq.MAXMSGSIZE, _LONGEST_MESSAGE)
        context.setsockopt(zmq.LINGER, 0)
        connection = {"transport": "ipc", "ip": str(folder / "k")} if os.name == "posix" else {}
        self.manager = _Manager(context=context, connection_file=str(folder / "kernel.json"), **connection)
        self.manager.enclosed = (folder, limits)
        self.manager.kernel_spec.interrupt_mode = "message"
        self.context, self.folder = context, folder

    def __enter__(self) -> Kernel:
        extra = ["--IPKernelApp.log_level=ERROR", "--HistoryManager.enabled=False"]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.manager.start_kernel(extra_arguments=extra, env=self._environment(), cwd=str(self.folder), **silent)
        self.client = self.manager.client(context=self.context)
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=_START)
            self.threads = int(self.ask(_FIRST).get("evalue") or 1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception) -> None:
        processes = self._processes()
        self.client.stop_channels()
        with contextlib.suppress(Exception):  # gone already
            self.manager.shutdown_kernel(now=True)
        for process in processes:  # whatever left the group of the kernel
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.context.destroy(linger=0)
        _remove(self.folder)

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        free = walls() == NONE
        home = str(self.folder) if free else HOME
        own = {"HOME": home, "IPYTHONDIR": f"{home}/.ipython", "PYTHONPATH": str(CODE) if free else LIBRARY, "USER": "student"}
        own |= {
            "MPLCONFIGDIR": str(self.folder / "matplotlib"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "TMPDIR": home if free else "/tmp",
        }
        return kept | dict(ONE_THREAD) | own

    def _processes(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(cast(Any, self.manager.provisioner).pid)
            return [first, *first.children(recursive=True)]
        except (psutil.Error, AttributeError, TypeError):
            return []

    def _watch(self) -> None:
        if not self.manager.is_alive():
            raise KernelGone("the kernel died in this cell (out of memory?)")
        used, processes = 0, self._processes()
        if len(processes) > _MOST_PROCESSES:
            raise KernelGone(f"started more than {_MOST_PROCESSES} processes")
        for process in processes:
            with contextlib.suppress(psutil.Error):
                used += process.memory_info().rss
        if used > self.limits.memory_mb << 20:
            raise KernelGone(f"used more than {self.limits.memory_mb} MB of memory")
        if _disk(self.folder) > _MOST_DISK_MB << 20:
            raise KernelGone(f"wrote more than {_MOST_DISK_MB} MB")

    def alive(self, seconds: float) -> bool:
        """Whether the kernel is still there after some seconds."""
        until = time.monotonic() + seconds
        while self.manager.is_alive():
            if time.monotonic() >= until:
                return True
            time.sleep(0.05)
        return False

    def ask(self, source: str, seconds: float = 10.0) -> dict[str, Any]:
        """Run a source of our own unseen; the kernel's reply, empty when there is none in time."""
        return self._converse(self.client.execute(source, silent=True, store_history=False, allow_stdin=False), None, seconds)

    def drawn(self) -> list[Axes]:
        """The figures that the last cell has drawn."""
        return read(words(self.ask(TELL).get("evalue", "")))

    def run(self, cell: nbformat.NotebookNode, seconds: float) -> bool:
        """Run a cell and put its outputs into it; True when it ended without an error.

        Raises
        ------
        KernelGone
            When the kernel died, or had to be killed since it used too much or did not stop.
        """
        cell.outputs, self.cell_printed = [], 0
        request = self.client.execute(cell.source, allow_stdin=False, stop_on_error=False)
        reply = self._converse(request, cell, seconds)
        stopped = not reply
        if stopped:
            self.manager.interrupt_kernel()
            if not self._converse(request, cell, _GRACE):
                raise KernelGone(_stopped(seconds), STOPPED)
            cell.outputs = [output for output in cell.outputs if output.output_type != "error"]
            cell.outputs.append(failure(STOPPED, _stopped(seconds)))
        elif reply.get("status") != "ok" and not any(output.output_type == "error" for output in cell.outputs):
            cell.outputs.append(failure(words(reply.get("ename", "Aborted")), words(reply.get("evalue", ""))))
        elif self.lost:
            cell.outputs.append(nbformat.v4.new_output("stream", text="[an output was too long and is left out]"))
        count = reply.get("execution_count")
        cell.execution_count = count if isinstance(count, int) else None
        return not any(output.output_type == "error" for output in cell.outputs)

    def _converse(self, request: str, cell: nbformat.NotebookNode | None, seconds: float) -> dict[str, Any]:
        """Messages about a request until it is done: its reply, empty when the time is over.

        A message that is not signed, or not of the form that the protocol asks, was forged in the kernel: it is dropped.
        """
        until, looked, idle = time.monotonic() + seconds, time.monotonic(), False
        reply: dict[str, Any] = {}
        poller = zmq.Poller()
        sockets = {
            self.client.iopub_channel: self.client.iopub_channel.socket,
            self.client.shell_channel: self.client.shell_channel.socket,
        }
        for socket in sockets.values():
            poller.register(socket, zmq.POLLIN)
        while not (reply and idle):
            poller.poll(100)
            for channel in sockets:
                with contextlib.suppress(Exception):  # Empty, or whatever a forged message provokes
                    message = channel.get_msg(timeout=0)
                    if message["parent_header"].get("msg_id") != request:
                        continue
                    kind, content = message["msg_type"], message["content"]
                    if kind == "execute_reply":
                        reply = dict(content) or {"status": "empty"}
                        until = min(until, time.monotonic() + 2)  # an output that was too long takes its "idle" with it
                    elif kind == "status":
                        idle |= content["execution_state"] == "idle"
                    elif cell is not None:
                        self._keep(cell, message)
            now = time.monotonic()
            if now > looked + 0.3:
                looked = now
                self._watch()
            if now > until:
                break
        self.lost = bool(reply) and not idle
        return reply

    def _keep(self, cell: nbformat.NotebookNode, message: dict[str, Any]) -> None:
        if message["msg_type"] == "clear_output":
            cell.outputs = []
        if message["msg_type"] not in ("stream", "error", "display_data", "execute_result"):
            return
        output, size = kept(message)
        self.cell_printed += size
        self.printed += size
        if self.cell_printed <= self.limits.cell_output and self.printed <= self.limits.total_output:
            last = cell.outputs[-1] if cell.outputs else None
            if last is not None and last.output_type == output.output_type == "stream" and last.name == output.name:
                last.text += output.text
            else:
                cell.outputs.append(output)
        elif output.output_type == "error":
            cell.outputs.append(failure(output.ename, output.evalue[:500]))


def _disk(folder: Path) -> int:
    """Bytes of the files below a folder; many small ones count, too."""
    total, waiting = 0, [str(folder)]
    while waiting and total <= _MOST_DISK_MB << 20:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                total += max(4096, entry.stat(follow_symlinks=False).st_size)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return total


def _remove(folder: Path) -> None:
    """Remove a folder, however deep its folders are."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", str(folder)], check=False, capture_output=True)


def _stopped(seconds: float) -> str:
    return f"stopped after {seconds:.0f} s (an endless loop?)"


def _copy_font_list(folder: Path) -> None:
    """Matplotlib's list of fonts, which takes seconds to make."""
    target = folder / "matplotlib"
    target.mkdir()
    with contextlib.suppress(ImportError, OSError):
        import matplotlib

        for path in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
            shutil.copy(path, target)
