"""Whether the figures of a page are really there: pixels counted inside the box of each."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from PIL import Image

from tests.browser.chromium import Page

MIN_COLOURS = 12  # axes and their labels alone give many greys; lines and maps give hues
MIN_INK = 0.01  # share of the box that is not its commonest colour
MIN_HUED = 0.001  # share of the box that is not grey


def ink(image: Image.Image) -> tuple[int, float, float]:
    """Distinct colours, share of pixels unlike the commonest one, share that is not grey."""
    pixels = np.asarray(image).reshape(-1, 3).astype(np.int64)
    _, counts = np.unique(pixels @ np.array([65536, 256, 1]), return_counts=True)
    hued = (pixels.max(axis=1) - pixels.min(axis=1) > 24).mean()
    return len(counts), float(1 - counts.max() / counts.sum()), float(hued)


def blank_figures(page: Page, selector: str = ".plot[id]", *, in_view: bool = False) -> list[str]:
    """The visible figures in whose box next to nothing is painted, each with what there is.

    Args:
        in_view: look at those alone that are wholly on the screen.
    """
    figures: list[dict[str, Any]] = json.loads(
        page.evaluate(
            f"JSON.stringify([...document.querySelectorAll({json.dumps(selector)})]"
            ".filter(e => e.offsetParent !== null).map(e => { const b = e.getBoundingClientRect();"
            " const box = [b.x + scrollX, b.y + scrollY, b.width, b.height];"
            " return {id: e.id || e.className, box}; }))"
        )
    )
    boxes = [figure["box"] for figure in figures]
    if in_view:
        top, height = page.evaluate("[scrollY, innerHeight]")
        boxes = [box for box in boxes if box[1] >= top and box[1] + box[3] <= top + height]
        figures = [figure for figure in figures if figure["box"] in boxes]
    assert figures, f"the page has no figure {selector}"
    left, top = (math.floor(min(box[at] for box in boxes)) for at in (0, 1))
    right, bottom = (math.ceil(max(box[at] + box[at + 2] for box in boxes)) for at in (0, 1))
    picture = page.screenshot((left, top, right - left, bottom - top))
    blank = []
    for figure in figures:
        x, y, width, height = figure["box"]
        assert width > 40, f"{figure['id']} has no room"
        assert height > 40, f"{figure['id']} has no room"
        x, y = round(x) - left, round(y) - top
        found = ink(picture.crop((x, y, x + round(width), y + round(height))))
        if found[0] < MIN_COLOURS or found[1] < MIN_INK or found[2] < MIN_HUED:
            blank.append(f"{figure['id']}: {found}")
    return blank
