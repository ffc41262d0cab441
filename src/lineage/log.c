/*
 * log.c
 *		Triggers that tell every backend what changed in lineage.
 *
 * A statement that changes tracer.lineage leaves one row in tracer.lineage_log
 * for each pair that it touched, or a single row without a pair where these
 * are too many for patching to pay, and sends a relcache invalidation. The
 * logical replication worker fires no statement triggers: there row triggers
 * do the same, and stop listing pairs at the same number. They run as the
 * owner of the functions, since whoever writes lineage need not be able to
 * write the log.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "lineage/scan.h"

/* Pairs that one statement (or replicated subtransaction) lists at most. */
#define MAX_LISTED 10000

/* tracer.lineage.last_seen_at, the last column. */
#define SEEN_ATTRIBUTE 7

typedef struct Pairs
{
	Datum	   *upstream;
	Datum	   *downstream;
	int			n;
	int			room;
	bool		too_many;
} Pairs;

PG_FUNCTION_INFO_V1(tracer_lineage_changed);
PG_FUNCTION_INFO_V1(tracer_lineage_row_changed);
PG_FUNCTION_INFO_V1(tracer_asset_changed);

static void
add_pair(Pairs *p, Datum upstream, Datum downstream)
{
	if (p->n == MAX_LISTED)
	{
		p->too_many = true;
		return;
	}
	if (p->n == p->room)
	{
		p->room = Max(16, p->room * 2);
		p->upstream = pure_realloc(p->upstream, sizeof(Datum) * p->room);
		p->downstream = pure_realloc(p->downstream, sizeof(Datum) * p->room);
	}
	p->upstream[p->n] = upstream;
	p->downstream[p->n] = downstream;
	p->n++;
}

