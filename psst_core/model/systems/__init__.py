"""Plain systems of equations, one small file each. A new file here is a new `type` in the configuration."""

from psst_core.registry import import_all

import_all(__name__, __path__)
