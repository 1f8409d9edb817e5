"""The error estimate on demand: a part of the runs is integrated once more, at half the step."""

import math
from dataclasses import replace

from psst_core.config.checks import check
from psst_core.configuration import Config
from psst_core.keys import put
from psst_core.sweep.identity import Identity
from psst_core.sweep.runs import Sweep, SweepRun


def twins(sweep: Sweep) -> dict[str, SweepRun]:
    """Choose runs, and make a twin of each, which differs from it in `run.dt` alone.

    The choice follows the runs' ids: it is random, but the same each time.

    Returns:
        By the id of a chosen run, its twin; empty without `numerics.check`.
    """
    numerics = sweep.config.numerics
    if numerics.check == "none":
        return {}
    different = {run.id: run for run in sweep.runs}
    chosen = sorted(different.values(), key=lambda run: run.id)[: math.ceil(numerics.share * len(different))]
    halved: dict[int, tuple[Config, Identity]] = {}
    found = {}
    for run in chosen:
        if id(run.base) not in halved:
            config = put(run.base, {"run.dt": run.base.run.dt / 2})
            check(config)
            halved[id(run.base)] = config, Identity(config)
        config, identity = halved[id(run.base)]
        found[run.id] = replace(run, id=identity.run_id(run.values, *run.drawn), base=config)
    return found


def sweep_of(sweep: Sweep, found: dict[str, SweepRun]) -> Sweep:
    """Return the twins as a sweep of their own, to be packed."""
    return replace(sweep, runs=tuple(found.values()))
