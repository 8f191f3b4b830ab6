# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # Assignment: wireless powered ISAC
#
# **What you will learn.** How powers turn into a bound on a position error, and why more power never hurts it; what a joule
# harvested in the first part of a frame is worth in the second; what a change to logarithms does to a throughput and to an
# error limit, and how one step of a successive convex approximation repairs the second; when transmitting with maximum power is
# a bad idea; and how a problem with seven variables shrinks to a search in one.
#
# **Read before.** The page [The model, and why its optimum can be had](book:notebooks/wireless_powered/model) of the chapter
# *Wireless powered ISAC*, and of the chapter *Foundations* the page [Fisher information for
# localization](book:notebooks/foundations/fisher_information). You need derivatives, logarithms and NumPy; no solver is called
# here.
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
user_angles_deg = [15.0, 120.0, 250.0]  # directions of the users, seen from the base station; variant: 0..40|100..150|220..280
user_distances_m = [3.0, 4.5, 6.0]  # their distances from the base station (m); variant: 2.5..3.5|4..5|5.5..7
target_m = [4.0, -2.5]  # position of the target (m); variant: 3..5|-4..-2
bs_power_w = 10.0  # power of the base station while it charges (W); variant: 6..20
max_power_w = 2.0  # largest transmit power of a user (W); variant: 1..4 step 0.25
time_budget_s = 10.0  # length of a frame (s); variant: 5..20 step 0.5
harvest_efficiency = [0.7, 0.5, 0.6]  # share of the received power that is stored (1); variant: 0.4..0.8
limit_over_best = 4.0  # error limit over the bound at full power (1); variant: 2..8 step 0.5
bandwidth_hz = 1e6  # of every transmission (Hz)
noise_w = 1e-10  # at the base station (W)

# %% [markdown]
# The base station stands at the origin and is transmitter 0; the users are the transmitters 1 to 3. Gains fall with the
# distance to the power 2.5, without fading.

# %% nbgrader={"grade_id": "scene", "locked": true}
angles = np.deg2rad(user_angles_deg)
users_m = np.array(user_distances_m)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)  # (3, 2)
transmitters_m = np.vstack([np.zeros(2), users_m])  # (4, 2)
law = dict(exponent=2.5, reference_gain=1e-3)
user_gain = channels.path_gain(np.array(user_distances_m), **law)  # between base station and user
gain_per_w = user_gain / noise_w  # a_m: signal-to-noise ratio per transmitted watt (1/W)
harvest_w = np.array(harvest_efficiency) * user_gain * bs_power_w  # c_m: power that is stored while charging (W)
to_target = channels.path_gain(geometry.distances_m(transmitters_m, np.array([target_m]))[:, 0], **law)
information_per_w = 8 * (np.pi * bandwidth_hz / 3e8) ** 2 * to_target / noise_w  # K_m: information per watt (1/(W m^2))
gradients = geometry.bistatic_range_gradients(transmitters_m, np.zeros(2), np.array([target_m]))[:, 0]  # g_m: (4, 2)

# %% [markdown]
# ## Task 1: the bound from pairs (2 points)
#
# Ranges with weights $w_m = p_m K_m$ (in $1/\text{m}^2$) and gradients $g_m$ carry the information $J = \sum_m w_m\, g_m
# g_m^{\mathsf T}$ with the diagonal $A, B$ and the other entry $C$. Lagrange's identity, which also proves the inequality of
# Cauchy and Schwarz, reads
#
# $$
# \Bigl(\sum_m a_m^2\Bigr)\Bigl(\sum_m b_m^2\Bigr) - \Bigl(\sum_m a_m b_m\Bigr)^2 = \sum_{i<j} (a_i b_j - a_j b_i)^2 .
# $$
#
# Choose $a_m$ and $b_m$ such that its left side is $\det J$, and write $\operatorname{tr} J^{-1} = (A+B)/\det J$ with the sum
# over pairs. When is the bound infinite? The test holds two transmitters whose gradients differ by $10^{-8}$ radians.


