"""Files of a folder or a zip of hand-ins, and what is left over from other programs."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

from ..runs.errors import ParameterError

_LEFTOVERS = {"__MACOSX": "of macOS", ".ipynb_checkpoints": "of Jupyter", ".DS_Store": "of macOS", "Thumbs.db": "of Windows"}
_LEFTOVERS |= {"desktop.ini": "of Windows", ".git": "of git", ".venv": "of Python", "__pycache__": "of Python"}
_MOST_FILES, _MOST_BYTES = 5000, 500_000_000


def files(folder: Path, passed_over: list) -> Iterator[tuple[str, str, bytes]]:
    """Name at the top, path and content of each file, of zips the files in them."""
    if folder.is_file() and zipfile.is_zipfile(folder):
        for path, content in unzipped(folder.name, folder.read_bytes(), passed_over):
            yield PurePosixPath(path).parts[0], path, content
        return
    if not folder.is_dir():
        raise ParameterError(
            "isac assignment", str(folder), "is not a folder", "give the folder (or zip) that holds the submissions"
        )
    for top in sorted(folder.iterdir()):
        if top.is_symlink():
            passed_over.append((top.name, "a link, which is not followed"))
        elif top.is_dir() and not leftover(top.name):
            inside = sorted(path for path in top.rglob("*") if path.is_file() and not path.is_symlink())
            links = sorted(path for path in top.rglob("*") if path.is_symlink())
            passed_over += [(path.relative_to(folder).as_posix(), "a link, which is not followed") for path in links]
            yield from ((top.name, path.relative_to(folder).as_posix(), path.read_bytes()) for path in inside)
            if not inside:
                yield top.name, f"{top.name}/", b""
        elif top.is_dir():
            passed_over.append((f"{top.name}/", f"left over {leftover(top.name)}"))
        else:
            yield top.name, top.name, top.read_bytes()


def leftover(path: str) -> str:
    """What a path is left over from; empty when it is a file of somebody."""
    for part in PurePosixPath(path).parts:
        if part in _LEFTOVERS:
            return _LEFTOVERS[part]
        if part.startswith("._"):
            return "of macOS"
        if part.startswith("."):
            return "of some program (hidden)"
    return ""


def unzipped(name: str, content: bytes, passed_over: list, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Files of a zip, and of zips in it."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > _MOST_FILES or sum(member.file_size for member in members) > _MOST_BYTES:
            raise ValueError("the zip is too large")
        for member in members:
            path = member.filename.replace("\\", "/").lstrip("/")
            inner = archive.read(member)
            if path.lower().endswith(".zip") and not leftover(path) and depth < 2:
                for below, deeper in unzipped(path, inner, passed_over, depth + 1):
                    yield f"{path}/{below}", deeper
            else:
                yield path, inner


def split(name: str) -> tuple[str, str]:
    """A file's name without its suffixes, and what it is by them: .ipynb however it is written, .zip, or something else."""
    found = re.search(r"(\.ipynb)+(\.(txt|json|html?))?$", name, re.I)
    if found and not (found[3] or "").lower().startswith("htm"):
        return name[: found.start()], ".ipynb"
    suffix = PurePosixPath(name).suffix
    return name[: len(name) - len(suffix)] if suffix else name, suffix.lower()
