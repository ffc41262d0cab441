/*
 * patch.c
 *		Changes single edges of a graph that is built.
 *
 * The arrays stay as they are. A node whose edges change gets lists of its own,
 * copied from the arrays once, which stand in for them from then on; an asset
 * that had no edge becomes a node beyond the arrays. So a patch costs about as
 * much as its two nodes have edges, whatever the size of the graph, and the
 * more patches there are, the better building anew pays: graph_delta() counts.
 *
 * Invariants: as in graph.c, on the lists that are read; the bit of a node in
 * `touched` is set if and only if it has a slot.
 */
#include "graph_impl.h"

static inline PatchedNode *
node_slot(PatchedNode *slot, uint32 slots, uint32 node)
{
	uint32		h = (uint32) graph_hash(node) & (slots - 1);

	while (slot[h].node != GRAPH_NONE && slot[h].node != node)
		h = (h + 1) & (slots - 1);
	return &slot[h];
}

/* The lists of a node whose bit in `touched` is set. */
const PatchedNode *
graph_patched(const Graph *g, uint32 node)
{
	return node_slot(g->delta->slot, g->delta->slots, node);
}

static PatchedNode *
new_slots(GraphDelta *d, uint32 n)
{
	PatchedNode *slot = pure_array0(PatchedNode, n);

	for (uint32 i = 0; i < n; i++)
		slot[i].node = GRAPH_NONE;
	d->bytes += sizeof(PatchedNode) * (Size) n;
	return slot;
}

static NewAsset *
new_added(GraphDelta *d, uint32 n)
{
	NewAsset   *added = pure_array(NewAsset, n);

	memset(added, 0xff, sizeof(NewAsset) * (Size) n);
	d->bytes += sizeof(NewAsset) * (Size) n;
	return added;
}

static GraphDelta *
delta_of(Graph *g)
{
	GraphDelta *d = g->delta;

	if (d == NULL)
	{
		d = pure_array0(GraphDelta, 1);
		d->touched_words = ((Size) g->nodes >> 6) + 16;
		d->touched = pure_array0(uint64, d->touched_words);
		d->bytes = sizeof(GraphDelta) + d->touched_words * sizeof(uint64);
		d->slots = 64;
		d->slot = new_slots(d, d->slots);
		d->added_slots = 64;
		d->added = new_added(d, d->added_slots);
		g->delta = d;
	}
	return d;
}

/* The lists of a node, made where it has none. Pointers to others may move. */
static PatchedNode *
touch(Graph *g, uint32 node)
{
	GraphDelta *d = delta_of(g);
	PatchedNode *p;

	if (d->used * 2 >= d->slots)
	{
		PatchedNode *old = d->slot;
		uint32		n = d->slots;

		d->slot = new_slots(d, n * 2);
		d->slots = n * 2;
		for (uint32 i = 0; i < n; i++)
			if (old[i].node != GRAPH_NONE)
				*node_slot(d->slot, d->slots, old[i].node) = old[i];
		pure_free(old);
		d->bytes -= sizeof(PatchedNode) * (Size) n;
	}
	p = node_slot(d->slot, d->slots, node);
	if (p->node == GRAPH_NONE)
	{
		p->node = node;
		d->used++;
		d->touched[node >> 6] |= UINT64_C(1) << (node & 63);
	}
	return p;
}

static uint32
find_or_add(Graph *g, int64 asset)
{
	uint32		node = graph_find(g, asset);
	GraphDelta *d;
	NewAsset   *s;
	PatchedNode *p;

	if (node != GRAPH_NONE)
		return node;

	d = delta_of(g);
	if ((d->assets + 1) * 2 > d->added_slots)
	{
		pure_free(d->added);
		d->bytes -= sizeof(NewAsset) * (Size) d->added_slots;
		d->added_slots *= 2;
		d->added = new_added(d, d->added_slots);
		for (uint32 i = 0; i < d->assets; i++)
		{
			s = graph_slot(d->added, d->added_slots - 1, d->asset[i]);
			s->asset = d->asset[i];
			s->node = g->base_nodes + i;
		}
	}
	if (d->assets == d->assets_room)
	{
		uint32		room = Max(64, d->assets_room * 2);

		d->asset = pure_realloc(d->asset, sizeof(int64) * (Size) room);
		d->bytes += sizeof(int64) * (Size) (room - d->assets_room);
		d->assets_room = room;
	}
	node = g->nodes;
	if (((Size) node >> 6) >= d->touched_words)
	{
		Size		words = d->touched_words * 2;

		d->touched = pure_realloc(d->touched, sizeof(uint64) * words);
		memset(d->touched + d->touched_words, 0,
			   sizeof(uint64) * (words - d->touched_words));
		d->bytes += sizeof(uint64) * (words - d->touched_words);
		d->touched_words = words;
	}
	s = graph_slot(d->added, d->added_slots - 1, asset);
	s->asset = asset;
	s->node = node;
	d->asset[d->assets++] = asset;
	g->nodes++;

	/* It is beyond the arrays: its lists, still empty, must stand in. */
	p = touch(g, node);
	p->down.replaced = p->up.replaced = true;
	return node;
}

