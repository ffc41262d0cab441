/*
 * rank.c
 *		Evidence for and against each root-cause candidate of an incident.
 *
 * Candidates are the asset where the incident begins (the origin's, or the
 * suspect), the assets next to it that explain most of the rest, and assets
 * above it that changed just before without an alert of their own. Each piece of
 * evidence is one row with a weight; a candidate's score is their sum, so that
 * a reader can add it up. How sure that makes the best of them: confidence.c.
 *
 * Weights say how much a fact moves the score; their scale is arbitrary, their
 * proportions are a judgement: position in the lineage and coverage of the
 * incident weigh most and alike, a change right before the failure about three
 * quarters of that, order in time and what the alert says are tie-breakers, and
 * a person's word outweighs everything.
 *
 * Where the symptom's alerts speak of a metric that tracer has (measure.c),
 * position, coverage and order are judged on the metrics instead: what moves
 * with the symptom, how far upstream, and whether what feeds it moves, too. These
 * weights were chosen on the 26 faults of PetShop's low-traffic scenario, in the
 * middle of a plateau on which all of them come out right.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "incident/confidence.h"
#include "incident/pass.h"

static const double ORIGIN = 2.0;
static const double EXPLAINED = -1.0;
static const double COVERAGE = 2.0;
static const double FIRST = 0.5;
static const double LATE = -0.5;
static const double CHANGE = 1.5;
static const double CHANGE_PER_HOP = 0.7;
static const double MESSAGE = 0.25;
static const double HISTORY = 0.25;
static const double HISTORY_MOST = 1.0;
static const double CONSUMERS = 2.0;
static const double SILENT = -1.5;
static const double CONFIRMED = 10.0;
static const double UNPLACED = -2.0;
static const double MOVE = 4.0;
static const double MOVE_PER_HOP = 0.1;
static const double MOVE_PER_CONSUMER = 0.1;
static const double MOVING_ALIKE = 0.7;
static const double SOURCE_MOVES = 0.3;
static const double MOVE_BESIDE = 0.75;

#define MAX_NEIGHBOURS 4		/* candidates besides the origin, with alerts */
#define MAX_SILENT 3			/* and without */
#define MAX_MOVING 6			/* with metrics that move */
#define MAX_CHANGES 5			/* pieces of evidence from changes, a candidate */

typedef struct Ranker
{
	Pass	   *p;
	Column		row[9];			/* incident, asset id, asset, fact, weight, ref, num, num2, name */
	PassChange *by_node;		/* changes, sorted */
	int32	   *below;			/* by episode: how many descend from it */
	int32	   *waiting;		/* by episode: children not counted into it yet */
	const PassLearned **learned;	/* by episode: least trusted edge above it */
	bool	   *known;			/* ... was looked for */
	/* the candidate at hand */
	PassIncident *inc;
	int64		asset_id;
	const char *asset;
	double		score;
	/* the scores of those before it */
	double		best;
	double		next;
	/* what metrics say of the incident */
	Measures	measures;
	bool		measured;		/* they say where it began */
} Ranker;

static void
named_evidence(Ranker *r, const char *fact, double weight, int64 ref, double num, double num2,
			   const char *name)
{
	weight = rint(weight * 100) / 100;	/* what a reader adds up */
	column_int64(&r->row[0], r->inc->number);
	column_add(&r->row[1], Int64GetDatum(r->asset_id), r->asset_id == 0);
	column_add(&r->row[2], r->asset ? CStringGetTextDatum(r->asset) : (Datum) 0, r->asset == NULL);
	column_add(&r->row[3], CStringGetTextDatum(fact), false);
	column_add(&r->row[4], Float4GetDatum((float4) weight), false);
	column_add(&r->row[5], Int64GetDatum(ref), ref == 0);
	column_add(&r->row[6], Float8GetDatum(num), isnan(num));
	column_add(&r->row[7], Float8GetDatum(num2), isnan(num2));
	column_add(&r->row[8], name ? CStringGetTextDatum(name) : (Datum) 0, name == NULL);
	r->score += weight;
}

