/*
 * kernel_bfs.c
 *		The traversal alone against a bare kernel, over the same graph.
 *
 * Makes a synthetic lineage graph, counts a closure with a breadth-first walk
 * that is nothing but arrays and a bitmap, then with graph_reach(), before and
 * after some patches. Prints milliseconds, the ratio (reach: 1.5) and bytes.
 *
 *	cc -O2 -DTRACER_STANDALONE -Isrc -Itest/fuzz test/bench/kernel_bfs.c \
 *		src/lineage/graph.c src/lineage/patch.c src/lineage/traverse.c test/fuzz/pure_standalone.c
 *	./a.out [nodes] [edges]
 */
#include <stdio.h>
#include <time.h>

#include "lineage/graph.h"
#include "lineage/traverse.h"
#include "pure_standalone.h"

static uint64 state = 88172645463325252;

static uint64
rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* The bare kernel: arrays in, a count out. */
static uint32
bare(const uint32 *start, const uint32 *word, uint32 nodes, uint32 from)
{
	uint64	   *seen = calloc((nodes >> 6) + 1, sizeof(uint64));
	uint32	   *queue = malloc(sizeof(uint32) * nodes);
	uint32		head = 0,
				tail = 0;

	queue[tail++] = from;
	seen[from >> 6] |= UINT64_C(1) << (from & 63);
	while (head < tail)
	{
		uint32		u = queue[head++];

		for (uint32 i = start[u]; i < start[u + 1]; i++)
		{
			uint32		v = word[i];

			if (seen[v >> 6] & (UINT64_C(1) << (v & 63)))
				continue;
			seen[v >> 6] |= UINT64_C(1) << (v & 63);
			queue[tail++] = v;
		}
	}
	free(seen);
	free(queue);
	return tail;
}

static double
best_reach(const Graph *g, uint32 from, uint32 *n)
{
	double		best = 1e9;

	for (int i = 0; i < 15; i++)
	{
		double		t = now_ms();
		Reach		r = graph_reach(g, from, WALK_UP, NO_MAX_DEPTH, NO_MAX_NODES);

		*n = r.n;
		reach_free(&r);
		t = now_ms() - t;
		best = Min(best, t);
	}
	return best;
}

int
main(int argc, char **argv)
{
	uint32		nodes = argc > 1 ? (uint32) atol(argv[1]) : 1000000;
	Size		edges = argc > 2 ? (Size) atol(argv[2]) : 4000000;
	GraphEdge  *e = malloc(sizeof(GraphEdge) * edges);
	Graph	   *g;
	uint32	   *start,
			   *word;
	uint32		from,
				n = 0,
				m = 0;
	double		t,
				kernel = 1e9,
				walk;

	/* Layers: an edge leads from a node to one a little above it in number. */
	for (Size i = 0; i < edges; i++)
	{
		uint64		d = 1 + rnd() % (nodes - 1);
		uint64		reach = Min(d, (uint64) nodes / 50);

		e[i].downstream = (int64) d * 1024 + 1;
		e[i].upstream = (int64) (d - 1 - rnd() % reach) * 1024 + 1;
		e[i].lag = 0;
		e[i].runs = false;
	}
	t = now_ms();
	g = graph_build(e, edges);
	printf("build            %8.1f ms, %u nodes, %zu edges\n", now_ms() - t,
		   graph_nodes(g), graph_edges(g));
	printf("memory           %8.2f bytes per edge beside 24 per node\n",
		   ((double) graph_memory(g) - 24.0 * graph_nodes(g)) / (double) graph_edges(g));

	start = malloc(sizeof(uint32) * (graph_nodes(g) + 1));
	word = malloc(sizeof(uint32) * graph_edges(g));
	start[0] = 0;
	for (uint32 v = 0; v < graph_nodes(g); v++)
	{
		GraphSpan	s = graph_up(g, v);

		memcpy(word + start[v], s.word, sizeof(uint32) * s.n);
		start[v + 1] = start[v] + s.n;
	}

	/* The first closure of 19 in 100 nodes or more. */
	for (from = graph_nodes(g) / 100; from < graph_nodes(g) - 1; from += 1 + graph_nodes(g) / 100)
		if (bare(start, word, graph_nodes(g), from) >= graph_nodes(g) / 100 * 19)
			break;
	from = Min(from, graph_nodes(g) - 1);
	for (int i = 0; i < 15; i++)
	{
		t = now_ms();
		n = bare(start, word, graph_nodes(g), from);
		t = now_ms() - t;
		kernel = Min(kernel, t);
	}
	walk = best_reach(g, from, &m);
	printf("bare kernel      %8.3f ms, %u reached\n", kernel, n);
	printf("graph_reach      %8.3f ms, %u reached, ratio %.2f\n", walk, m, walk / kernel);
	for (int i = 0; i < 10000; i++)
		graph_patch(g, e[i].upstream, e[i].downstream, i % 2 == 0, 1, false);
	walk = best_reach(g, from, &m);
	printf("after 10,000 patches %4.3f ms, %u reached, ratio %.2f\n", walk, m, walk / kernel);
	pure_free_all();
	free(e);
	free(start);
	free(word);
	return n == 0;
}
