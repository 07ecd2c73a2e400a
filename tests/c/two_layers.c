/* two_layers.c: a net of two Dense layers, tanh between them, mean squared error and Adam as a plan of training steps. */
#include "test_core.h"

#include <string.h>

enum { X, T, HIDDEN, Y, DY, DHIDDEN, LOSS, DW1, DB1, DW2, DB2, BUFFERS };

static ptrdiff_t padded(ptrdiff_t units) {
    const ptrdiff_t w = pd_panel_width(units, PD_FLOAT32);
    return (units + w - 1) / w * w;
}

/* Numbers in weight k: kernel and bias of the first layer, then of the second. */
static ptrdiff_t numbers(const two_layers *m, int k) {
    const ptrdiff_t I = k < 2 ? m->size.I : m->size.H, O = padded(k < 2 ? m->size.H : m->size.O);
    return k % 2 ? O : I * O;
}

int best_isa(void) {
    const pd_cpuid cpu = pd_cpu_read();
    for (int isa = PD_ISAS - 1; isa > PD_BASELINE; isa--)
        if (pd_isa_built(isa) && pd_cpu_isas(&cpu) >> isa & 1) return isa;
    return PD_BASELINE;
}

void two_layers_reset(two_layers *m) {
    fill(m->state, m->bytes / (ptrdiff_t)sizeof(float), PD_FLOAT32, 7);
    for (int k = 0; k < NET_WEIGHTS; k++) {
        float *w = m->weights[k];
        const ptrdiff_t n = numbers(m, k), units = k < 2 ? m->size.H : m->size.O,
                        width = pd_panel_width(units, PD_FLOAT32);
        for (ptrdiff_t i = 0; i < n; i++) {
            const ptrdiff_t rows = k % 2 ? 1 : k < 2 ? m->size.I : m->size.H;
            const ptrdiff_t column = i / (rows * width) * width + i % width;
            w[i] = column < units ? (w[i] - 0.5f) * 0.2f : 0; /* what fills a panel up is 0 */
        }
        memset(w + n, 0, (size_t)((NET_SLOTS - 1) * n) * sizeof *w);
    }
    m->sums[0] = m->sums[1] = 0;
    m->count = 0;
}

/* Appends a record, and once more if that failed and the net is to try again. */
static int emit(two_layers *m, const char *op, const void *args) {
    ptrdiff_t i = pd_plan_emit(m->plan, pd_op_number(op), args);
    if (i < 0 && m->again) i = pd_plan_emit(m->plan, pd_op_number(op), args);
    return i < 0 ? -1 : 0;
}

static int buffer(two_layers *m, ptrdiff_t n) {
    int b = pd_plan_buffer(m->plan, n * (ptrdiff_t)sizeof(float));
    if (b < 0 && m->again) b = pd_plan_buffer(m->plan, n * (ptrdiff_t)sizeof(float));
    return b;
}

static int buffers(two_layers *m) {
    const ptrdiff_t B = m->size.B, I = m->size.I, H = m->size.H, O = m->size.O;
    const ptrdiff_t sizes[BUFFERS] = {
        [X] = B * I,           [T] = B * O,           [HIDDEN] = B * H,     [Y] = B * O,
        [DY] = B * O,          [DHIDDEN] = B * H,     [LOSS] = B,           [DW1] = numbers(m, 0),
        [DB1] = numbers(m, 1), [DW2] = numbers(m, 2), [DB2] = numbers(m, 3)};
    for (int b = 0; b < BUFFERS; b++) {
        const int number = buffer(m, sizes[b]);
        if (number < 0) return -1;
        CHECK(number == b, "buffer %d has number %d", b, number);
    }
    return 0;
}

/* The optimizer's records of weight k, whose gradient is in a buffer. */
static int update(two_layers *m, int k, int gradient) {
    const ptrdiff_t stride = numbers(m, k), n = k % 2 == 0 ? stride : k == 1 ? m->size.H : m->size.O;
    float *w = m->weights[k];
    void *g = pd_ref(gradient, 0);
    const pd_grad_accumulate_args sum = {.g = g, .total = w + 3 * stride, .n = n, .steps = m->size.every};
    const pd_opt_args adam = {
        .w = w, .g = g, .s0 = w + stride, .s1 = w + 2 * stride, .n = n, .a = 0.9, .b = 0.99, .eps = 1e-3};
    if (m->size.every > 1 && emit(m, "grad_accumulate", &sum) != 0) return -1;
    if (emit(m, "opt_adam_step", &adam) != 0) return -1;
    ptrdiff_t count;
    pd_plan_records(m->plan, &count);
    if (m->size.every > 1) pd_plan_when(m->plan, count - 1, PD_ON_UPDATE);
    return 0;
}

