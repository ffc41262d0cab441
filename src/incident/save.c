/*
 * save.c
 *		What the pass found out, into tables: only rows that are new or differ.
 */
#include "compat.h"

#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "incident/pass.h"

static void
add_time(Column *c, int64 t, int64 none)
{
	column_add(c, TimestampTzGetDatum(t), t == none);
}

static void
add_id(Column *c, int64 id)
{
	column_add(c, Int64GetDatum(id), id == 0);
}

static void
add_char(Column *c, char v)
{
	column_add(c, CharGetDatum(v), v == '\0');
}

/* ---- keys and placements ------------------------------------------------------- */

static void
save_keys(Pass *p)
{
	static Statement insert = {
		"INSERT INTO tracer.alert_key (key_id, source, dedup_key, asset, asset_id, last_event_at) "
		"SELECT * FROM unnest($1, $2, $3, $4, $5, $6)"
	};
	static Statement update = {
		"UPDATE tracer.alert_key k SET last_event_at = u.at "
		"  FROM unnest($1, $2) u(key_id, at) WHERE k.key_id = u.key_id"
	};
	Column		c[6],
				u[2];
	int64	   *ids;
	int32		n = 0;

	for (int32 i = 0; i < p->nkeys; i++)
		n += p->keys[i].id == 0;
	ids = palloc_extended(sizeof(int64) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	next_numbers("key_id", n, ids);
	n = 0;

	column_init(&c[0], INT8OID);
	column_init(&c[1], TEXTOID);
	column_init(&c[2], TEXTOID);
	column_init(&c[3], TEXTOID);
	column_init(&c[4], INT8OID);
	column_init(&c[5], TIMESTAMPTZOID);
	column_init(&u[0], INT8OID);
	column_init(&u[1], TIMESTAMPTZOID);
	for (int32 i = 0; i < p->nkeys; i++)
	{
		PassKey    *k = &p->keys[i];
		int64		last = k->last_event;

		if (k->first_event >= 0)
			last = Max(last, k->newest);
		if (k->touched && k->wildcard >= 0)
			last = Max(last, p->keys[k->wildcard].newest);
		if (k->id == 0)
		{
			k->id = ids[n++];
			column_int64(&c[0], k->id);
			column_add(&c[1], CStringGetTextDatum(k->source), false);
			column_add(&c[2], CStringGetTextDatum(k->dedup), false);
			column_add(&c[3], k->asset ? CStringGetTextDatum(k->asset) : (Datum) 0, k->asset == NULL);
			add_id(&c[4], k->asset_id);
			column_add(&c[5], TimestampTzGetDatum(last), false);
		}
		else if (k->touched && last != k->last_event)
		{
			column_int64(&u[0], k->id);
			column_add(&u[1], TimestampTzGetDatum(last), false);
		}
	}
	if (c[0].n > 0)
		query_columns(&insert, c, 6, NULL, NULL);
	if (u[0].n > 0)
		query_columns(&update, u, 2, NULL, NULL);
	pfree(ids);
}

static void
save_placements(Pass *p)
{
	static Statement insert = {
		"INSERT INTO tracer.placement (alert_id, key_id, episode_id, fired_at, firing) "
		"SELECT * FROM unnest($1, $2, $3, $4, $5)"
	};
	static Statement update = {
		"UPDATE tracer.placement l SET episode_id = u.episode_id "
		"  FROM unnest($1, $2) u(alert_id, episode_id) WHERE l.alert_id = u.alert_id"
	};
	Column		c[5],
				u[2];

	column_init(&c[0], INT8OID);
	column_init(&c[1], INT8OID);
	column_init(&c[2], INT8OID);
	column_init(&c[3], TIMESTAMPTZOID);
	column_init(&c[4], BOOLOID);
	column_init(&u[0], INT8OID);
	column_init(&u[1], INT8OID);
	for (int32 i = 0; i < p->nalerts; i++)
	{
		PassAlert  *a = &p->alerts[i];
		int64		episode = a->episode == CASCADE_NONE ? 0 : p->pe[a->episode].id;

		if (a->is_new)
		{
			column_int64(&c[0], a->id);
			column_int64(&c[1], p->keys[a->key].id);
			add_id(&c[2], episode);
			column_add(&c[3], TimestampTzGetDatum(a->at), false);
			column_add(&c[4], BoolGetDatum(a->firing), false);
		}
		else if (p->keys[a->key].refold && episode != a->old_episode)
		{
			column_int64(&u[0], a->id);
			add_id(&u[1], episode);
		}
	}
	if (c[0].n > 0)
		query_columns(&insert, c, 5, NULL, NULL);
	if (u[0].n > 0)
		query_columns(&update, u, 2, NULL, NULL);
}

/* ---- episodes -------------------------------------------------------------------- */

/* Oids of the labels of tracer.severity, in order. */
static void
severity_labels(Oid *type, Oid labels[4])
{
	static const char *const names[] = {"info", "warning", "error", "critical"};

	*type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("severity"),
							ObjectIdGetDatum(get_namespace_oid("tracer", false)));
	for (int i = 0; i < 4; i++)
		labels[i] = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid,
									ObjectIdGetDatum(*type), CStringGetDatum(names[i]));
}

