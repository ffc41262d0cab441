/*
 * launcher.c
 *		The process that finds the databases with tracer in them and keeps a
 *		worker in each.
 *
 * It is connected to no database, so that it is in nobody's way, and reads only
 * the list of databases. Whether one has the extension can be seen from within
 * alone: so a correlator is started in each database once, and leaves again if
 * there is nothing for it. From then on a database is looked at when the
 * extension comes to it (hooks.c), or when it is new.
 *
 * What it decides on is the state of the slots: its own memory holds only which
 * databases are known to be without tracer and when a process that failed is to
 * be tried again. So it may die and start anew at any time.
 *
 * The postmaster starts it once the server has left recovery: on a standby
 * nothing of tracer runs, and promotion starts it. It starts the processes in
 * databases without automatic restart: it sees them end and starts them again
 * itself, later and later if they keep failing.
 */
#include "compat.h"

#include <signal.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"

#include "guc.h"
#include "worker/process.h"
#include "worker/worker.h"

#define LOOK_MS 60000			/* look around even if nobody asks */
#define SHORTAGE_MS 10000		/* who waits that long for a place lacks one */
#define REFUSALS 4				/* after 1, 2 and 4 s: then the others need them for long */
#define STABLE_MS 60000			/* who ran that long did not fail at the start */

/* What is known of a database, beyond its slot. */
typedef struct Known
{
	Oid			database;
	NameData	name;
	bool		listed;			/* it exists, and should have a worker if it has tracer */
	bool		without;		/* it has no tracer in it */
	bool		asked;			/* the extension came after its correlator was started */
	int			refused[TRACER_KINDS];	/* times in a row that no process was to be had */
	int			failures[TRACER_KINDS];
	TimestampTz not_before[TRACER_KINDS];
} Known;

static HTAB *known = NULL;
static BackgroundWorkerHandle **handles = NULL; /* by slot and kind; NULL: none of ours */

static BackgroundWorkerHandle **
handle_of(int slot, TracerKind kind)
{
	return &handles[slot * TRACER_KINDS + kind];
}

static Known *
known_database(Oid database)
{
	return hash_search(known, &database, HASH_FIND, NULL);
}

/* ---- which databases there are -------------------------------------------------------- */

static bool
is_wanted(const char *name, List *wanted)
{
	ListCell   *lc;

	foreach(lc, wanted)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return wanted == NIL;
}

static void
list_database(Form_pg_database form, List *wanted)
{
	Known	   *k;
	bool		found;

	if (!form->datallowconn || form->datistemplate || form->datconnlimit == DATCONNLIMIT_INVALID_DB)
		return;
	if (!is_wanted(NameStr(form->datname), wanted))
		return;
	k = hash_search(known, &form->oid, HASH_ENTER, &found);
	if (!found)
	{
		memset(k, 0, sizeof(Known));
		k->database = form->oid;
	}
	k->name = form->datname;
	k->listed = true;
}

/* Reads the list of databases; what is gone from it is forgotten. */
static void
list_databases(void *arg)
{
	char	   *copy = pstrdup(tracer_databases);
	List	   *wanted;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;
	HASH_SEQ_STATUS all;
	Known	   *k;

	if (!SplitIdentifierString(copy, ',', &wanted))
		wanted = NIL;			/* the check hook has seen to it */
	hash_seq_init(&all, known);
	while ((k = hash_seq_search(&all)) != NULL)
		k->listed = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
		list_database((Form_pg_database) GETSTRUCT(tuple), wanted);
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();

	hash_seq_init(&all, known);
	while ((k = hash_seq_search(&all)) != NULL)
		if (!k->listed)
			hash_search(known, &k->database, HASH_REMOVE, NULL);
}

/* A correlator that is about to leave, or has left, may not have seen it yet. */
static void
look_again(Known *k)
{
	k->without = false;
	k->asked = true;
}

/* Takes up what the hooks have asked for: a database may have tracer now. */
static void
take_requests(void)
{
	HASH_SEQ_STATUS all;
	Known	   *k;

	tracer_lock(LW_EXCLUSIVE);
	if (tracer_shared->request_all)
	{
		hash_seq_init(&all, known);
		while ((k = hash_seq_search(&all)) != NULL)
			look_again(k);
	}
	for (int i = 0; i < tracer_shared->nrequests; i++)
		if ((k = known_database(tracer_shared->requests[i])) != NULL)
			look_again(k);
	tracer_shared->nrequests = 0;
	tracer_shared->request_all = false;
	tracer_unlock();
}

/* ---- processes ---------------------------------------------------------------------------- */

/* Under the lock. */
static bool
is_held(Oid database)
{
	for (int i = 0; i < tracer_shared->nheld; i++)
		if (tracer_shared->held[i] == database)
			return true;
	return false;
}

