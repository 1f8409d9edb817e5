"""A few Hodgkin–Huxley cells, linked as a test wants them."""

from psst_core.integrate.batch import Run
from psst_core.keys import put
from support.configurations import configuration
from support.integrating import integrate

LEAK = {"leak": {"type": "leak", "conductance": 0.1, "reversal": -65.0}}
HH = "network.populations.hh"


def cells(duration=20.0, dt=0.02, size=3, record=("v",), **values):
    """Hodgkin–Huxley cells under a strong current, unless `values` say otherwise (`synapses__x`: that synapse)."""
    config = configuration(
        "chain_of_three",
        network__size=size,
        run__duration=duration,
        run__dt=dt,
        recorder__interval=0.1,
        recorder__window=[0.0, duration],
    )
    config = put(
        config, {"network.projections": {}, "network.synapses": {}, "recorder.variables": {"hh": list(record)}}
    )
    return put(config, {name.replace("__", "."): value for name, value in values.items()})


def constant(amplitude, **targets):
    return {"type": "constant", "amplitude": amplitude, **targets}


def passive(**values):
    return cells(**{f"{HH}.mechanisms": LEAK, f"{HH}.start": {"v": -70.0}, "stimulus": constant(0.0)} | values)


def projection(synapse, pairs, conductance=0.35, weight=1.0):
    return {
        "pre": "hh",
        "post": "hh",
        "synapse": synapse,
        "conductance": conductance,
        "weight": weight,
        "reference_in_degree": None,
        "connectivity": {"type": "pairs", "pairs": pairs},
    }


def linked(kind, pairs, conductance=0.35, weight=1.0, record=("v",), duration=40.0, dt=0.02, **settings):
    """Three cells, the first of which fires."""
    return cells(
        duration,
        dt,
        record=record,
        stimulus=constant(8.0, cells=[0]),
        network__synapses={"syn": {"type": kind, **settings}},
        network__projections={"link": projection("syn", pairs, conductance, weight)},
    )


def trace(config, name):
    return integrate([Run(config)]).traces[f"hh.{name}"][0]


def everything():
    """Noise, Poisson input, delays, kinetic, linear and electrical synapses in one network of ten cells."""
    everyone = {"type": "probability", "probability": 0.5}
    config = cells(
        duration=15.0,
        size=10,
        stimulus=constant(8.0, spread=0.3),
        network__synapses={
            "ach": {"type": "acetylcholine", "delay": 1.0},
            "gaba": {"type": "gaba_a", "delay": 0.5},
            "fast": {"type": "exponential", "delay": 0.3},
            "slow": {"type": "gaba_b", "concentration": 5.0},
            "gap": {"type": "gap_junction"},
        },
        network__projections={
            kind: projection(kind, [], 0.02) | {"connectivity": everyone}
            for kind in ("ach", "gaba", "fast", "slow", "gap")
        },
    )
    noise = {"noise": {"type": "ornstein_uhlenbeck", "sigma": 2.0}, "input": {"type": "poisson"}}
    return put(config, {f"{HH}.mechanisms": config["network"]["populations"]["hh"]["mechanisms"] | noise})
