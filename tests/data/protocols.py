"""Makes the frozen traces beside it: `python tests/data/protocols.py` writes every .csv anew, in about a minute.

The equations are those of workflow/benchmark/equations.py, which shares no line with psst_core, and below. Gates
under a clamp relax in closed form; the rest SciPy's LSODA integrates, with relative tolerance 1e-11. Units are ms, mV,
mS/cm², µA/cm² and mM.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "benchmark"))
import equations

HERE = Path(__file__).parent
POTENTIALS = (-100.0, -70.0, -63.2, -62.8, -50.0, -37.0, -20.0, 0.0, 30.0)
TIMES = (0, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 90)
CALCIUM = 2.4e-4
HODGKIN_HUXLEY = {"v": -71.0, "n": 0.0, "m": 0.0, "h": 0.0}
NEURONS = {
    "hodgkin_huxley": (
        lambda x, current: equations.hodgkin_huxley(np, x, current),
        HODGKIN_HUXLEY,
        0.0,
        np.linspace(0, 10, 20),
    ),
    "projection_neuron": (
        lambda x, current: equations.projection_neurons(np, x | {"o": 0.0}, current, 0, 0),
        HODGKIN_HUXLEY | {"v": -70.0, "m_a": 0.0, "h_a": 0.0},
        0.0,
        np.linspace(0, 14, 8),
    ),
    "local_interneuron": (
        lambda x, current: equations.local_interneurons(np, x | {"o": 0.0}, current, 0, 0),
        {"v": -70.0, "n": 0.0, "m_ca": 0.0, "h_ca": 0.0, "m_k": 0.0, "ca": CALCIUM},
        -20.0,
        np.linspace(0, 7, 8),
    ),
}
DT = 0.01
FULL = {"acetylcholine": 0.05, "gaba_a": 0.05, "gaba_b": 1000.0, "exponential": 0.02}
REVERSAL = {"acetylcholine": 0.0, "gaba_a": -70.0, "gaba_b": -95.0, "exponential": 0.0}


def integrate(pairs, start, times, threshold=0.0):
    """x' = source − decay·x, `pairs(x)` being (source, decay) by name: x at `times`, and when its first rises past."""

    def field(t, y):
        x = dict(zip(start, y, strict=True))
        given = pairs(x)
        return [given[name][0] - given[name][1] * value for name, value in x.items()]

    def crossing(t, y):
        return y[0] - threshold

    crossing.direction = 1
    ends, first = (times[0], times[-1]), list(start.values())
    found = solve_ivp(field, ends, first, "LSODA", times, events=crossing, rtol=1e-11, atol=1e-14, max_step=1.0)
    return dict(zip(start, found.y, strict=True)), found.t_events[0]


def gate(target, rate):
    """Return a gate over time that begins closed and relaxes to its target."""
    return target * (1 - np.exp(-rate * np.array(TIMES)))


def clamp(v):
    """Each channel's current, and calcium, after v jumps to that value with all gates closed and none inactivated."""
    start = dict.fromkeys(("n", "m", "m_a", "m_ca", "m_k"), 0.0) | dict.fromkeys(("h", "h_a", "h_ca"), 1.0)

    def pairs(x):
        held = x | {"v": v, "o": 0.0}
        return equations.local_interneurons(np, held, 0, 0, 0) | equations.projection_neurons(np, held, 0, 0, 0)

    x, _ = integrate(pairs, start | {"ca": CALCIUM}, TIMES)
    for name in start.keys() - {"m_k"}:
        source, decay = pairs(start | {"ca": CALCIUM})[name]
        x[name] = source / decay + (start[name] - source / decay) * np.exp(-decay * np.array(TIMES))
    slow = gate(1 / (1 + np.exp(-(v + 35) / 10)), (3.3 * np.exp((v + 35) / 20) + np.exp(-(v + 35) / 20)) / 1000)
    h = gate(1 / (1 + np.exp((v + 75) / 5.5)), np.exp(-14.59 - 0.086 * v) + np.exp(-1.87 + 0.0701 * v))
    return {
        "m_type": 0.07 * slow * (v + 95),
        "h_current": 0.05 * h * (v + 43),
        "leak": 0.15 * (v + 55) * np.ones(len(TIMES)),
        "sodium": 100 * x["m"] ** 3 * x["h"] * (v - 50),
        "delayed_rectifier": 10 * x["n"] ** 4 * (v + 95),
        "a_type": 10 * x["m_a"] ** 4 * x["h_a"] * (v + 95),
        "calcium": 3 * x["m_ca"] ** 2 * x["h_ca"] * (v - 140),
        "calcium_potassium": 0.3 * 2.3 ** ((26 - 23) / 10) * x["m_k"] * (v + 90),
        "calcium_pool": x["ca"],
    }