static void
evidence(Ranker *r, const char *fact, double weight, int64 ref, double num, double num2)
{
	named_evidence(r, fact, weight, ref, num, num2, NULL);
}

static int
compare_changes(const void *pa, const void *pb)
{
	const PassChange *a = pa,
			   *b = pb;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	if (a->at != b->at)
		return a->at > b->at ? -1 : 1;	/* latest first */
	return a->id < b->id ? -1 : a->id > b->id;
}

/* Changes on a node that took effect before t, within the lookback. */
static int32
changes_on(Ranker *r, uint32 node, int64 t, const PassChange **list)
{
	const Pass *p = r->p;
	int32		lo = 0,
				hi = p->nchanges,
				n = 0;
	int64		latest = cascade_add(t, p->rules.detection_lag);

	while (lo < hi)
	{
		int32		mid = lo + (hi - lo) / 2;

		if (r->by_node[mid].node < node ||
			(r->by_node[mid].node == node && r->by_node[mid].at > latest))
			lo = mid + 1;
		else
			hi = mid;
	}
	*list = &r->by_node[lo];
	while (lo + n < p->nchanges && r->by_node[lo + n].node == node &&
		   r->by_node[lo + n].at >= cascade_sub(t, p->rules.change_lookback))
		n++;
	return n;
}

static double
change_weight(const Pass *p, int64 t, int64 at, uint32 hops)
{
	double		age = Max(0.0, (double) t - (double) at);

	return CHANGE * pow(CHANGE_PER_HOP, hops) *
		exp(-age / Max(1.0, (double) p->rules.change_lookback));
}

static void
change_evidence(Ranker *r, uint32 node, int64 t, uint32 hops, int *left)
{
	const PassChange *list;
	int32		n = changes_on(r, node, t, &list);

	for (int32 i = 0; i < n && *left > 0; i++, (*left)--)
		evidence(r, "change", change_weight(r->p, t, list[i].at, hops), list[i].id, hops,
				 ((double) t - (double) list[i].at) / USECS_PER_SEC);
}

/* How often people named the asset as the cause of another incident. */
static void
history_evidence(Ranker *r)
{
	const Pass *p = r->p;
	int			times = 0;

	for (int32 i = 0; i < p->ndecisions; i++)
	{
		const PassDecision *d = &p->decisions[i];
		int64		incident = d->episode == CASCADE_NONE ? d->incident
			: p->pe[d->episode].new_incident;

		if (d->kind == 'r' && d->asset != 0 && d->asset == r->asset_id &&
			incident != r->inc->number)
			times++;
	}
	if (times > 0)
		evidence(r, "history", Min(HISTORY_MOST, HISTORY * times), 0, times, NAN);
}

static void
start_candidate(Ranker *r, int64 asset_id, const char *asset)
{
	r->asset_id = asset_id;
	r->asset = asset;
	r->score = 0;
}

/* Ends a candidate; the first of the best leads. */
static void
end_candidate(Ranker *r)
{
	history_evidence(r);
	if (r->inc->confirmed != 0 && r->inc->confirmed == r->asset_id)
		evidence(r, "confirmed", CONFIRMED, 0, NAN, NAN);
	if (r->score > r->best + 0.001)
	{
		r->next = r->best;
		r->best = r->score;
		r->inc->best = r->asset_id;
		r->inc->best_name = r->asset;
	}
	else if (r->score > r->next)
		r->next = r->score;
}

/* ---- metrics ----------------------------------------------------------------------- */

static const Measure *
measure_of(const Ranker *r, uint32 node)
{
	for (int32 i = 0; i < r->measures.n; i++)
		if (r->measures.list[i].node == node)
			return &r->measures.list[i];
	return NULL;
}

