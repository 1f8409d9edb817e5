"""TensorFlow, imported when it is first used. A process that only plans, gathers or draws does not load it."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(importlib.import_module("tensorflow"), name)
