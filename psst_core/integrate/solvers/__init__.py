"""Solvers, one small file each. A new file here is a new `solver.name`."""

from psst_core.integrate.solvers.base import Solver
from psst_core.registry import import_all

__all__ = ["Solver"]

import_all(__name__, __path__)
