"""Solve and score files, and make benchmark instances, from the command line, with nothing but the library installed.

.. code-block:: console

   python -m isaclib solve CHAPTER SCENARIO [--method exact] [-o FILE] [--json]
   python -m isaclib score CHAPTER SCENARIO ALLOCATION [--tolerance 1e-6] [--json]
   python -m isaclib instances CHAPTER [--family NAME] [--count 50] [--seed 2026] [--jobs 1] -o FOLDER

SCENARIO and ALLOCATION are files (``.json``, ``.npz``, ``.mat``, see :mod:`isaclib.foundations.files`) or folders of them; a
folder gives a table and one summary, and files of two folders belong together by their names. The exit code is 0 when every
scenario was solved (every allocation is feasible), 1 when one was not, 2 when the input is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__, instances
from .foundations import files, formats
from .foundations.errors import InfeasibleScenario, InvalidScenario, SolverFailure
from .foundations.interface import Interface
from .foundations.score import spread_of
from .instances import CHAPTERS, interface

DONE, FAILED, BAD_INPUT = 0, 1, 2
_BESIDE = (instances.BASELINES, instances.MANIFEST, instances.TIMES)  # what stands beside the scenarios of a benchmark set


def main(arguments: Sequence[str] | None = None, *, program: str = "isaclib") -> int:
    """Run the command line, under the name that its user called it by, and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = vars(parser(_chapter(given), program).parse_args(_joined(given)))
        command = options.pop("command")
        return {"solve": _solve, "score": _score, "instances": _instances}[command](interface(options.pop("chapter")), options)
    except (InvalidScenario, OSError) as error:
        print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except SystemExit as stop:  # argparse has said why
        return DONE if stop.code in (None, 0) else BAD_INPUT


def _chapter(given: Sequence[str]) -> Interface | None:
    """The chapter that is asked for: a word of this name, unless it is the value of an option."""
    flag = "--json"  # the only option without a value
    words = (word for before, word in itertools.pairwise(given) if not before.startswith("-") or flag.startswith(before))
    return next((interface(word) for word in words if word in CHAPTERS), None)


