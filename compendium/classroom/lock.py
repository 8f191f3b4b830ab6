"""The part of ``requirements.lock`` that a student needs: what the science requires, its plots, and JupyterLab."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

INTERFACE = ("jupyterlab", "ipykernel")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PARENT = re.compile(r"^    # (?:via |  )(?P<name>[A-Za-z0-9._-]+)")


def students_lock(root: Path) -> str:
    """The entries of the lock, with their hashes, that follow from the science's requirements; for all platforms.

    Who requires whom stands in the lock itself (``# via``), where the resolver has noted it.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    roots = [*project["dependencies"], *project["optional-dependencies"]["plot"], *INTERFACE]
    entries = _entries((root / "requirements.lock").read_text())
    wanted = {_normal(_NAME.match(each)[0]) for each in roots}
    missing = wanted - set(entries)
    if missing:
        raise RuntimeError(f"requirements.lock lacks {', '.join(sorted(missing))}: make it anew with 'make lock'")
    while True:
        more = {name for name, text in entries.items() if name not in wanted and _parents(text) & wanted}
        if not more:
            return "\n".join(entries[name] for name in sorted(wanted)) + "\n"
        wanted |= more


def _entries(lock: str) -> dict[str, str]:
    """The lock by package: a line that begins at the margin, and what is indented below it."""
    entries: dict[str, list[str]] = {}
    name = ""
    for line in lock.splitlines():
        if line[:1] not in ("", " ", "#", "-"):
            name = _normal(_NAME.match(line)[0])
        if name:
            entries.setdefault(name, []).append(line)
    return {name: "\n".join(lines).rstrip() for name, lines in entries.items()}


def _parents(entry: str) -> set[str]:
    return {_normal(found["name"]) for line in entry.splitlines() if (found := _PARENT.match(line))}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
