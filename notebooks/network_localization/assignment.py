# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # Assignment: network localization
#
# **What you will learn.** What a base station hears while it listens for an echo, and why no power gets a range below a floor;
# how a list of requirements becomes the smallest powers that meet all of them; an optimum as an eigenvalue, with its proof; one
# step of the paper's algorithm, seen from inside; and how ranges become a position whose error can be predicted.
#
# **Read before.** The page [The model: who disturbs whom](book:notebooks/network_localization/model) of the chapter *Network
# localization*, and of the chapter *Foundations* the page [Fisher information for
# localization](book:notebooks/foundations/fisher_information). You need linear algebra, eigenvalues and NumPy; no solver is
# called here.
#
# **Time.** About three hours. The tasks do not use one another's answers: if one resists, go on with the next.
#
# **Rules.** Write your answers with NumPy, not by calling the function of `isaclib` that does the same. Where a shape is given,
# the tests may hand over lists as well as arrays (`np.asarray` takes both), and of another length than in your variant. The test
# cell below an answer is silent when it passes; some further tests run only when your work is graded.

# %% nbgrader={"grade_id": "setup", "locked": true}
import numpy as np

from isaclib.foundations import channels, fisher, geometry

# %% [markdown]
# All numbers of your variant stand in the next cell. Tasks refer to them by name.

# %% tags=["parameters"] nbgrader={"grade_id": "parameters", "locked": true}
target_xy_m = [20.0, -15.0]  # horizontal position of the target (m); variant: 10..35|-30..-5
user_angles_deg = [70.0, 200.0, 300.0]  # direction of each user, seen from its station; variant: 30..90|170..230|280..330
user_distances_m = [55.0, 45.0, 60.0]  # distance of each user from its station (m); variant: 35..65
self_interference_db = -105.0  # gain from a station's transmitter to its own receiver (dB); variant: -112..-98
max_power_w = 1.0  # largest power of every station (W); variant: 0.5..2 step 0.25
min_comm_sinr_db = 3.0  # threshold of every user (dB); variant: 2..4 step 0.5
cross_section_m2 = 10.0  # radar cross-section of the target (m^2); variant: 5..20
processing_gain_db = 46.0  # of coherent processing at the stations (dB); variant: 43..48
carrier_hz = 3.5e9  # (Hz)
bandwidth_hz = 98.28e6  # (Hz)
noise_w = 2e-12  # at every receiver (W)

# %% [markdown]
# Three base stations stand 10 m high on a circle around the origin; users and target are 1.5 m above the ground. In a matrix of
# gains the row is the receiver and the column the transmitting station.

# %% nbgrader={"grade_id": "scene", "locked": true}
around = np.deg2rad([0.0, 120.0, 240.0])
stations_m = np.column_stack([100 * np.cos(around), 100 * np.sin(around), np.full(3, 10.0)])  # (3, 3)
toward = np.deg2rad(user_angles_deg)
aside_m = np.array(user_distances_m)[:, None] * np.column_stack([np.cos(toward), np.sin(toward)])
users_m = np.column_stack([stations_m[:, :2] + aside_m, np.full(3, 1.5)])
target_m = np.array([*target_xy_m, 1.5])
legs_m = geometry.distances_m(stations_m, target_m[None, :])[:, 0]
others = 1 - np.eye(3)

echoes = channels.radar_gain(legs_m[None, :], legs_m[:, None], carrier_hz, cross_section_m2)
echo_gain = np.diagonal(echoes)  # own echo of every station (3,)
bistatic_gain = echoes * others  # echoes of the other stations' signals (3, 3)
direct_gain = others * channels.carrier_path_gain(geometry.distances_m(stations_m, stations_m) + np.eye(3), carrier_hz, exponent=2.5)
self_gain = np.full(3, 10 ** (self_interference_db / 10))  # self-interference of every station (3,)
link_gain = channels.carrier_path_gain(geometry.distances_m(users_m, stations_m), carrier_hz, exponent=2.5)  # row: user
processing_gain = 10 ** (processing_gain_db / 10)

