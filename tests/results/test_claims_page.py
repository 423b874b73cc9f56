"""Every number in docs/results/claims.md, computed again from the tables beside it."""

from __future__ import annotations

import functools
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from nascope._src.cells.graph import topology
from nascope._src.networks.sizes import Size, darts_size
from nascope._src.records.read import StudyRecord
from nascope._src.results.design import main_settings, setting_of
from nascope._src.results.export import flat_table
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.judge import judge_measure, judge_study
from nascope._src.results.stats.components import variance_shares
from nascope._src.results.stats.contrasts import contrast
from nascope._src.results.stats.correlation import Correlation, correlate_within
from nascope._src.results.text.numbers import format_p, signed
from tests.docs.pages import ROOT
from tests.results.committed import Row, committed_study, genotype_of, rows_of

PAGE = (ROOT / "docs" / "results" / "claims.md").read_text(encoding="utf-8")
TEXT = re.sub(r"\s+", " ", PAGE)
README = re.sub(r"\s+", " ", (ROOT / "README.md").read_text(encoding="utf-8"))
SLOW, FAST = 0.025, 0.25  # learning rates


def line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def interval(low: float, high: float, digits: int = 2) -> str:
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def rho(of: Correlation) -> str:
    return f"{signed(of.rho)} {interval(of.low, of.high)}, p = {format_p(of.p)}"


@functools.cache
def study() -> StudyRecord:
    return committed_study("claims")


@functools.cache
def findings() -> dict[tuple[int, str | None], Finding]:
    return by_claim(study())


def by_claim(of: StudyRecord) -> dict[tuple[int, str | None], Finding]:
    """The findings on which claims rest, which are the first of each claim and mode."""
    first: dict[tuple[int, str | None], Finding] = {}
    for finding in judge_study(of):
        first.setdefault((finding.claim, finding.batchnorm), finding)
    return first


@functools.cache
def pooled() -> dict[tuple[int, str | None], Finding]:
    """The findings with the six variants of DARTS' cell that only darts.md has."""
    known = {trial.identity for trial in study().trials}
    more = [t for t in committed_study("darts").trials if t.identity not in known]
    more = [t for t in more if t.data["name"] == "cifar10" and t.recipe["learning_rate"] == SLOW]
    assert [trial.label for trial in more] == [f"DARTS-p{seed}" for seed in range(5, 11)]
    every = replace(study(), trials=(*study().trials, *more))
    return by_claim(every)


def trials(rate: float) -> list[Row]:
    return [row for row in rows_of("claims", "trials") if float(row["learning_rate"]) == rate]


def probes(kind: str, mode: str) -> dict[str, Row]:
    return {
        row["label"]: row
        for row in rows_of("claims", "probes")
        if (row["kind"], row["batchnorm"]) == (kind, mode)
    }


# ---------------------------------------------------------------- trials and verdicts


def test_trials() -> None:
    fast = {row["label"]: row for row in trials(FAST)}
    grids = {
        (kind, mode): probes(kind, mode)
        for kind in ("landscape", "variance")
        for mode in ("frozen", "recalibrated")
    }
    for row in trials(SLOW):
        label, wiring = row["label"], topology(genotype_of(row).normal, reduction=False)
        below = [
            f"{100 * float(grids['landscape', mode][label]['area_below']):.2f}"
            for mode in ("frozen", "recalibrated")
        ]
        spread = [
            f"{float(grids['variance', mode][label]['std_median']):,.{digits}f}"
            for mode, digits in (("frozen", 0), ("recalibrated", 1))
        ]
        expected = line(
            label,
            f"{float(wiring.fractional_width):g}",
            f"{float(wiring.live_width):g}",
            wiring.depth,
            f"{100 * float(row['test_accuracy']):.1f}",
            f"{float(row['area_under_loss']):.2f}",
            f"{float(fast[label]['area_under_loss']):.2f}",
            *below,
            *spread,
        )
        assert expected in PAGE
    seconds = [float(row["seconds"]) for row in rows_of("claims", "trials")]
    assert (
        f"took {min(seconds):.0f} to {max(seconds):.0f} s on one core (median "
        f"{np.median(seconds):.0f})" in TEXT
    )


