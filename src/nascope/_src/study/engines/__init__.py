"""Engines: how a study's tasks are carried out, and nothing of what they do.

All run the same tasks to the same numbers: one after the other in this process, side by side in
processes of this machine, or on a Ray cluster.
"""
