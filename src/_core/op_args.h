/* op_args.h: one argument struct per family of kernels, written once as a list of fields.
 *
 * The list makes the struct that kernels read, the table that Plan.emit fills it from, and the facts that plans ask
 * for:
 *   IN(x, bytes)    pointer to read; each share reads its own part of it
 *   ALL(x, bytes)   pointer to read; every share may read all of it
 *   OUT(y, bytes)   pointer to write (may be read too); each share writes its own part
 *   SCR(s, bytes)   scratch of so many bytes per thread: s + thread * s_stride; a plan brings it by itself
 *   FN(f)           another kernel, by name     INT(n)  size or flag, ptrdiff_t      REAL(a)  constant, double
 * `bytes` says how far the kernel reaches behind the pointer at most: R(n) elements of the kernel's dtype, D(n)
 * doubles, TAPS(n, wide) numbers of taps, of sizes a->B and so on. Any pointer may be NULL if its comment says so.
 * Shapes are in elements; B rows of the batch, I in, O out. L: rows per sample (0 stands for 1); threads share out
 * whole samples.
 */
#ifndef PD_OP_ARGS_H
#define PD_OP_ARGS_H

#include "pd.h"
#include "tuning.h"

// clang-format off: lists
/* activation, forward: y = f(x); y may be x. Row-wise ones (softmax) normalise over O.
 *   x [B][O]   y [B][O]   alpha: the function's parameter */
#define PD_FIELDS_act_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) INT(B) INT(O) INT(L) REAL(alpha)

/* activation, backward: dx = dy * f'(.); dx may be dy.
 *   s [B][O] x or y of the forward pass, as ops.def says   dy [B][O]   dx [B][O] */
#define PD_FIELDS_act_bwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(s, R(a->B * a->O)) IN(dy, R(a->B * a->O)) OUT(dx, R(a->B * a->O)) INT(B) INT(O) INT(L) REAL(alpha)

/* Dense forward: y = act(x w + b).
 *   x [B][I]   w panels   b [padded O] or NULL   y [B][O]   z [B][O] x w + b kept for the backward pass, or NULL
 *   act: act_fwd kernel or NULL, applied to rows just written   in_place: 1 reads x from source k, as gather does */
#define PD_FIELDS_gemm_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->I)) ALL(w, R(a->I * PADDED(a->O))) ALL(b, R(PADDED(a->O))) OUT(y, R(a->B * a->O)) \
    OUT(z, R(a->B * a->O)) FN(act) INT(B) INT(I) INT(O) INT(L) REAL(alpha) INT(in_place) INT(k)

/* Dense input gradient: dx = (dy w^T) * act'(s).
 *   dy [B][O]   w panels   dx [B][I]   s [B][I] or NULL: what act_bwd reads   act: act_bwd kernel or NULL
 *   add: 1 adds to dx (act must be NULL)   pack: what is turned */
#define PD_FIELDS_gemm_dx(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(dy, R(a->B * a->O)) ALL(w, R(a->I * PADDED(a->O))) OUT(dx, R(a->B * a->I)) IN(s, R(a->B * a->I)) FN(act) \
    INT(B) INT(I) INT(O) INT(L) INT(add) REAL(alpha) \
    SCR(pack, R(LEAST((a->B + 31) / 32 * 32, PD_ROW_BLOCK) * LEAST(PADDED(a->O), PD_K_BLOCK))) INT(pack_stride)

/* Dense kernel gradient: dw = x^T dy, in panels.  n = panels * I * width, the split of the work
 *   x [B][I]   dy [B][O]   dw panels   add: 1 adds to dw   pack: dy by panel
 *   in_place: 1 reads x from source k, as gather does */
#define PD_FIELDS_gemm_dw(IN, ALL, OUT, SCR, FN, INT, REAL) \
    ALL(x, R(a->B * a->I)) ALL(dy, R(a->B * a->O)) OUT(dw, R(a->n)) INT(n) INT(B) INT(I) INT(O) INT(add) \
    INT(in_place) INT(k) \
    SCR(pack, LEAST(R(LEAST(a->B, PD_BATCH_BLOCK) * PADDED(a->O)), PD_PACKED_OF_DY)) INT(pack_stride)

/* Dense kernel gradient and, with each part of it, the optimizer's step, so that the gradient never leaves the caches.
 *   x dy n pack in_place k as for gemm_dw, B at most 256   w s0 s1 s2 and the rest as for opt   opt: opt kernel */
