"""Solvers, one small file each. A new file here is a new `solver.name`."""

from psst_core.registry import import_all
from psst_core.solvers.base import Solver

__all__ = ["Solver"]

import_all(__name__, __path__)
