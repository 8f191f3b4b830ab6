# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# (wp-model)=
# # The model, and why its optimum can be had
#
# A base station feeds its users by radio. They have nothing else to live on: what they harvest in the first part of a frame
# they spend in the second, one after the other, to send data. Their signals also hit passive targets, and the base station
# locates the targets from the echoes. How long should it charge, how long should each user transmit, and with which power, so that
# the *poorest* user sends as much as possible while *every* target is located well enough {cite}`wireless_powered_paper`?
#
# This page builds the model step by step, checks each step numerically, and ends with a result that the paper does not
# have: the problem looks hopelessly non-convex, yet its global optimum is the zero crossing of **one** monotone function of
# **one** variable. "Eq. (n)" means the paper's own numbering; numbers of our formulas are links.

# %% tags=["parameters"]
seed = 7
draws = 24
users = 10
targets = 10
radius_m = 10.0
min_distance_m = 1.0
path_loss_at_1m = 1.0e-3
path_loss_exponent = 2.5
fading = "rayleigh"
bs_power_w = 10.0
max_power_w = 2.0
time_budget_s = 10.0
bandwidth_hz = 1.0e6
noise_dbm = -70.0
harvest_efficiency = 0.7
crb_limit_m2 = 0.05
tolerance = 1.0e-5

# %% tags=["hide-input"]
import matplotlib.patches as patches
import numpy as np
import sympy as sp
from compendium.notebook import claims, figures, tables
from compendium.notebook.given import taken_by
from scipy import optimize

from isaclib import wireless_powered as wp
from isaclib.foundations import plotting
from isaclib.wireless_powered.curve import Curve

rng = np.random.default_rng(seed)
law = taken_by(wp.Scenario.random, globals())
batch = wp.Scenario.random_batch(np.random.default_rng(seed), draws, **law)
solved = wp.solve_exact_batch(batch)
if not solved.feasible.any():  # nothing to show at this limit: the page goes on with one that the easiest draw can meet
    least = float(solved.best_attainable.min())
    claims.set_aside(
        f"No draw meets {crb_limit_m2:g} m²; the best attainable are {least:.3g} to "
        f"{solved.best_attainable.max():.3g} m². The page goes on with {2 * least:.3g} m²."
    )
    crb_limit_m2 = law["crb_limit_m2"] = 2 * least
    batch = batch.replace(crb_limit_m2=crb_limit_m2)
    solved = wp.solve_exact_batch(batch)
first = int(np.flatnonzero(solved.feasible)[0])
scenario = batch[first]  # the first feasible draw serves as example
full = np.full(users, max_power_w)

# %% [markdown]
# ## The system
#
# In the first $t_0$ seconds the base station sends with power $p_0$, and user $m$ of $M$ harvests $E_m = \zeta_m h_{0,m} p_0 t_0$
# joule, with $h_{0,m}$ the power gain of its channel to the base station and $\zeta_m$ the efficiency of its rectifier.
# Then the users take turns: user $m$ sends for $t_m$ seconds with power $p_m$. Every transmission, the charging signal
# included, is also an illumination of the $N$ targets.
#
# ```{margin} Assumption
# Harvesting is linear: $\zeta_m$ does not depend on the received power. A real rectifier has a threshold and saturates.
# ```
#
# ```{margin} Assumption
# A user spends energy on its signal only; circuits cost nothing, and nothing is stored for the next frame.
# ```
#
# ```{margin} Assumption
# The channel between user and base station is the same in both directions: one $h_{0,m}$ charges and carries the data.
# ```
#
# ```{margin} Assumption
# The base station hears the echoes of its own ten watts while it sends them (full duplex), and the charging signal fills the
# band $W$: a bare tone, which would charge as well, has no range resolution.
# ```

# %% tags=["hide-input"]
fig, (ax, frame) = plotting.subplots(2, 1, width=6.4, height=6.4, height_ratios=[4, 1])
bs, who = scenario.bs_position_m, scenario.user_positions_m
what = scenario.target_positions_m
off_user, off = who[0] - bs, what - bs
aside = off_user[0] * off[:, 1] - off_user[1] * off[:, 0]
# The first user, and a target well off the line through base station and user
user, target = who[0], what[int(np.argmax(np.abs(aside)))]
for start, end, dash in ((user, target, "-"), (target, bs, "-"), (user, bs, ":")):
    arrow = {"arrowstyle": "->", "ls": dash, "color": "0.45", "lw": 1.4}
    ax.annotate("", end, start, arrowprops=arrow)
