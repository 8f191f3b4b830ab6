"""What nbgrader does for us, in a temporary course directory: the students' version of an instructor's notebook."""

from __future__ import annotations

import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from .assignment import Assignment


class GradingFailed(RuntimeError):
    """nbgrader could not read or make a notebook."""


class Course:
    """A temporary nbgrader course that holds one assignment in one variant; no student's code runs while it exists."""

    def __init__(self, folder: Path, assignment: Assignment) -> None:
        self.folder, self.assignment = folder.resolve(), assignment
        source = self._path("source")
        source.parent.mkdir(parents=True)
        nbformat.write(assignment.notebook, source)
        config = Config()
        config.CourseDirectory.root = str(self.folder)
        config.CourseDirectory.assignment_id = assignment.section
        config.NbGraderAPI.timezone = "UTC"
        self.config = config

    def _path(self, step: str) -> Path:
        return self.folder / step / "." / self.assignment.section / f"{self.assignment.section}.ipynb"

    @contextmanager
    def _gradebook(self) -> Iterator[None]:
        """A gradebook in memory, since nobody reads it: a disk would be waited for at every cell."""
        name = f"file:{uuid4()}?mode=memory&cache=shared"
        self.config.CourseDirectory.db_url = f"sqlite:///{name}&uri=true"
        with closing(sqlite3.connect(name, uri=True)) as gradebook:  # it is there as long as this connection
            # To note its version in a new gradebook nbgrader starts a program of its own for seconds; this one is never kept.
            gradebook.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            yield

    def generate(self) -> nbformat.NotebookNode:
        """The student's version: nbgrader strips solutions and hidden tests."""
        messages = _Messages()
        try:
            with _environment(self.folder), self._gradebook(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of nbgrader's own database code
                work = GenerateAssignment(coursedir=CourseDirectory(config=self.config), config=self.config)
                work.log = messages.logger
                work.start()
        except NbGraderException as error:
            raise GradingFailed(messages.last or str(error)) from error
        return nbformat.read(self._path("release"), as_version=4)


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
    """nbgrader writes to its home and to no other."""
    before = dict(os.environ)
    os.environ.update({"IPYTHONDIR": str(folder / "scratch"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@lru_cache(maxsize=64)
def student_version(assignment: Assignment) -> nbformat.NotebookNode:
    """The notebook of an assignment without solutions and hidden tests; made once, not to be changed."""
    with TemporaryDirectory(prefix="isac-course-") as temporary:
        return Course(Path(temporary) / "course", assignment).generate()
