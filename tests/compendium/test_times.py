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


def test_the_marks_become_seconds_in_every_page(tmp_path):
    found = [times.Stage("environment", None), times.Stage("runs: a", 20.0, 35.4), times.Stage("all runs", 30.0, 50.0)]
    rows = times.table_rows(found)
    assert rows[0] == ["environment", "not recorded", ""] and rows[1] == ["runs: a", "20", "35"]
    (tmp_path / "deep").mkdir()
    pages = [tmp_path / "a.html", tmp_path / "deep" / "b.html"]
    for page in pages:
        page.write_text("; ".join(row[1] for row in rows))
    times.fill(tmp_path, times.complete(found, sphinx=12.4, check=None))
    assert [page.read_text() for page in pages] == ["not recorded; 20; 30; 12; left out; 42"] * 2
