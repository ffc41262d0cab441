/*
 * settings.c
 *		The settings of a pass.
 *
 * Those that decide about grouping have a fingerprint, stored with each pass:
 * another one means that what is young is to be grouped anew.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "incident/pass.h"
#include "table/peek.h"
#include "setting/setting.h"

static void
quiet_row(void *context, HeapTuple tuple, TupleDesc desc)
{
	char	   *name = row_text(tuple, desc, 1),
			   *value = row_text(tuple, desc, 2);

	pass_source_quiet(context, name, interval_us(value));
}

/* A person's word outweighs everything; no setting says less. */
static const double CONFIRMED = 10.0;

/*
 * What the settings were when this backend last read them, and the rows that
 * they were made of. Few passes find other rows, and reading all settings would
 * be a good part of a pass over one alert.
 */
static struct
{
	char	   *rows;			/* NULL: nothing is kept */
	char	   *fingerprint;
	CascadeRules rules;
	int64		quiet_after;
	double		min_confidence;
	double		weight[FACTS];
}			kept;

/* All that the settings are made of: which rows, and which declaration. */
static char *
setting_rows(void)
{
	StringInfoData rows;

	initStringInfo(&rows);
	peek_begin();
	setting_declaration(&rows);
	peek_versions(&rows, "setting_override");
	peek_versions(&rows, "source");
	peek_versions(&rows, "group_rule");
	peek_end();
	return rows.data;
}

static void
keep_settings(const Pass *p, const char *rows)
{
	if (kept.rows)
	{
		pfree(kept.rows);
		pfree(kept.fingerprint);
		kept.rows = NULL;
	}
	/* they may have changed while they were read */
	if (strcmp(rows, setting_rows()) != 0)
		return;
	kept.fingerprint = MemoryContextStrdup(TopMemoryContext, p->fingerprint);
	kept.rules = p->rules;
	kept.quiet_after = p->quiet_after;
	kept.min_confidence = p->min_confidence;
	memcpy(kept.weight, p->weight, sizeof(kept.weight));
	kept.rows = MemoryContextStrdup(TopMemoryContext, rows);
}

static void
read_settings(Pass *p, Datum overrides)
{
	static Statement settings = {
		"SELECT s.name, coalesce(o.value, s.value) "
		"  FROM tracer.setting s LEFT JOIN jsonb_each_text($1) o ON o.key = s.name"
	};
	static Statement fingerprint = {
		"SELECT md5(concat((SELECT string_agg(name || '=' || coalesce(value, ''), ',' ORDER BY name) "
		"                     FROM tracer.setting WHERE concerns = 'grouping'), "
		"                  (SELECT string_agg(name || '=' || extract(epoch FROM quiet_after), ',' ORDER BY name) "
		"                     FROM tracer.source WHERE quiet_after IS NOT NULL), "
		"                  (SELECT string_agg(concat_ws(':', name, labels, source, extract(epoch FROM \"window\")), ',' "
		"                                     ORDER BY name) FROM tracer.group_rule)))"
	};
	Oid			types[] = {JSONBOID};
	Datum		values[] = {overrides};

	/* before what it stands for: what changes in between is found by the next pass */
	query(&fingerprint, 0, NULL, NULL, NULL);
	p->fingerprint = row_text(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	SPI_freetuptable(SPI_tuptable);

	p->weight[FACT_CONFIRMED] = CONFIRMED;
	query(&settings, 1, types, values, overrides ? " " : "n");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *name = row_text(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		char	   *value = row_text(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		if (strcmp(name, "max_hops") == 0)
			p->rules.max_hops = value ? (uint32) pg_strtoint32(value) : GRAPH_NONE;
		else if (strcmp(name, "min_confidence") == 0)
			p->min_confidence = strtod(value, NULL);
		else if (strcmp(name, "horizon") == 0)
			p->rules.horizon = interval_us(value);
		else if (strcmp(name, "detection_lag") == 0)
			p->rules.detection_lag = interval_us(value);
		else if (strcmp(name, "max_incident_age") == 0)
			p->rules.max_incident_age = interval_us(value);
		else if (strcmp(name, "change_lookback") == 0)
			p->rules.change_lookback = interval_us(value);
		else if (strcmp(name, "quiet_after") == 0)
			p->quiet_after = interval_us(value);
		else if (strncmp(name, "weight_", 7) == 0)
			for (Fact f = 0; f < FACTS; f++)
				if (strcmp(name + 7, fact_name[f]) == 0)
					p->weight[f] = strtod(value, NULL);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Reads the settings; for a backtest, with others laid over them. The
 * fingerprint changes whenever anything does that decides about grouping.
 */
void
load_settings(Pass *p, Datum overrides)
{
	static Statement quiet = {
		"SELECT name, quiet_after::text FROM tracer.source WHERE quiet_after IS NOT NULL"
	};

	if (overrides)
		read_settings(p, overrides);
	else
	{
		char	   *rows = setting_rows();

		if (kept.rows == NULL || strcmp(kept.rows, rows) != 0)
		{
			read_settings(p, overrides);
			keep_settings(p, rows);
		}
		else
		{
			p->fingerprint = pstrdup(kept.fingerprint);
			p->rules = kept.rules;
			p->quiet_after = kept.quiet_after;
			p->min_confidence = kept.min_confidence;
			memcpy(p->weight, kept.weight, sizeof(kept.weight));
		}
	}
	if (!peek_empty("source"))
		query_each(&quiet, 0, NULL, NULL, NULL, quiet_row, p);
}
