"""What a run depends on: its notebook, its values, the lock, and every module that it or its process imports.

Modules are found by reading import statements, wherever they stand in a file, so an edit of the printer makes no run due and
an edit of one chapter only the runs that import it. What cannot be resolved by reading counts as everything.
"""

from __future__ import annotations

import ast
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import isaclib

CODE = Path(__file__).resolve().parents[2]
HOMES = {"isaclib": Path(isaclib.__file__).resolve().parent, "compendium": CODE / "compendium"}
CHILD = "compendium.runs.child"  # what executes a notebook, and imports its kernel
_ONE_PARSER = threading.Lock()  # runs are made in threads, and Python 3.11 counts the depth of all its syntax trees in one place
_DYNAMIC = {"import_module", "__import__"}


def sha(content: bytes) -> str:
    """Digest of some bytes."""
    return hashlib.sha256(content).hexdigest()


def digest_of(inputs: Mapping[str, Any]) -> str:
    """One digest for all inputs of a run."""
    return sha(json.dumps(inputs, sort_keys=True).encode())


def modules_of(source: str, child: str = CHILD) -> dict[str, str]:
    """Digest of every module of this project that a notebook's source, or the process that executes it, imports."""
    return {name: _sha_of_module(name) for name in sorted(closure(source, child))}


def _sha_of_module(name: str) -> str:
    path = _file(name)
    status = path.stat()
    return _sha_of_file(path, status.st_mtime_ns, status.st_size)


@cache
def _sha_of_file(path: Path, modified: int, size: int) -> str:
    """Files are read once in a process, however many runs import them."""
    return sha(path.read_bytes())


def library(*extra: Path) -> str:
    """Digest of all modules of both packages, and of some more files (those that exist)."""
    files = [(name, _file(name)) for name in sorted(_everything())]
    files += [(path.name, path) for path in extra if path.exists()]
    return digest_of({name: sha(path.read_bytes()) for name, path in files})


def closure(source: str, child: str = CHILD) -> frozenset[str]:
    """Names of the project's modules that a source imports, directly or not, with those of the executing process."""
    found: set[str] = set()
    waiting = {*_imported(source, "notebook", True), child}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        path = _file(name)
        waiting |= _imports_of_file(name, path, path.stat().st_mtime_ns)
    return frozenset(found)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Which inputs differ, in words: a module, a value, the notebook, the lock ..."""
    found = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += [_word(name, key) for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
        else:
            found.append(name)
    return found


def _word(kind: str, key: str) -> str:
    return key if kind == "modules" else f"{kind[:-1] if kind.endswith('s') else kind} {key}"


@cache
def _imports_of_file(name: str, path: Path, modified: int) -> frozenset[str]:
    return _imported(path.read_text(), name, path.name == "__init__.py")


def _imported(source: str, module: str, is_package: bool) -> frozenset[str]:
    """Project modules that a source names, with the packages they lie in; all of them where one cannot be resolved."""
    names = _named(source, module if is_package else module.rpartition(".")[0])
    return _everything() if names is None else frozenset(part for name in names for part in _chain(name))


@cache
def _named(source: str, package: str) -> frozenset[str] | None:
    """Names below the project's packages that a source may mean by its imports; None where one cannot be resolved."""
    names: set[str] = set()
    with _ONE_PARSER:
        tree = ast.parse(_without_magics(source))
    calls = ast.walk(tree) if any(word in source for word in _DYNAMIC) else ()
    for node in [*_statements(tree), *calls]:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            if any(alias.name == "*" for alias in node.names) and base.partition(".")[0] in HOMES:
                return None
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and _called(node) in _DYNAMIC:
            literal = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            if not isinstance(literal, str):
                return None
            names.add(_absolute(literal, package))
    return frozenset(name for name in names if name.partition(".")[0] in HOMES)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements (imports are among them), several times faster than all nodes."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for node in getattr(tree, block, ()) if not isinstance(tree, ast.expr) else ():
            yield node
            yield from _statements(node)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _absolute(name: str, package: str) -> str:
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{name[level:]}" if name[level:] else base


def _chain(name: str) -> Iterable[str]:
    """A module and the packages it lies in (importing it runs them all); a last part that is no module is left out."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        prefix = ".".join(parts[:end])
        if _file(prefix).exists():
            yield prefix


def _file(name: str) -> Path:
    home, *parts = name.split(".")
    path = HOMES[home].joinpath(*parts)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _everything() -> frozenset[str]:
    names = set()
    for home, folder in HOMES.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            names.add(".".join([home, *(parts[:-1] if parts[-1] == "__init__" else parts)]))
    return frozenset(names)


def _without_magics(source: str) -> str:
    """A notebook's source without lines that only IPython reads."""
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
