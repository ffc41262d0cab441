/*
 * suspect.c
 *		Assets without an alert of their own that best explain several
 *		origins: docs/correlation.md, section 6. Pure.
 *
 * Three steps, each cutting down what the next must look at:
 *
 *	1. Heads. For every direct source s of an asset with a failure, its failing
 *	   consumers are swept in order of time; an origin o on a consumer is a head
 *	   (s, o) if most of the consumers that would fail do so around it.
 *	   Assets that changed are possible suspects whatever their consumers do.
 *	2. Covers. One upward walk per asset with origins finds, for the few assets
 *	   that are still possible, every origin below them with its hops and lag.
 *	3. Greedy choice. Heads wait in a heap under their gain (origins covered);
 *	   gains only shrink as origins are taken, so a head whose recount still
 *	   beats the next one is the best. (M. Minoux, "Accelerated greedy
 *	   algorithms", 1978.)
 */
#include "incident/suspect.h"

#define DAY INT64_C(86400000000)
#define BEARING_SPAN (30 * DAY)

/* A failing consumer of a source. */
typedef struct Failing
{
	uint32		source;
	int64		start;
	int32		tie;
	int32		episode;
} Failing;

/* An origin below a possible suspect. */
typedef struct Covered
{
	uint32		suspect;
	int32		episode;
	int64		start;
	int32		tie;
	uint32		hops;
	int64		lag;			/* microseconds */
} Covered;

typedef struct Head
{
	uint32		suspect;
	int32		episode;
	int32		at;				/* of o, in the covers; CASCADE_NONE: below nothing */
	uint32		failing;
	uint32		bearing;
	/* gain, as last counted */
	uint32		gain;
	uint64		hops;
} Head;

typedef struct Finder
{
	const SuspectInput *in;
	const Cascade *c;
	bool	   *taken;			/* by episode */

	Head	   *heads;
	int32		nheads,
				maxheads;
	Covered    *covers;			/* by (suspect, start, tie) */
	int32		ncovers,
				maxcovers;
	uint8	   *possible;		/* by node */

	uint32	   *count;			/* by place, in the sweep */
} Finder;

#define GROW(array, n, max) \
	do { \
		if ((n) == (max)) \
		{ \
			(max) = (max) ? 2 * (max) : 64; \
			(array) = pure_realloc((array), sizeof(*(array)) * (Size) (max)); \
		} \
	} while (0)

static bool
is_origin(const Finder *f, int32 i)
{
	const CascadeEpisode *e = &f->c->episodes[i];

	return f->in->consider[i] && e->parent == CASCADE_NONE &&
		e->severity > SEVERITY_INFO && f->c->place_node[e->place] != GRAPH_NONE;
}

/*
 * Does an episode above info start on the asset, or on another of its cycle,
 * between the two times?
 */
static bool
starts_on(const Cascade *c, uint32 node, int64 from, int64 to)
{
	uint32		component = ancestry_component(c->ancestry, node);

	if (component == GRAPH_NONE)	/* above nothing that bears alerts */
		return false;
	for (uint32 m = ancestry_first_member(c->ancestry, component); m != GRAPH_NONE;
		 m = ancestry_next_member(c->ancestry, m))
	{
		uint32		place = c->node_place[m];

		if (place == GRAPH_NONE)
			continue;
		for (int32 i = cascade_lower_bound(c, place, from); i < c->place_first[place + 1]; i++)
		{
			const CascadeEpisode *e = &c->episodes[c->by_place[i]];

			if (e->start > to)
				break;
			if (e->severity > SEVERITY_INFO)
				return true;
		}
	}
	return false;
}

/* Has the asset an episode above info that meets the span? */
static bool
bears_alerts(const Finder *f, uint32 node, int64 from, int64 to)
{
	const Cascade *c = f->c;
	uint32		place = c->node_place[node];

	if (place != GRAPH_NONE)
	{
		for (int32 i = c->place_first[place]; i < c->place_first[place + 1]; i++)
		{
			const CascadeEpisode *e = &c->episodes[c->by_place[i]];

			if (e->start > to)
				break;
			if (e->severity > SEVERITY_INFO && e->last >= from)
				return true;
		}
	}
	return f->in->older_alerts != NULL &&
		f->in->older_alerts(f->in->context, node, from, to);
}

/* A direct consumer of s, outside the cycle that s may be in. */
static bool
is_consumer(const Finder *f, uint32 s, uint32 v)
{
	const Ancestry *a = f->c->ancestry;

	return v != s && (ancestry_component(a, v) == GRAPH_NONE ||
					  ancestry_component(a, v) != ancestry_component(a, s));
}

