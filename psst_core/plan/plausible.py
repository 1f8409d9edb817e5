"""A check for numbers that are hardly meant. A plan warns of them, and never refuses them.

There is a usual range for each unit, and for some names a wider one. All published values lie within. A number outside
is most often in another unit.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from psst_core.config.schema import units
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.integrate.solvers.base import RungeKutta
from psst_core.model.mechanisms import Channel
from psst_core.registry import lookup
from psst_core.sweep.runs import Sweep

PARTS = ("network", "stimulus", "run")
CLAMP = 1e9  # µF/cm²; from here on a capacitance holds the potential where it is, as in conf/network/clamped.yaml
USUAL: dict[str, tuple[float, float]] = {
    "mV": (-500.0, 500.0),
    "mS/cm2": (0.0, 1e3),
    "uA/cm2": (-1e5, 1e5),
    "uF/cm2": (0.01, 1e3),
    "ms": (0.0, 1e6),
    "1/ms": (-1e4, 1e4),
    "Hz": (0.0, 1e5),
    "mM": (0.0, 1e3),
    "degC": (-20.0, 60.0),
}
NAMED = {"reversal": (-1e4, 1e4)}  # mV; far from the potential it makes the conductance a current
LONGEST_STEP = 0.1  # ms; the longest dt at which explicit solvers integrate the gates of a spike
SHORTEST = 0.36  # of dt; for a shorter time constant Kutta's method is not stable


def unusual(sweep: Sweep) -> list[str]:
    """Return a line for each number of a sweep that lies outside its usual range, fixed or along an axis."""
    bases = {id(run.base): run.base for run in sweep.runs}.values()
    swept = {axis.key: axis.values for axis in sweep.axes}
    return list(dict.fromkeys(line for config in bases for line in unusual_in(config, swept)))


def unusual_in(config: Config, swept: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Yield a line for each unusual number of one configuration.

    Args:
        swept: by key, the values of an axis; they take the place of the configuration's value.
    """
    for key, values in _numbers(config):
        yield from _outside(config, key, swept.get(key, values))
    yield from _too_long(config, max(swept.get("run.dt", [config.run.dt])))


def _numbers(config: Config) -> Iterator[tuple[str, list[float]]]:
    """Yield each key of the network, the stimulus and the run that holds numbers, with these numbers."""

    def under(key: str, node: Any) -> Iterator[tuple[str, list[float]]]:
        if isinstance(node, Mapping):
            for name, part in node.items():
                yield from under(f"{key}.{name}", part)
        elif values := [value for value in (node if isinstance(node, list) else [node]) if _is_number(value)]:
            yield key, values

    for part in PARTS:
        yield from under(part, config[part])


def _outside(config: Config, key: str, values: Iterable[Any]) -> Iterator[str]:
    """Yield a line for the least and the greatest value of a key, where these are not usual."""
    numbers = [number for value in values for number in (value if isinstance(value, list) else [value])]
    numbers = [number for number in numbers if _is_number(number)]
    unit = _unit(config, key)
    if not numbers or unit is None:
        return
    low, high = NAMED.get(key.rpartition(".")[2], USUAL.get(unit, (-math.inf, math.inf)))
    for number in sorted({min(numbers), max(numbers)}):
        if not low <= number <= high and not (unit == "uF/cm2" and number >= CLAMP):
            yield f"{key}={number:g} {unit}: usual are {low:g} to {high:g} {unit}; is it meant?"


def _too_long(config: Config, dt: float) -> Iterator[str]:
    """Yield a line where dt, in ms, is too long for the explicit solver and what the network declares."""
    solver = config.solver.name
    cls = lookup("solver", solver, "solver.name")
    if not issubclass(cls, RungeKutta) or cls.adaptive:
        return
    remedy = f"solver={solver} is not stable there; run.dt=0.01 or solver=exponential_euler is"
    for name, population in config.network.populations.items():
        for mechanism, settings in population.mechanisms.items():
            key = f"network.populations.{name}.mechanisms.{mechanism}"
            kind = lookup("mechanism", settings["type"], f"{key}.type")
            if dt > LONGEST_STEP and issubclass(kind, Channel) and kind.states:
                yield f"run.dt={dt:g} ms: {key} has gates that open within less; {remedy}"
                return
    for key, values in _numbers(config):
        if key.rpartition(".")[2].startswith("tau") and (fastest := min(values)) < SHORTEST * dt:
            yield f"{key}={fastest:g} ms: is short beside run.dt={dt:g} ms; solver={solver} is not stable there"


def _unit(config: Config, key: str) -> str | None:
    try:
        return units(config, key)
    except (PsstError, LookupError, TypeError):
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
