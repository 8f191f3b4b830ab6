# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# (semi-isac-model)=
# # Three services, two budgets
#
# A base station has one band and one power budget, and three kinds of customers: one wants to be *sensed* (user 0), one wants to
# be sensed and served with data by the *same* signal (user 1, the ISaC user), one only wants data (user 2). Each gets a band of
# its own, so they do not disturb one another; what they compete for is spectrum and power. The paper
# {cite}`semi_isac_paper` calls this *semi-ISaC* and asks how to split both budgets.
#
# This page builds the model, shows why both of the paper's problems can be solved to a certified optimum, and checks every step
# as it goes. Formulas are missing from the source that we worked from, so each one here is derived from the paper's prose and
# from what its sentences imply; the parameter table of the chapter says what is assumed.

# %% tags=["parameters"]
seed = 1
radius_m = 40.0
min_distance_m = 1.0
carrier_hz = 1.0e9
antenna_gain_db = 0.0
target_rcs_m2 = 1.0
clutter_rcs_m2 = 0.01
clutters = 3
link_exponent = 2.5
radar_exponent = 4.0
nakagami_m = 3.0
bandwidth_hz = 1.0e8
temperature_k = 290.0
power_budget_dbm = 30.0
circuit_power_dbm = 30.0
weights = [0.3333333333333333, 0.3333333333333333, 0.3333333333333333]
min_sensing_bps = 5.0e6
min_rate_bps = 2.0e7

# %% tags=["hide-input"]
from dataclasses import replace

import numpy as np
import sympy as sp
from compendium.notebook import claims, figures
from compendium.notebook.curves import legend_above
from compendium.notebook.given import taken_by
from matplotlib.patches import Circle

from isaclib import SolverFailure
from isaclib import semi_isac as si
from isaclib.foundations import geometry, plotting

setting = taken_by(si.DEFAULTS, globals())
# The example of this page: the first drop in which the ISaC user takes most of the band, as it does in most drops.
drops = si.Scenario.random_batch(np.random.default_rng(seed), 60, **setting)
solved = si.solve_exact_batch(drops)
floors = {"min_sensing_bps": min_sensing_bps, "min_rate_bps": min_rate_bps}
if not solved.feasible.any():  # the page goes on with floors that some drop can meet
    setting |= claims.within_reach(solved, **floors)
    min_sensing_bps, min_rate_bps = (setting[name] for name in floors)
    drops = si.Scenario.random_batch(np.random.default_rng(seed), 60, **setting)
    solved = si.solve_exact_batch(drops)
typical = solved.feasible & (np.argmax(np.nan_to_num(solved.shares), axis=1) == 1)
scenario = drops[int(np.argmax(typical if typical.any() else solved.feasible))]
optimum = si.solve_exact(scenario)
print(optimum.certificate)

# %% [markdown]
# ## The system
#
# The base station transmits and listens at once (full duplex, self-interference cancelled). Echoes travel both ways, links one
# way. Clutter returns the sensing signals too: its echo grows with the power that is sent, so that power alone cannot drown it.

# %% tags=["hide-input"]
cell = np.random.default_rng(seed + 1)
users = geometry.uniform_disk(cell, 3, radius_m, minimum_radius_m=0.35 * radius_m)
scatterers = np.empty((0, 2))
if clutters:
    disk = {"radius_m": radius_m, "minimum_radius_m": 0.2 * radius_m}
    scatterers = geometry.uniform_disk(cell, clutters, **disk)
sizes = {"width": 7.2, "height": 3.5, "width_ratios": [1.15, 1]}
fig, (cell_axes, band_axes) = plotting.subplots(1, 2, **sizes)
dotted = {"fill": False, "color": "#5A5A5A", "linestyle": ":"}
cell_axes.add_patch(Circle((0, 0), radius_m, **dotted))
names = ["0: sensing only", "1: ISaC", "2: communication only"]
for k, (user, ways) in enumerate(zip(users, ("<->", "<->", "->"))):
    look = plotting.style(k)
    marker, style = (
        look["marker"],
        {name: look[name] for name in ("color", "linestyle")},
    )
    style |= {"arrowstyle": ways, "shrinkA": 7, "shrinkB": 7}
    cell_axes.annotate("", xy=user, xytext=(0, 0), arrowprops=style)
    shown = {"color": look["color"], "markersize": 9, "label": f"user {names[k]}"}
    cell_axes.plot(*user, marker, **shown)