def _joined(given: Sequence[str]) -> list[str]:
    """The words with ``--name -1e-3`` as ``--name=-1e-3``: argparse takes a negative number with an exponent for an option."""
    words: list[str] = []
    for word in given:
        if words and words[-1].startswith("--") and "=" not in words[-1] and _negative(word):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def _negative(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return word.startswith("-")


def parser(chapter: Interface | None, program: str = "isaclib") -> argparse.ArgumentParser:
    """The parser; with a chapter it knows the chapter's own options, too."""
    top = argparse.ArgumentParser(prog=program, description="Solve scenarios, score allocations (files or folders of files).")
    top.add_argument("--version", action="version", version=f"isaclib {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="solve|score|instances")
    solve = commands.add_parser("solve", help="the certified optimum, or another method's allocation")
    score = commands.add_parser("score", help="an allocation against the certified optimum")
    for each in (solve, score):
        each.add_argument("chapter", choices=CHAPTERS, metavar="CHAPTER", help=", ".join(CHAPTERS))
        each.add_argument("scenario", metavar="SCENARIO", help="a file, or a folder of files")
        each.add_argument("--json", action="store_true", help="for programs: one JSON document")
        for name, declaration in (chapter.options if chapter else {}).items():
            words = declaration.metadata["isaclib"] if isinstance(declaration.metadata["isaclib"], tuple) else None
            each.add_argument(f"--{name.replace('_', '-')}", dest=name, choices=words, type=str if words else _number)
    methods = tuple(chapter.solvers) if chapter else None
    solve.add_argument("--method", default="exact", choices=methods, help="exact (default), paper, or one of the benchmarks")
    solve.add_argument("-o", "--output", metavar="FILE", help="where the allocation goes (a folder, for a folder of scenarios)")
    score.add_argument("allocation", metavar="ALLOCATION", help="a file, or a folder of files named as the scenarios")
    score.add_argument("--tolerance", type=_number, help="largest relative violation of a feasible allocation (default 1e-6)")
    made = commands.add_parser("instances", help="the chapter's benchmark instances with certified optima and baselines")
    made.add_argument("chapter", choices=CHAPTERS, metavar="CHAPTER", help=", ".join(CHAPTERS))
    made.add_argument("--family", choices=tuple(chapter.families) if chapter else None, help="one family (default: all)")
    made.add_argument("--count", type=_number, help="instances of each family (default: 50; near_field 10)")
    made.add_argument("--seed", type=_number, default=instances.SEED, help="of all draws (default %(default)s)")
    made.add_argument("--jobs", type=_number, default=1, help="instances side by side (default %(default)s)")
    made.add_argument("-o", "--output", metavar="FOLDER", required=True, help="where the chapter's folder goes")
    return top


def _instances(chapter: Interface, options: dict[str, Any]) -> int:
    families = None if options["family"] is None else [options["family"]]
    numbers = {name: options[name] for name in ("count", "seed", "jobs")}
    made = instances.write(chapter, options["output"], families=families, **numbers)
    for name in families or chapter.families:
        family = made["families"][name]
        print(f"{chapter.chapter}/{name}: {family['count']} instances, {family['about']}")
    return DONE


def _number(text: str) -> float:
    """A number; a whole one to the last digit."""
    try:
        return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _solve(chapter: Interface, options: dict[str, Any]) -> int:
    method, output, as_json = options.pop("method"), options.pop("output"), options.pop("json")
    path = Path(options.pop("scenario"))
    given = {name: value for name, value in options.items() if value is not None}
    if output is not None:
        if os.path.exists(output) and os.path.exists(path) and os.path.samefile(output, path):
            raise InvalidScenario("output", f"{output} is the scenario itself", "name another file or folder")
        formats.make_folder(output) if path.is_dir() else formats.suffix_of(output)

    def one(file: Path) -> dict[str, Any]:
        allocation = chapter.solve(chapter.load(file), method, **given)
        certificate = allocation.certificate
        if output is not None:
            chapter.save(Path(output) / file.name if path.is_dir() else Path(output), allocation)
        numbers = {name: getattr(certificate, name) for name in ("value", "bound", "gap", "residual")}
        return {
            **numbers,
            "status": certificate.status,
            "method": certificate.method,
            "text": str(certificate),
            "allocation": chapter.fields(allocation),
        }

    return _report(path, _scenarios(path), one, ("value", "bound", "gap", "residual", "status"), as_json, _solved)


def _score(chapter: Interface, options: dict[str, Any]) -> int:
    path, given_path, as_json = Path(options.pop("scenario")), Path(options.pop("allocation")), options.pop("json")
    given = {name: value for name, value in options.items() if value is not None}
    pairs = dict(_pairs(path, given_path))

    def one(file: Path) -> dict[str, Any]:
        scenario_file, allocation_file = pairs[file]
        if allocation_file is None:
            raise InvalidScenario("allocation", f"{given_path}: has no allocation named {scenario_file.stem}")
        scenario = chapter.load(scenario_file)
        allocation = files.load_allocation(allocation_file, chapter.allocation, chapter=chapter.chapter)
        found = chapter.judge(scenario, allocation, **given)
        worst = max(found.violations.items(), key=lambda item: item[1], default=("", 0.0))
        return {
            **found.as_dict(),
            "worst": f"{worst[0]} {worst[1]:.1e}" if worst[1] > 0 else "none",
            "failed": not found.feasible,
        }

    several = path if path.is_dir() else given_path
    return _report(several, list(pairs), one, ("value", "optimum", "gap", "feasible", "worst"), as_json, _scored)


def _scenarios(path: Path) -> list[Path]:
    """The file, or the files of a folder in the order of their names."""
    if not path.is_dir():
        return [path]
    seen = (file for file in path.iterdir() if not file.name.startswith(".") and file.name not in _BESIDE)
    found = sorted(file for file in seen if file.suffix.lower() in formats.SUFFIXES)
    if not found:
        raise InvalidScenario("path", f"{path}: holds no file that ends in {', '.join(formats.SUFFIXES)}")
    return found


def _pairs(scenarios: Path, allocations: Path) -> Iterator[tuple[Path, tuple[Path, Path | None]]]:
    """What is judged, by the name under which it is reported: files of two folders belong together by their stems."""
    if not allocations.is_dir():
        yield from ((file, (file, allocations)) for file in _scenarios(scenarios))
    elif not scenarios.is_dir():
        yield from ((file, (scenarios, file)) for file in _scenarios(allocations))
    else:
        given: dict[str, Path] = {}
        for file in _scenarios(allocations):
            if file.stem in given:
                raise InvalidScenario("path", f"{allocations}: holds two allocations named {file.stem}")
            given[file.stem] = file
        yield from ((file, (file, given.get(file.stem))) for file in _scenarios(scenarios))


def _report(
    path: Path, names: list[Path], one: Callable, columns: tuple[str, ...], as_json: bool, summary: Callable[[list[dict]], str]
) -> int:
    """Do every file, print what came of it, and return the exit code."""
    rows, code = [], DONE
    for name in names:
        try:
            row = _row(one, name)
            code = max(code, FAILED if row.get("failed") else DONE)
        except InvalidScenario as error:
            if not path.is_dir():
                raise
            row, code = {"error": " ".join(str(error).split())}, BAD_INPUT
        except (InfeasibleScenario, SolverFailure) as error:
            row, code = (
                {"error": " ".join(str(error).split()), "infeasible": isinstance(error, InfeasibleScenario)},
                max(code, FAILED),
            )
        rows.append({"file": name.name, **row})
    if as_json:
        content = {"rows": rows, "summary": summary(rows)} if path.is_dir() else rows[0]
        print(json.dumps(formats.plain(content), indent=1))
    elif path.is_dir():
        print(_table(rows, ("file", *columns)))
        print(summary(rows))
    else:
        print(rows[0].get("text") or rows[0]["error"])
        for name, value in rows[0].get("allocation", {}).items():
            print(f"{name} = {np.array2string(np.asarray(value), precision=6, threshold=20)}")
    return code


def _row(one: Callable, name: Path) -> dict[str, Any]:
    try:
        return one(name)
    except MemoryError as error:
        raise InvalidScenario("path", f"{name}: is too large for the memory here: {error}", "check its sizes") from None


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """A table in plain text; an error takes the place of the numbers."""

    def word(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "" if value is None else f"{value:.6g}" if isinstance(value, float | int) else str(value)

    cells = [list(columns)]
    for row in rows:
        cells.append([row["file"], row["error"]] if "error" in row else [word(row.get(name)) for name in columns])
    widths = [max(len(line[i]) for line in cells if len(line) == len(columns)) for i in range(len(columns))]
    widths[0] = max(len(line[0]) for line in cells)
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)


def _solved(rows: list[dict[str, Any]]) -> str:
    gaps = [row["gap"] for row in rows if "error" not in row and not math.isnan(row["gap"])]
    spread = f"; largest gap {max(gaps):.1e}" if gaps else ""
    return f"{_count(rows)}{spread}"


def _scored(rows: list[dict[str, Any]]) -> str:
    feasible = sum(bool(row.get("feasible")) for row in rows)
    known = [row for row in rows if isinstance(row.get("gap"), float)]
    gaps, proven = np.array([row["gap"] for row in known]), np.array([row["proven"] for row in known], dtype=bool)
    return f"{_count(rows)}; {feasible} of {len(rows)} feasible{spread_of(gaps, proven)}"


def _count(rows: list[dict[str, Any]]) -> str:
    done = sum("error" not in row for row in rows)
    infeasible = sum(bool(row.get("infeasible")) for row in rows)
    refused = len(rows) - done - infeasible
    parts = [f"{done} of {len(rows)} done"] + [f"{infeasible} infeasible"] * bool(infeasible)
    return ", ".join(parts + [f"{refused} refused or failed"] * bool(refused))