# In units of its own echo, station i needs p_i >= t (F p + v)_i for the ratio t; its user needs p_i >= (C p + u)_i.
F = (bistatic_gain + direct_gain + np.diag(self_gain)) / echo_gain[:, None]
v = noise_w / echo_gain
C = 10 ** (min_comm_sinr_db / 10) * link_gain * others / np.diagonal(link_gain)[:, None]
u = 10 ** (min_comm_sinr_db / 10) * noise_w / np.diagonal(link_gain)

# %% [markdown]
# ## Task 1: what integration costs (2 points)
#
# While station $i$ listens for its echo, it hears the bistatic echoes of the others' signals, the others' direct signals
# $g_{ji}$, and itself:
#
# $$
# \gamma_i = \frac{p_i |\alpha_{ii}|^2}{\sum_{j \ne i} p_j \left(|\alpha_{ji}|^2 + |g_{ji}|^2\right)
#     + p_i |\alpha^{\mathrm{SI}}_i|^2 + \sigma^2} .
# $$
#
# A stand-alone radar network would not hear the direct signals. Return both ratios. All arguments but the powers and the noise
# are power gains: the squared magnitudes of the formula, not the amplitudes. The matrices have the receiver in the row
# and a zero diagonal; they need not be symmetric.


# %% nbgrader={"grade_id": "ratios", "solution": true}
def sensing_ratios(powers_w, echo_gain, bistatic_gain, direct_gain, self_gain, noise_w):
    """Ratios (B,) with and (B,) without the direct signals, for powers (B,), matrices (B, B) and vectors (B,)."""
    ### BEGIN SOLUTION
    # SENTINEL-NETWORK-LOCALIZATION-1: a row of the matrix times the powers is what one receiver hears
    powers_w = np.asarray(powers_w, dtype=float)
    heard_w = np.asarray(bistatic_gain) @ powers_w + np.asarray(self_gain) * powers_w + noise_w
    signal_w = powers_w * np.asarray(echo_gain)
    return signal_w / (heard_w + np.asarray(direct_gain) @ powers_w), signal_w / heard_w
    ### END SOLUTION


# %% nbgrader={"grade_id": "ratios-test", "grade": true, "points": 2}
hand = sensing_ratios([2.0, 4.0], [3.0, 5.0], [[0.0, 0.5], [0.25, 0.0]], [[0.0, 1.0], [3.0, 0.0]], [0.5, 0.25], 1.0)
assert np.allclose(hand[1], [6 / 4, 20 / 2.5]), "alone: station 1 hears 2 W of bistatic echo, 1 W of itself and 1 W of noise"
assert np.allclose(hand[0], [6 / 8, 20 / 8.5]), "together: 4 W and 6 W of direct signals are added"
### BEGIN HIDDEN TESTS
# SENTINEL-NETWORK-LOCALIZATION-HIDDEN-1
draw = np.random.default_rng(1)
powers = max_power_w * draw.uniform(0.1, 1, 3)
both, alone = sensing_ratios(powers, echo_gain, bistatic_gain, direct_gain, self_gain, noise_w)
assert np.allclose(both, powers / (F @ powers + v), rtol=1e-9), "the scene with direct signals"
assert np.allclose(alone, powers / ((F - direct_gain / echo_gain[:, None]) @ powers + v), rtol=1e-9), "the scene without"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: the floor of self-interference (2 points)
#
# A range measured in the bandwidth $W$ at the ratio $\gamma$, with the processing gain $G$, has the standard deviation
# $\sigma = c / (2 W \sqrt{2 G \gamma})$. Station $i$ hears an interference of $I$ watt from others, noise included, and its own
# self-interference, a *gain* on its own power. Which power does it need for $\sigma$? Show that no power is enough when
# $\sigma$ is at or below
#
# $$ \frac{c}{2W} \sqrt{\frac{|\alpha^{\mathrm{SI}}_i|^2}{2 G\, |\alpha_{ii}|^2}} , $$
#
# and return infinity there. Use $c = 299\,792\,458$ m/s.


# %% nbgrader={"grade_id": "needed-power", "solution": true}
def power_for_std(std_m, echo_gain, self_gain, interference_w, bandwidth_hz, processing_gain):
    """Least power in W with which one station measures the range with this standard deviation, or inf; numbers only."""
    ### BEGIN SOLUTION
    # SENTINEL-NETWORK-LOCALIZATION-2: the ratio needed, then one linear equation for the power
    ratio = (299_792_458.0 / (2 * bandwidth_hz * std_m)) ** 2 / (2 * processing_gain)
    left = echo_gain - ratio * self_gain
    return ratio * interference_w / left if left > 0 else np.inf
    ### END SOLUTION