static uint32
count_consumers(const Finder *f, uint32 s)
{
	GraphSpan	down = graph_down(f->c->graph, s);
	uint32		n = 0;

	for (uint32 i = 0; i < down.n; i++)
		n += is_consumer(f, s, GRAPH_NODE(down.word[i]));
	return n;
}

/*
 * Are the failing consumers most of those that would fail? Of the others, one
 * that bears alerts counts whole; one never heard of counts a quarter, since it
 * may be watched and well, or not be watched. Counting stops when the answer is
 * known.
 */
static bool
most_fail(const Finder *f, uint32 s, uint32 consumers, int64 from, int64 to, uint32 failing,
		  uint32 *bearing)
{
	GraphSpan	down = graph_down(f->c->graph, s);

	*bearing = 0;
	if (5 * failing <= consumers)	/* those that fail bear alerts */
		return false;
	for (uint32 i = 0; i < down.n && 8 * failing > 3 * *bearing + consumers; i++)
	{
		uint32		v = GRAPH_NODE(down.word[i]);

		if (is_consumer(f, s, v) && bears_alerts(f, v, from, to))
			(*bearing)++;
	}
	return 8 * failing > 3 * *bearing + consumers;
}

static int
compare_failing(const void *pa, const void *pb)
{
	const Failing *a = pa,
			   *b = pb;

	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->tie < b->tie ? -1 : a->tie > b->tie;
}

static void
add_head(Finder *f, uint32 suspect, int32 episode, uint32 failing, uint32 bearing)
{
	GROW(f->heads, f->nheads, f->maxheads);
	f->heads[f->nheads++] = (Head) {suspect, episode, CASCADE_NONE, failing, bearing, 0, 0};
	f->possible[suspect] = 1;
}

/* Sweeps the failing consumers of one source, earliest first. */
static void
sweep_source(Finder *f, const Failing *list, Size n)
{
	const Cascade *c = f->c;
	const CascadeRules *r = &c->rules;
	uint32		s = list[0].source;
	Size		lo = 0,
				hi = 0;
	uint32		consumers = count_consumers(f, s),
				distinct = 0,
				bearing;

	for (Size i = 0; i < n; i++)
	{
		int64		t = list[i].start;
		int64		from = cascade_sub(t, r->detection_lag);
		int64		to = cascade_add(t, r->horizon);

		if (!is_origin(f, list[i].episode))
			continue;
		for (; hi < n && list[hi].start <= to; hi++)
			if (f->count[c->episodes[list[hi].episode].place]++ == 0)
				distinct++;
		for (; lo < hi && list[lo].start < from; lo++)
			if (--f->count[c->episodes[list[lo].episode].place] == 0)
				distinct--;
		if (distinct < 2 || starts_on(c, s, from, to))
			continue;
		if (most_fail(f, s, consumers, cascade_sub(t, BEARING_SPAN), to, distinct, &bearing))
			add_head(f, s, list[i].episode, distinct, bearing);
	}
	for (; lo < hi; lo++)
		f->count[c->episodes[list[lo].episode].place] = 0;
}

static void
find_heads_by_consumers(Finder *f)
{
	const Cascade *c = f->c;
	Failing    *list = NULL;
	int32		n = 0,
				max = 0;
	uint8	   *asked = pure_array0(uint8, graph_nodes(c->graph));
	bool		any = false;

	/* a source is of interest for the origins below it, of which mostly few are new */
	for (int32 i = 0; i < c->nepisodes; i++)
		if (is_origin(f, i))
		{
			GraphSpan	up = graph_up(c->graph, c->place_node[c->episodes[i].place]);

			for (uint32 j = 0; j < up.n; j++)
				asked[GRAPH_NODE(up.word[j])] = any = true;
		}
	for (int32 i = 0; any && i < c->nepisodes; i++)
	{
		const CascadeEpisode *e = &c->episodes[i];
		uint32		node = c->place_node[e->place];
		GraphSpan	up;

		if (e->severity == SEVERITY_INFO || node == GRAPH_NONE)
			continue;
		up = graph_up(c->graph, node);
		for (uint32 j = 0; j < up.n; j++)
		{
			uint32		s = GRAPH_NODE(up.word[j]);

			if (!asked[s])
				continue;
			if (ancestry_component(c->ancestry, s) == ancestry_component(c->ancestry, node))
				continue;
			GROW(list, n, max);
			list[n++] = (Failing) {s, e->start, e->tie, i};
		}
	}
	pure_free(asked);
	if (n == 0)
		return;
	qsort(list, n, sizeof(Failing), compare_failing);

	f->count = pure_array0(uint32, c->nplaces);
	for (int32 from = 0, to; from < n; from = to)
	{
		for (to = from + 1; to < n && list[to].source == list[from].source; to++)
			;
		if (to - from > 1)
			sweep_source(f, list + from, to - from);
		if ((from & 0xFFF) == 0)
			PURE_INTERRUPTS();
	}
	pure_free(list);
	pure_free(f->count);
}

