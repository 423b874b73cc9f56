"""Records: what a study leaves on disk, as plain files. Loads no torch."""

from nascope._src.records.read import (
    CurvePoint,
    ProbeRecord,
    StudyRecord,
    TrainingRecord,
    TrialRecord,
    read_study,
)

__all__ = [
    "CurvePoint",
    "ProbeRecord",
    "StudyRecord",
    "TrainingRecord",
    "TrialRecord",
    "read_study",
]
