"""The report of what is in results/, as a person opens it."""

from pathlib import Path

import pytest

from psst_core.figures.chosen import caption_of
from support.commands import snakemake
from support.configurations import configuration
from support.sweeps import TINY

SWEEP = TINY + "network.size=8 network.coupling=0,0.5 solver=rk4 figures=[coupling_curves,raster,scatter]"


def typed(folder, *arguments):
    done = snakemake(folder, "--config", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Of two tiny sweeps."""
    folder = tmp_path_factory.mktemp("report")
    typed(folder, "experiment=locust_coupling", f"overrides={SWEEP}", "name=tiny")
    typed(folder, "experiment=euler_exact", "overrides=run.dt=0.1", "name=euler")
    typed(folder, "experiment=report", "--report", "results/report.html")
    return folder / "results" / "report.html"


@pytest.fixture
def opened(page, request):
    """The report, where there is a browser for it."""
    page.goto(request.getfixturevalue("report").as_uri())


def told(page, figure):
    """Say if the picture of a figure is to be seen, whole, and its caption once."""
    shown = page.locator("img[src^='data:image/png']")
    shown.wait_for()
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") >= 600
    assert shown.bounding_box()["y"] >= 0
    caption = caption_of(figure, configuration()).split(".")[0][:60]
    return page.inner_text("body").replace("\n", " ").count(caption) == 1


@pytest.mark.browser
@pytest.mark.usefixtures("opened")
def test_a_person_finds_every_picture(page):
    """Sweep by sweep, from the menu to the picture and its caption."""
    results = page.evaluate("Object.keys(results)")
    pictures = [path for path in results if path.endswith(".png")]
    assert [Path(path).stem for path in pictures] == ["exact", "coupling_curves", "raster"]
    assert {"results/tiny/about.html", "results/euler/about.html", "results/euler/tables/exact.csv"} < set(results)
    for path in pictures:
        name, figure = Path(path).parts[1], Path(path).stem
        page.goto(page.url.partition("#")[0])
        page.get_by_role("listitem").get_by_text(name, exact=True).click()
        row = page.get_by_role("row", name=figure).filter(has_text="figure")
        row.get_by_role("link").first.click()
        assert told(page, figure)
    assert page.complaints == []


@pytest.mark.browser
@pytest.mark.usefixtures("opened")
def test_the_front_page_shows_every_picture(page):
    """From its top on; a click opens one with its caption, and home leads back to all."""
    for figure in ("exact", "coupling_curves", "raster"):
        pictures = page.locator("figure img[src^='data:image/png']")
        pictures.nth(2).wait_for()
        assert pictures.count() == 3 and page.locator("h2").all_inner_texts() == ["euler", "tiny"]
        assert page.get_by_text("PSST turns one configuration").bounding_box()["y"] >= 0
        page.get_by_alt_text(figure, exact=True).click()
        assert told(page, figure)
        page.locator("nav ol a").first.click()
    assert page.complaints == []


@pytest.mark.browser
def test_the_report_of_one_sweep_shows_its_pictures(page, report):
    typed(report.parents[1], "experiment=locust_coupling", f"overrides={SWEEP}", "name=tiny", "--report", "tiny.html")
    page.goto((report.parents[1] / "tiny.html").as_uri())
    page.locator("figure img[src^='data:image/png']").nth(1).wait_for()
    page.get_by_alt_text("raster", exact=True).click()
    assert told(page, "raster") and page.complaints == []


@pytest.mark.browser
@pytest.mark.usefixtures("opened")
def test_a_person_finds_where_the_numbers_come_from(page):
    page.evaluate("app.setView({content: 'html', contentPath: results['results/tiny/about.html'].data_uri})")
    about = page.frame_locator("iframe").locator("body")
    text = about.inner_text()
    assert "psst run experiment=locust_coupling" in text and "tensorflow" in text and "coupling: 0.0" in text
    assert page.complaints == []
