/* Mean over the rows of a sample: y[s] = sum of m[b] x[b] / sum of m[b], b the rows of sample s, summed in double;
 * 0 if no row counts. Backward: dx[b] (+)= m[b] dy[s] / sum of m[b].
 * x dx [B][O], m [B] of 0 and 1 or NULL (all 1), y dy [B / L][O]. |err| <= eps |y|, and eps |dx|. */
#include "reduce.h"

PD_KERNEL(mean_steps_fwd) {
    PD_ARGS(mean_steps_fwd);
    const ptrdiff_t O = a->O, L = pd_sample(a->L);
    ptrdiff_t lo, hi;
    pd_rows(a->B / L, 1, share, &lo, &hi);
    for (ptrdiff_t s = lo; s < hi; s++) {
        const real *x = (const real *)a->x + s * L * O, *mask = a->m ? (const real *)a->m + s * L : NULL;
        const ptrdiff_t n = counted(mask, L);
        PD_FOR_VECTORS (j, m, 0, O) {
            vwide sum = {0};
            for (ptrdiff_t t = 0; t < L; t++)
                if (counts(mask, t)) vwide_add(&sum, vload_m(x + t * O + j, m));
            vstore_m((real *)a->y + s * O + j, vwide_mean(sum, n ? (double)n : 1), m);
        }
    }
}

PD_KERNEL(mean_steps_bwd) {
    PD_ARGS(mean_steps_bwd);
    const ptrdiff_t O = a->O, L = pd_sample(a->L);
    const vreal zero = {0};
    ptrdiff_t lo, hi;
    pd_rows(a->B / L, 1, share, &lo, &hi);
    for (ptrdiff_t s = lo; s < hi; s++) {
        const real *dy = (const real *)a->dy + s * O, *mask = a->m ? (const real *)a->m + s * L : NULL;
        const ptrdiff_t n = counted(mask, L);
        const vreal count = vset((real)(n ? n : 1));
        for (ptrdiff_t t = 0; t < L; t++) {
            real *dx = (real *)a->dx + (s * L + t) * O;
            const int does = counts(mask, t);
            PD_FOR_VECTORS (j, m, 0, O) vstore_sum(dx + j, does ? vload_m(dy + j, m) / count : zero, m, a->add != 0);
        }
    }
}
