"""An executed notebook as a page of the book: figures and claims as MyST, and folded what is housekeeping.

Three kinds of cell: *science* stays open; *set-up* (imports, the parameters of this run) and *show* (what lays out a figure, a
table or a claim) fold away under a bar that says what is in it. Folded neighbours become one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import nbformat

from ..notebook import answers
from ..notebook.display import METADATA_KEY
from ..runs.plan import Run
from .ledgers import Claim

# What a folded cell presents, by what it calls: that names its bar where it shows nothing on the page.
_SHOWS = (
    (re.compile(r"^\s*(?:figures\.show|curves\.show|show_\w+)\(", re.M), "the figure"),
    (re.compile(r"^\s*explorers\.(?:show|guess)\(", re.M), "the explorer"),
    (re.compile(r"^\s*(?:\w+ = )?claims\.record\(", re.M), "the claim"),
    (re.compile(r"^\s*tables\.(?:table|facts)\(", re.M), "the table"),
    (re.compile(r"^\s*answers\.answer\(", re.M), "the answer at the top of this page"),
)
# The same by what it left on the page, whichever function of its own it called.
_LEFT = (
    (re.compile(r"^:+\{figure\}", re.M), "the figure", "the figures"),
    (re.compile(r'class="isac-(?:explorer|guess)"'), "the explorer", "the explorers"),
    (re.compile(r"^:class: isac-claim", re.M), "the claim", "the claims"),
    (re.compile(r"^\|(?: -+ \|)+$", re.M), "the table", "the tables"),
)
_IMPORT = re.compile(r"^(from|import) ", re.M)
_LABEL = re.compile(r"^\([\w-]+\)=\n", re.M)
# A claim that a notebook recorded: its identifier stands in the title of the box.
_BOX = re.compile(r"^(:::\{admonition\} Claim (\S+): .*\n:class: isac-claim .*\n)", re.M)


def executed_notebook(run: Run) -> nbformat.NotebookNode:
    """The executed notebook; in a what-if with the title and the question of its set, and with the answer that its run found."""
    notebook = nbformat.read(run.directory / "notebook.ipynb", as_version=4)
    said = {name: str(run.values.get(name, "")) for name in ("title", "question")} | {"answer": answers.found_in(run.directory)}
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and run.notebook == "what_if":
            for name, text in said.items():
                cell.source = cell.source.replace(f"{{{name}}}", text)
    return notebook


def book_notebook(run: Run, quoted: Mapping[str, Claim] | None = None) -> nbformat.NotebookNode:
    """The executed notebook as the book shows it.

    ``quoted`` holds the claims on file by identifier: the box of a claim begins with the sentence that it is about.
    """
    notebook = executed_notebook(run)
    injected = any("injected-parameters" in cell.metadata.get("tags", []) for cell in notebook.cells)
    cells: list[nbformat.NotebookNode] = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            if (
                run.page != run.notebook and run.notebook != "what_if"
            ):  # a second page of one notebook: its labels stand in the first
                cell.source = _of_another_set(cell.source, run.label.partition("+")[0])
            cells.append(cell)
            continue
        tags = cell.metadata.get("tags", [])
        if "parameters" in tags and injected:
            continue  # the values of this run stand in the next cell
        folded = folds(cell.source, tags)
        cell.outputs = [_shown(output, quoted or {}) for output in cell.outputs if not _hidden(output)]
        before = cells[-1] if cells else None
        if folded and before is not None and before.metadata.get("mystnb") and not before.outputs:
            cell.source = f"{before.source}\n\n\n{cell.source}"
            cells.pop()
        # No times, no papermill marks: equal runs give equal pages.
        cell.metadata = nbformat.from_dict({"tags": [*dict.fromkeys([*tags, *(["hide-input"] if folded else [])])]})
        if folded:
            what = bar(cell.source, tags, cell.outputs)
            cell.metadata["mystnb"] = {"code_prompt_show": f"Show the code: {what}", "code_prompt_hide": f"Hide the code: {what}"}
        cells.append(cell)
    notebook.cells = cells
    notebook.metadata = nbformat.from_dict({"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    return notebook


def _of_another_set(text: str, name: str) -> str:
    """A page's text without its labels, which stand in the page of the set ``paper``, and with the set in its title."""
    return re.sub(r"^(# .*)$", rf"\1 (set *{name}*)", _LABEL.sub("", text), count=1, flags=re.M)


def folds(source: str, tags: list[str]) -> bool:
    """Whether a cell is set-up or show."""
    if {"hide-input", "injected-parameters", "parameters"} & set(tags) or _IMPORT.search(source):
        return True
    return any(call.search(source) for call, _ in _SHOWS)


def bar(source: str, tags: list[str], outputs: Sequence[nbformat.NotebookNode] = ()) -> str:
    """What a folded cell holds, in a few words: what stands below it, else what it calls."""
    page = "\n".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    counted = [(len(mark.findall(page)), one, many) for mark, one, many in _LEFT]
    words = [one if count == 1 else many for count, one, many in counted if count]
    words = words or [what for call, what in _SHOWS if call.search(source)]
    if _IMPORT.search(source):
        words.insert(0, "set-up")
    elif {"injected-parameters", "parameters"} & set(tags):
        words.insert(0, "the parameters of this run")
    words = words or ["the computation"]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _hidden(output: nbformat.NotebookNode) -> bool:
    return output.get("metadata", {}).get(METADATA_KEY, {}).get("myst") == ""


def _shown(output: nbformat.NotebookNode, quoted: Mapping[str, Claim]) -> nbformat.NotebookNode:
    myst = output.get("metadata", {}).get(METADATA_KEY, {}).get("myst")
    if myst is None:
        return output
    text = _BOX.sub(lambda box: box[1] + _said(box[2], quoted), myst)
    return nbformat.v4.new_output("display_data", data={"text/markdown": text})


def _said(identifier: str, quoted: Mapping[str, Claim]) -> str:
    claim = quoted.get(identifier)
    return f"The paper ({claim.figure}): “{claim.quote}”\n\n*Ours:* " if claim else ""
