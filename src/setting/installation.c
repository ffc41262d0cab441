/*
 * installation.c
 *		tracer.armed(): may the worker act by itself in this database?
 *
 * In C, as every pass asks: there is one row to read, where a function in SQL
 * costs a good part of a small pass.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "setting/installation.h"

#define DATABASE		1
#define ARMED_AT		3

PG_FUNCTION_INFO_V1(tracer_armed);

bool
installation_armed(void)
{
	Oid			relid = get_relname_relid("installation", get_namespace_oid("tracer", false));
	Relation	rel = table_open(relid, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple	tuple;
	int			rows = 0;
	bool		armed = false;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		no_database,
					not_armed;
		Datum		database = heap_getattr(tuple, DATABASE, RelationGetDescr(rel), &no_database);

		(void) heap_getattr(tuple, ARMED_AT, RelationGetDescr(rel), &not_armed);
		armed = !no_database && DatumGetObjectId(database) == MyDatabaseId && !not_armed;
		rows++;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return rows == 1 && armed;
}

Datum
tracer_armed(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(installation_armed());
}
