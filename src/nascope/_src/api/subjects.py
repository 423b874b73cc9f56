"""Probing a trained network, the file of one, or a `Risk`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nascope._src import schema
from nascope._src.api.trained import Trained, read_trained
from nascope._src.errors import ProbeError, SettingError
from nascope._src.networks.network import Network, operation_keys
from nascope._src.probes.checkpoint import probe_network
from nascope._src.probes.chunks import Share
from nascope._src.probes.compute import compute_probe
from nascope._src.probes.directions import random_directions, trajectory_plane
from nascope._src.probes.forecast import ProbeForecast
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import is_classification
from nascope._src.probes.plane import Plane
from nascope._src.probes.risk import CHECKED, Direction, Risk
from nascope._src.probes.settings import GridSettings, ProbeSettings
from nascope._src.records.provenance import make_provenance
from nascope._src.records.read import ProbeRecord
from nascope._src.results.text.forecasts import forecast_line
from nascope._src.runtime.devices import choose_device, cores, describe_device
from nascope._src.runtime.progress import JobDisplay, job
from nascope._src.runtime.types import Progress

Subject = Risk | Trained | str | Path

_RISK_SETTINGS = ("instances", "batchnorm", "data", "at")
"""Settings that determine the risk of a trained network."""
_TRAINING_SETTINGS = ("along", "through")
"""Settings that need a training."""

_WORTH_SAYING = 5.0  # seconds that a probe will take, so that a forecast is shown


@dataclass(frozen=True)
class Request:
    """What to compute, and how.

    Args:
        defaults: The settings of the probe.
        settings: What the user changes of them.
        directions: Directions in place of random ones.
        grid: A grid in place of the settings' one.
        trajectory: Weights on a training's path, whose plane replaces directions and grid.
        to: Probe the line to this trained network.
        device: Where a trained network is probed; a `Risk` has its own device.
        workers: Number of threads; by default one per core on a CPU, else one.
        chunks: Folder in which finished work is kept.
        part: Number of a part of the grid's chunks, from 0, and the number of parts.
        progress: Whether to show a progress bar; or what to call during the work.
    """

    defaults: ProbeSettings
    settings: Mapping[str, Any]
    directions: Sequence[Direction] | None = None
    grid: Grid | None = None
    trajectory: Sequence[Mapping[str, Tensor]] | None = None
    to: Subject | None = None
    device: str = "auto"
    workers: int | None = None
    chunks: str | Path | None = None
    part: tuple[int, int] | None = None
    progress: bool | Progress | None = True

    def options(self, device: torch.device, report: Progress | None) -> dict[str, Any]:
        """Return the keyword arguments of a probe on a device."""
        options: dict[str, Any] = {
            "workers": self.workers or (cores() if device.type == "cpu" else 1),
            "chunks": Path(self.chunks) if self.chunks is not None else None,
            "progress": report,
            "announce": functools.partial(_announce, report)
            if isinstance(report, JobDisplay)
            else None,
        }
        if isinstance(self.defaults, GridSettings):
            options["part"] = None if self.part is None else Share(*self.part)
        return options


def _announce(shown: JobDisplay, forecast: ProbeForecast) -> None:
    if forecast.seconds >= _WORTH_SAYING:
        shown.say(forecast_line(forecast))


def as_subject(subject: Subject) -> Risk | Trained:
    """Return a `Risk` or a trained network, read from its file if need be.

    Raises:
        NascopeError: The subject is something else, or its file cannot be read.
    """
    if isinstance(subject, str | Path):
        return read_trained(Path(subject))
    if isinstance(subject, Risk | Trained):
        return subject
    raise ProbeError(
        "expected a trained network, the path of one, or a Risk, but got "
        f"{type(subject).__name__}: wrap your own model in nascope.Risk(model, inputs, targets)"
    )


def as_risk(subject: Subject, *, device: str = "auto", **settings: Any) -> Risk:
    """Return the risk of a subject at its weights.

    Raises:
        NascopeError: The subject is not one, or a `Risk` was given settings.
    """
    subject = as_subject(subject)
    if isinstance(subject, Trained):
        return subject.risk(device=device, **settings)
    for name in settings:
        raise SettingError(name, "set this when you make the Risk")
    return subject


def probe(subject: Subject, request: Request) -> ProbeRecord:
    """Return the result of a probe.

    Raises:
        NascopeError: The subject cannot be probed like this.
    """
    subject = as_subject(subject)
    with job(quiet=request.progress is not True) as bar:
        report = bar if request.progress is True else (request.progress or None)
        given = (request.directions, request.grid, request.trajectory) != (None, None, None)
        if isinstance(subject, Trained) and not given:
            return _probe_trained(subject, request, report)
        if request.to is not None:
            raise ProbeError(
                "the line to another network needs a trained network, and no directions, grid or "
                "trajectory"
            )
        if isinstance(subject, Risk):
            return _probe_risk(subject, request, report, type(subject.model).__name__)
        chosen = {k: v for k, v in request.settings.items() if k in _RISK_SETTINGS}
        others = {k: v for k, v in request.settings.items() if k not in _RISK_SETTINGS}
        risk = subject.risk(device=request.device, **chosen)
        request = dataclasses.replace(request, settings=others)
        record = _probe_risk(risk, request, report, subject.name)
        settings = {"data": "test", "at": "end", **chosen, **record.settings}
        return dataclasses.replace(record, settings=settings)


def _probe_trained(trained: Trained, request: Request, report: Progress | None) -> ProbeRecord:
    line = {} if request.to is None else {"dimensions": 1, "batchnorm": "recalibrated"}
    settings = schema.replaced(request.defaults, {**line, **request.settings}, where="")
    if isinstance(settings, GridSettings) and settings.along == "trajectory":
        through = settings.through or trained.history.kept_moments()
        settings = dataclasses.replace(settings, through=through)
    to = read_trained(Path(request.to)) if isinstance(request.to, str | Path) else request.to
    if to is not None and not isinstance(to, Trained):
        raise ProbeError(f"expected a trained network at the line's end, but got {to!r:.60}")
    device = choose_device(request.device)
    arrays, used = probe_network(
        trained.history,
        trained.data,
        settings,
        device=device,
        other=to.checkpoint if to is not None else None,
        **request.options(device, report),
    )
    identity = settings.identity(trained.checkpoint.records["identity"])
    if to is not None:
        identity += f"-{to.checkpoint.records['identity']}"
    used["classes"] = trained.data.classes
    return ProbeRecord(settings.kind, identity, used, _provenance(trained.name, device), arrays)


def _probe_risk(risk: Risk, request: Request, report: Progress | None, name: str) -> ProbeRecord:
    for setting in request.settings:
        if setting in _RISK_SETTINGS:
            raise SettingError(setting, "set this when you make the Risk")
        if setting in _TRAINING_SETTINGS:
            raise SettingError(setting, "only a trained network has a trajectory, a Risk has none")
    settings = schema.replaced(request.defaults, request.settings, where="")
    used = {
        setting: value
        for setting, value in settings.as_dict().items()
        if setting not in (*_RISK_SETTINGS, *_TRAINING_SETTINGS)
    }
    used |= {"instances": len(risk), "batchnorm": risk.batchnorm}
    if classes := _number_of_classes(risk):
        used["classes"] = classes
    keys = operation_keys(risk.model) if isinstance(risk.model, Network) else None
    options = request.options(risk.device, report)
    plane = None
    if isinstance(settings, GridSettings):
        work = {name: options[name] for name in ("workers", "chunks")}
        plane = _plane(risk, settings, request, keys, **work)
    arrays, details = compute_probe(risk, settings, plane, keys=keys, **options)
    provenance = _provenance(name, risk.device)
    return ProbeRecord(settings.kind, "", used | details, provenance, arrays)


def _plane(
    risk: Risk,
    settings: GridSettings,
    request: Request,
    keys: Mapping[str, str] | None,
    **work: Any,
) -> Plane:
    """Return the plane that was given, else the one that the settings describe.

    Raises:
        ProbeError: A trajectory was given together with directions, or the radius is auto although
            the grid is given.
    """
    directions, grid = request.directions, request.grid
    if settings.radius == "auto" and (grid is not None or request.trajectory is not None):
        raise ProbeError(
            "expected a radius or a grid, but got both: leave out radius='auto', since a grid, or "
            "that of a trajectory, has its own size"
        )
    if request.trajectory is not None:
        if directions is not None:
            raise ProbeError("expected directions or a trajectory, but got both")
        plane = trajectory_plane(risk.origin, request.trajectory)
        grid = plane.grid(settings.points) if grid is None else grid
        return Plane(plane.directions, grid, plane)
    if directions is None:
        directions = random_directions(
            risk.origin,
            settings.dimensions if grid is None else len(grid.axes),
            seed=settings.seed,
            normalise=settings.normalise,
            one_dimensional=settings.one_dimensional,
            keys=keys,
        )
    if grid is None:
        return Plane.around(risk, directions, settings, **work)
    return Plane(directions, grid)


def _number_of_classes(risk: Risk) -> int | None:
    """The number of logits per instance; None unless outputs are logits of integer targets."""
    few = slice(0, min(CHECKED, len(risk)))
    targets = risk.targets[few] if isinstance(risk.targets, Tensor) else None
    outputs, _ = risk.value(few)
    return int(outputs.shape[1]) if is_classification(outputs, targets) else None


def _provenance(network: str, device: torch.device) -> dict[str, Any]:
    return make_provenance(
        network=network, device=describe_device(device), threads=torch.get_num_threads()
    )
