/*
 * sender.c
 *		The process that sends one database's notifications.
 *
 * It is the only process that loads this library, and libcurl with it. Its life
 * is a loop around three short transactions and none in between:
 *
 *	claim	decides what is to be told of what passes found, and takes due rows of
 *			the outbox under a lease, rendered at that moment
 *	send	puts them on the wire, many at once; no transaction is open
 *	record	writes down what came of them, in batches: while one is written, the
 *			next answers gather
 *
 * Invariants:
 *
 *	- The commit of a claim is on disk before anything of it is sent, and with it
 *	  all that was decided before: whatever crashes, a repetition has the same key.
 *	- What was claimed stays in memory until it is recorded. If recording fails,
 *	  it is tried again, one by one and with less and less, and nothing is claimed
 *	  until it works: a request is repeated only if this process died between
 *	  sending and recording, or if no answer came.
 *	- A request ends before its lease does, so nobody else can have it meanwhile.
 *	- What it has in its hands lies in lanes, one a channel (lanes.c).
 *	- Told to end, it claims nothing more, gives what is on the wire a moment to be
 *	  answered, records, and ends. What was not answered is recorded as that.
 */
#include "compat.h"

#include <signal.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "guc.h"
#include "send/http.h"
#include "send/lanes.h"
#include "send/outbox.h"
#include "send/policy.h"
#include "worker/process.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void tracer_sender_main(Datum arg);

#define TAKEN_MAX 512			/* claimed and not recorded */
#define CLAIM_REST_MS 50		/* between claims while a lane has enough to go on with */
#define PLAN_REST_MS 500		/* at most, after as long a claim that found nothing to send */
#define POLL_MS 60000			/* looks for work by itself this often */
#define NOT_NOW_MS 10000		/* disarmed, or library and catalog disagree */
#define FULL_MS 1000			/* something is due, but its channel has enough */
#define TRANSACTION_MS 60000	/* a renderer that does not end must not stop everything */
#define GRACE_MS 5000			/* for answers, when told to end */
#define HEARTBEAT_MS 60000
#define HEARTBEAT_TIMEOUT_MS 10000
#define STALE_MS 180000			/* a correlator that has not passed for so long is not well */

/* The sender's own deadlines are moments of a clock that never jumps, in µs. */
typedef int64 Moment;

typedef struct Sender
{
	HttpPool   *pool;			/* the lanes' and the heartbeat's */
	MemoryContext claiming;		/* of a claim that is not committed */
	Lanes		lanes;			/* what was claimed and is not recorded */

	bool		want;			/* there may be something to claim */
	Moment		look_at;		/* when there may be again */
	Moment		claim_after;	/* a larger claim costs less for each */
	bool		released;		/* what a sender before this one held */
	TracerPresence presence;
	List	   *claimed;
	TimestampTz next;			/* what the outbox said about it */

	bool		one_by_one;		/* recording them together failed */

	int			failures;		/* of transactions, in a row */
	Moment		not_before;		/* for transactions, after a failure */

	Moment		heartbeat_at;
	bool		heartbeat_failed;

	Moment		end_at;			/* told to end: the latest moment; 0: not told */
} Sender;

static volatile sig_atomic_t in_transaction = false;

/*
 * Told to end: between transactions the loop sees it; within one, the statement
 * is cancelled, and then the loop sees it.
 */
