"""What happens once a step: noise, delays, jumps, refractoriness; and currents that flow at once."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from psst_core import tf
from psst_core.config.checks import check
from psst_core.errors import PsstError
from psst_core.integrate.batch import Run
from psst_core.keys import put
from psst_core.model.mechanisms import Event
from psst_core.model.streams import Stream, key
from psst_core.registry import lookup
from support.cells import HH, LEAK, cells, constant, everything, linked, passive, projection, trace
from support.integrating import integrate, slope

# Noise


def paths(interval, tau, samples):
    """An Ornstein–Uhlenbeck process of mean 0 and variance 1, [sample, cell·run], at multiples of the interval."""
    noise = lookup("mechanism", "ornstein_uhlenbeck", "")(interval=interval, tau=tau)
    stream = Stream(tf.constant(np.stack([key(1, "test", 0, trial) for trial in range(40)], axis=-1)), 40, tf.float64)
    held = {name: tf.zeros([40, 40], tf.float64) for name in noise.held}
    found = []
    for number in range(1, samples):
        held = noise.after_step({}, held, Event(tf.constant(number), interval, random=stream))
        found.append(held["coming"].numpy().ravel())
    return np.stack(found)


def test_the_noise_has_its_variance_and_its_correlation():
    path = paths(interval=0.5, tau=2.0, samples=400)
    assert path.mean() == pytest.approx(0.0, abs=0.02)
    assert path[0].var() == pytest.approx(1.0, abs=0.1) and path.var() == pytest.approx(1.0, abs=0.03)
    for lag in (1, 4, 8):
        assert np.mean(path[lag:] * path[:-lag]) == pytest.approx(np.exp(-lag * 0.5 / 2.0), abs=0.03)


def test_the_path_of_the_noise_is_the_same_at_every_dt():
    """With the path fixed a passive cell converges with the fourth order of the solver."""

    def v(dt):
        noise = {"noise": {"type": "ornstein_uhlenbeck", "sigma": 4.0, "interval": 0.4, "tau": 2.0}}
        config = passive(dt=dt, network__populations__hh__mechanisms=LEAK | noise)
        return trace(put(config, {f"{HH}.mechanisms.leak.conductance": 2.0}), "v")

    dts = [0.2, 0.1, 0.05]
    exact = v(0.0125)
    assert exact.std() > 0.5
    errors = [np.abs(v(dt)[:, ::2] - exact[:, ::2]).max() for dt in (0.1, 0.05, 0.025)]
    assert slope([0.1, 0.05, 0.025], errors) == pytest.approx(4.0, abs=0.2), (dts, errors)


def test_poisson_input_is_the_same_at_every_dt_and_has_its_rate():
    """Between arrivals the conductance decays; its mean is rate · weight · τ."""

    def g(dt, solver="rk4", rate=2000.0):
        bombardment = {"input": {"type": "poisson", "rate": rate, "weight": 0.01, "tau": 2.0}}
        config = passive(duration=100.0, dt=dt, size=40, record=["v", "input.conductance"], solver__name=solver)
        return trace(put(config, {f"{HH}.mechanisms": LEAK | bombardment}), "input.conductance")

    coarse = g(0.1)
    np.testing.assert_allclose(coarse, g(0.02), atol=1e-6)
    np.testing.assert_allclose(coarse, g(0.1, "exponential_euler"), atol=1e-6)
    assert coarse[:, 200:].mean() == pytest.approx(2.0 * 0.01 * 2.0, rel=0.03)


def test_noise_that_does_not_fit_the_step_is_refused():
    noise = {"noise": {"type": "ornstein_uhlenbeck", "interval": 0.05}}
    with pytest.raises(PsstError, match=r"mechanisms\.noise\.interval=0\.05 ms: must be a multiple of run\.dt=0\.02"):
        check(passive(**{f"{HH}.mechanisms": LEAK | noise}))
    many = {"input": {"type": "poisson", "rate": 2e5}}
    with pytest.raises(PsstError, match=r"rate=200000 Hz: brings more than 10 spikes.*lower the interval to 0.05 ms"):
        check(passive(**{f"{HH}.mechanisms": LEAK | many}))


# Delays


def test_a_delay_longer_than_the_interval_between_spikes_loses_none():
    """The open fraction is the undelayed one, shifted to the bit."""
    at_once = trace(linked("acetylcholine", [[0, 1]], record=["syn.open"], duration=80.0), "syn.open")[0]
    later = trace(linked("acetylcholine", [[0, 1]], record=["syn.open"], duration=80.0, delay=30.0), "syn.open")[0]
    assert np.count_nonzero(np.diff(np.sign(np.diff(at_once))) < 0) >= 4
    assert np.array_equal(later[300:], at_once[:-300]) and not later[:300].any()


def test_a_delayed_potential_converges_with_the_second_order():
    def opened(dt):
        return trace(linked("gaba_a", [[0, 1]], record=["syn.open"], duration=12.0, dt=dt, delay=3.0), "syn.open")[0]

    dts = (0.05, 0.025, 0.0125)
    exact = opened(0.0015625)
    errors = [np.abs(opened(dt) - exact).max() for dt in dts]
    assert slope(dts, errors) == pytest.approx(2.0, abs=0.2), errors
    undelayed = trace(linked("gaba_a", [[0, 1]], record=["syn.open"], duration=12.0, dt=0.025), "syn.open")[0]
    assert np.abs(opened(0.025)[30:] - undelayed[:-30]).max() < 2e-3 < undelayed.max()


def test_a_delay_that_does_not_fit_the_step_is_refused():
    with pytest.raises(PsstError, match=r"synapses\.syn\.delay=0\.03 ms: must be a multiple of run\.dt=0\.02 ms"):
        check(linked("acetylcholine", [[0, 1]], delay=0.03))


# Synapses


def test_an_exponential_synapse_adds_its_weight_at_each_spike():
    config = linked("exponential", [[0, 1], [0, 2]], 0.02, record=["v", "syn.conductance"], tau=3.0, weight=2.0)
    recorded = integrate([Run(config)])
    g = recorded.traces["hh.syn.conductance"][0]
    arrivals = (recorded.spike_step[recorded.spike_cell == 0] + 1) * 0.02
    t = 0.1 * np.arange(g.shape[1])
    since = t[:, None] - arrivals[None, :]
    expected = np.where(since > -1e-9, 0.04 * np.exp(-since / 3.0), 0.0).sum(axis=1)
    assert len(arrivals) >= 3
    np.testing.assert_allclose(g[1], expected, atol=1e-8)
    assert np.array_equal(g[1], g[2]) and not g[0].any()


def test_an_alpha_synapse_peaks_after_tau():
    config = linked("alpha", [[0, 1]], 0.02, record=["syn.conductance"], tau=2.0)
    recorded = integrate([Run(config)])
    arrivals = (recorded.spike_step[recorded.spike_cell == 0] + 1) * 0.02
    since = (0.1 * np.arange(400))[:, None] - arrivals[None, :]
    expected = np.where(since > -1e-9, 0.02 * since / 2.0 * np.exp(1.0 - since / 2.0), 0.0).sum(axis=1)
    np.testing.assert_allclose(recorded.traces["hh.syn.conductance"][0, 1], expected, atol=1e-8)


def test_magnesium_blocks_nmda_receptors_below_zero():
    """A passive cell behind a spiking one, against SciPy."""
    config = linked("nmda", [[0, 0]], 5.0, record=["v", "syn.open"])
    cell = config["network"]["populations"]["hh"]
    config = put(config, {"network.size": 6, "network.populations.other": cell | {"mechanisms": LEAK}})
    config = put(config, {"network.projections.link.post": "other", "recorder.variables.other": ["v"]})
    traces = integrate([Run(config)]).traces
    times, fraction = 0.1 * np.arange(400), traces["hh.syn.open"][0, 0]

    def field(t, v):
        g = 5.0 * np.interp(t, times, fraction) / (1.0 + np.exp(-0.062 * v) / 3.57)
        return 0.1 * (-65.0 - v) - g * v

    exact = solve_ivp(field, (0, 40), [traces["other.v"][0, 0, 0]], t_eval=times, max_step=0.1, rtol=1e-8).y[0]
    assert np.ptp(exact) > 10
    np.testing.assert_allclose(traces["other.v"][0, 0], exact, atol=0.02)


def test_a_slow_potassium_current_makes_firing_adapt():
    adaptation = {"type": "m_type", "conductance": 0.1, "reversal": -95.0, "slowest": 1000.0}
    mechanisms = cells()["network"]["populations"]["hh"]["mechanisms"]
    config = cells(duration=200.0, size=1, stimulus=constant(8.0))
    steady, adapting = (
        np.diff(integrate([Run(put(config, {f"{HH}.mechanisms": mechanisms | more}))]).spike_step)
        for more in ({}, {"adaptation": adaptation})
    )
    assert np.ptp(steady[2:]) <= 2 and np.all(np.diff(adapting) >= 0) and adapting[-1] > 1.2 * adapting[0]


def test_gaba_b_follows_its_equations():
    """The conducting fraction after pulses of transmitter, against SciPy."""
    config = linked("gaba_b", [[0, 1]], record=["syn.receptor", "syn.g_protein"], duration=60.0, concentration=2.0)
    recorded = integrate([Run(config)])
    arrivals = (recorded.spike_step[recorded.spike_cell == 0] + 1) * 0.02

    def field(t, x):
        released = 2.0 * np.any((t >= arrivals) & (t < arrivals + 0.3))
        return [0.52 * released * (1 - x[0]) - 0.0013 * x[0], 0.098 * x[0] - 0.033 * x[1]]

    times = 0.1 * np.arange(600)
    exact = solve_ivp(field, (0, 60), [0.0, 0.0], t_eval=times, max_step=0.02, rtol=1e-8, atol=1e-12).y
    np.testing.assert_allclose(recorded.traces["hh.syn.receptor"][0, 0], exact[0], atol=2e-3 * exact[0].max())
    np.testing.assert_allclose(recorded.traces["hh.syn.g_protein"][0, 0], exact[1], atol=2e-3 * exact[1].max())


def test_a_gap_junction_carries_what_it_takes():
    """Two passive cells: their mean relaxes with g/C, their difference with (g + 2G)/C."""
    config = passive(
        size=2,
        **{f"{HH}.start": {"v": {"distribution": "evenly_spaced", "low": -80.0, "high": -60.0}}},
        network__synapses={"gap": {"type": "gap_junction"}},
        network__projections={"gap": projection("gap", [[0, 1]], 0.3)},
    )
    v = trace(config, "v")
    t = 0.1 * np.arange(v.shape[1])
    np.testing.assert_allclose(v.mean(axis=0), -65.0 - 5.0 * np.exp(-0.1 * t), rtol=1e-7)
    np.testing.assert_allclose(v[1] - v[0], 20.0 * np.exp(-0.7 * t), rtol=1e-6)


def test_what_leaves_one_cell_through_junctions_enters_the_others():
    """Without leak the sum of the potentials stays, whatever the weights; two networks in a batch keep their own."""
    weight = {"distribution": "uniform", "low": 0.5, "high": 2.0}
    config = passive(
        size=5,
        **{f"{HH}.start": {"v": {"distribution": "evenly_spaced", "low": -80.0, "high": -60.0}}},
        network__synapses={"gap": {"type": "gap_junction"}},
        network__projections={"gap": projection("gap", [[1, 0], [1, 2], [3, 2], [4, 0]], 0.3) | {"weight": weight}},
    )
    leak = f"{HH}.mechanisms.leak.conductance"
    config = put(config, {leak: 0.0})
    v = integrate([Run(config), Run(config, network=1)]).traces["hh.v"]
    np.testing.assert_allclose(v.mean(axis=1), -70.0, rtol=1e-12)
    np.testing.assert_allclose(v[..., -1], -70.0, atol=0.5)
    assert not np.array_equal(v[0], v[1])


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_junction_exists_in_either_order_of_its_pair(order):
    config = passive(
        size=2,
        **{f"{HH}.start": {"v": {"distribution": "evenly_spaced", "low": -80.0, "high": -60.0}}},
        network__synapses={"gap": {"type": "gap_junction"}},
        network__projections={"gap": projection("gap", [order], 0.3)},
    )
    v = trace(config, "v")
    np.testing.assert_allclose(v[1] - v[0], 20.0 * np.exp(-0.7 * 0.1 * np.arange(v.shape[1])), rtol=1e-6)
    with pytest.raises(PsstError, match="delay=1 ms: a junction acts at once"):
        check(put(config, {"network.synapses.gap.delay": 1.0}))


def test_a_gap_junction_between_populations_acts_both_ways():
    config = passive(
        size=2,
        network__synapses={"gap": {"type": "gap_junction"}},
        network__projections={"gap": projection("gap", [[0, 0]], 0.3) | {"post": "other"}},
    )
    other = config["network"]["populations"]["hh"] | {"start": {"v": -50.0}}
    config = put(config, {"network.populations.other": other, "recorder.variables": {"hh": ["v"], "other": ["v"]}})
    traces = integrate([Run(config)]).traces
    pair = np.stack([traces["hh.v"][0, 0], traces["other.v"][0, 0]])
    t = 0.1 * np.arange(pair.shape[1])
    np.testing.assert_allclose(pair[1] - pair[0], 20.0 * np.exp(-0.7 * t), rtol=1e-6)


def test_no_cell_fires_again_while_it_is_refractory():
    """Under a threshold at rest every wiggle would count."""
    config = cells(duration=100.0, stimulus=constant(20.0), network__populations__hh__spike_threshold=-20.0)
    free = integrate([Run(config)])
    held = integrate([Run(put(config, {f"{HH}.refractory": 14.0}))])
    intervals = [np.diff(r.spike_step[r.spike_cell == 0]) * 0.02 for r in (free, held)]
    assert intervals[0].min() < 14.0 <= intervals[1].min()


# Bits


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_no_bit_depends_on_company_with_noise_and_delays(precision):
    config = put(everything(), {"solver.precision": precision})
    runs = [Run(config, 0, trial) for trial in range(3)]
    together, split = integrate(runs), integrate(runs, until=(3.3, 8.1))
    assert len(together.spike_step) > 10
    for trial, run in enumerate(runs):
        alone = integrate([run]).state()
        for name, values in alone.items():
            assert np.array_equal(together.state()[name][:, trial], values[:, 0]), name
            assert np.array_equal(split.state()[name][:, trial], values[:, 0]), name
    first, second = (together.state()["hh.v"][:, trial] for trial in (0, 1))
    assert not np.allclose(first, second)


def test_the_order_of_cells_does_not_matter(tmp_path):
    """Beyond rounding, as sums over presynaptic cells take another order."""
    pairs, order = [[0, 1], [2, 1], [3, 1], [1, 4], [4, 5], [0, 5], [2, 5]], np.array([4, 2, 5, 0, 3, 1])
    start, found = np.linspace(-75.0, -60.0, 6), []
    for number, place in enumerate((np.arange(6), np.argsort(order))):
        np.savez(tmp_path / f"{number}.npz", **{"hh.v": start[np.argsort(place)]})
        config = linked("acetylcholine", [[int(place[a]), int(place[b])] for a, b in pairs], 0.05)
        driven = constant(8.0, cells=[int(place[cell]) for cell in (0, 2, 3)])
        config = put(config, {"stimulus": driven, "network.start_file": str(tmp_path / f"{number}.npz")})
        found.append(trace(put(config, {"network.size": 6}), "v")[place])
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-10)
    assert np.ptp(found[0][5]) > 50


def test_single_precision_stays_near_double_precision():
    """Within 0.05 mV over 30 ms with two spikes, where its upstroke multiplies every error."""
    config = cells(duration=30.0, size=5, stimulus=constant(8.0, spread=0.3))
    double, single = (trace(put(config, {"solver.precision": p}), "v") for p in ("float64", "float32"))
    assert np.ptp(double) > 80
    assert 0 < np.abs(double - single).max() < 0.05


SCRIPT = """
import sys
sys.path.insert(0, "tests")
from psst_core.host.hardware import prepare
if sys.argv[2] == "as in a job":
    from psst_core.configuration import HardwareConfig
    prepare(HardwareConfig())
