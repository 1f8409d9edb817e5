# Figures and their tables, made again when their code, their caption or the cube changes, and the page that says where
# a sweep comes from.


include: "captions.smk"


rule draw:
    input:
        RESULTS / "{name}" / "sweep.nc",
        estimate_files,
    output:
        png=report(
            RESULTS / "{name}" / "figures" / "{figure}.png",
            caption="../report/caption.rst",
            category="{name}",
            labels={"result": "{figure}", "kind": "figure"},
        ),
        svg=RESULTS / "{name}" / "figures" / "{figure}.svg",
    log:
        RESULTS / "logs" / "draw" / "{name}.{figure}.log",
    params:
        caption=caption,
    script:
        "../scripts/draw.py"


rule draw_more:
    input:
        RESULTS / "{name}" / "sweep.nc",
        estimate_files,
    output:
        RESULTS / "{name}" / "figures" / "{figure}.{ending}",
    log:
        RESULTS / "logs" / "draw" / "{name}.{figure}.{ending}.log",
    wildcard_constraints:
        ending="pdf|eps",
    script:
        "../scripts/draw.py"


rule tabulate:
    input:
        RESULTS / "{name}" / "sweep.nc",
        estimate_files,
    output:
        report(
            RESULTS / "{name}" / "tables" / "{figure}.csv",
            caption="../report/caption.rst",
            category="{name}",
            labels={"result": "{figure}", "kind": "table"},
        ),
    log:
        RESULTS / "logs" / "tabulate" / "{name}.{figure}.log",
    params:
        caption=caption,
    script:
        "../scripts/tabulate.py"


rule describe:
    input:
        RESULTS / "{name}" / "sweep.nc",
    output:
        report(
            RESULTS / "{name}" / "about.html",
            caption="../report/caption.rst",
            category="{name}",
            labels={"result": "about: what was seen, provenance", "kind": "page"},
        ),
    log:
        RESULTS / "logs" / "describe" / "{name}.log",
    params:
        caption=seen,
    script:
        "../scripts/describe.py"
