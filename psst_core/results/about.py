"""The page about a sweep: its figures, what was asked for, the origin of its numbers, the resolved configuration."""

import base64
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
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
PIXELS = 130  # of a screen, an inch of a figure
COMMANDS = ("command", "runs made by")  # the facts that are commands, one a line
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font-family: sans-serif; max-width: 60em; margin: 1em auto; padding: 0 1em; line-height: 1.4; }}
h1 {{ font-size: 1.6em; }}
figure {{ margin: 2em 0; }}
img {{ max-width: 100%; height: auto; }}
figcaption {{ max-width: 45em; }}
table {{ border-collapse: collapse; }}
th {{ text-align: left; vertical-align: top; padding-right: 1em; font-weight: normal; color: #555; }}
td {{ vertical-align: top; }}
td, pre {{ font-family: monospace; font-size: 90%; overflow-wrap: anywhere; }}
pre {{ white-space: pre-wrap; background: #f3f3f3; padding: 0.5em; margin: 0 0 0.5em; }}
td pre {{ font-size: 100%; }}
@media (max-width: 40em) {{ th, td {{ display: block; }} td {{ margin-bottom: 0.5em; }} }}
</style></head>
<body>
<h1>{title}</h1>
{explore}{figures}<h2>Where the numbers come from</h2>
<p>The command is for the folder that holds results/, and plugins/ and conf/ where it has them. psst is in
.venv/bin/ of PSST's clone.</p>
<table>
{rows}
</table>
<h2>Configuration</h2>
<p>{whose}</p>
<pre>{configuration}</pre>
</body>
</html>
"""
FIGURE = """<figure>
<img src="data:image/png;base64,{data}" width="{width}" height="{height}" alt="{name}">
<figcaption><b>{name}</b> {caption}</figcaption>
</figure>
"""


def page(results: Results, pictures: Sequence[Path] = ()) -> str:
    """Return the page as HTML that needs no other file.

    Args:
        pictures: figures as PNG, in the order in which they are shown.
    """
    explore = results.files.explore
    rows = [f"<tr><th>{escape(name)}</th><td>{_cell(name, text)}</td></tr>" for name, text in facts(results)]
    return PAGE.format(
        title=escape(str(results.cube.attrs["title"])),
        explore=f'<p><a href="{explore.name}">Any measure over any axes</a></p>\n' if explore.is_file() else "",
        figures="".join(map(_figure, pictures)),
        rows="\n".join(rows),
        whose=escape(first_run(results)),
        configuration=escape(to_yaml(results.config)),
    )


def save_page(results: Results, target: Path, pictures: Sequence[Path]) -> None:
    """Write the page into the folder of a sweep."""
    with marking(results.folder, [target], about_recipe(results.folder, pictures)):
        write_text(target, page(results, pictures))


def about_recipe(folder: Path, pictures: Sequence[Path]) -> str:
    """Return the recipe of a sweep's page: the digest of all its inputs."""
    sweep = SweepFolder(folder)
    return recipe([code_digest((__name__,)), sweep.explore.is_file()], *sweep.gathered, *pictures)


def _figure(picture: Path) -> str:
    """Return the HTML of a figure, with the caption that stands in its PNG."""
    from PIL import Image

    with Image.open(picture) as image:
        pixels, dots, caption = image.size, image.info["dpi"][0], str(image.info.get("Description", ""))
    width, height = (round(PIXELS * size / dots) for size in pixels)
    data = base64.b64encode(picture.read_bytes()).decode()
    paragraphs = "<br>".join(escape(paragraph) for paragraph in caption.split("\n\n"))
    return FIGURE.format(data=data, width=width, height=height, name=escape(picture.stem), caption=paragraphs)


def _cell(name: str, text: str) -> str:
    if name not in COMMANDS:
        return escape(text)
    return "".join(f"<pre>{escape(line, quote=False)}</pre>" for line in text.splitlines())


def command(results: Results) -> str:
    """Return the command that makes the sweep, for a shell."""
    sweep, record = results.files.whole, results.record
    folder = sweep.path.parents[1] if sweep.is_before else sweep.path
    name = [] if results.alone else [f"name={folder.resolve().name}"]
    return shlex.join(["psst", "run", f"experiment={record['experiment']}", *name, *record["overrides"]])


def facts(results: Results) -> list[tuple[str, str]]:
    """Return the rows of the page, each a name and a text."""
    cube, record = results.cube, results.record
    counts = {name: cube.sizes[name] for name in REPLICATES}
    jobs = []
    for chunk in [] if results.alone else results.finished["chunk"].drop_duplicates():
        with read(results.home.chunk_file(chunk)) as file:
            jobs.append(dict(file.attrs))
    axes = [f"{axis.key}: {_listed(axis)}" for axis in results.axes.values()]
    others = sorted({str(job["command"]) for job in jobs if "command" in job} - {command(results)})
    versions = _distinct(_versions(job["versions"]) for job in jobs if "versions" in job)
    found = [
        ("command", command(results)),
        ("experiment", str(record["experiment"])),
        ("overrides", " ".join(record["overrides"]) or "none"),
        ("axes", "; ".join(axes) or "none: one point"),
        ("replicates", " × ".join(f"{count} {name}{'s'[: count > 1]}" for name, count in counts.items())),
        ("runs", ", ".join(f"{count:,} {word}" for word, count in status_counts(cube).items())),
        ("made by", str(cube.attrs.get("source", ""))),
        ("commit", _distinct(job.get("git_commit") for job in jobs)),
        ("runs made by", "\n".join(others)),
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
