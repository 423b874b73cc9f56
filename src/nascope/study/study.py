"""Study: the plan as data. A study file, in TOML, becomes a Study; a Study yields its trials."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nascope.cells.genotype import Genotype, to_dict
from nascope.cells.resolve import resolve_cell
from nascope.cells.wiring import published_variant, random_variant
from nascope.data.datasets import DataSet, load_data
from nascope.errors import NascopeError, StudyError
from nascope.probes.directions import Normalisation, OneDimensional
from nascope.probes.risk import BatchNormMode
from nascope.study.plans import Along, Blocks, CurvaturePlan, Data, ProbePlan
from nascope.training.recipe import RECIPES, SCALES, Recipe, overridden, suggestion
from nascope.training.train import training_identity


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a study: an original, or a variant of one."""

    label: str
    family: str
    variant: str
    genotype: Genotype


@dataclass(frozen=True)
class Study:
    """Every cell, at every learning rate, with every seed: trained, then probed.

    Args:
        name: names the study in its report.
        cells: originals and variants; their labels are unique.
        dataset: name of the data set; sizes and ``at_most`` as in `load_data`.
        recipe: of every trial but for the learning rate.
        learning_rates, seeds: at least one each.
        probes: of every trained network.

    Raises:
        StudyError: something is empty, repeated or out of range.
    """

    name: str
    cells: tuple[PlannedCell, ...]
    recipe: Recipe
    dataset: str = "digits"
    train_size: int | None = None
    test_size: int | None = None
    validation_size: int = 0
    at_most: tuple[int | None, int | None] = (None, None)
    learning_rates: tuple[float, ...] = (0.025,)
    seeds: tuple[int, ...] = (0,)
    probes: tuple[ProbePlan | CurvaturePlan, ...] = field(default=())

    def __post_init__(self) -> None:
        for name in ("cells", "learning_rates", "seeds"):
            values = getattr(self, name)
            keys = [cell.label for cell in values] if name == "cells" else list(values)
            if not keys:
                raise StudyError(f"{name} is empty: a study needs at least one")
            if len(set(keys)) < len(keys):
                twice = next(key for key in keys if keys.count(key) > 1)
                raise StudyError(f"{name} holds {twice!r} twice")
        if min(self.seeds) < 0:
            raise StudyError(f"seeds must be at least 0, not {min(self.seeds)}")
        for rate in self.learning_rates:
            dataclasses.replace(self.recipe, learning_rate=rate)  # raises if it's out of range

    def load_data(self, data_dir: str | Path | None = None) -> DataSet:
        """The study's data set."""
        return load_data(
            self.dataset,
            data_dir=data_dir,
            train_size=self.train_size,
            test_size=self.test_size,
            validation_size=self.validation_size,
            at_most=self.at_most,
        )

    def plan(self, data: DataSet) -> dict[str, Any]:
        """The study as plain data: all trials and probes with their identities."""
        trials = []
        for rate, cell, seed in itertools.product(self.learning_rates, self.cells, self.seeds):
            recipe = dataclasses.replace(self.recipe, learning_rate=rate)
            training = training_identity(cell.genotype, data, recipe, seed)
            trials.append(
                {
                    "identity": training,
                    "label": cell.label,
                    "family": cell.family,
                    "variant": cell.variant,
                    "genotype": to_dict(cell.genotype),
                    "data": data.summary(),
                    "recipe": dataclasses.asdict(recipe),
                    "seed": seed,
                    "probes": [
                        {
                            "kind": probe.kind,
                            "identity": probe.identity(training),
                            "settings": dataclasses.asdict(probe),
                            "cost": probe.cost(
                                len(data.test) if probe.data == "test" else len(data.train)
                            ),
                        }
                        for probe in self.probes
                    ],
                }
            )
        request = {
            "name": self.dataset,
            "train_size": len(data.train),
            "test_size": len(data.test),
            "validation_size": self.validation_size,
        }
        return {"format": 1, "name": self.name, "data": request, "trials": trials}


# ---------------------------------------------------------------- the study file

Plan = ProbePlan | CurvaturePlan


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Variants(_Section):
    method: Literal["random", "published"] = "random"
    seeds: list[int] = Field(default_factory=list)


class _Data(_Section):
    name: str | None = None
    train_size: int | None = Field(default=None, ge=1)
    test_size: int | None = Field(default=None, ge=1)
    validation_size: int = Field(default=0, ge=0)


class _Training(_Section):
    recipe: Literal[tuple(RECIPES)] = "section4"  # type: ignore[valid-type]
    scale: Literal[tuple(SCALES)] = "small"  # type: ignore[valid-type]
    learning_rates: list[float] = Field(default_factory=lambda: [0.025])
    seeds: list[int] = Field(default_factory=lambda: [0])
    overrides: dict[str, Any] = Field(default_factory=dict)


