/*
 * group.c
 *		From who explains whom to incidents: suspects, label rules, people.
 *
 * cascade.c gives each episode a parent by the rule alone. Here what is left
 * without one is looked at together (docs/correlation.md, sections 6 and 7),
 * which gives the base; people's decisions are laid over the base (section 8);
 * and the trees that result are incidents.
 *
 * Only incidents that something happened to are regrouped: one that loses or
 * gains an episode, or one of whose episodes changed, or that a decision ties to
 * such a one. All their episodes are loaded first, however old.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "incident/pass.h"
#include "incident/suspect.h"
#include "table/peek.h"

/* ---- the base ----------------------------------------------------------------- */

/*
 * Which origins are looked at together: those near enough to what changed, and
 * whatever shares a suspect with one of them.
 */
static void
consider_origins(Pass *p, int64 first, int64 latest)
{
	const CascadeRules *r = &p->rules;
	int64		reach = cascade_add(cascade_add(r->horizon, r->detection_lag), r->change_lookback);
	int64		from,
				to;
	bool		again = true;

	if (p->graph && graph_has_lags(p->graph))
		reach = cascade_add(reach, r->max_incident_age);
	reach = cascade_add(reach, reach);
	from = cascade_sub(first, reach);
	/* an alert counts among a consumer's for 30 days */
	to = cascade_add(cascade_add(latest, reach), 30 * USECS_PER_DAY);
	to = cascade_add(to, p->label_window);

	for (int32 i = 0; i < p->nepisodes; i++)
	{
		CascadeEpisode *c = &p->ce[i];

		p->pe[i].considered = c->parent == CASCADE_NONE && c->because == BECAUSE_ORIGIN &&
			c->severity > SEVERITY_INFO &&
			(p->cascade.all || c->decided || (c->start >= from && c->start <= to));
	}
	while (again)
	{
		again = false;
		for (int32 i = 0; i < p->nepisodes; i++)
		{
			PassEpisode *e = &p->pe[i];
			PassEpisode *head;

			if (e->stored_suspect == 0 || e->base_parent == CASCADE_NONE ||
				p->ce[i].parent != CASCADE_NONE)
				continue;
			head = &p->pe[e->base_parent];
			if (head->considered != e->considered && head->stored_suspect == e->stored_suspect)
			{
				head->considered = e->considered = true;
				again = true;
			}
		}
	}
}

static void
find_suspects(Pass *p)
{
	SuspectInput in = {0};
	bool	   *consider = pure_array0(bool, p->nepisodes);
	SuspectChange *changes = pure_array(SuspectChange, p->nchanges);
	Suspect    *found;
	int32		n;

	for (int32 i = 0; i < p->nepisodes; i++)
		consider[i] = p->pe[i].considered;
	for (int32 i = 0; i < p->nchanges; i++)
		changes[i] = (SuspectChange) {p->changes[i].node, p->changes[i].at};
	in.cascade = &p->cascade;
	in.consider = consider;
	in.changes = changes;
	in.nchanges = p->nchanges;
	in.older_alerts = older_alerts;
	in.compare_names = compare_node_names;
	in.context = p;

	found = suspects_find(&in, &n);
	for (int32 i = 0; i < n; i++)
	{
		int32		head = found[i].origins[0];

		for (int32 j = 0; j < found[i].norigins; j++)
		{
			PassEpisode *e = &p->pe[found[i].origins[j]];

			e->base_because = BECAUSE_SUSPECT;
			e->base_parent = j == 0 ? CASCADE_NONE : head;
			e->suspect = graph_asset(p->graph, found[i].node);
			e->failing = found[i].failing;
			e->bearing = found[i].bearing;
		}
	}
	pure_free(consider);
	pure_free(changes);
}

/* ---- grouping by labels ----------------------------------------------------------- */

typedef struct Labelled
{
	const char *rule;
	const char *value;
	int64		window;
	int32		episode;
	const CascadeEpisode *c;
} Labelled;

typedef struct LabelledList
{
	Pass	   *p;
	Labelled   *items;
	int32		n;
} LabelledList;

