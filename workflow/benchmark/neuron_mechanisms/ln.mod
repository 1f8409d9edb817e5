: Channels and calcium of a local interneuron, its release of GABA, and the odour

NEURON {
    SUFFIX ln
    NONSPECIFIC_CURRENT i
    RANGE weight, o
    GLOBAL phi, phi_k, amplitude, onset, offset, rise, fall, decay_from
}

UNITSOFF

PARAMETER { weight = 0 phi = 0 phi_k = 0 amplitude = 0 onset = 0 offset = 0 rise = 1 fall = 1 decay_from = 0 }
ASSIGNED { v i i_ca an bn m_inf h_inf h_tau released }
STATE { n m_ca h_ca m_k ca o }

BREAKPOINT {
    SOLVE states METHOD cnexp
    i = 1e-3 * (0.15 * (v + 50) + 0.02 * (v + 95) + 10 * n^4 * (v + 95) + 3 * m_ca^2 * h_ca * (v - 140)
        + 0.3 * phi_k * m_k * (v + 90)) - weight * odour(t)
}

INITIAL {}

DERIVATIVE states {
    potassium(v)
    rates(v)
    n' = an * (1 - n) - bn * n
    m_ca' = (m_inf - m_ca) / 1.5
    h_ca' = (h_inf - h_ca) / h_tau
    m_k' = phi_k * (0.01 * ca * (1 - m_k) - 0.02 * m_k)
    ca' = -2e-4 * i_ca - (ca - 2.4e-4) / 150
    o' = 10 * released * (1 - o) - 0.16 * o
}

PROCEDURE rates(v) {
    m_inf = 1 / (1 + exp(-(v + 20) / 6.5))
    h_inf = 1 / (1 + exp((v + 25) / 12))
    h_tau = 0.3 * exp((v - 40) / 13) + 0.002 * exp((60 - v) / 29)
    i_ca = 3 * m_ca^2 * h_ca * (v - 140)
    released = 1 / (1 + exp(-(v + 20) / 1.5))
}

INCLUDE "rates.inc"
