"""Batches, segments, recording: the same numbers whatever the company and the cuts."""

import math
import subprocess
import sys

import numpy as np
import pytest

from psst_core import tf
from psst_core.config.compose import compose, resolve, update
from psst_core.integrate.batch import Run
from psst_core.keys import put
from psst_core.model.mechanisms import Clock, Event
from psst_core.model.synapses.acetylcholine import Acetylcholine
from support.configurations import configuration, small_locust, with_trials, with_values
from support.integrating import integrate


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("solver", ["rk4", "exponential_euler"])
def test_no_bit_of_a_run_depends_on_its_company(solver, precision):
    """Alone or among others, on one network or on several, in whatever order and at whatever width."""
    config = small_locust(solver__name=solver, solver__precision=precision, network__size=16)
    runs = [Run(config, trial % 3, trial) for trial in range(5)]
    together, reverse, wide = integrate(runs), integrate(runs[::-1]), integrate(runs, lanes=48)
    assert len(together.spike_step) > 20
    for number, run in enumerate(runs):
        for company in ([run], [run, run, run]):
            alone = integrate(company)
            for name, values in alone.state().items():
                assert np.array_equal(together.state()[name][:, number], values[:, 0]), name
                assert np.array_equal(wide.state()[name][:, number], values[:, 0]), name
                assert np.array_equal(reverse.state()[name][:, 4 - number], values[:, 0]), name
            spikes = alone.spike_run == 0
            same = together.spike_run == number
            assert np.array_equal(together.spike_step[same], alone.spike_step[spikes])
            assert np.array_equal(together.spike_cell[same], alone.spike_cell[spikes])


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_split_run_equals_a_whole_one(precision):
    runs = with_trials(small_locust(solver__precision=precision), 3)
    whole, split = integrate(runs), integrate(runs, until=(0.5, 7.0, 12.5))
    for name, values in whole.state().items():
        assert np.array_equal(split.state()[name], values), name
    for name in ("spike_step", "spike_cell", "spike_run"):
        assert sorted(getattr(whole, name)) == sorted(getattr(split, name))
    assert np.array_equal(whole.mean_potential, split.mean_potential)
    a, b = whole.integration.ending().moments, split.integration.ending().moments
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_the_same_run_twice_has_the_same_bits():
    runs = with_trials(small_locust(), 2)
    a, b = integrate(runs).state(), integrate(runs).state()
    assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "key",
    [
        "network.populations.pn.mechanisms.sodium.conductance",
        "network.populations.ln.mechanisms.calcium_pool.tau",
        "network.populations.pn.capacitance",
        "network.synapses.gaba.beta",
        "stimulus.amplitude",
        "stimulus.rise",
    ],
)
def test_a_swept_parameter_equals_the_folded_one(key):
    """As an argument of the program or as a constant in it, a number means the same."""
    config = small_locust(run__duration=10.0, recorder__window=[0.0, 10.0])
    node = config
    for part in key.split("."):
        node = node[part]
    runs = with_values(config, key, [node, 1.1 * node, 0.9 * node])
    swept = integrate(runs, varying=[key]).state()
    for number, run in enumerate(runs):
        folded = integrate([run]).state()
        for name in folded:
            np.testing.assert_allclose(swept[name][:, number], folded[name][:, 0], rtol=1e-10, err_msg=name)
    assert any(not np.allclose(swept[name][:, 0], swept[name][:, 1], rtol=1e-6) for name in swept)


def test_traces_means_and_moments_agree():
    config = small_locust(recorder__interval=0.1)
    config["recorder"]["variables"] = {"pn": ["v", "sodium.m"], "ln": ["v", "gaba.open"]}
    recorded = integrate(with_trials(config, 3))
    v = recorded.traces["pn.v"]
    assert v.shape == (3, 6, 200)
    np.testing.assert_allclose(recorded.mean_potential[0], v.mean(axis=1), rtol=1e-12)
    mean, square = recorded.integration.ending().moments["pn"]
    np.testing.assert_allclose(mean.T, v.mean(axis=2), rtol=1e-12)
    np.testing.assert_allclose(square.T - mean.T**2, v.var(axis=2), rtol=1e-6)
    gates = np.concatenate([recorded.traces["pn.sodium.m"], recorded.traces["ln.gaba.open"]], axis=1)
    assert gates.min() >= 0 and gates.max() <= 1


def test_spikes_are_the_crossings_of_the_threshold():
    config = small_locust(recorder__interval=0.01)
    config["recorder"]["variables"] = {"pn": ["v"], "ln": ["v"]}
    recorded = integrate(with_trials(config, 2))
    expected = []
    for run in range(2):
        for first, name, threshold in ((0, "pn", 0.0), (6, "ln", -20.0)):
            v = recorded.traces[f"{name}.v"][run]
            cell, step = np.nonzero((v[:, :-1] < threshold) & (v[:, 1:] >= threshold))
            expected += zip(step, cell + first, [run] * len(step), strict=True)
    found = zip(recorded.spike_step, recorded.spike_cell, recorded.spike_run, strict=True)
    assert sorted(found) == sorted(expected)
    assert len(expected) > 10


