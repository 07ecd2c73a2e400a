/* layout.c: where the buffers of a plan lie.
 *
 * A buffer's contents last from the record that first writes it to the one that last touches it; others may have its
 * memory before and after. In a plan of less than PD_REUSE_FROM bytes each has memory of its own, so that no barrier
 * is added and lines stay with the core that wrote them; on one thread, or if threads wait for each other all the
 * time, as at a single image, memory is used again from half of L2 on. In a larger one the buffers, largest first, take
 * the lowest place that nobody needs at the same time. Of those, the place of a buffer that is alike (equal in size,
 * each split by the same key) is taken first: each thread then goes on in its own share, and no barrier is needed. */
#include "plan.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b) {
    const plan_place *x = a, *y = b;
    if (x->room != y->room) return x->room < y->room ? 1 : -1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : x->number - y->number;
}

static int by_offset(const void *a, const void *b) {
    const plan_place *const *x = a, *const *y = b;
    return ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

void plan_find_lifetimes(pd_plan *p) {
    for (ptrdiff_t b = 0; b < p->nbuffers; b++) p->buffers[b].first = -1;
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const plan_entry *e = &p->entries[i];
        for (const plan_touch *t = p->touches + e->first_touch, *end = t + e->touches; t < end; t++) {
            if (t->buffer < 0) continue;
            plan_buffer *b = &p->buffers[t->buffer];
            if (b->first < 0) {
                b->first = t->writes ? i : 0; /* what is read first comes from the step before */
                b->last = t->writes ? i : p->count;
            }
            if (b->last < i) b->last = i;
        }
    }
}

/* What is run on some samples after the other touches all of its buffers at the same time. */
static void lengthen_lifetimes(pd_plan *p) {
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const ptrdiff_t end = i + p->records[i].deep;
        for (plan_buffer *b = p->buffers; b < p->buffers + p->nbuffers && end > i; b++) {
            if (b->first > i && b->first < end) b->first = i;
            if (b->last >= i && b->last < end) b->last = end - 1;
        }
    }
}

/* Buffers that all touches share out alike. */
static void find_uniform(const pd_plan *p, plan_place *all) {
    for (ptrdiff_t b = 0; b < p->nbuffers; b++) all[b].uniform = -1;
    for (ptrdiff_t i = 0; i < p->count; i++) {
        const plan_entry *e = &p->entries[i];
        for (const plan_touch *t = p->touches + e->first_touch, *end = t + e->touches; t < end; t++) {
            if (t->buffer < 0) continue;
            plan_place *c = &all[t->buffer];
            if (c->uniform < 0) {
                c->key = e->key;
                c->uniform = 1;
            }
            if (t->whole || t->lo != 0 || t->hi != p->buffers[t->buffer].bytes || !plan_same_key(c->key, e->key))
                c->uniform = 0;
        }
    }
}

static int together(const plan_place *a, const plan_place *b) { return a->first <= b->last && b->first <= a->last; }

static int alike(const plan_place *a, const plan_place *b) {
    return a->uniform && b->uniform && a->room == b->room && plan_same_key(a->key, b->key);
}

/* Whether c may lie at an offset, for all that n placed ones say. */
static int fits(const plan_place *c, ptrdiff_t offset, plan_place *const *placed, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const plan_place *o = placed[i];
        if (together(c, o) && offset < o->offset + o->room && o->offset < offset + c->room) return 0;
    }
    return 1;
}

/* The lowest offset for c: placed ones are in order of their offsets. */
static ptrdiff_t place(const plan_place *c, plan_place *const *placed, ptrdiff_t n) {
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

ptrdiff_t plan_pack(plan_place *places, ptrdiff_t n) {
    plan_place **placed = pd_alloc((size_t)n * sizeof *placed);
    if (!placed) return -1;
    qsort(places, (size_t)n, sizeof *places, by_size);
    ptrdiff_t bytes = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        plan_place *c = &places[i];
        c->offset = place(c, placed, i);
        if (c->offset + c->room > bytes) bytes = c->offset + c->room;
        placed[i] = c;
        qsort(placed, (size_t)i + 1, sizeof *placed, by_offset);
    }
    pd_free(placed);
    return bytes;
}

/* Buffers that are not folded, one behind the other. */
static ptrdiff_t stack(pd_plan *p, ptrdiff_t gap) {
    ptrdiff_t bytes = 0;
    for (plan_buffer *b = p->buffers; b < p->buffers + p->nbuffers; b++) {
        if (b->sample) continue;
        b->offset = bytes;
        bytes += plan_aligned(b->bytes + gap);
    }
    return bytes;
}

int plan_lay_out(pd_plan *p, ptrdiff_t gap) {
    lengthen_lifetimes(p);
    p->bytes = stack(p, gap);
    /* where threads wait at every other record anyway there are no barriers to lose, but a cache to win */
    ptrdiff_t barriers = 0;
    for (ptrdiff_t i = 0; i < p->count; i++) barriers += p->records[i].barrier;
    const int waits = p->threads == 1 || 2 * barriers >= p->count;
    const ptrdiff_t from = waits ? pd_caches_in_use()->l2.bytes / 2 : PD_REUSE_FROM;
    p->reused = gap == 0 && p->bytes >= from;
    if (!p->reused) return 0;
    plan_place *all = pd_alloc((size_t)p->nbuffers * sizeof *all);
    if (!all) return -1;
    find_uniform(p, all);
    ptrdiff_t n = 0;
    for (int b = 0; b < p->nbuffers; b++) {
        plan_buffer *buffer = &p->buffers[b];
        if (buffer->sample) continue;
        buffer->offset = 0; /* if no record touches it any place will do */
        if (buffer->first < 0) continue;
        all[b].number = b;
        all[b].room = plan_aligned(buffer->bytes);
        all[b].first = buffer->first;
        all[b].last = buffer->last;
        all[n++] = all[b];
    }
    p->bytes = plan_pack(all, n);
    for (ptrdiff_t i = 0; i < n; i++) p->buffers[all[i].number].offset = all[i].offset;
    pd_free(all);
    return p->bytes < 0 ? -1 : 0;
}
