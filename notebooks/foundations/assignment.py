# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # Assignment: the foundations
#
# **What you will learn.** How a range measurement turns into Fisher information, why geometry decides a position error, how a
# limit on the error becomes a cone, and three ways to be sure of an optimum: a bisection that trusts a number and not a
# message, a ratio solved by a few simple problems, and a worst case over a ball that is proved and not sampled.
#
# **Read before.** The pages [Fisher information for localization](book:notebooks/foundations/fisher_information) and [A
# convexity toolbox](book:notebooks/foundations/convexity) of the chapter *Foundations*. You need linear algebra, gradients and
# NumPy; no solver is called here.
#
# **Time.** About three hours. The tasks do not use one another's answers: if one resists, go on with the next.
#
# **Rules.** Write your answers with NumPy, not by calling the function of `isaclib` that does the same. Where a shape is given,
# the tests may hand over lists as well as arrays (`np.asarray` takes both), and of another length than in your variant. The test
# cell below an answer is silent when it passes; some further tests run only when your work is graded.

# %% nbgrader={"grade_id": "setup", "locked": true}
import numpy as np

from isaclib.foundations import fisher, geometry

# %% [markdown]
# All numbers of your variant stand in the next cell. Tasks refer to them by name.

# %% tags=["parameters"] nbgrader={"grade_id": "parameters", "locked": true}
anchor_angles_deg = [20.0, 75.0, 150.0, 260.0]  # of the anchors, seen from the origin; variant: 5..35|60..90|130..170|220..280
anchor_distance_m = 60.0  # distance of the anchors from the origin (m); variant: 40..90
range_std_m = [0.5, 0.8, 0.6, 1.1]  # standard deviation of each range (m); variant: 0.3..1.4
crb_limit_m2 = 0.4  # largest position error bound allowed (m^2); variant: 0.2..0.8
cross_gain = [0.11, 0.05, 0.08]  # power gain from each transmitter to the other links (1); variant: 0.03..0.15
link_noise_w = 0.02  # noise of every link, relative to its own gain (W); variant: 0.01..0.05
link_power_w = 1.0  # largest transmit power of every link (W); variant: 0.5..2 step 0.25
channel_snr_per_w = [9.0, 4.0, 1.5, 0.3]  # SNR per watt of four channels (1/W); variant: 5..12|3..5|1..2|0.2..0.5
channel_cap_w = [0.3, 0.6, 2.0, 2.0]  # largest power of each channel (W); variant: 0.1..0.4|0.4..0.8|1..3|1..3
circuit_w = 1.2  # power of the circuits (W); variant: 0.8..2.5
error_radius = 0.35  # largest norm of the channel error (1); variant: 0.2..0.5
new_angles_deg = [110.0, 205.0]  # two places for a fifth anchor; variant: 95..125|190..215

# %% nbgrader={"grade_id": "scene", "locked": true}
angles = np.deg2rad(anchor_angles_deg)
anchors_m = anchor_distance_m * np.stack([np.cos(angles), np.sin(angles)], axis=-1)  # (4, 2)
receiver_m = np.array([3.0, -5.0])
target_m = np.array([8.0, 12.0])

# %% [markdown]
# ## Task 1: the gradient of a bistatic range (2 points)
#
# A transmitter at $x_m$ sends, a target at $q$ reflects, a receiver at $r$ listens. The path has the length
#
# $$ d_m(q) = \lVert x_m - q\rVert + \lVert r - q\rVert . $$
#
# How far does the measurement move when the target moves? Derive $\nabla_q d_m$ on paper, then write a function for all
# transmitters at once. No loops are needed.


# %% nbgrader={"grade_id": "range-gradient", "solution": true}
def bistatic_gradients(transmitters_m, receiver_m, target_m):
    """Gradients of the bistatic ranges with respect to the target: (M, 2) and (2,) and (2,) give (M, 2)."""
    ### BEGIN SOLUTION
    # SENTINEL-FOUNDATIONS-1: d|q - x|/dq is the unit vector from x to q, and both legs change
    from_transmitters = target_m - np.asarray(transmitters_m)
    from_receiver = target_m - np.asarray(receiver_m)
    leg = from_transmitters / np.linalg.norm(from_transmitters, axis=-1, keepdims=True)
    return leg + from_receiver / np.linalg.norm(from_receiver)
    ### END SOLUTION


