# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# (co-performance)=
# # What exactness costs
#
# A certified optimum would be of little use if it took hours. This page measures what it takes, on the machine that built this copy
# of the book, in one run: the exact solvers against the papers' algorithms, small programs against the large ones that they
# replace, many draws at once, and how the times grow. Everything here is a timing and differs from run to run; no claim and no
# other page depends on it. What the solvers *find* is compared on {doc}`synthesis` and in the chapters.

# %% tags=["parameters"]
seed = 9
repeats = 1
race_draws = 2
patience_s = 0.03
sinr_tolerance = 3.0e-2
share_start = 0.9
share_step = 0.1
batch_sizes = [1, 8, 64]
sensing_antennas = [5, 7]
margin_antennas = [3, 4]
many_antennas = [21]
user_counts = [5, 10, 20]
target_counts = [5, 10, 20]
station_counts = [2, 4, 8]
service_counts = [3, 6, 12]
carrier_counts = [32, 64, 128]
beam_counts = [2, 3]
road_users = 2
lanes = 16

# %% tags=["hide-input"]
from functools import partial

import numpy as np
import pandas as pd
from compendium.notebook import figures, tables, timing
from compendium.notebook.curves import Curves
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from isaclib import near_field as nf
from isaclib import network_localization as nl
from isaclib import ofdm_ranging as ofdm
from isaclib import semi_isac as si
from isaclib import wireless_powered as wp
from isaclib.foundations import plotting
from isaclib.foundations.scenario import Batch
from isaclib.near_field.reduction import reduce
from isaclib.near_field.sdp import margin_by_conic
from isaclib.ofdm_ranging import least

# Curves start at the smallest size
batch_sizes, sensing_antennas, margin_antennas, many_antennas = (
    sorted(set(sizes))
    for sizes in (batch_sizes, sensing_antennas, margin_antennas, many_antennas)
)
user_counts, target_counts, station_counts, service_counts = (
    sorted(set(sizes))
    for sizes in (user_counts, target_counts, station_counts, service_counts)
)
carrier_counts, beam_counts = sorted(set(carrier_counts)), sorted(set(beam_counts))


def rng(*key):
    """A generator of its own for every measurement."""
    return np.random.default_rng([seed, *key])


def median_s(work):
    """Median processor seconds over the repeats."""
    return float(np.median(timing.seconds(work, repeats)))


def measured(work):
    """Processor seconds of a piece of work, and its result: a median, or once if it is slow."""
    took, result = timing.timed(work)
    return (median_s(work) if took < patience_s else took), result


def fitted(name, dimension, sizes, spent, low=0.0):
    """A power law with its place in the table of exponents, and how a label says it; nothing for one size alone."""
    if len(np.unique(sizes)) < 2:
        return ""
    fits.append((name, dimension, timing.power_law(sizes, spent, low=low)))
    exponent = round(fits[-1][2].exponent, 1) + 0.0  # no minus before a zero
    return f" ({exponent:.1f})".replace("-", "−")


def milliseconds(seconds):
    """With the decimals that leave three figures of a number, and all of a large one."""
    decimals = max(0, 2 - int(np.floor(np.log10(1e3 * seconds))))
    return f"{1e3 * seconds:.{decimals}f}"


tables.facts(
    timing.machine(),
    head=("what", "value"),
    caption="What the numbers on this page were made on.",
)

# %% [markdown]
# Seconds are processor seconds of one process with one thread: what the machine did elsewhere at the time hardly counts.
# Each number is the median of a few repeats (the slowest are timed once), after a call that compiles what is compiled once. Ratios are
# taken within the run.
#
# ## The exact solver against the paper's algorithm
#
# One scenario of the paper's size at a time, both solvers on the same scenarios; and for the three chapters with a vectorised solver, the
# time per draw when many are solved together. OFDM ranging is measured with an empty memory: the least-sidelobe allocation, which both solvers
# need now and then, does not depend on the channel and would otherwise be remembered.

