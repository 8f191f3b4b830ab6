"""The paper's scenario is the library's default scenario."""

import inspect
from pathlib import Path

import yaml

from isaclib import wireless_powered as wp

FOLDER = Path(__file__).parents[2] / "notebooks" / "wireless_powered" / "parameters"
# What a set holds beside the scenario.
NOT_OF_THE_SCENARIO = {
    "seed",
    "draws",
    "iterations_shown",
    "crb_limits_m2",
    "bs_powers_w",
    "tolerance",
    "wpt_sensing",
}


def test_random_defaults_are_the_paper_set():
    paper = yaml.safe_load((FOLDER / "paper.yml").read_text())
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(wp.Scenario.random).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert {name: paper[name] for name in defaults} == defaults
    assert set(paper) == set(defaults) | NOT_OF_THE_SCENARIO


def test_threshold_of_the_algorithm_is_the_paper_s():
    paper = yaml.safe_load((FOLDER / "paper.yml").read_text())
    assert inspect.signature(wp.solve_sca).parameters["tolerance"].default == paper["tolerance"]
