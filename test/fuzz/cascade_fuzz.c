/*
 * cascade_fuzz.c
 *		The rule on any lineage and any episodes.
 *
 * Whatever comes in: everything is decided, parents form a forest, an episode
 * descends from the origin whose start it carries, no parent breaks the rule's
 * outer bounds, and the decision does not depend on the order in which episodes
 * are listed.
 *
 * Cores: lineage/graph.c lineage/patch.c incident/ancestry.c incident/order.c incident/cascade.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "incident/cascade.h"
#include "input.h"
#include "pure_standalone.h"

#define ASSETS 16
#define EPISODES 48
#define MINUTE INT64_C(60000000)

static int32 run_ids[4] = {0, 1, 2, 3};

static void
decide(Cascade *c, CascadeEpisode *episodes, int32 n, Graph *g, const uint32 *place_node)
{
	memset(c, 0, sizeof *c);
	c->graph = g;
	c->rules.horizon = 360 * MINUTE;
	c->rules.detection_lag = 30 * MINUTE;
	c->rules.max_incident_age = 7 * 24 * 60 * MINUTE;
	c->rules.change_lookback = 24 * 60 * MINUTE;
	c->rules.max_hops = GRAPH_NONE;
	c->episodes = episodes;
	c->nepisodes = n;
	c->place_node = place_node;
	c->nplaces = ASSETS + 1;
	c->all = true;
	cascade_decide(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		in = {data, data + size};
	GraphEdge	edges[64];
	Size		nedges = 0;
	Size		want = take8(&in) % 64;
	uint32		place_node[ASSETS + 1];
	CascadeEpisode a[EPISODES],
				b[EPISODES];
	int32		n = 0;
	Cascade		c;

	while (nedges < want && left(&in) >= 2)
	{
		uint32		pair = take8(&in);
		uint32		what = take8(&in);

		edges[nedges].upstream = 1024 * (1 + pair / 16);
		edges[nedges].downstream = 1024 * (1 + pair % 16);
		edges[nedges].runs = what % 4 == 0;
		edges[nedges].lag = what % 8 == 7 ? (int32) what * 600 : 0;
		nedges++;
	}

	Graph	   *g = graph_build(edges, nedges);

	for (uint32 i = 0; i < ASSETS; i++)
		place_node[i] = graph_find(g, 1024 * (1 + (int64) i));
	place_node[ASSETS] = GRAPH_NONE;

	memset(a, 0, sizeof a);
	while (n < EPISODES && left(&in) >= 5)
	{
		CascadeEpisode *e = &a[n];
		uint32		what;

		e->place = take8(&in) % (ASSETS + 1);
		e->start = (int64) take16(&in) * (MINUTE / 4);
		what = take8(&in);
		e->last = e->start + (what & 7) * 10 * MINUTE;
		e->end = what & 8 ? e->last + (what >> 4) * 20 * MINUTE : CASCADE_NEVER;
		e->quiet_at = e->last + 26 * 60 * MINUTE;
		what = take8(&in);
		e->chronic_from = what % 16 == 15 ? e->last : CASCADE_NEVER;
		e->severity = what & 3;
		e->nruns = what & 4 ? 1 : 0;
		e->runs = &run_ids[(what >> 4) & 3];
		e->tie = n;
		e->dirty = true;
		e->parent = CASCADE_NONE;
		n++;
	}

	memcpy(b, a, sizeof a);
	decide(&c, a, n, g, place_node);

	for (int32 i = 0; i < n; i++)
	{
		int32		up = i;
		int			steps = 0;

		MUST(a[i].parent >= CASCADE_NONE && a[i].parent < n && a[i].parent != i);
		while (a[up].parent != CASCADE_NONE)
		{
			up = a[up].parent;
			MUST(++steps <= n);
		}
		MUST(a[i].origin_start == a[up].start);
		if (a[i].parent != CASCADE_NONE)
		{
			MUST(a[a[i].parent].severity > SEVERITY_INFO);
			MUST(a[i].because != BECAUSE_ORIGIN);
		}
		else
			MUST(a[i].because == BECAUSE_ORIGIN);
	}

	/* The same episodes listed backwards: the same parents. */
	for (int32 i = 0; i < n / 2; i++)
	{
		CascadeEpisode t = b[i];

		b[i] = b[n - 1 - i];
		b[n - 1 - i] = t;
	}
	decide(&c, b, n, g, place_node);
	for (int32 i = 0; i < n; i++)
	{
		const CascadeEpisode *e = &b[n - 1 - i];

		MUST((e->parent == CASCADE_NONE ? CASCADE_NONE : n - 1 - e->parent) == a[i].parent);
		MUST(e->because == a[i].because && e->hops == a[i].hops);
	}
	pure_free_all();
	return 0;
}
