"""Validated scenarios: every refusal names its field; what is accepted is copied, frozen and reproducible."""

import copy
import dataclasses
import math
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from isaclib import InvalidScenario, near_field, network_localization, ofdm_ranging, semi_isac, wireless_powered
from isaclib.foundations.scenario import Batch, ScenarioBase, array, choice, number


@dataclass(frozen=True, eq=False, kw_only=True)
class Example(ScenarioBase):
    gain: np.ndarray = array("M", positive=True)
    matrix: np.ndarray = array("M", "M+1", minimum=0, maximum=9)
    coupling: np.ndarray | None = array("M", "M", zero_diagonal=True, optional=True)
    efficiency: np.ndarray = array("M", minimum=0, maximum=1, broadcast=True, default=0.5)
    ceiling: float | np.ndarray = array("M", positive=True, keep_number=True, default=2.0)
    channel: np.ndarray = array("K", 2, dtype=complex, default=((1j, 2), (3, 4)))
    counts: np.ndarray | None = array("M", dtype=int, optional=True)
    noise_w: float = number(positive=True, default=1.0)
    limit: float = number(positive=True, infinite=True, default=math.inf)
    antennas: int = number(integer=True, minimum=1, maximum=64, default=4)
    cap: float | None = number(optional=True)
    kind: str = choice("power", "energy", default="power")

    def validate(self):
        if self.gain.sum() > 100:
            raise InvalidScenario("gain", "sums to more than 100", "use linear units")

    @classmethod
    def random(cls, rng, *, users=3):
        return cls(gain=rng.exponential(size=users) + 0.1, matrix=rng.random((users, users + 1)))


def example(**changes):
    return Example(**{"gain": [1.0, 2.0], "matrix": np.ones((2, 3)), **changes})


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"gain": [1.0, 0.0]}, "gain", r"must be positive, but is 0 at entry \(1,\)"),
        ({"gain": [1.0, math.nan]}, "gain", r"must be finite, but entry \(1,\) is nan"),
        ({"gain": [1.0, math.inf]}, "gain", "must be finite"),
        ({"gain": [1.0, 1j]}, "gain", "must be an array of real numbers"),
        ({"gain": ["a", "b"]}, "gain", "must be an array of real numbers"),
        ({"gain": [True, False]}, "gain", "must be an array of real numbers"),
        ({"gain": [[1.0], [1.0, 2.0]]}, "gain", "must be an array of real numbers"),
        ({"gain": 1.0}, "gain", r"has shape \(\) \(expected \(M,\)\)"),
        ({"gain": []}, "gain", "with M >= 1"),
        ({"gain": None}, "gain", "is missing"),
        ({"gain": [60.0, 60.0]}, "gain", "sums to more than 100 .use linear units"),
        ({"matrix": np.ones((2, 2))}, "matrix", r"has shape \(2, 2\) \(expected \(M, M\+1\) with M = 2\)"),
        ({"matrix": np.ones(3)}, "matrix", r"has shape \(3,\)"),
        ({"matrix": -np.ones((2, 3))}, "matrix", r"must be at least 0, but is -1 at entry \(0, 0\)"),
        ({"matrix": 10 * np.ones((2, 3))}, "matrix", "must be at most 9, but is 10"),
        ({"coupling": np.ones((2, 2))}, "coupling", "zero diagonal"),
        ({"efficiency": 1.5}, "efficiency", "must be at most 1, but is 1.5"),
        ({"efficiency": [0.1, 0.2, 0.3]}, "efficiency", "has shape"),
        ({"efficiency": [[0.1], [0.2, 0.3]]}, "efficiency", "must be an array of real numbers"),
        ({"ceiling": -1.0}, "ceiling", "must be positive, but is -1"),
        ({"ceiling": [1.0, -1.0]}, "ceiling", r"must be positive, but is -1 at entry \(1,\)"),
        ({"ceiling": [1.0, 2.0, 3.0]}, "ceiling", "has shape"),
        ({"ceiling": [[1.0], [2.0, 3.0]]}, "ceiling", "must be an array of real numbers"),
        ({"ceiling": "high"}, "ceiling", "must be one real number"),
        ({"channel": [[1.0, 2.0, 3.0]]}, "channel", "has shape"),
        ({"channel": [["a", "b"]]}, "channel", "complex numbers"),
        ({"counts": [1.0, 2.5]}, "counts", r"whole numbers, but entry \(1,\) is 2.5"),
        ({"counts": [1, 2j]}, "counts", "real numbers"),
        ({"noise_w": 0.0}, "noise_w", "must be positive, but is 0"),
        ({"noise_w": math.inf}, "noise_w", "must be finite"),
        ({"noise_w": "1e-3"}, "noise_w", "one real number, not '1e-3'"),
        ({"noise_w": [1.0]}, "noise_w", "one real number"),
        ({"noise_w": [[1.0], [1.0, 2.0]]}, "noise_w", "one real number"),
        ({"noise_w": True}, "noise_w", "one real number"),
        ({"noise_w": np.True_}, "noise_w", "one real number"),
        ({"noise_w": 1 + 1j}, "noise_w", "one real number"),
        ({"noise_w": np.complex128(1)}, "noise_w", "one real number"),
        ({"noise_w": None}, "noise_w", "is missing"),
        ({"limit": math.nan}, "limit", "must be finite, not nan"),
        ({"antennas": 2.5}, "antennas", "whole number, not 2.5"),
        ({"antennas": 65}, "antennas", "must be at most 64, but is 65"),
        ({"kind": "heat"}, "kind", "'heat' is not a known choice .use one of 'power', 'energy'"),
        ({"kind": np.ones(2)}, "kind", "is not a known choice"),
    ],
)
def test_each_refusal_names_its_field(changes, field, words):
    with pytest.raises(InvalidScenario, match=words) as caught:
        example(**changes)
    assert caught.value.field == field
    assert str(caught.value).startswith(field + ":")


