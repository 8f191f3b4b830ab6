"""Two submissions to the assignment of the semi-ISaC chapter that are plausibly wrong in every task."""

HASTY = {
    "echo": """
def sensing_rate(band_mhz, power_w, echo, clutter):
    return band_mhz * np.log2(1 + echo * power_w / (clutter + band_mhz))  # the clutter does not grow with the power
""",
    "perspective": """
def perspective(r, slope, curvature, band, power):
    x = power / band
    gradient = np.array([r(x), slope(x)])  # forgets that the density falls when the band grows
    hessian = curvature(x) / band * np.array([[x**2, -x], [-x, 1]])
    return band * r(x), gradient, hessian
""",
    "split": """
def split_band(powers_w, gains, priorities, total_mhz):
    worth = np.array(priorities) * np.array(powers_w) * np.array(gains)  # in proportion, weights as if they were gains
    return total_mhz * worth / worth.sum()
""",
    "charnes-cooper": """
def scaled_rate(s, gain, total_mhz, circuit_w):
    return s * total_mhz * np.log2(1 + gain * (1 / s - circuit_w) / total_mhz)

def best_efficiency(gain, total_mhz, budget_w, circuit_w):
    s = 1 / (budget_w + circuit_w)  # full power, as for the rate
    return budget_w, scaled_rate(s, gain, total_mhz, circuit_w)
""",
    "least-power": """
def least_power(band_mhz, sensing_mbps, rate_mbps, echo, clutter, link):
    wanted = 2 ** (sensing_mbps / band_mhz) - 1
    for_sensing = band_mhz * wanted / (echo - clutter * wanted)  # negative where the floor cannot be met
    for_link = band_mhz * (2 ** (rate_mbps / band_mhz) - 1) / link
    return for_sensing + for_link  # one signal serves both
""",
    "prices": """
def prices(best_rate, total_mhz, power_w, floor_mbps):
    here = best_rate(total_mhz, power_w, floor_mbps)
    step = 0.01  # one-sided, and the same step for all
    return (
        (best_rate(total_mhz + step, power_w, floor_mbps) - here) / step,
        (best_rate(total_mhz, power_w + step, floor_mbps) - here) / step,
        (here - best_rate(total_mhz, power_w, floor_mbps + step)) / step,
    )
""",
    "bound": """
def tangent_bound(bands, powers, multipliers, gains, floors, total_mhz, power_w):
    snr = np.array(gains) * powers / bands
    by_band = (np.log1p(snr) - snr / (1 + snr)) / np.log(2)
    by_power = np.array(gains) / ((1 + snr) * np.log(2))
    return by_band.mean() * total_mhz + by_power.mean() * power_w  # the mean user is no bound
""",
}

CONFUSED = {
    "echo": """
def sensing_rate(band_mhz, power_w, echo, clutter):
    return band_mhz * np.log2(1 + echo * power_w / (clutter * power_w + band_mhz))  # infinity over infinity
""",
    "perspective": """
def perspective(r, slope, curvature, band, power):
    x = power / band
    gradient = np.array([r(x) - x * slope(x), slope(x)])
    hessian = curvature(x) / band * np.array([[x**2, x], [x, 1]])  # the sign of the mixed derivative
    return band * r(x), gradient, hessian
""",
    "split": """
def split_band(powers_w, gains, priorities, total_mhz):
    slopes = np.array(priorities) * np.log2(1 + np.array(powers_w) * gains / (total_mhz / 3))  # the value, not its slope
    return total_mhz * slopes / slopes.sum()
""",
    "charnes-cooper": """
def scaled_rate(s, gain, total_mhz, circuit_w):
    return total_mhz * np.log2(1 + gain * (1 / s - circuit_w) / total_mhz)  # forgets the factor s

def best_efficiency(gain, total_mhz, budget_w, circuit_w):
    s = np.linspace(1 / (budget_w + circuit_w), 0.999 / circuit_w, 1000)
    best = np.argmax(scaled_rate(s, gain, total_mhz, circuit_w))
    return 1 / s[best] - circuit_w, scaled_rate(s[best], gain, total_mhz, circuit_w)
""",
    "least-power": """
def least_power(band_mhz, sensing_mbps, rate_mbps, echo, clutter, link):
    for_sensing = band_mhz * (2 ** (sensing_mbps / band_mhz) - 1) / echo  # without the clutter
    for_link = band_mhz * (2 ** (rate_mbps / band_mhz) - 1) / link
    return np.minimum(for_sensing, for_link)  # the cheaper promise only
""",
    "prices": """
def prices(best_rate, total_mhz, power_w, floor_mbps):
    step = 1e-13  # as small as possible: only rounding is left
    here = best_rate(total_mhz, power_w, floor_mbps)
    return (
        (best_rate(total_mhz * (1 + step), power_w, floor_mbps) - here) / (total_mhz * step),
        (best_rate(total_mhz, power_w * (1 + step), floor_mbps) - here) / (power_w * step),
        (here - best_rate(total_mhz, power_w, floor_mbps * (1 + step))) / (floor_mbps * step),
    )
""",
    "bound": """
def tangent_bound(bands, powers, multipliers, gains, floors, total_mhz, power_w):
    snr = np.array(gains) * powers / bands
    by_band = (1 + np.array(multipliers)) * np.log2(1 + snr)  # the rate per MHz, not its slope
    by_power = (1 + np.array(multipliers)) * gains / ((1 + snr) * np.log(2))
    return by_band.max() * total_mhz + by_power.max() * power_w - np.sum(np.array(multipliers) * floors)
""",
}

WRONG = (HASTY, CONFUSED)
