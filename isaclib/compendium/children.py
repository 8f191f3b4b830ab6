"""The processes in which runs are made: started, waited for, and stopped for good."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runs import Run

_LOG = logging.getLogger(__name__)
STOPPED = -signal.SIGINT  # the exit code of a process that never started, as of one that an interrupt ended


class Children:
    """The processes of one build. After :meth:`stop` none is started any more, however late a thread asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = False
        self._processes: dict[Run, subprocess.Popen] = {}

    def run(self, run: Run, command: list[str], **options: Any) -> int:
        """Exit code of the command, made in a process group of its own on behalf of the run."""
        with self._lock:
            if self._stopped:
                return STOPPED
            process = subprocess.Popen(command, start_new_session=True, **options)
            self._processes[run] = process
        code = process.wait()
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
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
            shutil.rmtree(run.partial, ignore_errors=True)


def _signal(process: subprocess.Popen, number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        _LOG.debug("process %s had ended", process.pid)
