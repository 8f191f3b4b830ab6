"""A small class in two sittings, interrupted once (``classroom_class.py`` makes one of 40)."""

from classroom_class import two_sittings


def test_a_class_in_two_sittings_loses_nothing(tmp_path):
    two_sittings(tmp_path, 4)
