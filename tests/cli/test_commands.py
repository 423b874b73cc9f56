"""Every command has help with an example and stands in the reference; bad input is one line."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference():
    place = ROOT / "tools" / "command_reference.py"
    spec = importlib.util.spec_from_file_location("command_reference", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nascope(*words, cwd=None, **environment):
    kept = {k: v for k, v in os.environ.items() if k != "NASCOPE_DATA"}
    return subprocess.run(
        [sys.executable, "-m", "nascope", *map(str, words)],
        capture_output=True, text=True, cwd=cwd, env=kept | environment, timeout=300, check=False,
    )  # fmt: skip


def assert_refused(result, pattern):
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert re.search(pattern, lines[0]), lines[0]


def test_every_command_shows_help_and_an_example(reference):
    for words in reference.commands():
        text = reference.help_text(words)
        assert "Usage: nascope" in text
        if words not in {
            (),
            ("data",),
            ("probe",),
            ("study",),
            ("theory",),
        }:  # groups list their commands
            assert "Example: nascope " + " ".join(words) in " ".join(text.split()), words


def test_the_command_reference_is_current(reference):
    page = ROOT / "docs" / "reference" / "commands.md"
    assert page.read_text(encoding="utf-8") == reference.reference(), "run: make docs"


GOOD_EDGES = "('skip_connect', 0), ('skip_connect', 1)"


@pytest.mark.parametrize(
    ("cell", "pattern"),
    [
        ("Genotype(normal=[", "not a genotype|expected|malformed"),
        (
            f"Genotype(normal=[('sep_konv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], "
            f"reduce=[{GOOD_EDGES}], reduce_concat=[2])",
            "unknown operation 'sep_konv_3x3'; the nearest known is 'sep_conv_3x3'",
        ),
        (
            f"Genotype(normal=[('skip_connect', 0), ('skip_connect', 2)], normal_concat=[2], "
            f"reduce=[{GOOD_EDGES}], reduce_concat=[2])",
            "earlier node",
        ),
        (
            f"Genotype(normal=[{GOOD_EDGES}], normal_concat=[3], reduce=[{GOOD_EDGES}], "
            f"reduce_concat=[2])",
            "concat names node 3",
        ),
    ],
)
@pytest.mark.parametrize("command", ["describe", "train", "variants"])
def test_bad_cells(command, cell, pattern, tmp_path):
    assert_refused(nascope(command, cell, cwd=tmp_path), pattern)
    assert not list(tmp_path.iterdir())


def test_bad_data(tmp_path):
    missing = tmp_path / "nowhere"
    result = nascope("train", "DARTS", "--dataset", "cifar10", "--data-dir", missing, cwd=tmp_path)
    assert_refused(result, "no data folder .*nowhere")
    folder = tmp_path / "data" / "cifar10"
    folder.mkdir(parents=True)
    table = pa.table({"img": [{"bytes": b"x" * 5000}], "label": np.zeros(1, dtype=int)})
    for split in ("train", "test"):
        pq.write_table(table, folder / f"{split}.parquet")
    whole = (folder / "train.parquet").read_bytes()
    (folder / "train.parquet").write_bytes(whole[: len(whole) // 2])
    result = nascope(
        "train", "DARTS", "--dataset", "cifar10", "--data-dir", tmp_path / "data", cwd=tmp_path
    )
    assert_refused(result, "train.parquet: damaged, or not a Parquet file")


def test_bad_checkpoints_studies_and_folders(tmp_path):
    checkpoint = tmp_path / "c.safetensors"
    checkpoint.write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    assert_refused(nascope("probe", "landscape", checkpoint), "c.safetensors: damaged")
    assert_refused(nascope("probe", "variance", tmp_path / "none"), "no such checkpoint")
    study = tmp_path / "study.toml"
    study.write_text('cells = ["DARTS"]\n[training]\nscael = "tiny"\n')
    assert_refused(nascope("study", "run", study, cwd=tmp_path), "training.scael: unknown key")
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "demo"
    result = nascope("demo", "--output", place)
    assert_refused(result, "cannot write .*study.json: expected a folder, but found a file")
    result = nascope("train", "DARTS", "--epochs", 1, "--train-size", 20, "--output", place)
    assert_refused(result, "cannot write .*demo")
    assert_refused(nascope("report", tmp_path), "holds no study")
    assert_refused(nascope("train", "DARTS", "--device", "tpu0"), "device 'tpu0' is not available")
    assert_refused(nascope("train", "DARTS", "--recipe", "soup"), "no recipe 'soup'")
    assert_refused(
        nascope("train", "DARTS", "--learning-rate", "nan"),
        "--learning-rate: expected a number above 0",
    )
    assert_refused(nascope("probe", "landscape", tmp_path), "is a folder, not a checkpoint")
    result = nascope("probe", "landscape", checkpoint, "--output", checkpoint)
    assert_refused(result, "--output must end in .npz")
    assert checkpoint.read_bytes().endswith(b"nonsense")
    result = nascope("train", "DARTS", "--set", "learning_rate=1e300")
    assert_refused(result, r"--set learning_rate: expected a number above 0 and at most 1e\+30")
    result = nascope("train", "DARTS", "--learning-rate", "1e300")
    assert_refused(result, r"--learning-rate: expected a number above 0 and at most 1e\+30")
    result = nascope("describe", "DARTS", "--channels", 10**15, "--layers", 5)
    assert_refused(result, "channels must be at most 10000")
    study.write_text('cells = ["DARTS"]\nlandscape = 3\n')
    result = nascope("study", "run", study, cwd=tmp_path)
    assert_refused(result, "landscape: expected a section or table of keys, got 3")
    assert_refused(
        nascope("data", "download", "mnist", "--data-dir", tmp_path),
        "Expected one of cifar10, cifar100",
    )


def test_train_then_probe(tmp_path):
    """The README's tour on a network of seconds; a second call goes on, and changes nothing."""
    words = ("train", "SNAS", "--channels", 2, "--layers", 3, "--epochs", 2, "--train-size", 100,
             "--test-size", 40, "--output", tmp_path / "c.safetensors")  # fmt: skip
    first = nascope(*words)
    assert first.returncode == 0, first.stderr
    assert re.search(r"c.safetensors: trained, 2 epochs, .* test accuracy \d", first.stdout)
    again = nascope(*words)
    assert again.stdout == first.stdout
    kept = {
        "landscape": {"loss", "accuracy", "loss_error"},
        "variance": {"variance", "block_variance"},
        "curvature": {"eigenvalues", "residuals", "trace_samples", "lipschitz"},
    }
    few = ("--top", 2, "--vectors", 2, "--steps", 4, "--block-steps", 3, "--instances", 20)
    for kind, arrays in kept.items():
        more = few if kind == "curvature" else ()
        result = nascope("probe", kind, tmp_path / "c.safetensors", "--points", 3, *more)
        assert result.returncode == 0, result.stderr
        with np.load(tmp_path / f"c-{kind}.npz") as file:
            assert arrays <= set(file.files)
            assert all(np.isfinite(file[name]).all() for name in arrays)
        settings = json.loads((tmp_path / f"c-{kind}.json").read_text())["settings"]
        assert settings["batchnorm"] == "frozen"
    written = {f"c-{kind}.{suffix}" for kind in kept for suffix in ("npz", "json", "png")}
    checkpoints = {"c.safetensors", "c.safetensors.previous"}
    assert {path.name for path in tmp_path.iterdir()} == written | checkpoints


