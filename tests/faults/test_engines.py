"""After failures of processes, nodes, drivers and disks, the results are those of a normal run."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nascope._src.records.locks import is_held, locked
from nascope._src.records.paths import TrialPaths
from nascope._src.records.read import read_study
from tests.study.little import numbers

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

STUDY = """
cells = ["DARTS"]
variants = { seeds = [1] }
[data]
train_size = 300
test_size = 60
[training]
scale = "tiny"
seeds = [0, 1]
overrides = { channels = 2, epochs = 6 }
[landscape]
points = 9
[variance]
points = 3
instances = 20
"""
EPOCHS = 6


def command(tmp_path, folder, *more):
    return [sys.executable, "-m", "nascope", "study", "run", str(tmp_path / "study.toml"), "--output",
            str(folder), "--device", "cpu", "--no-report", *map(str, more)]  # fmt: skip


def start(tmp_path, folder, *more):
    with (tmp_path / "driver.log").open("ab") as log:
        return subprocess.Popen(
            command(tmp_path, folder, *more), start_new_session=True, stdout=log, stderr=log
        )


def finish(tmp_path, folder, *more):
    process = start(tmp_path, folder, *more)
    assert process.wait(timeout=300) == 0, (tmp_path / "driver.log").read_text()


def logs(folder):
    return {path.parent.name: path.read_text() for path in folder.glob("trials/*/log.txt")}


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.05)
    return value


def training_now(folder):
    """Return the trials that are being trained, with their process numbers."""
    busy = {}
    for name, text in logs(folder).items():
        lines = text.splitlines()
        if lines and re.search(rf"epoch [2-5] of {EPOCHS}: training$", lines[-1]):
            busy[name] = int(re.search(r"training \[(\d+)\]", lines[-1])[1])
    return busy


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The numbers of an undisturbed run."""
    tmp_path = tmp_path_factory.mktemp("whole")
    (tmp_path / "study.toml").write_text(STUDY)
    finish(tmp_path, tmp_path / "study")
    values = numbers(tmp_path / "study")
    assert len(values) > 4 * EPOCHS / 2
    return values