static bool
episode_differs(const Pass *p, int32 i, int64 parent, int64 base_parent, char base_because)
{
	const PassEpisode *e = &p->pe[i];
	const CascadeEpisode *c = &p->ce[i];

	return e->row_changed || e->new_incident != e->incident || parent != e->stored_parent ||
		e->because != e->stored_because || c->hops != e->stored_hops ||
		e->suspect != e->stored_suspect || base_parent != e->stored_base_parent ||
		base_because != e->stored_base_because || c->origin_start != e->stored_origin_start;
}

/* Run ids of an episode as a text array in array syntax, or NULL. */
static Datum
runs_literal(const Pass *p, const CascadeEpisode *c)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int32 r = 0; r < c->nruns; r++)
	{
		appendStringInfoString(&buf, r ? ",\"" : "{\"");
		for (const char *s = p->runs[c->runs[r]]; *s; s++)
		{
			if (*s == '"' || *s == '\\')
				appendStringInfoChar(&buf, '\\');
			appendStringInfoChar(&buf, *s);
		}
		appendStringInfoChar(&buf, '"');
	}
	appendStringInfoChar(&buf, '}');
	return CStringGetTextDatum(buf.data);
}

#define EPISODE_PARAMETERS 18

static void
save_episodes(Pass *p)
{
	static Statement insert = {
		"INSERT INTO tracer.episode (episode_id, key_id, incident_id, parent_id, because, hops, "
		"       suspect_id, base_parent_id, base_because, origin_at, started_at, last_fired_at, "
		"       resolved_at, chronic_from, severity, alert_count, first_alert_id, run_ids) "
		"SELECT u.a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q, r, s::text[] "
		"  FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
		"              $15, $16, $17, $18) "
		"    u(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q, r, s)"
	};
	static Statement update = {
		"UPDATE tracer.episode x SET key_id = b, incident_id = c, parent_id = d, because = e, "
		"       hops = f, suspect_id = g, base_parent_id = h, base_because = i, origin_at = j, "
		"       started_at = k, last_fired_at = l, resolved_at = m, chronic_from = n, "
		"       severity = o, alert_count = q, first_alert_id = r, run_ids = s::text[] "
		"  FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
		"              $15, $16, $17, $18) "
		"    u(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q, r, s) "
		" WHERE x.episode_id = u.a"
	};
	static Statement delete = {
		"DELETE FROM tracer.episode WHERE episode_id = ANY ($1)"
	};
	Oid			severity,
				labels[4];
	Column		set[2][EPISODE_PARAMETERS];

	severity_labels(&severity, labels);
	for (int s = 0; s < 2; s++)
	{
		Oid			types[EPISODE_PARAMETERS] = {
			INT8OID, INT8OID, INT8OID, INT8OID, CHAROID, INT4OID, INT8OID, INT8OID, CHAROID,
			TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
			severity, INT8OID, INT8OID, TEXTOID
		};

		for (int i = 0; i < EPISODE_PARAMETERS; i++)
			column_init(&set[s][i], types[i]);
	}

	for (int32 i = 0; i < p->nepisodes; i++)
	{
		PassEpisode *e = &p->pe[i];
		CascadeEpisode *ce = &p->ce[i];
		int64		parent,
					base_parent = 0;
		char		base_because = '\0';
		Column	   *c;

		if (!e->affected && !e->row_new && !e->row_changed && !ce->decided)
			continue;
		parent = e->parent == CASCADE_NONE ? 0 : p->pe[e->parent].id;
		if (!e->affected)
		{
			/* the incident stays as it is: so does what holds in it */
			parent = e->stored_parent;
			base_parent = e->stored_base_parent;
			base_because = e->stored_base_because;
		}
		else if (e->because == BECAUSE_PERSON)
		{
			base_parent = e->base_parent == CASCADE_NONE ? 0 : p->pe[e->base_parent].id;
			base_because = e->base_because;
		}
		if (!e->row_new && !episode_differs(p, i, parent, base_parent, base_because))
			continue;

		c = set[e->row_new ? 0 : 1];
		column_int64(&c[0], e->id);
		column_int64(&c[1], p->keys[e->key].id);
		add_id(&c[2], e->new_incident);
		add_id(&c[3], parent);
		add_char(&c[4], e->because);
		column_add(&c[5], Int32GetDatum(ce->hops), false);
		add_id(&c[6], e->suspect);
		add_id(&c[7], base_parent);
		add_char(&c[8], base_because);
		column_add(&c[9], TimestampTzGetDatum(ce->origin_start), false);
		column_add(&c[10], TimestampTzGetDatum(ce->start), false);
		column_add(&c[11], TimestampTzGetDatum(ce->last), false);
		add_time(&c[12], ce->end, CASCADE_NEVER);
		add_time(&c[13], ce->chronic_from, CASCADE_NEVER);
		column_add(&c[14], ObjectIdGetDatum(labels[ce->severity]), false);
		column_int64(&c[15], e->alerts);
		column_int64(&c[16], e->first_alert);
		column_add(&c[17], ce->nruns > 0 ? runs_literal(p, ce) : (Datum) 0, ce->nruns == 0);
	}
	if (p->gone.n > 0)
		query_columns(&delete, &p->gone, 1, NULL, NULL);
	if (set[1][0].n > 0)
		query_columns(&update, set[1], EPISODE_PARAMETERS, NULL, NULL);
	if (set[0][0].n > 0)
		query_columns(&insert, set[0], EPISODE_PARAMETERS, NULL, NULL);
}

