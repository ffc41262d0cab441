/*
 * learn_fuzz.c
 *		The search for missing lineage on any lineage and any failures.
 *
 * Whatever comes in: confidences lie between 0 and 1 and come in order, lags lie
 * within the window, a suggestion is neither known nor the reverse of what is
 * known, was not rejected, closes no circle with the others, and nothing depends
 * on the order in which failures are listed.
 *
 * Cores: lineage/graph.c lineage/patch.c lineage/traverse.c learn/learn.c learn/target.c learn/lag.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "learn/learn.h"
#include "lineage/traverse.h"
#include "pure_standalone.h"

#define ASSETS 12
#define EVENTS 200
#define MINUTE INT64_C(60000000)

static void
learn(Learn *l, const LearnEvent *events, int32 n, bool reversed)
{
	l->events = pure_array(LearnEvent, n);
	l->nevents = n;
	for (int32 i = 0; i < n; i++)
		l->events[i] = events[reversed ? n - 1 - i : i];
	learn_edges(l);
}

static bool
reaches(const Learn *l, int32 from, int32 to, int depth)
{
	if (from == to)
		return true;
	for (int32 i = 0; depth > 0 && i < l->nedges; i++)
		if (l->edges[i].upstream == from && reaches(l, l->edges[i].downstream, to, depth - 1))
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		in = {data, data + size};
	GraphEdge	known[32];
	Size		nknown = 0,
				want = take8(&in) % 16;
	uint32		node[ASSETS];
	LearnEvent	events[EVENTS];
	int32		n = 0;
	int64		at = 0;
	LearnPair	rejected;
	Learn		a = {0},
				b;

	while (nknown < want && left(&in) >= 1)
	{
		uint32		pair = take8(&in);

		known[nknown++] = (GraphEdge) {1 + pair / 16 % ASSETS, 1 + pair % 16 % ASSETS, 0, false};
	}
	rejected = (LearnPair) {take8(&in) % ASSETS, take8(&in) % ASSETS};
	while (n < EVENTS && left(&in) >= 2)
	{
		uint32		who = take8(&in),
					when = take8(&in);

		at += (int64) when * when * MINUTE / 64;
		events[n++] = (LearnEvent) {
			.at = at, .asset = who % ASSETS, .group = who / 128,
			.explained = who / 16 % 8 == 7, .suspicion = who / 16 % 8 == 6 ? 1 + when % 3 : 0,
			.adjacent = when == 255, .lag = (int64) who * MINUTE - 20 * MINUTE
		};
	}
	a.graph = graph_build(known, nknown);
	for (int i = 0; i < ASSETS; i++)
		node[i] = graph_find(a.graph, i + 1);
	a.asset_node = node;
	a.nassets = ASSETS;
	a.rules = (LearnRules) {360 * MINUTE, (size % 2) * 30 * MINUTE, 0.5, 1000000};
	a.rejected = &rejected;
	a.nrejected = 1;
	b = a;
	learn(&a, events, n, false);
	learn(&b, events, n, true);

	MUST(a.nedges == b.nedges);
	for (int32 i = 0; i < a.nedges; i++)
	{
		const LearnEdge *e = &a.edges[i];
		uint32		up = node[e->upstream],
					down = node[e->downstream];

		MUST(e->upstream == b.edges[i].upstream && e->downstream == b.edges[i].downstream &&
			 e->confidence == b.edges[i].confidence && e->support == b.edges[i].support && e->lag == b.edges[i].lag);
		MUST(e->confidence >= 0 && e->confidence <= 1 + 1e-9);
		MUST(i == 0 || e->confidence <= a.edges[i - 1].confidence);
		MUST(e->unexplained >= 2 && e->support <= e->unexplained);
		MUST(e->lag_least <= e->lag && e->lag <= e->lag_most);
		MUST(e->lag_least >= -a.rules.detection_lag && e->lag_most <= a.rules.horizon);
		MUST(e->upstream != rejected.upstream || e->downstream != rejected.downstream);
		MUST(!reaches(&a, e->downstream, e->upstream, ASSETS));
		if (up != GRAPH_NONE && down != GRAPH_NONE)
			for (int way = 0; way < 2; way++)
			{
				Reach		r = graph_reach(a.graph, up, way ? WALK_UP : WALK_DOWN, NO_MAX_DEPTH, NO_MAX_NODES);

				MUST(!((r.seen[down >> 6] >> (down & 63)) & 1));
				reach_free(&r);
			}
	}
	pure_free_all();
	return 0;
}
