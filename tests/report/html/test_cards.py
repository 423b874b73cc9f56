"""Cards of verdicts: each finding once, its interval to scale."""

from __future__ import annotations

from pathlib import Path

from nascope._src.records.read import read_study
from nascope._src.report.html import cards as verdict_cards
from nascope._src.report.html.cards import make_cards, tally
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.judge import judge_study


def test_cards_hold_every_verdict(judged: Path) -> None:
    found = judge_study(read_study(judged))
    shown = make_cards(found)
    assert [card.number for card in shown] == list(range(1, 10))
    assert sum(len(card.lines) for card in shown) == len(found) == sum(tally(found).values())
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
