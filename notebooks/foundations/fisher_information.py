# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# (foundations-fisher-information)=
# # Fisher information for localization
#
# How well can a position be known from noisy ranges? The answer does not depend on any particular algorithm: the **Cramér–Rao
# bound** limits the variance of *every* unbiased estimator {cite}`kay1993`. This page goes the whole way, from the samples of a
# received signal to an ellipse on the map, and executes each step. The chapters then treat the bound as a constraint or as an
# objective, so we also need to know that it is convex.
#
# The general fact that we start from: when the data $y$ have a likelihood $p(y;\theta)$, the matrix
#
# $$J(\theta) = -\mathrm{E}\left[\nabla^2_\theta \log p(y;\theta)\right]$$
#
# is the **Fisher information**, and under mild conditions every unbiased estimator satisfies $\operatorname{cov}(\hat\theta)
# \succeq J^{-1}$. For complex samples $y = \mu(\theta) + z$ in white circular Gaussian noise of variance $\sigma^2$ it is
#
# ```{math}
# :label: fi-gaussian
# J_{ij} = \frac{2}{\sigma^2}\,\mathrm{Re}\sum_n \frac{\partial\mu_n^*}{\partial\theta_i}\frac{\partial\mu_n}{\partial\theta_j}.
# ```

# %% tags=["parameters"]
seed = 1
draws = 400
grid_points = 40
bandwidth_hz = 100.0e6
tones = 64
snr_db = 20.0
anchor_x_m = [0.0, 40.0, 80.0]
anchor_y_m = [0.0, 3.0, -2.0]
target_x_m = 30.0
target_y_m = 25.0
noise_std_m = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0]

# %% tags=["hide-input"]
from fractions import Fraction
from itertools import combinations

import cvxpy as cp
import numpy as np
import sympy as sp
from compendium.notebook import figures
from compendium.notebook.curves import Curves
from compendium.notebook.draws import on_draws
from compendium.notebook.words import percent

from isaclib.foundations import conic, fisher, geometry, montecarlo, plotting, units

rng = np.random.default_rng(seed)

# %% [markdown]
# ## From a delay to a range
#
# A signal with tones at $f_n$ of power $p_n$ arrives with a delay $\tau$ and an unknown complex amplitude $\alpha$:
#
# ```{margin} Assumption
# One path, known tones, white noise. Echoes from elsewhere would be further unknowns, and more information would be lost to them.
# ```
#
# $$y_n = \alpha \sqrt{p_n}\, e^{-\mathrm{j}2\pi f_n\tau} + z_n, \qquad \theta = (\tau, \mathrm{Re}\,\alpha,
# \mathrm{Im}\,\alpha).$$
#
# We want $\tau$; the amplitude is a **nuisance parameter**. If it were known, {eq}`fi-gaussian` would give $J_{\tau\tau} =
# (8\pi^2|\alpha|^2/\sigma^2)\sum_n f_n^2 p_n$. Not knowing it costs information. Cut $J$ into the blocks of the parameters of
# interest ($p$) and the nuisance parameters ($a$). The block of $J^{-1}$ that belongs to $p$ is the inverse of the **Schur
# complement**
#
# ```{math}
# :label: fi-schur
# J_e = J_{pp} - J_{pa}\,J_{aa}^{-1}\,J_{pa}^{\mathsf T},
# ```
#
# the *equivalent* Fisher information: what is left after the nuisance parameters have taken their share. Here it is
#
# ```{math}
# :label: fi-delay
# J_e = \frac{8\pi^2|\alpha|^2}{\sigma^2}\left(\sum_n f_n^2p_n - \frac{\left(\sum_n f_n p_n\right)^2}{\sum_n p_n}\right),
# ```
#
# so only the spread of the spectrum *around its centroid* counts: a carrier offset that is common to all tones cannot be told
# from the phase of $\alpha$. We let SymPy do the algebra for three tones, and see that the spread is a sum over *differences* of tones:

# %%
tones_f = sp.Matrix(sp.symbols("f1:4", positive=True))
tones_p = sp.Matrix(sp.symbols("p1:4", positive=True))
tau, a_re, a_im = sp.symbols("tau a_re a_im", positive=True)
turn = -2 * sp.pi * sp.I * tau
turns = [sp.sqrt(p) * sp.exp(turn * f) for f, p in zip(tones_f, tones_p)]
mean = (a_re + sp.I * a_im) * sp.Matrix(turns)
slopes = mean.jacobian([tau, a_re, a_im])
J = 2 * slopes.H * slopes  # times 1/sigma^2
J = J.applyfunc(lambda entry: sp.simplify(sp.re(sp.expand(entry))))
J_e = sp.simplify(J[0, 0] - (J[0, 1:] * J[1:, 1:].inv() * J[1:, 0])[0])

