# The environment of other tools: Brian2, JAX, NEURON, Jaxley.

import sys
from pathlib import Path

from psst_core.store.folder import RESULTS, Folder

BENCHMARK = Folder(RESULTS).benchmark


rule peers:
    input:
        Path(workflow.basedir, "benchmark", "requirements.lock"),
    output:
        BENCHMARK.peers_ready,
    log:
        BENCHMARK.log("peers"),
    params:
        python=sys.executable,
        folder=BENCHMARK.peers,
    shell:
        "({params.python} -m venv --clear {params.folder} && {params.folder}/bin/python -m pip install --quiet"
        " --disable-pip-version-check -r {input} && touch {output}) > {log} 2>&1"
