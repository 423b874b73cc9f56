"""Tables of accuracies that others measured."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.formats.reading import write as write_format
from nascope._src.cells.genotype import format_text
from nascope._src.errors import StudyError
from nascope._src.records.read import read_study
from nascope._src.records.tables import write_table
from nascope._src.results.export import flat_table
from nascope._src.results.external.accuracies import by_schedule, digest, read_tables
from nascope._src.results.external.facts import facts_of, read_cell
from nascope._src.results.selection.early_stopping import choices
from tests.report.synthetic import family, write_study


def table(path: Path, rows: list[dict[str, object]]) -> Path:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
        return path
    lines = [",".join(columns)]
    lines += [",".join(f'"{value}"' for value in row.values()) for row in rows]
    path.write_text("\n".join(lines))
    return path


def rows(unit: float = 1.0) -> list[dict[str, object]]:
    curves = {"DARTS": (0.5, 0.9), "SNAS": (0.6, 0.8), "ENAS": (0.4, 0.7)}
    return [
        {"genotype": format_text(load_cell(name)), "epoch": epoch, "accuracy": unit * value}
        for name, curve in curves.items()
        for epoch, value in zip((10, 600), curve, strict=True)
    ]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_tables_that_others_measured(tmp_path: Path, ending: str, unit: float) -> None:
    cells = by_schedule(read_tables(table(tmp_path / f"t{ending}", rows(unit))))
    assert set(cells) == {"truncated"}
    (early,) = choices(cells["truncated"])  # the last epoch is not compared with itself
    assert (early.epoch, early.picked) == (10, f"cell-{digest(rows()[2]['genotype'])}")
    assert early.regret == pytest.approx(0.1)
    assert early.rho == pytest.approx(0.5)


def test_one_accuracy_above_1_makes_all_of_them_percentages(tmp_path: Path) -> None:
    percent = [row | {"accuracy": row["accuracy"] + 0.2} for row in rows()]  # up to 1.1
    (darts, *_) = by_schedule(read_tables(table(tmp_path / "t.csv", percent)))["truncated"]
    assert darts.final[0] == pytest.approx(0.011)


def test_short_schedules_are_kept_apart(tmp_path: Path) -> None:
    """A training planned for 10 epochs is not the beginning of one planned for 600."""
    long = [row | {"schedule": 600} for row in rows()]
    short = [
        row | {"schedule": 10, "accuracy": 0.9 - row["accuracy"]} for row in rows()
        if row["epoch"] == 10
    ]  # fmt: skip
    cells = by_schedule(read_tables(table(tmp_path / "t.csv", long + short)))
    assert list(cells) == ["truncated", "re-annealed"]
    truncated = choices(cells["truncated"])
    assert [choice.epoch for choice in truncated] == [10]
    (choice,) = choices(cells["re-annealed"])
    assert (choice.epoch, choice.picked) == (10, f"cell-{digest(rows()[4]['genotype'])}")
    assert choice.rho == -truncated[0].rho


def test_a_schedule_that_some_rows_lack_is_an_error(tmp_path: Path) -> None:
    mixed = [row | {"schedule": 600 if row["epoch"] == 600 else ""} for row in rows()]
    with pytest.raises(StudyError, match="schedule is filled in some rows only"):
        by_schedule(read_tables(table(tmp_path / "t.csv", mixed)))


def test_trainings_are_told_apart_by_their_seed(tmp_path: Path) -> None:
    seeds = [row | {"seed": seed, "accuracy": row["accuracy"] + 0.01 * seed}
             for row in rows() for seed in (0, 1)]  # fmt: skip
    (darts, *_) = by_schedule(read_tables(table(tmp_path / "t.csv", seeds)))["truncated"]
    assert (darts.label, darts.width, darts.depth) == ("cell-95615ae0", 3.5, 3)
    assert darts.final == {0: pytest.approx(0.9), 1: pytest.approx(0.91)}
    assert darts.early[1] == {10: pytest.approx(0.51), 600: pytest.approx(0.91)}
    assert darts.held_out is None


def test_trainings_that_end_early_are_named(tmp_path: Path) -> None:
    stopped = [row for row in rows() if row["epoch"] == 10 or row["accuracy"] != 0.8]
    with pytest.raises(
        StudyError, match="cell-[0-9a-f]{8}, seed 0, ends at epoch 10, but 600 was expected"
    ):
        by_schedule(read_tables(table(tmp_path / "t.csv", stopped)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epoch": "soon"}, "row 2: epoch must be a whole number"),
        ({"accuracy": "high"}, "row 2: accuracy must be"),
        ({"accuracy": math.nan}, "row 2: accuracy must be"),
        ({"genotype": "Genotype(normal=[])"}, "row 2:"),
        ({"epoch": 600}, "row 3: this genotype, seed and epoch appear twice"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    bad = rows()
    bad[0] |= change
    with pytest.raises(StudyError, match=words):
        by_schedule(read_tables(table(tmp_path / "t.csv", bad)))


# ---------------------------------------------------------------- names of cells


def test_cells_are_named_by_what_identifies_them(tmp_path: Path) -> None:
    text = [row["genotype"] for row in rows()[::2]]
    equal = [{"genotype": f"GENOTYPE = {t}", "accuracy": 0.5} for t in text]
    (named,) = read_tables(table(tmp_path / "equal.csv", equal))
    assert [named.label(k) for k in range(3)] == [f"cell-{digest(t)}" for t in text]
    known = [{"genotype": name, "accuracy": 0.5} for name in ("DARTS", "snas")]
    (catalogue,) = read_tables(table(tmp_path / "known.csv", known))
    assert [catalogue.label(k) for k in range(2)] == ["DARTS", "SNAS"]
    labelled = [row | {"name": f"n{k}"} for k, row in enumerate(equal)]
    (own,) = read_tables(table(tmp_path / "own.csv", labelled))
    assert [own.label(k) for k in range(3)] == ["n0", "n1", "n2"]


# ---------------------------------------------------------------- what tables look like

NB201 = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
NONES = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
INDICES = "(2, 1, 0, 0, 1, 3)"
DARTS = format_text(load_cell("DARTS"))


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", f'genotype,acc\n"{DARTS}",0.9\nSNAS,0.8\n'),
        ("t.csv", f'\ufeffgenotype;accuracy\n"{DARTS}";0,9\nSNAS;0,8\n'),
        ("t.csv", 'Architecture,"Test accuracy (%)"\nDARTS,"90,0"\nSNAS,80 %\n'),
        ("t.tsv", "arch\tval_acc\ttest_acc\nDARTS\t0.1\t0.9\nSNAS\t0.2\t0.8\n"),
        ("t.json", '[{"genotype": "DARTS", "accuracy": 90}, {"genotype": "SNAS", "accuracy": 80}]'),
        ("t.json", '{"genotype": ["DARTS", "SNAS"], "accuracy": [0.9, 0.8]}'),
        ("t.json", '{"DARTS": 0.9, "SNAS": 0.8}'),
        ("t.jsonl", '{"cell": "DARTS", "top1": 0.9}\n{"cell": "SNAS", "top1": 0.8}\n'),
        ("t.yaml", "DARTS: {accuracy: 0.9}\nSNAS: {accuracy: 0.8}\n"),
        ("t.yml", "- {genotype: DARTS, acc: 0.9}\n- {genotype: SNAS, acc: 0.8}\n"),
    ],
)
def test_files_that_people_have(tmp_path: Path, name: str, text: str) -> None:
    (found,) = read_tables(write(tmp_path / name, text))
    assert found.epochs is None
    assert found.accuracies.ravel().tolist() == pytest.approx([0.9, 0.8])
    assert [fact.normal[1] for fact in found.facts] == [3.5, 4.0]


def test_text_in_utf16(tmp_path: Path) -> None:
    (found,) = read_tables(write(tmp_path / "t.csv", "genotype\tacc\nDARTS\t0.9\n", "utf-16"))
    assert found.accuracies.item() == 0.9


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "t.csv",
            "genotype,epoch,accuracy\nDARTS,12,0.4\nDARTS,200,0.9\nSNAS,12,0.5\nSNAS,200,.8\n",
        ),
        ("t.csv", "genotype,epoch_12,epoch_200\nDARTS,0.4,0.9\nSNAS,0.5,0.8\n"),
        ("t.csv", "arch,val_acc_12,val_acc_200,params\nDARTS,40,90,1\nSNAS,50,80,2\n"),
        ("t.csv", "genotype,200,12\nDARTS,0.9,0.4\nSNAS,0.8,0.5\n"),
        ("t.json", '{"DARTS": {"12": 0.4, "200": 0.9}, "SNAS": {"12": 0.5, "200": 0.8}}'),
        ("t.json", '{"cifar10": {"DARTS": {"12": 40, "200": 90}, "SNAS": {"12": 50, "200": 80}}}'),
    ],
)
def test_tables_with_epochs(tmp_path: Path, name: str, text: str) -> None:
    (found,) = read_tables(write(tmp_path / name, text))
    assert found.epochs == (12, 200)
    assert found.accuracies[:, 0].ravel().tolist() == pytest.approx([0.4, 0.9, 0.5, 0.8])


def test_lists_of_accuracies_are_curves(tmp_path: Path) -> None:
    for name, text in {
        "a.json": '{"DARTS": [0.4, 0.9], "SNAS": [0.5, 0.8]}',
        "b.csv": 'genotype,accuracy\nDARTS,"[0.4, 0.9]"\nSNAS,"[0.5 0.8]"\n',
    }.items():
        (found,) = read_tables(write(tmp_path / name, text))
        assert found.epochs == (1, 2)
        assert found.accuracies[1, 0].tolist() == [0.5, 0.8]
    np.save(tmp_path / "curves.npy", [[0.4, 0.9], [0.5, 0.8]])
    with pytest.raises(StudyError, match=r"expected its genotypes, one per line, in curves\.txt"):
        read_tables(tmp_path / "curves.npy")
    write(tmp_path / "curves.txt", "DARTS\nSNAS\n")
    (found,) = read_tables(tmp_path / "curves.npy")
    assert found.accuracies[1, 0].tolist() == [0.5, 0.8]
    np.save(tmp_path / "curves.npy", np.zeros((5, 2)))
    with pytest.raises(StudyError, match=r"has 2, but the array has the shape \(5, 2\)\. It seems"):
        read_tables(tmp_path / "curves.npy")
    np.save(tmp_path / "curves.npy", np.array([{"a": 1}]))
    with pytest.raises(StudyError, match="holds pickled objects"):
        read_tables(tmp_path / "curves.npy")


def test_benchmarks_with_one_cell(tmp_path: Path) -> None:
    """Strings and indices of NAS-Bench-201; what connects nothing is counted and left out."""
    text = f'net,net_str,val_accs\n"{INDICES}",{NB201},90\n"(1, 1, 1, 1, 1, 1)",{NONES},10\n'
    (found,) = read_tables(write(tmp_path / "t.csv", text))
    assert (len(found.members), found.disconnected) == (1, 1)
    assert found.notes == ("left out 1 cell that connects nothing (row 3)",)
    assert found.facts[0].reduce is None
    indices = f'{{"cifar10": {{"{INDICES}": {{"val_accuracy": 90.0, "snip": 1.0}}}}}}'
    (other,) = read_tables(write(tmp_path / "t.json", indices))
    assert other.facts == found.facts
    with pytest.raises(StudyError, match="has no accuracy of a cell that connects"):
        read_tables(write(tmp_path / "n.csv", f"arch,acc\n{NONES},10\n"))


def test_nas_bench_101(tmp_path: Path) -> None:
    """As one tuple, as the API's metrics, and as two columns that NumPy printed."""
    matrix = [[0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    ops = ["input", "conv3x3-bn-relu", "maxpool3x3", "output"]
    tuple_text = str((*np.ravel(matrix).tolist(), 0, 4, 2, 1))
    metrics = {"module_adjacency": matrix, "module_operations": ops, "final_test_accuracy": 0.9}
    printed = str(np.array(matrix))
    files = {
        "tuple.json": json.dumps({"cifar10": {tuple_text: {"val_accuracy": 0.9}}}),
        "metrics.json": json.dumps([metrics]),
        "columns.csv": f'module_adjacency,module_operations,acc\n"{printed}","{ops}",0.9\n',
    }
    facts = [read_tables(write(tmp_path / name, text))[0].facts for name, text in files.items()]
    assert facts[0] == facts[1] == facts[2]
    assert facts[0][0].operations == ((("normal", "conv_3x3"), 1), (("normal", "max_pool_3x3"), 2))
    assert facts[0][0].size is not None


def test_nas_bench_301(tmp_path: Path) -> None:
    """NASLib's compact form, and ConfigSpace's dictionaries, as a value or as columns."""
    compact = write_format(load_cell("DARTS"), "naslib")
    choices: dict[str, object] = {}
    for kind in ("normal", "reduce"):
        for node, edges in enumerate(getattr(load_cell("DARTS"), kind).nodes, start=2):
            for operation, source in edges:
                key = f"NetworkSelectorDatasetInfo:darts:edge_{kind}_{node * (node - 1) // 2 - 1 + source}"
                choices[key] = operation
            pair = "_".join(str(source) for source in sorted(edge.source for edge in edges))
            if node > 2:
                choices[f"NetworkSelectorDatasetInfo:darts:inputs_node_{kind}_{node}"] = pair
    files = {
        "compact.json": json.dumps({"cifar10": {compact: {"arch": compact, "val_accuracy": 93.0}}}),
        "config.json": json.dumps([{"config": choices, "val_accuracy": 93.0}]),
        "columns.json": json.dumps([choices | {"val_accuracy": 93.0}]),
    }
    for name, text in files.items():
        (found,) = read_tables(write(tmp_path / name, text))
        assert found.facts[0].normal == facts_of(read_cell("DARTS")).normal, name
    choices["NetworkSelectorDatasetInfo:darts:inputs_node_normal_3"] = "1_2"
    with pytest.raises(StudyError, match=r"inputs_node_normal_3: expected the sources"):
        read_tables(write(tmp_path / "t.json", json.dumps([{"config": choices, "acc": 0.9}])))


def test_data_sets_schedules_and_sources(tmp_path: Path) -> None:
    text = "genotype,dataset,schedule,epoch,acc,source\n" + "".join(
        f"{name},{data},{planned},{planned},0.{planned},{name}\n"
        for name in ("DARTS", "SNAS") for data in ("c10", "c100") for planned in (12, 20)
    )  # fmt: skip
    found = read_tables(write(tmp_path / "t.csv", text))
    assert [table.name for table in found] == [
        f"t.csv: {data}, schedule {planned}" for data in ("c10", "c100") for planned in (12, 20)
    ]
    assert found[0].cells.sources == ("DARTS", "SNAS")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "genotype,accuracy\nDARTS,0,9\n", r"row 2: expected 2 values.*decimal comma"),
        ("t.csv", "genotype,test_error\nDARTS,2.7\n", "test_error holds errors"),
        ("t.csv", "genotype,acc\nDARTS,0.9\nDARTS,0.8\n", "row 3: this genotype, seed and epoch"),
        ("t.csv", "genotype,acc\nNODARTS,0.9\n", "row 2: not a genotype"),
        ("t.csv", "a,b\n1,2\n", "lacks the column 'genotype'"),
        ("t.csv", "genotype,acc\n", "has no rows"),
        ("t.csv", "", "lacks the column 'genotype'"),
        ("t.json", "[1, 2]", "expected a list of rows"),
        ("t.json", "{", "cannot be read"),
        ("t.yaml", "a: [", "cannot be read"),
        ("t.yaml", "!!python/object/apply:os.system ['true']", "cannot be read"),
        ("t.pkl", "x", r"unpickling runs code.*to_csv"),
        ("t.parquet", "PAR1 no", "cannot be read"),
        ("t.doc", "x", "Expected a table that ends in"),
    ],
)
def test_bad_tables(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(StudyError, match=words) as caught:
        read_tables(write(tmp_path / name, text))
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"genotype,acc\n\xe9,0.9\n")
    with pytest.raises(StudyError, match="expected text in UTF-8"):
        read_tables(tmp_path / "t.csv")
    with pytest.raises(StudyError, match="No such file"):
        read_tables(tmp_path / "none.csv")
    with pytest.raises(StudyError, match="this is a directory"):
        read_tables(tmp_path)


