# `--config experiment=references`: PSST beside SciPy, and with overrides='peers=true' beside Brian2, to a table and
# figures.

import pandas as pd
from psst_core import PsstError
from psst_core.digest import code_digest
from psst_core.store.folder import RESULTS, Folder
from psst_core.sweep.identity import deciding_modules


include: "peers.smk"


sys.path.insert(0, str(Path(workflow.basedir, "references")))
import cases

REFERENCES = Folder(RESULTS).references
PROGRAMS = Path(workflow.basedir, "references")
EQUATIONS = [
    Path(workflow.basedir, "benchmark", f"{name}.py")
    for name in ("equations", "problem", "brian2_common", "brian2_locust")
]
try:
    CASES = cases.Settings.read(str(config.get("overrides") or ""))
except PsstError as error:
    refuse(error)
for key in config.keys() - {"experiment", "overrides"}:
    refuse(f"--config {key}: experiment=references knows only overrides")


TARGETS = [
    REFERENCES.differences,
    *expand(
        REFERENCES.figure("{case}", "{ending}"),
        case=CASES,
        ending=["png", "svg"],
    ),
]


wildcard_constraints:
    case="[a-z0-9_]+",


localrules:
    table,


onsuccess:
    print(
        pd.read_csv(TARGETS[0]).to_string(
            index=False, float_format="{:.3g}".format
        ),
        file=sys.stderr,
    )


rule compare:
    input:
        PROGRAMS / "cases.py",
        PROGRAMS / "compare.py",
        PROGRAMS / "dop853.py",
        PROGRAMS / "brian2_networks.py",
        EQUATIONS,
        lambda wildcards: (
            [BENCHMARK.peers_ready] if wildcards.case in cases.PEERS else []
        ),
    output:
        REFERENCES.data("{case}"),
    log:
        REFERENCES.log("{case}"),
    params:
        python=sys.executable,
        code=lambda wildcards: code_digest(
            deciding_modules(cases.ALL[wildcards.case].config())
        ),
        program=PROGRAMS / "compare.py",
        peers=lambda wildcards: (
            BENCHMARK.peers_python if wildcards.case in cases.PEERS else ""
        ),
    shell:
        "{params.python} {params.program} {wildcards.case} {output} {log} {params.peers}"


rule table:
    input:
        expand(REFERENCES.data("{case}"), case=CASES),
        program=PROGRAMS / "differences.py",
    output:
        TARGETS,
    log:
        REFERENCES.log("table"),
    params:
        python=sys.executable,
        cases=lambda wildcards, input: input[:-1],
    shell:
        "{params.python} {input.program} {output[0]} {params.cases} > {log} 2>&1"
