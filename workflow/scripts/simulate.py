import sys
from pathlib import Path

from psst_core.chunk import simulate_chunk
from psst_core.plan import read_manifest

simulate_chunk(
    read_manifest(Path(snakemake.params.manifest)),
    Path(snakemake.output[0]),
    report=lambda line: print(line, file=sys.stderr, flush=True),
)
