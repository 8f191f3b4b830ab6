"""near_field at its extremes: random systems of channels, and random covariances against the certified minimum.

    python benchmarks/extremes/near_field.py [--systems 200] [--covariances 2000] [--seed 0]

Systems: K <= 6 users, M <= 4 access points, N <= 40 antennas, errors 1e-4 to 0.5, SNR 0 to 90 dB. For each number of access
points a row of statuses, worst gaps and seconds; what is not optimal says why ("rank" or "balls"). Covariances: the position
bound of each in 50-digit arithmetic (tests/near_field/fisher_oracle.py), against the certified minimum of its scenario.
"""

import argparse
import collections
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


def systems(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = collections.defaultdict(list)
    for _ in range(count):
        h, error, noise_w, snr_db = random_system(rng)
        begin = time.process_time()
        try:
            found = nf.robust_sinr(h, error * np.linalg.norm(h, axis=2), noise_w, 1.0)
            status, gap, reason = found.certificate.status, found.certificate.gap, found.reason
        except SolverFailure as failure:
            status, gap, reason = "failed", np.nan, str(failure)
        spent = time.process_time() - begin
        rows[h.shape[1]].append((h.shape[0], status, gap, reason, spent))
        if status != "optimal":
            print(
                f"  K, M, N = {h.shape}, error {error:.1e}, {snr_db:.0f} dB: {status}, gap {gap:.1e}, {reason}; {spent:.1f} s",
                flush=True,
            )
    print("APs systems optimal rank balls failed  worst gap of the optimal  seconds: median, worst (worst for K <= 4)")
    for aps, found in sorted(rows.items()):
        word = collections.Counter(status if status != "converged" else reason for _, status, _, reason, _ in found)
        gaps = [gap for _, status, gap, _, _ in found if status == "optimal"]
        seconds = [spent for *_, spent in found]
        small = max([spent for users, *_, spent in found if users <= 4], default=0.0)
        print(
            f"{aps:3d} {len(found):7d} {word['optimal']:7d} {word['rank']:4d} {word['balls']:5d} {word['failed']:6d}"
            f"  {max(gaps, default=0):24.1e}  {np.median(seconds):.2f}, {max(seconds):.1f} ({small:.1f})"
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
    wanted = parser.parse_args()
    systems(wanted.systems, wanted.seed)
    covariances(wanted.covariances, wanted.seed)


if __name__ == "__main__":
    main()
