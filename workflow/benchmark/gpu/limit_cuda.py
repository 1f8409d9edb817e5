"""The limit of a GPU: the antennal lobe by hand in CUDA (limit.cu, which CuPy compiles), timed by width.

Its spikes are compared with those of the other programs.
"""

from pathlib import Path
from typing import Any

import cupy as cp
import numpy as np
from equations import odour
from limit import LN_START, PN_START, PULSE
from widths import CHECKED_RUNS, arguments, median_seconds, problem_of, repeated, report, speed

THREADS = 128
CELLS = 120
WORD = 32


def bits(matrix: np.ndarray) -> np.ndarray:
    """Pack connections [post, pre] into words of 32 presynaptic cells [post, word], the first in the lowest bit."""
    post, pre = matrix.shape
    padded = np.zeros((post, -(-pre // WORD) * WORD), bool)
    padded[:, :pre] = matrix
    return np.packbits(padded, axis=1, bitorder="little").view("<u4")


def main() -> None:
    options = arguments(__doc__)
    problem, dtype, steps = problem_of(options.problem), np.dtype(options.precision), options.steps
    single = options.precision == "float32"
    kind = "#define SINGLE\ntypedef float real;\n" if single else "typedef double real;\n"
    source = kind + Path(__file__).with_name("limit.cu").read_text(encoding="utf-8")
    kernel = cp.RawKernel(source, "locust", options=("--use_fast_math",) if single else ())
    dt = float(problem["dt"])
    current = cp.asarray(odour(np, problem, 0.5 * np.arange(2 * steps + 1), dt).astype(dtype))
    masks = [cp.asarray(bits(problem[name])) for name in ("ln_pn", "pn_ln", "ln_ln")]
    conductances = [dtype.type(problem[f"{name}.conductance"]) for name in ("pn_ln", "ln_pn", "ln_ln")]

    def start(population: str, names: tuple[str, ...], width: int) -> cp.ndarray:
        arrays = [repeated(problem, problem[f"{population}.{name}"], width) for name in names]
        return cp.asarray(np.stack(arrays).astype(dtype))

    def measure(width: int) -> dict[str, Any]:
        starts = start("pn", PN_START, width), start("ln", LN_START, width)
        spikes = cp.zeros((CELLS, width), np.int32)

        def integrate(steps: int = steps) -> None:
            numbers = np.int32(width), np.int32(steps), dtype.type(dt), np.int32(round(PULSE / dt))
            kernel((width,), (THREADS,), (*numbers, current, *masks, *conductances, *starts, spikes))
            cp.cuda.Device().synchronize()

        integrate(10)
        seconds = median_seconds(integrate)
        return {
            **speed(seconds, steps, width),
            "steps": steps,
            "spikes_first64": int(spikes[:, :CHECKED_RUNS].sum()),
            "registers": kernel.num_regs,
            "local_bytes": kernel.local_size_bytes,
        }

    report(options, f"CUDA by hand, CuPy {cp.__version__}", measure)


if __name__ == "__main__":
    main()
