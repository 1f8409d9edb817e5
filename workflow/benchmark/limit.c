/* The machine's limit: the benchmark's two models by hand, for one core, RK4.

   An element is one cell of one run; V of them, one vector, form a group with all their variables. LANES runs go
   through all their steps before the next ones start, so that their state stays in the cache; with LANES 1 a group
   holds V cells. -DSINGLE is single precision, -DLIBRARY takes the mathematical library's exp. */
#include <math.h>
#include <stdint.h>

#ifdef SINGLE
#define V 16
#define ROUND 12583039.f /* 1.5 2^23 + 127: a sum with it holds the rounded number, biased, in its lowest bits */
#define MANTISSA 23
#define NEAR 2e-2f
typedef float real;
typedef int32_t integer;
#else
#define V 8
#define ROUND 6755399441056767. /* 1.5 2^52 + 1023 */
#define MANTISSA 52
#define NEAR 1e-3
typedef double real;
typedef int64_t integer;
#endif
#ifndef LANES
#define LANES V
#endif
#define R(x) ((real)(x))
#define INLINE static inline __attribute__((always_inline))

#define GROUPS(cells) (((cells) * LANES + V - 1) / V)

enum { PN = 90, LN = 30 };

typedef real vector __attribute__((vector_size(V * sizeof(real))));

/* 2^n times a Taylor series within ln(2)/2 of zero: right to rounding error */
INLINE real exponential(real x)
{
#ifdef LIBRARY
    return sizeof(real) == 4 ? expf(x) : exp(x);
#else
    union { real x; integer i; } power = {x * R(1.4426950408889634) + ROUND};
    real n = power.x - ROUND;
    power.i <<= MANTISSA;
#ifdef SINGLE
    real r = (x - n * 0.693359375f) + n * 2.12194440e-4f, y = 1.f / 720;
#else
    real r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10, y = 1. / 479001600;
    y = y * r + 1. / 39916800;
    y = y * r + 1. / 3628800;
    y = y * r + 1. / 362880;
    y = y * r + 1. / 40320;
    y = y * r + 1. / 5040;
    y = y * r + 1. / 720;
#endif
    y = y * r + R(1. / 120);
    y = y * r + R(1. / 24);
    y = y * r + R(1. / 6);
    y = y * r + R(0.5);
    y = y * r + 1;
    y = y * r + 1;
    return y * power.x;
#endif
}

/* z / (exp(z) - 1), given the reciprocal of exp(z) - 1; for `away` from z = 0 */
INLINE int near(real z) { return z < NEAR && z > -NEAR; }
INLINE real away(real z, real difference) { return near(z) ? 1 : difference; }
INLINE real bernoulli(real z, real reciprocal)
{
    return near(z) ? 1 - z * R(0.5) + z * z * R(1. / 12) : z * reciprocal;
}

/* The delayed rectifier's and sodium's rates. Their exponentials of u/40, u/5 and u/4 are powers of one, and one
   division serves products: */
#define PHI R(0.2147980049924181) /* 3^((22 - 36)/10) */
typedef struct { real an, bn, am, bm, ah, bh; } Rates;

INLINE Rates rates(real v)
{
    real u = v + 50, p = exponential(u * R(-1. / 40)), p2 = p * p, p4 = p2 * p2, p8 = p4 * p4;
    real zn = (15 - u) * R(0.2), zm = (13 - u) * R(0.25), zb = (u - 40) * R(0.2);
    real fast = p8 * R(2980.9579870417283);
    real dn = away(zn, p8 * R(20.085536923187668) - 1), dm = away(zm, p8 * p2 * R(25.790339917193062) - 1);
    real db = away(zb, 1 - fast), dh = 1 + fast;
    real nm = dn * dm, bh = db * dh, reciprocal = 1 / (nm * bh), over_nm = reciprocal * bh, over_bh = reciprocal * nm;
    return (Rates){
        PHI * R(0.1) * bernoulli(zn, over_nm * dm), PHI * R(0.6420127083438707) * p,
        PHI * R(1.28) * bernoulli(zm, over_nm * dn), PHI * R(1.4) * bernoulli(zb, over_bh * dh * fast),
        PHI * R(0.128) * exponential((17 - u) * R(1. / 18)), PHI * 4 * over_bh * db,
    };
}

INLINE Rates potassium_rates(real v)
{
    real u = v + 50, p = exponential(u * R(-1. / 40)), p2 = p * p, p4 = p2 * p2, p8 = p4 * p4, zn = (15 - u) * R(0.2);
    real dn = away(zn, p8 * R(20.085536923187668) - 1);
    return (Rates){.an = PHI * R(0.1) * bernoulli(zn, 1 / dn), .bn = PHI * R(0.6420127083438707) * p};
}

