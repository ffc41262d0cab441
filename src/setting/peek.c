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
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "setting/peek.h"

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
