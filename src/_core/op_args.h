/* op_args.h: one argument struct per family of kernels, written once as a list of fields.
 *
 * The list makes the struct that kernels read and the table that Plan.emit fills it from:
 *   IN(x)   pointer to read             OUT(y)  pointer to write (may be read too)
 *   SCR(s)  scratch, per thread: s + thread * s_stride
 *   FN(f)   another kernel, by name     INT(n)  size or flag, ptrdiff_t      REAL(a)  constant, double
 * Any pointer may be NULL where its comment says so. Shapes are in elements; B rows of the batch, I in, O out.
 */
#ifndef PD_OP_ARGS_H
#define PD_OP_ARGS_H

#include "pd.h"

/* activation, forward: y = f(x); y may be x. Row-wise ones (softmax) normalise over O.
 *   x [B][O]   y [B][O]   alpha: the function's parameter */
#define PD_FIELDS_act_fwd(IN, OUT, SCR, FN, INT, REAL) IN(x) OUT(y) INT(B) INT(O) REAL(alpha)

/* activation, backward: dx = dy * f'(.); dx may be dy.
 *   s [B][O] x or y of the forward pass, as ops.def says   dy [B][O]   dx [B][O] */
#define PD_FIELDS_act_bwd(IN, OUT, SCR, FN, INT, REAL) IN(s) IN(dy) OUT(dx) INT(B) INT(O) REAL(alpha)

/* Dense forward: y = act(x w + b).
 *   x [B][I]   w panels   b [padded O] or NULL   y [B][O]   z [B][O] x w + b kept for the backward pass, or NULL
 *   act: act_fwd kernel or NULL, applied to rows just written   in_place: 1 reads x from source k, as gather does */
#define PD_FIELDS_gemm_fwd(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) IN(w) IN(b) OUT(y) OUT(z) FN(act) INT(B) INT(I) INT(O) REAL(alpha) INT(in_place) INT(k)

/* Dense input gradient: dx = (dy w^T) * act'(s).
 *   dy [B][O]   w panels   dx [B][I]   s [B][I] or NULL: what act_bwd reads   act: act_bwd kernel or NULL
 *   add: 1 adds to dx (act must be NULL)   pack: scratch of min(B, 128) rounded up to
 *   32, times min(padded O, 512) elements per thread */
#define PD_FIELDS_gemm_dx(IN, OUT, SCR, FN, INT, REAL) \
    IN(dy) IN(w) OUT(dx) IN(s) FN(act) INT(B) INT(I) INT(O) INT(add) REAL(alpha) SCR(pack) INT(pack_stride)

/* Dense kernel gradient: dw = x^T dy, in panels.  n = panels * I * width, the split of the work
 *   x [B][I]   dy [B][O]   dw panels   add: 1 adds to dw   pack: scratch of B * width elements per thread
 *   in_place: 1 reads x from source k, as gather does */
#define PD_FIELDS_gemm_dw(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) IN(dy) OUT(dw) INT(n) INT(B) INT(I) INT(O) INT(add) INT(in_place) INT(k) SCR(pack) INT(pack_stride)

/* Dense kernel gradient and, with each part of it, the optimizer's step, so that the gradient never leaves the caches.
 *   x dy n pack in_place k as for gemm_dw, B at most 256   w s0 s1 s2 and the rest as for opt   opt: opt kernel */
#define PD_FIELDS_gemm_step(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) IN(dy) FN(opt) INT(B) INT(I) INT(O) INT(in_place) INT(k) SCR(pack) INT(pack_stride) PD_STEP(OUT, INT, REAL)

/* General product: y = act(op(a) op(b) + bias).
 *   x: op(a) [B][I] at x + r * rs + k * cs, rs or cs 1   w: b [I][O] or, transposed, [O][I], rows ldb apart
 *   b: bias [O] or NULL   y [B][O], rows ldy apart   act: act_fwd kernel, not a row-wise one, or NULL */
#define PD_FIELDS_matmul(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) IN(w) IN(b) OUT(y) FN(act) INT(B) INT(I) INT(O) INT(rs) INT(cs) INT(ldb) INT(transposed) INT(ldy) REAL(alpha)