# %%
candidates = max(4 * race_draws, 64)  # enough that some can be solved
powered = wp.Scenario.random_batch(rng(1), candidates)
network = nl.Scenario.random_batch(rng(2), candidates)
shared = si.Scenario.random_batch(rng(3), candidates)
symbol = ofdm.Scenario.random_batch(rng(4), race_draws)
field = nf.Scenario.random(np.random.default_rng(nf.CALIBRATION_SEED))


def solvable(batch, solver):
    able = np.flatnonzero(solver(batch).feasible)
    return [batch[int(d)] for d in able[:race_draws]]


def cold(solver):
    def solve(one):
        least.forget()
        return solver(one, peak_sidelobe_db=-20.0)

    return solve


def exact_solvers(module):
    """For one scenario, and for many at once."""
    return module.solve_exact, module.solve_exact_batch


dinkelbach = partial(si.solve_efficiency, method="dinkelbach")
efficient = [partial(one, objective="efficiency") for one in exact_solvers(si)]

# %%
sensed, heard, served = (
    solvable(batch, module.solve_exact_batch)
    for batch, module in ((powered, wp), (network, nl), (shared, si))
)
contests = {  # scenarios, the paper's solver, the exact one, many at once
    "wireless powered": (sensed, wp.solve_sca, *exact_solvers(wp)),
    "network localization": (heard, nl.solve_dc, *exact_solvers(nl)),
    "semi-ISaC, sum of rates": (served, si.solve_sum, *exact_solvers(si)),
    "semi-ISaC, bits per joule": (served, dinkelbach, *efficient),
    "OFDM ranging": (
        *(list(symbol), cold(ofdm.dynamic_allocation)),
        *(cold(ofdm.solve_exact), None),
    ),
}
together = max(batch_sizes)
rows = []
for name, (scenarios, paper, exact, batched) in contests.items():
    paper(scenarios[0]), exact(scenarios[0])
    theirs, ours = (
        median_s([partial(solver, one) for one in scenarios])
        for solver in (paper, exact)
    )
    many = [scenarios[d % len(scenarios)] for d in range(together)]
    each = median_s(lambda: batched(many)) / together if batched else np.nan
    rows.append((name, theirs, ours, each))

# %% [markdown]
# The near field has one geometry. Its paper alternates between robust beams and the time share; both solvers get the same optimised
# sensing covariances and start with an empty curve of the robust SINR.

# %%
sensing = nf.optimise_sensing(field)
h = nf.channels(field)
fresh = partial(nf.SinrCurve, h, field.noise_w, tolerance=sinr_tolerance)
steps = {"start": share_start, "step": share_step, "sensing": sensing}
steps["curve"] = fresh(method="sdp")
theirs, main = timing.timed(lambda: nf.solve_main(field, **steps))
finer = {"tolerance": sinr_tolerance / 3, "sensing": sensing, "curve": fresh()}
ours, best = timing.timed(lambda: nf.solve_exact(field, **finer))
assert main.worst_rate_bps_hz <= best.certificate.bound * (1 + 1e-9)
rows.append(("near field", theirs, ours, np.nan))
race = pd.DataFrame(rows, columns=["problem", "paper_s", "exact_s", "batch_s"])

# %% tags=["hide-input"]
figure, axes = plotting.subplots(1, 1, height=3.4)
place = np.arange(len(race))[::-1]
for column, role, marker, label in (
    ("paper_s", "paper", "o", "paper's algorithm"),
    ("exact_s", "exact", "s", "exact, one scenario"),
    ("batch_s", "benchmark_2", "^", f"exact, per draw of {together} at once"),
):
    colour = plotting.role(role)["color"]
    axes.plot(race[column], place, marker, color=colour, ms=7, label=label)
