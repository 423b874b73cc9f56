"""The Ray engine on simulated machines, without real GPUs."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from nascope._src.errors import StudyError
from nascope._src.study.engines.ray import RayEngine
from nascope._src.study.engines.task import Task

cluster_utils = pytest.importorskip(
    "ray.cluster_utils", reason="needs Ray's simulated cluster: pip install 'nascope[ray]'"
)
ray = pytest.importorskip("ray")
AT_ONCE = 4


def test_invalid_arguments_are_refused():
    pytest.importorskip("ray", reason="needs Ray")
    with pytest.raises(StudyError, match="gpus must be a fraction of one"):
        RayEngine(gpus=1.5)
    with pytest.raises(StudyError, match="cannot reach the Ray cluster at 127.0.0.1:1"):
        RayEngine("127.0.0.1:1")


@pytest.fixture(scope="module")
def cluster():
    """A machine with one CPU, and one with four and a GPU."""
    made = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    made.add_node(num_cpus=AT_ONCE, num_gpus=1)
    yield made
    made.shutdown()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"threads": 5}, r"the 5 CPUs \(threads\) that .* has 4 CPUs and 1 GPUs; ask for fewer"),
        ({"gpus": 2.0}, r"the 1 CPUs \(threads\) and 2 GPUs \(gpus\) that .* 4 CPUs and 1 GPUs"),
        (
            {"gpus": 0.5, "threads": 5},
            r"5 CPUs .* and 0.5 GPUs .* 4 CPUs and 1 GPUs; .* without gpus",
        ),
    ],
)
def test_resources_that_no_machine_has_are_refused(cluster, asked, message):
    """Ray itself would wait for such a machine forever."""
    with pytest.raises(StudyError, match=message):
        RayEngine(cluster.address, **asked)


def test_a_task_must_fit_on_one_machine(cluster):
    for asked, count in (({}, 5), ({"threads": 2}, 2), ({"gpus": 0.1}, 4), ({"gpus": 0.5}, 2)):
        engine = RayEngine(cluster.address, **asked)
        try:
            assert engine.max_concurrent() == count
        finally:
            engine.close()


def meet(folder, others, progress):
    """Run until this many tasks run at the same time."""
    (folder / f"{os.getpid()}-{time.monotonic_ns()}.began").touch()
    deadline = time.monotonic() + 100
    while len(list(folder.glob("*.began"))) < others:
        assert time.monotonic() < deadline, "the other tasks did not start"
        time.sleep(0.02)


def stay(path, progress):
    began = time.monotonic()
    time.sleep(0.2)
    path.write_text(f"{os.getpid()} {began} {time.monotonic()}")


def test_tasks_that_share_a_gpu_reuse_processes(cluster, tmp_path):
    """By default Ray starts a new process, which imports torch, for each GPU task."""
    engine = RayEngine(cluster.address, gpus=1 / AT_ONCE)
    try:
        together = [Task(f"first {k}", meet, (tmp_path, AT_ONCE)) for k in range(AT_ONCE)]
        assert [o.error for o in engine.run(together, lambda *_: None)] == [None] * AT_ONCE
        paths = [tmp_path / f"{k}.txt" for k in range(3 * AT_ONCE)]
        after = [Task(path.name, stay, (path,)) for path in paths]
        assert {o.error for o in engine.run(after, lambda *_: None)} == {None}
    finally:
        engine.close()
    stays = [path.read_text().split() for path in paths]
    spans = [(float(began), float(ended)) for _, began, ended in stays]
    assert max(sum(a <= began < b for a, b in spans) for began, _ in spans) <= AT_ONCE
    before = {path.name.split("-")[0] for path in tmp_path.glob("*.began")}
    assert len(before) == AT_ONCE
    assert {process for process, *_ in stays} <= before


def fake_cuda(folder, others, progress):
    """Make this process's torch claim that it has GPUs."""
    torch.cuda.is_available = lambda: True
    torch.cuda.set_device = lambda device: vars(torch.cuda).update(chosen=device)
    meet(folder, others, progress)


