"""Engines: how a study's tasks are carried out, and nothing of what they do.

All run the same tasks to the same numbers: one after the other in this process, side by side in
processes of this machine, or on a Ray cluster.
"""

from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.engines.task import Engine, Outcome, Progress, Shared, Task

__all__ = ["Engine", "Outcome", "ProcessEngine", "Progress", "SerialEngine", "Shared", "Task"]
