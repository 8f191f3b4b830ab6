"""The benchmark set: families of instances with certified optima, as plain files that anybody can solve and score.

Every instance is drawn by a generator of its own, told by the seed, the family and the instance's number, so that a family can
be made again, in part or whole, bit for bit. Beside the scenarios of a family stand

* ``optima/``: the allocation that reaches each optimum, as ``python -m isaclib score`` reads it,
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
import itertools
import json
import platform
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
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
BASELINES, MANIFEST, OPTIMA, TIMES = "baselines.json", "manifest.json", "optima", "seconds.json"
_TRIES = 1000
_TOGETHER = 25  # instances of a chapter whose solvers take batches
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
    number = checks.count("number", number, minimum=0, maximum=2**53)
    return _drawn_each(chapter, family, [number], _seed(seed))[0]


def _seed(seed: int) -> int:
    return checks.number("seed", seed, integer=True, minimum=0)


def _drawn_each(chapter: Interface, family: str, numbers: Sequence[int], seed: int) -> list[Drawn]:
    """Some instances of a family: what is infeasible, or cannot be proven, is drawn again by the instance's own generator."""
    made = chapter.families[checks.word("family", family, tuple(chapter.families))]
    name = zlib.crc32(f"{chapter.chapter}/{family}".encode())
    rngs = {number: np.random.default_rng([seed, name, number]) for number in numbers}
    infeasible: Counter[int] = Counter()
    unproven: Counter[int] = Counter()
    done: dict[int, Drawn] = {}
    while waiting := [number for number in numbers if number not in done]:
        drawn = {}
        for number in waiting:
            if infeasible[number] + unproven[number] >= _TRIES:
                where = f"{chapter.chapter}/{family} number {number}"
                raise SolverFailure("draw", "no certified instance", message=where)
            try:
                drawn[number] = made.draw(rngs[number])
            except InfeasibleScenario:
                infeasible[number] += 1
            except SolverFailure:
                unproven[number] += 1
        found = chapter.solve_each(list(drawn.values()), "exact", **made.options)
        for (number, scenario), (best, _) in zip(drawn.items(), found, strict=True):
            if isinstance(best, InvalidScenario):
                raise best
            if isinstance(best, InfeasibleScenario):
                infeasible[number] += 1
            elif isinstance(best, SolverFailure) or best.certificate.status != "optimal":
                unproven[number] += 1
            else:
                done[number] = Drawn(scenario, best, infeasible[number], unproven[number])
    return [done[number] for number in numbers]