#define PD_FIELDS_gemm_step(IN, ALL, OUT, SCR, FN, INT, REAL) \
    ALL(x, R(a->B * a->I)) ALL(dy, R(a->B * a->O)) FN(opt) INT(B) INT(I) INT(O) INT(in_place) INT(k) \
    SCR(pack, LEAST(R(LEAST(a->B, PD_BATCH_BLOCK) * PADDED(a->O)), PD_PACKED_OF_DY)) INT(pack_stride) \
    PD_STEP(OUT, INT, REAL)

/* General product: y = act(op(a) op(b) + bias).
 *   x: op(a) [B][I] at x + r * rs + k * cs, rs or cs 1   w: b [I][O] or, transposed, [O][I], rows ldb apart
 *   b: bias [O] or NULL   y [B][O], rows ldy apart   act: act_fwd kernel, not a row-wise one, or NULL
 *   pack: panels of b, or NULL: few of them, on the stack */
#define PD_FIELDS_matmul(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B > 0 && a->I > 0 ? (a->B - 1) * a->rs + (a->I - 1) * a->cs + 1 : 0)) \
    ALL(w, R((a->transposed ? a->O : a->I) * a->ldb)) ALL(b, R(a->O)) OUT(y, R(a->B * a->ldy)) FN(act) INT(B) INT(I) \
    INT(O) INT(rs) INT(cs) INT(ldb) INT(transposed) INT(ldy) REAL(alpha) \
    SCR(pack, LEAST(R(a->I * ((a->O + 31) / 32 * 32)), PD_PACKED_BYTES)) INT(pack_stride)

/* Loss of a batch, value and gradient together.
 *   y [B][O] predictions, or logits for the *_logits kernels, logarithms for *_log
 *   t [B][O] targets, [B] class numbers for sparse_*, [B] numbers for gaussian   w [B / per] weights or NULL
 *   per: rows that share a weight, 0 stands for L   loss [B] weighted loss of each row
 *   dy [B][O] d(scale * sum(loss))/dy or NULL   p [B][O] predictions, for *_logits and *_log, or NULL
 *   a b: the loss's parameters   smooth: label smoothing */
#define PD_FIELDS_loss(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(y, R(a->B * a->O)) IN(t, R(a->B * a->O)) IN(w, R(PARTS(a->B, WEIGHTED(a->per, a->L)))) OUT(loss, R(a->B)) \
    OUT(dy, R(a->B * a->O)) OUT(p, R(a->B * a->O)) INT(B) INT(O) INT(L) INT(per) REAL(scale) REAL(a) REAL(b) REAL(smooth)

/* Metric of a batch: one figure per row.
 *   y t w as for losses   m [B] weighted figure of each row   k: top-k   a: threshold */
#define PD_FIELDS_metric(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(y, R(a->B * a->O)) IN(t, R(a->B * a->O)) IN(w, R(PARTS(a->B, WEIGHTED(a->per, a->L)))) OUT(m, R(a->B)) INT(B) \
    INT(O) INT(L) INT(per) INT(k) REAL(a)

/* Adds factor * (x[0] + ... + x[n-1]) to sums[slot] and, where w is given, the sum of w, each repeated for the rows
 * that share it, to sums[slot + 1] (else n).  x [n] or NULL (zero)   w [n / per] or NULL   Sums run in double, in order. */
#define PD_FIELDS_sum(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->n)) IN(w, R(a->n / WEIGHTED(a->per, a->L))) INT(n) INT(L) INT(per) INT(slot) REAL(factor)

/* Weights of rows from a mask of steps: r[b] = mask[b] * w[b / L] * scale * B / sum(mask) if normalize is 1,
 * * B / sum(mask * w) if 2.
 *   mask [B] or NULL (1)   w [B / L] or NULL (1)   r [B] */
#define PD_FIELDS_mask_weights(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(mask, R(a->B)) IN(w, R(PARTS(a->B, ROWS(a->L)))) OUT(r, R(a->B)) INT(B) INT(L) INT(normalize) REAL(scale)

/* Optimizer step on one tensor, element by element: rate and other per-step figures come from step->coef.
 *   w g s0 s1 s2 [n]   slots unused by an optimizer are NULL   decay: 1 applies w -= coef[1] * w first
 *   l1 l2: the gradient of this penalty is added to g, which stays as it is */
#define PD_FIELDS_opt(IN, ALL, OUT, SCR, FN, INT, REAL) IN(g, R(a->n)) PD_STEP(OUT, INT, REAL)
#define PD_STEP(OUT, INT, REAL) \
    OUT(w, R(a->n)) OUT(s0, R(a->n)) OUT(s1, R(a->n)) OUT(s2, R(a->n)) INT(n) INT(decay) INT(nesterov) REAL(a) \
    REAL(b) REAL(eps) REAL(l1) REAL(l2)