/* ---- incidents --------------------------------------------------------------------- */

static bool
is_placed(const Pass *p, const PassIncident *inc)
{
	for (int32 e = inc->first_member; e != CASCADE_NONE; e = p->next_member[e])
		if (p->place_node[p->ce[e].place] != GRAPH_NONE)
			return true;
	return false;
}

#define INCIDENT_PARAMETERS 16

static void
save_incidents(Pass *p)
{
	/* events first: they compare with what the incident's row says so far */
	static Statement events = {
		"INSERT INTO tracer.incident_event (incident_id, at, kind, detail) "
		"SELECT u.a, CASE WHEN i.incident_id IS NULL THEN u.f ELSE now() END, v.kind, v.detail "
		"  FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) "
		"    u(a, b, c, d, e, f, g, h, j, k, l, m, n, o, p, q) "
		"  LEFT JOIN tracer.incident i ON i.incident_id = u.a, "
		"       LATERAL (VALUES "
		"         ('opened', NULL, i.incident_id IS NULL), "
		"         ('root_changed', NULL, (i.origin_id, coalesce(i.suspect_id, 0)) IS DISTINCT FROM (u.b, coalesce(u.c, 0)) "
		"                                AND i.incident_id IS NOT NULL), "
		"         ('severity', i.severity || ' to ' || u.h, u.h > i.severity), "
		"         ('resolved', NULL, u.g IS NOT NULL AND i.ended_at IS NULL), "
		"         ('reopened', NULL, u.g IS NULL AND i.ended_at IS NOT NULL)) v(kind, detail, holds) "
		" WHERE v.holds"
	};
	static Statement save = {
		"INSERT INTO tracer.incident AS i (incident_id, origin_id, suspect_id, placed, last_alert_at, "
		"       opened_at, ended_at, severity, alert_count, asset_count, open_count, origin_open, "
		"       confidence, title, root_asset) "
		"SELECT u.a, b, c, d, e, f, g, h, j, k, l, m, n, t.title, coalesce(q, s.name) "
		"  FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) "
		"    u(a, b, c, d, e, f, g, h, j, k, l, m, n, o, p, q) "
		"  LEFT JOIN tracer.alert t ON t.alert_id = u.o "
		"  LEFT JOIN tracer.asset s ON s.asset_id = u.p "
		"    ON CONFLICT (incident_id) DO UPDATE SET merged_into = NULL, "
		"       origin_id = excluded.origin_id, suspect_id = excluded.suspect_id, "
		"       placed = excluded.placed, opened_at = excluded.opened_at, "
		"       last_alert_at = excluded.last_alert_at, ended_at = excluded.ended_at, "
		"       severity = excluded.severity, alert_count = excluded.alert_count, "
		"       asset_count = excluded.asset_count, open_count = excluded.open_count, "
		"       origin_open = excluded.origin_open, confidence = excluded.confidence, "
		"       root_asset = excluded.root_asset, title = coalesce(excluded.title, i.title)"
	};
	static Statement redirect = {
		"WITH u AS (SELECT * FROM unnest($1, $2) u(loser, winner)), "
		"     told AS (INSERT INTO tracer.incident_event (incident_id, at, kind, detail) "
		"              SELECT v.incident_id, now(), 'merged', v.detail FROM u, LATERAL (VALUES "
		"                (u.loser, 'into incident ' || u.winner), "
		"                (u.winner, 'incident ' || u.loser || ' merged into this one')) v(incident_id, detail)) "
		"UPDATE tracer.incident i SET merged_into = u.winner, alert_count = 0, asset_count = 0, "
		"       open_count = 0 FROM u WHERE i.incident_id = u.loser"
	};
	/* a redirect to what now redirects itself leads on at once */
	static Statement follow = {
		"UPDATE tracer.incident i SET merged_into = u.winner "
		"  FROM unnest($1, $2) u(loser, winner) "
		" WHERE i.merged_into = u.loser AND i.incident_id <> u.winner"
	};
	Oid			severity,
				labels[4];
	Column		c[INCIDENT_PARAMETERS],
				r[2];

	severity_labels(&severity, labels);
	{
		Oid			types[INCIDENT_PARAMETERS] = {
			INT8OID, INT8OID, INT8OID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
			severity, INT8OID, INT8OID, INT8OID, BOOLOID, FLOAT4OID, INT8OID, INT8OID, TEXTOID
		};

		for (int i = 0; i < INCIDENT_PARAMETERS; i++)
			column_init(&c[i], types[i]);
	}
	for (int32 i = 0; i < p->nincidents; i++)
	{
		PassIncident *inc = &p->incidents[i];

		column_int64(&c[0], inc->number);
		column_int64(&c[1], p->pe[inc->root].id);
		add_id(&c[2], inc->suspect);
		column_add(&c[3], BoolGetDatum(is_placed(p, inc)), false);
		column_add(&c[4], TimestampTzGetDatum(inc->last_alert_at), false);
		column_add(&c[5], TimestampTzGetDatum(inc->opened_at), false);
		add_time(&c[6], inc->ended_at, CASCADE_NEVER);
		column_add(&c[7], ObjectIdGetDatum(labels[inc->severity]), false);
		column_int64(&c[8], inc->nalerts);
		column_int64(&c[9], inc->nassets);
		column_int64(&c[10], inc->nopen);
		column_add(&c[11], BoolGetDatum(p->ce[inc->root].end == CASCADE_NEVER), false);
		column_add(&c[12], Float4GetDatum((float4) inc->confidence), false);
		column_int64(&c[13], p->pe[inc->root].first_alert);
		add_id(&c[14], inc->best);
		column_add(&c[15], inc->best_name ? CStringGetTextDatum(inc->best_name) : (Datum) 0,
				   inc->best_name == NULL);
	}
	if (c[0].n > 0)
	{
		query_columns(&events, c, INCIDENT_PARAMETERS, NULL, NULL);
		query_columns(&save, c, INCIDENT_PARAMETERS, NULL, NULL);
	}

	column_init(&r[0], INT8OID);
	column_init(&r[1], INT8OID);
	for (int32 i = 0; i < p->nredirects; i++)
	{
		column_int64(&r[0], p->redirects[i].number);
		column_int64(&r[1], p->incidents[p->redirects[i].incident].number);
	}
	if (r[0].n > 0)
	{
		query_columns(&redirect, r, 2, NULL, NULL);
		query_columns(&follow, r, 2, NULL, NULL);
	}
}