# %% nbgrader={"grade_id": "bound", "solution": true}
def error_bound_m2(gradients, weights):
    """Bound on the mean squared position error: gradients (M, 2) and weights (M,) in 1/m^2 give m^2, inf where there is none."""
    ### BEGIN SOLUTION
    # SENTINEL-WIRELESS-POWERED-1: a_m = sqrt(w_m) x_m and b_m = sqrt(w_m) y_m
    gradients, weights = np.asarray(gradients, dtype=float), np.asarray(weights, dtype=float)
    determinant = 0.0
    for i in range(len(weights)):
        for j in range(i):
            cross = gradients[i, 0] * gradients[j, 1] - gradients[j, 0] * gradients[i, 1]
            determinant += weights[i] * weights[j] * cross**2
    return np.sum(weights[:, None] * gradients**2) / determinant if determinant > 0 else np.inf
    ### END SOLUTION


# %% nbgrader={"grade_id": "bound-test", "grade": true, "points": 2}
weights = information_per_w * np.array([bs_power_w, *np.full(3, max_power_w)])
information = np.einsum("m,mi,mj->ij", weights, gradients, gradients)
assert np.isclose(error_bound_m2(gradients, weights), np.trace(np.linalg.inv(information)), rtol=1e-9), "compare with the inverse"
close = np.array([0.7, 0.7 + 1e-8])
nearly = np.stack([np.cos(close), np.sin(close)], axis=-1)
assert np.isclose(error_bound_m2(nearly, np.array([4.0, 9.0])), 13 / 36e-16, rtol=1e-6), "two directions 1e-8 rad apart"
### BEGIN HIDDEN TESTS
# SENTINEL-WIRELESS-POWERED-HIDDEN-1
draw = np.random.default_rng(1)
for count in (2, 3, 7):
    many, heavy = draw.normal(size=(count, 2)), draw.uniform(0.1, 3, count)
    assert np.isclose(error_bound_m2(many, heavy), fisher.crb_trace(many, heavy), rtol=1e-9), f"{count} random ranges"
assert np.isinf(error_bound_m2(np.array([[1.0, 2.0], [2.0, 4.0]]), np.ones(2))), "parallel gradients locate nothing"
assert np.isinf(error_bound_m2(np.array([[1.0, 2.0]]), np.ones(1))), "one range alone locates nothing"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: more power never hurts the bound (2 points)
#
# With $\mathrm d(J^{-1}) = -J^{-1}\,\mathrm dJ\,J^{-1}$ show that
#
# $$ \frac{\partial}{\partial p_m} \operatorname{tr} J^{-1} = -K_m \lVert J^{-1} g_m \rVert^2 \le 0 , $$
#
# and write it for all transmitters. Show also that $\sum_m p_m\, \partial \operatorname{tr}J^{-1}/\partial p_m =
# -\operatorname{tr} J^{-1}$: twice the power everywhere halves the bound.


# %% nbgrader={"grade_id": "slopes", "solution": true}
def bound_slopes(gradients, information_per_w, powers_w):
    """Derivatives of the bound with respect to each power: (M, 2), (M,) in 1/(W m^2) and (M,) in W give (M,) in m^2/W."""
    ### BEGIN SOLUTION
    # SENTINEL-WIRELESS-POWERED-2: tr(J^-1 g g^T J^-1) is the squared length of J^-1 g
    weights = np.asarray(information_per_w) * np.asarray(powers_w)
    inverse = np.linalg.inv(np.einsum("m,mi,mj->ij", weights, gradients, gradients))
    return -np.asarray(information_per_w) * np.sum((np.asarray(gradients) @ inverse) ** 2, axis=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "slopes-test", "grade": true, "points": 2}
def bound_at(powers):
    return np.trace(np.linalg.inv(np.einsum("m,mi,mj->ij", information_per_w * powers, gradients, gradients)))


powers = np.array([bs_power_w, *(max_power_w * np.array([0.9, 0.4, 0.6]))])
found = bound_slopes(gradients, information_per_w, powers)
assert np.shape(found) == (4,), f"the shape is {np.shape(found)}, not (4,)"
for m in range(4):
    shift = 1e-4 * powers[m] * np.eye(4)[m]
    slope = (bound_at(powers + shift) - bound_at(powers - shift)) / (2 * shift[m])
    assert np.isclose(found[m], slope, rtol=1e-5, atol=0), f"not the slope of the bound in the power of transmitter {m}"
