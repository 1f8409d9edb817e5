"""The records of a results folder. Each is read by one function, which returns it in the form in which it was written.

A record that is empty, cut off, damaged or of another kind is refused with the name of its file. One that is larger
than any record of PSST's is refused before it is read.
"""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from psst_core.digest import LENGTH, digest
from psst_core.errors import PsstError
from psst_core.files import from_yaml, read_text

AGAIN = "start the sweep again: snakemake with the same words"
MANIFEST_BYTES = 500_000_000
ID = re.compile(f"[0-9a-f]{{{LENGTH}}}")
NUMBER, ANY = (int, float), "*"
COLUMNS = ("run_id", "chunk", "position")
# Forms of records: a type or several, a list with the form of an item, or forms by key; `*` is every other key.
NETWORK: dict[str, Any] = {
    "size": int,
    "populations": {ANY: {"mechanisms": {ANY: {"type": str}}, "equations": (dict, type(None)), "share": NUMBER}},
    "synapses": {ANY: {"type": str}},
    "projections": {ANY: {"pre": str, "post": str, "synapse": str, "connectivity": {"type": str}}},
}
CONFIG: dict[str, Any] = {
    "network": NETWORK,
    "stimulus": {"type": str},
    "solver": {"name": str, "precision": str},
    "run": {"duration": NUMBER, "dt": NUMBER, "seed": int},
    "recorder": {"interval": NUMBER, "window": [NUMBER], "precision": str, "variables": dict, "runs": dict},
}
JOB = {"hardware": {"device": str, "devices": int, "workers": int, "jobs": int}}
RUN = {"id": ID, "network": int, "trial": int, "values": dict, "traced": bool}
MANIFEST = {
    "chunk": ID,
    "content": ID,
    "config": CONFIG | JOB,
    "batches": [[RUN]],
    "lanes": int,
    "varying": [str],
    "code": str,
    "maker": {"backend": str, "code": str, "device": str},
    "files": {ANY: {ANY: str}},
    "plugins": {ANY: str},
}
SWEEP = {
    "experiment": str,
    "overrides": [str],
    "analysis_digest": ID,
    "measures": {ANY: {"measure": str, "digest": ID, "dims": [str], "long_name": str, "units": str}},
    "plugins": {ANY: str},
    "axes": [{"key": str, "name": str, "dimension": str}],
    "config": CONFIG
    | JOB
    | {"sweep": {"networks": int, "trials": int}, "analysis": dict}
    | {"figures": [str], "figure_options": {ANY: {"type": str}}},
}


def records_digest(records: Mapping[str, str]) -> str:
    """Return the digest of a plan, from the texts of its records."""
    return digest(dict(records))


def read_table(path: Path) -> pd.DataFrame:
    """Read the table of a plan: a row for each run, all of it text."""
    return table_of(read_text(path, remedy=AGAIN), path)


def table_of(text: str, source: object) -> pd.DataFrame:
    """Read the table of a plan from its text.

    Raises:
        PsstError: naming the source, when it is no such table.
    """
    try:
        table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, on_bad_lines="error")
    except (ValueError, OverflowError):
        raise PsstError(f"{source}: is no table of runs, it is damaged or another file; {AGAIN}") from None
    if missing := [column for column in COLUMNS if column not in table]:
        raise PsstError(f"{source}: holds no column {missing[0]}, it is damaged or no table of runs; {AGAIN}")
    chunks, positions = table["chunk"].drop_duplicates(), table["position"].drop_duplicates()
    whole = chunks.map(lambda name: bool(ID.fullmatch(str(name)))).all() and positions.str.fullmatch(r"\d{1,9}").all()
    if not whole:
        raise PsstError(f"{source}: holds a row that is cut off or names no place of a run; {AGAIN}")
    return table


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a sweep: what was asked for, the axes, and the configuration."""
    return record_of(read_text(path, remedy=AGAIN), path)


def record_of(text: str, source: object) -> dict[str, Any]:
    """Read the record of a sweep from its text.

    Raises:
        PsstError: naming the source, and the key that is missing or has another form.
    """
    try:
        content = from_yaml(text, source)
    except PsstError as error:
        raise PsstError(f"{error}; {AGAIN}") from error
    return _formed(content, SWEEP, source)


def manifest_data(path: Path) -> dict[str, Any]:
    """Read the content of a manifest's file.

    Raises:
        PsstError: when it cannot be read, or has not the form of one.
    """
    try:
        there = path.exists() or path.is_symlink()
        content = json.loads(read_text(path, MANIFEST_BYTES, f"delete it and {AGAIN}" if there else AGAIN))
    except (ValueError, RecursionError) as error:
        if isinstance(error, PsstError):
            raise
        raise PsstError(f"{path}: cannot be read, it is cut off or damaged; delete it and {AGAIN}") from None
    return _formed(content, MANIFEST, path)


def _formed(content: Any, form: Mapping[str, Any], source: Any) -> dict[str, Any]:
    if (wrong := misfit(content, form)) is not None:
        raise PsstError(f"{source}: {wrong}, it is damaged or another file; delete it and {AGAIN}")
    found: dict[str, Any] = content
    return found


def misfit(content: Any, form: Any, key: str = "") -> str | None:
    """Say, for people, where content first has another form than it must; None where it has the form."""
    if isinstance(form, re.Pattern):
        return None if isinstance(content, str) and form.fullmatch(content) else f"{key or 'it'} is no digest"
    if isinstance(form, type | tuple):
        allowed = not isinstance(content, bool) or form is bool
        return None if isinstance(content, form) and allowed else f"{key or 'all of it'} is {_kind(content)}"
    if not isinstance(content, list if isinstance(form, list) else dict):
        return f"{key or 'all of it'} is {_kind(content)}"
    if isinstance(form, list):
        parts = [(item, form[0], f"{key}[{number}]") for number, item in enumerate(content)]
    else:
        if missing := [name for name in form if name != ANY and name not in content]:
            return f"holds no {f'{key}.' if key else ''}{missing[0]}"
        others = [(content[name], form[ANY], f"{key}.{name}") for name in content if name not in form and ANY in form]
        named = [(content[name], form[name], f"{key}.{name}" if key else name) for name in form if name != ANY]
        parts = others + named
    return next((wrong for part in parts if (wrong := misfit(*part)) is not None), None)


def _kind(content: object) -> str:
    kinds = {dict: "a mapping", list: "a list", str: "a word", type(None): "nothing", bool: "true or false"}
    return kinds.get(type(content), "a number" if isinstance(content, int | float) else "another thing")