# %% nbgrader={"grade_id": "needed-power-test", "grade": true, "points": 2}
light_m_per_s = 299_792_458.0
floor_m = light_m_per_s / (2 * bandwidth_hz) * np.sqrt(self_gain[0] / (2 * processing_gain * echo_gain[0]))
interference_w = direct_gain[0] @ np.full(3, max_power_w) + noise_w
for times_floor in (1.01, 1.5, 4.0):
    std_m = times_floor * floor_m
    power = power_for_std(std_m, echo_gain[0], self_gain[0], interference_w, bandwidth_hz, processing_gain)
    ratio = power * echo_gain[0] / (interference_w + power * self_gain[0])
    reached_m = light_m_per_s / (2 * bandwidth_hz * np.sqrt(2 * processing_gain * ratio))
    assert np.isclose(reached_m, std_m, rtol=1e-9), f"this power gives {reached_m:.4g} m and not {std_m:.4g} m"
### BEGIN HIDDEN TESTS
# SENTINEL-NETWORK-LOCALIZATION-HIDDEN-2
below = power_for_std(0.99 * floor_m, echo_gain[0], self_gain[0], interference_w, bandwidth_hz, processing_gain)
assert np.isinf(below) and below > 0, "no power reaches a standard deviation below the floor"
ideal = power_for_std(0.99 * floor_m, echo_gain[0], 0.0, interference_w, bandwidth_hz, processing_gain)
assert np.isfinite(ideal) and ideal > 0, "without self-interference there is no floor"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: the least powers (3 points)
#
# All stations want the ratio $t$, and all users their threshold. Together that is
#
# $$ p_i \ge I_i(p) = \max\bigl\{ t\,(F p + v)_i,\; (C p + u)_i \bigr\} \quad\text{for all } i, $$
#
# with non-negative $F$, $v$, $C$, $u$. Show that $I$ is a *standard interference function*: it is positive, it grows with $p$,
# and $I(\kappa p) < \kappa I(p)$ for $\kappa > 1$. Show then that the sequence $p, I(p), I(I(p)), \dots$ that starts with $p = 0$
# never falls, stays below every vector that meets all requirements, and so ends at the least of them, if there is one.
#
# Return these least powers, to a relative precision of $10^{-9}$ or better, or `None` if they do not exist or exceed the cap.
#
# <details><summary>A hint for task 3, which is a hard one</summary>
#
# One line of the loop is $I(p)$: a maximum of two vectors. Since the sequence never falls and stays below every vector that is
# enough, the first power above the cap answers the question. If all stay below the cap it converges, but perhaps slowly: a step
# of $10^{-9}$ does not mean an error of $10^{-9}$ when each step is 0.99 of the last. Stop far below the precision that is
# asked for, at the last digits of the machine.
#
# </details>


# %% nbgrader={"grade_id": "least-powers", "solution": true}
def least_powers(ratio, F, v, C, u, cap_w):
    """The least powers (B,) in W that meet all requirements for the ratio, or None where they exceed cap_w."""
    ### BEGIN SOLUTION
    # SENTINEL-NETWORK-LOCALIZATION-3: the iteration rises, so the first power above the cap ends it
    powers = np.zeros(len(v))
    while True:
        following = np.maximum(ratio * (F @ powers + v), C @ powers + u)
        if np.any(following > cap_w):
            return None
        if np.all(following - powers <= 1e-13 * following):
            return following
        powers = following
    ### END SOLUTION


# %% nbgrader={"grade_id": "least-powers-test", "grade": true, "points": 3}
full = np.full(3, max_power_w)
served = np.min(full / (F @ full + v))  # the worst ratio at full power, which serves all users
for share in (0.01, 0.5, 0.9):
    found = least_powers(share * served, F, v, C, u, max_power_w)
    assert found is not None, "full power meets all requirements, so there are least powers"
    asked = np.maximum(share * served * (F @ found + v), C @ found + u)
    assert np.allclose(found, asked, rtol=1e-7), "at the least powers every station meets its harder requirement with equality"
    assert np.all(found <= full * (1 + 1e-9)), "larger than powers that are known to be enough"
