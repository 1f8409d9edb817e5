"""What no sweep in a results folder uses any more."""

import csv
import time
from collections.abc import Iterator
from pathlib import Path

from psst_core.files import from_yaml
from psst_core.ledger import CHUNKS, LOGS, PLANNED, PLANS, SAVED

OLD = 86_400.0  # seconds after which nobody is still writing a file beside its place


def unused(results: Path) -> list[Path]:
    """The files that belong to no sweep, neither as gathered nor as last planned.

    They are chunks, summaries, saved states, plans and logs. Files that killed jobs left beside their places count
    after a day. Compiled programs are not looked at.
    """
    plans, chunks, summaries = _used(results)
    found = []
    for file in [*sorted((results / CHUNKS).glob("*")), *sorted((results / SAVED).glob("*"))]:
        stem, *rest = file.name.split(".")
        if file.name.startswith("."):
            wanted = time.time() - file.stat().st_mtime < OLD
        elif file.parent.name == SAVED:
            wanted = stem in chunks and not (results / CHUNKS / f"{stem}.nc").exists()
        else:
            wanted = stem in chunks and (len(rest) == 1 or file.name.removesuffix(".summary.nc") in summaries)
        found += [] if wanted else [file]
    found += [file for file in sorted((results / PLANS).glob("*")) if file.name.partition(".")[0] not in plans]
    logs = sorted((results / LOGS).glob("s*/*.log"))
    return [*found, *(file for file in logs if file.name.partition(".")[0] not in chunks)]


def _used(results: Path) -> tuple[set[str], set[str], set[str]]:
    """The plans, the chunks and, as `chunk.analysis`, the summaries of all sweeps."""
    plans = {file.read_text(encoding="utf-8").strip() for file in results.glob(f"*/{PLANNED}")}
    chunks: set[str] = set()
    summaries: set[str] = set()
    for record, tables in _records(results, plans):
        if not record.exists():
            continue
        analysis = from_yaml(record.read_text(encoding="utf-8"))["analysis_digest"]
        for table in (table for table in tables if table.exists()):
            with open(table, newline="", encoding="utf-8") as file:
                mine = {row["chunk"] for row in csv.DictReader(file)}
            chunks |= mine
            summaries |= {f"{chunk}.{analysis}" for chunk in mine}
    return plans, chunks, summaries


def _records(results: Path, plans: set[str]) -> Iterator[tuple[Path, list[Path]]]:
    """The configuration of each sweep, as planned and as gathered, and the tables of its runs."""
    for plan in plans:
        yield results / PLANS / f"{plan}.yaml", [results / PLANS / f"{plan}{ending}.csv" for ending in ("", ".twins")]
    for record in results.glob("*/config.yaml"):
        yield record, [record.with_name("plan.csv"), record.with_name("twins.csv")]
