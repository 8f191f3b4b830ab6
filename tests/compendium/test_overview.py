"""The section about the compendium as a whole: its operating points are the chapters' own, and it leaves no chapter out."""

import inspect
import re

import chapters
import pytest
import yaml
from small_project import ROOT

from compendium.runs import plan as runs
from isaclib import instances, semi_isac

FOLDER = ROOT / "notebooks" / "compendium"
SUMMED_UP = instances.CHAPTERS  # a chapter that takes part in the benchmark stands in the synthesis, too
# Parameter of the synthesis, and where the chapter's own set has it.
OPERATING_POINTS = {
    "crb_limit_m2": ("wireless_powered", "crb_limit_m2"),
    "min_comm_sinr_db": ("network_localization", "min_comm_sinr_db"),
    "min_sensing_bps": ("semi_isac", "min_sensing_bps"),
    "min_rate_bps": ("semi_isac", "min_rate_bps"),
    "crlb_limit_m2": ("near_field", "crlb_limit_m2"),
    "sinr_tolerance": ("near_field", "sinr_tolerance"),
    "share_step": ("near_field", "share_step"),
}


def paper_set(section: str) -> dict:
    return yaml.safe_load((ROOT / "notebooks" / section / "parameters" / "paper.yml").read_text())


@pytest.mark.parametrize("name", OPERATING_POINTS)
def test_an_operating_point_is_that_of_the_chapter(name):
    section, own = OPERATING_POINTS[name]
    assert paper_set("compendium")[name] == paper_set(section)[own]


def test_points_that_are_picked_from_a_list_are_in_it():
    ours = paper_set("compendium")
    assert ours["peak_sidelobe_db"] == min(paper_set("ofdm_ranging")["shown_limits_db"])
    assert ours["share_start"] == paper_set("near_field")["share_starts"][0]
    for scale in ("quick", "paper"):
        values = yaml.safe_load((FOLDER / "parameters" / f"{scale}.yml").read_text())
        assert set(values["algorithm_levels"]) <= set(values["levels"]) and values["levels"] == sorted(values["levels"])


@pytest.mark.parametrize("section", chapters.NAMES)
def test_the_scenarios_without_further_words_are_the_chapters_sets(section):
    # The notebooks draw Scenario.random without arguments and say that this is the chapter's set.
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(chapters.module(section).Scenario.random).parameters.items()
        if parameter.default not in (inspect.Parameter.empty, None)
    }
    if section == "semi_isac":
        defaults = dict(semi_isac.DEFAULTS) | {"weights": list(semi_isac.DEFAULTS["weights"])}
    values = paper_set(section)
    shared = set(defaults) & set(values)
    assert len(shared) >= min(7, len(defaults))
    assert {name: values[name] for name in shared} == {name: defaults[name] for name in shared}


@pytest.mark.parametrize("section", SUMMED_UP)
def test_every_chapter_has_its_row(section):
    text = (FOLDER / "synthesis.py").read_text()
    assert len(re.findall(rf"{{doc}}`[^`]* </book/{section}>`", text)) == 2  # the table of demands, and the table of results


def test_nothing_that_is_timed_feeds_a_ledger():
    assert yaml.safe_load((FOLDER / "claims.yml").read_text()) == []
    for notebook in runs.load_section(ROOT, "compendium").notebooks:
        assert "claims.record" not in (FOLDER / f"{notebook}.py").read_text()
