/*
 * cascade_id.c
 *		tracer.cascade_id(): the rule as a window function.
 *
 * Each row of the partition is an unresolved episode of its own that opened at
 * its time. The first call reads the whole partition, decides it with the core
 * that the correlator uses, and numbers the cascades by their origins' time;
 * later calls only look the answer up. The window's order does not matter.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "windowapi.h"

#include "incident/pass.h"
#include "lineage/cache.h"

PG_FUNCTION_INFO_V1(tracer_cascade_id);

typedef struct CascadeIds
{
	int64	   *ids;			/* by row; NULL until decided */
	bool	   *nulls;
} CascadeIds;

typedef struct Moment
{
	int64		start;
	int64		key;
} Moment;

typedef struct MomentEntry
{
	Moment		moment;
	int32		episode;
} MomentEntry;

typedef struct Numbered
{
	int64		start;
	int32		tie;
	int32		episode;
} Numbered;

static int
compare_numbered(const void *pa, const void *pb)
{
	const Numbered *a = pa,
			   *b = pb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->tie != b->tie)
		return a->tie < b->tie ? -1 : 1;
	return a->episode < b->episode ? -1 : a->episode > b->episode;
}

/* Canonical names, asset ids: what the correlator's SQL does, one by one. */
static int32
key_of(Pass *p, Datum name, bool isnull, int64 row)
{
	static Statement st = {
		"SELECT n.name, coalesce(s.asset_id, 0) "
		"  FROM (VALUES (tracer.canonical($1))) n(name) "
		"  LEFT JOIN tracer.asset s ON s.name = n.name"
	};
	Oid			types[] = {TEXTOID};
	char	   *asked = isnull ? NULL : TextDatumGetCString(name);
	char	   *canonical;
	int64		asset_id;
	int32		key,
				alias;
	char		unique[32];

	if (asked == NULL || asked[0] == '\0')
	{
		/* a row without asset stands alone */
		snprintf(unique, sizeof(unique), "%lld", (long long) row);
		return pass_key(p, "", unique, NULL, 0);
	}
	/* dedup "n": as asked for; "": canonical. The tie-break is by asset then. */
	key = pass_find_key(p, "asked", "", asked);
	if (key >= 0)
		return (int32) p->keys[key].last_event;

	query(&st, 1, types, &name, " ");
	canonical = row_text(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	asset_id = row_int64(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, 0);
	SPI_freetuptable(SPI_tuptable);
	key = pass_key(p, "", "", canonical, asset_id);
	alias = pass_key(p, "asked", "", asked, 0);
	p->keys[alias].last_event = key;
	return key;
}

static int64
horizon_argument(WindowObject winobj, int64 if_null)
{
	bool		isnull,
				isout;
	Datum		d = WinGetFuncArgInPartition(winobj, 2, 0, WINDOW_SEEK_HEAD, false, &isnull, &isout);
	Interval   *i;
	int64		us;

	if (isnull)
		return if_null;
	i = DatumGetIntervalP(d);
	us = i->time + ((int64) i->month * DAYS_PER_MONTH + i->day) * USECS_PER_DAY;
	if (us <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("horizon must be greater than zero, not %s",
						DatumGetCString(DirectFunctionCall1(interval_out, d))),
				 errhint("Leave it out, or give NULL, to use the setting.")));
	return us;
}

