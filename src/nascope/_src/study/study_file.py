"""The study file: TOML, checked by pydantic at this border, becomes a Study."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from nascope._src.cells.genotype import CELL_KINDS
from nascope._src.errors import NascopeError, StudyError
from nascope._src.probes.settings import (
    Along,
    BatchNormMode,
    Blocks,
    CurvaturePlan,
    Data,
    Normalisation,
    OneDimensional,
    ProbePlan,
)
from nascope._src.study.definition import DataRequest, Part, Study, plan_cells
from nascope._src.study.search.candidates import Algorithm, Search
from nascope._src.training.recipe import LARGEST, RECIPES, SCALES, overridden, suggestion

Plan = ProbePlan | CurvaturePlan
Kind = Literal["normal", "reduce"]
Item = TypeVar("Item")


def _distinct(values: list[Any]) -> list[Any]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise PydanticCustomError(
                "twice", "holds {value} twice: name each once", {"value": repr(value)}
            )
    return values


Distinct = Annotated[list[Item], Field(min_length=1), AfterValidator(_distinct)]
"""A list of at least one, each once."""

Several = Annotated[
    Distinct[Item], BeforeValidator(lambda value: value if isinstance(value, list) else [value])
]
"""One value, or a list of some."""

Seed = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False)]

Section = TypeVar("Section", bound=BaseModel)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Variants(_Section):
    method: Literal["random", "published"] = "random"
    seeds: Annotated[list[Seed], AfterValidator(_distinct)] = Field(default_factory=list)
    cells: Distinct[Kind] = Field(default_factory=lambda: list(CELL_KINDS))  # type: ignore[arg-type]
    adapted: Annotated[list[Kind], AfterValidator(_distinct)] = Field(default_factory=list)


class _Data(_Section):
    name: Several[str] | None = None
    train_size: int | None = Field(default=None, ge=1)
    test_size: int | None = Field(default=None, ge=1)
    validation_size: int = Field(default=0, ge=0)


class _Training(_Section):
    recipe: Literal[tuple(RECIPES)] = "section4"  # type: ignore[valid-type]
    scale: Literal[tuple(SCALES)] = "small"  # type: ignore[valid-type]
    learning_rates: Distinct[Rate] = Field(default_factory=lambda: [0.025])
    seeds: Distinct[Seed] = Field(default_factory=lambda: [0])
    overrides: dict[str, Any] = Field(default_factory=dict)


class _Probe(_Section):
    instances: int | None = Field(default=None, ge=1)
    seed: Seed = 0
    seeds: Distinct[Seed] | None = None
    batchnorm: Several[BatchNormMode] = Field(default_factory=lambda: ["frozen"])  # type: ignore[arg-type]
    data: Several[Data] = Field(default_factory=lambda: ["test"])  # type: ignore[arg-type]
    at: Several[str] = Field(default_factory=lambda: ["end"])

    def plans(self, make: Callable[..., Plan], points: int | None) -> list[Plan]:
        """A plan for each mode, moment, part of the data and seed; ``points`` by default."""
        several = ("seeds", "seed", "data", "at", "batchnorm")
        fixed = self.model_dump(exclude=set(several))
        if fixed["points"] is None:
            fixed["points"] = points
        seeds = [self.seed] if self.seeds is None else self.seeds
        return [
            make(seed=seed, data=part, at=at, batchnorm=mode, **fixed)
            for mode, at, part, seed in itertools.product(self.batchnorm, self.at, self.data, seeds)
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


class _Part(_Section):
    cells: Distinct[str]
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

    def build(self, where: str) -> Part:
        """The part that this section describes; ``where`` it stands, file and section."""
        training, data = self.training, self.data
        scale = SCALES[training.scale]
        if "learning_rate" in training.overrides:
            raise StudyError("training.overrides.learning_rate: give training.learning_rates")
        recipe = dataclasses.replace(RECIPES[training.recipe], **scale.overrides)
        names = [scale.dataset] if data.name is None else data.name
        return Part(
            cells=plan_cells(
                self.cells,
                method=self.variants.method,
                seeds=self.variants.seeds,
                rewired=self.variants.cells,
                adapted=self.variants.adapted,
            ),
            recipe=overridden(recipe, training.overrides, where="training.overrides."),
            data=tuple(
                DataRequest(
                    name,
                    data.train_size,
                    data.test_size,
                    data.validation_size,
                    (scale.train_size, scale.test_size),
                    where,
                )
                for name in names
            ),
            learning_rates=tuple(training.learning_rates),
            seeds=tuple(training.seeds),
            probes=tuple(self.probes()),
        )


class _File(_Part):
    name: str | None = None


class _Search(_Section):
    algorithm: Algorithm = "evolution"
    space: str = "darts"
    candidates: int = Field(default=48, ge=1)
    population: int = Field(default=16, ge=1)
    sample: int = Field(default=4, ge=1)
    batch: int = Field(default=4, ge=1)


class _SearchFile(_File):
    search: _Search = Field(default_factory=_Search)


def read_study_file(path: str | Path) -> Study:
    """Read a study from a TOML file (docs/guides/studies.md).

    Raises:
        StudyError: the file is missing or not TOML, a key is unknown or a value out of range; the
            message names the dotted key, or the line.
    """
    path = Path(path)
    content = _read(path)
    try:
        if "search" in content:
            raise StudyError("search: this file is of a search; run it with nascope study search")
        name = content.get("name")
        return Study(name if name else path.stem, _parts(content, path))
    except NascopeError as error:
        raise StudyError(f"{path}: {error}") from None


def read_search_file(path: str | Path) -> Search:
    """Read a search from a TOML file: a study's, of one cell, with a section [search].

    Raises:
        StudyError: as `read_study_file`.
    """
    path = Path(path)
    content = _read(path)
    try:
        if "part" in content:
            raise StudyError("part: a search has none")
        file = _validated(_SearchFile, content, "")
        (part, search) = file.build(f"{path}: "), file.search
        for name, found in {
            "cells": [cell.label for cell in part.cells],
            "data.name": [request.name for request in part.data],
            "training.learning_rates": part.learning_rates,
            "training.seeds": part.seeds,
        }.items():
            if len(found) != 1:
                raise StudyError(f"{name}: a search has one, not {len(found)}")
        if part.probes:
            raise StudyError(f"{part.probes[0].kind}: a search probes nothing; run a study after")
        return Search(
            name=file.name or path.stem,
            start=part.cells[0].genotype,
            recipe=dataclasses.replace(part.recipe, learning_rate=part.learning_rates[0]),
            data=part.data[0],
            algorithm=search.algorithm,
            within=search.space,
            candidates=search.candidates,
            population=search.population,
            sample=search.sample,
            batch=search.batch,
            seed=part.seeds[0],
        )
    except NascopeError as error:
        raise StudyError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise StudyError(f"{path}: not TOML: nested too deeply") from None


def _parts(content: Mapping[str, Any], path: Path) -> tuple[Part, ...]:
    """The file itself, or each [[part]] over what stands outside of them."""
    common = {key: value for key, value in content.items() if key != "part"}
    if "part" not in content:
        return (_part(_File, common, "", path),)
    given = content["part"]
    if not isinstance(given, list) or not given or not all(isinstance(p, dict) for p in given):
        raise StudyError("part: expected [[part]] sections")
    # What is common is checked by itself first, so that a mistake is told where it was made.
    _part(_File, {"cells": ["DARTS"], **common}, "", path)
    common.pop("name", None)
    return tuple(
        _part(_Part, _merged(common, own), f"part.{place}.", path)
        for place, own in enumerate(given, start=1)
    )


def _part(kind: type[_Part], content: Mapping[str, Any], where: str, path: Path) -> Part:
    section = _validated(kind, content, where)
    try:
        return section.build(f"{path}: {where}")
    except NascopeError as error:
        raise StudyError(f"{where}{error}" if where else str(error)) from None


def _validated(kind: type[Section], content: Mapping[str, Any], where: str) -> Section:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise StudyError(f"{where}{_first_problem(kind, error)}") from None


def _merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """``own`` over ``common``, section by section."""
    merged = dict(common)
    for key, value in own.items():
        before = merged.get(key)
        both = isinstance(value, dict) and isinstance(before, dict)
        merged[key] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return merged


def _first_problem(kind: type[BaseModel], error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section: Any = kind
        for part in problem["loc"][:-1]:
            annotation = section.model_fields[str(part)].annotation
            section = next(
                (inner for inner in (annotation, *getattr(annotation, "__args__", ()))
                 if isinstance(inner, type) and issubclass(inner, BaseModel)),
                kind,
            )  # fmt: skip
        return f"{key}: unknown key{suggestion(key.split('.')[-1], list(section.model_fields))}"
    if problem["type"] in {"model_type", "dict_type"}:
        return f"{key}: expected a section or table of keys, got {problem['input']!r:.60}"
    more = len(error.errors()) - 1
    also = f" (and {more} more)" if more else ""
    message = problem["msg"]
    return f"{key}: {message[0].lower()}{message[1:]}, got {problem['input']!r:.60}{also}"
