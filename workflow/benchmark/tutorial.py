"""The tutorial's way in TensorFlow: tf.scan, every state kept, double precision.

For the antennal lobe, the first run alone.
"""

import os
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf
from full_state import MODELS
from worker import Worker

KEPT = 2_000_000_000  # bytes of states that one scan may keep; longer problems take several scans


def spread(mask, values, shape):
    index = tf.boolean_mask(tf.range(mask.size), mask.ravel())
    return tf.reshape(tf.scatter_nd(index[:, None], values, [mask.size]), shape)


def masked(matrix, mask):
    return tf.boolean_mask(tf.reshape(matrix, [-1]), mask.ravel())


TENSORFLOW = SimpleNamespace(
    exp=tf.exp,
    sin=tf.sin,
    where=tf.where,
    row=lambda table, i: tf.gather(tf.constant(table), tf.cast(i, tf.int32)),
    split=tf.split,
    join=lambda parts: tf.concat(parts, 0),
    spread=spread,
    masked=masked,
    sum=lambda matrix: tf.reduce_sum(matrix, axis=1),
    number=lambda condition: tf.cast(condition, tf.float64),
    round=tf.round,
)


def main() -> None:
    worker = Worker(__doc__, precisions=("double",))
    problem, threads = worker.problem, worker.options.threads
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    step, start, threshold = MODELS[problem["model"]](TENSORFLOW, problem)
    steps, cells = int(problem["steps"]), len(threshold)

    @tf.function(input_signature=[tf.TensorSpec(start.shape, tf.float64), tf.TensorSpec([None], tf.float64)])
    def states(x, times):
        return tf.scan(step, times, x)

    stretch = max(1, min(steps, KEPT // start.nbytes))

    def integrate() -> dict:
        x, spikes = start, np.zeros(cells, dtype=int)
        for first in range(0, steps, stretch):
            times = tf.range(first, min(first + stretch, steps), dtype=tf.float64)
            kept = states(tf.constant(x), times).numpy()
            above = np.concatenate([x[None, :cells], kept[:, :cells]]) >= threshold
            spikes += (~above[:-1] & above[1:]).sum(axis=0)
            x = kept[-1]
        return {"spikes": spikes if problem["model"] == "cells" else [spikes.sum()]}

    states(tf.constant(start), tf.range(0, 2, dtype=tf.float64))
    worker.serve(f"TensorFlow {tf.__version__}", integrate)


if __name__ == "__main__":
    main()
