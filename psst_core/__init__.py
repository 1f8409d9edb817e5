"""PSST: parameter sweeps of conductance-based neuronal networks in TensorFlow.

The public names are loaded when they are used, so that the import takes no time.
"""

import importlib
from typing import TYPE_CHECKING, Any

from psst_core.errors import PsstError

if TYPE_CHECKING:
    from psst_core.in_process import run_sweep
    from psst_core.plan.sweep_plan import make_plan
    from psst_core.results.sweep_results import open_sweep

__version__ = "0.1.0"
__all__ = ["PsstError", "make_plan", "open_sweep", "run_sweep"]
_PLACES = {
    "make_plan": "psst_core.plan.sweep_plan",
    "open_sweep": "psst_core.results.sweep_results",
    "run_sweep": "psst_core.in_process",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