roles = "exact", "paper", "benchmark_1"
blue, red, other = (plotting.role(name)["color"] for name in roles)
ax.scatter(*who.T, s=36, color=blue, label="users")
ax.scatter(*what.T, s=36, marker="x", color=red, label="targets")
ax.scatter(*bs, s=90, marker="^", color=other, label="base station")
dashed = {"fill": False, "edgecolor": "0.6", "ls": (0, (4, 3)), "lw": 1.0}
ax.add_patch(patches.Circle(bs, radius_m, **dashed))
edge = 1.05 * radius_m * np.array([-1, 1])
ax.set(xlabel="x (m)", ylabel="y (m)", aspect="equal")
ax.set(xlim=bs[0] + edge, ylim=bs[1] + edge)
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
example = wp.solve_exact(scenario.replace(crb_limit_m2=float("inf")))
edges = np.cumsum([0, example.charging_time_s, *example.times_s])
for i, (start, length) in enumerate(zip(edges, np.diff(edges))):
    look = {"facecolor": blue if i else other, "edgecolor": "0.9", "alpha": 0.75}
    frame.add_patch(patches.Rectangle((start, 0), length, 1, **look))
frame.text(edges[1] / 2, 0.5, "charging", ha="center", va="center", color="white")
middle = (edges[1] + edges[-1]) / 2
frame.text(middle, 1.15, "users in turn", ha="center", va="bottom", fontsize=9)
frame.set(xlim=(0, time_budget_s), xlabel="Time in the frame (s)")
frame.set(ylim=(0, 1.6), yticks=[])
frame.spines["left"].set_visible(False)
figures.show(
    fig,
    "system",
    data={"slot": np.arange(users + 1), "start_s": edges[:-1], "end_s": edges[1:]},
    caption="A realization of the system inside its disk (dashed). One user's signal reaches the base station directly (dotted, data) and "
    "over a target (solid, sensing). Below, the frame of the optimum without a sensing limit: charging first, then one slot per user.",
    alt="Map of a disk with the base station in the centre, ten users and ten targets, and the two paths of one user's signal; below, a "
    "time bar with a charging part and ten user slots.",
    paper="Fig. 1",
)

# %% [markdown]
# ## From ranges to an error on the map
#
# The echo of user $m$ at $x_m$ over target $n$ at $q_n$ travels $r_{m,n} = \|x_m - q_n\| + \|x_0 - q_n\|$ to the base station
# at $x_0$; $m = 0$ is the charging signal of the base station itself. The gradient $g_{m,n}$ of this range with respect to the
# target is minus the sum of two unit vectors, towards the user and towards the base station. The derivative is checked by
# finite differences.

# %%
step, places = 1e-5, scenario.target_positions_m
for axis in (0, 1):
    shift = np.zeros_like(places)
    shift[:, axis] = step
    ahead, behind = (
        wp.round_trip_m(scenario.replace(target_positions_m=places + moved))
        for moved in (shift, -shift)
    )
    slopes = wp.range_gradients(scenario)[..., axis]
    assert np.allclose((ahead - behind) / (2 * step), slopes, atol=1e-6)

# %% [markdown]
# A range of variance $1/w$ carries the information $w\,g g^{\mathsf T}$ about the position
# ({doc}`/notebooks/foundations/fisher_information`).
# In the paper, as in {cite}`wireless_powered_godrich2011`, $w_{m,n} = p_m K_{m,n}$ with
# $K_{m,n} = 8\pi^2W^2h_{m,n}/(\sigma^2c^2)$, where $h_{m,n}$ is the gain from transmitter $m$ to target $n$, $W$ the bandwidth,
# $\sigma^2$ the noise power and $c$ the speed of light, in this chapter the paper's $3\cdot10^8$ m/s. Every target must be located within the limit $\eta$:
#
# ```{margin} Assumption
# The information grows with the *power* of a transmission, whatever its length, and counts the way to the target but not the
# way back: so the paper prints it (erratum 000-E3). The last section mends the first of the two.
# ```
#
# ```{margin} Assumption
# Each echo is told apart from the others and from the direct signal; delays carry all the information, angles none.
# ```
#
# ```{math}
# :label: wp-fim
# \begin{aligned}
# J_n(p) = \sum_{m=0}^M p_m K_{m,n}\, g_{m,n}g_{m,n}^{\mathsf T} &= \begin{bmatrix} A_n & C_n \\ C_n & B_n \end{bmatrix}, \\
# \operatorname{tr} J_n^{-1} = \frac{A_n + B_n}{A_nB_n - C_n^2} &\le \eta .
# \end{aligned}
# ```
#
# The determinant is a sum over pairs of directions, $\sum_{i<j} w_iw_j (g_i\times g_j)^2$: two transmitters help each other
# as much as their gradients differ in direction. Here is the identity for three directions, symbolically.

