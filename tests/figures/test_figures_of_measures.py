"""Figures of measures: the values that they show, read from the tables and from what is drawn."""

import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import LogNorm
from scipy import stats

from psst_core import open_sweep
from psst_core.errors import PsstError
from psst_core.figures.behaviour import Behaviour, Condition, read_class
from psst_core.figures.chosen import undrawn
from psst_core.figures.distributions import Distributions
from psst_core.figures.lines import Correlogram, Lines
from psst_core.figures.pairs import Pairs
from psst_core.figures.parallel import Parallel
from psst_core.figures.sensitivity import Sensitivity, interval, share
from psst_core.figures.shared.style import few
from psst_core.figures.shared.views import draw_curves
from psst_core.figures.small_multiples import SmallMultiples
from psst_core.figures.spectrogram import Spectrogram
from psst_core.keys import put
from psst_core.results.gather import gather
from psst_core.sweep.expand import expand
from psst_core.sweep.runs import Axis
from support.configurations import configuration, small_locust
from support.made_up import COUPLING, SOLVER, made_up, made_up_plan, made_up_sweep

ACH = Axis("network.ach", "ach", (0.5, 1.0, 2.0, 4.0), "ach")
DELAY = Axis("network.synapses.ach.delay", "delay", (8.0, 16.0), "delay")
MEANS = ["network", "trial"]


def settings(**values):
    config = small_locust(**{"sweep__networks": 2, "sweep__trials": 2, "analysis__spectrum": [0.0, 20.0]} | values)
    segments = {name: {"type": name, "segment": 10.0} for name in ("spectrum", "spectrogram")}
    pairs = {"cross_correlation": {"type": "cross_correlation", "longest": 5.0}}
    return put(config, {"analysis.measures": config["analysis"]["measures"] | segments | pairs})


