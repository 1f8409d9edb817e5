"""Each figure on sweeps of every shape: many axes, one axis, one run; and the data behind them."""

import importlib
import itertools
import warnings
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import TINY, configuration, made_up_plan, made_up_sweep, run_sweep, small_locust
from matplotlib.colors import Normalize
from scipy import stats

from psst_core import open_sweep
from psst_core.about import page
from psst_core.errors import PsstError
from psst_core.figures import (
    action_potential,
    available,
    coupling_curves,
    draw_all,
    figure_digest,
    memory,
    names,
    phase_diagram,
    remove_stale,
    save,
    save_table,
    scatter,
    separation,
    with_table,
)
from psst_core.figures.raster import strongest
from psst_core.figures.scatter import binned_median, means
from psst_core.figures.style import heat_map, mean_and_band, mean_and_confidence, numeric_names, scale_x
from psst_core.gather import gather
from psst_core.keys import put
from psst_core.network import Network
from psst_core.sweep import Axis, expand

TOP = Path(__file__).parent.parent
SHAPES = {
    "two numbers and solvers": TINY + "network.size=8,12 network.coupling=0,0.5,1",
    "one number": TINY + "network.size=8 network.coupling=0,0.5 solver=rk4",
    "one run": TINY.replace("trials=2", "trials=1") + "network.size=8 network.coupling=0.5 solver=rk4",
}


@pytest.fixture(scope="module", params=SHAPES)
def results(request, tmp_path_factory):
    return run_sweep(tmp_path_factory.mktemp("results"), "locust_coupling", SHAPES[request.param])


def test_every_figure_that_applies_is_drawn(results, tmp_path):
    axes = list(results.axes.values())
    wanted = available(names(), axes, results.record["config"])
    assert "scatter" not in wanted
    assert {"raster", "connectivity"} <= set(wanted)
    for name in wanted:
        save(name, results, [tmp_path / f"{name}.png", tmp_path / f"{name}.svg"])
        image = matplotlib.image.imread(tmp_path / f"{name}.png")
        assert image.shape[1] >= 600 and np.ptp(image[..., :3]) > 0.5, name
        assert "<svg" in (tmp_path / f"{name}.svg").read_text()[:2000]


def test_which_figures_apply():
    coupling = Axis("network.coupling", "coupling", (0.0, 1.0), "coupling")
    solver = Axis("solver", "solver", ("rk4", "euler"), "solver")
    locust, pendulum = configuration(), configuration("pendulum")
    assert available(names(), [], locust) == ["connectivity", "raster", "spectra"]
    assert available(names(), [], pendulum) == ["exact", "phase_plane", "traces"]
    assert "rate_map" in available(names(), [coupling], locust)
    assert "solver_difference" not in available(
        names(), [coupling, Axis("solver", "solver", ("rk4",), "solver")], locust
    )
    steps = Axis("run.dt", "dt", (0.1, 0.05), "dt")
    special = {"scatter", "solver_order", "error_estimate", "traces", "phase_plane", "action_potential", "exact"}
    special |= {"f_i_curve", "memory", "phase_diagram", "potentials", "rate_functions", "separation"}
    assert available(names(), [coupling, solver], locust) == [name for name in names() if name not in special]
    size = Axis("network.size", "size", (60, 120), "size")
    replicated = put(locust, {"sweep.networks": 4})
    assert {"phase_diagram", "confidence_curves"} <= set(available(names(), [coupling, size], replicated))
    method = [replace(solver, dimension="run"), Axis("run.dt", "dt", (0.01, 0.02), "run")]
    assert "effects" in available(names(), [coupling, *method], locust)
    assert "effects" not in available(names(), [coupling, replace(size, dimension="run")], locust)
    assert "memory" in available(names(), [Axis("run.duration", "duration", (1.0, 2.0), "duration")], locust)
    for name in ("exact", "f_i_curve", "rate_functions", "separation", "action_potential", "potentials"):
        experiments = {"exact": "euler_exact", "separation": "lorenz", "potentials": "antennal_lobe"}
        sweep = expand(experiments.get(name, name))
        assert available([name], sweep.axes, sweep.config) == [name]
    assert "solver_order" in available(names(), [solver, steps], pendulum)
    assert available(["traces", "phase_plane"], [], configuration("chain_of_three")) == ["traces"]
    assert "error_estimate" in available(names(), [], put(locust, {"numerics.check": "halve_dt"}))
    with pytest.raises(PsstError, match="did you mean raster"):
        available(["rastr"], [], locust)


