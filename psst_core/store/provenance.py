"""The origin of numbers: the checkout that planned them, the job that made them, and what was done since."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from psst_core.files import CHECKOUT

CODE = ("psst_core", "conf", "workflow", ":(exclude)workflow/profiles")
# By attribute, the variable in which Slurm says what it granted.
GRANTED = {"job_id": "SLURM_JOB_ID", "partition": "SLURM_JOB_PARTITION", "gpus": "CUDA_VISIBLE_DEVICES"}
UNKNOWN = "unknown"  # begins the entry for a commit that is not known
OTHER_CHECKOUT = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
)  # these would make git answer for another checkout
CONVENTIONS = {"Conventions": "CF-1.11", "references": "https://doi.org/10.51628/001c.37893"}
LINEAGE = ("chunk", "institution", "source", "git_commit", "git_dirty")


def checkout() -> dict[str, Any]:
    """Return the commit of the checkout that this code is in.

    Returns:
        `git_commit`; and `git_dirty`, which is 1 where code or configuration differ from the commit. Where the commit
        is not known, `git_commit` says why: `unknown: …`.
    """
    if not (CHECKOUT / ".git").exists():
        return {"git_commit": f"{UNKNOWN}: the code is no git checkout, but an archive or an installed package"}
    ask = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--", *CODE]
    outside = {name: value for name, value in os.environ.items() if name not in OTHER_CHECKOUT} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            ask, cwd=CHECKOUT, capture_output=True, text=True, errors="replace", env=outside, check=False
        )
    except OSError:
        return {"git_commit": f"{UNKNOWN}: git is not installed here"}
    lines = done.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid")), None)
    if commit == "(initial)":
        return {"git_commit": f"{UNKNOWN}: the checkout has no commit yet"}
    if done.returncode or commit is None:
        return {"git_commit": f"{UNKNOWN}: {_refusal(done.stderr, done.returncode)}"}
    return {"git_commit": commit, "git_dirty": int(any(not line.startswith("#") for line in lines))}


def _refusal(said: str, code: int) -> str:
    """Say why git did not answer."""
    if "dubious ownership" in said:
        return (
            f"{CHECKOUT} belongs to another user, and git reads no such checkout until it is told to: "
            f"git config --global --add safe.directory {CHECKOUT}"
        )
    if "not a git repository" in said:
        return f"{CHECKOUT / '.git'} is damaged, or leads to what is not there"
    return f"git failed in {CHECKOUT} (exit {code})"


def doubts(origins: Iterable[Mapping[str, object]]) -> list[str]:
    """Return a line for each reason why jobs will not record their commit."""
    unknown = (str(origin["git_commit"]) for origin in origins if _is_unknown(origin))
    return [
        f"the commit of the code will not be recorded: {text.partition(': ')[2]}" for text in dict.fromkeys(unknown)
    ]


def _is_unknown(origin: Mapping[str, object]) -> bool:
    return str(origin.get("git_commit", "")).startswith(UNKNOWN)


def job(planned: Mapping[str, object]) -> dict[str, Any]:
    """Return the global attributes that tell the origin of a file which this job begins.

    Args:
        planned: what the plan knew: `command`, the `institution` and the checkout, where there are any.
    """
    created = now()
    granted = {name: os.environ[variable] for name, variable in GRANTED.items() if os.environ.get(variable)}
    return {
        **planned,
        "source": source(planned),
        "created": created,
        "history": f"{created} simulated: {planned.get('command', 'without a plan')}",
        "host": platform.node(),
        **granted,
        "versions": json.dumps(versions()),
    }


def source(planned: Mapping[str, object]) -> str:
    """Write the code's version: `PSST 0.1.0, git commit 75949bd…, with changes`, or with `commit unknown`."""
    known = [f"git commit {planned['git_commit']}"] if "git_commit" in planned else []
    commit = ["commit unknown"] if _is_unknown(planned) else known
    changes = ["with changes"] if planned.get("git_dirty") else []
    return ", ".join([f"PSST {versions()['psst-core']}", *commit, *changes])


def versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("psst-core", "tensorflow", "numpy")} | {
        "python": platform.python_version()
    }


def derived(attributes: Mapping[str, Any], title: str, what: str) -> dict[str, Any]:
    """Return the global attributes of a file that is made from one with `attributes`."""
    kept = {name: attributes[name] for name in LINEAGE if name in attributes}
    before = [attributes["history"]] if "history" in attributes else []
    return {**CONVENTIONS, "title": title, **kept, "history": "\n".join([*before, f"{now()} {what}"])}


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
