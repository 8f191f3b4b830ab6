"""The explorers of the built pages: wherever the sliders stand, the page shows what isaclib computes there anew."""

import inspect
import json
import re
from contextlib import closing

import numpy as np
import pytest
from small_project import ROOT

from compendium.browser.chromium import READY
from compendium.runs.schema_files import load_schema
from isaclib import near_field as nf
from isaclib import network_localization as nl
from isaclib import ofdm_ranging as ofdm
from isaclib import semi_isac as si
from isaclib import wireless_powered as wp
from isaclib.foundations.errors import InfeasibleScenario
from isaclib.foundations.scenario import Batch
from isaclib.foundations.units import db_to_linear, dbm_to_w, linear_to_db

HALF_A_DIGIT = 5.1e-4  # relative: a page shows four digits, rounded from six
ON_THE_MAP = "worst position error"  # what the page computes itself, from powers or range errors
PAGES = {"near_field": "beamforming"}  # of the explorers that do not stand among the results
SAME_NAME_NEAR_FIELD = ("antennas", "antenna_spacing_m", "carrier_hz", "path_gain", "sensing_processing_gain_db", "block_s")
SAME_NAME_NEAR_FIELD += ("sensing_block_s", "crlb_limit_m2", "error_slope_per_m")


def settings(chapter: str, law) -> tuple[dict, dict]:
    """The quick set, and its part that the law of the random scenarios takes."""
    values = load_schema(ROOT / "notebooks" / chapter).load_named("quick")
    return values, {name: values[name] for name in inspect.signature(law).parameters if name in values}


def wireless_powered(limit, power, draw) -> dict:
    values, law = settings("wireless_powered", wp.Scenario.random)
    batch = wp.Scenario.random_batch(np.random.default_rng(values["seed"]), values["draws"], **law)
    case = batch[int(draw.split()[1])].replace(crb_limit_m2=limit, bs_power_w=power)
    least = wp.crb_trace(case, np.full(values["users"], values["max_power_w"])).max()
    try:
        best = wp.solve_exact(case)
    except InfeasibleScenario:
        return {"Minimum throughput": None, "Charging time": None, "Worst CRB": None, "Least worst CRB of any allocation": least}
    return {
        "Minimum throughput": best.min_throughput_bit / 1e3,
        "Certified upper bound": best.certificate.bound / 1e3,
        "Charging time": best.charging_time_s,
        "Worst CRB": wp.crb_trace(case, best.powers_w).max(),
        "Least worst CRB of any allocation": least,
        ON_THE_MAP: np.sqrt(wp.crb_trace(case, best.powers_w).max()),
    }


def network_localization(level, threshold, drop) -> dict:
    values, law = settings("network_localization", nl.Scenario.random)
    batch = nl.Scenario.random_batch(np.random.default_rng(values["seed"]), values["draws"], **law)
    case = batch[int(drop.split()[1])].replace(self_interference_gain=db_to_linear(level), min_comm_sinr=db_to_linear(threshold))
    cap = np.full(values["base_stations"], case.max_power_w)
    served = nl.comm_sinr(case, cap).min() >= case.min_comm_sinr
    known = {
        "Worst range STD at full power": nl.range_std_m(case, cap).max() if served else None,
        "Largest threshold that can be met": linear_to_db(nl.max_min_comm_sinr(Batch([case]))[0][0]),
    }
    try:
        best = nl.solve_exact(case)
    except InfeasibleScenario:
        return {"Worst range STD": None, "Mean range STD": None} | known
    bound = nl.range_std_from_sinr_m(best.certificate.bound, case.bandwidth_hz, case.processing_gain)
    stds = nl.range_std_m(case, best.powers_w)
    error = np.sqrt(nl.position_crb_m2(case, best.powers_w))
    return {
        "Worst range STD": stds.max(),
        "Certified lower bound": bound,
        "Mean range STD": stds.mean(),
        ON_THE_MAP: error,
    } | known


def semi_isac(budget_dbm, priority, floors, drop) -> dict:
    values = load_schema(ROOT / "notebooks" / "semi_isac").load_named("quick")
    law = {name: values[name] for name in si.DEFAULTS if name in values}
    batch = si.Scenario.random_batch(np.random.default_rng(values["seed"]), values["draws"], **law)
    sensing, rate = (1e6 * float(floor) for floor in floors.removesuffix(" Mbit/s").split(", "))
    case = batch[int(drop.split()[1])].replace(
        power_budget_w=dbm_to_w(budget_dbm),
        weights=[(1 - priority) / 2, priority, (1 - priority) / 2],
        min_sensing_bps=sensing,
        min_rate_bps=rate,
    )
    try:
        best = si.solve_exact(case)
    except InfeasibleScenario as refusal:
        factor = refusal.best_attainable / refusal.limit
        return {"Weighted sum of rates": None, "Sum of rates": None, "Floors could grow by the factor": factor}
    rates = si.rates(case, best.shares, best.powers_w)
    return {
        "Weighted sum of rates": si.weighted_sum_bps(case, rates) / 1e6,
        "Certified upper bound": best.certificate.bound / 1e6,
        "Sum of rates": rates.sum() / 1e6,
    }


