/* gemm_dw, gemm_step: dw = x^T dy, in panels; gemm_step hands dw to the optimizer, a few tiles at a time.
 * x [B][I]   dy [B][O]   dw [ceil(O/width)][I][width]   n = its elements   add: dw +=
 * By elements of dw, so that the optimizer's share of the same tensor needs no barrier. The padding of the last panel
 * gets exact zeros. dy is packed by panel, BATCH_BLOCK rows at a time. Bound: see gemm_tile.c with K = B. */
#include "gemm.h"
#include "rows.h"

/* Panels so much narrower than a vector had rather have vectors along the inputs. */
enum { NARROW = VL > 4 ? VL / 4 : 1 };

/* Inputs [lo, hi) of a narrow panel: dw^T = dy^T x, from x as it lies, turned when it is stored. */
static void narrow(const pd_gemm_dw_args *a, const batch_rows *x, ptrdiff_t lo, ptrdiff_t hi) {
    const ptrdiff_t O = a->O, w = panel_width(O);
    real *dw = a->dw, turned[NARROW * TILE_WIDTH] = {0};
    for (ptrdiff_t i = lo, n; i < hi; i += n) {
        for (n = TILE_WIDTH; n > hi - i;) n /= 2;
        const tile_args t = {.a = a->dy,
                             .rs = 1,
                             .cs = O,
                             .run = a->B,
                             .runs = 1,
                             .b = x->x + i,
                             .ldb = x->stride,
                             .c = turned,
                             .ldc = TILE_WIDTH,
                             .n = n};
        PD_NAME(gemm_tile)(A_COLS, n, O)(&t);
        for (ptrdiff_t j = 0; j < n; j++)
            for (ptrdiff_t o = 0; o < w; o++) {
                real *c = dw + (i + j) * w + o;
                *c = (a->add ? *c : 0) + turned[o * TILE_WIDTH + j];
            }
    }
}

/* The next batch's rows, and how many of their lines to ask for with each tile: all of this thread's in all its tiles. */
typedef struct {
    next_rows rows;
    ptrdiff_t each;
} ahead;

static ahead look_ahead(const pd_gemm_dw_args *a, const pd_step *step, pd_share share, ptrdiff_t inputs) {
    ahead next = {0};
    if (!a->in_place) return next;
    ptrdiff_t lo, hi;
    pd_rows(a->B, 1, share, &lo, &hi);
    next.rows = rows_ahead(step, a->k, a->I, lo, hi);
    const ptrdiff_t tiles = (inputs / TILE_ROWS + 1) * ((a->B + BATCH_BLOCK - 1) / BATCH_BLOCK);
    next.each = rows_left(&next.rows) / (tiles + !tiles) + 1;
    return next;
}

/* Rows of a panel's gradient that wait for the optimizer together. */
enum { HELD_ROWS = 4 * TILE_ROWS };

/* Asks for what the optimizer will read, while the gradient is computed: memory is slower than the product. */
PD_INLINE void step_fetch(const pd_gemm_step_args *s, ptrdiff_t at, ptrdiff_t n) {
    const real *const read[] = {s->w, s->s0, s->s1, s->s2};
    for (int k = 0; k < 4; k++)
        for (ptrdiff_t i = 0; read[k] && i < n; i += 64 / (ptrdiff_t)sizeof(real)) __builtin_prefetch(read[k] + at + i);
}

/* The optimizer's step on elements [at, at + n), of which g is the gradient. */
static void step_take(const pd_gemm_step_args *s, const pd_step *step, const real *g, ptrdiff_t at, ptrdiff_t n) {
    const pd_opt_args elements = {.w = (real *)s->w + at,
                                  .g = g,
                                  .s0 = s->s0 ? (real *)s->s0 + at : NULL,
                                  .s1 = s->s1 ? (real *)s->s1 + at : NULL,
                                  .s2 = s->s2 ? (real *)s->s2 + at : NULL,
                                  .n = n,
                                  .decay = s->decay,
                                  .nesterov = s->nesterov,
                                  .a = s->a,
                                  .b = s->b,
                                  .eps = s->eps,
                                  .l1 = s->l1,
                                  .l2 = s->l2};
    s->opt(&elements, step, PD_WHOLE);
}

