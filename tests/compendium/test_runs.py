"""What runs again and what does not; failures and interrupts lose nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from small_project import ROOT, edit

from compendium.notebook.context import Context, current
from compendium.runs import digest, order, warm
from compendium.runs import plan as runs
from compendium.runs.children import Children, Outcome
from compendium.runs.folders import publish
from compendium.runs.order import carry_out


def due(root: Path) -> list[str]:
    return [run.name for run in runs.plan(root, "quick") if not run.is_current()]


ALL = ["demo/model [quick]", "demo/results [quick]", "demo/what_if [louder+quick]"]


def test_a_fresh_project_needs_every_run(project):
    assert due(project) == ALL


def test_unchanged_inputs_are_not_run_again(finished):
    assert due(finished) == []
    assert [outcome.state for outcome in carry_out(runs.plan(finished, "quick"))] == ["current"] * 3


def test_a_changed_set_repeats_exactly_its_runs(finished_copy):
    sets = finished_copy / "notebooks" / "demo" / "parameters"
    edit(sets / "louder.yml", "slope: 4.0", "slope: 5.0")
    assert due(finished_copy) == ["demo/what_if [louder+quick]"]
    edit(sets / "quick.yml", "kind: plain", "kind: fancy")  # only results takes it; the what-if compares itself with results
    assert due(finished_copy) == ["demo/results [quick]", "demo/what_if [louder+quick]"]
    edit(sets / "paper.yml", "slope: 1.0", "slope: 1.5")
    assert due(finished_copy) == ["demo/results [quick]", "demo/what_if [louder+quick]"]


def test_a_changed_notebook_repeats_itself(finished_copy):
    edit(finished_copy / "notebooks" / "demo" / "model.py", "slope * 2", "slope * 3")
    assert due(finished_copy) == ["demo/model [quick]"]


def test_a_changed_lock_repeats_everything(finished_copy):
    (finished_copy / "requirements.lock").write_text("numpy==0\n")
    assert due(finished_copy) == ALL


def test_a_changed_module_that_a_notebook_imports_repeats_it(finished, monkeypatch, tmp_path):
    changed = {**digest.HOMES, "isaclib": Path(shutil.copytree(digest.HOMES["isaclib"], tmp_path / "isaclib"))}
    monkeypatch.setattr(digest, "HOMES", changed)
    assert due(finished) == []
    with (tmp_path / "isaclib" / "foundations" / "plotting.py").open("a") as file:
        file.write("# changed\n")
    assert due(finished) == ALL[1:]  # the model imports nothing


def test_what_a_run_leaves(finished):
    folder = finished / "build" / "runs" / "demo" / "results" / "quick"
    assert sorted(path.name for path in folder.iterdir()) == ["claims.json", "explorers", "figures", "notebook.ipynb", "run.json"]
    record = json.loads((folder / "run.json").read_text())
    assert record["seed"] == 1 and record["set"] == "quick" and record["seconds"] > 0
    assert record["parameters"] == {"slope": 1.0, "points": 5, "levels": [0.0, 10.0], "kind": "plain", "seed": 1}
    assert record["versions"]["python"].startswith("3.")
    assert (folder / "figures" / "parabola.csv").read_text().splitlines()[0] == "x_m,height_m2"


def test_forks_leave_what_processes_leave_that_start_from_nothing(finished, project, monkeypatch):
    """Three runs by two jobs are made in forks, unless there is nothing to fork."""
    monkeypatch.setattr(warm.Warm, "_serve", lambda self, cwd: subprocess.Popen(["true"], stdin=-1, stdout=-1, text=True))
    assert [outcome.state for outcome in carry_out(runs.plan(project, "quick"), jobs=2)] == ["done"] * 3
    for run in runs.plan(project, "quick"):
        left = finished / run.directory.relative_to(project)
        names = sorted(path.relative_to(run.directory) for path in run.directory.rglob("*") if path.is_file())
        assert names == sorted(path.relative_to(left) for path in left.rglob("*") if path.is_file())
        for name in names:
            if name.suffix in (".csv", ".svg") or name.name == "claims.json":
                assert (left / name).read_bytes() == (run.directory / name).read_bytes(), name
        record, other = (json.loads((folder / "run.json").read_text()) for folder in (left, run.directory))
        assert record["versions"] == other["versions"] and record["digest"] == other["digest"]


def test_a_fork_is_not_taken_after_an_edit_of_a_module(project, monkeypatch):
    plan = runs.plan(project, "quick")
    waiting = warm.Warm(plan[:2])
    assert [waiting.takes(run) for run in plan] == [True, True, False]
    monkeypatch.setattr(warm, "library", lambda: "another digest")
    assert not waiting.takes(plan[0])


def test_each_run_gets_only_its_own_names(finished):
    by_name = {run.name: run for run in runs.plan(finished, "quick")}
    assert by_name["demo/model [quick]"].values == {"slope": 1.0}
    # In a quick book a what-if takes the amount of work from quick, and the rest from its own set.
    assert by_name["demo/what_if [louder+quick]"].values["points"] == 5
    assert by_name["demo/what_if [louder+quick]"].values["slope"] == 4.0


def test_a_failing_notebook_leaves_nothing_and_stops_nothing_else(project):
    edit(project / "notebooks" / "demo" / "results.py", "x = np.linspace(0, 1, points)", "x = 1 / 0")
    outcomes = {outcome.run.name: outcome for outcome in carry_out(runs.plan(project, "quick"), jobs=2)}
    assert [outcome.state for outcome in outcomes.values()] == ["done", "failed", "skipped"]
    failure = outcomes["demo/results [quick]"].failure
    assert "ZeroDivisionError" in failure["error"]
    assert "cell 5" in failure["cell"] and "x = 1 / 0" in failure["source"]
    left = {path.name for path in (project / "build" / "runs" / "demo").rglob("*") if path.is_file() and "results" in str(path)}
    assert left == set()
    log = outcomes["demo/results [quick]"].run.log.read_text()
    assert "ZeroDivisionError" in log and "another exception occurred" not in log


def test_a_failing_run_keeps_the_last_good_one(finished_copy):
    edit(finished_copy / "notebooks" / "demo" / "model.py", "assert slope > 0", "assert slope < 0")
    folder = finished_copy / "build" / "runs" / "demo" / "model" / "quick"
    before = (folder / "run.json").read_text()
    outcome = carry_out([run for run in runs.plan(finished_copy, "quick") if run.notebook == "model"])[0]
    assert outcome.state == "failed"
    assert (folder / "run.json").read_text() == before
    assert not runs.plan(finished_copy, "quick")[0].is_current()


def test_an_interrupt_leaves_what_had_finished_and_goes_on_from_there(project):
    edit(project / "notebooks" / "demo" / "results.py", "x = np.linspace(0, 1, points)", "import time; time.sleep(600); x = 0")
    script = (
        "import signal, sys; from pathlib import Path; from compendium.runs import plan as runs\n"
        "from compendium.runs.order import carry_out\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background would hand on that it is ignored\n"
        "carry_out(runs.plan(Path(sys.argv[1]), 'quick'), jobs=1 + 1,\n"
        "    listener=lambda event, run, outcome: print(event, run.name, flush=True))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, "-c", script, str(project)], stdout=subprocess.PIPE, text=True, env=environment)
    for line in child.stdout:
        if line.startswith("end demo/model"):
            break
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    assert child.wait() != 0
    model, results, _ = runs.plan(project, "quick")
    assert model.is_current()
    assert results.record() is None
    assert list(project.glob("build/runs/demo/results/.*")) == []


def test_a_command_that_is_terminated_says_that_it_can_go_on(project):
    edit(project / "notebooks" / "demo" / "results.py", "x = np.linspace(0, 1, points)", "import time; time.sleep(600); x = 0")
    command = [sys.executable, "-c", "from compendium.cli.main import main; main()", "run", "demo", "results", "--jobs", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True, env=environment)
    printed = next(line for line in child.stdout if "start" in line and "demo/results" in line)
    child.terminate()
    assert "the same command goes on from there" in " ".join(child.communicate()[0].split()), printed
    assert child.returncode == 130
    assert list(project.glob("build/runs/demo/results/.*")) == []


def test_an_interrupt_is_heard_while_the_main_thread_sleeps(project):
    """The signal reaches a worker's thread: Python handles it in the main one, once that wakes."""
    edit(project / "notebooks" / "demo" / "model.py", "slope * 2", "import time; time.sleep(20)")

    def listener(event, run, outcome):
        if event == "start":  # by then the main thread waits, and the cell runs
            threading.Timer(4.0, signal.pthread_kill, (threading.get_ident(), signal.SIGTERM)).start()

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as the command line does
    try:
        with pytest.raises(KeyboardInterrupt):
            carry_out(runs.plan(project, "quick")[:1], listener=listener)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert list(project.glob("build/runs/demo/model/*")) == []


