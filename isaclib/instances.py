"""The benchmark set: families of instances with certified optima, as plain files that anybody can solve and score.

Every instance is drawn by a generator of its own, told by the seed, the family and the instance's number, so that a family can
be made again, in part or whole, bit for bit. Beside the scenarios of a family stand

* ``baselines.json``: the certificate of every optimum, and the score of every other method of the chapter,
* ``seconds.json``: what each took on the machine that made the set (the only file that differs from one making to the next),

and beside the families ``manifest.json``: what was made with what, and the SHA-256 of every other file.

>>> scenario, best = draw(interface("wireless_powered"), "tight", 0)
>>> best.certificate.status
'optimal'
"""

from __future__ import annotations

import hashlib
import importlib
import json
import platform
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np

from . import __version__
from .foundations import checks, files, formats
from .foundations.certificate import Certificate
from .foundations.cluster import installed
from .foundations.errors import InfeasibleScenario, InvalidScenario, SolverFailure
from .foundations.interface import Interface

CHAPTERS = ("wireless_powered", "network_localization", "semi_isac", "ofdm_ranging", "near_field")
SEED = 2026
BASELINES, MANIFEST, TIMES = "baselines.json", "manifest.json", "seconds.json"
_TRIES = 1000
_PACKAGES = ("numpy", "scipy", "cvxpy", "clarabel")
_CERTIFICATE = ("method", "value", "bound", "gap", "residual", "status")


class Drawn(NamedTuple):
    """An instance, the exact optimum's allocation, and how many draws before it were infeasible or could not be proven."""

    scenario: Any
    best: Any
    infeasible: int
    unproven: int


def interface(chapter: str) -> Interface:
    """What a chapter declares in its module ``interface``."""
    return importlib.import_module(f"isaclib.{checks.word('chapter', chapter, CHAPTERS)}.interface").INTERFACE


def draw(chapter: Interface, family: str, number: int, *, seed: int = SEED) -> tuple[Any, Any]:
    """Instance ``number`` of a family, and the certified optimum's allocation.

    Raises
    ------
    SolverFailure
        If no draw of a thousand has a certified optimum.
    """
    found = _drawn(chapter, family, number, seed)
    return found.scenario, found.best


def _drawn(chapter: Interface, family: str, number: int, seed: int) -> Drawn:
    made = chapter.families[checks.word("family", family, tuple(chapter.families))]
    number, seed = checks.count("number", number, minimum=0), checks.count("seed", seed, minimum=0)
    rng = np.random.default_rng([seed, zlib.crc32(f"{chapter.chapter}/{family}".encode()), number])
    infeasible = unproven = 0
    while infeasible + unproven < _TRIES:
        try:
            scenario = made.draw(rng)
            best = chapter.solve(scenario, "exact", **made.options)
        except InfeasibleScenario:
            infeasible += 1
            continue
        except SolverFailure:
            unproven += 1
            continue
        if best.certificate.status == "optimal":
            return Drawn(scenario, best, infeasible, unproven)
        unproven += 1
    raise SolverFailure("draw", "no certified instance", message=f"{chapter.chapter}/{family} number {number}")