/* Gives new episodes their ids, which evidence refers to. */
void
number_episodes(Pass *p)
{
	int64	   *ids;
	int32		n = 0;

	for (int32 i = 0; i < p->nepisodes; i++)
		n += p->pe[i].row_new;
	ids = palloc_extended(sizeof(int64) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	next_numbers("episode_id", n, ids);
	n = 0;
	for (int32 i = 0; i < p->nepisodes; i++)
		if (p->pe[i].row_new)
			p->pe[i].id = ids[n++];
	pfree(ids);
}

/* Writes everything that is new or different. */
void
save_pass(Pass *p)
{
	save_keys(p);
	save_episodes(p);
	save_placements(p);
	save_incidents(p);
}

/* Remembers how far this pass came; seen NULL keeps the last snapshot. */
void
save_state(Pass *p, const char *seen)
{
	static Statement st = {
		"INSERT INTO tracer.correlate_state AS s (seen, system_id, pass, watermark, fingerprint) "
		"VALUES ($1::pg_snapshot, $2, 1, $3, $4) "
		"    ON CONFLICT (one) DO UPDATE SET seen = excluded.seen, system_id = excluded.system_id, "
		"       pass = s.pass + 1, watermark = excluded.watermark, fingerprint = excluded.fingerprint"
	};
	Oid			types[] = {TEXTOID, INT8OID, TIMESTAMPTZOID, TEXTOID};
	Datum		values[] = {
		CStringGetTextDatum(seen), Int64GetDatum((int64) GetSystemIdentifier()),
		TimestampTzGetDatum(p->watermark), CStringGetTextDatum(p->fingerprint)
	};
	char		nulls[] = "    ";

	if (p->watermark == PG_INT64_MIN)
		nulls[2] = 'n';
	query(&st, 4, types, values, nulls);
}
