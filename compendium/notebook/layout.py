"""Where everything of a figure stands, found out once: the layout takes longer than the drawing, which need not repeat it."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine


def place(figure: Figure) -> None:
    """Give every artist its place. Nothing is drawn where the layout alone does it."""
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.execute(figure)
    else:
        figure.draw_without_rendering()


def keep(figure: Figure) -> None:
    """From now on everything stays where it is, in every drawing of the figure at this size."""
    figure.set_layout_engine(None)
