"""Timings for notebooks and benchmarks: processor seconds, medians of repeats, growth exponents, and the machine.

Processor time is what other programs on the machine disturb least; with one thread per process, as the runs have it, it is
the wall time of an idle machine. Timings differ from run to run: nothing that is compared between runs may depend on them.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isaclib import InvalidScenario
from isaclib.foundations import checks

from .versions import versions


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of one call, and what it returned."""
    checks.function("call", call)
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def seconds(calls: Callable[[], Any] | Sequence[Callable[[], Any]], repeats: int = 1) -> np.ndarray:
    """Processor seconds of every repeat of every call, (repeats, calls) flattened: take the median, or the least.

    Several calls (the same work on several scenarios, say) take turns, so that a slow spell of the machine hits all of them.
    """
    repeats = checks.count("repeats", repeats)
    each = [calls] if callable(calls) else list(checks.instance("calls", calls, (list, tuple)))
    if not each or not all(map(callable, each)):
        raise InvalidScenario("calls", f"must be callable, or some that are, not {checks.short(calls)}")
    return np.array([timed(call)[0] for _ in range(repeats) for call in each])


@dataclass(frozen=True)
class PowerLaw:
    r"""The fit :math:`y \approx f\,x^{e}` on a range of x.

    Attributes
    ----------
    exponent : float
        The power of x.
    factor : float
        The value at x = 1.
    error : float
        Standard error of the exponent (nan for two points).
    low : float
        Smallest x that was fitted.
    high : float
        Largest x that was fitted.
    """

    exponent: float
    factor: float
    error: float
    low: float
    high: float

    def __call__(self, x) -> np.ndarray:
        return self.factor * np.asarray(x, dtype=float) ** self.exponent

    def __str__(self) -> str:
        spread = "" if np.isnan(self.error) else f" ± {self.error:.2f}"
        return f"{self.exponent:.2f}{spread} ({self.low:g} to {self.high:g})"


def power_law(x, y, *, low: float = -np.inf, high: float = np.inf) -> PowerLaw:
    """Least-squares line through (log x, log y) for the points with ``low <= x <= high``.

    Raises
    ------
    ValueError
        With fewer than two different x in the range, or a number there that is not positive.
    """
    sizes: dict[str, int] = {}
    x = checks.array("x", x, ("n",), sizes=sizes)
    y = checks.array("y", y, ("n",), nan=True, infinite=True, sizes=sizes)
    low, high = (checks.number(name, value, infinite=True) for name, value in (("low", low), ("high", high)))
    keep = (x >= low) & (x <= high)
    x, y = x[keep], y[keep]
    if len(np.unique(x)) < 2:
        raise ValueError("a power law needs at least two different x from low to high")
    if not (np.all(x > 0) and np.all((y > 0) & (y < np.inf))):
        raise ValueError("a power law needs positive numbers x and y")
    u, v = np.log(x) - np.log(x).mean(), np.log(y)
    exponent = float(u @ v / (u @ u))
    level = float(np.exp(v.mean() - exponent * np.log(x).mean()))
    rest = v - v.mean() - exponent * u
    error = float(np.sqrt(rest @ rest / (len(x) - 2) / (u @ u))) if len(x) > 2 else float("nan")
    return PowerLaw(exponent, level, error, float(x.min()), float(x.max()))


def machine() -> dict[str, str]:
    """What the timings were made on: processors, system, and the versions of the packages that matter."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = {
        "processors": f"{usable} of {os.cpu_count()} usable, {platform.machine()}",
        "system": platform.system(),
    }
    return system | versions()