def note_gpu(path, progress):
    """Record the GPU that Ray assigned to this task, and the one that it uses."""
    given, visible = str(ray.get_gpu_ids()[0]), os.environ.get("CUDA_VISIBLE_DEVICES")
    place = visible.split(",").index(given) if visible else int(given)
    path.write_text(json.dumps([os.getpid(), visible, place, torch.cuda.chosen]))


@pytest.mark.parametrize("visible", [None, "4,6"])
def test_a_reused_process_computes_on_the_gpu_that_ray_assigns_to_each_task(
    tmp_path, monkeypatch, visible
):
    """Changing CUDA_VISIBLE_DEVICES has no effect once CUDA is used."""
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    machine = {"num_cpus": 2, "num_gpus": 2, "include_dashboard": False}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=machine)
    try:
        engine = RayEngine(cluster.address, gpus=1)
        first = [Task(f"first {k}", fake_cuda, (tmp_path, 2)) for k in range(2)]
        assert [o.error for o in engine.run(first, lambda *_: None)] == [None, None]
        for k in range(6):  # one or two at a time
            paths = [tmp_path / f"{k}-{place}.json" for place in range(1 + k % 2)]
            tasks = [Task(path.name, note_gpu, (path,)) for path in paths]
            assert {o.error for o in engine.run(tasks, lambda *_: None)} == {None}
        with pytest.raises(StudyError, match="Ray chooses the GPU of each task: give cuda, not"):
            engine.device("cuda:1")
        engine.close()
    finally:
        cluster.shutdown()
    noted = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert len(noted) == 9
    assert all(seen == visible and used == given for _, seen, given, used in noted)
    assert {used for *_, used in noted} == {0, 1}
    assert len({process for process, *_ in noted}) == 2


LONG = """
cells = ["DARTS"]
[data]
name = "digits"
train_size = 200
test_size = 40
[training]
scale = "tiny"
overrides = { channels = 2, layers = 2, epochs = 100000 }
"""


def descendants(pid):
    """Return the numbers of all processes that a process has started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            number, rest = path.read_text().rsplit(")", 1)
            parents[int(number.split(" ")[0])] = int(rest.split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def addresses(pids):
    """Return the addresses at which processes listen, in hexadecimal."""
    sockets = set()
    for pid in pids:
        for path in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                sockets.add(str(path.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].split(":")[0])
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's list of sockets")
def test_a_local_cluster_is_for_this_machine_only_and_ends_with_the_command(tmp_path):
    (tmp_path / "long.toml").write_text(LONG)
    command = [sys.executable, "-m", "nascope", "study", "run", "long.toml", "--engine", "ray"]
    run = subprocess.Popen(
        [*command, "--workers", "1", "-q"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 200
        while not list(tmp_path.glob("runs/long/trials/*/checkpoint.safetensors")):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        started = descendants(run.pid)
        listening = addresses(started)
        run.terminate()
        _, errors = run.communicate(timeout=100)
    finally:
        run.kill()
    loopback = {"0100007F", 24 * "0" + "01000000", "0000000000000000FFFF00000100007F"}
    assert listening
    assert listening <= loopback
    assert (run.returncode, errors.strip()) == (143, "terminated")
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in started):
        assert time.monotonic() < deadline, "Ray's processes are still running"
        time.sleep(0.2)


def test_a_temporary_folder_that_is_too_deep_for_sockets_is_named(tmp_path, monkeypatch):
    message = "validate_socket_filename failed: AF_UNIX path length cannot exceed 107 bytes: /x"
    monkeypatch.setattr(ray, "init", Mock(side_effect=OSError(message)))
    with pytest.raises(StudyError, match="cannot start Ray: .* set TMPDIR to a folder with a sh"):
        RayEngine()


def test_a_cluster_that_others_could_reach_is_not_used(monkeypatch):
    monkeypatch.setattr(ray, "init", Mock())
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "NodeManagerAddress": "10.0.0.7"}])
    with pytest.raises(StudyError, match="opens its ports to the network"):
        RayEngine()
