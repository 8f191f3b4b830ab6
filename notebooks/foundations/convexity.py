# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# (foundations-convexity)=
# # A convexity toolbox
#
# Most problems in this book do not look convex: rates are logarithms of ratios, powers multiply times, beams enter as quadratic
# forms of uncertain channels. Yet each of them is solved to a *certified* optimum. This page collects the few transformations
# that make it possible, each with a proof that is executed on the spot. {cite}`boyd2004` is the general reference.
#
# Why convexity matters here: for a convex problem every local optimum is global, and the dual problem gives a bound on what
# *any* allocation can reach. The bound turns "our solver stopped" into "nobody can do better than this".

# %% tags=["parameters"]
seed = 1
chords = 2000
power_budget_w = 2.0
circuit_power_w = 1.0
channel_gains = [4.0, 1.5, 0.4]
error_radii = [0.05, 0.2, 0.5]

# %% tags=["hide-input"]
from functools import partial

import cvxpy as cp
import numpy as np
import sympy as sp
from compendium.notebook import figures, tables
from compendium.notebook.words import percent
from numpy.linalg import norm

from isaclib.foundations import (
    certificate,
    channels,
    conic,
    fisher,
    plotting,
    scalar_search,
)

rng = np.random.default_rng(seed)
scene = rng.spawn(1)[0]  # the number of chords then does not change the example
gains = np.array(channel_gains, dtype=float)


def is_convex(function, draw, slack=1e-12):
    """Whether the function lies below random chords: finds counterexamples, proves nothing."""
    a, b, share = draw(chords), draw(chords), rng.uniform(size=chords)
    blend = share[:, None] * a + (1 - share[:, None]) * b
    chord = share * function(a) + (1 - share) * function(b)
    return bool(np.all(function(blend) <= chord + slack * (1 + np.abs(chord))))


# %% [markdown]
# ## Logarithmic variables
#
# Products of variables become sums when each variable is written as an exponential, $p = \mathrm{e}^v$. A constraint "rate
# times time is at least $R$" becomes $\log t + \log\log_2(1 + a\mathrm{e}^v) \ge \log R$, which is convex in $(\log t, v)$ if
# the second term is **concave**. It is. With $x = a\mathrm{e}^v$ and $L = \ln(1+x)$,
#
# $$\frac{\mathrm d}{\mathrm dv}\ln L = \frac{x}{(1+x)L}, \qquad
# \frac{\mathrm d^2}{\mathrm dv^2}\ln L = \frac{x\,(L - x)}{(1+x)^2L^2} \le 0 \quad\Longleftrightarrow\quad \ln(1+x) \le x,$$
#
# and the last inequality holds for every $x > -1$ (the logarithm lies below its tangent at 0).

# %%
v, a = sp.symbols("v a", real=True, positive=True)
x = a * sp.exp(v)
L = sp.log(1 + x)
second = sp.diff(sp.log(sp.log(1 + x) / sp.log(2)), v, 2)
assert sp.simplify(second - x * (L - x) / ((1 + x) ** 2 * L**2)) == 0


def log_rate(z):
    return np.log(np.log2(1 + np.exp(z[:, 0])))


def draw(count):
    return rng.uniform(-12, 12, (count, 1))


assert is_convex(lambda z: -log_rate(z), draw)
assert not is_convex(log_rate, draw)

# %% [markdown]
# Not everything becomes convex. A limit on the *Cramér–Rao bound* is convex in the weights $w$ of the ranges, as the page on
# {doc}`fisher_information` shows, but not in their logarithms. Take three directions. Two good ones suffice, whichever they
# are; but halfway between two such choices, on the logarithmic scale, only the common direction is left with a large weight.

# %%
angles = np.deg2rad([0, 60, 120])
fan = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
first, second = np.array([1.0, 1.0, 1e-4]), np.array([1e-4, 1.0, 1.0])
ways = first, second, (first + second) / 2, np.sqrt(first * second)
crb = [fisher.crb_trace(fan, w) for w in ways]
assert crb[2] < max(crb[:2]) < crb[3] / 10
print("bound at both ends: {:.2f} and {:.2f} m²".format(*crb[:2]))
print("halfway in w: {:.2f} m², halfway in log w: {:.2f} m²".format(*crb[2:]))

