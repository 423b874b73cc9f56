"""The tasks of a study."""

from pathlib import Path

from nascope._src.probes.settings import LandscapeSettings
from nascope._src.records.paths import StudyPaths
from nascope._src.records.read import read_study
from nascope._src.study.calibration import forecast
from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.task import Task
from nascope._src.study.missing import find_missing
from nascope._src.study.run import run_study
from nascope._src.study.tasks import make_work_list
from tests.study.little import PART, STUDY, changed


def stay(progress):
    """Start a worker, which stays in its folder."""


def test_workers_of_another_folder_write_into_the_study(tmp_path, monkeypatch):
    """Workers of a cluster run in the folder of their node; paths are relative to the driver's."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    engine = ProcessEngine(1)
    assert [outcome.error for outcome in engine.run([Task("first", stay, ())], print)] == [None]
    monkeypatch.chdir(here)
    study = changed(cells=PART.cells[:1], probes=PART.probes[:1])
    folder = Path("runs/study")
    plan = study.plan(study.load_data())
    work = make_work_list(find_missing(StudyPaths(folder), plan), folder, "data", "cpu")
    assert {job.folder.parent.parent for job in work.jobs.values()} == {here / folder}
    assert work.tasks[0].arguments[1].arguments[0] == str(here / "data")
    work = make_work_list(find_missing(StudyPaths(folder), plan), folder, None, "cpu")
    assert forecast(work, engine, folder, workers=1, data_dir=None).seconds["training"] > 0
    assert run_study(study, folder, engine=engine, device="cpu").failed == {}
    engine.close()
    assert read_study(here / folder).trials[0].probe("landscape") is not None
    assert not list(elsewhere.iterdir())


def test_a_grid_is_assembled_right_after_its_parts(tmp_path):
    plan = changed(probes=(LandscapeSettings(points=11), *PART.probes)).plan(STUDY.load_data())
    tasks = make_work_list(find_missing(StudyPaths(tmp_path), plan), tmp_path, None, "cpu").tasks
    place = {task.name: k for k, task in enumerate(tasks)}
    split = [task for task in tasks if any("/part " in name for name in task.after)]
    assert len(split) == 2  # the large grid of each cell
    for task in split:
        assert [place[name] - place[task.name] for name in task.after] == list(
            range(-len(task.after), 0)
        )
