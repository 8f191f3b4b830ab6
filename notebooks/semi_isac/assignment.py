# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # Assignment: sharing spectrum and power
#
# **What you will learn.** Why an echo among clutter cannot be bought with power, why rates in shared bands are concave without
# being strictly so, how one condition on slopes splits a band, how a ratio becomes a concave function of one number, and how
# two prices prove that an allocation cannot be beaten.
#
# **Read before.** The page [Three services, two budgets](book:notebooks/semi_isac/model) of the chapter *Semi-ISaC: sharing
# spectrum and power among three services*, and of the chapter *Foundations* the page [A convexity
# toolbox](book:notebooks/foundations/convexity). You need partial derivatives, bisection and NumPy; no solver is called here.
#
# **Time.** Three to four hours. The tasks do not use one another's answers: if one resists, go on with the next.
#
# **Rules.** Write your answers with NumPy, not by calling the function of `isaclib` that does the same. Where a shape is given,
# the tests may hand over lists as well as arrays (`np.asarray` takes both), and of another length than in your variant. The test
# cell below an answer is silent when it passes; some further tests run only when your work is graded.
#
# **Units.** Bands are in MHz, powers in W, rates in Mbit/s. Every gain is divided by the noise density, so that it has the
# unit MHz/W: a user with the gain $g$, the band $b$ and the power $p$ sees the signal-to-noise ratio $g p / b$.

# %% nbgrader={"grade_id": "setup", "locked": true}
import numpy as np

# %% [markdown]
# All numbers of your variant stand in the next cell. Tasks refer to them by name.

# %% tags=["parameters"] nbgrader={"grade_id": "parameters", "locked": true}
bandwidth_mhz = 100.0  # the whole band (MHz); variant: 60..140
power_budget_w = 1.0  # the whole power (W); variant: 0.5..2 step 0.25
circuit_power_w = 0.8  # power of the circuits (W); variant: 0.4..1.6
echo_gain = 1500.0  # of the echo of the target (MHz/W); variant: 800..2500
clutter_gain = 60.0  # of the clutter (MHz/W); variant: 30..90
link_gain = [4000.0, 900.0, 250.0]  # of the links to three users (MHz/W); variant: 2500..6000|600..1200|150..350
user_power_w = [0.2, 0.3, 0.5]  # powers of three users when only the band is split (W); variant: 0.1..0.3|0.2..0.4|0.3..0.6
weights = [1.0, 1.4, 2.0]  # priorities of three users (1); variant: 0.6..1.2|1.2..1.7|1.7..2.5
min_sensing_mbps = 20.0  # floor of the sensing rate (Mbit/s); variant: 12..30
min_rate_mbps = 50.0  # floor of the communication rate (Mbit/s); variant: 30..80
extra_mhz = 10.0  # bandwidth on offer (MHz); variant: 5..15
extra_w = 0.4  # power on offer, for the same money (W); variant: 0.2..0.6

# %% [markdown]
# ## Task 1: an echo among clutter (2 points)
#
# In the band $b$ the receiver sees the echo with the power $a p$, clutter with the power $c p$, and noise that grows with the
# band. The sensing rate is
#
# $$ R^{\mathrm s}(b, p) = b \log_2\Bigl(1 + \frac{a p}{c p + b}\Bigr). $$
#
# How large can it become, however much power is sent? Write the rate so that the limits come out right and never as `nan`:
# `power_w` may be 0, `band_mhz` may be 0 (then the rate is 0), and the clutter may be 0. With clutter `power_w` may also be
# `np.inf`. Band and power may be arrays that broadcast.


