/*
 * outbox.c
 *		The sender's side of the outbox: what it takes, what it brings back.
 *
 * What is due, to whom and in which words is decided in SQL, where claiming
 * renders it; what an answer means is decided there, too. Here rows become
 * requests and answers become rows. Requests go out in UTF-8 whatever the
 * database's encoding, with question marks for what has no place there; what comes
 * back may be anything, and is made text.
 */
#include "compat.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "send/outbox.h"

#define TIMEOUT_MS 10000

/*
 * A list in the options that is no list must not stop the other rows: it counts
 * as empty, and the request is refused later for want of it.
 */
#define OPTION_LIST(name) \
	"CASE jsonb_typeof(n.options->'" name "') WHEN 'array'" \
	" THEN ARRAY(SELECT jsonb_array_elements_text(n.options->'" name "')) ELSE '{}' END"

static const char *const claim_sql =
"SELECT n.notification_id, n.attempt, n.channel, n.method, n.url, n.headers, n.body, n.timeout_ms,"
"       n.options->>'from', n.options->>'username', n.options->>'password',"
"       coalesce(n.options->'starttls' = 'true', false),"
"       " OPTION_LIST("to") ", " OPTION_LIST("redact")
"  FROM tracer.claim_notifications($1, $2) AS n";

enum
{
	C_ID = 1, C_ATTEMPT, C_CHANNEL, C_METHOD, C_URL, C_HEADERS, C_BODY, C_TIMEOUT,
	C_FROM, C_USERNAME, C_PASSWORD, C_STARTTLS, C_TO, C_REDACT
};

static const char *const record_sql =
"SELECT tracer.record_deliveries($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/* A message's own row, and not what else somebody may want of it. */
static const char *const record_bare_sql =
"SELECT tracer.record_deliveries($1, $2, $3, $4, $5, $6, $7, $8, $9, history => false)";

static const char *const release_sql = "SELECT tracer.release_notifications()";

static const char *const next_sql = "SELECT tracer.next_notification_at()";

/* Plans are made once; they notice by themselves when the extension is replaced. */
static void
run(SPIPlanPtr *plan, const char *sql, int nargs, Oid *types, Datum *values)
{
	int			rc;

	if (*plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare(sql, nargs, types);

		if (made == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(made);
		*plan = made;
	}
	rc = SPI_execute_plan(*plan, values, NULL, false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
}

/* ------------------------------------------------------------------ claiming */

/* What is no character of that encoding becomes a question mark. */
static void
make_valid(char *text, int encoding)
{
	int			len = strlen(text);

	for (int i = 0; i < len;)
	{
		int			width = 1;

		if (IS_HIGHBIT_SET(text[i]))
		{
			width = encoding == PG_UTF8 ? pg_encoding_verifymbchar(PG_UTF8, text + i, len - i) : -1;
			if (width < 0)
			{
				text[i] = '?';
				width = 1;
			}
		}
		i += width;
	}
}

/*
 * Not every text can be said in UTF-8: SQL_ASCII takes any bytes, and WIN1252 has
 * some that mean nothing. One of them must not stop the whole claim.
 */
static char *
utf8(char *s)
{
	int			encoding = GetDatabaseEncoding();
	int			len = strlen(s);
	int			size = len * MAX_CONVERSION_GROWTH + 1;
	int			done = 0;
	int			made = 0;
	char	   *out;
	Oid			conversion;

	if (encoding == PG_UTF8)
		return s;
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion))
	{
		make_valid(s, PG_UTF8);
		return s;
	}
	out = palloc(size);
	out[0] = '\0';
	while (done < len)
	{
		done += pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, (unsigned char *) s + done, len - done,
											  (unsigned char *) out + made, size - made, true);
		made += strlen(out + made);
		if (done < len)
		{
			done += Min(pg_encoding_mblen(encoding, s + done), len - done);
			out[made++] = '?';
			out[made] = '\0';
		}
	}
	return out;
}

static char *
get_text(int row, int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value ? utf8(value) : NULL;
}

static Datum
get_datum(int row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

static const char *const *
get_list(int row, int column, int *n)
{
	bool		isnull;
	Datum		value = get_datum(row, column, &isnull);
	Datum	   *elements;
	bool	   *nulls;
	int			nelements;
	const char **list;

	*n = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &nelements);
	list = palloc(sizeof(char *) * Max(nelements, 1));
	for (int i = 0; i < nelements; i++)
	{
		if (!nulls[i])
			list[(*n)++] = utf8(TextDatumGetCString(elements[i]));
	}
	return list;
}

static Notification *
read_notification(int row, MemoryContext context, TimestampTz now)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	Notification *n = palloc0(sizeof *n);
	HttpRequest *r = &n->request;
	bool		isnull;
	int			timeout;

	n->context = context;
	n->id = DatumGetInt64(get_datum(row, C_ID, &isnull));
	n->attempt = DatumGetInt32(get_datum(row, C_ATTEMPT, &isnull));
	n->channel = get_text(row, C_CHANNEL);
	if (n->channel == NULL)
		n->channel = pstrdup("");
	n->lease_end = TimestampTzPlusMilliseconds(now, OUTBOX_LEASE_MS);
	r->tag = n;
	r->method = get_text(row, C_METHOD);
	r->url = get_text(row, C_URL);
	if (r->url == NULL)
		r->url = pstrdup("");
	r->headers = get_list(row, C_HEADERS, &r->nheaders);
	r->body = get_text(row, C_BODY);
	timeout = DatumGetInt32(get_datum(row, C_TIMEOUT, &isnull));
	r->timeout_ms = isnull || timeout <= 0 ? TIMEOUT_MS : Min(timeout, OUTBOX_TIMEOUT_MAX_MS);
	r->from = get_text(row, C_FROM);
	r->username = get_text(row, C_USERNAME);
	r->password = get_text(row, C_PASSWORD);
	r->starttls = DatumGetBool(get_datum(row, C_STARTTLS, &isnull));
	r->to = get_list(row, C_TO, &r->nto);
	r->secrets = get_list(row, C_REDACT, &r->nsecrets);
	MemoryContextSwitchTo(before);
	return n;
}

