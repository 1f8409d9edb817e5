"""The benchmark's report on made-up measurements: ratios, what is missing, spikes, and figures."""

import sys

import matplotlib.image
import numpy as np
import pytest
import xarray as xr

from support.paths import ROOT

sys.path.insert(0, str(ROOT / "workflow" / "benchmark"))
from pictures import FIGURES
from report import report
from rows import Row, one

DRIFT = np.array([1.0, 1.5, 1.2])
EXPONENTIAL = "exponential_euler"
KEYS = ("section", "program", "mode", "method", "precision", "runs", "equations", "cores", "steps")
ATTRIBUTES = {"machine": "a machine", "date": "2026-11-01", "tensorflow": "2.21", "python": "3.12", "commit": "abc"}


def row(section, program, cost, mode="default", method="rk4", precision="double", runs=64, **values):
    """A row that takes `cost` µs per step and run, on a machine that is slower at some repeats than at others."""
    given = {"equations": 4, "cores": 1, "steps": 1000, "setup_seconds": 0.5, "peak_memory": 3e8, "spikes": 700}
    given |= {"section": section, "program": program, "mode": mode, "method": method, "precision": precision}
    seconds = np.asarray(cost) * DRIFT * 1e-6 * 1000 * runs
    return given | {"runs": runs, "seconds": seconds, "version": f"{program} 1.0"} | values


def dataset(rows):
    keys = {key: ("row", [row[key] for row in rows]) for key in KEYS}
    names = ("setup_seconds", "peak_memory", "spikes", "version")
    variables = {name: ("row", [row[name] for row in rows]) for name in names}
    variables["seconds"] = (("row", "repeat"), np.array([row["seconds"] for row in rows]))
    return xr.Dataset(variables, keys, ATTRIBUTES)


