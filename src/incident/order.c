/*
 * order.c
 *		In which order episodes are decided, and which need be. Pure.
 *
 * Whatever may explain an episode (cascade.c) comes before it in the order of
 *
 *		(rank of the asset in the widened lineage; wrapped ones last, inner
 *		 runners before outer ones; component in the plain lineage; start; tie)
 *
 * So it must be known first which runners' episodes are wrapped. What is on or
 * below an asset with an episode that changed, or went away, is marked: nothing
 * else can come to another parent.
 */
#include "incident/cascade_impl.h"

typedef struct SortKey
{
	uint32		rank;
	uint32		inner;			/* 0, or for wrapped ones 1 + depth-first order */
	uint32		component;
	int64		start;
	int32		tie;
	int32		episode;
} SortKey;

int32
cascade_lower_bound(const Cascade *c, uint32 place, int64 t)
{
	int32		lo = c->place_first[place],
				hi = c->place_first[place + 1];

	while (lo < hi)
	{
		int32		mid = lo + (hi - lo) / 2;

		if (c->episodes[c->by_place[mid]].start < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int32
cascade_upper_bound(const Cascade *c, uint32 place, int64 t)
{
	return t == PG_INT64_MAX ? c->place_first[place + 1]
		: cascade_lower_bound(c, place, t + 1);
}

static int
compare_keys(const void *pa, const void *pb)
{
	const SortKey *a = pa,
			   *b = pb;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->inner != b->inner)
		return a->inner < b->inner ? -1 : 1;
	if (a->component != b->component)
		return a->component < b->component ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->tie != b->tie)
		return a->tie < b->tie ? -1 : 1;
	return 0;
}

static void
sort_by_place(Cascade *c)
{
	SortKey    *keys = pure_array(SortKey, c->nepisodes);

	for (int32 i = 0; i < c->nepisodes; i++)
	{
		const CascadeEpisode *e = &c->episodes[i];

		keys[i] = (SortKey) {e->place, 0, 0, e->start, e->tie, i};
	}
	qsort(keys, c->nepisodes, sizeof(SortKey), compare_keys);

	c->by_place = pure_array(int32, c->nepisodes);
	c->place_first = pure_array0(int32, c->nplaces + 1);
	for (int32 i = 0; i < c->nepisodes; i++)
	{
		c->by_place[i] = keys[i].episode;
		c->place_first[keys[i].rank + 1]++;
	}
	for (uint32 p = 0; p < c->nplaces; p++)
		c->place_first[p + 1] += c->place_first[p];
	pure_free(keys);
}

/* Ancestors of every place, and which place a node is. */
void
cascade_map_nodes(Cascade *c)
{
	if (c->graph == NULL)
		return;
	c->ancestry = ancestry_create(c->graph, c->place_node, c->nplaces, !c->no_runs);
	c->node_place = pure_array(uint32, graph_nodes(c->graph));
	memset(c->node_place, 0xFF, sizeof(uint32) * (Size) graph_nodes(c->graph));
	for (uint32 p = 0; p < c->nplaces; p++)
		if (c->place_node[p] != GRAPH_NONE)
			c->node_place[c->place_node[p]] = p;
}

/* For each runner that bears alerts, the alert-bearing assets in its closure. */
static void
list_inner_places(Decider *d)
{
	Cascade    *c = d->c;

	d->inner = pure_array0(InnerList, c->nplaces);
	if (c->graph == NULL || c->no_runs || !graph_has_runs(c->graph))
		return;
	for (uint32 p = 0; p < c->nplaces; p++)
	{
		const RunnerAbove *above;
		uint32		n;

		if (c->place_node[p] == GRAPH_NONE)
			continue;
		n = ancestry_runners(c->ancestry, c->place_node[p], &above);
		for (uint32 i = 0; i < n; i++)
		{
			uint32		q = c->node_place[above[i].node];
			InnerList  *l;

			if (q == GRAPH_NONE)
				continue;
			l = &d->inner[q];
			if (l->n == l->max)
			{
				l->max = l->max ? l->max * 2 : 4;
				l->items = pure_realloc(l->items, sizeof(InnerPlace) * (Size) l->max);
			}
			l->items[l->n].place = p;
			l->items[l->n++].hops = above[i].hops;
		}
	}
}

/* Which runner episodes are wrapped. Must be known before anything is ordered. */
static void
find_wrapped(Decider *d)
{
	Cascade    *c = d->c;

	for (uint32 q = 0; q < c->nplaces; q++)
	{
		const InnerList *l = &d->inner[q];

		if (l->n == 0)
			continue;
		for (int32 i = c->place_first[q]; i < c->place_first[q + 1]; i++)
		{
			CascadeEpisode *r = &c->episodes[c->by_place[i]];

			r->wrapped = false;
			for (uint32 j = 0; j < l->n && !r->wrapped; j++)
			{
				uint32		p = l->items[j].place;
				int32		to = cascade_upper_bound(c, p, cascade_add(r->start, c->rules.max_incident_age));

				for (int32 k = cascade_lower_bound(c, p, cascade_sub(r->start, c->rules.max_incident_age));
					 k < to && !r->wrapped; k++)
				{
					const CascadeEpisode *m = &c->episodes[c->by_place[k]];

					r->wrapped = cascade_wraps(m, r) && cascade_within(c, m, r);
				}
			}
		}
		PURE_INTERRUPTS();
	}
}

/* A change inside a run may wrap or unwrap the runner's failures. */
static void
dirty_runners(Decider *d, uint32 place, int64 start)
{
	Cascade    *c = d->c;
	const RunnerAbove *above;
	uint32		n;

	if (c->graph == NULL || c->place_node[place] == GRAPH_NONE)
		return;
	n = ancestry_runners(c->ancestry, c->place_node[place], &above);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		q = c->node_place[above[i].node];
		int32		to;

		if (q == GRAPH_NONE)
			continue;
		to = cascade_upper_bound(c, q, cascade_add(start, c->rules.max_incident_age));
		for (int32 k = cascade_lower_bound(c, q, cascade_sub(start, c->rules.max_incident_age));
			 k < to; k++)
			c->episodes[c->by_place[k]].dirty = true;
	}
}

