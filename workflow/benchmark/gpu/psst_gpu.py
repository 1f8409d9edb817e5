"""PSST's own program on a GPU, or on a processor with DEVICE=cpu: time for a step and run, by width.

KIND says how the program is built, and then, after a plus sign, how XLA starts its kernels:

  asis     as PSST builds it
  rs, rsu  synaptic sums by one reduction; with u the stages of RK4 stand one after the other, without a loop
  mm, mmu  synaptic sums by a matrix product; u as above
  +graph   many kernels in one command buffer
  +nograph no command buffers

SOLVER names another solver than rk4; the stages of that stay as they are. XLA_FLAGS adds flags.
"""

import argparse
import functools
import itertools
import os
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from problem import locust_config
from widths import CHECKED_RUNS, arguments, report, speed

from psst_core import tf
from psst_core.arrays import Tensor
from psst_core.configuration import HardwareConfig
from psst_core.host.hardware import prepare
from psst_core.integrate import dynamics
from psst_core.integrate.batch import Run
from psst_core.integrate.integration import Integration
from psst_core.integrate.program import Program
from psst_core.integrate.solvers.base import Relaxations, RungeKutta, State, zip_states
from psst_core.model.mechanisms import Clock

BUFFERS = "FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,WHILE,CONDITIONAL,DYNAMIC_SLICE_FUSION"
FLAGS = {
    "": "",
    "+graph": f"--xla_gpu_enable_command_buffer={BUFFERS} --xla_gpu_graph_min_graph_size=1",
    "+nograph": "--xla_gpu_enable_command_buffer=",
}
BUILDS = ("asis", "rs", "rsu", "mm", "mmu")
OUTPUT_SECONDS = 6.0


def sum_by_reduction(wiring: Mapping[str, Tensor], open_fraction: Tensor) -> Tensor:
    """Return Σ_pre w·open, [post, run], as one reduction."""
    weight = tf.cast(wiring["weight"], open_fraction.dtype)[: open_fraction.shape[0]]
    return tf.reduce_sum(weight * open_fraction[:, None, :], axis=0)


def sum_by_product(wiring: Mapping[str, Tensor], open_fraction: Tensor) -> Tensor:
    """Return Σ_pre w·open, [post, run], as a product of two matrices; the runs share one network."""
    weight = tf.cast(wiring["weight"], open_fraction.dtype)[: open_fraction.shape[0], :, 0]
    return tf.linalg.matmul(weight, open_fraction, transpose_a=True)


def step_without_loop(solver: RungeKutta, relaxations: Relaxations, state: State, step: Tensor, dt: float) -> State:
    """Make one step of a Runge–Kutta method, its stages one after the other in the program."""
    c, b = solver.tableau.c, solver.tableau.b

    def slopes(x: State, fraction: float) -> State:
        clock = Clock(step, tf.constant(fraction, step.dtype), dt)
        return zip_states(lambda relaxation, value: relaxation.field(value), relaxations(x, clock), x)

    def along(x: State, k: State, share: float) -> State:
        return zip_states(lambda x, k: x + dt * share * k, x, k)

    k = slopes(state, c[0])
    total = along(state, k, b[0])
    for reach, share in zip(c[1:], b[1:], strict=True):
        k = slopes(along(state, k, reach), reach)
        total = along(total, k, share)
    return total


def advance(program: Program, integration: Integration, steps: int) -> int:
    """Integrate at least so many steps without moving the records to the host; return the number of steps."""
    samples = program.records.samples
    carry, done = integration.carry, 0
    while done < steps:
        carry, _ = program.advance(carry, integration.inputs, tf.constant(done), tf.constant(samples))
        done += samples * program.records.steps_per_sample
    carry[0]["pn"]["v"].numpy()  # waits until the device is done
    integration.carry = carry
    return done


def alone(program: Program, runs: list[Run], steps: int) -> float:
    """Time the compiled program alone, over a quarter of the steps, or over all if fast.

    Return the seconds of a step.
    """
    integration = Integration(program, runs)
    advance(program, integration, 1)
    for part in (4, 1):
        began = time.perf_counter()
        done = advance(program, integration, max(1, steps // part))
        seconds = (time.perf_counter() - began) / done
        if seconds * steps > 1:
            break
    return seconds


def measure(options: argparse.Namespace, width: int) -> dict[str, Any]:
    """Compile the program, time it alone, and time it with the records moved to the host as in a job."""
    solver = os.environ.get("SOLVER", "rk4")
    config = locust_config(options.steps, solver__name=solver, solver__precision=options.precision)
    runs = [Run(config, 0, trial) for trial in range(min(width, CHECKED_RUNS))]
    program = Program(config, [], width)
    integration, began = Integration(program, runs), time.perf_counter()
    program.advance(integration.carry, integration.inputs, tf.constant(0), tf.constant(0))
    compile_seconds = time.perf_counter() - began
    seconds = alone(program, runs, options.steps)

    interval = program.records.steps_per_sample
    end = max(1, min(options.steps, int(OUTPUT_SECONDS / seconds)) // interval) * interval
    spikes, began = 0, time.perf_counter()
    for segment in integration.segments(end):
        spikes += len(segment.spike_run)
    with_output = (time.perf_counter() - began) / end
    v = integration.carry[0]["pn"]["v"].numpy()
    return {
        "solver": solver,
        "compile_s": round(compile_seconds, 2),
        **speed(seconds, 1, width),
        "with_output_ns_step_run": round(1e9 * with_output / width, 2),
        "steps": end,
        "spikes_first64": spikes,
        "v_mean": float(v[:, : len(runs)].mean()),
        "finite": bool(np.isfinite(v).all()),
    }


def main() -> None:
    kinds = ["".join(parts) for parts in itertools.product(BUILDS, FLAGS)]
    options = arguments(__doc__, kinds, with_problem=False)
    build, plus, start = options.kind.partition("+")
    device = os.environ.get("DEVICE", "gpu")
    prepare(HardwareConfig(device=device, xla_flags=FLAGS[plus + start]))
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if build != "asis":
        dynamics.synaptic_sum = {"rs": sum_by_reduction, "mm": sum_by_product}[build[:2]]
    if build.endswith("u"):
        RungeKutta.step = step_without_loop
    report(options, f"PSST, TensorFlow {version('tensorflow')}", functools.partial(measure, options))


if __name__ == "__main__":
    main()
