r"""A network of monostatic base stations that localise one passive target while each serves its own user.

Base station (BS) i sends with power :math:`p_i`, hears its own echo from the target, and takes everything else as noise.
The printed formulas of the paper are not in the text we had; the forms in :mod:`.formulas` are pinned down by its sentences,
and the chapter's model notebook says for each equation how.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..foundations import checks
from ..foundations.scenario import Batch, ScenarioBase, array, number
from . import drop

FARTHEST_M = 1e100  # a coordinate: its square is a number


@dataclass(frozen=True, eq=False, kw_only=True)
class Scenario(ScenarioBase):
    r"""Gains, noise and limits of B base stations; matrices have row = receiver, column = transmitting BS.

    Attributes
    ----------
    echo_gain : (B,)
        :math:`|\alpha_{ii}|^2`, the monostatic echo.
    bistatic_gain : (B, B)
        :math:`|\alpha_{ji}|^2` from BS j over the target to BS i; zero diagonal.
    bs_bs_gain : (B, B)
        :math:`|g_{ji}|^2`, the direct channel between two BSs; zero diagonal.
    self_interference_gain : (B,)
        :math:`|\alpha^{\mathrm{SI}}_i|^2`, a gain on the BS's own power.
    link_gain : (B,)
        :math:`|h_{jj}|^2` from BS j to its own user.
    cross_link_gain : (B, B)
        :math:`|h_{ij}|^2` from BS i to user j; zero diagonal.
    ue_echo_gain : (B, B)
        :math:`|\alpha_{i\check{\jmath}}|^2` from BS i over the target to user j; the diagonal is the own echo.
    noise_bs_w : float or (B,)
        Noise power at a BS, W. This field and the next four take one number for all, or one per BS.
    noise_ue_w : float or (B,)
        Noise power at a UE, W.
    max_power_w : float or (B,)
        Power cap of each BS.
    bandwidth_hz : float or (B,)
        Bandwidth of each BS, in its range accuracy. Every solver raises the worst sensing *SINR*, the paper's (P2); with unequal
        bandwidths the worst *range*, its (P1), is had by multiplying ``echo_gain`` by ``(bandwidth_hz / reference) ** 2``.
    min_comm_sinr : float or (B,)
        Least SINR of each user, linear (0: no such limit).
    processing_gain : float
        Factor on the sensing SINR inside the range accuracy (1: none, as the paper writes it).
    bs_positions_m : (B, 3), optional
        Positions of the BSs; only the position functions need them.
    ue_positions_m : (B, 3), optional
        Positions of the UEs.
    target_position_m : (3,), optional
        Position of the target.
    """

    echo_gain: np.ndarray = array("B", positive=True)
    bistatic_gain: np.ndarray = array("B", "B", minimum=0, zero_diagonal=True)
    bs_bs_gain: np.ndarray = array("B", "B", minimum=0, zero_diagonal=True)
    self_interference_gain: np.ndarray = array("B", minimum=0, broadcast=True)
    link_gain: np.ndarray = array("B", positive=True)
    cross_link_gain: np.ndarray = array("B", "B", minimum=0, zero_diagonal=True)
    ue_echo_gain: np.ndarray = array("B", "B", minimum=0)
    noise_bs_w: float | np.ndarray = array("B", positive=True, keep_number=True)
    noise_ue_w: float | np.ndarray = array("B", positive=True, keep_number=True)
    max_power_w: float | np.ndarray = array("B", positive=True, keep_number=True)
    bandwidth_hz: float | np.ndarray = array("B", positive=True, keep_number=True)
    min_comm_sinr: float | np.ndarray = array("B", minimum=0, keep_number=True)
    processing_gain: float = number(positive=True, default=1.0)
    bs_positions_m: np.ndarray | None = array("B", 3, optional=True, minimum=-FARTHEST_M, maximum=FARTHEST_M)
    ue_positions_m: np.ndarray | None = array("B", 3, optional=True, minimum=-FARTHEST_M, maximum=FARTHEST_M)
    target_position_m: np.ndarray | None = array(3, optional=True, minimum=-FARTHEST_M, maximum=FARTHEST_M)

    @classmethod
    def random(
        cls,
        rng: np.random.Generator,
        *,
        base_stations: int = 3,
        layout: str = "vertices",
        side_m: float = 100.0,
        coverage_radius_m: float = 100.0,
        bs_height_m: float = 10.0,
        device_height_m: float = 1.5,
        carrier_hz: float = 3.5e9,
        subcarrier_spacing_hz: float = 30e3,
        subcarriers: int = 3276,
        cross_section_dbsm: float = 10.0,
        max_power_dbm: float = 30.0,
        self_interference_db: float = -110.0,
        min_comm_sinr_db: float = -5.0,
        rician_k_db: float = 5.0,
        comm_exponent: float = 2.5,
        bs_bs_exponent: float = 2.5,
        sensing_exponent: float = 2.0,
        noise_figure_db: float = 7.0,
        processing_gain_db: float = 0.0,
    ) -> Self:
        r"""One drop of the paper's network (Section IV-A): users uniform in a disc around their BS, target uniform in a hexagon.

        ``layout="vertices"`` puts the BSs evenly on the circle around the sensing hexagon (three: on alternate vertices);
        ``layout="cells"`` puts them on the centres of at most seven hexagonal cells, the target in the middle one.
        Users and target share ``device_height_m``. The direct BS-BS channel is Rician like a user's link and reciprocal.
        Drops of equal size use the same random numbers whatever the other parameters are. Antennas have 0 dBi in all
        directions: the paper's sectors are not modelled.

        >>> scenario = Scenario.random(np.random.default_rng(7))
        >>> scenario.echo_gain
        array([3.26709642e-13, 3.21557543e-14, 7.56245586e-13])
        >>> scenario.max_power_w, round(scenario.min_comm_sinr, 3)
        (1.0, 0.316)
        """
        parameters = {name: value for name, value in locals().items() if name not in ("cls", "rng")}
        return cls.drawn([checks.generator("rng", rng)], **parameters)[0]

    @classmethod
    def drawn(cls, children: Sequence[np.random.Generator], **parameters: Any) -> Batch:
        """One drop of each generator, as :meth:`random`."""
        return Batch.checked(cls, *drop.draw(children, parameters))


def per_bs(scenario: Scenario | Batch, name: str) -> np.ndarray:
    """A field that is one number or one per BS (in a batch: per row), with an axis for the BSs."""
    value = np.asarray(getattr(scenario, name))
    return value if value.ndim == scenario.echo_gain.ndim else value[..., None]