def test_an_interrupt_starts_no_run_that_was_about_to_start(project, monkeypatch):
    """The interrupt arrives while a worker thread is between its listener and its process."""
    about_to_start, interrupted = threading.Event(), threading.Event()
    stop = Children.stop

    def stop_first(children):
        stop(children)
        interrupted.set()

    def interrupt(futures, timeout, return_when):
        about_to_start.wait()
        raise KeyboardInterrupt

    def listener(event, run, outcome):
        if event == "start":
            about_to_start.set()
            interrupted.wait()
        ended.append(outcome)

    ended = []
    monkeypatch.setattr(Children, "stop", stop_first)
    monkeypatch.setattr(order, "wait", interrupt)
    edit(project / "notebooks" / "demo" / "model.py", "slope * 2", "import time; time.sleep(600)")
    with pytest.raises(KeyboardInterrupt):
        carry_out(runs.plan(project, "quick")[:1], listener=listener)
    while len(ended) < 2:
        time.sleep(0.05)
    assert ended[1].state == "failed"
    assert list(project.glob("build/runs/demo/model/*")) == []


def test_two_builds_publish_the_same_folder_one_after_the_other(tmp_path):
    """Without a lock one of them finds the other's folder in its way."""
    problems = []

    def publisher(name):
        for count in range(200):
            partial = tmp_path / f".{name}.partial"
            partial.mkdir()
            (partial / "who").write_text(f"{name} {count}")
            try:
                publish(partial, tmp_path / "final")
            except OSError as error:
                problems.append(error)
                return

    threads = [threading.Thread(target=publisher, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_a_killed_build_in_the_background_leaves_no_run_behind(project):
    edit(project / "notebooks" / "demo" / "model.py", "slope * 2", "import time; time.sleep(600)")
    script = (
        "import signal, sys; from pathlib import Path; from compendium.runs import plan as runs\n"
        "from compendium.runs.order import carry_out\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts in the background\n"
        "carry_out(runs.plan(Path(sys.argv[1]), 'quick')[:1], listener=lambda *event: print(event[0], flush=True))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, "-c", script, str(project)], stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout.readline() == "start\n"
    while not list(project.glob("build/runs/demo/model/.*.partial/source.ipynb")):
        time.sleep(0.2)
    child.kill()
    while list(project.glob("build/runs/demo/model/.*.partial")):  # the orphan notices, stops its kernel and cleans up
        time.sleep(0.2)
    assert list(project.glob("build/runs/demo/model/*")) == []


@pytest.mark.parametrize("count", [1, 2], ids=["process", "fork"])
def test_a_killed_build_leaves_no_kernel_behind(project, tmp_path, count):
    number = tmp_path / "kernel"
    sleeps = f"import os, time; open('{number}', 'w').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
    edit(project / "notebooks" / "demo" / "model.py", "slope * 2", sleeps)
    script = (
        "import sys; from pathlib import Path; from compendium.runs import plan as runs\n"
        "from compendium.runs.order import carry_out\n"
        f"carry_out(runs.plan(Path(sys.argv[1]), 'quick')[:{count}], jobs=1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, "-c", script, str(project)], env=environment)
    while not (number.exists() and number.read_text().endswith("\n")):
        assert child.poll() is None
        time.sleep(0.2)
    kernel = Path("/proc") / number.read_text().strip()
    assert kernel.exists()
    child.kill()
    child.wait()
    while kernel.exists() and "(zombie)" not in (kernel / "status").read_text():
        time.sleep(0.2)


def test_a_custom_run_lands_beside_the_named_ones(project):
    section = runs.load_section(project, "demo")
    values = section.schema.load_named("quick")
    run = runs.custom_run(project, section, "model", values | {"slope": 2.0}, "quick", "paper")
    other = runs.custom_run(project, section, "model", values | {"slope": 3.0}, "quick", "paper")
    assert run.label.startswith("quick+") and run.label != other.label
    assert run.directory != runs.base_runs(project, section, "quick")[0].directory


def test_the_context_travels_through_the_environment(monkeypatch):
    sent = Context(section="demo", notebook="what_if", set_name="louder+quick", seed=3, jobs=2)
    for name, value in sent.to_environment().items():
        monkeypatch.setenv(name, value)
    assert current() == sent
    assert current().page == "what_if_louder"


def test_an_unknown_section_is_refused(project):
    with pytest.raises(ValueError, match="sections: demo"):
        runs.load_section(project, "dmo")


def foreign_kernel(folder: Path, monkeypatch) -> None:
    """A kernel python3 on the Jupyter path that is another interpreter, as one installed long ago for another project is."""
    home = folder / "kernels" / "python3"
    home.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "Python 3", "language": "python"}
    (home / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(folder))


def test_the_kernel_is_this_interpreter_and_says_with_which_versions_it_computed(project, tmp_path, monkeypatch):
    foreign_kernel(tmp_path / "jupyter", monkeypatch)
    fake = tmp_path / "numpy-0.0.1.dist-info"  # the kernel finds this before the installed one; the process that starts it too
    fake.mkdir()
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0", "import sys; assert slope > 0; print(sys.executable)")
    (outcome,) = carry_out(runs.plan(project, "quick")[:1])
    assert outcome.state == "done", outcome.failure
    assert f'"{sys.executable}\\n"' in (outcome.run.directory / "notebook.ipynb").read_text()
    assert outcome.run.record()["versions"]["numpy"] == "0.0.1"
    assert sorted(path.name for path in outcome.run.directory.iterdir()) == ["notebook.ipynb", "run.json"]


def test_a_kernel_that_cannot_start_says_why(project, tmp_path, monkeypatch):
    (tmp_path / "ipykernel").mkdir()
    (tmp_path / "ipykernel" / "__init__.py").write_text("raise ImportError('ipykernel is broken here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (outcome,) = carry_out(runs.plan(project, "quick")[:1])
    assert outcome.state == "failed" and outcome.failure["cell"] == "before the first cell"
    assert f"the kernel {sys.executable} did not start" in outcome.failure["error"]
    assert outcome.failure["error"].endswith("ImportError: ipykernel is broken here")
    assert "Traceback" in outcome.run.log.read_text()


def test_a_kernel_that_dies_names_its_cell(project):
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0", "import os; os._exit(9)")
    (outcome,) = carry_out(runs.plan(project, "quick")[:1])
    assert outcome.state == "failed" and outcome.failure["cell"] == "cell 4"
    assert f"the kernel {sys.executable} ended" in outcome.failure["error"]


def test_what_takes_long_or_what_others_wait_for_is_begun_first(project, monkeypatch):
    begun = []
    monkeypatch.setattr(order, "run_child", lambda run, *rest: begun.append(run.notebook) or Outcome(run, "done"))
    plan = runs.plan(project, "quick")
    carry_out(plan, jobs=1)
    assert begun == ["results", "model", "what_if"]  # the what-if waits for the results
    for run in runs.plan(project, "paper"):  # a record of another set ranks the notebooks
        run.directory.mkdir(parents=True)
        (run.directory / "run.json").write_text(json.dumps({"seconds": {"model": 9, "results": 5, "what_if": 7}[run.notebook]}))
    begun.clear()
    carry_out(plan, jobs=1)
    assert begun == ["model", "results", "what_if"]