VERDICTS: Mapping[tuple[int, str | None], tuple[str, int, str, str]] = {
    # the row's title, digits of the shift, what follows it, and format of what is detectable
    (2, None): ("2 faster convergence", 1, " % of the area", "{:.1f} %"),
    (3, None): ("3 steadier convergence", 2, " % of the loss", "{:.2f}"),
    (4, None): ("4 the gap grows with the rate", 3, " per decade in the log area", "{:.3f}"),
    (5, "frozen"): ("5 smoother landscape (frozen)", 2, " points of the plane", "{:.2f}"),
    (5, "recalibrated"): ("5 (recalibrated)", 1, " points", "{:.0f}"),
    (6, "frozen"): ("6 smaller variance (frozen)", 0, " % of √g", "× {:.0f}"),
    (6, "recalibrated"): ("6 (recalibrated)", 1, " %", "{:.0f} %"),
    (7, None): ("7 early evaluation", 1, " points after one epoch", "{:.1f}"),
}


@pytest.mark.parametrize("claim", VERDICTS)
def test_verdicts(claim: tuple[int, str | None]) -> None:
    title, digits, unit, detectable = VERDICTS[claim]
    found = findings()[claim]
    outcome = "**contradicted**" if found.outcome == "contradicted" else found.outcome
    size = found.detectable
    if detectable.startswith("×"):
        size = 1 + size / 100
    expected = line(
        title,
        outcome,
        f"{100 * found.share:.0f} %",
        f"{signed(found.effect, digits)}{unit} {interval(found.low, found.high, digits)}",
        format_p(found.p),
        detectable.format(size),
    )
    assert expected in PAGE


def test_verdicts_by_further_measures() -> None:
    further = {f.measure: f for f in judge_study(study()) if f.secondary}
    for measure, title, digits, unit in (
        ("Fluctuation of the test accuracy", "3, by the test accuracy", 2, "points"),
        ("Accuracy after 189 of 630 steps", "7, after 189 of 630 steps", 1, "points"),
        ("Accuracy after 315 of 630 steps", "7, after 315 of 630 steps", 1, "points"),
    ):
        found = further.pop(measure)
        shift = f"{signed(found.effect, digits)} {unit} {interval(found.low, found.high, digits)}"
        expected = line(
            title,
            found.outcome,
            f"{100 * found.share:.0f} %",
            shift,
            format_p(found.p),
            f"{found.detectable:.1f}",
        )
        assert expected in PAGE
    assert not further


def test_verdicts_without_a_shift() -> None:
    pattern = findings()[1, None].pattern
    assert (
        f"wider than {100 * pattern.wider.mean:.0f} % of wirings, shallower than "
        f"{100 * pattern.shallower.mean:.0f} %" in TEXT
    )
    ends = findings()[8, None]
    assert (
        f"{100 * ends.share:.0f} %, {signed(ends.effect)} points "
        f"{interval(ends.low, ends.high)} | | {format_p(ends.p)}" in TEXT
    )


def test_summary_of_originals() -> None:
    two, seven, five = findings()[2, None], findings()[7, None], findings()[5, "frozen"]
    assert f"ahead in {100 * two.share:.0f} % of the comparisons" in TEXT
    assert f"cannot distinguish from chance (p = {format_p(two.p)};" in TEXT
    assert f"they are not ahead ({100 * seven.share:.0f} %)" in TEXT
    assert f"by a small margin (p = {format_p(five.p)})" in TEXT
    assert f"than around their variants (p = {format_p(five.p)})" in README
    more = pooled()[2, None]
    assert f"{100 * more.share:.0f} %, p = {format_p(more.p)}" in TEXT


def test_early_is_an_epoch_of_few_steps() -> None:
    ((batch, epochs),) = {(int(r["batch_size"]), int(r["epochs"])) for r in trials(SLOW)}
    steps = findings()[7, None].early_steps
    assert f"one epoch: {steps} steps of {batch} images" in TEXT
    assert f"An epoch is {steps} steps here" in TEXT
    assert epochs // 10 == 1  # so that a tenth of the schedule is one epoch


# ---------------------------------------------------------------- learning rates