# %% nbgrader={"grade_id": "range-gradient-test", "grade": true, "points": 2}
def path_lengths(target):
    return np.linalg.norm(anchors_m - target, axis=1) + np.linalg.norm(receiver_m - target)


step_m = 1e-5
found = bistatic_gradients(anchors_m, receiver_m, target_m)
assert np.shape(found) == (4, 2), f"the shape is {np.shape(found)}, not (4, 2)"
for axis in range(2):
    shift = step_m * np.eye(2)[axis]
    slope = (path_lengths(target_m + shift) - path_lengths(target_m - shift)) / (2 * step_m)
    assert np.allclose(found[:, axis], slope, atol=1e-6), f"component {axis} is not the slope of the path length"
### BEGIN HIDDEN TESTS
# SENTINEL-FOUNDATIONS-HIDDEN-1
same_place = bistatic_gradients(receiver_m[None, :], receiver_m, target_m)
assert np.isclose(np.linalg.norm(same_place), 2), "a transmitter at the receiver must give a gradient of length 2"
between = bistatic_gradients((2 * target_m - receiver_m)[None, :], receiver_m, target_m)
assert np.allclose(between, 0, atol=1e-12), "a target between transmitter and receiver must give a gradient of 0"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: Fisher information is a weighted sum of outer products (2 points)
#
# The ranges are measured with independent Gaussian errors of standard deviation $\sigma_m$. Show that minus the
# expected second derivative of the log-likelihood is
#
# $$ J = \sum_m \frac{1}{\sigma_m^2}\, g_m g_m^{\mathsf T}, $$
#
# where $g_m$ is the gradient of range $m$, and write it. Check its unit: $1/\text{m}^2$.


# %% nbgrader={"grade_id": "information", "solution": true}
def information_matrix(gradients, std_m):
    """Fisher information of the position: gradients (M, 2) and standard deviations (M,) give (2, 2) in 1/m^2."""
    ### BEGIN SOLUTION
    # SENTINEL-FOUNDATIONS-2: the curvature of a Gaussian log-likelihood is one over its variance
    gradients = np.asarray(gradients, dtype=float)
    return gradients.T @ (gradients / np.asarray(std_m, dtype=float)[:, None] ** 2)
    ### END SOLUTION


# %% nbgrader={"grade_id": "information-test", "grade": true, "points": 2}
two = information_matrix(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.5, 2.0]))
assert np.shape(two) == (2, 2), f"the shape is {np.shape(two)}, not (2, 2)"
assert np.allclose(two, np.diag([4.0, 0.25])), "ranges along x (0.5 m) and y (2 m) carry 4 and 0.25 per square metre"
directions = geometry.unit_vectors(anchors_m, target_m[None, :])[:, 0]
mine = information_matrix(directions, np.array(range_std_m))
assert np.allclose(mine, mine.T) and np.all(np.linalg.eigvalsh(mine) > 0), "an information matrix is symmetric and positive"
### BEGIN HIDDEN TESTS
# SENTINEL-FOUNDATIONS-HIDDEN-2
assert np.allclose(mine, fisher.range_fim(directions, np.array(range_std_m) ** -2.0))
draw = np.random.default_rng(2)
many, spread = draw.normal(size=(7, 2)), draw.uniform(0.1, 3, 7)
assert np.allclose(information_matrix(many, spread), fisher.range_fim(many, spread**-2)), "seven random ranges"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: the determinant, without cancellation (3 points)
#
# Let $A$, $B$ be the diagonal of $J$ and $C$ its other entry, with weights $w_m = 1/\sigma_m^2$. Prove
#
# $$ \det J = AB - C^2 = \sum_{i<j} w_i w_j \,(g_i \times g_j)^2, \qquad a \times b = a_x b_y - a_y b_x . $$
#
# (Write the product of sums as a double sum and pair $(i,j)$ with $(j,i)$.) The left side subtracts two nearly equal numbers
# when all directions agree; the right side adds what is left. Write the right side: the test holds two anchors that stand
# $10^{-8}$ radians apart.


