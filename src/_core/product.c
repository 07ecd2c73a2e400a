/* product.c: one product of matrices without a plan: its records live on the stack for the call. */
#include "op_args.h"

int pd_matrix_plain(pd_matrix *m) {
    /* A stride that leads nowhere may be anything. */
    if (m->columns <= 1 || m->rows == 0) m->cs = 1;
    if (m->rows <= 1 || m->columns == 0) m->rs = m->cs == 1 ? m->columns + 1 : 1;
    return (m->cs == 1 && m->rs > 0) || (m->rs == 1 && m->cs > 0);
}

void pd_multiply(const pd_product *p, int nth) {
    const int transposed = p->b.cs != 1;
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
                                    .alpha = p->alpha};
    const pd_act_fwd_args activation = {p->y, p->y, p->a.rows, p->b.columns, p->alpha};
    const pd_record records[] = {{.fn = p->matmul, .args = &product},
                                 {.fn = p->act, .args = &activation, .barrier = 1}};
    const pd_chunk once = {.steps = 1, .batch = p->a.rows};
    pd_run(records, p->rowwise ? 2 : 1, &once, nth);
}
