"""Where the time of a build goes: intervals that overlap count once, what is not known says so."""

import pytest

from compendium.site import times


@pytest.mark.parametrize(
    ("intervals", "length"),
    [([], 0), ([(0, 2)], 2), ([(0, 2), (5, 6)], 3), ([(0, 3), (1, 2)], 3), ([(4, 6), (0, 3), (2, 5)], 6)],
)
def test_overlapping_intervals_count_once(intervals, length):
    assert times.covered(intervals) == length


def test_the_environment_counts_what_the_makefile_wrote(tmp_path):
    assert times.environment_stage(tmp_path).wall is None
    (tmp_path / "seconds-packages").write_text("61\n")
    (tmp_path / "seconds-isaclib").write_text("4\n")
    assert times.environment_stage(tmp_path).wall == 65


def test_stages_are_rows_of_whole_seconds():
    found = [times.Stage("environment", None), times.Stage("runs: a", 20.0, 35.4), times.Stage("all runs", 30.0, 50.0)]
    rows = [times.cells(stage) for stage in [*found, *times.later_stages(found, sphinx=12.4, check=None)]]
    assert rows[:2] == [["environment", "not recorded", ""], ["runs: a", "20", "35"]]
    assert rows[3:] == [["pages (Sphinx)", "12", ""], ["checks of the pages", "not recorded", ""], ["sum", "42", ""]]
