"""The words behind `--config` on Snakemake's command line, checked before Snakemake reads them.

The profile for this machine (workflow/profiles/default) has them checked, as Snakemake reads it before the rest of the
workflow.
"""

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from psst_core.errors import PsstError

KEYS = ("experiment", "overrides", "name")
ALIKE = 0.75


def stop_at_wrong_words() -> None:
    """End the process with a message where its command line does not mean what it seems to."""
    try:
        check_words(sys.argv[1:])
    except PsstError as error:
        sys.exit(str(error))


def cores(arguments: Sequence[str] | None = None) -> int | str:
    """Return how many cores a workflow on this machine may use: N of `-j N`, else `all`.

    Snakemake says that `--jobs` stands for `--cores` where nothing is sent elsewhere, but takes the profile's.
    """
    given = sys.argv[1:] if arguments is None else arguments
    elsewhere = _behind(given, "--profile", "--executor", "-e")
    numbers = [word for group in _behind(given, "--jobs", "-j") for word in group[:1] if word.isdigit()]
    return int(numbers[-1]) if numbers and not elsewhere else "all"


def check_words(arguments: Sequence[str]) -> None:
    """Check the words behind `--config`.

    Raises:
        PsstError: with the words to write, for overrides outside their quotes, for keys that do not exist, are given
            twice or have no value, and for a second `--config`, which would replace the first; also for a
            `--configfile` that is not there.
    """
    for file in (file for files in _behind(arguments, "--configfile", "--configfiles") for file in files):
        if not Path(file).is_file():
            raise PsstError(f"--configfile {file}: no such file (paths are relative to the folder where you start)")
    groups = _behind(arguments, "--config", "-C")
    words = [word for group in groups for word in group]
    if len(groups) > 1:
        raise PsstError(
            f"--config: is given {len(groups)} times, and Snakemake would take the last one alone; "
            f"write it once: {_together(words)}"
        )
    seen: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key not in KEYS and "." not in key and (meant := difflib.get_close_matches(key, KEYS, 1, ALIKE)):
            raise PsstError(f"--config {word}: no such key (did you mean {meant[0]}?); there are {', '.join(KEYS)}")
        if "/" in word and not equals:
            raise PsstError(f"--config {word}: is no key=value; a target of Snakemake's stands before --config")
        if key not in KEYS or not equals:
            raise PsstError(
                f"--config {word}: stands outside the quotes of overrides, which hold all of them together; "
                f"write {_together(words)}"
            )
        if not value:
            raise PsstError(f"--config {word}: has no value; write {key}=… without a space, or leave it out")
        if key in seen:
            raise PsstError(f"--config {word}: {seen[key]} stands there too; write one of them")
        seen[key] = word


def _behind(arguments: Sequence[str], *options: str) -> list[list[str]]:
    """Return the words behind each of these options, up to the next option.

    A short option may be joined to its first word.
    """
    groups: list[list[str]] = []
    inside = False
    for argument in arguments:
        name, equals, word = argument.partition("=")
        short = next((option for option in options if option[1] != "-" and argument.startswith(option)), None)
        if argument in options or short or (equals and name in options):
            first = argument.removeprefix(short) if short else word
            groups.append([first] if first else [])
            inside = True
        elif argument.startswith("-"):
            inside = False
        elif inside:
            groups[-1].append(argument)
    return groups


def _together(words: Sequence[str]) -> str:
    """Write these words as one `--config`, each key once and all overrides in one text."""
    named: dict[str, str] = {}
    overrides: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in ("experiment", "name"):
            named[key] = value or "…"
        elif overrides and (overrides[-1].endswith((",", "=", "(")) or word.startswith((",", "=", ")"))):
            overrides[-1] += word  # a space has torn this value apart
        else:
            overrides += [value if equals and key == "overrides" else word]
    text = " ".join(part for part in overrides if part)
    given = [f"{key}={value}" for key, value in named.items()] + ([f"overrides='{text}'"] if text else [])
    return " ".join(["--config", *given])
