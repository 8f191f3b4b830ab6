# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# (ofdm-ranging-model)=
# # The model: capacity, sidelobes and delay
#
# A base station sends OFDM symbols to a user and listens to their echo. How it spreads its power over the sub-carriers
# decides the
# capacity of the link, the sidelobes of the compressed echo and the accuracy of its delay, all at once. This page derives the
# model of {cite}`ofdm_ranging_paper`, whose formulas are missing from its text, and the theory of the exact solution; each
# step is executed.

# %% tags=["parameters"]
seed = 22
carriers = 128
subcarrier_spacing_hz = 1000000.0
mean_snr_db = 0.0
taps = 8
tap_decay = 2.0
power_budget_w = 1.0
echo_gain_db = -20.0
symbols = 64
sidelobe_start = 1.5

# %% tags=["hide-input"]
import math

import numpy as np
import sympy as sp
from compendium.notebook import figures, tables
from compendium.notebook.given import taken_by

from isaclib import ofdm_ranging as ofdm
from isaclib.foundations import plotting
from isaclib.ofdm_ranging import cuts, pulse
from isaclib.ofdm_ranging.feasibility import problem_of
from isaclib.ofdm_ranging.waterfilling import priced_bound

rng = np.random.default_rng(seed)
setting = taken_by(ofdm.Scenario.random, globals())
scenario = ofdm.Scenario.random(rng, **setting)
water, edges = ofdm.waterfill(scenario), ofdm.edges_only(scenario)
low = ofdm.minimise_sidelobe(scenario)
own_width = float(ofdm.main_lobe_width_m(scenario, water.powers_w))
N = carriers

# %% [markdown]
# ## The system

# %% tags=["hide-input"]
figure, (sketch, channel) = plotting.subplots(1, 2, height=2.9, width_ratios=[1, 1.15])
sketch.set_axis_off()
sketch.set(xlim=(-0.5, 4.6), ylim=(-1.2, 2.6))
small = {"ha": "center", "fontsize": "small"}
below = {"textcoords": "offset points", **small}
data_colour, echo_colour = plotting.COLOURS[:2]
for *place, text, shape, down in (
    (0, 0, "base station", "^", -26),
    (4, 1.8, "user", "o", -17),
    (4, -0.5, "target", "D", -17),
):
    sketch.plot(*place, shape, markersize=11, color=plotting.INK)
    sketch.annotate(text, place, xytext=(0, down), **below)
for end, start, colour, dash in (
    ((4, 1.8), (0, 0), data_colour, "-"),
    ((4, -0.5), (0, 0.05), echo_colour, "-"),
    ((0, -0.15), (4, -0.65), echo_colour, "--"),
):
    arrow = dict(arrowstyle="->", linewidth=1.4, shrinkA=9, shrinkB=9, linestyle=dash)
    sketch.annotate("", end, start, arrowprops={**arrow, "color": colour})
text = "data, gains $|h_n|^2$"
sketch.text(1.5, 1.25, text, color=data_colour, rotation=24, **small)
sketch.text(2.1, -0.98, "echo, delay $\\tau$", color=echo_colour, **small)
frequency = (np.arange(N) - (N - 1) / 2) * subcarrier_spacing_hz / 1e6
gain_db = 10 * np.log10(scenario.channel_gain)
plotting.line(channel, frequency, gain_db, "exact", label="channel gain")
top = -25 + 6 * water.powers_w / water.powers_w.max()
look = {"step": "mid", "color": data_colour, "alpha": 0.45, "linewidth": 0}
look["label"] = "powers of water-filling (no scale)"
channel.fill_between(frequency, -25, top, **look)
channel.set(xlabel="Frequency (MHz)", ylabel="Channel gain (dB)", ylim=(-25, 10))
figure.legend(*channel.get_legend_handles_labels(), loc="outside upper right", ncols=2)
figures.show(
    figure,
    "system",
    data={
        "frequency_mhz": frequency,
        "channel_gain_db": gain_db,
        "waterfilling_w": water.powers_w,
    },
    caption="The same OFDM symbols carry data to the user and light up a target; the base station compresses the echo. Right: one channel.",
    alt="A base station with an arrow to a user and a pair of arrows to a target and back; beside it a frequency-selective channel gain.",
    solver="no cone solver",
)

