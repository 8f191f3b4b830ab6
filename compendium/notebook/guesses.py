r"""A game: divide a band and a power budget by hand, see what everybody gets, and then what the certified optimum makes of them.

The rates are closed forms, which the page computes itself:

.. math:: R_{k} = W x_u \log_2\Bigl(1 + \frac{a_k\,p_u}{N_0 W x_u + c_k\,p_u}\Bigr)

for the service :math:`k` of user :math:`u` with the share :math:`x_u` of the band :math:`W` and the power :math:`p_u`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .pictures import flat


@dataclass(frozen=True)
class Round:
    """One instance: gains and promises of every service, and its certified optimum.

    Attributes
    ----------
    label : str
    signal, clutter : sequence of float
        :math:`a_k` and :math:`c_k`, linear power gains.
    floors_bps : sequence of float
        What each service was promised.
    shares, powers_w : sequence of float
        The optimum, one for each user.
    bound_bps : float
        What no allocation exceeds, proven.
    """

    label: str
    signal: Sequence[float]
    clutter: Sequence[float]
    floors_bps: Sequence[float]
    shares: Sequence[float]
    powers_w: Sequence[float]
    bound_bps: float


@dataclass(frozen=True)
class Guess:
    """The rounds of a game and what they share; ``services`` are pairs of a name and the number of its user."""

    users: Sequence[str]
    services: Sequence[tuple[str, int]]
    weights: Sequence[float]
    value_label: str
    band_hz: float
    noise_psd_w_per_hz: float
    budget_w: float
    rounds: Sequence[Round]

    def described(self) -> dict:
        """What the script reads."""
        for one in self.rounds:
            counts = {len(one.signal), len(one.clutter), len(one.floors_bps), len(self.services), len(self.weights)}
            if len(counts) > 1 or not len(one.shares) == len(one.powers_w) == len(self.users):
                raise ValueError(f"guess: {one.label} does not fit {len(self.services)} services of {len(self.users)} users")
        return {
            "users": list(self.users),
            "services": [{"label": label, "user": user} for label, user in self.services],
            "weights": flat(self.weights, 12),
            "valueLabel": self.value_label,
            "band": self.band_hz,
            "noise": self.noise_psd_w_per_hz,
            "budget": self.budget_w,
            "rounds": [
                {
                    "label": one.label,
                    "signal": flat(one.signal, 12),
                    "clutter": flat(one.clutter, 12),
                    "floors": flat(one.floors_bps),
                    "shares": flat(one.shares, 12),
                    "powers": flat(one.powers_w, 12),
                    "bound": one.bound_bps,
                }
                for one in self.rounds
            ],
        }