cell_axes.plot(0, 0, "*", color=plotting.INK, markersize=13, label="base station")
cell_axes.plot(*scatterers.T, "x", color="#5A5A5A", label="clutter")
cell_axes.set(xlabel="x (m)", ylabel="y (m)", aspect="equal")
legend_above(fig, cell_axes, 3)
parts = {"band": optimum.shares, "power": optimum.powers_w / optimum.powers_w.sum()}
look = {"color": [plotting.style(k)["color"] for k in range(3)], "alpha": 0.55}
look |= {"height": 0.36, "edgecolor": plotting.INK}
for offset, hatch, (name, part) in zip((-0.2, 0.2), ("", "//"), parts.items()):
    bars = band_axes.barh(np.arange(3) + offset, 100 * part, hatch=hatch, **look)
    band_axes.bar_label(bars, [f" {100 * x:.2g} % of the {name}" for x in part], size=8)
least = min(part[part > 0].min() for part in parts.values())
band_axes.set(xscale="log", xlabel="Share of the budget (%)", xlim=(50 * least, 4000))
band_axes.set_xticks(10.0 ** np.arange(np.ceil(np.log10(50 * least)), 3))  # to 100 %
band_axes.minorticks_off()
band_axes.set(yticks=range(3), yticklabels=[f"user {k}" for k in range(3)])
band_axes.invert_yaxis()
figures.show(
    fig,
    "system",
    data={"user": np.arange(3), "share": optimum.shares, "power_w": optimum.powers_w},
    caption="The cell with the three kinds of users and the clutter (left; positions drawn for the picture), and how the optimum "
    "of the example drop splits band (plain) and power (hatched) among users 0, 1 and 2 (right, in the same colours, on a logarithmic axis). "
    "One user takes the surplus, the others get what their floors need.",
    alt="Left: base station in the middle of a circular cell, two-way arrows to a sensing user and an ISaC user, a one-way arrow "
    "to a communication user, crosses for clutter. Right: two bars for each user, its shares of band and power, labelled; one user has nearly everything.",
    paper="Fig. 1",
)

# %% [markdown]
# ## Rates
#
# User $k$ gets the share $\beta_k$ of the band $B$ and the power $p_k$. The noise of its band is $N_0\beta_k B$, where the
# noise density $N_0 = k_\mathrm{B}T$ is Boltzmann's constant times the temperature. That the noise scales with the share is not written in the text we have, but the paper's Hessians are
# with respect to share *and* power, which only makes sense if it does. The radar receiver sees an echo of power $a_k p_k$ (the
# signal), clutter of power $b_k p_k$ and noise; the link has the gain $g_k$:
#
# ```{math}
# :label: si-rates
# \begin{aligned}
# R^\mathrm{s}_k &= \beta_k B\log_2\!\Big(1+\frac{a_kp_k}{b_kp_k+N_0\beta_kB}\Big),\\
# R^\mathrm{c}_k &= \beta_k B\log_2\!\Big(1+\frac{g_kp_k}{N_0\beta_kB}\Big).
# \end{aligned}
# ```
#
# The first one is a **mutual information** between response and echo: if both are Gaussian, it is the difference of two
# entropies $\log_2(\pi\mathrm e\,\text{variance})$ {cite}`semi_isac_tian2019`. We execute that step.

# %%
signal, disturbance = sp.symbols("S I", positive=True)


def entropy(variance):
    """Of a circular Gaussian sample, in bit."""
    return sp.log(sp.pi * sp.E * variance, 2)


information = entropy(signal + disturbance) - entropy(disturbance)
apart = information - sp.log(1 + signal / disturbance, 2)
assert sp.simplify(sp.expand_log(apart, force=True)) == 0

