"""A kernel that waits: forked from a process that has imported what notebooks import, it serves the notebook that it is given.

A kernel and the imports of a notebook take three to four seconds of a processor, which is most of a small run. A fork of a
process that has them starts in a hundredth; from there on it is a kernel as any other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

_POLL_S = 0.02


class Asked(Exception):
    """Raised in the kernel's own process when its time has come; ``command`` is the one that would have started it."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(command)
        self.command = command


class WaitingKernel:
    """A fork of this process, held like a process of :mod:`subprocess`; whoever makes it must not have started a thread.

    In the fork nothing returns: it raises :class:`Asked`, or ends with the process that made it.
    """

    stdin = stdout = stderr = None

    def __init__(self) -> None:
        read, self._write = os.pipe()
        self._code: int | None = None
        self.pid = os.fork()
        if self.pid:
            os.close(read)
            return
        os.close(self._write)
        os.setsid()
        with os.fdopen(read) as pipe:
            said = pipe.read()
        if not said:
            os._exit(0)
        asked = json.loads(said)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["cwd"])
        raise Asked(asked["command"])

    def serve(self, command: list[str], environment: dict[str, str], cwd: str) -> None:
        """Let it become the kernel that the command would start."""
        with os.fdopen(self._write, "w") as pipe:
            json.dump({"command": command, "environment": environment, "cwd": cwd}, pipe)

    def poll(self) -> int | None:
        if self._code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if done else None
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        end = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
            time.sleep(_POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def manager(self) -> type[AsyncKernelManager]:
        """The manager of kernels with which a client takes this one in place of a new process."""
        waiting = self

        class Provisioner(LocalProvisioner):
            async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
                environment = {**kwargs["env"], "JPY_PARENT_PID": str(os.getpid())}
                waiting.serve(cmd, environment, str(kwargs.get("cwd") or os.getcwd()))
                self.process = cast(subprocess.Popen, waiting)
                self.pid = self.pgid = waiting.pid
                return self.connection_info

        class Manager(AsyncKernelManager):
            async def _async_pre_start_kernel(self, **options: Any) -> tuple[list[str], dict[str, Any]]:
                self.kernel_id = f"{waiting.pid}"
                self.provisioner = Provisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
                return await super()._async_pre_start_kernel(**options)

            pre_start_kernel = _async_pre_start_kernel

        return Manager


def become(asked: Asked) -> None:
    """Be the kernel: what ``python -m`` would do with the command."""
    from . import kernel

    sys.argv = [asked.command[0], *asked.command[asked.command.index("-m") + 2 :]]
    kernel.main()
