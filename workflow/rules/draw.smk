# Figures and their tables, made again when their code, their caption or the cube changes, and the page that says where
# a sweep comes from. What stands before this in a branch of the workflow says of which configuration a sweep is.

from psst_core.figures import drawn_of, figure_digest, formats, remove_stale, with_table

CAPTIONS = Path(workflow.basedir, "report")


def code(wildcards):
    return figure_digest(wildcards.figure, configuration(wildcards)["style"])


def text(file):
    """Paragraphs in lines of their own; none where there is no such file."""
    content = file.read_text(encoding="utf-8") if file.is_file() else ""
    return "\n\n".join(" ".join(part.split()) for part in content.split("\n\n"))


def caption(wildcards):
    return text(CAPTIONS / f"{wildcards.figure}.rst")


def seen(wildcards):
    """What someone saw in the pictures of this experiment, where it was written down."""
    return text(CAPTIONS / "experiments" / f"{experiment(wildcards)}.rst")


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
        code=code,
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
    params:
        code=code,
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
        code=code,
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
            labels={"result": "configuration and provenance", "kind": "page"},
        ),
    log:
        RESULTS / "logs" / "describe" / "{name}.log",
    params:
        code=about_digest(),
        caption=seen,
    script:
        "../scripts/describe.py"
