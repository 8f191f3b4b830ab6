"""The static book: executed notebooks and generated ledgers are laid beside the prose, then Jupyter Book builds it.

The book is built from a stage (``build/site/<set>/source``), never from the working tree: a hidden folder or a stray
notebook cannot break it, and nothing is published unless everything succeeded. Sphinx's cache is not trusted: on any
change, and after a failed build, the book is built afresh.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
import yaml

from ..notebook.narrow import FOLDER
from ..runs.contents import toc_pages
from ..runs.digest import CODE, library
from ..runs.folders import publish
from ..runs.plan import Run
from . import pages
from .cells import book_notebook, executed_notebook
from .ledgers import load_claims
from .phone import offer_stacked
from .polish import polish

BINDER = "https://mybinder.org"  # opens a notebook of a public repository in the reader's browser


class BuildError(RuntimeError):
    """The book could not be built; the message holds the first warnings or errors."""


Judge = Callable[[Path, list[str]], tuple[list[str], bool]]


def build(
    root: Path, runs: Sequence[Run], base: str, target: Path, *, accept: Judge | None = None, instances: Path | None = None
) -> bool:
    """Build the book from finished runs and put it at ``target``.

    Parameters
    ----------
    root, runs, base, target
        The checkout, the finished runs, the set they were made with, and where the book goes.
    accept : callable, optional
        Given the built tree and its pages, returns what is wrong with it, and whether every check could be made; only a tree
        without problems is published. A book that has not changed since, but was not checked in full, is checked now.
    instances : Path, optional
        The benchmark set behind the board (see :mod:`.optima`); a book without the page needs none.

    Returns
    -------
    bool
        False when nothing had changed since the last successful build.

    Raises
    ------
    BuildError
        On any warning of Sphinx (``-n -W``), a missing page or a malformed ledger. ``target`` is then left as it was.
    """
    work = root / "build" / "site" / base
    source, stamp = work / "source", work / "built.json"
    stage(root, runs, source, instances)
    digest = _digest(source, library(root / "requirements.lock"))  # the reference holds the docstrings
    record = json.loads(stamp.read_text()) if stamp.exists() else {}
    made = {"digest": digest, "target": str(target.resolve())}
    if made.items() <= record.items() and (target / "index.html").exists():
        if accept and not record["checked"]:
            stamp.write_text(json.dumps(record | {"checked": _accepted(accept, target, source)}))
        return False
    stamp.unlink(missing_ok=True)
    output = work / "output"
    shutil.rmtree(output, ignore_errors=True)
    start = time.perf_counter()
    html = _jupyter_book(source, output, work / "build.log")
    _check_toc_pages(source, html)
    trim_mathjax(html)
    polish(html)
    offer_stacked(html, source)
    built = time.perf_counter()
    checked = accept is not None and _accepted(accept, html, source)
    check_seconds = time.perf_counter() - built if checked else None
    seconds = {"sphinx": built - start, "check": check_seconds}
    arrived = target.with_name(f".{target.name}.new")  # the target may lie on another disk
    shutil.rmtree(arrived, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(html, arrived)
    publish(arrived, target)
    stamp.write_text(json.dumps({**made, "seconds": seconds, "checked": checked}))
    return True


def _accepted(accept: Judge, html: Path, source: Path) -> bool:
    """Whether every check was made; BuildError when one found something."""
    problems, complete = accept(html, toc_pages(source / "_toc.yml"))
    if problems:
        raise BuildError("the built book has problems:\n  " + "\n  ".join(problems[:40]))
    return complete


def last_seconds(root: Path, base: str) -> dict[str, float | None]:
    """What the last successful build on ``base`` took: ``sphinx`` and ``check`` (None: left out)."""
    return json.loads((root / "build" / "site" / base / "built.json").read_text())["seconds"]


def stage(root: Path, runs: Sequence[Run], source: Path, instances: Path | None = None) -> None:
    """Lay out the sources of the book: prose, configuration, executed notebooks, figures, generated pages."""
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    shutil.copytree(root / "book", source / "book")
    shutil.copy(root / "_toc.yml", source)
    (source / "_config.yml").write_text(configuration((root / "_config.yml").read_text()))
    quoted = {claim.id: claim for section in {run.section for run in runs} for claim in load_claims(root / "notebooks" / section)}
    for run in runs:
        page = source / "notebooks" / run.section / f"{run.page}.ipynb"
        page.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(book_notebook(run, quoted), page)
        for figure in sorted((run.directory / "figures").glob("*")):
            if figure.suffix in (".svg", ".csv", ".webp"):
                folder = source / "figures" / run.section / run.page
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(figure, folder / figure.name)
        if (stacked := run.directory / "figures" / FOLDER).exists():
            shutil.copytree(stacked, source / "figures" / run.section / run.page / FOLDER)
    pages.generate(root, runs, source, instances)
    for run in runs:  # explorers of the base sets, for the prose to include
        for fragment in sorted((run.directory / "explorers").glob("*.md")) if run.page == run.notebook else ():
            text = fragment.read_text().replace("../../_static", "../_static")
            (source / "generated" / f"explorer_{run.section}_{fragment.name}").write_text(text)


def configuration(text: str) -> str:
    """Jupyter Book's configuration: with launch buttons where a repository is named, without any where none is.

    The address is that of ``repository: url`` in ``_config.yml``, or of the variable ``ISAC_REPOSITORY`` (the publishing
    workflow sets it to the repository in which it runs).
    """
    settings = yaml.safe_load(text)
    address = os.environ.get("ISAC_REPOSITORY") or settings.get("repository", {}).get("url")
    if not address:
        return text
    settings["repository"] = {**settings.get("repository", {}), "url": address}
    settings["launch_buttons"] = {**settings.get("launch_buttons", {}), "binderhub_url": BINDER}
    return yaml.safe_dump(settings, sort_keys=False)


# ---------------------------------------------------------------- Jupyter Book


def _jupyter_book(source: Path, output: Path, log: Path) -> Path:
    # Few collections: trees of pages are large, live long and hold little garbage.
    tool = "import gc; gc.set_threshold(100_000, 20, 100); import jupyter_book.cli.main as tool; tool.main()"
    command = [sys.executable, "-P", "-c", tool, "build", str(source), "--path-output", str(output), "-n", "-W", "--keep-going"]
    path = os.pathsep.join([str(CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=source, check=False)
    text = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout + result.stderr)
    log.write_text(text)
    html = output / "_build" / "html"
    if result.returncode != 0 or not (html / "index.html").exists():
        problems = [line for line in text.splitlines() if "WARNING" in line or "ERROR" in line or "rror:" in line]
        first = "\n  ".join(line.replace(str(source) + "/", "") for line in problems[:12]) or text[-1500:]
        raise BuildError(f"the book was not built (full log: {log}):\n  {first}")
    return html


def _check_toc_pages(source: Path, html: Path) -> None:
    missing = [name for name in toc_pages(source / "_toc.yml") if not (html / f"{name}.html").exists()]
    if missing:
        raise BuildError(f"pages of the table of contents are missing in the built book: {', '.join(missing)}")


# One page loads tex-chtml.js and web fonts; the rest of what is kept answers MathJax's own menu (extensions, speech).
_MATHJAX_KEEP = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts", "a11y", "sre")


def trim_mathjax(html: Path) -> None:
    """Remove those bundles of the offline MathJax that no page can ask for (15 of 24 MB)."""
    folder = html / "_static" / "mathjax"
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and not path.relative_to(folder).as_posix().startswith(_MATHJAX_KEEP):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _digest(source: Path, library: str) -> str:
    digest = hashlib.sha256(library.encode())
    for path in sorted(source.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(source)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def publish_notebooks(root: Path, runs: Sequence[Run]) -> None:
    """Put the executed notebooks of the book beside their sources and remove strays of earlier builds."""
    wanted = {}
    for run in runs:
        wanted[root / "notebooks" / run.section / f"{run.page}.ipynb"] = run
    for stray in (root / "notebooks").glob("*/*.ipynb"):
        if stray not in wanted:
            stray.unlink()
    for path, run in wanted.items():
        temporary = path.with_suffix(".partial")
        nbformat.write(executed_notebook(run), temporary)
        os.replace(temporary, path)