spread = sum(f**2 * p for f, p in zip(tones_f, tones_p))
spread -= tones_f.dot(tones_p) ** 2 / sum(tones_p)
expected = 8 * sp.pi**2 * (a_re**2 + a_im**2) * spread
assert sp.simplify(J_e - expected) == 0

pairs = combinations(zip(tones_f, tones_p), 2)
pairwise = sum(p * q * (f - g) ** 2 for (f, p), (g, q) in pairs) / sum(tones_p)
assert sp.simplify(spread - pairwise) == 0
pairwise

# %% [markdown]
# A path length is $r = c\tau$, so the information on the range is $w = J_e/c^2$ in $1/\mathrm{m}^2$, and no unbiased estimate of
# the range has a variance below $1/w$. For a flat spectrum of bandwidth $W$ the spread is close to $W^2/12$ times the power:
#
# $$w \approx \frac{8\pi^2}{c^2}\,\frac{W^2}{12}\,\mathrm{SNR}, \qquad \mathrm{SNR} = |\alpha|^2\sum_n p_n/\sigma^2 .$$

# %%
frequency = bandwidth_hz * (np.arange(tones) + 0.5) / tones
snr, c = units.db_to_linear(snr_db), units.SPEED_OF_LIGHT_M_PER_S
power = np.full(tones, snr / tones)  # alpha = 1, unit noise
phase = np.exp(-2j * np.pi * frequency * 1e-7)  # any delay gives the same
# The delay in units of 1/W: a matrix of well-sized numbers
turn = -2j * np.pi * frequency / bandwidth_hz
slopes = np.stack([turn, np.ones(tones), 1j * np.ones(tones)])
slopes = np.sqrt(power) * phase * slopes
information = 2 * np.real(slopes.conj() @ slopes.T)
cell = c / bandwidth_hz  # in metres
weight = fisher.equivalent_fim(information, 1)[0, 0] / cell**2

spread = frequency**2 @ power - (frequency @ power) ** 2 / power.sum()
assert np.isclose(weight, 8 * np.pi**2 * spread / c**2, rtol=1e-9)

flat = 8 * np.pi**2 / 12 * snr / cell**2
# An integral over the band against a sum of tones
assert abs(flat / weight - 1) < 2 / tones**2
known = cell / np.sqrt(information[0, 0])
print("bound on the standard deviation of the path length")
print(f"  amplitude unknown: {100 / np.sqrt(weight):.1f} cm")
print(f"  amplitude known, tones counted from 0 Hz: {100 * known:.1f} cm")

# %% [markdown]
# *Used in:* {ref}`OFDM ranging <chapter-ofdm-ranging>`, where the powers $p_n$ are the variables and {eq}`fi-delay` is a
# concave function of them.
#
# ## From ranges to a position
#
# ```{margin} Assumption
# Range errors are independent, unbiased and Gaussian, with variances that do not depend on the position. Their weights are known.
# ```
#
# Let $r_m(q)$ be the range that measurement $m$ sees for a target at $q$, with independent errors of variance $1/w_m$. By the
# chain rule the information on the position is a **weighted sum of outer products**,
#
# ```{math}
# :label: fi-sum
# J = \sum_m w_m\, g_m g_m^{\mathsf T}, \qquad g_m = \nabla_q r_m(q).
# ```
#
# For the distance to an anchor, $g_m$ is the unit vector from the anchor to the target. For a bistatic path it is the sum of
# two unit vectors, seen from the transmitter and from the receiver: length 2 when both stand at the same place, 0 when the
# target lies between them. A measurement tells something about the position *along its gradient only*.

# %%
x, y, x1, y1, x2, y2 = sp.symbols("x y x1 y1 x2 y2", real=True)
d1, d2 = sp.Matrix([x - x1, y - y1]), sp.Matrix([x - x2, y - y2])
r1, r2 = d1.norm(), d2.norm()
gradient = sp.Matrix([r1 + r2]).jacobian([x, y]).T
assert sp.simplify(gradient - d1 / r1 - d2 / r2) == sp.zeros(2, 1)

place = {x: 3.0, y: -1.0, x1: 0.5, y1: 2.0, x2: -4.0, y2: 1.0}
scene = [[0.5, 2.0]], [-4.0, 1.0], [[3.0, -1.0]]
by_library = geometry.bistatic_range_gradients(*scene)[0, 0]
assert np.allclose(by_library, np.array(gradient.subs(place), float).ravel())
print("gradient of a bistatic range:", np.round(by_library, 4))

# %% [markdown]
# The definition says that $J$ is the expected curvature of the log-likelihood. With noise-free data the curvature is its own
# expectation, so that second differences of the squared misfit must give {eq}`fi-sum`.

# %%
anchors = np.stack([anchor_x_m, anchor_y_m], axis=-1)
target = np.array([target_x_m, target_y_m], dtype=float)
weights = np.linspace(1.0, 2.0, len(anchors))
true_ranges = geometry.distances_m(anchors, target[None])[:, 0]