/* Marks every place on or below a dirty episode or a ghost. */
static void
mark_below(Decider *d)
{
	Cascade    *c = d->c;
	uint32	   *queue;
	uint8	   *seen;
	uint32		n = 0;

	d->below = pure_array0(uint8, c->nplaces);
	if (c->all)
	{
		memset(d->below, 1, c->nplaces);
		return;
	}
	if (c->graph && !c->no_runs && graph_has_runs(c->graph))
	{
		/* runners of a dirty runner are reached because dirt spreads here */
		for (int32 i = 0; i < c->nghosts; i++)
			dirty_runners(d, c->ghosts[i].place, c->ghosts[i].start);
		for (int32 i = 0; i < c->nepisodes; i++)
			if (c->episodes[i].dirty)
				dirty_runners(d, c->episodes[i].place, c->episodes[i].start);
	}

	for (int32 i = 0; i < c->nghosts; i++)
		d->below[c->ghosts[i].place] = 1;
	for (int32 i = 0; i < c->nepisodes; i++)
		if (c->episodes[i].dirty)
			d->below[c->episodes[i].place] = 1;
	if (c->graph == NULL)
		return;

	queue = pure_array(uint32, graph_nodes(c->graph));
	seen = pure_array0(uint8, graph_nodes(c->graph));
	for (uint32 p = 0; p < c->nplaces; p++)
		if (d->below[p] && c->place_node[p] != GRAPH_NONE && !seen[c->place_node[p]])
		{
			seen[c->place_node[p]] = 1;
			queue[n++] = c->place_node[p];
		}
	for (uint32 at = 0; at < n; at++)
	{
		GraphSpan	down = graph_down(c->graph, queue[at]);

		if (c->node_place[queue[at]] != GRAPH_NONE)
			d->below[c->node_place[queue[at]]] = 1;
		for (uint32 i = 0; i < down.n; i++)
		{
			uint32		v = GRAPH_NODE(down.word[i]);

			if (!seen[v])
			{
				seen[v] = 1;
				queue[n++] = v;
			}
		}
		if ((at & 0xFFFF) == 0)
			PURE_INTERRUPTS();
	}
	pure_free(queue);
	pure_free(seen);
}

static void
order_episodes(Decider *d)
{
	Cascade    *c = d->c;
	SortKey    *keys = pure_array(SortKey, c->nepisodes);

	for (int32 i = 0; i < c->nepisodes; i++)
	{
		CascadeEpisode *e = &c->episodes[i];
		uint32		node = c->graph ? c->place_node[e->place] : GRAPH_NONE;
		SortKey    *k = &keys[i];

		*k = (SortKey) {0, 0, 0, e->start, e->tie, i};
		if (node == GRAPH_NONE)
			continue;
		k->component = ancestry_component(c->ancestry, node);
		if (e->wrapped)
		{
			k->rank = ancestry_wrap_rank(c->ancestry, node);
			k->inner = PG_UINT32_MAX - k->component;	/* inner runners first */
			k->component = 0;
		}
		else
			k->rank = ancestry_rank(c->ancestry, node);
	}
	qsort(keys, c->nepisodes, sizeof(SortKey), compare_keys);
	d->order = pure_array(int32, c->nepisodes);
	d->position = pure_array(int32, c->nepisodes);
	for (int32 i = 0; i < c->nepisodes; i++)
	{
		d->order[i] = keys[i].episode;
		d->position[keys[i].episode] = i;
	}
	pure_free(keys);
}

void
cascade_order(Decider *d)
{
	sort_by_place(d->c);
	cascade_map_nodes(d->c);
	list_inner_places(d);
	find_wrapped(d);
	mark_below(d);
	order_episodes(d);
}