static void
start_process(int slot, TracerKind kind, Known *k)
{
	static bool said = false;
	static const char *const library[] = {"tracer", "tracer_send"};
	static const char *const function[] = {"tracer_correlator_main", "tracer_sender_main"};
	static const char *const type[] = {"tracer correlator", "tracer sender"};
	TracerProcess *process = &tracer_shared->slots[slot].process[kind];
	BackgroundWorker worker = {0};

	if (kind == TRACER_CORRELATOR)
		k->asked = false;
	tracer_lock(LW_EXCLUSIVE);
	process->state = TRACER_STARTING;
	process->started_at = 0;	/* it may end before it says when that was */
	tracer_unlock();

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, library[kind], sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, function[kind], BGW_MAXLEN);
	strlcpy(worker.bgw_type, type[kind], BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "%s: %s", type[kind], NameStr(k->name));
	memcpy(worker.bgw_extra, &k->database, sizeof(Oid));
	if (RegisterDynamicBackgroundWorker(&worker, handle_of(slot, kind)))
	{
		k->refused[kind] = 0;
		said = false;
		return;
	}

	/* others may need them for a moment only: parallel queries, or our own looking around */
	k->refused[kind]++;
	if (!said && k->refused[kind] >= REFUSALS)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start \"%s\": all of max_worker_processes (%d) are in use",
						worker.bgw_name, max_worker_processes),
				 errhint("Raise max_worker_processes, or name fewer databases in tracer.databases.")));
	said = said || k->refused[kind] >= REFUSALS;
	*handle_of(slot, kind) = NULL;
	k->not_before[kind] = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													  Min(tracer_back_off(k->refused[kind]), SHORTAGE_MS));
	tracer_lock(LW_EXCLUSIVE);
	tracer_process_stopped(process, TRACER_STOPPED);
	tracer_unlock();
}

/* Under the lock: a process ended; was that a failure? */
static void
note_end(TracerSlot *slot, TracerKind kind, Known *k)
{
	TracerProcess *process = &slot->process[kind];

	if (k == NULL || slot->asked_to_leave)
		return;
	if (process->started_at != 0 &&
		TimestampDifferenceExceeds(process->started_at, GetCurrentTimestamp(), STABLE_MS))
		k->failures[kind] = 0;
	k->failures[kind]++;
	k->not_before[kind] = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													  tracer_back_off(k->failures[kind]));
}

/* Under the lock: takes note of processes that have ended; frees slots. */
static void
collect(int n)
{
	TracerSlot *slot = &tracer_shared->slots[n];
	Known	   *k = known_database(slot->database);
	bool		empty = true;
	bool		absent = slot->process[TRACER_CORRELATOR].state == TRACER_ABSENT;

	if (absent && k != NULL)
		k->without = !k->asked;
	for (int kind = 0; kind < TRACER_KINDS; kind++)
	{
		TracerProcess *process = &slot->process[kind];
		BackgroundWorkerHandle **handle = handle_of(n, kind);
		pid_t		pid;

		/* one that never got as far as to take its place */
		if (process->state == TRACER_STARTING && *handle != NULL &&
			GetBackgroundWorkerPid(*handle, &pid) == BGWH_STOPPED)
			tracer_process_stopped(process, TRACER_STOPPED);
		if (process->state == TRACER_STOPPED || process->state == TRACER_ABSENT)
		{
			if (*handle != NULL)
			{
				if (process->state == TRACER_STOPPED)
					note_end(slot, kind, k);
				pfree(*handle);
				*handle = NULL;
			}
		}
		else
			empty = false;
	}
	if (empty && (absent || slot->asked_to_leave || k == NULL))
	{
		slot->database = InvalidOid;
		slot->ready = slot->want_sender = slot->asked_to_leave = false;
	}
	else if (!empty && (absent || k == NULL) && !slot->asked_to_leave)
		tracer_ask_to_leave(slot);
}

/* Under the lock. */
static int
slot_for(Oid database)
{
	int			unused = -1;

	for (int i = 0; i < tracer_shared->nslots; i++)
	{
		TracerSlot *slot = &tracer_shared->slots[i];

		if (slot->database == database)
			return slot->asked_to_leave ? -2 : i;
		if (slot->database == InvalidOid && unused < 0)
			unused = i;
	}
	if (unused >= 0)
	{
		TracerSlot *slot = &tracer_shared->slots[unused];

		for (int kind = 0; kind < TRACER_KINDS; kind++)
		{
			TracerProcess *p = &slot->process[kind];

			tracer_process_stopped(p, TRACER_STOPPED);
			p->started_at = p->passed_at = p->failed_at = 0;
			p->passes = p->done = p->failures = p->busy_us = 0;
			p->error[0] = '\0';
		}
		slot->database = database;
	}
	return unused;
}

/* Is a process missing that may start now? */
static bool
is_due(TracerSlot *slot, TracerKind kind, Known *k, TimestampTz now, TimestampTz *next)
{
	if (slot->process[kind].state != TRACER_STOPPED)
		return false;
	if (k->not_before[kind] <= now)
		return true;
	*next = Min(*next, k->not_before[kind]);
	return false;
}