def baselines(chapter: Interface, scenario: Any, best: Any, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The optimum's certificate, and what every other method of the chapter reaches.

    Returns
    -------
    dict
        By method: ``value``, ``gap``, ``feasible`` and the ``violations`` above 0, or ``failed``, why the method gave nothing.
    """
    return _timed(chapter, scenario, best, options)[0]


def _timed(
    chapter: Interface, scenario: Any, best: Any, options: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    found: dict[str, dict[str, Any]] = {"exact": {name: getattr(best.certificate, name) for name in _CERTIFICATE}}
    seconds = {"exact": best.certificate.seconds}
    for method in chapter.solvers:
        if method == "exact":
            continue
        begin = time.perf_counter()
        try:
            taken = {name: value for name, value in options.items() if chapter.takes(method, name)}
            allocation = chapter.solve(scenario, method, **taken)
            seconds[method] = time.perf_counter() - begin
            score = chapter.judge(scenario, chapter.fields(allocation), optimum=best.certificate, **options)
        except (InfeasibleScenario, SolverFailure, InvalidScenario) as error:
            found[method] = {"failed": " ".join(str(error).split())}
            continue
        broken = {name: excess for name, excess in score.violations.items() if excess > 0}
        found[method] = {"value": score.value, "gap": score.gap, "feasible": score.feasible, "violations": broken}
    return found, seconds


def optimum(row: Mapping[str, Any]) -> Certificate:
    """The certificate of an instance's optimum, from its row in ``baselines.json``."""
    kept = row["exact"]
    return Certificate(**{name: kept[name] for name in _CERTIFICATE if name != "gap"})


def write(
    chapter: Interface,
    folder: Any,
    *,
    families: Sequence[str] | None = None,
    count: int | None = None,
    seed: int = SEED,
    jobs: int = 1,
) -> dict[str, Any]:
    """Write families below a folder, one folder each, and return the manifest.

    Parameters
    ----------
    chapter : Interface
    folder : str or PathLike
        Made if it is not there; a family that is there already is replaced file by file.
    families : sequence of str, optional
        By default all of the chapter.
    count : int, optional
        Instances in each family; by default as many as the family's declaration says.
    seed : int
    jobs : int
        Instances worked on side by side; what is written does not depend on it.
    """
    names = tuple(chapter.families) if families is None else tuple(families)
    if not names:
        raise InvalidScenario("families", f"{chapter.chapter} has none yet")
    for name in names:
        checks.word("family", name, tuple(chapter.families))
    count = None if count is None else checks.count("count", count)
    seed, jobs = checks.count("seed", seed, minimum=0), checks.count("jobs", jobs)
    root = Path(folder) / chapter.chapter
    made = {name: _write_family(chapter, name, root / name, count or chapter.families[name].count, seed, jobs) for name in names}
    versions = {"isaclib": __version__, "python": platform.python_version()} | installed(_PACKAGES)
    manifest = {"chapter": chapter.chapter, "seed": seed, "versions": versions, "families": made}
    write_json(root / MANIFEST, manifest)
    return manifest


def _write_family(chapter: Interface, name: str, folder: Path, count: int, seed: int, jobs: int) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    family = chapter.families[name]
    if jobs > 1 and count > 1:
        work = (joblib.delayed(_instance_by_name)(chapter.chapter, name, i, folder, seed) for i in range(count))
        made: Iterable = joblib.Parallel(n_jobs=jobs)(work)
    else:
        made = [_instance(chapter, name, i, folder, seed) for i in range(count)]
    rows, seconds, infeasible, unproven = zip(*made, strict=True)
    stems = [_stem(i) for i in range(count)]
    write_json(folder / BASELINES, dict(zip(stems, rows, strict=True)))
    write_json(folder / TIMES, dict(zip(stems, seconds, strict=True)))
    sums = {file: _sha256(folder / file) for file in (*(f"{stem}.json" for stem in stems), BASELINES)}
    drawn_again = {"infeasible": sum(infeasible), "unproven": sum(unproven)}
    about = {"about": family.about, "count": count, "options": dict(family.options), "drawn_again": drawn_again}
    return about | {"sha256": sums}


def _instance(chapter: Interface, family: str, number: int, folder: Path, seed: int) -> tuple:
    drawn = _drawn(chapter, family, number, seed)
    rows, seconds = _timed(chapter, drawn.scenario, drawn.best, chapter.families[family].options)
    files.save_scenario(folder / f"{_stem(number)}.json", drawn.scenario)
    return rows, seconds, drawn.infeasible, drawn.unproven


def _instance_by_name(chapter: str, *rest: Any) -> tuple:
    return _instance(interface(chapter), *rest)  # declarations cannot be pickled, names can


def _stem(number: int) -> str:
    return f"{number:03d}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Names and plain values, one to a line."""
    path.write_text(json.dumps(formats.plain(dict(content)), indent=1) + "\n", encoding="utf-8")
