: Acetylcholine receptors that a projection neuron's spikes open: a pulse of transmitter at each event

NEURON {
    POINT_PROCESS AchRelease
    RANGE o, duration
}

UNITSOFF

PARAMETER { duration = 0.3 }
ASSIGNED { transmitter }
STATE { o }

BREAKPOINT { SOLVE states METHOD cnexp }

INITIAL { transmitter = 0 }

DERIVATIVE states { o' = 10 * transmitter * (1 - o) - 0.2 * o }

NET_RECEIVE(weight) {
    if (flag == 0) {
        transmitter = 0.5
        net_send(duration, 1)
    } else {
        transmitter = 0
    }
}
