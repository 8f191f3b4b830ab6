"""The bracketing search for a sign change."""

import numpy as np

from isaclib.foundations.scalar_search import sign_change

TOLERANCE = 1e-12


def test_root_known_by_hand_and_few_evaluations():
    bracket = sign_change(lambda x: 2.0 - x**2, 0.0, 2.0, tolerance=TOLERANCE)
    assert bracket.low <= np.sqrt(2) + 1e-15 and bracket.high >= np.sqrt(2) - 1e-15
    assert abs(bracket.high - bracket.low) <= TOLERANCE
    assert bracket.iterations <= 12  # bisection needs 41


def test_lanes_are_independent_and_ends_keep_their_signs():
    levels = np.array([0.1, 1.0, 5.0, 100.0])
    function = lambda x: np.log(levels) - x  # noqa: E731
    bracket = sign_change(function, np.full(4, -10.0), np.full(4, 10.0), tolerance=TOLERANCE)
    assert np.all(function(bracket.low) > 0) and np.all(function(bracket.high) <= 0)
    for d, level in enumerate(levels):
        alone = sign_change(lambda x, level=level: np.log(level) - x, -10.0, 10.0, tolerance=TOLERANCE)
        assert abs(alone.high - bracket.high[d]) <= 2 * TOLERANCE


def test_jumps_and_infinities_cost_no_more_than_bisection():
    def function(x):
        return np.where(x < 0.3, np.inf, -np.inf)

    bracket = sign_change(function, np.array([0.0]), np.array([1.0]), tolerance=TOLERANCE)
    assert bracket.low[0] < 0.3 <= bracket.high[0]
    assert bracket.high[0] - bracket.low[0] <= TOLERANCE
    assert bracket.iterations <= 45


def test_decreasing_search_is_allowed():
    bracket = sign_change(lambda x: x - 1.0, 3.0, 0.0, tolerance=TOLERANCE)
    assert bracket.high <= 1.0 < bracket.low + 1e-15
