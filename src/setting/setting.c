/*
 * setting.c
 *		tracer.get(): the value of one setting.
 *
 * In C, as every message asks for a dozen of them. What somebody set is a row of
 * tracer.setting_override and is looked up each time, under the caller's
 * snapshot. The rest is as tracer.setting_catalog() declares it: this is read
 * once, and again when that function is not the one that it was.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "table/peek.h"
#include "setting/setting.h"

PG_FUNCTION_INFO_V1(tracer_get);

/* Columns of tracer.setting_override. */
#define NAME	1
#define VALUE	2

typedef struct Default
{
	char	   *name;
	char	   *value;			/* NULL: none */
} Default;

static struct
{
	MemoryContext context;		/* NULL: nothing was read */
	char	   *declaration;
	int			n;
	Default    *list;
}			defaults;

/* Appends which declaration of the settings is in force. */
void
setting_declaration(StringInfo out)
{
	HeapTuple	tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum("setting_catalog"),
										PointerGetDatum(buildoidvector(NULL, 0)),
										ObjectIdGetDatum(get_namespace_oid("tracer", false)));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "function tracer.setting_catalog() does not exist");
	appendStringInfo(out, "%u %u:%u.%u;", ((Form_pg_proc) GETSTRUCT(tuple))->oid,
					 HeapTupleHeaderGetRawXmin(tuple->t_data),
					 ItemPointerGetBlockNumber(&tuple->t_self),
					 ItemPointerGetOffsetNumber(&tuple->t_self));
	ReleaseSysCache(tuple);
}

static void
read_defaults(const char *declaration)
{
	MemoryContext context;

	SPI_connect();
	if (SPI_execute("SELECT name, default_value FROM tracer.setting_catalog()", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the declaration of settings");
	if (defaults.context)
		MemoryContextDelete(defaults.context);
	defaults.context = NULL;
	context = AllocSetContextCreate(TopMemoryContext, "tracer settings", ALLOCSET_SMALL_SIZES);
	defaults.declaration = MemoryContextStrdup(context, declaration);
	defaults.n = (int) SPI_processed;
	defaults.list = MemoryContextAlloc(context, sizeof(Default) * defaults.n);
	for (int i = 0; i < defaults.n; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		defaults.list[i] = (Default) {
			MemoryContextStrdup(context, name), value ? MemoryContextStrdup(context, value) : NULL
		};
	}
	defaults.context = context;
	SPI_finish();
}

/* What applies where nobody set anything; NULL also if there is no such setting. */
static const char *
default_of(const char *name)
{
	StringInfoData declaration;

	initStringInfo(&declaration);
	setting_declaration(&declaration);
	if (defaults.context == NULL || strcmp(defaults.declaration, declaration.data) != 0)
		read_defaults(declaration.data);
	for (int i = 0; i < defaults.n; i++)
		if (strcmp(defaults.list[i].name, name) == 0)
			return defaults.list[i].value;
	return NULL;
}

/* What somebody set, if anybody did. */
static bool
find_override(const char *name, char **value)
{
	Relation	rel = peek_open("setting_override");
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple	tuple;
	bool		found = false;

	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		d = heap_getattr(tuple, NAME, RelationGetDescr(rel), &isnull);

		if (isnull || strcmp(TextDatumGetCString(d), name) != 0)
			continue;
		found = true;
		d = heap_getattr(tuple, VALUE, RelationGetDescr(rel), &isnull);
		*value = isnull ? NULL : TextDatumGetCString(d);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

Datum
tracer_get(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *set = NULL;
	const char *value;

	value = find_override(name, &set) ? set : default_of(name);
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}