/*
 * Says, once, that there are more databases than places. Looking into many, to see
 * whether they have tracer, takes a while, and is no shortage.
 */
static void
warn_of_shortage(int waiting, TimestampTz now, TimestampTz *next)
{
	static TimestampTz since = 0;
	static bool said = false;

	if (waiting == 0 || since == 0)
	{
		since = waiting > 0 ? now : 0;
		said = false;
	}
	if (waiting == 0 || said)
		return;
	if (!TimestampDifferenceExceeds(since, now, SHORTAGE_MS))
	{
		*next = Min(*next, TimestampTzPlusMilliseconds(since, SHORTAGE_MS));
		return;
	}
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("%d databases wait for a worker: all of tracer.max_workers (%d) are in use",
					waiting, tracer_shared->nslots),
			 errhint("Raise tracer.max_workers and restart, or name the databases in tracer.databases.")));
	said = true;
}

/*
 * Brings what runs in line with what should. Returns when to look again.
 */
static TimestampTz
keep_processes(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = TimestampTzPlusMilliseconds(now, LOOK_MS);
	HASH_SEQ_STATUS all;
	Known	   *k;
	int			waiting = 0;

	tracer_lock(LW_EXCLUSIVE);
	for (int i = 0; i < tracer_shared->nslots; i++)
	{
		TracerSlot *slot = &tracer_shared->slots[i];

		if (slot->database == InvalidOid)
			continue;
		collect(i);
		if (!tracer_deliver && slot->process[TRACER_SENDER].pid != 0)
			kill(slot->process[TRACER_SENDER].pid, SIGTERM);
	}
	tracer_unlock();

	hash_seq_init(&all, known);
	while ((k = hash_seq_search(&all)) != NULL)
	{
		bool		start[TRACER_KINDS] = {false};
		int			n = -1;

		tracer_lock(LW_EXCLUSIVE);
		if (!k->without && !is_held(k->database))
		{
			n = slot_for(k->database);
			if (n == -1)
				waiting++;
		}
		if (n >= 0)
		{
			TracerSlot *slot = &tracer_shared->slots[n];

			start[TRACER_CORRELATOR] = is_due(slot, TRACER_CORRELATOR, k, now, &next);
			if (tracer_deliver && slot->ready && slot->want_sender)
				start[TRACER_SENDER] = is_due(slot, TRACER_SENDER, k, now, &next);
		}
		tracer_unlock();
		for (int kind = 0; kind < TRACER_KINDS; kind++)
			if (start[kind])
			{
				start_process(n, kind, k);
				if (k->refused[kind] > 0)
					next = Min(next, k->not_before[kind]);
			}
	}
	warn_of_shortage(waiting, now, &next);
	return next;
}

/* A launcher before this one may have asked for processes that never came. */
static void
take_over(void)
{
	tracer_lock(LW_EXCLUSIVE);
	for (int i = 0; i < tracer_shared->nslots; i++)
		for (int kind = 0; kind < TRACER_KINDS; kind++)
			if (tracer_shared->slots[i].process[kind].state == TRACER_STARTING)
				tracer_shared->slots[i].process[kind].state = TRACER_STOPPED;
	tracer_unlock();
}

void
tracer_launcher_main(Datum arg)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(Known)};
	MemoryContext loop;
	uint32		idle;

	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, SIG_IGN);	/* there is nothing to cancel */
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	tracer_launcher_attach();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	idle = wait_event_named("TracerLauncher");

	known = hash_create("tracer databases", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	handles = MemoryContextAllocZero(TopMemoryContext,
									 sizeof(*handles) * TRACER_KINDS * tracer_shared->nslots);
	take_over();
	loop = AllocSetContextCreate(TopMemoryContext, "tracer launcher", ALLOCSET_DEFAULT_SIZES);
	pgstat_report_activity(STATE_IDLE, "waiting for databases that need a worker");

	for (;;)
	{
		TimestampTz next;

		MemoryContextSwitchTo(loop);
		if (tracer_try(list_databases, NULL))
		{
			take_requests();
			MemoryContextSwitchTo(TopMemoryContext);	/* handles live longer */
			next = keep_processes();
		}
		else
			next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), tracer_back_off(3));
		MemoryContextReset(loop);

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next), 1), idle);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		tracer_reload();
	}
}

/*
 * Called while the postmaster loads the library. Under pg_upgrade nothing of it
 * runs: pg_upgrade has read the transaction counter before it starts the server,
 * and what were written meanwhile would be of transactions yet to come.
 */
void
tracer_worker_init(void)
{
	BackgroundWorker worker = {0};

	if (IsBinaryUpgrade)
		return;
	tracer_shmem_init();
	tracer_hooks_init();

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_library_name, "tracer", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "tracer_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "tracer launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "tracer launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}
