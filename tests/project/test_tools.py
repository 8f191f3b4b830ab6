"""The scripts that count lines and compare archives of runs say what is there."""

import sys

import pandas as pd

from benchmarks.tools import archives, lines


def test_code_is_counted_without_docstrings_comments_and_blank_lines():
    source = '"""One.\n\nTwo."""\n\n# a comment\nx = [\n    1,\n]\n\n\ndef f():\n    """Three."""\n    return """a\n\nb"""\n'
    assert dict(lines.count(source)) == {"code": 7, "docstring": 3, "all": 15}


def test_the_table_sums_up_its_rooms():
    table = lines.table()
    for house in ("isaclib", "compendium"):
        rooms = [counted for room, counted in table.items() if room.startswith(house + "/")]
        assert table[house]["code"] == sum(counted["code"] for counted in rooms) > 1000


def archive(folder, name, **columns):
    path = folder / name.rpartition("/")[0] / "figures" / f"{name.rpartition('/')[2]}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, index=False)


def test_equal_archives_are_equal_whatever_the_clock_said(tmp_path, monkeypatch, capsys):
    for side, second in (("a", 1.0), ("b", 2.0)):
        archive(tmp_path / side, "c/results/quick/f", rate=[1.0, None, 3e6], seconds=[second] * 3, scheme=["x", "y", None])
        archive(tmp_path / side, "compendium/performance/quick/f", anything=[second])
    monkeypatch.setattr(sys, "argv", ["archives", str(tmp_path / "a"), str(tmp_path / "b")])
    assert archives.main() == 0
    assert "2 columns are equal, 0 differences" in capsys.readouterr().out


def test_every_kind_of_difference_is_named(tmp_path):
    archive(tmp_path / "a", "c/results/quick/f", rate=[1.0, 2.0], scheme=["x", "y"], hole=[1.0, None], old=[1, 1], same=[1, 2])
    archive(tmp_path / "b", "c/results/quick/f", rate=[1.0, 2.1], scheme=["x", "z"], hole=[1.0, 2.0], new=[1, 1], same=[1, 2])
    archive(tmp_path / "a", "c/results/quick/gone", rate=[1.0])
    archive(tmp_path / "a", "c/results/quick/longer", rate=[1.0])
    archive(tmp_path / "b", "c/results/quick/longer", rate=[1.0, 2.0])
    found, equal = archives.compare(tmp_path / "a", tmp_path / "b", 1e-9)
    assert equal == 1 and len(found) == 6
    named = ("gone: only before", "only one has: new, old", "rate differs by 0.048", "scheme differs by inf", "hole differs")
    for words in named:
        assert any(words in line for line in found), words
    assert archives.compare(tmp_path / "a", tmp_path / "a", 0.0)[0] == []
