from pathlib import Path

from psst_core.about import page
from psst_core.files import write_text
from psst_core.logs import logged
from psst_core.results import open_sweep

with logged(snakemake.log[0]):
    write_text(Path(snakemake.output[0]), page(open_sweep(Path(snakemake.input[0]).parent)))
