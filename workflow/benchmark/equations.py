"""The equations of the antennal lobe and the Hodgkin–Huxley neuron for NumPy, JAX or TensorFlow (`xp`), arrays [cell].

Every variable obeys x' = source − decay·x. The functions return pairs (source, decay), which both solvers need.
"""

PHI, PHI_A, PHI_K = 3 ** ((22 - 36) / 10), 3 ** ((36 - 23.5) / 10), 2.3 ** ((26 - 23) / 10)


def linoid(xp, y, k):
    """Return y / (exp(y/k) − 1), with its limit at y = 0."""
    near = xp.abs(y) < 1e-4 * k
    safe = xp.where(near, k, y)
    return xp.where(near, k - 0.5 * y, safe / (xp.exp(safe / k) - 1))


def two_state(opening, closing):
    return opening, opening + closing


def towards(target, rate):
    return target * rate, rate


def potassium(xp, v):
    u = v + 50
    return two_state(PHI * 0.02 * linoid(xp, 15 - u, 5.0), PHI * 0.5 * xp.exp((10 - u) / 40))


def sodium(xp, v):
    u = v + 50
    m = two_state(PHI * 0.32 * linoid(xp, 13 - u, 4.0), PHI * 0.28 * linoid(xp, u - 40, 5.0))
    return m, two_state(PHI * 0.128 * xp.exp((17 - u) / 18), PHI * 4 / (xp.exp((40 - u) / 5) + 1))


def hodgkin_huxley(xp, x, current):
    g_na, g_k = 100 * x["m"] ** 3 * x["h"], 10 * (x["n"] ** 2) ** 2
    m, h = sodium(xp, x["v"])
    return {
        "v": (current - 0.15 * 55 + g_na * 50 - g_k * 95, 0.15 + g_na + g_k),
        "n": potassium(xp, x["v"]),
        "m": m,
        "h": h,
    }


def projection_neurons(xp, x, current, gaba, pulse):
    """Return pairs (source, decay).

    `gaba` is the summed conductance, `pulse` says whether acetylcholine is released.
    """
    v, g_na, g_k, g_a = (
        x["v"],
        100 * x["m"] ** 3 * x["h"],
        10 * (x["n"] ** 2) ** 2,
        10 * (x["m_a"] ** 2) ** 2 * x["h_a"],
    )
    m, h = sodium(xp, v)
    rate_m = PHI_A * (xp.exp((v + 35.82) / 19.69) + xp.exp(-(v + 79.69) / 12.7) + 0.37)
    rate_h = PHI_A * xp.where(v < -63, xp.exp((v + 46.05) / 5) + xp.exp(-(v + 238.4) / 37.45), 1 / 19)
    source = current - 0.15 * 55 - 0.05 * 95 + g_na * 50 - (g_k + g_a) * 95 - gaba * 70
    return {
        "v": (source, 0.15 + 0.05 + g_na + g_k + g_a + gaba),
        "n": potassium(xp, v),
        "m": m,
        "h": h,
        "m_a": towards(1 / (1 + xp.exp(-(v + 60) / 8.5)), rate_m),
        "h_a": towards(1 / (1 + xp.exp((v + 78) / 6)), rate_h),
        "o": two_state(10 * 0.5 * pulse, 0.2),
    }


def local_interneurons(xp, x, current, ach, gaba):
    """Return pairs (source, decay); `ach` and `gaba` are the summed conductances."""
    v, g_k, g_ca, g_kca = x["v"], 10 * (x["n"] ** 2) ** 2, 3 * x["m_ca"] ** 2 * x["h_ca"], 0.3 * PHI_K * x["m_k"]
    tau_h = 0.3 * xp.exp((v - 40) / 13) + 0.002 * xp.exp((60 - v) / 29)
    source = current - 0.15 * 50 - 0.02 * 95 - g_k * 95 + g_ca * 140 - g_kca * 90 - gaba * 70
    return {
        "v": (source, 0.15 + 0.02 + g_k + g_ca + g_kca + ach + gaba),
        "n": potassium(xp, v),
        "m_ca": towards(1 / (1 + xp.exp(-(v + 20) / 6.5)), 1 / 1.5),
        "h_ca": towards(1 / (1 + xp.exp((v + 25) / 12)), 1 / tau_h),
        "m_k": two_state(PHI_K * 0.01 * x["ca"], PHI_K * 0.02),
        "ca": (2.4e-4 / 150 - 2e-4 * g_ca * (v - 140), 1 / 150),
        "o": two_state(10 / (1 + xp.exp(-(v + 20) / 1.5)), 0.16),
    }


def odour(xp, problem, step, dt):
    """Return the odour's current at a moment given in steps."""
    a = {name.removeprefix("odour."): value for name, value in problem.items() if name.startswith("odour.")}
    rising = 1 - xp.exp((a["onset"] - step * dt) / a["rise"])
    falling = a["decay_from"] * xp.exp((a["offset"] - step * dt) / a["fall"])
    late = xp.where(step >= a["offset"] / dt - 0.1, falling, rising)
    return a["amplitude"] * xp.where(step >= a["onset"] / dt - 0.1, late, 0.0)
