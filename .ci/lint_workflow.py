"""`snakemake --lint` with one finding allowed: the rules share one environment, .venv, and name no other."""

import json
import subprocess
import sys
from pathlib import Path

ALLOWED = "Specify a conda environment or container for each rule."

snakemake = Path(sys.executable).with_name("snakemake")
lint = subprocess.run([snakemake, "--lint", "json"], capture_output=True, text=True, check=False)
try:
    report = json.loads(lint.stdout)
except json.JSONDecodeError:
    sys.exit(f"snakemake --lint failed:\n{lint.stdout}{lint.stderr}")
parts = [("the workflow", found) for found in report.get("snakefiles", [])]
parts += [(f"rule {rule.get('for', '')}", found) for rule in report.get("rules", []) for found in [rule]]
findings = [
    f"{where}: {finding['title']}"
    for where, part in parts
    for finding in part["lints"]
    if not finding["title"].startswith(ALLOWED.rstrip("."))
]
print("\n".join(findings) or "snakemake --lint: nothing found")
sys.exit(bool(findings))