def conductances(x):
    """Of the synapses onto the passive cells, by kind."""
    return {
        "acetylcholine": FULL["acetylcholine"] * x["acetylcholine"],
        "gaba_a": FULL["gaba_a"] * x["gaba_a"],
        "gaba_b": FULL["gaba_b"] * x["g"] ** 4 / (x["g"] ** 4 + 100),
        "exponential": x["exponential"],
    }


def transmission():
    """One spike of a Hodgkin–Huxley neuron, through each kind of synapse onto a passive cell of its own.

    A passive cell has 1 µF/cm² and 0.1 mS/cm² to −65 mV. The spike arrives at the end of the step of 0.01 ms in which v
    crosses 0 mV; transmitter is then there for 0.3 ms.
    """
    start = HODGKIN_HUXLEY | {"v": -30.0, "h": 0.5}
    start |= dict.fromkeys(("acetylcholine", "gaba_a", "r", "g", "exponential"), 0.0)
    start |= {f"v_{name}": -65.0 for name in FULL}

    def pairs(released):
        def at(x):
            given = equations.hodgkin_huxley(np, x, 0.0)
            given["acetylcholine"] = equations.two_state(10 * 0.5 * released, 0.2)
            given["gaba_a"] = equations.two_state(10 / (1 + np.exp(-(x["v"] + 20) / 1.5)), 0.16)
            given["r"] = equations.two_state(0.52 * 0.5 * released, 0.0013)
            given["g"] = 0.098 * x["r"], 0.033
            given["exponential"] = 0.0, 1 / 5
            for name, g in conductances(x).items():
                given[f"v_{name}"] = g * REVERSAL[name] - 0.1 * 65, g + 0.1
            return given

        return at

    (crossed,) = integrate(pairs(0), start, (0.0, 20.0))[1]
    arrival = DT * np.ceil(crossed / DT)
    times = np.round(np.concatenate([np.arange(0, 6, 0.1), np.arange(6, 20, 1.0), np.arange(20, 200, 10.0)]), 1)
    parts, x = [], start
    for first, last, released in ((0.0, arrival, 0), (arrival, arrival + 0.3, 1), (arrival + 0.3, 200.0, 0)):
        inside = (times >= first) & (times < last)
        found, _ = integrate(pairs(released), x, [first, *times[inside & (times > first)], last])
        parts.append({name: values[-1 - inside.sum() : -1] for name, values in found.items()})
        x = {name: values[-1] for name, values in found.items()}
        if last == arrival:
            x["exponential"] += FULL["exponential"]
    course = {name: np.concatenate([part[name] for part in parts]) for name in start}
    return times, conductances(course), {name: course[f"v_{name}"] for name in FULL}


def write(name, columns):
    """Columns of numbers, empty where there is none."""
    length = max(map(len, columns.values()))
    padded = [[f"{x:.13g}" for x in values] + [""] * (length - len(values)) for values in columns.values()]
    lines = [",".join(map(str, columns)), *map(",".join, zip(*padded, strict=True))]
    (HERE / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    clamped = {v: clamp(v) for v in POTENTIALS}
    for channel in clamped[0.0]:
        write(f"clamp_{channel}", {"time": TIMES} | {v: clamped[v][channel] for v in POTENTIALS})
    for neuron, (pairs, start, threshold, currents) in NEURONS.items():
        times = [
            integrate(lambda x, current=current, pairs=pairs: pairs(x, current), start, (0.0, 200.0), threshold)[1]
            for current in currents
        ]
        write(f"spikes_{neuron}", dict(zip((f"{current:.13g}" for current in currents), times, strict=True)))
    times, conductance, potential = transmission()
    write("synapse_conductance", {"time": times} | conductance)
    write("synapse_potential", {"time": times} | potential)


if __name__ == "__main__":
    main()