def test_learning_rates() -> None:
    four = findings()[4, None]
    slow, fast = ({gap.learning_rate: gap for gap in four.gaps}[rate] for rate in (SLOW, FAST))
    setting = main_settings(study())[0]
    at_fast = next(
        setting_of(trial) for trial in study().trials if trial.recipe["learning_rate"] == FAST
    )
    assert setting.learning_rate == SLOW
    alone = judge_measure(study(), at_fast, 2)
    assert f"{-100 * math.expm1(slow.gap):.1f} % below that of the mean variant at 0.025" in TEXT
    assert (
        f"{-100 * math.expm1(fast.gap):.1f} % below at 0.25 ([{-alone.high:.1f}, {-alone.low:.1f}] "
        f"%; ahead in {100 * alone.share:.0f} % of the comparisons, p = {alone.p:.1g})" in TEXT
    )
    assert (
        f"slope {signed(four.effect, 3)} {interval(four.low, four.high, 3)}, p = {four.p:.1g}"
        in TEXT
    )
    leads = {f.family: f.standing.original < f.standing.mean for f in four.families}
    assert [family for family, lead in leads.items() if not lead] == ["ENAS"]
    assert (sum(leads.values()), len(leads)) == (4, 5)
    assert "grows in four of five families; in ENAS" in TEXT
    for name, coordinate in (("depth", "depth"), ("width", "fractional width")):
        of = alone.correlations[coordinate]
        low_high = interval(of.low, of.high)
        assert f"{name} (ρ = {signed(of.rho)} {low_high}, p = {of.p:.2g})" in TEXT


def joint_model(rows: Sequence[Row]) -> dict[str, tuple[float, float, float]]:
    """Fit ln(area) = family + a · width + b · depth by least squares; slope, error and p of each."""
    families = sorted({row["family"] for row in rows})
    wirings = [topology(genotype_of(row).normal, reduction=False) for row in rows]
    design = np.array(
        [
            [float(wiring.fractional_width), wiring.depth, *(row["family"] == f for f in families)]
            for row, wiring in zip(rows, wirings, strict=True)
        ],
        dtype=float,
    )
    areas = np.log([float(row["area_under_loss"]) for row in rows])
    slopes = np.linalg.lstsq(design, areas)[0]
    degrees = len(rows) - design.shape[1]
    variance = ((areas - design @ slopes) ** 2).sum() / degrees
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    p_values = 2 * stats.t.sf(abs(slopes / errors), degrees)
    return {name: (slopes[k], errors[k], p_values[k]) for k, name in enumerate(("width", "depth"))}


def joint_rows() -> list[str]:
    rows = []
    for rate in (SLOW, FAST):
        for title, originals in (("20 variants", False), ("with the 5 originals", True)):
            chosen = [row for row in trials(rate) if originals or row["variant"] != "original"]
            fit = joint_model(chosen)
            cells = [
                f"{signed(slope, 3)} ± {error:.3f}, p = {format_p(p)}"
                for slope, error, p in (fit["width"], fit["depth"])
            ]
            rows.append(line(f"{rate:g}", title, *cells))
    return rows


def test_width_and_depth_in_one_model() -> None:
    assert "\n".join(joint_rows()) in PAGE
    fit = joint_model([row for row in trials(FAST) if row["variant"] != "original"])
    width, depth = (
        f"{signed(fit[name][0], 3)} ± {fit[name][1]:.3f}" for name in ("width", "depth")
    )
    assert f"{depth} in ln(area) per level, against {width} per c" in TEXT


# ---------------------------------------------------------------- associations


COORDINATES = {
    "fractional width": "fractional_width",
    "strict width": "strict_width",
    "live width": "live_width",
    "effective width": "effective_width",
    "depth": "depth",
    "effective depth": "effective_depth",
}


@functools.cache
def separate(name: str) -> Correlation:
    """The pooled correlation of area with a coordinate, every variant as a wiring of its own."""
    families: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    known = {row["label"] for row in trials(SLOW)}
    more = [
        row
        for row in rows_of("darts", "trials")
        if float(row["learning_rate"]) == SLOW
        and row["data"] == "cifar10"
        and row["label"] not in known
    ]
    for row in (*trials(SLOW), *more):
        if row["variant"] != "original":
            wiring = topology(genotype_of(row).normal, reduction=False)
            families[row["family"]][0].append(float(getattr(wiring, COORDINATES[name])))
            families[row["family"]][1].append(float(row["area_under_loss"]))
    return correlate_within(list(families.values()))