# %% nbgrader={"grade_id": "determinant", "solution": true}
def pair_determinant(gradients, weights):
    """Determinant of the information as a sum over pairs: gradients (M, 2), weights (M,) in 1/m^2, gives 1/m^4."""
    ### BEGIN SOLUTION
    # SENTINEL-FOUNDATIONS-3: every pair once
    total = 0.0
    for i in range(len(weights)):
        for j in range(i):
            cross = gradients[i][0] * gradients[j][1] - gradients[i][1] * gradients[j][0]
            total += weights[i] * weights[j] * cross**2
    return total
    ### END SOLUTION


# %% nbgrader={"grade_id": "determinant-test", "grade": true, "points": 3}
directions = geometry.unit_vectors(anchors_m, target_m[None, :])[:, 0]
weights = np.array(range_std_m) ** -2.0
plain = np.linalg.det(np.einsum("m,mi,mj->ij", weights, directions, directions))
assert np.isclose(pair_determinant(directions, weights), plain, rtol=1e-9), "a well-spread geometry: compare with det J"
close = np.array([0.7, 0.7 + 1e-8])
nearly = np.stack([np.cos(close), np.sin(close)], axis=-1)
assert np.isclose(pair_determinant(nearly, np.array([4.0, 9.0])), 36e-16, rtol=1e-6), "two anchors 1e-8 rad apart"
### BEGIN HIDDEN TESTS
# SENTINEL-FOUNDATIONS-HIDDEN-3
draw = np.random.default_rng(3)
many, heavy = draw.normal(size=(6, 2)), draw.uniform(0.1, 3, 6)
assert np.isclose(pair_determinant(many, heavy), fisher.pair_determinant(many, heavy), rtol=1e-9), "six random ranges"
assert pair_determinant(many[:1], heavy[:1]) == 0, "one range alone locates nothing"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: a limit on the error is a second-order cone (3 points)
#
# No unbiased estimate of the position has a mean squared error below $\operatorname{tr} J^{-1} = (A+B)/(AB-C^2)$. We want
# powers such that $J \succ 0$ and $\operatorname{tr} J^{-1} \le \eta$. The entries $A$, $B$, $C$ are linear in the powers, but
# this ratio is not. Use $4AB = (A+B)^2 - (A-B)^2$ and complete a square: the two conditions together are **one** condition
#
# $$ \lVert v \rVert_2 \le s , $$
#
# where the vector $v$ (three entries) and the number $s$ are affine in $(A, B, C)$. Find them.


# %% nbgrader={"grade_id": "cone", "solution": true}
def crb_cone(a, b, c, limit_m2):
    """The vector v with three entries and the number s, affine in a, b, c, such that |v| <= s is the error limit."""
    ### BEGIN SOLUTION
    # SENTINEL-FOUNDATIONS-4: (A + B - 2/eta)^2 >= (A - B)^2 + (2C)^2 + (2/eta)^2
    return np.array([a - b, 2 * c, 2 / limit_m2]), a + b - 2 / limit_m2
    ### END SOLUTION


# %% nbgrader={"grade_id": "cone-test", "grade": true, "points": 3}
def cone_holds(matrix, limit):
    vector, right = crb_cone(matrix[0, 0], matrix[1, 1], matrix[0, 1], limit)
    assert np.shape(vector) == (3,), "v has three entries"
    return np.linalg.norm(vector) <= right


draw = np.random.default_rng(4)
for _ in range(200):
    root = draw.normal(size=(2, 2))
    matrix = root @ root.T
    matrix *= np.trace(np.linalg.inv(matrix)) / crb_limit_m2  # now the bound is exactly the limit
    assert cone_holds(1.001 * matrix, crb_limit_m2), "a little more information: the limit is met"
    assert not cone_holds(0.999 * matrix, crb_limit_m2), "a little less information: the limit is not met"
