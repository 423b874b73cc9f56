import json
from pathlib import Path

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.designs import DesignPlace, read_level
from nascope._src.cells.genotype import to_dict
from nascope._src.cells.wiring import published_variant
from nascope._src.errors import NascopeError, StudyError
from nascope._src.probes.settings import VarianceSettings
from nascope._src.records.plan import merge_plans, read_plan, write_plan
from nascope._src.study.study_file import read_search_file, read_study_file

GOOD = """
name = "example"
cells = ["DARTS"]
[variants]
method = "published"
seeds = [1, 2]
[data]
name = "digits"
train_size = 100
[training]
scale = "tiny"
learning_rates = [0.025, 0.25]
seeds = [0, 1, 2]
overrides = { epochs = 3, weight_decay = 0 }
[landscape]
points = 5
[variance]
points = 3
instances = 50
"""


def write(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text)
    return path


def test_a_file_becomes_a_plan(tmp_path):
    study = read_study_file(write(tmp_path, GOOD))
    (part,) = study.parts
    assert [cell.label for cell in part.cells] == ["DARTS", "DARTS-p1", "DARTS-p2"]
    assert part.cells[2].genotype == published_variant(load_cell("DARTS"), 2)
    assert (part.recipe.epochs, part.recipe.channels, part.recipe.weight_decay) == (3, 4, 0.0)
    trials = study.plan(study.load_data()).trials
    assert len(trials) == 3 * 2 * 3
    assert len({trial.identity for trial in trials}) == 18
    probes = [probe.identity for trial in trials for probe in trial.probes]
    assert len(set(probes)) == 36


def test_identities_survive_what_does_not_matter(tmp_path):
    study = read_study_file(write(tmp_path, GOOD))
    data = study.load_data()
    before = study.plan(data).trials
    longer = read_study_file(write(tmp_path, GOOD.replace("points = 5", "points = 7")))
    after = longer.plan(data).trials
    assert [t.identity for t in before] == [t.identity for t in after]
    assert before[0].probes[0].identity != after[0].probes[0].identity
    assert before[0].probes[1].identity == after[0].probes[1].identity


def test_probes_of_several_seeds_moments_and_sets(tmp_path):
    text = GOOD.replace(
        "points = 5", 'points = 5\nseeds = [0, 1]\nat = ["initialisation", "end"]\ndata = "train"'
    )
    text += "\n[curvature]\ntop = 3\ninstances = 50\n"
    probes = read_study_file(write(tmp_path, text)).parts[0].probes
    assert [p.kind for p in probes] == ["landscape"] * 4 + ["variance", "curvature"]
    assert [(p.at, p.seed) for p in probes[:4]] == [
        ("initialisation", 0), ("initialisation", 1), ("end", 0), ("end", 1),
    ]  # fmt: skip
    assert {p.data for p in probes[:4]} == {"train"}
    assert probes[5].top == 3


def test_a_trajectory_leads_through_the_moments_that_its_part_names(tmp_path):
    """They name the plane; no other probe is named or described by them."""
    text = GOOD.replace("points = 5", 'points = 5\nalong = "trajectory"', 1)
    path, plans = tmp_path / "study.json", []
    for moments in (["epoch 10", "end", "epoch 2.0"], ["epoch 2", "epoch 10"], ["epoch 2"]):
        more = f"\n[curvature]\nat = {json.dumps(moments)}\n"
        study = read_study_file(write(tmp_path, text + more))
        plans.append(study.plan(study.load_data()))
    probes = [{p.kind: p for p in plan.trials[0].probes} for plan in plans]
    planes = [own["landscape"] for own in probes]
    assert [plane.settings["through"] for plane in planes] == [
        ["epoch 2", "epoch 10"], ["epoch 2", "epoch 10"], ["epoch 2"],
    ]  # fmt: skip
    assert planes[0].identity == planes[1].identity != planes[2].identity
    assert all("through" not in own["variance"].settings for own in probes)
    assert probes[0]["variance"].identity == probes[2]["variance"].identity
    write_plan(path, plans[2])
    assert merge_plans(read_plan(path), plans[2]).trials == plans[2].trials
    with pytest.raises(StudyError, match='variance.through: moments need along = "trajectory"'):
        VarianceSettings(points=3, through=("epoch 1",))


