"""Two submissions to the assignment of the OFDM-ranging chapter that are plausibly wrong in every task."""

HASTY = {
    "waterfill": """
def waterfill(gains, budget):
    floor = 1 / np.maximum(gains, 1e-12)
    level = (budget + floor.sum()) / len(floor)  # as if all carriers were in use
    powers = np.maximum(level - floor, 0)
    return budget * powers / powers.sum()
""",
    "sidelobes": """
def profile(powers, delays):
    n = np.arange(len(powers))
    return np.exp(2j * np.pi * np.outer(delays, n) / len(powers)) @ powers / powers.sum()

def peak_sidelobe_db(powers, start):
    whole = np.arange(np.ceil(start), len(powers) // 2)  # between whole delays nothing is looked at
    return 20 * np.log10(np.abs(profile(powers, whole)).max())
""",
    "crb": """
def delay_crb(indices, powers, snr):
    share = powers / powers.sum()
    return len(powers) ** 2 / (8 * np.pi**2 * snr * np.sum(indices**2 * share))  # as if the phase were known
""",
    "edges": """
def widest(count, cap):
    powers = np.zeros(count)
    powers[[0, -1]] = 0.5  # the cap is forgotten
    return powers
""",
    "mixture": """
def smallest_weight(ranging_met, capacity_met, tolerance):
    low, high = 0.0, 1.0
    while high - low > tolerance:
        middle = (low + high) / 2
        if ranging_met(middle) and capacity_met(middle):
            high = middle
        else:
            low = middle
    return high  # nobody asked whether the right end meets anything
""",
    "price": """
def fill_with_moment(gains, offsets, required):
    def pour(weights):
        low, high = 0.0, 1e6
        for _ in range(200):
            level = (low + high) / 2
            powers = np.maximum(level * weights - 1 / gains, 0)
            low, high = (level, high) if powers.sum() < 1 else (low, level)
        return powers

    tilt = 0.0
    while offsets**2 @ pour(1 + tilt * offsets**2) < required:  # a tilted level, but not the right one
        tilt += 0.01
    return pour(1 + tilt * offsets**2), tilt
""",
    "estimator": """
def estimate_delays(received, sent):
    count = sent.shape[1]
    levels = np.real(np.fft.ifft(np.conj(sent) * received, 128 * count, axis=1))  # as if the phase were known
    delays = np.argmax(levels, axis=1) / 128
    return np.where(delays >= count / 2, delays - count, delays)
""",
}

CONFUSED = {
    "waterfill": """
def waterfill(gains, budget):
    return budget * gains / np.sum(gains)  # in proportion to the gains
""",
    "sidelobes": """
def profile(powers, delays):
    n = np.arange(len(powers))
    return np.exp(2j * np.pi * np.outer(delays, n) / len(powers)) @ powers / powers.sum()

def peak_sidelobe_db(powers, start):
    delays = np.arange(start, len(powers) / 2, 0.01)
    return 10 * np.log10(np.abs(profile(powers, delays)).max())  # decibels of power for an amplitude
""",
    "crb": """
def delay_crb(indices, powers, snr):
    share = powers / powers.sum()
    middle = indices.mean()  # of the band, not of the power
    return len(powers) ** 2 / (8 * np.pi**2 * snr * np.sum((indices - middle) ** 2 * share))
""",
    "edges": """
def widest(count, cap):
    powers = np.zeros(count)
    left = 1.0
    for k in range(count // 2):
        for n in (k, count - 1 - k):  # the rest lands on one side
            powers[n] = min(cap, left)
            left -= powers[n]
    return powers
""",
    "mixture": """
def smallest_weight(ranging_met, capacity_met, tolerance):
    if not ranging_met(1.0):
        return None
    low, high = 0.0, 1.0
    while high - low > tolerance:
        middle = (low + high) / 2
        if ranging_met(middle):
            high = middle
        else:
            low = middle
    return low  # the end that just misses the limit
""",
    "price": """
def fill_with_moment(gains, offsets, required):
    order = np.sort(1 / gains)
    levels = (1 + np.cumsum(order)) / np.arange(1, len(order) + 1)
    powers = np.maximum(levels[np.sum(levels > order) - 1] - 1 / gains, 0)
    edges = np.zeros(len(gains))
    edges[[0, -1]] = 0.5
    moments = offsets**2 @ powers, offsets**2 @ edges
    weight = max(0.0, (required - moments[0]) / (moments[1] - moments[0]))  # the mixture, which is not optimal
    price = np.sum(np.log2(1 + gains * powers)) - np.sum(np.log2(1 + gains * ((1 - weight) * powers + weight * edges)))
    return (1 - weight) * powers + weight * edges, price
""",
    "estimator": """
def estimate_delays(received, sent):
    levels = np.abs(np.fft.ifft(np.conj(sent) * received, axis=1))  # whole delays only
    delays = np.argmax(levels, axis=1)
    return np.where(delays >= sent.shape[1] / 2, delays - sent.shape[1], delays)
""",
}

WRONG = (HASTY, CONFUSED)
