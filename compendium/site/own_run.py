"""One run as one page that opens from disk: figures with their numbers, captions, tables, and the claims of this very set.

Nothing is fetched: pictures and CSV files stand in the page, formulas are drawn. What the chapter explains is left to the book.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat

from ..notebook.display import METADATA_KEY
from ..runs.plan import Run, Section
from . import inline
from .cells import executed_notebook
from .ledgers import Claim, load_claims
from .pages import environment, figure_entries, section_titles, short_title
from .quantities import quantity

_FIGURE = re.compile(r"^::::\{figure\} \S*/(\w+)\.svg")
_WIDE = 1.8  # several panels side by side: on a phone they scroll
_CLAIM = re.compile(r"^:::\{admonition\} Claim (\S+):", re.M)


def write(run: Run, section: Section) -> Path:
    """Write the page beside the run's notebook, and say where it is."""
    path = run.directory / "page.html"
    path.write_text(environment(run.root).get_template("own_run.html.j2").render(_fields(run, section)))
    return path


def _fields(run: Run, section: Section) -> dict[str, Any]:
    record = run.record() or {}
    notebook = executed_notebook(run)
    title = next((found[1] for cell in notebook.cells if (found := re.search(r"^# (.+)$", cell.source, re.M))), run.notebook)
    base, _, mark = run.label.partition("+")
    return {
        "title": inline.html(title),
        "plain_title": inline.plain(title),
        "chapter": short_title(section_titles(run.root, [run.section])[run.section]),
        "name": run.name,
        "own": mark not in ("", "quick"),
        "question": inline.html(str(run.values.get("question", ""))),
        "base": base,
        "changes": _changes(run, section),
        "values": [(name, quantity(value, section.schema.parameters[name].unit)) for name, value in run.values.items()],
        "blocks": [*_blocks(run, notebook)],
        "seconds": f"{record.get('seconds', 0):.0f}",
        "versions": ", ".join(f"{name} {number}" for name, number in record.get("versions", {}).items()),
    }


def _changes(run: Run, section: Section) -> list[dict[str, Any]]:
    """What differs from the set of the book, with both values."""
    schema = section.schema
    printed = schema.load_named("paper")
    rows = []
    for name, value in run.values.items():
        parameter = schema.parameters[name]
        if name in printed and printed[name] != value:
            both = {"here": quantity(value, parameter.unit), "book": quantity(printed[name], parameter.unit)}
            rows.append({"name": name, "meaning": inline.html(parameter.meaning), "size": parameter.size, **both})
    return rows


def _blocks(run: Run, notebook: nbformat.NotebookNode) -> Iterator[dict[str, Any]]:
    """What the page shows, in the notebook's order; a heading only where something follows below it."""
    figures = {entry["name"]: entry for entry in figure_entries(run)}
    on_file = {claim.id: claim for claim in load_claims(run.root / "notebooks" / run.section)}
    path = run.directory / "claims.json"
    claims = {entry["id"]: entry for entry in json.loads(path.read_text())} if path.exists() else {}
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = re.findall(r"^##+ (.+)$", cell.source, re.M)
            heading = found[-1] if found else heading
            continue
        for output in cell.get("outputs", []):
            block = _block(run, output, figures, claims, on_file)
            if block and heading:
                yield {"kind": "heading", "text": inline.html(heading)}
                heading = ""
            if block:
                yield block


def _block(
    run: Run, output: nbformat.NotebookNode, figures: Mapping[str, dict], claims: Mapping[str, dict], on_file: Mapping[str, Claim]
) -> dict[str, Any] | None:
    if output.output_type == "stream":
        return {"kind": "words", "text": output.text.strip()} if output.name == "stdout" and output.text.strip() else None
    myst = output.get("metadata", {}).get(METADATA_KEY, {}).get("myst")
    markdown = output.get("data", {}).get("text/markdown", "")
    if myst is not None and (found := _FIGURE.search(myst)):
        return _figure(run, figures[found[1]])
    if myst is not None and (found := _CLAIM.search(myst)):
        return _claim(claims[found[1]], on_file.get(found[1]))
    if markdown.startswith("|"):
        caption = re.search(r"^\*(.+)\*$", myst or "", re.M | re.S)
        lines = [
            [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in markdown.splitlines()
        ]
        rows = [[inline.html(cell) for cell in line] for line in lines]
        return {"kind": "table", "head": rows[0], "rows": rows[2:], "caption": inline.html(caption[1]) if caption else ""}
    if myst is None and markdown:
        return {"kind": "text", "text": inline.html(markdown)}
    return None


def _figure(run: Run, entry: Mapping[str, Any]) -> dict[str, Any]:
    folder = run.directory / "figures"
    drawing = (folder / f"{entry['name']}.svg").read_text()
    width, height = (float(re.search(rf'<svg[^>]* {side}="([\d.]+)pt"', drawing)[1]) for side in ("width", "height"))
    source = f"({entry['paper']} of the paper.) " if entry["paper"] else ""
    return {
        "kind": "figure",
        "picture": _data(folder / f"{entry['name']}.svg", "image/svg+xml"),
        "numbers": _data(folder / f"{entry['name']}.csv", "text/csv"),
        "file": f"{entry['name']}.csv",
        "alt": entry["alt"],
        "look": ("map " if "<image" in drawing or "QuadMesh" in drawing else "") + ("wide" if width > _WIDE * height else ""),
        "caption": inline.html(source + entry["caption"]),
        "solver": entry["solver"],
    }


def _claim(entry: Mapping[str, str], on_file: Claim | None) -> dict[str, Any]:
    return {
        "kind": "claim",
        "id": entry["id"],
        "verdict": entry["verdict"],
        "ours": inline.html(entry["ours"]),
        "criterion": inline.html(entry["tolerance"]),
        "quote": inline.html(on_file.quote) if on_file else "",
        "figure": on_file.figure if on_file else "",
        "book": on_file.expected if on_file else "",
    }


def _data(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
