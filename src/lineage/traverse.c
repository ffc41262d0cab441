/*
 * traverse.c
 *		Walks over the lineage graph: closure, roots, shortest path.
 *
 * All start from one breadth-first walk over a bitmap of seen nodes and a
 * queue that is also the result. Within a level the order of nodes is any, but
 * the same every time. Memory is proportional to nodes and is
 * touched only as far as the walk goes (but for the bitmap).
 */
#include "graph_impl.h"
#include "lineage/traverse.h"

/* How far ahead in the queue to ask for a node's neighbours; twice as far for
 * where they start. */
#define PREFETCH 8

/* Edges between two looks at whether somebody wants us to stop. */
#define INTERRUPT_EVERY 65536

static inline bool
test_and_set(uint64 *bits, uint32 i)
{
	uint64	   *w = &bits[i >> 6];
	uint64		b = UINT64_C(1) << (i & 63);

	if (*w & b)
		return true;
	*w |= b;
	return false;
}

static inline bool
test(const uint64 *bits, uint32 i)
{
	return (bits[i >> 6] >> (i & 63)) & 1;
}

/* Where the nodes of a level end and those of the next begin. */
static void
end_level(Reach *r, uint32 *room, uint32 tail)
{
	r->levels++;
	if (r->levels == *room)
	{
		*room *= 2;
		r->level = pure_realloc(r->level, sizeof(uint32) * ((Size) *room + 1));
	}
	r->level[r->levels] = tail;
}

/*
 * One level, node by node through the queue. The next place in the queue is
 * written whether the node is new or not: which of both cannot be foreseen, and
 * a branch would be missed more often than the store costs.
 */
static inline uint32
queue_level(const Graph *g, Reach *r, bool up, uint32 head, uint32 tail,
			uint32 max_nodes)
{
	const uint32 *start = up ? g->up_start : g->down_start;
	const uint32 *word = up ? g->up : g->down;
	const uint32 level_end = tail;
	uint32	   *queue = r->node;
	uint64	   *seen = r->seen;
	Size		edges = 0;

	for (; head < level_end; head++)
	{
		GraphSpan	s;

		if (head + 2 * PREFETCH < tail && queue[head + 2 * PREFETCH] < g->base_nodes)
			__builtin_prefetch(&start[queue[head + 2 * PREFETCH]]);
		if (head + PREFETCH < tail && queue[head + PREFETCH] < g->base_nodes)
			__builtin_prefetch(&word[start[queue[head + PREFETCH]]]);
		s = up ? graph_up_inline(g, queue[head])
			: graph_down_inline(g, queue[head]);
		for (uint32 i = 0; i < s.n; i++)
		{
			uint32		v = GRAPH_NODE(s.word[i]);
			uint64		w = seen[v >> 6];

			queue[tail] = v;
			tail += !((w >> (v & 63)) & 1);
			seen[v >> 6] = w | (UINT64_C(1) << (v & 63));
		}
		edges += s.n;
		if (unlikely(edges >= INTERRUPT_EVERY))
		{
			edges = 0;
			PURE_INTERRUPTS();
		}
		if (unlikely(tail > max_nodes))
		{
			r->cut = true;
			break;
		}
	}
	return tail;
}

/*
 * One level that is a fair part of all nodes: mark what its edges lead to, then
 * read the marks in order. No edge looks at what was seen, and the next level
 * comes in the order of the arrays, which are so read from front to back.
 */
static inline uint32
marked_level(const Graph *g, Reach *r, bool up, uint64 *mark, uint32 head,
			 uint32 tail)
{
	const Size	words = ((Size) g->nodes >> 6) + 1;
	const uint32 level_end = tail;
	uint32	   *queue = r->node;
	Size		edges = 0;

	for (; head < level_end; head++)
	{
		GraphSpan	s = up ? graph_up_inline(g, queue[head])
			: graph_down_inline(g, queue[head]);

		for (uint32 i = 0; i < s.n; i++)
		{
			uint32		v = GRAPH_NODE(s.word[i]);

			mark[v >> 6] |= UINT64_C(1) << (v & 63);
		}
		edges += s.n;
		if (unlikely(edges >= INTERRUPT_EVERY))
		{
			edges = 0;
			PURE_INTERRUPTS();
		}
	}
	for (Size i = 0; i < words; i++)
	{
		uint64		fresh = mark[i] & ~r->seen[i];

		if (mark[i] == 0)
			continue;
		mark[i] = 0;
		r->seen[i] |= fresh;
		for (; fresh != 0; fresh &= fresh - 1)
			queue[tail++] = (uint32) (i * 64) + (uint32) __builtin_ctzll(fresh);
	}
	return tail;
}

