"""Readers of tables that others published: one module for each kind of table.

A reader opens the file with `rows.read_rows`, checks each value with `rows.whole_number` or
`rows.accuracy`, and returns typed data. Errors name the row.
"""
