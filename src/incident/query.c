/*
 * query.c
 *		Statements and bulk arrays over SPI, for the correlator.
 *
 * Each statement is prepared once per backend and kept: a pass over one alert
 * runs about twenty of them, and planning would be most of its time. It has two
 * plans. That of a small pass is made once, whatever the parameters, and goes by
 * indexes only: right for a few rows, however large the tables are and whatever
 * their statistics say. The other is PostgreSQL's choice. A pass begins as a
 * small one, until it has looked how much there is to do. Many rows go in as one
 * array per column (unnest), in slices; they come out one by one, as the executor
 * makes them. New rows go in without a statement (table/rows.c).
 *
 * Statements are never read-only: each takes a new snapshot, so that what the
 * previous holder of the correlator's lock committed is seen.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "incident/pass.h"
#include "table/rows.h"

#define SEND_ROWS 50000

static Oid	extension = InvalidOid;
static bool small = false;
static int	few_level;

/* Connects to SPI; which installation this is, is asked once a pass. */
void
query_begin(void)
{
	SPI_connect();
	extension = get_extension_oid("tracer", false);
	small = false;
}

/*
 * From here on there is little to do. What it sets ends with query_many(), the
 * SQL function that this runs in, or the worker's transaction.
 */
void
query_few(void)
{
	/* a scan that cannot be avoided looks dear enough then to be compiled */
	static const char *const off[] = {"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"};

	small = true;
	few_level = NewGUCNestLevel();
	for (int i = 0; i < lengthof(off); i++)
		(void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
}

/* There is more to do than it seemed. */
void
query_many(void)
{
	if (small)
		AtEOXact_GUC(true, few_level);
	small = false;
}

/*
 * The plan of a statement. DROP EXTENSION and CREATE EXTENSION within one
 * session give tracer's types other oids, which a plan's parameters would not
 * follow: it is thrown away then.
 */
static SPIPlanPtr
prepared(Statement *st, int nargs, const Oid *types)
{
	SPIPlanPtr *plan = small ? &st->plan_few : &st->plan;

	if (st->extension != extension)
	{
		if (st->plan)
			SPI_freeplan(st->plan);
		if (st->plan_few)
			SPI_freeplan(st->plan_few);
		st->plan = st->plan_few = NULL;
		st->extension = extension;
	}
	if (*plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare_cursor(st->sql, nargs, (Oid *) types,
											  small ? CURSOR_OPT_GENERIC_PLAN : 0);

		if (made == NULL)
			elog(ERROR, "could not prepare statement: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(made);
		*plan = made;
	}
	return *plan;
}

/* Runs a statement whose result, if any, is small; rows are in SPI_tuptable. */
uint64
query(Statement *st, int nargs, const Oid *types, const Datum *values, const char *nulls)
{
	int			rc = SPI_execute_plan(prepared(st, nargs, types), (Datum *) values, nulls, false, 0);

	if (rc < 0)
		elog(ERROR, "could not execute statement: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

/* Takes rows as the executor makes them, and hands them to a function. */
typedef struct RowReceiver
{
	DestReceiver pub;
	RowFunction row;
	void	   *context;
	MemoryContext caller;
} RowReceiver;

static void
row_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static bool
row_receive(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *to = (RowReceiver *) self;
	MemoryContext executor = MemoryContextSwitchTo(to->caller);
	bool		copied;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, &copied);

	to->row(to->context, tuple, slot->tts_tupleDescriptor);
	if (copied)
		heap_freetuple(tuple);
	MemoryContextSwitchTo(executor);
	return true;
}

static void
row_shutdown(DestReceiver *self)
{
}

/*
 * Runs a query, handing each row to a function as it comes, in the caller's memory
 * context. The function must not run queries itself.
 */
void
query_each(Statement *st, int nargs, const Oid *types, const Datum *values, const char *nulls,
		   RowFunction row, void *context)
{
	RowReceiver to = {
		.pub = {row_receive, row_startup, row_shutdown, row_shutdown, DestNone},
		.row = row, .context = context, .caller = CurrentMemoryContext
	};
	ParamListInfo params = makeParamList(nargs);
	SPIExecuteOptions options = {.params = params, .dest = &to.pub};
	int			rc;

	for (int i = 0; i < nargs; i++)
		params->params[i] = (ParamExternData) {
			.value = values[i], .isnull = nulls != NULL && nulls[i] == 'n',
			.pflags = PARAM_FLAG_CONST, .ptype = types[i]
		};
	rc = SPI_execute_plan_extended(prepared(st, nargs, types), &options);
	if (rc < 0)
		elog(ERROR, "could not execute statement: %s", SPI_result_code_string(rc));
	pfree(params);
}

/*
 * The same by indexes only, however much there is to do: for a query whose rows are
 * few beside the tables that they are in.
 */
void
query_each_by_key(Statement *st, int nargs, const Oid *types, const Datum *values, const char *nulls,
				  RowFunction row, void *context)
{
	bool		many = !small;

	if (many)
		query_few();
	query_each(st, nargs, types, values, nulls, row, context);
	if (many)
		query_many();
}

void
column_init(Column *c, Oid type)
{
	memset(c, 0, sizeof(Column));
	c->type = type;
}

void
column_add(Column *c, Datum value, bool isnull)
{
	if (c->n == c->max)
	{
		c->max = c->max ? 2 * c->max : 64;
		c->values = c->values ? repalloc_huge(c->values, sizeof(Datum) * c->max)
			: palloc(sizeof(Datum) * c->max);
		c->nulls = c->nulls ? repalloc_huge(c->nulls, sizeof(bool) * c->max)
			: palloc(sizeof(bool) * c->max);
	}
	c->values[c->n] = value;
	c->nulls[c->n++] = isnull;
}

void
column_time(Column *c, int64 t, int64 none)
{
	column_add(c, TimestampTzGetDatum(t), t == none);
}

void
column_id(Column *c, int64 id)
{
	column_add(c, Int64GetDatum(id), id == 0);
}

void
column_text(Column *c, const char *text)
{
	column_add(c, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

void
column_char(Column *c, char v)
{
	column_add(c, CharGetDatum(v), v == '\0');
}

/* n of a column's values, from one on, as an array. */
Datum
column_array(const Column *c, int from, int n)
{
	int			lb = 1;
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(c->type, &len, &byval, &align);
	return PointerGetDatum(construct_md_array(c->values + from, c->nulls + from,
											  1, &n, &lb, c->type, len, byval, align));
}

/*
 * Runs a statement with the columns as array parameters, in slices, so that a
 * storm of alerts does not become one array of a gigabyte, and hands each row
 * of the result to a function (or none). The statement must not care about
 * slices.
 */
void
query_columns(Statement *st, Column *columns, int ncolumns, RowFunction row, void *context)
{
	Oid			types[32];
	Datum		values[32];
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "tracer arrays",
											   ALLOCSET_DEFAULT_SIZES);

	Assert(ncolumns <= 32);
	for (int from = 0; from < columns[0].n; from += SEND_ROWS)
	{
		MemoryContext old = MemoryContextSwitchTo(work);

		for (int i = 0; i < ncolumns; i++)
		{
			Column	   *c = &columns[i];

			Assert(c->n == columns[0].n);
			values[i] = column_array(c, from, Min(SEND_ROWS, c->n - from));
			types[i] = get_array_type(c->type);
		}
		MemoryContextSwitchTo(old);
		if (row != NULL)
			query_each(st, ncolumns, types, values, NULL, row, context);
		else
			query(st, ncolumns, types, values, NULL);
		MemoryContextReset(work);
	}
	MemoryContextDelete(work);
}

/* Inserts the rows of some columns into a table of schema tracer, if there are any. */
void
insert_columns(const char *table, const char *const *names, const Column *columns, int ncolumns)
{
	RowsColumn	c[32];

	Assert(ncolumns <= lengthof(c));
	if (columns[0].n == 0)
		return;
	for (int i = 0; i < ncolumns; i++)
	{
		Assert(columns[i].n == columns[0].n);
		c[i] = (RowsColumn) {names[i], columns[i].values, columns[i].nulls};
	}
	rows_insert(table, c, ncolumns, columns[0].n);
}

/* Columns 8 bytes wide: bigint, timestamptz. */
int64
row_int64(HeapTuple tuple, TupleDesc desc, int attno, int64 if_null)
{
	bool		isnull;
	Datum		d = SPI_getbinval(tuple, desc, attno, &isnull);

	return isnull ? if_null : DatumGetInt64(d);
}

bool
row_bool(HeapTuple tuple, TupleDesc desc, int attno)
{
	bool		isnull;
	Datum		d = SPI_getbinval(tuple, desc, attno, &isnull);

	return !isnull && DatumGetBool(d);
}

/* Text copied into the current context, NULL for NULL. */
char *
row_text(HeapTuple tuple, TupleDesc desc, int attno)
{
	bool		isnull;
	Datum		d = SPI_getbinval(tuple, desc, attno, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

/* An interval as microseconds: a month is 30 days, a day 24 hours. */
int64
interval_us(const char *text)
{
	Interval   *i = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
														  ObjectIdGetDatum(InvalidOid),
														  Int32GetDatum(-1)));

	return i->time + ((int64) i->month * DAYS_PER_MONTH + i->day) * USECS_PER_DAY;
}
