"""Whole runs with one job, with two, and on a real cluster that loses a worker in the middle: the same results bit by bit."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_project import copy_project, edit

from compendium.cli import main as cli
from compendium.runs import cluster, order
from compendium.runs import plan as runs
from compendium.runs.children import Outcome
from compendium.runs.order import carry_out

# A simulation in the small project's results notebook: slow draws that leave the number of their process behind.
SIMULATION = """
# %%
import os
import time
from pathlib import Path

from compendium.notebook import context
from isaclib.foundations import montecarlo


def draw(rng):
    (Path("{witness}") / str(os.getpid())).touch()
    time.sleep({pause})
    return rng.normal()


(Path("{witness}") / f"kernel-{{os.getpid()}}").touch()
samples = np.array(montecarlo.map_draws(draw, np.random.default_rng(seed), 80, **context.workers()))
figure, axes = plotting.subplots()
plotting.line(axes, np.arange(80), samples, "exact")
axes.set(xlabel="Draw (1)", ylabel="Value (1)")
figures.show(figure, "draws", data={{"value": samples}}, caption="Draws in their order.", alt="Draws scatter around zero.")
claims.record("009-C2", ours=f"mean {{samples.mean()!r}}", tolerance="none", reproduced=True)
"""


def simulate(folder: Path, *, jobs: int, scheduler: str | None = None, pause: float = 0.03):
    """The simulation in a fresh copy of the project: what its run left, the processes that drew, and the kernels."""
    root, witness = copy_project(folder / "project"), folder / "witness"
    witness.mkdir()
    with (root / "notebooks" / "demo" / "results.py").open("a") as source:
        source.write(SIMULATION.format(witness=witness, pause=pause))
    (run,) = [run for run in runs.plan(root, "quick") if run.notebook == "results"]
    (outcome,) = carry_out([run], jobs=jobs, scheduler=scheduler)
    assert outcome.state == "done", outcome
    kept = [*run.directory.glob("figures/*.csv"), *run.directory.glob("figures/*.svg"), *run.directory.glob("claims.json")]
    left = {path.name: path.read_bytes() for path in kept}
    seen = {path.name for path in witness.iterdir()}
    kernels = {name.removeprefix("kernel-") for name in seen if name.startswith("kernel-")}
    return left, {name for name in seen if name.isdigit()}, kernels


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """One job: the results to which the others are held."""
    return simulate(tmp_path_factory.mktemp("alone"), jobs=1, pause=0.0)  # nobody else is to have a turn


def test_one_job_draws_in_the_kernel(alone):
    left, drew, kernels = alone
    assert drew == kernels and len(kernels) == 1
    assert {"draws.csv", "parabola.csv", "draws.svg", "claims.json"} <= set(left)


def test_a_single_run_gives_its_jobs_to_the_draws(alone, tmp_path):
    left, drew, kernels = simulate(tmp_path, jobs=2)
    assert len(drew) == 2 and not drew & kernels
    assert left == alone[0]


def test_several_runs_go_side_by_side_and_keep_one_job_each(project, monkeypatch):
    at_work, most, given = set(), [], []
    together = threading.Barrier(2)

    def run_child(run, jobs, scheduler, children):
        at_work.add(run)
        most.append(len(at_work))
        given.append(jobs)
        if jobs_at_once == 2 and len(most) <= 2:
            together.wait()
        at_work.discard(run)
        return Outcome(run, "done")

    monkeypatch.setattr(order, "run_child", run_child)
    plan = runs.plan(project, "quick")
    jobs_at_once = 2
    carry_out(plan, jobs=jobs_at_once)
    assert max(most) == 2 and set(given) == {1}
    jobs_at_once = 1
    carry_out(plan[:2], jobs=jobs_at_once)
    assert most[-2:] == [1, 1]
    carry_out(plan[:1], jobs=5)
    assert given[-1] == 5


def test_a_cluster_that_loses_a_worker_gives_the_same(alone, tmp_path):
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as workers:
        first = {nanny.worker_address: nanny.pid for nanny in workers.workers.values()}
        killed = []

        def kill_the_host() -> None:
            """Once draws are being made, kill the worker that holds the run."""
            with Client(workers.scheduler_address, set_as_default=False) as client:
                while not [path for path in (tmp_path / "witness").glob("*") if path.name.isdigit()]:
                    time.sleep(0.05)
                tasks = client.run_on_scheduler(
                    lambda dask_scheduler: {
                        task.key: task.processing_on.address for task in dask_scheduler.tasks.values() if task.processing_on
                    }
                )
            (host,) = {address for key, address in tasks.items() if key.startswith("execute_parcel")}
            os.kill(first[host], signal.SIGKILL)
            killed.append(str(first[host]))

        killer = threading.Thread(target=kill_the_host, daemon=True)
        killer.start()
        left, drew, kernels = simulate(tmp_path, jobs=2, scheduler=workers.scheduler_address)
        killer.join()
    assert len(killed) == 1
    assert len(kernels) == 2, "the run was begun again on the other worker"
    assert not drew & (kernels | {str(os.getpid())})
    assert left == alone[0]


def test_the_record_of_a_run_on_the_cluster_is_that_of_the_sender(project):
    (run,) = [run for run in runs.plan(project, "quick") if run.notebook == "what_if"]
    csv = project / "build" / "runs" / "demo" / "results" / "quick" / "figures" / "parabola.csv"
    csv.parent.mkdir(parents=True)
    csv.write_text("x_m,height_m2\n")
    parcel = cluster.pack(run, "tcp://head:8786")
    assert parcel.digest == run.digest()
    assert set(parcel.files) == {"notebooks/demo/what_if.py", "build/runs/demo/results/quick/figures/parabola.csv"}


@pytest.fixture
def one_worker():
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as workers:
        yield workers.scheduler_address


def test_a_run_on_the_cluster_has_its_base_numbers_and_names_its_failing_cell(one_worker, project):
    csv = project / "build" / "runs" / "demo" / "results" / "quick" / "figures" / "parabola.csv"
    csv.parent.mkdir(parents=True)
    csv.write_text("x_m,height_m2\n" + "0.0,0.0\n" * 7)
    edit(project / "notebooks" / "demo" / "what_if.py", "x = np.linspace", "assert not len(base), len(base)\nx = np.linspace")
    (what_if,) = [run for run in runs.plan(project, "quick") if run.notebook == "what_if"]
    (outcome,) = carry_out([what_if], scheduler=one_worker)
    assert outcome.state == "failed" and outcome.failure["error"] == "AssertionError: 7"
    assert "cell 4" in outcome.failure["cell"] and "assert not len(base)" in outcome.run.log.read_text()
    assert not outcome.run.directory.exists()


def test_a_worker_that_differs_is_refused(one_worker, project, monkeypatch):
    monkeypatch.setattr(cluster, "pack", lambda run, scheduler, pack=cluster.pack: unlike(pack(run, scheduler)))
    (outcome,) = carry_out(runs.plan(project, "quick")[:1], scheduler=one_worker)
    assert outcome.state == "failed" and "differs in numpy" in outcome.failure["error"]


def unlike(parcel: cluster.Parcel) -> cluster.Parcel:
    parcel.versions["numpy"] = "1.0"
    return parcel


def test_an_interrupt_stops_what_the_worker_does(one_worker, project):
    edit(project / "notebooks" / "demo" / "model.py", "assert slope > 0", "import time; time.sleep(600)")
    sent = cluster.Cluster(one_worker)
    (run,) = [run for run in runs.plan(project, "quick") if run.notebook == "model"]
    future = sent._client.submit(cluster.execute_parcel, cluster.pack(run, one_worker), pure=False)
    (scratch,) = sent._client.run(lambda dask_worker: dask_worker.local_directory).values()
    folder = Path(scratch)
    while not list(folder.glob("isac-*/build/runs/demo/model/.*/source.ipynb")):
        assert future.status == "pending"
        time.sleep(0.1)
    sent.close()
    while list(folder.glob("isac-*")):  # the worker notices, stops the child and removes its folder
        time.sleep(0.1)


def test_no_scheduler_is_refused_with_the_remedy(project, monkeypatch):
    monkeypatch.setattr(cli, "project_root", lambda: project)
    monkeypatch.setattr("isaclib.foundations.cluster._ANSWER_S", 0.5)
    result = CliRunner().invoke(cli.main, ["run", "demo", "model", "--scheduler", "tcp://127.0.0.1:9"])
    assert result.exit_code == cli.BAD_INPUT
    assert "no scheduler answers at tcp://127.0.0.1:9" in result.output and "dask scheduler" in result.output
