"""Writes the table of benchmarks/README.md from the results: ratios by kind of machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


@dataclass(frozen=True)
class Row:
    """A figure: the benchmark and key of its result, what it compares, and what limits it."""

    benchmark: str
    key: str
    work: str
    against: str
    stops: str


ROWS = (
    Row("training", "plain_float32", "training, float32", "the published code's way",
        "convolutions, 60 % of a step, half of them in the backward pass"),
    Row("training", "plain_bf16", "training, bf16", "the published code's way, float32",
        "the processor: without bf16 in hardware it is emulated"),
    Row("evaluation", "plain_float32", "evaluation, float32", "the published code's way",
        "convolutions, 80 % of the time; BatchNorm is folded into them"),
    Row("evaluation", "plain_bf16", "evaluation, bf16", "the published code's way, float32",
        "as in training"),
    Row("landscape", "plain", "landscape, two workers", "weights set and data looped by hand",
        "evaluation"),
    Row("gradient_variance", "plain_nchw_pass", "gradient variance of a batch",
        "one plain pass, which gives the mean gradient only", "convolutions' backward pass"),
    Row("gradient_variance", "vmap", "gradient variance of a batch", "`torch.func.vmap` of `grad`",
        "as above"),
    Row("gradient_variance", "backpack", "gradient variance of a batch", "BackPACK's `BatchGrad`",
        "as above"),
    Row("curvature", "gradient", "one gradient", "one Hessian-vector product (0.5: two gradients)",
        "the backward pass through a backward pass"),
    Row("curvature", "gradient_fresh", "one gradient", "one product that recomputes it",
        "as above"),
    Row("curvature", "pyhessian", "Hessian-vector product", "PyHessian", "as above"),
    Row("curvature", "curvlinops", "Hessian-vector product", "curvlinops", "as above"),
    Row("curvature", "hessian_eigenthings", "Hessian-vector product", "hessian-eigenthings",
        "as above"),
    Row("study_scaling", "one_worker", "study, two workers", "one worker",
        "memory bandwidth, which both share"),
    Row("study_scaling", "bare_processes", "study, two workers", "two bare processes",
        "nothing: 1 is the limit"),
    Row("census", "brute_force", "census of a search space", "enumeration", "nothing in practice"),
)  # fmt: skip


def results() -> dict[str, dict[str, dict]]:
    """Return the results by kind of machine and benchmark."""
    found: dict[str, dict[str, dict]] = {}
    for path in sorted((HERE / "results").glob("*/*.json")):
        found.setdefault(path.parent.name, {})[path.stem] = json.loads(path.read_text("utf-8"))
    return found


def cell(result: dict | None, key: str) -> str:
    """Return the median ratio with its spread; empty without a result."""
    if result is None or key not in result.get("speedup", {}):
        return ""
    numbers = result["speedup"][key], *result["spread"][key]
    ratio, low, high = (
        f"{n:,.0f}" if n >= 100 else f"{n:.2g}" if n < 1 else f"{n:.3g}" for n in numbers
    )
    return f"{ratio} ({low} to {high})"


def table() -> str:
    """Return the table in Markdown."""
    found = results()
    kinds = [
        kind for kind, own in found.items() if any(cell(own.get(r.benchmark), r.key) for r in ROWS)
    ]
    lines = [
        f"| work | against | {' | '.join(kinds)} | limited by |",
        f"|{'---|' * (len(kinds) + 3)}",
    ]
    for row in ROWS:
        cells = [cell(found[kind].get(row.benchmark), row.key) for kind in kinds]
        if any(cells):
            lines.append(f"| {row.work} | {row.against} | {' | '.join(cells)} | {row.stops} |")
    return "\n".join(lines) + "\n"


def filled(text: str) -> str:
    """Return README's text with a new table."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    readme = HERE / "README.md"
    readme.write_text(filled(readme.read_text("utf-8")), "utf-8")