List *
outbox_claim(int max, MemoryContext context)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {INT4OID, INTERVALOID};
	Interval	lease = {.time = OUTBOX_LEASE_MS * INT64CONST(1000)};
	Datum		values[] = {Int32GetDatum(max), IntervalPGetDatum(&lease)};
	TimestampTz now = GetCurrentTimestamp();
	List	   *result = NIL;

	SPI_connect();
	run(&plan, claim_sql, 2, types, values);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext own = AllocSetContextCreate(context, "tracer notification", ALLOCSET_SMALL_SIZES);
		Notification *n = read_notification((int) i, own, now);
		MemoryContext before = MemoryContextSwitchTo(context);

		result = lappend(result, n);
		MemoryContextSwitchTo(before);
	}
	SPI_finish();
	return result;
}

/* ----------------------------------------------------------------- recording */

/* Bytes of unknown origin as text of this database. */
static char *
made_text(const char *s)
{
	char	   *text = pstrdup(s);

	make_valid(text, GetDatabaseEncoding());
	return text;
}

typedef struct Column
{
	Oid			type;
	Datum	   *values;
	bool	   *nulls;
} Column;

static Datum
column_array(Column *column, int n)
{
	int			dims[] = {n};
	int			bounds[] = {1};
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(column->type, &len, &byval, &align);
	return PointerGetDatum(construct_md_array(column->values, column->nulls, 1, dims, bounds,
											  column->type, len, byval, align));
}

void
outbox_record(List *notifications)
{
	static SPIPlanPtr plan = NULL;
	static SPIPlanPtr bare_plan = NULL;
	bool		bare = ((Notification *) linitial(notifications))->bare != NULL;
	Oid			types[] = {INT8ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, FLOAT8ARRAYOID, TEXTARRAYOID,
	TIMESTAMPTZARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID};
	Column		columns[lengthof(types)];
	Datum		arrays[lengthof(types)];
	int			count = list_length(notifications);
	int			i = 0;
	ListCell   *lc;

	for (int c = 0; c < lengthof(types); c++)
	{
		columns[c].type = get_element_type(types[c]);
		columns[c].values = palloc0(sizeof(Datum) * count);
		columns[c].nulls = palloc0(sizeof(bool) * count);
	}
	foreach(lc, notifications)
	{
		Notification *n = lfirst(lc);
		const HttpAnswer unsent = {.error = n->unsent};
		const HttpAnswer *a = n->answer ? n->answer : &unsent;
		const char *error = a->error && n->terse ? "no answer" : a->error;
		const char *response = n->terse ? NULL : a->response;
		int			c = 0;

		if (n->bare)
			error = psprintf("%s%sthe attempt could not be recorded: %s", error ? error : "", error ? "; " : "", n->bare);

#define PUT(value) (columns[c++].values[i] = (value))
#define PUT_UNLESS(null, value) \
		do { \
			columns[c].nulls[i] = (null); \
			if (!columns[c].nulls[i]) \
				columns[c].values[i] = (value); \
			c++; \
		} while (0)

		PUT(Int64GetDatum(n->id));
		PUT(Int32GetDatum(n->attempt));
		PUT_UNLESS(a->status == 0, Int32GetDatum(a->status));
		PUT_UNLESS(error == NULL, CStringGetTextDatum(made_text(error)));
		PUT_UNLESS(a->retry_after <= 0, Float8GetDatum(a->retry_after));
		PUT_UNLESS(response == NULL, CStringGetTextDatum(made_text(response)));
		PUT_UNLESS(n->started_at == 0, TimestampTzGetDatum(n->started_at));
		PUT_UNLESS(a->connect_ms <= 0, Float8GetDatum(a->connect_ms));
		PUT_UNLESS(a->total_ms <= 0, Float8GetDatum(a->total_ms));
#undef PUT
#undef PUT_UNLESS
		i++;
	}
	for (int c = 0; c < lengthof(types); c++)
		arrays[c] = column_array(&columns[c], count);

	/* Of this transaction: other people's triggers are for other rows. */
	if (bare)
		(void) set_config_option("session_replication_role", "replica", PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	SPI_connect();
	run(bare ? &bare_plan : &plan, bare ? record_bare_sql : record_sql, lengthof(types), types, arrays);
	SPI_finish();
}

void
outbox_release(void)
{
	static SPIPlanPtr plan = NULL;

	SPI_connect();
	run(&plan, release_sql, 0, NULL, NULL);
	SPI_finish();
}

TimestampTz
outbox_next(void)
{
	static SPIPlanPtr plan = NULL;
	TimestampTz next = 0;
	bool		isnull = true;
	Datum		value = (Datum) 0;

	SPI_connect();
	run(&plan, next_sql, 0, NULL, NULL);
	if (SPI_processed == 1)
		value = get_datum(0, 1, &isnull);
	if (!isnull)
		next = DatumGetTimestampTz(value);
	SPI_finish();
	return next;
}
