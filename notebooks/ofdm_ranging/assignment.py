# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # Assignment: one signal for data and ranging
#
# **What you will learn.** How power is poured over carriers for capacity, why the same powers are the Fourier transform of what
# a ranging receiver sees, what an unknown phase costs a delay estimate, why accuracy wants the edges of the band, and what a
# limit on accuracy costs in capacity.
#
# **Read before.** The page [The model: capacity, sidelobes and delay](book:notebooks/ofdm_ranging/model) of the chapter
# *Ranging with OFDM*, and of the chapter *Foundations* the page [Fisher information for
# localization](book:notebooks/foundations/fisher_information). You need the discrete Fourier transform, Lagrange multipliers
# and NumPy; no solver is called here.
#
# **Time.** Three to four hours. The tasks do not use one another's answers: if one resists, go on with the next.
#
# **Rules.** Write your answers with NumPy, not by calling the function of `isaclib` that does the same. Where a shape is given,
# the tests may hand over lists as well as arrays (`np.asarray` takes both), and of another length than in your variant. The test
# cell below an answer is silent when it passes; some further tests run only when your work is graded.
#
# **Units.** Powers are shares of the budget, so that they sum to one. The gain $g_n$ is the signal-to-noise ratio that carrier
# $n$ would have with the whole budget. Delays $u$ count in units of one over the bandwidth, relative to the true delay.

# %% nbgrader={"grade_id": "setup", "locked": true}
import numpy as np

# %% [markdown]
# All numbers of your variant stand in the next cell. Tasks refer to them by name.

# %% tags=["parameters"] nbgrader={"grade_id": "parameters", "locked": true}
carriers = 32  # number N of carriers; variant: one of 24, 32, 40, 48
taps = [1.0, 0.6, -0.4, 0.25]  # impulse response of the link (1); variant: 0.8..1.2|0.4..0.8|-0.6..-0.2|0.1..0.4
mean_snr_db = 5.0  # mean SNR of a carrier under uniform power (dB); variant: 0..10
sidelobe_start = 1.5  # sidelobes begin at this delay (1/bandwidth); variant: one of 1.5, 1.75, 2.0
carrier_cap = 0.12  # largest share of the power on one carrier (1); variant: 0.08..0.2
moment_share = 0.6  # required moment, relative to the largest possible (1); variant: 0.55..0.75
allowed_loss = 0.1  # allowed loss of capacity (1); variant: 0.08..0.2
echo_snr_db = 20.0  # SNR of the compressed echo (dB); variant: 18..24
rival_offset = 4.2  # a second reflector stands so far behind (1/bandwidth); variant: 3.2..6.2 step 1
weak_db = -18.0  # its echo relative to the first, in amplitude (dB); variant: -21..-15

# %% nbgrader={"grade_id": "scene", "locked": true}
response = np.abs(np.fft.fft(taps, carriers)) ** 2
gains = 10 ** (mean_snr_db / 10) * carriers * response / response.mean()  # (N,)
offsets = np.arange(carriers) - (carriers - 1) / 2  # of the carriers from the middle of the band, in carrier spacings


def capacity(powers):
    """Bits per OFDM symbol."""
    return np.sum(np.log2(1 + gains * powers))


# %% [markdown]
# ## Task 1: water-filling, exactly (3 points)
#
# $$ \max_{p \ge 0} \; \sum_n \log_2(1 + g_n p_n) \quad \text{subject to} \quad \sum_n p_n = P . $$
#
# Derive $p_n = (\lambda - 1/g_n)^+$ from the Karush-Kuhn-Tucker conditions. The level $\lambda$ needs no iteration: sort
# $1/g_n$; if the $k$ best carriers are in use, the level is known, and the right $k$ is the largest for which the worst of
# them still gets something. Some gains may be 0.


