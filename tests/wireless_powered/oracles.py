"""Independent answers: the curve in fifty digits, and the energy problem as a textbook cone program."""

import warnings

import cvxpy as cp
import mpmath
import numpy as np

from isaclib import wireless_powered as wp

DIGITS = 50


def crb(scenario, powers):
    """tr J^{-1} of every target at powers (or energies times their bandwidth), by eq. (8) in fifty digits."""
    with mpmath.workdps(DIGITS):
        return _crb(scenario, [mpmath.mpf(power) for power in powers])


def _crb(scenario, powers):
    m = mpmath.mpf
    bs = [m(float(x)) for x in scenario.bs_position_m]
    nodes = [bs] + [[m(float(x)) for x in row] for row in scenario.user_positions_m]
    unit = 8 * (mpmath.pi * m(scenario.bandwidth_hz) / m(3e8)) ** 2 / m(scenario.noise_w)
    spent = [m(scenario.bs_power_w), *powers]
    found = []
    for n, target in enumerate(scenario.target_positions_m):
        q = [m(float(x)) for x in target]

        def direction(x, q=q):
            d = [q[0] - x[0], q[1] - x[1]]
            length = mpmath.hypot(*d)
            return d[0] / length, d[1] / length

        home = direction(bs)
        a = b = c = m(0)
        for node, power, gain in zip(nodes, spent, scenario.gain_transmitter_target[:, n]):
            away = direction(node)
            x, y = away[0] + home[0], away[1] + home[1]
            w = unit * m(float(gain)) * power
            a, b, c = a + w * x * x, b + w * y * y, c + w * x * y
        det = a * b - c * c
        found.append((a + b) / det if det > 0 else mpmath.inf)
    return found


def optimum(scenario):
    """Optimum of (P1) by bisection along the curve, in fifty digits; None where the limit cannot be met."""
    m = mpmath.mpf
    with mpmath.workdps(DIGITS):
        a = [m(float(h)) / m(scenario.noise_w) for h in scenario.gain_bs_user]
        c = [
            m(float(z)) * m(float(h)) * m(scenario.bs_power_w) for z, h in zip(scenario.harvest_efficiency, scenario.gain_bs_user)
        ]
        cap, limit = m(scenario.max_power_w), m(scenario.crb_limit_m2)
        limited = np.isfinite(scenario.crb_limit_m2)
        if limited and max(_crb(scenario, [cap] * len(a))) > limit:
            return None
        low = max(mpmath.log(2) / (x * y) for x, y in zip(a, c))

        def load(x):
            """x / ln(1 + x) = 1 + x/2 - ..."""
            return x / mpmath.log1p(x)

        def snr(y):
            """x with x / ln(1 + x) = y > 1, by Newton's method in L = ln(1 + x)."""
            w = mpmath.log(y)
            big = w + mpmath.log1p(w + mpmath.log1p(w * w / (6 + 2 * w)))
            for _ in range(6):
                big -= (mpmath.log(mpmath.expm1(big) / big) - w) / (mpmath.exp(big) / mpmath.expm1(big) - 1 / big)
            return mpmath.expm1(big)

        def at(z):
            s = low * (1 + mpmath.exp(z))
            free = [snr(x * y * s / mpmath.log(2)) for x, y in zip(a, c)]
            snrs = [min(x, y * cap) for x, y in zip(free, a)]
            total = s + sum(mpmath.log(2) / mpmath.log1p(x) for x in snrs)
            pulls = [x * y / ((1 + v) * mpmath.log1p(v) - v) for x, y, v, u in zip(a, c, snrs, free) if u <= v]
            return total, 1 - sum(pulls), [min(x / y, cap) for x, y in zip(snrs, a)]

        def reached(z):
            _, slope, powers = at(z)
            return slope >= 0 and (not limited or max(_crb(scenario, powers)) <= limit)

        left = mpmath.log(m("1e-45"))
        right = mpmath.log(max(load(x * cap) / (x * y) * mpmath.log(2) for x, y in zip(a, c)) / low - 1 + m("1e-50"))
        for _ in range(75):
            middle = (left + right) / 2
            left, right = (left, middle) if reached(middle) else (middle, right)
        return m(scenario.bandwidth_hz) * m(scenario.time_budget_s) / at(right)[0]


