"""The commands over cells and spaces: output, exit codes, start-up without torch."""

import io
import json
import subprocess
import sys

import pytest

from nascope._src.cells.catalog import GROUPS, cells_in
from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import format_text, to_dict
from nascope._src.cli.entry import main

DARTS = {
    "normal": {
        "strict_width": 3,
        "fractional_width": 3.5,
        "live_width": 3.5,
        "depth": 3,
        "intermediate_nodes": 4,
        "dead_nodes": [],
    },
    "reduce": {"strict_width": 1, "fractional_width": 2.5, "depth": 3},
}


@pytest.fixture
def nascope(monkeypatch, capsys):
    """Runs the command in this process: (exit code, standard output, standard error)."""

    def run(*arguments: str, stdin: str = ""):
        monkeypatch.setattr(sys, "argv", ["nascope", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def _contains(actual: dict, expected: dict) -> bool:
    return all(actual[key] == value for key, value in expected.items())


@pytest.mark.parametrize("cell", ["DARTS", "darts", "-", "file", "text"])
def test_describe_takes_a_cell_in_every_form(nascope, tmp_path, cell):
    text = format_text(load_cell("DARTS"))
    path = tmp_path / "mine.py"
    path.write_text(f"from x import Genotype\n\nBEST = {text}\n")
    argument = {"file": str(path), "text": text}.get(cell, cell)
    code, out, err = nascope("describe", argument, "--json", stdin=text)
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert _contains(facts["normal"], DARTS["normal"])
    assert _contains(facts["reduce"], DARTS["reduce"])
    assert facts["name"] == {"-": None, "text": None, "file": "BEST"}.get(cell, "DARTS")
    assert facts["genotype"] == to_dict(load_cell("DARTS"))


def test_describe_prints_one_screen(nascope):
    code, out, _ = nascope("describe", "AmoebaNet")
    assert code == 0
    assert len(out.splitlines()) <= 24
    assert max(map(len, out.splitlines())) <= 80


def test_cells_as_json_are_as_describe_has_them(nascope):
    code, out, err = nascope("cells", "--json")
    listed = json.loads(out)
    assert (code, err) == (0, "")
    catalogue = [cell for group in GROUPS for cell in cells_in(group)]
    assert [(cell["name"], cell["source"], cell["space"]) for cell in listed] == [
        (cell.genotype.name, cell.source, cell.space) for cell in catalogue
    ]
    for cell in listed[::20]:
        assert set(cell) == {"name", "source", "space", "normal", "reduce", "genotype"}
        facts = json.loads(nascope("describe", cell["name"], "--json")[1])
        assert {name: cell[name] for name in facts} == facts


def test_a_cell_is_read_by_name_from_what_is_printed(nascope, tmp_path):
    listed = tmp_path / "cells.json"
    listed.write_text(nascope("cells", "--json")[1])
    assert nascope("describe", f"{listed}:SNAS")[1] == nascope("describe", "SNAS")[1]


def test_cells_as_a_table(nascope):
    code, out, _ = nascope("cells")
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 100
    (snas,) = [line for line in lines if line.startswith("  SNAS ")]
    assert snas.split() == ["SNAS", "4c", "4c", "4c", "2", "1c", "2.5c", "3.5c", "3"]
    (genotype,) = [line for line in lines if line.startswith("  PC_DARTS_cifar ")]
    assert genotype.split()[-1] == "78"
    assert "Xu et al., PC-DARTS, ICLR 2020: yuhuixu1993/PC-DARTS genotypes.py @b74702f86c70" in out


def test_cells_can_be_filtered(nascope):
    names = [cell["name"] for cell in json.loads(nascope("cells", "SNAS", "--json")[1])]
    assert {"SNAS", "SNAS-adapted", "SNAS_moderate"} <= set(names)
    assert "DARTS" not in names
    papers = {cell["source"] for cell in json.loads(nascope("cells", "zoph et", "--json")[1])}
    assert len(papers) == 1


def test_parameters_of_the_fact_table(nascope):
    arguments = ("describe", "DARTS", "--channels", "36", "--layers", "20", "--json")
    assert json.loads(nascope(*arguments)[1])["parameters"] == 3_349_342
    assert json.loads(nascope(*arguments)[1])["multiply_adds"] == 528_359_040
    assert "528,359,040" in nascope(*arguments[:-1])[1]
    assert json.loads(nascope(*arguments, "--auxiliary")[1])["parameters"] == 3_825_768


@pytest.mark.parametrize(("seed", "strict", "depth"), [(1, 2, 5), (2, 1, 6), (3, 2, 4), (4, 3, 3)])
def test_the_authors_variants_of_figure_10(nascope, seed, strict, depth):
    code, out, _ = nascope("variants", "AmoebaNet", "--published", "--seed", str(seed), "--json")
    facts = json.loads(out)
    assert (code, facts["normal"]["strict_width"], facts["normal"]["depth"]) == (0, strict, depth)


def test_every_kind_of_variant(nascope):
    run = lambda *options: nascope("variants", "DARTS", *options)  # noqa: E731
    assert len(run("--cover")[1].splitlines()) == 16
    assert len(run("--neighbours", "--only", "normal")[1].splitlines()) == 20
    assert len(run("--distinct", "--count", "3")[1].splitlines()) == 3
    sources = [s for _, s in to_dict(load_cell("DARTS"))["normal"]]
    for options in (["--operations"], ["--operations", "--published"]):
        facts = json.loads(run("--json", *options)[1])
        assert [s for _, s in facts["genotype"]["normal"]] == sources
    pairs = [
        json.loads(line) for line in run("--contrast", "--count", "2", "--json")[1].split("\n")[:-1]
    ]
    assert [(cell["normal"]["fractional_width"], cell["normal"]["depth"]) for cell in pairs] == [
        (4, 2), (1.5, 5), (4, 2), (1.5, 5),
    ]  # fmt: skip
    assert json.loads(run("--level", "1.5", "5", "--json")[1]) == pairs[1]


def test_adapting_snas_costs_parameters_in_its_reduction_cell(nascope):
    size = ("--channels", "36", "--layers", "20", "--json")
    before = json.loads(nascope("describe", "SNAS", *size)[1])["parameters"]
    after = json.loads(nascope("adapt", "SNAS", "--only", "reduce", *size)[1])
    assert after["parameters"] - before == 52_704
    assert after["reduce"]["strict_width"] == 4
    assert json.loads(nascope("adapt", "DARTS", "--narrowest", "--json")[1])["normal"]["depth"] == 5
    assert "# normal 4c deep 2; reduction 4c deep 2" in nascope("adapt", "DARTS")[1]


def test_variants_pipe_into_describe(nascope):
    _, line, _ = nascope("variants", "DARTS", "--seed", "7")
    _, out, _ = nascope("describe", "-", "--json", stdin=line)
    _, direct, _ = nascope("variants", "DARTS", "--seed", "7", "--json")
    assert json.loads(out)["genotype"] == json.loads(direct)["genotype"]


def test_census_prints_exact_integers(nascope):
    code, out, _ = nascope("census", "--space", "independent", "--nodes", "12", "--json")
    printed = json.loads(out)
    assert (code, printed["space"], printed["intermediate_nodes"]) == (0, "independent", 12)
    assert printed["total"] == sum(entry["count"] for entry in printed["counts"]) == 6227020800**2
    assert set(printed["counts"][0]) == {"strict_width", "fractional_width", "depth", "count"}


def test_census_as_a_table(nascope):
    code, out, _ = nascope("census", "--space", "darts")
    assert code == 0
    assert out.splitlines()[2].split() == ["4c", "1", "0", "0", "0"]


def test_a_space_of_ones_own(nascope):
    options = ("--nodes", "2", "--inputs", "3", "--in-degree", "2", "--distinct", "--unordered")
    code, out, _ = nascope("census", "--space", "custom", *options, "--json")
    assert (code, json.loads(out)["total"]) == (0, 3 * 6)


def test_the_census_as_a_figure(nascope, tmp_path):
    path = tmp_path / "census.svg"
    assert nascope("census", "--space", "darts", "--svg", str(path))[0] == 0
    assert all(name in path.read_text() for name in ("DARTS", "SNAS", "43"))


def test_the_pattern_is_tested(nascope):
    code, out, _ = nascope("pattern", "--json")
    printed = json.loads(out)
    assert (code, printed["groups"][0]["cells"], len(printed["algorithms"])) == (0, 5, 29)
    table = nascope("pattern", "--only", "reduce")[1]
    assert "does not follow" in table
    assert "left out: ENAS_fairdarts_repo" in table
    assert "12 of 29; by chance 9.0, at least as many with p = 0.16" in table
    assert printed["following"]["following"] == sum(a["follows"] for a in printed["algorithms"])


def test_a_search_is_traced(nascope, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text(f"epoch 3 lr 0.1\ngenotype = {format_text(load_cell('DARTS'))}\n")
    code, out, _ = nascope("trace", str(log), "--space", "darts", "--json")
    row = json.loads(out)
    assert (code, row["epoch"], row["normal"]["depth"]) == (0, 3, 3)
    figure = tmp_path / "trace.svg"
    table = nascope("trace", str(log), "--space", "darts", "--svg", str(figure))[1]
    assert "7.22 %" in table
    assert figure.exists()


def test_a_rank_within_a_space(nascope):
    code, out, _ = nascope("describe", "DARTS", "--space", "darts", "--json")
    rank = json.loads(out)["normal"]["rank"]
    assert (code, set(rank)) == (0, {"strict", "fractional"})
    assert rank["fractional"] == {
        "as_wide": 13 / 180,
        "as_shallow": 64 / 180,
        "both": 13 / 180,
    }


def test_convert_and_what_the_reader_left_out(nascope):
    code, out, err = nascope("convert", "DARTS", "--to", "naslib")
    assert (code, err) == (0, "")
    assert nascope("convert", "-", stdin=out)[1].strip() == format_text(load_cell("DARTS"))
    text = "|nor_conv_3x3~0|"
    assert nascope("convert", text, "--to", "nas-bench-101")[2].startswith("note: the format holds")


def test_drawing_is_written(nascope, tmp_path):
    path = tmp_path / "cell.svg"
    assert nascope("describe", "SNAS", "--svg", str(path))[0] == 0
    assert path.read_text().startswith("<svg ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["describe", "DART"], "did you mean DARTS?"),
        (["cells", "no such cell"], "no cell has 'no such cell'"),
        (["describe", ""], "empty text"),
        (["describe", "cell.py"], "no such file"),
        (["describe", "."], "directory"),
        (["describe", "Genotype(normal=__import__('os'))"], "names, numbers, lists"),
        (["describe", "x" * 5000], "not a genotype"),
        (["describe", "a\0b"], "binary"),
        (["describe", "DARTS", "--channels", "8"], "go together"),
        (["describe", "DARTS", "--svg", "/dev/null/x.svg"], "Not a directory"),
        (["describe", "NASNet", "--space", "darts"], "normal cell: the space darts does not hold"),
        (["describe", "DARTS", "--space", "imagenet"], "unknown space"),
        (["census", "--nodes", "40"], "must be 1 to 16"),
        (["census", "--in-degree", "3"], "custom only"),
        (["census", "--convention", "live"], "not 'live'"),
        (["pattern", "--only", "both"], "normal or reduce"),
        (["pattern", "--convention", "live"], "not 'live'"),
        (["trace", "/nowhere/log.txt"], "No such file"),
        (["convert", "DARTS", "--to", "enas"], "no other reads"),
        (["convert", "DARTS", "--to", "onnx"], "unknown format"),
        (["variants", "DARTS", "--seed", "-1"], "non-negative"),
        (["variants", "DARTS", "--cover", "--published"], "cannot be combined"),
        (["variants", "DARTS", "--distinct", "--published"], "no --distinct"),
        (["variants", "DARTS", "--count", "2", "--svg", "x.svg"], "draws one variant"),
        (["variants", "DARTS", "--only", "both"], "normal or reduce"),
        (["variants", "DARTS", "--contrast", "--only", "reduce"], "normal cell only"),
        (["variants", "DARTS", "--contrast", "--level", "4", "2"], "cannot be combined"),
        (["variants", "DARTS", "--contrast", "--svg", "x.svg"], "draws one variant"),
        (["variants", "DARTS", "--level", "4", "3"], "width 4 and depth 3; there are w1.5d4,"),
        (["adapt", "DARTS", "--layers", "8"], "go together"),
        (["variants", "DARTS", "--count", "0"], "at least 1"),
        (["variants", "DARTS", "--published", "--seed", str(2**32)], "below 2**32"),
        (["describe"], "missing argument"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(nascope, arguments, said):
    code, out, err = nascope(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    if err.startswith("error:"):
        assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["describe", "DARTS"], ["cells"], ["cells", "--json"]])
def test_nothing_heavy_is_loaded(arguments):
    script = (
        f"import sys; sys.argv = {['nascope', *arguments]}\n"
        "from nascope._src.cli.entry import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'scipy', 'networkx', 'rich', 'pandas', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