/* Gradients of several steps, added up: total += g; in a step that updates, g = (total + g) / steps and total = 0.
 *   g total [n] */
#define PD_FIELDS_grad_accumulate(IN, ALL, OUT, SCR, FN, INT, REAL) \
    OUT(g, R(a->n)) OUT(total, R(a->n)) INT(n) INT(steps)

/* Moving average of a weight: average = m * average + (1 - m) * w, with m = 0 while no update has been made before, else
 * momentum; then w = average in every `frequency`-th update (0: never).   w average [n]   steps: steps per update */
#define PD_FIELDS_average(IN, ALL, OUT, SCR, FN, INT, REAL) \
    OUT(w, R(a->n)) OUT(average, R(a->n)) INT(n) INT(steps) INT(frequency) REAL(momentum)

/* Penalty: g += l1 * sign(w) + 2 * l2 * w.   w g [n] */
#define PD_FIELDS_penalty_grad(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(w, R(a->n)) OUT(g, R(a->n)) INT(n) REAL(l1) REAL(l2)

/* Norms, in double.  parts [ceil(n / 64)]: l1 * sum|x| + l2 * sum x^2 of each 64 elements.   x [n] */
#define PD_FIELDS_norm_parts(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->n)) OUT(parts, D((a->n + 63) / 64)) INT(n) REAL(l1) REAL(l2)
/*   total [1] = (add: +=) the sum of parts [n] or, where it is NULL, sums[slot] += factor * that sum */
#define PD_FIELDS_sum_parts(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(parts, D(a->n)) OUT(total, D(1)) INT(n) INT(add) INT(slot) REAL(factor)

/* Gradient clipping.  g [n]   norm2 [1] in double: sum g^2, or NULL */
/*   g *= min(1, limit / sqrt(norm2)), where norm2 is given, else g = clamp(g, -limit, limit) */
#define PD_FIELDS_grad_clip(IN, ALL, OUT, SCR, FN, INT, REAL) OUT(g, R(a->n)) ALL(norm2, D(1)) INT(n) REAL(limit)

/* Embedding: rows of a table by their codes, whole numbers in [0, V).
 *   x [B] codes   w [V][O]   y [B][O] */
#define PD_FIELDS_embed_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B)) ALL(w, R(a->V * a->O)) OUT(y, R(a->B * a->O)) INT(B) INT(L) INT(O) INT(V)
/*   dw [V][O], n = V * O elements   dy [B][O]   add: 1 adds to dw */
#define PD_FIELDS_embed_bwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    ALL(x, R(a->B)) ALL(dy, R(a->B * a->O)) OUT(dw, R(a->n)) INT(n) INT(B) INT(L) INT(O) INT(V) INT(add)

/* Steps that count: m[b] = 1 if any of x[b] differs from `value`, else 0; y[b] = m[b] ? x[b] : 0.
 *   x [B][O]   y [B][O] or NULL   m [B] */
#define PD_FIELDS_mask_steps(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) OUT(m, R(a->B)) INT(B) INT(O) INT(L) REAL(value)
/* y[b] (+)= m[b] ? x[b] : 0, add: 1 adds.   x y [B][O]   m [B] */
#define PD_FIELDS_keep_steps(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) IN(m, R(a->B)) OUT(y, R(a->B * a->O)) INT(B) INT(O) INT(L) INT(add)

/* Mean over the L rows of each sample, or over those that count; 0 if none does.
 *   x [B][O]   m [B] 1 or 0, or NULL: all count   y [B / L][O] */
#define PD_FIELDS_mean_steps_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) IN(m, R(a->B)) OUT(y, R(a->B / ROWS(a->L) * a->O)) INT(B) INT(O) INT(L)
/*   dy [B / L][O]   m as before   dx [B][O]   add: 1 adds to dx */
#define PD_FIELDS_mean_steps_bwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(dy, R(a->B / ROWS(a->L) * a->O)) IN(m, R(a->B)) OUT(dx, R(a->B * a->O)) INT(B) INT(O) INT(L) INT(add)

/* Dropout, forward and backward alike: y = keep(i) ? x / (1 - rate) : 0, i the element's index in [B][O].
 *   x y [B][O]   stream: number of this layer in its model   seed: of its own, or 0: that of the step */
