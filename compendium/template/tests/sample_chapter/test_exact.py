"""The optimum by hand, from random feasible points, at its edge; and what is refused."""

import numpy as np
import pytest

from isaclib import InfeasibleScenario, InvalidScenario
from isaclib import sample_chapter as chapter

BY_HAND = {"link_gain": 3.0, "echo_gain": 1.0, "power_budget_w": 2.0, "min_echo_snr": 1.0}


def test_a_case_solved_by_hand():
    found = chapter.solve_exact(chapter.Scenario(**BY_HAND))
    assert (found.link_power_w, found.echo_power_w) == (1.0, 1.0)
    assert found.certificate.value == pytest.approx(2.0, rel=1e-15) and found.certificate.status == "optimal"


def test_no_feasible_point_beats_the_bound():
    rng = np.random.default_rng(0)
    for _ in range(200):
        scenario = chapter.Scenario.random(rng, min_echo_snr=0.1)
        try:
            bound = chapter.solve_exact(scenario).certificate.bound
        except InfeasibleScenario:
            continue
        share = rng.uniform(size=50)
        feasible = scenario.echo_gain * share * scenario.power_budget_w >= scenario.min_echo_snr
        rates = [chapter.rate_bps_hz(scenario, (1 - part) * scenario.power_budget_w) for part in share[feasible]]
        assert all(rate <= bound * (1 + 1e-12) for rate in rates)


def test_the_edge_of_feasibility():
    edge = chapter.solve_exact(chapter.Scenario(**{**BY_HAND, "min_echo_snr": 2.0}))
    assert edge.link_power_w == 0.0 and edge.certificate.value == 0.0
    with pytest.raises(InfeasibleScenario) as refused:
        chapter.solve_exact(chapter.Scenario(**{**BY_HAND, "min_echo_snr": 2.1}))
    assert refused.value.constraint == "min_echo_snr" and refused.value.best_attainable == 2.0


def test_anybody_s_powers_are_judged():
    scenario = chapter.Scenario(**BY_HAND)
    best = chapter.solve_exact(scenario)
    assert chapter.score(scenario, best.link_power_w, best.echo_power_w).gap == pytest.approx(0.0, abs=1e-12)
    too_much = chapter.score(scenario, 2.0, 1.0)
    assert not too_much.feasible and too_much.violations["power_budget_w"] == pytest.approx(0.5)
    for solve in (chapter.solve_equal_split, chapter.solve_proportional):
        found = solve(scenario)
        assert found.link_power_w + found.echo_power_w == 2.0
        assert found.certificate.residual > 0 or found.certificate.value <= best.certificate.bound


def test_the_judge_believes_nothing():
    scenario = chapter.Scenario(**BY_HAND)
    best = chapter.solve_exact(scenario)
    assert chapter.verify(scenario, best).status == "optimal"
    for powers in ((0.99, 1.0), (1.01, 1.0), (1.0, 0.99)):
        assert chapter.verify(scenario, chapter.Allocation(*powers, best.certificate)).status == "converged"


@pytest.mark.parametrize("wrong", [None, "much", float("nan"), -1.0, [1.0, 2.0]])
def test_what_is_no_power_is_refused(wrong):
    scenario = chapter.Scenario(**BY_HAND)
    for call in (chapter.rate_bps_hz, chapter.echo_snr):
        with pytest.raises(InvalidScenario, match="power_w"):
            call(scenario, wrong)
    with pytest.raises(InvalidScenario, match="scenario"):
        chapter.solve_exact(None)
