/*
 * graph_fuzz.c
 *		The lineage graph against a matrix of what was said.
 *
 * The input is a list of edges to build from and a list of patches. The graph
 * must agree with a plain matrix on every pair, in both directions, after
 * building and after every few patches.
 *
 * Cores: lineage/graph.c lineage/patch.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "lineage/graph.h"
#include "pure_standalone.h"

#define ASSETS 24

/* Ids that are neither dense nor small, to exercise the lookup. */
static int64
asset_id(uint32 i)
{
	return i % 5 == 0 ? (int64) i * 1024 : ((int64) 1 << 40) + (int64) i * 1024 + i % 3;
}

typedef struct Said
{
	bool		present;
	bool		runs;
	int32		lag;
} Said;

static Said said[ASSETS][ASSETS];

static void
compare(const Graph *g)
{
	Size		edges = 0;

	for (uint32 u = 0; u < ASSETS; u++)
	{
		uint32		node = graph_find(g, asset_id(u));
		bool		seen_down[ASSETS] = {false};
		bool		seen_up[ASSETS] = {false};

		if (node == GRAPH_NONE)
		{
			for (uint32 d = 0; d < ASSETS; d++)
				MUST(!said[u][d].present && !said[d][u].present);
			continue;
		}
		MUST(node < graph_nodes(g));
		MUST(graph_asset(g, node) == asset_id(u));

		GraphSpan	down = graph_down(g, node);

		for (uint32 k = 0; k < down.n; k++)
		{
			uint32		other = GRAPH_NODE(down.word[k]);
			uint32		d;

			MUST(other < graph_nodes(g));
			for (d = 0; d < ASSETS && asset_id(d) != graph_asset(g, other); d++)
				;
			MUST(d < ASSETS && said[u][d].present && !seen_down[d]);
			MUST(((down.word[k] & GRAPH_RUNS) != 0) == said[u][d].runs);
			MUST(graph_lag(g, node, other) == said[u][d].lag);
			MUST(graph_has_runs(g) || !said[u][d].runs);
			seen_down[d] = true;
			edges++;
		}

		GraphSpan	up = graph_up(g, node);

		for (uint32 k = 0; k < up.n; k++)
		{
			uint32		other = GRAPH_NODE(up.word[k]);
			uint32		d;

			for (d = 0; d < ASSETS && asset_id(d) != graph_asset(g, other); d++)
				;
			MUST(d < ASSETS && said[d][u].present && !seen_up[d]);
			MUST(((up.word[k] & GRAPH_RUNS) != 0) == said[d][u].runs);
			seen_up[d] = true;
		}
		for (uint32 d = 0; d < ASSETS; d++)
			MUST(seen_down[d] == said[u][d].present && seen_up[d] == said[d][u].present);
	}
	MUST(graph_edges(g) == edges);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		in = {data, data + size};
	GraphEdge	edges[256];
	Size		n = 0;
	Size		want = take8(&in);
	Graph	   *g;

	memset(said, 0, sizeof said);
	while (n < want && left(&in) >= 3)
	{
		uint32		u = take8(&in) % ASSETS;
		uint32		d = take8(&in) % ASSETS;
		uint32		what = take8(&in);
		Said	   *s = &said[u][d];

		edges[n].upstream = asset_id(u);
		edges[n].downstream = asset_id(d);
		edges[n].runs = (what & 1) != 0;
		edges[n].lag = (what & 6) == 6 ? (int32) what * 60 : 0;
		/* duplicates: a data edge if any is, the largest lag */
		s->runs = (!s->present || s->runs) && edges[n].runs;
		s->lag = Max(s->lag, edges[n].lag);
		s->present = true;
		n++;
	}
	g = graph_build(edges, n);
	compare(g);

	for (int i = 0; left(&in) >= 3; i++)
	{
		uint32		u = take8(&in) % ASSETS;
		uint32		d = take8(&in) % ASSETS;
		uint32		what = take8(&in);
		bool		present = what % 3 != 0;
		int32		lag = (what & 12) == 12 ? (int32) what : 0;
		bool		runs = (what & 16) != 0;

		graph_patch(g, asset_id(u), asset_id(d), present, lag, runs);
		said[u][d].present = present;
		said[u][d].lag = present ? lag : 0;
		said[u][d].runs = present && runs;
		if (i % 16 == 0)
			compare(g);
	}
	compare(g);
	pure_free_all();
	return 0;
}
