# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# (co-synthesis)=
# # Five papers, one trade-off
#
# The chapters can be read apart, and their systems have little in common at first sight: sensors without batteries,
# base stations on a hexagon, three kinds of customers, one OFDM symbol, arrays of a metre. This page puts them side by
# side. What do the five models share? What does sensing cost in each of them, as far as *any* allocation can tell?
# And where did the papers' algorithms stand, measured again here, in one run, against the certified optimum?

# %% tags=["parameters"]
seed = 9
draws = 4
levels = [0.1, 0.3, 0.5, 0.7, 0.9]
algorithm_levels = [0.3, 0.9]
crb_limit_m2 = 0.05
min_comm_sinr_db = -5.0
min_sensing_bps = 5.0e6
min_rate_bps = 2.0e7
peak_sidelobe_db = -30.0
crlb_limit_m2 = 1.0e-11
sinr_tolerance = 3.0e-2
share_start = 0.9
share_step = 0.1
batch_draws = 32

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from compendium.notebook import figures, tables, timing
from compendium.notebook.curves import legend_above

from isaclib import near_field as nf
from isaclib import network_localization as nl
from isaclib import ofdm_ranging as ofdm
from isaclib import semi_isac as si
from isaclib import wireless_powered as wp
from isaclib.foundations import plotting, units
from isaclib.foundations.scenario import Batch
from isaclib.ofdm_ranging import least

streams = iter(np.random.default_rng(seed).spawn(5))
powered = wp.Scenario.random_batch(next(streams), draws)
network = nl.Scenario.random_batch(next(streams), draws)
shared = si.Scenario.random_batch(next(streams), draws)
symbol = ofdm.Scenario.random_batch(next(streams), draws)
field = nf.Scenario.random(np.random.default_rng(nf.CALIBRATION_SEED))

# %% [markdown]
# Without further words a scenario is that of the chapter's `paper` set: it is the default of the library's random
# scenarios. The near-field geometry is fixed by its paper; the other four are drawn at random.
#
# ## What the models share
#
# ### Information grows with power, the error is its inverse
#
# Whatever is estimated, a position or a delay, independent echoes add up their Fisher information, and the information of
# an echo is proportional to the power $p_i$ that caused it:
#
# ```{math}
# :label: co-crb
# J(p) = \sum_i p_i A_i,\quad A_i\succeq 0,\qquad \operatorname{tr}J(p)^{-1}\le\eta .
# ```
#
# The function $X\mapsto\operatorname{tr}X^{-1}$ is convex and decreasing on the positive definite matrices, and $J$ is linear: a
# limit on the bound is a *convex* constraint on powers, however badly its printed form looks. And it is homogeneous of degree
# $-1$, so that half the standard deviation costs four times the power. All of sensing is dear in this way, as long as nothing
# but noise disturbs it.

# %% tags=["hide-input"]
watts = powered[0].max_power_w * np.ones(len(powered[0].user_positions_m))
louder = powered[0].replace(bs_power_w=4 * powered[0].bs_power_w)
carriers = ofdm.waterfill(symbol[0]).powers_w
covariance = np.eye(field.antennas) * field.sensing_power_w / field.antennas
covariance = np.stack([covariance] * len(field.ap_positions_m))
every = network[0].max_power_w * np.ones(len(network[0].echo_gain))
errors = {
    "wireless powered: bound on the worst target": (
        np.sqrt(wp.crb_trace(powered[0], watts).max()),
        np.sqrt(wp.crb_trace(louder, 4 * watts).max()),
    ),
    "OFDM ranging: bound on the delay": (
        np.sqrt(ofdm.toa_crb_s2(symbol[0], carriers)),
        np.sqrt(ofdm.toa_crb_s2(symbol[0], 4 * carriers)),
    ),
    "near field: bound on the positions": (
        np.sqrt(nf.crlb_m2(field, covariance, 0.5)),
        np.sqrt(nf.crlb_m2(field, 4 * covariance, 0.5)),
    ),
    "network localization: worst range": (
        nl.range_std_m(network[0], every).max(),
        nl.range_std_m(network[0], 4 * every).max(),
    ),
}
factors = {name: before / after for name, (before, after) in errors.items()}
tables.facts(
    factors,
    head=("error", "falls by"),
    caption="What four times the power does to the standard deviation.",
)
assert np.allclose(list(factors.values())[:3], 2, rtol=1e-9)
assert 1 <= factors["network localization: worst range"] <= 2

