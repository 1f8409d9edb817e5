# `--config experiment=benchmark`: PSST beside other tools on the same work, to a table and figures.

from psst_core import PsstError
from psst_core.config.compose import CONF


include: "peers.smk"


sys.path.insert(0, str(Path(workflow.basedir, "benchmark")))
from settings import Settings

SOURCES = sorted(str(path) for path in Path(workflow.basedir, "benchmark").glob("*.*"))
try:
    Settings.read(str(config.get("overrides", "")))
except PsstError as error:
    refuse(error)
FIGURES = ["throughput", "cells", "sine", "product", "bars", "coba", "cold"]


TARGETS = [
    BENCHMARK.table,
    *expand(
        BENCHMARK.figure("{figure}", "{ending}"),
        figure=FIGURES,
        ending=["png", "svg"],
    ),
]


rule measure:
    input:
        BENCHMARK.peers_ready,
        CONF / "benchmark.yaml",
        SOURCES,
    output:
        BENCHMARK.measured,
    threads: workflow.cores
    params:
        python=sys.executable,
        program=Path(workflow.basedir, "benchmark", "measure.py"),
        peers=BENCHMARK.peers_python,
        overrides=config.get("overrides", ""),
    shell:
        "{params.python} {params.program} {params.peers} {output} {params.overrides:q}"


rule report:
    input:
        BENCHMARK.measured,
    output:
        table=BENCHMARK.table,
        figures=expand(
            BENCHMARK.figure("{figure}", "{ending}"),
            figure=FIGURES,
            ending=["png", "svg"],
        ),
    log:
        BENCHMARK.log("report"),
    params:
        python=sys.executable,
        program=Path(workflow.basedir, "benchmark", "report.py"),
        folder=BENCHMARK.path,
    shell:
        "{params.python} {params.program} {input} {params.folder} > {log} 2>&1"


onsuccess:
    TERMINAL.say(f"Done: {BENCHMARK.table} and {BENCHMARK.figures}/")
