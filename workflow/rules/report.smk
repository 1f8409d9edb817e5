# `--config experiment=report`: the figures of every gathered sweep in results/, drawn again where their code changed;
# with `--report results/report.html`, all of them in one file. Nothing is planned or simulated.

import re
import sys
from pathlib import Path

from psst_core import PsstError, open_sweep
from psst_core.drawing import drawn_of
from psst_core.names import PART
from psst_core.store.folder import RESULTS, Folder
from psst_core.outputs import shown, stale, targets
from psst_core.plan.sweep_plan import NAME

FOLDER = Folder(RESULTS)
for key in config.keys() - {"experiment"}:
    refuse(f"--config {key}: experiment=report takes every sweep in {RESULTS}/")
try:
    SWEEPS = {folder.path.name: open_sweep(folder.path) for folder in FOLDER.gathered()}
    RECORDS = {name: sweep.record for name, sweep in SWEEPS.items()}
except PsstError as error:
    refuse(error)
if not SWEEPS:
    refuse(f"{RESULTS}/ holds no gathered sweep; make one first")


def redrawn(sweep):
    """Whether the plugins that a sweep's runs and figures are made with are here, so that it can be drawn again."""
    try:
        drawn_of(sweep)
    except PsstError as error:
        print(f"{error}; the report shows the pictures that are there", file=sys.stderr)
        return False
    return True


KEPT = [name for name, sweep in SWEEPS.items() if not redrawn(sweep)]


wildcard_constraints:
    name=(
        f"(?!({'|'.join(map(re.escape, KEPT))})/){NAME.pattern}"
        if KEPT
        else NAME.pattern
    ),
    kept="|".join(map(re.escape, KEPT)) or "(?!)",
    figure=PART.pattern,


def experiment(wildcards):
    return Path(RECORDS[wildcards.name]["experiment"]).name


def configuration(wildcards):
    return SWEEPS[wildcards.get("name") or wildcards.kept].config


def showing(name):
    """What makes the figures of a sweep, their tables, and the page about it."""
    sweep = SWEEPS[name]
    estimated = sweep.files.error_estimate.is_file()
    return list(shown(sweep.files.path, drawn_of(sweep), sweep.config, estimated))


DRAWN = {name: showing(name) for name in SWEEPS if name not in KEPT}


def again(wildcards):
    """No input, but where the graph is built: Snakemake is told what is to be drawn again."""
    for name, outputs in DRAWN.items():
        workflow.dag.forcefiles.update(
            map(str, stale(SWEEPS[name].files.path, outputs))
        )
    return []


def estimate_files(wildcards):
    return [file for file in FOLDER.sweep(wildcards.name).estimated if file.is_file()]


def pictures(wildcards):
    drawn = targets(DRAWN[wildcards.name])["draw"]
    return [file for file in drawn if file.suffix == ".png"]


include: "draw.smk"


rule keep:
    input:
        FOLDER.sweep("{kept}").figure("{figure}", "png"),
    output:
        report(
            FOLDER.sweep("{kept}").kept("{figure}"),
            caption="../report/caption.rst",
            category="{kept}",
            labels={"result": "{figure}", "kind": "figure, as it was found"},
        ),
    shell:
        "cp {input} {output}"


localrules:
    keep,
    draw,
    draw_more,
    tabulate,
    describe,


TARGETS = [again]
for name in KEPT:
    found = FOLDER.sweep(name).figure_files("png")
    own = {*SWEEPS[name].config.figures, "error_estimate"}
    TARGETS += [
        FOLDER.sweep(name).kept(file.stem) for file in found if file.stem in own
    ]
TARGETS += [
    file for outputs in DRAWN.values() for task in outputs for file in task.files
]


onsuccess:
    TERMINAL.say(f"Done: figures of {', '.join(SWEEPS)} in {RESULTS}/")
