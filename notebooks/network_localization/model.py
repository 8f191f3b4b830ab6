# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # The model: who disturbs whom
#
# Several base stations serve their users and at the same time listen for the echo of one target that carries no radio.
# Everyone uses the same band, so each signal that is useful to somebody is interference to somebody else. This notebook
# builds the paper's model {cite}`nl_paper` step by step and runs a check for each step.
#
# The text of the paper that we could read has no formulas. Each equation below was therefore rebuilt from the sentences around
# it, and the list at the end of the notebook says for each one what pinned it down. "Eq. (n)" and labels like (P1) are the
# paper's own; numbers of our formulas are links.

# %% tags=["parameters"]
seed = 2402
base_stations = 3
layout = "vertices"
side_m = 100.0
coverage_radius_m = 100.0
bs_height_m = 10.0
device_height_m = 1.5
carrier_hz = 3500000000.0
subcarrier_spacing_hz = 30000.0
subcarriers = 3276
cross_section_dbsm = 10.0
max_power_dbm = 30.0
self_interference_db = -110.0
min_comm_sinr_db = -5.0
rician_k_db = 5.0
comm_exponent = 2.5
bs_bs_exponent = 2.5
sensing_exponent = 2.0
noise_figure_db = 7.0
processing_gain_db = 0.0
model_draws = 1000

# %% tags=["hide-input"]

import numpy as np
import sympy as sp
from compendium.notebook import claims, figures, tables
from compendium.notebook.curves import Curves
from compendium.notebook.given import taken_by

from isaclib import network_localization as nl
from isaclib.foundations import plotting
from isaclib.foundations.units import db_to_linear, linear_to_db

settings = taken_by(nl.Scenario.random, globals())
rng = np.random.default_rng(seed)
scenario = nl.Scenario.random(rng, **settings)
best_served = float(nl.max_min_comm_sinr(scenario)[0][0])
lowered = best_served < scenario.min_comm_sinr
if lowered:  # this drop cannot serve its users: shown at a threshold that it can
    scenario = scenario.replace(min_comm_sinr=0.9 * best_served)
B = base_stations
full = np.full(B, scenario.max_power_w)
many = nl.Scenario.random_batch(np.random.default_rng(seed), model_draws, **settings)

# %% tags=["hide-input"]
figure, axes = plotting.subplots(width=5.6, height=5.2)
sizes = {"side_m": side_m, "coverage_radius_m": coverage_radius_m}
nl.draw_deployment(axes, scenario, **sizes, signals=True)
stations, users = scenario.bs_positions_m, scenario.ue_positions_m
points = np.vstack([stations, users, scenario.target_position_m])
kinds = ["bs"] * B + ["ue"] * B + ["target"]
figures.show(
    figure,
    "system",
    data={"kind": kinds, **dict(zip(("x_m", "y_m", "z_m"), points.T))},
    caption="The system from above. Dashed circles: where each user may stand. Hexagon: where the target may stand. Arrows: the "
    "signals at BS 1 and its user (UE 1). Not drawn: the self-interference, which a station hears from itself.",
    alt="Base stations on alternate vertices of a hexagon, one user in a circle around each, a target inside the hexagon. "
    "Arrows show the own echo, a bistatic echo, a direct signal between base stations and a user's link.",
    paper="Fig. 1",
)

# %% [markdown]
# ## The waveform: what matters of OFDM
#
# Base station $i$ sends $\sqrt{p_i}\,x_i(t)$ with an OFDM signal of unit mean power (eqs. 1 and 2),
#
# $$x_i(t) = \sum_m \sum_k s_i[m,k]\,e^{\mathrm{j} 2\pi k \Delta f t}\, \psi(t - mT), \qquad 0 \le p_i \le P_{\max},$$
#
# with data $s_i[m,k]$ on subcarrier $k$ of symbol $m$, subcarrier spacing $\Delta f$, symbol length $T$ and pulse $\psi$.
#
# ```{margin} Assumption
# The stations do not know one another's data: what comes from elsewhere is noise, never a second look at the target.
# ```
#
# Two facts are enough for the whole chapter. First, the data of different stations are independent, so at a receiver the other
# stations' *powers* add, as noise does. Second, a receiver that knows its own data can add up all $N = N_{\mathrm{sc}}
# N_{\mathrm{sym}}$ resource elements (subcarriers times symbols) coherently: the own echo gains a factor $N$ over everything that is independent of it. The
# paper's formulas leave this factor out; here it is the parameter *processing gain*, 1 unless we say otherwise. The next cell
# sees both facts in random data.
#
# ```{margin} Assumption
# What is left of the own signal behaves like independent noise. A residue that is a clean copy of it at the echo's delay would gain
# as much as the echo, and no processing would lift the ratio above $|\alpha_{ii}|^2/|\alpha_i^{\mathrm{SI}}|^2$.
# ```
#
# Self-interference is the one term that is *not* independent: it is the station's own waveform. Where the processing gain is used
# (ranges "with coherent processing", positions) it is applied to the whole ratio, self-interference included. That is an assumption,
# and a favourable one.