### BEGIN HIDDEN TESTS
# SENTINEL-WIRELESS-POWERED-HIDDEN-2
draw = np.random.default_rng(2)
for count in (2, 5):
    many, per_watt, spent = draw.normal(size=(count, 2)), draw.uniform(0.1, 3, count), draw.uniform(0.1, 3, count)
    slopes = bound_slopes(many, per_watt, spent)
    assert np.all(slopes <= 0), "more power never hurts"
    assert np.isclose(spent @ slopes, -fisher.crb_trace(many, per_watt * spent), rtol=1e-9), "the sum over p_m times slope"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: what a frame delivers (2 points)
#
# The base station charges for $t_0$ seconds; meanwhile user $m$ stores $c_m$ watt. Then the users send one after the other,
# user $m$ for $t_m$ seconds with a constant power $p_m$, which is limited twice: the energy spent must have been stored,
# $t_m p_m \le c_m t_0$, and $p_m \le P_{\max}$. Return the largest powers, and the bits that each user delivers with them over
# a bandwidth $W$ at $a_m$ (1/W) of signal-to-noise ratio per watt. A user without a slot delivers nothing and has the power 0.


# %% nbgrader={"grade_id": "frame", "solution": true}
def frame(charging_s, times_s, harvest_w, gain_per_w, cap_w, bandwidth_hz):
    """Largest powers (M,) in W and the bits delivered (M,), for a charging time and the slots (M,) in s."""
    ### BEGIN SOLUTION
    # SENTINEL-WIRELESS-POWERED-3: energy over time is a power
    times_s = np.asarray(times_s, dtype=float)
    sends = times_s > 0
    stored_w = np.asarray(harvest_w) * charging_s / np.where(sends, times_s, 1.0)
    powers_w = np.where(sends, np.minimum(stored_w, cap_w), 0.0)
    return powers_w, times_s * bandwidth_hz * np.log2(1 + np.asarray(gain_per_w) * powers_w)
    ### END SOLUTION


# %% nbgrader={"grade_id": "frame-test", "grade": true, "points": 2}
powers, bits = frame(8.0, [2.0, 0.5], [0.003, 0.001], [250.0, 3500.0], 0.002, 1e6)
assert np.allclose(powers, [0.002, 0.002]), "0.012 W and 0.016 W are stored, both above the cap of 0.002 W"
powers, bits = frame(8.0, [2.0, 0.5], [0.003, 0.001], [250.0, 3500.0], 0.014, 1e6)
assert np.allclose(powers, [0.012, 0.014]), "the energy limits the first user, the cap the second"
assert np.allclose(bits, [4e6, 0.5e6 * np.log2(50)]), "0.012 W give a ratio of 3, hence 2 bit per second and hertz"
### BEGIN HIDDEN TESTS
# SENTINEL-WIRELESS-POWERED-HIDDEN-3
slots = time_budget_s * np.array([0.02, 0.0, 1e-5])
powers, bits = frame(0.9 * time_budget_s, slots, harvest_w, gain_per_w, max_power_w, bandwidth_hz)
assert powers[1] == 0 and bits[1] == 0, "a user without a slot"
assert np.all(powers * slots <= harvest_w * 0.9 * time_budget_s * (1 + 1e-12)) and np.all(powers <= max_power_w)
assert np.isclose(powers[0], 45 * harvest_w[0]), "0.9 of the frame charges a slot of 0.02 of the frame"
assert np.allclose(bits, slots * bandwidth_hz * np.log2(1 + gain_per_w * powers))
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: the logarithm makes the throughput concave (2 points)
#
# The paper puts $t_m = e^{u_m}$ and $p_m = e^{v_m}$, so that $\ln\bigl(t_m \log_2(1 + a_m p_m)\bigr) = u_m + \ln \log_2(1 +
# a_m e^{v_m})$. Show, with $x = a e^v$ and $L = \ln(1+x)$, that
#
# $$ \frac{\mathrm d^2}{\mathrm dv^2} \ln\log_2(1 + a e^v) = \frac{x\,(L - x)}{(1+x)^2 L^2} < 0 , $$
#
# and write it for arrays of $v$. The test goes down to $x = 10^{-8}$, where $L - x$ is the difference of nearly equal numbers:
# `np.log1p` knows better than `np.log`.


