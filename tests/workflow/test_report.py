"""The report of the reduced run as a reader meets it: in a browser, every page opened by its buttons."""

import json
import re
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from browser import Browser, found
from PIL import Image
from running import snakemake

pytestmark = pytest.mark.slow
needs_a_browser = pytest.mark.skipif(found() is None, reason="no chromium on this machine: apt-get install chromium")

SHOWN = {"1 Comparison": 4, "2 Synthetic images": 5, "3 Searches": 14, "4 Trainings": 4, "5 Provenance": 1}
"""Results of every category, in the order of the menu."""
PICTURE = "document.querySelector('#app img:not(h1 img)')"
COLOURS = f"""(async () => {{
  const image = {PICTURE};
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return [canvas.width, canvas.height, new Set(pixels).size];
}})()"""
"""Width, height and number of colours of the picture that is shown."""


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory) -> Path:
    """By the command of `make report`, where the run has ended already."""
    run = finished.copy(tmp_path_factory.mktemp("report") / "run")
    done = snakemake(run, "--report", "results/report.html", source=finished.source)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    alone = run.parent / "elsewhere" / "report.html"  # it needs nothing beside it
    alone.parent.mkdir()
    shutil.copy(run / "results" / "report.html", alone)
    shutil.rmtree(run)
    return alone