/* One variable at a stage of RK4, with the slope times dt: the next stage's state, and the sum towards the new one */
#define ADVANCE(name, slope) advance(stage, dt * (slope), &y->name[i], &x->name[i], &sum->name[i])
INLINE void advance(int stage, real k, real *y, real *x, real *sum)
{
    if (stage == 0) *sum = *y + k * R(1. / 6);
    else if (stage < 3) *sum += k * R(1. / 3);
    if (stage < 2) *x = *y + k * R(0.5);
    else if (stage == 2) *x = *y + k;
    else *x = *y = *sum + k * R(1. / 6);
}

typedef struct { real v[V], n[V], m[V], h[V], ma[V], ha[V], o[V]; } PnState;
typedef struct { real v[V], n[V], mc[V], hc[V], mk[V], ca[V], o[V]; } LnState;
typedef struct { PnState y, x, sum; real weight[V], pulse[V], spikes[V]; } Pn;
typedef struct { LnState y, x, sum; real weight[V], spikes[V]; } Ln;

static Pn pn[GROUPS(PN)] __attribute__((aligned(64)));
static Ln ln[GROUPS(LN)] __attribute__((aligned(64)));

INLINE void pn_stage(int stage, Pn *group, real *open, const real *gaba, real odour, real dt, real pulse_steps)
{
    PnState *y = &group->y, *x = &group->x, *sum = &group->sum;
    const PnState *from = stage ? x : y;
#pragma GCC ivdep
    for (int i = 0; i < V; i++) {
        real v = from->v[i], n = from->n[i], m = from->m[i], h = from->h[i], ma = from->ma[i], ha = from->ha[i];
        real o = from->o[i], n2 = n * n, ma2 = ma * ma, before = y->v[i];
        Rates k = rates(v);
        real e_m = 1 + exponential((v + 60) * R(-1. / 8.5)), e_h = 1 + exponential((v + 78) * R(1. / 6));
        real reciprocal = 1 / (e_m * e_h);
        real fast = exponential((v + R(46.05)) * R(0.2)) + exponential((v + R(238.4)) * R(-1. / 37.45));
        real rate_m = exponential((v + R(35.82)) * R(1. / 19.69)) + R(0.37);
        rate_m += exponential((v + R(79.69)) * R(-1. / 12.7));
        real rate_h = v < -63 ? fast : R(1. / 19);
        real phi = R(3.9482220388574776); /* 3^((36 - 23.5)/10) */
        real sodium = 100 * m * m * m * h, potassium = 10 * (n2 * n2 + ma2 * ma2 * ha) + R(0.05);
        ADVANCE(v, group->weight[i] * odour - sodium * (v - 50) - potassium * (v + 95) - R(0.15) * (v + 55)
                       - gaba[i] * (v + 70));
        ADVANCE(n, k.an - (k.an + k.bn) * n);
        ADVANCE(m, k.am - (k.am + k.bm) * m);
        ADVANCE(h, k.ah - (k.ah + k.bh) * h);
        ADVANCE(ma, (reciprocal * e_h - ma) * (phi * rate_m));
        ADVANCE(ha, (reciprocal * e_m - ha) * (phi * rate_h));
        real opening = group->pulse[i] > 0 ? 5 : 0;
        ADVANCE(o, opening - (opening + R(0.2)) * o);
        open[i] = x->o[i];
        if (stage == 3) {
            int crossed = before < 0 && y->v[i] >= 0;
            real rest = group->pulse[i] - 1;
            group->spikes[i] += crossed ? 1 : 0;
            group->pulse[i] = crossed ? pulse_steps : rest > 0 ? rest : 0;
        }
    }
}

