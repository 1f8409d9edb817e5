"""The machine's limit: limit.c, compiled for this processor and for the problem's number of runs.

`library` takes the vectorised exp of the mathematical library instead of the program's own.
"""

import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from equations import odour
from worker import Worker, require

FLAGS = ["-O3", "-march=native", "-ffast-math", "-fno-associative-math", "-mprefer-vector-width=512"]
PN_START = ("v", "n", "m", "h", "m_a", "h_a", "o", "weight")
LN_START = ("v", "n", "m_ca", "h_ca", "m_k", "ca", "o", "weight")
PULSE = 0.3
INTEGER, NUMBER = ctypes.c_int, ctypes.c_double


def compiled(folder: Path, *definitions: str) -> ctypes.CDLL:
    require("gcc", "gcc")
    library = folder / "limit.so"
    source = Path(__file__).with_suffix(".c")
    defined = [f"-D{name}" for name in definitions]
    subprocess.run(["gcc", *FLAGS, *defined, "-shared", "-fPIC", source, "-o", library, "-lmvec", "-lm"], check=True)
    return ctypes.CDLL(library)


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def locust(library: ctypes.CDLL, problem: dict) -> np.ndarray:
    """Integrate the antennal lobe; return the spikes of each run."""
    runs, steps, dt = (problem[name] for name in ("runs", "steps", "dt"))
    weights = [problem[name] * problem[f"{name}.conductance"] for name in ("pn_ln", "ln_pn", "ln_ln")]
    starts = [
        np.stack([problem[f"{population}.{name}"] for name in names])
        for population, names in (("pn", PN_START), ("ln", LN_START))
    ]
    spikes = np.zeros((120, runs), np.intc)
    current = odour(np, problem, 0.5 * np.arange(2 * steps + 1), dt)
    arrays = [np.ascontiguousarray(a, dtype=float) for a in (current, *weights, *starts)]
    numbers = INTEGER(runs), INTEGER(steps), NUMBER(dt), NUMBER(round(PULSE / dt))
    library.locust(*numbers, *map(pointer, (*arrays, spikes)))
    return spikes.sum(axis=0)


def cells(library: ctypes.CDLL, problem: dict) -> np.ndarray:
    """Integrate the neurons; return the spikes of each cell."""
    current, start = problem["current"], np.stack([problem[name] for name in ("v", "n", "m", "h")])
    spikes = np.zeros(len(current), np.intc)
    numbers = INTEGER(len(current)), INTEGER(problem["steps"]), NUMBER(problem["dt"])
    library.cells(*numbers, *map(pointer, (current, start, spikes)))
    return spikes


def main() -> None:
    worker = Worker(__doc__, modes=("default", "library"))
    problem, options = worker.problem, worker.options
    integrate = {"locust": locust, "cells": cells}[str(problem["model"])]
    choices = {
        "LANES=1": problem["runs"] == 1,
        "SINGLE": options.precision == "single",
        "LIBRARY": options.mode == "library",
    }
    definitions = [name for name, chosen in choices.items() if chosen]
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(Path(folder), *definitions)
        worker.serve("C (gcc)", lambda: {"spikes": integrate(library, problem)})


if __name__ == "__main__":
    main()