/* What speaks against the candidate: a source that moves, too. */
static const Measure *
moving_source(const Ranker *r, const Measure *m)
{
	const Measure *up = m->upstream < 0 ? NULL : &r->measures.list[m->upstream];

	return up && up->move > MOVING_ALIKE * m->move ? up : NULL;
}

static double
spread_of(const Measure *m)
{
	return m->move * (MOVE_PER_HOP * Min(m->hops, 6) + MOVE_PER_CONSUMER * Min(m->consumers, 3.0));
}

/* Where metrics tell how failures spread, they stand for position, coverage and order. */
static double
measured_score(const Ranker *r, const Measure *m)
{
	const Measure *up = moving_source(r, m);

	return MOVE * (m->move + spread_of(m) - (up ? SOURCE_MOVES * up->move : 0));
}

/* What metrics say of a candidate; false where its alerts have to. */
static bool
measure_evidence(Ranker *r, uint32 node)
{
	const Measure *m = node == GRAPH_NONE ? NULL : measure_of(r, node);
	const Measure *up;

	if (m == NULL || !m->known)
		return false;
	if (!r->measured)
	{
		if (m->move > 0 && m->hops > 0)
			named_evidence(r, "metric", MOVE_BESIDE * m->move, 0, m->deviation, m->correlation, m->metric);
		return false;
	}
	up = moving_source(r, m);
	if (m->move > 0)
	{
		named_evidence(r, "metric", MOVE * m->move, 0, m->deviation, m->correlation, m->metric);
		if (spread_of(m) > 0)
			evidence(r, "spread", MOVE * spread_of(m), 0, m->hops, m->consumers);
	}
	else
		evidence(r, "still", 0, 0, NAN, NAN);
	if (up)
		named_evidence(r, "source_moves", -MOVE * SOURCE_MOVES * up->move, 0, up->deviation,
					   up->correlation, node_name(r->p, up->node));
	return true;
}

/* Where its alerts stand among the others. */
static void
position_evidence(Ranker *r, int32 at, int64 second_start)
{
	Pass	   *p = r->p;
	const PassIncident *inc = r->inc;
	const CascadeEpisode *c = &p->ce[at];
	const PassEpisode *e = &p->pe[at];
	bool		origin = at == inc->root && inc->suspect == 0;

	if (origin)
		evidence(r, "origin", ORIGIN, e->first_alert, NAN, NAN);
	else
		evidence(r, "explained", EXPLAINED, e->parent == CASCADE_NONE ? 0 : p->pe[e->parent].id, NAN, NAN);
	if (inc->nmembers > 1)
		evidence(r, "coverage", COVERAGE * r->below[at] / (inc->nmembers - 1), 0,
				 r->below[at], inc->nmembers - 1);
	if (inc->nmembers > 1 && c->start == inc->opened_at && second_start > c->start)
		evidence(r, "first", FIRST, 0, ((double) second_start - (double) c->start) / USECS_PER_SEC, NAN);
	else if (c->start > inc->opened_at && !origin)
		evidence(r, "late", LATE, 0, ((double) c->start - (double) inc->opened_at) / USECS_PER_SEC, NAN);
}

/* A member with alerts: the origin, or one next to it. */
static void
rank_member(Ranker *r, int32 at, int64 second_start)
{
	Pass	   *p = r->p;
	const CascadeEpisode *c = &p->ce[at];
	uint32		node = p->place_node[c->place];
	int			left = MAX_CHANGES;
	bool		origin = at == r->inc->root && r->inc->suspect == 0;

	if (!measure_evidence(r, node))
		position_evidence(r, at, second_start);
	evidence(r, "message", MESSAGE, p->pe[at].first_alert, NAN, NAN);
	if (node == GRAPH_NONE)
	{
		evidence(r, "unplaced", UNPLACED, 0, NAN, NAN);
		return;
	}
	if (p->nchanges == 0)
		return;
	change_evidence(r, node, c->start, 0, &left);
	if (origin && ancestry_component(p->cascade.ancestry, node) != GRAPH_NONE)
	{
		uint32		n;
		const AncestorVisit *v = ancestry_walk(p->cascade.ancestry, node, p->rules.max_hops, &n);

		for (uint32 i = 0; i < n && left > 0; i++)
			for (uint32 m = ancestry_first_member(p->cascade.ancestry, v[i].component);
				 m != GRAPH_NONE; m = ancestry_next_member(p->cascade.ancestry, m))
				change_evidence(r, m, c->start, v[i].hops, &left);
	}
}

