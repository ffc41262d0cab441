/*
 * cascade.c
 *		The rule: which episode explains which. Pure: no SPI, no clock, no ids.
 *
 * docs/correlation.md states the rule (sections 2 to 5); this is its only
 * implementation, behind tracer.correlate(), tracer.cascade_id() and
 * tracer.backtest() alike.
 *
 * Mechanism. Episodes are put into an order in which whatever may explain an
 * episode comes before it:
 *
 *		(rank of the asset in the widened lineage; wrapped ones last, inner
 *		 runners before outer ones; component in the plain lineage; start; tie)
 *
 * Then each is given its parent, once. A parent's origin is thus known when a
 * child asks how old it is, and no circle can close: only what comes earlier in
 * the order is ever taken, which the rule allows anyway in all but contrived
 * circles of runners.
 *
 * The ancestors of a component are walked once for all episodes on it, nearest
 * first; per asset, episodes are sorted by start, so a search is a binary
 * search per alert-bearing ancestor, and it ends at the first hop that holds a
 * near candidate.
 *
 * Only what may have changed is decided again. An episode depends on what is
 * above it or on its own asset and in reach in time, so a clean episode is
 * looked at if it is on or below an asset with a dirty one (or a ghost) and in
 * reach of the earliest and latest episode that has changed so far; since all
 * that it depends on has been decided by then, "so far" is enough. But for
 * runners: one that has just been wrapped stands later in the order than what
 * it explained before, so dirty ones count from the start.
 *
 * Invariants: parent < own position in the order; origin_start is the start of
 * the episode at the end of the parent chain.
 */
#include "incident/cascade.h"

/* Preference among candidates: a smaller class wins (docs, section 4). */
enum
{
	NEAR_PROPER,
	NEAR_SAME,
	FIRING_PROPER,
	FIRING_SAME,
	NO_CLASS
};

typedef struct InnerPlace
{
	uint32		place;			/* alert-bearing asset in a runner's closure */
	uint32		hops;			/* `runs` edges between */
} InnerPlace;

typedef struct InnerList
{
	InnerPlace *items;
	uint32		n,
				max;
} InnerList;

typedef struct Decider
{
	Cascade    *c;
	int32	   *position;		/* by episode */
	InnerList  *inner;			/* by place; only runners have any */
	uint8	   *below;			/* by place: on or below something dirty */
	/* ancestors of the component at hand */
	uint32		visits_of;
	const AncestorVisit *visits;
	uint32		nvisits;
} Decider;

typedef struct Choice
{
	int32		episode;
	int			class;
	uint32		hops;
	char		because;
} Choice;

/* ---- small questions -------------------------------------------------------- */

static inline bool
comes_first(const CascadeEpisode *p, const CascadeEpisode *e)
{
	return p->start < e->start || (p->start == e->start && p->tie < e->tie);
}

static inline bool
firing_at(const CascadeEpisode *p, int64 t)
{
	return p->start <= t && t < p->end && t <= p->quiet_at;
}

static bool
share_run(const CascadeEpisode *a, const CascadeEpisode *b)
{
	int32		i = 0,
				j = 0;

	while (i < a->nruns && j < b->nruns)
	{
		if (a->runs[i] == b->runs[j])
			return true;
		if (a->runs[i] < b->runs[j])
			i++;
		else
			j++;
	}
	return false;
}

/* Is m, on the closure of r's asset, within the run that r reports? */
static bool
within(const Cascade *c, const CascadeEpisode *m, const CascadeEpisode *r)
{
	if (m->start > cascade_add(r->start, c->rules.max_incident_age) ||
		r->start > cascade_add(m->start, c->rules.max_incident_age))
		return false;
	if (m->nruns > 0 && r->nruns > 0)
		return share_run(m, r);
	return m->start <= r->start &&
		m->start >= cascade_sub(r->start, c->rules.horizon) &&
		m->end > r->start;
}

/* Is m, which is within r, a failure that explains r? */
static bool
wraps(const CascadeEpisode *m, const CascadeEpisode *r)
{
	return m->severity > SEVERITY_INFO &&
		m->severity >= Min((int8) SEVERITY_ERROR, r->severity);
}

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

/* One past the last episode of the place that starts at or before t. */
static int32
upper_bound(const Cascade *c, uint32 place, int64 t)
{
	return t == PG_INT64_MAX ? c->place_first[place + 1]
		: cascade_lower_bound(c, place, t + 1);
}

/* ---- preparation -------------------------------------------------------------- */

typedef struct SortKey
{
	uint32		rank;
	uint32		inner;			/* 0, or for wrapped ones 1 + depth-first order */
	uint32		component;
	int64		start;
	int32		tie;
	int32		episode;
} SortKey;

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

static void
map_nodes(Cascade *c)
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
				int32		to = upper_bound(c, p, cascade_add(r->start, c->rules.max_incident_age));

				for (int32 k = cascade_lower_bound(c, p, cascade_sub(r->start, c->rules.max_incident_age));
					 k < to && !r->wrapped; k++)
				{
					const CascadeEpisode *m = &c->episodes[c->by_place[k]];

					r->wrapped = wraps(m, r) && within(c, m, r);
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
		to = upper_bound(c, q, cascade_add(start, c->rules.max_incident_age));
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

static SortKey *
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
	d->position = pure_array(int32, c->nepisodes);
	for (int32 i = 0; i < c->nepisodes; i++)
		d->position[keys[i].episode] = i;
	return keys;
}

