/* conv_dw: dw(u, v, c, o) = sum over images and windows of x(.., c) dy(.., o), and db(o) = sum of dy(.., o), for conv_fwd.
 * x [B][H][W][C]   dy [B][OH][OW][O]   dw [S] x panels [G][ceil(O/G/width)][KH*KW*C/G][width]   db [S][ldb] or NULL
 * Slice s sums images [s B / S, (s + 1) B / S), each element as one chain in the order of windows; S is a function of shape
 * alone, so that the bits depend on no thread. add: to what is there (S is 1 then). Shares are (slice, group, panel, row
 * of taps). A tile is as many neighbouring channels of a row of taps as it has rows; its terms are windows, WINDOWS of
 * them before the next channels. The padding of the last panel gets exact zeros. Bound: gemm_tile.c with K = windows. */
#include "conv.h"

enum { WINDOWS = PD_BATCH_BLOCK };

/* The windows of a block that are summed up next: where each lies in the block, and their dy. */
typedef struct {
    ptrdiff_t at[WINDOWS], n;
    const real *dy;
} terms;

/* dy of a panel: tile column j begins at b + j * across, rows ld apart. */
typedef struct {
    const real *b;
    ptrdiff_t across, ld;
} outputs;

/* What the units of a slice share. */
typedef struct {
    const pd_conv_dw_args *a;
    ptrdiff_t slice, lo, hi; /* units [lo, hi) of it */
    real *pack; /* dy by panel */
} job;

PD_INLINE ptrdiff_t panels_of(const pd_conv_dw_args *a) {
    const ptrdiff_t O = a->O / a->G, w = panel_width(O);
    return (O + w - 1) / w;
}

/* One row of taps of a panel, all its channels; begins: nothing has been added up yet. */
static void row_of_taps(const job *q, const conv_block *in, const terms *k, const outputs *dy, ptrdiff_t gp,
                        ptrdiff_t u, int begins) {
    const pd_conv_dw_args *a = q->a;
    const ptrdiff_t I = a->C / a->G, w = panel_width(a->O / a->G), tw = tile_width(w), g = gp / panels_of(a);
    const int by_rows = a->G == 1 && (a->DW == 1 || a->KW == 1); /* channels of all taps of the row lie side by side */
    const ptrdiff_t side = by_rows ? a->KW * I : I, pieces = by_rows ? 1 : a->KW;
    const ptrdiff_t size = a->G * panels_of(a) * a->KH * a->KW * I * w;
    real *dw = (real *)a->dw + q->slice * size + (gp * a->KH + u) * a->KW * I * w;
    for (ptrdiff_t v = 0; v < pieces; v++, dw += side * w)
        for (ptrdiff_t i = 0, m; i < side; i += m) {
            m = tile_height(side - i);
            const tile_fn tile = PD_NAME(gemm_tile)(A_COLS, tw, m);
            for (ptrdiff_t j = 0; j < w; j += tw) {
                real *c = dw + i * w + j;
                const tile_args t = {.a = in->x + u * a->DH * in->ld + v * a->DW * a->C + g * I + i,
                                     .at = k->at,
                                     .run = k->n,
                                     .runs = 1,
                                     .b = dy->b + j * dy->across,
                                     .ldb = dy->ld,
                                     .init = begins ? NULL : c,
                                     .ldi = w,
                                     .c = c,
                                     .ldc = w,
                                     .n = tw};
                tile(&t);
            }
        }
}

