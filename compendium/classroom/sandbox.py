"""Walls around a student's kernel: it sees Python, the library and a scratch folder, and nothing else of the machine.

Three ways, the first that works here: bubblewrap; Linux namespaces with the tools of util-linux; none. Inside there is no
network, no other process, no home folder and no checkout; ``/tmp`` is in memory and limited.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import isaclib

BUBBLEWRAP, NAMESPACES, NONE = "bubblewrap", "namespaces", "not isolated"
LIBRARY = "/isac"  # where isaclib lies inside the walls
HOME = "/tmp/student"
DESK = f"{HOME}/assignments/work"  # where a notebook runs: what lies above it is the student's own, too
_SYSTEM: tuple[str, ...] = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
_SYSTEM += tuple(f"/etc/{name}" for name in ("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime"))
_DISK_MB = 512


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds for a cell and for all, memory, characters of output for a cell and for all."""

    cell_seconds: float = 30
    total_seconds: float = 300
    memory_mb: int = 3000
    cell_output: int = 1_000_000
    total_output: int = 8_000_000


@cache
def walls() -> str:
    """The way in which kernels are isolated on this machine, found by trying."""
    for kind in (BUBBLEWRAP, NAMESPACES):
        with TemporaryDirectory(prefix="isac-walls-") as folder:
            probe = [sys.executable, "-c", f"import os, sys; sys.exit(os.path.exists({__file__!r}))"]
            try:
                command = enclose(probe, Path(folder), Limits(), kind)
                if subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0:
                    return kind
            except (OSError, subprocess.SubprocessError):
                continue
    return NONE


def enclose(command: Sequence[str], folder: Path, limits: Limits, kind: str) -> list[str]:
    """A command within walls of a kind: ``folder`` is its only folder of this machine that it may write to."""
    rules = f"ulimit -c 0; ulimit -f {_DISK_MB * 2048}; ulimit -v {limits.memory_mb * 1024}; "
    rules += "" if kind == NONE else "unset JPY_PARENT_PID; "
    limited = ["/bin/sh", "-c", rules + 'exec "$@"', "sh", *command]  # a kernel whose parent has another number inside would end
    if kind == BUBBLEWRAP:
        return _bubblewrap(folder) + limited
    if kind == NAMESPACES:
        return _namespaces(folder) + limited
    return limited if Path("/bin/sh").exists() else list(command)


def _visible() -> dict[str, Path]:
    """What can be read inside, by the place where it lies there."""
    seen = {name: Path(name) for name in _SYSTEM if Path(name).exists()}
    for prefix in (sys.base_prefix, sys.prefix):
        if not any(Path(prefix).is_relative_to(place) for place in seen):
            seen[prefix] = Path(prefix)
    return seen | {f"{LIBRARY}/isaclib": Path(isaclib.__file__).resolve().parent}


def _bubblewrap(folder: Path) -> list[str]:
    words = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(_DISK_MB << 20), "--tmpfs", "/tmp"]
    words += ["--size", str(_DISK_MB << 17), "--tmpfs", "/dev/shm"]
    for place, source in _visible().items():
        link = source.is_symlink() and source.parent == Path("/")
        words += ["--symlink", str(source.readlink()), place] if link else ["--ro-bind", str(source), place]
    words += ["--bind", str(folder), str(folder), "--dir", DESK, "--chdir", DESK]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--"]


# The tools of util-linux do what bubblewrap does: a new root in memory, the visible folders in it (read-only), then no rights.
_BUILD = """set -e
root=$1; folder=$2; visible=$3; shift 3
mount -t tmpfs -o size=%dm,mode=755 none "$root"
cd "$root"
mkdir -p proc dev/shm tmp old ".$folder" .%s
chmod 1777 tmp dev/shm
mount -t proc proc proc
for name in null zero full random urandom; do touch dev/$name; mount --bind /dev/$name dev/$name; done
while IFS='|' read -r place source; do
  [ -n "$place" ] || continue
  mkdir -p ".$(dirname "$place")"
  if [ -L "$source" ] && [ "$(dirname "$source")" = / ]; then ln -s "$(readlink "$source")" ".$place"; continue; fi
  if [ -d "$source" ]; then mkdir -p ".$place"; else touch ".$place"; fi
  mount --bind "$source" ".$place"
  mount -o remount,bind,ro ".$place"
done <<END
$visible
END
mount --bind "$folder" ".$folder"
pivot_root . old
umount -l /old
cd %s
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
"""


def _namespaces(folder: Path) -> list[str]:
    root = folder.parent / f"{folder.name}-root"
    root.mkdir(exist_ok=True)
    visible = "\n".join(f"{place}|{source}" for place, source in _visible().items())
    words = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "--ipc", "--uts", "--kill-child"]
    return [*words, "/bin/sh", "-c", _BUILD % (_DISK_MB, DESK, DESK), "sh", str(root), str(folder), visible]
