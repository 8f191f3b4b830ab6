"""Random draws: one child generator per draw, fixed blocks, the same draws for every scheme.

``rng.spawn(draws)`` gives every draw its own independent stream, so the result of a draw depends on its index alone:
not on how many workers there were, nor on which of them ran it, nor on what other draws did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from . import checks, used_solvers
from .errors import InvalidScenario

_BLOCK = 4  # draws per task: independent of the number of workers, and small enough to share out 20 slow draws


def map_draws(
    function: Callable[[np.random.Generator], Any],
    rng: np.random.Generator,
    draws: int,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
) -> list[Any]:
    """Call ``function(child)`` for each of ``draws`` child generators; results in the order of the draws.

    Parameters
    ----------
    function : callable
        Takes one generator; must not use any other source of randomness.
    rng : numpy.random.Generator
        Parent; ``rng.spawn(draws)`` is called once whatever ``jobs`` is, so that a second call gets new draws. Schemes
        that are to share their draws are computed in one ``function``, or from equal parents.
    draws : int
    jobs : int
        Processes on this machine (-1: one per core).
    scheduler : str, optional
        Address of a Dask scheduler to which the blocks are sent instead (needs the ``cluster`` extra). A worker that counts with
        other versions refuses them; see :mod:`.cluster`.

    Returns
    -------
    list
        Bitwise the same for every ``jobs`` and ``scheduler``.

    Examples
    --------
    >>> map_draws(lambda rng: int(rng.integers(10)), np.random.default_rng(0), 3)
    [8, 6, 6]
    """
    checks.function("function", function)
    checks.generator("rng", rng)
    draws = checks.count("draws", draws, maximum=10**9)
    jobs = checks.number("jobs", jobs, integer=True, minimum=-1, maximum=10**4)
    if jobs == 0:
        raise InvalidScenario("jobs", "must not be 0", "1 runs here, n on n processes, -1 on one process per core")
    if scheduler is not None and not isinstance(scheduler, str):
        raise InvalidScenario("scheduler", f"must be an address such as 'tcp://head:8786', not {checks.short(scheduler)}")
    children = rng.spawn(draws)
    blocks = [children[start : start + _BLOCK] for start in range(0, draws, _BLOCK)]
    if scheduler is not None:
        from .cluster import run_blocks

        results = _told(run_blocks(function, blocks, scheduler))
    elif jobs == 1 or len(blocks) == 1:
        results = [_run_block(function, block) for block in blocks]
    else:
        from joblib import Parallel, delayed

        results = _told(Parallel(n_jobs=jobs)(delayed(_run_elsewhere)(function, block) for block in blocks))
    return [result for block in results for result in block]


def _run_block(function: Callable, block: Sequence[np.random.Generator]) -> list[Any]:
    return [function(child) for child in block]


def _run_elsewhere(function: Callable, block: Sequence[np.random.Generator]) -> tuple[list[Any], set[str]]:
    """A block's results, in another process, and the cone solvers that it used."""
    with used_solvers.heard() as names:
        return _run_block(function, block), names


def _told(blocks: list[tuple[list[Any], set[str]]]) -> list[list[Any]]:
    """The results alone; what the solvers were called is told here."""
    used_solvers.tell({name for _, names in blocks for name in names})
    return [results for results, _ in blocks]


@dataclass(frozen=True)
class Average:
    """Mean over draws with a 95 % confidence interval of the mean (Student's t; nan for a single draw).

    ``count`` is the number of draws that entered, ``total`` the number that were drawn, ``unproven`` how many were left out
    because their status is not ``"optimal"``.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: int
    total: int
    unproven: int = 0


def average(samples: np.ndarray, keep: np.ndarray | None = None, *, status: ArrayLike | None = None) -> Average:
    """Average ``samples`` over the same draws in every column (point of an axis, scheme). With no draw left the means are nan.

    Parameters
    ----------
    samples : (D, ...)
    keep : (D,) of bool, optional
        The draws that enter (default: those finite in every column). A draw that is kept must be finite everywhere.
    status : (D,) or (D, S) of str, optional
        Of a batch of allocations (or of S batches on the same draws): draws that are not ``"optimal"`` in all of them are left
        out by default and counted in ``unproven``; a ``keep`` that names one is refused.

    Examples
    --------
    >>> found = average([1.0, 3.0, 50.0], status=["optimal", "optimal", "iteration_limit"])
    >>> float(found.mean), found.count, found.unproven
    (2.0, 2, 1)
    """
    if checks.axes(samples) == 0:
        raise InvalidScenario("samples", f"is a single number or none, {checks.short(samples)}", "give one row per draw")
    samples = checks.array("samples", samples, ("...",), nan=True, infinite=True)
    draws = len(samples)
    finite = np.isfinite(samples).reshape(draws, math.prod(samples.shape[1:])).all(axis=1)
    proven = np.ones(draws, bool) if status is None else _proven(status, draws)
    if keep is None:
        keep, unproven = finite & proven, int(np.sum(finite & ~proven))
    else:
        keep, unproven = checks.mask("keep", keep, (draws,)), 0
        for good, what in ((finite, "finite in every column"), (proven, "optimal")):
            if np.any(keep & ~good):
                wrong = f"names {np.sum(keep & ~good)} draws that are not {what}, first draw {checks.first(keep & ~good)[0]}"
                raise InvalidScenario("keep", wrong, "leave them out and say so")
    kept = samples[keep]
    count = len(kept)
    if count == 0:
        empty = np.full(samples.shape[1:], np.nan)
        return Average(empty, empty.copy(), empty.copy(), 0, draws, unproven)
    octaves = np.frexp(np.abs(kept).max(axis=0))[1]  # a power of two changes no digit; sums and squares stay in range
    kept = np.ldexp(kept, -octaves)
    quantile = stdtrit(count - 1, 0.975) if count > 1 else math.nan
    mean, half = kept.mean(axis=0), quantile * kept.std(axis=0, ddof=min(1, count - 1)) / math.sqrt(count)
    with np.errstate(over="ignore"):
        mean, low, high = (np.ldexp(part, octaves) for part in (mean, mean - half, mean + half))
    return Average(mean, low, high, count, draws, unproven)


def _proven(status, draws: int) -> np.ndarray:
    """Which draws are optimal in every one of the given columns of words."""
    words = np.asarray(status, dtype=object)
    if words.ndim not in (1, 2) or len(words) != draws or not all(isinstance(word, str) for word in words.flat):
        raise InvalidScenario("status", f"must hold a word for each of {draws} draws, not {checks.short(status)}")
    return (words == "optimal").reshape(draws, -1).all(axis=1)
