/*
 * sql_lineage.c
 *		tracer.sql_lineage(): from an SQL text to rows of lineage.
 *
 * The grammar is the server's own. What it rejects becomes an error that names
 * line and column in its message, since whoever stores the error of an import
 * has no cursor to show.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "sqltext/sqltext.h"

PG_FUNCTION_INFO_V1(tracer_sql_lineage);

/* Line and column, from 1, of the n-th character of a text. */
static void
place_of(const char *sql, int n, int *line, int *column)
{
	*line = *column = 1;
	for (int i = 1; i < n && *sql; i++)
	{
		if (*sql == '\n')
		{
			(*line)++;
			*column = 1;
		}
		else
			(*column)++;
		sql += pg_mblen(sql);
	}
}

static List *
parse(const char *sql)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorContextCallback *callers = error_context_stack;
	List	   *volatile list = NIL;

	PG_TRY();
	{
		/* or a calling function would take the position for one in its own text */
		error_context_stack = NULL;
		list = raw_parser(sql, RAW_PARSE_DEFAULT);
		error_context_stack = callers;
	}
	PG_CATCH();
	{
		ErrorData  *e;
		int			line,
					column;

		MemoryContextSwitchTo(context);
		e = CopyErrorData();
		if (e->cursorpos <= 0)
			PG_RE_THROW();
		FlushErrorState();
		place_of(sql, e->cursorpos, &line, &column);
		ereport(ERROR,
				(errcode(e->sqlerrcode),
				 errmsg("%s (line %d, column %d of the SQL text)", e->message, line, column),
				 e->detail ? errdetail_internal("%s", e->detail) : 0,
				 errhint("PostgreSQL's grammar reads the text; other dialects are understood as far as they agree with it.")));
	}
	PG_END_TRY();
	return list;
}

static int
compare_names(const char *a, const char *b)
{
	if (a == b)
		return 0;
	if (a == NULL || b == NULL)
		return a == NULL ? 1 : -1;	/* NULLs last: the table as such */
	return strcmp(a, b);
}

static int
compare_rows(const void *pa, const void *pb)
{
	const SqlRow *a = pa,
			   *b = pb;
	int			c = compare_names(a->target, b->target);

	if (c == 0)
		c = compare_names(a->source, b->source);
	if (c == 0)
		c = compare_names(a->target_column, b->target_column);
	return c ? c : compare_names(a->source_column, b->source_column);
}

/* Sorted, each once; the table as such only where no column says more. */
static void
put_rows(ReturnSetInfo *rsinfo, SqlText *t)
{
	const SqlRow *last = NULL;

	qsort(t->rows, t->nrows, sizeof(SqlRow), compare_rows);
	for (int i = 0; i < t->nrows; i++)
	{
		const SqlRow *r = &t->rows[i];
		const char *value[4] = {r->target, r->source, r->target_column, r->source_column};
		Datum		values[4];
		bool		nulls[4];

		if (last && last->target == r->target && last->source == r->source &&
			(r->target_column == NULL || compare_rows(last, r) == 0))
			continue;
		last = r;
		for (int c = 0; c < 4; c++)
		{
			nulls[c] = value[c] == NULL;
			values[c] = nulls[c] ? (Datum) 0 : CStringGetTextDatum(value[c]);
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

Datum
tracer_sql_lineage(PG_FUNCTION_ARGS)
{
	SqlText		t = {0};
	HASHCTL		ctl = {.keysize = 4 * NAMEDATALEN, .entrysize = 4 * NAMEDATALEN};
	MemoryContext context,
				old;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	if (!PG_ARGISNULL(1))
	{
		text	   *schema = PG_GETARG_TEXT_PP(1);

		if (VARSIZE_ANY_EXHDR(schema) >= 2 * NAMEDATALEN)
			ereport(ERROR,
					(errcode(ERRCODE_NAME_TOO_LONG),
					 errmsg("default_schema is too long: %d bytes", (int) VARSIZE_ANY_EXHDR(schema)),
					 errhint("Give the schema, or database and schema with a dot between, at most %d bytes.",
							 2 * NAMEDATALEN - 1)));
		if (VARSIZE_ANY_EXHDR(schema) > 0)
			t.default_schema = text_to_cstring(schema);
	}

	context = AllocSetContextCreate(CurrentMemoryContext, "tracer SQL text", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	ctl.hcxt = context;
	t.strings = hash_create("tracer names of an SQL text", 256, &ctl,
							HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	foreach(lc, parse(text_to_cstring(PG_GETARG_TEXT_PP(0))))
		sql_statement(&t, lfirst_node(RawStmt, lc)->stmt, NULL, true);
	put_rows((ReturnSetInfo *) fcinfo->resultinfo, &t);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
