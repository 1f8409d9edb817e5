"""The cases of `experiment=references`, each as a configuration for PSST and as plain arrays for other programs."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from psst_core import PsstError
from psst_core.config.compose import compose, resolve, update
from psst_core.integrate.batch import Run, stimulus_weights
from psst_core.keys import put
from psst_core.model.network import Network, connect, start_state

sys.path.append(str(Path(__file__).parent.parent / "benchmark"))
from problem import VARIABLES, locust_problem

CURRENTS = [1.0, 2.0, 4.0, 7.0, 10.0]  # µA/cm², the first too weak for a spike


def neurons(dt: float, duration: float) -> dict[str, Any]:
    """Configure Hodgkin–Huxley neurons under constant currents."""
    return _resolved("f_i_curve", dt, duration, {"network.size": len(CURRENTS), "stimulus.values": CURRENTS})


def chain(dt: float, duration: float) -> dict[str, Any]:
    """Configure the chain of three with its boxes of current."""
    return _resolved("chain_of_three", dt, duration, {})


def lobe(dt: float, duration: float) -> dict[str, Any]:
    """Configure the antennal lobe under an odour from the start."""
    return _resolved("locust_coupling", dt, duration, {"stimulus.onset": 0.0})


@dataclass(frozen=True)
class Case:
    """A network that PSST and another program integrate; dt and duration in ms."""

    title: str
    network: Callable[[float, float], dict[str, Any]]
    dt: float
    duration: float
    reference: str = "SciPy"

    def config(self) -> dict[str, Any]:
        return self.network(self.dt, self.duration)


CASES = {
    "neurons": Case("Hodgkin-Huxley neurons", neurons, 0.01, 200.0),
    "chain": Case("chain of three", chain, 0.01, 700.0),
    "lobe": Case("antennal lobe", lobe, 0.005, 150.0),
    "lobe_coarse": Case("antennal lobe", lobe, 0.01, 100.0),
}
PEERS = {
    "brian2_chain": Case("chain of three", chain, 0.01, 700.0, "Brian2"),
    "brian2_lobe": Case("antennal lobe", lobe, 0.005, 100.0, "Brian2"),
    "brian2_lobe_fine": Case("antennal lobe", lobe, 0.00125, 100.0, "Brian2"),
}
ALL = CASES | PEERS


@dataclass
class Settings:
    """The settings that `overrides` may change: the cases, and whether to add those of Brian2."""

    cases: list[str] = field(default_factory=lambda: list(CASES))
    peers: bool = False

    @classmethod
    def read(cls, overrides: str) -> list[str]:
        """Return the names of the cases that `key=value` texts choose.

        Raises:
            PsstError: naming the wrong key or value.
        """
        try:
            given = OmegaConf.from_dotlist(overrides.split())
            made: Settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(cls), given))  # type: ignore[assignment]
        except OmegaConfBaseException as error:
            raise PsstError(f"overrides={overrides!r}: {str(error).splitlines()[0]}") from error
        if unknown := set(made.cases) - set(CASES):
            raise PsstError(f"cases: {', '.join(sorted(unknown))}: no such case; there are {', '.join(CASES)}")
        if not made.cases and not made.peers:
            raise PsstError(f"overrides={overrides!r}: no case is left; name some of {', '.join(CASES)}, or peers=true")
        return [*made.cases, *(PEERS if made.peers else ())]


def arrays(config: dict[str, Any]) -> dict[str, Any]:
    """Return a case as arrays.

    Returns:
        Start values and currents [cell], matrices [post, pre], conductances, the edges of the stimulus, dt and steps.
    """
    dt = config.run.dt
    steps = round(config.run.duration / dt)
    if "pn" in config.network.populations:
        return locust_problem(config, 1, steps) | {"dt": dt}
    network, stimulus = Network.from_config(config.network), config.stimulus
    start = start_state(network, config.network, config.run.seed, 0, 0)["hh"]
    problem = {"dt": dt, "steps": steps} | {short: start[name] for short, name in VARIABLES["hh"].items()}
    weights = stimulus_weights(Run(config), network.sizes)
    if not network.projections:
        return problem | {"model": "cells", "current": weights}
    for name, links in connect(network, config.run.seed, 0).items():
        problem[name] = links.matrix(network.sizes["hh"], network.sizes["hh"])
        problem[f"{name}.conductance"] = network.projections[name].conductance
    boxes = {name: np.array(stimulus[name]) for name in ("onsets", "offsets", "levels")}
    return problem | boxes | {"model": "chain", "weight": weights}


def _resolved(experiment: str, dt: float, duration: float, values: dict[str, Any]) -> dict[str, Any]:
    """Return the resolved experiment with v of every cell recorded at every step, in double precision."""
    config = compose({"experiment": experiment})
    given = {"run.dt": dt, "run.duration": duration, "recorder.interval": dt, "recorder.window": [0.0, duration]}
    for key, value in (given | values).items():
        update(config, key, value)
    config = resolve(config)
    return put(config, {"recorder.variables": {name: ["v"] for name in config.network.populations}})