least = least_powers(0.5 * served, F, v, C, u, max_power_w)
tried = max_power_w * np.random.default_rng(3).random((20_000, 3))
enough = np.all(tried >= np.maximum(0.5 * served * (tried @ F.T + v), tried @ C.T + u), axis=1)
assert np.all(tried[enough] >= least * (1 - 1e-9)), "other powers are enough, and one of them is smaller"
assert least_powers(1.01 / np.min(np.diagonal(F)), F, v, C, u, max_power_w) is None, "above the limit of self-interference"
### BEGIN HIDDEN TESTS
# SENTINEL-NETWORK-LOCALIZATION-HIDDEN-3
two = np.array([[0.0, 0.5], [0.5, 0.0]])
hand = least_powers(1.0, two, np.array([1.0, 1.0]), 0 * two, np.array([0.1, 3.0]), 5.0)
assert np.allclose(hand, [2.5, 3.0]), "two stations by hand: the first wants its ratio, the second its user"
assert least_powers(1.0, two, np.array([1.0, 1.0]), 0 * two, np.array([0.1, 3.0]), 2.9) is None, "a cap that is too low"
slow = least_powers(1.0, 1.98 * two, np.ones(2), 0 * two, np.zeros(2), 200.0)
assert slow is not None and np.allclose(slow, 100.0, rtol=1e-9, atol=0), "a sequence that comes near by one per cent a step"
assert least_powers(0.5 * served, F, v, C, 1e9 * u + max_power_w, max_power_w) is None, "users that cannot be served"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: an optimum as an eigenvalue (3 points)
#
# Leave the users out. Then the best powers give *all* stations the same ratio $t$, and one station $k$ is at its cap
# $P_{\max}$. From $p = t\,(F p + v)$ and $1 = p_k / P_{\max}$,
#
# $$ p = t \left( F + \frac{v\, e_k^{\mathsf T}}{P_{\max}} \right) p , $$
#
# so that $p$ is a positive eigenvector of a non-negative matrix. By Perron and Frobenius it belongs to the spectral radius. Show
# that the right $k$ is the one with the *largest* spectral radius (what happens to the powers of the others for a wrong $k$?),
# and return the optimal ratio and its powers.


# %% nbgrader={"grade_id": "perron", "solution": true}
def best_ratio(F, v, cap_w):
    """The largest worst ratio, and the powers (B,) in W that reach it, no power above cap_w."""
    ### BEGIN SOLUTION
    # SENTINEL-NETWORK-LOCALIZATION-4: for a wrong k some other power would exceed the cap
    best = np.inf
    for k in range(len(v)):
        values, vectors = np.linalg.eig(F + np.outer(v, np.eye(len(v))[k]) / cap_w)
        top = np.argmax(np.abs(values))
        if 1 / np.abs(values[top]) < best:
            best, vector, capped = 1 / np.abs(values[top]), np.abs(vectors[:, top]), k
    return best, cap_w * vector / vector[capped]
    ### END SOLUTION


# %% nbgrader={"grade_id": "perron-test", "grade": true, "points": 3}
ratio, powers = best_ratio(F, v, max_power_w)
assert np.shape(powers) == (3,) and np.all(powers > 0), "three positive powers"
assert np.isclose(np.max(powers), max_power_w, rtol=1e-9), "exactly the cap is used"
assert np.allclose(powers / (F @ powers + v), ratio, rtol=1e-7, atol=0), "all stations must have the same ratio"
draw = np.random.default_rng(4)
tried = max_power_w * draw.random((20_000, 3))
tried_ratio = np.min(tried / (tried @ F.T + v), axis=1)
assert np.all(tried_ratio <= ratio * (1 + 1e-9)), "random powers are better"
### BEGIN HIDDEN TESTS
# SENTINEL-NETWORK-LOCALIZATION-HIDDEN-4
ratio, powers = best_ratio(np.array([[0.0, 2.0], [8.0, 0.0]]), np.array([1e-12, 1e-12]), 1.0)
assert np.isclose(ratio, 0.25, rtol=1e-6) and np.allclose(powers, [0.5, 1.0]), "two stations, hardly any noise"
for _ in range(20):
    matrix, column = draw.uniform(0, 1, (4, 4)), draw.uniform(0.1, 3, 4)
    ratio, powers = best_ratio(matrix, column, 2.0)
    assert np.allclose(powers / (matrix @ powers + column), ratio, rtol=1e-7) and np.isclose(np.max(powers), 2.0)
