"""The study file: TOML, checked by pydantic at this border, becomes a StudyDefinition."""

from __future__ import annotations

import dataclasses
import itertools
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError

from nascope._src import schema
from nascope._src.cells.genotype import CELL_KINDS
from nascope._src.data.request import DataRequest
from nascope._src.errors import NascopeError, SettingError, StudyError
from nascope._src.probes.settings import PROBES, ProbeSettings
from nascope._src.runtime.input_files import read_text
from nascope._src.study.definition import (
    Design,
    Part,
    PlannedCell,
    StudyDefinition,
    plan_cells,
    plan_design,
)
from nascope._src.study.scales import SCALES
from nascope._src.study.search.candidates import Search
from nascope._src.training.recipe import RECIPES, Rate

_MAX_BYTES = 1_000_000  # of a study file
Kind = Literal["normal", "reduce"]
Item = TypeVar("Item")


def _distinct(values: list[Any]) -> list[Any]:
    for number, value in enumerate(values):
        if value in values[:number]:
            raise PydanticCustomError(
                "twice", "holds {value} twice: name each once", {"value": repr(value)}
            )
    return values


Distinct = Annotated[list[Item], Field(min_length=1), AfterValidator(_distinct)]
"""A list of at least one value, without repetition."""

Several = Annotated[
    Distinct[Item], BeforeValidator(lambda value: value if isinstance(value, list) else [value])
]
"""One value, or a list of values."""

Seed = Annotated[int, Ge(0)]

Section = TypeVar("Section", bound=BaseModel)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _section_of(
    settings: type, *, without: Collection[str] = (), **changes: tuple[Any, Any]
) -> type[_Section]:
    """Return a section with a key for each field of a settings class.

    Args:
        settings: the class that declares the fields.
        without: fields without a key.
        changes: further keys, and those that differ from their field: annotation and default.
    """
    keys = {
        name: (_annotation(item), ... if item.default is dataclasses.MISSING else item.default)
        for name, item in schema.declarations(settings).items()
        if name not in without
    }
    fields: dict[str, Any] = keys | changes
    return create_model(settings.__name__, __base__=_Section, **fields)


def _annotation(item: schema.Declaration) -> Any:
    """Return the annotation of a key; pydantic has no bounds for a number or a word."""
    if not item.words:
        return item.annotation

    def check(value: Any) -> Any:
        if not item.accepts(value):
            raise PydanticCustomError("value", "expected {expected}", {"expected": item.expected})
        return item.convert(value)

    return Annotated[Any, AfterValidator(check)]


_LISTED = ("batchnorm", "at", "data")  # keys of a probe that take several values: a probe each


def _probe_section(kind: str) -> type[_Section]:
    declared = schema.declarations(PROBES[kind])
    keys: dict[str, tuple[Any, Any]] = {
        name: (Several[declared[name].annotation], [declared[name].default])  # type: ignore[misc]
        for name in _LISTED
    }
    keys["seeds"] = (Distinct[Seed] | None, None)
    if kind != "curvature":
        keys["points"] = (declared["points"].annotation | None, None)  # the scale's
    return _section_of(PROBES[kind], without={"through"}, **keys)


_Landscape, _Variance, _Curvature = (_probe_section(kind) for kind in PROBES)


def _probes(kind: str, section: _Section, points: int | None) -> Iterator[ProbeSettings]:
    """Yield a probe for each BatchNorm mode, moment, part of the data and seed of a section.

    Args:
        points: points along each direction, unless the section gives them.
    """
    values = section.model_dump()
    seeds = values.pop("seeds") or [values["seed"]]
    if values["points"] is None:
        values["points"] = points
    for *listed, seed in itertools.product(*(values[name] for name in _LISTED), seeds):
        yield PROBES[kind](**{**values, **dict(zip(_LISTED, listed, strict=True)), "seed": seed})


class _Variants(_Section):
    method: Literal["random", "published"] = "random"
    seeds: Annotated[list[Seed], AfterValidator(_distinct)] = Field(default_factory=list)
    cells: Distinct[Kind] = Field(default_factory=lambda: list(CELL_KINDS))  # type: ignore[arg-type]
    adapted: Annotated[list[Kind], AfterValidator(_distinct)] = Field(default_factory=list)


