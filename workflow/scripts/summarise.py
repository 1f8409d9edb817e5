from pathlib import Path

from psst_core.analysis import summarise
from psst_core.dataset import read, write
from psst_core.logs import logged

with logged(snakemake.log[0]), read(Path(snakemake.input[0])) as chunk:
    write(summarise(chunk, snakemake.params.window, snakemake.params.analysis), Path(snakemake.output[0]))
