# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# # Assignment: near-field sensing and robust beams
#
# **What you will learn.** Why a curved wave tells a distance and a plane wave does not, what an unknown echo strength costs, how
# the worst channel of a ball is found and proved, how a guarantee becomes a matrix that must not have a negative eigenvalue, and
# how a search over the time to look ends with a proof.
#
# **Read before.** The pages [From spherical waves to a bound on the position](book:notebooks/near_field/model) and [Beams that
# survive a wrong position, and the time to look](book:notebooks/near_field/beamforming) of the chapter *Near-field sensing for
# cell-free beams*, and of the chapter *Foundations* the page [Fisher information for
# localization](book:notebooks/foundations/fisher_information). You need complex vectors, eigenvalues and NumPy; no solver is
# called here.
#
# **Time.** About three hours. The tasks do not use one another's answers: if one resists, go on with the next.
#
# **Rules.** Write your answers with NumPy, not by calling the function of `isaclib` that does the same. Where a shape is given,
# the tests may hand over lists as well as arrays (`np.asarray` takes both), and of another length than in your variant. The test
# cell below an answer is silent when it passes; some further tests run only when your work is graded.

# %% nbgrader={"grade_id": "setup", "locked": true}
import numpy as np

# %% [markdown]
# All numbers of your variant stand in the next cell. Tasks refer to them by name.

# %% tags=["parameters"] nbgrader={"grade_id": "parameters", "locked": true}
wavelength_m = 0.0107  # of the carrier (m); variant: 0.009..0.012
antennas = 64  # of one array, half a wavelength apart (1); variant: one of 48, 64, 80
user_angle_deg = 25.0  # direction of both users, from broadside (degrees); variant: 10..40
user_distance_m = 3.0  # of the first user from the middle of the array (m); variant: 2..4.5
second_distance_m = 9.0  # of the second user (m); variant: 7..12
echo_gain = [0.6, -0.3]  # real and imaginary part of the strength of an echo (1); variant: 0.4..0.9|-0.5..-0.2
noise_w = 0.02  # noise power of an antenna, and of a user (W); variant: 0.01..0.05
error_radii = [0.3, 0.5, 0.4]  # largest norm of the channel error at each access point (1); variant: 0.2..0.6
signal_gain = [1.0, 0.7, 1.3]  # power gain from each user's beam to that user (1); variant: 0.5..1.5
cross_gain = [0.06, 0.03, 0.09, 0.04, 0.07, 0.05]  # power gains from beams to the wrong users (1); variant: 0.02..0.1
power_w = 2.0  # power of all beams together (W); variant: 1..4 step 0.25
clean_sinr = 900.0  # SINR when the channel is known without error (1); variant: 400..2000
error_at_one = 0.05  # relative channel error after looking for the whole block (1); variant: 0.03..0.08
error_limit = 0.25  # largest relative channel error allowed (1); variant: 0.2..0.3

# %% [markdown]
# The array lies on the $x$ axis with its middle in the origin; a user at distance $r$ and angle $\theta$ from broadside stands at
# $q = (r\sin\theta,\, r\cos\theta)$.

# %% nbgrader={"grade_id": "scene", "locked": true}
user_angle = np.deg2rad(user_angle_deg)
offsets_m = wavelength_m / 2 * (np.arange(antennas) - (antennas - 1) / 2)  # x of each antenna, (N,)
toward = np.array([np.sin(user_angle), np.cos(user_angle)])
user_m, second_m = user_distance_m * toward, second_distance_m * toward


def response(offsets, position_m):
    """Phases of a spherical wave along the array: antenna offsets (N,) and a position (2,) give (N,), complex."""
    distances = np.hypot(position_m[0] - offsets, position_m[1])
    return np.exp(-2j * np.pi / wavelength_m * distances)


def response_derivatives(offsets, position_m):
    """Derivatives of the response with respect to the two coordinates of the position: (N, 2), complex, in 1/m."""
    legs = np.stack([position_m[0] - offsets, np.full(len(offsets), position_m[1])], axis=-1)
    unit = legs / np.linalg.norm(legs, axis=1, keepdims=True)
    return -2j * np.pi / wavelength_m * unit * response(offsets, position_m)[:, None]


