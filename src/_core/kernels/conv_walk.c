/* conv_walk: the product of a convolution on a block of windows: strips of as many windows as a tile has rows meet all
 * panels while what they read is in L1, and the panels stay in L2. Inner terms are cut between runs, and within long
 * ones, into blocks of K_BLOCK. Bound: see gemm_tile.c with K = taps * channels. */
#include "conv.h"

/* Windows in the order of y, a strip at a time. */
typedef struct {
    ptrdiff_t image, row, column;
} window;

/* A block of the inner terms: where they begin in a window and in a panel, and how a window's lie. */
typedef struct {
    ptrdiff_t offset, k, run, runs, jump;
} terms;

PD_INLINE ptrdiff_t row_of(const conv_product *q, const conv_block *in, window v) {
    return v.image * in->image + (q->rows.first + v.row * q->rows.stride) * in->ld;
}

/* A block of the product's inner terms for all windows in [at, at + count) of the block, in y side by side. */
static void strips(const conv_product *q, const conv_block *in, const pd_caches *caches, window at, ptrdiff_t count,
                   ptrdiff_t last, const terms *k, real *y, int partial) {
    const ptrdiff_t O = q->O / q->G, C = q->C / q->G, w = panel_width(O), tw = tile_width(w), panels = (O + w - 1) / w;
    const ptrdiff_t depth = q->rows.taps * q->columns.taps * C, size = k->run * k->runs * w;
    const ptrdiff_t most = max_(1, part_of_l2(caches, 1, PD_BLOCK_OF_W) / size), wide = block_of(panels, most);
    const ptrdiff_t across = q->columns.stride * q->C;
    for (ptrdiff_t g = 0; g < q->G; g++)
        for (ptrdiff_t p0 = 0; p0 < panels; p0 += wide) {
            window v = at;
            const ptrdiff_t columns = min_(O, (p0 + wide) * w) - p0 * w;
            const real *first = q->w + ((g * panels + p0) * depth + k->k) * w;
            const real *b = q->b ? q->b + g * O + p0 * w : NULL;
            real *c = y + g * O + p0 * w;
            const ptrdiff_t from = q->columns.first * q->C + g * C + k->offset;
            ptrdiff_t next = row_of(q, in, v) + from; /* of the window that comes next */
            for (ptrdiff_t r = 0, m; r < count; r += m) {
                m = tile_height(count - r);
                ptrdiff_t rows[TILE_ROWS];
                for (ptrdiff_t i = 0; i < m; i++) {
                    rows[i] = next;
                    next += across;
                    if (++v.column < q->columns.n) continue;
                    v.column = 0;
                    if (++v.row == last) {
                        v.row = at.row;
                        v.image++;
                    }
                    next = row_of(q, in, v) + from;
                }
                tile_args t = {.a = in->x,
                               .at = rows,
                               .run = k->run,
                               .runs = k->runs,
                               .jump = k->jump,
                               .ldb = w,
                               .ldc = q->column};
                const tile_fn tile = PD_NAME(gemm_tile)(A_ROWS, tw, m);
                const real *panel = first;
                for (ptrdiff_t j = 0, inside = 0; j < columns; j += tw, inside += tw) {
                    if (inside == w) {
                        panel += depth * w;
                        inside = 0;
                    }
                    t.b = panel + inside;
                    t.c = c + r * q->column + j;
                    t.init = partial ? t.c : b ? b + j : NULL;
                    t.ldi = partial ? q->column : 0;
                    t.n = min_(tw, columns - j);
                    tile(&t);
                }
            }
        }
}

/* The same for all windows of the block: as one sequence where they are one in y, else row by row. */
static void windows(const conv_product *q, const conv_block *in, const pd_caches *caches, ptrdiff_t n, ptrdiff_t images,
                    ptrdiff_t t0, ptrdiff_t t1, const terms *k, int partial) {
    const ptrdiff_t wide = q->columns.n, high = t1 - t0;
    const int rows_meet = q->row == wide * q->column;
    const int all = rows_meet && (images == 1 || q->image == high * q->row);
    const ptrdiff_t together = all ? images * high : 1;
    for (ptrdiff_t i = 0; i < images * high; i += together) {
        const window at = {i / high, t0 + i % high, 0};
        real *y = q->y + (n + at.image) * q->image + at.row * q->row;
        strips(q, in, caches, at, together * wide, all ? t1 : at.row + 1, k, y, partial);
    }
}

/* What no window reads: b, or zero. */
static void untouched(const conv_product *q, ptrdiff_t n, ptrdiff_t images, ptrdiff_t t0, ptrdiff_t t1) {
    const vreal zero = {0};
    for (ptrdiff_t i = 0; i < images && !q->add; i++)
        for (ptrdiff_t t = t0; t < t1; t++)
            for (ptrdiff_t j = 0; j < q->columns.n; j++) {
                real *y = q->y + (n + i) * q->image + t * q->row + j * q->column;
                PD_FOR_VECTORS (o, m, 0, q->O) vstore_m(y + o, q->b ? vload_m(q->b + o, m) : zero, m);
            }
}

void PD_NAME(conv_walk)(const conv_product *q, const pd_caches *caches, const conv_block *in, ptrdiff_t n,
                        ptrdiff_t images, ptrdiff_t t0, ptrdiff_t t1) {
    if (t0 >= t1) return;
    const ptrdiff_t C = q->C / q->G, high = q->rows.taps, wide = q->columns.taps;
    if (high == 0 || wide == 0) {
        untouched(q, n, images, t0, t1);
        return;
    }
    /* a run is a row of taps where all their channels are wanted and lie side by side, else the channels of one tap */
    const int by_rows = q->G == 1 && (q->columns.step == 1 || wide == 1);
    const ptrdiff_t next_row = q->rows.step * in->ld, next_tap = q->columns.step * q->C;
    const ptrdiff_t lines = by_rows ? 1 : high, runs = by_rows ? high : wide, run = by_rows ? wide * C : C;
    const ptrdiff_t each = block_of(run, K_BLOCK), together = each < run ? 1 : block_of(runs, max_(1, K_BLOCK / run));
    int partial = q->add;
    for (ptrdiff_t u = 0; u < lines; u++)
        for (ptrdiff_t r = 0; r < runs; r += together)
            for (ptrdiff_t c = 0; c < run; c += each) {
                const terms k = {.offset = u * next_row + r * (by_rows ? next_row : next_tap) + c,
                                 .k = (u * runs + r) * run + c,
                                 .run = min_(each, run - c),
                                 .runs = min_(together, runs - r),
                                 .jump = by_rows ? next_row : next_tap};
                windows(q, in, caches, n, images, t0, t1, &k, partial);
                partial = 1;
            }
}
