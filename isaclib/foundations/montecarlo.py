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
from scipy.special import stdtrit

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
        Address of a Dask scheduler to which the blocks are sent instead (needs the ``cluster`` extra).

    Returns
    -------
    list
        Bitwise the same for every ``jobs`` and ``scheduler``.
    """
    if draws < 1:
        raise InvalidScenario("draws", f"must be at least 1, not {draws}")
    if jobs == 0:
        raise InvalidScenario("jobs", "must not be 0", "1 runs here, n on n processes, -1 on one process per core")
    children = rng.spawn(draws)
    blocks = [children[start : start + _BLOCK] for start in range(0, draws, _BLOCK)]
    if scheduler is not None:
        results = _on_cluster(function, blocks, scheduler)
    elif jobs == 1 or len(blocks) == 1:
        results = [_run_block(function, block) for block in blocks]
    else:
        from joblib import Parallel, delayed

        results = Parallel(n_jobs=jobs)(delayed(_run_block)(function, block) for block in blocks)
    return [result for block in results for result in block]


def _run_block(function: Callable, block: Sequence[np.random.Generator]) -> list[Any]:
    return [function(child) for child in block]


def _on_cluster(function: Callable, blocks: Sequence, scheduler: str) -> list[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("a scheduler needs the optional extra: pip install 'isaclib[cluster]'") from error
    with Client(scheduler, set_as_default=False) as client:
        futures = [client.submit(_run_block, function, block, pure=False, retries=3) for block in blocks]
        return client.gather(futures)


@dataclass(frozen=True)
class Average:
    """Mean over draws with a 95 % confidence interval of the mean (Student's t; nan for a single draw).

    ``count`` is the number of draws that entered, ``total`` the number that were drawn.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: int
    total: int


def average(samples: np.ndarray, keep: np.ndarray | None = None) -> Average:
    """Average ``samples`` (D, ...) over the draws in ``keep`` (D,) bool (default: those finite in every column).

    Every column (point of an axis, scheme) is averaged over the *same* draws. With no draw left the means are nan.
    """
    samples = np.asarray(samples, dtype=float)
    if samples.ndim == 0:
        raise InvalidScenario("samples", "is a single number", "give one row per draw")
    if keep is None:
        keep = np.isfinite(samples).reshape(len(samples), math.prod(samples.shape[1:])).all(axis=1)
    keep = np.asarray(keep, dtype=bool)
    if keep.shape != samples.shape[:1]:
        raise InvalidScenario("keep", f"has shape {keep.shape}", f"expected ({len(samples)},), one entry per draw")
    kept = samples[keep]
    count = len(kept)
    if count == 0:
        empty = np.full(samples.shape[1:], np.nan)
        return Average(empty, empty.copy(), empty.copy(), 0, len(samples))
    mean = kept.mean(axis=0)
    quantile = stdtrit(count - 1, 0.975) if count > 1 else math.nan
    half = quantile * kept.std(axis=0, ddof=min(1, count - 1)) / math.sqrt(count)
    return Average(mean, mean - half, mean + half, count, len(samples))