axes.set_yticks(place, race.problem)
axes.set(xlabel="Processor time per scenario (s)", xscale="log")
axes.set_ylim(-0.6, len(race) - 0.4)
figure.legend(loc="outside upper center", ncols=3)
figures.show(
    figure,
    "exact_against_paper",
    data=race,
    caption=f"Median time per scenario of the paper's size over {race_draws} scenarios (near field: one). Farther left is faster.",
    alt=f"Points on a logarithmic time axis, a row per problem. In {np.sum(race.exact_s < race.paper_s)} of {len(race)} rows the exact solver lies left of "
    f"the paper's algorithm; the time per draw of a batch is {np.nanmin(race.exact_s / race.batch_s):.0f} to {np.nanmax(race.exact_s / race.batch_s):.0f} times shorter than that of one scenario.",
    solver="scalar search, eigenvalues, interior point, SLSQP, Clarabel",
)
in_all = "The exact solver is the faster one in all of them."
if slower := list(race.problem[race.exact_s > race.paper_s]):
    in_all = f"For a single scenario the exact solver is the slower one in {' and '.join(slower)}."
in_batch = [f"{r:.3g}" if r > 0 else "no batch" for r in race.paper_s / race.batch_s]
tables.table(
    {
        "problem": race.problem,
        "paper's algorithm (ms)": list(map(milliseconds, race.paper_s)),
        "exact (ms)": list(map(milliseconds, race.exact_s)),
        "paper over exact": race.paper_s / race.exact_s,
        "paper over exact in a batch": in_batch,
    },
    caption=f"The same in numbers. {in_all}",
    precision=3,
)

# %% [markdown]
# Where the exact solver is an array program made for thousands of draws, a single scenario pays for the generality; the last column says
# what it is made for.
#
# (co-reduced)=
# ## Small programs for large ones
#
# Two reductions carry the near-field chapter. The sensing covariances matter only on the span of a few responses
# ({ref}`nf-sensing`), and beams and worst channels may be sought in the span of the users' channels ({doc}`/notebooks/near_field/beamforming`).
# The programs as the paper states them grow with the antennas; the reduced ones do not. The robust beams have a second road, cuts at the
# worst channels instead of a semidefinite program. Both forms of that program are solved by the interior-point method of `isaclib`.

# %%
pair = nf.with_access_points(field, [0, 1]).replace(
    user_positions_m=field.user_positions_m[:2],
    reflectivity=field.reflectivity[:2, :2, :2],
)


def timed_at(sizes, prepare):
    """The sizes, median seconds at every one, and what the work returns."""
    spent, values = zip(*(measured(prepare(size)) for size in sizes))
    return sizes, np.array(spent), np.array(values)


def sense(reduced):
    def bound(size):
        wide = pair.replace(antennas=size)
        return nf.optimise_sensing(wide, reduced=reduced).crlb_bar_m2

    return lambda size: partial(bound, size)


def margin(method, reduced):
    def prepare(size):
        own = rng(5).standard_normal((2, 2, size, 2)) @ [1, 1j] / np.sqrt(2)
        radii = 0.02 * np.linalg.norm(own, axis=2)
        solve = partial(nf.power_margin, method=method, reduced=reduced)
        return lambda: solve(own, radii, 20.0, 0.1, 1.0).margin

    return prepare


# %%
more = [*margin_antennas, *many_antennas]
curves = {
    ("sensing", "as stated"): (sensing_antennas, sense(False)),
    ("sensing", "reduced"): ([*sensing_antennas, *many_antennas], sense(True)),
    ("beams", "as stated"): (margin_antennas, margin("sdp", False)),
    ("beams", "reduced"): (more, margin("sdp", True)),
    ("beams", "cuts, reduced"): (more, margin("cuts", True)),
}
reduction = {key: timed_at(*given) for key, given in curves.items()}
for kind, tolerance in (("sensing", 2e-5), ("beams", 1e-4)):
    stated = reduction[kind, "as stated"][2]
    for (other, _), (_, _, values) in reduction.items():
        if other == kind:
            assert np.allclose(values[: len(stated)], stated, rtol=tolerance)

