"""Products of two square matrices in TensorFlow, one after the other, as a graph or compiled by XLA."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import tensorflow as tf
from worker import Worker, content


def main() -> None:
    worker = Worker(__doc__, modes=("graph", "xla"), precisions=("double",))
    problem, threads = worker.problem, worker.options.threads
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    a, start, steps = tf.constant(problem["a"]), tf.constant(problem["x"]), int(problem["steps"])

    @tf.function(jit_compile=worker.options.mode == "xla", autograph=False)
    def products(x, count):
        return tf.while_loop(lambda i, _: i < count, lambda i, x: (i + 1, a @ x), (0, x))[1]

    products(start, tf.constant(0))
    worker.serve(
        f"TensorFlow {tf.__version__}", lambda: {"spikes": [content(products(start, tf.constant(steps)).numpy())]}
    )


if __name__ == "__main__":
    main()