def test_a_scale_has_its_grids(tmp_path):
    text = GOOD.replace("points = 5", "").replace("points = 3", "")
    sides = {}
    for scale in ("tiny", "paper"):
        probes = (
            read_study_file(write(tmp_path, text.replace('"tiny"', f'"{scale}"'))).parts[0].probes
        )
        sides[scale] = [probe.points for probe in probes]
    assert sides == {"tiny": [21, 11], "paper": [51, 21]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("scale", "scael", r"training.scael: unknown key; did you mean scale\?"),
        ("points = 5", "pionts = 5", r"landscape.p"),
        ("points = 5", 'points = 5\nradius = "auto"', r"landscape.radius: .* number, got 'auto'"),
        ("points = 5", 'points = 5\nradius = "wide"', r"landscape.radius: .*'wide'"),
        ("points = 5", "points = 5\nradius = 0", r"landscape.radius: .*, got 0"),
        ('name = "example"', "nmae = 1", r"nmae: unknown key; did you mean name\?"),
        ("epochs = 3", "epoch = 3", r"training.overrides.epoch: unknown key; did you mean epochs"),
        (
            "epochs = 3",
            'epochs = "3"',
            r"training.overrides.epochs: expected an integer of at least 1, got '3'",
        ),
        (
            "epochs = 3",
            "epochs = true",
            r"training.overrides.epochs: expected an integer of at least 1, got True",
        ),
        (
            "epochs = 3",
            "epochs = 0",
            r"training.overrides.epochs: expected an integer of at least 1, got 0",
        ),
        ("epochs = 3", "precision = 'half'", r"training.overrides.precision: expected one of"),
        ('"tiny"', '"huge"', r"training.scale: input should be 'tiny', 'small' or 'paper'"),
        ('"published"', '"guess"', r"variants.method: input should be 'random' or 'published'"),
        ("seeds = [0, 1, 2]", "seeds = []", "training.seeds: list should have at least 1 item"),
        ("seeds = [0, 1, 2]", "seeds = [1, 1]", "training.seeds: holds 1 twice: name each once"),
        ("seeds = [0, 1, 2]", "seeds = [0, -1]", "training.seeds.1: input should be greater than"),
        ("[0.025, 0.25]", "[]", "training.learning_rates: list should have at least 1 item"),
        ("[0.025, 0.25]", "[0.1, 0.1]", "training.learning_rates: holds 0.1 twice: name each once"),
        ("[0.025, 0.25]", "[0.0]", "training.learning_rates.0: input should be greater than 0"),
        ("[0.025, 0.25]", "[1e300]", "training.learning_rates.0: input should be less than"),
        ("seeds = [1, 2]", "seeds = [1, 1]", "variants.seeds: holds 1 twice: name each once"),
        ("seeds = [1, 2]", "seeds = [-1]", "variants.seeds.0: input should be greater than"),
        ("seeds = [1, 2]", "seeds = [5000000000]", "variants.seeds: a published variant's seed"),
        ('["DARTS"]', '["DARTS", "DARTS"]', "cells: holds 'DARTS' twice: name each once"),
        ('["DARTS"]', '["DARTS", "darts"]', "cells holds 'DARTS' twice: name each once"),
        ('["DARTS"]', "[]", "cells: list should have at least 1 item"),
        ('["DARTS"]', '["DRATS"]', "cells: no cell named 'DRATS' in .*did you mean DARTS"),
        ("[data]", "[data", r"not TOML: .*line 7"),
        ("points = 3", "points = 0", "variance.points"),
        ("points = 3", "points = 3\nbatchnorm = []", "variance.batchnorm.*at least 1 item"),
        ("points = 3", "points = 3\nat = []", "variance.at.*at least 1 item"),
        ("points = 3", "points = 3\nseeds = [1, 1]", "variance.seeds: holds 1 twice"),
        (
            "points = 3",
            'points = 3\nat = "epoch"',
            "variance.at: expected a moment of the training .*, got 'epoch'",
        ),
        (
            "points = 3",
            'points = 3\nat = "epoch 0.3"',
            "variance.at: expected a point of the curves .*, got epoch 0.3",
        ),
        (
            "points = 3",
            'points = 3\nat = ["epoch 1", "epoch 1.0"]',
            "variance: the same probe is planned twice: leave one out",
        ),
        ('"digits"', '["digits", "digits"]', "data.name: holds 'digits' twice: name each once"),
        ('"digits"', "[]", "data.name.*at least 1 item"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path, old, new, message):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(StudyError, match=f"study.toml: .*{message}"):
        read_study_file(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"digits"',
            '"../digits"',
            "data.name: Expected a data set's name with .*, not '../digits'",
        ),
        ('"digits"', '"cifar9"', "data.name: cifar9 not found in .*expected there"),
        (
            "train_size = 100",
            "train_size = 9999",
            "data.train_size: .* 1 to 1438 images, but 9999",
        ),
        ("train_size = 100", "test_size = 9999", "data.test_size: .* 1 to 359 images, but 9999"),
        (
            "train_size = 100",
            "validation_size = 9999",
            "data.validation_size: .* images, but 9999",
        ),
        ("train_size = 100", "validation_size = 1438", "data.validation_size: .* left to train on"),
        (
            "instances = 50",
            "instances = 360",
            "variance.instances: expected at most 359, the test images of digits, but got 360",
        ),
        (
            "instances = 50",
            'data = "train"\ninstances = 101',
            "variance.instances: expected at most 100, the train images",
        ),
    ],
)
def test_mistakes_about_the_data_are_named_with_their_place(tmp_path, old, new, message):
    """And before any work: where the plan is made."""
    assert old in GOOD
    study = read_study_file(write(tmp_path, GOOD.replace(old, new, 1)))
    with pytest.raises(NascopeError, match=f"study.toml: {message}"):
        study.plan(study.load_data(tmp_path))
    first = ["[[part]]", 'cells = ["SNAS"]', 'training.scale = "tiny"', "[[part]]"]
    text = "\n".join([*first, *GOOD.splitlines()[2:]])
    for section in ("variants", "data", "training", "landscape", "variance"):
        text = text.replace(f"[{section}]", f"[part.{section}]")
    study = read_study_file(write(tmp_path, text.replace(old, new, 1)))
    with pytest.raises(NascopeError, match=rf"study.toml: part\.2\.{message}"):
        study.plan(study.load_data(tmp_path))


