/* The antennal lobe by hand in CUDA: RK4, a block for each run, a thread for each cell, all steps in one kernel.

   Threads 0 to 95 are the projection neurons, 96 to 127 the local interneurons: whole warps of one kind, so that none waits
   for both branches. Threads without a cell integrate a copy of the last one, which counts nowhere and is open nowhere.
   Open fractions pass between cells through shared memory, in two copies by turns: one barrier for each stage is enough.
   Presynaptic cells are bits of masks, 32 a word.

   limit_cuda.py puts `typedef float real;` or double before this text, and defines SINGLE with float. */

#define R(x) ((real)(x))
#define PN 90
#define LN 30
#define PN_THREADS 96
#define THREADS 128
#define VARIABLES 7
#define PHI R(0.2147980049924181)    /* 3^((22 − 36)/10) */
#define PHI_A R(3.9482220388574776)  /* 3^((36 − 23.5)/10) */
#define PHI_K R(1.28386201800527)    /* 2.3^((26 − 23)/10) */

#ifdef SINGLE
__device__ __forceinline__ real e(real x) { return __expf(x); }
__device__ __forceinline__ real inverse(real x) { return __frcp_rn(x); }
#define NEAR 1e-2f
#else
__device__ __forceinline__ real e(real x) { return exp(x); }
__device__ __forceinline__ real inverse(real x) { return 1.0 / x; }
#define NEAR 1e-4
#endif

/* z/(exp(z) − 1), given exp(z) */
__device__ __forceinline__ real linoid(real z, real exp_z)
{
    return fabs(z) < R(NEAR) ? 1 - z * R(0.5) + z * z * R(1. / 12) : z * inverse(exp_z - 1);
}

/* The slopes of v, n, m, h, m_a, h_a and the open fraction of acetylcholine. */
__device__ __forceinline__ void projection_neuron(const real *x, real current, real gaba, bool released, real *slope)
{
    real v = x[0], n = x[1], m = x[2], h = x[3], m_a = x[4], h_a = x[5], open = x[6];
    real n2 = n * n, m_a2 = m_a * m_a, u = v + 50;
    real p = e(u * R(-1. / 40)), p2 = p * p, p4 = p2 * p2, p8 = p4 * p4;
    real z_n = (15 - u) * R(0.2), z_m = (13 - u) * R(0.25), z_b = (u - 40) * R(0.2);
    real fast = p8 * R(2980.9579870417283); /* exp(−z_b) */
    real opens_n = PHI * R(0.1) * linoid(z_n, p8 * R(20.085536923187668)), shuts_n = PHI * R(0.6420127083438707) * p;
    real opens_m = PHI * R(1.28) * linoid(z_m, p8 * p2 * R(25.790339917193062));
    real shuts_m = PHI * R(1.4) * linoid(z_b, inverse(fast));
    real opens_h = PHI * R(0.128) * e((17 - u) * R(1. / 18)), shuts_h = PHI * 4 * inverse(fast + 1);
    real rate_m = e((v + R(35.82)) * R(1. / 19.69)) + R(0.37) + e((v + R(79.69)) * R(-1. / 12.7));
    real rate_h = v < -63 ? e((v + R(46.05)) * R(0.2)) + e((v + R(238.4)) * R(-1. / 37.45)) : R(1. / 19);
    real m_a_target = inverse(1 + e((v + 60) * R(-1. / 8.5))), h_a_target = inverse(1 + e((v + 78) * R(1. / 6)));
    real sodium = 100 * m * m * m * h, potassium = 10 * (n2 * n2 + m_a2 * m_a2 * h_a) + R(0.05);
    real opening = released ? R(5) : R(0);
    slope[0] = current - sodium * (v - 50) - potassium * (v + 95) - R(0.15) * (v + 55) - gaba * (v + 70);
    slope[1] = opens_n - (opens_n + shuts_n) * n;
    slope[2] = opens_m - (opens_m + shuts_m) * m;
    slope[3] = opens_h - (opens_h + shuts_h) * h;
    slope[4] = (m_a_target - m_a) * (PHI_A * rate_m);
    slope[5] = (h_a_target - h_a) * (PHI_A * rate_h);
    slope[6] = opening - (opening + R(0.2)) * open;
}

