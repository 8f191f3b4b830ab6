"""Blocks of draws on a Dask cluster: sent to workers that count with the same versions, refused by all others.

A worker with another NumPy, another solver or an edited library could give other last digits without a word. So every block
says what it must be computed with, and a worker that differs answers with the names of what differs.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import used_solvers
from .errors import InvalidScenario

_PACKAGES = ("numpy", "scipy", "cvxpy", "clarabel", "scs", "highspy", "sdpa-python")
_ANSWER_S = 8  # a scheduler that is there answers sooner
_RETRIES = 3
_MODULE = "the module "


class UnlikeWorker(RuntimeError):
    """A worker's library or packages are not those of the machine that sent the work."""


class UnknownToWorker(RuntimeError):
    """A worker cannot import what the function of the draws refers to."""


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those of the packages that are installed.

    >>> list(installed(["numpy", "no such package"]))
    ['numpy']
    """
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def computes_with() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on, and a digest of this library's own sources.

    >>> sorted(computes_with())[:3]
    ['clarabel', 'cvxpy', 'highspy']
    """
    found = {"python": platform.python_version()} | installed(_PACKAGES)
    home = Path(__file__).resolve().parents[1]
    sources = hashlib.sha256()
    for path in sorted(home.rglob("*.py")):
        sources.update(str(path.relative_to(home)).encode() + b"\0" + path.read_bytes())
    return {**found, "the sources of isaclib": sources.hexdigest()[:12]}


def differences(there: dict[str, str], here: dict[str, str]) -> str:
    """What a sender and a worker count with and do not have in common, in words; empty when they are alike.

    >>> differences({"numpy": "2.0", "scs": "3"}, {"numpy": "2.1"})
    'numpy (sent with 2.0, it has 2.1), scs (sent with 3, it has none)'
    """
    names = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
    return ", ".join(f"{name} (sent with {there.get(name, 'none')}, it has {here.get(name, 'none')})" for name in names)


def connect(scheduler: str) -> Any:
    """A client of a scheduler that answers.

    Raises
    ------
    ImportError
        Without the extra ``cluster``.
    InvalidScenario
        When nobody answers at the address, or it is none.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("a scheduler needs the optional extra: pip install 'isaclib[cluster]'") from error
    try:
        return Client(scheduler, set_as_default=False, timeout=_ANSWER_S)
    except (OSError, ValueError) as error:
        problem = f"no scheduler answers at {scheduler} ({error})"
        raise InvalidScenario("scheduler", problem, "start one with 'dask scheduler', name it like tcp://host:8786") from None


def run_blocks(function: Callable, blocks: Sequence[Sequence[Any]], scheduler: str) -> list[tuple[list[Any], set[str]]]:
    """The function's results for every entry of every block, in their order, and the cone solvers that each block used.

    A block whose worker is lost starts again on another one.

    Raises
    ------
    UnlikeWorker
        When a worker's versions or sources are not those of this machine.
    UnknownToWorker
        When a worker cannot import the module in which the function, or something it needs, is defined.
    InvalidScenario
        When no scheduler answers.
    """
    with connect(scheduler) as client:
        from distributed.protocol.pickle import dumps

        wanted = computes_with() | _own_module(function)
        futures = [client.submit(_run_block, dumps((function, block)), wanted, pure=False, retries=_RETRIES) for block in blocks]
        return client.gather(futures)


def _run_block(parcel: bytes, wanted: dict[str, str]) -> tuple[list[Any], set[str]]:
    """One block, on a worker. The parcel is opened after the versions were compared: opening may be what differs."""
    from distributed import get_worker
    from distributed.protocol.pickle import loads

    def refuse(unlike: str) -> None:
        if unlike:
            raise UnlikeWorker(f"the worker {get_worker().address} differs in {unlike}: give it what the sender has")

    modules = {name: digest for name, digest in wanted.items() if name.startswith(_MODULE)}
    refuse(differences({name: wanted[name] for name in wanted.keys() - modules.keys()}, computes_with()))
    try:
        function, block = loads(parcel)
    except (ImportError, AttributeError) as error:
        remedy = (
            "define the function in the script or notebook itself, send its file to the workers (client.upload_file), "
            "or install its package there"
        )
        raise UnknownToWorker(f"the worker {get_worker().address} cannot import what the draws need: {error}; {remedy}") from None
    refuse(differences(modules, _own_module(function)))
    with used_solvers.heard() as names:
        return [function(child) for child in block], names


def _own_module(function: Callable) -> dict[str, str]:
    """Digest of the file in which a function is defined, if workers import it from there."""
    name = getattr(function, "__module__", None)
    spec = find_spec(name) if name and name != "__main__" else None
    if spec is None or not str(spec.origin).endswith(".py"):
        return {}
    return {f"{_MODULE}{name}": hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:12]}