alone = best_ratio(np.diag([3.0, 1.0]), np.array([1.0, 2.0]), 1.0)
assert np.isclose(alone[0], 0.25) and np.isclose(alone[1][0], 1.0), "no interference: the station with the worst ratio is at the cap"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: bisection on a margin, over many decades (3 points)
#
# With users there is no single eigenvalue, but a question that is easy to answer: how much power does the ratio $t$ need? The
# oracle below says by which factor the neediest station would exceed the cap: at most 1 means that $t$ can be reached, infinity
# that no powers at all are enough. It increases with $t$. (So that answers are cheap here it leaves the users out.)
#
# Nobody knows in advance whether the answer is $10^{-9}$ or $10$. Return the last bracket `(low, high)`: `low` can be reached,
# `high` cannot, and `high <= (1 + tolerance) * low`. An oracle may be expensive: do not ask more than 45 questions for a
# bracket that starts with 15 decades and ends with a tolerance of $10^{-9}$. `high` is out of reach at the start; if `low` is,
# too, return `(0.0, low)`.

# %% nbgrader={"grade_id": "oracle", "locked": true}
largest_gain = np.max(np.abs(np.linalg.eigvals(F)))


def needed_over_cap(ratio):
    """Largest of the least powers for the ratio, over the cap; infinity where there are none."""
    if ratio * largest_gain >= 1:
        return np.inf
    return float(np.max(np.linalg.solve(np.eye(3) - ratio * F, ratio * v)) / max_power_w)


# %% nbgrader={"grade_id": "bisection", "solution": true}
def largest_ratio(needed, low, high, tolerance):
    """The last bracket (low, high) around the largest ratio that can be reached; needed(t) <= 1 says that t can."""
    ### BEGIN SOLUTION
    # SENTINEL-NETWORK-LOCALIZATION-5: halve the number of decades, not the distance
    if needed(low) > 1:
        return 0.0, low
    while high > (1 + tolerance) * low:
        middle = np.sqrt(low) * np.sqrt(high)
        if needed(middle) <= 1:
            low = middle
        else:
            high = middle
    return low, high
    ### END SOLUTION


# %% nbgrader={"grade_id": "bisection-test", "grade": true, "points": 3}
asked = []


def counted(function):
    asked.clear()
    return lambda ratio: (asked.append(ratio), function(ratio))[1]


low, high = largest_ratio(counted(needed_over_cap), 1e-12, 1e3, 1e-9)
assert len(asked) <= 45, f"{len(asked)} questions are too many"
assert needed_over_cap(low) <= 1 < needed_over_cap(high), "the answer is not between these ends"
assert high <= (1 + 1e-9) * low, "the bracket is too wide"
nothing = largest_ratio(counted(lambda ratio: np.inf), 1e-12, 1e3, 1e-9)
assert nothing[0] == 0.0 and nothing[1] == 1e-12, "even the lower end is out of reach"
### BEGIN HIDDEN TESTS
# SENTINEL-NETWORK-LOCALIZATION-HIDDEN-5
radii = [np.max(np.abs(np.linalg.eigvals(F + np.outer(v, np.eye(3)[k]) / max_power_w))) for k in range(3)]
assert np.isclose(low, 1 / np.max(radii), rtol=1e-7, atol=0), "the closed form by eigenvalues"
for edge in (3e-11, 0.2, 700.0):
    low, high = largest_ratio(counted(lambda ratio, edge=edge: (ratio / edge) ** 4), 1e-12, 1e3, 1e-9)
    assert low <= edge < high <= (1 + 1e-9) * low and len(asked) <= 45, f"an answer at {edge}"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: one step of the paper's algorithm (3 points)
