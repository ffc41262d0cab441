/*
 * news.c
 *		What else has changed since the last pass, besides alerts: names, edges,
 *		settings, changes; and what that makes dirty.
 *
 * Alerts and everything here carry the id of the transaction that wrote them. A
 * pass remembers the snapshot under which it looked; what that snapshot does not
 * show is news to the next one, in whatever order transactions commit.
 *
 *	  names		an alias or asset that came or went moves alerts to other keys
 *	  edges		episodes on and below a changed edge, while they are young
 *	  settings	all that is young (correlate.c sees to that)
 *	  changes	origins near them are searched for suspects, and ranked, again
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "incident/pass.h"
#include "table/peek.h"

#define FEW 100					/* alerts that make a small pass */

/*
 * Rows that a dump brought from another cluster carry its transaction ids.
 * Those ahead of ours would look new in every pass to come; those before, in
 * none: this pass looks at everything. Where there are no such rows, nothing is
 * written and no transaction id is used: until its first alert came, every look
 * around of an idle worker begins with this.
 */
void
adopt_foreign_rows(void)
{
	static Statement st[] = {
		{"UPDATE tracer.alert SET xid = pg_current_xact_id() WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())"},
		{"UPDATE tracer.change SET xid = pg_current_xact_id() WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())"},
		{"UPDATE tracer.identity_log SET xid = pg_current_xact_id() WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())"},
		{"DELETE FROM tracer.foreign_row"},
	};

	for (int i = 0; i < lengthof(st); i++)
		query(&st[i], 0, NULL, NULL, NULL);
}

/*
 * The snapshot up to which a pass takes everything, as text: the active one. A
 * transaction's own snapshot does not list the transaction itself as running, but
 * it may insert more after the pass: so it is added, or what follows would be
 * taken for seen.
 */
static char *
seen_now(void)
{
	static Statement with_own = {
		"SELECT concat(pg_snapshot_xmin(s), ':', pg_snapshot_xmax(s), ':', "
		"              (SELECT string_agg(x::text, ',' ORDER BY x) "
		"                 FROM (SELECT pg_snapshot_xip(s) UNION SELECT pg_current_xact_id()) r(x))) "
		"  FROM pg_current_snapshot() s"
	};
	Datum		now = OidFunctionCall0(F_PG_CURRENT_SNAPSHOT);
	FullTransactionId own = GetTopFullTransactionIdIfAny();
	FullTransactionId end = DatumGetFullTransactionId(OidFunctionCall1(F_PG_SNAPSHOT_XMAX, now));
	char	   *text;

	if (!FullTransactionIdIsValid(own) || FullTransactionIdFollowsOrEquals(own, end))
		return OidOutputFunctionCall(F_PG_SNAPSHOT_OUT, now);
	query(&with_own, 0, NULL, NULL, NULL);
	text = row_text(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	SPI_freetuptable(SPI_tuptable);
	return text;
}

/* Is there anything to do? */
News
look_for_news(Pass *p, char **seen)
{
	static Statement all_lineage = {
		"SELECT EXISTS (SELECT 1 FROM tracer.lineage_log WHERE xid >= pg_snapshot_xmin($1::pg_snapshot) "
		"                  AND NOT pg_visible_in_snapshot(xid, $1::pg_snapshot) AND upstream IS NULL)"
	};
	News		news = {.alerts = true};

	/* before the snapshot of all that is looked at: none of it may be left out */
	peek_begin();
	*seen = seen_now();
	peek_end();
	peek_begin();
	if (p->first)
		/* no snapshot to compare with: everything may be news */
		news.names = news.lineage = news.lineage_all = news.changes = p->pass_number > 0;
	else
	{
		Datum		before = OidInputFunctionCall(F_PG_SNAPSHOT_IN, p->seen, PG_SNAPSHOTOID, -1);

		news.names = peek_unseen("identity_log", "identity_log_xid", before);
		news.lineage = peek_unseen("lineage_log", "lineage_log_xid", before);
		news.changes = peek_unseen("change", "change_xid", before);
		news.few_alerts = peek_recent("alert", "alert_xid", before, FEW) < FEW;
		news.few = news.few_alerts && !news.names && !news.lineage && !news.changes;
	}
	peek_end();
	if (news.lineage && !p->first)
	{
		Oid			types[] = {TEXTOID};
		Datum		values[] = {CStringGetTextDatum(p->seen)};

		query(&all_lineage, 1, types, values, " ");
		news.lineage_all = row_bool(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		SPI_freetuptable(SPI_tuptable);
	}
	return news;
}

/* From when on edited lineage, names and settings place alerts anew. */
int64
young_from(const Pass *p)
{
	return p->watermark == PG_INT64_MIN ? PG_INT64_MIN
		: cascade_sub(p->watermark, p->rules.max_incident_age);
}


static void
unplaced_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	Pass	   *p = context;

	take_out(p, row_int64(tuple, desc, 1, 0), row_int64(tuple, desc, 2, 0));
	affect_incident(p, row_int64(tuple, desc, 2, 0));
	column_int64(&p->moved_keys, row_int64(tuple, desc, 3, 0));
}

static void
moved_key_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	column_int64(&((Pass *) context)->renamed_keys, row_int64(tuple, desc, 1, 0));
}

