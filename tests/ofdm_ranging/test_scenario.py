"""Metrics against hand-solved cases, dense grids and a numerical Fisher information; validation of fields."""

import math

import numpy as np
import pytest

from isaclib import InvalidScenario
from isaclib import ofdm_ranging as ofdm
from isaclib.ofdm_ranging import pulse

CLOSED_FORM = 1e-9  # relative: the same formula by two roads, rounding only
DIFFERENCES = 1e-6  # relative: central differences with a step near the cube root of rounding


def flat(carriers=16, **changes):
    fields = dict(
        channel_gain=np.ones(carriers),
        subcarrier_spacing_hz=1e6,
        noise_psd_w_per_hz=1e-9,
        power_budget_w=2.0,
        echo_gain=0.3,
        symbols=5,
    )
    return ofdm.Scenario(**(fields | changes))


def test_capacity_of_a_flat_channel_by_hand():
    scenario = flat()
    powers = np.full(16, 2.0 / 16)
    assert ofdm.capacity_bps(scenario, powers) == pytest.approx(16e6 * math.log2(1 + 2.0 / 16 / 1e-3), rel=CLOSED_FORM)
    assert ofdm.capacity_bps(scenario, np.zeros((3, 16))).tolist() == [0.0] * 3


def test_uniform_powers_give_the_dirichlet_kernel():
    scenario = flat()
    u = np.linspace(0.05, 7.95, 97)
    expected = np.sin(np.pi * u) / (16 * np.sin(np.pi * u / 16))
    assert np.abs(ofdm.pulse_compression(scenario, np.ones(16), u)) == pytest.approx(np.abs(expected), abs=CLOSED_FORM)


def test_two_edge_tones_attain_the_least_main_lobe():
    scenario = flat(64)
    width = ofdm.main_lobe_width_m(scenario, ofdm.edges_only(scenario).powers_w)
    assert width / scenario.range_cell_m == pytest.approx(64 / (2 * 63), rel=CLOSED_FORM)
    rng = np.random.default_rng(0)
    assert np.all(ofdm.main_lobe_width_m(scenario, rng.random((50, 64))) > width)


def test_peak_sidelobe_is_the_maximum_over_a_far_finer_grid():
    rng = np.random.default_rng(1)
    scenario = flat(32)
    for powers in rng.random((8, 32)) ** 3:
        u = np.linspace(scenario.sidelobe_start, scenario.sidelobe_end, 20_001)
        dense = 20 * math.log10(np.abs(ofdm.pulse_compression(scenario, powers, u)).max())
        assert dense <= ofdm.peak_sidelobe_db(scenario, powers) + 1e-9  # a maximum cannot lie below a sample
        assert ofdm.peak_sidelobe_db(scenario, powers) == pytest.approx(dense, abs=1e-4)  # curvature times half a step squared


def test_last_crossing_counts_what_the_first_forgets():
    scenario = flat(128, sidelobe_start=1.5)
    edges = ofdm.edges_only(scenario).powers_w
    assert ofdm.main_lobe_width_m(scenario, edges, crossing="last") > 4 * ofdm.main_lobe_width_m(scenario, edges)
    even = np.ones(128)
    assert ofdm.main_lobe_width_m(scenario, even, crossing="last") == pytest.approx(ofdm.main_lobe_width_m(scenario, even))


def test_first_crossing_width_is_not_quasi_convex():
    """Two mixtures of tones, both narrow, whose mixture is wide: why the limit is put on the last crossing."""
    scenario = flat(128)
    wide, narrow = np.zeros(128), np.zeros(128)
    wide[[4, 124]] = 0.5
    narrow[[56, 72]] = 0.5
    mixed = 0.1 * wide + 0.9 * narrow
    ends = max(ofdm.main_lobe_width_m(scenario, wide), ofdm.main_lobe_width_m(scenario, narrow))
    assert ofdm.main_lobe_width_m(scenario, mixed) > 1.02 * ends


def test_crb_equals_the_inverse_of_a_numerical_fisher_information():
    rng = np.random.default_rng(2)
    scenario = flat(24)
    powers = rng.random(24)
    n, spacing = np.arange(24), scenario.subcarrier_spacing_hz
    noise = scenario.noise_psd_w_per_hz * spacing

    def mean(parameters):  # delay in 1/bandwidth, real and imaginary part of the amplitude
        tau = parameters[0] / scenario.bandwidth_hz
        amplitude = parameters[1] + 1j * parameters[2]
        return amplitude * np.sqrt(powers) * np.exp(-2j * math.pi * n * spacing * tau)

    at = np.array([0.7, math.sqrt(0.3) * math.cos(1.0), math.sqrt(0.3) * math.sin(1.0)])
    step = 1e-5
    jacobian = np.array([(mean(at + step * e) - mean(at - step * e)) / (2 * step) for e in np.eye(3)])
    information = scenario.symbols * 2 / noise * (jacobian.conj() @ jacobian.T).real
    bound = np.linalg.inv(information)[0, 0] / scenario.bandwidth_hz**2
    assert ofdm.toa_crb_s2(scenario, powers) == pytest.approx(bound, rel=DIFFERENCES)
    known_phase_like = ofdm.toa_crb_s2(scenario, powers, centred=False)
    assert known_phase_like < bound