static void
mark_changed(Finder *f)
{
	for (int32 i = 0; i < f->in->nchanges; i++)
		if (ancestry_component(f->c->ancestry, f->in->changes[i].node) != GRAPH_NONE)
			f->possible[f->in->changes[i].node] = 1;
}

static int
compare_covers(const void *pa, const void *pb)
{
	const Covered *a = pa,
			   *b = pb;

	if (a->suspect != b->suspect)
		return a->suspect < b->suspect ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->tie < b->tie ? -1 : a->tie > b->tie;
}

/* Every origin below every possible suspect. */
static void
find_covers(Finder *f)
{
	const Cascade *c = f->c;
	int64		max_lag = c->rules.max_incident_age;

	for (uint32 p = 0; p < c->nplaces; p++)
	{
		const AncestorVisit *visits;
		uint32		n;
		bool		any = false;

		if (c->place_node[p] == GRAPH_NONE)
			continue;
		for (int32 i = c->place_first[p]; i < c->place_first[p + 1] && !any; i++)
			any = is_origin(f, c->by_place[i]);
		if (!any)
			continue;

		visits = ancestry_walk(c->ancestry, c->place_node[p], GRAPH_NONE, &n);
		for (uint32 v = 0; v < n; v++)
		{
			int64		lag = visits[v].lag >= max_lag / 1000000 ? max_lag
				: visits[v].lag * 1000000;

			if (visits[v].lag == 0)
				lag = 0;
			for (uint32 s = ancestry_first_member(c->ancestry, visits[v].component);
				 s != GRAPH_NONE; s = ancestry_next_member(c->ancestry, s))
			{
				if (!f->possible[s])
					continue;
				for (int32 i = c->place_first[p]; i < c->place_first[p + 1]; i++)
				{
					int32		at = c->by_place[i];

					if (!is_origin(f, at))
						continue;
					GROW(f->covers, f->ncovers, f->maxcovers);
					f->covers[f->ncovers++] = (Covered) {
						s, at, c->episodes[at].start, c->episodes[at].tie,
						visits[v].hops, lag
					};
				}
			}
		}
	}
	if (f->ncovers > 0)
		qsort(f->covers, f->ncovers, sizeof(Covered), compare_covers);
}

/* Where an origin stands among the covers of a suspect. */
static int32
find_cover(const Finder *f, uint32 suspect, int32 episode)
{
	const CascadeEpisode *e = &f->c->episodes[episode];
	Covered		key = {suspect, episode, e->start, e->tie, 0, 0};
	Covered    *found = f->ncovers == 0 ? NULL
		: bsearch(&key, f->covers, f->ncovers, sizeof(Covered), compare_covers);

	return found ? (int32) (found - f->covers) : CASCADE_NONE;
}

/* Heads of assets that changed: any origin soon after the change. */
static void
find_heads_by_change(Finder *f)
{
	const Cascade *c = f->c;

	for (int32 i = 0; i < f->in->nchanges; i++)
	{
		const SuspectChange *ch = &f->in->changes[i];
		int64		from = cascade_sub(ch->at, c->rules.detection_lag);
		int64		to = cascade_add(ch->at, c->rules.change_lookback);
		int32		lo = 0,
					hi = f->ncovers;

		while (lo < hi)
		{
			int32		mid = lo + (hi - lo) / 2;
			const Covered *m = &f->covers[mid];

			if (m->suspect < ch->node || (m->suspect == ch->node && m->start < from))
				lo = mid + 1;
			else
				hi = mid;
		}
		for (; lo < f->ncovers && f->covers[lo].suspect == ch->node && f->covers[lo].start <= to; lo++)
		{
			int64		t = f->covers[lo].start;

			if (!starts_on(c, ch->node, cascade_sub(t, c->rules.detection_lag),
						   cascade_add(t, c->rules.horizon)))
				add_head(f, ch->node, f->covers[lo].episode, 0, 0);
		}
	}
}

/*
 * Counts what the head would still cover; at least two assets (a cycle is one),
 * or nothing.
 */
