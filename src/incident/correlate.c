/*
 * correlate.c
 *		One pass of the correlator, from lock to last write.
 *
 * tracer.correlate() places what is new; tracer.regroup() does that and applies
 * people's decisions to some incidents anew; tracer.backtest() runs the same
 * steps from scratch and writes nothing.
 *
 * A pass is one transaction's work under a lock, so that a crash at
 * any point leaves what was there before, and two passes never see half of each
 * other. The lock belongs to the transaction: the next pass starts when this
 * one's result is committed.
 *
 * The result is a function of alerts, changes, names, lineage, settings and
 * decisions (docs/correlation.md). A pass computes the part of it that what is
 * new can have changed. It keeps to that by one rule: whatever has changed is
 * made dirty, or leaves a ghost, before the cascade is decided; cascade.c knows
 * what depends on it, and news.c what other than alerts can have changed.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "incident/correlate.h"
#include "incident/pass.h"
#include "lineage/cache.h"

PG_FUNCTION_INFO_V1(tracer_correlate);
PG_FUNCTION_INFO_V1(tracer_regroup);
PG_FUNCTION_INFO_V1(tracer_hold_correlation);

static void
forbid_old_snapshots(const char *function)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s cannot run in a REPEATABLE READ or SERIALIZABLE transaction", function),
				 errdetail("It must see what the pass before it committed."),
				 errhint("Run it in a READ COMMITTED transaction.")));
}

static bool passing;

/* Is it a pass of this process that writes? */
bool
correlate_is_passing(void)
{
	return passing;
}

/*
 * Takes the correlator's lock until the end of the transaction. An advisory lock
 * of a class (field 4) that pg_advisory_lock() cannot name, so that no user can
 * hold up correlation with it.
 */
static bool
take_lock(bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, get_extension_oid("tracer", false), 0, 3);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

void
correlate_hold(void)
{
	take_lock(true);
}

/* An empty working set under the settings in force, with others laid over them. */
Pass *
begin_pass(Datum overrides)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "tracer pass",
												  ALLOCSET_DEFAULT_SIZES);
	Pass	   *p;

	MemoryContextSwitchTo(context);
	p = palloc0(sizeof(Pass));
	p->context = context;
	p->loaded_from = PG_INT64_MAX;
	p->changes_from = PG_INT64_MAX;
	p->changes_to = PG_INT64_MIN;
	column_init(&p->gone, INT8OID);
	pass_create_indexes(p);
	load_settings(p, overrides);
	return p;
}

/* ---- the pass ------------------------------------------------------------------------ */

/* How far before what changed anything may matter. */
static int64
reach_back(const Pass *p)
{
	const CascadeRules *r = &p->rules;
	int64		reach = cascade_add(cascade_add(r->horizon, r->change_lookback), r->detection_lag);
	int64		explain = cascade_add(cascade_add(r->horizon, r->max_incident_age), 16 * r->detection_lag);

	if (graph_has_lags(p->graph))
		reach = cascade_add(reach, r->max_incident_age);
	return cascade_add(cascade_add(cascade_add(reach, reach), explain), p->label_window);
}

static void
bounds_of_news(const Pass *p, int64 *first, int64 *latest)
{
	*first = PG_INT64_MAX;
	*latest = PG_INT64_MIN;
	for (int32 i = 0; i < p->nepisodes; i++)
		if (p->ce[i].dirty || p->ce[i].decided)
		{
			*first = Min(*first, p->ce[i].start);
			*latest = Max(*latest, p->ce[i].start);
		}
	for (int32 i = 0; i < p->nghosts; i++)
	{
		*first = Min(*first, p->ghosts[i].start);
		*latest = Max(*latest, p->ghosts[i].start);
	}
}

static void
decide_cascade(Pass *p)
{
	p->cascade.graph = p->graph;
	p->cascade.rules = p->rules;
	p->cascade.episodes = p->ce;
	p->cascade.nepisodes = p->nepisodes;
	p->cascade.place_node = p->place_node;
	p->cascade.nplaces = p->nplaces;
	p->cascade.ghosts = p->ghosts;
	p->cascade.nghosts = p->nghosts;
	cascade_decide(&p->cascade);
}

/* Is this a pass that changes little of what is stored? */
static bool
keeps(const Pass *p, const News *news)
{
	return news->few_alerts && !news->names && !p->first && !p->settings_changed;
}

static void
find_watermark(Pass *p)
{
	int64		now = GetCurrentTimestamp();

	for (int32 i = 0; i < p->nalerts; i++)
		if (p->alerts[i].is_new)
			p->watermark = Max(p->watermark, Min(p->alerts[i].at, now));
}

