"""What the tests share: TensorFlow set up as in a job, configurations by name, and a way to integrate a few runs."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from psst_core.analysis import summarise
from psst_core.batch import Run
from psst_core.chunk import write_chunk
from psst_core.config import compose, resolve, update
from psst_core.dataset import read, write
from psst_core.error_estimate import estimate
from psst_core.gather import gather, summary_name
from psst_core.hardware import prepare
from psst_core.keys import put
from psst_core.ledger import CHUNKS
from psst_core.plan import claim, make_plan
from psst_core.results import Results, open_sweep
from psst_core.simulate import Integration, Program, Segment, padded, step_count

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session", autouse=True)
def _tensorflow_as_in_a_job():
    prepare({"device": "cpu", "vector_width": 0, "xla_flags": ""})


def configuration(experiment: str = "locust_coupling", **values: Any) -> dict[str, Any]:
    """A resolved configuration; `network__size=60` sets network.size."""
    config = compose({"experiment": experiment})
    for key, value in values.items():
        update(config, key.replace("__", "."), value)
    return resolve(config)


def small_locust(**values: Any) -> dict[str, Any]:
    """Eight cells, strong odour from the start, everything quick."""
    return configuration(
        **{
            "network__size": 8,
            "run__duration": 20.0,
            "stimulus__onset": 0.0,
            "stimulus__share": 1.0,
            "stimulus__amplitude": 30.0,
            "stimulus__rise": 1.0,
            "recorder__window": [0.0, 20.0],
        }
        | values
    )


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
    ends = [step_count(time, config["run"]["dt"]) for time in (*until, config["run"]["duration"])]
    return Recorded(integration, [segment for end in ends for segment in integration.segments(end)])


@functools.lru_cache(maxsize=8)
def program(arguments: str) -> Program:
    """Compiled once for tests that integrate the same batch in several ways."""
    return Program(*json.loads(arguments))


def with_trials(config: dict[str, Any], count: int) -> list[Run]:
    return [Run(config, 0, trial) for trial in range(count)]


def with_values(config: dict[str, Any], key: str, values: list[float]) -> list[Run]:
    return [Run(put(config, {key: value})) for value in values]


def slope(dts: Any, errors: Any) -> float:
    """Of log error over log dt: the order of convergence."""
    return float(np.polyfit(np.log(dts), np.log(errors), 1)[0])


TINY = "run.duration=20 recorder.window=[0,20] sweep.networks=1 sweep.trials=2 "
TINY += "stimulus.onset=0 stimulus.share=1 stimulus.amplitude=30 stimulus.rise=1 analysis.spectrum=[0,20] "


def run_sweep(folder: Path, experiment: str, overrides: str = "", name: str = "sweep") -> Results:
    """All stages but drawing, in this process; what is there already stays."""
    plan = make_plan(experiment, overrides, name, folder)
    claim(plan, folder)
    for chunk, manifest in plan.manifests.items():
        file = folder / CHUNKS / f"{chunk}.nc"
        if chunk not in plan.finished:
            write_chunk(manifest, file, lambda line: None)
        summary = file.with_name(summary_name(chunk, plan.analysis))
        if not summary.exists():
            with read(file) as data:
                write(summarise(data, plan.config["recorder"]["window"], plan.config["analysis"]), summary)
    gather(folder / name, plan.digest)
    if plan.twins:
        estimate(folder / name, plan.digest)
    return open_sweep(folder / name)