def ofdm_ranging(sidelobe_db, cells) -> dict:
    values, law = settings("ofdm_ranging", ofdm.Scenario.random)
    case = ofdm.Scenario.random(np.random.default_rng(values["seed"]), **law)
    limits = {"peak_sidelobe_db": sidelobe_db, "max_main_lobe_width_m": cells * case.range_cell_m}
    with pytest.raises(InfeasibleScenario) as refused:
        ofdm.solve_exact(case, **(limits | {"peak_sidelobe_db": -100.0}))
    known = {"Least sidelobes that this main lobe allows": refused.value.best_attainable}
    try:
        best = ofdm.solve_exact(case, **limits)
    except InfeasibleScenario:
        return {"Capacity": None, "Certified upper bound": None, "Main-lobe width (range cells)": None} | known
    water = ofdm.waterfill(case)
    crb, crb_of_water = (ofdm.toa_crb_s2(case, powers) for powers in (best.powers_w, water.powers_w))
    return {
        "Capacity": ofdm.capacity_bps(case, best.powers_w) / 1e6,
        "Certified upper bound": best.certificate.bound / 1e6,
        "Loss against water-filling": np.round(100 * (1 - best.capacity_bps / water.capacity_bps), 2),
        "Main-lobe width (range cells)": ofdm.main_lobe_width_m(case, best.powers_w) / case.range_cell_m,
        "Delay deviation bound over water-filling's": np.sqrt(crb / crb_of_water),
    } | known


def near_field(share, sensing_power_w, limit_um) -> dict:
    """Intervals where a solver's tolerance enters: the page and this function may stop at different beams."""
    values = load_schema(ROOT / "notebooks" / "near_field").load_named("quick")
    case = nf.Scenario.random(
        np.random.default_rng(values["seed"]),
        ap_positions_m=np.column_stack([values["ap_x_m"], values["ap_y_m"]]),
        user_positions_m=np.column_stack([values["user_x_m"], values["user_y_m"]]),
        array_angles_rad=None,
        noise_w=dbm_to_w(values["noise_dbm"]),
        comm_power_w=dbm_to_w(values["comm_power_dbm"]),
        sensing_power_w=sensing_power_w,
        **{name: values[name] for name in SAME_NAME_NEAR_FIELD},
    )
    crlb_bar_m2 = nf.optimise_sensing(case).crlb_bar_m2
    error = float(nf.relative_error(case, crlb_bar_m2, share))
    position_um = 1e6 * error / case.error_slope_per_m
    known = {"Position bound, the least limit that can be met": position_um, "Relative channel error": error}
    names = ("best beams", "error-ignorant beams (EI)", "matched beams (MRT)")
    if position_um > limit_um * (1 + HALF_A_DIGIT):
        return dict.fromkeys([f"Rate of {name}" for name in names] + ["Certified upper bound"]) | known
    h, noise_w, power_w = nf.channels(case), case.noise_w, case.comm_power_w
    radii = error * np.linalg.norm(h, axis=2)
    tolerance = values["sinr_tolerance"]
    best, matched = (nf.robust_sinr(h, radii, noise_w, power_w, tolerance=tolerance / 5, matched=only) for only in (False, True))
    unaware = nf.robust_sinr(h, 0 * radii, noise_w, power_w, tolerance=tolerance).beams
    ignorant = nf.worst_sinr(h, radii, unaware, noise_w).min()

    def between(low, high):
        return tuple(float(nf.rate_bps_hz(share, sinr)) for sinr in (low, high))

    return {
        "Rate of best beams": between(best.sinr * (1 - tolerance), best.certificate.bound),
        "Certified upper bound": between(best.sinr, best.certificate.bound * (1 + tolerance)),
        "Rate of error-ignorant beams (EI)": between(ignorant * (1 - tolerance), ignorant * (1 + tolerance)),
        "Rate of matched beams (MRT)": between(matched.sinr * (1 - tolerance), matched.certificate.bound),
    } | known


