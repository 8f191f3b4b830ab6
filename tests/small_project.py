"""The small project of the workshop's tests: where it is, how to copy it, how to change it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def copy_project(target: Path) -> Path:
    shutil.copytree(ROOT / "tests" / "data" / "project", target)
    shutil.copy(ROOT / "_config.yml", target)
    (target / "requirements.lock").write_text("numpy==2.0.0 --hash=sha256:0\n")
    for folder in ("_static", "_templates"):
        shutil.copytree(ROOT / "book" / folder, target / "book" / folder)
    return target


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new))
