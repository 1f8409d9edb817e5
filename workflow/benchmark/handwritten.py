"""The antennal lobe written by hand in TensorFlow, as an expert would do without PSST.

It uses XLA, state [cell, run], dense matrices and vectors of 512 bits. RK4's stages are a loop that accumulates from
stage states.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["XLA_FLAGS"] = "--xla_cpu_prefer_vector_width=512"

from types import SimpleNamespace

import numpy as np
import tensorflow as tf
from equations import local_interneurons, odour, projection_neurons
from worker import Worker

STATES = {"pn": ("v", "n", "m", "h", "m_a", "h_a", "o"), "ln": ("v", "n", "m_ca", "h_ca", "m_k", "ca", "o")}
NAMES = [(population, name) for population, names in STATES.items() for name in names]
STRETCH = 1000
PULSE = 0.3


def where(condition, yes, no):
    dtype = next(x.dtype for x in (yes, no) if tf.is_tensor(x))
    return tf.where(condition, tf.cast(yes, dtype), tf.cast(no, dtype))


XP = SimpleNamespace(exp=tf.exp, abs=tf.abs, where=where)


def main() -> None:
    worker = Worker(__doc__)
    problem, dtype = worker.problem, tf.as_dtype(worker.dtype)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    dt, steps, runs = float(problem["dt"]), int(problem["steps"]), int(problem["runs"])
    weights = {
        name: tf.constant(problem[name] * problem[f"{name}.conductance"], dtype) for name in ("pn_ln", "ln_pn", "ln_ln")
    }
    share = {population: tf.constant(problem[f"{population}.weight"], dtype) for population in STATES}
    start = [tf.constant(problem[f"{population}.{name}"], dtype) for population, name in NAMES]
    sizes = [len(problem["pn.v"]), len(problem["ln.v"])]

    def slopes(values, pulse, step):
        x = {population: {} for population in STATES}
        for (population, name), value in zip(NAMES, values, strict=True):
            x[population][name] = value
        pn, ln, current = x["pn"], x["ln"], odour(XP, problem, step, dt)
        gaba, gaba_ln = tf.matmul(weights["ln_pn"], ln["o"]), tf.matmul(weights["ln_ln"], ln["o"])
        ach = tf.matmul(weights["pn_ln"], pn["o"])
        relaxations = {
            "pn": projection_neurons(XP, pn, current * share["pn"], gaba, tf.cast(pulse > 0, dtype)),
            "ln": local_interneurons(XP, ln, current * share["ln"], ach, gaba_ln),
        }
        pairs = [relaxations[population][name] for population, name in NAMES]
        return [source - decay * y for (source, decay), y in zip(pairs, values, strict=True)]

    moment, reach = tf.constant([0, 0.5, 0.5, 1], dtype), tf.constant([0.5, 0.5, 1, 1 / 6], dtype)
    part = tf.constant([1 / 3, 2 / 3, 1 / 3, 0], dtype)

    def one_step(values, pulse, step):
        def stage(i, y, total):
            last = tf.cast(i == 3, dtype)
            base = [x * (1 - last) + t * last for x, t in zip(values, total, strict=True)]
            k = slopes(y, pulse, step + moment[i])
            y = [b + dt * reach[i] * slope for b, slope in zip(base, k, strict=True)]
            return i + 1, y, [t + part[i] * x for t, x in zip(total, y, strict=True)]

        total = [-x / 3 for x in values]
        return tf.while_loop(lambda i, *_: i < 4, stage, (0, values, total), maximum_iterations=4)[1]

    @tf.function(jit_compile=True)
    def advance(values, pulse, spikes, first, stretch):
        def body(i, values, pulse, spikes):
            after = one_step(values, pulse, tf.cast(first + i, dtype))
            pn = (values[0] < 0) & (after[0] >= 0)
            ln = (values[7] < -20) & (after[7] >= -20)
            pulse = tf.where(pn, round(PULSE / dt), tf.maximum(pulse - 1, 0))
            fired = tf.reduce_sum(tf.cast(pn, tf.int32), 0) + tf.reduce_sum(tf.cast(ln, tf.int32), 0)
            return i + 1, after, pulse, spikes + fired

        loop = (0, values, pulse, spikes)
        return tf.while_loop(lambda i, *_: i < stretch, body, loop, maximum_iterations=STRETCH)[1:]

    def integrate() -> dict:
        values, pulse, spikes = start, tf.zeros([sizes[0], runs], tf.int32), tf.zeros([runs], tf.int32)
        for first in range(0, steps, STRETCH):
            stretch = tf.constant(min(STRETCH, steps - first))
            values, pulse, spikes = advance(values, pulse, spikes, tf.constant(first), stretch)
        return {"spikes": np.asarray(spikes)}

    integrate()
    worker.serve(f"TensorFlow {tf.__version__}", integrate)


if __name__ == "__main__":
    main()