def loglikelihood(position):
    ranges = np.linalg.norm(position - anchors, axis=1)
    return -0.5 * weights @ (true_ranges - ranges) ** 2


h = 1e-3 * true_ranges.min()  # small against every distance
steps = h * np.eye(2)
signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]


def second_difference(a, b):
    return sum(s * t * loglikelihood(target + s * a + t * b) for s, t in signs)


curvature = np.array([[second_difference(a, b) for a in steps] for b in steps])
directions = geometry.unit_vectors(anchors, target[None])[:, 0]
J = fisher.range_fim(directions, weights)
assert np.allclose(-curvature / (4 * h**2), J, atol=1e-4 * np.abs(J).max())
print("J in 1/m²:")
print(np.round(J, 4))

# %% [markdown]
# ## The determinant of a planar information matrix
#
# In the plane write $g_m = (x_m, y_m)$ and
#
# $$
# \begin{aligned}
# A &= \sum_m w_m x_m^2, & B &= \sum_m w_m y_m^2,\\
# C &= \sum_m w_m x_m y_m, & J &= \begin{pmatrix}A & C\\ C & B\end{pmatrix}.
# \end{aligned}
# $$
#
# Then $\operatorname{tr}J^{-1} = (A+B)/(AB-C^2)$, and **Lagrange's identity** turns the determinant into a sum over pairs:
#
# ```{math}
# :label: fi-lagrange
# AB - C^2 = \sum_{i<j} w_iw_j\,(x_iy_j - x_jy_i)^2 .
# ```
#
# *Proof.* Multiply out and symmetrise the double sum:
#
# $$\begin{aligned}
# AB - C^2 &= \sum_{i,j} w_iw_j\,(x_i^2y_j^2 - x_iy_ix_jy_j)\\
# &= \tfrac12\sum_{i,j} w_iw_j\,(x_i^2y_j^2 + x_j^2y_i^2 - 2x_iy_ix_jy_j)\\
# &= \tfrac12\sum_{i,j} w_iw_j\,(x_iy_j - x_jy_i)^2,
# \end{aligned}$$
#
# and the terms with $i = j$ vanish. $\blacksquare$ All terms are non-negative, so this proves the Cauchy–Schwarz inequality
# $C^2 \le AB$ as well and says when it is an equality. The identity is equation (18) of the paper of the chapter on
# {ref}`wireless-powered sensing <chapter-wireless-powered>`. First in symbols, then with many measurements.

# %%
for count in (2, 3, 4):
    names = (f"{letter}1:{count + 1}" for letter in "xyw")
    x, y, w = (np.array(sp.symbols(name, real=True)) for name in names)
    A, B, C = w @ x**2, w @ y**2, w @ (x * y)
    i, j = np.triu_indices(count, 1)
    pairs = np.sum(w[i] * w[j] * (x[i] * y[j] - x[j] * y[i]) ** 2)
    assert sp.expand(A * B - C**2 - pairs) == 0

many, many_weights = rng.normal(size=(1000, 2)), rng.exponential(size=1000)
by_pairs = fisher.pair_determinant(many, many_weights)
by_matrix = np.linalg.det(fisher.range_fim(many, many_weights))
assert np.isclose(by_pairs, by_matrix, rtol=1e-11)

# %% [markdown]
# The two sides are equal on paper but not in a computer. When all directions nearly agree, $AB$ and $C^2$ agree in almost all
# their digits, and their difference keeps only the wrong ones. The pair sum subtracts *before* squaring and adds positive
# numbers only. We compare both with rational arithmetic, which makes no error at all.

# %% tags=["hide-input"]
spreads = np.geomspace(1e-9, 1e-1, 49)
pair_weights = np.array([1.0, 2.0, 3.0, 4.0])


def exact_determinant(vectors, weights):
    g = [[Fraction(float(entry)) for entry in vector] for vector in vectors]
    w = [Fraction(float(entry)) for entry in weights]
    a, b, c = (
        sum(w[m] * g[m][i] * g[m][j] for m in range(len(w)))
        for i, j in ((0, 0), (1, 1), (0, 1))
    )
    return float(a * b - c * c)


found = []
for spread in spreads:
    angles = 0.7 + spread * np.array([-1.0, -0.3, 0.4, 1.0])
    fan = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    exact = exact_determinant(fan, pair_weights)
    (A, C), (_, B) = fisher.range_fim(fan, pair_weights)
    by_pairs = fisher.pair_determinant(fan, pair_weights)
    found.append([abs(each - exact) / exact for each in (A * B - C**2, by_pairs)])
difference, pair_sum = np.maximum(found, 1e-17).T
assert difference[spreads < 1e-8].min() > 0.5, "AB - C^2 has no correct digit left"
assert pair_sum.max() < 1e-6

