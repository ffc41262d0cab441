/*
 * traverse.h
 *		Walks over the lineage graph: pure.
 */
#ifndef TRACER_LINEAGE_TRAVERSE_H
#define TRACER_LINEAGE_TRAVERSE_H

#include "lineage/graph.h"

typedef enum WalkDirection
{
	WALK_UP,
	WALK_DOWN
} WalkDirection;

/*
 * What a breadth-first walk reached, in its order. node[0] is the start; nodes
 * at distance k are node[level[k]] .. node[level[k + 1] - 1].
 */
typedef struct Reach
{
	uint32	   *node;
	uint32		n;
	uint32	   *level;
	uint32		levels;
	uint64	   *seen;			/* bitmap over all nodes */
	bool		cut;			/* stopped at max_nodes */
} Reach;

#define NO_MAX_DEPTH INT32_MAX
#define NO_MAX_NODES UINT32_MAX

extern Reach graph_reach(const Graph *g, uint32 start, WalkDirection dir,
						 int32 max_depth, uint32 max_nodes);
extern void reach_free(Reach *r);

/* A node and its distance. */
typedef struct NodeDepth
{
	uint32		node;
	int32		depth;
} NodeDepth;

extern NodeDepth *graph_roots(const Graph *g, uint32 start, uint32 *n);
extern uint32 *graph_path(const Graph *g, uint32 from, uint32 to, uint32 *n);

#endif							/* TRACER_LINEAGE_TRAVERSE_H */
