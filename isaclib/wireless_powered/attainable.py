r"""The least CRB that any allocation attains when the information weights energy, for many scenarios at once.

It scales with one over the frame, so it is the limit :math:`\eta` at which the shortest frame that meets :math:`\eta` is T. For
one target a user is worth its time at full power or is not: once that choice is stable and the target is still the worst, no
allocation does better (convexity). Otherwise the barrier method of :mod:`.interior` finds it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..foundations.scenario import Batch
from . import interior
from .sensing import Lane, Rows, Sensing

_CHOICES = 20


@dataclass(frozen=True)
class Best:
    """Whole frames at full power with the least worst-target CRB of D scenarios.

    ``crb``, ``worst`` and ``charging_s`` are (D,); ``harvesting_s`` (D, M) is how long each user has to harvest for what it
    spends in ``times_s``.
    """

    crb: np.ndarray
    worst: np.ndarray
    charging_s: np.ndarray
    harvesting_s: np.ndarray
    times_s: np.ndarray

    def row(self, d: int) -> Best:
        return Best(*(column[d : d + 1] for column in self.__dict__.values()))


def problem_of(lane: Batch | Rows | Lane, scale: float, dtype: type = float) -> interior.Problem:
    """The barrier method's numbers of the only scenario, in the given precision."""
    gain, bs_power = lane.gain_bs_user[0].astype(dtype), lane.bs_power_w.astype(dtype)
    harvest = lane.harvest_efficiency[0] * gain * bs_power[0]
    k = gain / dtype(lane.noise_w[0]) * harvest
    return interior.Problem(k, harvest / dtype(lane.max_power_w[0]), Sensing(lane, bs_power, dtype), harvest, scale)


def least_crb(batch: Batch | Rows | Lane) -> Best:
    """An allocation attains it to the last digit, so that it is accepted as a limit; inf where the geometry is degenerate."""
    harvest = _harvest(batch)
    need = harvest / batch.max_power_w[:, None]  # seconds at full power for what one second of charging brings
    sensing = Sensing(batch, batch.bs_power_w)
    draws, users = harvest.shape
    found = Best(np.empty(draws), np.empty(draws, dtype=int), np.empty(draws), *np.empty((2, draws, users)))

    def attain(lanes: np.ndarray, t0, e: np.ndarray) -> None:
        """The whole frame of the rows ``lanes`` with energies in these proportions."""
        unit = batch.time_budget_s[lanes] / (t0 + (need[lanes] * e).sum(axis=1))
        charging, times = t0 * unit, need[lanes] * e * unit[:, None]
        spent = sensing.rows(lanes).spending(batch.bs_power_w[lanes] * charging)
        crb = spent.crb(batch.max_power_w[lanes, None] * times)  # as crb_trace computes it
        found.worst[lanes], found.crb[lanes] = np.argmax(crb, axis=1), crb.max(axis=1)
        found.charging_s[lanes], found.harvesting_s[lanes], found.times_s[lanes] = charging, e * unit[:, None], times

    attain(np.arange(draws), np.ones(draws), np.ones((draws, users)))
    kept, lanes, open_ = np.ones((draws, users), dtype=bool), np.flatnonzero(np.isfinite(found.crb)), []
    for _ in range(_CHOICES):
        if not len(lanes):
            break
        e, target = kept[lanes].astype(float), found.worst[lanes]
        psi, slope = sensing.rows(lanes).worth(harvest[lanes] * e, target)
        price = need[lanes] / (1 + (need[lanes] * e).sum(axis=1))[:, None]
        keep = harvest[lanes] * slope / psi[:, None] >= price
        moving = (keep != kept[lanes]).any(axis=1)
        lanes, keep, target = lanes[moving], keep[moving], target[moving]
        kept[lanes] = keep
        if len(lanes):
            attain(lanes, np.ones(len(lanes)), keep.astype(float))
        lost = (found.worst[lanes] != target) | np.isinf(found.crb[lanes])
        open_ += lanes[lost].tolist()
        lanes = lanes[~lost]
    for d in sorted([*open_, *lanes.tolist()]):
        here = slice(d, d + 1)
        one = batch if draws == 1 else Rows(batch, here)
        reference = float(sensing.rows(np.array([d])).crb(harvest[here]).max())
        t0, e, _ = interior.reach(problem_of(one, reference))
        attain(np.array([d]), np.array([t0]), e[None])
    return found


def _harvest(batch: Batch | Rows | Lane) -> np.ndarray:
    return batch.harvest_efficiency * batch.gain_bs_user * batch.bs_power_w[:, None]
