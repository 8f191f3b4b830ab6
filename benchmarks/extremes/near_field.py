"""near_field at its extremes: random systems of channels, and random covariances against the certified minimum.

    python benchmarks/extremes/near_field.py [--systems 200] [--covariances 2000] [--seed 0] [--limit 120] [--out FILE]

Systems: K <= 6 users, M <= 4 access points, N <= 40 antennas, errors 1e-4 to 0.5, SNR 0 to 90 dB. For each number of access
points and of users a row of statuses, worst gaps and CPU seconds; what is not optimal says why ("rank" or "balls"), what took
more than ``--limit`` seconds is "slow". Each system is a line of FILE as soon as it is solved, and is not solved again when
the same seed runs once more. Covariances: the position
bound of each in 50-digit arithmetic (tests/near_field/fisher_oracle.py), against the certified minimum of its scenario.
"""

import argparse
import collections
import json
import math
import signal
import sys
import time
from pathlib import Path

import numpy as np

from isaclib import SolverFailure
from isaclib import near_field as nf

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.near_field.fisher_oracle import block_bounds_m2

ANTENNAS = (1, 2, 3, 4, 6, 8, 13, 21, 40)


def random_system(rng: np.random.Generator):
    users, aps, antennas = int(rng.integers(1, 7)), int(rng.integers(1, 5)), int(rng.choice(ANTENNAS))
    h = rng.standard_normal((users, aps, antennas)) + 1j * rng.standard_normal((users, aps, antennas))
    error, snr_db = 10 ** rng.uniform(-4, np.log10(0.5)), rng.uniform(0, 90)
    return h, error, 2.0 * aps * antennas * 10 ** (-snr_db / 10), snr_db


def solved(seed: int, number: int, h: np.ndarray, error: float, noise_w: float, snr_db: float, limit_s: float) -> dict:
    """One system: status, gap, reason and CPU seconds; ``slow`` where the limit ended it."""

    def stop(*_) -> None:
        raise TimeoutError

    signal.signal(signal.SIGPROF, stop)
    begin, gap, reason = time.process_time(), math.nan, ""
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        found = nf.robust_sinr(h, error * np.linalg.norm(h, axis=2), noise_w, 1.0)
        status, gap, reason = found.certificate.status, found.certificate.gap, found.reason
    except SolverFailure as failure:
        status, reason = "failed", str(failure)
    except TimeoutError:
        status = "slow"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    users, aps, antennas = h.shape
    return {
        "seed": seed,
        "number": number,
        "K": users,
        "M": aps,
        "N": antennas,
        "error": error,
        "snr_db": snr_db,
        "status": status,
        "gap": gap,
        "reason": reason,
        "seconds": time.process_time() - begin,
    }


def systems(count: int, seed: int, limit_s: float, file: Path | None) -> None:
    rng = np.random.default_rng(seed)
    kept = [json.loads(line) for line in file.read_text().splitlines()] if file is not None and file.exists() else []
    known = {row["number"]: row for row in kept if row["seed"] == seed}
    rows = []
    for number in range(count):
        system = random_system(rng)
        row = known.get(number) or solved(seed, number, *system, limit_s)
        rows.append(row)
        if file is not None and number not in known:
            with file.open("a") as lines:
                lines.write(json.dumps(row) + "\n")
        if row["status"] != "optimal" or row["seconds"] > 10:
            print(
                f"  {number}: K, M, N = {row['K']}, {row['M']}, {row['N']}, error {row['error']:.1e}, {row['snr_db']:.0f} dB: "
                f"{row['status']}, gap {row['gap']:.1e}, {row['reason']}; {row['seconds']:.1f} s",
                flush=True,
            )
    table(rows, "M", "access points")
    table(rows, "K", "users")


def table(rows: list[dict], key: str, name: str) -> None:
    """Statuses, gaps and seconds by one size."""
    print(f"{name:>13} systems optimal rank balls digits failed slow  worst gap: optimal, others  seconds: median, worst, K <= 4")
    for size in sorted({row[key] for row in rows}):
        part = [row for row in rows if row[key] == size]
        word = collections.Counter(row["reason"] if row["status"] == "converged" else row["status"] for row in part)
        good = [row["gap"] for row in part if row["status"] == "optimal"]
        others = [row["gap"] for row in part if row["status"] == "converged"]
        seconds = [row["seconds"] for row in part]
        small = max([row["seconds"] for row in part if row["K"] <= 4], default=0.0)
        print(
            f"{size:13d} {len(part):7d} {word['optimal']:7d} {word['rank']:4d} {word['balls']:5d} {word['digits']:6d}"
            f" {word['failed']:6d} {word['slow']:4d}  {max(good, default=0):18.1e}, {max(others, default=0):.1e}"
            f"  {np.median(seconds):14.2f}, {max(seconds):.1f}, {small:.1f}"
        )


def covariances(count: int, seed: int, each: int = 100) -> None:
    rng = np.random.default_rng(seed)
    below, wrong, tried = 0, 0.0, 0
    while tried < count:
        users, aps, antennas = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(3, 6))
        scenario = nf.Scenario.random(
            rng,
            ap_positions_m=rng.uniform(0, 70, (aps, 2)),
            user_positions_m=rng.uniform(0, 70, (users, 2)),
            antennas=antennas,
            antenna_spacing_m=0.08,
        )
        least = nf.optimise_sensing(scenario).certificate.bound
        batch = min(each, count - tried)
        x = rng.standard_normal((batch, aps, antennas, antennas)) + 1j * rng.standard_normal((batch, aps, antennas, antennas))
        psi = x @ x.conj().swapaxes(2, 3)
        psi *= scenario.sensing_power_w / np.trace(psi, axis1=2, axis2=3).real[..., None, None]
        exact = block_bounds_m2(scenario, psi)
        ours = [nf.crlb_m2(scenario, one, 0.0) * scenario.block_s / scenario.sensing_block_s for one in psi]
        below += sum(float(value / least) < 1 - 1e-9 or mine < least * (1 - 1e-9) for value, mine in zip(exact, ours))
        wrong = max(wrong, *(abs(float(mine / value) - 1) for value, mine in zip(exact, ours)))
        tried += batch
    print(f"{tried} random covariances: {below} below the certified minimum; largest relative error of crlb_m2 {wrong:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, default in (("systems", 200), ("covariances", 2000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--limit", type=float, default=120.0, help="CPU seconds for one system")
    parser.add_argument("--out", type=Path, help="one line of JSON for each system")
    wanted = parser.parse_args()
    if wanted.systems:
        systems(wanted.systems, wanted.seed, wanted.limit, wanted.out)
    if wanted.covariances:
        covariances(wanted.covariances, wanted.seed)


if __name__ == "__main__":
    main()