/*
 * Everything between what was taken and what is to be written.
 */
void
run_pass(Pass *p, const News *news)
{
	int64		first,
				latest;

	load_label_window(p);
	fold_keys(p);
	for (int i = 0; i < p->unplaced.n; i++)
	{
		int64		incident = DatumGetInt64(p->unplaced_incidents.values[i]);
		int32		a = pass_find_alert(p, DatumGetInt64(p->unplaced.values[i]));

		if (incident != 0 && a >= 0 && p->alerts[a].episode != CASCADE_NONE)
			pass_add_claim(p, incident, p->alerts[a].episode);
	}
	pass_drop_gone(p);
	find_watermark(p);

	if (!p->dry)
	{
		int64		from;

		bounds_of_news(p, &first, &latest);
		if (news->changes)
		{
			affect_by_changes(p);
			first = Min(first, p->change_first);
		}
		if (news->lineage || p->settings_changed || p->renamed_keys.n > 0)
			first = Min(first, young_from(p));
		from = cascade_sub(first, reach_back(p));
		load_window(p, IS_VALID_TIMESTAMP(from) ? from : from < 0 ? DT_NOBEGIN : DT_NOEND, keeps(p, news));
	}
	else
		p->loaded_from = PG_INT64_MIN;
	pass_rank_keys(p);
	if (!p->dry)
	{
		load_links(p);
		if (news->lineage)
			dirty_by_lineage(p, news);
		dirty_keys(p, &p->renamed_keys);
		if (p->settings_changed && p->pass_number > 0)
			for (int32 i = 0; i < p->nepisodes; i++)
				if (p->ce[i].start >= young_from(p))
					p->ce[i].dirty = true;
	}
	p->cascade.all = p->dry;
	decide_cascade(p);

	bounds_of_news(p, &first, &latest);
	if (news->changes)
	{
		first = Min(first, p->change_first);
		latest = Max(latest, p->change_latest);
	}
	if (first <= latest)
		load_changes(p, Max(cascade_sub(first, reach_back(p)), DT_NOBEGIN),
					 Min(cascade_add(latest, cascade_add(reach_back(p), 30 * USECS_PER_DAY)), DT_NOEND));
	base_parents(p, first, latest);
	if (news->changes)
		for (int32 i = 0; i < p->nepisodes; i++)
			if (p->ce[i].start >= p->change_first && p->ce[i].start <= p->change_latest)
				affect_incident(p, p->pe[i].incident);
	if (!p->dry)
		load_decisions(p);
	group_incidents(p);
	number_incidents(p);
}

/*
 * Takes at most max_alerts and places them. regroup names alerts whose incidents
 * are grouped anew whatever is new, or is NULL; again is an alert to take beside
 * what is new, or 0.
 */
static int64
one_pass(int64 max_alerts, bool wait, Datum regroup, int64 again, const char *function)
{
	Pass	   *p;
	News		news;
	Column		evidence[EVIDENCE_COLUMNS];
	char	   *seen_now;
	int64		taken;

	forbid_old_snapshots(function);
	query_begin();
	if (!take_lock(wait))
	{
		SPI_finish();
		return 0;
	}
	query_few();
	p = begin_pass((Datum) 0);
	column_init(&p->unplaced, INT8OID);
	column_init(&p->unplaced_incidents, INT8OID);
	column_init(&p->moved_keys, INT8OID);
	column_init(&p->renamed_keys, INT8OID);
	if (!load_state(p))
	{
		query_many();
		adopt_foreign_rows();
	}
	news = look_for_news(p, &seen_now);
	if (!news.few || p->settings_changed || regroup)
		query_many();
	kept_begin(keeps(p, &news));
	/* not before the snapshot: it must hold every edge that counts as seen */
	if (news.lineage)
		lineage_graph_recheck();
	p->graph = lineage_graph();
	if (news.names)
		reidentify(p);
	if (p->settings_changed && p->pass_number > 0)
		touch_keys_since(p, young_from(p));
	touch_keys(p, &p->moved_keys);
	if (again != 0)
		take_out(p, again, 0);

	taken = take_alerts(p, max_alerts);
	if (regroup)
	{
		static Statement st = {
			"SELECT DISTINCT e.incident_id FROM tracer.placement l JOIN tracer.episode e USING (episode_id) "
			" WHERE l.alert_id = ANY ($1) AND e.incident_id IS NOT NULL"
		};
		Oid			types[] = {INT8ARRAYOID};
		Datum	   *ids;

		deconstruct_array(DatumGetArrayTypeP(regroup), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
						  TYPALIGN_DOUBLE, &ids, NULL, &p->nregroup);
		p->regroup = palloc(sizeof(int64) * (Size) Max(p->nregroup, 1));
		for (int i = 0; i < p->nregroup; i++)
			p->regroup[i] = DatumGetInt64(ids[i]);
		query(&st, 1, types, &regroup, " ");
		for (uint64 i = 0; i < SPI_processed; i++)
			affect_incident(p, row_int64(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, 0));
		SPI_freetuptable(SPI_tuptable);
	}

	if (taken > 0 || news.names || news.lineage || news.changes || p->settings_changed || regroup)
	{
		run_pass(p, &news);
		number_episodes(p);
		rank_incidents(p, evidence);
		save_pass(p);
		save_evidence(p, evidence);
		/* only a pass that took everything has seen everything */
		if (taken < max_alerts)
		{
			save_state(p, seen_now);
			if (news.names || news.lineage)
				trim_logs(seen_now);
		}
		else
			save_state(p, p->first ? SEEN_NOTHING : p->seen);
		kept_end();
	}
	SPI_finish();
	return taken;
}