# %% [markdown]
# ## Task 1: a wave that bends (2 points)
#
# The wave from the user travels the distance $r_n = \sqrt{r^2 - 2 r x_n \sin\theta + x_n^2}$ to the antenna at $x_n$. Expand
# $r_n - r$ in powers of $x_n$. The first power alone is the plane wave of the far field; the first and the second together are the
# Fresnel approximation. Only the second depends on the distance, so only the bend tells how far away the user is. Write both.


# %% nbgrader={"grade_id": "fresnel", "solution": true}
def path_differences(offsets, distance_m, angle_rad):
    """Approximations of r_n - r by a plane wave and by Fresnel: two arrays (N,) in m, for offsets (N,) in m."""
    ### BEGIN SOLUTION
    # SENTINEL-NEAR-FIELD-1: sqrt(1 + u) = 1 + u/2 - u^2/8 with u = (x^2 - 2 r x sin)/r^2; the squares of x leave cos^2
    plane = -offsets * np.sin(angle_rad)
    return plane, plane + (offsets * np.cos(angle_rad)) ** 2 / (2 * distance_m)
    ### END SOLUTION


# %% nbgrader={"grade_id": "fresnel-test", "grade": true, "points": 2}
def approximation_errors(offsets, distance, angle):
    exact = np.hypot(distance * np.sin(angle) - offsets, distance * np.cos(angle)) - distance
    return [np.max(np.abs(found - exact)) for found in path_differences(offsets, distance, angle)]


assert all(np.shape(found) == (antennas,) for found in path_differences(offsets_m, user_distance_m, user_angle)), "the shapes"
whole, half = (approximation_errors(scale * offsets_m, user_distance_m, user_angle) for scale in (1.0, 0.5))
assert 3 < whole[0] / half[0] < 5, "the plane wave: an array of half the length must have a quarter of the error"
assert 6 < whole[1] / half[1] < 10, "Fresnel: an array of half the length must have an eighth of the error"
### BEGIN HIDDEN TESTS
# SENTINEL-NEAR-FIELD-HIDDEN-1
aperture = offsets_m[-1] - offsets_m[0]
far = 2 * aperture**2 / wavelength_m
assert np.isclose(approximation_errors(offsets_m, far, 0.0)[0], wavelength_m / 16, rtol=1e-2), "the Rayleigh distance"
at_broadside = [approximation_errors(scale * offsets_m, user_distance_m, 0.0)[1] for scale in (1.0, 0.5)]
assert 12 < at_broadside[0] / at_broadside[1] < 20, "at broadside the third power vanishes as well"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: what an unknown echo strength costs (3 points)
#
# The echo of a target at $q$ is $y = \beta\, a(q) + n$. The noise $n$ is circular with power $\sigma^2$ at every antenna, and the
# strength $\beta$ is an unknown complex number: four real unknowns, two of them a nuisance. The information of all four has the
# entries $\frac{2}{\sigma^2}\Re(d_i^{\mathsf H} d_j)$, where $d_i$ is the derivative of $\beta a(q)$ with respect to unknown $i$.
# Take the Schur complement of the nuisance part and show that what is left is
#
# $$
# J = \frac{2 |\beta|^2}{\sigma^2}\,\Re\Bigl( \dot A^{\mathsf H} P\, \dot A \Bigr), \qquad
# P = I - \frac{a a^{\mathsf H}}{a^{\mathsf H} a},
# $$
#
# with the two derivatives of $a$ as the columns of $\dot A$. Write it; a large array is no reason to build the matrix $P$.


# %% nbgrader={"grade_id": "nuisance", "solution": true}
def position_information(derivatives, response, gain, noise_w):
    """Information of a position when the gain is unknown: (N, 2), (N,), complex, and W give (2, 2), real, in 1/m^2."""
    ### BEGIN SOLUTION
    # SENTINEL-NEAR-FIELD-2: moving the gain explains every multiple of the response away
    explained = np.outer(response, response.conj() @ derivatives) / np.vdot(response, response).real
    left = derivatives - explained
    return 2 * abs(gain) ** 2 / noise_w * (left.conj().T @ left).real
    ### END SOLUTION


