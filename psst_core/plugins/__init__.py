"""The user's own code, found without a change to PSST: in a folder `plugins/`, and in installed packages.

A file `plugins/NAME.py`, in the folder where the user starts, is the module `psst_core.plugins.NAME`. An installed
package names its modules in entry points of the group `psst_core.plugins`. To compose a configuration, to make a job's
numbers or to draw, PSST first imports them all (`load`). The classes that they register are then found like those that
PSST ships. Commands that only look at results (audit, status, blame, export, …) import none, so that no code in or
beside a folder that they look at runs.
"""

import functools
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from importlib import metadata
from pathlib import Path

from psst_core.errors import PsstError

FOLDER = Path("plugins")


@functools.cache
def load() -> None:
    """Import every plugin of the folder where the user starts and of installed packages, once in a process.

    Raises:
        PsstError: naming the plugin, its file and the line where its import failed.
    """
    for entry in metadata.entry_points(group=__name__):
        package = entry.dist.name if entry.dist else "?"
        _import(entry.module, f"plugin {entry.name} of the package {package}")
    for module in pkgutil.iter_modules([locate()]):
        _import(f"{__name__}.{module.name}", f"plugin {FOLDER / module.name}")


def locate() -> str:
    """Return the folder of the plugins where the user starts.

    From then on their code is found by the names of their modules.
    """
    own = str(FOLDER.resolve())
    if own not in __path__:
        __path__.append(own)
    return own


def loaded() -> bool:
    """Return whether this process has imported the plugins."""
    return load.cache_info().currsize > 0


def owns(module: str) -> bool:
    """Return whether a module is a plugin's and not PSST's."""
    return module.startswith(f"{__name__}.") or module.partition(".")[0] != __name__.partition(".")[0]


def _import(module: str, plugin: str) -> None:
    early = "tensorflow" not in sys.modules
    try:
        importlib.import_module(module)
    except Exception as error:
        raise PsstError(
            f"{plugin}: cannot be imported: {type(error).__name__}: {error} ({_where(module, error)}); "
            "mend it, or take it away"
        ) from error
    if early and "tensorflow" in sys.modules:
        raise PsstError(
            f"{plugin}: imports TensorFlow, which must wait for a job's settings; "
            "write `from psst_core import tf` and use it inside functions only"
        )


def _where(module: str, error: Exception) -> str:
    """Return the file of a module, with the line in it that raised the error."""
    try:
        spec = importlib.util.find_spec(module)
    except ImportError:
        spec = None
    if spec is None or spec.origin is None:
        return f"module {module}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == spec.origin]
    return f"{spec.origin}, line {lines[-1]}" if lines else spec.origin