static void
decide_partition(WindowObject winobj, CascadeIds *out, int64 rows)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	Pass	   *p;
	Numbered   *order;
	HTAB	   *seen;
	HASHCTL		ctl = {.keysize = sizeof(Moment), .entrysize = sizeof(MomentEntry)};
	int32	   *row_episode;
	int64	   *ids;
	int32		n = 0;

	query_begin();
	context = AllocSetContextCreate(CurrentMemoryContext, "tracer cascade_id", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	p = palloc0(sizeof(Pass));
	p->context = context;
	p->graph = lineage_graph();
	pass_create_indexes(p);
	load_settings(p, (Datum) 0);
	p->rules.horizon = horizon_argument(winobj, p->rules.horizon);

	ctl.hcxt = context;
	seen = hash_create("tracer cascade_id rows", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	row_episode = pure_array(int32, rows);
	for (int64 row = 0; row < rows; row++)
	{
		bool		no_asset,
					no_time,
					isout,
					found;
		Datum		asset,
					time;
		CascadeEpisode *c;
		Moment		moment = {0};
		MomentEntry *entry;
		int32		at;

		time = WinGetFuncArgInPartition(winobj, 1, row, WINDOW_SEEK_HEAD, false, &no_time, &isout);
		row_episode[row] = CASCADE_NONE;
		if (no_time)
			continue;
		if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(time)))
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
					 errmsg("ts must be finite, not %s",
							DatumGetTimestampTz(time) < 0 ? "-infinity" : "infinity"),
					 errhint("Leave such rows out of the partition.")));
		asset = WinGetFuncArgInPartition(winobj, 0, row, WINDOW_SEEK_HEAD, false, &no_asset, &isout);
		/* rows of one asset at one time are one episode */
		moment.start = DatumGetTimestampTz(time);
		moment.key = key_of(p, asset, no_asset, row);
		entry = hash_search(seen, &moment, HASH_ENTER, &found);
		if (found)
		{
			row_episode[row] = entry->episode;
			continue;
		}
		entry->episode = at = pass_add_episode(p);
		p->pe[at].key = moment.key;
		c = &p->ce[at];
		c->place = pass_place(p, p->pe[at].key);
		c->start = c->last = DatumGetTimestampTz(time);
		c->end = c->quiet_at = c->chronic_from = CASCADE_NEVER;
		c->severity = SEVERITY_ERROR;
		row_episode[row] = at;
		if ((row & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pass_rank_keys(p);
	p->cascade.graph = p->graph;
	p->cascade.rules = p->rules;
	p->cascade.episodes = p->ce;
	p->cascade.nepisodes = p->nepisodes;
	p->cascade.place_node = p->place_node;
	p->cascade.nplaces = p->nplaces;
	p->cascade.all = true;
	p->cascade.no_runs = true;
	cascade_decide(&p->cascade);

	/* cascades by origin */
	order = pure_array(Numbered, p->nepisodes);
	ids = pure_array0(int64, p->nepisodes);
	for (int32 i = 0; i < p->nepisodes; i++)
		if (p->ce[i].parent == CASCADE_NONE)
			order[n++] = (Numbered) {p->ce[i].start, p->ce[i].tie, i};
	qsort(order, n, sizeof(Numbered), compare_numbered);
	for (int32 i = 0; i < n; i++)
		ids[order[i].episode] = i + 1;
	for (int64 row = 0; row < rows; row++)
	{
		int32		at = row_episode[row];

		while (at != CASCADE_NONE && ids[at] == 0)
			at = p->ce[at].parent;
		if (at != CASCADE_NONE)
		{
			int32		e = row_episode[row];
			int64		id = ids[at];

			/* leave the answer along the way, for the rows to come */
			while (ids[e] == 0)
			{
				ids[e] = id;
				e = p->ce[e].parent;
			}
			out->ids[row] = id;
		}
		out->nulls[row] = at == CASCADE_NONE;
	}
	SPI_finish();
	MemoryContextSwitchTo(caller);
}

Datum
tracer_cascade_id(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	int64		rows = WinGetPartitionRowCount(winobj);
	int64		row = WinGetCurrentPosition(winobj);
	struct
	{
		bool		decided;
		CascadeIds	answer;
	}		   *state;
	char	   *memory = WinGetPartitionLocalMemory(winobj, sizeof(*state) +
													rows * (sizeof(int64) + sizeof(bool)));

	state = (void *) memory;
	if (!state->decided)
	{
		state->answer.ids = (int64 *) (memory + sizeof(*state));
		state->answer.nulls = (bool *) (state->answer.ids + rows);
		decide_partition(winobj, &state->answer, rows);
		state->decided = true;
	}
	if (state->answer.nulls[row])
		PG_RETURN_NULL();
	PG_RETURN_INT64(state->answer.ids[row]);
}