fig, ax = plotting.subplots()
curves = Curves("spread_rad", spreads)
curves.draw(ax, "error_difference", difference, "benchmark_1", label="$AB - C^2$")
curves.draw(ax, "error_pair_sum", pair_sum, "exact", label="sum over pairs")
ax.axhline(1.0, **(plotting.role("reference") | {"label": "no correct digit"}))
ax.set(xscale="log", xlabel="Spread of the directions (rad)")
ax.set(yscale="log", ylabel="Relative error of the determinant (1)")
ax.legend()
curves.show(
    fig,
    "cancellation",
    caption="Relative rounding error of the determinant of four nearly parallel ranges, against rational arithmetic. The difference "
    "$AB - C^2$ loses all its digits below a spread of about $10^{-8}$ rad; the pair sum {eq}`fi-lagrange` keeps at least "
    f"{int(-np.log10(pair_sum.max()))}.",
    alt="Two curves over the spread of the directions on logarithmic axes. The error of the difference grows as the inverse square of "
    "the spread and passes one at ten to the minus eight; the error of the pair sum grows only as the inverse of the spread.",
)

# %% [markdown]
# ## When a position cannot be found
#
# By {eq}`fi-lagrange` the determinant vanishes exactly when every pair of measurements with positive weight has parallel
# gradients (or one that is zero). Then one direction is not measured to first order by anybody, and no *unbiased* estimator has a
# finite variance, however large the power. (This does not say that nothing can be learned. Where two curves of equal range touch,
# they still meet in one point, and a biased estimator converges there, but slowly: the error falls like the square root of the
# range's standard deviation, so like the fourth root of the inverse power, where elsewhere it falls like the square root. The last
# cell of this section shows it.) For bistatic ranges with one receiver:
#
# * a target between a user and the receiver has a zero gradient for this user;
# * a target on the line through the two, but not between them, has a gradient along that line;
# * so a station that transmits and receives, with one user only, is blind on the whole line through the two.
#
# The library reports an infinite bound in these cases, never a division by zero.

# %%
station, users = np.array([0.0, 0.0]), np.array([[30.0, 10.0], [20.0, -25.0]])
behind, between, aside = 1.5 * users[0], 0.4 * users[0], np.array([12.0, 20.0])


def bound(senders, targets):
    # (senders, targets, 2)
    gradients = geometry.bistatic_range_gradients(senders, station, targets)
    return fisher.crb_trace(gradients.swapaxes(0, 1), np.ones(len(senders)))


one_user = np.stack([station, users[0]])
two_users = np.stack([station, *users])
assert np.all(np.isinf(bound(one_user, [behind, between])))
assert np.all(np.isfinite(bound(one_user, [aside])))
assert np.all(np.isfinite(bound(two_users, [behind, between, aside])))

# %% tags=["hide-input"]
# No cell is centred on a node, where the direction is undefined
cells = 100 * (np.arange(grid_points) + 0.37) / grid_points
axis_x, axis_y = cells - 45, cells - 50
grid = np.stack(np.meshgrid(axis_x, axis_y), axis=-1).reshape(-1, 2)
bounds = (np.sqrt(bound(senders, grid)) for senders in (one_user, two_users))
maps = [values.reshape(grid_points, grid_points) for values in bounds]

fig, axes = plotting.subplots(1, 2, sharey=True, height=3.4)
for ax, values, count in zip(axes, maps, (1, 2)):
    look = {"vmin": -6, "vmax": 20, "cmap": "cividis", "rasterized": True}
    values_db = units.amplitude_to_db(values)
    mesh = ax.pcolormesh(axis_x, axis_y, values_db, shading="nearest", **look)
    ax.plot(*station, "w^", markeredgecolor=plotting.INK, markersize=9)
    ax.plot(*users[:count].T, "wo", markeredgecolor=plotting.INK, markersize=8)
    title = f"station and {count} user" + "s" * (count > 1)
    ax.set(xlabel="x (m)", title=title, aspect="equal")
axes[0].set_ylabel("y (m)")
bar = {"label": "Position error bound (dB re 1 m)", "shrink": 0.85, "extend": "max"}
fig.colorbar(mesh, ax=axes, **bar)
figures.show(
    fig,
    "bound_map",
    data={
        "x_m": grid[:, 0],
        "y_m": grid[:, 1],
        "one_user_bound_m": maps[0].ravel(),
        "two_users_bound_m": maps[1].ravel(),
    },
    caption="Lower bound on the root-mean-square position error, with a standard deviation of 1 m for each bistatic "
    "range, for unbiased estimators. Triangle: station "
    "(transmits and receives); circles: users that transmit. With one user the line through station and user is blind; a "
    "second user off that line removes it. The scale ends at 20 dB, where the bound goes on to infinity.",
    alt="Two maps of the position error bound. On the left, with one user, the bound grows beyond the scale in a band along the "
    "line through station and user. On the right, with a second user, the band has gone and the bound stays below "
    f"{maps[1].max():.1f} metres on the whole map.",
)