# %% [markdown]
# The path gains, with the antenna gain $G$, the wavelength $\lambda$, the distance $d$ and the radar cross section
# $\sigma_\mathrm{RCS}$: one way, $G(\lambda/4\pi)^2d^{-\alpha_\mathrm{c}}$; for an echo,
# $G\lambda^2\sigma_\mathrm{RCS}/((4\pi)^3d^{\alpha_\mathrm{r}})$, with the exponent $\alpha_\mathrm{r}$ counted over the whole way
# there and back. Nakagami fading multiplies a link once and an echo twice.
#
# The paper's problem (9) maximises $\sum_k w_kR_k$ with the priorities $w_k$ and $R_1=R_1^\mathrm{c}+R_1^\mathrm{s}$, under a floor
# on each of the four rates, $\sum\beta_k\le1$ and $\sum p_k\le P_{\max}$. Adding radar information to data rates is a modelling choice: the two are
# measured in the same unit, but nobody can trade one for the other. The floors and the weights are what keeps it meaningful.
#
# ## Why the problem is convex
#
# ```{margin} Assumption
# The three users have bands of their own and do not disturb one another; clutter grows with the power of the user that lights it.
# ```
#
# ```{prf:theorem} Concave rates
# :label: si-theorem-concave
#
# Each of the four rates is jointly concave in share and power and homogeneous of degree one, so that any weighted sum of rates
# under floors and budgets is a convex problem.
# ```
#
# The proof is one word: each rate is a **perspective**, $\beta\,r(p/\beta)$ with a concave function $r$ of one variable.
# Perspectives of concave functions are jointly concave {cite}`boyd2004`, and homogeneous of degree one. The paper uses the Hessian
# instead. Its determinant is
# **zero**, not positive, for exactly this reason: along a ray $(\beta, p)\propto(\beta_0,p_0)$ the function is linear.

# %%
beta, p, a, b, c, t = sp.symbols("beta p a b c t", positive=True)
rate = beta * sp.log(1 + a * p / (b * p + c * beta))
hessian = sp.hessian(rate, (beta, p)).applyfunc(sp.simplify)
assert sp.simplify(hessian.det()) == 0
along_ray = sp.simplify(hessian * sp.Matrix([beta, p]))
assert along_ray == sp.zeros(2, 1)  # the ray is the null direction
scaled = rate.subs({beta: t * beta, p: t * p}, simultaneous=True)
assert sp.simplify(scaled - t * rate) == 0
# Strictly negative first entry, and the other follows: H22 = H12^2/H11 < 0.
h11 = sp.factor(hessian[0, 0])
numerator, denominator = sp.fraction(h11)
terms = sp.Add.make_args(sp.expand(numerator * sp.sign(denominator)))
assert all(term.could_extract_minus_sign() for term in terms)
assert sp.simplify(hessian[1, 1] - hessian[0, 1] ** 2 / hessian[0, 0]) == 0
h11

# %% [markdown]
# So the paper's test proves concavity: for a 2 x 2 matrix a *strictly* negative first entry and a determinant that is not negative are
# enough. (With a first entry of zero they would not be: $\operatorname{diag}(0,1)$ is convex.)
#
# ## Two prices, and a bound without a solver
#
# The three users meet only in the two budgets. An auctioneer who knew the right prices $\nu$ of band and $\mu$ of power could leave
# each user alone with its own problem. From here on power is counted in budgets, $\pi_k=p_k/P_{\max}$, and $\rho_{kj}$ is rate $j$ of
# user $k$ in a common unit, so that both budgets are 1. The same idea gives a bound that needs no optimisation at all. A concave
# function $\rho(\beta,\pi)$ of degree one lies below each of its tangents, and the tangent has no constant:
#
# ```{math}
# :label: si-tangent
# \rho(\beta,\pi)\;\le\;\hat\rho_\beta\,\beta+\hat\rho_\pi\,\pi\qquad\text{for all }\beta,\pi\ge0,
# ```
#
# with the derivatives $\hat\rho_\beta,\hat\rho_\pi$ taken at *any* point. Give each rate its weight plus a multiplier
# $\lambda_{kj}\ge0$ for its floor $f_{kj}$, and collect the derivatives of user $k$ in
# $G_k=(G_{k,\beta},G_{k,\pi})=\sum_j(w_k+\lambda_{kj})\nabla\hat\rho_{kj}$. No derivative is negative: a concave function of degree one that is
# non-negative has $\rho(x+y)=2\rho\bigl(\tfrac{x+y}2\bigr)\ge\rho(x)+\rho(y)\ge\rho(x)$. Add $\lambda_{kj}(\rho_{kj}-f_{kj})\ge0$ to the weighted sum, put in the tangents,
# and let nobody pay less than the dearest price: because shares and powers sum to at most one,
#
# ```{math}
# :label: si-bound
# \begin{aligned}
# \sum_{kj}w_k\rho_{kj}\;\le\;&\max_kG_{k,\beta}+\max_kG_{k,\pi}\\
# &-\sum_{kj}\lambda_{kj}f_{kj}
# \end{aligned}
# ```
#
# holds for **every** allocation that meets the floors $f$, whatever point and multipliers we chose. At an optimum with its multipliers (which exist
# where the floors can be met with room to spare, since the problem is convex) every user with a share has the same derivatives, the two prices, and nobody
# has larger ones: the two maxima are the prices. The bound is then tight. By Euler's identity $\sum_k(G_{k,\beta}\beta_k+G_{k,\pi}\pi_k)=\sum_{kj}(w_k+\lambda_{kj})\rho_{kj}$, a budget with a
# positive price is used up, and a floor with a positive multiplier is met exactly, so that both sides are equal. Here are random choices, all of them above the optimum, and the optimal choice:

