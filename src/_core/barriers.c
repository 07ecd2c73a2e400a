/* barriers.c: where threads must wait for each other, and where those that are done may help.
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

/* Where the bytes of a touch lie: buffers that share memory are told apart no longer. A folded one is its thread's. */
static plan_touch placed(const pd_plan *p, plan_touch t, int laid_out) {
    if (!laid_out || t.buffer < 0) return t;
    if (p->buffers[t.buffer].sample) {
        t.buffer++;
        return t;
    }
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

static ptrdiff_t first_touch(const pd_plan *p, ptrdiff_t record) {
    return record < p->count ? p->entries[record].first_touch : p->ntouches;
}

int plan_find_barriers(pd_plan *p, int laid_out) {
    recent *since = pd_alloc((size_t)p->ntouches * sizeof *since);
    if (!since) return -1;
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0, end; i < p->count; i = end) {
        /* within records that run on some samples after the other nobody waits: before the first of them instead */
        end = i + (laid_out && p->records[i].deep > 1 ? p->records[i].deep : 1);
        int barrier = i == 0 || p->records[i].host; /* where a step begins the one before it ends */
        for (ptrdiff_t t = first_touch(p, i); t < first_touch(p, end) && !barrier; t++) {
            const recent now = {placed(p, p->touches[t], laid_out), p->entries[i].key};
            for (ptrdiff_t j = 0; j < n && !barrier; j++) barrier = in_each_others_way(&since[j], &now);
        }
        for (ptrdiff_t k = i; k < end; k++) p->records[k].barrier = 0;
        p->records[i].barrier = (uint8_t)barrier;
        if (barrier) n = 0;
        if (p->records[i].host) continue; /* there is a barrier behind it as well */
        for (ptrdiff_t t = first_touch(p, i); t < first_touch(p, end); t++) {
            const recent now = {placed(p, p->touches[t], laid_out), p->entries[i].key};
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
        if (e->split <= PD_SPLIT_BANDS || e->split == PD_SPLIT_SCAN) work = -INFINITY;
        else if (e->split != PD_SPLIT_SERIAL) work += e->work;
        p->records[first].pieces = work >= PD_PIECES_FROM ? (int)(i - first + 1) : 0;
    }
}
