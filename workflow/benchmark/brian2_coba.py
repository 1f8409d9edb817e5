"""Benchmark 3 of Brette et al. 2007 in Brian2 (C++ standalone).

There is one group of cells and two blocks of synapses, as in Brian2's own example of it. One binary makes one run and
is started for each run in turn. `tuned` compiles it with better flags for gcc.
"""

import brian2
import numpy as np
from brian2 import NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms
from brian2_common import Standalone
from worker import Worker

EQUATIONS = """
dv/dt = (-0.05*(v + 60) - 100*m**3*h*(v - 50) - 30*n**4*(v + 90) - ge*v - gi*(v + 80))/ms : 1
u = v + 63 : 1
an = 0.032*(15 - u)/(exp((15 - u)/5) - 1) : 1
bn = 0.5*exp((10 - u)/40) : 1
am = 0.32*(13 - u)/(exp((13 - u)/4) - 1) : 1
bm = 0.28*(u - 40)/(exp((u - 40)/5) - 1) : 1
ah = 0.128*exp((17 - u)/18) : 1
bh = 4/(exp((40 - u)/5) + 1) : 1
dn/dt = (an*(1 - n) - bn*n)/ms : 1
dm/dt = (am*(1 - m) - bm*m)/ms : 1
dh/dt = (ah*(1 - h) - bh*h)/ms : 1
dge/dt = -ge/5/ms : 1
dgi/dt = -gi/10/ms : 1
below = int(v < -20) : 1 (constant over dt)
"""
STATES = ("v", "n", "m", "h", "ge", "gi")


def project(problem: dict, cells: NeuronGroup, pre: str, conductance: str) -> Synapses:
    """Connect one population to all cells; inhibitory cells are counted after the excitatory ones."""
    size = len(problem["exc.v"])
    first = {"exc": 0, "inh": size}
    names = {f"{pre}_exc": "exc", f"{pre}_inh": "inh"}
    synapses = Synapses(
        cells,
        cells,
        on_pre=f"{conductance}_post += g",
        name=f"{pre}_synapses",
        namespace={"g": problem[f"{pre}_exc.conductance"]},
    )
    synapses.connect(
        i=np.concatenate([problem[f"{name}.pre"] for name in names]) + first[pre],
        j=np.concatenate([problem[f"{name}.post"] + first[post] for name, post in names.items()]),
    )
    return synapses


def main() -> None:
    worker = Worker(__doc__, methods=("exponential_euler",), modes=("separate", "tuned"))
    problem, options = worker.problem, worker.options
    standalone = Standalone(worker, tuned=options.mode == "tuned")
    defaultclock.dt = problem["dt"] * ms
    cells = NeuronGroup(
        len(problem["exc.v"]) + len(problem["inh.v"]),
        EQUATIONS,
        threshold="v >= -20 and below > 0",
        reset="",
        refractory=3 * ms,
        method=options.method,
        name="cells",
    )
    synapses = [project(problem, cells, "exc", "ge"), project(problem, cells, "inh", "gi")]
    monitor = SpikeMonitor(cells, name="spikes")
    brian2.Network(cells, synapses, monitor).run(problem["steps"] * defaultclock.dt)
    standalone.build()
    values = {name: np.concatenate([problem[f"exc.{name}"], problem[f"inh.{name}"]]) for name in STATES}
    starts = [
        {f"cells.{name}": value[:, run].astype(worker.dtype) for name, value in values.items()}
        for run in range(int(problem["runs"]))
    ]

    def integrate() -> dict:
        result = standalone.run(starts, options.threads)
        return result | {"spikes": [len(standalone.spikes(monitor, run)) for run in range(len(starts))]}

    worker.serve(f"Brian2 {brian2.__version__}", integrate, standalone.peak_memory)


if __name__ == "__main__":
    main()