# %% tags=["hide-input"]
figure, panels = plotting.subplots(1, 2, width=7.4, height=3.6, sharey=True)
rows, fits = [], []
looks = {"as stated": "paper", "reduced": "exact", "cuts, reduced": "benchmark_2"}
titles = {"sensing": "sensing covariances", "beams": "robust beams at one SINR"}
for ax, (kind, title) in zip(panels, titles.items()):
    for (other, label), (sizes, spent, _) in reduction.items():
        if other != kind:
            continue
        told = fitted(f"near field, {kind}: {label}", "antennas", sizes, spent)
        marker = plotting.role(looks[label])["marker"] or "s"
        named = label + told
        plotting.line(ax, sizes, spent, looks[label], label=named, marker=marker)
        rows += [(kind, label, *point) for point in zip(sizes, spent)]
    ax.set(xscale="log", yscale="log", xlabel="Antennas per access point (1)")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_title(title)
    ax.legend(title="form (exponent)", fontsize="x-small", title_fontsize="x-small")
panels[0].set_ylabel("Processor time (s)")
panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
panels[0].yaxis.set_major_formatter("{x:g}")
panels[0].yaxis.set_minor_formatter(NullFormatter())
figures.show(
    figure,
    "reduced_against_full",
    data=pd.DataFrame(rows, columns=["program", "form", "antennas", "seconds"]),
    caption="The near-field programs as stated and reduced, two users and two access points, with the exponent of the antennas fitted over all points of a "
    "curve. All forms of one program return the same value; the stated ones are left out where they would take too long.",
    alt="Two panels with logarithmic axes. The programs as stated rise with the antennas; the reduced ones and the cuts stay level up to the largest "
    "arrays.",
)

# %% [markdown]
# In the paper's geometry, with all its access points and antennas, the roads to robust beams compare as follows. A general conic solver
# writes the coefficients of every unknown out; the interior-point method of `isaclib` keeps the congruences of which they consist.

# %% tags=["hide-input"]
heard = h[:road_users]
radii = 1e-3 * np.linalg.norm(heard, axis=2)
limits = field.noise_w, field.comm_power_w


def beams(method):
    return nf.power_margin(heard, radii, 1e5, *limits, method=method)


spent, road = {}, {}
for method in ("cuts", "sdp"):
    spent[method], road[method] = measured(lambda m=method: beams(m))
scene = reduce(heard, radii, limits[0])
spent["general"], general = measured(lambda: margin_by_conic(scene, 1e5, limits[1]))
shares = [*(found.margin for found in road.values()), general.value]
assert np.ptp(shares) < 1e-4 * min(shares)
gaps = [found.certificate.gap for found in road.values()]
names = "worst-channel cuts", "semidefinite program", "the same by a general solver"
tables.table(
    {
        "method": names,
        "least share of the power": shares,
        "certified gap": [*gaps, general.value / general.bound - 1],
        "seconds": list(spent.values()),
        "over cuts": [value / spent["cuts"] for value in spent.values()],
    },
    formats={"certified gap": ".1e"},
    caption=f"Robust beams for one SINR and {road_users} of the paper's users, both in reduced form. The share is that of the access points' power.",
    precision=3,
)

# %% [markdown]
# (co-batch)=
# ## Many draws at once
#
# Three chapters average over hundreds of draws. Their exact solvers treat all draws as lanes of one array program: the cost of the
# interpreter is shared, until the arithmetic itself is what takes the time.

# %%
solvers = {
    "wireless powered": (wp.Scenario, wp.solve_exact_batch),
    "network localization": (nl.Scenario, nl.solve_exact_batch),
    "semi-ISaC": (si.Scenario, si.solve_exact_batch),
}
sizes = np.array(batch_sizes)
throughput = {}
for name, (kind, solver) in solvers.items():
    pool = kind.random_batch(rng(6), together)
    solver(pool[:2])
    spent = [median_s(lambda n=n: solver(pool[: int(n)])) for n in sizes]
    throughput[name] = sizes / spent
    upper = np.median(sizes) if len(sizes) > 3 else 0
    fitted(f"{name}: time of a batch", "draws", sizes, spent, upper)

# %% tags=["hide-input"]
figure, axes = plotting.subplots(1, 1, height=3.5)
curves = Curves("draws", sizes)
for index, (name, rate) in enumerate(throughput.items()):
    curves.draw(axes, f"{name.replace(' ', '_')}_per_s", rate, index, label=name)
