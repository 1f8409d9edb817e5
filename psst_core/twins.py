"""An error estimate on demand: a share of the runs once more, at half the step."""

import math
from dataclasses import replace

from psst_core.checks import check
from psst_core.keys import get
from psst_core.sweep import Sweep, SweepRun, identify, run_id


def twins(sweep: Sweep) -> dict[str, SweepRun]:
    """By the id of a chosen run, the run that differs from it in `run.dt` alone; empty without `numerics.check`.

    The runs are chosen by their ids: at random, but the same ones each time.
    """
    numerics = sweep.config["numerics"]
    if numerics["check"] == "none":
        return {}
    chosen = sorted(sweep.runs, key=lambda run: run.id)[: math.ceil(numerics["share"] * len(sweep.runs))]
    return {run.id: _halved(run) for run in chosen}


def sweep_of(sweep: Sweep, found: dict[str, SweepRun]) -> Sweep:
    """The twins as a sweep of their own, to be packed."""
    return replace(sweep, runs=tuple(found.values()))


def _halved(run: SweepRun) -> SweepRun:
    twin = replace(run, values=run.values | {"run.dt": get(run.config, "run.dt") / 2})
    check(twin.config)
    return replace(twin, id=run_id(identify(twin.config), twin.network, twin.trial))
