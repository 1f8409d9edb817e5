"""The antennal lobe in JAX on a GPU, or on a processor with DEVICE=cpu: time for a step and run, by width.

KIND is `plain`, as people write it (vmap, state [run, cell]), or `tuned`, with the state [cell, run] and no vmap.
"""

import os
import time
from typing import Any

import jax
import numpy as np
from jax_common import rk4
from jax_locust import STATES, lobe
from widths import CHECKED_RUNS, arguments, median_seconds, problem_of, repeated, report, speed


def main() -> None:
    options = arguments(__doc__, kinds=["plain", "tuned"])
    jax.config.update("jax_enable_x64", options.precision == "float64")
    jax.config.update("jax_default_matmul_precision", "highest")
    if os.environ.get("DEVICE") == "cpu":
        jax.config.update("jax_platforms", "cpu")
    problem, tuned = problem_of(options.problem), options.kind == "tuned"
    dtype = np.dtype(options.precision)
    cells = {f"{population}.{name}" for population, names in STATES.items() for name in (*names, "weight")}

    def measure(width: int) -> dict[str, Any]:
        wide = problem | {name: repeated(problem, problem[name], width) for name in cells}
        integrate = lobe(wide, dtype, rk4, tuned, options.steps)
        began = time.perf_counter()
        spikes = integrate()
        first = time.perf_counter() - began
        seconds = median_seconds(integrate)
        return {
            "compile_s": round(first - seconds, 2),
            **speed(seconds, options.steps, width),
            "steps": options.steps,
            "spikes_first64": int(spikes[:CHECKED_RUNS].sum()),
            "device": str(jax.devices()[0]),
        }

    report(options, f"JAX {jax.__version__}", measure)


if __name__ == "__main__":
    main()