def test_arrays_are_copied_and_frozen():
    gain = np.array([1.0, 2.0])
    scenario = example(gain=gain)
    gain[0] = 7.0
    assert scenario.gain[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        scenario.gain[0] = 7.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.noise_w = 2.0


def test_types_and_defaults():
    scenario = example(counts=[1, 2], antennas=8.0)
    assert scenario.gain.dtype == np.float64
    assert scenario.channel.dtype == np.complex128
    assert scenario.counts.dtype.kind == "i"
    assert isinstance(scenario.antennas, int) and scenario.antennas == 8
    assert isinstance(example(noise_w=1).noise_w, float)
    np.testing.assert_array_equal(scenario.efficiency, [0.5, 0.5])
    assert scenario.limit == math.inf
    assert scenario.coupling is None and scenario.cap is None


@pytest.mark.parametrize("travel", [lambda s: pickle.loads(pickle.dumps(s)), copy.copy, copy.deepcopy])
def test_a_scenario_that_travelled_is_equal_and_still_frozen(travel):
    scenario = example(cap=3.0)
    arrived = travel(scenario)
    for field in dataclasses.fields(scenario):
        np.testing.assert_array_equal(getattr(arrived, field.name), getattr(scenario, field.name))
    with pytest.raises(ValueError, match="read-only"):
        arrived.gain[0] = 7.0


def test_scenarios_compare_by_identity():
    scenario = example()
    assert scenario == scenario
    assert scenario != example()
    assert len({scenario, scenario, example()}) == 2


def test_replace_validates_and_refuses_unknown_names():
    scenario = example()
    assert scenario.replace(noise_w=2.0).noise_w == 2.0
    assert scenario.noise_w == 1.0
    with pytest.raises(InvalidScenario, match="noise_w: must be positive"):
        scenario.replace(noise_w=-1.0)
    with pytest.raises(InvalidScenario, match=r"is not a field of this scenario \(fields are antennas, cap") as caught:
        scenario.replace(nosie_w=1.0)
    assert caught.value.field == "nosie_w"


def test_random_batch_equals_random_of_the_spawned_children():
    batch = Example.random_batch(np.random.default_rng(5), 4, users=2)
    children = np.random.default_rng(5).spawn(4)
    for scenario, child in zip(batch, children, strict=True):
        expected = Example.random(child, users=2)
        np.testing.assert_array_equal(scenario.gain, expected.gain)
        np.testing.assert_array_equal(scenario.matrix, expected.matrix)
    with pytest.raises(InvalidScenario, match="draws: must be at least 1, but is 0"):
        Example.random_batch(np.random.default_rng(5), 0)


def test_a_chapter_without_random_scenarios_says_so():
    with pytest.raises(NotImplementedError, match="defines no random scenario"):
        ScenarioBase.random(np.random.default_rng(0))


def test_batch_stacks_fields_and_indexes_scenarios():
    batch = Example.random_batch(np.random.default_rng(6), 5)
    assert len(batch) == 5
    assert batch.gain.shape == (5, 3) and batch.noise_w.shape == (5,)
    assert batch.coupling is None and batch.kind == "power"
    np.testing.assert_array_equal(batch.gain[3], batch[3].gain)
    assert isinstance(batch[1:3], Batch) and batch[1:3][0] is batch[1]
    assert Batch.of(batch) is batch
    np.testing.assert_array_equal(Batch.of(list(batch)).gain, batch.gain)
    np.testing.assert_array_equal(batch.replace(noise_w=3.0).noise_w, np.full(5, 3.0))
    with pytest.raises(ValueError, match="read-only"):
        batch.gain[0] = 1.0
    with pytest.raises(AttributeError, match="no field 'gian'"):
        _ = batch.gian


def test_a_number_that_may_differ_stays_a_number_and_a_batch_keeps_the_kind():
    one, each = example(ceiling=3), example(ceiling=[3, 4])
    assert isinstance(one.ceiling, float) and one.ceiling == 3.0
    np.testing.assert_array_equal(each.ceiling, [3.0, 4.0])
    assert not each.ceiling.flags.writeable
    assert Batch([one, one]).ceiling.shape == (2,) and Batch([each, each]).ceiling.shape == (2, 2)
    with pytest.raises(InvalidScenario, match="ceiling: differs in shape"):
        Batch([one, each])


def test_a_batch_can_be_pickled():
    batch = Example.random_batch(np.random.default_rng(6), 3)
    arrived = pickle.loads(pickle.dumps(batch))
    np.testing.assert_array_equal(arrived.matrix, batch.matrix)
    assert not arrived.matrix.flags.writeable


@pytest.mark.parametrize(
    ("rows", "field", "words"),
    [
        ([], "scenarios", "is empty"),
        ([example(), "no scenario"], "scenarios", "mixes types"),
        ([example(), Example.random(np.random.default_rng(0))], "gain", "differs in shape"),
        ([example(), example(kind="energy")], "kind", "differs in kind"),
        ([example(), example(cap=1.0)], "cap", "differs in kind"),
        ([example(cap=1.0), example()], "cap", "differs in shape"),
        ([example(), example(coupling=np.zeros((2, 2)))], "coupling", "differs in kind"),
    ],
)
def test_a_batch_refuses_what_it_cannot_stack(rows, field, words):
    with pytest.raises(InvalidScenario, match=words) as caught:
        Batch(rows)
    assert caught.value.field == field


def test_a_declaration_with_an_unknown_kind_of_size_is_refused():
    with pytest.raises(ValueError, match="'M-1'"):
        array("M", "M-1")


def assert_same(found, expected):
    for field in dataclasses.fields(expected):
        a, b = getattr(found, field.name), getattr(expected, field.name)
        assert type(a) is type(b), field.name
        np.testing.assert_array_equal(a, b)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype and not a.flags.writeable


@pytest.mark.parametrize(
    "changes",
    [
        {"noise_w": 3.0, "antennas": 7},
        {"gain": [1.0, 2.0, 3.0], "kind": "energy"},
        {"coupling": np.zeros((3, 3)), "cap": 2.0, "efficiency": 0.25, "limit": math.inf},
        {"channel": np.ones((5, 2)), "counts": [1, 2, 3]},
        {"coupling": None},
    ],
)
def test_a_changed_batch_equals_its_changed_rows(changes):
    batch = Example.random_batch(np.random.default_rng(7), 4)
    changed = batch.replace(**changes)
    for row, old in zip(changed, batch, strict=True):
        assert_same(row, old.replace(**changes))
        assert_same(row, Example(**{field.name: getattr(old, field.name) for field in dataclasses.fields(old)} | changes))
    assert changed[1] is changed[1] and changed[-1] is changed[3]
    for name in changes:
        np.testing.assert_array_equal(getattr(changed, name), getattr(Batch(list(changed)), name))
    with pytest.raises(IndexError):
        changed[4]


def test_a_change_of_a_batch_is_validated():
    batch = Example.random_batch(np.random.default_rng(8), 3)
    for changes, field in (
        ({"noise_w": -1.0}, "noise_w"),
        ({"gain": [1.0, 2.0]}, "gain"),  # the other fields say that there are three
        ({"gain": [60.0, 60.0, 60.0]}, "gain"),  # a check across fields
        ({"kind": "heat"}, "kind"),
        ({"nosie_w": 1.0}, "nosie_w"),
        ({"matrix": None}, "matrix"),
    ):
        with pytest.raises(InvalidScenario) as caught:
            batch.replace(**changes)
        assert caught.value.field == field
        with pytest.raises(InvalidScenario) as caught:
            batch[0].replace(**changes)
        assert caught.value.field == field


def test_checks_across_fields_are_made_again_only_where_they_can_change():
    class Counted(Example):
        asked = 0
        validated = ("gain",)

        def validate(self):
            type(self).asked += 1
            super().validate()

    one = Counted(gain=[1.0, 2.0], matrix=np.ones((2, 3)))
    batch = Batch([one, one])
    assert Counted.asked == 1
    batch.replace(noise_w=2.0), one.replace(noise_w=2.0)
    assert Counted.asked == 1
    batch.replace(gain=[1.0, 3.0])
    assert Counted.asked == 3


def test_a_batch_is_frozen_and_knows_its_chapter():
    batch = Example.random_batch(np.random.default_rng(9), 3)
    for act in (lambda: setattr(batch, "gain", 3), lambda: delattr(batch, "gain"), lambda: setattr(batch, "new", 3)):
        with pytest.raises(AttributeError, match="frozen"):
            act()
    assert Batch.of(batch, Example) is batch

    class Other(ScenarioBase):
        pass

    with pytest.raises(InvalidScenario, match=r"scenarios: are of .*, not of"):
        Batch.of(batch, Other)
    with pytest.raises(InvalidScenario, match="scenarios: is a single scenario"):
        Batch.of(batch[0], Example)
    arrived = pickle.loads(pickle.dumps(batch.replace(noise_w=2.0)))
    assert_same(arrived[2], batch[2].replace(noise_w=2.0))


CLASSES = [
    *(wireless_powered.Scenario, network_localization.Scenario, ofdm_ranging.Scenario, near_field.Scenario),
    *(semi_isac.Scenario, semi_isac.Network),
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_field_that_a_check_across_fields_reads_is_named(kind):
    read, names = set(), {field.name for field in dataclasses.fields(kind)}

    class Watched(kind):
        def __getattribute__(self, name):
            if name in names:
                read.add(name)
            return super().__getattribute__(name)

    scenario = kind.random(np.random.default_rng(0))
    watched = object.__new__(Watched)
    watched.__dict__.update(scenario.__dict__)
    kind.validate(watched)
    assert read <= (names if kind.validated is None else set(kind.validated))


@pytest.mark.parametrize("chapter", [wireless_powered, network_localization, ofdm_ranging, semi_isac], ids=lambda m: m.__name__)
@pytest.mark.parametrize("draws", [1, 7])
def test_a_drawn_batch_equals_single_draws_to_the_bit(chapter, draws):
    batch = chapter.Scenario.random_batch(np.random.default_rng(3), draws)
    for row, child in zip(batch, np.random.default_rng(3).spawn(draws), strict=True):
        assert_same(row, chapter.Scenario.random(child))


def test_a_batch_is_checked_as_a_whole():
    columns = {"gain": np.ones((2, 3)), "matrix": np.ones((2, 3, 4)), "noise_w": np.array([1.0, 2.0])}
    batch = Batch.checked(Example, columns, {"antennas": 8, "efficiency": 0.25})
    for d, row in enumerate(batch):
        assert_same(row, Example(gain=[1.0] * 3, matrix=np.ones((3, 4)), noise_w=[1.0, 2.0][d], antennas=8, efficiency=0.25))
    for wrong, field in (
        ({"gain": -np.ones((2, 3))}, "gain"),
        ({"matrix": np.ones((2, 3, 3))}, "matrix"),
        ({"noise_w": np.array([1.0, 0.0])}, "noise_w"),
        ({"noise_w": np.ones(3)}, "noise_w"),
        ({"gain": np.array([[1.0] * 3, [60.0] * 3])}, "gain"),  # a check across fields, in one row
    ):
        with pytest.raises(InvalidScenario) as caught:
            Batch.checked(Example, {**columns, **wrong}, {})
        assert caught.value.field == field
