"""Arrows run one way: notebooks -> chapters -> foundations; nobody in science imports the workshop."""

import ast
from pathlib import Path

import pytest
from small_project import ROOT

PACKAGE = ROOT / "isaclib"
CHAPTERS = sorted(
    path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name not in ("foundations", "compendium", "__pycache__")
)
MOST_LINES = 400


def imported_rooms(path: Path) -> set[str]:
    """First part below ``isaclib`` of everything a module imports from the package."""
    package = ("isaclib", *path.relative_to(PACKAGE).parent.parts)
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            targets = [(*module, alias.name) for alias in node.names]
        else:
            continue
        rooms |= {target[1] for target in targets if len(target) > 1 and target[0] == "isaclib"}
    return rooms


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
    for path in modules("compendium"):
        assert not imported_rooms(path) & set(CHAPTERS), path


def test_modules_stay_small():
    long = {
        str(path.relative_to(ROOT)): count
        for path in PACKAGE.rglob("*.py")
        if (count := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_its_rooms_and_its_names_flat(chapter):
    import importlib

    module = importlib.import_module(f"isaclib.{chapter}")
    assert {"Scenario", "verify", "solve_exact"} <= set(dir(module))
    for room in ("scenario", "paper", "exact", "benchmarks"):
        assert (PACKAGE / chapter / f"{room}.py").exists()