/* Assets above the origin that changed and have no alert of their own. */
static void
rank_silent(Ranker *r)
{
	Pass	   *p = r->p;
	const CascadeEpisode *c = &p->ce[r->inc->root];
	uint32		node = p->place_node[c->place];
	const AncestorVisit *v;
	uint32		n;
	int			found = 0;

	if (node == GRAPH_NONE || p->nchanges == 0 ||
		ancestry_component(p->cascade.ancestry, node) == GRAPH_NONE)
		return;
	v = ancestry_walk(p->cascade.ancestry, node, p->rules.max_hops, &n);
	for (uint32 i = 0; i < n && found < MAX_SILENT; i++)
		for (uint32 m = ancestry_first_member(p->cascade.ancestry, v[i].component);
			 m != GRAPH_NONE && found < MAX_SILENT; m = ancestry_next_member(p->cascade.ancestry, m))
		{
			const PassChange *list;
			int			left = MAX_CHANGES;

			if (changes_on(r, m, c->start, &list) == 0 ||
				graph_asset(p->graph, m) == r->inc->suspect)
				continue;
			start_candidate(r, graph_asset(p->graph, m), NULL);
			evidence(r, "coverage", COVERAGE, 0, r->inc->nmembers, r->inc->nmembers);
			evidence(r, "silent", SILENT, 0, NAN, NAN);
			change_evidence(r, m, c->start, 0, &left);
			end_candidate(r);
			found++;
		}
}

static void
rank_suspect(Ranker *r)
{
	Pass	   *p = r->p;
	const PassEpisode *head = &p->pe[r->inc->root];
	int64		t = p->ce[r->inc->root].start;
	uint32		node = graph_find(p->graph, r->inc->suspect);
	int			left = MAX_CHANGES;

	if (!measure_evidence(r, node))
	{
		evidence(r, "coverage", COVERAGE, 0, r->inc->nmembers, r->inc->nmembers);
		if (head->failing > 0)
			evidence(r, "consumers", CONSUMERS * head->failing / Max(head->bearing, head->failing), 0,
					 head->failing, head->bearing);
		else
			evidence(r, "silent", SILENT, 0, NAN, NAN);
	}
	if (node != GRAPH_NONE && p->nchanges > 0)
		change_evidence(r, node, t, 0, &left);
}