#define PD_FIELDS_dropout(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) INT(B) INT(O) INT(stream) INT(seed) REAL(rate)

/* The same of whole columns of a sample: element [s][j] of [B / L][O] is drawn for column j of all rows of sample s.
 *   x y [B][O]   stream seed as for dropout */
#define PD_FIELDS_dropout_maps(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) INT(B) INT(O) INT(L) INT(stream) INT(seed) REAL(rate)

/* Gaussian noise: y = x + std z or, if `factor`, y = x (1 + std z), z a standard normal number for each element.
 *   x y [B][O]   stream seed as for dropout */
#define PD_FIELDS_gaussian(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) INT(B) INT(O) INT(stream) INT(seed) INT(factor) REAL(std)

/* Augmentation of images. stream seed as for dropout.
 * By whole pixels.  x [B][H][W][C]   y [B][OH][OW][C]   top left tops lefts back flip: see image_copy.c */
#define PD_FIELDS_image_copy(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->H * a->W * a->C)) OUT(y, R(a->B * a->OH * a->OW * a->C)) INT(B) INT(H) INT(W) INT(C) INT(OH) \
    INT(OW) INT(top) INT(left) INT(tops) INT(lefts) INT(back) INT(flip) INT(stream) INT(seed) REAL(fill)
/* Shifts, turns, zooms, and their gradients.  x y, or dy dx [B][H][W][C]   the rest: see image_affine.c */
#define PD_FIELDS_image_affine(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->H * a->W * a->C)) OUT(y, R(a->B * a->H * a->W * a->C)) INT(B) INT(H) INT(W) INT(C) INT(kind) \
    INT(mode) INT(nearest) INT(same) INT(stream) INT(seed) REAL(lo) REAL(hi) REAL(lo2) REAL(hi2) REAL(fill)
/* Contrast, brightness.  x y [B][O], O = pixels * C   lo hi: of what is drawn   low high: of y   means: of channels */
#define PD_FIELDS_image_tone(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) INT(B) INT(O) INT(C) INT(stream) INT(seed) REAL(lo) REAL(hi) \
    REAL(low) REAL(high) SCR(means, R(16 * a->C)) INT(means_stride)
/* Another size.  x [B][H][W][C]   y [B][OH][OW][C]   rows [OH][1 + KH] columns [OW][1 + KW]: where each of y begins in
 * x, then its weights   line: a line of x */
#define PD_FIELDS_image_resize(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->H * a->W * a->C)) OUT(y, R(a->B * a->OH * a->OW * a->C)) ALL(rows, R(a->OH * (1 + a->KH))) \
    ALL(columns, R(a->OW * (1 + a->KW))) INT(B) INT(H) INT(W) INT(C) INT(OH) INT(OW) INT(KH) INT(KW) \
    SCR(line, R(a->W * a->C)) INT(line_stride)

/* Batch normalization over rows, per column (n = O columns split).
 *   x y [B][O]   gamma beta [O] or NULL   mean var [O] moving statistics   bmean bmean_low brstd [O] of this batch, its
 *   mean is bmean + bmean_low   mask [B] 1 or 0, or NULL: all rows count */
#define PD_FIELDS_bn_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->n)) OUT(y, R(a->B * a->n)) IN(gamma, R(a->n)) IN(beta, R(a->n)) OUT(mean, R(a->n)) \
    OUT(var, R(a->n)) OUT(bmean, R(a->n)) OUT(bmean_low, R(a->n)) OUT(brstd, R(a->n)) \
    ALL(mask, R(a->B)) INT(n) INT(B) REAL(momentum) REAL(eps)
/* with the moving statistics, by rows:  x y [B][O]   act: act_fwd kernel, not a row-wise one, or NULL */
#define PD_FIELDS_bn_infer(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) ALL(gamma, R(a->O)) ALL(beta, R(a->O)) ALL(mean, R(a->O)) \
    ALL(var, R(a->O)) FN(act) INT(B) INT(O) INT(L) REAL(eps) REAL(alpha)
/*   x dy dx [B][O] (dx NULL: not wanted; may be dy)   mask as before   dgamma dbeta [O] or NULL   add: 1 adds to both */
#define PD_FIELDS_bn_bwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->n)) IN(dy, R(a->B * a->n)) OUT(dx, R(a->B * a->n)) IN(gamma, R(a->n)) IN(bmean, R(a->n)) \
    IN(bmean_low, R(a->n)) IN(brstd, R(a->n)) ALL(mask, R(a->B)) OUT(dgamma, R(a->n)) \
    OUT(dbeta, R(a->n)) INT(n) INT(B) INT(add)