def unmeasured(folder, axes, **values):
    """A sweep whose cube has room for measures, and none of them: a test sets them."""
    made_up_plan(folder, axes, config=small_locust(**{"sweep__networks": 2, "sweep__trials": 2} | values))
    results = open_sweep(gather(folder / "sweep", made_up(folder), partial=True))
    results.cube.load()["status"][:] = 0
    return results


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A grid with measures along dimensions of their own."""
    return made_up_sweep(tmp_path_factory.mktemp("results"), [COUPLING], config=settings(), chunk_runs=16)


@pytest.fixture
def draw():
    """Draws a figure, and closes it at the end."""
    yield lambda figure, results: figure.draw(results)
    plt.close("all")


def test_lines_are_means_over_replicates(measured, draw):
    figure = draw(Lines(), measured)
    mean = measured.cube["spectrum"].mean(MEANS)
    panels = figure.axes[:2]
    assert [panel.get_title() for panel in panels] == ["pn", "ln"] and figure.get_supxlabel() == "frequency (Hz)"
    for panel, population in zip(panels, ("pn", "ln"), strict=True):
        for line, coupling in zip(panel.lines, COUPLING.values, strict=True):
            np.testing.assert_allclose(line.get_ydata(), mean.sel(population=population, coupling=coupling))
            np.testing.assert_allclose(line.get_xdata(), measured.cube["spectrum_frequency"])
    assert "mV²/Hz" in figure.get_supylabel().replace("\n", " ")
    assert panels[0].get_yscale() == "linear" or draw(Lines(logarithmic=False), measured).axes[0].get_ylim()[0] == 0
    assert draw(Lines(logarithmic=True), measured).axes[0].get_yscale() == "log"


def test_correlograms_of_pairs_with_chance(measured, draw):
    figure = draw(Correlogram(), measured)
    mean = measured.cube["cross_correlation"].mean(MEANS)
    panels = np.array(figure.axes[:4]).reshape(2, 2)
    assert [panel.get_title() for panel in panels[0]] == ["→ pn", "→ ln"]
    assert [panel.get_ylabel() for panel in panels[:, 0]] == ["pn →", "ln →"]
    for (row, column), panel in np.ndenumerate(panels):
        *lines, chance = panel.lines
        assert list(chance.get_ydata()) == [1, 1]
        here = mean.isel(population=row, other=column)
        for line, coupling in zip(lines, COUPLING.values, strict=True):
            np.testing.assert_allclose(line.get_ydata(), here.sel(coupling=coupling))
    assert "dashed: chance, 1" in figure.get_suptitle()


def test_a_spectrogram_stands_at_the_point_of_the_raster(measured, draw):
    figure = draw(Spectrogram(), measured)
    power = measured.cube["band_power"].sel(population="ln").mean(MEANS)
    best = float(power.idxmax("coupling")) if power.notnull().any() else 0.0
    assert f"coupling {best:g}" in figure.get_suptitle()
    mean = measured.cube["spectrogram"].sel(population="pn", coupling=best).mean(MEANS)
    mesh = figure.axes[0].collections[0]
    np.testing.assert_allclose(
        mesh.get_array(), mean.transpose("spectrogram_frequency", "spectrogram_time"), rtol=1e-12
    )
    assert isinstance(mesh.norm, LogNorm) and mesh.norm.vmax == pytest.approx(float(mean.max()))
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("middle of the segment (ms)", "frequency (Hz)")


def test_measures_without_the_dimensions_of_a_figure_are_refused():
    config = settings()
    mistakes = {
        "has population, and here a measure must be numbers along one dimension of its own": Lines("isi_cv"),
        "such as: cross_correlation": Correlogram("spectrum"),
        "measure=spectrum: has population, spectrum_frequency, and here": Spectrogram("spectrum"),
        "measure=spectrum: has population, spectrum_frequency": SmallMultiples("spectrum"),
        "colour=fring_rate: no measure of analysis.measures gives it (did you mean firing_rate?)": Parallel(
            colour="fring_rate"
        ),
        "population=pm: the network has none of this name": Pairs(population="pm"),
    }
    for message, figure in mistakes.items():
        with pytest.raises(PsstError, match=re.escape(message)):
            figure.check(config)
    for figure in (Lines("cross_correlation"), Lines(), Correlogram(), Spectrogram(), Pairs(population="ln")):
        figure.check(config)


def test_why_figures_of_measures_are_not_drawn():
    sampled = [replace(COUPLING, dimension="run")]
    names = ["lines", "correlogram", "spectrogram", "small_multiples", "parallel", "pairs", "sensitivity", "behaviour"]
    without = undrawn([*names, "distributions"], [], configuration())
    assert without == {
        "lines": "no measure of analysis.measures gives spectrum",
        "correlogram": "no measure of analysis.measures gives cross_correlation",
        "spectrogram": "no measure of analysis.measures gives spectrogram",
        "small_multiples": "not two axes of the grid take several numbers",
        "parallel": "no axis of several numbers lies along run",
        "pairs": "not two axes of several numbers lie along run",
        "sensitivity": "no axis takes several numbers",
        "behaviour": "no axis of the grid takes several numbers",
        "distributions": "no axis of the grid takes several numbers",
    }
    few_axes = undrawn(["small_multiples", "pairs"], [COUPLING, ACH, *sampled], configuration())
    assert few_axes["small_multiples"] == "no third axis of the grid takes several values" and "pairs" in few_axes
    single = put(configuration(), {"sweep.networks": 1, "sweep.trials": 1})
    assert "leave one run at each point" in undrawn(["distributions"], [COUPLING], single)["distributions"]
    lost = put(configuration(), {"analysis.measures": {"rates": {"type": "rates"}}})
    assert undrawn(["behaviour"], [COUPLING], lost) == {"behaviour": "no measure of analysis.measures gives band_ratio"}


def test_shares_of_variance():
    """An additive grid shares its variance out exactly; a sample nearly; noise has what chance gives."""
    a, b = (part.ravel() for part in np.meshgrid(np.arange(5.0), np.arange(4.0)))
    y = 3 * a + (b - 1.5) ** 2
    found = {name: share(x, y)[0] for name, x in {"a": a, "b": b}.items()}
    assert found["a"] == pytest.approx(np.var(3 * a) / np.var(y)) and sum(found.values()) == pytest.approx(1)
    assert abs(stats.spearmanr(b, y).statistic) < 0.05 < found["b"]
    random = np.random.default_rng(1)
    x, z = random.uniform(size=(2, 4000))
    assert share(x, x)[0] > 0.98 and share(x, 3 * x + z)[0] == pytest.approx(0.9, abs=0.02)
    assert share(x, x)[1] == 12
    of_noise = [share(random.uniform(size=96), random.uniform(size=96))[0] for _ in range(200)]
    assert np.mean(of_noise) == pytest.approx(11 / 95, rel=0.1)
    assert np.isnan(share(np.ones(9), np.arange(9.0))[0]) and np.isnan(share(np.arange(9.0), np.ones(9))[0])


def test_intervals_of_rank_correlations_cover():
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(100):
        x, y = random.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 60).T
        low, high = interval(x, y)
        inside += low < 6 / np.pi * np.arcsin(0.25) < high
    assert inside >= 88
    assert interval(x, y) == interval(x, y)
    assert np.isnan(interval(np.arange(5.0), np.arange(5.0))).all()
    assert np.isnan(interval(np.arange(3000.0), np.arange(3000.0))).all()


@pytest.mark.parametrize("sampled", [True, False])
def test_the_sensitivity_of_a_sweep(sampled, tmp_path, draw):
    random = np.random.default_rng(1).uniform(size=(2, 200)).tolist()
    axes = [COUPLING, ACH]
    if sampled:
        axes = [replace(axis, values=tuple(values), dimension="run") for axis, values in zip(axes, random, strict=True)]
    results = unmeasured(tmp_path, axes)
    cube = results.cube
    rate = -(cube["coupling"] - 0.5) * 10 + cube["ach"] ** 2
    cube["firing_rate"][:] = (rate + 20 + xr.zeros_like(cube["firing_rate"])).transpose(*cube["firing_rate"].dims)
    rows = Sensitivity(measures=["firing_rate"]).table(results).set_index(["population", "parameter"])
    pn = rows.loc["pn"]
    assert len(rows) == 4 and (pn["points"] == (200 if sampled else 12)).all()
    assert pn.loc["coupling", "spearman"] < 0 < pn.loc["ach", "spearman"]
    assert (pn["low"] <= pn["spearman"]).all() and (pn["spearman"] <= pn["high"]).all()
    assert pn["share"].sum() == pytest.approx(1, abs=0.12 if sampled else 1e-9)
    figure = draw(Sensitivity(measures=["firing_rate"]), results)
    blue, orange = figure.axes[0].containers[0], figure.axes[0].containers[2]
    np.testing.assert_allclose([bar.get_width() for bar in blue], pn["spearman"])
    np.testing.assert_allclose([bar.get_width() for bar in orange], pn["share"])


@pytest.mark.parametrize("trials", [2, 5])
def test_distributions_show_every_run(trials, tmp_path, draw):
    results = unmeasured(tmp_path, [COUPLING, SOLVER], sweep__trials=trials)
    rate = results.cube["firing_rate"]
    rate[:] = np.arange(rate.size, dtype=float).reshape(rate.shape)
    rate.loc[{"coupling": 0.5, "network": 0}] = np.nan
    figure = draw(Distributions(measures=["firing_rate"]), results)
    panel = figure.axes[0]
    dots = panel.lines[-1]
    here = rate.sel(solver="rk4", population="pn")
    for place, coupling in enumerate(COUPLING.values):
        mine = np.abs(dots.get_xdata() - place) < 0.3
        wanted = here.sel(coupling=coupling).values.ravel()
        np.testing.assert_allclose(np.sort(dots.get_ydata()[mine]), np.sort(wanted[np.isfinite(wanted)]))
    assert [text.get_text() for text in figure.axes[-1].get_xticklabels()] == ["0", "0.5", "1"]
    medians = [line.get_ydata()[0] for line in panel.lines[:-1] if line.get_lw() == 1.4]
    boxed = [coupling for coupling in (0.0, 1.0) if trials == 5]
    np.testing.assert_allclose(medians, [here.sel(coupling=coupling).median() for coupling in boxed])
    assert f"single runs over 2 networks × {trials} trials, solver rk4" in figure.get_suptitle()


def test_small_multiples_share_their_colours(tmp_path, draw):
    results = unmeasured(tmp_path, [COUPLING, ACH, DELAY, SOLVER])
    rate = results.cube["firing_rate"]
    rate[:] = np.random.default_rng(1).uniform(1, 9, rate.shape)
    figure = draw(SmallMultiples(), results)
    images = [panel.images[0] for panel in figure.axes if panel.images]
    assert len(images) == 2 * 2 * 2
    mean = rate.mean(MEANS)
    places = [(p, s, d) for p in ("pn", "ln") for s in SOLVER.values for d in DELAY.values]
    for image, (population, solver, delay) in zip(images, places, strict=True):
        part = mean.sel(population=population, solver=solver, delay=delay).transpose("coupling", "ach")
        np.testing.assert_allclose(image.get_array(), part)
        assert image.norm.vmax == pytest.approx(float(mean.sel(population=population).max())) and image.norm.vmin == 0
    assert [panel.get_title() for panel in figure.axes[:2]] == ["delay 8 ms", "delay 16 ms"]
    assert figure.axes[0].get_ylabel() == "pn\nsolver rk4"


NUMBERS = np.random.default_rng(1).uniform(0.01, 1, (2, 24))


@pytest.fixture
def sample(tmp_path):
    """A sample of two parameters, with a rate that follows the first and is undefined at one point."""
    axes = [
        replace(axis, values=tuple(values), dimension="run")
        for axis, values in zip((COUPLING, ACH), NUMBERS.tolist(), strict=True)
    ]
    results = unmeasured(tmp_path, axes)
    for name in ("firing_rate", "synchrony"):
        results.cube[name][:] = NUMBERS[0][:, None, None, None] * 10
    results.cube["firing_rate"][3] = np.nan
    return results


def test_parallel_coordinates_go_from_end_to_end(sample, draw):
    figure = draw(Parallel(measures=["firing_rate"], colour="firing_rate"), sample)
    lines = figure.axes[0].collections[0]
    known = np.delete(NUMBERS, 3, axis=1)
    order = np.argsort(known[0])
    np.testing.assert_allclose(lines.get_array(), 10 * known[0][order])
    heights = np.array([line[:, 1] for line in lines.get_segments()])
    scaled = (NUMBERS - NUMBERS.min(axis=1, keepdims=True)) / np.ptp(NUMBERS, axis=1)[:, None]
    np.testing.assert_allclose(heights[:, :2], np.delete(scaled, 3, axis=1).T[order])
    assert lines.get_rasterized() and "23 of 24 points" in figure.get_suptitle()
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert f"{10 * known[0].max():.3g}" in texts


def test_pairs_of_parameters(sample, draw):
    figure = draw(Pairs(population="ln"), sample)
    corner, _, pair, last, *_ = figure.axes
    known = np.delete(NUMBERS, 3, axis=1)
    dots = pair.collections[0]
    np.testing.assert_allclose(dots.get_offsets(), known.T)
    np.testing.assert_allclose(dots.get_array(), 10 * known[0])
    np.testing.assert_allclose(pair.lines[0].get_xydata(), NUMBERS[:, [3]].T)
    np.testing.assert_allclose(corner.collections[0].get_offsets(), np.column_stack([known[0], 10 * known[0]]))
    np.testing.assert_allclose(last.collections[0].get_offsets(), np.column_stack([known[1], 10 * known[0]]))
    assert figure.get_suptitle().startswith("ln, 24 points")


def test_classes_are_read_and_refused():
    wanted = [Condition("firing_rate", ">", 1.0), Condition("isi_cv", ">=", 0.5)]
    assert read_class("irregular or so if firing_rate > 1 and isi_cv>=5e-1") == ("irregular or so", wanted)
    for text in (
        "silent",
        "if firing_rate < 1",
        "silent if firing_rate",
        "silent if firing_rate < x",
        "a if b < 1 or c",
    ):
        with pytest.raises(PsstError, match="write a name, if, and a measure"):
            read_class(text)
    mistakes = {
        '["a if firing_rte < 1"]': "classes=firing_rte: no measure of analysis.measures gives it (did you mean",
        '["a if firing_rate < 1","a if isi_cv < 1"]': "there is another class a",
        '["other if firing_rate < 1"]': "other means where no class holds",
        "[]": "classes: there are 0; give 1 to 7",
    }
    for words, message in mistakes.items():
        with pytest.raises(PsstError, match=re.escape(message)):
            expand("locust_coupling", ["figures=[behaviour]", f"figure_options.behaviour.classes={words}"])


def test_behaviour_is_the_first_class_that_holds(tmp_path, draw):
    results = unmeasured(tmp_path, [COUPLING, ACH])
    cube = results.cube
    for name in ("firing_rate", "isi_cv"):
        cube[name][:] = np.nan
    rate = cube["firing_rate"]
    rate.loc[{"coupling": 0.0}], rate.loc[{"coupling": 0.5}] = 0.5, 20.0
    rate.loc[{"coupling": 0.5, "ach": 0.5}] = 5.0
    cube["isi_cv"].loc[{"coupling": 0.5, "ach": [0.5, 1.0]}] = 0.9
    figure = Behaviour(classes=["quiet if firing_rate < 1", "wild if isi_cv > 0.5 and firing_rate >= 10"])
    rows = figure.table(results)
    wanted = {0.0: ["quiet"] * 4, 0.5: ["other", "wild", "other", "other"], 1.0: [""] * 4}
    for population in ("pn", "ln"):
        for coupling, classes in wanted.items():
            here = rows[(rows["population"] == population) & (rows["coupling"] == coupling)]
            assert here.sort_values("ach")["behaviour"].tolist() == classes
    picture = draw(figure, results)
    shown = np.ma.filled(picture.axes[0].images[0].get_array(), np.nan)
    numbers = [[0] * 4, [2, 1, 2, 2], [np.nan] * 4]
    np.testing.assert_array_equal(shown, numbers)
    texts = [text.get_text().replace("\n", " ") for text in picture.legends[0].get_texts()]
    wild = "wild: variation of intervals > 0.5 and firing rate ≥ 10 Hz"
    assert texts == ["quiet: firing rate < 1 Hz", wild, "other", "no value"]


def test_bars_of_a_view_end_where_a_measure_does(tmp_path):
    results = unmeasured(tmp_path, [COUPLING])
    rate = results.cube["firing_rate"]
    rate[:] = 0.0
    rate.loc[{"trial": 0}] = 10.0
    figure = draw_curves(results, "firing_rate", "coupling", None, {"coupling": 0, "population": 0})
    bars = figure.axes[0].collections[0].get_segments()
    sd = rate.sel(coupling=0.0, population="pn").values.std(ddof=1)
    np.testing.assert_allclose([bar[:, 1] for bar in bars], [[0, 5 + sd]] * 3)
    plt.close(figure)


def test_a_few_places_are_spread_evenly():
    assert few(3, 7).tolist() == [0, 1, 2] and few(9, 3).tolist() == [0, 4, 8] and few(0, 4).size == 0
