"""Two submissions to the assignment on wireless powered ISAC that are plausibly wrong in every task."""

HASTY = {
    "bound": """
def error_bound_m2(gradients, weights):
    matrix = gradients.T @ np.diag(weights) @ gradients
    a, b, c = matrix[0, 0], matrix[1, 1], matrix[0, 1]
    return (a + b) / (a * b - c**2)  # the subtraction that the identity avoids
""",
    "slopes": """
def bound_slopes(gradients, information_per_w, powers_w):
    matrix = gradients.T @ np.diag(information_per_w * powers_w) @ gradients
    steps = gradients @ np.linalg.inv(matrix)
    return -information_per_w * np.sum(steps * gradients, axis=1)  # one inverse where the derivative has two
""",
    "frame": """
def frame(charging_s, times_s, harvest_w, gain_per_w, cap_w, bandwidth_hz):
    times_s, harvest_w = np.asarray(times_s), np.asarray(harvest_w)
    powers_w = harvest_w * charging_s / times_s  # forgets the cap
    return powers_w, times_s * bandwidth_hz * np.log2(1 + np.asarray(gain_per_w) * powers_w)
""",
    "curvature": """
def log_rate_curvature(v, gain_per_w):
    x = gain_per_w * np.exp(v)
    level = np.log(1 + x)  # loses small x
    return x * (level - x) / ((1 + x) ** 2 * level**2)
""",
    "tangent": """
def convexified(v, start, alpha, beta, limit_m2):
    there = np.exp(start)
    slopes = there * (beta @ there)
    constant = np.sum(alpha * there) - 0.5 * limit_m2 * np.sum(slopes)
    return constant + (alpha * there - limit_m2 * slopes) @ (v - start)  # both parts linearised
""",
    "best-power": """
def best_power(gain_per_w, harvest_w, cap_w):
    return cap_w  # more power, more bits
""",
    "optimum": """
def best_frame(gain_per_w, harvest_w, cap_w, time_budget_s, limit_holds):
    powers = np.full(len(gain_per_w), cap_w)  # full power meets every limit
    rates = np.log2(1 + gain_per_w * powers)
    s = np.max(powers / (rates * harvest_w))
    share = time_budget_s / (s + np.sum(1 / rates))
    return powers, s * share, share / rates
""",
}

CONFUSED = {
    "bound": """
def error_bound_m2(gradients, weights):
    x, y = gradients[:, 0], gradients[:, 1]
    cross = np.outer(x, y) - np.outer(y, x)
    determinant = np.sum(np.outer(weights, weights) * cross**2)  # every pair twice
    return np.sum(weights[:, None] * gradients**2) / determinant
""",
    "slopes": """
def bound_slopes(gradients, information_per_w, powers_w):
    matrix = gradients.T @ np.diag(information_per_w * powers_w) @ gradients
    steps = gradients @ np.linalg.inv(matrix)
    return information_per_w * np.sum(steps**2, axis=1)  # the sign of d(J^-1) is lost
""",
    "frame": """
def frame(charging_s, times_s, harvest_w, gain_per_w, cap_w, bandwidth_hz):
    times_s = np.asarray(times_s)
    powers_w = np.minimum(np.asarray(harvest_w) * charging_s, cap_w)  # joule taken for watt
    return powers_w, times_s * bandwidth_hz * np.log2(1 + np.asarray(gain_per_w) * powers_w)
""",
    "curvature": """
def log_rate_curvature(v, gain_per_w):
    x = gain_per_w * np.exp(v)
    return x / (np.log(2) * (1 + x) ** 2)  # of the rate, not of its logarithm
""",
    "tangent": """
def convexified(v, start, alpha, beta, limit_m2):
    there = np.exp(start)
    slopes = beta @ there  # the derivative in the power, not in its logarithm
    return np.sum(alpha * np.exp(v)) - limit_m2 * (0.5 * there @ beta @ there + slopes @ (v - start))
""",
    "best-power": """
def best_power(gain_per_w, harvest_w, cap_w):
    return min(harvest_w, cap_w)  # half of the frame for charging, half for the user
""",
    "optimum": """
def best_frame(gain_per_w, harvest_w, cap_w, time_budget_s, limit_holds):
    slots = time_budget_s * np.geomspace(1e-8, 0.3, 4000)  # the same slot for everybody, and no limit
    charging = time_budget_s - len(gain_per_w) * slots
    powers = np.minimum(cap_w, harvest_w * charging[:, None] / slots[:, None])
    bits = slots * np.min(np.log2(1 + gain_per_w * powers), axis=1)
    best = np.argmax(bits)
    return powers[best], charging[best], np.full(len(gain_per_w), slots[best])
""",
}

WRONG = (HASTY, CONFUSED)
