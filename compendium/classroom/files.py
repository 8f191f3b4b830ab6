"""Files of a folder or a zip of hand-ins, and what is left over from other programs."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath

from ..runs.errors import ParameterError

_LEFTOVERS = {"__MACOSX": "of macOS", ".ipynb_checkpoints": "of Jupyter", ".DS_Store": "of macOS", "Thumbs.db": "of Windows"}
_LEFTOVERS |= {"desktop.ini": "of Windows", ".git": "of git", ".venv": "of Python", "__pycache__": "of Python"}
_NOTEBOOK_MB, _ZIP_MB, _ZIP_FILES = 64, 500, 5000
_LONGEST = 200  # characters of what somebody else wrote, in a line


class Allowance:
    """What may come out of the zips of one student, zips in zips included."""

    def __init__(self) -> None:
        self.files, self.bytes = _ZIP_FILES, _ZIP_MB << 20

    def take(self, size: int) -> None:
        """Ask before a file is unpacked."""
        self.files, self.bytes = self.files - 1, self.bytes - size
        if self.files < 0 or self.bytes < 0:
            raise ValueError("the zip is too large")


def files(folder: Path, passed_over: list) -> Iterator[tuple[str, str, bytes | str]]:
    """Name at the top, path and content of each file, of zips the files in them; in place of a content, why there is none.

    Files whose name is enough are not read, and have an empty content.
    """
    if folder.is_file() and zipfile.is_zipfile(folder):
        try:
            for path, content in unzipped(folder, defaultdict(Allowance)):
                yield PurePosixPath(path).parts[0], path, content
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:  # a name that is not in the code it says
            raise ParameterError("isac assignment", str(folder), f"cannot be opened ({error})", "unpack it") from None
        return
    if not folder.is_dir():
        raise ParameterError(
            "isac assignment", str(folder), "is not a folder", "give the folder (or zip) that holds the submissions"
        )
    for top in sorted(folder.iterdir()):
        if top.is_symlink():
            passed_over.append((readable(top.name), "a link, which is not followed"))
        elif top.is_dir() and not leftover(top.name):
            below = sorted(path for path in top.rglob("*") if path.is_symlink() or not path.is_dir())
            inside = [path for path in below if path.is_file() and not path.is_symlink()]
            for found in below:
                name = readable(found.relative_to(folder).as_posix())
                if found.is_symlink():
                    passed_over.append((name, "a link, which is not followed"))
                elif found.is_file():
                    yield readable(top.name), name, _read(found)
                else:
                    passed_over.append((name, "no regular file"))
            if not inside:
                yield readable(top.name), f"{readable(top.name)}/", b""
        elif top.is_dir():
            passed_over.append((f"{readable(top.name)}/", f"left over {leftover(top.name)}"))
        elif top.is_file():
            yield readable(top.name), readable(top.name), _read(top)
        else:
            passed_over.append((readable(top.name), "no regular file"))


def readable(name: str) -> str:
    """A name that can be written and shown: bytes in another encoding are letters, what steers a terminal is none."""
    try:
        name.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeEncodeError):
            name = os.fsencode(name).decode("cp1252", errors="replace")
    return "".join("_" if unicodedata.category(each) in ("Cc", "Cs") else each for each in name)


def brief(words: object) -> str:
    """What a stranger wrote, for a line of the terminal: cut, and without what steers it."""
    said = readable(str(words))
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]} ..."


def _read(path: Path) -> bytes | str:
    try:
        if not _counts(path.name):
            return b""
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
        most = _ZIP_MB if zipped else _NOTEBOOK_MB
        if path.stat().st_size > most << 20:
            return f"is larger than {most} MB"
        return path.read_bytes()
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _counts(name: str) -> bool:
    """Whether the content of a file counts, and not its name alone."""
    return split(name)[1] in (".zip", ".ipynb") or name == "timestamp.txt"


def leftover(path: str) -> str:
    """What a path is left over from; empty when it is a file of somebody."""
    for part in PurePosixPath(path).parts:
        if part == "..":
            return "of a path that leads outside"
        if part in _LEFTOVERS:
            return _LEFTOVERS[part]
        if part.startswith("._"):
            return "of macOS"
        if part.startswith("."):
            return "of some program (hidden)"
    return ""


def unzipped(
    source: Path | bytes, allowances: Mapping[str, Allowance], depth: int = 0, allowance: Allowance | None = None
) -> Iterator[tuple[str, bytes | str]]:
    """Path and content of files of a zip, and of zips in it; in place of a content, why there is none.

    ``allowances`` are by the name at the top of a path, of which one student's files have the same.
    """
    with zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source) as archive:
        for member in archive.infolist():
            path = _name(member)
            parts = PurePosixPath(path).parts
            if member.is_dir() or not parts:
                continue
            if not _counts(parts[-1]) or leftover(path):
                yield path, b""
                continue
            try:
                mine = allowance or allowances[parts[0]]
                mine.take(member.file_size)
                if member.file_size > _NOTEBOOK_MB << 20 and split(parts[-1])[1] != ".zip":
                    raise ValueError(f"larger than {_NOTEBOOK_MB} MB")
                if member.flag_bits & 1:
                    raise ValueError("it needs a password")
                content = archive.read(member)
                if content[:2] != b"PK":
                    yield path, content
                elif depth == 2:
                    raise ValueError("a zip in a zip in a zip")
                else:
                    yield from ((f"{path}/{below}", each) for below, each in unzipped(content, allowances, depth + 1, mine))
            except Exception as error:  # whatever a broken zip provokes
                yield path, f"cannot be opened ({error})"


def _name(member: zipfile.ZipInfo) -> str:
    """The path of a file in a zip; macOS writes UTF-8 without saying so."""
    name = member.filename
    if not member.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return readable(name.replace("\\", "/").lstrip("/"))


def split(name: str) -> tuple[str, str]:
    """A file's name without its suffixes, and what it is by them: .ipynb however it is written, .zip, or something else.

    >>> split("ann.ipynb.txt"), split("ann.IPYNB.zip"), split("ann.tar.gz"), split("ann.ipynb.crdownload")
    (('ann', '.ipynb'), ('ann', '.zip'), ('ann', '.gz'), ('ann', '.crdownload'))
    """
    found = re.search(r"(\.ipynb)+(\.(txt|json|html?))?$", name, re.I)
    if found and not (found[3] or "").lower().startswith("htm"):
        return name[: found.start()], ".ipynb"
    suffix = PurePosixPath(name).suffix
    return bare(name.removesuffix(suffix)), suffix.lower()


def bare(name: str) -> str:
    """A name without what a program that packs or unpacks leaves at its end."""
    return re.sub(r"(\.(ipynb|zip|tar|tgz))+$", "", name, flags=re.I) or name
