"""The identity of a run: the digest of everything that decides its numbers."""

import contextlib
import hashlib
import json
from collections.abc import Collection, KeysView, Mapping
from typing import Any

from psst_core import plugins
from psst_core.config.checks import PHYSICS, data_files
from psst_core.configuration import Config, HardwareConfig
from psst_core.digest import LENGTH, code_digest, digest, imported
from psst_core.integrate import backends  # noqa: F401  (importing fills the registry)
from psst_core.keys import class_of_part, flatten, get, parts, put
from psst_core.registry import NeedsPluginError, lookup, names
from psst_core.store.manifest import Maker

FLAGS = "hardware.xla_flags"
WIDTH = 16
# The modules that decide the equations of every run; a backend integrates these equations.
EQUATIONS = {"psst_core.integrate.batch", "psst_core.integrate.drive", "psst_core.integrate.dynamics"}
# These modules raise errors, or hand on what they are given, and decide no number.
SAYING = {f"psst_core.{name}" for name in ("configuration", "errors", "model.returned", "plugins", "registry")}
RECORDING = {"psst_core.integrate.recording", "psst_core.store.chunk_file"}  # they make numbers for every backend


class Identity:
    """The ids of the runs that one configuration describes, with other values in place of some of its own or not.

    An id is a digest over the digests of all values, so that for another run only those of the differing values are
    computed. The order of keys does not count, but that of the populations does: it numbers the cells. Files count by
    their content, and code by what it does. The user's flags for XLA count, as they may change every number. The
    backend and the rest of the hardware may change a run's bits. They do not count, since they do not change what is
    asked for (see `maker`).

    Args:
        config: as resolved.
        files: by key and path, the SHA-256 of the input files; by default of the files as they are now.
        code: the digest of the code that decides the numbers; by default of the code that is here.
    """

    def __init__(
        self, config: Config, files: Mapping[str, Mapping[str, str]] | None = None, code: str | None = None
    ) -> None:
        files = data_files(config) if files is None else files
        code = code_digest(deciding_modules(config)) if code is None else code
        contents = {key: _contents(get(config, key), found) for key, found in files.items()}
        leaves = dict(flatten(put({name: config[name] for name in PHYSICS}, contents)))
        leaves[FLAGS] = get(config, FLAGS)
        self._places = {key: WIDTH * place for place, key in enumerate(sorted(leaves))}
        self._leaves = b"".join(_leaf(key, leaves[key]) for key in self._places)
        self._rest = digest({"cells": list(config.network.populations), "code": code}).encode()

    @property
    def keys(self) -> KeysView[str]:
        """The keys of the single values that can be replaced in `run_id`."""
        return self._places.keys()

    def run_id(self, values: Mapping[str, object], network: int, trial: int) -> str:
        """Return the id of a run.

        Args:
            values: by key, the values that take the place of the configuration's.
            network, trial: the numbers of its replicates.
        """
        leaves = bytearray(self._leaves)
        for key, value in values.items():
            place = self._places[key]
            leaves[place : place + WIDTH] = _leaf(key, value)
        return hashlib.sha256(leaves + self._rest + b"%d %d" % (network, trial)).hexdigest()[:LENGTH]


def _contents(paths: Any, found: Mapping[str, str]) -> Any:
    """Return the digest of the file in place of its path, or a list of digests in place of a list of paths."""
    return [found[path] for path in paths] if isinstance(paths, list) else found[paths] if paths else paths


def plugin_modules(config: Config) -> dict[str, str]:
    """Return the modules of plugins that decide a configuration's numbers.

    Returns:
        By module, the digest of its code.
    """
    return {module: code_digest([module]) for module in deciding_modules(config) if plugins.owns(module)}


def deciding_modules(config: Config, known: Collection[str] = ()) -> tuple[str, ...]:
    """Return the modules whose code decides what the runs of this configuration compute.

    Args:
        known: modules of plugins that are among them. Where some are given, a part whose plugin is not imported is
            left out.
    """
    used = set(known)
    for kind, key, settings in parts(config):
        with contextlib.suppress(*([NeedsPluginError] if known else [])):
            used.add(class_of_part(kind, settings, key).__module__)
    return tuple(sorted(imported({*EQUATIONS, *used}) - SAYING))


def maker(hardware: HardwareConfig) -> Maker:
    """Return the maker of numbers on this hardware: the backend, with the digest of its code as it is here.

    Raises:
        PsstError: when there is no such backend.
    """
    lookup("backend", hardware.backend, "hardware.backend")
    return Maker(hardware.backend, str(making_code(hardware.backend)), hardware.device)


def making_code(backend: str) -> str | None:
    """Return the digest of a backend's code; None where there is no such backend here.

    It is the code of its module, and of what this imports from PSST and from its own package, beyond the equations,
    which count for the ids of runs.
    """
    if backend not in names("backend"):
        return None
    module = lookup("backend", backend, "hardware.backend").__module__
    return code_digest((imported({module}) - imported(EQUATIONS) - SAYING) | RECORDING)


def _leaf(key: str, value: object) -> bytes:
    return hashlib.sha256(json.dumps([key, value]).encode()).digest()[:WIDTH]
