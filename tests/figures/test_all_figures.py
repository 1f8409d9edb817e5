"""Every figure of sweeps that no one simulated: sampled, with holes, partial, diverged and failed."""

import re
from dataclasses import replace

import numpy as np
import pytest

from psst_core.drawing import save_table
from psst_core.figures.chosen import available, with_table
from psst_core.figures.raster import strongest
from psst_core.figures.scatter import Scatter, means
from psst_core.figures.shared.style import first_traced, slices
from psst_core.registry import names
from psst_core.store.folder import Folder
from psst_core.sweep.runs import Axis
from support.configurations import small_locust
from support.drawn import drawn_files, drawn_text
from support.made_up import COUPLING, SOLVER, made_up_sweep

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


def everything(variables=None):
    figures = [name for name in names("figure") if name != "error_estimate"]
    config = small_locust(sweep__networks=1, sweep__trials=2, analysis__spectrum=[0.0, 20.0])
    config["recorder"]["variables"] = variables or {}
    segments = {name: {"type": name, "segment": 10.0} for name in ("spectrum", "spectrogram")}
    config["analysis"]["measures"] |= segments | {"cross_correlation": {"type": "cross_correlation", "longest": 5.0}}
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
    assert {"lines.png", "correlogram.png", "spectrogram.png"} <= set(files)
    assert ("pairs.png" in files) == ("parallel.svg" in files and shape == "sampled")
    assert ("distributions.png" in files) == ("behaviour.png" in files) == ("grid" in shape)
    assert ("small_multiples.png" in files) == (shape == "a grid")
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
    wanted = available(names("figure"), list(results.axes.values()), results.config)
    for name in wanted:
        text = drawn_text(name, results)
        assert "undefined" not in text, name
        assert all(one in text for one in word.split(", ")), name
        if "diverged" in word:
            assert re.search(r"[0-9]+ of [0-9]+ runs diverged \(first at 6 ms\)", text), name
        if name not in ("raster", "traces", "potentials", "connectivity") and ", " not in word:
            assert text.count(word) > 1, name
    for name in with_table(wanted, results.config):
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
    figure = Scatter().draw(results)
    points = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(points, np.column_stack([ACH.values, values["firing_rate"].sel(population="pn")]))
    rows = Scatter().table(results).set_index(["population", "measure", "parameter"])
    assert (
        rows.loc[("pn", "firing_rate", "ach"), "spearman"] > 0.5 > rows.loc[("pn", "firing_rate", "gaba"), "spearman"]
    )
    assert rows.loc[("pn", "firing_rate", "ach"), "points"] == 24 and len(rows) == 2 * 8 * 2


def test_figures_show_the_measures_that_are_there(tmp_path):
    """Without the oscillation, and with the measures that a configuration names."""
    config = everything()
    del config["analysis"]["measures"]["oscillation"]
    config["figure_options"] = {"scatter": {"type": "scatter", "measures": ["isi_cv", "firing_rate"]}}
    results = made_up_sweep(tmp_path, [ACH, COUPLING], config=config)
    names = {file.stem for file in drawn_files(results)}
    assert {"raster", "connectivity", "scatter", "coupling_curves", "rate_map"} <= names and "power_map" not in names
    text = drawn_text("scatter", results)
    assert "variation of intervals" in text and "synchrony" not in text
    text = drawn_text("coupling_curves", results)
    assert "firing rate" in text and "synchrony" in text and "oscillation power" not in text