# %% [markdown]
# The last row is the exception that made a chapter of its own. In a network every station is disturbed by the others and by
# itself, so more power for all buys next to nothing; there, the *ratio* of powers is the resource
# ({doc}`/notebooks/network_localization/model`). And semi-ISaC does not ask for an error at all: it counts sensing in bits, by
# the rate $\beta B\log_2(1+\mathrm{SINR})$ of the echo ({doc}`/notebooks/semi_isac/model`), which grows like a logarithm and saturates in clutter.
#
# ### The poorest decides
#
# A sum of rates would leave somebody with nothing. Three papers therefore maximise the least of the users' values, and a fourth
# maximises a sum with a floor for everybody. With an epigraph variable,
#
# $$
# \max_{x}\ \min_k f_k(x)\quad=\quad\max_{x,t}\ t\quad\text{s.t.}\quad f_k(x)\ge t\ \ \forall k,
# $$
#
# and for a fixed $t$ only feasibility is left. That is what makes max-min problems tractable even where no $f_k$ is concave:
# it is enough that each *superlevel set* $\{f_k\ge t\}$ is convex in some coordinates, and then one number is searched for. Does the
# optimum make all users equal?

# %%
free_rate = wp.solve_exact(powered[0].replace(crb_limit_m2=np.inf))
equal = wp.throughputs(powered[0], free_rate.times_s, free_rate.powers_w)
lax = network[0].replace(min_comm_sinr=0.0)
sinr = nl.sensing_sinr(lax, nl.solve_exact(lax).powers_w)
most = nl.max_min_comm_sinr(network[0])[0][0]
tight = network[0].replace(min_comm_sinr=0.9 * most)
held = nl.sensing_sinr(tight, nl.solve_exact(tight).powers_w)
assert np.ptp(equal) < 1e-6 * equal.max() and np.ptp(sinr) < 1e-6 * sinr.max()

# %% tags=["hide-input"]
spread = {
    "wireless powered: throughputs": equal,
    "network localization: sensing SINRs, users asking nothing": sinr,
    "network localization: sensing SINRs, users asking 90 % of what they can get": held,
}
tables.table(
    {
        "values at the optimum": list(spread),
        "best over worst": [values.max() / values.min() for values in spread.values()],
    },
    caption="How unequal the optimum leaves the users, on one draw each.",
)

# %% [markdown]
# Equality is the rule, and it gives the closed forms of the chapters. It breaks exactly where a second service holds somebody's
# power in place.
#
# ### Power against time against spectrum
#
# Time and spectrum enter a rate in the same way. A user that sends the energy $e$ within the time $t$, or the power $p$ within
# the share $\beta$ of a band, gets
#
# ```{math}
# :label: co-perspective
# t\,\log_2\!\Bigl(1+a\,\frac{e}{t}\Bigr)\qquad\text{or}\qquad \beta\,\log_2\!\Bigl(1+g\,\frac{p}{\beta}\Bigr),
# ```
#
# the *perspective* of one concave function: jointly concave in both arguments, and homogeneous of degree one. Twice the time with twice the
# energy carries twice the bits. Products such as "power times time" only look non-convex because energy, the natural variable, was
# not used.

# %%
double = wp.throughputs(powered[0], 2 * free_rate.times_s, free_rate.powers_w)
assert np.allclose(double, 2 * equal)
can = np.flatnonzero(si.solve_exact_batch(shared).feasible)
drop = shared[int(can[0])] if len(can) else shared[0]
if not len(can):  # no drop meets these floors: the identity holds without any
    drop = drop.replace(min_sensing_bps=0.0, min_rate_bps=0.0)
served = si.solve_exact(drop)
half = si.rates(drop, served.shares / 2, served.powers_w / 2)
assert np.allclose(2 * half, served.rates_bps)

