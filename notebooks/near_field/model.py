# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # From spherical waves to a bound on the position
#
# A few access points, each with a long array, share a block of time between two tasks. First they listen to echoes and find out
# where the users stand; then they serve the users with beams computed from those positions {cite}`near_field_paper`. This page
# builds the model and derives, step by step, the four results on which the rest of the chapter stands:
#
# 1. the Fisher information of the positions in closed form;
# 2. the sensing covariances of least position error, from a program small enough to be solved in seconds and certified by hand;
# 3. the law that turns a position error into a channel error;
# 4. what given beams are worth under the worst such error.
#
# Every step is executed: a cell below it checks the formula by an independent computation and stops the book if it fails.

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

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
import sympy as sp
from compendium.notebook import claims, figures, tables
from compendium.notebook.curves import legend_above
from compendium.notebook.given import taken_by
from scipy.optimize import minimize
from scipy.special import struve

from isaclib import InvalidScenario
from isaclib import near_field as nf
from isaclib.foundations import fisher, plotting, units

aps = np.column_stack([ap_x_m, ap_y_m])
scenario = nf.Scenario.random(
    np.random.default_rng(seed),
    array_angles_rad=None if array_orientation == "centre" else np.zeros(len(aps)),
    **taken_by(nf.Scenario.random, globals()),
)
users, count = scenario.user_positions_m, len(scenario.user_positions_m)
wavelength = scenario.wavelength_m
isotropic = np.eye(antennas) * scenario.sensing_power_w / antennas
isotropic = np.stack([isotropic] * len(aps))
ap = min(1, len(aps) - 1)  # the access point of the examples

# %% [markdown]
# ## The system
#
# The figure is drawn from the scenario. Each bar is an array, enlarged twenty times; the arc around it is the border of its near
# field.
#
# ```{margin} Assumption
# Access points and users lie in a plane, in line of sight, and their clocks and phases agree. The paper does not say how the
# arrays are turned; ours face the centre of the area.
# ```

# %% tags=["hide-input"]
figure, axes = plotting.subplots(1, 1, width=5.6, height=5.4)
turn = np.linspace(0, 2 * np.pi, 200)
circle = scenario.rayleigh_distance_m * np.column_stack([np.cos(turn), np.sin(turn)])
drawn_m = 10 * (antennas - 1) * antenna_spacing_m  # half an array, enlarged
bar = {"color": plotting.INK, "linewidth": 4, "solid_capstyle": "butt"}
path = {"color": plotting.COLOURS[5], "linewidth": 0.6, "linestyle": ":"}
near = {"textcoords": "offset points"}
for m, (position, angle) in enumerate(zip(aps, scenario.array_angles_rad)):
    half = drawn_m * np.array([np.cos(angle), np.sin(angle)])
    axes.plot(*np.transpose([position - half, position + half]), **bar)
    for user in users:
        axes.plot(*np.transpose([position, user]), **path)
    look = {**plotting.style(m), "marker": "", "linewidth": 1}
    axes.plot(*(position + circle).T, **look, label=f"border of AP {m + 1}")
    halo = {"path_effects": plotting.HALO}
    axes.annotate(f"AP {m + 1}", position, (8, 8), **near, **halo)
legend_above(figure, axes, 3)
axes.plot(*users.T, **{**plotting.style(1), "linestyle": "", "marker": "o"})
for k, user in enumerate(users):
    axes.annotate(f"user {k + 1}", user, (6, -11), **near)
corners = np.vstack([aps, users, [[0.0, 0.0], [70.0, 70.0]]])
(left, low), (right, high) = corners.min(axis=0) - 2, corners.max(axis=0) + 2
axes.set(xlim=(left, right), ylim=(low, high + 4), aspect="equal")
axes.set(xlabel="x (m)", ylabel="y (m)")
inside = int(np.sum(nf.centre_distances_m(scenario) < scenario.rayleigh_distance_m))
figures.show(
    figure,
    "system",
    data=dict(zip(["ap_x_m", "ap_y_m", "user_x_m", "user_y_m"], [*aps.T, *users.T])),
    caption="The system: access points (bars, arrays enlarged 20 times), users (circles), paths (dotted) "
    f"and the border of each near field (arcs). {inside} of {count * len(aps)} pairs of a user and an access point are within it; in the paper "
    "all are. The orientation of the arrays is our assumption.",
    alt=f"Map with {len(aps)} access points, {count} users and the near-field borders, at {scenario.rayleigh_distance_m:.3g} metres.",
    paper="Fig. 1",
)

# %% [markdown]
# (nf-channel)=
# ## A channel that knows where you are
#
# Antenna $n$ of access point $m$ sits at the offset $\mathbf o_n = (n - \tfrac{N_t-1}{2})\,d\,\mathbf t_m$ from the array
# centre, on
# the axis $\mathbf t_m$. A user at distance $r_{k,m(n)}$ from it and $r_{k,m(0)}$ from the centre receives the spherical wave
#
# ```{math}
# :label: nf-steering
# \mathbf h_{k,m} = \beta_{k,m}\,\mathbf a_{k,m},\qquad
# [\mathbf a_{k,m}]_n = e^{-\mathrm j\frac{2\pi}{\lambda}\left(r_{k,m(n)} - r_{k,m(0)}\right)},\qquad
# \beta_{k,m} = \tilde\beta_{k,m}\,e^{-\mathrm j\frac{2\pi}{\lambda} r_{k,m(0)}} .
# ```
#
# ```{margin} Assumption
# One path, no scattering, no shadowing. The amplitude is the same on all antennas of an array; only the phase is that of a
# spherical wave.
# ```
#
# With $\mathbf u$ the unit vector from the centre to the user, an expansion in $o/r$ shows what the array can see:
#
# ```{math}
# :label: nf-expansion
# r_{(n)} - r_{(0)} = -\,\mathbf o_n^{\mathsf T}\mathbf u
#   + \frac{|\mathbf o_n|^2 - (\mathbf o_n^{\mathsf T}\mathbf u)^2}{2\,r_{(0)}} + O\!\left(\frac{o^3}{r^2}\right).
# ```
#
# The first term knows the direction only: it is the plane wave of the far field. The second one is the curvature of the
# wavefront; it depends on the distance, and makes one array able to tell *how far* a user is. At the edge of the array
# ($o = D/2$, broadside) it turns the phase by $\pi D^2/(4\lambda r)$, which has fallen to $\pi/8$ at the Rayleigh distance
# $2D^2/\lambda$, the customary border of the near field.

