/*
 * rank.c
 *		The root-cause candidates of an incident, and who leads.
 *
 * Candidates are the asset where the incident begins (the origin's, or the
 * suspect), the assets next to it that explain most of the rest, and assets
 * above it that changed just before without an alert of their own; where metrics
 * tell how the failure spread, also what moved most. What speaks for and against
 * each: evidence.c, delay.c and moves.c. How sure that makes the best of them:
 * confidence.c.
 */
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "incident/confidence.h"
#include "incident/rank.h"

#define MAX_NEIGHBOURS 4		/* candidates besides the origin, with alerts */
#define MAX_SILENT 3			/* and without */
#define MAX_MOVING 6			/* with metrics that move */
#define MAX_CHANGES 5			/* pieces of evidence from changes, a candidate */

static void
start_candidate(Ranker *r, int64 asset_id, const char *asset)
{
	r->asset_id = asset_id;
	r->asset = asset;
	r->score = 0;
}

/* Did a person name it? */
static bool
is_confirmed(const PassIncident *inc, int64 asset_id, const char *asset)
{
	if (inc->confirmed_name != NULL)
		return asset_id == 0 && asset != NULL && strcmp(asset, inc->confirmed_name) == 0;
	return inc->confirmed != 0 && inc->confirmed == asset_id;
}

