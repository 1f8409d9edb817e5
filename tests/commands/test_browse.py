"""The browser of results, moved as a person moves it: pictures follow the controls, runs are read when looked at."""

import base64
import io
import os
import shutil

import matplotlib.image
import numpy as np
import pytest

from psst_core import open_sweep
from psst_core.commands import browse
from psst_core.commands.browse import Browser
from psst_core.errors import PsstError
from psst_core.figures.shared import views
from psst_core.results.sweep_results import Results
from psst_core.sweep.runs import Axis
from support.configurations import small_locust
from support.made_up import made_up_sweep
from support.sweeps import TINY, run_sweep

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
    assert picture(browser.picture).shape[1] > 600
    for control, value in (
        (browser.view, "map"),
        (browser.measure, "synchrony"),
        (browser.sliders["population"], "ln"),
        (browser.sliders["solver"], "euler"),
        (browser.sliders["size"], "16"),
        (browser.x, "coupling"),
        (browser.y, None),
        (browser.x, "solver"),
    ):
        control.value = value
        seen.append(browser.picture.value)
        assert picture(browser.picture).shape[1] > 600
        assert not browser.message.value
    assert len(set(seen)) == len(seen)


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
    browser.measure.value = "synchrony"
    assert len(reads) == 2
    here = browser.sweep.cube.isel(browser.place)
    assert here["size"] == 12 and here["coupling"] == 1.0
    assert str(here["run_id"].item()) in browser.run.value