/* ---- the search for a parent ---------------------------------------------------- */

typedef struct Search
{
	Decider    *d;
	int32		e_index;
	const CascadeEpisode *e;
	uint32		e_node;
	int64		firing_at;		/* CASCADE_NEVER, or it must be firing then */
	Choice		best;
} Search;

/* May p count as a candidate at all, time apart? */
static bool
usable(const Search *s, int32 p_index, bool same)
{
	const Cascade *c = s->d->c;
	const CascadeEpisode *p = &c->episodes[p_index],
			   *e = s->e;

	if (p->severity == SEVERITY_INFO ||
		s->d->position[p_index] >= s->d->position[s->e_index] ||
		p->origin_start < cascade_sub(e->start, c->rules.max_incident_age))
		return false;
	if (s->firing_at != CASCADE_NEVER && !firing_at(p, s->firing_at))
		return false;
	if (s->d->inner[p->place].n > 0)
	{
		uint32		runner = c->place_node[p->place];

		if (same && p->place == e->place)
			return !p->wrapped || e->wrapped;
		if (ancestry_runs(c->ancestry, runner, s->e_node))
			return !p->wrapped && !within(c, e, p);
		if (p->wrapped)
			return !same &&
				ancestry_rank(c->ancestry, s->e_node) != ancestry_wrap_rank(c->ancestry, runner);
	}
	return true;
}

static void
offer(Search *s, int32 p_index, int class, uint32 hops, char because)
{
	Choice	   *b = &s->best;
	const CascadeEpisode *p = &s->d->c->episodes[p_index];

	if (b->class != NO_CLASS)
	{
		const CascadeEpisode *q = &s->d->c->episodes[b->episode];

		if (class != b->class ? class > b->class :
			hops != b->hops ? hops > b->hops :
			p->start != q->start ? p->start < q->start :
			p->tie >= q->tie)
			return;
	}
	*b = (Choice) {p_index, class, hops, because};
}

/*
 * Offers the candidates on one asset. Latest start first, so the scan ends at
 * the first usable near one (and what else starts at the same moment).
 */
static void
scan_place(Search *s, uint32 place, uint32 hops, int64 lag, bool same)
{
	const Cascade *c = s->d->c;
	int64		t = s->e->start;
	int			near = same ? NEAR_SAME : NEAR_PROPER;
	int			firing = same ? FIRING_SAME : FIRING_PROPER;
	int64		near_from = cascade_sub(cascade_sub(t, c->rules.horizon), lag);
	int64		firing_from = cascade_sub(t, c->rules.max_incident_age);
	int64		from = s->best.class < firing ? near_from : Min(near_from, firing_from);
	int64		found_at = CASCADE_NEVER;
	int			found = NO_CLASS;

	for (int32 i = upper_bound(c, place, same ? t : cascade_add(t, c->rules.detection_lag)) - 1;
		 i >= c->place_first[place]; i--)
	{
		int32		p_index = c->by_place[i];
		const CascadeEpisode *p = &c->episodes[p_index];
		int			class = p->start >= near_from ? near : firing;

		if (p->start < from || (class == found && p->start < found_at))
			break;
		if (p_index == s->e_index || (same && !comes_first(p, s->e)))
			continue;
		if (class == firing &&
			(p->start < firing_from || !firing_at(p, t) || p->chronic_from <= t))
			continue;
		if (!usable(s, p_index, same))
			continue;
		offer(s, p_index, class, hops,
			  same ? BECAUSE_SAME : class == near ? BECAUSE_NEAR : BECAUSE_FIRING);
		found = class;
		found_at = p->start;
		if (found == near)
			from = p->start;
	}
}

/* Offers the failures within the run that e, a runner's failure, reports. */
static void
scan_run(Search *s)
{
	const Cascade *c = s->d->c;
	const InnerList *l = &s->d->inner[s->e->place];
	int64		reach = c->rules.max_incident_age;

	for (uint32 j = 0; j < l->n; j++)
	{
		uint32		place = l->items[j].place;

		for (int32 i = cascade_lower_bound(c, place, cascade_sub(s->e->start, reach));
			 i < c->place_first[place + 1]; i++)
		{
			int32		m_index = c->by_place[i];
			const CascadeEpisode *m = &c->episodes[m_index];

			if (m->start > cascade_add(s->e->start, reach))
				break;
			if (wraps(m, s->e) && within(c, m, s->e) &&
				s->d->position[m_index] < s->d->position[s->e_index] &&
				m->origin_start >= cascade_sub(s->e->start, reach) &&
				(s->firing_at == CASCADE_NEVER || firing_at(m, s->firing_at)))
				offer(s, m_index, NEAR_PROPER, l->items[j].hops, BECAUSE_RUN);
		}
	}
}