static void
on_terminate(SIGNAL_ARGS)
{
	int			save_errno = errno;

	ShutdownRequestPending = true;
	if (in_transaction)
	{
		InterruptPending = true;
		QueryCancelPending = true;
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

static Moment
now_is(void)
{
	instr_time	t;

	INSTR_TIME_SET_CURRENT(t);
	return (Moment) INSTR_TIME_GET_MICROSEC(t);
}

/* Of a moment or a timestamp. */
static int64
after_ms(int64 at, int64 ms)
{
	return at + ms * INT64CONST(1000);
}

/* ----------------------------------------------------------------- heartbeat */

static bool
has_heartbeat(void)
{
	return tracer_deliver && tracer_heartbeat_url && tracer_heartbeat_url[0] != '\0';
}

/* Something outside pages when these stop: they are sent only while all is well. */
static void
heartbeat(Sender *s, Moment now)
{
	HttpRequest request = {.method = "GET",.url = tracer_heartbeat_url,.timeout_ms = HEARTBEAT_TIMEOUT_MS};

	if (!has_heartbeat() || now < s->heartbeat_at)
		return;
	s->heartbeat_at = after_ms(now, HEARTBEAT_MS);
	if (s->failures == 0 && s->presence == TRACER_PRESENT && tracer_correlated_at() > after_ms(GetCurrentTimestamp(), -STALE_MS))
		(void) http_start(s->pool, &request);
}

static void
heartbeat_answered(Sender *s, HttpAnswer *answer)
{
	bool		failed = answer->status < 200 || answer->status > 299;

	/* Once, not every minute. */
	if (failed && !s->heartbeat_failed)
	{
		char	   *why = answer->error ? pstrdup(answer->error) : psprintf("status %d", answer->status);

		ereport(WARNING,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("tracer's heartbeat failed: %s", why),
				 errhint("Check tracer.heartbeat_url and the service behind it.")));
		tracer_report_error(psprintf("heartbeat: %s", why));
	}
	s->heartbeat_failed = failed;
}

/* What the network brought: answers, to be recorded. */
static void
collect(Sender *s)
{
	HttpAnswer *answer;

	http_drive(s->pool);
	while ((answer = http_answer(s->pool)) != NULL)
	{
		Notification *n = answer->tag;

		if (n == NULL)
		{
			heartbeat_answered(s, answer);
			http_release(answer);
			continue;
		}
		lanes_answered(&s->lanes, n, answer);
	}
}

/* -------------------------------------------------------------- transactions */

/* Runs one; after a failure none is begun for a while. Meanwhile nothing is read. */
static bool
transaction(Sender *s, void (*work) (void *))
{
	MemoryContext caller = CurrentMemoryContext;
	Moment		began = now_is(),
				now;
	bool		ok;

	pgstat_report_activity(STATE_RUNNING, "sending notifications");
	in_transaction = true;
	enable_timeout_after(STATEMENT_TIMEOUT, TRANSACTION_MS);
	ok = tracer_try(work, s);
	disable_timeout(STATEMENT_TIMEOUT, false);
	in_transaction = false;
	QueryCancelPending = false;
	MemoryContextSwitchTo(caller);
	now = now_is();
	/* It may have waited for a lock; that is not the fault of who answered meanwhile. */
	http_was_away(s->pool, (long) ((now - began + 999) / 1000));
	s->failures = ok ? 0 : s->failures + 1;
	if (!ok)
		s->not_before = after_ms(now, tracer_back_off(s->failures));
	else if (s->presence == TRACER_NOT_THERE)
	{
		tracer_report_state(TRACER_ABSENT);
		proc_exit(0);
	}
	else if (s->presence != TRACER_PRESENT)
		s->not_before = after_ms(now, NOT_NOW_MS);
	return ok && s->presence == TRACER_PRESENT;
}

static void
claim_work(void *arg)
{
	Sender	   *s = arg;

	s->claimed = NIL;
	s->next = 0;
	s->presence = tracer_begin();
	if (s->presence == TRACER_PRESENT)
	{
		if (!s->released)
			outbox_release();
		s->claimed = outbox_claim(TAKEN_MAX - s->lanes.taken, s->claiming);
		if (s->claimed == NIL)
			s->next = outbox_next();
	}
	tracer_commit();
}

static void
claim(Sender *s)
{
	Moment		began = now_is(),
				now;
	ListCell   *lc;

	if (!transaction(s, claim_work))
	{
		MemoryContextReset(s->claiming);
		return;
	}
	s->released = true;
	foreach(lc, s->claimed)
		lanes_take(&s->lanes, lfirst(lc));
	s->want = s->claimed != NIL;
	MemoryContextReset(s->claiming);
	s->claimed = NIL;

	/* onto the wire before anything else is done */
	lanes_start(&s->lanes);
	collect(s);
	now = now_is();
	/* Under load, deciding leaves writers as much time as it took, as passes do. */
	s->claim_after = lanes_any_full(&s->lanes) ? after_ms(now, CLAIM_REST_MS) :
		s->want ? 0 : now + Min(now - began, PLAN_REST_MS * INT64CONST(1000));
	if (s->next == 0)
		s->look_at = after_ms(now, POLL_MS);
	else
	{
		TimestampTz wall = GetCurrentTimestamp();

		s->look_at = s->next > wall ? now + Min(s->next - wall, POLL_MS * INT64CONST(1000)) : after_ms(now, FULL_MS);
	}
}

static void
record_work(void *arg)
{
	Sender	   *s = arg;

	s->presence = tracer_begin();
	if (s->presence == TRACER_PRESENT)
	{
		List	   *notifications = NIL;
		dlist_iter	i;

		dlist_foreach(i, &s->lanes.answered)
		{
			notifications = lappend(notifications, dlist_container(Notification, node, i.cur));
			if (s->one_by_one)
				break;
		}
		outbox_record(notifications);
	}
	tracer_commit();
}

/*
 * One that fails alone is tried again at once with less: without the words of the
 * other side, which may be the reason; then without its attempt, and without other
 * people's triggers. False: that failed, too, so the reason lies elsewhere, or it
 * waited for a lock.
 */
static bool
lessen(Notification *n, int64 took)
{
	if (n->bare != NULL || took >= TRANSACTION_MS * INT64CONST(1000))
	{
		n->terse = false;
		n->bare = NULL;
		return false;
	}
	if (n->terse)
		n->bare = MemoryContextStrdup(n->context, tracer_reported_error());
	n->terse = true;
	return true;
}

/* Records all that was answered. If that fails, each for itself. */
static void
record(Sender *s)
{
	Moment		began = now_is();
	int64		sent = 0;

	do
	{
		Notification *first = dlist_head_element(Notification, node, &s->lanes.answered);
		Moment		tried_at = now_is();

		if (!transaction(s, record_work))
		{
			if (s->failures == 0)
				return;
			if (s->one_by_one && lessen(first, now_is() - tried_at))
				s->not_before = 0;
			else if (s->one_by_one)
			{
				dlist_delete(&first->node);
				dlist_push_tail(&s->lanes.answered, &first->node);
			}
			s->one_by_one = true;
			return;
		}
		do
		{
			Notification *n = dlist_head_element(Notification, node, &s->lanes.answered);

			if (n->answer && n->answer->status >= 200 && n->answer->status <= 299)
				sent++;
			lanes_forget(&s->lanes, n);
		} while (!s->one_by_one && !dlist_is_empty(&s->lanes.answered));
	} while (!dlist_is_empty(&s->lanes.answered));
	s->one_by_one = false;
	s->want = true;
	tracer_report_pass(sent, now_is() - began);
}

/* ------------------------------------------------------------------ the loop */

static void
set_policy(Sender *s)
{
	HttpPolicy	policy = {
		.allowed_hosts = tracer_allowed_hosts ? tracer_allowed_hosts : "",
		.allow_private = tracer_allow_private_addresses,
		.ca_file = tracer_ca_file ? tracer_ca_file : "",
	};
	const char *bad;
	size_t		badlen;

	if (!http_set_policy(s->pool, &policy))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (!policy_hosts_valid(policy.allowed_hosts, &bad, &badlen))
	{
		char	   *item = pnstrdup(bad, badlen);

		ereport(WARNING,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("tracer.allowed_hosts is malformed at \"%s\"", item),
				 errdetail("Until it is mended, no request is allowed."),
				 errhint("Write hosts as in: hooks.example.com, *.example.org, mail.example.com:587")));
		tracer_report_error(psprintf("tracer.allowed_hosts is malformed at \"%s\"", item));
	}
}

