/* layout.c: where the buffers of a plan lie.
 *
 * A buffer's contents last from the record that first writes it to the one that last touches it; others may have its
 * memory before and after. In a plan of less than PD_REUSE_FROM bytes each has memory of its own, so that no barrier
 * is added and lines stay with the core that wrote them; on one thread memory is used again from half of L2 on. In a
 * larger one the buffers, largest first, take the lowest place that nobody needs at the same time. Of those, the
 * place of a buffer that is alike (equal in size, each split by the same key) is taken first: each thread then goes
 * on in its own share, and no barrier is needed. */
#include "plan.h"

#include <stdlib.h>

/* What is known of a buffer while places are chosen. */
typedef struct {
    int number;
    ptrdiff_t room, first, last, offset;
    int uniform; /* all touch all of it, split by `key` */
    plan_key key;
} candidate;

static int by_size(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->room != y->room) return x->room < y->room ? 1 : -1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : x->number - y->number;
}

static int by_offset(const void *a, const void *b) {
    const candidate *const *x = a, *const *y = b;
    return ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

static void find_lifetimes(pd_plan *p, candidate *all) {
    for (ptrdiff_t b = 0; b < p->nbuffers; b++) all[b] = (candidate){.number = (int)b, .first = -1, .uniform = 1};
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const plan_entry *e = &p->entries[i];
        for (const plan_touch *t = p->touches + e->first_touch, *end = t + e->touches; t < end; t++) {
            if (t->buffer < 0) continue;
            candidate *c = &all[t->buffer];
            if (c->first < 0) {
                c->key = e->key;
                c->first = t->writes ? i : 0; /* what is read first comes from the step before */
                c->last = t->writes ? i : p->count;
            }
            if (c->last < i) c->last = i;
            if (t->whole || t->lo != 0 || t->hi != p->buffers[t->buffer].bytes || !plan_same_key(c->key, e->key))
                c->uniform = 0;
        }
    }
    /* what is run on some samples after the other touches all of its buffers at the same time */
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const ptrdiff_t end = i + p->records[i].deep;
        for (ptrdiff_t b = 0; b < p->nbuffers && end > i; b++) {
            if (all[b].first > i && all[b].first < end) all[b].first = i;
            if (all[b].last >= i && all[b].last < end) all[b].last = end - 1;
        }
    }
    for (ptrdiff_t b = 0; b < p->nbuffers; b++) {
        p->buffers[b].first = all[b].first;
        p->buffers[b].last = all[b].last;
    }
}

static int together(const candidate *a, const candidate *b) { return a->first <= b->last && b->first <= a->last; }

static int alike(const candidate *a, const candidate *b) {
    return a->uniform && b->uniform && a->room == b->room && plan_same_key(a->key, b->key);
}

/* Whether c may lie at an offset, for all that n placed ones say. */
static int fits(const candidate *c, ptrdiff_t offset, candidate *const *placed, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const candidate *o = placed[i];
        if (together(c, o) && offset < o->offset + o->room && o->offset < offset + c->room) return 0;
    }
    return 1;
}

/* The lowest offset for c: placed ones are in order of their offsets. */
static ptrdiff_t place(const candidate *c, candidate *const *placed, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++)
        if (alike(c, placed[i]) && fits(c, placed[i]->offset, placed, n)) return placed[i]->offset;
    ptrdiff_t at = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        if (!together(c, placed[i])) continue;
        if (placed[i]->offset >= at + c->room) break;
        if (placed[i]->offset + placed[i]->room > at) at = placed[i]->offset + placed[i]->room;
    }
    return at;
}

static ptrdiff_t stack(pd_plan *p, candidate *all, ptrdiff_t gap) {
    ptrdiff_t bytes = 0;
    for (ptrdiff_t b = 0; b < p->nbuffers; b++) {
        all[b].room = (p->buffers[b].bytes + gap + PLAN_ALIGN - 1) / PLAN_ALIGN * PLAN_ALIGN;
        p->buffers[b].offset = bytes;
        bytes += all[b].room;
    }
    return bytes;
}

int plan_lay_out(pd_plan *p, ptrdiff_t gap) {
    candidate *all = pd_alloc((size_t)p->nbuffers * sizeof *all);
    candidate **placed = pd_alloc((size_t)p->nbuffers * sizeof *placed);
    if (!all || !placed) {
        pd_free(all);
        pd_free(placed);
        return -1;
    }
    find_lifetimes(p, all);
    p->bytes = stack(p, all, gap);
    /* one thread has no barriers to lose, and a cache to win */
    const ptrdiff_t from = p->threads == 1 ? pd_caches_in_use()->l2.bytes / 2 : PD_REUSE_FROM;
    p->reused = gap == 0 && p->bytes >= from;
    if (p->reused) {
        p->bytes = 0;
        qsort(all, (size_t)p->nbuffers, sizeof *all, by_size);
        ptrdiff_t n = 0;
        for (ptrdiff_t b = 0; b < p->nbuffers; b++) {
            candidate *c = &all[b];
            c->offset = c->first < 0 ? 0 : place(c, placed, n); /* if no record touches it any place will do */
            p->buffers[c->number].offset = c->offset;
            if (c->offset + c->room > p->bytes) p->bytes = c->offset + c->room;
            if (c->first < 0) continue;
            placed[n++] = c;
            qsort(placed, (size_t)n, sizeof *placed, by_offset);
        }
    }
    pd_free(all);
    pd_free(placed);
    return 0;
}
