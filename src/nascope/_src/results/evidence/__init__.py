"""What tables of accuracies say about width and depth: numbers with intervals, and statements.

docs/guides/tables.md has the rules.
"""
