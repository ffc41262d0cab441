/*
 * take.c
 *		New alerts, and the keys that they belong to.
 *
 * An alert is new if its transaction was not visible in the snapshot up to
 * which the last pass took everything, and if it has no placement: the first
 * finds candidates in commit order whatever the order of ids, without waiting
 * for a transaction left open; the second makes taking idempotent, for passes
 * that took only a part and for rows whose transaction ids come from elsewhere.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "incident/correlate.h"
#include "incident/pass.h"

#define ALERT_COLUMNS \
	"SELECT a.alert_id, coalesce(a.fired_at, a.received_at), " \
	"       a.status IS DISTINCT FROM 'resolved', " \
	"       CASE coalesce(a.severity, 'error') WHEN 'info' THEN 0 WHEN 'warning' THEN 1 " \
	"            WHEN 'error' THEN 2 ELSE 3 END, " \
	"       CASE WHEN a.source = 'tracer' AND a.status = 'resolved' " \
	"            THEN coalesce(a.labels->>'source', a.source) ELSE coalesce(a.source, 'sql') END, " \
	"       coalesce(a.dedup_key, coalesce(s0.name, al.asset, nullif(a.asset, ''), '') || ':' || " \
	"                translate(a.title, '0123456789', '')), " \
	"       coalesce(s0.name, al.asset, nullif(a.asset, '')), " \
	"       coalesce(s0.asset_id, s1.asset_id, 0), a.run_id, " \
	"       s0.name IS NULL AND al.alias IS NULL AND a.asset <> '', a.dedup_key IS NULL "

#define ALERT_SOURCES \
	"  LEFT JOIN tracer.asset s0 ON s0.name = a.asset " \
	"  LEFT JOIN tracer.asset_alias al ON al.alias = a.asset AND s0.name IS NULL " \
	"  LEFT JOIN tracer.asset s1 ON s1.name = al.asset "

/*
 * An alert whose name is neither an asset nor an alias: what rules and spelling
 * make of it is asked for all such names of a query at once, since going through
 * them for each alert takes longer than all the rest of taking it.
 */
typedef struct Unread
{
	int32		alert;
	bool		keyed_by_name;	/* dedup begins with asset */
	char	   *source;
	char	   *dedup;
	char	   *asset;			/* as the tool calls it */
} Unread;

typedef struct Meaning
{
	const char *called;
	char	   *name;
	int64		asset_id;
} Meaning;

typedef struct Take
{
	Pass	   *p;
	Unread	   *unread;
	Size		nunread;
	Size		maxunread;
	Meaning    *meanings;		/* sorted by called, each once */
	Size		nmeanings;
} Take;

static PassAlert *
add_alert(Pass *p)
{
	PassAlert  *a;

	if (p->nalerts == p->maxalerts)
	{
		p->maxalerts = p->maxalerts ? 2 * p->maxalerts : 1024;
		p->alerts = pure_realloc(p->alerts, sizeof(PassAlert) * (Size) p->maxalerts);
	}
	a = &p->alerts[p->nalerts++];
	memset(a, 0, sizeof(PassAlert));
	a->episode = CASCADE_NONE;
	return a;
}

static void
attach_event(Pass *p, int32 at)
{
	PassAlert  *a = &p->alerts[at];
	PassKey    *k = &p->keys[a->key];

	a->next_of_key = k->first_event;
	k->first_event = at;
	k->resolves |= !a->firing;
	if (a->is_new)
	{
		k->touched = true;
		k->oldest = Min(k->oldest, a->at);
	}
	k->newest = Max(k->newest, a->at);
}

static void
take_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Take	   *t = context;
	Pass	   *p = t->p;
	PassAlert  *a = add_alert(p);
	char	   *source = row_text(tuple, desc, 5),
			   *dedup = row_text(tuple, desc, 6),
			   *asset = row_text(tuple, desc, 7),
			   *run = row_text(tuple, desc, 9);

	a->id = row_int64(tuple, desc, 1, 0);
	a->at = row_int64(tuple, desc, 2, 0);
	a->firing = row_bool(tuple, desc, 3);
	a->severity = (int8) DatumGetInt32(SPI_getbinval(tuple, desc, 4, &(bool) {false}));
	a->run = pass_run(p, run);
	a->is_new = true;
	if (run)
		pfree(run);
	if (row_bool(tuple, desc, 10))
	{
		if (t->nunread == t->maxunread)
		{
			t->maxunread = t->maxunread ? 2 * t->maxunread : 256;
			t->unread = pure_realloc(t->unread, sizeof(Unread) * t->maxunread);
		}
		t->unread[t->nunread++] = (Unread) {
			p->nalerts - 1, row_bool(tuple, desc, 11), source, dedup, asset
		};
		return;
	}
	a->key = pass_key(p, source, dedup, asset, row_int64(tuple, desc, 8, 0));
	attach_event(p, p->nalerts - 1);

	pfree(source);
	pfree(dedup);
	if (asset)
		pfree(asset);
}