# %% [markdown]
# A change of variables helps one constraint and may harm another, so look at all of them first.
#
# *Used in:* {ref}`wireless-powered sensing <chapter-wireless-powered>` (the paper's change of variables; our exact solution
# works in $p$ and needs none).
#
# ## Perspective
#
# In $t$ seconds with energy $E$, a channel of gain $a$ carries $t\log_2(1 + aE/t)$ bits per hertz. For a concave $f$ the
# **perspective** $g(t, E) = t f(E/t)$ is jointly concave in $(t, E)$, $t > 0$. For a twice differentiable $f$ the Hessian says
# why:
#
# ```{math}
# :label: cv-perspective
# \nabla^2 g(t,E) = \frac{f''(E/t)}{t}
# \begin{pmatrix} E^2/t^2 & -E/t\\ -E/t & 1\end{pmatrix}
# = \frac{f''(E/t)}{t}\begin{pmatrix}-E/t\\ 1\end{pmatrix}\begin{pmatrix}-E/t & 1\end{pmatrix} \preceq 0 .
# ```
#
# It has rank one. Along $(t, E)$ itself the curvature is zero, because $g(\lambda t, \lambda E) = \lambda g(t, E)$: twice the
# time with twice the energy carries twice the bits. So the perspective is never *strictly* concave, and Newton's method needs
# care with it.

# %%
t, E, u = sp.symbols("t E u", positive=True)
f = sp.Function("f")
hessian = sp.hessian(t * f(E / t), (t, E)).doit()
curvature = sp.Subs(sp.diff(f(u), u, 2), u, E / t).doit()
vector = sp.Matrix([-E / t, 1])
# For every twice differentiable f:
assert sp.simplify(hessian - curvature / t * vector * vector.T).is_zero_matrix
assert sp.simplify(hessian * sp.Matrix([t, E])).is_zero_matrix
assert is_convex(
    lambda z: -z[:, 0] * np.log2(1 + 3 * z[:, 1] / z[:, 0]),
    lambda count: rng.exponential(size=(count, 2)) + 1e-6,
)

# %% [markdown]
# Cone solvers know this function as a relative entropy: $t\ln(1+aE/t) = -t\ln\frac{t}{t+aE}$. As a test, share one second among
# users with given energies. Stationarity asks for equal $E_k/t_k$, so by hand $t_k = E_k/\sum_j E_j$ (with equal gains) and the
# best sum is $\log_2(1 + a\sum_k E_k)$.

# %%
energies = np.array([0.3, 1.0, 2.5])
times = cp.Variable(3, nonneg=True)
bits = -cp.sum(cp.rel_entr(times, times + 2.0 * energies)) / np.log(2)
shared = conic.solve(cp.Problem(cp.Maximize(bits), [cp.sum(times) <= 1]))
by_hand = np.log2(1 + 2 * energies.sum())
assert np.allclose(times.value, energies / energies.sum(), atol=1e-5)
assert np.isclose(shared.value, by_hand, rtol=1e-7)
print(f"cone program {shared.value:.8f}, dual bound {shared.bound:.8f}")
print(f"by hand      {by_hand:.8f}")

# %% [markdown]
# *Used in:* {ref}`wireless-powered sensing <chapter-wireless-powered>` (energies instead of powers) and
# {ref}`semi-integrated sensing and communication <chapter-semi-isac>` (spectrum shares).
#
# ## Difference of convex functions and the tangent bound
#
# With interference a rate is a *difference* of concave functions,
#
# ```{margin} Assumption
# Interference is treated as noise: no receiver decodes what is meant for another.
# ```
#
# $$
# \begin{aligned}
# R(p) &= \log_2\bigl(\sigma^2 + \textstyle\sum_j g_jp_j\bigr) - \log_2\bigl(\sigma^2 + \textstyle\sum_{j\ne i} g_jp_j\bigr)\\
# &= u(p) - w(p).
# \end{aligned}
# $$
#
# The concave part $u$ is welcome; the term $-w$ is convex. A convex function lies above its tangents, so that
#
# ```{math}
# :label: cv-tangent
# \begin{aligned}
# &R(p) \;\ge\; u(p) - w(p_0) - \nabla w(p_0)^{\mathsf T}(p - p_0) \;=:\; \tilde R(p; p_0),\\
# &\tilde R(p_0;p_0) = R(p_0),\qquad \nabla\tilde R(p_0;p_0) = \nabla R(p_0).
# \end{aligned}
# ```
#
# **Successive convex approximation** maximises $\tilde R(\cdot\,;p_0)$, moves $p_0$ there and repeats. Since $R(p_1) \ge \tilde
# R(p_1;p_0) \ge \tilde R(p_0;p_0) = R(p_0)$, it never gets worse; since value and slope agree at $p_0$, it can only rest at a
# stationary point. Whether that point is the best one is another question. Take two links: the power $p$ of the first is ours
# to choose, the second has fixed power and suffers from it:
#
# $$\begin{aligned}
# R(p) &= \log_2(1 + ap) + \log_2\Bigl(1 + \frac{b}{1 + cp}\Bigr)\\
# &= \underbrace{\log_2(1+ap) + \log_2(1 + b + cp)}_{u} - \underbrace{\log_2(1+cp)}_{w}.
# \end{aligned}$$

# %%
own, other, leak = 6.0, 30.0, 20.0


def rate(p):
    return np.log2(1 + own * p) + np.log2(1 + other / (1 + leak * p))