def test_the_table_of_orders(tmp_path):
    overrides = "solver=euler,midpoint,rk4 run.dt=0.1,0.05,0.025 run.duration=1 recorder.window=[0,1]"
    results = run_sweep(tmp_path, "solver_order", overrides)
    assert with_table(["raster", "solver_order"]) == ["solver_order"]
    save_table("solver_order", results, tmp_path / "table.csv")
    save("solver_order", results, [tmp_path / "figure.png"])
    table = pd.read_csv(tmp_path / "table.csv")
    assert list(table["network"]) == ["linear_pair"] * 3 + ["pendulum"] * 3
    np.testing.assert_allclose(table["fitted"], table["order"], atol=0.1)
    exact, euler = (1 + np.exp(1.8)) / 2, (1 + 1.2**9) / 2
    assert table["error at 0.1 ms"][0] == pytest.approx((exact - euler) / exact, rel=1e-5)


@pytest.mark.parametrize(
    ("experiment", "overrides"),
    [
        ("pendulum", "solver=rk4,euler run.duration=10 recorder.window=[0,10]"),
        ("lorenz", "run.duration=10 recorder.window=[0,10]"),
        ("chain_of_three", "run.duration=120 recorder.window=[0,120] analysis.spectrum=[0,120]"),
    ],
)
def test_traces_and_phase_planes(experiment, overrides, tmp_path):
    results = run_sweep(tmp_path, experiment, overrides)
    axes = list(results.axes.values())
    for name in available(["traces", "phase_plane"], axes, results.record["config"]):
        save(name, results, [tmp_path / f"{name}.png"])
        assert np.ptp(matplotlib.image.imread(tmp_path / f"{name}.png")[..., :3]) > 0.5


def test_errors_need_a_closed_solution(tmp_path):
    overrides = "network=lorenz solver=rk4 run.dt=0.1,0.05 run.duration=1 recorder.window=[0,1]"
    with pytest.raises(PsstError, match="no closed solution"):
        save("solver_order", run_sweep(tmp_path, "solver_order", overrides), [tmp_path / "figure.png"])


def test_the_longest_axis_comes_first(results):
    found = numeric_names(results)
    assert all(len(results.axes[a].values) >= len(results.axes[b].values) for a, b in itertools.pairwise(found))


def test_the_raster_shows_the_run_of_strongest_oscillation(results):
    power = results.cube["band_power"].sel(population="ln").mean(["network", "trial"])
    point = {name: value for name, value in strongest(results).point.items() if name in results.axes}
    if np.isfinite(power.values).any():
        assert float(power.sel(point)) == float(power.max())


def test_bands_are_standard_deviations_over_replicates(results):
    rate = results.cube["firing_rate"]
    mean, band = mean_and_band(rate)
    assert mean.dims == band.dims and "trial" not in mean.dims
    if rate.sizes["trial"] == 2:
        pair = rate.transpose(..., "network", "trial").values.reshape(-1, 2)
        np.testing.assert_allclose(np.sort(band.values.ravel()), np.sort(pair.std(axis=1, ddof=1)))
    else:
        assert (band == 0).all()


def test_only_figures_of_ours_that_are_not_wanted_are_removed(tmp_path):
    for name in ("raster.png", "rate_map.png", "my_own.png"):
        (tmp_path / name).touch()
    remove_stale(tmp_path, [tmp_path / "raster.png"])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["my_own.png", "raster.png"]


def test_digests_of_figures_differ():
    assert len({figure_digest(name) for name in names()}) == len(names())


COUPLING = Axis("network.coupling", "coupling", (0.0, 0.5, 1.0), "coupling")
SOLVER = Axis("solver", "solver", ("rk4", "euler"), "solver")
NUMBERS = np.random.default_rng(1).uniform(0.01, 1, (2, 24))
ACH, GABA = (
    Axis(f"network.{name}", name, tuple(values.tolist()), "run")
    for name, values in zip(("ach", "gaba"), NUMBERS, strict=True)
)
WORDS = Axis("stimulus", "stimulus", ("odour", "none"), "run")
MADE_UP_SHAPES = {
    "sampled": [ACH, GABA],
    "sampled on a grid": [replace(ACH, values=ACH.values[:6]), COUPLING, SOLVER],
    "a grid": [COUPLING, Axis("network.size", "size", (8, 16), "size"), SOLVER],
    "one point along run": [replace(ACH, values=ACH.values[:1])],
    "words along run": [WORDS],
    "one run": [],
}