/* Layer or RMS normalization of each row (the latter about 0, the mean that it writes).  x y [B][O]   gamma beta [O] or NULL   mean mean_low rstd [B]: mean + mean_low */
#define PD_FIELDS_ln_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) ALL(gamma, R(a->O)) ALL(beta, R(a->O)) OUT(mean, R(a->B)) \
    OUT(mean_low, R(a->B)) OUT(rstd, R(a->B)) INT(B) INT(O) INT(L) REAL(eps)
#define PD_FIELDS_ln_bwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) IN(dy, R(a->B * a->O)) OUT(dx, R(a->B * a->O)) ALL(gamma, R(a->O)) IN(mean, R(a->B)) \
    IN(mean_low, R(a->B)) IN(rstd, R(a->B)) INT(B) INT(O) INT(L)
/* its parameters' gradients, by columns (n = O): dgamma dbeta [O] or NULL */
#define PD_FIELDS_ln_grad(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->n)) IN(dy, R(a->B * a->n)) ALL(mean, R(a->B)) ALL(mean_low, R(a->B)) ALL(rstd, R(a->B)) \
    OUT(dgamma, R(a->n)) OUT(dbeta, R(a->n)) INT(n) INT(B) INT(add)

/* Batch rows into a buffer: y[b] = src[k].data[rows[b]], converted.   y [B][O]
 *   in_place: 1 leaves y alone where the source has the kernel's dtype: who wants its rows reads them where they lie */
#define PD_FIELDS_gather(IN, ALL, OUT, SCR, FN, INT, REAL) OUT(y, R(a->B * a->O)) INT(B) INT(O) INT(k) INT(in_place)
/* A buffer into an output array: sinks[k][row0 + b] = x[b].   x [B][O] */
#define PD_FIELDS_put(IN, ALL, OUT, SCR, FN, INT, REAL) IN(x, R(a->B * a->O)) INT(B) INT(O) INT(k)

/* y = a * x + c (Rescaling); y may be x.   x y [B][O] */
#define PD_FIELDS_affine(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) INT(B) INT(O) REAL(a) REAL(c)
/* y = x1 + x2, x1 - x2, x1 * x2, or the larger or the smaller of both; y may be either.   all [B][O] */
#define PD_FIELDS_binary(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x1, R(a->B * a->O)) IN(x2, R(a->B * a->O)) OUT(y, R(a->B * a->O)) INT(B) INT(O)
/* dx = dy where x1 > x2, dy / 2 where x1 = x2, else 0; dx may be dy.   all [B][O] */
#define PD_FIELDS_larger(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x1, R(a->B * a->O)) IN(x2, R(a->B * a->O)) IN(dy, R(a->B * a->O)) OUT(dx, R(a->B * a->O)) INT(B) INT(O)

/* PReLU: y = x > 0 ? x : w x.   x y [B][O]   w [O] */
#define PD_FIELDS_prelu_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) ALL(w, R(a->O)) OUT(y, R(a->B * a->O)) INT(B) INT(O) INT(L)
/*   dx = x > 0 ? dy : w dy; dx may be dy */
#define PD_FIELDS_prelu_bwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) IN(dy, R(a->B * a->O)) ALL(w, R(a->O)) OUT(dx, R(a->B * a->O)) INT(B) INT(O) INT(L)
/*   by columns (n = O): dw = sum over rows of min(x, 0) dy   add: 1 adds to dw */
#define PD_FIELDS_prelu_grad(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->n)) IN(dy, R(a->B * a->n)) OUT(dw, R(a->n)) INT(n) INT(B) INT(add)

/* Columns of a wider matrix: y[b][yo + j] = x[b][xo + j] for j < O, rows ldx and ldy apart; add: 1 adds. */
#define PD_FIELDS_copy(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->ldx)) OUT(y, R(a->B * a->ldy)) INT(B) INT(O) INT(L) INT(ldx) INT(ldy) INT(xo) INT(yo) INT(add)
/* Column sums (bias gradient): y[o] = sum over b of x[b][o].   x [B][n]   y [n]   add: 1 adds to y */
#define PD_FIELDS_colsum(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->n)) OUT(y, R(a->n)) INT(n) INT(B) INT(add)

/* Convolution: windows over images.  x [B][H][W][C], y [B][OH][OW][O]; window (i, j) reads KH x KW pixels of x, DH and DW
 * apart, from pixel (i * SH - top, j * SW - left) on, zero where there is none. G groups share out C and O, I = C / G.
 *   w panels [G][ceil(O / G / width)][KH * KW * I][width] */
