# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # Beams that survive a wrong position, and the time to look
#
# The second half of the paper: beams for channels that are known up to an error, and the split of the time between sensing and
# communication. The robust constraint is derived and mended, the problem is made small, two independent methods solve it with
# bounds from both sides, and then one curve, the best SINR against the channel error, answers every figure. The model is in
# {doc}`model`, the sensing phase in {doc}`results`.
#
# Four schemes meet on this page:
#
# * **Main**, the paper's proposal (Algorithm 2), improves the robust beams and the share of time in turn.
# * **EI**, error-ignorant (Algorithm 3), talks as long as the position limit admits, with beams computed as if the channels were
#   known exactly. It is judged by its worst case all the same.
# * **MRT**, maximum ratio transmission (Algorithm 4), sends to each user along that user's own channel and chooses powers only.
# * **Exact** is ours: the best beams at the best share, with a certificate.

# %% tags=["parameters"]
seed = 1
ap_x_m = [30.0, 10.0, 60.0]
ap_y_m = [70.0, 20.0, 30.0]
user_x_m = [20.0, 25.0, 40.0, 35.0]
user_y_m = [30.0, 40.0, 30.0, 60.0]
array_orientation = "centre"
antennas = 21
antenna_spacing_m = 0.0265
carrier_hz = 28.0e9
path_gain = "printed"
noise_dbm = -70.0
sensing_processing_gain_db = 77.1497
block_s = 0.1
sensing_block_s = 1.0e-3
comm_power_dbm = 30.0
sensing_power_dbm = 40.0
crlb_limit_m2 = 1.0e-11
error_slope_per_m = 373.0
procedure_draws = 3
full_antennas = [3, 5]
margin_sinrs = [1.0e5]
margin_error = 1.18e-3
sinr_tolerance = 3.0e-3
curve_errors = [6.0e-4, 1.2e-3]
sensing_levels_dbm = [35.0, 40.0]
comm_sweep_dbm = [20.0, 30.0]
main_comm_dbm = [30.0]
limit_sweep_m2 = [1.0e-11, 2.0e-11, 6.0e-11]
share_starts = [0.9, 0.5, 0.1]
share_step = 0.1
start_error = 2.5e-3
share_sensing_dbm = [35.0, 40.0, 50.0]
share_comm_dbm = [25.0, 30.0]
share_limit_m2 = 2.0e-11
array_sizes = [21, 51]

# %% tags=["hide-input"]
import time
from dataclasses import replace

import numpy as np
import pandas as pd
from compendium.notebook import claims, explorers, figures, tables
from compendium.notebook.curves import legend_above
from compendium.notebook.explorers import Bars, Control, Map, Readout
from compendium.notebook.given import taken_by
from compendium.notebook.words import numbers_or_dashes

from isaclib import InfeasibleScenario, SolverFailure
from isaclib import near_field as nf
from isaclib.foundations import plotting, units
from isaclib.near_field.adversary import worst_case, worst_channels
from isaclib.near_field.cuts import margin_by_cuts
from isaclib.near_field.decomposition import rank_one_terms
from isaclib.near_field.reduction import reduce
from isaclib.near_field.sdp import margin_by_conic

aps = np.column_stack([ap_x_m, ap_y_m])
scenario = nf.Scenario.random(
    np.random.default_rng(seed),
    array_angles_rad=None if array_orientation == "centre" else np.zeros(len(aps)),
    **taken_by(nf.Scenario.random, globals()),
)
h = nf.channels(scenario)
norms = np.linalg.norm(h, axis=2)
noise = scenario.noise_w
rng = np.random.default_rng(seed)
sensing = nf.optimise_sensing(scenario, fallback=True)
located = bool(np.isfinite(sensing.crlb_bar_m2))
nowhere = "no covariance identifies all positions"
if not located:
    print(f"With these arrays and places {nowhere}:")
    print("no share of the time meets a position limit, and no scheme has a rate.")
    print("What follows on beams for given channel errors does not depend on it.")
easiest = sensing.crlb_bar_m2 * sensing_block_s / (block_s * crlb_limit_m2)
if located and easiest >= 1:  # the same page for limits that this power can meet
    easier = 1.25 * easiest
    claims.set_aside(
        f"At {sensing_power_dbm:g} dBm no covariances meet the position limit of {crlb_limit_m2:.3g} m². "
        f"The page goes on with all limits {easier:.3g} times as large."
    )
    crlb_limit_m2, share_limit_m2 = easier * crlb_limit_m2, easier * share_limit_m2
    limit_sweep_m2 = [easier * limit for limit in limit_sweep_m2]
    scenario = scenario.replace(crlb_limit_m2=crlb_limit_m2)

# %% [markdown]
# (nf-s-procedure)=
# ## The S-procedure, derived and mended
#
# Write $\mathbf h_k$ and $\mathbf w_k$ for the channel and the beam of user $k$ over all access points, stacked. Only a position is
# known, so the true channel is $\mathbf h_k+\boldsymbol\Delta$ with one ball per access point,
# $\|\boldsymbol\Delta_m\|\le\epsilon_{k,m}$. With
# $\mathbf M_k=\mathbf W_k/\gamma-\sum_{j\ne k}\mathbf W_j$ and $\mathbf W_k=\mathbf w_k\mathbf w_k^{\mathsf H}$ the SINR
# reaches $\gamma$ for every error exactly if
#
# ```{margin} Assumption
# The error at each access point lies in a ball of its own. One wrong position moves all channels together, so the balls
# hold errors that no position causes. Their radius, however, is a mean over directions and not the largest error
# ({ref}`nf-error-law`).
# ```
#
# $$
# \begin{aligned}
# q_0(\boldsymbol\Delta)&=(\mathbf h_k+\boldsymbol\Delta)^{\mathsf H}\mathbf M_k(\mathbf h_k+\boldsymbol\Delta)-\sigma^2\ge 0\\
# \text{wherever all}\quad q_m(\boldsymbol\Delta)&=\epsilon_{k,m}^2-\|\boldsymbol\Delta_m\|^2\ge 0.
# \end{aligned}
# $$
#
# If there are $\lambda_m\ge 0$ with $q_0-\sum_m\lambda_m q_m\ge 0$ for *all* $\boldsymbol\Delta$, this is guaranteed. The left side
# is a quadratic function, and it is non-negative everywhere if and only if its matrix is positive semidefinite. With
# $\boldsymbol\Lambda_k$ the block-diagonal matrix of the $\lambda_m\mathbf I$ that reads
#
# ```{math}
# :label: nf-lmi
# \begin{bmatrix}\mathbf M_k+\boldsymbol\Lambda_k & \mathbf M_k\mathbf h_k\\
# \mathbf h_k^{\mathsf H}\mathbf M_k & \mathbf h_k^{\mathsf H}\mathbf M_k\mathbf h_k-\sigma^2-\sum_m\lambda_m\epsilon_{k,m}^2
# \end{bmatrix}\succeq 0 .
# ```
#
# The paper prints $+\sigma^2$ in the corner of its eq. (13). The identity is checked on random numbers, and so is what the printed sign
# does: no beams at all, $\mathbf W=0$ and $\lambda=0$, pass at every rate.


# %%
def lmi(own, radii, W, k, sinr, multipliers, sign=-1.0):
    """The matrix of eq. (13) in unit noise; the paper prints sign=+1."""
    M = W[k] / sinr - sum(other for j, other in enumerate(W) if j != k)
    x = own[k].reshape(-1, 1)
    corner = (x.conj().T @ M @ x).real + sign - multipliers @ radii[k] ** 2
    block = M + np.diag(np.repeat(multipliers, own.shape[2]))
    return np.block([[block, M @ x], [(M @ x).conj().T, corner]])


def random_channels(size, relative):
    own = rng.standard_normal((*size, 2)) @ [1, 1j] / np.sqrt(2)
    return own, relative * np.linalg.norm(own, axis=2)


# %% [markdown]
# The matrix as a form of the error against the constraint minus its multiplied balls, then the printed sign:

# %%
own, radii = random_channels((2, 3, 2), 0.2)
beams = random_channels((2, 3, 2), 0)[0]
covariances = [np.outer(w.ravel(), w.ravel().conj()) for w in beams]
multipliers, error = rng.random(3), random_channels((1, 3, 2), 0)[0][0]
faced = own[0] + error
received = np.abs(np.einsum("jmn,mn->j", beams.conj(), faced)) ** 2
q0 = received[0] / 2.0 - received[1] - 1
balls = multipliers @ (radii[0] ** 2 - np.linalg.norm(error, axis=1) ** 2)
point = np.append(error.ravel(), 1)
form = lmi(own, radii, covariances, 0, 2.0, multipliers)
assert np.isclose((point.conj() @ form @ point).real, q0 - balls)

nothing = [np.zeros((6, 6))] * 2
for sinr in (1.0, 1e6, 1e12):
    given = own, radii, nothing, 0, sinr, np.zeros(3)
    printed, mended = (np.linalg.eigvalsh(lmi(*given, s))[0] for s in (1, -1))
    print(f"SINR {sinr:g}, no beams, least eigenvalues:")
    print(f"  {printed:g} as printed, {mended:g} mended")
    assert printed >= 0 > mended

