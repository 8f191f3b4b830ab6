"""Ordinary and extreme networks, solved and judged: ``python -m benchmarks.extremes.network_localization [DRAWS [SEED]]``.

Counts what becomes of each scenario, and says how far the solver's own numbers are from what random powers and the judge find.
The test suite runs a sample of the same scenarios against oracles of its own.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter

import numpy as np

from isaclib import InfeasibleScenario, SolverFailure
from isaclib import network_localization as nl

DRAWS, SEED = 2000, 16
_SIZES = (1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 10, 12, 13, 20, 40, 100)
_TRIED = 50  # random powers held against each bound
_ROUNDING = 1e-15
_OFTEN = 200  # scenarios between two lines that say what has been seen
_FIELDS = ("noise_bs_w", "noise_ue_w", "max_power_w", "bandwidth_hz", "min_comm_sinr")


def ordinary(rng: np.random.Generator) -> nl.Scenario:
    """A drop of the paper's network with parameters that people use."""
    return nl.Scenario.random(
        rng,
        base_stations=int(rng.choice((2, 3, 3, 3, 4, 5, 6, 7))),
        layout=str(rng.choice(["vertices", "cells"])),
        self_interference_db=float(rng.uniform(-140, -80)),
        min_comm_sinr_db=float(rng.uniform(-20, 5)),
        max_power_dbm=float(rng.uniform(0, 46)),
        bs_bs_exponent=float(rng.uniform(2, 4)),
    )


def extreme(rng: np.random.Generator) -> nl.Scenario:
    """Gains over 12 decades, nW to MW, one to a hundred stations, structural zeros, thresholds at the edge; half per station."""
    size = int(rng.choice(_SIZES))
    off = 1 - np.eye(size)
    decades = float(rng.choice((0.0, 2.0, 6.0, 12.0)))

    def gains(*shape: int, level: float = 0.0, zeros: bool = False) -> np.ndarray:
        drawn = 10 ** (level + decades * rng.uniform(-0.5, 0.5, shape))
        return drawn * (rng.random(shape) < rng.choice((0.0, 0.3, 0.8, 1.0))) if zeros else drawn

    def each(low: float, high: float) -> float | np.ndarray:
        drawn = 10 ** rng.uniform(low, high, size)
        return drawn if rng.random() < 0.5 else float(drawn[0])

    scenario = nl.Scenario(
        echo_gain=gains(size, level=-10),
        bistatic_gain=gains(size, size, level=-10, zeros=True) * off,
        bs_bs_gain=gains(size, size, level=-8, zeros=True) * off,
        self_interference_gain=gains(size, level=-10, zeros=True),
        link_gain=gains(size, level=-7),
        cross_link_gain=gains(size, size, level=-8, zeros=True) * off,
        ue_echo_gain=gains(size, size, level=-11, zeros=True),
        noise_bs_w=each(-18, -8),
        noise_ue_w=each(-18, -8),
        max_power_w=each(-9, 6),
        bandwidth_hz=each(3, 12),
        min_comm_sinr=each(-4, 1),
    )
    return at_the_edge(rng, scenario)


def at_the_edge(rng: np.random.Generator, scenario: nl.Scenario) -> nl.Scenario:
    """Thresholds in the same proportions: none, within the edge by 1 to 1e-12 of it, on it, or a little beyond."""
    edge = float(nl.max_min_comm_sinr(scenario)[0][0])
    inside = float(rng.choice((0, 1e-3, 0.3, 0.9, *(1 - 10.0 ** -np.arange(2, 13)), 1.0, 1 + 1e-9, 1.1)))
    threshold = np.asarray(scenario.min_comm_sinr)
    return scenario.replace(min_comm_sinr=threshold * (inside * edge / np.max(threshold)))


def run(make, draws: int, seed: int = SEED) -> Counter:
    """Counts by outcome; the worst numbers under their names."""
    found: Counter = Counter()
    worst = {"gap": 0.0, "residual": 0.0, "seconds": 0.0, "random powers over bound": 0.0}
    for number, child in enumerate(np.random.default_rng(seed).spawn(draws)):
        if number and number % _OFTEN == 0:
            print(f"  {make.__name__} {number} of {draws}: {dict(found)}, {worst}", flush=True)
        scenario = make(child)
        start = time.perf_counter()
        try:
            best = nl.solve_exact(scenario)
        except InfeasibleScenario as error:
            found["infeasible"] += 1
            found["infeasible, though attainable"] += not error.best_attainable < error.limit
            continue
        except SolverFailure:
            found["SolverFailure"] += 1
            continue
        except Exception as error:  # what must not happen is counted by name
            found[f"raw {type(error).__name__}"] += 1
            continue
        finally:
            worst["seconds"] = max(worst["seconds"], time.perf_counter() - start)
        found["solved"] += 1
        worst["gap"] = max(worst["gap"], best.certificate.gap)
        worst["residual"] = max(worst["residual"], best.certificate.residual)
        found["the judge does not say optimal"] += nl.verify(scenario, best).status != "optimal"
        size = len(scenario.echo_gain)
        near = best.powers_w * 10 ** (child.uniform(-6, 0, (_TRIED, 1)) * child.standard_normal((_TRIED, size)))
        tried = np.minimum(near, scenario.max_power_w)
        # Thresholds kept beyond rounding: at the edge a power may change by half while its user's SINR loses 1e-16.
        with np.errstate(over="ignore"):  # a threshold of 0 is kept by every SINR
            kept = np.min(nl.comm_sinr(scenario, tried) / np.maximum(scenario.min_comm_sinr, 1e-300), axis=1) >= 1 + _ROUNDING
        value = np.where(kept & (nl.residual(scenario, tried) <= 0), np.min(nl.sensing_sinr(scenario, tried), axis=1), 0.0)
        worst["random powers over bound"] = max(worst["random powers over bound"], np.max(value) / best.certificate.bound)
    found.update({f"worst {name}": number for name, number in worst.items()})
    return found


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    warnings.simplefilter("error")
    for make in (ordinary, extreme):
        print(make.__name__, draws, "seed", seed)
        for name, number in run(make, draws, seed).items():
            print(f"  {name}: {number:.4g}", flush=True)


if __name__ == "__main__":
    main()
