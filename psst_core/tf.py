"""TensorFlow, imported at its first use: what only plans, gathers or draws never pays for it."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(importlib.import_module("tensorflow"), name)