/* How far back the label rules look: 0 where there are none. */
void
load_label_window(Pass *p)
{
	static Statement st = {"SELECT max(\"window\")::text FROM tracer.group_rule"};
	char	   *window;

	p->label_window = 0;
	if (peek_empty("group_rule"))
		return;
	query(&st, 0, NULL, NULL, NULL);
	window = row_text(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	p->label_window = window ? interval_us(window) : 0;
	SPI_freetuptable(SPI_tuptable);
}

/* Was it an origin before the label rules, looked at in this pass or not? */
static bool
is_base_origin(const Pass *p, int32 i)
{
	char		because = p->pe[i].base_because;

	return p->ce[i].parent == CASCADE_NONE && p->ce[i].severity > SEVERITY_INFO &&
		(because == BECAUSE_ORIGIN || because == BECAUSE_RULE);
}

static void
labelled_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	LabelledList *l = context;
	int32		at = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &(bool) {false}));
	char	   *window = row_text(tuple, desc, 4);

	if ((l->n & (l->n - 1)) == 0)
		l->items = pure_realloc(l->items, sizeof(Labelled) * (Size) Max(1, 2 * l->n));
	l->items[l->n++] = (Labelled) {
		row_text(tuple, desc, 2), row_text(tuple, desc, 3), interval_us(window), at, &l->p->ce[at]
	};
}

static int
compare_labelled(const void *pa, const void *pb)
{
	const Labelled *a = pa,
			   *b = pb;
	int			c = strcmp(a->rule, b->rule);

	if (c == 0)
		c = strcmp(a->value, b->value);
	if (c == 0)
		c = a->c->start < b->c->start ? -1 : a->c->start > b->c->start;
	if (c == 0)
		c = a->c->tie < b->c->tie ? -1 : a->c->tie > b->c->tie;
	return c;
}

/*
 * Every origin that is loaded is listed, since one that this pass has no other
 * reason to look at may be what one that it looks at joins; only the latter are
 * given parents. An episode has the labels of each of the firings that begin it:
 * which one arrived first decides nothing.
 */
static void
apply_label_rules(Pass *p)
{
	static Statement st = {
		"WITH firing AS ("
		"    SELECT i, alert_id FROM unnest($1, $2) u(i, alert_id) "
		"    UNION "
		"    SELECT u.i, o.alert_id FROM unnest($1, $2) u(i, alert_id) "
		"      JOIN tracer.placement l USING (alert_id) "
		"      JOIN tracer.placement o ON o.key_id = l.key_id AND o.fired_at = l.fired_at AND o.firing) "
		"SELECT f.i, g.name, v.value, g.\"window\"::text "
		"  FROM firing f "
		"  JOIN tracer.alert a USING (alert_id) "
		"  JOIN tracer.group_rule g ON (g.source IS NULL OR g.source = coalesce(a.source, 'sql')) "
		"   AND a.labels ?& g.labels, "
		"       LATERAL (SELECT string_agg(coalesce(a.labels->>l, ''), E'\\x01' ORDER BY n) AS value "
		"                  FROM unnest(g.labels) WITH ORDINALITY x(l, n)) v"
	};
	LabelledList list = {p, NULL, 0};
	Column		c[2];

	if (p->label_window == 0)
		return;
	column_init(&c[0], INT4OID);
	column_init(&c[1], INT8OID);
	for (int32 i = 0; i < p->nepisodes; i++)
		if (is_base_origin(p, i))
		{
			column_add(&c[0], Int32GetDatum(i), false);
			column_int64(&c[1], p->pe[i].first_alert);
		}
	if (c[0].n == 0)
		return;
	for (int32 i = 0; i < p->nalerts; i++)
	{
		const PassAlert *a = &p->alerts[i];

		if (a->firing && a->episode != CASCADE_NONE && a->at == p->ce[a->episode].start &&
			is_base_origin(p, a->episode))
		{
			column_add(&c[0], Int32GetDatum(a->episode), false);
			column_int64(&c[1], a->id);
		}
	}
	query_columns(&st, c, 2, labelled_row, &list);
	if (list.n == 0)
		return;
	qsort(list.items, list.n, sizeof(Labelled), compare_labelled);
	for (int32 i = 1, last = 0; i < list.n; i++)
	{
		const Labelled *a = &list.items[last],
				   *b = &list.items[i];
		PassEpisode *e = &p->pe[b->episode];

		if (compare_labelled(a, b) == 0)	/* two firings of one episode */
			continue;
		last = i;
		if (e->considered && e->base_because == BECAUSE_ORIGIN &&
			strcmp(a->rule, b->rule) == 0 && strcmp(a->value, b->value) == 0 &&
			b->c->start <= cascade_add(a->c->start, b->window))
		{
			e->base_because = BECAUSE_RULE;
			e->base_parent = a->episode;
		}
	}
}

