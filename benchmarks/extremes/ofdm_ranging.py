"""The joint optimum at its extremes, against oracles that share no code with it.

    python benchmarks/extremes/ofdm_ranging.py [scenarios] [requests] [seed]

1. Random scenarios against a cone program (cvxpy, Clarabel) on a Chebyshev grid of delays: with the limits as they are on the
   grid it bounds the optimum from above, with limits lowered by the grid's proven overshoot it is attained.
2. Requests at and near the edge of feasibility, each with an allocation that meets it: none may be refused.
3. Sidelobe limits just above Dolph's closed form, at any start of the region.
4. Sidelobes that begin anywhere, up to where the least level is far below anything asked for; requests met by a window of
   Dolph's for another start, at any SNR.

The suite runs a sample (tests/ofdm_ranging/test_extremes.py).
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections import Counter

import cvxpy as cp
import numpy as np

from isaclib import InfeasibleScenario, SolverFailure
from isaclib import ofdm_ranging as ofdm
from isaclib.ofdm_ranging.window import dolph_shares

ROUNDING = 1e-16  # of a level, relative to the main lobe
CONE = 2e-6  # relative: what the cone solver's own gap leaves open
LIMITS = ("peak_sidelobe_db", "max_toa_crb_s2", "max_main_lobe_width_m")


def chebyshev_delays(carriers: int, start: float, stop: float, fold: int) -> np.ndarray:
    """Delays in [start, stop] whose cosines are Chebyshev points, ``fold`` per carrier."""
    low, high = math.cos(2 * math.pi * stop / carriers), math.cos(2 * math.pi * start / carriers)
    points = np.cos(np.pi * np.arange(fold * carriers + 1) / (fold * carriers))
    return np.arccos(np.clip(0.5 * (high + low) + 0.5 * (high - low) * points, -1, 1)) * carriers / (2 * math.pi)


def overshoot(carriers: int, fold: int) -> float:
    """Most by which a level can exceed its largest value on the grid (Ehlich and Zeller, Riesz)."""
    return 1 / math.cos(math.pi * (carriers - 1) / (4 * fold * carriers))


def cone_optimum(scenario, limits: dict, *, inner: bool, fold: int = 8) -> float:
    """Capacity in bit/s of the cone program; -inf where it is infeasible, nan where the solver gave up."""
    count, n = scenario.carriers, np.arange(scenario.carriers)
    lower = overshoot(count, fold) if inner else 1.0
    x = cp.Variable(count, nonneg=True)
    fixed = [cp.sum(x) == 1]
    regions = []
    if limits.get("peak_sidelobe_db") is not None:
        level = 10 ** (limits["peak_sidelobe_db"] / 20)
        regions.append((scenario.sidelobe_start, scenario.sidelobe_stop or count / 2, level))
    if limits.get("max_main_lobe_width_m") is not None:
        half = limits["max_main_lobe_width_m"] * scenario.bandwidth_hz / 299792458.0
        regions.append((min(half, scenario.sidelobe_start), scenario.sidelobe_start, math.sqrt(0.5)))
    for start, stop, level in regions:
        u = chebyshev_delays(count, start, stop, fold) if stop > start else np.array([start])
        angles = 2 * np.pi / count * np.outer(u, n - 0.5 * (count - 1))
        fixed.append(cp.norm(cp.vstack([np.cos(angles) @ x, np.sin(angles) @ x]) / level, axis=0) <= 1 / lower)
    if limits.get("max_toa_crb_s2") is not None:
        spacing = scenario.subcarrier_spacing_hz
        snr = scenario.symbols * scenario.echo_gain * scenario.power_budget_w / (scenario.noise_psd_w_per_hz * spacing)
        needed = 1 / (8 * math.pi**2 * spacing**2 * snr * limits["max_toa_crb_s2"])
        edge = 0.5 * (count - 1)
        m = (n - edge) / edge
        fixed.append((1 - m**2) @ x + cp.square(m @ x) <= 1 - needed / edge**2)
    gains = scenario.power_budget_w * scenario.channel_gain / (scenario.noise_psd_w_per_hz * scenario.subcarrier_spacing_hz)
    most = float(np.log1p(gains * ofdm.waterfill_powers(gains, 1.0)).sum())  # a scale only
    problem = cp.Problem(cp.Maximize(cp.sum(cp.log1p(cp.multiply(gains, x))) / most), fixed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            problem.solve(solver="CLARABEL", tol_gap_rel=1e-8, tol_gap_abs=1e-8, tol_feas=1e-8)
        except cp.SolverError:
            return math.nan
    if problem.status == cp.INFEASIBLE:
        return -math.inf
    if problem.status != cp.OPTIMAL:
        return math.nan
    return problem.value * most * scenario.subcarrier_spacing_hz / math.log(2)


def random_request(rng: np.random.Generator, *, largest: int = 32):
    """A scenario of any size, SNR and shape of channel, and limits about as hard as it can meet."""
    count = int(rng.integers(3, largest + 1))
    gain = 10 ** rng.uniform(-1.5, 1.5, size=count) if rng.random() < 0.3 else rng.exponential(size=count)
    if rng.random() < 0.3:
        gain[rng.random(count) < 0.3] = 0.0
        gain[int(rng.integers(count))] = 1.0
    start = float(rng.choice([1.5, rng.uniform(0.4, min(3.0, 0.49 * count))])) if count > 4 else rng.uniform(0.4, 0.45 * count)
    stop = float(rng.uniform(start, count / 2)) if rng.random() < 0.2 else None
    spacing, power = 10 ** rng.uniform(3, 9), 10 ** rng.uniform(-6, 3)
    scenario = ofdm.Scenario(
        channel_gain=gain,
        subcarrier_spacing_hz=spacing,
        noise_psd_w_per_hz=power / (count * spacing * 10 ** (rng.uniform(-20, 40) / 10)),
        power_budget_w=power,
        echo_gain=10 ** rng.uniform(-4, 0),
        symbols=int(rng.integers(1, 200)),
        sidelobe_start=start,
        sidelobe_stop=stop,
    )
    limits = {}
    if rng.random() < 0.8:
        least = 20 * math.log10(dolph_level(count, start))
        limits["peak_sidelobe_db"] = float(least * rng.uniform(0.1, 1.05) if stop is None else rng.uniform(max(least, -60), -1))
    if rng.random() < 0.5:
        flat = float(ofdm.toa_crb_s2(scenario, ofdm.waterfill(scenario).powers_w))
        edges = float(ofdm.toa_crb_s2(scenario, ofdm.edges_only(scenario).powers_w))
        share = rng.uniform(-0.3, 1.05)
        limits["max_toa_crb_s2"] = min(flat, 1e6 * edges) ** (1 - share) * edges**share
    if rng.random() < 0.5:
        limits["max_main_lobe_width_m"] = float(rng.uniform(0.5, 4.0)) * scenario.range_cell_m
    return scenario, limits


def dolph_level(carriers: int, start: float) -> float:
    """Least level of Dolph's window, by Chebyshev's polynomial."""
    return 1 / math.cosh((carriers - 1) * math.acosh(1 / math.cos(math.pi * start / carriers)))


def compare(scenario, limits: dict) -> str:
    """What became of one request: a word, beginning with "WRONG" where library and oracle contradict each other."""
    try:
        found = ofdm.solve_exact(scenario, **limits)
    except InfeasibleScenario:
        return "WRONG refusal" if cone_optimum(scenario, limits, inner=True) > -math.inf else "refused"
    except SolverFailure as failure:
        return f"failed: {failure.status}"
    certificate = found.certificate
    if ofdm.Limits(**limits).residual(scenario, found.powers_w) > 1e-9:
        return "WRONG residual"
    if certificate.value > certificate.bound * (1 + 1e-9):
        return "WRONG bound"
    above, attained = (cone_optimum(scenario, limits, inner=inner) for inner in (False, True))
    if certificate.value > above * (1 + CONE):
        return "WRONG value above the outer program" if above > -math.inf else "WRONG, oracle infeasible"
    if certificate.bound < attained * (1 - CONE):
        return "WRONG bound below the inner program"
    unknown = math.isnan(above) + math.isnan(attained)
    return certificate.status + (" (half an oracle)" if unknown == 1 else " (no oracle)" if unknown else "")


def witnessed_request(rng: np.random.Generator, *, largest: int = 64):
    """A scenario, limits, and powers that meet them: the library's own answers, or random windows, as their own limits."""
    count = int(rng.integers(4, largest + 1))
    scenario = ofdm.Scenario.random(
        rng, carriers=count, mean_snr_db=rng.uniform(-20, 30), sidelobe_start=rng.uniform(0.5, min(4.0, 0.49 * count))
    )
    kind = int(rng.integers(5))
    if kind == 0:
        powers = ofdm.minimise_sidelobe(scenario).powers_w
    elif kind == 1:
        powers = ofdm.edges_only(scenario).powers_w
    elif kind == 2:
        powers = rng.dirichlet(np.ones(count))
    elif kind == 3:
        powers = ofdm.mix(scenario, rng.random(), str(rng.choice(["edges", "sidelobe"]))).powers_w
    else:
        powers = np.hanning(count + 2)[1:-1] ** rng.uniform(0.2, 2)
        powers /= powers.sum()
    slack = float(rng.choice([0.0, 1e-12, 1e-9, 1e-6, 1e-4, 1e-2]))
    level = float(ofdm.peak_sidelobe_db(scenario, powers))
    crb = float(ofdm.toa_crb_s2(scenario, powers))
    limits = {}
    which = int(rng.integers(1, 4)) if kind != 1 else 2 if scenario.sidelobe_start < 0.9 or rng.random() < 0.5 else 3
    if which & 1 and level < 0:
        limits["peak_sidelobe_db"] = level + 20 * math.log10(1 + slack)
    if which & 2 or not limits:
        limits["max_toa_crb_s2"] = crb * (1 + slack)
    return scenario, limits, powers