_Design = _section_of(
    Design,
    widths=(Annotated[list[float], AfterValidator(_distinct)], []),
    depths=(Annotated[list[int], AfterValidator(_distinct)], []),
)
_Data = _section_of(
    DataRequest, without={"at_most", "where"}, name=(Several[str] | None, None)
)  # fmt: skip
_Search = _section_of(
    Search,
    without={"name", "start", "recipe", "data", "seed", "within"},
    space=(str, Search.within),
)


class _Training(_Section):
    recipe: Literal[tuple(RECIPES)] = "section4"  # type: ignore[valid-type]
    scale: Literal[tuple(SCALES)] = "small"  # type: ignore[valid-type]
    learning_rates: Distinct[Rate] = Field(default_factory=lambda: list(Part.learning_rates))
    seeds: Distinct[Seed] = Field(default_factory=lambda: list(Part.seeds))
    overrides: dict[str, Any] = Field(default_factory=dict)


class _Part(_Section):
    cells: Distinct[str]
    variants: _Variants = Field(default_factory=_Variants)
    design: _Design | None = None  # type: ignore[valid-type]
    data: _Data = Field(default_factory=_Data)  # type: ignore[valid-type]
    training: _Training = Field(default_factory=_Training)
    landscape: _Landscape | None = None  # type: ignore[valid-type]
    variance: _Variance | None = None  # type: ignore[valid-type]
    curvature: _Curvature | None = None  # type: ignore[valid-type]

    def probes(self) -> tuple[ProbeSettings, ...]:
        """Return all probes of the part."""
        scale = SCALES[self.training.scale]
        points = {"landscape": scale.landscape_points, "variance": scale.variance_points}
        sections = {kind: getattr(self, kind) for kind in PROBES}
        return tuple(
            probe
            for kind, section in sections.items()
            if section is not None
            for probe in _probes(kind, section, points.get(kind))
        )

    def _planned_cells(self) -> tuple[PlannedCell, ...]:
        variants = self.variants
        if self.design is None:
            return plan_cells(
                self.cells,
                method=variants.method,
                seeds=variants.seeds,
                rewired=variants.cells,
                adapted=variants.adapted,
            )
        if variants.seeds or variants.adapted:
            raise StudyError(
                "design: expected designed variants or those of variants, but got both; put them "
                "into two [[part]] sections"
            )
        given: dict[str, Any] = dict(self.design)
        for name in ("widths", "depths"):
            given[name] = tuple(given[name])
        return plan_design(self.cells, Design(**given))

    def build(self, where: str) -> Part:
        """Return the part that this section describes.

        Args:
            where: file and section, for errors about the data.
        """
        training = self.training
        data: dict[str, Any] = dict(self.data)
        scale = SCALES[training.scale]
        if "learning_rate" in training.overrides:
            raise SettingError(
                "training.overrides.learning_rate", "give training.learning_rates instead"
            )
        recipe = schema.replaced(
            scale.recipe(training.recipe), training.overrides, where="training.overrides."
        )
        names = data.pop("name") or [scale.dataset]
        at_most = (scale.train_size, scale.test_size)
        return Part(
            cells=self._planned_cells(),
            recipe=recipe,
            data=tuple(DataRequest(name, **data, at_most=at_most, where=where) for name in names),
            learning_rates=tuple(training.learning_rates),
            seeds=tuple(training.seeds),
            probes=self.probes(),
        )


class _File(_Part):
    name: str | None = None


class _SearchFile(_File):
    search: _Search = Field(default_factory=_Search)  # type: ignore[valid-type]


def read_study_file(path: str | Path) -> StudyDefinition:
    """Read a study from a TOML file (docs/guides/studies.md).

    Raises:
        StudyError: the file is missing or not TOML, a key is unknown or a value is out of range.
            The message names the dotted key, or the line.
    """
    path = Path(path)
    content = _read(path)
    try:
        if "search" in content:
            raise StudyError("search: this is a search file; run it with nascope study search")
        return build_study(content, name=path.stem, where=f"{path}: ")
    except NascopeError as error:
        raise StudyError(f"{path}: {error}") from None


