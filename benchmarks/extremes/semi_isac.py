"""semi_isac at its extremes: every pattern of weights and floors, ordinary and extreme scenarios, against an oracle.

    python benchmarks/extremes/semi_isac.py [--draws 200] [--ordinary 2000] [--extreme 2000] [--oracle 100] [--seed 0]

Prints, for each part, how many rows are optimal, infeasible (proven) and unproven, the worst gap and residual, and the worst
distance to the time-sharing linear program of tests/semi_isac/oracle.py. The suite runs a sample
(tests/semi_isac/test_extremes.py).
"""

import argparse
import collections
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from isaclib import semi_isac as si

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.semi_isac import cases
from tests.semi_isac.oracle import optimum

_OFTEN, _PATTERNS = 200, 20  # scenarios, patterns between two lines that say what has been seen


class Tally:
    def __init__(self, name: str) -> None:
        self.name, self.start = name, time.perf_counter()
        self.status, self.gap, self.residual, self.distance, self.compared = collections.Counter(), 0.0, 0.0, 0.0, 0

    def add(self, solved) -> None:
        self.status.update(solved.status.tolist())
        optimal = solved.status == "optimal"
        self.gap = max(self.gap, np.max(solved.gap, where=optimal, initial=0))
        self.residual = max(self.residual, np.max(solved.residual, where=optimal, initial=0))

    def compare(self, scenario, value: float, objective: str, scheme: str) -> None:
        found = optimum(scenario, objective, scheme)
        self.compared += 1
        self.distance = max(self.distance, np.inf if found is None else abs(found[0] / value - 1))

    def __str__(self) -> str:
        counts = ", ".join(f"{self.status[word]} {word}" for word in ("optimal", "infeasible", "unproven"))
        oracle = f", oracle {self.distance:.1e} ({self.compared} rows)" if self.compared else ""
        seconds = time.perf_counter() - self.start
        return f"{self.name}: {counts}; worst gap {self.gap:.1e}, residual {self.residual:.1e}{oracle}; {seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, default in (("draws", 200), ("ordinary", 2000), ("extreme", 2000), ("oracle", 100), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    warnings.simplefilter("error")
    rng = np.random.default_rng(wanted.seed)

    total = Tally("patterns")
    for place, (name, rows, objective, scheme) in enumerate(cases.patterns(wanted.draws, wanted.seed)):
        solved = si.solve_exact_batch(rows, objective=objective, scheme=scheme)
        total.add(solved)
        if np.any(solved.status == "unproven"):
            print(f"  {name}: {int((solved.status == 'unproven').sum())} unproven", flush=True)
        if place < wanted.oracle and np.any(solved.status == "optimal") and "at the edge" not in name and "-80 dBm" not in name:
            d = int(rng.choice(np.flatnonzero(solved.status == "optimal")))
            total.compare(rows[d], solved.objective[d], objective, scheme)
        if (place + 1) % _PATTERNS == 0:
            print(f"  {place + 1} {total}", flush=True)
    print(total, flush=True)
    for kind, count in (("ordinary", wanted.ordinary), ("extreme", wanted.extreme)):
        make, tally = getattr(cases, kind), Tally(kind)
        by_size = collections.defaultdict(list)  # equal numbers of users are solved together
        for child in rng.spawn(count):
            row = make(child)
            by_size[type(row), row.users].append(row)
        solved = 0
        for rows in by_size.values():
            for start in range(0, len(rows), _OFTEN):
                part = rows[start : start + _OFTEN]
                for objective in ("sum", "efficiency"):
                    tally.add(si.solve_exact_batch(part, objective=objective))
                solved += len(part)
                print(f"  {solved} of {count} scenarios, {tally}", flush=True)
        print(tally, flush=True)


if __name__ == "__main__":
    main()