#
# With a slack $\beta$ above interference plus noise, a station's requirement is $S \ge t\beta$, where $S$ is the power of its
# echo. The paper writes $t\beta = \tfrac14 (t+\beta)^2 - \tfrac14 (t-\beta)^2$ and replaces the second square by its tangent at
# the last point $(t_0, \beta_0)$:
#
# $$ S \;\ge\; \tfrac14 \left[ (t+\beta)^2 - 2 (t_0 - \beta_0)(t - \beta) + (t_0 - \beta_0)^2 \right] . $$
#
# Show that the right side is $t\beta + \tfrac14 [(t-\beta) - (t_0-\beta_0)]^2$, so that whatever it allows is truly allowed. For
# one station whose interference is known, one step is a quadratic equation: return the largest $t$ that it allows. You may rely
# on $t = t_0$ meeting this approximate requirement with the given $\beta$, so that the answer is never below $t_0$.
#
# (For yourself, not graded: try $S = 1$, $\beta = \beta_0 = 100$ from $t_0 = 0.001$, and then $\beta = \beta_0 = 0.01$ from
# $t_0 = 10$: both are a factor of 10 below their end. How many steps does each take to come within 0.1 %?)


# %% nbgrader={"grade_id": "dc-step", "solution": true}
def dc_step(signal, beta, t0, beta0):
    """The largest t that the approximate requirement allows, for the slack beta and the last point (t0, beta0)."""
    ### BEGIN SOLUTION
    # SENTINEL-NETWORK-LOCALIZATION-6: d^2/4 + b d + c = 0 for the change d of t
    change = beta - beta0
    b = beta0 + change / 2
    c = t0 * beta + change**2 / 4 - signal
    return t0 + 2 * (np.sqrt(b**2 - c) - b)
    ### END SOLUTION


# %% nbgrader={"grade_id": "dc-step-test", "grade": true, "points": 3}
def right_side(t, beta, t0, beta0):
    return ((t + beta) ** 2 - 2 * (t0 - beta0) * (t - beta) + (t0 - beta0) ** 2) / 4


for signal, beta, t0, beta0 in ((1.0, 1.0, 0.5, 1.0), (2.0, 0.8, 0.9, 1.1), (0.3, 2.0, 0.1, 1.9), (1.0, 3.0, 0.3, 3.0)):
    t = dc_step(signal, beta, t0, beta0)
    assert np.isclose(right_side(t, beta, t0, beta0), signal, rtol=1e-9), "the requirement must hold with equality"
    assert t >= t0 and right_side(1.001 * t, beta, t0, beta0) > signal, "a larger t is allowed"
    assert t * beta <= signal * (1 + 1e-12), "the true requirement is violated"
### BEGIN HIDDEN TESTS
# SENTINEL-NETWORK-LOCALIZATION-HIDDEN-6
draw = np.random.default_rng(6)
for _ in range(100):
    t0, beta0 = draw.uniform(0.1, 3, 2)
    beta = beta0 * draw.uniform(0.8, 1.2)
    signal = right_side(t0, beta, t0, beta0) * draw.uniform(1.0, 4)
    t = dc_step(signal, beta, t0, beta0)
    assert np.isclose(right_side(t, beta, t0, beta0), signal, rtol=1e-9) and t >= t0 * (1 - 1e-12)
t = 0.5
for _ in range(200):
    t = dc_step(1.0, 1.0, t, 1.0)
assert np.isclose(t, 1.0, rtol=1e-9), "the steps must end at S over beta"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: from ranges to a position (4 points)
#
# Station $i$ at $b_i$ (three coordinates) measures the range $r_i = \lVert (q, z) - b_i \rVert + \varepsilon_i$ to a target
# whose height $z$ is known, with a Gaussian error of standard deviation $\sigma_i$. Find the position $q$ that minimises
#
# $$ \sum_i \frac{\left(r_i - \lVert (q, z) - b_i \rVert\right)^2}{\sigma_i^2} $$
#
# by Gauss–Newton: replace each distance by its tangent at the last $q$, solve the weighted linear least squares, repeat. With
# $u_i$ the *horizontal* part of the unit vector from station to target, $J = \sum_i \sigma_i^{-2} u_i u_i^{\mathsf T}$ is both
# the matrix of the linear equations and the Fisher information. Return the position and the bound $\operatorname{tr} J^{-1}$
# there. Why is $u_i$ shorter than 1, and what does a tall mast cost?
#
# <details><summary>A hint for task 7, which is a hard one</summary>
#
# At the current $q$ the distance to station $i$ changes by $u_i^{\mathsf T} \delta$ for a small step $\delta$. So the step
# solves $J \delta = \sum_i \sigma_i^{-2} u_i\, (r_i - \lVert (q, z) - b_i \rVert)$. Compare $u_i$ with a difference quotient of
# the distance first: the height stands in the distance, but not among the two unknowns. Some eight steps are plenty.
#
# </details>


