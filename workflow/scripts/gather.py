from pathlib import Path

from psst_core.gather import gather
from psst_core.logs import logged

with logged(snakemake.log[0]):
    gather(Path(snakemake.output.cube).parent, snakemake.params.plan)