# %% nbgrader={"grade_id": "nuisance-test", "grade": true, "points": 3}
gain = complex(*echo_gain)
by_hand = position_information(np.array([[1j, 1j], [-1j, 1j]]), np.ones(2), gain, noise_w)
assert np.shape(by_hand) == (2, 2) and np.isrealobj(by_hand), "two by two and real"
assert np.allclose(by_hand, np.diag([4 * abs(gain) ** 2 / noise_w, 0])), "the second derivative looks like a change of the gain"
slopes, wave = response_derivatives(offsets_m, user_m), response(offsets_m, user_m)
mine = position_information(slopes, wave, gain, noise_w)
assert np.allclose(mine, mine.T) and np.all(np.linalg.eigvalsh(mine) > 0), "an information matrix is symmetric and positive"
turned = position_information(slopes, wave, gain * np.exp(0.7j), noise_w)
assert np.allclose(turned, mine), "the phase of the gain does not matter"
### BEGIN HIDDEN TESTS
# SENTINEL-NEAR-FIELD-HIDDEN-2
columns = np.column_stack([gain * slopes, wave, 1j * wave])
full = 2 / noise_w * (columns.conj().T @ columns).real
schur = full[:2, :2] - full[:2, 2:] @ np.linalg.solve(full[2:, 2:], full[2:, :2])
assert np.allclose(mine, schur, rtol=1e-6), "the Schur complement of the four unknowns"
draw = np.random.default_rng(2)
some, other = draw.normal(size=(9, 2)) @ np.array([1, 1j]), draw.normal(size=(9, 2, 2)) @ np.array([1, 1j])
columns = np.column_stack([2j * other, some, 1j * some])
full = 2 / 0.3 * (columns.conj().T @ columns).real
schur = full[:2, :2] - full[:2, 2:] @ np.linalg.solve(full[2:, 2:], full[2:, :2])
assert np.allclose(position_information(other, some, 2j, 0.3), schur), "a response whose entries differ in size"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: the worst channel, in closed form (3 points)
#
# $M$ access points send the same symbol with the beams $w_m$. The user receives $\sum_m w_m^{\mathsf H}(h_m + \Delta_m)$. Nature
# chooses the errors, each in its own ball $\lVert\Delta_m\rVert \le \epsilon_m$, and wants the amplitude to be small. Which error
# does a ball hold that hurts most? (Cauchy-Schwarz says how much one ball can take away; then align the phases.) Return the errors
# and the amplitude that is left. It is never negative, and when it is zero the errors must still cancel the signal exactly. An
# access point may be silent, $w_m = 0$.


# %% nbgrader={"grade_id": "worst-channel", "solution": true}
def worst_channel(channels, beams, radii):
    """Worst errors (M, N), complex, and the amplitude that is left, for channels and beams (M, N) and radii (M,)."""
    ### BEGIN SOLUTION
    # SENTINEL-NEAR-FIELD-3: along the beam, against the phase of the sum, and no farther than needed
    total = np.vdot(beams, channels)
    norms = np.linalg.norm(beams, axis=1)
    reach = np.asarray(radii) @ norms
    phase = total / abs(total) if abs(total) > 0 else 1.0
    share = min(1.0, abs(total) / reach) if reach > 0 else 0.0
    unit = beams / np.where(norms > 0, norms, 1.0)[:, None]
    return -share * phase * np.asarray(radii)[:, None] * unit, max(0.0, abs(total) - reach)
    ### END SOLUTION


# %% nbgrader={"grade_id": "worst-channel-test", "grade": true, "points": 3}
def check_worst(channels, beams, radii, tries):
    errors, amplitude = worst_channel(channels, beams, radii)
    assert np.shape(errors) == np.shape(channels), "one error for every antenna"
    assert np.all(np.linalg.norm(errors, axis=1) <= np.asarray(radii) * (1 + 1e-9)), "an error outside its ball"
    assert np.isclose(abs(np.vdot(beams, channels + errors)), amplitude, atol=1e-9), "your errors leave another amplitude"
    for _ in range(tries):
        turns = np.exp(2j * np.pi * draw.uniform(size=(len(beams), 1)))
        trial = turns * beams + 0.1 * draw.normal(size=beams.shape)
        trial *= (np.asarray(radii) / np.linalg.norm(trial, axis=1))[:, None]
        assert abs(np.vdot(beams, channels + trial)) >= amplitude - 1e-9, "a random error is worse than yours"


