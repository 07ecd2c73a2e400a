/* repeat: y[b][i * M + m] = x[b][i], for m < M. sum_repeats: dx[b][i] (+)= sum over m of dy[b][i * M + m], in that
 * order. x dx [B][O] y dy [B][O * M]. By rows. repeat is exact; |err| <= M eps sum |dy|. */
#include "kernel.h"

PD_KERNEL(repeat) {
    PD_ARGS(repeat);
    const ptrdiff_t M = a->M;
    const real *x = a->x;
    real *y = a->y;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t i = lo * a->O; i < hi * a->O; i++)
        for (ptrdiff_t m = 0; m < M; m++) y[i * M + m] = x[i];
}

PD_KERNEL(sum_repeats) {
    PD_ARGS(sum_repeats);
    const ptrdiff_t M = a->M;
    const real *dy = a->dy;
    real *dx = a->dx;
    ptrdiff_t lo, hi;
    pd_rows(a->B, a->L, share, &lo, &hi);
    for (ptrdiff_t i = lo * a->O; i < hi * a->O; i++) {
        real sum = 0;
        for (ptrdiff_t m = 0; m < M; m++) sum += dy[i * M + m];
        dx[i] = a->add ? dx[i] + sum : sum;
    }
}
