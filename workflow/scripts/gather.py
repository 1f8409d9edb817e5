from pathlib import Path

from psst_core.logs import logged
from psst_core.results.gather import gather

with logged(snakemake.log[0]):
    gather(Path(snakemake.output.cube).parent, snakemake.params.plan)
