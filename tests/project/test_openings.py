"""The opening pages of the chapters follow one template, so that a reader of one knows where to look in the next."""

import re

import numpy as np
import pytest
from small_project import ROOT

from isaclib import network_localization as nl
from isaclib import semi_isac as si
from isaclib import wireless_powered as wp

CHAPTERS = sorted(path.parent.name for path in (ROOT / "notebooks").glob("*/what_if.py"))
TEMPLATE = ["The question", "The answer in three sentences", "Try it", "The system", "The notebooks", "Parameter sets"]
TEMPLATE.append("Exercises")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_opening_has_every_part_in_the_same_order(chapter):
    text = (ROOT / "book" / f"{chapter}.md").read_text()
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert [heading for heading in headings if heading in TEMPLATE] == TEMPLATE
    parts = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert "**" in parts["The question"] and "?**" in parts["The question"], "the question itself is in bold"
    answer = parts["The answer in three sentences"]
    assert len(re.findall(r"(?<![A-Z])[.!?](?:\s|$)", re.sub(r"```.*", "", answer, flags=re.S))) == 3
    assert answer.count("```{image}") == parts["The system"].count("```{image}") == 1
    assert "```{figure}" not in text, "a picture has one number, in the notebook that makes it"
    assert f"generated/explorer_{chapter}_" in parts["Try it"] and f"generated/parameters_{chapter}.md" in parts["Parameter sets"]
    assert "In code:\n\n```python" in parts["The notebooks"]


def test_a_formula_of_another_page_says_which_page():
    sources = [*(ROOT / "book").glob("*.md"), *ROOT.glob("notebooks/*/*.py")]
    pages = {path: path.read_text() for path in sources}
    home = {label: path for path, text in pages.items() for label in re.findall(r":label: ([a-z]{2}-[\w-]+)$", text, re.M)}
    bare = [
        f"{path.relative_to(ROOT)}: {found[1]}"
        for path, text in pages.items()
        for found in re.finditer(r"\{eq\}`([\w-]+)`(?! of \{doc\}`/([\w/]+)`)", text)
        if home.get(found[1], path) != path
    ]
    assert not bare and len(home) > 20


def scenario(module, seed):
    return module.Scenario.random(np.random.default_rng(seed))


def charging_harder():
    base = scenario(wp, 0)
    found = [wp.solve_max_power(base.replace(bs_power_w=factor * base.bs_power_w)) for factor in (1, 2, 4)]
    yield "{:.2f}, {:.2f} and {:.2f} bit".format(*(one.min_throughput_bit for one in found))
    yield f"for {found[-1].charging_time_s:.3f} of 10 s"


def who_sends_at_the_cap():
    base = scenario(nl, 0)
    gains = [base.self_interference_gain * factor for factor in (0.1, 1, 10, 100, 1000)]
    found = [nl.solve_exact(base.replace(self_interference_gain=gain)) for gain in gains]
    for one in found:
        yield "({})".format(", ".join(f"{power:.3f}".rstrip("0").rstrip(".") for power in one.powers_w))
    yield f"from {found[0].range_std_m.max():.1f} to {found[-1].range_std_m.max():.1f} m"


def a_better_goal():
    one = scenario(nl, 7)
    full, best = np.full(3, one.max_power_w), nl.solve_exact(one)
    yield f"deviation {best.range_std_m.max():.1f} m"
    yield f"is {np.sqrt(nl.position_crb_m2(one, best.powers_w)):.1f} m"
    yield "{:.1f}, {:.1f} and {:.1f} m".format(*nl.range_std_m(one, full))
    yield f"known to {np.sqrt(nl.position_crb_m2(one, full)):.1f} m"


def a_floor_that_costs_nothing():
    one = scenario(si, 3)
    best = si.solve_exact(one)
    sensing_0, rate_1, sensing_1, rate_2 = best.rates_bps / 1e6
    prices = si.prices(one, best)
    yield f"{sensing_0:.1f} and {sensing_1:.1f} Mbit/s for sensing (users 0 and 1)"
    yield f"{rate_1:.1f} and {rate_2:.1f} Mbit/s for communication (users 1 and 2)"
    yield "({:.2f} bit of weighted sum per bit of floor for the sensing-only user, {:.2f} for".format(*prices.min_sensing)
    assert max(prices.min_rate) < 1e-14


def newton_in_disguise():
    one, q = scenario(si, 0), 1e9 + 1e5 * np.array([-1, 0, 1])
    curve = si.frontier(one, q)
    spent = curve.power_w + one.circuit_power_w
    low, _, high = curve.rate_bps - q * spent
    yield f"${(high - low) / 2e5:.6f}$ W"
    yield f"${-spent[1]:.6f}$ W"


@pytest.mark.parametrize(
    ("chapter", "told"),
    [
        ("wireless_powered", charging_harder),
        ("network_localization", who_sends_at_the_cap),
        ("network_localization", a_better_goal),
        ("semi_isac", a_floor_that_costs_nothing),
        ("semi_isac", newton_in_disguise),
    ],
)
def test_the_numbers_of_the_solutions_are_those_of_the_library(chapter, told):
    text = " ".join((ROOT / "book" / f"{chapter}.md").read_text().split())
    assert not [words for words in told() if words not in text]
