/* conv_dw: dw(u, v, c, o) = sum over images and windows of x(.., c) dy(.., o), and db(o) = sum of dy(.., o), for
 * conv_fwd.
 * x [B][H][W][C]   dy [B][OH][OW][O]   dw [S] x panels [G][ceil(O/G/width)][KH*KW*C/G][width]   db [S][ldb] or NULL
 * Slice s sums images [s B / S, (s + 1) B / S), each element as one chain in the order of windows; S is a function of
 * shape alone, so that the bits depend on no thread. add: to what is there (S is 1 then). Shares are (slice, row of
 * taps, panel). A tile is as many neighbouring channels of a row of taps as it has rows; its terms are windows, some
 * of them before the next channels. Channels are copied where those of neighbouring windows would push each other out
 * of L1. The padding of the last panel gets exact zeros. Bound: gemm_tile.c with K = windows. */
#include "conv.h"

enum { WINDOWS = PD_BATCH_BLOCK, PANELS = PD_PANELS_OF_DY };

/* What the units of a slice share, and the windows of a block that are summed up next: where each lies in it. */
typedef struct {
    const pd_conv_dw_args *a;
    const conv_block *in;
    const real *dy; /* of the first of them */
    real *pack; /* dy, panel by panel */
    ptrdiff_t slice, lo, hi; /* units [lo, hi) of it */
    ptrdiff_t n, panels; /* windows; panels of a group of filters */
    ptrdiff_t packed; /* first of the panels in `pack`, or -1 */
    int begins; /* nothing has been added up yet */
    int copied; /* channels are */
    ptrdiff_t at[WINDOWS];
} job;

/* dy of panels [p, p + count), each [tile columns][windows][tile width]; from where it lies if that is so there. */
static const real *pack(job *q, ptrdiff_t p, ptrdiff_t count) {
    const pd_conv_dw_args *a = q->a;
    const ptrdiff_t O = a->O / a->G, w = panel_width(O), tw = tile_width(w);
    if (a->O == tw) return q->dy;
    if (q->packed == p) return q->pack;
    q->packed = p;
    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t g = (p + i) / q->panels, first = (p + i) % q->panels * w;
        for (ptrdiff_t j = 0; j < w; j += tw)
            PD_NAME(gemm_pack_rows)(q->pack + (i * w + j) * q->n, q->dy + g * O + first + j, a->O, q->n,
                                    max_(0, min_(tw, O - first - j)), tw);
    }
    return q->pack;
}

/* m channels of each window, side by side; whole vectors are stored, what is too much is overwritten by the next. */
static void copy_channels(const job *q, real *to, const real *x, ptrdiff_t m) {
    for (ptrdiff_t k = 0; k < q->n; k++)
        PD_FOR_VECTORS (i, lanes, 0, m) vstore(to + k * TILE_ROWS + i, vload_m(x + q->at[k] + i, lanes));
}

/* One row u of taps of panels [p, p + count) of one group. */
static void row_of_taps(job *q, ptrdiff_t u, ptrdiff_t p, ptrdiff_t count) {
    const pd_conv_dw_args *a = q->a;
    const ptrdiff_t I = a->C / a->G, w = panel_width(a->O / a->G), tw = tile_width(w), K = a->KH * a->KW * I;
    const int by_rows = a->G == 1 && (a->DW == 1 || a->KW == 1); /* channels of all taps of the row lie side by side */
    const ptrdiff_t side = by_rows ? a->KW * I : I, pieces = by_rows ? 1 : a->KW;
    const real *b = pack(q, p, count), *x = q->in->x + u * a->DH * q->in->ld + p / q->panels * I;
    real *dw = (real *)a->dw + ((q->slice * a->G * q->panels + p) * K + u * a->KW * I) * w;
    real strip[WINDOWS * TILE_ROWS + VL] __attribute__((aligned(64)));
    for (ptrdiff_t v = 0; v < pieces; v++, dw += side * w, x += a->DW * a->C)
        for (ptrdiff_t i = 0, m; i < side; i += m) {
            m = tile_height(side - i);
            if (q->copied) copy_channels(q, strip, x + i, m);
            const tile_fn tile = PD_NAME(gemm_tile)(A_COLS, tw, m);
            for (ptrdiff_t r = 0; r < count; r++)
                for (ptrdiff_t j = 0; j < w; j += tw) {
                    real *c = dw + (r * K + i) * w + j;
                    const tile_args t = {.a = q->copied ? strip : x + i,
                                         .cs = TILE_ROWS,
                                         .at = q->copied ? NULL : q->at,
                                         .run = q->n,
                                         .runs = 1,
                                         .b = b + (r * w + j) * q->n,
                                         .ldb = tw,
                                         .init = q->begins ? NULL : c,
                                         .ldi = w,
                                         .c = c,
                                         .ldc = w,
                                         .n = tw};
                    tile(&t);
                }
        }
}

