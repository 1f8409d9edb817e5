"""The benchmark's problems as plain arrays, for programs that know nothing of PSST.

`locust`: the antennal lobe; runs share the connectivity of network 0 and differ in odour and start (its trials).
`cells`: independent Hodgkin–Huxley neurons under constant currents.
`coba`: benchmark 3 of Brette et al. 2007; runs share the connections of network 0 and differ in start.
`sine`: independent copies of x' = sin(x t).
`product`: products of two square matrices.
"""

import argparse
from typing import Any

import numpy as np

from psst_core.config.compose import compose, resolve, update
from psst_core.integrate.batch import Run, stimulus_weights
from psst_core.model.network import Network, connect, start_state

VARIABLES = {
    "pn": {
        "v": "v",
        "n": "potassium.n",
        "m": "sodium.m",
        "h": "sodium.h",
        "m_a": "a_type.m",
        "h_a": "a_type.h",
        "o": "ach.open",
    },
    "ln": {
        "v": "v",
        "n": "potassium.n",
        "m_ca": "calcium.m",
        "h_ca": "calcium.h",
        "m_k": "calcium_potassium.m",
        "ca": "calcium_pool.concentration",
        "o": "gaba.open",
    },
    "hh": {"v": "v", "n": "potassium.n", "m": "sodium.m", "h": "sodium.h"},
}
VARIABLES |= {
    population: {**VARIABLES["hh"], "ge": "excitation.conductance", "gi": "inhibition.conductance"}
    for population in ("exc", "inh")
}
DT = 0.01
COBA_DT = 0.05


def locust_config(steps: int, **values: Any) -> dict[str, Any]:
    """Configure the locust network with odour from the start; `solver__precision="float32"` sets solver.precision."""
    given = {"stimulus.onset": 0.0, "run.duration": steps * DT, "recorder.window": [0.0, steps * DT]}
    return _resolved({"experiment": "locust_coupling"}, given, values)


def cells_config(n: int, steps: int, **values: Any) -> dict[str, Any]:
    """Configure n Hodgkin–Huxley cells under 0 to 10 µA/cm² (one cell: 10), without jitter or traces."""
    given = {
        "network.size": n,
        "network.start_jitter": 0.0,
        "stimulus.first": 0.0 if n > 1 else 10.0,
        "recorder.variables.hh": [],
        "run.duration": steps * DT,
        "recorder.window": [0.0, steps * DT],
    }
    return _resolved({"experiment": "f_i_curve"}, given, values)


def coba_config(steps: int, **values: Any) -> dict[str, Any]:
    """Configure the random network of 4,000 cells, recorded from the start."""
    given = {"run.dt": COBA_DT, "run.duration": steps * COBA_DT, "recorder.window": [0.0, steps * COBA_DT]}
    return _resolved({"experiment": "coba_hh"}, given, values)


def sine_config(n: int, steps: int, **values: Any) -> dict[str, Any]:
    """Configure n copies, without traces and with one sample."""
    time = steps * DT
    given = {"network.size": n, "run.duration": time, "recorder.window": [0.0, time], "recorder.interval": time}
    return _resolved({"network": "sine", "stimulus": "none", "sweep": "single"}, given, values)


def locust_problem(config: dict[str, Any], runs: int, steps: int) -> dict[str, Any]:
    """Return the antennal lobe as arrays, with trials 0 to `runs` − 1.

    Returns:
        Matrices [post, pre], conductances, and odour weights and start values [cell, run].
    """
    network, seed = Network.from_config(config.network), config.run.seed
    sizes, connections = network.sizes, connect(network, seed, 0)
    problem = {"model": "locust", "runs": runs, "steps": steps, "dt": DT}
    for name, projection in network.projections.items():
        problem[name] = connections[name].matrix(sizes[projection.post], sizes[projection.pre])
        problem[f"{name}.conductance"] = projection.conductance
    for name in ("amplitude", "onset", "offset", "rise", "fall", "decay_from"):
        problem[f"odour.{name}"] = config.stimulus[name]
    weights = np.stack([stimulus_weights(Run(config, 0, trial), sizes) for trial in range(runs)], axis=1)
    problem |= {f"{population}.weight": weights[cells] for population, cells in network.places.items()}
    return problem | start_values(network, config, runs)


def cells_problem(n: int, steps: int) -> dict[str, Any]:
    """Return currents and start values, [cell]."""
    config = cells_config(n, steps)
    network = Network.from_config(config.network)
    start = start_state(network, config.network, config.run.seed, 0, 0)["hh"]
    problem = {short: start[name] for short, name in VARIABLES["hh"].items()}
    currents = stimulus_weights(Run(config), network.sizes)
    return {"model": "cells", "runs": 1, "steps": steps, "dt": DT, "current": currents, **problem}


def coba_problem(config: dict[str, Any], runs: int, steps: int) -> dict[str, Any]:
    """Return the pre- and postsynaptic cells and the conductance of each projection, and start values [cell, run]."""
    network, seed = Network.from_config(config.network), config.run.seed
    connections = connect(network, seed, 0)
    problem = {"model": "coba", "runs": runs, "steps": steps, "dt": COBA_DT}
    for name, projection in network.projections.items():
        problem |= {f"{name}.pre": connections[name].pre, f"{name}.post": connections[name].post}
        problem[f"{name}.conductance"] = projection.conductance
    return problem | start_values(network, config, runs)


def start_values(network: Network, config: dict[str, Any], runs: int) -> dict[str, Any]:
    """Return the start values [cell, run] of trials 0 to `runs` − 1 on network 0, by `population.variable`."""
    starts = [start_state(network, config.network, config.run.seed, 0, trial) for trial in range(runs)]
    return {
        f"{population}.{short}": np.stack([start[population][name] for start in starts], axis=1)
        for population in network.populations
        for short, name in VARIABLES[population].items()
    }


def sine_problem(n: int, steps: int) -> dict[str, Any]:
    """Return start values, [cell]."""
    config = sine_config(n, steps)
    network = Network.from_config(config.network)
    start = start_state(network, config.network, config.run.seed, 0, 0)
    return {"model": "sine", "runs": 1, "steps": steps, "dt": DT, "x": start["system"]["x"]}


def product_problem(n: int, steps: int) -> dict[str, Any]:
    """Return two orthogonal matrices [n, n]: their repeated product neither grows nor vanishes."""
    random = np.random.default_rng(1)
    a, x = (np.linalg.qr(random.standard_normal((n, n)))[0] for _ in range(2))
    return {"model": "product", "runs": 1, "steps": steps, "a": a, "x": x}


def _resolved(choices: dict[str, str], *settings: dict[str, Any]) -> dict[str, Any]:
    config = compose(choices)
    for values in settings:
        for key, value in values.items():
            update(config, key.replace("__", "."), value)
    return resolve(config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=["locust", "cells", "coba", "sine", "product"])
    parser.add_argument("file", help="the .npz to write")
    parser.add_argument("--runs", type=int, default=1, help="of a network")
    parser.add_argument("--cells", type=int, default=1, help="independent neurons or copies, or rows of a matrix")
    parser.add_argument("--steps", type=int, default=3000)
    given = parser.parse_args()
    runs, cells, steps = given.runs, given.cells, given.steps
    problem = {
        "locust": lambda: locust_problem(locust_config(steps), runs, steps),
        "cells": lambda: cells_problem(cells, steps),
        "coba": lambda: coba_problem(coba_config(steps), runs, steps),
        "sine": lambda: sine_problem(cells, steps),
        "product": lambda: product_problem(cells, steps),
    }[given.model]()
    np.savez(given.file, **problem)


if __name__ == "__main__":
    main()
