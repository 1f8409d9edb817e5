"""Independent Hodgkin–Huxley neurons in JAX: jit, lax.scan, state [cell].

`plain` is JAX as it comes, `tuned` asks XLA for 512-bit vectors.
"""

import jax
import jax.numpy as jnp
import numpy as np
from equations import hodgkin_huxley
from jax_common import SOLVERS, prepare
from worker import Worker


def main() -> None:
    worker = Worker(__doc__, methods=tuple(SOLVERS), modes=("plain", "tuned"))
    problem, options = worker.problem, worker.options
    prepare(options.precision, "--xla_cpu_prefer_vector_width=512" if options.mode == "tuned" else "")
    solver, dt, steps = SOLVERS[options.method], float(problem["dt"]), int(problem["steps"])
    start = {name: jnp.asarray(problem[name], worker.dtype) for name in ("v", "n", "m", "h")}
    current = jnp.asarray(problem["current"], worker.dtype)

    @jax.jit
    def integrate(x, current):
        def body(carry, step):
            x, spikes = carry
            after = solver(lambda x, _: hodgkin_huxley(jnp, x, current), x, step, dt)
            return (after, spikes + ((x["v"] < 0) & (after["v"] >= 0))), None

        (_, spikes), _ = jax.lax.scan(body, (x, jnp.zeros(current.shape, jnp.int32)), jnp.arange(steps))
        return spikes

    def run() -> dict:
        return {"spikes": np.asarray(integrate(start, current))}

    run()
    worker.serve(f"JAX {jax.__version__}", run)


if __name__ == "__main__":
    main()
