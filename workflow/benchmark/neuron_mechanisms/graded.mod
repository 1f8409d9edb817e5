: The current through one synapse whose open fraction lies in the presynaptic cell; g in mS/cm2 on 100 um2

NEURON {
    POINT_PROCESS Graded
    NONSPECIFIC_CURRENT i
    RANGE g, e
    POINTER o
}

UNITSOFF

PARAMETER { g = 0 e = 0 }
ASSIGNED { v i o }

BREAKPOINT { i = 1e-3 * g * o * (v - e) }