# %%
w, x, y = (np.array(sp.symbols(f"{s}0:3", real=True)) for s in "wxy")
A, B, C = w @ x**2, w @ y**2, w @ (x * y)
cross = np.outer(x, y) - np.outer(y, x)
pairs = np.sum(np.outer(w, w) * cross**2) / 2  # every pair stands there twice
assert sp.expand(A * B - C**2 - pairs) == 0
J = wp.fisher_information(scenario, full)
inverted = np.trace(np.linalg.inv(J), axis1=1, axis2=2)
off = np.abs(inverted / wp.crb_trace(scenario, full) - 1)
# Inversion loses the digits that J's condition costs
assert np.all(off <= 1e-13 * np.linalg.cond(J))

# %% [markdown]
# Two consequences. **More power never hurts**: $J_n$ grows with every $p_m$, so $\operatorname{tr}J_n^{-1}$ falls. And
# **some scenes are hopeless**: if every user that could help stands on the line through base station and target, all gradients
# are parallel, the determinant is 0 and no power helps. The library then names the target.

# %%
for _ in range(200):
    p = max_power_w * rng.random(users)
    before = wp.crb_trace(scenario, p)
    after = wp.crb_trace(scenario, p + max_power_w * rng.random(users))
    assert np.all(after <= before * (1 + 1e-12))
step = 1e-3 * max_power_w
up, down = (
    np.array([wp.crb_trace(scenario, full + move)[0] for move in moves])
    for moves in (step * np.eye(users), -step * np.eye(users))
)
inverse = np.linalg.inv(J[0])
steer = wp.range_gradients(scenario)[1:, 0] @ inverse
proof = -wp.sensing_coefficients(scenario)[1:, 0] * np.sum(steer**2, axis=1)
rounding = 1e-10 * wp.crb_trace(scenario, full)[0] / max_power_w
# d tr J^-1 / d p_m = -K |J^-1 g|^2 <= 0
assert np.allclose((up - down) / (2 * step), proof, rtol=1e-3, atol=rounding)

# %% [markdown]
# ## The problem
#
# The poorest user's bits are to be as many as possible in a frame of $T$ seconds, with a cap $P_{\max}$ on every user's power:
#
# ```{margin} Assumption
# The base station knows all channels and the geometry, and they stay as they are for the whole frame.
# ```
#
# ```{math}
# :label: wp-p1
# \begin{aligned}
# \max_{t,\,p}\ &\min_m\ t_m W\log_2\!\Bigl(1 + \frac{p_mh_{0,m}}{\sigma^2}\Bigr) \\
# \text{s.t.}\ &\sum_{m=0}^M t_m \le T,\quad t_mp_m \le \zeta_mh_{0,m}p_0t_0, \\
# &p_m \le P_{\max},\quad \operatorname{tr}J_n(p)^{-1} \le \eta .
# \end{aligned}
# ```
#
# Times multiply powers, and a ratio of quadratics is bounded. The paper calls the CRB constraint non-convex. **It is convex
# in the powers** (erratum 000-E10), because $\operatorname{tr}J^{-1}$ is a convex function of a positive definite $J$
# {cite}`boyd2004` and $J_n$ is linear in $p$; it is even a single second-order cone,
#
# ```{math}
# :label: wp-cone
# \operatorname{tr}J^{-1} \le \eta \quad\Longleftrightarrow\quad \bigl\|(A - B,\ 2C,\ 2/\eta)\bigr\| \le A + B - 2/\eta .
# ```
#
# Both sides may be squared if the right one is not negative:
# $(A+B-2/\eta)^2 - (A-B)^2 - 4C^2 - 4/\eta^2 = 4\,[\,AB - C^2 - (A+B)/\eta\,]$, which is
# $-\tfrac{4}{\eta}$ times the paper's polynomial $F_n(p) = A_n + B_n - \eta\,(A_nB_n - C_n^2)$. On the right of the arrow the norm is at
# least $2/\eta$, so that $A + B \ge 4/\eta > 0$, hence $AB - C^2 \ge (A+B)/\eta > 0$ and $J \succ 0$: the limit holds. On the left,
# $\operatorname{tr}J^{-1} \le \eta$ says $J \succ 0$ and $AB - C^2 \ge (A+B)/\eta$; since $AB - C^2 \le (A+B)^2/4$, it follows that
# $A + B \ge 4/\eta$, and the right side is positive. (With $A + B > 0$, as here always, $F_n \le 0$ alone says the same.)

