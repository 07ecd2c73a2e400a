/* plan.h: what plan.c, barriers.c and layout.c share. */
#ifndef PD_PLAN_H
#define PD_PLAN_H

#include "op_args.h"

enum { PLAN_ALIGN = 64 }; /* bytes: a cache line, and the widest vector */

/* How a record splits its work, and over how much: records with equal keys give each thread the same share. */
typedef struct {
    int split;
    ptrdiff_t size, rows; /* rows: not 0 if samples may be divided */
} plan_key;

/* Bytes [lo, hi) of a buffer, or, if that is -1, of the address space, that a record reads or writes. */
typedef struct {
    int buffer;
    ptrdiff_t lo, hi;
    int writes, whole; /* whole: any share may touch any of it */
    uint16_t field;    /* of the argument struct, its offset */
} plan_touch;

typedef struct {
    void *given; /* argument struct as it was emitted: pointers may be references */
    int op;      /* -1: a host record */
    int split;   /* pd_split */
    plan_key key;
    double work;
    ptrdiff_t first_touch, touches;
} plan_entry;

typedef struct {
    ptrdiff_t bytes, offset; /* of a folded one: in the memory that a thread has for those */
    ptrdiff_t first,
        last; /* records that touch it: nothing else needs its memory before and after; first -1: none does */
    ptrdiff_t sample; /* of a folded buffer, which holds only the samples that a thread is at: bytes of one; else 0 */
} plan_buffer;

/* What is known of a buffer while places are chosen. */
typedef struct {
    int number;
    ptrdiff_t room, first, last, offset;
    int uniform; /* all touch all of it, split by `key` */
    plan_key key;
} plan_place;

struct pd_plan {
    int dtype, isa, threads, sealed;
    int reused; /* buffers share memory */
    plan_entry *entries;
    pd_record *records;
    plan_touch *touches;
    plan_buffer *buffers;
    ptrdiff_t count, ntouches, nbuffers;
    ptrdiff_t entries_room, records_room, touches_room, buffers_room;
    ptrdiff_t bytes;   /* of all buffers */
    ptrdiff_t scratch; /* bytes per thread, behind the buffers: a record needs it for itself only */
    ptrdiff_t folded;  /* bytes per thread, behind those: of folded buffers */
    pd_fold *folds;    /* of all records */
};

int plan_find_barriers(pd_plan *p, int laid_out); /* by buffer, or, once laid out, by where they lie */
void plan_find_pieces(pd_plan *p);
int plan_find_deep(pd_plan *p, ptrdiff_t gap); /* see deep.c; lifetimes are known */
void plan_find_lifetimes(pd_plan *p);
int plan_lay_out(pd_plan *p, ptrdiff_t gap);
ptrdiff_t plan_pack(plan_place *places, ptrdiff_t n); /* gives n of them offsets; how many bytes they take */
int plan_same_key(plan_key a, plan_key b);

static inline ptrdiff_t plan_aligned(ptrdiff_t bytes) { return (bytes + PLAN_ALIGN - 1) / PLAN_ALIGN * PLAN_ALIGN; }

#endif