# %% nbgrader={"grade_id": "echo", "solution": true}
def sensing_rate(band_mhz, power_w, echo, clutter):
    """Sensing rate in Mbit/s; an infinite power gives the largest rate that the clutter leaves."""
    ### BEGIN SOLUTION
    # SENTINEL-SEMI-ISAC-1: divide by the power; with b/p = 0 only the ratio of echo and clutter is left
    band, power = np.asarray(band_mhz, dtype=float), np.asarray(power_w, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = band * np.log2(1 + echo / (clutter + band / power))
    return np.where((band > 0) & (power > 0), rate, 0.0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "echo-test", "grade": true, "points": 2}
assert np.isclose(sensing_rate(2.0, 1.0, 30.0, 8.0), 4.0), "1 + 30/(8 + 2) is 4, that is 2 bit on each of 2 MHz"
ceiling = sensing_rate(bandwidth_mhz, np.inf, echo_gain, clutter_gain)
assert np.isclose(ceiling, bandwidth_mhz * np.log2(1 + echo_gain / clutter_gain)), "infinite power"
assert np.isclose(sensing_rate(bandwidth_mhz, 1e12, echo_gain, clutter_gain), ceiling), "nearly infinite power"
assert sensing_rate(bandwidth_mhz, 0.0, echo_gain, clutter_gain) == 0, "no power, no rate"
### BEGIN HIDDEN TESTS
# SENTINEL-SEMI-ISAC-HIDDEN-1
draw = np.random.default_rng(1)
band, power = draw.uniform(0.1, 50, 40), draw.uniform(0.01, 3, 40)
right = band * np.log2((echo_gain * power + clutter_gain * power + band) / (clutter_gain * power + band))
assert np.allclose(sensing_rate(band, power, echo_gain, clutter_gain), right), "forty bands and powers at once"
assert np.allclose(sensing_rate(band, power, echo_gain, 0.0), band * np.log2(1 + echo_gain * power / band)), "no clutter"
assert sensing_rate(0.0, 1.0, echo_gain, clutter_gain) == 0, "no band, no rate"
assert np.all(np.isfinite(sensing_rate(np.array([0.0, 1.0]), np.array([0.0, 0.0]), echo_gain, clutter_gain)))
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: the perspective of a concave function (3 points)
#
# Every rate of the chapter has the form $f(b, p) = b\, r(p / b)$ with a concave function $r$ of the density $x = p/b$: it is a
# *perspective*. Derive gradient and Hessian of $f$ from $r$, $r'$ and $r''$ for any $r$. Show on paper that the Hessian is
# negative semidefinite and never negative definite: which direction does it map to zero, and what does $f$ do along it?
#
# Your function gets $r$, $r'$, $r''$ as Python functions.


# %% nbgrader={"grade_id": "perspective", "solution": true}
def perspective(r, slope, curvature, band, power):
    """Value, gradient (2,) and Hessian (2, 2) of band * r(power / band) with respect to (band, power)."""
    ### BEGIN SOLUTION
    # SENTINEL-SEMI-ISAC-2: along the ray (band, power) the density stays, so that the function is linear there
    x = power / band
    gradient = np.array([r(x) - x * slope(x), slope(x)])
    hessian = curvature(x) / band * np.array([[x**2, -x], [-x, 1.0]])
    return band * r(x), gradient, hessian
    ### END SOLUTION


# %% nbgrader={"grade_id": "perspective-test", "grade": true, "points": 3}
gain = link_gain[1]
link = (
    lambda x: np.log2(1 + gain * x),
    lambda x: gain / (np.log(2) * (1 + gain * x)),
    lambda x: -(gain**2) / (np.log(2) * (1 + gain * x) ** 2),
)
value, gradient, hessian = perspective(*link, 30.0, 0.4)
assert np.isclose(value, 30 * np.log2(1 + gain * 0.4 / 30)), "the value"
assert np.shape(gradient) == (2,) and np.shape(hessian) == (2, 2), "two variables"
for axis, step in enumerate([3e-4, 4e-6]):
    shift = step * np.eye(2)[axis]
    after, before = (perspective(*link, 30.0 + sign * shift[0], 0.4 + sign * shift[1]) for sign in (1, -1))
    assert np.isclose(gradient[axis], (after[0] - before[0]) / (2 * step), rtol=1e-6), f"component {axis} of the gradient"
    slopes = (np.array(after[1]) - np.array(before[1])) / (2 * step)
    assert np.allclose(hessian[axis], slopes, rtol=1e-5), f"row {axis} of the Hessian"
### BEGIN HIDDEN TESTS
# SENTINEL-SEMI-ISAC-HIDDEN-2
for band, power in ((1.0, 5.0), (40.0, 0.01), (0.3, 0.3)):
    value, gradient, hessian = perspective(np.sqrt, lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5, band, power)
    assert np.isclose(value, np.sqrt(band * power)) and np.allclose(gradient, value / 2 / np.array([band, power]))
    ray = np.array([band, power])
    assert np.allclose(hessian @ ray, 0, atol=1e-12 * np.abs(hessian).max()), "the ray is mapped to zero"
    assert np.allclose(hessian, hessian.T) and np.trace(hessian) < 0, "negative semidefinite"
    assert np.isclose(gradient @ ray, value), "linear along the ray"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: split the band by equal slopes (4 points)
#
# The powers $p_k$ are given, the band $B$ is split. With $R_k(b) = b \log_2(1 + g_k p_k / b)$,
#
# $$ \max_{b \ge 0} \; \sum_k w_k R_k(b_k) \quad \text{subject to} \quad \sum_k b_k = B . $$
#
# Show that at the optimum $w_k R_k'(b_k) = \nu$ for all $k$: one more megahertz is worth the same to everybody. For equal
# weights conclude that all signal-to-noise ratios are equal, so that $b_k$ is proportional to $g_k p_k$. For other weights find
# $\nu$ by bisection, and $b_k(\nu)$ by bisection inside it ($R_k'$ falls from infinity to 0). Both searches may run in the
# logarithm. All powers, gains and weights are positive. The tests want the slopes equal to a relative $10^{-6}$ and the bands to
# fill the whole band.
#
# <details><summary>A hint for task 3, which is a hard one</summary>
#
# With the signal-to-noise ratio $x = g p / b$ the slope is $R'(b) = \log_2(1 + x) - x / (\ln 2\,(1 + x))$: it depends on $x$
# alone and rises with it. So find $x_k$ with $w_k R' = \nu$ by a bisection over $\ln x$, and $b_k = g_k p_k / x_k$. The sum of
# the bands falls with $\nu$: the outer bisection, over $\ln \nu$, makes it $B$. At the end scale the bands so that they fill
# $B$ to the last digit.
#
# </details>


# %% nbgrader={"grade_id": "split", "solution": true}
def split_band(powers_w, gains, priorities, total_mhz):
    """Bands (K,) in MHz that maximise the weighted sum of rates for given powers."""
    ### BEGIN SOLUTION
    # SENTINEL-SEMI-ISAC-3: with x = g p / b the slope is log2(1 + x) - x / ((1 + x) ln 2), which rises with x
    strength, priorities = np.asarray(powers_w) * np.asarray(gains), np.asarray(priorities, dtype=float)

    def slope(x):
        return (np.log1p(x) - x / (1 + x)) / np.log(2)

    def bands(price):
        low, high = np.full(len(strength), -40.0), np.full(len(strength), 60.0)  # logarithms of x
        for _ in range(70):
            middle = (low + high) / 2
            above = priorities * slope(np.exp(middle)) > price
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return strength / np.exp(high)

    low, high = -40.0, 10.0
    for _ in range(70):
        middle = (low + high) / 2
        low, high = (middle, high) if np.sum(bands(np.exp(middle))) > total_mhz else (low, middle)
    return bands(np.exp(high))
    ### END SOLUTION


# %% nbgrader={"grade_id": "split-test", "grade": true, "points": 4}
def worth_of_band(bands, powers, gains, priorities):
    """Weighted sum of rates, and what one more MHz is worth to each user, by central differences."""
    strength = powers * gains

    def rates(b):
        return priorities * b * np.log2(1 + strength / b)

    step = 1e-4 * bands
    return rates(bands).sum(), (rates(bands + step) - rates(bands - step)) / (2 * step)


powers, gains = np.array(user_power_w), np.array(link_gain)
bands = np.asarray(split_band(powers, gains, np.ones(3), bandwidth_mhz))
strength = powers * gains
assert np.allclose(bands, bandwidth_mhz * strength / strength.sum(), rtol=1e-5), "equal weights: in proportion to g p"
bands = np.asarray(split_band(powers, gains, np.array(weights), bandwidth_mhz))
assert np.isclose(bands.sum(), bandwidth_mhz), "the bands must fill the whole band"
total, slopes = worth_of_band(bands, powers, gains, np.array(weights))
assert np.allclose(slopes, slopes[0], rtol=1e-6), f"one more MHz is worth {slopes} to the three users"
### BEGIN HIDDEN TESTS
# SENTINEL-SEMI-ISAC-HIDDEN-3
draw = np.random.default_rng(3)
powers, gains, priorities = draw.uniform(0.05, 1, 6), draw.uniform(20, 9000, 6), draw.uniform(0.5, 3, 6)
bands = np.asarray(split_band(powers, gains, priorities, bandwidth_mhz))
assert np.isclose(bands.sum(), bandwidth_mhz) and np.all(bands > 0)
total, slopes = worth_of_band(bands, powers, gains, priorities)
assert np.allclose(slopes, slopes[0], rtol=1e-6), "six users"
for other in draw.dirichlet(np.ones(6), 50) * bandwidth_mhz:
    assert worth_of_band(other, powers, gains, priorities)[0] <= total * (1 + 1e-9), "another split is better"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: a ratio in one number, by Charnes and Cooper (3 points)
#
# How many bits per joule? A user with the whole band $B$ has the efficiency $R(p) / (p + P_c)$ with
# $R(p) = B \log_2(1 + g p / B)$. The ratio is not concave. Put
#
# $$ s = \frac{1}{p + P_c} , \qquad h(s) = s\, R\Bigl(\frac1s - P_c\Bigr) . $$
#
# Show that $h(s)$ *is* the efficiency, that $h$ is concave (perspective, task 2), and which interval of $s$ belongs to
# $0 \le p \le P$. Write $h$, then maximise it: a concave function of one variable needs no more than a bisection on the sign of
# its slope, or a search that drops a third of the interval in each step. Power to $10^{-5}$ W is enough.


# %% nbgrader={"grade_id": "charnes-cooper", "solution": true}
def scaled_rate(s, gain, total_mhz, circuit_w):
    """h(s) in Mbit/J for numbers or arrays s in 1/W."""
    ### BEGIN SOLUTION
    # SENTINEL-SEMI-ISAC-4: s B log2(1 + g (1/s - Pc) / B)
    return s * total_mhz * np.log2(1 + gain * np.maximum(1 / s - circuit_w, 0) / total_mhz)
    ### END SOLUTION


def best_efficiency(gain, total_mhz, budget_w, circuit_w):
    """Power in W, at most budget_w, with the best efficiency, and this efficiency in Mbit/J."""
    ### BEGIN SOLUTION
    # SENTINEL-SEMI-ISAC-4: a third of the interval goes in each step
    low, high = 1 / (budget_w + circuit_w), 1 / circuit_w
    for _ in range(120):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if scaled_rate(left, gain, total_mhz, circuit_w) < scaled_rate(right, gain, total_mhz, circuit_w):
            low = left
        else:
            high = right
    s = (low + high) / 2
    return 1 / s - circuit_w, scaled_rate(s, gain, total_mhz, circuit_w)
    ### END SOLUTION


# %% nbgrader={"grade_id": "charnes-cooper-test", "grade": true, "points": 3}
power = 0.37
direct = bandwidth_mhz * np.log2(1 + link_gain[0] * power / bandwidth_mhz) / (power + circuit_power_w)
assert np.isclose(scaled_rate(1 / (power + circuit_power_w), link_gain[0], bandwidth_mhz, circuit_power_w), direct), "h is not R/(p+Pc)"
line = scaled_rate(np.linspace(1 / (9 + circuit_power_w), 0.999 / circuit_power_w, 400), link_gain[0], bandwidth_mhz, circuit_power_w)
assert np.all(np.diff(line, 2) <= 1e-9 * line.max()), "h must be concave"
power, efficiency = best_efficiency(link_gain[0], bandwidth_mhz, 9.0, circuit_power_w)
grid = np.linspace(0, 9, 300_001)
ratio = bandwidth_mhz * np.log2(1 + link_gain[0] * grid / bandwidth_mhz) / (grid + circuit_power_w)
assert np.isclose(efficiency, ratio.max(), rtol=1e-8), f"a fine grid finds {ratio.max():.6f} Mbit/J"
assert np.isclose(power, grid[np.argmax(ratio)], atol=1e-4), f"at {grid[np.argmax(ratio)]:.4f} W"
### BEGIN HIDDEN TESTS
# SENTINEL-SEMI-ISAC-HIDDEN-4
capped, efficiency = best_efficiency(link_gain[0], bandwidth_mhz, 0.5 * power, circuit_power_w)
assert np.isclose(capped, 0.5 * power, atol=1e-4), "below the best power the whole budget is used"
assert np.isclose(efficiency, bandwidth_mhz * np.log2(1 + link_gain[0] * capped / bandwidth_mhz) / (capped + circuit_power_w))
for gain, total, circuit in ((50.0, 3.0, 0.2), (7000.0, 140.0, 4.0)):
    power, efficiency = best_efficiency(gain, total, 500.0, circuit)
    slope = gain / (np.log(2) * (1 + gain * power / total))
    assert np.isclose(slope, efficiency, rtol=1e-3), "at the best ratio the marginal rate equals the ratio"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: the least power for two promises (3 points)
#
# The integrated user has one band for both services. Its sensing rate (task 1) must reach $R^{\mathrm s}$ and its
# communication rate $b \log_2(1 + g p / b)$ must reach $R^{\mathrm c}$, with the same power. Solve each for the power. One of the
# two is impossible in too narrow a band, whatever the power: return `np.inf` there.
#
# `band_mhz` is an array; the answer has its shape.


# %% nbgrader={"grade_id": "least-power", "solution": true}
def least_power(band_mhz, sensing_mbps, rate_mbps, echo, clutter, link):
    """Least power in W for both floors in each band; infinite where no power suffices."""
    ### BEGIN SOLUTION
    # SENTINEL-SEMI-ISAC-5: a p / (c p + b) = G has the solution p = b G / (a - c G), if a > c G
    band = np.asarray(band_mhz, dtype=float)
    wanted = 2 ** (sensing_mbps / band) - 1
    left = echo - clutter * wanted
    for_sensing = np.where(left > 0, band * wanted / np.where(left > 0, left, 1.0), np.inf)
    return np.maximum(for_sensing, band * (2 ** (rate_mbps / band) - 1) / link)
    ### END SOLUTION


# %% nbgrader={"grade_id": "least-power-test", "grade": true, "points": 3}
def both_rates(band, power):
    sensing = band * np.log2(1 + echo_gain * power / (clutter_gain * power + band))
    return sensing, band * np.log2(1 + link_gain[1] * power / band)


bands = np.linspace(min_sensing_mbps / 3, bandwidth_mhz, 60)
needed = np.asarray(least_power(bands, min_sensing_mbps, min_rate_mbps, echo_gain, clutter_gain, link_gain[1]))
assert needed.shape == (60,) and np.all(np.isfinite(needed)), "one finite power for each of these bands"
sensing, communication = both_rates(bands, needed)
assert np.all(sensing >= min_sensing_mbps * (1 - 1e-9)) and np.all(communication >= min_rate_mbps * (1 - 1e-9)), "a floor is missed"
sensing, communication = both_rates(bands, 0.999 * needed)
assert np.all((sensing < min_sensing_mbps) | (communication < min_rate_mbps)), "less power would do"
### BEGIN HIDDEN TESTS
# SENTINEL-SEMI-ISAC-HIDDEN-5
narrowest = min_sensing_mbps / np.log2(1 + echo_gain / clutter_gain)
edge = np.asarray(least_power(narrowest * np.array([0.5, 0.999, 1.01]), min_sensing_mbps, 0.1, echo_gain, clutter_gain, 1e6))
assert np.all(np.isinf(edge[:2])) and np.isfinite(edge[2]), "below this band no power suffices"
assert np.all(np.diff(needed) <= 0), "a wider band needs less power"
assert np.all(np.diff(needed, 2) >= -1e-9 * needed.max()), "the least power is convex in the band"
alone = least_power(bands, 1e-9, min_rate_mbps, echo_gain, clutter_gain, link_gain[1])
assert np.allclose(alone, bands * (2 ** (min_rate_mbps / bands) - 1) / link_gain[1]), "the link alone"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: prices by finite differences (3 points)
#
# The oracle below solves a small network: a sensing user among clutter is held at its floor $f$, and the surplus of band and
# power goes to one link. It returns the link's best rate $V(B, P, f)$. Write the three prices
#
# $$ \nu = \frac{\partial V}{\partial B}, \qquad \mu = \frac{\partial V}{\partial P}, \qquad \lambda = -\frac{\partial V}{\partial f} $$
#
# by finite differences. Choose form and step with care: the tests want a relative error below $10^{-6}$. Then explain to yourself the identity
# $V = \nu B + \mu P - \lambda f$ that the test checks: what happens to $V$ when band, power and floor are all doubled?

# %% nbgrader={"grade_id": "oracle", "locked": true}
golden = (np.sqrt(5) - 1) / 2


def best_rate(total_mhz, power_w, floor_mbps):
    """Best rate of the link in Mbit/s while the sensing user is at its floor."""

    def link_rate(density):  # of the sensing user, in W/MHz
        spectral = np.log2(1 + echo_gain * density / (clutter_gain * density + 1))
        band, power = total_mhz - floor_mbps / spectral, power_w - floor_mbps / spectral * density
        return band * np.log2(1 + link_gain[0] * power / band) if min(band, power) > 0 else -np.inf

    low, high = np.log(1e-5), np.log(10.0)
    for _ in range(80):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if link_rate(np.exp(left)) < link_rate(np.exp(right)):
            low = left
        else:
            high = right
    return link_rate(np.exp((low + high) / 2))


# %% nbgrader={"grade_id": "prices", "solution": true}
def prices(best_rate, total_mhz, power_w, floor_mbps):
    """The prices per MHz, per W and per Mbit/s of the floor."""
    ### BEGIN SOLUTION
    # SENTINEL-SEMI-ISAC-6: central differences with a step relative to the argument, far above the rounding of V
    point = np.array([total_mhz, power_w, floor_mbps])
    found = []
    for axis in range(3):
        shift = 1e-4 * point * np.eye(3)[axis]
        found.append((best_rate(*(point + shift)) - best_rate(*(point - shift))) / (2 * shift[axis]))
    return found[0], found[1], -found[2]
    ### END SOLUTION


# %% nbgrader={"grade_id": "prices-test", "grade": true, "points": 3}
per_mhz, per_w, per_floor = prices(best_rate, bandwidth_mhz, power_budget_w, min_sensing_mbps)
assert per_mhz > 0 and per_w > 0 and per_floor > 0, "band and power are worth something, the floor costs something"
value = best_rate(bandwidth_mhz, power_budget_w, min_sensing_mbps)
parts = per_mhz * bandwidth_mhz + per_w * power_budget_w - per_floor * min_sensing_mbps
assert np.isclose(parts, value, rtol=1e-6), f"the identity: {parts:.6f} is not {value:.6f} Mbit/s"
### BEGIN HIDDEN TESTS
# SENTINEL-SEMI-ISAC-HIDDEN-6
from isaclib.foundations import scalar_search


def smooth(total, power, floor):
    return np.sqrt(total * power) - 3 * floor**2 / power


found = prices(smooth, 80.0, 0.7, 5.0)
right = (0.5 * np.sqrt(0.7 / 80), 0.5 * np.sqrt(80 / 0.7) + 3 * 25 / 0.49, 30 / 0.7)
assert np.allclose(found, right, rtol=1e-6), "prices of another value function"
winner = scalar_search.bisect(
    lambda x: np.log2(1 + x) - x / ((1 + x) * np.log(2)) >= per_mhz, 1e-6, 1e9, geometric=True
).high
assert np.isclose(per_w, link_gain[0] / (np.log(2) * (1 + winner)), rtol=1e-5), "both prices belong to one density of the link"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: a proof by tangents (4 points)
#
# Users share band and power, $\sum_k b_k \le B$ and $\sum_k p_k \le P$, and each has a floor $R_k \ge f_k$ on its rate
# $R_k(b, p) = b \log_2(1 + g_k p / b)$. We maximise $\sum_k R_k$. Each rate is concave and homogeneous of degree one, so that it
# lies below its tangent at *any* point, and the tangent has no constant:
#
# $$ R_k(b, p) \le \hat\beta_k\, b + \hat\pi_k\, p, \qquad
# \hat\beta_k = \frac{\partial R_k}{\partial b}, \quad \hat\pi_k = \frac{\partial R_k}{\partial p} \quad \text{at } (\hat b_k, \hat p_k) . $$
#
# Give every rate the weight $1 + \lambda_k$ with a multiplier $\lambda_k \ge 0$, use the two budgets, and derive an upper bound
# on $\sum_k R_k$ over **all** allocations that meet the floors. Write it. The points $(\hat b_k, \hat p_k)$ need not meet any
# budget.
#
# <details><summary>A hint for task 7, which is a hard one</summary>
#
# Add $\sum_k \lambda_k (R_k - f_k) \ge 0$ to what is maximised, replace each $R_k$ by its tangent, and collect what multiplies
# $b_k$: it is $(1 + \lambda_k)\, \hat\beta_k$. Over all $b \ge 0$ with $\sum_k b_k \le B$ a linear function is largest when one
# user has everything. The same holds for the powers.
#
# </details>


# %% nbgrader={"grade_id": "bound", "solution": true}
def tangent_bound(bands, powers, multipliers, gains, floors, total_mhz, power_w):
    """Upper bound on the sum of rates from tangents at bands (K,) and powers (K,) with multipliers (K,)."""
    ### BEGIN SOLUTION
    # SENTINEL-SEMI-ISAC-7: the budgets are worth as much as to the user who values them most
    gains, multipliers = np.asarray(gains, dtype=float), np.asarray(multipliers, dtype=float)
    snr = gains * np.asarray(powers) / np.asarray(bands)
    by_band = (1 + multipliers) * (np.log1p(snr) - snr / (1 + snr)) / np.log(2)
    by_power = (1 + multipliers) * gains / ((1 + snr) * np.log(2))
    return by_band.max() * total_mhz + by_power.max() * power_w - np.sum(multipliers * floors)
    ### END SOLUTION


# %% nbgrader={"grade_id": "bound-test", "grade": true, "points": 4}
gains = np.array(link_gain)
alone = bandwidth_mhz * np.log2(1 + gains[0] * power_budget_w / bandwidth_mhz)  # without floors the strongest link takes all
equal = [bandwidth_mhz, power_budget_w]
density = np.maximum((1 + gains[0] * power_budget_w / bandwidth_mhz) / gains[0] - 1 / gains, 0)  # powers are then equally dear
tight = tangent_bound(np.ones(3), density, np.zeros(3), gains, np.zeros(3), *equal)
assert np.isclose(tight, alone, rtol=1e-9), f"without floors the bound can be {alone:.4f}, not {tight:.4f} Mbit/s"
draw = np.random.default_rng(70)
for _ in range(200):
    loose = tangent_bound(draw.uniform(1, 50, 3), draw.uniform(0.01, 1, 3), np.zeros(3), gains, np.zeros(3), *equal)
    assert loose >= alone * (1 - 1e-9), "an allocation beats your bound"
### BEGIN HIDDEN TESTS
# SENTINEL-SEMI-ISAC-HIDDEN-7
from isaclib.foundations import scalar_search

for _ in range(200):
    bands, powers = draw.dirichlet(np.ones(3)) * bandwidth_mhz, draw.dirichlet(np.ones(3)) * power_budget_w
    rates = bands * np.log2(1 + gains * powers / bands)
    floors = rates * draw.uniform(0.5, 1, 3)
    guess = tangent_bound(draw.uniform(1, 50, 3), draw.uniform(0.01, 1, 3), draw.exponential(size=3), gains, floors, *equal)
    assert guess >= rates.sum() * (1 - 1e-9), "an allocation that meets the floors beats your bound"
# One density for two users that share: the weaker needs a multiplier, and its floor then makes the bound tight.
pair = gains[:2]
snr = 20.0
target = ((1 + snr) * np.log1p(snr) - snr) * pair[1] / pair[0]
other = scalar_search.bisect(lambda x: (1 + x) * np.log1p(x) - x >= target, 1e-6, 1e6, geometric=True).high
multiplier = (pair[0] / (1 + snr)) / (pair[1] / (1 + other)) - 1
bands = np.array([70.0, 30.0])
powers = bands * np.array([snr, other]) / pair
rates = bands * np.log2(1 + np.array([snr, other]))
multipliers, floors = np.array([0.0, multiplier]), np.array([0.0, rates[1]])
found = tangent_bound(bands, powers, multipliers, pair, floors, bands.sum(), powers.sum())
assert multiplier > 0 and np.isclose(found, rates.sum(), rtol=1e-7), "at the optimal prices the bound is the optimum"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 8: a figure (2 points, graded by hand)
#
# An integrated user has the whole band `bandwidth_mhz`. Draw its sensing rate (with `echo_gain` and `clutter_gain`) and its
# communication rate (with `link_gain[1]`) over the power from 1 mW to 1 kW. Mark the rate that sensing never exceeds, and the
# power where the two rates are equal if there is one. Draw with `matplotlib.pyplot`.
#
# **Rubric.** 1 point: both curves are right, the saturation and the growth can be seen. 1 point: both axes carry a quantity and
# a unit, the power axis is logarithmic, everything marked is explained.

# %% nbgrader={"grade_id": "figure", "grade": true, "solution": true, "points": 2}
### BEGIN SOLUTION
# SENTINEL-SEMI-ISAC-8: the curves cross where echo / (clutter + b/p) = link p / b
import matplotlib.pyplot as plt

power = np.geomspace(1e-3, 1e3, 400)
sensed = bandwidth_mhz * np.log2(1 + echo_gain * power / (clutter_gain * power + bandwidth_mhz))
served = bandwidth_mhz * np.log2(1 + link_gain[1] * power / bandwidth_mhz)
meeting = (echo_gain / link_gain[1] - 1) * bandwidth_mhz / clutter_gain
fig, ax = plt.subplots()
ax.plot(power, sensed, label="sensing")
ax.plot(power, served, "--", label="communication")
ax.axhline(bandwidth_mhz * np.log2(1 + echo_gain / clutter_gain), color="#5A5A5A", linestyle=":", label="ceiling of sensing")
if meeting > 0:
    ax.axvline(meeting, color="#B8420A", linewidth=1, label="equal rates")
ax.set(xlabel="Power (W)", ylabel="Rate (Mbit/s)", xscale="log")
ax.legend()
### END SOLUTION

# %% [markdown]
# ## Task 9: a design question (3 points, graded by hand)
#
# For the same money the operator of task 6 can have `extra_mhz` more megahertz or `extra_w` more watts. Which one should it take?
# Compute the gain of both offers with `best_rate` (it is given) in a cell of your own above the answer, and compare with what the
# prices predict: price times amount (if task 6 resists, any difference quotient with a small step will do for the prices).
# Which prediction is the better one, and on which side do both err? From which power budget on would your answer change? Answer
# in at most 150 words, with numbers.
#
# **Rubric.** 1 point: both gains and both predictions with their unit. 1 point: the predictions are too high because the value is
# concave, and the larger step errs more. 1 point: the choice follows from the numbers, and the power at which the two offers
# are worth the same was searched for (or shown not to exist in a stated range) rather than guessed.

# %% [markdown] nbgrader={"grade_id": "design", "grade": true, "solution": true, "points": 3}
# ### BEGIN SOLUTION
# SENTINEL-SEMI-ISAC-9. Gains are `best_rate(B + extra_mhz, P, f) - best_rate(B, P, f)` and the same with `P + extra_w`;
# predictions are the central differences times the amounts. V is concave, so that a tangent lies above it: both predictions are
# too high, the more so the larger the step is relative to the budget, which is usually the power. The price of power falls like
# 1/P while the price of bandwidth grows slowly with P, so that power wins at small budgets and bandwidth at large ones; a
# bisection on the difference of the two gains over P finds the change. An answer that names it, and says that the floor of the
# sensing user is kept meanwhile, has the last point.
# ### END SOLUTION

# %% tags=["key"]
# SENTINEL-SEMI-ISAC-KEY-9: gains of both offers, and what the prices predict
import json

now = best_rate(bandwidth_mhz, power_budget_w, min_sensing_mbps)
per_mhz, per_w, _ = prices(best_rate, bandwidth_mhz, power_budget_w, min_sensing_mbps)
key = {
    "gain of the band (Mbit/s)": best_rate(bandwidth_mhz + extra_mhz, power_budget_w, min_sensing_mbps) - now,
    "gain of the power (Mbit/s)": best_rate(bandwidth_mhz, power_budget_w + extra_w, min_sensing_mbps) - now,
    "prediction for the band (Mbit/s)": per_mhz * extra_mhz,
    "prediction for the power (Mbit/s)": per_w * extra_w,
}
print(json.dumps({"design": {name: float(value) for name, value in key.items()}}))