/* The walk itself; inlined once for each direction. */
static inline void
reach(const Graph *g, Reach *r, bool up, int32 max_depth, uint32 max_nodes)
{
	const Size	words = ((Size) g->nodes >> 6) + 1;
	uint64	   *mark = NULL;
	uint32		head = 0;
	uint32		level_room = 64;

	r->level = pure_array(uint32, level_room + 1);
	r->level[0] = 0;
	while (head < r->n)
	{
		uint32		level_end = r->n;

		end_level(r, &level_room, level_end);
		if ((int64) r->levels > max_depth)
			break;
		if (level_end - head > words && max_nodes == NO_MAX_NODES)
		{
			if (mark == NULL)
				mark = pure_array0(uint64, words);
			r->n = marked_level(g, r, up, mark, head, level_end);
		}
		else
			r->n = queue_level(g, r, up, head, level_end, max_nodes);
		if (r->cut)
		{
			if (r->n > level_end)
				end_level(r, &level_room, r->n);
			break;
		}
		head = level_end;
	}
	pure_free(mark);
}

/*
 * Everything reachable within max_depth edges, the start first. Stops soon
 * after max_nodes were found.
 */
Reach
graph_reach(const Graph *g, uint32 start, WalkDirection dir, int32 max_depth,
			uint32 max_nodes)
{
	Reach		r = {0};

	r.node = pure_array(uint32, (Size) g->nodes + 1);	/* one past, see above */
	r.seen = pure_array0(uint64, ((Size) g->nodes >> 6) + 1);
	r.node[r.n++] = start;
	test_and_set(r.seen, start);
	if (dir == WALK_UP)
		reach(g, &r, true, max_depth, max_nodes);
	else
		reach(g, &r, false, max_depth, max_nodes);
	return r;
}

void
reach_free(Reach *r)
{
	pure_free(r->node);
	pure_free(r->level);
	pure_free(r->seen);
}

/*
 * Strongly connected components of what is upstream of a node: Tarjan's, with
 * an explicit stack. Positions in the reach stand for nodes.
 */
typedef struct Components
{
	const Graph *g;
	const Reach *r;
	uint32	   *place;			/* node -> position; valid where seen */
	uint32	   *order;			/* position -> order of discovery, 1.. */
	uint32	   *low;
	uint32	   *next_edge;
	uint32	   *calls;			/* the path that a recursion would hold */
	uint32		depth;
	uint32	   *open;			/* Tarjan's stack */
	uint32		opened;
	uint64	   *is_open;
	uint64	   *has_above;		/* a component above it is known */
	uint64	   *is_root;
	uint32		discovered;
} Components;

static void
discover(Components *c, uint32 p)
{
	c->order[p] = c->low[p] = ++c->discovered;
	c->next_edge[p] = 0;
	c->open[c->opened++] = p;
	c->is_open[p >> 6] |= UINT64_C(1) << (p & 63);
	c->calls[c->depth++] = p;
}

/* A component is complete: a root if no member has an edge leading above it. */
static void
close_component(Components *c, uint32 head)
{
	uint32		bottom = c->opened;
	bool		above = false;

	do
	{
		bottom--;
		above |= test(c->has_above, c->open[bottom]);
	} while (c->open[bottom] != head);
	for (uint32 i = bottom; i < c->opened; i++)
	{
		uint32		p = c->open[i];

		c->is_open[p >> 6] &= ~(UINT64_C(1) << (p & 63));
		if (!above)
			c->is_root[p >> 6] |= UINT64_C(1) << (p & 63);
	}
	c->opened = bottom;
}

