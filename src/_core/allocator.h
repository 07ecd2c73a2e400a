/* allocator.h: where arena.c takes memory from. */
#ifndef PD_ALLOCATOR_H
#define PD_ALLOCATOR_H

#include <stddef.h>

/* Both NULL: the C library's. Returns -1, and changes nothing, while memory of the present one is in use. */
int pd_use_allocator(void *(*allocate)(size_t alignment, size_t bytes), void (*release)(void *));

#endif