# %%
def qpsk(count):
    return np.exp(1j * (np.pi / 4 + np.pi / 2 * rng.integers(4, size=count)))


elements = 4096
own, other = qpsk((200, elements)), qpsk((200, elements))
matched_own = np.abs(np.mean(own * own.conj(), axis=1)) ** 2
matched_other = np.mean(np.abs(np.mean(other * own.conj(), axis=1)) ** 2)
assert np.allclose(matched_own, 1.0)  # unit mean power
# Independent data: suppressed by the number of elements (200 samples)
assert abs(matched_other * elements - 1) < 0.3

# %% [markdown]
# ## Links and echoes
#
# Users' links are Rician with factor $K$: $h = \sqrt{\ell}\,\bigl(\sqrt{K/(K+1)} + \sqrt{1/(K+1)}\,z\bigr)$ with
# $z \sim \mathcal{CN}(0,1)$ and a path gain $\ell$ that falls with distance to the power 2.5. The mean of $|h|^2/\ell$ is 1. An
# echo follows the bistatic radar equation {cite}`nl_curry`,
#
# ```{margin} Assumption
# One target, a point that scatters alike in all directions; there is no other clutter.
# ```
#
#
# ```{math}
# :label: nl-radar
# |\alpha_{ji}|^2 = \frac{\lambda^2\,\sigma_{\mathrm{RCS}}}{(4\pi)^3\, d_{j}^2\, d_{i}^2},
# ```
#
# with $\lambda$ the wavelength, $\sigma_{\mathrm{RCS}}$ the radar cross section and $d_i$ the distance between station $i$ and the
# target. One consequence shapes the problem: the bistatic echo is the
# geometric mean of the two monostatic ones, $|\alpha_{ji}|^2 = |\alpha_{jj}||\alpha_{ii}|$, so it lies between
# the two. The *direct* signal between two stations makes one trip instead of two and is far stronger than any echo.

# %% tags=["hide-input"]
away = ~np.eye(B, dtype=bool)
bistatic, direct = many.bistatic_gain[:, away], many.bs_bs_gain[:, away]
echo_product = np.sqrt(many.echo_gain[:, :, None] * many.echo_gain[:, None, :])
assert np.allclose(many.bistatic_gain[:, away], echo_product[:, away])

K = db_to_linear(rician_k_db)
scattered = (rng.standard_normal((2, 100_000)) * [[1], [1j]]).sum(axis=0)
amplitude = np.sqrt(K / (K + 1)) + scattered / np.sqrt(2 * (K + 1))
assert abs(np.mean(np.abs(amplitude) ** 2) - 1) < 0.02

levels = {"own echo": np.median(many.echo_gain)}
if B > 1:
    levels["bistatic echo"] = np.median(bistatic)
    levels["direct signal between stations"] = np.median(direct)
levels["self-interference"] = np.median(many.self_interference_gain)
levels["noise over the power cap"] = scenario.noise_bs_w / scenario.max_power_w
gains_db = [f"{linear_to_db(level):.1f}" for level in levels.values()]
tables.table(
    {"signal at a base station": list(levels), "median gain (dB)": gains_db},
    caption=f"Median power gains at a base station, each over {model_draws} drops.",
)

