"""Which cone solvers an answer came from: heard where they work, and told on where their answers arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_HEARERS: list[set[str]] = []


def listen() -> set[str]:
    """A set that from now on holds the name of every cone solver that gives an answer in this process."""
    names: set[str] = set()
    _HEARERS.append(names)
    return names


@contextmanager
def heard() -> Iterator[set[str]]:
    """The same while a block of work lasts.

    >>> with heard() as names:
    ...     tell(["CLARABEL"])
    >>> names
    {'CLARABEL'}
    """
    names = listen()
    try:
        yield names
    finally:
        _HEARERS[:] = [other for other in _HEARERS if other is not names]


def tell(names: Iterable[str]) -> None:
    """Say here which solvers gave answers somewhere else."""
    known = set(names)
    for hearer in _HEARERS:
        hearer.update(known)
