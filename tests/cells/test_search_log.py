"""Logs of a search: both kinds, and their rows."""

import json
import os

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.formats.reading import parse
from nascope._src.cells.genotype import format_text, to_dict
from nascope._src.cells.search_log import read_lines, read_log, trace
from nascope._src.errors import GenotypeError

FIRST, SECOND = load_cell("DARTS"), load_cell("SNAS")
DARTS_LOG = f"""2019-04-01 12:00:00,123 gpu device = 0
2019-04-01 12:00:01,123 args = Namespace(epochs=50)
2019-04-01 12:00:01,123 epoch 0 lr 2.500000e-02
2019-04-01 12:00:01,500 genotype = {format_text(FIRST)}
tensor([[0.1, 0.2]], device='cuda:0')
2019-04-01 12:00:01,500 train 000 2.3 10.0 50.0
2019-04-01 12:30:01,123 epoch 1 lr 2.4e-02
2019-04-01 12:30:01,500 genotype = {format_text(SECOND)} trailing text
"""
JSON_LINES = "\n".join(
    [
        json.dumps({"epoch": 0, "loss": 2.0, "genotype": to_dict(FIRST)}),
        json.dumps({"started": "now"}),
        json.dumps({"epoch": 1, "genotype": format_text(SECOND)}),
    ]
)


@pytest.mark.parametrize("text", [DARTS_LOG, JSON_LINES])
def test_both_kinds_of_log(tmp_path, text):
    path = tmp_path / "log.txt"
    path.write_text(text)
    steps = read_log(path)
    assert [(step.epoch, step.genotype) for step in steps] == [(0, FIRST), (1, SECOND)]
    rows = trace(steps, "darts")
    assert [row["normal"]["fractional_width"] for row in rows] == [3.5, 4]
    assert rows[1]["normal"]["rank"]["fractional"]["both"] == 1 / 180
    assert "rank" not in trace(steps)[0]["normal"]


WRAPPED = format_text(FIRST).replace("], ", "],\n    ")
STAMPED = format_text(FIRST).replace("], ", "],\n08/14 09:12:02 PM ")


@pytest.mark.parametrize("text", [WRAPPED, STAMPED, WRAPPED.replace("(", "(\n", 1)])
def test_a_genotype_over_several_lines(text):
    lines = f"epoch 3 lr\ngenotype = {text} end\nacc 61.2\nepoch 4\n{format_text(SECOND)}"
    steps = list(read_lines(lines.splitlines()))
    assert [(step.epoch, step.genotype) for step in steps] == [(3, FIRST), (4, SECOND)]


@pytest.mark.parametrize("end", ["", "\nepoch 4 lr", f"\ngenotype = {format_text(SECOND)}"])
def test_a_genotype_that_is_cut_off_is_no_step(end):
    lines = f"epoch 3\ngenotype = {WRAPPED[:-40]}{end}"
    with pytest.raises(GenotypeError, match="line 2: the genotype is cut off"):
        list(read_lines(lines.splitlines()))


def test_dictionaries_in_a_log():
    fields = str(to_dict(FIRST)).replace("], '", "],\n  '")
    lines = (
        f"epoch 3\ngenotype = {fields}\n{{'epoch': 4, 'genotype': {to_dict(SECOND)}}}\n{{'a': 1}}"
    )
    steps = list(read_lines(lines.splitlines()))
    assert [(step.epoch, step.genotype) for step in steps] == [(3, FIRST), (4, SECOND)]


def test_the_log_of_a_search_on_nas_bench_201():
    text = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|none~2|"
    lines = ["[Search the 003-250-th epoch] LR=0.1", f"epoch : Structure(4 nodes with {text})"]
    assert [(step.epoch, step.genotype) for step in read_lines(lines)] == [(3, parse(text))]


def test_a_genotype_of_another_kind_is_named():
    with pytest.raises(GenotypeError, match="line 1: .* an RNN cell"):
        list(read_lines(["Genotype(recurrent=[('relu', 0)], concat=range(1, 9))"]))


def test_without_epochs_genotypes_are_numbered():
    lines = [format_text(FIRST), format_text(SECOND), json.dumps(to_dict(FIRST))]
    assert [step.epoch for step in read_lines(lines)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing here\n", "no genotype here"),
        ("epoch 1\ngenotype = Genotype(normal=[('skip', 0", "line 2: the genotype is cut off"),
        ('{"epoch": "x", "genotype": {}}', "line 1: epoch: expected a number"),
        ('{"epoch": 1, "genotype": {}}', "line 1: "),
        (
            "Genotype(normal=[('fly', 0), ('fly', 1)], normal_concat=[2], reduce=[])",
            "lacks reduce_concat",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, said):
    path = tmp_path / "log.txt"
    path.write_text(text)
    with pytest.raises(GenotypeError, match=said) as caught:
        read_log(path)
    assert "log.txt" in str(caught.value)


def test_a_missing_log_and_a_foreign_space(tmp_path):
    with pytest.raises(GenotypeError, match="No such file"):
        read_log(tmp_path / "absent")
    steps = list(read_lines([format_text(load_cell("NASNet"))]))
    with pytest.raises(GenotypeError, match="epoch 0, normal cell: the space darts does not hold"):
        trace(steps, "darts")


def test_a_log_is_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, said in [(tmp_path / "pipe", "this is a pipe"), ("/dev/zero", "this is a device")]:
        with pytest.raises(GenotypeError, match=said):
            read_log(path)
