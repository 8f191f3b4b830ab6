"""Each erratum: the printed formula fails, the mended one does not."""

from isaclib import sample_chapter as chapter


def test_e1_the_echo_needs_power_over_gain():
    scenario = chapter.Scenario(link_gain=1.0, echo_gain=4.0, power_budget_w=10.0, min_echo_snr=2.0)
    printed, mended = scenario.min_echo_snr * scenario.echo_gain, scenario.min_echo_snr / scenario.echo_gain
    assert chapter.echo_snr(scenario, mended) == 2.0 and chapter.echo_snr(scenario, printed) == 32.0