/*
 * What holds without people: the rule, then suspects, then label rules. first
 * and latest bound the starts of what changed in this pass.
 */
void
base_parents(Pass *p, int64 first, int64 latest)
{
	consider_origins(p, first, latest);
	for (int32 i = 0; i < p->nepisodes; i++)
	{
		PassEpisode *e = &p->pe[i];

		if (!p->ce[i].decided && !e->considered)
			continue;
		e->base_parent = p->ce[i].parent;
		e->base_because = p->ce[i].because;
		e->suspect = 0;
	}
	find_suspects(p);
	apply_label_rules(p);
}

/* ---- incidents ---------------------------------------------------------------------- */

static int64
id_of(const Pass *p, int32 episode)
{
	return episode == CASCADE_NONE ? 0 : p->pe[episode].id;
}

static bool
base_changed(const Pass *p, int32 i)
{
	const PassEpisode *e = &p->pe[i];
	char		because = e->stored_base_because ? e->stored_base_because : e->stored_because;
	int64		parent = e->stored_base_because ? e->stored_base_parent : e->stored_parent;

	if (e->row_new || e->row_changed)
		return true;
	/* what nobody looked at is as it was, whether its parent is loaded or not */
	if (!p->ce[i].decided && !e->considered)
		return false;
	return e->base_because != because ||
		id_of(p, e->base_parent) != parent ||
		(e->base_parent != CASCADE_NONE && p->pe[e->base_parent].row_new) ||
		e->suspect != e->stored_suspect;
}

/* Is one side of a decision regrouped: its incident, or an episode in none? */
static bool
is_touched(Pass *p, int64 alert, int32 episode, int64 incident)
{
	if (is_affected(p, incident) || (episode != CASCADE_NONE && p->pe[episode].affected))
		return true;
	for (int i = 0; i < p->nregroup; i++)
		if (p->regroup[i] == alert)
			return true;
	return false;
}

static bool
touch(Pass *p, int32 episode, int64 incident)
{
	if (incident != 0)
	{
		if (is_affected(p, incident))
			return false;
		affect_incident(p, incident);
		return true;
	}
	if (episode == CASCADE_NONE || p->pe[episode].affected)
		return false;
	p->pe[episode].affected = true;
	return true;
}

/*
 * Decisions tie incidents together: what one of them touches, all are. Until
 * nothing more comes, since one decision may lead to the next. The incident of
 * the parent that an episode had before people decided is one of them, for
 * decisions are applied to that tree. Info may be in no incident: then the
 * decision ties the episode itself.
 */
static void
spread_decisions(Pass *p)
{
	bool		grew = p->ndecisions > 0;
	Column		loose;

	find_decisions(p);
	column_init(&loose, INT8OID);
	for (int32 i = 0; i < p->ndecisions; i++)
	{
		PassDecision *d = &p->decisions[i];

		if (d->episode == CASCADE_NONE && d->episode_id != 0 && d->incident == 0)
			column_int64(&loose, d->episode_id);
		if (d->other == CASCADE_NONE && d->other_id != 0 && d->other_incident == 0)
			column_int64(&loose, d->other_id);
	}
	if (loose.n > 0)
	{
		load_episodes(p, &loose);
		find_decisions(p);
	}
	while (grew)
	{
		grew = false;
		for (int32 i = 0; i < p->ndecisions; i++)
		{
			PassDecision *d = &p->decisions[i];

			if (is_touched(p, d->alert, d->episode, d->incident) ||
				is_touched(p, d->other_alert, d->other, d->other_incident) ||
				is_affected(p, d->base_incident))
			{
				grew |= touch(p, d->episode, d->incident);
				grew |= touch(p, d->other, d->other_incident);
				grew |= touch(p, CASCADE_NONE, d->base_incident);
			}
		}
	}
}