def minorant(p, p0):
    """The tangent bound at p0 and its derivative."""
    slope = leak / np.log(2) / (1 + leak * p0)
    value = np.log2(1 + own * p) + np.log2(1 + other + leak * p)
    value = value - np.log2(1 + leak * p0) - slope * (p - p0)
    rise = own / (1 + own * p) + leak / (1 + other + leak * p)
    return value, rise / np.log(2) - slope


def ascend(start, tolerance=1e-9, most=500):
    """Successive convex approximation, until the rate hardly grows."""
    path = [start]
    for _ in range(most):
        bound = partial(minorant, p0=path[-1])
        best = scalar_search.minimise_convex(
            lambda p: [-part for part in bound(p)], 0.0, power_budget_w
        )
        path.append(float(best.argument))
        if rate(path[-1]) - rate(path[-2]) <= tolerance * rate(path[-1]):
            return np.array(path), True
    return np.array(path), False


# %%
axis = np.linspace(0, power_budget_w, 401)
for p0 in axis[::40]:
    below, here = minorant(axis, p0)[0], minorant(p0, p0)[0]
    assert np.all(below <= rate(axis) + 1e-12), "the bound holds everywhere"
    assert np.isclose(here, rate(p0)), "and is tight where it was made"


def watts(power):
    return f"{round(power / power_budget_w, 6) * power_budget_w:.3g} W"


paths, stopped = zip(*(ascend(part * power_budget_w) for part in (0.05, 0.3)))
for path, by_rule in zip(paths, stopped):
    assert np.all(np.diff(rate(path)) >= -1e-10), "it never gets worse"
    how = "by its rule" if by_rule else "unfinished"
    start, end = map(watts, path[[0, -1]])
    print(f"from {start} to {end}: {rate(path[-1]):.4f} bit/s/Hz,")
    print(f"  stopped {how} after {len(path) - 1} steps")
best_w = axis[rate(axis).argmax()]
print(f"best on a fine grid: {rate(best_w):.4f} bit/s/Hz at {best_w:.2g} W")

# %% tags=["hide-input"]
ends = [rate(path[-1]) for path in paths]
loss = 1 - min(ends) / max(rate(axis).max(), *ends)
left, right = (watts(path[-1]) for path in paths)
if loss > 1e-3:
    found = f"The two starts end at different local maxima, {left} and {right}; the worse one loses {100 * loss:.0f} %."
    where = f"from the left start the points move to {left}, from the right start to {right}"
else:
    found = f"With this budget both starts end at the same rate, at {left} and {right}."
    where = "from both starts the points move to the same rate"
fig, ax = plotting.subplots()
plotting.line(ax, axis, rate(axis), "exact", label="rate $R(p)$")
bounds = {}
for number, (path, scheme) in enumerate(zip(paths, ("paper", "benchmark_1"))):
    for step in range(2):
        below = minorant(axis, path[step])[0]
        bounds[f"bound_{number + 1}_{step + 1}_bit_per_s_per_hz"] = below
        label = None if step else f"bounds from {path[0]:.2g} W"
        looks = {"alpha": 1 - 0.5 * step, "label": label, "markers": False}
        plotting.line(ax, axis, below, scheme, **looks)
    ax.plot(path[:4], rate(path[:4]), **plotting.role(scheme) | {"linestyle": ""})
ax.set(xlabel="Power of the first link (W)", ylabel="Sum of the rates (bit/s/Hz)")
ax.set_ylim(rate(axis).min() - 1.2, rate(axis).max() + 0.4)
ax.legend(loc="upper center")
figures.show(
    fig,
    "tangent_bound",
    data={"power_w": axis, "rate_bit_per_s_per_hz": rate(axis), **bounds},
    caption="Sum rate of two links (solid), tangent bounds {eq}`cv-tangent` from two starting points (first two steps, the second paler) "
    f"and the points visited. Each bound touches the rate where it was made. {found}",
    alt=f"The sum rate over the power of the first link. Concave curves touch it from below at the visited points; {where}.",
)