# %% [markdown]
# What each of the five divides, and between which demands:
#
# | chapter | power | time | spectrum | what sensing asks | what communication asks |
# | --- | --- | --- | --- | --- | --- |
# | {doc}`wireless powered </book/wireless_powered>` | of each user | charging, slots | | CRB of every target | least throughput |
# | {doc}`network localization </book/network_localization>` | of each station | | | SINR of the worst echo | SINR of every user |
# | {doc}`semi-ISaC </book/semi_isac>` | of each service | | shares of a band | rate of every echo | rate of every link |
# | {doc}`OFDM ranging </book/ofdm_ranging>` | of each carrier | | carriers of a band | CRB, sidelobes, main lobe | capacity |
# | {doc}`near field </book/near_field>` | beams, covariances | looking, talking | | CRB summed over the users | least rate, channels in error |
#
# (co-frontiers)=
# ## One frontier per paper
#
# Now the trade-off itself. In each model one demand can be turned from nothing to the most that is attainable; the best that
# any allocation can do for the other side is the *exact frontier*. To see five of them together, both axes are
# divided by the best of the same draw: 1 on the horizontal axis is the best sensing that the system can do when communication asks
# for nothing, 1 on the vertical axis is the best communication when sensing asks for nothing.

# %% tags=["hide-input"]
tables.table(
    tables.written(f"""
    chapter | sensing axis | communication axis | the paper operates at
    wireless powered | one over the limit on the worst target's standard deviation | least throughput | {crb_limit_m2:g} m² for every target
    network localization | one over the worst range standard deviation | rate $\\log_2(1+\\gamma)$ promised to every user | {min_comm_sinr_db:g} dB for every user
    semi-ISaC | rate promised to every echo | rate promised to every link | {min_sensing_bps / 1e6:g} Mbit/s per echo, {min_rate_bps / 1e6:g} Mbit/s per link
    OFDM ranging | sidelobe suppression in dB | capacity | sidelobes at {peak_sidelobe_db:g} dB
    near field | one over the limit on the position standard deviation | least rate over all channel errors | {crlb_limit_m2:g} m² in sum
    """),
    caption="What the axes mean in each panel of the next figure.",
)


# %% [markdown]
# The same few lines serve every chapter: change the limit of each draw, solve exactly, and let the paper's algorithm race against
# the exact one on the same scenarios. Times are processor times.


# %%
def each(batch, **columns):
    """The batch with one value per draw for every named field."""
    named = pd.DataFrame(columns, dtype=float).to_dict("records")
    return Batch([row.replace(**values) for row, values in zip(batch, named)])


def race(scenarios, paper, exact, compiles=True):
    """Allocations of both on the same scenarios, and seconds (2, draws)."""
    if compiles and len(scenarios):  # a cone program's first call is not timed
        paper(scenarios[0])
    found, spent = ([], []), np.empty((2, len(scenarios)))
    for d, one in enumerate(scenarios):
        for side, solver in enumerate((paper, exact)):
            spent[side, d], allocation = timing.timed(lambda: solver(one))
            found[side].append(allocation)
    return *found, spent


def per_draw(solver, batch):
    """Seconds per draw when many are solved at once."""
    many = Batch([batch[d % len(batch)] for d in range(batch_draws)])
    return np.median(timing.seconds(lambda: solver(many), 3)) / batch_draws


x = np.unique(levels)
marked = [list(x).index(level) for level in np.unique(algorithm_levels)]
frontiers, gaps, speed = {}, {}, {}


def keep(name, exact, paper, operating):
    """Points (draws, points, 2), (draws, 2); none beyond an exact frontier."""
    exact, paper = (np.stack(points, axis=1) for points in (exact, paper))
    frontiers[name] = {"exact": exact, "paper": paper, "operating": operating}


def pairs(sensing, communication):
    return np.column_stack(np.broadcast_arrays(sensing, communication))


def values(found, name):
    """One number of every allocation."""
    return np.array([getattr(allocation, name) for allocation in found])


# %% [markdown]
# ### Wireless powered
#
# The limit on the worst target's bound is tightened step by step up to the sharpest that the powers allow; the least throughput of the
# sensors pays for it.

