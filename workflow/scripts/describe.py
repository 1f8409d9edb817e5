from pathlib import Path

from psst_core.logs import logged
from psst_core.results.about import save_page
from psst_core.results.sweep_results import open_sweep

with logged(snakemake.log[0]):
    sweep = open_sweep(Path(snakemake.input.cube).parent)
    save_page(sweep, Path(snakemake.output[0]), [Path(file) for file in snakemake.input.pictures])
