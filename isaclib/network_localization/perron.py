r"""The max-min problem as a small set of Perron-Frobenius problems.

In the units of :mod:`.rows` the sensing rows ask :math:`q \ge t(Fq + v)` and the users' rows :math:`q \ge Cq + u`, entrywise.
For a set S of BSs held to their sensing row (the others to their user's row) and one BS k held to its cap, let
:math:`D_S` and :math:`D_C` select the rows, :math:`K = (I - D_C C)^{-1}` and :math:`\bar q = K D_C u`. Then
:math:`q = tKw + \bar q` with :math:`w = D_S(Fq + v)`, and :math:`q_k = 1` turns this into an eigenvalue problem:

.. math:: t_{S,k} = \frac{1}{\rho\!\left(D_S\left[FK + (F\bar q + v)\,\frac{e_k^{\mathsf T} K}{1 - \bar q_k}\right]\right)},
    \qquad t^\star = \min_{S \ne \emptyset,\, k} t_{S,k} .

Every single :math:`t_{S,k}` is an upper bound on :math:`t^\star`: it drops constraints. Without user rows only
S = all remains and :math:`t^\star = 1/\max_k \rho(F + v e_k^{\mathsf T})`.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from ..foundations import checks
from ..foundations.errors import InvalidScenario, SolverFailure
from . import guards
from .eigen import perron_vector, radii
from .rows import LARGEST, Responses, System, responses, system, times
from .scenario import Scenario
from .users import attainable

_LARGEST = 1e250  # in the place of an overflow: eigenvalue routines want finite entries
_MOST_STATIONS = 12  # of the enumeration


def row_bound(rows: System, sensing: np.ndarray) -> np.ndarray:
    r"""Upper bound :math:`\min_k t_{S,k}` on the optimum (D,) for the row choice ``sensing`` (D, B) bool.

    It is inf where the choice says nothing, and 0 where the user rows left over cannot be met together.

    >>> rows = system(Scenario.random(np.random.default_rng(7)))
    >>> row_bound(rows, np.array([[True, True, True]])).round(6)
    array([0.000511])
    """
    checks.instance("rows", rows, System, "system(scenario) makes them")
    sensing = checks.mask("sensing", sensing, rows.v.shape)
    return bound(rows, sensing)


def bound(rows: System, sensing: np.ndarray, cap: np.ndarray | None = None) -> np.ndarray:
    """:func:`row_bound` of what has been checked; with the number of a cap k (D,), :math:`t_{S,k}` alone."""
    per_cap, held = _eigenproblems(rows, sensing, widen=True, cap=cap)
    found = _bound(per_cap, held.possible)[0]
    return np.where(np.isnan(found), np.inf, found)


def row_optimum(rows: System, sensing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r""":func:`row_bound` and the powers q (D, B), largest entry 1, at which each selected row holds with equality for it.

    The powers come from the Perron vector, which stays well determined where noise is far below interference (there
    :math:`I - tF` is singular to working precision).
    """
    per_cap, held = _eigenproblems(rows, sensing)
    t, cap = _bound(per_cap, held.possible)
    push, room = _raised(per_cap, held, cap)
    # Where noise is far below interference several caps share the radius to rounding; the powers tell which one binds.
    binding = np.argmin(room, axis=1)
    if len(other := np.flatnonzero((binding != cap) & held.possible)):
        push[other], room[other] = (part[other] for part in _raised(per_cap, held, binding))
    with np.errstate(invalid="ignore"):
        return t, push * np.min(room, axis=1, keepdims=True) + held.fixed


def _raised(per_cap: np.ndarray, held: Responses, cap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the Perron vector of each lane's cap adds to q-bar, up to a factor, and the factor (D, B) at which each BS is full."""
    matrix = per_cap[np.arange(len(cap)), cap]
    # One product of non-negative numbers gives small entries the relative accuracy that the eigenvector routine does not.
    push = times(held.K, times(matrix, perron_vector(matrix)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return push, np.where(push > 0, held.spare / push, np.inf)


def _eigenproblems(
    rows: System, sensing: np.ndarray, *, widen: bool = False, cap: np.ndarray | None = None
) -> tuple[np.ndarray, Responses]:
    """The matrices (D, k, B, B) of the closed form, with K and q-bar of the module's docstring; one k where ``cap`` (D,) says it.

    ``widen`` adds to the room under each cap what rounding may have taken from it, so that the bound stays one.
    """
    held = responses(rows, sensing)
    K, fixed = held.K, held.fixed
    spare = held.spare + held.error[:, None] if widen else held.spare
    column = np.where(sensing, times(rows.F, fixed) + rows.v, 0.0)
    base = np.where(sensing[..., None], rows.F @ K, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        held_at = K / spare[..., None]
        held_at = held_at if cap is None else np.take_along_axis(held_at, cap[:, None, None], axis=1)
        added = column[:, None, :, None] * held_at[:, :, None, :]
        per_cap = base[:, None] + np.where(np.isnan(added), 0.0, added)  # 0 times infinity: a row that asks for nothing
    return np.where(np.isfinite(per_cap), per_cap, _LARGEST), held


def _bound(per_cap: np.ndarray, possible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least 1/rho over the caps (D,) and the cap (D,) that gives it."""
    radius = np.zeros(per_cap.shape[:2])
    radius[possible] = radii(per_cap[possible])
    cap = np.argmax(radius, axis=1)
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(possible, 1 / np.max(radius, axis=1), 0.0), cap


def perron_frobenius_optimum(scenario: Scenario) -> float:
    r"""The optimum :math:`t^\star` by enumeration of all :math:`2^B - 1` row choices and B caps: closed form, no iteration.

    One eigenvalue problem each, so it is meant for small B (21 problems for B = 3); :func:`~.exact.solve_exact` finds the
    one that matters instead. nan where the users' thresholds cannot be met.

    Raises
    ------
    InvalidScenario
        For more than 12 base stations.
    SolverFailure
        Where a sensing SINR is below 1e-150, whatever the powers.

    Examples
    --------
    >>> round(perron_frobenius_optimum(Scenario.random(np.random.default_rng(7))), 6)
    0.000511
    """
    scenario = guards.one(scenario)
    size = len(scenario.echo_gain)
    if size > _MOST_STATIONS:
        raise InvalidScenario(
            "scenario", f"has {size} base stations", "the closed form enumerates 2^B row choices: use solve_exact"
        )
    if not attainable(scenario)[-1][0]:
        return float("nan")
    choices = np.array([choice for choice in product([True, False], repeat=size) if any(choice)])
    rows = system(scenario)
    if max(rows.F.max(), rows.v.max()) >= LARGEST:
        raise SolverFailure("closed form", "not run", message="gains or noise are beyond double precision")
    return float(np.min(bound(rows[np.zeros(len(choices), dtype=int)], choices)))