/* Pairs of a transition table; reading stops once they are too many. */
static void
add_transition_table(Pairs *p, Tuplestorestate *rows, TupleDesc desc)
{
	TupleTableSlot *slot;

	if (rows == NULL)
		return;
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	tuplestore_select_read_pointer(rows, 0);
	tuplestore_rescan(rows);
	while (!p->too_many && tuplestore_gettupleslot(rows, true, false, slot))
	{
		slot_getsomeattrs(slot, 2);
		add_pair(p, slot->tts_values[0], slot->tts_values[1]);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Whether all but last_seen_at, which steers no walk, is equal. */
static bool
same_edge(TupleTableSlot *a, TupleTableSlot *b, TupleDesc desc)
{
	slot_getsomeattrs(a, SEEN_ATTRIBUTE - 1);
	slot_getsomeattrs(b, SEEN_ATTRIBUTE - 1);
	for (int i = 0; i < SEEN_ATTRIBUTE - 1; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (a->tts_isnull[i] != b->tts_isnull[i] ||
			(!a->tts_isnull[i] &&
			 !datum_image_eq(a->tts_values[i], b->tts_values[i], att->attbyval, att->attlen)))
			return false;
	}
	return true;
}

/*
 * Pairs of an UPDATE. Its two transition tables hold the rows in one order, so
 * that a row and what it became stand at the same place.
 */
static void
add_updated(Pairs *p, Tuplestorestate *before, Tuplestorestate *after, TupleDesc desc)
{
	TupleTableSlot *old = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	TupleTableSlot *new = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	tuplestore_select_read_pointer(before, 0);
	tuplestore_rescan(before);
	tuplestore_select_read_pointer(after, 0);
	tuplestore_rescan(after);
	while (!p->too_many &&
		   tuplestore_gettupleslot(before, true, false, old) &&
		   tuplestore_gettupleslot(after, true, false, new))
	{
		if (same_edge(old, new, desc))
			continue;
		add_pair(p, old->tts_values[0], old->tts_values[1]);
		add_pair(p, new->tts_values[0], new->tts_values[1]);
	}
	ExecDropSingleTupleTableSlot(old);
	ExecDropSingleTupleTableSlot(new);
}

static void
write_log(const Pairs *p)
{
	static SPIPlanPtr list_plan = NULL;
	static SPIPlanPtr bulk_plan = NULL;
	Datum		value[2];
	int			rc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (p->too_many)
	{
		if (bulk_plan == NULL)
		{
			bulk_plan = SPI_prepare("INSERT INTO tracer.lineage_log (upstream, downstream) "
									"VALUES (NULL, NULL)", 0, NULL);
			SPI_keepplan(bulk_plan);
		}
		rc = SPI_execute_plan(bulk_plan, NULL, NULL, false, 0);
	}
	else
	{
		if (list_plan == NULL)
		{
			Oid			types[2] = {INT8ARRAYOID, INT8ARRAYOID};

			list_plan = SPI_prepare("INSERT INTO tracer.lineage_log (upstream, downstream) "
									"SELECT * FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) p", 2, types);
			SPI_keepplan(list_plan);
		}
		value[0] = PointerGetDatum(construct_array(p->upstream, p->n, INT8OID, 8,
												   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		value[1] = PointerGetDatum(construct_array(p->downstream, p->n, INT8OID, 8,
												   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		rc = SPI_execute_plan(list_plan, value, NULL, false, 0);
	}
	if (rc != SPI_OK_INSERT)
		elog(ERROR, "could not log lineage changes: %s", SPI_result_code_string(rc));
	SPI_finish();
}

static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %u is a trigger of tracer's and nothing else",
						fcinfo->flinfo->fn_oid),
				 errhint("Change tracer.lineage with tracer.link() and tracer.unlink().")));
	return (TriggerData *) fcinfo->context;
}

/* AFTER STATEMENT on tracer.lineage, with transition tables or TRUNCATE. */
Datum
tracer_lineage_changed(PG_FUNCTION_ARGS)
{
	TriggerData *t = trigger_data(fcinfo);
	TupleDesc	desc = RelationGetDescr(t->tg_relation);
	Pairs		p = {0};

	if (TRIGGER_FIRED_BY_TRUNCATE(t->tg_event))
		p.too_many = true;
	if (TRIGGER_FIRED_BY_UPDATE(t->tg_event))
		add_updated(&p, t->tg_oldtable, t->tg_newtable, desc);
	else
	{
		add_transition_table(&p, t->tg_oldtable, desc);
		add_transition_table(&p, t->tg_newtable, desc);
	}
	if (p.n > 0 || p.too_many)
	{
		write_log(&p);
		CacheInvalidateRelcache(t->tg_relation);
	}
	return PointerGetDatum(NULL);
}

/* AFTER ROW on tracer.lineage while rows arrive by replication. */
Datum
tracer_lineage_row_changed(PG_FUNCTION_ARGS)
{
	static SubTransactionId counted_subid = InvalidSubTransactionId;
	static uint64 counted_xid = 0;
	static int	counted = 0;
	TriggerData *t = trigger_data(fcinfo);
	HeapTuple	rows[2] = {t->tg_trigtuple, NULL};
	Pairs		p = {0};
	uint64		xid = U64FromFullTransactionId(GetTopFullTransactionId());

	if (TRIGGER_FIRED_BY_UPDATE(t->tg_event))
		rows[1] = t->tg_newtuple;

	/* Once the row that says "too many" is in, more would add nothing. */
	if (xid != counted_xid || GetCurrentSubTransactionId() != counted_subid)
	{
		counted_xid = xid;
		counted_subid = GetCurrentSubTransactionId();
		counted = 0;
	}
	if (counted > MAX_LISTED)
		return PointerGetDatum(NULL);
	if (++counted > MAX_LISTED)
		p.too_many = true;

	for (int i = 0; i < 2 && rows[i] != NULL; i++)
	{
		bool		isnull;
		TupleDesc	desc = RelationGetDescr(t->tg_relation);

		add_pair(&p, heap_getattr(rows[i], 1, desc, &isnull),
				 heap_getattr(rows[i], 2, desc, &isnull));
	}
	write_log(&p);
	CacheInvalidateRelcache(t->tg_relation);
	return PointerGetDatum(NULL);
}

/* AFTER on tracer.asset: names that backends keep may be wrong from here on. */
Datum
tracer_asset_changed(PG_FUNCTION_ARGS)
{
	TriggerData *t = trigger_data(fcinfo);

	CacheInvalidateRelcache(t->tg_relation);
	return PointerGetDatum(NULL);
}

PG_FUNCTION_INFO_V1(tracer_hold_source);

/*
 * An advisory lock of a class (field 4) that pg_advisory_lock() cannot name, as
 * the correlator's (src/incident/correlate.c). Of two sources with one hash one
 * waits for the other, which does no harm.
 */
Datum
tracer_hold_source(PG_FUNCTION_ARGS)
{
	text	   *source = PG_GETARG_TEXT_PP(0);
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, get_extension_oid("tracer", false),
						 hash_bytes((unsigned char *) VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source)), 5);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	PG_RETURN_VOID();
}