# %% [markdown]
# ## From the echo to the delay profile
#
# Carrier $n$ of $N$ sends the data symbol $s_n$ with power $p_n$; carriers are $\Delta f$ apart. The echo has the delay $\tau$ and the
# complex amplitude $a$: after the receiver's transform its carrier $n$ is $a\sqrt{p_n}\,s_n e^{-j2\pi n\Delta f\tau}$ plus noise.
# Pulse compression multiplies it by the conjugate of what was sent, $\sqrt{p_n}s_n^*$, and transforms back. Divided by $a$ and
# without noise, at an offset $\delta\tau$ from the true delay, which $u = B\,\delta\tau$ counts in units of one over the bandwidth
# $B = N\Delta f$, the output is
#
# ```{math}
# :label: ofdm-pulse
# \begin{aligned}
# y(u) &= \sum_{n=0}^{N-1} p_n |s_n|^2\, e^{j2\pi n u/N},\\
# \mathrm E\,y(u) &= \sum_{n=0}^{N-1} p_n\, e^{j2\pi nu/N},
# \end{aligned}
# ```
#
# the second because $\mathrm E|s_n|^2=1$. The expectation is the Fourier transform of the powers, eq. (7) of the paper. Only the mean power of the data enters
# (the paper's unit-variance Gaussian data are one example).
# The data's variance enters the *spread*: for Gaussian data $|s|^2$ is exponential with variance 1, and independent carriers give
#
# $$\begin{aligned}\mathrm E|y(u)|^2 &= |\mathrm E\,y(u)|^2 + \sum_n p_n^2 \operatorname{var}|s_n|^2\\
# &= |\mathrm E\,y(u)|^2 + \sum_n p_n^2 .\end{aligned}$$

# %%
r = sp.symbols("r", positive=True)
moments = [sp.integrate(r**k * sp.exp(-r), (r, 0, sp.oo)) for k in (1, 2)]
assert moments[0] == 1 and moments[1] - moments[0] ** 2 == 1

u = np.array([0.4, 1.7, 5.3])
weights = water.powers_w * rng.exponential(size=(20_000, N))
outputs = pulse.pulse(weights, u)
mean = pulse.pulse(water.powers_w, u)
floor = (water.powers_w**2).sum()
assert np.allclose(outputs.mean(0), mean, atol=5 * np.sqrt(floor / 20_000))
over = (np.abs(outputs) ** 2).mean(axis=0) / (np.abs(mean) ** 2 + floor)
assert np.allclose(over, 1, rtol=0.06, atol=0)
print("E|y|^2 measured over predicted:", np.round(over, 3))

# %% [markdown]
# ## Which bandwidth? (erratum 003-E1)
#
# One unit of $u$ is a *range cell* $c/(2B)$, with the speed of light $c$. The paper states 128 sub-carriers and "a bandwidth of 1 MHz", and quotes main lobes
# between 0.5 m and 1.5 m and a loss of 12 Mbit/s. Both readings side by side:

# %% tags=["hide-input"]
rows = []
for reading, spacing in (("1 MHz per sub-carrier", 1e6), ("1 MHz in all", 1e6 / 128)):
    read = {"subcarrier_spacing_hz": spacing, "carriers": 128}
    read["sidelobe_start"] = min(sidelobe_start, 60.0)
    trial = ofdm.Scenario.random(np.random.default_rng(seed), **setting | read)
    flood = ofdm.waterfill(trial)
    row = {
        "reading": reading,
        "bandwidth (MHz)": trial.bandwidth_hz / 1e6,
        "range cell (m)": trial.range_cell_m,
        "water-filling lobe (m)": float(ofdm.main_lobe_width_m(trial, flood.powers_w)),
        "least lobe (m)": 128 / 254 * trial.range_cell_m,
        "whole capacity (Mbit/s)": flood.capacity_bps / 1e6,
    }
    rows.append(row)
