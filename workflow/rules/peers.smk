# The environment of other tools: Brian2, JAX, NEURON, Jaxley.

import sys
from pathlib import Path

PEERS = Path("results/benchmark/peers")


rule peers:
    input:
        Path(workflow.basedir, "benchmark", "requirements.lock"),
    output:
        PEERS / "ready",
    log:
        "results/benchmark/logs/peers.log",
    params:
        python=sys.executable,
        folder=PEERS,
    shell:
        "({params.python} -m venv --clear {params.folder} && {params.folder}/bin/python -m pip install --quiet"
        " --disable-pip-version-check -r {input} && touch {output}) > {log} 2>&1"