def test_a_missing_or_binary_file(tmp_path):
    with pytest.raises(StudyError, match="No such file"):
        read_study_file(tmp_path / "nothing.toml")
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="not UTF-8"):
        read_study_file(path)
    with pytest.raises(StudyError, match="zero: expected a file, but this is a device"):
        read_study_file(Path("/dev/zero"))


PARTS = """
name = "parts"
[training]
scale = "tiny"
overrides = { epochs = 2 }
[landscape]
points = 5
batchnorm = ["frozen", "recalibrated"]
[[part]]
cells = ["DARTS"]
variants = { seeds = [1], cells = ["normal"], adapted = ["normal", "reduce"] }
training.seeds = [0, 1]
[[part]]
cells = ["DARTS", "SNAS"]
data = { name = ["digits"], train_size = 100 }
landscape.points = 3
[[part]]
cells = ["DARTS"]
training.overrides.epochs = 3
[[part]]
cells = ["SNAS"]
data.train_size = 100
"""


def test_parts_differ_in_the_keys_that_they_name(tmp_path):
    study = read_study_file(write(tmp_path, PARTS))
    first, second = study.parts[:2]
    assert [cell.label for cell in first.cells] == ["DARTS", "DARTS-r1n", "DARTS-widest-nr"]
    assert first.cells[1].genotype.reduce == load_cell("DARTS").reduce
    assert [cell.variant for cell in first.cells] == ["original", "random 1", "adapted"]
    assert (first.seeds, second.seeds) == ((0, 1), (0,))
    assert [p.recipe.epochs for p in study.parts] == [2, 2, 3, 2]
    assert [p.batchnorm for p in first.probes] == ["frozen", "recalibrated"]
    assert (first.probes[0].points, second.probes[0].points) == (5, 3)
    trials = study.plan(study.load_data()).trials
    # 3 cells × 2 seeds, two cells on fewer images, one longer; the last part's is the second's.
    assert len(trials) == 6 + 2 + 1
    (shared,) = [t for t in trials if t.label == "SNAS"]
    assert [p.settings["points"] for p in shared.probes] == [3, 3, 5, 5]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "landscape.points = 3",
            "landscape.pionts = 3",
            r"part\.2\.landscape\.pionts: unknown key",
        ),
        ("epochs = 3", "epoch = 3", r"part\.3\.training\.overrides\.epoch: unknown key"),
        ('cells = ["DARTS", "SNAS"]', "", r"part\.2\.cells: field required"),
        ('scale = "tiny"', 'scael = "tiny"', r"study.toml: training\.scael: unknown key"),
        (
            '[[part]]\ncells = ["SNAS"]\ndata.train_size = 100',
            '[[part]]\ncells = ["nobody"]',
            r"part\.4\.cells: .*nobody",
        ),
        ("train_size = 100 }", "train_size = 0 }", r"part\.2\.data\.train_size: input should be"),
        ('name = "parts"', 'name = "parts"\nsearch = {}', "run it with nascope study search"),
    ],
)
def test_mistakes_in_parts_are_named_with_their_place(tmp_path, old, new, message):
    assert old in PARTS
    with pytest.raises(StudyError, match=message):
        read_study_file(write(tmp_path, PARTS.replace(old, new, 1)))