# %%
draw = np.random.default_rng(seed)
bands = si.Bands.of([scenario])
unit = bands.scale[0] * scenario.weights.max()
worst_case = []
for _ in range(2000):
    point = draw.dirichlet(np.ones(3), 2)[:, None, :]
    lam = draw.exponential(size=bands.floors.shape) * (bands.floors > 0)
    worst_case.append(si.sum_bound(bands, *point, lam)[0] * unit)
assert min(worst_case) >= optimum.objective
assert optimum.certificate.gap < 1e-6
low, high = (end(worst_case) / optimum.objective for end in (min, max))
print(f"random bounds: {low:.2f} to {high:.0f} times the optimum")
print(f"at the optimal prices the gap is {optimum.certificate.gap:.1e}")

# %% [markdown]
# The solver behind `solve_exact` is a primal-dual interior-point method for these prices: each user contributes a 2 x 2 block, bordered by
# the two prices, in one linear system. It does not have to be trusted, for {eq}`si-bound` is evaluated at whatever it returns. The verification
# recomputes everything from shares and powers alone, and notices if they are disturbed:

# %%
moved = replace(optimum, powers_w=np.roll(optimum.powers_w, 1))
as_found, disturbed = (si.verify(scenario, each) for each in (optimum, moved))
print("optimum:  ", as_found)
print("disturbed:", disturbed)
assert as_found.status == "optimal" and disturbed.status != "optimal"

# %% [markdown]
# ### Two more bounds from the same tangents
#
# **No allocation at all.** Suppose some allocation met the floors multiplied by $t$. Put $w=0$ into {eq}`si-bound`, so that $G_k$ holds
# the multipliers only. The left side is then zero and the floors are $tf$, hence
#
# $$t\;\le\;\frac{\max_kG_{k,\beta}+\max_kG_{k,\pi}}{\sum_{kj}\lambda_{kj}f_{kj}}$$
#
# for every $\lambda\ge0$ that is not zero on all floors. A right side below one proves that the floors cannot be met: this is what an
# infeasible scenario reports, and the solver looks for the $\lambda$ that makes it smallest. A factor that was *reached* proves nothing of the kind.
#
# **Bits per joule.** With $w=1$ and the total power $\Pi=\sum_k\pi_k$ kept, the tangents give $\sum_{kj}\rho_{kj}\le H+G\,\Pi$ with
# $H=\max_kG_{k,\beta}-\sum\lambda f$ and $G=\max_kG_{k,\pi}$; the tangents at zero power, where more band brings nothing, give $\sum_{kj}\rho_{kj}\le S\,\Pi$ with $S$ the largest over the users of
# $\sum_j\partial\rho_{kj}/\partial\pi_k$ there (both rates of an ISaC user counted). So
#
# $$\frac{\sum_{kj}\rho_{kj}}{\Pi+P_\mathrm c}\;\le\;\max_{\Pi_{\min}\le\Pi\le1}\frac{\min\{H+G\,\Pi,\;S\,\Pi\}}{\Pi+P_\mathrm c},$$
#
# where $\Pi_{\min}$ is any power below which the floors cannot be met, for instance what each user would need alone with the whole band. Both
# ratios are monotone in $\Pi$, so the maximum is at an end or where the two lines meet. The lower limit is there for arithmetic: $H$ is a small
# difference of large numbers, and circuits that need next to nothing would otherwise divide its rounding error by almost zero.

# %%
margin = si.solve_exact_batch([scenario]).best_attainable[0]
best_ratio = si.solve_exact(scenario, objective="efficiency").objective
per_joule = bands.scale[0] / bands.power_w[0]
factors, ratios = [], []
for _ in range(500):
    point = draw.dirichlet(np.ones(3), 2)[:, None, :]
    lam = draw.exponential(size=bands.floors.shape) * (bands.floors > 0)
    factors.append(si.margin_bound(bands, *point, lam)[0])
    ratios.append(si.efficiency_bound(bands, *point, lam)[0] * per_joule)
