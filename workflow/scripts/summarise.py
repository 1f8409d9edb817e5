from pathlib import Path

from psst_core.configuration import Config
from psst_core.logs import logged
from psst_core.results.summary import write_summary

with logged(snakemake.log[0]):
    write_summary(Path(snakemake.input[0]), Path(snakemake.output[0]), Config(snakemake.params.config))