@pytest.fixture(scope="module")
def opened(report, tmp_path_factory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(opened, report) -> Iterator[Browser]:
    """A browser at the report's front page, which must not complain of anything until the test has ended."""
    opened.open(report.as_uri())
    opened.wait_for("typeof app !== 'undefined' && document.querySelector('nav ul')")
    yield opened
    assert opened.complaints == []
    assert {url.partition(":")[0] for url in opened.requests} <= {"file", "data", "blob", "about"}, "nothing is fetched"


def click(browser: Browser, elements: str, place: int | str) -> None:
    """Clicks on one of the elements that a selector finds, by its place or by its text."""
    test = f"i === {place}" if isinstance(place, int) else f"element.textContent.trim() === {json.dumps(place)}"
    browser.evaluate(f"[...document.querySelectorAll({json.dumps(elements)})].find((element, i) => {test}).click()")


def count(browser: Browser, elements: str) -> int:
    return browser.evaluate(f"document.querySelectorAll({json.dumps(elements)}).length")


def show_category(browser: Browser, name: str) -> None:
    browser.evaluate("app.setView({navbarMode: 'menu'})")
    browser.wait_for(f"[...document.querySelectorAll('nav ul li a')].some(a => a.textContent === {json.dumps(name)})")
    click(browser, "nav ul li a", name)
    browser.wait_for("document.querySelector('nav tbody tr')")


def shown_results(browser: Browser) -> Iterator[str]:
    """Presses the eye of every row of the open category, under every position of its switch; gives each result."""
    for switch in range(max(1, count(browser, "nav input[type=radio]"))):
        if count(browser, "nav input[type=radio]"):
            click(browser, "nav input[type=radio]", switch)
        for row in range(count(browser, "nav tbody tr")):
            click(browser, "nav tbody tr td:last-child a:first-child", row)
            yield browser.evaluate("app.state.resultPath")


@needs_a_browser
def test_the_front_page_says_what_the_run_was(browser):
    text = browser.evaluate("document.querySelector('#app').innerText")
    for part in (
        "Neural architecture search without data",
        "dfnas.cifar_resnet:cifar_resnet, a stand-in trained on original images: images of 1 × 8 × 8 to 10 classes",
        "synthetic: 80 images in 2 generations made from the teacher alone",
        "darts, proxyless and spos searched on original and synthetic images; random drew without looking at any",
        "The teacher itself is right in ",  # hardly better than guessing, after two epochs
        "The architecture of the best row: search/",
        "on original ones: ",
    ):
        assert part in text
    places = [text.index(part) for part in ("Verdict", "Architecture", "The run", "In the menu")]
    assert places == sorted(places)
    assert browser.evaluate("app.state.content") == "metadata", "the rules are a click away"
    assert count(browser, "#app img[src^='data:image/png']") >= 2
    assert "System Message" not in browser.evaluate("JSON.stringify(workflow_desc)")


@needs_a_browser
def test_every_category_opens_and_lists_its_results(browser):
    assert browser.evaluate("[...document.querySelectorAll('nav ul li a')].slice(3).map(a => a.textContent)") == [
        *SHOWN
    ]
    for name, results in SHOWN.items():
        show_category(browser, name)
        assert len(set(shown_results(browser))) == results


@needs_a_browser
def test_every_picture_is_there_and_shows_something(browser):
    pictures = {}
    for name in SHOWN:
        show_category(browser, name)
        for result in shown_results(browser):
            if result.endswith(".png"):
                browser.wait_for(f"{PICTURE}?.src === results[{json.dumps(result)}].data_uri")
                pictures[result] = browser.evaluate(COLOURS)
                assert browser.evaluate(f"{PICTURE}.getBoundingClientRect().top") >= 0, "its top can be reached"
    assert len(pictures) == 24
    for result, (width, height, colours) in pictures.items():
        assert min(width, height) > 100, result
        assert colours > 10, result


@needs_a_browser
def test_every_page_stands_alone_and_shows_something(browser):
    pages = browser.evaluate(
        "Object.entries(results).filter(([path]) => path.endsWith('.html')).map(([path, one]) => [path, one.data_uri])"
    )
    assert [Path(path).stem for path, _ in sorted(pages)] == ["provenance", "significance", "table1", "table1_times"]
    for name in SHOWN:
        show_category(browser, name)
        for result in shown_results(browser):
            if result.endswith(".html"):
                browser.wait_for(f"document.querySelector('iframe')?.src === results[{json.dumps(result)}].data_uri")
    for path, uri in pages:
        browser.open(uri)
        assert count(browser, "h1") == 1, path
        assert count(browser, "tbody tr") > 2, path
        colours = Image.open(BytesIO(browser.screenshot())).convert("RGB").getcolors(1 << 24)
        assert len(colours) > 10, path


@needs_a_browser
def test_a_click_on_a_heading_sorts_table_1(browser):
    browser.open(browser.evaluate("results['results/report/table1.html'].data_uri"))
    place = browser.evaluate(
        "[...document.querySelectorAll('th')].findIndex(th => th.textContent === 'top-1 error, %')"
    )

    def column() -> list[float]:
        return browser.evaluate(
            f"[...document.querySelectorAll('tbody tr')].map(row => parseFloat(row.cells[{place}].textContent))"
        )

    before = column()
    assert len(before) == 8
    click(browser, "th", place)
    assert column() == sorted(before)
    click(browser, "th", place)
    assert column() == sorted(before, reverse=True)


@needs_a_browser
def test_every_result_is_explained(browser):
    captions = browser.evaluate("Object.entries(results).map(([path, one]) => [path, one.caption])")
    assert len(captions) == sum(SHOWN.values())
    for path, caption in captions:
        assert len(caption) > 100, path
        assert "system-message" not in caption, path
    browser.evaluate("app.showResultInfo('results/report/table1.html')")
    browser.wait_for("document.querySelector('nav').innerText.includes('Click on a heading to sort')")


@needs_a_browser
def test_the_rules_and_their_times_can_be_looked_at(browser):
    click(browser, "nav ul li a", "Workflow")
    browser.wait_for("document.querySelector('#rulegraph canvas, #rulegraph svg')")
    click(browser, "nav ul li a", "Statistics")
    browser.wait_for("document.querySelectorAll('#runtimes canvas, #timeline canvas').length === 2")


def test_provenance_vouches_for_every_file(finished):
    """Inputs: 2 of the original data set, 1 of the teacher, 6 of the shards, 6 of the labels, 6 of the synthetic data
    set, one for each of 12 supernets, one for each of 8 searches that read theirs alone, two for each of 4 that look at
    images as well, and two for each of 14 trainings."""
    page = (finished.results / "report" / "provenance.html").read_text()
    assert "51 artifacts, 77 recorded inputs: every one is the file that was read.</span>" in page
    assert page.count("✓") == 77
    for name in ("teacher/teacher.pt", "dataset/synthetic.h5", "search/spos/synthetic/seed-1/architecture.json"):
        assert f">{name}</span>" in page
    assert re.findall("<h2>(.*?)</h2>", page) == [
        *("search_random", "shard_original", "pretrain_teacher", "invert_teacher", "calibrate_labels", "shard_dataset"),
        *("supernet_darts", "supernet_proxyless", "supernet_spos"),
        *("search_darts", "search_proxyless", "search_spos", "retrain"),
    ]
