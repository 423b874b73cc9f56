"""A small study, and all numbers that it yields."""

import dataclasses

from nascope._src.data.request import DataRequest
from nascope._src.probes.settings import LandscapeSettings, VarianceSettings
from nascope._src.records.read import read_study
from nascope._src.study.definition import Part, StudyDefinition, plan_cells
from nascope._src.training.recipe import Recipe

PART = Part(
    cells=plan_cells(["DARTS"], seeds=[1]),
    recipe=Recipe(channels=2, layers=3, epochs=2, batch_size=64),
    data=(DataRequest("digits", train_size=150, test_size=40),),
    probes=(LandscapeSettings(points=3), VarianceSettings(points=3, instances=20)),
)


STUDY = StudyDefinition("little", (PART,))


def changed(study=STUDY, **changes):
    """Return the study with changed fields of its only part."""
    return StudyDefinition(study.name, (dataclasses.replace(study.parts[0], **changes),))


TIMES = {"seconds", "images_per_second"}


def numbers(folder):
    """Return every number that a study has stored, by its place."""
    values_by_place = {}
    for trial in read_study(folder).trials:
        assert trial.training.finished
        for epochs in (trial.training.epochs, trial.training.early):
            values_by_place[trial.identity, len(values_by_place)] = [
                {k: v for k, v in dataclasses.asdict(point).items() if k not in TIMES}
                for point in epochs
            ]
        values_by_place[trial.identity, "correct"] = trial.training.correct.tolist()
        for probe in trial.probes:
            for name, values in probe.arrays.items():
                values_by_place[probe.identity, name] = values.tolist()
    return values_by_place


def damage(path):
    """Change a byte of the weights, but not of the header."""
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