/* Makes a list a node's own, with room for one more. */
static void
own_list(Graph *g, PatchedList *list, GraphSpan now, const int32 *lag,
		 bool with_lags)
{
	uint32		room = list->room;

	if (list->replaced && list->n < list->room)
		return;
	while (room < now.n + 1)
		room = Max(4, room + room / 2 + 1);
	if (list->replaced)
	{
		list->word = pure_realloc(list->word, sizeof(uint32) * (Size) room);
		if (with_lags)
			list->lag = pure_realloc(list->lag, sizeof(int32) * (Size) room);
	}
	else
	{
		list->word = pure_array(uint32, room);
		if (now.n > 0)
			memcpy(list->word, now.word, sizeof(uint32) * (Size) now.n);
		if (with_lags)
		{
			list->lag = pure_array0(int32, room);
			if (lag && now.n > 0)
				memcpy(list->lag, lag, sizeof(int32) * (Size) now.n);
		}
		list->n = now.n;
		list->replaced = true;
	}
	g->delta->bytes += (Size) (room - list->room) * (with_lags ? 8 : 4);
	list->room = room;
}

/* One end's list: the pair goes in, changes what it carries, or goes out. */
static bool
patch_list(PatchedList *list, uint32 node, bool present, int32 lag, bool runs)
{
	bool		found;
	uint32		at = graph_span_find(list->word, list->n, node, &found);
	Size		rest;

	if (present)
	{
		if (!found)
		{
			rest = (Size) (list->n - at);
			memmove(list->word + at + 1, list->word + at, sizeof(uint32) * rest);
			if (list->lag)
				memmove(list->lag + at + 1, list->lag + at, sizeof(int32) * rest);
			list->n++;
		}
		list->word[at] = node | (runs ? GRAPH_RUNS : 0);
		if (list->lag)
			list->lag[at] = lag;
	}
	else if (found)
	{
		list->n--;
		rest = (Size) (list->n - at);
		memmove(list->word + at, list->word + at + 1, sizeof(uint32) * rest);
		if (list->lag)
			memmove(list->lag + at, list->lag + at + 1, sizeof(int32) * rest);
	}
	return found;
}

void
graph_patch(Graph *g, int64 upstream, int64 downstream,
			bool present, int32 lag, bool runs)
{
	uint32		u,
				d;
	GraphSpan	s;
	PatchedNode *p;
	bool		found;

	if (!present &&
		(graph_find(g, upstream) == GRAPH_NONE ||
		 graph_find(g, downstream) == GRAPH_NONE))
		return;

	/* What is so already need not be patched: a replayed log says little new. */
	u = find_or_add(g, upstream);
	d = find_or_add(g, downstream);
	s = graph_down_inline(g, u);
	(void) graph_span_find(s.word, s.n, d, &found);
	if (!found && !present)
		return;
	if (found && present &&
		graph_lag(g, u, d) == lag)
	{
		bool		same;
		uint32		at = graph_span_find(s.word, s.n, d, &same);

		if (((s.word[at] & GRAPH_RUNS) != 0) == runs)
			return;
	}

	p = touch(g, u);
	own_list(g, &p->down, graph_down_inline(g, u),
			 g->lag && u < g->base_nodes ? g->lag + g->down_start[u] : NULL,
			 true);
	patch_list(&p->down, d, present, lag, runs);
	g->delta->weight += 1 + p->down.n / 1024;

	p = touch(g, d);
	own_list(g, &p->up, graph_up_inline(g, d), NULL, false);
	patch_list(&p->up, u, present, 0, runs);
	g->delta->weight += p->up.n / 1024;

	if (present)
	{
		g->has_lags |= lag > 0;
		g->has_runs |= runs;
	}
	if (present && !found)
		g->edges++;
	else if (!present && found)
		g->edges--;
}