def association_rows() -> list[str]:
    return [
        line(
            name,
            rho(own := findings()[2, None].correlations[name]),
            format_p(own.p_adjusted),
            rho(separate(name)),
            rho(pooled()[2, None].correlations[name]),
        )
        for name in COORDINATES
    ]


def test_associations() -> None:
    assert "\n".join(association_rows()) in PAGE
    width, every = (
        findings()[2, None].correlations["fractional width"],
        separate("fractional width"),
    )
    assert (every.wirings, pooled()[2, None].correlations["depth"].wirings) == (26, 18)
    assert f"{every.wirings} variants" in TEXT
    assert f"(ρ = {rho(every)})" in TEXT
    assert f"ρ = {rho(width)}" in TEXT
    assert f"for the {width.examined} correlations" in TEXT
    assert f"p = {format_p(width.p_adjusted)}" in TEXT
    assert f"ρ = {signed(every.rho)} {interval(every.low, every.high)}" in README
    cells = re.sub(r"\s+", " ", (ROOT / "docs" / "results" / "cells.md").read_text("utf-8"))
    assert f"(live width: ρ = {rho(separate('live width'))})" in cells
    lead = findings()[6, "frozen"].correlations["effective depth"]
    assert f"(ρ = {rho(lead)}; {format_p(lead.p_adjusted)} adjusted)" in TEXT


def test_no_other_measure_goes_with_a_width_or_depth() -> None:
    for claim in ((3, None), (5, "frozen"), (5, "recalibrated"), (7, None)):
        others = [
            of
            for name, of in findings()[claim].correlations.items()
            if (claim, name) != ((3, None), "effective depth")
        ]
        assert all(of.p > 0.05 for of in others)
    for claim in ((6, "frozen"), (3, None)):
        deep = findings()[claim].correlations["effective depth"]
        assert f"{rho(deep)}; {deep.p_adjusted:.2g} adjusted)" in TEXT
    p = findings()[2, None].correlations["fractional width"].p
    assert f"for 42 correlations it is {42 * p:.2g}" in TEXT


def test_without_scaled_ranks_the_largest_family_decides() -> None:
    """Spearman's ρ of pooled centred ranks, in which DARTS' ten variants weigh the most."""
    families = defaultdict(list)
    for row in (*trials(SLOW), *rows_of("darts", "trials")):
        if float(row["learning_rate"]) == SLOW and row["data"] == "cifar10":
            families[row["family"]].append(row)
    x, y = [], []
    for rows in families.values():
        variants = {row["label"]: row for row in rows if row["variant"] != "original"}.values()
        widths = [
            float(topology(genotype_of(row).normal, reduction=False).fractional_width)
            for row in variants
        ]
        for ranks, values in ((x, widths), (y, [float(r["area_under_loss"]) for r in variants])):
            ranked = stats.rankdata(values)
            ranks.extend(ranked - ranked.mean())
    unscaled = np.dot(x, y) / math.sqrt(np.dot(x, x) * np.dot(y, y))
    assert f"ρ would be {signed(unscaled)}" in TEXT
    ten, four = ((n**3 - n) / 12 for n in (10, 4))  # sums of squared centred ranks
    assert f"would weigh {ten / four:.0f} times" in TEXT


# ---------------------------------------------------------------- capacity


def capacity_rows() -> list[str]:
    rows, original = [], trials(SLOW)[0]
    for row in trials(SLOW):
        original = row if row["variant"] == "original" else original
        dead = [row[f"{kind}_dead_nodes"] for kind in ("normal", "reduce")]
        sizes = []
        for name in ("parameters", "multiply_adds"):
            change = 100 * (int(row[name]) / int(original[name]) - 1)
            beside = "" if row is original else f" ({signed(change, 1)} %)"
            sizes.append(f"{int(row[name]):,}{beside}")
        rows.append(line(row["label"], *dead, *sizes))
    return rows