/* The slopes of v, n, m_ca, h_ca, m_k, calcium and the open fraction of GABA. */
__device__ __forceinline__ void local_interneuron(const real *x, real current, real ach, real gaba, real *slope)
{
    real v = x[0], n = x[1], m_ca = x[2], h_ca = x[3], m_k = x[4], ca = x[5], open = x[6];
    real n2 = n * n, u = v + 50;
    real p = e(u * R(-1. / 40)), p2 = p * p, p4 = p2 * p2, p8 = p4 * p4, z_n = (15 - u) * R(0.2);
    real opens_n = PHI * R(0.1) * linoid(z_n, p8 * R(20.085536923187668)), shuts_n = PHI * R(0.6420127083438707) * p;
    real m_target = inverse(1 + e((v + 20) * R(-1. / 6.5))), h_target = inverse(1 + e((v + 25) * R(1. / 12)));
    real tau_h = R(0.3) * e((v - 40) * R(1. / 13)) + R(0.002) * e((60 - v) * R(1. / 29));
    real opens_k = R(0.01) * ca, calcium = 3 * m_ca * m_ca * h_ca * (v - 140);
    real potassium = 10 * n2 * n2 + R(0.02), opening = 10 * inverse(1 + e((v + 20) * R(-1. / 1.5)));
    slope[0] = current - calcium - R(0.3) * PHI_K * m_k * (v + 90) - potassium * (v + 95) - R(0.15) * (v + 50)
        - ach * v - gaba * (v + 70);
    slope[1] = opens_n - (opens_n + shuts_n) * n;
    slope[2] = (m_target - m_ca) * R(1 / 1.5);
    slope[3] = (h_target - h_ca) * inverse(tau_h);
    slope[4] = PHI_K * (opens_k - (opens_k + R(0.02)) * m_k);
    slope[5] = R(-2e-4) * calcium - (ca - R(2.4e-4)) * R(1. / 150);
    slope[6] = opening - (opening + R(0.16)) * open;
}

/* The sum of the open fractions of those of the first `cells` cells whose bit is set. */
template <int cells> __device__ __forceinline__ real sum_of(unsigned mask, const real *open)
{
    real sum = 0;
#pragma unroll
    for (int j = 0; j < cells; j++)
        sum += (mask >> j & 1) ? open[j] : R(0);
    return sum;
}

/* odour: the current at whole and half steps [2 steps + 1]; masks [cell, word]; start_pn and start_ln [variable, cell, run],
   after the variables the weight of the odour; spikes [cell, run], the projection neurons first. */
extern "C" __global__ void __launch_bounds__(THREADS) locust(
    int runs, int steps, real dt, int pulse_steps, const real *odour, const unsigned *pn_from_ln,
    const unsigned *ln_from_pn, const unsigned *ln_from_ln, real g_ln_from_pn, real g_pn_from_ln, real g_ln_from_ln,
    const real *start_pn, const real *start_ln, int *spikes)
{
    __shared__ real open_pn[2][PN_THREADS], open_ln[2][THREADS - PN_THREADS];
    int run = blockIdx.x;
    bool is_pn = threadIdx.x < PN_THREADS;
    int place = is_pn ? threadIdx.x : threadIdx.x - PN_THREADS, cells = is_pn ? PN : LN;
    bool is_cell = place < cells;
    int cell = min(place, cells - 1);
    const real *start = is_pn ? start_pn : start_ln, threshold = is_pn ? R(0) : R(-20);
    real *shared = is_pn ? &open_pn[0][place] : &open_ln[0][place];
    int other_copy = is_pn ? PN_THREADS : THREADS - PN_THREADS;

    real before[VARIABLES], x[VARIABLES], total[VARIABLES], slope[VARIABLES];
    for (int k = 0; k < VARIABLES; k++)
        before[k] = x[k] = start[(k * cells + cell) * runs + run];
    real weight = start[(VARIABLES * cells + cell) * runs + run];
    unsigned from_pn[3] = {0, 0, 0}, from_ln = is_pn ? pn_from_ln[cell] : ln_from_ln[cell];
    if (!is_pn)
        for (int word = 0; word < 3; word++)
            from_pn[word] = ln_from_pn[3 * cell + word];
    int count = 0, pulse = 0, copy = 0;
    shared[0] = is_cell ? x[6] : 0;
    __syncthreads();

    for (int step = 0; step < steps; step++) {
        real v = before[0];
#pragma unroll
        for (int stage = 0; stage < 4; stage++) {
            real current = weight * odour[2 * step + (stage + 1) / 2];
            real gaba = sum_of<LN>(from_ln, open_ln[copy]);
            if (is_pn) {
                projection_neuron(x, current, gaba * g_pn_from_ln, pulse > 0, slope);
            } else {
                real ach = sum_of<32>(from_pn[0], open_pn[copy]) + sum_of<32>(from_pn[1], open_pn[copy] + 32)
                    + sum_of<PN - 64>(from_pn[2], open_pn[copy] + 64);
                local_interneuron(x, current, ach * g_ln_from_pn, gaba * g_ln_from_ln, slope);
            }
#pragma unroll
            for (int k = 0; k < VARIABLES; k++) {
                real change = dt * slope[k];
                if (stage == 0)
                    total[k] = before[k] + change * R(1. / 6);
                else if (stage < 3)
                    total[k] += change * R(1. / 3);
                if (stage < 2)
                    x[k] = before[k] + change * R(0.5);
                else if (stage == 2)
                    x[k] = before[k] + change;
                else
                    x[k] = before[k] = total[k] + change * R(1. / 6);
            }
            copy ^= 1;
            shared[copy * other_copy] = is_cell ? x[6] : 0;
            __syncthreads();
        }
        bool fired = v < threshold && x[0] >= threshold;
        count += fired && is_cell;
        if (is_pn)
            pulse = fired ? pulse_steps : max(pulse - 1, 0);
    }
    if (is_cell)
        spikes[((is_pn ? 0 : PN) + cell) * runs + run] = count;
}
