"""The conversation between the benchmark's conductor and the measured programs: JSON lines over stdin and stdout.

A worker sets itself up and says that it is ready. At each line `run` it integrates its problem once from the start. At
`quit`, or at the end of input, it reports its peak memory and ends.
"""

import argparse
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SHOWN = 1000


class Worker:
    """A measured program: its options, its problem, and its side of the conversation.

    Args:
        description: what the program is.
        methods: its solvers.
        modes: ways of doing the same work, the default first.
        precisions: its precisions.
    """

    def __init__(
        self,
        description: str,
        methods: Sequence[str] = ("rk4",),
        modes: Sequence[str] = ("default",),
        precisions: Sequence[str] = ("double", "single"),
    ) -> None:
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("problem", type=Path, help="an .npz written by problem.py")
        parser.add_argument("--precision", choices=precisions, default="double")
        parser.add_argument("--method", choices=methods, default=methods[0])
        parser.add_argument("--mode", choices=modes, default=modes[0])
        parser.add_argument("--threads", type=int, default=1)
        self.options = parser.parse_args()
        self.dtype = np.dtype({"single": np.float32, "double": np.float64}[self.options.precision])
        with np.load(self.options.problem) as file:
            self.problem = {name: file[name][()] for name in file.files}
        self._replies = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def serve(
        self, version: str, integrate: Callable[[], dict[str, Any]], peak_memory: Callable[[], int] | None = None
    ) -> None:
        """Answer until told to quit.

        Args:
            version: the tool and its version.
            integrate: makes one integration of the whole problem. It returns `spikes`, and `seconds` if the tool takes
                the time itself.
            peak_memory: returns bytes, if the work is done in another process.
        """
        self._reply(ready=True, setup_seconds=age(), version=version)
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            began = time.perf_counter()
            result = integrate()
            result = {"seconds": time.perf_counter() - began} | result
            spikes = np.asarray(result["spikes"]).astype(int)
            self._reply(**result | {"spikes": spikes.tolist()[:SHOWN], "total": int(spikes.sum())})
        self._reply(peak_memory=(peak_memory or own_peak_memory)())

    def _reply(self, **values: Any) -> None:
        print(json.dumps(values), file=self._replies, flush=True)


def content(x: np.ndarray) -> int:
    """Return a number that stands for a result; it replaces the spikes where a problem has none."""
    return int(np.rint(1e3 * np.abs(x).sum()))


def age() -> float:
    """Return the seconds since this process began."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def own_peak_memory() -> int:
    return peak_memory(Path("/proc/self/status").read_text())


def peak_memory(status: str) -> int:
    """Return VmHWM from the text of a /proc/…/status, bytes."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def require(tool: str, package: str) -> None:
    """Exit with a clear message if a compiler is missing."""
    if shutil.which(tool) is None:
        sys.exit(f"{tool} is missing: install the package {package} (apt-get install {package})")