def energy_optimum(scenario):
    """Optimum for ``sensing="energy"`` as a cone program, in the units of full charging; None where Clarabel gives up."""
    users = len(scenario.gain_bs_user)
    harvest, horizon = wp.harvest_rate_w(scenario), scenario.time_budget_s
    gain = scenario.gain_bs_user / scenario.noise_w * harvest
    charging, energy, times, rate = cp.Variable(nonneg=True), cp.Variable(users, nonneg=True), cp.Variable(users), cp.Variable()
    free = wp.solve_exact(scenario.replace(sensing="power", crb_limit_m2=np.inf))  # for the scaling only
    unit, guess = free.min_throughput_bit, 1 + wp.snr(scenario, free.powers_w)
    bits = unit / scenario.bandwidth_hz / horizon * np.log(2)
    constraints = [
        cp.multiply(np.log(guess), times) - cp.rel_entr(times, cp.multiply(1 / guess, times) + cp.multiply(gain / guess, energy))
        >= rate * bits,
        energy <= charging,
        cp.multiply(harvest / scenario.max_power_w, energy) <= times,
        charging + cp.sum(times) <= 1,
    ]
    if np.isfinite(scenario.crb_limit_m2):
        k, g = wp.sensing_coefficients(scenario), wp.range_gradients(scenario)
        weights = k * np.concatenate([[scenario.bs_power_w], harvest])[:, None] * horizon * scenario.crb_limit_m2
        spent = cp.hstack([charging, energy])
        for n in range(weights.shape[1]):
            full = (weights[:, n, None] * g[:, n]).T @ g[:, n]
            (small, large), axes = np.linalg.eigh(full)  # in these axes and units every term is of order one
            x, y = (g[:, n] @ axes).T
            a, b, c = (weights[:, n] * part @ spent for part in (x * x, y * y, x * y))
            u, v, root = (a - 1) / small, (b - 1) / large, np.sqrt(small * large)
            constraints.append(cp.SOC(u + v, cp.hstack([u - v, 2 * c / root, 2 / root])))
    problem = cp.Problem(cp.Maximize(rate), constraints)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an inaccurate answer is as good as the comparison wants
            problem.solve(solver=cp.CLARABEL, tol_gap_rel=1e-7, tol_gap_abs=1e-7)
    except cp.error.SolverError:
        return None
    return float(rate.value) * unit if problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE) else None


def energy_optimum_in_digits(scenario, accuracy=1e-11):
    """Optimum for ``sensing="energy"`` with its caps by a barrier method in fifty digits; None where the limit cannot be met.

    The central point at tau lies below the optimum by a part of at most the number of logarithms over tau.
    """
    with mpmath.workdps(DIGITS):
        program = _EnergyProgram(scenario)
        v = program.start()
        if program.cones and (v := program.reach(v)) is None:
            return None
        value = program.follow(program.throughput_slacks, program.spread(v), lambda tau, r: program.logarithms / tau < accuracy)
        return mpmath.mpf(scenario.bandwidth_hz) * mpmath.mpf(scenario.time_budget_s) * value[-1] / mpmath.log(2)