# %% tags=["hide-input"]
offset, distance, angle = sp.symbols("o r theta", positive=True)
toward = offset * sp.cos(angle)
exact = sp.sqrt(distance**2 - 2 * distance * toward + offset**2) - distance
expansion = -toward + (offset**2 - toward**2) / (2 * distance)
assert sp.simplify(sp.series(exact, offset, 0, 3).removeO() - expansion) == 0

aperture = (antennas - 1) * antenna_spacing_m
edge_phase = np.pi * aperture**2 / (4 * wavelength * scenario.rayleigh_distance_m)
assert np.isclose(edge_phase, np.pi / 8)
tables.facts(
    {
        "wavelength (mm)": 1e3 * wavelength,
        "spacing / wavelength": antenna_spacing_m / wavelength,
        "aperture (m)": aperture,
        "Rayleigh distance (m)": scenario.rayleigh_distance_m,
        "farthest user (m)": float(nf.centre_distances_m(scenario).max()),
    },
    caption="Lengths of the scenario.",
)

# %% [markdown]
# The second row is a surprise. The aperture of the paper, spread over its 21 antennas, puts them about two and a half wavelengths
# apart. Such an array has grating lobes: directions whose sines differ by $\lambda/d$ give the same plane wave. Half a wavelength
# would remove them, and the near field with them ({ref}`erratum 004-E7 <erratum-004-e7>`). Only the curvature and the other access points tell the lobes
# apart.

# %% tags=["hide-input"]
figure, axes = plotting.subplots(1, 1, width=6.4, height=3.4)
shown = scenario.replace(antennas=min(antennas, 11))
chosen = 0
places = nf.antenna_positions_m(shown)[ap] - aps[ap]
angle, ahead = scenario.array_angles_rad[ap], users[chosen] - aps[ap]
axis_direction = np.array([np.cos(angle), np.sin(angle)])
normal = np.array([axis_direction[1], -axis_direction[0]])
normal *= np.sign(normal @ ahead)
along = places @ axis_direction
ahead = ahead @ np.column_stack([axis_direction, normal])
target = ahead / np.linalg.norm(ahead) * 0.28
path = {"color": plotting.COLOURS[5], "linewidth": 0.7, "linestyle": ":"}
for x in along:
    axes.plot([x, target[0]], [0, target[1]], **path)
axes.plot([0, target[0]], [0, target[1]], color=plotting.INK, linewidth=1.4)
axes.plot(along, 0 * along, **{**plotting.style(0), "linestyle": ""})
axes.plot(*target, **{**plotting.style(1), "linestyle": ""})
near = {"textcoords": "offset points"}
axes.annotate("user $k$ (not to scale)", target, (8, -3), **near)
arrow = {"arrowstyle": "-", "color": plotting.INK, "linewidth": 0.6}
arrow, aside = {"arrowprops": arrow}, 0.6 * target + [0.4 * along[-1], 0]
axes.annotate("$r_{k,m(0)}$", target / 2, (-0.2, 0.2), **arrow)
axes.annotate("$r_{k,m(n)}$", aside, (0.15, 0.2), **arrow)
axes.annotate("$d$", ((along[0] + along[1]) / 2, 0), (-3, -14), **near)
axes.set(xlabel="along the array axis (m)", ylabel="along broadside (m)")
axes.set(xlim=(-0.24, 0.24), ylim=(-0.05, 0.32), aspect="equal")
figures.show(
    figure,
    "antennas",
    data={"offset_m": along},
    caption="Antennas of one access point (every position from the scenario; at most 11 are drawn, and the user is moved close). "
    "The paper's index runs from $-N$ to $N$ and allows odd numbers only, while its Figs. 3 and 4 use 20, 32, 40 and 60 antennas; "
    "here the offsets are symmetric for any number ({ref}`erratum 004-E6 <erratum-004-e6>`).",
    alt="A line of equally spaced antennas and the paths from each of them to one user in front of the array.",
    paper="Fig. 2",
)

# %% [markdown]
# The paper prints the amplitude $\tilde\beta = \sqrt{\lambda/(4\pi r^2)}$. Its unit is not that of a ratio: measured in
# millimetres
# the same system would have another gain ({ref}`erratum 004-E3 <erratum-004-e3>`). Free space gives $\lambda/(4\pi r)$. The difference,
# $10\log_{10}(4\pi/\lambda)$ dB for every hop, is large; we keep the printed gain as the default, because the paper's numbers are
# built on it, and offer `path_gain="physical"`.

# %%
printed_db, free_db = (
    20 * np.log10(nf.path_amplitudes(scenario.replace(path_gain=kind))[0, 0])
    for kind in ("printed", "physical")
)
assert np.isclose(printed_db - free_db, 10 * np.log10(4 * np.pi / wavelength))
print(f"gain from AP 1 to user 1: {printed_db:.1f} dB as printed,", end=" ")
print(f"{free_db:.1f} dB in free space")