# %%
a, b, c, eta = sp.symbols("A B C eta", positive=True)
difference = (a + b - 2 / eta) ** 2 - (a - b) ** 2 - 4 * c**2 - 4 / eta**2
printed = a + b - eta * (a * b - c**2)
assert sp.simplify(difference + 4 / eta * printed) == 0


def worst_crb(points):
    return np.array([wp.crb_trace(scenario, q).max() for q in points])


ends = max_power_w * rng.random((2, 300, users)) ** 2
limits = np.array([worst_crb(side) for side in ends])
middle = worst_crb(ends.mean(axis=0))
assert np.all(middle <= limits.mean(axis=0) * (1 + 1e-12))  # on every chord

# %% [markdown]
# ## The paper's way: logarithms and tangents
#
# With $u = \ln t$ and $v = \ln p$ products become sums, and the log of the throughput, $u_m + \ln W + \ln\log_2(1 +
# a_me^{v_m})$ with $a_m = h_{0,m}/\sigma^2$, is concave (the printed eq. (29) misplaces $W$, erratum 000-E1). The price: in $v$ the CRB constraint *loses* its convexity. The paper
# replaces its concave part by a tangent, solves, and repeats. Every iterate is feasible, and the objective never falls. Times are as short as
# the objective $\tau$ allows, $u_m = \tau - \ln\log_2(1 + a_me^{v_m})$ up to a constant, which is convex in $(\tau, v)$: they need not be unknowns of the
# convex program, and it is solved without them.

# %%
bent = np.sqrt(ends[0] * ends[1])  # the middle in v = ln p
share = np.mean(worst_crb(bent) > np.maximum(*limits) * (1 + 1e-12))
print(f"{100 * share:.0f} % of random chords leave a sublevel set", end=" ")
print("of the CRB in ln p; none does in p")
sca = wp.solve_sca(scenario, tolerance=tolerance)
gains = np.diff([step.objective for step in sca.history])
assert np.all(gains >= -1e-6 * sca.min_throughput_bit)
print(sca.certificate)

# %% [markdown]
# (wp-exact)=
# ## The exact way: one curve, one search
#
# ```{prf:theorem} One curve, one threshold
# :label: wp-theorem-threshold
#
# Whenever the limit on the CRB can be met, the allocation at the point {eq}`wp-optimum` of the curve {eq}`wp-curve` is
# optimal. Its minimum throughput is $WT/G(s^\star)$, with $G$ of step 1 below.
# ```
#
# The proof takes four steps; a fifth turns it into a certificate.
#
# **Step 1: times from powers.** Fix the powers and ask for throughput $R$ for everybody. With $r_m = \log_2(1 + a_mp_m)$
# bit/s/Hz, user $m$ needs at least $t_m = R/(Wr_m)$. Measure the charging time in units of $R/W$, $s = Wt_0/R$. The frame is full when
#
# $$R = \frac{WT}{G}, \qquad G = s + \sum_m \frac{1}{r_m(p_m)} .$$
#
# **Step 2: powers from $s$.** Energy causality $t_mp_m \le c_mt_0$, $c_m = \zeta_mh_{0,m}p_0$, becomes $p_m/r_m(p_m) \le
# s\,c_m$: time and throughput
# have cancelled. The left side increases with $p_m$ (as $x/\ln(1+x)$ does with $x$), so it is an upper limit, $p_m \le \bar p_m(s)$. And *everything*
# improves with power: $1/r_m$
# falls, each CRB falls. So the best powers for a given $s$ are
#
# ```{math}
# :label: wp-curve
# p_m(s) = \min\{P_{\max},\ \bar p_m(s)\}, \qquad \bar p_m/r_m(\bar p_m) = s\,c_m .
# ```
#
# All optima, for all limits, lie on this one curve. A user needs $s > \ln2/k_m$ with $k_m = a_mc_m$ to get anything through.
#
# **Step 3: $G$ is convex.** With $x = a_mp_m$ and $L = \ln(1+x)$ the curve is $x/L = k_ms/\ln2$, and
#
# $$\frac{\mathrm d(1/L)}{\mathrm d(x/L)} = -\frac{1}{(1+x)L - x}, \quad\text{so}\quad G'(s) = 1 - \sum_{m:\,p_m<P_{\max}}\frac{k_m}{(1+x_m)L_m - x_m} .$$
#
# The denominator grows with $x$, hence with $s$: $G'$ increases. A user that meets the cap leaves the sum, which only lifts
# $G'$.