# %% nbgrader={"grade_id": "position", "solution": true}
def locate(ranges_m, stds_m, stations_m, height_m, start_m):
    """Position (2,) in m and the bound in m^2, from ranges (B,), standard deviations (B,), stations (B, 3), a start (2,)."""
    ### BEGIN SOLUTION
    # SENTINEL-NETWORK-LOCALIZATION-7: from a start inside the network a few steps are plenty
    q, weights = np.array(start_m, dtype=float), 1 / np.asarray(stds_m, dtype=float) ** 2
    for _ in range(8):
        difference = np.array([*q, height_m]) - stations_m
        distance = np.linalg.norm(difference, axis=1)
        directions = difference[:, :2] / distance[:, None]
        information = (weights[:, None] * directions).T @ directions
        q = q + np.linalg.solve(information, directions.T @ (weights * (ranges_m - distance)))
    return q, np.trace(np.linalg.inv(information))
    ### END SOLUTION


# %% nbgrader={"grade_id": "position-test", "grade": true, "points": 4}
stds_m = np.array([0.3, 0.8, 1.5])
found, bound_m2 = locate(legs_m, stds_m, stations_m, 1.5, np.zeros(2))
assert np.allclose(found, target_xy_m, atol=1e-6), "exact ranges must give the position exactly"
arrows = (target_m - stations_m)[:, :2] / legs_m[:, None]
assert np.isclose(bound_m2, np.trace(np.linalg.inv((arrows / stds_m[:, None] ** 2).T @ arrows)), rtol=1e-6), "tr J^-1"


def cost(q, ranges_m):
    return np.sum((ranges_m - np.linalg.norm(np.array([*q, 1.5]) - stations_m, axis=1)) ** 2 / stds_m**2)


noisy = legs_m + stds_m * np.array([1.0, -1.5, 0.5])
found, _ = locate(noisy, stds_m, stations_m, 1.5, np.zeros(2))
for shift in 1e-3 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]):
    assert cost(found, noisy) <= cost(found + shift, noisy), "a position one millimetre away fits better"
### BEGIN HIDDEN TESTS
# SENTINEL-NETWORK-LOCALIZATION-HIDDEN-7
draw = np.random.default_rng(7)
stds_m = 0.2 * stds_m
trials = legs_m + stds_m * draw.standard_normal((400, 3))
errors = np.array([locate(ranges, stds_m, stations_m, 1.5, np.zeros(2))[0] for ranges in trials]) - target_xy_m
_, bound_m2 = locate(legs_m, stds_m, stations_m, 1.5, np.zeros(2))
assert np.isclose(bound_m2, fisher.crb_trace(arrows, stds_m**-2), rtol=1e-6)
assert abs(np.sqrt(np.mean(np.sum(errors**2, axis=1)) / bound_m2) - 1) < 0.1, "the simulated error must meet the bound"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 8: a figure (2 points, graded by hand)
#
# Draw the standard deviation of the range of station 1 over its own power, from $10^{-4}$ to 100 times `max_power_w`, while the
# two others send with `max_power_w`: once with the self-interference of your variant, once with 20 dB more. Mark the cap, and
# show the floor of each curve as a horizontal line. Use `F[0]`, `v[0]`, `processing_gain`; more self-interference changes
# `F[0, 0]` only. Draw with `matplotlib.pyplot`.
#
# **Rubric.** 1 point: both curves and floors are right; one can see where power helps and where it does not. 1 point: both axes
# carry a quantity and a unit, the scales suit the values, every line is explained.

