"""Every assignment graded once per submission: the instructor, a variant, an untouched release, two wrong students, mischief.

Grading is a notebook run per submission, and there are six assignments. By default (``make test``) a section is graded on a
quick subset: the instructor, the untouched release and the hasty student; the tests marked ``whole`` are deselected. With
``CI=true`` every test runs on every submission. Notebooks that we trust run one after another in a kernel that starts once;
mischief has one of its own, as in real life, and with ``CI=true`` the submissions of ``test_grading.py`` have, too.
"""

import importlib.util
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import nbformat
import pytest
from classroom_hand_ins import notebook
from classroom_project import answers, filled
from small_project import ROOT

from compendium.classroom import assignment as classroom
from compendium.classroom import collection, execution, grading
from compendium.classroom.course import student_version
from compendium.classroom.kernel import Kernel

VARIANT = 1
SECONDS = 120  # a limit that no sound cell comes near, on a busy machine either
SECONDS_MISCHIEF = 5  # ten times what the longest sound cell takes on a busy machine
WHOLE = os.environ.get("CI") == "true"


def pytest_configure(config):
    config.addinivalue_line("markers", "whole: reads submissions that are graded with CI=true only")


def pytest_collection_modifyitems(config, items):
    left_out = [] if WHOLE else [item for item in items if item.get_closest_marker("whole")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@dataclass(frozen=True)
class Case:
    """An assignment, its student version and the graded submissions by student."""

    assignment: classroom.Assignment
    release: nbformat.NotebookNode
    graded: dict[str, grading.Graded]

    def scores(self, student: str) -> dict[str, float]:
        """Scores of the tasks graded by tests."""
        by_hand = {task.name for task in self.assignment.tasks if task.by_hand}
        return {row.task: row.score for row in self.graded[student].rows if row.task not in by_hand}

    def notes(self, student: str) -> dict[str, str]:
        return {row.task: row.note for row in self.graded[student].rows}


def wrong_answers(section: str) -> tuple[dict[str, str], dict[str, str]]:
    path = ROOT / "tests" / "data" / "classroom" / "wrong" / f"{section}.py"
    spec = importlib.util.spec_from_file_location(f"wrong_{section}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG


def mischief(assignment: classroom.Assignment, release: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The first task's test is changed, the second's deleted, the third loops, the fourth is no Python, the rest is right."""
    changed, deleted, loops, broken = [task.name for task in assignment.tasks if not task.by_hand][:4]
    right = answers(assignment.notebook)
    right = {task.name: right[task.name] for task in assignment.tasks if not task.by_hand}
    own = right | {loops: "while True:\n    pass", broken: "def broken(:\n"}
    del own[changed]
    notebook = filled(release, own | {changed + classroom.TEST: "pass"})
    notebook.cells = [
        cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") != deleted + classroom.TEST
    ]
    return notebook


class LastingKernel:
    """Kernels whose next notebook finds an empty namespace and the modules that are imported: most of a run is a start.

    They stand within the same walls and limits, and one that died or was killed is not used again.
    """

    def __init__(self, folder):
        self.folder, self.numbers, self.kernel = folder, itertools.count(), None

    def __call__(self, folder, limits):
        if self.kernel is not None and not self.kernel.alive(0):
            self.close()
        if self.kernel is None:
            self.kernel = Kernel(self.folder / str(next(self.numbers)), limits)
            self.kernel.__enter__()
        self.kernel.limits, self.kernel.printed = limits, 0
        self.kernel.threads = int(self.kernel.ask("import threading\nassert False, threading.active_count()")["evalue"])
        self.kernel.ask("get_ipython().reset(new_session=True)")
        return self

    def __enter__(self):
        return self.kernel

    def __exit__(self, kind, *rest):
        if kind is not None:
            self.close()

    def close(self):
        if self.kernel is not None:
            self.kernel.__exit__()
            self.kernel = None


@pytest.fixture(scope="session")
def lasting_kernel(tmp_path_factory):
    """What a grading of notebooks that we trust may take for its kernels."""
    made = LastingKernel(tmp_path_factory.mktemp("kernel"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def strangers_kernel(lasting_kernel):
    """The same for submissions of any kind; with CI=true each has a kernel of its own, as in real life."""
    return Kernel if WHOLE else lasting_kernel


@pytest.fixture(scope="session")
def case(lasting_kernel):
    @cache
    def make(section: str) -> Case:
        @cache
        def assignment_of(variant):
            return classroom.load_assignment(ROOT, section, variant)

        assignment = assignment_of(None)
        release = student_version(assignment)
        hasty, confused = wrong_answers(section)
        submissions = [
            collection.Submission("instructor", filled(release, answers(assignment.notebook))),
            collection.Submission("untouched", release),
            collection.Submission("hasty", filled(release, hasty)),
            collection.Submission("missing", problem="no submission"),
        ]
        trouble = []
        if WHOLE:
            submissions.append(collection.Submission("confused", filled(release, confused)))
            submissions.append(collection.Submission("variant", assignment_of(VARIANT).notebook, variant=VARIANT))
            trouble.append(collection.Submission("mischief", mischief(assignment, release)))
            student_version(assignment_of(VARIANT))  # not while kernels start: nbgrader has an environment of its own

        def kernel(folder, limits):
            return (Kernel if limits.cell_seconds == SECONDS_MISCHIEF else lasting_kernel)(folder, limits)

        with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as aside:
            patch.setattr(execution, "Kernel", kernel)
            # Mischief is mostly waited for; the others are graded meanwhile.
            waited_for = aside.submit(grading.grade, assignment_of, trouble, seconds_per_cell=SECONDS_MISCHIEF)
            results = grading.grade(assignment_of, submissions, seconds_per_cell=SECONDS) + waited_for.result()
        return Case(assignment, release, {graded.student: graded for graded in results})

    return make


@pytest.fixture
def folder(tmp_path):
    """A folder of hand-ins: called with a path and a content it holds one more."""
    target = tmp_path / "in"
    target.mkdir()

    def put(path, content=None):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        content = notebook(path) if content is None else content
        (target / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    put.folder = target
    return put
