"""Timings: what is fitted to them, and what is said about the machine."""

import numpy as np
import pytest

from compendium.notebook import timing


def test_calls_take_turns_and_are_all_timed():
    order = []
    found = timing.seconds([lambda: order.append("a"), lambda: order.append("b")], 3)
    assert order == ["a", "b"] * 3
    assert found.shape == (6,) and np.all(found >= 0)
    with pytest.raises(ValueError, match="at least 1"):
        timing.seconds(lambda: None, 0)


def test_a_timed_call_hands_on_its_result_and_counts_work():
    little, _ = timing.timed(lambda: sum(range(10)))
    much, total = timing.timed(lambda: sum(range(2_000_000)))
    assert total == 1_999_999_000_000 and much > little


def test_a_power_law_is_recovered_on_its_range():
    x = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    y = np.where(x < 4, 48.0, 3 * x**2)  # a floor of overhead below 4
    fit = timing.power_law(x, y, low=4)
    assert fit.exponent == pytest.approx(2) and fit.factor == pytest.approx(3) and fit.error == pytest.approx(0, abs=1e-9)
    assert (fit.low, fit.high) == (4, 32) and str(fit) == "2.00 ± 0.00 (4 to 32)"
    assert fit(64.0) == pytest.approx(3 * 64**2)
    assert timing.power_law(x, y).exponent < 1.5


def test_the_error_of_an_exponent_is_that_of_a_straight_line_in_logarithms():
    # Three points at log x = -1, 0, 1 with log y = x/2 + (e, -2e, e): slope 1/2, residual sum 6 e^2, error sqrt(6 e^2 / 1 / 2).
    x = np.exp([-1.0, 0.0, 1.0])
    y = np.exp([-0.5 + 0.1, -0.2, 0.5 + 0.1])
    fit = timing.power_law(x, y)
    assert fit.exponent == pytest.approx(0.5) and fit.error == pytest.approx(0.1 * np.sqrt(3))
    assert np.isnan(timing.power_law(x[:2], y[:2]).error)
    assert str(timing.power_law([1.0, 10.0], [1.0, 10.0])) == "1.00 (1 to 10)"


@pytest.mark.parametrize("x, y", [([1.0, 1.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 1.0]), ([-1.0, 2.0], [1.0, 1.0])])
def test_what_has_no_exponent_is_refused(x, y):
    with pytest.raises(ValueError, match="power law needs"):
        timing.power_law(x, y)


def test_the_machine_is_named_with_its_versions():
    facts = timing.machine()
    assert facts["processors"].split()[0].isdigit() and facts["numpy"] == np.__version__
