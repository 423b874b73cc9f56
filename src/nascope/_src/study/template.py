"""A study file to start from, every section explained."""

from __future__ import annotations

from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.files import why_unwritable
from nascope._src.records.paths import slug

TEMPLATE = """\
# A study: every cell, on all data, at every learning rate, with every seed, is trained and then
# probed. Change this file later and run it again: only what is new is done.
#   nascope study plan {file}       what it will take on this machine
#   nascope study run {file}        run it, or go on with it
#   nascope study status {folder}

name = "{name}"

# Names of the catalogue (nascope cells), files, or genotype texts.
cells = ["DARTS"]

[variants]
method = "random"                 # or "published": the authors' own, as in Figure 10
seeds = [1, 2, 3]                 # of each cell, one variant a seed
cells = ["normal", "reduce"]      # those whose wiring is redrawn; "normal" alone keeps the number
                                  # of parameters equal
adapted = []                      # ["normal", "reduce"] adds the widest, shallowest wiring

[data]
name = "digits"                   # built in; "cifar10", "cifar100" or ["cifar10", "cifar100"] from
                                  # the folder that --data-dir or NASCOPE_DATA names
# train_size = 5000               # balanced over classes; all, or the scale's, where left out
# test_size = 2000
# validation_size = 1000          # held out of the training images

[training]
recipe = "section4"               # or "table1": cutout, auxiliary tower, drop path
scale = "tiny"                    # seconds a trial; "small": minutes; "paper": C = 36, L = 20
learning_rates = [0.025]
seeds = [0, 1, 2]                 # three at least for an interval
overrides = {{}}                    # any field of the recipe: {{ epochs = 20 }}

# Probes of each trained network; leave a section out to do without.
[landscape]
points = 21                       # a side of the grid over [-1, 1]²
# instances = 1000                # test images; all where left out
batchnorm = "frozen"              # or "recalibrated"; ["frozen", "recalibrated"] for both
# seeds = [0, 1]                  # pairs of random directions

[variance]
points = 11
# instances = 500
# at = ["initialisation", "end"]  # moments of the training
# data = ["test", "train"]

# [curvature]                     # eigenvalues of the Hessian, its trace and density
# instances = 500

# Parts differ from what stands above in the keys that they name:
# [[part]]
# cells = ["DARTS"]
# training.seeds = [0, 1, 2]
# [[part]]
# cells = ["AmoebaNet", "ENAS"]
# training.seeds = [0]
"""


def write_template(path: Path) -> None:
    """Write a study file that runs as it is.

    Raises:
        StudyError: the file is there already, or cannot be written.
    """
    text = TEMPLATE.format(file=path, folder=Path("runs") / path.stem, name=slug(path.stem))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise StudyError(f"{path} is there already: choose another name") from None
    except OSError as error:
        raise StudyError(f"cannot write {path}: {why_unwritable(error)}") from None
