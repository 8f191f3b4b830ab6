"""Lines of the two houses, by room: ``python benchmarks/tools/lines.py``.

Code is a line with a token on it that is neither a comment nor part of a docstring; blank lines count as nothing.
"""

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def count(source: str) -> Counter:
    """Lines of ``code``, of ``docstring`` (blank ones in it left out) and ``all`` lines of a module."""
    documented = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            documented |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in _SILENT]
    code = {number for token in tokens for number in range(token.start[0], token.end[0] + 1)} - documented
    lines = source.splitlines()
    return Counter(code=len(code), docstring=sum(bool(lines[number - 1].strip()) for number in documented), all=len(lines))


def table(root: Path = ROOT) -> dict[str, Counter]:
    """Counts by room of both houses, with those of each house, and the longest module under ``longest``."""
    rooms: dict[str, Counter] = {}
    for house in ("isaclib", "compendium"):
        for path in sorted((root / house).rglob("*.py")):
            parts = path.relative_to(root).parts
            counted = count(path.read_text())
            for room in (house, "/".join(parts[:2]) if len(parts) > 2 else f"{house}/*.py"):
                seen = rooms.setdefault(room, Counter(longest=0))
                longest = max(seen["longest"], counted["all"])
                seen.update(counted)
                seen["longest"] = longest
    return rooms


if __name__ == "__main__":
    columns = ("code", "docstring", "all", "longest")
    print(f"{'room':32}" + "".join(f"{column:>11}" for column in columns))
    for room, counted in table().items():
        print(f"{room:32}" + "".join(f"{counted[column]:11,}" for column in columns))