def test_crb_is_invariant_to_a_shift_of_the_carriers_and_inverse_in_power():
    scenario = flat(32)
    powers = np.zeros(32)
    powers[3:14] = np.arange(1, 12)
    shifted = np.roll(powers, 9)
    assert ofdm.toa_crb_s2(scenario, shifted) == pytest.approx(ofdm.toa_crb_s2(scenario, powers), rel=CLOSED_FORM)
    assert ofdm.toa_crb_s2(scenario, 4 * powers) == pytest.approx(ofdm.toa_crb_s2(scenario, powers) / 4, rel=CLOSED_FORM)


def test_zero_power_and_a_single_tone_are_no_error():
    scenario = flat()
    single = np.eye(16)[3]
    assert ofdm.toa_crb_s2(scenario, np.zeros(16)) == math.inf
    assert ofdm.toa_crb_s2(scenario, single) == math.inf
    assert ofdm.main_lobe_width_m(scenario, single) == math.inf
    assert ofdm.peak_sidelobe_db(scenario, single) == pytest.approx(0, abs=1e-9)
    assert math.isnan(ofdm.peak_sidelobe_db(scenario, np.zeros(16)))


def test_peaks_do_not_depend_on_the_search_grid():
    weights = np.random.default_rng(4).random(64)
    assert pulse.peak_level(weights, 1.5, 32, 16) == pytest.approx(pulse.peak_level(weights, 1.5, 32, 64), rel=CLOSED_FORM)


def test_random_is_the_papers_layout_and_batches_agree():
    scenario = ofdm.Scenario.random(np.random.default_rng(0))
    assert (scenario.carriers, scenario.subcarrier_spacing_hz) == (128, 1e6)
    assert scenario.range_cell_m == pytest.approx(1.171, abs=1e-3)  # c / (2 * 128 MHz)
    batch = ofdm.Scenario.random_batch(np.random.default_rng(7), 3)
    for row, child in enumerate(np.random.default_rng(7).spawn(3)):
        assert np.array_equal(batch.channel_gain[row], ofdm.Scenario.random(child).channel_gain)
    many = ofdm.Scenario.random_batch(np.random.default_rng(8), 400)
    assert many.channel_gain.mean() == pytest.approx(1.0, abs=0.1)  # 400 x 8 exponential taps: a standard error of 0.03


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel_gain", [1.0]),
        ("channel_gain", [[1.0, 2.0]]),
        ("channel_gain", [1.0, -1.0, 2.0, 2.0]),
        ("channel_gain", [1.0, math.nan, 2.0, 2.0]),
        ("channel_gain", [0.0, 0.0, 0.0, 0.0]),
        ("channel_gain", "four"),
        ("subcarrier_spacing_hz", 0.0),
        ("noise_psd_w_per_hz", -1.0),
        ("power_budget_w", math.inf),
        ("echo_gain", 0.0),
        ("symbols", 0),
        ("symbols", 1.5),
        ("sidelobe_start", 9.0),
        ("sidelobe_stop", 1.0),
        ("sidelobe_stop", 9.0),
        ("oversampling", 2),
    ],
)
def test_malformed_fields_are_named(field, value):
    with pytest.raises(InvalidScenario) as caught:
        flat(**{field: value})
    assert caught.value.field == field


@pytest.mark.parametrize("powers", [np.ones(15), np.array(1.0), -np.ones(16), np.full(16, math.nan)])
def test_malformed_powers_are_named(powers):
    with pytest.raises(InvalidScenario) as caught:
        ofdm.capacity_bps(flat(), powers)
    assert caught.value.field == "powers_w"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("peak_sidelobe_db", math.nan),
        ("peak_sidelobe_db", "low"),
        ("max_toa_crb_s2", 0.0),
        ("max_main_lobe_width_m", -1.0),
        ("max_capacity_loss", 1.5),
    ],
)
def test_malformed_limits_are_named(name, value):
    for solver in (ofdm.solve_exact, ofdm.dynamic_allocation, ofdm.straightforward_rule):
        with pytest.raises(InvalidScenario) as caught:
            solver(flat(), **{name: value})
        assert caught.value.field == name


