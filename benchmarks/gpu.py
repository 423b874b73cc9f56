"""Everything that needs a GPU, most valuable first, in under nine minutes (make bench-gpu).

Each part runs in a process of its own with a limit of seconds, and its figures are kept at once, in
results/KIND/gpu.json, so that a run that is cut short leaves what it has measured. ``--dry`` runs
every part at a tiny size on any device, and keeps nothing.

Parts: images a second of DARTS, C=36, L=20, batch 80, in training, by precision, with and without
`torch.compile` and CUDA graphs, against the plain way, and the hours that 600 epochs take; several
small trials at a time on one device; a landscape of 51×51 points; the gradient variance; the cost
of a Hessian-vector product; and the tests that need a GPU. Images are random: no part reads data.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from _plain import PlainNetwork, plain_sgd
from _result import RESULTS, kind_of
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.networks.network import Network
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.risk import Risk
from nascope._src.runtime.devices import configure_process, describe_device
from nascope._src.training.precision import arithmetic, autocast

EPOCH = 50_000  # images


@dataclass(frozen=True)
class Size:
    """How much each part does."""

    channels: int
    layers: int
    batch: int
    steps: int  # timed
    points: int  # a side of the landscape
    instances: int
    rounds: int
    small: tuple[int, int]  # channels and layers of the small trials
    side_by_side: tuple[int, ...]


FULL = Size(36, 20, 80, 30, 51, 1000, 5, (16, 8), (1, 2, 4, 8))
DRY = Size(4, 3, 8, 2, 2, 8, 1, (2, 2), (2,))


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def random_batch(count: int) -> tuple[Tensor, Tensor]:
    images = torch.rand(count, 3, 32, 32, device=device())
    return images, torch.arange(count, device=device()) % 10


def pace(step: Callable[[], object], size: Size) -> float:
    """Return images a second of training steps, the median over a few rounds."""
    for _ in range(3):
        step()
    paces = []
    for _ in range(size.rounds):
        wait()
        start = time.perf_counter()
        for _ in range(size.steps):
            step()
        wait()
        paces.append(size.steps * size.batch / (time.perf_counter() - start))
    return statistics.median(paces)


def training_step(network: nn.Module, images: Tensor, labels: Tensor, precision: str):
    """Return a step of SGD as `nascope train` takes it, without its records."""
    optimizer = torch.optim.SGD(network.parameters(), 0.025, 0.9, weight_decay=3e-4)

    def step() -> None:
        with autocast(precision, images.device):
            loss = functional.cross_entropy(network(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5)
        optimizer.step()

    return step


def plain_pace(size: Size) -> float:
    """The pace of the plain way: eager, NCHW, float32, a host sync at each step."""
    network = PlainNetwork(load_cell("DARTS"), size.channels, size.layers, 10).to(device()).train()
    optimizer = plain_sgd(network)
    images, labels = random_batch(size.batch)

    def step() -> float:
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(images), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5)
        optimizer.step()
        return loss.item()

    return pace(step, size)


def our_pace(size: Size, precision: str, mode: str) -> float:
    """The pace of ours: channels_last, in a precision, eager or compiled."""
    network = Network("DARTS", channels=size.channels, layers=size.layers)
    network = network.to(device(), memory_format=torch.channels_last).train()
    images, labels = random_batch(size.batch)
    images = images.to(memory_format=torch.channels_last)
    if mode != "eager" and size is DRY:
        network = torch.compile(network, backend="eager")  # type: ignore[assignment]
    elif mode != "eager":
        how = "reduce-overhead" if mode == "graphs" else "default"
        network = torch.compile(network, mode=how)  # type: ignore[assignment]
    with arithmetic(precision, device()):
        return pace(training_step(network, images, labels, precision), size)


def train_pace(size: Size, precision: str, mode: str) -> dict[str, Any]:
    images = plain_pace(size) if mode == "plain" else our_pace(size, precision, mode)
    return {"images_per_second": images, "hours_600_epochs": 600 * EPOCH / images / 3600}


def side_by_side(size: Size, count: int) -> dict[str, Any]:
    """Several small trials at once, each a process: their paces in all."""
    words = [sys.executable, __file__, "--part", "small trial", *(["--dry"] if size is DRY else [])]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    answers = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
    return {"images_per_second": sum(answer["images_per_second"] for answer in answers)}


def small_trial(size: Size) -> dict[str, Any]:
    channels, layers = size.small
    own = Size(**{**vars(size), "channels": channels, "layers": layers})
    return {
        "images_per_second": our_pace(
            own, "tf32" if torch.cuda.is_available() else "float32", "eager"
        )
    }


def make_risk(size: Size) -> Risk:
    network = Network("DARTS", channels=size.channels, layers=size.layers).to(device())
    images, labels = random_batch(size.instances)
    with torch.no_grad():
        network.train()(images[: size.batch])
    return Risk(
        network.to(memory_format=torch.channels_last), images, labels, batch_size=size.batch
    )


def timed(run: Callable[[], object]) -> float:
    wait()
    start = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - start


def landscape(size: Size) -> dict[str, Any]:
    risk = make_risk(size)
    directions = random_directions(risk.origin, 2, seed=0)
    compute_landscape(risk, directions, Grid.square(2))
    seconds = timed(lambda: compute_landscape(risk, directions, Grid.square(size.points)))
    return {"seconds": seconds, "points": size.points**2, "instances": size.instances}


def variance(size: Size) -> dict[str, Any]:
    """One point, against a plain pass over the same instances."""
    risk = make_risk(size)
    directions = random_directions(risk.origin, 1, seed=0)
    plain = PlainNetwork(load_cell("DARTS"), size.channels, size.layers, 10).to(device()).eval()
    assert isinstance(risk.inputs, Tensor)
    assert isinstance(risk.targets, Tensor)
    parts = [(risk.inputs[p].contiguous(), risk.targets[p]) for p in risk.slices()]

    def passes() -> None:
        for images, labels in parts:
            plain.zero_grad()
            functional.cross_entropy(plain(images), labels).backward()

    def ours() -> None:
        compute_gradient_variance(risk, directions, Grid((0.0,)), method="layerwise")

    passes(), ours()
    own, other = timed(ours), timed(passes)
    return {"seconds": own, "plain_passes": other, "speedup": other / own}


def product(size: Size) -> dict[str, Any]:
    risk = make_risk(size)
    part = risk.slices()[0]
    vector = {name: torch.randn_like(value) for name, value in risk.origin.items()}

    def gradient() -> None:
        risk.summed_gradients(part, create_graph=False)

    def multiply() -> None:
        risk.hessian_vector_product(vector, part)

    gradient(), multiply()
    pairs = [(timed(gradient), timed(multiply)) for _ in range(size.rounds + 2)]
    return {"gradient_over_product": statistics.median(a / b for a, b in pairs)}


def tests(size: Size) -> dict[str, Any]:
    """The tests that need a GPU."""
    root = Path(__file__).parents[1]
    files = sorted(str(path) for path in root.glob("tests/*/test_gpu.py"))
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        *(["--collect-only"] if size is DRY else []),
        *files,
    ]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    return {"passed": done.returncode == 0, "last_line": done.stdout.strip().splitlines()[-1]}


Part = tuple[str, float, Callable[[Size], dict[str, Any]]]


def parts(size: Size) -> list[Part]:
    """Each part's name, limit in seconds, and what it does; most valuable first."""
    precisions = ("float32", "tf32", "bf16") if torch.cuda.is_available() else ("float32",)
    pace_parts: list[Part] = [("training plain", 40, lambda s: train_pace(s, "float32", "plain"))]
    for mode in ("eager", "compile", "graphs"):
        for precision in precisions:
            if mode != "eager" and precision == "float32" and len(precisions) > 1:
                continue  # its compilation takes as long as the others', and tf32 is faster
            name = f"training {precision} {mode}"
            limit = 30 if mode == "eager" else 90

            def run(s: Size, p: str = precision, m: str = mode) -> dict[str, Any]:
                return train_pace(s, p, m)

            pace_parts.append((name, limit, run))
    eager = [part for part in pace_parts if part[1] <= 40]
    compiled = [part for part in pace_parts if part[1] > 40]
    probes: list[Part] = [
        ("landscape", 90, landscape),
        ("variance", 40, variance),
        ("product", 40, product),
        ("tests", 90, tests),
    ]
    trials: list[Part] = [
        (f"small trials {count}", 30, lambda s, n=count: side_by_side(s, n))  # type: ignore[misc]
        for count in size.side_by_side
    ]
    return [*eager, *probes, *trials, *compiled]


