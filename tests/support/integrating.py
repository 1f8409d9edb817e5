"""Runs integrated in this process, each program compiled once."""

import functools
import json
from typing import Any

import numpy as np

from psst_core.configuration import Config
from psst_core.integrate.backend import Segment
from psst_core.integrate.batch import Run
from psst_core.integrate.integration import Integration
from psst_core.integrate.lanes import padded
from psst_core.integrate.program import Program


class Recorded:
    """All segments of an integration, joined."""

    def __init__(self, integration: Integration, segments: list[Segment]) -> None:
        self.integration = integration
        self.spike_step, self.spike_cell, self.spike_run = (
            np.concatenate([getattr(segment, name) for segment in segments])
            for name in ("spike_step", "spike_cell", "spike_run")
        )
        self.mean_potential = np.concatenate([segment.mean_potential for segment in segments], axis=2)
        self.traces = {
            key: np.concatenate([segment.traces[key] for segment in segments], axis=2) for key in segments[0].traces
        }

    def state(self) -> dict[str, np.ndarray]:
        """Every variable at the end, [cell, run], without spare lanes."""
        runs = len(self.integration.runs)
        return {
            f"{population}.{name}": x.numpy()[:, :runs]
            for population, variables in self.integration.carry[0].items()
            for name, x in variables.items()
        }


def integrate(
    runs: list[Run], varying: list[str] | None = None, lanes: int | None = None, until: tuple[float, ...] = ()
) -> Recorded:
    """Integrate a batch to the end of its runs, stopping at the times `until` on the way."""
    config = runs[0].config
    lanes = lanes or padded(len(runs), config["solver"]["precision"])
    integration = Integration(program(json.dumps([config, varying or [], lanes])), runs)
    ends = [config.run.steps(time) for time in (*until, config["run"]["duration"])]
    return Recorded(integration, [segment for end in ends for segment in integration.segments(end)])


@functools.lru_cache(maxsize=8)
def program(arguments: str) -> Program:
    """Compiled once for tests that integrate the same batch in several ways."""
    config, varying, lanes = json.loads(arguments)
    return Program(Config(config), varying, lanes)


def slope(dts: Any, errors: Any) -> float:
    """Return the slope of log error over log dt: the order of convergence."""
    return float(np.polyfit(np.log(dts), np.log(errors), 1)[0])