static int64
correlate(int64 max_alerts, bool wait, Datum regroup, int64 again, const char *function)
{
	int64		taken;

	passing = true;
	PG_TRY();
	{
		taken = one_pass(max_alerts, wait, regroup, again, function);
	}
	PG_FINALLY();
	{
		passing = false;
	}
	PG_END_TRY();
	return taken;
}

int64
correlate_now(int64 max_alerts)
{
	return correlate(max_alerts, true, (Datum) 0, 0, "tracer.correlate()");
}

bool
correlate_past(int64 alert, const char *error)
{
	static Statement aside = {
		"INSERT INTO tracer.set_aside (alert_id, error) VALUES ($1, $2) ON CONFLICT DO NOTHING"
	};
	static Statement not_aside = {"DELETE FROM tracer.set_aside WHERE alert_id = $1"};
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(alert), CStringGetTextDatum(error)};
	bool		proven;

	query_begin();
	query(&aside, 2, types, values, NULL);
	SPI_finish();
	proven = correlate_now(1) > 0;
	if (!proven)
	{
		query_begin();
		query(&not_aside, 1, types, values, NULL);
		SPI_finish();
	}
	return proven;
}

int64
correlate_due(void)
{
	static Statement st = {
		"UPDATE tracer.set_aside SET tried_at = now() "
		" WHERE alert_id = (SELECT alert_id FROM tracer.set_aside "
		"                    WHERE tried_at < now() - CASE WHEN isfinite(tried_at) "
		"                          THEN least(greatest(tried_at - since, interval '1 minute'), interval '1 hour') "
		"                          ELSE interval '0' END "
		"                    ORDER BY tried_at LIMIT 1) "
		"RETURNING alert_id"
	};
	int64		alert = 0;

	query_begin();
	if (query(&st, 0, NULL, NULL, NULL) > 0)
		alert = row_int64(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, 0);
	SPI_finish();
	return alert;
}

void
correlate_again(int64 alert)
{
	static Statement st = {"DELETE FROM tracer.set_aside WHERE alert_id = $1"};
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(alert)};

	query_begin();
	query(&st, 1, types, values, NULL);
	SPI_finish();
	correlate(1, true, (Datum) 0, alert, "tracer.correlate()");
}

Datum
tracer_correlate(PG_FUNCTION_ARGS)
{
	int64		max_alerts = PG_ARGISNULL(0) ? PG_INT64_MAX : PG_GETARG_INT64(0);

	if (max_alerts < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_alerts must be at least 1, not %lld", (long long) max_alerts),
				 errhint("Leave it out, or give NULL, to take every alert that waits.")));
	PG_RETURN_INT64(correlate(max_alerts, false, (Datum) 0, 0, "tracer.correlate()"));
}

Datum
tracer_regroup(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("alert_ids must not be NULL"),
				 errhint("Give the ids of alerts in the incidents to group anew.")));
	correlate(PG_INT64_MAX, true, PG_GETARG_DATUM(0), 0, "tracer.regroup()");
	PG_RETURN_VOID();
}

/*
 * Whoever decides about an incident takes the correlator's lock before its row:
 * a pass takes them in that order, too.
 */
Datum
tracer_hold_correlation(PG_FUNCTION_ARGS)
{
	correlate_hold();
	PG_RETURN_VOID();
}
