/*
 * graph.c
 *		Builds and reads the lineage graph; patch.c changes it.
 *
 * Building is linear in edges: number the assets (a bitmap over the ids with
 * ranks where they are dense, as a sequence makes them; else a hash table and
 * a sort of the distinct ids), then two stable counting sorts, by downstream
 * and by upstream, leave the edges in order of (upstream, downstream), where
 * duplicates are neighbours and fold in one sweep; a third makes the reverse
 * half. Nothing here can fail but for memory.
 *
 * Invariants: neighbours ascend within a span; a pair occurs once; what is in
 * the downward half is in the upward half with the same GRAPH_RUNS.
 */
#include "graph_impl.h"

/* An edge between numbered nodes, while building. */
typedef struct NodeEdge
{
	uint32		up;
	uint32		down_word;
	int32		lag;
} NodeEdge;

/* From asset ids to dense numbers, while building. */
typedef struct Numbering
{
	uint32		n;
	int64	   *asset;			/* ascending */
	/* dense: a bitmap over (id - min) >> shift, and ranks of its words */
	uint64	   *bit;
	uint32	   *rank;
	uint64		min;
	int			shift;
	/* sparse: open addressing */
	NewAsset   *slot;
	uint64		mask;
} Numbering;

#define INTERRUPT_EVERY 65536

/* Order of ids as unsigned distances from the smallest possible one. */
static inline uint64
biased(int64 id)
{
	return (uint64) id ^ (UINT64_C(1) << 63);
}

