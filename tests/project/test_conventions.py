"""What the checkers of CF, Pint, RO-Crate and NWB, in an environment of their own, find in our files."""

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import numpy as np
import pytest

from psst_core.files import CHECKOUT, from_yaml
from support.sweeps import run_sweep

pytestmark = pytest.mark.peers

CHECKER = Path(__file__).with_name("check_conventions.py")
NO_DATE = "Coordinate variable 'time' should have standard_name='time', found: 'None'"  # which would need one
ITS_OWN = "check_coordinate_variables_strict_monotonicity: unsupported operand type(s) for -: 'str' and 'str'"
NO_ANIMAL = "CRITICAL: Subject is missing."
ABSENT = {  # what neither PSST's CITATION.cff nor this sweep's configuration tells
    "RECOMMENDED: The Application SHOULD have a url",
    "RECOMMENDED: The SoftwareApplication id SHOULD be an absolute URI",
    "RECOMMENDED: The Action SHOULD have an agent that is a Person or Organization",
    "RECOMMENDED: The Root Data Entity SHOULD have a link to a Contextual Entity representing the `author` of the "
    "RO-Crate",
    "RECOMMENDED: The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`",
    "RECOMMENDED: The organization SHOULD have a URL.",
    # The crate has no README.md.
    "RECOMMENDED: The README.md SHOULD be about the crate",
    "RECOMMENDED: The README.md SHOULD have text/markdown as its encodingFormat",
}


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment with the extras `conventions` and `analysis`, and SONATA's own reader."""
    folder = tmp_path_factory.mktemp("conventions")
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *extras["conventions"], *extras["analysis"], "libsonata>=0.1"], check=True)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory):
    """A folder with results/: one sweep on a grid and along `run`, one with traces."""
    top = tmp_path_factory.mktemp("sweeps")
    small = "run.duration=130 recorder.window=[0,130] "
    return top, {
        "mine": run_sweep(
            top / "results",
            "f_i_curve",
            small + "stimulus.amplitude=interval(0.5,1) sweep.sample.points=2 solver=rk4,euler numerics.check=halve_dt "
            "network.populations.hh.mechanisms.sodium.conductance=110,120",
            "mine",
        ),
        "chain": run_sweep(top / "results", "chain_of_three", small, "chain"),
    }