#define PD_CONV(INT) \
    INT(B) INT(H) INT(W) INT(C) INT(OH) INT(OW) INT(O) INT(KH) INT(KW) INT(SH) INT(SW) INT(DH) INT(DW) INT(top) INT(left) \
    INT(G)
#define PD_CONV_WEIGHTS (a->KH * a->KW * (a->C / a->G) * a->G * PADDED(a->O / a->G))
/* Forward: y = act(x * w + b).   b [O + padding] or NULL   z [B][OH][OW][O] x * w + b kept for the backward pass, or NULL
 *   act: act_fwd kernel or NULL   pad: pixels of x and zeros around them */
#define PD_FIELDS_conv_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->H * a->W * a->C)) ALL(w, R(PD_CONV_WEIGHTS)) ALL(b, R(a->O - a->O / a->G + PADDED(a->O / a->G))) \
    OUT(y, R(a->B * a->OH * a->OW * a->O)) OUT(z, R(a->B * a->OH * a->OW * a->O)) FN(act) PD_CONV(INT) REAL(alpha) \
    SCR(pad, R(PD_CONV_PAD)) INT(pad_stride)
#define PD_CONV_PAD \
    MOST(PD_BAND / real_size, ((a->KH - 1) * a->DH + 1) * ((a->OW - 1) * a->SW + (a->KW - 1) * a->DW + 1) * a->C)
/* Input gradient, and the forward pass of a transposed convolution: dx = act'(s) * (sum over the windows that read a pixel).
 *   dy [B][OH][OW][O]   t: w turned, by conv_turn   dx [B][H][W][C]   s [B][H][W][C] or NULL: what an act_bwd reads
 *   act: act_bwd kernel, act_fwd kernel (then s is NULL: dx = act(dx)) or NULL   b [C + padding] or NULL: is added
 *   z [B][H][W][C] what act_fwd gets, kept, or NULL   add: 1 adds to dx (act must be NULL)   pad: pixels of dy and zeros */
#define PD_FIELDS_conv_dx(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(dy, R(a->B * a->OH * a->OW * a->O)) ALL(t, R(PD_CONV_TURNED)) ALL(b, R(a->C - a->C / a->G + PADDED(a->C / a->G))) \
    OUT(dx, R(a->B * a->H * a->W * a->C)) OUT(z, R(a->B * a->H * a->W * a->C)) IN(s, R(a->B * a->H * a->W * a->C)) FN(act) \
    PD_CONV(INT) INT(add) REAL(alpha) SCR(pad, R(PD_CONV_PAD_DX)) INT(pad_stride)
#define PD_CONV_TURNED (a->KH * a->KW * (a->O / a->G) * a->G * PADDED(a->C / a->G))
#define PD_CONV_PAD_DX \
    MOST(PD_BAND / real_size, \
         ((a->KH - 1) * a->DH / a->SH + 2) * ((a->W - 1) / a->SW + (a->KW - 1) * a->DW / a->SW + 2) * a->O)
/*   t: for each of the SH x SW ways in which windows lie over a pixel, by rows, the taps that read it, last first:
 *   panels [G][ceil(C / G / width)][taps * O / G][width] */
#define PD_FIELDS_conv_turn(IN, ALL, OUT, SCR, FN, INT, REAL) \
    ALL(w, R(PD_CONV_WEIGHTS)) OUT(t, R(PD_CONV_TURNED)) INT(C) INT(O) INT(KH) INT(KW) INT(SH) INT(SW) INT(top) INT(left) INT(G)
/* Kernel and bias gradients, in S slices of whole images: parts [S] of dw [n], n the elements of the panels, and of db.
 *   dw [S][n]   db [S][O + padding] or NULL   add: 1 adds to both (S must be 1)   pad: pixels of x, then dy by panel */
#define PD_FIELDS_conv_dw(IN, ALL, OUT, SCR, FN, INT, REAL) \
    ALL(x, R(a->B * a->H * a->W * a->C)) ALL(dy, R(a->B * a->OH * a->OW * a->O)) OUT(dw, R(a->S * PD_CONV_WEIGHTS)) \
    OUT(db, R(a->S * a->ldb)) INT(ldb) INT(S) INT(add) PD_CONV(INT) SCR(pad, R(PD_CONV_PAD + PD_BATCH_BLOCK * 32 * PD_PANELS_OF_DY)) \
    INT(pad_stride)
