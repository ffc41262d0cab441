/*
 * scan.c
 *		Reading tracer.lineage and its log under a given snapshot.
 *
 * Straight through the table and index access methods: the whole table once
 * for a build, single pairs through the primary key for a patch. SPI would do
 * the same several times slower and under the wrong snapshot.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "lineage/scan.h"

/* Columns, in the order of lineage.sql. */
#define LINEAGE_UPSTREAM	1
#define LINEAGE_DOWNSTREAM	2
#define LINEAGE_KIND		3
#define LINEAGE_LAG			5

#define LOG_ID				1
#define LOG_XID				2
#define LOG_UPSTREAM		3
#define LOG_DOWNSTREAM		4

/* Oid of a relation of tracer's. */
Oid
tracer_relid(const char *name, bool missing_ok)
{
	Oid			nsp = get_namespace_oid("tracer", true);
	Oid			relid = OidIsValid(nsp) ? get_relname_relid(name, nsp) : InvalidOid;

	if (!OidIsValid(relid) && !missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"tracer.%s\" does not exist", name),
				 errhint("CREATE EXTENSION tracer in this database.")));
	return relid;
}

/* The extension's lags are whole seconds, rounded up; 0 stands for none. */
static int32
lag_seconds(Datum value, bool isnull)
{
	Interval   *lag;
	int64		s;

	if (isnull)
		return 0;
	lag = DatumGetIntervalP(value);
	s = lag->time / USECS_PER_SEC + (lag->time % USECS_PER_SEC > 0 ? 1 : 0) +
		((int64) lag->day + (int64) lag->month * DAYS_PER_MONTH) * SECS_PER_DAY;
	return (int32) Max(0, Min(s, PG_INT32_MAX));
}

static bool
is_runs(Datum kind)
{
	struct varlena *t = PG_DETOAST_DATUM_PACKED(kind);

	return VARSIZE_ANY_EXHDR(t) == 4 && memcmp(VARDATA_ANY(t), "runs", 4) == 0;
}

/*
 * Every row, in the current memory; NULL as soon as there are more than
 * max_edges.
 */
GraphEdge *
lineage_scan_all(Relation rel, Snapshot snapshot, Size max_edges, Size *nedges)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	Size		room = 1024;
	Size		n = 0;
	GraphEdge  *edges = pure_array(GraphEdge, room);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		GraphEdge  *e;

		if (n % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (n >= max_edges)
		{
			pure_free(edges);
			edges = NULL;
			break;
		}
		if (n == room)
		{
			room *= 2;
			edges = pure_realloc(edges, sizeof(GraphEdge) * room);
		}
		slot_getsomeattrs(slot, LINEAGE_LAG);
		e = &edges[n++];
		e->upstream = DatumGetInt64(slot->tts_values[LINEAGE_UPSTREAM - 1]);
		e->downstream = DatumGetInt64(slot->tts_values[LINEAGE_DOWNSTREAM - 1]);
		e->runs = is_runs(slot->tts_values[LINEAGE_KIND - 1]);
		e->lag = lag_seconds(slot->tts_values[LINEAGE_LAG - 1],
							 slot->tts_isnull[LINEAGE_LAG - 1]);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	*nedges = n;
	return edges;
}

/* What all rows of a pair say together; false where there is none. */
bool
lineage_read_pair(Relation rel, Snapshot snapshot, LineagePair pair,
				  int32 *lag, bool *runs)
{
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key[0], LINEAGE_UPSTREAM, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pair.upstream));
	ScanKeyInit(&key[1], LINEAGE_DOWNSTREAM, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pair.downstream));
	*lag = 0;
	*runs = true;
	scan = systable_beginscan(rel, tracer_relid("lineage_pkey", false), true,
							  snapshot, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		value;
		int32		seconds;

		found = true;
		value = heap_getattr(tuple, LINEAGE_KIND, RelationGetDescr(rel), &isnull);
		*runs &= is_runs(value);
		value = heap_getattr(tuple, LINEAGE_LAG, RelationGetDescr(rel), &isnull);
		seconds = lag_seconds(value, isnull);
		*lag = Max(*lag, seconds);
	}
	systable_endscan(scan);
	return found;
}

/*
 * Hands log rows of transactions from from_xid on to `take` until that returns
 * false; returns whether it never did.
 */
bool
lineage_read_log(Relation log, Snapshot snapshot, uint64 from_xid,
				 LogRowTaker take, void *arg)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		go_on = true;

	ScanKeyInit(&key, LOG_XID, BTGreaterEqualStrategyNumber, F_XID8GE,
				FullTransactionIdGetDatum(FullTransactionIdFromU64(from_xid)));
	scan = systable_beginscan(log, tracer_relid("lineage_log_xid", false), true,
							  snapshot, 1, &key);
	while (go_on && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TupleDesc	desc = RelationGetDescr(log);
		LogRow		row;
		bool		no_up,
					no_down,
					isnull;

		CHECK_FOR_INTERRUPTS();
		row.log_id = DatumGetInt64(heap_getattr(tuple, LOG_ID, desc, &isnull));
		row.xid = U64FromFullTransactionId(DatumGetFullTransactionId(heap_getattr(tuple, LOG_XID, desc, &isnull)));
		row.pair.upstream = DatumGetInt64(heap_getattr(tuple, LOG_UPSTREAM, desc, &no_up));
		row.pair.downstream = DatumGetInt64(heap_getattr(tuple, LOG_DOWNSTREAM, desc, &no_down));
		row.bulk = no_up || no_down;
		go_on = take(&row, arg);
	}
	systable_endscan(scan);
	return go_on;
}

/* Log rows of transactions before this one may be gone; 0: none are. */
uint64
lineage_log_floor(Snapshot snapshot)
{
	Relation	rel = table_open(tracer_relid("lineage_log_floor", false),
								 AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0,
										  NULL);
	HeapTuple	tuple;
	uint64		floor_xid = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull);

		floor_xid = Max(floor_xid, U64FromFullTransactionId(DatumGetFullTransactionId(value)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return floor_xid;
}
