"""A new chapter from the template: files under its own name, and its place in the lists that cannot be derived."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import yaml

from ..runs.digest import CODE
from ..runs.errors import ParameterError

TEMPLATE = CODE / "compendium" / "template"
_WORDS = {"sample_chapter": "{name}", "sample-chapter": "{label}", "Sample chapter": "{title}", "999-": "{number}-"}
NOTES = (
    ("required", "isaclib/{name}: scenario, paper, benchmarks, exact and verify, each formula with its equation number"),
    ("required", "tests/{name}: a test of each formula that would fail if it were wrong, one of each erratum"),
    (
        "required",
        "notebooks/{name}: model.py, results.py, claims.yml, errata.yml, parameters/ with schema, quick and paper",
    ),
    ("required", "book/{name}.md and book/api/{name}.md, their lines in _toc.yml"),
    ("required", "tests/data/papers.yml: the paper's figures, claims and errata, read once more"),
    ("optional", "what_if.py with a set of its own, an assignment.py, a lab sheet book/lab_{name}.md"),
    ("optional", "interface.py for 'python -m isaclib solve | score' and the board: the guide says what it asks for"),
)


def make(root: Path, name: str, title: str) -> list[Path]:
    """Write the files of the chapter and enter it in the lists; the paths that were made or changed.

    Raises
    ------
    ParameterError
        For a name that cannot be a package, or that is taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or yaml.safe_load(name) != name:
        remedy = "use lower case, digits and underscores, and no word of Python or YAML"
        raise ParameterError("isac new-chapter", name, "is no name of a package", remedy)
    if not title.strip() or not title.isprintable() or '"""' in title or "\\" in title:
        raise ParameterError("isac new-chapter", title, "is no title", "write one line without backslashes and triple quotes")
    folders = [root / house / name for house in ("isaclib", "notebooks", "tests", "book")]
    for taken in (*folders, *(folder.with_suffix(ending) for folder in folders for ending in (".py", ".md"))):
        if taken.exists():
            raise ParameterError("isac new-chapter", name, f"is taken: {taken} exists", "choose another name")
    number = _next_number(root)
    words = {"name": name, "label": name.replace("_", "-"), "title": title, "number": f"{number:03d}"}
    made = []
    for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        target = root / str(source.relative_to(TEMPLATE)).replace("sample_chapter", name)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text()
        for word, field in _WORDS.items():
            text = text.replace(word, field.format(**words))
        target.write_text(text)
        made.append(target)
    return [*made, *_enter(root, name, words["number"])]


def _next_number(root: Path) -> int:
    """One more than the largest number of a paper in the ledgers on file."""
    files = [*root.glob("notebooks/*/claims.yml"), *root.glob("notebooks/*/errata.yml")]
    found = [int(number) for path in files for number in re.findall(r"\bid: (\d{3})-[CE]\d", path.read_text())]
    return max(found, default=-1) + 1


def _enter(root: Path, name: str, number: str) -> list[Path]:
    pages = [f"      - file: book/{name}\n        sections:\n"]
    pages += [f"          - file: notebooks/{name}/{page}\n" for page in ("model", "results", "what_if_more_power")]
    listed = (
        f"\n{name}:\n  figures:\n    Fig. 1: rate over the SNR of the echo\n"
        f"  claims:\n    {number}-C1: the optimum improves on the equal split\n  errata:\n    {number}-E1: power of the echo\n"
    )
    changes = {
        root / "_toc.yml": [
            (r"(  - caption: Papers\n(?:(?!  - caption).*\n)+)", r"\1" + "".join(pages)),
            (r"((?:      - file: book/api/\w+\n)+)", rf"\1      - file: book/api/{name}\n"),
        ],
        root / "pyproject.toml": [
            (r'(layers = \["[\w |]+\| \w+)(", "foundations"\])', rf"\1 | {name}\2"),
            (r'(forbidden_modules = \["isaclib\.[^\]]*)\]', rf'\1, "isaclib.{name}"]'),
        ],
        root / "tests" / "data" / "papers.yml": [
            (r"\Z", listed),
        ],
    }
    for path, edits in changes.items():
        if not path.exists():
            continue
        text = path.read_text()
        for pattern, replacement in edits:
            text, count = re.subn(pattern, replacement, text, count=1)
            if not count:
                raise ParameterError("isac new-chapter", str(path), "does not look as expected", "enter the chapter by hand")
        path.write_text(text)
    return [path for path in changes if path.exists()]