static int
cmp_int64(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

static void
number_dense(Numbering *m, const GraphEdge *edges, Size nedges, uint64 range)
{
	Size		words = (Size) (range / 64 + 1);
	uint32		n = 0;

	m->bit = pure_array0(uint64, words);
	m->rank = pure_array(uint32, words);
	for (Size i = 0; i < nedges; i++)
	{
		uint64		u = (biased(edges[i].upstream) - m->min) >> m->shift;
		uint64		d = (biased(edges[i].downstream) - m->min) >> m->shift;

		m->bit[u >> 6] |= UINT64_C(1) << (u & 63);
		m->bit[d >> 6] |= UINT64_C(1) << (d & 63);
	}
	for (Size w = 0; w < words; w++)
	{
		m->rank[w] = n;
		n += (uint32) __builtin_popcountll(m->bit[w]);
	}
	m->n = n;
	m->asset = pure_array(int64, n);
	n = 0;
	for (Size w = 0; w < words; w++)
		for (uint64 b = m->bit[w]; b != 0; b &= b - 1)
			m->asset[n++] = (int64) ((((w * 64 + (uint64) __builtin_ctzll(b))
									   << m->shift) + m->min)
									 ^ (UINT64_C(1) << 63));
}

static void
number_sparse(Numbering *m, const GraphEdge *edges, Size nedges)
{
	uint64		slots = 1024;
	Size		room = 1024;

	m->slot = pure_array(NewAsset, slots);
	memset(m->slot, 0xff, sizeof(NewAsset) * slots);
	m->mask = slots - 1;
	m->asset = pure_array(int64, room);

	for (Size i = 0; i < nedges * 2; i++)
	{
		int64		id = i & 1 ? edges[i / 2].downstream : edges[i / 2].upstream;
		NewAsset   *s = graph_slot(m->slot, m->mask, id);

		if (s->node != GRAPH_NONE)
			continue;
		if (m->n == room)
		{
			room *= 2;
			m->asset = pure_realloc(m->asset, sizeof(int64) * room);
		}
		s->asset = id;
		s->node = 0;
		m->asset[m->n++] = id;

		if ((uint64) m->n * 2 > slots)
		{
			slots *= 2;
			pure_free(m->slot);
			m->slot = pure_array(NewAsset, slots);
			memset(m->slot, 0xff, sizeof(NewAsset) * slots);
			m->mask = slots - 1;
			for (uint32 k = 0; k < m->n; k++)
			{
				s = graph_slot(m->slot, m->mask, m->asset[k]);
				s->asset = m->asset[k];
				s->node = 0;
			}
		}
	}
	m->asset = pure_realloc(m->asset, sizeof(int64) * m->n);
	qsort(m->asset, m->n, sizeof(int64), cmp_int64);
	for (uint32 k = 0; k < m->n; k++)
		graph_slot(m->slot, m->mask, m->asset[k])->node = k;
}

static void
number_assets(Numbering *m, const GraphEdge *edges, Size nedges)
{
	uint64		min = UINT64_MAX,
				max = 0,
				differ = 0;

	memset(m, 0, sizeof(*m));
	if (nedges == 0)
		return;
	for (Size i = 0; i < nedges; i++)
	{
		uint64		u = biased(edges[i].upstream);
		uint64		d = biased(edges[i].downstream);

		min = Min(min, Min(u, d));
		max = Max(max, Max(u, d));
		differ |= (u ^ d) | (u ^ biased(edges[0].upstream));
	}

	/* A sequence in steps of 1,024 leaves the low ten bits alike. */
	m->min = min;
	m->shift = differ ? __builtin_ctzll(differ) : 0;
	if (((max - min) >> m->shift) <= (uint64) nedges * 32 + 65536)
		number_dense(m, edges, nedges, (max - min) >> m->shift);
	else
		number_sparse(m, edges, nedges);
}

static inline uint32
number_of(const Numbering *m, int64 asset)
{
	uint64		x;

	if (m->slot)
		return graph_slot(m->slot, m->mask, asset)->node;
	x = (biased(asset) - m->min) >> m->shift;
	return m->rank[x >> 6] +
		(uint32) __builtin_popcountll(m->bit[x >> 6] &
									  ((UINT64_C(1) << (x & 63)) - 1));
}

/* Turns counts, kept one to the right, into where each group starts. */
static void
counts_to_starts(uint32 *start, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
		start[i + 1] += start[i];
}

/* Edges in order of downstream, their ends numbered. */
static NodeEdge *
sort_by_downstream(const Numbering *m, const GraphEdge *edges, Size nedges)
{
	NodeEdge   *out = pure_array(NodeEdge, nedges);
	uint32	   *next = pure_array0(uint32, (Size) m->n + 1);

	for (Size i = 0; i < nedges; i++)
		next[number_of(m, edges[i].downstream) + 1]++;
	counts_to_starts(next, m->n);
	for (Size i = 0; i < nedges; i++)
	{
		uint32		d = number_of(m, edges[i].downstream);
		NodeEdge   *e = &out[next[d]++];

		if (i % INTERRUPT_EVERY == 0)
			PURE_INTERRUPTS();
		e->up = number_of(m, edges[i].upstream);
		e->down_word = d | (edges[i].runs ? GRAPH_RUNS : 0);
		e->lag = edges[i].lag;
	}
	pure_free(next);
	return out;
}

/* The downward half, duplicates still side by side. */
static void
scatter_down(Graph *g, const NodeEdge *edges, Size nedges)
{
	uint32	   *next = pure_array(uint32, (Size) g->nodes + 1);

	for (Size i = 0; i < nedges; i++)
		g->down_start[edges[i].up + 1]++;
	counts_to_starts(g->down_start, g->nodes);
	memcpy(next, g->down_start, sizeof(uint32) * ((Size) g->nodes + 1));
	for (Size i = 0; i < nedges; i++)
	{
		uint32		at = next[edges[i].up]++;

		if (i % INTERRUPT_EVERY == 0)
			PURE_INTERRUPTS();
		g->down[at] = edges[i].down_word;
		if (g->lag)
			g->lag[at] = edges[i].lag;
	}
	pure_free(next);
}

/* Duplicates become one edge: the largest lag, `runs` only where all are. */
static void
fold_duplicates(Graph *g)
{
	uint32		kept = 0;
	uint32		from = 0;

	for (uint32 v = 0; v < g->nodes; v++)
	{
		uint32		end = g->down_start[v + 1];
		uint32		first = kept;

		for (; from < end; from++)
		{
			uint32		w = g->down[from];

			if (kept > first && GRAPH_NODE(g->down[kept - 1]) == GRAPH_NODE(w))
			{
				g->down[kept - 1] &= w;
				if (g->lag)
					g->lag[kept - 1] = Max(g->lag[kept - 1], g->lag[from]);
				continue;
			}
			g->down[kept] = w;
			if (g->lag)
				g->lag[kept] = g->lag[from];
			kept++;
		}
		g->down_start[v] = first;
	}
	g->down_start[g->nodes] = kept;
	g->base_edges = kept;
	g->edges = kept;
}

static void
build_up(Graph *g)
{
	uint32	   *next = pure_array(uint32, (Size) g->nodes + 1);

	for (uint32 i = 0; i < g->base_edges; i++)
	{
		g->up_start[GRAPH_NODE(g->down[i]) + 1]++;
		if (g->down[i] & GRAPH_RUNS)
			g->has_runs = true;
	}
	counts_to_starts(g->up_start, g->nodes);
	memcpy(next, g->up_start, sizeof(uint32) * ((Size) g->nodes + 1));
	for (uint32 v = 0; v < g->nodes; v++)
		for (uint32 i = g->down_start[v]; i < g->down_start[v + 1]; i++)
			g->up[next[GRAPH_NODE(g->down[i])]++] =
				v | (g->down[i] & GRAPH_RUNS);
	pure_free(next);
}

/*
 * The graph of these rows, in any order and with duplicates, in the current
 * memory. The rows are only read; at most 2^31 - 1 assets and 2^32 - 1 rows.
 */
Graph *
graph_build(GraphEdge *edges, Size nedges)
{
	Graph	   *g = pure_array0(Graph, 1);
	Numbering	m;
	NodeEdge   *sorted;

	Assert(nedges < UINT32_MAX);
	number_assets(&m, edges, nedges);
	g->nodes = g->base_nodes = m.n;
	g->asset = m.asset ? m.asset : pure_array(int64, 1);
	for (Size i = 0; i < nedges && !g->has_lags; i++)
		g->has_lags = edges[i].lag > 0;

	sorted = sort_by_downstream(&m, edges, nedges);
	pure_free(m.bit);
	pure_free(m.rank);
	pure_free(m.slot);

	g->down_start = pure_array0(uint32, (Size) m.n + 1);
	g->down = pure_array(uint32, nedges);
	g->lag = g->has_lags ? pure_array(int32, nedges) : NULL;
	scatter_down(g, sorted, nedges);
	pure_free(sorted);
	fold_duplicates(g);
	if (g->base_edges < nedges)
	{
		g->down = pure_realloc(g->down, sizeof(uint32) * (Size) g->base_edges);
		if (g->lag)
			g->lag = pure_realloc(g->lag, sizeof(int32) * (Size) g->base_edges);
	}

	g->up_start = pure_array0(uint32, (Size) m.n + 1);
	g->up = pure_array(uint32, g->base_edges);
	build_up(g);
	return g;
}

uint32
graph_nodes(const Graph *g)
{
	return g->nodes;
}

Size
graph_edges(const Graph *g)
{
	return g->edges;
}

/* The node of an asset, GRAPH_NONE where it never had an edge. */
uint32
graph_find(const Graph *g, int64 asset)
{
	uint32		lo = 0,
				hi = g->base_nodes;

	while (lo < hi)
	{
		uint32		mid = lo + (hi - lo) / 2;

		if (g->asset[mid] < asset)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < g->base_nodes && g->asset[lo] == asset)
		return lo;
	if (g->delta && g->delta->assets > 0)
		return graph_slot(g->delta->added, g->delta->added_slots - 1,
						  asset)->node;
	return GRAPH_NONE;
}

int64
graph_asset(const Graph *g, uint32 node)
{
	return node < g->base_nodes ? g->asset[node]
		: g->delta->asset[node - g->base_nodes];
}

GraphSpan
graph_down(const Graph *g, uint32 node)
{
	return graph_down_inline(g, node);
}

GraphSpan
graph_up(const Graph *g, uint32 node)
{
	return graph_up_inline(g, node);
}

int32
graph_lag(const Graph *g, uint32 upstream, uint32 downstream)
{
	GraphSpan	s;
	uint32		at;
	bool		found;

	if (!g->has_lags)
		return 0;
	s = graph_down_inline(g, upstream);
	at = graph_span_find(s.word, s.n, downstream, &found);
	if (!found)
		return 0;
	if (g->delta &&
		((g->delta->touched[upstream >> 6] >> (upstream & 63)) & 1))
	{
		const PatchedNode *p = graph_patched(g, upstream);

		if (p->down.replaced)
			return p->down.lag[at];
	}
	return g->lag ? g->lag[g->down_start[upstream] + at] : 0;
}

bool
graph_has_lags(const Graph *g)
{
	return g->has_lags;
}

bool
graph_has_runs(const Graph *g)
{
	return g->has_runs;
}

Size
graph_delta(const Graph *g)
{
	return g->delta ? g->delta->weight : 0;
}

Size
graph_memory(const Graph *g)
{
	Size		n = (Size) g->base_nodes;
	Size		bytes = sizeof(Graph) + n * sizeof(int64) +
		2 * (n + 1) * sizeof(uint32) +
		(Size) g->base_edges * (g->lag ? 12 : 8);

	return g->delta ? bytes + g->delta->bytes : bytes;
}
