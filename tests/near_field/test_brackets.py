"""How a bracket of the robust SINR is narrowed: which road is taken, from where, and when the last cuts end."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from isaclib.near_field import search
from isaclib.near_field.reduction import Reduced
from isaclib.near_field.root import margin_precision, next_sinr, slope


def problem_of(users=2, aps=2, width=2, relative=0.1):
    h = np.ones((users, aps, width)) + 0j
    return Reduced(h, relative * np.linalg.norm(h, axis=2), np.tile(np.eye(width), (aps, 1, 1)))


def bracket_of(best=0.0, bound=math.inf, restricted=math.inf, **sizes):
    bracket = search.Bracket(problem_of(**sizes), 1e-6)
    bracket.best, bracket.bound, bracket.restricted = best, bound, restricted
    return bracket


@pytest.fixture
def roads(monkeypatch):
    """What is called in turn, with what counts of it; ``best``, ``bound`` and ``restricted`` are what the cuts leave."""
    taken, left = [], {"best": 1.0, "bound": 2.0, "restricted": 1.5}

    def by_cuts(bracket, guess, cuts, rounds, evaluations):
        taken.append(("cuts", guess, rounds, evaluations))
        bracket.__dict__.update(left)
        return "cuts"

    told = SimpleNamespace(dual=SimpleNamespace(channels=None, owners=None))
    monkeypatch.setattr(search, "by_cuts", by_cuts)
    monkeypatch.setattr(search, "by_programs", lambda bracket, guess: taken.append(("programs", guess)) or told)
    monkeypatch.setattr(search, "errors_over_radii", lambda *given: "errors")
    monkeypatch.setattr(search, "offer_matched", lambda bracket: taken.append(("matched",)))
    monkeypatch.setattr(search, "last_cuts", lambda bracket, cuts: taken.append(("last", cuts)) or "last")
    return taken, left


@pytest.mark.parametrize(
    ("sizes", "matched", "first"),
    [
        ({"relative": 0.0}, False, ("cuts", 5.0, 60, 36)),
        ({}, False, ("programs", 5.0)),
        ({"users": 4, "aps": 4, "width": 4}, False, ("programs", 5.0)),
        ({"users": 4, "aps": 5, "width": 4}, False, ("cuts", 5.0, 20, 12)),
        ({"users": 4, "aps": 4, "width": 4}, True, ("cuts", 5.0, 4, 12)),
    ],
)
def test_programs_come_first_where_they_are_small(sizes, matched, first, roads):
    bracket = bracket_of(**sizes)
    bracket.problem = bracket.problem.matched() if matched else bracket.problem
    search.narrow(bracket, 5.0, None)
    assert roads[0][0] == first


def test_programs_begin_at_the_bound_where_it_is_near(roads):
    taken, left = roads
    large = {"users": 4, "aps": 5, "width": 4}
    for bound, guess in ((2.9, 2.9), (3.1, 1.0)):
        left["bound"] = bound
        assert search.narrow(bracket_of(**large), 5.0, None) == "last"
        assert taken == [("cuts", 5.0, 20, 12), ("programs", guess), ("matched",), ("last", "errors")]
        taken.clear()
    for restricted, matched in ((1.011, True), (1.009, False)):
        left["restricted"] = restricted
        search.narrow(bracket_of(**large), 5.0, None)
        assert (("matched",) in taken) == matched
        taken.clear()
    left["bound"] = 1.0
    assert search.narrow(bracket_of(**large), 5.0, None) == "cuts" and len(taken) == 1
    taken.clear()
    assert search.narrow(bracket_of(**large), 5.0, None, by_programs_alone=True) == "errors" and taken == [("programs", 5.0)]


@pytest.fixture
def asked(monkeypatch):
    calls = []
    monkeypatch.setattr(search, "by_cuts", lambda b, gamma, cuts, *given, **more: calls.append((gamma, *given, *more.values())))
    return calls


@pytest.mark.parametrize(
    ("restricted", "places"),
    [
        (2.0, [2 * 2**0.4, 2**0.15]),
        (3.0, [3**0.5, 3 * (4 / 3) ** 0.8]),
        (9.0, [2.0, 4.0]),
        (1.5, [1.5 * (4 / 1.5) ** 0.4, 1.5**0.15]),
    ],
)
def test_the_last_cuts_look_beside_the_end_that_is_further_open_and_then_once_beside_the_other(restricted, places, asked):
    search.last_cuts(bracket_of(1.0, 4.0, restricted), None)
    assert [gamma for gamma, *_ in asked] == pytest.approx(places)
    assert {tuple(given) for _, *given in asked} == {(12, 1, 1e-2)}


def test_the_last_cuts_are_as_precise_as_the_bracket(asked):
    search.last_cuts(bracket_of(1.0, 1.003, 1.001, aps=3), None)
    assert [given for _, *given in asked] == [[12, 1, pytest.approx(0.3 * math.log(1.003))]] * 2


@pytest.mark.parametrize(("part", "ends"), [(0.69, [True] * 5), (0.71, [True, False]), (0.41, [True] * 5), (0.39, [True] * 8)])
def test_the_last_cuts_go_on_where_each_is_worth_it(part, ends, monkeypatch):
    bracket, sides = bracket_of(1.0, math.exp(4.0), math.exp(3.9), aps=3), []

    def by_cuts(b, gamma, *given, precision):
        sides.append(gamma <= math.sqrt(b.bound))  # below what the relaxed covariances reach
        b.bound = b.best * (b.bound / b.best) ** part

    monkeypatch.setattr(search, "by_cuts", by_cuts)
    search.last_cuts(bracket, None)
    assert sides == ends


def test_where_beams_were_found_the_next_are_looked_for_boldly(monkeypatch):
    bracket, places, found = bracket_of(1.0, 100.0, 99.0, aps=3), [], iter([True, True, False, False, True, False])

    def by_cuts(b, gamma, *given, precision):
        places.append(math.log(gamma / b.best) / math.log(min(b.restricted, b.bound) / b.best))
        if next(found):
            b.best = 0.9 * gamma

    monkeypatch.setattr(search, "by_cuts", by_cuts)
    search.last_cuts(bracket, None)
    # A bold look that finds none is not counted; one that is not bold sends to the bound's side, and that ends it.
    assert places[:4] == pytest.approx([0.5, 0.85, 0.85, 0.5]) and min(places[4:]) > 1


def test_what_is_hopeless_is_looked_at_no_closer(roads):
    taken, _ = roads
    for hopeless, last in ((2.9, "programs"), (2.8, "last")):
        bracket = bracket_of(1.0, 2.9, 1.5)
        bracket.hopeless = hopeless
        search.narrow(bracket, 5.0, None)
        assert taken[-1][0] == last


def test_what_a_neighbour_listed_is_listed_with_the_programs_channels(roads, monkeypatch):
    monkeypatch.setattr(search, "errors_over_radii", lambda *given: (np.ones((1, 2, 2)), np.ones((3, 2, 2))))
    taken, _ = roads
    search.narrow(bracket_of(1.0, 2.9, 1.5), 5.0, (np.zeros((2, 2, 2)), np.zeros((0, 2, 2))))
    assert [len(own) for own in taken[-1][1]] == [3, 3]
    large = {"users": 4, "aps": 5, "width": 4}
    search.narrow(bracket_of(1.0, 2.9, 1.5, **large), 5.0, (np.zeros((2, 2, 2)), np.zeros((0, 2, 2))))
    assert [len(own) for own in taken[-1][1]] == [1, 3]  # the cuts before the programs have had them already


def test_close_brackets_of_two_access_points_end_with_closer_cuts(asked):
    for bound, aps, close in ((1.019, 2, True), (1.021, 2, False), (1.019, 3, False)):
        asked.clear()
        search.last_cuts(bracket_of(1.0, bound, 1.01, aps=aps), None)
        distance = math.log(bound)
        expected = (pytest.approx(math.exp(0.5 * distance)), 20, 12, pytest.approx(margin_precision(distance, 1e-6, 1.0)))
        assert (asked[-1] == expected) == close and len(asked) == 2 + close
    asked.clear()
    search.last_cuts(bracket_of(1.0, math.inf), None)
    search.last_cuts(bracket_of(1.0, 1 + 0.9e-6), None)
    assert len(asked) == 1


def scripted(monkeypatch, *answers):
    """Programs that answer in turn (best, bound, restricted, the following SINR or None for their own, least part of a covariance
    in its largest eigenvalue, and "lost" where digits were); what each was asked, and what it said.
    """
    asked, script, told = [], iter(answers), []

    def two_sided(problem, gamma, power, tolerance, *, after, closely, least):
        assert power == 1.0 and tolerance == 1e-6
        best, bound, restricted, following, part, *lost = next(script)
        asked.append((gamma, None if after is None else told.index(after), closely))
        numbers = {"best": best, "bound": bound, "restricted": restricted, "following": following or gamma}
        told.append(
            SimpleNamespace(
                **numbers, rank_one_ratio=np.array([1.0, part]), lost=bool(lost), beams="w", multipliers="m", dual=None
            )
        )
        return told[-1]

    monkeypatch.setattr(search, "two_sided", two_sided)
    return asked, told


def test_programs_follow_newton_until_the_bracket_is_closed(monkeypatch):
    asked, told = scripted(monkeypatch, (1.0, 9.0, 9.0, 2.0, 0.9), (1.5, 9.0, 9.0, 2.5, 0.9), (2.5, 2.5, 2.5, 2.5, 0.9), ())
    bracket = bracket_of()
    assert search.by_programs(bracket, 0.7) is told[-1] and bracket.closed
    assert asked == [(0.7, None, False), (2.0, 0, False), (2.5, 1, False)]
    assert [sinr for sinr, *_ in bracket.tried] == [0.7, 2.0, 2.5]


def test_a_program_that_newton_did_not_lead_to_begins_anew(monkeypatch):
    asked, _ = scripted(monkeypatch, (1.0, 4.0, 4.0, math.nan, 1.0), (2.0, 2.0, 2.0, 2.0, 1.0))
    search.by_programs(bracket_of(), 1.0)
    assert asked == [(1.0, None, False), (2.0, None, False)]  # half of the bracket (in logs)


@pytest.mark.parametrize(("part", "best", "again"), [(1.0, 1.0, False), (1.0, 0.9, True), (0.99, 1.0, True), (0.99, 0.9, True)])
def test_what_ends_open_or_not_of_rank_one_is_solved_closely(part, best, again, monkeypatch):
    # There is no step to go on with; three access points leave the bound open, whatever the programs reach.
    last = (best, 2.0, 1 + 0.9e-6, None, part)
    asked, told = scripted(monkeypatch, last, last, ())
    monkeypatch.setattr(search, "tightened", lambda problem, told, power: (1.7, "dual"))
    monkeypatch.setattr(search, "replace", lambda told, dual: (told, dual))
    bracket = bracket_of(aps=3)
    assert search.by_programs(bracket, 1.0) == (told[-1], "dual")
    assert [closely for *_, closely in asked] == [False, True][: 1 + again]
    assert bracket.bound == pytest.approx(1.7, rel=1e-8)


def test_programs_without_digits_follow_newton_and_are_begun_anew_three_times(monkeypatch):
    steps = [(1.0, 9.0, 9.0, 2.0, 1.0, "lost"), (1.5, 9.0, 9.0, 2.5, 1.0, "lost"), (2.5, 9.0, 9.0, 3.0, 1.0, "lost")]
    asked, told = scripted(monkeypatch, *steps, *[(2.5, 9.0, 9.0, math.nan, 1.0, "lost")] * 3, ())
    assert search.by_programs(bracket_of(), 1.0) is told[-1]
    assert [after for _, after, _ in asked] == [None, 0, 1, 2, None, None]


@pytest.mark.parametrize(("lost", "programs"), [(["lost"], 2), ([], 3)])
def test_programs_without_digits_need_no_closer_beams_than_the_tolerance(lost, programs, monkeypatch):
    near = (1.0, 2.0, 1 + 1.9e-6, 1 + 1.5e-6, 1.0, *lost)
    asked, _ = scripted(monkeypatch, near, *[(1.0, 2.0, 1 + 1.9e-6, None, 1.0, *lost)] * 2, ())
    monkeypatch.setattr(search, "tightened", lambda problem, told, power: (1.7, "dual"))
    monkeypatch.setattr(search, "replace", lambda told, dual: (told, dual))
    search.by_programs(bracket_of(aps=3), 1.0)
    assert len(asked) == programs


@pytest.fixture
def margins(monkeypatch):
    """Margins by cuts from a list (upper, lower), each with beams where it is finite; what was asked, and beams offered again."""
    asked, answers, offered = [], [], []

    def margin_by_cuts(problem, gamma, power, *, tolerance, cuts, enough, max_rounds):
        assert power == 1.0 and enough == 1.1 and max_rounds == 7
        asked.append((gamma, tolerance, cuts))
        upper, lower = answers[len(asked) - 1]
        beams = None if upper == math.inf else 2 * np.ones(1)
        return SimpleNamespace(upper=upper, lower=lower, beams=beams, multipliers="m", dual=None, cuts=f"cuts {len(asked)}")

    monkeypatch.setattr(search, "margin_by_cuts", margin_by_cuts)
    monkeypatch.setattr(search, "offer", lambda bracket, beams: offered.append(beams))
    return asked, answers, offered


def test_cuts_go_from_margin_to_margin_with_what_was_listed(margins):
    asked, answers, _ = margins
    answers += [(2.0, 1.98), (0.5, 0.499)]
    bracket = bracket_of()
    assert search.by_cuts(bracket, 5.0, "start", 7, 2) == "cuts 2"
    # Beams of margin 2 at the SINR 5, scaled to the limit, reach 2.5; no beams reach 5.
    history = [(5.0, 2.0, 1.98)]
    following = next_sinr(history, 2.5, 5.0)
    assert asked[0] == (5.0, 1e-2, "start")
    assert asked[1] == (following, margin_precision(math.log(2), 1e-6, slope(history)), "cuts 1")
    assert bracket.tried == [(5.0, 2.5, 5.0), (following, max(2.5, following), min(5.0, following / 0.499))]
    if following > 2.5:
        assert bracket.beams[0] == 2 and bracket.multipliers == "m"


def test_beams_of_a_margin_above_one_are_scaled_to_the_limit(margins):
    _, answers, _ = margins
    answers.append((4.0, 3.99))
    bracket = bracket_of()
    search.by_cuts(bracket, 8.0, None, 7, 1)
    assert bracket.best == 2.0 and bracket.beams[0] == 1.0 and bracket.bound == 8.0


@pytest.mark.parametrize(
    ("upper", "lower", "rounds"),
    [(1.019, 1.0, 2), (1.021, 1.0, 1), (1.2, 1.09, 1), (1.2, 1.11, 2), (math.inf, 1.11, 2), (math.inf, 1.09, 1)],
)
def test_cuts_end_where_a_margin_is_open_unless_it_is_far_above_one(upper, lower, rounds, margins):
    asked, answers, _ = margins
    answers += [(upper, lower), (1.5, 0.5)]
    search.by_cuts(bracket_of(0.5, 9.0), 5.0, None, 7, 2)
    assert len(asked) == rounds


def test_cuts_end_without_beams_and_where_they_close_the_bracket(margins):
    asked, answers, _ = margins
    answers += [(math.inf, 1.2), (1.0, 1.0)]
    bracket = bracket_of()
    search.by_cuts(bracket, 5.0, None, 7, 9)
    assert len(asked) == 1 and bracket.best == 0 and bracket.bound == 5.0
    search.by_cuts(bracket, 5.0, None, 7, 9)
    assert len(asked) == 2 and bracket.closed


def test_a_standstill_is_looked_at_more_closely_and_then_left(margins, monkeypatch):
    asked, answers, _ = margins
    answers += [(1.001, 1.0), *[(1.001, 1.001)] * 8]
    monkeypatch.setattr(search, "next_sinr", lambda history, best, bound: 5.0 * (1 + 0.9e-7))
    search.by_cuts(bracket_of(4.0, 6.0), 5.0, None, 7, 9)
    assert [gamma for gamma, *_ in asked] == pytest.approx([5.0] * 3)
    at_first, *closer = (precision for _, precision, _ in asked)
    wanted = margin_precision(math.log(1.001), 1e-6, 1.0)
    assert at_first == 1e-2 and closer == pytest.approx([0.3 * wanted, 0.09 * wanted], rel=1e-3)


@pytest.mark.parametrize(("gap", "again"), [(1.9e-2, True), (2.1e-2, False), (1.1e-6, True), (0.9e-6, False)])
def test_scaled_beams_are_proven_again_beside_the_bound(gap, again, margins):
    _, answers, offered = margins
    answers.append((1.0 + gap, 1.0))
    search.by_cuts(bracket_of(), 5.0, None, 7, 1, precision=0.1)
    assert bool(offered) == again
