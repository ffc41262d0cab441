/*
 * suggest.c
 *		From stored episodes to suggested lineage: the loading, and the rows.
 *
 * Events are episodes above info on named assets, at their start. What the
 * correlator placed below another failure counts as explained; an origin and a
 * repeat on the same asset do not. Where several origins were put under a
 * suspect, the suspect is taken to have failed when the first of them did, and
 * they count as explained by it. So a silent asset can stand on either side of
 * a missing edge.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "incident/pass.h"
#include "learn/alike.h"
#include "learn/learn.h"
#include "lineage/cache.h"

PG_FUNCTION_INFO_V1(tracer_find_lineage);

/* Pairs of failures that one call looks at, about: some seconds. */
#define WORK INT64_C(30000000)

typedef struct Loader
{
	Learn		learn;
	char	  **names;			/* by asset */
	Words	   *words;
	Likeness	likeness;
	Words		previous;		/* of the edge before: an end of another */
	uint32	   *node;
	int32		maxassets;
	int32		maxevents;
	HTAB	   *by_key;			/* key id -> asset */
	HTAB	   *by_id;			/* asset id -> asset */
	int64		suspect;		/* the group of origins at hand */
	int64		incident;
	int32		suspicion;
} Loader;

typedef struct IdEntry
{
	int64		id;
	int32		asset;
} IdEntry;