/* Loss of a batch, value and gradient together.
 *   y [B][O] predictions, or logits for the *_logits kernels, logarithms for *_log   t [B][O] targets, [B] class numbers
 *   for sparse_*   w [B / group] sample weights or NULL   loss [B] weighted loss of each row
 *   dy [B][O] d(scale * sum(loss))/dy or NULL   p [B][O] predictions, for *_logits and *_log, or NULL
 *   group: rows per sample   a: the loss's parameter   smooth: label smoothing */
#define PD_FIELDS_loss(IN, OUT, SCR, FN, INT, REAL) \
    IN(y) IN(t) IN(w) OUT(loss) OUT(dy) OUT(p) INT(B) INT(O) INT(group) REAL(scale) REAL(a) REAL(smooth)

/* Metric of a batch: one figure per row.
 *   y t w as for losses   m [B] weighted figure of each row   k: top-k   a: threshold */
#define PD_FIELDS_metric(IN, OUT, SCR, FN, INT, REAL) IN(y) IN(t) IN(w) OUT(m) INT(B) INT(O) INT(group) INT(k) REAL(a)

/* Adds factor * (x[0] + ... + x[n-1]) to sums[slot] and, where w is given, the sum of w repeated group times to
 * sums[slot + 1] (else n).  x [n] or NULL (zero)   w [n / group] or NULL   Sums run in double, in order. */
#define PD_FIELDS_sum(IN, OUT, SCR, FN, INT, REAL) IN(x) IN(w) INT(n) INT(group) INT(slot) REAL(factor)

/* Optimizer step on one tensor, element by element: rate and other per-step figures come from step->coef.
 *   w g s0 s1 s2 [n]   slots unused by an optimizer are NULL   decay: 1 applies w -= coef[1] * w first
 *   l1 l2: the gradient of this penalty is added to g, which stays as it is */
#define PD_FIELDS_opt(IN, OUT, SCR, FN, INT, REAL) IN(g) PD_STEP(OUT, INT, REAL)
#define PD_STEP(OUT, INT, REAL) \
    OUT(w) OUT(s0) OUT(s1) OUT(s2) INT(n) INT(decay) INT(nesterov) REAL(a) REAL(b) REAL(eps) REAL(l1) REAL(l2)

/* Penalty: g += l1 * sign(w) + 2 * l2 * w.   w g [n] */
#define PD_FIELDS_penalty_grad(IN, OUT, SCR, FN, INT, REAL) IN(w) OUT(g) INT(n) REAL(l1) REAL(l2)

/* Norms, in double.  parts [ceil(n / 64)]: l1 * sum|x| + l2 * sum x^2 of each 64 elements.   x [n] */
#define PD_FIELDS_norm_parts(IN, OUT, SCR, FN, INT, REAL) IN(x) OUT(parts) INT(n) REAL(l1) REAL(l2)
/*   total [1] = (add: +=) the sum of parts [n] or, where it is NULL, sums[slot] += factor * that sum */
#define PD_FIELDS_sum_parts(IN, OUT, SCR, FN, INT, REAL) IN(parts) OUT(total) INT(n) INT(add) INT(slot) REAL(factor)

/* Gradient clipping.  g [n]   norm2 [1] in double: sum g^2, or NULL */
/*   g *= min(1, limit / sqrt(norm2)), where norm2 is given, else g = clamp(g, -limit, limit) */
#define PD_FIELDS_grad_clip(IN, OUT, SCR, FN, INT, REAL) OUT(g) IN(norm2) INT(n) REAL(limit)

/* Embedding: rows of a table by their codes, whole numbers in [0, V).
 *   x [B][L] codes   w [V][O]   y [B][L][O] */
#define PD_FIELDS_embed_fwd(IN, OUT, SCR, FN, INT, REAL) IN(x) IN(w) OUT(y) INT(B) INT(L) INT(O) INT(V)
/*   dw [V][O], n = V * O elements   dy [B][L][O]   add: 1 adds to dw */
#define PD_FIELDS_embed_bwd(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) IN(dy) OUT(dw) INT(n) INT(B) INT(L) INT(O) INT(V) INT(add)

/* Dropout, forward and backward alike: y = keep(i) ? x / (1 - rate) : 0, i the element's index in [B][O].
 *   x y [B][O]   stream: number of this layer in its model */
#define PD_FIELDS_dropout(IN, OUT, SCR, FN, INT, REAL) IN(x) OUT(y) INT(B) INT(O) INT(stream) REAL(rate)