# %% [markdown]
# ## Four signal-to-interference ratios
#
# ```{margin} Assumption
# All gains are known where the powers are chosen, and do not change while they are used.
# ```
#
# In every pair of indices the first one sends and the second one listens:
#
# * $h_{ij}$ is the link from station $i$ to the user of station $j$;
# * $\alpha_{ji}$ is the echo of station $j$'s signal at station $i$, so that $\alpha_{ii}$ is the own echo;
# * $\alpha_{i\check{\jmath}}$, with a mark on the listener, is the echo of station $i$'s signal at user $j$;
# * $g_{ji}$ is the direct signal from station $j$ to station $i$, and $\alpha_i^{\mathrm{SI}}$ the way from the transmitter of
#   station $i$ into its own receiver.
#
# Alone, communication sees only the other stations' links (eq. 4), and sensing sees only echoes and self-interference (eq. 6):
#
# $$\gamma^{c,\text{alone}}_j = \frac{p_j |h_{jj}|^2}{\sum_{i \ne j} p_i |h_{ij}|^2 + \sigma_{\mathrm{UE}}^2},$$
#
# $$\gamma^{s,\text{alone}}_i = \frac{p_i |\alpha_{ii}|^2}{\sum_{j \ne i} p_j |\alpha_{ji}|^2
# + p_i |\alpha_i^{\mathrm{SI}}|^2 + \sigma_{\mathrm{BS}}^2}.$$
#
# Together, the target's echoes reach the users, and the stations hear one another's direct signals $g_{ji}$ (eqs. 9 and 11):
#
# ```{math}
# :label: nl-comm
# \gamma^{c}_j = \frac{p_j |h_{jj}|^2}{\sum_{i \ne j} p_i \left(|h_{ij}|^2 + |\alpha_{i\check{\jmath}}|^2\right)
#     + p_j |\alpha_{j\check{\jmath}}|^2 + \sigma_{\mathrm{UE}}^2},
# ```
#
# ```{math}
# :label: nl-sensing
# \gamma^{s}_i = \frac{p_i |\alpha_{ii}|^2}{\sum_{j \ne i} p_j \left(|\alpha_{ji}|^2 + |g_{ji}|^2\right)
#     + p_i |\alpha_i^{\mathrm{SI}}|^2 + \sigma_{\mathrm{BS}}^2}.
# ```
#
# ```{margin} Assumption
# What a canceller leaves of the own signal is proportional to the own power; a fixed floor would behave like noise.
# ```
#
# The noise powers at a user and at a station are $\sigma_{\mathrm{UE}}^2$ and $\sigma_{\mathrm{BS}}^2$.
# Self-interference is a *gain* on the own power: reducing one's power reduces it too, and the own ratio can never exceed
# $|\alpha_{ii}|^2/|\alpha_i^{\mathrm{SI}}|^2$.

# %% tags=["hide-input"]
figure, axes = plotting.subplots(1, 2, height=3.1, sharey=True)
quantile = np.arange(1, B * model_draws + 1) / (B * model_draws)
columns, loss, lower = {"quantile": quantile}, {}, {}
everywhere = np.tile(full, (model_draws, 1))
for panel, service, sinr in zip(
    axes, ("sensing", "communication"), (nl.sensing_sinr, nl.comm_sinr)
):
    both, alone = (sinr(many, everywhere, integrated=each) for each in (True, False))
    for case, values, role in (
        ("integrated", both, "exact"),
        ("alone", alone, "benchmark_1"),
    ):
        curve = np.sort(linear_to_db(values).ravel())
        columns[f"{service}_{case}_db"] = curve
        plotting.line(panel, curve, quantile, role, label=case, markers=False, zorder=4)
    loss[service] = np.median(linear_to_db(alone / both))
    lower[service] = 100 * np.mean(both < alone)
    panel.set_xlabel(f"SINR of {service} (dB)")
    panel.legend(loc="upper left")
axes[0].set_ylabel("Share of stations and drops (1)")
figures.show(
    figure,
    "cost_of_integration",
    data=columns,
    caption="What integration costs at full power. The paper has no such figure; it answers the remark below eq. (11). In the median sensing "
    f"loses {loss['sensing']:.1f} dB to the direct signals of the other stations, communication {loss['communication']:.2f} dB to echoes.",
    alt="Two panels with distribution functions of the SINR alone and integrated. The sensing curve moves far to lower values, "
    "the communication curves nearly coincide.",
)

# %% [markdown]
# Integration can only add terms to a denominator, so both ratios fall on every drop. The size is very uneven:
# communication hardly notices the echoes, while sensing suffers from what the stations hear of one another.

# %% tags=["hide-input"]
below = [bool(percent == 100) for percent in lower.values()]
claims.record(
    "001-C6",
    ours=f"when integrated the SINR of sensing is lower at {lower['sensing']:.4g} % and that of communication at "
    f"{lower['communication']:.4g} % of all receivers of {model_draws} drops; the median loss is "
    f"{loss['sensing']:.1f} dB for sensing and {loss['communication']:.2f} dB for communication",
    tolerance="strictly lower at every receiver of every drop",
    reproduced=all(below),
    trend=any(below),
    checkable=B > 1,  # a single station has nobody to disturb it
)

