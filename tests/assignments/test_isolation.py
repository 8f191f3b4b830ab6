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
    said, result = run(tmp_path, *loops, "assert True", cell_seconds=1, total_seconds=3)
    assert "had used its 3 s" in said[5][0] and "had used its 3 s" in result.doubtful[5]


FORGED = """
kernel = get_ipython().kernel
send = lambda kind, content: kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
for content in ({}, {'data': 5, 'metadata': {}}, {'data': {'text/plain': {'x': 1}}, 'metadata': 3}):
    send('display_data', content)
for content in ({}, {'name': 'stdout', 'text': 5}, {'text': 'x'}, {'name': 'other', 'text': 'x'}):
    send('stream', content)
for content in ({}, {'ename': 3, 'evalue': 4, 'traceback': 5}):
    send('error', content)
send('status', {})
kernel.iopub_socket.send(b'garbage')
kernel.iopub_socket.send_multipart([b'<IDS|MSG>', b'x', b'{', b'{', b'{', b'{'])
"""
DISK = "import os\npath = os.environ['MPLCONFIGDIR']\nfor name in range(3):\n    with open(f'{path}/{name}', 'wb') as file:\n"
DISK += "        for _ in range(300): file.write(bytes(1 << 20))\nimport time; time.sleep(2)"
ELSEWHERE = "for place in ('/big', '/tmp/big', '/dev/big', '/dev/shm/big'):\n    try:\n        with open(place, 'wb') as file:\n"
ELSEWHERE += (
    "            for _ in range(700): file.write(bytes(1 << 20))\n        print('WRITTEN', place)\n    except OSError: pass"
)
MANY = "import subprocess, time\nfor _ in range(150): subprocess.Popen(['sleep', '99'])\ntime.sleep(3)"
STOPPED = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"
DEEP = "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())"
OTHER_KEY = "get_ipython().kernel.session.key = b'other'"
HALF = "print('\\ud800'), print('\\0')"


HARMLESS = (FORGED, HALF, "raise ValueError('\\ud800 \\0')", "import os, signal\nos.kill(-1, signal.SIGKILL)", ELSEWHERE)


def test_forged_messages_half_letters_and_full_disks_cost_their_cell_and_no_other(tmp_path, walls):
    said, result = run(tmp_path, "a = 5", *(each for source in HARMLESS for each in (source, "assert a == 5")))
    assert said[2::2] == [[]] * len(HARMLESS) and not result.doubtful
    assert "WRITTEN" not in str(said)
    nbformat.write(result.notebook, tmp_path / "graded.ipynb")


@pytest.mark.parametrize(
    "source, says",
    [
        (OTHER_KEY, "stopped after 2 s"),
        (STOPPED, "stopped after 2 s"),
        (DISK, "wrote more than 512 MB"),
        (MANY, "started more than 100 processes"),
        (DEEP, "kernel died"),
    ],
    ids="key stopped disk processes deep".split(),
)
def test_a_hostile_cell_costs_itself_and_leaves_nothing(tmp_path, walls, source, says):
    said, result = run(tmp_path, "a = 5", source, "assert a == 5", cell_seconds=2 if "2 s" in says else 30)
    assert said[2] == [] and not result.doubtful and says in said[1][0]
    assert not list((tmp_path / "run").glob("*/*"))


REPLACED = """import builtins, numpy
from isaclib.foundations import fisher
numpy.allclose = numpy.linalg.norm = builtins.abs = fisher.crb_trace = lambda *a, **k: 1.0"""


@pytest.mark.parametrize(
    "source, says",
    [
        (SWITCHED_OFF, "switched off"),
        (
            SWITCHED_OFF.replace("return ast.Pass()", "return node if isinstance(node.test.left, ast.Constant) else ast.Pass()"),
            "off",
        ),
        ("r = get_ipython().run_cell\nget_ipython().run_cell = lambda c, *a, **k: r('pass' if 'a ==' in c else c)", "off"),
        (REPLACED, "replaced allclose, norm, abs, crb_trace"),
    ],
)
def test_switched_off_assertions_and_replaced_functions_are_noticed(tmp_path, walls, source, says):
    _, result = run(tmp_path, f"a = 5\n{source}", "assert a == 6")
    assert says in result.doubtful[1]


def test_a_thread_that_is_left_behind_makes_a_later_test_open_and_not_zero(tmp_path, walls):
    left = "import threading\ndef work():\n    while True: print('x' * 100)\nthreading.Thread(target=work).start()"
    _, result = run(tmp_path, left, "assert not __import__('time').sleep(9)", cell_seconds=2)
    assert "threads that an earlier cell had started" in result.doubtful[1]
    _, result = run(tmp_path / "b", "a = 5", "assert not __import__('time').sleep(9)", cell_seconds=2)
    assert not result.doubtful


def test_a_thread_that_uses_up_the_memory_makes_a_later_test_open_and_not_zero(tmp_path, walls):
    left = "import threading\ndef work():\n    kept = bytearray(900 << 20)\n    while True: kept[0] = 1\n"
    _, result = run(tmp_path, left + "threading.Thread(target=work).start()", "assert bytearray(2500 << 20)")
    assert "threads that an earlier cell had started" in result.doubtful[1]
    _, result = run(tmp_path / "b", "a = 5", "assert bytearray(3500 << 20)")
    assert not result.doubtful


@pytest.mark.parametrize(("watched", "doubt"), [(1, "had started"), (0, "died before this test began")])
def test_a_kernel_that_dies_with_a_thread_of_an_earlier_cell_leaves_the_test_open(tmp_path, walls, monkeypatch, watched, doubt):
    """The cause may lie in the thread: in the test (or in the questions before it), the kernel is found dead."""
    looks, asked = [], kernel.Kernel.ask

    def ask(self, source, *rest):
        if "1 == 2" in source and not looks:
            looks.append(source)
            if not watched:
                raise kernel.KernelGone("the kernel died in this cell (out of memory?)")
            reply = asked(self, source, *rest)
            self.manager.provisioner.process.kill()
            return reply
        return asked(self, source, *rest)

    monkeypatch.setattr(kernel.Kernel, "ask", ask)
    left = "import threading, time\nthreading.Thread(target=time.sleep, args=(20,)).start()"
    said, result = run(tmp_path, left, "assert not __import__('time').sleep(5)", "5")
    assert doubt in result.doubtful[1] and said[1] and said[2] == ["{'text/plain': '5'}"]


def test_a_machine_without_walls_says_so(monkeypatch):
    from compendium.classroom.sitting import Sitting

    monkeypatch.setattr("compendium.classroom.sitting.walls", lambda: NONE)
    assert Sitting.isolation(None)[0].startswith("not isolated")
    assert sandbox.enclose(["true"], Path("/tmp"), Limits(), NONE)[0] in ("/bin/sh", "true")


def test_limits_reach_the_process(tmp_path):
    command = sandbox.enclose([sys.executable, "-c", "bytearray(10**9)"], tmp_path, Limits(memory_mb=500), NONE)
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert re.search("MemoryError", result.stderr)


def test_the_container_recipe_copies_what_is_there_and_says_that_it_is_untried():
    recipe = (ROOT / "compendium" / "classroom" / "Dockerfile").read_text()
    assert recipe.startswith("# UNTRIED") and "bubblewrap" in recipe
    for source in re.findall(r"^COPY (\S+) \./$", recipe, re.MULTILINE):
        assert (ROOT / source).exists()
    for folder in re.findall(r"-e (\S+)", recipe):
        assert (ROOT / folder / "pyproject.toml").exists()