assert min(factors) >= margin * (1 - 1e-9) and min(ratios) >= best_ratio
least, closest = min(factors), min(ratios) / best_ratio
print(f"margin {margin:.2f}; random multipliers prove at least {least:.2f}")
print(f"random bounds on the efficiency: from {closest:.2f} times the optimum")

# %% [markdown]
# ### The two prices on a map
#
# The classical dual function does optimise over each user, one variable at a time. With $x$ the power density of user $k$, $r_k$ its
# rate per unit of band and $Q_k(x)=\max_jf_{kj}/r_{kj}(x)$ the least band that meets its floors,
#
# $$\begin{aligned}D(\mu,\nu)=\mu+\nu-\sum_k\min_x\;&Q_k(x)\\&\times[\mu x+\nu-w_kr_k(x)],\end{aligned}$$
#
# where $r_k=\sum_jr_{kj}$. It is finite where no user could make money by growing, $\mu x+\nu\ge w_kr_k(x)$ for all $x$. It is convex in the two prices, and its
# minimum is the optimum: an independent check of the solver on a plain grid.

# %%
density = np.geomspace(1e-3, 1e3, 3001)


def bits_and_needs(bands):
    """Rates per unit of band, least band for the floors, at all densities."""
    value = bands.slopes(np.tile(density[:, None], 3))[0]
    return value, np.max(bands.floors / np.maximum(value, 1e-300), axis=-1)


value, need = bits_and_needs(bands)
worth = bands.weights * value.sum(axis=-1)


def dual(mu, nu):
    surplus = (mu * density + nu)[:, None] - worth
    served = np.sum(np.min(need * surplus, axis=0))
    return np.inf if surplus.min() < 0 else mu + nu - served


price = si.prices(scenario, optimum)
w, hz = scenario.power_budget_w, scenario.bandwidth_hz
mu_star = price.power_per_w * w / unit
nu_star = price.bandwidth_per_hz * hz / unit
fine = min(
    dual(m * mu_star, n * nu_star)
    for m in np.linspace(0.99, 1.01, 21)
    for n in np.linspace(0.9999, 1.0005, 61)
)
assert abs(fine * unit / optimum.objective - 1) < 2e-3

# %% tags=["hide-input"]
mu_axis = mu_star * np.linspace(0.2, 3, 90)
nu_axis = nu_star * np.linspace(0.8, 1.3, 90)
surface = np.array([[dual(mu, nu) for mu in mu_axis] for nu in nu_axis]) * unit / 1e6
assert np.nanmin(surface) * 1e6 >= optimum.objective * (1 - 1e-6)
fig, ax = plotting.subplots(1, 1, height=3.4)
# The map's rows follow the border of the region, nu = max over users and densities of w r(x) - mu x.
border = np.max(worth - mu_axis[:, None, None] * density[:, None], axis=(1, 2))
inside = border < nu_axis[-1]
lowest = np.maximum(border[inside] * (1 + 1e-12), nu_axis[0])
nu_map = lowest + np.linspace(0, 1, 45)[:, None] * (nu_axis[-1] - lowest)
mu_map = np.broadcast_to(mu_axis[inside], nu_map.shape)
mbps_per_w, bps_per_hz = unit / w / 1e6, unit / hz
duals_mbps = np.vectorize(dual)(mu_map, nu_map) * unit / 1e6
look = {"shading": "gouraud", "rasterized": True, "cmap": "cividis"}
shown = ax.pcolormesh(mu_map * mbps_per_w, nu_map * bps_per_hz, duals_mbps, **look)
ax.plot(mu_axis * mbps_per_w, border * bps_per_hz, color=plotting.INK)
star = {"color": "white", "markeredgecolor": plotting.INK, "markersize": 13}
ax.plot(price.power_per_w / 1e6, price.bandwidth_per_hz, "*", **star)
fig.colorbar(shown, label="dual function (Mbit/s)")
ax.set(xlabel="Price of power (Mbit/s/W)", ylabel="Price of bandwidth (bit/s/Hz)")
ax.set(xlim=mu_axis[[0, -1]] * mbps_per_w, ylim=nu_axis[[0, -1]] * bps_per_hz)
figures.show(
    fig,
    "dual",
    data={
        "price_power_mbps_per_w": mu_axis * mbps_per_w,
        "dual_at_best_band_price": surface.min(axis=0),
    },
    caption="The dual function over the two prices for the example drop. Blank: some user would buy without limit. The star is the pair "
    "of prices that the solver reports; it sits at the lowest point, on the edge of the blank region, because the user that takes the "
    "surplus is just indifferent.",
    alt="Heat map of the dual function over price of power and price of bandwidth, blank below a falling curve; a star marks the minimum "
    "at the edge of the blank region.",
)

