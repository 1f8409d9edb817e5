"""A network in the tutorial's way (Mohanta & Assisi 2019), for TensorFlow or NumPy.

It is a function of one state vector with a state for every synapse. Masks over the full matrices connect cells and
synapses, and a table holds the stimulus. `ops` holds the functions that have different names in the two libraries.
"""

from types import SimpleNamespace

import numpy as np
from equations import PHI, PHI_A, PHI_K, odour

NAMES = ("v", "n", "m", "h", "ma", "ha", "mc", "hc", "mk", "ca", "oa", "og", "fired")
PULSE = 0.3


def spread(mask, values, shape):
    matrix = np.zeros(shape)
    matrix[mask] = values
    return matrix


NUMPY = SimpleNamespace(
    exp=np.exp,
    sin=np.sin,
    where=np.where,
    row=lambda table, i: table[int(i)],
    split=lambda x, sizes: np.split(x, np.cumsum(sizes)[:-1]),
    join=np.concatenate,
    spread=spread,
    masked=lambda matrix, mask: matrix[mask],
    sum=lambda matrix: matrix.sum(axis=1),
    number=lambda condition: condition.astype(float),
    round=np.rint,
)


def rates(exp, u, up):
    """Return the delayed rectifier's rates at u = v + 50 and sodium's at `up`, unguarded at 0/0 as in the tutorial."""
    an, bn = 0.02 * (15 - u) / (exp((15 - u) / 5) - 1), 0.5 * exp((10 - u) / 40)
    am, bm = 0.32 * (13 - up) / (exp((13 - up) / 4) - 1), 0.28 * (up - 40) / (exp((up - 40) / 5) - 1)
    ah, bh = 0.128 * exp((17 - up) / 18), 4 / (exp((40 - up) / 5) + 1)
    return an, bn, am, bm, ah, bh


def locust(ops, problem):  # noqa: PLR0915  (all equations of a step in one place, as in the tutorial)
    """Return `step(x, i)`, the start vector and the thresholds of spikes, for the first run of the problem."""
    dt, exp = float(problem["dt"]), ops.exp
    pn, ln = len(problem["pn.v"]), len(problem["ln.v"])
    cells = pn + ln
    ach, gaba = np.zeros((cells, cells)), np.zeros((cells, cells))
    ach[pn:, :pn], gaba[:pn, pn:], gaba[pn:, pn:] = problem["pn_ln"], problem["ln_pn"], problem["ln_ln"]
    links = {"ach": ach == 1, "gaba": gaba == 1}
    g_ach, g_gaba = problem["pn_ln.conductance"], problem["ln_pn.conductance"]
    counts = {name: int(linked.sum()) for name, linked in links.items()}
    sizes = [cells, cells, pn, pn, pn, pn, ln, ln, ln, ln, counts["ach"], counts["gaba"], cells]
    weight = np.concatenate([problem["pn.weight"], problem["ln.weight"]])[:, 0]
    half_steps = 0.5 * np.arange(2 * int(problem["steps"]) + 1)
    stimulus = odour(np, problem, half_steps, dt)[:, None] * weight

    def current(kind, opened, conductance, driving):
        """Return Σ of open fractions × conductance × driving force onto each cell, over a full matrix."""
        return ops.sum(ops.spread(links[kind], opened, (cells, cells)) * conductance * driving[:, None])

    def field(x, i, pulse):
        s = dict(zip(NAMES, ops.split(x, sizes), strict=True))
        v, vp, vl = s["v"], s["v"][:pn], s["v"][pn:]
        an, bn, am, bm, ah, bh = rates(exp, v + 50, vp + 50)
        dn = PHI * (an * (1 - s["n"]) - bn * s["n"])
        dm, dh = PHI * (am * (1 - s["m"]) - bm * s["m"]), PHI * (ah * (1 - s["h"]) - bh * s["h"])
        tau_a = 1 / ((exp((vp + 35.82) / 19.69) + exp(-(vp + 79.69) / 12.7) + 0.37) * PHI_A)
        fast = 1 / ((exp((vp + 46.05) / 5) + exp(-(vp + 238.4) / 37.45)) * PHI_A)
        tau_i = ops.where(vp < -63, fast, 19 / PHI_A + 0 * vp)
        dma = (1 / (1 + exp(-(vp + 60) / 8.5)) - s["ma"]) / tau_a
        dha = (1 / (1 + exp((vp + 78) / 6)) - s["ha"]) / tau_i
        tau_c = 0.3 * exp((vl - 40) / 13) + 0.002 * exp((60 - vl) / 29)
        dmc = (1 / (1 + exp(-(vl + 20) / 6.5)) - s["mc"]) / 1.5
        dhc = (1 / (1 + exp((vl + 25) / 12)) - s["hc"]) / tau_c
        a = 0.01 * s["ca"]
        dmk = (a / (a + 0.02) - s["mk"]) * (a + 0.02) * PHI_K
        i_ca = 3 * s["mc"] ** 2 * s["hc"] * (vl - 140)
        dca = -2e-4 * i_ca - (s["ca"] - 2.4e-4) / 150
        released = ops.masked(ach * pulse, links["ach"]), ops.masked(gaba / (1 + exp(-(v + 20) / 1.5)), links["gaba"])
        doa = 10 * released[0] * (1 - s["oa"]) - 0.2 * s["oa"]
        dog = 10 * released[1] * (1 - s["og"]) - 0.16 * s["og"]
        i_syn = current("ach", s["oa"], g_ach, v) + current("gaba", s["og"], g_gaba, v + 70)
        i_pn = 0.15 * (vp + 55) + 0.05 * (vp + 95) + 100 * s["m"] ** 3 * s["h"] * (vp - 50)
        i_pn = i_pn + 10 * s["ma"] ** 4 * s["ha"] * (vp + 95)
        i_ln = 0.15 * (vl + 50) + 0.02 * (vl + 95) + i_ca + 0.3 * PHI_K * s["mk"] * (vl + 90)
        injected = ops.row(stimulus, ops.round(2 * i))
        dv = injected - ops.join([i_pn, i_ln]) - 10 * s["n"] ** 4 * (v + 95) - i_syn
        return ops.join([dv, dn, dm, dh, dma, dha, dmc, dhc, dmk, dca, doa, dog, 0 * v])

    def step(x, i):
        """Make one step of RK4 from step `i`; the last states are the steps in which the cells fired."""
        since = i - x[-cells:]
        pulse = 0.5 * ops.number((since > 0.5) & (since < PULSE / dt + 0.5))
        k1 = field(x, i, pulse)
        k2 = field(x + dt / 2 * k1, i + 0.5, pulse)
        k3 = field(x + dt / 2 * k2, i + 0.5, pulse)
        k4 = field(x + dt * k3, i + 1, pulse)
        after = x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        crossed = (x[:cells] < 0) & (after[:cells] >= 0)
        return ops.join([after[:-cells], ops.where(crossed, 0 * x[-cells:] + i, x[-cells:])])

    given = {name: problem[name][:, 0] for name in problem if name.startswith(("pn.", "ln."))}
    parts = [given[f"{p}.{name}"] for p, name in (("pn", "v"), ("ln", "v"), ("pn", "n"), ("ln", "n"))]
    parts += [given[f"pn.{name}"] for name in ("m", "h", "m_a", "h_a")]
    parts += [given[f"ln.{name}"] for name in ("m_ca", "h_ca", "m_k", "ca")]
    opened = given["pn.o"][np.nonzero(links["ach"])[1]], given["ln.o"][np.nonzero(links["gaba"])[1] - pn]
    start = np.concatenate([*parts, *opened, np.full(cells, -1e6)])
    return step, start, np.where(np.arange(cells) < pn, 0.0, -20.0)


