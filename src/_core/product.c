/* product.c: one product of matrices without a plan: its records live on the stack for the call. */
#include "op_args.h"

int pd_matrix_plain(pd_matrix *m) {
    /* A stride that leads nowhere may be anything. */
    if (m->columns <= 1 || m->rows == 0) m->cs = 1;
    if (m->rows <= 1 || m->columns == 0) m->rs = m->cs == 1 ? m->columns + 1 : 1;
    return (m->cs == 1 && m->rs > 0) || (m->rs == 1 && m->cs > 0);
}

static pd_matrix transpose(pd_matrix m) { return (pd_matrix){m.p, m.columns, m.rows, m.cs, m.rs}; }

/* y = a b for a single column b is y^T = b^T a^T. Then vectors run along y, which repays turning a contiguous row of a
 * from some number of rows on. */
enum { ROWS_TO_TURN = 64 };

static pd_product vectors_along_y(pd_product p) {
    if (p.b.columns != 1 || p.bias || p.rowwise || (p.a.cs == 1 && p.a.rows < ROWS_TO_TURN)) return p;
    const pd_matrix a = p.a;
    p.a = transpose(p.b);
    p.b = transpose(a);
    pd_matrix_plain(&p.a);
    return p;
}

/* Elements of memory for panels of b that each thread has for a product, which may do without. */
static ptrdiff_t space(const pd_product *p) {
    const ptrdiff_t rows = p->a.rows, K = p->b.rows, columns = p->b.columns;
    if (!rows || !K || !columns || rows < PD_ELSEWHERE_FROM / K / columns) return 0;
    return PD_PACKED_BYTES / p->size;
}

void pd_multiply(const pd_product *given, int nth) {
    const pd_product turned = vectors_along_y(*given), *p = &turned;
    const int transposed = p->b.cs != 1;
    const ptrdiff_t each = space(p);
    void *pack = each ? pd_alloc((size_t)nth * PD_PACKED_BYTES) : NULL;
    const pd_matmul_args product = {.x = p->a.p,
                                    .w = p->b.p,
                                    .b = p->bias,
                                    .y = p->y,
                                    .act = p->rowwise ? NULL : p->act,
                                    .B = p->a.rows,
                                    .I = p->a.columns,
                                    .O = p->b.columns,
                                    .rs = p->a.rs,
                                    .cs = p->a.cs,
                                    .ldb = transposed ? p->b.cs : p->b.rs,
                                    .transposed = transposed,
                                    .ldy = p->b.columns,
                                    .alpha = p->alpha,
                                    .pack = pack,
                                    .pack_stride = pack ? each : 0};
    const pd_act_fwd_args activation = {.x = p->y, .y = p->y, .B = p->a.rows, .O = p->b.columns, .alpha = p->alpha};
    const pd_record records[] = {{.fn = p->matmul, .args = &product},
                                 {.fn = p->act, .args = &activation, .barrier = 1}};
    const pd_chunk once = {.steps = 1, .batch = p->a.rows};
    pd_run(records, p->rowwise ? 2 : 1, &once, nth);
    pd_free(pack);
}
