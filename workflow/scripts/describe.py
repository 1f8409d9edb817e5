from pathlib import Path

from psst_core.logs import logged
from psst_core.results.about import save_page
from psst_core.results.sweep_results import open_sweep

with logged(snakemake.log[0]):
    save_page(open_sweep(Path(snakemake.input[0]).parent), Path(snakemake.output[0]))