/* The gradient, to memory or, where there is a step to take, to the optimizer. */
PD_INLINE void gradient(const pd_gemm_dw_args *a, const pd_gemm_step_args *s, const pd_step *step, pd_share share) {
    const ptrdiff_t I = a->I, O = a->O, w = panel_width(O), tw = tile_width(w);
    const batch_rows x = rows_of(a->x, I, a->in_place, a->k, step);
    const real *dy = a->dy;
    real *pack = (real *)a->pack + step->thread * a->pack_stride;
    real held[HELD_ROWS * PANEL] __attribute__((aligned(64)));
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    lo /= w; /* rows of the panels: p * I + i */
    hi /= w;
    if (!s && w <= NARROW && !x.list) {
        narrow(a, &x, lo, hi);
        return;
    }
    ahead next = look_ahead(a, step, share, hi - lo);
    ptrdiff_t at[BATCH_BLOCK]; /* of the rows of a block in x, where they are listed */
    for (ptrdiff_t row = lo, end; row < hi; row = end) {
        const ptrdiff_t p = row / I, i0 = row - p * I;
        end = min_(hi, (p + 1) * I);
        for (ptrdiff_t b0 = 0; b0 < a->B; b0 += BATCH_BLOCK) {
            const ptrdiff_t rows = min_(BATCH_BLOCK, a->B - b0);
            PD_NAME(gemm_pack_rows)(pack, dy + b0 * O + p * w, O, rows, min_(w, O - p * w), w);
            for (ptrdiff_t b = 0; x.list && b < rows; b++) at[b] = (ptrdiff_t)x.list[b0 + b] * x.stride;
            tile_args t = {.a = x.x + (x.list ? 0 : b0 * x.stride) + i0,
                           .at = x.list ? at : NULL,
                           .rs = 1,
                           .cs = x.stride,
                           .run = rows,
                           .runs = 1,
                           .ldb = w,
                           .ldi = w,
                           .ldc = w,
                           .n = tw};
            ptrdiff_t waiting = 0; /* rows held */
            for (ptrdiff_t i = i0, i1 = i0 + end - row, m; i < i1; i += m, t.a += m) {
                m = tile_height(i1 - i);
                const tile_fn tile = PD_NAME(gemm_tile)(A_COLS, tw, m);
                real *dw = s ? held + waiting * w : (real *)a->dw + (p * I + i) * w;
                if (s) step_fetch(s, (p * I + i) * w, m * w);
                for (ptrdiff_t j = 0; j < w; j += tw) {
                    t.b = pack + j;
                    t.c = dw + j;
                    t.init = b0 || a->add ? t.c : NULL;
                    tile(&t);
                }
                rows_fetch(&next.rows, next.each);
                if (!s) continue;
                waiting += m;
                if (i + m < i1 && waiting + TILE_ROWS <= HELD_ROWS) continue;
                step_take(s, step, held, (p * I + i + m - waiting) * w, waiting * w);
                waiting = 0;
            }
        }
    }
}

PD_KERNEL(gemm_dw) {
    PD_ARGS(gemm_dw);
    gradient(a, NULL, step, share);
}

PD_KERNEL(gemm_step) {
    PD_ARGS(gemm_step);
    const pd_gemm_dw_args product = {.x = a->x,
                                     .dy = a->dy,
                                     .n = a->n,
                                     .B = a->B,
                                     .I = a->I,
                                     .O = a->O,
                                     .in_place = a->in_place,
                                     .k = a->k,
                                     .pack = a->pack,
                                     .pack_stride = a->pack_stride};
    gradient(&product, a, step, share);
}
