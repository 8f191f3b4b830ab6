"""Feedback: one page per student, complete in itself, so that it can be read offline and sent as one file."""

from __future__ import annotations

import base64
import copy
import hashlib
import html
import importlib.util
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import nbformat
import nbgrader
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from traitlets.config import Config

from .assignment import TEST
from .files import brief
from .harmless import harmless
from .marks import Row, told

_TEMPLATES = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader"
_CONFIGURATION = r"""window.MathJax = {
tex: {inlineMath: [["$", "$"], ["\\(", "\\)"]], displayMath: [["$$", "$$"], ["\\[", "\\]"]], processEscapes: true},
options: {enableMenu: false, ignoreHtmlClass: "highlight|output_text"}};"""


# The page's own scripts, by their digests, and no others; nothing is fetched.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src {}"
# On a phone figures shrink, and long lines and formulas scroll by themselves.
_STYLE = (
    "<style>img, svg {max-width: 100%; height: auto} pre, mjx-container[display] {overflow-x: auto; max-width: 100%}"
    " div.nbgrader_cell .panel-heading {display: flow-root; height: auto; overflow-wrap: anywhere}"
    " .text_cell_render, td:last-child, h4 {overflow-wrap: anywhere} td:nth-child(2) {white-space: nowrap}"
    " td a {display: inline-block; padding: 4px 0; min-height: 24px} summary {display: list-item; cursor: pointer}"
    " @media (max-width: 600px) {.container, #notebook-container, .panel-body {padding-left: 6px; padding-right: 6px}}</style>"
)


_VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'
_OPEN = -1.0  # in place of a score that nobody has given


def page(title: str, student: str, notebook: nbformat.NotebookNode, rows: Sequence[Row]) -> str:
    """The HTML page of a graded notebook: score and remark at each task, formulas without any server."""
    marked = harmless(copy.deepcopy(notebook))
    anchors = {}
    for cell in marked.cells:
        meta = cell.metadata.get("nbgrader")
        if not meta:
            continue
        meta["score"] = _OPEN  # unless a row says otherwise
        for row in rows:
            if meta["grade_id"] in (row.task, row.task + TEST):
                if meta["grade"]:
                    anchors[row.task] = meta["grade_id"]
                meta["score"], meta["points"] = _OPEN if row.score is None else row.score, row.maximum
                meta["comment"] = html.escape(_remark(row)) if meta["solution"] else ""
    total = {"score": sum(row.score or 0.0 for row in rows), "max_score": sum(row.maximum for row in rows)}
    resources = {"nbgrader": {"notebook": f"{html.escape(title)}: {html.escape(student)}", "late_penalty": 0, **total}}
    body, _ = _exporter().from_notebook_node(marked, resources=resources)
    body = body.replace(f"Score: {_OPEN} / ", "Open, of ")
    body = re.sub(r"\(Score: [^<>)]*\)</h4>", lambda _: f"(Score: {_sum(rows)})</h4>" if rows else "</h4>", body, count=1)
    body = re.sub(r'<div id="toc">.*?</div>', lambda _: _table(rows, anchors), body, count=1, flags=re.S)
    return _offline(body)


def _table(rows: Sequence[Row], anchors: Mapping[str, str]) -> str:
    """All tasks at a glance, each a link to its graded cell."""
    lines = "".join(
        f"<tr><td><a href='#{html.escape(anchors.get(row.task, ''))}'>{html.escape(row.task)}</a></td>"
        f"<td>{'open' if row.score is None else f'{row.score:g}'} / {row.maximum:g}</td><td>{html.escape(_remark(row))}</td></tr>"
        for row in rows
    )
    return f"<table class='table'><tr><th>task</th><th>points</th><th>remark</th></tr>{lines}</table>"


def empty_page(title: str, student: str, rows: Sequence[Row]) -> str:
    """The page of a student whose notebook could not be graded."""
    name = f"{html.escape(title)}: {html.escape(student)}"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{_VIEWPORT}<title>{name}</title></head>'
        f"<body><h1>{name}</h1><p>Score: {_sum(rows)}</p>{_table(rows, {})}</body></html>"
    )


def _sum(rows: Sequence[Row]) -> str:
    """The points, and that they are not the last word while answers are open."""
    points, of = sum(row.score or 0.0 for row in rows), sum(row.maximum for row in rows)
    waiting = sum(row.score is None for row in rows)
    return f"{points:.12g} / {of:.12g}" + (f", provisional: {waiting} open" if waiting else "")


def write(
    folder: Path,
    title: str,
    rows: Mapping[str, Sequence[Row]],
    notebooks: Path,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """One page per student in ``folder``, from their rows of the grades and the graded notebooks.

    A notebook of which no page can be made is told, and its student has a page without it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for student, own in rows.items():
        graded = notebooks / f"{student}.ipynb"
        text = empty_page(title, student, own)
        if graded.exists():
            try:
                text = page(title, student, nbformat.read(graded, as_version=4), own)
            except Exception as error:  # whatever somebody has made of the file: the others have their pages
                why = f"{type(error).__name__}: {brief(error)}"
                tell(f"{student}: the page is without the notebook, {graded} cannot be shown ({why}); grade it again")
        pages.append(folder / f"{student}.html")
        pages[-1].write_text(text, encoding="utf-8")
    return pages


def _remark(row: Row) -> str:
    if row.score is None:
        return f"This answer has not been graded yet. {told(row)}".strip()
    return told(row) or ("Passed." if row.score == row.maximum else "")


@cache
def _exporter() -> HTMLExporter:
    logging.getLogger("traitlets").setLevel(logging.ERROR)  # a student's figure has no alternative text: no news
    config = Config()
    config.HTMLExporter.template_name = "feedback"
    config.HTMLExporter.extra_template_basedirs = [str(_TEMPLATES / "templates")]
    config.HTMLExporter.extra_template_paths = [str(_TEMPLATES / "static" / "node_modules" / "bootstrap" / "dist" / "css")]
    config.HTMLExporter.preprocessors = [CSSHTMLHeaderPreprocessor]
    return HTMLExporter(config=config)


@cache
def _mathjax() -> str:
    """MathJax with SVG output: one script that holds its fonts and asks for nothing."""
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    script = Path(package.origin).parent / "static" / "mathjax" / "tex-svg.js"
    # Inside a page a closing tag in a string would end the script.
    return script.read_text(encoding="utf-8").replace("</script", "<\\/script")


def _offline(body: str) -> str:
    """Put our MathJax into the page, in place of the address of one, and drop whatever else would be fetched."""
    body = re.sub(r"<script type=\"text/x-mathjax-config\">.*?</script>", "", body, flags=re.S)
    body = re.sub(r"<(script|link)\b[^>]*\b(src|href)=\"https?://[^>]*>(\s*</script>)?", "", body)
    scripts = (_CONFIGURATION, _mathjax())
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    policy = _POLICY.format(" ".join(f"'sha256-{digest}'" for digest in digests))
    first = f'<meta http-equiv="Content-Security-Policy" content="{policy}">{_VIEWPORT}'
    ours = _STYLE + "".join(f"<script>{script}</script>\n" for script in scripts)
    body = body.replace("<head>", f"<head>\n{first}", 1)
    before, found, after = body.partition("</head>")
    return before + ours + found + after
