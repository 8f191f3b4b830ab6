r"""The paper's Algorithm 1: successive convex approximation (SCA) after a log transform.

With :math:`u = \ln t`, :math:`v = \ln p` the problem reads

.. math::
    (\mathcal P2)\quad \max_{t_0, u, v}\ \min_m\ u_m + \ln\log_2(1 + a_m e^{v_m}) \quad\text{s.t.}\quad
    t_0 + \sum_m e^{u_m} \le T,\quad v_m \le \ln P_{\max},\quad u_m + v_m \le \ln(c_m t_0),\quad \tilde F_n(v) \le 0,

and each iteration replaces the two negative terms of :math:`\tilde F_n` by their tangents at the last point, eq. (32), which
gives the convex problem (33). It is solved by sequential quadratic programming with exact gradients, in
:math:`\psi = \ln\frac{t_0}{T - t_0}` in the place of :math:`t_0`: both shares of the frame are log-concave in it,
:math:`\ln\frac{t_0}{T} = -\ln(1 + e^{-\psi})` and :math:`\ln\frac{T - t_0}{T} = -\ln(1 + e^{\psi})`, so that the problem stays
convex, and neither share loses its digits where it is small.

Two errata are mended: in eq. (29) the bandwidth is an additive :math:`\ln W`, which is a constant and left out (000-E1); and
the start, which the paper does not give, is found by :func:`feasible_start`. The stopping rule is read as an increase of the
log objective, that is a relative increase of the throughput, below the threshold.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from ..foundations import checks
from ..foundations.certificate import Certificate, Step
from ..foundations.errors import InvalidScenario
from .allocation import Allocation
from .batch import infeasible, power_sensing
from .scenario import Scenario, crb_polynomial, crb_trace, harvest_rate_w, throughputs
from .verify import residual

SCHEMES = ("proposed", "equal_time", "max_power")
_FEASIBLE = 1e-7  # largest relative violation of a point that counts as feasible
_INNER_TOLERANCE = 1e-12  # of the log objective in each convex subproblem, well below any useful outer tolerance
_INNER_ITERATIONS = 500
_NUDGES = (1e-3, 1e-1)  # in log time: how far inside the further starts of a subproblem lie
_BACKOFFS = (1e-3, 1e-6, 0.0)

Start = tuple[np.ndarray, float, np.ndarray]


def feasible_start(
    scenario: Scenario, *, charging_share: float = 0.9, backoffs: Sequence[float] = _BACKOFFS, equal_times: bool = False
) -> Start:
    r"""Powers, charging time and times at which every constraint of (P1) holds.

    The powers are :math:`(1 - \delta) P_{\max}` with the first :math:`\delta` of ``backoffs``, each in [0, 1), that meets the CRB
    limit, which full power does whenever anything does. ``charging_share`` of the frame charges; every user then spends its
    energy, in equal times if asked for, shortened together if the frame is too short.

    Raises
    ------
    InfeasibleScenario
        Naming the target whose CRB misses the limit at full power.

    Examples
    --------
    >>> powers, charging, times = feasible_start(Scenario.random(np.random.default_rng(1)))
    >>> float(powers.max()), charging
    (1.998, 9.0)
    """
    checks.instance("scenario", scenario, Scenario)
    power_sensing(scenario)
    charging_share = checks.number("charging_share", charging_share, minimum=0, maximum=1)
    if not 0 < charging_share < 1:
        raise InvalidScenario("charging_share", f"must lie strictly between 0 and 1, but is {charging_share:g}")
    backoffs = checks.array("backoffs", backoffs, ("B",), minimum=0, maximum=1).tolist()
    if 1.0 in backoffs:
        raise InvalidScenario("backoffs", "must be below 1", "a user without power sends nothing")
    checks.flag("equal_times", equal_times)
    users = len(scenario.gain_bs_user)
    for backoff in (*backoffs, 0.0):
        powers = np.full(users, scenario.max_power_w * (1 - backoff))
        crb = crb_trace(scenario, powers)
        if crb.max() <= scenario.crb_limit_m2:
            break
    else:
        raise infeasible(scenario, float(crb.max()), int(np.argmax(crb)))
    charging = charging_share * scenario.time_budget_s
    times = harvest_rate_w(scenario) * charging / powers
    if equal_times:
        times = np.full(users, times.min())
    if not times.min() > 0:
        raise InvalidScenario("charging_share", f"of {charging_share:g} leaves a user no time", "use a larger one")
    with np.errstate(over="ignore"):
        return powers, charging, times * min(1.0, (scenario.time_budget_s - charging) / times.sum())


def solve_sca(
    scenario: Scenario,
    *,
    start: Start | None = None,
    tolerance: float = 1e-5,
    max_iterations: int = 100,
    scheme: str = "proposed",
) -> Allocation:
    r"""Algorithm 1 of the paper (and its variants for the two comparison schemes).

    Parameters
    ----------
    scenario : Scenario
        With ``sensing="power"``: the algorithm is made for eq. (8).
    start : (powers_w, charging_time_s, times_s), optional
        A feasible point; by default :func:`feasible_start`.
    tolerance : float
        Stop when the log of the least throughput grows by less.
    max_iterations : int
    scheme : {"proposed", "equal_time", "max_power"}
        ``equal_time`` forces :math:`t_m = t`, ``max_power`` forces :math:`p_m = P_{\max}` (a linear program, so that its
        first iteration is its last).

    Returns
    -------
    Allocation
        A heuristic: ``bound`` and ``gap`` are nan. ``history`` holds every iterate.

    Raises
    ------
    InfeasibleScenario
        When no start exists, which is exactly when (P1) is infeasible.
    InvalidScenario
        For ``sensing="energy"``, an unknown scheme, or a start that is not feasible.

    Notes
    -----
    The status is ``converged`` only if the last subproblem was solved to its own tolerance: where its solver stalls, a small
    increase says nothing, and where no answer of it is feasible, the iterate before is the last.

    Examples
    --------
    >>> allocation = solve_sca(Scenario.random(np.random.default_rng(1)))
    >>> allocation.certificate.status, round(allocation.min_throughput_bit, 1)
    ('converged', 16987.4)
    """
    begin = time.perf_counter()
    checks.instance("scenario", scenario, Scenario)
    power_sensing(scenario)
    checks.word("scheme", scheme, SCHEMES)
    tolerance = checks.number("tolerance", tolerance, minimum=0)
    max_iterations = checks.count("max_iterations", max_iterations)
    if start is None:
        backoffs = (0.0,) if scheme == "max_power" else _BACKOFFS
        start = feasible_start(scenario, backoffs=backoffs, equal_times=scheme == "equal_time")
    powers, charging, times = _checked_start(scenario, start, scheme)

    subproblem = _Subproblem(scenario, scheme)
    point = subproblem.pack(powers, charging, times)
    objective, violation = float(throughputs(scenario, times, powers).min()), residual(scenario, powers, charging, times)
    history = [Step(0, objective, True, time.perf_counter() - begin)]
    status, method = "iteration_limit", "SCA" if scheme == "proposed" else f"SCA, {scheme.replace('_', ' ')}"
    for iteration in range(1, max_iterations + 1):
        following, solved = subproblem.solve(point)
        if following is None:
            method += ", SLSQP stalled"
            break
        point = following
        powers, charging, times = subproblem.unpack(point)
        previous, objective = objective, float(throughputs(scenario, times, powers).min())
        violation = residual(scenario, powers, charging, times)
        history.append(Step(iteration, objective, violation <= _FEASIBLE, time.perf_counter() - begin))
        if math.log(objective / previous) < tolerance:
            status = "converged" if solved else "iteration_limit"
            break
    certificate = Certificate(
        method=method,
        value=objective,
        residual=violation,
        status=status,
        iterations=len(history) - 1,
        seconds=time.perf_counter() - begin,
    )
    return Allocation(powers, float(charging), times, objective, certificate, tuple(history))


def _checked_start(scenario: Scenario, start: Start, scheme: str) -> Start:
    try:
        powers, charging, times = start
    except (TypeError, ValueError):
        raise InvalidScenario("start", f"must be powers, charging time and times, not {checks.short(start)}") from None
    sizes = {"M": len(scenario.gain_bs_user)}
    powers = checks.array("start", powers, ("M",), positive=True, sizes=sizes)
    times = checks.array("start", times, ("M",), positive=True, sizes=sizes)
    charging = checks.number("start", charging, positive=True)
    if not (violation := residual(scenario, powers, charging, times)) <= _FEASIBLE or charging >= scenario.time_budget_s:
        raise InvalidScenario("start", f"is not feasible: largest relative violation {violation:.2g}", "leave it out")
    if (scheme == "equal_time" and np.ptp(times) > 0) or (scheme == "max_power" and np.any(powers < scenario.max_power_w)):
        raise InvalidScenario("start", f"does not belong to the scheme {scheme!r}", "leave it out")
    return powers, charging, times


class _Subproblem:
    r"""Problem (33) in the variables :math:`(\tau, \psi, v)`, for equal times with :math:`u` between; :math:`\tau` is the log of
    the objective.

    Free times are as short as the objective allows, :math:`u_m = \tau - \ln r_m(v_m)`: shorter ones help the frame and the
    energy, and :math:`-\ln r_m` is convex, so that the program stays convex, with half the unknowns and constraints.
    """

    def __init__(self, scenario: Scenario, scheme: str) -> None:
        self.a = scenario.gain_bs_user / scenario.noise_w
        self.users = users = len(self.a)
        self.time_budget = scenario.time_budget_s
        self.log_harvest = np.log(harvest_rate_w(scenario) * scenario.time_budget_s)
        self.sensing = crb_polynomial(scenario) if np.isfinite(scenario.crb_limit_m2) else None
        self.eta, self.p0 = scenario.crb_limit_m2, scenario.bs_power_w
        cap = float(np.log(scenario.max_power_w))
        self.slots = int(scheme == "equal_time")
        floor = cap if scheme == "max_power" else None
        self.bounds = [(None, None)] * (2 + self.slots) + [(floor, cap)] * users

    def pack(self, powers, charging, times) -> np.ndarray:
        u, v = np.log(times), np.log(powers)
        tau = np.min(u + self._log_rate(v))
        return np.concatenate([[tau, np.log(charging / (self.time_budget - charging))], u[: self.slots], v])

    def unpack(self, z) -> tuple[np.ndarray, float, np.ndarray]:
        return np.exp(z[2 + self.slots :]), float(_share(z[1]) * self.time_budget), np.exp(self._log_times(z))

    def _log_rate(self, v: np.ndarray) -> np.ndarray:
        return np.log(np.log1p(self.a * np.exp(v)) / np.log(2))

    def _log_times(self, z: np.ndarray) -> np.ndarray:
        v = z[2 + self.slots :]
        return np.full(self.users, z[2]) if self.slots else z[0] - self._log_rate(v)

    @np.errstate(all="ignore")  # SLSQP may try powers of which nothing is left: such answers are not taken
    def solve(self, z0: np.ndarray) -> tuple[np.ndarray | None, bool]:
        """The next point, and whether the solver says that it is optimal; None where no answer is feasible and no worse."""
        users, slots = self.users, self.slots
        v_ref = z0[2 + slots :]
        p_ref = np.exp(v_ref)
        if self.sensing is not None:
            f = self.sensing
            pairs = np.einsum("i,ijn,j->in", p_ref, f.beta, p_ref)
            with_bs = self.p0 * p_ref[:, None] * f.phi
            level = self.eta * (0.5 * pairs + with_bs).sum(axis=0)  # eta det J, the scale of F_n
            gradient = self.eta * (pairs + with_bs) / level
            alpha, mu = f.alpha / level, f.mu / level

        def constraints(z):
            psi, u, v = z[1], self._log_times(z), z[2 + slots :]
            p = np.exp(v)
            frame = np.log(self.time_budget) - np.logaddexp(0, psi) - _log_sum(u)
            parts = [[frame], self.log_harvest - np.logaddexp(0, -psi) - u - v]
            if slots:
                parts.append(u + self._log_rate(v) - z[0])
            if self.sensing is not None:
                parts.append(1 + (v - v_ref) @ gradient - p @ alpha - mu)
            return np.concatenate(parts)

        def jacobian(z):
            psi, u, v = z[1], self._log_times(z), z[2 + slots :]
            p = np.exp(v)
            x = self.a * p
            steepness = np.diag(x / ((1 + x) * np.log1p(x)))  # of the log rates in v
            longer = np.zeros((users, len(z)))  # of the log times
            longer[:, 2 if slots else 0] = 1
            if not slots:
                longer[:, 2:] = -steepness
            frame, energy = -np.exp(u - _log_sum(u)) @ longer, -longer
            frame[1] -= _share(psi)
            energy[:, 1] += _share(-psi)
            energy[:, 2 + slots :] -= np.eye(users)
            parts = [frame[None], energy]
            if slots:
                rate = longer.copy()
                rate[:, 0] -= 1
                rate[:, 2 + slots :] += steepness
                parts.append(rate)
            if self.sensing is not None:
                crb = np.zeros((len(mu), len(z)))
                crb[:, 2 + slots :] = (gradient - p[:, None] * alpha).T
                parts.append(crb)
            return np.concatenate(parts)

        cost = np.zeros(len(z0))
        cost[0] = -1
        best, solved = None, False
        # SLSQP's linearised constraints can be incompatible to rounding at a start where many are active; a start that
        # is strictly inside, and then a coarser tolerance, help. What counts is that the answer is feasible and no worse.
        inward = np.concatenate([[2.0, 0.0], np.ones(slots), np.zeros(users)])
        further = [(z0 - nudge * inward, ease * _INNER_TOLERANCE) for nudge in _NUDGES for ease in (1.0, 1e3)]
        for start, tolerance in ((z0, _INNER_TOLERANCE), *further):
            result = minimize(
                lambda z: -z[0],
                start,
                jac=lambda z: cost,
                bounds=self.bounds,
                constraints=[{"type": "ineq", "fun": constraints, "jac": jacobian}],
                method="SLSQP",
                options={"ftol": tolerance, "maxiter": _INNER_ITERATIONS},
            )
            if np.min(constraints(result.x)) >= -_FEASIBLE and result.x[0] >= z0[0] - _FEASIBLE:
                if best is None or result.x[0] > best[0]:
                    best, solved = result.x, bool(result.success)
                if result.success:
                    return result.x, True
        return best, solved


def _log_sum(logs: np.ndarray) -> float:
    peak = logs.max()
    return peak + math.log(np.exp(logs - peak).sum())


def _share(psi: float) -> float:
    return 0.5 * (1 + math.tanh(0.5 * psi)) if psi > -1 else math.exp(psi) / (1 + math.exp(psi))