draw = np.random.default_rng(3)
assert np.isclose(worst_channel(np.array([[1, 1j]]), np.array([[1.0, 0.0]]), [0.5])[1], 0.5), "one antenna in use: 1 - 0.5 is left"
some = draw.normal(size=(3, 4, 2)) @ np.array([1, 1j])
check_worst(some, some, error_radii, 200)
### BEGIN HIDDEN TESTS
# SENTINEL-NEAR-FIELD-HIDDEN-3
for _ in range(5):
    some, beams = draw.normal(size=(2, 3, 4, 2)) @ np.array([1, 1j])
    check_worst(some, beams, error_radii, 200)
    expected = abs(np.vdot(beams, some)) - np.array(error_radii) @ np.linalg.norm(beams, axis=1)
    assert np.isclose(worst_channel(some, beams, error_radii)[1], max(0, expected)), "the closed form"
check_worst(some, some, [5.0, 9.0, 7.0], 5)
assert 0 <= worst_channel(some, some, [5.0, 9.0, 7.0])[1] <= 1e-9, "large balls leave nothing"
silent = some * np.array([1.0, 0.0, 1.0])[:, None]
errors, amplitude = worst_channel(some, silent, error_radii)
assert np.all(np.isfinite(errors)) and np.isclose(abs(np.vdot(silent, some + errors)), amplitude), "a silent access point"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: a guarantee as a matrix (3 points)
#
# With interference the worst channel has no closed form, but it has a proof. Let $M$ be a Hermitian matrix such that the user
# works if $(h+\Delta)^{\mathsf H} M (h+\Delta) \ge \sigma^2$. This shall hold for every $\lVert\Delta\rVert \le \epsilon$.
# It does if, for some $\lambda \ge 0$,
#
# $$
# (h+\Delta)^{\mathsf H} M (h+\Delta) - \sigma^2 - \lambda(\epsilon^2 - \lVert\Delta\rVert^2) \;\ge\; 0
# \qquad\text{for all } \Delta .
# $$
#
# Say why. Then write the left side as $\begin{bmatrix}\Delta\\ 1\end{bmatrix}^{\mathsf H} S \begin{bmatrix}\Delta\\ 1\end{bmatrix}$:
# the guarantee is $S \succeq 0$. A paper has printed this matrix with a wrong sign, so that switching off all beams ($M = 0$)
# passes. Yours does better.


# %% nbgrader={"grade_id": "guarantee", "solution": true}
def guarantee_matrix(form, channel, radius, noise_w, multiplier):
    """The matrix S (N + 1, N + 1), Hermitian, for a form (N, N), a channel (N,), and three numbers."""
    ### BEGIN SOLUTION
    # SENTINEL-NEAR-FIELD-4: collect what is quadratic, linear and constant in the error
    size = len(channel)
    matrix = np.zeros((size + 1, size + 1), dtype=complex)
    matrix[:size, :size] = form + multiplier * np.eye(size)
    matrix[:size, size] = form @ channel
    matrix[size, :size] = matrix[:size, size].conj()
    matrix[size, size] = np.vdot(channel, form @ channel) - noise_w - multiplier * radius**2
    return matrix
    ### END SOLUTION


# %% nbgrader={"grade_id": "guarantee-test", "grade": true, "points": 3}
draw = np.random.default_rng(4)
wanted, other, channel, error = draw.normal(size=(4, 3, 2)) @ np.array([1, 1j])
form = np.outer(wanted, wanted.conj()) / 1.5 - np.outer(other, other.conj())
radius, multiplier = error_radii[0], 0.8
matrix = guarantee_matrix(form, channel, radius, noise_w, multiplier)
assert np.shape(matrix) == (4, 4) and np.allclose(matrix, np.conj(np.transpose(matrix))), "four by four and Hermitian"
point = np.append(error, 1)
left = np.vdot(channel + error, form @ (channel + error)).real - noise_w
left -= multiplier * (radius**2 - np.vdot(error, error).real)
assert np.isclose(np.vdot(point, matrix @ point).real, left), "another value than the left side"
assert np.linalg.eigvalsh(guarantee_matrix(0 * form, channel, radius, noise_w, 0.0))[0] < 0, "no beams must not pass"
### BEGIN HIDDEN TESTS
# SENTINEL-NEAR-FIELD-HIDDEN-4
left_over = abs(np.vdot(wanted, wanted)) - radius * np.linalg.norm(wanted)  # one beam along the channel: task 3 in one ball
scan = np.geomspace(1e-3, 1e6, 4000)
for factor, holds in ((0.98, True), (1.02, False)):
    single = np.outer(wanted, wanted.conj()) / (factor * left_over**2 / noise_w)
    found = [np.linalg.eigvalsh(guarantee_matrix(single, wanted, radius, noise_w, each * noise_w))[0] >= 0 for each in scan]
    assert any(found) == holds, "for one beam the matrix and the closed form must agree"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: the best SINR that all users can have (4 points)