static int
compare_moves(const void *pa, const void *pb, void *arg)
{
	const Ranker *r = arg;
	const Measure *a = *(Measure *const *) pa,
			   *b = *(Measure *const *) pb;
	double		x = measured_score(r, a),
				y = measured_score(r, b);

	if (x != y)
		return x > y ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* Assets that moved with the symptom, alerting or not, and are no candidates yet. */
static void
rank_moving(Ranker *r, const int64 *ranked, int nranked)
{
	Pass	   *p = r->p;
	Measures   *ms = &r->measures;
	Measure   **order = pure_array(Measure *, ms->n);
	int			found = 0,
				n = 0;

	for (int32 i = 0; i < ms->n; i++)
		if (ms->list[i].move > 0)
			order[n++] = &ms->list[i];
	qsort_arg(order, n, sizeof(Measure *), compare_moves, r);
	for (int i = 0; i < n && found < MAX_MOVING; i++)
	{
		int64		asset = graph_asset(p->graph, order[i]->node);
		int			left = MAX_CHANGES,
					at = 0;

		while (at < nranked && ranked[at] != asset)
			at++;
		if (at < nranked)
			continue;
		start_candidate(r, asset, NULL);
		measure_evidence(r, order[i]->node);
		if (p->nchanges > 0)
			change_evidence(r, order[i]->node, p->ce[r->inc->root].start, 0, &left);
		end_candidate(r);
		found++;
	}
	pure_free(order);
}

/* The assets next to the origin that explain most of the rest. */
static int
pick_neighbours(Ranker *r, int32 *out)
{
	Pass	   *p = r->p;
	int			n = 0;

	for (int32 i = r->inc->first_member; i != CASCADE_NONE; i = p->next_member[i])
	{
		int			at;

		if (i == r->inc->root || p->ce[i].place == p->ce[r->inc->root].place)
			continue;
		for (at = 0; at < n && p->ce[out[at]].place != p->ce[i].place; at++)
			;
		if (at < n)
			continue;			/* that asset is a candidate already */
		for (at = n; at > 0; at--)
		{
			const CascadeEpisode *a = &p->ce[i],
					   *b = &p->ce[out[at - 1]];

			if (r->below[i] < r->below[out[at - 1]] ||
				(r->below[i] == r->below[out[at - 1]] &&
				 (a->start > b->start || (a->start == b->start && a->tie > b->tie))))
				break;
			if (at < MAX_NEIGHBOURS)
				out[at] = out[at - 1];
		}
		if (at < MAX_NEIGHBOURS)
		{
			out[at] = i;
			n = Min(n + 1, MAX_NEIGHBOURS);
		}
	}
	return n;
}

/*
 * How many episodes descend from each member. A flapping check makes chains as
 * long as the incident, so each link is walked once: a member counts into its
 * parent when all its own children have counted into it.
 */
static void
count_below(Ranker *r, const PassIncident *inc)
{
	Pass	   *p = r->p;

	for (int32 i = inc->first_member; i != CASCADE_NONE; i = p->next_member[i])
		if (p->pe[i].parent != CASCADE_NONE)
			r->waiting[p->pe[i].parent]++;
	for (int32 i = inc->first_member; i != CASCADE_NONE; i = p->next_member[i])
		for (int32 at = i, up; r->waiting[at] == 0; at = up)
		{
			r->waiting[at] = -1;	/* done */
			up = p->pe[at].parent;
			if (up == CASCADE_NONE)
				break;
			r->below[up] += r->below[at] + 1;
			r->waiting[up]--;
		}
}

/* The least trusted learned edge from the root down to an episode, or NULL. */
static const PassLearned *
learned_way(Ranker *r, int32 episode)
{
	Pass	   *p = r->p;
	const PassLearned *least = NULL;
	int32		top,
				at;

	/* up to what is known, then the same way again to leave it there */
	for (top = episode; !r->known[top] && p->pe[top].parent != CASCADE_NONE; top = p->pe[top].parent)
		r->waiting[p->pe[top].parent] = top;
	for (at = top;; at = r->waiting[at])
	{
		if (!r->known[at])
		{
			const PassLearned *link = learned_link(p, at);

			r->learned[at] = link != NULL && (least == NULL || link->trust < least->trust) ? link : least;
			r->known[at] = true;
		}
		least = r->learned[at];
		if (at == episode)
			return least;
	}
}

/*
 * What the root explains by way of learned lineage counts as much less as that
 * is not trusted.
 */
static void
learned_evidence(Ranker *r)
{
	Pass	   *p = r->p;
	const PassIncident *inc = r->inc;
	int32		all = inc->suspect != 0 ? inc->nmembers : inc->nmembers - 1;
	const PassLearned *least = NULL;
	double		doubt = 0;
	int32		n = 0;

	if (p->nlearned == 0)
		return;
	for (int32 i = inc->first_member; i != CASCADE_NONE; i = p->next_member[i])
	{
		const PassLearned *x = learned_way(r, i);

		if (x == NULL)
			continue;
		n++;
		doubt += 1 - x->trust;
		if (least == NULL || x->trust < least->trust)
			least = x;
	}
	if (n > 0)
		evidence(r, "learned", -COVERAGE * doubt / Max(all, 1), least->id, n, all);
}

static void
rank_incident(Ranker *r, PassIncident *inc)
{
	Pass	   *p = r->p;
	int32		neighbours[MAX_NEIGHBOURS];
	int64		ranked[MAX_NEIGHBOURS + 2];
	int			n,
				nranked = 0;
	int64		second = PG_INT64_MAX;
	bool		seen_first = false;
	const PassKey *k = &p->keys[p->pe[inc->root].key];

	r->inc = inc;
	r->best = r->next = 0;
	for (int32 i = inc->first_member; i != CASCADE_NONE; i = p->next_member[i])
	{
		if (p->ce[i].start == inc->opened_at && !seen_first)
			seen_first = true;
		else
			second = Min(second, p->ce[i].start);
	}
	count_below(r, inc);
	r->measured = measure_incident(p, inc, &r->measures);
	if (r->measured)
	{
		uint32		node = inc->suspect ? graph_find(p->graph, inc->suspect)
			: p->place_node[p->ce[inc->root].place];
		const Measure *m = node == GRAPH_NONE ? NULL : measure_of(r, node);

		r->measured = m != NULL && m->known;
	}

	if (inc->suspect != 0)
	{
		start_candidate(r, ranked[nranked++] = inc->suspect, NULL);
		rank_suspect(r);
		learned_evidence(r);
		end_candidate(r);
	}
	start_candidate(r, ranked[nranked++] = k->asset_id, k->asset);
	rank_member(r, inc->root, second);
	if (inc->suspect == 0)
		learned_evidence(r);
	end_candidate(r);

	n = pick_neighbours(r, neighbours);
	for (int i = 0; i < n; i++)
	{
		const PassKey *nk = &p->keys[p->pe[neighbours[i]].key];

		start_candidate(r, ranked[nranked++] = nk->asset_id, nk->asset);
		rank_member(r, neighbours[i], second);
		end_candidate(r);
	}
	if (r->measured)
		rank_moving(r, ranked, nranked);
	else
		rank_silent(r);
	if (inc->confirmed != 0)
	{
		int			at = 0;

		while (at < nranked && ranked[at] != inc->confirmed)
			at++;
		if (at == nranked)
		{
			start_candidate(r, inc->confirmed, NULL);
			end_candidate(r);
		}
	}
	inc->confidence = confidence(&(ConfidenceInput) {
		.best = r->best, .next = r->next, .assets = inc->nassets,
		.suspect = inc->suspect != 0, .measured = r->measured,
		.placed = inc->suspect != 0 || p->place_node[p->ce[inc->root].place] != GRAPH_NONE,
		.confirmed = inc->confirmed != 0 && inc->confirmed == inc->best
	});
}

/* ---- what ranking needs beyond the pass ---------------------------------------- */

/*
 * An incident may be regrouped in a pass that decided nothing near its origin:
 * a person merged it, or a late symptom joined. Its ancestors and the changes
 * around it are looked up then, so that its evidence stays.
 */
static void
load_surroundings(Pass *p)
{
	int64		from = PG_INT64_MAX,
				to = PG_INT64_MIN;

	for (int32 i = 0; i < p->nincidents; i++)
	{
		from = Min(from, p->incidents[i].opened_at);
		to = Max(to, p->incidents[i].last_alert_at);
	}
	if (from <= to)
	{
		from = Max(cascade_sub(from, p->rules.change_lookback), DT_NOBEGIN);
		to = Min(cascade_add(to, p->rules.detection_lag), DT_NOEND);
		if (from < p->changes_from || to > p->changes_to)
			load_changes(p, from, to);
	}
	if (p->graph != NULL && p->nplaces > p->cascade.nplaces)
		p->cascade.ancestry = ancestry_create(p->graph, p->place_node, p->nplaces, true);
}

static void
consumers_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Pass	   *p = context;
	PassEpisode *head = &p->pe[DatumGetInt32(SPI_getbinval(tuple, desc, 1, &(bool) {false}))];

	head->failing = (int32) row_int64(tuple, desc, 2, 0);
	head->bearing = (int32) row_int64(tuple, desc, 3, 0);
}

