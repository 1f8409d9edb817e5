"""Configurations by name, with other values, and as runs."""

from dataclasses import replace
from typing import Any

from psst_core.config.compose import compose, resolve, update
from psst_core.configuration import Config
from psst_core.integrate.batch import Run
from psst_core.keys import put
from psst_core.store.manifest import Manifest


def configuration(experiment: str = "locust_coupling", **values: Any) -> Config:
    """A resolved configuration; `network__size=60` sets network.size."""
    config = compose({"experiment": experiment})
    for key, value in values.items():
        update(config, key.replace("__", "."), value)
    return resolve(config)


def small_locust(**values: Any) -> Config:
    """Eight cells, strong odour from the start, everything quick."""
    return configuration(
        **{
            "network__size": 8,
            "run__duration": 20.0,
            "stimulus__onset": 0.0,
            "stimulus__share": 1.0,
            "stimulus__amplitude": 30.0,
            "stimulus__rise": 1.0,
            "recorder__window": [0.0, 20.0],
        }
        | values
    )


def with_trials(config: dict[str, Any], count: int) -> list[Run]:
    return [Run(config, 0, trial) for trial in range(count)]


def with_values(config: dict[str, Any], key: str, values: list[float]) -> list[Run]:
    return [Run(put(config, {key: value})) for value in values]


def changed(manifest: Manifest, values: dict[str, Any], **fields: Any) -> Manifest:
    """A manifest with other values in its configuration, by their keys, and other fields."""
    return replace(manifest, config=put(manifest.config, values), **fields)
