"""A request for a sweep: overrides sorted into choices, fixed values and axes, and composed with the files."""

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from psst_core.config.compose import Compositions, resolve, unknown, update
from psst_core.config.reads import reads
from psst_core.config.schema import CHOSEN
from psst_core.configuration import SampleConfig
from psst_core.errors import PsstError
from psst_core.registry import check_ranges
from psst_core.sweep import grammar
from psst_core.sweep.axes import Points
from psst_core.sweep.lists import Lists, check_depth, depth_of, depth_of_key, read_list, settings
from psst_core.written import SWEEPABLE, shown

# By key or group, why it cannot be an axis.
UNSWEEPABLE = {
    "hardware": "says where and how runs are made, which changes no number of them; give one value, and compare "
    "machines and programs with experiment=benchmark",
    "recorder": "says what is kept of the same runs; give one value, and plan a sweep of another name for each "
    "other one",
    "analysis": "says how the same runs are measured; give one value, and plan a sweep of another name for each other "
    "one: no run is made twice",
    "numerics": "compares runs of one sweep with their twins; give one value",
    "sweep": "says which runs there are; give one value",
    "figures": "names all that is drawn, as in figures=[raster,spectra]",
    "figure_options": "says how figures are drawn; give one value, or name a figure for each other one",
    "formats": "names all formats of the figures, as in formats=[pdf]",
    "style": "says how figures look; give one value",
    "scale": "chooses all that `paper` holds; give one value",
    "paper": "holds what scale=paper sets; give one value",
    "description": "is a text about the sweep; give one",
    "institution": "is a text about the sweep; give one",
}


SAFE = re.compile(r"[A-Za-z0-9_.,=+\-()\[\]:/*<>!% ]*")


WHERE = "sweep.where"


PAPER = "scale=paper"


def split_overrides(text: object) -> list[str]:
    """Split a text into single overrides. Refuse what Snakemake, Slurm or a shell would change on its way."""
    if not isinstance(text, str):
        raise PsstError(
            f"overrides={text!r}: arrived as {type(text).__name__} instead of text; "
            "write it in a file in conf/experiment/ and name that as the experiment"
        )
    if not SAFE.fullmatch(text):
        bad = "".join(sorted(set(re.sub(SAFE, "", text)))) or "?"
        raise PsstError(
            f"overrides={text!r}: the characters {bad!r} would not survive the command line; "
            "write it in a file in conf/experiment/ and name that as the experiment"
        )
    return text.split()


def with_scale(experiment: str, overrides: Sequence[str], compositions: Compositions) -> list[str]:
    """Return the overrides and, where they ask for `scale=paper`, the experiment's own for that size.

    Where they name a sweep, it replaces the experiment's sweep and the axes of its `paper`.
    """
    if PAPER not in overrides:
        return list(overrides)
    named = {text.partition("=")[0] for text in overrides}
    found = resolve(compositions.compose({"experiment": experiment}))["paper"]
    paper = [f"{key}={shown(value)}" for key, value in found.items() if key not in named]
    if "sweep" in named:
        paper = [text for text in paper if not text.startswith("sweep.") and not grammar.parse(text).is_axis]
    return [*overrides, *paper]


def sort_overrides(
    experiment: str, overrides: Sequence[str], known: Mapping[str, Sequence[str]]
) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
    """Sort the overrides by what they set.

    Returns:
        By group, its choice; by key, its fixed value; and by key, the values of its axis.
    """
    choices = {"experiment": experiment}
    fixed: dict[str, Any] = {}
    given: dict[str, Any] = {}
    for text in overrides:
        if text.startswith(f"{WHERE}="):
            fixed.setdefault(WHERE, []).append(text.removeprefix(f"{WHERE}="))
            continue
        override = grammar.parse(text, known)
        key = override.key
        if key == "experiment":
            raise PsstError(f"override {text!r}: name the experiment with --config experiment=")
        if key in {**choices, **fixed, **given}:
            raise PsstError(f"override {text!r}: {key} is given twice")
        if key.startswith("sweep.axes"):
            raise PsstError(f"{key}: give the axis by its own key, such as network.coupling=0.1,0.2")
        if override.is_axis:
            given[key] = override.value
        elif key in known:
            choices[key] = _choice(key, override.value)
        else:
            fixed[key] = override.value
    return choices, fixed, given