first, second = draw.normal(size=(2, 3))
(v1, s1), (v2, s2) = (crb_cone(*point, crb_limit_m2) for point in (first, second))
v3, s3 = crb_cone(*((first + second) / 2), crb_limit_m2)
assert np.allclose((v1 + v2) / 2, v3) and np.isclose((s1 + s2) / 2, s3), "v and s must be affine"
### BEGIN HIDDEN TESTS
# SENTINEL-FOUNDATIONS-HIDDEN-4
for _ in range(200):
    root = draw.normal(size=(2, 2))
    assert not cone_holds(-50 * root @ root.T, crb_limit_m2), "minus an information matrix never meets a limit"
    spread = draw.uniform(0.05, 20)
    matrix = root @ root.T
    assert cone_holds(matrix, spread) == (np.trace(np.linalg.inv(matrix)) <= spread)
assert not cone_holds(np.diag([1e9, 0.0]), crb_limit_m2), "a singular matrix never meets a limit"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: bisect on a number, not on a message (3 points)
#
# Three links share a band. For a target $t$ of the signal-to-interference-plus-noise ratio the oracle below returns the pair
# `(status, margin)`. The margin says how much more than the allowed power the links would need: at most 0 means that $t$ can be
# reached. It increases with $t$. The status imitates a solver: near the edge of what is possible it gives up and says
# `"failed"`, which says nothing about the problem.
#
# Write a bisection that returns the last bracket `(low, high)`: $t =$ `low` can be reached, `high` cannot, and
# `high - low <= tolerance * high`. You may rely on `low` being reachable and `high` not at the start.

# %% nbgrader={"grade_id": "oracle", "locked": true}
interference = np.array(cross_gain)[None, :] * (1 - np.eye(3))  # row: receiving link, column: transmitter


def oracle(target):
    """Status and margin of a target: the least powers solve p = target * (interference @ p + noise)."""
    reach = target * np.max(np.abs(np.linalg.eigvals(interference)))
    if reach >= 1:
        return "infeasible", np.inf
    powers = np.linalg.solve(np.eye(3) - target * interference, np.full(3, target * link_noise_w))
    margin = float(np.max(powers) / link_power_w - 1)
    if -0.5 < margin <= 0:
        return "failed", margin
    return ("optimal" if margin <= 0 else "infeasible"), margin


# %% nbgrader={"grade_id": "bisection", "solution": true}
def largest_reachable(oracle, low, high, tolerance):
    """The last bracket (low, high) around the largest target that can be reached."""
    ### BEGIN SOLUTION
    # SENTINEL-FOUNDATIONS-5: the sign of the margin decides
    while high - low > tolerance * high:
        middle = (low + high) / 2
        _, margin = oracle(middle)
        if margin <= 0:
            low = middle
        else:
            high = middle
    return low, high
    ### END SOLUTION


# %% nbgrader={"grade_id": "bisection-test", "grade": true, "points": 3}
low, high = largest_reachable(oracle, 1e-3, 1e3, 1e-6)
assert oracle(low)[1] <= 0, "the lower end must be reachable"
assert oracle(high)[1] > 0, "the upper end must not be reachable"
assert 0 <= high - low <= 1e-6 * high, "the bracket is too wide"
### BEGIN HIDDEN TESTS
# SENTINEL-FOUNDATIONS-HIDDEN-5
noise_part = np.full((3, 1), link_noise_w / link_power_w)
radii = [np.max(np.abs(np.linalg.eigvals(interference + noise_part * np.eye(3)[i]))) for i in range(3)]
assert np.isclose(low, 1 / max(radii), rtol=2e-6), "the closed form by eigenvalues"
asked = []
other = largest_reachable(lambda t: (asked.append(t), ("failed", t - 0.01))[1], 1e-6, 1e6, 1e-9)
assert other[0] <= 0.01 < other[1] and other[1] - other[0] <= 1e-9 * other[1], "a solver that always fails has a margin, too"
assert len(asked) < 100, "more than 100 questions"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: Dinkelbach in ten lines (4 points)
#
# How many bits per joule? Over $K$ channels,
#
# $$
# \max_{0 \le p_k \le \bar p_k}\; \frac{R(p)}{P(p)}, \qquad R(p) = \sum_k \log_2(1 + g_k p_k), \quad P(p) = \sum_k p_k + P_c .
# $$
#
# Dinkelbach's idea: for a price $q$, maximise $R(p) - q\,P(p)$, which is easy, and set $q$ to the ratio at the solution. The
# price rises to the best ratio, and very fast. Solve the inner problem by hand (one channel at a time; mind the base of the
# logarithm and the two limits), start from full power, and stop when the ratio rises by less than `tolerance` times itself.
#
# <details><summary>A hint for task 6, which is a hard one</summary>
#
# Look at one channel: the slope of $\log_2(1 + g p) - q p$ is $g / (\ln 2\,(1 + g p)) - q$, and it falls with $p$. Where is it
# zero? When does this point lie below 0, when above $\bar p$, and what is best then? A channel with $g = 0$ deserves a thought.
# Try one channel with numbers of your own before you write the loop.
#
# </details>