# %% [markdown]
# With two watts, as in the book, both runs meet their stopping rule, and one of them is wrong: the rate has a local maximum at each
# end. This is why every chapter places a certified optimum beside a
# method of this kind.
#
# *Used in:* {ref}`network localization <chapter-network-localization>` (difference of convex functions) and
# {ref}`wireless-powered sensing <chapter-wireless-powered>` (successive convex approximation); both papers use it, and we
# measure what it loses.
#
# ## Ratios: bisect on a margin, not on a status
#
# A minimum of signal-to-interference ratios is **quasi-concave**: each set $\{p : \min_i \mathrm{SINR}_i(p) \ge t\}$ is convex,
# here even a polyhedron. So the optimum $t^\star$ can be found by bisection on $t$. The usual recipe asks a solver "is this
# feasible?" and believes its status. Near $t^\star$ the answer is decided by tolerances, and a solver that merely fails is
# taken for a proof of infeasibility. A **margin** avoids both. Let
#
# ```{math}
# :label: cv-margin
# m(t) = \max_{0\le p\le P}\;\min_i\;\Bigl[G_{ii}\,p_i - t\bigl(\textstyle\sum_{j\ne i}G_{ij}\,p_j + 1\bigr)\Bigr].
# ```
#
# ```{prf:theorem} A margin decides
# :label: cv-theorem-margin
#
# A common ratio $t\ge0$ can be reached exactly when $m(t)\ge0$.
# ```
#
# *Proof.* The bracket of link $i$ is non-negative exactly when its ratio, useful power over interference and noise, is at least $t$; the
# noise power is 1. The smallest bracket is non-negative for some powers exactly when all ratios reach $t$ with them. $\blacksquare$
#
# Unlike the question for a status, the program behind $m(t)$ is feasible for every $t\ge0$, and $m$ is continuous and strictly
# decreasing. For powers with individual caps there is a closed form to compare with. With $F_{ij} =
# G_{ij}/G_{ii}$ ($j\ne i$) and $v_i = 1/G_{ii}$,
#
# $$t^\star = \frac{1}{\max_i\,\rho\bigl(F + v\,e_i^{\mathsf T}/P\bigr)},$$
#
# where $\rho$ is the spectral radius. *No powers do better:* let $p$ reach the ratio $t>0$ within the caps. Then $p\ge t(Fp+v)$ and,
# for **every** $i$, $1\ge e_i^{\mathsf T}p/P$, so that $p\ge t\,(F+v\,e_i^{\mathsf T}/P)\,p$ with $p>0$. For a non-negative matrix $A$ and a
# positive vector, $Ap\le p/t$ implies $\rho(A)\le1/t$ (Collatz and Wielandt). So $t\,\rho(F+v\,e_i^{\mathsf T}/P)\le1$ for all $i$.
# *It is reached:* if two power vectors meet $p\ge t^\star(Fp+v)$, so does their entrywise minimum, since the right-hand side grows with $p$. So there
# is a least one. It meets every row with equality, otherwise the entry of that row could be lowered, and some link $i$ is at its cap, otherwise
# all powers could be multiplied by a factor above one, which lifts every ratio above $t^\star$. Thus $p = t^\star(Fp + v)$ and $1 = p_i/P$
# give $p = t^\star\,(F + v e_i^{\mathsf T}/P)\,p$. A positive eigenvector of a non-negative matrix belongs to its spectral radius, so
# $t^\star=1/\rho(F+v\,e_i^{\mathsf T}/P)$ for this $i$, and no other $i$ has a larger radius.

# %%
G = np.array([[5.0, 0.4, 0.3], [0.6, 3.0, 0.5], [0.2, 0.7, 4.0]])
off = G - np.diag(np.diag(G))
no_interference = float(np.max(np.diag(G)) * power_budget_w)
shares, slack, target = cp.Variable(3), cp.Variable(), cp.Parameter()
heard = power_budget_w / no_interference  # gains over the strongest signal
disturbed = target * (heard * off @ shares + 1 / no_interference)
worst = cp.multiply(heard * np.diag(G), shares) - disturbed >= slack
program = cp.Problem(cp.Maximize(slack), [worst, shares >= 0, shares <= 1])


def margin(t):
    """The margin over the noise power; the program has shares of the cap."""
    target.value = float(t)
    return no_interference * conic.solve(program, solvers=("HIGHS",)).value


bracket = scalar_search.bisect(
    lambda t: margin(t) < 0, 0.0, no_interference, tolerance=1e-9
)
F, v = off / np.diag(G)[:, None], 1 / np.diag(G)
# One matrix for each link at its cap
capped = F + np.einsum("j,ik->ijk", v, np.eye(3)) / power_budget_w
closed = 1 / np.abs(np.linalg.eigvals(capped)).max()
# To the feasibility tolerance of the linear program
assert abs(bracket.low / closed - 1) < 1e-6
assert is_convex(
    lambda z: -np.min(np.diag(G) * z - 1.5 * (z @ off.T + 1), axis=1),
    lambda count: rng.uniform(0, 2, (count, 3)),
)
print(f"bracket [{bracket.low:.9f}, {bracket.high:.9f}]")
print(f"closed form {closed:.9f}, {bracket.iterations} linear programs")

# %% tags=["hide-input"]
levels = np.linspace(0, 2 * closed, 41)
margins = np.array([margin(t) for t in levels])
assert np.all(np.diff(margins) < 0)