# %% [markdown]
# (nf-echo)=
# ## The echo
#
# Access point $m$ sends $\mathbf s_m[t]$ with covariance $\mathbf\Psi_m$, independent of the others. User $k$ reflects it, access
# point $l$ receives it:
#
# ```{margin} Assumption
# Every user is a point that scatters. The receiver sees each pair of access points apart: signals of different access points
# are uncorrelated, and direct paths and clutter have been removed.
# ```
#
# ```{math}
# :label: nf-echo-model
# \mathbf y_l = \sum_k \sum_m \alpha_{k,l,m}\,\mathbf a_{k,l}\,\mathbf a_{k,m}^{\mathsf H}\,\mathbf s_m + \mathbf n_l,
# \qquad \alpha_{k,l,m} = \rho_{k,l,m}\,\beta_{k,l}\,\beta_{k,m}^{*}.
# ```
#
# The reflectivity $\rho_{k,l,m}$ is a draw from $\mathcal{CN}(0,1)$, one for every user and every *ordered pair* of access
# points,
# and unknown. So are the $\alpha$: they are nuisance parameters, $KM^2$ complex numbers that have to be estimated along with the
# $2K$ coordinates. (The conjugate in $\alpha$ is missing in the paper; the next cell shows that $\mathbf h_{k,l}\mathbf
# h_{k,m}^{\mathsf H}$
# needs it.)

# %%
a, h = nf.steering_vectors(scenario), nf.channels(scenario)
gains = nf.echo_gains(scenario)
echo = scenario.reflectivity[0, 0, ap] * np.outer(h[0, 0], h[0, ap].conj())
assert np.allclose(echo, gains[0, 0, ap] * np.outer(a[0, 0], a[0, ap].conj()))

# %% [markdown]
# (nf-fisher)=
# ## Fisher information, block by block
#
# Over $\tau$ sensing blocks with known signals the echoes are Gaussian with mean $\mathbf H(\boldsymbol\theta)\,\mathbf S$ and
# white
# noise of power $\sigma^2$. For such a model the information is the Gram matrix of the derivatives of the mean
# {cite}`kay1993`; with
# $\mathbf S\mathbf S^{\mathsf H} = \tau\mathbf\Psi$ and a receiver gain $G_p$ (below),
#
# ```{math}
# :label: nf-information
# J_{pq} = \tau\,\frac{2 G_p}{\sigma^2}\;\Re\operatorname{tr}\!\left(\mathbf\Psi\,
#   \frac{\partial\mathbf H^{\mathsf H}}{\partial\theta_p}\,\frac{\partial\mathbf H}{\partial\theta_q}\right).
# ```
#
# The derivatives with respect to the positions and the gains of user $k$, in block $(l, m)$, are
#
# $$
# \begin{aligned}
# \frac{\partial}{\partial c_k^q} &:\quad \alpha_{k,l,m}\bigl(\partial_q\mathbf a_{k,l}\,\mathbf a_{k,m}^{\mathsf H}
#   + \mathbf a_{k,l}\,\partial_q\mathbf a_{k,m}^{\mathsf H}\bigr),\\
# \frac{\partial}{\partial\Re\alpha_{k,l,m}} &:\quad \mathbf a_{k,l}\mathbf a_{k,m}^{\mathsf H},\qquad
# \frac{\partial}{\partial\Im\alpha_{k,l,m}}:\quad \mathrm j\,\mathbf a_{k,l}\mathbf a_{k,m}^{\mathsf H} .
# \end{aligned}
# $$
#
# All of them are sums of terms $\mathbf u\,\mathbf v^{\mathsf H}$ with $\mathbf u,\mathbf v$ taken from $\mathbf a, \partial_x\mathbf a,
# \partial_y\mathbf a$, and for such terms
#
# ```{math}
# :label: nf-rank-one
# \operatorname{tr}\!\left(\mathbf\Psi\,(\mathbf u_1\mathbf v_1^{\mathsf H})^{\mathsf H}\,\mathbf u_2\mathbf v_2^{\mathsf H}\right)
#   = (\mathbf u_1^{\mathsf H}\mathbf u_2)\,(\mathbf v_1^{\mathsf H}\mathbf\Psi\,\mathbf v_2)^{*}.
# ```
#
# Hence the whole matrix consists of products of two small Gram matrices, one of the receiver and one of the transmitter. Because
# $\mathbf\Psi$ is block diagonal, derivatives that live in different blocks $(l,m)$ are orthogonal.

# %%
rng = np.random.default_rng(7)
u1, u2, v1, v2 = rng.standard_normal((4, 5)) + 1j * rng.standard_normal((4, 5))
root = rng.standard_normal((5, 5)) + 1j * rng.standard_normal((5, 5))
psi = root @ root.conj().T
left = np.trace(psi @ np.outer(v1, u1.conj()) @ np.outer(u2, v2.conj()))
assert np.isclose(left, (u1.conj() @ u2) * np.conj(v1.conj() @ psi @ v2))

# %% [markdown]
# Now the closed form against central differences of the mean signal: the derivative with respect to one coordinate, all the way
# through the distances, the waves and the echo matrix. (The tests of the library do this for every parameter, and once more by
# complex-step differentiation, which has no cancellation error.)

# %%
J = nf.fisher_information(scenario, isotropic)


def echo_with(positions):
    moved = nf.steering_vectors(scenario, positions)
    return np.einsum("klm,kla,kmb->lamb", gains, moved, moved.conj())


step = 3e-5
numeric = []
for q, k in np.ndindex(2, count):
    unit = np.zeros_like(users)
    unit[k, q] = step
    near, far = (
        echo_with(users + turn * unit) - echo_with(users - turn * unit)
        for turn in (1, 2)
    )
    numeric.append(((8 * near - far) / (12 * step)).ravel())
numeric = np.array(numeric)

# %%
gain = units.db_to_linear(sensing_processing_gain_db)
scale = 2 * gain / scenario.noise_w * scenario.sensing_power_w / antennas
J_pp = J[: 2 * count, : 2 * count]
difference = scale * (numeric.conj() @ numeric.T).real - J_pp
worst = np.abs(difference).max() / (np.diag(J_pp).max() or 1.0)
assert worst < 1e-6
print("information of the positions: closed form and differences", end=" ")
print(f"agree to {worst:.1e}")

