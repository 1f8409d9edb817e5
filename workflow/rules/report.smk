# `--config experiment=report`: the figures of every gathered sweep in results/, drawn again where their code changed;
# with `--report results/report.html`, all of them in one file. Nothing is planned or simulated.

import re
import sys
from pathlib import Path

from psst_core import PsstError, open_sweep
from psst_core.figures import drawn_of, names
from psst_core.outputs import shown, stale
from psst_core.plan import NAME

RESULTS = Path("results")
for key in config.keys() - {"experiment"}:
    refuse(f"--config {key}: experiment=report takes every sweep in {RESULTS}/")
try:
    SWEEPS = {
        cube.parent.name: open_sweep(cube.parent)
        for cube in sorted(RESULTS.glob("*/sweep.nc"))
    }
    RECORDS = {name: sweep.record for name, sweep in SWEEPS.items()}
except PsstError as error:
    refuse(error)
if not SWEEPS:
    refuse(f"{RESULTS}/ holds no gathered sweep; make one first")


def redrawn(sweep):
    """Whether the plugins that a sweep's runs were made with are here, so that its figures can be drawn again."""
    try:
        sweep.check_plugins()
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
    figure="[a-z_]+",


def experiment(wildcards):
    return Path(RECORDS[wildcards.name]["experiment"]).name


def showing(name):
    """What makes the figures of a sweep, their tables, and the page about it."""
    sweep, estimated = SWEEPS[name], (RESULTS / name / "error_estimate.nc").is_file()
    settings = {"style": ""} | RECORDS[name]["config"]
    return list(shown(RESULTS / name, drawn_of(sweep), settings, estimated))


DRAWN = {name: showing(name) for name in SWEEPS if name not in KEPT}


def again(wildcards):
    """No input, but where the graph is built: Snakemake is told what is to be drawn again."""
    for name, outputs in DRAWN.items():
        workflow.dag.forcefiles.update(map(str, stale(RESULTS / name, outputs)))
    return []


def estimate_files(wildcards):
    files = (
        RESULTS / wildcards.name / name for name in ("error_estimate.nc", "twins.csv")
    )
    return [file for file in files if file.is_file()]


include: "draw.smk"


rule keep:
    input:
        RESULTS / "{kept}" / "figures" / "{figure}.png",
    output:
        report(
            RESULTS / "{kept}" / "kept" / "{figure}.png",
            caption="../report/caption.rst",
            category="{kept}",
            labels={"result": "{figure}", "kind": "figure, as it was found"},
        ),
    params:
        caption=caption,
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
    found = sorted((RESULTS / name / "figures").glob("*.png"))
    TARGETS += [
        RESULTS / name / "kept" / file.name for file in found if file.stem in names()
    ]
TARGETS += [
    file for outputs in DRAWN.values() for task in outputs for file in task.files
]


onsuccess:
    TERMINAL.say(f"Done: figures of {', '.join(SWEEPS)} in {RESULTS}/")
