"""Backends, a file each. A new file here is a new `hardware.backend`."""

from psst_core.registry import import_all

import_all(__name__, __path__)
