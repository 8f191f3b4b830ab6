"""Names and raw values in files: JSON, NumPy's ``.npz`` and MATLAB's ``.mat``; what a field should look like is no concern here.

Everything is written under a temporary name and renamed, so that a file is whole or not there. Reading never runs what is in
the file (no pickles), and whatever is wrong with it is an :class:`~isaclib.foundations.errors.InvalidScenario` that names it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import checks
from .errors import InvalidScenario

NONE = "fields_that_are_none"  # where a format has no word for it
SUFFIXES = (".json", ".npz", ".mat")


def suffix_of(path: Any) -> tuple[Path, str]:
    """The path and which of the three formats its name asks for."""
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise InvalidScenario("path", f"must name a file, not {checks.short(path)}")
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidScenario("path", f"{path}: has none of the endings {', '.join(SUFFIXES)}")
    return path, path.suffix.lower()


def write(path: Any, values: Mapping[str, Any]) -> None:
    """Write names and values: arrays, numbers, words, None. A file that is there keeps its mode, and a link what it leads to."""
    path, suffix = suffix_of(path)
    with _said_of(path, "written"):
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise bad(path, "is a folder")
        if not target.parent.is_dir():
            raise bad(path, f"there is no folder {target.parent if path.is_symlink() else path.parent}")
        temporary = target.with_name(f".{secrets.token_hex(8)}{suffix}")
        try:
            _WRITERS[suffix](temporary, values)
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def make_folder(path: Any) -> Path:
    """The folder of this name, made if it is not there."""
    with _said_of(Path(path), "made a folder"):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


def read(path: Any) -> dict[str, Any]:
    """The names and raw values of a file."""
    path, suffix = suffix_of(path)
    with _said_of(path, "read"):
        if path.is_dir():
            raise bad(path, "is a folder, not a file")
        if not path.exists():
            raise bad(path, "there is no such file")
        with path.open("rb") as file:
            head = file.read(128)
    if not head:
        raise bad(path, "is empty")
    try:
        return _READERS[suffix](path, head)
    except InvalidScenario:
        raise
    except MemoryError:
        raise bad(path, "asks for more memory than there is", "check the sizes in it") from None
    except Exception as error:  # of a damaged file the parsers say almost anything
        raise bad(path, f"is damaged or no {suffix} file: {checks.short(str(error))}") from None


@contextlib.contextmanager
def _said_of(path: Path, what: str) -> Iterator[None]:
    """What the system refuses, as an error about the file: a missing right, a name that is too long or has a zero in it."""
    try:
        yield
    except InvalidScenario:
        raise
    except (OSError, ValueError) as error:
        raise bad(path, f"cannot be {what}: {getattr(error, 'strerror', None) or error}") from None


def bad(path: Path, problem: str, remedy: str = "") -> InvalidScenario:
    """An error about the file itself."""
    return InvalidScenario("path", f"{path}: {problem}", remedy)


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps({name: plain(value) for name, value in values.items()}, indent=1) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """A value as JSON has it: lists, numbers and words; "inf", "-inf" and "nan" for what JSON lacks."""
    if isinstance(value, np.ndarray | np.generic):
        if np.iscomplexobj(value):
            return {"real": plain(value.real), "imag": plain(value.imag)}
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, complex):
        return {"real": plain(value.real), "imag": plain(value.imag)}
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def _read_json(path: Path, head: bytes) -> dict[str, Any]:
    def once(pairs):
        names = [name for name, _ in pairs]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise bad(path, f"holds {repeated[0]} more than once")
        return dict(pairs)

    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=once)
    except UnicodeDecodeError:
        raise bad(path, "is no text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise bad(path, f"is no JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise bad(path, "is no JSON that can be read: its lists have no end") from None
    if not isinstance(content, dict):
        raise bad(path, 'must hold names and values: {"name": value, ...}')
    return {name: _from_json(value) for name, value in content.items()}


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"real", "imag"}:
            try:
                real, imag = (np.asarray(_numbers(value[part])) for part in ("real", "imag"))
            except ValueError:  # rows of unequal lengths
                return value
            if {real.dtype.kind, imag.dtype.kind} <= set("iuf") and (real.shape == imag.shape or () in (real.shape, imag.shape)):
                made = np.empty(np.broadcast_shapes(real.shape, imag.shape), complex)
                made.real, made.imag = real, imag
                return made[()]
            return value
        return {name: _from_json(each) for name, each in value.items()}
    return _numbers(value)


def _numbers(value: Any) -> Any:
    """Lists as they are, with the three words that stand for what JSON has no number for."""
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}.get(value, value) if isinstance(value, str) else value


def _write_npz(path: Path, values: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: np.asarray(value) for name, value in _without_none(values).items()})


def _read_npz(path: Path, head: bytes) -> dict[str, Any]:
    if not head.startswith(b"PK"):
        raise bad(path, "is no .npz file", "numpy.savez writes them")
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise bad(path, "holds Python objects, which are not read", "write plain arrays of numbers and words") from None
        raise
    return with_none(content)


def _write_mat(path: Path, values: Mapping[str, Any]) -> None:
    from scipy.io import savemat

    with path.open("wb") as file:
        savemat(file, _without_none(values), format="5", oned_as="column", do_compression=False, long_field_names=True)


def _read_mat(path: Path, head: bytes) -> dict[str, Any]:
    if b"MATLAB 7.3" in head or head.startswith(b"\x89HDF"):
        return with_none(_read_hdf5(path))
    if head.startswith(b"# Created by Octave") or head.startswith(b"# name:") or head.startswith(b"Octave-1"):
        raise bad(path, "is in one of Octave's own formats", "write it with: save -v7 file.mat name ...")
    from scipy.io import loadmat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        stored, typed = (loadmat(path, squeeze_me=False, struct_as_record=True, mat_dtype=cast) for cast in (False, True))
    return with_none({name: _from_mat(stored[name], typed[name]) for name in stored if not name.startswith("__")})


def _from_mat(stored: Any, typed: Any) -> Any:
    """A value as MATLAB had it: what counts was stored in as few bytes as it fits into, and typed it has lost imaginary parts."""
    if hasattr(stored, "toarray"):
        stored, typed = stored.toarray(), typed.toarray()
    if isinstance(stored, np.ndarray) and stored.dtype.names:
        if stored.size != 1:
            return stored
        return {name: _from_mat(*(each.reshape(-1)[0][name] for each in (stored, typed))) for name in stored.dtype.names}
    return stored if np.iscomplexobj(stored) else typed


def _read_hdf5(path: Path) -> dict[str, Any]:
    try:
        import h5py
    except ImportError:
        remedy = "pip install 'isaclib[mat73]', or write it with: save -v7 file.mat name ..."
        raise bad(path, "is a MATLAB 7.3 file, which needs h5py", remedy) from None

    def value_of(node):
        if isinstance(node, h5py.Group):
            return {name: value_of(each) for name, each in node.items()}
        if "MATLAB_class" not in node.attrs:  # whoever wrote it may not have turned its axes round, as MATLAB does
            remedy = "write it in MATLAB with: save -v7.3 file.mat name ..., in Python with numpy.savez"
            raise bad(path, f"is an HDF5 file that MATLAB did not write: {node.name[1:]} has no MATLAB_class", remedy)
        kind = np.bytes_(node.attrs["MATLAB_class"])
        data = np.asarray(node[()])
        if node.attrs.get("MATLAB_empty", 0):
            return "" if kind == b"char" else np.empty(tuple(int(size) for size in data.ravel()))
        if data.dtype.names == ("real", "imag"):
            data = data["real"] + 1j * data["imag"]
        if kind == b"char":
            return "".join(map(chr, data.T.ravel()))
        return (data.astype(bool) if kind == b"logical" else data).T  # MATLAB counts its axes from the other end

    with h5py.File(path, "r") as file:
        return {name: value_of(node) for name, node in file.items() if not name.startswith("#")}


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    absent = ",".join(name for name, value in values.items() if value is None)
    return {name: value for name, value in values.items() if value is not None} | ({NONE: absent} if absent else {})


def with_none(content: dict[str, Any]) -> dict[str, Any]:
    """The names and values, with None for what is only listed as None: a value that was added since wins."""
    listed = word(content.get(NONE)) or ""
    return dict.fromkeys(filter(None, listed.split(","))) | {name: value for name, value in content.items() if name != NONE}


def word(value: Any) -> str | None:
    """The word that a raw value is, or None."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size <= 1:
        return str(value.reshape(-1)[0]) if value.size else ""
    return value if isinstance(value, str) else None


_WRITERS: dict[str, Callable] = {".json": _write_json, ".npz": _write_npz, ".mat": _write_mat}
_READERS: dict[str, Callable] = {".json": _read_json, ".npz": _read_npz, ".mat": _read_mat}