def requested(
    choices: dict[str, str],
    fixed: dict[str, Any],
    given: dict[str, Any],
    known: Mapping[str, Sequence[str]],
    lists: Lists,
    compositions: Compositions,
) -> tuple[DictConfig, dict[str, Any]]:
    """Return the configuration at the first choices, and by key the axes of the sweep file and of the overrides.

    A fixed value or choice takes the place of the values of the sweep file's axis, and leaves `fixed` or `choices`.
    Several lists for a key become an axis. Lists among the values of axes become their texts.
    """
    first = compositions.compose(choices)
    written = dict(first.sweep.axes.items())
    axes = {key: grammar.axis_values(key, text, known) for key, text in written.items()} | given
    swept = {key: values for key, values in axes.items() if key in known and isinstance(values, list)}
    axes |= {key: [_choice(key, value) for value in values] for key, values in swept.items()}
    groups_swept = {key: axes[key][0] for key, values in swept.items() if key not in choices and values}
    if groups_swept and any(depth_of_key(first, key) is None for key in (*axes, *fixed)):
        first = compositions.compose(choices | groups_swept)
    for key in [key for key in fixed if key.split(".")[0] in SWEEPABLE]:
        depth = depth_of_key(first, key)
        if depth and depth_of(fixed[key]) == depth + 1:
            axes[key] = given[key] = fixed.pop(key)
    _set_all(first, fixed)
    for key, values in axes.items():
        if isinstance(values, list) and key not in known:
            in_file = key not in given and (OmegaConf.is_list(written[key]) or isinstance(written[key], list))
            axes[key] = _settings(first, key, values, in_file, lists)
    for key in axes.keys() & fixed.keys():
        axes[key] = lists.texts(key, [fixed.pop(key)])
    for group in axes.keys() & (choices.keys() - given.keys()):
        axes[group] = [choices.pop(group)]
    if not any(isinstance(values, grammar.Interval) for values in axes.values()):
        for key in (key for key in fixed if key.startswith("sweep.sample.")):
            raise PsstError(f"{key}: no axis is an interval; write one such as network.gaba=interval(0,1)")
    check_ranges(SampleConfig, first.sweep.sample, "sweep.sample")
    return first, axes


def _settings(config: DictConfig, key: str, values: list[Any], in_file: bool, lists: Lists) -> list[Any]:
    """Return the values of an axis, with texts in place of lists.

    Raises:
        PsstError: for a list where the key takes none.
    """
    depth = depth_of_key(config, key)
    if depth:
        values = settings([read_list(value, key) for value in values], depth, in_file)
        check_depth(values, depth, key)
    for value in values if not depth else ():
        if isinstance(value, list):
            update(copy.deepcopy(config), key, value)
    return lists.texts(key, values)


def _choice(key: str, value: object) -> str:
    """Return the choice of a group; raise where it is no word."""
    if not isinstance(value, str):
        several = ",".join(map(shown, value)) if isinstance(value, list) else "NAME"
        what = "an axis" if key in SWEEPABLE and "," in several else "a choice"
        raise PsstError(
            f"{key}={shown(value)}: must be the name of a file in conf/{key}/; {what} is written {key}={several}"
        )
    return value


def composed(choices: Mapping[str, str], fixed: Mapping[str, object], compositions: Compositions) -> DictConfig:
    config = compositions.compose(choices)
    _set_all(config, fixed)
    return config


def fitted(
    choices: Mapping[str, str], fixed: Mapping[str, object], swept: Sequence[str], compositions: Compositions
) -> DictConfig:
    """Compose a configuration without those fixed values, in groups that are swept, which its choices do not read."""
    config = composed(choices, fixed, compositions)
    within = [key for key in fixed if key.split(".")[0] in swept]
    try:
        unread = reads(resolve(config)).why_not if within else None
    except PsstError:  # the checks of its runs name what is wrong
        return config
    idle = [key for key in within if unread and unread(key) is not None]
    return composed(choices, {key: value for key, value in fixed.items() if key not in idle}, compositions)


def _set_all(config: DictConfig, fixed: Mapping[str, Any]) -> None:
    for key in (key for key, value in fixed.items() if value is None and key.rpartition(".")[0] in CHOSEN):
        if others := [other for other in fixed if other.startswith(f"{key}.")]:
            raise PsstError(f"{key}=null: takes it out, and {others[0]} sets it; leave one of them out")
    for key, value in sorted(fixed.items(), key=lambda item: not item[0].endswith(".type")):
        update(config, key, [*config.sweep.where, *value] if key == WHERE else value)


def check_keys(
    points: Points,
    axes: Mapping[str, object],
    choices: Mapping[str, str],
    fixed: Mapping[str, object],
    first: DictConfig,
) -> None:
    for key in points.columns:
        if key in fixed or (key in choices and key not in axes):
            raise PsstError(f"{key}: is a column of sweep.table={first.sweep.table} too; give it in one place")
        if key.split(".")[0] not in first:
            raise unknown(first, first, key.split(".")[0], key.split(".")[0], key)
        if (why := UNSWEEPABLE.get(key.split(".")[0])) is not None:
            raise PsstError(f"{key}: cannot be an axis; it {why}")


def without(fixed: Mapping[str, object], key: str) -> dict[str, Any]:
    return {name: value for name, value in fixed.items() if name != key and not name.startswith(f"{key}.")}
