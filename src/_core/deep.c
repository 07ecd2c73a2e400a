/* deep.c: what is run on some samples after the other, and buffers that hold no more than those.
 *
 * Records in a row that split by the same samples are run on as many samples as half of L2 holds, then on the next,
 * where a share of all of them would not stay there from one record to the next. A buffer that only such records
 * touch, each share its own samples, is folded: every thread has one for the samples that it is at, and those of a
 * thread share memory. */
#include "plan.h"
#include "shares.h"

/* Whether a record may be run on a few samples at a time: what all shares read, weights, must be used often by each of
 * them, or it would be brought in anew for every few rows. */
static int few_samples_will_do(const pd_plan *p, const plan_entry *e, const pd_record *r) {
    if (r->host || r->when != PD_ALWAYS || e->key.split != PD_SPLIT_ROWS || e->key.rows != 0) return 0;
    ptrdiff_t shared = 0;
    for (const plan_touch *t = p->touches + e->first_touch, *end = t + e->touches; t < end; t++)
        if (t->whole) shared += t->hi - t->lo;
    return e->work * (p->dtype == PD_FLOAT64 ? 8 : 4) >=
           (double)PD_USES_OF_WEIGHTS * (double)shared * (double)e->key.size;
}

/* Bytes of its samples that a record touches. */
static ptrdiff_t touched(const pd_plan *p, const plan_entry *e) {
    ptrdiff_t bytes = 0;
    for (const plan_touch *t = p->touches + e->first_touch, *end = t + e->touches; t < end; t++)
        if (!t->whole) bytes += t->hi - t->lo;
    return bytes;
}

/* Samples at most that a group of records runs on at a time, on however many threads. */
static ptrdiff_t most_samples(const pd_plan *p, const pd_record *first) {
    ptrdiff_t most = 0;
    for (int nth = 1; nth <= p->threads; nth++) {
        const int parts = pd_parts(first->parts, nth);
        for (int ith = 0; ith < nth; ith++)
            for (int part = 0; part < parts; part++) {
                const pd_share share = {ith, ith + 1, nth, (uint16_t)part, (uint16_t)parts};
                ptrdiff_t lo, hi;
                pd_rows(first->samples, 1, share, &lo, &hi);
                most = max_(most, hi - lo);
            }
    }
    return most;
}

/* Whether records [i, end), which alone touch a buffer, each touch all of it, each share the bytes of its samples. */
static int is_folded(const pd_plan *p, int number, ptrdiff_t i, ptrdiff_t end, ptrdiff_t samples) {
    const plan_buffer *b = &p->buffers[number];
    if (b->bytes % samples != 0) return 0;
    for (ptrdiff_t k = i; k < end; k++) {
        const plan_entry *e = &p->entries[k];
        for (const plan_touch *t = p->touches + e->first_touch, *last = t + e->touches; t < last; t++)
            if (t->buffer == number &&
                (t->whole || t->lo != 0 || t->hi != b->bytes || pd_op_at(e->op).size > PD_ARGS_MOST))
                return 0;
    }
    return 1;
}

/* Folds what can be of a group of records. Where memory is used again, a group whose other buffers need more than that
 * saves, as they all live as long as it does, is none. */
static int fold(pd_plan *p, ptrdiff_t i, int reuse) {
    pd_record *first = &p->records[i];
    const ptrdiff_t end = i + first->deep, samples = first->samples, most = most_samples(p, first);
    plan_place *places = pd_alloc((size_t)p->nbuffers * sizeof *places);
    if (!places) return -1;
    ptrdiff_t n = 0, saved = 0, kept = 0;
    int failed = 0;
    for (int b = 0; b < p->nbuffers; b++) {
        plan_buffer *buffer = &p->buffers[b];
        if (buffer->first < i || buffer->last >= end) continue;
        if (most * p->threads >= samples || !is_folded(p, b, i, end, samples)) { /* it would save nothing */
            kept += buffer->bytes;
            continue;
        }
        saved += buffer->bytes;
        places[n++] = (plan_place){.number = b,
                                   .room = plan_aligned(buffer->bytes / samples * most),
                                   .first = buffer->first,
                                   .last = buffer->last};
    }
    if (reuse && kept >= saved) {
        first->deep = first->parts = 0;
    } else {
        const ptrdiff_t bytes = plan_pack(places, n);
        p->folded = max_(p->folded, bytes);
        failed = bytes < 0;
        for (ptrdiff_t k = 0; k < n; k++) {
            plan_buffer *buffer = &p->buffers[places[k].number];
            buffer->sample = buffer->bytes / samples;
            buffer->offset = places[k].offset;
        }
    }
    pd_free(places);
    return failed ? -1 : 0;
}

/* Tells records which of their pointers are to folded buffers. */
static int tell(pd_plan *p) {
    ptrdiff_t n = 0;
    for (ptrdiff_t t = 0; t < p->ntouches; t++)
        n += p->touches[t].buffer >= 0 && p->buffers[p->touches[t].buffer].sample;
    pd_free(p->folds);
    p->folds = pd_alloc((size_t)n * sizeof *p->folds);
    if (!p->folds) return -1;
    pd_fold *next = p->folds;
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const plan_entry *e = &p->entries[i];
        pd_record *r = &p->records[i];
        r->folds = next;
        for (const plan_touch *t = p->touches + e->first_touch, *end = t + e->touches; t < end; t++)
            if (t->buffer >= 0 && p->buffers[t->buffer].sample)
                *next++ = (pd_fold){t->field, p->buffers[t->buffer].sample, p->folded};
        r->nfolds = (uint16_t)(next - r->folds);
    }
    return 0;
}

static void find_groups(pd_plan *p) {
    const ptrdiff_t room = pd_caches_in_use()->l2.bytes / 2;
    ptrdiff_t first = 0, most = 0;
    for (ptrdiff_t i = 0; i <= p->count; i++) {
        const int joins = i < p->count && few_samples_will_do(p, &p->entries[i], &p->records[i]);
        const int goes_on =
            joins && i > first && !p->records[i].barrier && plan_same_key(p->entries[i].key, p->entries[first].key);
        if (!goes_on) {
            if (i - first > 1) {
                pd_record *r = &p->records[first];
                const ptrdiff_t samples = p->entries[first].key.size, each = most / samples;
                const ptrdiff_t parts = each < PD_DEEP_FROM ? 1 : each > room ? samples : samples * each / room;
                r->deep = parts > 1 ? (int)(i - first) : 0;
                r->parts = (int)min_(parts, PD_DEEP_PARTS);
                r->samples = samples;
            }
            first = joins ? i : i + 1;
            most = 0;
        }
        if (joins && touched(p, &p->entries[i]) > most) most = touched(p, &p->entries[i]);
    }
}

int plan_find_deep(pd_plan *p, ptrdiff_t gap) {
    ptrdiff_t bytes = 0;
    p->folded = 0;
    for (ptrdiff_t i = 0; i < p->count; i++) p->records[i].deep = p->records[i].parts = 0;
    for (ptrdiff_t b = 0; b < p->nbuffers; b++) {
        p->buffers[b].sample = 0;
        bytes += p->buffers[b].bytes;
    }
    if (gap == 0) find_groups(p); /* else somebody wants to look at all buffers */
    for (ptrdiff_t i = 0; i < p->count; i++)
        if (p->records[i].deep && fold(p, i, bytes >= PD_REUSE_FROM) != 0) return -1;
    return tell(p);
}
