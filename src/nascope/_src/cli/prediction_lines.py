"""What the commands that predict accuracies print. Accuracies are in percent."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING

from nascope._src.runtime.progress import duration

if TYPE_CHECKING:
    import numpy as np

    from nascope._src.results.predictions.comparison import Comparison, EpochComparison
    from nascope._src.results.predictions.population import PopulationMean, Standing
    from nascope._src.results.predictions.table import PredictedFamily
    from nascope._src.surrogate.model import Predictions, Surrogate

_LISTED = 20  # cells that are listed one by one
_RANGE = f"{'lowest':>8} {'median':>8} {'highest':>8}"


def surrogate_line(surrogate: Surrogate) -> str:
    """Return what the accuracies are."""
    return (
        f"predicted, not measured: validation accuracy in %, by {surrogate.path.name} "
        f"(SHA-256 {surrogate.digest[:8]}…)"
    )


def time_line(predictions: Predictions, what: str) -> str:
    """Return how much was predicted, and how long it took.

    Args:
        predictions: the predictions.
        what: what was predicted: "cell" or "rewiring".
    """
    rows = len(predictions.accuracies)
    different = "" if predictions.distinct == rows else f" ({predictions.distinct:,} different)"
    count = predictions.distinct * len(predictions.epochs)
    epochs = "1 epoch" if len(predictions.epochs) == 1 else f"{len(predictions.epochs)} epochs"
    return (
        f"{rows:,} {what}{'' if rows == 1 else 's'}{different} at {epochs}: {count:,} predictions "
        f"in {predictions.seconds:.2g} s, {1000 * predictions.seconds_per_prediction:.2g} ms each"
    )


def cell_lines(cells: Sequence[PredictedFamily], epochs: Sequence[int]) -> list[str]:
    """Return the predicted accuracies of single cells, or their range if they are many."""
    import numpy as np

    accuracies = np.concatenate([cell.accuracies for cell in cells])
    if len(cells) > _LISTED:
        return [
            f"{'epoch':>6} {_RANGE}",
            *(f"{e:>6} {_range(values)}" for e, values in zip(epochs, accuracies.T, strict=True)),
        ]
    broad = max(len("predicted at epoch"), *(len(cell.name) for cell in cells))
    return [
        f"{'predicted at epoch':{broad}}" + "".join(f"{epoch:>8}" for epoch in epochs),
        *(
            f"{cell.name:{broad}}" + "".join(f"{100 * value:>8.2f}" for value in row)
            for cell, row in zip(cells, accuracies, strict=True)
        ),
    ]


def family_lines(families: Sequence[PredictedFamily], epochs: Sequence[int]) -> list[str]:
    """Return where each cell stands among its rewirings, by predicted accuracy."""
    from nascope._src.results.predictions.population import quantile

    broad = max(len("rewirings of"), *(len(family.name) for family in families))
    lines = [f"{'rewirings of':{broad}} {'epoch':>6} {_RANGE} {'original':>9} {'quantile':>9}"]
    for family in families:
        for epoch, values in zip(epochs, family.accuracies.T, strict=True):
            original = values[family.original]
            lines.append(
                f"{family.name:{broad}} {epoch:>6} {_range(values)} {100 * original:>9.2f} "
                f"{quantile(original, values):>9.3f}"
            )
    return lines


def _range(values: np.ndarray) -> str:
    import numpy as np

    numbers = (values.min(), np.median(values), values.max())
    return " ".join(f"{100 * number:>8.2f}" for number in numbers)


def comparison_lines(compared: Comparison | None) -> list[str]:
    """Return how well the predictions agree with measured cells."""
    if compared is None:
        return [
            "agreement with measured cells: unknown. Give a table of measured cells with "
            "--measured (docs/guides/predicting.md)"
        ]
    outside = f"; {compared.left_out} outside its space left out" if compared.left_out else ""
    if not compared.epochs:
        return [
            f"agreement with measured cells: unknown, because fewer than three cells of "
            f"{compared.table} have a prediction and an accuracy at the same epoch{outside}"
        ]
    cells = compared.epochs[0].agreement.cells
    return [
        f"agreement with {cells} measured cells of {compared.table}{outside}:",
        f"{'epoch':>6} {'measured':>9} {'ρ [95 %]':>21} {'calibrated':>20} {'spread':>7} "
        f"{'interval':>9} {'covers':>7}",
        *map(_agreement_line, compared.epochs),
        "measured: the epoch compared with; calibrated: from the prediction p; spread: of the",
        "residuals; interval: mean length of the 95 % interval; covers: held-out measured cells",
        "what width and depth say about the same cells, measured and predicted:",
        f"{'epoch':>6} {'':6} {'ρ measured':>11} {'ρ predicted':>12} "
        f"{'points per unit, measured':>27} {'predicted':>10}",
        *(
            f"{each.agreement.epoch:>6} {contrast.measure:6} {contrast.rho_measured:>+11.2f} "
            f"{contrast.rho_predicted:>+12.2f} {100 * contrast.slope_measured:>+27.2f} "
            f"{100 * contrast.slope_predicted:>+10.2f}"
            for each in compared.epochs
            for contrast in each.contrasts
        ),
    ]


def _agreement_line(compared: EpochComparison) -> str:
    each, line = compared.agreement, compared.agreement.calibration
    epoch = "–" if each.measured_epoch is None else str(each.measured_epoch)
    rho = f"{each.rho:+.2f}"
    if each.low is not None and each.high is not None:
        rho += f" [{each.low:+.2f}, {each.high:+.2f}]"
    fitted = f"{100 * line.intercept:.2f} {line.slope:+.3f} p"
    length = "–" if isnan(each.length) else f"{100 * each.length:.2f}"
    covers = "–" if isnan(each.coverage) else f"{each.coverage:.1%}"
    mark = "" if isnan(each.coverage) or each.covers_as_wanted else "  outside 90 to 97 %"
    return (
        f"{each.epoch:>6} {epoch:>9} {rho:>21} {fitted:>20} {100 * line.spread:>7.2f} "
        f"{length:>9} {covers:>7}{mark}"
    )


_TITLES = {
    "quantile": "quantile",
    "quantile_given_topology": "quantile, topology equal",
    "rho_width": "ρ of width",
    "rho_depth": "ρ of depth",
    "rho_width_given_depth": "ρ of width given depth",
    "rho_depth_given_width": "ρ of depth given width",
    "slope_width": "points per c of width",
    "slope_depth": "points per level",
}


def population_lines(
    standings: Sequence[Standing], means: Sequence[PopulationMean], seconds: float
) -> list[str]:
    """Return the means over cells at each epoch, as a table."""
    cells = {standing.name: standing for standing in standings}
    controls = sum(standing.control for standing in cells.values())
    rewirings = sum(standing.rewirings for standing in cells.values())
    lines = [
        f"{len(cells) - controls} published cells and {controls} controls, sampled at random, each "
        f"against all of its rewirings: {rewirings:,} in total, in {duration(seconds)}",
        f"{'epoch':>6} {'predicted':24} {'mean over cells [95 %]':>26} "
        f"{'mean over papers [95 %]':>26} {'above':>6}",
    ]
    for mean in means:
        scale = 100 if mean.measure.startswith("slope") else 1
        over_cells = _estimate(mean.mean, mean.interval, scale)
        over_papers = _estimate(mean.paper_mean, mean.paper_interval, scale)
        lines.append(
            f"{mean.epoch:>6} {_TITLES[mean.measure]:24} {over_cells:>26} {over_papers:>26} "
            f"{mean.above:>6.0%}"
        )
    lines.append("above: share of the cells above 0.5 (quantiles) or 0")
    return lines


def _estimate(mean: float, interval: tuple[float, float] | None, scale: float) -> str:
    if interval is None:
        return f"{scale * mean:+.3f}"
    low, high = interval
    return f"{scale * mean:+.3f} [{scale * low:+.3f}, {scale * high:+.3f}]"