# %% tags=["hide-input"]
free = wp.solve_exact_batch(powered.replace(crb_limit_m2=np.inf))
sharpest, most = free.best_attainable, free.min_throughput_bit
solved = [
    wp.solve_exact_batch(each(powered, crb_limit_m2=sharpest / level**2))
    for level in [*x, 1.0]
]
bits = [found.min_throughput_bit for found in solved]
exact = [pairs(level, had / most) for level, had in zip([*x, 1.0], bits)]
limited = [each(powered, crb_limit_m2=sharpest / x[m] ** 2) for m in marked]
climbed = [values(map(wp.solve_sca, batch), "min_throughput_bit") for batch in limited]
able = np.flatnonzero(sharpest < crb_limit_m2)
asked = [powered[d].replace(crb_limit_m2=crb_limit_m2) for d in able]
theirs, ours, spent = race(asked, wp.solve_sca, wp.solve_exact)
reached, best = (values(found, "min_throughput_bit") for found in (theirs, ours))
keep(
    "wireless powered",
    [pairs(np.zeros(draws), 1.0), *exact],
    [pairs(x[m], had / most) for m, had in zip(marked, climbed)],
    pairs(np.sqrt(sharpest[able] / crb_limit_m2), reached / most[able]),
)
on_marks = [had / bits[m] for m, had in zip(marked, climbed)]
gaps["wireless powered"] = 1 - np.concatenate([reached / best, *on_marks])
speed["wireless powered"] = spent, per_draw(wp.solve_exact_batch, powered)

# %% [markdown]
# ### Network localization
#
# Here communication is the limit: every user asks for a share of the rate that all of them could have at most, and the worst range
# error shows what is left for sensing.

# %% tags=["hide-input"]
idle = nl.solve_exact_batch(network.replace(min_comm_sinr=0.0))
loudest = np.log2(1 + idle.best_attainable)


def accuracy(sinr, drops=slice(None)):
    """One over the worst range deviation, relative to its best."""
    return np.sqrt(np.asarray(sinr) / idle.worst_sensing_sinr[drops])


asked = [each(network, min_comm_sinr=np.expm1(np.log(2) * v * loudest)) for v in x]
sinrs = [nl.solve_exact_batch(batch).worst_sensing_sinr for batch in asked]
exact = [pairs(accuracy(sinr), level) for level, sinr in zip(x, sinrs)]
paper = [map(nl.solve_dc, asked[m]) for m in marked]
balanced = [values(found, "worst_sensing_sinr") for found in paper]
threshold = units.db_to_linear(min_comm_sinr_db)
able = np.flatnonzero(idle.best_attainable > threshold)
asked = [network[d].replace(min_comm_sinr=threshold) for d in able]
theirs, ours, spent = race(asked, nl.solve_dc, nl.solve_exact)
reached, best = (values(found, "worst_sensing_sinr") for found in (theirs, ours))
keep(
    "network localization",
    [pairs(np.ones(draws), 0.0), *exact, pairs(np.zeros(draws), 1.0)],
    [pairs(accuracy(sinr), x[m]) for m, sinr in zip(marked, balanced)],
    pairs(accuracy(reached, able), np.log2(1 + threshold) / loudest[able]),
)
on_marks = [sinr / sinrs[m] for m, sinr in zip(marked, balanced)]
gaps["network localization"] = 1 - np.concatenate([reached / best, *on_marks])
speed["network localization"] = spent, per_draw(nl.solve_exact_batch, network)

# %% [markdown]
# ### Semi-ISaC
#
# Here both demands are promises in bit/s, and the frontier is the set of all pairs that can be promised: along each direction the
# first phase of the exact solver finds the largest factor, and the dual bound proves that nothing beyond it can be had. The paper's
# cone program is then asked for promises just inside. The integrated user is sensed and served by one signal; what that is
# worth is seen when the same four services get a signal each.

# %% tags=["hide-input"]
ONE = 1e6  # bit/s: any unit of promise, the largest factor is what counts
only = [shared.replace(min_sensing_bps=s, min_rate_bps=c) for s, c in ONE * np.eye(2)]
most_sensed, most_served = (ONE * si.solve_exact_batch(b).best_attainable for b in only)


