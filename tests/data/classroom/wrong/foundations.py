"""Two submissions to the assignment of the foundations that are plausibly wrong in every task."""

HASTY = {
    "range-gradient": """
def bistatic_gradients(transmitters_m, receiver_m, target_m):
    to_transmitters = transmitters_m - target_m  # points the wrong way
    to_receiver = receiver_m - target_m
    return to_transmitters / np.linalg.norm(to_transmitters, axis=1, keepdims=True) + to_receiver / np.linalg.norm(to_receiver)
""",
    "information": """
def information_matrix(gradients, std_m):
    return gradients.T @ np.diag(1 / std_m) @ gradients  # the deviation is not squared
""",
    "determinant": """
def pair_determinant(gradients, weights):
    matrix = gradients.T @ np.diag(weights) @ gradients
    return matrix[0, 0] * matrix[1, 1] - matrix[0, 1] ** 2  # right on paper, lost to cancellation
""",
    "cone": """
def crb_cone(a, b, c, limit_m2):
    return np.array([a - b, 2 * c, 2 / limit_m2]), a + b  # the square was not completed
""",
    "bisection": """
def largest_reachable(oracle, low, high, tolerance):
    while high - low > tolerance * high:
        middle = (low + high) / 2
        if oracle(middle)[0] == "optimal":  # a solver that gives up is taken for infeasible
            low = middle
        else:
            high = middle
    return low, high
""",
    "dinkelbach": """
def dinkelbach(gain_per_w, cap_w, circuit_w, tolerance=1e-10):
    gain_per_w, cap_w = np.asarray(gain_per_w), np.asarray(cap_w)
    powers, ratios = cap_w, []
    for _ in range(50):
        ratios.append(np.sum(np.log2(1 + gain_per_w * powers)) / (np.sum(powers) + circuit_w))
        if len(ratios) > 1 and ratios[-1] - ratios[-2] <= tolerance * ratios[-1]:
            break
        powers = np.clip(1 / ratios[-1] - 1 / gain_per_w, 0, cap_w)  # forgets the ln 2
    return powers, ratios[-1], ratios
""",
    "s-procedure": """
def certified_minimum(q, b, c, radius):
    worst = -radius * b / np.linalg.norm(b)  # only the steepest direction is tried
    return worst @ q @ worst + 2 * b @ worst + c, np.linalg.norm(b) / radius
""",
}

CONFUSED = {
    "range-gradient": """
def bistatic_gradients(transmitters_m, receiver_m, target_m):
    legs = target_m - transmitters_m  # forgets the way to the receiver
    return legs / np.linalg.norm(legs, axis=1, keepdims=True)
""",
    "information": """
def information_matrix(gradients, std_m):
    return gradients.T @ gradients / np.mean(std_m**2)  # one mean weight for all
""",
    "determinant": """
def pair_determinant(gradients, weights):
    x, y = gradients[:, 0], gradients[:, 1]
    cross = np.outer(x, y) - np.outer(y, x)
    return np.sum(np.outer(weights, weights) * cross**2)  # every pair twice
""",
    "cone": """
def crb_cone(a, b, c, limit_m2):
    return np.array([a - b, c, 2 / limit_m2]), a + b - 2 / limit_m2  # C once
""",
    "bisection": """
def largest_reachable(oracle, low, high, tolerance):
    while high - low > tolerance * high:
        middle = (low + high) / 2
        if oracle(middle)[1] > 0:  # moves the wrong end
            low = middle
        else:
            high = middle
    return low, high
""",
    "dinkelbach": """
def dinkelbach(gain_per_w, cap_w, circuit_w, tolerance=1e-10):
    gain_per_w, cap_w = np.asarray(gain_per_w), np.asarray(cap_w)
    powers, ratios = cap_w, []
    for _ in range(50):
        ratios.append(np.sum(np.log2(1 + gain_per_w * powers)) / np.sum(powers))  # forgets the circuits
        powers = np.clip(1 / (ratios[-1] * np.log(2)) - 1 / gain_per_w, 1e-9, cap_w)
    return powers, ratios[-1], ratios
""",
    "s-procedure": """
def certified_minimum(q, b, c, radius):
    return c - b @ np.linalg.solve(q, b), 0.0  # the minimum without the ball, if there is one
""",
}

WRONG = (HASTY, CONFUSED)
