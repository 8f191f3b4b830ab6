"""Files as students hand them in, and what is collected of them."""

import io
import zipfile

import nbformat

from compendium.classroom.collection import collect_all


def notebook(text="1", section="tiny", variant=None) -> str:
    cell = nbformat.v4.new_code_cell(text, metadata={"nbgrader": {"grade_id": "double", "solution": True}})
    cell["id"] = "one"
    made = nbformat.v4.new_notebook(cells=[cell], metadata={"isac": {"assignment": section, "variant": variant}})
    return nbformat.writes(made)


def zipped(**files) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/", 1).replace("DOT", "."), content)
    return target.getvalue()


def found(folder, roster=None, tmp=None, **options):
    path = None
    if roster is not None:
        path = folder.folder.parent / "roster.csv"
        path.write_bytes(roster if isinstance(roster, bytes) else roster.encode())
    collected = collect_all(folder.folder, path, "tiny", **options)
    return {each.student: each for each in collected.submissions}, dict(collected.passed_over)
