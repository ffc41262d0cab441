/*
 * correlator.c
 *		The process that correlates one database.
 *
 * It sleeps on its latch until a commit wakes it (wake.c), and looks by itself
 * now and then, should a wake-up have gone missing. Awake, it takes what has
 * come, a bounded number of alerts to a transaction, until nothing is left.
 * While alerts keep coming it rests after each pass for about twice as long as
 * the pass took: the next one then takes more at once, which costs less for
 * each, and the writers get the processor back. An alert that comes alone never
 * meets that.
 *
 * What is to be told of it is the sender's to decide, in one transaction with
 * handing it out: a pass's commit wakes it, too. Where there is no sender, or it
 * leaves news lying for a second, that is decided here.
 *
 * A pass that fails is rolled back, reported and tried again after a while, with
 * fewer alerts to a transaction, down to one. An alert that fails alone, twice,
 * while another can be placed is set aside and tried again later, so that one bad
 * row does not stop the others. Nothing is lost by that, nor by the death of
 * the process at any point: what a pass did not commit is new to the next one.
 * Its commits need not reach the disk at once, for the same reason; what leaves
 * the server is committed after them, and flushed.
 */
#include "compat.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "guc.h"
#include "incident/correlate.h"
#include "incident/pass.h"
#include "worker/process.h"
#include "worker/worker.h"

#define MAX_BATCH 500000
#define POLL_MS 10000
#define REST 2					/* times as long as the pass before */
#define LONGEST_REST_MS 500
#define DOZE_MS 100				/* at rest, between looks at what it is told */
#define HURRY_MS 10
#define OVERDUE_MS 1000
#define NARROW_MS 100

typedef struct Correlator
{
	TracerPresence presence;
	int64		batch;			/* alerts to a transaction */
	int64		taken;			/* by the last pass */
	int64		took_us;		/* how long the last pass was */
	TimestampTz next;			/* when to look at notifications again */
	TimestampTz looked_at;		/* when that was asked last */
	TimestampTz left_since;		/* the sender has left news lying; 0: it has not */
	bool		want_sender;
	bool		has_aside;		/* alerts were set aside */
	int64		culprit;		/* took part alone in the last pass that failed; 0: none did */
	int64		again;			/* to be tried again */
} Correlator;

static void
one_pass(void *arg)
{
	Correlator *c = arg;
	TimestampTz began = GetCurrentTimestamp();

	c->taken = 0;
	c->presence = tracer_begin();
	if (c->presence == TRACER_PRESENT)
		c->taken = correlate_now(c->batch);
	tracer_commit();
	if (c->presence == TRACER_PRESENT)
	{
		c->took_us = GetCurrentTimestamp() - began;
		tracer_report_pass(c->taken, c->took_us);
	}
}

/* Leaves out the alert that failed alone, if another can be placed. */
static void
go_past(void *arg)
{
	Correlator *c = arg;

	c->taken = 0;
	c->presence = tracer_begin();
	if (c->presence == TRACER_PRESENT &&
		correlate_past(c->culprit, tracer_reported_error()))
	{
		ereport(WARNING,
				(errmsg("tracer set aside alert %lld, which it cannot place", (long long) c->culprit),
				 errdetail("%s", tracer_reported_error()),
				 errhint("See tracer.doctor(); it is tried again later.")));
		c->taken = 1;
	}
	tracer_commit();
}

static void
find_again(void *arg)
{
	Correlator *c = arg;

	c->presence = tracer_begin();
	c->again = c->presence == TRACER_PRESENT ? correlate_due() : 0;
	tracer_commit();
}

static void
try_again(void *arg)
{
	Correlator *c = arg;

	c->presence = tracer_begin();
	if (c->presence == TRACER_PRESENT)
		correlate_again(c->again);
	tracer_commit();
}

/*
 * After a pass that failed: fewer to the next; or past the alert that it failed
 * with. False: no way forward was found, and it is time to wait.
 */
static bool
narrow_down(Correlator *c)
{
	int64		before = c->culprit;

	c->culprit = c->batch == 1 ? correlate_culprit() : 0;
	c->batch = Max(c->batch / 64, 1);
	return c->culprit != 0 && c->culprit == before && tracer_try(go_past, c) && c->taken > 0;
}

/* Is what is due the sender's to plan, and has it had no time yet? */
static bool
left_to_sender(Correlator *c)
{
	if (!tracer_sender_works())
	{
		c->left_since = 0;
		return false;
	}
	if (c->left_since == 0)
		c->left_since = c->looked_at;
	return !TimestampDifferenceExceeds(c->left_since, c->looked_at, OVERDUE_MS);
}

/*
 * What is to be told about incidents, and when to look again; after the pass and
 * not in it, so that incidents are seen first and the two can fail apart. Also
 * whether a sender is of use here.
 */
