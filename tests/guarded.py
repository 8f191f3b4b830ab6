"""Malformed calls, made by rule: every argument of a public function, one at a time, with everything that does not belong there.

    from guarded import assert_guarded

    calls = assert_guarded(
        wp.crb_trace,
        {"scenario": scenario, "powers_w": np.full(3, 0.1)},
        allowed={"powers_w": ["one number"]},  # what the docstring allows beyond the good value's own form
    )

:func:`assert_guarded` calls the function with the good arguments, then with one of them replaced by each value of a list
that depends on what the good value is (:func:`bad_values`): a number, an array, a word, a flag, a scenario, a batch or list
of scenarios, a generator, a callable, or another object (an allocation). Give optional arguments a value of their own, or
they are not tried. Demanded of every call:

* a ``ValueError`` (an ``InvalidScenario`` is one) whose message names the argument. A wrong size may be blamed on any
  argument that it has to agree with. Raw errors of NumPy, SciPy, cvxpy or Python do not name it, and other types fail;
* or, for the labels in ``allowed[argument]`` only, an answer without nan, or one of the library's own named errors;
* and no warning.

All faults are reported at once, with the label of each. The number of calls is returned, so that a test can count them.
:func:`public_functions` lists what a package offers, so that a test can hold its cases against the whole of it::

    assert set(CASES) == set(public_functions(wp)) - {"Allocation"}
"""

import copy
import dataclasses
import inspect
import re
import types
import warnings

import numpy as np

from isaclib import InfeasibleScenario, SolverFailure
from isaclib.foundations.certificate import Certificate
from isaclib.foundations.scenario import Batch, ScenarioBase, number

HUGE = 10**400
SIZES = frozenset({
    "one number", "empty", "one axis more", "one axis less", "row", "column", "ragged", "one entry more", "one entry less",
})  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Stranger(ScenarioBase):
    """A scenario of no chapter, with field names that several chapters have."""

    bandwidth_hz: float = number(default=1.0)
    noise_w: float = number(default=1.0)


EVERYWHERE = {
    "None": None,
    "word": "a word",
    "bytes": b"bytes",
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "complex": 1 + 2j,
    "huge integer": HUGE,
    "empty list": [],
    "empty dict": {},
    "object": object(),
    "class": dict,
    "True": True,
}
"""What is tried whatever the argument is (where it is the right kind of thing, as a flag's True, it is left out)."""


def bad_values(good) -> dict:
    """Label and value of everything that is tried in the place of ``good``."""
    bad = dict(EVERYWHERE)
    if isinstance(good, (bool, np.bool_)):
        del bad["True"]
        bad |= {"one": 1, "text": "True", "list": [True]}
    elif isinstance(good, str):
        bad |= {"number": 3, "list": [good], "longer": good + "x", "array": np.ones(2)}
    elif isinstance(good, ScenarioBase):
        del bad["True"]
        fields = {field.name: getattr(good, field.name) for field in dataclasses.fields(good)}
        bad |= {
            "number": 3,
            "fields": fields,
            "array": np.ones(3),
            "stranger": Stranger(),
            "batch": Batch([good]),
            "list": [good],
        }
        bad |= {"own class": type(good), "namespace": types.SimpleNamespace(**fields)}
        bad |= {f"of {chapter}": scenario for chapter, scenario in _chapters().items() if type(scenario) is not type(good)}
    elif isinstance(good, Batch) or (isinstance(good, (list, tuple)) and good and isinstance(good[0], ScenarioBase)):
        del bad["True"]
        one = good[0]
        bad |= {"number": 3, "single": one, "array": np.ones(3), "mixed": [one, Stranger()], "strangers": [Stranger()]}
        bad |= {"None entry": [one, None], "nested": [[one]], "own class": type(one), "generator": (row for row in ())}
    elif isinstance(good, np.random.Generator):
        bad |= {"seed": 3, "array": np.ones(2), "RandomState": np.random.RandomState(3), "list": [good], "module": np.random}
    elif _numeric(good):
        bad |= _bad_number(good) if np.ndim(good) == 0 else _bad_array(np.asarray(good))
        if np.asarray(good).dtype == bool:
            bad["integers"] = bad.pop("bool entries").astype(int)
        if np.iscomplexobj(good):
            for label in ("complex", "complex entries"):
                bad.pop(label, None)
    elif callable(good):
        del bad["class"]
        bad |= {"number": 3, "array": np.ones(3), "list": [good]}
    else:
        bad |= {"number": 3, "array": np.ones(3), "list": [good], "tuple": (1.0, np.ones(3)), "stranger": Stranger()}
        bad |= {"own class": type(good)}
    return bad