# %% [markdown]
# ## From SINR to range accuracy
#
# A range measured in bandwidth $W$ at ratio $\gamma$ has standard deviation (eq. 12) {cite}`nl_curry`
#
# ```{margin} Assumption
# The formula holds for one resolved echo at a high ratio $G\gamma$. At a low one the error is larger; the paper uses it there too.
# ```
#
# ```{math}
# :label: nl-std
# \sigma_i = \frac{c}{2 W \sqrt{2\, G\, \gamma^s_i}},
# ```
#
# with $c$ the speed of light and $G$ the processing gain ($G = 1$ in the paper). It falls strictly with $\gamma$, so for equal bandwidths the
# station with the worst range is the one with the worst ratio. The problem of the paper (P1), to make the worst range as good
# as possible while every user keeps its threshold, is therefore the same as to make the worst ratio as large as possible (P2):
#
# ```{math}
# :label: nl-problem
# \begin{aligned}
# &\min_p\ \max_i\ \sigma_i(p) \\
# \Longleftrightarrow\quad &\max_p\ \min_i\ \gamma^s_i(p) \\
# \text{s.t.}\quad &\gamma^c_j(p) \ge \gamma_{\mathrm{th}} \text{ for all } j, \\
# &0 \le p_i \le P_{\max} \text{ for all } i.
# \end{aligned}
# ```

# %%
gamma, width, gain, speed = sp.symbols("gamma W G c", positive=True)
accuracy = speed / (2 * width * sp.sqrt(2 * gain * gamma))
# Negative slope everywhere
assert sp.simplify(sp.diff(accuracy, gamma) + accuracy / (2 * gamma)) == 0
coarsest = np.argmax(nl.range_std_m(scenario, full))
assert coarsest == np.argmin(nl.sensing_sinr(scenario, full))

# %% [markdown]
# ## The problem is quasi-concave
#
# The paper calls (P1) nonlinear and non-convex. It is nonetheless an easy problem. The worst ratio is at least $t$ exactly if
#
# $$
# \begin{aligned}
# p_i |\alpha_{ii}|^2 \ge t \Bigl(&\textstyle\sum_{j \ne i} p_j (|\alpha_{ji}|^2 + |g_{ji}|^2) \\
# &+ p_i |\alpha^{\mathrm{SI}}_i|^2 + \sigma_{\mathrm{BS}}^2\Bigr) \quad\text{for all } i,
# \end{aligned}
# $$
#
# and for a *fixed* $t$ these are linear inequalities in $p$, like the users' thresholds. Superlevel sets are polyhedra, hence
# convex: the objective is quasi-concave {cite}`boyd2004`, every strict local optimum is global, and a bisection over
# linear programs finds it. We check the defining inequality $f(\theta p + (1 - \theta) q) \ge \min\{f(p), f(q)\}$, and that $f$
# is not concave.


# %%
def worst(powers):
    return np.min(nl.sensing_sinr(scenario, powers), axis=-1)


p, q = rng.uniform(0.01, 1, (2, 5000, B)) * scenario.max_power_w
theta = rng.random((5000, 1))
between, at_p, at_q = map(worst, (theta * p + (1 - theta) * q, p, q))
assert np.all(between >= np.minimum(at_p, at_q) * (1 - 1e-12))
if B > 1:  # the ratio of a single station is concave
    assert np.any(between < theta[:, 0] * at_p + (1 - theta[:, 0]) * at_q)

# %% [markdown]
# ## At an optimum some station sends at its cap
#
# Multiply all powers by $\kappa > 1$. Signal and interference grow alike but noise does not, so every ratio, of sensing and of
# communication, strictly grows. As long as all powers are below the cap, scaling up is possible and improves the objective.
# Hence at **every** optimum at least one station sends at $P_{\max}$. This matters for the paper's Fig. 4, which says that the
# scheme lowers the power of all stations as self-interference rises: on a single drop that cannot be optimal. What can fall for
# every station is its *average* over drops, because the station at its cap differs from drop to drop.

# %%
signal, interference, noise, kappa = sp.symbols("s I n kappa", positive=True)
ratio = kappa * signal / (kappa * interference + noise)
slope = signal * noise / (kappa * interference + noise) ** 2  # always positive
assert sp.simplify(sp.diff(ratio, kappa) - slope) == 0

solved = nl.solve_exact_batch(many)
at_cap = solved.powers_w[solved.feasible].max(axis=1) / scenario.max_power_w
assert np.allclose(at_cap, 1.0)