# %%
x = sp.symbols("x", positive=True)
L = sp.log(1 + x)
slope = sp.diff(1 / L, x) / sp.diff(x / L, x)
assert sp.simplify(slope + 1 / ((1 + x) * L - x)) == 0
# Positive: the denominator increases
assert sp.simplify(sp.diff((1 + x) * L - x, x) - L) == 0

curve = Curve(batch[:1].replace(crb_limit_m2=float("inf")))
z = np.linspace(curve.z_low[0] + 0.1, curve.z_all_capped()[0], 400)
points = [curve.at(np.array([value])) for value in z]
s, total, slope = (
    np.array([getattr(point, name)[0] for point in points])
    for name in ("s", "total", "slope")
)
assert np.all(np.diff(slope) >= -1e-9 * np.abs(slope[1:]))
moved = np.diff(s) > 0  # next to no SNR some steps are lost to rounding
chords = np.diff(total)[moved] / np.diff(s)[moved]
assert np.all(slope[:-1][moved] <= chords + 1e-7)
assert np.all(chords <= slope[1:][moved] + 1e-7)

# %% [markdown]
# **Step 4: the limit is a threshold.** Along the curve all powers grow, so all CRBs fall: the limit says $s \ge s_{\min}$.
# A convex function on a half-line has
# its minimum where the derivative turns, or at the end, whichever comes later:
#
# ```{math}
# :label: wp-optimum
# s^\star = \min\bigl\{\,s:\ G'(s) \ge 0\ \text{ and }\ \max_n\operatorname{tr}J_n(p(s))^{-1} \le \eta\,\bigr\} .
# ```
#
# Both conditions are false on the left and true on the right. One bracketing search finds the crossing.
#
# **Step 5: the proof that comes with it.** The search ends with a bracket $[\alpha,\beta]$. If the limit is violated at
# $\alpha$, every feasible $s$ is larger; if
# moreover $G'(\alpha)\ge0$, then $G(\alpha)\le G(s)$ for all of them, and $WT/G(\alpha)$ is an upper bound on the
# throughput of *any* allocation. Where $G'(\alpha)<0$, the
# two tangents at $\alpha$ and $\beta$ do the same. The bound is computed apart from the value, from what cannot be feasible or from
# tangents; where a bracket is as short as numbers allow, the two may still agree to the last digit. Where the CRB hardly changes with the
# powers, the left end is moved until the violation there is larger than any rounding of the CRB.

# %%
exact = wp.solve_exact(scenario)
star = exact.charging_time_s * bandwidth_hz / exact.min_throughput_bit  # its s
print(exact.certificate)
print(wp.verify(scenario, exact))
assert exact.certificate.gap <= 1e-6 and exact.certificate.residual <= 1e-7
assert wp.verify(scenario, exact).status == "optimal"
assert abs(sca.min_throughput_bit / exact.min_throughput_bit - 1) <= 1e-3

# %% tags=["hide-input"]
curve = Curve(batch[first : first + 1])
z = np.linspace(curve.z_low[0] + 0.3, curve.z_all_capped()[0], 300)
points = [curve.at(np.array([value])) for value in z]
s, total = np.array([(point.s[0], point.total[0]) for point in points]).T
crb = worst_crb(point.powers_w[0] for point in points)
throughput = bandwidth_hz * time_budget_s / total
fig, panels = plotting.subplots(2, 1, width=6.4, height=5.6, sharex=True)
plotting.line(panels[0], s, throughput / 1e3, "exact")
plotting.line(panels[1], s, crb, "exact")
panels[1].axhline(crb_limit_m2, color="0.5", ls="--", lw=1.2)
below = {"xytext": (0, -4), "textcoords": "offset points", "va": "top"}
panels[1].annotate("limit", (s[0], crb_limit_m2), **below)
for ax, level in zip(panels, (exact.min_throughput_bit / 1e3, crb_limit_m2)):
    ax.axvline(star, color="0.5", lw=1.0)
    ax.plot(star, level, "o", color="0.2", ms=7)
    ax.set(xscale="log", yscale="log")