def _bad_number(good) -> dict:
    value = good.item() if isinstance(good, np.generic | np.ndarray) else good
    bad = {
        "negative": -1 - abs(value),
        "list": [value],
        "nested list": [[value]],
        "two": [value, value],
        "text": str(value),
        "masked": np.ma.masked_array(value, mask=True),
        "object array": np.array(value, dtype=object),
        "array of text": np.array(str(value)),
        "numpy bool": np.True_,
    }
    if isinstance(value, int):
        bad["fraction"] = value + 0.5
    return bad


def _bad_array(good: np.ndarray) -> dict:
    good = good.astype(float) if good.dtype == bool else good

    def with_entry(entry, dtype=None):
        changed = np.array(good, dtype=np.result_type(good, 1.0) if dtype is None else dtype)
        changed.flat[-1] = entry
        return changed

    mask = np.zeros(good.shape, bool)
    mask.flat[-1] = True
    bad = {
        "one number": 1.0,
        "empty": good[:0],
        "one axis more": good[None, ..., None],
        "one axis less": good[0],
        "ragged": [[1.0], [1.0, 2.0]],
        "nan entry": with_entry(np.nan),
        "inf entry": with_entry(np.inf),
        "-inf entry": with_entry(-np.inf),
        "None entry": with_entry(None, object),
        "masked entry": np.ma.masked_array(good, mask),
        "object entries": good.astype(object),
        "object entry": with_entry(object(), object),
        "text entries": good.astype(str),
        "huge integer entry": with_entry(HUGE, object).tolist(),
        "bool entries": np.ones(good.shape, bool),
        "complex entries": good + 1j,
        "negative": -1 - np.abs(good),
        "negative entry": with_entry(-1 - np.abs(good.flat[-1])),
        "dates": np.zeros(good.shape, "datetime64[s]"),
        "dict": dict(enumerate(good.tolist())),
        "set": set(range(good.size)),
    }
    if good.ndim == 1:
        bad |= {"row": good[None], "column": good[:, None]}
    for axis in range(good.ndim):
        last = np.take(good, [-1], axis=axis)
        bad[f"one entry more, axis {axis}"] = np.concatenate([good, last], axis=axis)
        if good.shape[axis] > 1:
            bad[f"one entry less, axis {axis}"] = np.delete(good, -1, axis=axis)
    return bad


