"""The page in a real browser: nothing is wrong, nothing overflows, controls do what they say."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import write_sweep
from page_kit import keep_samples, write_full_run, write_full_sweep

from mtl.runs.collection.find import find_runs
from mtl.runs.compare.compare import compare
from mtl.runs.page.library import chart_library
from mtl.runs.page.write import page

pytestmark = pytest.mark.slow
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
LONG = "a_class_with_a_name_of_nearly_sixty_characters_and_no_blank"
MISPLACED = (Path(__file__).parent / "misplaced.js").read_text()
PAPER = {"width": 718, "height": 1000}
"""A4 less its margins."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    driver = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    with driver.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def library() -> str:
    """What draws the charts, bundled once."""
    pytest.importorskip("vl_convert", reason="vl-convert-python draws the charts")
    return chart_library()


def written(folder: Path, library: str) -> Path:
    """The report of the runs in a folder."""
    path = folder / "report.html"
    path.write_text(page(compare(find_runs([folder])), library))
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, library: str) -> Path:
    labels = ["circle", LONG, "</script>"]
    folder = write_full_sweep(tmp_path_factory.mktemp("sweep"), labels=labels)
    keep_samples(folder, test=3)
    return written(folder, library)


@pytest.fixture(scope="module")
def loaded(browser, report) -> Iterator[Any]:
    """The page of the sweep; drawing it is what takes time."""
    with shown(browser, report) as tab:
        yield tab


@pytest.fixture
def opened(loaded) -> Any:
    """On a desktop, whatever the test before it looked at."""
    loaded.emulate_media(media="screen", color_scheme="light")
    loaded.set_viewport_size(DESKTOP)
    return loaded


