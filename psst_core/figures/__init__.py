"""Figures of sweeps, one small file each. A new file is a new name in `figures` and a `type` in `figure_options`."""

from pathlib import Path

from psst_core.registry import import_all

STYLE = Path(__file__).with_name("psst.mplstyle")

import_all(__name__, __path__)