# %% nbgrader={"grade_id": "dinkelbach", "solution": true}
def dinkelbach(gain_per_w, cap_w, circuit_w, tolerance=1e-10):
    """Best powers (K,), their ratio in bit/J (per hertz), and the list of the ratios on the way, the first at full power."""
    ### BEGIN SOLUTION
    # SENTINEL-FOUNDATIONS-6: the derivative of log2(1 + g p) is g / (ln 2 (1 + g p))
    gain_per_w, powers = np.asarray(gain_per_w, dtype=float), np.asarray(cap_w, dtype=float)
    ratios = []
    while True:
        ratios.append(float(np.sum(np.log2(1 + gain_per_w * powers)) / (np.sum(powers) + circuit_w)))
        if len(ratios) > 1 and ratios[-1] - ratios[-2] <= tolerance * ratios[-1]:
            return powers, ratios[-1], ratios
        powers = np.clip(1 / (ratios[-1] * np.log(2)) - 1 / gain_per_w, 0, cap_w)
    ### END SOLUTION


# %% nbgrader={"grade_id": "dinkelbach-test", "grade": true, "points": 4}
powers, ratio, ratios = dinkelbach([channel_snr_per_w[0]], [5.0], circuit_w)
grid = np.linspace(0, 5, 200_001)
best = np.max(np.log2(1 + channel_snr_per_w[0] * grid) / (grid + circuit_w))
assert np.isclose(ratio, best, rtol=1e-6), f"one channel: a fine grid finds {best:.6f}"
assert np.isclose(ratio, np.log2(1 + channel_snr_per_w[0] * powers[0]) / (powers[0] + circuit_w)), "the ratio of these powers"
assert np.all(np.diff(ratios) >= -1e-12) and len(ratios) <= 12, "the ratios rise, in a few steps"
### BEGIN HIDDEN TESTS
# SENTINEL-FOUNDATIONS-HIDDEN-6
gains, caps = np.array(channel_snr_per_w), np.array(channel_cap_w)
powers, ratio, ratios = dinkelbach(gains, caps, circuit_w)
assert np.shape(powers) == (4,) and np.all(powers >= 0) and np.all(powers <= caps + 1e-12), "powers within their limits"
assert np.isclose(ratio, np.sum(np.log2(1 + gains * powers)) / (np.sum(powers) + circuit_w), rtol=1e-9)
slope = gains / (np.log(2) * (1 + gains * powers)) - ratio  # of R - q P: the sign says whether a change could help
assert np.all(slope[powers < caps - 1e-9] <= 1e-6), "more power on a channel would help"
assert np.all(slope[powers > 1e-9] >= -1e-6), "less power on a channel would help"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: the S-procedure for one ball (4 points)
#
# The channel is known up to an error $x$ with $\lVert x \rVert \le r$, and a link works when
# $f(x) = x^{\mathsf T} Q x + 2 b^{\mathsf T} x + c \ge 0$ for **every** such error. $Q$ may have negative eigenvalues, so that
# $f$ is not convex and trying out errors proves nothing. For a multiplier $\lambda \ge 0$ with $Q + \lambda I \succ 0$ show that
#
# $$
# f(x) \;\ge\; g(\lambda) = c - \lambda r^2 - b^{\mathsf T} (Q + \lambda I)^{-1} b \qquad \text{for all } \lVert x \rVert \le r
# $$
#
# (add $\lambda(\lVert x\rVert^2 - r^2) \le 0$ and complete the square). The S-lemma says that the best $\lambda$ leaves no gap.
# Maximise $g$: it is concave, and $g'(\lambda) = \lVert (Q + \lambda I)^{-1} b \rVert^2 - r^2$. In the tests $b$ has a part along
# every eigenvector of $Q$.
#
# <details><summary>A hint for task 7, which is a hard one</summary>
#
# Write $Q = V \operatorname{diag}(e)\, V^{\mathsf T}$ and $\tilde b = V^{\mathsf T} b$ once (`np.linalg.eigh`): then
# $g'(\lambda) = \sum_i \tilde b_i^2 / (e_i + \lambda)^2 - r^2$ costs nothing. It falls with $\lambda$, from infinity just above
# $-\min_i e_i$ to $-r^2$. If $\lambda = 0$ is allowed and $g'(0) \le 0$, you are done. Else double a step until the sign
# changes, then bisect.
#
# </details>