def run_part(part: Part, limit: float, *, dry: bool) -> dict[str, Any]:
    """Run a part in a process of its own; return its figures, or why there are none."""
    name, _, run = part
    if dry:  # here: importing torch takes longer than all of it
        return run(DRY)
    words = [sys.executable, __file__, "--part", name]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {limit:g} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main(arguments: Sequence[str]) -> int:
    """Run all parts, within a budget of seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry", action="store_true", help="tiny sizes, any device, keep nothing")
    parser.add_argument("--budget", type=float, default=530, help="seconds in all")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    size = DRY if options.dry else FULL
    if options.part:
        configure_process(threads=1)
        own = {"small trial": small_trial} | {name: run for name, _, run in parts(size)}
        print(json.dumps(own[options.part](size)))
        return 0
    if not options.dry and not torch.cuda.is_available():
        print("error: this benchmark needs a GPU; --dry tries it without one", file=sys.stderr)
        return 2
    processor = describe_device(device())
    path = RESULTS / kind_of(processor) / "gpu.json"
    begun = time.monotonic()
    found: dict[str, Any] = {}
    for part in parts(size):
        name, limit, _ = part
        left = options.budget - (time.monotonic() - begun)
        if left < 5:
            found[name] = {"failed": "no time left"}
        else:
            found[name] = run_part(part, min(limit, left), dry=options.dry)
        print(f"{name}: {json.dumps(found[name])}", flush=True)
        if not options.dry:
            path.parent.mkdir(parents=True, exist_ok=True)
            record = {"name": "gpu", "parts": found, "processor": processor}
            path.write_text(json.dumps({**record, "torch": torch.__version__}) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
