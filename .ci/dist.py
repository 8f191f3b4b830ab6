"""Build the sdist and, from it, the wheel; check both; pack the archive for a DOI when the book is built.

``python .ci/dist.py [FOLDER]`` (default: dist). Nothing is fetched: setuptools of the environment is the backend.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email import message_from_bytes
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("isaclib", "pyproject.toml", "README.md", "LICENSE")
CITED = ("README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", ".zenodo.json")


def build(kind: str, source: Path, target: Path) -> Path:
    """One distribution of the sources in ``source``, made by the backend that pyproject.toml names."""
    code = f"from setuptools.build_meta import build_{kind} as build; print(build({str(target)!r}))"
    made = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    if made.returncode:
        raise SystemExit(f"the {kind} cannot be built:\n{made.stderr[-2000:]}")
    return target / made.stdout.split()[-1]


def distributions(target: Path) -> tuple[Path, Path]:
    """The sdist from the sources alone, and the wheel from the sdist alone: what is missing in it would be missed here."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        clean = Path(scratch) / "clean"
        clean.mkdir()
        for name in SOURCES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            options = {"ignore": shutil.ignore_patterns("__pycache__")} if (ROOT / name).is_dir() else {}
            copy(ROOT / name, clean / name, **options)
        sdist = build("sdist", clean, target)
        with tarfile.open(sdist) as packed:
            packed.extractall(scratch, filter="data")
        wheel = build("wheel", Path(scratch) / sdist.name.removesuffix(".tar.gz"), target)
    return sdist, wheel


def problems(sdist: Path, wheel: Path) -> list[str]:
    """What is wrong with the two: files missing or too many, metadata that does not say what it must."""
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "isaclib").rglob("*.py")}
    with tarfile.open(sdist) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    found = [f"{name} is not in the sdist" for name in sorted({*modules, "LICENSE", "README.md", "pyproject.toml"} - inside)]
    with zipfile.ZipFile(wheel) as packed:
        names = [name for name in packed.namelist() if ".dist-info/" not in name]
        metadata = message_from_bytes(packed.read(next(name for name in packed.namelist() if name.endswith("/METADATA"))))
        licensed = any(name.endswith("licenses/LICENSE") for name in packed.namelist())
    found += [f"{name} is not in the wheel" for name in sorted(modules - set(names))]
    found += [f"{name} does not belong into the wheel" for name in sorted(set(names) - modules)]
    found += [] if licensed else ["the wheel has no licence"]
    version = wheel.name.split("-")[1]
    wanted = {"Version": version, "License-Expression": "BSD-3-Clause", "Description-Content-Type": "text/markdown"}
    found += [f"{key} is {metadata[key]!r}, not {value!r}" for key, value in wanted.items() if metadata[key] != value]
    if sdist.name != f"isaclib-{version}.tar.gz":
        found.append(f"sdist and wheel differ in version: {sdist.name}, {wheel.name}")
    return found


def archive(target: Path, version: str) -> Path | None:
    """The book with its downloads (all numbers, all instances), the board's entries, the citation: one file for a DOI."""
    book = ROOT / "_build" / "html"
    if not (book / "index.html").exists():
        return None
    path = target / f"isac-compendium-{version}.zip"
    folders = {"book": book, "board": ROOT / "board"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, folder in folders.items():
            for file in sorted(file for file in folder.rglob("*") if file.is_file()):
                packed.write(file, f"{name}/{file.relative_to(folder)}")
        for name in CITED:
            packed.write(ROOT / name, name)
    return path


def main(target: Path) -> int:
    sdist, wheel = distributions(target)
    found = problems(sdist, wheel)
    for text in found:
        print(text)
    packed = archive(target, wheel.name.split("-")[1])
    for path in filter(None, (sdist, wheel, packed)):
        print(f"{path.stat().st_size / 1e6:.2f} MB  {path}")
    if packed is None:
        print("no archive for a DOI: there is no built book (make book)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "dist"))