static void
plan(void *arg)
{
	static Statement look = {"SELECT tracer.next_notification_at(), EXISTS (SELECT FROM tracer.channel), "
		"EXISTS (SELECT FROM tracer.set_aside)"};
	static Statement write = {"SELECT tracer.plan_notifications()"};
	Correlator *c = arg;

	c->presence = tracer_begin();
	if (c->presence == TRACER_PRESENT)
	{
		query_begin();
		query(&look, 0, NULL, NULL, NULL);
		c->next = row_int64(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, DT_NOEND);
		c->want_sender = row_bool(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2) || tracer_heartbeat_url[0] != '\0';
		c->has_aside = row_bool(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
		c->looked_at = GetCurrentTimestamp();
		if (c->next > c->looked_at)
			c->left_since = 0;
		else if (!left_to_sender(c))
		{
			c->left_since = 0;
			query(&write, 0, NULL, NULL, NULL);
			query(&look, 0, NULL, NULL, NULL);
			c->next = row_int64(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, DT_NOEND);
		}
		SPI_finish();
	}
	tracer_commit();
}

/* A pass that took alerts has woken the sender; it need not be looked after each time. */
static bool
sender_was_woken(const Correlator *c)
{
	return tracer_sender_works() && !TimestampDifferenceExceeds(c->looked_at, GetCurrentTimestamp(), OVERDUE_MS);
}

/*
 * How long there is nothing to do by itself. News that a look left over are due
 * at once; what else is due although all was planned is the sender's, and no
 * reason to hurry.
 */
static long
until_next(const Correlator *c)
{
	TimestampTz now = GetCurrentTimestamp();

	if (c->next == DT_NOBEGIN && c->left_since == 0)
		return HURRY_MS;
	if (c->next <= now)
		return OVERDUE_MS;
	return Min(POLL_MS, Max(HURRY_MS, TimestampDifferenceMilliseconds(now, c->next)));
}

/*
 * Library and catalog disagree, or the database is a copy: nothing to do but to
 * say so, once, and to wait until a person has acted.
 */
static void
stand_by(TracerPresence why)
{
	static TracerPresence said = TRACER_PRESENT;

	if (why == TRACER_OTHER_VERSION)
	{
		if (said != why)
			ereport(WARNING,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("\"%s\" stands by: the extension there is of another version than the loaded library, %s",
							MyBgworkerEntry->bgw_name, TRACER_VERSION),
					 errhint("Run ALTER EXTENSION tracer UPDATE, or restart the server to load the library that is installed now.")));
		tracer_report_state(TRACER_MISMATCH);
		pgstat_report_activity(STATE_IDLE, "waiting for ALTER EXTENSION tracer UPDATE, or a restart");
	}
	else
	{
		if (said != why)
			ereport(LOG,
					(errmsg("\"%s\" stands by: the database was restored, copied or disarmed", MyBgworkerEntry->bgw_name),
					 errhint("SELECT tracer.arm() lets it act by itself here.")));
		tracer_report_state(TRACER_UNARMED);
		pgstat_report_activity(STATE_IDLE, "waiting for tracer.arm()");
	}
	said = why;
}

static void
after_waiting(void)
{
	if (tracer_asked_to_leave())
		proc_exit(0);
	QueryCancelPending = false; /* there is nothing to cancel */
	CHECK_FOR_INTERRUPTS();
	tracer_reload();
}

static void
wait_for(long ms, uint32 wait_event)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, wait_event);
	ResetLatch(MyLatch);
	after_waiting();
}

/*
 * Waits without looking at the latch. The first commit meanwhile sets it, and it
 * stays set: all others see that and signal nobody. Counted down, not by the
 * clock, which may be set back meanwhile.
 */
static void
rest(long ms, uint32 wait_event)
{
	for (; ms > 0; ms -= DOZE_MS)
	{
		(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(ms, DOZE_MS), wait_event);
		after_waiting();
	}
}

void
tracer_correlator_main(Datum arg)
{
	Correlator	c = {.batch = MAX_BATCH};
	int			failures = 0;
	int			plan_failures = 0;
	TimestampTz plan_not_before = 0;
	uint32		idle,
				resting;

	tracer_process_begin(TRACER_CORRELATOR);
	SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE);
	idle = wait_event_named("TracerIdle");
	resting = wait_event_named("TracerRest");

	for (;;)
	{
		tracer_report_state(TRACER_WORKING);
		pgstat_report_activity(STATE_RUNNING, "correlating alerts");
		if (!tracer_try(one_pass, &c))
		{
			bool		alone = c.batch == 1;

			if (narrow_down(&c))
				continue;
			tracer_report_state(TRACER_BACKING_OFF);
			pgstat_report_activity(STATE_IDLE, "waiting to try again after an error");
			pgstat_report_stat(true);
			rest(alone ? tracer_back_off(++failures) : NARROW_MS, resting);
			continue;
		}
		failures = 0;
		c.culprit = 0;
		c.batch = Min(c.batch * 2, MAX_BATCH);

		if (c.presence == TRACER_NOT_THERE)
		{
			tracer_report_state(TRACER_ABSENT);
			proc_exit(0);
		}
		if (c.presence != TRACER_PRESENT)
		{
			tracer_report_ready(false, false);
			stand_by(c.presence);
			wait_for(POLL_MS, idle);
			continue;
		}

		/* trouble with notifications holds up no incident */
		if (GetCurrentTimestamp() >= plan_not_before && !(c.taken > 0 && sender_was_woken(&c)))
		{
			if (tracer_try(plan, &c))
				plan_failures = 0;
			else
				c.next = plan_not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
																	   tracer_back_off(++plan_failures));
			tracer_report_ready(true, c.want_sender);
		}
		if (c.taken == 0 && c.has_aside && tracer_try(find_again, &c) && c.again != 0)
			(void) tracer_try(try_again, &c);
		if (c.taken > 0)
			rest(Min(REST * c.took_us / 1000, LONGEST_REST_MS), resting);
		else
		{
			long		flush = pgstat_report_stat(false);
			long		next = until_next(&c);

			tracer_report_state(plan_failures > 0 ? TRACER_BACKING_OFF : TRACER_IDLE);
			pgstat_report_activity(STATE_IDLE, "waiting for alerts");
			wait_for(flush > 0 ? Min(flush, next) : next, idle);
		}
	}
}
