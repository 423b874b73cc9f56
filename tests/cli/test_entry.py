"""Every command has help with an example and is in the reference; bad input is one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer.main

from nascope._src.cli.entry import GROUPS, make_app
from tests.cli.running import assert_refused, nascope
from tests.docs.tools import load_tool

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference():
    return load_tool("command_reference")


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


def test_usage_names_arguments_without_their_types(reference):
    for words in reference.commands():
        usage = reference.help_text(words).partition("\n")[0]
        assert not set("{}<>") & set(usage), usage
        assert "[[" not in usage, usage
        assert "...." not in usage, usage


def test_one_name_and_one_letter_for_an_option(reference):
    """--output has -o everywhere, and a value is called by the same name in every command."""
    root = typer.main.get_command(make_app())
    names = {}
    for words in reference.commands():
        command = root
        for word in words:
            command = command.commands[word]
        for option in (p for p in command.params if p.param_type_name == "option"):
            if "--output" in option.opts:
                assert "-o" in option.opts, words
            names.setdefault(option.opts[0], set()).add(option.metavar)
    for name in ("--device", "--seed", "--data-dir", "--workers", "--threads", "--svg", "--at"):
        assert len(names[name]) == 1, (name, names[name])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("nascope describe SNA", "SNAS"),
        ("nascope stu", "study"),
        ("nascope probe lan", "landscape"),
    ],
)
def test_shells_complete_commands_and_cells(words, expected):
    asked = {
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "_NASCOPE_COMPLETE": "complete_bash",
    }
    program = Path(sys.executable).with_name("nascope")
    result = subprocess.run(
        [program], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert result.stdout.splitlines()[:1] == [expected], result.stderr


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("describe", "mine.txt", "--svg", "mine.txt"), "--svg"),
        (("selection", "mine.txt", "-o", "./mine.txt"), "--output"),
        (("smoothness", "other.npz", "mine.txt", "-o", "link.txt"), "--output"),
    ],
)
def test_no_command_writes_over_its_input(tmp_path, words, name):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "link.txt").symlink_to("mine.txt")
    result = nascope(*words, cwd=tmp_path)
    assert_refused(result, f"{name} .* would write over an input")
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "streams", "code"),
    [
        ("describe DARTS", ">&-", 0),
        ("describe nonsense", "2>&-", 2),
        ("describe -", "<&-", 2),
        ("study new $'\\xe9.toml'", "", 2),
    ],
)
def test_closed_streams_and_names_of_bytes_are_no_fault(tmp_path, words, streams, code):
    program = Path(sys.executable).with_name("nascope")
    result = subprocess.run(
        ["bash", "-c", f"{program} {words} {streams}"],
        cwd=tmp_path, env=os.environ | {"LC_ALL": "C.UTF-8"}, capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == code, result.stderr
    assert b"Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


GOOD_EDGES = "('skip_connect', 0), ('skip_connect', 1)"


@pytest.mark.parametrize(
    ("cell", "pattern"),
    [
        ("Genotype(normal=[", "cut off: a bracket is not closed"),
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
    assert_refused(
        nascope("probe", "landscape", tmp_path),
        "is a folder, not a checkpoint",
    )
    result = nascope("probe", "landscape", checkpoint, "--output", checkpoint)
    assert_refused(result, "would write over an input")
    result = nascope("probe", "landscape", checkpoint, "--output", tmp_path / "c.png")
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


@pytest.mark.parametrize(
    "statement",
    [
        "import nascope, nascope._src.cells; nascope.load_cell('DARTS')._repr_html_()",
        "import nascope; nascope.read_study, nascope.write_report",
        "from nascope._src.cli.entry import make_app; make_app()",
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


def test_each_group_has_the_commands_that_its_module_registers():
    assert set(typer.main.get_command(make_app()).commands) == {
        name for names in GROUPS.values() for name in names
    }
    for names in GROUPS.values():
        for name in names:
            assert set(typer.main.get_command(make_app(name)).commands) == set(names)


def test_an_unknown_command_is_refused():
    result = nascope("traim", "DARTS")
    assert result.returncode == 2
    assert result.stderr.startswith("error: no such command 'traim'")