/* Ends a candidate; the first of the best leads. */
static void
end_candidate(Ranker *r)
{
	history_evidence(r);
	if (is_confirmed(r->inc, r->asset_id, r->asset))
		evidence(r, FACT_CONFIRMED, 1, 0, NAN, NAN, NULL);
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

/* A member with alerts: the origin, or one next to it. */
static void
rank_member(Ranker *r, int32 at, int64 second_start)
{
	Pass	   *p = r->p;
	const CascadeEpisode *c = &p->ce[at];
	uint32		node = p->place_node[c->place];
	int			left = MAX_CHANGES;
	bool		origin = at == r->inc->root && r->inc->suspect == 0;
	bool		moves = move_evidence(r, node);

	if (!moves)
	{
		position_evidence(r, at, second_start);
		delay_evidence(r, at);
	}
	/* Where metrics tell, an alert says once more what has been counted. */
	evidence(r, FACT_MESSAGE, moves ? 0 : 1, p->pe[at].first_alert, NAN, NAN, NULL);
	if (node == GRAPH_NONE)
	{
		evidence(r, FACT_UNPLACED, 1, 0, NAN, NAN, NULL);
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
			int			left = MAX_CHANGES;

			if (!has_changed(r, m, c->start) ||
				graph_asset(p->graph, m) == r->inc->suspect)
				continue;
			start_candidate(r, graph_asset(p->graph, m), NULL);
			evidence(r, FACT_COVERAGE, 1, 0, r->inc->nmembers, r->inc->nmembers, NULL);
			evidence(r, FACT_SILENT, 1, 0, NAN, NAN, NULL);
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

	if (!move_evidence(r, node))
	{
		evidence(r, FACT_COVERAGE, 1, 0, r->inc->nmembers, r->inc->nmembers, NULL);
		if (head->failing > 0)
			evidence(r, FACT_CONSUMERS, head->failing / (double) Max(head->bearing, head->failing), 0,
					 head->failing, head->bearing, NULL);
		else
			evidence(r, FACT_SILENT, 1, 0, NAN, NAN, NULL);
	}
	if (node != GRAPH_NONE && p->nchanges > 0)
		change_evidence(r, node, t, 0, &left);
}

/* Assets that moved with the symptom, alerting or not, and are no candidates yet. */
static void
rank_moving(Ranker *r, const int64 *ranked, int nranked)
{
	Pass	   *p = r->p;
	uint32	   *nodes = pure_array(uint32, r->measures.n);
	int			n = moving_most(r, nodes),
				found = 0;

	for (int i = 0; i < n && found < MAX_MOVING; i++)
	{
		int64		asset = graph_asset(p->graph, nodes[i]);
		int			left = MAX_CHANGES,
					at = 0;

		while (at < nranked && ranked[at] != asset)
			at++;
		if (at < nranked)
			continue;
		start_candidate(r, asset, NULL);
		move_evidence(r, nodes[i]);
		if (p->nchanges > 0)
			change_evidence(r, nodes[i], p->ce[r->inc->root].start, 0, &left);
		end_candidate(r);
		found++;
	}
	pure_free(nodes);
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
		if (descends_from(p, i) != CASCADE_NONE)
			r->waiting[descends_from(p, i)]++;
	for (int32 i = inc->first_member; i != CASCADE_NONE; i = p->next_member[i])
		for (int32 at = i, up; r->waiting[at] == 0; at = up)
		{
			r->waiting[at] = -1;	/* done */
			up = descends_from(p, at);
			if (up == CASCADE_NONE)
				break;
			r->below[up] += r->below[at] + 1;
			r->waiting[up]--;
		}
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
	r->measured = measure_incident(p, inc, &r->measures) &&
		is_measured(r, inc->suspect ? graph_find(p->graph, inc->suspect)
					: p->place_node[p->ce[inc->root].place]);

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
		.confirmed = is_confirmed(inc, inc->best, inc->best_name)
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
	if (p->nplaces > p->cascade.nplaces)
	{
		p->cascade.place_node = p->place_node;
		p->cascade.nplaces = p->nplaces;
		cascade_map_nodes(&p->cascade);
	}
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

/* Ranks the candidates of every regrouped incident, into rows[EVIDENCE_COLUMNS]. */
void
rank_incidents(Pass *p, Column *rows)
{
	static const Oid types[EVIDENCE_COLUMNS] = {
		INT8OID, INT8OID, TEXTOID, TEXTOID, FLOAT4OID, FLOAT4OID, INT8OID, FLOAT8OID, FLOAT8OID, TEXTOID
	};
	Ranker		r = {.p = p, .row = rows};

	load_surroundings(p);
	load_consumers(p);
	find_measured(p);
	load_learned(p);
	if (p->nlearned > 0)
	{
		r.learned = pure_array0(const PassLearned *, p->nepisodes);
		r.known = pure_array0(bool, p->nepisodes);
	}
	for (int i = 0; i < EVIDENCE_COLUMNS; i++)
		column_init(&rows[i], types[i]);
	r.below = pure_array0(int32, p->nepisodes);
	r.waiting = pure_array0(int32, p->nepisodes);
	sort_changes(&r);
	load_delays(&r);
	load_history(&r);
	for (int32 i = 0; i < p->nincidents; i++)
	{
		rank_incident(&r, &p->incidents[i]);
		if ((i & 0xFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/* Stores evidence in place of what was known of these incidents. */
void
save_evidence(Pass *p, Column *rows)
{
	static Statement delete = {
		"DELETE FROM tracer.evidence_row WHERE incident_id = ANY ($1)"
	};
	static const char *const names[EVIDENCE_COLUMNS] = {
		"incident_id", "asset_id", "asset", "fact", "weight", "amount", "ref", "num", "num2", "name"
	};
	Column		old;

	column_init(&old, INT8OID);
	for (int32 i = 0; i < p->nincidents; i++)
		if (!p->incidents[i].fresh)
			column_int64(&old, p->incidents[i].number);
	for (int32 i = 0; i < p->nredirects; i++)
		column_int64(&old, p->redirects[i].number);
	if (old.n > 0)
		query_columns(&delete, &old, 1, NULL, NULL);
	for (int i = 0; i < rows[0].n; i++)
		if (rows[2].nulls[i])
		{
			const char *name = rows[1].nulls[i] ? NULL : asset_name(p, DatumGetInt64(rows[1].values[i]));

			rows[2].values[i] = CStringGetTextDatum(name ? name : "(no asset)");
			rows[2].nulls[i] = false;
		}
	insert_columns("evidence_row", names, rows, EVIDENCE_COLUMNS);
}