#
# User $k$ receives its own beam with the power gain $g_k$ and beam $j$ with $c_{kj}$ (zero for $j = k$). All beams together may use
# the power $\bar p$, and all users shall have the same signal-to-interference-plus-noise ratio $\gamma$. For a given $\gamma$ the
# least powers satisfy $g_k p_k = \gamma\,(\sum_j c_{kj} p_j + \sigma^2)$, three linear equations. The *margin*
# $\sum_k p_k / \bar p - 1$ rises with $\gamma$, so bisect on it. One warning: when $\gamma$ is too large for any power, the
# equations still have a solution. Look at it before you trust the margin.
#
# Find a start of the search yourself, so that nobody has to know the answer before.
#
# <details><summary>A hint for task 5, which is a hard one</summary>
#
# Write a function that says for one $\gamma$ whether it can be had: solve the equations, and look at two things, that all
# powers are non-negative and that their sum is at most $\bar p$. A negative power means that no power at all is enough. Begin
# with a $\gamma$ that you know to be possible (how large may it be for the weakest user alone?) and double until the answer
# changes; then bisect.
#
# </details>


# %% nbgrader={"grade_id": "common-sinr", "solution": true}
def largest_common_sinr(signal, cross, noise_w, power_w, tolerance):
    """Bracket (low, high): low can be reached, high cannot, high - low <= tolerance * high. For (K,), (K, K), W, W."""
    ### BEGIN SOLUTION
    # SENTINEL-NEAR-FIELD-5: a negative power means that no power is enough
    signal = np.asarray(signal, dtype=float)

    def reachable(target):
        system = np.diag(signal) - target * np.asarray(cross)
        powers = np.linalg.solve(system, np.full(len(signal), target * noise_w))
        return bool(np.all(powers >= 0) and np.sum(powers) <= power_w)

    low, high = 0.0, 2 * np.min(signal) * power_w / noise_w
    while high - low > tolerance * high:
        middle = (low + high) / 2
        low, high = (middle, high) if reachable(middle) else (low, middle)
    return low, high
    ### END SOLUTION


# %% nbgrader={"grade_id": "common-sinr-test", "grade": true, "points": 4}
cross = np.zeros((3, 3))
cross[~np.eye(3, dtype=bool)] = cross_gain


def needs(target, signal, cross):
    """Total power by repeating p = target (C p + noise) / g from zero: rises to the least powers, or without end."""
    powers = np.zeros(len(signal))
    for _ in range(20_000):
        powers = target * (cross @ powers + noise_w) / signal
        if np.sum(powers) > 10 * power_w:
            break
    return np.sum(powers)


alone = largest_common_sinr([2.0], np.zeros((1, 1)), 0.1, 3.0, 1e-9)
assert np.allclose(alone, 60, rtol=1e-8), "one user alone: 2 * 3 / 0.1"
low, high = largest_common_sinr(signal_gain, cross, noise_w, power_w, 1e-6)
assert 0 <= high - low <= 1e-6 * high, "the bracket is too wide"
assert needs(low, np.array(signal_gain), cross) <= power_w * (1 + 1e-7), "the lower end cannot be reached"
assert needs(high, np.array(signal_gain), cross) > power_w * (1 - 1e-7), "the upper end can be reached"
### BEGIN HIDDEN TESTS
# SENTINEL-NEAR-FIELD-HIDDEN-5
draw = np.random.default_rng(5)
for users in (2, 3, 6):
    gains, coupling = draw.uniform(0.5, 2, users), draw.uniform(0, 0.6, (users, users))
    np.fill_diagonal(coupling, 0)
    low, high = largest_common_sinr(gains, coupling, noise_w, power_w, 1e-7)
    best = 1 / np.max(np.abs(np.linalg.eigvals((coupling + noise_w / power_w) / gains[:, None])))
    assert low <= best * (1 + 1e-9) and high >= best * (1 - 1e-9), "the closed form by eigenvalues"
    assert high - low <= 1e-7 * high, "the bracket is too wide"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: MUSIC sees a distance (3 points)
