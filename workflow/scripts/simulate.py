from pathlib import Path

from psst_core.chunk import simulate_chunk
from psst_core.ledger import read_manifest
from psst_core.logs import logged

with logged(snakemake.log[0]) as report:
    simulate_chunk(read_manifest(Path(snakemake.params.manifest)), Path(snakemake.output[0]), report)
