/*
 * graph_impl.h
 *		What a graph is made of, for graph.c, patch.c and the walks in traverse.c.
 *
 * Two compressed-sparse-row halves share one numbering of nodes, which follows
 * the order of asset ids. Both halves list neighbours in ascending order, so a
 * pair is found by binary search. Patches do not touch these arrays: a patched
 * node has a list of its own, found through a bitmap (one test where there are
 * patches at all, one branch where there are none) and a hash table.
 */
#ifndef TRACER_GRAPH_IMPL_H
#define TRACER_GRAPH_IMPL_H

#include "graph.h"

/* Neighbours that replace those of the arrays. */
typedef struct PatchedList
{
	uint32	   *word;
	int32	   *lag;			/* beside word; only in downward lists */
	uint32		n;
	uint32		room;
	bool		replaced;		/* false: the arrays still hold */
} PatchedList;

typedef struct PatchedNode
{
	uint32		node;			/* GRAPH_NONE: an empty slot */
	PatchedList down;
	PatchedList up;
} PatchedNode;

typedef struct NewAsset
{
	int64		asset;
	uint32		node;			/* GRAPH_NONE: an empty slot */
} NewAsset;

typedef struct GraphDelta
{
	uint64	   *touched;		/* bitmap over all nodes */
	Size		touched_words;
	PatchedNode *slot;			/* open addressing, a power of two */
	uint32		slots;
	uint32		used;
	int64	   *asset;			/* of the nodes that patches added */
	uint32		assets;
	uint32		assets_room;
	NewAsset   *added;			/* their ids, open addressing */
	uint32		added_slots;
	Size		weight;			/* graph_delta() */
	Size		bytes;
} GraphDelta;

struct Graph
{
	uint32		nodes;			/* with those that patches added */
	uint32		base_nodes;		/* those of the arrays */
	Size		edges;
	uint32		base_edges;
	int64	   *asset;			/* ascending */
	uint32	   *down_start;		/* base_nodes + 1 */
	uint32	   *down;
	uint32	   *up_start;
	uint32	   *up;
	int32	   *lag;			/* beside down; NULL: none */
	bool		has_lags;
	bool		has_runs;
	GraphDelta *delta;			/* NULL: never patched */
};

static inline uint64
graph_hash(uint64 x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	return x;
}

/* The slot of an id in an open-addressing table, empty or its own. */
static inline NewAsset *
graph_slot(NewAsset *slot, uint64 mask, int64 asset)
{
	uint64		h = graph_hash((uint64) asset) & mask;

	while (slot[h].node != GRAPH_NONE && slot[h].asset != asset)
		h = (h + 1) & mask;
	return &slot[h];
}

/* Where a node is in a list of neighbours, or where it would go. */
static inline uint32
graph_span_find(const uint32 *word, uint32 n, uint32 node, bool *found)
{
	uint32		lo = 0,
				hi = n;

	while (lo < hi)
	{
		uint32		mid = lo + (hi - lo) / 2;

		if (GRAPH_NODE(word[mid]) < node)
			lo = mid + 1;
		else
			hi = mid;
	}
	*found = lo < n && GRAPH_NODE(word[lo]) == node;
	return lo;
}

extern const PatchedNode *graph_patched(const Graph *g, uint32 node);

static inline GraphSpan
graph_down_inline(const Graph *g, uint32 node)
{
	GraphSpan	s;

	if (unlikely(g->delta != NULL) &&
		((g->delta->touched[node >> 6] >> (node & 63)) & 1))
	{
		const PatchedNode *p = graph_patched(g, node);

		if (p->down.replaced)
		{
			s.word = p->down.word;
			s.n = p->down.n;
			return s;
		}
	}
	s.word = g->down + g->down_start[node];
	s.n = g->down_start[node + 1] - g->down_start[node];
	return s;
}

static inline GraphSpan
graph_up_inline(const Graph *g, uint32 node)
{
	GraphSpan	s;

	if (unlikely(g->delta != NULL) &&
		((g->delta->touched[node >> 6] >> (node & 63)) & 1))
	{
		const PatchedNode *p = graph_patched(g, node);

		if (p->up.replaced)
		{
			s.word = p->up.word;
			s.n = p->up.n;
			return s;
		}
	}
	s.word = g->up + g->up_start[node];
	s.n = g->up_start[node + 1] - g->up_start[node];
	return s;
}

#endif							/* TRACER_GRAPH_IMPL_H */