panels[0].set_ylabel("Throughput on the curve (kbit)")
panels[1].set(xlabel="Normalized charging time s (1)", ylabel="Worst CRB (m$^2$)")
figures.show(
    fig,
    "one_search",
    data={"s": s, "throughput_bit": throughput, "worst_crb_m2": crb},
    caption="The whole problem in one variable, for the example scene. Above, the throughput along the curve; "
    "below, the worst target's bound. Left of the vertical line the "
    "limit (dashed) is missed, right of it throughput only falls: the dot is the optimum.",
    alt="Two curves over the normalized charging time on logarithmic axes. Throughput rises, peaks and "
    "falls; the worst CRB falls steadily and crosses its limit at the marked optimum, right of the peak.",
)

# %% [markdown]
# ## Why the paper's algorithm finds the optimum
#
# The SCA stops at points that satisfy the KKT conditions. In this problem **every such point is global**.
#
# ```{prf:theorem} Every stationary point is global
# :label: wp-theorem-kkt
#
# If full power meets every limit with room to spare ($\operatorname{tr}J_n(p)^{-1} < \eta$ for all n at $p = P_{\max}$), every locally optimal point of
# {eq}`wp-p1` after the log change satisfies the KKT conditions; and every point that satisfies them is {eq}`wp-optimum`, the global optimum.
# ```
#
# ```{prf:proof}
# *Constraint qualification.* From any feasible point move $p$ towards $(1-\delta)P_{\max}$, where all limits hold strictly: the CRBs are
# convex in $p$, so active ones fall at first order, and powers at the cap fall. Shorten all slots enough for the energies and the
# frame to gain room, and lower the objective $\tau$ enough for the rates to do so. One direction relaxes every active constraint at first order
# (Mangasarian and Fromovitz), so that multipliers exist at local optima.
#
# *Multipliers.* Maximise $\tau$ subject to $u_m + \ln r_m \ge \tau$ (multiplier $\omega_m$), $u_m + v_m \le \ln(c_mt_0)$
# ($\lambda_m$), $v_m \le \ln P_{\max}$ ($\theta_m$), $t_0 + \sum_m e^{u_m} \le T$ ($\mu$) and $F_n \le 0$ ($\pi_n$), all of them $\ge 0$. With
# $\epsilon_m = \mathrm d\ln r_m/\mathrm dv_m = x_m/((1+x_m)L_m) \in (0,1)$ and $D_m = -\sum_n\pi_n\,\partial F_n/\partial v_m$, stationarity in
# $\tau$, $u_m$, $v_m$ and $t_0$ reads
#
# $$\begin{aligned}
# \sum_m\omega_m &= 1, & \omega_m &= \lambda_m + \mu t_m,\\
# \omega_m\epsilon_m + D_m &= \lambda_m + \theta_m, & \sum_m\lambda_m &= \mu t_0 .
# \end{aligned}$$
#
# *Time has a price.* If $\mu$ were 0, the last equation would make every $\lambda_m$ 0, the second every $\omega_m$, against the first.
# So $\mu > 0$, every $\omega_m \ge \mu t_m > 0$, and by complementary slackness the frame is full and all rates are equal to one R.
#
# *Sensing never asks for less power.* $\pi_n > 0$ only where $F_n = 0$. There $A_n + B_n = \eta\det J_n$ makes the determinant positive, and
# $F_n = \det J_n\,(\operatorname{tr}J_n^{-1} - \eta)$ has the differential $\det J_n\,\mathrm d\operatorname{tr}J_n^{-1}$, which is not positive in any
# $p_m$. So $D_m \ge 0$, and $\lambda_m + \theta_m \ge \omega_m\epsilon_m > 0$: every user is at its energy or at its cap. With equal rates that is
# {eq}`wp-curve` with $s = Wt_0/R$: the point lies on the curve.
#
# *The derivative.* Insert $\omega_m$ into the third equation: $\lambda_m(1-\epsilon_m) = \mu t_m\epsilon_m + D_m - \theta_m$. For a user whose energy binds,
# $x_m/L_m = k_ms/\ln2$ and $t_m = R\ln2/(WL_m)$ give
#
# $$t_m\frac{\epsilon_m}{1-\epsilon_m} = \frac{R\ln2}{WL_m}\cdot\frac{x_m}{(1+x_m)L_m-x_m} = t_0\,\frac{k_m}{(1+x_m)L_m-x_m} .$$
#
# Below the cap $\theta_m = 0$, so $\lambda_m$ is at least $\mu$ times that, and $\mu t_0 = \sum_m\lambda_m \ge
# \mu t_0\sum_{p_m<P_{\max}}k_m/((1+x_m)L_m-x_m)$, which is $G'(s) \ge 0$.
#
# *Not too far.* Let first $D_m = 0$ for every user whose energy binds. The others have $\lambda_m = 0$, and
# $\lambda_m \le \mu t_0k_m/((1+x_m)L_m-x_m)$ for those; summed up, the slope of G to the left of s is not positive. As long as a
# user is below its cap G is strictly convex, so that $G' < 0$ further left. With $G'(s) \ge 0$, s minimises G, and it meets the limits: {eq}`wp-optimum`. Otherwise some user whose energy binds has $D_m > 0$: it raises a CRB that
# stands at its limit as soon as s gets smaller, since its power on the curve falls. So $s = s_{\min}$ with $G'(s) \ge 0$: {eq}`wp-optimum` again.
# ```
#
# The limit points of the SCA are KKT points wherever the qualification holds, so the theorem explains what the paper only
# observes, a solution "of high quality". We check the identity of the proof, find multipliers of the exact optimum (non-negative least squares for the four
# equations, with $\omega_m$ put in and what is not active left out), and let the SCA run to the end.