# %% nbgrader={"grade_id": "curvature", "solution": true}
def log_rate_curvature(v, gain_per_w):
    """Second derivative of ln(log2(1 + gain exp(v))) with respect to v, entry by entry."""
    ### BEGIN SOLUTION
    # SENTINEL-WIRELESS-POWERED-4: the first derivative is x / ((1 + x) L), and dx/dv = x
    x = gain_per_w * np.exp(v)
    level = np.log1p(x)
    return x * (level - x) / ((1 + x) ** 2 * level**2)
    ### END SOLUTION


# %% nbgrader={"grade_id": "curvature-test", "grade": true, "points": 2}
v = np.log(np.array([1e-6, 1e-5, 1e-4, 1e-2, 1.0]))
step = 1e-3
values = [np.log(np.log2(1 + gain_per_w[0] * np.exp(v + shift))) for shift in (-step, 0, step)]
second = (values[0] - 2 * values[1] + values[2]) / step**2
found = log_rate_curvature(v, gain_per_w[0])
assert np.allclose(found, second, rtol=1e-3, atol=1e-8), "not the second derivative with respect to v"
weak = log_rate_curvature(np.log(1e-8 / gain_per_w[0]), gain_per_w[0])
assert np.isclose(weak, -0.5e-8, rtol=1e-3, atol=0), "for small x the value is -x/2"
### BEGIN HIDDEN TESTS
# SENTINEL-WIRELESS-POWERED-HIDDEN-4
grid = np.linspace(-16, 12, 200)
assert np.all(log_rate_curvature(grid, 1.0) < 0), "concave everywhere"
assert np.isclose(log_rate_curvature(0.0, 1.0), (np.log(2) - 1) / (4 * np.log(2) ** 2), rtol=1e-9), "x = 1"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: one step of the successive convex approximation (3 points)
#
# The price of the logarithms: with $p_m = e^{v_m}$ the limit $\operatorname{tr} J^{-1} \le \eta$ becomes $F(v) \le 0$ with
#
# $$
# F(v) = \sum_m \alpha_m e^{v_m} - \eta\, D(v), \qquad D(v) = \sum_{i<j} \beta_{ij}\, e^{v_i + v_j}, \qquad
# \alpha_m = K_m \lVert g_m\rVert^2, \quad \beta_{ij} = K_i K_j (g_i \times g_j)^2 ,
# $$
#
# a difference of two convex functions. The paper's algorithm replaces $D$ by its tangent at the last point $\bar v$. Write the
# function that it then uses,
#
# $$ \tilde F(v) = \sum_m \alpha_m e^{v_m} - \eta \bigl[ D(\bar v) + \nabla D(\bar v)^{\mathsf T} (v - \bar v) \bigr] , $$
#
# and prove that $\tilde F \ge F$: whatever meets the approximate limit meets the true one. `beta` is symmetric with a zero
# diagonal, and each *pair* counts once in $D$.


# %% nbgrader={"grade_id": "tangent", "solution": true}
def convexified(v, start, alpha, beta, limit_m2):
    """The approximate constraint (to be at most 0) at v (M,), built at start (M,); alpha (M,), beta (M, M)."""
    ### BEGIN SOLUTION
    # SENTINEL-WIRELESS-POWERED-5: dD/dv_i = e^{v_i} sum_j beta_ij e^{v_j}, and its sum over i is 2 D
    there = np.exp(start)
    slopes = there * (beta @ there)
    return np.sum(alpha * np.exp(v)) - limit_m2 * (0.5 * np.sum(slopes) + slopes @ (np.asarray(v) - start))
    ### END SOLUTION


# %% nbgrader={"grade_id": "tangent-test", "grade": true, "points": 3}
cross = gradients[:, None, 0] * gradients[None, :, 1] - gradients[None, :, 0] * gradients[:, None, 1]
alpha = information_per_w * np.sum(gradients**2, axis=1)
beta = information_per_w[:, None] * information_per_w[None, :] * cross**2
start = np.log(np.array([bs_power_w, *(max_power_w * np.array([0.5, 0.3, 0.8]))]))
limit_m2 = limit_over_best * fisher.crb_trace(gradients, information_per_w * np.exp(start)) / 3


def true_constraint(v):
    return np.sum(alpha * np.exp(v)) - limit_m2 * 0.5 * np.exp(v) @ beta @ np.exp(v)