# %% nbgrader={"grade_id": "s-procedure", "solution": true}
def certified_minimum(q, b, c, radius):
    """The largest bound g(multiplier) on the minimum of f over the ball, and the multiplier, to about 1e-9."""
    ### BEGIN SOLUTION
    # SENTINEL-FOUNDATIONS-7: bisection on the sign of the slope, in the coordinates of the eigenvectors
    values, vectors = np.linalg.eigh(q)
    parts = vectors.T @ b
    low = max(0.0, -values[0])
    high = low + np.linalg.norm(b) / radius + 1.0
    if values[0] > 0 and np.sum((parts / values) ** 2) <= radius**2:
        high = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        if np.sum((parts / (values + middle)) ** 2) > radius**2:
            low = middle
        else:
            high = middle
    return c - high * radius**2 - np.sum(parts**2 / (values + high)), high
    ### END SOLUTION


# %% nbgrader={"grade_id": "s-procedure-test", "grade": true, "points": 4}
def least_on_ball(q, b, c, radius):
    """Trying out 200,000 errors: close to the minimum in the plane, but no proof."""
    angle, length = np.meshgrid(np.linspace(0, 2 * np.pi, 2001), radius * np.linspace(0, 1, 101))
    x, y = length * np.cos(angle), length * np.sin(angle)
    return np.min(q[0, 0] * x**2 + 2 * q[0, 1] * x * y + q[1, 1] * y**2 + 2 * (b[0] * x + b[1] * y) + c)


wanted, other = np.array([1.0, 0.6]), np.array([-0.4, 0.9])  # beams; the channel is (1.2, 0.5) plus the error
channel = np.array([1.2, 0.5])
form = np.outer(wanted, wanted) - 1.5 * np.outer(other, other)
cases = [(form, form @ channel, channel @ form @ channel - 0.1, error_radius)]
cases.append((np.diag([2.0, 5.0]), np.array([0.1, -0.2]), 0.3, 1.0))  # convex, with its minimum inside the ball
for q, b, c, radius in cases:
    bound, multiplier = certified_minimum(q, b, c, radius)
    assert multiplier >= 0 and np.linalg.eigvalsh(q)[0] + multiplier > 0, "this multiplier proves nothing"
    assert np.isclose(bound, c - multiplier * radius**2 - b @ np.linalg.solve(q + multiplier * np.eye(2), b)), "not g(multiplier)"
    tried = least_on_ball(q, b, c, radius)
    assert bound <= tried + 1e-8, "an error was found that is worse than your bound"
    assert bound >= tried - 1e-4 * max(1, abs(tried)), "a larger bound is possible"
### BEGIN HIDDEN TESTS
# SENTINEL-FOUNDATIONS-HIDDEN-7
draw = np.random.default_rng(7)
for _ in range(20):
    root, b = draw.normal(size=(4, 4)), draw.normal(size=4)
    q, radius = root + root.T, draw.uniform(0.2, 2)
    bound, multiplier = certified_minimum(q, b, 0.7, radius)
    assert multiplier >= 0 and np.linalg.eigvalsh(q)[0] + multiplier > 0
    worst = -np.linalg.solve(q + multiplier * np.eye(4), b)  # on the sphere when the multiplier is the best one
    assert np.linalg.norm(worst) <= radius * (1 + 1e-6), "outside the ball"
    assert np.isclose(worst @ q @ worst + 2 * b @ worst + 0.7, bound, atol=1e-5), "the bound is not attained"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 8: a figure (2 points, graded by hand)