/*
 * Names changed their meaning: keys whose asset came or went point to it, and
 * young alerts whose canonical asset is another now are taken out, to be taken
 * anew.
 */
void
reidentify(Pass *p)
{
	static Statement keys = {
		"UPDATE tracer.alert_key k SET asset_id = x.asset_id "
		"  FROM (SELECT k.key_id, s.asset_id FROM tracer.alert_key k "
		"          LEFT JOIN tracer.asset s ON s.name = k.asset "
		"         WHERE k.asset_id IS DISTINCT FROM s.asset_id) x "
		" WHERE x.key_id = k.key_id RETURNING k.key_id"
	};
	static Statement alerts = {
		"WITH young AS MATERIALIZED ("
		"  SELECT l.alert_id, a.asset AS called, k.asset AS known "
		"    FROM tracer.placement l JOIN tracer.alert a ON a.alert_id = l.alert_id "
		"    JOIN tracer.alert_key k ON k.key_id = l.key_id "
		"   WHERE l.fired_at >= $1 AND a.asset <> ''), "
		"moved AS MATERIALIZED ("
		"  SELECT y.alert_id FROM young y "
		"    JOIN tracer.resolve_names((SELECT array_agg(DISTINCT called) FROM young)) n ON n.called = y.called "
		"   WHERE n.name IS DISTINCT FROM y.known) "
		"DELETE FROM tracer.placement l USING moved m WHERE m.alert_id = l.alert_id "
		" RETURNING l.alert_id, (SELECT e.incident_id FROM tracer.episode e "
		"                         WHERE e.episode_id = l.episode_id), l.key_id"
	};
	Oid			types[] = {TIMESTAMPTZOID};
	int64		young = young_from(p);
	Datum		values[] = {TimestampTzGetDatum(young == PG_INT64_MIN ? DT_NOBEGIN : young)};

	query(&keys, 0, NULL, NULL, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
		moved_key_row(p, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
	query(&alerts, 1, types, values, " ");
	for (uint64 i = 0; i < SPI_processed; i++)
		unplaced_row(p, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
}

static void
mark_node(Pass *p, uint8 *touched, uint32 *queue, uint32 *n, uint32 node)
{
	if (node != GRAPH_NONE && !touched[node])
	{
		touched[node] = 1;
		queue[(*n)++] = node;
	}
}

/*
 * Lineage changed: young episodes on and below the changed edges are decided
 * again, and so are those of runners above them, whose closure may differ.
 */
void
dirty_by_lineage(Pass *p, const News *news)
{
	static Statement st = {
		"SELECT DISTINCT upstream, downstream FROM tracer.lineage_log "
		" WHERE xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $1::pg_snapshot)"
	};
	uint32		nnodes = graph_nodes(p->graph);
	uint8	   *touched = pure_array0(uint8, nnodes);
	uint32	   *queue = pure_array(uint32, nnodes);
	uint32		n = 0;
	int64		young = young_from(p);
	bool		all = news->lineage_all || p->first;

	if (!all)
	{
		Oid			types[] = {TEXTOID};
		Datum		values[] = {CStringGetTextDatum(p->seen)};
		uint32		up;

		query(&st, 1, types, values, " ");
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			mark_node(p, touched, queue, &n,
					  graph_find(p->graph, row_int64(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, 0)));
			mark_node(p, touched, queue, &n,
					  graph_find(p->graph, row_int64(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, 0)));
		}
		SPI_freetuptable(SPI_tuptable);
		up = n;
		for (uint32 at = 0; at < up && graph_has_runs(p->graph); at++)
		{
			GraphSpan	s = graph_up(p->graph, queue[at]);

			for (uint32 i = 0; i < s.n; i++)
				if (s.word[i] & GRAPH_RUNS)
					mark_node(p, touched, queue, &n, GRAPH_NODE(s.word[i]));
			up = n;
		}
		for (uint32 at = 0; at < n; at++)
		{
			GraphSpan	s = graph_down(p->graph, queue[at]);

			for (uint32 i = 0; i < s.n; i++)
				mark_node(p, touched, queue, &n, GRAPH_NODE(s.word[i]));
		}
	}
	for (int32 i = 0; i < p->nepisodes; i++)
	{
		uint32		node = p->place_node[p->ce[i].place];

		if (p->ce[i].start >= young &&
			(all || (node != GRAPH_NONE && touched[node])))
			p->ce[i].dirty = true;
	}
	/* an asset that lost its last edge is no node any more */
	for (int32 i = 0; i < p->nepisodes; i++)
		if (p->place_node[p->ce[i].place] == GRAPH_NONE && p->ce[i].start >= young &&
			p->keys[p->pe[i].key].asset_id != 0)
			p->ce[i].dirty = true;
	pure_free(touched);
	pure_free(queue);
}

void
dirty_keys(Pass *p, const Column *keys)
{
	int64		young = young_from(p);
	HASHCTL		ctl = {.keysize = sizeof(int64), .entrysize = sizeof(int64), .hcxt = p->context};
	HTAB	   *ids;

	if (keys->n == 0)
		return;
	ids = hash_create("tracer renamed keys", keys->n, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int k = 0; k < keys->n; k++)
		hash_search(ids, &keys->values[k], HASH_ENTER, NULL);
	for (int32 i = 0; i < p->nepisodes; i++)
		if (p->ce[i].start >= young &&
			hash_search(ids, &p->keys[p->pe[i].key].id, HASH_FIND, NULL) != NULL)
			p->ce[i].dirty = true;
}

/*
 * Logs of names are of no use once a pass has seen them; of the log of edges the
 * latest rows stay, from which other backends patch the graphs that they keep.
 */
void
trim_logs(const char *seen)
{
	static Statement names = {
		"DELETE FROM tracer.identity_log WHERE xid < pg_snapshot_xmin($1::pg_snapshot)"
	};
	static Statement lineage = {
		"SELECT tracer.trim_lineage_log(least(l.xid, pg_snapshot_xmin($1::pg_snapshot))) "
		"  FROM (SELECT xid FROM tracer.lineage_log ORDER BY log_id DESC OFFSET 10000 LIMIT 1) l"
	};
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(seen)};

	query(&names, 1, types, values, " ");
	query(&lineage, 1, types, values, " ");
}

/* An incident near a new change may have another cause now. */
void
affect_by_changes(Pass *p)
{
	static Statement st = {
		"SELECT min(coalesce(changed_at, received_at)), max(coalesce(changed_at, received_at)) "
		"  FROM tracer.change WHERE xid >= pg_snapshot_xmin($1::pg_snapshot) "
		"   AND NOT pg_visible_in_snapshot(xid, $1::pg_snapshot)"
	};
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(p->seen)};
	int64		first = PG_INT64_MIN,
				latest = PG_INT64_MAX;

	if (!p->first)
	{
		query(&st, 1, types, values, " ");
		first = row_int64(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, PG_INT64_MAX);
		latest = row_int64(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, PG_INT64_MIN);
		SPI_freetuptable(SPI_tuptable);
	}
	p->change_first = cascade_sub(first, p->rules.detection_lag);
	p->change_latest = cascade_add(latest, p->rules.change_lookback);
}
