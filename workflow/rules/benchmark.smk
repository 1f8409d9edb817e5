# `--config experiment=benchmark`: PSST beside other tools on the same work, to a table and figures.

from psst_core import PsstError
from psst_core.config import CONF


include: "peers.smk"


sys.path.insert(0, str(Path(workflow.basedir, "benchmark")))
from settings import Settings

BENCHMARK = Path("results/benchmark")
SOURCES = sorted(str(path) for path in Path(workflow.basedir, "benchmark").glob("*.*"))
try:
    Settings.read(str(config.get("overrides", "")))
except PsstError as error:
    refuse(error)
FIGURES = ["throughput", "cells", "sine", "product", "bars", "coba", "cold"]


TARGETS = [
    BENCHMARK / "table.md",
    *expand(
        BENCHMARK / "figures" / "{figure}.{ending}",
        figure=FIGURES,
        ending=["png", "svg"],
    ),
]


rule measure:
    input:
        PEERS / "ready",
        CONF / "benchmark.yaml",
        SOURCES,
    output:
        BENCHMARK / "benchmark.nc",
    threads: workflow.cores
    params:
        python=sys.executable,
        program=Path(workflow.basedir, "benchmark", "measure.py"),
        peers=PEERS / "bin" / "python",
        overrides=config.get("overrides", ""),
    shell:
        "{params.python} {params.program} {params.peers} {output} {params.overrides:q}"


rule report:
    input:
        BENCHMARK / "benchmark.nc",
    output:
        table=BENCHMARK / "table.md",
        figures=expand(
            BENCHMARK / "figures" / "{figure}.{ending}",
            figure=FIGURES,
            ending=["png", "svg"],
        ),
    log:
        BENCHMARK / "logs" / "report.log",
    params:
        python=sys.executable,
        program=Path(workflow.basedir, "benchmark", "report.py"),
        folder=BENCHMARK,
    shell:
        "{params.python} {params.program} {input} {params.folder} > {log} 2>&1"


onsuccess:
    TERMINAL.say(f"Done: {BENCHMARK}/table.md and {BENCHMARK}/figures/")