# %% [markdown]
# How much does the sufficient condition give away?
#
# ```{prf:theorem} Complex S-lemma for two balls
# :label: nf-theorem-s-lemma
#
# Let $q_0$ be a real-valued quadratic function of $\boldsymbol\Delta=(\boldsymbol\Delta_1,\boldsymbol\Delta_2)$, complex, and
# $q_m=\epsilon_m^2-\|\boldsymbol\Delta_m\|^2$ with both radii positive. (A ball of radius zero is no ball: its block is simply fixed.) Then $q_0\ge0$
# wherever $q_1\ge0$ and $q_2\ge0$ if and only if there are $\lambda_1,\lambda_2\ge0$ with $q_0-\lambda_1q_1-\lambda_2q_2\ge0$ everywhere.
# ```
#
# *Proof.* "If" is the argument above. For "only if" write $z=(\boldsymbol\Delta,1)$, $q_i=z^{\mathsf H}\mathbf A_iz$, and consider the semidefinite program
#
# $$\min\ \operatorname{tr}\mathbf A_0\mathbf Z\quad\text{s.t.}\quad \mathbf Z\succeq0,\ \operatorname{tr}\mathbf A_1\mathbf Z\ge0,\
# \operatorname{tr}\mathbf A_2\mathbf Z\ge0,\ Z_{cc}=1\quad(cc:\text{ the corner}).$$
#
# It has a strictly feasible point, $\operatorname{diag}(\delta,\dots,\delta,1)$ with a small $\delta>0$ (Slater's condition: here the radii must be positive). Its dual
# therefore has the same value and attains it {cite}`boyd2004`; a value of at least zero means just those $\lambda$. So take any feasible $\mathbf Z$, of
# rank $r$. It is a sum $\sum_iz_iz_i^{\mathsf H}$ of $r$ terms which *all* have the same two values $z_i^{\mathsf H}\mathbf A_mz_i=\operatorname{tr}\mathbf
# A_m\mathbf Z/r\ge0$ (see below). A term whose corner $c_i$ is zero has $-\|\boldsymbol\Delta_m\|^2\ge0$ for both balls and is zero; every other one is
# $c_i\,(\boldsymbol\Delta,1)$ with a $\boldsymbol\Delta$ in both balls, where $q_0\ge0$. So $\operatorname{tr}\mathbf A_0\mathbf
# Z=\sum_iz_i^{\mathsf H}\mathbf A_0z_i\ge0$.
#
# *The decomposition* {cite}`near_field_huang2007`. Start from any $r$ terms and make the values of $\mathbf A_1$ equal, then those of $\mathbf A_2$ without losing the
# first. Let two terms have the values $b_1<\bar b<b_2$ of the form at hand, $\bar b$ its mean over all terms. The pair
#
# $$\frac{z_1+\tau e^{\mathrm j\theta}z_2}{\sqrt{1+\tau^2}},\qquad\frac{z_2-\tau e^{-\mathrm j\theta}z_1}{\sqrt{1+\tau^2}}$$
#
# has the same sum of squares. The first of the two has the value $\bar b$ if $(b_1-\bar b)+2\tau\operatorname{Re}(e^{\mathrm j\theta}z_1^{\mathsf
# H}\mathbf A z_2)+(b_2-\bar b)\tau^2=0$, which is negative at $\tau=0$ and has one positive root $\tau$, whatever the phase $\theta$. The phase is free: with
# $\operatorname{Re}(e^{\mathrm j\theta}z_1^{\mathsf H}\mathbf A_1z_2)=0$ two terms of equal value of $\mathbf A_1$ keep it. Each step puts one term right; $r-1$ steps end it.
# For three balls one free phase is not enough, and examples with a gap exist. $\blacksquare$
#
# ({mod}`isaclib.near_field.decomposition` computes that decomposition; it is how the library gets its bounds.) First the decomposition itself, of a
# random matrix:

# %%
root = np.random.default_rng(0).standard_normal((9, 5, 2)) @ [1, 1j]
forms = np.repeat([[1.0, 0.0, -1.0], [0.0, 1.0, -1.0]], [4, 4, 1], axis=1)
terms = rank_one_terms(root, forms)
assert np.allclose(terms @ terms.conj().T, root @ root.conj().T)
values = forms @ np.abs(terms) ** 2
assert np.allclose(values, values.mean(axis=1, keepdims=True))

# %% [markdown]
# Now what it is good for. The certified
# value of $q_0$ (best $\lambda$) is compared with the value at a channel that an adversary really found in the balls. Where the
# two agree up to rounding, nothing was given away. Random beams rarely have two equally bad channels; *optimised* beams are made so that
# several channels are equally bad, and there three balls do lose.


# %%
def shown_gap(gap, rounding=1e-12):
    """A gap for a table; what lies within rounding is not told apart."""
    return f"{gap:.1e}" if gap > rounding else f"below {rounding:g}"


def random_gaps(count):
    """Attained over certified worst case for random beams of three users."""
    own, radii = random_channels((3, count, 4), 0.3)
    beams = random_channels((procedure_draws, 3 * count, 4), 0)[0]
    beams = beams.reshape(-1, 3, count, 4)
    certified = worst_case(own, radii, beams, 2.0)
    attained = worst_channels(own, radii, beams, 2.0, certified)[1].min(axis=2)
    return (attained - certified.value) / np.maximum(1, np.abs(attained))


def optimised_gap(count):
    """The same for the best beams of two users under errors of 20 per cent."""
    case = np.random.default_rng(2).standard_normal((2, count, 3, 2)) @ [1, 1j]
    radii = 0.2 * np.linalg.norm(case, axis=2)
    found = nf.robust_sinr(case, radii, 0.1, 1.0, method="sdp")
    attained = nf.adversarial_sinr(case, radii, found.beams, 0.1)
    return np.max(attained / nf.worst_sinr(case, radii, found.beams, 0.1) - 1)


# %%
rows = []
for m in (1, 2, 3, 4):
    gap = random_gaps(m)
    assert np.all(gap > -1e-6)
    rows.append((m, gap.size, np.median(gap), gap.max(), optimised_gap(m)))
names = ["balls", "cases", "median_gap", "largest_gap", "optimised"]
procedure = pd.DataFrame(rows, columns=names)
assert np.all(procedure[["largest_gap", "optimised"]].iloc[:2] < 1e-4)

# %% tags=["hide-input"]
names = ["balls (access points)", "cases", "median gap", "largest gap"]
names.append("gap, optimised beams")
columns = [procedure.balls, procedure.cases]
columns += [procedure[name].map(shown_gap) for name in procedure.columns[2:]]
tables.table(
    dict(zip(names, columns)),
    caption="Distance between the attained and the certified worst case, relative to its size: random beams of three users at relative "
    "channel errors of 0.3, and in the last column the best beams of one random system of two users at 0.2. One and two balls can leave no gap; "
    f"with more, the largest gap of random beams is {shown_gap(procedure.largest_gap[2:].max())}, that of optimised ones "
    f"{shown_gap(procedure.optimised[2:].max())}.",
)

# %% [markdown]
# ## From $N_t$ to $K$ dimensions
#
# The channels of $K$ users span at most $K$ of the $N_t$ dimensions of an array. Nothing else is needed:
#
# ```{prf:theorem} Beams in the span of the channels
# :label: nf-theorem-span
#
# The least power that guarantees an SINR does not grow when the beams of access point $m$ are confined to the span of
# $\mathbf h_{1,m},\dots,\mathbf h_{K,m}$, and the channel errors with them.
# ```
#
# *Proof.* Let $\mathbf Q$ project every array's block onto its span, so that $\mathbf Q\mathbf h_k=\mathbf h_k$. The beams
# $\mathbf Q\mathbf w_j$ cost no more than the $\mathbf w_j$, and they receive
# $(\mathbf h_k+\boldsymbol\Delta)^{\mathsf H}\mathbf Q\mathbf w_j=(\mathbf h_k+\mathbf Q\boldsymbol\Delta)^{\mathsf H}\mathbf w_j$:
# under the error $\boldsymbol\Delta$ they see what the full beams see under $\mathbf Q\boldsymbol\Delta$, which lies in
# the same balls and in the span. $\blacksquare$
#
# Below, both statements of the problem are solved where the full one can be.

# %%
rows = []
for size in sorted(set(full_antennas)):
    given = *random_channels((2, 2, size), 0.02), 20.0, 0.1, 1.0
    margins, seconds = {}, {}
    for reduced in (False, True):
        road = {"method": "sdp", "reduced": reduced}
        begin = time.perf_counter()
        margins[reduced] = nf.power_margin(*given, **road).margin
        seconds[reduced] = time.perf_counter() - begin
    cuts = nf.power_margin(*given).margin
    rows.append((size, margins[False], margins[True], cuts, *seconds.values()))
names = ["antennas", "full", "reduced", "cuts", "full_s", "reduced_s"]
reduction = pd.DataFrame(rows, columns=names)
assert np.allclose(reduction.full, reduction.reduced, rtol=1e-5)

# %% tags=["hide-input"]
names = ["antennas", "full program", "reduced program", "worst-channel cuts"]
names += ["full (s)", "reduced (s)"]
tables.table(
    reduction.set_axis(names, axis=1),
    formats=dict.fromkeys(names[4:], ".2f"),
    precision=7,
    caption="Least share of the power budget by the semidefinite program, full and reduced, and by the cuts of the next section; time of "
    "the two programs. Two users, two access points, random channels.",
)

