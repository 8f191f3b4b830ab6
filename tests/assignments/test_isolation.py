"""What a hostile or unlucky cell costs: its own task; and what it reaches: nothing. Both kinds of walls are tried."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from small_project import ROOT

from compendium.classroom import kernel, sandbox
from compendium.classroom.execution import execute
from compendium.classroom.sandbox import BUBBLEWRAP, NAMESPACES, NONE, Limits

KINDS = (BUBBLEWRAP, NAMESPACES)
SWITCHED_OFF = "import ast\nclass T(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\n"
SWITCHED_OFF += "get_ipython().ast_transformers.append(T())"
LATER = "import os, threading\nthreading.Timer(0.3, os._exit, (0,)).start()"
PRYING = f"""
import os, shutil, signal, socket, sys
for process in (os.getppid(), 1):
    try: os.kill(process, signal.SIGTERM)
    except OSError: pass
for place in ('.', '..', '../..', '../../..', {str(ROOT / "notebooks")!r}, {str(Path.home() / ".ssh")!r}, '/tmp'):
    shutil.rmtree(place, ignore_errors=True)
places = ({str(ROOT / "notebooks")!r}, {str(ROOT / "compendium")!r}, '/root/.bashrc', '/etc/shadow', '/home')
seen = [place for place in places if os.path.exists(place)]
for path in ('/usr/x', '/isac/isaclib/x', sys.prefix + '/x'):
    try: open(path, 'w'); seen.append(path)
    except OSError: pass
try: socket.create_connection(('127.0.0.1', 22), 1); seen.append('network')
except OSError: pass
print('SEEN', seen, len([each for each in os.listdir('/proc') if each.isdigit()]) < 20)
"""


def run(tmp_path, *sources, **limits):
    """Outputs of cells, each as a list of texts; cells that begin with assert are tests."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    result = execute(notebook, tmp_path / "run", Limits(**limits), lambda cell: cell.source.startswith("assert"))
    said = [
        [output.get("evalue") or output.get("text") or str(output.get("data")) for output in cell.outputs]
        for cell in notebook.cells
    ]
    return said, result


@pytest.fixture(scope="module")
def walls():
    """At least one kind of walls is to be had where the suite runs on Linux."""
    kind = sandbox.walls()
    assert kind != NONE or sys.platform != "linux"
    return kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_reaches_nothing_of_this_machine(kind, tmp_path, monkeypatch, walls):
    if walls == NONE or (walls == NAMESPACES and kind == BUBBLEWRAP):
        kind = walls
    monkeypatch.setattr(kernel, "walls", lambda: kind)
    (tmp_path / "marks.csv").write_text("mine")
    said, _ = run(
        tmp_path, PRYING, "1 + 1", f"import os\nos.path.exists({str(tmp_path / 'marks.csv')!r})", "import isaclib, numpy"
    )
    if kind != NONE:
        assert said[0] == ["SEEN [] True\n"] and said[2] == ["{'text/plain': 'False'}"]
    assert said[1] == ["{'text/plain': '2'}"] and said[3] == []
    assert (tmp_path / "marks.csv").read_text() == "mine" and (ROOT / "notebooks").exists()


def test_exit_loops_and_floods_cost_their_cell_and_no_other(tmp_path, walls):
    sources = [
        "a = 5",
        "exit()",
        "quit()",
        "raise SystemExit",
        "while True: pass",
        "'x' * 30_000_000",
        "raise ValueError('y' * 20_000_000)",
    ]
    sources += ["for _ in range(2000): print('z' * 1000)", "b = bytearray(10**10)", "range = 5", "assert a == 5"]
    said, result = run(tmp_path, *sources, cell_seconds=3)
    assert "exit() or quit() was called" in said[1][0] and "exit() or quit() was called" in said[2][0]
    assert said[4] == ["stopped after 3 s (an endless loop?)"]
    assert "left out" in said[5][0] and all(len(text) < 200_000 for text in [*said[5], *said[6]])
    assert sum(map(len, said[7])) < 1_100_000
    assert said[8] and not said[10] and not result.doubtful and result.shadowed == {"range"}


def test_a_death_costs_the_cell_that_caused_it_even_when_it_comes_later(tmp_path, walls):
    said, _ = run(
        tmp_path, "a = 5", "import os; os._exit(1)", LATER, "assert a == 5", "import time; time.sleep(0.6)", "assert a == 5"
    )
    assert "kernel died" in said[1][0] and "kernel died" in said[2][0]
    assert said[3] == said[4] == said[5] == []


def test_what_is_over_the_limit_of_a_submission_is_open_and_not_zero(tmp_path, walls):
    loops = ["import time\nwhile True:\n    time.sleep(0.01)"] * 5
    said, result = run(tmp_path, *loops, "assert True", cell_seconds=2, total_seconds=6)
    assert "had used its 6 s" in said[5][0] and "had used its 6 s" in result.doubtful[5]


@pytest.mark.parametrize(
    "source", [SWITCHED_OFF, "import numpy\nnumpy.allclose = lambda *a, **k: True", "import numpy\nnumpy.all = lambda *a: True"]
)
def test_switched_off_assertions_are_noticed(tmp_path, walls, source):
    _, result = run(tmp_path, source, "assert 1 == 2")
    assert "switched off" in result.doubtful[1]


def test_a_machine_without_walls_says_so(monkeypatch):
    from compendium.classroom.sitting import Sitting

    monkeypatch.setattr("compendium.classroom.sitting.walls", lambda: NONE)
    assert Sitting.isolation(None)[0].startswith("not isolated")
    assert sandbox.enclose(["true"], Path("/tmp"), Limits(), NONE)[0] in ("/bin/sh", "true")


def test_limits_reach_the_process(tmp_path):
    command = sandbox.enclose([sys.executable, "-c", "bytearray(10**9)"], tmp_path, Limits(memory_mb=500), NONE)
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert re.search("MemoryError", result.stderr)
