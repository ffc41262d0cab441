/*
 * alert.c
 *		The CHECK constraint of tracer.alert.
 *
 * A constraint in C costs a fraction of a microsecond a row, where a BEFORE ROW
 * trigger makes COPY a fifth slower, and unlike NOT NULL and a plain CHECK
 * expression it can tell the sender what to do. It looks only at whether the
 * title is there, never at its bytes, so that a toasted title is not fetched:
 * an empty title is a title (a tool that sends one loses no alert).
 *
 * The function is IMMUTABLE and either returns true or raises; it never
 * returns false or NULL.
 *
 * In passing, it notices rows that bring another transaction's id: restored
 * ones, or rows copied from a table elsewhere. The correlator knows what is new
 * by those ids, so such rows would never be new to it, or always. The
 * transaction that brings them leaves a mark (worker/wake.c), and the next pass
 * compares everything with what has been placed.
 */
#include "compat.h"

#include "access/xact.h"
#include "fmgr.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "alert/alert.h"

PG_FUNCTION_INFO_V1(tracer_alert_is_valid);
PG_FUNCTION_INFO_V1(tracer_note_xid);

/* The transaction in which such a row came. */
static LocalTransactionId foreign_rows_in = InvalidLocalTransactionId;

static inline void
note_xid(FunctionCallInfo fcinfo, int n)
{
	FullTransactionId own = GetTopFullTransactionIdIfAny();

	/* the default has given the transaction its id; without one the row brings its own */
	if (unlikely(!PG_ARGISNULL(n) &&
				 !FullTransactionIdEquals(PG_GETARG_FULLTRANSACTIONID(n), own)))
		foreign_rows_in = my_lxid();
}

bool
alert_take_foreign_rows(void)
{
	bool		came = foreign_rows_in == my_lxid();

	foreign_rows_in = InvalidLocalTransactionId;
	return came;
}

Datum
tracer_note_xid(PG_FUNCTION_ARGS)
{
	note_xid(fcinfo, 0);
	PG_RETURN_BOOL(true);
}

Datum
tracer_alert_is_valid(PG_FUNCTION_ARGS)
{
	if (unlikely(PG_ARGISNULL(0)))
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("alert has no title"),
				 errhint("Give the alert a title: what happened, in one line.")));

	/* A NULL time is the time of arrival. */
	if (likely(!PG_ARGISNULL(1)))
	{
		TimestampTz fired_at = PG_GETARG_TIMESTAMPTZ(1);

		if (unlikely(TIMESTAMP_NOT_FINITE(fired_at)))
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
					 errmsg("alert has an infinite time: fired_at is \"%s\"",
							timestamptz_to_str(fired_at)),
					 errhint("Leave fired_at out, or NULL, if the time is not known: the time of arrival takes its place.")));
	}
	note_xid(fcinfo, 2);

	PG_RETURN_BOOL(true);
}