class _Probe(_Section):
    instances: int | None = Field(default=None, ge=1)
    seeds: list[int] | None = None  # a probe each: several pairs of directions
    seed: int = Field(default=0, ge=0)
    batchnorm: BatchNormMode = "frozen"
    data: Data | list[Data] = "test"
    at: str | list[str] = "end"

    def plans(self, make: Callable[..., Plan], points: int | None) -> list[Plan]:
        """A plan for each seed, part of the data, and moment; ``points`` where none are given."""
        fixed = self.model_dump(exclude={"seeds", "seed", "data", "at"})
        if fixed["points"] is None:
            fixed["points"] = points
        data = self.data if isinstance(self.data, list) else [self.data]
        moments = self.at if isinstance(self.at, list) else [self.at]
        seeds = [self.seed] if self.seeds is None else self.seeds
        return [
            make(seed=seed, data=part, at=at, **fixed)
            for at, part, seed in itertools.product(moments, data, seeds)
        ]


class _GridProbe(_Probe):
    points: int | None = Field(default=None, ge=1)  # the scale's
    radius: float = Field(default=1.0, gt=0)
    dimensions: Literal[1, 2] = 2
    normalise: Normalisation = "filter"
    one_dimensional: OneDimensional | None = None
    along: Along = "random"


class _CurvatureProbe(_Probe):
    top: int = Field(default=5, ge=1)
    vectors: int = Field(default=5, ge=0)
    steps: int = Field(default=20, ge=2)
    blocks: Blocks = "cells"
    block_steps: int = Field(default=10, ge=2)
    points: int = Field(default=5, ge=0)
    radius: float = Field(default=1.0, gt=0)


class _File(_Section):
    name: str | None = None
    cells: list[str] = Field(min_length=1)
    variants: _Variants = Field(default_factory=_Variants)
    data: _Data = Field(default_factory=_Data)
    training: _Training = Field(default_factory=_Training)
    landscape: _GridProbe | None = None
    variance: _GridProbe | None = None
    curvature: _CurvatureProbe | None = None

    def probes(self) -> list[Plan]:
        """All planned probes."""
        scale = SCALES[self.training.scale]
        kinds: dict[str, tuple[Callable[..., Plan], int | None]] = {
            "landscape": (ProbePlan, scale.landscape_points),
            "variance": (ProbePlan, scale.variance_points),
            "curvature": (CurvaturePlan, None),
        }
        found: list[Plan] = []
        for kind, (plan, points) in kinds.items():
            section: _Probe | None = getattr(self, kind)
            if section is not None:
                found += section.plans(functools.partial(plan, kind=kind), points)
        return found


def read_study_file(path: str | Path) -> Study:
    """Read a study from a TOML file (docs/guides/studies.md).

    Raises:
        StudyError: the file is missing or not TOML, a key is unknown or a value out of range; the
            message names the dotted key, or the line.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path}: not TOML: {error}") from None
    try:
        file = _File.model_validate(content)
        return _study(file, default_name=path.stem)
    except ValidationError as error:
        raise StudyError(f"{path}: {_first_problem(error)}") from None
    except NascopeError as error:
        raise StudyError(f"{path}: {error}") from None


def _study(file: _File, default_name: str) -> Study:
    training = file.training
    scale = SCALES[training.scale]
    if "learning_rate" in training.overrides:
        raise StudyError("training.overrides.learning_rate: give training.learning_rates instead")
    recipe = dataclasses.replace(RECIPES[training.recipe], **scale.overrides)
    recipe = overridden(recipe, training.overrides, where="training.overrides.")
    return Study(
        name=file.name or default_name,
        cells=plan_cells(file.cells, method=file.variants.method, seeds=file.variants.seeds),
        recipe=recipe,
        dataset=file.data.name or scale.dataset,
        train_size=file.data.train_size,
        test_size=file.data.test_size,
        validation_size=file.data.validation_size,
        at_most=(scale.train_size, scale.test_size),
        learning_rates=tuple(training.learning_rates),
        seeds=tuple(training.seeds),
        probes=tuple(file.probes()),
    )


def plan_cells(texts: list[str], *, method: str, seeds: list[int]) -> tuple[PlannedCell, ...]:
    """Each cell followed by its variants.

    Args:
        texts: catalogue names, files or genotype texts.
        method: "random" or "published", how variants are drawn.
        seeds: one variant each.
    """
    draw = {"random": random_variant, "published": published_variant}[method]
    cells = []
    for text in texts:
        genotype = resolve_cell(text)
        name = genotype.name or "cell"
        cells.append(PlannedCell(name, name, "original", genotype))
        for seed in seeds:
            variant = draw(genotype, seed)
            label = variant.name or f"{name}-{seed}"
            cells.append(PlannedCell(label, name, f"{method} {seed}", variant))
    return tuple(cells)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section: Any = _File
        for part in problem["loc"][:-1]:
            annotation = section.model_fields[str(part)].annotation
            section = next(
                (kind for kind in (annotation, *getattr(annotation, "__args__", ()))
                 if isinstance(kind, type) and issubclass(kind, BaseModel)),
                _File,
            )  # fmt: skip
        return f"{key}: unknown key{suggestion(key.split('.')[-1], list(section.model_fields))}"
    if problem["type"] in {"model_type", "dict_type"}:
        return f"{key}: expected a section or table of keys, got {problem['input']!r:.60}"
    more = len(error.errors()) - 1
    also = f" (and {more} more)" if more else ""
    message = problem["msg"]
    return f"{key}: {message[0].lower()}{message[1:]}, got {problem['input']!r:.60}{also}"