def test_smoothness_of_landscapes(tmp_path):
    axis = np.linspace(-1, 1, 11)
    for number, factor in enumerate((1.0, 2.0, 3.0)):
        loss = factor * np.add.outer(axis**2, axis**2)
        np.savez(tmp_path / f"{number}.npz", loss=loss, alphas=axis, betas=axis)
    files = [tmp_path / f"{number}.npz" for number in range(3)]
    result = nascope("smoothness", *files, "--level", 1, "--output", tmp_path / "s.csv")
    assert result.returncode == 0, result.stderr
    assert re.search(r"largest curvature +2\n", result.stdout)
    assert re.search(
        r"mean of 3\n(.*\n)*  largest curvature +4  95 % interval -0.96", result.stdout
    )
    assert (tmp_path / "s.csv").read_text().startswith("file,convex_radius,")
    np.savez(tmp_path / "line.npz", loss=axis, alphas=axis)
    assert_refused(nascope("smoothness", tmp_path / "line.npz"), "holds no landscape over a plane")
    assert_refused(nascope("smoothness", tmp_path / "none.npz"), "is missing")
    assert "area below" not in nascope("smoothness", files[0]).stdout
    np.savez(tmp_path / "odd.npz", loss=np.array([["a"]]), alphas=axis[:1], betas=axis[:1])
    assert_refused(nascope("smoothness", tmp_path / "odd.npz"), "holds no landscape over a plane")
    (tmp_path / "bad.npz").write_bytes(b"bad")
    assert_refused(nascope("smoothness", tmp_path / "bad.npz"), "damaged")


