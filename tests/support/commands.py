"""Snakemake and psst, as a person types them."""

import subprocess
import sys
from pathlib import Path

from support.paths import ROOT

SNAKEMAKE = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(ROOT / "workflow" / "Snakefile")]


def snakemake(folder, *arguments):
    command = [*SNAKEMAKE, "--directory", folder, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def psst(folder, *arguments):
    command = [Path(sys.executable).with_name("psst"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
