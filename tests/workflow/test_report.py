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
        page.get_by_text(name, exact=True).click()
        row = page.get_by_role("row", name=figure).filter(has_text="figure")
        row.get_by_role("link").first.click()
        shown = page.locator("img[src^='data:image/png']")
        shown.wait_for()
        assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") >= 600
        page.evaluate("path => app.showResultInfo(path)", path)
        caption = caption_of(figure, configuration()).split(".")[0]
        assert caption[:60] in page.inner_text("nav").replace("\n", " ")
    assert page.complaints == []


@pytest.mark.browser
@pytest.mark.usefixtures("opened")
def test_a_person_finds_where_the_numbers_come_from(page):
    page.evaluate("app.setView({content: 'html', contentPath: results['results/tiny/about.html'].data_uri})")
    about = page.frame_locator("iframe").locator("body")
    text = about.inner_text()
    assert "psst run experiment=locust_coupling" in text and "tensorflow" in text and "coupling: 0.0" in text
    assert page.complaints == []