# %%
ratio = x / ((1 + x) * L)  # the elasticity of a rate in its power
assert sp.simplify(ratio / (1 - ratio) - x / ((1 + x) * L - x)) == 0


def energy_used(best):
    harvested = wp.harvested_energy_j(scenario, best.charging_time_s)
    return best.powers_w * best.times_s / harvested


used = energy_used(exact)
# Energy or cap, for every user
assert np.all(np.maximum(used, exact.powers_w / max_power_w) > 1 - 1e-9)

# %%
p, slots = exact.powers_w, exact.times_s / time_budget_s
x_opt = wp.snr(scenario, p)
elasticity = x_opt / ((1 + x_opt) * np.log1p(x_opt))
# Seen from one direction only, a matrix may be singular to rounding
inverse = np.linalg.pinv(wp.fisher_information(scenario, p), hermitian=True)
steer = np.einsum("mni,nij->mnj", wp.range_gradients(scenario)[1:], inverse)
relief = wp.sensing_coefficients(scenario)[1:] * np.sum(steer**2, axis=2)
relief *= p[:, None] / crb_limit_m2  # -d tr J_n^-1 / d v_m over the limit
charge = exact.charging_time_s / time_budget_s
active = {
    "energy": used > 1 - 1e-7,
    "cap": p > max_power_w * (1 - 1e-7),
    "limit": wp.crb_trace(scenario, p) > crb_limit_m2 * (1 - 1e-6),
}
rows = (1, 1), (0, 0)  # of u above those of the users, of t_0 below
energy_part = np.pad(np.diag(elasticity - 1), rows, constant_values=1)
parts = [energy_part, np.pad(-np.eye(users), rows), np.pad(relief, rows)]
time_part = np.hstack([slots.sum(), slots * elasticity, -charge])[:, None]
held = [part[:, on] for part, on in zip(parts, active.values())]
conditions = np.hstack([*held, time_part])
multipliers, missing = optimize.nnls(conditions, np.eye(users + 2)[0])
assert missing < 1e-5  # stationary
# mu T = 1: the equations for u and t_0, added up
assert np.isclose(multipliers[-1], 1)
energy, cap, limit = (int(on.sum()) for on in active.values())
print(f"multipliers found to {max(missing, 1e-15):.0e};", end=" ")
print(f"bound by energy {energy}, by the cap {cap} of {users} users;", end=" ")
print(f"at the limit {limit} of {targets} targets")

# %%
deep = wp.solve_sca(scenario, tolerance=1e-10)
slack = 1 - np.maximum(energy_used(deep), deep.powers_w / max_power_w).min()
rates = wp.throughputs(scenario, deep.times_s, deep.powers_w)
s_sca = deep.charging_time_s * bandwidth_hz / deep.min_throughput_bit
assert abs(deep.min_throughput_bit / exact.min_throughput_bit - 1) <= 1e-6
print(f"throughputs of the users equal to {np.ptp(rates) / rates.mean():.0e}")
print(f"every user at its energy or its cap to {slack:.0e};", end=" ")
print(f"s of the SCA and of the search differ by {abs(s_sca / star - 1):.0e}")

