"""SciPy's DOP853 on the same networks: neither its equations nor its method are PSST's.

The equations are those of workflow/benchmark/equations.py. The method is Dormand & Prince's of order 8 with error
control (Hairer, Nørsett & Wanner 1993, doi:10.1007/978-3-540-78862-1). It stops and starts anew where a current steps,
and where a pulse of transmitter begins or ends. As in PSST, a spike is seen at the end of the step of dt in which v
crosses 0 mV upward, and the pulse covers the steps that follow.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import DOP853

sys.path.append(str(Path(__file__).parent.parent / "benchmark"))
import equations

PULSE = 0.3  # ms
Fields = dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Cells:
    """Cells of one kind in the vector of all states: variables one after the other."""

    names: tuple[str, ...]
    number: int
    first: int

    def unpack(self, x: np.ndarray) -> dict[str, np.ndarray]:
        rows = x[self.first : self.first + len(self.names) * self.number].reshape(len(self.names), self.number)
        return dict(zip(self.names, rows, strict=True))

    def pack(self, x: dict[str, np.ndarray], relaxations: Fields) -> np.ndarray:
        """Return x' = source − decay·x of each variable."""
        return np.concatenate([relaxations[name][0] - relaxations[name][1] * x[name] for name in self.names])

    @property
    def potentials(self) -> slice:
        return slice(self.first, self.first + self.number)


@dataclass(frozen=True)
class System:
    """A network for an integrator.

    Attributes:
        field: x' as a function of the time in ms, the states, the step at which the stretch began, and the releasing
            cells.
        start: the states at t = 0.
        cells: by kind; the first kind releases transmitter at its spikes.
        edges: the steps at which the stimulus is not smooth.
    """

    field: Callable[[float, np.ndarray, int, np.ndarray], np.ndarray]
    start: np.ndarray
    cells: tuple[Cells, ...]
    edges: tuple[int, ...] = ()


def neurons(problem: dict[str, Any]) -> System:
    hh = Cells(("v", "n", "m", "h"), len(problem["v"]), 0)

    def field(t: float, x: np.ndarray, began: int, pulse: np.ndarray) -> np.ndarray:
        own = hh.unpack(x)
        return hh.pack(own, equations.hodgkin_huxley(np, own, problem["current"]))

    return System(field, np.concatenate([problem[name] for name in hh.names]), (hh,))


def chain(problem: dict[str, Any]) -> System:
    hh = Cells(("v", "n", "m", "h", "ach", "gaba"), len(problem["v"]), 0)
    dt, edges = problem["dt"], np.concatenate([problem["onsets"], problem["offsets"]])

    def field(t: float, x: np.ndarray, began: int, pulse: np.ndarray) -> np.ndarray:
        own = hh.unpack(x)
        on = (problem["onsets"] < (began + 0.5) * dt) & ((began + 0.5) * dt < problem["offsets"])
        relaxations = equations.hodgkin_huxley(np, own, problem["weight"] * problem["levels"][on].sum())
        ach = problem["excitation.conductance"] * problem["excitation"] @ own["ach"]
        gaba = problem["inhibition.conductance"] * problem["inhibition"] @ own["gaba"]
        source, decay = relaxations["v"]
        relaxations["v"] = source - 70 * gaba, decay + ach + gaba
        relaxations["ach"] = equations.two_state(10 * 0.5 * pulse, 0.2)
        relaxations["gaba"] = equations.two_state(10 / (1 + np.exp(-(own["v"] + 20) / 1.5)), 0.16)
        return hh.pack(own, relaxations)

    start = np.concatenate([problem[name] for name in hh.names[:4]] + [np.zeros(2 * hh.number)])
    return System(field, start, (hh,), tuple(np.rint(edges / dt).astype(int)))