# %% [markdown]
# ## The paper's way: slack variables and a difference of convex functions
#
# With the worst ratio $t$ as a variable (P3) and a slack $\beta_i$ above interference plus noise (eq. 13), what remains is $p_i
# |\alpha_{ii}|^2 \ge t \beta_i$ (eq. 14). The product is written as a difference of squares, $t\beta = \frac14[(t+\beta)^2 -
# (t-\beta)^2]$, and the second square is replaced by its tangent at the last iterate $(t_0, \beta_0)$ (eq. 15):
#
# ```{math}
# :label: nl-dc
# \begin{aligned}
# p_i |\alpha_{ii}|^2 \ge \tfrac14\bigl[&(t + \beta_i)^2 - 2 (t_0 - \beta_{0})(t - \beta_i) \\
# &+ (t_0 - \beta_{0})^2\bigr].
# \end{aligned}
# ```
#
# The cell below expands the right side. It equals the tangent plane of $t\beta$ plus $\frac14[(t - t_0) + (\beta_i -
# \beta_0)]^2$. The last term makes the step safe, and it also adds $t$, a ratio, to $\beta$, a power: **the algorithm depends
# on the units**, although the problem does not. If one number is $10^{6}$ times the other, the damping is far too strong in one
# direction. We measure both slacks in units of their start.

# %%
t, t0, b, b0, unit = sp.symbols("t t_0 beta beta_0 u", positive=True)
right = ((t + b) ** 2 - 2 * (t0 - b0) * (t - b) + (t0 - b0) ** 2) / 4
tangent = t0 * b + b0 * t - t0 * b0
damping = ((t - t0) + (b - b0)) ** 2 / 4
assert sp.expand(right - tangent - damping) == 0
# Never below the product: iterates stay feasible
assert sp.expand(right - t * b - ((t - b) - (t0 - b0)) ** 2 / 4) == 0
scaled = right.subs({b: unit * b, b0: unit * b0}, simultaneous=True)
# The same inequality in another unit is another inequality
assert sp.simplify(sp.diff(sp.expand(scaled / unit), unit)) != 0

# %% [markdown]
# ## The exact way: the least powers for a wanted ratio
#
# Divide each row by its own gain. For a wanted ratio $t$ the powers must satisfy
#
# ```{math}
# :label: nl-fixed
# p_i \ge \max\bigl\{\, t\,(F p + v)_i,\ (C p + u)_i \,\bigr\},
# ```
#
# with non-negative $F, v$ (sensing) and $C, u$ (users). The right side is a *standard interference function* {cite}`nl_yates`:
# positive, increasing, and scaling up by less than the factor $\kappa > 1$ when $p$ is scaled by $\kappa$. Such a map has at
# most one fixed point, and it is the componentwise least power vector that meets all rows. So $t$ is feasible exactly if this
# least fixed point $p^\star(t)$ exists and stays below the cap. It rises with $t$, and the optimum is where its largest entry
# reaches $P_{\max}$.

# %%
rows = nl.system(scenario)
best = nl.solve_exact(scenario)


def least_fixed_point(t, rounds):
    """Powers over the cap that the map of a wanted ratio t reaches from 0."""
    p = np.zeros((1, B))
    for _ in range(rounds):
        p = np.maximum(t * rows.sensing_rows(p), rows.comm_rows(p))
    return p[0]


ratio = best.worst_sensing_sinr
least = best.powers_w / scenario.max_power_w
asked = ratio * rows.sensing_rows(least[None])[0]
asked = np.maximum(asked, rows.comm_rows(least[None])[0])
assert np.allclose(asked, least, rtol=1e-9)  # the optimum is a fixed point ...
from_zero = least_fixed_point(ratio, 60_000)
assert np.all(from_zero <= least * (1 + 1e-9))  # ... and never passed
arrived = np.allclose(from_zero, least, rtol=1e-3)  # slow in very weak noise

# %% tags=["hide-input"]
fractions = 1 - np.geomspace(0.99, 2e-3, 40)
needed = [least_fixed_point(fraction * ratio, 1500) for fraction in fractions]
needed = np.vstack([*needed, from_zero if arrived else least])
assert np.all(np.diff(needed, axis=0) >= 0)

figure, axes = plotting.subplots(height=3.4)
curves = Curves("wanted_over_optimum", np.append(fractions, 1.0))
for i, powers in enumerate(needed.T):
    look = {"label": f"station {i + 1}", "markers": False}
    curves.draw(axes, f"station_{i + 1}", powers, i, **look)
