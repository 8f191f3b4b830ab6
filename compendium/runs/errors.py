"""What a user gave and what is refused."""

from __future__ import annotations

from pathlib import Path

_LONGEST = 100  # characters of a name that a message shows


class ParameterError(ValueError):
    """A parameter file, schema or command-line value that is refused: where, which name, what to write instead."""

    def __init__(self, where: str | Path, name: str, problem: str, remedy: str = "") -> None:
        self.where, self.name, self.problem, self.remedy = str(where), name, problem, remedy
        shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]} ..."  # a relation may be longer than a line
        super().__init__(f"{where}: {shown}: {problem}" + (f"; {remedy}" if remedy else ""))