static void
load_affected(Pass *p)
{
	Column		numbers;
	HASH_SEQ_STATUS seq;
	int64	   *number;

	if (p->dry)
		return;					/* nothing is stored */
	column_init(&numbers, INT8OID);
	hash_seq_init(&seq, p->affected);
	while ((number = hash_seq_search(&seq)) != NULL)
		column_int64(&numbers, *number);
	load_incidents(p, &numbers);
	load_links(p);
}

/* Never, if the rest is right; but a pass without end could not even be cancelled. */
static void
complain_of_circle(const Pass *p, int32 i)
{
	elog(ERROR, "episodes of incident %lld explain each other in a circle",
		 (long long) p->pe[i].incident);
}

static int32
root_of(Pass *p, int32 i)
{
	int32		at = i;

	for (int32 n = 0; p->pe[at].parent != CASCADE_NONE; n++)
	{
		if (n == p->nepisodes)
			complain_of_circle(p, i);
		at = p->pe[at].parent;
	}
	return at;
}

/* Gives child a parent unless that closes a circle. */
static void
reparent(Pass *p, int32 child, int32 parent)
{
	if (parent != CASCADE_NONE && root_of(p, parent) == child)
		return;
	for (int32 i = parent; i != CASCADE_NONE; i = p->pe[i].parent)
		if (i == child)
			return;
	p->pe[child].parent = parent;
	p->pe[child].because = BECAUSE_PERSON;
}

static void
apply_decisions(Pass *p)
{
	for (int32 i = 0; i < p->ndecisions; i++)
	{
		PassDecision *d = &p->decisions[i];
		PassEpisode *e = &p->pe[Max(d->episode, 0)];

		if (d->episode == CASCADE_NONE || !e->affected)
			continue;
		switch (d->kind)
		{
			case 'j':
				if (d->other != CASCADE_NONE && d->other != d->episode)
					reparent(p, d->episode, d->other);
				break;
			case 'p':
				e->parent = CASCADE_NONE;
				e->because = BECAUSE_PERSON;
				e->suspect = 0;
				break;
			case 'r':
				if (d->root_asset == 0)
				{
					int32		origin = root_of(p, d->episode);

					e->parent = CASCADE_NONE;
					e->because = BECAUSE_PERSON;
					e->suspect = 0;
					if (origin != d->episode)
						reparent(p, origin, d->episode);
				}
				break;
		}
	}
}

/* Finds the root of every affected episode, each link walked once. */
static void
find_roots(Pass *p)
{
	int32	   *path = palloc_extended(sizeof(int32) * (Size) Max(p->nepisodes, 1), MCXT_ALLOC_HUGE);

	for (int32 i = 0; i < p->nepisodes; i++)
		p->pe[i].root = CASCADE_NONE;
	for (int32 i = 0; i < p->nepisodes; i++)
	{
		int32		n = 0,
					at = i,
					root;

		if (!p->pe[i].affected)
			continue;
		while (p->pe[at].root == CASCADE_NONE && p->pe[at].parent != CASCADE_NONE)
		{
			if (n == p->nepisodes)
				complain_of_circle(p, i);
			path[n++] = at;
			at = p->pe[at].parent;
		}
		root = p->pe[at].root == CASCADE_NONE ? at : p->pe[at].root;
		p->pe[at].root = root;
		while (n > 0)
			p->pe[path[--n]].root = root;
	}
	pfree(path);
}

