: Channels of a projection neuron, and the odour

NEURON {
    SUFFIX pn
    NONSPECIFIC_CURRENT i
    RANGE weight
    GLOBAL phi, phi_a, amplitude, onset, offset, rise, fall, decay_from
}

UNITSOFF

PARAMETER { weight = 0 phi = 0 phi_a = 0 amplitude = 0 onset = 0 offset = 0 rise = 1 fall = 1 decay_from = 0 }
ASSIGNED { v i an bn am bm ah bh m_inf m_rate h_inf h_rate }
STATE { n m h m_a h_a }

BREAKPOINT {
    SOLVE states METHOD cnexp
    i = 1e-3 * (0.15 * (v + 55) + 0.05 * (v + 95) + 10 * n^4 * (v + 95) + 100 * m^3 * h * (v - 50)
        + 10 * m_a^4 * h_a * (v + 95)) - weight * odour(t)
}

INITIAL {}

DERIVATIVE states {
    potassium(v)
    rates(v)
    n' = an * (1 - n) - bn * n
    m' = am * (1 - m) - bm * m
    h' = ah * (1 - h) - bh * h
    m_a' = (m_inf - m_a) * m_rate
    h_a' = (h_inf - h_a) * h_rate
}

PROCEDURE rates(v) { LOCAL u
    u = v + 50
    am = phi * 0.32 * linoid(13 - u, 4)
    bm = phi * 0.28 * linoid(u - 40, 5)
    ah = phi * 0.128 * exp((17 - u) / 18)
    bh = phi * 4 / (exp((40 - u) / 5) + 1)
    m_inf = 1 / (1 + exp(-(v + 60) / 8.5))
    m_rate = phi_a * (exp((v + 35.82) / 19.69) + exp(-(v + 79.69) / 12.7) + 0.37)
    h_inf = 1 / (1 + exp((v + 78) / 6))
    if (v < -63) {
        h_rate = phi_a * (exp((v + 46.05) / 5) + exp(-(v + 238.4) / 37.45))
    } else {
        h_rate = phi_a / 19
    }
}

INCLUDE "rates.inc"
