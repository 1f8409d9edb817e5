from pathlib import Path

from psst_core.gather import gather

gather(Path(snakemake.params.results), snakemake.wildcards.name)
