"""The benchmark set behind the board, kept under ``build/board``: made again only where the code that makes it has changed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from isaclib import instances

from ..runs.digest import HOMES, modules_of, sha
from ..runs.folders import publish

STAMP = "made.json"  # beside a chapter's manifest: what the set was made from
_QUICK = 1  # instances of each family in a quick book
_SLOW = {"near_field"}  # seconds an instance: a quick book has one of its families


def make(root: Path, base: str, jobs: int, say: Callable[[str], None] = lambda text: None) -> Path:
    """Make the set of every chapter that is due, and return the folder of all."""
    folder = root / "build" / "board" / base
    folder.mkdir(parents=True, exist_ok=True)
    for chapter in instances.CHAPTERS:
        count = _QUICK if base == "quick" else None
        target, wanted = folder / chapter, inputs(root, chapter, count)
        if (target / STAMP).exists() and json.loads((target / STAMP).read_text()) == wanted:
            continue
        start, partial = time.perf_counter(), folder / f".{chapter}.partial"
        say(f"making   the benchmark instances of {chapter}")
        shutil.rmtree(partial, ignore_errors=True)
        names = ["paper"] if base == "quick" and chapter in _SLOW else None
        instances.write(instances.interface(chapter), partial, families=names, count=count, jobs=jobs)
        instances.write_json(partial / chapter / STAMP, wanted)
        publish(partial / chapter, target)
        shutil.rmtree(partial)
        say(f"made     the benchmark instances of {chapter}  {time.perf_counter() - start:.1f} s")
    return folder


def inputs(root: Path, chapter: str, count: int | None) -> dict:
    """What a chapter's set is made from: its modules, the writer of sets, the lock, the seed, and how many (None: all)."""
    lock = root / "requirements.lock"
    return {
        "modules": modules_of("", f"isaclib.{chapter}.interface"),
        "instances": sha((HOMES["isaclib"] / "instances.py").read_bytes()),
        "lock": sha(lock.read_bytes()) if lock.exists() else "",
        "seed": instances.SEED,
        "count": count,
    }
