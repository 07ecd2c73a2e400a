/* blocking_probe.c: what the products would read, for test_blocking.py, which builds this with the kernels around the tile:
 * here a tile computes nothing and writes down its operands instead. */
#include "../../src/_core/kernels/gemm.h"

typedef struct {
    ptrdiff_t form, m, width, a, rs, cs, run, runs, jump, b, ldb, c, ldc;
} tile_record;

static tile_record *records;
static ptrdiff_t count, most, form, width, m;

static void record(const tile_args *t) {
    if (count < most)
        records[count] =
            (tile_record){form,    m,       width,           (ptrdiff_t)t->a, t->rs,           t->cs, t->run,
                          t->runs, t->jump, (ptrdiff_t)t->b, t->ldb,          (ptrdiff_t)t->c, t->ldc};
    count++;
}

tile_fn PD_NAME(gemm_tile)(int form_, ptrdiff_t width_, ptrdiff_t m_) {
    form = form_, width = width_, m = m_;
    return record;
}

void PD_NAME(matmul)(const void *, const pd_step *, pd_share);
void PD_NAME(gemm_dx)(const void *, const pd_step *, pd_share);
void PD_NAME(gemm_dw)(const void *, const pd_step *, pd_share);

/* One product on one thread: 0 x w, 1 dy w^T, 2 x^T dy; `out` is what it would write. Returns its number of tiles, the
 * first `limit` of which are in `to`. */
ptrdiff_t probe(int product, const pd_caches *caches, ptrdiff_t B, ptrdiff_t I, ptrdiff_t O, real *left, real *right,
                real *out, real *pack, tile_record *to, ptrdiff_t limit);
ptrdiff_t probe(int product, const pd_caches *caches, ptrdiff_t B, ptrdiff_t I, ptrdiff_t O, real *left, real *right,
                real *out, real *pack, tile_record *to, ptrdiff_t limit) {
    const pd_step step = {.caches = caches};
    const pd_matmul_args forward = {
        .x = left, .w = right, .y = out, .B = B, .I = I, .O = O, .rs = I, .cs = 1, .ldb = O, .ldy = O};
    const pd_gemm_dx_args dx = {.dy = left, .w = right, .dx = out, .B = B, .I = I, .O = O, .pack = pack};
    const pd_gemm_dw_args dw = {.x = left, .dy = right, .dw = out, .B = B, .I = I, .O = O, .n = I * O, .pack = pack};
    records = to, most = limit, count = 0;
    if (product == 0) PD_NAME(matmul)(&forward, &step, PD_WHOLE);
    if (product == 1) PD_NAME(gemm_dx)(&dx, &step, PD_WHOLE);
    if (product == 2) PD_NAME(gemm_dw)(&dw, &step, PD_WHOLE);
    return count;
}