def promise(level, factor):
    """Every draw's promises in the direction (level, sqrt(1 - level^2)) of the normalised axes."""
    other = np.sqrt(1 - level**2)
    return each(
        shared,
        min_sensing_bps=factor * level * most_sensed,
        min_rate_bps=factor * other * most_served,
    )


def promised(found):
    """What an allocation gives at least to every echo and to every link."""
    rates = np.array([one.rates_bps for one in found])
    return rates[:, [0, 2]].min(axis=1), rates[:, [1, 3]].min(axis=1)


def largest(networks):
    """Largest factor on all promises, relative to a tenth of the best."""
    return 0.1 * si.solve_exact_batch(list(networks)).best_attainable


def apart(one):
    """The same four services, each with a signal of its own."""
    return si.Network(
        radar_gain=[*one.radar_gain, 0, 0],
        clutter_gain=[*one.clutter_gain, 0, 0],
        link_gain=[0, 0, *one.link_gain],
        min_sensing_bps=[*one.min_sensing_bps, 0, 0],
        min_rate_bps=[0, 0, *one.min_rate_bps],
        weights=np.ones(4),
        bandwidth_hz=one.bandwidth_hz,
        noise_psd_w_per_hz=one.noise_psd_w_per_hz,
        power_budget_w=one.power_budget_w,
        circuit_power_w=one.circuit_power_w,
    )


tenth = np.full(draws, 0.1)
factors = [largest(promise(level, tenth)) for level in x]
beyond = [si.solve_exact_batch(promise(v, f * 1.001)) for v, f in zip(x, factors)]
assert not any(found.feasible.any() for found in beyond)
assert min(found.best_attainable.min() for found in beyond) > 0.998
exact = [pairs(f * v, f * np.sqrt(1 - v**2)) for v, f in zip(x, factors)]
four = [largest(apart(one) for one in promise(level, tenth)) for level in x]
separate = [pairs(f * v, f * np.sqrt(1 - v**2)) for v, f in zip(x, four)]
assert all(np.all(a <= b * (1 + 1e-6)) for a, b in zip(four, factors))
inside = [promise(x[m], 0.999 * factors[m]) for m in marked]
coned = [[si.solve_sum(one) for one in batch] for batch in inside]
asked = shared.replace(min_sensing_bps=min_sensing_bps, min_rate_bps=min_rate_bps)
able = np.flatnonzero(si.solve_exact_batch(asked).feasible)
theirs, ours, spent = race([asked[d] for d in able], si.solve_sum, si.solve_exact)
ends = [pairs(np.zeros(draws), 1.0), pairs(np.ones(draws), 0.0)]
keep(
    "semi-ISaC",
    [ends[0], *exact, ends[1]],
    [pairs(s / most_sensed, c / most_served) for s, c in map(promised, coned)],
    pairs(min_sensing_bps / most_sensed[able], min_rate_bps / most_served[able]),
)
frontiers["semi-ISaC"]["reference"] = np.stack([ends[0], *separate, ends[1]], axis=1)
rows = [(values(theirs, "objective"), values(ours, "objective"))]
for found, batch in zip(coned, inside):
    best = si.solve_exact_batch(batch).objective
    rows.append((values(found, "objective"), best))
gaps["semi-ISaC"] = 1 - np.concatenate([had / best for had, best in rows])
speed["semi-ISaC"] = spent, per_draw(si.solve_exact_batch, asked)

# %% [markdown]
# ### OFDM ranging
#
# The sidelobes are suppressed step by step, in decibels, down to the least level that any allocation has; capacity pays for it.

# %% tags=["hide-input"]
flattest = [ofdm.minimise_sidelobe(one) for one in symbol]
lowest_db = float(units.amplitude_to_db(flattest[0].certificate.value))
full = values(map(ofdm.waterfill, symbol), "capacity_bps")


def capacities(solver, limit_db):
    found = (solver(one, peak_sidelobe_db=limit_db) for one in symbol)
    return values(found, "capacity_bps")


windows = [flat.powers_w for flat in flattest]
window = np.array([*map(ofdm.capacity_bps, symbol, windows)])
solved = [capacities(ofdm.solve_exact, level * lowest_db) for level in x]
exact = [pairs(level, bps / full) for level, bps in zip(x, solved)]
mixed = [capacities(ofdm.dynamic_allocation, x[m] * lowest_db) for m in marked]