# %% [markdown]
# ## Worst-channel cuts against the semidefinite program
#
# The *power margin* $t^\star(\gamma)$ is the least share of the power budget with which the SINR $\gamma$ can be guaranteed. Two
# roads lead to it. The paper's is the semidefinite program with {eq}`nf-lmi`, whose rank is dropped. It is solved twice: by a general
# conic solver, and by an interior-point method that keeps the congruences of {eq}`nf-lmi` as they are. The other road needs no
# semidefinite program: beams for a finite list of channels are a second-order cone program; given beams, the worst
# channel of each user is added to the list. The list proves a lower bound over *all* beams, the S-procedure
# an upper bound for the beams found, and when they meet nothing was lost, neither by the relaxation nor by the three balls.
#
# ```{prf:theorem} Lower bound from a finite list of channels
# :label: nf-theorem-list
#
# Let $X_k$ be finitely many channels inside the balls of user $k$, let $y_x\ge0$ be weights, $q_m\ge0$ prices with
# $\sum_mq_m=1$ and $\mathbf Q$ the block-diagonal matrix of the $q_m\mathbf I$. If for every user $k$
#
# $$
# \mathbf F_k=\mathbf Q+\sum_{j\ne k}\sum_{x\in X_j}y_x\,xx^{\mathsf H}-\frac1\gamma\sum_{x\in X_k}y_x\,xx^{\mathsf H}\succeq0 ,
# $$
#
# then $t^\star(\gamma)\,P\ge\sigma^2\sum_xy_x$.
# ```
#
# *Proof.* Beams that keep $\gamma$ for all channels in the balls keep it for the listed ones: with
# $\mathbf W_k=\mathbf w_k\mathbf w_k^{\mathsf H}$, $\frac1\gamma x^{\mathsf H}\mathbf W_kx-\sum_{j\ne k}x^{\mathsf H}\mathbf W_jx\ge\sigma^2$ for
# $x\in X_k$. Multiply by $y_x$, add up over all users and channels, and sort by $\mathbf W_k$:
#
# $$
# 0\le\sum_k\operatorname{tr}\mathbf F_k\mathbf W_k
# \le\sum_k\operatorname{tr}\mathbf Q\mathbf W_k-\sigma^2\sum_xy_x\le tP-\sigma^2\sum_xy_x,
# $$
#
# the last step because access point $m$ spends at most $tP$ and the prices sum to one. $\blacksquare$
#
# Nothing in it needs the rank or a phase: the bound holds for beams and for covariances of any rank. The cone program that
# *proposes* the weights does need a phase. It replaces $|x^{\mathsf H}\mathbf w_k|\ge\dots$ by
# $\operatorname{Re}(e^{-j\varphi_x}x^{\mathsf H}\mathbf w_k)\ge\dots$ with the phase $\varphi_x$ at which the beams of the round before are received. For one channel
# a user this loses nothing, since a beam may be turned as a whole; for several it is a restriction, and the cone program's own optimum
# would be no bound. The theorem is used instead, on its multipliers.
#
# ```{margin} Assumption
# Every access point has a power budget of its own, and all of them transmit coherently: one phase error in common would not
# matter, a phase error between them is not modelled.
# ```


# %%
def opinion(solve):
    """Another solver's answer and seconds; None (a dash) where it has none."""
    begin = time.perf_counter()
    try:
        return solve(), time.perf_counter() - begin
    except SolverFailure:
        return None, time.perf_counter() - begin


# %%
rows, radii = [], margin_error * norms
for sinr in margin_sinrs:
    given = h, radii, sinr, noise, 1.0
    by_cuts = nf.power_margin(*given)
    by_sdp, conic, sdp_s, conic_s = None, None, np.nan, np.nan
    if np.isfinite(by_cuts.margin):  # some power reaches the SINR
        by_sdp, sdp_s = opinion(lambda: nf.power_margin(*given, method="sdp"))
        conic, conic_s = opinion(
            lambda: margin_by_conic(reduce(h, radii, noise), sinr, 1.0)
        )
    proof = by_cuts.certificate
    row = {"sinr": sinr, "cuts_bound": proof.bound, "cuts": by_cuts.margin}
    row |= {"sdp": by_sdp.margin if by_sdp else np.nan, "sdp_s": sdp_s}
    row |= {"rank_one": by_sdp.rank_one_ratio.min() if by_sdp else np.nan}
    row |= {"cuts_residual": proof.residual, "cuts_s": proof.seconds}
    row |= {"general": conic.value if conic else np.nan, "general_s": conic_s}
    rows.append(row)
roads = pd.DataFrame(rows)
reached = np.isfinite(roads.cuts)
road_gap = (roads.cuts / roads.cuts_bound - 1)[reached].max()
others = roads[["sdp", "general"]].div(roads.cuts, axis=0)
road_difference = np.abs(others - 1).max().max()
assert not reached.any() or (road_gap < 1e-5 and road_difference < 1e-4)

# %% [markdown]
# The theorem, executed: the weights that the cuts return are put into $\mathbf F_k$ and judged by plain eigenvalues, in units in
# which $\mathbf Q$ is the identity; weights one per cent larger fail.

# %%
listed = reduce(h, radii, noise)
proof = margin_by_cuts(listed, margin_sinrs[0], 1.0)
dual = proof.dual
prices = np.repeat(dual.prices, listed.channels.shape[2])
scaled = dual.channels / np.sqrt(np.maximum(prices, 1e-300))


def least_eigenvalue(factor):
    """Of all F_k, with the weights multiplied by a factor."""
    own = dual.owners == np.arange(len(h))[:, None]
    signed = factor * dual.weights * np.where(own, -1 / margin_sinrs[0], 1.0)
    forms = np.eye(len(prices)) + (scaled.T * signed[:, None]) @ scaled.conj()
    return np.linalg.eigvalsh(forms).min()


if reached[0]:
    least, larger = map(least_eigenvalue, (1.0, 1.01))
    print(f"least eigenvalue: {least:.1e}, with larger weights {larger:.1e}")
    assert least > -1e-6 and larger < -1e-4
    assert np.isclose(dual.weights.sum(), proof.lower)
else:
    print("No power reaches this SINR, so that no weights are the largest.")

# %% tags=["hide-input"]
tables.table(
    {
        "SINR (dB)": units.linear_to_db(roads.sinr),
        "lower bound": np.where(reached, roads.cuts_bound, np.inf),
        "cuts": roads.cuts,
        "semidefinite": roads.sdp,
        "cuts (s)": roads.cuts_s,
        "semidefinite (s)": roads.sdp_s,
        "the same, general solver (s)": roads.general_s,
    },
    formats={"lower bound": ".7g", "cuts": ".7g", "semidefinite": ".7g"},
    precision=3,
    caption="Power margin at the paper's size by both roads, the bound that the cuts prove over all beams, and the times. A margin above 1 "
    "means that the budget does not suffice, an infinite one that no power does. The beams of the cuts violate no constraint by more than "
    f"{max(roads.cuts_residual.max(), 1e-15):.0e} (relative, on unscaled data); the largest eigenvalue of the relaxed covariances holds all "
    f"but {max(1 - roads.rank_one.min(), 1e-15):.0e} of the trace, so that dropping the rank lost nothing.",
)

# %% [markdown]
# (nf-robust-curve)=
# ## One curve for every figure
#
# Sensing power, position limit and time share reach the communication side through one number only, the relative channel error
# $e=\alpha_e\sqrt{\mathrm{CRLB}}$. The best guaranteed SINR $\gamma^\star(e)$ is therefore a curve that is computed once, and solved
# points are kept for all later figures. Every point leaves a proof that bounds the whole curve.
#
# ```{prf:proposition} One list bounds the curve
# :label: nf-theorem-curve
#
# Let $X_k$, $y$ and $q>0$ be a list of channels, weights and positive prices found at the error $e$, and write every listed channel as
# $x=\mathbf h_k+\boldsymbol\Delta$. For any other error $e'$ let $x'=\mathbf h_k+\frac{e'}{e}\boldsymbol\Delta$ and scale the weights of user $k$ by any
# $c_k>0$ such that $\sigma^2\sum_kc_k\sum_{x\in X_k}y_x=P$. Then
#
# $$
# \gamma^\star(e')\le\max_k\ \lambda_{\max}\Bigl(c_k\mathbf Y'_k,\ \mathbf Q+\textstyle\sum_{j\ne k}c_j\mathbf Y'_j\Bigr),
# \qquad\mathbf Y'_k=\sum_{x\in X_k}y_x\,x'x'^{\mathsf H},
# $$
#
# the largest generalised eigenvalue.
# ```
#
# *Proof.* The radii grow in proportion to $e$, so the moved channels lie in the balls of $e'$. Let $\gamma$ exceed the right-hand side. Then
# $\mathbf F_k\succ0$ for all users at this $\gamma$, and so it stays with all weights multiplied by some factor above one. By
# {prf:ref}`nf-theorem-list` more than $P$ would be needed: $\gamma$ cannot be reached. $\blacksquare$
#
# The $c_k$ that make the $K$ eigenvalues equal give the best bound of this form. At $e'=e$ it is as tight as the list is, and next to $e$ it stays close,
# because weights that are best for $e$ are nearly best there: a few solved points bound the whole curve. Between two errors nothing else is needed than
# that $\gamma^\star$ does not grow with $e$, for the balls grow.
#
# ```{margin} Assumption
# The position error is taken to be the root of the bound, summed over all users, for each of them. Maximum likelihood
# attains that bound, MUSIC does not ({doc}`results`).
# ```

# %%
curve = nf.SinrCurve(h, noise, tolerance=sinr_tolerance)
matched = nf.SinrCurve(h, noise, tolerance=sinr_tolerance, matched=True)
ignorant = nf.SinrCurve(h, noise, tolerance=sinr_tolerance)
# The paper's Bi-RBO: the S-procedure's program, no bound on all beams.
sdp_curve = nf.SinrCurve(h, noise, tolerance=sinr_tolerance, method="sdp")
power = scenario.comm_power_w
unaware = ignorant.solve(0.0, power).beams
rows = []
for e in sorted(curve_errors):
    best, mrt = curve.solve(e, power), matched.solve(e, power)
    radii = e * norms
    row = {"relative_error": e, "exact": best.sinr}
    row["bound"] = float(curve.upper(e, power))
    row["certified"] = nf.worst_sinr(h, radii, best.beams, noise).min()
    row["adversarial"] = nf.adversarial_sinr(h, radii, best.beams, noise).min()
    row["ignorant"] = nf.worst_sinr(h, radii, unaware, noise).min()
    row |= {"matched": mrt.sinr, "matched_bound": mrt.certificate.bound}
    rows.append(row)