# %% [markdown]
# ## When nothing is feasible
#
# The floors can be met if and only if the least power that meets them, with the whole band in use, is within the budget. With a
# relative price $\tau$ of band over power, duality turns that into one concave maximisation,
# $P_{\min}=\max_\tau\big[\sum_k\min_x(\tau+x)Q_k(x)-\tau\big]$ (in units of the budget). The library asks the same question as "by which
# factor could all floors be multiplied?" and keeps the multipliers as proof. Both answers agree on every drop:

# %%
tau = np.geomspace(1e-4, 1e4, 200)
least_power = np.empty(len(drops))
everyone = si.Bands.of(drops)
for d in range(len(drops)):
    _, need_d = bits_and_needs(everyone.take([d]))
    least_power[d] = max(
        np.min((s + density)[:, None] * need_d, axis=0).sum() - s for s in tau
    )
clear = np.abs(least_power - 1) > 1e-2
assert np.array_equal((least_power <= 1)[clear], solved.feasible[clear])
refused = int((~solved.feasible).sum())
print(f"{refused} of {len(drops)} drops are infeasible, by both tests")

# %% [markdown]
# ## A cone program that survives strong gains
#
# The paper hands its problem (9) to a standard solver. In the cones of such a solver a sensing rate needs the term
# $u=\beta\pi/(\kappa\pi+\beta)$, where $\kappa$ is the ratio of clutter to noise with the whole budget in the whole band. The textbook form $\pi-\kappa\pi^2/(\kappa\pi+\beta)$ subtracts two almost equal numbers when the clutter
# is strong. Written as a **weighted harmonic mean** of share and power it has no large coefficient left:

# %%
share, power, kappa = sp.symbols("beta pi kappa", positive=True)
theta = 1 / (1 + kappa)
mean = 1 / (theta / power + (1 - theta) / share)
assert sp.simplify(mean * theta - share * power / (kappa * power + share)) == 0
strong = setting | {"antenna_gain_db": 30.0, "carrier_hz": 28e9}
strong |= {"target_rcs_m2": 50.0, "clutter_rcs_m2": 5.0}
rows = si.Scenario.random_batch(np.random.default_rng(seed), 12, **strong)
reference = si.solve_exact_batch(rows)
agree = 0
for d in np.flatnonzero(reference.feasible):
    try:
        found = si.solve_sum(rows[d]).objective
    except SolverFailure as failure:
        print(f"drop {d}: the cone program gave no answer ({failure})")
        continue
    assert abs(found / reference.objective[d] - 1) < 1e-5
    agree += 1
print(f"normalised gains up to {si.Bands.of(rows).link.max():.0e}:", end=" ")
print(f"both solvers agree on {agree} of {reference.feasible.sum()}", end=" ")
print("drops with an answer")

# %% [markdown]
# ## Bits per joule
#
# The paper's problem (13) maximises $\sum R/(\sum p+P_\mathrm c)$ with the circuit power $P_\mathrm c$: concave over affine, hence quasi-concave. **Dinkelbach**'s method (Algorithm 1)
# solves $F(q)=\max\sum R-q(\sum p+P_\mathrm c)$ and sets $q$ to the efficiency reached. $F$ is convex and decreasing, and
# the efficiency reached is where its tangent at $q$ crosses zero: Dinkelbach is *Newton's method* on $F$, hence superlinear
# {cite}`dinkelbach1967`. The linear rate that the paper quotes belongs to programs with several ratios {cite}`semi_isac_crouzeix1985`.

# %%
efficient = si.solve_efficiency(scenario, method="dinkelbach")
trace = np.array([step.objective for step in efficient.history])
errors = 1 - trace[1:] / efficient.certificate.bound
errors = [f"{e:.1e}" for e in errors if e > 1e-8]  # the cone program's
print("relative distance of the iterates to the certified bound:", end=" ")
print(", ".join([*errors, "then within the accuracy of the cone program"]))

