"""A probe's picture: of planes, lines and spectra, and of nothing finite."""

import numpy as np
import pytest

from nascope._src.report.figures.probes import draw_probe
from tests.report.figures.drawings import is_painted, words

POINTS = np.linspace(-1, 1, 11)
LOSS = 0.3 + 2 * (POINTS[:, None] ** 2 + POINTS**2)
AXES = {"alphas": POINTS, "betas": POINTS}
HOLE = np.where(LOSS > 4, np.nan, LOSS)
PATH = {"trajectory": np.array([[0.8, 0.5], [0.0, 0.0]]), "explained": np.array([0.75, 0.125])}
SPECTRUM = {
    "eigenvalues": np.array([15.0, 9.0, -2.0]),
    "nodes": np.array([[15.0, 9.0, -2.0, 0.0]]),
    "weights": np.full((1, 4), 0.25),
}
BLOCKS = {"blocks": np.array(["stem", "cell 0"]), "lipschitz": np.array([3.0, 8.0])}
LINE = {
    "alphas": POINTS,
    "loss": np.where(POINTS > 0.9, np.inf, 0.3 + POINTS**2),
    "loss_error": np.full(11, 0.02),
    "accuracy": np.full(11, 0.9),
}
SETTINGS = {"instances": 1000, "data": "test", "at": "end", "batchnorm": "frozen"}


@pytest.mark.parametrize(
    ("kind", "arrays", "said"),
    [
        ("landscape", {**AXES, "loss": HOLE}, "Loss (nats per image)"),
        ("landscape", {**AXES, "loss": LOSS, **PATH}, "first direction: 75.0% of the trajectory"),
        ("landscape", LINE, "Accuracy (%), dashed"),
        ("variance", {**AXES, "variance": LOSS**2}, "√g"),
        ("curvature", SPECTRUM, "Eigenvalues of the Hessian"),
        ("curvature", {**SPECTRUM, **BLOCKS}, "cell 0"),
        ("landscape", {**AXES, "loss": np.full((11, 11), np.nan)}, "no finite value to draw"),
    ],
)
def test_every_probe_has_a_picture(kind, arrays, said, tmp_path):
    drawing = draw_probe(kind, arrays, SETTINGS, title="a <b> $network$")
    text = words(drawing)
    assert said in text
    assert "mathdefault" not in text  # no formula is left unread
    assert "a <b> $network$\n1,000 test images, end, BatchNorm frozen" in text
    (path,) = drawing.write(tmp_path, "probe")
    assert is_painted(path, share=0.005, colours=30)