if sys.argv[2] == "on another device":
    import tensorflow
    one = tensorflow.config.LogicalDeviceConfiguration()
    cpu = tensorflow.config.list_physical_devices("CPU")[0]
    tensorflow.config.set_logical_device_configuration(cpu, [one, one])
import numpy as np
from psst_core import tf
from psst_core.integrate.batch import Run
from support.cells import everything
from support.integrating import integrate
with tf.device("CPU:1" if sys.argv[2] == "on another device" else "CPU:0"):
    recorded = integrate([Run(everything(), 0, trial) for trial in range(2)])
    assert ("CPU:1" in recorded.integration.carry[0]["hh"]["v"].device) == (sys.argv[2] == "on another device")
    np.savez(sys.argv[1], **recorded.state())
"""


@pytest.mark.slow
@pytest.mark.parametrize("setup", ["as in a job", "on another device", "threads and flags of TensorFlow's own"])
def test_another_process_gives_the_same_bits_and_other_threads_the_same_numbers(setup, tmp_path):
    """Before chaos. A job has one thread, TensorFlow's own setup one for each core and none of our flags for XLA; with
    it, a second device.
    """
    here = integrate([Run(everything(), 0, trial) for trial in range(2)]).state()
    subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "state.npz", setup], check=True)
    with np.load(tmp_path / "state.npz") as there:
        for name, values in here.items():
            if setup == "as in a job":
                assert np.array_equal(there[name], values), name
            np.testing.assert_allclose(there[name], values, rtol=1e-12, atol=1e-12, err_msg=name)
