/*
 * graph.h
 *		The lineage graph in memory: pure, no SPI, no catalog, no clock.
 *
 * Nodes are dense numbers 0 .. graph_nodes()-1, each standing for an asset id.
 * Neighbours come as spans of edge words: the node in the low 31 bits, and
 * GRAPH_RUNS set where every row between the two assets is of kind `runs`
 * (a runner above what it runs). Duplicate rows between two assets are one
 * edge: its lag is the largest of theirs, and it is a data edge if any of them
 * is. Spans are valid until the graph changes.
 */
#ifndef TRACER_GRAPH_H
#define TRACER_GRAPH_H

#include "pure.h"

#define GRAPH_NONE		UINT32_C(0xFFFFFFFF)
#define GRAPH_RUNS		UINT32_C(0x80000000)
#define GRAPH_NODE(word) ((word) & UINT32_C(0x7FFFFFFF))

typedef struct Graph Graph;

/* One lineage row as the graph takes it. lag in whole seconds, 0 for none. */
typedef struct GraphEdge
{
	int64		upstream;
	int64		downstream;
	int32		lag;
	bool		runs;
} GraphEdge;

typedef struct GraphSpan
{
	const uint32 *word;
	uint32		n;
} GraphSpan;

extern Graph *graph_build(GraphEdge *edges, Size nedges);
extern uint32 graph_nodes(const Graph *g);
extern uint32 graph_find(const Graph *g, int64 asset);
extern int64 graph_asset(const Graph *g, uint32 node);

/* Direct consumers (down) and direct sources (up) of a node. */
extern GraphSpan graph_down(const Graph *g, uint32 node);
extern GraphSpan graph_up(const Graph *g, uint32 node);

/* Seconds that the edge carries; 0 where it carries none or is no edge. */
extern int32 graph_lag(const Graph *g, uint32 upstream, uint32 downstream);
extern bool graph_has_lags(const Graph *g);
extern bool graph_has_runs(const Graph *g);

/*
 * Changes one pair without touching the arrays: present adds it or replaces
 * what it carries, otherwise it is removed. Allocates in the current memory,
 * which must live as long as the graph. A node stays once it was seen, perhaps
 * with no edges; has_lags and has_runs, once true, stay true: may have.
 */
extern void graph_patch(Graph *g, int64 upstream, int64 downstream,
						bool present, int32 lag, bool runs);

/* Edges in the graph, pairs counted once. */
extern Size graph_edges(const Graph *g);

/* How far patching has gone: about one per patch, more on nodes with many
 * edges. Past a share of graph_edges() building anew pays. */
extern Size graph_delta(const Graph *g);

/* Bytes: at most 12 per edge and 24 per node, and what patches added. */
extern Size graph_memory(const Graph *g);

#endif							/* TRACER_GRAPH_H */