DESIGNS = """
[training]
scale = "tiny"
learning_rates = [0.025, 0.25]
[[part]]
cells = ["DARTS", "NASNet"]
design = { kind = "contrast" }
[[part]]
cells = ["DARTS"]
design = { kind = "factorial", allocations = 1, widths = [2, 3], depths = [3, 4] }
"""


def test_designs(tmp_path):
    """Pairs and blocks are recorded, and their members differ in the wiring only."""
    study = read_study_file(write(tmp_path, DESIGNS))
    contrast, factorial = study.parts
    assert [cell.label for cell in contrast.cells] == [
        "DARTS-c1-w4d2", "DARTS-c1-w1.5d5", "DARTS-c2-w4d2", "DARTS-c2-w1.5d5",
        "NASNet-c1-w5d2", "NASNet-c1-w1.5d6", "NASNet-c2-w5d2", "NASNet-c2-w1.5d6",
    ]  # fmt: skip
    assert [cell.label for cell in factorial.cells] == [
        "DARTS-f1-w2d3", "DARTS-f1-w2d4", "DARTS-f1-w3d3", "DARTS-f1-w3d4",
    ]  # fmt: skip
    operations = [
        tuple(edge.operation for edge in cell.genotype.normal.edges) for cell in contrast.cells
    ]
    assert operations[0::2] == operations[1::2]
    assert len(set(operations)) == 4
    plan = study.plan(study.load_data())
    assert len(plan.trials) == 2 * (8 + 4)
    assert plan.trials[1].design == DesignPlace("contrast", 1, read_level((1.5, 5)))
    path = tmp_path / "study.json"
    write_plan(path, plan)
    assert read_plan(path).trials == plan.trials
    assert merge_plans(read_plan(path), plan).trials == plan.trials
    assert "design" in plan.trials[0].to_dict()
    plain = read_study_file(write(tmp_path, GOOD))
    write_plan(path, plain.plan(plain.load_data()))
    assert "design" not in path.read_text()  # study.json stays as it was
    assert "design" not in read_plan(path).trials[0].to_dict()


def test_the_seed_of_a_design_decides_its_cells(tmp_path):
    cells = [
        read_study_file(write(tmp_path, DESIGNS.replace('"contrast"', new))).parts[0].cells
        for new in ('"contrast", seed = 0', '"contrast", seed = 1', '"contrast", allocations = 1')
    ]
    assert cells[0] == read_study_file(write(tmp_path, DESIGNS)).parts[0].cells
    assert cells[0][0].genotype != cells[1][0].genotype
    assert cells[2] == (*cells[0][:2], *cells[0][4:6])