axes.axhline(1.0, **plotting.role("reference"), label="cap")
axes.set(yscale="log", xlabel="Wanted ratio over optimum (1)")
axes.set_ylabel("Least power over cap (1)")
axes.legend(loc="center left")
told = ""
if not arrived:
    told = " Noise is so weak here that the iteration has not arrived after 60 000 rounds: the last point is the exact optimum."
if lowered:
    told += " The users' threshold was lowered to what this drop can serve."
curves.show(
    figure,
    "least_powers",
    caption="The least powers that reach a wanted ratio, on one drop, found by iterating the map from zero. The optimum is where the first "
    f"station meets its cap. A curve that is nearly flat is a station that sends what its user needs; it rises once its echo asks for more.{told}",
    alt="Least powers of each station against the wanted ratio, on a logarithmic axis. All rise, faster and faster near the optimum, where "
    "the first of them meets the cap.",
)

# %% [markdown]
# ## A closed form by Perron and Frobenius
#
# The spectral radius of a non-negative matrix is an eigenvalue with a non-negative eigenvector {cite}`nl_horn`. Suppose we knew the
# set $S$ of stations for which the sensing row binds, and the station $k$ at its cap. Then {eq}`nl-fixed`
# holds with equality, and $p_k = P_{\max}$ lets us write the constants $v, u$ as multiples of $p$: an eigenvalue problem.
# Without users' thresholds, in units of the cap, it is just $p = t\,(F + v e_k^{\mathsf T})\,p$, so
#
# ```{math}
# :label: nl-perron
# t^\star = \frac{1}{\max_k\ \rho\!\left(F + v\, e_k^{\mathsf T}\right)}.
# ```
#
# ```{prf:theorem} Perron and Frobenius
# :label: nl-theorem-perron
#
# Without users' thresholds no powers below the cap lift all sensing ratios above $t^\star$ of {eq}`nl-perron`, and one vector of
# powers reaches it.
# ```
#
# ```{prf:proof}
# Write $A_k = F + v\,e_k^{\mathsf T}$, $\rho = \max_k \rho(A_k)$, and let $p \ge t(Fp + v)$ with $0 \le p \le 1$. As $p_k \le 1$,
# $p \ge t A_k p$, and $p \ge tv > 0$. A positive vector with $A_k p \le p/t$ forces $\rho(A_k) \le 1/t$, whether $A_k$ is
# reducible or not. So $t \le 1/\rho$.
#
# Conversely $p(t) = t(I - tF)^{-1}v = \sum_n t^{n+1} F^n v$ is finite, continuous and strictly increasing for $t < 1/\rho(F)$. As
# $t \to 1/\rho(F)$ some entry grows without bound (if F has no radius at all, because $t$ does): with $y \ge 0$,
# $y^{\mathsf T}F = \rho(F)\,y^{\mathsf T}$, one has $y^{\mathsf T}p(t) = t\,y^{\mathsf T}v/(1 - t\rho(F))$ and $y^{\mathsf T}v > 0$.
# So there is a first $t_1$ at which the largest entry is 1, at $k$ say. There $p(t_1) = t_1 A_k\,p(t_1)$ with $p(t_1) > 0$, hence
# $\rho(A_k) = 1/t_1$, and $t_1 \le 1/\rho \le 1/\rho(A_k) = t_1$. The powers $p(t_1)$ reach $t^\star = 1/\rho$.
# ```
#
# It is *some* $k$ that gives $1/\rho(A_k)$ as the ratio at which its power meets the cap, namely the one whose radius is largest. For
# another one this can be false: with $F = \operatorname{diag}(0, 4)$ and $v = 10^{-3}$ the first station has $1/\rho(A_1) = 1/4$, but
# its power there is a four-thousandth of the cap.
#
# ### With users' thresholds
#
# Let the users alone be served *below* the caps: the least powers $w$ that meet their rows, $w = Cw + u$, have all $w_k < 1$. (At the
# edge itself, $w_k = 1$, nothing is left to optimise but what the users leave, and the solver treats it apart.)
#
# Let $S$ be the stations that keep their sensing row; the others keep their user's row. Solve the users' rows first. With $D_S$
# and $D_C$ selecting the rows of the two kinds (the series $\sum_n(D_CC)^n$ converges to $K$, because $w$ serves the users: $D_CCw \le w - D_Cu$,
# where $u$ is positive in every row of a user who asks for anything, and the other rows of $C$ are zero),
#
# $$\begin{aligned}
# K &= (I - D_C C)^{-1} \ge 0, & \bar q &= K D_C u \le w,\\
# p &= \bar q + t K x & \text{with}\quad x &= D_S(Fp + v).
# \end{aligned}$$
#
# A station $k$ at its cap has $1 = \bar q_k + t\,e_k^{\mathsf T}Kx$. Written beside the constant in $x = D_S(F\bar q + v)\cdot 1 + tD_SFKx$,
# this $1$ gives again an eigenvalue problem,
#
# ```{math}
# :label: nl-choice
# x = t A_{S,k}\,x, \qquad A_{S,k} = D_S\Bigl[FK + (F\bar q + v)\,\frac{e_k^{\mathsf T}K}{1 - \bar q_k}\Bigr], \qquad
# t_S = \frac{1}{\max_k\rho(A_{S,k})} .
# ```
#
# The proof is that of {prf:ref}`nl-theorem-perron` with $x$, positive on $S$, in the place of $p$. Powers that keep the chosen rows have
# $p \ge \bar q + tKx$, as $K \ge 0$; within the caps that makes
# $1 \ge t\,e_k^{\mathsf T}Kx/(1 - \bar q_k)$ and so $x \ge tA_{S,k}x$ for every $k$. And as $t$ rises from zero a first station meets its cap, since
# $p \ge tv$ on $S$.
#
# * **Every $t_S$ is an upper bound**, $t^\star \le t_S$: it drops constraints.
# * **One of them is the optimum.** At $t^\star$ the least powers are a fixed point of {eq}`nl-fixed`, and some station $k$ is at its cap.
#   Take as $S$ the stations whose sensing row holds with equality; the same powers are the fixed point of this choice. A station
#   whose power hangs on no row of $S$, through no chain of rows, sends what the users alone ask for, less than its cap. So
#   $k$ hangs on $S$, which is therefore not empty, and the power of $k$ rises strictly with $t$: beyond $t^\star$ the choice needs more than the cap,
#   $t_S = t^\star$.
#
# Hence $t^\star = \min_S t_S$, over $2^B - 1$ sets times $B$ caps. The exact solver does not enumerate. It starts with $S$ = all,
# computes $t_S$ and its powers, moves every station to its other row where that one asks for more, and repeats.
#
# * **It ends.** Let $q$ be the powers of $S$ at $t_S$, with $q_k = 1$, and $T$ the affine map of the next choice $S'$ at the same $t_S$. Every
#   row moved asks for more, so $T(q) \ge q$, strictly somewhere. If $T$ has a fixed point $q'$, then $q' - q \ge M(q' - q)$ with the
#   non-negative matrix $M$ of $T$, whose radius is below 1, hence $q' \ge q$ and $q' \ne q$; if it has none, $t_{S'} < t_S$. Now $q'_k \ge 1$, and a station at or above its cap hangs on $S'$
#   (as above), so that its power rises with $t$: $t_{S'} \le t_S$, and where they are equal the powers have risen. The pair (bound,
#   powers) never returns to an earlier value, and there are finitely many choices.
# * **It is right.** When no other row asks for more, the powers are feasible at $t_S$, and bound and value are equal.
#
# The cell checks {eq}`nl-perron` and {eq}`nl-choice` against the solver, the first station of the example above, and all choices on some drops.