# %% nbgrader={"grade_id": "waterfill", "solution": true}
def waterfill(gains, budget):
    """Powers (N,) of water-filling for gains (N,) >= 0, at least one of them positive."""
    ### BEGIN SOLUTION
    # SENTINEL-OFDM-RANGING-1: among the prefixes of the sorted floors the longest whose level lies above its last member
    with np.errstate(divide="ignore"):
        floor = 1 / np.asarray(gains, dtype=float)
    ordered = np.sort(floor)
    levels = (budget + np.cumsum(ordered)) / np.arange(1, len(ordered) + 1)
    in_use = np.flatnonzero(np.isfinite(ordered) & (levels > ordered))
    return np.maximum(levels[in_use[-1]] - floor, 0.0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "waterfill-test", "grade": true, "points": 3}
def poured_well(powers, gains, budget):
    """Powers sum to the budget, and where power flows the level is the same, elsewhere the floor is above it."""
    floor = 1 / np.maximum(gains, 1e-300)
    level = (powers + floor)[powers > 0]
    assert np.all(powers >= 0) and np.isclose(powers.sum(), budget, rtol=1e-9), f"the powers sum to {powers.sum():.9f}"
    assert np.allclose(level, level[0], rtol=1e-9), "the level is not the same where power flows"
    assert np.all(floor[powers == 0] >= level[0] * (1 - 1e-9)), "a carrier left dry would take power"


assert np.allclose(waterfill(np.array([1.0, 0.5]), 3.0), [2, 1]), "floors 1 and 2 and the budget 3: the level is 3"
assert np.allclose(waterfill(np.array([1.0, 0.1]), 3.0), [3, 0]), "the second floor, 10, stays dry"
for budget in (1.0, 0.03):
    poured_well(np.asarray(waterfill(gains, budget)), gains, budget)
### BEGIN HIDDEN TESTS
# SENTINEL-OFDM-RANGING-HIDDEN-1
draw = np.random.default_rng(1)
for _ in range(50):
    some, budget = draw.exponential(size=20) * (draw.uniform(size=20) > 0.2), draw.exponential()
    poured_well(np.asarray(waterfill(some, budget)), some, budget)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: the echo is the Fourier transform of the powers (3 points)
#
# Pulse compression multiplies each carrier of the echo by the conjugate of what was sent and transforms back. Show that the
# expected output, relative to its value at the target, is
#
# $$ y(u) = \frac{\sum_{n=0}^{N-1} p_n\, e^{j 2\pi n u / N}}{\sum_n p_n} . $$
#
# Write it for any real delays, then the *peak sidelobe level* $20 \log_{10} \max |y(u)|$ over $u_0 \le u \le N/2$. Delays
# between the multiples of $1/B$ count: a grid of 100 points per $1/B$ is fine enough for the 0.02 dB that the tests want.


# %% nbgrader={"grade_id": "sidelobes", "solution": true}
def profile(powers, delays):
    """Expected output y (K,), complex, for powers (N,) and delays (K,) in 1/bandwidth."""
    ### BEGIN SOLUTION
    # SENTINEL-OFDM-RANGING-2: one row of the matrix per delay
    powers = np.asarray(powers, dtype=float)
    phase = np.multiply.outer(np.asarray(delays, dtype=float), np.arange(len(powers))) / len(powers)
    return np.exp(2j * np.pi * phase) @ powers / powers.sum()
    ### END SOLUTION


def peak_sidelobe_db(powers, start):
    """Peak sidelobe level in dB of amplitude over the delays from start to N/2."""
    ### BEGIN SOLUTION
    # SENTINEL-OFDM-RANGING-2: decibels of amplitude
    delays = np.linspace(start, len(powers) / 2, int(100 * (len(powers) / 2 - start)) + 1)
    return 20 * np.log10(np.max(np.abs(profile(powers, delays))))
    ### END SOLUTION