static int
compare_meanings(const void *a, const void *b)
{
	return strcmp(((const Meaning *) a)->called, ((const Meaning *) b)->called);
}

static Meaning *
meaning_of(Take *t, const char *called)
{
	return bsearch(&(Meaning) {called}, t->meanings, t->nmeanings, sizeof(Meaning), compare_meanings);
}

static void
meaning_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	char	   *called = row_text(tuple, desc, 1);
	Meaning    *m = meaning_of(context, called);

	m->name = row_text(tuple, desc, 2);
	m->asset_id = row_int64(tuple, desc, 3, 0);
	pfree(called);
}

/* Gives the alerts that wait for the meaning of their name their keys. */
static void
read_names(Take *t)
{
	static Statement st = {
		"SELECT d.called, d.name, s.asset_id FROM tracer.derived_names($1) d "
		"  LEFT JOIN tracer.asset s ON s.name = d.name "
		" WHERE d.name IS NOT NULL"
	};
	Column		names;
	Size		n = 0;

	if (t->nunread == 0)
		return;
	t->meanings = pure_array0(Meaning, t->nunread);
	for (Size i = 0; i < t->nunread; i++)
		t->meanings[i].called = t->unread[i].asset;
	qsort(t->meanings, t->nunread, sizeof(Meaning), compare_meanings);
	column_init(&names, TEXTOID);
	for (Size i = 0; i < t->nunread; i++)
		if (n == 0 || strcmp(t->meanings[n - 1].called, t->meanings[i].called) != 0)
		{
			t->meanings[n++] = t->meanings[i];
			column_text(&names, t->meanings[i].called);
		}
	t->nmeanings = n;
	query_columns(&st, &names, 1, meaning_row, t);

	for (Size i = 0; i < t->nunread; i++)
	{
		Unread	   *u = &t->unread[i];
		Meaning    *m = meaning_of(t, u->asset);
		const char *asset = m->name ? m->name : u->asset;
		char	   *dedup = u->keyed_by_name ? psprintf("%s%s", asset, u->dedup + strlen(u->asset)) : u->dedup;

		t->p->alerts[u->alert].key = pass_key(t->p, u->source, dedup, asset, m->asset_id);
		attach_event(t->p, u->alert);
		if (dedup != u->dedup)
			pfree(dedup);
	}
	for (Size i = 0; i < t->nunread; i++)
	{
		pfree(t->unread[i].source);
		pfree(t->unread[i].dedup);
		pfree(t->unread[i].asset);
	}
	for (Size i = 0; i < n; i++)
		if (t->meanings[i].name)
			pfree(t->meanings[i].name);
	pure_free(t->unread);
	pure_free(t->meanings);
	*t = (Take) {t->p};
}

/* Stored keys by name; also those a resolve without asset reaches, and back. */
static void
lookup_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Pass	   *p = context;
	int32		asked = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &(bool) {false}));
	char	   *asset = row_text(tuple, desc, 3);
	int32		i = pass_key(p, p->keys[asked].source, p->keys[asked].dedup, asset,
							 row_int64(tuple, desc, 4, 0));
	PassKey    *k = &p->keys[i];

	k->id = row_int64(tuple, desc, 2, 0);
	k->last_event = row_int64(tuple, desc, 5, PG_INT64_MIN);
}

static void
look_up_keys(Pass *p)
{
	static Statement st = {
		"SELECT u.i, k.key_id, k.asset, k.asset_id, k.last_event_at "
		"  FROM unnest($1, $2, $3, $4) u(i, dedup_key, source, asset) "
		"  JOIN tracer.alert_key k ON hashtextextended(k.dedup_key, 0) = hashtextextended(u.dedup_key, 0) "
		"   AND hashtextextended(k.source, 0) = hashtextextended(u.source, 0) "
		"   AND k.dedup_key = u.dedup_key AND k.source = u.source "
		"   AND (k.asset = u.asset OR k.asset IS NULL OR u.asset IS NULL)"
	};
	Column		c[4];

	column_init(&c[0], INT4OID);
	column_init(&c[1], TEXTOID);
	column_init(&c[2], TEXTOID);
	column_init(&c[3], TEXTOID);
	for (int32 i = 0; i < p->nkeys; i++)
	{
		PassKey    *k = &p->keys[i];

		if (!k->touched)
			continue;
		column_add(&c[0], Int32GetDatum(i), false);
		column_text(&c[1], k->dedup);
		column_text(&c[2], k->source);
		column_text(&c[3], k->asset);
	}
	if (c[0].n > 0)
		query_columns(&st, c, 4, lookup_row, p);
}