# %%
free = scenario.replace(min_comm_sinr=0.0)
F, v = nl.system(free).F[0], nl.system(free).v[0]
capped = F + np.einsum("i,kj->kij", v, np.eye(B))  # one for each station's cap
rho = np.abs(np.linalg.eigvals(capped)).max()
assert np.isclose(1 / rho, nl.solve_exact(free).worst_sensing_sinr, rtol=1e-10)

T, v1, v2, *entries = sp.symbols("T v1 v2 f11 f12 f21 f22")
A, b = sp.eye(2) - T * sp.Matrix(2, 2, entries), T * sp.Matrix([v1, v2])
capped = A - b * sp.Matrix([[1, 0]])
first_power = (A.inv() * b)[0]
assert sp.simplify(capped.det() - A.det() * (1 - first_power)) == 0

reducible, weak = np.diag([0.0, 4.0]), np.full(2, 1e-3)
both = reducible + np.einsum("i,kj->kij", weak, np.eye(2))
radii = np.linalg.eigvals(both).real.max(axis=1)
reached = np.linalg.solve(max(radii) * np.eye(2) - reducible, weak)
assert np.isclose(radii[0], 4.0) and np.isclose(reached[1], 1.0)
assert reached[0] < 1e-3  # far below the cap that its own radius speaks of

