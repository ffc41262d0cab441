/*
 * backtest.c
 *		What history would have become under other settings.
 *
 * A dry pass: the correlator's own code over a span of stored alerts, from
 * scratch and without people's decisions, of which nothing is stored. One
 * function tells who would have been grouped with whom, the other what would
 * have spoken for and against each root-cause candidate.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "incident/pass.h"
#include "lineage/cache.h"

PG_FUNCTION_INFO_V1(tracer_backtest);
PG_FUNCTION_INFO_V1(tracer_backtest_evidence);

static int64
bound_argument(FunctionCallInfo fcinfo, int n, int64 if_null)
{
	return PG_ARGISNULL(n) ? if_null : PG_GETARG_TIMESTAMPTZ(n);
}

/* Rejects what tracer.set() would reject. */
static void
check_settings(Datum settings)
{
	static Statement st = {
		"SELECT tracer.check_setting(key, value) FROM jsonb_each_text($1)"
	};
	Oid			types[] = {JSONBOID};

	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(settings)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("settings of tracer.backtest() must be an object, not %s",
						TextDatumGetCString(DirectFunctionCall1(jsonb_typeof, settings))),
				 errhint("Give names and values, such as '{\"horizon\": \"4 hours\"}'.")));
	query(&st, 1, types, &settings, " ");
	SPI_freetuptable(SPI_tuptable);
}

/* Arguments: since, until, settings. */
static Pass *
dry_pass(FunctionCallInfo fcinfo)
{
	News		news = {.alerts = true};
	Pass	   *p;
	Datum		settings = PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2);

	InitMaterializedSRF(fcinfo, 0);
	query_begin();
	if (settings)
		check_settings(settings);
	p = begin_pass(settings);
	p->graph = lineage_graph();
	column_init(&p->unplaced, INT8OID);
	column_init(&p->renamed_keys, INT8OID);
	p->dry = true;
	p->watermark = PG_INT64_MIN;
	take_history(p, bound_argument(fcinfo, 0, DT_NOBEGIN), bound_argument(fcinfo, 1, DT_NOEND));
	run_pass(p, &news);
	return p;
}

Datum
tracer_backtest(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Pass	   *p = dry_pass(fcinfo);

	for (int32 i = 0; i < p->nalerts; i++)
	{
		PassAlert  *a = &p->alerts[i];
		PassEpisode *e;
		Datum		values[6];
		bool		nulls[6] = {false};

		if (!a->firing || a->episode == CASCADE_NONE)
			continue;
		e = &p->pe[a->episode];
		values[0] = Int64GetDatum(a->id);
		values[1] = Int64GetDatum(e->new_incident);
		nulls[1] = nulls[2] = e->new_incident == 0;
		values[2] = CStringGetTextDatum(e->parent == CASCADE_NONE && e->suspect == 0 ? "origin" : "symptom");
		nulls[3] = e->parent == CASCADE_NONE;
		values[3] = Int64GetDatum(nulls[3] ? 0 : p->pe[e->parent].first_alert);
		values[4] = CharGetDatum(e->because);
		nulls[5] = e->suspect == 0;
		values[5] = nulls[5] ? (Datum) 0
			: CStringGetTextDatum(node_name(p, graph_find(p->graph, e->suspect)));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}

Datum
tracer_backtest_evidence(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Pass	   *p = dry_pass(fcinfo);
	Column		row[EVIDENCE_COLUMNS];

	rank_incidents(p, row);
	for (int i = 0; i < row[0].n; i++)
	{
		bool		named = !row[2].nulls[i];
		int64		asset = row[1].nulls[i] ? 0 : DatumGetInt64(row[1].values[i]);
		Datum		values[5] = {row[0].values[i], row[2].values[i], row[3].values[i],
			row[4].values[i], row[5].values[i]};
		bool		nulls[5] = {false};

		/* a candidate without an alert is known by its place in the lineage */
		if (!named && asset != 0)
			values[1] = CStringGetTextDatum(node_name(p, graph_find(p->graph, asset)));
		else
			nulls[1] = !named;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}
