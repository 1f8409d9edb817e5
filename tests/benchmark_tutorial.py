"""PSST beside the tutorial's way, on one core, in one process: `make benchmark`.

The same antennal lobe (120 cells, RK4, dt 0.01 ms, double precision), integrated twice:

- as Mohanta & Assisi 2019 do: a function of one state vector with a state for every synapse, which finds its way
  between cells and synapses by masks over the full matrices and takes the stimulus from a table, one row a step;
  stepped by `tf.scan`, every state kept;
- by PSST: 64 runs in one compiled batch, a state for every presynaptic cell, spikes and means recorded.

Both potentials are compared first; then five repeats in turn, medians and ranges of the time for a step of one run.
"""

import statistics
import time

import numpy as np

from psst_core.config import compose, resolve, update
from psst_core.hardware import prepare
from psst_core.network import Network, connect, start_state
from psst_core.simulate import Integration, Program, Run, stimulus_weights

RUNS, REPEATS, TUTORIAL_MS, PSST_MS = 64, 5, 20.0, 20.0
DT = 0.01


def configuration():
    config = compose({"experiment": "locust_coupling", "stimulus": "constant"})
    values = {
        "run.duration": PSST_MS,
        "recorder.window": [0.0, PSST_MS],
        "network.synapses.ach.pulse": "published",
        "stimulus.amplitude": 10.0,
        "stimulus.share": 0.33,
    }
    for key, value in values.items():
        update(config, key, value)
    return resolve(config)


def tutorial(tf, config):
    """The program of the tutorial: `integrate(state, steps)` gives every state, [step, variable]."""
    network = Network.from_config(config["network"])
    pn, ln = network.sizes["pn"], network.sizes["ln"]
    cells, connections = pn + ln, connect(network, config["run"]["seed"], 0)
    ach, gaba = np.zeros((cells, cells)), np.zeros((cells, cells))
    ach[pn:, :pn] = connections["pn_ln"].matrix(ln, pn)
    gaba[:pn, pn:] = connections["ln_pn"].matrix(pn, ln)
    gaba[pn:, pn:] = connections["ln_ln"].matrix(ln, ln)
    links = {"ach": ach.ravel() == 1, "gaba": gaba.ravel() == 1}
    counts = {name: int(linked.sum()) for name, linked in links.items()}
    names = ["v", "n", "m", "h", "ma", "ha", "mc", "hc", "mk", "ca", "oa", "og", "fired"]
    sizes = [cells, cells, pn, pn, pn, pn, ln, ln, ln, ln, counts["ach"], counts["gaba"], cells]
    phi, phi_a, phi_k = 3 ** ((22 - 36) / 10), 3 ** ((36 - 23.5) / 10), 2.3 ** ((26 - 23) / 10)
    weights = stimulus_weights(Run(config), network.sizes)
    stimulus = np.tile(config["stimulus"]["amplitude"] * weights, (round(TUTORIAL_MS / DT) + 1, 1))
    exp = tf.exp

    def current(kind, opened, conductance, driving):
        """Onto each cell: the open fractions put into the full matrix, times conductance and driving force, summed."""
        index = tf.boolean_mask(tf.range(cells**2), links[kind])
        matrix = tf.reshape(tf.scatter_nd(index[:, None], opened, [cells**2]), [cells, cells])
        return tf.reduce_sum(tf.transpose(tf.transpose(matrix) * driving * conductance), axis=1)

    def transmitter(kind, matrix, released):
        """At each synapse: what the presynaptic cells release, spread over the full matrix and masked."""
        return tf.boolean_mask(tf.reshape(tf.constant(matrix) * released, [-1]), links[kind])

    def field(x, t):
        s = dict(zip(names, tf.split(x, sizes), strict=True))
        v, u, vp, vl = s["v"], s["v"] + 50, s["v"][:pn], s["v"][pn:]
        up = vp + 50
        dn = phi * (0.02 * (15 - u) / (exp((15 - u) / 5) - 1) * (1 - s["n"]) - 0.5 * exp((10 - u) / 40) * s["n"])
        am, bm = 0.32 * (13 - up) / (exp((13 - up) / 4) - 1), 0.28 * (up - 40) / (exp((up - 40) / 5) - 1)
        ah, bh = 0.128 * exp((17 - up) / 18), 4 / (exp((40 - up) / 5) + 1)
        dm, dh = phi * (am * (1 - s["m"]) - bm * s["m"]), phi * (ah * (1 - s["h"]) - bh * s["h"])
        tau_a = 1 / ((exp((vp + 35.82) / 19.69) + exp(-(vp + 79.69) / 12.7) + 0.37) * phi_a)
        slow = tf.where(
            vp < -63, 1 / ((exp((vp + 46.05) / 5) + exp(-(vp + 238.4) / 37.45)) * phi_a), 19 / phi_a * tf.ones_like(vp)
        )
        dma, dha = (1 / (1 + exp(-(vp + 60) / 8.5)) - s["ma"]) / tau_a, (1 / (1 + exp((vp + 78) / 6)) - s["ha"]) / slow
        tau_c = 0.3 * exp((vl - 40) / 13) + 0.002 * exp((60 - vl) / 29)
        dmc, dhc = (1 / (1 + exp(-(vl + 20) / 6.5)) - s["mc"]) / 1.5, (1 / (1 + exp((vl + 25) / 12)) - s["hc"]) / tau_c
        a = 0.01 * s["ca"]
        dmk = (a / (a + 0.02) - s["mk"]) * (a + 0.02) * phi_k
        i_ca = 3 * s["mc"] ** 2 * s["hc"] * (vl - 140)
        dca = -2e-4 * i_ca - (s["ca"] - 2.4e-4) / 150
        since = t - s["fired"]
        pulse = 0.5 * tf.cast((since > 1e-9) & (since < 0.3 - 1e-9), since.dtype)
        doa = 10 * transmitter("ach", ach, pulse) * (1 - s["oa"]) - 0.2 * s["oa"]
        dog = 10 * transmitter("gaba", gaba, 1 / (1 + exp(-(v + 20) / 1.5))) * (1 - s["og"]) - 0.16 * s["og"]
        i_syn = current("ach", s["oa"], 0.3, v) + current("gaba", s["og"], 0.8, v + 70)
        i_pn = 0.15 * (vp + 55) + 0.05 * (vp + 95) + 100 * s["m"] ** 3 * s["h"] * (vp - 50)
        i_pn += 10 * s["ma"] ** 4 * s["ha"] * (vp + 95)
        i_ln = 0.15 * (vl + 50) + 0.02 * (vl + 95) + i_ca + 0.3 * phi_k * s["mk"] * (vl + 90)
        injected = tf.gather(tf.constant(stimulus), tf.cast(tf.round(t / DT - 0.25), tf.int32))
        dv = injected - tf.concat([i_pn, i_ln], 0) - 10 * s["n"] ** 4 * (v + 95) - i_syn
        return tf.concat([dv, dn, dm, dh, dma, dha, dmc, dhc, dmk, dca, doa, dog, tf.zeros_like(v)], 0)

    def step(x, t):
        k1 = field(x, t)
        k2 = field(x + DT / 2 * k1, t + DT / 2)
        k3 = field(x + DT / 2 * k2, t + DT / 2)
        k4 = field(x + DT * k3, t + DT)
        after = x + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        crossed = (x[:cells] < 0) & (after[:cells] >= 0)
        return tf.concat([after[:-cells], tf.where(crossed, t, x[-cells:])], 0)

    @tf.function
    def integrate(x, times):
        return tf.scan(step, times, x)

    start = start_state(network, config["network"], config["run"]["seed"], 0, 0)
    p, q = start["pn"], start["ln"]
    parts = [p["v"], q["v"], p["potassium.n"], q["potassium.n"], p["sodium.m"], p["sodium.h"], p["a_type.m"]]
    parts += [p["a_type.h"], q["calcium.m"], q["calcium.h"], q["calcium_potassium.m"], q["calcium_pool.concentration"]]
    parts += [np.zeros(counts["ach"]), np.zeros(counts["gaba"]), np.full(cells, -1e4)]
    return integrate, tf.constant(np.concatenate(parts)), cells


