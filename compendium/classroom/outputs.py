"""Outputs of a student's cells: in the form that a notebook asks for, of a length that somebody reads, of letters."""

from __future__ import annotations

import json
from typing import Any

import nbformat


def kept(message: dict[str, Any]) -> tuple[nbformat.NotebookNode, int]:
    """The output that a kernel's message brings, shortened, and its size; an error for a message that is malformed."""
    output = nbformat.v4.output_from_msg(message)
    if output.output_type == "stream":
        output.text, output.name = words(output.text), "stderr" if output.name == "stderr" else "stdout"
    else:
        nbformat.validate(output, ref=output.output_type, version=4)
    text = json.dumps(shortened(output), ensure_ascii=False)
    return nbformat.from_dict(json.loads(words(text))), len(text)


def failure(name: str, reason: str) -> nbformat.NotebookNode:
    """The output of a cell that failed."""
    return nbformat.v4.new_output("error", ename=name, evalue=reason, traceback=[f"{name}: {reason}"])


def shortened(output: nbformat.NotebookNode, text: int = 100_000, data: int = 900_000) -> nbformat.NotebookNode:
    """An output without what nobody reads: the middle of long texts, pictures that are too large."""
    if output.output_type == "stream":
        output.text = _cut(output.text, text)
    elif output.output_type == "error":
        output.evalue = _cut(output.evalue, 2000)
        output.traceback = [_cut(line, 5000) for line in output.traceback[:5] + output.traceback[5:][-15:]]
    else:
        for kind, content in list(output.data.items()):
            if kind.startswith("text/plain"):
                output.data[kind] = _cut(content, text)
            elif len(str(content)) > data:
                del output.data[kind]
                output.data.setdefault("text/plain", f"[{kind} of {len(str(content)):,} characters left out]")
    return output


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n[... {len(text) - most:,} characters left out ...]\n{text[-most // 2 :]}"


def words(value: object) -> str:
    """A value as text that can be written: half a pair of UTF-16 is no letter."""
    return str(value).encode("utf-8", "replace").decode()
