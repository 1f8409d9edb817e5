# The plan, made once when the workflow is parsed, so that bad input is refused before any job starts.

import functools
import itertools
from collections import Counter
from pathlib import Path

from psst_core import PsstError, make_plan
from psst_core.plan.cost import fit
from psst_core.drawing import remove_stale
from psst_core.names import PART
from psst_core.results.sweep_results import open_sweep
from psst_core.store.folder import RESULTS, Folder
from psst_core.terminal.forecast import as_text, expected
from psst_core.store.manifest import read_manifest
from psst_core.outputs import settle, stale, targets, tasks
from psst_core.plan.sweep_plan import EXPERIMENT, NAME, earlier, unclaimed, work
from psst_core.terminal.progress import Progress
from psst_core.job.slurm import refuse_while_at_work
from snakemake.io import IOFile

FOLDER = Folder(RESULTS)


wildcard_constraints:
    chunk="[0-9a-f]{16}",
    analysis="[0-9a-f]{16}",
    name=NAME.pattern,
    figure=PART.pattern,


@functools.cache
def plan():
    """The sweep that the command line asks for; only the main process makes it, never a job."""
    known = {"experiment", "overrides", "name"}
    for key in config.keys() - known:
        refuse(f"--config {key}: no such key; there are experiment, overrides and name")
    try:
        made = make_plan(
            config.get("experiment", EXPERIMENT),
            config.get("overrides", ""),
            config.get("name"),
        )
        tasks(made, RESULTS)
    except PsstError as error:
        refuse(error)
    return made


@functools.cache
def stages():
    """The files of the sweep, by the stage that makes them."""
    return targets(tasks(plan(), RESULTS))


def manifest(chunk):
    """What a job has to do: as planned, or in the job itself, which never plans, as claimed."""
    if workflow.is_main_process:
        return plan().manifests[chunk]
    return read_manifest(FOLDER.manifest_file(chunk))


@functools.cache
def costs():
    """What the chunks that are not made yet will take."""
    return fit(
        RESULTS,
        [
            manifest
            for chunk, manifest in plan().manifests.items()
            if chunk not in plan().finished
        ],
    )


def jobs_at_once():
    """How many simulations run at a time: as many as the cores or the cluster's nodes allow."""
    if workflow.local_exec:
        return max(1, (workflow.cores or 1) // plan().config.hardware.cores)
    return workflow.nodes


def told():
    """What the sweep consists of, and what it will take."""
    judged = costs().judged(list(plan().manifests.values()))
    return as_text(plan(), expected(plan(), judged, jobs_at_once()))


def progress():
    """How far the simulations are, asked again and again."""
    missing = {
        chunk: costs().seconds(manifest)
        for chunk, manifest in plan().manifests.items()
        if chunk not in plan().finished
    }
    runs = Counter(place.chunk for place in set(plan().places))
    return Progress(RESULTS, runs, missing, jobs_at_once())


def requested(resource):
    """What a chunk's job asks a cluster for, more with each attempt; nothing in the job itself, which has it."""

    def of_job(wildcards, attempt):
        if not workflow.is_main_process:
            return 0
        asked = costs().request(manifest(wildcards.chunk))[resource]
        return asked if resource == "gpu" else asked * attempt

    return of_job


def hardware(wildcards):
    return manifest(wildcards.chunk).config.hardware


def slurm_tasks(wildcards):
    """Of Slurm, for the workers of a job: so many, or one for each GPU."""
    its = hardware(wildcards)
    return 0 if its.workers == 1 else its.workers if its.device == "cpu" else 1


def cpus_per_task(wildcards):
    its = hardware(wildcards)
    return 0 if its.workers == 1 else its.cores // its.workers


@functools.cache
def old():
    """The files of the sweep that are not what this plan and this code make, whatever Snakemake and clocks say."""
    return stale(FOLDER.sweep(plan().name).path, tasks(plan(), RESULTS))


def forget():
    """Drop what Snakemake remembers of files of the sweep that were made without it since."""
    for file in filter(Path.is_file, every_file(None)):
        remembered = workflow.persistence.metadata(IOFile(str(file)))
        if remembered and remembered.endtime != file.stat().st_mtime:
            workflow.persistence.cleanup_metadata(IOFile(str(file)))


@functools.cache
def tell():
    """Tell Snakemake, once, what is to be made again, and a person what moves."""
    workflow.dag.ignore_incomplete = True  # a file of ours is whole or not there
    forget()
    workflow.dag.forcefiles.update(map(str, old()))
    if unclaimed(plan(), RESULTS):  # onstart then claims
        workflow.dag.forcerules.add(workflow.get_rule("all"))
    if workflow.dryrun and (place := earlier(plan(), RESULTS)):
        TERMINAL.say(
            f"{plan().name}: has other runs so far; what was made of them moves to {place}/"
        )


def again(wildcards):
    """No input, but asked for where the graph is built."""
    if workflow.is_main_process:
        tell()
    return []


def every_file(wildcards):
    return list(itertools.chain(*stages().values()))


def chunk_files(wildcards):
    return stages()["simulate"]


def summary_files(wildcards):
    return stages()["summarise"]


def estimate_files(wildcards):
    return stages()["estimate"]


def pictures(wildcards):
    return [file for file in stages()["draw"] if file.suffix == ".png"]


def experiment(wildcards):
    return plan().sweep.experiment


def configuration(wildcards):
    """The configuration of the sweep: as planned, or in a job, which never plans, that of the gathered sweep."""
    if workflow.is_main_process:
        return plan().config
    return open_sweep(FOLDER.sweep(wildcards.name).path).config


if workflow.is_main_process:
    plan()