def main():
    prepare({"device": "cpu", "vector_width": 0, "xla_flags": ""})
    import tensorflow as tf

    config = configuration()
    integrate, start, cells = tutorial(tf, config)
    times = tf.constant(np.arange(round(TUTORIAL_MS / DT)) * DT)
    states = integrate(start, times).numpy()

    traced = configuration()
    traced["recorder"] |= {"interval": DT, "variables": {"pn": ["v"], "ln": ["v"]}}
    check = Integration(Program(traced, [], 8), [Run(traced)])
    traces = [segment.traces for segment in check.segments(len(times))]
    ours = np.concatenate([np.concatenate([t["pn.v"][0], t["ln.v"][0]]) for t in traces], axis=1).T
    fired = np.flatnonzero(((states[:-1, :cells] < 0) & (states[1:, :cells] >= 0)).any(axis=1))
    quiet = fired[0] if len(fired) else len(ours) - 1
    difference = np.abs(states[:-1, :cells] - ours[1:])
    print(f"largest difference of v: {difference[:quiet].max():.1e} mV before the first spike ({quiet * DT:.2f} ms)")
    print(f"                         {difference.max():.1e} mV in {TUTORIAL_MS:g} ms with {len(fired)} spikes")

    program = Program(config, [], RUNS)
    batch = [Run(config, 0, trial) for trial in range(RUNS)]
    steps = round(PSST_MS / DT)
    list(Integration(program, batch).segments(steps))
    theirs, mine = [], []
    for _ in range(REPEATS):
        began = time.perf_counter()
        integrate(start, times).numpy()
        theirs.append(1e6 * (time.perf_counter() - began) / len(times))
        integration = Integration(program, batch)
        began = time.perf_counter()
        list(integration.segments(steps))
        mine.append(1e6 * (time.perf_counter() - began) / steps / RUNS)
    for name, values in (("the tutorial's way, 1 run", theirs), (f"PSST, {RUNS} runs", mine)):
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:26} {middle:8.2f} µs a step and run ({low:.2f} to {high:.2f}, {REPEATS} repeats)")
    ratios = [a / b for a, b in zip(theirs, mine, strict=True)]
    print(f"ratio                      {statistics.median(ratios):8.0f} ({min(ratios):.0f} to {max(ratios):.0f})")


if __name__ == "__main__":
    main()
