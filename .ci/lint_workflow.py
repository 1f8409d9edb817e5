"""The check `snakemake --lint` with one finding allowed: the rules share one environment, .venv, and name no other."""

import re
import subprocess
import sys
from pathlib import Path

ALLOWED = "Specify a conda environment or container for each rule."

lint = subprocess.run(
    [Path(sys.executable).with_name("snakemake"), "--lint"], capture_output=True, text=True, check=False
)
report = lint.stdout + lint.stderr
if "Lints for" not in report and "Congratulations" not in report:
    sys.exit(f"snakemake --lint failed:\n{report}")
findings = []
for line in report.splitlines():
    if line.startswith("Lints for"):
        where = line
    elif (found := re.match(r"    \* (.*?):?$", line)) and found[1] != ALLOWED:
        findings.append(f"{where} {found[1]}")
print("\n".join(findings) or "snakemake --lint: nothing found")
sys.exit(bool(findings))
