"""Lists as values of an axis. A key that takes a list takes one list as a setting, and several as an axis.

Where points are compared, written and named, such a list is its text as it was written, `[100,300]`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

import numpy as np
from omegaconf import DictConfig

from psst_core.arrays import Array
from psst_core.config.compose import entry
from psst_core.errors import PsstError
from psst_core.sweep import grammar
from psst_core.written import shown

OPEN, CLOSE = "[", "]"


def depth_of_key(config: DictConfig, key: str) -> int | None:
    """Return how deep the lists are nested that a key takes: 0 for no lists; None where there is no such key."""
    if (found := entry(config, key)) is None:
        return None
    hint, depth = found._metadata.ref_type, 0
    while get_origin(hint) is list:
        hint, depth = get_args(hint)[0], depth + 1
    return depth


def depth_of(value: object) -> int:
    """Return how deep lists are nested: 0 for a value that is no list."""
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


def settings(values: list[Any], depth: int, in_file: bool) -> list[Any]:
    """Return the values of an axis over a key that takes lists of this depth.

    Args:
        in_file: whether brackets around them all may be those of the file's own list of values.
    """
    if in_file and depth_of(values) == depth:
        return [values]
    if len(values) == 1 and depth_of(values[0]) == depth + 1:
        return list(values[0])
    return values


def check_depth(values: Sequence[object], depth: int, key: str) -> None:
    """Raise for the first value that is not nested as its key demands."""
    for value in values:
        if any(len(place) != depth for place, _ in _leaves(value, ())):
            example = value
            while depth_of(example) < depth:
                example = [example]
            example = example if depth_of(example) == depth else "[" * depth + "1" + "]" * depth
            kind = "a list" + " of lists" * (depth - 1)
            raise PsstError(f"{key}={shown(value)}: must be {kind}, such as {key}={shown(example)}")


class Lists:
    """The lists in a sweep, by their texts.

    Attributes:
        of: by key, each text and its list, as it was written.
    """

    def __init__(self) -> None:
        self.of: dict[str, dict[str, list[Any]]] = {}

    def texts(self, key: str, values: Sequence[object]) -> list[Any]:
        """Return the values of an axis with texts in place of lists, and remember which list each text means."""
        for value in values:
            if isinstance(value, list):
                self.of.setdefault(key, {})[shown(value)] = value
        return [shown(value) if isinstance(value, list) else value for value in values]

    def cells(self, key: str, column: Sequence[object]) -> list[Any]:
        """Return a column of a table, whose cells are texts, with one text for each list, and remember these lists."""
        return self.texts(key, [read_list(value, key) for value in column])

    def value(self, key: str, value: object) -> Any:
        """Return the value that a point's value means: the list where it is the text of one, else itself."""
        return self.of.get(key, {}).get(value, value) if isinstance(value, str) else value


def read_list(text: object, key: str = "list") -> Any:
    """Return the list that a text means, else the text itself."""
    if not isinstance(text, str) or not (text.startswith(OPEN) and text.endswith(CLOSE)):
        return text
    try:
        return grammar.parse(f"{key}={text}").value
    except PsstError as error:
        raise PsstError(f"{key}={text}: cannot be read as a list; write it as [100,300]") from error


def plain(value: object) -> Any:
    """Convert tuples and arrays to lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def text_of(value: object, known: Mapping[str, list[Any]]) -> str | None:
    """Find the text of a list among those known; None where it is unknown. The list may be given as a text."""
    wanted = read_list(value) if isinstance(value, str) else plain(value)
    return next((text for text, values in known.items() if values == wanted), None)


def padded(lists: Sequence[list[Any]]) -> Array | None:
    """Return lists of numbers as an array [list, item…], NaN beyond the end of each; None where they hold words."""
    if not all(map(_numeric, lists)):
        return None
    depth = max(map(depth_of, lists))
    shape = [len(lists), *(max(1, *(len(part) for part in _at_depth(lists, level))) for level in range(1, depth + 1))]
    found = np.full(shape, np.nan)
    for place, value in _leaves(list(lists), ()):
        found[place] = value
    return found


def _numeric(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_numeric, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at_depth(lists: Sequence[object], level: int) -> list[list[Any]]:
    """Return all lists that are nested at this level; one empty list where there is none."""
    found: list[Any] = list(lists)
    for _ in range(level - 1):
        found = [item for part in found for item in part if isinstance(item, list)]
    return found or [[]]


def _leaves(value: object, place: tuple[int, ...]) -> list[tuple[tuple[int, ...], Any]]:
    if not isinstance(value, list):
        return [(place, value)]
    return [leaf for number, item in enumerate(value) for leaf in _leaves(item, (*place, number))]