# %% [markdown]
# What is left on the blind line? Take a target on it, behind the user, and measure two ranges: station to target and back, and user to
# target to station. The first says how far the target is from the station, the difference how far it is from the user. Two circles
# that touch: with errors they meet in two points beside the line, or not at all, and then the best explanation lies on the line.


# %%
side = np.linalg.norm(users[0])
true_distance = 1.5 * side
deviations = np.geomspace(1e-5, 1e-1, 5)
blind_noise = rng.spawn(1)[0].normal(size=(400, 2))
rms = []
for deviation in deviations:
    exact = np.array([2 * true_distance, 2 * true_distance - side])
    own, other = (exact + deviation * blind_noise).T
    radius, reach = own / 2, other - own / 2
    along = (radius**2 - reach**2 + side**2) / (2 * side)
    height = radius**2 - along**2
    along = np.where(height >= 0, along, (own + other + side) / 4)
    miss = np.hypot(along - true_distance, np.sqrt(np.maximum(height, 0)))
    rms.append(np.sqrt(np.mean(miss**2)))
    print(f"ranges to {deviation:.0e} m: the position to {rms[-1]:.4f} m")
exponent = np.polyfit(np.log(deviations), np.log(rms), 1)[0]
assert abs(exponent - 0.5) < 0.02, "the square root of the deviation"
print(f"exponent of the deviation: {exponent:.3f}")

# %% [markdown]
# *Used in:* {ref}`wireless-powered sensing <chapter-wireless-powered>`, where a scenario with such a target is infeasible
# for every power, and {ref}`network localization <chapter-network-localization>`.
#
# ## The bound is convex in the weights
#
# In the chapters the weights are proportional to powers, so we want to optimise over them. Along a line $J(t) = J + tV$ with
# symmetric $V$,
#
# $$
# \begin{aligned}
# \frac{\mathrm{d}^2}{\mathrm{d}t^2}\operatorname{tr}J(t)^{-1} &= 2\operatorname{tr}\left(J^{-1}VJ^{-1}VJ^{-1}\right)\\
# &= 2\,\bigl\|J^{-1/2}VJ^{-1}\bigr\|_F^2 \ge 0,
# \end{aligned}
# $$
#
# and $J$ is linear in the weights: **$\operatorname{tr}J^{-1}$ is a convex and decreasing function of the weights**
# {cite}`boyd2004`. A finite difference confirms the formula, random chords confirm the conclusion.

# %%
fan = rng.normal(size=(6, 2))
w, v = rng.uniform(1, 2, 6), rng.normal(size=6)
J, V = fisher.range_fim(fan, w), fan.T @ (v[:, None] * fan)
inverse = np.linalg.inv(J)
second = 2 * np.trace(inverse @ V @ inverse @ V @ inverse)
t = 1e-3 / np.linalg.norm(inverse @ V, 2)  # small against what V changes
around = fisher.crb_trace(fan, np.stack([w + t * v, w, w - t * v]))
numeric = around @ [1, -2, 1] / t**2
assert np.isclose(numeric, second, rtol=1e-4) and second > 0

points = rng.exponential(size=(2, 2000, 6))
share = rng.uniform(size=2000)
inside = share[:, None] * points[0] + (1 - share[:, None]) * points[1]
inner, *ends = fisher.crb_trace(fan, np.stack([inside, *points]))
assert np.all(inner <= (share * ends[0] + (1 - share) * ends[1]) * (1 + 1e-12))

# %% [markdown]
# Convex is good; **conic** is better, because then a solver returns a dual bound. In the plane one second-order cone is enough.
# For $\eta > 0$,
#
# ```{math}
# :label: fi-cone
# \operatorname{tr}J^{-1}\le\eta,\; J\succ0 \quad\Longleftrightarrow\quad
# \left\|\begin{pmatrix}A-B\\ 2C\\ 2/\eta\end{pmatrix}\right\|_2 \le A + B - \frac{2}{\eta}.
# ```
#
# *Proof.* If the right-hand side $A+B-2/\eta$ is non-negative, both sides may be squared, and
#
# $$
# \begin{aligned}
# &\Bigl(A+B-\frac2\eta\Bigr)^2 - (A-B)^2 - 4C^2 - \frac4{\eta^2}\\
# &\qquad= 4\Bigl(AB - C^2 - \frac{A+B}{\eta}\Bigr),
# \end{aligned}
# $$
#
# so that the cone says $AB - C^2 \ge (A+B)/\eta$. Since $A + B \ge 2/\eta > 0$, the determinant is positive and division gives
# $\operatorname{tr}J^{-1}\le\eta$. Conversely, $\operatorname{tr}J^{-1}\le\eta$ bounds both eigenvalues of $J$ from below by
# $1/\eta$, so $A+B\ge2/\eta$. $\blacksquare$