table = pd.DataFrame(rows)
assert np.all(table.exact <= table.bound)
assert np.all(table.adversarial >= table.certified * (1 - 1e-9))
rooms = (table.adversarial / table.certified - 1).abs()
conservatism = rooms.fillna(0.0).max()  # none between 0 and 0
room = numbers_or_dashes(f"{conservatism:.1e}")
print(f"largest room between certified and attained worst case: {room}")


# %% tags=["hide-input"]
def decibels(ratios):
    """In decibels, without what is no ratio: 0 over 0, where no beams guarantee anything."""
    ratios = ratios.dropna().to_numpy()
    return units.linear_to_db(ratios) if len(ratios) else np.array([np.nan])


def lag(below):
    """How far beams stay behind the best ones, least and most, in decibels."""
    behind = decibels(table.exact / below)
    return f"{behind.min():.2g} to {behind.max():.2g}"


figure, axes = plotting.subplots(1, 1)
x = 1e3 * table.relative_error
for column, role, label in (
    ("exact", "exact", "best beams, certified"),
    ("ignorant", "benchmark_1", "error-ignorant (EI)"),
    ("matched", "benchmark_2", "matched (MRT)"),
):
    plotting.line(axes, x, units.linear_to_db(table[column]), role, label=label)
cross = {"linestyle": "", "marker": "+", "markersize": 9, "zorder": 5}
above = units.linear_to_db(table.bound)
plotting.line(axes, x, above, "benchmark_3", label="bound on all beams", **cross)
axes.set(xlabel=r"Relative channel error ($10^{-3}$)", ylabel="Guaranteed SINR (dB)")
axes.legend()
figures.show(
    figure,
    "robust_sinr",
    data=table,
    caption="Guaranteed SINR of the worst user against the relative channel error. The bound (crosses) lies "
    f"{decibels(table.bound / table.exact).max():.2g} dB or less above the best beams (each point is solved to {100 * sinr_tolerance:g} %); "
    f"beams that ignore the error lie {lag(table.ignorant)} dB below the best, matched beams {lag(table.matched)} dB. "
    f"Certified and attained worst case differ by at most {conservatism:.1e}.",
    alt="Guaranteed SINR in decibels against the channel error: the best beams with their bound, error-ignorant beams and matched beams.",
)

# %% [markdown]
# ## Rate against time allocation
#
# The rate $\eta\log_2(1+\gamma^\star(e(\eta)))$ rises with the time to talk and falls with the error that a short look leaves. The same
# solved points give the curve for every sensing power, since a share is only another name for an error. The sensing covariance is
# optimised once: the position bound is inversely proportional to the power.
#
# ```{margin} Assumption
# Sensing and communication take turns, and nobody moves within a block: a millimetre of motion would outweigh the position error.
# ```
#
# ```{prf:proposition} The search over the share
# :label: nf-theorem-share
#
# Let $\bar\gamma$ bound the curve and let $0=\eta_0<\eta_1<\dots<\eta_n=\bar\eta$. No share up to $\bar\eta$ has a rate above
# $\max_i\,\eta_{i+1}\log_2\bigl(1+\bar\gamma(e(\eta_i))\bigr)$.
# ```
#
# *Proof.* On $[\eta_i,\eta_{i+1}]$ the share is at most $\eta_{i+1}$; the error $e(\eta)$ grows with the share, so that
# $\gamma^\star(e(\eta))\le\gamma^\star(e(\eta_i))\le\bar\gamma(e(\eta_i))$. $\blacksquare$
#
# The exact scheme solves the curve where the bound promises most and halves the cells that promise more than the best rate found;
# it ends when none does. In place of the least position bound found, $e$ and $\bar\eta$ use the one that is *proven* for all
# covariances ({prf:ref}`nf-theorem-witness`), so the bound on the rate holds for all of them. The cell below repeats the argument with a plain
# grid and the points of the curve alone.

# %%
exact_options = {"curve": curve, "tolerance": sinr_tolerance / 3}
if located:
    exact = nf.solve_exact(scenario, sensing=sensing, **exact_options)
    proven = scenario, sensing.certificate.bound
    nodes = np.linspace(0, min(nf.time_allocation_limit(*proven), 1.0), 501)
    ceilings = curve.upper(nf.relative_error(*proven, nodes), power)
    plain_bound = np.max(nf.rate_bps_hz(nodes[1:], ceilings[:-1]))
    print(f"rate {exact.worst_rate_bps_hz:.4f} bit/s/Hz,", end=" ")
    print(f"its bound {exact.certificate.bound:.4f},", end=" ")
    print(f"plain bound over {len(nodes)} shares {plain_bound:.4f}")
    assert exact.worst_rate_bps_hz <= plain_bound
else:
    print(f"No share can be chosen: {nowhere}.")


# %%
def setting(sensing_dbm, comm_dbm, limit=crlb_limit_m2):
    """At other budgets; the optimal covariance scales with its power."""
    changed = scenario.replace(
        sensing_power_w=units.dbm_to_w(sensing_dbm),
        comm_power_w=units.dbm_to_w(comm_dbm),
        crlb_limit_m2=limit,
    )
    factor = changed.sensing_power_w / scenario.sensing_power_w
    covariances = sensing.covariances * factor
    bar = nf.crlb_m2(changed, covariances, 0) * block_s / sensing_block_s
    return changed, replace(sensing, covariances=covariances, crlb_bar_m2=bar)


def share_of(error, changed, scaled):
    """The time share at which the relative channel error has a given value."""
    if not located:
        return np.full(np.shape(error), -np.inf)
    error = np.maximum(error, 1e-300)  # exact channels, where the slope is 0
    ratio = (changed.error_slope_per_m / error) ** 2 * scaled.crlb_bar_m2
    return 1 - ratio * changed.sensing_block_s / changed.block_s


# %% [markdown]
# The alternation does not know the position limit: one run for each pair of powers serves all limits.

# %%
kept = {}


def alternation(which, sensing_dbm, comm_dbm):
    """Where the paper's alternation ends; it does not know the limit."""
    key = which, sensing_dbm, comm_dbm
    if key not in kept:
        changed, scaled = setting(sensing_dbm, comm_dbm, np.inf)
        solver, table = nf.solve_mrt, matched
        if which == "main":
            solver, table = nf.solve_main, sdp_curve
        steps = np.round(share_of(start_error, changed, scaled) / share_step)
        start = float(np.clip(share_step * steps, share_step, 1 - share_step))
        given = {"sensing": scaled, "curve": table, "step": share_step}
        kept[key] = solver(changed, start=start, **given)
    return kept[key]


# %% [markdown]
# Every scheme then answers the same question: which share, which guaranteed rate, and below which bound?


# %%
def solve(which, sensing_dbm, comm_dbm, limit=crlb_limit_m2):
    """Share, guaranteed rate and its upper bound (exact only) of a scheme."""
    changed, scaled = setting(sensing_dbm, comm_dbm, limit)
    if which == "exact":
        best = nf.solve_exact(changed, sensing=scaled, **exact_options)
        bound = best.certificate.bound
        return best.time_allocation, best.worst_rate_bps_hz, bound
    if which == "ignorant":
        ei = nf.solve_error_ignorant(changed, sensing=scaled, curve=ignorant)
        return ei.time_allocation, ei.worst_rate_bps_hz, np.nan
    free = alternation(which, sensing_dbm, comm_dbm).time_history[-1]
    share = min(free, nf.largest_time_allocation(changed, scaled))
    error = float(nf.relative_error(changed, scaled.crlb_bar_m2, share))
    table = sdp_curve if which == "main" else matched
    sinr = table.solve(error, changed.comm_power_w).sinr
    return share, float(nf.rate_bps_hz(share, sinr)), np.nan


# %%
schemes = {
    "exact": ("exact", "exact"),
    "main": ("paper", "Main"),
    "ignorant": ("benchmark_1", "EI"),
    "mrt": ("benchmark_2", "MRT"),
}


def sweep(which, points):
    """One row per (sensing power, communication power, limit)."""
    rows = []
    for sensing_dbm, comm_dbm, limit in points:
        try:
            share, rate, bound = solve(which, sensing_dbm, comm_dbm, limit)
        except (InfeasibleScenario, SolverFailure):  # no share is known to do
            share = rate = bound = np.nan
        rows.append((which, sensing_dbm, comm_dbm, limit, share, rate, bound))
    names = "scheme sensing_dbm comm_dbm limit_m2 share rate bound".split()
    return pd.DataFrame(rows, columns=names)


grid = [(level, comm_power_dbm, crlb_limit_m2) for level in sensing_levels_dbm]
choices = pd.concat(sweep(which, grid) for which in schemes)


# %% tags=["hide-input"]
def missed(frame):
    """A sentence on the points of a sweep at which no share meets the limit."""
    if not located:
        return f" Here {nowhere}: no share meets a limit, and no scheme has a rate."
    without = frame[frame.scheme == "exact"].rate.isna()
    if without.all():
        return " No share meets the position limit at any point: no scheme has a rate."
    told = f" At {without.sum()} of {len(without)} points no share meets the limit."
    return told if without.any() else ""


