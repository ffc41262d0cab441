/*
 * ancestry.h
 *		Order and ancestors of the part of the lineage that alerts touch: pure.
 *
 * Members of one lineage cycle count as one asset, so everything here speaks of
 * components (strongly connected). See ancestry.c.
 */
#ifndef TRACER_ANCESTRY_H
#define TRACER_ANCESTRY_H

#include "lineage/graph.h"

typedef struct Ancestry Ancestry;

/* A runner above a node, with the fewest `runs` edges between them. */
typedef struct RunnerAbove
{
	uint32		node;
	uint32		hops;
} RunnerAbove;

/* An ancestor component, as ancestry_walk reports it, nearest first. */
typedef struct AncestorVisit
{
	uint32		component;
	uint32		hops;
	int64		lag;			/* seconds, summed along a fewest-hops path */
} AncestorVisit;

extern Ancestry *ancestry_create(const Graph *g, const uint32 *nodes, Size n,
								 bool runs);
extern uint32 ancestry_component(const Ancestry *a, uint32 node);
extern uint32 ancestry_first_member(const Ancestry *a, uint32 component);
extern uint32 ancestry_next_member(const Ancestry *a, uint32 node);

/* Rank of an asset, or of a runner's wrap, in the widened lineage. */
extern uint32 ancestry_rank(const Ancestry *a, uint32 node);
extern uint32 ancestry_wrap_rank(const Ancestry *a, uint32 runner);

extern bool ancestry_is_runner(const Ancestry *a, uint32 node);
extern uint32 ancestry_runners(Ancestry *a, uint32 node, const RunnerAbove **list);
extern bool ancestry_runs(Ancestry *a, uint32 runner, uint32 node);

extern const AncestorVisit *ancestry_walk(Ancestry *a, uint32 node,
										  uint32 max_hops, uint32 *n);

#endif							/* TRACER_ANCESTRY_H */
