"""Which cone solvers an answer came from: heard where they work, and told on where their answers arrive."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_LOG = logging.getLogger("isaclib.foundations.conic")


class _Names(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if solver := getattr(record, "solver", None):
            self.names.add(str(solver))


def listen() -> set[str]:
    """A set that from now on holds the name of every cone solver that gives an answer in this process."""
    heard = _Names()
    _LOG.addHandler(heard)
    _LOG.setLevel(logging.DEBUG)
    return heard.names


@contextmanager
def heard() -> Iterator[set[str]]:
    """The same while a block of work lasts.

    >>> with heard() as names:
    ...     tell(["CLARABEL"])
    >>> names
    {'CLARABEL'}
    """
    handler, level = _Names(), _LOG.level
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.DEBUG)
    try:
        yield handler.names
    finally:
        _LOG.removeHandler(handler)
        _LOG.setLevel(level)


def tell(names: Iterable[str]) -> None:
    """Say here which solvers gave answers somewhere else."""
    for name in sorted(names):
        _LOG.debug("solved by %s", name, extra={"solver": name})
