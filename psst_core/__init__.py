"""PSST: parameter sweeps of conductance-based neuronal networks in TensorFlow."""

from psst_core.errors import PsstError
from psst_core.plan import make_plan
from psst_core.results import open_sweep

__version__ = "0.1.0"
__all__ = ["PsstError", "make_plan", "open_sweep"]
