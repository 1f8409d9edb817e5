from pathlib import Path

from psst_core.drawing import save_table
from psst_core.logs import logged
from psst_core.results.sweep_results import open_sweep

with logged(snakemake.log[0]):
    sweep = open_sweep(Path(snakemake.input[0]).parent, whole=True)
    save_table(snakemake.wildcards.figure, sweep, Path(snakemake.output[0]))
