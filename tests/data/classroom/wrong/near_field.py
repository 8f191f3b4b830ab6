"""Two submissions to the assignment of the near field that are plausibly wrong in every task."""

HASTY = {
    "fresnel": """
def path_differences(offsets, distance_m, angle_rad):
    plane = -offsets * np.sin(angle_rad)
    return plane, plane + offsets**2 / (2 * distance_m)  # right at broadside only
""",
    "nuisance": """
def position_information(derivatives, response, gain, noise_w):
    return 2 * abs(gain) ** 2 / noise_w * np.real(derivatives.conj().T @ derivatives)  # the gain is taken for known
""",
    "worst-channel": """
def worst_channel(channels, beams, radii):
    norms = np.linalg.norm(channels, axis=1, keepdims=True)
    errors = -np.array(radii)[:, None] * channels / norms  # a shorter channel, not a worse one
    return errors, abs(np.vdot(beams, channels + errors))
""",
    "guarantee": """
def guarantee_matrix(form, channel, radius, noise_w, multiplier):
    corner = np.vdot(channel, form @ channel) + noise_w - multiplier * radius**2  # the printed sign of the noise
    side = (form @ channel)[:, None]
    return np.block([[form + multiplier * np.eye(len(channel)), side], [side.conj().T, corner]])
""",
    "common-sinr": """
def largest_common_sinr(signal, cross, noise_w, power_w, tolerance):
    low, high = 0.0, 2 * np.min(signal) * power_w / noise_w
    while high - low > tolerance * high:
        middle = (low + high) / 2
        powers = np.linalg.solve(np.diag(signal) - middle * cross, np.full(len(signal), middle * noise_w))
        if np.sum(powers) <= power_w:  # negative powers pass
            low = middle
        else:
            high = middle
    return low, high
""",
    "music": """
def music_spectrum(covariance, responses, sources):
    vectors = np.linalg.eigh(covariance)[1]
    others = vectors[:, sources:]  # eigh sorts the other way round
    return np.sum(np.abs(responses) ** 2, axis=1) / np.sum(np.abs(responses @ others.conj()) ** 2, axis=1)
""",
    "time-split": """
def best_share(sinr, largest, tolerance):
    shares = np.linspace(0, largest, 1000)
    rates = [share * np.log2(1 + sinr(share)) for share in shares]
    return shares[np.argmax(rates)], np.max(rates), np.max(rates)  # a grid is taken for a proof
""",
}

CONFUSED = {
    "fresnel": """
def path_differences(offsets, distance_m, angle_rad):
    plane = offsets * np.sin(angle_rad)  # towards the wrong side
    return plane, plane + (offsets * np.cos(angle_rad)) ** 2 / (2 * distance_m)
""",
    "nuisance": """
def position_information(derivatives, response, gain, noise_w):
    share = response.conj() @ derivatives / np.linalg.norm(response)  # the norm is missing once
    left = derivatives - np.outer(response, share)
    return 2 * abs(gain) ** 2 / noise_w * np.real(left.conj().T @ left)
""",
    "worst-channel": """
def worst_channel(channels, beams, radii):
    total = np.vdot(beams, channels)
    reach = np.linalg.norm(radii) * np.linalg.norm(beams)  # one ball around everything
    errors = -np.linalg.norm(radii) * total / abs(total) * beams / np.linalg.norm(beams)
    return errors, abs(total) - reach
""",
    "guarantee": """
def guarantee_matrix(form, channel, radius, noise_w, multiplier):
    corner = np.vdot(channel, form @ channel) - noise_w + multiplier * radius**2  # the ball turned inside out
    side = (form @ channel)[:, None]
    return np.block([[form - multiplier * np.eye(len(channel)), side], [side.conj().T, corner]])
""",
    "common-sinr": """
def largest_common_sinr(signal, cross, noise_w, power_w, tolerance):
    low, high = 0.0, 2 * np.min(signal) * power_w / noise_w
    while high - low > tolerance * high:
        middle = (low + high) / 2
        powers = np.linalg.solve(np.diag(signal) - middle * cross, np.full(len(signal), middle * noise_w))
        if np.all(powers >= 0) and np.max(powers) <= power_w:  # a limit for each, not for all
            low = middle
        else:
            high = middle
    return low, high
""",
    "music": """
def music_spectrum(covariance, responses, sources):
    vectors = np.linalg.eigh(covariance)[1][:, : len(covariance) - sources]
    return 1 / np.sum(np.abs(responses @ vectors.conj()) ** 2, axis=1)  # not normalised
""",
    "time-split": """
def best_share(sinr, largest, tolerance):
    low, high = 0.0, largest
    rate = lambda share: share * np.log2(1 + sinr(share))
    while high - low > 1e-9:  # only right with one maximum
        left, right = low + (high - low) * 0.382, low + (high - low) * 0.618
        if rate(left) < rate(right):
            low = left
        else:
            high = right
    return low, rate(low), rate(low) * (1 + tolerance)
""",
}

WRONG = (HASTY, CONFUSED)