fig, ax = plotting.subplots(height=3.0)
plotting.line(ax, levels, margins, "exact", label="margin $m(t)$")
ax.axhline(0, **plotting.role("reference"))
dot = plotting.role("paper") | {"linestyle": "", "markersize": 8}
ax.plot([closed], [0], **dot, label="closed form $t^\\star$")
ax.set_xlabel("Demanded signal-to-interference-and-noise ratio $t$ (1)")
ax.set_ylabel("Margin over the noise power (1)")
ax.legend()
figures.show(
    fig,
    "margin",
    data={"sinr": levels, "margin": margins},
    caption="The margin {eq}`cv-margin` of three interfering links against the demanded ratio. It is defined on both "
    "sides of the optimum and crosses zero with a slope, so "
    "that an error of the solver moves the answer only a little. A feasibility status would be a step.",
    alt="A decreasing, slightly bent curve that crosses zero at the value given by the closed form, marked by a dot.",
)

# %% [markdown]
# *Used in:* {ref}`network localization <chapter-network-localization>` (this program),
# {ref}`near-field sensing <chapter-near-field>` (the least power that meets a robust ratio, as a multiple of the budget).
#
# ## Linear-fractional objectives: Charnes–Cooper and Dinkelbach
#
# Energy efficiency is a ratio of a concave rate and an affine power,
#
# $$\max_{p\ge0,\ \sum p\le P}\ \frac{R(p)}{\sum_k p_k + P_c}, \qquad R(p) = \sum_k\log_2(1 + g_kp_k).$$
#
# **Charnes–Cooper** {cite}`charnes1962`. Put $s = 1/(\sum p + P_c)$ and $y = sp$. The objective becomes the perspective
# $sR(y/s)$, and everything else is linear:
#
# ```{math}
# :label: cv-charnes-cooper
# \max_{y,\,s\ge0}\ \sum_k s\log_2\Bigl(1 + \frac{g_ky_k}{s}\Bigr)\quad\text{subject to}\quad \sum_ky_k + P_cs = 1,\quad
# \sum_ky_k\le Ps .
# ```
#
# One convex program, with a dual bound. Then $p = y/s$.
#
# **Dinkelbach** {cite}`dinkelbach1967`. Let $F(q) = \max_p\,[R(p) - q(\sum p+P_c)]$, a maximum of decreasing affine functions
# of $q$: convex and decreasing. The best ratio is its root $q^\star$. Newton's method on $F$ is the iteration $q_{k+1} =
# R(p_k)/(\sum p_k + P_c)$, where $p_k$ attains $F(q_k)$. Newton's method on a convex function converges monotonically, and
# **superlinearly**; here the inner problem is water-filling with the price $q$ (or the price that exhausts the budget, if it is
# higher).


# %%
def waterfill(price):
    """Powers that maximise R(p) - price * sum(p)."""
    return np.maximum(1 / (np.log(2) * price) - 1 / gains, 0.0)


def sum_rate(p):
    return np.log2(1 + gains * p).sum()


highest = gains.max() / np.log(2)  # at this price nobody transmits
budget = scalar_search.bisect(
    lambda price: waterfill(price).sum() <= power_budget_w,
    highest * 1e-9,
    highest,
    geometric=True,
)


def inner(q):
    return waterfill(max(q, budget.high))


def ratio(p):
    return sum_rate(p) / (p.sum() + circuit_power_w)


# %%
trace = [0.0]
while len(trace) < 2 or trace[-1] > trace[-2] * (1 + 1e-15):
    trace.append(ratio(inner(trace[-1])))

root = scalar_search.bisect(
    lambda q: sum_rate(inner(q)) - q * (inner(q).sum() + circuit_power_w) <= 0,
    highest * 1e-6,
    highest,
    geometric=True,
)
# Scale before solving: powers over what is spent at the root, so s is about 1
spent = inner(root.high).sum() + circuit_power_w
y, s = cp.Variable(len(gains), nonneg=True), cp.Variable(nonneg=True)
snr = cp.multiply(gains * spent, y)
nats = -cp.sum(cp.rel_entr(s * np.ones(len(gains)), s + snr))
whole = cp.sum(y) + circuit_power_w / spent * s == 1
capped = cp.sum(y) <= power_budget_w / spent * s
cone = conic.solve(cp.Problem(cp.Maximize(nats), [whole, capped]))
unit = 1 / (np.log(2) * spent)  # one nat per unit of energy, in bit/Hz/J
assert np.isclose(trace[-1], root.high, rtol=1e-10)
accuracy = 1e-6 * max(root.high, unit)
assert abs(cone.value * unit - root.high) < accuracy
assert ratio(spent * y.value / s.value) > root.high - accuracy

# %% tags=["hide-input"]
reached = cone.value * unit, trace[-1], root.low
proven = f"{cone.bound * unit:.9g}", "none", f"{root.high:.9g}"
tables.table(
    {
        "method": ["Charnes–Cooper (cone program)", "Dinkelbach", "bisection on F(q)"],
        "efficiency (bit/Hz/J)": [f"{value:.9g}" for value in reached],
        "upper bound (bit/Hz/J)": proven,
        "steps": [cone.iterations, len(trace) - 2, root.iterations],
    },
    caption="Three ways to the same energy efficiency. The bound of the cone program and the optimum differ by "
    f"{abs(cone.bound * unit / root.high - 1):.0e} of it.",
)

