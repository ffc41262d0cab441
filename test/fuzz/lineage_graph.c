/*
 * lineage_graph.c
 *		A patched graph must equal one built from the same edges.
 *
 * Random edges with duplicates, cycles and self-loops over dense or sparse ids;
 * a graph built from some of them and patched by the rest, additions and
 * removals, is held against a matrix of what should be there: both directions,
 * lags, runs, the number of edges, and what walks reach. Exits 1 at the first difference.
 *
 *	cc -g -fsanitize=address,undefined -DTRACER_STANDALONE -Isrc -Itest/fuzz \
 *		test/fuzz/lineage_graph.c src/lineage/graph.c src/lineage/patch.c src/lineage/traverse.c \
 *		test/fuzz/pure_standalone.c
 *	./a.out [rounds]
 */
#include <stdio.h>

#include "lineage/graph.h"
#include "lineage/traverse.h"
#include "pure_standalone.h"

#define N 70		/* more than one word of a bitmap */

typedef struct Cell
{
	bool		present;
	bool		runs;
	int32		lag;
} Cell;

static uint64 state = 88172645463325252;

static uint32
rnd(uint32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32) ((state >> 11) % n);
}

static void
fail(const char *what, int round)
{
	printf("round %d: %s\n", round, what);
	exit(1);
}

static void
check(const Graph *g, Cell cell[N][N], const int64 *id, int round)
{
	Size		edges = 0;

	for (int u = 0; u < N; u++)
	{
		uint32		node = graph_find(g, id[u]);
		uint32		down = 0,
					up = 0;
		GraphSpan	s;

		for (int v = 0; v < N; v++)
		{
			down += cell[u][v].present;
			up += cell[v][u].present;
		}
		edges += down;
		if (node == GRAPH_NONE)
		{
			if (down + up > 0)
				fail("node is missing", round);
			continue;
		}
		if (graph_asset(g, node) != id[u])
			fail("node stands for another asset", round);
		s = graph_down(g, node);
		if (s.n != down || graph_up(g, node).n != up)
			fail("wrong number of neighbours", round);
		for (uint32 i = 0; i < s.n; i++)
		{
			uint32		w = GRAPH_NODE(s.word[i]);
			GraphSpan	back = graph_up(g, w);
			bool		both = false;
			int			v = 0;

			if (i > 0 && GRAPH_NODE(s.word[i - 1]) >= w)
				fail("neighbours do not ascend", round);
			while (id[v] != graph_asset(g, w))
				v++;
			if (!cell[u][v].present)
				fail("edge should not be there", round);
			if (((s.word[i] & GRAPH_RUNS) != 0) != cell[u][v].runs)
				fail("wrong kind", round);
			if (graph_lag(g, node, w) != cell[u][v].lag)
				fail("wrong lag", round);
			for (uint32 k = 0; k < back.n; k++)
				both |= back.word[k] == (node | (s.word[i] & GRAPH_RUNS));
			if (!both)
				fail("directions differ", round);
		}
	}
	if (graph_edges(g) != edges)
		fail("wrong number of edges", round);
}

/*
 * Walks find each node that can be reached once, at its distance: with every
 * depth, by queue alone (a limit on nodes) and with levels marked.
 */
static void
check_reach(const Graph *g, Cell cell[N][N], const int64 *id, int round)
{
	int			from = (int) rnd(N);
	WalkDirection dir = rnd(2) ? WALK_UP : WALK_DOWN;
	int32		max_depth = rnd(2) ? NO_MAX_DEPTH : (int32) rnd(4);
	int			depth[N];
	uint32		n = 1;

	if (graph_find(g, id[from]) == GRAPH_NONE)
		return;
	for (int i = 0; i < N; i++)
		depth[i] = i == from ? 0 : -1;
	for (int d = 0; d < N && d < max_depth; d++)
		for (int i = 0; i < N; i++)
			for (int j = 0; depth[i] == d && j < N; j++)
				if (depth[j] < 0 && (dir == WALK_UP ? cell[j][i] : cell[i][j]).present)
				{
					depth[j] = d + 1;
					n++;
				}
	for (int queue_only = 0; queue_only < 2; queue_only++)
	{
		Reach		r = graph_reach(g, graph_find(g, id[from]), dir, max_depth,
									queue_only ? NO_MAX_NODES - 1 : NO_MAX_NODES);

		if (r.n != n || r.cut || r.level[r.levels] != n)
			fail("wrong number of nodes reached", round);
		for (uint32 k = 0; k < r.levels; k++)
			for (uint32 p = r.level[k]; p < r.level[k + 1]; p++)
			{
				int			i = 0;

				while (i < N && id[i] != graph_asset(g, r.node[p]))
					i++;
				if (i == N || depth[i] != (int) k)
					fail("reached at a wrong distance, or twice", round);
				depth[i] = -2;
			}
		for (int i = 0; i < N && queue_only == 0; i++)
			if (depth[i] >= 0)
				fail("not reached", round);
		/* Back to distances for the second walk. */
		for (uint32 k = 0; k < r.levels; k++)
			for (uint32 p = r.level[k]; p < r.level[k + 1]; p++)
				for (int i = 0; i < N; i++)
					if (id[i] == graph_asset(g, r.node[p]))
						depth[i] = (int) k;
		reach_free(&r);
	}
}

int
main(int argc, char **argv)
{
	int			rounds = argc > 1 ? atoi(argv[1]) : 2000;

	for (int round = 0; round < rounds; round++)
	{
		static Cell cell[N][N];
		int64		id[N];
		GraphEdge	e[300];
		uint32		n = rnd(300);
		Graph	   *g;

		memset(cell, 0, sizeof(cell));
		for (int i = 0; i < N; i++)
			id[i] = round % 3 == 0 ? (int64) i * 1024 + 7
				: round % 3 == 1 ? ((int64) rnd(1 << 30) << 33) + i - ((int64) 1 << 62)
				: (int64) i - N / 2;
		for (uint32 i = 0; i < n; i++)
		{
			uint32		u = rnd(round % 2 ? N : N / 2);
			uint32		d = rnd(round % 2 ? N : N / 2);
			Cell	   *c = &cell[u][d];

			e[i].upstream = id[u];
			e[i].downstream = id[d];
			e[i].lag = round % 5 == 0 ? 0 : (int32) rnd(3);
			e[i].runs = rnd(2);
			c->runs = c->present ? c->runs && e[i].runs : e[i].runs;
			c->lag = Max(c->lag, e[i].lag);
			c->present = true;
		}
		g = graph_build(e, n);
		check(g, cell, id, round);
		for (int i = 0; i < 150; i++)
		{
			uint32		u = rnd(N);
			uint32		d = rnd(N);
			Cell	   *c = &cell[u][d];

			c->present = rnd(3) > 0;
			c->runs = c->present && rnd(2);
			c->lag = c->present ? (int32) rnd(3) : 0;
			graph_patch(g, id[u], id[d], c->present, c->lag, c->runs);
			if (i % 30 == 0)
				check(g, cell, id, round);
			if (i % 10 == 0)
				check_reach(g, cell, id, round);
		}
		check(g, cell, id, round);
		if (graph_nodes(g) > 0)
		{
			Reach		r = graph_reach(g, 0, WALK_UP, 3, 5);
			uint32		k;

			reach_free(&r);
			pure_free(graph_roots(g, graph_nodes(g) - 1, &k));
			pure_free(graph_path(g, 0, graph_nodes(g) - 1, &k));
		}
		pure_free_all();
	}
	printf("%d rounds, no difference\n", rounds);
	return 0;
}