def drawn_files(results):
    lines = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return draw_all(results.folder, lines.append)


def everything(variables=None):
    figures = [name for name in names() if name != "error_estimate"]
    config = small_locust(sweep__networks=1, sweep__trials=2, analysis__spectrum=[0.0, 20.0])
    config["recorder"]["variables"] = variables or {}
    return config | {"figures": figures}


@pytest.mark.parametrize("shape", MADE_UP_SHAPES)
@pytest.mark.parametrize("unfinished", [(), (0,), range(100)], ids=["whole", "partial", "empty"])
def test_all_figures_of_made_up_sweeps(shape, unfinished, tmp_path):
    settings = {"unfinished": unfinished, "config": everything({"pn": ["v"]}), "traced": lambda point: True}
    results = made_up_sweep(tmp_path, MADE_UP_SHAPES[shape], chunk_runs=10 if shape != "one run" else 2, **settings)
    files = {file.name: file for file in drawn_files(results)}
    assert {"raster.png", "connectivity.png", "traces.png"} <= set(files)
    assert ("scatter.png" in files) == shape.startswith("sampled") and ("rate_map.png" in files) == ("grid" in shape)
    for name in ("raster.svg", *(name for name in files if name.endswith("e.svg"))):
        assert ("partial: " in files[name].read_text()) == bool(unfinished)
    if shape == "one run" and unfinished:
        assert "no run is finished" in files["raster.svg"].read_text()


def test_holes_are_drawn(tmp_path):
    config, axes = everything(), [COUPLING, Axis("network.size", "size", (8, 16), "size"), SOLVER]
    results = made_up_sweep(
        tmp_path, axes, planned=lambda point: point["coupling"] > 0 and point["size"] == 8, config=config
    )
    files = {file.name: file for file in drawn_files(results)}
    assert "grey: undefined or no result" in files["rate_map.svg"].read_text()
    assert strongest(results).point["coupling"] > 0


def test_the_raster_shows_a_run_that_is_there(tmp_path):
    results = made_up_sweep(tmp_path, [ACH], chunk_runs=2, unfinished=[0, 1])
    assert strongest(results).point["ach"] == ACH.values[2]


def test_scatter_shows_means_over_trials(tmp_path):
    results = made_up_sweep(tmp_path, [ACH, GABA, SOLVER])
    values = means(results)
    assert values["firing_rate"].dims == ("run", "population") and values.sizes["run"] == 24
    here = results.cube["firing_rate"].sel(run=7, solver="rk4", network=0).mean("trial")
    np.testing.assert_allclose(values["firing_rate"].isel(run=7), here)
    figure = scatter.draw(results)
    points = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(points, np.column_stack([ACH.values, values["firing_rate"].sel(population="pn")]))
    rows = scatter.table(results).set_index(["population", "measure", "parameter"])
    assert (
        rows.loc[("pn", "firing_rate", "ach"), "spearman"] > 0.5 > rows.loc[("pn", "firing_rate", "gaba"), "spearman"]
    )
    assert rows.loc[("pn", "firing_rate", "ach"), "points"] == 24 and len(rows) == 2 * 8 * 2


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
    results = open_sweep(gather(tmp_path / "sweep", "made_up", partial=True))
    cube = results.cube.load()
    cube["firing_rate"][:] = np.arange(5000.0)[:, None, None, None]
    figure = coupling_curves.draw(results)
    (line,) = figure.axes[0].lines
    assert len(line.get_xdata()) == 1667
    np.testing.assert_allclose(line.get_ydata()[:2], [1, 4])
    plt.close(figure)