def test_a_column_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "genotype,val_acc,test_acc\nDARTS,0.1,0.9\n")
    (best,) = read_tables(path)
    assert best.notes == ("accuracy is the column test_acc; left out val_acc",)
    (chosen,) = read_tables(path, accuracy_column="val_acc")
    assert (best.accuracies.item(), chosen.accuracies.item()) == (0.9, 0.1)
    with pytest.raises(StudyError, match="lacks the column 'other'"):
        read_tables(path, accuracy_column="other")


def test_predicted_accuracies_are_a_table_of_their_own(tmp_path: Path) -> None:
    """Also if the file has measured ones of the same cells."""
    both = [{**row, "origin": origin} for origin in ("measured", "Predicted") for row in rows()]
    measured, predicted = read_tables(table(tmp_path / "both.csv", both))
    assert (measured.name, measured.predicted) == ("both.csv", False)
    assert (predicted.name, predicted.predicted) == ("both.csv (predicted)", True)
    assert set(by_schedule([measured, predicted])) == {"truncated", "predicted, truncated"}


@pytest.mark.parametrize("name", ["curves.csv", "curves.parquet", "curves.json"])
def test_curves_of_a_study_are_read_back_in(tmp_path: Path, name: str) -> None:
    fakes = [
        dataclasses.replace(fake, recipe={"learning_rate": rate}, seed=seed)
        for rate in (0.025, 0.1)
        for seed in range(2)
        for fake in family(variants=1, landscape=None, variance=None)
    ]
    study = read_study(write_study(tmp_path / "study", fakes))
    path = tmp_path / name
    write_table(path, flat_table(study, "curves"))
    slow, fast = read_tables(path)
    assert (slow.data, fast.data) == ("digits, learning rate 0.025", "digits, learning rate 0.1")
    assert slow.epochs == tuple(range(1, 13))
    assert "left out 16 points within epochs" in slow.notes
    for table, rate in ((slow, 0.025), (fast, 0.1)):
        for index in range(2):
            mine = [
                [point.test_accuracy for point in trial.training.epochs]
                for trial in study.trials
                if trial.training is not None
                and trial.recipe["learning_rate"] == rate
                and trial.label == table.label(index)
            ]
            assert table.accuracies[index].tolist() == mine