def cold(solver):
    """Without what it may remember of an earlier scenario."""

    def solve(one):
        least.forget()
        return solver(one, peak_sidelobe_db=peak_sidelobe_db)

    return solve


able = np.arange(draws if peak_sidelobe_db >= lowest_db else 0)
theirs, ours, spent = race(
    [symbol[d] for d in able], cold(ofdm.dynamic_allocation), cold(ofdm.solve_exact)
)
reached, best = (values(found, "capacity_bps") for found in (theirs, ours))
keep(
    "OFDM ranging",
    [pairs(np.zeros(draws), 1.0), *exact, pairs(1.0, window / full)],
    [pairs(x[m], bps / full) for m, bps in zip(marked, mixed)],
    pairs(peak_sidelobe_db / lowest_db, reached / full[able]),
)
on_marks = [bps / solved[m] for m, bps in zip(marked, mixed)]
gaps["OFDM ranging"] = 1 - np.concatenate([reached / best, *on_marks])
speed["OFDM ranging"] = spent, np.nan

# %% [markdown]
# ### Near field
#
# A limit on the position error fixes the largest share $\bar\eta$ of the time that may go to communication. On the accuracy axis
# that is $\sqrt{1-\bar\eta}$, since the bound is inversely proportional to the time spent looking. The paper's alternation does not know
# the limit until its last step, so one run of it serves the whole curve.

# %% tags=["hide-input"]
sensing = nf.optimise_sensing(field)
channels = nf.channels(field)


def fresh(method="cuts"):
    given = {"tolerance": sinr_tolerance, "method": method}
    return nf.SinrCurve(channels, field.noise_w, **given)


def optimum(scenario, curve=None):
    given = {"sensing": sensing, "tolerance": sinr_tolerance / 3}
    return nf.solve_exact(scenario, curve=curve or fresh(), **given)


def alternation(scenario):
    given = {"sensing": sensing, "start": share_start, "step": share_step}
    return nf.solve_main(scenario, curve=fresh("sdp"), **given)


limited = field.replace(crlb_limit_m2=crlb_limit_m2)
unlimited = field.replace(crlb_limit_m2=np.inf)
able = [limited] if nf.time_allocation_limit(limited, sensing.crlb_bar_m2) > 0 else []
theirs, ours, spent = race(able, alternation, optimum, compiles=False)
settled = [*theirs, *([] if theirs else [alternation(unlimited)])][0].time_history[-1]
curve = fresh()
top = optimum(unlimited, curve)


def rate_at(share):
    error = float(nf.relative_error(field, sensing.crlb_bar_m2, share))
    return float(nf.rate_bps_hz(share, curve.solve(error, field.comm_power_w).sinr))


admitted = 1 - x**2  # the largest share under each limit
best = np.array([rate_at(min(share, top.time_allocation)) for share in admitted])
moved = np.array([rate_at(min(admitted[m], settled)) for m in marked])
most = top.worst_rate_bps_hz
reached, highest = (values(found, "worst_rate_bps_hz") for found in (theirs, ours))
rates = zip([0.0, *x, 1.0], [most, *best, 0.0])
keep(
    "near field",
    [pairs(level, [value / most]) for level, value in rates],
    [pairs(x[m], [value / most]) for m, value in zip(marked, moved)],
    pairs(
        np.sqrt([1 - nf.largest_time_allocation(one, sensing) for one in able]),
        reached / most,
    ),
)
gaps["near field"] = 1 - np.append(moved / best[marked], reached / highest)
near_field_gap = max(found.certificate.gap for found in [top, *ours])
speed["near field"] = spent, np.nan

# %% [markdown]
# ### All five

# %% tags=["hide-input"]
for name, found in gaps.items():
    allowed = sinr_tolerance if name == "near field" else 1e-6
    assert found.min() > -allowed, f"{name}: a heuristic beats the certified optimum"


def drawn(points):
    """Median over the draws, and the 10 and 90 % quantiles: (points, 2) each; nan without a draw."""
    if len(points) == 0:
        return np.full((3, 2), np.nan)
    return np.quantile(points, [0.5, 0.1, 0.9], axis=0)


