"""Thousands of ordinary and extreme scenarios of the wireless-powered chapter: what is proven, what is refused, and by whom.

    python benchmarks/extremes/wireless_powered.py [--ordinary 2000] [--extreme 2000] [--seed 0]

Ordinary: the paper's scenario with one to thirty users, and any power, noise and limit within the schema. Extreme: gains over
twelve decades, nanowatt to megawatt, kilohertz to terahertz, up to a hundred users, limits at the edge of what can be reached.
Every scenario is solved by all direct methods and judged; the exit code is 1 when something is not as it should be.
"""

import argparse
import sys
import time
import warnings
from collections import Counter

import numpy as np

from isaclib import InfeasibleScenario, SolverFailure
from isaclib import wireless_powered as wp

MARGINS = (1.0, 1 + 1e-12, 1 + 1e-9, 1 + 1e-6, 1 + 1e-3, 1.1, 3.0, 1e3, np.inf)
BELOW = (1 - 1e-9, 0.5)
_OFTEN = 200  # scenarios between two lines that say what has been seen


def ordinary(rng: np.random.Generator) -> wp.Scenario:
    """Any scenario that a reader would ask for."""
    return wp.Scenario.random(
        rng,
        users=int(rng.integers(1, 31)),
        targets=int(rng.integers(1, 21)),
        radius_m=rng.uniform(5, 30),
        fading=str(rng.choice(["rayleigh", "exponential", "none"])),
        bs_power_w=10 ** rng.uniform(0, 2),
        max_power_w=10 ** rng.uniform(-3, 1),
        noise_dbm=rng.uniform(-110, -60),
        harvest_efficiency=rng.uniform(0.1, 1.0),
        sensing=str(rng.choice(["power", "energy"])),
        crb_limit_m2=np.inf,
    )


def extreme(rng: np.random.Generator) -> wp.Scenario:
    """Units and ratios at the ends of what a receiver or a program could meet."""
    users, targets = int(10 ** rng.uniform(0, 2)), int(10 ** rng.uniform(0, 1.5))
    scenario = wp.Scenario.random(
        rng,
        users=users,
        targets=targets,
        radius_m=10 ** rng.uniform(0, 3),
        bs_power_w=10 ** rng.uniform(-9, 6),
        max_power_w=10 ** rng.uniform(-9, 6),
        time_budget_s=10 ** rng.uniform(-6, 6),
        bandwidth_hz=10 ** rng.uniform(3, 12),
        noise_dbm=10 * rng.uniform(-20, 3),
        harvest_efficiency=10 ** rng.uniform(-4, 0),
        sensing=str(rng.choice(["power", "energy"])),
        crb_limit_m2=np.inf,
    )
    spread = rng.choice([0.0, 6.0, 12.0])
    changes = {"gain_bs_user": scenario.gain_bs_user * 10 ** rng.uniform(-spread, 0, users)}
    gains = scenario.gain_transmitter_target * 10 ** rng.uniform(-spread, 0, (users + 1, targets))
    if rng.random() < 0.2:
        gains[0] = 0.0
    if rng.random() < 0.2:  # all users in one place, as seen from the targets
        changes["user_positions_m"] = scenario.user_positions_m[0] + 1e-3 * rng.standard_normal((users, 2))
    return scenario.replace(gain_transmitter_target=gains, **changes)


def edge(scenario: wp.Scenario) -> float:
    """The least worst-target CRB that any allocation attains."""
    if scenario.sensing == "energy":
        return wp.best_attainable_crb(scenario)[0]
    return float(wp.crb_trace(scenario, np.full(len(scenario.gain_bs_user), scenario.max_power_w)).max())


def examine(scenario: wp.Scenario, best: float, margin: float) -> list[str]:
    """What happened, one word for each method."""
    kind = scenario.sensing
    if np.isinf(best):
        margin = np.inf if margin >= 1 else margin
    limit = np.inf if np.isinf(margin) else best * margin if np.isfinite(best) else 1.0
    scenario = scenario.replace(crb_limit_m2=limit)
    found = []
    solvers = [wp.solve_exact, *((wp.solve_equal_time, wp.solve_max_power) if kind == "power" else ())]
    for solve in solvers:
        name = f"{kind} {solve.__name__}"
        try:
            allocation = solve(scenario)
        except InfeasibleScenario as error:
            right = margin < 1 and error.best_attainable >= limit
            found.append(f"{name}: " + ("infeasible" if right else "! infeasible within reach"))
            continue
        except SolverFailure:
            found.append(f"{name}: ~ SolverFailure")
            continue
        except Exception as error:  # counted, never hidden
            found.append(f"{name}: ! {type(error).__name__} {error}"[:150])
            continue
        certificate = allocation.certificate
        if margin < 1:
            found.append(f"{name}: ! feasible out of reach")
        elif certificate.status != "optimal":
            found.append(f"{name}: ~ {certificate.status}")
        else:
            found.append(f"{name}: optimal")
        if solve is wp.solve_exact:
            try:
                judged = wp.verify(scenario, allocation)
            except Exception as error:
                found.append(f"{kind} verify: ! {type(error).__name__} {error}"[:150])
                continue
            agrees = judged.status == "optimal" or certificate.status != "optimal"
            found.append(f"{kind} verify: " + (judged.status if agrees else "! does not agree"))
    return found


def run(make, count: int, seed: int) -> Counter:
    """Counts of what happened in ``count`` scenarios."""
    counts: Counter = Counter()
    for number, rng in enumerate(np.random.default_rng(seed).spawn(count)):
        scenario = make(rng)
        margin = float(rng.choice((*MARGINS, *BELOW)))
        try:
            found = examine(scenario, edge(scenario), margin)
        except Exception as error:
            found = [f"{scenario.sensing} edge: ! {type(error).__name__} {error}"[:150]]
        for word in found:
            counts[word] += 1
            if "!" in word or "~" in word:
                print(f"  {make.__name__} {number} margin {margin:.12g}: {word}", file=sys.stderr, flush=True)
        if (number + 1) % _OFTEN == 0:
            print(f"  {make.__name__} {number + 1} of {count}: {dict(sorted(counts.items()))}", flush=True)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ordinary", type=int, default=2000)
    parser.add_argument("--extreme", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("error")  # counted as what they are: nothing that a user should see
    wrong = 0
    for make, count in ((ordinary, options.ordinary), (extreme, options.extreme)):
        start = time.perf_counter()
        counts = run(make, count, options.seed)
        print(f"{make.__name__}: {count} scenarios, {time.perf_counter() - start:.0f} s", flush=True)
        for word, times in sorted(counts.items()):
            print(f"  {times:6d}  {word}")
            wrong += times if "!" in word else 0
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