def test_capacity() -> None:
    assert "\n".join(capacity_rows()) in PAGE
    variants = [row for row in trials(SLOW) if row["variant"] != "original"]
    dead = {
        row["label"]: row["family"]
        for row in variants
        if row["normal_dead_nodes"] + row["reduce_dead_nodes"] != "00"
    }
    assert set(dead.values()) == {"AmoebaNet", "ENAS", "NASNet"}
    assert len(dead) == 9
    assert len([row for row in variants if row["family"] in set(dead.values())]) == 12
    assert "Nine of the twelve variants of AmoebaNet, ENAS and NASNet have dead nodes" in TEXT


def test_capacity_is_that_of_the_networks() -> None:
    exported = flat_table(study())
    for name in ("normal_dead_nodes", "reduce_dead_nodes", "parameters", "multiply_adds"):
        assert exported[name] == [int(row[name]) for row in rows_of("claims", "trials")]
    for row in trials(SLOW):
        size = darts_size(
            genotype_of(row), channels=int(row["channels"]), layers=int(row["layers"])
        )
        assert size == Size(int(row["parameters"]), int(row["multiply_adds"]))


def test_capacity_does_not_go_with_the_area_among_variants() -> None:
    for rate in (SLOW, FAST):
        for name in ("parameters", "multiply_adds"):
            families: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
            for row in trials(rate):
                if row["variant"] != "original":
                    families[row["family"]][0].append(int(row[name]))
                    families[row["family"]][1].append(float(row["area_under_loss"]))
            of = correlate_within(list(families.values()))
            assert f"{signed(of.rho)} {interval(of.low, of.high)}" in TEXT


# ---------------------------------------------------------------- smoothness


SMOOTHNESS = {  # whether its logarithm is compared, and whether higher is smoother
    "area_below": (False, True),
    "convex_area": (False, True),
    "concavity": (False, False),
    "roughness": (True, False),
}


def smoothness_rows() -> list[str]:
    seeds: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in SMOOTHNESS}
    for row in rows_of("cells", "probes"):
        if row["kind"] == "landscape" and row["family"] == "DARTS" and row["data"] == "cifar10":
            for name, (logarithm, _) in SMOOTHNESS.items():
                value = float(row[name])
                seeds[name][row["label"]].append(math.log(value) if logarithm else value)
    rows = []
    for name, (logarithm, higher) in SMOOTHNESS.items():
        values = np.array(list(seeds[name].values()))[:, :, None, None]  # wirings, seeds
        shares = variance_shares(values, [0] * len(values))
        cells = []
        for mode in ("frozen", "recalibrated"):
            families: dict[str, tuple[float, list[float]]] = {}
            for row in probes("landscape", mode).values():
                value = float(row[name])
                if row["variant"] == "original" and row["family"] != "SNAS":
                    families[row["family"]] = (value, [])
                elif row["family"] != "SNAS":
                    families[row["family"]][1].append(value)
            test = contrast(families, higher_is_better=higher)
            cells.append(f"{100 * test.share:.0f} %, p = {format_p(test.p)}")
        title = f"`{name}`{' (logarithm)' if logarithm else ''}"
        rows.append(
            line(title, f"{shares.wiring:.2f} [{shares.low:.2f}, {shares.high:.2f}]", *cells)
        )
    return rows


def test_smoothness() -> None:
    assert "\n".join(smoothness_rows()) in PAGE
    frozen = [row.split(" | ")[2] for row in smoothness_rows()[1:]]
    least = min(float(cell.rpartition(" ")[2]) for cell in frozen)
    assert f"(p ≥ {least:.2f})" in TEXT


# ---------------------------------------------------------------- curves


def test_losses_of_epochs_add_up_to_the_area() -> None:
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for row in rows_of("claims", "curves"):
        if row["epoch_train_loss"]:
            sums[row["label"], row["learning_rate"]] += float(row["epoch_train_loss"])
    for row in rows_of("claims", "trials"):
        area = float(row["area_under_loss"])
        assert sums[row["label"], row["learning_rate"]] == pytest.approx(area, abs=1e-4)