# %%
A, B, C, eta = sp.symbols("A B C eta", positive=True)
left = (A + B - 2 / eta) ** 2 - (A - B) ** 2 - 4 * C**2 - 4 / eta**2
assert sp.simplify(left - 4 * (A * B - C**2 - (A + B) / eta)) == 0

samples = rng.exponential(size=(5000, 6))
J = fisher.range_fim(fan, samples)
A, B, C = J[:, 0, 0], J[:, 1, 1], J[:, 0, 1]
eta = fisher.crb_trace(fan, samples) * np.exp(rng.normal(size=5000))
in_cone = np.sqrt((A - B) ** 2 + 4 * C**2 + 4 / eta**2) <= A + B - 2 / eta
assert np.array_equal(in_cone, fisher.crb_trace(fan, samples) <= eta)
print(f"{in_cone.sum()} of {in_cone.size} random cases meet their limit,")
print("the same ones by the trace and by the cone")

# %% [markdown]
# A small problem that uses it: the least total weight (think of power) that locates a target to
# $\operatorname{tr}J^{-1}\le\eta$, with a cap on each weight; $\eta$ is twice what all weights at their caps attain. A semidefinite
# program for the same problem, with the epigraph of $\operatorname{tr}J^{-1}$ as a matrix inequality, must agree. Gradients in units of
# $1/\sqrt\eta$ make the limit one ({doc}`/book/guide_solvers`: scale before solving).

# %%
cap = 2.0
limit = 2 * fisher.crb_trace(fan, np.full(6, cap))
unit_fan = fan * np.sqrt(limit)
amounts = cp.Variable(6, nonneg=True)
entries = ((0, 0), (1, 1), (0, 1))
A, B, C = (amounts @ (unit_fan[:, i] * unit_fan[:, j]) for i, j in entries)
cone = cp.SOC(A + B - 2, cp.hstack([A - B, 2 * C, 2]))
total = cp.Minimize(cp.sum(amounts))
socp = conic.solve(cp.Problem(total, [cone, amounts <= cap]))
reached = fisher.crb_trace(fan, np.maximum(amounts.value, 0))

J = sum(amounts[m] * np.outer(unit_fan[m], unit_fan[m]) for m in range(6))
sdp = conic.solve(cp.Problem(total, [cp.tr_inv(J) <= 1, amounts <= cap]))
assert np.isclose(reached, limit, rtol=1e-6)
assert np.isclose(socp.value, sdp.value, rtol=1e-6)
assert socp.bound <= socp.value + 1e-7
print(f"least total weight {socp.value:.7f}, dual bound {socp.bound:.7f}")
print(f"by the matrix inequality {sdp.value:.7f}")

# %% [markdown]
# *Used in:* {ref}`wireless-powered sensing <chapter-wireless-powered>`, as the constraint on the bound of every target.
#
# ## Nuisance parameters and error ellipses
#
# ```{margin} Assumption
# The clock offset is one number, the same for all ranges, and nothing is known about it beforehand.
# ```
#
# Suppose that the receiver's clock is off by an unknown $b$, so that it measures $r_m(q) + b$. The parameters are $(q, b)$ with
# gradients $(g_m, 1)$, and the Schur complement {eq}`fi-schur` leaves
#
# $$J_e = \sum_m w_m g_mg_m^{\mathsf T} - \frac{1}{\sum_m w_m}\Bigl(\sum_m w_mg_m\Bigr)\Bigl(\sum_m w_mg_m\Bigr)^{\mathsf T},$$
#
# which is $\sum_m w_m$ times the weighted *covariance* of the directions: a common direction cancels, because moving the target along it looks like a clock
# error.
#
# A bound is a matrix, and a matrix is an ellipse. For a Gaussian error with covariance $J^{-1}$ the region $(q-\hat q)^{\mathsf
# T}J(q-\hat q) \le -2\ln(1-P)$ holds the target with probability $P$; its half-axes point along the eigenvectors of $J$.

# %% tags=["hide-input"]
corners = np.array([[0.0, 0.0], [60.0, 0.0], [60.0, 40.0], [0.0, 40.0]])
places = np.array([[10.0, 12.0], [30.0, 20.0], [48.0, 30.0], [75.0, 8.0]])
range_weights = np.full(4, 1 / 1.0**2)

gradients = np.swapaxes(geometry.unit_vectors(corners, places), 0, 1)
known = fisher.range_fim(gradients, range_weights)
extended = np.concatenate([gradients, np.ones((*gradients.shape[:2], 1))], axis=-1)
unknown = fisher.equivalent_fim(fisher.range_fim(extended, range_weights), 2)

total = np.einsum("m,tmi->ti", range_weights, gradients)
shared = total[:, :, None] * total[:, None, :] / range_weights.sum()
assert np.allclose(unknown, known - shared)
lost = np.linalg.eigvalsh(known - unknown)
assert np.all(lost > -1e-12), "a nuisance parameter never adds information"