/* The gradient of a panel's biases: inputs that are always 1. */
static void biases(const job *q, const terms *k, const outputs *dy, ptrdiff_t gp, int begins) {
    const pd_conv_dw_args *a = q->a;
    const ptrdiff_t O = a->O / a->G, w = panel_width(O), tw = tile_width(w), g = gp / panels_of(a),
                    p = gp % panels_of(a);
    static const real one = 1;
    const tile_fn tile = PD_NAME(gemm_tile)(A_COLS, tw, 1);
    for (ptrdiff_t j = 0; j < min_(w, O - p * w); j += tw) {
        real *c = (real *)a->db + q->slice * a->ldb + g * O + p * w + j;
        const tile_args t = {.a = &one,
                             .run = k->n,
                             .runs = 1,
                             .b = dy->b + j * dy->across,
                             .ldb = dy->ld,
                             .init = begins ? NULL : c,
                             .ldi = w,
                             .c = c,
                             .ldc = w,
                             .n = min_(tw, O - p * w - j)};
        tile(&t);
    }
}

/* All units of the slice, for some windows. */
static void windows(const job *q, const conv_block *in, const terms *k, int begins) {
    const pd_conv_dw_args *a = q->a;
    const ptrdiff_t O = a->O / a->G, w = panel_width(O), tw = tile_width(w);
    for (ptrdiff_t unit = q->lo; unit < q->hi; unit++) {
        const ptrdiff_t gp = unit / a->KH, u = unit % a->KH, g = gp / panels_of(a), p = gp % panels_of(a);
        const real *dy = k->dy + g * O + p * w;
        const int whole = O >= (p + 1) * w;
        if (!whole && (unit == q->lo || u == 0))
            for (ptrdiff_t j = 0; j < w; j += tw)
                PD_NAME(gemm_pack_rows)(q->pack + j * k->n, dy + j, a->O, k->n, max_(0, min_(tw, O - p * w - j)), tw);
        const outputs panel = whole ? (outputs){dy, 1, a->O} : (outputs){q->pack, k->n, tw};
        row_of_taps(q, in, k, &panel, gp, u, begins);
        if (u == 0 && a->db) biases(q, k, &panel, gp, begins);
    }
}

PD_KERNEL(conv_dw) {
    PD_ARGS(conv_dw);
    const ptrdiff_t units = a->G * panels_of(a) * a->KH;
    const ptrdiff_t lo = pd_cut(a->S * units, share.lo, share.of), hi = pd_cut(a->S * units, share.hi, share.of);
    real *pack = (real *)a->pad + step->thread * a->pad_stride;
    conv_input in = {.x = a->x,
                     .H = a->H,
                     .W = a->W,
                     .C = a->C,
                     .rows = {a->OH, -a->top, a->SH, a->KH, a->DH},
                     .column = -a->left,
                     .end = (a->OW - 1) * a->SW + (a->KW - 1) * a->DW + 1 - a->left,
                     .pad = pack + WINDOWS * PANEL};
    PD_NAME(conv_plan)(&in);
    for (ptrdiff_t s = lo / units; s * units < hi; s++) {
        const job q = {a, s, max_(0, lo - s * units), min_(units, hi - s * units), pack};
        const ptrdiff_t first = a->B * s / a->S, last = a->B * (s + 1) / a->S;
        int begins = !a->add;
        for (ptrdiff_t n = first; n < last; n += in.images)
            for (ptrdiff_t t = 0; t < a->OH; t += in.block) {
                const ptrdiff_t images = min_(in.images, last - n), high = min_(a->OH, t + in.block) - t;
                const conv_block block = PD_NAME(conv_read)(&in, n, images, t, t + high);
                const ptrdiff_t all = images * high * a->OW;
                terms k = {.n = 0, .dy = (const real *)a->dy + (n * a->OH + t) * a->OW * a->O};
                for (ptrdiff_t i = 0; i < all; i++) {
                    const ptrdiff_t column = i % a->OW, row = i / a->OW % high, image = i / a->OW / high;
                    k.at[k.n++] = image * block.image + ((t + row) * a->SH - a->top) * block.ld +
                                  (column * a->SW - a->left) * a->C;
                    if (k.n < WINDOWS && i + 1 < all) continue;
                    windows(&q, &block, &k, begins);
                    begins = 0;
                    k.dy += k.n * a->O;
                    k.n = 0;
                }
            }
    }
}