def start_of_level(carriers: int, level: float) -> float:
    """Where the sidelobes of a Dolph window of this level begin: :func:`dolph_level` solved for the start."""
    return carriers / math.pi * math.acos(1 / math.cosh(math.acosh(1 / level) / (carriers - 1)))


def late_request(rng: np.random.Generator, *, largest: int = 512, deepest: float = -170.0):
    """A scenario whose sidelobes begin anywhere, limits (the level not below ``deepest`` dB), and a Dolph window that meets
    them: between the one of just the level that is asked and the one of the scenario's own start.
    """
    count = round(math.exp(rng.uniform(math.log(16), math.log(largest))))
    start = math.exp(rng.uniform(math.log(0.5), math.log(0.45 * count)))
    scenario = ofdm.Scenario.random(
        rng,
        carriers=count,
        mean_snr_db=rng.uniform(0, 60),
        taps=int(rng.integers(1, count + 1)),
        tap_decay=math.exp(rng.uniform(-3, 4)),
        sidelobe_start=start,
        sidelobe_stop=float(rng.uniform(start, count / 2)) if rng.random() < 0.15 else None,
    )
    order = (count - 1) * math.acosh(1 / math.cos(math.pi * start / count))
    least = max(-20 * math.log10(math.cosh(order)) if order < 100 else -math.inf, deepest)
    level = min(least + rng.uniform(0, 10) if rng.random() < 0.4 else rng.uniform(least, 0), -0.01)
    first = start_of_level(count, 10 ** (level / 20))
    inside = min(start, first + (start - first) * rng.choice([0.0, rng.random(), 1.0]))
    powers = dolph_shares(count, inside)
    slack = float(rng.choice([1e-9, 1e-4, 1e-2, 0.3]))
    limits = {"peak_sidelobe_db": level}
    if rng.random() < 0.3:
        limits["max_toa_crb_s2"] = float(ofdm.toa_crb_s2(scenario, powers)) * (1 + slack)
    width = float(ofdm.main_lobe_width_m(scenario, powers, crossing="last"))
    if rng.random() < 0.3 and math.isfinite(width):
        limits["max_main_lobe_width_m"] = width * (1 + slack)
    return scenario, limits, powers


