"""Measures of recorded runs, one small file each. A new file here is a new `type` in `analysis.measures`."""

from psst_core.registry import import_all

import_all(__name__, __path__)