def baselines(chapter: Interface, scenario: Any, best: Any, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The optimum's certificate, and what every other method of the chapter reaches.

    Returns
    -------
    dict
        By method: ``value``, ``gap``, ``feasible`` and the ``violations`` above 0, or ``failed``, why the method gave nothing.
    """
    return _timed(chapter, [Drawn(scenario, best, 0, 0)], options)[0][0]


def _timed(
    chapter: Interface, drawn: Sequence[Drawn], options: Mapping[str, Any]
) -> list[tuple[dict[str, dict[str, Any]], dict[str, float]]]:
    """For each instance the rows of :func:`baselines`, and the seconds of every method that gave something."""
    certificates = [each.best.certificate for each in drawn]
    rows: list[dict[str, Any]] = [{"exact": {name: getattr(own, name) for name in _CERTIFICATE}} for own in certificates]
    seconds = [{"exact": own.seconds} for own in certificates]
    for method in chapter.solvers:
        if method == "exact":
            continue
        taken = {name: value for name, value in options.items() if chapter.takes(method, name)}
        found = chapter.solve_each([each.scenario for each in drawn], method, **taken)
        for i, (allocation, took) in enumerate(found):
            rows[i][method] = _row(chapter, drawn[i].scenario, allocation, certificates[i], options)
            if "failed" not in rows[i][method]:
                seconds[i][method] = max(took, allocation.certificate.seconds)
    return list(zip(rows, seconds, strict=True))


def _row(chapter: Interface, scenario: Any, allocation: Any, optimum: Certificate, options: Mapping[str, Any]) -> dict[str, Any]:
    """The score of a method's allocation, or why there is none."""
    try:
        if isinstance(allocation, Exception):
            raise allocation
        score = chapter.judge(scenario, chapter.fields(allocation), optimum=optimum, **options)
    except (InfeasibleScenario, SolverFailure, InvalidScenario) as error:
        return {"failed": " ".join(str(error).split())}
    broken = {name: excess for name, excess in score.violations.items() if excess > 0}
    return {"value": score.value, "gap": score.gap, "feasible": score.feasible, "violations": broken}


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
        Made if it is not there; a family that is there already is replaced, and others stay, in the manifest, too.
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
    asked = {name: chapter.families[checks.word("family", name, tuple(chapter.families))] for name in names}
    count = None if count is None else checks.count("count", count)
    seed, jobs = _seed(seed), checks.count("jobs", jobs)
    root = formats.make_folder(Path(folder) / chapter.chapter)
    before = formats.read(root / MANIFEST) if (root / MANIFEST).exists() else {}
    try:
        made = {name: _write_family(chapter, name, root / name, count or each.count, seed, jobs) for name, each in asked.items()}
        versions = {"isaclib": __version__, "python": platform.python_version()} | installed(_PACKAGES)
        manifest = {"chapter": chapter.chapter, "seed": seed, "versions": versions}
        known = _kept(before, manifest) | made
        manifest["families"] = {name: known[name] for name in chapter.families if name in known}
        write_json(root / MANIFEST, manifest)
    except OSError as error:
        raise formats.bad(root, f"cannot be written: {error.strerror or error}") from None
    return manifest


def _kept(before: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The families of a manifest, each with its own seed and versions where those are not the ones of a new manifest."""
    own = {name: before[name] for name in ("seed", "versions") if before and before[name] != manifest[name]}
    return {name: own | family for name, family in before.get("families", {}).items()}


def _write_family(chapter: Interface, name: str, folder: Path, count: int, seed: int, jobs: int) -> dict[str, Any]:
    (folder / OPTIMA).mkdir(parents=True, exist_ok=True)
    family = chapter.families[name]
    pieces = np.array_split(range(count), -(-count // (_TOGETHER if chapter.together else 1)))  # whatever the jobs are
    if jobs > 1 and count > 1:
        work = (joblib.delayed(_some_by_name)(chapter.chapter, name, piece.tolist(), folder, seed) for piece in pieces)
        made = joblib.Parallel(n_jobs=jobs)(work)
    else:
        made = [_some(chapter, name, piece.tolist(), folder, seed) for piece in pieces]
    rows, seconds, infeasible, unproven = zip(*itertools.chain.from_iterable(made), strict=True)
    stems = [_stem(i) for i in range(count)]
    write_json(folder / BASELINES, dict(zip(stems, rows, strict=True)))
    write_json(folder / TIMES, dict(zip(stems, seconds, strict=True)))
    solved = [f"{place}{stem}.json" for place in ("", f"{OPTIMA}/") for stem in stems]
    for file in (*folder.glob("*.json"), *folder.glob(f"{OPTIMA}/*.json")):
        if file.stem.isdecimal() and file.stem not in stems:  # of a longer family that stood here
            file.unlink()
    sums = {file: _sha256(folder / file) for file in (*solved, BASELINES)}
    drawn_again = {"infeasible": sum(infeasible), "unproven": sum(unproven)}
    about = {"about": family.about, "count": count, "options": dict(family.options), "drawn_again": drawn_again}
    return about | {"sha256": sums}


def _some(chapter: Interface, family: str, numbers: Sequence[int], folder: Path, seed: int) -> list[tuple]:
    drawn = _drawn_each(chapter, family, numbers, seed)
    for number, each in zip(numbers, drawn, strict=True):
        files.save_scenario(folder / f"{_stem(number)}.json", each.scenario)
        chapter.save(folder / OPTIMA / f"{_stem(number)}.json", each.best)
    timed = _timed(chapter, drawn, chapter.families[family].options)
    return [(*rows, each.infeasible, each.unproven) for rows, each in zip(timed, drawn, strict=True)]


def _some_by_name(chapter: str, *rest: Any) -> list[tuple]:
    return _some(interface(chapter), *rest)  # declarations cannot be pickled, names can


def _stem(number: int) -> str:
    return f"{number:03d}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Names and plain values, one to a line."""
    path.write_text(json.dumps(formats.plain(dict(content)), indent=1) + "\n", encoding="utf-8")