#
# Two users stand in the same direction, one behind the other: to a plane wave they are one. MUSIC takes the eigenvectors of the
# received covariance. Those of the `sources` largest eigenvalues span the signals; let $U$ hold all others. The spectrum
#
# $$ s(q) = \frac{\lVert a(q)\rVert^2}{\lVert U^{\mathsf H} a(q)\rVert^2} $$
#
# is large where $a(q)$ has no part among the others. Write it for many positions at once (no loop over them is needed), and see the
# two peaks along the line.


# %% nbgrader={"grade_id": "music", "solution": true}
def music_spectrum(covariance, responses, sources):
    """Spectrum (G,) for a covariance (N, N), Hermitian, responses (G, N) and the number of sources."""
    ### BEGIN SOLUTION
    # SENTINEL-NEAR-FIELD-6: eigh sorts from the smallest up
    _, vectors = np.linalg.eigh(covariance)
    others = vectors[:, : len(covariance) - sources]
    return np.sum(np.abs(responses) ** 2, axis=1) / np.sum(np.abs(responses @ others.conj()) ** 2, axis=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "music-test", "grade": true, "points": 3}
line_m = np.unique(np.append(np.geomspace(1.5, 15, 300), [user_distance_m, second_distance_m]))
along = np.array([response(offsets_m, distance * toward) for distance in line_m])
pair = np.array([response(offsets_m, place) for place in (user_m, second_m)])
received = pair.T @ pair.conj() + noise_w * np.eye(antennas)
spectrum = music_spectrum(received, along, 2)
assert np.shape(spectrum) == line_m.shape, "one value for every position"
peaks = 1 + np.flatnonzero((spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:]))
highest = np.sort(line_m[peaks[np.argsort(spectrum[peaks])[-2:]]])
assert np.allclose(highest, [user_distance_m, second_distance_m]), f"the two highest peaks are at {highest} m"
assert np.allclose(music_spectrum(received, 3j * along[:5], 2), spectrum[:5], rtol=1e-6), "only the direction of a(q) counts"
### BEGIN HIDDEN TESTS
# SENTINEL-NEAR-FIELD-HIDDEN-6
draw = np.random.default_rng(6)
root, trial = draw.normal(size=(6, 6, 2)) @ np.array([1, 1j]), draw.normal(size=(4, 6, 2)) @ np.array([1, 1j])
matrix = root @ root.conj().T
for sources in (1, 3):
    largest = np.linalg.svd(matrix)[0][:, :sources]
    part = np.linalg.norm(trial.conj() @ largest, axis=1) ** 2 / np.linalg.norm(trial, axis=1) ** 2
    assert np.allclose(music_spectrum(matrix, trial, sources), 1 / (1 - part)), "a random covariance"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: when to stop looking, with a proof (4 points)
#
# A block is split: a share $\eta$ to talk, the rest before it to look. The channel error falls with the time to look, so the SINR
# $\gamma(\eta)$ **falls** when $\eta$ grows, and the rate is $R(\eta) = \eta \log_2(1 + \gamma(\eta))$. Nothing more is known about
# $\gamma$; $R$ may have many maxima, and a fine grid proves nothing. But one evaluation at $a$ bounds a whole interval:
#
# $$ R(\eta) \le b \log_2(1 + \gamma(a)) \qquad \text{for all } \eta \in [a, b] . $$
#
# Say why. Then search $[0, \text{largest}]$ with it: keep intervals, divide the one that promises most, and stop when no interval
# promises more than $(1 + \text{tolerance})$ times the best rate that you have seen. Return that share, its rate and the bound.
# Ask for $\gamma$ at most 5000 times, and only inside $[0, \text{largest}]$.
#
# <details><summary>A hint for task 7, which is a hard one</summary>
#
# Each interval $[a, b]$ carries $\gamma(a)$ and its promise $b \log_2(1 + \gamma(a))$. Keep them in a heap (`heapq`, with the
# negative promise first). Divide the best one in its middle $m$: only $\gamma(m)$ is new, since the left half keeps
# $\gamma(a)$. Every evaluation is also a candidate for the best rate. The bound is the largest promise that is left when you
# stop.
#
# </details>


