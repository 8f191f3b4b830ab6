"""Folders that are replaced as a whole, locks on them, and what stands in an unfinished one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def publish(partial: Path, final: Path) -> None:
    """Put a finished folder in place of an older one: never a mixture of the two, even if two processes do it at once."""
    final.parent.mkdir(parents=True, exist_ok=True)
    old = final.with_name(f".{final.name}.old")
    with alone_in(final.parent):
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
def alone_in(folder: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of a folder, which leaves no file behind; ``waiting`` is called when another process has it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def holds_something_else(folder: Path, mark: str) -> bool:
    """Whether a folder that is to be replaced has content, and not the file by which its maker knows its own."""
    return folder.exists() and any(folder.iterdir()) and not (folder / mark).exists()


def cells_begun(path: Path) -> tuple[int, int]:
    """How many cells of a notebook papermill has begun, and how many there are; (0, 0) where nothing is written yet."""
    try:
        cells = json.loads(path.read_text())["cells"]
    except (OSError, ValueError):  # not there yet, or being written at this moment
        return 0, 0
    begun = [number for number, cell in enumerate(cells, 1) if cell["metadata"].get("papermill", {}).get("start_time")]
    return max(begun, default=0), len(cells)
