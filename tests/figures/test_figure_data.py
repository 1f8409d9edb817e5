"""The data behind the figures: slopes, counts, peaks."""

import shutil
import warnings
from dataclasses import replace

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from psst_core import open_sweep
from psst_core.drawing import save
from psst_core.figures import action_potential, memory, separation
from psst_core.figures.chosen import figure_of, with_table
from psst_core.figures.phase_diagram import PhaseDiagram
from psst_core.figures.shared.style import mean_and_confidence
from psst_core.keys import put
from psst_core.model.network import Network
from psst_core.results.gather import gather
from psst_core.sweep.runs import Axis
from support.configurations import small_locust
from support.drawn import drawn_text
from support.made_up import COUPLING, SOLVER, made_up_sweep
from support.sweeps import TINY, diverge_all, run_sweep

LONGER = TINY.replace("run.duration=20", "run.duration=10,20").replace(",20]", ",10]") + "network.size=8"


def as_tables(results, *figures):
    """Draw each, and its numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in figures:
            save(name, results, [results.folder / f"{name}.png"])
            image = matplotlib.image.imread(results.folder / f"{name}.png")[..., :3]
            assert np.ptp(image) > 0.5, name
    return [figure_of(name, results.config).table(results) for name in with_table(figures, results.config)]


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
    population = Network.from_config(run.config.network).populations["hh"]
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
    assert (found[["band from (Hz)", "band to (Hz)"]] == [10, 60]).all(axis=None)


def test_what_a_long_run_would_keep(tmp_path):
    assert memory.bytes_kept(100_000, 4000, 1) == 2 * 8 * 100_000 * 4000
    assert memory.bytes_kept(100_000, 4000, 10) == round(1.1 * 8 * 100_000 * 4000)
    results = run_sweep(tmp_path, "long_run", LONGER.replace("sweep.trials=2", "sweep.trials=1"))
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
    figure = PhaseDiagram().draw(results)
    shown = figure.axes[0].images[0].get_array()
    rate = results.cube["firing_rate"].sel(population="pn").mean(["network", "trial"])
    np.testing.assert_allclose(shown, rate.transpose("ach", "coupling"))
    plt.close(figure)


OF_TWO_CHUNKS = {
    "exact": ("euler_exact", "run.dt=0.1,0.05"),
    "f_i_curve": ("f_i_curve", "run.duration=20 recorder.window=[0,20] solver=rk4,euler"),
    "rate_functions": ("rate_functions", "network.populations.clamp.start.v=-60,-20"),
    "action_potential": ("action_potential", "run.duration=2 recorder.window=[0,2] solver=rk4,euler"),
    "memory": ("long_run", LONGER),
    "separation": ("lorenz", "run.duration=5 recorder.window=[0,5] solver=rk4,euler"),
    "solver_order": ("solver_order", "network=linear_pair solver=euler run.dt=0.1,0.05"),
}


@pytest.mark.parametrize("name", OF_TWO_CHUNKS)
def test_what_is_left_of_a_figure_without_some_of_its_runs(name, tmp_path):
    """Whole, then diverged, then with half of its chunks, if it has two, then with none."""
    experiment, overrides = OF_TWO_CHUNKS[name]
    whole = run_sweep(tmp_path, experiment, f"{overrides} hardware.jobs=2")
    as_tables(whole, name)
    plan = (tmp_path / "sweep" / "planned").read_text().strip()
    chunks = whole.plan["chunk"].unique()
    other = shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}_diverged"))
    diverge_all(other, chunks)
    lost = open_sweep(gather(other / "sweep", plan, partial=True))
    assert all(table.empty for table in as_tables(lost, name)) or name == "memory"
    text = drawn_text(name, lost)
    assert f"{len(lost.plan)} of {len(lost.plan)} runs diverged (first at" in text and "undefined" not in text
    counts = []
    for chunk in chunks:
        for file in (tmp_path / "chunks").glob(f"{chunk}*.nc"):
            file.unlink()
        partial = open_sweep(gather(tmp_path / "sweep", plan, partial=True))
        found = as_tables(partial, name)
        counts.append(len(partial.finished))
        assert all(table.empty == partial.finished.empty for table in found)
    assert counts[-1] == 0 and (len(counts) > 1 or name == "rate_functions")
