"""Each figure on sweeps of every shape: many axes, one axis, one run."""

import itertools
import re
import warnings
from dataclasses import replace

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import Normalize

from psst_core import open_sweep
from psst_core.errors import PsstError
from psst_core.figures import (
    available,
    coupling_curves,
    draw_all,
    figure_digest,
    names,
    remove_stale,
    save,
    save_table,
    scatter,
    with_table,
)
from psst_core.figures.raster import strongest
from psst_core.figures.scatter import binned_median, means
from psst_core.figures.style import first_traced, heat_map, mean_and_band, numeric_names, scale_x, slices
from psst_core.files import write_text
from psst_core.keys import put
from psst_core.results.about import page
from psst_core.results.gather import gather
from psst_core.store.folder import Folder, SweepFolder
from psst_core.store.made import marking
from psst_core.sweep.expand import Axis, expand
from support.configurations import configuration, small_locust
from support.drawn import drawn_text
from support.made_up import COUPLING, SOLVER, made_up, made_up_plan, made_up_sweep
from support.paths import ROOT
from support.sweeps import TINY, run_sweep

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
    kept, old, mine = (tmp_path / "figures" / f"{name}.png" for name in ("raster", "rate_map", "my_own"))
    for file in (kept, old, mine):
        write_text(file, file.name)
    with marking(tmp_path, [kept, old], "recipe"):
        pass
    remove_stale(tmp_path, [kept])
    assert sorted(kept.parent.iterdir()) == [mine, kept] and SweepFolder(tmp_path).marked() == [kept]


def test_digests_of_figures_differ():
    assert len({figure_digest(name) for name in names()}) == len(names())


NUMBERS = np.random.default_rng(1).uniform(0.01, 1, (2, 24))
ACH, GABA = (
    Axis(f"network.{name}", name, tuple(values.tolist()), "run")
    for name, values in zip(("ach", "gaba"), NUMBERS, strict=True)
)
DELAYS = Axis("network.synapses.ach.delay", "delay", (8.0, 16.0), "delay")
WORDS = Axis("stimulus", "stimulus", ("odour", "none"), "run")
MADE_UP_SHAPES = {
    "sampled": [ACH, GABA],
    "sampled on a grid": [replace(ACH, values=ACH.values[:6]), COUPLING, SOLVER],
    "a grid": [COUPLING, DELAYS, SOLVER],
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
        assert "no run to show: not yet run" in files["raster.svg"].read_text()


FATES = {
    "all diverged": ({"diverged": lambda run: True}, "diverged"),
    "none begun": ({"unfinished": range(100)}, "not yet run"),
    "all failed": ({"unfinished": range(100)}, "failed"),
    "diverged but for jobs that failed": ({"diverged": lambda run: True, "unfinished": [0]}, "diverged, failed"),
}


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("shape", ["a grid", "sampled on a grid", "one run"])
def test_every_figure_says_what_became_of_runs_without_measures(fate, shape, tmp_path, monkeypatch):
    settings, word = FATES[fate]
    if "failed" in word:
        monkeypatch.setattr(Folder, "state", lambda folder, chunk: ("failed", ""))
    if shape == "one run" and fate.startswith("diverged but"):
        pytest.skip("there is no other run")
    axes = MADE_UP_SHAPES[shape]
    settings |= {"config": everything({"pn": ["v"]}), "traced": lambda point: True, "chunk_runs": 12}
    results = made_up_sweep(tmp_path, axes, **settings)
    wanted = available(names(), list(results.axes.values()), results.record["config"])
    for name in wanted:
        text = drawn_text(name, results)
        assert "undefined" not in text, name
        assert all(one in text for one in word.split(", ")), name
        if "diverged" in word:
            assert re.search(r"[0-9]+ of [0-9]+ runs diverged \(first at 6 ms\)", text), name
        if name not in ("raster", "traces", "potentials", "connectivity") and ", " not in word:
            assert text.count(word) > 1, name
    for name in with_table(wanted):
        save_table(name, results, tmp_path / f"{name}.csv")


def test_a_figure_stands_where_most_runs_are_ok(tmp_path):
    """Most of rk4 is not planned, and of euler's runs those at the shorter delay have diverged in part."""
    config = everything() | {"figures": ["scatter"]}
    axes = [replace(ACH, values=ACH.values[:6]), SOLVER, DELAYS]
    results = made_up_sweep(
        tmp_path,
        axes,
        config=config,
        chunk_runs=100,
        planned=lambda point: point["solver"] == "euler" or point["run"] < 2,
        diverged=lambda run: run["values"][DELAYS.key] == 8 and run["trial"] == 0,
    )
    assert slices(results, ["run"]) == {"solver": "euler", "delay": 16}
    text = drawn_text("scatter", results)
    assert "solver euler, delay 16" in text and "8 of 32 runs diverged (first at 6 ms)" in text
    assert slices(results, ["run", "solver"]) == {"delay": 16}


def test_the_run_that_is_shown_is_one_that_is_ok(tmp_path):
    """Also where the first of which traces are kept has diverged."""
    results = made_up_sweep(
        tmp_path,
        [COUPLING],
        config=everything({"pn": ["v"]}),
        traced=lambda point: True,
        chunk_runs=2,
        diverged=lambda run: run["values"]["network.coupling"] < 1,
    )
    assert first_traced(results, "traces").point["coupling"] == strongest(results).point["coupling"] == 1
    assert first_traced(results, "traces", coupling=0.5).status == "diverged"
    assert "diverged at 6 ms" in drawn_text(
        "potentials",
        made_up_sweep(
            tmp_path / "other",
            [],
            config=everything({"pn": ["v"]}),
            traced=lambda point: True,
            diverged=lambda run: True,
        ),
    )


def test_holes_are_drawn(tmp_path):
    config = everything()
    results = made_up_sweep(
        tmp_path,
        MADE_UP_SHAPES["a grid"],
        planned=lambda point: point["coupling"] > 0 < point["delay"] < 10,
        config=config,
    )
    files = {file.name: file for file in drawn_files(results)}
    assert "grey: not planned" in files["rate_map.svg"].read_text()
    assert "grey: undefined" in files["phase_diagram.svg"].read_text()
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
    results = open_sweep(gather(tmp_path / "sweep", made_up(tmp_path), partial=True))
    cube = results.cube.load()
    cube["firing_rate"][:] = np.arange(5000.0)[:, None, None, None]
    figure = coupling_curves.draw(results)
    (line,) = figure.axes[0].lines
    assert len(line.get_xdata()) == 1667
    np.testing.assert_allclose(line.get_ydata()[:2], [1, 4])
    plt.close(figure)


def test_every_figure_has_a_caption():
    captions = {file.stem for file in (ROOT / "workflow" / "report").glob("*.rst")}
    assert set(names()) == captions - {"caption", "workflow"}
    experiments = {file.stem for file in (ROOT / "conf" / "experiment").glob("*.yaml")}
    assert {file.stem for file in (ROOT / "workflow" / "report" / "experiments").glob("*.rst")} <= experiments


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