# %% [markdown]
# Look at the last digits: a solver's bound is as exact as its dual residual, so it may even lie a little *below* the optimum
# that the other two agree on. Where a chapter needs more digits, it builds the bound itself.
#
# How fast is Dinkelbach? At a smooth point the error is squared at each step: $e_{k+1}\approx K e_k^2$.

# %% tags=["hide-input"]
errors = root.high - np.array(trace[:-1])  # the last step only repeats the one before
steps = np.arange(len(errors))
shown = errors > 5e-15 * root.high
tail = errors[errors > 1e-12 * root.high]
assert np.all(np.diff(tail) < 0), "monotone"
factors = tail[2:] * root.high / tail[1:-1] ** 2
if factors.size:
    print("relative error over the square of the one before, from the second step on:")
    print("  " + ", ".join(f"{factor:.2g}" for factor in factors))
else:
    print("at the optimum after the first step: the budget is spent at every price")

halving = root.high * 0.5**steps
fig, ax = plotting.subplots(height=3.2)
plotting.line(ax, steps[shown], errors[shown], "paper", label="Dinkelbach")
plotting.line(ax, steps, halving, "reference", label="bisection (halves each step)")
ax.set(xlabel="Step (1)", xticks=steps)
ax.set(yscale="log", ylabel="Distance to the optimum (bit/Hz/J)")
ax.legend()
figures.show(
    fig,
    "dinkelbach",
    data={
        "step": steps[shown],
        "error_bit_per_hz_per_j": errors[shown],
        "bisection_bit_per_hz_per_j": halving[shown],
    },
    caption="Distance of Dinkelbach's iterates to the best energy efficiency, beside a bisection. The number of correct "
    "digits about doubles at each step, once it is near. "
    f"At step {steps[shown][-1]} it is at rounding level.",
    alt="Error over the step on a logarithmic axis. Dinkelbach's curve bends down ever more steeply, to "
    f"{errors[shown][-1]:.0e} at step {steps[shown][-1]}; the line of a bisection has lost only a factor of two per step.",
)

# %% [markdown]
# *Used in:* {ref}`semi-integrated sensing and communication <chapter-semi-isac>`, for the energy efficiency.
#
# ## An uncertain channel: the S-procedure
#
# ```{margin} Assumption
# Nothing is known about the error but its length. A ball is the worst case over all directions, a distribution would be another
# problem.
# ```
#
# A beam must work for *every* channel in a ball: $\tilde h = h + \Delta$ with $\|\Delta\|\le\varepsilon$. With Hermitian $M$
# (useful beam over the demanded ratio, minus the interfering beams) the worst case is
#
# $$\min_{\|\Delta\|\le\varepsilon}\ (h+\Delta)^{\mathsf H}M(h+\Delta),$$
#
# a quadratic that need not be convex, over infinitely many channels. If some $\lambda\ge0$ makes
#
# ```{math}
# :label: cv-s-procedure
# \begin{pmatrix} M + \lambda I & Mh\\ h^{\mathsf H}M & h^{\mathsf H}Mh - c - \lambda\varepsilon^2\end{pmatrix}\succeq0,
# ```
#
# then multiplying from both sides with $(\Delta, 1)$ gives $(h+\Delta)^{\mathsf H}M(h+\Delta) - c \ge \lambda(\varepsilon^2 -
# \|\Delta\|^2) \ge 0$ in the ball, so **$c$ is a lower bound on the worst case**. The S-procedure says that for one ball
# nothing is lost: the largest such $c$ *is* the worst case {cite}`boyd2004`. We compute it three ways: the semidefinite
# program, its dual function in $\lambda$ alone (concave, with derivative $\|\Delta(\lambda)\|^2-\varepsilon^2$,
# $\Delta(\lambda) = -(M+\lambda I)^{-1}Mh$), and an explicit channel that attains it.
#
# There is a **hard case**. As $\lambda$ falls to minus the lowest eigenvalue of $M$, $\|\Delta(\lambda)\|$ grows beyond every radius,
# unless $Mh$ has no part along the lowest eigenvector: then $\Delta(\lambda)$ may stay inside the ball down to the end, where the matrix is
# singular. The worst channel then adds to the limit of $\Delta(\lambda)$ as much of that eigenvector as leads to the sphere. The search
# below writes $\lambda$ as its least value plus $\nu$ and works in the eigenbasis, where no digits are lost near the end.

# %%
size = 4
h, useful, unwanted = (channels.complex_normal(scene, size) for _ in range(3))
useful = useful + 2 * h / norm(h)
M = np.outer(useful, useful.conj()) / 2 - np.outer(unwanted, unwanted.conj())