def ellipse(information, probability=0.95, points=73):
    angle = np.linspace(0, 2 * np.pi, points)
    variances, axes = np.linalg.eigh(np.linalg.inv(information))
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    radius = np.sqrt(-2 * np.log(1 - probability))
    return radius * (circle * np.sqrt(variances)) @ axes.T


curves = {
    name: np.stack([place + ellipse(J) for place, J in zip(places, Js)])
    for name, Js in (("known", known), ("unknown", unknown))
}
fig, ax = plotting.subplots(height=4.2)
ax.plot(*corners.T, "^", color=plotting.INK, markersize=8, label="anchors")
for number, place in enumerate(places):
    for name, scheme in (("unknown", "benchmark_1"), ("known", "paper")):
        look = {"markers": False, "label": None if number else f"clock {name}"}
        plotting.line(ax, *curves[name][number].T, scheme, **look)
    ax.plot(*place, "+", color=plotting.INK)
ax.set(xlabel="x (m)", ylabel="y (m)", aspect="equal", ylim=(-6, 52))
ax.legend(ncols=3, loc="upper right")
figures.show(
    fig,
    "error_ellipses",
    data={
        "target": np.repeat(np.arange(1, 5), 73),
        **{
            f"{name}_{axis}_m": curves[name][..., i].ravel()
            for name in curves
            for i, axis in enumerate("xy")
        },
    },
    caption="Error ellipses that hold the target with 95 % probability when the bound is met: four ranges of standard deviation 1 m, with a "
    "known and an unknown clock offset. Inside the rectangle of anchors the offset costs little; outside, where all directions are alike, "
    "the ellipse stretches along them.",
    alt="Four anchors at the corners of a rectangle and four targets with two ellipses each. For the three targets inside, the ellipses "
    "with and without a known clock nearly agree; for the target outside, the one without is several times longer, pointing at the anchors.",
)

# %% [markdown]
# *Used in:* {ref}`near-field sensing <chapter-near-field>`, where the unknown reflectivities are the nuisance parameters,
# and {ref}`OFDM ranging <chapter-ofdm-ranging>` (above).
#
# ## Is the bound reached?
#
# The bound is a statement about unbiased estimators. The maximum-likelihood estimate minimises the weighted misfit $\sum_m
# w_m(\hat r_m - r_m(q))^2$; for small noise it is nearly unbiased and nearly meets the bound. For large noise nothing is
# promised. We choose anchors that stand almost on a line: a target and its mirror image then explain the ranges almost equally
# well.
#
# The estimator below takes Gauss–Newton steps with a damping that grows whenever a step fails (Levenberg–Marquardt), for all
# draws and noise levels at once. A search ends when its step is a millionth of the noise, or when no step helps, however short: very noisy
# ranges may be explained best at an anchor, where the misfit has a kink.


# %%
def misfit(positions, measured):
    ranges = np.linalg.norm(positions[..., None, :] - anchors, axis=-1)
    return np.sum((measured - ranges) ** 2, axis=-1)


def refine(positions, measured, enough, most=1000):
    """Local minima from positions (S, 2), and which of the searches ended."""
    positions, cost = positions.copy(), misfit(positions, measured)
    damping = np.full(len(positions), 1e-3)
    open_ = np.arange(len(positions))
    for _ in range(most):
        here, ranges, damp = positions[open_], measured[open_], damping[open_]
        offset = here[:, None, :] - anchors
        distance = np.linalg.norm(offset, axis=-1)
        slope = offset / np.maximum(distance, 1e-300)[..., None]
        transposed = np.swapaxes(slope, -1, -2)
        hessian = transposed @ slope + damp[:, None, None] * np.eye(2)
        descent = transposed @ (ranges - distance)[..., None]
        step = np.linalg.solve(hessian, descent)[..., 0]
        trial = misfit(here + step, ranges)
        better = trial < cost[open_]
        positions[open_[better]] += step[better]
        cost[open_[better]] = trial[better]
        damping[open_] = np.maximum(np.where(better, 0.2, 5.0) * damp, 1e-9)
        length = np.linalg.norm(step, axis=-1)
        open_ = open_[length > enough[open_]]
        if not open_.size:
            break
    ended = np.ones(len(positions), dtype=bool)
    ended[open_] = False
    return positions, ended


# %%
centre = anchors.mean(axis=0)
_, extent, axes_of_anchors = np.linalg.svd(anchors - centre)
at_one_place = extent[0] <= 1e-12 * np.abs(anchors).max()
on_a_line = extent[-1] < 1e-9 * extent[0] or at_one_place
along = axes_of_anchors[0]
# The image of the target in the line that fits the anchors best
mirror = centre + 2 * ((target - centre) @ along) * along - (target - centre)

