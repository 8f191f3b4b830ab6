"""What every chapter declares for files: five deliberately bad heuristics, judged against values computed without the library."""

import dataclasses
import importlib
import math
from functools import cache

import numpy as np
import pytest
from small_project import ROOT

from isaclib import InvalidScenario, instances, near_field, network_localization, ofdm_ranging, semi_isac, wireless_powered
from isaclib.foundations import files


def powered():
    """Everybody for an equal part of half the frame, at the power that its harvest allows, capped: gains and rates by hand."""
    s = wireless_powered.Scenario.random(np.random.default_rng(3), crb_limit_m2=np.inf)
    share, harvested = s.time_budget_s / 20, s.harvest_efficiency * s.bs_power_w * s.gain_bs_user * s.time_budget_s / 2
    powers = np.minimum(harvested / share, s.max_power_w)
    value = min(share * s.bandwidth_hz * math.log2(1 + g * p / s.noise_w) for g, p in zip(s.gain_bs_user, powers))
    return s, {"powers_w": powers, "charging_time_s": s.time_budget_s / 2, "times_s": np.full(10, share)}, value


def network():
    """A ramp of powers: the worst of three quotients written out."""
    s = network_localization.Scenario.random(np.random.default_rng(7), min_comm_sinr_db=-30.0)
    p, sinr = np.array([0.2, 0.6, 1.0]), []
    for i in range(3):
        heard = sum(p[j] * (s.bistatic_gain[i, j] + s.bs_bs_gain[i, j]) for j in range(3) if j != i)
        noise = s.noise_bs_w + p[i] * s.self_interference_gain[i]
        sinr.append(s.processing_gain * p[i] * s.echo_gain[i] / (heard + noise))
    return s, {"powers_w": p}, float(np.min(sinr))


def semi():
    """A quarter, a quarter, a half of both: Shannon's formula for four rates."""
    s = semi_isac.Scenario.random(np.random.default_rng(0), min_sensing_bps=0.0, min_rate_bps=0.0)
    share = np.array([0.25, 0.25, 0.5])
    band, power = share * s.bandwidth_hz, share * s.power_budget_w
    noise = s.noise_psd_w_per_hz * band
    echo = [band[k] * math.log2(1 + power[k] * s.radar_gain[k] / (power[k] * s.clutter_gain[k] + noise[k])) for k in (0, 1)]
    link = [band[k] * math.log2(1 + power[k] * s.link_gain[k - 1] / noise[k]) for k in (1, 2)]
    value = s.weights[0] * echo[0] + s.weights[1] * (link[0] + echo[1]) + s.weights[2] * link[1]
    return s, {"shares": share, "powers_w": power}, float(value)


def ofdm():
    """All the power on every second carrier."""
    s = ofdm_ranging.Scenario.random(np.random.default_rng(0), carriers=16)
    p = np.where(np.arange(16) % 2, s.power_budget_w / 8, 0.0)
    df = s.subcarrier_spacing_hz
    value = sum(df * math.log2(1 + g * x / (s.noise_psd_w_per_hz * df)) for g, x in zip(s.channel_gain, p))
    return s, {"powers_w": p}, value


def near():
    """Matched beams without errors: the worst user's SINR by inner products."""
    s = near_field.Scenario.random(
        np.random.default_rng(3),
        ap_positions_m=[[30, 70], [10, 20]],
        user_positions_m=[[20, 30], [40, 45]],
        antennas=5,
        error_slope_per_m=0.0,
        crlb_limit_m2=np.inf,
    )
    h = near_field.channels(s)
    beams = h / np.linalg.norm(h, axis=2, keepdims=True) * math.sqrt(s.comm_power_w / 2)
    seen = np.abs(np.einsum("kma,jma->kj", h.conj(), beams)) ** 2
    sinr = [seen[k, k] / (seen[k].sum() - seen[k, k] + s.noise_w) for k in range(2)]
    flat = np.repeat(np.eye(5)[None], 2, axis=0) * s.sensing_power_w / 5
    return s, {"beams": beams, "covariances": flat, "time_allocation": 0.25}, 0.25 * math.log2(1 + min(sinr))


BAD = {"wireless_powered": powered, "network_localization": network, "semi_isac": semi, "ofdm_ranging": ofdm, "near_field": near}


def test_the_chapters_with_an_interface_are_those_of_the_command_line():
    declared = {path.parent.name for path in ROOT.glob("isaclib/*/interface.py")} - {"foundations"}
    assert declared == {*instances.CHAPTERS} == {*BAD}


