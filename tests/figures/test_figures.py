"""Each figure on sweeps of every shape: many axes, one axis, one run."""

import itertools
from dataclasses import replace

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from psst_core.drawing import remove_stale, save, save_table
from psst_core.errors import PsstError
from psst_core.figures.chosen import available, caption_of, figure_digest, with_table
from psst_core.figures.raster import strongest
from psst_core.figures.shared.style import mean_and_band, numeric_names
from psst_core.files import write_text
from psst_core.keys import put
from psst_core.registry import names
from psst_core.store.folder import SweepFolder
from psst_core.store.made import marking
from psst_core.sweep.expand import expand
from psst_core.sweep.runs import Axis
from support.configurations import configuration, small_locust
from support.drawn import drawn_files
from support.made_up import made_up_sweep
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
    wanted = available(names("figure"), axes, results.config)
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
    assert available(names("figure"), [], locust) == ["connectivity", "raster", "spectra"]
    assert available(names("figure"), [], pendulum) == ["exact", "phase_plane", "traces"]
    assert "rate_map" in available(names("figure"), [coupling], locust)
    assert "solver_difference" not in available(
        names("figure"), [coupling, Axis("solver", "solver", ("rk4",), "solver")], locust
    )
    steps = Axis("run.dt", "dt", (0.1, 0.05), "dt")
    special = {"scatter", "solver_order", "error_estimate", "traces", "phase_plane", "action_potential", "exact"}
    special |= {"f_i_curve", "gain", "memory", "phase_diagram", "potentials", "rate_functions", "separation"}
    special |= {"lines", "correlogram", "spectrogram", "small_multiples", "parallel", "pairs"}
    assert available(names("figure"), [coupling, solver], locust) == [
        name for name in names("figure") if name not in special
    ]
    size = Axis("network.size", "size", (60, 120), "size")
    delay = Axis("network.synapses.ach.delay", "delay", (8.0, 16.0), "delay")
    assert "small_multiples" in available(names("figure"), [coupling, size, delay], locust)
    sampled = [replace(coupling, dimension="run"), replace(size, dimension="run")]
    assert {"scatter", "parallel", "pairs", "sensitivity"} <= set(available(names("figure"), sampled, locust))
    of_lines = {name: {"type": name} for name in ("spectrum", "spectrogram", "cross_correlation")}
    measured = put(locust, {"analysis.measures": locust["analysis"]["measures"] | of_lines})
    assert {"lines", "correlogram", "spectrogram"} <= set(available(names("figure"), [], measured))
    replicated = put(locust, {"sweep.networks": 4})
    assert {"phase_diagram", "confidence_curves"} <= set(available(names("figure"), [coupling, size], replicated))
    method = [replace(solver, dimension="run"), Axis("run.dt", "dt", (0.01, 0.02), "run")]
    assert "effects" in available(names("figure"), [coupling, *method], locust)
    assert "effects" not in available(names("figure"), [coupling, replace(size, dimension="run")], locust)
    assert "memory" in available(names("figure"), [Axis("run.duration", "duration", (1.0, 2.0), "duration")], locust)
    for name in ("exact", "f_i_curve", "rate_functions", "separation", "action_potential", "potentials"):
        experiments = {"exact": "euler_exact", "separation": "lorenz", "potentials": "antennal_lobe"}
        sweep = expand(experiments.get(name, name))
        assert available([name], sweep.axes, sweep.config) == [name]
    assert "solver_order" in available(names("figure"), [solver, steps], pendulum)
    assert available(["traces", "phase_plane"], [], configuration("chain_of_three")) == ["traces"]
    assert "error_estimate" in available(names("figure"), [], put(locust, {"numerics.check": "halve_dt"}))
    with pytest.raises(PsstError, match="did you mean raster"):
        available(["rastr"], [], locust)


def test_the_table_of_orders(tmp_path):
    overrides = "solver=euler,midpoint,rk4 run.dt=0.1,0.05,0.025 run.duration=1 recorder.window=[0,1]"
    results = run_sweep(tmp_path, "solver_order", overrides)
    assert with_table(["raster", "solver_order"], results.config) == ["solver_order"]
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
    for name in available(["traces", "phase_plane"], axes, results.config):
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
    config = configuration()
    assert len({figure_digest(name, config) for name in names("figure")}) == len(names("figure"))


def test_every_figure_has_a_caption():
    assert all(len(caption_of(name, configuration())) > 40 for name in names("figure"))
    experiments = {file.stem for file in (ROOT / "conf" / "experiment").glob("*.yaml")}
    assert {file.stem for file in (ROOT / "workflow" / "report" / "experiments").glob("*.rst")} <= experiments


def test_styles_and_formats_are_configuration(tmp_path):
    """Styles and formats are drawn, and count for the digest of a figure."""
    (tmp_path / "own.mplstyle").write_text("axes.facecolor: red\n")
    config = small_locust(sweep__networks=1, sweep__trials=1, style=str(tmp_path / "own.mplstyle"), formats=["pdf"])
    results = made_up_sweep(tmp_path, [], config=config | {"figures": ["raster"]})
    files = {file.name: file for file in drawn_files(results)}
    assert set(files) == {"raster.png", "raster.svg", "raster.pdf"}
    image = matplotlib.image.imread(files["raster.png"])[..., :3]
    assert (np.abs(image - [1, 0, 0]).max(axis=-1) < 0.01).mean() > 0.3
    plain, own = figure_digest("raster", configuration()), figure_digest("raster", config)
    (tmp_path / "own.mplstyle").write_text("axes.facecolor: blue\n")
    assert len({plain, own, figure_digest("raster", config)}) == 3
    with pytest.raises(PsstError, match="style=ggplott: no such file"):
        available(["raster"], [], put(config, {"style": "ggplott"}))
    with pytest.raises(PsstError, match="formats=gif"):
        expand("pendulum", ["formats=[gif]"])