# on_draws: the function on every draw, each with a generator of its own
noise = np.stack(on_draws(lambda g: g.normal(size=len(anchors)), rng, draws))
levels = np.sort(np.array(noise_std_m, dtype=float))
# (draws, levels, anchors): all levels share the same noise
measured = true_ranges + levels[:, None] * noise[:, None, :]
flat = measured.reshape(-1, len(anchors))
starts = [np.tile(start, (len(flat), 1)) for start in (target, mirror)]
enough = np.tile(1e-6 * levels, draws)
searched = [refine(start, flat, enough) for start in starts]
candidates = np.stack([found.reshape(draws, -1, 2) for found, _ in searched])
stopped = 1 - np.mean([ended for _, ended in searched])
print(f"searches that needed more than 1000 steps: {percent(100 * stopped)}")

if at_one_place:  # all points of a circle explain the ranges equally well
    candidates[:] = np.nan
misfits = misfit(candidates, measured)
if on_a_line:  # both explain the ranges equally well: the better is shown
    misfits = np.linalg.norm(candidates - target, axis=-1)
best = np.argmin(misfits, axis=0)
likely = np.take_along_axis(candidates, best[None, ..., None], axis=0)[0]

# %% [markdown]
# We average the squared errors over the draws. `montecarlo.average` gives a 95 % confidence interval of the mean; its root is
# the band in the figure. The bound counts as met where the root-mean-square error agrees with it up to the Monte-Carlo error of a
# Gaussian estimate.

# %% tags=["hide-input"]
squared = {
    name: montecarlo.average(np.sum((found - target) ** 2, axis=-1))
    for name, found in (("likely", likely), ("local", candidates[0]))
}
crb = fisher.crb_trace(directions, np.tile(levels[:, None] ** -2, len(anchors)))
rms = {
    name: np.sqrt([result.mean, np.maximum(result.low, 0), result.high])
    for name, result in squared.items()
}
ratios = rms["likely"][0] / np.sqrt(crb)
met = np.abs(ratios - 1) < 4 / np.sqrt(draws)
first_miss = len(levels) if met.all() else int(np.argmin(met))
if at_one_place:
    verdict = "All anchors stand at one place: the ranges tell how far the target is from it and not where, so that no estimate locates it."
elif not np.isfinite(crb[0]):
    verdict = "The bound is infinite: the target stands on the line of the anchors, and only biased estimates locate it."
elif first_miss == 0:
    verdict = f"Even at {levels[0]:g} m the error is {ratios[0]:.2g} times the bound: this geometry is too ambiguous, or the noise too large, for the bound to be met."
elif first_miss == len(levels):
    verdict = f"The bound is met at every level shown, up to {levels[-1]:g} m."
else:
    verdict = f"The bound is met up to {levels[first_miss - 1]:g} m. Beyond this threshold the estimate leaves it: at "
    verdict += f"{levels[first_miss]:g} m the error is {ratios[first_miss]:.2f} times the bound."
if on_a_line and np.isfinite(crb[0]):
    verdict += " All anchors stand on one line, so that no estimate can tell the target from its mirror image; shown is the nearer of the two."
if stopped > 1e-3:
    told = percent(100 * stopped)
    verdict += f" {told} of the searches were stopped after 1000 steps."
print(verdict)

jumps = " Draws that jump to the mirror image make the difference to a search that starts at the true position."
fig, ax = plotting.subplots()
for name, scheme, text in (
    ("likely", "paper", "maximum likelihood"),
    ("local", "benchmark_1", "search started at the true position"),
):
    mean, low, high = rms[name]
    plotting.line(ax, levels, mean, scheme, low=low, high=high, label=text)
if np.isfinite(crb[0]):
    plotting.line(ax, levels, np.sqrt(crb), "exact", label="Cramér–Rao bound")
ax.set(xscale="log", xlabel="Standard deviation of each range (m)")
ax.set(yscale="log", ylabel="Root-mean-square position error (m)")
ax.legend()
figures.show(
    fig,
    "threshold",
    data={
        "noise_std_m": levels,
        "bound_m": np.sqrt(crb),
        **{
            f"{name}_{part}_m": values
            for name in rms
            for part, values in zip(("rms", "low", "high"), rms[name])
        },
    },
    caption=f"Position error of the maximum-likelihood estimate and its bound, {draws} draws, the same for every noise "
    f"level; bands: 95 % confidence. {verdict}{'' if on_a_line else jumps}",
    alt="Root-mean-square error over the standard deviation of the ranges on logarithmic axes, for the maximum-likelihood estimate, "
    f"a search that starts at the truth, and the bound. {verdict}",
)

# %% [markdown]
# The lesson for the chapters: a constraint on the Cramér–Rao bound controls the accuracy only where the *signal-to-noise ratio is above
# the threshold* (the left part of the figure). Below it one needs measures that know about ambiguities, such as the sidelobe level.
#
# *Used in:* every chapter that limits the bound; {ref}`OFDM ranging <chapter-ofdm-ranging>` limits the sidelobes beside it.