def panel_for_each(levels, ylabel, height=2.9):
    """A figure and its axes, two beside one another."""
    shape = -(-len(levels) // 2), min(len(levels), 2)
    look = {"sharey": True, "squeeze": False, "height": height * shape[0]}
    figure, axes = plotting.subplots(*shape, **look)
    for ax in axes[:, 0]:
        ax.set_ylabel(ylabel)
    for spare in axes.flat[len(levels) :]:
        spare.remove()
    return figure, axes.flat[: len(levels)]


RATE = {"ylabel": "Worst-user rate (bit/s/Hz)"}
figure, axes = panel_for_each(sensing_levels_dbm, **RATE, height=3.4)
rows, on_line = [], 0
for ax, level in zip(axes, sensing_levels_dbm):
    changed, scaled = setting(level, comm_power_dbm)
    best_points = [*curve.points, *sdp_curve.points]
    for which, solved in (("exact", best_points), ("mrt", matched.points)):
        points = np.array([(e, sinr) for e, p, sinr, _ in solved if p == power])
        shares = share_of(points[:, 0], changed, scaled)
        order = np.argsort(shares)[np.sort(shares) > 0.02]
        if not len(order):  # no solved error is met at this power
            continue
        rates = nf.rate_bps_hz(shares[order], points[order, 1])
        role, label = schemes[which]
        look = {"label": f"{label}, any share", "markers": False}
        plotting.line(ax, shares[order], rates, role, **look)
        rows.extend((level, which, *row) for row in zip(shares[order], rates))
    here = choices[choices.sensing_dbm == level]
    for which, (role, label) in schemes.items():
        chosen = here[here.scheme == which].iloc[0]
        mark = {"main": "o", "ignorant": "s", "mrt": "^", "exact": "*"}[which]
        look = {"color": plotting.role(role)["color"], "label": f"{label} chooses"}
        look["ms"] = 11 if which in ("exact", "main") else 6
        look["fillstyle"] = "none" if which == "main" else "full"
        ax.plot(chosen.share, chosen.rate, mark, **look)
        rows.append((level, f"{which} chooses", chosen.share, chosen.rate))
    largest = max(nf.time_allocation_limit(changed, scaled.crlb_bar_m2), 0.0)
    on_line += int(np.sum(np.abs(here.share - largest) < 1e-3))
    ax.axvline(largest, color=plotting.INK, linewidth=0.8)
    ax.set(xlabel="Communication share (1)", xlim=(0, 1.02))
    ax.set_title(f"{level:.4g} dBm of sensing")
legend_above(figure, axes[-1], 3, fontsize="x-small")
figures.show(
    figure,
    "rate_vs_share",
    data=pd.DataFrame(rows, columns=["sensing_dbm", "scheme", "share", "rate"]),
    caption="Worst-user rate against the time allocation, with what each scheme chooses. The vertical line is the largest share that the "
    "position limit admits; curves to the right of it are what a weaker limit would allow. "
    f"{on_line} of {len(choices)} choices stand on it: there the limit, not the trade-off, decides. Ring: Main, star: the exact optimum. Lines join solved points.{missed(choices)}",
    alt="Panels of rates against the share, one for each sensing power, with the choice of each scheme and a vertical line at the largest admissible share.",
)

# %% [markdown]
# ## Rate against communication power
#
# Which power is better spent, that of looking or that of talking? All four schemes at two sensing powers:

# %% tags=["hide-input"]
parts = []
for which in schemes:
    powers = main_comm_dbm if which == "main" else comm_sweep_dbm
    grid = [(s, p, crlb_limit_m2) for s in sensing_levels_dbm for p in powers]
    parts.append(sweep(which, grid))
by_power = pd.concat(parts)


def panels(frame, x, y, levels, by, *, xlabel, ylabel, title="sensing", scale=1.0):
    """One panel per level of the column ``by``, one line per scheme."""
    figure, axes = panel_for_each(levels, ylabel)
    for ax, level in zip(axes, levels):
        for which, (role, label) in schemes.items():
            part = frame[(frame.scheme == which) & (frame[by] == level)]
            plotting.line(ax, scale * part[x], part[y], role, label=label)
        ax.set(xlabel=xlabel, title=f"{level:.4g} dBm of {title}")
    axes[0].legend()
    return figure


def extent(values, one="", many="", digits=3):
    """One number where all agree to so many digits, otherwise the least and the largest; nan where there is none."""
    if not len(values):
        return f"{one} nan".strip()
    low, high = f"{np.min(values):.{digits}g}", f"{np.max(values):.{digits}g}"
    return f"{one} {low}".strip() if low == high else f"{many} {low} to {high}".strip()


def beside(frame, values):
    """A column of all schemes beside one another, by both powers; nan where there is no value."""
    keys = ["sensing_dbm", "comm_dbm"]
    once = frame.drop_duplicates([*keys, "scheme"])
    return once.pivot(index=keys, columns="scheme", values=values)


def times(after, before):
    """By what a value is multiplied; nan where it was 0, or where there was none."""
    return after / before if before > 0 else np.nan


both = beside(by_power, "rate")
main_part = (both["main"] / both["exact"]).dropna().to_numpy()
reached = "there is no rate to compare"
if len(main_part):
    reached = f"there it reaches {extent(100 * main_part, digits=4)} % of the certified optimum"
axis = "comm_dbm", "rate", sensing_levels_dbm, "sensing_dbm"
figure = panels(by_power, *axis, xlabel="Communication power (dBm)", **RATE)
figures.show(
    figure,
    "rate_vs_power",
    data=by_power,
    caption="Worst-user rate against the communication power, one panel for each sensing power. Sensing power sets the share of time where the limit "
    "decides, and so multiplies the rate; communication power adds logarithmically. Main's "
    f"alternation was run at {' and '.join(f'{p:g}' for p in main_comm_dbm)} dBm only, since its detours through large errors are slow; "
    f"{reached}.{missed(by_power)}",
    alt="Panels of rates rising with communication power, one for each sensing power: the exact optimum, Main, EI and MRT.",
    paper="Fig. 6",
)

# %% tags=["hide-input"]
low, high = min(sensing_levels_dbm), max(sensing_levels_dbm)
gains, rising = {}, True
steps = max(comm_sweep_dbm) - min(comm_sweep_dbm)
span = steps / (high - low) if steps > 0 and high > low else np.nan
for which in ("exact", "ignorant", "mrt"):
    part = by_power[by_power.scheme == which]
    part = part.drop_duplicates(["sensing_dbm", "comm_dbm"])  # given twice
    for level in (low, high):
        ordered = part[part.sensing_dbm == level].sort_values("comm_dbm").rate
        rising &= bool(np.all(np.diff(ordered) > -2 * sinr_tolerance))
    weak = part[part.sensing_dbm == low].rate.to_numpy()
    strong = part[part.sensing_dbm == high].rate.to_numpy()
    gains[which] = (np.min(strong - weak), np.ptp(strong) / span)
    rising &= bool(np.all(strong > weak))
dominant = all(by_sensing > 2 * by_comm for by_sensing, by_comm in gains.values())
reason, unmet = [], ""
for level in (low, high):
    changed, scaled = setting(level, comm_power_dbm)
    taken = choices[(choices.scheme == "exact") & (choices.sensing_dbm == level)]
    share = taken.share.iloc[0]
    if np.isnan(share):
        unmet = unmet or f"at {level:g} dBm no share meets the position limit"
        share = 0.0
    reason.append((share, float(nf.relative_error(changed, scaled.crlb_bar_m2, share))))
factor = times(reason[0][1], reason[1][1])
by_look, by_talk = (", ".join(f"{g:.2f}" for g in one) for one in zip(*gains.values()))
moves = f"the best share goes from {reason[0][0]:.2f} to {reason[1][0]:.2f}"
if np.isnan(factor):
    happens = "is not what happens: there is no error at either power"
elif abs(factor - 1) < 0.05:
    happens = f"is not what happens: {moves} and the relative channel error stays ({reason[0][1]:.2e} and {reason[1][1]:.2e}), "
    happens += "since the position limit decides at both powers; what grows is the time to talk"
elif factor < 1:
    happens = f"is not what happens: the error grows by the factor {1 / factor:.2f}"
else:
    happens = f"holds in part: the error falls by the factor {factor:.2f} while {moves}"
claims.record(
    "004-C5",
    ours=unmet
    or f"from {low:g} to {high:g} dBm of sensing power the rates of exact, EI and MRT grow by at least {by_look} bit/s/Hz; the same number of "
    f"decibels of communication power adds {by_talk} bit/s/Hz. The reason that the paper gives, a smaller estimation error, {happens}",
    tolerance="rates rise with both powers, and a decibel of sensing power brings more than twice a decibel of communication power",
    reproduced=rising and dominant,
    trend=rising,
    checkable=high > low and steps > 0 and not unmet,
)

# %% [markdown]
# ## Rate against the position limit
#
# Now the powers stay and the limit is loosened. A weaker limit admits a shorter look; whether a scheme should make use of that is
# another question.

# %%
limits = sorted(set(limit_sweep_m2))
grid = [(s, comm_power_dbm, m2) for s in sensing_levels_dbm for m2 in limits]
by_limit = pd.concat(sweep(which, grid) for which in schemes)


def rates(which, level):
    part = by_limit.query("scheme == @which and sensing_dbm == @level")
    return part.sort_values("limit_m2").rate.to_numpy()


# %% tags=["hide-input"]
axis = "limit_m2", "rate", sensing_levels_dbm, "sensing_dbm"
xlabel = "Position limit ($10^{-11}$ m$^2$)"
figure = panels(by_limit, *axis, xlabel=xlabel, **RATE, scale=1e11)
told = []
for level in sensing_levels_dbm:
    last = {label: rates(which, level)[-1] for which, (_, label) in schemes.items()}
    found = ", ".join(f"{rate:.2f} ({label})" for label, rate in last.items())
    if not np.isnan(rates("exact", level)[-1]):
        told.append(f"at {level:g} dBm the rates at the weakest limit are {found}")
figures.show(
    figure,
    "rate_vs_limit",
    data=by_limit,
    caption="Worst-user rate against the position limit. A weaker limit helps while it decides the share of time. Beyond that, Main and the optimum "
    "stay at the share that is best for the rate and their curves are flat, whereas EI goes on talking with channels it knows less and less. "
    f"{'In bit/s/Hz, ' * bool(told)}{'; '.join(told)}{'.' * bool(told)}{missed(by_limit)}",
    alt="Panels of rates against the position limit, one for each sensing power: the exact optimum, Main, EI and MRT.",
    paper="Fig. 7",
)

# %% tags=["hide-input"]
doubled = [np.isclose(limit, 2 * limits[0], rtol=1e-9, atol=0) for limit in limits]
step = limits[doubled.index(True)] if any(doubled) else limits[min(1, len(limits) - 1)]
ends = [limits.index(step), 0]
first = {which: times(*rates(which, low)[ends]) for which in schemes}
raised = f"a limit {step / limits[0]:.3g} times as wide"
if any(doubled):
    raised = "doubling the limit"
elsewhere = {which: times(*rates(which, high)[[-1, 0]]) for which in schemes}
stay = all(abs(elsewhere[which] - 1) < 0.1 for which in ("main", "mrt"))
of_ignorant, of_main, of_mrt = (rates(s, high) for s in ("ignorant", "main", "mrt"))
falls = of_ignorant[-1] < of_ignorant.max() * (1 - 1e-3)
tight, below = (times(of_ignorant[i], of_main[i]) for i in (0, -1))
# The tightest limit is met by more power first.
tightest = f"no share meets the limit of {limits[0]:.3g} m² at"
open_at = [level for level in (low, high) if np.isnan(rates("exact", level)[0])]
claims.record(
    "004-C6",
    ours=f"{tightest} {open_at[0]:g} dBm"
    if open_at
    else f"at {low:g} dBm, {raised} multiplies the rates of Main, EI and MRT by {first['main']:.2f}, {first['ignorant']:.2f} and "
    f"{first['mrt']:.2f}; at {high:g} dBm from the tightest to the weakest limit by {elsewhere['main']:.2f}, {elsewhere['ignorant']:.2f} and "
    f"{elsewhere['mrt']:.2f}, where EI ends at {below:.2f} of Main",
    tolerance="all rates rise by more than 10 % in the first step; at the other power Main and MRT stay within 10 % and EI falls from its best",
    reproduced=min(first.values()) > 1.1 and stay and falls,
    trend=min(first.values()) > 1.1 and below < elsewhere["main"],
    checkable=len(limits) > 1 and not open_at,
)

mrt_part = np.array([times(*pair) for pair in zip(of_mrt, of_main)])
mrt_flat = bool(np.all(np.diff(of_mrt) > -2 * sinr_tolerance))
claims.record(
    "004-C10",
    ours=f"{tightest} {high:g} dBm"
    if high in open_at
    else f"EI reaches {tight:.3f} of Main at the tightest limit and {below:.3f} at the weakest; MRT {'never loses' if mrt_flat else 'loses'} by a weaker limit and "
    f"reaches {extent(mrt_part, digits=2)} of Main",
    tolerance="EI within 5 % of Main at the tightest limit and farther at the weakest; the MRT rate does not fall and stays below Main",
    reproduced=tight > 0.95 and below < tight and mrt_flat and mrt_part.max() < 1,
    trend=below < tight,
    checkable=len(limits) > 1 and high not in open_at,
)

# %% [markdown]
# ## Convergence of the alternation
#
# Algorithm 2 alternates between robust beams at a given share and, at given beams and rate, the share that leaves the most room in the
# constraints. The position limit plays no part on the way; only the last step moves the share below it. The share is searched on a
# grid whose step is a parameter of this page; the paper does not state its own, so the starts of its figure are run with half
# the step as well.
#
# In one place our search differs. The paper says that the beams of the iteration before remain feasible at the new share, from which
# it follows that the rate never falls. That is so if the present share is among those that are compared, and a grid need not hold
# it; ours always does, so that the rate cannot fall *by construction*. From the second iteration on this makes no
# difference, since every share then comes from the grid.

# %%
begin = time.perf_counter()
alternate = {"sensing": sensing, "curve": sdp_curve}
begun = share_starts if located else []
starts, finer = (
    [nf.solve_main(scenario, start=a, step=step, **alternate) for a in chosen]
    for chosen, step in ((begun, share_step), (begun[:3], share_step / 2))
)
took_s = time.perf_counter() - begin
print(f"{len(starts)} + {len(finer)} starts in {took_s:.1f} s")


# %%
def settled(found):
    """The iteration after which the share stays."""
    shares = np.array(found.time_history)
    return int(np.argmax(np.abs(shares - shares[-1]) <= 1e-3 * shares[-1]))


def climbs(found):
    """Does the rate never fall before the projection on the position limit?"""
    rates = np.array([step.objective for step in found.history[:-1]])
    return bool(np.all(np.diff(rates) > -2 * sinr_tolerance))


longest = max(map(settled, starts), default=np.nan)
traces = []
for start, found in zip(share_starts, starts):
    rates_of = [step.objective for step in found.history]
    shares = [*found.time_history[: len(rates_of) - 1], found.time_allocation]
    steps = np.arange(len(rates_of))
    columns = {"start": start, "iteration": steps, "share": shares}
    traces.append(pd.DataFrame(columns | {"rate": rates_of}))
if not located:  # nothing but the starts
    nothing = {"iteration": 0, "share": np.nan, "rate": np.nan}
    traces = [pd.DataFrame({"start": share_starts, **nothing})]
traces = pd.concat(traces)

# %% tags=["hide-input"]
shown = share_starts[:3]
kept_shares = np.array([found.time_history[-1] for found in starts])
captions = {
    "share": f"Share of time in the alternation, from {len(shown)} of the {len(share_starts)} starts; step of the search {share_step:g}. Iteration 0 is "
    f"the start. The alternation would keep {extent(kept_shares, 'the share', 'shares of')}. The last point is the projection on the position limit, "
    "which the paper's curves do not show.",
    "rate": f"Worst-user rate in the same alternations, from {len(shown)} of the {len(share_starts)} starts. What the last step, the projection on the "
    "position limit, takes away is the price of the limit and not of the algorithm.",
}
for column, name, ylabel, paper in (
    ("share", "convergence_share", "Communication share (1)", "Fig. 8(a)"),
    ("rate", "convergence_rate", "Worst-user rate (bit/s/Hz)", "Fig. 8(b)"),
):
    figure, axes = plotting.subplots(1, 1)
    for i, start in enumerate(shown):
        part = traces[traces.start == start]
        # Where runs meet, the later ones lie inside the earlier ones.
        widths = {"linewidth": 4.5 - 1.5 * i, "markersize": 10 - 2.5 * i}
        label = f"from {start:g}"
        plotting.line(axes, part.iteration, part[column], i, label=label, **widths)
    axes.set(xlabel="Iteration (1)", ylabel=ylabel, ylim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    figures.show(
        figure,
        name,
        data=traces,
        caption=captions[column] if located else f"No alternation to show: {nowhere}.",
        alt=f"{ylabel} against the iteration from {len(shown)} starts, with the projection on the limit as the last point.",
        paper=paper,
    )


# %% tags=["hide-input"]
none = [(np.nan, np.nan)]
(free_shares, iterations), (finer_shares, finer_iterations) = (
    np.array([(found.time_history[-1], settled(found)) for found in runs] or none).T
    for runs in (starts, finer)
)
ends = np.array([found.worst_rate_bps_hz for found in starts] or [np.nan])
same = np.ptp(free_shares) <= 2 * share_step and np.ptp(finer_shares) <= share_step
same = same and np.ptp(ends) <= sinr_tolerance * ends.max()
all_climb = all(climbs(found) for found in [*starts, *finer])
ways = [np.diff(found.time_history[: settled(found) + 1]) for found in starts]
back_and_forth = any(set(np.sign(moves)) >= {-1, 1} for moves in ways)
named = np.array(share_starts[:3]) / share_step
on_grid = np.allclose(named, np.round(named))
ways_told = "goes up and down" if back_and_forth else "moves one way"
climb_told = "climbs" if all_climb else "does not climb"
agree = f"agree within {np.ptp(ends):.1e} bit/s/Hz"
claims.record(
    "004-C7",
    ours=nowhere
    if not located
    else f"{len(starts)} starts reach, before the projection, {extent(free_shares, 'the share', 'shares of')} after "
    f"{extent(iterations)} iterations with the step {share_step:g}, and {len(finer)} starts {extent(finer_shares, 'the share', 'shares of')} after "
    f"{extent(finer_iterations)} with half of it (one more iteration confirms); the share {ways_told}, the rate {climb_told} on the way; "
    f"the final rates {agree if np.ptp(ends) else 'are identical'}",
    tolerance="with both steps every start reaches the share that it keeps within four iterations, all starts the same one (within two steps) and the same "
    "rate, and the rate never falls before the position limit is applied, of which the paper's figure says nothing",
    reproduced=same and all_climb and max(*iterations, *finer_iterations) <= 4,
    trend=same and all_climb,
    checkable=len(set(share_starts)) > 1 and located,
)

own_point = sensing_power_dbm, comm_power_dbm, crlb_limit_m2
optimum = sweep("exact", [own_point]).iloc[0]
ratio = np.nan
if optimum.rate > 0:
    sinr = np.expm1(np.log(2) * optimum.rate / optimum.share)
    point = scenario, sensing.crlb_bar_m2, optimum.share, sinr
    try:
        ratio = nf.rank_one_ratios(*point).min()
    except SolverFailure:  # no beams of rank one meet this SINR
        print("The relaxed beams at the optimum give no rank-one beams.")
closed = road_gap < 1e-5 and road_difference < 1e-4
claims.record(
    "004-C12",
    ours=nowhere
    if not located
    else f"at a given share the margin is closed to {road_gap:.1e} over all beams and the semidefinite road agrees to {road_difference:.1e}; the relaxed "
    f"covariances hold all but {np.maximum(1 - ratio, 1e-15):.0e} of their trace in one beam; the rate {climb_told} in all "
    f"{len(starts) + len(finer)} alternations (it cannot fall in ours, whose grid holds the present share; the starts of the paper's figure lie "
    f"{'on the grid, where its own search would have done the same' if on_grid else 'off the grid, where its own search could'})",
    tolerance="bounds closed to 1e-5, rank-one share above 0.9999, no fall of the rate before the final projection, the paper's starts being on the grid",
    reproduced=closed and ratio > 0.9999 and all_climb and on_grid,
    trend=ratio > 0.99,
    checkable=located,
)

# %% [markdown]
# ## The share against sensing power
#
# More sensing power finds the users faster. How much of the block does each scheme then leave to communication?

# %%
powers, comm_levels = np.unique(share_sensing_dbm), np.unique(share_comm_dbm)
grid = [(s, p, share_limit_m2) for p in comm_levels for s in powers]
by_sensing = pd.concat(sweep(which, grid) for which in schemes)

# %% tags=["hide-input"]
table = beside(by_sensing, "share").dropna()
spreads = table.max(axis=1) - table.min(axis=1)
apart = "no setting can be compared"
if len(spreads):
    apart = f"of {len(spreads)} settings the four shares differ by less than 0.001 in {np.sum(spreads < 1e-3)}; "
    largest = f"{spreads.max():.3f}, at {spreads.idxmax()[0]:g} dBm"
    apart += f"the largest difference is {largest}"
axis = "sensing_dbm", "share", comm_levels, "comm_dbm"
words = {"xlabel": "Sensing power (dBm)", "ylabel": "Communication share (1)"}
figure = panels(by_sensing, *axis, **words, title="communication")
figures.show(
    figure,
    "share_vs_sensing_power",
    data=by_sensing,
    caption="Share of time left to communication against the sensing power. Where the position limit decides, all schemes take the largest admissible "
    f"share: {apart}. Main's search has the step {share_step:g}.{missed(by_sensing)}",
    alt="Panels of the share against the sensing power, one for each communication power: the exact optimum, Main, EI and MRT.",
    paper="Fig. 9",
)

# %% tags=["hide-input"]
growing, by_comm = True, 0.0
for which in schemes:
    part = by_sensing[by_sensing.scheme == which].sort_values("sensing_dbm")
    columns = part.pivot(index="sensing_dbm", columns="comm_dbm", values="share")
    columns = columns.dropna()  # whether a limit can be met is a matter of sensing
    growing &= bool(np.all(np.diff(columns, axis=0) > -1e-2))
    by_comm = max([by_comm, *np.ptp(columns, axis=1)])
apart = np.ptp(table[["main", "ignorant", "mrt"]].to_numpy(), axis=1)
named = table.index.get_level_values("sensing_dbm") <= sensing_power_dbm + 1e-9
largest = apart[named].max() if named.any() else np.nan
differ = "do not differ" if largest < 5e-4 else f"differ by at most {largest:.3f}"
claims.record(
    "004-C8",
    ours="fewer than two sensing powers meet the position limit"
    if len(columns) < 2
    else f"the shares {'rise' if growing else 'do not rise'} with the sensing power; the communication power moves them by at most {by_comm:.3f}; Main, MRT and EI {differ} "
    f"up to {sensing_power_dbm:g} dBm; over all powers the exact optimum lies at most "
    f"{(table.max(axis=1) - table.exact).max():.3f} below the largest share taken",
    tolerance="shares rise, the effect of the communication power is below 0.05, and the schemes differ by more than 0.01 within the named powers",
    reproduced=growing and by_comm < 0.05 and largest > 0.01,
    trend=growing and by_comm < 0.05,
    checkable=len(columns) > 1 and len(comm_levels) > 1,
)

# %% [markdown]
# ## Cost, and matched beams on large arrays
#
# The paper counts the operations of the full semidefinite program. In the spans of {prf:ref}`nf-theorem-span` every program has the
# same size for any number of antennas, which makes arrays of hundreds of antennas a matter of seconds. The size of a program is not all,
# though. A longer array collects more power and reaches a higher SINR $\gamma^\star$, and a higher SINR is harder to guarantee: a
# channel error $e$ lets through about $e^2\gamma^\star$ times the noise from the other users' beams. Where this number comes near
# one, the worst channels and no longer the power decide, and more of them have to be listed before the bounds meet. So two
# questions are put apart: the time at the *same* SINR, and the time at the best SINR that each array reaches. That one is the root of
# $t^\star(\gamma)=1$: Newton's steps lead from one semidefinite program to the next, each begun at a point on the way of the one
# before and solved no closer than its distance from the root asks, and cuts close what is left open by three or more balls.

# %%
equal_sinr = margin_sinrs[0]


def best_and_matched(size, spacing_m):
    """Best and matched beams of one array size at this section's error."""
    array = scenario.replace(antennas=size, antenna_spacing_m=spacing_m)
    wide = nf.channels(array)
    given = wide, margin_error * np.linalg.norm(wide, axis=2), noise, power
    best = nf.robust_sinr(*given, tolerance=sinr_tolerance)
    mrt = nf.robust_sinr(*given, tolerance=sinr_tolerance, matched=True)
    return *given[:2], best, mrt


# %%
rows, names = [], ["exact_bps_hz", "mrt_bps_hz", "half_exact", "half_mrt"]
for size in sorted(set(array_sizes)):
    wide, radii, best, mrt = best_and_matched(size, antenna_spacing_m)
    *_, near_best, near_mrt = best_and_matched(size, scenario.wavelength_m / 2)
    given = wide, radii, equal_sinr, noise, power
    fixed = [nf.power_margin(*given).certificate for _ in range(2)]
    found, search = (best, mrt, near_best, near_mrt), best.certificate
    rates_of = (np.log2(1 + each.sinr) for each in found)
    row = {"antennas": size, **dict(zip(names, rates_of))}
    row |= {"sinr_db": units.linear_to_db(best.sinr)}
    row |= {"leak": margin_error**2 * best.sinr}
    row |= {"programs": search.iterations, "exact_s": search.seconds}
    row |= {"equal_rounds": fixed[0].iterations}
    rows.append(row | {"equal_s": min(each.seconds for each in fixed)})
arrays = pd.DataFrame(rows)
arrays["ratio"] = arrays.mrt_bps_hz / arrays.exact_bps_hz
arrays["half_ratio"] = arrays.half_mrt / arrays.half_exact

# %% tags=["hide-input"]
at_equal = f"at {units.linear_to_db(equal_sinr):.0f} dB"
tables.table(
    {
        "antennas": arrays.antennas,
        f"rounds {at_equal}": arrays.equal_rounds,
        f"time {at_equal} (s)": arrays.equal_s,
        "best SINR (dB)": arrays.sinr_db,
        "squared error × SINR": arrays.leak,
        "margins solved": arrays.programs,
        "time of the best (s)": arrays.exact_s,
    },
    precision=3,
    caption=f"Cost at the relative channel error {margin_error:g}: rounds of cuts and time (the better of two) of one power margin at an SINR that all "
    "arrays reach; then the best SINR, $e^2\\gamma^\\star$, the number of margins that its search takes, and their time. From the smallest to "
    f"the largest array the time changes by a factor of {arrays.equal_s.iloc[-1] / arrays.equal_s.iloc[0]:.1f} at equal SINR and "
    f"of {arrays.exact_s.iloc[-1] / arrays.exact_s.iloc[0]:.1f} at the best one. Single runs on one machine: orders, not benchmarks.",
)

# %% [markdown]
# Do matched beams come close to the best ones on large arrays, as the paper expects? Both at the same relative channel error. The
# spacing of the antennas stays, so that the arrays grow longer: once the spacing of this chapter, where grating lobes of one user's beam
# may point at another user whatever the number of antennas, and once half a wavelength, of which the textbook argument speaks.

# %% tags=["hide-input"]
tables.table(
    {
        "antennas": arrays.antennas,
        "best beams (bit/s/Hz)": arrays.exact_bps_hz,
        "matched / best": arrays.ratio,
        "best beams at half a wavelength (bit/s/Hz)": arrays.half_exact,
        "matched / best there": arrays.half_ratio,
    },
    formats={name: ".2f" for name in ("matched / best", "matched / best there")},
    caption="Spectral efficiency of the worst user in the communication phase, with the spacing of this page "
    f"({antenna_spacing_m / scenario.wavelength_m:.3g} wavelengths) and with half a wavelength. Matched beams are limited by the interference "
    "between users and not by noise: the power which a larger array collects helps them only where it also separates the users.",
)

# %% [markdown]
# The paper says that MRT "has typically less complexity than TD-ISAC-EI and has the lowest complexity among the proposed schemes". The times
# of the algorithms of this page say nothing about that, since they are other algorithms; the sentence is judged by the paper's own counts, with
# $I$ iterations and the search step $\epsilon_\eta$. Those of EI and MRT leave out the sensing program that both schemes solve in
# line 3 ({ref}`erratum 004-E14 <erratum-004-e14>`).

# %%
users, sites = len(h), len(aps)


def counts(step, iterations, sensing_too):
    """The paper's operation counts, without or with the sensing program."""
    search = users * (sites * antennas) ** 3 / step
    program = (sites * antennas**2) ** 3.5
    main = iterations * ((users * (sites * antennas) ** 2) ** 3.5 + search)
    mrt = iterations * ((users * sites**2) ** 3.5 + search)
    totals = np.array([main, (users * sites * antennas) ** 3.5, mrt])
    return dict(zip(("Main", "EI", "MRT"), totals + sensing_too * program))


step_sizes = sorted({0.1, share_step, 0.01, 1e-3}, reverse=True)
counted = [counts(step, longest, False) for step in step_sizes]
with_sensing = counts(share_step, longest, True)
lowest = [min(count, key=count.get) for count in counted]

# %% tags=["hide-input"]
quotient = with_sensing["EI"] / with_sensing["MRT"]
steps = {"search step": [f"{step:g}" for step in step_sizes]}
tables.table(
    steps | pd.DataFrame(counted).to_dict("list"),
    formats=".1e",
    caption=f"Operations by the paper's formulas, iterations {longest:.0f}, without the sensing program. With it, Main, EI and MRT take "
    + ", ".join(f"{count:.3g}" for count in with_sensing.values())
    + f" at the step {share_step:g}: EI and MRT then differ by the factor {max(quotient, 1 / quotient):.3f}.",
)

# %% tags=["hide-input"]
changed, scaled = setting(sensing_power_dbm, comm_power_dbm)
seconds = {}
solvers = nf.solve_main, nf.solve_error_ignorant, nf.solve_mrt
for name, solver in zip(("Main", "EI", "MRT"), solvers):
    kind = {"matched": name == "MRT", "method": "sdp" if name == "Main" else "cuts"}
    fresh = nf.SinrCurve(h, noise, tolerance=sinr_tolerance, **kind)
    begin = time.perf_counter()
    options = {} if name == "EI" else {"start": 0.9, "step": share_step}
    if located:
        solver(changed, sensing=scaled, curve=fresh, **options)
    seconds[name] = time.perf_counter() - begin

# %% tags=["hide-input"]
times_s = reduction[["full_s", "reduced_s"]]
growth, reduced_growth = times_s.iloc[-1] / times_s.iloc[0]
cheapest = ", ".join(f"{n} at the step {s:g}" for n, s in zip(lowest, step_sizes))
times_more = min(c["Main"] / max(c["EI"], c["MRT"]) for c in counted)
with_times = with_sensing["Main"] / with_sensing["MRT"]
spent = ", ".join(f"{each:.1f} s for {name}" for name, each in seconds.items())
claims.record(
    "004-C9",
    ours=f"{nowhere}, so that no alternation was run whose iterations could be counted"
    if not located
    else f"by the paper's counts (iterations: {longest:.0f}) the cheapest scheme is {cheapest}; Main counts at least "
    f"{times_more:.0e} times more than the others, and with the sensing program, which the counts of EI and MRT leave out, {with_times:.0e} times. "
    f"Our own algorithms, from a share of 0.9, take {spent}; the full program costs {growth:.1f} times more at {max(full_antennas)} antennas "
    f"than at {min(full_antennas)}, the reduced one {reduced_growth:.1f} times",
    tolerance="MRT has the lowest count at every step of the search down to 0.001; trend: at some of them, and Main the highest at all",
    reproduced=all(name == "MRT" for name in lowest),
    trend="MRT" in lowest and all(max(c, key=c.get) == "Main" for c in counted),
    checkable=located,
)
reach = ", ".join(f"{row.ratio:.2f} at {row.antennas:g}" for row in arrays.itertuples())
at_half = ", ".join(f"{ratio:.2f}" for ratio in arrays.half_ratio)
spaced = antenna_spacing_m / scenario.wavelength_m
ratios = arrays[["ratio", "half_ratio"]]
claims.record(
    "004-C13",
    ours=f"MRT reaches {reach} antennas of the spectral efficiency of the best beams with the spacing of {spaced:.3g} wavelengths, and "
    f"{at_half} with half a wavelength",
    tolerance="at least 0.95 for the largest array with both spacings; trend: with one of them the largest array is nearer to the best beams than "
    "the smallest by at least 0.05",
    reproduced=bool(ratios.iloc[-1].min() > 0.95),
    trend=bool((ratios.iloc[-1] - ratios.iloc[0]).max() > 0.05),
)

# %% [markdown]
# ## Explore
#
# Choose the share, the sensing power and the position limit yourself. Half the sensing power doubles the squared error, and so
# does half the time to look. The positions of the grid therefore meet in a few points of the curve, and each is solved once.

# %% tags=["hide-input"]
halves, doublings, octaves = np.arange(-3, 8) / 2, np.arange(-2, 3), np.array([2, 1, 0])
if not located:  # no share meets a limit
    halves = halves[:0]
at_limit = 1 - nf.time_allocation_limit(scenario, sensing.crlb_bar_m2)
explored_shares = 1 - at_limit * 2.0**-halves
octave = np.add.outer(halves, -doublings)  # of the squared error; 0 at the limit
shown = np.unique(octave[octave <= octaves[0]])
user_names = [f"user {k + 1}" for k in range(len(h))]
kinds = "upper", "best", "ei", "mrt"
solved = {name: np.full(octave.shape, np.nan) for name in kinds}
user_power_w = np.full((*octave.shape, len(h)), np.nan)
for step in shown:
    here = octave == step
    error = error_slope_per_m * np.sqrt(crlb_limit_m2 * 2.0**step)
    best = curve.solve(error, power)
    solved["best"][here] = best.sinr
    solved["upper"][here] = min(best.certificate.bound, curve.upper(error, power))
    solved["ei"][here] = nf.worst_sinr(h, error * norms, unaware, noise).min()
    solved["mrt"][here] = matched.solve(error, power).sinr
    user_power_w[here] = np.sum(np.abs(best.beams) ** 2, axis=(1, 2))

admitted = octave[..., None] <= octaves
rate_at = {}
for name, sinr in solved.items():
    rate = explored_shares[:, None] * np.log2(1 + sinr)
    rate_at[name] = np.where(admitted, rate[..., None], np.nan)
everywhere = np.ones(admitted.shape)
bound_um = 1e6 * np.sqrt(crlb_limit_m2 * 2.0**octave)[..., None] * everywhere
information = nf.position_information(scenario, sensing.covariances)
shape = np.linalg.inv(information) if located else np.eye(len(information))
per_user = shape.reshape(2, len(h), 2, len(h)).diagonal(axis1=1, axis2=3)
per_user_m2 = per_user[[0, 0, 1], [0, 1, 1]].T / np.trace(shape)  # parts of the bound
bound_m2 = np.where(admitted, 1e-12 * bound_um**2, np.nan)
ellipses = bound_m2[..., None, None] * per_user_m2
places = [scenario.ap_positions_m, np.empty((0, 2)), scenario.user_positions_m]
explorers.show(
    "share_power_limit",
    controls=[
        Control("Communication share", explored_shares),
        Control("Sensing power", scenario.sensing_power_w * 2.0**doublings, "W"),
        Control("Position limit", 1e6 * np.sqrt(crlb_limit_m2 * 2.0**octaves), "µm"),
    ],
    readouts=[
        Readout("Rate of best beams", rate_at["best"], "bit/s/Hz"),
        Readout("Certified upper bound", rate_at["upper"], "bit/s/Hz"),
        Readout("Rate of error-ignorant beams (EI)", rate_at["ei"], "bit/s/Hz"),
        Readout("Rate of matched beams (MRT)", rate_at["mrt"], "bit/s/Hz"),
        Readout("Position bound, the least limit that can be met", bound_um, "µm"),
        Readout("Relative channel error", 1e-6 * error_slope_per_m * bound_um),
    ],
    pictures=[
        Map(
            "Where the users may be",
            *(np.stack([rows] * len(octaves)) for rows in places),
            covariances=ellipses,
            loads=np.where(admitted[..., None], np.ones(len(places[0])), np.nan),
            loads_label="",
            loaded="stations",
            names=("access point", "", "user"),
            magnified=1e6,
        )
    ],
    bars=[
        Bars(
            "Worst-user rate",
            ["bound", "best", "EI", "MRT"],
            np.stack([rate_at[name] for name in kinds], axis=-1),
            "bit/s/Hz",
        ),
        Bars(
            "Transmit power of the best beams",
            user_names,
            np.where(admitted[..., None], user_power_w[:, :, None], np.nan),
            "W",
        ),
    ],
    caption="The sliders set how long the users talk, how strongly the network looks, and how well it must know where they are. Lengthen the share "
    "until the limit forbids it: for little sensing power that happens while the rate still rises. With the weakest limit "
    "and much power the rate falls on its own before.",
    fallback="rate_vs_share",
)

# %% [markdown]
# ## Bring your own channels
#
# Explicit channels and error radii, no geometry: put in your own numbers and read the certificate.

# %%
first_user = [[1.0, 0.4j, -0.2], [0.3, 0.1j, 0.5]]
own = np.array([first_user, [[0.2j, 0.9, 0.3], [0.6, -0.7j, 0.1]]])
own_radii = 0.05 * np.linalg.norm(own, axis=2)
answer = nf.robust_sinr(own, own_radii, 0.1, 1.0)
print(str(answer.certificate).replace(": ", ":\n  ", 1))
for name, judge in (
    ("certified per user", nf.worst_sinr),
    ("attained by an adversary", nf.adversarial_sinr),
):
    values = judge(own, own_radii, answer.beams, 0.1)
    print(f"SINR {name}: {', '.join(f'{value:.5f}' for value in values)}")
