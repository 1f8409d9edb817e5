"""What a run is: the digest of everything that decides its numbers."""

import contextlib
import hashlib
import json
from collections.abc import Collection, KeysView, Mapping
from typing import Any

from psst_core import plugins
from psst_core.config.checks import PHYSICS, data_files
from psst_core.digest import LENGTH, code_digest, digest, imported
from psst_core.keys import Config, class_of_part, flatten, get, parts, put
from psst_core.registry import NeedsPluginError
from psst_core.store.manifest import Maker

FLAGS = "hardware.xla_flags"
WIDTH = 16
# What decides the equations of every run; a backend integrates them.
EQUATIONS = {"psst_core.integrate.batch", "psst_core.integrate.drive", "psst_core.integrate.dynamics"}
SAYING = {"psst_core.errors", "psst_core.model.returned"}  # they refuse and tell, and give back what they were given
BACKENDS = {
    "tensorflow": (
        "psst_core.integrate.simulate",
        "psst_core.integrate.devices",
        "psst_core.integrate.recording",
        "psst_core.store.chunk_file",
    )
}


class Identity:
    """Of the runs that one configuration describes, with other numbers in it or not.

    A digest over the digests of all its values, so that a run costs only those in which it differs. The order of keys
    does not count, but that of the populations: it numbers the cells. Files count by their content, code by what it
    does. The user's flags for XLA count, as they may change every number; of the backend and the rest of the hardware
    a run's bits may depend, but not what is asked for (see `maker`).

    Args:
        config: as resolved.
        files: by key and path, the SHA-256 of its input files; by default of those that are there.
        code: the digest of the code that decides its numbers; by default of that which is here.
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
        self._rest = digest({"cells": list(config["network"]["populations"]), "code": code}).encode()

    @property
    def keys(self) -> KeysView[str]:
        """Of the single values that other ones can take the place of."""
        return self._places.keys()

    def run_id(self, values: Mapping[str, Any], network: int, trial: int) -> str:
        """The id of the run with these values in place of the configuration's, on that network, in that trial."""
        leaves = bytearray(self._leaves)
        for key, value in values.items():
            place = self._places[key]
            leaves[place : place + WIDTH] = _leaf(key, value)
        return hashlib.sha256(leaves + self._rest + b"%d %d" % (network, trial)).hexdigest()[:LENGTH]


def _contents(paths: Any, found: Mapping[str, str]) -> Any:
    """What stands in place of a path, or of each in a list: the digest of the file."""
    return [found[path] for path in paths] if isinstance(paths, list) else found[paths] if paths else paths


def plugin_modules(config: Config) -> dict[str, str]:
    """The modules of plugins among those that decide a configuration's numbers, with the digest of each one's code."""
    return {module: code_digest([module]) for module in deciding_modules(config) if plugins.owns(module)}


def deciding_modules(config: Config, known: Collection[str] = ()) -> tuple[str, ...]:
    """The modules whose code decides what is asked for by the runs of this configuration.

    Args:
        known: modules of plugins, which are then not looked up by what they register: no plugin need be imported.
    """
    used = set(known)
    for kind, key, settings in parts(config):
        with contextlib.suppress(*([NeedsPluginError] if known else [])):
            used.add(class_of_part(kind, settings, key).__module__)
    return tuple(sorted(imported({*EQUATIONS, *used}) - SAYING))


def maker(backend: str = "tensorflow") -> Maker:
    """Who integrates: the backend as it is here."""
    return Maker(backend, code_digest(BACKENDS[backend]))


def _leaf(key: str, value: Any) -> bytes:
    return hashlib.sha256(json.dumps([key, value]).encode()).digest()[:WIDTH]