def measured():
    rows = [
        *(row("locust", "PSST", 10 + 90 / runs, runs=runs) for runs in (1, 16, 256)),
        row("locust", "PSST", 10),
        row("locust", "PSST", 5, precision="single"),
        row("locust", "Brian2", [19, 21, 20], "merged", spikes=703),
        row("locust", "Brian2", 25, "separate"),
        row("locust", "Brian2", 15, "tuned"),
        row("locust", "Brian2", [40, 41, np.nan], "merged", precision="single"),
        row("locust", "Brian2", 31, "separate", precision="single"),
        row("locust", "Brian2", 180, "separate", runs=1),
        row("locust", "JAX", 15, "plain", spikes=698),
        row("locust", "C limit", [np.nan] * 3, precision="single"),
        row("locust", "tutorial", 1500, runs=1, spikes=12, steps=500, seconds=1500 * DRIFT * 1e-6 * 500),
        row("locust", "NEURON", 60, method="implicit_euler"),
        *(row("cells", "PSST", 2 + n / 1e3, runs=1, equations=n) for n in (4, 4000, 1_000_000)),
        *(row("cells", "NumPy", 90 + n / 50, runs=1, equations=n) for n in (4, 4000, 1_000_000)),
        *(row("sine", "PSST", 1 + n / 1e3, runs=1, equations=n, spikes=0) for n in (1, 10_000)),
        *(row("sine", "NumPy", 20 + n / 20, runs=1, equations=n, spikes=0) for n in (1, 10_000)),
        row("sine", "tutorial", 202, runs=1, equations=1, spikes=0),
        *(row("coba", "PSST", cost, method=EXPONENTIAL, runs=n) for n, cost in ((1, 100), (8, 80))),
        row("coba", "Brian2", [150, 200, 210], "separate", method=EXPONENTIAL, runs=1),
        row("coba", "Brian2", 200, "separate", method=EXPONENTIAL, runs=8),
        row("coba", "Brian2", 90, "tuned", method=EXPONENTIAL, runs=1),
        row("cold", "PSST", 0, seconds=6 * DRIFT, setup_seconds=2),
        row("cold", "JAX", 0, "plain", seconds=9 * DRIFT, setup_seconds=8),
        row("cold", "Brian2", 0, "separate", seconds=[50, np.nan, np.nan], setup_seconds=np.nan, spikes=-1),
        row("networks", "PSST", 10, "one"),
        row("networks", "PSST", [12.5, 10, 20], "own"),
        row("cores", "PSST", 0, "one job", seconds=10 * DRIFT),
        row("cores", "PSST", 0, "two jobs", seconds=16 * DRIFT),
        row("memory", "PSST", np.nan, "1 s", peak_memory=4e8),
        row("memory", "PSST", np.nan, "10 s", peak_memory=4.4e8, spikes=7000, steps=1_000_000),
    ]
    return dataset(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("report")
    measured().to_netcdf(found / "benchmark.nc")
    report(found / "benchmark.nc", found)
    return found


def test_ratios_are_formed_repeat_by_repeat(folder):
    table = (folder / "table.md").read_text()
    for line in (
        "Brian2 as shipped (merged) / PSST, 64 runs, RK4, double | 2.00 (1.90 to 2.10) | 1.9 | 3 | yes",
        "Brian2 as shipped (separate) / PSST, 64 runs, RK4, single | 6.20 (6.20 to 6.20) | 6 | 9 | yes",
        "Brian2 as shipped / PSST, 64 runs, exponential Euler, single | not measured | 6 | 10 | –",
        "Brian2 as shipped (separate) / PSST, 1 run, RK4, double | 1.80 (1.80 to 1.80) | 1.6 | 2.5 | yes",
        "tutorial (1 run) / PSST (64 runs), per step and run, RK4, double | 150 (150 to 150) | 140 | 300 | yes",
        "JAX plain / PSST, 64 runs, RK4, double | 1.50 (1.50 to 1.50) | 1.3 | 2 | yes",
        "JAX plain / PSST, 64 runs, RK4, single | not measured | 1.3 | 2 | –",
        "C limit / PSST, 64 runs, RK4, single | not measured | 0.4 | 0.7 | –",
        "each run (1: no cost), 64 runs, RK4, double | 0.800 (0.500 to 1.00) | 0.5 | 0.8 | yes",
        "best other program (JAX (plain)) / PSST, 64 runs, RK4, double | 1.50 (1.50 to 1.50) | 1 | 2 | yes",
        "(2: perfect), 64 runs, RK4, double | 1.25 (1.25 to 1.25) | 1.9 | 2 | no",
        "peak memory of 10 s / of 1 s, 64 runs, RK4, double | 1.10 | at most 1.05 | 1 | no",
        "Brian2 as shipped / PSST, COBA-HH, 1 run, exponential Euler, double | 2.00 (1.50 to 2.10) | 1 | 2 | yes",
        "Brian2 as shipped / PSST, COBA-HH, 8 runs, exponential Euler, double | 2.50 (2.50 to 2.50) | 1 | 2 | yes",
        "Brian2 tuned / PSST, COBA-HH, 1 run, exponential Euler, double | 0.900 (0.900 to 0.900) | – | – | –",
        "Brian2 tuned / PSST, COBA-HH, 8 runs, exponential Euler, double | not measured | – | – | –",
        "NumPy / PSST, x' = sin(x t), 10000 equations, RK4, double | 47.3 (47.3 to 47.3) | – | – | –",
        "tutorial / PSST, x' = sin(x t), 1 equation, RK4, double | 202 (202 to 202) | – | – | –",
        "Brian2 tuned / PSST, 64 runs, RK4, double | 1.50 (1.50 to 1.50) | – | – | –",
    ):
        assert f"{line} |\n" in table, line


def test_every_row_is_in_the_table(folder):
    table = (folder / "table.md").read_text()
    line = (
        "| locust | PSST |  | RK4 | double | 64 runs | 1 | 1000 | 12.0 (10.0 to 15.0) | µs per step and run | 0.500 |"
    )
    assert f"{line} 300 | 700 |" in table
    assert sum(line.count("|") == 14 for line in table.splitlines()) == measured().sizes["row"] + 2
    assert "a machine, 2026-11-01, at commit abc, with Python 3.12, TensorFlow 2.21, PSST 1.0" in table


def test_programs_that_count_other_spikes_are_named(folder):
    lines = (folder / "table.md").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("- locust, 64 runs, RK4, double, 1000 steps:")]
    assert "so do Brian2 (separate), Brian2 (tuned);" in line
    assert "Brian2 (merged) counts 3 more, JAX (plain) counts 2 fewer" in line
    (line,) = [line for line in lines if line.startswith("- cells, 4000 equations")]
    assert "so does NumPy; none differs" in line
    (line,) = [line for line in lines if line.startswith("- locust, 1 run, RK4, double, 500 steps:")]
    assert "tutorial counts 12 spikes" in line
    assert not [line for line in lines if line.startswith("- sine")]


def test_figures_are_written(folder):
    for name in FIGURES:
        image = matplotlib.image.imread(folder / "figures" / f"{name}.png")
        assert image.shape[1] >= 600 and np.ptp(image[..., :3]) > 0.5, name
        assert "<svg" in (folder / "figures" / f"{name}.svg").read_text()[:2000]


def test_two_rows_for_the_same_measurement_are_an_error():
    rows = [Row(*["PSST"] * 5, 1, 4, 1, 10, np.ones(1), 1.0, 1.0, 1.0, "")] * 2
    with pytest.raises(ValueError, match="2 rows"):
        one(rows, program="PSST")