def test_interrupting_a_probe(tmp_path):
    """Ctrl-C ends it with 130 and a word, and keeps what is finished."""
    path = tmp_path / "c.safetensors"
    words = ("train", "DARTS", "--channels", 2, "--layers", 3, "--epochs", 1, "--train-size", 100,
             "--test-size", 40, "--output", path, "-q")  # fmt: skip
    assert nascope(*words).returncode == 0
    command = [sys.executable, "-m", "nascope", "probe", "landscape", str(path), "--points", "31"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(tmp_path.glob(".c-landscape-*-chunks/*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1] == "interrupted"
    assert "Traceback" not in errors
    assert list(tmp_path.glob(".c-landscape-*-chunks/*.npz"))
    assert not (tmp_path / "c-landscape.npz").exists()


def test_probes_at_moments_of_the_training(tmp_path):
    """Weights kept on the way, found again by training again, a trajectory, and two networks."""
    common = ("--channels", 2, "--layers", 3, "--epochs", 3, "--train-size", 100,
              "--test-size", 40, "-q")  # fmt: skip
    for seed in (0, 1):
        path = tmp_path / f"{seed}.safetensors"
        result = nascope("train", "DARTS", *common, "--seed", seed, "--output", path)
        assert result.returncode == 0, result.stderr
    zero, one = tmp_path / "0.safetensors", tmp_path / "1.safetensors"
    probe = ("probe", "landscape", zero, "--points", 5, "-q")
    assert_refused(nascope(*probe, "--at", "epoch 1"), "were not kept")
    assert_refused(nascope(*probe, "--trajectory"), "a trajectory needs weights kept on the way")
    assert_refused(nascope(*probe, "--at", "epoch 0.3"), "expected a point of the curves")
    assert_refused(
        nascope(*probe, "--at", "noon"), "expected a moment of the training .*, got 'noon'"
    )
    assert_refused(
        nascope(*probe, "--trajectory", "--line"), "plane of a trajectory needs 2 dimensions"
    )
    assert_refused(nascope(*probe, "--output", tmp_path), "must end in .npz")
    before = zero.read_bytes()
    keep = ("--keep", "epoch 0.5", "--keep", "epoch 1", "--keep", "loss 1e-9")
    result = nascope("train", "DARTS", *common, "--seed", 0, "--output", zero, *keep)
    assert result.returncode == 0, result.stderr
    assert zero.read_bytes() == before
    kept = {path.name for path in (tmp_path / "0-snapshots").iterdir()}
    assert kept == {"epoch_0.5.safetensors", "epoch_1.safetensors"}
    found = {}
    for at in ("initialisation", "epoch 0.5", "epoch 1", "end", "epoch 3", "loss 1e-9"):
        result = nascope(*probe, "--at", at, "--output", tmp_path / "at.npz")
        assert result.returncode == 0, result.stderr
        with np.load(tmp_path / "at.npz") as file:
            found[at] = file["loss"][2, 2]
        assert ("did not reach" in result.stdout) == (at == "loss 1e-9")
    assert np.isnan(found.pop("loss 1e-9"))
    assert found.pop("epoch 3") == found["end"]
    assert len(set(found.values())) == 4
    for more, shape in ((("--trajectory",), (5, 5)), (("--to", one), (5,)), (("--line",), (5,))):
        result = nascope(*probe, *more, "--output", tmp_path / "more.npz")
        assert result.returncode == 0, result.stderr
        with np.load(tmp_path / "more.npz") as file:
            assert file["loss"].shape == shape
            assert ("trajectory" in file.files) == (more == ("--trajectory",))


def test_evaluate_curves_and_import(tmp_path):
    checkpoint = tmp_path / "c.safetensors"
    words = ("--channels", 2, "--layers", 3, "--epochs", 2, "--train-size", 100,
             "--test-size", 40, "--set", "weight_decay=0", "--set", "flip=false")  # fmt: skip
    first = nascope("train", "DARTS", *words, "--output", checkpoint)
    assert first.returncode == 0, first.stderr
    result = nascope("evaluate", checkpoint, "--output", tmp_path / "images.parquet")
    assert result.returncode == 0, result.stderr
    accuracy = re.search(r"test accuracy ([\d.]+)%", first.stdout)[1]
    assert "40 test images of digits: loss" in result.stdout
    assert f"accuracy {accuracy}%" in result.stdout
    table = pq.read_table(tmp_path / "images.parquet").to_pydict()
    assert len(table["loss"]) == 40
    assert 100 * sum(rank == 0 for rank in table["rank"]) / 40 == pytest.approx(float(accuracy))
    shown = nascope("curves", checkpoint, "--output", tmp_path / "curves.parquet")
    assert shown.returncode == 0, shown.stderr
    curves = pq.read_table(tmp_path / "curves.parquet").to_pydict()
    assert curves["epoch"] == [0.5, 1, 1.5, 2]
    assert len(shown.stdout.splitlines()) == 2 + 4
    for suffix in ("csv", "json"):
        result = nascope("curves", checkpoint, "--output", tmp_path / f"curves.{suffix}")
        assert result.returncode == 0, result.stderr
    assert len(json.loads((tmp_path / "curves.json").read_text())) == 4
    assert_refused(nascope("curves", checkpoint, "--output", tmp_path / "c.xlsx"), "must end in")
    assert_refused(nascope("evaluate", checkpoint, "--split", "validation"), "without a validation")
    assert_refused(nascope("evaluate", checkpoint, "--precision", "tf32"), "NVIDIA GPU")
    for setting, pattern in [("weight_decy=0", "did you mean weight_decay"),
                             ("weight_decay", "expects NAME=VALUE"),
                             ("epochs=lots", "expected an integer of at least 1, got 'lots'")]:  # fmt: skip
        assert_refused(nascope("train", "DARTS", "--set", setting, cwd=tmp_path), pattern)

    save_file(load_file(checkpoint), tmp_path / "other.safetensors")
    result = nascope("import", tmp_path / "other.safetensors", "DARTS", "--dataset", "digits",
                     "--channels", 2, "--layers", 3, "--output", tmp_path / "i.safetensors")  # fmt: skip
    assert_refused(result, "missing")  # our own names carry a prefix
    weights = {
        name.removeprefix("model."): value
        for name, value in load_file(checkpoint).items()
        if name.startswith("model.")
    }
    save_file(weights, tmp_path / "other.safetensors")
    result = nascope("import", tmp_path / "other.safetensors", "DARTS", "--dataset", "digits",
                     "--channels", 2, "--layers", 3, "--output", tmp_path / "i.safetensors")  # fmt: skip
    assert result.returncode == 0, result.stderr
    result = nascope("evaluate", tmp_path / "i.safetensors")
    assert re.search(r"359 test images of digits: .* accuracy \d", result.stdout), result.stderr
    assert "no points yet" in nascope("curves", tmp_path / "i.safetensors").stdout


@pytest.mark.parametrize(
    "statement",
    [
        "import nascope, nascope._src.cells; nascope.load_cell('DARTS')._repr_html_()",
        "import nascope; nascope.read_study, nascope.write_report",
        "from nascope._src.cli.entry import app",
        "import nascope._src.study.study_file, nascope._src.study.template, nascope._src.study.search.rounds",
        "import nascope._src.records.status, nascope._src.records.leftovers, nascope._src.results.table",
    ],
)
def test_no_torch_where_none_is_needed(statement):
    code = f"{statement}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_public_names_are_all_there():
    code = "import nascope; [getattr(nascope, name) for name in nascope.__all__]"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output():
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "nascope", "describe", "DARTS"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr == "error: No space left on device\n"