def assert_guarded(function, good: dict, *, arguments=None, bad=None, allowed=None, aliases=None) -> int:
    """Call ``function`` with every argument spoilt in every way; an AssertionError lists what was not refused by name.

    Parameters
    ----------
    function : callable
    good : dict
        Arguments of a call that works, by name (positional-only ones, too).
    arguments : sequence of str, optional
        Which of them are spoilt (default: all).
    bad : dict of label to value, optional
        Tried instead of :func:`bad_values`.
    allowed : dict of argument to labels, optional
        Values that the documented contract takes: they may be answered, without nan (but for an allowed nan). A label without
        ", axis 0" means any axis. ``allowed={"x": "*"}`` takes any answer to x: only raw errors are then faults.
    aliases : dict of argument to names, optional
        Other names by which an error may call the argument (a field of the scenario that it becomes ...).

    Returns
    -------
    int
        The number of calls.
    """
    allowed, aliases = allowed or {}, aliases or {}
    unknown = [name for name in (*allowed, *aliases, *(arguments or ())) if name not in good]
    assert not unknown, f"no such arguments: {unknown}"
    name = getattr(function, "__qualname__", repr(function))
    outcome, answer = _call(function, good)
    assert outcome == "answer", f"{name}: the good call itself: {answer}"
    assert not _has_nan(answer), f"{name}: the good call itself gives nan"
    faults, calls = [], 0
    for argument in good if arguments is None else arguments:
        for label, value in (bad_values(good[argument]) if bad is None else bad).items():
            calls += 1
            permitted = allowed.get(argument, ())
            fault = _fault(
                *_call(function, {**good, argument: value}),
                {argument, *aliases.get(argument, ())} | (set(good) if _is_size(label) else set()),
                permitted == "*" or label in permitted or label.split(", axis")[0] in permitted,
                nan=label.startswith("nan"),
            )
            if fault:
                faults.append(f"{argument} = {label}: {fault}")
    assert not faults, f"{name}: {len(faults)} of {calls} malformed calls\n  " + "\n  ".join(faults)
    return calls


def public_functions(module) -> dict:
    """Public callables of a package (its ``__all__``) or of a module (what it defines itself, without an underscore)."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [name for name, found in vars(module).items() if getattr(found, "__module__", None) == module.__name__]
    found = {name: getattr(module, name) for name in names if not name.startswith("_")}
    return {name: value for name, value in found.items() if callable(value) and not _is_error(value)}


def _is_error(value) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def _call(function, arguments: dict):
    random = np.random.Generator
    arguments = {name: copy.deepcopy(value) if isinstance(value, random) else value for name, value in arguments.items()}
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    order = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_ONLY]
    positional = [arguments.pop(name) for name in order if name in arguments]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return "answer", function(*positional, **arguments)
        except Exception as error:
            return "error", error


def _fault(outcome, result, names, permitted, nan) -> str:
    if outcome == "error":
        if isinstance(result, ValueError) and any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", str(result)) for name in names):
            return ""
        if permitted and isinstance(result, InfeasibleScenario | SolverFailure):
            return ""
        said = " ".join(str(result).split())[:120]
        return f"{type(result).__name__} does not name it: {said}"
    if not permitted:
        return f"is answered: {_short(result)}"
    return f"is answered with nan: {_short(result)}" if _has_nan(result) and not nan else ""


def _has_nan(value) -> bool:
    """Whether an answer holds a nan, looking into tuples, mappings and dataclasses (a certificate may lack a bound)."""
    if isinstance(value, Certificate):
        return _has_nan(value.value) or _has_nan(value.residual)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return any(_has_nan(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, dict | types.MappingProxyType):
        return any(map(_has_nan, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_nan, value))
    if isinstance(value, float | complex | np.ndarray | np.generic) and np.asarray(value).dtype.kind in "fc":
        return bool(np.any(np.isnan(value)))
    return False


def _is_size(label: str) -> bool:
    return label.split(", axis")[0] in SIZES


def _numeric(good) -> bool:
    if isinstance(good, int | float | complex | np.number):
        return True
    if not isinstance(good, np.ndarray | list | tuple) or len(np.shape(good)) == 0:
        return isinstance(good, np.ndarray)
    return np.asarray(good).dtype.kind in "iufcb"


def _short(value) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


_CHAPTERS: dict = {}


def _chapters() -> dict:
    if not _CHAPTERS:
        from isaclib import network_localization, ofdm_ranging, semi_isac, wireless_powered

        for chapter in (wireless_powered, network_localization, semi_isac, ofdm_ranging):
            name = chapter.__name__.rpartition(".")[2]
            _CHAPTERS[name] = chapter.Scenario.random(np.random.default_rng(0))
    return _CHAPTERS
