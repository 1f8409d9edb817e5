from pathlib import Path

from psst_core.figures import save
from psst_core.results import open_sweep

sweep = open_sweep(Path(snakemake.input[0]).parent)
save(snakemake.wildcards.figure, sweep, [Path(file) for file in snakemake.output])