def test_parts_have_their_own_levels(tmp_path):
    """No cell has the levels of both parts, and the common keys have none."""
    text = """
    design = { kind = "factorial", allocations = 1 }
    [[part]]
    cells = ["DARTS"]
    design = { widths = [2, 3], depths = [3, 4] }
    [[part]]
    cells = ["NASNet"]
    design = { widths = [2, 3.5], depths = [3, 5] }
    """
    four, five = read_study_file(write(tmp_path, text)).parts
    assert [len(part.cells) for part in (four, five)] == [4, 4]
    assert five.cells[-1].label == "NASNet-f1-w3.5d5"
    with pytest.raises(NascopeError, match=r"toml: design\.kind: field required"):
        read_study_file(write(tmp_path, text.replace("kind =", "kinds =")))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"contrast"', '"contrasts"', r"part\.1\.design\.kind: input should be 'contrast' or"),
        ('"contrast"', '"contrast", pairs = 2', r"part\.1\.design\.pairs: unknown key"),
        ('"contrast"', '"contrast", widths = [2, 3]', "design.widths: a contrast has two levels"),
        ("widths = [2, 3]", "widths = [2]", "design.widths: expected at least two widths"),
        ("widths = [2, 3]", "widths = [2, 2]", "holds 2.0 twice"),
        ("widths = [2, 3]", "widths = [2, 5]", r"part\.2\.design: no wiring .* width 5 and depth 3"),
        ("allocations = 1", "allocations = 0", r"design\.allocations: input should be greater"),
        ("[[part]]", "[[part]]\nvariants.seeds = [1]", r"part\.1\.design: expected designed"),
    ],
)  # fmt: skip
def test_mistakes_in_designs_are_named_with_their_place(tmp_path, old, new, message):
    assert old in DESIGNS
    with pytest.raises(NascopeError, match=message):
        read_study_file(write(tmp_path, DESIGNS.replace(old, new, 1)))


def test_a_label_stands_for_one_cell(tmp_path):
    (tmp_path / "DARTS.json").write_text(json.dumps(to_dict(load_cell("SNAS"))))
    text = f'[[part]]\ncells = ["DARTS"]\n[[part]]\ncells = ["{tmp_path}/DARTS.json"]\n'
    with pytest.raises(
        StudyError, match=r"part\.2\.cells: two different cells have the label 'DARTS'"
    ):
        read_study_file(write(tmp_path, text))


def test_published_variants_rewire_both_cells(tmp_path):
    text = GOOD.replace('method = "published"', 'method = "published"\ncells = ["normal"]')
    with pytest.raises(StudyError, match=r"variants\.cells: published variants rewire both cells"):
        read_study_file(write(tmp_path, text))


SEARCH_FILE = """
cells = ["DARTS"]
[search]
algorithm = "random"
candidates = 5
[data]
name = "digits"
validation_size = 50
[training]
scale = "tiny"
seeds = [3]
learning_rates = [0.05]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("candidates = 5", "candidate = 5", "search.candidate: unknown key; did you mean candid"),
        ("seeds = [3]", "seeds = [3, 4]", "training.seeds: expected one value for a search, got 2"),
        ('["DARTS"]', '["DARTS", "SNAS"]', "cells: expected one value for a search, got 2"),
        ("[search]", "landscape = { points = 3 }\n[search]", "landscape: a search has no probes"),
        ("validation_size = 50", "", "data.validation_size"),
        ('"random"', '"random"\nspace = "dart"', "search.space: unknown space 'dart'; known are"),
        (
            '["DARTS"]',
            '["NASNet"]',
            "search: the normal cell to start from .cells.: .* another cell",
        ),
        ('"random"', '"luck"', "search.algorithm: input should be 'random' or 'evolution'"),
    ],
)
def test_a_search_file(tmp_path, old, new, message):
    path = tmp_path / "search.toml"
    path.write_text(SEARCH_FILE)
    search = read_search_file(path)
    assert (search.name, search.seed, search.recipe.learning_rate) == ("search", 3, 0.05)
    assert (search.algorithm, search.candidates) == ("random", 5)
    assert old in SEARCH_FILE
    path.write_text(SEARCH_FILE.replace(old, new, 1))
    with pytest.raises(StudyError, match=f"search.toml: .*{message}"):
        read_search_file(path)
