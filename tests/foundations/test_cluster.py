"""Draws on a cluster: a real scheduler and two worker processes on this machine, one of them killed in the middle."""

import os
import signal
import time

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.foundations import cluster as sending
from isaclib.foundations import used_solvers
from isaclib.foundations.montecarlo import map_draws

DRAWS = 100


def slow_draw(rng: np.random.Generator) -> tuple[float, int]:
    """A draw that takes long enough to be interrupted; says which process made it."""
    time.sleep(0.02)
    return float(rng.normal()), os.getpid()


@pytest.fixture(scope="module")
def here() -> list[float]:
    """What is drawn without a cluster."""
    return values(map_draws(slow_draw, np.random.default_rng(5), DRAWS))


def values(results) -> list[float]:
    return [value for value, _ in results]


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


def test_the_cluster_gives_the_same_draws_bit_by_bit(cluster, here):
    there = map_draws(slow_draw, np.random.default_rng(5), DRAWS, scheduler=cluster.scheduler_address)
    assert here == values(there)
    assert os.getpid() not in {process for _, process in there}


def test_the_cluster_tells_which_solvers_it_used(cluster):
    def draw(rng):
        import cvxpy as cp

        from isaclib.foundations import conic

        x = cp.Variable()
        return conic.solve(cp.Problem(cp.Maximize(x), [x <= rng.random()])).value

    with used_solvers.heard() as names:
        map_draws(draw, np.random.default_rng(5), 8, scheduler=cluster.scheduler_address)
    assert names == {"CLARABEL"}


def test_a_killed_worker_loses_nothing(cluster, here):
    victim = next(iter(cluster.workers.values())).pid

    def treacherous_draw(rng: np.random.Generator) -> tuple[float, int]:
        value = slow_draw(rng)
        if os.getpid() == victim:
            os.kill(victim, signal.SIGKILL)
        return value

    results = map_draws(treacherous_draw, np.random.default_rng(5), DRAWS, scheduler=cluster.scheduler_address)
    assert values(results) == here
    assert victim not in {process for _, process in results}


def sent(cluster, function, draws=3):
    return map_draws(function, np.random.default_rng(5), draws, scheduler=cluster.scheduler_address)


def test_a_worker_that_counts_with_something_else_refuses_the_draws(cluster, monkeypatch):
    other = sending.computes_with() | {"clarabel": "0.1"}
    monkeypatch.setattr(sending, "computes_with", lambda: other)
    with pytest.raises(sending.UnlikeWorker, match=r"worker tcp://\S+ differs in clarabel \(sent with 0.1, it has \d"):
        sent(cluster, slow_draw)


def test_an_edited_library_is_another_library(cluster, monkeypatch):
    other = sending.computes_with() | {"the sources of isaclib": "0123"}
    monkeypatch.setattr(sending, "computes_with", lambda: other)
    with pytest.raises(sending.UnlikeWorker, match="differs in the sources of isaclib"):
        sent(cluster, slow_draw)


def test_a_module_that_workers_lack_is_named_with_the_remedy(cluster, tmp_path, monkeypatch):
    from distributed import Client

    module = tmp_path / "my_study.py"
    module.write_text("def best(rng):\n    return float(rng.normal())\n")
    monkeypatch.syspath_prepend(tmp_path)
    import my_study

    with pytest.raises(sending.UnknownToWorker, match=r"No module named 'my_study'; .*client\.upload_file"):
        sent(cluster, my_study.best)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.upload_file(str(module))
    assert sent(cluster, my_study.best) == map_draws(my_study.best, np.random.default_rng(5), 3)
    module.write_text(module.read_text() + "\n# edited since it was sent\n")
    with pytest.raises(sending.UnlikeWorker, match="differs in the module my_study"):
        sent(cluster, my_study.best)


def test_what_a_draw_raises_comes_back_as_it_is(cluster):
    def fails(rng):
        raise InvalidScenario("gain", "is negative")

    with pytest.raises(InvalidScenario, match="gain: is negative"):
        sent(cluster, fails)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense"])
def test_nobody_at_the_address_is_said_with_the_remedy(address, monkeypatch):
    monkeypatch.setattr(sending, "_ANSWER_S", 0.5)
    with pytest.raises(InvalidScenario, match=r"scheduler: no scheduler answers at .* \(start one with 'dask scheduler'"):
        map_draws(slow_draw, np.random.default_rng(5), 3, scheduler=address)
