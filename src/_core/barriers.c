/* barriers.c: where threads must wait for each other, where those that are done may help, and what is run on some
 * samples after the other.
 *
 * A barrier stands before a record if a thread could otherwise touch what another one wrote, or write what another one
 * reads, since the last barrier. Records of equal keys give each thread the same share of the same bytes, so they need
 * none between them. */
#include "plan.h"

#include <math.h>

int plan_same_key(plan_key a, plan_key b) { return a.split == b.split && a.size == b.size && a.rows == b.rows; }

/* Something touched since the last barrier. */
typedef struct {
    plan_touch at;
    plan_key key;
} recent;

/* Where the bytes of a touch lie: buffers that share memory are told apart no longer. */
static plan_touch placed(const pd_plan *p, plan_touch t, int laid_out) {
    if (!laid_out || t.buffer < 0) return t;
    const ptrdiff_t at = p->buffers[t.buffer].offset;
    t.buffer = 0;
    t.lo += at;
    t.hi += at;
    return t;
}

static int in_each_others_way(const recent *a, const recent *b) {
    if (a->at.buffer != b->at.buffer || a->at.hi <= b->at.lo || b->at.hi <= a->at.lo) return 0;
    if (!a->at.writes && !b->at.writes) return 0;
    if (!plan_same_key(a->key, b->key)) return 1;
    if (a->key.split == PD_SPLIT_SERIAL) return 0; /* thread 0 does one after the other */
    const int same_bytes = a->at.lo == b->at.lo && a->at.hi == b->at.hi;
    return !same_bytes || a->at.whole || b->at.whole;
}

static int same(const recent *a, const recent *b) {
    return a->at.buffer == b->at.buffer && a->at.lo == b->at.lo && a->at.hi == b->at.hi &&
           a->at.writes == b->at.writes && a->at.whole == b->at.whole && plan_same_key(a->key, b->key);
}

int plan_find_barriers(pd_plan *p, int laid_out) {
    recent *since = pd_alloc((size_t)p->ntouches * sizeof *since);
    if (!since) return -1;
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const plan_entry *e = &p->entries[i];
        pd_record *r = &p->records[i];
        const plan_touch *touches = p->touches + e->first_touch;
        int barrier = i == 0 || r->host; /* where a step begins the one before it ends */
        for (ptrdiff_t t = 0; t < e->touches && !barrier; t++) {
            const recent now = {placed(p, touches[t], laid_out), e->key};
            for (ptrdiff_t j = 0; j < n && !barrier; j++) barrier = in_each_others_way(&since[j], &now);
        }
        r->barrier = (uint8_t)barrier;
        if (barrier) n = 0;
        for (ptrdiff_t t = 0; t < e->touches && !r->host; t++) { /* behind a host record there is a barrier as well */
            const recent now = {placed(p, touches[t], laid_out), e->key};
            ptrdiff_t j = 0;
            while (j < n && !same(&since[j], &now)) j++;
            if (j == n) since[n++] = now;
        }
    }
    pd_free(since);
    return 0;
}

/* Records between two barriers are run in pieces if they are long and all of them can be. Rows cannot: a product reads
 * all weights for each piece of them. */
void plan_find_pieces(pd_plan *p) {
    ptrdiff_t first = -1;
    double work = 0;
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const plan_entry *e = &p->entries[i];
        pd_record *r = &p->records[i];
        r->pieces = 0;
        if (r->barrier) {
            first = i;
            work = 0;
        }
        if (r->host) first = -1;
        if (first < 0) continue;
        if (e->split == PD_SPLIT_ROWS || e->split == PD_SPLIT_SAMPLES || e->split == PD_SPLIT_SCAN) work = -INFINITY;
        else if (e->split != PD_SPLIT_SERIAL) work += e->work;
        p->records[first].pieces = work >= PD_PIECES_FROM ? (int)(i - first + 1) : 0;
    }
}

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

/* Records in a row that split by the same samples are run on as many samples as half of L2 holds, then on the next,
 * where a share of all of them would not stay there from one record to the next. They keep all of their buffers, so
 * not in plans that are large enough to use memory again. */
void plan_find_deep(pd_plan *p) {
    const ptrdiff_t room = pd_caches_in_use()->l2.bytes / 2;
    ptrdiff_t first = 0, most = 0;
    for (ptrdiff_t i = 0; i < p->count; i++) p->records[i].deep = p->records[i].parts = 0;
    ptrdiff_t bytes = 0;
    for (ptrdiff_t b = 0; b < p->nbuffers; b++) bytes += p->buffers[b].bytes;
    if (bytes >= PD_REUSE_FROM) return;
    for (ptrdiff_t i = 0; i <= p->count; i++) {
        const int joins = i < p->count && few_samples_will_do(p, &p->entries[i], &p->records[i]);
        const int goes_on =
            joins && i > first && !p->records[i].barrier && plan_same_key(p->entries[i].key, p->entries[first].key);
        if (!goes_on) {
            if (i - first > 1) {
                const ptrdiff_t samples = p->entries[first].key.size, each = most / samples;
                const ptrdiff_t parts = each < PD_DEEP_FROM ? 1 : each > room ? samples : samples * each / room;
                p->records[first].deep = parts > 1 ? (int)(i - first) : 0;
                p->records[first].parts = (int)(parts < PD_DEEP_PARTS ? parts : PD_DEEP_PARTS);
            }
            first = joins ? i : i + 1;
            most = 0;
        }
        if (joins && touched(p, &p->entries[i]) > most) most = touched(p, &p->entries[i]);
    }
}

void plan_cut_deep(pd_plan *p) {
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const int deep = p->records[i].deep;
        for (int k = 1; k < deep; k++) {
            if (!p->records[i + k].barrier) continue;
            p->records[i + k].deep = deep - k;
            p->records[i + k].parts = p->records[i].parts;
            p->records[i].deep = k;
            break;
        }
    }
}
