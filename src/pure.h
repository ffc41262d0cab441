/*
 * pure.h
 *		What the pure cores need of their surroundings, and no more.
 *
 * The graph, the clustering rule, the ranking and the rotation arithmetic know
 * nothing of SPI, catalogs, snapshots or clocks. They use integers, memory and
 * a place to be interrupted. Inside the server those are PostgreSQL's; with
 * TRACER_STANDALONE (fuzzers, valgrind, kernel benchmarks) they are libc's, and
 * memory comes from an arena that the harness frees at once, as a memory
 * context would be.
 *
 * Contract: pure_alloc never returns NULL and may exceed 1 GB; pure_alloc0
 * zeroes. Freeing is optional: a core frees what it outgrows, its caller
 * destroys the context.
 */
#ifndef TRACER_PURE_H
#define TRACER_PURE_H

#ifndef TRACER_STANDALONE

#include "postgres.h"
#include "miscadmin.h"
#include "utils/memutils.h"

static inline void *
pure_alloc(Size n)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, n ? n : 1);
}

static inline void *
pure_alloc0(Size n)
{
	void	   *p = pure_alloc(n);

	memset(p, 0, n);
	return p;
}

static inline void *
pure_realloc(void *p, Size n)
{
	return p ? repalloc_huge(p, n ? n : 1) : pure_alloc(n);
}

static inline void
pure_free(void *p)
{
	if (p)
		pfree(p);
}

#define PURE_INTERRUPTS() CHECK_FOR_INTERRUPTS()

#else							/* TRACER_STANDALONE */

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int32_t int32;
typedef uint32_t uint32;
typedef int64_t int64;
typedef uint64_t uint64;
typedef int8_t int8;
typedef uint8_t uint8;
typedef uint16_t uint16;
typedef size_t Size;

#define Assert(x) assert(x)
#define Min(a, b) ((a) < (b) ? (a) : (b))
#define Max(a, b) ((a) > (b) ? (a) : (b))
#define PG_INT64_MAX INT64_MAX
#define PG_INT64_MIN INT64_MIN
#define PG_UINT32_MAX UINT32_MAX
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

extern void *pure_alloc(Size n);
extern void *pure_alloc0(Size n);
extern void *pure_realloc(void *p, Size n);
extern void pure_free(void *p);

#define PURE_INTERRUPTS() ((void) 0)

#endif							/* TRACER_STANDALONE */

#define pure_array(type, n) ((type *) pure_alloc(sizeof(type) * (Size) (n)))
#define pure_array0(type, n) ((type *) pure_alloc0(sizeof(type) * (Size) (n)))

#endif							/* TRACER_PURE_H */