axes.set(xlabel="Draws in a batch (1)", ylabel="Draws per second (1/s)")
axes.set(xscale="log", yscale="log")
axes.legend()
curves.show(
    figure,
    "batch_throughput",
    caption="Exact solves per second against the number of draws solved together, one core.",
    alt="Three rising curves on logarithmic axes that level off: throughput grows with the size of the batch at first and then stays.",
    solver="scalar search, eigenvalues, interior point",
)

# %% [markdown]
# (co-scaling)=
# ## How the times grow
#
# The last question is about size. Each panel grows one dimension of one paper; the exact solvers of the first three chapters are
# timed per draw of a batch, as they are used. A curve ends where the work takes longer than the patience given in the
# parameters. Exponents are fitted over the upper half of each curve, where overhead counts least; the table says over which range.


# %% tags=["hide-input"]
def grow(counts, prepare, share=1):
    """Sizes and seconds per scenario, until the work takes longer than the patience."""
    done, spent = [], []
    for count in counts:
        took, _ = measured(prepare(count))
        done.append(count)
        spent.append(took / share)
        if took > patience_s:
            break
    return np.array(done), np.array(spent)


def feasible_first(kind, solver, **options):
    """A batch, those that can be solved before the others, and its first draw."""
    drawn = kind.random_batch(rng(7), max(lanes, 64), **options)
    order = np.argsort(~solver(drawn).feasible, kind="stable")[:lanes]
    batch = Batch([drawn[int(lane)] for lane in order])
    return batch, batch[0]


def powered_at(exact, field_name):
    def prepare(count):
        options = {field_name: count, "crb_limit_m2": 0.5}
        batch, one = feasible_first(wp.Scenario, wp.solve_exact_batch, **options)
        return partial(*(wp.solve_exact_batch, batch) if exact else (wp.solve_sca, one))

    return prepare


def stations_at(exact):
    def prepare(count):
        options = {"base_stations": count, "min_comm_sinr_db": -25.0}
        batch, one = feasible_first(nl.Scenario, nl.solve_exact_batch, **options)
        if exact:
            return lambda: nl.solve_exact_batch(batch)
        nl.solve_dc(one)  # compiles the program of this size
        return lambda: nl.solve_dc(one)

    return prepare