/* Slices added up: y (+)= x[0] + ... + x[S - 1], in that order, ld elements apart.   x [S][ld]   y [n]   add: 1 adds to y */
#define PD_FIELDS_sum_slices(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R((a->S - 1) * a->ld + a->n)) OUT(y, R(a->n)) INT(n) INT(S) INT(ld) INT(add)
/* Pooling of B images: windows of KH x KW taps, SH and SW apart, the first of which begins at row -top, column -left.
 *   x dx [B][H][W][C]   y dy [B][OH][OW][C]   add: 1 adds to what is written */
#define PD_WINDOW_SIZES(INT) \
    INT(B) INT(H) INT(W) INT(C) INT(OH) INT(OW) INT(KH) INT(KW) INT(SH) INT(SW) INT(top) INT(left)
/*   at [B][OH][OW][C] the tap that was largest: bytes or, if `wide`, as there are more than 256, uint32_t
 *   forward NULL: not wanted */
#define PD_FIELDS_pool_max_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->H * a->W * a->C)) OUT(y, R(a->B * a->OH * a->OW * a->C)) \
    OUT(at, TAPS(a->B * a->OH * a->OW * a->C, a->wide)) PD_WINDOW_SIZES(INT) INT(wide)
#define PD_FIELDS_pool_max_bwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(dy, R(a->B * a->OH * a->OW * a->C)) IN(at, TAPS(a->B * a->OH * a->OW * a->C, a->wide)) \
    OUT(dx, R(a->B * a->H * a->W * a->C)) PD_WINDOW_SIZES(INT) INT(wide) INT(add)
/*   sum: 1 divides by nothing, which is upsampling's gradient and, backward, upsampling */
#define PD_FIELDS_pool_mean_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->H * a->W * a->C)) OUT(y, R(a->B * a->OH * a->OW * a->C)) PD_WINDOW_SIZES(INT) INT(sum) INT(add)
#define PD_FIELDS_pool_mean_bwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(dy, R(a->B * a->OH * a->OW * a->C)) OUT(dx, R(a->B * a->H * a->W * a->C)) PD_WINDOW_SIZES(INT) INT(sum) INT(add)
/* Images set into others, `top` rows and `left` columns from the edge (below 0: so many are cut off), zeros around.
 *   x [B][H][W][C]   y [B][OH][OW][C]   add: 1 adds, and leaves what is around */
#define PD_FIELDS_place(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->H * a->W * a->C)) OUT(y, R(a->B * a->OH * a->OW * a->C)) INT(B) INT(H) INT(W) INT(C) INT(OH) \
    INT(OW) INT(top) INT(left) INT(add)
/* Batch normalization of samples with several rows, by samples: x y dy dx mask gamma beta mean var bmean bmean_low brstd as for
 * bn_fwd.   parts: in double, of each sample the mean [O] and M2 [O], and how many of its rows count */
#define PD_FIELDS_bn_parts(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) IN(mask, R(a->B)) OUT(parts, D(a->B / ROWS(a->L) * (2 * a->O + 1))) INT(B) INT(O) INT(L)
/*   act: act_fwd kernel or NULL   z [B][O] what it gets, kept, or NULL */
#define PD_FIELDS_bn_apply(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O)) OUT(z, R(a->B * a->O)) ALL(parts, D(a->B / ROWS(a->L) * (2 * a->O + 1))) \
    ALL(mask, R(a->B)) ALL(gamma, R(a->O)) ALL(beta, R(a->O)) OUT(mean, R(a->O)) OUT(var, R(a->O)) OUT(bmean, R(a->O)) \
    OUT(bmean_low, R(a->O)) OUT(brstd, R(a->O)) FN(act) INT(B) INT(O) INT(L) REAL(momentum) REAL(eps) REAL(alpha) \
    SCR(own, R(4 * a->O)) INT(own_stride)
/*   parts: in double, of each sample sum dy [O] and sum dy x^ [O]
 *   act: act_bwd kernel or NULL, with s [B][O] that it reads: dy *= act'(s) first */
#define PD_FIELDS_bn_slopes(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(dy, R(a->B * a->O)) IN(s, R(a->B * a->O)) ALL(bmean, R(a->O)) ALL(bmean_low, R(a->O)) \
    ALL(brstd, R(a->O)) OUT(parts, D(a->B / ROWS(a->L) * 2 * a->O)) FN(act) INT(B) INT(O) INT(L) REAL(alpha)
