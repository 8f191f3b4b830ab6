"""Draws on a cluster: a real scheduler and two worker processes on this machine, one of them killed in the middle."""

import os
import signal
import time

import numpy as np
import pytest

from isaclib.foundations.montecarlo import map_draws

DRAWS = 100


def slow_draw(rng: np.random.Generator) -> tuple[float, int]:
    """A draw that takes long enough to be interrupted; says which process made it."""
    time.sleep(0.02)
    return float(rng.normal()), os.getpid()


def values(results) -> list[float]:
    return [value for value, _ in results]


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


def test_the_cluster_gives_the_same_draws_bit_by_bit(cluster):
    here = map_draws(slow_draw, np.random.default_rng(5), DRAWS)
    there = map_draws(slow_draw, np.random.default_rng(5), DRAWS, scheduler=cluster.scheduler_address)
    assert values(here) == values(there)
    assert os.getpid() not in {process for _, process in there}


def test_a_killed_worker_loses_nothing(cluster):
    victim = next(iter(cluster.workers.values())).pid

    def treacherous_draw(rng: np.random.Generator) -> tuple[float, int]:
        value = slow_draw(rng)
        if os.getpid() == victim:
            os.kill(victim, signal.SIGKILL)
        return value

    results = map_draws(treacherous_draw, np.random.default_rng(5), DRAWS, scheduler=cluster.scheduler_address)
    assert values(results) == values(map_draws(slow_draw, np.random.default_rng(5), DRAWS))
    assert victim not in {process for _, process in results}
