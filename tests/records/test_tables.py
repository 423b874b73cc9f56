"""Tables for other tools."""

import csv
import io

from nascope._src.records.tables import csv_bytes


def test_no_cell_is_a_formula_in_a_spreadsheet():
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a\r=1", "plain - text", "half \ud800"]
    table = csv_bytes(["=name", "value"], [(text, -0.5) for text in texts]).decode()
    header, *rows = csv.reader(io.StringIO(table, newline=""))
    assert header == ["'=name", "value"]
    assert [row[0] for row in rows[:5]] == [f"'{text}" for text in texts[:5]]
    assert [row[0] for row in rows[5:]] == ["a\\r=1", "plain - text", "half \\ud800"]
    assert {row[1] for row in rows} == {"-0.5"}
