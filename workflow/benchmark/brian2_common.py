"""The shared part of the Brian2 programs: gates after Traub & Miles, the build, and the runs of Brian2's binary."""

import os
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from brian2 import SpikeMonitor, device, prefs, set_device
from worker import Worker, peak_memory, require

POTASSIUM = """
u = v + 50 : 1
an = phi*0.02*(15 - u)/(exp((15 - u)/5) - 1) : 1
bn = phi*0.5*exp((10 - u)/40) : 1
dn/dt = (an*(1 - n) - bn*n)/ms : 1
"""
SODIUM = """
am = phi*0.32*(13 - u)/(exp((13 - u)/4) - 1) : 1
bm = phi*0.28*(u - 40)/(exp((u - 40)/5) - 1) : 1
ah = phi*0.128*exp((17 - u)/18) : 1
bh = phi*4/(exp((40 - u)/5) + 1) : 1
dm/dt = (am*(1 - m) - bm*m)/ms : 1
dh/dt = (ah*(1 - h) - bh*h)/ms : 1
"""
# Without Brian2's -fno-finite-math-only, gcc takes its vector exp. With the last flag it vectorises the loops over
# cells, which touch more arrays than gcc compares by default.
TUNED = ["-w", "-O3", "-march=native", "-ffast-math", "-std=c++11", "--param=vect-max-version-for-alias-checks=1000"]
PHI = 3 ** ((22 - 36) / 10)


class Standalone:
    """A C++ standalone project in a folder of its own, compiled with Brian2's flags or with better flags for gcc."""

    def __init__(self, worker: Worker, tuned: bool = False) -> None:
        require("g++", "g++")
        require("make", "make")
        self._kept = tempfile.TemporaryDirectory()
        self.folder = Path(self._kept.name)
        prefs["core.default_float_dtype"] = worker.dtype.type
        if tuned:
            prefs["codegen.cpp.extra_compile_args_gcc"] = TUNED
        prefs["devices.cpp_standalone.openmp_threads"] = 0
        set_device("cpp_standalone", directory=str(self.folder), build_on_run=False)

    def build(self) -> None:
        device.insert_code(
            "before_end",
            'std::ofstream(brian::results_dir + "status") << std::ifstream("/proc/self/status").rdbuf();',
        )
        device.build(directory=str(self.folder), run=False)

    def run(self, starts: list[dict[str, np.ndarray]], processes: int = 1) -> dict:
        """Run the binary for each of the starts (`group.variable` and its values), `processes` of them at once.

        `seconds` is the time that Brian2 measured for its own loops, or, with several processes, the wall time.
        """
        commands = [self._command(run, start) for run, start in enumerate(starts)]
        began = time.perf_counter()
        with ThreadPoolExecutor(processes) as pool:
            list(pool.map(lambda command: subprocess.run(command, cwd=self.folder, check=True), commands))
        wall = time.perf_counter() - began
        infos = [(self._results(run) / "last_run_info.txt").read_text() for run in range(len(starts))]
        loops = sum(float(info.split()[0]) for info in infos)
        return {"seconds": loops if processes == 1 else wall, "process_seconds": wall}

    def spikes(self, monitor: SpikeMonitor, run: int) -> np.ndarray:
        """Return the cell of each spike in run `run` of the binary."""
        name = Path(device.get_array_filename(monitor.variables["i"])).name
        return np.fromfile(self._results(run) / name, np.int32)

    def peak_memory(self) -> int:
        return max(peak_memory(path.read_text()) for path in self.folder.glob("results_*/status"))

    def _results(self, run: int) -> Path:
        return self.folder / f"results_{run}"

    def _command(self, run: int, start: dict[str, np.ndarray]) -> list[str]:
        results = self._results(run)
        results.mkdir(exist_ok=True)
        arguments = []
        for name, values in start.items():
            path = results / f"{name}.dat"
            values.tofile(path)
            arguments.append(f"{name}={path}")
        return [str(self.folder / "main"), "--results_dir", f"{results}{os.sep}", *arguments]
