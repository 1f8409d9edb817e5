"""The antennal lobe in Brian2 (C++ standalone).

`merged`: all runs in one group per population, a block of synapses for each run; `tuned` compiles that with better
flags for gcc. `separate`: one binary for one run, started for each run, --threads of them at once. Brian2 sums synaptic
inputs once a step, before the cells advance. With rk4 the sums are held over a step, so that Brian2 computes a quarter
of the sums that the method asks for.
"""

from typing import Any

import brian2
import numpy as np
from brian2 import NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms
from brian2_common import PHI, POTASSIUM, SODIUM, Standalone
from worker import Worker

ODOUR = """
rising = 1 - exp((onset - t/ms)/rise) : 1
falling = decay_from*exp((offset - t/ms)/fall) : 1
late = int(t/ms >= offset - dt/ms/10) : 1
current = weight*amplitude*int(t/ms >= onset - dt/ms/10)*(rising + late*(falling - rising)) : 1
weight : 1 (constant)
"""
PN = (
    """
dv/dt = (current - 0.15*(v + 55) - 0.05*(v + 95) - 10*n**4*(v + 95) - 100*m**3*h*(v - 50) - 10*m_a**4*h_a*(v + 95)
         - gaba*(v + 70))/ms : 1
rate_m = phi_a*(exp((v + 35.82)/19.69) + exp(-(v + 79.69)/12.7) + 0.37) : 1
slow = int(v < -63) : 1
rate_h = phi_a*(slow*(exp((v + 46.05)/5) + exp(-(v + 238.4)/37.45)) + (1 - slow)/19) : 1
dm_a/dt = (1/(1 + exp(-(v + 60)/8.5)) - m_a)*rate_m/ms : 1
dh_a/dt = (1/(1 + exp((v + 78)/6)) - h_a)*rate_h/ms : 1
transmitter = 0.5*int(t - fired < pulse) : 1 (constant over dt)
fired : second
do/dt = (10*transmitter*(1 - o) - 0.2*o)/ms : 1
gaba : 1
"""
    + POTASSIUM
    + SODIUM
    + ODOUR
)
LN = (
    """
dv/dt = (current - 0.15*(v + 50) - 0.02*(v + 95) - 10*n**4*(v + 95) - i_ca - 0.3*phi_k*m_k*(v + 90)
         - ach*v - gaba*(v + 70))/ms : 1
i_ca = 3*m_ca**2*h_ca*(v - 140) : 1
dm_ca/dt = (1/(1 + exp(-(v + 20)/6.5)) - m_ca)/1.5/ms : 1
dh_ca/dt = (1/(1 + exp((v + 25)/12)) - h_ca)/(0.3*exp((v - 40)/13) + 0.002*exp((60 - v)/29))/ms : 1
dm_k/dt = phi_k*(0.01*ca*(1 - m_k) - 0.02*m_k)/ms : 1
dca/dt = (-2e-4*i_ca - (ca - 2.4e-4)/150)/ms : 1
do/dt = (10/(1 + exp(-(v + 20)/1.5))*(1 - o) - 0.16*o)/ms : 1
ach : 1
gaba : 1
"""
    + POTASSIUM
    + ODOUR
)
STATES = {
    "pn": ("v", "n", "m", "h", "m_a", "h_a", "o", "weight"),
    "ln": ("v", "n", "m_ca", "h_ca", "m_k", "ca", "o", "weight"),
}


def group(cells: int, equations: str, threshold: float, **settings: Any) -> NeuronGroup:
    """Return cells whose spikes are upward crossings of the threshold."""
    equations += f"below = int(v < {threshold}) : 1 (constant over dt)"
    return NeuronGroup(cells, equations, threshold=f"v >= {threshold} and below > 0", **settings)


def project(problem: dict, runs: int, pre: NeuronGroup, post: NeuronGroup, name: str, target: str) -> Synapses:
    """Connect two populations within each of the runs; cells are counted run by run."""
    matrix = problem[name]
    places_pre, places_post = np.nonzero(matrix.T)
    shift = np.arange(runs)[:, None]
    synapses = Synapses(
        pre, post, f"{target}_post = g*o_pre : 1 (summed)", name=name, namespace={"g": problem[f"{name}.conductance"]}
    )
    synapses.connect(
        i=(places_pre + shift * matrix.shape[1]).ravel(), j=(places_post + shift * matrix.shape[0]).ravel()
    )
    return synapses


def main() -> None:
    worker = Worker(__doc__, methods=("rk4", "exponential_euler"), modes=("merged", "separate", "tuned"))
    problem, options = worker.problem, worker.options
    runs, merged = int(problem["runs"]), options.mode != "separate"
    standalone = Standalone(worker, tuned=options.mode == "tuned")
    defaultclock.dt = problem["dt"] * ms
    numbers = {name.removeprefix("odour."): value for name, value in problem.items() if name.startswith("odour.")}
    numbers |= {"phi": PHI, "phi_a": 3 ** ((36 - 23.5) / 10), "phi_k": 2.3 ** ((26 - 23) / 10)}
    numbers["pulse"] = 0.3 * ms + defaultclock.dt / 2

    width = runs if merged else 1
    sizes = {name: len(problem[f"{name}.v"]) for name in ("pn", "ln")}
    settings = {"method": options.method, "namespace": numbers}
    pn = group(sizes["pn"] * width, PN, 0, reset="fired = t", name="pn", **settings)
    ln = group(sizes["ln"] * width, LN, -20, reset="", name="ln", **settings)
    synapses = [
        project(problem, width, pn, ln, "pn_ln", "ach"),
        project(problem, width, ln, pn, "ln_pn", "gaba"),
        project(problem, width, ln, ln, "ln_ln", "gaba"),
    ]
    monitors = [SpikeMonitor(pn, name="pn_spikes"), SpikeMonitor(ln, name="ln_spikes")]
    pn.fired = -1 * ms
    brian2.Network(pn, ln, synapses, monitors).run(problem["steps"] * defaultclock.dt)
    standalone.build()

    def start(chosen: slice) -> dict[str, np.ndarray]:
        return {
            f"{name}.{state}": problem[f"{name}.{state}"][:, chosen].T.astype(worker.dtype)
            for name, states in STATES.items()
            for state in states
        }

    starts = [start(slice(None))] if merged else [start(slice(run, run + 1)) for run in range(runs)]

    def integrate() -> dict:
        result, spikes = standalone.run(starts, options.threads), np.zeros(runs, dtype=int)
        for first in range(len(starts)):
            for monitor, size in zip(monitors, sizes.values(), strict=True):
                spikes += np.bincount(first + standalone.spikes(monitor, first) // size, minlength=runs)
        return result | {"spikes": spikes}

    worker.serve(f"Brian2 {brian2.__version__}", integrate, standalone.peak_memory)


if __name__ == "__main__":
    main()
