"""Work on threads: results in order, private copies, and an early end."""

import threading

import pytest
import torch

from nascope._src.runtime.threads import map_copies, map_threads


class Counter:
    """Counts its uses; copies count separately."""

    def __init__(self):
        self.uses = 0

    def copy(self):
        return Counter()


@pytest.mark.parametrize("workers", [1, 3])
def test_copies_are_private_and_results_in_order(workers):
    original, used = Counter(), set()

    def work(counter, item):
        counter.uses += 1
        used.add(counter)
        return item**2

    results = map_copies(original, range(20), work, workers=workers)
    assert list(results) == [item**2 for item in range(20)]
    assert sum(counter.uses for counter in used) == 20
    assert (original in used) == (workers == 1)


def test_a_failure_sets_the_stop_event_and_restores_the_threads():
    stop, threads = threading.Event(), torch.get_num_threads()

    def fail(_, item):
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        list(map_copies(Counter(), range(4), fail, workers=2, stop=stop))
    assert stop.is_set()
    assert torch.get_num_threads() == threads


def test_an_abandoned_iteration_sets_the_stop_event():
    stop = threading.Event()
    results = map_copies(Counter(), range(9), lambda _, item: item, workers=2, stop=stop)
    assert next(results) == 0
    results.close()
    assert stop.is_set()


def test_threads_report_progress_by_name_and_use_one_torch_thread():
    reports, threads = [], torch.get_num_threads()
    results = map_threads(
        lambda item: (item, torch.get_num_threads()),
        ["a", "b"],
        2,
        lambda share, step: reports.append((share, step)),
        lambda item: f"item {item}",
    )
    assert results == [("a", 1), ("b", 1)]
    assert reports == [(0.5, "item a"), (1.0, "item b")]
    assert torch.get_num_threads() == threads
