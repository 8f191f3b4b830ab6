"""What every assignment must show: right answers score full marks, wrong ones nothing, and mischief costs only its own task."""

import re

import nbformat
import pytest
from classroom_project import leaks
from small_project import ROOT

from compendium.classroom import assignment as classroom
from compendium.classroom import key
from compendium.classroom import release as released
from compendium.classroom.grading import BY_HAND, NOT_ANSWERED

pytestmark = pytest.mark.parametrize("section", classroom.assignment_names(ROOT))
VARIANTS = (1, 2)


def full(case) -> dict[str, float]:
    return {task.name: task.points for task in case.assignment.tasks if not task.by_hand}


def test_the_instructor_scores_full_marks(case, section):
    found = case(section)
    assert found.scores("instructor") == full(found), found.notes("instructor")
    by_hand = [row for row in found.graded["instructor"].rows if row.score is None]
    assert all(row.note.startswith(BY_HAND) for row in by_hand)  # a hint about the numbers of the key may follow
    assert len(by_hand) == len(found.assignment.tasks) - len(full(found)) > 0
    hints = re.findall(r"(\d+) of (\d+) curves of the key found", found.notes("instructor")["figure"])
    assert hints and hints[0][0] == hints[0][1] != "0" and "no label" not in found.notes("instructor")["figure"]
    assert key.numbers(found.assignment)["design"]  # the marking key is complete


@pytest.mark.whole
def test_the_instructor_of_a_variant_scores_full_marks(case, section):
    found = case(section)
    assert found.scores("variant") == full(found), found.notes("variant")


def test_an_untouched_release_scores_nothing(case, section):
    found = case(section)
    assert [row.score for row in found.graded["untouched"].rows] == [0.0] * len(found.assignment.tasks)
    assert all(note.startswith(NOT_ANSWERED) for note in found.notes("untouched").values())


@pytest.mark.parametrize("student", ["hasty", pytest.param("confused", marks=pytest.mark.whole)])
def test_a_wrong_submission_scores_nothing_and_says_why(case, section, student):
    found = case(section)
    assert found.scores(student) == dict.fromkeys(full(found), 0.0), found.notes(student)
    assert all(found.notes(student)[task] not in ("", NOT_ANSWERED) for task in full(found))


@pytest.mark.whole
def test_mischief_costs_its_own_task_only(case, section):
    found = case(section)
    changed, deleted, loops, broken = list(full(found))[:4]
    expected = full(found) | {changed: 0.0, loops: 0.0, broken: 0.0}
    notes = found.notes("mischief")
    assert found.scores("mischief") == expected, notes
    assert "had been changed, was restored" in notes[changed]
    assert "had been deleted, was restored" in notes[deleted]
    assert "stopped after" in notes[loops]
    assert "SyntaxError" in notes[broken]


def test_a_missing_submission_has_a_clear_result(case, section):
    graded = case(section).graded["missing"]
    assert [row.score for row in graded.rows] == [0.0] * len(graded.rows)
    assert {row.note for row in graded.rows} == {"no submission"}


def test_tasks_and_points_fit_the_course(case, section):
    tasks = case(section).assignment.tasks
    assert 5 <= sum(not task.by_hand for task in tasks) <= 8
    assert 1 <= sum(task.by_hand for task in tasks) <= 3


def test_every_solution_and_every_hidden_test_carries_a_sentinel(case, section):
    mark = f"SENTINEL-{section.upper().replace('_', '-')}-"
    for cell in case(section).assignment.notebook.cells:
        for kind in ("SOLUTION", "HIDDEN TESTS"):
            for region in cell.source.split(f"BEGIN {kind}")[1:]:
                assert mark in region.split(f"END {kind}")[0], cell.metadata.nbgrader.grade_id


def test_the_release_holds_no_solution(case, section):
    text = nbformat.writes(case(section).release)
    for mark in ("SENTINEL", "BEGIN SOLUTION", "HIDDEN", "variant:"):
        assert mark not in text


@pytest.mark.whole
def test_the_archive_for_the_students_holds_no_solution(case, section, tmp_path):
    archive = released.release(case(section).assignment, tmp_path)
    assert leaks([archive]) == []


def test_variants_differ_in_their_numbers(case, section):
    first, second = (classroom.load_assignment(ROOT, section, seed) for seed in VARIANTS)
    drawn = [name for name in first.values if first.values[name] != second.values[name]]
    assert len(drawn) >= len(first.values) / 2
    assert first.values != case(section).assignment.values