# %% [markdown]
# ## Two comparison schemes
#
# **Equal times.** With $t_m = t$ and $\rho = t_0/t$ the powers are $\min(P_{\max}, c_m\rho)$, and the throughput
# $WT\min_mr_m/(M+\rho)$ is concave over affine: one search again. Without
# cap and limit the weakest user decides, and Lambert's function $W_0$ gives $\rho = (u-1)/k$ with $k = \min_mk_m$ and
# $u = e^{1+W_0((kM-1)/e)}$.
# **Full power** fixes $p_m = P_{\max}$; the rest is a linear program with a
# closed form. Its CRBs are constants, so $\eta$ cannot enter (erratum 000-E4).

# %% tags=["hide-input"]
ratio = wp.equal_time_ratio(scenario)
strongest = float(ratio * wp.harvest_rate_w(scenario).max())
enough_w = max(max_power_w, 2 * strongest)
free = scenario.replace(crb_limit_m2=float("inf"), max_power_w=enough_w)
equal = wp.solve_equal_time(free)
assert abs(equal.charging_time_s / equal.times_s[0] / ratio - 1) < 1e-5
r = np.log1p(wp.snr(scenario, full)) / np.log(2)
charged = np.max(max_power_w / (r * wp.harvest_rate_w(scenario)))
closed = bandwidth_hz * time_budget_s / (np.sum(1 / r) + charged)
assert abs(wp.solve_max_power(scenario).min_throughput_bit / closed - 1) < 1e-12
chains = {
    "optimum": exact,
    "SCA": sca,
    "equal time": wp.solve_equal_time(scenario),
    "full power": wp.solve_max_power(scenario),
}
found = chains.values()
tables.table(
    {
        "scheme": list(chains),
        "throughput (kbit)": [one.min_throughput_bit / 1e3 for one in found],
        "charging (s)": [one.charging_time_s for one in found],
        "solved in (ms)": [one.certificate.seconds * 1e3 for one in found],
    },
    formats={
        "throughput (kbit)": ".2f",
        "charging (s)": ".3f",
        "solved in (ms)": ".1f",
    },
    caption=f"The four schemes on the example scene, with a frame of {time_budget_s:g} s and a limit of {crb_limit_m2:g} m².",
)

# %% [markdown]
# ## What the model leaves out
#
# The Fisher information {eq}`wp-fim` counts *power*, not energy: a burst of a nanosecond locates as well as one of ten
# seconds (erratum 000-E3), so where the limit is strict the optimum sends
# short strong bursts and charges for nearly the whole frame. Physically the information of a transmission is proportional
# to its energy over the noise density, $p_mt_mW/\sigma^2$.
# With $E_m = p_mt_m$ the corrected problem is jointly convex in times and energies: the rate $t_mW\log_2(1+a_mE_m/t_m)$ is
# a perspective, the CRB is a cone, the rest is linear.
# If no cap binds, the search of this page solves it too. Every user then spends all that it harvests, $E_m = c_mt_0$, so that the
# information about a target is $t_0$ times a matrix that no allocation changes: the CRB limit says $t_0 \ge t_{0,\min}$. Along the
# curve $t_0(s) = sT/G(s)$ grows with $s$, since $G/s = 1 + \sum_m 1/(s\,r_m)$ falls, and the limit is a threshold again. A barrier method on the
# whole program, which takes over where a cap binds, checks it.

# %%
by_energy = law | {"crb_limit_m2": float("inf"), "sensing": "energy"}
small = wp.Scenario.random(np.random.default_rng(seed), **by_energy)
best, worst = wp.best_attainable_crb(small)
small = small.replace(crb_limit_m2=1.3 * best)
times = rng.dirichlet(np.ones(users)) * 0.4 * time_budget_s
errors = []
for charge in (0.2 * time_budget_s, 0.6 * time_budget_s):
    spent_w = wp.harvested_energy_j(small, charge) / times
    crb = wp.crb_trace(small, spent_w, charging_time_s=charge, times_s=times)
    errors.append(crb.max() * charge)
assert np.isclose(*errors)  # all energy spent: the charging time alone decides
search = wp.solve_exact(small)
barrier = wp.solve_energy(small, method="barrier")
print(search.certificate, barrier.certificate, sep="\n")
assert abs(search.min_throughput_bit / barrier.min_throughput_bit - 1) <= 1e-5

# %% [markdown]
# ## In three lines
#
# * The ranges' information adds up with the powers, so the limit on the position error is a cone in them; throughput and limit both
#   improve with more power.
# * All optima, for all limits, lie on the one curve {eq}`wp-curve`, and $G$ is convex along it: the optimum is the zero crossing of one
#   monotone function of one variable, with a bracket as its proof.
# * What is doubtful is not the optimum but the model: it counts power where a receiver collects energy.
