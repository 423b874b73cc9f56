"""Forecasts on a clock that advances with each instance that the model sees."""

import types
from collections import Counter

import pytest
import torch
from torch import nn

from nascope._src.probes import forecast as forecasts
from nascope._src.probes.compute import compute_probe
from nascope._src.probes.directions import random_directions
from nascope._src.probes.forecast import forecast_probe
from nascope._src.probes.plane import Plane
from nascope._src.probes.preconditions import verify
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import CurvatureSettings, LandscapeSettings, VarianceSettings

INSTANCES, MILLISECOND = 20, 1e-3  # per instance


@pytest.fixture
def clock(monkeypatch):
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(forecasts, "time", types.SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def slow_risk(clock, **settings):
    class Slow(nn.Sequential):
        def forward(self, x):
            clock.now += len(x) * MILLISECOND
            return super().forward(x)

    torch.manual_seed(0)
    model = Slow(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 2))
    x, y = torch.randn(INSTANCES, 4), torch.arange(INSTANCES) % 2
    return Risk(model, x, y, batch_size=5, **settings)


def plane_of(risk, settings):
    return Plane.around(risk, random_directions(risk.origin, settings.dimensions), settings)


@pytest.mark.parametrize(
    ("settings", "mode", "passes"),
    [
        (LandscapeSettings(points=3), "frozen", 1),
        (LandscapeSettings(points=9, dimensions=1), "frozen", 1),
        (LandscapeSettings(points=3), "recalibrated", 2),
        (VarianceSettings(points=3), "frozen", 1),
    ],
)
def test_a_grid_takes_its_points_times_the_instances(settings, mode, passes, clock):
    risk = slow_risk(clock, batchnorm=mode)
    found = forecast_probe(risk, settings, plane_of(risk, settings))
    (work,) = found.works
    assert (work.name, work.count) == ("points", 9)
    assert (found.instances, found.timed, found.workers) == (INSTANCES, 5, 1)
    assert found.seconds == pytest.approx(passes * 9 * INSTANCES * MILLISECOND)


def test_the_work_takes_as_long_as_forecast(clock):
    for settings, tolerance in (
        (LandscapeSettings(points=5), 0.02),
        (CurvatureSettings(top=2, vectors=3, steps=5, block_steps=4, points=4), 0.35),
    ):
        risk = slow_risk(clock)
        plane = plane_of(risk, settings) if isinstance(settings, LandscapeSettings) else None
        verify(risk, derivatives=2)
        announced = []
        compute_probe(risk, settings, plane, announce=announced.append, workers=1)
        start = clock.now
        compute_probe(risk, settings, plane, workers=1)
        assert announced[0].seconds == pytest.approx(clock.now - start, rel=tolerance)


def test_threads_share_chunks_batches_and_blocks(clock, monkeypatch):
    monkeypatch.setattr(forecasts, "_seconds", lambda first, work, workers: 0.5)
    risk = slow_risk(clock)
    settings = LandscapeSettings(points=3)
    for workers, points in ((1, 9), (2, 8), (3, 4), (8, 4)):
        found = forecast_probe(risk, settings, plane_of(risk, settings), workers=workers)
        assert found.seconds == points * (0.5 + 4 * 0.5)  # a displacement, and four batches
    settings = CurvatureSettings(top=2, vectors=3, steps=5, block_steps=4, points=4)
    counts = Counter(
        {"Hessian-vector products": 20 + 15, "products of blocks": 12, "gradients": 37}
    )
    for workers, rounds in ((1, (35 * 4, 12 * 4, 37 * 4)), (2, (35 * 2, 8 * 4, 19 * 4))):
        found = forecast_probe(risk, settings, workers=workers)
        assert {work.name: work.count for work in found.works} == counts
        assert [work.seconds for work in found.works] == [0.5 * count for count in rounds]


def test_nothing_is_forecast_of_a_model_that_fails(clock):
    risk, announced = slow_risk(clock), []
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False))
    failing = Risk(model, risk.inputs, torch.zeros(INSTANCES, dtype=torch.long), batch_size=5)
    plane = plane_of(failing, VarianceSettings(points=1))
    with pytest.raises(Exception, match="no running statistics"):
        compute_probe(failing, VarianceSettings(points=1), plane, announce=announced.append)
    assert not announced