# %%
# The choice of the solver's optimum, and its radius by hand.
sensing = best.worst_sensing_sinr * rows.sensing_rows(least[None])[0]
S = sensing >= least * (1 - 1e-9)
K = np.linalg.inv(np.eye(B) - np.where(S[:, None], 0.0, rows.C[0]))
alone = K @ np.where(S, 0.0, rows.u[0])
asks = rows.F[0] @ alone + rows.v[0]
capped = np.einsum("i,kj->kij", asks, K / (1 - alone[:, None]))
moved = (rows.F[0] @ K + capped) * S[:, None]
by_hand = np.abs(np.linalg.eigvals(moved)).max()
assert S.any() and np.isclose(1 / by_hand, best.worst_sensing_sinr, rtol=1e-8)
assert np.isclose(nl.row_bound(rows, S[None])[0], 1 / by_hand, rtol=1e-8)

some = min(20, model_draws) if B <= 5 else 2  # an enumeration of all sets
closed = [nl.perron_frobenius_optimum(many[d]) for d in range(some)]
exact = solved.worst_sensing_sinr[:some]
assert np.allclose(closed, exact, rtol=1e-9, equal_nan=True)

# %% [markdown]
# ## From ranges to a position
#
# The paper is about localization but stops at ranges. Let the target's height be known. Station $i$ measures $r_i = \|(q, z) -
# b_i\| + \varepsilon_i$ with $\varepsilon_i \sim \mathcal N(0, \sigma_i^2)$. The gradient of the range in $q$ is $u_i$, the
# horizontal part of the unit vector towards the target, the information is $J = \sum_i \sigma_i^{-2} u_i u_i^{\mathsf T}$, and
# no unbiased estimate has a mean squared error below $\operatorname{tr} J^{-1}$ {cite}`kay1993`. Weighted least squares reaches
# it when the ranges are good, which the results notebook tests by simulation.

# %%
coherent = scenario.replace(processing_gain=1e6)
g, weights = nl.range_gradients(coherent), nl.range_std_m(coherent, full) ** -2
J = np.einsum("b,bi,bj->ij", weights, g, g)
bound = nl.position_crb_m2(coherent, full)
if B >= 2:
    assert np.isclose(np.trace(np.linalg.inv(J)), bound)
if B >= 3 and np.sqrt(bound) < 0.01 * side_m:  # two leave a mirror image
    errors = nl.simulate_position_errors_m(coherent, full, rng, 2000)
    assert abs(np.sqrt(np.mean(errors**2) / bound) - 1) < 0.1

# %% [markdown]
# ## How each equation was pinned down
#
# The numbers are the paper's.
#
# * **(1), (2)**: OFDM, unit variance, independent data, $p_i \le P_{\max}$. Nothing is left open that matters here.
# * **(3), (4)**: interference from other stations' downlink, and noise. Nothing is left open.
# * **(5), (6)**: echo, bistatic echoes, own self-interference with an attenuation, noise. The attenuation in (5) makes
#   self-interference scale with $p_i$.
# * **The coefficient $\alpha$** "gathers the effect of the target radar cross section" and the path loss, with exponent 2. We
#   take the radar equation with exponent 2 on each leg.
# * **(7) to (9)**: extra echoes at the users, regrouped. Open: whether the own echo is signal or interference. We take
#   interference; a test shows that it hardly matters.
# * **(10), (11)**: a channel between base stations. Its model is open; we take that of the users' links.
# * **(12)**: nonlinear through the square root, minimal where the SINR is maximal, taken from a radar text. The constant is
#   that text's.
# * **(13) to (15)**: an affine bound, a product, and a difference of convex functions on the right side. Splitting the product
#   into squares is the only reading in which (13) is convex and (14) is not. The units of the split are ours.
#
# Stated in the paper and **not modelled** here: the sectorised antennas that form its hexagon (ours have 0 dBi in all directions, and
# users stand anywhere in the full disc, so that only a third of them is in the sector of 120 degrees that faces the centre), and the
# speed of the target with its Doppler shift. That the initial condition is *full* power is our reading too: its number is missing.
#
# Parameters whose numbers are missing are marked *assumed* in the table of parameter sets.

# %% [markdown]
# ## In three lines
#
# * All requirements together read $p \ge I(p)$ with a standard interference function: a ratio can be reached exactly if its least
#   powers exist and stay below the cap.
# * At every optimum some station sends at its cap; without users the best ratio is one over the largest spectral radius.
# * Self-interference grows with the own power, so it sets a floor to the error of a range that no power passes.