def as_tables(results, *figures):
    """Draw each, and its numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in figures:
            save(name, results, [results.folder / f"{name}.png"])
            image = matplotlib.image.imread(results.folder / f"{name}.png")[..., :3]
            assert np.ptp(image) > 0.5, name
    modules = [importlib.import_module(f"psst_core.figures.{name}") for name in with_table(figures)]
    return [module.table(results) for module in modules]


def test_euler_beside_exact(tmp_path):
    (found,) = as_tables(run_sweep(tmp_path, "euler_exact", "run.dt=0.1,0.05"), "exact")
    np.testing.assert_allclose(found["value"], [1.5**19, 1.25**38], rtol=1e-12)
    np.testing.assert_allclose(found["exact"], np.exp(9.5), rtol=1e-12)
    np.testing.assert_allclose(found["relative error"], 1 - found["value"] / np.exp(9.5))


def test_the_published_f_i_curve(tmp_path):
    (found,) = as_tables(run_sweep(tmp_path, "f_i_curve"), "f_i_curve", "potentials")
    published = [0, 0, 1, 6, 7, 9, 10, 11, 11, 12, 13, 13, 14, 14, 15, 15, 16, 16, 16, 17]
    assert found["spikes"].tolist() == published
    np.testing.assert_allclose(found["rate (Hz)"], np.array(published) / 0.2)
    np.testing.assert_allclose(found["current (µA/cm²)"], np.linspace(0, 10, 20))


def test_rate_functions_under_clamp(tmp_path):
    v = "network.populations.clamp.start.v=-90,-62.5,-35,0,40"
    (found,) = as_tables(run_sweep(tmp_path, "rate_functions", v), "rate_functions")
    v = np.array([-90, -62.5, -35, 0, 40])
    rows = found.set_index(["channel", "gate"])
    assert len(rows) == 8 * 5 and (rows.loc[("sodium", "m"), "v (mV)"] == v).all()
    np.testing.assert_allclose(rows.loc[("a_type", "m"), "steady state"], 1 / (1 + np.exp(-(v + 60) / 8.5)), rtol=1e-9)
    phi = 3 ** ((36 - 23.5) / 10)
    rate = phi * (np.exp((v + 35.82) / 19.69) + np.exp(-(v + 79.69) / 12.7) + 0.37)
    np.testing.assert_allclose(rows.loc[("a_type", "m"), "time constant (ms)"], 1 / rate, rtol=1e-6)
    below = np.exp((v[0] + 46.05) / 5) + np.exp(-(v[0] + 238.4) / 37.45)
    inactivation = [1 / (phi * below), *[19 / phi] * 4]
    np.testing.assert_allclose(rows.loc[("a_type", "h"), "time constant (ms)"], inactivation, rtol=1e-6)
    u, phi = v + 50, 3 ** ((22 - 36) / 10)
    with np.errstate(invalid="ignore"):
        opening = np.where(u == 15, 5 * 0.02, 0.02 * (15 - u) / (np.exp((15 - u) / 5) - 1)) * phi
    closing = phi * 0.5 * np.exp((10 - u) / 40)
    n = rows.loc[("delayed_rectifier", "n")]
    np.testing.assert_allclose(n["steady state"], opening / (opening + closing), rtol=1e-9)
    np.testing.assert_allclose(n["time constant (ms)"], 1 / (opening + closing), rtol=1e-6)


def test_the_currents_of_an_action_potential(tmp_path):
    """They and the stimulus add up to what charges the membrane."""
    overrides = "run.duration=15 recorder.window=[0,15] recorder.interval=0.01 recorder.precision=float64"
    results = run_sweep(tmp_path, "action_potential", overrides)
    as_tables(results, "action_potential")
    run = results.run(network=0, trial=0)
    population = Network.from_config(run.config["network"]).populations["hh"]
    flowing = action_potential.currents(run, population)
    assert list(flowing) == ["leak", "potassium", "sodium"]
    v = run.traces["trace_hh_v"].values[0]
    charging = np.gradient(v, 0.01)
    assert v.max() > 0 and np.abs(charging - (5.0 - sum(flowing.values())))[5:-5].max() < 2e-3 * np.abs(charging).max()


def test_separation_grows_exponentially():
    time = np.arange(0, 40, 0.01)
    apart = np.minimum(1e-6 * np.exp(0.9 * np.maximum(time - 5, 0)), 20) * (1 + 0.3 * np.sin(9 * time))
    rate, _, fitted = separation.growth(time, apart)
    assert rate == pytest.approx(0.9, abs=0.01)
    assert apart[fitted].max() < 2.6 and 5 < time[fitted].min() < 9
    assert np.isnan(separation.growth(time[:4], np.zeros(4))[0])


def test_the_separation_of_lorenz(tmp_path):
    (found,) = as_tables(run_sweep(tmp_path, "lorenz"), "separation")
    assert found["first distance"][0] == pytest.approx(1e-6, rel=1e-6) and found["last distance"][0] > 1
    assert 0.6 < found["growth (1/ms)"][0] < 1.3


def test_where_a_spectrum_peaks(tmp_path):
    config = small_locust(sweep__trials=2, run__duration=500.0, recorder__window=[0.0, 500.0])
    config = put(config, {"analysis.spectrum": [0.0, 500.0], "sweep.networks": 1})
    results = made_up_sweep(tmp_path, [COUPLING], config=config)
    (found,) = as_tables(results, "spectra")
    assert found["population"].tolist() == ["pn", "ln"] and (found["runs"] == 2).all()
    np.testing.assert_allclose(found["peak (Hz)"], 200 / (2 * np.pi), atol=1.5)
    power = results.cube["band_power"].sel(coupling=1.0).mean(["network", "trial"])
    np.testing.assert_allclose(found["power in the band (mV²)"], power, rtol=1e-6)


def test_what_a_long_run_would_keep(tmp_path):
    assert memory.bytes_kept(100_000, 4000, 1) == 2 * 8 * 100_000 * 4000
    assert memory.bytes_kept(100_000, 4000, 10) == round(1.1 * 8 * 100_000 * 4000)
    overrides = TINY.replace("sweep.trials=2", "sweep.trials=1").replace("run.duration=20", "run.duration=10,20")
    results = run_sweep(tmp_path, "long_run", overrides + "network.size=8")
    (found,) = as_tables(results, "memory")
    assert found["model time (ms)"].tolist() == [10, 20] and (found["measured (MB)"] > 100).all()
    synapses = sum(np.count_nonzero(weights) for weights in results.run(duration=10.0).connections().values())
    assert found["variables"].tolist() == [7 * 6 + 7 * 2 + synapses] * 2
    np.testing.assert_allclose(
        found["formula, 1 piece (MB)"], 2 * 8 * np.array([1000, 2000]) * found["variables"] / 1e6
    )


def test_confidence_is_over_networks():
    values = np.random.default_rng(1).normal(size=(3, 5, 4))
    variable = xr.DataArray(values, dims=("x", "network", "trial"))
    mean, width = mean_and_confidence(variable)
    of_networks = values.mean(axis=2)
    np.testing.assert_allclose(mean, of_networks.mean(axis=1))
    interval = stats.t.interval(0.95, 4, of_networks.mean(axis=1), stats.sem(of_networks, axis=1))
    np.testing.assert_allclose([mean - width, mean + width], interval)
    variable[0, 1:] = np.nan
    mean, width = mean_and_confidence(variable)
    assert np.isfinite(mean).all() and np.isnan(width[0]) and np.isfinite(width[1:]).all()


METHOD = [replace(SOLVER, dimension="run"), Axis("run.dt", "dt", (0.01, 0.02), "run")]


@pytest.mark.parametrize("unfinished", [(), (0,), range(100)], ids=["whole", "partial", "empty"])
def test_effects_by_method(tmp_path, unfinished):
    config = small_locust(run__duration=400.0, sweep__networks=3, sweep__trials=2, analysis__spectrum=[0.0, 400.0])
    axes = [replace(COUPLING, values=(0.0, 1.0, 5.0, 20.0)), Axis("network.ach", "ach", (0.5, 1.0), "ach"), *METHOD]
    results = made_up_sweep(tmp_path, axes, config=config, unfinished=unfinished, chunk_runs=24)
    found, *_ = [*as_tables(results, "effects", "confidence_curves", "phase_diagram"), pd.DataFrame()]
    if unfinished and len(unfinished) > 1:
        assert found.empty
        return
    assert set(found["method"]) == {"rk4, dt 0.01", "euler, dt 0.02"} and set(found["axis"]) == {"coupling", "ach"}
    rows = found.set_index(["population", "measure", "axis"])
    rising = rows.loc[[("pn", "band_power", "coupling"), ("ln", "firing_rate", "coupling")]]
    assert (rising["correlation"] > 0.5).all() and (rising["largest at"] == 20).all()
    if not unfinished:
        assert (rising["networks"] == 3).all() and rising["same"].all() and (rising["half width"] >= 0).all()


def test_phase_diagrams_show_means(tmp_path):
    axes = [COUPLING, Axis("network.ach", "ach", (0.5, 1.0), "ach")]
    results = made_up_sweep(tmp_path, axes, config=small_locust(sweep__networks=1, sweep__trials=2))
    figure = phase_diagram.draw(results)
    shown = figure.axes[0].images[0].get_array()
    rate = results.cube["firing_rate"].sel(population="pn").mean(["network", "trial"])
    np.testing.assert_allclose(shown, rate.transpose("ach", "coupling"))
    plt.close(figure)


def test_every_figure_has_a_caption():
    captions = {file.stem for file in (TOP / "workflow" / "report").glob("*.rst")}
    assert set(names()) == captions - {"caption", "workflow"}
    experiments = {file.stem for file in (TOP / "conf" / "experiment").glob("*.yaml")}
    assert {file.stem for file in (TOP / "workflow" / "report" / "experiments").glob("*.rst")} <= experiments


def test_styles_and_formats_are_configuration(tmp_path):
    """Of the configuration, drawn and digested."""
    (tmp_path / "own.mplstyle").write_text("axes.facecolor: red\n")
    config = small_locust(sweep__networks=1, sweep__trials=1, style=str(tmp_path / "own.mplstyle"), formats=["pdf"])
    results = made_up_sweep(tmp_path, [], config=config | {"figures": ["raster"]})
    files = {file.name: file for file in drawn_files(results)}
    assert set(files) == {"raster.png", "raster.svg", "raster.pdf"}
    image = matplotlib.image.imread(files["raster.png"])[..., :3]
    assert (np.abs(image - [1, 0, 0]).max(axis=-1) < 0.01).mean() > 0.3
    plain, own = figure_digest("raster"), figure_digest("raster", config["style"])
    (tmp_path / "own.mplstyle").write_text("axes.facecolor: blue\n")
    assert len({plain, own, figure_digest("raster", config["style"])}) == 3
    with pytest.raises(PsstError, match="style=ggplott: no such file"):
        available(["raster"], [], put(config, {"style": "ggplott"}))
    with pytest.raises(PsstError, match="formats=gif"):
        expand("pendulum", ["formats=[gif]"])


def test_the_page_of_a_sweep(tmp_path):
    results = made_up_sweep(tmp_path, [COUPLING])
    text = page(results)
    assert text.startswith("<!DOCTYPE html>") and "network.coupling: 0.0, 0.5, 1.0" in text and "6 ok" in text
    assert "start_jitter: 0.01" in text


def test_a_sweep_at_the_size_of_a_publication():
    small, paper = expand("long_run"), expand("long_run", ["scale=paper"])
    assert len(paper.runs) == 5 > len(small.runs) and paper.config["run"]["duration"] == 1000
    own = expand("locust_oscillation", ["scale=paper", "network.ach=1", "network.gaba=0.1,0.2", "sweep.networks=1"])
    assert {axis.name: len(axis.values) for axis in own.axes if axis.dimension != "run"} == {
        "ach": 1,
        "gaba": 2,
        "size": 3,
    }
    assert len(own.runs) == 2 * 3 * 3 * 4
    assert {run.id for run in small.runs} & {run.id for run in paper.runs}
    with pytest.raises(PsstError, match="scale=huge"):
        expand("long_run", ["scale=huge"])


OF_TWO_CHUNKS = {
    "exact": ("euler_exact", "run.dt=0.1,0.05"),
    "f_i_curve": ("f_i_curve", "run.duration=20 recorder.window=[0,20] solver=rk4,euler"),
    "rate_functions": ("rate_functions", "network.populations.clamp.start.v=-60,-20"),
    "action_potential": ("action_potential", "run.duration=2 recorder.window=[0,2] solver=rk4,euler"),
    "memory": ("long_run", TINY.replace("run.duration=20", "run.duration=10,20") + "network.size=8"),
    "separation": ("lorenz", "run.duration=5 recorder.window=[0,5] solver=rk4,euler"),
    "solver_order": ("solver_order", "network=linear_pair solver=euler run.dt=0.1,0.05"),
}


@pytest.mark.parametrize("name", OF_TWO_CHUNKS)
def test_what_is_left_of_a_figure_without_some_of_its_runs(name, tmp_path):
    """Whole, then with half of its chunks, if it has two, then with none."""
    experiment, overrides = OF_TWO_CHUNKS[name]
    whole = run_sweep(tmp_path, experiment, f"{overrides} hardware.jobs=2")
    as_tables(whole, name)
    plan = (tmp_path / "sweep" / "planned").read_text().strip()
    chunks = whole.plan["chunk"].unique()
    counts = []
    for chunk in chunks:
        for file in (tmp_path / "chunks").glob(f"{chunk}*.nc"):
            file.unlink()
        partial = open_sweep(gather(tmp_path / "sweep", plan, partial=True))
        found = as_tables(partial, name)
        counts.append(len(partial.finished))
        assert all(table.empty == partial.finished.empty for table in found)
    assert counts[-1] == 0 and (len(counts) > 1 or name == "rate_functions")