static void
describe_incident(Pass *p, PassIncident *inc, uint32 *place_stamp, uint32 stamp)
{
	inc->opened_at = PG_INT64_MAX;
	inc->last_alert_at = PG_INT64_MIN;
	inc->ended_at = PG_INT64_MIN;
	for (int32 i = inc->first_member; i != CASCADE_NONE; i = p->next_member[i])
	{
		const CascadeEpisode *c = &p->ce[i];

		inc->opened_at = Min(inc->opened_at, c->start);
		inc->last_alert_at = Max(inc->last_alert_at, c->last);
		inc->ended_at = Max(inc->ended_at, c->end);
		inc->severity = Max(inc->severity, c->severity);
		inc->nalerts += p->pe[i].alerts;
		inc->nopen += c->end == CASCADE_NEVER;
		if (place_stamp[c->place] != stamp)
		{
			place_stamp[c->place] = stamp;
			inc->nassets++;
		}
	}
}

/* Regroups every incident that something happened to. */
void
group_incidents(Pass *p)
{
	int32		known;
	int32	   *incident_of;
	uint32	   *place_stamp;
	bool	   *opens;

	for (int32 i = 0; i < p->nepisodes; i++)
	{
		PassEpisode *e = &p->pe[i];

		if (!base_changed(p, i))
			continue;
		affect_incident(p, e->incident);
		if (e->base_parent != CASCADE_NONE)
			affect_incident(p, p->pe[e->base_parent].incident);
		e->affected = true;
	}
	for (int32 i = 0; i < p->nclaims; i++)
		affect_incident(p, p->claims[i].number);
	known = p->nepisodes;
	spread_decisions(p);
	load_affected(p);
	if (p->nepisodes > known)
		pass_rank_keys(p);		/* what has just come takes part in ties, too */
	find_decisions(p);

	for (int32 i = 0; i < p->nepisodes; i++)
	{
		PassEpisode *e = &p->pe[i];

		if (!e->affected && !is_affected(p, e->incident))
			continue;
		e->affected = true;
		e->parent = e->base_parent;
		e->because = e->base_because;
	}
	apply_decisions(p);
	find_roots(p);

	p->next_member = pure_array(int32, p->nepisodes);
	incident_of = pure_array(int32, p->nepisodes);
	for (int32 i = 0; i < p->nepisodes; i++)
		incident_of[i] = CASCADE_NONE;
	/* info opens no incident, unless a person made it the root of one */
	opens = pure_array0(bool, p->nepisodes);
	for (int32 i = 0; i < p->nepisodes; i++)
		if (p->pe[i].affected && p->ce[i].severity > SEVERITY_INFO)
			opens[p->pe[i].root] = true;
	p->incidents = pure_array0(PassIncident, p->nepisodes);
	for (int32 i = p->nepisodes; i-- > 0;)
	{
		PassEpisode *e = &p->pe[i];
		PassIncident *inc;

		if (!e->affected || !opens[e->root])
			continue;
		if (incident_of[e->root] == CASCADE_NONE)
		{
			incident_of[e->root] = p->nincidents;
			inc = &p->incidents[p->nincidents++];
			inc->root = e->root;
			inc->first_member = CASCADE_NONE;
			inc->suspect = p->pe[e->root].suspect;
		}
		inc = &p->incidents[incident_of[e->root]];
		p->next_member[i] = inc->first_member;
		inc->first_member = i;
		inc->nmembers++;
	}
	place_stamp = pure_array0(uint32, p->nplaces);
	for (int32 i = 0; i < p->nincidents; i++)
		describe_incident(p, &p->incidents[i], place_stamp, i + 1);
	for (int32 i = 0; i < p->ndecisions; i++)
	{
		PassDecision *d = &p->decisions[i];
		PassEpisode *e = &p->pe[Max(d->episode, 0)];

		if (d->episode != CASCADE_NONE && e->affected && d->kind == 'r' && e->root != CASCADE_NONE &&
			incident_of[e->root] != CASCADE_NONE)
		{
			PassIncident *inc = &p->incidents[incident_of[e->root]];

			inc->confirmed = d->root_asset ? d->root_asset : p->keys[e->key].asset_id;
			inc->confirmed_name = inc->confirmed ? NULL : p->keys[e->key].asset;
		}
	}
	pure_free(place_stamp);
	pure_free(incident_of);
	pure_free(opens);
}