INLINE void ln_stage(int stage, Ln *group, real *open, const real *ach, const real *gaba, real odour, real dt)
{
    LnState *y = &group->y, *x = &group->x, *sum = &group->sum;
    const LnState *from = stage ? x : y;
#pragma GCC ivdep
    for (int i = 0; i < V; i++) {
        real v = from->v[i], n = from->n[i], mc = from->mc[i], hc = from->hc[i], mk = from->mk[i], ca = from->ca[i];
        real o = from->o[i], n2 = n * n, before = y->v[i];
        Rates k = potassium_rates(v);
        real e_m = 1 + exponential((v + 20) * R(-1. / 6.5)), e_h = 1 + exponential((v + 25) * R(1. / 12));
        real e_o = 1 + exponential((v + 20) * R(-1. / 1.5));
        real tau = R(0.3) * exponential((v - 40) * R(1. / 13)) + R(0.002) * exponential((60 - v) * R(1. / 29));
        real mh = e_m * e_h, reciprocal = 1 / (mh * tau), over_mh = reciprocal * tau;
        real phi = R(1.28386201800527), alpha = R(0.01) * ca; /* 2.3^((26 - 23)/10) */
        real calcium = 3 * mc * mc * hc * (v - 140);
        ADVANCE(v, group->weight[i] * odour - calcium - R(0.3) * phi * mk * (v + 90)
                       - (10 * n2 * n2 + R(0.02)) * (v + 95) - R(0.15) * (v + 50) - ach[i] * v - gaba[i] * (v + 70));
        ADVANCE(n, k.an - (k.an + k.bn) * n);
        ADVANCE(mc, (over_mh * e_h - mc) * R(1 / 1.5));
        ADVANCE(hc, (over_mh * e_m - hc) * (reciprocal * mh));
        ADVANCE(mk, phi * (alpha - (alpha + R(0.02)) * mk));
        ADVANCE(ca, R(-2e-4) * calcium - (ca - R(2.4e-4)) * R(1. / 150));
        real opening = 10 / e_o;
        ADVANCE(o, opening - (opening + R(0.16)) * o);
        open[i] = x->o[i];
        if (stage == 3) group->spikes[i] += before < -20 && y->v[i] >= -20 ? 1 : 0;
    }
}

/* sums[post] = Σ weight open[pre], the sums in registers: for one run the cells of a group at once, else ROWS cells */
#if LANES < V
#define WEIGHTS(posts, pres) [pres][GROUPS(posts)]
#define PLACE(weights, post, pre) ((real *)weights[pre])[post]
#define INPUT(posts, pres, weights, open, sums)                                                                   \
    do {                                                                                                           \
        vector total[GROUPS(posts)] = {0};                                                                         \
        for (int pre = 0; pre < pres; pre++)                                                                       \
            _Pragma("GCC unroll 16") for (int g = 0; g < GROUPS(posts); g++) total[g] += weights[pre][g] * open[pre]; \
        _Pragma("GCC unroll 16") for (int g = 0; g < GROUPS(posts); g++) sums[g] = total[g];                       \
    } while (0)
typedef vector Weights;
#else
#define ROWS (LANES == V ? 15 : 10)
#define PER (LANES / V)
#define WEIGHTS(posts, pres) [posts / ROWS][pres][ROWS]
#define PLACE(weights, post, pre) weights[(post) / ROWS][pre][(post) % ROWS]
#define INPUT(posts, pres, weights, open, sums)                                                                   \
    for (int block = 0; block < posts / ROWS; block++) {                                                           \
        vector total[ROWS * PER] = {0};                                                                            \
        for (int pre = 0; pre < pres; pre++)                                                                       \
            _Pragma("GCC unroll 30") for (int j = 0; j < ROWS * PER; j++)                                          \
                total[j] += ((vector *)open)[pre * PER + j % PER] * weights[block][pre][j / PER];                  \
        _Pragma("GCC unroll 30") for (int j = 0; j < ROWS * PER; j++) sums[block * ROWS * PER + j] = total[j];     \
    }
typedef real Weights;
#endif

static Weights pn_ln WEIGHTS(LN, PN), ln_pn WEIGHTS(PN, LN), ln_ln WEIGHTS(LN, LN);
static real open_pn[GROUPS(PN) * V] __attribute__((aligned(64))), open_ln[GROUPS(LN) * V] __attribute__((aligned(64)));

INLINE void locust_stage(int stage, real odour, real dt, real pulse_steps)
{
    vector gaba_pn[GROUPS(PN)], gaba_ln[GROUPS(LN)], ach_ln[GROUPS(LN)];
    INPUT(PN, LN, ln_pn, open_ln, gaba_pn);
    INPUT(LN, LN, ln_ln, open_ln, gaba_ln);
    INPUT(LN, PN, pn_ln, open_pn, ach_ln);
    for (int g = 0; g < GROUPS(PN); g++)
        pn_stage(stage, pn + g, open_pn + g * V, (real *)(gaba_pn + g), odour, dt, pulse_steps);
    for (int g = 0; g < GROUPS(LN); g++)
        ln_stage(stage, ln + g, open_ln + g * V, (real *)(ach_ln + g), (real *)(gaba_ln + g), odour, dt);
}

static int smaller(int a, int b) { return a < b ? a : b; }

/* Arguments as in the problem's file: weights [post][pre] with their conductances, the waveform of the odour at every
   half step, start values [variable][cell][run] in the order of the structures followed by the odour's weight.
   Spikes are counted in [cell][run], projection neurons first. */
