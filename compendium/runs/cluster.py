"""Runs on an existing Dask cluster: a worker gets everything a run reads and sends back the folder that it made.

Workers need this version of ``isaclib`` and of the packages it counts with (a worker that differs is refused), but no
file of the checkout. A run and its draws go to the same scheduler; a run that waits for its draws takes no worker's place.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path

from isaclib import InvalidScenario
from isaclib.foundations.cluster import UnlikeWorker, connect, differences

from ..notebook.versions import versions
from .children import Children, Outcome, run_child
from .digest import library
from .errors import ParameterError
from .folders import publish
from .plan import Run

_RETRIES = 3
_POLL_S = 0.5


@dataclass(frozen=True)
class Parcel:
    """A run with all it reads: files by their path in the checkout, and what its worker must have."""

    run: Run
    digest: str
    files: dict[str, bytes]
    versions: dict[str, str]
    scheduler: str


@dataclass(frozen=True)
class Returned:
    """How a run ended on a worker, the files of its folder, and its log."""

    outcome: Outcome
    files: dict[str, bytes]
    log: str


class Cluster:
    """A connection over which runs are sent."""

    def __init__(self, scheduler: str) -> None:
        self.scheduler = scheduler
        try:
            self._client = connect(scheduler)
        except ImportError:
            remedy = "pip install 'isaclib[cluster]'"
            raise ParameterError("isac", "--scheduler", "needs the optional extra 'cluster'", remedy) from None
        except InvalidScenario as error:
            raise ParameterError("isac", "--scheduler", error.problem, error.remedy) from None

    def run(self, run: Run) -> Outcome:
        """Have a worker make the run and put what it made in its place here."""
        future = self._client.submit(execute_parcel, pack(run, self.scheduler), pure=False, retries=_RETRIES)
        try:
            returned = future.result()
        except Exception as error:  # a worker that differs or was lost, a scheduler without isaclib or gone: this run has failed
            problem = f"{type(error).__name__}: {error}"
            run.log.parent.mkdir(parents=True, exist_ok=True)
            run.log.write_text(f"{run.name} on {self.scheduler}: {problem}\n\n{''.join(traceback.format_exception(error))}")
            return Outcome(run, "failed", failure={"cell": "on the cluster", "error": problem, "source": ""})
        outcome = dataclasses.replace(returned.outcome, run=run)
        run.log.parent.mkdir(parents=True, exist_ok=True)
        if outcome.ok:
            unpack(returned.files, run.partial)
            publish(run.partial, run.directory)
            run.log.unlink(missing_ok=True)
        else:
            run.log.write_text(returned.log)
        return outcome

    def close(self) -> None:
        """Close the connection; workers stop what they still do for it."""
        self._client.close()


def pack(run: Run, scheduler: str) -> Parcel:
    """The run with its notebook and, for a what-if, the numbers of the base runs of its section."""
    paths = [*run.sources]
    if run.notebook == "what_if":
        folder = run.root / "build" / "runs" / run.section
        paths += sorted(folder.glob(f"*/{run.baseline}/figures/*.csv"))
    files = {str(path.relative_to(run.root)): path.read_bytes() for path in paths}
    lean = dataclasses.replace(run, needs=())
    return Parcel(lean, run.digest(), files, _counts_with(), scheduler)


def _counts_with() -> dict[str, str]:
    return {**versions(), "the sources": library()[:12]}


def unpack(files: dict[str, bytes], folder: Path) -> None:
    """Write files by their relative paths."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def execute_parcel(parcel: Parcel) -> Returned:
    """Make the run here, on a worker, in a folder of its own.

    Raises
    ------
    UnlikeWorker
        When the results could differ from those of the sender.
    """
    from distributed import get_worker, secede

    worker = get_worker()
    key = worker.get_current_task()
    if unlike := differences(parcel.versions, _counts_with()):
        raise UnlikeWorker(f"the worker {worker.address} differs in {unlike}: give it what the sender has")
    secede()  # its draws need the places of this worker
    root = Path(tempfile.mkdtemp(prefix="isac-", dir=worker.local_directory))
    children = Children()
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_POLL_S):
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled":
                children.stop()

    threading.Thread(target=watch, daemon=True).start()
    try:
        unpack(parcel.files, root)
        run = dataclasses.replace(parcel.run, root=root)
        outcome = run_child(run, 1, parcel.scheduler, children, parcel.digest)
        made = sorted(path for path in run.directory.rglob("*") if path.is_file())
        files = {str(path.relative_to(run.directory)): path.read_bytes() for path in made}
        return Returned(outcome, files, run.log.read_text() if run.log.exists() else "")
    finally:
        finished.set()
        shutil.rmtree(root, ignore_errors=True)