# %% [markdown]
# (nf-elimination)=
# ## Eliminating the gains
#
# Write the quadratic form of the information for a change $x$ of the positions and $z$ of the gains and minimise it over $z$: the
# information that is left when the gains may adapt is
#
# ```{math}
# :label: nf-schur
# x^{\mathsf T} J_e\, x = \min_z \begin{bmatrix} x\\ z\end{bmatrix}^{\mathsf T}
# \begin{bmatrix} J_{pp} & J_{p\alpha}\\ J_{p\alpha}^{\mathsf T} & J_{\alpha\alpha}\end{bmatrix}
# \begin{bmatrix} x\\ z\end{bmatrix},\qquad
# J_e = J_{pp} - J_{p\alpha} J_{\alpha\alpha}^{-1} J_{p\alpha}^{\mathsf T},
# ```
#
# the Schur complement, and $\operatorname{tr} J_e^{-1}$ bounds the summed squared position error of every unbiased estimator. Two
# facts follow from the minimum over $z$ without any algebra. First, gains of different pairs do not couple, so the minimum
# splits:
# $J_e = \sum_{l,m} S_{lm}$ with one small Schur complement for every pair. Second, fix any rule $z = -X^{\mathsf T}x$ by which the
# gains follow the positions; the form is then linear
# in $\mathbf\Psi$, and a minimum of linear functions is concave. **$J_e$ is a concave, matrix-valued function of the
# covariances**, and
# therefore $\operatorname{tr}J_e^{-1}$ is convex in them {cite}`boyd2004`.

# %%
by_pairs = nf.position_information(scenario, isotropic)
full = fisher.equivalent_fim(J, 2 * count)
assert np.abs(by_pairs - full).max() <= 1e-6 * np.abs(full).max()
sensing = nf.optimise_sensing(scenario, fallback=True)
located = bool(np.isfinite(sensing.crlb_bar_m2))
mixture = [sensing.covariances, isotropic]
middle = nf.position_information(scenario, 0.5 * mixture[0] + 0.5 * mixture[1])
chord = 0.5 * sum(nf.position_information(scenario, psi) for psi in mixture)
assert np.linalg.eigvalsh(middle - chord)[0] >= -1e-9 * np.abs(chord).max()

# %% [markdown]
# ### What the printed Appendix would give
#
# The Appendix leaves out that the reference distance $r_{k,m(0)}$ moves with the user, and sets the block between real and
# imaginary parts of the gains to zero. One of the two alone does little harm: a common phase of an array lies in the span of
# the gains
# and is eliminated with them. Both together destroy the bound: the phase is no longer eliminated, and what should be an
# information
# matrix has negative eigenvalues (errata {ref}`004-E5d <erratum-004-e5d>` and {ref}`004-E5e <erratum-004-e5e>`).

# %% tags=["hide-input"]
slope = nf.steering_derivatives(scenario)
towards = (users[:, None] - aps[None]) / nf.centre_distances_m(scenario)[..., None]
towards = np.moveaxis(towards, -1, 0)[..., None]
printed_slope = slope - 2j * np.pi / wavelength * towards * a


def equivalent_information(derivative, cross):
    total = np.zeros((2 * count, 2 * count))
    for l, m in np.ndindex(len(aps), len(aps)):
        change = gains[:, l, m, None, None] * (
            np.einsum("qka,kb->qkab", derivative[:, :, l], a[:, m].conj())
            + np.einsum("ka,qkb->qkab", a[:, l], derivative[:, :, m].conj())
        )
        p = change.reshape(2 * count, -1)
        g = np.einsum("ka,kb->kab", a[:, l], a[:, m].conj()).reshape(count, -1)
        zpp, zpa, zaa = p.conj() @ p.T, p.conj() @ g.T, g.conj() @ g.T
        jpa, off = np.concatenate([zpa.real, -zpa.imag], axis=1), cross * zaa.imag
        inverse = np.linalg.pinv(np.block([[zaa.real, -off], [off, zaa.real]]))
        total += zpp.real - jpa @ inverse @ jpa.T
    return scale * total


variants = {
    "derivative complete, cross block kept": (slope, 1),
    "reference term dropped, cross block kept": (printed_slope, 1),
    "derivative complete, cross block zero": (slope, 0),
    "both as printed": (printed_slope, 0),
}
values = [
    np.linalg.eigvalsh(equivalent_information(*variant))[0]
    for variant in variants.values()
]
assert np.allclose(values[:3], values[0], rtol=1e-3) and values[3] < 0
assert np.isclose(values[0], np.linalg.eigvalsh(by_pairs)[0], rtol=1e-6)
tables.table(
    {"variant": list(variants), "least eigenvalue (1/m²)": values},
    caption="Least eigenvalue of the equivalent information of one sensing block, isotropic covariances. An information matrix cannot have a negative one.",
)