def at_the_edge(scenario, limits: dict, powers: np.ndarray) -> str:
    """A word, beginning with "WRONG" where a request with a witness is refused or the witness beats the bound."""
    witness = float(ofdm.capacity_bps(scenario, powers))
    try:
        found = ofdm.solve_exact(scenario, **limits)
    except InfeasibleScenario:
        return "WRONG refusal"
    except SolverFailure as failure:
        return f"failed: {failure.status}"
    certificate = found.certificate
    if certificate.residual > 1e-9 + ROUNDING * 10 ** (-limits.get("peak_sidelobe_db", 0.0) / 20):
        return f"WRONG residual {certificate.residual:.1e}"
    if max(witness * (1 - 1e-8), certificate.value * (1 - 1e-9)) > certificate.bound:
        return "WRONG bound"
    return certificate.status if certificate.status == "optimal" else f"{certificate.status}, gap {_decade(certificate.gap)}"


def late(rng: np.random.Generator, **options) -> str:
    """:func:`at_the_edge` of :func:`late_request`, where rounding leaves its window a witness."""
    scenario, limits, powers = late_request(rng, **options)
    return at_the_edge(scenario, limits, powers) if ofdm.Limits(**limits).residual(scenario, powers) <= 1e-9 else "no witness"


def _decade(gap: float) -> str:
    return f"below 1e{math.ceil(math.log10(gap))}" if 0 < gap < math.inf else f"{gap}"