def quadratic(M, h, errors):
    moved = h + errors
    return np.real(np.einsum("...i,ij,...j->...", moved.conj(), M, moved))


def by_semidefinite_program(M, h, radius):
    """The largest c; error over the radius, form over its size in the ball."""
    nominal, slope = quadratic(M, h, 0 * h), radius * (M @ h)
    unit = max(abs(nominal), norm(slope), radius**2 * norm(M, 2))
    c, lam = cp.Variable(), cp.Variable(nonneg=True)
    corner = cp.reshape(nominal / unit - c - lam, (1, 1), order="C")
    square = radius**2 / unit * M + lam * np.eye(len(h))
    beside = slope[:, None] / unit
    block = cp.bmat([[square, beside], [beside.conj().T, corner]])
    program = cp.Problem(cp.Maximize(c), [block >> 0])
    # Near the hard case the accuracy is reduced; assertions below judge it.
    return conic.solve(program, accept_inaccurate=True).value * unit, unit


# %%
def by_search(M, h, radius):
    """Worst value by the concave dual, and a channel error that attains it."""
    nominal = quadratic(M, h, 0 * h)
    curvatures, axes = np.linalg.eigh(M)
    slope = axes.conj().T @ (M @ h)
    least = max(0.0, -curvatures[0])
    above = curvatures + least  # M + lambda I in its eigenbasis is above + nu

    def dual(nu):
        error = -slope / (above + nu)
        lost = (least + nu) * radius**2 - np.vdot(slope, error).real
        return lost - nominal, radius**2 - norm(error) ** 2

    highest = norm(slope) / radius  # there the error is inside the ball
    lowest = max(abs(slope[0]) / radius if least else 0.0, 1e-15 * highest)
    found = scalar_search.minimise_convex(dual, lowest, highest)
    error = -slope / (above + found.argument)
    room = radius**2 - norm(error) ** 2
    if least and room > 1e-9 * radius**2:  # the hard case
        error[0] += np.sqrt(room)
    return -found.value, axes @ error


# %%
# By hand: Delta = (-sqrt(32)/3, -2/3)
hard = (np.diag([-1.0, 2.0]), np.array([0.0, 1.0]))
worst, error = by_search(*hard, 2.0)
assert np.allclose([worst, quadratic(*hard, error)], -10 / 3)
assert np.isclose(by_semidefinite_program(*hard, 2.0)[0], -10 / 3, rtol=1e-6)
print(f"a hard case: worst value {worst:.6f} at the error {error.round(4)}")

rows = []
radii = np.sort(np.array(error_radii, dtype=float))
for radius in radii:
    program, unit = by_semidefinite_program(M, h, radius)
    value, error = by_search(M, h, radius)
    sphere = channels.complex_normal(scene, (20_000, size))
    sphere *= radius / norm(sphere, axis=1, keepdims=True)
    attained, sampled = quadratic(M, h, error), quadratic(M, h, sphere).min()
    rows += [[program, value, attained, norm(error) / radius, sampled, unit]]
certified, searched, attained, norms, sampled, unit = np.array(rows).T
assert np.all(np.abs(certified - searched) < 1e-6 * unit)
assert np.all(np.abs(attained - searched) < 1e-8 * unit)
assert np.allclose(norms, 1, atol=1e-6), "the worst channel lies on the sphere"
assert np.all(sampled >= searched - 1e-12 * unit)

# %% tags=["hide-input"]
fig, ax = plotting.subplots(height=3.2)
plotting.line(ax, radii, certified, "exact", label="S-procedure (guaranteed)")
dots = plotting.role("paper") | {"linestyle": "", "label": "attained by a channel"}
ax.plot(radii, attained, **dots)
label = "worst of 20,000 random channels"
plotting.line(ax, radii, sampled, "benchmark_1", label=label)
ax.axhline(0, **plotting.role("reference"))
ax.set_xlabel("Radius of the channel error (1)")
ax.set_ylabel("Worst value of the quadratic form (1)")
ax.legend()
figures.show(
    fig,
    "s_procedure",
    data=dict(radius=radii, guaranteed=certified, attained=attained, sampled=sampled),
    caption="Worst case of an indefinite quadratic form over a ball of channels, for a channel with four complex entries. "
    "The semidefinite program and an explicit channel meet: nothing is "
    "lost. Random channels miss the worst case, and a constraint checked on them only would be violated.",
    alt="Three falling curves over the radius of the error. The guaranteed value and the attained values coincide; the "
    "minimum over random "
    "channels lies above them, the more so the larger the radius.",
)