@cache
def solved(chapter):
    """The bad heuristic's scenario, its fields and value, and the certificate of the optimum."""
    scenario, bad, value = BAD[chapter]()
    return scenario, bad, value, instances.interface(chapter).solve(scenario).certificate


PRECISION = {"near_field": 1e-7}  # the worst case is certified by a search over multipliers, from below


@pytest.mark.parametrize("chapter", BAD)
def test_five_bad_heuristics(chapter):
    """The value by hand, the gap to an optimum that the solver gives, and twice the powers as the violation that it is."""
    interface = instances.interface(chapter)
    scenario, bad, value, best = solved(chapter)
    found = interface.judge(scenario, bad, optimum=best)
    assert found.value == pytest.approx(value, rel=PRECISION.get(chapter, 1e-9)) and found.feasible
    assert found.gap == pytest.approx((best.value - value) / best.value, rel=1e-6) and found.gap > 0.05
    assert found.optimum == best.value
    name = "beams" if chapter == "near_field" else "powers_w"
    worse = interface.judge(scenario, bad | {name: 20 * np.asarray(bad[name])}, optimum=best)
    assert not worse.feasible and math.isnan(worse.gap) and max(worse.violations.values()) > 0.9
    assert worse.optimum == best.value and "violates" in str(worse)
    for wrong in (1.0, "best", BAD):
        with pytest.raises(InvalidScenario) as caught:
            interface.judge(scenario, bad, optimum=wrong)
        assert caught.value.field == "optimum"


FORMS = {
    "lists": lambda value: value.tolist(),
    "the other order": np.asfortranarray,
    "a view": lambda value: np.repeat(value[..., None], 2, axis=-1)[..., 0],
    "the other end first": lambda value: value.astype(value.dtype.newbyteorder(">")),
    "long doubles": lambda value: value.astype(np.clongdouble if value.dtype.kind == "c" else np.longdouble),
    "no mask at all": np.ma.array,
}


@pytest.mark.parametrize("chapter", BAD)
def test_what_means_the_same_scores_the_same(chapter):
    scenario, bad, _, best = solved(chapter)
    judge = instances.interface(chapter).judge
    plain = judge(scenario, bad, optimum=best)
    for what, form in FORMS.items():
        given = {name: form(np.asarray(value)) if np.ndim(value) else value for name, value in bad.items()}
        assert judge(scenario, given, optimum=best) == plain, what
    single = {name: np.asarray(value, np.complex64 if np.iscomplexobj(value) else np.float32) for name, value in bad.items()}
    double = {name: value.astype(complex if value.dtype.kind == "c" else float) for name, value in single.items()}
    assert judge(scenario, single, optimum=best) == judge(scenario, double, optimum=best)


def test_covariances_may_come_as_factors(tmp_path):
    """Files of the near field are small that way: F (M, Nt, R) stands for F F^H."""
    scenario, bad, _, best = solved("near_field")
    interface = instances.interface("near_field")
    rest = {name: value for name, value in bad.items() if name != "covariances"}
    plain = interface.judge(scenario, bad, optimum=best)
    whole = np.linalg.cholesky(bad["covariances"])
    scenario.save(tmp_path / "s.npz")
    for ending in (".json", ".npz", ".mat"):
        files.save_allocation(tmp_path / f"a{ending}", rest | {"covariance_factors": whole}, interface.allocation)
        read = files.load_allocation(tmp_path / f"a{ending}", interface.allocation, chapter="near_field")
        found = interface.judge(scenario, read, optimum=best)
        assert found.value == pytest.approx(plain.value, rel=1e-9) and found.feasible
    assert not interface.judge(scenario, rest | {"covariance_factors": 2 * whole}, optimum=best).feasible
    for wrong in (rest, bad | {"covariance_factors": whole}):
        with pytest.raises(InvalidScenario, match=r"covariances: is (missing|given twice)"):
            interface.judge(scenario, wrong | {"covariances": wrong.get("covariances")}, optimum=best)


