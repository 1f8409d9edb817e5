# Figures and their tables, made again when their code or the cube changes.

from psst_core.figures import figure_digest, remove_stale


rule draw:
    input:
        RESULTS / "{name}" / "sweep.nc",
        estimate_files,
    output:
        png=RESULTS / "{name}" / "figures" / "{figure}.png",
        svg=RESULTS / "{name}" / "figures" / "{figure}.svg",
    log:
        RESULTS / "logs" / "draw" / "{name}.{figure}.log",
    params:
        code=lambda wildcards: figure_digest(wildcards.figure),
    script:
        "../scripts/draw.py"


rule tabulate:
    input:
        RESULTS / "{name}" / "sweep.nc",
        estimate_files,
    output:
        RESULTS / "{name}" / "tables" / "{figure}.csv",
    log:
        RESULTS / "logs" / "tabulate" / "{name}.{figure}.log",
    params:
        code=lambda wildcards: figure_digest(wildcards.figure),
    script:
        "../scripts/tabulate.py"