def test_a_run_tells_where_it_comes_from(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(browse, "facts", lambda sweep, facts=browse.facts: asked.append(sweep) or facts(sweep))
    run_sweep(tmp_path, "locust_coupling", TINY + "network.size=8 network.coupling=0,0.5 solver=rk4", "tiny")
    browser = Browser(tmp_path / "tiny")
    browser.pages.selected_index = ORIGIN
    browser.sliders["coupling"].value = "0.5"
    assert len(asked) == 1  # which opens every file of the sweep
    for text in ("code_digest", "tensorflow", "coupling: 0.5", "1 network × 2 trials"):
        assert text in browser.origin.value, text
    assert "firing rate (Hz)" in browser.run.value


def test_one_point_has_no_axes_but_a_run(tmp_path):
    made_up_sweep(tmp_path, [Axis("network.coupling", "coupling", (1.0,), "coupling")])
    browser = Browser(tmp_path)
    assert "One point" in browser.message.value
    browser.pages.selected_index = RUN
    assert browser.raster.value


def test_another_sweep_leaves_nothing_of_the_one_before(tmp_path):
    made_up_sweep(tmp_path, [Axis("network.coupling", "coupling", (1.0,), "coupling")])
    (tmp_path / "sweep").rename(tmp_path / "point")
    made_up_sweep(tmp_path, [SIZE, COUPLING])
    browser = Browser(tmp_path)
    browser.sweeps.label = "sweep"
    browser.measure.value = "synchrony"
    assert browser.picture.value and not browser.message.value
    browser.sweeps.label = "point"
    assert "One point" in browser.message.value and not browser.picture.value
    assert browser.measure.value == "synchrony" and set(browser.sliders) == {
        "coupling",
        "network",
        "trial",
        "population",
    }


@pytest.mark.parametrize("name", ["a", "z"])
def test_what_cannot_be_read_is_told_and_all_stays(name, folder, tmp_path):
    (tmp_path / "sweep").symlink_to(folder / "sweep")
    (tmp_path / name).mkdir()
    (tmp_path / name / "sweep.nc").write_text("no NetCDF")
    browser = Browser(tmp_path)
    assert f"{name}/sweep.nc: cannot be read" in browser.message.value  # it was made last
    browser.sweeps.label = "sweep"
    assert browser.picture.value and not browser.message.value
    browser.sweeps.label = name
    assert f"{name}/sweep.nc: cannot be read" in browser.message.value
    assert browser.sweeps.label == "sweep" and browser.picture.value
    browser.measure.value = "synchrony"
    assert browser.picture.value and not browser.message.value


@pytest.mark.parametrize("last", ["a", "sweep", "z"])
def test_it_opens_with_the_sweep_that_was_gathered_last(folder, tmp_path, last):
    for name in ("a", "sweep", "z"):
        shutil.copytree(folder / "sweep", tmp_path / name)
        os.utime(tmp_path / name / "sweep.nc", (0, 1000 + (name == last)))
    assert Browser(tmp_path).sweeps.label == last


def test_a_cube_alone_has_measures_and_origin_but_no_runs(tmp_path):
    couplings = Axis("network.coupling", "coupling", (0.0, 0.3, 1.0), "run")
    axes = made_up_sweep(tmp_path, [couplings, SOLVER]).axes
    alone = (tmp_path / "sweep" / "sweep.nc").rename(tmp_path / "alone.nc")
    assert open_sweep(alone).axes == {"coupling": couplings, "solver": SOLVER} == axes
    browser = Browser(alone)
    assert browser.picture.value and not browser.message.value
    browser.pages.selected_index = RUN
    assert "alone.nc: a cube alone, without its runs" in browser.message.value
    browser.pages.selected_index = ORIGIN
    assert "1 network × 2 trials" in browser.origin.value and "reversal" in browser.origin.value


def test_a_partial_sweep_and_what_is_gathered_since(tmp_path):
    made_up_sweep(tmp_path, [SIZE, COUPLING, SOLVER], unfinished=[0])
    browser = Browser(tmp_path)
    assert browser.sweeps.label == "sweep, partial"
    assert "not run" in browser.title.value and "partial: 16 of 24 runs" in browser.title.value
    browser.view.value = "map"
    browser.measure.value = "synchrony"
    browser.pages.selected_index = RUN
    assert browser.raster.value and "no result" not in browser.message.value  # it stands where there is a run
    browser.sliders["size"].index = browser.sliders["coupling"].index = 0
    assert "no result yet" in browser.message.value and not browser.raster.value
    browser.sliders["trial"].value = "1"
    shutil.copytree(tmp_path / "sweep" / "partial", tmp_path / "other" / "partial")
    made_up_sweep(tmp_path, [SIZE, COUPLING, SOLVER])
    browser.again.click()
    assert browser.sweeps.label == "sweep" and "24 ok" in browser.title.value
    assert browser.measure.value == "synchrony" and browser.place["trial"] == 1
    assert browser.raster.value and "no result" not in browser.message.value
    assert list(browser.sweeps.options) == ["sweep", "other, partial"]


def test_sampled_parameters_are_points(tmp_path):
    values = np.random.default_rng(1).uniform(0, 1, (2, 30))
    axes = [
        Axis(f"network.{name}", name, tuple(v.tolist()), "run") for name, v in zip(("ach", "gaba"), values, strict=True)
    ]
    made_up_sweep(tmp_path, [*axes, SOLVER])
    browser = Browser(tmp_path)
    assert set(dict(browser.x.options).values()) == {"solver", "ach", "gaba", "run"}
    browser.x.value = "ach"
    assert browser.y.value == "gaba" and browser.view.disabled
    first = browser.picture.value
    browser.sliders["run"].value = 7
    assert browser.picture.value != first
    assert f"{values[1][7]:g}" in browser.run.value


def test_words_that_move_together_are_points_too(tmp_path):
    pairs = {"solver": ("rk4", "euler"), "stimulus": ("odor", "steps")}
    made_up_sweep(tmp_path, [Axis(name, name, values, "run") for name, values in pairs.items()])
    browser = Browser(tmp_path)
    assert browser.x.value == "run" and not browser.message.value
    figure = views.draw_points(browser.sweep, "firing_rate", "run", None, browser.place)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["rk4, odor", "euler, steps"]


@pytest.mark.slow
def test_a_hundred_thousand_runs(tmp_path, reads):
    many = Axis("network.coupling", "coupling", tuple(np.linspace(0, 1, 250).tolist()), "coupling")
    sizes = Axis("network.size", "size", tuple(range(4, 804, 4)), "size")
    config = small_locust(sweep__networks=1, sweep__trials=2, analysis__spectrum=[0.0, 20.0])
    made_up_sweep(tmp_path, [many, sizes], chunk_runs=25_000, config=config)
    browser = Browser(tmp_path)
    assert browser.sweep.cube["run_id"].size == 100_000
    curves = picture(browser.picture)
    browser.view.value = "map"
    assert picture(browser.picture).shape == curves.shape and (picture(browser.picture) != curves).any()
    browser.sliders["size"].index = 110
    figure = views.draw_curves(browser.sweep, "firing_rate", "coupling", "size", browser.place)
    assert "444" in [text.get_text() for text in figure.legends[0].texts]
    assert "; 8 of 200 lines" in figure.get_suptitle()
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


def test_error_bars_are_standard_deviations_over_replicates_at_the_place(folder):
    browser = Browser(folder)
    browser.sliders["population"].value = "ln"
    figure = views.draw_curves(browser.sweep, "firing_rate", "size", "coupling", browser.place)
    cube = browser.sweep.cube["firing_rate"].sel(solver="rk4", population="ln")
    for coupling, drawn in zip(cube["coupling"].values, figure.axes[0].containers, strict=True):
        line, _, (bars,) = drawn
        here = cube.sel(coupling=coupling)
        mean, spread = here.mean(["network", "trial"]).values, here.std(["network", "trial"], ddof=1).values
        np.testing.assert_allclose(np.asarray(line.get_ydata(), float), mean)
        ends = np.array(bars.get_segments())[:, :, 1]
        np.testing.assert_allclose(ends, np.stack([mean - spread, mean + spread], axis=1))


def test_what_is_missing_is_counted_in_the_title(tmp_path):
    sweep = made_up_sweep(tmp_path, [SIZE, COUPLING], unfinished=[0])
    at = dict.fromkeys(("size", "coupling", "network", "trial", "population"), 0)
    figure = views.draw_map(sweep, "firing_rate", "size", "coupling", at)
    assert "; 8 of 12 values missing: not yet run; grey: not yet run" in figure.get_suptitle()
