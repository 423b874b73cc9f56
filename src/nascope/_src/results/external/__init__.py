"""Readers of tables that others published.

    files      a file of any kind as columns of raw values
    columns    which column holds what, and raw values as numbers
    facts      a raw value as a cell, in numbers
    accuracies the accuracies of cells: typed data

Errors name the file and the row.
"""
