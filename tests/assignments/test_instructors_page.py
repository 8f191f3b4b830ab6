"""The instructors' page says of every assignment what the notebooks hold."""

import re

import pytest
from small_project import ROOT

from isaclib.compendium import classroom

PAGE = (ROOT / "book" / "instructors.md").read_text()


@pytest.mark.parametrize("section", classroom.assignment_names(ROOT))
def test_the_page_lists_points_hours_and_mistakes(section):
    row = re.search(rf"^\| `{section}` \|.*\| (\d+) \| ([\d to]+) \|$", PAGE, re.MULTILINE)
    assert row, f"no row of {section} in the table of assignments"
    assignment = classroom.load_assignment(ROOT, section)
    assert int(row[1]) == sum(task.points for task in assignment.tasks)
    hours = [int(number) for number in re.findall(r"\d+", row[2])]
    assert 2 <= min(hours) and max(hours) <= 4
    (mistakes,) = re.findall(rf"^`{section}`\n\n(.*?)(?=\n\n[`#])", PAGE, re.MULTILINE | re.DOTALL)
    automatic = sum(not task.by_hand for task in assignment.tasks)
    assert len(mistakes.splitlines()) == automatic + 2, "one row for each task graded by tests"


def test_five_points_of_each_are_given_by_hand():
    for section in classroom.assignment_names(ROOT):
        tasks = classroom.load_assignment(ROOT, section).tasks
        assert sum(task.points for task in tasks if task.by_hand) == 5, section
        assert sum(not task.by_hand for task in tasks) == 7, section
