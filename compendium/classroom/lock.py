"""The part of ``requirements.lock`` that a student needs: what the notebook imports, through the library too, and JupyterLab."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import nbformat

INTERFACE = ("jupyterlab", "ipykernel")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PARENT = re.compile(r"^    # (?:via |  )(?P<name>[A-Za-z0-9._-]+)")


def students_lock(root: Path, notebook: nbformat.NotebookNode) -> str:
    """The entries of the lock, with their hashes, that follow from what a notebook imports; for all platforms.

    Who requires whom stands in the lock itself (``# via``), where the resolver has noted it.
    """
    entries = _entries((root / "requirements.lock").read_text())
    declared = {*_required(root), *_required(root, "plot")}
    wanted = {*INTERFACE, *(_normal(name) for name in third_party(root, notebook))}
    missing = wanted - set(entries) or wanted - set(INTERFACE) - declared
    if missing:
        raise RuntimeError(f"requirements.lock lacks {', '.join(sorted(missing))}: make it anew with 'make lock'")
    while True:
        more = {name for name, text in entries.items() if name not in wanted and _parents(text) & wanted}
        if not more:
            return "\n".join(entries[name] for name in sorted(wanted)) + "\n"
        wanted |= more


def third_party(root: Path, notebook: nbformat.NotebookNode) -> set[str]:
    """Packages that a notebook imports, and the modules of the library that it imports: when they are loaded, or later.

    Of what the library imports only when a function is called, what an extra brings is left out.
    """
    found, seen, required = set(), set(), _required(root)
    waiting = [
        name for cell in notebook.cells if cell.cell_type == "code" for name in _imported(ast.walk(_tree(cell.source)), "")
    ]
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if top != "isaclib":
            found |= {top} - sys.stdlib_module_names
            continue
        parts = name.split(".")
        for count in range(1, len(parts) + 1):  # importing a module loads the packages it lies in
            module = root.joinpath(*parts[:count])
            file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
            if file.exists() and file not in seen:
                seen.add(file)
                package = ".".join(parts[: count - (file.name != "__init__.py")])
                tree = ast.parse(file.read_text(encoding="utf-8"))
                waiting += _imported(tree.body, package)
                waiting += (name for name in _imported(ast.walk(tree), package) if _normal(name.partition(".")[0]) in required)
    return found


def _required(root: Path, extra: str = "") -> set[str]:
    """What the library requires, or one of its extras."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {_normal(_NAME.match(each)[0]) for each in names}


def _imported(nodes, package: str) -> Iterator[str]:
    """Absolute names in import statements; of ``from a import b`` both a and a.b, which may be a module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))


def _tree(source: str) -> ast.AST:
    try:
        return ast.parse(source)
    except SyntaxError:  # magics of IPython
        return ast.parse("")


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
