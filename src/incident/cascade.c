/*
 * cascade.c
 *		The rule: which episode explains which. Pure: no SPI, no clock, no ids.
 *
 * docs/correlation.md states the rule (sections 2 to 5); this is its only
 * implementation, behind tracer.correlate(), tracer.cascade_id() and
 * tracer.backtest() alike.
 *
 * Mechanism. Episodes come in an order in which whatever may explain an episode
 * comes before it (order.c). Each is given its parent, once. A parent's origin is
 * thus known when a child asks how old it is, and no circle can close: only what
 * comes earlier in the order is ever taken, which the rule allows anyway in all
 * but contrived circles of runners.
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
#include "incident/cascade_impl.h"

/* Preference among candidates: a smaller class wins (docs, section 4). */
enum
{
	NEAR_PROPER,
	NEAR_SAME,
	FIRING_PROPER,
	FIRING_SAME,
	NO_CLASS
};

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
bool
cascade_within(const Cascade *c, const CascadeEpisode *m, const CascadeEpisode *r)
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
bool
cascade_wraps(const CascadeEpisode *m, const CascadeEpisode *r)
{
	return m->severity > SEVERITY_INFO &&
		m->severity >= Min((int8) SEVERITY_ERROR, r->severity);
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
			return !p->wrapped && !cascade_within(c, e, p);
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
 * By how much a cause so many hops up may be the later of the two. A monitor
 * may be late, but a failure takes time to pass each asset, so with each that
 * says nothing in between there is half as much to be forgiven: of what is seen
 * out of order farther up, most has another cause.
 */
static inline int64
forgiven(const Cascade *c, uint32 hops)
{
	return c->rules.detection_lag >> Min(hops - 1, 62);
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

	for (int32 i = cascade_upper_bound(c, place, same ? t : cascade_add(t, forgiven(c, hops))) - 1;
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
			if (cascade_wraps(m, s->e) && cascade_within(c, m, s->e) &&
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
 * A link that was kept may be of lineage that is gone, and turn against one of
 * this pass: what was decided is above what is kept, which is above it. What a
 * pass gives comes before in its order, so a circle has a kept link that does
 * not, and that one is decided again. Others are left as they were given.
 */
static void
break_circles(Decider *d)
{
	Cascade    *c = d->c;
	enum {NEW, ON_PATH, CLEAR};
	uint8	   *state = pure_array0(uint8, c->nepisodes);

	for (int32 i = 0; i < c->nepisodes; i++)
	{
		int32		from = d->order[i],
					at = from;

		if (!c->episodes[from].decided)
			continue;
		while (at != CASCADE_NONE && state[at] != CLEAR)
		{
			int32		turn;

			if (state[at] == NEW)
			{
				state[at] = ON_PATH;
				at = c->episodes[at].parent;
				continue;
			}
			turn = at;
			while (d->position[c->episodes[turn].parent] < d->position[turn])
				turn = c->episodes[turn].parent;
			for (at = from; state[at] == ON_PATH; at = c->episodes[at].parent)
				state[at] = NEW;
			decide(d, turn);
			at = from;
		}
		for (at = from; at != CASCADE_NONE && state[at] == ON_PATH; at = c->episodes[at].parent)
			state[at] = CLEAR;
		if ((i & 0xFFF) == 0)
			PURE_INTERRUPTS();
	}
	pure_free(state);
}

/*
 * Decides the parent of every episode that may have changed; the others keep
 * what they were given, unless it goes in a circle now.
 */
void
cascade_decide(Cascade *c)
{
	Decider		d = {.c = c};
	int64		first = PG_INT64_MAX,
				latest = PG_INT64_MIN;
	int64		reach = cascade_add(c->rules.horizon, c->rules.max_incident_age);

	d.visits_of = GRAPH_NONE;
	cascade_order(&d);

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
		int32		at = d.order[i];
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
	if (!c->all)
		break_circles(&d);

	pure_free(d.order);
	pure_free(d.position);
	pure_free(d.below);
}