# %% nbgrader={"grade_id": "sidelobes-test", "grade": true, "points": 3}
uniform, tones = np.full(carriers, 1 / carriers), np.zeros(carriers)
tones[[0, -1]] = 0.5
delays = np.linspace(0.01, carriers / 2, 40)
assert np.shape(profile(uniform, delays)) == (40,), "one output per delay"
assert np.isclose(profile(uniform, np.array([0.0]))[0], 1), "the output at the target is 1"
assert np.allclose(np.abs(profile(tones, delays)), np.abs(np.cos(np.pi * (carriers - 1) * delays / carriers))), "two tones"
kernel = np.abs(np.sin(np.pi * delays) / (carriers * np.sin(np.pi * delays / carriers)))
assert np.allclose(np.abs(profile(uniform, delays)), kernel), "uniform power: the kernel of Dirichlet"
fine = np.linspace(sidelobe_start, carriers / 2, 50_001)
highest = np.max(np.abs(np.sin(np.pi * fine) / (carriers * np.sin(np.pi * fine / carriers))))
assert np.isclose(peak_sidelobe_db(uniform, sidelobe_start), 20 * np.log10(highest), atol=0.02), "sidelobes of uniform power"
### BEGIN HIDDEN TESTS
# SENTINEL-OFDM-RANGING-HIDDEN-2
assert np.allclose(profile(gains, np.arange(carriers)), np.fft.ifft(gains) * carriers / gains.sum()), "whole delays: the DFT"
hump = 1 - np.cos(2 * np.pi * (np.arange(carriers) + 0.5) / carriers)
window = np.abs(np.fft.fft(hump, 256 * carriers)) / hump.sum()
level = 20 * np.log10(window[int(2.25 * 256) : 128 * carriers + 1].max())
assert np.isclose(peak_sidelobe_db(hump, 2.25), level, atol=0.02), "a hump over the band"
assert peak_sidelobe_db(tones, sidelobe_start) > -0.02, "two tones repeat their main lobe"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: what the unknown phase costs (3 points)
#
# Carrier $n$ of the echo is $z_n = a \sqrt{p_n}\, e^{-j 2\pi n u / N} + w_n$ with noise $w_n \sim \mathcal{CN}(0, \sigma^2)$. The
# delay $u$ is wanted, the complex amplitude $a$ is not known. Write the Fisher information of $(u, \operatorname{Re} a,
# \operatorname{Im} a)$, remove $a$ by a Schur complement, and show
#
# $$
# \operatorname{var} \hat u \ge \frac{N^2}{8 \pi^2\, \mathrm{SNR}\; q}, \qquad
# q = \frac{\sum_n n^2 p_n}{\sum_n p_n} - \Bigl(\frac{\sum_n n p_n}{\sum_n p_n}\Bigr)^2, \qquad
# \mathrm{SNR} = \frac{|a|^2 \sum_n p_n}{\sigma^2} .
# $$
#
# The second term of $q$ is what the unknown phase costs. Without it the bound would depend on where we begin to count the
# carriers, which no receiver could notice. `indices` are the numbers of the carriers, from wherever they are counted.


# %% nbgrader={"grade_id": "crb", "solution": true}
def delay_crb(indices, powers, snr):
    """Bound on the variance of the delay in (1/bandwidth)^2 for indices (N,) and powers (N,)."""
    ### BEGIN SOLUTION
    # SENTINEL-OFDM-RANGING-3: spread about the centroid
    share = np.asarray(powers, dtype=float) / np.sum(powers)
    centroid = np.sum(share * indices)
    return len(share) ** 2 / (8 * np.pi**2 * snr * np.sum(share * (indices - centroid) ** 2))
    ### END SOLUTION


# %% nbgrader={"grade_id": "crb-test", "grade": true, "points": 3}
numbers, snr = np.arange(carriers), 10 ** (echo_snr_db / 10)
pair = np.zeros(carriers)
pair[3], pair[10] = 0.8, 0.2
by_hand = carriers**2 / (8 * np.pi**2 * snr * 0.8 * 0.2 * 7**2)
assert np.isclose(delay_crb(numbers, pair, snr), by_hand), "two carriers with 80 and 20 % of the power, 7 apart"
for first in (1, -carriers / 2, 1000):
    assert np.isclose(delay_crb(numbers + first, pair, snr), by_hand), f"the carriers counted from {first}"