told = "Only the first reading can lose 12 Mbit/s or have a main lobe of a metre."
tables.table(rows, caption=told)
wide, narrow = rows
assert wide["least lobe (m)"] < 1.5 and narrow["least lobe (m)"] > 50
assert narrow["whole capacity (Mbit/s)"] < 12

# %% [markdown]
# The book takes 1 MHz per sub-carrier; the other reading is the parameter set `one_megahertz`. In units of $1/B$ nothing changes.
#
# ## Capacity
#
# With the channel gains $|h_n|^2$ to the user and the noise density $N_0$, the capacity
# $C(p) = \Delta f\sum_n\log_2(1 + p_n|h_n|^2/(N_0\Delta f))$ is concave. Without sensing limits the optimum is water-filling:
# where power flows the marginal
# rates are equal, elsewhere they are smaller. These are the Karush-Kuhn-Tucker conditions {cite}`boyd2004`, sufficient for a
# concave problem.

# %%
snr = scenario.carrier_snr
marginal = snr / (1 + snr * water.powers_w / power_budget_w)
used = water.powers_w > 0
price = marginal[used].mean()
assert np.allclose(marginal[used], price, rtol=1e-9)
assert np.all(marginal[~used] <= price * (1 + 1e-9))
print(f"{used.sum()} of {N} carriers filled; certificate: {water.certificate}")

# %% [markdown]
# ## Accuracy: the bound for an unknown phase
#
# The unknowns are the delay and the complex amplitude $a$. Write $\theta = 2\pi\Delta f\tau$; with data of modulus
# one, carrier $n$ has the mean $\mu_n = a\sqrt{p_n}e^{-jn\theta}$ and noise variance $\sigma^2 = N_0\Delta f$. The Fisher information is
# $\frac{2}{\sigma^2}\operatorname{Re}\sum_n \partial\mu_n^*\,\partial\mu_n^{\mathsf T}$, and removing the amplitude by a
# Schur complement {cite}`kay1993` must give
#
# ```{math}
# :label: ofdm-crb
# \begin{aligned}
# \operatorname{var}\hat\tau &\ge \frac{\sigma^2}{8\pi^2\Delta f^2|a|^2\, q(p)},\\
# q(p) &= \sum_n n^2p_n - \frac{\bigl(\sum_n n p_n\bigr)^2}{\sum_n p_n}.
# \end{aligned}
# ```
#
# This is the bound of one symbol; $L$ symbols divide it by $L$. Here it is derived symbolically for four carriers with arbitrary
# powers.

# %%
theta, real, imaginary, sigma2 = sp.symbols("theta a_r a_i sigma2", real=True)
powers = sp.symbols("p0:4", positive=True)
information = sp.zeros(3, 3)
for n, p in enumerate(powers):
    mean_n = (real + sp.I * imaginary) * sp.sqrt(p) * sp.exp(-sp.I * n * theta)
    slope = sp.Matrix([sp.diff(mean_n, x) for x in (theta, real, imaginary)])
    outer = slope.conjugate() * slope.T
    information += 2 / sigma2 * outer.applyfunc(lambda e: sp.re(sp.expand(e)))
J = information.applyfunc(sp.simplify)
equivalent = J[0, 0] - (J[0, 1:] * J[1:, 1:].inv() * J[1:, 0])[0]
first, second = (sum(n**k * p for n, p in enumerate(powers)) for k in (1, 2))
q = second - first**2 / sum(powers)
assert sp.simplify(equivalent - 2 / sigma2 * (real**2 + imaginary**2) * q) == 0

# %% [markdown]
# The moment is taken about the *centroid* of the powers. The paper's proxy (8) takes it about the middle of the band, which
# is right for
# symmetric powers only (erratum 003-E3): about any other point a moment is larger. On this channel, and where the powers are far
# from symmetric:

