from pathlib import Path

from psst_core.error_estimate import estimate
from psst_core.logs import logged

with logged(snakemake.log[0]):
    estimate(Path(snakemake.output.data).parent, snakemake.params.plan)