# %% nbgrader={"grade_id": "time-split", "solution": true}
def best_share(sinr, largest, tolerance):
    """Share, its rate, and an upper bound on the rate of every share in [0, largest]; sinr(share) is a number that falls."""
    ### BEGIN SOLUTION
    # SENTINEL-NEAR-FIELD-7: branch and bound with a heap
    import heapq

    first = sinr(0.0)
    best, share = largest * np.log2(1 + sinr(largest)), largest
    cells = [(-largest * np.log2(1 + first), 0.0, largest, first)]
    while -cells[0][0] > best * (1 + tolerance):
        _, a, b, at_a = heapq.heappop(cells)
        middle = (a + b) / 2
        at_middle = sinr(middle)
        rate = middle * np.log2(1 + at_middle)
        if rate > best:
            best, share = rate, middle
        heapq.heappush(cells, (-middle * np.log2(1 + at_a), a, middle, at_a))
        heapq.heappush(cells, (-b * np.log2(1 + at_middle), middle, b, at_middle))
    return share, best, max(best, -cells[0][0])
    ### END SOLUTION


# %% nbgrader={"grade_id": "time-split-test", "grade": true, "points": 4}
def smooth(share):
    """The SINR falls with the relative error: less of the own signal, more of the others'."""
    error = error_at_one / np.sqrt(1 - share)
    return clean_sinr * max(0.0, 1 - error) ** 2 / (1 + clean_sinr * error**2 / 4)


def stairs(share):
    """Two levels of quality, and so two maxima far apart."""
    return clean_sinr / (1 + 50 * share**2) if share <= 0.4 else clean_sinr**0.3 / (1 + 4 * share**4)


def check_share(sinr, largest, tolerance):
    asked = []
    share, rate, bound = best_share(lambda at: (asked.append(at), sinr(at))[1], largest, tolerance)
    assert len(asked) <= 5000, f"{len(asked)} questions"
    assert 0 <= min(asked) and max(asked) <= largest, "a question outside the interval"
    assert np.isclose(rate, share * np.log2(1 + sinr(share)), rtol=1e-9), "another rate than that of the share"
    assert rate <= bound <= rate * (1 + tolerance) * (1 + 1e-9), "the bound must lie above the rate, within the tolerance"
    tried = max(at * np.log2(1 + sinr(at)) for at in np.linspace(0, largest, 20_001))
    assert tried <= bound, "a grid finds a rate above your bound"


largest = 1 - (error_at_one / error_limit) ** 2
check_share(smooth, largest, 1e-2)
check_share(stairs, largest, 1e-2)
assert best_share(lambda at: 3.0, 0.75, 1e-6)[0] > 0.749, "without an error there is nothing to wait for"
### BEGIN HIDDEN TESTS
# SENTINEL-NEAR-FIELD-HIDDEN-7
check_share(smooth, largest, 1e-3)
draw = np.random.default_rng(7)
for _ in range(3):
    places, drops = np.sort(draw.uniform(0.1, 0.8, 4)), draw.uniform(0.3, 2.0, 4)
    check_share(lambda at: clean_sinr * np.exp(-np.sum(drops[places < at])), 0.9, 2e-3)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 8: a figure (2 points, graded by hand)
#
# Matched beams separate users whose responses are orthogonal. Draw $\lvert a(q_1)^{\mathsf H} a(q_2)\rvert / N$ for your two users,
# who stand in the same direction, over the number of antennas $N$ from 8 to 512 (half a wavelength apart; `response` takes the
# offsets). Draw the value for plane waves as a second curve. Mark the number of antennas at which the distance $2D^2/\lambda$,
# with the length $D$ of the array, equals the distance of the first user. Draw with `matplotlib.pyplot`.
#
# **Rubric.** 1 point: both curves are right; the near-field curve starts close to one and falls. 1 point: both axes carry a quantity and a
# unit (or say that there is none), the scale suits the values, the mark is explained.

