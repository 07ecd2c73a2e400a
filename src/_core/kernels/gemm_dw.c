/* gemm_dw, gemm_step: dw = x^T dy, in panels; gemm_step hands dw to the optimizer, a few tiles at a time.
 * x [B][I]   dy [B][O]   dw [ceil(O/width)][I][width]   n = its elements   add: dw +=
 * By elements of dw, so that the optimizer's share of the same tensor needs no barrier. The padding of the last
 * panel gets exact zeros. dy is packed by panel, BATCH_BLOCK rows at a time. Columns of x are copied where its rows
 * would push each other out of L1, and where L2 does not hold them until the next panel wants them; several panels of
 * dy meet a copy. Bound: see gemm_tile.c with K = B. */
#include "blocking.h"
#include "rows.h"

/* Panels so much narrower than a vector had rather have vectors along the inputs. */
enum { NARROW = VL > 4 ? VL / 4 : 1 };

/* Inputs [lo, hi) of a narrow panel: dw^T = dy^T x, from x as it lies, turned when it is stored. */
static void narrow(const pd_gemm_dw_args *a, const batch_rows *x, ptrdiff_t lo, ptrdiff_t hi) {
    const ptrdiff_t O = a->O, w = panel_width(O);
    real *dw = a->dw, turned[NARROW * TILE_WIDTH];
    for (ptrdiff_t i = O * TILE_WIDTH; i < w * TILE_WIDTH; i++) turned[i] = 0;
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

/* The next batch's rows, and how many of their lines to ask for with each tile: all of this thread's in all its
 * tiles. */
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

/* Copied columns of x: strips of the inputs of a tile, [rows][TILE_ROWS], 64 KB of the stack. */
enum { COPIED = 64 * 1024 / (int)sizeof(real) };

PD_INLINE ptrdiff_t strip_size(ptrdiff_t rows) { return rows * TILE_ROWS + VL; }

/* Inputs [i0, i1) of the rows that lie `at` offsets from x, of I inputs each. Whole vectors are stored: what is too
 * much of them is overwritten by the next row, or fills up the strip. */
static void copy_columns(real *to, const real *x, const ptrdiff_t *at, ptrdiff_t rows, ptrdiff_t i0, ptrdiff_t i1,
                         ptrdiff_t I) {
    for (ptrdiff_t b = 0; b < rows; b++, to += TILE_ROWS) {
        const real *row = x + at[b];
        real *strip = to;
        for (ptrdiff_t i = i0; i < i1; i += TILE_ROWS, strip += strip_size(rows))
            for (ptrdiff_t j = 0; j < TILE_ROWS && i + j < I; j += VL)
                vstore(strip + j, vload_m(row + i + j, min_(VL, I - i - j)));
    }
}

/* The columns that are copied next, n of each row, and of how many rows to ask for them with each tile. A row's may
 * lie on a line more than they fill. */
typedef struct {
    const real *x;
    const ptrdiff_t *at;
    ptrdiff_t n, row, rows, each;
} columns_ahead;

PD_INLINE void columns_fetch(columns_ahead *next) {
    for (const ptrdiff_t end = min_(next->rows, next->row + next->each); next->row < end; next->row++)
        for (ptrdiff_t i = 0; i < next->n + LINE; i += LINE) PREFETCH(next->x + next->at[next->row] + i);
}

/* What the tiles of a gradient share. */
typedef struct {
    const pd_gemm_dw_args *a;
    const pd_gemm_step_args *s; /* NULL: no step to take */
    const pd_step *step;
    real *pack, *copied; /* copied: columns of x, or NULL */
    ptrdiff_t from;      /* its first input */
    ahead next;
    columns_ahead columns;
} job;

/* Rows [b0, b0 + rows) of dy of panels [p0, p1), each [tile columns][rows][tile width]. */
static void pack_panels(const job *q, ptrdiff_t p0, ptrdiff_t p1, ptrdiff_t b0, ptrdiff_t rows) {
    const ptrdiff_t O = q->a->O, w = panel_width(O), tw = tile_width(w);
    const real *dy = (const real *)q->a->dy + b0 * O;
    for (ptrdiff_t j = p0 * w; j < p1 * w; j += tw)
        PD_NAME(gemm_pack_rows)(q->pack + (j - p0 * w) * rows, dy + j, O, rows, max_(0, min_(tw, O - j)), tw);
}

/* Rows [b0, b0 + t->run) of the gradient of inputs [i0, i1) of panel p. t: how those rows are read; x: the first of
 * them where they lie; dy: the panel's, packed. */
PD_INLINE void panel_rows(job *q, tile_args *t, const real *x, const real *dy, ptrdiff_t p, ptrdiff_t b0, ptrdiff_t i0,
                          ptrdiff_t i1) {
    const pd_gemm_step_args *s = q->s;
    const ptrdiff_t I = q->a->I, w = panel_width(q->a->O), tw = tile_width(w), rows = t->run;
    real held[HELD_ROWS * PANEL] __attribute__((aligned(64)));
    ptrdiff_t waiting = 0; /* rows held */
    for (ptrdiff_t i = i0, m; i < i1; i += m) {
        if (q->copied) { /* the rest of a strip */
            const ptrdiff_t strip = (i - q->from) / TILE_ROWS, skip = (i - q->from) % TILE_ROWS;
            m = min_(TILE_ROWS - skip, i1 - i);
            t->a = q->copied + strip * strip_size(rows) + skip;
        } else {
            m = tile_height(i1 - i);
            t->a = x + i;
        }
        const tile_fn tile = PD_NAME(gemm_tile)(A_COLS, tw, m);
        real *dw = s ? held + waiting * w : (real *)q->a->dw + (p * I + i) * w;
        if (s) step_fetch(s, (p * I + i) * w, m * w);
        for (ptrdiff_t j = 0; j < w; j += tw) {
            t->b = dy + j * rows;
            t->c = dw + j;
            t->init = b0 || q->a->add ? t->c : NULL;
            tile(t);
        }
        rows_fetch(&q->next.rows, q->next.each);
        columns_fetch(&q->columns);
        if (!s) continue;
        waiting += m;
        if (i + m < i1 && waiting + TILE_ROWS <= HELD_ROWS) continue;
        step_take(s, q->step, held, (p * I + i + m - waiting) * w, waiting * w);
        waiting = 0;
    }
}

/* Whether `panels` of dy meet copies of columns of x: of `rows` rows, `stride` apart, of I inputs each. */
static int columns_copied(const pd_caches *caches, ptrdiff_t panels, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t I,
                          ptrdiff_t tw) {
    if (panels < PD_PANELS_TO_COPY) return 0;
    return !columns_stay(caches, rows, stride, tw) ||
           (panels >= PD_PANELS_TO_COPY_LARGE && rows * I > part_of_l2(caches, 1, PD_BLOCK_OF_X));
}

/* The gradient, to memory or, where there is a step to take, to the optimizer. Panel by panel; where columns of x are
 * copied, several panels use a copy before the next is made. */
PD_INLINE void gradient(const pd_gemm_dw_args *a, const pd_gemm_step_args *s, const pd_step *step, pd_share share) {
    const ptrdiff_t I = a->I, w = panel_width(a->O), tw = tile_width(w), most = min_(BATCH_BLOCK, a->B);
    const batch_rows x = rows_of(a->x, I, a->in_place, a->k, step);
    ptrdiff_t lo, hi;
    pd_flat(a->n, share, &lo, &hi);
    lo /= w; /* rows of the panels: p * I + i */
    hi /= w;
    if (lo >= hi) return;
    if (!s && w <= NARROW && !x.list) {
        narrow(a, &x, lo, hi);
        return;
    }
    real copied[COPIED] __attribute__((aligned(64)));
    const ptrdiff_t first = lo / I, last = (hi - 1) / I + 1;
    const int copy = columns_copied(step->caches, last - first, most, x.stride, I, tw);
    const ptrdiff_t inputs = copy ? COPIED / strip_size(most) * TILE_ROWS : I;
    const ptrdiff_t panels = copy ? PD_PACKED_OF_DY / (most * PANEL * (ptrdiff_t)sizeof(real)) : 1;
    ptrdiff_t at[BATCH_BLOCK]; /* of the rows of a block in x */
    tile_args t; /* not cleared as a whole: that takes as long as a small tile */
    t.rs = 1;
    t.runs = 1;
    t.ldb = tw;
    t.ldi = w;
    t.ldc = w;
    t.n = tw;
    t.cs = copy ? TILE_ROWS : x.stride;
    t.at = copy || !x.list ? NULL : at;
    job q = {a,
             s,
             step,
             (real *)a->pack + step->thread * a->pack_stride,
             copy ? copied : NULL,
             0,
             look_ahead(a, step, share, hi - lo),
             {0}};
    for (ptrdiff_t b0 = 0; b0 < a->B; b0 += BATCH_BLOCK) {
        t.run = min_(BATCH_BLOCK, a->B - b0);
        const real *block = x.x + (x.list ? 0 : b0 * x.stride);
        for (ptrdiff_t b = 0; (copy || x.list) && b < t.run; b++)
            at[b] = (x.list ? (ptrdiff_t)x.list[b0 + b] : b) * x.stride;
        for (ptrdiff_t p0 = first, p1; p0 < last; p0 = p1) {
            p1 = min_(last, p0 + panels);
            pack_panels(&q, p0, p1, b0, t.run);
            for (q.from = 0; q.from < I; q.from += inputs) {
                const ptrdiff_t to = min_(I, q.from + inputs);
                if (copy) {
                    const ptrdiff_t after = to < I ? to : 0, tiles = (p1 - p0) * ((to - q.from) / TILE_ROWS + 1);
                    copy_columns(copied, block, at, t.run, q.from, to, I);
                    q.columns =
                        (columns_ahead){block + after, at, min_(inputs, I - after), 0, t.run, t.run / tiles + 1};
                }
                for (ptrdiff_t p = p0; p < p1; p++)
                    panel_rows(&q, &t, block, q.pack + (p - p0) * w * t.run, p, b0, max_(q.from, lo - p * I),
                               min_(to, hi - p * I));
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