# %% nbgrader={"grade_id": "figure", "grade": true, "solution": true, "points": 2}
### BEGIN SOLUTION
# SENTINEL-NETWORK-LOCALIZATION-8: the floor is reached when the own self-interference exceeds everything else
import matplotlib.pyplot as plt

own_w = max_power_w * np.geomspace(1e-4, 100, 400)
scale_m = 299_792_458.0 / (2 * bandwidth_hz * np.sqrt(2 * processing_gain))
fig, ax = plt.subplots()
for extra_db, color in ((0, "#0B5FA5"), (20, "#B8420A")):
    own_gain = F[0, 0] * 10 ** (extra_db / 10)
    heard = own_w * own_gain + max_power_w * (F[0, 1] + F[0, 2]) + v[0]
    ax.plot(own_w, scale_m * np.sqrt(heard / own_w), color=color, label=f"self-interference {self_interference_db + extra_db:g} dB")
    ax.axhline(scale_m * np.sqrt(own_gain), color=color, linestyle=":", label="its floor")
ax.axvline(max_power_w, color="0.4", linestyle="--", label="cap")
ax.set(xlabel="Power of station 1 (W)", ylabel="Standard deviation of its range (m)", xscale="log", yscale="log")
ax.legend()
### END SOLUTION

# %% [markdown]
# ## Task 9: a design question (3 points, graded by hand)
#
# The network of this assignment sends with full power, and the users are content. Now the self-interference of all stations
# rises by 10 dB. A colleague has read that a good algorithm "aims to lower the transmit power of all BSs as the SI level rises"
# and wants to send with half of the power everywhere. What is the worst standard deviation of a range, at full power, at half
# power and at the optimum of task 4, before and after the rise? (That optimum leaves the users out. After the rise its powers may
# leave a user below its threshold: you need not repair that, but say so if your proposal rests on it.) Which station must send at
# its cap there, and could you have known before solving that one must? Answer in at most 200 words with the six numbers, and say what you would do instead of the
# colleague's proposal. The formula of task 4 gives the optimum (its three eigenvalue problems take one line each, should your
# function resist); $\sigma = c/(2W\sqrt{2G\gamma})$.
#
# **Rubric.** 1 point: six right numbers with their unit. 1 point: the argument that scaling all powers up improves *every*
# ratio, so that at least one station is at its cap at every optimum; the right station named. 1 point: a proposal that follows
# from the numbers (which powers to lower and why, or that self-interference itself must be reduced), and what it assumes.

# %% [markdown] nbgrader={"grade_id": "design", "grade": true, "solution": true, "points": 3}
# ### BEGIN SOLUTION
# SENTINEL-NETWORK-LOCALIZATION-9. Multiply all powers by the same factor above 1: signal and interference grow alike, the noise
# does not, so every ratio of sensing and of the users grows. As long as no station is at its cap, this is possible. So half of
# the power everywhere is worse than full power before and after the rise, if only a little, because noise is small beside the
# interference; and every optimum has a station at its cap. It is the k with the largest spectral radius in task 4: the station
# that hears its own echo worst beside what the others send, usually the one farthest from the target. The numbers follow from
# F, v and F + 9 diag(self_gain / echo_gain). What helps is to lower the powers of the *other* stations, which have ratio to
# spare. After the rise this helps less: the own self-interference, which grows with the own power, sets a floor that no choice of
# powers moves. Then the money belongs into cancelling self-interference.
# ### END SOLUTION

# %% tags=["key"]
# SENTINEL-NETWORK-LOCALIZATION-KEY-9: ratios at full power, half power and the optimum, before and after 10 dB more
import json

risen = F + 9 * np.diag(np.diag(F))
key = {}
for when, matrix in (("before", F), ("after", risen)):
    for how, powers in (("full power", np.full(3, max_power_w)), ("half power", np.full(3, max_power_w / 2))):
        key[f"{how}, {when} the rise"] = np.min(powers / (matrix @ powers + v))
    key[f"optimum without users, {when} the rise"] = best_ratio(matrix, v, max_power_w)[0]
scale_m = 299_792_458.0 / (2 * bandwidth_hz * np.sqrt(2 * processing_gain))
print(json.dumps({"design": {f"{name} (m)": float(scale_m / np.sqrt(ratio)) for name, ratio in key.items()}}))
