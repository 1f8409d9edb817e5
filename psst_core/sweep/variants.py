"""The configurations that the points of a sweep share, and what the points change in them."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from psst_core.config.checks import check, check_part
from psst_core.config.compose import Compositions, resolve, update
from psst_core.config.reads import Reads, reads, sort_of
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.keys import array_keys, get, parameter_keys, put
from psst_core.sweep.axes import Points
from psst_core.sweep.identity import Identity
from psst_core.sweep.lists import Lists
from psst_core.sweep.requests import fitted


def variants_of(
    points: Points,
    choices: Mapping[str, str],
    fixed: Mapping[str, object],
    group_keys: Sequence[str],
    lists: Lists,
    compositions: Compositions,
) -> list["Variant"]:
    """Return the variant of each point. There is one variant for each combination of choices of the swept groups."""
    combinations = list(zip(*(_at(points, key) for key in group_keys), strict=True)) or [()] * len(points)
    made: dict[tuple[Any, ...], Variant] = {}
    for chosen in dict.fromkeys(combinations):
        own = dict(zip(group_keys, map(str, chosen), strict=True))
        made[chosen] = Variant(fitted({**choices, **own}, fixed, group_keys, compositions), points, group_keys, lists)
    populations = {tuple(variant.config.network.populations) for variant in made.values()}
    if len(populations) > 1:
        raise PsstError(
            f"network: the sweep mixes networks of different populations, {' and '.join(map(str, populations))}; "
            "run one sweep for each"
        )
    bands = {str(variant.config.analysis.band) for variant in made.values()}
    if len(bands) > 1:
        raise PsstError(
            f"analysis.band: the choices of the sweep say {' and '.join(sorted(bands))}; give one for all, such as "
            "analysis.band=[10,60]"
        )
    return [made[chosen] for chosen in combinations]


def _at(points: Points, key: str) -> list[Any]:
    """Return the value of an axis at each point."""
    values = points.columns[key]
    return [values[place] for place in points.places[points.dimensions[key]]]


class Variant:
    """The configuration for one combination of choices, and the values in it that the points change.

    Numbers of the equations are checked part by part, all other values in every combination. This keeps the number of
    checks small.
    """

    def __init__(self, composed: DictConfig, points: Points, group_keys: Sequence[str], lists: Lists) -> None:
        self.config, self.lists = resolve(composed), lists.of.keys()
        self.typed = {
            key: _typed(composed, key, [lists.value(key, value) for value in values])
            for key, values in points.columns.items()
            if key not in group_keys
        }
        free = {*parameter_keys(self.config), *array_keys(self.config)} - self.lists
        self.heavy = [key for key in self.typed if key not in free]
        self.light = [key for key in self.typed if key in free]
        self.made: dict[tuple[Any, ...], tuple[Config, Identity]] = {}
        self.known: dict[tuple[Any, ...], tuple[Reads, dict[str, Any], tuple[Config, Identity]]] = {}
        owners: dict[str, list[str]] = {}
        for key in self.light:
            owners.setdefault(key.rpartition(".")[0], []).append(key)
        self.parts = {part: (keys, set[tuple[Any, ...]]()) for part, keys in owners.items()}

    def named(self, key: str, values: list[Any]) -> list[Any]:
        """Return the values of an axis as points have them: typed, or the texts of lists."""
        return values if key in self.lists else self.typed.get(key, values)

    def at(self, place: Mapping[str, int]) -> tuple[Config, Identity, dict[str, Any], Reads]:
        """Return what the run of a point is made of.

        Args:
            place: by key, the place of its value.

        Returns:
            A checked configuration that points share, its identity, the point's own values by key, and which keys
            decide nothing.
        """
        values = {key: self.typed[key][place[key]] for key in self.light}
        others = {key: self.typed[key][place[key]] for key in self.heavy}
        for keys, seen in self.parts.values():
            seen.add(tuple(values[key] for key in keys))
        sort = *_hashable(others), *map(sort_of, values.values())
        if sort not in self.known:
            self.known[sort] = self._know(values, others)
        read, unread, made = self.known[sort]
        return *made, values | unread, read

    def _know(
        self, values: dict[str, Any], others: dict[str, Any]
    ) -> tuple[Reads, dict[str, Any], tuple[Config, Identity]]:
        """Check the points of one sort together.

        Args:
            values: by key, the values of light keys, which may differ between runs of one program.
            others: by key, the values of the other keys.

        Returns:
            Which keys decide nothing; for the light ones of them, by key, the value without the sweep; and the
            configuration that the points share, with its identity.
        """
        config = put(self.config, values | others)
        try:
            read = reads(config)
        except PsstError:
            check(config)
            raise
        own = {key: get(self.config, key) for key in self.typed if read.why_not(key) is not None}
        numbers = _hashable(others | {key: own[key] for key in others.keys() & own.keys()})
        unread = {key: own[key] for key in values.keys() & own.keys()}
        if numbers not in self.made:
            config = put(config, own)
            check(config)
            self.made[numbers] = config, Identity(config)
        return read, unread, self.made[numbers]

    def check_parts(self) -> None:
        """Check the numbers of the equations part by part and for each dt, in every combination that a point has."""
        for config in {config.run.dt: config for config, _ in self.made.values()}.values():
            for part, (keys, seen) in self.parts.items():
                for numbers in seen:
                    check_part(put(config, dict(zip(keys, numbers, strict=True))), part)


def _hashable(values: Mapping[str, object]) -> tuple[Any, ...]:
    return tuple(repr(value) if isinstance(value, list) else value for value in values.values())


def _typed(config: DictConfig, key: str, values: Sequence[object]) -> list[Any]:
    """Return an axis's values as the schema types them."""
    probe = copy.deepcopy(config)
    typed: list[Any] = []
    for value in values:
        if "${" in str(value):
            raise PsstError(f"axis {key}: {value} is an interpolation; write the value itself")
        if not (typed and isinstance(value, float) and isinstance(typed[-1], float)):
            update(probe, key, value)
            value = OmegaConf.select(probe, key)
            value = OmegaConf.to_container(value) if OmegaConf.is_list(value) else value
        typed.append(value)
    return typed