assert np.isclose(delay_crb(numbers, 3 * pair, snr), by_hand), "the SNR already holds the total power"
### BEGIN HIDDEN TESTS
# SENTINEL-OFDM-RANGING-HIDDEN-3
from isaclib.foundations import fisher

draw = np.random.default_rng(3)
powers, amplitude = draw.exponential(size=carriers), 0.6 - 0.3j
rate = 2 * np.pi * numbers / carriers
echo = np.sqrt(powers) * np.exp(-0.4j * rate)
slopes = np.stack([-1j * rate * amplitude * echo, echo, 1j * echo])
information = 2 / 0.5 * np.real(slopes.conj() @ slopes.T)
right = 1 / fisher.equivalent_fim(information, 1)[0, 0]
assert np.isclose(delay_crb(numbers, powers, np.abs(amplitude) ** 2 * powers.sum() / 0.5), right), "random powers"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: accuracy wants the edges (2 points)
#
# For any point $c$ of the band, $q \le \sum_n (n - c)^2 p_n / \sum_n p_n$. Take the middle of the band for $c$ and conclude that
# half of the power on each of the two outermost carriers has the least bound of all allocations. An amplifier allows no more
# than the share `cap` on any carrier. Which allocation is best then? Prove it with the same inequality, and write it for an even
# number of carriers with $N \cdot \mathrm{cap} \ge 1$.


