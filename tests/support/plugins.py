"""Plugins: the worked example of CONTRIBUTING.md, one of every kind, and a process that knows none of them yet."""

import importlib
import re
import shlex
import sys

from psst_core import digest, plugins, registry
from psst_core.sweep.expand import expand
from support.paths import ROOT

GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`((?:plugins|conf)/[\w/]+\.\w+)`[^\n]*\n\n```\w+\n(.*?)```", GUIDE, re.DOTALL))
COMMAND = shlex.split(re.search(r"```bash\n.*?/psst (.*?)```", GUIDE, re.DOTALL)[1].replace("\\\n", " "))
SLOW = "network.populations.hh.mechanisms.slow"
ADAPTING = f"network=adapting {SLOW}.conductance=0,0.1,0.2"
KINDS = {
    "system": ("psst_core.model.systems.exponential", "Exponential"),
    "stimulus": ("psst_core.model.stimuli.constant", "Constant"),
    "solver": ("psst_core.integrate.solvers.classical", "RK4"),
    "synapse": ("psst_core.model.synapses.exponential", "Exponential"),
    "connectivity": ("psst_core.model.connectivity", "AllToAll"),
    "distribution": ("psst_core.model.distributions", "Uniform"),
}
OWN = """
from dataclasses import dataclass
from {module} import {cls}
from psst_core.registry import register

@register("{kind}", "my_{kind}")
@dataclass
class Mine({cls}):
    pass
"""
NETWORK = """
size: 2
populations:
  a: {mechanisms: {leak: {type: leak}}, capacitance: {distribution: my_distribution, low: 1.0, high: 2.0}}
  b: {equations: {type: my_system}}
synapses: {s: {type: my_synapse}}
projections: {aa: {pre: a, post: a, synapse: s, conductance: 0.1, connectivity: {type: my_connectivity}}}
"""
EXPERIMENT = """# @package _global_
defaults: [override /network: mine, override /stimulus: mine, override /solver: mine]
run: {duration: 1.0}
recorder: {window: [0.0, 1.0]}
"""


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def forget():
    """Make this process know as little of plugins as a new one."""
    plugins.load.cache_clear()
    digest._read.cache_clear()
    importlib.invalidate_caches()
    for module in [name for name in sys.modules if name.startswith("psst_core.plugins.") or name.startswith("mylab")]:
        del sys.modules[module]
    for known in registry._CLASSES.values():
        for name, cls in list(known.items()):
            if cls.__module__.startswith(("psst_core.plugins.", "mylab")):
                del known[name]


def ids(experiment="f_i_curve", overrides=ADAPTING):
    """The ids of all runs, as a new process would find them."""
    forget()
    return [run.id for run in expand(experiment, overrides.split()).runs]
