"""Engines execute tasks; they know nothing about studies.

All engines yield the same results: one task at a time in this process, several at a time in
processes of this machine, or on a Ray cluster.
"""
