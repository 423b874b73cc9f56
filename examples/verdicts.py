"""Print a study's verdicts as a Markdown table, with each measure's correlation with width.

python examples/verdicts.py runs/cells > verdicts.md
"""

import sys
import warnings

import nascope


def main(folder: str) -> None:
    """Print the table."""
    study = nascope.read_study(folder)
    print(f"# {study.name}\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        verdicts = study.verdicts()
    if caught:
        print(f"{str(caught[0].message).capitalize()}.")
        return
    print(
        "| claim | where | verdict | result | ρ with width, among variants |\n|---|---|---|---|---|"
    )
    for verdict in verdicts.astype(object).where(verdicts.notna(), None).itertuples():
        where = ", ".join(part for part in (verdict.data, verdict.batchnorm) if part)
        rho = "–"
        if verdict.width_rho is not None:
            rho = f"{verdict.width_rho:+.2f} (p = {verdict.width_p:.2g})"
        claim = f"{verdict.claim} {verdict.title}"
        print("|", " | ".join((claim, where, verdict.outcome, verdict.sentence, rho)), "|")


if __name__ == "__main__":
    main(sys.argv[1])