size = np.sum(alpha * np.exp(start))
assert abs(convexified(start, start, alpha, beta, limit_m2) - true_constraint(start)) <= 1e-9 * size, "equal at the start"
for m in range(4):
    shift = 1e-5 * np.eye(4)[m]
    mine = convexified(start + shift, start, alpha, beta, limit_m2) - convexified(start - shift, start, alpha, beta, limit_m2)
    true = true_constraint(start + shift) - true_constraint(start - shift)
    assert abs(mine - true) <= 1e-5 * abs(true) + 1e-12 * size, f"the slope in v[{m}] differs at the start"
draw = np.random.default_rng(5)
for _ in range(100):
    v = start + draw.normal(size=4)
    assert convexified(v, start, alpha, beta, limit_m2) >= true_constraint(v) - 1e-9 * size, "below the true constraint"
### BEGIN HIDDEN TESTS
# SENTINEL-WIRELESS-POWERED-HIDDEN-5
for _ in range(100):
    one, two = start + draw.normal(size=(2, 4))
    ends = [convexified(end, start, alpha, beta, limit_m2) for end in (one, two)]
    middle = convexified((one + two) / 2, start, alpha, beta, limit_m2)
    assert middle <= np.mean(ends) + 1e-9 * np.max(np.abs(ends)), "not convex"
hand = convexified(np.log([2.0, 3.0]), np.zeros(2), np.array([1.0, 4.0]), np.array([[0.0, 5.0], [5.0, 0.0]]), 2.0)
assert np.isclose(hand, 14 - 2 * (5 + 5 * np.log(6))), "two transmitters by hand"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: when is maximum power not optimal? (3 points)
#
# One user, no target. It spends all that it has stored, $p\,t = c\,t_0$, and the frame is full, $t_0 + t = T$. Show that it
# delivers
#
# $$ T\, W\, \frac{c\, \log_2(1 + a p)}{c + p} \quad\text{bit}, $$
#
# that the best power without a cap solves $(1 + x) \ln(1 + x) = k + x$ with $x = ap$ and $k = ac$, and that the left side minus
# the right side is increasing. When is maximum power optimal, and when not? Return the best power up to `cap_w`, to a relative
# precision of $10^{-9}$ or better.


# %% nbgrader={"grade_id": "best-power", "solution": true}
def best_power(gain_per_w, harvest_w, cap_w):
    """The power in W, at most cap_w, with which a single user delivers most."""
    ### BEGIN SOLUTION
    # SENTINEL-WIRELESS-POWERED-6: maximum power is optimal exactly if the slope is still positive there
    k = gain_per_w * harvest_w

    def too_much(power):
        x = gain_per_w * power
        return (1 + x) * np.log1p(x) > k + x

    if not too_much(cap_w):
        return cap_w
    low, high = 0.0, cap_w
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if too_much(middle) else (middle, high)
    return low
    ### END SOLUTION


# %% nbgrader={"grade_id": "best-power-test", "grade": true, "points": 3}
for gain, harvest in [*zip(gain_per_w, harvest_w), (30.0, 0.5), (2.0, 0.2)]:
    for cap in (max_power_w, 1e-5):
        power = best_power(gain, harvest, cap)
        grid = cap * np.geomspace(1e-7, 1, 400_001)
        best = np.max(harvest * np.log2(1 + gain * grid) / (harvest + grid))
        assert 0 < power <= cap, f"{power} W is not a power up to {cap} W"
        own = harvest * np.log2(1 + gain * power) / (harvest + power)
        assert own >= best * (1 - 1e-9), f"gain {gain:.4g}/W, {harvest:.4g} W stored, cap {cap} W: a grid finds a better power"