def hodgkin_huxley(ops, problem):
    """Return `step(x, i)`, the start vector and the thresholds of spikes, for all cells in one vector."""
    dt, current, n = float(problem["dt"]), problem["current"], len(problem["current"])

    def field(x):
        v, n_, m, h = ops.split(x, [n, n, n, n])
        an, bn, am, bm, ah, bh = rates(ops.exp, v + 50, v + 50)
        dv = current - 0.15 * (v + 55) - 100 * m**3 * h * (v - 50) - 10 * n_**4 * (v + 95)
        dn = PHI * (an * (1 - n_) - bn * n_)
        return ops.join([dv, dn, PHI * (am * (1 - m) - bm * m), PHI * (ah * (1 - h) - bh * h)])

    def step(x, i):
        k1 = field(x)
        k2 = field(x + dt / 2 * k1)
        k3 = field(x + dt / 2 * k2)
        k4 = field(x + dt * k3)
        return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return step, np.concatenate([problem[name] for name in ("v", "n", "m", "h")]), np.zeros(n)


def sine(ops, problem):
    """Return `step(x, i)`, the start vector and no thresholds, for all copies of x' = sin(x t) in one vector."""
    dt = float(problem["dt"])

    def step(x, i):
        t = i * dt
        k1 = ops.sin(x * t)
        k2 = ops.sin((x + dt / 2 * k1) * (t + dt / 2))
        k3 = ops.sin((x + dt / 2 * k2) * (t + dt / 2))
        k4 = ops.sin((x + dt * k3) * (t + dt))
        return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return step, problem["x"], np.zeros(0)


def product(ops, problem):
    """Return the step x → a x, the start and no thresholds, for matrices of n × n."""
    return lambda x, i: problem["a"] @ x, problem["x"], np.array([])


MODELS = {"locust": locust, "cells": hodgkin_huxley, "sine": sine, "product": product}
