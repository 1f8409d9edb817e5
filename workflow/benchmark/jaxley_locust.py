"""The antennal lobe in Jaxley: its implicit Euler step for v, exponential Euler for the rest, runs by vmap.

A Jaxley synapse sees the two voltages only. So each one has its own open fraction and, for acetylcholine, its pulse.
"""

import jax
import jax.numpy as jnp
import jaxley as jx
import numpy as np
from equations import local_interneurons, odour, projection_neurons
from jax_common import prepare
from jaxley.channels import Channel
from jaxley.connect import connectivity_matrix_connect
from jaxley.integrate import build_init_and_step_fn
from jaxley.synapses import Synapse
from worker import Worker

DT, PULSE = 0.01, 0.3
RADIUS = (100 / np.pi) ** 0.5 / 2  # µm; a cell as long as wide has 100 µm², on which 1 nA is 1 mA/cm²


def relaxed(x, source, decay, dt):
    return x * jnp.exp(-dt * decay) + source / decay * (1 - jnp.exp(-dt * decay))


class Membrane(Channel):
    """All channels of a cell: `equations` gives (source, decay) of v and of the states."""

    states = ()

    def __init__(self):
        self.current_is_in_mA_per_cm2 = True
        super().__init__(type(self).__name__)
        self.channel_params = {}
        self.channel_states = {f"{self.name}_{state}": 0.0 for state in self.states}
        self.current_name = f"i_{self.name}"

    def relaxations(self, states, v):
        return self.equations({name: states[f"{self.name}_{name}"] for name in self.states} | {"v": v})

    def update_states(self, states, dt, v, params):
        pairs = self.relaxations(states, v)
        return {f"{self.name}_{name}": relaxed(states[f"{self.name}_{name}"], *pairs[name], dt) for name in self.states}

    def compute_current(self, states, v, params):
        source, conductance = self.relaxations(states, v)["v"]
        return 1e-3 * (conductance * v - source)

    def init_state(self, states, v, params, delta_t):
        return {}


class Pn(Membrane):
    states = ("n", "m", "h", "m_a", "h_a")

    def equations(self, x):
        return projection_neurons(jnp, x, 0.0, 0.0, 0.0)


class Ln(Membrane):
    states = ("n", "m_ca", "h_ca", "m_k", "ca")

    def equations(self, x):
        return local_interneurons(jnp, x, 0.0, 0.0, 0.0)


class Ach(Synapse):
    def __init__(self):
        super().__init__()
        self.synapse_params = {"Ach_g": 0.0}
        self.synapse_states = {"Ach_o": 0.0, "Ach_pulse": 0.0, "Ach_before": -70.0}

    def update_states(self, states, delta_t, pre_voltage, post_voltage, params):
        crossed = (states["Ach_before"] < 0) & (pre_voltage >= 0)
        pulse = jnp.where(crossed, round(PULSE / DT), jnp.maximum(states["Ach_pulse"] - 1, 0))
        opening = 5.0 * (pulse > 0)
        opened = relaxed(states["Ach_o"], opening, opening + 0.2, delta_t)
        return {"Ach_o": opened, "Ach_pulse": pulse, "Ach_before": pre_voltage}

    def compute_current(self, states, pre_voltage, post_voltage, params):
        return 1e-3 * params["Ach_g"] * states["Ach_o"] * post_voltage


class Gaba(Synapse):
    def __init__(self):
        super().__init__()
        self.synapse_params = {"Gaba_g": 0.0}
        self.synapse_states = {"Gaba_o": 0.0}

    def update_states(self, states, delta_t, pre_voltage, post_voltage, params):
        opening = 10 / (1 + jnp.exp(-(pre_voltage + 20) / 1.5))
        return {"Gaba_o": relaxed(states["Gaba_o"], opening, opening + 0.16, delta_t)}

    def compute_current(self, states, pre_voltage, post_voltage, params):
        return 1e-3 * params["Gaba_g"] * states["Gaba_o"] * (post_voltage + 70)


def build(problem: dict) -> jx.Network:
    pn, ln = len(problem["pn.v"]), len(problem["ln.v"])
    net = jx.Network([jx.Cell([jx.Branch(ncomp=1)], parents=[-1]) for _ in range(pn + ln)])
    net.set("radius", RADIUS)
    net.set("length", 2 * RADIUS)
    net.set("capacitance", 1.0)
    places = {"pn": list(range(pn)), "ln": list(range(pn, pn + ln))}
    net.cell(places["pn"]).insert(Pn())
    net.cell(places["ln"]).insert(Ln())
    for name, synapse in (("pn_ln", Ach()), ("ln_pn", Gaba()), ("ln_ln", Gaba())):
        pre, post = name.split("_")
        connectivity_matrix_connect(net.cell(places[pre]), net.cell(places[post]), synapse, problem[name].T == 1)
    net.set("Ach_g", float(problem["pn_ln.conductance"]))
    net.set("Gaba_g", float(problem["ln_pn.conductance"]))
    net.cell("all").branch(0).loc(0.5).record("v", verbose=False)
    return net


def main() -> None:
    worker = Worker(__doc__, methods=("implicit_euler",))
    problem = worker.problem
    prepare(worker.options.precision)
    net = build(problem)
    net.to_jax()
    dtype, pn = worker.dtype, len(problem["pn.v"])
    waveform = jnp.asarray(1e-3 * odour(np, problem, np.arange(int(problem["steps"])), DT), dtype)
    weight = jnp.asarray(np.concatenate([problem["pn.weight"], problem["ln.weight"]]).T, dtype)
    threshold = np.where(np.arange(len(problem["pn.v"]) + len(problem["ln.v"])) < pn, 0.0, -20.0)[:, None]
    states, _ = build_init_and_step_fn(net)[0]([])

    def start(run: int) -> dict:
        values = dict(states)
        values["v"] = jnp.asarray(np.concatenate([problem["pn.v"], problem["ln.v"]])[:, run], dtype)
        for kind, prefix, cells in ((Pn, "pn", slice(0, pn)), (Ln, "ln", slice(pn, None))):
            for name in kind.states:
                key = f"{kind.__name__}_{name}"
                values[key] = values[key].at[cells].set(problem[f"{prefix}.{name}"][:, run])
        return values

    starts = [start(run) for run in range(int(problem["runs"]))]
    starts = jax.tree.map(lambda *values: jnp.stack(values), *starts)

    @jax.jit
    @jax.vmap
    def integrate(states, weight):
        stimuli = net.cell("all").data_stimulate(weight[:, None] * waveform)
        v = jx.integrate(net, data_stimuli=stimuli, all_states=states, delta_t=DT)
        return jnp.sum((v[:, :-1] < threshold) & (v[:, 1:] >= threshold))

    def run() -> dict:
        return {"spikes": np.asarray(integrate(starts, weight)), "method": "implicit Euler, exponential Euler"}

    run()
    worker.serve(f"Jaxley {jx.__version__}", run)


if __name__ == "__main__":
    main()