# %% [markdown]
# (nf-sensing)=
# ## The best sensing covariances
#
# ```{margin} Assumption
# The covariances are optimised at the true positions and reflectivities, which a real network would know only from the block
# before.
# ```
#
# The bound over the $\tau = (1-\eta)T/\tau_s$ blocks of the sensing phase is
#
# ```{math}
# :label: nf-crlb
# \mathrm{CRLB}(\mathbf\Psi,\eta) = \frac{\tau_s}{(1-\eta)T}\,\overline{\mathrm{CRLB}}(\mathbf\Psi),\qquad
# \overline{\mathrm{CRLB}}(\mathbf\Psi) = \operatorname{tr} J_e(\mathbf\Psi)^{-1}
# ```
#
# with $J_e$ of one block, and the best covariances solve
#
# ```{math}
# :label: nf-sensing-problem
# \min_{\mathbf\Psi_m\succeq0}\ \operatorname{tr}J_e(\mathbf\Psi)^{-1}\quad\text{s.t.}\quad \operatorname{tr}\mathbf\Psi_m\le
# P^s_{\max} .
# ```
#
# **They do not depend on the time allocation.** $\eta$ is a positive factor in front of the objective. For the same reason the
# power
# budget only scales them: $J_e$ is linear in a common factor of all $\mathbf\Psi_m$.
#
# **Range reduction.** By {eq}`nf-rank-one` $J_e$ depends on $\mathbf\Psi_m$ only through
# $\mathbf U_m^{\mathsf H}\mathbf\Psi_m\mathbf U_m$ with the $3K$ columns $\mathbf U_m = [\mathbf a, \partial_x\mathbf
# a,\partial_y\mathbf a]$. Let
# $\mathbf Q_m$ be an orthonormal basis of their span. Replacing $\mathbf\Psi_m$ by
# $\mathbf Q_m\mathbf Q_m^{\mathsf H}\,\mathbf\Psi_m\,\mathbf Q_m\mathbf Q_m^{\mathsf H}$ changes no entry of $J_e$, and a projection never
# increases the
# trace. So nothing is lost by searching among the $\mathbf Q_m\mathbf Y_m\mathbf Q_m^{\mathsf H}$ with $\mathbf Y_m\succeq0$ of size
# $3K$, whatever
# the number of antennas.
#
# **Block decoupling.** The paper's linear matrix inequality has the size $2K+2KM^2$. With the sum over pairs it splits into $M^2$
# inequalities of size $4K$: find $U_{lm}$ with
# $\begin{bmatrix} J_{pp}^{lm}-U_{lm} & J_{p\alpha}^{lm}\\ \cdot & J_{\alpha\alpha}^{lm}\end{bmatrix}\succeq0$ and
# minimise $\operatorname{tr}\bigl(\sum_{lm}U_{lm}\bigr)^{-1}$.

# %%
draw = rng.standard_normal((2, len(aps), antennas, antennas))
draw = draw[0] + 1j * draw[1]
some = draw @ draw.conj().swapaxes(1, 2)
waves = np.concatenate([a[None], nf.steering_derivatives(scenario)])
waves = waves.transpose(2, 3, 0, 1).reshape(len(aps), antennas, -1)
Q = np.linalg.qr(waves)[0]
QH = Q.conj().swapaxes(1, 2)
projected = Q @ (QH @ some @ Q) @ QH
before, after = (nf.crlb_m2(scenario, psi, 0.5) for psi in (some, projected))
assert np.isclose(after, before, rtol=1e-6, atol=0)  # both may be infinite
spent, given = np.trace([projected, some], axis1=2, axis2=3).real
assert np.all(spent <= given * (1 + 1e-12))  # equal if waves span the array

# %% [markdown]
# (nf-witness)=
# ### A certificate that needs no solver
#
# ```{prf:theorem} Weak duality for the sensing bound
# :label: nf-theorem-witness
#
# Every symmetric matrix $V$ with positive trace and all matrices $X_{lm}$ give the lower bound {eq}`nf-certificate` on what any admissible covariance reaches.
# ```
#
# For every symmetric matrix $V$ we have $\operatorname{tr}J^{-1}\ge 2\operatorname{tr}V-\operatorname{tr}(VJV)$, because
# $\operatorname{tr}\bigl((J^{-1/2}-J^{1/2}V)^{\mathsf T}(J^{-1/2}-J^{1/2}V)\bigr)\ge0$. And for any matrices $X_{lm}$ the
# minimum in {eq}`nf-schur` is
# at most its value at $z=-X_{lm}^{\mathsf T}x$. Together the right-hand side becomes linear in the covariances,
# $2\operatorname{tr}V-\sum_m\operatorname{tr}(G_m\mathbf\Psi_m)$, and the worst admissible covariance costs
# $P\lambda_{\max}(G_m)$. Choosing the best scale of $V$,
#
# ```{math}
# :label: nf-certificate
# \overline{\mathrm{CRLB}}(\mathbf\Psi)\ \ge\ \frac{(\operatorname{tr}V)^2}{P\sum_m\lambda_{\max}\bigl(G_m(V,X)\bigr)}
# \qquad\text{for all admissible }\mathbf\Psi .
# ```
#
# Any $(V, X)$ gives a true bound; the multipliers of the solver give a tight one. The check is eigenvalues in NumPy.

# %%
checked = nf.verify_sensing(scenario, sensing)
if located:
    assert checked.status == "optimal" and checked.gap < 1e-5
else:
    print("No covariance identifies all positions: all bounds are infinite.")
try:
    crude = nf.sensing_bound(scenario, nf.natural_witness(scenario, isotropic))
except InvalidScenario:  # rounding leaves no witness: only 0 is proven
    crude = 0.0
# With one access point it is as tight, but for rounding
assert crude <= checked.bound * (1 + 1e-9)
isotropic_bar = nf.crlb_m2(scenario, isotropic, 0) * block_s / sensing_block_s

# %% tags=["hide-input"]
told = "Not even isotropic covariances, which see all that any other sees, identify all positions."
if located:
    told = f"Solved by a {sensing.certificate.method}; value, bound and gap recomputed in NumPy."
tables.facts(
    {
        "bound of one block, isotropic (m²)": f"{isotropic_bar:.6g}",
        "bound of one block, optimised (m²)": f"{checked.value:.6g}",
        "certified lower bound (m²)": f"{checked.bound if located else np.inf:.6g}",
        "relative gap": f"{checked.gap if located else np.nan:.1e}",
        "lower bound from the isotropic witness (m²)": f"{crude:.6g}",
    },
    caption="Squared position error, summed over the users, that one sensing block allows at best. "
    + told,
)

# %% [markdown]
# Where does the power go? The eigenvalues of the optimal covariances say that each access point lights only a few directions: one
# user's position is measured best by the pairs that see it best, and the bound asks for no more. This will matter for MUSIC, see
# {doc}`results`.
#
# The table gives the largest eigenvalues as shares of the power, and what arrives in the direction of each user as a share of what a
# beam pointed at that user alone would send there. These last shares need not add up to one: users who stand behind one
# another, seen from an access point, are lit by the same beam.

