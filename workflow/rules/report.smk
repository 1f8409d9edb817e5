# `--config experiment=report`: the figures of every gathered sweep in results/, drawn again where their code changed;
# with `--report results/report.html`, all of them in one file. Nothing is planned or simulated.

import re
import sys
from pathlib import Path

from psst_core import PsstError, open_sweep
from psst_core.about import about_digest
from psst_core.figures import drawn_of, formats, names, with_table
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


def configuration(wildcards):
    return {"style": ""} | RECORDS[wildcards.name]["config"]


def experiment(wildcards):
    return Path(RECORDS[wildcards.name]["experiment"]).name


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


TARGETS = []
for name in KEPT:
    found = sorted((RESULTS / name / "figures").glob("*.png"))
    TARGETS += [
        RESULTS / name / "kept" / file.name for file in found if file.stem in names()
    ]
for name, sweep in SWEEPS.items():
    if name in KEPT:
        continue
    TARGETS += [
        RESULTS / name / "figures" / f"{figure}.{ending}"
        for figure in drawn_of(sweep)
        for ending in formats(RECORDS[name]["config"])
    ]
    TARGETS += [
        RESULTS / name / "tables" / f"{figure}.csv"
        for figure in with_table(drawn_of(sweep))
    ]
    TARGETS.append(RESULTS / name / "about.html")


onsuccess:
    TERMINAL.say(f"Done: figures of {', '.join(SWEEPS)} in {RESULTS}/")
