"""The order of all runs: what is due, side by side, followers after those they need."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from .children import Children, Outcome, run_child
from .plan import Run
from .warm import Warm

_UNKNOWN = 1e6  # seconds
# A signal that arrives just before the main thread sleeps, or in another thread, is not seen before that one wakes.
_LISTEN_S = 0.5
Listener = Callable[[str, Run, Outcome | None], None]


def carry_out(
    runs: Sequence[Run],
    *,
    jobs: int = 2,
    scheduler: str | None = None,
    force: bool = False,
    limit_s: float | None = None,
    listener: Listener = lambda event, run, outcome: None,
) -> list[Outcome]:
    """Make every run that is not current, ``jobs`` at a time; a failure does not stop the others.

    Parameters
    ----------
    runs : sequence of Run
        A run that ``needs`` another waits for it (when that one is among them).
    jobs : int
        Notebooks side by side. A single run gets all of them for its draws.
    scheduler : str, optional
        Address of a Dask scheduler: its workers execute the runs (see :mod:`compendium.runs.cluster`) and their draws.
    force : bool
        Run even what is current.
    limit_s : float, optional
        Stop a run that takes longer on this machine; it has then failed.
    listener : callable
        Called with ("start" | "end", run, outcome or None) from the worker threads.

    Returns
    -------
    list of Outcome
        In the order of ``runs``. On an interrupt the children are stopped, their folders removed, and
        KeyboardInterrupt goes on; what had finished stays.
    """
    outcomes: dict[Run, Outcome] = {}
    due = []
    for run in runs:
        if not force and run.is_current():
            outcomes[run] = Outcome(run, "current")
            listener("end", run, outcomes[run])
        else:
            due.append(run)
    inner = jobs if len(due) == 1 else 1
    # Imports are shared where a process makes more than one run; forks are safe on Linux alone.
    warm = Warm(due) if len(due) > jobs and not scheduler and sys.platform == "linux" else None
    children = Children(limit_s, warm)
    # Long ones first, as far as earlier runs tell; unknown ones count as long, and those first that others wait for.
    followers = {run: sum(run in other.needs for other in due) for run in due}
    due.sort(key=lambda run: (-_expected_seconds(run), -followers[run]))
    waiting = {run: needed for run in due if (needed := {*run.needs} & {*due})}
    ready = [run for run in due if run not in waiting]

    cluster = None
    if scheduler and due:
        from .cluster import Cluster

        cluster = Cluster(scheduler)

    def work(run: Run) -> Outcome:
        listener("start", run, None)
        outcome = cluster.run(run) if cluster else run_child(run, inner, scheduler, children)
        listener("end", run, outcome)
        return outcome

    pool = ThreadPoolExecutor(max_workers=max(1, jobs))
    try:
        pending: dict[Future, Run] = {pool.submit(work, run): run for run in ready}
        while pending:
            finished, _ = wait(pending, timeout=_LISTEN_S, return_when=FIRST_COMPLETED)
            for future in finished:
                run = pending.pop(future)
                outcomes[run] = future.result()
                for follower in [follower for follower, needed in waiting.items() if run in needed]:
                    waiting[follower].discard(run)
                    if not outcomes[run].ok:
                        del waiting[follower]
                        outcomes[follower] = Outcome(follower, "skipped", failure={"error": f"needs {run.name}"})
                        listener("end", follower, outcomes[follower])
                    elif not waiting[follower]:
                        del waiting[follower]
                        pending[pool.submit(work, follower)] = follower
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        children.stop()
        raise
    finally:
        if cluster:
            cluster.close()
        if warm:
            pool.shutdown()
            warm.close()
    pool.shutdown()
    return [outcomes[run] for run in runs]


def _expected_seconds(run: Run) -> float:
    """What the run took the last time; without one what its notebook took with another set, which at least ranks them."""
    for path in (run.directory / "run.json", *sorted(run.directory.parent.glob("*/run.json"))):
        if path.exists():
            return json.loads(path.read_text()).get("seconds", _UNKNOWN)
    return _UNKNOWN
