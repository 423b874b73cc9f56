"""The progress of a run: running sums, compared with sums over all tasks."""

import random
import time

import pytest

from nascope._src.study.engines.task import Outcome, Task
from nascope._src.study.progress import ProgressTracker


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def kind(name):
    return name.split("/")[1] if "/" in name else ""


def task(name, cost):
    return Task(name, print, (), kind=kind(name), cost=cost)


def summed_over_all(costs, shares, first, seconds, running):
    """Return the share of the run, and the seconds left at the pace of each kind of task."""
    share = sum(costs[name] * s for name, s in shares.items()) / sum(costs.values())
    made, spent = {}, {}
    for name in first:
        made[kind(name)] = made.get(kind(name), 0) + costs[name] * (shares[name] - first[name])
        spent[kind(name)] = spent.get(kind(name), 0) + seconds[name]
    paces = {k: spent[k] / made[k] for k in made if made[k] > 0}
    if not paces or sum(spent.values()) < 3:
        return share, None
    overall = sum(spent[k] for k in paces) / sum(made[k] for k in paces)
    left = sum(
        cost * (1 - shares.get(name, 0)) * paces.get(kind(name), overall)
        for name, cost in costs.items()
    )
    return share, left / max(1, running)


@pytest.mark.parametrize("seed", range(3))
def test_share_and_time_left_are_sums_over_all_tasks(clock, seed):
    chance = random.Random(seed)
    costs = {}
    for k in range(20):
        costs |= {f"a{k}": chance.uniform(1, 9), f"a{k}/landscape/p": chance.uniform(0, 4)}
        costs[f"a{k}/curvature/p"] = 0.0 if k % 5 == 0 else 2.0
    seen = []
    tracker = ProgressTracker([task(*item) for item in costs.items()], seen.append)
    names, running = list(costs), {}
    shares, first, since, seconds = {}, {}, {}, {}
    while names or running:
        clock[0] += chance.uniform(0.3, 1)
        if names and len(running) < 3:
            name = names.pop(0)
            if chance.random() < 0.1:
                tracker.end(Outcome(name, "skipped", "not run"), report=False)
                shares[name] = 1.0
                continue
            running[name] = chance.choice([0.01, 0.5])  # an earlier run may have done some of it
        name = chance.choice(list(running))
        shares[name] = running[name] = min(1.0, running[name] + 0.1)
        if name not in first:
            first[name], since[name] = shares[name], clock[0]
        seconds[name] = clock[0] - since[name]
        tracker.update(name, shares[name], "at it")
        if chance.random() < 0.3:
            del running[name]
            shares[name] = 1.0
            tracker.end(Outcome(name))
        reporting = first.keys() & running.keys()  # the others have not reported yet
        share, left = summed_over_all(costs, shares, first, seconds, len(reporting))
        assert seen[-1].share == pytest.approx(share)
        assert (seen[-1].seconds_left is None) == (left is None)
        assert left is None or seen[-1].seconds_left == pytest.approx(left, abs=1e-6)
        assert seen[-1].running.keys() == reporting
    assert (seen[-1].share, seen[-1].seconds_left) == pytest.approx((1, 0), abs=1e-6)


def test_forty_thousand_tasks_are_tracked_fast():
    """Summing over all tasks at each report took 36 ms, and many workers report."""
    costs = {f"a{k}/landscape/p": 1.0 for k in range(40_000)}
    seen = []
    tracker = ProgressTracker([task(*item) for item in costs.items()], seen.append)
    started = time.monotonic()
    for name in costs:
        tracker.update(name, 0.5, "half")
        tracker.end(Outcome(name))
    assert time.monotonic() - started < 10
    assert len([s for s in seen if s.ended]) == len(costs)
    del seen[:]
    for _ in range(1000):
        tracker.update("a0/landscape/p", 0.9, "again")
    assert len(seen) < 50  # a few a second
