"""The same function on every draw, on the workers that the command line asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from isaclib.foundations import montecarlo

from . import context as _context


def on_draws(function: Callable[[np.random.Generator], Any], seed: Any, draws: int) -> list:
    """What ``function(rng)`` finds on every draw, each with a generator of its own.

    ``seed`` is whatever :func:`numpy.random.default_rng` takes: a number, a list of numbers, or a generator.

    >>> on_draws(lambda rng: int(rng.integers(1000)), [7, 2], 3) == on_draws(lambda rng: int(rng.integers(1000)), [7, 2], 4)[:3]
    True
    """
    return montecarlo.map_draws(function, np.random.default_rng(seed), draws, **_context.workers())