/* Batch normalization over rows, per column (n = O columns split).
 *   x y [B][O]   gamma beta [O] or NULL   mean var [O] moving statistics   bmean brstd [O] of this batch */
#define PD_FIELDS_bn_fwd(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) OUT(y) IN(gamma) IN(beta) OUT(mean) OUT(var) OUT(bmean) OUT(brstd) INT(n) INT(B) REAL(momentum) REAL(eps)
/* with the moving statistics, by rows:  x y [B][O] */
#define PD_FIELDS_bn_infer(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) OUT(y) IN(gamma) IN(beta) IN(mean) IN(var) INT(B) INT(O) REAL(eps)
/*   x dy dx [B][O] (dx NULL: not wanted; may be dy)   dgamma dbeta [O] or NULL   add: 1 adds to dgamma and dbeta */
#define PD_FIELDS_bn_bwd(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) IN(dy) OUT(dx) IN(gamma) IN(bmean) IN(brstd) OUT(dgamma) OUT(dbeta) INT(n) INT(B) INT(add)

/* Layer normalization of each row.  x y [B][O]   gamma beta [O] or NULL   mean rstd [B] */
#define PD_FIELDS_ln_fwd(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) OUT(y) IN(gamma) IN(beta) OUT(mean) OUT(rstd) INT(B) INT(O) REAL(eps)
#define PD_FIELDS_ln_bwd(IN, OUT, SCR, FN, INT, REAL) IN(x) IN(dy) OUT(dx) IN(gamma) IN(mean) IN(rstd) INT(B) INT(O)
/* its parameters' gradients, by columns (n = O): dgamma dbeta [O] or NULL */
#define PD_FIELDS_ln_grad(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) IN(dy) IN(mean) IN(rstd) OUT(dgamma) OUT(dbeta) INT(n) INT(B) INT(add)

/* Batch rows into a buffer: y[b] = src[k].data[rows[b]], converted.   y [B][O]
 *   in_place: 1 leaves y alone where the source has the kernel's dtype: who wants its rows reads them where they lie */
#define PD_FIELDS_gather(IN, OUT, SCR, FN, INT, REAL) OUT(y) INT(B) INT(O) INT(k) INT(in_place)
/* A buffer into an output array: sinks[k][row0 + b] = x[b].   x [B][O] */
#define PD_FIELDS_put(IN, OUT, SCR, FN, INT, REAL) IN(x) INT(B) INT(O) INT(k)

/* y = a * x + c (Rescaling); y may be x.   x y [B][O] */
#define PD_FIELDS_affine(IN, OUT, SCR, FN, INT, REAL) IN(x) OUT(y) INT(B) INT(O) REAL(a) REAL(c)
/* y = x1 + x2, or y = x1 * x2; y may be either.   all [B][O] */
#define PD_FIELDS_binary(IN, OUT, SCR, FN, INT, REAL) IN(x1) IN(x2) OUT(y) INT(B) INT(O)
/* Columns of a wider matrix: y[b][yo + j] = x[b][xo + j] for j < O, rows ldx and ldy apart; add: 1 adds. */
#define PD_FIELDS_copy(IN, OUT, SCR, FN, INT, REAL) \
    IN(x) OUT(y) INT(B) INT(O) INT(ldx) INT(ldy) INT(xo) INT(yo) INT(add)
/* Column sums (bias gradient): y[o] = sum over b of x[b][o].   x [B][n]   y [n]   add: 1 adds to y */
#define PD_FIELDS_colsum(IN, OUT, SCR, FN, INT, REAL) IN(x) OUT(y) INT(n) INT(B) INT(add)

/* ---- the structs ------------------------------------------------------------------------------------------------ */
#define PD_ARG_IN(f) const void *f;
#define PD_ARG_OUT(f) void *f;
#define PD_ARG_SCR(f) void *f;
#define PD_ARG_FN(f) pd_kernel f;
#define PD_ARG_INT(f) ptrdiff_t f;
#define PD_ARG_REAL(f) double f;
#define PD_FAMILY(f)                                                                         \
    typedef struct {                                                                         \
        PD_FIELDS_##f(PD_ARG_IN, PD_ARG_OUT, PD_ARG_SCR, PD_ARG_FN, PD_ARG_INT, PD_ARG_REAL) \
    } pd_##f##_args;
#include "families.def"
#undef PD_FAMILY

#endif