### BEGIN HIDDEN TESTS
# SENTINEL-WIRELESS-POWERED-HIDDEN-6
x = gain_per_w[0] * best_power(gain_per_w[0], harvest_w[0], max_power_w)
assert np.isclose((1 + x) * np.log1p(x), gain_per_w[0] * harvest_w[0] + x, rtol=1e-7), "the condition does not hold"
edge = 7.0 / 3.0  # x = 7 is best for k = 8 ln 8 - 7
assert np.isclose(best_power(3.0, (8 * np.log(8) - 7) / 3, 10.0), edge, rtol=1e-8), "a case with a known answer"
assert np.isclose(best_power(3.0, (8 * np.log(8) - 7) / 3, 2.0), 2.0, rtol=1e-8), "below the best power the cap is optimal"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: the optimum by one search (4 points)
#
# Several users and an error limit: maximise the *smallest* number of bits over the charging time, the slots and the powers.
#
# * With fixed powers, $r_m = \log_2(1 + a_m p_m)$, everybody delivers $R$ bits in the slots $t_m = R/(W r_m)$. Charging takes $t_0
#   = sR/W$ with $s \ge \max_m p_m/(r_m c_m)$, and the full frame gives $R = WT/G$, $\;G = s + \sum_m 1/r_m$.
# * For a given $s$ the energy limits the power by $p_m/r_m \le s\,c_m$, where the left side increases with $p_m$. Everything
#   improves with power, so the best powers are the largest ones: energy or the cap stops them. (For $s\,c_m \le \ln 2/a_m$ no
#   positive power is left.)
# * Along this curve $G(s)$ is convex, and the error limit, which gets easier with power, says $s \ge s_{\min}$.
#
# Search $s$, and return powers, charging time and slots. `limit_holds(powers_w)` says whether the error limit is met; it holds
# at full power, and once it holds it holds for all larger powers. Ask for the throughput to a relative precision of $10^{-6}$.
# The convex $G$ falls first and then rises, over many decades of $s$: search its logarithm.
#
# <details><summary>A hint for task 7, which is a hard one</summary>
#
# Begin with a function that returns the largest powers for a given $s$: a bisection between 0 and the cap for each user. Then
# $G(s)$ is one line. Its search starts just above $s = \max_m \ln 2/(a_m c_m)$, where the last user gets a positive power, and
# ends where everybody is at the cap. Ask `limit_holds` last: if it fails at the best $s$, bisect between this $s$ and the upper
# end for $s_{\min}$; since $G$ is convex, $s_{\min}$ is then the optimum. Why?
#
# </details>


# %% nbgrader={"grade_id": "optimum", "solution": true}
def best_frame(gain_per_w, harvest_w, cap_w, time_budget_s, limit_holds):
    """Powers (M,) in W, charging time in s and slots (M,) in s that maximise the smallest number of bits."""
    ### BEGIN SOLUTION
    # SENTINEL-WIRELESS-POWERED-7: the powers rise along the curve, so the limit is one more lower end of the search
    gain_per_w, harvest_w = np.asarray(gain_per_w, dtype=float), np.asarray(harvest_w, dtype=float)

    def powers_at(s):
        low, high = np.full(len(gain_per_w), -30.0), np.zeros(len(gain_per_w))  # ln of the power over the cap
        for _ in range(45):
            middle = (low + high) / 2
            power = cap_w * np.exp(middle)
            fits = power <= s * harvest_w * np.log2(1 + gain_per_w * power)
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        return cap_w * np.exp(low)

    def total(s):
        rates = np.log2(1 + gain_per_w * powers_at(s))
        return s + np.sum(1 / rates) if np.all(rates > 0) else np.inf

    low = np.log(np.max(np.log(2) / (gain_per_w * harvest_w)))
    high = np.log(np.max(cap_w / (harvest_w * np.log2(1 + gain_per_w * cap_w)))) + 1e-6
    left, right = low, high
    for _ in range(60):  # where the limit begins to hold
        middle = (left + right) / 2
        left, right = (left, middle) if limit_holds(powers_at(np.exp(middle))) else (middle, right)
    start, end = right, high
    for _ in range(50):  # a convex function also falls and then rises over the logarithm
        one, two = start + (end - start) * np.array([0.382, 0.618])
        start, end = (start, two) if total(np.exp(one)) <= total(np.exp(two)) else (one, end)
    s = np.exp(right if total(np.exp(right)) <= total(np.exp(end)) else end)
    powers = powers_at(s)
    share = time_budget_s / total(s)
    return powers, s * share, share / np.log2(1 + gain_per_w * powers)
    ### END SOLUTION


# %% nbgrader={"grade_id": "optimum-test", "grade": true, "points": 4}
def bits_per_hz(powers, count=3):
    """Smallest number of bits per hertz with the best times for given powers (..., M)."""
    rates = np.log2(1 + gain_per_w[:count] * powers)
    charging = np.max(powers / (rates * harvest_w[:count]), axis=-1)
    return time_budget_s / (charging + np.sum(1 / rates, axis=-1))


