"""Writes what docs/results/evidence.md reports: numbers as CSV, and figures.

python tools/evidence_results.py FOLDER-WITH-THE-TABLES
"""

from __future__ import annotations

import sys
from pathlib import Path

from nascope._src.records.files import write_bytes
from nascope._src.records.tables import csv_bytes
from nascope._src.report.figures.evidence import draw_comparison, draw_table
from nascope._src.results.evidence.numbers import as_dict
from nascope._src.results.evidence.table_evidence import evidence_of
from nascope._src.results.external.accuracies import read_tables

TABLES = {  # the file's name, and what figures call it
    "darts-214-random-cells.parquet": "DARTS' space, 214 cells\nCIFAR-10, 600 epochs",
    "nasbench301-725-zero-cost.json": "DARTS' space, 725 cells\nCIFAR-10, predicted",
    "nasbench101-500-zero-cost.json": "NAS-Bench-101, 445 cells\nCIFAR-10",
    "nasbench201-cifar10.csv": "NAS-Bench-201, 9,444 cells\nCIFAR-10, 200 epochs",
    "nasbench201-imagenet16-120.csv": "NAS-Bench-201, 9,444 cells\nImageNet16-120, 200 epochs",
}
ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "evidence"


def main() -> None:
    """Read the tables, and write the numbers and figures."""
    folder = Path(sys.argv[1])
    tables = [evidence_of(read_tables(folder / name)[0]) for name in TABLES]
    found = as_dict(tables)["tables"]
    for key in ("rows", "given", "speed", "early_minus_late", "statements"):
        rows = [{"table": table["table"], **row} for table in found for row in table[key]]
        write_bytes(
            RESULTS / f"{key}.csv", csv_bytes(rows[0], [list(row.values()) for row in rows])
        )
    comparison = draw_comparison(tables, names=list(TABLES.values()))
    write_bytes(ROOT / "docs" / "images" / "evidence.png", comparison.encode("png", dpi=110))
    drawing = draw_table(tables[0])
    write_bytes(RESULTS / "darts-214-random-cells.png", drawing.encode("png", dpi=110))


if __name__ == "__main__":
    main()
