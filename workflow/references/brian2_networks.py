"""Brian2 on the same networks, in the environment of the other tools: RK4, double precision, C++.

The chain of three is written as one system, so that Brian2 evaluates its synapses at every stage, as PSST does. The
antennal lobe is written in the usual way, with `Synapses`. Brian2 sums these once a step and holds the sums over it,
which is an error of first order in dt.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2 import NeuronGroup, StateMonitor, defaultclock, ms

sys.path.append(str(Path(__file__).parent.parent / "benchmark"))
from brian2_common import PHI, POTASSIUM, SODIUM
from brian2_locust import LN, PN, STATES, group, project

CELL = (
    """
dv/dt = (current - 0.15*(v + 55) - 100*m**3*h*(v - 50) - 10*n**4*(v + 95) - ach*v - gaba*(v + 70))/ms : 1
da/dt = (10*0.5*transmitter*(1 - a) - 0.2*a)/ms : 1
dg/dt = (10/(1 + exp(-(v + 20)/1.5))*(1 - g) - 0.16*g)/ms : 1
below = int(v < 0) : 1 (constant over dt)
transmitter = int(t - fired < pulse) : 1 (constant over dt)
fired : second
"""
    + POTASSIUM
    + SODIUM
)
OWN = re.compile(r"\b(d?)(v|n|m|h|a|g|u|[abx]?[nmh]|below|transmitter|fired|current|ach|gaba)\b(?!\()")


def chain(problem: dict[str, Any], names: dict[str, Any]) -> tuple[list[Any], Any]:
    """Put all cells' variables into one group of size one; `v_0` belongs to the first cell."""
    equations, events, number = "", {}, len(problem["v"])
    for cell in range(number):
        equations += OWN.sub(rf"\g<1>\g<2>_{cell}", CELL)
        for name, open_fraction, matrix in (("ach", "a", "excitation"), ("gaba", "g", "inhibition")):
            strength = problem[f"{matrix}.conductance"] * problem[matrix][cell]
            terms = [f"{float(value)!r}*{open_fraction}_{pre}" for pre, value in enumerate(strength) if value]
            equations += f"{name}_{cell} = {' + '.join(terms) or '0'} : 1\n"
        boxes = zip(problem["onsets"], problem["offsets"], problem["weight"][cell] * problem["levels"], strict=True)
        current = [
            f"{level!r}*int(t >= {on!r}*ms - dt/2)*int(t < {off!r}*ms - dt/2)"
            for on, off, level in (map(float, box) for box in boxes)
        ]
        equations += f"current_{cell} = {' + '.join(current)} : 1 (constant over dt)\n"
        events[f"spike_{cell}"] = f"v_{cell} >= 0 and below_{cell} > 0"
    cells = NeuronGroup(1, equations, events=events, method="rk4", namespace=names)
    for cell in range(number):
        cells.run_on_event(f"spike_{cell}", f"fired_{cell} = t")
        setattr(cells, f"fired_{cell}", -1 * ms)
        for name in ("v", "n", "m", "h"):
            setattr(cells, f"{name}_{cell}", problem[name][cell])
    monitor = StateMonitor(cells, [f"v_{cell}" for cell in range(number)], record=True)
    return [cells, monitor], lambda: np.concatenate([getattr(monitor, f"v_{cell}") for cell in range(number)])


def lobe(problem: dict[str, Any], names: dict[str, Any]) -> tuple[list[Any], Any]:
    """Build the benchmark's own program, for one run."""
    names |= {name.removeprefix("odour."): value for name, value in problem.items() if name.startswith("odour.")}
    names |= {"phi_a": 3 ** ((36 - 23.5) / 10), "phi_k": 2.3 ** ((26 - 23) / 10)}
    sizes = {name: len(problem[f"{name}.v"]) for name in ("pn", "ln")}
    pn = group(sizes["pn"], PN, 0, reset="fired = t", name="pn", method="rk4", namespace=names)
    ln = group(sizes["ln"], LN, -20, reset="", name="ln", method="rk4", namespace=names)
    synapses = [
        project(problem, 1, pn, ln, "pn_ln", "ach"),
        project(problem, 1, ln, pn, "ln_pn", "gaba"),
        project(problem, 1, ln, ln, "ln_ln", "gaba"),
    ]
    pn.fired = -1 * ms
    for cells, states in ((pn, STATES["pn"]), (ln, STATES["ln"])):
        for name in states:
            setattr(cells, name, problem[f"{cells.name}.{name}"][:, 0])
    monitors = [StateMonitor(cells, "v", record=True) for cells in (pn, ln)]
    return [pn, ln, synapses, monitors], lambda: np.concatenate([monitor.v for monitor in monitors])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", type=Path, help="an .npz of a problem, as cases.py gives it")
    parser.add_argument("target", type=Path, help="the .npz to write: v [step, cell] and Brian2's version")
    given = parser.parse_args()
    with np.load(given.problem) as file:
        problem = {name: file[name][()] for name in file.files}
    with tempfile.TemporaryDirectory() as folder:
        brian2.set_device("cpp_standalone", directory=folder)
        defaultclock.dt = problem["dt"] * ms
        names = {"phi": PHI, "pulse": 0.3 * ms + defaultclock.dt / 2}
        parts, potentials = {"chain": chain, "locust": lobe}[str(problem["model"])](problem, names)
        brian2.Network(*parts).run(problem["steps"] * defaultclock.dt)
        np.savez(given.target, v=np.asarray(potentials()).T, version=brian2.__version__)


if __name__ == "__main__":
    main()