static void
recount(Finder *f, Head *h)
{
	const Cascade *c = f->c;
	int64		t = f->covers[h->at].start;
	uint32		own = ancestry_component(c->ancestry, c->place_node[c->episodes[h->episode].place]);
	bool		others = false;
	int64		until = cascade_add(cascade_add(t, c->rules.horizon), c->rules.max_incident_age);

	h->gain = 0;
	h->hops = 0;
	if (f->taken[h->episode])
		return;
	for (int32 i = h->at; i < f->ncovers && f->covers[i].suspect == h->suspect &&
		 f->covers[i].start <= until; i++)
	{
		const Covered *q = &f->covers[i];

		if (f->taken[q->episode] ||
			q->start > cascade_add(cascade_add(t, c->rules.horizon), q->lag))
			continue;
		h->gain++;
		h->hops += q->hops;
		others |= ancestry_component(c->ancestry, c->place_node[c->episodes[q->episode].place]) != own;
	}
	if (!others)
		h->gain = 0;
}

/* Is a the better choice? */
static bool
better(const Finder *f, const Head *a, const Head *b)
{
	const CascadeEpisode *ea = &f->c->episodes[a->episode],
			   *eb = &f->c->episodes[b->episode];

	if (a->gain != b->gain)
		return a->gain > b->gain;
	if (a->hops != b->hops)
		return a->hops < b->hops;
	if (a->suspect != b->suspect)
		return f->in->compare_names(f->in->context, a->suspect, b->suspect) < 0;
	if (ea->start != eb->start)
		return ea->start < eb->start;
	if (ea->tie != eb->tie)
		return ea->tie < eb->tie;
	return a->failing > b->failing;
}

static void
sift_down(const Finder *f, Head *heap, int32 n, int32 i)
{
	for (;;)
	{
		int32		child = 2 * i + 1;
		Head		swap;

		if (child >= n)
			return;
		if (child + 1 < n && better(f, &heap[child + 1], &heap[child]))
			child++;
		if (!better(f, &heap[child], &heap[i]))
			return;
		swap = heap[i];
		heap[i] = heap[child];
		heap[child] = swap;
		i = child;
	}
}

static Suspect
take(Finder *f, const Head *h)
{
	const Cascade *c = f->c;
	int64		t = f->covers[h->at].start;
	Suspect		s = {h->suspect, pure_array(int32, h->gain), 0, h->failing, h->bearing};

	for (int32 i = h->at; s.norigins < (int32) h->gain; i++)
	{
		const Covered *q = &f->covers[i];

		if (f->taken[q->episode] ||
			q->start > cascade_add(cascade_add(t, c->rules.horizon), q->lag))
			continue;
		f->taken[q->episode] = true;
		s.origins[s.norigins++] = q->episode;
	}
	return s;
}

/* Finds every suspect among the origins to be considered. */
Suspect *
suspects_find(const SuspectInput *in, int32 *n)
{
	const Cascade *c = in->cascade;
	Finder		f = {.in = in, .c = c};
	Suspect    *found = NULL;
	int32		max = 0,
				live = 0;

	*n = 0;
	if (c->graph == NULL || c->nepisodes == 0)
		return NULL;

	f.possible = pure_array0(uint8, graph_nodes(c->graph));
	find_heads_by_consumers(&f);
	mark_changed(&f);
	if (f.nheads == 0 && in->nchanges == 0)
	{
		pure_free(f.possible);
		return NULL;
	}
	f.taken = pure_array0(bool, c->nepisodes);
	find_covers(&f);
	find_heads_by_change(&f);

	for (int32 i = 0; i < f.nheads; i++)
	{
		Head		h = f.heads[i];

		h.at = find_cover(&f, h.suspect, h.episode);
		if (h.at == CASCADE_NONE)
			continue;
		recount(&f, &h);
		if (h.gain >= 2)
			f.heads[live++] = h;
	}
	for (int32 i = live / 2; i-- > 0;)
		sift_down(&f, f.heads, live, i);

	while (live > 0)
	{
		Head		top = f.heads[0];
		uint32		gain = top.gain;

		recount(&f, &top);
		if (top.gain == gain)
		{
			GROW(found, *n, max);
			found[(*n)++] = take(&f, &top);
			top.gain = 0;
		}
		if (top.gain >= 2)
			f.heads[0] = top;
		else
			f.heads[0] = f.heads[--live];
		sift_down(&f, f.heads, live, 0);
		PURE_INTERRUPTS();
	}

	pure_free(f.possible);
	pure_free(f.taken);
	pure_free(f.covers);
	pure_free(f.heads);
	return found;
}
