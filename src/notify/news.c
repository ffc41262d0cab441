/*
 * news.c
 *		Which incidents changed, for the planner: tracer.notify_news.
 *
 * A trigger, once per statement, on the tables that an incident is made of. It
 * runs in every pass of the correlator, twice, between an alert and whoever
 * waits to hear of it; hence no query. It needs no permission of its own: who may
 * write an incident may have it looked at.
 */
#include "compat.h"

#include "access/table.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "table/peek.h"
#include "table/rows.h"

PG_FUNCTION_INFO_V1(tracer_note_news);

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a,
				y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* The incidents that a statement wrote about, each once. */
static int64
incidents_in(Tuplestorestate *rows, Relation rel, int64 **out)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
	AttrNumber	column = get_attnum(RelationGetRelid(rel), "incident_id");
	int64		max = tuplestore_tuple_count(rows);
	int64	   *ids = palloc_extended(sizeof(int64) * (Size) Max(max, 1), MCXT_ALLOC_HUGE);
	int64		n = 0;
	int64		distinct = 0;

	tuplestore_rescan(rows);
	while (n < max && tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool		isnull;
		Datum		id = slot_getattr(slot, column, &isnull);

		if (!isnull)
			ids[n++] = DatumGetInt64(id);
	}
	ExecDropSingleTupleTableSlot(slot);
	qsort(ids, n, sizeof(int64), compare_ids);
	for (int64 i = 0; i < n; i++)
		if (i == 0 || ids[i] != ids[distinct - 1])
			ids[distinct++] = ids[i];
	*out = ids;
	return distinct;
}

Datum
tracer_note_news(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	int64	   *ids;
	int64		n;

	if (!CALLED_AS_TRIGGER(fcinfo) || trigger->tg_newtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("tracer.note_news() was not called as a trigger on a statement's new rows"),
				 errhint("It is hung on tables by the extension; there is no need to call it.")));
	if (!peek_any("channel", NULL))
		return PointerGetDatum(NULL);
	n = incidents_in(trigger->tg_newtable, trigger->tg_relation, &ids);
	if (n > 0)
	{
		Datum	   *values = palloc_extended(sizeof(Datum) * (Size) n, MCXT_ALLOC_HUGE);

		for (int64 i = 0; i < n; i++)
			values[i] = Int64GetDatum(ids[i]);
		rows_insert("notify_news", &(RowsColumn) {"incident_id", values}, 1, n);
	}
	return PointerGetDatum(NULL);
}
