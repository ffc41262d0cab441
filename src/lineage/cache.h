/*
 * cache.h
 *		The lineage graph that this backend keeps.
 */
#ifndef TRACER_LINEAGE_CACHE_H
#define TRACER_LINEAGE_CACHE_H

#include "lineage/graph.h"

/*
 * The whole graph, up to date, whatever its size. Valid until the next call
 * and the end of the transaction. Checks no privileges: that is the caller's.
 */
extern const Graph *lineage_graph(void);

/* The same, unless tracer.graph_cache_size forbids: then NULL. */
extern const Graph *lineage_graph_within_limit(void);

/* The same, but only what is there already, brought up to date. */
extern const Graph *lineage_graph_if_cached(void);

/*
 * Has the next call look for changes, told of any or not: a transaction is seen
 * by snapshots a moment before its invalidations are sent.
 */
extern void lineage_graph_recheck(void);

/* What is there, up to date or not, or NULL: for estimates. */
extern const Graph *lineage_graph_peek(void);

/* For tracer.lineage_cache(). */
typedef struct LineageCacheStats
{
	const char *state;			/* empty, current or to check */
	Size		nodes;
	Size		edges;
	Size		delta;
	Size		bytes;
	uint64		builds;
	uint64		patches;
} LineageCacheStats;

extern void lineage_cache_stats(LineageCacheStats *stats);

#endif							/* TRACER_LINEAGE_CACHE_H */