def test_solved_covariances_of_low_rank_are_written_as_factors(tmp_path):
    """What is written comes back to the bit and means the same; covariances of full rank are written whole."""
    scenario, interface = solved("near_field")[0].replace(antennas=13), instances.interface("near_field")
    found = interface.solve(scenario)
    best = found.certificate
    plain = interface.judge(scenario, interface.fields(found), optimum=best)
    users, aps, antennas = found.beams.shape
    for ending in (".json", ".npz", ".mat"):
        interface.save(tmp_path / f"low{ending}", found)
        read = files.load_allocation(tmp_path / f"low{ending}", interface.allocation, chapter="near_field")
        factors = read["covariance_factors"]
        assert read.get("covariances") is None and factors.shape[:2] == (aps, antennas) and factors.shape[2] <= 3 * users
        whole = np.einsum("mar,mbr->mab", factors, factors.conj())
        assert np.allclose(whole, found.covariances, rtol=0, atol=1e-13 * np.abs(found.covariances).max())
        again = interface.judge(scenario, read, optimum=best)
        assert again.value == pytest.approx(plain.value, rel=1e-9) and again.violations == pytest.approx(
            plain.violations, abs=1e-12
        )
        files.save_allocation(tmp_path / f"again{ending}", read, interface.allocation, chapter="near_field")
        twice = files.load_allocation(tmp_path / f"again{ending}", interface.allocation, chapter="near_field")
        assert all(np.array_equal(twice[name], read[name]) for name in ("beams", "time_allocation", "covariance_factors"))
        high = dataclasses.replace(found, covariances=np.tile(np.eye(antennas) + 0j, (aps, 1, 1)))
        interface.save(tmp_path / f"high{ending}", high)
        read = files.load_allocation(tmp_path / f"high{ending}", interface.allocation, chapter="near_field")
        assert read.get("covariance_factors") is None and np.array_equal(read["covariances"], high.covariances)


@pytest.mark.parametrize("chapter", BAD)
def test_rounding_is_forgiven_and_reported(chapter):
    """Powers beyond their limit by a part in ten million, and below 0 by as much; beyond by a part in 100,000 is infeasible."""
    scenario, bad, _, best = solved(chapter)
    judge = instances.interface(chapter).judge
    name, root = ("beams", 0.5) if chapter == "near_field" else ("powers_w", 1.0)
    over = max(judge(scenario, bad | {name: 20 * bad[name]}, optimum=best).violations.values())
    for excess, feasible in ((0.0, True), (1e-7, True), (1e-5, False)):
        factor = 20 * ((1 + excess) / (1 + over)) ** root
        found = judge(scenario, bad | {name: factor * bad[name]}, optimum=best)
        assert found.feasible == feasible and max(found.violations.values()) == pytest.approx(excess, abs=1e-12)
        assert math.isnan(found.gap) != feasible
    if name == "powers_w":
        zero, below, wrong = (np.where(np.arange(len(bad[name])) == 1, tiny, bad[name]) for tiny in (-0.0, -1e-12, -1e-3))
        assert judge(scenario, bad | {name: zero}, optimum=best) == judge(scenario, bad | {name: np.abs(zero)}, optimum=best)
        found = judge(scenario, bad | {name: below}, optimum=best)
        assert (
            0 < found.violations["powers_w"] <= 1e-11 and found.value == judge(scenario, bad | {name: zero}, optimum=best).value
        )
        with pytest.raises(InvalidScenario, match="powers_w: must be at least 0"):
            judge(scenario, bad | {name: wrong}, optimum=best)


@pytest.mark.parametrize("chapter", BAD)
def test_a_batch_of_one_is_one(chapter):
    scenario, bad, value, best = solved(chapter)
    module = importlib.import_module(f"isaclib.{chapter}")
    columns = [np.asarray(each)[None] for each in bad.values()]
    scored = module.score_batch([scenario], *columns)
    assert len(scored) == 1 and scored.feasible.tolist() == [True] and scored.status.tolist() == ["optimal"]
    assert scored.value[0] == pytest.approx(value, rel=PRECISION.get(chapter, 1e-9))
    assert scored.gap[0] == pytest.approx((best.value - value) / best.value, rel=1e-6)
    assert scored.bound[0] == pytest.approx(best.value, rel=1e-5)
    wrong = ([], [each[:0] for each in columns]), ([scenario], [np.repeat(each, 2, axis=0) for each in columns])
    for scenarios, given in (*wrong, ([scenario] * 2, columns), (scenario, columns), (None, columns)):
        with pytest.raises(InvalidScenario):
            module.score_batch(scenarios, *given)


@pytest.mark.parametrize(
    ("chapter", "name"),
    [
        ("wireless_powered", "users"),
        ("wireless_powered", "targets"),
        ("network_localization", "base_stations"),
        ("ofdm_ranging", "carriers"),
        ("ofdm_ranging", "taps"),
        ("near_field", "antennas"),
    ],
)
def test_a_number_of_things_that_no_array_holds_is_refused_by_name(chapter, name):
    with pytest.raises(InvalidScenario, match=rf"^{name}: must be at most [0-9.e+]+, but is 1e\+30"):
        instances.interface(chapter).scenario.random(np.random.default_rng(0), **{name: 1e30})