#define PD_FIELDS_bn_dx(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) IN(dy, R(a->B * a->O)) OUT(dx, R(a->B * a->O)) ALL(parts, D(a->B / ROWS(a->L) * 2 * a->O)) \
    ALL(mask, R(a->B)) ALL(gamma, R(a->O)) ALL(bmean, R(a->O)) ALL(bmean_low, R(a->O)) ALL(brstd, R(a->O)) INT(B) INT(O) \
    INT(L) SCR(own, R(5 * a->O)) INT(own_stride)
/* Sums in double added up: y[i] (+)= parts[0][xo + i] + parts[1][xo + i] + ..., in that order.
 *   parts [S][ld] in double   y [n]   add: 1 adds to y */
#define PD_FIELDS_sum_wide(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(parts, D(a->S * a->ld)) OUT(y, R(a->n)) INT(n) INT(S) INT(ld) INT(xo) INT(add)

/* Depthwise convolution, each of O channels by itself.  x [B][H][W][O], y [B][OH][OW][O]; window (i, j) reads KH x KW pixels
 * of x, DH and DW apart, from pixel (i * SH - top, j * SW - left) on, none where there is no pixel.   w [KH * KW][O] */
#define PD_DEPTHWISE(INT) \
    INT(B) INT(H) INT(W) INT(O) INT(OH) INT(OW) INT(KH) INT(KW) INT(SH) INT(SW) INT(DH) INT(DW) INT(top) INT(left)
/* Forward: y = act(x * w + b).   b [O] or NULL   z as y: x * w + b kept for the backward pass, or NULL   act: act_fwd kernel or NULL */
#define PD_FIELDS_depthwise_fwd(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->H * a->W * a->O)) ALL(w, R(a->KH * a->KW * a->O)) ALL(b, R(a->O)) \
    OUT(y, R(a->B * a->OH * a->OW * a->O)) OUT(z, R(a->B * a->OH * a->OW * a->O)) FN(act) PD_DEPTHWISE(INT) REAL(alpha)
/* Input gradient: dx = act'(s) * (sum over the windows that read a pixel).   s as x, or NULL: what an act_bwd reads
 *   act: act_bwd kernel or NULL */
#define PD_FIELDS_depthwise_dx(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(dy, R(a->B * a->OH * a->OW * a->O)) ALL(w, R(a->KH * a->KW * a->O)) OUT(dx, R(a->B * a->H * a->W * a->O)) \
    IN(s, R(a->B * a->H * a->W * a->O)) FN(act) PD_DEPTHWISE(INT) REAL(alpha)
/* Gradients of kernel and bias, in S slices of whole images.   parts [S]: in double, of each dw [KH * KW][O], then db [O] */
#define PD_FIELDS_depthwise_dw(IN, ALL, OUT, SCR, FN, INT, REAL) \
    ALL(x, R(a->B * a->H * a->W * a->O)) ALL(dy, R(a->B * a->OH * a->OW * a->O)) \
    OUT(parts, D(a->S * (a->KH * a->KW + 1) * a->O)) INT(S) PD_DEPTHWISE(INT)

/* Each element M times over: y[b][i * M + m] = x[b][i].   x [B][O]   y [B][O * M] */
#define PD_FIELDS_repeat(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(x, R(a->B * a->O)) OUT(y, R(a->B * a->O * a->M)) INT(B) INT(O) INT(L) INT(M)
/* and what is sent back: dx[b][i] (+)= dy[b][i * M] + ... + dy[b][i * M + M - 1]   add: 1 adds to dx */
#define PD_FIELDS_sum_repeats(IN, ALL, OUT, SCR, FN, INT, REAL) \
    IN(dy, R(a->B * a->O * a->M)) OUT(dx, R(a->B * a->O)) INT(B) INT(O) INT(L) INT(M) INT(add)

// clang-format on
/* ---- the structs ------------------------------------------------------------------------------------------------ */
#define PD_ARG_POINTER(f, bytes) const void *f;
#define PD_ARG_TARGET(f, bytes) void *f;
#define PD_ARG_FN(f) pd_kernel f;
#define PD_ARG_INT(f) ptrdiff_t f;
#define PD_ARG_REAL(f) double f;
#define PD_FAMILY(f, work, in_place)                                                                       \
    typedef struct {                                                                                       \
        PD_FIELDS_##f(PD_ARG_POINTER, PD_ARG_POINTER, PD_ARG_TARGET, PD_ARG_TARGET, PD_ARG_FN, PD_ARG_INT, \
                      PD_ARG_REAL)                                                                         \
    } pd_##f##_args;
#include "families.def"
#undef PD_FAMILY

#endif