/* Counts of consumers of suspects that this pass did not search for again. */
static void
load_consumers(Pass *p)
{
	static Statement st = {
		"SELECT u.i, v.num::bigint, v.num2::bigint "
		"  FROM unnest($1, $2, $3) u(i, incident_id, asset_id) "
		"  JOIN tracer.evidence_row v ON v.incident_id = u.incident_id AND v.asset_id = u.asset_id "
		"   AND v.fact = 'consumers'"
	};
	Column		c[3];

	column_init(&c[0], INT4OID);
	column_init(&c[1], INT8OID);
	column_init(&c[2], INT8OID);
	for (int32 i = 0; i < p->nincidents; i++)
	{
		const PassIncident *inc = &p->incidents[i];
		const PassEpisode *head = &p->pe[inc->root];

		if (inc->suspect == 0 || head->considered || p->ce[inc->root].decided ||
			head->incident == 0)
			continue;
		column_add(&c[0], Int32GetDatum(inc->root), false);
		column_int64(&c[1], head->incident);
		column_int64(&c[2], inc->suspect);
	}
	if (c[0].n > 0)
		query_columns(&st, c, 3, consumers_row, p);
}

/* Ranks the candidates of every regrouped incident and stores the evidence. */
void
rank_incidents(Pass *p)
{
	static Statement delete = {
		"DELETE FROM tracer.evidence_row WHERE incident_id = ANY ($1)"
	};
	static Statement insert = {
		"INSERT INTO tracer.evidence_row (incident_id, asset_id, asset, fact, weight, ref, num, num2, name) "
		"SELECT u.a, u.b, coalesce(u.c, s.name, '(no asset)'), u.d, u.e, u.f, u.g, u.h, u.i "
		"  FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) u(a, b, c, d, e, f, g, h, i) "
		"  LEFT JOIN tracer.asset s ON u.c IS NULL AND s.asset_id = u.b"
	};
	static const Oid types[9] = {
		INT8OID, INT8OID, TEXTOID, TEXTOID, FLOAT4OID, INT8OID, FLOAT8OID, FLOAT8OID, TEXTOID
	};
	Ranker		r = {.p = p};
	Column		old;

	load_surroundings(p);
	load_consumers(p);
	find_measured(p);
	load_learned(p);
	if (p->nlearned > 0)
	{
		r.learned = pure_array0(const PassLearned *, p->nepisodes);
		r.known = pure_array0(bool, p->nepisodes);
	}
	for (int i = 0; i < 9; i++)
		column_init(&r.row[i], types[i]);
	r.below = pure_array0(int32, p->nepisodes);
	r.waiting = pure_array0(int32, p->nepisodes);
	r.by_node = pure_array(PassChange, p->nchanges);
	if (p->nchanges > 0)
		memcpy(r.by_node, p->changes, sizeof(PassChange) * p->nchanges);
	qsort(r.by_node, p->nchanges, sizeof(PassChange), compare_changes);

	column_init(&old, INT8OID);
	for (int32 i = 0; i < p->nincidents; i++)
	{
		if (!p->incidents[i].fresh)
			column_int64(&old, p->incidents[i].number);
		rank_incident(&r, &p->incidents[i]);
		if ((i & 0xFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	for (int32 i = 0; i < p->nredirects; i++)
		column_int64(&old, p->redirects[i].number);
	if (old.n > 0)
		query_columns(&delete, &old, 1, NULL, NULL);
	if (r.row[0].n > 0)
		query_columns(&insert, r.row, 9, NULL, NULL);
}
