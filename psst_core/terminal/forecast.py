"""The forecast of a plan: its parts, the share of it that is there, and the cost of the rest."""

import math
from typing import Any

import pandas as pd

from psst_core.figures.chosen import undrawn
from psst_core.plan.cost import CostModel
from psst_core.plan.machine import schedule
from psst_core.plan.plausible import unusual
from psst_core.plan.sweep_plan import Plan, axis_lines, counted

WARNINGS = 10  # at most so many are shown
FIGURE_SECONDS = 2.0  # a job takes so long to draw a figure, most of it to start


def expected(made: Plan, costs: CostModel, at_once: int | None = None) -> dict[str, Any]:
    """Return the forecast as plain data.

    `chunks` has a row for each shape: cells, solver, precision and steps. A row counts chunks, batches and runs, and
    the finished chunks. It gives the expected minutes of all unfinished jobs, and the MB of the largest one. `expected`
    is about all rows together.
    """
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    seconds, disk = [], 0.0
    for chunk, manifest in made.manifests.items():
        config = manifest.config
        steps = round(config.run.duration / config.run.dt)
        shape = (config.network.size, config.solver.name, config.solver.precision, steps)
        row = rows.setdefault(shape, dict.fromkeys(("chunks", "finished", "batches", "runs"), 0) | {"minutes": 0.0})
        row["chunks"] += 1
        row["batches"] += len(manifest.batches)
        row["runs"] += len(manifest.runs)
        row["finished"] += chunk in made.finished
        if chunk not in made.finished:
            seconds.append(costs.seconds(manifest))
            disk += costs.disk(manifest)
            row["minutes"] += seconds[-1] / 60
            row["memory_mb"] = max(costs.memory(manifest), row.get("memory_mb", 0.0))
    there = [place.chunk in made.finished for place in set(made.places)]
    jobs, busy = at_once or made.machine.jobs_at_once(made.config.hardware), made.config.hardware.cores
    without = undrawn(made.figures, made.axes, made.config)
    figures = len(made.figures) - len(without)
    names = ("cells", "solver", "precision", "steps")
    return {
        "name": made.name,
        "experiment": made.sweep.experiment,
        "overrides": list(made.sweep.overrides),
        "axes": [
            {"key": axis.key, "name": axis.name, "dimension": axis.dimension, "values": list(axis.values)}
            for axis in made.axes
        ],
        "networks": made.config.sweep.networks,
        "trials": made.config.sweep.trials,
        "runs": len(there),
        "finished": sum(there),
        "twins": len(made.twins),
        "warnings": unusual(made.sweep),
        "notes": list(made.sweep.notes),
        "undrawn": without,
        "chunks": [dict(zip(names, shape, strict=True)) | row for shape, row in sorted(rows.items())],
        "expected": {
            "core_hours": busy * sum(seconds) / 3600,
            "wall_hours": schedule(seconds, jobs) / 3600,
            "jobs_at_once": jobs,
            "figures": figures,
            "drawing_hours": FIGURE_SECONDS * (figures + 1) / max(1, min(made.machine.cores, jobs)) / 3600,
            "memory_mb": max((row.get("memory_mb", 0.0) for row in rows.values()), default=0.0),
            "disk_mb": disk / 1e6,
            "relative_errors": dict(costs.errors),
            "source": costs.source,
        },
    }


def as_text(made: Plan, found: dict[str, Any]) -> str:
    """Return the forecast as text for people."""
    table = pd.DataFrame(found["chunks"])
    numbers = {"minutes": "{:.1f}".format, "MB a job": "{:.0f}".format}
    text = table.rename(columns={"memory_mb": "MB a job"}).to_string(index=False, formatters=numbers, na_rep="-")
    cost = found["expected"]
    lines = [
        f"{made.name}: {counted(found['runs'], 'run')}, of which {found['finished']:,} are there",
        *axis_lines(made),
        text,
    ]
    if found["runs"] > found["finished"] or cost["core_hours"]:
        errors = cost["relative_errors"]
        lines += [
            f"  expected: {duration(cost['core_hours'])} of one core{error_of(errors['seconds'])}, "
            f"{duration(cost['wall_hours'])} with {counted(cost['jobs_at_once'], 'job')} at once, "
            f"then {duration(cost['drawing_hours'])} to gather and draw {counted(cost['figures'], 'figure')}",
            f"  memory of the largest job {cost['memory_mb']:.0f} MB{error_of(errors['memory'])}, "
            f"disk {cost['disk_mb']:.1f} MB{error_of(errors['disk'])}",
            f"  {cost['source']}",
        ]
    lines += [f"  not drawn: {name}, as {why}" for name, why in found["undrawn"].items()]
    more = len(found["warnings"]) - WARNINGS
    lines += [f"  warning: {text}" for text in found["warnings"][:WARNINGS]]
    return "\n".join(lines + ([f"  and {counted(more, 'more warning')}"] if more > 0 else []))


def duration(hours: float) -> str:
    if math.isnan(hours):
        return "unknown time (of plugins)"
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.0f} s"


def error_of(relative: float | None) -> str:
    return "" if relative is None else f" (median error {100 * relative:.0f} %)"
