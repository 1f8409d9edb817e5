"""The COBA-HH network (Brette et al. 2007, doi:10.1007/s10827-007-0038-6) in Brian2, with random numbers of its own.

Several networks lie side by side in one program, each connected within itself.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import brian2
import numpy as np
from brian2 import NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms

sys.path.append(str(Path(__file__).parent.parent / "benchmark"))
from brian2_coba import EQUATIONS

SIZES = {"exc": 3200, "inh": 800}
JUMP = {"exc": "ge_post += 0.03", "inh": "gi_post += 0.335"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path, help="the .npz to write: time (ms), cell and network of each spike")
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--duration", type=float, default=500.0, help="ms")
    parser.add_argument("--dt", type=float, default=0.05, help="ms")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        brian2.set_device("cpp_standalone", directory=folder)
        brian2.seed(1)
        defaultclock.dt = given.dt * ms
        groups, synapses, monitors = {}, [], {}
        for name, size in SIZES.items():
            groups[name] = NeuronGroup(
                size * given.networks,
                EQUATIONS,
                threshold="v >= -20 and below > 0",
                reset="",
                refractory=3 * ms,
                method="exponential_euler",
                name=name,
            )
            groups[name].v = "-65 + 5*randn()"
            groups[name].ge = "0.2 + 0.075*randn()"
            groups[name].gi = "1 + 0.6*randn()"
            monitors[name] = SpikeMonitor(groups[name], name=f"{name}_spikes")
        for pre, own in SIZES.items():
            for post, other in SIZES.items():
                link = Synapses(groups[pre], groups[post], on_pre=JUMP[pre], name=f"{pre}_{post}")
                block = f"(i // {own})*{other}"
                others = " if k != i" if pre == post else ""
                link.connect(j=f"k for k in sample({block}, {block} + {other}, p=0.02){others}")
                synapses.append(link)
        brian2.Network(*groups.values(), synapses, *monitors.values()).run(given.duration * ms)
        found = {}
        for name, monitor in monitors.items():
            found[f"{name}.time"] = np.asarray(monitor.t / ms)
            found[f"{name}.cell"], number = np.asarray(monitor.i) % SIZES[name], np.asarray(monitor.i) // SIZES[name]
            found[f"{name}.network"] = number
        np.savez(given.target, **found)


if __name__ == "__main__":
    main()