/* Nothing new; a moment for what is on the wire; then everything is recorded. */
static void
end(Sender *s, Moment now)
{
	if (s->end_at == 0)
		s->end_at = after_ms(now, GRACE_MS);
	lanes_give_up(&s->lanes, "not sent: the sender was told to end");
	if (now >= s->end_at)
	{
		http_abandon(s->pool, "no answer yet when the sender was told to end");
		collect(s);
	}
	if (!dlist_is_empty(&s->lanes.answered))
		record(s);
	if (s->lanes.taken == 0 || now >= after_ms(s->end_at, GRACE_MS))
		proc_exit(0);
}

static bool
may_claim(Sender *s)
{
	return s->want && tracer_deliver && s->end_at == 0 && dlist_is_empty(&s->lanes.answered) && s->lanes.taken < TAKEN_MAX;
}

static long
timeout_ms(Sender *s, Moment now)
{
	Moment		until = s->look_at;
	long		wire = http_timeout_ms(s->pool);
	long		ms;

	if (!dlist_is_empty(&s->lanes.answered))
		until = s->not_before;
	else if (may_claim(s))
		until = Max(s->not_before, s->claim_after);
	if (s->end_at != 0)
		until = Min(until, after_ms(now, 100));
	if (has_heartbeat())
		until = Min(until, s->heartbeat_at);
	ms = until <= now ? 0 : (long) ((until - now + 999) / 1000);
	return wire >= 0 ? Min(wire, ms) : ms;
}

