"""From targets and a scale to what is trained and probed for each."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nascope._src.cells.adaptation import adapt
from nascope._src.cells.catalog import is_known, load
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import topology
from nascope._src.cells.resolve import resolve_cell
from nascope._src.data.datasets import DataSet
from nascope._src.data.request import DataRequest
from nascope._src.errors import DataError, StudyError
from nascope._src.records.paths import slug
from nascope._src.records.plan import Plan, merge_plans
from nascope._src.reproduce.scales import ReproductionScale
from nascope._src.results.paper.columns import FigureColumn
from nascope._src.results.paper.numbers import TITLES
from nascope._src.results.paper.targets import BOTH, Target, in_words
from nascope._src.results.text.trials import shortened
from nascope._src.study.definition import Part, PlannedCell, StudyDefinition, plan_cells


@dataclass(frozen=True)
class Options:
    """How targets are reproduced.

    Attributes:
        cells: names, files or genotype texts that replace a target's own cells.
        variants: number of variants of each cell; None for the target's own number.
        seeds: number of trainings of each cell, with seeds 0, 1, ….
    """

    scale: ReproductionScale
    cells: tuple[str, ...] = ()
    variants: int | None = None
    seeds: int = 1


@dataclass(frozen=True)
class FigurePlan:
    """A figure or table at a scale: what it compares, and the trials that it needs.

    Attributes:
        stem: of its files' names.
        cells: originals, each followed by its variants.
        columns: data sets and learning rates; some have no trials.
        published: for each column the paper's own data set.
        plan: empty if nothing is trained.
    """

    target: Target
    scale: ReproductionScale
    stem: str
    cells: tuple[PlannedCell, ...]
    columns: tuple[FigureColumn, ...]
    published: tuple[str, ...]
    plan: Plan

    @property
    def families(self) -> tuple[str, ...]:
        """The originals' names."""
        return _families(self.cells)

    @property
    def title(self) -> str:
        """What the figure shows, with the names of its cells."""
        return self.target.titled_of([shortened(family, 24) for family in self.families])

    @property
    def paper(self) -> str:
        """What the paper shows, and of which cells if these are others."""
        others = set(self.families) != set(self.target.cells)
        of = f"(of {in_words(self.target.cells)}) " if others else ""
        return of + self.target.paper


@dataclass(frozen=True)
class ReproductionPlan:
    """Targets that are reproduced together.

    Attributes:
        notes: missing data sets, and why, one line each.
    """

    figures: tuple[FigurePlan, ...]
    notes: tuple[str, ...]

    @property
    def plan(self) -> Plan:
        """All trials that the targets need; what they share occurs once."""
        return functools.reduce(merge_plans, (figure.plan for figure in self.figures))


def plan_reproduction(
    targets: Sequence[Target], options: Options, data_dir: str | Path | None
) -> ReproductionPlan:
    """Plan what the targets need.

    Raises:
        DataError: CIFAR-10 is missing, or the only data set that is needed.
        StudyError: cells are given, but no target has any.
        GenotypeError: a cell is unknown, or has no published variants.
    """
    if options.cells and not any(target.cells for target in targets):
        raise StudyError(f"{targets[0].name} has no cells that others could replace")
    data, absent = _data(targets, options.scale, data_dir)
    plans = tuple(_plan_figure(target, options, data, absent) for target in targets)
    return ReproductionPlan(plans, tuple(absent.values()))


def _data(
    targets: Sequence[Target], scale: ReproductionScale, data_dir: str | Path | None
) -> tuple[dict[str, tuple[DataRequest, DataSet]], dict[str, str]]:
    """Return the available data sets, and why others are missing, by the paper's names."""
    available: dict[str, tuple[DataRequest, DataSet]] = {}
    absent: dict[str, str] = {}
    lacking: DataError | None = None
    for name in dict.fromkeys(name for target in targets for name in _names(target, scale)):
        request = scale.data[name]
        if request is None:
            absent[name] = f"scale {scale.name} has no {TITLES[name]}: its panels say so"
            continue
        try:
            available[name] = request, request.load(data_dir)
        except DataError as error:
            if name == BOTH[0]:
                raise
            lacking = error
            absent[name] = f"no {TITLES[name]}, so that its panels stay empty: {error}"
    if lacking is not None and not available:
        raise lacking
    return available, absent