def left(name, wanted):
    """Communication on the median frontier at a sensing level."""
    middle = drawn(frontiers[name]["exact"])[0]
    middle = middle[np.argsort(middle[:, 0])]
    return float(np.interp(wanted, *middle.T))


figure, panels = plotting.subplots(2, 3, width=8.4, height=6.2, sharex=True)
rows = []
together = panels.flat[5]
for number, (ax, (name, found)) in enumerate(zip(panels.flat, frontiers.items())):
    middle, low, high = drawn(found["exact"])
    edge = np.concatenate([low, high[::-1]])
    ax.fill(*edge.T, color=plotting.INK, alpha=0.15, linewidth=0)
    plotting.line(ax, *middle.T, "exact", label="exact frontier (median)")
    if "reference" in found:
        alone = drawn(found["reference"])[0]
        plotting.line(ax, *alone.T, "reference", label="four signals, none shared")
        rows += [(name, "four signals", *point, *[np.nan] * 4) for point in alone]
    at = drawn(found["paper"])[0]
    plotting.line(ax, *at.T, "paper", label="paper's algorithm", linestyle="")
    look = {"color": plotting.COLOURS[1], "label": "operating point, each draw"}
    ax.plot(*found["operating"].T, ".", ms=4, alpha=0.6, **look)
    look["label"] = "operating point, median"
    ax.plot(*drawn(found["operating"])[0], "*", ms=12, zorder=6, **look)
    title = name[0].upper() + name[1:]
    ax.set(title=title, xlim=(-0.03, 1.05), ylim=(-0.03, 1.08))
    plotting.line(together, *middle.T, number, label=name, markers=False)
    for kind in ("exact", "paper"):
        rows += [(name, kind, *np.ravel(row)) for row in zip(*drawn(found[kind]))]
    rows.append((name, "operating", *np.concatenate(drawn(found["operating"]))))
panels.flat[0].set(yscale="log", ylim=(2e-4, 2))
together.set(title="All exact frontiers", xlim=(-0.03, 1.05), ylim=(-0.03, 1.08))
for ax in panels[1]:
    ax.set_xlabel("Sensing over its best (1)")
figure.supylabel("Communication over its best (1)", fontsize="medium")
legend_above(figure, together, 5, title="in the last panel")
key = panels.flat[2].get_legend_handles_labels()
figure.legend(*key, loc="outside lower center", ncols=3)
without = [name for name, found in frontiers.items() if len(found["operating"]) == 0]
told = ""
if without:
    told = f" No draw of {', '.join(without)} can operate at this set's limits."
names = ["paper", "curve"]
for part in ("median", "p10", "p90"):
    names += [f"sensing_{part}", f"communication_{part}"]
figures.show(
    figure,
    "frontiers",
    data=pd.DataFrame(rows, columns=names),
    caption=f"What sensing costs, on axes normalised to each draw's own best: certified frontiers (median and 10 to 90 % of {draws} "
    "draws; near field: its one geometry), the results of the papers' algorithms on the same draws (median), and the papers' operating "
    "points. The wireless-powered panel has a logarithmic vertical axis; the last panel has not."
    + told,
    alt="Five panels and a summary, communication over sensing, each with a falling frontier, its band and the points of the paper's algorithm. At half of the "
    "best sensing the median frontiers leave "
    + ", ".join(f"{100 * left(name, 0.5):.0f} % ({name})" for name in frontiers)
    + " of the best communication.",
    solver="scalar search, eigenvalues, interior point, Clarabel",
)


# %% tags=["hide-input"]
def operating(points, axis):
    """Median share in per cent, or that no draw can operate there."""
    return 100 * float(np.median(points[:, axis])) if len(points) else "no draw"


tables.table(
    [
        {
            "chapter": name,
            "communication left at half of the best sensing (%)": 100 * left(name, 0.5),
            "at nine tenths (%)": 100 * left(name, 0.9),
            "operating point: sensing (%)": operating(found["operating"], 0),
            "operating point: communication (%)": operating(found["operating"], 1),
        }
        for name, found in frontiers.items()
    ],
    caption="The frontiers in numbers: medians over the draws, relative to the best of each draw.",
    precision=3,
)

