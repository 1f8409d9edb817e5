"""The benchmark as an experiment of the workflow: its settings, its problems, and a small one of its own."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from psst_core import PsstError
from psst_core.integrate.batch import Batch, Run
from support.commands import snakemake
from support.integrating import integrate
from support.paths import ROOT

sys.path.insert(0, str(ROOT / "workflow" / "benchmark"))
from conversation import Conversation, Row
from full_state import NUMPY, product, sine
from problem import (
    cells_problem,
    coba_config,
    coba_problem,
    locust_config,
    locust_problem,
    product_problem,
    sine_config,
    sine_problem,
)
from settings import Settings


def test_settings_come_from_the_file_and_the_command_line():
    settings = Settings.read("repeats=2 programs=[psst,jax] cold=0")
    assert (settings.repeats, settings.programs, settings.cold) == (2, ["psst", "jax"], 0.0)
    assert settings.runs == [1, 16, 64, 256]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("repeat=2", "Key 'repeat' not in 'Settings'"),
        ("repeats=few", "few"),
        ("programs=[psst,nest]", "nest: no such program"),
        ("repeats=0", "repeats=0: must be at least 1"),
        ("equations=[4,6]", "multiples of 4"),
        ("sine=[0]", "sine=\\[0\\] product=\\[.*: must be at least 1"),
        ("product=[0]", "product=\\[0\\]: must be at least 1"),
    ],
)
def test_wrong_settings_are_refused_by_name(overrides, message):
    with pytest.raises(PsstError, match=message):
        Settings.read(overrides)


def test_they_are_refused_before_anything_is_installed(tmp_path):
    done = snakemake(tmp_path, "--config", "experiment=benchmark", "overrides=repeat=2")
    assert done.returncode != 0
    assert "Key 'repeat' not in 'Settings'" in done.stderr
    assert not (tmp_path / "results").exists()


def test_the_problem_is_what_psst_integrates():
    config = locust_config(50)
    problem = locust_problem(config, 3, 50)
    runs = [Run(config, 0, trial) for trial in range(3)]
    carry = integrate(runs, until=(0.0,)).integration
    assert problem["pn_ln"].shape == (30, 90)
    assert problem["pn.v"].shape == (90, 3)
    weights = carry.inputs["weights"]["ln"].numpy()[:, :3]
    np.testing.assert_array_equal(problem["ln.weight"], weights)
    assert cells_problem(5, 10)["current"].tolist() == [0, 2.5, 5, 7.5, 10]


def test_the_random_network_is_handed_over_with_its_connections_and_starts():
    config = coba_config(10, network__size=100)
    problem = coba_problem(config, 2, 10)
    batch = Batch([Run(config, 0, trial) for trial in range(2)])
    drawn, state = batch.connections()[0], batch.start()
    matrix = np.zeros((80, 20))
    matrix[problem["exc_inh.pre"], problem["exc_inh.post"]] = 1
    assert matrix.any()
    np.testing.assert_array_equal(drawn["exc_inh"].matrix(20, 80).T, matrix)
    np.testing.assert_array_equal(problem["inh.ge"], state["inh"]["excitation.conductance"])
    assert (problem["exc.v"][:, 0] != problem["exc.v"][:, 1]).all()


def test_the_tutorials_way_of_the_sine_system_is_that_of_psst():
    problem = sine_problem(5, 400)
    step, x, _ = sine(NUMPY, problem)
    for i in range(400):
        x = step(x, i)
    found = integrate([Run(sine_config(5, 400))]).state()["system.x"][:, 0]
    np.testing.assert_allclose(found, x, rtol=1e-12)
    assert np.ptp(x) > 0.1


def test_products_neither_grow_nor_vanish():
    problem = product_problem(7, 50)
    step, x, _ = product(NUMPY, problem)
    for i in range(50):
        x = step(x, i)
    np.testing.assert_allclose(x, np.linalg.matrix_power(problem["a"], 50) @ problem["x"], atol=1e-12)
    np.testing.assert_allclose(x.T @ x, np.eye(7), atol=1e-12)


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_tensorflow_and_numpy_multiply_alike(tmp_path, mode):
    np.savez(tmp_path / "product.npz", **product_problem(7, 50))
    talks = [
        Conversation(Row("product", name, "product", how), sys.executable, tmp_path / "product.npz", tmp_path / name)
        for name, how in (("numpy", "default"), ("tensorflow", mode))
    ]
    for talk in talks:
        talk.ask()
        talk.leave()
    one, other = (talk.row for talk in talks)
    assert one.spikes == other.spikes > 1000
    assert min(one.seconds[0], other.seconds[0]) > 0


@pytest.mark.slow
def test_the_program_for_a_gpu_counts_the_same_spikes_however_it_is_built():
    """On a processor; the kinds change how sums and stages are written, not what they are."""
    folder, given = ROOT / "workflow" / "benchmark", ["float64", "4000", "16"]
    environment = os.environ | {"DEVICE": "cpu", "PYTHONPATH": str(folder)}
    spikes = {}
    for kind in ("asis", "rsu", "mmu"):
        command = [sys.executable, folder / "gpu" / "psst_gpu.py", kind, *given]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        spikes[kind] = json.loads(done.stdout)["spikes_first64"]
    assert len(set(spikes.values())) == 1 and spikes["asis"] > 10, spikes


@pytest.mark.peers
@pytest.mark.skipif(shutil.which("g++") is None, reason="Brian2 and the C limit need g++")
def test_a_small_benchmark_sets_up_its_peers_and_all_count_the_same_spikes(tmp_path):
    settings = "repeats=2 runs=[1] run_steps=2000 equations=[80] equation_steps=160000 cold=0 memory=[] "
    settings += "coba=[1] coba_steps=200 sine=[4] product=[10] product_steps=100000 tutorial=100 "
    settings += "programs=[psst,limit,brian2,jax,numpy,tutorial,tensorflow]"
    done = snakemake(tmp_path, "--config", "experiment=benchmark", f"overrides={settings}")
    assert done.returncode == 0, done.stderr
    with xr.open_dataset(tmp_path / "results" / "benchmark" / "benchmark.nc") as data:
        assert data.attrs["failures"] == ""
        assert set(data.program.values) == {"PSST", "C limit", "Brian2", "JAX", "NumPy", "tutorial", "TensorFlow"}
        assert bool((data.seconds > 0).all())
        cells = data.spikes.where(data.section == "cells", drop=True)
        assert len(set(cells.values)) == 1 and cells.values[0] > 0
        for precision in ("double", "single"):
            coba = data.spikes.where((data.section == "coba") & (data.precision == precision), drop=True)
            assert coba.size == 3 and len(set(coba.values)) == 1 and coba.values[0] > 100
        products = data.spikes.where(data.section == "product", drop=True)
        assert products.size == 3 and len(set(products.values)) == 1
    table = (tmp_path / "results" / "benchmark" / "table.md").read_text()
    assert "1 run, RK4, double" in table
    assert len(list((tmp_path / "results" / "benchmark" / "figures").glob("*.png"))) == 7