@pytest.fixture(scope="module")
def found(python):
    def ask(check, file):
        done = subprocess.run([python, CHECKER, check, file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return ask


def run(python, top, code, *words):
    """As PSST would with these libraries in its environment; what the code prints."""
    purelib = sysconfig.get_path("purelib", vars={"base": str(python.parents[1])})
    command = [sys.executable, "-c", f"import sys; sys.path.append({purelib!r})\n{code}", *words]
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def export(python, top, *words):
    code = "from psst_core.commands.cli import main\nsys.exit(main(sys.argv[1:]))"
    run(python, top, code, "export", *words)


@pytest.mark.parametrize("name", ["mine", "chain"])
def test_chunks_summaries_and_cubes_follow_cf(found, sweeps, name):
    """But where a word stands along a dimension: on that the checker fails itself."""
    _, results = sweeps
    sweep = results[name]
    chunk = sweep.plan["chunk"].iloc[0]
    summary = sweep.home.summary_file(chunk, sweep.record["analysis_digest"])
    assert set(found("cf", sweep.home.chunk_file(chunk))) <= {NO_DATE, ITS_OWN}
    for file in (summary, *sweep.folder.glob("*.nc")):
        assert set(found("cf", file)) <= {ITS_OWN}, file


def test_pint_reads_the_units_of_a_cube(found, sweeps):
    units = found("units", sweeps[1]["mine"].folder / "sweep.nc")
    assert units["firing_rate"] == "hertz" and units["band_power"] == "millivolt ** 2"
    assert units["conductance"] == "millisiemens / centimeter ** 2" and units["wall_time"] == "second"


def test_a_crate_is_a_workflow_run_crate(found, python, sweeps):
    top, _ = sweeps
    export(python, top, "mine", "--crate", "crate", "--chunks", "--licence", "CC-BY-4.0")
    assert set(found("crate", top / "crate")) <= ABSENT


def test_a_run_is_an_nwb_file_of_no_animal(found, python, sweeps):
    top, results = sweeps
    export(python, top, "chain", "--nwb", "run.nwb")
    issues = [issue for issue in found("nwb", top / "run.nwb") if not issue.startswith("BEST_PRACTICE_SUGGESTION")]
    assert issues == [NO_ANIMAL]
    export(python, top, "chain", "--species", "Schistocerca americana", "--nwb", "locust.nwb")
    issues = [issue for issue in found("nwb", top / "locust.nwb") if not issue.startswith("BEST_PRACTICE_SUGGESTION")]
    assert issues == []
    run, content = results["chain"].run(), found("content", top / "run.nwb")
    assert content["identifier"] == results["chain"].plan["run_id"].iloc[0]
    assert content["population"] == ["hh"] * 3 and content["cell"] == [0, 1, 2]
    for cell, spikes in enumerate(content["spikes"]):
        np.testing.assert_allclose(spikes, np.sort(run.spike_time[run.spike_cell == cell]) / 1000)
    assert content["series"]["mean_hh"] == ["volts", 1e-3, 10000.0, [1300]]
    assert content["series"]["trace_hh_v"] == ["volts", 1e-3, 10000.0, [1300, 3]]
    assert from_yaml(content["notes"]) == run.config


ZARR = """
import xarray
from psst_core import open_sweep
sweep = open_sweep("results/mine")
cube = xarray.open_zarr("mine.zarr", consolidated=False).load()
assert cube.equals(sweep.cube) and cube["firing_rate"].attrs["units"] == "Hz" and cube.attrs["title"]
for name in sweep.plan["chunk"].unique():
    with xarray.open_dataset(sweep.home.chunk_file(name), decode_timedelta=False) as chunk:
        assert xarray.open_zarr("mine.zarr", f"chunks/{name}", consolidated=False).load().equals(chunk.load())
import zarr
assert zarr.open_group("mine.zarr", mode="r").metadata.zarr_format == 3
"""
SONATA = """
import libsonata
import numpy
from psst_core import open_sweep
run = open_sweep("results/chain").run()
found = libsonata.SpikeReader("run.h5")["hh"]
assert found.sorting == "by_time" and found.time_units == "ms"
spikes = found.get()
assert len(spikes) == len(run.spike_time) > 0
for cell in range(3):
    times = [time for node, time in spikes if node == cell]
    numpy.testing.assert_array_equal(times, run.trains("hh")[cell])
"""
NEO = """
import elephant.statistics
import numpy
from psst_core import open_sweep
sweep = open_sweep("results/chain")
run = sweep.run()
(segment,) = run.to_neo().segments
assert [train.annotations["cell"] for train in segment.spiketrains] == [0, 1, 2]
rates = [elephant.statistics.mean_firing_rate(train).rescale("Hz").item() for train in segment.spiketrains]
numpy.testing.assert_allclose(numpy.mean(rates), sweep.cube["firing_rate"].values.ravel())
signals = {signal.name: signal for signal in segment.analogsignals}
mean, trace = signals["mean_hh"], signals["trace_hh_v"]
assert mean.shape == (1300, 1) and trace.shape == (1300, 3) and str(trace.units) == "1.0 mV"
numpy.testing.assert_array_equal(trace.magnitude.T, run.traces["trace_hh_v"].values)
assert abs(float(trace.sampling_rate.rescale("Hz")) - 1e4) < 1e-6
"""
PYNAPPLE = """
import numpy
from psst_core import open_sweep
run = open_sweep("results/chain").run()
found = run.to_pynapple()
for cell, train in enumerate(run.trains()):
    numpy.testing.assert_allclose(found["spikes"][cell].times("ms"), train)
assert list(found["spikes"]["population"]) == ["hh"] * 3
numpy.testing.assert_array_equal(found["trace_hh_v"].values.T, run.traces["trace_hh_v"].values)
"""


def test_a_sweep_is_a_zarr_store(python, sweeps):
    top, _ = sweeps
    export(python, top, "mine", "--zarr", "mine.zarr", "--chunks")
    run(python, top, ZARR)


def test_a_run_is_a_file_of_sonata(python, sweeps):
    top, _ = sweeps
    export(python, top, "chain", "--sonata", "run.h5")
    run(python, top, SONATA)


@pytest.mark.parametrize("code", [NEO, PYNAPPLE], ids=["neo", "pynapple"])
def test_a_run_in_the_forms_of_other_libraries(python, sweeps, code):
    run(python, sweeps[0], code)
