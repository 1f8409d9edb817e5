from pathlib import Path

from psst_core.job.workers import simulate
from psst_core.logs import logged

with logged(snakemake.log[0]) as report:
    simulate(Path(snakemake.params.manifest), Path(snakemake.output[0]), report)
