import numpy as np

from isaclib import network_localization as nl
from isaclib.foundations import plotting


def test_everybody_is_drawn_where_the_scenario_puts_them(scenario):
    figure, axes = plotting.subplots()
    nl.draw_deployment(axes, scenario, side_m=100.0, coverage_radius_m=100.0)
    drawn = np.array([line.get_xydata()[0] for line in axes.lines])
    expected = np.vstack([scenario.bs_positions_m, scenario.ue_positions_m, scenario.target_position_m])[:, :2]
    assert {tuple(point) for point in drawn} == {tuple(point) for point in expected}
    names = [text.get_text() for text in axes.texts]
    assert names == ["BS 1", "UE 1", "BS 2", "UE 2", "BS 3", "UE 3", "target"]
    assert plotting.unlabelled_axes(figure) == []


def test_signals_are_explained_in_a_legend(scenario):
    _, axes = plotting.subplots()
    nl.draw_deployment(axes, scenario, side_m=100.0, coverage_radius_m=100.0, signals=True)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["own echo", "bistatic echo", "direct BS-BS signal", "user's link"]
