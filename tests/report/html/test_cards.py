"""Cards of verdicts: each finding once, its interval to scale."""

from __future__ import annotations

from pathlib import Path

from nascope._src.records.read import read_study
from nascope._src.report.arrangement import arrange
from nascope._src.report.html import cards as verdict_cards
from nascope._src.report.html.cards import make_cards, make_design_cards, tally
from nascope._src.report.html.page import page_study, render_page
from nascope._src.results.findings.designs import judge_designs
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.table import measure_study
from tests.results.designed import contrast_cells, planted


def test_cards_hold_every_verdict(judged: Path) -> None:
    found = judge_study(read_study(judged))
    shown = make_cards(found)
    assert [card.number for card in shown] == list(range(1, 10))
    assert sum(len(card.lines) for card in shown) == len(found)
    assert sum(tally(found).values()) == sum(not finding.secondary for finding in found)
    for line in (line for card in shown for line in card.lines if line.bar is not None):
        assert 0 <= line.bar.low <= line.bar.place <= line.bar.high <= 100
        assert (line.bar.place > 50) == (line.finding.effect > 0)


def test_a_bar_ends_in_plain_numbers() -> None:
    finding = Finding(
        6, "undecided", effect=-24.0, low=-93.0, high=756.0, detectable=6071.0, ratio=True
    )
    bar = verdict_cards._bar(finding)
    assert bar is not None
    assert bar.ends == ("−98.9", "+9,219")


def test_designs_have_cards_of_their_own() -> None:
    findings = judge_designs(planted(0, contrast_cells(), width=-0.04, rates=(0.025, 0.25)))
    shown = make_design_cards(findings)
    assert [card.number for card in shown] == [2, 3, 4, 7, 8]
    area = shown[0]
    assert area.title == "Faster convergence: wide against narrow"
    assert [line.where for line in area.lines] == ["CIFAR-10, rate 0.025", "CIFAR-10, rate 0.25"]
    assert area.lines[0].bar is not None
    assert area.lines[0].bar.high < 50
    assert len(area.lines[0].families) == 10
    assert area.lines[0].families[0].text.startswith("DARTS-c1-w4d2 against DARTS-c1-w1.5d5: −")


def test_the_page_shows_designs_without_an_original() -> None:
    study = planted(0, contrast_cells()[:12], width=-0.04)
    arrangement = arrange(study)
    measured = measure_study(study)
    part = page_study(study, arrangement, measured)
    assert part.cards == []
    page = render_page(arrangement, measured, [part])
    assert "With operations fixed, the wide, shallow wiring learns faster." in page
    assert "Every pair" in page
    assert "No verdict is given" not in page