# %% [markdown]
# With the book's own sets the five shapes tell five mechanisms apart.
#
# * **Wireless powered** hugs both axes. Accuracy is bought with bursts of power, energy has to be collected first, and the law of {eq}`co-crb`
#   does the rest. Every step along the horizontal axis is paid with a factor, not with a share.
# * **Network localization** has the widest band: where a user happens to stand decides whether serving it disturbs the echoes.
#   In its typical drop the first part of the users' rate is free, and the paper operates there, at the sensing end.
# * **Semi-ISaC** bulges beyond the straight line on which customers would merely take turns, and the shared signal is the reason:
#   with four separate signals hardly more than the straight line is left. The paper's floors lie deep inside; they protect
#   the poor, and nearly everything is distributed by the sum.
# * **OFDM ranging** gives up little capacity for a window, because a logarithm is flat at the top of the water-filling solution. Here alone
#   the paper's rule stays visibly below the frontier.
# * **Near field** is flat where looking longer also improves the beams, and falls like the share of time $1-x^2$ that the
#   limit leaves, once looking eats the time to talk.
#
# (co-table)=
# ## Hidden convexity, and what it is worth
#
# Four of the five papers treat their problem as non-convex; the semi-ISaC paper shows the convexity of its own. Each of them is solved
# here to a certified global optimum, and in each case *one* change of view was enough. The last columns were measured in this run, on the draws of the figure: how far the paper's
# algorithm ends below the optimum, and how many times as long it takes as the exact solver on the same scenario.

# %% tags=["hide-input"]
table = tables.written("""
chapter | problem class as printed | hidden convexity | what the paper did | what is exact
{doc}`wireless powered </book/wireless_powered>` | max-min; products of time and power, a ratio of polynomials | limit is a cone in the powers; all optima on {ref}`one curve <wp-exact>` | SCA in logarithms | one scalar search, tangent bound
{doc}`network localization </book/network_localization>` | max-min of SINRs | quasi-concave; {doc}`least powers </notebooks/network_localization/model>` are a fixed point | difference of convex functions | a few Perron–Frobenius eigenvalues
{doc}`semi-ISaC </book/semi_isac>` | sum of rates; bits per joule | {ref}`perspectives <semi-isac-model>`: jointly concave in share and power | cone program; Dinkelbach | structured interior point, two prices
{doc}`OFDM ranging </book/ofdm_ranging>` | capacity under infinitely many limits | all limits {ref}`homogeneous and convex <ofdm-ranging-model>` at full power | mixing of two allocations, binary search | interior point with cuts at the peaks
{doc}`near field </book/near_field>` | max-min over beams, covariances and time, all channels of a ball | rank one is free; {ref}`one curve <nf-robust-curve>` in the channel error | alternation, semidefinite relaxation | worst-channel cuts, dual bounds over the share
""")


def percent(value, accuracy):
    """A gap in per cent; what lies within the accuracy of the solvers is called so."""
    return f"{100 * value:.2g} %" if value > accuracy else f"< {100 * accuracy:.1g} %"


def times(ratio):
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


accuracy = dict.fromkeys(gaps, 1e-6) | {"near field": near_field_gap}
measured = []
for name, ((theirs_s, ours_s), batch_s) in speed.items():
    worst = [percent(f(gaps[name]), accuracy[name]) for f in (np.median, np.max)]
    gap = worst[0] if worst[0] == worst[1] else f"{worst[0]} (at most {worst[1]})"
    ratio = times(np.median(theirs_s / ours_s)) if theirs_s.size else "no draw"
    if batch_s > 0 and theirs_s.size:
        ratio += f" (batch: {times(np.median(theirs_s) / batch_s)})"
    measured.append((gap, ratio))
table[["gap", "paper's time over exact"]] = measured
tables.table(
    table,
    caption=f"Gap: relative distance of the paper's objective to the certified optimum, median and largest over {draws} draws, the points of the "
    "figure and the operating point. Last column: the paper's time over that of the exact solver, medians at the operating point, one "
    f"scenario at a time (below 1 the paper's algorithm is the faster one), and per draw when {batch_draws} are solved at once.",
)
