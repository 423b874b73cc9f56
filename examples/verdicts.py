"""A study's verdicts as a Markdown table, with the correlation of each measure with width.

python examples/verdicts.py runs/cells > verdicts.md
"""

import sys

from nascope._src.records.read import read_study
from nascope._src.results.findings.judge import judge_study, too_small
from nascope._src.results.text.findings import sentence, too_small_sentence, where


def main(folder: str) -> None:
    """Print the table."""
    study = read_study(folder)
    why = too_small(study)
    print(f"# {study.name}\n")
    if why is not None:
        print(f"No verdict: {too_small_sentence(why)}.")
        return
    print(
        "| claim | where | verdict | result | ρ with width, among variants |\n|---|---|---|---|---|"
    )
    for finding in judge_study(study):
        width = finding.correlations.get("fractional width")
        rho = "–" if width is None else f"{width.rho:+.2f} (p = {width.p:.2g})"
        cells = (
            f"{finding.claim} {finding.title}",
            where(finding),
            finding.outcome,
            sentence(finding),
            rho,
        )
        print("|", " | ".join(cells), "|")


if __name__ == "__main__":
    main(sys.argv[1])
