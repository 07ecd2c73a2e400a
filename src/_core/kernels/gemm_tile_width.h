/* gemm_tile_width.h: the tiles of one width. Included by gemm_tile.c once per width, with TW defined: no guard. */
#define TILE_NAME_(name, w) name##_##w
#define TILE_NAME(name, w) TILE_NAME_(name, w)
#define TILE(name) TILE_NAME(name, TW)

#if TW == 1
/* One lane of a vector of 16 bytes: GCC 12 would keep a vector of one lane in general registers, and a loop over
 * scalars it makes a vector of products, rounded before they are added up. */
enum { TILE(LANES) = 16 / sizeof(real), TILE(VECS) = 1 };
typedef real TILE(reg) __attribute__((vector_size(16)));
PD_INLINE TILE(reg) TILE(load)(const real *p) { return (TILE(reg)){*p}; }
PD_INLINE void TILE(store)(real *p, TILE(reg) v) { *p = v[0]; }
#else
enum { TILE(LANES) = TW < VL ? TW : VL, TILE(VECS) = TW / TILE(LANES) };
typedef real TILE(vec) __attribute__((vector_size(TILE(LANES) * sizeof(real)), aligned(sizeof(real)), may_alias));
typedef real TILE(reg) __attribute__((vector_size(TILE(LANES) * sizeof(real))));
PD_INLINE TILE(reg) TILE(load)(const real *p) { return *(const TILE(vec) *)p; }
PD_INLINE void TILE(store)(real *p, TILE(reg) v) { *(TILE(vec) *)p = v; }
#endif

PD_INLINE void TILE(tile)(const tile_args *t, const int form, const int m) {
    /* UNROLL: terms per turn of the inner loop. Where two threads share a core, each instruction less counts (about a
     * tenth, else 2 to 4 %); narrow tiles are rare, and not worth the code. */
    enum { V = TILE(VECS), L = TILE(LANES), UNROLL = V == 2 ? 4 : 1 };
    TILE(reg) acc[TILE_ROWS][V];
    real edge[TILE_ROWS * TW]; /* stands in for c and init where they are narrower than the tile */
    const int whole = t->n == TW;
    const real *init = t->init;
    ptrdiff_t ldi = t->ldi;
    if (init && ldi && !whole) {
        tile_copy(edge, TW, init, ldi, m, t->n);
        init = edge;
        ldi = TW;
    }
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) acc[i][v] = init ? TILE(load)(init + i * ldi + v * L) : (TILE(reg)){0};

    const ptrdiff_t *at = t->at;
    const ptrdiff_t cs = form == A_ROWS ? 1 : t->cs, ldb = t->ldb;
    const real *row[TILE_ROWS], *b = t->b;
#pragma GCC unroll 16
    for (int i = 0; i < m; i++) row[i] = t->a + (form == A_COLS ? i : at ? at[i] : i * t->rs);
    for (ptrdiff_t r = 0, start = 0; r < t->runs; r++, start += t->jump) {
#pragma GCC unroll UNROLL
        for (ptrdiff_t k = 0; k < t->run; k++, b += ldb) {
            const ptrdiff_t here = start + (form == A_COLS && at ? at[k] : k * cs);
            /* what the next tile, of the next m inputs, needs of this row: no hardware sees a pattern there */
            if (form == A_COLS && at) __builtin_prefetch(row[0] + here + 2 * m - 1);
            TILE(reg) bv[V];
#pragma GCC unroll 2
            for (int v = 0; v < V; v++) bv[v] = TILE(load)(b + v * L);
#pragma GCC unroll 16
            for (int i = 0; i < m; i++) {
                const real s = row[i][here];
#pragma GCC unroll 2
                for (int v = 0; v < V; v++) acc[i][v] += s * bv[v];
            }
        }
    }

    real *c = whole ? t->c : edge;
    const ptrdiff_t ldc = whole ? t->ldc : TW;
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) TILE(store)(c + i * ldc + v * L, acc[i][v]);
    if (!whole) tile_copy(t->c, t->ldc, edge, TW, m, t->n);
}

#define TILE_FN(form, m) \
    static void TILE_NAME(TILE(form), m)(const tile_args *t) { TILE(tile)(t, form, m); }
#define TILE_FNS(m) TILE_FN(A_ROWS, m) TILE_FN(A_COLS, m)
TILE_EACH_HEIGHT(TILE_FNS)

#define TILE_REF_ROWS(m) TILE_NAME(TILE(A_ROWS), m),
#define TILE_REF_COLS(m) TILE_NAME(TILE(A_COLS), m),
static const tile_fn TILE(tiles)[TILE_FORMS][TILE_ROWS] = {{TILE_EACH_HEIGHT(TILE_REF_ROWS)},
                                                           {TILE_EACH_HEIGHT(TILE_REF_COLS)}};

#undef TILE_NAME_
#undef TILE_NAME
#undef TILE
#undef TILE_FN
#undef TILE_FNS
#undef TILE_REF_ROWS
#undef TILE_REF_COLS
#undef TW