static WaitEventSet *
what_to_wait_for(Sender *s)
{
	WaitEventSet *set = create_wait_event_set(3);

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, http_descriptor(s->pool), NULL, NULL);
	return set;
}

static void
close_pool(int code, Datum pool)
{
	http_close((HttpPool *) DatumGetPointer(pool));
}

static void
open_sender(Sender *s)
{
	const char *error;

	s->claiming = AllocSetContextCreate(TopMemoryContext, "tracer claim", ALLOCSET_DEFAULT_SIZES);
	s->want = true;
	s->heartbeat_at = after_ms(now_is(), 5000);
	s->pool = http_open(&error);
	if (s->pool == NULL)
	{
		tracer_report_error(error);
		ereport(FATAL,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("tracer cannot send notifications: %s", error)));
	}
	lanes_init(&s->lanes, s->pool);
	/* Its threads end before this process does, however that comes about. */
	before_shmem_exit(close_pool, PointerGetDatum(s->pool));
	set_policy(s);
}

void
tracer_sender_main(Datum arg)
{
	Sender		s = {0};
	MemoryContext round;
	WaitEventSet *set;
	uint32		idle,
				sending;

	tracer_process_begin(TRACER_SENDER);
	pqsignal(SIGTERM, on_terminate);
	/* The same few statements for ever: plan them once. */
	SetConfigOption("plan_cache_mode", "force_generic_plan", PGC_SUSET, PGC_S_OVERRIDE);
	idle = wait_event_named("TracerOutbox");
	sending = wait_event_named("TracerSend");
	open_sender(&s);
	set = what_to_wait_for(&s);
	round = AllocSetContextCreate(TopMemoryContext, "tracer sender's round", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(round);

	for (;;)
	{
		Moment		now;
		WaitEvent	event;
		long		ms,
					flush;

		MemoryContextReset(round);
		if (ConfigReloadPending)
		{
			tracer_reload();
			set_policy(&s);
		}
		collect(&s);
		lanes_start(&s.lanes);
		now = now_is();
		if (ShutdownRequestPending)
			end(&s, now);
		if (!dlist_is_empty(&s.lanes.answered) && now >= s.not_before)
			record(&s);
		now = now_is();
		if (s.look_at <= now)
		{
			s.want = true;
			s.look_at = after_ms(now, POLL_MS);
		}
		if (may_claim(&s) && now >= s.not_before && now >= s.claim_after)
			claim(&s);
		lanes_drop_empty(&s.lanes);
		heartbeat(&s, now);

		now = now_is();
		ms = timeout_ms(&s, now);
		flush = pgstat_report_stat(false);
		if (ms > 0 && s.lanes.taken == 0)
		{
			if (flush > 0)
				ms = Min(ms, flush);
			tracer_report_state(s.presence == TRACER_OTHER_VERSION ? TRACER_MISMATCH :
								s.failures > 0 ? TRACER_BACKING_OFF : TRACER_IDLE);
			pgstat_report_activity(STATE_IDLE, "waiting for notifications");
		}
		else
			tracer_report_state(s.failures > 0 ? TRACER_BACKING_OFF : TRACER_WORKING);

		if (WaitEventSetWait(set, ms, &event, 1, s.lanes.taken > 0 ? sending : idle) > 0 && (event.events & WL_LATCH_SET))
		{
			ResetLatch(MyLatch);
			s.want = true;
		}
		/* A statement that was cancelled has ended already. */
		QueryCancelPending = false;
		CHECK_FOR_INTERRUPTS();
	}
}
