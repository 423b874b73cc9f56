"""The folder of a study's figures: PNG, each with its data as CSV or npz."""

from __future__ import annotations

import functools
import io
from pathlib import Path

from PIL import Image

from nascope._src.records.paths import slug
from nascope._src.report.arrangement import Arrangement, Group
from nascope._src.report.figures.curves import CurveColumn, draw_curves
from nascope._src.report.figures.grid_panels import scale_of
from nascope._src.report.figures.grids import draw_grids
from nascope._src.results.levels import Levels
from nascope._src.results.planes import find_grid, modes_of
from nascope._src.results.quantities import GRIDS
from nascope._src.results.text.trials import shortened

_POSTER_SCALE = 0.5  # of the printed figure's pixels


def draw_study(
    arrangement: Arrangement, levels: Levels, folder: Path
) -> tuple[dict[str, bytes], list[Path]]:
    """Write every figure of a study.

    Returns:
        Small WebP pictures of the surfaces, by ``"GROUP-KIND"``, for the page; and the files.

    Raises:
        StudyError: the folder cannot be written.
    """
    posters: dict[str, bytes] = {}
    files: list[Path] = []
    scales = {kind: scale_of(arrangement, kind) for kind in GRIDS}
    for group in arrangement.groups:
        name = _name(group, arrangement)
        trials = [trial for own in group.trials.values() for trial in own]
        if any(trial.training for trial in trials):
            title = _title("Training", group)
            curves = draw_curves([[CurveColumn(group)]], arrangement, title)
            files += curves.write(folder, f"curves{name}")
        for kind in GRIDS:
            for mode in modes_of(arrangement.study.trials, kind):
                for seed in arrangement.shown_seeds:
                    if not any(t.seed == seed and find_grid(t, kind, mode) for t in trials):
                        continue
                    stem = f"{kind}{name}"
                    stem += f"-seed{seed}" if len(arrangement.shown_seeds) > 1 else ""
                    stem += "" if mode == "frozen" else f"-{mode}"
                    title = _title(GRIDS[kind].heading, group, f"seed {seed}", f"BatchNorm {mode}")
                    draw = functools.partial(
                        draw_grids, arrangement, kind, title,
                        groups=[group], seeds=[seed], mode=mode, scale=scales[kind],
                        levels=levels.of(trials[0]),
                    )  # fmt: skip
                    files += draw().write(folder, stem)
                    (path,) = draw(surfaces=True).write(folder, f"{stem}-3d", with_data=False)
                    files.append(path)
                    posters.setdefault(f"{group.key}-{kind}", _poster(path))
    return posters, files


def _name(group: Group, arrangement: Arrangement) -> str:
    """What sets a group's files apart; empty if there is one group."""
    parts = []
    if len(arrangement.families) > 1:
        # two names may have the same slug, so they are numbered too
        parts.append(f"{arrangement.families.index(group.family) + 1}-{slug(group.family)}")
    if len(arrangement.settings) > 1:
        parts.append(f"{arrangement.settings.index(group.setting) + 1}-{slug(group.setting)}")
    return "".join(f"-{part}" for part in parts)


def _title(what: str, group: Group, *more: str) -> str:
    return " · ".join(filter(None, (what, shortened(group.family, 40), group.setting, *more)))


def _poster(path: Path) -> bytes:
    with Image.open(path) as image:
        size = (round(image.width * _POSTER_SCALE), round(image.height * _POSTER_SCALE))
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=88)
    return buffer.getvalue()