static void
find_components(Components *c)
{
	Size		steps = 0;

	discover(c, 0);
	while (c->depth > 0)
	{
		uint32		p = c->calls[c->depth - 1];
		GraphSpan	s = graph_up_inline(c->g, c->r->node[p]);

		if (++steps % INTERRUPT_EVERY == 0)
			PURE_INTERRUPTS();
		if (c->next_edge[p] < s.n)
		{
			uint32		q = c->place[GRAPH_NODE(s.word[c->next_edge[p]++])];

			if (c->order[q] == 0)
				discover(c, q);
			else if (test(c->is_open, q))
				c->low[p] = Min(c->low[p], c->order[q]);
			else
				c->has_above[p >> 6] |= UINT64_C(1) << (p & 63);
			continue;
		}
		c->depth--;
		if (c->low[p] == c->order[p])
		{
			close_component(c, p);
			if (c->depth > 0)
			{
				uint32		caller = c->calls[c->depth - 1];

				c->has_above[caller >> 6] |= UINT64_C(1) << (caller & 63);
			}
		}
		else
		{
			uint32		caller = c->calls[c->depth - 1];

			c->low[caller] = Min(c->low[caller], c->low[p]);
		}
	}
}

/*
 * The most upstream nodes that reach a node, in order of distance: the members
 * of every component that nothing outside of it reaches.
 */
NodeDepth *
graph_roots(const Graph *g, uint32 start, uint32 *n)
{
	Reach		r = graph_reach(g, start, WALK_UP, NO_MAX_DEPTH, NO_MAX_NODES);
	Size		words = ((Size) r.n >> 6) + 1;
	Components	c = {0};
	NodeDepth  *out;
	uint32		level = 0;

	c.g = g;
	c.r = &r;
	c.place = pure_array(uint32, g->nodes);
	for (uint32 p = 0; p < r.n; p++)
		c.place[r.node[p]] = p;
	c.order = pure_array0(uint32, r.n);
	c.low = pure_array(uint32, r.n);
	c.next_edge = pure_array(uint32, r.n);
	c.calls = pure_array(uint32, r.n);
	c.open = pure_array(uint32, r.n);
	c.is_open = pure_array0(uint64, words);
	c.has_above = pure_array0(uint64, words);
	c.is_root = pure_array0(uint64, words);
	find_components(&c);

	*n = 0;
	out = pure_array(NodeDepth, r.n);
	for (uint32 p = 0; p < r.n; p++)
	{
		while (p >= r.level[level + 1])
			level++;
		if (test(c.is_root, p))
		{
			out[*n].node = r.node[p];
			out[*n].depth = (int32) level;
			(*n)++;
		}
	}
	pure_free(c.place);
	pure_free(c.order);
	pure_free(c.low);
	pure_free(c.next_edge);
	pure_free(c.calls);
	pure_free(c.open);
	pure_free(c.is_open);
	pure_free(c.has_above);
	pure_free(c.is_root);
	reach_free(&r);
	return out;
}

/*
 * A shortest path downstream, both ends included; NULL where there is none.
 * Of several the first in breadth-first order, so the same every time.
 */
uint32 *
graph_path(const Graph *g, uint32 from, uint32 to, uint32 *n)
{
	uint64	   *seen = pure_array0(uint64, ((Size) g->nodes >> 6) + 1);
	uint32	   *queue = pure_array(uint32, g->nodes);
	uint32	   *came_from = pure_array(uint32, g->nodes);	/* positions */
	uint32		head = 0,
				tail = 0;
	uint32		at = from == to ? 0 : GRAPH_NONE;
	Size		edges = 0;
	uint32	   *path = NULL;

	test_and_set(seen, from);
	queue[tail] = from;
	came_from[tail++] = GRAPH_NONE;
	while (head < tail && at == GRAPH_NONE)
	{
		GraphSpan	s = graph_down_inline(g, queue[head]);

		for (uint32 i = 0; i < s.n; i++)
		{
			uint32		v = GRAPH_NODE(s.word[i]);

			if (test_and_set(seen, v))
				continue;
			queue[tail] = v;
			came_from[tail] = head;
			if (v == to)
			{
				at = tail;
				break;
			}
			tail++;
		}
		head++;
		edges += s.n + 1;
		if (edges >= INTERRUPT_EVERY)
		{
			edges = 0;
			PURE_INTERRUPTS();
		}
	}

	if (at != GRAPH_NONE)
	{
		*n = 0;
		for (uint32 p = at; p != GRAPH_NONE; p = came_from[p])
			(*n)++;
		path = pure_array(uint32, *n);
		for (uint32 p = at, i = *n; p != GRAPH_NONE; p = came_from[p])
			path[--i] = queue[p];
	}
	pure_free(seen);
	pure_free(queue);
	pure_free(came_from);
	return path;
}
