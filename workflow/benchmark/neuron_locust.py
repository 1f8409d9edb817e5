"""The antennal lobe in NEURON: its own fixed step (implicit Euler for v, cnexp for the gates), all runs in one network.

Each synapse is a point process with a pointer to the open fraction in its presynaptic cell.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import neuron
import numpy as np
from neuron import h
from worker import Worker, require

MECHANISMS = Path(__file__).parent / "neuron_mechanisms"
STATES = {"pn": ("n", "m", "h", "m_a", "h_a"), "ln": ("n", "m_ca", "h_ca", "m_k", "ca", "o")}
THRESHOLDS = {"pn": 0.0, "ln": -20.0}
AREA = 100.0  # µm²: 1 nA is 1 mA/cm²


def load_mechanisms() -> None:
    require("g++", "g++")
    with tempfile.TemporaryDirectory() as folder:
        tool = Path(sys.executable).parent / "nrnivmodl"
        subprocess.run([tool, MECHANISMS], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        h.nrn_load_dll(str(next(Path(folder).glob(f"{os.uname().machine}/libnrnmech.so"))))


class Network:
    """The cells of all runs with their synapses; a cell is (population, number, run)."""

    def __init__(self, problem: dict) -> None:
        self.problem, self.runs = problem, int(problem["runs"])
        self.cells, self.releases, self.synapses, self.wires = {}, {}, [], []
        self.spikes = {}
        for population in STATES:
            for cell, run in np.ndindex(problem[f"{population}.v"].shape):
                self._add_cell(population, cell, run)
        for run in range(self.runs):
            for name, reversal in (("pn_ln", 0.0), ("ln_pn", -70.0), ("ln_ln", -70.0)):
                self._project(name, reversal, run)

    def _add_cell(self, population: str, cell: int, run: int) -> None:
        section = h.Section(name=f"{population}_{cell}_{run}")
        section.L = section.diam = (AREA / np.pi) ** 0.5
        section.cm = 1
        section.insert(population)
        getattr(section(0.5), population).weight = self.problem[f"{population}.weight"][cell, run]
        self.cells[population, cell, run] = section
        self.spikes[population, cell, run] = h.Vector()
        recorder = h.NetCon(section(0.5)._ref_v, None, sec=section)
        recorder.threshold = THRESHOLDS[population]
        recorder.record(self.spikes[population, cell, run])
        self.wires.append(recorder)
        if population == "pn":
            release = self.releases[cell, run] = h.AchRelease(section(0.5))
            wire = h.NetCon(section(0.5)._ref_v, release, sec=section)
            wire.threshold, wire.delay, wire.weight[0] = 0.0, 0.0, 1.0
            self.wires.append(wire)

    def _project(self, name: str, reversal: float, run: int) -> None:
        pre, post = name.split("_")
        for target, source in np.argwhere(self.problem[name]):
            synapse = h.Graded(self.cells[post, target, run](0.5))
            synapse.g, synapse.e = self.problem[f"{name}.conductance"], reversal
            opened = self.releases[source, run] if pre == "pn" else self.cells["ln", source, run](0.5).ln
            synapse._ref_o = opened._ref_o
            self.synapses.append(synapse)

    def start(self) -> None:
        h.finitialize(-70)
        for (population, cell, run), section in self.cells.items():
            section(0.5).v = self.problem[f"{population}.v"][cell, run]
            mechanism = getattr(section(0.5), population)
            for name in STATES[population]:
                setattr(mechanism, name, self.problem[f"{population}.{name}"][cell, run])
        for (cell, run), release in self.releases.items():
            release.o = self.problem["pn.o"][cell, run]
        h.fcurrent()

    def counts(self) -> np.ndarray:
        counts = np.zeros(self.runs, dtype=int)
        for (_, _, run), times in self.spikes.items():
            counts[run] += len(times)
        return counts


def main() -> None:
    worker = Worker(__doc__, methods=("implicit_euler",), precisions=("double",))
    problem = worker.problem
    load_mechanisms()
    for population in STATES:
        for name in ("amplitude", "onset", "offset", "rise", "fall", "decay_from"):
            setattr(h, f"{name}_{population}", float(problem[f"odour.{name}"]))
        setattr(h, f"phi_{population}", 3 ** ((22 - 36) / 10))
    h.phi_a_pn, h.phi_k_ln = 3 ** ((36 - 23.5) / 10), 2.3 ** ((26 - 23) / 10)
    h.dt = float(problem["dt"])
    network, context = Network(problem), h.ParallelContext()
    context.set_maxstep(10)

    def integrate() -> dict:
        network.start()
        began = time.perf_counter()
        context.psolve((int(problem["steps"]) - 0.5) * h.dt)
        return {"seconds": time.perf_counter() - began, "spikes": network.counts(), "method": "implicit Euler, cnexp"}

    worker.serve(f"NEURON {neuron.__version__}", integrate)


if __name__ == "__main__":
    main()