def deep(rng: np.random.Generator) -> str:
    """A sidelobe limit above Dolph's level by up to 10 %: of the level in dB."""
    count = int(rng.choice([16, 24, 32, 48, 64, 96, 128]))
    start = float(rng.uniform(0.5, 5.0))
    scenario = ofdm.Scenario.random(rng, carriers=count, sidelobe_start=start)
    closed = dolph_level(count, start)
    least = ofdm.minimise_sidelobe(scenario).certificate
    if abs(least.value / closed - 1) > 1e-7 and closed > 1e-8:
        return "WRONG least level"
    limit = 20 * math.log10(closed) * (1 - 0.1 * rng.random())
    try:
        ofdm.solve_exact(scenario, peak_sidelobe_db=20 * math.log10(closed) - 1e-6)
        return "WRONG: accepted below the least level"
    except InfeasibleScenario as failure:
        if abs(failure.best_attainable - 20 * math.log10(closed)) > 1e-6 and closed > 1e-8:
            return "WRONG best attainable"
    try:
        certificate = ofdm.solve_exact(scenario, peak_sidelobe_db=limit).certificate
    except InfeasibleScenario:
        return "WRONG refusal"
    except SolverFailure as failure:
        return f"failed at {10 * round(limit / 10)} dB: {failure.status}"
    if certificate.residual > 1e-9 or certificate.value > certificate.bound * (1 + 1e-9):
        return "WRONG certificate"
    return certificate.status if certificate.status == "optimal" else f"{certificate.status} at {10 * round(limit / 10)} dB"


def main(scenarios: int = 1000, requests: int = 500, seed: int = 0) -> int:
    wrong = 0
    for title, draws, run in (
        ("random scenarios against the cone program", scenarios, lambda rng: compare(*random_request(rng))),
        ("requests with a witness", requests, lambda rng: at_the_edge(*witnessed_request(rng))),
        ("deep levels against Dolph", max(20, requests // 5), deep),
        ("late sidelobes", max(20, requests // 5), late),
    ):
        began, counts = time.process_time(), Counter()
        for draw, rng in enumerate(np.random.default_rng(seed).spawn(draws)):
            word = run(rng)
            counts[word] += 1
            if word.startswith(("WRONG", "failed", "converged")):
                print(f"  draw {draw}: {word}", flush=True)
        wrong += sum(count for word, count in counts.items() if word.startswith("WRONG"))
        print(f"{title}: {draws} in {time.process_time() - began:.0f} s of processor time", flush=True)
        for word, count in counts.most_common():
            print(f"  {count:5d}  {word}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(*map(int, sys.argv[1:])) else 0)
