/*
 * peek.c
 *		Looks into tracer's own small tables without a query.
 *
 * A pass over one alert asks a dozen tables that are empty almost everywhere, and
 * rules and settings that almost never change. Starting and ending a query costs
 * ten times what the answer does. So it is asked first, from the table itself,
 * whether there is anything to ask for; the query, where there is, decides.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "table/peek.h"

/* From here to peek_end() a new snapshot is active, as for a query. */
void
peek_begin(void)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
peek_end(void)
{
	PopActiveSnapshot();
}

/* A table of schema tracer, for reading. */
Relation
peek_open(const char *table)
{
	return table_open(get_relname_relid(table, get_namespace_oid("tracer", false)), AccessShareLock);
}

/*
 * Has the table no page at all? True is certain: a row that any snapshot taken
 * so far can see has its page. False only means that a query has to look.
 */
bool
peek_empty(const char *table)
{
	Relation	rel = peek_open(table);
	bool		empty = rel->rd_rel->relkind == RELKIND_RELATION && !rel->rd_rel->relhassubclass &&
		RelationGetNumberOfBlocks(rel) == 0;

	table_close(rel, AccessShareLock);
	return empty;
}

/*
 * Some columns of the first row of a table of one, copied into the current
 * context; false if there is none.
 */
bool
peek_row(const char *table, const char *const *columns, int ncolumns, Datum *values, bool *nulls)
{
	Relation	rel = peek_open(table);
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan;
	HeapTuple	row;
	bool		found;

	peek_begin();
	scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	row = systable_getnext(scan);
	found = HeapTupleIsValid(row);
	for (int i = 0; found && i < ncolumns; i++)
	{
		AttrNumber	column = get_attnum(RelationGetRelid(rel), columns[i]);
		Form_pg_attribute attribute = TupleDescAttr(desc, column - 1);

		values[i] = heap_getattr(row, column, desc, &nulls[i]);
		if (!nulls[i])
			values[i] = datumCopy(values[i], attribute->attbyval, attribute->attlen);
	}
	systable_endscan(scan);
	peek_end();
	table_close(rel, AccessShareLock);
	return found;
}

/* Has the table any row; or, with an index of some of its rows, any of those? */
bool
peek_any(const char *table, const char *index)
{
	Relation	rel = peek_open(table);
	Oid			indexid = index ? get_relname_relid(index, RelationGetNamespace(rel)) : InvalidOid;
	SysScanDesc scan;
	bool		any;

	peek_begin();
	scan = systable_beginscan(rel, indexid, OidIsValid(indexid), GetActiveSnapshot(), 0, NULL);
	any = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	peek_end();
	table_close(rel, AccessShareLock);
	return any;
}

/*
 * Appends which versions of a table's rows the active snapshot shows: the same
 * words, the same rows. For tables of a few rows.
 */
void
peek_versions(StringInfo out, const char *table)
{
	Relation	rel = peek_open(table);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple	tuple;

	appendStringInfo(out, "%u", RelationGetRelid(rel));
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		appendStringInfo(out, " %u:%u.%u", HeapTupleHeaderGetRawXmin(tuple->t_data),
						 ItemPointerGetBlockNumber(&tuple->t_self),
						 ItemPointerGetOffsetNumber(&tuple->t_self));
	appendStringInfoChar(out, ';');
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/*
 * Looks at rows by the transaction that wrote them (column xid), from the oldest
 * that `seen`, a pg_snapshot, may not show: at no more than max of them, or up to
 * the first of a transaction that it does not show, if that is what is asked for.
 */
static int
look_since(const char *table, const char *index, Datum seen, int max, bool *unseen)
{
	Relation	rel = peek_open(table);
	Oid			indexid = get_relname_relid(index, RelationGetNamespace(rel));
	AttrNumber	xid = get_attnum(RelationGetRelid(rel), "xid");
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			rows = 0;

	ScanKeyInit(&key, xid, BTGreaterEqualStrategyNumber, F_XID8GE,
				OidFunctionCall1(F_PG_SNAPSHOT_XMIN, seen));
	scan = systable_beginscan(rel, indexid, true, GetActiveSnapshot(), 1, &key);
	while (rows < max && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, xid, RelationGetDescr(rel), &isnull);

		rows++;
		if (unseen && !DatumGetBool(OidFunctionCall2(F_PG_VISIBLE_IN_SNAPSHOT, value, seen)))
		{
			*unseen = true;
			break;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return rows;
}

/* Is there a row of a transaction that `seen` does not show? */
bool
peek_unseen(const char *table, const char *index, Datum seen)
{
	bool		unseen = false;

	(void) look_since(table, index, seen, PG_INT32_MAX, &unseen);
	return unseen;
}

/* How many rows, at most max, `seen` may not show. */
int
peek_recent(const char *table, const char *index, Datum seen, int max)
{
	return look_since(table, index, seen, max, NULL);
}

/* ---- rows by the bigint that identifies them ----------------------------------- */

struct PeekById
{
	Relation	rel;
	Relation	index;
	Snapshot	snapshot;
	IndexScanDesc scan;
	TupleTableSlot *slot;
};

/* index is of one column, the id. */
PeekById *
peek_by_id_begin(const char *table, const char *index)
{
	PeekById   *peek = palloc(sizeof(PeekById));

	/* registered, not active: it outlives what else is peeked at meanwhile */
	CommandCounterIncrement();
	peek->rel = peek_open(table);
	peek->index = index_open(get_relname_relid(index, RelationGetNamespace(peek->rel)), AccessShareLock);
	peek->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	peek->scan = index_beginscan_compat(peek->rel, peek->index, peek->snapshot, 1);
	peek->slot = table_slot_create(peek->rel, NULL);
	return peek;
}

/* A column's number, for slot_getattr(). */
int
peek_column(const PeekById *peek, const char *column)
{
	return get_attnum(RelationGetRelid(peek->rel), column);
}

/* The row, until the next is asked for; NULL if there is none. */
TupleTableSlot *
peek_by_id(PeekById *peek, int64 id)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(id));
	index_rescan(peek->scan, &key, 1, NULL, 0);
	return index_getnext_slot(peek->scan, ForwardScanDirection, peek->slot) ? peek->slot : NULL;
}

void
peek_by_id_end(PeekById *peek)
{
	index_endscan(peek->scan);
	ExecDropSingleTupleTableSlot(peek->slot);
	UnregisterSnapshot(peek->snapshot);
	index_close(peek->index, AccessShareLock);
	table_close(peek->rel, AccessShareLock);
	pfree(peek);
}

/* One text of one row, in the current context; NULL if there is none. */
char *
peek_text_by_id(const char *table, const char *index, const char *column, int64 id)
{
	PeekById   *peek = peek_by_id_begin(table, index);
	TupleTableSlot *row = peek_by_id(peek, id);
	char	   *found = NULL;

	if (row)
	{
		bool		isnull;
		Datum		value = slot_getattr(row, peek_column(peek, column), &isnull);

		if (!isnull)
			found = TextDatumGetCString(value);
	}
	peek_by_id_end(peek);
	return found;
}
