"""Arrows run one way: notebooks -> chapters -> foundations; nobody in science imports the workshop. Rooms have their names.

import-linter (``make lint``) holds the same and more from the files' imports; this suite holds it without another package.
"""

import ast
from pathlib import Path

import pytest
from small_project import ROOT

PACKAGE = ROOT / "isaclib"
CHAPTERS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py") if path.parent.name != "foundations")
MOST_LINES = {"isaclib": 400, "compendium": 280}
ROOMS = ("notebook", "runs", "browser", "site", "audit", "classroom", "cli")


def imports(path: Path) -> set[tuple[str, ...]]:
    """Everything that a module imports from the two packages, as dotted names."""
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            found |= {(*module, alias.name) for alias in node.names}
    return {name for name in found if name[0] in ("isaclib", "compendium")}


def imported_rooms(path: Path) -> set[str]:
    """First part below the package of everything that a module imports; "compendium" for the workshop as a whole."""
    return {name[1] if name[0] == "isaclib" and len(name) > 1 else name[0] for name in imports(path)}


def modules(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_imports_only_itself_and_the_foundations(chapter):
    for path in modules(chapter):
        forbidden = imported_rooms(path) & {*CHAPTERS, "compendium"} - {chapter}
        assert not forbidden, f"{path.relative_to(ROOT)} imports {forbidden}"


def test_the_foundations_import_nobody():
    for path in modules("foundations"):
        assert not imported_rooms(path) & {*CHAPTERS, "compendium"}, path


def test_the_workshop_imports_no_chapter():
    for path in sorted((ROOT / "compendium").rglob("*.py")):
        assert not imported_rooms(path) & set(CHAPTERS), path


BELOW = {
    "notebook": set(),
    "runs": {"notebook"},
    "browser": set(),
    "site": {"browser", "runs", "notebook"},
    "audit": {"browser", "runs", "notebook"},
    "classroom": {"browser", "runs", "notebook"},
    "cli": {"audit", "site", "classroom", "browser", "runs", "notebook"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_of_the_workshop_look_down_only(room):
    for path in sorted((ROOT / "compendium" / room).rglob("*.py")):
        above = {name[1] for name in imports(path) if name[0] == "compendium" and len(name) > 1} & set(ROOMS)
        assert above <= BELOW[room] | {room}, f"{path.relative_to(ROOT)} imports {above - BELOW[room]}"


def test_every_module_of_the_workshop_lies_in_a_room():
    assert {path.name for path in (ROOT / "compendium").iterdir() if path.is_dir() and (path / "__init__.py").exists()} == set(
        ROOMS
    )
    assert [path.name for path in (ROOT / "compendium").glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("package", MOST_LINES)
def test_modules_stay_small(package):
    long = {
        str(path.relative_to(ROOT)): count
        for path in (ROOT / package).rglob("*.py")
        if (count := len(path.read_text().splitlines())) > MOST_LINES[package]
    }
    assert long == {}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_its_rooms_and_its_names_flat(chapter):
    import importlib

    module = importlib.import_module(f"isaclib.{chapter}")
    for name in ("Scenario", "verify", "solve_exact", "score"):
        assert callable(getattr(module, name, None)), name  # a module of that name is no function
    for room in ("scenario", "paper", "exact", "benchmarks", "verify"):
        assert (PACKAGE / chapter / f"{room}.py").exists()
