from pathlib import Path

from psst_core.analysis import summarise
from psst_core.dataset import read, write

with read(Path(snakemake.input[0])) as chunk:
    write(summarise(chunk, snakemake.params.window, snakemake.params.analysis), Path(snakemake.output[0]))