/* The best candidate of e; with firing_at, the best of those firing then. */
static Choice
search(Decider *d, int32 e_index, int64 firing_at)
{
	Cascade    *c = d->c;
	const CascadeEpisode *e = &c->episodes[e_index];
	uint32		node = c->graph ? c->place_node[e->place] : GRAPH_NONE;
	Search		s = {d, e_index, e, node, firing_at, {CASCADE_NONE, NO_CLASS, 0, BECAUSE_ORIGIN}};

	if (node == GRAPH_NONE)
	{
		scan_place(&s, e->place, 0, 0, true);
		return s.best;
	}

	if (e->wrapped)
		scan_run(&s);

	if (d->visits_of != ancestry_component(c->ancestry, node))
	{
		d->visits = ancestry_walk(c->ancestry, node, c->rules.max_hops, &d->nvisits);
		d->visits_of = ancestry_component(c->ancestry, node);
	}
	for (uint32 i = 0; i < d->nvisits; i++)
	{
		const AncestorVisit *v = &d->visits[i];
		int64		lag = 0;

		if (s.best.class == NEAR_PROPER && v->hops > s.best.hops)
			return s.best;
		if (v->lag > 0)
			lag = v->lag >= c->rules.max_incident_age / 1000000 ? c->rules.max_incident_age
				: v->lag * 1000000;
		for (uint32 m = ancestry_first_member(c->ancestry, v->component); m != GRAPH_NONE;
			 m = ancestry_next_member(c->ancestry, m))
			if (c->node_place[m] != GRAPH_NONE)
				scan_place(&s, c->node_place[m], v->hops, lag, false);
	}
	if (s.best.class == NEAR_PROPER)
		return s.best;

	for (uint32 m = ancestry_first_member(c->ancestry, d->visits_of); m != GRAPH_NONE;
		 m = ancestry_next_member(c->ancestry, m))
		if (c->node_place[m] != GRAPH_NONE)
			scan_place(&s, c->node_place[m], 0, 0, true);
	return s.best;
}

/* Gives e its parent; true if anything about it is new. */
static bool
decide(Decider *d, int32 e_index)
{
	Cascade    *c = d->c;
	CascadeEpisode *e = &c->episodes[e_index];
	Choice		choice = search(d, e_index, CASCADE_NEVER);
	int64		origin_start;
	bool		changed;

	/*
	 * When the parent ends while another still fires, e belongs to that one:
	 * if e outlives its parent by more than monitors may differ, and if the
	 * other is as near. What merely fires farther up is mostly another's
	 * cause, and took symptoms away from incidents that had just been mended.
	 */
	while (choice.episode != CASCADE_NONE)
	{
		int64		end = c->episodes[choice.episode].end;
		Choice		next;

		if (end == CASCADE_NEVER || e->end <= cascade_add(end, c->rules.detection_lag))
			break;
		next = search(d, e_index, end);
		if (next.class != choice.class || next.hops != choice.hops)
			break;
		choice = next;
	}

	origin_start = choice.episode == CASCADE_NONE ? e->start
		: c->episodes[choice.episode].origin_start;
	changed = e->dirty || e->parent != choice.episode || e->because != choice.because ||
		e->hops != (int32) choice.hops || e->origin_start != origin_start;
	e->parent = choice.episode;
	e->hops = choice.hops;
	e->because = choice.because;
	e->origin_start = origin_start;
	e->decided = true;
	return changed;
}

/*
 * Decides the parent of every episode that may have changed; the others keep
 * what they were given.
 */
void
cascade_decide(Cascade *c)
{
	Decider		d = {.c = c};
	SortKey    *order;
	int64		first = PG_INT64_MAX,
				latest = PG_INT64_MIN;
	int64		reach = cascade_add(c->rules.horizon, c->rules.max_incident_age);

	d.visits_of = GRAPH_NONE;
	sort_by_place(c);
	map_nodes(c);
	list_inner_places(&d);
	find_wrapped(&d);
	mark_below(&d);
	order = order_episodes(&d);

	for (int32 i = 0; i < c->nghosts; i++)
	{
		first = Min(first, c->ghosts[i].start);
		latest = Max(latest, c->ghosts[i].start);
	}
	for (int32 i = 0; i < c->nepisodes; i++)
	{
		const CascadeEpisode *e = &c->episodes[i];

		if (e->dirty && d.inner[e->place].n > 0)
		{
			first = Min(first, e->start);
			latest = Max(latest, e->start);
		}
	}
	for (int32 i = 0; i < c->nepisodes; i++)
	{
		int32		at = order[i].episode;
		CascadeEpisode *e = &c->episodes[at];

		e->decided = false;
		if (!c->all && !e->dirty &&
			(!d.below[e->place] ||
			 e->start < cascade_sub(first, c->rules.detection_lag) ||
			 e->start > cascade_add(latest, reach)))
			continue;
		if (decide(&d, at))
		{
			first = Min(first, e->start);
			latest = Max(latest, e->start);
		}
		if ((i & 0xFFF) == 0)
			PURE_INTERRUPTS();
	}

	pure_free(order);
	pure_free(d.position);
	pure_free(d.below);
}
