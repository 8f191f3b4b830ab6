"""The benchmark set: families of instances with certified optima, as plain files that anybody can solve and score.

Every instance is drawn by a generator of its own, told by the seed, the family and the instance's number, so that a family can
be made again, in part or whole, bit for bit. Beside the scenarios stand ``baselines.json``, the certified optimum and the score
of every other method of the chapter, and ``manifest.json``, what was made with what and the SHA-256 of every file.

>>> from isaclib.wireless_powered.interface import INTERFACE
>>> scenario, best = draw(INTERFACE, "tight", 0)
>>> best.certificate.status
'optimal'
"""

from __future__ import annotations

import hashlib
import json
import platform
import zlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .foundations import checks, files, formats
from .foundations.errors import InfeasibleScenario, InvalidScenario, SolverFailure
from .foundations.interface import Interface

SEED, COUNT = 2026, 50
BASELINES, MANIFEST = "baselines.json", "manifest.json"
_TRIES = 1000
_PACKAGES = ("numpy", "scipy", "cvxpy", "clarabel")


def draw(chapter: Interface, family: str, number: int, *, seed: int = SEED) -> tuple[Any, Any]:
    """Instance ``number`` of a family, and the certified optimum's allocation.

    Raises
    ------
    SolverFailure
        If no draw of a thousand is feasible.
    """
    made = chapter.families[checks.word("family", family, tuple(chapter.families))]
    number, seed = checks.count("number", number, minimum=0), checks.count("seed", seed, minimum=0)
    rng = np.random.default_rng([seed, zlib.crc32(f"{chapter.chapter}/{family}".encode()), number])
    for _ in range(_TRIES):
        try:
            scenario = made.draw(rng)
            return scenario, chapter.solve(scenario, "exact", **made.options)
        except InfeasibleScenario:
            continue
    raise SolverFailure("draw", "no feasible instance", message=f"{chapter.chapter}/{family} number {number}")


def baselines(chapter: Interface, scenario: Any, best: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The certified optimum, and what every other method of the chapter reaches: value, gap, feasible, or why it gave nothing."""
    certificate = best.certificate
    numbers = {name: getattr(certificate, name) for name in ("value", "bound", "gap", "residual", "status")}
    found: dict[str, Any] = {"exact": numbers}
    for method in chapter.solvers:
        if method == "exact":
            continue
        try:
            taken = {name: value for name, value in options.items() if chapter.takes(method, name)}
            allocation = chapter.solve(scenario, method, **taken)
            fields = {name: getattr(allocation, name) for name in chapter.allocation}
            score = chapter.judge(scenario, fields, **options)
            found[method] = {"value": score.value, "gap": score.gap, "feasible": score.feasible}
        except (InfeasibleScenario, SolverFailure, InvalidScenario) as error:
            found[method] = {"failed": " ".join(str(error).split())}
    return found


def write(
    chapter: Interface, folder: Any, *, families: Sequence[str] | None = None, count: int = COUNT, seed: int = SEED
) -> dict[str, Any]:
    """Write families below a folder, one folder each, and return the manifest.

    Parameters
    ----------
    chapter : Interface
    folder : str or PathLike
        Made if it is not there; a family that is there already is replaced file by file.
    families : sequence of str, optional
        By default all of the chapter.
    count : int
        Instances in each family.
    seed : int
    """
    names = tuple(chapter.families) if families is None else tuple(families)
    if not names:
        raise InvalidScenario("families", f"{chapter.chapter} has none yet")
    for name in names:
        checks.word("family", name, tuple(chapter.families))
    count, seed = checks.count("count", count), checks.count("seed", seed, minimum=0)
    root = Path(folder) / chapter.chapter
    manifest: dict[str, Any] = {
        "chapter": chapter.chapter,
        "seed": seed,
        "count": count,
        "versions": {"isaclib": __version__, "python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "families": {},
    }
    for name in names:
        family = chapter.families[name]
        (root / name).mkdir(parents=True, exist_ok=True)
        rows, sums = {}, {}
        for number in range(count):
            scenario, best = draw(chapter, name, number, seed=seed)
            file = root / name / f"{number:03d}.json"
            files.save_scenario(file, scenario)
            rows[file.stem] = baselines(chapter, scenario, best, dict(family.options))
            sums[file.name] = _sha256(file)
        _write_json(root / name / BASELINES, rows)
        sums[BASELINES] = _sha256(root / name / BASELINES)
        manifest["families"][name] = {"about": family.about, "options": dict(family.options), "sha256": sums}
    _write_json(root / MANIFEST, manifest)
    return manifest


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(formats.plain(content), indent=1) + "\n", encoding="utf-8")
