"""The base class of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psst_core.configuration import Config
from psst_core.registry import base

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis


@base("figure")
@dataclass
class Figure:
    """A figure of a sweep. Its fields are its options, which `figure_options` may set.

    A subclass draws with Matplotlib, which it imports inside its methods. What it draws gets PSST's style and, above
    it, the number of runs that are missing. One that has `table` is also written as numbers, to
    `results/NAME/tables/`.

    Attributes:
        caption: what is seen, for the report and the picture's file. An empty line begins a new paragraph.
    """

    caption: ClassVar[str] = ""

    def check(self, config: Config) -> None:
        """Raise a PsstError that begins with the name of an option, where it has no meaning in a configuration."""

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        """Say why a sweep with these axes cannot fill the figure; return None where it can.

        Args:
            axes: all axes of the sweep.
            config: the configuration of its first run.
        """
        return None

    def draw(self, results: Results) -> Picture:
        """Draw an opened sweep."""
        raise NotImplementedError

    def table(self, results: Results) -> pd.DataFrame:
        """Return the numbers of the figure."""
        raise NotImplementedError
