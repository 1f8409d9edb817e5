"""Where numbers come from: the checkout that planned them, the job that made them, and what was done since."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[1]
CODE = ("psst_core", "conf", "workflow", ":(exclude)workflow/profiles")
# By attribute, the variables in which Slurm says what it granted.
GRANTED = {"job_id": "SLURM_JOB_ID", "partition": "SLURM_JOB_PARTITION", "gpus": "CUDA_VISIBLE_DEVICES"}
CONVENTIONS = {"Conventions": "CF-1.11", "references": "https://doi.org/10.51628/001c.37893"}
LINEAGE = ("chunk", "institution", "source", "git_commit", "git_dirty")


def checkout() -> dict[str, Any]:
    """`git_commit` of the checkout that this code is in, and `git_dirty`, 1 where code or configuration differ from it.

    Empty where PSST is installed otherwise, or git does not answer.
    """
    if not (TOP / ".git").exists():
        return {}
    ask = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--", *CODE]
    try:
        lines = subprocess.run(ask, cwd=TOP, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return {}
    commit = next(line.split()[2] for line in lines if line.startswith("# branch.oid"))
    return {"git_commit": commit, "git_dirty": int(any(not line.startswith("#") for line in lines))}


def job(planned: Mapping[str, Any]) -> dict[str, Any]:
    """The global attributes that tell the origin of a file which this job begins.

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


def source(planned: Mapping[str, Any]) -> str:
    """`PSST 0.1.0, git commit 75949bd…, with changes`, as far as it is known."""
    commit = [f"git commit {planned['git_commit']}"] if "git_commit" in planned else []
    changes = ["with changes"] if planned.get("git_dirty") else []
    return ", ".join([f"PSST {versions()['psst-core']}", *commit, *changes])


def versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("psst-core", "tensorflow", "numpy")} | {
        "python": platform.python_version()
    }


def derived(attributes: Mapping[str, Any], title: str, what: str) -> dict[str, Any]:
    """The global attributes of a file that is made from one with `attributes`."""
    kept = {name: attributes[name] for name in LINEAGE if name in attributes}
    before = [attributes["history"]] if "history" in attributes else []
    return {**CONVENTIONS, "title": title, **kept, "history": "\n".join([*before, f"{now()} {what}"])}


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
