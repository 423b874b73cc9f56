"""λ of trained networks: every weight and edge is drawn, and names are names."""

from nascope._src.report.figures.theory_networks import draw_networks
from tests.report.figures.drawings import words


def test_every_weight_and_edge_is_a_point():
    norm = {"norm": 2.0, "gain": 0.5, "with_batchnorm": {"norm": 3.0, "gain": 1.5}}
    edge = {"operation": "sep_conv_3x3", "norms": [4.0, 5.0], "gains": [1.0, 1.2]}
    moment = {"weights": [norm, norm], "edges": [edge]}
    drawing = draw_networks([{"label": "$a_1", "moments": {"start": moment, "end": moment}}])
    assert "$a_1, end" in words(drawing)
    for ax, count in zip(drawing.figure.axes, (2, 2, 1), strict=True):
        points = [line for line in ax.get_lines() if line.get_alpha() == 0.35]
        assert [len(line.get_xdata()) for line in points] == [count] * 4  # λ and gain, two rows