# %% tags=["hide-input"]
spectra = np.linalg.eigvalsh(sensing.covariances)[:, ::-1] / scenario.sensing_power_w
lit = np.einsum("kma,mab,kmb->mk", a.conj(), sensing.covariances, a).real
lit /= antennas * scenario.sensing_power_w
table = {"access point": [str(m + 1) for m in range(len(aps))]}
table |= {f"eigenvalue {r + 1}": spectra[:, r] for r in range(3)}
table |= {f"user {k + 1}": lit[:, k] for k in range(count)}
tables.table(
    table,
    formats=".3f",
    caption=f"Largest eigenvalues of the {'optimal' if located else 'isotropic'} covariances, and power towards each user, both as shares. 0.000 is a dark direction.",
)

# %% [markdown]
# The independence of the time allocation, solved rather than argued: another power, another limit, another block length.

# %% tags=["hide-input"]
weaker_w = scenario.sensing_power_w / 10**0.5
other = scenario.replace(sensing_power_w=weaker_w, crlb_limit_m2=3e-11)
other = other.replace(block_s=2 * block_s)
again = nf.optimise_sensing(other, fallback=True)
moved = sensing.covariances * other.sensing_power_w / scenario.sensing_power_w
shares = [0.1, 0.5, 0.9]
ratios = [
    nf.crlb_m2(other, moved, share) / nf.crlb_m2(other, again.covariances, share)
    for share in shares
]
apart = max(abs(ratio - 1) for ratio in ratios)
claims.record(
    "004-C11",
    ours="no covariance identifies all positions"
    if not located
    else "the covariances of one scenario, scaled to another power, are optimal there for three time allocations: bounds "
    f"differ by at most {apart:.0e} (certified gaps {sensing.certificate.gap:.0e} and {again.certificate.gap:.0e})",
    tolerance="relative difference at most 2e-5, twice the certified gap allowed to a conic program",
    reproduced=bool(apart < 2e-5),
    checkable=located,
)

# %% [markdown]
# (nf-calibration)=
# ## Calibration: one number that the paper needs
#
# With the paper's numbers the limit of $10^{-11}\,\mathrm m^2$ is out of reach by many orders of magnitude, for *every*
# covariance
# ({ref}`erratum 004-E2 <erratum-004-e2>`). The model takes one snapshot per millisecond and a noise of $-70$ dBm, and gives the receiver no processing
# gain. We add exactly one number, $G_p$, chosen so that the largest admissible communication share
#
# ```{math}
# :label: nf-etabar
# \bar\eta = 1-\frac{\tau_s\,\overline{\mathrm{CRLB}}}{T\,\mathrm{CRLB}_{th}}
# ```
#
# is 0.2 at 35 dBm and the limit $10^{-11}\,\mathrm m^2$, the case that the paper calls stringent. All else follows: 0.6 when
# the limit
# is doubled, 0.75 at 40 dBm.
#
# Is such a gain absurd? A receiver limited by thermal noise that integrates a whole sensing block coherently has, compared with
# one sample at noise power $\sigma^2$, the gain $\sigma^2\tau_s/(k_BT_0)$, whatever its bandwidth. The line below the table
# compares the two: what we add is of that size, but more than even this ideal receiver has, and the printed path gain is generous
# besides. Micrometres from echoes are the setting of the paper, not a forecast.
#
# ```{margin} Assumption
# One gain serves all pairs of access points. It is calibrated for one draw of the reflectivities; {doc}`results` shows how
# much others need.
# ```

# %% tags=["hide-input"]
thermal = scenario.noise_w * sensing_block_s / units.thermal_noise_psd_w_per_hz()
thermal_db = units.linear_to_db(thermal)
named = scenario.replace(sensing_power_w=units.dbm_to_w(35.0), crlb_limit_m2=1e-11)
needed_db = nf.calibrated_gain_db(named, nf.optimise_sensing(named, fallback=True), 0.2)
rows = []
for power_dbm, limit in [(35.0, 1e-11), (35.0, 2e-11), (40.0, 1e-11), (40.0, 2e-11)]:
    power_w = units.dbm_to_w(power_dbm)
    case = scenario.replace(sensing_power_w=power_w, crlb_limit_m2=limit)
    bar = sensing.crlb_bar_m2 * scenario.sensing_power_w / power_w
    share = nf.time_allocation_limit(case, bar)
    error = error_slope_per_m * np.sqrt(limit)
    rows.append((power_dbm, limit, share if share >= 0 else np.nan, error))
names = ["sensing power (dBm)", "limit (m²)", "largest communication share"]
names.append("relative channel error at the limit")
tables.table(
    pd.DataFrame(rows, columns=names),
    caption="What the calibration implies: the largest share of the block that the limit leaves to communication "
    "(a dash where not even all of it locates the users well enough).",
    precision=3,
)
excess_db = sensing_processing_gain_db - thermal_db
needed = f"{needed_db:.2f} dB" if located else "none is enough"
print(f"gain needed for the first row: {needed};", end=" ")
print(f"in use: {sensing_processing_gain_db:.2f} dB")
compared = f"{abs(excess_db):.1f} dB {'less' if excess_db > 0 else 'more'}"
print(f"ideal receiver: {thermal_db:.1f} dB, that is {compared} than in use")

