"""The antennal lobe in JAX: the field of one run, vmapped over runs, the stages written out, under jit and lax.scan.

`plain` is usual JAX, with the state [run, cell]. `tuned` is written for XLA: the stages in a loop, the state
[cell, run] without vmap, vectors of 512 bits.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from equations import local_interneurons, odour, projection_neurons
from jax_common import SOLVERS, TUNED, prepare
from worker import Worker

STATES = {"pn": ("v", "n", "m", "h", "m_a", "h_a", "o"), "ln": ("v", "n", "m_ca", "h_ca", "m_k", "ca", "o")}
THRESHOLDS = {"pn": 0.0, "ln": -20.0}
PULSE = 0.3


def lobe(
    problem: dict[str, Any], dtype: np.dtype, solver: Callable[..., Any], tuned: bool, steps: int
) -> Callable[[], np.ndarray]:
    """Make the function that integrates the problem from its start and returns the spikes of each run."""
    dt = float(problem["dt"])
    weights = {
        name: jnp.asarray(problem[name] * problem[f"{name}.conductance"], dtype) for name in ("pn_ln", "ln_pn", "ln_ln")
    }

    def per_run(array):
        return jnp.asarray(array if tuned else array.T, dtype)

    start = {p: {name: per_run(problem[f"{p}.{name}"]) for name in names} for p, names in STATES.items()}
    share = {p: per_run(problem[f"{p}.weight"]) for p in STATES}

    def step_of_one_run(x, pulse, share, step):
        def relaxations(x, step):
            pn, ln, current = x["pn"], x["ln"], odour(jnp, problem, step, dt)
            return {
                "pn": projection_neurons(jnp, pn, current * share["pn"], weights["ln_pn"] @ ln["o"], pulse > 0),
                "ln": local_interneurons(
                    jnp, ln, current * share["ln"], weights["pn_ln"] @ pn["o"], weights["ln_ln"] @ ln["o"]
                ),
            }

        after = solver(relaxations, x, step, dt)
        fired = {p: (x[p]["v"] < level) & (after[p]["v"] >= level) for p, level in THRESHOLDS.items()}
        return after, jnp.where(fired["pn"], round(PULSE / dt), jnp.maximum(pulse - 1, 0)), fired

    # The field of one run works on [cell, run] as well.
    step_of_all = step_of_one_run if tuned else jax.vmap(step_of_one_run, in_axes=(0, 0, 0, None))

    @jax.jit
    def integrate(x, share):
        def body(carry, step):
            x, pulse, spikes = carry
            x, pulse, fired = step_of_all(x, pulse, share, step.astype(dtype))
            return (x, pulse, jax.tree.map(jnp.add, spikes, fired)), None

        counts = jax.tree.map(lambda v: jnp.zeros(v.shape, jnp.int32), {p: x[p]["v"] for p in x})
        (_, _, spikes), _ = jax.lax.scan(body, (x, counts["pn"], counts), jnp.arange(steps))
        return spikes

    def run() -> np.ndarray:
        spikes = jax.tree.map(np.asarray, integrate(start, share))
        return sum(count.sum(axis=0 if tuned else 1) for count in spikes.values())

    return run


def main() -> None:
    worker = Worker(__doc__, methods=tuple(SOLVERS), modes=("plain", "tuned"))
    problem, options = worker.problem, worker.options
    tuned = options.mode == "tuned"
    prepare(options.precision, "--xla_cpu_prefer_vector_width=512" if tuned else "")
    solver = (TUNED if tuned else SOLVERS)[options.method]
    integrate = lobe(problem, worker.dtype, solver, tuned, int(problem["steps"]))
    integrate()
    worker.serve(f"JAX {jax.__version__}", lambda: {"spikes": integrate()})


if __name__ == "__main__":
    main()
