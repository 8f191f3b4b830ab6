"""What nbgrader does for us, in a temporary course directory: student versions and automatic grades.

Students' code is run cell by cell with a time limit. A cell that goes on for too long, or that kills its kernel, is
replaced by an error and the notebook is run again without it, so that one endless loop costs the tasks that depend on it
and nothing else.
"""

from __future__ import annotations

import copy
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from nbgrader.utils import determine_grade
from traitlets.config import Config

from ..runs.digest import CODE
from ..runs.plan import ONE_THREAD
from .assignment import Assignment

SECONDS_PER_CELL = 30
_LONGEST_OUTPUT = 200_000  # characters that one cell may print before the rest is dropped
_PASSED_ON = {"HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "VIRTUAL_ENV", "CONDA_PREFIX"}
_PASSED_ON |= {"PATHEXT", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE"}  # Windows
STOPPED, DIED = "CellStopped", "KernelDied"


class GradingFailed(RuntimeError):
    """nbgrader could not grade a notebook."""


class PatientExecute(Execute):
    """nbgrader's execution, which survives endless loops and dead kernels, and does not take warnings for errors."""

    def preprocess(self, nb, resources, *arguments):
        stopped: dict[int, str] = {}
        while True:
            trial = copy.deepcopy(nb)
            for index, statement in stopped.items():
                trial.cells[index].source = statement
            try:
                trial, resources = super().preprocess(trial, resources, *arguments)
            except CellTimeoutError:
                reason, name = f"stopped after {self.timeout} s (an endless loop?)", STOPPED
            except DeadKernelError:
                reason, name = "the kernel died in this cell (out of memory?)", DIED
            else:
                break
            if self.running in stopped:  # replacing the cell did not help: the fault is not the student's
                raise GradingFailed(reason)
            stopped[self.running] = f"raise type({name!r}, (Exception,), {{}})({reason!r})"
        for cell, original in zip(trial.cells, nb.cells):
            cell.source = original.source
            if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
                for output in cell.outputs:
                    if output.output_type == "stream":
                        output.name = "stdout"  # nbgrader takes a test that warns for a test that fails
        return trial, resources

    def preprocess_cell(self, cell, resources, index):
        self.running, self.printed = index, 0
        return super().preprocess_cell(cell, resources, index)

    def output(self, outs, msg, display_id, cell_index):
        if msg["msg_type"] == "stream":
            self.printed += len(msg["content"]["text"])
            if self.printed > _LONGEST_OUTPUT:
                return None
        return super().output(outs, msg, display_id, cell_index)


class Course:
    """A temporary nbgrader course that holds one assignment in one variant."""

    def __init__(self, folder: Path, assignment: Assignment, seconds_per_cell: int = SECONDS_PER_CELL) -> None:
        self.folder, self.assignment = folder.resolve(), assignment
        source = self._path("source")
        source.parent.mkdir(parents=True)
        nbformat.write(assignment.notebook, source)
        with closing(sqlite3.connect(self.folder / "gradebook.db")) as gradebook:
            # To note its version in a new gradebook nbgrader starts a program of its own for seconds; this one is never kept.
            gradebook.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        config = Config()
        config.CourseDirectory.root = str(self.folder)
        config.CourseDirectory.assignment_id = assignment.section
        config.PatientExecute.timeout = seconds_per_cell
        config.PatientExecute.interrupt_on_timeout = False
        config.PatientExecute.shutdown_kernel = "immediate"
        config.PatientExecute.extra_arguments = ["--IPKernelApp.log_level=ERROR", "--HistoryManager.enabled=False"]
        config.NbGraderAPI.timezone = "UTC"
        preprocessors = [PatientExecute if each is Execute else each for each in Autograde().autograde_preprocessors]
        config.Autograde.autograde_preprocessors = preprocessors
        self.config = config

    def _path(self, step: str, student: str = "") -> Path:
        student = "." if step in ("source", "release") else student
        return self.folder / step / student / self.assignment.section / f"{self.assignment.section}.ipynb"

    def generate(self) -> nbformat.NotebookNode:
        """The student's version: nbgrader strips solutions and hidden tests, and keeps both in its gradebook."""
        self._convert(GenerateAssignment)
        return nbformat.read(self._path("release"), as_version=4)

    def autograde(self, student: str, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
        """Run a submission, with hidden tests restored, and return it with its outputs.

        Raises
        ------
        GradingFailed
            When nbgrader gave up; the reason is in the message.
        """
        path = self._path("submitted", student)
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
        self._convert(Autograde, student)
        return nbformat.read(self._path("autograded", student), as_version=4)

    def _convert(self, converter: type, student: str | None = None) -> None:
        config = copy.deepcopy(self.config)
        if student:
            config.CourseDirectory.student_id = student
        work = converter(coursedir=CourseDirectory(config=config), config=config)
        messages = _Messages()
        work.log = messages.logger
        try:
            with _environment(self.folder), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of nbgrader's own database code
                work.start()
        except (NbGraderException, GradingFailed) as error:
            raise GradingFailed(messages.last or str(error)) from error


class _Messages(logging.Handler):
    """Keeps nbgrader's messages off the terminal, and its last error at hand."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = ""
        self.logger = logging.Logger("isac.nbgrader")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().strip()
        if text.startswith("Traceback"):  # nbgrader's other messages only say that there was one
            self.last = text.splitlines()[-1]


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """What the students' kernels see: this very library, one thread, a scratch folder, and none of our other variables."""
    before = dict(os.environ)
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    kept = {name: value for name, value in before.items() if name in _PASSED_ON or name.startswith("JUPYTER")}
    own = {"PYTHONPATH": str(CODE), "IPYTHONDIR": str(scratch)}
    os.environ.clear()
    os.environ.update(kept | dict(ONE_THREAD) | own | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def score(cell: nbformat.NotebookNode) -> float | None:
    """nbgrader's score of a graded cell; None where a person has to decide."""
    return determine_grade(cell)[0]
