"""Would the tests notice? One operator, constant or call of a chapter is changed at a time, and its tests run on the copy.

    make mutants CHAPTER=wireless_powered SEED=0 [COUNT=80]
    python benchmarks/mutants.py wireless_powered --seed 0 --count 80 [--limit 300]

The mutants are drawn by seed from the modules of ``isaclib/CHAPTER``; each runs in a copy of the checkout until the first
failure, for at most ``--limit`` seconds (a mutant that hangs counts as noticed, and is counted apart): the tests that execute
its statement, as coverage saw them once; where none is known to, all of ``tests/CHAPTER``. Each is a fork of this process,
which has numpy, cvxpy and pytest loaded and nothing of ours. Survivors are printed with their line, before and after. The exit
code is 0: why a survivor changes no result is for people to say.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_QUICK = 0.2  # seconds of a test
ROOT = Path(__file__).resolve().parents[1]
_OPERATORS: dict[type, str] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*", ast.MatMult: "*"}
_COMPARED: dict[type, str] = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
_BOOLEAN: dict[type, str] = {ast.And: "or", ast.Or: "and"}
_CALLS = {
    "all": "any",
    "any": "all",
    "max": "min",
    "min": "max",
    "maximum": "minimum",
    "minimum": "maximum",
    "argmax": "argmin",
    "argmin": "argmax",
    "sum": "max",
    "log1p": "log",
    "expm1": "exp",
    "log2": "log",
    "sqrt": "abs",
    "abs": "real",
    "floor": "ceil",
}


@dataclass(frozen=True)
class Mutant:
    """One change: the characters ``start`` to ``end`` of a file become ``new``."""

    path: Path
    line: int
    start: int
    end: int
    old: str
    new: str


def mutants_of(path: Path) -> list[Mutant]:
    """Every change of one file."""
    text = path.read_text(encoding="utf-8")
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    source = text.encode()

    def at(line: int, column: int) -> int:
        return starts[line - 1] + column

    found: list[Mutant] = []

    def change(line: int, start: int, end: int, new: str) -> None:
        found.append(Mutant(path, line, start, end, source[start:end].decode(), new))

    def between(left: ast.AST, right: ast.AST, words: dict[type, str], operator: ast.AST) -> None:
        """The operator that stands between two nodes."""
        new = words.get(type(operator))
        start, end = at(left.end_lineno, left.end_col_offset), at(right.lineno, right.col_offset)
        gap = source[start:end].decode()
        inner = gap.strip(" ()\n\\")
        if new is not None and inner and "#" not in gap and " " not in inner:
            place = start + gap.index(inner)
            change(left.end_lineno, place, place + len(inner.encode()), new)

    tree = ast.parse(text)
    skipped = _not_computed(tree)
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.BinOp):
            between(node.left, node.right, _OPERATORS, node.op)
        elif isinstance(node, ast.Compare):
            between(node.left, node.comparators[0], _COMPARED, node.ops[0])
        elif isinstance(node, ast.BoolOp):
            between(node.values[0], node.values[1], _BOOLEAN, node.op)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
            change(node.lineno, at(node.lineno, node.col_offset), at(node.operand.lineno, node.operand.col_offset), "")
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            value = {0: "1", 1: "2"}.get(node.value, repr(2 * node.value))
            change(node.lineno, at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset), value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS:
            end = at(node.func.end_lineno, node.func.end_col_offset)
            change(node.func.end_lineno, end - len(node.func.attr), end, _CALLS[node.func.attr])
    return found


def _not_computed(tree: ast.AST) -> set[int]:
    """Nodes that compute nothing: annotations, formats of strings, what only builds a message, the number of ``reshape(-1)``."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        inside: list[ast.AST | None] = []
        if isinstance(node, ast.AnnAssign):
            inside.append(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inside += [node.returns, *(each.annotation for each in [*node.args.args, *node.args.kwonlyargs])]
        elif isinstance(node, (ast.JoinedStr, ast.Raise)):
            inside.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reshape":
            inside += [each.operand for each in node.args if isinstance(each, ast.UnaryOp)]  # NumPy reads -2 as -1
        for part in inside:
            if part is not None:
                skipped.update(id(each) for each in ast.walk(part))
    return skipped


def copy_of(root: Path, into: Path) -> None:
    """What the tests of a chapter need, as committed or not."""
    for name in ("isaclib", "tests", "benchmarks", "notebooks", "book", "compendium"):
        if (root / name).exists():
            shutil.copytree(root / name, into / name, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    for path in root.glob("*.*"):
        if path.is_file():
            shutil.copy(path, into)


class Watch:
    """A plugin of pytest: how long each test takes, and which tests execute each line of a folder."""

    def __init__(self, folder: Path) -> None:
        import coverage

        self.seconds: dict[str, float] = collections.defaultdict(float)
        self.coverage = coverage.Coverage(source=[str(folder)], data_file=None, messages=False)
        self.coverage.start()

    def pytest_runtest_setup(self, item) -> None:
        # What a fixture of the file executes, every test of the file may rest on.
        self.coverage.switch_context(item.nodeid.split("::")[0])

    def pytest_runtest_call(self, item) -> None:
        self.coverage.switch_context(item.nodeid)

    def pytest_runtest_logreport(self, report) -> None:
        self.seconds[report.nodeid] += report.duration

    def write(self, path: Path) -> None:
        self.coverage.stop()
        data = self.coverage.get_data()
        lines = {file: data.contexts_by_lineno(file) for file in data.measured_files()}
        path.write_text(json.dumps({"seconds": self.seconds, "lines": lines}))


def run(copy: Path, tests: list[str], limit: float, watched: Path | None = None) -> str:
    """``survived``, ``noticed`` or ``hung``; with ``watched``, what :class:`Watch` saw is written there."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(copy)
        sys.path[0] = str(copy)  # for this script's folder, whose modules are named as the chapters
        os.environ["PYTHONPATH"] = str(copy)  # of the processes that tests start
        with open(watched.with_suffix(".txt") if watched else os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        code = 1
        try:
            import pytest

            plugins = [Watch(copy / "isaclib")] if watched else []
            code = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], plugins=plugins))
            if watched:
                plugins[0].write(watched)
        finally:
            os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "noticed"
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def nearest(seen: dict, path: Path, source: str, line: int) -> list[str]:
    """The tests that execute the statement of a line, the quick ones first, file by file; empty where none is known to."""
    statements = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt) and node.lineno <= line <= node.end_lineno
    ]
    inner = max(statements, key=lambda node: node.lineno, default=None)
    if inner is None or isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
        return []  # a default, say, is computed where the function is made: a test that looks at it need not call the function
    lines = seen["lines"].get(str(path), {})
    contexts = {each for number in range(inner.lineno, inner.end_lineno + 1) for each in lines.get(str(number), []) if each}
    tests = [test for test in seen["seconds"] if test in contexts or test.split("::")[0] in contexts]
    cost: dict[str, float] = collections.defaultdict(float)
    for test in tests:
        cost[test.split("::")[0]] += seen["seconds"][test]
    return sorted(tests, key=lambda test: (seen["seconds"][test] > _QUICK, cost[test.split("::")[0]], test.split("::")[0]))


def load() -> None:
    """What every test imports, once, with one thread: children are forks of this process."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    sys.dont_write_bytecode = True  # a change that keeps a file's size and second would be read from the cache
    for name in (
        "numpy",
        "scipy.optimize",
        "scipy.linalg",
        "scipy.stats",
        "cvxpy",
        "clarabel",
        "hypothesis",
        "pytest",
        "matplotlib.pyplot",
    ):
        importlib.import_module(name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter", help="a folder of isaclib with a folder of tests")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=80)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for one mutant")
    options = parser.parse_args()
    folder, tests = ROOT / "isaclib" / options.chapter, f"tests/{options.chapter}"
    if not folder.is_dir() or not (ROOT / tests).is_dir():
        parser.error(f"{options.chapter}: isaclib/{options.chapter} and {tests} are needed")
    possible = [mutant for path in sorted(folder.glob("*.py")) for mutant in mutants_of(path)]
    chosen = random.Random(options.seed).sample(possible, min(options.count, len(possible)))
    counts: collections.Counter = collections.Counter()
    load()
    with tempfile.TemporaryDirectory() as name:
        copy, watched = Path(name).resolve() / "copy", Path(name) / "seen.json"
        copy_of(ROOT, copy)
        start = time.perf_counter()
        if run(copy, [tests], 10 * options.limit, watched) != "survived":
            print(*watched.with_suffix(".txt").read_text().splitlines()[-15:], sep="\n", file=sys.stderr)
            print("the tests fail without any change", file=sys.stderr)
            return 1
        seen = json.loads(watched.read_text())
        print(f"{len(possible)} possible changes; the tests alone take {time.perf_counter() - start:.0f} s", flush=True)
        for number, mutant in enumerate(chosen, 1):
            path = copy / mutant.path.relative_to(ROOT)
            source = path.read_bytes()
            first = nearest(seen, path, source.decode(), mutant.line)
            path.write_bytes(source[: mutant.start] + mutant.new.encode() + source[mutant.end :])
            outcome = run(copy, first or [tests], options.limit)
            counts[outcome] += 1
            if outcome != "noticed":
                line = source.decode().splitlines()[mutant.line - 1].strip()
                where = f"{mutant.path.relative_to(ROOT)}:{mutant.line}"
                print(f"{outcome}: {where}: {mutant.old!r} to {mutant.new!r} in: {line} ({len(first)} tests)", flush=True)
            path.write_bytes(source)
            print(f"  {number}/{len(chosen)}: {counts['survived']} survived", end="\r", file=sys.stderr, flush=True)
    noticed = counts["noticed"] + counts["hung"]
    print(f"{noticed} of {len(chosen)} noticed ({counts['hung']} hung), {counts['survived']} survived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