def agrees(shown: str, expected: float | tuple[float, float] | None) -> bool:
    if isinstance(expected, tuple):
        low, high = expected
        return shown != "infeasible" and low * (1 - HALF_A_DIGIT) <= float(shown.split()[0]) <= high * (1 + HALF_A_DIGIT)
    if expected is None or shown == "infeasible":
        return shown == "infeasible" and expected is None
    return bool(np.isclose(float(shown.split()[0].replace("−", "-")), expected, rtol=HALF_A_DIGIT, atol=0.0))


AT_REST = """async () => {
    for (let still = 0, last = scrollY; still < 20; last = scrollY) {
        await new Promise(requestAnimationFrame);
        still = scrollY === last ? still + 1 : 0;
    }
    return scrollY;
}"""  # frames, which come as slowly as the page moves on a busy machine

ANEW = [wireless_powered, network_localization, semi_isac, ofdm_ranging, near_field]


def test_every_explorer_is_computed_anew():
    shown = {path.parent.name for path in ROOT.glob("notebooks/*/*.py") if "explorers.show(" in path.read_text()}
    assert shown == {anew.__name__ for anew in ANEW}


@pytest.mark.parametrize("anew", ANEW, ids=lambda anew: anew.__name__)
def test_the_page_shows_the_optimum_at_every_position(address, chromium, anew):
    if chromium is None:
        return
    with closing(chromium.new_page()) as tab:
        page = PAGES.get(anew.__name__, "results")
        tab.goto(f"{address}/notebooks/{anew.__name__}/{page}.html")
        frame = tab.locator(".isac-explorer")
        assert frame.count() == 1
        controls = json.loads(frame.locator("script").text_content())["controls"]
        last = [len(control["values"]) - 1 for control in controls]
        sliders = frame.locator("input").all()
        seen = []
        for position in (
            [0] * len(last),
            [n // 2 for n in last],
            [n // 3 for n in last],
            last,
            [last[0], *[0] * (len(last) - 1)],
        ):
            for slider, step in zip(sliders, position, strict=True):
                slider.fill(str(step))
            names, values = (frame.locator(f".isac-readouts {tag}").all_inner_texts() for tag in ("dt", "dd"))
            shown = dict(zip(names, values, strict=True))
            if computed := re.search(
                r"worst position error of a target: (.+ m)", "".join(frame.locator(".isac-note").all_inner_texts())
            ):
                shown[ON_THE_MAP] = computed[1]
            expected = anew(*(control["values"][step] for control, step in zip(controls, position, strict=True)))
            assert {name: shown[name] for name, value in expected.items() if not agrees(shown[name], value)} == {}, position
            seen.append(shown[names[0]])
            drawn = frame.locator(".isac-pictures").inner_html()
            assert "NaN" not in drawn and "Infinity" not in drawn, position
        assert len(set(seen)) >= 3, "the positions tell nothing apart"


def test_the_game_counts_what_isaclib_counts(address, chromium):
    if chromium is None:
        return
    values = load_schema(ROOT / "notebooks" / "semi_isac").load_named("quick")
    law = {name: values[name] for name in si.DEFAULTS if name in values}
    batch = si.Scenario.random_batch(np.random.default_rng(values["seed"]), values["draws"], **law)
    with closing(chromium.new_page()) as tab:
        tab.goto(f"{address}/notebooks/semi_isac/results.html")
        frame = tab.locator(".isac-guess")
        bars, verdict, (reveal, _, another) = frame.locator(".isac-wide"), frame.locator("p").first, frame.locator("button").all()
        for steps in ((60, 60, 60, 60, 60, 60), (5, 110, 20, 30, 100, 40), (0, 120, 0, 120, 0, 60)):
            for slider, step in zip(frame.locator("input").all(), steps, strict=True):
                slider.fill(str(step))
            case = batch[int(verdict.inner_text().split(".")[0].removeprefix("Drop "))]
            parts = 10.0 ** (np.reshape(steps, (2, 3)) / 40)
            shares, powers = parts / parts.sum(axis=1, keepdims=True) * [[1.0], [case.power_budget_w]]
            rates = si.rates(case, shares, powers)
            shown = re.findall(r"([\d.e+-]+) Mbit/s, promised ([\d.]+)", bars.get_attribute("aria-label"))
            floors = np.array([case.min_sensing_bps[0], case.min_rate_bps[0], case.min_sensing_bps[1], case.min_rate_bps[1]])
            assert np.allclose(np.array(shown, float), np.stack([rates, floors], axis=1) / 1e6, rtol=HALF_A_DIGIT, atol=0)
            assert ("All promises kept" in verdict.inner_text()) == bool(np.all(rates >= floors))
            reveal.click()
            best = si.solve_exact(case)
            told = re.search(r"optimum: ([\d.]+) Mbit/s, and nothing exceeds ([\d.]+) Mbit/s", verdict.inner_text())
            assert np.allclose(np.array(told.groups(), float) * 1e6, [best.objective, best.certificate.bound], rtol=HALF_A_DIGIT)
            if np.all(rates >= floors):
                gap = 100 * (1 - si.weighted_sum_bps(case, rates) / best.objective)
                assert f"You are {gap:.2g} % below it" in verdict.inner_text()
            another.click()


def test_explorers_of_one_page_share_its_address(address, chromium):
    if chromium is None:
        return
    with closing(chromium.new_page()) as tab:
        page = f"{address}/book/semi_isac.html"
        explorer, guess = "explorer-budget-priority-floors", "guess-split-by-hand"
        tab.goto(f"{page}#{explorer}=6-7-2-1&{guess}=1-0-60-60-60-60-60")
        shown = tab.locator(".isac-explorer output")
        assert shown.all_inner_texts()[:3] == ["40 dBm", "0.8", "30, 5 Mbit/s"]
        tab.wait_for_function(f"document.getElementById('{explorer}').getBoundingClientRect().top < 200")  # it is shown
        tab.locator(".isac-guess input").first.fill("120")
        assert tab.url.endswith(f"#{guess}=1-120-60-60-60-60-60&{explorer}=6-7-2-1")
        tab.locator(".isac-explorer .isac-again").click()
        assert tab.url.endswith(f"#{guess}=1-120-60-60-60-60-60")
        tab.evaluate(f"location.hash = '{explorer}=0-0-1-0'")  # a link that is followed on the page itself
        tab.wait_for_function("document.querySelector('.isac-explorer output').textContent === '10 dBm'")
        for broken in ("6-7-2-9", "6-7-2", "6--2-1", "a-b-c-d", "-1-0-0-0", "1e0-0-0-0"):
            tab.goto("about:blank")
            tab.goto(f"{page}#{explorer}={broken}")
            assert shown.first.inner_text() == "25 dBm", broken


def test_a_curve_that_changes_little_fills_its_axis(address, chromium):
    """The capacity changes by a tenth over the grid: neither decades nor zero belong on its axis."""
    if chromium is None:
        return
    with closing(chromium.new_page()) as tab:
        tab.goto(f"{address}/book/ofdm_ranging.html")
        curve = tab.locator(".isac-pictures svg").first
        first = json.loads(tab.locator(".isac-explorer script").text_content())["readouts"][0]["values"]
        known = [value for value in first if value is not None]
        assert "log scale" not in curve.text_content()
        ticks = [float(text) for text in curve.locator('text[text-anchor="end"]').all_text_contents() if "−" not in text]
        assert min(known) >= ticks[0] > 0 and ticks[-1] >= max(known)
        assert ticks[-1] - ticks[0] < 3 * (max(known) - min(known))


def test_a_finger_drags_targets_and_scrolls_elsewhere(address, chromium):
    if chromium is None:
        return
    with closing(chromium.new_page(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)) as tab:
        finger = tab.context.new_cdp_session(tab)

        def drag(place, dx: int, dy: int) -> float:
            """How far the page scrolls under a finger that moves by so much, until it stands still."""
            box, stood = place.bounding_box(), tab.evaluate("scrollY")
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            for kind, part in [("touchStart", 0), *(("touchMove", n / 8) for n in range(1, 9))]:
                points = [{"x": x + dx * part, "y": y + dy * part}]
                finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            return tab.evaluate(AT_REST) - stood

        for chapter in ("wireless_powered", "network_localization"):
            tab.goto(f"{address}/book/{chapter}.html")
            tab.evaluate(READY)
            target, plan = tab.locator(".isac-target").first, tab.locator(".isac-plan")
            target.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
            told, box, ground = target.get_attribute("aria-label"), target.bounding_box(), plan.bounding_box()
            inwards = [30 if box[at] < ground[at] + ground[size] / 2 else -30 for at, size in (("x", "width"), ("y", "height"))]
            assert abs(drag(target, *inwards)) < 3, chapter
            after = target.bounding_box()
            assert np.allclose([after[at] - box[at] for at in "xy"], inwards, atol=3), chapter
            assert target.get_attribute("aria-label") != told, chapter
            plan.evaluate("e => e.scrollIntoView({ block: 'start', behavior: 'instant' })")
            curve = tab.locator(".isac-pictures svg").first
            assert drag(curve, 0, -100) > 50, chapter
            slider = tab.locator(".isac-controls input").first
            slider.fill("0")
            url = tab.url
            assert drag(slider, 0, -100) > 50 and slider.input_value() == "0", chapter
            assert abs(drag(slider, 100, 0)) < 3 and slider.input_value() != "0", chapter
            assert tab.url != url, chapter