@pytest.fixture
def there(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


def check(folder, whole):
    """Check that the results equal those of an undisturbed run, and nothing else is left."""
    assert numbers(folder) == whole
    assert len(list(folder.glob("trials/*"))) == 4
    assert len(list(folder.glob("trials/*/*/result.json"))) == 8
    assert not list(folder.rglob("chunks"))
    assert not list(folder.rglob("*.part"))
    assert not list(folder.rglob("error.txt"))


@pytest.fixture
def ray():
    module = pytest.importorskip("ray", reason="needs Ray: pip install 'nascope[ray]'")
    yield module
    if module.is_initialized():
        module.shutdown()


def test_a_killed_worker_of_ray_is_replaced(there, whole, ray):
    folder = there / "study"
    process = start(there, folder, "--engine", "ray", "--workers", 2, "--verbose")
    worker = next(iter(wait_for(lambda: training_now(folder)).values()))
    os.kill(worker, signal.SIGKILL)
    assert process.wait(timeout=300) == 0
    assert "its process or node was lost" in (there / "driver.log").read_text()
    check(folder, whole)
    records = [trial.training.provenance for trial in read_study(folder).trials]
    assert all(record["engine"] == "ray" and record["node"] for record in records)
    assert worker not in {record["process"] for record in records}


@pytest.mark.slow
def test_a_node_is_removed_while_it_has_unfinished_trials(there, whole, ray):
    cluster_utils = pytest.importorskip("ray.cluster_utils", reason="needs Ray's simulated cluster")
    cluster = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    try:
        second = cluster.add_node(num_cpus=1)
        folder = there / "study"
        process = start(there, folder, "--engine", "ray", "--address", cluster.address, "-v")
        # Both nodes are busy: each has one CPU.
        busy = wait_for(lambda: len(busy := training_now(folder)) == 2 and busy)
        cluster.remove_node(second, allow_graceful=False)
        assert process.wait(timeout=300) == 0, (there / "driver.log").read_text()
        assert "its process or node was lost" in (there / "driver.log").read_text()
    finally:
        with contextlib.suppress(Exception):
            cluster.shutdown()
    check(folder, whole)
    ended = logs(folder)
    begun_twice = [name for name in busy if ended[name].count("training [") and
                   len(set(re.findall(r"training \[(\d+)\] started", ended[name]))) == 2]  # fmt: skip
    assert len(begun_twice) == 1  # the other node resumed it
    resumed = ended[begun_twice[0]]
    assert resumed.count(f"epoch 1 of {EPOCHS}: training") == 1  # resumed where it stopped


@pytest.mark.slow
def test_tasks_on_a_cluster_outlive_their_driver(there, whole, ray):
    """For a second, or as long as Ray takes: the next run waits for one that still holds its lock,
    and goes on from what it left. The longest-lived is played by this process."""
    cluster_utils = pytest.importorskip("ray.cluster_utils", reason="needs Ray's simulated cluster")
    cluster = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False}
    )
    folder, where = there / "study", ("--engine", "ray", "--address", cluster.address)
    try:
        process = start(there, folder, *where)
        name, orphan = next(iter(wait_for(lambda: training_now(folder)).items()))
        os.kill(orphan, signal.SIGSTOP)  # it must not finish
        process.send_signal(signal.SIGKILL)
        process.wait()
        trial = TrialPaths(folder / "trials" / name)
        assert is_held(trial.lock)
        with locked(trial.lock):  # once Ray has ended the orphan
            process = start(there, folder, *where)
            wait_for(lambda: "waiting for another process" in trial.log.read_text())
            assert process.poll() is None
        assert process.wait(timeout=300) == 0, (there / "driver.log").read_text()
    finally:
        with contextlib.suppress(Exception):
            cluster.shutdown()
    check(folder, whole)
    text = logs(folder)[name]
    assert text.count(f"epoch 1 of {EPOCHS}: training") == 1  # resumed where it stopped
    assert len(set(re.findall(r"training \[(\d+)\] started", text))) == 2


@pytest.mark.slow
def test_ctrl_c_ends_the_tasks_of_ray(there, whole, ray):
    folder = there / "study"
    process = start(there, folder, "--engine", "ray", "--workers", 2)
    busy = wait_for(lambda: training_now(folder))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    for worker in busy.values():
        wait_for(lambda worker=worker: not Path(f"/proc/{worker}").exists(), seconds=20)
    finish(there, folder, "--engine", "ray", "--workers", 2)
    check(folder, whole)


@pytest.mark.slow
def test_two_runs_of_the_same_study_at_once(there, whole):
    folder = there / "study"
    runs = [start(there, folder, "--workers", 2) for _ in range(2)]
    assert [run.wait(timeout=300) for run in runs] == [0, 0]
    check(folder, whole)
    for text in logs(folder).values():  # each waited for the work of the other
        for epoch in range(1, EPOCHS + 1):
            assert text.count(f"epoch {epoch} of {EPOCHS}: training") == 1


def test_the_disk_is_full(there, whole):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a user namespace with a file system of its own (unshare -rm)")
    small, out = there / "small", there / "out"
    small.mkdir()
    run = " ".join(command(there, small / "study", "--workers", 2, "--quiet"))
    script = f"""
        mount -t tmpfs -o size=160k tmpfs {small} || exit 77
        {run}; echo "exit $?"
        df --output=avail {small} | tail -1
        mount -o remount,size=64m {small}
        {run}; echo "exit $?"
        cp -r {small}/study {out}
    """
    ran = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    if ran.returncode == 77:
        pytest.skip("needs to mount a tmpfs in a user namespace")
    assert re.findall(r"exit (\d+)", ran.stdout) == ["1", "0"], ran.stdout + ran.stderr
    assert "No space left on device" in ran.stderr
    assert "Traceback" not in ran.stderr
    check(out, whole)