# %% [markdown]
# (nf-error-law)=
# ## From a wrong position to a wrong channel
#
# Move the user by $\Delta$ in direction $\varphi$ against the line of sight. Its distance changes by $\Delta\cos\varphi$, all
# phases
# turn by $\frac{2\pi}{\lambda}\Delta\cos\varphi$. The turn of the wavefront across the array is much smaller and is dropped; without it,
#
# ```{math}
# :label: nf-struve
# \frac{\|\Delta\mathbf h\|}{\|\mathbf h\|} \approx 2\left|\sin\!\Bigl(\tfrac{\pi\Delta}{\lambda}\cos\varphi\Bigr)\right|,\qquad
# \mathbb E_\varphi\,\frac{\|\Delta\mathbf h\|}{\|\mathbf h\|} \approx 2\,\mathbf H_0\!\Bigl(\tfrac{\pi\Delta}{\lambda}\Bigr)
#   \quad(\Delta\le\lambda),
# ```
#
# with the Struve function $\mathbf H_0(x)=\frac2\pi\int_0^{\pi/2}\sin(x\cos\varphi)\,d\varphi =
# \frac2\pi\bigl(x-\tfrac{x^3}{9}+\dots\bigr)$.
# Its slope at zero is the paper's proportionality constant,
#
# ```{math}
# :label: nf-slope
# \alpha_e = \frac{2\pi}{\lambda}\,\mathbb E|\cos\varphi| = \frac{2\pi}{\lambda}\cdot\frac2\pi = \frac4\lambda ,
# ```
#
# and the next term says how far the straight line holds: it is 1 % too high at $\Delta\approx0.1\,\lambda$, and 5 % at
# $0.21\,\lambda$.
# The constant is a *mean* over directions. The worst direction, straight towards the access point, has the slope
# $2\pi/\lambda$, larger
# by the factor $\pi/2$: the radius of eq. (4) is not an upper bound ({ref}`erratum 004-E4 <erratum-004-e4>`).
#
# ```{margin} Assumption
# The chapter follows the paper and takes the mean for the radius of the error ball. Its guarantees hold for errors up to
# that radius, not for every error.
# ```

# %% tags=["hide-input"]
x, phi = sp.symbols("x phi", positive=True)
sine = sp.series(sp.sin(x * sp.cos(phi)), x, 0, 5).removeO()
mean_sine = sp.integrate(sine, (phi, 0, sp.pi / 2)) * 2 / sp.pi
assert sp.simplify(mean_sine - (2 / sp.pi) * (x - x**3 / 9)) == 0

lengths = wavelength * np.array([1e-4, 1e-2, 0.1, 0.21, 0.3])
turns = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
measured = []
for length in lengths:
    around = users[0] + length * np.column_stack([np.cos(turns), np.sin(turns)])
    errors = nf.channels(scenario, around)[:, ap] - h[0, ap]
    mean = np.mean(np.linalg.norm(errors, axis=-1))
    measured.append(mean / np.linalg.norm(h[0, ap]))
law = 2 * struve(0, np.pi * lengths / wavelength)
assert np.allclose(measured, law, rtol=2e-3)
line = 4 * lengths / wavelength
tables.table(
    {
        "error (wavelengths)": lengths / wavelength,
        "measured": measured,
        "Struve law": law,
        "straight line": line,
        "line / measured": line / np.array(measured),
    },
    caption=f"Relative channel error, averaged over {len(turns)} directions, beside the law and its tangent.",
)

# %% [markdown]
# (nf-given-beams)=
# ## What given beams are worth when the channel is wrong
#
# The last step is a judge: beams $\mathbf w_1,\dots,\mathbf w_K$ are given, and the channel of user $k$ may be any
# $\mathbf h+\boldsymbol\Delta$ with $\|\boldsymbol\Delta_m\|\le\epsilon_m$ at every access point. Which SINR is left in the worst case? Ask for an SINR
# $\gamma$ first. With $\mathbf U=[\mathbf w_1\dots\mathbf w_K]$ and $\mathbf C=\operatorname{diag}(-1,\dots,\gamma,\dots,-1)$, the $\gamma$ in place $k$,
# signal over $\gamma$ minus interference is the form of $\mathbf M=\mathbf U\mathbf C^{-1}\mathbf U^{\mathsf H}$. For any multipliers $\lambda_m>0$
#
# $$
# \begin{aligned}
# &\min_{\|\boldsymbol\Delta_m\|\le\epsilon_m}(\mathbf h+\boldsymbol\Delta)^{\mathsf H}\mathbf M(\mathbf h+\boldsymbol\Delta)-\sigma^2\ \ge\
# A(\boldsymbol\lambda,\gamma),\\
# &A(\boldsymbol\lambda,\gamma)=\min_{\boldsymbol\Delta}\Bigl[(\mathbf h+\boldsymbol\Delta)^{\mathsf H}\mathbf M(\mathbf h+\boldsymbol\Delta)
# +\boldsymbol\Delta^{\mathsf H}\boldsymbol\Lambda\boldsymbol\Delta\Bigr]-\boldsymbol\lambda^{\mathsf T}\boldsymbol\epsilon^2-\sigma^2 ,
# \end{aligned}
# $$
#
# since what is added is at most 0 inside the balls. The free minimum exists where $\mathbf M+\boldsymbol\Lambda\succ0$; there
# $\mathbf M(\mathbf h+\boldsymbol\Delta)+\boldsymbol\Lambda\boldsymbol\Delta=0$, that is $\boldsymbol\Delta=-\boldsymbol\Lambda^{-1}\mathbf U\mathbf y$ with
# $\mathbf y=\mathbf C^{-1}\mathbf U^{\mathsf H}(\mathbf h+\boldsymbol\Delta)$. Multiply by $\mathbf C$: with $\mathbf f=\mathbf U^{\mathsf H}\mathbf h$ and
# $\mathbf G=\mathbf U^{\mathsf H}\boldsymbol\Lambda^{-1}\mathbf U$ it reads $(\mathbf C+\mathbf G)\mathbf y=\mathbf f$, and the bracket is
# $\mathbf y^{\mathsf H}\mathbf C\mathbf y+\mathbf y^{\mathsf H}\mathbf G\mathbf y$. So a problem in all antennas has become one of size $K$,
#
# ```{math}
# :label: nf-worst-form
# A(\boldsymbol\lambda,\gamma)=\mathbf f^{\mathsf H}(\mathbf C+\mathbf G)^{-1}\mathbf f-\boldsymbol\lambda^{\mathsf T}\boldsymbol\epsilon^2-\sigma^2 ,
# ```
#
# in which $\gamma$ stands in one place only. Let $I$ be the other users, $\mathbf H=\mathbf I-\mathbf G_{II}\succ0$ and $\mathbf g=\mathbf G_{kI}$. A Schur
# complement frees it,
#
# ```{math}
# :label: nf-worst-sinr
# \begin{aligned}
# A&=\frac{|r|^2}{\gamma+G_{kk}+\mathbf g\mathbf H^{-1}\mathbf g^{\mathsf H}}-c,\qquad r=f_k+\mathbf g\mathbf H^{-1}\mathbf f_I,\\
# c&=\sigma^2+\boldsymbol\lambda^{\mathsf T}\boldsymbol\epsilon^2+\mathbf f_I^{\mathsf H}\mathbf H^{-1}\mathbf f_I ,
# \end{aligned}
# ```
#
# so that these multipliers prove every SINR up to $\gamma(\boldsymbol\lambda)=|r|^2/c-G_{kk}-\mathbf g\mathbf H^{-1}\mathbf g^{\mathsf H}$, where $A=0$.
#
# It remains to find the best ones. **Dinkelbach**'s iteration {cite}`dinkelbach1967` goes from the best multipliers at an SINR to the SINR that they prove:
# $\gamma_{i+1}=\gamma(\boldsymbol\lambda_i)$ with $\boldsymbol\lambda_i$ a maximiser of $A(\cdot,\gamma_i)$, which is concave in $\boldsymbol\lambda$. Begin where
# something is proven, $A(\boldsymbol\lambda_0,\gamma_0)\ge0$. For fixed multipliers $A$ falls with $\gamma$, so $\gamma_{i+1}\ge\gamma_i$: the SINR never falls, and
# each is proven. It ends only where $\max_{\boldsymbol\lambda}A=0$, where nothing more can be proven. And it ends soon:
# $F(\gamma)=\max_{\boldsymbol\lambda}A(\boldsymbol\lambda,\gamma)$ lies above $A(\boldsymbol\lambda_i,\cdot)$ and touches it at $\gamma_i$, with the same slope. The
# next SINR is the zero of a curve that is tangent to $F$, as in Newton's method, and the distances shrink faster than linearly.