# %% nbgrader={"grade_id": "edges", "solution": true}
def widest(count, cap):
    """Powers (count,) that sum to 1, none above cap, with the least bound on the delay."""
    ### BEGIN SOLUTION
    # SENTINEL-OFDM-RANGING-4: each side is filled with one half from the outside in, so that the centroid stays in the middle
    side = np.clip(0.5 - cap * np.arange(count // 2), 0, cap)
    return np.concatenate([side, side[::-1]])
    ### END SOLUTION


# %% nbgrader={"grade_id": "edges-test", "grade": true, "points": 2}
def spread(powers):
    n = np.arange(len(powers))
    return np.sum(n**2 * powers) - np.sum(n * powers) ** 2


assert np.allclose(widest(6, 1.0), [0.5, 0, 0, 0, 0, 0.5]), "no cap that matters: the two edges"
found = np.asarray(widest(carriers, carrier_cap))
assert found.shape == (carriers,) and np.isclose(found.sum(), 1) and np.all(found >= 0), "shares of the power"
assert np.all(found <= carrier_cap + 1e-12), "a carrier has more than the cap"
assert spread(np.asarray(widest(8, 0.4))) >= 11.05 - 1e-9, "eight carriers, at most 0.4 on each: a spread of 11.05 is possible"
draw = np.random.default_rng(4)
for _ in range(200):
    other = draw.dirichlet(np.full(carriers, 0.5)) - 1 / carriers  # a way to leave uniform power
    other = 1 / carriers + other * min(1.0, (carrier_cap - 1 / carriers) / other.max())
    assert spread(other) <= spread(found) + 1e-9, "another allocation within the cap is wider"
### BEGIN HIDDEN TESTS
# SENTINEL-OFDM-RANGING-HIDDEN-4
for count, cap in ((10, 0.1), (10, 0.13), (16, 0.3), (24, 0.07)):
    best = np.sort((np.arange(count) - (count - 1) / 2) ** 2)[::-1]
    filled = np.clip(1 - cap * np.arange(count), 0, cap)
    assert np.isclose(spread(np.asarray(widest(count, cap))), best @ filled), f"{count} carriers, at most {cap} on each"
    assert np.max(widest(count, cap)) <= cap + 1e-12
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: when the search for a mixture is sound (2 points)
#
# A simple rule mixes a good allocation for data with a good one for ranging, $p(\alpha) = (1 - \alpha)\, p_{\text{data}} +
# \alpha\, p_{\text{range}}$. Two oracles say whether $p(\alpha)$ meets the limit of ranging and the limit of capacity. What is
# measured is convex or concave along the line, so that the weights that meet the first form an interval $[\alpha_{\min}, 1]$
# (or there is none at all), and those that meet the second an interval $[0, \alpha_{\max}]$.
#
# Find the smallest weight that meets **both**, by a bisection with few questions (fewer than 60 to each oracle for a tolerance of
# $10^{-9}$): return a weight that meets both and lies at most `tolerance` above the smallest one, or `None` if there is none
# (where the two intervals share less than `tolerance`, either answer counts). Which end of which interval has to be looked at first?


# %% nbgrader={"grade_id": "mixture", "solution": true}
def smallest_weight(ranging_met, capacity_met, tolerance):
    """Smallest weight in [0, 1] for which both oracles say True, to the tolerance; None if there is none."""
    ### BEGIN SOLUTION
    # SENTINEL-OFDM-RANGING-5: if the right end fails, all fail; capacity is then asked at the smallest weight only
    if not ranging_met(1.0):
        return None
    low, high = 0.0, 1.0
    if ranging_met(0.0):
        high = 0.0
    while high - low > tolerance:
        middle = (low + high) / 2
        if ranging_met(middle):
            high = middle
        else:
            low = middle
    return high if capacity_met(high) else None
    ### END SOLUTION


# %% nbgrader={"grade_id": "mixture-test", "grade": true, "points": 2}
for_data, for_range = gains / gains.sum(), np.zeros(carriers)
for_range[[0, -1]] = 0.5
required = moment_share * offsets[-1] ** 2
moments = [offsets**2 @ powers for powers in (for_data, for_range)]


def moment_met(weight):
    return (1 - weight) * moments[0] + weight * moments[1] >= required


def loss_met(weight):
    return capacity((1 - weight) * for_data + weight * for_range) >= (1 - allowed_loss) * capacity(for_data)


right = (required - moments[0]) / (moments[1] - moments[0])  # the moment is affine along the line
weight = smallest_weight(moment_met, lambda weight: True, 1e-6)
assert weight is not None and moment_met(weight), "this weight does not meet the limit of ranging"
assert right - 1e-12 <= weight <= right + 1e-6, f"the smallest weight is {right:.6f}"
assert smallest_weight(lambda weight: False, lambda weight: True, 1e-6) is None, "no weight meets this limit"
### BEGIN HIDDEN TESTS
# SENTINEL-OFDM-RANGING-HIDDEN-5
joint = smallest_weight(moment_met, loss_met, 1e-6)
assert (joint is None) == (not loss_met(right + 1e-6)), "both limits of the scene"
assert smallest_weight(lambda weight: weight > 0.7, lambda weight: weight < 0.6, 1e-6) is None, "the intervals do not meet"
nothing = smallest_weight(lambda weight: True, lambda weight: weight < 0.3, 1e-9)
assert nothing is not None and 0 <= nothing <= 1e-9, "nothing needs to be mixed in"
asked = []
weight = smallest_weight(lambda weight: (asked.append(weight), weight >= 0.123)[1], lambda weight: weight <= 0.2, 1e-9)
assert weight is not None and 0.123 <= weight <= 0.123 + 1e-9 and len(asked) < 60, "with few questions"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: the price of accuracy (4 points)
#
# How much capacity must be given up at best? With the offsets $d_n$ of the carriers from the middle of the band,
#
# $$
# \max_{p \ge 0} \; \sum_n \log_2(1 + g_n p_n) \quad \text{subject to} \quad
# \sum_n p_n = 1, \quad \sum_n d_n^2\, p_n \ge \kappa .
# $$
#
# (The centroid of task 3 is left out here, which makes the limit linear.) Show that the optimum is water-filling with a price per
# carrier,
#
# $$ p_n = \Bigl(\frac{1}{\ln 2\,(\lambda - \mu d_n^2)} - \frac{1}{g_n}\Bigr)^+ , \qquad \lambda > \mu \max_n d_n^2, \quad \mu \ge 0 , $$
#
# and that $\mu$ is the capacity that one more unit of $\kappa$ costs. For given $\mu$ find $\lambda$ from the budget by bisection;
# find $\mu$ by a bisection around it. If water-filling alone meets the limit, $\mu = 0$. The tests want
# budget, moment and capacity right to $10^{-6}$ of themselves, so let both bisections run until their ends meet in the machine's
# numbers, and keep the end that meets the limit. Every $\kappa$ in the tests can be reached.
#
# <details><summary>A hint for task 6, which is a hard one</summary>
#
# Put $\nu = \lambda - \mu \max_n d_n^2 > 0$, so that the denominators are $\nu + \mu(\max_m d_m^2 - d_n^2)$ and stay positive
# whatever you try. For a given $\mu$ the sum of the powers falls with $\nu$: bisect over $\ln \nu$. With these powers the
# moment rises with $\mu$: bisect over $\ln \mu$. A carrier with gain 0 gets nothing. Write the inner search as a function of
# $\mu$ and plot the moment over $\mu$ before you write the outer one.
#
# </details>


# %% nbgrader={"grade_id": "price", "solution": true}
def fill_with_moment(gains, offsets, required):
    """Best powers (N,) with this moment, and the price of the moment in bit per unit."""
    ### BEGIN SOLUTION
    # SENTINEL-OFDM-RANGING-6: both bisections run in logarithms; the margin lambda - mu max d^2 stays positive
    gains, moment = np.asarray(gains, dtype=float), np.asarray(offsets, dtype=float) ** 2
    dry = 1 / gains

    def powers_at(price):
        discount = price * (moment.max() - moment)
        low, high = np.log(1e-9), np.log(2 * gains.max() / np.log(2))
        for _ in range(70):
            middle = (low + high) / 2
            used = np.maximum(1 / (np.log(2) * (np.exp(middle) + discount)) - dry, 0).sum()
            low, high = (middle, high) if used > 1 else (low, middle)
        return np.maximum(1 / (np.log(2) * (np.exp(high) + discount)) - dry, 0)

    free = powers_at(0.0)
    if moment @ free >= required:
        return free, 0.0
    low, high = np.log(1e-9), np.log(1e6)
    for _ in range(70):
        middle = (low + high) / 2
        low, high = (middle, high) if moment @ powers_at(np.exp(middle)) < required else (low, middle)
    return powers_at(np.exp(high)), np.exp(high)
    ### END SOLUTION


# %% nbgrader={"grade_id": "price-test", "grade": true, "points": 4}
required = moment_share * offsets[-1] ** 2
powers, price = fill_with_moment(gains, offsets, required)
assert np.all(powers >= 0) and np.isclose(powers.sum(), 1, rtol=1e-6), f"the powers sum to {powers.sum():.7f}"
assert offsets**2 @ powers >= required * (1 - 1e-6), "the moment is too small"
step = 0.01 * required
around = [capacity(fill_with_moment(gains, offsets, required + sign * step)[0]) for sign in (1, -1)]
assert np.isclose((around[1] - around[0]) / (2 * step), price, rtol=0.01, atol=1e-6), "the price is not the slope of the capacity"
free, nothing = fill_with_moment(gains, offsets, 0.0)
assert np.isclose(nothing, 0, atol=1e-9) and capacity(free) >= capacity(powers), "a limit of 0 costs nothing"
### BEGIN HIDDEN TESTS
# SENTINEL-OFDM-RANGING-HIDDEN-6
def proof(powers, price, gains, moment, required):
    """Upper bound on the capacity by the two prices, whatever they are."""
    margin = np.geomspace(1e-6, 1e3, 40_001)[:, None] + price * (moment.max() - moment)
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = np.maximum(gains / (np.log(2) * margin) - 1, 0)
    worth = np.log2(1 + snr) - margin * snr / gains
    return np.min(worth.sum(axis=1) + margin[:, np.argmax(moment)] + price * (moment.max() - required))


assert capacity(powers) >= proof(powers, price, gains, offsets**2, required) * (1 - 1e-6), "more capacity is possible"
assert capacity(free) >= proof(free, 0.0, gains, offsets**2, 0.0) * (1 - 1e-6), "without a limit: water-filling"
draw = np.random.default_rng(6)
some, places = draw.exponential(size=12) * 20 + 0.1, np.arange(12) - 5.5
found, cost = fill_with_moment(some, places, 24.0)
assert np.isclose(found.sum(), 1, rtol=1e-6) and places**2 @ found >= 24 * (1 - 1e-6)
assert np.sum(np.log2(1 + some * found)) >= proof(found, cost, some, places**2, 24.0) * (1 - 1e-6), "another channel"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: an estimator that meets the bound (3 points)
#
# A receiver knows what was sent on each carrier, $x_n$ (data included), and sees
# $z_n = a\, x_n e^{-j 2\pi n u / N} + w_n$ with an unknown complex $a$. Show that the maximum-likelihood estimate of $u$ is the
# highest point of $\bigl| \sum_n x_n^* z_n e^{j 2\pi n u / N} \bigr|$. Write it for many echoes at once. Search $-N/2 \le u < N/2$ on a
# grid, by an FFT with zeros appended or by a matrix; without noise the estimate has to be right to 0.01, and the hidden tests
# compare its error with the Cramér-Rao bound.


# %% nbgrader={"grade_id": "estimator", "solution": true}
def estimate_delays(received, sent):
    """Delays (T,) in 1/bandwidth from received (T, N) and sent (T, N) carriers."""
    ### BEGIN SOLUTION
    # SENTINEL-OFDM-RANGING-7: the inverse FFT has the right sign; 128 points per 1/bandwidth
    count, fine = sent.shape[1], 128
    levels = np.abs(np.fft.ifft(np.conj(sent) * received, fine * count, axis=1))
    delays = np.argmax(levels, axis=1) / fine
    return np.where(delays >= count / 2, delays - count, delays)
    ### END SOLUTION


# %% nbgrader={"grade_id": "estimator-test", "grade": true, "points": 3}
def echoes(delays, snr, draw):
    """Received and sent carriers (T, N) with random data, phases and noise; the echo has this SNR after compression."""
    shape = (len(delays), carriers)
    sent = np.exp(0.5j * np.pi * draw.integers(4, size=shape)) / np.sqrt(carriers)
    phase = np.exp(2j * np.pi * draw.uniform(size=(shape[0], 1)))
    noise = (draw.normal(size=shape) + 1j * draw.normal(size=shape)) / np.sqrt(2 * snr)
    return phase * sent * np.exp(-2j * np.pi * np.arange(carriers) * delays[:, None] / carriers) + noise, sent


draw = np.random.default_rng(7)
delays = draw.uniform(-0.4 * carriers, 0.4 * carriers, 25)
found = np.asarray(estimate_delays(*echoes(delays, 1e12, draw)))
assert found.shape == (25,), "one delay per echo"
assert np.allclose(found, delays, atol=0.01), f"without noise an estimate is wrong by {np.abs(found - delays).max():.3f}"
### BEGIN HIDDEN TESTS
# SENTINEL-OFDM-RANGING-HIDDEN-7
snr = 10 ** (echo_snr_db / 10)
delays = draw.uniform(-0.5, 0.5, 400)
errors = np.asarray(estimate_delays(*echoes(delays, snr, draw))) - delays
bound = np.sqrt(12 * carriers**2 / (8 * np.pi**2 * snr * (carriers**2 - 1)))
ratio = np.sqrt(np.mean(errors**2)) / bound
assert 0.85 <= ratio <= 1.2, f"the error is {ratio:.2f} times the bound"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 8: a figure (2 points, graded by hand)
#
# Draw the expected output $20 \log_{10} |y(u)|$ of task 2 over $0 \le u \le 8$ for three allocations: uniform power, all power on
# the two outermost carriers, and the hump $p_n \propto 1 - \cos(2\pi (n + \tfrac12) / N)$. Mark `sidelobe_start`. Draw with
# `matplotlib.pyplot`.
#
# **Rubric.** 1 point: three right curves that can be told apart, in dB of amplitude, cut off below at a level that leaves the
# sidelobes readable. 1 point: both axes carry a quantity and a unit, the mark and the curves are explained.

# %% nbgrader={"grade_id": "figure", "grade": true, "solution": true, "points": 2}
### BEGIN SOLUTION
# SENTINEL-OFDM-RANGING-8: the hump has the lowest sidelobes and the widest main lobe
import matplotlib.pyplot as plt

delays = np.linspace(0, 8, 1601)
rows = np.exp(2j * np.pi * np.multiply.outer(delays, np.arange(carriers)) / carriers)
two_tones = np.zeros(carriers)
two_tones[[0, -1]] = 1
shapes = {"uniform": (np.ones(carriers), "-"), "two edge tones": (two_tones, ":")}
shapes["hump"] = (1 - np.cos(2 * np.pi * (np.arange(carriers) + 0.5) / carriers), "--")
fig, ax = plt.subplots()
for name, (powers, dash) in shapes.items():
    ax.plot(delays, 20 * np.log10(np.maximum(np.abs(rows @ powers) / powers.sum(), 1e-4)), dash, label=name)
ax.axvline(sidelobe_start, color="#B8420A", linewidth=1, label="sidelobes begin")
ax.set(xlabel="Delay times bandwidth (1)", ylabel="Expected output (dB)", ylim=(-60, 2), xlim=(0, 8))
ax.legend()
### END SOLUTION

# %% [markdown]
# ## Task 9: a design question (3 points, graded by hand)
#
# A second reflector is expected `rival_offset` behind the target; its echo has `weak_db` relative to the first. Three allocations
# are offered: uniform power, two tones at the edges, and half of the power spread uniformly with the other half on the two edges.
# Give for each the capacity (`capacity` is given), the standard deviation of the delay relative to uniform power at the same SNR
# (task 3), and the level of the output at the second reflector in dB (task 2). Which one would you choose, and what would have to
# change for another choice? Answer in at most 150 words, with a small table.
#
# **Rubric.** 1 point: nine right numbers. 1 point: it is said why the two tones are no choice although their bound is the
# least (their main lobe repeats), and what the level at the second reflector means for seeing it. 1 point: a clear choice that
# follows from the numbers, with the condition under which it would change.

# %% [markdown] nbgrader={"grade_id": "design", "grade": true, "solution": true, "points": 3}
# ### BEGIN SOLUTION
# SENTINEL-OFDM-RANGING-9. Relative standard deviations: 1, sqrt((N + 1) / (3 (N - 1))), and for the half-and-half allocation
# sqrt(q_uniform / ((q_uniform + q_edges) / 2)), with q_uniform = (N^2 - 1)/12 and q_edges = (N - 1)^2/4. Levels: the kernel of
# Dirichlet at the offset, |cos(pi (N - 1) u / N)|, and their mean with signs about the middle of the band. Wherever half of the
# power sits on the edges the output at the second reflector lies some 6 dB below the target and hides it; uniform power shows it
# if its own sidelobe there is lower than the weak echo. The capacity speaks for uniform power as well. If there were one
# target only and its delay were already known to a fraction of 1/B, the edges would be worth their price.
# ### END SOLUTION

# %% tags=["key"]
# SENTINEL-OFDM-RANGING-KEY-9: capacity, relative standard deviation and level at the second reflector
import json

flat, edges = np.full(carriers, 1 / carriers), np.zeros(carriers)
edges[[0, -1]] = 0.5
count = np.arange(carriers)
key = {}
for name, powers in (("uniform", flat), ("two tones", edges), ("half and half", (flat + edges) / 2)):
    key[f"{name}: capacity (bit per symbol)"] = capacity(powers)
    key[f"{name}: standard deviation relative to uniform (1)"] = np.sqrt(delay_crb(count, powers, 1.0) / delay_crb(count, flat, 1.0))
    key[f"{name}: level at the second reflector (dB)"] = 20 * np.log10(abs(profile(powers, np.array([rival_offset]))[0]))
print(json.dumps({"design": {name: float(value) for name, value in key.items()}}))
