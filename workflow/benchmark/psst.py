"""PSST itself: the same problem through psst_core, all runs in one compiled batch; `own` gives each run a network."""

import time
from importlib.metadata import version

import numpy as np
from problem import cells_config, coba_config, locust_config, sine_config
from worker import Worker

from psst_core.host.hardware import prepare
from psst_core.integrate.batch import Run
from psst_core.integrate.integration import Integration
from psst_core.integrate.lanes import padded
from psst_core.integrate.program import Program


def main() -> None:
    worker = Worker(__doc__, methods=("rk4", "exponential_euler"), modes=("default", "one", "own"))
    problem, precision = worker.problem, worker.dtype.name
    solver = {"solver__name": worker.options.method, "solver__precision": precision}
    steps = int(problem["steps"])
    model = str(problem["model"])
    config = {
        "locust": lambda: locust_config(steps, **solver),
        "cells": lambda: cells_config(len(problem["current"]), steps, **solver),
        "coba": lambda: coba_config(steps, **solver),
        "sine": lambda: sine_config(len(problem["x"]), steps, **solver),
    }[model]()
    by_cell = model == "cells"
    prepare(config.hardware)
    own = worker.options.mode == "own"
    runs = [Run(config, trial if own else 0, trial) for trial in range(int(problem["runs"]))]
    program = Program(config, [], padded(len(runs), precision))
    width = len(problem["current"]) if by_cell else len(runs)

    def integrate() -> dict:
        integration, spikes = Integration(program, runs), np.zeros(width, dtype=int)
        began = time.perf_counter()
        for segment in integration.segments(steps):
            spikes += np.bincount(segment.spike_cell if by_cell else segment.spike_run, minlength=width)
        return {"seconds": time.perf_counter() - began, "spikes": spikes}

    integrate()
    worker.serve(f"PSST {version('psst-core')} (TensorFlow {version('tensorflow')})", integrate)


if __name__ == "__main__":
    main()
