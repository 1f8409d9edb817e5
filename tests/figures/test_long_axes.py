"""Ticks, maps, curves and medians over axes of any length."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import Normalize

from psst_core import open_sweep
from psst_core.figures.coupling_curves import CouplingCurves
from psst_core.figures.phase_diagram import PhaseDiagram
from psst_core.figures.scatter import binned_median
from psst_core.figures.shared.style import apart, at, heat_map, map_label, numerals, population_name, scale_x
from psst_core.results.gather import gather
from psst_core.sweep.runs import Axis
from support.configurations import small_locust
from support.made_up import made_up, made_up_plan


def test_medians_in_bins():
    x = np.arange(960.0)
    where, median = binned_median(x[::-1], np.where(x[::-1] < 100, np.nan, 2 * x[::-1]))
    assert len(where) == 12 and (np.diff(where) > 0).all()
    np.testing.assert_allclose(median, 2 * where)
    where, median = binned_median(np.repeat([1.0, 2, 5], 10), np.arange(30.0))
    assert where.tolist() == [1, 2, 5] and median.tolist() == [4.5, 14.5, 24.5]
    assert len(binned_median(np.arange(10.0), np.arange(10.0))[0]) == 0


@pytest.mark.parametrize(
    ("values", "scale", "ticks"),
    [
        ([0.0, 0.1, 0.2, 0.5, 1.0], "linear", [0, 0.2, 0.5, 1]),
        ([0.01, 0.1, 1.0, 10.0], "log", [0.01, 0.1, 1, 10]),
        ([0.0, 0.01, 0.1, 1.0], "symlog", [0, 0.01, 0.1, 1]),
        (np.linspace(0, 1, 100_000), "linear", None),
        (np.geomspace(1e-3, 1, 100_000), "log", None),
        (np.linspace(0, 10, 40), "linear", None),
    ],
)
def test_ticks_along_x(values, scale, ticks):
    figure, axes = plt.subplots()
    axes.plot(values, np.full(len(values), np.nan))
    scale_x(axes, values)
    assert axes.get_xscale() == scale and len(axes.get_xticks()) < 15
    assert axes.get_xlim()[0] <= values[0] and axes.get_xlim()[1] >= values[-1]
    if ticks:
        np.testing.assert_allclose(axes.get_xticks(), ticks)
    plt.close(figure)


@pytest.mark.parametrize("x", [np.linspace(20, 150, 400), np.geomspace(1e-3, 10, 300), np.arange(300.0)[::-1]])
def test_a_map_of_hundreds_of_values(x):
    grid = xr.DataArray(np.random.default_rng(1).uniform(size=(len(x), 30)), dims=("x", "y"), coords={"x": x})
    figure, axes = plt.subplots()
    heat_map(axes, grid.assign_coords(y=np.arange(30)), "x", "y", Normalize(0, 1))
    ticks, labels = axes.get_xticks(), [float(label.get_text()) for label in axes.get_xticklabels()]
    assert 3 <= len(ticks) <= 24 and 3 <= len(axes.get_yticks()) <= 24 and not axes.texts
    order = np.argsort(x)
    np.testing.assert_allclose(np.interp(labels, x[order], order), ticks, atol=1e-6)
    plt.close(figure)


def test_a_long_axis_is_drawn_in_seconds(tmp_path):
    """As many points on a curve as can be seen."""
    values = tuple(np.linspace(0, 1, 5000).tolist())
    config = small_locust(sweep__networks=1, sweep__trials=1)
    made_up_plan(tmp_path, [Axis("network.coupling", "coupling", values, "coupling")], config=config, chunk_runs=5000)
    results = open_sweep(gather(tmp_path / "sweep", made_up(tmp_path), partial=True))
    cube = results.cube.load()
    cube["firing_rate"][:] = np.arange(5000.0)[:, None, None, None]
    figure = CouplingCurves().draw(results)
    (line,) = figure.axes[0].lines
    assert len(line.get_xdata()) == 1667
    np.testing.assert_allclose(line.get_ydata()[:2], [1, 4])
    plt.close(figure)


def test_numbers_have_as_many_digits_as_tell_them_apart():
    assert numerals([0.03, 0.0948683, 0.3]) == ["0.03", "0.0949", "0.3"]
    assert numerals([0.1001, 0.1002, 1234.0, 150_000.0]) == ["0.1001", "0.1002", "1234", "150000"]
    assert numerals([-62.5, 0.0]) == ["-62.5", "0"] and numerals([]) == []


def test_titles_have_as_many_digits_as_tell_a_value_from_its_neighbours():
    values = np.geomspace(0.03, 0.3, 3)
    assert apart(float(values[1]), values) == "0.0949" and apart(float(values[1])) == "0.0948683"
    close = np.array([0.0948683, 0.0949000, 0.3])
    assert [apart(float(value), close) for value in close] == ["0.09487", "0.0949", "0.3"]
    cube = xr.Dataset(coords={"coupling": values, "a_word": np.array(["x", "y_z"])})
    assert (
        at({"coupling": float(values[1]), "a_word": "y_z", "trial": 3}, cube) == "coupling 0.0949, a word y z, trial 3"
    )
    assert at({"coupling": 0.25}) == "coupling 0.25" and at({}) == ""


@pytest.mark.parametrize(("values", "even"), [([0.0, 1.0, 2.0], True), ([0.1, 1, 10], True), ([0.0, 0.1, 1.0], False)])
def test_a_map_says_where_its_axis_is_not_to_scale(values, even):
    axis = xr.DataArray(values, dims="x", attrs={"long_name": "delay", "units": "ms"})
    assert map_label(axis) == "delay (ms)" + ("" if even else "\n(not to scale)")


def test_long_names_of_populations_are_wrapped_and_none_is_known():
    assert population_name("pn") == "pn"
    assert population_name("projection_neurons_of_the_left_lobe") == "projection neurons\nof the left lobe"


def test_bands_end_where_a_measure_does_and_contours_need_a_grid(tmp_path):
    axes = [Axis(f"network.{name}", name, (0.5, 1.0, 2.0), name) for name in ("coupling", "ach")]
    made_up_plan(tmp_path, axes, config=small_locust(sweep__networks=1, sweep__trials=2), chunk_runs=18)
    results = open_sweep(gather(tmp_path / "sweep", made_up(tmp_path), partial=True))
    rate = results.cube.load()["firing_rate"]
    rate[:] = np.arange(rate.size).reshape(rate.shape) % 2 * 10.0
    rate.loc[{"trial": 0}], rate.loc[{"trial": 1}] = 0.0, 10.0
    figure = CouplingCurves().draw(results)
    edges = np.concatenate([path.vertices[:, 1] for path in figure.axes[0].collections[0].get_paths()])
    assert edges.min() == 0 and edges.max() > 10
    plt.close(figure)
    figure = PhaseDiagram().draw(results)
    assert len(figure.axes[0].images) == 1 and not figure.axes[0].collections
    plt.close(figure)