def _names(target: Target, scale: ReproductionScale) -> tuple[str, ...]:
    """Return a target's data sets; CIFAR-10's stand-in if the scale has none of them."""
    has_one = any(scale.data[name] is not None for name in target.data)
    return target.data if has_one else target.data and BOTH[:1]


def _plan_figure(
    target: Target,
    options: Options,
    data: Mapping[str, tuple[DataRequest, DataSet]],
    absent: Mapping[str, str],
) -> FigurePlan:
    scale = options.scale
    cells = _cells(target, options)
    stem = target.name
    if options.cells and target.cells:
        stem += "".join(f"-{slug(name)[:20]}" for name in _families(cells))
    columns, published = [], []
    names = _names(target, scale)
    for name in names:
        request = scale.data[name]
        why = ""
        if name in absent:
            title = TITLES[name]
            why = f"no {title}\nat scale {scale.name}" if request is None else f"no data: {title}"
        for rate in target.learning_rates:
            shown = request.name if request is not None else name
            columns.append(FigureColumn(shown, rate, len(target.learning_rates) > 1, why))
            published.append(name)
    title = f"Reproduction at scale {scale.name}"
    plan = Plan(title, ())
    requests = tuple(data[name][0] for name in names if name in data)
    if target.recipe is not None and requests:
        part = Part(
            cells=cells,
            recipe=scale.recipe(target.recipe),
            data=requests,
            learning_rates=target.learning_rates,
            seeds=tuple(range(options.seeds)),
            probes=scale.probes(target.probe) if target.probe is not None else (),
        )
        plan = StudyDefinition(title, (part,)).plan(dict(data.values()))
    return FigurePlan(target, scale, stem, cells, tuple(columns), tuple(published), plan)


def _families(cells: Sequence[PlannedCell]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.family for cell in cells))


def _cells(target: Target, options: Options) -> tuple[PlannedCell, ...]:
    if not target.cells:
        return ()
    texts = options.cells or target.cells
    if target.drawing == "table1":
        return tuple(cell for text in texts for cell in _with_adapted(resolve_cell(text)))
    wanted = target.variants
    if wanted and options.variants is not None:
        wanted = options.variants
    elif target.recipe is not None:  # drawings alone cost nothing
        wanted = options.scale.variants(wanted)
    cells = plan_cells(texts, method="published", seeds=range(1, wanted + 1))
    return _by_width(cells) if target.by_width else cells


def _by_width(cells: Sequence[PlannedCell]) -> tuple[PlannedCell, ...]:
    """Sort the variants of each family by falling width, then growing depth, after the original."""
    families = _families(cells)

    def key(cell: PlannedCell) -> tuple[int, bool, float, int]:
        wiring = topology(cell.genotype.normal)
        width = float(wiring.fractional_width)
        return families.index(cell.family), cell.variant != "original", -width, wiring.depth

    return tuple(sorted(cells, key=key))


def _with_adapted(genotype: Genotype) -> tuple[PlannedCell, PlannedCell]:
    """Return a cell and its adapted form: the authors' if the catalogue has it, else ours."""
    name = genotype.name or "cell"
    theirs = f"{name}-adapted"
    if is_known(name) and load(name) == genotype and is_known(theirs):
        wide = load(theirs)
    else:
        wide = adapt(genotype)
    return (
        PlannedCell(name, name, "original", genotype),
        PlannedCell(wide.name or f"{name}-widest", name, "adapted", wide),
    )