@contextmanager
def shown(browser: Any, report: Path) -> Iterator[Any]:
    """A page on a desktop, all charts drawn; at the end nothing was wrong or fetched."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    tab = context.new_page()
    # A browser beside other tests on few cores takes its time.
    tab.set_default_timeout(120_000)
    wrong: list[str] = []
    tab.on("console", lambda message: wrong.append(message.text))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("request", lambda request: wrong.append(request.url))
    tab.goto(report.as_uri())
    tab.wait_for_selector("html[data-drawn]")
    yield tab
    context.close()
    assert [text for text in wrong if text not in (report.as_uri(), "data:,")] == []


def test_keyboard_reaches_every_control(opened):
    """The first test, since keys go on from where a mouse has been."""
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.className") == "skip"
    wanted = opened.evaluate(
        """() => {
          const controls = document.querySelectorAll("select, input, button, summary, a, .table");
          const visible = [...controls].filter((control) => control.checkVisibility());
          visible.forEach((control, number) => { control.dataset.number = number; });
          return visible.length;
        }"""
    )
    opened.evaluate(
        "window.reached = new Set(['0']); "
        "addEventListener('focusin', ({ target }) => reached.add(target.dataset.number))"
    )
    for _ in range(wanted):
        opened.keyboard.press("Tab")
    assert opened.evaluate("reached.delete(undefined), reached.size") == wanted


def test_every_chart_is_drawn_in_the_colours_of_its_theme(opened):
    charts = opened.query_selector_all("figure[data-chart]")
    assert len(charts) > 8
    for chart in charts:
        assert chart.query_selector("svg path"), chart.get_attribute("data-chart")
    label = "getComputedStyle(document.querySelector('.chart svg text')).fill"
    light = opened.evaluate(label)
    opened.emulate_media(color_scheme="dark")
    assert opened.evaluate(label) != light
    opened.emulate_media(media="print", color_scheme="dark")
    white = "rgb(255, 255, 255)"
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == white


def test_boxes_of_a_row_go_with_its_switch(opened):
    opened.locator("#disagreements select").select_option(label="box")
    box = opened.locator("#disagreements [data-panel='1'] g[data-row='2']")
    truth = opened.locator("#disagreements [data-panel='1'] g.true")
    assert (box.count(), truth.count()) == (1, 1)
    width = box.locator(".line").bounding_box()["width"]
    picture = opened.locator("#disagreements [data-panel='1'] img").bounding_box()["width"]
    assert width == pytest.approx(picture / 2, abs=3)
    switch = opened.get_by_role("checkbox", name="cagrad")
    switch.uncheck()
    assert not box.is_visible()
    assert truth.is_visible()
    switch.check()
    assert box.is_visible()


def test_table_is_sorted_filtered_and_its_columns_switched(opened):
    def rows() -> list[str]:
        return opened.locator("#overview-table tbody th").all_inner_texts()

    header = opened.locator("#overview-table thead th", has_text="box iou")
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert rows() == ["pcgrad", "equal", "cagrad"]
    opened.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert rows() == ["cagrad", "equal", "pcgrad"]

    opened.get_by_label("Filter the rows").fill("pc")
    assert opened.locator("#overview-table tbody tr:visible").count() == 1
    assert opened.locator("[data-tools-of] output").inner_text() == "1 of 3 rows"
    opened.get_by_label("Filter the rows").fill("")

    opened.get_by_text("Columns on and off").click()
    mae = opened.locator("#overview-table thead th", has_text="box mae")
    assert not mae.is_visible()
    opened.get_by_label("box mae").check()
    assert mae.is_visible()
    opened.get_by_label("box mae").uncheck()
    assert not mae.is_visible()


def test_charts_and_matrices_show_what_is_chosen(opened):
    def lines() -> list[str]:
        opened.wait_for_timeout(150)
        paths = opened.locator("figure[data-chart=training-curves] .mark-line path")
        return [path.get_attribute("d") for path in paths.all()]

    before = lines()
    assert len(before) == 3
    opened.locator("figure[data-chart=training-curves] select").select_option(label="loss (train)")
    assert len(lines()) == 3
    assert lines() != before
    opened.get_by_role("checkbox", name="pcgrad").uncheck()
    assert len(lines()) == 2
    assert opened.locator(".runs-shown output").inner_text() == "2 of 3"
    opened.get_by_role("button", name="none").click()
    assert lines() == []
    opened.get_by_role("button", name="all", exact=True).click()
    assert len(lines()) == 3

    panels = opened.locator("#confusion [data-panel]")
    assert [panel.is_visible() for panel in panels.all()] == [True, False, False]
    opened.locator("#confusion select").select_option("2")
    assert [panel.is_visible() for panel in panels.all()] == [False, False, True]


def test_commands_are_copied(opened):
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = opened.locator("#reproduce-table tbody tr").nth(1).locator("button[data-copy]").first
    button.click()
    opened.wait_for_function(
        "(button) => button.textContent === 'copied'", arg=button.element_handle()
    )
    copied = opened.evaluate("navigator.clipboard.readText()")
    assert copied == "mtl train weighting=equal seed=1"


def test_nothing_is_clipped_or_lies_on_another(opened):
    opened.evaluate("document.querySelectorAll('main details').forEach((d) => { d.open = true; })")
    sizes = [(PHONE, "light"), ({"width": 768, "height": 1024}, "dark"), (DESKTOP, "light")]
    for size, theme in sizes:
        opened.emulate_media(media="screen", color_scheme=theme)
        opened.set_viewport_size(size)
        opened.wait_for_timeout(300)
        assert opened.evaluate(MISPLACED) == [], size
    opened.set_viewport_size(PHONE)
    opened.wait_for_timeout(300)
    hint = opened.locator("#table .scrolled")
    assert hint.is_visible()
    table = opened.locator("#table .table")
    assert "cut" in table.get_attribute("class")
    table.evaluate("(table) => { table.scrollLeft = table.scrollWidth; }")
    opened.wait_for_timeout(100)
    assert "cut" not in table.get_attribute("class")
    first = table.locator("tbody th").first.bounding_box()
    assert first["x"] == table.bounding_box()["x"]
    opened.emulate_media(media="print", color_scheme="light")
    opened.set_viewport_size(PAPER)
    opened.wait_for_timeout(300)
    assert opened.evaluate(MISPLACED) == []
    assert not hint.is_visible()


def test_curves_of_a_single_run_are_drawn(browser, library, tmp_path):
    run = write_full_run(tmp_path / "run", "equal", 0)
    with shown(browser, written(run, library)) as tab:
        for name in ("training-curves", "roc-0", "pr-0", "calibration-0", "turned-curves"):
            lines = tab.locator(f"figure[data-chart={name}] .mark-line path")
            assert "var(--row-0)" in [line.get_attribute("stroke") for line in lines.all()], name
        assert not tab.locator("#confusion select").is_visible()


def test_quality_over_cost_names_every_dot_and_no_number_that_cannot_be(
    browser: Any, library: str, tmp_path: Path
) -> None:
    """Two rows at one place, at the end of the metric; the numbers of the other take more room."""
    scores = {
        weighting: {
            seed: {"classification/accuracy": accuracy, "box/iou": 0.5 + accuracy / 1000}
            for seed in range(2)
        }
        for weighting, accuracy in {"equal": 1.0, "pcgrad": 1.0, "cagrad": 0.9}.items()
    }
    with shown(browser, written(write_sweep(tmp_path / "sweep", scores), library)) as tab:
        figure = tab.locator("figure[data-chart=cost-quality]")
        figure.locator("select[data-signal=cost]").select_option(label="parameters")
        choice = figure.locator("select[data-signal=metric]")
        for metric in ("box iou", "classification accuracy"):
            choice.select_option(label=metric)
            tab.wait_for_timeout(300)
            above = figure.locator(".mark-text.role-mark text")
            names = [name.inner_html() for name in above.all()]
            assert all(any(row in name for name in names) for row in scores), names
            # Those at one place stand in one name.
            assert len(names) == 2
            assert tab.evaluate(MISPLACED) == []
        across, up = (
            [text for text in axis.locator("text").all_text_contents() if text]
            for axis in figure.locator(".role-axis-label").all()
        )
        assert across
        assert max(map(float, up)) == 1.0
    same = {name: {0: {"box/iou": 0.5678}} for name in scores}
    with shown(browser, written(write_sweep(tmp_path / "same", same), library)) as tab:
        _, up = tab.locator("figure[data-chart=cost-quality] .role-axis-label").all()
        assert up.locator("text").all_text_contents() == ["0.5678"]
