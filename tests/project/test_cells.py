"""The kinds of cell: set-up and show are folded by a tag that stands in the notebook, what a reader must understand is open."""

import pytest
from cells import IMPORTS, NOTEBOOKS, SHOWS, code_cells, counted, kind, lines, names

MOST_LINES, MOST_COLUMNS = 30, 79  # what a reader sees at once, and what fits into the page

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")


@notebooks
def test_set_up_and_show_are_folded(path):
    for head, body in code_cells(path):
        if '"parameters"' not in head and (SHOWS.search(body) or IMPORTS.search(body)):
            assert '"hide-input"' in head, body.strip()[:200]


@notebooks
def test_open_cells_are_short_and_draw_nothing(path):
    for head, body in code_cells(path):
        if kind(head, body) == "open":
            assert "plotting.subplots(" not in body, body.strip()[:200]
            assert len(lines(body)) <= MOST_LINES, body.strip()[:200]
            assert max(map(len, lines(body))) <= MOST_COLUMNS, max(lines(body), key=len)


@notebooks
def test_an_open_cell_reads_nothing_that_only_a_folded_figure_or_table_binds(path):
    plain, shown = set(), set()
    for head, body in code_cells(path):
        bound, read = names(body)
        if kind(head, body) == "open":
            assert not read & (shown - plain), (sorted(read & (shown - plain)), body.strip()[:200])
        (shown if kind(head, body) == "show" else plain).update(bound)


def test_the_names_of_a_cell():
    cell = "import a.b\nc = [d for d in e]\ndef f(g=h):\n    i = g + j\n    return i\nk += c\nfor m in n:\n    pass\n"
    assert names(cell) == ({"a", "c", "f", "k", "m"}, {"e", "h", "j", "n"})


def test_lines_are_counted_by_kind(tmp_path):
    path = tmp_path / "small.py"
    path.write_text(
        '# ---\n\n# %% [markdown]\n# Text\n\n# %% tags=["parameters"]\nseed = 1\n\n# %% tags=["hide-input"]\nimport math\n\n'
        '# %%\nx = 1\n\ny = 2\n\n# %% tags=["hide-input"]\ntables.table(\n    {}\n)\n\n# %% tags=["hide-input"]\nz = 3\n'
    )
    found = counted(path)
    assert {name: found[name] for name in ("set-up", "open", "show", "computed, folded")} == {
        "set-up": 2,
        "open": 2,
        "show": 3,
        "computed, folded": 1,
    }
    assert found["file"] == 23 and all(sum(counted(path).values()) > 300 for path in NOTEBOOKS)