def test_a_diverged_run_leaves_its_neighbours_alone():
    """Euler blows up where the sodium conductance is huge."""
    key = "network.populations.pn.mechanisms.sodium.conductance"
    config = small_locust(solver__name="euler")
    good, bad = with_values(config, key, [100.0, 1e6])
    alone, beside = integrate([good, good], varying=[key]), integrate([good, bad], varying=[key])
    assert beside.integration.ending().finite.tolist() == [True, False]
    for name, values in alone.state().items():
        assert np.array_equal(beside.state()[name][:, 0], values[:, 0]), name


@pytest.mark.parametrize("dt", [0.01, 0.02, 0.05])
def test_the_pulse_of_acetylcholine_lasts_whole_steps(dt):
    """After one spike the open fraction peaks where a pulse of round(0.3/dt) steps ends."""
    config = configuration("chain_of_three", run__dt=dt, run__duration=125.0, recorder__interval=dt)
    config["recorder"]["variables"] = {"hh": ["v", "ach.open"]}
    config["recorder"]["window"] = [0.0, 125.0]
    recorded = integrate([Run(config)])
    fired = recorded.spike_step[recorded.spike_cell == 0][0]
    opened = recorded.traces["hh.ach.open"][0, 0]
    assert opened[fired + 1] == 0
    assert opened[fired + 1 :].argmax() == round(0.3 / dt)


@pytest.mark.parametrize("dt", [0.01, 0.07, 0.5, 0.8])
def test_a_pulse_has_its_length_at_every_dt(dt):
    """At the last step that it covers, and covers in part, the mean."""
    synapse, zero = Acetylcholine(concentration=0.5, duration=0.3), tf.zeros([1, 1], tf.float64)
    pulse, released = synapse.after_step({}, {"pulse": zero}, Event(0, dt, zero == 0.0))["pulse"], []
    while pulse.numpy().item() > 0:
        released.append(dt * synapse.transmitter_now({"pulse": pulse}, Clock(zero, zero, dt)).numpy().item())
        pulse = synapse.after_step({}, {"pulse": pulse}, Event(0, dt, zero > 0.0))["pulse"]
    assert sum(released) == pytest.approx(0.5 * 0.3, rel=1e-12) and len(released) == math.ceil(0.3 / dt - 1e-9)


@pytest.mark.slow
def test_float32_runs_of_the_default_experiment_stay_finite():
    """256 runs of 1000 ms, which without guarded rates become NaN in one of five."""
    config = configuration(solver__precision="float32", stimulus__spread=0.25)
    couplings = np.tile([0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.5, 1], 32)
    runs = [Run(put(config, {"network.coupling": float(c)}), 0, trial) for trial, c in enumerate(couplings)]
    recorded = integrate(runs)
    assert recorded.integration.ending().finite.all()
    assert np.isfinite(recorded.mean_potential).all()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_simulated_time(tmp_path):
    """A simulate job of 1 s and one of 4 s of the default network: their peaks are equal, and below 1.5 GB."""
    common = "network.size=120 solver=exponential_euler sweep.networks=1 hardware.jobs=1 run.duration="
    peaks = [peak_memory(tmp_path, f"{common}{duration}") for duration in (1000, 4000)]
    assert max(peaks) < 1.5e9
    assert peaks[1] / peaks[0] < 1.05


@pytest.mark.slow
def test_ten_thousand_cells_at_one_percent(tmp_path):
    """300,000 synapses in a job of the memory that any job has."""
    sparse = " ".join(
        f"network.projections.{name}.connectivity.probability=0.01" for name in ("pn_ln", "ln_ln", "ln_pn")
    )
    few = "solver=rk4 network.coupling=0.1 sweep.networks=1 sweep.trials=1 run.duration=2 recorder.window=[0,2]"
    assert peak_memory(tmp_path, f"network.size=10000 {sparse} {few} analysis.spectrum=[0,2]") < 1.5e9


def peak_memory(folder, overrides):
    """Of the first job of that sweep, bytes."""
    script = f"""
from pathlib import Path
from psst_core import make_plan
from psst_core.job.chunk import simulate_chunk
plan = make_plan("locust_coupling", "{overrides}", results=Path("{folder}"))
simulate_chunk(next(iter(plan.manifests.values())), Path("{folder}/chunks/job.nc"), print)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(1024 * int(peak.split()[1]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


@pytest.mark.parametrize("solver", ["rk4", "dormand_prince"])
def test_large_populations_run_in_single_precision(solver):
    """XLA gives reductions of many single numbers to a library that its loops, compiled whole, cannot call."""
    config = compose({"network": "sine", "stimulus": "none", "sweep": "single", "solver": solver})
    large = {"network.size": 10_000, "run.duration": 1.0, "recorder.window": [0.0, 1.0], "solver.precision": "float32"}
    for key, value in large.items():
        update(config, key, value)
    means = integrate(with_trials(resolve(config), 2)).mean_potential
    assert means.shape == (1, 2, 2)
    np.testing.assert_allclose(means[..., 0], 1.55, rtol=1e-6)