/* Alerts of keys that are folded again, or whose resolves reach others. */
static void
history_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Pass	   *p = context;
	PassAlert  *a = add_alert(p);
	char	   *run = row_text(tuple, desc, 7);

	a->key = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &(bool) {false}));
	a->id = row_int64(tuple, desc, 2, 0);
	a->at = row_int64(tuple, desc, 3, 0);
	a->firing = row_bool(tuple, desc, 4);
	a->old_episode = row_int64(tuple, desc, 5, 0);
	a->severity = (int8) DatumGetInt32(SPI_getbinval(tuple, desc, 6, &(bool) {false}));
	a->run = pass_run(p, run);
	attach_event(p, p->nalerts - 1);
	if (run)
		pfree(run);
}

static void
load_history(Pass *p, Column *c)
{
	static Statement st = {
		"SELECT u.i, p.alert_id, p.fired_at, p.firing, p.episode_id, "
		"       CASE coalesce(a.severity, 'error') WHEN 'info' THEN 0 WHEN 'warning' THEN 1 "
		"            WHEN 'error' THEN 2 ELSE 3 END, a.run_id "
		"  FROM unnest($1, $2) u(i, key_id) "
		"  JOIN tracer.placement p ON p.key_id = u.key_id "
		"  JOIN tracer.alert a ON a.alert_id = p.alert_id"
	};

	if (c[0].n > 0)
		query_columns(&st, c, 2, history_row, p);
}

/*
 * Finds what is stored of the touched keys, and decides which are folded again.
 */
static void
resolve_keys(Pass *p)
{
	Column		history[2];
	int32		nkeys;
	bool	   *loaded;

	if (!p->dry)
		look_up_keys(p);
	nkeys = p->nkeys;
	loaded = palloc0(nkeys + 1);
	for (int32 i = 0; i < nkeys; i++)
	{
		PassKey    *k = &p->keys[i];

		if (k->asset != NULL)
			k->wildcard = pass_find_key(p, k->source, k->dedup, NULL);
		if (k->wildcard >= 0 && p->keys[k->wildcard].touched && p->keys[k->wildcard].resolves)
			k->touched = true;
		if (k->touched && (k->wildcard >= 0 || k->oldest <= k->last_event))
			k->refold = true;
	}
	if (p->dry)
		return;

	column_init(&history[0], INT4OID);
	column_init(&history[1], INT8OID);
	for (int32 i = 0; i < nkeys; i++)
	{
		PassKey    *k = &p->keys[i];
		int32		want[2] = {k->refold ? i : -1,
		k->touched && k->wildcard >= 0 ? k->wildcard : -1};

		for (int j = 0; j < 2; j++)
			if (want[j] >= 0 && p->keys[want[j]].id != 0 && !loaded[want[j]])
			{
				loaded[want[j]] = true;
				column_add(&history[0], Int32GetDatum(want[j]), false);
				column_int64(&history[1], p->keys[want[j]].id);
			}
	}
	load_history(p, history);
	load_key_episodes(p);
	pfree(loaded);
}

/* An alert to be taken whatever the snapshot says of it, and where it was. */
void
take_out(Pass *p, int64 alert, int64 incident)
{
	column_int64(&p->unplaced, alert);
	column_int64(&p->unplaced_incidents, incident);
}

/* Alerts that are named, such as those taken out because names moved. */
static void
take_unplaced(Pass *p)
{
	static Statement st = {
		ALERT_COLUMNS
		"  FROM tracer.alert a "
		ALERT_SOURCES
		" WHERE a.alert_id = ANY ($1)"
	};
	Take		t = {p};
	Column		ids;

	/* those that the snapshot shows as new have been taken already */
	column_init(&ids, INT8OID);
	for (int i = 0; i < p->unplaced.n; i++)
		if (pass_find_alert(p, DatumGetInt64(p->unplaced.values[i])) < 0)
			column_int64(&ids, DatumGetInt64(p->unplaced.values[i]));
	if (ids.n > 0)
		query_columns(&st, &ids, 1, take_row, &t);
	read_names(&t);
}

