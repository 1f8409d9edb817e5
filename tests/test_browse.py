"""The browser of results, moved as a person moves it: pictures follow the controls, runs are read when looked at."""

import base64
import io

import matplotlib.image
import numpy as np
import pytest
from conftest import TINY, made_up_sweep, run_sweep, small_locust

from psst_core.browse import Browser
from psst_core.errors import PsstError
from psst_core.figures import views
from psst_core.results import Results
from psst_core.sweep import Axis

pytest.importorskip("ipywidgets", reason="the extra `notebooks` is not installed")
SIZE, COUPLING = (
    Axis("network.size", "size", (8, 12, 16), "size"),
    Axis("network.coupling", "coupling", (0.0, 1.0), "coupling"),
)
SOLVER = Axis("solver", "solver", ("rk4", "euler"), "solver")
MEASURE, RUN, ORIGIN = range(3)


def picture(image):
    return matplotlib.image.imread(io.BytesIO(image.value))


@pytest.fixture
def reads(monkeypatch):
    """The runs that are read."""
    found, run = [], Results.run
    monkeypatch.setattr(Results, "run", lambda self, **point: found.append(point) or run(self, **point))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of one sweep over numbers and solvers, with traces at coupling 1."""
    folder = tmp_path_factory.mktemp("results")
    made_up_sweep(folder, [SIZE, COUPLING, SOLVER], traced=lambda point: point["coupling"] == 1.0)
    return folder


def test_each_control_changes_the_picture(folder):
    browser = Browser(folder)
    seen = [browser.picture.value]
    for control, value in (
        (browser.view, "map"),
        (browser.measure, "synchrony"),
        (browser.sliders["population"], "LN"),
        (browser.sliders["solver"], "euler"),
        (browser.sliders["size"], "16"),
        (browser.x, "coupling"),
        (browser.y, None),
        (browser.x, "solver"),
    ):
        control.value = value
        seen.append(browser.picture.value)
        assert not browser.message.value
    assert len(set(seen)) == len(seen)
    assert all(picture(browser.picture).shape[1] > 600 for _ in seen)


def test_a_map_needs_two_axes_of_numbers(folder):
    browser = Browser(folder)
    assert not browser.view.disabled
    browser.y.value = "solver"
    assert browser.view.disabled
    browser.y.value = None
    assert browser.view.disabled


def test_a_run_is_read_when_it_is_looked_at(folder, reads):
    browser = Browser(folder)
    browser.sliders["size"].value = "12"
    assert not reads
    browser.pages.selected_index = RUN
    assert len(reads) == 1 and browser.raster.value
    assert "No traces were kept" in browser.message.value and not browser.traces.value
    browser.sliders["coupling"].value = "1"
    assert len(reads) == 2 and not browser.message.value
    assert picture(browser.traces).shape[1] > 600
    here = browser.sweep.cube.isel(browser.place)
    assert here["size"] == 12 and here["coupling"] == 1.0
    assert str(here["run_id"].item()) in browser.run.value


def test_a_run_tells_where_it_comes_from(tmp_path):
    run_sweep(tmp_path, "locust_coupling", TINY + "network.size=8 network.coupling=0,0.5 solver=rk4", "tiny")
    browser = Browser(tmp_path / "tiny")
    browser.pages.selected_index = ORIGIN
    browser.sliders["coupling"].value = "0.5"
    for text in ("code_digest", "tensorflow", "coupling: 0.5", "1 networks × 2 trials"):
        assert text in browser.origin.value, text
    assert "firing rate (Hz)" in browser.run.value


def test_one_point_has_no_axes_but_a_run(tmp_path):
    made_up_sweep(tmp_path, [Axis("network.coupling", "coupling", (1.0,), "coupling")])
    browser = Browser(tmp_path)
    assert "One point" in browser.message.value
    browser.pages.selected_index = RUN
    assert browser.raster.value


def test_a_partial_sweep_and_what_is_gathered_since(tmp_path):
    made_up_sweep(tmp_path, [SIZE, COUPLING, SOLVER], unfinished=[0])
    browser = Browser(tmp_path)
    assert browser.sweeps.label == "sweep, partial"
    assert "not run" in browser.title.value and "partial: 16 of 24 runs" in browser.title.value
    browser.view.value = "map"
    browser.pages.selected_index = RUN
    assert "no result yet" in browser.message.value and not browser.raster.value
    made_up_sweep(tmp_path, [SIZE, COUPLING, SOLVER])
    browser.again.click()
    assert "24 ok" in browser.title.value
    assert browser.raster.value and "no result" not in browser.message.value


def test_sampled_parameters_are_points(tmp_path):
    values = np.random.default_rng(1).uniform(0, 1, (2, 30))
    axes = [
        Axis(f"network.{name}", name, tuple(v.tolist()), "run") for name, v in zip(("ach", "gaba"), values, strict=True)
    ]
    made_up_sweep(tmp_path, [*axes, SOLVER])
    browser = Browser(tmp_path)
    assert set(dict(browser.x.options).values()) == {"solver", "ach", "gaba"}
    browser.x.value = "ach"
    assert browser.y.value == "gaba" and browser.view.disabled
    first = browser.picture.value
    browser.sliders["run"].value = 7
    assert browser.picture.value != first
    assert f"{values[1][7]:g}" in browser.run.value


def test_a_hundred_thousand_runs(tmp_path, reads):
    many = Axis("network.coupling", "coupling", tuple(np.linspace(0, 1, 250).tolist()), "coupling")
    sizes = Axis("network.size", "size", tuple(range(4, 804, 4)), "size")
    config = small_locust(sweep__networks=1, sweep__trials=2, analysis__spectrum=[0.0, 20.0])
    made_up_sweep(tmp_path, [many, sizes], chunk_runs=25_000, config=config)
    browser = Browser(tmp_path)
    assert browser.sweep.cube["run_id"].size == 100_000
    for view in ("curves", "map"):
        browser.view.value = view
        assert picture(browser.picture).shape[1] > 600
    browser.sliders["size"].index = 100
    browser.pages.selected_index = RUN
    assert browser.raster.value and len(reads) == 1


def test_a_folder_without_a_cube_is_refused(tmp_path):
    with pytest.raises(PsstError, match=r"no sweep\.nc in it or in its folders; run snakemake, or gather"):
        Browser(tmp_path)


def test_pages_on_which_nothing_moves_show_the_picture(folder):
    bundle = Browser(folder)._repr_mimebundle_()
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


def test_views_average_over_replicates_at_the_place(folder):
    """The numbers written into a map are means of what the cube holds."""
    browser = Browser(folder)
    browser.sliders["solver"].value = "euler"
    figure = views.draw_map(browser.sweep, "firing_rate", "size", "coupling", browser.place)
    written = [float(text.get_text()) for text in figure.axes[0].texts]
    cube = browser.sweep.cube["firing_rate"].sel(solver="euler", population="pn").mean(["network", "trial"])
    np.testing.assert_allclose(written, cube.transpose("coupling", "size").values.ravel(), rtol=1e-2)