def lobe(problem: dict[str, Any]) -> System:
    pn = Cells(("v", "n", "m", "h", "m_a", "h_a", "o"), len(problem["pn.v"]), 0)
    ln = Cells(("v", "n", "m_ca", "h_ca", "m_k", "ca", "o"), len(problem["ln.v"]), len(pn.names) * pn.number)
    matrices = {name: problem[f"{name}.conductance"] * problem[name] for name in ("pn_ln", "ln_pn", "ln_ln")}
    weight, dt = {name: problem[f"{name}.weight"][:, 0] for name in ("pn", "ln")}, problem["dt"]
    a = {name.removeprefix("odour."): value for name, value in problem.items() if name.startswith("odour.")}

    def odour(t: float, began: int) -> float:
        if (began + 0.5) * dt < a["onset"]:
            return 0.0
        if (began + 0.5) * dt < a["offset"]:
            return a["amplitude"] * (1 - np.exp((a["onset"] - t) / a["rise"]))
        return a["amplitude"] * a["decay_from"] * np.exp((a["offset"] - t) / a["fall"])

    def field(t: float, x: np.ndarray, began: int, pulse: np.ndarray) -> np.ndarray:
        p, q, current = pn.unpack(x), ln.unpack(x), odour(t, began)
        onto_pn = equations.projection_neurons(np, p, current * weight["pn"], matrices["ln_pn"] @ q["o"], pulse)
        ach, gaba = matrices["pn_ln"] @ p["o"], matrices["ln_ln"] @ q["o"]
        onto_ln = equations.local_interneurons(np, q, current * weight["ln"], ach, gaba)
        return np.concatenate([pn.pack(p, onto_pn), ln.pack(q, onto_ln)])

    start = [problem[f"pn.{name}"][:, 0] for name in pn.names] + [problem[f"ln.{name}"][:, 0] for name in ln.names]
    edges = tuple(round(a[name] / dt) for name in ("onset", "offset"))
    return System(field, np.concatenate(start), (pn, ln), edges)


SYSTEMS = {"cells": neurons, "chain": chain, "locust": lobe}


def potentials(problem: dict[str, Any], tolerance: float = 1e-11, longest: float = 0.2, seen: int = 1) -> np.ndarray:
    """Return v at every step from t = 0 on, [step, cell], mV.

    Args:
        problem: a problem as cases.py gives it.
        tolerance: the relative tolerance; the absolute one is a tenth of it.
        longest: the longest step of the integrator, ms.
        seen: how often in a step of dt spikes are looked for.
    """
    problem = problem | {"dt": problem["dt"] / seen, "steps": problem["steps"] * seen}
    dt, steps = problem["dt"], problem["steps"]
    system = SYSTEMS[str(problem["model"])](problem)
    places = np.concatenate([np.arange(cells.first, cells.first + cells.number) for cells in system.cells])
    releasing = system.cells[0].potentials
    ending = np.zeros(system.cells[0].number, dtype=int)
    x, step = system.start, 0
    found = np.empty((steps, len(places)))
    found[0] = x[places]
    while step < steps - 1:
        stop = min(moment for moment in (*system.edges, *ending.tolist(), steps - 1) if moment > step)
        on, began = (ending > step).astype(float), step
        solver = DOP853(
            lambda t, x, began=began, on=on: system.field(t, x, began, on),
            step * dt,
            x,
            stop * dt,
            max_step=longest,
            rtol=tolerance,
            atol=0.1 * tolerance,
        )
        fired = np.zeros(len(ending), dtype=bool)
        while step < stop and not fired.any():
            solver.step()
            last = stop if solver.status == "finished" else int(solver.t / dt)
            grid = np.arange(step + 1, last + 1)
            if not len(grid):
                continue
            passed = solver.dense_output()(grid * dt)
            if solver.status == "finished":
                passed[:, -1] = solver.y
            v = np.column_stack([x[releasing], passed[releasing]])
            crossed = (v[:, :-1] < 0) & (v[:, 1:] >= 0)
            end = int(crossed.any(axis=0).argmax()) + 1 if crossed.any() else len(grid)
            found[step + 1 : step + 1 + end] = passed[places, :end].T
            x, step, fired = passed[:, end - 1], step + end, crossed[:, end - 1]
        ending[fired] = step + round(PULSE / dt)
    return found[::seen]