def test_an_infinite_limit_is_none():
    """Powers on one carrier have an infinite CRB, and may have an infinite width; both were refused as limits."""
    scenario = ofdm.Scenario(
        channel_gain=[0.1, 1.0, 0.2, 0.1], subcarrier_spacing_hz=1e6, noise_psd_w_per_hz=1e-4, power_budget_w=1.0
    )
    flood = ofdm.waterfill(scenario)
    crb, width = ofdm.toa_crb_s2(scenario, flood.powers_w), ofdm.main_lobe_width_m(scenario, flood.powers_w)
    assert crb == width == math.inf
    limits = dict(peak_sidelobe_db=math.inf, max_toa_crb_s2=crb, max_main_lobe_width_m=width)
    for solver in (ofdm.solve_exact, ofdm.straightforward_rule, ofdm.dynamic_allocation):
        found = solver(scenario, **limits)
        assert found.mode == "isac" and found.capacity_bps == flood.capacity_bps
    assert ofdm.solve_sidelobe_limited(scenario, math.inf).capacity_bps == flood.capacity_bps
    assert ofdm.verify(scenario, flood, **limits).status == "optimal"
    assert set(ofdm.score(scenario, flood.powers_w, **limits).violations) == {"power_budget_w", "powers_w"}
    assert ofdm.solve_exact_batch([scenario], **limits).status.tolist() == ["optimal"]
    assert ofdm.best_main_lobe_width_m(scenario, max_toa_crb_s2=crb) == ofdm.best_main_lobe_width_m(scenario)
    for wrong in ({"peak_sidelobe_db": -math.inf}, {"max_toa_crb_s2": math.nan}, {"max_capacity_loss": math.inf}):
        with pytest.raises(InvalidScenario):
            ofdm.solve_exact(scenario, **wrong)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-160, 1e160, 1e200, 1e308])
def test_powers_of_any_size_have_the_figures_of_their_shares(size):
    scenario = ofdm.Scenario.random(np.random.default_rng(0), carriers=8, symbols=4)
    one, powers = np.array([0, 1, 1, 0, 1, 0, 0, 1.0]), size * np.array([0, 1, 1, 0, 1, 0, 0, 1.0])
    for figure in (
        ofdm.peak_sidelobe_db,
        ofdm.main_lobe_width_m,
        ofdm.second_moment_hz2,
        ofdm.data_floor_db,
        lambda *given: ofdm.pulse_compression(*given, [0.0, 1.0]),
        lambda *given: ofdm.random_data_sidelobes_db(*given, np.random.default_rng(1), 3),
        lambda *given: ofdm.capacity_bound(scenario, ofdm.Limits(peak_sidelobe_db=-10.0), given[1]),
    ):
        assert figure(scenario, powers) == pytest.approx(figure(scenario, one), rel=1e-12)
    assert np.isfinite(ofdm.delay_errors_s(scenario, powers, np.random.default_rng(1), 3, search=2.0)).all()
    seen = ofdm.weak_target_detection(scenario, powers, np.random.default_rng(1), 3, weak_db=-3.0, separation=4.0)
    judged = ofdm.score(scenario, powers, peak_sidelobe_db=-3.0, max_toa_crb_s2=1e-13, max_capacity_loss=0.5)
    assert 0 <= seen <= 1 and not judged.feasible
    assert ofdm.echo_snr(scenario, powers) >= 0 and ofdm.capacity_bps(scenario, powers) >= 0 <= ofdm.toa_crb_s2(scenario, powers)


@pytest.mark.filterwarnings("error")
def test_silence_has_no_pulse():
    scenario = ofdm.Scenario.random(np.random.default_rng(0), carriers=8)
    assert np.isnan(ofdm.pulse_compression(scenario, np.zeros(8), [0.0, 1.0])).all()


@pytest.mark.parametrize("spacing", [1e155, 1e300, 1e-160])
def test_a_spacing_whose_square_is_no_number_is_refused(spacing):
    with pytest.raises(InvalidScenario) as caught:
        ofdm.Scenario(channel_gain=np.ones(8), subcarrier_spacing_hz=spacing, noise_psd_w_per_hz=1 / spacing, power_budget_w=1.0)
    assert caught.value.field == "subcarrier_spacing_hz"


def test_random_data_come_in_pieces_and_more_trials_than_memory_holds_are_refused():
    scenario = ofdm.Scenario.random(np.random.default_rng(0), carriers=4)
    short, long = (ofdm.random_data_sidelobes_db(scenario, np.ones(4), np.random.default_rng(3), trials) for trials in (500, 600))
    assert long.shape == (600,) and np.array_equal(long[:500], short)
    for trials in (1e15, 1e300):
        for draw in (ofdm.random_data_sidelobes_db, ofdm.delay_errors_s):
            with pytest.raises(InvalidScenario) as caught:
                draw(scenario, np.ones(4), np.random.default_rng(3), trials)
            assert caught.value.field == "trials"


def test_a_single_carrier_locates_nothing_in_seconds_and_in_metres():
    scenario = ofdm.Scenario.random(np.random.default_rng(1), carriers=8)
    alone = np.eye(8)[2] * scenario.power_budget_w
    assert ofdm.delay_to_range_m(np.sqrt(ofdm.toa_crb_s2(scenario, alone))) == np.inf