def build_study(content: Mapping[str, Any], *, name: str, where: str = "") -> StudyDefinition:
    """Return the study that the content of a study file describes.

    Args:
        content: the file's keys and sections.
        name: the study's name, unless the content has one.
        where: put before the key in errors about the data.

    Raises:
        StudyError: a key is unknown or a value is out of range. The message names the dotted key.
    """
    return StudyDefinition(content.get("name") or name, _parts(content, where))


def read_search_file(path: str | Path) -> Search:
    """Read a search from a TOML file: a study file of one cell with a section [search].

    Raises:
        StudyError: as in `read_study_file`.
    """
    path = Path(path)
    content = _read(path)
    try:
        if "part" in content:
            raise StudyError("part: a search file has no [[part]] sections")
        file = _validated(_SearchFile, content, "")
        if file.design is not None:
            raise StudyError("design: a search draws its own wirings; leave the section out")
        part = file.build(f"{path}: ")
        search: dict[str, Any] = dict(file.search)
        for key, values in {
            "cells": [cell.label for cell in part.cells],
            "data.name": [request.name for request in part.data],
            "training.learning_rates": part.learning_rates,
            "training.seeds": part.seeds,
        }.items():
            if len(values) != 1:
                raise StudyError(f"{key}: expected one value for a search, got {len(values)}")
        if part.probes:
            raise StudyError(
                f"{part.probes[0].kind}: a search has no probes; probe its best cell in a study"
            )
        return Search(
            name=file.name or path.stem,
            start=part.cells[0].genotype,
            recipe=dataclasses.replace(part.recipe, learning_rate=part.learning_rates[0]),
            data=part.data[0],
            seed=part.seeds[0],
            within=search.pop("space"),
            **search,
        )
    except NascopeError as error:
        raise StudyError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path, at_most=_MAX_BYTES))
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise StudyError(f"{path}: not TOML: nested too deeply") from None


def _parts(content: Mapping[str, Any], where: str) -> tuple[Part, ...]:
    """Build the file as one part, or each [[part]] on top of the keys outside the parts."""
    common = {key: value for key, value in content.items() if key != "part"}
    if "part" not in content:
        return (_part(_File, common, "", where),)
    given = content["part"]
    if not isinstance(given, list) or not given or not all(isinstance(p, dict) for p in given):
        raise StudyError("part: expected [[part]] sections")
    # Check the common keys separately first, so that an error names the right place. Which levels a
    # design has depends on the cells of each part.
    _validated(_File, {"cells": ["DARTS"], **common}, "")
    undesigned = {key: value for key, value in common.items() if key != "design"}
    _part(_File, {"cells": ["DARTS"], **undesigned}, "", where)
    common.pop("name", None)
    return tuple(
        _part(_Part, _merged(common, keys), f"part.{number}.", where)
        for number, keys in enumerate(given, start=1)
    )


def _part(kind: type[_Part], content: Mapping[str, Any], part: str, where: str) -> Part:
    section = _validated(kind, content, part)
    try:
        return section.build(f"{where}{part}")
    except NascopeError as error:
        raise StudyError(f"{part}{error}" if part else str(error)) from None


def _validated(kind: type[Section], content: Mapping[str, Any], where: str) -> Section:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise StudyError(f"{where}{_first_problem(kind, error)}") from None


def _merged(common: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the common keys, replaced by those of the part, section by section."""
    merged = dict(common)
    for key, value in part.items():
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
        return (
            f"{key}: unknown key{schema.suggestion(key.split('.')[-1], list(section.model_fields))}"
        )
    if problem["type"] in {"model_type", "dict_type"}:
        return f"{key}: expected a section or table of keys, got {problem['input']!r:.60}"
    more = len(error.errors()) - 1
    also = f" (and {more} more)" if more else ""
    message = problem["msg"]
    return f"{key}: {message[0].lower()}{message[1:]}, got {problem['input']!r:.60}{also}"
