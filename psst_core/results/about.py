"""The page about a sweep: what was asked for, the origin of its numbers, and the resolved configuration."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from psst_core.attributes import REPLICATES
from psst_core.digest import code_digest
from psst_core.files import to_yaml, write_text
from psst_core.results.sweep_results import Results
from psst_core.store.dataset import read, status_counts
from psst_core.store.folder import SweepFolder
from psst_core.store.made import marking, recipe
from psst_core.sweep.runs import Axis

SHOWN = 20
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font-family: sans-serif; max-width: 60em; margin: 1em auto; padding: 0 1em; line-height: 1.4; }}
th {{ text-align: left; vertical-align: top; padding-right: 1em; font-weight: normal; color: #555; }}
td, pre {{ font-family: monospace; font-size: 90%; overflow-wrap: anywhere; }}
</style></head>
<body>
<h1>{title}</h1>
<table>
{rows}
</table>
<h2>Configuration</h2>
<p>{whose}</p>
<pre>{configuration}</pre>
</body>
</html>
"""


def page(results: Results) -> str:
    """Return the page as HTML that needs no other file."""
    rows = "\n".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts(results))
    title = escape(str(results.cube.attrs["title"]))
    configuration = escape(to_yaml(results.config))
    return PAGE.format(title=title, rows=rows, whose=escape(first_run(results)), configuration=configuration)


def save_page(results: Results, target: Path) -> None:
    """Write the page into the folder of a sweep."""
    with marking(results.folder, [target], about_recipe(results.folder)):
        write_text(target, page(results))


def about_recipe(folder: Path) -> str:
    """Return the recipe of a sweep's page: the digest of all its inputs."""
    return recipe(code_digest((__name__,)), *SweepFolder(folder).gathered)


def facts(results: Results) -> list[tuple[str, str]]:
    """Return the rows of the page, each a name and a text."""
    cube, record = results.cube, results.record
    counts = {name: cube.sizes[name] for name in REPLICATES}
    jobs = []
    for chunk in [] if results.alone else results.finished["chunk"].drop_duplicates():
        with read(results.home.chunk_file(chunk)) as file:
            jobs.append(dict(file.attrs))
    axes = [f"{axis.key}: {_listed(axis)}" for axis in results.axes.values()]
    versions = _distinct(_versions(job["versions"]) for job in jobs if "versions" in job)
    found = [
        ("experiment", str(record["experiment"])),
        ("overrides", " ".join(record["overrides"]) or "none"),
        ("axes", "; ".join(axes) or "none: one point"),
        ("replicates", " × ".join(f"{count} {name}{'s'[: count > 1]}" for name, count in counts.items())),
        ("runs", ", ".join(f"{count:,} {word}" for word, count in status_counts(cube).items())),
        ("made by", str(cube.attrs.get("source", ""))),
        ("commit", _distinct(job.get("git_commit") for job in jobs)),
        ("commands", _distinct(job.get("command") for job in jobs)),
        ("software", versions),
        ("hosts", _distinct(job.get("host") for job in jobs)),
        ("processors", _distinct(job.get("processor") for job in jobs)),
        ("accelerators", _distinct(_accelerator(job) for job in jobs)),
        ("simulated", _span(str(job["created"]) for job in jobs if "created" in job)),
        (
            "jobs",
            f"{len(jobs)}, together {sum(float(job.get('job_seconds', 0.0)) for job in jobs):.0f} s" if jobs else "",
        ),
        ("history of the cube", str(cube.attrs.get("history", ""))),
    ]
    return [(name, text) for name, text in found if text]


def first_run(results: Results) -> str:
    """Return a sentence that names the run of the recorded configuration, and the keys that differ in other runs."""
    differing = [axis.key for axis in results.axes.values() if len(set(axis.values)) > 1]
    where = [f"{axis.key} {axis.values[0]}" for axis in results.axes.values()]
    run = "" if results.alone else f" {results.plan['run_id'].iloc[0]}"
    others = f"; other runs have other values of {', '.join(differing)}" if differing else "; so have all runs"
    return f"Of the first run{run}{', at ' if where else ''}{', '.join(where)}{others}."


def _listed(axis: Axis) -> str:
    """Write the values of an axis; of many numbers their range, of many words the first."""
    count = len(set(axis.values))
    if count <= SHOWN:
        return ", ".join(map(str, dict.fromkeys(axis.values)))
    if axis.numeric:
        return f"{count:,} values from {min(axis.values):g} to {max(axis.values):g}"
    return f"{', '.join(map(str, axis.values[:SHOWN]))}, … ({count:,} values)"


def _accelerator(job: Mapping[str, object]) -> str:
    return f"{job['accelerator']}, driver {job.get('driver', 'unknown')}" if job.get("accelerator") else ""


def _versions(text: str) -> str:
    return ", ".join(f"{name} {version}" for name, version in json.loads(text).items())


def _distinct(values: Iterable[object]) -> str:
    return "; ".join(dict.fromkeys(str(value) for value in values if value))


def _span(times: Iterable[str]) -> str:
    ordered = sorted(times)
    return " to ".join(dict.fromkeys([ordered[0], ordered[-1]])) if ordered else ""