#
# Two anchors measure the range to a target with a standard deviation of `range_std_m[0]` each. Draw the square root of the error
# bound, in metres, over the angle between the two directions from 2 to 178 degrees. Mark the angle between your first two
# anchors (seen from the origin). `fisher.crb_trace(gradients, weights)` gives the bound; draw with `matplotlib.pyplot`.
#
# **Rubric.** 1 point: the curve is right, with its minimum at 90 degrees and its growth towards both ends visible. 1 point:
# both axes carry a quantity and a unit, the scale suits the values, the mark is explained.

# %% nbgrader={"grade_id": "figure", "grade": true, "solution": true, "points": 2}
### BEGIN SOLUTION
# SENTINEL-FOUNDATIONS-8: analytically sqrt(2) sigma / sin(angle)
import matplotlib.pyplot as plt

between_deg = np.linspace(2, 178, 177)
between = np.deg2rad(between_deg)
first, second = (np.stack([np.cos(angle), np.sin(angle)], axis=-1) for angle in (0 * between, between))
pair = np.stack([first, second], axis=1)
error_m = np.sqrt(fisher.crb_trace(pair, np.full((len(between), 2), range_std_m[0] ** -2)))
fig, ax = plt.subplots()
ax.plot(between_deg, error_m)
ax.axvline(anchor_angles_deg[1] - anchor_angles_deg[0], label="first two anchors", color="#B8420A", linestyle="--")
ax.set(xlabel="Angle between the anchors (degrees)", ylabel="Position error bound (m)", yscale="log")
ax.legend()
### END SOLUTION

# %% [markdown]
# ## Task 9: a design question (3 points, graded by hand)
#
# A fifth anchor may be built at one of the two angles `new_angles_deg` (same distance, standard deviation `range_std_m[0]`);
# for the same money all four existing anchors could measure with a standard deviation 10 % smaller. The target is at
# `target_m`, and each anchor measures the distance to it ($g_m$ is the unit vector from anchor to target). Which of the three
# would you choose? Answer in at most 150 words, with the three numbers, and explain the order of the two places with the
# formula of task 3.
#
# **Rubric.** 1 point: three right numbers with their unit. 1 point: the pair sum is used to explain which place is better
# (cross products with the strong ranges, not only "a wider angle"). 1 point: a clear choice that follows from the numbers and
# says what it assumes, for instance that one target stands for all.

# %% [markdown] nbgrader={"grade_id": "design", "grade": true, "solution": true, "points": 3}
# ### BEGIN SOLUTION
# SENTINEL-FOUNDATIONS-9. Smaller standard deviations scale J by 1/0.81, so that tr J^-1 falls by exactly 19 %. A fifth anchor
# adds one outer product: A + B grows by its weight, and the determinant by the sum of its four pairs, w_i w_5 (g_i x g_5)^2.
# The better place is the one whose direction is nearest to a right angle to the direction that carries the most information
# (the first eigenvector of J). The numbers come from `fisher.crb_trace` with the five gradients; whoever names the smallest
# and says that the answer holds for this target alone has the last point.
# ### END SOLUTION

# %% tags=["key"]
# SENTINEL-FOUNDATIONS-KEY-9: bounds with a fifth anchor, and with better ranges; the root of each counts, too
import json

towards = target_m - anchors_m
base = towards / np.linalg.norm(towards, axis=1, keepdims=True)
weights = np.array(range_std_m) ** -2.0
key = {"four anchors that measure 10 % better": fisher.crb_trace(base, weights / 0.81)}
for place in new_angles_deg:
    extra = target_m - anchor_distance_m * np.array([np.cos(np.deg2rad(place)), np.sin(np.deg2rad(place))])
    five = np.vstack([base, extra / np.linalg.norm(extra)])
    key[f"a fifth anchor at {place:g} degrees"] = fisher.crb_trace(five, np.append(weights, range_std_m[0] ** -2))
print(json.dumps({"design": {f"{name} (m^2, or its root in m)": [float(x), float(x) ** 0.5] for name, x in key.items()}}))
