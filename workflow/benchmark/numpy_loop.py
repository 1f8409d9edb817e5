"""The tutorial's way in NumPy: a Python loop over steps, double precision.

For the antennal lobe, the first run alone.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from full_state import MODELS, NUMPY
from worker import Worker, content


def main() -> None:
    worker = Worker(__doc__, precisions=("double",))
    problem = worker.problem
    step, start, threshold = MODELS[problem["model"]](NUMPY, problem)
    cells = len(threshold)

    def integrate() -> dict:
        x, spikes = start, np.zeros(cells, dtype=int)
        for i in range(int(problem["steps"])):
            after = step(x, i)
            if cells:
                spikes += (x[:cells] < threshold) & (after[:cells] >= threshold)
            x = after
        if problem["model"] == "product":
            return {"spikes": [content(x)]}
        return {"spikes": spikes if problem["model"] == "cells" else [spikes.sum()]}

    worker.serve(f"NumPy {np.__version__}", integrate)


if __name__ == "__main__":
    main()