static int records(two_layers *m) {
    const ptrdiff_t B = m->size.B, I = m->size.I, H = m->size.H, O = m->size.O;
    const int isa = best_isa();
    void *x = pd_ref(X, 0), *t = pd_ref(T, 0), *h = pd_ref(HIDDEN, 0), *y = pd_ref(Y, 0), *dy = pd_ref(DY, 0);
    void *dh = pd_ref(DHIDDEN, 0), *loss = pd_ref(LOSS, 0);
    float *const *w = m->weights;
    const pd_gather_args gather_x = {.y = x, .B = B, .O = I, .k = 0}, gather_t = {.y = t, .B = B, .O = O, .k = 1};
    const pd_gemm_fwd_args first = {.x = x,
                                    .w = w[0],
                                    .b = w[1],
                                    .y = h,
                                    .act = pd_kernel_at(pd_op_number("act_tanh_fwd"), isa, PD_FLOAT32),
                                    .B = B,
                                    .I = I,
                                    .O = H};
    const pd_gemm_fwd_args second = {.x = h, .w = w[2], .b = w[3], .y = y, .B = B, .I = H, .O = O};
    const pd_loss_args mse = {.y = y, .t = t, .loss = loss, .dy = dy, .B = B, .O = O, .scale = 1.0 / (double)B};
    const pd_gemm_dx_args dx = {.dy = dy,
                                .w = w[2],
                                .dx = dh,
                                .s = h,
                                .act = pd_kernel_at(pd_op_number("act_tanh_bwd"), isa, PD_FLOAT32),
                                .B = B,
                                .I = H,
                                .O = O};
    const pd_sum_args total = {.x = loss, .n = B, .factor = 1};
    const pd_gemm_dw_args dw1 = {.x = x, .dy = dh, .dw = pd_ref(DW1, 0), .n = numbers(m, 0), .B = B, .I = I, .O = H};
    const pd_gemm_dw_args dw2 = {.x = h, .dy = dy, .dw = pd_ref(DW2, 0), .n = numbers(m, 2), .B = B, .I = H, .O = O};
    const pd_colsum_args db1 = {.x = dh, .y = pd_ref(DB1, 0), .n = H, .B = B};
    const pd_colsum_args db2 = {.x = dy, .y = pd_ref(DB2, 0), .n = O, .B = B};
    return emit(m, "gather", &gather_x) || emit(m, "gather", &gather_t) || emit(m, "gemm_fwd", &first) ||
           emit(m, "gemm_fwd", &second) || emit(m, "loss_mse", &mse) || emit(m, "gemm_dx", &dx) ||
           emit(m, "sum", &total) || emit(m, "gemm_dw", &dw1) || emit(m, "gemm_dw", &dw2) || emit(m, "colsum", &db1) ||
           emit(m, "colsum", &db2) || update(m, 0, DW1) || update(m, 1, DB1) || update(m, 2, DW2) || update(m, 3, DB2);
}

int two_layers_build(two_layers *m, layer_sizes size, int again) {
    *m = (two_layers){.size = size, .again = again};
    ptrdiff_t n = 0;
    for (int k = 0; k < NET_WEIGHTS; k++) n += NET_SLOTS * numbers(m, k);
    m->bytes = n * (ptrdiff_t)sizeof(float);
    m->state = malloc((size_t)m->bytes);
    CHECK(m->state, "no memory");
    float *w = m->state;
    for (int k = 0; k < NET_WEIGHTS; w += NET_SLOTS * numbers(m, k++)) m->weights[k] = w;
    two_layers_reset(m);
    for (int i = 0; i <= again && !m->plan; i++) m->plan = pd_plan_new(PD_FLOAT32, best_isa(), size.threads);
    if (!m->plan || buffers(m) != 0 || records(m) != 0) return -1;
    int sealed = -1;
    for (int i = 0; i <= again && sealed != 0; i++) sealed = pd_plan_seal(m->plan, size.gap);
    return sealed;
}

void two_layers_bind(two_layers *m) {
    const size_t bytes = (size_t)pd_plan_bytes(m->plan);
    char *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    CHECK(memory, "no memory");
    memset(memory, 0xff, bytes); /* NaN */
    pd_plan_bind(m->plan, memory);
    free(m->memory);
    m->memory = memory;
}

void two_layers_train(two_layers *m, const pd_record *records, ptrdiff_t steps, int threads) {
    static float data_x[NET_ROWS * NET_COLUMNS], data_t[NET_ROWS * NET_COLUMNS];
    static int64_t order[NET_STEPS * NET_ROWS];
    static double coefs[NET_STEPS][PD_COEFS];
    const layer_sizes *s = &m->size;
    CHECK(s->B <= NET_ROWS && s->I <= NET_COLUMNS && s->O <= NET_COLUMNS && m->count + steps <= NET_STEPS, "too large");
    fill(data_x, NET_ROWS * s->I, PD_FLOAT32, 1);
    fill(data_t, NET_ROWS * s->O, PD_FLOAT32, 2);
    for (int i = 0; i < NET_STEPS * NET_ROWS; i++) order[i] = (int64_t)i * 11 % NET_ROWS;
    for (int i = 0; i < NET_STEPS; i++) coefs[i][0] = 0.01 / (1 + i);
    const pd_source sources[] = {{data_x, s->I, PD_SRC_F32}, {data_t, s->O, PD_SRC_F32}};
    const pd_chunk chunk = {.steps = steps,
                            .batch = s->B,
                            .rows = order + m->count * s->B,
                            .src = sources,
                            .sums = m->sums,
                            .coefs = coefs[m->count],
                            .count = (uint64_t)m->count,
                            .every = (uint64_t)s->every};
    ptrdiff_t count;
    const pd_record *own = pd_plan_records(m->plan, &count);
    CHECK(pd_run(records ? records : own, count, &chunk, threads) == steps, "%d threads", threads);
    m->count += steps;
}

void two_layers_free(two_layers *m) {
    pd_plan_free(m->plan);
    free(m->memory);
    free(m->state);
}
