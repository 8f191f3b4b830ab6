"""Guards: a malformed argument is refused by its name, and what is well formed comes back unchanged."""

import math

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib.foundations import checks

MALFORMED = [
    None, "word", math.nan, True, 1 + 2j, [], [[1.0]], [1.0, 2.0, 3.0], [[1.0, 2.0]], ["a", "b"], object(), {"a": 1},
    np.ma.array([1.0, 2.0], mask=[False, True]), np.array([1.0, None]), [1.0, math.inf], [1.0, -1.0], [[1.0], [1.0, 2.0]],
    np.array([1 + 0j, 2.0]), 10**400, [10**400, 1], [1.0, np.ma.masked], (1.0, np.ma.array(2.0, mask=True)),
]  # fmt: skip


@pytest.mark.parametrize("value", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_array_is_refused_by_name(value):
    with pytest.raises(InvalidScenario, match=r"^powers_w: "):
        checks.array("powers_w", value, (2,), minimum=0)


@pytest.mark.parametrize("value", [*MALFORMED, -1.0, math.inf], ids=range(len(MALFORMED) + 2))
def test_a_malformed_number_is_refused_by_name(value):
    with pytest.raises(InvalidScenario, match=r"^noise_w: "):
        checks.number("noise_w", value, minimum=0)


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, math.inf, 2**70 + 1, 1e30, True])
def test_a_malformed_count_is_refused_by_name(value):
    with pytest.raises(InvalidScenario, match=r"^draws: "):
        checks.count("draws", value)


def test_a_mask_is_seen_at_any_depth():
    rows = [np.ma.array([1.0, 2.0], mask=[False, hidden]) for hidden in (False, True)]
    for value in (rows, tuple(rows), [[[1.0, 2.0]], [rows]]):
        with pytest.raises(InvalidScenario, match=r"^gain: has masked entries"):
            checks.array("gain", value, ("...",))
    assert checks.array("gain", [rows[0], [3.0, 4.0]], ("B", 2)).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    endless = [1.0]
    endless.append(endless)
    with pytest.raises(InvalidScenario, match=r"^gain: must be an array"):
        checks.array("gain", endless, ("B",))


def test_what_is_well_formed_comes_back_unchanged_and_fresh():
    given = np.array([1.0, 2.0])
    found = checks.array("x", given, ("M",), positive=True)
    assert found is not given and found.tolist() == [1.0, 2.0]
    assert checks.array("x", [1, 2], (2,), dtype=complex).dtype == complex
    assert checks.array("x", np.ma.array([1.0, 2.0]), (2,)).tolist() == [1.0, 2.0]
    assert checks.array("x", np.ones((4, 3, 2)), ("...", "M", 2)).shape == (4, 3, 2)
    assert math.isinf(checks.number("x", math.inf, infinite=True))
    assert checks.count("draws", np.int64(3)) == 3 and checks.count("draws", 2.0) == 2
    assert checks.number("x", 2**70) == float(2**70)


def test_symbols_are_shared_between_arrays():
    sizes: dict[str, int] = {}
    checks.array("a", np.ones(3), ("M",), sizes=sizes)
    checks.array("b", np.ones((4, 2)), ("M+1", "N"), sizes=sizes)
    assert sizes == {"M": 3, "N": 2}
    with pytest.raises(InvalidScenario, match=r"^c: has shape \(2, 3\) \(expected \(M, N\) with M = 3, N = 2"):
        checks.array("c", np.ones((2, 3)), ("M", "N"), sizes=sizes)


def test_a_row_as_matlab_writes_it_is_refused_with_the_remedy():
    with pytest.raises(InvalidScenario, match=r"flatten it with \.ravel\(\)"):
        checks.array("gain", np.ones((1, 3)), (3,))


def test_words_flags_masks_instances_and_generators():
    assert checks.word("sensing", "power", ("power", "energy")) == "power"
    assert checks.flag("integrated", np.True_) is True
    assert checks.mask("keep", [True, False], ("D",)).tolist() == [True, False]
    assert checks.generator("rng", np.random.default_rng(1)) is not None
    for call in (
        lambda: checks.word("sensing", "powers", ("power", "energy")),
        lambda: checks.word("sensing", 3, ("power", "energy")),
        lambda: checks.flag("integrated", 1),
        lambda: checks.mask("keep", [1, 0], ("D",)),
        lambda: checks.mask("keep", [True], (2,)),
        lambda: checks.generator("rng", 3),
        lambda: checks.instance("scenario", 3, np.ndarray),
        lambda: checks.function("predicate", 3),
    ):
        with pytest.raises(InvalidScenario):
            call()


def test_an_integer_array_does_not_overflow():
    with pytest.raises(InvalidScenario, match="too large to be counted exactly"):
        checks.array("carriers", [1e300], ("N",), dtype=int)


@pytest.mark.parametrize("error", [RuntimeError, KeyError, AttributeError, ZeroDivisionError])
def test_an_object_that_refuses_to_be_an_array_is_refused_by_name_whatever_it_raises(error):
    class Refuses:
        def __array__(self, *given, **more):
            raise error("not now")

    for check in (
        lambda value: checks.number("field", value),
        lambda value: checks.count("field", value),
        lambda value: checks.array("field", value, ("M",)),
        lambda value: checks.mask("field", value, ("M",)),
        lambda value: checks.values("field", value),
    ):
        with pytest.raises(InvalidScenario) as caught:
            check(Refuses())
        assert caught.value.field == "field"
    assert checks.axes(Refuses()) == -1
