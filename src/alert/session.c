/*
 * session.c
 *		tracer.session_id(ts, gap): numbers the sessions of a partition.
 *
 * The executor calls a window function once for each row of a partition, in
 * the window's order. All that is remembered between two calls is the last
 * time seen and the number of sessions begun so far, so a row costs the same
 * however long its partition is, and the rows before it are soon given up
 * instead of piling up in the executor's tuple store.
 *
 * A row without a time begins no session and is skipped in measuring: it
 * shows the number of sessions begun before it. (It does not show NULL,
 * because the result must never decrease, nor stop comparing, from row to
 * row: that is what lets `WHERE session <= k` end the scan. A NULL in the
 * middle would end it too early.)
 */
#include "compat.h"

#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "windowapi.h"

#include "alert/gap.h"

PG_FUNCTION_INFO_V1(tracer_session_id);
PG_FUNCTION_INFO_V1(tracer_session_id_support);

/* How many rows the executor keeps at most behind the current one. */
#define FORGET_EVERY	64

/* Kept for a partition; zeroed by the executor at its start. */
typedef struct SessionState
{
	int64		sessions;		/* begun so far; 0: no time seen yet */
	int64		rows;			/* called for so far */
	TimestampTz last;			/* time of the latest row that had one */
	Interval	interval;		/* the gap as last given ... */
	uint64		gap;			/* ... and in microseconds; 0: none yet */
} SessionState;

uint64
gap_from_argument(const Interval *interval, const char *func)
{
	uint64		gap;

	if (interval == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("gap of tracer.%s() is NULL", func),
				 errhint("Give the longest pause that still belongs to a session, such as interval '30 minutes'.")));

	if (!gap_from_interval(interval, &gap))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("gap of tracer.%s() is not positive: \"%s\"", func,
						DatumGetCString(DirectFunctionCall1(interval_out,
															IntervalPGetDatum(interval)))),
				 errhint("Give the longest pause that still belongs to a session, such as interval '30 minutes'.")));
	return gap;
}

Datum
tracer_session_id(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	SessionState *state;
	Interval   *interval;
	TimestampTz ts;
	Datum		arg;
	bool		isnull;

	state = (SessionState *) WinGetPartitionLocalMemory(winobj, sizeof(SessionState));

	/* Give up the rows passed, now and then: doing it for each one costs more. */
	if ((++state->rows & (FORGET_EVERY - 1)) == 0)
		WinSetMarkPosition(winobj, WinGetCurrentPosition(winobj));

	/* The gap is nearly always the same: convert it only when it changes. */
	arg = WinGetFuncArgCurrent(winobj, 1, &isnull);
	interval = isnull ? NULL : DatumGetIntervalP(arg);
	if (unlikely(interval == NULL || state->gap == 0 ||
				 memcmp(interval, &state->interval, sizeof(Interval)) != 0))
	{
		state->gap = gap_from_argument(interval, "session_id");
		state->interval = *interval;
	}

	arg = WinGetFuncArgCurrent(winobj, 0, &isnull);
	if (isnull)
		PG_RETURN_INT64(state->sessions);
	ts = DatumGetTimestampTz(arg);

	if (state->sessions == 0 || time_distance(state->last, ts) > state->gap)
		state->sessions++;
	state->last = ts;

	PG_RETURN_INT64(state->sessions);
}

/*
 * Tells the planner that the number never decreases from row to row, in
 * whatever order, so that a filter on it can end the scan (a Run Condition),
 * and that the window's frame does not matter to it.
 */
Datum
tracer_session_id_support(PG_FUNCTION_ARGS)
{
	Node	   *rawreq = (Node *) PG_GETARG_POINTER(0);

	if (IsA(rawreq, SupportRequestWFuncMonotonic))
	{
		SupportRequestWFuncMonotonic *req = (SupportRequestWFuncMonotonic *) rawreq;

		req->monotonic = MONOTONICFUNC_INCREASING;
		PG_RETURN_POINTER(req);
	}

#if PG_VERSION_NUM >= 160000
	if (IsA(rawreq, SupportRequestOptimizeWindowClause))
	{
		SupportRequestOptimizeWindowClause *req = (SupportRequestOptimizeWindowClause *) rawreq;

		req->frameOptions = (FRAMEOPTION_NONDEFAULT |
							 FRAMEOPTION_ROWS |
							 FRAMEOPTION_START_UNBOUNDED_PRECEDING |
							 FRAMEOPTION_END_CURRENT_ROW);
		PG_RETURN_POINTER(req);
	}
#endif

	PG_RETURN_POINTER(NULL);
}
