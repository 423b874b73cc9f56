"""The report as a reader meets it, in headless Chromium."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nascope._src.palette import COLOUR_MAPS, colours_at
from nascope._src.records.read import read_study
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.grid_panels import scale_of
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.quantities import GRIDS
from nascope._src.results.text.findings import sentence
from tests.browser.chromium import Page
from tests.browser.contrast import poor_contrasts
from tests.browser.painting import blank_figures, ink
from tests.report.synthetic import HOSTILE_NAME, STUDIES

pytestmark = pytest.mark.browser
Report = Callable[[str], Path]
VISIBLE = "[...document.querySelectorAll({!r})].filter(e => e.offsetParent !== null)"


def count(page: Page, selector: str) -> int:
    """How many such elements can be seen."""
    number: int = page.evaluate(VISIBLE.format(selector) + ".length")
    return number


def click(page: Page, selector: str, index: int = 0) -> None:
    page.evaluate(f"document.querySelectorAll({json.dumps(selector)})[{index}].click()")


def assert_quiet(page: Page, path: Path) -> None:
    """No complaint, and nothing asked for but the file itself and what it holds."""
    assert page.complaints == []
    assert {url for url in page.requests if not url.startswith("data:")} == {
        path.resolve().as_uri()
    }


def assert_soon(page: Page, path: Path, limit: float) -> None:
    """Open a page: its verdicts and its first figure are there within so many seconds.

    At the best of three tries; where more wants to run than there are processors, the page is
    given only its share of them, and has that much longer.
    """
    busy = max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))
    tries = []
    while not tries or (tries[-1][1] > limit and len(tries) < 3):
        page.forget()
        tries.append(page.first_view(path))
    verdicts_seen, figure_seen = min(tries, key=lambda seconds: seconds[1])
    assert 0 < verdicts_seen < figure_seen < limit * busy, (tries, busy)


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_every_figure_is_painted_without_a_complaint(name: str, page: Page, report: Report) -> None:
    assert_soon(page, report(name), 3.0)
    page.draw_all()
    assert blank_figures(page, ".plot.grid") == [] if count(page, ".plot.grid") else True
    if name != "planned":  # whose curves say that there is nothing yet
        assert blank_figures(page, ".plot.curve") == []
    assert_quiet(page, report(name))


def test_cells_and_censuses_are_drawn(page: Page, report: Report) -> None:
    page.open(report("judged"))
    drawings = count(page, ".cell .drawing svg")
    assert drawings == 30  # a normal and a reduction cell each
    assert count(page, "#census .drawing svg") == 3
    page.evaluate(
        "for (const e of document.querySelectorAll('main > section:not(#topologies, #census)')) e.style.display = 'none'"
    )
    assert blank_figures(page, ".cell .drawing svg") == []
    assert blank_figures(page, "#census .drawing svg") == []
    page.evaluate("for (const e of document.querySelectorAll('#census svg')) e.innerHTML = ''")
    assert len(blank_figures(page, "#census .drawing svg")) == 3


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_cells_are_drawn_to_one_scale_that_fits(width: int, page: Page, report: Report) -> None:
    page.open(report("judged"), width=width)
    scales = page.evaluate(
        "[...document.querySelectorAll('.cell .drawing svg')]"
        ".map(e => e.getBoundingClientRect().width / e.getAttribute('width'))"
    )
    assert max(scales) - min(scales) < 0.01
    assert 11.5 * min(scales) > 8.5  # pixels, the letters
    scrolling = "[...document.querySelectorAll('.cell .drawing')].filter(e => e.scrollWidth > e.clientWidth + 1)"
    assert page.evaluate(scrolling + ".length") == 0


def test_what_diverged_is_drawn_at_the_edge(page: Page, report: Report) -> None:
    page.open(report("judged"))
    names = page.evaluate(
        "Object.entries(DATA.figures).filter(([, f]) => f.kind === 'scatter'"
        " && f.layout.annotations).map(([name]) => name)"
    )
    assert names
    for name, worst in ((names[0], "high"), (names[4], "low")):
        page.evaluate(f"document.getElementById('{name}').scrollIntoView()")
        page.wait(f"!!document.querySelector('#{name} .main-svg .trace')")
        points = json.loads(
            page.evaluate(
                f"JSON.stringify(document.getElementById('{name}').data.map(t => [t.y[0], t.hovertext[0]]))"
            )
        )
        edge = [y for y, text in points if "diverged" in text]
        finite = [y for y, text in points if "diverged" not in text]
        assert all(text.startswith("AmoebaNet-r3: ") for y, text in points if y in edge)
        assert min(edge) > max(finite) if worst == "high" else max(edge) < min(finite)
        assert "diverged" in page.evaluate(
            f"document.querySelector('#{name} .annotation').textContent"
        )
    assert_quiet(page, report("judged"))


def test_a_planted_blank_figure_is_found(page: Page, report: Report) -> None:
    page.open(report("plain"))
    page.draw_all()
    page.evaluate("document.querySelectorAll('.plot.grid')[2].innerHTML = ''")
    page.evaluate("document.querySelector('#g0-test_loss .scatterlayer').remove()")
    found = [line.split(":")[0] for line in blank_figures(page)]
    assert found == ["g0-test_loss", "g0-landscape-c2-0-frozen"]


def test_figures_wait_until_they_come_near(page: Page, report: Report) -> None:
    page.open(report("fifty"))
    page.settle()
    assert page.evaluate("drawn.size") < 30
    page.draw_all()
    assert page.evaluate("drawn.size") == count(page, ".plot[id]") > 103


@pytest.mark.parametrize(
    ("name", "dark"),
    [*itertools.product(["plain", "hostile", "rates"], [False, True]), ("judged", True)],
)
def test_a_phone_shows_all_of_it(name: str, dark: bool, page: Page, report: Report) -> None:
    page.open(report(name), width=375, height=812, dark=dark)
    page.draw_all()
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert blank_figures(page) == []
    ground = np.asarray(page.screenshot((0, 0, 375, 20))).mean()
    assert ground < 60 if dark else ground > 200
    assert_quiet(page, report(name))


def test_names_show_as_text_and_do_nothing(page: Page, report: Report) -> None:
    page.open(report("hostile"))
    page.draw_all()
    assert page.evaluate("document.querySelector('.chip span').textContent") == HOSTILE_NAME
    page.evaluate(
        "(() => { const plot = document.querySelector('.plot.curve');"
        " Plotly.Fx.hover(plot, [{curveNumber: 0, pointNumber: 3}]); })()"
    )
    page.settle()
    hover = page.evaluate("document.querySelector('.plot.curve .hoverlayer').textContent")
    assert "<script>alert(1)" in hover
    assert_quiet(page, report("hostile"))


def test_the_legend_hides_a_cell_everywhere(page: Page, report: Report) -> None:
    page.open(report("plain"))
    page.draw_all()
    lines = "document.querySelectorAll('#g0-train_loss .scatterlayer .trace').length"
    before = page.evaluate(lines), count(page, ".panel"), count(page, "#numbers tbody tr")
    click(page, ".chip", 1)
    page.settle()
    after = page.evaluate(lines), count(page, ".panel"), count(page, "#numbers tbody tr")
    assert (before, after) == ((5, 10, 5), (4, 8, 4))
    assert page.evaluate("document.querySelectorAll('.chip')[1].ariaPressed") == "false"
    click(page, "#show-all")
    assert count(page, ".panel") == 10


def test_learning_rates_and_seeds_are_switched(page: Page, report: Report) -> None:
    page.open(report("rates"))
    page.draw_all()
    assert page.evaluate(VISIBLE.format(".curve") + ".map(e => e.id)")[0] == "g0-train_loss"
    click(page, "[name=setting]", 1)
    page.draw_all()
    assert page.evaluate(VISIBLE.format(".curve") + ".map(e => e.id)")[0] == "g1-train_loss"
    assert blank_figures(page) == []
    seeds = page.evaluate(VISIBLE.format(".panel") + ".map(e => e.dataset.seed)")
    click(page, "[name=seed]", 2)
    page.draw_all()
    switched = page.evaluate(VISIBLE.format(".panel") + ".map(e => e.dataset.seed)")
    assert (set(seeds), set(switched)) == ({"0"}, {"2"})
    assert len(seeds) == len(switched) == 10
    assert blank_figures(page) == []
    assert_quiet(page, report("rates"))


def test_batchnorm_modes_are_switched(page: Page, report: Report) -> None:
    page.open(report("judged"))
    page.draw_all()
    modes = page.evaluate(VISIBLE.format(".panel") + ".map(e => e.dataset.batchnorm)")
    click(page, "[name=batchnorm]", 1)
    page.draw_all()
    switched = page.evaluate(VISIBLE.format(".panel") + ".map(e => e.dataset.batchnorm)")
    assert (set(modes), set(switched)) == ({"frozen"}, {"recalibrated"})
    assert len(modes) == len(switched)
    assert blank_figures(page) == []
    assert_quiet(page, report("judged"))


def test_verdicts_come_first(page: Page, report: Report) -> None:
    page.open(report("judged"))
    assert page.evaluate("document.querySelector('main section').id") == "verdicts"
    assert count(page, ".verdict") == 9
    assert count(page, ".interval-bar .dot") > 0
    page.open(report("plain"))
    assert count(page, ".verdict") == 0
    assert "No verdict" in page.evaluate("document.getElementById('verdicts').textContent")


def test_the_table_filters(page: Page, report: Report) -> None:
    page.open(report("judged"))
    page.evaluate(
        "(() => { const box = document.querySelector('.filter input'); box.value = 'nasnet cifar100';"
        " box.dispatchEvent(new Event('input')); })()"
    )
    assert count(page, "#numbers tbody tr") == 5
    assert page.evaluate("document.querySelector('.filter span').textContent") == "5 of 30"


def test_five_hundred_trials(page: Page, large_report: Path) -> None:
    assert large_report.stat().st_size < 12e6
    assert_soon(page, large_report, 5.0)
    assert page.evaluate("drawn.size") < 60
    for section, kind in (("curves", "curve"), ("landscape", "grid"), ("association", "scatter")):
        # amid the screen, where what sticks to its top hides nothing
        page.evaluate(
            f"document.querySelector('#{section} .plot').scrollIntoView({{block: 'center'}})"
        )
        page.wait(f"!!document.querySelector('#{section} .plot .main-svg')")
        page.settle()
        assert blank_figures(page, f"#{section} .plot.{kind}", in_view=True) == []
    page.evaluate("document.querySelector('#association .scatterlayer').remove()")
    assert len(blank_figures(page, "#association .plot.scatter", in_view=True)) == 1
    assert_quiet(page, large_report)


def test_text_stands_out(page: Page, report: Report) -> None:
    page.open(report("judged"))
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    click(page, ".chip")  # hidden, but still named
    for dark in ("false", "true"):
        page.evaluate(f"setTheme({dark})")
        assert poor_contrasts(page) == {}
    page.evaluate("document.querySelector('.intro').style.color = '#777'")
    assert "P.intro in verdicts" in poor_contrasts(page)


def test_every_control_is_reached_by_keys_and_shows_it(page: Page, report: Report) -> None:
    page.open(report("rates"))
    page.call("Emulation.setFocusEmulationEnabled", enabled=True)
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    controls = (
        "[...document.querySelectorAll('a[href], button, summary, input, [tabindex]')]"
        ".filter(e => e.checkVisibility() && !e.disabled)"
    )
    assert page.evaluate(f"{controls}.every(e => e.tabIndex >= 0)")
    assert (
        page.evaluate(  # of radio buttons, the words next to them show it
            f"{controls}.filter(e => {{ e.focus({{focusVisible: true}});"
            " const seen = e.type === 'radio' ? e.nextElementSibling : e;"
            " return getComputedStyle(seen).outlineStyle === 'none'; }).map(e => e.outerHTML)"
        )
        == []
    )
    unnamed = page.evaluate(
        "[...document.querySelectorAll('.plot[id], [role=img], [role=region], main svg, img')]"
        ".filter(e => !e.closest('[aria-hidden=true], [role=img] [role=img], [role=img] svg') &&"
        " !(e.getAttribute('aria-label') || e.getAttribute('alt') || e.closest('[role=img][aria-label], .mark-on-rail'))).map(e => e.outerHTML.slice(0, 200))"
    )
    assert unnamed == []


def test_a_number_leads_to_its_trials(page: Page, report: Report) -> None:
    page.open(report("rates"))
    rows = "[...document.querySelectorAll('#trials tbody tr')].filter(e => e.checkVisibility())"
    seen = f"{rows}.map(e => [e.cells[0].innerText, e.cells[2].innerText])"
    page.evaluate("document.querySelector('#cells a.source').click()")
    page.wait(f"{rows}.length === 3")
    assert page.evaluate(seen) == [["DARTS", "0"], ["DARTS", "1"], ["DARTS", "2"]]
    assert page.evaluate("document.activeElement.querySelector('#trials') !== null")
    page.evaluate("document.querySelector('#glance .strip a.source').click()")
    page.wait(f"{rows}.length === 15")  # a family at one rate
    marked = "document.querySelector('#trials th.marked').innerText"
    assert page.evaluate(marked).startswith("Area under the training-loss curve")
    page.evaluate("document.querySelector('.panel a.source').click()")
    page.wait(f"{rows}.length === 1")
    folder = page.evaluate(f"{rows}[0].cells[{rows}[0].cells.length - 1].innerText")
    assert (report("rates").parent / "trials" / folder).is_dir()
    click(page, "#numbers .filter:has(+ .scroll #trials) button")
    assert page.evaluate(f"{rows}.length") == 45
    page.evaluate(
        "document.getElementById('g1-test_loss').scrollIntoView(); leadToTrials('g1', [{data: {cell: 'c2'}}])"
    )
    page.wait(f"{rows}.length === 3")
    assert_quiet(page, report("rates"))


def test_numbers_are_handed_to_programs(page: Page, report: Report) -> None:
    page.open(report("rates"))
    numbers = json.loads(page.evaluate("numbersAs('json')"))
    table = list(csv.DictReader(io.StringIO(page.evaluate("numbersAs('csv')"), newline="")))
    assert len(table) == len(numbers["trials"]) == 45
    for row, trial in zip(table, numbers["trials"], strict=True):
        assert (row["folder"], int(row["seed"])) == (trial["folder"], trial["seed"])
        for key, value in trial["values"].items():
            assert row[key] == ("" if value is None else row[key])
            assert value is None or float(row[key]) == value


def test_keys_reach_the_legend(page: Page, report: Report) -> None:
    page.open(report("plain"))
    key = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
    for _ in range(20):
        page.call("Input.dispatchKeyEvent", type="keyDown", **key)
        page.call("Input.dispatchKeyEvent", type="keyUp", **key)
        if page.evaluate("document.activeElement.classList.contains('chip')"):
            break
    space = {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32, "text": " "}
    page.call("Input.dispatchKeyEvent", type="keyDown", **space)
    page.call("Input.dispatchKeyEvent", type="keyUp", **space)
    assert page.evaluate("document.querySelector('.chip').ariaPressed") == "false"


def test_the_table_sorts_with_missing_numbers_last(page: Page, report: Report) -> None:
    page.open(report("hostile"))
    heads = page.evaluate(
        "[...document.querySelectorAll('#numbers th button')].map(e => e.textContent)"
    )
    column = next(k for k, head in enumerate(heads) if head.startswith("Test accuracy, last"))
    values = (
        "[...document.querySelectorAll('#numbers tbody tr')]"
        f".map(row => row.cells[{column}].textContent)"
    )
    for ascending in (True, False):
        click(page, "#numbers th button", column)
        shown = page.evaluate(values)
        numbers = [float(text) for text in shown if text not in ("–", "diverged")]
        assert numbers == sorted(numbers, reverse=not ascending)
        assert set(shown[len(numbers) :]) == {"–", "diverged"}


@pytest.mark.parametrize("kind", ["landscape", "variance"])
def test_colours_mean_the_same_in_every_panel(kind: str, page: Page, report: Report) -> None:
    path = report("plain")
    page.open(path)
    page.draw_all()
    layout = arrange(read_study(path.parent))
    scale = scale_of(layout, kind)
    assert scale is not None
    for index, trial in enumerate(layout.study.trials):
        probe = trial.probe(kind)
        assert probe is not None
        steps = (scale.place(GRIDS[kind].values(probe)) - scale.start) / scale.step
        i, j = most_amid_a_band(steps)
        if kind == "landscape":  # one colour from level to level
            share, margin, cells = math.ceil(steps[i, j]) / scale.count, 0.0, len(steps) - 1
        else:  # a colour for every value, a square for every point
            share, margin, cells = (steps[i, j] + 0.5) / scale.count, 0.5, len(steps)
        (expected,) = colours_at(COLOUR_MAPS[kind], [share])
        x, y, width, height = page.box(f"#{kind} .plot.grid .nsewdrag", index)
        across, up = (i + margin) / cells, (j + margin) / cells  # beta grows upwards
        spot = page.screenshot((x + width * across - 1, y + height * (1 - up) - 1, 2, 2))
        seen = np.asarray(spot)[0, 0].astype(int)
        wanted = [int(expected[at : at + 2], 16) for at in (1, 3, 5)]
        assert np.abs(seen - wanted).max() <= 6, (trial.label, seen, wanted)


def most_amid_a_band(steps: np.ndarray) -> tuple[int, int]:
    """The grid point that lies furthest from every level, not at the rim nor near the centre."""
    distance = 0.5 - np.abs(steps % 1 - 0.5)
    rows, columns = np.ogrid[: steps.shape[0], : steps.shape[1]]
    middle = np.hypot(rows - steps.shape[0] // 2, columns - steps.shape[1] // 2)
    distance[middle < 3] = 0
    distance[[0, -1], :] = distance[:, [0, -1]] = 0
    i, j = np.unravel_index(distance.argmax(), distance.shape)
    return int(i), int(j)


# ---------------------------------------------------------------- three dimensions


def open_scene(page: Page, index: int) -> None:
    click(page, "#landscape .choice", index)
    page.wait("scenes.length > 0 && !!scenes.at(-1).plot.querySelector('canvas')")
    page.evaluate("new Promise(f => setTimeout(f, 300))")
    page.settle()


def test_surfaces_come_on_demand_and_at_most_four_live(page: Page, report: Report) -> None:
    page.open(report("plain"))
    page.draw_all()
    assert page.evaluate("document.querySelectorAll('canvas').length") == 0
    assert count(page, "#landscape .poster img") == 1
    open_scene(page, 0)
    page.evaluate(
        "window.firstContext = scenes[0].plot.querySelector('canvas').getContext('webgl')"
    )
    assert page.evaluate("firstContext.isContextLost()") is False
    for index in (1, 2, 3):
        open_scene(page, index)
    assert count(page, ".scene") == 4
    assert blank_figures(page, ".scene .plot") == []
    assert count(page, "#landscape .poster img") == 0
    open_scene(page, 4)
    assert count(page, ".scene") == 4
    assert page.evaluate("scenes.map(s => s.id)") == [
        f"g0-landscape-c{k}-0-frozen" for k in (1, 2, 3, 4)
    ]
    assert page.evaluate("firstContext.isContextLost()") is True
    pressed = page.evaluate(
        "[...document.querySelectorAll('#landscape .choice')].map(e => e.ariaPressed)"
    )
    assert pressed == ["false", "true", "true", "true", "true"]
    assert blank_figures(page, ".scene .plot") == []
    for _ in range(4):
        click(page, ".scene button:last-child")
    assert page.evaluate("document.querySelectorAll('canvas').length") == 0
    assert count(page, "#landscape .poster img") == 1
    assert_quiet(page, report("plain"))


def test_surfaces_turn_together(page: Page, report: Report) -> None:
    page.open(report("plain"))
    open_scene(page, 0)
    open_scene(page, 1)
    eye: dict[str, Any] = {"eye": {"x": 0.1, "y": 2.0, "z": 0.5}}
    page.evaluate(
        f"Plotly.relayout(scenes[0].plot, {{'scene.camera': {json.dumps(eye)}}}).then(() => 1)"
    )
    page.wait("scenes[1].plot.layout.scene.camera.eye.y === 2")
    click(page, ".scene button")
    page.wait("scenes[1].plot.layout.scene.camera.eye.x > 0.2")


def test_a_grid_with_nothing_finite_has_no_surface(page: Page, report: Report) -> None:
    page.open(report("hostile"))
    disabled = page.evaluate(
        "[...document.querySelectorAll('#landscape .choice:disabled')].map(e => e.innerText)"
    )
    assert disabled == ["all lost"]


def test_without_webgl_the_rest_is_there(page: Page, report: Report) -> None:
    script = page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        " return kind.includes('webgl') ? null : get.call(this, kind, ...more); };",
    )
    try:
        page.open(report("plain"))
        page.draw_all()
        assert count(page, ".no-webgl") == 2
        assert count(page, ".choice:enabled") == 0
        assert count(page, ".poster img") == 2
        assert blank_figures(page) == []
        assert_quiet(page, report("plain"))
    finally:
        page.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


# ---------------------------------------------------------------- print


@pytest.mark.parametrize(("name", "grids"), [("plain", 10), ("rates", 60)])
def test_print_shows_everything(name: str, grids: int, page: Page, report: Report) -> None:
    page.open(report(name), dark=True)  # only what is near the top is drawn
    page.evaluate("beforePrint()")
    page.settle()
    assert count(page, ".plot.grid") == grids
    assert count(page, ".plot[id]") == page.evaluate("Object.keys(DATA.figures).length")
    assert blank_figures(page) == []
    paper = np.asarray(page.screenshot((0, 0, 300, 10))).mean()
    assert paper > 250
    page.evaluate("afterPrint()")
    assert page.evaluate("ROOT.dataset.theme") == "dark"
    pdf = page.print_pdf()
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 100_000
    assert_quiet(page, report(name))


def test_print_tells_every_judgement(page: Page, report: Report) -> None:
    page.open(report("judged"))

    def seen(selector: str) -> int:
        found = f"[...document.querySelectorAll('{selector}')].filter(e => e.checkVisibility())"
        number: int = page.evaluate(found + ".length")
        return number

    assert seen(".others .judgement") == 0  # folded on the screen
    for section in ("curves", "landscape", "variance"):  # other tests print them
        page.evaluate(f"document.getElementById('{section}').style.display = 'none'")
    page.evaluate("beforePrint()")
    page.settle()
    for selector in (".judgement", ".judgement .outcome", ".verdict li", ".correlation"):
        every = page.evaluate(f"document.querySelectorAll('{selector}').length")
        assert seen(selector) == every > 0, selector
    printed = page.evaluate("document.getElementById('verdicts').innerText")
    for one in judge_study(read_study(report("judged").parent)):
        assert " ".join(sentence(one).split()) in " ".join(printed.split())
    assert blank_figures(page, ".plot.scatter") == []
    assert blank_figures(page, "#census .drawing svg") == []
    page.evaluate("afterPrint()")
    assert seen(".others .judgement") == 0
    assert_quiet(page, report("judged"))


def test_ink_tells_paper_from_a_figure() -> None:
    from PIL import Image  # noqa: PLC0415

    assert ink(Image.new("RGB", (50, 50), "white")) == (1, 0.0, 0.0)
