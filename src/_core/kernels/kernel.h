/* kernel.h: what every kernel file includes: the naming macro, the slices, the loop of an element-wise kernel.
 *
 * A kernel is written once and compiled per ISA and dtype; PD_KERNEL(name) adds both to its name. It computes its own
 * share, allocates nothing and cannot fail. The bits of an element must not depend on where a share
 * begins or ends, so tails go through the same vector code as bodies (vload_n, vstore_n), never through scalar code.
 */
#ifndef PD_KERNEL_H
#define PD_KERNEL_H

#include "../op_args.h"
#include "../shares.h"
#include "vec.h"

#define PD_CAT_(a, b, c) a##_##b##_##c
#define PD_CAT(a, b, c) PD_CAT_(a, b, c)
#ifdef PD_F64
#define PD_NAME(name) PD_CAT(name, PD_ISA, f64)
#else
#define PD_NAME(name) PD_CAT(name, PD_ISA, f32)
#endif

#if defined(PD_ISA_avx512)
#define PD_ISA avx512
#elif defined(PD_ISA_avx2)
#define PD_ISA avx2
#elif defined(PD_ISA_neon)
#define PD_ISA neon
#else
#define PD_ISA baseline
#endif

#define PD_KERNEL(name)                                                         \
    void PD_NAME(name)(const void *args_, const pd_step *step, pd_share share); \
    void PD_NAME(name)(const void *args_, const pd_step *step, pd_share share)

/* The kernel's arguments under the name a:  PD_ARGS(act_fwd); ... a->x ... */
#define PD_ARGS(family)                                              \
    const pd_##family##_args *a = (const pd_##family##_args *)args_; \
    (void)step

/* Elements [lo, hi) of n. Every PD_SPLIT_FLAT kernel splits so, and only so. Shares are multiples of PD_GROUP elements:
 * whole cache lines and whole rows of a weight panel (its width is a power of two up to 32). */
enum { PD_GROUP = 64 };
PD_INLINE void pd_flat(ptrdiff_t n, pd_share share, ptrdiff_t *lo, ptrdiff_t *hi) {
    *lo = 0;
    *hi = n;
    if (share.of == 1) return;
    const ptrdiff_t groups = (n + PD_GROUP - 1) / PD_GROUP;
    *lo = pd_cut(groups, share.lo, share.of) * PD_GROUP;
    *hi = pd_cut(groups, share.hi, share.of) * PD_GROUP;
    if (*lo > n) *lo = n;
    if (*hi > n) *hi = n;
}

/* for each vector of elements [lo, hi): i its first element, m (1..VL) how many of its lanes count */
#define PD_FOR_VECTORS(i, m, lo, hi) \
    for (ptrdiff_t i = (lo), end_ = (hi), m = 0; (void)(m = end_ - i < VL ? end_ - i : VL), i < end_; i += VL)

/* Full vectors load and store at full width; the one tail is masked. m is what PD_FOR_VECTORS gives. */
PD_INLINE vreal vload_m(const real *p, ptrdiff_t m) { return m == VL ? vload(p) : vload_n(p, (int)m); }
PD_INLINE void vstore_m(real *p, vreal v, ptrdiff_t m) {
    if (m == VL) vstore(p, v);
    else vstore_n(p, v, (int)m);
}

/* The same in rows that are passed over one after the other, from memory: those below a vector are asked for ahead,
 * as masked loads and stores do not wake the prefetcher of every CPU (by them, Zen 5 reads 5 GB/s instead of 30). */
enum { PD_AHEAD = 2048 };
PD_INLINE void pd_ask_ahead(const real *p, ptrdiff_t m) {
    if (m < VL) __builtin_prefetch((const char *)p + PD_AHEAD);
}
PD_INLINE vreal vload_row(const real *p, ptrdiff_t m) {
    pd_ask_ahead(p, m);
    return vload_m(p, m);
}
PD_INLINE void vstore_row(real *p, vreal v, ptrdiff_t m) {
    if (m < VL) __builtin_prefetch((const char *)p + PD_AHEAD, 1);
    vstore_m(p, v, m);
}

/* An element-wise activation from its two point functions:
 *   vreal f(vreal x, vreal alpha)              the value
 *   vreal df(vreal s, vreal dy, vreal alpha)   dy * f', s being what ops.def says the backward kernel reads */
#define PD_ACTIVATION(name, f, df)                                                                   \
    PD_KERNEL(act_##name##_fwd) {                                                                    \
        PD_ARGS(act_fwd);                                                                            \
        const real *x = a->x;                                                                        \
        real *y = a->y;                                                                              \
        const vreal alpha = vset((real)a->alpha);                                                    \
        ptrdiff_t lo, hi;                                                                            \
        pd_rows(a->B, a->L, share, &lo, &hi);                                                        \
        PD_FOR_VECTORS (i, m, lo * a->O, hi * a->O) vstore_m(y + i, f(vload_m(x + i, m), alpha), m); \
    }                                                                                                \
    PD_KERNEL(act_##name##_bwd) {                                                                    \
        PD_ARGS(act_bwd);                                                                            \
        const real *s = a->s, *dy = a->dy;                                                           \
        real *dx = a->dx;                                                                            \
        const vreal alpha = vset((real)a->alpha);                                                    \
        ptrdiff_t lo, hi;                                                                            \
        pd_rows(a->B, a->L, share, &lo, &hi);                                                        \
        PD_FOR_VECTORS (i, m, lo * a->O, hi * a->O)                                                  \
            vstore_m(dx + i, df(vload_m(s + i, m), vload_m(dy + i, m), alpha), m);                   \
    }

#endif