# %% [markdown]
# With several balls, one for each access point, the same argument with one multiplier per ball still gives a valid bound, but
# it may no longer be tight.
#
# *Used in:* {ref}`near-field sensing <chapter-near-field>`, for the robust beams and for the channel that tests them.
#
# ## The duality gap as a certificate
#
# Let $p$ be any feasible point of a maximisation and $D$ the dual function. For every price $\nu\ge0$
#
# $$
# \begin{aligned}
# \underbrace{R(p)}_{\text{what we have}} &\le R^\star \le \underbrace{D(\nu)}_{\text{what nobody can exceed}},\\
# D(\nu) &= \nu P + \sum_k\max_{x\ge0}\,\bigl[\log_2(1+g_kx) - \nu x\bigr] .
# \end{aligned}
# $$
#
# Nothing here asks for convexity or for a solver that can be trusted: the two numbers are recomputed from $p$ and $\nu$. If
# they agree, both are optimal. Convexity is what makes the gap *close*. For the sum rate under a power budget, $D$ is convex in
# $\nu$, and its minimiser is the price at which the budget is just spent; the water level is $1/(\nu\ln2)$.


# %%
def dual_function(price):
    p = np.maximum(1 / (np.log(2) * price) - 1 / gains[:, None], 0.0)
    profit = np.log2(1 + gains[:, None] * p) - price * p
    return price * power_budget_w + profit.sum(0), power_budget_w - p.sum(0)


# %%
best = scalar_search.minimise_convex(
    lambda price: [part[0] for part in dual_function(np.atleast_1d(price))],
    highest * 1e-9,
    highest,
)
water = waterfill(best.argument)
water *= power_budget_w / water.sum()  # exactly feasible
equal = np.full(len(gains), power_budget_w / len(gains))
certificates = {
    name: certificate.Certificate(
        method=name,
        value=sum_rate(p),
        bound=float(best.value),
        residual=max(p.sum() / power_budget_w - 1, 0.0),
        status=status,
    )
    for name, p, status in (
        ("water-filling", water, "optimal"),
        ("equal powers", equal, "converged"),
    )
}
for entry in certificates.values():
    print(str(entry).replace(": ", ":\n  ", 1))
assert certificates["water-filling"].gap < 1e-9

# %% tags=["hide-input"]
lost = certificates["equal powers"].gap
if lost > 1e-9:
    told = f"the distance to equal powers, {percent(100 * lost)}, is what that scheme loses, whatever the reason."
else:
    told = "equal powers reach the same value here: nothing is lost."
prices = np.linspace(0.3 * best.argument, 2.5 * best.argument, 201)
fig, ax = plotting.subplots(height=3.2)
label = "dual function: bound on every allocation"
plotting.line(ax, prices, dual_function(prices)[0], "exact", label=label)
for powers, scheme, label in (
    (water, "paper", "water-filling"),
    (equal, "benchmark_1", "equal powers"),
):
    look = plotting.role(scheme) | {"marker": "", "label": label}
    ax.axhline(sum_rate(powers), **look)
ax.set(xlabel="Price of power $\\nu$ (bit/s/Hz/W)", ylabel="Sum rate (bit/s/Hz)")
ax.legend()
figures.show(
    fig,
    "duality_gap",
    data={
        "price_bit_per_s_per_hz_per_w": prices,
        "bound_bit_per_s_per_hz": dual_function(prices)[0],
        "water_filling_bit_per_s_per_hz": np.full(len(prices), sum_rate(water)),
        "equal_powers_bit_per_s_per_hz": np.full(len(prices), sum_rate(equal)),
    },
    caption="Every price gives an upper bound on the sum rate. The lowest bound touches the value of water-filling, which "
    f"proves both optimal; {told}",
    alt="A convex curve over the price of power with its minimum on a horizontal line, the value of water-filling. A "
    f"second horizontal line, equal powers, lies {percent(100 * lost)} below it.",
)

# %% [markdown]
# *Used in:* every chapter; {ref}`OFDM ranging <chapter-ofdm-ranging>` meets this very dual. In the book each exact solution
# carries such a certificate, and the function `verify` of each chapter recomputes it from the allocation alone.
#
# ## Which tool where
#
# | what makes the problem hard | tool | chapter |
# |---|---|---|
# | products of powers and times | logarithmic variables, perspective | {ref}`wireless-powered sensing <chapter-wireless-powered>` |
# | a bound on the position error | one second-order cone per target | {ref}`wireless-powered sensing <chapter-wireless-powered>` |
# | interference in a worst ratio | margin and bisection, closed form | {ref}`network localization <chapter-network-localization>` |
# | shares of spectrum, energy efficiency | perspective, Charnes–Cooper, Dinkelbach | {ref}`semi-integrated sensing and communication <chapter-semi-isac>` |
# | sidelobes and capacity | convex constraints, dual of water-filling | {ref}`OFDM ranging <chapter-ofdm-ranging>` |
# | uncertain channels | S-procedure, margin | {ref}`near-field sensing <chapter-near-field>` |