# %%
judge = np.random.default_rng(3)
count_j, sites_j, size_j, noise_j = 3, 2, 3, 0.5
own, w = judge.standard_normal((2, count_j, sites_j, size_j, 2)) @ [1, 1j]
balls = 0.1 * np.linalg.norm(own, axis=2)
U, x = w.reshape(count_j, -1).T, own[0].ravel()  # the judged user is the first
f = U.conj().T @ x


def worth(multipliers, sinr):
    """A in the small form, and the SINR that the multipliers prove; user 0."""
    G = np.einsum("imn,jmn,m->ij", w.conj(), w, 1 / multipliers)
    C = np.diag([sinr, *[-1.0] * (count_j - 1)])
    spent = multipliers @ balls[0] ** 2 + noise_j
    A = (f.conj() @ np.linalg.solve(C + G, f)).real - spent
    H, g = np.eye(count_j - 1) - G[1:, 1:], G[0, 1:]
    if np.linalg.eigvalsh(H)[0] <= 0:
        return -np.inf, -np.inf
    r = f[0] + g @ np.linalg.solve(H, f[1:])
    c = spent + (f[1:].conj() @ np.linalg.solve(H, f[1:])).real
    lost = G[0, 0] + g @ np.linalg.solve(H, g.conj())
    return A, np.abs(r) ** 2 / c - lost.real


# %% [markdown]
# The small form is compared with the matrices of all antennas, and the closed form with the SINR at which $A$ vanishes:

# %%
multipliers, asked = np.array([200.0, 300.0]), 0.05
M = U @ np.diag([1 / asked, *[-1.0] * (count_j - 1)]) @ U.conj().T
pencil = M + np.diag(np.repeat(multipliers, size_j))
assert np.linalg.eigvalsh(pencil)[0] > 0
free = (x.conj() @ M @ x - x.conj() @ M @ np.linalg.solve(pencil, M @ x)).real
value, reached = worth(multipliers, asked)
assert np.isclose(value, free - multipliers @ balls[0] ** 2 - noise_j)
assert abs(worth(multipliers, reached)[0]) < 1e-9 * noise_j

# %% [markdown]
# Then the iteration, with a general minimiser for the inner step, against the library's judge; two access points, so that nothing is given away and an adversary
# finds a channel that is as bad ({prf:ref}`nf-theorem-s-lemma`):

# %%
path, point = [reached], np.log(multipliers)
how = {"method": "Nelder-Mead", "options": {"xatol": 1e-9, "fatol": 1e-13}}
while len(path) < 3 or path[-1] - path[-2] > 1e-9 * path[-1]:
    point = minimize(lambda z: -worth(np.exp(z), path[-1])[0], point, **how).x
    path.append(worth(np.exp(point), path[-1])[1])
certified = nf.worst_sinr(own, balls, w, noise_j)[0]
attained = nf.adversarial_sinr(own, balls, w, noise_j)[0]
print("SINR proven:", ", ".join(f"{sinr:.8f}" for sinr in path))
print(f"by the library {certified:.8f}, found by an adversary {attained:.8f}")
assert np.all(np.diff(path) > -1e-8 * path[-1])
assert np.isclose(path[-1], certified, rtol=1e-6)
assert np.isclose(attained, certified)

# %% [markdown]
# ## In three lines
#
# * A spherical wave tells distance and direction to one array; with several arrays the information about all positions has a closed form in the
#   covariances, from which the unknown gains are eliminated pair by pair.
# * The best covariance solves a small semidefinite program in the columns that the users span, and a dual point bounds every other one.
# * An error of the position changes the channel by $4/\lambda$ per metre, as long as it is a small part of a wavelength: that is the error ball which
#   the beams must survive.
#
# How well do the users get located, and what does MUSIC make of it? Continue with {doc}`results`.
