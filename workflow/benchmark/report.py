"""The benchmark's report from its measurements: a table and figures."""

import argparse
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from pictures import FIGURES
from rows import read
from table import table

from psst_core.figures import STYLE
from psst_core.files import atomic, write_text
from psst_core.store.folder import Comparison


def report(source: Path, folder: Path) -> None:
    """Write the table and the figures of a file of measurements into a folder."""
    rows, attributes = read(source)
    write_text(Comparison(folder).table, table(rows, attributes))
    timed = [row for row in rows if np.isfinite(row.seconds).any()]
    matplotlib.use("Agg")
    with plt.style.context(STYLE):
        for name, draw in FIGURES.items():
            figure = draw(timed)
            for ending, metadata in (("png", {}), ("svg", {"Date": None})):
                with atomic(Comparison(folder).figure(name, ending)) as beside:
                    figure.savefig(beside, metadata=metadata)
            plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="the file of the measurements")
    parser.add_argument("folder", type=Path, help="where the table and the figures go")
    given = parser.parse_args()
    report(given.source, given.folder)


if __name__ == "__main__":
    main()
