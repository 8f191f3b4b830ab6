"""Values of parameter tables as a reader writes them."""

import pytest

from compendium.site.quantities import marked, quantity

N = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1e8, "Hz", f"100{N}MHz"),
        (3.5e9, "Hz", f"3.5{N}GHz"),
        (5e6, "bit/s", f"5{N}Mbit/s"),
        (15e3, "Hz", f"15{N}kHz"),
        (2.5, "m", f"2.5{N}m"),
        (0.05, "m^2", f"0.05{N}m²"),
        (1e-11, "m^2", f"10⁻¹¹{N}m²"),
        (2.5e-11, "m^2", f"2.5·10⁻¹¹{N}m²"),
        (-110.0, "dBm", f"−110{N}dBm"),
        (1 / 3, "1", "1/3"),
        ([1 / 3, 1 / 3, 1 / 3], "1", "1/3, 1/3, 1/3"),
        (100000, "1", f"100{N}000"),
        (0.3, "1", "0.3"),
        (0.25, "1", "0.25"),
        (float("inf"), "m^2", f"inf{N}m²"),
        (0.0, "Hz", f"0{N}Hz"),
        (True, "1", "yes"),
        ("rayleigh", "1", "rayleigh"),
        ([float(n) for n in range(20)], "dB", f"0, 1 … 19{N}dB (20 values)"),
        ([5e6, 3e7], "bit/s", f"5, 30{N}Mbit/s"),
        ([1e-5, 1e-4, 0.0035], "m", f"0.01, 0.1, 3.5{N}mm"),
        ([12.5, 25.0, 0.0], "m", f"12.5, 25, 0{N}m"),
        ([0.03, 10.0], "m", f"0.03, 10{N}m"),
    ],
)
def test_quantities(value, unit, text):
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Antennas per access point, N_t", "Antennas per access point, $N_t$"),
        ("Length of a unit sensing block, tau_s", r"Length of a unit sensing block, $\tau_s$"),
        ("derived: error_slope_per_m times sqrt(limit_m2)", "derived: `error_slope_per_m` times sqrt(`limit_m2`)"),
        ("`axis_aligned`: x_axis", "`axis_aligned`: `x_axis`"),
        ("Distance of neighbouring antennas, d", "Distance of neighbouring antennas, d"),
    ],
)
def test_symbols_and_names_in_the_words_of_a_schema(text, told):
    assert marked(text) == told