/* The gradients of the biases of panels [p, p + count) of one group: inputs that are always 1. */
static void biases(job *q, ptrdiff_t p, ptrdiff_t count) {
    const pd_conv_dw_args *a = q->a;
    const ptrdiff_t O = a->O / a->G, w = panel_width(O), tw = tile_width(w), g = p / q->panels;
    static const real one = 1;
    const real *b = pack(q, p, count);
    for (ptrdiff_t j = p % q->panels * w, i = 0; i < count * w && j < O; j += tw, i += tw) {
        real *c = (real *)a->db + q->slice * a->ldb + g * O + j;
        const tile_args t = {.a = &one,
                             .run = q->n,
                             .runs = 1,
                             .b = b + i * q->n,
                             .ldb = tw,
                             .init = q->begins ? NULL : c,
                             .ldi = w,
                             .c = c,
                             .ldc = w,
                             .n = min_(tw, O - j)};
        PD_NAME(gemm_tile)(A_COLS, tw, 1)(&t);
    }
}

/* All units of the slice, for some windows: unit u * panels + p, a few panels of a group at a time. */
static void windows(job *q) {
    const ptrdiff_t all = q->a->G * q->panels;
    q->packed = -1;
    for (ptrdiff_t unit = q->lo, count; unit < q->hi; unit += count) {
        const ptrdiff_t u = unit / all, p = unit % all, group = q->panels - p % q->panels;
        count = min_(min_(PANELS, group), q->hi - unit);
        row_of_taps(q, u, p, count);
        if (u == 0 && q->a->db) biases(q, p, count);
    }
    q->begins = 0;
}

PD_KERNEL(conv_dw) {
    PD_ARGS(conv_dw);
    const ptrdiff_t O = a->O / a->G, w = panel_width(O), panels = (O + w - 1) / w, units = a->G * panels * a->KH;
    const ptrdiff_t lo = pd_cut(a->S * units, share.lo, share.of), hi = pd_cut(a->S * units, share.hi, share.of);
    real *scratch = (real *)a->pad + step->thread * a->pad_stride;
    conv_input in = {.x = a->x,
                     .H = a->H,
                     .W = a->W,
                     .C = a->C,
                     .rows = {a->OH, -a->top, a->SH, a->KH, a->DH},
                     .column = -a->left,
                     .end = (a->OW - 1) * a->SW + (a->KW - 1) * a->DW + 1 - a->left,
                     .pad = scratch + WINDOWS * PANELS * PANEL};
    PD_NAME(conv_plan)(&in);
    /* fewer windows if their channels stay in L1 then; else copies */
    ptrdiff_t most = WINDOWS;
    while (most > WINDOWS / 4 && !columns_stay(step->caches, most, a->SW * a->C, tile_width(w))) most /= 2;
    const int copied = !columns_stay(step->caches, most, a->SW * a->C, tile_width(w));
    if (copied) most = WINDOWS;
    for (ptrdiff_t s = lo / units; s * units < hi; s++) {
        job q;
        q.a = a;
        q.pack = scratch;
        q.slice = s;
        q.lo = max_(0, lo - s * units);
        q.hi = min_(units, hi - s * units);
        q.panels = panels;
        q.begins = !a->add;
        q.copied = copied;
        const ptrdiff_t first = a->B * s / a->S, last = a->B * (s + 1) / a->S;
        for (ptrdiff_t n = first; n < last; n += in.images)
            for (ptrdiff_t t = 0; t < a->OH; t += in.block) {
                const ptrdiff_t images = min_(in.images, last - n), high = min_(a->OH, t + in.block) - t;
                const conv_block block = PD_NAME(conv_read)(&in, n, images, t, t + high);
                q.in = &block;
                q.dy = (const real *)a->dy + (n * a->OH + t) * a->OW * a->O;
                const ptrdiff_t all = images * high * a->OW;
                ptrdiff_t image = 0, row = 0, column = 0;
                for (ptrdiff_t done = 0; done < all; done += q.n) {
                    q.n = min_(most, all - done);
                    for (ptrdiff_t k = 0; k < q.n; k++) {
                        q.at[k] = image * block.image + ((t + row) * a->SH - a->top) * block.ld +
                                  (column * a->SW - a->left) * a->C;
                        if (++column < a->OW) continue;
                        column = 0;
                        if (++row < high) continue;
                        row = 0;
                        image++;
                    }
                    windows(&q);
                    q.dy += q.n * a->O;
                }
            }
    }
}
