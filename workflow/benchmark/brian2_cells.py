"""Independent Hodgkin–Huxley neurons in Brian2 (C++ standalone)."""

import brian2
import numpy as np
from brian2 import NeuronGroup, SpikeMonitor, defaultclock, ms
from brian2_common import PHI, POTASSIUM, SODIUM, Standalone
from worker import Worker

EQUATIONS = (
    """
dv/dt = (current - 0.15*(v + 55) - 100*m**3*h*(v - 50) - 10*n**4*(v + 95))/ms : 1
current : 1 (constant)
below = int(v < 0) : 1 (constant over dt)
"""
    + POTASSIUM
    + SODIUM
)


def main() -> None:
    worker = Worker(__doc__, methods=("rk4", "exponential_euler"), modes=("default", "tuned"))
    problem, method = worker.problem, worker.options.method
    standalone = Standalone(worker, tuned=worker.options.mode == "tuned")
    defaultclock.dt = problem["dt"] * ms
    n = len(problem["current"])
    cells = NeuronGroup(
        n,
        EQUATIONS,
        threshold="v >= 0 and below > 0",
        reset="",
        method=method,
        name="cells",
        namespace={"phi": PHI},
    )
    monitor = SpikeMonitor(cells, name="spikes")
    brian2.Network(cells, monitor).run(problem["steps"] * defaultclock.dt)
    standalone.build()
    start = {f"cells.{name}": problem[name].astype(worker.dtype) for name in ("v", "n", "m", "h", "current")}

    def integrate() -> dict:
        result = standalone.run([start])
        return result | {"spikes": np.bincount(standalone.spikes(monitor, 0), minlength=n)}

    worker.serve(f"Brian2 {brian2.__version__}", integrate, standalone.peak_memory)


if __name__ == "__main__":
    main()