# %% tags=["hide-input"]
grid = np.linspace(0, 1.3 * efficient.objective, 80)
curve = si.frontier(scenario, grid)
excess = curve.rate_bps - grid * (curve.power_w + scenario.circuit_power_w)
assert np.all(np.diff(excess) < 0) and np.all(np.diff(excess, 2) > -1e-6 * excess[0])
fig, ax = plotting.subplots(1, 1, height=3.2)
plotting.line(ax, grid / 1e9, excess / 1e9, "exact", label="F(q)", markers=False)
at = np.interp(trace, grid, excess)
plotting.line(ax, trace / 1e9, at / 1e9, "paper", label="iterates", linestyle="none")
dotted = {"color": plotting.COLOURS[0], "linewidth": 0.9, "linestyle": ":"}
for low, high, height in zip(trace[:-1], trace[1:], at[:-1]):
    ax.plot([low / 1e9, high / 1e9], [height / 1e9, 0], **dotted)
ax.axhline(0, color=plotting.INK, linewidth=0.8)
ax.set(xlabel="q (Gbit/J)", ylabel="F(q) (Gbit/s)")
ax.legend()
figures.show(
    fig,
    "dinkelbach_newton",
    data={"q_bit_per_j": grid, "excess_bps": excess},
    caption="Dinkelbach's method is Newton's method on the convex function F: each tangent's zero is the next efficiency.",
    alt="A convex decreasing curve with dotted tangents that step towards its zero in a few iterations.",
)
# %% [markdown]
# The loop is not even necessary. Rates are homogeneous of degree one, so with $s=1/(\sum p+P_\mathrm c)$ the scaled variables
# $(s\beta,sp)$ turn (13) into **one** convex program (Charnes and Cooper {cite}`charnes1962`):
# maximise $\sum R(\tilde\beta,\tilde p)$ subject to $\sum\tilde p+P_\mathrm cs=1$, $\sum\tilde\beta\le s$, $\sum\tilde p\le
# P_{\max}s$, $R\ge R_{\min}s$.

# %%
one_shot = si.solve_efficiency(scenario)
structured = si.solve_exact(scenario, objective="efficiency")
for solution in (one_shot, efficient, structured):
    print(solution.certificate)
assert abs(one_shot.objective / efficient.objective - 1) < 1e-6
assert abs(structured.objective / one_shot.objective - 1) < 1e-6

# %% [markdown]
# ## What the prices say about priorities
#
# One more fact that the results page leans on. Raise the weight $w_1$ of the ISaC user and lower the two others. Let $R$ be the optimal rates
# at $w$ and $R'$ those at $w'$. Each is at least as good as the other under its own weights; adding the two inequalities gives
# $(w'-w)\cdot(R'-R)\ge0$. With $w_0=w_2=(1-w_1)/2$ that says: $R_1-(R_0+R_2)/2$ never falls. More is true. Write $a=R_1$, $b=R_0+R_2$ and
# $\theta=2w_1/(1-w_1)$, so that $\theta a+b$ is what is maximised; $\theta'>\theta$. The two inequalities are $\theta(a-a')\ge b'-b$ and $b'-b\ge\theta'(a-a')$.
# If the ISaC total fell, $a'<a$, they would say $\theta\ge\theta'$. So it cannot fall, and the first one then says that the others' sum cannot rise.

# %%
levels = np.linspace(0.05, 0.95, 19)
ladder = si.solve_exact_batch(
    [scenario.replace(weights=[(1 - w) / 2, w, (1 - w) / 2]) for w in levels]
)
own = ladder.rates_bps[:, 1:3].sum(axis=1)
others = ladder.rates_bps[:, [0, 3]].sum(axis=1)
slack = 1e-6 * own.max()
assert np.all(np.diff(own) >= -slack) and np.all(np.diff(others) <= slack)

# %% [markdown]
# ## In three lines
#
# * Every rate has the form $b\,r(p/b)$ with a concave $r$: it is concave and of degree one, so that both problems are convex, the
#   ratio after one change of variables.
# * Two prices, one for band and one for power, with the multipliers of the floors, bound every allocation by tangents alone: an
#   allocation that meets the bound is optimal, and no solver has to be trusted.
# * Raising a user's weight never lowers its total.
