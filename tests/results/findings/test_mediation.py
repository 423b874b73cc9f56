"""Mediation in designs: a planted mediator is found, another is not."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from nascope._src.records.read import ProbeRecord, StudyRecord, TrialRecord
from nascope._src.report.arrangement import arrange
from nascope._src.report.html.page import page_study, render_page
from nascope._src.results.findings.mediation import judge_mediation
from nascope._src.results.table import measure_study
from nascope._src.results.text.mediation import mediation_lines, mediation_row
from tests.results import designed
from tests.results.designed import contrast_cells, factorial_cells, level_of


def study(cells, *, at: str = "loss 1.4") -> StudyRecord:
    """ln(area) follows ln λ at that moment, which is 0.6 lower per c of width; √g is noise."""
    random = np.random.default_rng(0)
    curvature = {c.label: -0.6 * float(level_of(c).width) + 0.3 * random.normal() for c in cells}
    spread = {cell.label: random.normal() for cell in cells}
    luck = {cell.label: 0.005 * random.normal() for cell in cells}

    def log_area(cell, rate, seed) -> float:
        return 2.6 + 0.1 * curvature[cell.label] + luck[cell.label]

    def probed(trial: TrialRecord) -> TrialRecord:
        settings = {"at": at, "data": "test", "batchnorm": "frozen", "along": "random"}
        axis, label = np.zeros(1), trial.label
        eigenvalues = np.array([math.exp(curvature[label])])
        variance = np.full((1, 1), math.exp(2 * spread[label]))
        return dataclasses.replace(
            trial,
            probes=(
                ProbeRecord("curvature", "c", settings, {}, {"eigenvalues": eigenvalues}),
                ProbeRecord(
                    "variance", "v", settings, {},
                    {"alphas": axis, "betas": axis, "variance": variance},
                ),
            ),
        )  # fmt: skip

    plain = designed.study(cells, log_area)
    return dataclasses.replace(plain, trials=tuple(map(probed, plain.trials)))


def test_a_planted_mediator_is_found_and_noise_is_not() -> None:
    findings = {f.mediator: f for f in judge_mediation(study(contrast_cells()))}
    assert set(findings) == {"Largest Hessian eigenvalue", "√g at the network"}
    curvature = findings["Largest Hessian eigenvalue"]
    assert (curvature.parts.pairs, curvature.left_out) == (10, 0)
    assert curvature.parts.slope == pytest.approx(0.1, abs=0.02)
    assert curvature.parts.is_found
    assert curvature.parts.share == pytest.approx(1, abs=0.15)
    noise = findings["√g at the network"]
    assert not noise.parts.is_found
    text = "\n".join(mediation_lines(list(findings.values())))
    assert text.startswith("mediation  wide against narrow, CIFAR-10, rate 0.025")
    assert "goes through the largest Hessian eigenvalue at loss 1.4, test images" in text
    assert "That may be nothing" in text
    row = mediation_row(curvature)
    assert row["share"] == curvature.parts.share
    assert "parts" not in row


def test_the_page_shows_what_is_mediated() -> None:
    record = study(contrast_cells())
    arrangement = arrange(record)
    measured = measure_study(record)
    part = page_study(record, arrangement, measured)
    assert len(part.mediations) == 2
    page = render_page(arrangement, measured, [part])
    assert "Wide against narrow, CIFAR-10, rate 0.025<" in page
    assert "Of the shift of the area" in page


def test_a_factorial_is_split_by_factor_over_blocks() -> None:
    findings = judge_mediation(study(factorial_cells()))
    by_factor = {f.factor: f for f in findings if f.mediator.startswith("Largest")}
    assert set(by_factor) == {"width", "depth"}
    assert by_factor["width"].parts.pairs == 20
    assert by_factor["width"].parts.is_found
    assert not by_factor["depth"].parts.is_found


def test_a_diverged_member_is_left_out_with_its_pair() -> None:
    full = study(contrast_cells())
    first = full.trials[0]
    assert first.training is not None
    lost = dataclasses.replace(first, training=dataclasses.replace(first.training, diverged_at=3))
    findings = judge_mediation(dataclasses.replace(full, trials=(lost, *full.trials[1:])))
    assert {(f.parts.pairs, f.left_out) for f in findings} == {(9, 1)}
    assert all("(1 left out)" in line for line in mediation_lines(findings)[1:])


def test_only_probes_at_equal_loss_count() -> None:
    assert judge_mediation(study(contrast_cells(), at="end")) == ()
    assert judge_mediation(designed.planted(0, contrast_cells())) == ()