# %% nbgrader={"grade_id": "figure", "grade": true, "solution": true, "points": 2}
### BEGIN SOLUTION
# SENTINEL-NEAR-FIELD-8: plane waves from one direction stay parallel, so their curve is one everywhere
import matplotlib.pyplot as plt

sizes = np.unique(np.geomspace(8, 512, 60).astype(int))
overlap = []
for size in sizes:
    places = wavelength_m / 2 * (np.arange(size) - (size - 1) / 2)
    overlap.append(abs(np.vdot(response(places, user_m), response(places, second_m))) / size)
border = 1 + 2 / wavelength_m * np.sqrt(user_distance_m * wavelength_m / 2)
fig, ax = plt.subplots()
ax.plot(sizes, overlap, label="spherical waves")
ax.plot(sizes, np.ones(len(sizes)), "--", label="plane waves")
ax.axvline(border, color="#B8420A", linestyle=":", label="first user at $2D^2/\\lambda$")
ax.set(xlabel="Antennas (1)", ylabel="Overlap of the responses (1)", xscale="log", ylim=(0, 1.05))
ax.legend()
### END SOLUTION

# %% [markdown]
# ## Task 9: a design question (3 points, graded by hand)
#
# The network of task 7 may be improved in one of three ways, each for the same money: twice the power to look, a block that
# is twice as long, or twice the power to talk. The relative channel error after looking for the share $1-\eta$ of a block is
# $e = e_1 / \sqrt{f\,(1-\eta)}$, where $e_1$ is `error_at_one` and $f$ grows with the power to look *and* with the
# length of the block, in proportion to each. Shares with an error above `error_limit` are forbidden. The SINR without error,
# `clean_sinr`, is proportional to the power to talk. The function below gives the best rate.
#
# Which would you choose? Answer in at most 150 words, with the rates of all three and of the network as it is. Explain with a formula
# why two of them agree, and why the third differs in the way it does.
#
# **Rubric.** 1 point: the right rates with their unit. 1 point: the formula of the error is used to explain the two equal rates, and
# the SINR (which part of it the power to talk changes) to explain the third. 1 point: a clear choice that follows from the
# numbers and says what it assumes, for instance that users stand still during a longer block.

# %% nbgrader={"grade_id": "offers", "locked": true}


def rate_after(look=1.0, talk=1.0):
    """Best rate (bit/s/Hz) and its share when f is `look` and the power to talk is `talk` times what it is now."""
    shares = np.linspace(0, max(0.0, 1 - (error_at_one / error_limit) ** 2 / look), 100_001)
    errors = error_at_one / np.sqrt(look * (1 - shares))
    sinr = talk * clean_sinr * np.maximum(0, 1 - errors) ** 2 / (1 + talk * clean_sinr * errors**2 / 4)
    rates = shares * np.log2(1 + sinr)
    return float(np.max(rates)), float(shares[np.argmax(rates)])


# %% [markdown] nbgrader={"grade_id": "design", "grade": true, "solution": true, "points": 3}
# ### BEGIN SOLUTION
# SENTINEL-NEAR-FIELD-9. `rate_after()`, `rate_after(look=2)` twice and `rate_after(talk=2)`. The error depends on the power to
# look and on the length of the block through their product f alone, so both offers give the same error at every share, the same
# SINR, and the same rate: it is a matter of cost and of how long a user stands still. Twice the power to talk raises signal and
# interference alike; where clean_sinr e^2/4 is far above one only the ratio (1-e)^2/(e^2/4) is left, which it does not change,
# and where the error is small it adds at most one bit times the share. With the numbers of this assignment the larger f is the
# better one; whoever names the largest rate and says what it rests on has the last point.
# ### END SOLUTION

# %% tags=["key"]
# SENTINEL-NEAR-FIELD-KEY-9: the rates of the network as it is and of the three offers, two of which agree
import json

key = {"as it is": rate_after(), "twice the power to look, or a block twice as long": rate_after(look=2)}
key["twice the power to talk"] = rate_after(talk=2)
print(json.dumps({"design": {f"{name} (bit/s/Hz)": rate for name, (rate, _) in key.items()}}))
