/*
 * save.c
 *		What the pass found out, into tables: only rows that are new or differ.
 */
#include "compat.h"

#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "incident/pass.h"

/* ---- keys and placements ------------------------------------------------------- */

static void
save_keys(Pass *p)
{
	static const char *const names[] = {"key_id", "source", "dedup_key", "asset", "asset_id", "last_event_at"};
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
			column_text(&c[1], k->source);
			column_text(&c[2], k->dedup);
			column_text(&c[3], k->asset);
			column_id(&c[4], k->asset_id);
			column_add(&c[5], TimestampTzGetDatum(last), false);
			k->last_event = last;
		}
		else if (k->touched && last != k->last_event)
		{
			column_int64(&u[0], k->id);
			column_add(&u[1], TimestampTzGetDatum(last), false);
			k->last_event = last;
			kept_key(k);
		}
	}
	insert_columns("alert_key", names, c, lengthof(names));
	if (u[0].n > 0)
		query_columns(&update, u, 2, NULL, NULL);
	pfree(ids);
}

static void
save_placements(Pass *p)
{
	static const char *const names[] = {"alert_id", "key_id", "episode_id", "fired_at", "firing"};
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
			column_id(&c[2], episode);
			column_add(&c[3], TimestampTzGetDatum(a->at), false);
			column_add(&c[4], BoolGetDatum(a->firing), false);
		}
		else if (p->keys[a->key].refold && episode != a->old_episode)
		{
			column_int64(&u[0], a->id);
			column_id(&u[1], episode);
		}
	}
	insert_columns("placement", names, c, lengthof(names));
	if (u[0].n > 0)
		query_columns(&update, u, 2, NULL, NULL);
}

/* ---- episodes -------------------------------------------------------------------- */

/* Oids of the labels of tracer.severity, in order. */
void
severity_labels(Oid *type, Oid labels[4])
{
	static const char *const names[] = {"info", "warning", "error", "critical"};

	*type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("severity"),
							ObjectIdGetDatum(get_namespace_oid("tracer", false)));
	for (int i = 0; i < 4; i++)
		labels[i] = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid,
									ObjectIdGetDatum(*type), CStringGetDatum(names[i]));
}

/* The row that an episode is to have. */
static StoredEpisode
episode_to_store(const Pass *p, int32 i)
{
	const PassEpisode *e = &p->pe[i];
	const CascadeEpisode *c = &p->ce[i];
	StoredEpisode row = {
		.id = e->id, .incident = e->new_incident, .parent = e->parent == CASCADE_NONE ? 0 : p->pe[e->parent].id,
		.because = e->because, .hops = c->hops, .suspect = e->suspect, .origin_start = c->origin_start,
		.start = c->start, .last = c->last, .end = c->end, .chronic_from = c->chronic_from,
		.severity = c->severity, .alerts = e->alerts, .first_alert = e->first_alert, .nruns = c->nruns
	};

	if (!e->affected)
	{
		/* the incident stays as it is: so does what holds in it */
		row.parent = e->stored_parent;
		row.base_parent = e->stored_base_parent;
		row.base_because = e->stored_base_because;
	}
	else if (e->because == BECAUSE_PERSON)
	{
		row.base_parent = e->base_parent == CASCADE_NONE ? 0 : p->pe[e->base_parent].id;
		row.base_because = e->base_because;
	}
	if (c->nruns > 0)
	{
		row.runs = palloc(sizeof(char *) * c->nruns);
		for (int32 r = 0; r < c->nruns; r++)
			row.runs[r] = p->runs[c->runs[r]];
	}
	return row;
}

static bool
episode_differs(const PassEpisode *e, const StoredEpisode *row)
{
	return e->row_changed || row->incident != e->incident || row->parent != e->stored_parent ||
		row->because != e->stored_because || row->hops != e->stored_hops ||
		row->suspect != e->stored_suspect || row->base_parent != e->stored_base_parent ||
		row->base_because != e->stored_base_because || row->origin_start != e->stored_origin_start;
}

/* Run ids of an episode as a text array. */
static Datum
runs_array(const StoredEpisode *row)
{
	Datum	   *runs = palloc(sizeof(Datum) * row->nruns);

	for (int32 r = 0; r < row->nruns; r++)
		runs[r] = CStringGetTextDatum(row->runs[r]);
	return PointerGetDatum(construct_array(runs, row->nruns, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Arrays cannot be a parameter's elements: those of a statement are text. */
static Datum
array_literal(Datum array)
{
	return CStringGetTextDatum(OidOutputFunctionCall(F_ARRAY_OUT, array));
}

#define EPISODE_PARAMETERS 18

static void
save_episodes(Pass *p)
{
	static const char *const names[] = {
		"episode_id", "key_id", "incident_id", "parent_id", "because", "hops", "suspect_id", "base_parent_id",
		"base_because", "origin_at", "started_at", "last_fired_at", "resolved_at", "chronic_from", "severity",
		"alert_count", "first_alert_id", "run_ids"
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
			severity, INT8OID, INT8OID, s == 0 ? TEXTARRAYOID : TEXTOID
		};

		for (int i = 0; i < EPISODE_PARAMETERS; i++)
			column_init(&set[s][i], types[i]);
	}

	for (int32 i = 0; i < p->nepisodes; i++)
	{
		const PassEpisode *e = &p->pe[i];
		StoredEpisode row;
		Datum		runs;
		Column	   *c;

		if (!e->affected && !e->row_new && !e->row_changed && !p->ce[i].decided)
			continue;
		row = episode_to_store(p, i);
		if (!e->row_new && !episode_differs(e, &row))
			continue;
		kept_put(&row, &p->keys[e->key]);

		c = set[e->row_new ? 0 : 1];
		column_int64(&c[0], row.id);
		column_int64(&c[1], p->keys[e->key].id);
		column_id(&c[2], row.incident);
		column_id(&c[3], row.parent);
		column_char(&c[4], row.because);
		column_add(&c[5], Int32GetDatum(row.hops), false);
		column_id(&c[6], row.suspect);
		column_id(&c[7], row.base_parent);
		column_char(&c[8], row.base_because);
		column_add(&c[9], TimestampTzGetDatum(row.origin_start), false);
		column_add(&c[10], TimestampTzGetDatum(row.start), false);
		column_add(&c[11], TimestampTzGetDatum(row.last), false);
		column_time(&c[12], row.end, CASCADE_NEVER);
		column_time(&c[13], row.chronic_from, CASCADE_NEVER);
		column_add(&c[14], ObjectIdGetDatum(labels[row.severity]), false);
		column_int64(&c[15], row.alerts);
		column_int64(&c[16], row.first_alert);
		runs = row.nruns > 0 ? runs_array(&row) : (Datum) 0;
		column_add(&c[17], row.nruns > 0 && !e->row_new ? array_literal(runs) : runs, row.nruns == 0);
	}
	for (int i = 0; i < p->gone.n; i++)
		kept_drop(DatumGetInt64(p->gone.values[i]));
	if (p->gone.n > 0)
		query_columns(&delete, &p->gone, 1, NULL, NULL);
	if (set[1][0].n > 0)
		query_columns(&update, set[1], EPISODE_PARAMETERS, NULL, NULL);
	insert_columns("episode", names, set[0], lengthof(names));
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
