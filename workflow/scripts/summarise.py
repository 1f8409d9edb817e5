from pathlib import Path

from psst_core.logs import logged
from psst_core.results.gather import write_summary

with logged(snakemake.log[0]):
    write_summary(
        Path(snakemake.input[0]), Path(snakemake.output[0]), snakemake.params.window, snakemake.params.analysis
    )