static HTAB *
id_table(const char *name)
{
	HASHCTL		ctl = {.keysize = sizeof(int64), .entrysize = sizeof(IdEntry), .hcxt = CurrentMemoryContext};

	return hash_create(name, 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static int32
add_asset(Loader *d, char *name, int64 asset_id)
{
	int32		at = d->learn.nassets++;

	if (at == d->maxassets)
	{
		d->maxassets = at ? 2 * at : 1024;
		d->names = pure_realloc(d->names, sizeof(char *) * (Size) d->maxassets);
		d->node = pure_realloc(d->node, sizeof(uint32) * (Size) d->maxassets);
	}
	d->names[at] = name;
	d->node[at] = asset_id == 0 ? GRAPH_NONE : graph_find(d->learn.graph, asset_id);
	if (asset_id != 0)
		((IdEntry *) hash_search(d->by_id, &asset_id, HASH_ENTER, NULL))->asset = at;
	return at;
}

/* Keys come in order of asset: its names are numbered in byte order. */
static void
key_row(void *context, HeapTuple row, TupleDesc desc)
{
	Loader	   *d = context;
	int64		key = row_int64(row, desc, 1, 0);
	char	   *name = row_text(row, desc, 2);
	int32		last = d->learn.nassets - 1;

	if (last < 0 || strcmp(d->names[last], name) != 0)
		last = add_asset(d, name, row_int64(row, desc, 3, 0));
	else
		pfree(name);
	((IdEntry *) hash_search(d->by_key, &key, HASH_ENTER, NULL))->asset = last;
}

static void
suspect_row(void *context, HeapTuple row, TupleDesc desc)
{
	Loader	   *d = context;
	int64		id = row_int64(row, desc, 1, 0);

	if (hash_search(d->by_id, &id, HASH_FIND, NULL) == NULL)
		add_asset(d, row_text(row, desc, 2), id);
}

/* A pair that people said no to: both ends as assets, where both alert. */
static void
rejected_row(void *context, HeapTuple row, TupleDesc desc)
{
	Loader	   *d = context;
	char	   *up = row_text(row, desc, 1);
	char	   *down = row_text(row, desc, 2);
	LearnPair	pair = {LEARN_NONE, LEARN_NONE};

	for (int32 i = 0; i < d->learn.nassets; i++)
	{
		if (strcmp(d->names[i], up) == 0)
			pair.upstream = i;
		if (strcmp(d->names[i], down) == 0)
			pair.downstream = i;
	}
	if (pair.upstream == LEARN_NONE || pair.downstream == LEARN_NONE)
		return;
	if ((d->learn.nrejected & (d->learn.nrejected - 1)) == 0)
		d->learn.rejected = pure_realloc(d->learn.rejected,
										 sizeof(LearnPair) * (Size) Max(1, 2 * d->learn.nrejected));
	d->learn.rejected[d->learn.nrejected++] = pair;
}

/* One known edge, and a pair of ends of two that follow each other in any order. */
static void
edge_row(void *context, HeapTuple row, TupleDesc desc)
{
	Loader	   *d = context;
	Words		up = words_of(row_text(row, desc, 1));
	Words		down = words_of(row_text(row, desc, 2));

	d->likeness.connected[words_alike(&up, &down)]++;
	if (d->likeness.pairs++ > 0)
		d->likeness.others[words_alike(&d->previous, &down)]++;
	d->previous = up;
}

static double
alike(void *context, int32 a, int32 b)
{
	Loader	   *d = context;

	return d->likeness.log_odds[words_alike(&d->words[a], &d->words[b])];
}

static LearnEvent *
add_event(Loader *d, int32 asset, int64 at, int32 group)
{
	LearnEvent *e;

	if (d->learn.nevents == d->maxevents)
	{
		d->maxevents = d->maxevents ? 2 * d->maxevents : 1024;
		d->learn.events = pure_realloc(d->learn.events, sizeof(LearnEvent) * (Size) d->maxevents);
	}
	e = &d->learn.events[d->learn.nevents++];
	memset(e, 0, sizeof(*e));
	e->asset = asset;
	e->at = at;
	e->group = group;
	return e;
}

static void
episode_row(void *context, HeapTuple row, TupleDesc desc)
{
	Loader	   *d = context;
	int64		key = row_int64(row, desc, 1, 0);
	int64		at = row_int64(row, desc, 2, 0);
	char	   *because = row_text(row, desc, 3);
	int64		hops = row_int64(row, desc, 4, 0);
	int64		parent_at = row_int64(row, desc, 5, PG_INT64_MIN);
	int64		suspect = row_int64(row, desc, 6, 0);
	int64		incident = row_int64(row, desc, 7, 0);
	int32		group = (int32) row_int64(row, desc, 8, 0);
	IdEntry    *k = hash_search(d->by_key, &key, HASH_FIND, NULL);
	LearnEvent *e;
	int32		at_event;

	if (k == NULL)				/* came since the keys were read */
		return;
	at_event = d->learn.nevents;
	e = add_event(d, k->asset, at, group);
	e->explained = because[0] != BECAUSE_ORIGIN && because[0] != BECAUSE_SAME &&
		because[0] != BECAUSE_SUSPECT;
	e->adjacent = because[0] == BECAUSE_NEAR && hops == 1 && parent_at != PG_INT64_MIN;
	e->lag = e->adjacent ? at - parent_at : 0;
	if (because[0] == BECAUSE_SUSPECT && (suspect != d->suspect || incident != d->incident))
	{
		IdEntry    *s = hash_search(d->by_id, &suspect, HASH_FIND, NULL);

		if (s != NULL)
			add_event(d, s->asset, at, group)->suspicion = d->suspicion + 1;
		d->suspicion++;
		d->suspect = suspect;
		d->incident = incident;
		e = &d->learn.events[at_event];
	}
	if (because[0] == BECAUSE_SUSPECT)
		e->suspicion = d->suspicion;
	pfree(because);
}

static void
load(Loader *d, Datum since, Datum until, Datum within, bool grouped)
{
	static Statement keys = {
		"SELECT k.key_id, k.asset, s.asset_id "
		"  FROM tracer.alert_key k LEFT JOIN tracer.asset s ON s.name = k.asset "
		" WHERE k.asset IS NOT NULL ORDER BY k.asset COLLATE \"C\", k.key_id"
	};
	static Statement suspects = {
		"SELECT s.asset_id, s.name FROM tracer.asset s "
		" WHERE s.asset_id IN (SELECT e.suspect_id FROM tracer.episode e) ORDER BY s.name COLLATE \"C\""
	};
	static Statement episodes = {
		"SELECT e.key_id, e.started_at, e.because::text, e.hops, p.started_at, e.suspect_id, e.incident_id, 0 "
		"  FROM tracer.episode e LEFT JOIN tracer.episode p ON p.episode_id = e.parent_id "
		" WHERE e.severity > 'info' AND e.started_at >= $1 AND e.started_at < $2 "
		" ORDER BY e.suspect_id, e.incident_id, e.started_at"
	};
	static Statement in_groups = {
		"SELECT x.key_id, x.started_at, x.because::text, x.hops, x.parent_at, x.suspect_id, x.incident_id, "
		"       dense_rank() OVER (ORDER BY x.label) "
		"  FROM (SELECT e.*, p.started_at AS parent_at, a.labels ->> $3 AS label "
		"          FROM tracer.episode e LEFT JOIN tracer.episode p ON p.episode_id = e.parent_id "
		"          JOIN tracer.alert a ON a.alert_id = e.first_alert_id "
		"         WHERE e.severity > 'info' AND e.started_at >= $1 AND e.started_at < $2) x "
		" WHERE x.label IS NOT NULL "
		" ORDER BY x.suspect_id, x.incident_id, x.started_at"
	};
	static Statement edges = {
		"SELECT u.name, d.name "
		"  FROM (SELECT l.upstream, l.downstream FROM tracer.lineage l "
		"         ORDER BY hashint8extended(l.downstream, l.upstream), l.upstream, l.downstream LIMIT 5000) l "
		"  JOIN tracer.asset u ON u.asset_id = l.upstream "
		"  JOIN tracer.asset d ON d.asset_id = l.downstream "
		" ORDER BY hashint8extended(l.downstream, l.upstream), u.asset_id, d.asset_id"
	};
	/* old failures may still go by the name of then */
	static Statement rejected = {
		"SELECT l.upstream, l.downstream FROM tracer.learned_lineage l "
		" UNION "
		"SELECT tracer.canonical(l.upstream), tracer.canonical(l.downstream) FROM tracer.learned_lineage l"
	};
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID};
	Datum		values[] = {since, until, within};

	query_each(&keys, 0, NULL, NULL, NULL, key_row, d);
	query_each(&suspects, 0, NULL, NULL, NULL, suspect_row, d);
	query_each(&rejected, 0, NULL, NULL, NULL, rejected_row, d);
	query_each(&edges, 0, NULL, NULL, NULL, edge_row, d);
	query_each(grouped ? &in_groups : &episodes, grouped ? 3 : 2, types, values, "   ", episode_row, d);
}

static Datum
span(int64 us)
{
	Interval   *i = palloc0(sizeof(Interval));

	i->time = us;
	return IntervalPGetDatum(i);
}

Datum
tracer_find_lineage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	Pass	   *settings;
	Loader	   *d;

	InitMaterializedSRF(fcinfo, 0);
	query_begin();
	caller = CurrentMemoryContext;
	settings = begin_pass((Datum) 0);	/* what follows is in its memory context */

	d = palloc0(sizeof(Loader));
	d->learn.graph = lineage_graph();
	d->by_key = id_table("tracer learn keys");
	d->by_id = id_table("tracer learn assets");
	load(d, PG_ARGISNULL(0) ? TimestampTzGetDatum(DT_NOBEGIN) : PG_GETARG_DATUM(0),
		 PG_ARGISNULL(1) ? TimestampTzGetDatum(DT_NOEND) : PG_GETARG_DATUM(1),
		 PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2), !PG_ARGISNULL(2));
	likeness_finish(&d->likeness);
	d->words = pure_array(Words, d->learn.nassets);
	for (int32 i = 0; i < d->learn.nassets; i++)
		d->words[i] = words_of(d->names[i]);
	d->learn.alike = alike;
	d->learn.context = d;
	d->learn.asset_node = d->node;
	d->learn.rules.horizon = settings->rules.horizon;
	d->learn.rules.detection_lag = settings->rules.detection_lag;
	d->learn.rules.missing = 0.5;
	d->learn.rules.work = WORK;
	learn_edges(&d->learn);

	for (int32 i = 0; i < d->learn.nedges; i++)
	{
		const LearnEdge *e = &d->learn.edges[i];
		bool		nulls[12] = {false};
		Datum		values[12] = {
			CStringGetTextDatum(d->names[e->upstream]),
			CStringGetTextDatum(d->names[e->downstream]),
			Int64GetDatum(e->support),
			Float8GetDatum(e->confidence),
			span(e->lag), span(e->lag_least), span(e->lag_most),
			Int64GetDatum(e->unexplained),
			Int64GetDatum(e->failures),
			Float8GetDatum(e->chance),
			e->rival == LEARN_NONE ? (Datum) 0 : CStringGetTextDatum(d->names[e->rival]),
			Float8GetDatum(e->rival_confidence)
		};

		nulls[10] = nulls[11] = e->rival == LEARN_NONE;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(caller);
	SPI_finish();
	return (Datum) 0;
}