def checked(answer, holds, count=3):
    powers, charging_s, times_s = answer
    assert np.shape(powers) == (count,) and np.shape(times_s) == (count,), "one power and one slot per user"
    assert np.all(powers <= max_power_w * (1 + 1e-9)) and np.all(powers > 0), "powers within their limits"
    assert charging_s + np.sum(times_s) <= time_budget_s * (1 + 1e-9), "the frame is too long"
    assert np.all(powers * times_s <= harvest_w[:count] * charging_s * (1 + 1e-6)), "more energy than was stored"
    assert holds(powers * (1 + 1e-6)), "the error limit is not met"
    return np.min(times_s * np.log2(1 + gain_per_w[:count] * powers))


def bound_of(powers):
    return fisher.crb_trace(gradients, information_per_w * np.array([bs_power_w, *powers]))


def limit_holds(powers):
    return bound_of(powers) <= limit_over_best * bound_of(np.full(3, max_power_w))


grid = max_power_w * np.geomspace(1e-6, 1, 700)
pairs = np.stack(np.meshgrid(grid, grid), axis=-1)
free = checked(best_frame(gain_per_w[:2], harvest_w[:2], max_power_w, time_budget_s, lambda p: True), lambda p: True, 2)
assert free >= np.max(bits_per_hz(pairs, 2)) * (1 - 1e-6), "two users, no limit: a grid of powers finds more bits"
total_power = 0.3 * max_power_w  # stands for a limit: it asks for power
strict = checked(
    best_frame(gain_per_w[:2], harvest_w[:2], max_power_w, time_budget_s, lambda p: np.sum(p) >= total_power),
    lambda p: np.sum(p) >= total_power,
    2,
)
allowed = np.where(np.sum(pairs, axis=-1) >= total_power, bits_per_hz(pairs, 2), 0)
assert strict >= np.max(allowed) * (1 - 1e-6), "two users, a limit: a grid of powers finds more bits"
limited = checked(best_frame(gain_per_w, harvest_w, max_power_w, time_budget_s, limit_holds), limit_holds)
assert limited >= bits_per_hz(np.full(3, max_power_w)) * (1 - 1e-9), "full power delivers more and meets the limit"
### BEGIN HIDDEN TESTS
# SENTINEL-WIRELESS-POWERED-HIDDEN-7
draw = np.random.default_rng(7)
tried = max_power_w * 10 ** draw.uniform(-2.5, 0, (20_000, 3))
weights = information_per_w * np.hstack([np.full((len(tried), 1), bs_power_w), tried])
met = fisher.crb_trace(gradients, weights) <= limit_over_best * bound_of(np.full(3, max_power_w))
assert limited >= np.max(np.where(met, bits_per_hz(tried), 0)) * (1 - 1e-6), "random powers that meet the limit deliver more"
strictest = best_frame(gain_per_w, harvest_w, max_power_w, time_budget_s, lambda p: np.all(p >= 0.999999 * max_power_w))
assert np.allclose(strictest[0], max_power_w, rtol=1e-4), "a limit that only full power meets"
free = best_frame(gain_per_w, harvest_w, max_power_w, time_budget_s, lambda p: True)
for factor in (0.999, 1.001):
    assert bits_per_hz(free[0] * factor) <= np.min(free[2] * np.log2(1 + gain_per_w * free[0])) * (1 + 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 8: a figure (2 points, graded by hand)
#
# User 1 is alone and has no target. Draw the bits that it delivers over the length of its slot, from $10^{-5}$ s to nearly
# `time_budget_s`; the rest of the frame charges it, and it sends with the largest power that energy and cap allow. Mark the best
# slot, and the slot below which the cap stops the power. Use `gain_per_w[0]`, `harvest_w[0]` and `max_power_w`, and draw with
# `matplotlib.pyplot`.
#
# **Rubric.** 1 point: the curve is right, with its peak and the straight part under the cap visible. 1 point: both axes carry a
# quantity and a unit, the scales suit the values, both marks are explained.

# %% nbgrader={"grade_id": "figure", "grade": true, "solution": true, "points": 2}
### BEGIN SOLUTION
# SENTINEL-WIRELESS-POWERED-8: below the cap's slot the power is constant and the bits are proportional to the slot
import matplotlib.pyplot as plt

slot_s = np.geomspace(1e-5, 0.999 * time_budget_s, 2000)
sent_w = np.minimum(max_power_w, harvest_w[0] * (time_budget_s - slot_s) / slot_s)
sent_bits = slot_s * bandwidth_hz * np.log2(1 + gain_per_w[0] * sent_w)
cap_slot_s = harvest_w[0] * time_budget_s / (harvest_w[0] + max_power_w)
fig, ax = plt.subplots()
ax.plot(slot_s, sent_bits / 1e3)
ax.axvline(slot_s[np.argmax(sent_bits)], label="best slot", color="#B8420A", linestyle="--")
ax.axvline(cap_slot_s, label="shorter slots meet the cap", color="0.4", linestyle=":")
ax.set(xlabel="Slot of the user (s)", ylabel="Delivered in a frame (kbit)", xscale="log", yscale="log")
ax.legend()
### END SOLUTION

# %% [markdown]
# ## Task 9: a design question (3 points, graded by hand)
#
# The error limit is so strict that all three users must send with `max_power_w`. With given powers everybody delivers
#
# $$ R = \frac{W T}{s + \sum_m 1/r_m}, \qquad s = \max_m \frac{p_m}{r_m c_m}, \qquad t_0 = \frac{sR}{W} . $$
#
# There is money for one improvement: twice the power of the base station while it charges; or twice the harvest efficiency of one
# user of your choice; or a second receiver, after which half of the power is enough for every user. What is the charging time
# now, how long are the slots, and what does each improvement give? Answer in at most 200 words, with the numbers, and say which
# one you would choose and why. Then look at the slots: the model counts the *power* of a transmission as information, however
# short it is. Would you sign a contract on this position error?
#
# **Rubric.** 1 point: charging time, slots and the three throughputs are right, with units. 1 point: the reason is the formula
# (charging fills the frame, so that $R \approx WT/s$, and the weakest user sets $s$). 1 point: the answer says that information
# should grow with energy, and what this would change.

# %% [markdown] nbgrader={"grade_id": "design", "grade": true, "solution": true, "points": 3}
# ### BEGIN SOLUTION
# SENTINEL-WIRELESS-POWERED-9. At full power charging takes all but some milliseconds of the frame: s is several orders of
# magnitude larger than the sum of 1/r. So R is nearly W T min_m r_m c_m / p_m, and one user, the one with the smallest r c, sets
# it. Twice the power of the base station doubles all c and nearly doubles R. Twice the efficiency of the limiting user raises R
# until the next user limits: by a factor of at most two, and hardly if the next is close; any other user gives nothing. Half of the power
# halves p while r loses one bit of some seventeen: R grows by nearly two, a little less than with the base station's power, and
# the base station pays nothing for it. The slots are fractions of a millisecond to a few milliseconds long. A real receiver
# integrates: its range error falls with the energy p t, not with p. Counted by energy, a burst of a millisecond is worth a
# thousandth of a second of the same power, the error would be far larger than the model says, and long slots with small powers,
# as without the limit, would locate as well. So: no signature on this model.
# ### END SOLUTION

# %% tags=["key"]
# SENTINEL-WIRELESS-POWERED-KEY-9: the formula of the task, now and for each improvement
import json


def all_bits(power_w, harvested_w):
    rate = np.log2(1 + gain_per_w * power_w)
    slowest = np.max(power_w / (rate * harvested_w))
    bits = bandwidth_hz * time_budget_s / (slowest + np.sum(1 / rate))
    return bits, slowest * bits / bandwidth_hz, bits / (bandwidth_hz * rate)


bits, charging_s, slots_s = all_bits(max_power_w, harvest_w)
key = {"throughput now (bit)": bits, "charging time (s)": charging_s}
key |= {f"slot of user {number} (s)": slot for number, slot in enumerate(slots_s, 1)}
key["twice the power of the base station (bit)"] = all_bits(max_power_w, 2 * harvest_w)[0]
key["twice the efficiency of the best choice of a user (bit)"] = max(all_bits(max_power_w, harvest_w * (1 + row))[0] for row in np.eye(3))
key["half of the power (bit)"] = all_bits(max_power_w / 2, harvest_w)[0]
print(json.dumps({"design": {name: float(value) for name, value in key.items()}}))
