"""A probe's picture: of planes, lines and spectra, and of nothing finite."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.contour import ContourSet

from nascope._src.report.figures.probes import draw_probe
from tests.report.figures.drawings import is_painted, words

POINTS = np.linspace(-1, 1, 11)
LOSS = 0.3 + 2 * (POINTS[:, None] ** 2 + POINTS**2)
AXES = {"alphas": POINTS, "betas": POINTS}
HOLE = np.where(LOSS > 4, np.nan, LOSS)
PATH = {"trajectory": np.array([[0.8, 0.5], [0.0, 0.0]]), "explained": np.array([0.75, 0.125])}
LOSSES = {"path_loss": np.array([2.5, np.nan]), "projected_loss": np.array([2.0, 0.3])}
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
        (
            "landscape",
            {**AXES, "loss": LOSS, **PATH, **LOSSES},
            "The plane contains 87.5% of the path; points: loss on the path\n"
            "Largest difference: loss 2.5 on the path, 2 in the plane",
        ),
        ("variance", {**AXES, "variance": LOSS, **PATH, **LOSSES}, "contains 87.5% of the path\n"),
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


def test_points_of_a_path_have_the_maps_colour_of_their_own_loss():
    """A point that the plane shows faithfully cannot be told from its surroundings."""
    lie = {"path_loss": np.array([4.0, 0.3]), "projected_loss": np.array([2.08, 0.3])}
    for losses, is_hidden in ((lie, False), (lie | {"path_loss": lie["projected_loss"]}, True)):
        drawing = draw_probe("landscape", {**AXES, "loss": LOSS, **PATH, **losses}, SETTINGS, "net")
        (ax, *_) = drawing.figure.axes
        *_, contours = (c for c in ax.collections if isinstance(c, ContourSet) and c.filled)
        *_, points = (c for c in ax.collections if isinstance(c, PathCollection))
        (band,) = (
            contours.to_rgba(value)
            for value, area in zip(contours.cvalues, contours.get_paths(), strict=True)
            if area.contains_point(PATH["trajectory"][0])
        )
        assert (tuple(points.get_facecolors()[0]) == tuple(band)) == is_hidden
