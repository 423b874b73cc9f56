"""The curves of a single training."""

from __future__ import annotations

from collections.abc import Sequence

from nascope._src.palette import BLUE, VERMILION
from nascope._src.records.read import CurvePoint
from nascope._src.report.figures.style import STYLES, Drawing, StyleName, new_figure


def draw_training(curve: Sequence[CurvePoint], title: str, *, style: StyleName = "page") -> Drawing:
    """Draw loss and accuracy over the epochs, in training and on the test set.

    Args:
        curve: points of the training's curves.
        title: the network's name.
    """
    epochs = [point.epoch for point in curve]
    with new_figure(STYLES[style], (7.6, 3.2), title) as figure:
        loss, accuracy = figure.subplots(1, 2)
        for split, name, colour in (("train", "training", BLUE), ("test", "test", VERMILION)):
            losses = [getattr(point, f"{split}_loss") for point in curve]
            percent = [100 * getattr(point, f"{split}_accuracy") for point in curve]
            for ax, values in ((loss, losses), (accuracy, percent)):
                ax.plot(epochs, values, color=colour, marker=".", linewidth=1.4, label=name)
        loss.set(xlabel="epoch", ylabel="loss (nats)")
        accuracy.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(0, 100))
        accuracy.legend(frameon=False, loc="lower right")
    return Drawing(figure, STYLES[style])
