"""The instructors' page says of every assignment what the notebooks hold."""

import re

import pytest
from small_project import ROOT

from compendium.classroom import assignment as classroom

PAGE = (ROOT / "book" / "instructors.md").read_text()


@pytest.mark.parametrize("section", classroom.assignment_names(ROOT))
def test_the_page_lists_points_hours_and_mistakes(section):
    row = re.search(rf"^\| `{section}` \|.*\| (\d+) \| ([\d to]+) \|$", PAGE, re.MULTILINE)
    assert row, f"no row of {section} in the table of assignments"
    assignment = classroom.load_assignment(ROOT, section)
    assert int(row[1]) == sum(task.points for task in assignment.tasks)
    hours = [int(number) for number in re.findall(r"\d+", row[2])]
    assert 2 <= min(hours) and max(hours) <= 4
    said = re.findall(r"^### ([^\n]+)\n\n(.*?)(?=\n\n#)", PAGE, re.MULTILINE | re.DOTALL)
    (mistakes,) = (text for title, text in said if re.sub(r"\W", "_", title.lower()) == section)
    automatic = sum(not task.by_hand for task in assignment.tasks)
    assert len(mistakes.splitlines()) == automatic + 2, "one row for each task graded by tests"


def test_five_points_of_each_are_given_by_hand():
    for section in classroom.assignment_names(ROOT):
        tasks = classroom.load_assignment(ROOT, section).tasks
        assert sum(task.points for task in tasks if task.by_hand) == 5, section
        assert sum(not task.by_hand for task in tasks) == 7, section


def titles() -> set[str]:
    """The titles of the book's pages and chapters."""
    pages = [("# ", path) for path in (ROOT / "book").glob("*.md")]
    pages += [("# # ", path) for path in (ROOT / "notebooks").glob("*/*.py")]
    found = (re.search(rf"^{mark}(.+)$", path.read_text(), re.MULTILINE) for mark, path in pages)
    return {title[1] for title in found if title}


@pytest.mark.parametrize("section", classroom.assignment_names(ROOT))
def test_the_pages_to_read_before_are_named_by_their_titles(section):
    first = classroom.load_assignment(ROOT, section).notebook.cells[0].source
    (reading,) = re.findall(r"\*\*Read before\.\*\*(.*?)\n\n", first, re.DOTALL)
    named = [" ".join(title.split()) for title in re.findall(r"\*([^*]+)\*", reading)]
    assert len(named) >= 2 and set(named) <= titles(), named


@pytest.mark.parametrize("section", classroom.assignment_names(ROOT))
def test_every_exercise_of_a_chapter_has_a_hint_and_every_second_one_a_folded_solution(section):
    text = (ROOT / "book" / f"{section}.md").read_text()
    exercises = re.findall(r"^```\{exercise\}.*?^```$", text, re.MULTILINE | re.DOTALL)
    assert 3 <= len(exercises) <= 5
    assert [exercise.splitlines()[0] for exercise in exercises if "*Hint:*" not in exercise] == []
    titles = re.findall(r"\{exercise\} (.+)", text)
    solved = re.findall(r"^```$\n\n````\{dropdown\} Solution: (.+)\n:name: sol-", text, re.MULTILINE)
    assert len(solved) == 2 and titles.index(solved[1]) == titles.index(solved[0]) + 2  # the others stay the teacher's