# %%
proxy = ofdm.toa_crb_s2(scenario, water.powers_w, centred=False)
too_low = 1 - float(proxy / ofdm.toa_crb_s2(scenario, water.powers_w))
assert too_low >= -1e-12
print(f"water-filling: the uncentred bound is {100 * too_low:.2f} % too low")
lopsided = np.where(np.arange(N) >= 3 * N // 4, 4 / N, 0.0)
ratio = ofdm.toa_crb_s2(scenario, lopsided)
ratio /= ofdm.toa_crb_s2(scenario, lopsided, centred=False)
assert ratio > 1
print("all power in the upper quarter of the band:", end=" ")
print(f"the uncentred bound is {ratio:.0f} times too low")

# %% [markdown]
# ## Ambiguity: sidelobes and main lobe
#
# The peak sidelobe level is $\max_{u\ge u_0}|\mathrm E\,y(u)|/y(0)$ in dB of amplitude. It needs a start $u_0$: the paper
# counts "all sidelobes", but a point
# at the foot of the main lobe is no sidelobe. The book excludes $|u| < 1.5$ (and $2$ in a parameter set). Without such a line
# the problem of least
# sidelobes has no sensible answer (erratum 003-E4).

# %% tags=["hide-input"]
delays = np.linspace(0, 6, 1501)
output = np.abs(ofdm.pulse_compression(scenario, water.powers_w, delays))
level = 20 * np.log10(np.maximum(output, 1e-4))
figure, axes = plotting.subplots(height=3.4)
plotting.line(axes, delays, level, "exact")
half = own_width / scenario.range_cell_m / 2
highest = float(ofdm.peak_sidelobe_db(scenario, water.powers_w))
half_label = f"half of the 3-dB width: {half:.2f}"
peak_label = f"peak sidelobe level {highest:.1f} dB".replace("-", "−")
for ends, heights, colour, dash, text, place, shift in (
    ([half, half], [-50, -3.01], 0, "-", half_label, (half, -44), (5, 0)),
    ([sidelobe_start, 6], [highest] * 2, 1, "--", peak_label, (4.0, highest), (0, 5)),
):
    look = {"color": plotting.COLOURS[colour], "linewidth": 1.2, "linestyle": dash}
    axes.plot(ends, heights, **look)
    beside = {"xytext": shift, "textcoords": "offset points", "fontsize": "small"}
    axes.annotate(text, place, **beside)
axes.axvspan(0, sidelobe_start, color="0.5", alpha=0.12, linewidth=0)
axes.set(xlabel="Delay times bandwidth (1)", ylabel="Expected output (dB)")
axes.set(ylim=(-50, 3), xlim=(0, 6))
figures.show(
    figure,
    "pulse_anatomy",
    data={"delay_over_bandwidth": delays, "level_db": level},
    caption="Expected output of water-filling: main lobe, its half width, the excluded region (shaded) and the peak sidelobe level.",
    alt="A main lobe falling through -3 dB, a shaded exclusion up to 1.5, and a dashed line at the highest sidelobe after it.",
    solver="no cone solver",
)

# %% [markdown]
# **How narrow can the main lobe be?** For $p\ge0$ and delays up to $N/(2(N-1))$ every carrier's phase about the middle of the
# band stays within
# $\pi(N-1)u/N \le \pi/2$, so $\operatorname{Re} y(u) \ge y(0)\cos(\pi(N-1)u/N)$. Setting this to $y(0)/\sqrt2$ gives the
# least possible 3-dB width $N/(2(N-1))$
# (both sides, in $1/B$), attained by two tones at the edges.

# %%
u = np.linspace(0, N / (2 * (N - 1)), 50)
least = np.cos(np.pi * (N - 1) * u / N)
for sample in rng.dirichlet(np.full(N, 0.3), size=200):
    assert np.all(pulse.pulse(sample, u).real >= least - 1e-12)
least_m = float(ofdm.main_lobe_width_m(scenario, edges.powers_w))
least_width = least_m / scenario.range_cell_m
assert math.isclose(least_width, N / (2 * (N - 1)), rel_tol=1e-9)
print(f"least width {least_width:.4f}/B = {least_m:.3f} m")

# %% [markdown]
# ## Problem (9) is convex
#
# The paper calls its problem non-convex (erratum 003-E2).
#
# ```{margin} Assumption
# The main-lobe limit is left out: as a limit on the *first* crossing it is the one that is not convex; see the last point of the proof.
# ```
#
# ```{prf:theorem} A convex problem
# :label: ofdm-theorem-convex
#
# To maximise capacity under limits on the sidelobes, on the CRB and on the loss of capacity is a convex problem.
# ```
#
# For the proof take the limits one by one, with all power used, $\sum_n p_n = P$
# (which is optimal: the ratios are
# homogeneous in $p$, while capacity and $q$ grow with it).
#
# * *Sidelobes.* Here $y$ is the expected output and $\rho$ the limit as a ratio of amplitudes. $y(0) = \sum_n p_n$ is linear and
#   $|y(u)|$ a norm of linear functions: $|y(u)| \le \rho\,y(0)$ is a second-order cone for each $u$.
# * *CRB.* $q(p)$ in {eq}`ofdm-crb` is linear minus a square over linear, hence concave, and the limit asks for a least moment,
#   $q(p)\ge\kappa$.
# * *Capacity loss.* At most the share $\epsilon$ of water-filling's capacity may be lost: $C(p) \ge (1-\epsilon)C_{\mathrm{WF}}$ with
#   $C$ concave. In the maximisation it is not even needed: solve
#   without it, and compare.
# * *Main lobe.* For a limit $w$ on its width, "at or below half power from $w/2$ to $u_0$" is a family of cones again. "The *first* crossing of half power
#   comes before $w/2$" is not convex, as two pairs of
#   tones show: both narrow, their mixture wide.

# %%
wide, narrow = np.zeros(128), np.zeros(128)
wide[[4, 124]], narrow[[56, 72]] = 0.5, 0.5
hall = ofdm.Scenario.random(np.random.default_rng(seed), carriers=128)
trio = np.array([wide, narrow, 0.1 * wide + 0.9 * narrow])
trio = ofdm.main_lobe_width_m(hall, trio) / hall.range_cell_m
assert trio[2] > max(trio[:2])
print("first-crossing widths of two allocations and their mixture:", end=" ")
print(np.round(trio, 3), "/B")

# %% [markdown]
# Random chords confirm the convexity of the rest (they can only refute): levels and $-q$ lie below their chords, capacity above.

# %%
first, second = rng.dirichlet(np.ones(N), size=(2, 300)) * power_budget_w
share = rng.uniform(size=(300, 1))
mixed = share * first + (1 - share) * second
u = np.linspace(sidelobe_start, N / 2, 64)


def level_of(x):
    return np.abs(ofdm.pulse_compression(scenario, x, u)).max(axis=1)


for f, sign in (
    (level_of, 1),
    (lambda x: ofdm.second_moment_hz2(scenario, x), -1),
    (lambda x: ofdm.capacity_bps(scenario, x), -1),
):
    chord = share[:, 0] * f(first) + (1 - share[:, 0]) * f(second)
    assert np.all(sign * (f(mixed) - chord) <= 1e-9 * np.abs(chord))

# %% [markdown]
# ## Infinitely many delays
#
# A solver sees finitely many delays. What happens between them? $|y(u)|^2$ is a polynomial of degree $N-1$ in $\cos(2\pi
# u/N)$, so on Chebyshev points of the sidelobe
# interval the overshoot is at most $1/\cos\bigl(\pi(N-1)/(4Q)\bigr)$ for $Q+1$ points. The step that gives the factor 4 needs
# $|y|^2\ge 0$: let $M$ be the largest $|y|^2$ of the interval, attained at the angle $\varphi^\star$ of the Chebyshev points' circle.
# Then $T=|y|^2-M/2$ is a cosine polynomial of degree $N-1$ in $\varphi$ with $|T|\le M/2$. For such polynomials Bernstein's inequality in
# Szegő's form says $T'^2+(N-1)^2T^2\le(N-1)^2M^2/4$: the angle $\arccos(2T/M)$, which is zero at the maximum, changes at most at the rate $N-1$. So $T(\varphi)\ge
# \tfrac M2\cos\bigl((N-1)(\varphi-\varphi^\star)\bigr)$ up to $\pi/(N-1)$ from the maximum (a lemma of Riesz), hence $|y|^2\ge M\cos^2\bigl((N-1)(\varphi-\varphi^\star)/2\bigr)$. The
# nearest of the points is at most $\pi/(2Q)$ away. (The theorem of {cite}`ofdm_ranging_ehlich1964`, applied to $|y|^2$ alone, only gives
# $1/\sqrt{\cos(\pi(N-1)/(2Q))}$.) On a *uniform* grid no such bound
# holds near the end of the interval. The library needs neither: it finds the violated peaks by Newton steps and cuts there.
# Near a peak it uses the curvature of
# $|y|^2$ in $u$, which makes the rounds converge quadratically. The overshoot per round on this channel:

# %%
least_db = float(ofdm.peak_sidelobe_db(scenario, low.powers_w))
shown_db = max(-25.0, least_db + 1.0)
limits = ofdm.Limits(peak_sidelobe_db=shown_db)
outcome = cuts.maximise_utility(
    problem_of(scenario, limits),
    scenario.carrier_snr,
    start=water.powers_w / power_budget_w,
)
overshoot = [step[1] for step in outcome.history]
rounds = ", ".join(f"{value:.1e}" for value in overshoot)
print("relative overshoot per round:", rounds)
assert outcome.converged and overshoot[-1] <= 0 and outcome.rounds <= 10

# %% [markdown]
# The bound for $Q=4N$ Chebyshev points, and the lemma before it, on random powers:

# %%
points = 4 * N
edge = np.cos(2 * np.pi * sidelobe_start / N)


def delays_at(angles):
    """Delays whose cosines cut the sidelobes as the angles' cut [-1, 1]."""
    cosines = (edge - 1) / 2 + (edge + 1) / 2 * np.cos(angles)
    return np.arccos(np.clip(cosines, -1, 1)) * N / (2 * np.pi)


grid = delays_at(np.pi * np.arange(points + 1) / points)
bound = 1 / np.cos(np.pi * (N - 1) / (4 * points))
for sample in rng.dirichlet(np.ones(N), size=100):
    true = pulse.peak_level(sample, sidelobe_start, N / 2, 16)
    on_grid = np.abs(pulse.pulse(sample, grid)).max() / sample.sum()
    assert true <= bound * on_grid + 1e-12

# Riesz' lemma: in the angle arccos(2T/M) a point is within pi/16 of the peak.
circle = np.pi * np.arange(points * 2 + 1) / (2 * points)
samples = rng.dirichlet(np.ones(N), size=20)
for square in np.abs(pulse.pulse(samples, delays_at(circle))) ** 2:
    turn = np.pi / 32 + 0.5 * (N - 1) * abs(circle - circle[np.argmax(square)])
    lemma = square.max() * np.cos(np.minimum(turn, np.pi / 2)) ** 2
    assert np.all(square >= lemma * (1 - 1e-9))

# %% [markdown]
# ## The certificate
#
# Take any complex numbers $z_k$ at delays $u_k$ among the sidelobes, a centre $\mu$ and $\beta \ge 0$. For every allowed $x = p/P$,
# with $y$ and $\kappa$ now those of $x$,
#
# $$\begin{aligned}&\sum_k\Bigl(|z_k|\rho - \operatorname{Re} z_k^*y(u_k)\Bigr)\\
# &\quad{}+ \beta\Bigl(\sum_n(n-\mu)^2x_n - \kappa\Bigr) \ge 0,\end{aligned}$$
#
# because $\operatorname{Re}z^*y \le |z||y| \le |z|\rho$ and the moment about $\mu$ is at least the centred one. Adding it to
# the utility and maximising over all $x\ge0$,
# $\mathbf 1^{\mathsf T}x\le1$, gives an upper bound on the optimum. That maximum is water-filling with a bonus per carrier,
# exactly, its one price found by bisection. The multipliers may come from anywhere:
# the bound holds for all of them. `verify` fits them to the powers alone. Here random multipliers never get below the optimum:

# %%
best = ofdm.solve_exact(scenario, peak_sidelobe_db=shown_db)
nats = best.capacity_bps / scenario.subcarrier_spacing_hz * math.log(2)
rho = limits.sidelobe_level()
for _ in range(200):
    u = rng.uniform(sidelobe_start, N / 2, size=8)
    z = rng.standard_normal(8) + 1j * rng.standard_normal(8)
    z *= 10 ** rng.uniform(-2, 1)
    bonus = np.abs(z).sum() * rho - (z.conj() @ pulse.steering(u, N)).real
    assert priced_bound(scenario.carrier_snr, bonus) >= nats
checked = ofdm.verify(scenario, best, peak_sidelobe_db=shown_db)
assert checked.gap < 1e-6 and checked.residual < 1e-7
print("solver:  ", best.certificate)
print("verify():", checked)

# %% [markdown]
# The same inequality without the utility is a certificate of *infeasibility*. Whatever allocation, all power used, keeps the CRB limit and has
# the level $\rho$,
#
# $$\rho\sum_k|z_k|\ \ge\ \sum_nx_n\Bigl[\operatorname{Re}\sum_kz_k^*e^{j2\pi nu_k/N}-\beta(n-\mu)^2\Bigr]+\beta\kappa
# \ \ge\ \min_n\Bigl[\cdots\Bigr]_n+\beta\kappa ,$$
#
# a lower bound on the least sidelobe level. It is the correct test for "communication only". (A cap on the capacity loss is refused by the bound on
# the capacity above.) Random multipliers, without the CRB, never get above the least level that was found:

# %%
levels = [low.certificate.value, low.certificate.bound]
least_db, proven_db = 20 * np.log10(np.maximum(levels, 1e-300))
for _ in range(200):
    u = rng.uniform(sidelobe_start, N / 2, size=N)
    z = pulse.steering(u, N) @ low.powers_w / power_budget_w
    z *= rng.exponential(size=N)  # towards the sidelobes of the best window
    floor = (z.conj() @ pulse.steering(u, N)).real.min() / np.abs(z).sum()
    assert floor <= low.certificate.value * (1 + 1e-9)
print(f"least sidelobe level: {least_db:.3f} dB,", end=" ")
print(f"certified bound {proven_db:.3f} dB")
limit = least_db - 1
if proven_db > limit:
    refused = ofdm.solve_exact(scenario, peak_sidelobe_db=limit, fallback=True)
    assert refused.mode == "communication"
    assert refused.certificate.bound > limit
    print(refused.certificate)
else:
    print("The least level is rounding:", end=" ")
    print("a limit below it cannot be refused with proof.")

# %% [markdown]
# The least level itself is a *linear* program. Mirror the powers about the middle of the band and average: the output becomes its real part,
# $|\operatorname{Re}y| \le |y|$, and the centroid 0, so that the centred moment can only grow. Sidelobes, main lobe and CRB are no worse, and the
# channel has no say in them. Mirrored, with $z_n$ the share of a pair, $y(u) = \sum_n z_n\cos(2\pi nu/N)$ is real, and $|y| \le \rho$ two linear
# limits at each delay. The delays are exchanged for the peaks of the last solution until these agree (Remez' algorithm).

# %%
for _ in range(200):
    x = power_budget_w * rng.dirichlet(np.full(N, 0.3))
    mirrored = 0.5 * (x + x[::-1])
    for figure in (ofdm.peak_sidelobe_db, ofdm.toa_crb_s2):
        before, after = figure(scenario, x), figure(scenario, mirrored)
        assert after <= before + 1e-9 * abs(before)

# %% [markdown]
# ## The paper's segment, and its search
#
# Algorithm 2 moves along $p(\alpha) = (1-\alpha)p_{\mathrm{WF}} + \alpha p_{\mathrm{target}}$. On the segment, by convexity,
# capacity is concave with its maximum at $\alpha=0$, and every limit holds on an
# interval of $\alpha$. Water-filling misses one limit and keeps the others, so their intervals begin at zero: what fails at the *smallest* $\alpha$ that meets
# the missing limit fails beyond it too, and where all hold there, capacity is largest. Towards the edges it has a
# closed form: $q(\alpha)$ is a concave quadratic.
# The text searches "while ensuring capacity and PSL constraints"; its pseudo-code is missing. Read as a bisection for the largest
# weight that keeps those two, with the CRB tested at the end, it decides as our search does. Read as a search on the outcome of all
# tests at once it can step over the feasible interval, which is why the library says which limit it searches for. The example is this page's channel,
# or, where the sidelobes on it stay low beyond the middle of the segment, the first of some others on which they do not:

# %% tags=["hide-input"]
alpha = np.linspace(0, 1, 101)
others = ofdm.Scenario.random_batch(np.random.default_rng([seed, 1]), 20, **setting)
for channel in (scenario, *others):
    path = np.array([ofdm.mix(channel, weight, "edges").powers_w for weight in alpha])
    sidelobes = ofdm.peak_sidelobe_db(channel, path)
    allowed = sidelobes <= max(sidelobes[0], sidelobes[18]) + 0.3
    inside = 12, int(np.flatnonzero(allowed)[-1])
    if inside[1] < 50:
        break
flood = ofdm.waterfill(channel)
crb_s2, compared = ofdm.toa_crb_s2(channel, path), "water-filling"
if not np.isfinite(crb_s2[0]):  # all on one carrier, far below the noise
    compared = "water-filling (the bound to that of the edges: water-filling fills one carrier)"
crb = crb_s2 / (crb_s2[0] if np.isfinite(crb_s2[0]) else crb_s2[-1])
capacity = ofdm.capacity_bps(channel, path) / flood.capacity_bps
for bent in (capacity, -(10 ** (sidelobes / 20)), 1 / crb):
    assert np.all(np.diff(bent, 2) <= 1e-9)

asked = dict(
    peak_sidelobe_db=float(sidelobes[inside[1]]) + 1e-6,
    max_toa_crb_s2=float(crb_s2[inside[0]]) * (1 + 1e-9),
)
ok = ofdm.Limits(**asked)
low_end, high_end = 0.0, 1.0
for _ in range(40):
    middle = 0.5 * (low_end + high_end)
    if max(ok.violations(channel, ofdm.mix(channel, middle).powers_w).values()) <= 0:
        high_end = middle
    else:
        low_end = middle
found = ofdm.dynamic_allocation(channel, **asked)
missed, kept = inside[1] < 50, found.capacity_bps / flood.capacity_bps
assert found.mode == "isac" and (high_end > 0.99) == missed
told = "nothing found" if missed else "within both limits"
print(
    f"all tests at once: ends at alpha = {high_end:.2f}, {told}; search for the ",
    end="",
)
print(f"missing limit: joint operation at {kept:.3f} of the capacity")

figure, panels = plotting.subplots(1, 3, height=2.8)
first, last = alpha[list(inside)]
for axes, values, label in zip(
    panels,
    (capacity, sidelobes, crb),
    ("Capacity ratio (1)", "Peak sidelobe level (dB)", "CRB ratio (1)"),
):
    axes.axvspan(first, last, color=plotting.COLOURS[2], alpha=0.2, linewidth=0)
    plotting.line(axes, alpha, values, "paper", markers=False)
    axes.set(xlabel="Weight $\\alpha$ (1)", ylabel=label)
figures.show(
    figure,
    "mixing_path",
    data={
        "weight": alpha,
        "capacity_ratio": capacity,
        "peak_sidelobe_db": sidelobes,
        "crb_ratio": crb,
    },
    caption=f"Along the segment from water-filling to the edges; ratios to {compared}. Shaded: the weights that meet both limits of the example"
    f"{'; a search that begins at one half never looks there' if missed else ''}.",
    alt=f"Capacity, sidelobes and bound against the weight; the weights from {first:.2f} to {last:.2f} are shaded.",
    solver="no cone solver",
)

# %% [markdown]
# ## In three lines
#
# * Everything depends on the powers alone: the capacity is concave in them, the delay profile is their Fourier transform, and the
#   accuracy of the delay is their spread about the centroid.
# * So problem (9) is convex; its infinitely many delays are cut down to the few that bind, and a bonus per carrier turns water-filling
#   into a bound on every allocation.
# * The paper's segment is sound to search only from the end where the limit is met; a search that begins in the middle may never look
#   where the answer is.