/* What no pass has placed, by commit or, where no snapshot is known, at all. */
#define NOT_PLACED \
	"NOT EXISTS (SELECT 1 FROM tracer.placement p WHERE p.alert_id = a.alert_id) " \
	"AND NOT EXISTS (SELECT 1 FROM tracer.set_aside q WHERE q.alert_id = a.alert_id) "
#define NEW_FROM_SEEN \
	"  FROM tracer.alert a " \
	" WHERE a.xid >= pg_snapshot_xmin($1::pg_snapshot) " \
	"   AND NOT pg_visible_in_snapshot(a.xid, $1::pg_snapshot) AND " NOT_PLACED \
	" ORDER BY a.xid LIMIT $2"
#define NEW_FROM_START \
	"  FROM tracer.alert a WHERE $1::text IS NULL AND " NOT_PLACED " LIMIT $2"

static int64 culprit;

int64
correlate_culprit(void)
{
	return culprit;
}

static void
id_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Pass	   *p = context;

	culprit = row_int64(tuple, desc, 1, 0);
	take_out(p, culprit, 0);
}

/*
 * Takes new alerts, at most max_alerts; returns how many. One that is taken alone
 * is named before it is read, so that it is known should reading it fail.
 */
int64
take_alerts(Pass *p, int64 max_alerts)
{
	static Statement from_seen = {ALERT_COLUMNS "  FROM (SELECT * " NEW_FROM_SEEN ") a " ALERT_SOURCES};
	static Statement from_start = {ALERT_COLUMNS "  FROM (SELECT * " NEW_FROM_START ") a " ALERT_SOURCES};
	static Statement one_from_seen = {"SELECT alert_id " NEW_FROM_SEEN};
	static Statement one_from_start = {"SELECT alert_id " NEW_FROM_START};
	Oid			types[] = {TEXTOID, INT8OID};
	Datum		values[] = {p->first ? (Datum) 0 : CStringGetTextDatum(p->seen), Int64GetDatum(max_alerts)};
	const char *nulls = p->first ? "n " : "  ";
	Take		t = {p};
	int64		taken;

	culprit = 0;
	if (max_alerts == 1)
		query_each_by_key(p->first ? &one_from_start : &one_from_seen, 2, types, values, nulls, id_row, p);
	else if (p->first)
		query_each(&from_start, 2, types, values, nulls, take_row, &t);
	else
		/* a storm, too, is the end of a long table; left to itself the planner reads all of it */
		query_each_by_key(&from_seen, 2, types, values, nulls, take_row, &t);
	read_names(&t);
	if (p->unplaced.n > 0)
		take_unplaced(p);
	taken = p->nalerts;
	if (taken != 1)
		culprit = 0;
	resolve_keys(p);
	return taken;
}

/* Backtest: every alert fired in a span, from scratch. */
void
take_history(Pass *p, int64 since, int64 until)
{
	static Statement st = {
		ALERT_COLUMNS
		"  FROM tracer.alert a "
		ALERT_SOURCES
		" WHERE coalesce(a.fired_at, a.received_at) >= $1 "
		"   AND coalesce(a.fired_at, a.received_at) < $2"
	};
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(since), TimestampTzGetDatum(until)};
	Take		t = {p};

	query_each(&st, 2, types, values, "  ", take_row, &t);
	read_names(&t);
	resolve_keys(p);
}

static void
touch_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Pass	   *p = context;
	char	   *source = row_text(tuple, desc, 2),
			   *dedup = row_text(tuple, desc, 3),
			   *asset = row_text(tuple, desc, 4);
	int32		i = pass_key(p, source, dedup, asset, row_int64(tuple, desc, 5, 0));
	PassKey    *k = &p->keys[i];

	k->id = row_int64(tuple, desc, 1, 0);
	k->last_event = row_int64(tuple, desc, 6, PG_INT64_MIN);
	k->touched = true;
	k->oldest = PG_INT64_MIN;
}

/* Other settings may fold differently: touches every key that is still young. */
void
touch_keys_since(Pass *p, int64 from)
{
	static Statement st = {
		"SELECT key_id, source, dedup_key, asset, asset_id, last_event_at "
		"  FROM tracer.alert_key WHERE last_event_at >= $1"
	};
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(from)};

	query_each(&st, 1, types, values, " ", touch_row, p);
}

/* The keys that lost alerts to another: folded again from what is left. */
void
touch_keys(Pass *p, const Column *key_ids)
{
	static Statement st = {
		"SELECT key_id, source, dedup_key, asset, asset_id, last_event_at "
		"  FROM tracer.alert_key WHERE key_id = ANY ($1)"
	};
	Column		ids = *key_ids;

	if (ids.n > 0)
		query_columns(&st, &ids, 1, touch_row, p);
}
