"""Two submissions to the assignment on network localization that are plausibly wrong in every task."""

HASTY = {
    "ratios": """
def sensing_ratios(powers_w, echo_gain, bistatic_gain, direct_gain, self_gain, noise_w):
    powers_w, self_gain = np.asarray(powers_w), np.asarray(self_gain)
    heard_w = powers_w @ np.asarray(bistatic_gain) + self_gain * powers_w + noise_w  # rows and columns exchanged
    signal_w = powers_w * np.asarray(echo_gain)
    return signal_w / (heard_w + powers_w @ np.asarray(direct_gain)), signal_w / heard_w
""",
    "needed-power": """
def power_for_std(std_m, echo_gain, self_gain, interference_w, bandwidth_hz, processing_gain):
    ratio = (299_792_458.0 / (2 * bandwidth_hz * std_m)) ** 2 / (2 * processing_gain)
    return ratio * (interference_w + self_gain * max_power_w) / echo_gain  # self-interference as fixed noise: no floor
""",
    "least-powers": """
def least_powers(ratio, F, v, C, u, cap_w):
    powers = np.linalg.solve(np.eye(len(v)) - ratio * F, ratio * v)  # the users are forgotten
    return powers if np.all(powers >= 0) and np.all(powers <= cap_w) else None
""",
    "perron": """
def best_ratio(F, v, cap_w):
    values, vectors = np.linalg.eig(F)  # as if there were no noise
    top = np.argmax(np.abs(values))
    powers = np.abs(vectors[:, top])
    return 1 / np.abs(values[top]), cap_w * powers / np.max(powers)
""",
    "bisection": """
def largest_ratio(needed, low, high, tolerance):
    if needed(low) > 1:
        return 0.0, low
    while high > (1 + tolerance) * low:
        middle = (low + high) / 2  # dozens of questions to come down from the highest decade
        if needed(middle) <= 1:
            low = middle
        else:
            high = middle
    return low, high
""",
    "dc-step": """
def dc_step(signal, beta, t0, beta0):
    return signal / beta  # the true requirement, not the approximate one
""",
    "position": """
def locate(ranges_m, stds_m, stations_m, height_m, start_m):
    q = np.array(start_m, dtype=float)
    for _ in range(20):
        difference = np.array([*q, height_m]) - stations_m
        distance = np.linalg.norm(difference, axis=1)
        directions = difference[:, :2] / distance[:, None]
        q = q + np.linalg.lstsq(directions, ranges_m - distance, rcond=None)[0]  # all ranges weigh the same
    return q, np.mean(stds_m**2) * np.trace(np.linalg.inv(directions.T @ directions))
""",
}

CONFUSED = {
    "ratios": """
def sensing_ratios(powers_w, echo_gain, bistatic_gain, direct_gain, self_gain, noise_w):
    powers_w = np.asarray(powers_w)
    others_w = np.asarray(bistatic_gain) @ powers_w + noise_w
    signal_w = powers_w * np.asarray(echo_gain)
    together_w = others_w + np.asarray(direct_gain) @ powers_w + np.asarray(self_gain) * powers_w
    return signal_w / together_w, signal_w / others_w  # a station alone would not hear itself
""",
    "needed-power": """
def power_for_std(std_m, echo_gain, self_gain, interference_w, bandwidth_hz, processing_gain):
    ratio = 299_792_458.0 / (2 * bandwidth_hz * std_m) / (2 * processing_gain)  # the root is not undone
    left = echo_gain - ratio * self_gain
    return ratio * interference_w / left if left > 0 else np.inf
""",
    "least-powers": """
def least_powers(ratio, F, v, C, u, cap_w):
    powers = np.full(len(v), cap_w)  # from above, and stopped too soon
    for _ in range(5):
        powers = np.minimum(np.maximum(ratio * (F @ powers + v), C @ powers + u), cap_w)
    return powers
""",
    "perron": """
def best_ratio(F, v, cap_w):
    radii = [np.max(np.abs(np.linalg.eigvals(F + np.outer(v, unit) / cap_w))) for unit in np.eye(len(v))]
    k = np.argmin(radii)  # the most promising cap, which others then exceed
    values, vectors = np.linalg.eig(F + np.outer(v, np.eye(len(v))[k]) / cap_w)
    powers = np.abs(vectors[:, np.argmax(np.abs(values))])
    return 1 / radii[k], cap_w * powers / powers[k]
""",
    "bisection": """
def largest_ratio(needed, low, high, tolerance):
    while high > (1 + tolerance) * low:
        middle = np.sqrt(low * high)
        if np.isfinite(needed(middle)):  # some powers are enough, if above the cap
            low = middle
        else:
            high = middle
    return low, high
""",
    "dc-step": """
def dc_step(signal, beta, t0, beta0):
    return t0 + (signal - t0 * beta) / beta0  # the tangent of the product, without the damping
""",
    "position": """
def locate(ranges_m, stds_m, stations_m, height_m, start_m):
    q, weights = np.array(start_m, dtype=float), 1 / stds_m**2
    for _ in range(20):
        difference = q - stations_m[:, :2]  # slant ranges taken for distances on the map
        distance = np.linalg.norm(difference, axis=1)
        directions = difference / distance[:, None]
        information = (weights[:, None] * directions).T @ directions
        q = q + np.linalg.solve(information, directions.T @ (weights * (ranges_m - distance)))
    return q, np.trace(np.linalg.inv(information))
""",
}

WRONG = (HASTY, CONFUSED)
