from pathlib import Path

from psst_core.logs import logged
from psst_core.results.error_estimate import estimate

with logged(snakemake.log[0]):
    estimate(Path(snakemake.output.data).parent, snakemake.params.plan)
