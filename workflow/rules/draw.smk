# Figures, redrawn when their code or the cube changes.

from psst_core.figures import figure_digest, names


def remove_stale_figures():
    """Remove figures of ours that an earlier sweep of the same name left behind."""
    wanted = set(figure_files())
    for file in (RESULTS / plan().name / "figures").glob("*.*"):
        if file.stem in names() and file not in wanted:
            file.unlink()


rule draw:
    input:
        RESULTS / "{name}" / "sweep.nc",
    output:
        png=RESULTS / "{name}" / "figures" / "{figure}.png",
        svg=RESULTS / "{name}" / "figures" / "{figure}.svg",
    log:
        RESULTS / "logs" / "draw" / "{name}.{figure}.log",
    params:
        code=lambda wildcards: figure_digest(wildcards.figure),
    script:
        "../scripts/draw.py"