class _EnergyProgram:
    """In shares of the frame: charging t_0, what was harvested in e_m seconds of charging, slots t_m, and r = R ln 2 / (W T).

    tr J^-1 <= 1 (in units of the limit) is (A - 1)(B - 1) - C^2 - 1 >= 0, and at least r instead of one is AB - C^2 - r(A + B).
    """

    def __init__(self, scenario):
        m = mpmath.mpf
        self.users = len(scenario.gain_bs_user)
        gain = [m(float(h)) for h in scenario.gain_bs_user]
        harvest = [m(float(z)) * h * m(scenario.bs_power_w) for z, h in zip(scenario.harvest_efficiency, gain)]
        self.k = [h * c / m(scenario.noise_w) for h, c in zip(gain, harvest)]
        self.q = [c / m(scenario.max_power_w) for c in harvest]
        self.cones = []
        if np.isfinite(scenario.crb_limit_m2):
            scale = 8 * (mpmath.pi * m(scenario.bandwidth_hz) / m(3e8)) ** 2 / m(scenario.noise_w) * m(scenario.bandwidth_hz)
            scale *= m(scenario.time_budget_s) * m(scenario.crb_limit_m2)
            points = lambda rows: [[m(float(x)) for x in row] for row in rows]  # noqa: E731
            nodes = points([scenario.bs_position_m, *scenario.user_positions_m])
            for n, target in enumerate(points(scenario.target_positions_m)):
                ways = [[target[0] - x, target[1] - y] for x, y in nodes]
                ways = [[x / mpmath.hypot(x, y), y / mpmath.hypot(x, y)] for x, y in ways]
                spent = [m(scenario.bs_power_w), *harvest]
                weights = [scale * m(float(g)) * p for g, p in zip(scenario.gain_transmitter_target[:, n], spent)]
                x, y = ([way[i] + ways[0][i] for way in ways] for i in (0, 1))
                self.cones.append([[w * a * b for w, a, b in zip(weights, i, j)] for i, j in ((x, x), (y, y), (x, y))])
        self.logarithms = 2 * len(self.cones) + 5 * self.users + 1

    def start(self):
        t0 = 1 / (2 + 2 * sum(self.q))
        return [t0, *[t0 / 2] * self.users]

    def reach(self, v):
        """A point well within the limit, as far as the limit leaves room."""
        least = min(a * b - c * c for a, b, c in self.forms(v)) / max(a + b for a, b, _ in self.forms(v))
        size = 2 * len(self.cones) + 2 * self.users + 1
        v = self.follow(self.reach_slacks, [*v, least / 2], lambda tau, r: (r > 1 and size / tau < (r - 1) / 5) or tau > 1e30)
        return v[:-1] if v[-1] > 1 else None

    def spread(self, v):
        e, room = v[1:], 1 - v[0] - sum(q * e for q, e in zip(self.q, v[1:]))
        t = [q * e + room / (2 * self.users) for q, e in zip(self.q, e)]
        least = min(t * mpmath.log1p(k * e / t) for k, e, t in zip(self.k, e, t))
        return [*v, *t, least / 2]

    def forms(self, v):
        return [[sum(w * x for w, x in zip(form, v)) for form in forms] for forms in self.cones]

    def cone_slacks(self, v, level, last=None):
        """Slack, gradient and Hessian of each limit; in the level, too, where that is a variable: the ``last``."""
        found = []
        for (A, B, C), (a, b, c) in zip(self.forms(v), self.cones):
            places = range(len(a))
            gradient = {i: (B - level) * a[i] + (A - level) * b[i] - 2 * C * c[i] for i in places}
            hessian = {(i, j): a[i] * b[j] + b[i] * a[j] - 2 * c[i] * c[j] for i in places for j in places}
            if last is not None:
                gradient[last] = -(A + B)
                hessian |= {place: -(a[i] + b[i]) for i in places for place in ((i, last), (last, i))}
            inside = A > level and B > level
            found.append((A * B - C * C - level * (A + B) if inside else mpmath.mpf(-1), gradient, hessian))
        return found

    @staticmethod
    def linear(v, coefficients, constant=0):
        return constant + sum(c * v[place] for place, c in coefficients.items()), coefficients, {}

    def reach_slacks(self, v):
        users = range(1, self.users + 1)
        frame = self.linear(v, {0: -1} | {i: -self.q[i - 1] for i in users}, 1)
        harvest = [self.linear(v, {0: 1, i: -1}) for i in users]
        return [*self.cone_slacks(v[:-1], v[-1], len(v) - 1), frame, *harvest, *[self.linear(v, {i: 1}) for i in users]]

    def throughput_slacks(self, v):
        users, last, found = range(1, self.users + 1), len(v) - 1, []
        for i in users:
            j, k = i + self.users, self.k[i - 1]
            t, x = v[j], k * v[i] / v[j]
            if not (t > 0 and x > -1):
                return [(mpmath.mpf(-1), {}, {})]
            gradient = {i: k / (1 + x), j: mpmath.log1p(x) - x / (1 + x), last: -1}
            bent, size = {i: k, j: -x}, -1 / (t * (1 + x) ** 2)
            found.append((t * mpmath.log1p(x) - v[-1], gradient, {(m, n): size * bent[m] * bent[n] for m in bent for n in bent}))
            found += [self.linear(v, {0: 1, i: -1}), self.linear(v, {j: 1, i: -self.q[i - 1]})]
            found += [self.linear(v, {j: 1}), self.linear(v, {j: 1, i: k})]
        frame = self.linear(v, {0: -1} | {i + self.users: -1 for i in users}, 1)
        return [*self.cone_slacks(v[: self.users + 1], mpmath.mpf(1)), frame, *found]

    def follow(self, slacks, v, enough):
        """The central path of max ln(last variable), until the point at tau is good enough."""
        tau, size = mpmath.mpf(1), len(v)
        while True:
            for _ in range(200):
                gradient, hessian = [mpmath.mpf(0)] * size, [[mpmath.mpf(0)] * size for _ in range(size)]
                gradient[-1], hessian[-1][-1] = -tau / v[-1], tau / v[-1] ** 2
                for s, g, h in slacks(v):
                    g = {i: x / s for i, x in g.items()}
                    for i, x in g.items():
                        gradient[i] -= x
                        for j, y in g.items():
                            hessian[i][j] += x * y
                    for (i, j), x in h.items():
                        hessian[i][j] -= x / s
                step = _solved(hessian, [-x for x in gradient])
                decrement = -sum(x * y for x, y in zip(gradient, step))
                length = 1 / (1 + mpmath.sqrt(decrement)) if decrement > 0.1 else mpmath.mpf(1)
                while True:
                    trial = [x + length * y for x, y in zip(v, step)]
                    if trial[-1] > 0 and min(s for s, *_ in slacks(trial)) > 0:
                        break
                    length /= 2
                v = trial
                if decrement < 1e-3:
                    break
            if enough(tau, v[-1]):
                return v
            tau *= 1000


def _solved(matrix, right):
    """Gauss's elimination for a symmetric, positive definite matrix."""
    matrix, right, size = [row[:] for row in matrix], right[:], len(right)
    for i in range(size):
        for j in range(i + 1, size):
            if part := matrix[j][i] / matrix[i][i]:
                right[j] -= part * right[i]
                for k in range(i + 1, size):
                    matrix[j][k] -= part * matrix[i][k]
    for i in reversed(range(size)):
        right[i] = (right[i] - sum(matrix[i][k] * right[k] for k in range(i + 1, size))) / matrix[i][i]
    return right