void locust(int runs, int steps, double dt, double pulse_steps, const double *odour, const double *weights_pn_ln,
            const double *weights_ln_pn, const double *weights_ln_ln, const double *start_pn, const double *start_ln,
            int *spikes)
{
    for (int post = 0; post < LN; post++)
        for (int pre = 0; pre < PN; pre++) PLACE(pn_ln, post, pre) = weights_pn_ln[post * PN + pre];
    for (int post = 0; post < PN; post++)
        for (int pre = 0; pre < LN; pre++) PLACE(ln_pn, post, pre) = weights_ln_pn[post * LN + pre];
    for (int post = 0; post < LN; post++)
        for (int pre = 0; pre < LN; pre++) PLACE(ln_ln, post, pre) = weights_ln_ln[post * LN + pre];
    for (int first = 0; first < runs; first += LANES) {
#define START(CELLS, population, start)                                                                           \
    for (int e = 0; e < GROUPS(CELLS) * V; e++) {                                                                  \
        int place = smaller(e / LANES, CELLS - 1) * runs + smaller(first + e % LANES, runs - 1), i = e % V;        \
        for (int k = 0; k < 7; k++) (&population[e / V].y.v)[k][i] = start[k * CELLS * runs + place];              \
        population[e / V].weight[i] = start[7 * CELLS * runs + place];                                             \
        population[e / V].spikes[i] = 0;                                                                           \
        open_##population[e] = population[e / V].y.o[i];                                                           \
    }
        START(PN, pn, start_pn)
        START(LN, ln, start_ln)
        for (int g = 0; g < GROUPS(PN); g++)
            for (int i = 0; i < V; i++) pn[g].pulse[i] = 0;
        for (int step = 0; step < steps; step++) {
            locust_stage(0, odour[2 * step], dt, pulse_steps);
            locust_stage(1, odour[2 * step + 1], dt, pulse_steps);
            locust_stage(2, odour[2 * step + 1], dt, pulse_steps);
            locust_stage(3, odour[2 * step + 2], dt, pulse_steps);
        }
#define COUNT(CELLS, population, shift)                                                                           \
    for (int e = 0; e < CELLS * LANES; e++)                                                                        \
        if (first + e % LANES < runs)                                                                              \
            spikes[(shift + e / LANES) * runs + first + e % LANES] = population[e / V].spikes[e % V];
        COUNT(PN, pn, 0)
        COUNT(LN, ln, PN)
    }
}

typedef struct { real v[V], n[V], m[V], h[V]; } HhState;
typedef struct { HhState y, x, sum; real current[V], spikes[V]; } Hh;

INLINE void hh_stage(int stage, Hh *group, real dt)
{
    HhState *y = &group->y, *x = &group->x, *sum = &group->sum;
    const HhState *from = stage ? x : y;
#pragma GCC ivdep
    for (int i = 0; i < V; i++) {
        real v = from->v[i], n = from->n[i], m = from->m[i], h = from->h[i], n2 = n * n, before = y->v[i];
        Rates k = rates(v);
        ADVANCE(v, group->current[i] - R(0.15) * (v + 55) - 100 * m * m * m * h * (v - 50) - 10 * n2 * n2 * (v + 95));
        ADVANCE(n, k.an - (k.an + k.bn) * n);
        ADVANCE(m, k.am - (k.am + k.bm) * m);
        ADVANCE(h, k.ah - (k.ah + k.bh) * h);
        if (stage == 3) group->spikes[i] += before < 0 && y->v[i] >= 0 ? 1 : 0;
    }
}

enum { BLOCK = 4 };

/* Independent cells: BLOCK groups go through all steps, then the next ones. Start values [variable][cell] */
void cells(int n, int steps, double dt, const double *current, const double *start, int *spikes)
{
    static Hh block[BLOCK] __attribute__((aligned(64)));
    for (int first = 0; first < n; first += BLOCK * V) {
        int groups = smaller(BLOCK, (n - first + V - 1) / V);
        for (int e = 0; e < groups * V; e++) {
            Hh *group = block + e / V;
            int cell = smaller(first + e, n - 1), i = e % V;
            for (int k = 0; k < 4; k++) (&group->y.v)[k][i] = start[k * n + cell];
            group->current[i] = current[cell];
            group->spikes[i] = 0;
        }
        for (int step = 0; step < steps; step++) {
            for (int g = 0; g < groups; g++) hh_stage(0, block + g, dt);
            for (int g = 0; g < groups; g++) hh_stage(1, block + g, dt);
            for (int g = 0; g < groups; g++) hh_stage(2, block + g, dt);
            for (int g = 0; g < groups; g++) hh_stage(3, block + g, dt);
        }
        for (int e = 0; e < groups * V && first + e < n; e++) spikes[first + e] = block[e / V].spikes[e % V];
    }
}
