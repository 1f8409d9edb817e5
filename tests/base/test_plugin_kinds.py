"""Plugins of every kind that PSST has, and transmitters of one's own."""

import pytest

from psst_core import make_plan, registry
from psst_core.errors import PsstError
from psst_core.model.network import Network
from psst_core.sweep.expand import expand
from psst_core.sweep.identity import deciding_modules
from support.plugins import EXPERIMENT, KINDS, NETWORK, OWN, forget, write
from support.sweeps import run_sweep


def test_every_kind_may_be_ones_own_and_counts(project):
    for kind, (module, cls) in KINDS.items():
        write(project, {f"plugins/my_{kind}.py": OWN.format(kind=kind, module=module, cls=cls)})
    write(
        project,
        {
            "conf/network/mine.yaml": NETWORK,
            "conf/stimulus/mine.yaml": "type: my_stimulus\npopulations: [a]\n",
            "conf/solver/mine.yaml": "name: my_solver\n",
            "conf/experiment/mine.yaml": EXPERIMENT,
        },
    )
    others = {"mechanism", "backend", "measure", "figure"}  # tested in files of their own
    assert {*KINDS} | others == set(registry.KINDS)
    plan = make_plan("mine")
    assert {f"psst_core.plugins.my_{kind}" for kind in KINDS} <= set(deciding_modules(plan.config))
    results = run_sweep(project / "results", "mine")
    assert int(results.cube["status"].values.item()) == 0


DOPAMINE = """
from dataclasses import dataclass

from psst_core.registry import register
from psst_core.model.synapses.exponential import Exponential


@register("synapse", "dopaminergic")
@dataclass
class Dopaminergic(Exponential):
    transmitter = "dopamine"
"""
REWARDED = """
defaults: [coba_hh]
synapses: {excitation: {type: dopaminergic}}
"""


def test_a_transmitter_of_ones_own_has_a_factor(project):
    """It is 1 by default, may stand in the network's file, and scales its synapses alone."""
    write(project, {"plugins/reward.py": DOPAMINE, "conf/network/rewarded.yaml": REWARDED})
    forget()
    own = "network=rewarded network.size=10 "
    (plain,) = expand("coba_hh", own.split()).runs
    assert plain.config["network"]["dopamine"] == 1.0
    swept = expand("coba_hh", f"{own} network.dopamine=0.5,1".split()).runs
    assert [run.value("network.dopamine") for run in swept] == [0.5, 1.0] and swept[1].id == plain.id
    half, _ = (Network.from_config(run.config.network).projections for run in swept)
    assert half["exc_exc"].conductance == pytest.approx(0.015) and half["inh_exc"].conductance == 0.335
    for overrides, message in [
        ("network.dopamine=-1", r"network\.dopamine=-1: must be at least 0"),
        ("network.gaba=0.5", r"transmitter gaba; excitation has dopamine; inhibition has none"),
    ]:
        with pytest.raises(PsstError, match=message):
            expand("coba_hh", (own + overrides).split())
    with pytest.raises(PsstError, match=r"network\.dopamine=0\.5: no synapse of this network has the transmitter"):
        expand("chain_of_three", ["network.dopamine=0.5"])
    write(project, {"conf/network/rewarded.yaml": REWARDED + "dopamine: 0.25\n"})
    assert expand("coba_hh", own.split()).config["network"]["dopamine"] == 0.25


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('transmitter = "coupling"', r"network\.coupling means something else; give the transmitter another name"),
        ('transmitter = "5-HT"', r"must be letters, digits and underscores"),
        ('transmitter: str = "dopamine"', r"its transmitter is a parameter.*ClassVar"),
    ],
)
def test_a_transmitter_that_cannot_be_a_key_is_refused(project, line, message):
    write(project, {"plugins/reward.py": DOPAMINE.replace('transmitter = "dopamine"', line)})
    forget()
    with pytest.raises(PsstError, match=message):
        expand("lorenz")
