"""A study's verdicts as a Markdown table, with the correlation of each measure with width.

python examples/verdicts.py runs/cells > verdicts.md
"""

import sys

from nascope._src.records.read import read_study
from nascope._src.results.verdicts import too_small, verdicts


def main(folder: str) -> None:
    """Print the table."""
    study = read_study(folder)
    why = too_small(study)
    print(f"# {study.name}\n")
    if why is not None:
        print(f"No verdict: {why}.")
        return
    print(
        "| claim | where | verdict | result | ρ with width, among variants |\n|---|---|---|---|---|"
    )
    for one in verdicts(study):
        where = ", ".join(part for part in (one.data, one.batchnorm) if part)
        width = one.associations.get("fractional width")
        rho = "–" if width is None else f"{width.rho:+.2f} (p = {width.p:.2g})"
        print(f"| {one.claim} {one.title} | {where} | {one.outcome} | {one.sentence} | {rho} |")


if __name__ == "__main__":
    main(sys.argv[1])
