"""The defaults of a random scenario are the book's `paper` set."""

import inspect
from pathlib import Path

import yaml

from isaclib import ofdm_ranging as ofdm

SETS = Path(__file__).resolve().parents[2] / "notebooks" / "ofdm_ranging" / "parameters"


def test_random_defaults_are_the_paper_set():
    stated = yaml.safe_load((SETS / "paper.yml").read_text())
    defaults = {name: p.default for name, p in inspect.signature(ofdm.Scenario.random).parameters.items() if name != "rng"}
    shared = set(defaults) & set(stated)
    assert len(shared) >= 9
    assert {name: defaults[name] for name in shared} == {name: stated[name] for name in shared}
