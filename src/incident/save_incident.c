/*
 * save_incident.c
 *		Incidents into their table, and what happened to them into theirs.
 *
 * What happened is not what a pass did: it is the difference between what an
 * incident's row says so far and what it is to say. So the history of an incident
 * does not depend on how many passes its alerts took.
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"

#include "incident/pass.h"
#include "table/peek.h"

static bool
is_placed(const Pass *p, const PassIncident *inc)
{
	for (int32 e = inc->first_member; e != CASCADE_NONE; e = p->next_member[e])
		if (p->place_node[p->ce[e].place] != GRAPH_NONE)
			return true;
	return false;
}

typedef struct Events
{
	PeekById   *rows;			/* tracer.incident */
	int			origin_id,
				suspect_id,
				severity,
				ended_at;		/* columns */
	const Oid  *labels;			/* of severities, ascending */
	Column		row[4];			/* incident_id, at, kind, detail */
} Events;

static void
begin_events(Events *e, const Oid *labels)
{
	e->rows = peek_by_id_begin("incident", "incident_pkey");
	e->origin_id = peek_column(e->rows, "origin_id");
	e->suspect_id = peek_column(e->rows, "suspect_id");
	e->severity = peek_column(e->rows, "severity");
	e->ended_at = peek_column(e->rows, "ended_at");
	e->labels = labels;
	column_init(&e->row[0], INT8OID);
	column_init(&e->row[1], TIMESTAMPTZOID);
	column_init(&e->row[2], TEXTOID);
	column_init(&e->row[3], TEXTOID);
}

static void
add_event(Events *e, const PassIncident *inc, int64 at, const char *kind, const char *detail)
{
	column_int64(&e->row[0], inc->number);
	column_add(&e->row[1], TimestampTzGetDatum(at), false);
	column_text(&e->row[2], kind);
	column_text(&e->row[3], detail);
}

/* False: it has no row so far. */
static bool
note_events(Events *e, Pass *p, const PassIncident *inc)
{
	static const char *const severities[] = {"info", "warning", "error", "critical"};
	int64		now = GetCurrentTransactionStartTimestamp();
	TupleTableSlot *row = inc->fresh ? NULL : peek_by_id(e->rows, inc->number);
	int64		origin,
				suspect;
	int			was = 0;
	bool		ended,
				isnull;
	Datum		d;

	if (row == NULL)
	{
		add_event(e, inc, inc->opened_at, "opened", NULL);
		return false;
	}
	d = slot_getattr(row, e->origin_id, &isnull);
	origin = isnull ? 0 : DatumGetInt64(d);
	d = slot_getattr(row, e->suspect_id, &isnull);
	suspect = isnull ? 0 : DatumGetInt64(d);
	d = slot_getattr(row, e->severity, &isnull);
	while (was < lengthof(severities) - 1 && e->labels[was] != DatumGetObjectId(d))
		was++;
	(void) slot_getattr(row, e->ended_at, &isnull);
	ended = !isnull;

	if (origin != p->pe[inc->root].id || suspect != inc->suspect)
		add_event(e, inc, now, "root_changed", NULL);
	if (inc->severity > was)
		add_event(e, inc, now, "severity", psprintf("%s to %s", severities[was], severities[inc->severity]));
	if (inc->ended_at != CASCADE_NEVER && !ended)
		add_event(e, inc, now, "resolved", NULL);
	if (inc->ended_at == CASCADE_NEVER && ended)
		add_event(e, inc, now, "reopened", NULL);
	return true;
}

static void
save_events(Events *e)
{
	static const char *const names[] = {"incident_id", "at", "kind", "detail"};

	peek_by_id_end(e->rows);
	insert_columns("incident_event", names, e->row, lengthof(names));
}

/* The title of an incident's first alert, or NULL. */
static const char *
title_of(Pass *p, PeekById *alerts, int column, const PassIncident *inc)
{
	TupleTableSlot *row = peek_by_id(alerts, p->pe[inc->root].first_alert);
	bool		isnull = true;
	Datum		title = row ? slot_getattr(row, column, &isnull) : (Datum) 0;

	return isnull ? NULL : TextDatumGetCString(title);
}

#define INCIDENT_COLUMNS 15

void
save_incidents(Pass *p)
{
	static const char *const names[INCIDENT_COLUMNS] = {
		"incident_id", "origin_id", "suspect_id", "placed", "last_alert_at", "opened_at", "ended_at", "severity",
		"alert_count", "asset_count", "open_count", "origin_open", "confidence", "title", "root_asset"
	};
	static Statement update = {
		"UPDATE tracer.incident x SET merged_into = NULL, origin_id = u.b, suspect_id = u.c, placed = u.d, "
		"       last_alert_at = u.e, opened_at = u.f, ended_at = u.g, severity = u.h, alert_count = u.i, "
		"       asset_count = u.j, open_count = u.k, origin_open = u.l, confidence = u.m, "
		"       title = coalesce(u.n, x.title), root_asset = u.o "
		"  FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) "
		"    u(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o) "
		" WHERE x.incident_id = u.a"
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
	Column		set[2][INCIDENT_COLUMNS],
				r[2];
	Events		events;
	PeekById   *alerts;
	int			title;

	severity_labels(&severity, labels);
	for (int s = 0; s < 2; s++)
	{
		Oid			types[INCIDENT_COLUMNS] = {
			INT8OID, INT8OID, INT8OID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
			severity, INT8OID, INT8OID, INT8OID, BOOLOID, FLOAT4OID, TEXTOID, TEXTOID
		};

		for (int i = 0; i < INCIDENT_COLUMNS; i++)
			column_init(&set[s][i], types[i]);
	}
	begin_events(&events, labels);
	alerts = peek_by_id_begin("alert", "alert_pkey");
	title = peek_column(alerts, "title");
	for (int32 i = 0; i < p->nincidents; i++)
	{
		const PassIncident *inc = &p->incidents[i];
		Column	   *c = set[note_events(&events, p, inc) ? 1 : 0];

		column_int64(&c[0], inc->number);
		column_int64(&c[1], p->pe[inc->root].id);
		column_id(&c[2], inc->suspect);
		column_add(&c[3], BoolGetDatum(is_placed(p, inc)), false);
		column_add(&c[4], TimestampTzGetDatum(inc->last_alert_at), false);
		column_add(&c[5], TimestampTzGetDatum(inc->opened_at), false);
		column_time(&c[6], inc->ended_at, CASCADE_NEVER);
		column_add(&c[7], ObjectIdGetDatum(labels[inc->severity]), false);
		column_int64(&c[8], inc->nalerts);
		column_int64(&c[9], inc->nassets);
		column_int64(&c[10], inc->nopen);
		column_add(&c[11], BoolGetDatum(p->ce[inc->root].end == CASCADE_NEVER), false);
		column_add(&c[12], Float4GetDatum((float4) inc->confidence), false);
		column_text(&c[13], title_of(p, alerts, title, inc));
		column_text(&c[14], inc->best_name ? inc->best_name : asset_name(p, inc->best));
	}
	peek_by_id_end(alerts);
	save_events(&events);
	insert_columns("incident", names, set[0], INCIDENT_COLUMNS);
	if (set[1][0].n > 0)
		query_columns(&update, set[1], INCIDENT_COLUMNS, NULL, NULL);

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