def services_at(exact):
    """Networks of integrated users only, put together from drops of three."""

    def prepare(count):
        parts = [si.Network.random(child) for child in rng(8).spawn(lanes + count)]

        def network_of(start):
            some = parts[start : start + count // 3]
            joined = dict.fromkeys(("min_sensing_bps", "min_rate_bps"), np.zeros(count))
            for name in ("radar_gain", "clutter_gain", "link_gain", "weights"):
                joined[name] = np.concatenate([getattr(part, name) for part in some])
            return some[0].replace(**joined)

        batch = [network_of(start) for start in range(lanes)]
        if exact:
            return lambda: si.solve_exact_batch(batch)
        si.solve_sum(batch[0])  # compiles the program of this size
        return lambda: si.solve_sum(batch[0])

    return prepare


def carriers_at(exact):
    solver = cold(ofdm.solve_exact if exact else ofdm.dynamic_allocation)

    def prepare(count):
        one = ofdm.Scenario.random(rng(9), carriers=count)
        return lambda: solver(one)

    return prepare


def beams_at(method):
    def prepare(count):
        places = 15 + 40 * rng(10).random((max(beam_counts), 2))
        crowd = nf.Scenario.random(rng(11), user_positions_m=places[:count])
        own = nf.channels(crowd)
        ball = 1e-3 * np.linalg.norm(own, axis=2)
        given = own, ball, 1e3, crowd.noise_w, crowd.comm_power_w
        return lambda: nf.power_margin(*given, method=method)

    return prepare


panels_of = {
    "wireless powered: users": [
        ("exact", user_counts, powered_at(True, "users"), lanes),
        ("SCA", user_counts, powered_at(False, "users"), 1),
    ],
    "wireless powered: targets": [
        ("exact", target_counts, powered_at(True, "targets"), lanes),
        ("SCA", target_counts, powered_at(False, "targets"), 1),
    ],
    "network localization: base stations": [
        ("exact", station_counts, stations_at(True), lanes),
        ("Algorithm 1", station_counts, stations_at(False), 1),
    ],
    "semi-ISaC: users": [
        ("exact", service_counts, services_at(True), lanes),
        ("cone program", service_counts, services_at(False), 1),
    ],
    "OFDM ranging: subcarriers": [
        ("exact", carrier_counts, carriers_at(True), 1),
        ("mixing rule", carrier_counts, carriers_at(False), 1),
    ],
    "near field: users": [
        ("cuts", beam_counts, beams_at("cuts"), 1),
        ("semidefinite program", beam_counts, beams_at("sdp"), 1),
    ],
}
measured = {
    title: [(label, *grow(*rest)) for label, *rest in lines]
    for title, lines in panels_of.items()
}


# %% tags=["hide-input"]
def plain_ticks(ax, sizes):
    """The sizes themselves below a logarithmic axis."""
    ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
    ax.xaxis.set_minor_locator(NullLocator())


figure, panels = plotting.subplots(2, 3, width=8.4, height=6.0)
rows, columns = [], ["paper", "solver", "dimension", "size", "seconds"]
for ax, (title, lines) in zip(panels.flat, measured.items()):
    paper, _, dimension = title.partition(": ")
    for role, (label, counts, spent) in zip(("exact", "paper"), lines):
        upper = np.median(counts) if len(counts) > 3 else 0
        named = label + fitted(f"{paper}: {label}", dimension, counts, spent, upper)
        marker = plotting.role(role)["marker"] or "s"
        plotting.line(ax, counts, spent, role, label=named, marker=marker)
        rows += [(paper, label, dimension, *point) for point in zip(counts, spent)]
    ax.set(xlabel=f"{dimension.capitalize()} (1)", title=paper)
    ax.set(xscale="log", yscale="log")
    plain_ticks(ax, max((counts for _, counts, _ in lines), key=len))
    spread = np.log10(np.concatenate([spent for _, _, spent in lines]))
    ax.set_ylim(10 ** np.floor(spread.min()), 10 ** (np.ceil(spread.max()) + 1))
    small = {"fontsize": "x-small", "title_fontsize": "x-small"}
    ax.legend(title="solver (exponent)", loc="upper left", **small)
figure.supylabel("Processor time per scenario (s)", fontsize="medium")
ratios = []  # of both times at the largest size that both reach; the last panel compares two exact roads
for (_, counts, ours), (_, others, theirs) in list(measured.values())[:5]:
    shared = set(counts) & set(others)
    if shared:
        own, other = (list(sizes).index(max(shared)) for sizes in (counts, others))
        ratios.append(ours[own] / theirs[other])
figures.show(
    figure,
    "scaling",
    data=pd.DataFrame(rows, columns=columns),
    caption="Time per scenario against size, with the exponent of the growth. Exact solvers of the first four panels: per draw of "
    f"{lanes} solved at once. A curve that ends early ran out of patience ({patience_s:g} s). At the largest size that both lines reach, the exact solver takes "
    f"{min(ratios, default=np.nan):.2g} to {max(ratios, default=np.nan):.2g} times as long as the paper's algorithm.",
    alt=f"Six panels with logarithmic axes, each with two lines over the size. At the largest size of both lines the exact solver lies below the paper's algorithm in {sum(ratio < 1 for ratio in ratios)} of the first {len(ratios)}; "
    "the last compares two exact roads, cuts and a semidefinite program.",
    solver="scalar search, eigenvalues, interior point, SLSQP, Clarabel",
)

# %% tags=["hide-input"]
names = ["solver", "grows with", "exponent ± standard error (fitted range)"]
tables.table(
    [dict(zip(names, map(str, row))) for row in fits],
    caption="Fitted exponents of the time. Small ones at small sizes mostly mean that overhead still dominates.",
)

# %% [markdown]
# Read the exponents with their ranges. None of these solvers has been tuned for size beyond what the papers and the book need; what
# counts for the book is what a certificate costs beside a heuristic, which the caption of the figure says.
